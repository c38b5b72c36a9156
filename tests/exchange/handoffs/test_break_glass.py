"""In imminent danger one person acts first, and a second one follows in a set time (R16)."""

from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from gateway.domain.duty import FOLLOW_UP, DutyKind
from gateway.domain.measure import MeasureKind
from gateway.domain.organisation import DUTY_CONTACT
from gateway.domain.refusals import NotFound, SecondPersonRequired, ValidationFailed, WrongState
from gateway.evidence import sd_jwt
from gateway.exchange.case import cases, measures
from gateway.exchange.case.cases import CaseStepRequest
from gateway.exchange.case.measures import MeasureRequest
from gateway.exchange.handoffs import offers, package_consultation, updates
from gateway.exchange.handoffs.package_consultation import ReviewRequest
from gateway.exchange.handoffs.selection import UpdateRequest
from gateway.exchange.lifecycle import erasure
from gateway.exchange.standing import duties
from gateway.exchange.standing.consultations import ConsultationRequest
from gateway.kernel.results import to_json
from gateway.kernel.transact import WriteResult
from tests import answers
from tests.casework import accepted, element_id, offer_of, offered, revised, submitted
from tests.each import each
from tests.exchange.lifecycle.test_erasure import streamed
from tests.founded_gateway import ABROAD, HOTLINE, OCRVP, OFMIN, Founded, caller, fields_of, shown

DANGER = {"urgency": "imminent_danger", "urgency_reason": "child_located"}
RESCUE = ConsultationRequest("officer-1", "imminent_danger", "a child is in danger")
MINUTES = timedelta(minutes=4)


def draft(gateway: Founded, **content: Any) -> WriteResult:
    return submitted(gateway, clearance=None, **{**DANGER, **content})


def handed(gateway: Founded, case: WriteResult | None = None) -> UUID:
    """The handoff of a case in which a child is in danger."""
    return UUID(offered(gateway, case or submitted(gateway, **DANGER)).result["handoff"])


