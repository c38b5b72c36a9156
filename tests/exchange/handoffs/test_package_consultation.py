"""Consultations: content opens after acceptance, for a person with a reason, and no more of it
than was offered, accepted and is permitted today.
"""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from gateway.domain.decision import PolicyDecision
from gateway.domain.measure import MeasureKind
from gateway.domain.outcome import ConsultationNotice
from gateway.domain.refusals import (
    ConditionsMismatch,
    Forbidden,
    NotFound,
    NothingToOffer,
    WrongState,
)
from gateway.evidence import handoff_documents, receipt, sd_jwt
from gateway.exchange.case import measures, submissions
from gateway.exchange.case.measures import MeasureRequest
from gateway.exchange.handoffs import offers, package_consultation
from gateway.exchange.oversight import audit
from gateway.exchange.standing.consultations import ConsultationRequest
from gateway.kernel.results import to_json
from gateway.kernel.transact import WriteResult
from tests import answers
from tests.casework import (
    OPENING,
    accepted,
    case_content,
    conditions_of,
    consulted,
    element_id,
    offer_of,
    offered,
    revised,
    submitted,
)
from tests.each import each
from tests.exchange.standing.test_barriers import move_abroad, tool
from tests.founded_gateway import (
    ABROAD,
    HOTLINE,
    OCRVP,
    OFMIN,
    Founded,
    caller,
    fields_of,
    refused_without_event,
    shown,
)


def read(gateway: Founded, written: WriteResult) -> sd_jwt.VerifiedSdJwt:
    """What a consultation showed, verified against the gateway's attestation."""
    return gateway.verified(written.result["presentation"], handoff_documents.CASE_TYP)


def digests(verified: sd_jwt.VerifiedSdJwt) -> set[str]:
    return {part.digest for part in verified.placed}


def of_groups(case: WriteResult, *groups: str) -> set[str]:
    return {digest for group in groups for digest in case.result["groups"].get(group, ())}


def is_closed(gateway: Founded, handoff: UUID) -> None:
    gateway.refused(WrongState, OFMIN, package_consultation.consult, handoff, OPENING)


# --- who learns of it ----------------------------------------------------------------------------


def streamed(gateway: Founded, organisation: str) -> int:
    """How many consultations are in an organisation's own stream, whose numbers have no gap."""
    page = to_json(audit.stream(gateway.ports, caller(organisation), 0, 100))
    assert [one["stream_number"] for one in page["events"]] == list(range(1, page["head"] + 1))
    types = [fields_of(receipt.from_json(one["receipt"]))["type"] for one in page["events"]]
    return types.count("case.consulted")


@pytest.mark.parametrize(
    ("notice", "learnt"),
    [(ConsultationNotice.NONE, 0), (ConsultationNotice.FIRST, 2), (ConsultationNotice.EACH, 3)],
)
def test_a_private_originator_learns_of_consultations_by_the_police_what_was_chosen(
    gateway, notice, learnt
):
    gateway.ports = replace(gateway.ports, consultations=notice)
    one, other = accepted(gateway), accepted(gateway)
    for handoff in (one, one, other):
        consulted(gateway, handoff)
    assert streamed(gateway, HOTLINE) == learnt
    assert streamed(gateway, OFMIN) == 3


@each("originator, reader", [(HOTLINE, ABROAD), (OFMIN, ABROAD)])
def test_of_others_and_to_authorities_each_consultation_is_told(gateway, originator, reader):
    case = submitted(gateway, originator=originator)
    made = offered(gateway, case, originator=originator, to=reader)
    handoff = accepted(gateway, made, recipient=reader)
    consulted(gateway, handoff, reader)
    consulted(gateway, handoff, reader)
    assert streamed(gateway, originator) == 2


