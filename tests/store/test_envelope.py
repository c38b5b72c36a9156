"""An envelope opens by its key, in its place, unchanged; and never otherwise."""

from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.evidence import base64url
from gateway.store import envelope
from gateway.store.envelope import EnvelopeError, Place
from tests.each import each

KEY, OTHER = bytes(range(32)), bytes(32)
ID = UUID(int=7)
PLACE = Place("case_version", "digest", "document")
NONCE = bytes(12)

closed = envelope.close("a text", ID, KEY, PLACE, NONCE)


@given(st.text(), st.binary(min_size=12, max_size=12))
def test_a_text_comes_back_by_its_key_and_place(text, nonce):
    made = envelope.close(text, ID, KEY, PLACE, nonce)
    assert envelope.open_text(made, KEY, PLACE) == text
    assert envelope.key_of(made) == ID
    assert envelope.is_envelope(made)


@each(
    "place",
    [
        Place("answer", "digest", "document"),
        Place("case_version", "another", "document"),
        Place("case_version", "digest", "statement"),
        Place("case_versiondigest", "", "document"),
    ],
)
def test_an_envelope_does_not_open_in_another_place(place):
    with pytest.raises(EnvelopeError):
        envelope.open_text(closed, KEY, place)


def test_an_envelope_does_not_open_by_another_key():
    with pytest.raises(EnvelopeError):
        envelope.open_text(closed, OTHER, PLACE)


@given(st.integers(0, len(base64url.decode(closed)) - 1), st.integers(1, 255))
def test_a_changed_byte_anywhere_opens_nothing(at, change):
    data = bytearray(base64url.decode(closed))
    data[at] ^= change
    with pytest.raises(EnvelopeError):
        envelope.open_text(base64url.encode(bytes(data)), KEY, PLACE)


@given(st.text() | st.binary().map(base64url.encode))
def test_whatever_else_is_stored_is_no_envelope(stored):
    with pytest.raises(EnvelopeError):
        envelope.open_text(stored, KEY, PLACE)


def test_documents_and_disclosures_are_not_taken_for_envelopes():
    assert not envelope.is_envelope(base64url.encode(b'{"alg":"ES256"}'))
    assert not envelope.is_envelope(base64url.encode(b'["salt","reason","text"]'))
    assert not envelope.is_envelope("")
