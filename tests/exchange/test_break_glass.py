"""In imminent danger one person acts first, and a second one follows in a set time (R16)."""

from dataclasses import replace
from datetime import timedelta
from uuid import UUID

import pytest

from gateway.domain.duty import FOLLOW_UP, DutyKind
from gateway.domain.measure import MeasureKind
from gateway.domain.organisation import DUTY_CONTACT
from gateway.domain.refusals import (
    NotFound,
    SecondPersonRequired,
    ValidationFailed,
    WrongState,
)
from gateway.evidence import sd_jwt
from gateway.exchange import cases, duties, erasure, handoffs, measures, offers, updates
from gateway.exchange.cases import CaseStepRequest
from gateway.exchange.consultations import ConsultationRequest
from gateway.exchange.handoffs import ReviewRequest
from gateway.exchange.measures import MeasureRequest
from gateway.exchange.updates import UpdateRequest
from gateway.kernel.ports import TransactionMode
from gateway.kernel.results import to_json
from gateway.kernel.transact import WriteResult
from tests import answers
from tests.each import each
from tests.founding import (
    HOTLINE,
    OCRVP,
    OFMIN,
    Founded,
    accepted,
    caller,
    element_id,
    fields_of,
    offer_of,
    offered,
    revised,
    shown,
    submitted,
)

DANGER = {"urgency": "imminent_danger", "urgency_reason": "child_located"}
RESCUE = ConsultationRequest("officer-1", "imminent_danger", "a child is in danger")


def draft(gateway: Founded, **content):
    return submitted(gateway, clearance=None, **{**DANGER, **content})


def test_a_draft_is_offered_by_one_person_and_marked(gateway):
    written = offered(gateway, draft(gateway))
    handoff = gateway.handoff(UUID(written.result["handoff"]))
    assert handoff.break_glass
    assert written.result["break_glass"] is True
    assert shown(written.receipt)["reason_code"] == "break_glass"
    assert "R16.break_glass" in shown(written.receipt)["rules"]
    assert set(gateway.owed(handoff.id)) == {
        DutyKind.ANSWER,
        DutyKind.CALL,
        DutyKind.CLEARANCE,
    }


@each(
    "content", [{"urgency": "urgent", "urgency_reason": "child_located"}, {"urgency_reason": None}]
)
def test_a_draft_is_not_offered_where_no_imminent_danger_is_stated(gateway, content):
    case = UUID(draft(gateway, **content).result["case"])
    wanted = offer_of(gateway)
    for action, asked in (
        (offers.offer, (gateway.key(), case, wanted)),
        (offers.preview, (case, wanted)),
    ):
        refused = gateway.refusal(action, caller(HOTLINE), *asked)
        assert isinstance(refused.refusal, WrongState)


def test_the_clearance_that_follows_closes_what_was_owed(gateway):
    made = draft(gateway)
    handoff = UUID(offered(gateway, made).result["handoff"])
    case = UUID(made.result["case"])
    for step, by in ((cases.assess, "analyst-1"), (cases.clear, "approver-1")):
        gateway.act(HOTLINE, step, case, CaseStepRequest(by))
    assert DutyKind.CLEARANCE not in gateway.owed(handoff)


def test_a_clearance_that_does_not_follow_is_overdue_for_the_originator_alone(gateway):
    handoff = UUID(offered(gateway, draft(gateway)).result["handoff"])
    duties.sweep(gateway.ports)
    for _ in range(int(FOLLOW_UP / timedelta(minutes=4)) + 2):
        gateway.clock.advance(timedelta(minutes=4))
        duties.sweep(gateway.ports)
    owed = gateway.view(HOTLINE, handoff)["duties"]
    assert {one["kind"]: one["overdue"] for one in owed} == {
        "answer": True,
        "call": True,
        "clearance": True,
    }
    seen = gateway.view(OFMIN, handoff)["duties"]
    assert [one["kind"] for one in seen] == ["answer", "call"]