def test_under_an_embargo_none_is_told_and_the_next_one_after_it_is_the_first(gateway):
    handoff = accepted(gateway)
    until = gateway.clock() + timedelta(hours=1)
    embargo = MeasureRequest(MeasureKind.EMBARGO, "officer-1", "operation", until=until)
    gateway.act(OFMIN, measures.on_handoff, handoff, embargo)
    consulted(gateway, handoff)
    assert streamed(gateway, HOTLINE) == 0
    gateway.clock.advance(timedelta(hours=2))
    consulted(gateway, handoff)
    consulted(gateway, handoff)
    assert streamed(gateway, HOTLINE) == 1


# --- when ----------------------------------------------------------------------------------------


def test_content_opens_once_the_conditions_are_accepted_until_it_is_given_back(gateway):
    offer = offered(gateway)
    handoff = UUID(offer.result["handoff"])
    is_closed(gateway, handoff)
    assert fields_of(gateway.receipts[-1])["handoff"] == str(handoff)
    accepted(gateway, offer)
    consulted(gateway, handoff)
    gateway.answer(OFMIN, answers.decline, handoff, "given back")
    is_closed(gateway, handoff)
    kept = accepted(gateway)
    gateway.answer(OFMIN, answers.close, kept)
    assert read(gateway, consulted(gateway, kept)).content["items"]


def test_content_closes_at_the_end_of_the_offer(gateway):
    until = gateway.clock() + timedelta(hours=1)
    handoff = accepted(gateway, offered(gateway, expires_at=until))
    consulted(gateway, handoff)
    gateway.ports = replace(gateway.ports, now=lambda: until)
    is_closed(gateway, handoff)


def test_the_day_of_erasure_begins_at_midnight_in_the_civil_time_zone(gateway):
    case = submitted(gateway, marking={"erase_on": "2026-07-01"})
    handoff = accepted(gateway, offered(gateway, case))
    eve = datetime(2026, 6, 30, 21, 59, tzinfo=UTC)  # 23:59 in Paris
    gateway.ports = replace(gateway.ports, now=lambda: eve)
    consulted(gateway, handoff)
    gateway.ports = replace(gateway.ports, now=lambda: eve + timedelta(minutes=1))
    is_closed(gateway, handoff)
    gateway.ports = replace(gateway.ports, now=lambda: eve + timedelta(days=1))
    gateway.day = date(2026, 3, 2)  # a simulated date puts off no erasure
    is_closed(gateway, handoff)


def test_a_later_day_of_erasure_binds_nobody_who_was_offered_the_earlier_one(gateway):
    case = submitted(gateway, marking={"erase_on": "2026-03-03"})
    handoff = accepted(gateway, offered(gateway, case))
    revised(gateway, case, marking={"erase_on": "2030-01-01"})
    consulted(gateway, handoff)
    gateway.clock.advance(timedelta(days=1))
    is_closed(gateway, handoff)


def test_content_closes_with_the_mandate(gateway):
    gateway.day = date(2023, 8, 30)
    handoff = accepted(gateway, recipient=OCRVP)
    consulted(gateway, handoff, OCRVP)
    gateway.day = date(2023, 8, 31)
    gateway.denied("R3.mandate", OCRVP, package_consultation.consult, handoff, OPENING)


@each("reader, kind", [(HOTLINE, Forbidden), (ABROAD, NotFound)])
def test_nobody_but_the_recipient_consults_a_handoff(gateway, reader, kind):
    gateway.refused(kind, reader, package_consultation.consult, accepted(gateway), OPENING)


# --- what ----------------------------------------------------------------------------------------


def test_a_consultation_shows_what_was_offered_and_the_signature_holds(gateway):
    case = submitted(gateway)
    offer = offered(gateway, case, groups=("items", "basis"))
    handoff = accepted(gateway, offer)
    revised(gateway, case, urgency="imminent_danger")
    written = consulted(gateway, handoff)
    found = read(gateway, written)
    assert digests(found) == set(offer.result["permitted_disclosures"])
    assert digests(found) == of_groups(case, "routing", "items", "basis")
    assert found.content["items"] == case_content(UUID(case.result["case"]))["items"]
    assert written.result["assurance"] == "attested"
    assert written.result["withheld_groups"] == []
    assert (written.result["version"], found.content["urgency"]) == (1, "priority")


