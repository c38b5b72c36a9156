"""Recalls: which handoffs one touches, what it leaves open to whom, and what is answered."""

from dataclasses import replace
from datetime import timedelta
from itertools import product
from typing import Any
from uuid import UUID

import pytest

from gateway.domain.duty import DutyKind
from gateway.domain.handoff import RecallAnswer, RecallCode
from gateway.domain.outcome import ConsultationNotice
from gateway.domain.refusals import (
    Forbidden,
    NotFound,
    SecondPersonRequired,
    ValidationFailed,
    WrongState,
)
from gateway.evidence import handoff_documents, sd_jwt
from gateway.exchange import erasure, handoffs, offers, recalls, retained_copies, updates
from gateway.exchange.consultations import RETENTION, ConsultationRequest
from gateway.exchange.recalls import ApprovalRequest, RecallRequest
from gateway.exchange.updates import UpdateRequest
from gateway.kernel.actors import GATEWAY
from gateway.kernel.ports import TransactionMode
from gateway.kernel.results import to_json
from gateway.kernel.transact import WriteResult
from gateway.registry import staff
from tests import answers
from tests.exchange.test_updates import covered, events
from tests.founding import (
    ABROAD,
    HOTLINE,
    OFMIN,
    Founded,
    accepted,
    acknowledged,
    caller,
    conditions_of,
    consulted,
    founded,
    offer_of,
    offered,
    revised,
    submitted,
    updated,
)

UNLAWFUL = RecallRequest("approver-1", RecallCode.UNLAWFUL, "court order 12/26", "approver-2")
UNTIL = "2026-12-31"
KEPT = {
    RecallAnswer.COPIES_ERASED: {},
    RecallAnswer.PROCESSING_RESTRICTED: {"until": UNTIL},
    RecallAnswer.IN_PROCEEDINGS: {"until": UNTIL, "authority": "TJ Paris", "reference": "26/123"},
    RecallAnswer.DECLINED: {"until": UNTIL, "legal_basis": "CSI L. 236-1"},
}


@pytest.fixture
def gateway() -> Founded:
    return founded()


def recalled(gateway: Founded, case: WriteResult | UUID, **changes: Any) -> WriteResult:
    """The hotline recalls its case from all."""
    at = case if isinstance(case, UUID) else UUID(case.result["case"])
    wanted = replace(UNLAWFUL, **changes)
    return gateway.do(recalls.of_case, caller(HOTLINE), gateway.key(), at, wanted)


def given(gateway: Founded, case: WriteResult, to: str) -> UUID:
    """A handoff of the case, which its recipient accepted."""
    offer = offered(gateway, case, **({} if to == OFMIN else {"to": to}))
    return accepted(gateway, offer, recipient=to)


def refused(gateway: Founded, action: Any, *args: Any) -> Any:
    return gateway.refusal(action, *args).refusal


def answer(
    gateway: Founded, handoff: UUID, done: RecallAnswer, by: str = OFMIN, **fields: Any
) -> WriteResult:
    said = answers.said("officer-1", done=str(done), **{**KEPT[done], **fields})
    return gateway.do(answers.answer_recall, caller(by), gateway.key(), handoff, said)


def acknowledge(gateway: Founded, handoff: UUID, by: str = OFMIN) -> WriteResult:
    said = answers.said("officer-1")
    return gateway.do(answers.acknowledge_recall, caller(by), gateway.key(), handoff, said)


def view(gateway: Founded, handoff: UUID, reader: str = HOTLINE) -> Any:
    return to_json(handoffs.look_up(gateway.ports, caller(reader), handoff))


def owed(gateway: Founded, handoff: UUID) -> dict[str, Any]:
    """What is owed about a handoff now, by kind."""
    with gateway.ports.begin(TransactionMode.READ) as work:
        return {str(one.kind): one for one in work.duties.of(handoff, open_only=True)}


def term(gateway: Founded, handoff: UUID, kind: DutyKind) -> timedelta:
    """The time for what is owed."""
    duty = owed(gateway, handoff)[kind]
    return duty.due_at - duty.since


def opens(gateway: Founded, handoff: UUID, code: str, reader: str = OFMIN) -> bool:
    """Whether its recipient may consult a handoff with a reason code."""
    opening = ConsultationRequest("officer-1", code, "to see what we have")
    act = (handoffs.consult, caller(reader), gateway.key(), handoff, opening)
    try:
        gateway.do(*act)
    except Exception as failure:
        assert isinstance(getattr(failure, "refusal", None), Forbidden | NotFound | WrongState)
        return False
    return True


