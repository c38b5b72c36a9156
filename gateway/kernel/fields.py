"""The values of a change, each described once: how it is read, published, and given by hand.

From one `Field` come the reader of a value, its JSON Schema, and its option on the command line.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any
from uuid import UUID

from gateway.domain.item_value import has_unsafe_characters
from gateway.domain.json_values import parse_date
from gateway.domain.media import find_media
from gateway.domain.organisation import SLUG
from gateway.domain.refusals import ValidationFailed
from gateway.domain.vocabulary import COUNTRIES
from gateway.evidence.base64url import DIGEST

NOT_READ = (ArithmeticError, AttributeError, LookupError, TypeError, ValueError)
"""What a reader raises for a value that is not as it must be, of whatever type that is."""

NOT_OF_FORM = "is missing, or does not have the form of this field"

LONGEST = 2_000
"""Characters of free text."""

_COUNTRY = re.compile(r"[A-Z]{2}", re.ASCII)
_NO_COUNTRY = (
    "must be the ISO 3166-1 code of a country, as FR. EU is none: for an institution of the Union "
    "give the country where it is, as NL for Europol"
)
_FIELD_NAME = re.compile(r"[A-Za-z0-9_/-]{1,64}", re.ASCII)
_COMPACT = r"^[A-Za-z0-9._~-]{1,6000}$"

Reader = Callable[[Any], Any]
"""Understands one value; one of NOT_READ when it does not."""


class Given(StrEnum):
    """How a value is given on the command line."""

    TEXT = "text"
    DATE = "date"
    ID = "id"
    FLAG = "flag"
    JSON_FILE = "json file"  # what is in the file
    TEXT_FILE = "text file"
    DIGEST_OF_FILE = "digest of file"


@dataclass(frozen=True)
class Field:
    """One value of a change.

    ``schema`` is its JSON Schema; ``words`` are all that it may be, where they are listed, and
    ``several`` says that it is a list of them. ``option`` is what it is called on the command
    line: an option with dashes, or in capitals an argument; ``default`` is what is signed when
    the option is left out. ``emptied`` is what an empty list does, which is printed before it is
    signed. A day that has ``passed`` is refused when it is after today. ``error`` says what is
    wrong with a value that cannot be read.
    """

    name: str
    about: str
    read: Reader
    schema: Mapping[str, Any]
    given: Given = Given.TEXT
    required: bool = True
    words: tuple[str, ...] = ()
    several: bool = False
    option: str = ""
    default: Any = None
    emptied: str = ""
    passed: bool = False
    error: str = NOT_OF_FORM


def read_fields(fields: Iterable[Field], values: Mapping[str, Any]) -> dict[str, Any]:
    """Each value as its field reads it, and None for one that is left out.

    Raises ValidationFailed for what is missing, malformed, or not a value of these fields: a name
    that is misspelt must not pass as one that is left out.
    """
    if not isinstance(values, Mapping):
        raise ValidationFailed((("", "must be an object"),))
    known = {field.name: field for field in fields}
    read: dict[str, Any] = dict.fromkeys(known)
    errors: list[tuple[str, str]] = []
    for name, field in known.items():
        if name in values or field.required:
            try:
                read[name] = field.read(values[name])
            except NOT_READ:
                errors.append((f"/{name}", field.error))
    errors += [(_pointer(name), "is not a value of this change") for name in values.keys() - known]
    if errors:
        raise ValidationFailed(errors)
    return read


def _pointer(name: str) -> str:
    """A JSON pointer to a member (RFC 6901 section 3); to the whole object for a name that no
    field could have, which is a caller's text and is not repeated."""
    if not _FIELD_NAME.fullmatch(name):
        return ""
    return "/" + name.replace("~", "~0").replace("/", "~1")


def schema_of(fields: Iterable[Field]) -> dict[str, Any]:
    """The JSON Schema of an object of these fields and no others."""
    described = {f.name: {**f.schema, "description": f.about} for f in fields}
    required = [field.name for field in fields if field.required]
    return {
        "type": "object",
        "properties": described,
        **({"required": required} if required else {}),
        "additionalProperties": False,
    }


def optional(field: Field) -> Field:
    """The same field where it may be left out."""
    return replace(field, required=False)


# --- Readers -------------------------------------------------------------------------------------


def text(value: Any) -> str:
    """A text that is not blank, and shows all that it holds to whoever approves it."""
    if not isinstance(value, str) or not value.strip() or has_unsafe_characters(value, lines=True):
        raise ValueError
    return value


