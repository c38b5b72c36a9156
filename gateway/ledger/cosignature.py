"""C2SP tlog-cosignature: that a witness saw a checkpoint as the only history of its log, and when.

Ed25519 (kind 0x04, ``cosignature/v1``) is signed and checked here. A line that does not verify
counts for nothing, as those of unknown witnesses do: anybody can add one to a note of the log.
"""

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from gateway.ledger import note as notes
from gateway.ledger.note import COSIGNATURE, Signature, VerificationKey

_TIME_BYTES = 8
_LATEST = int(datetime.max.replace(tzinfo=UTC).timestamp())


@dataclass(frozen=True)
class Cosignature:
    """Which witness cosigned, and when by its own clock; ``line`` is what it wrote."""

    witness: VerificationKey
    at: datetime
    line: str


@dataclass(frozen=True)
class Cosigner:
    """A witness: its name, its public key (Ed25519), and what signs with the private one."""

    name: str
    public: bytes
    sign: Callable[[bytes], bytes] = field(repr=False)

    @property
    def key(self) -> VerificationKey:
        """The key that checks this witness's lines; NoteError for a name with + or space."""
        key_id = notes.key_id(self.name, COSIGNATURE, self.public)
        return VerificationKey(self.name, key_id, COSIGNATURE, self.public)

    def cosign(self, text: str, at: datetime) -> str:
        """The line with which the witness cosigns the text of a checkpoint."""
        seconds = int(at.timestamp())
        value = seconds.to_bytes(_TIME_BYTES) + self.sign(_signed(text, seconds))
        return notes.write_signature(Signature(self.name, self.key.key_id, value))


def count(witnesses: Collection[VerificationKey]) -> int:
    """How many witnesses these keys are of: one may have two keys, or be given two names."""
    return min(len({one.name for one in witnesses}), len({one.public for one in witnesses}))


def verify(note: str, witnesses: Sequence[VerificationKey]) -> list[Cosignature]:
    """The cosignatures of known witnesses on a checkpoint's note, one of each, in their order.

    The log's own line is not checked.
    """
    found: dict[str, Cosignature] = {}
    for key, one in _read(note, witnesses):
        if one is not None:
            found.setdefault(key.name, one)
    return list(found.values())


def wrong(note: str, witnesses: Sequence[VerificationKey]) -> list[str]:
    """The names of known witnesses that some line of the note has, and did not make."""
    return list(dict.fromkeys(key.name for key, one in _read(note, witnesses) if one is None))


def _read(
    note: str, witnesses: Sequence[VerificationKey]
) -> Iterator[tuple[VerificationKey, Cosignature | None]]:
    """Each line of a known witness; None for one that does not verify."""
    text, signatures = notes.split(note)
    known = {(one.name, one.key_id): one for one in witnesses if one.kind == COSIGNATURE}
    for line in signatures:
        key = known.get((line.name, line.key_id))
        if key is not None:
            yield key, _verify(text, line, key)


def _verify(text: str, line: Signature, key: VerificationKey) -> Cosignature | None:
    seconds, signature = int.from_bytes(line.value[:_TIME_BYTES]), line.value[_TIME_BYTES:]
    try:
        Ed25519PublicKey.from_public_bytes(key.public).verify(signature, _signed(text, seconds))
    except InvalidSignature:
        return None
    if not 0 < seconds <= _LATEST:
        return None
    return Cosignature(key, datetime.fromtimestamp(seconds, UTC), notes.write_signature(line))


def _signed(text: str, seconds: int) -> bytes:
    return f"cosignature/v1\ntime {seconds}\n{text}".encode()
