"""Fields of request bodies and queries: staff, ids, words, free text, numbers of pages.

The kinds of field are those of the case document; here are the forms of what surrounds it.
"""

import re
from collections.abc import Callable, Iterable
from typing import Any

from marshmallow import ValidationError, fields

from gateway.domain.organisation import SLUG
from gateway.domain.timestamp import parse_day, parse_moment
from gateway.evidence.base64url import DIGEST
from gateway.web.partners import faults
from gateway.web.partners.kinds import Array, Text, Whole

DEFAULT_LIMIT = 20
LARGEST_LIMIT = 100

_STAFF = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{1,39}", re.ASCII)
_UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.ASCII)
_UUID7 = re.compile(
    r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}", re.ASCII
)
_COMPACT = re.compile(r"[A-Za-z0-9._~-]{1,6000}", re.ASCII)
_TERRITORY = re.compile(r"[A-Z]{2}", re.ASCII)
_COMPETENCE = re.compile(r"[a-z_]{1,40}/[a-z_]{1,40}/[A-Z]{2}", re.ASCII)
_RULE = re.compile(r"[A-Z][A-Za-z0-9]{0,9}(?:\.[a-z0-9_]{1,40}){0,4}", re.ASCII)
_DIGITS = re.compile(r"[0-9]{1,15}", re.ASCII)


def _text(fault: Callable[[str], str | None], required: bool, **described: Any) -> Text:
    """A text field that says in the API's description what it takes."""
    made = Text(fault, required=required)
    made.metadata = described
    return made


def _like(form: re.Pattern[str], sentence: str, *, required: bool, **described: Any) -> Text:
    def fault(value: str) -> str | None:
        return None if form.fullmatch(value) else sentence

    return _text(fault, required, pattern=f"^{form.pattern}$", **described)


def staff(*, required: bool = True) -> Text:
    """A person by the pseudonym of their organisation's registry, never by name or address."""
    sentence = "must be a staff pseudonym: 2 to 40 of A-Z a-z 0-9 . _ - (never an e-mail address)"
    return _like(_STAFF, sentence, required=required)


def uuid(*, required: bool = True) -> Text:
    """An id in its one spelling."""
    return _like(_UUID, "must be a UUID in lower case", required=required, format="uuid")


def new_uuid() -> Text:
    """An id that the caller gives to something new: sorted by its time (RFC 9562 section 5.7)."""
    return _like(_UUID7, "must be a UUID of version 7 in lower case", required=True, format="uuid")


def slug(*, required: bool = True) -> Text:
    """An organisation's id."""
    return _like(SLUG, "must be an organisation id, as hotline-a", required=required)


def digest(*, required: bool = True) -> Text:
    """A SHA-256 digest as it names disclosures."""
    return _like(DIGEST, "must be a SHA-256 digest in base64url", required=required)


def compact(*, required: bool = True) -> Text:
    """A signed document in its compact form, as a member of a body."""
    return _like(_COMPACT, "must be a signed document in its compact form", required=required)


def rule(*, required: bool = True) -> Text:
    """A rule's id as decisions name it."""
    return _like(_RULE, "must be a rule's id, as R10.two_persons", required=required)


def whole(low: int, high: int, *, required: bool = True) -> Whole:
    """A whole number in a body, within bounds."""
    return Whole(low, high, required=required)


def territory(*, required: bool = True) -> Text:
    """The country of a competence."""
    sentence = "must be a country code of two capitals (ISO 3166-1 alpha-2)"
    return _like(_TERRITORY, sentence, required=required)


def competence(*, required: bool = True) -> Text:
    """A competence by its key: function, matter and territory."""
    sentence = "must be a competence, as receive/csam/FR"
    return _like(_COMPETENCE, sentence, required=required)


def word(words: Iterable[str], *, required: bool = True) -> Text:
    """One of a list of words."""
    known = tuple(str(one) for one in words)
    sentence = "must be one of: " + ", ".join(known)
    return _text(lambda v: None if v in known else sentence, required, enum=list(known))


def free(longest: int, *, required: bool = True) -> Text:
    """Free text of up to ``longest`` characters, which R1 keeps from carrying a file."""

    fault = faults.free(longest, lines=True)
    return _text(fault, required, minLength=1, maxLength=longest)


def moment(*, required: bool = True) -> Text:
    """A time with its offset; kept as text."""
    sentence = "must be a time with its offset, as 2026-01-02T03:04:05Z"
    return _text(faults.read_by(parse_moment, sentence), required, format="date-time")


def day(*, required: bool = True) -> Text:
    """A day of the calendar; kept as text."""
    return _text(
        faults.read_by(parse_day, "must be a date, as 2026-01-02"), required, format="date"
    )


def several(inner: Text, *, least: int = 0, required: bool = True) -> Array:
    """An array of texts, none twice."""
    made = Array(inner, least=least, required=required)
    made.metadata = {"minItems": least} if least else {}
    return made


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
        if not _DIGITS.fullmatch(value) or not low <= int(value) <= high:
            raise ValidationError(f"must be a whole number from {low} to {high}")
        return int(value)


def limit() -> Number:
    """How many entries of a page are wanted."""
    return Number(1, LARGEST_LIMIT, DEFAULT_LIMIT)
