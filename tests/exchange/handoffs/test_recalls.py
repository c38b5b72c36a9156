"""Recalls: which handoffs one touches, what it leaves open to whom, and what is answered."""

from dataclasses import replace
from datetime import timedelta
from itertools import product
from typing import Any
from uuid import UUID

import pytest

from gateway.domain.consultation import RETENTION
from gateway.domain.duty import DutyKind
from gateway.domain.handoff import RecallAnswer, RecallCode
from gateway.domain.refusals import (
    CaseErased,
    Forbidden,
    NotFound,
    SecondPersonRequired,
    ValidationFailed,
    WrongState,
)
from gateway.evidence import handoff_documents, sd_jwt
from gateway.exchange.handoffs import offers, package_consultation, recalls, updates
from gateway.exchange.handoffs.recalls import ApprovalRequest, RecallRequest
from gateway.exchange.handoffs.selection import UpdateRequest
from gateway.exchange.lifecycle import erasure
from gateway.exchange.standing.consultations import ConsultationRequest
from gateway.kernel.actors import GATEWAY
from gateway.kernel.ports import TransactionMode
from gateway.kernel.results import to_json
from gateway.kernel.transact import WriteResult
from tests import answers
from tests.casework import (
    accepted,
    acknowledged,
    conditions_of,
    offer_of,
    offered,
    revised,
    submitted,
    updated,
)
from tests.exchange.handoffs.updating import awaited, covered, events
from tests.exchange.standing.test_barriers import move_abroad, tool
from tests.founded_gateway import ABROAD, HOTLINE, OFMIN, Founded
from tests.founding import founded

UNLAWFUL = RecallRequest("approver-1", RecallCode.UNLAWFUL, "court order 12/26", "approver-2")
ALONE = {"code": RecallCode.MISDIRECTED, "approved_by": None}
"""What one person recalls at once; the second person follows."""
NOT_MET = replace(UNLAWFUL, code=RecallCode.CONDITIONS_NOT_MET, approved_by=None)
OF_CASE = [code for code in RecallCode if code is not RecallCode.CONDITIONS_NOT_MET]
UNTIL = "2026-12-31"
KEPT = {
    RecallAnswer.COPIES_ERASED: {},
    RecallAnswer.PROCESSING_RESTRICTED: {"until": UNTIL},
    RecallAnswer.IN_PROCEEDINGS: {"until": UNTIL, "authority": "TJ Paris", "reference": "26/123"},
    RecallAnswer.DECLINED: {"until": UNTIL, "legal_basis": "CSI L. 236-1"},
}
DANGER = {"urgency": "imminent_danger", "urgency_reason": "abuse_ongoing"}
COPY = ConsultationRequest("officer-1", RETENTION, "file 4711")
ANSWER = DutyKind.RECALL_ANSWER


@pytest.fixture
def gateway() -> Founded:
    return founded()


def reserved(gateway: Founded) -> UUID:
    """A handoff that OFMIN accepted with a reservation."""
    handoff = UUID(offered(gateway).result["handoff"])
    said = {
        "conditions": conditions_of(gateway, handoff, OFMIN),
        "offer": gateway.handoff(handoff).offer_digest,
        "reservation": {"condition": "erase_on", "legal_basis": "CPP 706-47"},
    }
    gateway.answer(OFMIN, answers.accept, handoff, **said)
    return handoff


def recalled(gateway: Founded, case: WriteResult | UUID, **changes: Any) -> WriteResult:
    """The hotline recalls its case from all."""
    at = case if isinstance(case, UUID) else UUID(case.result["case"])
    return gateway.act(HOTLINE, recalls.of_case, at, replace(UNLAWFUL, **changes))


def given(gateway: Founded, case: WriteResult, to: str) -> UUID:
    """A handoff of the case, which its recipient accepted."""
    offer = offered(gateway, case, **({} if to == OFMIN else {"to": to}))
    return accepted(gateway, offer, recipient=to)


def taken_back(
    gateway: Founded, to: str = OFMIN, **changes: Any
) -> tuple[WriteResult, UUID, WriteResult]:
    """A case, its handoff which was accepted, and its recall from all."""
    case = submitted(gateway)
    handoff = given(gateway, case, to)
    return case, handoff, recalled(gateway, case, **changes)


