"""C2SP signed notes: a text with signature lines, its keys, and the checkpoints signed so.

Ed25519 (kind 0x01) is signed and checked here; what witnesses add is in `cosignature`. Keys of the
other kinds can be read and written; their lines count for nothing here.
"""

import re
from base64 import b64decode
from binascii import b2a_base64
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from hashlib import sha256

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from gateway.ledger.tree import EMPTY_ROOT, HASH_BYTES, MAX_SIZE

# Room for the 16 signature lines that every verifier must accept, were all of them ML-DSA-44
# (3.3 kB each); beyond that a note only costs the reader time.
MAX_NOTE_BYTES = 64 * 1024
_TOO_LONG = "the note is too long"

ED25519 = 0x01
ECDSA = 0x02
COSIGNATURE = 0x04
TREE_HEAD = 0x05
ML_DSA_44 = 0x06
PRIVATE = 0xFF

_KINDS = frozenset({ED25519, ECDSA, COSIGNATURE, TREE_HEAD, ML_DSA_44, PRIVATE})
_PUBLIC_BYTES = {ED25519: 32, COSIGNATURE: 32, ML_DSA_44: 1312}
_KEY_ID_BYTES = 4
_CONTROL = re.compile("[\\0-\\x09\\x0b-\\x1f]")
_DASH = "\u2014 "


class NoteError(ValueError):
    """A note, or a key for notes, is malformed or not signed as it must be."""


class UnknownSigner(NoteError):
    """No key that is known has signed the note."""


@dataclass(frozen=True)
class VerificationKey:
    """A key that checks signature lines: `public` is the key's encoding for its `kind`.

    Of a checkpoint with more entries than `until` it says nothing: the log signed with it no more.

    Raises NoteError for a name, kind, length or id that the format does not allow.
    """

    name: str
    key_id: bytes
    kind: int
    public: bytes
    until: int | None = field(default=None, compare=False)

    def __post_init__(self) -> None:
        _require_name(self.name)
        if self.kind not in _KINDS:
            raise NoteError("the key is of an unassigned kind")
        if len(self.public) != _PUBLIC_BYTES.get(self.kind, len(self.public)) or not self.public:
            raise NoteError("the key has a wrong length")
        if len(self.key_id) != _KEY_ID_BYTES:
            raise NoteError("a key id has exactly 4 bytes")
        if self.kind not in {TREE_HEAD, PRIVATE} and self.key_id != key_id(
            self.name, self.kind, self.public
        ):
            raise NoteError("the key id does not belong to the key")

    @classmethod
    def parse(cls, vkey: str) -> "VerificationKey":
        """Read "<name>+<8 hex digits>+<base64(kind || public key)>"; raises NoteError."""
        name, _, rest = vkey.partition("+")
        hex_id, _, encoded = rest.partition("+")
        try:
            material = decode_base64(encoded)
            if not material:
                raise NoteError("its form is <name>+<8 hex digits>+<base64>")
            key = cls(name, bytes.fromhex(hex_id), material[0], material[1:])
        except ValueError as error:
            raise NoteError(f"not a verifier key: {error}") from error
        if str(key) != vkey:
            raise NoteError("not a verifier key in its canonical form")
        return key

    def __str__(self) -> str:
        """Write the key as a vkey line, the form that `parse` reads."""
        material = bytes([self.kind]) + self.public
        return f"{self.name}+{self.key_id.hex()}+{encode_base64(material)}"


@dataclass(frozen=True)
class NoteSigner:
    """An Ed25519 key that signs notes under a name; raises NoteError for a name with + or space."""

    name: str
    private: Ed25519PrivateKey = field(repr=False)

    def __post_init__(self) -> None:
        _require_name(self.name)

    @cached_property
    def key(self) -> VerificationKey:
        """The key that checks this signer's lines."""
        public = self.private.public_key().public_bytes_raw()
        return VerificationKey(self.name, key_id(self.name, ED25519, public), ED25519, public)

    @property
    def vkey(self) -> str:
        """The text form of `key`, for publication."""
        return str(self.key)


@dataclass(frozen=True)
class Signature:
    """One signature line: who is said to have signed, and the bytes after the key id."""

    name: str
    key_id: bytes
    value: bytes


@dataclass(frozen=True)
class Note:
    """An opened note: its text with the final newline, and the lines that known keys verified."""

    text: str
    signatures: tuple[Signature, ...]


def key_id(name: str, kind: int, public: bytes) -> bytes:
    """Return the 4-byte id of a key (signed-note, "Signatures"; ECDSA: of its SPKI alone)."""
    if kind == ECDSA:
        return sha256(public).digest()[:_KEY_ID_BYTES]
    preimage = name.encode() + b"\n" + bytes([kind]) + public
    return sha256(preimage).digest()[:_KEY_ID_BYTES]


def sign(text: str, signers: Sequence[NoteSigner]) -> str:
    """Sign a text that ends in a newline with each signer, in order; return the whole note.

    Raises NoteError for a text that no verifier would accept, or without signers.
    """
    _require_text(text)
    if not signers:
        raise NoteError("a note needs a signer")
    note, signed = text + "\n", text.encode()
    for signer in signers:
        value = signer.private.sign(signed)
        note += write_signature(Signature(signer.name, signer.key.key_id, value))
    if len(note.encode()) > MAX_NOTE_BYTES:
        raise NoteError(_TOO_LONG)
    return note


