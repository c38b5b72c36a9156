"""The floors of `make bench` on made-up runs; nothing is timed here."""

import math

import pytest

from bench.__main__ import cpu, failures, floors, percentile
from bench.baselines import BARE, LEAN, LIMIT
from bench.load import Run
from bench.servers import GATEWAY
from bench.workload import HANDOFF, SUBMIT


def run(cpu_us: float, **changes) -> Run:
    """A run of 300 answers that cost as much each, one in twenty of them slow."""
    latencies = dict.fromkeys(HANDOFF, [0.01] * 95 + [0.02] * 5)
    made = {
        "seconds": 2.0,
        "latencies": latencies,
        "failures": {},
        "server": cpu_us * 300 / 1e6,
        "databases": 0.0,
        "generator": 0.1,
        "others": 0.0,
    }
    return Run(**{**made, **changes})


def measured(gateway: Run, lean: float = 600) -> dict[str, Run]:
    return {BARE: run(300), LEAN: run(lean), LIMIT: run(700), GATEWAY: gateway}


def verdicts(*rounds: dict[str, Run], database: str = "sqlite") -> dict[str, bool]:
    return {floor.id: floor.holds(floor.value(rounds)) for floor in floors(database)}


def test_floors_hold_within_their_bounds_and_not_beyond():
    for database in ("sqlite", "postgresql"):
        to_lean, tail, _ = (floor.bound for floor in floors(database))
        for factor, holds in ((0.999, True), (1.001, False)):
            dear = measured(run(100 / to_lean * factor), lean=100)
            assert verdicts(dear, database=database)["F1"] is holds
            slow = run(1, latencies={SUBMIT: [1.0] * 95 + [tail * factor] * 5})
            assert verdicts(measured(slow), database=database)["F2"] is holds


def test_one_failed_request_of_any_server_misses_a_floor():
    fine = measured(run(1000))
    assert all(verdicts(fine).values())
    failed = run(600, failures={"post 500": 1})
    assert verdicts(fine, {**fine, LEAN: failed}, {**fine, LEAN: failed})["F3"] is False
    assert failures(failed) == 1


def test_a_gateway_that_answers_nothing_holds_no_floor_of_speed():
    silent = verdicts(measured(run(0, latencies={})))
    assert not any(silent[name] for name in ("F1", "F2"))


def test_a_ratio_is_taken_within_its_round_and_then_the_median():
    # The second round was slow for all: the ratios are 0.5, 0.5 and 0.1.
    rounds = [measured(run(1200)), measured(run(12_000), lean=6000), measured(run(6000))]
    (to_lean, *_) = floors("sqlite")
    assert to_lean.value(rounds) == pytest.approx(0.5)


def test_the_processor_time_of_an_answer_includes_that_of_the_databases():
    assert cpu(run(1000, databases=0.6)) == pytest.approx(3000)
    assert math.isnan(cpu(run(1000, latencies={})))


def test_a_percentile_is_the_least_value_that_enough_do_not_exceed():
    values = [5.0, 1.0, 4.0, 2.0, 3.0]
    assert [percentile(values, share) for share in (0.2, 0.5, 0.8, 0.99, 1.0)] == [1, 3, 4, 5, 5]
    assert percentile(range(1, 101), 0.99) == 99
    assert math.isnan(percentile([], 0.5))
