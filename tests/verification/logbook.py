"""A small transparency log in memory, made of the real parts, that gives receipts."""

from collections.abc import Collection
from datetime import UTC, datetime
from hashlib import sha256

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from gateway.domain.audit_event import AuditEvent
from gateway.evidence import event
from gateway.evidence.event import EventDocument
from gateway.evidence.evidence_file import ConfirmedCheckpoint
from gateway.evidence.receipt import Receipt
from gateway.ledger import proof, tiles, tree
from gateway.ledger.cosignature import Cosigner
from gateway.ledger.note import Checkpoint, NoteSigner, sign_checkpoint
from gateway.ledger.tree import entry_commitment
from tests.evidence.ingredients import chance

ORIGIN = "log.example.org/casegate"
WITNESSED = datetime(2026, 1, 3, tzinfo=UTC)


def witness(name: str = "witness.example.org") -> Cosigner:
    """A witness by this name, whose key follows from it."""
    seed = sha256(name.encode()).digest()
    private = Ed25519PrivateKey.from_private_bytes(seed)
    return Cosigner(name, private.public_key().public_bytes_raw(), private.sign)


class Logbook:
    """Appends events and proves them at its present size."""

    def __init__(self, origin: str = ORIGIN, key: str = "log") -> None:
        private = Ed25519PrivateKey.from_private_bytes(sha256(key.encode()).digest())
        self.origin = origin
        self.signer = NoteSigner(origin, private)
        self.events: list[EventDocument] = []
        self.witnesses: list[Cosigner] = []
        """Those whose lines every checkpoint has."""
        self._tiles: dict[tuple[int, int], bytes] = {}
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
        changed, _ = tiles.append(self._read, len(self.events), [leaf])
        self._tiles |= changed
        self.events.append(made)
        return len(self.events) - 1

    def note(self, size: int | None = None, *witnesses: Cosigner, at: datetime = WITNESSED) -> str:
        """The checkpoint of so many entries, all by default, with the lines of witnesses."""
        size = len(self.events) if size is None else size
        root = tiles.root(self._read, size)
        made = sign_checkpoint(Checkpoint(self.origin, size, root), self.signer)
        text = made.partition("\n\n")[0] + "\n"
        return made + "".join(one.cosign(text, at) for one in witnesses)

    def confirmed(
        self, size: int, *witnesses: Cosigner, to: int | None = None, at: datetime = WITNESSED
    ) -> ConfirmedCheckpoint:
        """An earlier checkpoint that witnesses cosigned, joined to that of ``to`` entries."""
        last = len(self.events) if to is None else to
        path = tiles.consistency_proof(self._read, *sorted((size, last)))
        return ConfirmedCheckpoint(self.note(size, *witnesses, at=at), tuple(path))

    def proof(self, index: int) -> str:
        path = tuple(tiles.inclusion_proof(self._read, index, len(self.events)))
        return proof.encode(proof.TlogProof(index, path, self.note(None, *self.witnesses)))

    def receipt(self, index: int, reader: str | None = None) -> Receipt:
        """The receipt of an event for one reader, or with every disclosure."""
        made = self.events[index]
        everything: Collection[str] = tuple(d.encoded for d in made.disclosures)
        shown = everything if reader is None else made.shown_to(reader)
        return Receipt(made.document, made.nonce, tuple(shown), self.proof(index))

    def _read(self, level: int, n: int) -> bytes:
        return self._tiles.get((level, n), b"")
