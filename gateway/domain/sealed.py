"""What a seal may hold: a few types of content, their fields, and R1 on every text of them.

Nobody but the addressee can look into a seal (R17), so its content is judged twice: before it is
sealed, and again when it is opened. Content that breaks a rule is neither sealed nor shown.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from gateway.domain.fields import Validator, among, free, like, up_to
from gateway.domain.item_value import FAULTS, LONGEST_ADDRESS
from gateway.domain.vocabulary import ItemKind, StatementKind

FORMAT = "casegate-sealed/1"
MAX_BYTES = 2048
"""The longest content, as JSON in UTF-8."""

LONGEST_TEXT = 1500
LONGEST_NAME = 300

_ID = like("[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", "must be a UUID in lower case")
_NAME, _NOTE = free(LONGEST_NAME), free(LONGEST_TEXT)


@dataclass(frozen=True)
class SealedType:
    """One type of content: the array that its element stands in, and its fields.

    ``optional`` are the fields that may be left out; where no other is there, one of them must be.
    """

    group: str
    required: Mapping[str, Validator]
    optional: Mapping[str, Validator]


TYPES: Mapping[str, SealedType] = {
    "item": SealedType(
        "items",
        {"kind": among(ItemKind), "value": up_to(LONGEST_ADDRESS, "is too long")},
        {"note": _NOTE},
    ),
    "credentials": SealedType(
        "items", {"about": _ID}, {"user": _NAME, "secret": _NAME, "note": _NOTE}
    ),
    "statement": SealedType("statements", {"kind": among(StatementKind), "text": _NOTE}, {}),
    "identity": SealedType(
        "subjects",
        {"about": _ID},
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
    checks = {**known.required, **known.optional}
    found = [
        ("/value", f"has a field that the type does not have: {ascii(name)[:40]}")
        for name in sorted(str(name) for name in value.keys() - checks.keys())
    ]
    found += [(f"/value/{name}", "is required") for name in known.required.keys() - value.keys()]
    if value.keys().isdisjoint(checks.keys() - {"about"}):
        found.append(("/value", "says nothing"))
    for name, check in checks.items():
        fault = check.judge(value[name]) if name in value else None
        if fault:
            found.append((f"/value/{name}", fault))
    if known is TYPES["item"]:
        of, text = value.get("kind"), value.get("value")
        judge = FAULTS.get(of) if isinstance(of, str) else None
        fault = judge(text) if judge and isinstance(text, str) else None
        if fault:
            found.append(("/value/value", fault))
    return found
