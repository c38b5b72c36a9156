"""The form that an item's value has by its kind, and how it is shown to people."""

import re
from base64 import b64decode, b64encode
from binascii import Error as NotBase64
from collections.abc import Mapping
from ipaddress import ip_address
from unicodedata import category
from urllib.parse import urlsplit

from gateway.domain.json_values import parse_timestamp
from gateway.domain.media import find_media, find_media_in_link
from gateway.domain.vocabulary import Fault, HashAlgorithm, ItemKind

LONGEST_ADDRESS = 2048
LONGEST_NAME = 300

# --- hashes ---

_HEX_LENGTHS: Mapping[str, int] = {
    HashAlgorithm.MD5: 32,
    HashAlgorithm.SHA1: 40,
    HashAlgorithm.SHA256: 64,
    HashAlgorithm.SHA512: 128,
    HashAlgorithm.PDQ: 64,  # 256 bits
}
_PHOTODNA_BYTES = 144
_HEX = re.compile(r"[0-9a-f]+", re.ASCII)


def hash_fault(algorithm: str, value: str) -> str | None:
    """Check the length and the alphabet of a hash."""
    if algorithm == HashAlgorithm.TMK_PDQF:
        return "TMK+PDQF is refused: its body is large enough to be content, not a fingerprint"
    if algorithm == HashAlgorithm.PHOTODNA:
        return None if _is_photodna(value) else "must be 144 bytes: 192 base64 or 288 hex digits"
    length = _HEX_LENGTHS[algorithm]
    if len(value) != length or not _HEX.fullmatch(value):
        return f"must be {length} lower-case hexadecimal digits"
    return None


def _is_photodna(value: str) -> bool:
    if len(value) == 2 * _PHOTODNA_BYTES:
        return bool(_HEX.fullmatch(value))
    try:
        body = b64decode(value, validate=True)
    except (NotBase64, ValueError):  # ValueError: characters outside ASCII
        return False
    return len(body) == _PHOTODNA_BYTES and b64encode(body).decode("ascii") == value


def _hash_value_fault(value: str) -> str | None:
    plain = len(value) in _HEX_LENGTHS.values() and _HEX.fullmatch(value)
    return None if plain else "must be a hash in lower-case hexadecimal digits, or one of 'hash'"


# --- addresses ---

_VISIBLE = r"[!#-;=?-\[\]-~]"  # ASCII without controls, space, quote, < > and backslash
_ADDRESS = re.compile(_VISIBLE + "+", re.ASCII)
_LABELS = r"(?:[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?\.)+"
_NAME = re.compile(_LABELS + r"(?:[a-z]{2,63}|xn--[a-z0-9-]{1,59})", re.ASCII)
_ONION = re.compile(r"(?:[a-z0-9-]{1,63}\.)*(?:[a-z2-7]{56}|[a-z2-7]{16})\.onion", re.ASCII)
_SCHEMES = frozenset({"http", "https", "ftp"})


def is_ip(text: str) -> bool:
    """Tell whether ``text`` is an IP address in its one canonical form, without a zone."""
    try:
        return str(ip_address(text)) == text and "%" not in text
    except ValueError:
        return False


def host_fault(value: str) -> str | None:
    """Check a host: a full domain name in lower case (punycode), or an IP address."""
    if (len(value) <= 253 and _NAME.fullmatch(value)) or is_ip(value):
        return None
    return "must be a domain name in lower case, punycode for other scripts, or an IP address"


def url_fault(value: str) -> str | None:
    """Check an address of the web or of a file server (RFC 3986), with nothing secret in it."""
    if len(value) > LONGEST_ADDRESS:
        return f"must have at most {LONGEST_ADDRESS} characters"
    if not _ADDRESS.fullmatch(value):
        return "must be an ASCII address: other characters percent-encoded, other hosts in punycode"
    try:
        parts = urlsplit(value)
        is_full = parts.hostname and parts.port != 0 and parts.scheme in _SCHEMES
    except ValueError:  # brackets that do not close, a port that is no number
        is_full = False
    if not is_full:
        return "must be a full http, https or ftp address"
    if "@" in parts.netloc:
        return "must not hold a user name or password: credentials are never part of an address"
    host = (parts.hostname or "").removesuffix(".")
    return ("has no valid host" if host_fault(host) else None) or find_media_in_link(value)


