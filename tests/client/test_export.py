"""A handoff in one file: what both parties can prove, and nothing that was not opened for it."""

from typing import Any

import pytest

from gateway.client import (
    OutdatedVersion,
)
from gateway.evidence import bundle, sd_jwt, verification
from gateway.evidence.trust import TrustAnchors
from tests.client.client_fixture import MemberClient, trust_of
from tests.client.scenario import CLEARED, accepted, disbelieved, offer
from tests.founding import (
    OFMIN,
    case_content,
)
from tests.web.listening import Listening


def trusted(stage: Listening) -> TrustAnchors:
    return trust_of(stage.gateway)


def test_both_parties_export_a_bundle_that_verifies_without_the_gateway(stage: Listening) -> None:
    hotline, office, handoff = accepted(stage, groups=["items"])
    office.answer("outcome", handoff, "officer-1", code="case_opened")
    for data in (
        office.export(handoff, "officer-1", "for the file"),
        hotline.export(handoff, "liaison-1", "for the file"),
        hotline.export(handoff),
    ):
        found = verification.verify(data, trusted(stage))
        assert (found.kind, found.code) == ("bundle", 0), found.sentence
    shown = bundle.parse(hotline.export(handoff, "liaison-1", "for the file")).case
    names = {d.name for d in sd_jwt.parse(shown).disclosures}
    assert "reporter" not in names, "the originator's file shows no more than the offer"


def test_an_export_without_content_opens_nothing(stage: Listening) -> None:
    hotline, office = MemberClient(stage), MemberClient(stage, OFMIN)
    handoff = offer(hotline, stage)
    office.answer("decline", handoff, "officer-1", reason="no capacity")
    before, told = stage.gateway.size(), []
    data = hotline.export(handoff, progress=lambda done, of: told.append((done, of)))
    assert stage.gateway.size() == before
    assert told == [(1, 2), (2, 2)]
    case = sd_jwt.read_unverified(bundle.parse(data).case)
    assert {placed.name for placed in case.placed} == {"matter", "urgency"}


def test_content_of_an_older_version_is_not_exported(stage: Listening) -> None:
    hotline = MemberClient(stage)
    case = stage.gateway.new_id()
    first = hotline.submit(case_content(case), "intake-1", CLEARED)
    handoff = offer(hotline, stage, case=case)
    second = case_content(case, version=2, prev=first.result["digest"])
    hotline.revise(second, "intake-1")
    before = stage.gateway.size()
    with pytest.raises(OutdatedVersion):
        hotline.export(handoff, "liaison-1", "for the file")
    assert stage.gateway.size() == before
    assert verification.verify(hotline.export(handoff), trusted(stage)).code == 0


def test_a_bundle_that_does_not_verify_is_not_returned(stage: Listening) -> None:
    _, office, handoff = accepted(stage)
    offered = office.handoff(handoff)["answers"][0]["event"]

    def point_elsewhere(members: dict[str, Any]) -> None:
        if "answers" in members:
            members["answers"][1]["event"] = offered

    disbelieved(office, point_elsewhere, lambda: office.export(handoff), "does not verify")