# --- which handoffs it touches (the table of states) ---------------------------------------------


def _end(gateway: Founded, handoff: UUID, step: str) -> None:
    by = caller(OFMIN)
    said = answers.said("officer-1", "no more work here")
    gateway.do(getattr(answers, step), by, gateway.key(), handoff, said)


BEFORE = {
    "offered": (False, None, "withdrawn", False),
    "accepted": (True, None, "withdrawn", True),
    "closed": (True, "close", "closed", True),
    "declined after acceptance": (True, "decline", "declined", True),
    "redirected after acceptance": (True, "redirect", "redirected", True),
}


@pytest.mark.parametrize("name", BEFORE)
def test_a_recall_withdraws_what_is_open_and_stands_on_what_is_held(gateway, name):
    accepts, ended, after, held = BEFORE[name]
    case = submitted(gateway)
    offer = offered(gateway, case)
    handoff = accepted(gateway, offer) if accepts else UUID(offer.result["handoff"])
    if ended is not None:
        _end(gateway, handoff, ended)
    (touched,) = recalled(gateway, case).result["handoffs"]
    assert (touched["state"], touched["held"]) == (after, held)
    assert view(gateway, handoff)["recalled"] is held
    expected = {DutyKind.RECALL_ACKNOWLEDGEMENT, DutyKind.RECALL_ANSWER} if held else set()
    assert owed(gateway, handoff).keys() == expected


@pytest.mark.parametrize("step", ["decline", "redirect"])
def test_a_handoff_that_ended_without_an_acceptance_is_left_alone(gateway, step):
    case = submitted(gateway)
    ended = UUID(offered(gateway, case).result["handoff"])
    other = UUID(offered(gateway, case, to=ABROAD).result["handoff"])
    _end(gateway, ended, step)
    (touched,) = recalled(gateway, case).result["handoffs"]
    assert touched["handoff"] == str(other)
    assert len(view(gateway, ended)["answers"]) == 2


def test_where_nobody_has_the_case_there_is_nothing_to_recall(gateway):
    case = submitted(gateway)
    at = UUID(case.result["case"])
    failed = refused(gateway, recalls.of_case, caller(HOTLINE), gateway.key(), at, UNLAWFUL)
    assert isinstance(failed, WrongState)


def test_what_was_consulted_in_imminent_danger_before_acceptance_is_held(gateway):
    danger = {"urgency": "imminent_danger", "urgency_reason": "abuse_ongoing"}
    case = submitted(gateway, **danger)
    handoff = UUID(offered(gateway, case).result["handoff"])
    assert opens(gateway, handoff, "imminent_danger")
    (touched,) = recalled(gateway, case).result["handoffs"]
    assert touched["held"] is True
    assert term(gateway, handoff, DutyKind.RECALL_ACKNOWLEDGEMENT) == timedelta(hours=8)
    answer(gateway, handoff, RecallAnswer.COPIES_ERASED)


def test_a_recall_passes_over_who_consulted_in_danger_and_erased_its_copies(gateway):
    case = submitted(gateway, urgency="imminent_danger", urgency_reason="abuse_ongoing")
    offer = offered(gateway, case)
    handoff = UUID(offer.result["handoff"])
    assert opens(gateway, handoff, "imminent_danger")
    accepted(gateway, offer)
    law = answers.said("officer-1", legal_basis="CSI L. 236-1")
    gateway.do(answers.retain, caller(OFMIN), gateway.key(), handoff, law)
    answer(gateway, handoff, RecallAnswer.COPIES_ERASED)
    given(gateway, case, ABROAD)
    (touched,) = recalled(gateway, case).result["handoffs"]
    assert touched["handoff"] != str(handoff)


def test_a_recall_of_the_case_passes_over_what_is_recalled_already(gateway):
    case = submitted(gateway)
    first = given(gateway, case, OFMIN)
    gateway.do(recalls.of_handoff, caller(HOTLINE), gateway.key(), first, UNLAWFUL)
    second = given(gateway, case, ABROAD)
    (touched,) = recalled(gateway, case).result["handoffs"]
    assert touched["handoff"] == str(second)
    failed = refused(gateway, recalls.of_handoff, caller(HOTLINE), gateway.key(), first, UNLAWFUL)
    assert isinstance(failed, WrongState)


