"""Envelopes of content in the database: what is none raises EnvelopeError, and nothing is opened.

Oracle: what opens is the one envelope that was closed, byte for byte.
"""

from types import SimpleNamespace
from typing import cast
from uuid import UUID

from gateway.domain.refusals import CaseErased
from gateway.store.content_encryption import (
    ERASED,
    CellRef,
    ContentCipher,
    EnvelopeError,
    Keyring,
)

ID, CELL = UUID(int=7), CellRef("case_version", "digest", "document")
TEXT = "header.payload.signature~disclosure~"
KEYRING = cast(Keyring, SimpleNamespace(key=lambda _: bytes(range(32)), random=bytes))
CIPHER = ContentCipher(KEYRING)
CLOSED = CIPHER.encrypt(TEXT, ID, CELL)


def seeds() -> list[bytes]:
    """One that is good, one without content, one of another place, and none."""
    other = CIPHER.encrypt(TEXT, ID, CellRef("answer", "digest", "document"))
    return [CLOSED, other, CIPHER.encrypt("", ID, CELL), b"", TEXT.encode()]


def check(data: bytes) -> None:
    """See the module."""
    try:
        opened = ContentCipher(KEYRING).decrypt(data, CELL)
    except EnvelopeError:
        return
    except CaseErased:
        assert data == ERASED
        return
    assert (data, opened) in ((CLOSED, TEXT), (seeds()[2], ""))
