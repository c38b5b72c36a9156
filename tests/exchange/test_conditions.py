"""Conditions of use: in each offer, repeated by its acceptance, as strict as the case is now."""

from dataclasses import replace
from typing import Any
from uuid import UUID

import pytest

from gateway.domain.decision import PolicyDecision
from gateway.domain.refusals import ConditionsMismatch, Forbidden, NothingToOffer, WrongState
from gateway.evidence import handoff_documents, sd_jwt
from gateway.exchange import cases, handoffs, offers
from gateway.kernel.results import to_json
from tests import answers
from tests.each import each
from tests.exchange.test_barriers import move_abroad, tool
from tests.founding import (
    ABROAD,
    HOTLINE,
    OCRVP,
    OFMIN,
    Founded,
    accepted,
    caller,
    case_content,
    conditions_of,
    consulted,
    offer_of,
    offered,
    refused_without_event,
    revised,
    submitted,
)

EMBARGO = {"no_notice_to_host": True, "no_publication": False, "until": "2026-04-01"}
SOURCE = {"reason": "judge", "set_by": OFMIN}
ORDER = {"embargo": {"force": "law", "reference": "tribunal 26/123"}}
FORCE = {"onward": {"force": "law", "reference": "LED 9(3)"}, **ORDER}
MARKED = {
    "handling": ["H3"],
    "handling_note": "Not before the hearing.",
    "attribution": "must_not",
    "embargo": {**EMBARGO, **SOURCE},
    "force": FORCE,
}


def view(gateway: Founded, handoff: UUID, reader: str = OFMIN) -> dict[str, Any]:
    return dict(to_json(handoffs.look_up(gateway.ports, caller(reader), handoff)))


def accept(
    gateway: Founded, handoff: UUID, conditions: Any, reader: str = OFMIN, **said: Any
) -> Any:
    reply = answers.said("officer-1", conditions=conditions, **said)
    return caller(reader), gateway.key(), handoff, reply


def seat(gateway: Founded, slug: str) -> None:
    """Make an observer an associate, to whom cases can be offered."""
    gateway.administer("membership.end", slug, until="2026-01-01")
    values = {"membership": "associate", "decision_ref": "board"}
    gateway.administer("membership.grant", slug, **values, start="2026-01-01")


# --- what an offer states ------------------------------------------------------------------------


def test_every_offer_states_the_conditions_whatever_groups_it_selects(gateway):
    seat(gateway, OCRVP)
    case = submitted(gateway, originator=OFMIN, marking=MARKED)
    offer = offered(gateway, case, originator=OFMIN, to=OCRVP, groups=("items",))
    handoff = UUID(offer.result["handoff"])
    shown = view(gateway, handoff, OCRVP)
    marked = {**MARKED, "embargo": EMBARGO, "embargo_source": SOURCE}
    assert shown["conditions"] == {**shown["conditions"], **marked}
    assert shown["conditions"]["purpose"] == ["identify_victim"]  # of the offer, not of the case
    routing = sd_jwt.read_unverified(shown["routing"]).content
    assert {name: routing[name] for name in marked if name != "handling"} == {
        name: value for name, value in marked.items() if name != "handling"
    }
    assert accepted(gateway, offer, recipient=OCRVP) == handoff


def test_a_preview_shows_the_conditions_of_its_offer(gateway):
    case = submitted(gateway)
    wanted = offer_of(gateway, purpose=("remove",), country_reason="hosted behind a CDN")
    named = UUID(case.result["case"])
    previewed = to_json(offers.preview(gateway.ports, caller(HOTLINE), named, wanted))
    written = gateway.do(offers.offer, caller(HOTLINE), gateway.key(), named, wanted)
    handoff = UUID(written.result["handoff"])
    assert previewed["conditions"] == conditions_of(gateway, handoff, OFMIN)
    assert previewed["conditions"]["purpose"] == ["remove"]


def test_a_private_member_learns_the_terms_of_an_embargo_and_not_who_set_it(gateway):
    case = submitted(
        gateway, originator=OFMIN, marking={"embargo": {**EMBARGO, **SOURCE}, "force": ORDER}
    )
    handoff = UUID(offered(gateway, case, originator=OFMIN, to=ABROAD).result["handoff"])
    shown = view(gateway, handoff, ABROAD)
    assert shown["conditions"]["embargo"] == EMBARGO
    assert "embargo_source" not in shown["conditions"]
    assert "judge" not in str(shown)


