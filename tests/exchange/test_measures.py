"""Measures on a case: who sets them, what they stop at once, and who hears of them."""

import json
from dataclasses import replace
from datetime import timedelta
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
from gateway.exchange import (
    cases,
    duties,
    erasure,
    handoffs,
    measures,
    offers,
    open_duties,
    recalls,
    succession_execution,
    successions,
)
from gateway.exchange.consultations import ConsultationRequest
from gateway.exchange.measures import (
    EmbargoConfirmation,
    EmbargoContest,
    MeasureEnd,
    MeasureRequest,
)
from gateway.exchange.recalls import RecallRequest
from gateway.exchange.successions import SuccessionApprovalRequest
from gateway.kernel.results import to_json
from gateway.kernel.transact import RecordedRefusal, WriteResult
from gateway.store.registry_proof import RegistryComparison
from tests import answers
from tests.exchange.test_recalls import refused
from tests.founding import (
    ABROAD,
    CLEARED,
    HOTLINE,
    OCRVP,
    OFMIN,
    Founded,
    accepted,
    caller,
    case_content,
    conditions_of,
    consulted,
    element_id,
    fields_of,
    offer_of,
    offered,
    registry_compared,
    revised,
    submitted,
)

HOUR = timedelta(hours=1)
REMOVAL = {"purpose": ("remove",), "country_reason": "hosted behind a CDN"}


def wanted(gateway: Founded, kind: MeasureKind, **changes: Any) -> MeasureRequest:
    code = {"embargo": "operation", "suspension": "accuracy_contested", "mark": "objection"}
    until = None if kind is MeasureKind.MARK else gateway.ports.now() + 2 * HOUR
    values = {"kind": kind, "by": "officer-1", "code": code[kind], "until": until}
    return MeasureRequest(**values | changes)


def held(gateway: Founded, handoff: UUID, **changes: Any) -> WriteResult:
    """OFMIN sets an embargo on a case that it accepted under its mandate."""
    asked = wanted(gateway, MeasureKind.EMBARGO, **changes)
    return gateway.act(OFMIN, measures.on_handoff, handoff, asked)


def restricted(gateway: Founded, case: WriteResult, kind: MeasureKind, **changes: Any):
    asked = wanted(gateway, kind, **changes)
    return gateway.act(HOTLINE, measures.on_case, UUID(case.result["case"]), asked)


def opening(code: str) -> ConsultationRequest:
    return ConsultationRequest("officer-1", code, "needed")


# --- an embargo ----------------------------------------------------------------------------------


def test_an_authority_that_holds_a_case_stops_its_offer_for_removal(gateway):
    case = submitted(gateway)
    held(gateway, accepted(gateway, offered(gateway, case)))
    offer = offer_of(gateway, ABROAD, **REMOVAL)
    failed = refused(
        gateway, offers.offer, caller(HOTLINE), gateway.key(), UUID(case.result["case"]), offer
    )
    assert isinstance(failed, Forbidden)
    assert failed.rules == ("R7.embargo",)


def test_the_offer_is_possible_once_the_embargo_has_ended_by_its_time(gateway):
    case = submitted(gateway)
    held(gateway, accepted(gateway, offered(gateway, case)))
    gateway.clock.advance(3 * HOUR)
    assert offered(gateway, case, to=ABROAD, **REMOVAL).result["state"] == "offered"


def test_the_offer_is_possible_once_its_setter_has_ended_the_embargo(gateway):
    case = submitted(gateway)
    handoff = accepted(gateway, offered(gateway, case))
    embargo = held(gateway, handoff)
    end = MeasureEnd(UUID(str(embargo.result["measure"])), "officer-1")
    gateway.act(OFMIN, measures.on_handoff, handoff, end)
    assert offered(gateway, case, to=ABROAD, **REMOVAL).result["state"] == "offered"


def test_only_the_elements_under_an_embargo_stay_back(gateway):
    case = submitted(gateway)
    held(gateway, accepted(gateway, offered(gateway, case)), elements=(element_id("url"),))
    offer = offered(gateway, case, to=ABROAD, **REMOVAL)
    url, host = (
        next(d for d in case.result["groups"]["items"] if name in _names(gateway, case, d))
        for name in ("url", "host")
    )
    assert url not in offer.result["permitted_disclosures"]
    assert host in offer.result["permitted_disclosures"]


def test_a_mark_on_a_case_without_items_is_no_embargo(gateway):
    case = submitted(gateway, items=[])
    marked = {"elements": (element_id("victim"),), "approved_by": "approver-1"}
    restricted(gateway, case, MeasureKind.MARK, **marked)
    assert offered(gateway, case, to=ABROAD, **REMOVAL).result["state"] == "offered"


