import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.ledger.tree import MAX_DOCUMENT_BYTES, entry_commitment
from tests.each import each

NONCE = bytes(range(32))


def test_an_entry_is_a_version_byte_and_the_hash_of_domain_nonce_and_document():
    expected = hashlib.sha256(b"casegate-entry-v1\n")
    expected.update(NONCE)
    expected.update(b'{"v":1}')
    assert entry_commitment(b'{"v":1}', NONCE) == b"\x01" + expected.digest()


def test_the_entry_of_a_known_document_never_changes():
    assert entry_commitment(b"document", NONCE).hex() == (
        "01e19e98b5850d114430097258a97c7d58832398c364dc417d253ce424fa86deb0"
    )


@given(st.binary(max_size=200), st.integers(0, 8 * 32 - 1))
def test_an_entry_has_33_bytes_and_changes_with_every_bit_of_the_nonce(document, bit):
    other = (int.from_bytes(NONCE, "big") ^ 1 << bit).to_bytes(32, "big")
    assert len(entry_commitment(document, NONCE)) == 33
    assert entry_commitment(document, NONCE) != entry_commitment(document, other)


def test_bytes_moved_from_the_nonce_to_the_document_give_another_entry():
    assert entry_commitment(b"ab", NONCE) != entry_commitment(b"b", NONCE[1:] + b"a")


@each("length", [0, 16, 31, 33, 64])
def test_a_nonce_of_another_length_is_refused(length):
    with pytest.raises(ValueError, match="nonce"):
        entry_commitment(b"document", bytes(length))


def test_a_document_of_16_kib_is_taken_and_a_longer_one_refused():
    assert len(entry_commitment(bytes(MAX_DOCUMENT_BYTES), NONCE)) == 33
    with pytest.raises(ValueError, match="16 KiB"):
        entry_commitment(bytes(16 * 1024 + 1), NONCE)