def test_an_offer_to_a_third_country_names_the_tool_by_which_it_goes(gateway):
    move_abroad(gateway, "US")
    tool(gateway)
    offer = offered(gateway, to="far")
    claims = sd_jwt.read_unverified(offer.result["offer"]).claims
    assert claims["transfer_tool"] == "Art. 46(2)(c)"
    handoff = UUID(offer.result["handoff"])
    assert conditions_of(gateway, handoff, "far")["transfer_tool"] == "Art. 46(2)(c)"
    accepted(gateway, offer, recipient="far")


class _Withholding:
    """The product's policies, and one property that they withhold from everybody."""

    def __init__(self, policy, name):
        self._policy, self._name = policy, name

    def decide(self, question):
        if question.resource.attributes.get("category") == self._name:
            return PolicyDecision(False, ("R2.own",), (), "nobody")
        return self._policy.decide(question)


def test_nothing_is_offered_without_a_condition_that_policy_withholds(gateway):
    named = UUID(submitted(gateway).result["case"])
    gateway.ports = replace(gateway.ports, policy=_Withholding(gateway.ports.policy, "attribution"))
    arguments = (caller(HOTLINE), gateway.key(), named, offer_of(gateway))
    assert isinstance(gateway.refusal(offers.offer, *arguments).refusal, NothingToOffer)


# --- whose they are, and what H1 closes ----------------------------------------------------------


@each("code", ["H1", "H2", "H3"])
@each("place", ["case", "element"])
def test_a_member_without_the_led_regime_marks_nothing_with_a_code_of_the_police(
    gateway, code, place
):
    marking = {"handling": [code], "handling_note": "why"}
    content = case_content(gateway.new_id())
    if place == "case":
        content["marking"] |= marking
    else:
        content["statements"][0]["marking"] = {"handling": [code]}
    submission = cases.Submission("analyst-1", content)
    refused = gateway.refusal(cases.submit, caller(HOTLINE), gateway.key(), submission)
    assert isinstance(refused.refusal, Forbidden)
    assert refused.refusal.rules == ("R19.source",)


def test_only_a_member_under_the_led_regime_says_that_law_obliges_to_a_condition(gateway):
    content = case_content(gateway.new_id(), marking={"force": FORCE})
    submission = cases.Submission("analyst-1", content)
    refused = gateway.refusal(cases.submit, caller(HOTLINE), gateway.key(), submission)
    assert refused.refusal.rules == ("R19.source.force",)
    agreed = {"onward": {"force": "agreement", "reference": "convention 3"}}
    submitted(gateway, marking={"force": agreed})
    submitted(gateway, originator=OFMIN, marking={"force": FORCE})


def test_what_is_marked_h1_is_not_offered_for_a_prosecution(gateway):
    seat(gateway, OCRVP)
    marking = {"handling": ["H1"], "purpose": ["investigate", "prosecute"]}
    case = submitted(gateway, originator=OFMIN, marking=marking)
    arguments = (caller(OFMIN), gateway.key(), UUID(case.result["case"]))
    wanted = offer_of(gateway, OCRVP, purpose=("investigate", "prosecute"))
    refused = gateway.refusal(offers.offer, *arguments, wanted)
    assert refused.refusal.rules == ("R19.judicial.offer",)
    offered(gateway, case, originator=OFMIN, to=OCRVP, purpose=("investigate",))


def test_an_element_marked_h1_is_withheld_from_a_prosecution(gateway):
    seat(gateway, OCRVP)
    content = case_content(gateway.new_id())
    url, host = content["items"]
    case = submitted(
        gateway,
        originator=OFMIN,
        items=[url, {**host, "marking": {"handling": ["H1"]}}],
        marking={"purpose": ["investigate", "prosecute"]},
    )
    for purpose, withheld in (("investigate", []), ("prosecute", ["items"])):
        to = {"originator": OFMIN, "to": OCRVP, "purpose": (purpose,)}
        offer = offered(gateway, case, **to, again="for another purpose")
        assert offer.result["withheld_groups"] == withheld


# --- a case that is tightened --------------------------------------------------------------------


TIGHTER = {"tlp": "RED", "onward": "forbidden", "permitted_actions": "none"}