def _names(gateway: Founded, case: WriteResult, digest: str) -> str:
    placed = sd_jwt.read_stored(case.result["document"]).placed
    return next(part.value["kind"] for part in placed if part.digest == digest)


def test_a_holder_that_accepted_before_sees_embargoed_items_no_more(gateway):
    case = submitted(gateway)
    taken = accepted(gateway, offered(gateway, case, to=ABROAD, **REMOVAL), recipient=ABROAD)

    def withheld() -> Any:
        asked = (caller(ABROAD), gateway.key(), taken, opening("take_down"))
        return gateway.do(handoffs.consult, *asked).result["withheld_groups"]

    assert "items" not in withheld()
    held(gateway, accepted(gateway, offered(gateway, case)))
    assert "items" in withheld()


def test_a_hotline_sets_no_embargo(gateway):
    case = submitted(gateway)
    asked = wanted(gateway, MeasureKind.EMBARGO)
    at = UUID(case.result["case"])
    failed = refused(gateway, measures.on_case, caller(HOTLINE), gateway.key(), at, asked)
    assert isinstance(failed, NotFound)


def test_an_authority_sets_no_embargo_on_what_it_has_not_accepted(gateway):
    handoff = UUID(offered(gateway).result["handoff"])
    asked = wanted(gateway, MeasureKind.EMBARGO)
    failed = refused(gateway, measures.on_handoff, caller(OFMIN), gateway.key(), handoff, asked)
    assert isinstance(failed, NotFound)


def test_a_renewal_takes_a_second_person_and_replaces_the_one_before(gateway):
    handoff = accepted(gateway)
    first = held(gateway, handoff)
    asked = wanted(gateway, MeasureKind.EMBARGO)
    alone = refused(gateway, measures.on_handoff, caller(OFMIN), gateway.key(), handoff, asked)
    assert isinstance(alone, SecondPersonRequired)
    held(gateway, handoff, approved_by="approver-2")
    view = to_json(handoffs.look_up(gateway.ports, caller(OFMIN), handoff))
    (one,) = view["measures"]
    assert one["measure"] != first.result["measure"]


@pytest.mark.parametrize("elements", [(), (element_id("url"),)])
def test_one_person_does_not_end_and_set_again(gateway, elements):
    handoff = accepted(gateway)
    first = held(gateway, handoff, elements=(element_id("url"), element_id("host")))
    end = MeasureEnd(UUID(str(first.result["measure"])), "officer-1")
    gateway.act(OFMIN, measures.on_handoff, handoff, end)
    gateway.clock.advance(5 * 24 * HOUR)
    asked = wanted(gateway, MeasureKind.EMBARGO, elements=elements)
    alone = refused(gateway, measures.on_handoff, caller(OFMIN), gateway.key(), handoff, asked)
    assert isinstance(alone, SecondPersonRequired)
    both = {"elements": elements, "approved_by": "approver-2"}
    held(gateway, handoff, **both)
    gateway.clock.advance(7 * 24 * HOUR)
    beyond = gateway.ports.now() + 3 * 24 * HOUR
    with pytest.raises(ValidationFailed):
        held(gateway, handoff, until=beyond, **both)


def test_one_person_suspends_again_only_after_a_while(gateway):
    case = submitted(gateway)
    at = UUID(case.result["case"])
    restricted(gateway, case, MeasureKind.SUSPENSION)
    gateway.clock.advance(4 * HOUR)
    asked = wanted(gateway, MeasureKind.SUSPENSION)
    alone = refused(gateway, measures.on_case, caller(HOTLINE), gateway.key(), at, asked)
    assert isinstance(alone, SecondPersonRequired)
    gateway.clock.advance(72 * HOUR)
    restricted(gateway, case, MeasureKind.SUSPENSION)


def test_no_version_and_no_recall_ends_an_embargo(gateway):
    case = submitted(gateway)
    handoff = accepted(gateway, offered(gateway, case))
    held(gateway, handoff)
    newer = revised(gateway, case)
    wanted = RecallRequest("approver-1", RecallCode.OTHER, "given back", "approver-2")
    gateway.act(HOTLINE, recalls.of_handoff, handoff, wanted)
    offer = offer_of(gateway, ABROAD, **REMOVAL)
    at = UUID(newer.result["case"])
    failed = refused(gateway, offers.offer, caller(HOTLINE), gateway.key(), at, offer)
    assert failed.rules == ("R7.embargo",)


