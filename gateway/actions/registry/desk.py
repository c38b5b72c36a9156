"""What every change of the registry starts from: its values, read and refused by field."""

import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any, TypeVar
from uuid import UUID

from gateway.actions.ports import Work
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


@dataclass
class Desk:
    """One change in one transaction; ``today`` is the legal day on which it is judged.

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
    concerned: tuple[str, ...] = ()
    names_key: str | None = None

    def read(self, name: str, read: Callable[[Any], T]) -> T:
        """A value of the change, as ``read`` understands it; Invalid when it does not."""
        try:
            return read(self.change.values[name])
        except (LookupError, TypeError, ValueError):
            told = (f"/{name}", "is missing, or has not the form of this field")
            raise Invalid((told,)) from None

    def period(self) -> Period:
        """The days from ``from`` until ``until``, which may be left out."""
        start = self.read("from", parse_day)
        end = None if self.change.values.get("until") is None else self.read("until", parse_day)
        try:
            return Period(start, end)
        except ValueError as error:
            raise Invalid((("/until", str(error)),)) from None

    def save(self, organisation: Organisation) -> None:
        """Keep the organisation's entry as the next version."""
        self.work.organisations.save(replace(organisation, version=organisation.version + 1))


Apply = Callable[[Desk, Organisation | None], Mapping[str, Any]]

MOST_CHARACTERS = 2_000

_COUNTRY = re.compile(r"[A-Z]{2}", re.ASCII)


def must(found: Organisation | None) -> Organisation:
    """The organisation, or NotFound."""
    if found is None:
        raise NotFound("no organisation has that id: admit it first")
    return found


def text(value: Any) -> str:
    """A text that is not blank."""
    if not isinstance(value, str) or not value.strip():
        raise ValueError
    return value


def prose(value: Any) -> str:
    """What a person says, in 2000 characters at most."""
    if len(text(value)) > MOST_CHARACTERS:
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
