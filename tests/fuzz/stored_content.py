"""Envelopes of content in the database: only EnvelopeError escapes, and nothing else is opened.

Oracle: what opens is the one envelope that was closed, byte for byte.
"""

from uuid import UUID

from gateway.store.content_encryption import CellRef, EnvelopeError, seal, unseal

KEY, ID, CELL = bytes(range(32)), UUID(int=7), CellRef("case_version", "digest", "document")
TEXT = "header.payload.signature~disclosure~"
CLOSED = seal(TEXT, ID, KEY, CELL, bytes(12))


def seeds() -> list[bytes]:
    """One that is good, one without content, one of another place, and none."""
    other = seal(TEXT, ID, KEY, CellRef("answer", "digest", "document"), bytes(12))
    empty = seal("", ID, KEY, CELL, bytes(12))
    return [CLOSED, other, empty, b"", TEXT.encode()]


def check(data: bytes) -> None:
    """See the module."""
    try:
        opened = unseal(data, lambda _: KEY, CELL)
    except EnvelopeError:
        return
    assert (data, opened) in ((CLOSED, TEXT), (seeds()[2], ""))
