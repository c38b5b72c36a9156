"""What members hear when an organisation with which they have cases is suspended, or leaves."""

from typing import Any
from uuid import UUID

import pytest

from gateway.domain.duty import DutyKind
from gateway.exchange.handoffs import arrivals, open_duties
from gateway.exchange.handoffs.arrivals import SeenRequest
from gateway.exchange.standing import duties
from tests import answers
from tests.casework import accepted, element_id, offered, revised, submitted
from tests.exchange.handoffs.test_arrivals import listed, sent, taken
from tests.exchange.handoffs.test_recalls import recalled
from tests.exchange.lifecycle.test_erasure import streamed, told
from tests.exchange.standing.test_duties import TERM
from tests.founded_gateway import ABROAD, HOTLINE, OCRVP, OFMIN, Founded, caller, fields_of
from tests.ports import document_key

LEFT, SUSPENDED = "counterpart.left", "counterpart.suspended"
SEEN = SeenRequest("officer-1")


def leave(gateway: Founded, slug: str) -> None:
    gateway.administer("organisation.leave", slug, reason="it closes")


def suspend(gateway: Founded, slug: str) -> None:
    gateway.administer("organisation.suspend", slug, reason="an inquiry")


def heard(gateway: Founded, organisation: str, event: str) -> list[Any]:
    """What a member's stream tells by events of a type."""
    return [told(one) for one in streamed(gateway, organisation, event)]


CHANGES: dict[str, tuple[str, dict[str, Any], dict[str, str]]] = {
    "organisation.suspend": (SUSPENDED, {"reason": "an inquiry"}, {}),
    "organisation.leave": (LEFT, {"reason": "it closes"}, {}),
    "membership.end": (
        "counterpart.membership_ended", {"until": "2026-12-01"}, {"until": "2026-12-01"}
    ),
}  # fmt: skip


@pytest.mark.parametrize("change", CHANGES)
def test_each_counterpart_hears_in_an_event_of_its_own_what_befell_and_not_why(gateway, change):
    event, values, said = CHANGES[change]
    handoff = taken(gateway)
    offered(gateway, to=ABROAD)
    gateway.administer(change, OFMIN, **values)
    (one,) = streamed(gateway, HOTLINE, event)
    assert told(one) == {"organisation": OFMIN, **said}
    assert fields_of(one)["handoff"] == str(handoff)
    assert heard(gateway, ABROAD, event) == [], "it has no case of it"
    assert heard(gateway, OCRVP, event) == []
    assert gateway.arrived(handoff) == {HOTLINE: [event]}


def test_what_befell_a_counterpart_waits_once_at_the_most_urgent_handoff_until_it_is_seen(gateway):
    later = sent(gateway)
    handoff = sent(gateway, urgency="urgent")
    suspend(gateway, OFMIN)
    assert gateway.arrived(handoff) == {HOTLINE: [SUSPENDED]}
    assert gateway.arrived(later) == {}
    gateway.administer("organisation.reinstate", OFMIN, reason="cleared")
    assert gateway.arrived(handoff) == {HOTLINE: [SUSPENDED, "counterpart.reinstated"]}
    gateway.act(HOTLINE, arrivals.mark_seen, handoff, SEEN)
    assert gateway.arrived(handoff) == {}


def test_who_holds_a_case_hears_that_its_originator_is_suspended(gateway):
    handoff = taken(gateway)
    suspend(gateway, HOTLINE)
    assert gateway.arrived(handoff) == {OFMIN: [SUSPENDED]}
    assert [one["arrived"] for one in listed(gateway, OFMIN)] == [None, SUSPENDED], "to open, too"


def test_nobody_hears_of_an_organisation_of_which_it_neither_holds_nor_is_offered_anything(gateway):
    handoff = sent(gateway)
    gateway.answer(OFMIN, answers.decline, handoff, "not ours")
    suspend(gateway, OFMIN)
    assert heard(gateway, HOTLINE, SUSPENDED) == []


def test_a_revoked_key_of_a_counterpart_arrives(gateway):
    handoff = taken(gateway)
    kid = gateway.register_key(OFMIN, document_key("ofmin")).result["kid"]
    gateway.administer("key.revoke", OFMIN, kid=kid, reason="lost")
    assert heard(gateway, HOTLINE, "counterpart.key_revoked") == [
        {"organisation": OFMIN, "kid": kid}
    ]
    assert gateway.arrived(handoff) == {HOTLINE: ["counterpart.key_revoked"]}


def test_what_an_interest_keeps_away_is_not_named_where_its_originator_is_suspended(gateway):
    handoff = accepted(gateway, offered(gateway, to=ABROAD), recipient=ABROAD)
    gateway.interest(ABROAD, "content.example.org")
    suspend(gateway, HOTLINE)
    (one,) = streamed(gateway, ABROAD, SUSPENDED)
    assert "handoff" not in fields_of(one)
    assert gateway.arrived(handoff) == {}


def test_news_waits_at_the_first_handoff_that_no_interest_keeps_away(gateway):
    kept = accepted(gateway, offered(gateway, to=ABROAD), recipient=ABROAD)
    elsewhere = {"id": element_id("url"), "kind": "url", "value": "https://other.example.net/page"}
    other = submitted(gateway, items=[elsewhere])
    free = accepted(gateway, offered(gateway, other, to=ABROAD), recipient=ABROAD)
    gateway.interest(ABROAD, "content.example.org")
    suspend(gateway, HOTLINE)
    (one,) = streamed(gateway, ABROAD, SUSPENDED)
    assert fields_of(one)["handoff"] == str(free)
    assert (gateway.arrived(kept), gateway.arrived(free)) == ({}, {ABROAD: [SUSPENDED]})


# --- Nothing waits for who left ---


def lines(gateway: Founded, case: UUID) -> list[Any]:
    return list(open_duties.coverage(gateway.ports, caller(HOTLINE), case).handoffs)


def test_what_who_left_owed_ends_and_is_never_overdue(gateway):
    handoff = sent(gateway)
    leave(gateway, OFMIN)
    assert gateway.owed(handoff) == []
    gateway.clock.advance(TERM)
    duties.sweep(gateway.ports)
    assert heard(gateway, HOTLINE, "handoff.overdue") == []
    view = gateway.view(HOTLINE, handoff)
    assert (view["due_at"], view["overdue"]) == (None, False)


def test_no_update_is_owed_to_who_left_and_coverage_says_that_it_has(gateway):
    case = submitted(gateway)
    handoff = accepted(gateway, offered(gateway, case))
    revised(gateway, case, matter=["csam", "grooming"])
    assert gateway.owed(handoff) == [DutyKind.UPDATE]
    leave(gateway, OFMIN)
    assert gateway.owed(handoff) == []
    (line,) = lines(gateway, UUID(case.result["case"]))
    assert (line.left, line.owed) == (True, [])


def test_a_later_correction_or_recall_asks_nothing_of_who_left(gateway):
    case = submitted(gateway)
    handoff = accepted(gateway, offered(gateway, case))
    leave(gateway, OFMIN)
    revised(gateway, case, matter=["csam", "grooming"])
    assert gateway.owed(handoff) == []
    recalled(gateway, case)
    assert gateway.owed(handoff) == []


def test_a_recall_is_answered_also_where_its_originator_has_left(gateway):
    case = submitted(gateway)
    handoff = accepted(gateway, offered(gateway, case))
    recalled(gateway, case)
    leave(gateway, HOTLINE)
    assert DutyKind.RECALL_ANSWER in gateway.owed(handoff)