def test_a_partial_acceptance_narrows_what_a_consultation_shows(gateway):
    case = submitted(gateway)
    offer = offered(gateway, case, groups=("items", "statements", "basis"))
    written = consulted(gateway, accepted(gateway, offer, groups=("statements",)))
    assert digests(read(gateway, written)) == of_groups(case, "statements", "routing")
    assert set(written.result["withheld_groups"]) == {"items", "basis"}


def test_single_elements_can_be_offered_and_are_all_that_is_shown(gateway):
    case = submitted(gateway)
    one = case.result["groups"]["items"][0]
    written = consulted(
        gateway, accepted(gateway, offered(gateway, case, groups=(), digests=(one,)))
    )
    assert digests(read(gateway, written)) == {one} | of_groups(case, "routing")
    assert written.result["withheld_groups"] == []


def to_a_hotline(gateway: Founded, **content: Any) -> tuple[WriteResult, WriteResult]:
    """A case of a police office, and its offer to a private member."""
    case = submitted(gateway, originator=OFMIN, **content)
    return case, offered(gateway, case, originator=OFMIN, to=ABROAD)


def at_a_hotline(gateway: Founded, **content: Any) -> tuple[WriteResult, UUID]:
    """A case of a police office that a private member has accepted."""
    case, offer = to_a_hotline(gateway, **content)
    return case, accepted(gateway, offer, recipient=ABROAD)


def test_a_tightening_closes_nothing_that_was_accepted_and_binds_by_its_conditions(gateway):
    case, handoff = at_a_hotline(gateway)
    before = consulted(gateway, handoff, ABROAD).result
    stricter = {"tlp": "RED", "handling": ["H1"]}
    marking = {**stricter, "release_to": [ABROAD]}
    later = revised(gateway, case, originator=OFMIN, marking=marking)
    written = consulted(gateway, handoff, ABROAD).result
    conditions = {**before["conditions"], **stricter}
    told = {"tightened_by": fields_of(later.receipt)["id"], "conditions": conditions}
    assert written.pop("superseded")["change"] == "tightening"
    assert written == {**before, **told}


def test_an_element_that_is_tightened_stays_open_and_is_shown_with_its_new_marking(gateway):
    case, handoff = at_a_hotline(gateway)
    url, host = case_content(UUID(case.result["case"]))["items"]
    before = consulted(gateway, handoff, ABROAD).result
    marked = [url, {**host, "marking": {"handling": ["H2"], "tlp": "RED"}}]
    revised(gateway, case, originator=OFMIN, items=marked)
    after = consulted(gateway, handoff, ABROAD).result
    told = {"id": host["id"], "group": "items", "tlp": "RED", "handling": ["H2"]}
    assert after.pop("superseded")["change"] == "tightening"
    assert after == {**before, "tightened_elements": [told]}


def test_a_laxer_marking_opens_nothing_more(gateway):
    url, host = case_content(gateway.new_id())["items"]
    marked = [url, {**host, "marking": {"handling": ["H2"]}}]
    strict, handoff = at_a_hotline(gateway, items=marked)
    revised(gateway, strict, originator=OFMIN, items=[url, host])
    found = read(gateway, consulted(gateway, handoff, ABROAD))
    assert [item["id"] for item in found.content["items"]] == [element_id("url")]


def test_a_reader_learns_nothing_of_what_was_never_offered(gateway):
    """Not even that there is such a group: the decoys hide it in the document as well."""
    for content in ({}, {"subjects": []}):
        case = submitted(gateway, **content)
        handoff = accepted(gateway, offered(gateway, case, groups=("items",)))
        assert consulted(gateway, handoff).result["withheld_groups"] == []


