"""What reports and sheets say, in English and in French, from `catalogue.toml`; screens, from
`screens.toml`; pages and their forms, from `console.toml` and `forms.toml`; why something was
refused, or is wrong with a field, from `refusals.toml`; how a gateway is, from `health.toml`.

Codes, ids, digests and times stay as they are. The facts themselves are in `report`.
"""

import re
import tomllib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import cache
from importlib import resources
from typing import Any

from gateway.domain.item_value import defang_text

ENGLISH = "en"
FRENCH = "fr"
LANGUAGES = (ENGLISH, FRENCH)

_NB, _THIN = "\N{NO-BREAK SPACE}", "\N{NARROW NO-BREAK SPACE}"

CONTINUES = frozenset(
    {
        "signed",
        "signed.logged",
        "signed.stamped",
        "attested",
        "attested.logged",
        "vouched",
        "vouched.logged",
    }
)
"""The facts whose sentence goes on from the one before it: whose signature that act has."""


_FILES = (
    "screens.toml",
    "catalogue.toml",
    "console.toml",
    "forms.toml",
    "refusals.toml",
    "health.toml",
)


class _Tables(dict[str, Mapping[str, Any]]):
    """The tables of the files beside this module: pairs of English and French, or French by the
    English. A file is read once a table is asked for that those before it lack."""

    def __missing__(self, name: str) -> Mapping[str, Any]:
        for file in _FILES:
            self.update(_read(file))
            if name in self:
                return self[name]
        raise KeyError(name)


@cache
def _read(file: str) -> Mapping[str, Mapping[str, Any]]:
    return tomllib.loads((resources.files(__package__) / file).read_text(encoding="utf-8"))


_TABLES = _Tables()


def read_all() -> None:
    """Read every file now, so that no request waits for it."""
    for file in _FILES:
        _TABLES.update(_read(file))


def phrase(table: str, key: str, language: str, **values: Any) -> str:
    """A sentence of a table, with its values as they are."""
    return _pair(table, key, language).format(**values)


def label(name: str, language: str) -> str:
    """Return what a field of a case is called."""
    named = next((one for one in ("labels", "fields") if name in _TABLES[one]), None)
    return name.replace("_", " ") if named is None else _pair(named, name, language)


@cache
def _pair(table: str, key: str, language: str) -> str:
    return _typeset(str(_TABLES[table][key][LANGUAGES.index(language)]), language)


def heading(name: str, language: str) -> str:
    """A word of a report's form."""
    return _pair("headings", name, language).replace("{nb}", _NB)


def outcome(name: str, language: str) -> str:
    """How a check ended."""
    return _pair("outcomes", name, language)


def detail(found: str, passed: bool, language: str) -> str:
    """Return what a check found, or why it failed; a clause that is not in the tables stays
    English."""
    if not passed:
        return reason(found, language)
    clauses = found.split("; ") if language == FRENCH else ()
    return f"{_THIN}; ".join(_in_french(clause) for clause in clauses) or found


def _in_french(clause: str) -> str:
    for english, french in _TABLES["details"].items():
        if matched := re.fullmatch(english, clause):
            return _typeset(french, FRENCH).format(*map(_detail_value, matched.groups("")))
    name, mark, value = clause.partition(": ")
    if mark and name in _TABLES["fields"]:  # a detail that the event discloses
        return f"{word('fields', name, FRENCH)}{colon(FRENCH)} {_detail_value(value)}"
    return clause


def _detail_value(text: str) -> str:
    """A value of a detail in French: events, kinds of documents and states in words, days as people
    write them."""
    if _TIME.fullmatch(text):
        return moment(text, FRENCH)
    told = text.split(" or ")
    for table in ("events", "acts", "states", "values"):
        told = [word(table, one, FRENCH) for one in told]
    return " ou ".join(told)