def prose(value: Any, longest: int = LONGEST) -> str:
    """What a person writes; it carries no file (R1)."""
    if len(text(value)) > longest or find_media(value):
        raise ValueError
    return str(value)


def _matching(form: re.Pattern[str]) -> Reader:
    def read(value: Any) -> str:
        if not form.fullmatch(value):
            raise ValueError
        return str(value)

    return read


def _uuid(value: Any) -> UUID:
    read = UUID(value)
    if str(read) != value:
        raise ValueError
    return read


def _boolean(value: Any) -> bool:
    if not isinstance(value, bool):
        raise TypeError
    return value


# --- Kinds of field ------------------------------------------------------------------------------


def free_text(name: str, about: str, longest: int = LONGEST, *, option: str = "") -> Field:
    """What a person writes."""
    described = {"type": "string", "minLength": 1, "maxLength": longest}
    return Field(name, about, lambda v: prose(v, longest), described, option=option)


def any_text(name: str, about: str, *, option: str = "") -> Field:
    """Text whose form is judged by what the change does with it."""
    return Field(name, about, text, {"type": "string", "minLength": 1}, option=option)


def organisation_id(name: str, about: str, *, option: str = "") -> Field:
    """The id of an organisation, of a system or of a person, as certificates have it."""
    described = {"type": "string", "pattern": f"^{SLUG.pattern}$"}
    return Field(name, about, _matching(SLUG), described, option=option)


def identifier(name: str, about: str, *, option: str = "") -> Field:
    """A UUID in the one spelling that answers give it."""
    described = {"type": "string", "format": "uuid"}
    return Field(name, about, _uuid, described, Given.ID, option=option)


def date(name: str, about: str, *, passed: bool = False) -> Field:
    """A day of the calendar; ``passed`` refuses one after today."""
    described = {"type": "string", "format": "date"}
    return Field(name, about, parse_date, described, Given.DATE, passed=passed)


def period(*, ends: bool = False) -> tuple[Field, Field]:
    """The days ``from`` and ``until``, the second of which ``ends`` it or may be left out."""
    last = date("until", "First day without it.")
    return date("from", "First day."), last if ends else optional(last)


def one_of(
    name: str, about: str, words: Iterable[str], read: Reader | None = None, **cli: Any
) -> Field:
    """One of the words, as ``read`` turns it into a value."""

    known = tuple(str(word) for word in words)

    def listed(value: Any) -> str:
        if value not in known:
            raise ValueError
        return str(value)

    described = {"type": "string", "enum": list(known)}
    return Field(name, about, read or listed, described, words=known, error=_listed(known), **cli)


def _listed(words: Iterable[str]) -> str:
    return f"is missing, or none of: {', '.join(words)}"


def subset_of(name: str, about: str, words: Iterable[str], *, least: int = 1, **cli: Any) -> Field:
    """A list of some of the words, of ``least`` at least."""
    known = tuple(str(word) for word in words)

    def read(value: Any) -> frozenset[str]:
        if not isinstance(value, list) or not set(value) <= set(known) or len(value) < least:
            raise ValueError
        return frozenset(value)

    items = {"type": "string", "enum": list(known)}
    described = {"type": "array", "items": items, **({"minItems": least} if least else {})}
    error = _listed(known)
    return Field(name, about, read, described, words=known, several=True, error=error, **cli)


def boolean(name: str, about: str, *, option: str = "") -> Field:
    """True or false, and nothing like it."""
    return Field(name, about, _boolean, {"type": "boolean"}, Given.FLAG, option=option)


def country(name: str, about: str) -> Field:
    """A country by its ISO 3166-1 alpha-2 code."""

    def listed(value: Any) -> str:
        if value not in COUNTRIES:
            raise ValueError
        return str(value)

    described = {"type": "string", "pattern": f"^{_COUNTRY.pattern}$"}
    return Field(name, about, listed, described, error=_NO_COUNTRY)


def digest(name: str, about: str, *, given: Given = Given.TEXT, option: str = "") -> Field:
    """A SHA-256 digest, base64url without padding."""
    described = {"type": "string", "pattern": f"^{DIGEST.pattern}$"}
    return Field(name, about, _matching(DIGEST), described, given, option=option)


def signed_document(name: str, about: str) -> Field:
    """A signed document in its compact form; its signature is judged when the change is made."""
    described = {"type": "string", "pattern": _COMPACT}
    return Field(name, about, text, described, Given.TEXT_FILE)


def public_key(name: str, about: str, read: Reader) -> Field:
    """A public key, a JWK."""
    return Field(name, about, read, {"type": "object"}, Given.JSON_FILE)
