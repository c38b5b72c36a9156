"""An offer to a member of another gateway: what leaves, and what does not."""

from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from gateway.domain.refusals import SeveralCompetentOrganisations, ValidationFailed
from gateway.evidence import handoff_documents, sd_jwt
from gateway.exchange.handoffs import offers
from gateway.kernel.changes import Change
from gateway.kernel.transact import RecordedRefusal, WriteResult
from gateway.schemas.case_document import CaseMarking
from tests.casework import offer_of, offered, submitted
from tests.each import each
from tests.founded_gateway import ABROAD, HOTLINE, OFMIN, caller
from tests.peering import AGREED, PEER, PEER_ISSUER, POLICE, Peering, peering

NAME = "police@fr"
NAMED = f"{PEER_ISSUER}/organisations/{POLICE}"


def agree(two: Peering, **terms: Any) -> None:
    """Agree anew, from today on."""
    agreement = str(two.here.organisation(PEER).peer.agreements[-1].event)
    day = two.here.clock().date().isoformat()
    two.here.administer("peer.end", PEER, event=agreement, until=day)
    two.here.administer("peer.agree", PEER, **{**AGREED, "from": day, **terms})


@pytest.fixture
def two() -> Peering:
    found = peering()
    found.record()
    agree(found, assurance="any")
    return found


def case_for(two: Peering, *released: str, **marking: Any) -> WriteResult:
    return submitted(two.here, marking={"release_to": list(released), **marking})


def offer(two: Peering, case: WriteResult, to: str = NAME, **changes: Any) -> WriteResult:
    """An offer to the remote member, for what it may receive as a public authority."""
    return offered(two.here, case, to=to, **changes)


def refused(two: Peering, case: WriteResult, to: str = NAME, **changes: Any) -> RecordedRefusal:
    at, wanted = UUID(case.result["case"]), offer_of(two.here, to, **changes)
    return two.here.refusal(offers.offer, caller(HOTLINE), two.here.key(), at, wanted)


def rules_of(refusal: RecordedRefusal) -> Any:
    return getattr(refusal.refusal, "rules", ())


def recognise(two: Peering) -> None:
    said = {"member": POLICE, "led": True, "legal_act": "decree"}
    two.here.administer("peer.recognise", PEER, **said)


def test_an_offer_that_leaves_is_for_the_gateway_that_decides_and_has_its_id_there(two):
    recognise(two)
    written = offer(two, case_for(two, NAMED))
    assert written.result["to"]["organisation"] == NAME
    document = sd_jwt.read_unverified(written.result["offer"])
    assert (document.claims["aud"], document.claims["to"]["organisation"]) == (PEER_ISSUER, POLICE)
    assert handoff_documents.author(document.claims) == HOTLINE
    assert two.here.handoff(UUID(written.result["handoff"])).recipient == NAME


@each("released, leaves", [((), False), ((OFMIN,), False), ((POLICE,), False),
                           ((NAMED,), True), ((PEER_ISSUER,), True)])  # fmt: skip
def test_a_case_leaves_only_for_whom_its_release_list_names(released, leaves):
    two = peering()
    two.record()
    agree(two, assurance="any")
    recognise(two)
    case = case_for(two, *released)
    if leaves:
        assert offer(two, case).result["state"] == "offered"
    else:
        assert "R22.leave" in rules_of(refused(two, case))


def test_a_list_that_names_a_peer_gateway_lets_nobody_else_in(two):
    case = case_for(two, PEER_ISSUER)
    assert "R4.release_list" in rules_of(refused(two, case, to=ABROAD))


@each("terms", [{"directions": ["in"]}, {"matters": ["grooming"]}, {"purposes": ["remove"]},
                {"kinds": ["hotline"]}])  # fmt: skip
def test_nothing_leaves_beyond_the_agreement(terms):
    two = peering()
    two.record()
    recognise(two)
    agree(two, assurance="any", **terms)
    assert "R22.agreement" in rules_of(refused(two, case_for(two, NAMED)))


def test_nothing_leaves_once_the_agreement_ended(two):
    recognise(two)
    event = str(two.here.organisation(PEER).peer.agreements[-1].event)
    two.here.administer("peer.end", PEER, event=event)
    assert "R22.agreement" in rules_of(refused(two, case_for(two, NAMED)))


def test_what_the_gateway_attests_leaves_only_where_that_is_agreed(two):
    recognise(two)
    agree(two, assurance="signed")
    assert "R22.signed" in rules_of(refused(two, case_for(two, NAMED)))


def test_nothing_leaves_for_a_member_that_nobody_vouched_for_today(two):
    recognise(two)
    case = case_for(two, NAMED)
    two.here.clock.advance(timedelta(hours=25))
    refused(two, case)


def test_a_police_office_that_says_so_itself_is_given_what_a_private_organisation_is(two):
    case = case_for(two, NAMED)
    assert "R6.recipient" in rules_of(refused(two, case))
    recognise(two)
    assert offer(two, case).result["withheld_groups"] == []


def test_a_mandate_that_is_held_here_and_abroad_is_ambiguous(two):
    refusal = refused(two, case_for(two, NAMED), to="receive/csam/FR").refusal
    assert isinstance(refusal, SeveralCompetentOrganisations)
    recognise(two)
    competent = {"organisation": NAME, "competence": "receive/csam/FR"}
    assert offer(two, case_for(two, NAMED), **competent).result["to"]["organisation"] == NAME


def test_a_release_list_has_the_form_of_ids_and_addresses():
    for text in ("https://x y", "https://gateway.fr.example/else", "ofmin@fr"):
        errors = CaseMarking().validate({"release_to": [text]})
        assert "release_to" in errors
    assert "release_to" not in CaseMarking().validate({"release_to": [NAMED, PEER_ISSUER, OFMIN]})


def test_a_member_in_a_third_country_is_offered_a_case_by_the_tool_that_the_agreement_names(two):
    recognise(two)
    two.there.administer("organisation.amend", POLICE, country="GB", reason="it moved")
    two.record()
    case = case_for(two, NAMED)
    assert "R15.transfer.offer" in rules_of(refused(two, case))
    agree(two, assurance="any", transfer_tool="Decision (EU) 2021/1772")
    offered_there = sd_jwt.read_unverified(offer(two, case).result["offer"])
    assert offered_there.claims["transfer_tool"] == "Decision (EU) 2021/1772"


def test_nothing_is_agreed_with_an_operator_in_a_third_country_without_a_tool(two):
    recognise(two)
    two.here.administer("organisation.amend", PEER, country="GB", reason="it moved")
    assert "R22.agreement" in rules_of(refused(two, case_for(two, NAMED)))
    day = two.here.clock().date().isoformat()
    event = str(two.here.organisation(PEER).peer.agreements[-1].event)
    two.here.administer("peer.end", PEER, event=event, until=day)
    values = {**AGREED, "from": day}
    refusal = two.here.unmade(ValidationFailed, Change("peer.agree", PEER, values))
    assert refusal.errors[0][0] == "/transfer_tool"
    two.here.administer("peer.agree", PEER, **{**values, "directions": ["in"]})
