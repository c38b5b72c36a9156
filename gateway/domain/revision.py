"""What a further version of a case changes: an addition, a correction or a tightening.

The kind is derived by comparing two versions by array and element id; what their author says may be
stricter, never milder. Of several changes the strictest counts: what alters or drops anything, or
loosens a marking, is a correction; what only raises markings a tightening; the rest an addition.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from functools import partial
from typing import Any
from uuid import UUID

from gateway.domain import vocabulary
from gateway.domain.case import (
    ARRAYS,
    CLEAR_MARKING,
    MARKING_PROPERTIES,
    PROPERTIES,
    is_sealed,
)


class ChangeKind(StrEnum):
    """What a version, or an update, is to the one before; in order of strictness."""

    ADDITION = "addition"
    TIGHTENING = "tightening"
    CORRECTION = "correction"


UNLAWFUL = "unlawful"

REASONS = (
    "inaccurate",
    "incomplete",
    UNLAWFUL,
    "reclassified",
    "reassessed",
    "marking",
    "retention",
    "resealed",
    "new_information",
    "other",
)
"""Why a version is made: a code beside its text."""

ANSWERED = frozenset({ChangeKind.CORRECTION, ChangeKind.TIGHTENING})
"""The changes of which every holder hears, and that each acknowledges."""


def strictest_change(kinds: Iterable[ChangeKind]) -> ChangeKind:
    """The one of several changes that counts; an addition where there is none."""
    return max((ChangeKind.ADDITION, *kinds), key=list(ChangeKind).index)


@dataclass(frozen=True)
class VersionChange:
    """What the author of a version says that it changes, and why.

    ``pointers`` are the places that a correction corrects, as `Revision` names them.
    ``approved_by`` is the second person, where one is needed before the clearance (R10).
    """

    kind: ChangeKind
    reason_code: str
    reason: str
    pointers: tuple[str, ...] = ()
    approved_by: str | None = None

    @property
    def unlawful(self) -> tuple[str, ...]:
        """The ids of the elements that a correction corrects because they were unlawful."""
        if self.reason_code != UNLAWFUL:
            return ()
        places = (one.removeprefix("/").partition("/") for one in self.pointers)
        return tuple(element for array, _, element in places if array in ARRAYS and element)


@dataclass(frozen=True)
class Announcement:
    """That holders of older versions heard of a change: in which version, when, by which event.

    ``event`` is the one that cleared the version.
    """

    originator: str
    case: UUID
    version: int
    change: ChangeKind
    at: datetime
    event: UUID


@dataclass(frozen=True)
class Revision:
    """What differs between two versions of a case, by place.

    A place is ``/items/<id>`` for an element, ``/urgency`` for a property and ``/marking/tlp`` for
    a field of the marking.
    """

    changes: Mapping[str, ChangeKind]

    @property
    def kind(self) -> ChangeKind:
        """The mildest that the version can be called."""
        return strictest_change(self.changes.values())

    def of_kind(self, *kinds: ChangeKind) -> frozenset[str]:
        """The places that were changed so."""
        return frozenset(place for place, kind in self.changes.items() if kind in kinds)

    def touched(self, parts: Iterable[tuple[str, str]]) -> tuple[str, ...]:
        """The groups in which parts (name, element id or empty) were corrected or tightened.

        A field of the marking that stands in clear touches everybody.
        """
        concerned = self.of_kind(*ANSWERED)
        clear = {place_of(name) for name in CLEAR_MARKING}
        groups = {
            PROPERTIES.get(name, name)
            for name, element in parts
            if place_of(name, element) in concerned
        }
        return tuple(sorted(groups | ({"marking"} if clear & concerned else set())))

    def places(self, parts: Iterable[tuple[str, str]]) -> tuple[str, ...]:
        """The places that were changed, of those that parts (name, element id or empty) are of.

        A field of the marking that stands in clear is everybody's.
        """
        known = {place_of(*part) for part in parts} | {place_of(name) for name in CLEAR_MARKING}
        return tuple(sorted(self.changes.keys() & known))

    def label_errors(self, said: VersionChange) -> tuple[tuple[str, str], ...]:
        """Return what is wrong with how the author calls the version, by JSON pointer."""
        if said.kind is not strictest_change((said.kind, self.kind)):
            where = ", ".join(sorted(self.of_kind(self.kind)))
            return (("/change/kind", f"must be {self.kind}: the version changes {where}"),)
        if said.kind is not ChangeKind.CORRECTION:
            unwanted = "is for a correction only: leave it out"
            return (("/change/pointers", unwanted),) if said.pointers else ()
        missing = self.of_kind(ChangeKind.CORRECTION) - set(said.pointers)
        beyond = set(said.pointers) - self.changes.keys()
        if missing or not said.pointers:
            named = ", ".join(sorted(missing)) or "at least one place that the version changes"
            return (("/change/pointers", f"must name what is corrected: {named}"),)
        if beyond:
            return (("/change/pointers", f"has not changed: {', '.join(sorted(beyond))}"),)
        return ()


def place_of(name: str, element: str = "") -> str:
    """The place of a property, of a field of the marking, or of an element of an array."""
    if name in CLEAR_MARKING or name in MARKING_PROPERTIES:
        return f"/marking/{name}"
    return f"/{name}/{element}" if element else f"/{name}"


def is_place(text: str) -> bool:
    """Tell whether a text can be a place of some case: an element by its id, a property, a
    marking."""
    name, _, element = text.removeprefix("/").rpartition("/")
    if name not in ARRAYS:
        return text in map(place_of, (*PROPERTIES, *CLEAR_MARKING))
    try:
        return str(UUID(element)) == element and text == place_of(name, element)
    except ValueError:
        return False


def compare(before: Mapping[str, Any], after: Mapping[str, Any]) -> Revision:
    """Return what differs between two versions of one case, given as the profile's JSON."""
    found: dict[str, ChangeKind | None] = {}
    old, new = before["marking"], after["marking"]
    for name in (*CLEAR_MARKING, *MARKING_PROPERTIES):
        found[place_of(name)] = _marking_change(name, old.get(name), new.get(name))
    for name in PROPERTIES:
        if name not in MARKING_PROPERTIES:
            found[place_of(name)] = _property_change(before.get(name), after.get(name))
    for array in ARRAYS:
        was = {one["id"]: one for one in before.get(array, ())}
        now = {one["id"]: one for one in after.get(array, ())}
        for element in {**was, **now}:
            change = _element_change(was.get(element), now.get(element))
            found[place_of(array, element)] = change
    return Revision({place: kind for place, kind in found.items() if kind is not None})


