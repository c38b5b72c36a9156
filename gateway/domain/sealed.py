"""What a seal may hold: a few types of content, their fields, and R1 on every text of them.

Nobody but the addressee can look into a seal (R17), so its content is judged twice: before it is
sealed, and again when it is opened. Content that breaks a rule is neither sealed nor shown.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from gateway.domain.fields import (
    Error,
    FieldForm,
    StrictSchema,
    Text,
    below,
    free,
    like,
    text,
    word,
)
from gateway.domain.item_value import FAULTS, LONGEST_ADDRESS
from gateway.domain.refusals import ValidationFailed
from gateway.domain.vocabulary import ItemKind, StatementKind

FORMAT = "casegate-sealed/1"
MAX_BYTES = 2048
"""The longest content, as JSON in UTF-8."""

LONGEST_TEXT = 1500
LONGEST_NAME = 300

_ABOUT = Text(like("[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", "must be a UUID in lower case"))
_NAME, _NOTE = free(LONGEST_NAME, required=False), free(LONGEST_TEXT, required=False)


class SealedFields(StrictSchema):
    """The fields of one type of content: one at least, beside what it is about."""

    def faults(self, data: dict[str, Any]) -> Iterator[Error]:
        """Content says something, and the value of an item fits its kind."""
        if data.keys() <= {"about"}:
            yield "", "says nothing"
        if "value" in data and (fault := FAULTS[data["kind"]](data["value"])):
            yield "/value", fault


@dataclass(frozen=True)
class SealedType:
    """One type of content: the array that its element stands in, and its fields."""

    group: str
    content: StrictSchema


def _type(group: str, **fields: FieldForm) -> SealedType:
    return SealedType(group, type("SealedFields", (SealedFields,), fields)())


TYPES: Mapping[str, SealedType] = {
    "item": _type("items", kind=word(ItemKind), value=text(LONGEST_ADDRESS), note=_NOTE),
    "credentials": _type("items", about=_ABOUT, user=_NAME, secret=_NAME, note=_NOTE),
    "statement": _type("statements", kind=word(StatementKind), text=free(LONGEST_TEXT)),
    "identity": _type(
        "subjects",
        about=_ABOUT,
        name=_NAME,
        born=_NAME,
        contact=_NAME,
        identifiers=_NOTE,
        note=_NOTE,
    ),
    "reporter": _type("subjects", name=_NAME, contact=_NAME, note=_NOTE),
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
    if kind not in TYPES:
        return [("/type", "must be one of: " + ", ".join(TYPES))]
    try:
        TYPES[kind].content.read(value)
    except ValidationFailed as refused:
        return [*below("value", refused)]
    return []