def test_a_private_member_is_shown_no_police_statement_and_no_suspect(gateway):
    qualified = {"qualified_by": OFMIN, "qualified_at": "2026-03-01T22:00:00Z"}
    victim = case_content(gateway.new_id())["subjects"][0]
    suspect = {**victim, **qualified, "id": element_id("match"), "category": "suspect"}
    _, handoff = at_a_hotline(gateway, subjects=[victim, suspect])
    written = consulted(gateway, handoff, ABROAD)
    content = read(gateway, written).content
    assert [subject["category"] for subject in content["subjects"]] == ["victim"]
    assert content["statements"] == []
    assert written.result["withheld_groups"] == []
    assert "suspect" not in written.result["presentation"]


def test_a_reason_for_another_purpose_than_the_offers_opens_nothing(gateway):
    opening = ConsultationRequest("officer-7", "take_down", "to have it removed")
    gateway.denied("R6.reason", OFMIN, package_consultation.consult, accepted(gateway), opening)


# --- on record -----------------------------------------------------------------------------------


def test_a_consultation_is_logged_with_person_reason_and_groups_for_its_reader(gateway):
    handoff = accepted(gateway, offered(gateway, groups=("items",)))
    opening = ConsultationRequest("officer-7", "protection", "a child may be in danger")
    written = gateway.act(OFMIN, package_consultation.consult, handoff, opening)
    fields, told = fields_of(written.receipt), shown(written.receipt)
    assert (fields["operation"], fields["type"]) == ("consultation", "case.consulted")
    package = handoff_documents.package_digest(digests(read(gateway, written)))
    assert fields["package_digest"] == written.result["package_digest"] == package
    assert told["by"] == "officer-7"
    assert (told["reason_code"], told["reason"]) == ("protection", "a child may be in danger")
    assert told["groups"] == ["items", "routing"]


def test_the_originator_learns_that_its_case_was_opened_and_not_by_whom(gateway):
    handoff = accepted(gateway)
    written = consulted(gateway, handoff)
    heard = gateway.stream(HOTLINE)
    assert heard[-1].event.id == UUID(fields_of(written.receipt)["id"])
    told = [sd_jwt.read_disclosure(text) for text in heard[-1].event.shown_to(HOTLINE)]
    place = {"organisation": HOTLINE, "role": "originator", "stream_number": len(heard)}
    assert [(one.name, one.value) for one in told] == [
        ("party", place),
        ("case", f"{HOTLINE}/{gateway.handoff(handoff).case}"),
    ]


# --- Conditions of use: in each offer, repeated by its acceptance, as strict as the case is now ---


EMBARGO = {"no_notice_to_host": True, "no_publication": False, "until": "2026-03-16"}
SOURCE = {"reason": "judge", "set_by": OFMIN}  # as an earlier version may say
ORDER = {"embargo": {"force": "law", "reference": "tribunal 26/123"}}
FORCE = {"onward": {"force": "law", "reference": "LED 9(3)"}, **ORDER}
MARKED = {
    "handling": ["H3"],
    "handling_note": "Not before the hearing.",
    "attribution": "must_not",
    "embargo": {**EMBARGO, **SOURCE},
    "force": FORCE,
}


def make_associate(gateway: Founded, slug: str) -> None:
    """Make an observer an associate, to whom cases can be offered."""
    gateway.administer("membership.end", slug, until="2026-01-01")
    values = {"membership": "associate", "decision_ref": "board"}
    gateway.administer("membership.grant", slug, **values, start="2026-01-01")


def pending(gateway: Founded) -> tuple[WriteResult, UUID, dict[str, Any]]:
    """A case, its handoff that waits for an answer, and the conditions that it states."""
    case = submitted(gateway)
    handoff = UUID(offered(gateway, case).result["handoff"])
    return case, handoff, conditions_of(gateway, handoff, OFMIN)


# --- what an offer states ------------------------------------------------------------------------