def answer(
    gateway: Founded, handoff: UUID, done: RecallAnswer, by: str = OFMIN, **fields: Any
) -> WriteResult:
    said = {"done": str(done), **KEPT[done], **fields}
    return gateway.answer(by, answers.answer_recall, handoff, **said)


def erase_copies(gateway: Founded, handoff: UUID) -> WriteResult:
    return answer(gateway, handoff, RecallAnswer.COPIES_ERASED)


def acknowledge(gateway: Founded, handoff: UUID) -> WriteResult:
    return gateway.answer(OFMIN, answers.acknowledge_recall, handoff)


def retain(gateway: Founded, handoff: UUID) -> None:
    gateway.answer(OFMIN, answers.retain, handoff, legal_basis="CSI L. 236-1")


def owed(gateway: Founded, handoff: UUID) -> set[DutyKind]:
    return set(gateway.owed(handoff))


def term(gateway: Founded, handoff: UUID, kind: DutyKind) -> timedelta:
    """The time for what is owed."""
    (duty,) = (one for one in gateway.duties(handoff) if one.kind is kind)
    return duty.due_at - duty.since


def opens(gateway: Founded, handoff: UUID, code: str, reader: str = OFMIN) -> bool:
    """Whether its recipient may consult a handoff with a reason code."""
    opening = ConsultationRequest("officer-1", code, "to see what we have")
    try:
        gateway.act(reader, package_consultation.consult, handoff, opening)
    except Exception as failure:
        assert isinstance(getattr(failure, "refusal", None), Forbidden | NotFound | WrongState)
        return False
    return True


# --- which handoffs it touches (the table of states) ---------------------------------------------


def _end(gateway: Founded, handoff: UUID, step: str) -> None:
    gateway.answer(OFMIN, getattr(answers, step), handoff, "no more work here")


BEFORE = {
    "offered": (False, None, "withdrawn", False),
    "accepted": (True, None, "withdrawn", True),
    "closed": (True, "close", "closed", True),
    "declined after acceptance": (True, "decline", "declined", True),
    "redirected after acceptance": (True, "redirect", "redirected", True),
}


@pytest.mark.parametrize("name", BEFORE)
def test_a_recall_withdraws_what_is_open_stands_on_what_is_held_and_opens_nothing(gateway, name):
    accepts, ended, after, held = BEFORE[name]
    case = submitted(gateway)
    offer = offered(gateway, case)
    handoff = accepted(gateway, offer) if accepts else UUID(offer.result["handoff"])
    if ended is not None:
        _end(gateway, handoff, ended)
    (touched,) = recalled(gateway, case).result["handoffs"]
    assert (touched["state"], touched["held"]) == (after, held)
    assert gateway.view(HOTLINE, handoff)["recalled"] is held
    expected = {DutyKind.RECALL_ACKNOWLEDGEMENT, ANSWER} if held else set()
    assert owed(gateway, handoff) == expected
    assert opens(gateway, handoff, "recall_review") is (held and after in ("withdrawn", "closed"))


@pytest.mark.parametrize("step", ["decline", "redirect"])
def test_a_handoff_that_ended_without_an_acceptance_is_left_alone(gateway, step):
    case = submitted(gateway)
    ended = UUID(offered(gateway, case).result["handoff"])
    other = UUID(offered(gateway, case, to=ABROAD).result["handoff"])
    _end(gateway, ended, step)
    (touched,) = recalled(gateway, case).result["handoffs"]
    assert touched["handoff"] == str(other)
    assert len(gateway.view(HOTLINE, ended)["answers"]) == 2


def test_where_nobody_has_the_case_there_is_nothing_to_recall(gateway):
    case = UUID(submitted(gateway).result["case"])
    gateway.refused(WrongState, HOTLINE, recalls.of_case, case, UNLAWFUL)


def test_what_was_consulted_in_imminent_danger_before_acceptance_is_held(gateway):
    case = submitted(gateway, **DANGER)
    handoff = UUID(offered(gateway, case).result["handoff"])
    assert opens(gateway, handoff, "imminent_danger")
    (touched,) = recalled(gateway, case).result["handoffs"]
    assert touched["held"] is True
    assert term(gateway, handoff, DutyKind.RECALL_ACKNOWLEDGEMENT) == timedelta(hours=8)
    erase_copies(gateway, handoff)