def wait(gateway: Founded, time: timedelta = timedelta(minutes=20)) -> None:
    duties.sweep(gateway.ports)
    for _ in range(time // MINUTES):
        gateway.clock.advance(MINUTES)
        duties.sweep(gateway.ports)


def test_a_draft_is_offered_by_one_person_and_marked(gateway):
    written = offered(gateway, draft(gateway))
    handoff = gateway.handoff(UUID(written.result["handoff"]))
    assert handoff.break_glass
    assert written.result["break_glass"] is True
    assert shown(written.receipt)["reason_code"] == "break_glass"
    assert "R16.break_glass" in shown(written.receipt)["rules"]
    owed = {DutyKind.ANSWER, DutyKind.CALL, DutyKind.CLEARANCE}
    assert set(gateway.owed(handoff.id)) == owed


@each(
    "content", [{"urgency": "urgent", "urgency_reason": "child_located"}, {"urgency_reason": None}]
)
def test_a_draft_is_not_offered_where_no_imminent_danger_is_stated(gateway, content):
    asked = UUID(draft(gateway, **content).result["case"]), offer_of(gateway)
    gateway.refused(WrongState, HOTLINE, offers.offer, *asked)
    refused = gateway.refusal(offers.preview, caller(HOTLINE), *asked)
    assert isinstance(refused.refusal, WrongState)


@each(
    "rule, content, wanted",
    [
        ("R16.recipient", {}, {"to": ABROAD}),
        ("R16.purpose", {}, {"purpose": ("remove",), "country_reason": "seen there"}),
        ("R16.words", {"urgency_reason": "other", "statements": None, "subjects": None}, {}),
    ],
)
def test_a_draft_goes_only_to_who_acts_on_a_danger_for_that_and_in_words(
    gateway, rule, content, wanted
):
    made = UUID(draft(gateway, **content).result["case"])
    gateway.denied(rule, HOTLINE, offers.offer, made, offer_of(gateway, **wanted))


def test_the_clearance_that_follows_closes_what_was_owed(gateway):
    made = draft(gateway)
    handoff = handed(gateway, made)
    for step, by in ((cases.assess, "analyst-1"), (cases.clear, "approver-1")):
        gateway.act(HOTLINE, step, UUID(made.result["case"]), CaseStepRequest(by))
    assert DutyKind.CLEARANCE not in gateway.owed(handoff)


def test_a_clearance_that_does_not_follow_is_overdue_for_the_originator_alone(gateway):
    handoff = handed(gateway, draft(gateway))
    wait(gateway, FOLLOW_UP + 2 * MINUTES)
    owed = {one["kind"]: one["overdue"] for one in gateway.view(HOTLINE, handoff)["duties"]}
    assert owed == {"answer": True, "call": True, "clearance": True}
    seen = gateway.view(OFMIN, handoff)["duties"]
    assert [one["kind"] for one in seen] == ["answer", "call"]


def test_an_erasure_at_once_hides_no_missing_clearance(gateway):
    tomorrow = (gateway.clock() + timedelta(days=1)).date().isoformat()
    made = draft(gateway, marking={"erase_on": tomorrow})
    gateway.clock.advance(timedelta(hours=13))
    handoff = handed(gateway, made)
    gateway.clock.advance(timedelta(hours=3))
    assert erasure.erase_due(gateway.ports) == 1
    assert gateway.owed(handoff) == [DutyKind.CLEARANCE]
    wait(gateway, FOLLOW_UP + 2 * MINUTES)
    (left,) = gateway.duties(handoff)
    assert left.overdue_at is not None


def on_call(gateway: Founded, organisation: str) -> None:
    contact = {"role": DUTY_CONTACT, "name": "the desk", "address": "+33 1 00 00 00 00"}
    gateway.administer("contact.set", organisation, **contact)


def test_an_offer_of_what_is_urgent_says_whether_somebody_is_on_duty(gateway):
    for on_duty in (False, True):
        if on_duty:
            on_call(gateway, OFMIN)
        for urgency in (DANGER, {"urgency": "urgent"}):
            made = submitted(gateway, **urgency)
            assert offered(gateway, made).result["duty_contact"] is on_duty
    assert "duty_contact" not in offered(gateway).result


def test_who_offers_an_imminent_danger_reads_whom_to_telephone_until_the_call_is_recorded(gateway):
    head = {"role": "head", "name": "the head", "address": "+33 1 00 00 00 01"}
    gateway.administer("contact.set", OFMIN, **head)
    made = offered(gateway, submitted(gateway, **DANGER))
    assert made.result["telephone"] == head, "who has no duty contact is called by another"
    on_call(gateway, OFMIN)
    handoff = UUID(offered(gateway, submitted(gateway, **DANGER)).result["handoff"])
    told = gateway.view(HOTLINE, handoff)["telephone"]
    assert told == {"role": DUTY_CONTACT, "name": "the desk", "address": "+33 1 00 00 00 00"}
    for party in (HOTLINE, OFMIN):
        (*_, event) = streamed(gateway, party, "handoff.offered")
        assert shown(event)["contact"] == DUTY_CONTACT
    assert "telephone" not in gateway.view(OFMIN, handoff)
    call(gateway, handoff)
    assert "telephone" not in gateway.view(HOTLINE, handoff)
    urgent = offered(gateway, submitted(gateway, urgency="urgent"))
    assert "telephone" not in urgent.result


def test_before_the_offer_it_is_shown_who_is_on_duty_and_that_it_is_no_emergency_call(gateway):
    gateway.mandate(OCRVP, "investigate/csam/FR", "2023-11-01")
    case = UUID(submitted(gateway, **DANGER).result["case"])

    def preview(case: UUID = case) -> Any:
        return to_json(offers.preview(gateway.ports, caller(HOTLINE), case, offer_of(gateway)))

    assert "on_duty" not in preview()
    assert preview()["emergency_numbers"] == ["17", "112", "119"]
    on_call(gateway, OCRVP)
    assert {one["organisation"] for one in preview()["on_duty"]} == {OCRVP}
    on_call(gateway, OFMIN)
    assert "on_duty" not in preview()
    usual = preview(UUID(submitted(gateway).result["case"]))
    assert not usual.keys() & {"emergency_numbers", "on_duty", "duty_contact"}


# --- the call that goes with it ---


def call(gateway: Founded, handoff: UUID, minutes: int = 0) -> None:
    at = (gateway.clock() + timedelta(minutes=minutes)).isoformat()
    gateway.answer(HOTLINE, answers.call, handoff, function="duty officer", time=at)


@pytest.mark.parametrize(("answer", "told"), [("none", 1), ("delay", 1), ("call", 0)])
def test_without_a_call_both_parties_are_told_whatever_else_is_answered(gateway, answer, told):
    handoff = handed(gateway)
    if answer == "call":
        call(gateway, handoff)
    if answer == "delay":
        until = (gateway.clock() + timedelta(hours=9)).isoformat()
        gateway.answer(OFMIN, answers.delay, handoff, code="workload", until=until)
    wait(gateway)
    for party in (HOTLINE, OFMIN):
        assert gateway.types(party).count("handoff.overdue") == told


def test_a_call_was_made_before_it_is_told(gateway):
    handoff = handed(gateway)
    with pytest.raises(ValidationFailed):
        call(gateway, handoff, minutes=1)
    assert DutyKind.CALL in gateway.owed(handoff)


# --- consulted before acceptance ---


def looked(gateway: Founded) -> tuple[WriteResult, UUID, WriteResult]:
    """A case in imminent danger, its handoff, and what OFMIN consulted before its acceptance."""
    case = submitted(gateway, **DANGER)
    handoff = handed(gateway, case)
    return case, handoff, gateway.act(OFMIN, package_consultation.consult, handoff, RESCUE)


def test_the_holder_of_the_mandate_consults_the_least_before_it_accepts(gateway):
    _, handoff, opened = looked(gateway)
    content = sd_jwt.read_unverified(opened.result["presentation"]).content
    assert content["items"]
    assert all(one["kind"] == "fact" for one in content["statements"])
    assert not content["subjects"] and not content["classifications"]
    assert not content.keys() & {"legal_basis", "originator_ref", "reporter"}
    assert DutyKind.REVIEW in gateway.owed(handoff)
    assert gateway.handoff(handoff).state == "offered"


@pytest.mark.parametrize(
    ("content", "later"),
    [
        ({}, {}),
        ({"urgency": "imminent_danger"}, {}),
        (DANGER, {"marking": {"tlp": "RED", "release_to": [OCRVP]}}),
    ],
    ids=["no danger", "a danger that is not told", "a version that could not be offered"],
)
def test_nobody_consults_before_acceptance_what_the_danger_does_not_open(gateway, content, later):
    case = submitted(gateway, **content)
    handoff = handed(gateway, case)
    if later:
        revised(gateway, case, **content, **later)
    gateway.refused(WrongState, OFMIN, package_consultation.consult, handoff, RESCUE)


def test_another_reason_or_another_office_opens_nothing_before_acceptance(gateway):
    handoff = handed(gateway)
    opening = replace(RESCUE, reason_code="investigation")
    gateway.refused(WrongState, OFMIN, package_consultation.consult, handoff, opening)
    gateway.refused(NotFound, OCRVP, package_consultation.consult, handoff, RESCUE)


def test_another_person_reviews_it_and_the_originator_hears_nothing(gateway):
    _, handoff, _ = looked(gateway)
    own, other = (ReviewRequest(by, "it was right") for by in ("officer-1", "officer-2"))
    gateway.refused(SecondPersonRequired, OFMIN, package_consultation.review, handoff, own)
    reviewed = gateway.act(OFMIN, package_consultation.review, handoff, other)
    assert fields_of(reviewed.receipt)["type"] == "handoff.reviewed"
    assert DutyKind.REVIEW not in gateway.owed(handoff)
    seen = gateway.view(HOTLINE, handoff)["duties"]
    assert [one["kind"] for one in seen] == ["answer", "call"]
    gateway.refused(WrongState, OFMIN, package_consultation.review, handoff, other)


def test_an_update_never_sends_a_draft(gateway):
    case = submitted(gateway)
    handoff = accepted(gateway, offered(gateway, case))
    revised(gateway, case, clearance=None, **DANGER)
    gateway.refused(WrongState, HOTLINE, updates.update, handoff, UpdateRequest("liaison-1"))


def corrected(gateway: Founded, case: WriteResult) -> None:
    address = {"id": element_id("url"), "kind": "url", "value": "https://content.example.org/x"}
    revised(gateway, case, **DANGER, items=[address])


@pytest.mark.parametrize("declined", [False, True])
def test_who_looked_in_imminent_danger_hears_of_a_correction_and_of_a_measure(gateway, declined):
    case, handoff, _ = looked(gateway)
    if declined:
        gateway.answer(OFMIN, answers.decline, handoff, "not ours")
    corrected(gateway, case)
    assert "handoff.change_announced" in gateway.types(OFMIN)
    owed = {DutyKind.UPDATE, DutyKind.ACKNOWLEDGEMENT} if declined else {DutyKind.UPDATE}
    assert owed <= set(gateway.owed(handoff))
    on, two = (element_id("url"),), "approver-1"
    mark = MeasureRequest(MeasureKind.MARK, "officer-1", "objection", on, approved_by=two)
    gateway.act(HOTLINE, measures.on_case, UUID(case.result["case"]), mark)
    assert gateway.types(OFMIN)[-1] == "case.restricted"


def test_a_look_in_imminent_danger_tells_the_originator_nothing_by_a_duty(gateway):
    """What was announced before is owed once the offer is accepted; until then it is shown."""
    case = submitted(gateway, **DANGER)
    handoff = handed(gateway, case)
    corrected(gateway, case)
    before = gateway.owed(handoff)
    seen = gateway.act(OFMIN, package_consultation.consult, handoff, RESCUE)
    assert seen.result["superseded"]["change"] == "correction"
    assert set(gateway.owed(handoff)) - {*before} == {DutyKind.REVIEW}


@pytest.mark.parametrize("first", ["decline", "correct"])
def test_who_looked_in_imminent_danger_and_declined_answers_a_correction(gateway, first):
    case, handoff, _ = looked(gateway)
    if first == "correct":
        corrected(gateway, case)
    gateway.answer(OFMIN, answers.decline, handoff, "not ours")
    if first == "decline":
        corrected(gateway, case)
    told = {"code": "inaccurate", "pointers": [f"/items/{element_id('url')}"]}
    gateway.answer(HOTLINE, answers.notify_correction, handoff, **told)
    gateway.answer(OFMIN, answers.acknowledge, handoff)
    gateway.answer(OFMIN, answers.apply, handoff, done="rectified")
    assert gateway.owed(handoff) == [DutyKind.REVIEW]
    assert not gateway.handoff(handoff).held, "an acknowledgement accepted the case"


def test_who_looked_in_imminent_danger_confirms_that_its_copies_are_erased(gateway):
    _, handoff, _ = looked(gateway)
    gateway.clock.advance(timedelta(days=400))
    assert erasure.erase_due(gateway.ports) == 1
    gateway.answer(OFMIN, answers.answer_recall, handoff, done="copies_erased")
    assert gateway.handoff(handoff).recall_answer == "copies_erased"
