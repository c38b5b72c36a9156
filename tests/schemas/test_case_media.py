"""R1 over a whole case: no file passes in pieces, whatever holds them; honest cases do."""

import base64
import hashlib
import json
import zlib
from collections.abc import Callable, Iterator
from random import Random
from typing import Any
from uuid import UUID

import pytest

from gateway.domain import case_media
from gateway.domain.vocabulary import HashAlgorithm
from gateway.schemas.case_document import CaseInvalid, load_case
from tests.each import each
from tests.web.partners.case_example import small_case

RANDOM = Random(20261126)
JPEG = b"\xff\xd8\xff\xdb\0\x43\0" + RANDOM.randbytes(40_000)


def base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def percent(data: bytes) -> str:
    return "".join(f"%{byte:02X}" for byte in data)


ENCODINGS: dict[str, Callable[[bytes], str]] = {
    "base64url": base64url,
    "base64": lambda data: base64.b64encode(data).decode(),
    "hex": bytes.hex,
    "base32": lambda data: base64.b32encode(data).decode().lower().rstrip("="),
    "percent": percent,
    "deflated": lambda data: base64url(zlib.compress(data)[2:]),
    "reversed": lambda data: base64url(data)[::-1],
    "masked": lambda data: base64url(bytes(byte ^ 0x5A for byte in data)),
}


def pieces(text: str, size: int, most: int) -> list[str]:
    """The first pieces of a text, the first one shorter, so that it cuts the magic bytes."""
    first = text[:2]
    rest = [text[at : at + size] for at in range(2, len(text), size)]
    return [first, *rest][:most]


def ids() -> Iterator[str]:
    for number in range(10_000, 99_999):
        yield str(UUID(int=(0x018F << 112) | 7 << 76 | 2 << 62 | number))


def with_items(*items: dict[str, Any]) -> dict[str, Any]:
    case, fresh = small_case(), ids()
    case["items"] += [{"id": next(fresh), **item} for item in items]
    return case


def with_urls(*urls: str) -> dict[str, Any]:
    return with_items(*({"kind": "url", "value": url} for url in urls))


def with_statements(*texts: str) -> dict[str, Any]:
    case, fresh = small_case(), ids()
    said = {
        "kind": "fact",
        "language": "en",
        "made_by_role": "analyst",
        "made_at": "2026-01-02T10:00:00Z",
        "content_warning": "none",
    }
    case["statements"] = [{"id": next(fresh), "text": text, **said} for text in texts]
    return case


def with_hashes(algorithm: str, *values: str, each_item: int = 1) -> dict[str, Any]:
    hashes = [{"alg": algorithm, "value": value} for value in values]
    return with_items(
        *(
            {"kind": "host", "value": "a.example", "hash": hashes[at : at + each_item]}
            for at in range(0, len(hashes), each_item)
        )
    )


PLACES: dict[str, Callable[[str], dict[str, Any]]] = {
    "a path each": lambda text: with_urls(
        *(f"https://x.example/{one}" for one in pieces(text, 1500, 100))
    ),
    "short paths": lambda text: with_urls(
        *(f"https://x.example/{one}" for one in pieces(text, 70, 400))
    ),
    "queries": lambda text: with_urls(
        *(f"https://x.example/a.jpg?size=large&p={one}#top" for one in pieces(text, 1500, 100))
    ),
    "segments": lambda text: with_urls(
        *("https://x.example/" + "/".join(pieces(one, 20, 60)) for one in pieces(text, 1000, 100))
    ),
    "referrers": lambda text: with_items(
        *(
            {"kind": "url", "value": "https://x.example/", "referrer": f"https://x.example/{one}"}
            for one in pieces(text, 1500, 100)
        )
    ),
    "magnets": lambda text: with_items(
        *({"kind": "p2p", "value": f"magnet:?xt=urn:a:{one}"} for one in pieces(text, 1500, 100))
    ),
    "names": lambda text: with_items(
        *({"kind": "account", "value": one} for one in pieces(text, 64, 400))
    ),
    "references": lambda text: {
        **small_case(),
        "references": [
            {"id": id_, "scheme": "court", "value": f"a{one}"}
            for id_, one in zip(ids(), pieces(text.replace("%", "."), 64, 400), strict=False)
        ],
    },
    "statements": lambda text: with_statements(*pieces(text, 64, 400)),
    "words": lambda text: with_statements(
        *("the page has " + " and ".join(pieces(one, 8, 60)) for one in pieces(text, 400, 90))
    ),
    "hosting": lambda text: with_items(
        {
            "kind": "host",
            "value": "x.example",
            "hosting": [
                {
                    "org": one,
                    "country": "FR",
                    "observed_at": "2026-01-02T10:00:00Z",
                    "method": "whois",
                }
                for one in pieces(text, 64, 400)
            ],
        }
    ),
    "legal basis": lambda text: {
        **small_case(),
        "legal_basis": [{"regime": "gdpr", "article": one} for one in pieces(text, 64, 400)],
    },
}


