"""What a verification report says, in English and in French, from `catalogue.toml`.

Codes, ids, digests and times stay as they are. The facts themselves are in `report`.
"""

import re
import tomllib
from collections.abc import Mapping
from functools import cache
from importlib import resources
from typing import Any

from gateway.domain.item_value import defang_text

ENGLISH = "en"
FRENCH = "fr"
LANGUAGES = (ENGLISH, FRENCH)

_NB, _THIN = "\N{NO-BREAK SPACE}", "\N{NARROW NO-BREAK SPACE}"

CONTINUES = frozenset({"signed", "signed.logged", "attested", "attested.logged"})
"""The facts whose sentence goes on from the one before it: whose signature that act has."""


@cache
def _tables() -> Mapping[str, Mapping[str, Any]]:
    """The file beside this module: pairs of English and French, or French by the English."""
    file = resources.files(__package__) / "catalogue.toml"
    return tomllib.loads(file.read_text(encoding="utf-8"))


def _pair(table: str, key: str, language: str) -> str:
    return _typeset(str(_tables()[table][key][LANGUAGES.index(language)]), language)


def heading(name: str, language: str) -> str:
    """A word of a report's form."""
    return _pair("headings", name, language)


def outcome(name: str, language: str) -> str:
    """How a check ended."""
    return _pair("outcomes", name, language)


def detail(found: str, passed: bool, language: str) -> str:
    """What a check found, or why it failed; a clause that is not in the tables stays English."""
    if not passed:
        return reason(found, language)
    clauses = found.split("; ") if language == FRENCH else ()
    return "; ".join(_in_french(clause) for clause in clauses) or found


def _in_french(clause: str) -> str:
    for english, french in _tables()["details"].items():
        if matched := re.fullmatch(english, clause):
            return _typeset(french, FRENCH).format(*matched.groups(""))
    return clause


def reason(failure: str, language: str) -> str:
    """Why a check failed; what is not in the table stays English, as its values do."""
    if language == FRENCH:
        for english, french in _tables()["reasons"].items():
            pattern = re.sub(r"\\\{\d\\\}", "(.+?)", re.escape(english))
            if found := re.fullmatch(pattern, failure):
                values = [_tables()["files"].get(value, value) for value in found.groups()]
                return _typeset(french, language).format(*values)
    return failure


def headline(code: int, passed: bool, failure: str, language: str) -> str:
    """The result of a report; ``failure`` says why, as the check said it."""
    said = _pair("passed" if passed else "failed", str(code), language)
    return said if passed else f"{said} ({reason(failure, language)})."


def sentence(key: str, values: Mapping[str, Any], extra: Mapping[str, Any], language: str) -> str:
    """The sentence of a fact, with what a document says besides in brackets."""
    written = {
        # The gateway's own address is one that the verifier trusts; all else is others' text.
        name: str(value) if name == "issuer" else defang_text(_written(name, value, language))
        for name, value in values.items()
    }
    text = _pair("sentences", key, language).format(**written, nb=_NB)
    if not extra:
        return text
    besides = "; ".join(f"{name} {_value(value)}" for name, value in extra.items())
    return f"{text} ({defang_text(besides)})"


def title(english: str, language: str) -> str:
    """The title of a step; English where a language lacks it."""
    return english if language == ENGLISH else str(_tables()["titles"].get(english, english))


def colon(language: str) -> str:
    """A colon, as the language sets it after a word."""
    return f"{_NB}:" if language == FRENCH else ":"


def _written(name: str, value: Any, language: str) -> str:
    if name != "states":
        return _value(value)
    words = [_tables()["states"][one] if language == FRENCH else one for one in value]
    return (" ou " if language == FRENCH else " or ").join(words)


def _value(value: Any) -> str:
    match value:
        case dict():
            return ", ".join(f"{name} {_value(one)}" for name, one in value.items())
        case list() | tuple():
            return ", ".join(_value(one) for one in value) or "-"
        case _:
            return str(value)


def _typeset(text: str, language: str) -> str:
    """French sets a space before two-part marks (only in the catalogue's own words)."""
    if language != FRENCH:
        return text
    return text.replace(" ;", f"{_THIN};").replace(" :", f"{_NB}:")
