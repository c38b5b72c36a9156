"""Ways to carry a picture through a case: forms that bytes are written in, and places for them.

A carrier is a form in a place. `tests.domain.residual` measures what each still gets past R1.
"""

import base64
import binascii
import hashlib
import quopri
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from heapq import heapify, heappop, heappush
from ipaddress import IPv6Address
from itertools import pairwise, product
from pathlib import Path
from random import Random
from typing import Any
from uuid import UUID

from tests.web.partners.case_example import small_case

MOST_BYTES = 262_144
"""Of a request: a case is smaller."""

PICTURE = b"\xff\xd8\xff\xe0\0\x10JFIF\0\1\1\0\0\1\0\1\0\0" + Random(17).randbytes(150_000)
"""A JPEG from its first bytes on."""
MASKED = Random(18).randbytes(150_000)
"""What a picture is once it was changed by a key: no beginning gives it away."""

Case = dict[str, Any]
Carrier = Callable[[bytes], Case]


# --- forms ---


def _each(write: Callable[[int], str], between: str = " ") -> Callable[[bytes], str]:
    return lambda data: between.join(map(write, data))


def _numbers(size: int, digits: int) -> Callable[[bytes], str]:
    """Big-endian numbers of ``size`` bytes, in as many digits."""

    def write(data: bytes) -> str:
        parts = (data[at : at + size].ljust(size, b"\0") for at in range(0, len(data), size))
        return " ".join(f"{int.from_bytes(part, 'big'):0{digits}d}" for part in parts)

    return write


def _base(alphabet: str, size: int, digits: int, between: str = "") -> Callable[[bytes], str]:
    """Groups of ``size`` bytes as ``digits`` signs of an alphabet."""

    def group(part: bytes) -> str:
        number, signs = int.from_bytes(part.ljust(size, b"\0"), "big"), []
        for _ in range(digits):
            number, rest = divmod(number, len(alphabet))
            signs.append(alphabet[rest])
        return "".join(reversed(signs))

    return lambda data: between.join(
        group(data[at : at + size]) for at in range(0, len(data), size)
    )