def refused(case: dict[str, Any]) -> tuple[tuple[str, str], ...]:
    assert len(json.dumps(case)) <= 262_144
    with pytest.raises(CaseInvalid) as caught:
        load_case(case)
    return caught.value.errors


# Of a piece of some twenty escaped bytes, no more is counted than any item may have.
NO_PICTURE = {("names", "percent"), ("short paths", "percent")}


IN_PIECES = {
    *((place, encoding) for place in PLACES for encoding in ("base64url", "percent")),
    *((place, encoding) for place in ("short paths", "statements") for encoding in ENCODINGS),
} - NO_PICTURE
"""What is put together depends on the place alone, and what is seen in it on the encoding."""


@each("place, encoding", [*sorted(IN_PIECES)[::3]])
def test_no_picture_passes_in_pieces(place, encoding):
    refused(PLACES[place](ENCODINGS[encoding](JPEG)))


@pytest.mark.slow
@each("place, encoding", sorted(IN_PIECES))
def test_no_picture_passes_in_pieces_in_any_place_and_encoding(place, encoding):
    refused(PLACES[place](ENCODINGS[encoding](JPEG)))


@each("encoding", ["base64url", "base64", "hex", "base32"])
def test_a_small_picture_in_pieces_is_found_by_its_beginning(encoding):
    text = ENCODINGS[encoding](JPEG[:2000])
    errors = refused(with_urls(*(f"https://x.example/{one}" for one in pieces(text, 200, 99))))
    assert [pointer for pointer, _ in errors] == ["/items"]


def in_danger(case: dict[str, Any]) -> dict[str, Any]:
    return {**case, "urgency": "imminent_danger", "urgency_reason": "suicide_risk"}


def test_an_imminent_danger_is_refused_for_a_file_and_by_no_budget():
    beyond = [
        with_statements(*pieces(" ".join(map(str, RANDOM.randbytes(8000))), 1900, 40)),
        with_statements(*pieces(base64url(RANDOM.randbytes(8000)), 1900, 40)),
        with_statements(*pieces(base64.b85encode(RANDOM.randbytes(8000)).decode(), 1900, 40)),
        with_hashes("sha512", *sha512(RANDOM.randbytes(64 * 251)), each_item=2),
        with_urls(*(f"https://x.example/{base64url(RANDOM.randbytes(90))}" for _ in range(90))),
    ]
    for case in beyond:
        refused(case)
        load_case(in_danger(case))
    for numbers in (
        " ".join(map(str, JPEG[:8000])),
        "".join(f"{byte:03o} " for byte in JPEG[:8000]),
    ):
        refused(in_danger(with_statements(*pieces(numbers, 1900, 40))))
    refused(in_danger(with_hashes("sha512", *sha512(JPEG), each_item=2)))


def test_a_case_has_its_budget_whatever_the_signs():
    def spelt(count: int) -> dict[str, Any]:
        return with_statements(*pieces(" ".join(map(str, Random(1).randbytes(count))), 1900, 40))

    load_case(spelt(2000))
    ((pointer, sentence),) = refused(spelt(4000))
    assert pointer == ""
    assert "split the case" in sentence


def test_a_picture_in_many_addresses_is_refused_by_the_budget_alone():
    hidden = base64url(RANDOM.randbytes(150_000))
    urls = [f"https://x.example/{one}" for one in pieces(hidden, 2000, 102)]
    ((pointer, sentence),) = refused(with_urls(*urls))
    assert pointer == ""
    assert str(case_media.MOST_UNEXPLAINED) in sentence


def photodna(data: bytes) -> list[str]:
    return [base64.b64encode(data[at : at + 144]).decode() for at in range(0, len(data) - 143, 144)]


def sha512(data: bytes) -> list[str]:
    return [data[at : at + 64].hex() for at in range(0, len(data) - 63, 64)]


def marked(case: dict[str, Any]) -> dict[str, Any]:
    return {**case, "marking": {**case["marking"], "tlp": "RED"}}