def test_a_recall_of_one_handoff_leaves_the_others(gateway):
    case = submitted(gateway)
    one, other = given(gateway, case, OFMIN), given(gateway, case, ABROAD)
    gateway.do(recalls.of_handoff, caller(HOTLINE), gateway.key(), one, UNLAWFUL)
    assert view(gateway, one)["state"] == "withdrawn"
    assert view(gateway, other)["state"] == "accepted"
    (told,) = events(gateway, "handoff.recalled")
    assert told["handoff"] == str(one)


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
    case = submitted(gateway)
    handoff = given(gateway, case, OFMIN)
    recalled(gateway, case)
    shown = [one for one in view(gateway, handoff, OFMIN)["answers"] if one["kind"] == "recall"]
    verified = sd_jwt.read_stored(shown[0]["document"])
    recall = handoff_documents.read_recall(verified)
    assert (recall.case, recall.version, recall.code) == (
        UUID(case.result["case"]),
        1,
        RecallCode.UNLAWFUL,
    )
    assert recall.handoff is None
    assert verified.content["reason"] == "court order 12/26"
    assert {"by", "approved_by"}.isdisjoint(verified.content)


# --- who makes it --------------------------------------------------------------------------------


@pytest.mark.parametrize("second", [None, "approver-1"])
def test_two_persons_recall(gateway, second):
    case = submitted(gateway)
    handoff = given(gateway, case, OFMIN)
    alone = replace(UNLAWFUL, approved_by=second)
    failed = refused(gateway, recalls.of_handoff, caller(HOTLINE), gateway.key(), handoff, alone)
    assert isinstance(failed, SecondPersonRequired)


def test_who_keeps_away_from_a_case_recalls_it_not(gateway):
    case = submitted(gateway)
    given(gateway, case, OFMIN)
    kept = staff.Recusal("approver-3", f"{HOTLINE}/{case.result['case']}")
    gateway.do(staff.recuse, caller(HOTLINE), gateway.key(), "approver-2", kept)
    with pytest.raises(ValidationFailed) as failed:
        recalled(gateway, case)
    assert [pointer for pointer, _ in failed.value.errors] == ["/approved_by"]


def test_of_what_was_misdirected_the_second_person_follows(gateway):
    case = submitted(gateway)
    handoff = given(gateway, case, OFMIN)
    made = recalled(gateway, case, code=RecallCode.MISDIRECTED, approved_by=None)
    assert term(gateway, handoff, DutyKind.RECALL_APPROVAL) == timedelta(hours=24)
    at, recall = UUID(case.result["case"]), UUID(made.result["recall"])
    ask = (recalls.approve, caller(HOTLINE), gateway.key(), at)
    same = refused(gateway, *ask, ApprovalRequest(recall, "approver-1"))
    assert isinstance(same, SecondPersonRequired)
    gateway.do(*ask[:2], gateway.key(), at, ApprovalRequest(recall, "approver-2"))
    assert DutyKind.RECALL_APPROVAL not in owed(gateway, handoff)
    again = refused(gateway, *ask[:2], gateway.key(), at, ApprovalRequest(recall, "approver-3"))
    assert isinstance(again, WrongState)


def test_the_administrators_hear_of_what_was_misdirected_and_of_nothing_else(gateway):
    for code in (RecallCode.MISDIRECTED, RecallCode.OTHER):
        case = submitted(gateway)
        given(gateway, case, OFMIN)
        recalled(gateway, case, code=code)
    with gateway.ports.begin(TransactionMode.READ) as work:
        ids = [one for _, one in work.log.stream(GATEWAY, 0, 1000)]
    heard = [one for one in events(gateway, "case.recalled") if UUID(one["id"]) in ids]
    assert len(heard) == 1


def test_nobody_recalls_the_case_of_another(gateway):
    handoff = accepted(gateway)
    failed = refused(gateway, recalls.of_handoff, caller(OFMIN), gateway.key(), handoff, UNLAWFUL)
    assert isinstance(failed, NotFound)


def test_a_repeated_recall_gets_its_first_result(gateway):
    case = submitted(gateway)
    handoff = given(gateway, case, OFMIN)
    offered(gateway, case, to=ABROAD)
    key, at = gateway.key(), UUID(case.result["case"])
    first = gateway.do(recalls.of_case, caller(HOTLINE), key, at, UNLAWFUL)
    answer(gateway, handoff, RecallAnswer.COPIES_ERASED)
    again = gateway.do(recalls.of_case, caller(HOTLINE), key, at, UNLAWFUL)
    assert to_json(again.result) == to_json(first.result)


# --- what follows --------------------------------------------------------------------------------