def loosens(before: Mapping[str, Any], after: Mapping[str, Any]) -> bool:
    """Tell whether a version loosens the markings of another one, or how a person found what it
    says.

    Of elements that are in both, with what their case adds; TLP, handling, and the method of a
    classification (R18). A sealed element has no marking that could be read.
    """
    if _is_looser(before["marking"], after["marking"]):
        return True
    for array in ARRAYS:
        now = {one["id"]: one for one in after.get(array, ())}
        for one in before.get(array, ()):
            other = now.get(one["id"], one)
            ranks = [_METHODS.index(part.get("method", _HUMAN_X2)) for part in (one, other)]
            marked = [_within(content, part) for content, part in ((before, one), (after, other))]
            if ranks[1] < ranks[0] or _is_looser(*marked):
                return True
    return False


_HUMAN_X2 = vocabulary.ClassificationMethod.HUMAN_X2
_METHODS = (
    vocabulary.ClassificationMethod.CLASSIFIER,
    vocabulary.ClassificationMethod.HASH_MATCH,
    vocabulary.ClassificationMethod.HUMAN,
    _HUMAN_X2,
)
"""What a classification rests on, from the weakest to the strongest."""


def _within(content: Mapping[str, Any], part: Mapping[str, Any]) -> Mapping[str, Any]:
    """The marking of an element with that of its case."""
    case, own = content["marking"], part.get("marking") or {}
    handling = {*case.get("handling", ()), *own.get("handling", ())}
    return {
        "tlp": max(case["tlp"], own.get("tlp", case["tlp"]), key=vocabulary.tlp_rank),
        "handling": handling,
    }


def _is_looser(before: Mapping[str, Any], after: Mapping[str, Any]) -> bool:
    lost = set(before.get("handling") or ()) - set(after.get("handling") or ()) - {"H0"}
    return bool(lost) or vocabulary.tlp_rank(after["tlp"]) < vocabulary.tlp_rank(before["tlp"])


