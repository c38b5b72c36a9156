"""What request bodies and queries are made of: strict, converting nothing, filling in nothing.

A good object is read by a function that each schema makes of its own fields and checks, once; a
bad one is judged by marshmallow, which finds all of its faults and words them. So there is one
definition, and only who sends faults pays for a walk that collects them.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cached_property, partial
from typing import Any, cast

from marshmallow import RAISE, Schema, ValidationError, fields, missing
from marshmallow.decorators import POST_LOAD, PRE_LOAD, VALIDATES, VALIDATES_SCHEMA

from gateway.domain.duty import WorkPlace
from gateway.domain.fields import (
    COMPACT,
    DAY,
    MOMENT,
    NAMED,
    ORGANISATION,
    RELEASED,
    Validator,
    among,
    like,
    read_by,
)
from gateway.domain.fields import free as free_text
from gateway.domain.fields import note as note_text
from gateway.domain.handoff import HandoffPlace
from gateway.domain.item_value import is_ip
from gateway.domain.notification import ERROR_CODE
from gateway.domain.vocabulary import CASE_TLP, SCHEME, NationalMarking
from gateway.evidence.base64url import DIGEST

DEFAULT_LIMIT = 20
LARGEST_LIMIT = 100

_DIGITS = re.compile(r"[0-9]{1,15}", re.ASCII)

MESSAGES: dict[str, str | list[Any] | dict[Any, Any]] = {
    "required": "is required",
    "null": "must not be null",
}

Reader = Callable[[Any], Any]
"""Reads a good value; raises ValidationError, in words for nobody, where marshmallow would."""


# --- Fields --------------------------------------------------------------------------------------


def _but(refused: str, sentence: str, words: Iterable[str]) -> Validator:
    """One of the words; one that may not be sent is refused in words of its own."""
    judged = among(words)
    taken = [word for word in judged.described["enum"] if word != refused]
    return Validator(lambda v: sentence if v == refused else judged.fault(v), {"enum": taken})


class _Strict(fields.Field[Any]):
    """A field that one function reads, its own `read`: it raises ValidationError in our words."""

    default_error_messages = MESSAGES
    read: Reader

    def _deserialize(self, value: Any, attr: Any, data: Any, **kwargs: Any) -> Any:
        return self.read(value)


class StrictString(_Strict, fields.String):
    """Text that one function judges; strings only, kept as given."""

    def __init__(self, validator: Validator, *, required: bool = True) -> None:
        """``validator`` also says what the API's description tells about the field."""
        super().__init__(required=required, metadata=dict(validator.described))
        self.fault = validator.fault

    def read(self, value: Any) -> Any:
        """The text itself; ValidationError."""
        if not isinstance(value, str):
            raise ValidationError("must be text")
        if fault := self.fault(value):
            raise ValidationError(fault)
        return value


class StrictInteger(_Strict, fields.Integer):
    """A whole number within bounds; the log and the signatures know no others."""

    def __init__(self, low: int, high: int, *, required: bool = True) -> None:
        """Both bounds are allowed values."""
        super().__init__(required=required, metadata={"minimum": low, "maximum": high})
        self.bounds = (low, high)

    def read(self, value: Any) -> int:
        """The number itself; ValidationError."""
        low, high = self.bounds
        if type(value) is not int or not low <= value <= high:
            raise ValidationError(f"must be a whole number from {low} to {high}")
        return value


class StrictBoolean(_Strict, fields.Boolean):
    """True or false, and no other spelling of them."""

    def read(self, value: Any) -> bool:
        """The value itself; ValidationError."""
        if type(value) is not bool:
            raise ValidationError("must be true or false")
        return value


class StrictArray(fields.List[Any]):
    """An array; of texts, none twice."""

    default_error_messages = MESSAGES

    def __init__(
        self,
        inner: fields.Field[Any],
        *,
        least: int = 0,
        most: int | None = None,
        required: bool = True,
    ) -> None:
        """``least`` is the number of elements that must be there, ``most`` how many may be."""
        bounds = {"minItems": least or None, "maxItems": most}
        described = {name: bound for name, bound in bounds.items() if bound is not None}
        super().__init__(inner, required=required, metadata=described)
        self.least, self.most = least, most

    @cached_property
    def _read_element(self) -> Reader:
        return _reader(self.inner)

    def read(self, value: Any, load: Reader | None = None) -> list[Any]:
        """A good array; see Reader. ``load`` reads its elements otherwise."""
        if not isinstance(value, list):
            raise ValidationError("must be an array")
        if len(value) < self.least:
            raise ValidationError(f"must have at least {self.least} element")
        if self.most is not None and len(value) > self.most:
            raise ValidationError(f"must have at most {self.most} elements")
        loaded = load(value) if load else [*map(self._read_element, value)]
        if isinstance(self.inner, StrictString) and len(set(loaded)) < len(loaded):
            raise ValidationError("must not hold the same element twice")
        return loaded

    def _deserialize(self, value: Any, attr: Any, data: Any, **kwargs: Any) -> list[Any]:
        # Marshmallow goes on after a bad element, and says which ones are.
        return self.read(value, partial(super()._deserialize, attr=attr, data=data))


