"""What a fuzz target is, and the two ways to run one: by coverage (atheris), or blindly.

A target is a module with `seeds()` and `check(data)`. An exception that leaves `check` is a
finding: one that the parser does not document, or an AssertionError of the target's own oracle.
"""

import importlib
import random
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import ModuleType

FOLDER = Path(__file__).parent
NAMES = sorted(f.stem for f in FOLDER.glob("*.py") if "\ndef check(" in f.read_text("utf-8"))
"""One module beside this one for each parser of outside bytes."""

LONGEST = 16 * 1024

VECTORS = FOLDER.parent / "vectors"
EXAMPLES = FOLDER.parents[1] / "docs" / "protocol" / "examples"

_TOKENS = (
    b"\x00", b"\n", b"\n\n", b"\r", b"\t", b" ", b"~", b"~~", b".", b",", b"+", b"-", b"=", b"==",
    b":", b"0", b"-1", b"1e9", b"9007199254740992", b"18446744073709551616", b"0x1", b"NaN",
    b"null", b"true", b"{}", b"[]", b'""', b'{"...":""}', b'"_sd"', b'"..."', b'"_sd_alg"',
    b'"\\ud800"', b'"\\u0000"', "\u2014 ".encode(), "\u2028".encode(), "\u0663".encode(), b"\xff",
    b"\xed\xa0\x80", b"\xc0\x80", b"\xef\xbb\xbf", b"[" * 20, b'{"a":' * 20, b"A" * 43,
)  # fmt: skip
"""What parsers are known to stumble over."""


def load(name: str) -> ModuleType:
    """The module of a target."""
    return importlib.import_module(f"tests.fuzz.{name}")


def mutants(seeds: Sequence[bytes], chance: random.Random) -> Iterator[bytes]:
    """Without end: a seed, changed in one to eight places. The same `chance`, the same mutants."""
    while True:
        data = bytearray(chance.choice(seeds))
        for _ in range(chance.randint(1, 8)):
            chance.choice(_CHANGES)(data, seeds, chance)
        yield bytes(data[:LONGEST])


Change = Callable[[bytearray, Sequence[bytes], random.Random], None]


def _span(data: bytearray, chance: random.Random) -> slice:
    begin = chance.randint(0, len(data))
    return slice(begin, min(len(data), begin + chance.choice((1, 1, 2, 4, 16, 64))))


def _flip(data: bytearray, _seeds: Sequence[bytes], chance: random.Random) -> None:
    if data:
        data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)


def _drop(data: bytearray, _seeds: Sequence[bytes], chance: random.Random) -> None:
    del data[_span(data, chance)]


def _repeat(data: bytearray, _seeds: Sequence[bytes], chance: random.Random) -> None:
    span = _span(data, chance)
    data[span.stop : span.stop] = data[span]


def _insert(data: bytearray, _seeds: Sequence[bytes], chance: random.Random) -> None:
    at = chance.randint(0, len(data))
    data[at:at] = chance.choice(_TOKENS)


def _replace(data: bytearray, _seeds: Sequence[bytes], chance: random.Random) -> None:
    data[_span(data, chance)] = chance.choice(_TOKENS)


def _splice(data: bytearray, seeds: Sequence[bytes], chance: random.Random) -> None:
    other = bytearray(chance.choice(seeds))
    data[_span(data, chance)] = other[_span(other, chance)]


def _swap_lines(data: bytearray, _seeds: Sequence[bytes], chance: random.Random) -> None:
    lines = bytes(data).split(b"\n")
    one, other = chance.randrange(len(lines)), chance.randrange(len(lines))
    lines[one], lines[other] = lines[other], lines[one]
    data[:] = b"\n".join(lines)


_CHANGES: Sequence[Change] = (_flip, _drop, _repeat, _insert, _replace, _splice, _swap_lines)
