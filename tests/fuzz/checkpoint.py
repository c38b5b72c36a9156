"""Checkpoints (C2SP): only NoteError escapes; what is accepted begins with its own spelling.

Oracle: the first three lines of an accepted text are those that we would write for its values, so
that no two sizes or roots share a text; opened under a signature it states the same.
"""

from gateway.ledger.note import (
    Checkpoint,
    NoteError,
    NoteSigner,
    open_checkpoint,
    parse_checkpoint,
    sign_checkpoint,
)
from tests.fuzz import note
from tests.fuzz.target import EXAMPLES, VECTORS


def seeds() -> list[bytes]:
    """Checkpoints with and without signatures."""
    signed = [file.read_bytes() for file in sorted((VECTORS / "tlog600" / "checkpoints").iterdir())]
    signed.append((EXAMPLES / "checkpoint").read_bytes())
    plain = [one.partition(b"\n\n")[0] + b"\n" for one in signed]
    return [*signed, *plain, Checkpoint("a", 1, bytes(32)).text().encode() + b"extension\n"]


def check(data: bytes) -> None:
    """See the module."""
    _check_signed(data)
    try:
        text = data.decode("utf-8")
        found = parse_checkpoint(text)
    except (UnicodeError, NoteError):
        return
    assert text.startswith(found.text())
    try:
        signer = NoteSigner(found.origin, note.signer().private)
        signed = sign_checkpoint(found, signer)
    except NoteError:  # an origin may have spaces, a signer's name may not
        return
    assert open_checkpoint(signed, [signer.key], found.origin) == found


def _check_signed(data: bytes) -> None:
    for key in note.known():
        try:
            found = open_checkpoint(data, [key], key.name)
        except NoteError:
            continue
        assert data.startswith(found.text().encode("utf-8"))
        assert found.origin == key.name