def test_a_recall_passes_over_who_consulted_in_danger_and_erased_its_copies(gateway):
    case = submitted(gateway, **DANGER)
    offer = offered(gateway, case)
    handoff = UUID(offer.result["handoff"])
    assert opens(gateway, handoff, "imminent_danger")
    accepted(gateway, offer)
    retain(gateway, handoff)
    erase_copies(gateway, handoff)
    assert not opens(gateway, handoff, "investigation"), "nothing else would close it"
    given(gateway, case, ABROAD)
    (touched,) = recalled(gateway, case).result["handoffs"]
    assert touched["handoff"] != str(handoff)


def test_a_recall_of_one_handoff_leaves_the_others_to_one_of_the_case(gateway):
    case = submitted(gateway)
    first, second = given(gateway, case, OFMIN), given(gateway, case, ABROAD)
    gateway.act(HOTLINE, recalls.of_handoff, first, UNLAWFUL)
    assert gateway.view(HOTLINE, first)["state"] == "withdrawn"
    assert gateway.view(HOTLINE, second)["state"] == "accepted"
    assert [one["handoff"] for one in events(gateway, "handoff.recalled")] == [str(first)]
    (touched,) = recalled(gateway, case).result["handoffs"]
    assert touched["handoff"] == str(second)
    gateway.refused(WrongState, HOTLINE, recalls.of_handoff, first, UNLAWFUL)


def test_a_recall_is_one_event_of_the_originator_and_one_of_each_holder(gateway):
    case = submitted(gateway)
    held = [given(gateway, case, to) for to in (OFMIN, ABROAD)]
    made = recalled(gateway, case)
    (own,) = events(gateway, "case.recalled")
    told = events(gateway, "handoff.recalled")
    assert {one["handoff"] for one in told} == {str(one) for one in held}
    digests = {one["document_sha256"] for one in (own, *told)}
    assert digests == {made.result["digest"]}


def test_the_document_names_the_case_and_no_holder(gateway):
    case, handoff, _ = taken_back(gateway)
    (shown,) = (o for o in gateway.view(OFMIN, handoff)["answers"] if o["kind"] == "recall")
    verified = sd_jwt.read_stored(shown["document"])
    recall = handoff_documents.read_recall(verified)
    told = (recall.case, recall.version, recall.code, recall.handoff)
    assert told == (UUID(case.result["case"]), 1, RecallCode.UNLAWFUL, None)
    assert verified.content["reason"] == "court order 12/26"
    assert {"by", "approved_by"}.isdisjoint(verified.content)


# --- who makes it --------------------------------------------------------------------------------


def test_two_persons_of_its_originator_recall(gateway):
    handoff = accepted(gateway)
    for second in (None, "approver-1"):
        alone = replace(UNLAWFUL, approved_by=second)
        gateway.refused(SecondPersonRequired, HOTLINE, recalls.of_handoff, handoff, alone)
    gateway.refused(NotFound, OFMIN, recalls.of_handoff, handoff, UNLAWFUL)


def test_of_what_was_misdirected_the_second_person_follows(gateway):
    case, handoff, made = taken_back(gateway, **ALONE)
    assert term(gateway, handoff, DutyKind.RECALL_APPROVAL) == timedelta(hours=24)
    at, recall = UUID(case.result["case"]), UUID(made.result["recall"])

    def asked(by: str) -> tuple[UUID, ApprovalRequest]:
        return at, ApprovalRequest(recall, by)

    gateway.refused(SecondPersonRequired, HOTLINE, recalls.approve, *asked("approver-1"))
    gateway.act(HOTLINE, recalls.approve, *asked("approver-2"))
    assert DutyKind.RECALL_APPROVAL not in owed(gateway, handoff)
    gateway.refused(WrongState, HOTLINE, recalls.approve, *asked("approver-3"))