def test_every_offer_states_the_conditions_whatever_groups_it_selects(gateway):
    make_associate(gateway, OCRVP)
    case = submitted(gateway, originator=OFMIN, marking=MARKED)
    offer = offered(gateway, case, originator=OFMIN, to=OCRVP, groups=("items",))
    handoff = UUID(offer.result["handoff"])
    seen = gateway.view(OCRVP, handoff)
    marked = {**MARKED, "embargo": EMBARGO, "embargo_source": SOURCE}
    assert seen["conditions"] == {**seen["conditions"], **marked}
    assert seen["conditions"]["purpose"] == ["identify_victim"]  # of the offer, not of the case
    routing = sd_jwt.read_unverified(seen["routing"]).content
    del marked["handling"]
    assert {name: routing[name] for name in marked} == marked
    assert accepted(gateway, offer, recipient=OCRVP) == handoff


def test_a_preview_shows_the_conditions_of_its_offer(gateway):
    case = UUID(submitted(gateway).result["case"])
    wanted = offer_of(gateway, purpose=("remove",), country_reason="hosted behind a CDN")
    previewed = to_json(offers.preview(gateway.ports, caller(HOTLINE), case, wanted))
    written = gateway.act(HOTLINE, offers.offer, case, wanted)
    handoff = UUID(written.result["handoff"])
    assert previewed["conditions"] == conditions_of(gateway, handoff, OFMIN)
    assert previewed["conditions"]["purpose"] == ["remove"]


def test_a_private_member_learns_the_terms_of_an_embargo_and_not_who_set_it(gateway):
    marking = {"embargo": {**EMBARGO, **SOURCE}, "force": ORDER}
    _, offer = to_a_hotline(gateway, marking=marking)
    seen = gateway.view(ABROAD, UUID(offer.result["handoff"]))
    assert seen["conditions"]["embargo"] == EMBARGO
    assert "embargo_source" not in seen["conditions"]
    assert "judge" not in str(seen)


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
    case = UUID(submitted(gateway).result["case"])
    gateway.ports = replace(gateway.ports, policy=_Withholding(gateway.ports.policy, "attribution"))
    gateway.refused(NothingToOffer, HOTLINE, offers.offer, case, offer_of(gateway))


# --- whose they are, and what H1 closes ----------------------------------------------------------


@each("code", ["H1", "H2", "H3"])
@each("place", ["case", "element"])
def test_a_member_without_the_led_regime_marks_nothing_with_a_code_of_the_police(
    gateway, code, place
):
    content = case_content(gateway.new_id())
    if place == "case":
        content["marking"] |= {"handling": [code], "handling_note": "why"}
    else:
        content["statements"][0]["marking"] = {"handling": [code]}
    submission = submissions.Submission("analyst-1", content)
    gateway.denied("R19.source", HOTLINE, submissions.submit, submission)


def test_only_a_member_under_the_led_regime_says_that_law_obliges_to_a_condition(gateway):
    content = case_content(gateway.new_id(), marking={"force": FORCE})
    submission = submissions.Submission("analyst-1", content)
    gateway.denied("R19.source.force", HOTLINE, submissions.submit, submission)
    agreed = {"onward": {"force": "agreement", "reference": "convention 3"}}
    submitted(gateway, marking={"force": agreed})
    submitted(gateway, originator=OFMIN, marking={"force": FORCE})


def test_what_is_marked_h1_is_not_offered_for_a_prosecution(gateway):
    make_associate(gateway, OCRVP)
    marking = {"handling": ["H1"], "purpose": ["investigate", "prosecute"]}
    case = submitted(gateway, originator=OFMIN, marking=marking)
    wanted = offer_of(gateway, OCRVP, purpose=("investigate", "prosecute"))
    asked = UUID(case.result["case"]), wanted
    gateway.denied("R19.judicial.offer", OFMIN, offers.offer, *asked)
    offered(gateway, case, originator=OFMIN, to=OCRVP, purpose=("investigate",))


def test_an_element_marked_h1_is_withheld_from_a_prosecution(gateway):
    make_associate(gateway, OCRVP)
    url, host = case_content(gateway.new_id())["items"]
    marked = [url, {**host, "marking": {"handling": ["H1"]}}]
    marking = {"purpose": ["investigate", "prosecute"]}
    case = submitted(gateway, originator=OFMIN, items=marked, marking=marking)
    for purpose, withheld in (("investigate", []), ("prosecute", ["items"])):
        to = {"originator": OFMIN, "to": OCRVP, "purpose": (purpose,)}
        offer = offered(gateway, case, **to, again="for another purpose")
        assert offer.result["withheld_groups"] == withheld


