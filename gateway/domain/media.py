"""Rule R1, nothing but metadata: find media in bytes and in text.

Two questions are asked. Of bytes: do they begin like a picture, a film, a sound, an archive or a
document? Of text: does it carry a file, by address (`data:`, `file:`, a network or drive path) or
by content, or is it markup that draws or runs? Addresses in a text are judged as addresses.

Files are known by their beginning in base64, base32 and hexadecimal digits, in escapes, in decimal,
octal and binary numbers, and where each sign is a byte. A file without a known beginning
is not recognised: `residue` weighs what spells nothing, and so bounds what it could be.
"""

import hashlib
import html
import re
import string
import unicodedata
from base64 import b32decode, b32encode, b64decode, b64encode
from collections import Counter
from collections.abc import Callable, Iterator
from enum import StrEnum
from urllib.parse import unquote

_LAYERS = 8  # of percent, entity and escape decoding: honest text has one or two
_ROUNDS = 3  # of base64 inside base64


class Media(StrEnum):
    """What bytes may be that a gateway for metadata does not take."""

    IMAGE = "image"
    VIDEO = "video"
    AUDIO = "audio"
    ARCHIVE = "archive"
    DOCUMENT = "document"


_TAR_AT, _TAR = 257, b"ustar"

# (offset, bytes, kind), from the formats' own specifications.
_MAGIC: tuple[tuple[int, bytes, Media], ...] = (
    (0, b"\x89PNG\r\n\x1a\n", Media.IMAGE),
    (0, b"GIF87a", Media.IMAGE),
    (0, b"GIF89a", Media.IMAGE),
    (0, b"II*\0", Media.IMAGE),  # TIFF, and most raw camera files
    (0, b"MM\0*", Media.IMAGE),
    (0, b"II+\0", Media.IMAGE),  # BigTIFF
    (0, b"MM\0+", Media.IMAGE),
    (0, b"8BPS\0\x01", Media.IMAGE),
    (0, b"\0\0\0\x0cjP  \r\n\x87\n", Media.IMAGE),  # JPEG 2000
    (0, b"\0\0\0\x0cJXL \r\n\x87\n", Media.IMAGE),
    (0, b"\x1aE\xdf\xa3", Media.VIDEO),  # Matroska, WebM
    (0, b"FLV\x01", Media.VIDEO),
    (0, b"\x30\x26\xb2\x75\x8e\x66\xcf\x11", Media.VIDEO),  # ASF: WMV, WMA
    (0, b"\0\0\x01\xba", Media.VIDEO),  # MPEG program stream
    (0, b"\0\0\x01\xb3", Media.VIDEO),  # MPEG video
    (0, b"ID3\x02", Media.AUDIO),
    (0, b"ID3\x03", Media.AUDIO),
    (0, b"ID3\x04", Media.AUDIO),
    (0, b"OggS\0", Media.AUDIO),
    (0, b"fLaC\0", Media.AUDIO),
    (0, b"MThd\0", Media.AUDIO),
    (0, b"#!AMR", Media.AUDIO),
    (0, b"PK\x03\x04", Media.ARCHIVE),
    (0, b"PK\x05\x06", Media.ARCHIVE),
    (0, b"PK\x07\x08", Media.ARCHIVE),
    (0, b"Rar!\x1a\x07", Media.ARCHIVE),
    (0, b"7z\xbc\xaf\x27\x1c", Media.ARCHIVE),
    (0, b"\x1f\x8b\x08", Media.ARCHIVE),  # gzip
    (0, b"\xfd7zXZ\0", Media.ARCHIVE),
    (0, b"\x28\xb5\x2f\xfd", Media.ARCHIVE),  # Zstandard
    (0, b"\x04\x22\x4d\x18", Media.ARCHIVE),  # LZ4
    (0, b"MSCF\0\0\0\0", Media.ARCHIVE),
    (_TAR_AT, _TAR, Media.ARCHIVE),
    (0, b"{\\rtf", Media.DOCUMENT),
    (0, b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", Media.DOCUMENT),  # compound file: old office formats
)
_RIFF = {b"WEBP": Media.IMAGE, b"AVI ": Media.VIDEO, b"WAVE": Media.AUDIO, b"RMID": Media.AUDIO}
_IMAGE_BRANDS = (b"hei", b"hev", b"mif", b"msf", b"avi", b"jp2", b"jxl")
_BOXES = (b"moov", b"mdat", b"wide", b"free", b"skip", b"pnot")
_BMP_HEADERS = frozenset({12, 40, 52, 56, 64, 108, 124})
_SVG = re.compile(rb"(?:<\?[^>]*+>|(?><!--.*?-->)|<!DOCTYPE[^>]*+>|\s)*+<svg\b", re.S | re.I)


def sniff(data: bytes) -> Media | None:
    """Tell from its first bytes what file ``data`` is, or None if it begins like none known."""
    kind, white = _sniff(data), b" \t\r\n"
    if kind or data[:1] not in (b" ", b"\t", b"\r", b"\n", b"\0"):
        return kind
    return _sniff(data.lstrip(white)) or _sniff(data.lstrip(white + b"\0"))


_BEGINS = re.compile(b"|".join(re.escape(magic) for offset, magic, _ in _MAGIC if not offset))
_KINDS = {magic: kind for _, magic, kind in _MAGIC}


def _sniff(data: bytes) -> Media | None:
    if found := _BEGINS.match(data):
        return _KINDS[found[0]]
    if data.startswith(_TAR, _TAR_AT):
        return Media.ARCHIVE
    return _picture(data) or _film(data) or _sound(data) or _packed(data)


def _picture(data: bytes) -> Media | None:
    jpeg = data.startswith(b"\xff\xd8\xff") and data[3:4] >= b"\xc0"
    bitmap = (
        data.startswith(b"BM")
        and data[6:10] == b"\0\0\0\0"  # reserved; without this "BM" would be any text
        and int.from_bytes(data[14:18], "little") in _BMP_HEADERS
    )
    icon = data[:4] == b"\0\0\x01\0" and data[5:6] == b"\0" and data[9:10] == b"\0"
    return Media.IMAGE if jpeg or bitmap or icon or _SVG.match(data[:4096]) else None


def _film(data: bytes) -> Media | None:
    if data[:4] in (b"RIFF", b"RIFX", b"RF64"):
        return _RIFF.get(data[8:12])
    if data[4:8] == b"ftyp":  # ISO base media: the brand tells still pictures from films
        if data[8:11] in _IMAGE_BRANDS:
            return Media.IMAGE
        return Media.AUDIO if data[8:11] in (b"M4A", b"M4B") else Media.VIDEO
    box = data[4:8] in _BOXES and data[:2] == b"\0\0" and len(data) >= 12
    packets = data[:1] == data[188:189] == data[376:377] == b"G"  # MPEG transport stream
    return Media.VIDEO if box or packets else None


def _sound(data: bytes) -> Media | None:
    """MPEG audio without a tag: a frame header, and another one where the first frame ends."""
    length = _mpeg_frame(data[:4])
    return Media.AUDIO if length and _mpeg_frame(data[length : length + 4]) else None


# Layer III, kilobits per second by index: version 1, then 2 and 2.5 (ISO 11172-3, 13818-3).
_RATES_V1 = (0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320)
_RATES_V2 = (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160)
_FREQUENCIES = {3: (44100, 48000, 32000), 2: (22050, 24000, 16000), 0: (11025, 12000, 8000)}


def _mpeg_frame(header: bytes) -> int:
    """The length in bytes of the layer III frame that ``header`` opens; 0 if it opens none."""
    if len(header) < 4 or header[0] != 0xFF or header[1] & 0xE0 != 0xE0:
        return 0
    version, layer = header[1] >> 3 & 3, header[1] >> 1 & 3
    rate, frequency, padding = header[2] >> 4, header[2] >> 2 & 3, header[2] >> 1 & 1
    if layer != 1 or version not in _FREQUENCIES or rate in (0, 15) or frequency == 3:
        return 0
    rates, samples = (_RATES_V1, 144) if version == 3 else (_RATES_V2, 72)
    return samples * rates[rate] * 1000 // _FREQUENCIES[version][frequency] + padding


def _packed(data: bytes) -> Media | None:
    if re.match(rb"BZh[1-9]1AY&SY", data) or b"PK\x05\x06" in data[-65557:]:
        return Media.ARCHIVE  # a zip may stand behind anything: its directory is at the end
    return Media.DOCUMENT if b"%PDF-" in data[:1024] else None


# --- text ---

_RUN = r"[A-Za-z0-9+/_-]"  # both alphabets of RFC 4648
_SIGNS = re.compile(r"[:/\\%&<]")
_DATA_URI = re.compile(r"(?<![\w.+-])data:[^\s,]{0,300},", re.I)
_DATA_TYPE = re.compile(
    r"data:(?:image|video|audio|application|text|font|model|multipart|message)/|;base64,", re.I
)
_DATA_ADDRESS = re.compile(
    r"data:(?:image|video|audio|application|text|font|model|multipart|message)/[^,]{1,300},"
    r"|data:,|;base64,",
    re.I,
)
_PATHS = (
    (
        re.compile(r"(?<![\w.+-])(?:(?:file|smb|afp|nfs|blob):(?:\S|\s*/)|content://)", re.I),
        "holds the address of a file (file:, smb:, blob:, content:)",
    ),
    (
        re.compile(r"\\\\[^\s\\/]+[\\/]\S|(?<![:\w/\\])//[^\s\\/]+/[^\s/]"),
        "holds the path of a file on a network",
    ),
    (
        re.compile(  # of a file: a folder says where something was, and opens nothing
            r"(?:(?<!\w)[A-Za-z]:[\\/]|(?<!\w)~/|(?<![\w/.:~-])/(?:home|Users|root|mnt|media|Volumes)/)"
            r"[^\n:<>|\"*?~]{0,250}\.(?:jpe?g|jpe|jfif|png|gif|webp|hei[cf]|avif|jxl|bmp|tiff?|svg|ico"
            r"|psd|raw|dng|mp[34]|m[14][av]|mov|avi|mkv|webm|wm[av]|flv|mpe?g|3gp|vob|ts|wav|ogg|opus"
            r"|flac|aac|zip|rar|7z|tar|gz|pdf|docx?|pptx?|xlsx?)(?!\w)",
            re.I,
        ),
        "holds the path of a file on a drive",
    ),
)
_DRAWING = r"(?:svg|script|img|image|iframe|object|embed|video|audio|picture|canvas)\b"
_MARKUP = re.compile(  # a tag that is only named draws nothing
    rf"<\s*{_DRAWING}[\s/]+[\w:-]+\s*=|<\s*/\s*{_DRAWING}", re.I
)
_PLAIN = re.compile(
    r"(?<!\w)P[1-3]\s+\d+\s+\d+(?:\s+\d+){8}"  # netpbm
    r"|/\*\s*XPM\s*\*/|\bstatic\s+(?:unsigned\s+|const\s+)?char\b[^=]{0,80}=\s*\{"  # XPM, XBM
    r"|%!PS|%PDF-\d|\{\\rtf|\bbegin [0-7]{3} \S|=ybegin |<~[!-u\s]{40}"
)
"""How files begin that are text: pictures of numbers and strings, documents, uuencode and such."""
_PLAIN_SIGNS = re.compile("[%*{~]|P[1-3]|begin |=y")  # asked first: few texts have one
_ADDRESSING = re.compile(r"[:;/\\]")
"""Without one of these signs no text holds a `data:` or `file:` address, nor a path."""

_QUOTED = re.compile("%[0-9A-Fa-f]{2}")
_ESCAPE = re.compile(r"\\(?:u([0-9a-fA-F]{4})|x([0-9a-fA-F]{2})|([nrt])|(/))")


def find_media(text: str) -> str | None:
    """Say why free text carries a file, as the end of a sentence; None if nothing was found."""
    if len(text) < _SHORTEST and text.isascii() and not _SIGNS.search(text):
        return None  # no address is without one of these signs, no file so short
    if "/" in text:
        links = _LINK.findall(text)
        if fault := next(filter(None, map(find_media_in_link, links)), None):
            return fault
        text = _LINK.sub(" ", text)
    readings = [*_readings(text)]
    if fault := next(filter(None, map(_fault_of, readings)), None):
        return fault
    kind = _sniff_readings(readings)
    return f"holds an encoded {kind}" if kind else None


def _fault_of(text: str) -> str | None:
    if _ADDRESSING.search(text):
        if _DATA_URI.search(text) or _DATA_TYPE.search(_squeezed(text)):
            return "holds a data: address"
        for path, sentence in _PATHS:
            if path.search(text):
                return sentence
    if "<" in text and _MARKUP.search(text):
        return "holds markup that draws or runs, as svg, img and script: describe it in words"
    if _PLAIN_SIGNS.search(text) and _PLAIN.search(text):
        return "begins a picture or a document that is written as text: describe it in words"
    return None


def find_media_in_link(text: str) -> str | None:
    """Say why an address carries a file inside itself; long and odd paths are what addresses are.

    A link may name a picture (``.jpg``): that is what is reported, and nobody fetches it.
    """
    readings = [*_readings(text)]
    if any(_DATA_ADDRESS.search(_squeezed(reading)) for reading in readings):
        return "holds a data: address"
    kind = _sniff_readings(readings)
    return f"holds an encoded {kind}" if kind else None


def _squeezed(text: str) -> str:
    return "".join(text.split())


def _readings(text: str) -> Iterator[str]:
    """Yield ``text``, then what its escapes, percent signs and entities hide, layer by layer."""
    yield text
    for _ in range(_LAYERS):
        plain = _decoded(text)
        if plain == text:
            return
        yield plain
        text = plain


def _decoded(text: str) -> str:
    if not text.isascii():  # full-width letters and invisible characters read like plain ones
        text = unicodedata.normalize("NFKC", text)
        hidden = [ord(c) for c in set(text) if unicodedata.category(c) == "Cf"]
        text = text.translate(dict.fromkeys(hidden)) if hidden else text
    if "\\" in text:
        text = _ESCAPE.sub(_unescaped, text)
    if "%" in text and _QUOTED.search(text):
        text = unquote(text)
    return html.unescape(text) if "&" in text else text


def _unescaped(found: re.Match[str]) -> str:
    code = found[1] or found[2]
    if code:
        return chr(int(code, 16))
    return "/" if found[4] else "\n"


# --- addresses, words and names in text ---

_LINK = re.compile(
    r"(?<![\w.+/-])(?<!blob:)"
    r"(?:(?:https?|ftp)://|(?:[a-z0-9-]{1,63}\.){1,5}[a-z]{2,24}/)[^\s<>\"]+",
    re.I,
)
_ONION = re.compile(r"\b[a-z2-7]{56}(?=\.onion\b)")
_ONION_VERSION = b"\3"
_BASE58 = "[1-9A-HJ-NP-Za-km-z]"
_WALLET = (
    rf"[13LMDTr]{_BASE58}{{25,34}}"  # Bitcoin, Litecoin, Dogecoin, Tron, Ripple
    rf"|(?:bc1|ltc1|BC1)[02-9AC-HJ-NP-Zac-hj-np-z]{{39,59}}"
    rf"|[48]{_BASE58}{{94}}(?:{_BASE58}{{11}})?"  # Monero
)
ACCOUNT_FORM = re.compile(
    rf"(?<!{_RUN})(?:{_WALLET}|0x[0-9A-Fa-f]{{40}}|05[0-9a-f]{{64}}|[0-9A-F]{{76}}"
    rf"|[A-Z]{{2}}[0-9]{{2}}[A-Z0-9]{{11,30}})(?!{_RUN})"
)
"""Wallets, the ids of Session and Tox, account numbers of banks."""


def without_hidden_hosts(text: str) -> str:
    """A text without the names of onion services."""
    return _ONION.sub(_unless_hidden_host, text) if ".onion" in text else text


def _unless_hidden_host(found: re.Match[str]) -> str:
    """Nothing for the name of an onion service, whose checksum holds (Tor's rend-spec-v3 6)."""
    name = b32decode(found[0].upper())
    key, checksum, version = name[:32], name[32:34], name[34:]
    expected = hashlib.sha3_256(b".onion checksum" + key + _ONION_VERSION).digest()[:2]
    return "" if (checksum, version) == (expected, _ONION_VERSION) else found[0]


# --- files inside base64, base32 and hexadecimal digits ---

_WINDOW = 2400  # characters: beyond the longest MPEG audio frame, the farthest look of `sniff`
_SHORTEST = 24  # bytes: no picture is smaller
_BLOCK = re.compile(f"{_RUN}{{16,}}(?:\\s+{_RUN}{{16,}})*+")
_STANDARD = bytes.maketrans(b"-_", b"+/")
_NUMERALS = str.maketrans("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", "0123456789abcdefghijklmnopqrstuv")
_DIGITS = str.maketrans("", "", "0123456789")
_MOST_LOOKS = 2000  # ten times what a whole request of random signs comes to
_FEWEST_DIGITS = 16  # of the 48 signs of the shortest file in hexadecimal digits

_JPEG = b"\xff\xd8\xff"

# Beginnings whose bytes alone say too little for _MAGIC; `sniff` looks at the rest.
_HINTS: tuple[tuple[int, bytes], ...] = (
    (0, _JPEG),
    (0, b"BM"),
    (0, b"\0\0\x01\0"),
    *((0, riff) for riff in (b"RIFF", b"RIFX", b"RF64")),
    *((4, box) for box in (b"ftyp", *_BOXES)),
    (0, b"BZh"),
    (0, b"%PDF-"),
    (0, b"<svg"),
    (0, b"<?xml"),
)
_BEGINNINGS = (*((offset, magic) for offset, magic, _ in _MAGIC), *_HINTS)


class _Code:
    """A way to write bytes as signs: groups of ``size`` bytes are groups of ``width`` signs."""

    def __init__(
        self,
        size: int,
        width: int,
        encode: Callable[[bytes], bytes],
        decode: Callable[[str], bytes],
        signs: bytes,
    ) -> None:
        self._width, self._decode = width, decode
        self._outside = bytes({*range(128)}.difference(signs))
        self._fragments = tuple(self._looks(size, encode))
        self._starts = frozenset(tuple(look[0][:3]) for look in self._fragments)
        self._short = tuple(look for look in self._fragments if len(look[0]) < 3)

    def _looks(self, size: int, encode: Callable[[bytes], bytes]) -> Iterator[tuple[str, int, int]]:
        """Yield what each beginning looks like, at each of the ways to stand in a group.

        With each: how many signs before it the groups start that hold the file's first byte, and
        which byte of them that is.
        """
        width = self._width
        for offset, magic in _BEGINNINGS:
            for shift in range(size):
                first, last = -(-width * shift // size), width * (shift + len(magic)) // size
                written = encode(b"\0" * shift + magic + b"\0" * size).decode("ascii")[first:last]
                groups = max(0, -(-(offset - shift) // size))
                yield written, first + width * groups, shift + size * groups - offset

    def row(self, text: str) -> str:
        """The signs of a text, without what stands between them."""
        return text.encode("ascii", "ignore").translate(_STANDARD, self._outside).decode("ascii")

    def decode(self, row: str) -> bytes:
        """Decode the whole groups of a row."""
        return self._decode(row[: len(row) // self._width * self._width])

    def sniff(self, row: str) -> Media | None:
        """Look for every known beginning at every place of a row.

        A row of thousands of beginnings of nothing is made to keep us busy: it counts as a file.
        """
        looks, fragments = 0, self._fragments
        if len(row) < _WINDOW and self._starts.isdisjoint(zip(row, row[1:], row[2:], strict=False)):
            fragments = self._short  # of most short texts three signs in a row say enough
        for fragment, back, skipped in fragments:
            at = row.find(fragment)
            while at >= 0:
                began = at - back
                data = self.decode(row[began : began + _WINDOW])[skipped:] if began >= 0 else b""
                kind = _sniff(data) if len(data) >= _SHORTEST else None
                looks += 1
                if kind or looks > _MOST_LOOKS:
                    return kind or Media.DOCUMENT
                at = row.find(fragment, at + 1)
        return None


_BASE64_SIGNS = f"{string.ascii_letters}{string.digits}+/-_".encode("ascii")
_BASE64 = _Code(3, 4, b64encode, b64decode, _BASE64_SIGNS)
_BASE32 = _Code(
    # Python reads numbers of base 32 at once, and base32 sign by sign.
    5,
    8,
    b32encode,
    lambda row: int("0" + row.translate(_NUMERALS), 32).to_bytes(5 * len(row) // 8, "big"),
    b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567",
)
_HEX = _Code(1, 2, lambda data: data.hex().encode("ascii"), bytes.fromhex, b"0123456789abcdef")


def sniff_encoded(text: str) -> Media | None:
    """Tell what file ``text`` carries in base64, in any wrapping, also base64 inside base64, in
    hexadecimal digits, in escapes of bytes, or in numbers."""
    return _sniff_readings([*_readings(text)])


def _sniff_readings(readings: list[str]) -> Media | None:
    text = readings[0]
    return _sniff_escaped(text) or _sniff_encoded(readings, _ROUNDS - 1) or sniff_numbers(text)


def sniff_row(text: str) -> Media | None:
    """Tell what file stands in a text in base64, base32 or hexadecimal digits, at any place."""
    small = text.lower()
    return (
        _BASE64.sniff(_BASE64.row(text))
        or _HEX.sniff(_HEX.row(small))
        or _BASE32.sniff(_BASE32.row(small.upper()))
    )


def _sniff_encoded(readings: list[str], rounds: int) -> Media | None:
    if len(readings[0]) < 4 * _SHORTEST // 3:
        return None
    for reading in readings:
        row = _BASE64.row(reading)
        kind = _BASE64.sniff(row) or _sniff_blocks(reading, rounds)
        if kind is None and len(reading) - len(reading.translate(_DIGITS)) >= _FEWEST_DIGITS:
            kind = _HEX.sniff(_HEX.row(reading.lower()))
        if kind:
            return kind
    return None


_BYTE = re.compile(rb"(?:%|\\x|=|0x)([0-9A-Fa-f]{2})[\s,;]*")
_FEWEST_BYTES = 4  # written as escapes, of a file whose other bytes are letters


def _sniff_escaped(text: str) -> Media | None:
    """A file whose bytes are written as %FF, \\xff, =FF or 0xff."""
    if not any(sign in text for sign in ("%", "\\x", "=", "0x")):
        return None
    written = text.encode("latin-1", "replace")
    data, count = _BYTE.subn(lambda found: bytes.fromhex(found[1].decode("ascii")), written)
    return _sniff_anywhere(data) if count >= _FEWEST_BYTES else None


def _sniff_anywhere(data: bytes, shortest: int = 0) -> Media | None:
    """Look for each beginning of ``shortest`` bytes and more, and what `sniff` says of it."""
    for offset, magic in _BEGINNINGS:
        at = data.find(magic) if len(magic) >= shortest or magic == _JPEG else -1
        kind = sniff(data[at - offset : at - offset + _WINDOW]) if at >= offset else None
        if kind:
            return kind
    return None


def _sniff_blocks(text: str, rounds: int) -> Media | None:
    """Open each block of long lines: its first part is enough to know a file, or more base64."""
    for found in _BLOCK.finditer(text):
        start = found.start()
        first = _BASE64.decode(_BASE64.row(text[start : start + 64]))
        if not first.isascii() and first.lstrip(b" \t\r\n\0")[:1] not in (b"\xff", b"G"):
            continue  # a file that is neither MPEG nor text was found at whatever place
        inner = _BASE64.decode(_BASE64.row(text[start : start + 4 * _WINDOW]))
        kind = sniff(inner)
        if not kind and rounds and inner.isascii():
            kind = _sniff_encoded([*_readings(inner.decode("ascii"))], rounds - 1)
        if kind:
            return kind
    return None


# --- files as numbers, and as signs of any script ---

_NUMBER = re.compile(r"(?<![^\W_])\d+(?![^\W_])")
_ASCII = re.compile(r"[\0-\x7f]+")


def _numerals(width: int, base: int, form: str) -> _Code:
    """A byte as so many digits of a base."""

    def encode(data: bytes) -> bytes:
        return "".join(format(byte, form) for byte in data).encode("ascii")

    def decode(row: str) -> bytes:
        numbers = (int(row[at : at + width], base) for at in range(0, len(row), width))
        return bytes(min(255, number) for number in numbers)

    return _Code(1, width, encode, decode, string.digits[:base].encode("ascii"))


_OCTETS, _OCTAL, _BITS = _numerals(3, 10, "03d"), _numerals(3, 8, "03o"), _numerals(8, 2, "08b")
_FEWEST_NUMBERS = 64  # digits: no file is written in fewer
_FEWEST_BYTES_APART = 16


def sniff_numbers(text: str) -> Media | None:
    """Tell what file a text carries as decimal, octal or binary numbers, one for each byte or, of
    one width, for several; or as signs of which each is a byte."""
    if not text.isascii():
        # Signs of one block of Unicode, each for a byte: a block begins at a round number.
        data = _ASCII.sub("", text).encode("utf-32-le", "surrogatepass")[::4]
        kind = _sniff_anywhere(data, 4) if len(data) >= _SHORTEST else None
        if kind:
            return kind
    elif len(text) - len(text.translate(_DIGITS)) < _FEWEST_NUMBERS:
        return None
    numbers = _NUMBER.findall(text)
    row = "".join(numbers)
    if len(row) < _FEWEST_NUMBERS:
        return None
    if not row.isascii():
        numbers = [str(int(number)).zfill(len(number)) for number in numbers]
        row = "".join(numbers)
    short = [number for number in numbers if len(number) <= 3 and int(number) < 256]
    if len(set(short)) < _FEWEST_BYTES_APART:
        short = []  # zeros and ones would be icons
    octal = [number for number in numbers if len(number) in (3, 4) and not number.strip("01234567")]
    return (
        _OCTETS.sniff("".join(number.zfill(3) for number in short))
        or _OCTETS.sniff(row)
        or _OCTAL.sniff("".join(number[-3:] for number in octal))
        or _BITS.sniff(_BITS.row(row))
        or _sniff_wide([number for number in numbers if 4 <= len(number) <= 40] or ["0"])
    )


def _sniff_wide(numbers: list[str]) -> Media | None:
    """Numbers of one width, of which each is several bytes, the highest or the lowest first."""
    width, _ = Counter(map(len, numbers)).most_common(1)[0]
    # What is not filled up with zeros may be shorter.
    wide = [int(number) for number in numbers if width - 2 <= len(number) <= width]
    size = (max(wide).bit_length() + 7) // 8
    if not 2 <= size <= 16:
        return None
    return _sniff_anywhere(b"".join(one.to_bytes(size, "big") for one in wide), 4) or (
        _sniff_anywhere(b"".join(one.to_bytes(size, "little") for one in wide), 4)
    )
