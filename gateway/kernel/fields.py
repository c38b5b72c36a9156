"""The values of a change, each described once: how it is read, published, and given by hand.

From one `Field` come the reader of a value, its JSON Schema, and its option on the command line.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import partial
from typing import Any
from uuid import UUID

from gateway.domain.fields import (
    COMPACT,
    DAY,
    ORGANISATION,
    SHOWN,
    Validator,
    among,
    free,
    like,
    one_line,
    read_by,
    weight_fault,
)
from gateway.domain.json_values import parse_date, to_json
from gateway.domain.refusals import ValidationFailed
from gateway.domain.vocabulary import COUNTRIES
from gateway.evidence.base64url import DIGEST

NOT_READ = (ArithmeticError, AttributeError, LookupError, TypeError, ValueError)
"""What a reader raises for a value that is not as it must be, of whatever type that is."""

REQUIRED = "is required"

LONGEST = 2_000
"""Characters of free text."""

SHA256 = like(DIGEST.pattern, "must be a SHA-256 digest in base64url")

_FIELD_NAME = re.compile(r"[A-Za-z0-9_/-]{1,64}", re.ASCII)

Reader = Callable[[Any], Any]
"""Makes something of a good value; raises one of NOT_READ where it cannot."""


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
    signed. A day that has ``passed`` is refused when it is after today. ``error`` says what a value
    must be, where ``about`` does not. ``refuse`` says what is wrong with a new text, ``former`` are
    words that are taken no more: a log may hold older ones.
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
    error: str = ""
    refuse: Callable[[Any], str | None] = lambda _: None
    former: tuple[str, ...] = ()


def read_fields(
    fields: Iterable[Field], values: Mapping[str, Any], *, recorded: bool = False
) -> dict[str, Any]:
    """Each value as its field reads it, and None for one that is left out.

    Those of a log are ``recorded``, and have the form of their day. Raises ValidationFailed for
    what is missing, malformed, or not a value of these fields: a name that is misspelt must not
    pass as one that is left out.
    """
    if not isinstance(values, Mapping):
        raise ValidationFailed((("", "must be an object"),))
    known = {field.name: field for field in fields}
    read: dict[str, Any] = dict.fromkeys(known)
    errors: list[tuple[str, str]] = []
    for name, field in known.items():
        if name in values or field.required:
            try:
                value = values[name]
                read[name] = value if recorded and value in field.former else field.read(value)
                if not recorded and (fault := field.refuse(value)):
                    raise Misfit(fault)
            except Misfit as misfit:
                errors.append((f"/{name}", str(misfit)))
            except NOT_READ:
                wrong = field.error or f"must be as described: {field.about}"
                errors.append((f"/{name}", wrong if name in values else f"{REQUIRED}: it {wrong}"))
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
    described = {}
    for one in fields:
        default = {} if one.default is None else {"default": to_json(one.default)}
        emptied = {"x-emptied": one.emptied} if one.emptied else {}
        described[one.name] = {**one.schema, "description": one.about, **default, **emptied}
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


class Misfit(ValueError):
    """A value is not as its field describes it; the sentence says how it must be."""


def text(value: Any, form: Validator = SHOWN) -> str:
    """A text of a form; by default one that shows all that it holds to whoever approves it."""
    if fault := form.judge(value):
        raise Misfit(fault)
    return str(value)


def _of(form: Validator, name: str, about: str, turn: Reader | None = None, **more: Any) -> Field:
    """A field of text; ``turn`` makes a value of a good one."""

    def read(value: Any) -> Any:
        return text(value, form) if turn is None else turn(text(value, form))

    words = tuple(form.described.get("enum", ()))
    more = {"refuse": one_line, **more}
    return Field(name, about, read, form.schema, words=words, error=_fault(form), **more)


def _fault(form: Validator) -> str:
    """Return what a text of a form must be; nothing of one that may say anything."""
    return "" if form is SHOWN else form.fault("") or ""


def _parse_id(value: str) -> None:
    if str(UUID(value)) != value:
        raise ValueError


_NO_COUNTRY = (
    "must be the ISO 3166-1 code of a country, as FR. EU is none: for an institution of the Union "
    "give the country where it is, as NL for Europol"
)
_COUNTRY = Validator(lambda v: None if v in COUNTRIES else _NO_COUNTRY, {"pattern": "^[A-Z]{2}$"})
_ID = read_by(_parse_id, "must be a UUID in lower case", format="uuid")

any_text = partial(_of, SHOWN)
"""Text whose form is judged by what the change does with it."""

organisation_id = partial(_of, ORGANISATION)

identifier = partial(_of, _ID, turn=UUID, given=Given.ID)
"""A UUID in the one spelling that answers give it."""

date = partial(_of, DAY, turn=parse_date, given=Given.DATE)
"""A day of the calendar; ``passed`` refuses one after today."""

country = partial(_of, _COUNTRY)
"""A country by its ISO 3166-1 alpha-2 code."""

digest = partial(_of, SHA256)

fingerprint = partial(_of, like("[0-9a-f]{64}", "must be a SHA-256 fingerprint: 64 hex digits"))

number = partial(_of, like("[1-9][0-9]{0,4}", "must be a whole number, 1 to 99999"), turn=int)


def free_text(name: str, about: str, longest: int = LONGEST) -> Field:
    """One line that a person writes; it carries no file (R1)."""
    return _of(free(longest), name, about, refuse=lambda new: one_line(new) or weight_fault(new))


def prose(name: str, about: str, longest: int = LONGEST) -> Field:
    """The same, which may have several lines."""
    return replace(free_text(name, about, longest), refuse=weight_fault)


def one_of(
    name: str, about: str, words: Iterable[str], turn: Reader | None = None, **cli: Any
) -> Field:
    """One of the words, as ``turn`` makes a value of it."""
    return _of(among(words), name, about, turn, **cli)


def subset_of(name: str, about: str, words: Iterable[str], *, least: int = 1, **cli: Any) -> Field:
    """A list of some of the words, of ``least`` at least."""
    form = among(words)

    def read(value: Any) -> frozenset[str]:
        if not isinstance(value, list) or len(value) < least:
            raise Misfit(f"must be a list of {least} or more")
        return frozenset(text(one, form) for one in value)

    described = {"type": "array", "items": form.schema, **({"minItems": least} if least else {})}
    known = tuple(form.described["enum"])
    more = {"words": known, "several": True, "error": _fault(form), **cli}
    return Field(name, about, read, described, **more)


def countries(name: str, about: str, *, option: str) -> Field:
    """A list of countries, of one at least."""

    def read(value: Any) -> frozenset[str]:
        if not isinstance(value, list) or not value:
            raise Misfit("must be a list of 1 or more")
        return frozenset(text(one, _COUNTRY) for one in value)

    described = {"type": "array", "items": _COUNTRY.schema, "minItems": 1}
    return Field(name, about, read, described, several=True, option=option, error=_NO_COUNTRY)


def period(*, ends: bool = False) -> tuple[Field, Field]:
    """The days ``from`` and ``until``; the second may be left out, unless the period ``ends``."""
    last = date("until", "First day without it.")
    return date("from", "First day."), last if ends else optional(last)


def boolean(name: str, about: str, *, option: str = "") -> Field:
    """True or false, and nothing like it."""
    return Field(name, about, _boolean, {"type": "boolean"}, Given.FLAG, option=option)


def _boolean(value: Any) -> bool:
    if not isinstance(value, bool):
        raise Misfit("must be true or false")
    return value


def signed_document(name: str, about: str) -> Field:
    """A signed document in its compact form; its signature is judged when the change is made."""
    return Field(name, about, text, COMPACT.schema, Given.TEXT_FILE)


JWK: Mapping[str, Any] = {"type": "object", "required": ["kty", "kid"]}


def public_key(name: str, about: str, read: Reader) -> Field:
    """A public key, a JWK; `Misfit` says what is wrong with one."""

    def read_key(value: Any) -> Any:
        try:
            return read(value)
        except ValueError as error:
            raise Misfit(str(error)) from error

    return Field(name, about, read_key, JWK, Given.JSON_FILE)