def _onion_fault(value: str) -> str | None:
    if "://" not in value:
        return (
            None if _ONION.fullmatch(value) else "must be an onion host, or a full address of one"
        )
    fault = url_fault(value)
    if fault:
        return fault
    return _onion_fault(urlsplit(value).hostname or "")


# --- an address at a moment ---

_EVENT = re.compile(
    r"(?:(?P<v4>[0-9.]+)|(?P<v6>[0-9a-f:.]+)|\[(?P<boxed>[0-9a-f:.]+)\](?=:))"
    r"(?::(?P<port>[1-9][0-9]{0,4}))?(?:@(?P<at>.+))?",
    re.ASCII,
)
_EVENT_FORM = "must be an IP address, with :port and @time where known: 192.0.2.1:443@<RFC 3339>"


def ip_event(address: str, port: int | None, at: str | None) -> str:
    """Write an address with its port and its moment: ``192.0.2.1:443@2026-01-02T03:04:05Z``."""
    if port is not None:
        address = f"[{address}]:{port}" if ":" in address else f"{address}:{port}"
    return address if at is None else f"{address}@{at}"


def _ip_event_fault(value: str) -> str | None:
    found = _EVENT.fullmatch(value)
    if not found or address_of_event(value) is None:
        return _EVENT_FORM
    if int(found["port"] or 1) > 65535:
        return _EVENT_FORM
    try:
        if found["at"] is not None:
            parse_timestamp(found["at"])
    except ValueError:
        return _EVENT_FORM
    return None


def address_of_event(value: str) -> str | None:
    """The IP address in the value of an ``ip_event``; None where it has another form."""
    found = _EVENT.fullmatch(value)
    address = found and (found["v4"] or found["v6"] or found["boxed"])
    return address if address and is_ip(address) else None


# --- names, numbers and the rest ---

_REFERENCE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:/#-]{0,99}", re.ASCII)
_P2P = re.compile(
    r"[0-9a-f]{32}|[0-9a-f]{40}|[0-9a-f]{64}"
    rf"|magnet:\?{_VISIBLE}*xt=urn:{_VISIBLE}+|ed2k://\|file\|{_VISIBLE}+",
    re.ASCII,
)
UNSAFE = (
    "must not hold control, invisible, private or unassigned characters, nor marks that turn the "
    "direction of text, and something must be visible: type it again without them"
)
"""What is wrong with a text that has unsafe characters."""

_UNSEEN = re.compile(
    "[\\0-\\x1f\\x7f-\\x9f\\ud800-\\udfff\\u2028-\\u202e\\u2066-\\u2069"
    "\\u17b4\\u17b5\\u180b-\\u180f\\u2060-\\u2065\\u206a-\\u206f\\ufe00-\\ufe0d\\ufff0-\\ufffb"
    "\\ue000-\\uf8ff\\ufdd0-\\ufdef\\U000e0000-\\U0010ffff]"  # tags, selectors, private use
    "|[\\u00ad\\u034f\\u115f\\u1160\\u200b-\\u200f\\u3164\\ufe0e\\ufe0f\\ufeff\\uffa0]{3}"
)
_FLAG = re.compile(
    "\\U0001f3f4[\\U000e0061-\\U000e007a]{2,6}\\U000e007f"
)  # of England, Scotland, Wales
_NAME_VARIANT = re.compile("([\\u3400-\\u9fff])[\\U000e0100-\\U000e01ef]")  # of an ideograph
_BLANK = re.compile(
    "[\\s\\u00ad\\u034f\\u115f\\u1160\\u200b-\\u200f\\u2800\\u3164\\ufe0e\\ufe0f\\ufeff\\uffa0]*"
)
_EMOJI = re.compile("[\\U0001f000-\\U0001faff]")  # newer ones are unassigned to an older Python
_LINE_BREAKS = str.maketrans("", "", "\n\r\t")


