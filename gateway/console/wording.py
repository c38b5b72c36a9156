"""The words of the pages, in English or French: whole texts, names of fields, codes, days, faults.

The texts of the pages are in `console.toml`; fields and codes have the words of the catalogue.
"""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

from gateway.domain.audit_event import ACTION_OF
from gateway.domain.standing import Closed
from gateway.text import catalogue


def say(key: str, language: str, **values: Any) -> str:
    """A text of the pages."""
    return catalogue.phrase("console", key, language, **values)


def screen(key: str, language: str, **values: Any) -> str:
    """A text that pages have in common with the screens of the command line."""
    return catalogue.phrase("screens", key, language, **values)


def label(name: str, language: str) -> str:
    """Return what a field is called, as a heading."""
    return _capital(catalogue.label(name, language))


def code(field: str, value: Any, language: str) -> str:
    """Return what a code of a field means, a list by commas; what is no code stays."""
    match value:
        case list() | tuple() | set() | frozenset():
            words = [code(field, one, language) for one in value]
            return ", ".join(words) or screen("none", language)
        case str() if field == "entries" and "," in value:  # of one person
            return code(field, value.split(","), language)
        case bool():
            return screen("yes" if value else "no", language)
        case _ if field in ("action", "actions") and value in _EVENT_OF:
            return catalogue.word("events", _EVENT_OF[value], language)
        case _ if field == "results":
            return catalogue.word("results", str(value), language)
        case _:
            found = catalogue.code(_FIELDS.get(field, field), str(value), language)
            return found or catalogue.case_code(field, str(value), language)


def coded(field: str, value: Any, language: str) -> str:
    """Likewise, as a heading."""
    return _capital(code(field, value, language))


def option(field: str, word: str, language: str) -> str:
    """A word of a field as it may be chosen: what it means, with the codes that people know."""
    if field in ("actions", "results"):
        return coded(field, word, language)
    meaning = catalogue.word("meanings", word, language)
    if field in ("tlp", "handling") or meaning == word:
        name = code(_FIELDS.get(field, field), word, language)
        name = label(word, language) if field in _NAMES else _capital(name)
        return name if meaning == word else say("coded", language, code=word, words=meaning)
    return _capital(meaning)


_EVENT_OF = {action: event for event, action in ACTION_OF.items()}
"""What an action is searched by: its event."""

_FIELDS = {
    "matters": "matter",
    "kinds": "kind",
    "roles": "role",
    "actions": "act",
    "purposes": "purpose",
    "duty": "waits",
    "contact": "role",
    "entries": "role",
}
_NAMES = frozenset({"condition"})
"""Fields whose words are those of another one, and those whose words are names of fields."""


def act(action: str, language: str) -> str:
    """Return what an action is called."""
    return catalogue.phrase("actions", action, language)


def described(english: str, language: str) -> str:
    """A sentence of the interface's description; English where the language lacks it."""
    return catalogue.translated("descriptions", english, language)


def paragraphs(english: str, language: str) -> list[str]:
    """Say what an action does: a line, and what there is to add, each as `described`."""
    told = (" ".join(one.split()) for one in english.split("\n\n"))
    return [described(one, language) for one in told]


def fault(message: str, language: str) -> str:
    """Say what is wrong with a value, as a sentence of its own."""
    return _sentence(catalogue.why(message, language) or message)


def finding(sentence: str, language: str) -> tuple[str, bool]:
    """Say what was found about a gateway; and whether that is English where the language lacks
    words."""
    told = catalogue.finding(sentence, language)
    return _sentence(told), language != catalogue.ENGLISH and told == sentence


def end(what: str, language: str) -> str:
    """Return what a certificate of the gateway is called, as a heading."""
    return _capital(catalogue.finding(what, language))


def check(name: str, language: str) -> str:
    """Return what a check of a gateway is called, as a heading."""
    return _capital(catalogue.check(name, language))


def of_file(message: str, language: str) -> str | None:
    """Say what is wrong with a file, or what is dropped of it, at its place where it names one;
    None where the language has no words for it."""
    place, mark, rest = message.partition(": ")
    wrong = mark and catalogue.why(rest, language)
    at_place = say("problem_at", language, label=place, fault=wrong) if wrong else None
    return catalogue.why(message, language) or at_place


def refusal(detail: str, language: str) -> str | None:
    """Say why something was refused, at which field where it names one; None where the language has
    no words for it."""
    told = _at_fields(detail, language) or catalogue.why(detail, language)
    return told and _sentence(told)


def _at_fields(detail: str, language: str) -> str | None:
    """Say what is wrong with fields, each after its name; None for another refusal."""
    told = []
    for one in detail.split("; "):
        name, _, message = one.partition(" ")
        wrong = catalogue.matched("faults", message, language)
        if wrong is None:
            return None
        told.append(say("problem_at", language, label=label(name, language), fault=wrong))
    return ". ".join(told)


def refused(slug: str, language: str) -> str:
    """Say of which kind a refusal is."""
    return _sentence(catalogue.code("refusal", slug, language) or say("refused", language))


def competence(key: str, language: str) -> str:
    """A competence in words, with its key, which people type."""
    function, matter, territory = key.split("/")
    told = (code("function", function, language), code("matter", matter, language), territory)
    return say("coded", language, code=key, words=", ".join(told))


def closed(sentence: str, language: str) -> str:
    """Say why content does not open."""
    names = {str(one): one.name.lower() for one in Closed}
    found = catalogue.code("closed", names.get(sentence, ""), language)
    return _sentence(found or sentence)


def moment(value: Any, language: str) -> str:
    """A time or a day, as people write it; a dash where there is none."""
    return "–" if value is None else catalogue.moment(value, language)


def hour(at: datetime, language: str) -> str:
    """An hour of the day, as people write it."""
    at = at.astimezone(UTC)
    padded = f"{at:%H}" if language == catalogue.ENGLISH else at.hour
    return say("hour", language, hour=padded, minute=f"{at:%M}")


def until(value: str, now: datetime, language: str) -> str:
    """Say how long there is to a time, or how long it is past."""
    gap = datetime.fromisoformat(value) - now.astimezone(UTC)
    unit, size = next((one for one in _UNITS if abs(gap) < one[1]), _UNITS[-1])[0::2]
    number = abs(gap) // size
    return say(f"{'late' if gap < timedelta(0) else 'in'}_{unit}", language, n=number)


_UNITS = (
    ("minutes", timedelta(hours=2), timedelta(minutes=1)),
    ("hours", timedelta(days=2), timedelta(hours=1)),
    ("days", timedelta.max, timedelta(days=1)),
)


def listed(field: str, words: Iterable[str], language: str) -> str:
    """Codes of a field, any one of which is meant."""
    return say("or", language).join(code(field, one, language) for one in words)


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def _sentence(text: str) -> str:
    return _capital(text if text.endswith((".", "?", "!")) else f"{text}.")
