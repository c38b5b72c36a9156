"""What a seal may hold: a few types of content, their fields, and R1 on every text of them.

Nobody but the addressee can look into a seal (R17), so its content is judged twice: before it is
sealed, and again when it is opened. Content that breaks a rule is neither sealed nor shown.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from gateway.domain.item_value import FAULTS, UNSAFE, has_unsafe_characters
from gateway.domain.media import find_media
from gateway.domain.vocabulary import Fault, ItemKind, StatementKind, among

FORMAT = "casegate-sealed/1"
MAX_BYTES = 2048
"""The longest content, as JSON in UTF-8."""

LONGEST_TEXT = 1500
LONGEST_NAME = 300

_ID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.ASCII)


def _text(longest: int) -> Fault:
    def fault(value: Any) -> str | None:
        if not isinstance(value, str) or not value.strip():
            return "must be text, and not empty"
        if len(value) > longest:
            return f"must have at most {longest} characters"
        if has_unsafe_characters(value, lines=True):
            return UNSAFE
        return find_media(value)

    return fault


def _id(value: Any) -> str | None:
    well_formed = isinstance(value, str) and _ID.fullmatch(value)
    return None if well_formed else "must be a UUID in lower case"


def _item_value(value: Any) -> str | None:
    return None if isinstance(value, str) else "must be text"


@dataclass(frozen=True)
class SealedType:
    """One type of content: the array that its element stands in, and its fields.

    ``optional`` are the fields that may be left out; where no other is there, one of them must be.
    """

    group: str
    required: Mapping[str, Fault]
    optional: Mapping[str, Fault]


_NAME, _NOTE = _text(LONGEST_NAME), _text(LONGEST_TEXT)

TYPES: Mapping[str, SealedType] = {
    "item": SealedType("items", {"kind": among(ItemKind), "value": _item_value}, {"note": _NOTE}),
    "credentials": SealedType(
        "items", {"about": _id}, {"user": _NAME, "secret": _NAME, "note": _NOTE}
    ),
    "statement": SealedType("statements", {"kind": among(StatementKind), "text": _NOTE}, {}),
    "identity": SealedType(
        "subjects",
        {"about": _id},
        {"name": _NAME, "born": _NAME, "contact": _NAME, "identifiers": _NOTE, "note": _NOTE},
    ),
    "reporter": SealedType("subjects", {}, {"name": _NAME, "contact": _NAME, "note": _NOTE}),
}
"""What can be sealed: an item or a statement, the login of a site, the identity of a subject, the
reporter. ``about`` names the item or the subject."""


@dataclass(frozen=True)
class SealedContent:
    """What stands inside one seal, and what ties it to its place.

    ``originator`` and ``addressee`` are organisations' URIs, ``case`` and ``element`` the ids of
    the case and of the element that carries the seal.
    """

    originator: str
    addressee: str
    case: str
    element: str
    type: str
    value: Mapping[str, Any]

    @property
    def group(self) -> str:
        """The array that the element belongs to."""
        return TYPES[self.type].group

    @property
    def category(self) -> str:
        """The kind of an item or a statement, else the type: derived, never a label."""
        return str(self.value.get("kind", self.type))


def validation_errors(kind: str, value: Any) -> list[tuple[str, str]]:
    """All that is wrong with content of a type, each with its JSON pointer; no value repeated."""
    known = TYPES.get(kind)
    if known is None:
        return [("/type", "must be one of: " + ", ".join(TYPES))]
    if not isinstance(value, Mapping):
        return [("/value", "must be an object")]
    return list(_faults(known, value))


def _faults(known: SealedType, value: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    checks = {**known.required, **known.optional}
    for name in sorted(str(name) for name in value.keys() - checks.keys()):
        yield "/value", f"has a field that the type does not have: {ascii(name)[:40]}"
    for name in known.required.keys() - value.keys():
        yield f"/value/{name}", "is required"
    if value.keys().isdisjoint(checks.keys() - {"about"}):
        yield "/value", "says nothing"
    for name, check in checks.items():
        fault = check(value[name]) if name in value else None
        if fault:
            yield f"/value/{name}", fault
    if known is TYPES["item"]:
        yield from _item_faults(value)


def _item_faults(value: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    kind, text = value.get("kind"), value.get("value")
    judge = FAULTS.get(kind) if isinstance(kind, str) else None
    fault = judge(text) if judge and isinstance(text, str) else None
    if fault:
        yield "/value/value", fault
