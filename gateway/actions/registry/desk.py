"""What every change of the registry starts from: its values, read and refused by field."""

import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from typing import Any, TypeVar
from uuid import UUID

from gateway.actions.ports import Work
from gateway.domain.item_value import unseen
from gateway.domain.media import find_media
from gateway.domain.organisation import (
    SLUG,
    Agreement,
    Competence,
    Interest,
    Organisation,
    Period,
    Seat,
)
from gateway.domain.refusals import Invalid, NotFound
from gateway.domain.timestamp import parse_day
from gateway.evidence.base64url import DIGEST

T = TypeVar("T")
H = TypeVar("H", Seat, Competence, Interest, Agreement)


@dataclass(frozen=True)
class Change:
    """A change of one organisation's entry: the action, and the values that it carries."""

    action: str
    organisation: str
    values: Mapping[str, Any]


Reader = Callable[[Any], Any]
"""Understands one value; one of NOT_READ when it does not."""

NOT_READ = (ArithmeticError, AttributeError, LookupError, TypeError, ValueError)
"""What a reader raises for a value that is not as it must be, of whatever type that is."""

NOT_OF_FORM = "is missing, or has not the form of this field"


@dataclass(frozen=True)
class Form:
    """The values of a kind of change, by name: those that it must have, and those that it may."""

    must: Mapping[str, Reader]
    may: Mapping[str, Reader] = field(default_factory=dict)

    def read(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """Each value as its reader understands it, and None for one that is left out.

        Raises Invalid for what is missing, malformed, or no value of this kind of change: a name
        that is misspelt must not pass as one that is left out.
        """
        if not isinstance(values, Mapping):
            raise Invalid((("", "is no object"),))
        said: dict[str, Any] = dict.fromkeys(self.may)
        told: list[tuple[str, str]] = []
        for name, reader in {**self.must, **self.may}.items():
            if name in values or name in self.must:
                try:
                    said[name] = reader(values[name])
                except NOT_READ:
                    told.append((f"/{name}", NOT_OF_FORM))
        unknown = [name for name in values if name not in self.must and name not in self.may]
        told += [(_pointer(name), "is no value of this change") for name in unknown]
        if told:
            raise Invalid(told)
        return said


def _pointer(name: str) -> str:
    """A JSON pointer to a member (RFC 6901 section 3)."""
    return "/" + name.replace("~", "~0").replace("/", "~1")


def lasting(**must: Reader) -> Form:
    """The form of what holds for a time: ``from`` a day, ``until`` another one or for ever."""
    return Form({**must, "from": parse_day}, {"until": parse_day})


@dataclass
class Desk:
    """One change in one transaction; ``today`` is the legal day on which it is judged.

    ``said`` are the values of the change as its form reads them, None for what is left out;
    ``concerned`` are other organisations whose entries it changes, and who read its event;
    ``names_key`` is the id of a key that the event names, apart from all else that it tells.
    """

    work: Work
    change: Change
    persons: tuple[str, ...]
    now: datetime
    today: date
    event: UUID
    issuer: str
    said: Mapping[str, Any]
    concerned: tuple[str, ...] = ()
    names_key: str | None = None

    def read(self, name: str, read: Callable[[Any], T]) -> T:
        """A value whose form hangs on what else is said, as ``read`` understands it; Invalid."""
        try:
            return read(self.said[name])
        except NOT_READ:
            raise Invalid(((f"/{name}", NOT_OF_FORM),)) from None

    def period(self) -> Period:
        """The days from ``from`` until ``until``, which may be left out."""
        try:
            return Period(self.said["from"], self.said["until"])
        except ValueError as error:
            raise Invalid((("/until", str(error)),)) from None

    def save(self, organisation: Organisation) -> None:
        """Keep the organisation's entry as the next version."""
        self.work.organisations.save(replace(organisation, version=organisation.version + 1))


Apply = Callable[[Desk, Organisation | None], Mapping[str, Any]]


@dataclass(frozen=True)
class Kind:
    """A kind of change: the form of its values, and what it does with them."""

    form: Form
    apply: Apply


MOST_CHARACTERS = 2_000

_COUNTRY = re.compile(r"[A-Z]{2}", re.ASCII)


UNKNOWN = "no organisation has that id: admit it first"


def must(found: Organisation | None) -> Organisation:
    """The organisation, or NotFound."""
    if found is None:
        raise NotFound(UNKNOWN)
    return found


def text(value: Any) -> str:
    """A text that is not blank, and shows all that it holds to whoever approves it."""
    if not isinstance(value, str) or not value.strip() or unseen(value, lines=True):
        raise ValueError
    return value


def prose(value: Any) -> str:
    """What a person says, in 2000 characters at most; it carries no file (R1)."""
    if len(text(value)) > MOST_CHARACTERS or find_media(value):
        raise ValueError
    return str(value)


def among(words: Collection[str]) -> Callable[[Any], str]:
    """A reader of one of the words."""

    def read(value: Any) -> str:
        if value not in words:
            raise ValueError
        return str(value)

    return read


def any_of(words: Collection[str]) -> Callable[[Any], frozenset[str]]:
    """A reader of a list of some of the words, or of none."""

    def read(value: Any) -> frozenset[str]:
        if not isinstance(value, list) or not set(value) <= set(words):
            raise ValueError
        return frozenset(value)

    return read


def set_of(words: Collection[str]) -> Callable[[Any], frozenset[str]]:
    """A reader of a list of some of the words, of one at least."""

    def read(value: Any) -> frozenset[str]:
        if not value:
            raise ValueError
        return any_of(words)(value)

    return read


def flag(value: Any) -> bool:
    """True or false, and nothing like it."""
    if not isinstance(value, bool):
        raise TypeError
    return value


def country(value: Any) -> str:
    """An ISO 3166-1 alpha-2 code, by form."""
    if not _COUNTRY.fullmatch(value):
        raise ValueError
    return str(value)


def digest(value: Any) -> str:
    """A SHA-256 digest, base64url without padding."""
    if not DIGEST.fullmatch(value):
        raise ValueError
    return str(value)


def uuid(value: Any) -> UUID:
    """An id, in the one spelling that answers give it."""
    read = UUID(value)
    if str(read) != value:
        raise ValueError
    return read


def slug(value: Any) -> str:
    """A name as it stands in certificates."""
    if not SLUG.fullmatch(value):
        raise ValueError
    return str(value)


def end(held: tuple[H, ...], one: H, day: date) -> tuple[H, ...]:
    """What is held once ``one`` of it ends on a day that it holds.

    Ended on its first day it is taken back: no entry of it is left, only the events.
    """
    start = one.period.start
    kept = [other for other in held if other is not one or start < day]
    return tuple(replace(o, period=Period(start, day)) if o is one else o for o in kept)