def has_unsafe_characters(text: str, *, lines: bool = False) -> bool:
    """Tell whether a person and a program would read ``text`` differently.

    So it is with controls, halves of characters, marks that turn its direction, invisible
    characters but those that scripts and emoji need, private and unassigned ones, and with a text
    of nothing visible. Tabs and line breaks are none of these where it may have ``lines``.
    """
    if lines:
        text = text.translate(_LINE_BREAKS)
    if text.isascii():
        return not text.isprintable()
    text = _NAME_VARIANT.sub(r"\1", _FLAG.sub("", text))
    if _UNSEEN.search(text) or (text and _BLANK.fullmatch(text)):
        return True
    rare = {sign for sign in text if sign > "\u0370"}
    return any(category(sign) == "Cn" and not _EMOJI.match(sign) for sign in rare)


def reference_fault(value: str) -> str | None:
    """Check the number of another file: no spaces, so that it does not become a person's name."""
    if not _REFERENCE.fullmatch(value):
        return "must be a file number: up to 100 letters, digits and . _ : / # - without spaces"
    return find_media(value)


def _name_fault(value: str) -> str | None:
    if not value.strip() or len(value) > LONGEST_NAME or has_unsafe_characters(value):
        return f"must be one line of 1 to {LONGEST_NAME} characters"
    return find_media(value)


def _p2p_fault(value: str) -> str | None:
    if len(value) > LONGEST_ADDRESS or not _P2P.fullmatch(value):
        return "must be a magnet or ed2k link, or an identifier in lower-case hexadecimal digits"
    return find_media_in_link(value)


FAULTS: Mapping[str, Fault] = {
    ItemKind.URL: url_fault,
    ItemKind.HASH: _hash_value_fault,
    ItemKind.HOST: host_fault,
    ItemKind.IP_EVENT: _ip_event_fault,
    ItemKind.ACCOUNT: _name_fault,
    ItemKind.PAYMENT: _name_fault,
    ItemKind.ONION: _onion_fault,
    ItemKind.P2P: _p2p_fault,
    ItemKind.REPORT_REF: reference_fault,
}
"""How the value of each kind of item is checked."""

_IN_TEXT = {
    "an address": re.compile(r"\b(?:[a-z][a-z0-9+.-]*://|www\.)\S", re.I),
    "an e-mail address": re.compile(r"[^\s@]@[^\s@]+\.[^\s@.]"),
    "a telephone number": re.compile(
        r"(?<![\w-])(?:(?:\+|00)\d(?:[ .()/-]?\d){7,13}|0\d([ .-]?)\d\d(?:\1\d\d){3})(?!\w)"
    ),
}


def identifiers_in(text: str) -> list[str]:
    """Which kinds of identifiers free text seems to hold, which belong in items."""
    return [what for what, pattern in _IN_TEXT.items() if pattern.search(text)]


# --- showing ---

_LIVE = re.compile(r"(https?|ftp)(?=:)", re.I)
_COOL = {"http": "hxxp", "https": "hxxps", "ftp": "fxp"}
_WITH_HOST = frozenset({ItemKind.URL, ItemKind.HOST, ItemKind.ONION, ItemKind.IP_EVENT})
_PARTS = re.compile(
    r"(?P<before>[a-z]+://(?:[^/?#@]*@)?)?(?P<host>[^/?#@]*)(?P<rest>.*)", re.I | re.S
)


_LINK = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://\S+")


def defang_text(text: str) -> str:
    """Free text with its addresses defanged."""
    return _LINK.sub(lambda found: defang(found[0], ItemKind.URL), text)


def defang(value: str, kind: str) -> str:
    """Write ``value`` so that no program makes a link of it: ``hxxps://host[.]example/a.b``.

    Schemes are changed wherever they stand, for an address may hold another one; dots only in
    the host, so that the rest stays as it was reported.
    """
    if kind == ItemKind.P2P:
        value = re.sub(r"^(magnet|ed2k):", r"\1[:]", value)
    elif kind == ItemKind.ACCOUNT and "://" not in value:
        name, at, host = value.rpartition("@")
        value = name + at + (host.replace(".", "[.]") if at else host)
    elif kind in _WITH_HOST or "://" in value:
        parts = _PARTS.fullmatch(value)
        if parts:
            host = parts["host"].replace(".", "[.]")
            value = (parts["before"] or "") + host + parts["rest"]
    return _LIVE.sub(lambda found: _COOL[found[0].lower()], value)
