"""Measures on a case: who sets them, what they stop at once, and who hears of them."""

import json
from dataclasses import replace
from datetime import date, timedelta
from typing import Any
from uuid import UUID

import pytest

from gateway.domain.handoff import RecallCode
from gateway.domain.measure import MeasureKind
from gateway.domain.organisation import SCOPES
from gateway.domain.refusals import (
    EditConflict,
    Forbidden,
    NotFound,
    SecondPersonRequired,
    ValidationFailed,
    WrongState,
)
from gateway.evidence import event, sd_jwt
from gateway.exchange.case import cases, measures
from gateway.exchange.case.measures import MeasureEnd, MeasureRequest
from gateway.exchange.handoffs import offers, package_consultation, recalls
from gateway.exchange.handoffs.recalls import RecallRequest
from gateway.exchange.lifecycle import erasure
from gateway.exchange.standing.consultations import ConsultationRequest
from gateway.kernel.results import to_json
from gateway.kernel.transact import RecordedRefusal, WriteResult
from gateway.store.registry_proof import RegistryComparison
from tests import answers
from tests.casework import (
    CLEARED,
    accepted,
    case_content,
    consulted,
    element_id,
    offer_of,
    offered,
    revised,
    submitted,
)
from tests.each import each
from tests.exchange.moving_mandates import accepted_by_successor, agreed, carry_out
from tests.founded_gateway import ABROAD, CSAM_FR, HOTLINE, OCRVP, OFMIN, Founded, caller, fields_of
from tests.log_check import handoffs_compared, registry_compared

HOUR = timedelta(hours=1)
REMOVAL = {"to": ABROAD, "purpose": ("remove",), "country_reason": "hosted behind a CDN"}
EMBARGO, SUSPENSION, MARK = MeasureKind.EMBARGO, MeasureKind.SUSPENSION, MeasureKind.MARK
CODES = {EMBARGO: "operation", SUSPENSION: "accuracy_contested", MARK: "objection"}
ON_URL = {"elements": (element_id("url"),)}
ON_VICTIM = {"elements": (element_id("victim"),)}
TWO = {"approved_by": "approver-1"}
DANGER = {"urgency": "imminent_danger", "urgency_reason": "child_located"}


def wanted(gateway: Founded, kind: MeasureKind, **changes: Any) -> MeasureRequest:
    until = None if kind is MARK else gateway.ports.now() + 2 * HOUR
    values = {"kind": kind, "by": "officer-1", "code": CODES[kind], "until": until}
    return MeasureRequest(**values | changes)


def id_of(case: WriteResult) -> UUID:
    return UUID(case.result["case"])


def held(gateway: Founded, handoff: UUID, **changes: Any) -> WriteResult:
    """OFMIN sets an embargo on a case that it accepted under its mandate."""
    return gateway.act(OFMIN, measures.on_handoff, handoff, wanted(gateway, EMBARGO, **changes))


def taken(gateway: Founded, case: WriteResult | None = None) -> tuple[WriteResult, UUID]:
    """A case, and its handoff that OFMIN accepted."""
    case = case or submitted(gateway)
    return case, accepted(gateway, offered(gateway, case))


def embargoed(
    gateway: Founded, case: WriteResult | None = None, **changes: Any
) -> tuple[WriteResult, UUID, WriteResult]:
    """A case, its handoff to OFMIN, and the embargo that OFMIN set."""
    case, handoff = taken(gateway, case)
    return case, handoff, held(gateway, handoff, **changes)


def restricted(gateway: Founded, case: WriteResult, kind: MeasureKind, **changes: Any) -> Any:
    return gateway.act(HOTLINE, measures.on_case, id_of(case), wanted(gateway, kind, **changes))


def suspended(gateway: Founded) -> tuple[WriteResult, UUID]:
    """A case that OFMIN accepted, and its originator suspended."""
    case, handoff = taken(gateway)
    restricted(gateway, case, SUSPENSION)
    return case, handoff


def end_of(measure: WriteResult, by: str = "officer-1", **more: Any) -> MeasureEnd:
    return MeasureEnd(UUID(str(measure.result["measure"])), by, **more)


def opening(code: str) -> ConsultationRequest:
    return ConsultationRequest("officer-1", code, "needed")


def opened(gateway: Founded, handoff: UUID, code: str, reader: str = OFMIN) -> Any:
    return gateway.act(reader, package_consultation.consult, handoff, opening(code)).result