def test_a_private_holder_learns_until_when_and_not_who_or_why(gateway):
    case = submitted(gateway)
    taken = accepted(gateway, offered(gateway, case, to=ABROAD), recipient=ABROAD)
    held(gateway, accepted(gateway, offered(gateway, case)))
    (one,) = to_json(handoffs.look_up(gateway.ports, caller(ABROAD), taken))["measures"]
    assert one["until"] and "setter" not in one and "code" not in one
    assert gateway.types(ABROAD)[-1] == "case.embargoed"


def test_a_regulator_learns_only_before_which_day_not_to_act(gateway):
    entry = {"name": "A regulator", "kind": "regulator", "country": "FR", "regimes": ["gdpr"]}
    gateway.administer("organisation.admit", "regulator", **entry, public_authority=True)
    seat = {"membership": "full", "start": "2000-01-01", "decision_ref": "statutes"}
    gateway.administer("membership.grant", "regulator", **seat)
    gateway.administer("system.register", "regulator", system="desk", scopes=sorted(SCOPES))
    case = submitted(gateway)
    taken = UUID(offered(gateway, case, to="regulator", **REMOVAL).result["handoff"])
    embargo = held(gateway, accepted(gateway, offered(gateway, case)))
    (one,) = to_json(handoffs.look_up(gateway.ports, caller("regulator"), taken))["measures"]
    assert one.keys() - {"ended_at"} == {"measure", "kind", "until"}
    assert one["until"].endswith("T00:00:00+00:00") and one["until"] > embargo.result["until"]
    told = gateway.stream("regulator")[-1].event
    opened = event.open_disclosures(told.document, told.shown_to("regulator"))
    subject = json.loads(dict(opened.shown)["subject"])
    assert subject.keys() == {"measure", "kind", "until"}
    assert subject["until"] == one["until"]


def test_an_authority_that_holds_the_case_is_not_told_either(gateway):
    case = submitted(gateway)
    taken = accepted(gateway, offered(gateway, case))
    restricted(gateway, case, MeasureKind.SUSPENSION)
    (one,) = to_json(handoffs.look_up(gateway.ports, caller(OFMIN), taken))["measures"]
    assert one["until"] and "setter" not in one and "code" not in one


def test_who_gave_a_case_back_is_shown_no_measures_on_it(gateway):
    case = submitted(gateway)
    taken = UUID(offered(gateway, case, to=ABROAD).result["handoff"])
    gateway.answer(ABROAD, answers.decline, taken, reason="not ours")
    held(gateway, accepted(gateway, offered(gateway, case)))
    shown = [
        to_json(handoffs.look_up(gateway.ports, caller(reader), taken)).get("measures")
        for reader in (ABROAD, HOTLINE)
    ]
    assert [len(one or ()) for one in shown] == [0, 1]


@pytest.mark.parametrize("end", [answers.decline, answers.redirect])
def test_who_gave_a_case_back_that_it_had_accepted_hears_of_measures_on_it(gateway, end):
    case = submitted(gateway)
    taken = accepted(gateway, offered(gateway, case, to=ABROAD), recipient=ABROAD)
    gateway.act(ABROAD, end, taken, answers.said("officer-1", reason="not ours"))
    marked = {"elements": (element_id("victim"),), "approved_by": "approver-1"}
    restricted(gateway, case, MeasureKind.MARK, **marked)
    assert gateway.types(ABROAD)[-1] == "case.restricted"
    shown = to_json(handoffs.look_up(gateway.ports, caller(ABROAD), taken))["measures"]
    assert [one["kind"] for one in shown] == ["mark"]


def test_the_originator_hears_of_an_embargo_on_its_case(gateway):
    handoff = accepted(gateway)
    written = held(gateway, handoff)
    assert fields_of(written.receipt)["handoff"] == str(handoff)
    assert gateway.types(HOTLINE)[-1] == "case.embargoed"


def test_a_judge_is_named_with_a_reference(gateway):
    handoff = accepted(gateway)
    asked = wanted(gateway, MeasureKind.EMBARGO, code="judge")
    with pytest.raises(ValidationFailed):
        measures.on_handoff(gateway.ports, caller(OFMIN), gateway.key(), handoff, asked)
    held(gateway, handoff, code="judge", authority="tribunal", reference="26/123")


def test_an_outcome_reads_as_received_for_a_private_party_while_an_embargo_holds(gateway):
    case = submitted(gateway)
    handoff = accepted(gateway, offered(gateway, case))
    held(gateway, handoff)
    gateway.answer(OFMIN, answers.outcome, handoff, code="no_further_action")
    view = to_json(handoffs.look_up(gateway.ports, caller(HOTLINE), handoff))
    assert view["answers"][-1]["code"] == "received"
    gateway.clock.advance(3 * HOUR)
    view = to_json(handoffs.look_up(gateway.ports, caller(HOTLINE), handoff))
    assert view["answers"][-1]["code"] == "closed"


