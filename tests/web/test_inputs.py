"""What a request carries is read in one way or not at all."""

import json
import re

import pytest
from flask import Request
from hypothesis import given
from hypothesis import strategies as st
from werkzeug.test import EnvironBuilder

from gateway.domain.refusals import Refusal
from gateway.web.inputs import (
    IdempotencyKeyRequired,
    MalformedRequest,
    UnsupportedMediaType,
    read_json,
    read_key,
    read_pairs,
    read_query,
)
from tests.each import each


def request(body: bytes = b"", media: str = "application/json", **kwargs) -> Request:
    builder = EnvironBuilder(method="POST", data=body, content_type=media, **kwargs)
    return Request(builder.get_environ())


def test_json_is_read():
    assert read_json(request(b'{"a": [1, "\xc3\xa9", null, true]}')) == {"a": [1, "é", None, True]}


@each(
    "media",
    [
        "application/json",
        "application/json; charset=utf-8",
        "application/json;charset=UTF-8",
        'Application/JSON; charset="utf-8"',
    ],
)
def test_json_is_taken_under_its_own_type(media):
    assert read_json(request(b"1", media)) == 1


@each(
    "media",
    ["", "text/plain", "application/json; charset=latin-1", "application/jsonp", "text/json",
     "application/sd-jwt", "application/json, text/plain"],
)  # fmt: skip
def test_another_type_is_refused(media):
    with pytest.raises(UnsupportedMediaType):
        read_json(request(b"1", media))


@each("body", [b"", b'{"a":1,"a":1}', b"\xff", b'"\\ud800"', b"1.0", b"[" * 13 + b"]" * 13])
def test_json_with_two_readings_or_none_is_refused(body):
    with pytest.raises(MalformedRequest) as refused:
        read_json(request(body))
    assert refused.value.detail


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(VALUES)
def test_what_is_written_is_read_or_refused_for_its_form(value):
    body = json.dumps(value).encode()
    try:
        assert read_json(request(body)) == value
    except MalformedRequest:
        text = body.decode()
        named = re.search(r'\\u[0-9a-f]{4}[^"]*": ', text)  # a name that is not ASCII
        assert named or "\\ud" in text or "[[[[" in text.replace(" ", "")


@given(st.binary(max_size=60))
def test_no_bytes_make_the_reader_fail_otherwise(body):
    try:
        read_json(request(body))
    except Refusal as refused:
        assert type(refused) is MalformedRequest


def test_pairs_are_decoded_and_those_without_a_value_left_out():
    assert read_pairs(b"a=1&b=%C3%A9+x&c=") == {"a": "1", "b": "é x"}
    assert read_pairs(b"") == {}


@each("data", [b"a=1&a=2", b"a=1&%61=2", b"a", b"a=1&", b"&", b"a=%ff", "a=é".encode(), b"a=\x80"])
def test_pairs_with_two_readings_or_none_are_refused(data):
    with pytest.raises(ValueError, match=r".*"):
        read_pairs(data)


def test_more_fields_than_any_of_ours_are_refused():
    assert len(read_pairs("&".join(f"a{n}=1" for n in range(32)).encode())) == 32
    with pytest.raises(ValueError, match=r".*"):
        read_pairs("&".join(f"a{n}=1" for n in range(33)).encode())


def test_a_semicolon_separates_nothing():
    assert read_pairs(b"a=1;b=2") == {"a": "1;b=2"}


@given(st.binary(max_size=40))
def test_no_query_makes_the_reader_fail_otherwise(data):
    environ = EnvironBuilder().get_environ() | {"QUERY_STRING": data.decode("latin-1")}
    try:
        read_query(Request(environ))
    except Refusal as refused:
        assert type(refused) is MalformedRequest


@each("key", ["a" * 8, "A-Z_a.z:0~9", "018f0000-0000-7000-8000-000000000011",
                                 "a" * 100])  # fmt: skip
def test_a_idempotency_key_is_read(key):
    assert read_key(request(headers={"Idempotency-Key": key})) == key


@each("key", ["", "short", "a" * 101, "has space", "semi;colon", '"quoted!"',
                                 "accentué"])  # fmt: skip
def test_a_idempotency_key_of_another_form_is_refused(key):
    with pytest.raises(IdempotencyKeyRequired):
        read_key(request(headers={"Idempotency-Key": key}))


def test_a_missing_idempotency_key_is_refused():
    with pytest.raises(IdempotencyKeyRequired):
        read_key(request())