def shown(gateway: Founded, reader: str, handoff: UUID) -> list[dict[str, Any]]:
    """The measures of a case, as a party of its handoff reads them."""
    return list(gateway.view(reader, handoff).get("measures") or ())


def kept(gateway: Founded, case: WriteResult, rule: str = "R7.embargo") -> RecordedRefusal:
    """The refusal of an offer of a case for removal."""
    return gateway.denied(rule, HOTLINE, offers.offer, id_of(case), offer_of(gateway, **REMOVAL))


def may_go(gateway: Founded, case: WriteResult) -> bool:
    return bool(offered(gateway, case, **REMOVAL).result["state"] == "offered")


def told_last(gateway: Founded, organisation: str) -> dict[str, Any]:
    """What the newest event of an organisation says to it."""
    told = gateway.stream(organisation)[-1].event
    shown = event.open_disclosures(told.document, told.shown_to(organisation)).shown
    read = {kind: value for kind, value in shown if kind != "party"}
    return {**read, "subject": json.loads(read["subject"])}


# --- an embargo ----------------------------------------------------------------------------------


@pytest.mark.parametrize("end", ["its time", "its setter"])
def test_an_authority_that_holds_a_case_stops_its_offer_for_removal_until_an_end(gateway, end):
    case, handoff, embargo = embargoed(gateway)
    kept(gateway, case)
    if end == "its time":
        gateway.clock.advance(3 * HOUR)
    else:
        gateway.act(OFMIN, measures.on_handoff, handoff, end_of(embargo))
    assert may_go(gateway, case)


def test_an_embargo_that_a_case_states_itself_stops_its_offer_for_removal_until_its_day(gateway):
    terms = {"no_notice_to_host": True, "no_publication": False, "until": "2026-03-04"}
    embargo = {**terms, "reason": "operation", "set_by": OFMIN}
    case = submitted(gateway, originator=OFMIN, marking={"embargo": embargo})
    asked = offers.offer, id_of(case), offer_of(gateway, **REMOVAL)
    gateway.denied("R7.embargo", OFMIN, *asked)
    gateway.day = date(2026, 3, 4)
    assert gateway.act(OFMIN, *asked).result["state"] == "offered"


def test_only_the_elements_under_an_embargo_stay_back(gateway):
    case, *_ = embargoed(gateway, **ON_URL)
    offer = offered(gateway, case, **REMOVAL)
    placed = sd_jwt.read_stored(case.result["document"]).placed
    given = {p.digest for p in placed} & {*offer.result["permitted_disclosures"]}
    kinds = {p.value["kind"] for p in placed if p.name == "items" and p.digest in given}
    assert kinds == {"host"}


def test_a_mark_on_a_case_without_items_is_no_embargo(gateway):
    case = submitted(gateway, items=[])
    restricted(gateway, case, MARK, **ON_VICTIM, **TWO)
    assert may_go(gateway, case)


def test_a_holder_that_accepted_before_sees_embargoed_items_no_more(gateway):
    case = submitted(gateway)
    other = accepted(gateway, offered(gateway, case, **REMOVAL), recipient=ABROAD)
    assert "items" not in opened(gateway, other, "take_down", ABROAD)["withheld_groups"]
    embargoed(gateway, case)
    assert "items" in opened(gateway, other, "take_down", ABROAD)["withheld_groups"]


def test_an_embargo_is_set_by_an_authority_on_what_it_has_accepted(gateway):
    case = submitted(gateway)
    offer = UUID(offered(gateway, case).result["handoff"])
    asked = wanted(gateway, EMBARGO)
    denied = gateway.refused(Forbidden, HOTLINE, measures.on_case, id_of(case), asked)
    assert denied.rules == ("R7.powers",)
    gateway.denied("R7.accepted", OFMIN, measures.on_handoff, offer, asked)
    gateway.refused(NotFound, OFMIN, measures.on_case, id_of(case), asked)


@each("reads_first", [False, True])
def test_who_sets_an_embargo_reads_who_has_the_case_for_removal_already(gateway, reads_first):
    assert embargoed(gateway)[2].result["held_for_removal"] == []
    case = submitted(gateway)
    removing = accepted(gateway, offered(gateway, case, **REMOVAL), recipient=ABROAD)
    if reads_first:
        opened(gateway, removing, "take_down", ABROAD)
    had = [{"kind": "hotline", "holders": 1, "opened": int(reads_first)}]
    assert embargoed(gateway, case)[2].result["held_for_removal"] == had


