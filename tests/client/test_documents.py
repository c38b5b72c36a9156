"""Answers that are not believed: each is genuine or well signed, and not the one asked for."""

from dataclasses import replace

import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from gateway.client import EvidenceMismatch, KeyNotHeld, RequestRefused, UnexpectedAnswer
from gateway.evidence import receipt
from gateway.ledger.note import NoteSigner
from tests.casework import case_content
from tests.client.client_fixture import MemberClient, passing, trust_of
from tests.client.scenario import CLEARED, accepted, disbelieved, members_of, offer, replay, submit
from tests.each import each
from tests.ports import ORIGIN, note_signer
from tests.web.listening import Listening


def test_a_receipt_of_another_log_is_refused(stage: Listening) -> None:
    other = replace(
        trust_of(stage.gateway),
        log_keys=(note_signer("other.example/log").key,),
        origins=("other.example/log",),
    )
    with pytest.raises(EvidenceMismatch):
        MemberClient(stage, trust=other).submit(case_content(stage.gateway.new_id()), "intake-1")


def test_a_receipt_under_another_key_of_the_same_name_is_refused(stage: Listening) -> None:
    key = NoteSigner(ORIGIN, Ed25519PrivateKey.generate()).key
    trust = replace(trust_of(stage.gateway), log_keys=(key,))
    with pytest.raises(EvidenceMismatch):
        MemberClient(stage, trust=trust).submit(case_content(stage.gateway.new_id()), "intake-1")


def test_an_attestation_under_an_unknown_key_is_refused(stage: Listening) -> None:
    trust = replace(trust_of(stage.gateway), gateway_keys={})
    with pytest.raises(KeyNotHeld):
        MemberClient(stage, trust=trust).submit(case_content(stage.gateway.new_id()), "intake-1")


def test_the_answer_to_another_write_is_refused(stage: Listening) -> None:
    """A replayed answer is genuine, but it is not of this request."""
    desk, case = MemberClient(stage), stage.gateway.new_id()
    earlier = members_of(desk.submit(case_content(stage.gateway.new_id()), "intake-1", CLEARED))
    for ask, match in (
        (lambda: desk.submit(case_content(case), "intake-1", CLEARED), "not the one that was sub"),
        (lambda: desk.submit(case_content(case), "intake-2", CLEARED), "by somebody else"),
        (lambda: desk.step("case.close", {"case": case}, "intake-1"), "another kind of request"),
        (lambda: desk.answer("close", case, "intake-1"), "of another handoff"),
    ):
        desk.wire.faults = [replay(earlier)]
        with pytest.raises(EvidenceMismatch, match=match):
            ask()


def test_a_recall_of_another_case_is_refused(stage: Listening) -> None:
    desk = MemberClient(stage)
    one, other = submit(desk, stage), submit(desk, stage)
    for case in (one, other):
        offer(desk, stage, case=case)
    asked = {"code": "unlawful", "reason": "court order", "approved_by": "approver-2"}
    earlier = members_of(desk.step("case.recall", {"case": one}, "approver-1", **asked))
    desk.wire.faults = [replay(earlier)]
    with pytest.raises(EvidenceMismatch, match="another case"):
        desk.step("case.recall", {"case": other}, "approver-1", **asked)


def test_a_step_on_another_case_is_refused(stage: Listening) -> None:
    desk = MemberClient(stage)
    other = desk.case(submit(desk, stage))["digest"]
    case = submit(desk, stage)
    disbelieved(
        desk,
        lambda members: members["result"].update(digest=other),
        lambda: desk.step("case.close", {"case": case}, "intake-1"),
        "differ in case_digest",
    )


def test_a_refusal_with_a_foreign_receipt_is_not_told(stage: Listening) -> None:
    desk = MemberClient(stage)
    genuine = members_of(desk.submit(case_content(stage.gateway.new_id()), "intake-1"))["receipt"]
    with pytest.raises(RequestRefused) as refused:
        desk.case(stage.gateway.new_id())
    assert refused.value.receipt is not None
    read_denied = receipt.to_json(refused.value.receipt)
    for carried, match in (
        (genuine, "says that it was allowed"),
        (read_denied, "another kind of request"),
        ({}, "a receipt that is none"),
    ):
        disbelieved(
            desk,
            lambda members, carried=carried: members.update(receipt=carried),
            lambda: desk.step("case.close", {"case": stage.gateway.new_id()}, "intake-1"),
            match,
        )


def test_a_handoff_that_was_not_asked_for_is_refused(stage: Listening) -> None:
    _, office, handoff = accepted(stage)
    other = str(stage.gateway.new_id())
    disbelieved(
        office,
        lambda members: members.update(handoff=other),
        lambda: office.handoff(handoff),
        "another one",
    )


def test_an_answer_to_another_handoff_is_not_shown_for_this_one(stage: Listening) -> None:
    _, office, handoff = accepted(stage)
    _, _, other = accepted(stage)
    other_answer = office.handoff(other)["answers"][1]["document"]
    disbelieved(
        office,
        lambda members: members["answers"][1].update(document=other_answer),
        lambda: office.handoff(handoff),
        "not about this handoff",
    )


def test_an_outcome_is_not_shown_as_another_than_its_document_says(stage: Listening) -> None:
    hotline, office, handoff = accepted(stage)
    office.answer("report_outcome", handoff, "officer-1", code="case_opened", release="in_progress")
    assert hotline.handoff(handoff)["answers"][-1]["code"] == "in_progress"
    disbelieved(
        hotline,
        lambda members: members["answers"][-1].update(code="closed_with_result"),
        lambda: hotline.handoff(handoff),
        "another than it says",
    )


@each("body", [b"", b"[]", b'{"a":1,"a":2}', b"\xff", b'{"a":0.5}'])
def test_an_answer_that_is_not_one_json_object_is_refused(stage: Listening, body: bytes) -> None:
    desk = MemberClient(stage)

    def speak(request: httpx.Request, response: httpx.Response | None) -> httpx.Response:
        return httpx.Response(200, headers={"Content-Type": "application/json"}, content=body)

    desk.wire.faults = [passing, speak]
    with pytest.raises(UnexpectedAnswer, match="not a JSON object"):
        desk.whoami()


def test_an_answer_without_a_result_or_a_list_is_refused(stage: Listening) -> None:
    desk = MemberClient(stage)
    desk.wire.tamper = lambda request, members: {"receipt": {}}
    with pytest.raises(UnexpectedAnswer, match="without its result"):
        desk.submit(case_content(stage.gateway.new_id()), "intake-1")
    with pytest.raises(UnexpectedAnswer, match="no list of items"):
        list(desk.inbox())
