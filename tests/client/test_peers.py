"""What a member's client believes of peer gateways: what its own gateway's log says of them."""

from dataclasses import replace
from typing import Any

import pytest

from gateway.client import EvidenceMismatch, KeyNotHeld
from gateway.client.documents import open_ours
from gateway.evidence import handoff_documents
from gateway.evidence.handoff_documents import Heading
from gateway.verification import peers
from gateway.verification.trust import TrustAnchors
from tests.client.client_fixture import MemberClient, trust_of
from tests.evidence.ingredients import chance
from tests.founded_gateway import HOTLINE
from tests.peering import PEER, PEER_ATTESTER, PEER_ISSUER, PEER_LOG, PINS, join
from tests.ports import ISSUER, START, document_key
from tests.web.listening import Listening


@pytest.fixture
def joined(stage: Listening) -> Listening:
    join(stage.gateway)
    return stage


def desk_of(stage: Listening, **changes: Any) -> MemberClient:
    trust = replace(trust_of(stage.gateway), issuer=ISSUER, here=ISSUER)
    return MemberClient(stage, **{"trust": trust, **changes})


def test_a_client_learns_the_keys_of_a_peer_from_the_log_of_its_own_gateway(joined, tmp_path):
    desk = desk_of(joined, key_events=tmp_path / "key-events.json")
    (found,) = desk.peers()
    assert (found.alias, found.issuer, found.origins) == (PEER, PEER_ISSUER, {PEER_LOG.name})
    assert [*map(str, found.log_keys)] == PINS["log_keys"]
    assert {*found.gateway_keys} == {PEER_ATTESTER.kid}
    kept = (tmp_path / "peers.json").read_bytes()
    trust = replace(trust_of(joined.gateway), issuer=ISSUER)
    assert peers.learn(trust, kept).others == [found]
    assert desk.connection.home(f"ofmin@{PEER}") == PEER_ISSUER
    assert desk.connection.home(HOTLINE) == ISSUER
    with pytest.raises(KeyNotHeld, match="no peer"):
        desk.connection.home("ofmin@nl")


def test_keys_that_were_compared_again_count_beside_those_before(joined):
    new = document_key("a peer attests later")
    keys = {"keys": [new.public_jwk()]}
    joined.gateway.administer("peer.trust", PEER, **{**PINS, "attestation_keys": keys})
    (found,) = desk_of(joined).peers()
    assert {*found.gateway_keys} == {PEER_ATTESTER.kid, new.kid}
    assert [*map(str, found.log_keys)] == [PEER_LOG.vkey]


def test_what_the_log_does_not_say_of_a_peer_is_believed_by_nobody(joined):
    desk = desk_of(joined)

    def tamper(request: Any, members: dict[str, Any]) -> Any:
        if request.url.path != "/peers":
            return None
        (one,) = members["receipts"]
        return {"receipts": [{**one, "disclosures": []}]}

    desk.wire.tamper = tamper
    with pytest.raises(EvidenceMismatch, match="peer gateways"):
        desk.peers()
    assert desk.connection.trust.others == []


def heading(audience: str, issuer: str = PEER_ISSUER) -> Heading:
    return Heading(
        issuer, audience, START, "x", PEER_ATTESTER, chance("remote"),
        attested_for=f"{issuer}/organisations/ofmin",
    )  # fmt: skip


def recall(audience: str, issuer: str = PEER_ISSUER) -> str:
    return handoff_documents.issue_recall(
        heading(audience, issuer), case="01890000-0000-7000-8000-00000000cace", version=1,
        code="unlawful", by="x", approved_by=None, reason=None,
    ).compact()  # fmt: skip


def test_a_document_of_a_peers_member_is_read_by_its_name_here(joined):
    desk = desk_of(joined)
    signed = open_ours(recall(PEER_ISSUER), handoff_documents.RECALL_TYP, desk.connection)
    assert (signed.author, signed.id, signed.gateway) == (f"ofmin@{PEER}", "ofmin", PEER_ISSUER)
    assert desk.wire.paths().count("/peers") == 1
    for text, why in (
        (recall(ISSUER), "for another gateway"),
        (recall(PEER_ISSUER, "https://gateway.nl.example"), "no key was provided"),
    ):
        with pytest.raises(EvidenceMismatch, match=why):
            open_ours(text, handoff_documents.RECALL_TYP, desk.connection)


def test_the_root_of_a_peers_listener_lies_beside_ones_own(joined, tmp_path):
    desk = desk_of(joined, ca=tmp_path / "ca.pem")
    desk.peers()
    assert desk.connection.root_of(PEER_ISSUER) == tmp_path / "ca.pem"
    (tmp_path / "peers").mkdir()
    (tmp_path / "peers" / f"{PEER}.pem").touch()
    assert desk.connection.root_of(PEER_ISSUER) == tmp_path / "peers" / f"{PEER}.pem"
    assert desk.connection.root_of(ISSUER) == tmp_path / "ca.pem"


def test_a_gateway_without_peers_has_none(stage):
    assert desk_of(stage).peers() == []


@pytest.mark.parametrize("data", [b"[]", b'{"receipts":{}}', b'{"receipts":[{}]}'])
def test_a_file_of_another_form_is_refused(data):
    with pytest.raises(ValueError, match=r"."):
        peers.learn(TrustAnchors((), ()), data)