@each("elements", [(), ON_URL["elements"]])
def test_who_set_an_embargo_hears_at_once_of_a_removal_that_another_reports(gateway, elements):
    case = submitted(gateway)
    removing = accepted(gateway, offered(gateway, case, **REMOVAL), recipient=ABROAD)
    _, handoff, embargo = embargoed(gateway, case, elements=elements)
    before = len(gateway.types(OFMIN))
    gateway.answer(ABROAD, answers.outcome, removing, code="received")
    gateway.answer(ABROAD, answers.outcome, removing, code="removed", items=[element_id("host")])
    assert len(gateway.types(OFMIN)) == before + (not elements)
    gateway.answer(ABROAD, answers.outcome, removing, code="removed")
    told = told_last(gateway, OFMIN)
    assert gateway.types(OFMIN)[-1] == "case.removal_reported"
    said = {"measure": embargo.result["measure"], "holder": "hotline", "outcome": "removed"}
    assert told["subject"] == said and ABROAD not in str(told)
    arrived = [one["type"] for one in gateway.view(OFMIN, handoff)["arrivals"]]
    assert set(arrived) == {"case.removal_reported"}
    assert handoffs_compared(gateway).sentences() == ()


def test_a_renewal_takes_a_second_person_and_replaces_the_one_before(gateway):
    _, handoff, first = embargoed(gateway)
    alone = wanted(gateway, EMBARGO)
    gateway.refused(SecondPersonRequired, OFMIN, measures.on_handoff, handoff, alone)
    held(gateway, handoff, approved_by="approver-2")
    (one,) = shown(gateway, OFMIN, handoff)
    assert one["measure"] != first.result["measure"]


@pytest.mark.parametrize("elements", [(), ON_URL["elements"]])
def test_one_person_does_not_end_and_set_again(gateway, elements):
    _, handoff, first = embargoed(gateway, elements=(element_id("url"), element_id("host")))
    gateway.act(OFMIN, measures.on_handoff, handoff, end_of(first))
    gateway.clock.advance(5 * 24 * HOUR)
    alone = wanted(gateway, EMBARGO, elements=elements)
    gateway.refused(SecondPersonRequired, OFMIN, measures.on_handoff, handoff, alone)
    both = {"elements": elements, "approved_by": "approver-2"}
    held(gateway, handoff, **both)
    gateway.clock.advance(7 * 24 * HOUR)
    with pytest.raises(ValidationFailed):
        held(gateway, handoff, until=gateway.ports.now() + 3 * 24 * HOUR, **both)


def test_one_person_suspends_again_only_after_a_while(gateway):
    case = submitted(gateway)
    restricted(gateway, case, SUSPENSION)
    gateway.clock.advance(4 * HOUR)
    alone = wanted(gateway, SUSPENSION)
    gateway.refused(SecondPersonRequired, HOTLINE, measures.on_case, id_of(case), alone)
    gateway.clock.advance(72 * HOUR)
    restricted(gateway, case, SUSPENSION)


def test_no_version_and_no_recall_ends_an_embargo(gateway):
    case, handoff, _ = embargoed(gateway)
    newer = revised(gateway, case)
    recall = RecallRequest("approver-1", RecallCode.OTHER, "given back", "approver-2")
    gateway.act(HOTLINE, recalls.of_handoff, handoff, recall)
    kept(gateway, newer)


def test_the_originator_hears_who_set_it_and_another_holder_until_when_alone(gateway):
    case = submitted(gateway)
    private = accepted(gateway, offered(gateway, case, to=ABROAD), recipient=ABROAD)
    opened(gateway, private, "assessment", ABROAD)
    _, handoff, embargo = embargoed(gateway, case)
    assert fields_of(embargo.receipt)["handoff"] == str(handoff)
    assert gateway.types(HOTLINE)[-1] == "case.embargoed"
    assert gateway.types(ABROAD)[-1] == "case.held", "no word of who speaks so"
    assert told_last(gateway, ABROAD)["subject"]["kind"] == "hold"
    restricted(gateway, case, SUSPENSION)
    of_others = [*shown(gateway, ABROAD, private)]
    of_others += [m for m in shown(gateway, OFMIN, handoff) if m["kind"] == "suspension"]
    assert len(of_others) == 3
    for one in of_others:
        assert one["until"] and "setter" not in one and "code" not in one


