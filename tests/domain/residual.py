"""`python -m tests.domain.residual`: what a small script still gets into one case, past R1.

Each way is tried with random bytes, which have no known beginning, and as many as are accepted. The
figures stand in the threat model; who changes R1 prints them again.
"""

import base64
import json
from collections.abc import Callable
from random import Random
from typing import Any
from uuid import UUID

from gateway.web.partners.case_document import CaseInvalid, load_case
from tests.web.partners.case_example import small_case

MOST_BYTES = 262_144
"""Of a request: a case is smaller."""

_FILE = Random(1).randbytes(200_000)
_LETTERS = "abcdefghijklmnop"


def _base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def _ids(count: int, start: int = 1000) -> list[str]:
    return [str(UUID(int=(0x018F << 112) | 7 << 76 | 2 << 62 | start + n)) for n in range(count)]


def _pieces(data: bytes, size: int) -> list[bytes]:
    return [data[at : at + size] for at in range(0, len(data), size)]


def _with(kind: str, values: list[str], **case: Any) -> dict[str, Any]:
    made = small_case()
    items = zip(_ids(len(values)), values, strict=True)
    made["items"] += [{"id": id_, "kind": kind, "value": value} for id_, value in items]
    return {**made, **case}


def in_addresses(data: bytes) -> dict[str, Any]:
    """base64url, 30 bytes in each address, which is as much as nobody counts; then some more."""
    return _with("url", [f"https://a.example/{_base64url(one)}" for one in _pieces(data, 40)])


def in_hashes(data: bytes) -> dict[str, Any]:
    """Hashes that are none: one of 64 bytes after the other."""
    return _with("hash", [one.ljust(64).hex() for one in _pieces(data, 64)])


def in_ids(data: bytes) -> dict[str, Any]:
    """The 14 bytes and more that are free in the UUID of each element."""
    case = _with("host", ["a.example"] * len(_pieces(data, 14)))
    for item, one in zip(case["items"][1:], _pieces(data, 14), strict=True):
        digits = one.ljust(14).hex()
        item["id"] = (
            f"{digits[:8]}-{digits[8:12]}-7{digits[12:15]}-8{digits[15:18]}-00{digits[18:]}"
        )
    return case


def in_letters(data: bytes) -> dict[str, Any]:
    """Words of sixteen letters, one letter for each half of a byte."""
    text = "".join(_LETTERS[byte >> 4] + _LETTERS[byte & 15] for byte in data)
    words = ["-".join(text[at : at + 24] for at in range(0, len(text), 24))]
    longest = 2000
    return _with(
        "url",
        [
            f"https://a.example/{words[0][at : at + longest]}"
            for at in range(0, len(words[0]), longest)
        ],
    )


WAYS: tuple[Callable[[bytes], dict[str, Any]], ...] = (
    in_addresses,
    in_hashes,
    in_ids,
    in_letters,
)


def accepted(case: dict[str, Any]) -> bool:
    """Whether a case passes, with the size that a request may have."""
    try:
        load_case(case)
    except CaseInvalid:
        return False
    return len(json.dumps(case, separators=(",", ":"))) <= MOST_BYTES


def most(way: Callable[[bytes], dict[str, Any]]) -> int:
    """The most bytes that pass on one way, found by halving."""
    low, high = 0, len(_FILE)
    while high - low > 200:
        middle = (low + high) // 2
        low, high = (middle, high) if accepted(way(_FILE[:middle])) else (low, middle)
    return low


def main() -> None:
    """Print a line for each way."""
    for way in WAYS:
        kilobytes = most(way) / 1000
        print(f"{way.__name__.replace('_', ' '):15} {kilobytes:5.1f} kB  {way.__doc__}")


if __name__ == "__main__":
    main()
