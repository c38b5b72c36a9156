"""JSON with one spelling: canonical bytes to sign and log, and a reader that takes no second."""

import json
import math
from typing import Any

import rfc8785

MAX_DEPTH = 12
"""Nesting of arrays and objects; no document of ours comes near, and readers recurse."""

MAX_INTEGER = 2**53 - 1
"""The largest integer that every JSON reader keeps exact (RFC 8785 3.2.2.3, I-JSON)."""


def encode(value: Any) -> bytes:
    """Write the RFC 8785 bytes of a value of our subset.

    The subset: None, bool, str, integers within +-(2^53-1), lists and tuples, dicts with
    ASCII keys. Raises ValueError for anything else (floats, lone surrogates, deeper nesting
    than MAX_DEPTH): within the subset all canonical encoders agree byte for byte.
    """
    _check(value, fractions=False, ascii_keys=True, depth=0)
    return rfc8785.dumps(value)


def decode(data: bytes, *, fractions: bool = False) -> Any:
    """Read JSON strictly; the value has one meaning for every reader.

    Raises ValueError on anything that is not UTF-8 JSON, on repeated keys, NaN and infinities,
    integers beyond +-(2^53-1), lone surrogates, and nesting deeper than MAX_DEPTH. Numbers with
    a fraction or exponent are refused unless ``fractions`` is set (claims may hold them,
    log documents not).
    """
    try:
        value = json.loads(data.decode("utf-8"), object_pairs_hook=_unique)
    except RecursionError:
        raise ValueError(f"JSON is nested deeper than {MAX_DEPTH} levels") from None
    _check(value, fractions=fractions, ascii_keys=False, depth=0)
    return value


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError("an object repeats a key")
    return members


def _check(value: Any, *, fractions: bool, ascii_keys: bool, depth: int) -> None:
    match value:
        case None | bool():
            return
        case str():
            _check_text(value)
        case int():
            if abs(value) > MAX_INTEGER:
                raise ValueError("an integer is beyond +-(2^53-1)")
        case float():
            if not fractions or not math.isfinite(value):
                raise ValueError("numbers are integers here")
        case list() | tuple():
            _check_depth(depth)
            for element in value:
                _check(element, fractions=fractions, ascii_keys=ascii_keys, depth=depth + 1)
        case dict():
            _check_depth(depth)
            for key, member in value.items():
                _check_key(key, ascii_keys=ascii_keys)
                _check(member, fractions=fractions, ascii_keys=ascii_keys, depth=depth + 1)
        case _:
            raise ValueError(f"{type(value).__name__} is not a JSON value")


def _check_depth(depth: int) -> None:
    if depth >= MAX_DEPTH:
        raise ValueError(f"JSON is nested deeper than {MAX_DEPTH} levels")


def _check_key(key: Any, *, ascii_keys: bool) -> None:
    if not isinstance(key, str) or (ascii_keys and not key.isascii()):
        raise ValueError("a key is not ASCII text")
    _check_text(key)


def _check_text(text: str) -> None:
    # A lone surrogate has no UTF-8 form: readers would replace it, each in its own way.
    if not text.isascii():
        text.encode("utf-8")