def test_one_person_recalls_what_was_accepted_with_a_reservation_and_the_second_follows(gateway):
    handoff = reserved(gateway)
    made = gateway.act(HOTLINE, recalls.of_handoff, handoff, NOT_MET).result
    assert term(gateway, handoff, DutyKind.RECALL_APPROVAL) == timedelta(hours=24)
    assert opens(gateway, handoff, "recall_review")
    second = ApprovalRequest(UUID(made["recall"]), "approver-2")
    gateway.act(HOTLINE, recalls.approve, UUID(made["case"]), second)
    assert owed(gateway, handoff) == {DutyKind.RECALL_ACKNOWLEDGEMENT, ANSWER}


@pytest.mark.parametrize("second", [None, "approver-2"])
@pytest.mark.parametrize("why", ["no reservation", "not accepted", "erased"])
def test_conditions_are_not_met_where_an_acceptance_that_is_there_says_so(gateway, why, second):
    if why == "not accepted":
        handoff = UUID(offered(gateway).result["handoff"])
    else:
        handoff = reserved(gateway) if why == "erased" else accepted(gateway)
    if why == "erased":
        erased(gateway)
    reason = None if why == "erased" else "it cannot erase in time"
    asked = replace(NOT_MET, approved_by=second, reason=reason)
    gateway.refused(WrongState, HOTLINE, recalls.of_handoff, handoff, asked)


def test_conditions_that_are_not_met_recall_one_handoff_and_no_whole_case(gateway):
    case = gateway.handoff(reserved(gateway)).case
    with pytest.raises(ValidationFailed) as failed:
        gateway.act(HOTLINE, recalls.of_case, case, NOT_MET)
    assert [pointer for pointer, _ in failed.value.errors] == ["/code"]


def test_the_administrators_hear_of_what_was_misdirected_and_of_nothing_else(gateway):
    for code in (RecallCode.MISDIRECTED, RecallCode.OTHER):
        taken_back(gateway, code=code)
    gateway.act(HOTLINE, recalls.of_handoff, reserved(gateway), NOT_MET)
    assert gateway.types(GATEWAY).count("case.recalled") == 1


def test_a_repeated_recall_gets_its_first_result(gateway):
    case = submitted(gateway)
    handoff = given(gateway, case, OFMIN)
    offered(gateway, case, to=ABROAD)
    asked = HOTLINE, recalls.of_case, UUID(case.result["case"]), UNLAWFUL
    first = gateway.act(*asked, key="the same")
    erase_copies(gateway, handoff)
    again = gateway.act(*asked, key="the same")
    assert to_json(again.result) == to_json(first.result)


# --- what follows --------------------------------------------------------------------------------


@pytest.mark.parametrize("whole", [True, False])
def test_what_was_recalled_is_offered_to_nobody_who_had_it_and_a_later_version_may_be(
    gateway, whole
):
    case = submitted(gateway)
    handoff = given(gateway, case, OFMIN)
    if whole:
        recalled(gateway, case)
    else:
        gateway.act(HOTLINE, recalls.of_handoff, handoff, UNLAWFUL)
        assert offered(gateway, case, to=ABROAD).result["state"] == "offered"
    wanted = offer_of(gateway, **({"to": ABROAD} if whole else {}))
    gateway.denied("R13.recall.offer", HOTLINE, offers.offer, UUID(case.result["case"]), wanted)
    later = revised(gateway, case, urgency="urgent")
    assert offered(gateway, later, to=ABROAD, again="corrected").result["state"] == "offered"


def test_a_recalled_handoff_takes_no_update_and_the_update_before_is_owed_no_more(gateway):
    case = submitted(gateway)
    handoff = given(gateway, case, OFMIN)
    _end(gateway, handoff, "close")
    later = revised(gateway, case, urgency="urgent")
    assert DutyKind.UPDATE in owed(gateway, handoff)
    recalled(gateway, later)
    assert DutyKind.UPDATE not in owed(gateway, handoff)
    gateway.refused(WrongState, HOTLINE, updates.update, handoff, UpdateRequest("liaison-1"))


def test_an_acknowledgement_that_crossed_the_recall_is_recorded_and_opens_nothing(gateway):
    case = submitted(gateway)
    handoff = given(gateway, case, OFMIN)
    later = revised(gateway, case, urgency="urgent")
    updated(gateway, handoff)
    recalled(gateway, later)
    acknowledged(gateway, handoff)
    assert gateway.view(HOTLINE, handoff)["state"] == "withdrawn"
    assert not opens(gateway, handoff, "investigation")


