"""The items by which a case is found again, each in the one form in which it is compared.

Two spellings of one address, hash or account have one form, and a form is its own. Accounts of what
somebody published have none: such a case is about content, never about a person (R21).
"""

import re
from base64 import b64decode
from binascii import Error as NotBase64
from collections.abc import Collection, Mapping
from enum import StrEnum
from ipaddress import ip_address
from typing import Any
from unicodedata import normalize
from urllib.parse import quote, urlsplit

from gateway.domain.case import is_sealed
from gateway.domain.matters import MatterTerms
from gateway.domain.vocabulary import ItemKind, Matter


class SearchedKind(StrEnum):
    """As what an item is looked for."""

    URL = "url"
    HASH = "hash"
    ACCOUNT = "account"


_KINDS: Mapping[str, SearchedKind] = {
    ItemKind.URL: SearchedKind.URL,
    ItemKind.ONION: SearchedKind.URL,
    ItemKind.HASH: SearchedKind.HASH,
    ItemKind.ACCOUNT: SearchedKind.ACCOUNT,
}
_WEB = frozenset({"http", "https"})
_USUAL_PORTS = {"http": (80, 443), "ftp": (21,)}
_COOL = (("[.]", "."), ("(.)", "."), ("[:]", ":"))
_COOL_SCHEME = re.compile(r"hxxp(s?)(?=:)|fxp(?=:)", re.I)
_SCHEME = re.compile(r"[a-z][a-z0-9+.-]*://", re.I)
_ESCAPE = re.compile(r"%([0-9a-fA-F]{2})")
_UNRESERVED = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")
_KEPT = "!#$%&'()*+,/:;=?@[]~"
_PHOTODNA_BYTES = 144


def searched_form(kind: SearchedKind, value: str) -> str:
    """The form of an item. ValueError for what cannot be an item of that kind."""
    text = normalize("NFC", value.strip())
    if not text:
        raise ValueError("nothing is named")
    if kind is SearchedKind.HASH:
        return _hash(text)
    if kind is SearchedKind.URL or "://" in text:
        return _url(text)
    form = normalize("NFKC", text).casefold().lstrip("@").strip()
    if not form:
        raise ValueError("no account is named")
    return form


def searched_items(
    items: Collection[Mapping[str, Any]],
    matters: Mapping[Matter, MatterTerms],
    named: Collection[str],
) -> frozenset[str]:
    """The forms of the items of a case about the matters ``named``, each with its kind; nothing of
    sealed ones."""
    speech = any(matters[Matter(one)].speech for one in named)
    found = set[str]()
    for item in items:
        if is_sealed(item):
            continue
        named_kind = _KINDS.get(item["kind"])
        values = [] if named_kind is None else [(named_kind, item["value"])]
        values += [(SearchedKind.HASH, one["value"]) for one in item.get("hash", ())]
        for kind, value in values:
            if kind is SearchedKind.ACCOUNT and speech:
                continue
            try:
                found.add(keyed(kind, searched_form(kind, value)))
            except ValueError:  # its form is another than that of its kind: nobody looks for it
                continue
    return frozenset(found)


def keyed(kind: SearchedKind, form: str) -> str:
    """A form with its kind, as indexes have it."""
    return f"{kind}:{form}"


def _url(text: str) -> str:
    """RFC 3986 6.2.2 and 6.2.3; http and https are one, and a fragment is none of it."""
    for cool, sign in _COOL:
        text = text.replace(cool, sign)
    text = _COOL_SCHEME.sub(lambda one: "ftp" if one[1] is None else f"http{one[1]}", text)
    parts = urlsplit(text if _SCHEME.match(text) else f"http://{text}")
    scheme = "http" if parts.scheme in _WEB else parts.scheme
    port = parts.port
    where = "" if port is None or port in _USUAL_PORTS.get(scheme, ()) else f":{port}"
    query = f"?{_escaped(parts.query)}" if parts.query else ""
    return f"{scheme}://{_host(parts.hostname or '')}{where}{_path(_escaped(parts.path))}{query}"


def _host(name: str) -> str:
    name = name.rstrip(".")
    if not name:
        raise ValueError("no host is named")
    if ":" in name:
        return f"[{ip_address(name)}]"
    if name.isascii():
        return name.lower()
    return name.encode("idna").decode().lower()  # UnicodeError is a ValueError


def _escaped(text: str) -> str:
    """Percent-encoded where it has to be, and nowhere else, in capitals."""

    def shortest(found: re.Match[str]) -> str:
        sign = chr(int(found[1], 16))
        return sign if sign in _UNRESERVED else found[0].upper()

    return _ESCAPE.sub(shortest, quote(text, safe=_KEPT))


def _path(text: str) -> str:
    """A path without dot segments (RFC 3986 5.2.4)."""
    parts, kept = text.split("/")[1:], list[str]()
    for part in parts:
        if part == "..":
            del kept[-1:]
        elif part != ".":
            kept.append(part)
    if parts and parts[-1] in (".", ".."):
        kept.append("")
    return "/" + "/".join(kept)


def _hash(text: str) -> str:
    value = text.rpartition(":")[2]
    if re.fullmatch("[0-9a-fA-F]+", value):
        return value.lower()
    try:
        body = b64decode(value, validate=True)
    except NotBase64 as error:
        raise ValueError("is no hash") from error
    if len(body) != _PHOTODNA_BYTES:
        raise ValueError("is no hash")
    return body.hex()