_OBJECT_MESSAGES = {
    "unknown": "is a field that the profile does not have",
    "type": "must be an object",
}


class StrictSchema(Schema):
    """An object that has the fields named here and no others."""

    error_messages = _OBJECT_MESSAGES

    def load(self, data: Any, *, many: Any = None, partial: Any = None, unknown: Any = None) -> Any:
        """Return what the fields say; ValidationError with all that is wrong."""
        if many is None and partial is None and unknown is None and self.compiled is not None:
            try:
                return self.compiled(data)
            except ValidationError:
                pass
        return super().load(data, many=many, partial=partial, unknown=unknown)

    def _is_special(self) -> bool:
        """Tell whether a field is renamed, or a hook does more than check what was read."""
        checks = self._hooks[VALIDATES_SCHEMA]
        return (
            any(many or how.get("pass_original") for _, many, how in checks)
            or any(self._hooks[kind] for kind in (PRE_LOAD, POST_LOAD, VALIDATES))
            or any((f.data_key, f.attribute) != (None, None) for f in self.load_fields.values())
        )

    @cached_property
    def compiled(self) -> Reader | None:
        """The function that reads a good object; None where marshmallow has to do more than that.

        It uses `_hooks`, which marshmallow keeps for itself: pyproject.toml bounds the version.
        """
        if self._is_special() or self.many or self.partial or self.unknown != RAISE:
            return None
        checks = [getattr(self, name) for name, _, _ in self._hooks[VALIDATES_SCHEMA]]
        steps = [
            (name, _reader(one), one.required, one.load_default)
            for name, one in self.load_fields.items()
        ]
        options = {"many": False, "partial": False, "unknown": RAISE}

        def read(data: Any) -> dict[str, Any]:
            if type(data) is not dict:
                raise ValidationError("must be an object")
            made: dict[str, Any] = {}
            absent = 0
            for name, reader, required, default in steps:
                if name in data:
                    made[name] = reader(data[name])
                elif required:
                    raise ValidationError("lacks a field")
                else:
                    absent += 1
                    if default is not missing:
                        made[name] = default() if callable(default) else default
            if len(data) + absent != len(steps):
                raise ValidationError("has a field too many")
            for check in checks:
                check(made, **options)
            return made

        return read


def _reader(field: fields.Field[Any]) -> Reader:
    """How a field's good value is read: by its own `read`, or as marshmallow does it."""
    own: Reader | None = getattr(field, "read", None)
    if own is not None:
        return own
    if (
        type(field) is fields.Nested
        and isinstance(field.schema, StrictSchema)
        and not field.validators
    ):
        return field.schema.compiled or field.schema.load
    return partial(field.deserialize, attr=None, data=None)


def part(schema: type[StrictSchema], *, required: bool = True) -> fields.Nested:
    """An object of its own fields."""
    return fields.Nested(schema(), required=required, error_messages=MESSAGES)


def parts(schema: type[StrictSchema], *, least: int = 0, required: bool = False) -> StrictArray:
    """An array of such objects."""
    return StrictArray(part(schema), least=least, required=required)


def schema_of(name: str, named: Mapping[str, fields.Field[Any]]) -> type[StrictSchema]:
    """A schema of fields that follow from a table."""
    return cast(type[StrictSchema], StrictSchema.from_dict(dict(named), name=name))


several = StrictArray
whole = StrictInteger
boolean = StrictBoolean


_UUID = "[0-9a-f]{8}-[0-9a-f]{4}-%s[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}"

ANY_UUID = like(_UUID % "[1-8]", "must be a UUID in lower case", format="uuid")


def _like(pattern: str, sentence: str, **described: Any) -> Callable[..., StrictString]:
    return partial(StrictString, like(pattern, sentence, **described))


