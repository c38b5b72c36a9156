"""Answers that are not believed: each is genuine or well signed, and not the one asked for."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from gateway.client import (
    EvidenceMismatch,
    RequestRefused,
    UnexpectedAnswer,
)
from gateway.evidence import receipt
from gateway.ledger.note import NoteSigner
from tests.client.client_fixture import MemberClient, passing, trust_of
from tests.client.scenario import CLEARED, accepted, disbelieved, members_of, offer, replay, submit
from tests.founding import (
    ABROAD,
    CSAM_FR,
    HOTLINE,
    OCRVP,
    OFMIN,
    ORIGIN,
    case_content,
    note_signer,
)
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
    with pytest.raises(EvidenceMismatch):
        MemberClient(stage, trust=trust).submit(case_content(stage.gateway.new_id()), "intake-1")


def test_the_answer_to_another_write_is_refused(stage: Listening) -> None:
    """A replayed answer is genuine, but it is not of this request."""
    desk, case = MemberClient(stage), stage.gateway.new_id()
    earlier = members_of(desk.submit(case_content(stage.gateway.new_id()), "intake-1", CLEARED))
    for ask, match in (
        (lambda: desk.submit(case_content(case), "intake-1", CLEARED), "not the one that was sub"),
        (lambda: desk.submit(case_content(case), "intake-2", CLEARED), "by somebody else"),
        (lambda: desk.close_case(case, "intake-1"), "another kind of request"),
        (lambda: desk.answer("close", case, "intake-1"), "of another handoff"),
    ):
        desk.wire.faults = [replay(earlier)]
        with pytest.raises(EvidenceMismatch, match=match):
            ask()


def test_a_receipt_of_a_refusal_does_not_pass_for_a_deed(stage: Listening) -> None:
    desk = MemberClient(stage)
    with pytest.raises(RequestRefused) as refused:
        desk.close_case(stage.gateway.new_id(), "intake-1")
    case = submit(desk, stage)
    assert refused.value.receipt is not None
    denial = receipt.to_json(refused.value.receipt)
    disbelieved(
        desk,
        lambda members: members.update(receipt=denial),
        lambda: desk.close_case(case, "intake-1"),
        "of a refused request",
    )


def test_a_receipt_without_its_persons_is_refused(stage: Listening) -> None:
    desk = MemberClient(stage)

    def hide(members: dict[str, Any]) -> None:
        members["receipt"]["disclosures"] = []

    disbelieved(
        desk,
        hide,
        lambda: desk.submit(case_content(stage.gateway.new_id()), "intake-1"),
        "does not name this organisation",
    )


@pytest.mark.parametrize("part", ["digest", "document"])
def test_a_case_that_was_signed_as_another_is_refused(stage: Listening, part: str) -> None:
    desk = MemberClient(stage)
    other = desk.submit(case_content(stage.gateway.new_id()), "intake-1").result[part]
    disbelieved(
        desk,
        lambda members: members["result"].update({part: other}),
        lambda: desk.submit(case_content(stage.gateway.new_id()), "intake-1"),
        "differ in digest" if part == "digest" else "not the one that was submitted",
    )


def test_a_step_on_another_case_is_refused(stage: Listening) -> None:
    desk = MemberClient(stage)
    other = desk.case(submit(desk, stage))["digest"]
    case = submit(desk, stage)
    disbelieved(
        desk,
        lambda members: members["result"].update(digest=other),
        lambda: desk.close_case(case, "intake-1"),
        "differ in case_digest",
    )


def test_an_offer_that_was_signed_otherwise_is_refused(stage: Listening) -> None:
    """Each genuine offer of another wording is refused in the place of the one asked for."""
    desk, case = MemberClient(stage), submit(MemberClient(stage), stage)
    asked: dict[str, Any] = {
        "purpose": ["identify_victim"],
        "competence": CSAM_FR,
        "groups": ["items"],
    }
    plain = {name: value for name, value in asked.items() if name != "competence"}
    until = datetime(2026, 5, 1, tzinfo=UTC)
    others = {
        "ends at another time": {**asked, "expires_at": until},
        "another note": {**asked, "note": "psst"},
        "another purpose": {**asked, "purpose": ["remove"]},
        "to another competence": {**plain, "organisation": ABROAD},
    }
    for match, said in others.items():
        handoff = stage.gateway.new_id()
        genuine = members_of(desk.offer(case, "liaison-1", handoff=handoff, **said))
        _substituted(
            desk, genuine, handoff, match, lambda **k: desk.offer(case, "liaison-1", **k, **asked)
        )
    handoff = stage.gateway.new_id()
    genuine = members_of(desk.offer(case, "liaison-1", handoff=handoff, **asked))
    elsewhere = {**plain, "organisation": ABROAD}
    _substituted(
        desk,
        genuine,
        handoff,
        "to somebody else",
        lambda **k: desk.offer(case, "liaison-1", **k, **elsewhere),
    )


def _substituted(
    desk: MemberClient, genuine: dict[str, Any], handoff: UUID, match: str, ask: Callable[..., Any]
) -> None:
    """Ask for a handoff whose answer was given before to another wish: as a liar would."""
    desk.wire.faults = [replay(genuine)]
    with pytest.raises(EvidenceMismatch, match=match):
        ask(handoff=handoff)


def test_an_answer_that_was_signed_otherwise_is_refused(stage: Listening) -> None:
    hotline, office = MemberClient(stage), MemberClient(stage, OFMIN)
    handoff = offer(hotline, stage)
    genuine = members_of(office.answer("decline", handoff, "officer-1", reason="no capacity"))
    _substituted(
        office,
        genuine,
        UUID(handoff),
        "does not say what was asked",
        lambda handoff: office.answer("decline", handoff, "officer-1", reason="not our matter"),
    )


def test_a_statement_that_the_log_does_not_record_is_refused(stage: Listening) -> None:
    _, office, handoff = accepted(stage)
    first = office.answer("report_outcome", handoff, "officer-1", code="received")

    def swap(members: dict[str, Any]) -> None:
        members["result"]["document"] = first.result["document"]

    disbelieved(
        office,
        swap,
        lambda: office.answer("report_outcome", handoff, "officer-1", code="received"),
        "document_sha256",
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
            lambda: desk.close_case(stage.gateway.new_id(), "intake-1"),
            match,
        )


def test_a_refusal_by_another_person_is_not_ours(stage: Listening) -> None:
    desk = MemberClient(stage)
    with pytest.raises(RequestRefused) as refused:
        desk.close_case(stage.gateway.new_id(), "intake-2")
    assert refused.value.receipt is not None
    carried = receipt.to_json(refused.value.receipt)
    disbelieved(
        desk,
        lambda members: members.update(receipt=carried),
        lambda: desk.close_case(stage.gateway.new_id(), "intake-1"),
        "by somebody else",
    )


@pytest.mark.parametrize(
    ("name", "value", "match"),
    [
        ("handoff", "018f0000-0000-7000-8000-000000000001", "another one"),
        ("originator", ABROAD, "not shown as it was offered"),
        ("recipient", OCRVP, "not shown as it was offered"),
        ("competence", None, "not shown as it was offered"),
        ("case_digest", "x", "not shown as it was offered"),
        ("permitted_disclosures", [], "not shown as it was offered"),
        ("conditions", {}, "not those that the case states"),
        ("routing", None, "does not verify"),
        ("answers", [], "without its offer"),
        ("answers", [5], "without its offer"),
    ],
)
def test_a_handoff_that_is_shown_otherwise_is_refused(
    stage: Listening, name: str, value: Any, match: str
) -> None:
    _, office, handoff = accepted(stage)
    disbelieved(
        office,
        lambda members: members.update({name: value}),
        lambda: office.handoff(handoff),
        match,
    )


@pytest.mark.parametrize(
    ("change", "match"),
    [
        ({"kind": "decline"}, "as something else"),
        ({"author": HOTLINE}, "as something else"),
        ({"kind": "gesture"}, "as something else"),
        ({"document": ""}, "does not verify"),
    ],
)
def test_an_answer_that_is_shown_otherwise_is_refused(
    stage: Listening, change: dict[str, Any], match: str
) -> None:
    _, office, handoff = accepted(stage)
    disbelieved(
        office,
        lambda members: members["answers"][1].update(change),
        lambda: office.handoff(handoff),
        match,
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


@pytest.mark.parametrize("body", [b"", b"[]", b'{"a":1,"a":2}', b"\xff", b'{"a":0.5}'])
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
