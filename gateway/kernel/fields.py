"""The values of a change, each described once: how it is read, published, and given by hand.

From one `Field` come the reader of a value, its JSON Schema, and its option on the command line.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import partial
from typing import Any
from uuid import UUID

from gateway.domain import fields as forms
from gateway.domain.fields import (
    SHOWN,
    Error,
    FieldForm,
    Text,
    Validator,
    below,
    like,
    read_by,
    wrong,
)
from gateway.domain.json_values import parse_date
from gateway.domain.refusals import ValidationFailed
from gateway.domain.vocabulary import COUNTRIES
from gateway.evidence.base64url import DIGEST

NOT_READ = (ArithmeticError, AttributeError, LookupError, TypeError, ValueError)
"""What a reader raises for a value that is not as it must be, of whatever type that is."""

NOT_OF_FORM = "is missing, or does not have the form of this field"

LONGEST = 2_000
"""Characters of free text."""

DIGEST_TEXT = like(DIGEST.pattern, "must be a SHA-256 digest in base64url")
COMPACT = like("[A-Za-z0-9._~-]{1,6000}", "must be a signed document in its compact form")

Reader = Callable[[Any], Any]
"""Makes something of a good value; one of NOT_READ where it can not."""


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
        raise wrong(values, "must be an object")
    known = {field.name: field for field in fields}
    read: dict[str, Any] = dict.fromkeys(known)
    errors: list[Error] = []
    for name, field in known.items():
        try:
            if name in values:
                read[name] = field.read(values[name])
            elif field.required:
                errors.append((f"/{name}", "is required"))
        except ValidationFailed as refused:
            errors += below(name, refused)
        except NOT_READ:
            errors.append((f"/{name}", field.error))
    unknown = wrong(values, "is not a value of this change")
    errors += (error for name in values.keys() - known for error in below(name, unknown))
    if errors:
        raise ValidationFailed(errors)
    return read


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


# --- Kinds of field ------------------------------------------------------------------------------


ANY_TEXT = Text(SHOWN)
"""A text that is not blank, and shows all that it holds to whoever approves it."""


def _parse_id(value: str) -> None:
    if str(UUID(value)) != value:
        raise ValueError


_ID = Text(read_by(_parse_id, "must be a UUID in lower case", format="uuid"))
_NO_COUNTRY = (
    "must be the ISO 3166-1 code of a country, as FR. EU is none: for an institution of the Union "
    "give the country where it is, as NL for Europol"
)
_COUNTRY = Text(
    Validator(lambda v: None if v in COUNTRIES else _NO_COUNTRY, {"pattern": "^[A-Z]{2}$"})
)


def _of(form: FieldForm, name: str, about: str, turn: Reader | None = None, **more: Any) -> Field:
    """A field of a form that requests have as well; ``turn`` is what is made of a good value."""
    read = form.read if turn is None else lambda value: turn(form.read(value))
    return Field(name, about, read, form.shape, **more)


def free_text(name: str, about: str, longest: int = LONGEST, *, option: str = "") -> Field:
    """What a person writes; it carries no file (R1)."""
    return _of(forms.free(longest), name, about, option=option)


def one_of(
    name: str, about: str, words: Iterable[str], turn: Reader | None = None, **cli: Any
) -> Field:
    """One of the words, as ``turn`` makes a value of it."""
    form = forms.word(words)
    return _of(form, name, about, turn, words=tuple(form.shape["enum"]), **cli)


def subset_of(name: str, about: str, words: Iterable[str], *, least: int = 1, **cli: Any) -> Field:
    """A set of some of the words, of ``least`` at least."""
    form = forms.words(words, least=least)
    known = tuple(form.inner.shape["enum"])
    return _of(form, name, about, frozenset, words=known, several=True, **cli)


any_text = partial(_of, ANY_TEXT)
"""Text whose form is judged by what the change does with it."""

organisation_id = partial(_of, forms.slug())
"""The id of an organisation, of a system or of a person, as certificates have it."""

identifier = partial(_of, _ID, turn=UUID, given=Given.ID)
"""A UUID in the one spelling that answers give it."""

date = partial(_of, forms.day(), turn=parse_date, given=Given.DATE)
"""A day of the calendar; ``passed`` refuses one after today."""

boolean = partial(_of, forms.boolean(), given=Given.FLAG)
"""True or false, and nothing like it."""

country = partial(_of, _COUNTRY)
"""A country by its ISO 3166-1 alpha-2 code."""

digest = partial(_of, Text(DIGEST_TEXT))
"""A SHA-256 digest, base64url without padding."""


def period(*, ends: bool = False) -> tuple[Field, Field]:
    """The days ``from`` and ``until``, the second of which ``ends`` it or may be left out."""
    last = date("until", "First day without it.")
    return date("from", "First day."), last if ends else optional(last)


def signed_document(name: str, about: str) -> Field:
    """A signed document in its compact form; it is judged when the change is made."""
    return Field(name, about, ANY_TEXT.read, Text(COMPACT).shape, Given.TEXT_FILE)


def public_key(name: str, about: str, read: Reader) -> Field:
    """A public key, a JWK."""
    return Field(name, about, read, {"type": "object"}, Given.JSON_FILE)