@each("accepts", [False, True])
def test_a_private_holder_that_opened_nothing_hears_of_no_embargo_until_it_does(gateway, accepts):
    case = submitted(gateway)
    offer = offered(gateway, case, **REMOVAL)
    private = UUID(offer.result["handoff"])
    if accepts:
        accepted(gateway, offer, recipient=ABROAD)
    before = gateway.types(ABROAD)
    _, handoff, embargo = embargoed(gateway, case)
    assert shown(gateway, ABROAD, private) == [] == gateway.view(ABROAD, private)["arrivals"]
    acts = {one["action"] for one in gateway.view(ABROAD, private)["acts"]}
    assert "case.end_measure" not in acts
    gateway.act(OFMIN, measures.on_handoff, handoff, end_of(embargo))
    assert gateway.types(ABROAD) == before
    held(gateway, handoff, approved_by="approver-2")
    if accepts:
        assert "items" in opened(gateway, private, "take_down", ABROAD)["withheld_groups"]
        assert [one["kind"] for one in shown(gateway, ABROAD, private)] == ["hold"]
        now = next(one for one in shown(gateway, OFMIN, handoff) if one["ended_at"] is None)
        ended = MeasureEnd(UUID(now["measure"]), "officer-1")
        gateway.act(OFMIN, measures.on_handoff, handoff, ended)
        assert gateway.types(ABROAD)[-1] == "case.measure_ended"
        assert told_last(gateway, ABROAD)["subject"]["kind"] == "hold"
    assert handoffs_compared(gateway).sentences() == ()


def test_a_regulator_learns_only_before_which_day_not_to_act(gateway):
    entry = {"name": "A regulator", "kind": "regulator", "country": "FR", "regimes": ["gdpr"]}
    gateway.administer("organisation.admit", "regulator", **entry, public_authority=True)
    seat = {"membership": "full", "start": "2000-01-01", "decision_ref": "statutes"}
    gateway.administer("membership.grant", "regulator", **seat)
    gateway.administer("system.register", "regulator", system="desk", scopes=sorted(SCOPES))
    case = submitted(gateway)
    offer = offered(gateway, case, **{**REMOVAL, "to": "regulator"})
    *_, embargo = embargoed(gateway, case)
    (one,) = shown(gateway, "regulator", UUID(offer.result["handoff"]))
    assert one.keys() - {"ended_at"} == {"measure", "kind", "until"}
    assert one["until"].endswith("T00:00:00+00:00") and one["until"] > embargo.result["until"]
    subject = told_last(gateway, "regulator")["subject"]
    assert subject.keys() == {"measure", "kind", "until"}
    assert subject["until"] == one["until"]


def test_who_gave_a_case_back_is_shown_measures_on_it_only_if_it_had_accepted(gateway):
    for end in (answers.decline, answers.redirect):
        case = submitted(gateway)
        had = accepted(gateway, offered(gateway, case, to=ABROAD), recipient=ABROAD)
        gateway.answer(ABROAD, end, had, reason="not ours")
        restricted(gateway, case, MARK, **ON_VICTIM, **TWO)
        assert gateway.types(ABROAD)[-1] == "case.restricted"
        assert [one["kind"] for one in shown(gateway, ABROAD, had)] == ["mark"]
    case = submitted(gateway)
    never = UUID(offered(gateway, case, to=ABROAD).result["handoff"])
    gateway.answer(ABROAD, answers.decline, never, reason="not ours")
    embargoed(gateway, case)
    assert [len(shown(gateway, reader, never)) for reader in (ABROAD, HOTLINE)] == [0, 1]


def test_an_outcome_reads_as_received_for_a_private_party_while_an_embargo_holds(gateway):
    _, handoff, _ = embargoed(gateway)
    gateway.answer(OFMIN, answers.outcome, handoff, code="no_further_action")
    assert gateway.view(HOTLINE, handoff)["answers"][-1]["code"] == "received"
    gateway.clock.advance(3 * HOUR)
    assert gateway.view(HOTLINE, handoff)["answers"][-1]["code"] == "closed"


# --- ended by others -----------------------------------------------------------------------------

OF_ANOTHER = "R7.measure_of_another.recipient"
BY_TWO = {"reason": "the child was moved", "approved_by": "approver-2"}


def also_competent(gateway: Founded, case: WriteResult) -> UUID:
    """A second authority accepts a case under the same mandate."""
    gateway.mandate(OCRVP)
    return accepted(gateway, offered(gateway, case, organisation=OCRVP), recipient=OCRVP)


def in_danger(gateway: Founded) -> tuple[WriteResult, UUID, WriteResult, UUID]:
    """A case in imminent danger under an embargo of OFMIN, and the handoff of another authority."""
    case, handoff, embargo = embargoed(gateway, submitted(gateway, **DANGER))
    return case, handoff, embargo, also_competent(gateway, case)


