"""What a succession would do, does and did, as administrators see it: nothing is changed by it."""

from dataclasses import replace
from uuid import UUID

import pytest

from gateway.domain.refusals import NotFound
from gateway.exchange import handoffs, succession_execution, successions
from tests import answers
from tests.exchange.test_succession import DAY, KEY, LATER, agreed, following, planned
from tests.founding import OCRVP, OFMIN, OPENING, accepted, caller, offered


def test_a_preview_tells_what_will_be_and_changes_nothing(gateway):
    held, waiting = accepted(gateway), UUID(offered(gateway).result["handoff"])
    succession = planned(gateway)
    before = gateway.size()
    report = successions.report(gateway.ports, succession)
    assert gateway.size() == before
    by_handoff = {one["handoff"]: one for one in report["open"]}
    assert by_handoff[str(held)]["way"] == by_handoff[str(waiting)]["way"] == "reissue"
    assert by_handoff[str(held)]["predecessor_reads_until"] == "2026-05-01"
    assert by_handoff[str(waiting)]["predecessor_reads_until"] is None
    assert report["moved"] == []


def test_a_preview_needs_no_plan(gateway):
    held = accepted(gateway)
    thought = succession_execution.Succession(
        id=succession_execution.UNPLANNED,
        predecessor=OFMIN,
        successor=OCRVP,
        competence=KEY,
        day=DAY,
        read_until=LATER,
        legal_act="",
        permissions=False,
        mandate_event=succession_execution.UNPLANNED,
    )
    before = gateway.size()
    report = successions.preview(gateway.ports, thought)
    assert [(one["handoff"], one["way"]) for one in report["open"]] == [(str(held), "reissue")]
    assert gateway.size() == before
    assert gateway.organisation(OCRVP).competences_on(DAY) == frozenset()
    with pytest.raises(NotFound):
        successions.preview(gateway.ports, replace(thought, successor="nobody"))


def test_the_report_tells_what_moved_what_stayed_and_who_reads_until_when(gateway):
    held, waiting = accepted(gateway), UUID(offered(gateway).result["handoff"])
    closed = accepted(gateway)
    gateway.do(
        answers.close, caller(OFMIN), gateway.key(), closed, answers.said("officer-1", "done")
    )
    succession = agreed(gateway, permissions=True)
    gateway.day = DAY
    assert succession_execution.apply(gateway.ports, succession).done
    report = successions.report(gateway.ports, succession)
    moved = {one["handoff"]: one for one in report["moved"]}
    assert moved.keys() == {str(held), str(waiting)}
    assert moved[str(held)]["became"] == str(following(gateway, held))
    assert moved[str(held)]["predecessor_reads_until"] == "2026-05-01"
    assert moved[str(waiting)]["state"] == "offered"
    assert report["ended_before"] == {"closed": 1}
    assert (report["open"], report["permissions_carry_over"]) == ([], True)
    assert report["applied"] is not None
    refused = gateway.refusal(handoffs.consult, caller(OFMIN), gateway.key(), closed, OPENING)
    assert refused.refusal.rules == ("R3.mandate",)