# --- ended by others, contested, confirmed -------------------------------------------------------

DANGER = {"urgency": "imminent_danger", "urgency_reason": "child_located"}


def also_competent(gateway: Founded, case: WriteResult) -> UUID:
    """A second authority accepts a case under the same mandate."""
    mandate = {"function": "receive", "matter": "csam", "territory": "FR"}
    gateway.administer("mandate.grant", OCRVP, **mandate, legal_act="decree", start="2026-01-01")
    offer = offered(gateway, case, organisation=OCRVP)
    return accepted(gateway, offer, recipient=OCRVP)


def contested(gateway: Founded, by: str, where: UUID, embargo: WriteResult, ground: str) -> Any:
    """Contest an embargo on one's own case (a hotline), or on one that is held by mandate."""
    asked = EmbargoContest(UUID(embargo.result["measure"]), "officer-1", ground=ground)
    act = measures.on_case if by == HOTLINE else measures.on_handoff
    return gateway.act(by, act, where, asked)


def ended(gateway: Founded, by: str, where: UUID, embargo: WriteResult, **more: Any) -> Any:
    asked = MeasureEnd(UUID(embargo.result["measure"]), "officer-1", **more)
    return gateway.act(by, measures.on_handoff, where, asked)


def rules_against(gateway: Founded, by: str, where: UUID, embargo: WriteResult) -> Any:
    asked = MeasureEnd(UUID(embargo.result["measure"]), "officer-1", reason="a child")
    return refused(gateway, measures.on_handoff, caller(by), gateway.key(), where, asked).rules


def let_pass(gateway: Founded, hours: int) -> None:
    for _ in range(hours * 15):
        gateway.clock.advance(timedelta(minutes=4))
        duties.sweep(gateway.ports)


def test_who_holds_a_case_by_mandate_ends_an_embargo_unanswered_in_imminent_danger(gateway):
    case = submitted(gateway, **DANGER)
    embargo = held(gateway, accepted(gateway, offered(gateway, case)), until=None)
    other = also_competent(gateway, case)
    assert rules_against(gateway, OCRVP, other, embargo) == ("R7.measure_of_another.recipient",)
    contested(gateway, OCRVP, other, embargo, "imminent_danger")
    assert rules_against(gateway, OCRVP, other, embargo) == ("R7.measure_of_another.recipient",)
    let_pass(gateway, 2)
    with pytest.raises(ValidationFailed):
        ended(gateway, OCRVP, other, embargo)
    ended(gateway, OCRVP, other, embargo, reason="the child was moved")
    assert gateway.types(OFMIN)[-1] == gateway.types(HOTLINE)[-1] == "case.measure_ended"
    assert offered(gateway, case, to=ABROAD, **REMOVAL).result["state"] == "offered"


def test_a_confirmed_embargo_holds_in_imminent_danger(gateway):
    case = submitted(gateway, **DANGER)
    handoff = accepted(gateway, offered(gateway, case))
    embargo = held(gateway, handoff, until=None)
    other = also_competent(gateway, case)
    contested(gateway, OCRVP, other, embargo, "imminent_danger")
    assert "case.embargo_contested" in gateway.types(OFMIN)
    asked = EmbargoConfirmation(UUID(embargo.result["measure"]), "officer-1")
    gateway.act(OFMIN, measures.on_handoff, handoff, asked)
    assert gateway.types(OCRVP)[-1] == "case.embargo_confirmed"
    let_pass(gateway, 2)
    assert rules_against(gateway, OCRVP, other, embargo) == ("R7.measure_of_another.recipient",)
    at, offer = UUID(case.result["case"]), offer_of(gateway, ABROAD, **REMOVAL)
    failed = refused(gateway, offers.offer, caller(HOTLINE), gateway.key(), at, offer)
    assert failed.rules == ("R7.embargo",)


