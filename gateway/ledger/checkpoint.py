"""C2SP tlog-checkpoint: the size and root of one log, signed as a note.

An origin always names one tree: a lost log continues under another origin. A signer must never
sign two checkpoints that no consistency proof can join.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from gateway.ledger import tree
from gateway.ledger.encoding import MAX_SIZE, decode_base64, encode_base64, parse_decimal
from gateway.ledger.note import NoteError, NoteSigner, VerificationKey, open_note, sign


@dataclass(frozen=True)
class Checkpoint:
    """A log's tree head: `size` leaves under the 32-byte `root`, in the log named `origin`.

    Raises NoteError for values that no log can have.
    """

    origin: str
    size: int
    root: bytes

    def __post_init__(self) -> None:
        if not self.origin or min(self.origin) < " ":
            raise NoteError("an origin is one line without control characters")
        if not 0 <= self.size <= MAX_SIZE:
            raise NoteError("the size is out of range")
        if len(self.root) != tree.HASH_BYTES:
            raise NoteError("a root has exactly 32 bytes")
        if self.size == 0 and self.root != tree.EMPTY_ROOT:
            raise NoteError("this is not the root of an empty tree")

    def text(self) -> str:
        """Write the note text: origin, size and root, a line each; never an extension line."""
        return f"{self.origin}\n{self.size}\n{encode_base64(self.root)}\n"


def parse_checkpoint(text: str) -> Checkpoint:
    """Read the text of a checkpoint note, without trusting it: nothing is verified here.

    Extension lines, which other logs may have, are passed over. Raises NoteError.
    """
    if not text.endswith("\n"):
        raise NoteError("a checkpoint ends in a newline")
    # Not splitlines: it also breaks at characters that are part of a line here.
    lines = text[:-1].split("\n")
    if len(lines) < 3 or "" in lines:
        raise NoteError("a checkpoint has at least three lines, none of them empty")
    try:
        size, root = parse_decimal(lines[1]), decode_base64(lines[2])
    except ValueError as error:
        raise NoteError(f"the checkpoint's size or root is malformed: {error}") from error
    return Checkpoint(lines[0], size, root)


def open_checkpoint(note: str | bytes, keys: Sequence[VerificationKey], origin: str) -> Checkpoint:
    """Check a checkpoint note of the log `origin` and return what it states.

    One of `keys` named like the origin must have signed: another log's key, or a witness's, is
    known but does not speak for this log. Raises NoteError.
    """
    opened = open_note(note, keys)
    checkpoint = parse_checkpoint(opened.text)
    if checkpoint.origin != origin:
        raise NoteError("the checkpoint is of another log")
    if all(signature.name != origin for signature in opened.signatures):
        raise NoteError("the log itself has not signed the checkpoint")
    return checkpoint


def sign_checkpoint(checkpoint: Checkpoint, signer: NoteSigner) -> str:
    """Sign a checkpoint with its own log's key; return the note. Raises NoteError for another."""
    if signer.name != checkpoint.origin:
        raise NoteError("the key is of another log")
    return sign(checkpoint.text(), [signer])
