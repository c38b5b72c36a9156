"""The report of `make bench`: medians and floors on made-up runs; nothing is timed here."""

import json
import math

import pytest

from bench.baselines import ANSWER, FLASK, LIMIT
from bench.check import Checked
from bench.generator import Run
from bench.report import Report, Round, floors, percentile, rate, summarise
from bench.targets import GATEWAY
from bench.workload import ACCEPT, HANDOFF, OFFER, SUBMIT


def run(per_second: float, p50: float = 10.0, p99: float = 20.0, **changes) -> Run:
    """A run of two seconds in which a third of the requests is of each kind."""
    count = round(per_second * 2 / len(HANDOFF))
    values = [p50] * (count - count // 20) + [p99] * (count // 20)
    made = {
        "seconds": 2.0,
        "latencies": dict.fromkeys(HANDOFF, values),
        "failures": {},
        "server_seconds": 3.0,
        "generator_seconds": 0.5,
        "others": 0.01,
        "steal": 0.0,
    }
    return Run(**{**made, **changes})


def measured(gateway: Run, limit: float = 1800, answer: float = 6000) -> Round:
    runs = {ANSWER: run(answer), FLASK: run(4500), LIMIT: run(limit), GATEWAY: gateway}
    return Round(inserts_per_second=5000.0, runs=runs)


def report(*rounds: Round) -> Report:
    machine = {"cores": 2, "processor": "any", "system": "Linux", "python": "3", "openssl": "3"}
    return Report(machine, "sqlite", 0.0, rounds, {GATEWAY: Checked(9, 3, 12)})


def verdicts(*rounds: Round) -> dict[str, bool]:
    return {floor.id: floor.holds for floor in floors(rounds)}


GOOD = measured(run(900))


def test_floors_hold_at_their_bounds_and_not_below():
    assert all(verdicts(GOOD).values())
    assert verdicts(measured(run(810)))["G1"] and not verdicts(measured(run(804)))["G1"]
    assert verdicts(measured(run(720)))["G2"] and not verdicts(measured(run(714)))["G2"]
    assert verdicts(measured(run(900, 10, 80)))["G3"]
    assert not verdicts(measured(run(900, 10, 80.1)))["G3"]


def test_one_failed_request_of_any_target_misses_a_floor():
    failed = run(900, failures={"submit 503": 1})
    assert verdicts(measured(failed)) == {"G1": True, "G2": True, "G3": True, "G3.errors": False}
    limit = Round(1.0, {**GOOD.runs, LIMIT: run(1800, failures={"post 500": 1})})
    assert not verdicts(limit)["G3.errors"]


def test_a_gateway_that_answers_nothing_holds_no_floor_of_speed():
    silent = measured(run(0, latencies={}))
    assert not any(verdicts(silent)[name] for name in ("G1", "G2", "G3"))
    assert json.loads(json.dumps(report(silent).to_json(), allow_nan=False))


def test_what_cannot_be_compared_does_not_hold():
    nothing = Round(1.0, {**GOOD.runs, LIMIT: run(0, latencies={})})
    (g1, *_) = floors([nothing])
    assert math.isnan(g1.value) and not g1.holds


def test_a_ratio_is_taken_within_its_round_and_then_the_median():
    # The second round was slow for all: the ratios are 0.5, 0.5 and 0.2.
    rounds = [measured(run(900)), measured(run(90), limit=180), measured(run(360))]
    (g1, *_) = floors(rounds)
    assert g1.value == pytest.approx(0.5)


def test_a_percentile_is_the_least_value_that_enough_do_not_exceed():
    values = [5.0, 1.0, 4.0, 2.0, 3.0]
    assert [percentile(values, share) for share in (0.2, 0.5, 0.8, 0.99, 1.0)] == [1, 3, 4, 5, 5]
    assert percentile(range(1, 101), 0.99) == 99
    assert math.isnan(percentile([], 0.5))


def test_rates_count_good_answers_by_kind_and_in_all():
    uneven = run(0, latencies={SUBMIT: [1.0] * 6, OFFER: [1.0] * 4, ACCEPT: [1.0] * 2})
    assert (rate(uneven), rate(uneven, ACCEPT), rate(uneven, "other")) == (6.0, 1.0, 0.0)


def test_a_summary_is_the_median_of_the_runs_and_adds_up_failures():
    runs = [run(900, 10), run(300, 30, failures={"x": 2}), run(600, 20, failures={"y": 1})]
    summary = summarise(runs)
    assert summary.requests_per_second == 600
    assert (summary.p50_ms, summary.p99_ms) == (20, 20)
    assert summary.cpu_us == pytest.approx(3.0 / 1200 * 1e6)
    assert summary.generator_share == 0.25
    assert summary.failures == 3


def test_whole_handoffs_are_counted_by_their_acceptances():
    assert report(GOOD, measured(run(600)), measured(run(300))).handoffs_per_second() == 200


def test_the_table_and_the_json_tell_what_was_missed():
    slow = report(measured(run(300, failures={"offer 503": 2})))
    assert not slow.holds() and report(GOOD).holds()
    text = slow.to_text()
    assert "MISSED" in text and "failed: offer 503 (2)" in text and "9 answers" in text
    written = json.loads(json.dumps(slow.to_json()))
    assert [floor["id"] for floor in written["floors"] if not floor["holds"]] == [
        "G1",
        "G2",
        "G3.errors",
    ]
    assert written["targets"][GATEWAY]["runs"][0]["kinds"][ACCEPT]["requests_per_second"] == 100
