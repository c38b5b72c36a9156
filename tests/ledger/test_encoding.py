import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.ledger.note import decode_base64, encode_base64, parse_decimal
from gateway.ledger.tree import MAX_SIZE
from tests.each import each


@given(st.integers(0, MAX_SIZE))
def test_every_size_is_read_back_from_its_decimal(number):
    assert parse_decimal(str(number)) == number


@each(
    "text",
    [
        *("", " 5", "5 ", "5\n", "+5", "-5", "-0", "00", "05", "1_000", "1,000", "0x5", "5.0"),
        *("１２", "٣", "²", "5\x00", "9223372036854775808", "9" * 19, "1" * 20, "1" * 5000),
    ],
)
def test_a_number_written_otherwise_is_refused(text):
    with pytest.raises(ValueError, match="number"):
        parse_decimal(text)


@given(st.binary(max_size=100))
def test_every_value_is_read_back_from_its_base64(data):
    assert decode_base64(encode_base64(data)) == data


@each(
    "text",
    ["QR==", "QUJ=", "QQ", "QQ=", "QQ==\n", " QQ==", "Q Q==", "-_-_", "QQ==QQ==", "é===", "=", "*"],
)
def test_base64_written_otherwise_is_refused(text):
    with pytest.raises(ValueError, match=r"."):
        decode_base64(text)


@given(st.text(max_size=12))
def test_a_text_is_canonical_base64_or_refused(text):
    try:
        data = decode_base64(text)
    except ValueError:
        return
    assert encode_base64(data) == text