@pytest.mark.parametrize("on_duty", [False, True])
def test_an_offer_of_what_is_urgent_says_whether_somebody_is_on_duty(gateway, on_duty):
    if on_duty:
        on_call(gateway, OFMIN)
    for urgency in (DANGER, {"urgency": "urgent"}):
        made = submitted(gateway, **urgency)
        assert offered(gateway, made).result["duty_contact"] is on_duty
    assert "duty_contact" not in offered(gateway).result


def test_an_erasure_at_once_hides_no_missing_clearance(gateway):
    tomorrow = (gateway.clock() + timedelta(days=1)).date().isoformat()
    made = draft(gateway, marking={"erase_on": tomorrow})
    gateway.clock.advance(timedelta(hours=13))
    handoff = UUID(offered(gateway, made).result["handoff"])
    gateway.clock.advance(timedelta(hours=3))
    assert erasure.erase_due(gateway.ports) == 1
    assert gateway.owed(handoff) == [DutyKind.CLEARANCE]
    for _ in range(int(FOLLOW_UP / timedelta(minutes=4)) + 2):
        gateway.clock.advance(timedelta(minutes=4))
        duties.sweep(gateway.ports)
    with gateway.ports.begin(TransactionMode.READ) as work:
        (left,) = work.duties.of(handoff, open_only=True)
    assert left.overdue_at is not None


def on_call(gateway: Founded, organisation: str) -> None:
    contact = {"role": DUTY_CONTACT, "name": "the desk", "address": "+33 1 00 00 00 00"}
    gateway.administer("contact.set", organisation, **contact)


def test_before_the_offer_it_is_shown_who_is_on_duty_and_that_it_is_no_emergency_call(gateway):
    gateway.mandate(OCRVP, "investigate/csam/FR", "2023-11-01")
    case = UUID(submitted(gateway, **DANGER).result["case"])

    def preview():
        return to_json(offers.preview(gateway.ports, caller(HOTLINE), case, offer_of(gateway)))

    assert "on_duty" not in preview()
    assert preview()["emergency_numbers"] == list(gateway.ports.emergency_numbers)
    on_call(gateway, OCRVP)
    assert {one["organisation"] for one in preview()["on_duty"]} == {OCRVP}
    on_call(gateway, OFMIN)
    assert "on_duty" not in preview()
    usual = UUID(submitted(gateway).result["case"])
    found = to_json(offers.preview(gateway.ports, caller(HOTLINE), usual, offer_of(gateway)))
    assert not found.keys() & {"emergency_numbers", "on_duty", "duty_contact"}


# --- the call that goes with it ---


def called(gateway: Founded, handoff: UUID, minutes: int = 0):
    at = gateway.clock() + timedelta(minutes=minutes)
    said = answers.said("liaison-1", function="duty officer", time=at.isoformat())
    return answers.call, caller(HOTLINE), gateway.key(), handoff, said


def overdue(gateway: Founded, organisation: str) -> int:
    return gateway.types(organisation).count("handoff.overdue")


def wait(gateway: Founded) -> None:
    duties.sweep(gateway.ports)
    for _ in range(5):
        gateway.clock.advance(timedelta(minutes=4))
        duties.sweep(gateway.ports)


def test_without_a_call_both_parties_are_told(gateway):
    offered(gateway, submitted(gateway, **DANGER))
    wait(gateway)
    assert (overdue(gateway, HOTLINE), overdue(gateway, OFMIN)) == (1, 1)


@pytest.mark.parametrize("answer", ["call", "delay"])
def test_only_a_call_or_an_end_of_the_offer_fulfils_it(gateway, answer):
    handoff = UUID(offered(gateway, submitted(gateway, **DANGER)).result["handoff"])
    if answer == "call":
        action, *asked = called(gateway, handoff)
        gateway.do(action, *asked)
    else:
        until = (gateway.clock() + timedelta(hours=9)).isoformat()
        gateway.answer(OFMIN, answers.delay, handoff, code="workload", until=until)
    wait(gateway)
    assert overdue(gateway, OFMIN) == (0 if answer == "call" else 1)


