"""Matters: what follows from what a case is about, as the policies' data file says it."""

import tomllib
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from gateway.domain.case import is_sealed
from gateway.domain.vocabulary import (
    CASE_TLP,
    CODES,
    ClassificationMethod,
    Matter,
    Purpose,
    SubjectCategory,
)

_CHILD = ("yes", "may", "no")
_MAPPED = ("dsa", "eu_law")
"""The schemes whose codes name a matter."""


class InvalidMatters(ValueError):
    """The data file cannot be used; ``problems`` are sentences that say what to correct."""

    def __init__(self, problems: Collection[str]) -> None:
        """Keep every problem, so that one reading shows them all."""
        super().__init__("; ".join(problems))
        self.problems = tuple(problems)


@dataclass(frozen=True)
class MatterTerms:
    """A row of the data file: what holds for the cases of one matter.

    ``days`` is the longest time kept, counted from the day of receipt; None is the limit of every
    case. ``maps`` are codes as ``scheme:code``.
    """

    child: str
    tlp: str
    source: str
    purposes: frozenset[str] = frozenset(map(str, Purpose))
    speech: bool = False
    days: int | None = None
    maps: frozenset[str] = frozenset()


_TYPES: Mapping[str, type] = {
    "child": str,
    "purposes": list,
    "tlp": str,
    "source": str,
    "speech": bool,
    "days": int,
    "maps": list,
}
_NEEDED = frozenset({"child", "tlp", "source"})


def read_matters(text: str) -> Mapping[Matter, MatterTerms]:
    """Read the data file. Raises InvalidMatters unless it has one sound row for each matter."""
    try:
        rows = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise InvalidMatters([str(error)]) from error
    problems = [f"{name}: no row says what holds for it" for name in Matter if name not in rows]
    problems += [one for name, row in rows.items() for one in _problems(name, row)]
    mapped = [
        code for row in rows.values() if isinstance(row, dict) for code in row.get("maps", ())
    ]
    known = [f"{scheme}:{code}" for scheme in _MAPPED for code in sorted(CODES[scheme])]
    problems += [f"{code}: no row maps it" for code in known if code not in mapped]
    problems += [f"{code}: no such code" for code in mapped if code not in known]
    if problems:
        raise InvalidMatters(problems)
    found: dict[Matter, MatterTerms] = {}
    for name, row in rows.items():
        values: dict[str, Any] = {k: frozenset(v) if type(v) is list else v for k, v in row.items()}
        found[Matter(name)] = MatterTerms(**values)
    return found


def _problems(name: str, row: Any) -> Iterator[str]:
    if name not in tuple(Matter) or not isinstance(row, dict):
        yield f"{name}: no matter of this release has that name; a gateway invents none"
        return
    for key in sorted(_NEEDED - row.keys()):
        yield f"{name}: {key} is missing"
    for key, value in row.items():
        if key not in _TYPES or type(value) is not _TYPES[key]:
            yield f"{name}: {key} is unknown, or not of its type"
            return
    if row.get("child") not in _CHILD:
        yield f"{name}: child is one of {', '.join(_CHILD)}"
    if unknown := set(row.get("purposes", ())) - set(map(str, Purpose)):
        yield f"{name}: no purpose is called {', '.join(sorted(map(str, unknown)))}"
    if row.get("tlp") not in CASE_TLP:
        yield f"{name}: tlp is one of {', '.join(CASE_TLP)}"
    if row.get("days", 1) < 1:
        yield f"{name}: days is 1 or more"


def listed(matters: Mapping[Matter, MatterTerms]) -> Mapping[str, frozenset[str]]:
    """The matters by what policies ask of them: each purpose that one may have, and whether it
    concerns a child, is about what somebody published, or wants AMBER+STRICT."""
    strict = CASE_TLP.index("AMBER+STRICT")
    asked: dict[str, Collection[str]] = {
        str(purpose): [one for one, row in matters.items() if purpose in row.purposes]
        for purpose in Purpose
    }
    asked["child"] = [one for one, row in matters.items() if row.child != "no"]
    asked["speech"] = [one for one, row in matters.items() if row.speech]
    asked["strict"] = [m for m, row in matters.items() if CASE_TLP.index(row.tlp) >= strict]
    return {name: frozenset(map(str, found)) for name, found in asked.items()}