def test_a_correction_after_a_recall_is_owed_to_who_keeps_the_case_only(gateway):
    case, handoff, _ = taken_back(gateway)
    later = revised(gateway, case, urgency="urgent")
    assert DutyKind.UPDATE not in owed(gateway, handoff)
    answer(gateway, handoff, RecallAnswer.DECLINED)
    revised(gateway, later, urgency="normal")
    assert DutyKind.UPDATE in owed(gateway, handoff)
    notice = {"code": "inaccurate", "pointers": ["/urgency"]}
    written = gateway.answer(HOTLINE, answers.notify_correction, handoff, **notice)
    assert written.result["state"] == "withdrawn"


def test_a_version_may_leave_out_who_was_told_to_erase_the_case(gateway):
    case = submitted(gateway)
    one = given(gateway, case, OFMIN)
    given(gateway, case, ABROAD)
    gateway.act(HOTLINE, recalls.of_handoff, one, UNLAWFUL)
    assert revised(gateway, case, marking={"release_to": [ABROAD]}).result["version"] == 2


# --- what is open to whom (the table of holders) -------------------------------------------------

PLAIN = [c for c in OF_CASE if c not in ("misdirected", "authority_order", "unlawful")]
NO_NEW_USE = {*PLAIN, RecallCode.UNLAWFUL}
CODES_OF = {
    RecallAnswer.IN_PROCEEDINGS: "in_proceedings",
    RecallAnswer.PROCESSING_RESTRICTED: "retention",
    RecallAnswer.DECLINED: "retention",
}


@pytest.mark.parametrize("code", OF_CASE, ids=str)
def test_an_authority_makes_no_new_use_until_it_answers(gateway, code):
    case = submitted(gateway)
    handoff = given(gateway, case, OFMIN)
    assert opens(gateway, handoff, "investigation")
    recalled(gateway, case, code=code)
    looks = code in NO_NEW_USE
    expected = {"recall_review": looks, "imminent_danger": looks}
    expected |= {"investigation": False, "in_proceedings": False}
    assert {one: opens(gateway, handoff, one) for one in expected} == expected


@pytest.mark.parametrize(
    "code, done",
    [
        *product(OF_CASE, (RecallAnswer.IN_PROCEEDINGS, RecallAnswer.DECLINED)),
        (RecallCode.UNLAWFUL, RecallAnswer.PROCESSING_RESTRICTED),
    ],
    ids=str,
)
def test_an_authority_consults_what_it_keeps_under_a_code_of_its_own(gateway, code, done):
    _, handoff, _ = taken_back(gateway, code=code)
    answer(gateway, handoff, done)
    expected = done is RecallAnswer.IN_PROCEEDINGS or code in NO_NEW_USE
    assert opens(gateway, handoff, CODES_OF[done]) is expected
    others = {"investigation", "recall_review", "retention", "in_proceedings"} - {CODES_OF[done]}
    assert not any(opens(gateway, handoff, other) for other in others)
    erase_copies(gateway, handoff)
    assert not opens(gateway, handoff, CODES_OF[done])


@pytest.mark.parametrize("code", OF_CASE, ids=str)
def test_what_a_hotline_had_is_closed_and_opens_by_a_decline_where_it_was_lawful(gateway, code):
    _, handoff, _ = taken_back(gateway, ABROAD, code=code)
    codes = ("assessment", "recall_review", "imminent_danger", "retention")
    assert not any(opens(gateway, handoff, one, ABROAD) for one in codes)
    answer(gateway, handoff, RecallAnswer.DECLINED, by=ABROAD)
    assert opens(gateway, handoff, "retention", ABROAD) is (code in PLAIN)
    assert not owed(gateway, handoff), "and no review that it may not give"


def test_what_is_kept_closes_with_its_last_day(gateway):
    _, handoff, _ = taken_back(gateway)
    answer(gateway, handoff, RecallAnswer.DECLINED, until="2026-03-04")
    assert opens(gateway, handoff, "retention")
    gateway.clock.advance(timedelta(days=2))
    assert not opens(gateway, handoff, "retention")


# --- answers -------------------------------------------------------------------------------------