def test_in_imminent_danger_two_persons_of_who_holds_a_case_by_mandate_end_its_embargo(gateway):
    case, _, embargo, other = in_danger(gateway)
    asked = OCRVP, measures.on_handoff, other
    alone = end_of(embargo, reason="the child was moved")
    gateway.refused(SecondPersonRequired, *asked, alone)
    gateway.refused(SecondPersonRequired, *asked, replace(alone, approved_by=alone.by))
    with pytest.raises(ValidationFailed):
        gateway.act(*asked, end_of(embargo, approved_by="approver-2"))
    kept(gateway, case)
    gateway.act(*asked, end_of(embargo, **BY_TWO))
    assert may_go(gateway, case)


def test_setter_and_originator_of_an_embargo_hear_who_ended_it_in_danger_and_why(gateway):
    *_, embargo, other = in_danger(gateway)
    gateway.act(OCRVP, measures.on_handoff, other, end_of(embargo, **BY_TWO))
    for hearer in (OFMIN, HOTLINE):
        assert gateway.types(hearer)[-1] == "case.measure_ended"
        told = told_last(gateway, hearer)
        assert (told["reason"], told["subject"]["by"]) == (BY_TWO["reason"], OCRVP)
        assert not {"by", "approved_by"} & told.keys(), "no person of another organisation"


def test_an_originator_that_set_it_hears_who_ended_its_embargo_in_danger_and_why(gateway):
    gateway.mandate(OCRVP)
    case = submitted(gateway, originator=OFMIN, **DANGER)
    own = wanted(gateway, EMBARGO)
    embargo = gateway.act(OFMIN, measures.on_case, id_of(case), own)
    offer = offered(gateway, case, originator=OFMIN, organisation=OCRVP)
    other = accepted(gateway, offer, recipient=OCRVP)
    gateway.act(OCRVP, measures.on_handoff, other, end_of(embargo, **BY_TWO))
    told = told_last(gateway, OFMIN)
    assert (told["reason"], told["subject"]["by"]) == (BY_TWO["reason"], OCRVP)


def test_danger_is_the_word_of_the_newest_version_and_not_of_who_ends(gateway):
    case, _, embargo = embargoed(gateway)
    other = also_competent(gateway, case)
    asked = OCRVP, measures.on_handoff, other, end_of(embargo, **BY_TWO)
    gateway.denied(OF_ANOTHER, *asked)
    revised(gateway, case, **DANGER)
    gateway.act(*asked)


def test_danger_ends_no_measure_but_an_embargo(gateway):
    case, handoff = taken(gateway, submitted(gateway, **DANGER))
    suspension = restricted(gateway, case, SUSPENSION)
    end = end_of(suspension, **BY_TWO)
    gateway.denied(OF_ANOTHER, OFMIN, measures.on_handoff, handoff, end)


def test_the_originator_ends_no_embargo_of_another_in_danger_either(gateway):
    case, _, embargo, _ = in_danger(gateway)
    end = end_of(embargo, **BY_TWO)
    gateway.denied("R7.measure_of_another", HOTLINE, measures.on_case, id_of(case), end)


def test_who_erased_its_copies_ends_its_own_embargo_and_sets_and_ends_no_other(gateway):
    _, handoff, embargo, other = in_danger(gateway)
    for who, where in ((OFMIN, handoff), (OCRVP, other)):
        gateway.answer(who, answers.retain, where, legal_basis="CPP 706-47")
        gateway.answer(who, answers.answer_recall, where, done="copies_erased")
    again = wanted(gateway, EMBARGO, approved_by="approver-2")
    gateway.refused(WrongState, OFMIN, measures.on_handoff, handoff, again)
    gateway.denied(OF_ANOTHER, OCRVP, measures.on_handoff, other, end_of(embargo, **BY_TWO))
    gateway.act(OFMIN, measures.on_handoff, handoff, end_of(embargo))


def words(gateway: Founded, organisation: str) -> str:
    """All that the events of an organisation say."""
    logged = [one.event.disclosures for one in gateway.stream(organisation)]
    return " ".join(str(detail.value) for details in logged for detail in details)