@cache
def _forms(table: str) -> Sequence[tuple[str, str, Any]]:
    """The sentences of a table that have places for values, the one that says most first: how it
    begins, its pattern, and what stands by it."""
    pairs = [pair for pair in _TABLES[table].items() if "{" in pair[0]]
    pairs.sort(key=lambda pair: len(pair[0]), reverse=True)
    value = re.compile(r"\\\{\d\\\}")
    return [
        (one.partition("{")[0], value.sub("(.*?)", re.escape(one)), said) for one, said in pairs
    ]


_LONGEST, _MOST_SENTENCES = 1000, 12
"""Of a text that is compared with forms: a part of it may be anybody's, and would keep us busy."""


def _find(table: str, english: str) -> tuple[Any, Sequence[str]] | None:
    """Return what stands by a sentence in a table, with its values; None for one of no form."""
    if "{" not in english and (said := _TABLES[table].get(english)) is not None:
        return said, ()
    if len(english) > _LONGEST:
        return None
    for start, form, said in _forms(table):
        if english.startswith(start) and (found := re.fullmatch(form, english)):
            return said, found.groups()
    return None


def translated(table: str, english: str, language: str) -> str:
    """A sentence whose French stands by the English; English where it stands nowhere."""
    found = _TABLES[table].get(english) if language == FRENCH else None
    return english if found is None else _typeset(str(found), language)


def matched(table: str, english: str, language: str) -> str | None:
    """A sentence, or one after another, as a table says it in both languages; None for one of no
    form. By the English stands the French, or a pair where people read other English."""
    if found := _find(table, english):
        said, values = found
        if isinstance(said, str) and language == ENGLISH:
            return english  # with its values in it, which may be anybody's: never a form again
        text = said if isinstance(said, str) else said[LANGUAGES.index(language)]
        return _typeset(text, language).format(*(_Value(one, language) for one in values))
    ends = [*re.finditer(r"(?<=\.) (?=[A-Z])", english)]
    for end in ends if len(ends) < _MOST_SENTENCES else ():
        first, rest = english[: end.start()], english[end.end() :]
        if _find(table, first) and (others := matched(table, rest, language)):
            return f"{matched(table, first, language)} {others}"
    return None


def why(english: str, language: str) -> str | None:
    """Why something was refused, or is wrong with a field; None where a language lacks words."""
    told = (matched(one, english, language) for one in ("refusals", "faults"))
    found = next(filter(None, told), None) or reason(english, language)
    return None if found == english and language != ENGLISH else found


@dataclass(frozen=True)
class _Value:
    """A value of a sentence, which its place says how to write: as a code of a field, as a day, as
    a sentence (`why`, `found`), as one of the interface's description (`about`); else as it is."""

    text: str
    language: str

    def __format__(self, field: str) -> str:
        match field:
            case "":
                return self.text
            case "day":
                return moment(self.text, self.language)
            case "why":
                return why(self.text, self.language) or self.text
            case "found":
                return finding(self.text, self.language)
        return code(field, self.text, self.language) or self.text


def reason(failure: str, language: str) -> str:
    """Why a check failed; what is not in the tables stays English, as ids do. A value may be a word
    of them, or a reason itself."""
    if language == FRENCH and (found := _find("reasons", failure)):
        return _typeset(found[0], language).format(*map(_reason_value, found[1]))
    return failure


def finding(sentence: str, language: str) -> str:
    """Say what was found about a gateway; what no table has, as what a system says, stays
    English."""
    told = matched("findings", sentence, language) or matched("refusals", sentence, language)
    return told or sentence


def check(name: str, language: str) -> str:
    """Return what a check of a gateway is called."""
    return _pair("checks", name, language)


def runbook(check: str, language: str) -> str:
    """Say what to do where a check finds what is not well."""
    return _pair("runbooks", check, language)


def _reason_value(text: str) -> str:
    """A value of a reason in French: a word of a report, or a reason."""
    if text in _TABLES["files"]:
        return str(_TABLES["files"][text])
    for table in ("events", "acts", "values", "states"):
        if found := _TABLES[table].get(text.removeprefix("the ")):
            return str(found[1])
    return reason(text, FRENCH)


