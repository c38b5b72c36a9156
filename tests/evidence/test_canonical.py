"""Canonical bytes: one spelling per value, and nothing outside the subset."""

import json
from pathlib import Path

import pytest
import rfc8785
from hypothesis import given
from hypothesis import strategies as st

from gateway.evidence import canonical
from tests.each import each

VECTORS = Path(__file__).parent.parent / "vectors" / "jcs"

# The published vectors with numbers that have a fraction or exponent: our subset has integers.
OUTSIDE = {"structures.json", "values.json"}

texts = st.text(st.characters(exclude_categories=("Cs",)), max_size=20)
scalars = st.none() | st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1) | texts
keys = st.text(st.characters(max_codepoint=127), max_size=8)
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(keys, inner, max_size=4),
    max_leaves=20,
)


def nested(levels: int) -> bytes:
    return b"[" * levels + b"]" * levels


@each("path", sorted(VECTORS.glob("input/*.json")))
def test_published_vectors_give_their_bytes_or_are_refused_as_marked(path):
    data = path.read_bytes()
    if path.name in OUTSIDE:
        with pytest.raises(ValueError, match="integers"):
            canonical.decode(data)
        with pytest.raises(ValueError, match="integers"):
            canonical.encode(json.loads(data))
    else:
        expected = (VECTORS / "output" / path.name).read_bytes()
        assert canonical.encode(canonical.decode(data)) == expected


def test_the_structures_vector_gives_its_bytes_once_its_only_fraction_is_an_integer():
    data = (VECTORS / "input" / "structures.json").read_bytes().replace(b"56.0", b"56")
    expected = (VECTORS / "output" / "structures.json").read_bytes()
    assert canonical.encode(canonical.decode(data)) == expected


@given(values)
def test_what_is_encoded_reads_back_and_other_encoders_agree(value):
    data = canonical.encode(value)
    assert canonical.decode(data) == value
    assert data == rfc8785.dumps(value)
    assert data == json.dumps(
        value, sort_keys=True, separators=(",", ":"), ensure_ascii=False
    ).encode("utf-8")


@each(
    "value",
    [
        1.0,
        float("nan"),
        2**53,
        -(2**53),
        "\ud800",
        {"é": 1},
        {1: 1},
        {"\ud800": 1},
        b"bytes",
        {"a": {"b": [{1, 2}]}},
        json.loads(nested(13)),
    ],
)
def test_a_value_outside_the_subset_is_refused(value):
    with pytest.raises(ValueError):
        canonical.encode(value)


@each(
    "data",
    [
        b"",
        b"{",
        b'{"a":1,"a":1}',
        b'[{"a":{"b":1,"b":2}}]',
        b"1.0",
        b"1e2",
        b"NaN",
        b"-Infinity",
        b"9007199254740992",
        b"1" * 5000,
        b'"\\ud800"',
        b'{"\\udfff":1}',
        b'"\xff"',
        b"\xef\xbb\xbf1",
        b'"a" "b"',
        b"+1",
        b"01",
        nested(13),
        nested(100_000),
    ],
)
def test_json_with_two_meanings_or_none_is_refused(data):
    with pytest.raises(ValueError):
        canonical.decode(data)


@each("data, said", [(b'"\xff"', "byte 2 is not UTF-8"), (b'"\\ud800"', "half a character")])
def test_what_is_no_text_is_said_in_plain_words(data, said):
    with pytest.raises(ValueError, match=said):
        canonical.decode(data)


def test_nesting_is_read_up_to_its_limit():
    assert canonical.decode(nested(12)) == json.loads(nested(12))


def test_fractions_are_read_only_where_they_are_asked_for():
    assert canonical.decode(b"[0.5]", fractions=True) == [0.5]
    with pytest.raises(ValueError):
        canonical.decode(b"[1e999]", fractions=True)
    with pytest.raises(ValueError):
        canonical.decode(b"[NaN]", fractions=True)


@given(values)
def test_every_spelling_of_a_value_is_read(value):
    for text in (json.dumps(value), json.dumps(value, indent=2, ensure_ascii=False)):
        assert canonical.decode(text.encode("utf-8")) == value


@given(st.text('\\udD8cC09aA"', max_size=14))
def test_no_escape_smuggles_in_a_lone_surrogate(body):
    try:
        text = canonical.decode(b'"' + body.encode() + b'"')
    except ValueError:
        return
    text.encode("utf-8")


@given(st.integers(-(10**20), 10**20))
def test_integers_are_read_exactly_up_to_the_limit(number):
    if abs(number) < 2**53:
        assert canonical.decode(str(number).encode()) == number
    else:
        with pytest.raises(ValueError, match="beyond"):
            canonical.decode(str(number).encode())


def test_a_number_of_many_digits_is_refused_in_our_own_words():
    for digits in ("9" * 17, "-" + "9" * 17, "9" * 100_000):
        with pytest.raises(ValueError, match=r"^an integer is beyond"):
            canonical.decode(digits.encode())


@given(st.binary(max_size=60))
def test_arbitrary_bytes_are_read_or_refused(data):
    try:
        value = canonical.decode(data)
    except ValueError:
        return
    assert json.loads(data) == value
