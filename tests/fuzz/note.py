"""Signed notes and verifier keys (C2SP): only NoteError escapes; what is accepted is one spelling.

Oracle: an opened note begins with its text and each signature counted is a line of it, so no two
notes that differ in what was signed are both accepted; bytes and text are read alike.
"""

from functools import cache

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from gateway.ledger.note import (
    Note,
    NoteError,
    NoteSigner,
    VerificationKey,
    encode_base64,
    open_note,
    sign,
)
from tests.fuzz.target import EXAMPLES, VECTORS


@cache
def signer() -> NoteSigner:
    """A signer whose key everybody may know."""
    return NoteSigner("fuzz.example/log", Ed25519PrivateKey.from_private_bytes(bytes(range(32))))


@cache
def known() -> tuple[VerificationKey, ...]:
    """The keys of the vectors, of our examples and of the signer."""
    lines = (VECTORS / "tlog600" / "keys.txt").read_text(encoding="utf-8").split("\n")
    lines.append((EXAMPLES / "trust" / "log.vkey").read_text(encoding="utf-8").strip())
    found = [signer().key]
    for line in lines:
        try:
            found.append(VerificationKey.parse(line.strip()))
        except NoteError:
            continue  # a comment of the file
    return tuple(found)


def seeds() -> list[bytes]:
    """Notes that are good, notes that are bad, keys."""
    files = sorted((VECTORS / "tlog600").rglob("*"))
    notes = [file.read_bytes() for file in files if file.is_file() and file.stat().st_size < 4096]
    ours = [sign("a text\n\nof two\n", [signer()]).encode(), str(signer().key).encode()]
    return [*notes, (EXAMPLES / "checkpoint").read_bytes(), *ours]


def opened(data: bytes) -> Note | None:
    """The note, or None when it is refused."""
    try:
        return open_note(data, known())
    except NoteError:
        return None


def check(data: bytes) -> None:
    """See the module."""
    note = opened(data)
    if note is not None:
        text = data.decode("utf-8")
        assert text.startswith(note.text + "\n")
        lines = text[len(note.text) + 1 :].split("\n")
        for one in note.signatures:
            assert f"\u2014 {one.name} {encode_base64(one.key_id + one.value)}" in lines
        assert open_note(text, known()) == note
    _check_key(data)
    _check_signed(data)


def _check_key(data: bytes) -> None:
    text = data.decode("utf-8", "surrogateescape")
    try:
        key = VerificationKey.parse(text)
    except NoteError:
        return
    assert str(key) == text


def _check_signed(data: bytes) -> None:
    """What can be signed can be opened, and says the same."""
    try:
        text = data.decode("utf-8")
        note = sign(text, [signer()])
    except (UnicodeError, NoteError):
        return
    found = opened(note.encode("utf-8"))
    assert found is not None
    assert found.text == text
