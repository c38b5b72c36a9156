"""In which country an item is hosted, and so who has it removed (R8)."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from gateway.domain.interest import host_of
from gateway.domain.json_values import parse_timestamp
from gateway.domain.vocabulary import COUNTRIES, ItemKind

_LOCATED = frozenset({ItemKind.URL, ItemKind.HOST, ItemKind.ONION})
"""Kinds of items that are somewhere; others have a country only where their hosting is known."""


class CountryMatch(StrEnum):
    """How the countries of an offer's items fit its recipient; policy compares it."""

    HERE = "here"
    ELSEWHERE = "elsewhere"
    UNCERTAIN = "uncertain"


@dataclass(frozen=True)
class CountrySplit:
    """The items of an offer, by id: hosted where the recipient has items removed (``here``),
    elsewhere with their country, and those whose country is uncertain."""

    here: frozenset[str]
    elsewhere: tuple[tuple[str, str], ...]
    uncertain: tuple[str, ...]

    def match(self, *, explained: bool) -> CountryMatch:
        """``explained``: a reason was given why the uncertain ones go to this recipient."""
        if self.elsewhere and not self.here and not self.uncertain:
            return CountryMatch.ELSEWHERE
        certain = bool(self.here) and not self.uncertain
        return CountryMatch.HERE if certain or explained else CountryMatch.UNCERTAIN


def split_by_country(
    items: Sequence[Mapping[str, Any]],
    selected: Collection[str],
    serves: Callable[[str], bool],
) -> CountrySplit:
    """Split the ``selected`` items (ids) of a case by whether the recipient ``serves`` their
    country. Sealed items are in none of the three: the gateway cannot read them."""
    by_host = {host_of(item["value"]): item for item in items if item.get("hosting")}
    here, elsewhere, uncertain = set[str](), list[tuple[str, str]](), list[str]()
    for item in items:
        if item["id"] not in selected or not (item.get("kind") in _LOCATED or item.get("hosting")):
            continue
        known = item if item.get("hosting") else by_host.get(host_of(item["value"]), item)
        country = hosting_country(known)
        if country is None:
            uncertain.append(item["id"])
        elif serves(country):
            here.add(item["id"])
        else:
            elsewhere.append((item["id"], country))
    return CountrySplit(frozenset(here), tuple(elsewhere), tuple(uncertain))


def hosting_country(item: Mapping[str, Any]) -> str | None:
    """The country that the newest observation of an item's hosting found.

    None where that is uncertain: nothing was observed, several countries at one time, a code of
    no country (registries of addresses write EU), or a content delivery network, which shows the
    country of its nearest server.
    """
    found = item.get("hosting", ())
    times = [parse_timestamp(one["observed_at"]) for one in found]
    newest = max(times, default=None)
    current = [one for one, time in zip(found, times, strict=True) if time == newest]
    countries = {one["country"] for one in current}
    if len(countries) != 1 or any(one.get("is_cdn") for one in current):
        return None
    (country,) = countries
    return str(country) if country in COUNTRIES else None
