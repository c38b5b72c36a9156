"""Values that come from outside, each described once: how one is read, and its JSON Schema.

They are read strictly: nothing is converted, filled in or spelt otherwise. A refusal lists all
faults, each at its place, in a sentence that does not repeat what was sent.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any, ClassVar, NamedTuple

from gateway.domain import vocabulary
from gateway.domain.item_value import UNSAFE, has_unsafe_characters
from gateway.domain.json_values import parse_date, parse_timestamp
from gateway.domain.media import find_media
from gateway.domain.organisation import NO_SLUG, SLUG
from gateway.domain.refusals import ValidationFailed
from gateway.domain.vocabulary import Fault

Error = tuple[str, str]
"""A JSON pointer (RFC 6901), from the value on, and what is wrong there."""

Shape = dict[str, Any]
"""A JSON Schema."""

_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}", re.ASCII)


def wrong(value: Any, sentence: str) -> ValidationFailed:
    """What is raised for a value as a whole."""
    return ValidationFailed((("", "must not be null" if value is None else sentence),))


def below(step: object, refused: ValidationFailed) -> Iterator[Error]:
    """The faults of a value, from what it is a member of.

    A name that no field of ours could have is a caller's text, and is not repeated.
    """
    place = f"/{step}" if _NAME.fullmatch(str(step)) else ""
    return ((f"{place}{pointer}", sentence) for pointer, sentence in refused.errors)


# --- What a text must be -------------------------------------------------------------------------


class Validator(NamedTuple):
    """``fault`` says what is wrong with a text, or None; ``described`` is its JSON Schema."""

    fault: Fault
    described: Mapping[str, Any] = {}


def among(words: Iterable[str]) -> Validator:
    """One of the words."""
    known = [*dict.fromkeys(map(str, words))]
    return Validator(vocabulary.among(known), {"enum": known})


def like(pattern: str, sentence: str, **described: Any) -> Validator:
    """Of the form of a pattern, all of it."""
    form = re.compile(pattern, re.ASCII)
    described = {"pattern": f"^{pattern}$", **described}
    return Validator(lambda value: None if form.fullmatch(value) else sentence, described)


def read_by(parse: Callable[[str], object], sentence: str, **described: Any) -> Validator:
    """What ``parse`` reads without a ValueError."""

    def fault(value: str) -> str | None:
        try:
            parse(value)
        except ValueError:
            return sentence
        return None

    return Validator(fault, described)


def _free(longest: int, *, lines: bool, blank: bool) -> Validator:
    def fault(value: str) -> str | None:
        if not value.strip() and not blank:
            return "must not be empty"
        if len(value) > longest:
            return f"must have at most {longest} characters"
        if has_unsafe_characters(value, lines=lines):
            return UNSAFE
        return find_media(value)

    return Validator(fault, {"minLength": 0 if blank else 1, "maxLength": longest})


def _shown(value: str) -> str | None:
    if not value.strip():
        return "must not be empty"
    return UNSAFE if has_unsafe_characters(value, lines=True) else None


SHOWN = Validator(_shown, {"minLength": 1})
"""A text that is not blank, and shows all that it holds."""


def up_to(longest: int, sentence: str) -> Validator:
    """Up to so many characters; what they have to be is judged with the fields beside them."""
    return Validator(
        lambda value: None if len(value) <= longest else sentence, {"maxLength": longest}
    )


# --- Forms of values -----------------------------------------------------------------------------


class FieldForm:
    """What a value must be; ``shape`` is its JSON Schema, ``within`` are the forms of its parts.

    As a member of an object it may be left out where it is not ``required``; then ``default``
    stands in its place, unless that is None. ``missed`` says that it is not there.
    """

    within: Sequence["FieldForm"] = ()

    def __init__(
        self,
        shape: Shape,
        *,
        required: bool = True,
        default: Any = None,
        missed: str = "is required",
    ) -> None:
        self.shape, self.required, self.default, self.missed = shape, required, default, missed

    def read(self, value: Any) -> Any:
        """The value as it was sent; ValidationFailed with all that is wrong in it."""
        raise NotImplementedError


class Text(FieldForm):
    """Text that one function judges."""

    def __init__(self, validator: Validator, *, required: bool = True) -> None:
        super().__init__({"type": "string", **validator.described}, required=required)
        self.fault = validator.fault

    def read(self, value: Any) -> str:
        """The text itself."""
        if not isinstance(value, str):
            raise wrong(value, "must be text")
        if fault := self.fault(value):
            raise wrong(value, fault)
        return value


class Whole(FieldForm):
    """A whole number within bounds; the log and the signatures know no others."""

    def __init__(self, low: int, high: int, *, required: bool = True) -> None:
        """Both bounds are allowed values."""
        super().__init__({"type": "integer", "minimum": low, "maximum": high}, required=required)
        self.bounds = (low, high)

    def read(self, value: Any) -> int:
        """The number itself."""
        low, high = self.bounds
        if type(value) is not int or not low <= value <= high:
            raise wrong(value, f"must be a whole number from {low} to {high}")
        return value


class Boolean(FieldForm):
    """True or false, and no other spelling of them."""

    def __init__(self, *, required: bool = True) -> None:
        super().__init__({"type": "boolean"}, required=required)

    def read(self, value: Any) -> bool:
        """The value itself."""
        if type(value) is not bool:
            raise wrong(value, "must be true or false")
        return value


class Array(FieldForm):
    """An array; of texts, none twice. ``least`` is the number of elements that must be there."""

    def __init__(self, inner: FieldForm, *, least: int = 0, required: bool = True) -> None:
        bound = {"minItems": least} if least else {}
        super().__init__({"type": "array", **bound, "items": inner.shape}, required=required)
        self.inner, self.least, self.within = inner, least, (inner,)

    def read(self, value: Any) -> list[Any]:
        """Its elements, each read."""
        if not isinstance(value, list):
            raise wrong(value, "must be an array")
        if len(value) < self.least:
            raise wrong(value, f"must have at least {self.least} element")
        made: list[Any] = []
        errors: list[Error] = []
        for place, one in enumerate(value):
            try:
                made.append(self.inner.read(one))
            except ValidationFailed as refused:
                errors += below(place, refused)
        if not errors and isinstance(self.inner, Text) and len(set(made)) < len(made):
            raise wrong(value, "must not hold the same element twice")
        if errors:
            raise ValidationFailed(errors)
        return made


class Members(FieldForm):
    """An object whose members have names of the sender's choice, each of the form of ``key``."""

    def __init__(
        self,
        key: Text | None = None,
        inner: FieldForm | None = None,
        *,
        most: int = 0,
        required: bool = True,
    ) -> None:
        """``inner`` is what its members are; both are anything where None, and 0 is no bound."""
        shape = {"type": "object", **({"maxProperties": most} if most else {})}
        shape["additionalProperties"] = {} if inner is None else inner.shape
        super().__init__(shape, required=required)
        self.key, self.inner, self.most = key, inner, most
        self.within = () if inner is None else (inner,)

    def read(self, value: Any) -> dict[str, Any]:
        """Its members, each read."""
        if not isinstance(value, dict):
            raise wrong(value, "must be an object")
        if self.most and len(value) > self.most:
            raise wrong(value, f"must have at most {self.most} members")
        made: dict[str, Any] = {}
        errors: list[Error] = []
        for name, one in value.items():
            try:
                if self.key is not None:
                    self.key.read(name)
                made[name] = one if self.inner is None else self.inner.read(one)
            except ValidationFailed as refused:
                errors += below(name, refused)
        if errors:
            raise ValidationFailed(errors)
        return made