def test_a_recalled_version_is_offered_to_nobody_and_a_later_one_may_be(gateway):
    case = submitted(gateway)
    given(gateway, case, OFMIN)
    recalled(gateway, case)
    at, wanted = UUID(case.result["case"]), offer_of(gateway, ABROAD)
    failed = refused(gateway, offers.offer, caller(HOTLINE), gateway.key(), at, wanted)
    assert failed.rules == ("R13.recall.offer",)
    later = revised(gateway, case, urgency="urgent")
    assert offered(gateway, later).result["state"] == "offered"


def test_after_the_recall_of_one_handoff_others_may_have_the_version(gateway):
    case = submitted(gateway)
    handoff = given(gateway, case, OFMIN)
    gateway.do(recalls.of_handoff, caller(HOTLINE), gateway.key(), handoff, UNLAWFUL)
    assert offered(gateway, case, to=ABROAD).result["state"] == "offered"
    at, wanted = UUID(case.result["case"]), offer_of(gateway)
    failed = refused(gateway, offers.offer, caller(HOTLINE), gateway.key(), at, wanted)
    assert failed.rules == ("R13.recall.offer",)


def test_a_recalled_handoff_takes_no_update_and_the_update_before_is_owed_no_more(gateway):
    case = submitted(gateway)
    handoff = given(gateway, case, OFMIN)
    _end(gateway, handoff, "close")
    later = revised(gateway, case, urgency="urgent")
    assert DutyKind.UPDATE in owed(gateway, handoff)
    recalled(gateway, later)
    assert DutyKind.UPDATE not in owed(gateway, handoff)
    failed = refused(
        gateway, updates.update, caller(HOTLINE), gateway.key(), handoff, UpdateRequest("liaison-1")
    )
    assert isinstance(failed, WrongState)


def test_an_acknowledgement_that_crossed_the_recall_is_recorded_and_opens_nothing(gateway):
    case = submitted(gateway)
    handoff = given(gateway, case, OFMIN)
    later = revised(gateway, case, urgency="urgent")
    updated(gateway, handoff)
    recalled(gateway, later)
    acknowledged(gateway, handoff)
    assert view(gateway, handoff)["state"] == "withdrawn"
    assert not opens(gateway, handoff, "investigation")


def test_a_correction_after_a_recall_is_owed_to_who_keeps_the_case_only(gateway):
    case = submitted(gateway)
    handoff = given(gateway, case, OFMIN)
    recalled(gateway, case)
    later = revised(gateway, case, urgency="urgent")
    assert DutyKind.UPDATE not in owed(gateway, handoff)
    answer(gateway, handoff, RecallAnswer.DECLINED)
    revised(gateway, later, urgency="normal")
    assert DutyKind.UPDATE in owed(gateway, handoff)
    notice = answers.said("liaison-1", code="inaccurate", pointers=["/urgency"])
    ask = (answers.notify_correction, caller(HOTLINE), gateway.key(), handoff, notice)
    assert gateway.do(*ask).result["state"] == "withdrawn"


def test_a_version_may_leave_out_who_was_told_to_erase_the_case(gateway):
    case = submitted(gateway)
    one = given(gateway, case, OFMIN)
    given(gateway, case, ABROAD)
    gateway.do(recalls.of_handoff, caller(HOTLINE), gateway.key(), one, UNLAWFUL)
    assert revised(gateway, case, marking={"release_to": [ABROAD]}).result["version"] == 2


# --- what is open to whom (the table of holders) -------------------------------------------------

PLAIN = [c for c in RecallCode if c not in ("misdirected", "authority_order", "unlawful")]
NO_NEW_USE = {*PLAIN, RecallCode.UNLAWFUL}
CODES_OF = {
    RecallAnswer.IN_PROCEEDINGS: "in_proceedings",
    RecallAnswer.PROCESSING_RESTRICTED: "retention",
    RecallAnswer.DECLINED: "retention",
}


@pytest.mark.parametrize("code", RecallCode, ids=str)
def test_an_authority_makes_no_new_use_until_it_answers(gateway, code):
    case = submitted(gateway)
    handoff = given(gateway, case, OFMIN)
    assert opens(gateway, handoff, "investigation")
    recalled(gateway, case, code=code)
    assert not opens(gateway, handoff, "investigation")
    looks = code in NO_NEW_USE
    assert opens(gateway, handoff, "recall_review") is looks
    assert opens(gateway, handoff, "imminent_danger") is looks
    assert not opens(gateway, handoff, "in_proceedings")