def headline(code: int, passed: bool, failure: str, language: str) -> str:
    """The result of a report; ``failure`` says why, as the check said it."""
    said = _pair("passed" if passed else "failed", str(code), language)
    return said if passed else f"{said} ({reason(failure, language)})."


def sentence(key: str, values: Mapping[str, Any], extra: Mapping[str, Any], language: str) -> str:
    """The sentence of a fact, with what a document says besides, in codes, in brackets."""
    written = {
        # The gateway's own address is one that the verifier trusts; all else is others' text.
        name: str(value)
        if name == "issuer"
        else defang_text(_WRITTEN.get(name, _coded)(value, language))
        for name, value in values.items()
    }
    if "other_log" in values:
        written["entry"] = _pair("headings", "entry_of", language).format(**written)
    text = _pair("sentences", key, language).format(**written, nb=_NB)
    coded = {name: value for name, value in extra.items() if name not in _FREE}
    if not coded:
        return text
    besides = (f"{_THIN}; " if language == FRENCH else "; ").join(
        f"{word('fields', name, language)} {_coded(value, language, name)}"
        for name, value in coded.items()
    )
    return f"{text} ({defang_text(besides)})"


def quotations(extra: Mapping[str, Any], language: str) -> list[str]:
    """Return what a party wrote freely in a document, each text in quotation marks that it cannot
    end."""
    found = []
    for name, value in extra.items():
        if name in _FREE:
            field = word("fields", name, language)
            field = field[:1].upper() + field[1:] if language == FRENCH else field
            text = defang_text(_coded(value, language).translate(_MARKS | _BRACKETS))
            found.append(
                _pair("headings", "quotation", language).format(field=field, text=text, nb=_NB)
            )
    return found


_FREE = frozenset(
    {
        "again",
        "article",
        "authority",
        "basis",
        "country_reason",
        "evidence_ref",
        "function",
        "handling_note",
        "note",
        "onward_copies",
        "reason",
        "reference",
        "requisition",
        "subject",
        "suggested_recipient",
        "text",
        "to_originator",
    }
)
"""The fields that a person writes freely, in a document or an event."""

_MARKS = str.maketrans('«»\u201c\u201d"', "\u2039\u203a\u2018\u2019'")
_BRACKETS = str.maketrans("()[]", "////")


def _quoted(value: Any, language: str) -> str:
    # A legal citation stays as it is written: 6(1)(f) has brackets.
    text = str(value).translate(_MARKS)
    return f"«{_NB}{text}{_NB}»" if language == FRENCH else f"\u201c{text}\u201d"


def word(table: str, code: str, language: str) -> str:
    """Return what a code means; a code that has no words stays as it is."""
    return _pair(table, code, language) if code in _TABLES[table] else code


_ROLES = ("made_by_role", "assessor_role")
_FLAGS = ("minor", "virtual", "self_generated", "ai_generated", "child_modelling", "live_stream")
_SAME = {**dict.fromkeys(_ROLES, "role"), **dict.fromkeys(_FLAGS, "flag")}
"""Fields that have the codes of another name."""


def case_code(field: str, value: str, language: str) -> str:
    """Return what a code of a field of a case means; a text that a person wrote stays as it is."""
    key = f"{_SAME.get(field, field)}.{value}"
    return _pair("codes", key, language) if key in _TABLES["codes"] else value


def code(field: str, value: str, language: str) -> str | None:
    """Return what a code of a field means, else what the code means in any field; None where it is
    no code."""
    key = f"{field}.{value}"
    if key in _TABLES["codes"]:
        return _pair("codes", key, language)
    table = next((one for one in _OF_ANY_FIELD if value in _TABLES[one]), None)
    return None if table is None else _pair(table, value, language)


_OF_ANY_FIELD = ("states", "values", "acts", "results_of_handoffs")