def shed_errors(
    before: Mapping[str, Any], after: Mapping[str, Any], measured: Collection[str]
) -> Iterator[tuple[str, str]]:
    """Where a version takes elements out of measures in force, by JSON pointer.

    ``measured`` are the ids of the elements under them: one must stay, and what it says must not
    come again under another id.
    """
    for array in ARRAYS:
        was = {one["id"]: one for one in before.get(array, ())}
        now = {one["id"]: one for one in after.get(array, ())}
        held = [name for name in was if name in measured]
        if missing := sorted(set(held) - now.keys()):
            why = f"leaves out {', '.join(missing)}: a measure holds on it, which ends first"
            yield f"/content/{array}", why
        said = [_said(was[name]) for name in held]
        for number, (name, one) in enumerate(now.items()):
            is_new = name not in was or _said(was[name]) != _said(one)
            if name not in held and is_new and _said(one) in said:
                why = "repeats an element on which a measure holds: keep that one, by its id"
                yield f"/content/{array}/{number}", why


def _said(element: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return what an element says, whatever its id: its value, where it has one."""
    if "value" in element:
        return {name: element[name] for name in ("kind", "scheme", "value") if name in element}
    return _without(element, {"id", "marking", *_HISTORIES})


_HISTORIES = ("hosting", "online")
"""Arrays of an item to which a later check adds an entry."""


def _property_change(before: Any, after: Any) -> ChangeKind | None:
    if before == after:
        return None
    return ChangeKind.ADDITION if before is None else ChangeKind.CORRECTION


def _marking_change(name: str, before: Any, after: Any) -> ChangeKind | None:
    if (before or None) == (after or None):
        return None
    if name == "erase_on" and after < before:  # its holders heard when two persons decided it
        return ChangeKind.ADDITION
    if name not in _RAISED:
        return _property_change(before or None, after or None)
    return ChangeKind.TIGHTENING if _RAISED[name](before, after) else ChangeKind.CORRECTION


def _later(order: Sequence[str], before: str, after: str) -> bool:
    return order.index(after) > order.index(before)


def _prolonged(before: Mapping[str, Any] | None, after: Mapping[str, Any] | None) -> bool:
    """Tell whether an embargo begins, or holds the same longer."""
    if not before or not after:
        return not before
    until = {"until": before["until"]}
    return {**after, **until} == before and after["until"] >= before["until"]


_RAISED: Mapping[str, Callable[[Any, Any], bool]] = {
    "tlp": partial(_later, vocabulary.TLP),
    "handling": lambda before, after: set(after or ()) >= set(before or ()),
    "onward": partial(_later, vocabulary.ONWARD),
    "permitted_actions": partial(_later, vocabulary.PERMITTED_ACTIONS[::-1]),
    "purpose": lambda before, after: set(after) <= set(before),
    "erase_on": lambda *_: False,  # a later day only: it keeps longer what was to go
    "release_to": lambda before, after: bool(after) and (not before or set(after) <= set(before)),
    "embargo": _prolonged,
    "national": lambda before, _: not before,
    "handling_note": lambda before, _: not before,
    "attribution": lambda before, after: (
        bool(after) and (not before or _later(vocabulary.ATTRIBUTIONS, before, after))
    ),
    "force": lambda before, after: {**(after or {}), **(before or {})} == after,
}
"""Whether a field of the marking, which changed, was only made stricter."""


def _element_change(
    before: Mapping[str, Any] | None, after: Mapping[str, Any] | None
) -> ChangeKind | None:
    if before == after:
        return None
    if before is None:
        return ChangeKind.ADDITION
    if after is None or is_sealed(before) or is_sealed(after):
        return ChangeKind.CORRECTION
    apart = {"marking", *_HISTORIES}
    if _without(before, apart) != _without(after, apart):
        return ChangeKind.CORRECTION
    for history in _HISTORIES:
        if not all(entry in after.get(history, ()) for entry in before.get(history, ())):
            return ChangeKind.CORRECTION
    return _element_marking_change(before.get("marking") or {}, after.get("marking") or {})


def _element_marking_change(before: Mapping[str, Any], after: Mapping[str, Any]) -> ChangeKind:
    """An element's own marking adds to that of its case; without a change of it a history grew."""
    if before == after:
        return ChangeKind.ADDITION
    ranks = [vocabulary.tlp_rank(one["tlp"]) if "tlp" in one else -1 for one in (before, after)]
    more_handling = set(after.get("handling", ())) >= set(before.get("handling", ()))
    raised = ranks[0] <= ranks[1] and more_handling
    return ChangeKind.TIGHTENING if raised else ChangeKind.CORRECTION


def _without(part: Mapping[str, Any], names: Collection[str]) -> dict[str, Any]:
    return {name: value for name, value in part.items() if name not in names}
