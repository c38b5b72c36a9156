"""The conformance run over HTTP: bodies and refusals are those of the real interface."""

import pytest

from gateway.domain.organisation import Status
from tests.casework import case_content
from tests.each import each
from tests.founding import founded
from tests.newcomers import NEWCOMER, Newcomer
from tests.web.listening import listening

RUNS = "/conformance/runs"


@pytest.fixture
def line():
    made = listening(founded())
    Newcomer(made.gateway).arrive(Status.ENROLLED)
    return made


@pytest.fixture
def newcomer(line):
    return line.partner(NEWCOMER)


@pytest.fixture
def run(newcomer):
    answer = newcomer.post(RUNS, {"by": "intake-1"})
    assert answer.status_code == 200, answer.text
    return answer.json["result"]


def test_a_case_that_breaks_a_rule_is_told_as_by_the_real_address(line, newcomer, run):
    content = case_content(line.gateway.new_id())
    content["items"][0]["value"] = "no address"
    body = {"by": "intake-1", "content": content}
    test = newcomer.post(f"{RUNS}/{run['run']}/cases", body)
    real = line.partner().post("/cases", body)
    assert test.status_code == real.status_code == 422
    assert test.json["errors"] == real.json["errors"]


def test_a_good_case_passes_its_step_and_is_no_case(line, newcomer, run):
    body = {"by": "intake-1", "content": case_content(line.gateway.new_id())}
    answer = newcomer.post(f"{RUNS}/{run['run']}/cases", body)
    assert answer.status_code == 200, answer.text
    assert answer.json["result"]["steps"][0] == {"step": "send", "passed": True}
    assert answer.json["receipt"]["proof"]
    assert line.gateway.store.tables()["case_file"] == []


def test_only_a_first_version_is_sent(line, newcomer, run):
    content = {**case_content(line.gateway.new_id()), "version": 2, "previous": "A" * 43}
    answer = newcomer.post(f"{RUNS}/{run['run']}/cases", {"by": "intake-1", "content": content})
    assert [e["pointer"] for e in answer.json["errors"]] == ["/content/version"]


@each(
    "noun, body, status",
    [
        ("acceptance", {"by": "x-1"}, 422),
        ("acceptance", {"by": "x-1", "conditions": {"tlp": "RED"}}, 422),
        ("consultations", {"by": "x-1", "reason_code": "curiosity", "reason": "look"}, 422),
        ("consultations", {"by": "x-1", "reason_code": "quality", "reason": "look"}, 409),
        (
            "consultation-report",
            {"by": "x-1", "case_digest": "short", "package_digest": "A" * 43},
            422,
        ),
        ("receipt-checks", {"by": "x-1", "checks": {"receipt-1": "yes"}}, 422),
        ("receipt-checks", {"by": "x-1", "checks": {}}, 422),
        ("receipt-checks", {"by": "x-1", "checks": {"\u00e9": True}}, 400),
        ("decline", {"by": "x-1"}, 422),
        ("decline", {"by": "a person's name", "reason": "no"}, 422),
    ],
)
def test_what_is_wrong_is_told_and_passes_nothing(newcomer, run, noun, body, status):
    path = f"{RUNS}/{run['run']}"
    answer = newcomer.post(f"{path}/{noun}", body)
    assert answer.status_code == status, answer.text
    assert not any(step["passed"] for step in newcomer.get(path).json["steps"])


def test_the_run_does_not_tell_which_receipts_verify(run):
    assert {frozenset(told) for told in run["receipts"]} == {frozenset({"name", "receipt"})}
