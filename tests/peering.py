"""A peer gateway as tests know it: its keys, the values of the changes that join it."""

import base64
from dataclasses import dataclass
from functools import cache
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from gateway.evidence import declarations
from gateway.kernel.ports import TransactionMode
from gateway.kernel.results import to_json
from gateway.kernel.values import HOST, Caller, CosignedCheckpoint
from gateway.ledger.cosignature import Cosigner
from gateway.ledger.note import NoteSigner
from gateway.registry import keys as registry_keys
from gateway.registry import remote_members
from tests.founded_gateway import ALICE, BENOIT, DESK, Founded, administrator
from tests.founding import founded, retold, settled, unfounded
from tests.newcomers import Newcomer, serve
from tests.ports import ISSUER, ZONE, document_key, key_of, note_signer

PEER = "fr"
PEER_ISSUER = "https://gateway.fr.example"
PEER_ORIGIN = "gateway.fr.example/log"
POLICE = "police"
RELAY = Caller("be", "relay", frozenset({"relay"}), HOST)
PEER_LOG = NoteSigner(PEER_ORIGIN, Ed25519PrivateKey.from_private_bytes(b"l" * 32))
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


def join(gateway: Founded, peer: str = PEER, **pins: Any) -> None:
    """Take a peer gateway from its application to the day on which it takes part."""
    gateway.administer("organisation.apply", peer, **APPLICATION)
    gateway.administer("organisation.approve", peer, **DECISION)
    gateway.administer("peer.trust", peer, **{**PINS, **pins})
    gateway.administer("peer.agree", peer, **AGREED)
    gateway.administer("system.register", peer, system=DESK, scopes=["relay"])
    host = Newcomer(gateway, peer)
    host.invite()
    host.use()
    serve(gateway)
    gateway.administer("organisation.activate", peer, reason="checked both ways")


@dataclass
class Peering:
    """Two gateways of which ``here`` reads the members of ``there``, called `fr`, with a document
    key and a mandate; ``there`` knows ``here`` as `be`."""

    here: Founded
    there: Founded

    def tell(self, size: int | None = None) -> list[dict[str, Any]]:
        """What ``there`` answers at a size of its log that ``here`` cosigned, by default all."""
        found = remote_members.list_shown(self.there.ports, RELAY, size)
        if size is None:
            self.cosign()
        return list(to_json(found.members()))

    def cosign(self) -> int:
        """Let ``here`` cosign the log of ``there`` as it is; its size."""
        with self.there.ports.begin(TransactionMode.READ) as work:
            head = work.log.head()
        with self.here.ports.begin(TransactionMode.WRITE) as work:
            if not work.witnessed.has(PEER_ORIGIN, head.size, head.root):
                now = self.here.clock()
                work.witnessed.add(CosignedCheckpoint(PEER_ORIGIN, head.size, head.root, now))
                work.commit()
        return head.size

    def record(self, told: list[dict[str, Any]] | None = None) -> list[str]:
        """Let ``here`` take what it is told; what is not taken."""
        return list(
            remote_members.record(self.here.ports, PEER, self.tell() if told is None else told)
        )

    def member(self, name: str = "police@fr") -> Any:
        """The entry of a remote member as it counts ``here``."""
        with self.here.ports.begin(TransactionMode.READ) as work:
            return work.organisations.get(name)

    def show(self, organisation: str = POLICE) -> None:
        """Let a member of ``there`` show itself."""
        key = document_key(organisation)
        said = self.there.word(organisation, f"{declarations.SHOW}{ISSUER}", key, key)
        self.there.administer(
            "organisation.show_to_peer", organisation, peer="be", declaration=said
        )


def peering() -> Peering:
    """Both, once they are joined, and the police office there shows itself."""
    here, there = _joined()
    return Peering(retold(*here), retold(*there))


@cache
def _joined() -> tuple[tuple[Founded, bytes], tuple[Founded, bytes]]:
    there = unfounded(issuer=PEER_ISSUER, origin=PEER_ORIGIN)
    persons = [administrator(ALICE, "A. Martin"), administrator(BENOIT, "B. Dubois")]
    there.do(registry_keys.found, persons, ZONE.key)
    office = {"name": "A police office", "kind": "police_office", "public_authority": True}
    there.administer("organisation.admit", POLICE, **office, regimes=["gdpr", "led"], country="FR")
    there.administer(
        "membership.grant", POLICE, membership="associate", decision_ref="x", start="2026-01-01"
    )
    there.register_key(POLICE, document_key(POLICE))
    for matter, territory in (("csam", "FR"), ("csam", "DE"), ("hate_speech", "FR")):
        values = {"matter": matter, "territory": territory, "legal_act": "decree"}
        there.administer("mandate.grant", POLICE, function="receive", **values, start="2026-01-01")
    join(there, "be", issuer=ISSUER, log_keys=[note_signer().vkey])
    found = Peering(founded(), there)
    join(found.here, log_keys=[there.checkpoint_signer.signer.vkey],
         attestation_keys={"keys": [key_of("attest").public_jwk()]})  # fmt: skip
    found.show()
    return settled(found.here), settled(found.there)