def test_who_erased_its_copies_ends_its_embargo_and_neither_sets_nor_confirms_one(gateway):
    case = submitted(gateway)
    at, handoff = UUID(case.result["case"]), accepted(gateway, offered(gateway, case))
    embargo = held(gateway, handoff, until=None)
    contested(gateway, HOTLINE, at, embargo, "too_long")
    gateway.answer(OFMIN, answers.retain, handoff, legal_basis="CPP 706-47")
    gateway.answer(OFMIN, answers.answer_recall, handoff, done="copies_erased")
    id_ = UUID(embargo.result["measure"])
    for asked in (
        wanted(gateway, MeasureKind.EMBARGO, approved_by="approver-2"),
        EmbargoConfirmation(id_, "officer-1"),
    ):
        args = (measures.on_handoff, caller(OFMIN), gateway.key(), handoff, asked)
        assert isinstance(refused(gateway, *args), WrongState)
    gateway.act(OFMIN, measures.on_handoff, handoff, MeasureEnd(id_, "officer-1", "approver-2"))
    assert not open_duties.page(gateway.ports, caller(OFMIN), None, 10).items


def test_who_answers_after_the_end_of_its_embargo_closes_what_it_owes(gateway):
    case = submitted(gateway)
    at, handoff = UUID(case.result["case"]), accepted(gateway, offered(gateway, case))
    embargo = held(gateway, handoff, until=None)
    contested(gateway, HOTLINE, at, embargo, "too_long")
    gateway.clock.advance(timedelta(days=4))
    asked = EmbargoConfirmation(UUID(embargo.result["measure"]), "officer-1")
    gateway.act(OFMIN, measures.on_handoff, handoff, asked)
    assert not open_duties.page(gateway.ports, caller(OFMIN), None, 10).items


def test_an_originator_contests_once_and_its_contest_ends_nothing(gateway):
    case = submitted(gateway)
    at, handoff = UUID(case.result["case"]), accepted(gateway, offered(gateway, case))
    embargo = held(gateway, handoff, until=None)
    first = contested(gateway, HOTLINE, at, embargo, "too_long")
    owed = to_json(handoffs.look_up(gateway.ports, caller(OFMIN), handoff))["duties"]
    assert first.result["due_at"] in [one["due_at"] for one in owed]
    with pytest.raises(RecordedRefusal) as again:
        contested(gateway, HOTLINE, at, embargo, "other")
    assert isinstance(again.value.refusal, WrongState)
    let_pass(gateway, 25)
    assert gateway.types(HOTLINE)[-1] == "handoff.overdue"
    failed = refused(
        gateway,
        offers.offer,
        caller(HOTLINE),
        gateway.key(),
        at,
        offer_of(gateway, ABROAD, **REMOVAL),
    )
    assert failed.rules == ("R7.embargo",)


def test_the_words_of_who_contests_reach_the_setter_and_end_with_the_case(gateway):
    case = submitted(gateway)
    at, handoff = UUID(case.result["case"]), accepted(gateway, offered(gateway, case))
    embargo = UUID(held(gateway, handoff, until=None).result["measure"])
    asked = EmbargoContest(embargo, "officer-1", reason="as we said by telephone", ground="other")
    gateway.act(HOTLINE, measures.on_case, at, asked)
    assert "as we said by telephone" in words(gateway, OFMIN)
    gateway.clock.advance(timedelta(days=4000))
    assert erasure.erase_due(gateway.ports) == 1
    assert "as we said by telephone" not in words(gateway, OFMIN)


def test_who_may_open_a_case_after_its_recall_hears_of_its_measures(gateway):
    """Else its bundle shows a mark that never ended, and what it opens then as let through."""
    case = submitted(gateway)
    handoff = accepted(gateway, offered(gateway, case))
    two = {"by": "approver-1", "approved_by": "approver-2"}
    on = {"elements": (element_id("url"),), **two}
    mark = restricted(gateway, case, MeasureKind.MARK, **on)
    at, law = UUID(case.result["case"]), RecallRequest(**two, code=RecallCode.OTHER, reason="x")
    gateway.act(HOTLINE, recalls.of_case, at, law)
    gateway.act(HOTLINE, measures.on_case, at, MeasureEnd(UUID(mark.result["measure"]), **two))
    assert gateway.types(OFMIN)[-1] == "case.measure_ended"
    assert to_json(handoffs.look_up(gateway.ports, caller(OFMIN), handoff))["measures"] == []


def test_a_measure_that_is_over_is_ended_by_nobody(gateway):
    case = submitted(gateway)
    handoff = accepted(gateway, offered(gateway, case))
    embargo = held(gateway, handoff)
    gateway.clock.advance(3 * HOUR)
    asked = MeasureEnd(UUID(embargo.result["measure"]), "officer-1", reason="no longer needed")
    with pytest.raises(EditConflict):
        gateway.act(OFMIN, measures.on_handoff, handoff, asked)


