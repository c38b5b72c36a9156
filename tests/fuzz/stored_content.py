"""Envelopes of content in the database: only EnvelopeError escapes, and nothing else is opened.

Oracle: what opens is the one envelope that was closed, byte for byte.
"""

from uuid import UUID

from gateway.store import envelope
from gateway.store.envelope import EnvelopeError, Place

KEY, ID, PLACE = bytes(range(32)), UUID(int=7), Place("case_version", "digest", "document")
TEXT = "header.payload.signature~disclosure~"
CLOSED = envelope.close(TEXT, ID, KEY, PLACE, bytes(12))


def seeds() -> list[bytes]:
    """One that is good, one without content, one of another place, and none."""
    other = envelope.close(TEXT, ID, KEY, Place("answer", "digest", "document"), bytes(12))
    empty = envelope.close("", ID, KEY, PLACE, bytes(12))
    return [one.encode() for one in (CLOSED, other, empty, "", TEXT)]


def check(data: bytes) -> None:
    """See the module."""
    stored = data.decode("utf-8", "replace")
    try:
        opened = envelope.open_text(stored, KEY, PLACE)
    except EnvelopeError:
        return
    assert (stored, opened) in ((CLOSED, TEXT), (seeds()[2].decode(), ""))
    assert envelope.key_of(stored) == ID
    assert envelope.is_envelope(stored)