def test_an_acknowledgement_leaves_the_final_answer_owed_and_both_bind_the_recall(gateway):
    _, handoff, made = taken_back(gateway)
    assert term(gateway, handoff, DutyKind.RECALL_ACKNOWLEDGEMENT) == timedelta(hours=72)
    assert term(gateway, handoff, ANSWER) == timedelta(days=21)
    written = [acknowledge(gateway, handoff)]
    assert owed(gateway, handoff) == {ANSWER}
    written.append(erase_copies(gateway, handoff))
    assert not owed(gateway, handoff)
    for one in written:
        document = sd_jwt.read_stored(one.result["document"])
        assert handoff_documents.read_answer(document).recall == made.result["digest"]


def test_one_final_answer_is_given_and_an_erasure_may_follow_it_and_ends_the_retention(gateway):
    _, handoff, _ = taken_back(gateway)

    def kept() -> Any:
        with gateway.ports.begin(TransactionMode.READ) as work:
            return work.retentions.of_handoff(handoff)

    answer(gateway, handoff, RecallAnswer.DECLINED)
    assert (kept().ground, kept().legal_basis) == ("declined", "CSI L. 236-1")
    said = answers.said("officer-1", done="in_proceedings", **KEPT[RecallAnswer.IN_PROCEEDINGS])
    gateway.refused(WrongState, OFMIN, answers.answer_recall, handoff, said)
    erase_copies(gateway, handoff)
    assert kept() is None
    said = answers.said("officer-1", done="copies_erased")
    gateway.refused(WrongState, OFMIN, answers.answer_recall, handoff, said)


def test_who_erased_what_it_retained_owes_no_answer_about_it(gateway):
    case = submitted(gateway)
    handoff = given(gateway, case, OFMIN)
    retain(gateway, handoff)
    later = revised(gateway, case, urgency="urgent")
    updated(gateway, handoff)
    assert DutyKind.ACKNOWLEDGEMENT in owed(gateway, handoff)
    erase_copies(gateway, handoff)
    revised(gateway, later, urgency="normal")
    assert not owed(gateway, handoff)


WRONG = (
    {"done": "declined", "until": UNTIL},
    {"done": "in_proceedings", "until": UNTIL, "authority": "TJ Paris"},
    {"done": "processing_restricted"},
    {"done": "declined", "until": "2026-03-02", "legal_basis": "CSI L. 236-1"},
    {"done": "copies_erased", "until": UNTIL},
    {"done": "declined", "until": UNTIL, "legal_basis": "x", "backups_until": UNTIL},
    {"done": "copies_erased", "onward_copies": "a hotline abroad"},
)


def test_an_answer_says_what_goes_with_it_and_nothing_else(gateway):
    _, handoff, _ = taken_back(gateway)
    for fields in WRONG:
        with pytest.raises(ValidationFailed):
            gateway.answer(OFMIN, answers.answer_recall, handoff, **fields)


def test_without_a_recall_there_is_nothing_to_answer(gateway):
    handoff = accepted(gateway)
    erased = {"done": "copies_erased"}
    for act, fields in ((answers.acknowledge_recall, {}), (answers.answer_recall, erased)):
        said = answers.said("officer-1", **fields)
        gateway.refused(WrongState, OFMIN, act, handoff, said)


def test_a_private_originator_reads_only_that_an_authority_keeps_the_case_by_law(gateway):
    _, handoff, _ = taken_back(gateway)
    kept = {"onward_copies": "the court of Lyon", "onward_informed": "informed"}
    answer(gateway, handoff, RecallAnswer.IN_PROCEEDINGS, **kept)
    *_, shown = gateway.view(HOTLINE, handoff)["answers"]
    assert shown["code"] == "kept_by_law"
    content = sd_jwt.read_stored(shown["document"]).content
    assert content["onward_informed"] == "informed"
    assert {"done", "reference", "authority", "until", "onward_copies"}.isdisjoint(content)
    *_, own = gateway.view(OFMIN, handoff)["answers"]
    assert sd_jwt.read_stored(own["document"]).content["reference"] == "26/123"


def test_it_reads_that_copies_are_erased(gateway):
    _, handoff, _ = taken_back(gateway)
    answer(gateway, handoff, RecallAnswer.COPIES_ERASED, backups_until=UNTIL)
    *_, shown = gateway.view(HOTLINE, handoff)["answers"]
    assert shown["code"] == "copies_erased"
    assert "backups_until" not in sd_jwt.read_stored(shown["document"]).content