def test_who_ends_a_measure_writes_no_words_about_an_erased_case(gateway):
    case = submitted(gateway)
    handoff = accepted(gateway, offered(gateway, case))
    gateway.clock.advance(timedelta(days=364, hours=-2))
    embargo = held(gateway, handoff, until=None)
    gateway.clock.advance(timedelta(hours=48))
    assert erasure.erase_due(gateway.ports) == 1
    asked = MeasureEnd(UUID(embargo.result["measure"]), "officer-1", reason="the address is known")
    with pytest.raises(ValidationFailed):
        gateway.act(OFMIN, measures.on_handoff, handoff, asked)


def words(gateway: Founded, organisation: str) -> str:
    """All that the newest events of an organisation say."""
    logged = [one.event.disclosures for one in gateway.stream(organisation)]
    return " ".join(str(detail.value) for details in logged for detail in details)


def test_a_renewed_embargo_owes_no_answer_about_the_one_before(gateway):
    case = submitted(gateway)
    at, handoff = UUID(case.result["case"]), accepted(gateway, offered(gateway, case))
    embargo = held(gateway, handoff, until=None)
    contested(gateway, HOTLINE, at, embargo, "too_long")
    held(gateway, handoff, until=None, approved_by="approver-2")
    with gateway.ports.begin("read") as work:
        assert work.duties.of(handoff, open_only=True) == []


def test_danger_is_the_word_of_the_case_not_of_who_contests(gateway):
    case = submitted(gateway)
    embargo = held(gateway, accepted(gateway, offered(gateway, case)), until=None)
    with pytest.raises(ValidationFailed):
        contested(gateway, HOTLINE, UUID(case.result["case"]), embargo, "imminent_danger")


def test_an_embargo_that_ends_before_the_answer_is_not_contested(gateway):
    case = submitted(gateway)
    embargo = held(gateway, accepted(gateway, offered(gateway, case)))
    with pytest.raises(RecordedRefusal) as failed:
        contested(gateway, HOTLINE, UUID(case.result["case"]), embargo, "too_long")
    assert isinstance(failed.value.refusal, WrongState)


def test_a_repeated_contest_gets_the_first_answer(gateway):
    case = submitted(gateway)
    embargo = held(gateway, accepted(gateway, offered(gateway, case)), until=None)
    at, key = UUID(case.result["case"]), gateway.key()
    asked = EmbargoContest(UUID(embargo.result["measure"]), "officer-1", ground="other")
    first = gateway.do(measures.on_case, caller(HOTLINE), key, at, asked)
    gateway.clock.advance(HOUR)
    again = gateway.do(measures.on_case, caller(HOTLINE), key, at, asked)
    assert (first.result, first.receipt) == (again.result, again.receipt)


def test_the_successor_in_the_mandate_ends_what_its_predecessor_set(gateway):
    case = submitted(gateway)
    handoff = accepted(gateway, offered(gateway, case))
    judge = {"code": "judge", "authority": "tribunal", "reference": "26/123"}
    held(gateway, handoff, until=None)
    end = gateway.ports.now() + timedelta(days=7)
    embargo = held(gateway, handoff, until=end, approved_by="approver-2", **judge)
    succession = gateway.administer(
        "succession.plan",
        OFMIN,
        successor=OCRVP,
        competence="receive/csam/FR",
        effective_on="2026-03-04",
        read_until="2026-05-01",
        legal_act="Decree 2026-1",
        permissions=False,
    ).result["succession"]
    for office in (OFMIN, OCRVP):
        by = SuccessionApprovalRequest("officer-9")
        gateway.act(office, successions.approve, UUID(succession), by)
    gateway.clock.advance(timedelta(days=3))
    succession_execution.apply(gateway.ports, UUID(succession))
    moved = to_json(handoffs.look_up(gateway.ports, caller(HOTLINE), handoff))["reissued_as"]
    taken = UUID(moved["handoff"])
    conditions = conditions_of(gateway, taken, OCRVP)
    gateway.answer(OCRVP, answers.accept, taken, conditions=conditions)
    ended(gateway, OCRVP, taken, embargo, reason="the operation is over")
    assert gateway.types(OFMIN)[-1] == "case.measure_ended"


def test_two_administrators_lift_what_a_suspended_member_set(gateway):
    case = submitted(gateway)
    at, handoff = UUID(case.result["case"]), accepted(gateway, offered(gateway, case))
    embargo = held(gateway, handoff, until=None)
    contested(gateway, HOTLINE, at, embargo, "too_long")
    lift = {"measure": embargo.result["measure"], "reason": "its setter cannot"}
    with pytest.raises(RecordedRefusal):
        gateway.administer("case.lift_embargo", OFMIN, **lift)
    gateway.administer("organisation.suspend", OFMIN, reason="under review")
    with pytest.raises(RecordedRefusal):
        gateway.administer("case.lift_embargo", OCRVP, **lift)
    gateway.administer("case.lift_embargo", OFMIN, **lift)
    assert gateway.types(HOTLINE)[-1] == gateway.types(OFMIN)[-1] == "case.embargo_lifted"
    assert offered(gateway, case, to=ABROAD, **REMOVAL).result["state"] == "offered"
    with pytest.raises(EditConflict):
        gateway.administer("case.lift_embargo", OFMIN, **lift)
    assert registry_compared(gateway) == RegistryComparison(frozenset(), ())