def test_the_words_of_who_ends_an_embargo_of_another_end_with_the_case(gateway):
    *_, embargo, other = in_danger(gateway)
    gateway.act(OCRVP, measures.on_handoff, other, end_of(embargo, **BY_TWO))
    hearers = OFMIN, HOTLINE, OCRVP
    assert all(BY_TWO["reason"] in words(gateway, one) for one in hearers)
    gateway.clock.advance(timedelta(days=4000))
    assert erasure.erase_due(gateway.ports) == 1
    assert not any(BY_TWO["reason"] in words(gateway, one) for one in hearers)


def test_who_may_open_a_case_after_its_recall_hears_of_its_measures(gateway):
    """Else its bundle shows a mark that never ended, and what it opens then as let through."""
    case, handoff = taken(gateway)
    two = {"by": "approver-1", "approved_by": "approver-2"}
    mark = restricted(gateway, case, MARK, **ON_URL, **two)
    recall = RecallRequest(**two, code=RecallCode.OTHER, reason="x")
    gateway.act(HOTLINE, recalls.of_case, id_of(case), recall)
    gateway.act(HOTLINE, measures.on_case, id_of(case), end_of(mark, **two))
    assert gateway.types(OFMIN)[-1] == "case.measure_ended"
    assert shown(gateway, OFMIN, handoff) == []


def test_a_measure_that_is_over_is_ended_by_nobody(gateway):
    _, handoff, embargo = embargoed(gateway)
    gateway.clock.advance(3 * HOUR)
    with pytest.raises(EditConflict):
        end = end_of(embargo, reason="no longer needed")
        gateway.act(OFMIN, measures.on_handoff, handoff, end)


def test_who_ends_a_measure_writes_no_words_about_an_erased_case(gateway):
    _, handoff = taken(gateway)
    gateway.clock.advance(timedelta(days=364, hours=-2))
    embargo = held(gateway, handoff, until=None)
    gateway.clock.advance(timedelta(hours=48))
    assert erasure.erase_due(gateway.ports) == 1
    with pytest.raises(ValidationFailed):
        end = end_of(embargo, reason="the address is known")
        gateway.act(OFMIN, measures.on_handoff, handoff, end)


def embargo_of_a_predecessor(gateway: Founded) -> tuple[WriteResult, UUID]:
    """An embargo of OFMIN until its sixth day, whose mandate moved to OCRVP on the third; and the
    handoff that OCRVP accepted."""
    _, handoff, _ = embargoed(gateway, until=None)
    gateway.clock.advance(timedelta(days=1))
    later = gateway.ports.now() + timedelta(days=4)
    embargo = held(gateway, handoff, until=later, approved_by="approver-2")
    succession = agreed(gateway, effective_on="2026-03-04")
    gateway.clock.advance(timedelta(days=2))
    carry_out(gateway, succession)
    return embargo, accepted_by_successor(gateway, handoff)


def test_the_successor_in_the_mandate_ends_what_its_predecessor_set(gateway):
    embargo, new = embargo_of_a_predecessor(gateway)
    gateway.act(OCRVP, measures.on_handoff, new, end_of(embargo, reason="the operation is over"))
    assert gateway.types(OFMIN)[-1] == "case.measure_ended"
    assert told_last(gateway, OFMIN)["reason"] == "the operation is over"
    assert "reason" not in told_last(gateway, HOTLINE)


@pytest.mark.parametrize("ended", [False, True])
def test_what_the_successor_sets_goes_on_with_the_embargo_of_its_predecessor(gateway, ended):
    embargo, new = embargo_of_a_predecessor(gateway)
    asked = OCRVP, measures.on_handoff, new
    if ended:
        gateway.act(*asked, end_of(embargo, reason="the operation is over"))
    gateway.refused(SecondPersonRequired, *asked, wanted(gateway, EMBARGO))
    gateway.clock.advance(timedelta(days=8))
    both = {"until": None, "approved_by": "approver-2"}
    renewed = gateway.act(*asked, wanted(gateway, EMBARGO, **both)).result
    assert renewed["until"].startswith("2026-03-16"), "fourteen days after the first was set"
    gateway.clock.advance(timedelta(days=4))
    with pytest.raises(ValidationFailed):
        gateway.act(*asked, wanted(gateway, EMBARGO, **both))


def test_an_embargo_of_another_mandate_is_no_renewal(gateway):
    case, _, _ = embargoed(gateway)
    other = also_competent(gateway, case)
    gateway.act(OCRVP, measures.on_handoff, other, wanted(gateway, EMBARGO))


