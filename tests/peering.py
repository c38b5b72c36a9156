"""A peer gateway as tests know it: its keys, the values of the changes that join it."""

import base64
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from gateway.ledger.cosignature import Cosigner
from gateway.ledger.note import NoteSigner
from tests.founding import DESK, Founded, document_key
from tests.newcomers import Newcomer, serve

PEER = "fr"
PEER_ISSUER = "https://gateway.fr.example"
PEER_LOG = NoteSigner("gateway.fr.example/log", Ed25519PrivateKey.from_private_bytes(b"l" * 32))
_KEY = Ed25519PrivateKey.from_private_bytes(b"v" * 32)
PEER_WITNESS = Cosigner("gateway.fr.example", _KEY.public_key().public_bytes_raw(), _KEY.sign)
PEER_ATTESTER = document_key("a peer attests")

APPLICATION = {
    "name": "Gateway of France",
    "kind": "gateway",
    "public_authority": False,
    "regimes": ["gdpr"],
    "country": "FR",
    "membership": "associate",
    "purposes": ["investigate"],
    "description": "The gateway of the French hotlines and police.",
    "received_on": "2026-01-02",
    "contacts": [{"role": "security", "name": "N. N.", "address": "+33 1 00 00 00 00"}],
}
DECISION = {
    "decision_ref": "GB 2026/7",
    "decided_on": "2026-01-03",
    "document_sha256": base64.urlsafe_b64encode(bytes(32)).decode().rstrip("="),
}
PINS = {
    "issuer": PEER_ISSUER,
    "api_url": "https://partners.fr.example:8443",
    "root_sha256": "ab" * 32,
    "log_keys": [PEER_LOG.vkey],
    "attestation_keys": {"keys": [PEER_ATTESTER.public_jwk()]},
    "witness_key": str(PEER_WITNESS.key),
}
AGREED: dict[str, Any] = {
    "directions": ["in", "out"],
    "matters": ["csam"],
    "territories": ["FR"],
    "purposes": ["investigate", "identify_victim", "remove"],
    "kinds": ["hotline", "police_office"],
    "membership": "full",
    "tlp": "AMBER",
    "assurance": "signed",
    "offers_a_day": "20",
    "from": "2026-01-01",
}


def join(gateway: Founded, peer: str = PEER) -> None:
    """Take a peer gateway from its application to the day on which it takes part."""
    gateway.administer("organisation.apply", peer, **APPLICATION)
    gateway.administer("organisation.approve", peer, **DECISION)
    gateway.administer("peer.trust", peer, **PINS)
    gateway.administer("peer.agree", peer, **AGREED)
    gateway.administer("system.register", peer, system=DESK, scopes=["relay"])
    host = Newcomer(gateway, peer)
    host.invite()
    host.use()
    serve(gateway)
    gateway.administer("organisation.activate", peer, reason="checked both ways")
