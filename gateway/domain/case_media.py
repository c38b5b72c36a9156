"""Rule R1 over a case as a whole: what no single text may carry, all of them together may not.

A file in many addresses, statements or hashes, a piece in each, passes whoever judges piece by
piece. So the pieces of each array are put together and looked at, and what spells nothing is
weighed over the case. A case about an imminent danger is weighed
against nothing: it may not carry what is plainly a file. What is left is measured by
`tests.domain.residual`.
"""

import re
import zlib
from base64 import b64decode
from collections import Counter
from collections.abc import Iterator, Mapping
from itertools import chain
from typing import Any, NamedTuple
from urllib.parse import unquote

from gateway.domain.case import SealedElement, is_sealed, sealed_parts
from gateway.domain.media import (
    ACCOUNT_FORM,
    Media,
    sniff,
    sniff_numbers,
    sniff_row,
    without_hidden_hosts,
)
from gateway.domain.residue import Residue, strange_words, weigh
from gateway.domain.vocabulary import ItemKind, Urgency

MOST_UNEXPLAINED = 3_500
"""Bytes of a case that may spell nothing; as many more that its versions add in a day, and as many
again in what each party says in a handoff in a day."""

FREE_IN_ADDRESS = 18
"""Bytes of an address that may spell nothing and are not counted: two ids of digits, or a UUID."""

FREE_IN_ITEM = 8
"""Likewise of another item: an id of eighteen digits."""

MOST_OF_KNOWN_FORM = 36_000
"""Characters of a case that may be wallets, accounts, hidden hosts and what services sign in their
addresses, and are then not counted: 400 signatures of 64 digits, and the times beside them."""

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
        "art9_condition",
        "art10_condition",
        "transfer_tool",
        "necessity_note",
    ),
}
_PARTS: Mapping[str, tuple[str, ...]] = {
    "hosting": ("isp", "org", "registrar"),
    "source_legal_basis": ("text",),
}
_FORMED = frozenset({ItemKind.HASH, ItemKind.IP_EVENT})
_NAMES = frozenset({ItemKind.ACCOUNT, ItemKind.PAYMENT})
_ADDRESSES = frozenset({ItemKind.URL, ItemKind.ONION, ItemKind.P2P})
_FREE: Mapping[str, int] = {
    **dict.fromkeys(ItemKind, FREE_IN_ITEM),
    **dict.fromkeys(_ADDRESSES, FREE_IN_ADDRESS),
}


def _parameters(names: str, value: str) -> re.Pattern[str]:
    return re.compile(rf"(?<=[?&])(?:{names})={value}(?=[&#\s]|$)")


# What services sign or count in their addresses: by a part of the host, what is not counted.
_SIGNED = (
    (".discordapp.", _parameters("ex|is", "[0-9a-f]{8}")),
    (".discordapp.", _parameters("hm", "[0-9a-f]{64}")),
    ("facebook.com/", _parameters(r"__cft__(?:\[0\]|%5B0%5D)|fbclid", "[A-Za-z0-9_-]{1,250}")),
    ("fbcdn.net/", _parameters("_nc_[a-z]{2,4}|oh|oe|ccb", "[A-Za-z0-9_-]{1,120}")),
    ("cdninstagram.com/", _parameters("_nc_[a-z]{2,4}|oh|oe|ccb", "[A-Za-z0-9_-]{1,120}")),
    ("X-Amz-Signature=", _parameters("X-Amz-Signature", "[0-9a-f]{64}")),
    ("X-Amz-Signature=", _parameters("X-Amz-Credential", "AKIA[A-Z0-9]{16}[%0-9A-Za-z_-]{1,60}")),
    ("dropbox.com/", _parameters("rlkey", "[a-z0-9]{25}")),
    ("//mega.nz/", re.compile("#[A-Za-z0-9_-]{22,43}(?=\\s|$)")),
)
_AUTHORITY = re.compile(r"(?<![\w+.-])[a-z][a-z0-9+.-]{0,20}://[^/?#\s]*[/?#]?", re.I)

Error = tuple[str, str]
"""A JSON pointer and what is wrong there."""


class _Texts(NamedTuple):
    """The texts of an element: of its own, and of the parts within it."""

    kind: str
    own: str
    within: str


def media_errors(case: Mapping[str, Any]) -> Iterator[Error]:
    """Say where a case, each field of which is valid, carries files or more than a case needs."""
    texts = _texts(case)
    for array, several in texts.items():
        if kind := _sniff_together([f"{one.own} {one.within}".strip() for one in several]):
            yield f"/{array}", f"hold an encoded {kind} together: media is never taken (R1)"
    yield from _hash_files(case)
    if case["urgency"] == Urgency.IMMINENT_DANGER:
        return
    spent = _unexplained(case, texts)
    if spent > MOST_UNEXPLAINED:
        yield (
            "",
            f"has {spent} bytes of numbers and of signs that spell nothing, and may have "
            f"{MOST_UNEXPLAINED} beside a short id in each item (R1): put addresses, hashes, "
            "accounts and wallets into items of their kind, cut what follows the ? of addresses, "
            "or split the case",
        )
    yield from _hash_errors(case)
    yield from _seal_errors(sealed_parts(case))