@pytest.mark.parametrize("gone", ["suspended", "left", "no member"])
def test_two_administrators_lift_what_a_member_set_that_is_suspended_or_gone(gateway, gone):
    case, _, embargo = embargoed(gateway, until=None)
    lift = {"measure": embargo.result["measure"], "reason": "its setter cannot"}
    with pytest.raises(RecordedRefusal):
        gateway.administer("case.lift_embargo", OFMIN, **lift)
    if gone == "suspended":
        gateway.administer("organisation.suspend", OFMIN, reason="under review")
    elif gone == "left":
        gateway.administer("organisation.leave", OFMIN, reason="it was dissolved")
    else:
        gateway.administer("membership.end", OFMIN, until="2026-03-01")
        with pytest.raises(RecordedRefusal):
            gateway.administer("case.lift_embargo", OFMIN, **lift)
        gateway.administer("mandate.end", OFMIN, competence=CSAM_FR, until="2026-03-01")
    with pytest.raises(RecordedRefusal):
        gateway.administer("case.lift_embargo", OCRVP, **lift)
    gateway.administer("case.lift_embargo", OFMIN, **lift)
    assert gateway.types(HOTLINE)[-1] == gateway.types(OFMIN)[-1] == "case.embargo_lifted"
    assert may_go(gateway, case)
    with pytest.raises(EditConflict):
        gateway.administer("case.lift_embargo", OFMIN, **lift)
    assert registry_compared(gateway) == RegistryComparison(frozenset(), ())


def stated(gateway: Founded, days: int | None, earlier: WriteResult | None = None) -> WriteResult:
    """A version of OFMIN that states an embargo for so many days, or none."""
    until = gateway.ports.now().date() + timedelta(days=days or 0)
    terms = {"no_notice_to_host": True, "no_publication": False, "until": until.isoformat()}
    embargo = {**terms, "reason": "operation", "set_by": OFMIN}
    marking = {} if days is None else {"marking": {"embargo": embargo}}
    if earlier is None:
        return submitted(gateway, originator=OFMIN, **marking)
    return revised(gateway, earlier, originator=OFMIN, **marking)


def test_no_version_begins_the_time_of_an_embargo_again(gateway):
    """Which is left out for a while, and stated again."""
    case = stated(gateway, 9)
    gateway.clock.advance(timedelta(days=4))
    without = stated(gateway, None, case)
    gateway.clock.advance(timedelta(days=4))
    with pytest.raises(ValidationFailed):
        stated(gateway, 7, without)
    again = stated(gateway, 6, without)
    gateway.clock.advance(timedelta(days=21))
    stated(gateway, 14, stated(gateway, None, again))


@pytest.mark.parametrize("first", ["in a version", "beside"])
def test_an_embargo_in_a_version_and_one_beside_it_are_one_chain(gateway, first):
    case = stated(gateway, 3 if first == "in a version" else None)
    on_own = measures.on_case, id_of(case)
    if first == "beside":
        gateway.act(OFMIN, *on_own, wanted(gateway, EMBARGO, until=None))
    gateway.clock.advance(timedelta(days=12))
    if first == "beside":
        with pytest.raises(ValidationFailed):
            stated(gateway, 3, case)
        stated(gateway, 2, case)
        return
    gateway.refused(SecondPersonRequired, OFMIN, *on_own, wanted(gateway, EMBARGO))
    both = wanted(gateway, EMBARGO, until=None, approved_by="approver-2")
    assert gateway.act(OFMIN, *on_own, both).result["until"].startswith("2026-03-16")


# --- the police first ----------------------------------------------------------------------------


@pytest.fixture
def police_first(gateway: Founded) -> Founded:
    gateway.ports = replace(gateway.ports, police_first=24 * HOUR)
    return gateway


@pytest.mark.parametrize("by", ["silence", "their word", "no offer to them", "no convention"])
def test_a_removal_waits_for_the_police_until_they_let_it_go_ahead(police_first, by):
    gateway, case = police_first, submitted(police_first)
    if by == "no convention":
        gateway.ports = replace(gateway.ports, police_first=timedelta(0))
        assert may_go(gateway, case)
        return
    kept(gateway, case, "R7.police_first")
    if by != "no offer to them":
        gateway.clock.advance(HOUR)
        handoff = UUID(offered(gateway, case).result["handoff"])
        gateway.clock.advance(23 * HOUR)
    else:
        gateway.clock.advance(24 * HOUR - timedelta(seconds=2))
    assert kept(gateway, case, "R7.police_first").refusal.help["held_until"]
    if by == "their word":
        gateway.answer(OFMIN, answers.go_ahead, handoff)
    else:
        gateway.clock.advance(HOUR)
    assert may_go(gateway, case)