def test_coverage_says_what_is_owed_late_and_given_after_a_recall(gateway):
    case, handoff, made = taken_back(gateway)
    line = covered(gateway, case)
    (told,) = events(gateway, "handoff.recalled")
    unsaid = dict.fromkeys(("answer", "until", "backups_until"))
    assert line["recall"] == {"recall": made.result["recall"], "code": "unlawful", **unsaid}
    assert [one["what"] for one in line["owed"]] == ["recall_acknowledgement", "recall_answer"]
    assert {one["event"] for one in line["owed"]} == {told["id"]}
    gateway.clock.advance(timedelta(days=4))
    assert [one["late"] for one in covered(gateway, case)["owed"]] == [True, False]
    acknowledge(gateway, handoff)
    assert awaited(gateway, case) == ["recall_answer"]
    answer(gateway, handoff, RecallAnswer.IN_PROCEEDINGS)
    line = covered(gateway, case)
    (said,) = events(gateway, "handoff.recall_answered")
    assert (line["owed"], line["answered_by_event"]) == ([], said["id"])
    assert line["recall"]["answer"] == "kept_by_law"


def test_coverage_has_the_days_that_a_holder_declared_where_they_may_be_read(gateway):
    case = submitted(gateway)
    handoff = given(gateway, case, ABROAD)
    recalled(gateway, case)
    answer(gateway, handoff, RecallAnswer.DECLINED, by=ABROAD)
    recall = covered(gateway, case)["recall"]
    assert (recall["answer"], recall["until"]) == ("declined", KEPT[RecallAnswer.DECLINED]["until"])
    answer(gateway, handoff, RecallAnswer.COPIES_ERASED, by=ABROAD, backups_until=UNTIL)
    recall = covered(gateway, case)["recall"]
    assert (recall["answer"], recall["backups_until"]) == ("copies_erased", UNTIL)


# --- after the erasure ---------------------------------------------------------------------------


def erased(gateway: Founded) -> None:
    gateway.clock.advance(timedelta(days=400))
    assert erasure.erase_due(gateway.ports) == 1


def test_a_recall_outlives_the_erasure_of_its_case(gateway):
    _, handoff, _ = taken_back(gateway)
    erased(gateway)
    assert ANSWER in owed(gateway, handoff)
    assert erase_copies(gateway, handoff).result["document"]
    assert not owed(gateway, handoff)


def test_a_holder_confirms_that_it_erased_its_copies_of_an_erased_case(gateway):
    case = submitted(gateway)
    handoff = given(gateway, case, OFMIN)
    erased(gateway)
    assert covered(gateway, case)["holds"] is True
    erase_copies(gateway, handoff)
    assert gateway.handoff(handoff).recall_answer is RecallAnswer.COPIES_ERASED
    line = covered(gateway, case)
    assert (line["holds"], line["answered"]) == (False, "answer_recall")


def test_of_an_erased_case_nothing_is_answered_but_by_a_holder_that_its_copies_are_erased(gateway):
    case = submitted(gateway)
    handoff = given(gateway, case, OFMIN)
    never = UUID(offered(gateway, case, to=ABROAD).result["handoff"])
    erased(gateway)
    restricted = {"done": "processing_restricted", "until": "2028-01-01"}
    for by, at, act, fields in (
        (ABROAD, never, answers.answer_recall, {"done": "copies_erased"}),
        (OFMIN, handoff, answers.answer_recall, restricted),
        (OFMIN, handoff, answers.acknowledge_recall, {}),
    ):
        gateway.refused(WrongState, by, act, at, answers.said("officer-1", **fields))


def test_a_retention_does_not_take_the_place_of_the_answer_to_a_recall(gateway):
    """A copy of an erased case opens by the answer that its holder gave, and by nothing else."""
    _, handoff, _ = taken_back(gateway, code=RecallCode.INACCURATE)
    retain(gateway, handoff)
    erased(gateway)
    asked = OFMIN, package_consultation.consult, handoff, COPY
    gateway.denied("R13.recall.copy", *asked)
    answer(gateway, handoff, RecallAnswer.DECLINED, until="2029-01-01")
    assert gateway.act(*asked).result
    erase_copies(gateway, handoff)
    gateway.refused(CaseErased, *asked)


