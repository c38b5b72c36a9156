"""C2SP tlog-proof: one file that proves, offline, that a log holds an entry.

The file's text is not unique (signature lines and `extra` may change): what it proves is named by
origin and index, never by a hash of the file.
"""

from binascii import b2a_base64
from collections.abc import Sequence
from dataclasses import dataclass

from gateway.ledger import tree
from gateway.ledger.note import (
    MAX_NOTE_BYTES,
    Checkpoint,
    VerificationKey,
    decode_base64,
    encode_base64,
    open_checkpoint,
    parse_decimal,
)
from gateway.ledger.tree import MAX_SIZE, ProofError

# A tree of at most 2**63-1 leaves has no longer path.
MAX_HASHES = 63
# A checkpoint, a full path, and as much again for what an application puts into `extra`.
MAX_PROOF_BYTES = 2 * MAX_NOTE_BYTES
_TOO_LONG = "the proof is too long"

_MAGIC = "c2sp.org/tlog-proof@v1"


@dataclass(frozen=True)
class TlogProof:
    """A parsed proof: the path of entry `index` and the checkpoint note that it leads to.

    `extra` is opaque and authenticated by nobody. Raises ProofError for an index or hashes that
    no proof can have; whether they prove anything, only `verify` tells.
    """

    index: int
    hashes: tuple[bytes, ...]
    checkpoint_note: str
    extra: bytes | None = None

    def __post_init__(self) -> None:
        if not 0 <= self.index <= MAX_SIZE:
            raise ProofError("the index is out of range")
        if len(self.hashes) > MAX_HASHES:
            raise ProofError("the proof has too many hashes")
        if not {*map(len, self.hashes)} <= {tree.HASH_BYTES}:
            raise ProofError("a hash has exactly 32 bytes")
        if self.extra == b"":
            raise ProofError("empty extra data is left out")


def encode(proof: TlogProof) -> str:
    """Write a proof in the form that `parse` reads, its checkpoint verbatim at the end.

    Raises ProofError when it would be too long to read.
    """
    extra = "" if proof.extra is None else f"extra {encode_base64(proof.extra)}\n"
    hashes = b"".join(map(b2a_base64, proof.hashes)).decode("ascii")  # a line each
    header = f"{_MAGIC}\n{extra}index {proof.index}\n{hashes}\n"
    note = proof.checkpoint_note
    if len(header) + len(note.encode()) > MAX_PROOF_BYTES:
        raise ProofError(_TOO_LONG)
    return header + note


def parse(text: bytes | str) -> TlogProof:
    """Read a `.tlog-proof` file; raises ProofError for anything that the format does not allow."""
    try:
        data = text.encode() if isinstance(text, str) else text
        if len(data) > MAX_PROOF_BYTES:
            raise ProofError(_TOO_LONG)
        header, separator, checkpoint_note = data.decode().partition("\n\n")
    except UnicodeError as error:
        raise ProofError("the proof is not UTF-8") from error
    if not separator:
        raise ProofError("the proof has no empty line before its checkpoint")
    magic, *lines = header.split("\n")
    if magic != _MAGIC:
        raise ProofError("not a tlog-proof of version 1")
    extra_line = lines.pop(0) if lines and lines[0].startswith("extra ") else None
    if not lines or not lines[0].startswith("index "):
        raise ProofError("the proof has no index")
    try:
        index = parse_decimal(lines[0].removeprefix("index "))
        hashes = tuple(decode_base64(line) for line in lines[1:])
        extra = None if extra_line is None else decode_base64(extra_line.removeprefix("extra "))
    except ValueError as error:
        raise ProofError(f"the proof is malformed: {error}") from error
    return TlogProof(index, hashes, checkpoint_note, extra)


def verify(
    proof: TlogProof, entry: bytes, origin: str, keys: Sequence[VerificationKey]
) -> Checkpoint:
    """Check that the log `origin` holds `entry` at the proof's index; return the checkpoint.

    1. Hash the entry that the caller rebuilt: nothing in the proof says what was logged.
    2. Open the checkpoint: of this origin, signed by a key of `keys` for it (else NoteError).
    3. Follow the path from the leaf to the checkpoint's root (else ProofError).
    """
    leaf = tree.leaf_hash(entry)
    checkpoint = open_checkpoint(proof.checkpoint_note, keys, origin)
    tree.verify_inclusion(leaf, proof.index, checkpoint.size, proof.hashes, checkpoint.root)
    return checkpoint