def open_note(note: str | bytes, keys: Sequence[VerificationKey]) -> Note:
    """Check a note and return its text with the signatures that `keys` verify.

    At least one Ed25519 key of `keys` must have signed; a line that names such a key and does not
    verify condemns the whole note; lines of unknown keys are ignored. Raises NoteError.
    """
    text, signatures = split(note)
    known = _by_line_name(keys)
    good = tuple(s for s in signatures if (s.name, s.key_id) in known)
    for signature in good:
        key = known[signature.name, signature.key_id]
        try:
            Ed25519PublicKey.from_public_bytes(key.public).verify(signature.value, text.encode())
        except InvalidSignature as error:
            raise NoteError(f"the signature of {key.name} is wrong") from error
    if not good:
        raise UnknownSigner("no known key has signed the note")
    return Note(text, good)


def split(note: str | bytes) -> tuple[str, tuple[Signature, ...]]:
    """A note's text and its signature lines, each once; none is verified. Raises NoteError."""
    try:
        data = note.encode() if isinstance(note, str) else note
        if len(data) > MAX_NOTE_BYTES:
            raise NoteError(_TOO_LONG)
        whole = data.decode()
    except UnicodeError as error:
        raise NoteError("the note is not UTF-8") from error
    # Parted at the last empty line: the text may have empty lines too.
    end = whole.rfind("\n\n")
    text, lines = whole[: end + 1], whole[end + 2 :]
    if end < 0 or not whole.endswith("\n") or not lines:
        raise NoteError("the note has no signature lines")
    _require_text(text)
    return text, tuple(dict.fromkeys(map(_parse_signature, lines[:-1].split("\n"))))


def write_signature(signature: Signature) -> str:
    """Write a signature line, with its newline."""
    return f"{_DASH}{signature.name} {encode_base64(signature.key_id + signature.value)}\n"


def _parse_signature(line: str) -> Signature:
    name, _, encoded = line.removeprefix(_DASH).partition(" ")
    if not line.startswith(_DASH):
        raise NoteError("a signature line starts with a dash and a space")
    _require_name(name)
    try:
        data = decode_base64(encoded)
    except ValueError as error:
        raise NoteError("a signature is not base64") from error
    if len(data) <= _KEY_ID_BYTES:
        raise NoteError("a signature is too short")
    return Signature(name, data[:_KEY_ID_BYTES], data[_KEY_ID_BYTES:])


def _by_line_name(keys: Sequence[VerificationKey]) -> dict[tuple[str, bytes], VerificationKey]:
    known: dict[tuple[str, bytes], VerificationKey] = {}
    for key in keys:
        if key.kind != ED25519:
            continue
        if known.setdefault((key.name, key.key_id), key) != key:
            raise NoteError("two different keys share a name and a key id")
    return known


def _require_name(name: str) -> None:
    if not name or "+" in name or any(c.isspace() or c < " " for c in name):
        raise NoteError("a key name is not empty and has no spaces or plus signs")


def _require_text(text: str) -> None:
    if not text.endswith("\n"):
        raise NoteError("a note's text ends in a newline")
    if _CONTROL.search(text):
        raise NoteError("a note has no control characters")


# --- Checkpoints ---------------------------------------------------------------------------------
#
# C2SP tlog-checkpoint: the size and root of one log, signed as a note.
#
# An origin always names one tree: a lost log continues under another origin. A signer must never
# sign two checkpoints that no consistency proof can join.


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
        if len(self.root) != HASH_BYTES:
            raise NoteError("a root has exactly 32 bytes")
        if self.size == 0 and self.root != EMPTY_ROOT:
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
    known but does not speak for this log. Raises NoteError; UnknownSigner where all that signed
    were withdrawn before.
    """
    opened = open_note(note, keys)
    checkpoint = parse_checkpoint(opened.text)
    if checkpoint.origin != origin:
        raise NoteError("the checkpoint is of another log")
    known = _by_line_name(keys)
    own = [known[one.name, one.key_id] for one in opened.signatures if one.name == origin]
    if not own:
        raise NoteError("the log itself has not signed the checkpoint")
    if all(one.until is not None and checkpoint.size > one.until for one in own):
        raise UnknownSigner("the log had withdrawn the key that signed the checkpoint")
    return checkpoint


def sign_checkpoint(checkpoint: Checkpoint, *signers: NoteSigner) -> str:
    """Sign a checkpoint with its own log's keys; return the note. Raises NoteError for another."""
    if any(signer.name != checkpoint.origin for signer in signers):
        raise NoteError("the key is of another log")
    return sign(checkpoint.text(), signers)


# --- Decimals and base64, in one spelling --------------------------------------------------------
#
# Python's own parsers are too kind for signed text: `int` takes "+5", "1_000" and other scripts'
# digits, `b64decode` takes stray bits after the last byte. Two spellings of one value would then
# verify where other implementations refuse one of them.


def encode_base64(data: bytes) -> str:
    """Write standard base64 with padding (RFC 4648 section 4)."""
    return b2a_base64(data, newline=False).decode("ascii")


def decode_base64(text: str) -> bytes:
    """Read standard base64 with padding; raise ValueError unless it is the one canonical form."""
    data = b64decode(text, validate=True)
    if encode_base64(data) != text:
        raise ValueError("base64 is not in its canonical form")
    return data


_DECIMAL = re.compile(r"0|[1-9][0-9]{0,18}", re.ASCII)


def parse_decimal(text: str) -> int:
    """Read an ASCII decimal without sign or leading zeros, 0 to MAX_SIZE; else raise ValueError."""
    if not _DECIMAL.fullmatch(text):
        raise ValueError("not a plain decimal number")
    number = int(text)
    if number > MAX_SIZE:
        raise ValueError("number is out of range")
    return number
