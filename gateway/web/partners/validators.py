"""What a text must be: for each form the function that judges it and what the API's page says."""

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

from gateway.domain.item_value import UNSAFE, Fault, has_unsafe_characters, is_ip
from gateway.domain.media import find_media
from gateway.domain.organisation import SLUG
from gateway.domain.timestamp import parse_date, parse_timestamp
from gateway.domain.vocabulary import CASE_TLP, SCHEME, NationalMarking
from gateway.evidence.base64url import DIGEST


class Validator(NamedTuple):
    """``fault`` says what is wrong with a text, or None; ``described`` is its JSON Schema."""

    fault: Fault
    described: Mapping[str, Any] = {}


def among(words: Iterable[str]) -> Validator:
    """One of the words."""
    known = dict.fromkeys(str(word) for word in words)
    sentence = "must be one of: " + ", ".join(known)
    return Validator(lambda value: None if value in known else sentence, {"enum": [*known]})


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


def free(longest: int, *, lines: bool) -> Validator:
    """Free text of up to ``longest`` characters, which R1 keeps from carrying a file."""

    def fault(value: str) -> str | None:
        if not value.strip():
            return "must not be empty"
        if len(value) > longest:
            return f"must have at most {longest} characters"
        if has_unsafe_characters(value, lines=lines):
            return UNSAFE
        return find_media(value)

    return Validator(fault, {"minLength": 1, "maxLength": longest})


def up_to(longest: int, sentence: str) -> Validator:
    """Up to so many characters; what they have to be is judged with the fields beside them."""
    return Validator(
        lambda value: None if len(value) <= longest else sentence, {"maxLength": longest}
    )


_UUID = "[0-9a-f]{8}-[0-9a-f]{4}-%s[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}"

identifier = like(_UUID % "[1-8]", "must be a UUID in lower case", format="uuid")
new_identifier = like(_UUID % "7", "must be a UUID of version 7 in lower case", format="uuid")
moment = read_by(
    parse_timestamp, "must be a time with its offset, as 2026-01-02T03:04:05Z", format="date-time"
)
day = read_by(parse_date, "must be a date, as 2026-01-02", format="date")
slug = like(SLUG.pattern, "must be an organisation id, as hotline-a")
digest = like(DIGEST.pattern, "must be a SHA-256 digest in base64url")
country = like("[A-Z]{2}", "must be a country code of two capitals (ISO 3166-1 alpha-2)")
language = like("[A-Za-z]{2,3}(?:-[A-Za-z0-9]{1,8}){0,4}", "must be a language tag (BCP 47)")
scheme = like(SCHEME.pattern, "must be a classification scheme of the profile")
staff = like(
    "[A-Za-z0-9][A-Za-z0-9._-]{1,39}",
    "must be a staff pseudonym: 2 to 40 of A-Z a-z 0-9 . _ - (never an e-mail address)",
)
compact = like("[A-Za-z0-9._~-]{1,6000}", "must be a signed document in its compact form")
competence = like("[a-z_]{1,40}/[a-z_]{1,40}/[A-Z]{2}", "must be a competence, as receive/csam/FR")
rule = like(
    r"[A-Z][A-Za-z0-9]{0,9}(?:\.[a-z0-9_]{1,40}){0,4}", "must be a rule's id, as R10.two_persons"
)
ip = Validator(lambda value: None if is_ip(value) else "must be an IP address in its shortest form")


def _but(refused: str, sentence: str, words: Iterable[str]) -> Validator:
    """One of the words; one that may not be sent is refused in words of its own."""
    judged = among(words)
    taken = [word for word in judged.described["enum"] if word != refused]
    return Validator(lambda v: sentence if v == refused else judged.fault(v), {"enum": taken})


tlp = _but("CLEAR", "must not be CLEAR: a case is never for everybody", CASE_TLP)
national = _but(
    NationalMarking.DIFFUSION_RESTREINTE,
    "is refused: this gateway is not accredited for diffusion_restreinte",
    NationalMarking,
)
