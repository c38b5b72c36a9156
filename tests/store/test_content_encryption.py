"""An envelope is decrypted by its key, in its cell, unchanged; and never otherwise."""

from types import SimpleNamespace
from typing import cast
from uuid import UUID

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from gateway.store.content_encryption import (
    ERASED,
    CellRef,
    ContentCipher,
    EnvelopeError,
    Keyring,
)
from tests.each import each

KEY, OTHER = bytes(range(32)), bytes(32)
ID = UUID(int=7)
CELL = CellRef("case_version", "digest", "document")
NONCE = bytes(12)


def cipher(key: bytes = KEY, nonce: bytes = NONCE) -> ContentCipher:
    """One to which the keyring gives this key, whichever is asked for."""
    keyring = SimpleNamespace(key=lambda _: key, random=lambda _: nonce)
    return ContentCipher(cast(Keyring, keyring))


closed = cipher().encrypt("a text", ID, CELL)


@given(st.text(), st.binary(min_size=12, max_size=12))
def test_a_text_comes_back_by_its_key_and_cell(text, nonce):
    made = cipher(nonce=nonce).encrypt(text, ID, CELL)
    asked = SimpleNamespace(key={ID: KEY}.__getitem__)
    assert ContentCipher(cast(Keyring, asked)).decrypt(made, CELL) == text


@each(
    "cell",
    [
        CellRef("answer", "digest", "document"),
        CellRef("case_version", "another", "document"),
        CellRef("case_version", "digest", "statement"),
        CellRef("case_versiondigest", "", "document"),
    ],
)
def test_an_envelope_is_not_decrypted_in_another_cell(cell):
    with pytest.raises(EnvelopeError):
        cipher().decrypt(closed, cell)


def test_an_envelope_is_not_decrypted_by_another_key():
    with pytest.raises(EnvelopeError):
        cipher(OTHER).decrypt(closed, CELL)


@given(st.integers(0, len(closed) - 1), st.integers(1, 255))
def test_a_changed_byte_anywhere_opens_nothing(at, change):
    data = bytearray(closed)
    data[at] ^= change
    with pytest.raises(EnvelopeError):
        cipher().decrypt(bytes(data), CELL)


@given(st.text().map(str.encode) | st.binary())
def test_whatever_else_is_stored_is_no_envelope(stored):
    assume(stored != ERASED)
    with pytest.raises(EnvelopeError):
        cipher().decrypt(stored, CELL)