def test_a_call_was_made_before_it_is_told(gateway):
    handoff = UUID(offered(gateway, submitted(gateway, **DANGER)).result["handoff"])
    action, *asked = called(gateway, handoff, minutes=1)
    with pytest.raises(ValidationFailed):
        action(gateway.ports, *asked)
    assert DutyKind.CALL in gateway.owed(handoff)


# --- consulted before acceptance ---


def consult(gateway: Founded, handoff: UUID, opening=RESCUE, reader=OFMIN):
    return gateway.act(reader, handoffs.consult, handoff, opening)


def test_the_holder_of_the_mandate_consults_the_least_before_it_accepts(gateway):
    handoff = UUID(offered(gateway, submitted(gateway, **DANGER)).result["handoff"])
    opened = consult(gateway, handoff)
    content = sd_jwt.read_unverified(opened.result["presentation"]).content
    assert content["items"]
    assert all(one["kind"] == "fact" for one in content["statements"])
    assert not content["subjects"] and not content["classifications"]
    assert not content.keys() & {"legal_basis", "originator_ref", "reporter"}
    assert DutyKind.REVIEW in gateway.owed(handoff)
    assert gateway.handoff(handoff).state == "offered"


def test_nobody_consults_before_acceptance_where_the_case_states_no_imminent_danger(gateway):
    handoff = UUID(offered(gateway).result["handoff"])
    gateway.refused(WrongState, OFMIN, handoffs.consult, handoff, RESCUE)


def test_another_reason_opens_nothing_before_acceptance(gateway):
    handoff = UUID(offered(gateway, submitted(gateway, **DANGER)).result["handoff"])
    opening = replace(RESCUE, reason_code="investigation")
    gateway.refused(WrongState, OFMIN, handoffs.consult, handoff, opening)
    gateway.refused(NotFound, OCRVP, handoffs.consult, handoff, RESCUE)


def review(gateway: Founded, handoff: UUID, by: str):
    return handoffs.review, caller(OFMIN), gateway.key(), handoff, ReviewRequest(by, "it was right")


def test_another_person_reviews_it_and_the_originator_hears_nothing(gateway):
    handoff = UUID(offered(gateway, submitted(gateway, **DANGER)).result["handoff"])
    consult(gateway, handoff)
    refused = gateway.refusal(*review(gateway, handoff, "officer-1"))
    assert isinstance(refused.refusal, SecondPersonRequired)
    reviewed = gateway.do(*review(gateway, handoff, "officer-2"))
    assert fields_of(reviewed.receipt)["type"] == "handoff.reviewed"
    assert DutyKind.REVIEW not in gateway.owed(handoff)
    seen = gateway.view(HOTLINE, handoff)["duties"]
    assert [one["kind"] for one in seen] == ["answer", "call"]
    again = gateway.refusal(*review(gateway, handoff, "officer-2"))
    assert isinstance(again.refusal, WrongState)


def test_an_update_never_sends_a_draft(gateway):
    case = submitted(gateway)
    handoff = accepted(gateway, offered(gateway, case))
    revised(gateway, case, clearance=None, **DANGER)
    gateway.refused(WrongState, HOTLINE, updates.update, handoff, UpdateRequest("liaison-1"))


def test_what_could_not_be_offered_any_more_is_not_opened_before_an_acceptance(gateway):
    case = submitted(gateway, **DANGER)
    handoff = UUID(offered(gateway, case).result["handoff"])
    revised(gateway, case, marking={"tlp": "RED", "release_to": [OCRVP]}, **DANGER)
    gateway.refused(WrongState, OFMIN, handoffs.consult, handoff, RESCUE)


