"""Interests of a member in a provider or a case, and whether one of them meets a case (R9)."""

import re
from collections.abc import Iterable, Mapping
from datetime import date
from typing import Any
from urllib.parse import urlsplit

from gateway.domain.organisation import SLUG, DeclaredInterest, Organisation
from gateway.domain.vocabulary import ItemKind

# A name of the domain name system in its ASCII form, two labels at least.
_LABEL = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_NAME = re.compile(rf"(?=.{{1,253}}$){_LABEL}(?:\.{_LABEL})+", re.ASCII)
_UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.ASCII)


def read_subject(scope: str, value: Any) -> str:
    """A provider's domain name, or ``<originator>/<case id>``; ValueError for what is neither."""
    if scope == "provider" and _NAME.fullmatch(value):
        return str(value)
    originator, _, case = value.partition("/")
    if scope == "case" and SLUG.fullmatch(originator) and _UUID.fullmatch(case):
        return str(value)
    raise ValueError("not a domain name in lower case, or an originator and its case's id")


def has_conflict_of_interest(
    organisation: Organisation, day: date, case: str, content: Mapping[str, Any]
) -> bool:
    """Whether an interest of the organisation on ``day`` meets a case.

    ``case`` is ``<originator>/<case id>``; ``content`` is all that the gateway can read of it. An
    interest in a provider meets a case that names it, or a name below it, as a host, in an
    address, or as where an account is. What is sealed nobody but its addressee can look into.
    """
    held = [one for one in organisation.interests if one.period.holds(day)]
    if not held:
        return False
    names = named_hosts(content.get("items", ()))
    return any(_meets(one, case, names) for one in held)


def _meets(interest: DeclaredInterest, case: str, names: Iterable[str]) -> bool:
    if interest.scope == "case":
        return interest.subject == case
    return any(name == interest.subject or name.endswith(f".{interest.subject}") for name in names)


def named_hosts(items: Iterable[Mapping[str, Any]]) -> frozenset[str]:
    """The host names that items name, in lower case."""
    found = (_host(item[name]) for item in items for name in _NAMING if _names(item, name))
    return frozenset(host for host in found if host)


_NAMING = ("value", "referrer")
_KINDS = frozenset({ItemKind.URL, ItemKind.HOST, ItemKind.ACCOUNT, ItemKind.ONION})


def _names(item: Mapping[str, Any], name: str) -> bool:
    return name in item and (name != "value" or item.get("kind") in _KINDS)


def _host(value: str) -> str:
    """The host of an address, of a mailbox or handle, or the value itself."""
    if "://" in value:
        try:
            return (urlsplit(value).hostname or "").rstrip(".").lower()
        except ValueError:
            return ""
    return value.rpartition("@")[2].partition("/")[0].rstrip(".").lower()
