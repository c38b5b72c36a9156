"""Handoffs over the real app: from offer to outcome, in part, or not at all."""

from datetime import UTC, datetime

import pytest

from gateway.client import RequestRefused
from gateway.evidence import receipt
from tests import founding
from tests.client.client_fixture import MemberClient
from tests.client.scenario import offer, submit
from tests.founding import ABROAD, CSAM_FR, OCRVP, OFMIN, ORIGIN, note_signer
from tests.web.listening import Listening


def test_a_handoff_goes_from_offer_to_outcome(stage: Listening) -> None:
    hotline, office = MemberClient(stage), MemberClient(stage, OFMIN)
    until = datetime(2026, 6, 1, 12, 0, 0, 500_000, tzinfo=UTC)
    handoff = offer(hotline, stage, expires_at=until, note="please look")
    assert [one["handoff"] for one in office.inbox("offered")] == [handoff]
    assert [one["handoff"] for one in hotline.outbox()] == [handoff]
    view = office.handoff(handoff)
    assert office.accept(view, "officer-1").result["state"] == "accepted"
    opened = office.consult(handoff, "officer-1", "investigation", "first look")
    assert opened.content["items"][0]["value"] == "https://content.example.org/page"
    outcome = office.answer(
        "report_outcome",
        handoff,
        "officer-1",
        code="case_opened",
        items=[founding.element_id("url")],
        note="a file is open",
        evidence_ref="2026/7",
        reason="competent",
    )
    assert outcome.result["sequence"] == 3
    assert office.answer("close", handoff, "officer-1").result["state"] == "closed"
    assert [a["kind"] for a in hotline.handoff(handoff)["answers"]] == [
        "offer",
        "accept",
        "outcome",
        "close",
    ]


def test_a_part_of_an_offer_can_be_taken_on(stage: Listening) -> None:
    hotline, office = MemberClient(stage), MemberClient(stage, OFMIN)
    handoff = offer(hotline, stage)
    written = office.accept(office.handoff(handoff), "officer-1", ["items"])
    assert written.result["state"] == "partially_accepted"
    opened = office.consult(handoff, "officer-1", "investigation", "first look")
    assert "statements" not in opened.content
    assert "statements" in opened.withheld_groups


def test_an_offer_can_be_declined_redirected_or_withdrawn(stage: Listening) -> None:
    hotline, office = MemberClient(stage), MemberClient(stage, OFMIN)
    declined, redirected, withdrawn = (offer(hotline, stage) for _ in range(3))
    assert (
        office.answer("decline", declined, "officer-1", reason="no capacity").result["state"]
        == "declined"
    )
    redirection = office.answer(
        "redirect",
        redirected,
        "officer-1",
        reason="abroad",
        suggested_recipient="the office in Belgium",
    )
    assert redirection.result["state"] == "redirected"
    assert (
        hotline.answer("withdraw", withdrawn, "liaison-1", reason="mistaken").result["state"]
        == "withdrawn"
    )


@pytest.mark.parametrize(
    ("command", "fields"),
    [
        ("acept", {}),
        ("reissue", {}),
        ("decline", {"reasons": "no"}),
        ("close", {"code": "removed"}),
    ],
)
def test_an_answer_that_no_party_gives_is_not_sent(
    stage: Listening, command: str, fields: dict[str, str]
) -> None:
    office = MemberClient(stage, OFMIN)
    with pytest.raises(ValueError, match=command):
        office.answer(command, stage.gateway.new_id(), "officer-1", **fields)
    assert not office.wire.requests


# --- Offers: previewed, to one recipient, refused by policy with the proof of it ---


def test_a_preview_keeps_nothing_and_has_no_key(stage: Listening) -> None:
    desk = MemberClient(stage)
    case = submit(desk, stage)
    before = stage.gateway.size()
    found = desk.preview(
        case, "liaison-1", purpose=["remove"], organisation=ABROAD, groups=["items"]
    )
    assert found["to"] == {"organisation": ABROAD}
    assert stage.gateway.size() == before
    assert "idempotency-key" not in desk.wire.requests[-1].headers


def test_an_offer_names_one_recipient_and_a_moment_with_its_zone(stage: Listening) -> None:
    desk = MemberClient(stage)
    for to in ({}, {"organisation": OFMIN, "competence": CSAM_FR}):
        with pytest.raises(ValueError, match="one of the two"):
            desk.offer(stage.gateway.new_id(), "x", purpose=["remove"], **to)
    naive = datetime(2026, 1, 1)  # noqa: DTZ001
    with pytest.raises(ValueError, match="with its zone"):
        desk.offer(stage.gateway.new_id(), "x", purpose=[], organisation=OFMIN, expires_at=naive)
    assert desk.wire.requests == []


def test_a_refusal_by_policy_names_its_rules_and_proves_itself(stage: Listening) -> None:
    desk = MemberClient(stage)
    case = submit(desk, stage)
    with pytest.raises(RequestRefused) as refused:
        desk.offer(
            case, "liaison-1", purpose=["identify_victim"], organisation=OCRVP, groups=["items"]
        )
    assert (refused.value.status, refused.value.slug) == (403, "policy-denied")
    assert refused.value.rules == ("R3.membership",)
    assert refused.value.receipt is not None
    told = receipt.verify(refused.value.receipt, [note_signer().key], ORIGIN)
    assert told.event["result"] == "denied"


def test_a_term_that_no_offer_has_is_not_left_out_in_silence(stage: Listening) -> None:
    desk = MemberClient(stage)
    with pytest.raises(TypeError, match="until"):
        desk.offer(stage.gateway.new_id(), "x", purpose=[], organisation=OFMIN, until=None)  # type: ignore[call-arg]
    assert desk.wire.requests == []
