"""Base64url: every value has one spelling."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.evidence import base64url
from tests.each import each


@given(st.binary(max_size=70))
def test_bytes_read_back(data):
    assert base64url.decode(base64url.encode(data)) == data


@given(st.text("AQw-_=+/ \n1", max_size=8))
def test_a_text_that_is_read_is_the_one_spelling_of_its_bytes(text):
    try:
        data = base64url.decode(text)
    except ValueError:
        return
    assert base64url.encode(data) == text


@each("text", ["QQ==", "QR", "Q", "+/+/", "QQ\n", "QQ ", "é", "QUI\u0660"])
def test_other_spellings_are_refused(text):
    with pytest.raises(ValueError):
        base64url.decode(text)


def test_the_digest_pattern_takes_digests_and_no_other_spelling_of_them():
    digest = base64url.digest(b"")
    assert digest == "47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU"
    assert base64url.DIGEST.fullmatch(digest)
    assert not base64url.DIGEST.fullmatch(digest[:-1] + "V")
    assert not base64url.DIGEST.fullmatch(digest + "\n")