def test_a_handoff_shows_the_stricter_of_the_version_offered_and_the_present_one(gateway):
    case = submitted(gateway, originator=OFMIN)
    offer = offered(gateway, case, originator=OFMIN, to=ABROAD)
    handoff = UUID(offer.result["handoff"])
    before = view(gateway, handoff, ABROAD)
    stricter = {**TIGHTER, "attribution": "must", "force": ORDER}
    later = {**stricter, "embargo": {**EMBARGO, **SOURCE}}
    newer = revised(gateway, case, originator=OFMIN, marking=later)
    shown = view(gateway, handoff, ABROAD)
    assert shown["conditions"] == {**before["conditions"], **stricter, "embargo": EMBARGO}
    assert "tightened_by" in shown
    assert "tightened_by" not in before
    assert shown["case_digest"] == before["case_digest"]
    revised(gateway, newer, originator=OFMIN)  # loosened again
    assert view(gateway, handoff, ABROAD) == before


def test_an_acceptance_repeats_what_binds_at_its_commit(gateway):
    case = submitted(gateway)
    handoff = UUID(offered(gateway, case).result["handoff"])
    stale = conditions_of(gateway, handoff, OFMIN)
    revised(gateway, case, marking=TIGHTER)
    arguments = accept(gateway, handoff, stale)
    refused_without_event(gateway, ConditionsMismatch, answers.accept, *arguments)
    binding = conditions_of(gateway, handoff, OFMIN)
    assert binding == {**stale, **TIGHTER}
    written = gateway.do(answers.accept, *accept(gateway, handoff, binding))
    said = sd_jwt.read_unverified(written.result["document"]).content
    assert said["conditions"] == binding


def test_a_tightening_between_reading_and_commit_refuses_the_acceptance(gateway, monkeypatch):
    case = submitted(gateway)
    handoff = UUID(offered(gateway, case).result["handoff"])
    stale = conditions_of(gateway, handoff, OFMIN)
    sign = handoff_documents.issue_answer

    def overtaken(*args: Any, **said: Any) -> Any:
        monkeypatch.undo()
        revised(gateway, case, marking=TIGHTER)
        return sign(*args, **said)

    monkeypatch.setattr(handoff_documents, "issue_answer", overtaken)
    with pytest.raises(ConditionsMismatch):
        answers.accept(gateway.ports, *accept(gateway, handoff, stale))
    assert gateway.handoff(handoff).state == "offered"


def test_a_revision_that_tightens_nothing_leaves_the_acceptance_as_it_was(gateway):
    case = submitted(gateway)
    handoff = UUID(offered(gateway, case).result["handoff"])
    stated = conditions_of(gateway, handoff, OFMIN)
    revised(gateway, case, urgency="imminent_danger", marking={"erase_on": "2028-01-01"})
    assert "tightened_by" not in view(gateway, handoff)
    gateway.do(answers.accept, *accept(gateway, handoff, stated))


@each("marking", [{"handling": ["H2"]}, {"release_to": [HOTLINE]}])
def test_what_could_not_be_offered_any_more_is_not_accepted(gateway, marking):
    case = submitted(gateway, originator=OFMIN)
    handoff = UUID(offered(gateway, case, originator=OFMIN, to=ABROAD).result["handoff"])
    revised(gateway, case, originator=OFMIN, marking=marking)
    binding = conditions_of(gateway, handoff, ABROAD)
    refused = gateway.refusal(answers.accept, *accept(gateway, handoff, binding, ABROAD))
    assert isinstance(refused.refusal, WrongState)
    assert gateway.handoff(handoff).state == "offered"


def test_an_acceptance_of_what_was_not_revised_opens_no_case(gateway, monkeypatch):
    handoff = UUID(offered(gateway).result["handoff"])
    conditions = conditions_of(gateway, handoff, OFMIN)
    monkeypatch.setattr(sd_jwt, "read_stored", lambda _: pytest.fail("a case was read"))
    gateway.do(answers.accept, *accept(gateway, handoff, conditions))


# --- reservations --------------------------------------------------------------------------------


def test_a_recipient_accepts_with_a_reservation_that_the_originator_reads(gateway):
    handoff = UUID(offered(gateway).result["handoff"])
    conditions = conditions_of(gateway, handoff, OFMIN)
    reservation = {"condition": "erase_on", "legal_basis": "CPP 706-53-4: kept for 20 years."}
    arguments = accept(gateway, handoff, conditions, reservation=reservation)
    gateway.do(answers.accept, *arguments)
    acceptance = view(gateway, handoff, HOTLINE)["answers"][1]
    said = sd_jwt.read_unverified(acceptance["document"]).content
    assert said["reservation"] == reservation
    assert said["conditions"] == conditions
    consulted(gateway, handoff)