uuid = partial(StrictString, ANY_UUID)
new_uuid = _like(
    _UUID % "7",
    "must be a UUID of version 7 in lower case, as `uuidgen -7` and the client's new_id make it",
    format="uuid",
)
id_end = _like(
    "[0-9a-f]{6,32}", "must be the end of an id: six or more of its digits, without dashes"
)
moment = partial(StrictString, MOMENT)
place = partial(StrictString, read_by(HandoffPlace.read, "must be the cursor of a page"))
work_place = partial(StrictString, read_by(WorkPlace.read, "must be the cursor of a page"))
day = partial(StrictString, DAY)
error_code = _like(ERROR_CODE, "must be a code of RFC 8935, as invalid_key")
jti = _like("[!-~]{1,200}", "must be the id (jti) of a notification")
vkey = _like("[!-~]{1,200}", "must be a verifier key, as NAME+ID+KEY")
cosignature = _like("[A-Za-z0-9+/]{102}==|[A-Za-z0-9+/]{103}=", "must be 76 bytes in base64")
slug = partial(StrictString, ORGANISATION)
name = partial(StrictString, NAMED)
released = partial(StrictString, RELEASED)
digest = partial(StrictString, like(DIGEST.pattern, "must be a SHA-256 digest in base64url"))
territory = _like("[A-Z]{2}", "must be a country code of two capitals (ISO 3166-1 alpha-2)")
language = _like("[A-Za-z]{2,3}(?:-[A-Za-z0-9]{1,8}){0,4}", "must be a language tag (BCP 47)")
scheme = _like(SCHEME.pattern, "must be a classification scheme of the profile")
staff = _like(
    "[A-Za-z0-9][A-Za-z0-9._-]{1,39}",
    "must be a staff pseudonym: 2 to 40 of A-Z a-z 0-9 . _ - (never an e-mail address)",
)
compact = partial(StrictString, COMPACT)
presentation = _like("[A-Za-z0-9._~=-]+", "must be a signed document in its compact form")
text = partial(StrictString, Validator(lambda _: None))
competence = _like("[a-z_]{1,40}/[a-z_]{1,40}/[A-Z]{2}", "must be a competence, as receive/csam/FR")
rule = _like(
    r"[A-Z][A-Za-z0-9]{0,9}(?:\.[a-z0-9_]{1,40}){0,4}", "must be a rule's id, as R10.two_persons"
)
pointer = _like(
    "/[a-z_]{1,30}(?:/[A-Za-z0-9_-]{1,40})?",
    "must be a place in the case: /urgency, /marking/tlp, or /items/ and the id of an element",
)
ip = partial(
    StrictString,
    Validator(lambda v: None if is_ip(v) else "must be an IP address in its shortest form"),
)
tlp = partial(StrictString, among(CASE_TLP))
national = partial(
    StrictString,
    _but(
        NationalMarking.DIFFUSION_RESTREINTE,
        "is refused: this gateway is not accredited for diffusion_restreinte",
        NationalMarking,
    ),
)


def word(words: Iterable[str], *, required: bool = True) -> StrictString:
    """One of the words."""
    return StrictString(among(words), required=required)


def words(words: Iterable[str], *, least: int = 0, required: bool = True) -> StrictArray:
    """An array of the words, none twice."""
    return StrictArray(word(words), least=least, required=required)


def free(
    longest: int, *, lines: bool = True, blank: bool = False, required: bool = True
) -> StrictString:
    """Free text of up to ``longest`` characters, which R1 keeps from carrying a file."""
    return StrictString(free_text(longest, lines=lines, blank=blank), required=required)


def note(longest: int) -> StrictString:
    """Likewise, of a text that belongs to no case and no handoff."""
    return StrictString(note_text(longest))


class Number(fields.Integer):
    """A whole number in a query, written in digits."""

    def __init__(self, low: int, high: int, default: int) -> None:
        """Both bounds are allowed values."""
        super().__init__(
            load_default=default, metadata={"minimum": low, "maximum": high, "default": default}
        )
        self.bounds = (low, high)

    def _deserialize(self, value: Any, attr: Any, data: Any, **kwargs: Any) -> int:
        low, high = self.bounds
        if (
            not isinstance(value, str)
            or not _DIGITS.fullmatch(value)
            or not low <= int(value) <= high
        ):
            raise ValidationError(f"must be a whole number from {low} to {high}")
        return int(value)


def limit() -> Number:
    """How many entries of a page are wanted."""
    return Number(1, LARGEST_LIMIT, DEFAULT_LIMIT)


# --- Bodies of several requests ------------------------------------------------------------------


class PersonBody(StrictSchema):
    """The person who does it."""

    by = staff()


_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}", re.ASCII)


def pointed(messages: Any, pointer: str = "") -> Iterator[tuple[str, str]]:
    """Flatten marshmallow's tree of messages into pairs of JSON pointer (RFC 6901) and sentence.

    A name that no field of ours could have is a caller's text, and is not repeated; ``_schema`` is
    what is wrong with a whole object. A message may be such a pair, from its place on.
    """
    if isinstance(messages, Mapping):
        for name, inner in messages.items():
            ours = name != "_schema" and _NAME.fullmatch(str(name))
            yield from pointed(inner, f"{pointer}/{name}" if ours else pointer)
        return
    for message in messages:
        below, sentence = message if isinstance(message, tuple) else ("", message)
        yield f"{pointer}{below}", str(sentence)