@pytest.mark.parametrize(
    "code, done",
    [
        *product(RecallCode, (RecallAnswer.IN_PROCEEDINGS, RecallAnswer.DECLINED)),
        (RecallCode.UNLAWFUL, RecallAnswer.PROCESSING_RESTRICTED),
    ],
    ids=str,
)
def test_an_authority_consults_what_it_keeps_under_a_code_of_its_own(gateway, code, done):
    case = submitted(gateway)
    handoff = given(gateway, case, OFMIN)
    recalled(gateway, case, code=code)
    answer(gateway, handoff, done)
    expected = done is RecallAnswer.IN_PROCEEDINGS or code in NO_NEW_USE
    assert opens(gateway, handoff, CODES_OF[done]) is expected
    others = {"investigation", "recall_review", "retention", "in_proceedings"} - {CODES_OF[done]}
    assert not any(opens(gateway, handoff, other) for other in others)
    answer(gateway, handoff, RecallAnswer.COPIES_ERASED)
    assert not opens(gateway, handoff, CODES_OF[done])


@pytest.mark.parametrize("code", RecallCode, ids=str)
def test_what_a_hotline_had_is_closed_and_opens_by_a_decline_where_it_was_lawful(gateway, code):
    case = submitted(gateway)
    handoff = given(gateway, case, ABROAD)
    recalled(gateway, case, code=code)
    codes = ("assessment", "recall_review", "imminent_danger", "retention")
    assert not any(opens(gateway, handoff, one, ABROAD) for one in codes)
    answer(gateway, handoff, RecallAnswer.DECLINED, by=ABROAD)
    assert opens(gateway, handoff, "retention", ABROAD) is (code in PLAIN)


def test_what_is_kept_closes_with_its_last_day(gateway):
    case = submitted(gateway)
    handoff = given(gateway, case, OFMIN)
    recalled(gateway, case)
    answer(gateway, handoff, RecallAnswer.DECLINED, until="2026-03-04")
    assert opens(gateway, handoff, "retention")
    gateway.clock.advance(timedelta(days=2))
    assert not opens(gateway, handoff, "retention")


@pytest.mark.parametrize("step", ["decline", "redirect"])
def test_a_recall_opens_nothing_that_was_closed_before_it(gateway, step):
    case = submitted(gateway)
    handoff = given(gateway, case, OFMIN)
    _end(gateway, handoff, step)
    recalled(gateway, case)
    assert not opens(gateway, handoff, "recall_review")


# --- answers -------------------------------------------------------------------------------------


def test_an_answer_binds_the_recall(gateway):
    case = submitted(gateway)
    handoff = given(gateway, case, OFMIN)
    made = recalled(gateway, case)
    for written in (acknowledge(gateway, handoff), answer(gateway, handoff, RecallAnswer.DECLINED)):
        document = sd_jwt.read_stored(written.result["document"])
        assert handoff_documents.read_answer(document).recall == made.result["digest"]


def test_an_acknowledgement_leaves_the_final_answer_owed(gateway):
    case = submitted(gateway)
    handoff = given(gateway, case, OFMIN)
    recalled(gateway, case)
    assert term(gateway, handoff, DutyKind.RECALL_ACKNOWLEDGEMENT) == timedelta(hours=72)
    assert term(gateway, handoff, DutyKind.RECALL_ANSWER) == timedelta(days=21)
    acknowledge(gateway, handoff)
    assert owed(gateway, handoff).keys() == {DutyKind.RECALL_ANSWER}
    answer(gateway, handoff, RecallAnswer.COPIES_ERASED)
    assert not owed(gateway, handoff)


def test_one_final_answer_is_given_and_an_erasure_may_follow_it(gateway):
    case = submitted(gateway)
    handoff = given(gateway, case, OFMIN)
    recalled(gateway, case)
    answer(gateway, handoff, RecallAnswer.DECLINED)
    said = answers.said("officer-1", done="in_proceedings", **KEPT[RecallAnswer.IN_PROCEEDINGS])
    ask = (answers.answer_recall, caller(OFMIN), gateway.key(), handoff)
    assert isinstance(refused(gateway, *ask, said), WrongState)
    answer(gateway, handoff, RecallAnswer.COPIES_ERASED)
    erased = answers.said("officer-1", done="copies_erased")
    assert isinstance(refused(gateway, *ask[:2], gateway.key(), handoff, erased), WrongState)