class StrictSchema(FieldForm):
    """An object that has the fields named in its class and in those above it, and no others.

    An underscore behind a name that Python keeps for itself is no part of it, as in ``from_``.
    """

    fields: ClassVar[Mapping[str, FieldForm]] = {}

    def __init_subclass__(cls) -> None:
        own = {n.rstrip("_"): one for n, one in vars(cls).items() if isinstance(one, FieldForm)}
        cls.fields = {**cls.fields, **own}

    def __init__(self, *, required: bool = True, missed: str = "is required") -> None:
        shape = {"$ref": f"#/components/schemas/{type(self).__name__}"}
        super().__init__(shape, required=required, missed=missed)
        self.within = tuple(self.fields.values())

    def faults(self, data: dict[str, Any]) -> Iterable[Error]:
        """What is wrong with fields together, each of which is good."""
        return ()

    def read(self, value: Any) -> dict[str, Any]:
        """Its fields in the order of the class; ValidationFailed with all that is wrong."""
        if not isinstance(value, dict):
            raise wrong(value, "must be an object")
        made: dict[str, Any] = {}
        errors: list[Error] = []
        for name, field in self.fields.items():
            if name in value:
                try:
                    made[name] = field.read(value[name])
                except ValidationFailed as refused:
                    errors += below(name, refused)
            elif field.required:
                errors.append((f"/{name}", field.missed))
            elif field.default is not None:
                made[name] = field.default
        if not self.fields.keys() >= value.keys():
            unknown = wrong(value, "is a field that the profile does not have")
            errors += (e for name in value.keys() - self.fields for e in below(name, unknown))
        errors += self.faults(made) if not errors else ()
        if errors:
            raise ValidationFailed(errors)
        return made


def part(schema: type[StrictSchema], *, required: bool = True) -> StrictSchema:
    """An object of its own fields."""
    return schema(required=required)


def parts(schema: type[StrictSchema], *, least: int = 0, required: bool = False) -> Array:
    """An array of such objects."""
    return Array(schema(), least=least, required=required)


def schema_of(name: str, named: Mapping[str, FieldForm]) -> type[StrictSchema]:
    """A schema of fields that follow from a table."""
    return type(name, (StrictSchema,), dict(named))


several = Array
whole = Whole
boolean = Boolean
members = Members


def text(longest: int, *, least: int = 0, required: bool = True) -> Text:
    """Any text of so many characters, which somebody else reads."""

    def fault(value: str) -> str | None:
        fits = least <= len(value) <= longest
        return None if fits else f"must have {least} to {longest} characters"

    bounds = {**({"minLength": least} if least else {}), "maxLength": longest}
    return Text(Validator(fault, bounds), required=required)


def word(words: Iterable[str], *, required: bool = True) -> Text:
    """One of the words."""
    return Text(among(words), required=required)


def words(words: Iterable[str], *, least: int = 0, required: bool = True) -> Array:
    """An array of the words, none twice."""
    return Array(word(words), least=least, required=required)


def free(longest: int, *, lines: bool = True, blank: bool = False, required: bool = True) -> Text:
    """Free text of up to ``longest`` characters, which R1 keeps from carrying a file."""
    return Text(_free(longest, lines=lines, blank=blank), required=required)


moment = partial(
    Text,
    read_by(
        parse_timestamp,
        "must be a time with its offset, as 2026-01-02T03:04:05Z",
        format="date-time",
    ),
)
day = partial(Text, read_by(parse_date, "must be a date, as 2026-01-02", format="date"))
slug = partial(Text, like(SLUG.pattern, NO_SLUG))
