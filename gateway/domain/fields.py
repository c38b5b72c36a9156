"""What a text from outside must be, described once: how it is judged, and its JSON Schema.

The bodies of requests, the values of changes, seals and imported reports are made of these.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

from gateway.domain import vocabulary
from gateway.domain.item_value import UNSAFE, has_unsafe_characters
from gateway.domain.json_values import parse_date, parse_timestamp
from gateway.domain.media import find_media
from gateway.domain.organisation import NAME, NO_NAME, NO_SLUG, SLUG
from gateway.domain.peer import ADDRESS
from gateway.domain.residue import bytes_of_texts
from gateway.domain.vocabulary import Fault


class Validator(NamedTuple):
    """``fault`` says what is wrong with a text, or None; ``described`` is its JSON Schema."""

    fault: Fault
    described: Mapping[str, Any] = {}

    def judge(self, value: object) -> str | None:
        """Return what is wrong with a value of any type, or None."""
        return self.fault(value) if isinstance(value, str) else "must be text"

    @property
    def schema(self) -> dict[str, Any]:
        """The JSON Schema with its type."""
        return {"type": "string", **self.described}


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
    """Return what ``parse`` reads without a ValueError."""

    def fault(value: str) -> str | None:
        try:
            parse(value)
        except ValueError:
            return sentence
        return None

    return Validator(fault, described)


def free(longest: int, *, lines: bool = True, blank: bool = False) -> Validator:
    """Return what a person writes, up to ``longest`` characters; R1 keeps it from carrying a file.

    What spells nothing in it is weighed with its case or its handoff; `note` is for other texts.
    """

    def fault(value: str) -> str | None:
        if not value.strip() and not blank:
            return "must not be empty"
        if len(value) > longest:
            return f"must have at most {longest} characters"
        if has_unsafe_characters(value, lines=lines):
            return UNSAFE
        return plain(value) or find_media(value)

    return Validator(fault, {"minLength": 0 if blank else 1, "maxLength": longest})


def _shown(value: str) -> str | None:
    if not value.strip():
        return "must not be empty"
    return UNSAFE if has_unsafe_characters(value, lines=True) else None


MOST_UNEXPLAINED = 200
"""Bytes of a text that may spell nothing, where no budget of a case or of a handoff counts them."""


def weight_fault(value: str) -> str | None:
    """Return what is wrong with a text that belongs to no case and no handoff, by its weight
    (R1)."""
    if bytes_of_texts([value]) <= MOST_UNEXPLAINED:
        return None
    return f"has more than {MOST_UNEXPLAINED} bytes of numbers and of signs that spell nothing (R1)"


def note(longest: int, *, lines: bool = True, blank: bool = False) -> Validator:
    """Return what a person writes that belongs to no case and no handoff: it is weighed by
    itself."""
    form = free(longest, lines=lines, blank=blank)
    return Validator(lambda value: form.fault(value) or weight_fault(value), form.described)


SHOWN = Validator(_shown, {"minLength": 1})
"""Not blank, and showing all that it holds; judged further where it is used."""


def plain(value: str) -> str | None:
    """Return what is wrong with a text that is shown in lists, letters and tables, or None."""
    return _PILED if not value.isascii() and _MARKS.search(value) else None


def one_line(value: str) -> str | None:
    """Likewise with one that may have no second line."""
    return "must be one line, without tabs" if has_unsafe_characters(value) else plain(value)


_PILED = "must not pile marks on a letter"
_MARKS = re.compile(
    "[\u0300-\u036f\u0483-\u0489\u0591-\u05c7\u0610-\u061a\u064b-\u065f\u0e31-\u0e3a\u0e47-\u0e4e"
    "\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\ufe20-\ufe2f]{7}"
)


def up_to(longest: int, sentence: str) -> Validator:
    """Up to ``longest`` characters; what else is asked of them depends on other fields."""
    return Validator(
        lambda value: None if len(value) <= longest else sentence, {"maxLength": longest}
    )


DAY = read_by(parse_date, "must be a date, as 2026-01-02", format="date")
MOMENT = read_by(
    parse_timestamp, "must be a time with its offset, as 2026-01-02T03:04:05Z", format="date-time"
)
ORGANISATION = like(SLUG.pattern, NO_SLUG)
RELEASED = like(
    rf"{SLUG.pattern}|{ADDRESS.pattern}(?:/organisations/{SLUG.pattern})?",
    "must be an organisation id, or the address of a gateway, or of its organisation, as "
    "https://gateway.fr.example/organisations/ofmin",
)
"""To whom a case may go."""
NAMED = like(NAME.pattern, NO_NAME)
"""An organisation of this gateway or of a peer."""
"""The id of an organisation, of a system or of a person, as certificates have it."""
COMPACT = like("[A-Za-z0-9._~-]{1,6000}", "must be a signed document in its compact form")
