"""JSON with one spelling: canonical bytes to sign and log, and a reader that takes no second."""

import json
import math
from collections.abc import Callable
from json import encoder
from typing import Any

MAX_DEPTH = 12
"""Nesting of arrays and objects; no Casegate document comes near, and readers recurse."""

MAX_INTEGER = 2**53 - 1
"""The largest integer that every JSON reader keeps exact (RFC 8785 3.2.2.3, I-JSON)."""


_LONGEST_INTEGER = len(str(-MAX_INTEGER))


def encode(value: Any) -> bytes:
    """Write the RFC 8785 bytes of a value of our subset.

    The subset: None, bool, str, integers within +-(2^53-1), lists and tuples, dicts with
    ASCII keys. Raises ValueError for anything else (floats, lone surrogates, deeper nesting
    than MAX_DEPTH): within the subset all canonical encoders agree byte for byte.
    """
    _check(value)
    return _write(value).encode("utf-8")


def writer(
    *,
    sort_keys: bool = False,
    ascii_only: bool = False,
    default: Callable[[Any], Any] | None = None,
) -> Callable[[Any], str]:
    """`json.dumps` without a space, which would make the encoder in C anew for each call.

    ``ascii_only`` escapes all other characters; ``default`` gives what is written for a value that
    JSON lacks.
    """
    library = json.JSONEncoder(
        ensure_ascii=ascii_only,
        allow_nan=False,
        sort_keys=sort_keys,
        separators=(",", ":"),
        default=default,
    )
    make: Any = getattr(encoder, "c_make_encoder", None)  # the library keeps it for itself
    if make is None:
        return library.encode
    # markers, default, string, indent, key separator, separator, sort_keys, skipkeys, allow_nan
    escapes = "c_encode_basestring_ascii" if ascii_only else "c_encode_basestring"
    string: Any = getattr(encoder, escapes)  # the stubs leave it out
    write = make(None, library.default, string, None, ":", ",", sort_keys, False, False)
    join = "".join
    return lambda value: join(write(value, 0))


compact = writer()
"""Write JSON without a space, members in the order that they have. Nothing is checked."""

# The library's sorted keys are RFC 8785's, because ours are ASCII; its escapes are, too (3.2.2.2).
_write = writer(sort_keys=True)


def decode(data: bytes, *, fractions: bool = False) -> Any:
    """Read JSON strictly; the value has one meaning for every reader.

    Raises ValueError on anything that is not UTF-8 JSON, on repeated keys, NaN and infinities,
    integers beyond +-(2^53-1), lone surrogates, and nesting deeper than MAX_DEPTH. Numbers with
    a fraction or exponent are refused unless ``fractions`` is set (claims may hold them,
    event documents not).
    """
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise UnicodeError(f"byte {error.start + 1} is not UTF-8") from None
    try:
        value = (_read_with_fractions if fractions else _read)(text)
    except json.JSONDecodeError as error:
        where = f"line {error.lineno}, column {error.colno}"
        raise ValueError(f"{where} is not as JSON has it") from None
    except RecursionError:
        raise ValueError(f"JSON is nested deeper than {MAX_DEPTH} levels") from None
    # Numbers and keys were looked at while reading. Nothing is nested deeper than there are
    # brackets, and half a character, which has no UTF-8 form, can come from an escape alone.
    if text.count("[") + text.count("{") > MAX_DEPTH:
        _check_nesting(value)
    if "\\u" in text:
        try:
            _write(value).encode("utf-8")
        except UnicodeEncodeError:
            raise UnicodeError("a text holds half a character") from None
    return value


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError("an object repeats a key")
    return members


def _integer(digits: str) -> int:
    if len(digits) > _LONGEST_INTEGER:  # before Python reads thousands of digits
        raise ValueError("an integer is beyond +-(2^53-1)")
    value = int(digits)
    if abs(value) > MAX_INTEGER:
        raise ValueError("an integer is beyond +-(2^53-1)")
    return value


def _finite(digits: str) -> float:
    value = float(digits)
    if not math.isfinite(value):
        raise ValueError("a number is beyond what readers can hold")
    return value


def _refuse_number(_: str) -> Any:
    raise ValueError("numbers are integers here")


def _reader(read_fraction: Callable[[str], Any]) -> Callable[[str], Any]:
    return json.JSONDecoder(
        object_pairs_hook=_unique,
        parse_int=_integer,
        parse_float=read_fraction,
        parse_constant=_refuse_number,
    ).decode


_read = _reader(_refuse_number)
_read_with_fractions = _reader(_finite)


_CONTAINERS = frozenset({dict, list})


def _check_nesting(value: Any) -> None:
    level = [value] if isinstance(value, dict | list) else []
    for _ in range(MAX_DEPTH):
        level = [
            member
            for container in level
            for member in (container.values() if type(container) is dict else container)
            if type(member) in _CONTAINERS
        ]
        if not level:
            return
    raise ValueError(f"JSON is nested deeper than {MAX_DEPTH} levels")


_TEXT = frozenset({str})
_SOUND = frozenset({str, bool, type(None)})


def _check(value: Any) -> None:
    """Check that a value is of the subset, level by level: a call for each text would cost more."""
    level: list[Any] = [[value]]
    for _ in range(MAX_DEPTH + 1):
        inner: list[Any] = []
        for members in level:
            # Half a character in a text has no UTF-8 form, which `encode` needs.
            if _SOUND.issuperset(map(type, members)):
                continue
            for member in members:
                match member:
                    case int() if abs(member) > MAX_INTEGER:
                        raise ValueError("an integer is beyond +-(2^53-1)")
                    case None | str() | int():
                        pass
                    case dict():
                        if not (_TEXT.issuperset(map(type, member)) and "".join(member).isascii()):
                            raise ValueError("a key is not ASCII text")
                        inner.append(member.values())
                    case list() | tuple():
                        inner.append(member)
                    case float():
                        raise ValueError("numbers are integers here")
                    case _:
                        raise ValueError(f"{type(member).__name__} is not a JSON value")
        if not inner:
            return
        level = inner
    raise ValueError(f"JSON is nested deeper than {MAX_DEPTH} levels")
