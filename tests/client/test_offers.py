"""Offers: previewed, to one recipient, refused by policy with the proof of it."""

from datetime import datetime

import pytest

from gateway.client import RequestRefused
from gateway.evidence import receipt
from tests.client.client_fixture import MemberClient
from tests.client.scenario import (
    submit,
)
from tests.founding import (
    ABROAD,
    CSAM_FR,
    OCRVP,
    OFMIN,
    ORIGIN,
    note_signer,
)
from tests.web.listening import Listening


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
        desk.offer(stage.gateway.new_id(), "x", purpose=[], organisation=OFMIN, until=naive)
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
