"""Interests and third countries keep cases away: offers, answers, reading and lists, on record."""

from typing import Any
from uuid import UUID

import pytest

from gateway.domain.refusals import Forbidden, NotFound
from gateway.exchange import handoffs, offers
from gateway.kernel.results import to_json
from gateway.kernel.transact import RecordedRefusal
from tests import answers
from tests.founding import (
    ABROAD,
    HOTLINE,
    OFMIN,
    OPENING,
    Founded,
    accepted,
    caller,
    conditions_of,
    fields_of,
    offer_of,
    offered,
    shown,
    submitted,
)

PROVIDER = "content.example.org"
"""The host that the cases of these tests name."""


def declare(gateway: Founded, slug: str, **changes: Any) -> UUID:
    values = {"scope": "provider", "subject": "example.org", "kind": "funder", **changes}
    written = gateway.administer("interest.declare", slug, **values, start="2020-01-01")
    return UUID(written.result["interest"])


def offer_refused(gateway: Founded, to: Any, case: Any = None) -> RecordedRefusal:
    case = case or submitted(gateway)
    wanted = offer_of(gateway, to)
    at = UUID(case.result["case"])
    return gateway.refusal(offers.offer, caller(HOTLINE), gateway.key(), at, wanted)


def move_abroad(gateway: Founded, country: str) -> None:
    """Admit an office in a country, with a seat."""
    entry = {"name": "Far", "kind": "hotline", "public_authority": False, "regimes": ["gdpr"]}
    gateway.administer("organisation.admit", "far", **entry, country=country)
    seat = {"membership": "full", "decision_ref": "board"}
    gateway.administer("membership.grant", "far", **seat, start="2020-01-01")
    gateway.administer("system.register", "far", system="desk", scopes=["handoffs.answer"])


def tool(gateway: Founded, **changes: Any) -> str:
    values = {"kind": "transfer", "description": "all", "reference": "Art. 46(2)(c)", **changes}
    written = gateway.administer("agreement.record", "far", **values, start="2020-01-01")
    return str(written.result["agreement"])


# --- R9 ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("subject", [PROVIDER, "example.org"])
def test_a_case_is_not_offered_to_who_declared_an_interest_and_nobody_is_told_why(gateway, subject):
    declare(gateway, OFMIN, subject=subject)
    for to in (OFMIN, ("csam", "FR")):
        refused = offer_refused(gateway, to)
        assert isinstance(refused.refusal, NotFound)
        assert fields_of(refused.receipt)["result"] == "not_found"
        assert "rules" not in shown(refused.receipt)


def test_a_preview_does_not_tell_either(gateway):
    declare(gateway, OFMIN)
    case = UUID(submitted(gateway).result["case"])
    wanted = offer_of(gateway, OFMIN)
    refused = gateway.refusal(offers.preview, caller(HOTLINE), case, wanted)
    assert isinstance(refused.refusal, NotFound)


def test_an_interest_in_one_case_keeps_that_case_away_and_no_other(gateway):
    one, other = submitted(gateway), submitted(gateway)
    subject = f"{HOTLINE}/{one.result['case']}"
    declare(gateway, ABROAD, scope="case", kind="party", subject=subject)
    assert isinstance(offer_refused(gateway, ABROAD, one).refusal, NotFound)
    offered(gateway, other, to=ABROAD)


def test_what_was_offered_before_the_interest_was_declared_is_not_there_any_more(gateway):
    handoff = UUID(offered(gateway).result["handoff"])
    reply = answers.said("officer-1", conditions=conditions_of(gateway, handoff, OFMIN))
    declared = declare(gateway, OFMIN)
    me = caller(OFMIN)
    listing = {"box": "in", "state": None, "after": None, "limit": 10}
    for action, *asked in (
        (handoffs.look_up, handoff),
        (answers.accept, gateway.key(), handoff, reply),
    ):
        assert isinstance(gateway.refusal(action, me, *asked).refusal, NotFound)
    assert to_json(handoffs.page(gateway.ports, me, **listing).items) == []
    gateway.administer("interest.end", OFMIN, interest=str(declared), until="2026-03-02")
    assert len(to_json(handoffs.page(gateway.ports, me, **listing).items)) == 1
    gateway.do(answers.accept, me, gateway.key(), handoff, reply)


