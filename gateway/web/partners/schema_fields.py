"""What request bodies and queries are made of: the forms of values, and bodies of several."""

import re
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

from gateway.domain.duty import DutyPlace
from gateway.domain.fields import (
    FieldForm,
    StrictSchema,
    Text,
    Validator,
    among,
    boolean,
    day,
    free,
    like,
    members,
    moment,
    part,
    parts,
    read_by,
    schema_of,
    several,
    slug,
    text,
    whole,
    word,
    words,
    wrong,
)
from gateway.domain.handoff import HandoffPlace
from gateway.domain.item_value import is_ip
from gateway.domain.notification import ERROR_CODE
from gateway.domain.vocabulary import CASE_TLP, SCHEME, NationalMarking
from gateway.kernel.fields import COMPACT, DIGEST_TEXT

__all__ = [
    "StrictSchema",
    "boolean",
    "day",
    "free",
    "members",
    "moment",
    "part",
    "parts",
    "schema_of",
    "several",
    "slug",
    "text",
    "whole",
    "word",
    "words",
]
"""Forms that others have, too."""

DEFAULT_LIMIT = 20
LARGEST_LIMIT = 100

_DIGITS = re.compile(r"[0-9]{1,15}", re.ASCII)
_UUID = "[0-9a-f]{8}-[0-9a-f]{4}-%s[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}"

ANY_UUID = like(_UUID % "[1-8]", "must be a UUID in lower case", format="uuid")


def _but(refused: str, sentence: str, words: Iterable[str]) -> Validator:
    """One of the words; one that may not be sent is refused in words of its own."""
    judged = among(words)
    taken = [word for word in judged.described["enum"] if word != refused]
    return Validator(lambda v: sentence if v == refused else judged.fault(v), {"enum": taken})


def _like(pattern: str, sentence: str, **described: Any) -> Callable[..., Text]:
    return partial(Text, like(pattern, sentence, **described))


uuid = partial(Text, ANY_UUID)
new_uuid = _like(
    _UUID % "7",
    "must be a UUID of version 7 in lower case, as `uuidgen -7` and the client's new_id make it",
    format="uuid",
)
place = partial(Text, read_by(HandoffPlace.read, "must be the cursor of a page"))
duty_place = partial(Text, read_by(DutyPlace.read, "must be the cursor of a page"))
error_code = _like(ERROR_CODE, "must be a code of RFC 8935, as invalid_key")
jti = _like("[!-~]{1,200}", "must be the id (jti) of a notification")
digest = partial(Text, DIGEST_TEXT)
territory = _like("[A-Z]{2}", "must be a country code of two capitals (ISO 3166-1 alpha-2)")
language = _like("[A-Za-z]{2,3}(?:-[A-Za-z0-9]{1,8}){0,4}", "must be a language tag (BCP 47)")
scheme = _like(SCHEME.pattern, "must be a classification scheme of the profile")
staff = _like(
    "[A-Za-z0-9][A-Za-z0-9._-]{1,39}",
    "must be a staff pseudonym: 2 to 40 of A-Z a-z 0-9 . _ - (never an e-mail address)",
)
compact = partial(Text, COMPACT)
competence = _like("[a-z_]{1,40}/[a-z_]{1,40}/[A-Z]{2}", "must be a competence, as receive/csam/FR")
rule = _like(
    r"[A-Z][A-Za-z0-9]{0,9}(?:\.[a-z0-9_]{1,40}){0,4}", "must be a rule's id, as R10.two_persons"
)
pointer = _like(
    "/[a-z_]{1,30}(?:/[A-Za-z0-9_-]{1,40})?",
    "must be a place in the case: /urgency, /marking/tlp, or /items/ and the id of an element",
)
ip = partial(
    Text,
    Validator(lambda v: None if is_ip(v) else "must be an IP address in its shortest form"),
)
tlp = partial(Text, among(CASE_TLP))
national = partial(
    Text,
    _but(
        NationalMarking.DIFFUSION_RESTREINTE,
        "is refused: this gateway is not accredited for diffusion_restreinte",
        NationalMarking,
    ),
)


class Number(FieldForm):
    """A whole number in a query, written in digits."""

    def __init__(self, low: int, high: int, default: int) -> None:
        """Both bounds are allowed values."""
        shape = {"type": "integer", "default": default, "minimum": low, "maximum": high}
        super().__init__(shape, required=False, default=default)
        self.bounds = (low, high)

    def read(self, value: Any) -> int:
        """The number that the digits spell."""
        low, high = self.bounds
        good = isinstance(value, str) and _DIGITS.fullmatch(value)
        if not good or not low <= int(value) <= high:
            raise wrong(value, f"must be a whole number from {low} to {high}")
        return int(value)


def limit() -> Number:
    """How many entries of a page are wanted."""
    return Number(1, LARGEST_LIMIT, DEFAULT_LIMIT)


# --- Bodies of several requests ------------------------------------------------------------------


class PersonBody(StrictSchema):
    """The person who does it."""

    by = staff()


class StepBody(PersonBody):
    """A person takes a step, with or without a reason."""

    reason = free(300, required=False)


class SecondPersonBody(PersonBody):
    """A second person approves or reviews what one person did."""

    reason = free(200, required=False)