def test_a_removal_waits_for_no_police_where_none_is_there_for_its_matter(police_first):
    assert may_go(police_first, submitted(police_first, matter=["grooming"]))


def test_a_removal_waits_for_the_police_though_their_offer_is_withdrawn(police_first):
    case = submitted(police_first)
    handoff = UUID(offered(police_first, case).result["handoff"])
    police_first.answer(HOTLINE, answers.withdraw, handoff, "sent again tomorrow")
    kept(police_first, case, "R7.police_first")


# --- restrictions of processing ------------------------------------------------------------------


def test_a_suspension_stops_consultations_and_offers_at_once_but_for_proceedings(gateway):
    case, handoff = suspended(gateway)
    looked = opening("investigation")
    gateway.denied("R13.suspension", OFMIN, package_consultation.consult, handoff, looked)
    wanted_ = offer_of(gateway, ABROAD)
    gateway.denied("R13.suspension.offer", HOTLINE, offers.offer, id_of(case), wanted_)
    assert opened(gateway, handoff, "in_proceedings")["presentation"]
    assert gateway.act(HOTLINE, cases.consult, id_of(case), opening("quality"))


def test_a_cleared_version_ends_a_suspension_and_a_draft_does_not(gateway):
    case, handoff = suspended(gateway)
    newer = revised(gateway, case, clearance=None)
    looked = opening("investigation")
    gateway.denied("R13.suspension", OFMIN, package_consultation.consult, handoff, looked)
    for step, by in ((cases.assess, CLEARED.assessed_by), (cases.clear, CLEARED.cleared_by)):
        gateway.act(HOTLINE, step, id_of(newer), cases.CaseStepRequest(by))
    assert consulted(gateway, handoff).result["presentation"]
    case, handoff = suspended(gateway)
    revised(gateway, case)
    assert consulted(gateway, handoff).result["presentation"]


def test_a_marked_element_is_opened_for_few_reasons_and_offered_to_nobody(gateway):
    case, handoff = taken(gateway)
    restricted(gateway, case, MARK, **ON_VICTIM, **TWO)
    assert "subjects" in consulted(gateway, handoff).result["withheld_groups"]
    assert "subjects" not in opened(gateway, handoff, "evidence")["withheld_groups"]
    assert "subjects" in offered(gateway, case, to=ABROAD).result["withheld_groups"]


def test_one_person_neither_sets_nor_ends_a_mark(gateway):
    case = submitted(gateway)
    alone = wanted(gateway, MARK, **ON_VICTIM)
    gateway.refused(SecondPersonRequired, HOTLINE, measures.on_case, id_of(case), alone)
    end = end_of(restricted(gateway, case, MARK, **ON_VICTIM, **TWO))
    gateway.refused(SecondPersonRequired, HOTLINE, measures.on_case, id_of(case), end)


def test_no_version_sheds_a_measure_by_another_id(gateway):
    case = submitted(gateway)
    restricted(gateway, case, MARK, **ON_VICTIM, **TWO)
    subjects = case_content(id_of(case))["subjects"]
    others = [one for one in subjects if one["id"] != element_id("victim")]
    (victim,) = (one for one in subjects if one["id"] == element_id("victim"))
    for changed, pointer in (
        (others, "/content/subjects"),
        (
            [*subjects, {**victim, "id": str(gateway.new_id())}],
            f"/content/subjects/{len(subjects)}",
        ),
    ):
        with pytest.raises(ValidationFailed) as failed:
            revised(gateway, case, subjects=changed)
        assert [where for where, _ in failed.value.errors] == [pointer]


def test_a_measure_names_elements_of_the_case(gateway):
    with pytest.raises(ValidationFailed):
        restricted(gateway, submitted(gateway), SUSPENSION, elements=(str(gateway.new_id()),))


def test_a_repeated_request_sets_one_measure_which_is_ended_once(gateway):
    case = submitted(gateway)
    asked = HOTLINE, measures.on_case, id_of(case)
    set_ = wanted(gateway, SUSPENSION)
    first = gateway.act(*asked, set_, key="the same")
    assert gateway.act(*asked, set_, key="the same").result == first.result
    assert len(to_json(cases.look_up(gateway.ports, caller(HOTLINE), id_of(case)))["measures"]) == 1
    end = end_of(first)
    gateway.act(*asked, end)
    assert gateway.act(*asked, set_, key="the same").result == first.result, "also after its end"
    with pytest.raises(EditConflict):
        gateway.act(*asked, end)