# --- the police first ----------------------------------------------------------------------------


@pytest.fixture
def police_first(gateway: Founded) -> Founded:
    gateway.ports = replace(gateway.ports, police_first=24 * HOUR)
    return gateway


def removal(gateway: Founded, case: WriteResult) -> Any:
    asked = caller(HOTLINE), gateway.key(), UUID(case.result["case"])
    return refused(gateway, offers.offer, *asked, offer_of(gateway, ABROAD, **REMOVAL))


def test_a_removal_waits_for_the_police_and_silence_means_go(police_first):
    case = submitted(police_first)
    offered(police_first, case)
    failed = removal(police_first, case)
    assert failed.rules == ("R7.police_first",)
    assert failed.help["held_until"]
    police_first.clock.advance(24 * HOUR)
    assert offered(police_first, case, to=ABROAD, **REMOVAL).result["state"] == "offered"


def test_a_removal_waits_for_the_police_though_their_offer_is_withdrawn(police_first):
    case = submitted(police_first)
    handoff = UUID(offered(police_first, case).result["handoff"])
    said = answers.said("liaison-1", "sent again tomorrow")
    police_first.act(HOTLINE, answers.withdraw, handoff, said)
    assert removal(police_first, case).rules == ("R7.police_first",)


def test_a_removal_waits_for_nobody_before_the_police_are_asked(police_first):
    assert offered(police_first, to=ABROAD, **REMOVAL).result["state"] == "offered"


def test_a_removal_waits_no_longer_once_the_police_let_it_go_ahead(police_first):
    case = submitted(police_first)
    handoff = UUID(offered(police_first, case).result["handoff"])
    police_first.answer(OFMIN, answers.go_ahead, handoff)
    assert offered(police_first, case, to=ABROAD, **REMOVAL).result["state"] == "offered"


def test_without_a_convention_a_removal_waits_for_nobody(gateway):
    case = submitted(gateway)
    offered(gateway, case)
    assert offered(gateway, case, to=ABROAD, **REMOVAL).result["state"] == "offered"


# --- restrictions of processing ------------------------------------------------------------------


def test_a_suspension_stops_consultations_and_offers_at_once(gateway):
    case = submitted(gateway)
    handoff = accepted(gateway, offered(gateway, case))
    restricted(gateway, case, MeasureKind.SUSPENSION)
    failed = refused(
        gateway, handoffs.consult, caller(OFMIN), gateway.key(), handoff, opening("investigation")
    )
    assert failed.rules == ("R13.suspension",)
    at, offer = UUID(case.result["case"]), offer_of(gateway, ABROAD)
    failed = refused(gateway, offers.offer, caller(HOTLINE), gateway.key(), at, offer)
    assert failed.rules == ("R13.suspension.offer",)


def test_an_authority_in_proceedings_consults_a_suspended_case(gateway):
    case = submitted(gateway)
    handoff = accepted(gateway, offered(gateway, case))
    restricted(gateway, case, MeasureKind.SUSPENSION)
    written = gateway.act(OFMIN, handoffs.consult, handoff, opening("in_proceedings"))
    assert written.result["presentation"]


def test_its_originator_looks_into_a_suspended_case(gateway):
    case = submitted(gateway)
    restricted(gateway, case, MeasureKind.SUSPENSION)
    assert gateway.act(HOTLINE, cases.consult, UUID(case.result["case"]), opening("quality"))


def test_a_cleared_version_ends_a_suspension(gateway):
    case = submitted(gateway)
    handoff = accepted(gateway, offered(gateway, case))
    restricted(gateway, case, MeasureKind.SUSPENSION)
    revised(gateway, case)
    assert consulted(gateway, handoff).result["presentation"]


