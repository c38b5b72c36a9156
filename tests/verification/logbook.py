"""A small transparency log in memory, made of the real parts, that gives receipts."""

from collections.abc import Collection
from hashlib import sha256

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from gateway.domain.audit_event import AuditEvent
from gateway.evidence import event
from gateway.evidence.event import EventDocument
from gateway.evidence.receipt import Receipt
from gateway.ledger import proof, tiles, tree
from gateway.ledger.note import Checkpoint, NoteSigner, sign_checkpoint
from gateway.ledger.tree import entry_commitment
from tests.evidence.ingredients import chance

ORIGIN = "log.example.org/casegate"


class Logbook:
    """Appends events and proves them at its present size."""

    def __init__(self, origin: str = ORIGIN, key: str = "log") -> None:
        private = Ed25519PrivateKey.from_private_bytes(sha256(key.encode()).digest())
        self.origin = origin
        self.signer = NoteSigner(origin, private)
        self.events: list[EventDocument] = []
        self._tiles: dict[tuple[int, int], bytes] = {}
        self._root = tree.EMPTY_ROOT
        self._counters: dict[str, int] = {}

    @property
    def keys(self) -> list:
        return [self.signer.key]

    def record(self, fact: AuditEvent, at) -> int:
        """Log a fact, with the next counter of each party; the index that it got."""
        for party in fact.parties:
            counter = self._counters.get(party.organisation, 0)
            self._counters[party.organisation] = counter + 1
        made = event.compose(
            fact,
            log=self.origin,
            at=at,
            policy="r1",
            stream_numbers=self._counters,
            random=chance(f"{self.origin} {len(self.events)}"),
        )
        leaf = tree.leaf_hash(entry_commitment(made.document, made.nonce))
        changed, self._root = tiles.append(self._read, len(self.events), [leaf])
        self._tiles |= changed
        self.events.append(made)
        return len(self.events) - 1

    def proof(self, index: int) -> str:
        size = len(self.events)
        note = sign_checkpoint(Checkpoint(self.origin, size, self._root), self.signer)
        path = tuple(tiles.inclusion_proof(self._read, index, size))
        return proof.encode(proof.TlogProof(index, path, note))

    def receipt(self, index: int, reader: str | None = None) -> Receipt:
        """The receipt of an event for one reader, or with every disclosure."""
        made = self.events[index]
        everything: Collection[str] = tuple(d.encoded for d in made.disclosures)
        shown = everything if reader is None else made.shown_to(reader)
        return Receipt(made.document, made.nonce, tuple(shown), self.proof(index))

    def _read(self, level: int, n: int) -> bytes:
        return self._tiles.get((level, n), b"")
