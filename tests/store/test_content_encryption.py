"""An envelope is decrypted by its key, in its cell, unchanged; and never otherwise."""

from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.store.content_encryption import CellRef, EnvelopeError, seal, unseal
from tests.each import each

KEY, OTHER = bytes(range(32)), bytes(32)
ID = UUID(int=7)
CELL = CellRef("case_version", "digest", "document")
NONCE = bytes(12)

closed = seal("a text", ID, KEY, CELL, NONCE)


@given(st.text(), st.binary(min_size=12, max_size=12))
def test_a_text_comes_back_by_its_key_and_cell(text, nonce):
    made = seal(text, ID, KEY, CELL, nonce)
    assert unseal(made, {ID.bytes: KEY}.__getitem__, CELL) == text


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
        unseal(closed, lambda _: KEY, cell)


def test_an_envelope_is_not_decrypted_by_another_key():
    with pytest.raises(EnvelopeError):
        unseal(closed, lambda _: OTHER, CELL)


@given(st.integers(0, len(closed) - 1), st.integers(1, 255))
def test_a_changed_byte_anywhere_opens_nothing(at, change):
    data = bytearray(closed)
    data[at] ^= change
    with pytest.raises(EnvelopeError):
        unseal(bytes(data), lambda _: KEY, CELL)


@given(st.text().map(str.encode) | st.binary())
def test_whatever_else_is_stored_is_no_envelope(stored):
    with pytest.raises(EnvelopeError):
        unseal(stored, lambda _: KEY, CELL)