def test_what_is_kept_is_a_retention_until_the_copies_are_erased(gateway):
    case = submitted(gateway)
    handoff = given(gateway, case, OFMIN)
    recalled(gateway, case)
    answer(gateway, handoff, RecallAnswer.DECLINED)
    with gateway.ports.begin(TransactionMode.READ) as work:
        kept = work.retentions.of_handoff(handoff)
    assert (kept.ground, kept.legal_basis) == ("declined", "CSI L. 236-1")
    answer(gateway, handoff, RecallAnswer.COPIES_ERASED)
    with gateway.ports.begin(TransactionMode.READ) as work:
        assert work.retentions.of_handoff(handoff) is None


def test_a_private_holder_that_declines_owes_no_review_that_it_may_not_give(gateway):
    case = submitted(gateway)
    handoff = given(gateway, case, ABROAD)
    recalled(gateway, case)
    answer(gateway, handoff, RecallAnswer.DECLINED, by=ABROAD)
    assert not owed(gateway, handoff)


def test_who_erased_what_it_retained_owes_no_answer_about_it(gateway):
    case = submitted(gateway)
    handoff = given(gateway, case, OFMIN)
    said = answers.said("officer-1", legal_basis="CPP 706-47")
    gateway.do(answers.retain, caller(OFMIN), gateway.key(), handoff, said)
    later = revised(gateway, case, urgency="urgent")
    updated(gateway, handoff)
    assert DutyKind.ACKNOWLEDGEMENT in owed(gateway, handoff)
    answer(gateway, handoff, RecallAnswer.COPIES_ERASED)
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


@pytest.mark.parametrize("fields", WRONG, ids="-".join)
def test_an_answer_says_what_goes_with_it_and_nothing_else(gateway, fields):
    case = submitted(gateway)
    handoff = given(gateway, case, OFMIN)
    recalled(gateway, case)
    with pytest.raises(ValidationFailed):
        gateway.do(
            answers.answer_recall,
            caller(OFMIN),
            gateway.key(),
            handoff,
            answers.said("officer-1", **fields),
        )


def test_without_a_recall_there_is_nothing_to_answer(gateway):
    handoff = accepted(gateway)
    for act, said in (
        (answers.acknowledge_recall, answers.said("officer-1")),
        (answers.answer_recall, answers.said("officer-1", done="copies_erased")),
    ):
        failed = refused(gateway, act, caller(OFMIN), gateway.key(), handoff, said)
        assert isinstance(failed, WrongState)


def test_a_private_originator_reads_only_that_an_authority_keeps_the_case_by_law(gateway):
    case = submitted(gateway)
    handoff = given(gateway, case, OFMIN)
    recalled(gateway, case)
    kept = {"onward_copies": "the court of Lyon", "onward_informed": "informed"}
    answer(gateway, handoff, RecallAnswer.IN_PROCEEDINGS, **kept)
    *_, shown = view(gateway, handoff, HOTLINE)["answers"]
    assert shown["code"] == "kept_by_law"
    content = sd_jwt.read_stored(shown["document"]).content
    assert content["onward_informed"] == "informed"
    assert {"done", "reference", "authority", "until", "onward_copies"}.isdisjoint(content)
    *_, own = view(gateway, handoff, OFMIN)["answers"]
    assert sd_jwt.read_stored(own["document"]).content["reference"] == "26/123"


def test_it_reads_that_copies_are_erased(gateway):
    case = submitted(gateway)
    handoff = given(gateway, case, OFMIN)
    recalled(gateway, case)
    answer(gateway, handoff, RecallAnswer.COPIES_ERASED, backups_until=UNTIL)
    *_, shown = view(gateway, handoff, HOTLINE)["answers"]
    assert shown["code"] == "copies_erased"
    assert "backups_until" not in sd_jwt.read_stored(shown["document"]).content


def test_coverage_says_what_is_owed_late_and_given_after_a_recall(gateway):
    case = submitted(gateway)
    handoff = given(gateway, case, OFMIN)
    made = recalled(gateway, case)
    line = covered(gateway, case)
    (told,) = events(gateway, "handoff.recalled")
    assert line["recall"] == {
        "recall": made.result["recall"],
        "code": "unlawful",
        "answer": None,
    }
    assert [one["what"] for one in line["owed"]] == ["recall_acknowledgement", "recall_answer"]
    assert {one["event"] for one in line["owed"]} == {told["id"]}
    gateway.clock.advance(timedelta(days=4))
    assert [one["late"] for one in covered(gateway, case)["owed"]] == [True, False]
    acknowledge(gateway, handoff)
    assert [one["what"] for one in covered(gateway, case)["owed"]] == ["recall_answer"]
    answer(gateway, handoff, RecallAnswer.IN_PROCEEDINGS)
    line = covered(gateway, case)
    (said,) = events(gateway, "handoff.recall_answered")
    assert (line["owed"], line["answered_by_event"]) == ([], said["id"])
    assert line["recall"]["answer"] == "kept_by_law"