def moment(text: Any, language: str) -> str:
    """A time or a day, as people write it; its zone is UTC. Any other text stays as it is."""
    try:
        text = str(text)
        day = date.fromisoformat(text[:10])
        at = datetime.fromisoformat(text).astimezone(UTC) if len(text) > 10 else None
    except (ValueError, OverflowError):
        return str(text)
    month = _TABLES["months"][language][day.month - 1]
    told = f"{'1er' if day.day == 1 and language == FRENCH else day.day} {month} {day.year}"
    if at is None:
        return told
    return (
        f"{told} à {at.hour} h {at:%M} (UTC)" if language == FRENCH else f"{told}, {at:%H:%M} UTC"
    )


def _no_earlier(text: Any, language: str) -> str:
    """The first whole minute that is not before a time."""
    try:
        at = datetime.fromisoformat(str(text)) + timedelta(seconds=59)
    except (ValueError, OverflowError):
        return moment(text, language)
    return moment(at.isoformat(), language)


def title(english: str, language: str) -> str:
    """The title of a step; English where a language lacks it."""
    return english if language == ENGLISH else str(_TABLES["titles"].get(english, english))


def colon(language: str) -> str:
    """A colon, as the language sets it after a word."""
    return f"{_NB}:" if language == FRENCH else ":"


def _by_table(table: str) -> Callable[[Any, str], str]:
    return lambda value, language: word(table, str(value), language)


def _unless_none(word: str) -> Callable[[Any, str], str]:
    return lambda value, language: heading(word, language) if value is None else str(value)


def _joined(english: str, french: str) -> Callable[[Any, str], str]:
    def join(value: Any, language: str) -> str:
        words = [word("states", one, language) for one in value]
        return (french if language == FRENCH else english).join(words)

    return join


_WRITTEN: Mapping[str, Callable[[Any, str], str]] = {
    "type": _by_table("events"),
    "result": _by_table("results"),
    "document": _by_table("acts"),
    "entry": _unless_none("no_entry"),
    "version": _unless_none("unshown"),
    "states": _joined(" or ", " ou "),
    "persons": _joined(" and ", " et "),
    "entries": lambda value, language: (
        "; ".join(f"{entry}, {moment(at, language)}" for entry, at in value.items())
        if isinstance(value, Mapping)
        else str(value)
    ),
    "dates": lambda value, language: ", ".join(moment(one, language) for one in value),
    **dict.fromkeys(("act", "reference", "article", "legal_basis"), _quoted),
    "before": _no_earlier,
    **dict.fromkeys(("at", "signed", "registered", "start", "end", "day"), moment),
}
"""How some values of a sentence are written; all others as `_coded` does."""


_TIME = re.compile(r"\d{4}-\d\d-\d\d(T[0-9:.+Z-]+)?", re.ASCII)


def _coded(value: Any, language: str, field: str = "") -> str:
    """A value of a document, its names and codes in words: those of any field, else of its own."""
    match value:
        case dict():
            told = []
            for name, one in value.items():
                words = _coded(one, language, field if name == "condition" else name)
                if name == "topics":  # they have words of their own, the others any field's
                    words = ", ".join(case_code(name, topic, language) for topic in one)
                told.append(f"{word('fields', name, language)} {words}")
            return ", ".join(told)
        case list() | tuple():
            words = ", ".join(_coded(one, language, field) for one in value)
            return words or word("values", "none", language)
        case bool():
            return word("values", str(value).lower(), language)
        case str() if _TIME.fullmatch(value):
            return moment(value, language)
        case _:
            tables = ("values", "events", "results")
            known = next((one for one in tables if str(value) in _TABLES[one]), None)
            of_field = code(field, str(value), language) if field and known is None else None
            return of_field or word(known or "values", str(value), language)


def _typeset(text: str, language: str) -> str:
    """French sets a space before two-part marks (only in the catalogue's own words)."""
    if language != FRENCH:
        return text
    for mark, space in ((";", _THIN), (":", _NB), ("?", _THIN), ("!", _THIN), ("»", _NB)):
        text = text.replace(f" {mark}", space + mark)
    return text.replace("« ", f"«{_NB}")
