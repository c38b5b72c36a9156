"""The envelope in which content lies in the database: ciphertext that belongs to one place only.

base64url of ``0x01 || key id (16 bytes) || nonce (12) || AES-256-GCM ciphertext with its tag``. The
first byte is the version of this form. What is authenticated beside the text are the header and
the place (table, row, column), so that no ciphertext can be put into another row and opened there
(NIST SP 800-38D 5.2.1).
"""

from dataclasses import dataclass
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from gateway.evidence import base64url

VERSION = b"\x01"
KEY_BYTES = 32
NONCE_BYTES = 12  # SP 800-38D 8.2.2: the length for which random nonces are meant
TAG_BYTES = 16

FIRST = "A"
"""How every envelope of version 1 begins, and neither a signed document nor a disclosure does."""

_DOMAIN = b"casegate-envelope\0"
_HEADER_BYTES = len(VERSION) + 16


class EnvelopeError(ValueError):
    """What is stored is no envelope, or not the one of this key and place."""


@dataclass(frozen=True)
class Place:
    """Where a text is stored; ``row`` names the row for good, as its primary key does."""

    table: str
    row: str
    column: str

    def __bytes__(self) -> bytes:
        """The same, without two places that are written alike."""
        return "\0".join((self.table, self.row, self.column)).encode()


def is_envelope(text: str) -> bool:
    """Whether a stored text claims to be an envelope: documents and disclosures begin otherwise."""
    return text.startswith(FIRST)


def close(text: str, key_id: UUID, key: bytes, place: Place, nonce: bytes) -> str:
    """Put a text into an envelope; ``nonce`` is 12 random bytes, never used twice with a key."""
    header = VERSION + key_id.bytes
    sealed = AESGCM(key).encrypt(nonce, text.encode(), _DOMAIN + header + bytes(place))
    return base64url.encode(header + nonce + sealed)


def key_of(envelope: str) -> UUID:
    """The id of the key that opens an envelope. Raises EnvelopeError."""
    return UUID(bytes=_read(envelope)[len(VERSION) : _HEADER_BYTES])


def open_text(envelope: str, key: bytes, place: Place) -> str:
    """The text in an envelope. Raises EnvelopeError for another key or place, or damage."""
    data = _read(envelope)
    header, rest = data[:_HEADER_BYTES], data[_HEADER_BYTES:]
    nonce, sealed = rest[:NONCE_BYTES], rest[NONCE_BYTES:]
    try:
        return AESGCM(key).decrypt(nonce, sealed, _DOMAIN + header + bytes(place)).decode()
    except (InvalidTag, UnicodeDecodeError) as error:
        raise EnvelopeError("the envelope is not of this key and place, or is damaged") from error


def _read(envelope: str) -> bytes:
    try:
        data = base64url.decode(envelope)
    except ValueError as error:
        raise EnvelopeError(f"the envelope cannot be read: {error}") from error
    if data[: len(VERSION)] != VERSION:
        raise EnvelopeError("the envelope is of a form that this version does not know")
    if len(data) < _HEADER_BYTES + NONCE_BYTES + TAG_BYTES:
        raise EnvelopeError("the envelope is cut short")
    return data
