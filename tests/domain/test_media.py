"""R1: nothing that is, or carries, a file gets past."""

import base64
import hashlib
import struct
import time
from random import Random
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.domain.media import (
    Media,
    find_media,
    find_media_in_link,
    sniff,
    sniff_encoded,
    sniff_row,
)
from tests.each import each

MPEG_FRAME = b"\xff\xfb\x90\x00" + bytes(413)  # 128 kbit/s, 44.1 kHz: 417 bytes

FILES = {
    "jpeg": (b"\xff\xd8\xff\xe0\0\x10JFIF\0", Media.IMAGE),
    "exif": (b"\xff\xd8\xff\xe1\0\x10Exif\0", Media.IMAGE),
    "png": (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", Media.IMAGE),
    "gif": (b"GIF89a\1\0\1\0", Media.IMAGE),
    "old gif": (b"GIF87a\1\0\1\0", Media.IMAGE),
    "webp": (b"RIFF\x24\0\0\0WEBPVP8 ", Media.IMAGE),
    "bmp": (b"BM" + struct.pack("<IIII", 1000, 0, 54, 40), Media.IMAGE),
    "tiff": (b"II*\0\x08\0\0\0", Media.IMAGE),
    "tiff of the other order": (b"MM\0*\0\0\0\x08", Media.IMAGE),
    "heic": (b"\0\0\0\x18ftypheic\0\0\0\0", Media.IMAGE),
    "avif": (b"\0\0\0\x1cftypavif\0\0\0\0", Media.IMAGE),
    "jpeg xl": (b"\0\0\0\x0cJXL \r\n\x87\n", Media.IMAGE),
    "icon": (b"\0\0\1\0\1\0\x10\x10\0\0\1\0", Media.IMAGE),
    "svg": (b'<?xml version="1.0"?>\n<!-- a --><svg xmlns="x">', Media.IMAGE),
    "mp4": (b"\0\0\0\x20ftypisom\0\0\2\0", Media.VIDEO),
    "mov": (b"\0\0\0\x14ftypqt  \0\0\0\0", Media.VIDEO),
    "old mov": (b"\0\0\x10\0moov\0\0\0\x6cmvhd", Media.VIDEO),
    "mkv": (b"\x1aE\xdf\xa3\x01\0\0\0\0\0\0#B\x86", Media.VIDEO),
    "avi": (b"RIFF\0\0\1\0AVI LIST", Media.VIDEO),
    "flv": (b"FLV\x01\x05\0\0\0\x09", Media.VIDEO),
    "wmv": (b"\x30\x26\xb2\x75\x8e\x66\xcf\x11\xa6\xd9", Media.VIDEO),
    "mpeg": (b"\0\0\x01\xba\x44\0", Media.VIDEO),
    "ts": ((b"G" + bytes(187)) * 3, Media.VIDEO),
    "mp3 with a tag": (b"ID3\x03\0\0\0\0\0\0", Media.AUDIO),
    "mp3": (MPEG_FRAME * 3, Media.AUDIO),
    "ogg": (b"OggS\0\x02\0\0", Media.AUDIO),
    "flac": (b"fLaC\0\0\0\x22", Media.AUDIO),
    "wav": (b"RIFF\x24\0\0\0WAVEfmt ", Media.AUDIO),
    "m4a": (b"\0\0\0\x20ftypM4A \0\0\0\0", Media.AUDIO),
    "midi": (b"MThd\0\0\0\x06", Media.AUDIO),
    "zip": (b"PK\x03\x04\x14\0", Media.ARCHIVE),
    "empty zip": (b"PK\x05\x06" + bytes(18), Media.ARCHIVE),
    "rar": (b"Rar!\x1a\x07\x01\0", Media.ARCHIVE),
    "7z": (b"7z\xbc\xaf\x27\x1c\0\4", Media.ARCHIVE),
    "gzip": (b"\x1f\x8b\x08\0\0\0\0\0", Media.ARCHIVE),
    "xz": (b"\xfd7zXZ\0\0\4", Media.ARCHIVE),
    "bzip2": (b"BZh91AY&SY", Media.ARCHIVE),
    "zstd": (b"\x28\xb5\x2f\xfd\x04", Media.ARCHIVE),
    "tar": (bytes(257) + b"ustar\x0000", Media.ARCHIVE),
    "pdf": (b"%PDF-1.7\n%", Media.DOCUMENT),
    "rtf": (b"{\\rtf1\\ansi", Media.DOCUMENT),
    "doc": (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1\0", Media.DOCUMENT),
}
NAMES = sorted(FILES)
# Raw MPEG audio and transport streams are told by what follows their first packet, not found at
# any place: inside other bytes their short beginnings would be everywhere.
ANYWHERE = sorted(set(FILES) - {"mp3", "ts", "empty zip", "svg"})


def whole(name):
    """The beginning of a file, long enough to be one."""
    return FILES[name][0] + b"\x5a" * 80


def b64(data):
    return base64.b64encode(data).decode("ascii")


def wrapped(text, width, end="\n"):
    return end.join(text[at : at + width] for at in range(0, len(text), width))


# --- bytes ---


@each("name", NAMES)
def test_a_file_is_told_from_its_first_bytes(name):
    assert sniff(FILES[name][0]) == FILES[name][1]


@each("name", NAMES)
def test_white_space_before_a_file_hides_nothing(name):
    assert sniff(b"\r\n\t " + whole(name)) == FILES[name][1]


@each(
    "data",
    [
        b"",
        b"\n",
        b"BM is how a sentence may begin, and go on for a while",
        b"RIFFRAFF in the street",
        b"Hash match notification",
        "Une page signalée, d'un forum".encode(),
        "\ufeffune page".encode("utf-16-le"),
        b'{"a": 1}',
        b"<html><body>an svg is not here</body></html>",
        b"\xff\xfb\x90\x00",  # one frame's header alone plays nothing
    ],
)
def test_text_is_no_file(data):
    assert sniff(data) is None


def test_a_zip_behind_a_text_is_found():
    assert sniff(b"a text first" + b"\0" * 50 + b"PK\x05\x06" + bytes(18)) == Media.ARCHIVE


@given(st.binary(max_size=600))
def test_no_bytes_break_the_look(data):
    assert sniff(data) in (None, *Media)


@each("data", [b"<!---->" * 100_000, b"<?x>" * 100_000, b" " * 1_000_000, b"<!DOCTYPE" * 100_000])
def test_long_input_is_looked_at_quickly(data):
    start = time.perf_counter()
    sniff(data)
    assert time.perf_counter() - start < 1


# --- files in base64 ---


@each("name", NAMES)
@each("times", [1, 2, 3])
def test_a_file_in_base64_is_found_however_often_it_was_encoded(name, times):
    text = b64(whole(name))
    for _ in range(times - 1):
        text = b64(text.encode())
    assert sniff_encoded(text) == FILES[name][1]


@pytest.mark.parametrize("name", ANYWHERE)
@given(
    before=st.binary(max_size=20),
    after=st.binary(min_size=40, max_size=60),
    width=st.integers(1, 80),
    end=st.sampled_from(["\n", "\r\n", " ", "\n> ", '"\n"', "=\n"]),
)
def test_a_file_in_base64_is_found_in_any_place_and_wrapping(name, before, after, width, end):
    encode = base64.urlsafe_b64encode if width % 2 else base64.b64encode
    text = wrapped(encode(before + FILES[name][0] + after).decode(), width, end)
    assert sniff_encoded(text)
    assert find_media(text)
    assert find_media_in_link(text)


@given(st.text(max_size=300))
def test_no_text_breaks_the_search(text):
    for find in (find_media, find_media_in_link, sniff_encoded):
        assert find(text) is None or isinstance(find(text), str)


# --- addresses of files ---


@each(
    "text",
    [
        "data:image/png;base64,AAAA",
        "DATA:IMAGE/PNG;BASE64,AAAA",
        "see data:,hello",
        "data:;base64,AAAA",
        "data: image/png ; base64 , AAAA",
        "data%3Aimage%2Fpng%3Bbase64%2CAAAA",
        "data%253Aimage%252Fpng",
        "d&#97;ta:text/html,x",
        "d\\u0061ta:text/html,x",
        "da\nta:image/png",
        "\uff44\uff41\uff54\uff41:image/png",
        'src="data:video/mp4"',
        "file:///home/x/a.jpg",
        "FILE:/a",
        "file://host/share",
        "file:a.jpg",
        "file: //x",
        "file%3A%2F%2F%2Fx",
        "\\\\server\\share\\a.jpg",
        "\\\\192.0.2.1\\c$",
        "\\\\?\\C:\\a",
        "at //server/share/a.jpg",
        "C:\\Users\\x\\a.jpg",
        "c:/pictures/a.jpg",
        "on (D:\\a folder\\x.png)",
        "%43%3A%5Cx.mp4",
        "~/Pictures/x.jpg",
        "content://media/external/images/1",
    ],
)
def test_the_address_of_a_file_is_found(text):
    assert find_media(text)


@each(
    "text",
    [
        "",
        "The metadata: three addresses, two hosts.",
        "The data: three addresses, two hosts.",
        "Voir le fichier : rien.",
        "The file: it was removed.",
        "profile:user",
        "See https://forum.example.org/thread/12?page=3 and http://a.example//b.",
        "Ratio 3:1, at 10:30, and/or later; e-mail sent to host.",
        "Dates: 2026-01-02 2026-01-03 2026-01-04 2026-01-05 2026-01-06 2026-01-07 2026-01-08",
        "Report 3f0f4a52-6f1e-4f0a-9f0e-0d2c9b1a7e11, then 40daae21-fbe5-4b5d-bfb3-7ea6c2f82cae.",
        "Hash d41d8cd98f00b204e9800998ecf8427e seen in 40daae21-fbe5-4b5d-bfb3-7ea6c2f82cae too",
        "MAC 00:11:22:33:44:55 and 2001:db8::1, AS64500, ports 80 443 8080",
        "Rindfleischetikettierungsüberwachungsaufgabenübertragungsgesetz",
        "anticonstitutionnellement constitutionnellement professionnellement conventionnellement",
        "100 % sûr & certain",
        "The screenshot shows C:\\Users\\Lola\\Desktop.",
        "The folder ~/Pictures was open, and the content: pictures.",
        "The chat shows <img> placeholders, and <script> once.",
    ],
)
def test_plain_prose_passes(text):
    assert find_media(text) is None


WORDS = (
    "le la page signalée on the host was seen by Analyst A1 CSAM e-mail 2026-01-02 10:30 50% ok;"
    " http://a.example/x (voir annexe) peer-to-peer AS64500 192.0.2.1 [H2] n°12 it's JavaScript"
)


@given(st.lists(st.sampled_from(WORDS.split()), max_size=150))
def test_prose_passes_in_any_order_of_words(words):
    assert find_media(" ".join(words)) is None


# What is strange by itself may be told a few times, and in a list with words around it.
NAMES_OF_THINGS = (
    "dQw4w9WgXcQ https://t.me/+AbCdEfGhIjKlMnOp https://e.example/p?a=1&b=2;c=3#d%20e!f "
    "d41d8cd98f00b204e9800998ecf8427e 2001:db8:85a3::8a2e:370:7334 FR7630006000011234567890189 "
    "1BoatSLRHtKNngkdXEeobR76b53LETtpyT xXDarkWolf40 AB-123-CD $USER {x} <b> C&A R&D #tag @name"
)


@given(
    st.lists(st.sampled_from((WORDS + " " + NAMES_OF_THINGS).split()), max_size=60),
    st.lists(st.sampled_from(WORDS.split()), min_size=60, max_size=120),
    st.randoms(use_true_random=False),
)
def test_names_of_things_pass_among_words(things, words, random):
    mixed = [*(one for one in things if len(one) < 30), *words]
    random.shuffle(mixed)
    assert find_media(" ".join(mixed)) is None


def hidden_host(key):
    """The name of an onion service, whose public key is in it (Tor's rend-spec-v3 section 6)."""
    checksum = hashlib.sha3_256(b".onion checksum" + key + b"\3").digest()[:2]
    return base64.b32encode(key + checksum + b"\3").decode().lower() + ".onion"


def test_hidden_hosts_are_named_as_real_ones_are():
    real = "duckduckgogg42xjoc72x3sjasowoarfbgcmvfimaftt6twagswzczad.onion"
    assert hidden_host(base64.b32decode(real[:56].upper())[:32]) == real


def test_a_list_of_accounts_of_addresses_or_of_hidden_hosts_passes():
    random = Random(1)

    def made(length, signs):
        return "".join(random.choice(signs) for _ in range(length))

    accounts = [made(8, "abcdefghijklmnopKLM") + str(n) for n in range(40)]
    films = ["https://youtu.be/" + made(11, "abcdefXYZ-_0123456789") for _ in range(40)]
    hosts = [f"http://{hidden_host(random.randbytes(32))}/index" for _ in range(20)]
    searches = ["https://e.example/?a=1&b=2+3;c=4#5!" + made(8, "abc$~*") for _ in range(40)]
    for several in (accounts, films, hosts, searches):
        assert find_media("Seen: " + ", ".join(several)) is None
        assert find_media("\n".join(several)) is None


# --- links ---


@each(
    "url",
    [
        "https://a.example/pictures/a.jpg",
        "https://a.example/" + "AbC1" * 60,
        "https://a.example/9j/ab/x.png?token=" + "q" * 300,
        "https://a.example/C:/x?u=file:///x",
        "https://a.example/?d=metadata:image",
    ],
)
def test_a_link_may_be_long_and_name_a_picture(url):
    assert find_media_in_link(url) is None


@each("name", ANYWHERE)
def test_a_link_may_not_carry_a_file(name):
    assert find_media_in_link(
        "https://a.example/?p=" + base64.urlsafe_b64encode(whole(name)).decode()
    )
    assert find_media_in_link("https://a.example/?p=" + quote(b64(whole(name)), safe=""))


def test_a_link_may_not_hold_a_data_address():
    assert find_media_in_link("https://a.example/?u=DATA%3Aimage/png;base64%2CAAAA")


@each(
    "text",
    [
        "data:" * 400,
        "//" * 1000,
        "\\\\" * 1000,
        "AAAA" * 500,
        "%25" * 660,
        "a1" * 30 + " ",
        "<" + " " * 2000,
        "a." * 1000,
        "Qk0" * 700,
        "0x41," * 400,
        "--." * 2000 + "!#$%",
    ],
)
def test_long_texts_are_judged_quickly(text):
    start = time.perf_counter()
    find_media(text)
    assert time.perf_counter() - start < 0.5


# --- other ways to write bytes, and markup ---

PICTURE = b"\xff\xd8\xff\xe0\0\x10JFIF\0\1\1\0\0\1\0\1\0\0" + Random(7).randbytes(280)


def dump(data):
    lines = [data[at : at + 16] for at in range(0, len(data), 16)]
    return "\n".join(f"{n * 16:08x}: {line.hex(' ', 2)}" for n, line in enumerate(lines))


@each(
    "text",
    [
        "".join(f"%{byte:02X}" for byte in PICTURE),
        "see " + quote(PICTURE),
        "".join(f"\\x{byte:02x}" for byte in PICTURE),
        "".join(f"={byte:02X}" for byte in PICTURE),
        PICTURE.hex(" "),
        "Dump: " + PICTURE.hex(":").upper(),
        dump(PICTURE),
        ", ".join(f"0x{byte:02x}" for byte in PICTURE),
        "\n".join("MD5 " + PICTURE[at : at + 16].hex() for at in range(0, 160, 16)),
        '<svg xmlns="http://www.w3.org/2000/svg"><path d="M0 0"/></svg>',
        "&lt;SVG onload=x>",
        "<img src=a.jpg>",
        "< script >alert(1)</script>",
        "P3\n3 2\n255\n255 0 0 0 255 0 0 0 255 255 255 0",
        "blob:https://x.example/1234",
        "smb://server/share/a.jpg",
        "see /home/user/a.jpg",
        "/* XPM */ static char *a[] = {",
        "static unsigned char a_bits[] = { 0",
        "%!PS-Adobe-3.0",
        "{\\rtf1 x}",
        "map P3 3 2 255 255 0 0 0 255 0 0 0 255 255 255 0",
        "begin 644 a.jpg\nM_]C_X``02D9)1@`!",
        "=ybegin line=128 size=3 name=a.jpg",
        "https://x.example/?p=data:image/png;base64,AAAA",
        "x.example/?p=data:,hello",
    ],
)
def test_other_forms_of_a_file_are_found(text):
    assert find_media(text)


def digits(length, n):
    return Random(n).randbytes(length // 2).hex()


def letters(length, n):
    return base64.urlsafe_b64encode(Random(n).randbytes(length)).decode().rstrip("=")[:length]


@each(
    "text",
    [
        f"https://cdn.example/attachments/1105843223874404442/1105843224834912396/i.png?ex=6465b1c0"
        f"&is=64636040&hm={digits(64, 1)}&",
        "https://www.example.com/photo/?fbid=10160392837465012&set=a.10150123456789012&__cft__[0]="
        + letters(160, 2),
        "Paid in 0x" + digits(64, 3),
        "to 0x" + digits(40, 4) + ".",
        "Monero 4" + letters(94, 5).translate(str.maketrans("-_0OIl", "abcdef")),
        "Session ID 05" + digits(64, 6),
        "SHA-512 " + digits(128, 7),
        "The token was " + letters(900, 8),
        "SHA-384: " + digits(96, 7).upper(),
        "\n".join(digits(64, n) for n in range(20)),
        "\n".join(digits(40, n) for n in range(10)),
        "\n".join("https://t.me/+" + letters(16, n) for n in range(40)),
        "\n".join("t.me/+" + letters(16, n) for n in range(40)),
        "See https://x.example/?p=data:image/foo=1 there.",
        "https://a.example/?t=" + ".".join(letters(n, n) for n in (36, 120, 43)),
        "A < B, and B > C; I <3 you; <b>bold</b>",
    ],
)
def test_identifiers_and_addresses_in_texts_pass(text):
    assert find_media(text) is None


def with_numbers(write, between=" "):
    return between.join(write(byte) for byte in PICTURE)


WIDE = [int.from_bytes(PICTURE[at : at + 4], "big") for at in range(0, 240, 4)]


@each(
    "text",
    [
        with_numbers(str, ","),
        with_numbers(str, "."),
        with_numbers(str, ":"),
        "[" + with_numbers(str, ",\n") + "]",
        "The values are " + with_numbers(lambda n: f"{n};"),
        with_numbers(lambda n: f"&#{n};", ""),
        with_numbers(lambda n: str(n).translate(str.maketrans("0123456789", "٠١٢٣٤٥٦٧٨٩"))),
        with_numbers(lambda n: f"{n:03o}"),
        with_numbers(lambda n: f"\\{n:03o}", ""),
        with_numbers(lambda n: f"{n:08b}"),
        wrapped(with_numbers(lambda n: f"{n:08b}", ""), 50, " "),
        wrapped(with_numbers(lambda n: f"{n:03}", ""), 60, " "),
        wrapped(with_numbers(lambda n: f"{n:03}", ""), 12, " "),
        " ".join(f"{number:010}" for number in WIDE),
        ", ".join(map(str, WIDE)),
        "".join(chr(0x100 + byte) for byte in PICTURE),
        "".join(chr(0x4E00 + byte) for byte in PICTURE),
        "".join(chr(0xAC00 + byte) for byte in PICTURE),
        "".join(chr(0x2800 + byte) for byte in PICTURE),
        "".join(chr(0x1F300 + byte) for byte in PICTURE),
    ],
)
def test_a_file_in_numbers_or_in_signs_of_a_block_is_found(text):
    assert sniff_encoded("before 12 it, " + text) == Media.IMAGE
    assert find_media(text)


@each(
    "text",
    [
        "0 0 1 0 " * 60,
        " ".join(str(n % 256) for n in range(400)),
        " ".join(str(10**17 + n * 10**15 + 7) for n in range(60)),
        ", ".join(f"{n:03}" for n in range(200)),
    ],
)
def test_numbers_that_begin_no_file_pass(text):
    assert find_media(text) is None


@each("signs", ["Qk0", "IJGQ", "424d", "AAAB", "76H5R777", "a", "/9j/"])
def test_a_row_of_beginnings_is_judged_quickly(signs):
    start = time.perf_counter()
    sniff_row(signs * 60_000)
    assert time.perf_counter() - start < 1


def test_random_signs_are_no_file():
    for seed in range(5):
        assert sniff_row(base64.b64encode(Random(seed).randbytes(150_000)).decode()) is None
