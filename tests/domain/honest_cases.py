"""Honest content that R1 takes: texts, and cases as large as they come.

The texts are data (tests/data/honest); the cases are made here, for they are lists.
"""

import base64
import hashlib
from collections.abc import Iterator, Mapping
from ipaddress import IPv4Address, IPv6Address
from pathlib import Path
from random import Random
from uuid import UUID

from tests.domain.carriers import Case, with_items, with_statements, with_values

_DATA = Path(__file__).parents[1] / "data" / "honest"

TEXTS = tuple((_DATA / "texts.txt").read_text(encoding="utf-8")[:-1].split("\n%%\n"))

_RANDOM = Random(20261130)
_BASE58 = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
_BECH32 = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"


def _signs(alphabet: str, count: int) -> str:
    return "".join(_RANDOM.choice(alphabet) for _ in range(count))


def _hex(digits: int) -> str:
    return _RANDOM.randbytes(digits // 2).hex()


def _base64url(count: int) -> str:
    return base64.urlsafe_b64encode(_RANDOM.randbytes(count)).decode()[:count]


def _snowflake() -> str:
    return str(_RANDOM.randrange(3 * 10**17, 12 * 10**17))


def _onion() -> str:
    key = _RANDOM.randbytes(32)
    checksum = hashlib.sha3_256(b".onion checksum" + key + b"\3").digest()[:2]
    return base64.b32encode(key + checksum + b"\3").decode().lower() + ".onion"


def _uuid() -> str:
    return str(UUID(int=_RANDOM.getrandbits(128), version=4))


def _urls(write: str, count: int) -> Case:
    """Addresses after a pattern, in which each name stands for something that is new in each."""
    made = {
        "id": _snowflake,
        "hex8": lambda: _hex(8),
        "hex32": lambda: _hex(32),
        "hex64": lambda: _hex(64),
        "b11": lambda: _base64url(11),
        "b16": lambda: _base64url(16),
        "b43": lambda: _base64url(43),
        "b160": lambda: _base64url(160),
        "b64": lambda: _base64url(64),
        "n": lambda: str(_RANDOM.randrange(1000, 999999)),
        "onion": _onion,
        "uuid": _uuid,
    }

    def one() -> str:
        text = write
        for name, new in made.items():
            while f"{{{name}}}" in text:
                text = text.replace(f"{{{name}}}", new(), 1)
        return text

    return with_values("url", [one() for _ in range(count)])


def _narrative(letters: tuple[str, ...], pieces: int = 20) -> Case:
    """A long account in one language: the sentences of the texts that are written in its script."""
    known = [
        sentence
        for text in TEXTS
        if sum(letters[0] <= sign <= letters[1] for sign in text) > 0.5 * len(text)
        for sentence in text.splitlines()
        if not any(map(str.isdigit, sentence)) and len(sentence) > 20
    ]

    def paragraph() -> Iterator[str]:
        room = 1900
        while room > 0:
            sentence = _RANDOM.choice(known)
            room -= len(sentence) + 1
            if room > 0:
                yield sentence

    return with_statements(["\n".join(paragraph()) or known[0] for _ in range(pieces)])


def _discord(count: int) -> Case:
    return _urls(
        "https://cdn.discordapp.com/attachments/{id}/{id}/image.png?ex={hex8}&is={hex8}&hm={hex64}&",
        count,
    )


def _events() -> list[str]:
    return [
        f"{IPv4Address(_RANDOM.getrandbits(32))}:{_RANDOM.randrange(1024, 65535)}"
        f"@2026-01-{_RANDOM.randrange(1, 29):02}T{_RANDOM.randrange(24):02}:"
        f"{_RANDOM.randrange(60):02}:{_RANDOM.randrange(60):02}Z"
        for _ in range(490)
    ]


def _wallets() -> list[str]:
    return [
        *("1" + _signs(_BASE58, 33) for _ in range(100)),
        *("bc1q" + _signs(_BECH32, 38) for _ in range(100)),
        *("bc1p" + _signs(_BECH32, 58) for _ in range(50)),
        *("0x" + _hex(40) for _ in range(150)),
        *("4" + _signs(_BASE58, 94) for _ in range(50)),
    ]


def _accounts() -> list[str]:
    return [
        *(_snowflake() for _ in range(150)),
        *("05" + _hex(64) for _ in range(60)),
        *(_hex(76).upper() for _ in range(40)),
        *(f"@{_signs('abcdefghilmnoprstu', 7)}_{_RANDOM.randrange(99)}" for _ in range(150)),
        *(f"{_signs('aeilmnorst', 6)}.{_signs('aeilmnorst', 8)}@mail.example" for _ in range(50)),
    ]


def _logs() -> list[str]:
    return [
        "\n".join(
            f"198.51.100.7 - - [02/Jan/2026:10:{_RANDOM.randrange(60):02}:12 +0000] "
            f'"GET /thread/{_RANDOM.randrange(99999)} HTTP/1.1" 200 {_RANDOM.randrange(50000)}'
            for _ in range(22)
        )
        for _ in range(8)
    ]


CASES: Mapping[str, Case] = {
    "400 attachments with a signature": _discord(400),
    "150 photographs of a network": _urls(
        "https://www.facebook.com/photo/?fbid={id}&set=a.{id}&__cft__[0]={b160}&__tn__=EH-R", 150
    ),
    "300 hidden pages with an id": _urls("http://{onion}/view?id={n}", 300),
    "450 hashes": with_values("hash", [_hex(64) for _ in range(450)]),
    "100 presigned addresses": _urls(
        "https://bucket.s3.eu-west-1.amazonaws.com/{uuid}.png?X-Amz-Algorithm=AWS4-HMAC-SHA256"
        "&X-Amz-Credential=AKIAIOSFODNN7EXAMPLE%2F20260102%2Feu-west-1%2Fs3%2Faws4_request"
        "&X-Amz-Date=20260102T000000Z&X-Amz-Expires=900&X-Amz-Signature={hex64}",
        100,
    ),
    "490 addresses at a moment": with_values("ip_event", _events()),
    "490 addresses of version 6": with_values(
        "ip_event",
        [str(IPv6Address((0x20010DB8 << 96) | _RANDOM.getrandbits(96))) for _ in range(490)],
    ),
    "450 wallets": with_values("payment", _wallets()),
    "450 accounts": with_values("account", _accounts()),
    "400 films": _urls("https://youtu.be/{b11}", 400),
    "400 invitations": _urls("https://t.me/+{b16}", 400),
    "400 pictures by UUID": _urls("https://img.example/{uuid}.jpg", 400),
    "80 folders with their key": _urls("https://mega.nz/file/AbCdEfGh#{b43}", 80),
    "400 pages of a forum": with_values(
        "url",
        [
            f"https://forum.example.org/boards/general-discussion/threads/what-was-seen-in-{n}/page/{n}"
            for n in range(400)
        ],
    ),
    "logs of a server": with_statements(_logs()),
    "a case of every kind of item": with_items(
        [
            {
                "value": f"https://img{n}.example.org/board/{1767349800 + 17 * n}.jpg",
                "referrer": f"https://forum.example.org/thread/{n}",
                "hosting": [
                    {
                        "ip": str(IPv4Address(_RANDOM.getrandbits(32))),
                        "country": "NL",
                        "isp": "Example Hosting B.V. (NL-1043 AP)",
                        "observed_at": "2026-01-02T10:00:00Z",
                        "method": "rdap",
                    }
                ],
                "hash": [{"alg": "sha256", "value": _hex(64)}, {"alg": "md5", "value": _hex(32)}],
            }
            for n in range(110)
        ]
    ),
    "an account in Chinese": _narrative(("\u4e00", "\u9fff")),
    "an account in Japanese": _narrative(("\u3041", "\u9fff")),
    "an account in Korean": _narrative(("\uac00", "\ud7a3")),
    "an account in Thai": _narrative(("\u0e01", "\u0e5b")),
    "an account in Arabic": _narrative(("\u0621", "\u06ff")),
    "an account in Russian and Ukrainian": _narrative(("\u0400", "\u04ff")),
    "an account in Hindi": _narrative(("\u0900", "\u097f")),
    "an account in Latin letters": _narrative(("a", "z")),
}
