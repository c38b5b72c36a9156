"""The content of cases as one transaction reads and writes it: in envelopes, by each case's key.

Keys in clear live as long as the transaction, and no longer.
"""

from typing import Protocol
from uuid import UUID

from gateway.domain.refusals import Erased, KeysUnavailable
from gateway.store import envelope
from gateway.store.envelope import NONCE_BYTES, Place

ERASED = ""
"""What is stored in the place of a text that was erased."""

GONE = "the case was erased: nothing of its content is left"


class Keyring(Protocol):
    """Where keys come from; see `gateway.store.keyring`."""

    def random(self, count: int, /) -> bytes:
        """Unpredictable bytes."""

    def restock(self) -> None:
        """Have new keys at hand, before locks are waited for."""

    def take(self) -> tuple[UUID, bytes]:
        """A new key, which is durable already."""

    def key(self, id_: UUID, /) -> bytes:
        """The key of that id. Raises Erased, KeysUnavailable."""


class NoKeys:
    """For who looks at a database without its content."""

    def random(self, count: int, /) -> bytes:
        """See Keyring."""
        raise KeysUnavailable("this store was opened without the keys of cases")

    def restock(self) -> None:
        """See Keyring."""

    def take(self) -> tuple[UUID, bytes]:
        """See Keyring."""
        raise KeysUnavailable("this store was opened without the keys of cases")

    def key(self, id_: UUID, /) -> bytes:
        """See Keyring."""
        raise KeysUnavailable("this store was opened without the keys of cases")


class Contents:
    """What one transaction opens and closes."""

    def __init__(self, keyring: Keyring) -> None:
        """No key is at hand yet."""
        self._keyring = keyring
        self._keys: dict[UUID, bytes] = {}

    def new_key(self) -> UUID:
        """The key of a new case. Raises KeysUnavailable."""
        id_, key = self._keyring.take()
        self._keys[id_] = key
        return id_

    def close(self, text: str, key: UUID | None, place: Place) -> str:
        """A text as it is stored at a place; ``key`` is its case's, None when that was erased.

        Raises Erased, KeysUnavailable.
        """
        if key is None:
            raise Erased(GONE)
        nonce = self._keyring.random(NONCE_BYTES)
        return envelope.close(text, key, self._key(key), place, nonce)

    def open(self, stored: str, place: Place) -> str:
        """The text that is stored at a place.

        Raises Erased, KeysUnavailable; EnvelopeError when the row holds what was not put there.
        """
        if stored == ERASED:
            raise Erased(GONE)
        return envelope.open_text(stored, self._key(envelope.key_of(stored)), place)

    def _key(self, id_: UUID) -> bytes:
        if id_ not in self._keys:
            self._keys[id_] = self._keyring.key(id_)
        return self._keys[id_]
