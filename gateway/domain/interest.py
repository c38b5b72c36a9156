"""Interests of a member in a provider or a case, and whether one of them meets a case (R9)."""

import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import date
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from typing import Any
from urllib.parse import urlsplit

from gateway.domain.item_value import address_of_event, is_ip
from gateway.domain.organisation import NAME, DeclaredInterest, Organisation
from gateway.domain.vocabulary import ItemKind

# A name of the domain name system in its ASCII form, two labels at least.
_LABEL = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_NAME = re.compile(rf"(?=.{{1,253}}$){_LABEL}(?:\.{_LABEL})+", re.ASCII)
_UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.ASCII)
_AS = re.compile(r"AS[1-9][0-9]{0,9}", re.ASCII)
_CALLED = re.compile(r"name:(?=.*\w)[^\x00-\x1f]{1,200}")
_ACCOUNT = re.compile(r"account:[^\x00-\x20]{1,200}")


def read_subject(scope: str, value: Any) -> str:
    """Return what an interest is in, as it was given; ValueError for what names nothing.

    A provider is a domain name (it stands for all names below it), an autonomous system
    (``AS64500``), a network (``192.0.2.0/24``), a company as hosting records spell it
    (``name:Example Hosting``) or one account (``account:<value>``); a case is
    ``<originator>/<case id>``.
    """
    if scope == "provider" and (_network(value) or any(f.fullmatch(value) for f in _PROVIDERS)):
        return str(value)
    originator, _, case = value.partition("/")
    if scope == "case" and NAME.fullmatch(originator) and _UUID.fullmatch(case):
        return str(value)
    raise ValueError("not a provider in one of its forms, or an originator and its case's id")


_PROVIDERS = (_NAME, _AS, _CALLED, _ACCOUNT)


def _network(value: str) -> IPv4Network | IPv6Network | None:
    """A network of addresses in its one spelling; None for other texts."""
    try:
        network = ip_network(value)
    except ValueError:
        return None
    return network if str(network) == value else None


def has_conflict_of_interest(
    organisation: Organisation, day: date, case: str, content: Mapping[str, Any]
) -> bool:
    """Tell whether an interest of the organisation on ``day`` meets a case.

    ``case`` is ``<originator>/<case id>``; ``content`` is all that the gateway can read of it. An
    interest in a provider meets a case if any identifier of an item is the provider's: host,
    address, autonomous system, hosting company, platform or account. What is sealed nobody but
    its addressee can look into.
    """
    held = [one for one in organisation.interests if one.period.holds(day)]
    items = content.get("items", ())
    return any(_meets(one, case, items) for one in held)


def _meets(interest: DeclaredInterest, case: str, items: Iterable[Mapping[str, Any]]) -> bool:
    subject = interest.subject
    if interest.scope == "case":
        return subject == case
    kind, _, called = subject.partition(":")
    if network := _network(subject):
        return any(ip_address(one) in network for one in _addresses(items))
    if kind == "account":
        return any(item.get("value", "").casefold() == called.casefold() for item in items)
    hosting = [one for item in items for one in item.get("hosting", ())]
    if _AS.fullmatch(subject):
        return any(one.get("as_number") == int(subject[2:]) for one in hosting)
    companies = [one[part] for one in hosting for part in ("isp", "org") if part in one]
    if kind == "name":
        return any(_words(called) in _words(one) for one in companies)
    # A hosting record may name its company by a domain: "Example Hosting (example.net)".
    named = named_hosts(items).union(_addresses(items))
    named = named.union(*(_DOMAINS.findall(one.lower()) for one in companies))
    return any(name == subject or name.endswith(f".{subject}") for name in named)


_WORD = re.compile(r"[^\W_]+")
_DOMAINS = re.compile(rf"{_LABEL}(?:\.{_LABEL})+", re.ASCII)


def _words(text: str) -> str:
    """A company's name as its words between spaces, so that one name is found in a longer one."""
    return f" {' '.join(_WORD.findall(text.casefold()))} "


def _addresses(items: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    """Every IP address of the items: of an event, of hosting, and hosts that are addresses."""
    for item in items:
        yield from (one["ip"] for one in item.get("hosting", ()) if "ip" in one)
        if item.get("kind") == ItemKind.IP_EVENT and (found := address_of_event(item["value"])):
            yield found
    yield from filter(is_ip, named_hosts(items))


def named_hosts(items: Iterable[Mapping[str, Any]]) -> frozenset[str]:
    """The host names that items name, in lower case."""
    found = (
        host_of(item[name])
        for item in items
        for name in ("value", "referrer")
        if name in item and (name != "value" or item.get("kind") in _KINDS)
    )
    return frozenset(host for host in found if host)


_KINDS = frozenset({ItemKind.URL, ItemKind.HOST, ItemKind.ACCOUNT, ItemKind.ONION})


def host_of(value: str) -> str:
    """The host of an address, of a mailbox or handle, or the value itself."""
    if "://" in value:
        try:
            return (urlsplit(value).hostname or "").rstrip(".").lower()
        except ValueError:
            return ""
    return value.rpartition("@")[2].partition("/")[0].rstrip(".").lower()