def added_bytes(case: Mapping[str, Any], before: Mapping[str, Any]) -> int:
    """How many bytes that spell nothing a version has in texts that the one before has not."""
    return _unexplained(case, _texts(case), before)


def _texts(case: Mapping[str, Any]) -> dict[str, list[_Texts]]:
    """The texts of each array, element by element."""
    return {
        array: [_of_element(one, names) for one in case[array] if not is_sealed(one)]
        for array, names in _TEXTS.items()
        if array in case
    }


def _of_case(case: Mapping[str, Any]) -> Iterator[str]:
    marking = case["marking"]
    yield case.get("originator_ref", "")
    yield marking.get("handling_note", "")
    yield marking.get("retention_rule", "")
    yield from (one["reference"] for one in marking.get("force", {}).values())
    yield from marking.get("release_to", ())


def _of_element(element: Mapping[str, Any], names: tuple[str, ...]) -> _Texts:
    """The texts of an element, in order; what has a form of its own is left out."""
    kind = element.get("kind", "")
    if kind in _FORMED:
        names = ("referrer",)
    own = " ".join(element[name] for name in names if name in element)
    within = []
    for part, inner in _PARTS.items():
        if part in element:
            parts = element[part] if isinstance(element[part], list) else [element[part]]
            within += [one[name] for one in parts for name in inner if name in one]
    return _Texts(kind, own, " ".join(within))


def _sniff_together(texts: list[str]) -> Media | None:
    if len(texts) < 2 or sum(map(len, texts)) < _WORTH_A_LOOK:
        return None  # one text was judged alone
    bare = [_AUTHORITY.sub(" ", unquote(text)) for text in texts]
    for between in (" ", ""):  # a piece may end within a number
        if kind := sniff_numbers(between.join(bare)):
            return kind
    words = "".join(word for text in bare for word in strange_words(text))
    if len(words) < _WORTH_A_LOOK:
        return None
    return sniff_row("".join(bare)) or sniff_row(words)


def _unexplained(
    case: Mapping[str, Any],
    texts: Mapping[str, list[_Texts]],
    before: Mapping[str, Any] | None = None,
) -> int:
    """How many bytes it takes to write down what in a case spells nothing, and is new in it."""
    known = {one for several in _texts(before).values() for one in several} if before else set()
    arrays = {
        array: [one for one in dict.fromkeys(several) if one not in known]
        for array, several in texts.items()
    }
    said = {*_of_case(before)} if before else set()
    loose = [text for text in dict.fromkeys(_of_case(case)) if text not in said]
    every = chain(loose, *(chain.from_iterable(several) for several in arrays.values()))
    if before is None:
        whole = " ".join(every).encode()
        if len(whole) <= MOST_UNEXPLAINED or len(zlib.compress(whole, 1)) <= MOST_UNEXPLAINED:
            return 0  # nearly every case ends here: no text carries more than it takes to write it
    left = [piece for text in loose for piece in Residue(text).left]
    spelt, known_form = list[list[str]](), 0
    for several in arrays.values():
        words: list[str] = []
        for kind, own, within in several:
            bare = _without_known(kind, own)
            known_form += len(own) - len(bare)
            bare = bare if known_form <= MOST_OF_KNOWN_FORM else own
            mine, others = Residue(bare), Residue(within)
            words += mine.spelt + others.spelt
            left += others.left
            if mine.bytes_left > _FREE.get(kind, 0):
                left += mine.left
        spelt.append(words)
    return weigh(left, spelt)


def _without_known(kind: str, own: str) -> str:
    """The text of an element without what makes an account, a wallet or an address of its kind."""
    if kind in _NAMES:
        return ACCOUNT_FORM.sub(" ", own)
    if kind in _ADDRESSES:
        for service, known in _SIGNED:
            if service in own:
                own = known.sub("", own)
        return without_hidden_hosts(own)
    return own


def _hashes(case: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """The hashes of a case, each with its pointer."""
    for place, item in enumerate(case.get("items", ())):
        own = enumerate(item.get("hash", ()))
        yield from ((f"/items/{place}/hash/{n}/value", one["value"]) for n, one in own)
        if item.get("kind") == ItemKind.HASH:
            yield f"/items/{place}/value", item["value"]


def _hash_errors(case: Mapping[str, Any]) -> Iterator[Error]:
    for place, item in enumerate(case.get("items", ())):
        own = item.get("hash", ())
        if len(own) > MOST_OF_ONE_ALGORITHM:
            for algorithm, count in Counter(one["alg"] for one in own).items():
                if count > MOST_OF_ONE_ALGORITHM:
                    yield (
                        f"/items/{place}/hash",
                        f"has more than two of {algorithm}: give others items of their own",
                    )
    if sum(len(value) for _, value in _hashes(case)) > MOST_HASH_CHARACTERS:
        yield (
            "/items",
            f"must not have more than {MOST_HASH_CHARACTERS} characters of hashes: split the case",
        )


def _hash_files(case: Mapping[str, Any]) -> Iterator[Error]:
    """Say which hashes are bytes of a file."""
    data = [(pointer, _bytes_of(value)) for pointer, value in _hashes(case)]
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
