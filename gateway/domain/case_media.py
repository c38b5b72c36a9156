"""Rule R1 over a case as a whole: what no single text may carry, all of them together may not.

A file in many addresses, statements or hashes, a piece in each, passes whoever judges piece by
piece. So the pieces of each array are put together and looked at, and characters that spell
nothing are counted over the case: an item may have an id or a signature in its address, and all
that goes beyond comes out of one budget. What is left is measured by `tests.domain.residual`.
"""

import re
from base64 import b64decode
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import unquote

from gateway.domain.case import SealedElement, is_sealed, sealed_parts
from gateway.domain.media import Media, sniff, sniff_row, strange_tokens, strange_words, unexplained
from gateway.domain.vocabulary import ItemKind

FREE_IN_ITEM = 40
"""Characters of an item that may spell nothing without being counted: the longest common id."""

MOST_UNEXPLAINED = 8_000
"""Characters of a case that may spell nothing beyond that."""

MOST_HASH_CHARACTERS = 32_000
"""Of all hashes of a case: a list of 500 SHA-256."""

MOST_OF_ONE_ALGORITHM = 2

MOST_SEALED = 20
MOST_SEALED_CHARACTERS = 32_000
"""Sealed elements of a case, and their texts together: nobody but the addressee sees what it is."""

_WORTH_A_LOOK = 256  # characters that spell nothing in an array: a smaller file shows nothing

_TEXTS: Mapping[str, tuple[str, ...]] = {
    "items": ("value", "referrer"),
    "statements": ("text",),
    "references": ("value",),
    "classifications": ("code", "scheme_version", "law_ref"),
    "legal_basis": (
        "article",
        "national_law",
        "art10_condition",
        "transfer_tool",
        "necessity_note",
    ),
}
_PARTS: Mapping[str, tuple[str, ...]] = {
    "hosting": ("isp", "org", "registrar"),
    "source_legal_basis": ("text",),
}
_AUTHORITY = re.compile(r"(?<![\w+.-])[a-z][a-z0-9+.-]{0,20}://[^/?#\s]*[/?#]?", re.I)

Error = tuple[str, str]
"""A JSON pointer and what is wrong there."""


def media_errors(case: Mapping[str, Any]) -> Iterator[Error]:
    """Say where a case, each field of which is valid, carries files or more than a case needs."""
    texts = {
        array: [_of_element(one, names) for one in case[array] if not is_sealed(one)]
        for array, names in _TEXTS.items()
        if array in case
    }
    for array, several in texts.items():
        kind = _sniff_together(several) if len(several) > 1 else None  # one was judged alone
        if kind:
            yield f"/{array}", f"hold an encoded {kind} together: media is never taken (R1)"
    spent = _unexplained(" ".join(_of_case(case)), texts)
    if spent > MOST_UNEXPLAINED:
        yield (
            "",
            f"has {spent} characters that spell nothing, and may have {MOST_UNEXPLAINED} beyond "
            f"{FREE_IN_ITEM} an item (R1): split the case, or cut what follows the ? of addresses",
        )
    yield from _hash_errors(case)
    yield from _seal_errors(sealed_parts(case))


def _of_case(case: Mapping[str, Any]) -> Iterator[str]:
    marking = case["marking"]
    yield case["originator_ref"]
    yield marking.get("handling_note", "")
    yield marking.get("retention_rule", "")
    yield from (one["reference"] for one in marking.get("force", {}).values())
    yield from marking["release_to"]


def _of_element(element: Mapping[str, Any], names: tuple[str, ...]) -> str:
    """The texts of an element, in order; what has a form of its own is left out."""
    if element.get("kind") == ItemKind.HASH:
        names = ("referrer",)
    found = [element[name] for name in names if name in element]
    for part, inner in _PARTS.items():
        if part in element:
            parts = element[part] if isinstance(element[part], list) else [element[part]]
            found += [one[name] for one in parts for name in inner if name in one]
    return " ".join(found)


def _sniff_together(texts: list[str]) -> Media | None:
    if sum(map(len, texts)) < _WORTH_A_LOOK:
        return None
    bare = [_AUTHORITY.sub(" ", unquote(text)) for text in texts]
    words = "".join(word for text in bare for word in strange_words(text))
    if len(words) < _WORTH_A_LOOK:
        return None
    # As it stands, without the words between the pieces, and without the signs between them.
    tokens = "".join(token for text in bare for token in strange_tokens(text))
    return sniff_row("".join(bare)) or sniff_row(tokens) or sniff_row(words)


def _unexplained(outside: str, texts: Mapping[str, list[str]]) -> int:
    """How many characters of a case spell nothing, beyond what each item may have."""
    if len(outside) + sum(len(text) for several in texts.values() for text in several) <= (
        MOST_UNEXPLAINED
    ):
        return 0  # nearly every case ends here
    counted = {array: list(map(unexplained, several)) for array, several in texts.items()}
    items = counted.pop("items", [])
    beyond = sum(max(0, count - FREE_IN_ITEM) for count in items)
    return unexplained(outside) + beyond + sum(map(sum, counted.values()))


def _hash_errors(case: Mapping[str, Any]) -> Iterator[Error]:
    values: list[tuple[str, str]] = []
    for place, item in enumerate(case.get("items", ())):
        own = item.get("hash", ())
        values += [(f"/items/{place}/hash/{n}/value", one["value"]) for n, one in enumerate(own)]
        if item.get("kind") == ItemKind.HASH:
            values.append((f"/items/{place}/value", item["value"]))
        if len(own) > MOST_OF_ONE_ALGORITHM:
            for algorithm, count in Counter(one["alg"] for one in own).items():
                if count > MOST_OF_ONE_ALGORITHM:
                    yield (
                        f"/items/{place}/hash",
                        f"has more than two of {algorithm}: give others items of their own",
                    )
    if sum(len(value) for _, value in values) > MOST_HASH_CHARACTERS:
        yield (
            "/items",
            f"must not have more than {MOST_HASH_CHARACTERS} characters of hashes: split the case",
        )
    data = [(pointer, _bytes_of(value)) for pointer, value in values]
    for place, (pointer, begun) in enumerate(data):
        if begun[:1] in _FIRST_BYTES and (
            kind := sniff(b"".join(more for _, more in data[place : place + _LOOKED_AT]))
        ):
            yield pointer, f"begins an encoded {kind}: media is never taken (R1)"


_FIRST_BYTES = frozenset(bytes([n]) for n in b"\x89GIM8\0\x1aFR0OfM#P7\x1f\xfd(\x04{\xd0\xffB%<")
_LOOKED_AT = 20  # hashes put together: the farthest look of `sniff` is some hundred bytes


def _bytes_of(value: str) -> bytes:
    """A hash as bytes: of hexadecimal digits, or of base64, as PhotoDNA has."""
    try:
        return bytes.fromhex(value)
    except ValueError:
        return b64decode(value)


def _seal_errors(sealed: tuple[SealedElement, ...]) -> Iterator[Error]:
    if len(sealed) > MOST_SEALED:
        yield "", f"must not have more than {MOST_SEALED} sealed elements"
    if sum(len(one.text) for one in sealed) > MOST_SEALED_CHARACTERS:
        yield "", f"must not have more than {MOST_SEALED_CHARACTERS} characters of sealed elements"
