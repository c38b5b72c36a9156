"""What persons signed with passkeys is in the file of their own side, each act of it."""

import json
from collections.abc import Iterator
from dataclasses import replace
from uuid import UUID

import pytest

from gateway.console.access import Person
from gateway.evidence.declarations import read_approval_keys
from gateway.verification import verifier
from tests.authenticator import Authenticator
from tests.casework import accepted, offered
from tests.client.client_fixture import MemberClient, trust_of
from tests.exchange.relay.two_gateways import BE_HOTLINE, released, two_gateways
from tests.founded_gateway import HOTLINE, OFMIN, Founded
from tests.log_check import check_log
from tests.ports import ISSUER
from tests.web.listening import Listening, listening
from tests.web.test_drafts import KEYS, assurances, offered_by_persons
from tests.web.test_hosted_access import access, signed


@pytest.fixture
def stage() -> Iterator[Listening]:
    made = listening()
    yield made
    check_log(made.gateway)


def recall(gateway: Founded, organisation: str, case: UUID) -> None:
    """A recall that two persons signed."""
    first, second = (
        access(gateway, organisation, one, KEYS[Person(HOTLINE, one)])
        for one in ("liaison-1", "approver-1")
    )
    said = {"code": "inaccurate", "reason": "wrong", "approved_by": "approver-1"}
    made = first.prepare("recalls_recall_case", "key-recall", said, case=case)
    seen = replace(made, draft=second.draft((made.action, made.digest)))
    keys = (KEYS[Person(HOTLINE, one.person.name)] for one in (first, second))
    approvals = [*map(signed, (made, seen), keys)]
    first.write("recalls_recall_case", "key-recall", made.body, approvals, case=case)


def recalled(stage: Listening) -> UUID:
    """A handoff that persons in browsers submitted, offered and recalled."""
    gateway, case = stage.gateway, stage.gateway.new_id()
    handoff = offered_by_persons(gateway, case)
    office = MemberClient(stage, OFMIN)
    office.accept(office.handoff(handoff), "officer-1")
    recall(gateway, HOTLINE, case)
    return handoff


def test_the_file_confirms_the_submission_the_offer_and_the_recall(stage: Listening) -> None:
    handoff = recalled(stage)
    persons = {
        f"{one.organisation}/{one.name}": read_approval_keys(key.jwk, revoked=True)
        for one, key in KEYS.items()
    }
    trust = trust_of(stage.gateway)
    data = MemberClient(stage, HOTLINE).export(handoff)
    report = verifier.verify(data, replace(trust, persons=persons, issuer=ISSUER))
    told = {
        one["type"]: one["persons"]
        for one in json.loads(json.dumps(report.to_json()))["proved"]
        if one["fact"] == "recorded.confirmed"
    }
    own = f"{HOTLINE}/"
    assert told == {
        "case.submitted": [f"{own}intake-1"],
        "handoff.offered": [f"{own}liaison-1"],
        "case.recalled": [f"{own}approver-1", f"{own}liaison-1"],
    }
    assert "wrong" not in data.decode()
    theirs = MemberClient(stage, OFMIN).export(handoff)
    assert b"approvals" not in theirs


def test_a_recall_that_was_sent_reads_as_confirmed_to_its_own_side_and_attested_to_the_other() -> (
    None
):
    two = two_gateways()
    case = released(two)
    offer = offered(two.be, case, originator=BE_HOTLINE)
    handoff = UUID(offer.result["handoff"])
    two.exchange()
    accepted(two.fr, offer, recipient=OFMIN)
    two.exchange()
    recall(two.be, BE_HOTLINE, UUID(case.result["case"]))
    two.exchange()
    own = access(two.be, BE_HOTLINE, "intake-1", Authenticator())
    other = access(two.fr, OFMIN, "officer-1", Authenticator())
    assert assurances(own, handoff)[-1] == "confirmed"
    assert assurances(other, handoff)[-1] == "attested"