def test_coverage_shows_who_confirmed_the_erasure_of_its_copies(gateway):
    case = submitted(gateway)
    handoff = given(gateway, case, OFMIN)
    erased(gateway, case)
    assert covered(gateway, case)["holds"] is True
    answer(gateway, handoff, RecallAnswer.COPIES_ERASED)
    line = covered(gateway, case)
    assert (line["holds"], line["answered"]) == (False, "answer_recall")


def test_who_said_that_its_copies_are_erased_opens_the_case_no_more(gateway):
    """A recall passes it over, so nothing else would close it."""
    case = submitted(gateway)
    handoff = given(gateway, case, OFMIN)
    law = answers.said("officer-1", legal_basis="CSI L. 236-1")
    gateway.do(answers.retain, caller(OFMIN), gateway.key(), handoff, law)
    answer(gateway, handoff, RecallAnswer.COPIES_ERASED)
    assert not opens(gateway, handoff, "investigation")


# --- withdrawal after an acceptance --------------------------------------------------------------


def _withdraw(gateway: Founded, handoff: UUID) -> Any:
    said = answers.said("liaison-1", "sent in error")
    return (answers.withdraw, caller(HOTLINE), gateway.key(), handoff, said)


def reserved(gateway: Founded) -> UUID:
    """A handoff that OFMIN accepted with a reservation."""
    handoff = UUID(offered(gateway).result["handoff"])
    said = answers.said(
        "officer-1",
        conditions=conditions_of(gateway, handoff, OFMIN),
        offer=gateway.handoff(handoff).offer_digest,
        reservation={"condition": "erase_on", "legal_basis": "CPP 706-47"},
    )
    gateway.do(answers.accept, caller(OFMIN), gateway.key(), handoff, said)
    return handoff


def test_what_was_accepted_is_recalled_and_not_withdrawn(gateway):
    handoff = accepted(gateway)
    assert isinstance(refused(gateway, *_withdraw(gateway, handoff)), WrongState)


def test_what_was_accepted_with_a_reservation_is_withdrawn_before_it_is_consulted(gateway):
    handoff = reserved(gateway)
    gateway.do(*_withdraw(gateway, handoff))
    assert gateway.handoff(handoff).is_held is False
    assert not owed(gateway, handoff)


def test_after_the_first_consultation_only_a_recall_ends_it(gateway):
    handoff = reserved(gateway)
    consulted(gateway, handoff)
    assert isinstance(refused(gateway, *_withdraw(gateway, handoff)), WrongState)


def test_where_consultations_are_not_told_only_a_recall_ends_it(gateway):
    gateway.ports = replace(gateway.ports, consultations=ConsultationNotice.NONE)
    handoff = reserved(gateway)
    assert isinstance(refused(gateway, *_withdraw(gateway, handoff)), WrongState)


# --- after the erasure ---------------------------------------------------------------------------


def erased(gateway: Founded, case: WriteResult) -> None:
    gateway.clock.advance(timedelta(days=400))
    assert erasure.erase_due(gateway.ports) == 1


def test_a_recall_outlives_the_erasure_of_its_case(gateway):
    case = submitted(gateway)
    handoff = given(gateway, case, OFMIN)
    recalled(gateway, case)
    erased(gateway, case)
    assert DutyKind.RECALL_ANSWER in owed(gateway, handoff)
    written = answer(gateway, handoff, RecallAnswer.COPIES_ERASED)
    assert written.result["document"]
    assert not owed(gateway, handoff)


def test_a_retention_does_not_take_the_place_of_the_answer_to_a_recall(gateway):
    """A copy of an erased case opens by the answer that its holder gave, and by nothing else."""
    case = submitted(gateway)
    handoff = given(gateway, case, OFMIN)
    recalled(gateway, case, code=RecallCode.INACCURATE)
    law = answers.said("officer-1", legal_basis="CSI L. 236-1")
    gateway.do(answers.retain, caller(OFMIN), gateway.key(), handoff, law)
    erased(gateway, case)
    look = ConsultationRequest("officer-1", RETENTION, "file 4711")
    consult = retained_copies.consult
    denied = gateway.refusal(consult, caller(OFMIN), gateway.key(), handoff, look)
    assert denied.refusal.rules == ("R13.recall.copy",)
    answer(gateway, handoff, RecallAnswer.DECLINED, until="2029-01-01")
    assert gateway.do(consult, caller(OFMIN), gateway.key(), handoff, look).result
    answer(gateway, handoff, RecallAnswer.COPIES_ERASED)
    gateway.refusal(consult, caller(OFMIN), gateway.key(), handoff, look)


