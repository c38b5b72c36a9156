"""The content of cases as it is stored: encrypted by the key of its case, for one cell of a table.

An envelope is ``0x01 || key id (16 bytes) || nonce (12) || AES-256-GCM ciphertext with its tag``;
the first byte is the version of this form. What is authenticated beside the text are the header and
the cell (table, row, column), so that no ciphertext can be put into another row and decrypted there
(NIST SP 800-38D 5.2.1). Keys in clear live as long as the transaction, and no longer.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple, NoReturn, Protocol
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from gateway.domain.case import CaseState
from gateway.domain.refusals import CaseErased, CaseKeysUnavailable

KEY_BYTES = 32
NONCE_BYTES = 12  # SP 800-38D 8.2.2: the length for which random nonces are meant
TAG_BYTES = 16

ERASED = b""
"""What is stored instead of a text that was erased."""

GONE = "the case was erased: nothing of its content is left"

_VERSION = b"\x01"
KEY_ID_END = len(_VERSION) + 16
_NONCE_END = KEY_ID_END + NONCE_BYTES
_DOMAIN = b"casegate-envelope\0"


class EnvelopeError(ValueError):
    """What is stored is no envelope, or not the one of this key and cell."""


class CellRef(NamedTuple):
    """Where a text is stored; ``row`` names the row for good, as its primary key does."""

    table: str
    row: str
    column: str


def header_of(key_id: UUID) -> bytes:
    """Return how an envelope begins that a key seals."""
    return _VERSION + key_id.bytes


def _associated(header: bytes, cell: CellRef) -> bytes:
    """Return what is authenticated beside a text; no two cells are written alike."""
    return _DOMAIN + header + "\0".join(cell).encode()


class Keyring(Protocol):
    """Where keys come from; see `gateway.store.keyring`."""

    def random(self, count: int, /) -> bytes:
        """Unpredictable bytes."""

    def restock(self) -> None:
        """Have new keys ready, before locks are waited for."""

    def take(self) -> tuple[UUID, bytes]:
        """A new key, which is durable already."""

    def key(self, id_: UUID, /) -> bytes:
        """The key of that id. Raises CaseErased, CaseKeysUnavailable."""

    def keys(self, ids: Collection[UUID], /) -> Mapping[UUID, bytes]:
        """Those of these keys that are there. Raises CaseKeysUnavailable."""


class NoContentKeys:
    """A keyring for reading a database without its content: every key is refused."""

    def restock(self) -> None:
        """Do nothing: no key will be needed."""

    def _refuse(self, *_: object) -> NoReturn:
        raise CaseKeysUnavailable("this store was opened without the keys of cases")

    random = take = key = keys = _refuse


@dataclass(eq=False)
class ContentCipher:
    """What one transaction encrypts and decrypts."""

    _keyring: Keyring
    case_keys: dict[tuple[str, UUID], UUID | None] = field(default_factory=dict)
    """The key ids of cases that this transaction has read; None for an erased one."""
    _keys: dict[bytes, bytes] = field(default_factory=dict)  # by their ids as envelopes have them

    def new_key(self) -> UUID:
        """The key of a new case. Raises CaseKeysUnavailable."""
        id_, key = self._keyring.take()
        self._keys[id_.bytes] = key
        return id_

    def note_case(self, originator: str, case: UUID, state: CaseState, key: UUID | None) -> None:
        """Remember which key a case has in this transaction, so that it need not be read again."""
        self.case_keys[originator, case] = None if state is CaseState.ERASED else key

    def random(self, count: int) -> bytes:
        """Unpredictable bytes."""
        return self._keyring.random(count)

    def fetch(self, stored: Iterable[bytes]) -> Collection[bytes]:
        """Read the keys of several stored texts at once; those of the texts whose key is there.

        Raises CaseKeysUnavailable.
        """
        ids = {text: text[len(_VERSION) : KEY_ID_END] for text in stored if text != ERASED}
        found = self._keyring.keys([UUID(bytes=id_) for id_ in ids.values()])
        self._keys.update((id_.bytes, key) for id_, key in found.items())
        return {text for text, id_ in ids.items() if id_ in self._keys}

    def encrypt(self, text: str, key: UUID | None, cell: CellRef) -> bytes:
        """The envelope of a text as it is stored in a cell; ``key`` is its case's, None when that
        was erased.

        Raises CaseErased, CaseKeysUnavailable.
        """
        if key is None:
            raise CaseErased(GONE)
        header, secret = _VERSION + key.bytes, self._key(key.bytes)
        nonce = self._keyring.random(NONCE_BYTES)  # never used twice with a key
        about = _associated(header, cell)
        return header + nonce + AESGCM(secret).encrypt(nonce, text.encode(), about)

    def decrypt(self, stored: bytes, cell: CellRef) -> str:
        """The text in the envelope that is stored in a cell.

        Raises CaseErased, CaseKeysUnavailable; EnvelopeError for another form, key or cell, or
        damage.
        """
        if stored == ERASED:
            raise CaseErased(GONE)
        header, nonce = stored[:KEY_ID_END], stored[KEY_ID_END:_NONCE_END]
        if header[: len(_VERSION)] != _VERSION:
            raise EnvelopeError("the envelope is of a form that this version does not know")
        if len(stored) < _NONCE_END + TAG_BYTES:
            raise EnvelopeError("the envelope is cut short")
        key, about = self._key(header[len(_VERSION) :]), _associated(header, cell)
        try:
            return AESGCM(key).decrypt(nonce, stored[_NONCE_END:], about).decode()
        except (InvalidTag, UnicodeDecodeError) as error:
            raise EnvelopeError(
                "the envelope is not of this key and cell, or is damaged"
            ) from error

    def _key(self, id_: bytes) -> bytes:
        if id_ not in self._keys:
            self._keys[id_] = self._keyring.key(UUID(bytes=id_))
        return self._keys[id_]
