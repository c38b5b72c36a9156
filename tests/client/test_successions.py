"""A succession with the product's client: approved, followed, exported, verified offline."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any
from uuid import UUID

import pytest

from gateway.client import RequestRefused
from gateway.client.errors import EvidenceMismatch
from gateway.evidence import bundle, declarations, sd_jwt
from gateway.exchange.lifecycle import succession_execution
from gateway.verification.verifier import verify_bundle
from tests.casework import accepted
from tests.client.client_fixture import MemberClient, trust_of
from tests.exchange.moving_mandates import DAY, PLAN
from tests.founded_gateway import HOTLINE, OCRVP, OFMIN
from tests.ports import document_key
from tests.verification.scenario import fact, keys_of
from tests.web.listening import Listening, listening


@pytest.fixture
def stage() -> Listening:
    return listening()


def moved(stage: Listening, keys: Mapping[str, Any] = MappingProxyType({})) -> tuple[str, str]:
    """A handoff of the office's, and the one that it became; who has a document key signs."""
    handoff = accepted(stage.gateway)
    planned = stage.gateway.administer("succession.plan", OFMIN, **PLAN)
    succession = planned.result["succession"]
    for slug in (OFMIN, OCRVP):
        with MemberClient(stage, slug, document_key=keys.get(slug)) as office:
            (listed,) = office.successions()
            assert listed == office.succession(succession)
            written = office.step("succession.approve", {"succession": succession}, "officer-3")
            assert slug not in written.result["waits_for"]
    stage.gateway.day = DAY
    assert succession_execution.apply(stage.gateway.ports, UUID(succession)).done
    with MemberClient(stage, HOTLINE) as hotline:
        return str(handoff), hotline.handoff(handoff)["reissued_as"]["handoff"]


def test_every_party_verifies_what_it_is_shown(stage: Listening) -> None:
    old, new = moved(stage)
    with MemberClient(stage, OFMIN) as before:
        assert before.handoff(old)["answers"][-1]["kind"] == "reissue"
        assert before.consult(old, "officer-1", "assessment", "to hand it over").content["items"]
    with MemberClient(stage, OCRVP) as after:
        view = after.handoff(new)
        after.accept(view, "officer-7")
        assert after.consult(new, "officer-7", "investigation", "first look").content["items"]
    for slug in (HOTLINE, OFMIN, OCRVP):
        with MemberClient(stage, slug) as party:
            assert list(party.events())[-1].confirmed


def test_a_bundle_of_the_new_handoff_says_that_it_came_by_succession(stage: Listening) -> None:
    _, new = moved(stage)
    for slug in (OCRVP, HOTLINE):
        with MemberClient(stage, slug) as party:
            if slug == OCRVP:
                party.accept(party.handoff(new), "officer-7")
            data = party.export(new)
        told = verify_bundle(data, trust_of(stage.gateway))
        assert "succession" in keys_of(told)
        moved_on = fact(told, "reissued_from")
        assert (moved_on["predecessor"], moved_on["successor"]) == (OFMIN, OCRVP)
        assert fact(told, "reissued_from.original")["by"] == HOTLINE


def test_both_parties_of_the_new_handoff_get_what_the_organisations_signed_of_it(
    stage: Listening,
) -> None:
    keys = {OFMIN: document_key("office"), OCRVP: document_key("successor")}
    for slug, key in keys.items():
        stage.gateway.register_key(slug, key)
    _, new = moved(stage, keys)
    for slug in (OCRVP, HOTLINE):
        with MemberClient(stage, slug) as party:
            found = bundle.parse(party.export(new)).succession_approvals
            authors = [sd_jwt.read_unverified(text).claims["iss"] for text in found]
            assert [one.rpartition("/")[2] for one in authors] == [OFMIN, OCRVP]
            persons = [sd_jwt.read_unverified(text).placed for text in found]
            assert persons == [(), ()], "who approved for them stays with them"