def test_who_never_accepted_keeps_no_more_than_it_could_consult_in_danger(gateway):
    case = submitted(gateway, **DANGER)
    handoff = UUID(offered(gateway, case).result["handoff"])
    rescue = ConsultationRequest("officer-1", "imminent_danger", "a child is in danger")
    seen = gateway.act(OFMIN, package_consultation.consult, handoff, rescue).result
    recalled(gateway, case)
    answer(gateway, handoff, RecallAnswer.IN_PROCEEDINGS, until="2029-01-01")
    erased(gateway)
    kept = gateway.act(OFMIN, package_consultation.consult, handoff, COPY).result

    def elements(opened: Any) -> set[str]:
        return {one.digest for one in sd_jwt.read_stored(opened["presentation"]).placed}

    assert elements(to_json(kept)) == elements(to_json(seen))


def test_the_second_person_writes_no_words_about_an_erased_case(gateway):
    case, _, made = taken_back(gateway, **ALONE)
    erased(gateway)
    at, recall = UUID(case.result["case"]), UUID(made.result["recall"])
    told = ApprovalRequest(recall, "approver-2", "it was meant for another")
    with pytest.raises(ValidationFailed):
        gateway.act(HOTLINE, recalls.approve, at, told)
    assert gateway.act(HOTLINE, recalls.approve, at, replace(told, reason=None)).result


def test_a_private_member_opens_no_copy_of_a_case_in_which_it_declared_an_interest(gateway):
    _, handoff, _ = taken_back(gateway, ABROAD, code=RecallCode.INACCURATE)
    answer(gateway, handoff, RecallAnswer.DECLINED, by=ABROAD, until="2029-01-01")
    gateway.interest(ABROAD)
    erased(gateway)
    gateway.refused(NotFound, ABROAD, package_consultation.consult, handoff, COPY)


def test_a_copy_does_not_open_in_a_third_country_after_the_end_of_its_transfer_tool(gateway):
    move_abroad(gateway, "US")
    named = tool(gateway)
    _, handoff, _ = taken_back(gateway, "far", code=RecallCode.INACCURATE)
    answer(gateway, handoff, RecallAnswer.DECLINED, by="far", until="2029-01-01")
    gateway.administer("agreement.end", "far", agreement=named, until="2027-01-01")
    erased(gateway)
    gateway.denied("R15.transfer", "far", package_consultation.consult, handoff, COPY)


def test_a_copy_of_what_came_by_derogation_opens_in_a_third_country(gateway):
    move_abroad(gateway, "US")
    case = submitted(gateway, urgency="imminent_danger", urgency_reason="child_located")
    offer = offered(gateway, case, to="far", derogation=True, approved_by="approver-1")
    handoff = accepted(gateway, offer, recipient="far")
    recalled(gateway, case, code=RecallCode.INACCURATE)
    answer(gateway, handoff, RecallAnswer.DECLINED, by="far", until="2029-01-01")
    erased(gateway)
    assert gateway.act("far", package_consultation.consult, handoff, COPY).result["presentation"]


def test_a_recall_reaches_the_holders_of_a_case_that_was_erased_here(gateway):
    case = submitted(gateway)
    handoff = given(gateway, case, OFMIN)
    erased(gateway)
    at, quietly = UUID(case.result["case"]), replace(UNLAWFUL, reason=None)
    with pytest.raises(ValidationFailed):
        gateway.act(HOTLINE, recalls.of_case, at, UNLAWFUL)
    made, again = (
        gateway.act(HOTLINE, recalls.of_case, at, quietly, key="the same") for _ in range(2)
    )
    (touched,) = made.result["handoffs"]
    assert (touched["state"], touched["held"]) == ("lapsed", True)
    assert to_json(again.result) == to_json(made.result)
    acknowledge(gateway, handoff)
    answer(gateway, handoff, RecallAnswer.IN_PROCEEDINGS, until="2028-01-01")
    with pytest.raises(ValidationFailed):
        said = {"onward_copies": "x", "onward_informed": "none"}
        answer(gateway, handoff, RecallAnswer.COPIES_ERASED, **said)
    erase_copies(gateway, handoff)