def test_a_draft_does_not_end_a_suspension_and_its_clearance_does(gateway):
    case = submitted(gateway)
    handoff = accepted(gateway, offered(gateway, case))
    restricted(gateway, case, MeasureKind.SUSPENSION)
    newer = revised(gateway, case, clearance=None)
    failed = refused(
        gateway, handoffs.consult, caller(OFMIN), gateway.key(), handoff, opening("investigation")
    )
    assert failed.rules == ("R13.suspension",)
    at = UUID(newer.result["case"])
    step = cases.CaseStepRequest
    gateway.act(HOTLINE, cases.assess, at, step(CLEARED.assessed_by))
    gateway.act(HOTLINE, cases.clear, at, step(CLEARED.cleared_by))
    assert consulted(gateway, handoff).result["presentation"]


def test_a_marked_element_is_opened_for_few_reasons_and_offered_to_nobody(gateway):
    case = submitted(gateway)
    handoff = accepted(gateway, offered(gateway, case))
    restricted(
        gateway, case, MeasureKind.MARK, elements=(element_id("victim"),), approved_by="approver-1"
    )
    assert "subjects" in consulted(gateway, handoff).result["withheld_groups"]
    evidence = gateway.act(OFMIN, handoffs.consult, handoff, opening("evidence"))
    assert "subjects" not in evidence.result["withheld_groups"]
    assert "subjects" in offered(gateway, case, to=ABROAD).result["withheld_groups"]


def test_one_person_neither_sets_nor_ends_a_mark(gateway):
    case = submitted(gateway)
    at, marked = UUID(case.result["case"]), (element_id("victim"),)
    asked = wanted(gateway, MeasureKind.MARK, elements=marked)
    failed = refused(gateway, measures.on_case, caller(HOTLINE), gateway.key(), at, asked)
    assert isinstance(failed, SecondPersonRequired)
    written = restricted(gateway, case, MeasureKind.MARK, elements=marked, approved_by="approver-1")
    end = MeasureEnd(UUID(str(written.result["measure"])), "officer-1")
    failed = refused(gateway, measures.on_case, caller(HOTLINE), gateway.key(), at, end)
    assert isinstance(failed, SecondPersonRequired)


def test_no_version_sheds_a_measure_by_another_id(gateway):
    case = submitted(gateway)
    victim = element_id("victim")
    marked = {"elements": (victim,), "approved_by": "approver-1"}
    restricted(gateway, case, MeasureKind.MARK, **marked)
    subjects = case_content(UUID(case.result["case"]))["subjects"]
    others = [one for one in subjects if one["id"] != victim]
    again = {**next(one for one in subjects if one["id"] == victim), "id": str(gateway.new_id())}
    for changed, pointer in (
        (others, "/content/subjects"),
        ([*subjects, again], f"/content/subjects/{len(subjects)}"),
    ):
        with pytest.raises(ValidationFailed) as failed:
            revised(gateway, case, subjects=changed)
        assert [where for where, _ in failed.value.errors] == [pointer]


def test_a_measure_names_elements_of_the_case(gateway):
    case = submitted(gateway)
    asked = wanted(gateway, MeasureKind.SUSPENSION, elements=(str(gateway.new_id()),))
    with pytest.raises(ValidationFailed):
        measures.on_case(
            gateway.ports, caller(HOTLINE), gateway.key(), UUID(case.result["case"]), asked
        )


def test_a_repeated_request_sets_one_measure(gateway):
    case, key = submitted(gateway), gateway.key()
    at, asked = UUID(case.result["case"]), wanted(gateway, MeasureKind.SUSPENSION)
    first = gateway.do(measures.on_case, caller(HOTLINE), key, at, asked)
    again = gateway.do(measures.on_case, caller(HOTLINE), key, at, asked)
    assert first.result == again.result
    assert len(to_json(cases.look_up(gateway.ports, caller(HOTLINE), at))["measures"]) == 1


def test_a_request_that_is_repeated_after_the_end_of_its_measure_gets_the_first_answer(gateway):
    case, key = submitted(gateway), gateway.key()
    at, asked = UUID(case.result["case"]), wanted(gateway, MeasureKind.SUSPENSION)
    first = gateway.do(measures.on_case, caller(HOTLINE), key, at, asked)
    end = MeasureEnd(UUID(str(first.result["measure"])), "officer-1")
    gateway.act(HOTLINE, measures.on_case, at, end)
    again = gateway.do(measures.on_case, caller(HOTLINE), key, at, asked)
    assert first.result == again.result


def test_what_has_ended_is_not_ended_again(gateway):
    case = submitted(gateway)
    at = UUID(case.result["case"])
    written = restricted(gateway, case, MeasureKind.SUSPENSION)
    end = MeasureEnd(UUID(str(written.result["measure"])), "officer-1")
    gateway.act(HOTLINE, measures.on_case, at, end)
    with pytest.raises(EditConflict):
        measures.on_case(gateway.ports, caller(HOTLINE), gateway.key(), at, end)
