"""Handoffs over the real app: from offer to outcome, in part, or not at all."""

from datetime import UTC, datetime

import pytest

from gateway.client import InvalidArgument, RequestRefused
from gateway.evidence import receipt, sd_jwt
from tests.casework import case_content, element_id
from tests.client.client_fixture import MemberClient
from tests.client.scenario import offer, submit
from tests.each import each
from tests.founded_gateway import ABROAD, CSAM_FR, HOTLINE, OCRVP, OFMIN
from tests.ports import ORIGIN, document_key, note_signer
from tests.web.listening import Listening


def test_a_handoff_goes_from_offer_to_outcome(stage: Listening) -> None:
    hotline, office = MemberClient(stage), MemberClient(stage, OFMIN)
    until = datetime(2026, 6, 1, 12, 0, 0, 500_000, tzinfo=UTC)
    handoff = offer(hotline, stage, expires_at=until, note="please look")
    assert [one["handoff"] for one in office.inbox("offered")] == [handoff]
    assert [one["handoff"] for one in hotline.sent()] == [handoff]
    view = office.handoff(handoff)
    assert office.accept(view, "officer-1").result["state"] == "accepted"
    opened = office.consult(handoff, "officer-1", "investigation", "first look")
    assert opened.content["items"][0]["value"] == "https://content.example.org/page"
    outcome = office.answer(
        "report_outcome",
        handoff,
        "officer-1",
        code="case_opened",
        items=[element_id("url")],
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


@each(
    "command, fields",
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
    with pytest.raises(InvalidArgument, match=command):
        office.answer(command, stage.gateway.new_id(), "officer-1", **fields)
    assert not office.wire.requests


def test_what_is_no_view_of_a_handoff_is_not_accepted(stage: Listening) -> None:
    office = MemberClient(stage, OFMIN)
    with pytest.raises(InvalidArgument, match="lacks: 'conditions'"):
        office.accept({}, "officer-1")
    with pytest.raises(InvalidArgument, match="'HA-1' is not an id"):
        office.handoff("HA-1")
    assert not office.wire.requests


# --- Offers: previewed, to one recipient, refused by policy with the proof of it ---


def test_a_preview_keeps_nothing_and_has_no_key(stage: Listening) -> None:
    desk = MemberClient(stage)
    case = submit(desk, stage)
    before = stage.gateway.size()
    found = desk.preview(
        case, "liaison-1", purpose=["identify_victim"], organisation=ABROAD, groups=["items"]
    )
    assert found["to"] == {"organisation": ABROAD}
    assert stage.gateway.size() == before
    assert "idempotency-key" not in desk.wire.requests[-1].headers


def test_an_offer_names_a_recipient_and_a_moment_with_its_zone(stage: Listening) -> None:
    desk = MemberClient(stage)
    for to in ({}, {"organisation": None}, {"competence": "csam"}, {"competence": "judge/csam/FR"}):
        with pytest.raises(InvalidArgument, match="competence"):
            desk.offer(stage.gateway.new_id(), "x", purpose=["remove"], **to)
    naive = datetime(2026, 1, 1)  # noqa: DTZ001
    with pytest.raises(InvalidArgument, match="with its zone"):
        desk.offer(stage.gateway.new_id(), "x", purpose=[], organisation=OFMIN, expires_at=naive)
    assert desk.wire.requests == []


def shared(stage: Listening) -> None:
    """OCRVP holds OFMIN's mandate beside it."""
    mandate = {"function": "receive", "matter": "csam", "territory": "FR", "legal_act": "act"}
    stage.gateway.administer("mandate.grant", OCRVP, **mandate, start="2026-01-01")


@pytest.mark.parametrize("signed", [False, True])
def test_one_of_several_holders_is_named_beside_the_competence(
    stage: Listening, signed: bool
) -> None:
    shared(stage)
    key = document_key("hotline") if signed else None
    if key is not None:
        stage.gateway.register_key(HOTLINE, key)
    desk = MemberClient(stage, document_key=key)
    case = submit(desk, stage)
    asked = {"purpose": ["identify_victim"], "groups": ["items"], "competence": CSAM_FR}
    with pytest.raises(RequestRefused, match="ocrvp, ofmin"):
        desk.offer(case, "liaison-1", **asked)
    written = desk.offer(case, "liaison-1", **asked, organisation=OCRVP, again="both work on it")
    assert written.result["to"]["organisation"] == OCRVP
    offer = sd_jwt.read_unverified(written.result["offer"])
    assert offer.claims["to"]["competence"] == CSAM_FR
    assert offer.content["again"] == "both work on it"


@pytest.mark.parametrize("signed", [False, True])
def test_a_removal_offer_tells_which_items_are_elsewhere(stage: Listening, signed: bool) -> None:
    for organisation, country in ((ABROAD, "NL"), (OFMIN, "US")):
        mandate = {"function": "take_down", "matter": "csam", "territory": country}
        stage.gateway.administer(
            "mandate.grant", organisation, **mandate, legal_act="act", start="2026-01-01"
        )
    key = document_key("hotline") if signed else None
    if key is not None:
        stage.gateway.register_key(HOTLINE, key)
    desk = MemberClient(stage, document_key=key)
    seen = {"observed_at": "2026-03-01T20:00:00Z", "method": "rdap"}
    items = [
        {**item, "value": value, "hosting": [{**seen, "country": country}]}
        for item, value, country in zip(
            case_content(stage.gateway.new_id())["items"],
            ("https://a.example/", "b.example"),
            ("NL", "US"),
            strict=True,
        )
    ]
    case = submit(desk, stage, items=items)
    asked = {"purpose": ["remove"], "groups": ["items"], "competence": "take_down/csam/NL"}
    written = desk.offer(case, "liaison-1", **asked)
    (left,) = written.result["elsewhere"]
    assert (left["item"], left["country"]) == (items[1]["id"], "US")
    assert left["holders"] == [{"organisation": OFMIN, "competence": "take_down/csam/US"}]


def test_a_refusal_in_an_imminent_danger_says_whom_to_address_and_to_call(
    stage: Listening,
) -> None:
    desk = MemberClient(stage)
    case = submit(desk, stage, urgency="imminent_danger")
    with pytest.raises(RequestRefused) as refused:
        desk.offer(
            case, "liaison-1", purpose=["identify_victim"], organisation=OFMIN, groups=["items"]
        )
    assert refused.value.help == {
        "instead": [{"organisation": OFMIN, "competence": CSAM_FR}],
        "emergency_numbers": ["17", "112", "119"],
    }


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