def test_who_never_accepted_keeps_no_more_than_it_could_consult_in_danger(gateway):
    case = submitted(gateway, urgency="imminent_danger", urgency_reason="abuse_ongoing")
    handoff = UUID(offered(gateway, case).result["handoff"])
    rescue = ConsultationRequest("officer-1", "imminent_danger", "a child is in danger")
    ask = (caller(OFMIN), gateway.key(), handoff)
    seen = gateway.do(handoffs.consult, *ask, rescue).result
    recalled(gateway, case)
    answer(gateway, handoff, RecallAnswer.IN_PROCEEDINGS, until="2029-01-01")
    erased(gateway, case)
    look = ConsultationRequest("officer-1", RETENTION, "file 4711")
    ask = (caller(OFMIN), gateway.key(), handoff)
    kept = gateway.do(retained_copies.consult, *ask, look).result

    def elements(opened: Any) -> set[str]:
        return {one.digest for one in sd_jwt.read_stored(opened["presentation"]).placed}

    assert elements(to_json(kept)) == elements(to_json(seen))


def test_the_second_person_writes_no_words_about_an_erased_case(gateway):
    case = submitted(gateway)
    given(gateway, case, OFMIN)
    made = recalled(gateway, case, code=RecallCode.MISDIRECTED, approved_by=None)
    erased(gateway, case)
    at, recall = UUID(case.result["case"]), UUID(made.result["recall"])
    told = ApprovalRequest(recall, "approver-2", "it was meant for another")
    with pytest.raises(ValidationFailed):
        gateway.do(recalls.approve, caller(HOTLINE), gateway.key(), at, told)
    quietly = replace(told, reason=None)
    assert gateway.do(recalls.approve, caller(HOTLINE), gateway.key(), at, quietly).result


def test_a_private_member_opens_no_copy_of_a_case_in_which_it_declared_an_interest(gateway):
    case = submitted(gateway)
    handoff = given(gateway, case, ABROAD)
    recalled(gateway, case, code=RecallCode.INACCURATE)
    answer(gateway, handoff, RecallAnswer.DECLINED, by=ABROAD, until="2029-01-01")
    interest = {"scope": "provider", "subject": "example.org", "kind": "funder"}
    gateway.administer("interest.declare", ABROAD, **interest, start="2020-01-01")
    erased(gateway, case)
    look = ConsultationRequest("officer-1", RETENTION, "file 4711")
    consult = (retained_copies.consult, caller(ABROAD), gateway.key(), handoff, look)
    assert isinstance(refused(gateway, *consult), NotFound)


def test_a_recall_reaches_the_holders_of_a_case_that_was_erased_here(gateway):
    case = submitted(gateway)
    handoff = given(gateway, case, OFMIN)
    erased(gateway, case)
    key, at, quietly = gateway.key(), UUID(case.result["case"]), replace(UNLAWFUL, reason=None)
    with pytest.raises(ValidationFailed):
        gateway.do(recalls.of_case, caller(HOTLINE), gateway.key(), at, UNLAWFUL)
    made = gateway.do(recalls.of_case, caller(HOTLINE), key, at, quietly)
    (touched,) = made.result["handoffs"]
    assert (touched["state"], touched["held"]) == ("lapsed", True)
    again = gateway.do(recalls.of_case, caller(HOTLINE), key, at, quietly)
    assert to_json(again.result) == to_json(made.result)
    acknowledge(gateway, handoff)
    answer(gateway, handoff, RecallAnswer.IN_PROCEEDINGS, until="2028-01-01")
    said = answers.said(
        "officer-1", done="copies_erased", onward_copies="x", onward_informed="none"
    )
    with pytest.raises(ValidationFailed):
        gateway.do(answers.answer_recall, caller(OFMIN), gateway.key(), handoff, said)
    answer(gateway, handoff, RecallAnswer.COPIES_ERASED)


def test_a_holder_confirms_that_it_erased_its_copies_of_an_erased_case(gateway):
    case = submitted(gateway)
    handoff = given(gateway, case, OFMIN)
    erased(gateway, case)
    answer(gateway, handoff, RecallAnswer.COPIES_ERASED)
    assert gateway.handoff(handoff).recall_answer is RecallAnswer.COPIES_ERASED