def test_a_case_that_does_not_say_what_the_danger_is_is_not_opened_before_an_acceptance(gateway):
    case = submitted(gateway, urgency="imminent_danger")
    handoff = UUID(offered(gateway, case).result["handoff"])
    gateway.refused(WrongState, OFMIN, handoffs.consult, handoff, RESCUE)


@pytest.mark.parametrize("declined", [False, True])
def test_who_looked_in_imminent_danger_hears_of_a_correction_and_of_a_measure(gateway, declined):
    case = submitted(gateway, **DANGER)
    handoff = UUID(offered(gateway, case).result["handoff"])
    gateway.act(OFMIN, handoffs.consult, handoff, RESCUE)
    if declined:
        gateway.answer(OFMIN, answers.decline, handoff, "not ours")
    address = {"id": element_id("url"), "kind": "url", "value": "https://content.example.org/x"}
    revised(gateway, case, **DANGER, items=[address])
    assert "handoff.change_announced" in gateway.types(OFMIN)
    owed = {DutyKind.UPDATE, DutyKind.ACKNOWLEDGEMENT} if declined else {DutyKind.UPDATE}
    assert owed <= set(gateway.owed(handoff))
    mark = MeasureRequest(
        MeasureKind.MARK, "officer-1", "objection", (element_id("url"),), approved_by="approver-1"
    )
    gateway.act(HOTLINE, measures.on_case, UUID(case.result["case"]), mark)
    assert gateway.types(OFMIN)[-1] == "case.restricted"


def looked(gateway: Founded) -> tuple[WriteResult, UUID]:
    """A case in imminent danger that OFMIN consulted before its acceptance, and its handoff."""
    case = submitted(gateway, **DANGER)
    handoff = UUID(offered(gateway, case).result["handoff"])
    gateway.act(OFMIN, handoffs.consult, handoff, RESCUE)
    return case, handoff


def corrected(gateway: Founded, case) -> None:
    address = {"id": element_id("url"), "kind": "url", "value": "https://content.example.org/x"}
    revised(gateway, case, **DANGER, items=[address])


def test_a_look_in_imminent_danger_tells_the_originator_nothing_by_a_duty(gateway):
    """What was announced before is owed once the offer is accepted; until then it is shown."""
    case = submitted(gateway, **DANGER)
    handoff = UUID(offered(gateway, case).result["handoff"])
    corrected(gateway, case)
    before = gateway.owed(handoff)
    seen = gateway.act(OFMIN, handoffs.consult, handoff, RESCUE)
    assert seen.result["superseded"]["change"] == "correction"
    assert set(gateway.owed(handoff)) - {*before} == {DutyKind.REVIEW}


@pytest.mark.parametrize("first", ["decline", "correct"])
def test_who_looked_in_imminent_danger_and_declined_answers_a_correction(gateway, first):
    case, handoff = looked(gateway)
    if first == "correct":
        corrected(gateway, case)
    said = answers.said("officer-1", "not ours")
    gateway.act(OFMIN, answers.decline, handoff, said)
    if first == "decline":
        corrected(gateway, case)
    told = answers.said("liaison-1", code="inaccurate", pointers=[f"/items/{element_id('url')}"])
    gateway.act(HOTLINE, answers.notify_correction, handoff, told)
    for answer, done in ((answers.acknowledge, {}), (answers.apply, {"done": "rectified"})):
        said = answers.said("officer-1", **done)
        gateway.act(OFMIN, answer, handoff, said)
    assert gateway.owed(handoff) == [DutyKind.REVIEW]
    assert not gateway.handoff(handoff).held, "an acknowledgement accepted the case"


def test_who_looked_in_imminent_danger_confirms_that_its_copies_are_erased(gateway):
    _, handoff = looked(gateway)
    gateway.clock.advance(timedelta(days=400))
    assert erasure.erase_due(gateway.ports) == 1
    gateway.answer(OFMIN, answers.answer_recall, handoff, done="copies_erased")
    assert gateway.handoff(handoff).recall_answer == "copies_erased"