def _block(first: int, bits: int, between: str = "") -> Callable[[bytes], str]:
    """One sign of a block for so many bits."""

    def write(data: bytes) -> str:
        number = int.from_bytes(data, "big")
        width = -(-8 * len(data) // bits)
        row = f"{number << (width * bits - 8 * len(data)):0{width * bits}b}"
        found = (int(row[at : at + bits], 2) for at in range(0, len(row), bits))
        return between.join(chr(first + one) for one in found)

    return write


def _words(words: list[str]) -> Callable[[bytes], str]:
    return _each(words.__getitem__)


def _widths(text: str, width: int, between: str = " ") -> str:
    return between.join(text[at : at + width] for at in range(0, len(text), width))


def _cut(write: Callable[[bytes], str], width: int, between: str = " ") -> Callable[[bytes], str]:
    return lambda data: _widths(write(data), width, between)


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode().rstrip("=")


def _base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def _letters(data: bytes) -> str:
    return data.hex().translate(str.maketrans("0123456789abcdef", "abcdefghijklmnop"))


def _translated(write: Callable[[bytes], str], signs: str, others: str) -> Callable[[bytes], str]:
    return lambda data: write(data).translate(str.maketrans(signs, others))


def _bubbles(data: bytes) -> str:
    """Syllables after the manner of BubbleBabble: consonant, vowel, consonant, vowel, consonant."""
    consonants, vowels = "bcdfghklmnprstvz", "aeiouy"
    return " ".join(
        f"{consonants[a >> 4]}{vowels[a & 3]}{consonants[(a >> 2 & 3) * 4 + (b >> 6)]}"
        f"{vowels[b >> 4 & 3]}{consonants[b & 15]}"
        for a, b in zip(data[::2], data[1::2], strict=False)
    )


def _proquints(data: bytes) -> str:
    consonants, vowels = "bdfghjklmnprstvz", "aiou"
    return "-".join(
        f"{consonants[n >> 12]}{vowels[n >> 10 & 3]}{consonants[n >> 6 & 15]}"
        f"{vowels[n >> 4 & 3]}{consonants[n & 15]}"
        for n in (a << 8 | b for a, b in zip(data[::2], data[1::2], strict=False))
    )


_MORSE = dict(
    zip(
        "0123456789abcdef",
        [
            "-----",
            ".----",
            "..---",
            "...--",
            "....-",
            ".....",
            "-....",
            "--...",
            "---..",
            "----.",
            ".-",
            "-...",
            "-.-.",
            "-..",
            ".",
            "..-.",
        ],
        strict=True,
    )
)


def _roman(number: int) -> str:
    if number == 0:
        return "N"
    written = ""
    for value, sign in zip(
        (100, 90, 50, 40, 10, 9, 5, 4, 1),
        ["C", "XC", "L", "XL", "X", "IX", "V", "IV", "I"],
        strict=True,
    ):
        written += sign * (number // value)
        number %= value
    return written


_ONES = [
    "zero",
    "one",
    "two",
    "three",
    "four",
    "five",
    "six",
    "seven",
    "eight",
    "nine",
    "ten",
    "eleven",
    "twelve",
    "thirteen",
    "fourteen",
    "fifteen",
    "sixteen",
    "seventeen",
    "eighteen",
    "nineteen",
]
_TENS = ["twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"]


def _in_words(number: int) -> str:
    if number < 20:
        return _ONES[number]
    if number < 100:
        rest = f"-{_ONES[number % 10]}" if number % 10 else ""
        return _TENS[number // 10 - 2] + rest
    rest = f" {_in_words(number % 100)}" if number % 100 else ""
    return f"{_ONES[number // 100]} hundred{rest}"


SHORT_LIST = [
    a + b
    for a, b in product(
        [
            "ber",
            "can",
            "dol",
            "fer",
            "gar",
            "hol",
            "jun",
            "kel",
            "lam",
            "mor",
            "nor",
            "pal",
            "qui",
            "ros",
            "sol",
            "tan",
        ],
        [
            "ada",
            "bin",
            "der",
            "een",
            "for",
            "gel",
            "ham",
            "ist",
            "lon",
            "man",
            "ner",
            "ost",
            "per",
            "ron",
            "son",
            "ter",
        ],
    )
]
"""256 words of a made-up language."""
LONG_LIST = [
    "".join(parts)
    for parts in product(
        SHORT_LIST[::8], ["a", "e", "i", "o", "u", "an", "en", "in"], SHORT_LIST[::1]
    )
]
"""65,536 longer ones."""


_FREQUENT = dict(
    zip(
        ["000", "001", *(f"{n:04b}" for n in range(4, 12)), *(f"{n:05b}" for n in range(24, 30))]
        + [f"{n:06b}" for n in range(60, 64)],
        "etaoinshrdlcumwfgypb",
        strict=True,
    )
)
"""A prefix code: letters are about as frequent as in a language."""


def _frequent_letters(data: bytes) -> str:
    """Letters that are as frequent as in a language, in words of some lengths."""
    said, read = [""], ""
    for bit in f"{int.from_bytes(data, 'big'):0{8 * len(data)}b}00000":
        read += bit
        if read in _FREQUENT:
            if len(said[-1]) > 2 + len(said) % 7:
                said.append("")
            said[-1] += _FREQUENT[read]
            read = ""
    return " ".join(said)


def _long_words(data: bytes) -> str:
    pairs = zip(data[::2], data[1::2], strict=False)
    return " ".join(LONG_LIST[a << 8 | b] for a, b in pairs)


@cache
def _codes_by_letter() -> Mapping[str, Mapping[str, str]]:
    """By letter, or blank, a prefix code for what follows it, by how often that does in honest
    texts; a little steeper, since those are of many languages."""
    read = (Path(__file__).parents[1] / "data/honest/texts.txt").read_text("utf-8").lower()
    text = re.sub("[^a-z]+", " ", read)
    follows: dict[str, Counter[str]] = {}
    for before, after in pairwise(text):
        follows.setdefault(before, Counter())[after] += 1
    return {
        before: _prefix_code({sign: count**1.15 for sign, count in counts.items()})
        for before, counts in follows.items()
    }


def _prefix_code(counts: Mapping[str, float]) -> Mapping[str, str]:
    """Huffman's: by code the sign."""
    heap = [(count, sign, {"": sign}) for sign, count in sorted(counts.items())]
    heapify(heap)
    while len(heap) > 1:
        (few, first, low), (more, _, high) = heappop(heap), heappop(heap)
        joined = {f"0{code}": sign for code, sign in low.items()}
        joined |= {f"1{code}": sign for code, sign in high.items()}
        heappush(heap, (few + more, first, joined))
    return heap[0][2]


def _imitated(data: bytes) -> str:
    """Letters that follow each other as in a language, in words that are as long as there."""
    codes, said, last, read = _codes_by_letter(), [" "], 0, ""
    for bit in f"{int.from_bytes(data, 'big'):0{8 * len(data)}b}" + "0" * 20:
        read += bit
        if (sign := codes[said[-1]].get(read)) is not None:
            said.append(sign)
            if len(said) - last > 14:  # hardly a word is longer
                said.append(sign := " ")
            read = ""
            if sign == " ":
                last = len(said)
    return "".join(said)


def _coordinates(data: bytes) -> str:
    parts = (data[at : at + 6].ljust(6, b"\0") for at in range(0, len(data), 6))
    pairs = ((int.from_bytes(one[:3], "big"), int.from_bytes(one[3:], "big")) for one in parts)
    return "; ".join(f"{a / 1e6 + 40:.6f}, {b / 1e6:.6f}" for a, b in pairs)


def _yenc(data: bytes) -> str:
    return "".join(chr(0x100 + (byte + 42) % 256) for byte in data)


def _uu(data: bytes) -> str:
    lines = (binascii.b2a_uu(data[at : at + 45]).decode() for at in range(0, len(data), 45))
    return "begin 644 a.jpg\n" + "".join(lines)


def _postscript(data: bytes) -> str:
    return "%!PS-Adobe-3.0\n8 8 8 [8 0 0 8 0 0] {<" + data.hex() + ">} image"


def _xpm(data: bytes) -> str:
    signs = "".join(chr(97 + (byte >> 4)) + chr(97 + (byte & 15)) for byte in data)
    return '/* XPM */\nstatic char *a[] = {\n"' + _widths(signs, 16, '",\n"') + '"};'


def _rtf(data: bytes) -> str:
    return r"{\rtf1 " + "".join(rf"\'{byte:02x}" for byte in data) + "}"


def _times(data: bytes) -> str:
    seconds = (int.from_bytes(data[at : at + 2], "big") for at in range(0, len(data), 2))
    return ", ".join(f"{n // 3600:02}:{n // 60 % 60:02}:{n % 60:02}" for n in seconds)


def _dates(data: bytes) -> str:
    """Two bytes as a day: of some 200 years."""
    numbers = (int.from_bytes(data[at : at + 2], "big") for at in range(0, len(data), 2))
    return ", ".join(f"{1900 + n // 336}-{n // 28 % 12 + 1:02}-{n % 28 + 1:02}" for n in numbers)


def _in_case(data: bytes) -> str:
    """A bit in the case of each letter."""
    row = f"{int.from_bytes(data, 'big'):0{8 * len(data)}b}"
    prose = "the page was seen by an analyst on the day of the report and again "
    cover = prose * (2 * len(row) // len(prose) + 1)
    bits, said = iter(row), []
    for sign in cover:
        if sign.isalpha():
            bit = next(bits, None)
            if bit is None:
                break
            sign = sign.upper() if bit == "1" else sign  # noqa: PLW2901
        said.append(sign)
    return "".join(said)


def _homoglyphs(data: bytes) -> str:
    """A bit in each of five letters that Cyrillic has too."""
    row = f"{int.from_bytes(data, 'big'):0{8 * len(data)}b}"
    twins = dict(zip("aceop", "асеор", strict=True))
    prose = "a place to peep once a copper ace accepted peace cocoa "
    cover = prose * (len(row) // 25 + 1)
    bits, said = iter(row), []
    for sign in cover:
        if sign in twins:
            bit = next(bits, None)
            if bit is None:
                break
            sign = twins[sign] if bit == "1" else sign  # noqa: PLW2901
        said.append(sign)
    return "".join(said)


def _uuids(data: bytes) -> str:
    parts = (data[at : at + 16].ljust(16, b"\0") for at in range(0, len(data), 16))
    return " ".join(str(UUID(bytes=part)) for part in parts)


def _ipv6(data: bytes) -> str:
    parts = (data[at : at + 16].ljust(16, b"\0").hex() for at in range(0, len(data), 16))
    return " ".join(_widths(part, 4, ":") for part in parts)


_Z85 = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ.-:+=^!/*?&<>()[]{}@%$#"
_B58 = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
_B64 = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
_CYRILLIC = "".join(chr(n) for n in range(0x410, 0x450))
_GREEK = "αβγδεζηθικλμνξοπρστυφχψωΑΒΓΔΕΖΗΘΙΚΛΜΝΞΟΠΡΣΤΥΦΧΨΩάέήίόύώϊϋΐΰϊΆΈΉΊ"
_COMMON_HAN = (
    "的一是不了在人有我他这个们中来上大为和国地到以说时要就出会可也你对生能而子那得于"
    "着下自之年过发后作里用道行所然家种事"
)
_KANA = "".join(chr(n) for n in range(0x3042, 0x3082))
_HANZI_BYTE = 0x4E00

FORMS: Mapping[str, Callable[[bytes], str]] = {
    "decimal, commas": _each(str, ","),
    "decimal, blanks": _each(str),
    "decimal, dots": _each(str, "."),
    "decimal, colons": _each(str, ":"),
    "decimal, lines": _each(str, "\n"),
    "decimal, semicolons and words": _each(lambda n: f"byte {n};"),
    "decimal, negative": _each(lambda n: str(n - 128), ", "),
    "JSON array": lambda data: "[" + ", ".join(map(str, data)) + "]",
    "Arabic digits": _translated(_each(str, ","), "0123456789", "٠١٢٣٤٥٦٧٨٩"),
    "Devanagari digits": _translated(_each(str, ","), "0123456789", "०१२३४५६७८९"),
    "full-width digits": _translated(_each(str, ","), "0123456789", "０１２３４５６７８９"),
    "octal": _each(lambda n: f"{n:03o}"),
    "octal, escaped": _each(lambda n: f"\\{n:03o}", ""),
    "binary": _each(lambda n: f"{n:08b}"),
    "binary, unbroken": _cut(_each(lambda n: f"{n:08b}", ""), 60),
    "decimal, width 3": _cut(_each(lambda n: f"{n:03}", ""), 60),
    "numbers of 10 digits": _numbers(4, 10),
    "numbers of 13 digits": _numbers(5, 13),
    "numbers of 12 digits": _cut(_each(lambda n: f"{n:03}", ""), 12),
    "numbers of 20 digits": _numbers(8, 20),
    "coordinates": _coordinates,
    "times": _times,
    "dates": _dates,
    "numeric entities": _each(lambda n: f"&#{n};", ""),
    "hexadecimal entities": _each(lambda n: f"&#x{n:x};", ""),
    "Latin Extended": _block(0x100, 8),
    "Latin Extended in words": _cut(_block(0x100, 8), 7),
    "Cyrillic for base64": _cut(_translated(_base64, _B64, _CYRILLIC), 8),
    "Greek for base64": _cut(_translated(_base64, _B64, _GREEK), 8),
    "Hebrew": _cut(_translated(_letters, "abcdefghijklmnop", "אבגדהוזחטיכלמנסע"), 6),
    "Arabic": _cut(_translated(_letters, "abcdefghijklmnop", "ابتثجحخدذرزسشصضط"), 6),
    "Thai": _block(0x0E01, 5),
    "ideographs, a byte each": _block(_HANZI_BYTE, 8),
    "ideographs, 13 bits each": _block(_HANZI_BYTE, 13),
    "common ideographs": _base(_COMMON_HAN, 5, 8),
    "Hangul, a byte each": _cut(_block(0xAC00, 8), 4),
    "Hangul, 13 bits each": _cut(_block(0xAC00, 13), 4),
    "kana": _translated(_base64, _B64, _KANA),
    "Ethiopic": _cut(_block(0x1200, 6), 5),
    "braille": _block(0x2800, 8),
    "emoji": _block(0x1F300, 8),
    "box drawing": _block(0x2500, 7),
    "mathematical letters": _block(0x1D400, 8),
    "letters a to p, words of 8": _cut(_letters, 8),
    "letters a to p, words of 16": _cut(_letters, 16, "-"),
    "capitals A to P, words of 5": _cut(lambda data: _letters(data).upper(), 5),
    "letters in verses": _cut(_cut(_letters, 6), 42, ",\n"),
    "base64 in words of 8": _cut(_base64, 8, " and "),
    "base64, lines of 60": _cut(_base64, 60, "\n"),
    "base64url in words of 20": _cut(_base64url, 20),
    "base64 in sentences": _cut(_base64, 12, ". The page says: "),
    "hex in pairs": lambda data: data.hex(" "),
    "hex in words of 4": lambda data: data.hex(" ", 2),
    "hex in words of 32": _cut(bytes.hex, 32),
    "MAC addresses": lambda data: _widths(data.hex(":"), 18).replace(": ", " "),
    "UUIDs": _uuids,
    "IPv6 addresses": _ipv6,
    "base32": _cut(lambda data: base64.b32encode(data).decode().rstrip("="), 10),
    "base32, small": _cut(lambda data: base64.b32encode(data).decode().lower().rstrip("="), 16),
    "base36": _cut(_base("0123456789abcdefghijklmnopqrstuvwxyz", 16, 25), 5),
    "base45": _cut(_base("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ $%*+-./:", 2, 3), 30),
    "base58": _cut(_base(_B58, 8, 11), 11),
    "ascii85": _cut(lambda data: base64.a85encode(data).decode(), 18),
    "z85": _cut(_base(_Z85, 4, 5), 10),
    "uuencode": _uu,
    "yEnc": _yenc,
    "percent": _each(lambda n: f"%{n:02X}", ""),
    "\\x": _each(lambda n: f"\\x{n:02x}", ""),
    "\\u": _each(lambda n: f"\\u00{n:02x}", ""),
    "quoted-printable": lambda data: quopri.encodestring(data).decode(),
    "XPM": _xpm,
    "PostScript": _postscript,
    "P3": lambda data: "map P3 64 64 255 " + " ".join(map(str, data)),
    "RTF": _rtf,
    "bubbles": _bubbles,
    "proquints": _proquints,
    "Morse": _each(lambda n: " ".join(_MORSE[sign] for sign in f"{n:02x}"), " / "),
    "Roman numerals": _each(_roman),
    "numbers in words": _each(_in_words, ", "),
    "a list of 256 words": _words(SHORT_LIST),
    "a list of 65,536 words": _long_words,
    "letters as frequent as in a language": _frequent_letters,
    "the case of letters": _in_case,
    "letters of two alphabets": _homoglyphs,
    "blanks and tabs": lambda data: "a" + _base(" \t\n ", 1, 4)(data) + "a",
    "dice": _base("⚀⚁⚂⚃⚄⚅", 2, 7),
    "playing cards": _block(0x1F0A1, 3),
    "musical notes": _base("CDEFGAB#", 3, 8, " "),
}


# --- places ---


def pieces(text: str, longest: int) -> list[str]:
    """A text in pieces, cut after a blank or a comma where there is one."""
    found, at = [], 0
    while at < len(text):
        end = at + longest
        if end < len(text):
            cut = max(text.rfind(sign, at + longest // 2, end) for sign in " ,\n;:.")
            end = cut + 1 if cut > 0 else end
        found.append(text[at:end].strip(" \n") or "x")
        at = end
    return found


def ids(count: int, start: int = 1000) -> list[str]:
    """Ids of elements."""
    return [str(UUID(int=(0x018F << 112) | 7 << 76 | 2 << 62 | start + n)) for n in range(count)]


def with_items(parts: list[dict[str, Any]]) -> Case:
    """A case with further items."""
    case = small_case()
    fresh = zip(ids(len(parts)), parts, strict=True)
    case["items"] += [{"id": id_, "kind": "url", **part} for id_, part in fresh]
    return case


def with_values(kind: str, values: list[str]) -> Case:
    """A case with further items of one kind."""
    return with_items([{"kind": kind, "value": value} for value in values])


_SAID = {
    "kind": "fact",
    "language": "en",
    "made_by_role": "analyst",
    "made_at": "2026-01-02T10:00:00Z",
    "content_warning": "none",
}


def with_statements(texts: list[str]) -> Case:
    """A case with statements."""
    said = zip(ids(len(texts)), texts, strict=True)
    return {
        **small_case(),
        "statements": [{"id": id_, "text": text, **_SAID} for id_, text in said],
    }


def with_bases(name: str, texts: list[str]) -> Case:
    """A case with legal bases."""
    grounds = [{"regime": "gdpr", "article": "6(1)(f)", name: text} for text in texts]
    return {**small_case(), "legal_basis": grounds}


def with_hosting(name: str, texts: list[str]) -> Case:
    """A case whose items were hosted by somebody."""
    seen = {"country": "FR", "observed_at": "2026-01-02T10:00:00Z", "method": "whois"}
    return with_items(
        [{"value": "https://a.example/", "hosting": [{**seen, name: text}]} for text in texts]
    )


def _quoted(text: str) -> str:
    plain = set(_B64) | set("-_.,:;=/")
    return "".join(
        sign if sign in plain else "".join(f"%{byte:02X}" for byte in sign.encode())
        for sign in text
    )


def _parameters(name: str, longest: int = 1900) -> Callable[[str], Case]:
    return lambda text: with_values(
        "url", [f"https://a.example/?{name}={_quoted(one)}" for one in pieces(text, longest)]
    )


def _bare(text: str) -> str:
    return "".join(sign if sign.isalnum() else "." for sign in text)


PLACES: Mapping[str, Callable[[str], Case]] = {
    "statements": lambda text: with_statements(pieces(text, 1990)),
    "small statements": lambda text: with_statements(pieces(text, 500)),
    "?p=": _parameters("p"),
    "?ids=": _parameters("ids", 600),
    "?hm=": lambda text: _parameters("hm", 64)(text.replace(" ", "")),
    "short ?p=": _parameters("p", 120),
    "path": lambda text: with_values(
        "url", [f"https://a.example/{_quoted(one)}" for one in pieces(text, 1900)]
    ),
    "#": lambda text: with_values(
        "url", [f"https://a.example/a#{_quoted(one)}" for one in pieces(text, 1900)]
    ),
    "referrer": lambda text: with_items(
        [
            {"value": "https://a.example/", "referrer": f"https://a.example/{_quoted(one)}"}
            for one in pieces(text, 1900)
        ]
    ),
    "magnet dn=": lambda text: with_values(
        "p2p", [f"magnet:?xt=urn:btih:{'ab' * 20}&dn={_quoted(one)}" for one in pieces(text, 1900)]
    ),
    "account": lambda text: with_values("account", pieces(text.replace("\n", " "), 290)),
    "short account": lambda text: with_values("account", pieces(text.replace("\n", " "), 40)),
    "payment": lambda text: with_values("payment", pieces(text.replace("\n", " "), 100)),
    "report_ref": lambda text: with_values(
        "report_ref", [f"a{one}" for one in pieces(_bare(text), 98)]
    ),
    "references": lambda text: {
        **small_case(),
        "references": [
            {"id": id_, "scheme": "court", "value": f"a{one}"}
            for id_, one in zip(ids(5000), pieces(_bare(text), 98), strict=False)
        ],
    },
    "host": lambda text: with_values(
        "host",
        [
            _widths(_bare(one).replace(".", ""), 60, ".") + ".a.example"
            for one in pieces(text.lower(), 220)
        ],
    ),
    "hosting.isp": lambda text: with_hosting("isp", pieces(text.replace("\n", " "), 190)),
    "hosting.registrar": lambda text: with_hosting(
        "registrar", pieces(text.replace("\n", " "), 190)
    ),
    "legal basis": lambda text: with_bases("necessity_note", pieces(text, 290)),
    "national law": lambda text: with_bases("national_law", pieces(text.replace("\n", " "), 190)),
    "source of a legal basis": lambda text: {
        **small_case(),
        "legal_basis": [
            {
                "regime": "gdpr",
                "article": "6(1)(f)",
                "source_legal_basis": {"text": one, "dated": "2026-01-02"},
            }
            for one in pieces(text, 490)
        ],
    },
    "law_ref": lambda text: {
        **small_case(),
        "classifications": [
            {
                "id": id_,
                "about": "case",
                "scheme": "fr_law",
                "code": "a",
                "assessor_role": "analyst",
                "assessed_at": "2026-01-02T10:01:00Z",
                "method": "human",
                "law_ref": one,
            }
            for id_, one in zip(ids(5000), pieces(text.replace("\n", " "), 98), strict=False)
        ],
    },
}


# --- carriers that are neither: values which have a form of their own ---


def _chunks(data: bytes, size: int) -> Iterator[bytes]:
    for at in range(0, len(data), size):
        yield data[at : at + size].ljust(size, b"\0")


def _in_hashes(algorithm: str, size: int) -> Carrier:
    def carry(data: bytes) -> Case:
        return with_items(
            [
                {
                    "kind": "host",
                    "value": "a.example",
                    "hash": [{"alg": algorithm, "value": one.hex()}],
                }
                for one in _chunks(data, size)
            ]
        )

    return carry


def _in_ids(data: bytes) -> Case:
    case = with_values("host", ["a.example"] * -(-len(data) // 14))
    for item, one in zip(case["items"][1:], _chunks(data, 14), strict=True):
        digits = one.hex()
        item["id"] = (
            f"{digits[:8]}-{digits[8:12]}-7{digits[12:15]}-8{digits[15:18]}-00{digits[18:]}"
        )
    return case


def _in_events(data: bytes) -> Case:
    return with_values("ip_event", [str(IPv6Address(one)) for one in _chunks(data, 16)])


def _in_moments(data: bytes) -> Case:
    """Six bytes as a moment within a day, to the nanosecond."""
    values = (int.from_bytes(one, "big") for one in _chunks(data, 5))
    return with_values(
        "ip_event",
        [
            f"192.0.2.1@2026-01-02T{n // 10**6 // 3600 % 24:02}:{n // 10**6 // 60 % 60:02}:"
            f"{n // 10**6 % 60:02}.{n % 10**6:06}Z"
            for n in values
        ],
    )


def _in_as_numbers(data: bytes) -> Case:
    seen = {"country": "FR", "observed_at": "2026-01-02T10:00:00Z", "method": "whois"}
    return with_items(
        [
            {
                "value": "https://a.example/",
                "hosting": [{**seen, "as_number": int.from_bytes(one, "big") or 1}],
            }
            for one in _chunks(data, 4)
        ]
    )


def _in_addresses(data: bytes) -> Case:
    return with_values("url", [f"https://a.example/{_base64url(one)}" for one in _chunks(data, 18)])


def _in_signed_addresses(data: bytes) -> Case:
    """As the address of a photograph has them: two ids, and a long signature."""
    return with_values(
        "url",
        [
            f"https://www.facebook.com/photo/?fbid=1{int.from_bytes(one[:7], 'big'):017}"
            f"&set=a.1{int.from_bytes(one[7:14], 'big'):017}&__cft__[0]={_base64url(one[14:])}"
            for one in _chunks(data, 134)
        ],
    )


def _in_wallets(data: bytes) -> Case:
    write = _base(_B58, 17, 24)
    return with_values("payment", [f"4{write(one)[2:]}" for one in _chunks(data, 68)])


def _in_hidden_hosts(data: bytes) -> Case:
    """Keys of onion services that nobody has, with the checksum that makes a host of each."""

    def host(key: bytes) -> str:
        checksum = hashlib.sha3_256(b".onion checksum" + key + b"\3").digest()[:2]
        return base64.b32encode(key + checksum + b"\3").decode().lower() + ".onion"

    return with_values("onion", [host(one) for one in _chunks(data, 32)])


SHAPED: Mapping[str, Carrier] = {
    "letters that follow each other as in a language": lambda data: with_statements(
        pieces(_imitated(data), 1990)
    ),
    "hashes that are none": _in_hashes("sha512", 64),
    "ids of elements": _in_ids,
    "IPv6 addresses of events": _in_events,
    "moments of events": _in_moments,
    "AS numbers": _in_as_numbers,
    "short addresses": _in_addresses,
    "addresses with the signature of their service": _in_signed_addresses,
    "wallets that are none": _in_wallets,
    "hidden hosts that are none": _in_hidden_hosts,
}


def _carrier(place: str, form: str) -> Carrier:
    return lambda data: PLACES[place](FORMS[form](data))


_EVERY_PLACE = (
    "decimal, commas",
    "base64url in words of 20",
    "hex in words of 32",
    "letters a to p, words of 8",
    "letters as frequent as in a language",
    "numbers of 10 digits",
    "Latin Extended",
)
"""Forms that are tried in every place; all forms are tried in statements and in addresses."""

CARRIERS: Mapping[str, Carrier] = {
    **{f"statements: {form}": _carrier("statements", form) for form in FORMS},
    **{f"?p=: {form}": _carrier("?p=", form) for form in FORMS},
    **{
        f"{place}: {form}": _carrier(place, form)
        for place in PLACES
        for form in _EVERY_PLACE
        if place not in ("statements", "?p=")
        and (place != "host" or form == "hex in words of 32")  # whose letters are small
    },
    **SHAPED,
}