def longest_days(matters: Mapping[Matter, MatterTerms], named: Collection[str]) -> int | None:
    """The fewest days among the limits of the matters ``named``; None where none has one."""
    days = [terms.days for code in named if (terms := matters[Matter(code)]).days is not None]
    return min((one for one in days if one is not None), default=None)


# --- What a case's content says that not every matter allows -----------------------------------

_OF_CHILDREN = frozenset({"iccam", "ucs", "interpol_baseline", "ncmec_ab", "iwf"})
_TRACES = frozenset({"account", "ip_event", "payment"})
MOST_ACCOUNTS = 10
"""Accounts in a case about what somebody published: a notice has one, a thread a few."""


def findings(
    content: Mapping[str, Any], matters: Mapping[Matter, MatterTerms], *, cleared: bool
) -> frozenset[str]:
    """Name what a case says, as policies ask it (R6.child, R21); a sealed element says nothing.

    ``names_child``: ages, schemes or a reason of child protection, or a victim who is a minor.
    ``loose_trace``: an account, connection or payment of no url, two accounts of one url, or more
    than MOST_ACCOUNTS. ``no_condition``: no legal basis states a condition of Art. 9 or 10.
    ``proactive``: nobody reported it. ``other_matter``: a code means a matter that the case does
    not name. ``unassessed``, asked of what is ``cleared``: a source has no legal code by a person.
    """
    items = [one for one in content.get("items", ()) if not is_sealed(one)]
    codes = content.get("classifications", ())
    meant = {f"{c['scheme']}:{c['code']}" for c in codes if c["scheme"] in _MAPPED}
    allowed = {code for one in content["matter"] for code in matters[Matter(one)].maps}
    found = {
        "names_child": _names_child(content, codes),
        "loose_trace": _has_loose_trace(items),
        "no_condition": not any(
            {"art9_condition", "art10_condition"} & basis.keys() for basis in content["legal_basis"]
        ),
        "proactive": content["intake_channel"] == "proactive",
        "unassessed": cleared and _is_unassessed(items, codes),
        "other_matter": not meant <= allowed,
    }
    return frozenset(name for name, holds in found.items() if holds)


def _names_child(content: Mapping[str, Any], codes: Collection[Mapping[str, Any]]) -> bool:
    subjects = [one for one in content.get("subjects", ()) if not is_sealed(one)]
    return (
        content.get("urgency_reason") == "child_located"
        or any(c["scheme"] in _OF_CHILDREN or c["scheme"].startswith("vics_") for c in codes)
        or any({"age_group", "child_modelling"} & c.get("attributes", {}).keys() for c in codes)
        or any("age_group" in one for one in subjects)
        or any((s["category"], s["minor"]) == (SubjectCategory.VICTIM, "yes") for s in subjects)
    )


def _has_loose_trace(items: Collection[Mapping[str, Any]]) -> bool:
    urls = {one["id"] for one in items if one["kind"] == "url"}
    parents = [one.get("parent_item") for one in items if one["kind"] in _TRACES]
    accounts = [one.get("parent_item") for one in items if one["kind"] == "account"]
    return (
        any(parent not in urls for parent in parents)
        or len(accounts) != len(set(accounts))
        or len(accounts) > MOST_ACCOUNTS
    )


def _is_unassessed(
    items: Collection[Mapping[str, Any]], codes: Collection[Mapping[str, Any]]
) -> bool:
    by_person = (ClassificationMethod.HUMAN, ClassificationMethod.HUMAN_X2)
    legal = {
        c["about"]
        for c in codes
        if c["scheme"] in ("fr_law", "eu_law") and c["method"] in by_person
    }
    sources = [one["id"] for one in items if one.get("is_source")] or ["case"]
    return not legal.issuperset(sources)