def test_content_that_was_accepted_does_not_open_any_more_and_the_case_can_be_given_back(gateway):
    handoff = accepted(gateway)
    declare(gateway, OFMIN)
    refused = gateway.refusal(handoffs.consult, caller(OFMIN), gateway.key(), handoff, OPENING)
    assert isinstance(refused.refusal, NotFound)
    reply = answers.said("officer-1", reason="we are funded by the provider")
    gateway.do(answers.decline, caller(OFMIN), gateway.key(), handoff, reply)


def test_who_is_barred_learns_of_no_handoff_from_what_else_is_wrong_with_its_request(gateway):
    handoff = UUID(offered(gateway).result["handoff"])
    conditions = conditions_of(gateway, handoff, OFMIN)
    declare(gateway, OFMIN)
    me, key = caller(OFMIN), gateway.key()
    for action, asked in (
        (handoffs.consult, OPENING),
        (answers.accept, answers.said("officer-1", conditions={**conditions, "tlp": "CLEAR"})),
        (answers.accept, answers.said("officer-1", conditions=conditions, groups=("nothing",))),
    ):
        told = gateway.refusal(action, me, key, handoff, asked)
        unknown = gateway.refusal(action, me, key, gateway.new_id(), asked)
        assert isinstance(told.refusal, NotFound)
        assert told.refusal.detail == unknown.refusal.detail
        assert fields_of(told.receipt)["result"] == fields_of(unknown.receipt)["result"]
        assert "handoff" not in fields_of(told.receipt)


def test_an_originator_goes_on_seeing_its_own_handoff(gateway):
    handoff = UUID(offered(gateway).result["handoff"])
    declare(gateway, HOTLINE)
    assert to_json(handoffs.look_up(gateway.ports, caller(HOTLINE), handoff))["handoff"] == str(
        handoff
    )


def test_an_interest_in_another_provider_keeps_nothing_away(gateway):
    declare(gateway, OFMIN, subject="elsewhere.example")
    accepted(gateway)


# --- R15 -----------------------------------------------------------------------------------------


def test_a_case_goes_to_a_third_country_only_under_a_transfer_tool(gateway):
    move_abroad(gateway, "US")
    refused = offer_refused(gateway, "far")
    assert isinstance(refused.refusal, Forbidden)
    assert refused.refusal.rules == ("R15.transfer.offer",)
    tool(gateway, kind="accession")
    assert offer_refused(gateway, "far").refusal.rules == ("R15.transfer.offer",)
    tool(gateway)
    offered(gateway, to="far")


def test_inside_no_tool_is_needed(gateway):
    move_abroad(gateway, "IS")
    offered(gateway, to="far")


def test_a_tool_that_ended_stops_acceptance_and_opening_and_nothing_gets_stuck(gateway):
    move_abroad(gateway, "US")
    named = tool(gateway)
    open_ = UUID(offered(gateway, to="far").result["handoff"])
    taken = accepted(gateway, offered(gateway, to="far"), recipient="far")
    conditions = conditions_of(gateway, open_, "far")
    gateway.administer("agreement.end", "far", agreement=named, until="2026-03-02")
    me = caller("far")
    reply = answers.said("officer-1", conditions=conditions)
    for action, *asked in (
        (answers.accept, gateway.key(), open_, reply),
        (handoffs.consult, gateway.key(), taken, OPENING),
    ):
        assert gateway.refusal(action, me, *asked).refusal.rules == ("R15.transfer",)
    assert to_json(handoffs.look_up(gateway.ports, me, open_))["state"] == "offered"
    gateway.do(
        answers.decline, me, gateway.key(), open_, answers.said("officer-1", reason="no tool")
    )