@each("each_item", [3, 480])
def test_an_item_has_two_hashes_of_one_algorithm_at_most(each_item):
    for algorithm, values in (("photodna", photodna(JPEG[20:])), ("sha512", sha512(JPEG[20:]))):
        case = marked(with_hashes(algorithm, *values[:each_item], each_item=each_item))
        assert ("/items/1/hash") in [pointer for pointer, _ in refused(case)]
        load_case(marked(with_hashes(algorithm, *values[:each_item][:2], each_item=2)))


@each("before", [0, 1, 7])
def test_a_picture_in_hashes_is_found_by_its_beginning(before):
    junk = RANDOM.randbytes
    for algorithm, values in (
        ("photodna", photodna(junk(144 * before) + JPEG)[:40]),
        ("sha512", sha512(junk(64 * before) + JPEG)[:40]),
    ):
        assert refused(marked(with_hashes(algorithm, *values)))


def test_the_hashes_of_a_case_are_bounded_together():
    values = sha512(RANDOM.randbytes(64 * 251))
    errors = refused(with_hashes("sha512", *values, each_item=2))
    assert [pointer for pointer, _ in errors] == ["/items"]
    load_case(with_hashes("sha512", *values[1:], each_item=2))


def test_a_list_of_hashes_passes():
    known = [hashlib.sha256(bytes([n % 256, n // 256])).hexdigest() for n in range(490)]
    case = small_case()
    case["items"] += [
        {"id": id_, "kind": "hash", "value": one} for id_, one in zip(ids(), known, strict=False)
    ]
    load_case(case)


def test_every_algorithm_beside_each_other_passes():
    data = b"a page"
    hashes = [
        {"alg": name, "value": hashlib.new(name, data, usedforsecurity=False).hexdigest()}
        for name in ("md5", "sha1", "sha256", "sha512")
    ] + [{"alg": HashAlgorithm.PDQ, "value": "0f" * 32}]
    items = [{"kind": "host", "value": "a.example", "hash": hashes} for _ in range(60)]
    load_case(marked(with_items(*items)))


# --- honest cases ---


def _attachment(n: int) -> str:
    random = Random(n)
    return (
        f"https://cdn.discordapp.com/attachments/{random.randrange(10**18, 10**19)}/"
        f"{random.randrange(10**18, 10**19)}/image{n}.png?ex={random.randbytes(4).hex()}"
        f"&is={random.randbytes(4).hex()}&hm={random.randbytes(32).hex()}&"
    )


HONEST: dict[str, list[str]] = {
    "attachments with a signature": [_attachment(n) for n in range(90)],
    "films": [f"https://youtu.be/{base64url(Random(n).randbytes(8))}" for n in range(400)],
    "pictures by UUID": [
        f"https://img.example/{UUID(int=Random(n).getrandbits(128))}.jpg" for n in range(400)
    ],
    "invitations": [f"https://t.me/+{base64url(Random(n).randbytes(12))}" for n in range(400)],
    "pages with long names": [
        f"https://forum.example.org/boards/general-discussion/threads/what-was-seen-in-{n}/page/{n}"
        for n in range(400)
    ],
    "escaped letters": [
        "https://example.org/%D1%81%D1%82%D1%80%D0%B0%D0%BD%D0%B8%D1%86%D0%B0/" + str(n)
        for n in range(400)
    ],
    "a presigned address": [
        "https://bucket.example/k.png?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKIAIOSFO"
        "DNN7EXAMPLE%2F20240101%2Feu-west-1%2Fs3%2Faws4_request&X-Amz-Date=20240101T000000Z"
        "&X-Amz-Expires=900&X-Amz-Signature=" + Random(n).randbytes(32).hex()
        for n in range(60)
    ],
}


@each("name", HONEST)
def test_an_honest_list_of_addresses_passes(name):
    load_case(with_urls(*HONEST[name]))


# --- sealed elements ---


def test_sealed_elements_are_bounded_in_number_and_size(monkeypatch):
    sealed = {"sealed_to": "ofmin", "sealed": "s" * 1000}
    case = {"subjects": [{"id": id_, **sealed} for id_, _ in zip(ids(), range(20), strict=False)]}
    assert list(case_media._seal_errors(case_media.sealed_parts(case))) == []
    case["subjects"] += [{"id": "one more", **sealed}]
    assert len(list(case_media._seal_errors(case_media.sealed_parts(case)))) == 1
    for one in case["subjects"]:
        one["sealed"] *= 2
    assert len(list(case_media._seal_errors(case_media.sealed_parts(case)))) == 2