# --- a case that is tightened --------------------------------------------------------------------


TIGHTER = {"tlp": "RED", "onward": "forbidden", "permitted_actions": "none"}


def test_a_handoff_shows_the_stricter_of_the_version_offered_and_the_present_one(gateway):
    case, offer = to_a_hotline(gateway)
    handoff = UUID(offer.result["handoff"])
    before = gateway.view(ABROAD, handoff)
    stricter = {**TIGHTER, "attribution": "must", "force": ORDER}
    later = {**stricter, "embargo": {**EMBARGO, **SOURCE}}
    newer = revised(gateway, case, originator=OFMIN, marking=later)
    seen = gateway.view(ABROAD, handoff)
    assert seen["conditions"] == {**before["conditions"], **stricter, "embargo": EMBARGO}
    assert "tightened_by" in seen
    assert "tightened_by" not in before
    assert seen["case_digest"] == before["case_digest"]
    revised(gateway, newer, originator=OFMIN)  # loosened again
    assert gateway.view(ABROAD, handoff) == before


def test_an_acceptance_repeats_what_binds_at_its_commit(gateway):
    case, handoff, stale = pending(gateway)
    revised(gateway, case, marking=TIGHTER)
    said = answers.said("officer-1", conditions=stale)
    asked = caller(OFMIN), gateway.key(), handoff, said
    refused_without_event(gateway, ConditionsMismatch, answers.accept, *asked)
    binding = conditions_of(gateway, handoff, OFMIN)
    assert binding == {**stale, **TIGHTER}
    written = gateway.answer(OFMIN, answers.accept, handoff, conditions=binding)
    assert sd_jwt.read_unverified(written.result["document"]).content["conditions"] == binding


def test_a_revision_that_tightens_nothing_leaves_the_acceptance_as_it_was(gateway):
    case, handoff, stated = pending(gateway)
    revised(gateway, case, urgency="imminent_danger", marking={"erase_on": "2028-01-01"})
    assert "tightened_by" not in gateway.view(OFMIN, handoff)
    gateway.answer(OFMIN, answers.accept, handoff, conditions=stated)


@each("marking", [{"handling": ["H2"]}, {"release_to": [HOTLINE]}])
def test_what_could_not_be_offered_any_more_is_not_accepted(gateway, marking):
    case, offer = to_a_hotline(gateway)
    handoff = UUID(offer.result["handoff"])
    revised(gateway, case, originator=OFMIN, marking=marking)
    said = answers.said("officer-1", conditions=conditions_of(gateway, handoff, ABROAD))
    gateway.refused(WrongState, ABROAD, answers.accept, handoff, said)
    assert gateway.handoff(handoff).state == "offered"


def test_an_acceptance_of_what_was_not_revised_opens_no_case(gateway, monkeypatch):
    _, handoff, conditions = pending(gateway)
    monkeypatch.setattr(sd_jwt, "read_stored", lambda _: pytest.fail("a case was read"))
    gateway.answer(OFMIN, answers.accept, handoff, conditions=conditions)


# --- reservations --------------------------------------------------------------------------------


def test_a_recipient_accepts_with_a_reservation_that_the_originator_reads(gateway):
    _, handoff, conditions = pending(gateway)
    reservation = {"condition": "erase_on", "legal_basis": "CPP 706-53-4: kept for 20 years."}
    stated = {"conditions": conditions, "reservation": reservation}
    gateway.answer(OFMIN, answers.accept, handoff, **stated)
    acceptance = gateway.view(HOTLINE, handoff)["answers"][1]
    said = sd_jwt.read_unverified(acceptance["document"]).content
    assert {name: said[name] for name in stated} == stated
    consulted(gateway, handoff)