def test_an_approval_of_another_succession_is_not_taken_for_one_of_this(stage: Listening) -> None:
    key = document_key("office")
    stage.gateway.register_key(OFMIN, key)
    _, new = moved(stage, {OFMIN: key})
    with MemberClient(stage, HOTLINE, document_key=document_key("stranger")) as party:
        view = party.handoff(new)
        (text,) = view["reissue_of"]["approvals"]
        other = {**sd_jwt.read_unverified(text).claims, "competence": "receive/csam/DE"}
        plan = {name: other[name] for name in declarations.PLANNED}
        with MemberClient(stage, OFMIN, document_key=key) as office:
            heading = office._author.heading()
        forged = heading.sign(declarations.SUCCESSION_TYP, plan, {}).compact()
        for approvals in ([forged], ["no document"], "no list"):
            said = {**view["reissue_of"], "approvals": approvals}
            party.wire.tamper = lambda _, members, said=said: {**members, "reissue_of": said}
            with pytest.raises(EvidenceMismatch):
                party.handoff(new)


def test_a_bundle_of_the_old_handoff_says_that_it_was_reissued(stage: Listening) -> None:
    old, _ = moved(stage)
    for slug in (OFMIN, HOTLINE):
        with MemberClient(stage, slug) as party:
            data = party.export(old)
        told = verify_bundle(data, trust_of(stage.gateway))
        assert fact(told, "state")["states"] == ["reissued"]


def test_an_office_with_a_document_key_signs_what_it_approves(stage: Listening) -> None:
    key = document_key("office")
    stage.gateway.register_key(OFMIN, key)
    planned = stage.gateway.administer("succession.plan", OFMIN, **PLAN)
    succession = planned.result["succession"]
    with MemberClient(stage, OFMIN, document_key=key) as office:
        written = office.step("succession.approve", {"succession": succession}, "officer-3")
        (shown,) = office.succession(succession)["approvals"]
    signed = sd_jwt.parse(shown["document"])
    assert written.confirmed.event["document_sha256"] == signed.digest
    claims = sd_jwt.read_unverified(shown["document"]).claims
    assert (claims["succession"], claims["effective_on"]) == (succession, PLAN["effective_on"])


def test_a_succession_that_is_shown_under_another_name_is_not_signed(stage: Listening) -> None:
    key = document_key("office")
    stage.gateway.register_key(OFMIN, key)
    planned = stage.gateway.administer("succession.plan", OFMIN, **PLAN)
    with MemberClient(stage, OFMIN, document_key=key) as office:
        office.wire.tamper = lambda _, members: {**members, "succession": "another"}
        with pytest.raises(EvidenceMismatch):
            office.step(
                "succession.approve", {"succession": planned.result["succession"]}, "officer-3"
            )
        office.wire.tamper = None
        assert office.succession(planned.result["succession"])["approvals"] == []


def test_a_plan_that_its_event_did_not_record_is_not_signed(stage: Listening) -> None:
    key = document_key("office")
    stage.gateway.register_key(OFMIN, key)
    planned = stage.gateway.administer("succession.plan", OFMIN, **PLAN).result["succession"]
    with MemberClient(stage, OFMIN, document_key=key) as office:
        assert office.succession_plan(planned)["predecessor"] == OFMIN
        for changed in ({"read_until": "2030-01-01"}, {"permissions_carry_over": True}):
            office.wire.tamper = lambda _, members, changed=changed: {
                **members,
                **({} if "receipt" in members else changed),
            }
            with pytest.raises(EvidenceMismatch, match="another one than its event recorded"):
                office.step("succession.approve", {"succession": planned}, "officer-3")
        office.wire.tamper = None
        assert office.succession(planned)["approvals"] == []


def test_a_stranger_is_refused(stage: Listening) -> None:
    planned = stage.gateway.administer("succession.plan", OFMIN, **PLAN)
    with MemberClient(stage, HOTLINE) as hotline:
        assert hotline.successions() == []
        with pytest.raises(RequestRefused):
            hotline.step(
                "succession.approve", {"succession": planned.result["succession"]}, "liaison-1"
            )
