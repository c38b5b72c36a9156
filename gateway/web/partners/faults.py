"""What can be wrong with a text: one function for each form, which says so in a sentence."""

import re
from collections.abc import Callable, Iterable

from gateway.domain.item_value import (
    Fault,
    is_ip,
    unseen,
)
from gateway.domain.media import find_media
from gateway.domain.organisation import SLUG
from gateway.domain.timestamp import parse_day, parse_moment
from gateway.domain.vocabulary import (
    CASE_TLP,
    SCHEME,
    National,
)


def among(words: Iterable[str]) -> Fault:
    """One of the words."""
    known = tuple(str(word) for word in words)
    sentence = "must be one of: " + ", ".join(known)
    return lambda value: None if value in known else sentence


def like(pattern: str, sentence: str) -> Fault:
    """Of the form of a pattern, all of it."""
    form = re.compile(pattern, re.ASCII)
    return lambda value: None if form.fullmatch(value) else sentence


def read_by(parse: Callable[[str], object], sentence: str) -> Fault:
    """What ``parse`` reads without a ValueError."""

    def fault(value: str) -> str | None:
        try:
            parse(value)
        except ValueError:
            return sentence
        return None

    return fault


def free(longest: int, *, lines: bool = False) -> Fault:
    """Free text of up to ``longest`` characters, which R1 keeps from carrying a file."""

    def fault(value: str) -> str | None:
        if not value.strip():
            return "must not be empty"
        if len(value) > longest:
            return f"must have at most {longest} characters"
        if unseen(value, lines=lines):
            return "must not hold control characters or marks that turn the direction of text"
        return find_media(value)

    return fault


identifier = like(
    "[0-9a-f]{8}-[0-9a-f]{4}-[1-8][0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}",
    "must be a UUID in lower case",
)
moment = read_by(parse_moment, "must be a time with its offset, as 2026-01-02T03:04:05Z")
day = read_by(parse_day, "must be a date, as 2026-01-02")
slug = like(SLUG.pattern, "must be an organisation id, as hotline-a")
country = like("[A-Z]{2}", "must be a country code of two capitals (ISO 3166-1 alpha-2)")
language = like("[A-Za-z]{2,3}(?:-[A-Za-z0-9]{1,8}){0,4}", "must be a language tag (BCP 47)")
scheme = like(SCHEME.pattern, "must be a classification scheme of the profile")


def ip(value: str) -> str | None:
    """An IP address in its one spelling."""
    return None if is_ip(value) else "must be an IP address in its shortest form"


def tlp(value: str) -> str | None:
    """A TLP label that a case may have."""
    if value == "CLEAR":
        return "must not be CLEAR: a case is never for everybody"
    return among(CASE_TLP)(value)


def national(value: str) -> str | None:
    """A national marking that this gateway may hold."""
    if value == National.DIFFUSION_RESTREINTE:
        return "is refused: this gateway is not accredited for diffusion_restreinte"
    return among(National)(value)
