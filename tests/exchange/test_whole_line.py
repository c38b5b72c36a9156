"""The line from a report to its outcome, step by step."""

from uuid import UUID

from gateway.evidence import sd_jwt
from gateway.exchange import cases
from gateway.exchange.cases import CaseStepRequest
from tests import answers
from tests.each import each
from tests.founding import (
    HOTLINE,
    OFMIN,
    accepted,
    check_log,
    consulted,
    element_id,
    founded,
    machine_match,
    offered,
    submitted,
)


def test_a_report_goes_from_the_hotline_to_the_office_and_its_outcome_back():
    gateway = founded()
    started = gateway.size()
    case = submitted(gateway, clearance=None, classifications=[machine_match()])
    at = UUID(case.result["case"])
    confirmed = CaseStepRequest("analyst-1", "seen", (element_id("match"),))
    gateway.act(HOTLINE, cases.assess, at, confirmed)
    gateway.act(HOTLINE, cases.clear, at, CaseStepRequest("approver-1"))
    handoff = accepted(gateway, offered(gateway, case))
    opened = consulted(gateway, handoff)
    assert "content.example.org" in str(
        sd_jwt.read_unverified(opened.result["presentation"]).content
    )
    for step, reply in (
        (answers.outcome, answers.said("officer-1", code="received")),
        (answers.outcome, answers.said("officer-1", code="child_safeguarded")),
        (answers.close, answers.said("officer-1", "done")),
    ):
        gateway.act(OFMIN, step, handoff, reply)
    gateway.act(HOTLINE, cases.close, at, CaseStepRequest("analyst-1"))
    events = check_log(gateway)[started:]
    assert [(event["type"], event["operation"]) for event in events] == [
        ("case.submitted", "collection"),
        ("case.assessed", "alteration"),
        ("case.cleared", "alteration"),
        ("handoff.offered", "disclosure"),
        ("handoff.accepted", "collection"),
        ("case.consulted", "consultation"),
        ("handoff.outcome_reported", "alteration"),
        ("handoff.outcome_reported", "alteration"),
        ("handoff.closed", "alteration"),
        ("case.closed", "alteration"),
    ]
    assert {event["result"] for event in events} == {"allowed"}
    assert len({event["id"] for event in events}) == len(events)


@each("count", [1, 3])
def test_as_many_handoffs_as_there_are_recipients_run_beside_each_other(count):
    gateway = founded()
    case = submitted(gateway)
    handoff = [accepted(gateway, offered(gateway, case, again="test")) for _ in range(count)]
    for one in handoff:
        consulted(gateway, one)
    check_log(gateway)
    assert len(set(handoff)) == count
