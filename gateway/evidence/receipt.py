"""A receipt: one event as its party may see it, and the proof that the log holds it.

It is verified offline, with the log's public key. Nothing in it is trusted: the entry is
recomputed from the document and the nonce, so the proof of another entry proves nothing about
this document.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from gateway.domain.audit_event import EventResult
from gateway.evidence import base64url, canonical, event
from gateway.evidence.event import DisclosedDetails, EventError
from gateway.ledger import proof as tlog_proof
from gateway.ledger import tree
from gateway.ledger.note import ED25519, Checkpoint, VerificationKey
from gateway.ledger.proof import TlogProof
from gateway.ledger.tree import NONCE_BYTES, entry_commitment

MAX_DISCLOSURES = 256
"""More than any event has; it bounds the work that a receipt can ask for."""

MAX_BYTES = 512 * 1024
"""A document of 16 KiB, its disclosures and a proof of 128 KiB, written as JSON, with room."""

_FIELDS = frozenset({"document", "nonce", "disclosures", "proof"})


class ReceiptError(ValueError):
    """The receipt does not verify; the message says why."""


class MalformedReceipt(ReceiptError):
    """The receipt, or the document in it, does not have the required form."""


class UnmatchedDetail(ReceiptError):
    """A disclosure does not belong to the receipt's document."""


class UnknownLog(ReceiptError):
    """The verifier has no key for the log of the event."""


class NotInLog(ReceiptError):
    """The proof does not show that the log contains the event."""


@dataclass(frozen=True)
class Receipt:
    """What travels: the document's bytes, its nonce (32 bytes), disclosures, tlog-proof text."""

    document: bytes
    nonce: bytes
    disclosures: tuple[str, ...]
    proof: str


@dataclass(frozen=True)
class VerifiedReceipt:
    """What a receipt proves: the event's fields, its disclosed details, and its entry.

    ``leaf`` is the hash of the entry, ``proof`` what leads from it to the root of ``checkpoint``;
    ``receipt`` is what was verified.
    """

    event: dict[str, Any]
    opened: DisclosedDetails
    checkpoint: Checkpoint
    leaf: bytes
    proof: TlogProof
    receipt: Receipt

    @property
    def index(self) -> int:
        """The entry's number in the log, from 0."""
        return self.proof.index

    @property
    def type(self) -> str:
        """Return what happened, as ``handoff.offered``."""
        return str(self.event["type"])

    @property
    def allowed(self) -> bool:
        """Tell whether it was done; otherwise it was attempted."""
        return bool(self.event["result"] == EventResult.ALLOWED)

    @property
    def document(self) -> str:
        """The digest of the document that the event records; empty where it records none."""
        return str(self.event.get("document_sha256", ""))

    @property
    def time(self) -> datetime:
        """When the event was recorded, by the gateway's word."""
        return datetime.fromisoformat(self.event["time"])

    def details(self, kind: str) -> tuple[Any, ...]:
        """The disclosed values of one kind."""
        return tuple(value for name, value in self.opened.shown if name == kind)

    def to_print(self) -> list[tuple[str, Any]]:
        """List the disclosed details; of approvals, which are signed texts, how many there are."""
        return [
            (kind, len(value) if kind == "approvals" else value)
            for kind, value in self.opened.shown
        ]

    def stream_numbers(self, organisation: str) -> list[int]:
        """The event's number in the stream of a party, as far as that is shown: one at most, or
        the gateway contradicts itself."""
        parties = self.details(event.PARTY)
        return [one["stream_number"] for one in parties if one["organisation"] == organisation]

    def subject(self) -> Mapping[str, Any]:
        """Return what the event is about, such as the change of a registry; empty where that is not
        disclosed."""
        texts = self.details("subject")
        try:
            fields = canonical.decode(texts[0].encode()) if texts else {}
        except (ValueError, AttributeError):
            fields = {}
        return fields if isinstance(fields, dict) else {}


def to_json(receipt: Receipt) -> dict[str, Any]:
    """The receipt as JSON members: the document as text, the nonce as base64url."""
    return {
        "document": receipt.document.decode("utf-8"),
        "nonce": base64url.encode(receipt.nonce),
        "disclosures": list(receipt.disclosures),
        "proof": receipt.proof,
    }


def from_json(data: Any) -> Receipt:
    """Read the members that to_json writes, and no others; MalformedReceipt otherwise."""
    if not isinstance(data, Mapping) or data.keys() != _FIELDS:
        raise MalformedReceipt("a receipt has document, nonce, disclosures and proof")
    disclosures = data["disclosures"]
    if not isinstance(disclosures, list) or len(disclosures) > MAX_DISCLOSURES:
        raise MalformedReceipt("a receipt's disclosures are a short list")
    if not all(
        isinstance(v, str) for v in (*disclosures, *map(data.get, _FIELDS - {"disclosures"}))
    ):
        raise MalformedReceipt("a receipt is made of texts")
    try:
        document, nonce = data["document"].encode("utf-8"), base64url.decode(data["nonce"])
    except ValueError as error:
        raise MalformedReceipt(f"the receipt cannot be read: {error}") from None
    if len(nonce) != NONCE_BYTES:
        raise MalformedReceipt(f"a receipt's nonce has {NONCE_BYTES} bytes")
    return Receipt(document, nonce, tuple(disclosures), data["proof"])


def parse(data: bytes) -> Receipt:
    """Read a receipt file, the JSON of to_json; MalformedReceipt for anything else."""
    if len(data) > MAX_BYTES:
        raise MalformedReceipt(f"a receipt is at most {MAX_BYTES} bytes long")
    try:
        members = canonical.decode(data)
    except ValueError as error:
        raise MalformedReceipt(f"the receipt is not canonical JSON: {error}") from None
    return from_json(members)


def verify(receipt: Receipt, log_keys: Sequence[VerificationKey], origin: str) -> VerifiedReceipt:
    """Check a receipt against the keys of the log ``origin``; what it proves, or a ReceiptError."""
    # 1. The form of the document (MalformedReceipt).
    try:
        fields = event.read(receipt.document)
    except EventError as error:
        raise MalformedReceipt(str(error)) from None
    # 2. It is of this log, and there is a key for it (UnknownLog).
    if fields["log"] != origin:
        raise UnknownLog(f"the event is of the log {ascii(fields['log'])[:200]}")
    if not any(key.name == origin and key.kind == ED25519 for key in log_keys):
        raise UnknownLog(f"no key was provided for the log {origin}")
    # 3. Its disclosures belong to it (UnmatchedDetail).
    try:
        opened = event.open_read(fields, receipt.disclosures)
    except EventError as error:
        raise UnmatchedDetail(str(error)) from None
    # 4. The log has signed a tree that contains the entry of this very document (NotInLog).
    try:
        proof = tlog_proof.parse(receipt.proof)
        logged = entry_commitment(receipt.document, receipt.nonce)
        checkpoint = tlog_proof.verify(proof, logged, origin, log_keys)
    except ValueError as error:
        raise NotInLog(f"no valid proof that the log contains the event: {error}") from None
    return VerifiedReceipt(fields, opened, checkpoint, tree.leaf_hash(logged), proof, receipt)
