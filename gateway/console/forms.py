"""Forms from the JSON Schema of a body: what a field is decides how it is asked for, and read.

No page knows a field. What a person never types, their own name and what was shown to them, the
page leaves out or has repeated.
"""

import json
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from itertools import groupby
from typing import Any
from unicodedata import normalize

from gateway.console import wording

MOST_RADIOS = 7
"""Words that are listed one under the other; more of them are a list to choose from."""

LONGEST_LINE = 120
MOST_ROWS = 12

LEAST_ROWS = 4
"""Objects that a form has places for, all but the first of them folded: no script adds one."""

Sent = Mapping[str, Sequence[str]]
"""A form as it was sent: each name with its values."""


class Widget(StrEnum):
    """How a field is asked for. REPEATED is ticked, and sent as it was shown; ROWS are several
    objects, LINES several texts."""

    LINE = "line"
    TEXT = "text"
    LINES = "lines"
    NUMBER = "number"
    DAY = "day"
    MOMENT = "moment"
    RADIOS = "radios"
    SELECT = "select"
    BOXES = "boxes"
    FLAG = "flag"
    GROUP = "group"
    ROWS = "rows"
    JSON = "json"
    REPEATED = "repeated"


_DAY = ("part_day", "part_month", "part_year")
_PARTS: Mapping[Widget, Sequence[str]] = {
    Widget.DAY: _DAY,
    Widget.MOMENT: (*_DAY, "part_hour", "part_minute"),
}
"""The fields of a day, and of a time in UTC, by the keys of their texts."""


@dataclass(frozen=True)
class Question:
    """One field of a body, at a JSON ``pointer``.

    ``about`` is its sentence, in English; ``goes_with`` the field, and the words of it, with which
    alone it is asked for; ``emptied`` what an empty list does.
    """

    pointer: str
    widget: Widget
    about: str = ""
    required: bool = False
    words: tuple[str, ...] = ()
    longest: int = 0
    inner: "tuple[Question, ...]" = ()
    goes_with: tuple[str, tuple[str, ...]] | None = None
    default: Any = None
    emptied: str = ""

    @property
    def name(self) -> str:
        """Return what it is called in the form."""
        return self.pointer[1:].replace("/", ".")

    @property
    def field(self) -> str:
        """Return what it is called in its object."""
        return self.pointer.rpartition("/")[2]

    def row(self, number: int) -> "tuple[Question, ...]":
        """The fields of one of several objects."""
        return tuple(_moved(one, self.pointer, f"{self.pointer}/{number}") for one in self.inner)


def _moved(one: Question, base: str, to: str) -> Question:
    inner = tuple(_moved(other, base, to) for other in one.inner)
    return replace(one, pointer=to + one.pointer[len(base) :], inner=inner)


def questions_of(
    schema: Mapping[str, Any], *, without: Collection[str] = (), base: str = ""
) -> tuple[Question, ...]:
    """The questions of a body: those that must be answered first, those that go with another
    last."""
    must, described = schema.get("required", ()), schema.get("properties", {})
    found = [
        _question(f"{base}/{name}", one, name in must)
        for name, one in described.items()
        if name not in without and "const" not in one
    ]
    return tuple(sorted(found, key=lambda one: (one.goes_with is not None, not one.required)))


def _question(pointer: str, schema: Mapping[str, Any], required: bool) -> Question:
    widget, words, inner = _shape(pointer, schema)
    pair = next(iter(schema.get("x-goes-with", {}).items()), None)
    return Question(
        pointer,
        Widget.RADIOS if widget is Widget.FLAG and required else widget,
        schema.get("description", ""),
        required,
        _YES_NO if widget is Widget.FLAG and required else words,
        schema.get("maxLength", 0),
        inner,
        None if pair is None else (pair[0], tuple(pair[1])),
        schema.get("default"),
        schema.get("x-emptied", ""),
    )


def _shape(
    pointer: str, schema: Mapping[str, Any]
) -> tuple[Widget, tuple[str, ...], tuple[Question, ...]]:
    """Tell how a value is asked for, the words that it may be, and the questions of its members."""
    element = schema.get("items", {})
    words = tuple(map(str, (schema if "enum" in schema else element).get("enum", ())))
    within = element if "properties" in element else schema
    inner = () if words else questions_of(within, base=pointer)
    if any(one.field == "kty" for one in inner):
        inner = ()  # a key is pasted whole
    match schema.get("type"), schema.get("format"):
        case _ if words == _YES:
            widget = Widget.FLAG
        case _ if "enum" in schema:
            widget = Widget.RADIOS if len(words) <= MOST_RADIOS else Widget.SELECT
        case "array", _ if words:
            widget = Widget.BOXES
        case "array", _ if element.get("type") == "string":
            widget = Widget.LINES
        case "array" | "object" as kind, _ if inner:
            widget = Widget.ROWS if kind == "array" else Widget.GROUP
        case "string", ("date" | "date-time") as form:
            widget = Widget.DAY if form == "date" else Widget.MOMENT
        case "string", _:
            long = schema.get("maxLength", 0) > LONGEST_LINE
            widget = Widget.TEXT if long else Widget.LINE
        case kind, _:
            widget = _PLAIN.get(str(kind), Widget.JSON)
    return widget, words, inner


_PLAIN = {"boolean": Widget.FLAG, "integer": Widget.NUMBER}


# --- A form that was sent ------------------------------------------------------------------------


def read(
    questions: Sequence[Question], sent: Sent, repeated: Mapping[str, Any] = {}
) -> dict[str, Any]:
    """Return what a form says, as the body of its request; what is empty is left out.

    Nothing is judged here: a value that is none goes on as it was typed, and is refused with words.
    """
    found = ((one.field, _value(one, sent, repeated)) for one in questions)
    return {name: value for name, value in found if value is not None}


def _value(one: Question, sent: Sent, repeated: Mapping[str, Any]) -> Any:
    """Return what was typed or chosen at a question; None for nothing."""
    given = [text for text in sent.get(one.name, ()) if text.strip()]
    text = given[0].replace("\r\n", "\n").strip() if given else ""
    value: Any = text
    match one.widget:
        case Widget.REPEATED:
            value = repeated[one.field] if given else None
        case Widget.GROUP:
            value = read(one.inner, sent)
        case Widget.ROWS:
            rows = (read(one.row(number), sent) for number in range(_rows(one, sent)))
            value = [row for row in rows if row]
        case Widget.DAY | Widget.MOMENT:
            value = _dated(one, sent)
        case Widget.BOXES:
            value = given
        case Widget.LINES:
            value = [line for part in given for line in part.split()]
        case Widget.NUMBER | Widget.FLAG | Widget.JSON:
            value = _json(text)
        case Widget.RADIOS if one.words == _YES_NO:
            value = _json(text)
    if one.required and one.widget is Widget.BOXES and not one.words:
        return []  # there is nothing to choose: that is the answer
    return None if value in _NOTHING else value


_YES_NO, _YES = ("true", "false"), ("true",)
_NOTHING: tuple[object, ...] = (None, "", [], {})


def _unordered(value: Any) -> Any:
    """A list of words without their order, in which boxes are not ticked."""
    return sorted(map(str, value)) if isinstance(value, list) else value


def _dated(one: Question, sent: Sent) -> str | None:
    """A day, or a time, of its fields."""
    parts = [
        next(iter(sent.get(f"{one.name}.{part}", ())), "").strip() for part in _PARTS[one.widget]
    ]
    if not any(parts):
        return None
    day, month, year, *clock = (part.zfill(2) for part in parts)
    told = f"{year}-{month}-{day}"
    return f"{told}T{clock[0]}:{clock[1]}:00Z" if clock else told


def _json(text: str) -> Any:
    """A number, a truth or a value as JSON; what is none stays as it was typed."""
    try:
        return json.loads(text) if text else None
    except ValueError:
        return text


def _rows(one: Question, sent: Sent) -> int:
    """Count how many objects were sent."""
    start = f"{one.name}."
    numbers = (name[len(start) :].partition(".")[0] for name in sent if name.startswith(start))
    return min(
        max((int(n) + 1 for n in numbers if n.isdigit() and len(n) < 3), default=0), MOST_ROWS
    )


def _is_of(pointer: str, one: Question) -> bool:
    """Tell whether a fault belongs to a question: its own, or within what is no question."""
    deep = one.widget not in (Widget.GROUP, Widget.ROWS)
    return pointer == one.pointer or (deep and pointer.startswith(f"{one.pointer}/"))


# --- A form as it is shown -----------------------------------------------------------------------


@dataclass(frozen=True)
class Option:
    """A word that may be chosen."""

    value: str
    text: str
    chosen: bool


@dataclass(frozen=True)
class Problem:
    """What is wrong, and where: ``anchor`` is the place in the page, empty for the whole."""

    anchor: str
    label: str
    fault: str


@dataclass(frozen=True)
class BodyForm:
    """A form in one language: its questions, what was sent, and what is wrong with it.

    ``choices`` are what a field may be where only the page knows: values with their texts;
    ``known`` likewise, of which one is proposed, and another may be typed. ``repeated`` are what is
    sent as it was shown.
    """

    questions: Sequence[Question]
    language: str
    sent: Sent = field(default_factory=dict)
    errors: Sequence[tuple[str, str]] = ()
    choices: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    repeated: Mapping[str, Any] = field(default_factory=dict)
    known: Mapping[str, Mapping[str, str]] = field(default_factory=dict)

    @classmethod
    def of(cls, schema: Mapping[str, Any], language: str, **more: Any) -> "BodyForm":
        """The form of a body; ``without`` are fields that nobody is asked for, ``base`` the pointer
        of the body where it is a part of a form."""
        without, base = more.pop("without", ()), more.pop("base", "")
        made = cls((), language, **more)
        asked = map(made._fitted, questions_of(schema, without=without, base=base))
        return replace(made, questions=tuple(asked))

    def _fitted(self, one: Question) -> Question:
        if one.field in self.repeated:
            return replace(one, widget=Widget.REPEATED, inner=())
        if one.field not in self.choices:
            return one
        several = one.widget in (Widget.BOXES, Widget.LINES)
        words = tuple(self.choices[one.field])
        return replace(one, widget=Widget.BOXES if several else Widget.SELECT, words=words)

    def body(self) -> dict[str, Any]:
        """Return what was sent, as the body of the request."""
        return read(self.questions, self.sent, self.repeated)

    @property
    def is_begun(self) -> bool:
        """Tell whether anything was typed or chosen beside what stood there before."""
        filled = ((one.default, _value(one, self.sent, self.repeated)) for one in self.questions)
        return any(
            value is not None and _unordered(value) != _unordered(default)
            for default, value in filled
        )

    @property
    def parts(self) -> Iterator[tuple[str, bool, list[Question]]]:
        """The questions by what they go with: its words, empty for none, whether they are shown,
        and the questions."""
        for pair, group in groupby(self.questions, lambda one: one.goes_with):
            asked = [*group]
            if pair is None:
                yield "", True, asked
                continue
            words = wording.listed(pair[0], pair[1], self.language)
            told = wording.say("only_with", self.language, words=words)
            yield told, self.is_open(asked), asked

    def is_open(self, questions: Iterable[Question]) -> bool:
        """Tell whether questions that are folded are shown: something was answered, or is wrong."""
        return any(self.is_filled(one) or self.fault(one) for one in questions)

    def label(self, one: Question) -> str:
        """Return what a field is called; who may leave it out reads so."""
        name = wording.label(one.field, self.language)
        return name if one.required else wording.say("optional", self.language, what=name)

    def about(self, one: Question) -> str:
        """The sentence of a field."""
        return wording.described(one.about, self.language)

    def emptied(self, one: Question) -> str:
        """Return what it does to leave all of a list out."""
        return wording.fault(wording.described(one.emptied, self.language), self.language)

    def value(self, one: Question, part: str = "") -> str:
        """Return what was typed, else the default."""
        name = f"{one.name}.{part}" if part else one.name
        given = self.sent.get(name, ())
        return "\n".join(given) if given or self.sent else str(one.default or "")

    def dates(self, one: Question) -> list[tuple[str, str, str]]:
        """The fields of a day or a time: name, label and what was typed."""
        return [
            (
                f"{one.name}.{part}",
                wording.say(part, self.language),
                self.value(one, part),
            )
            for part in _PARTS[one.widget]
        ]

    def options(self, one: Question) -> list[Option]:
        """The words of a field."""
        default = one.default if isinstance(one.default, list) else [one.default]
        chosen = self.sent.get(one.name, ()) if self.sent else [str(word) for word in default]
        known = self.choices.get(one.field, {})
        found = [
            Option(
                word,
                known.get(word) or wording.option(one.field, word, self.language),
                word in chosen,
            )
            for word in one.words
        ]
        if one.widget is Widget.SELECT and [*one.words] == sorted(one.words):
            # The order of the alphabet, in which no other sense is: that of this language.
            found.sort(key=lambda option: normalize("NFD", option.text.casefold()))
        return found

    def rows(self, one: Question) -> list[tuple[Question, ...]]:
        """The objects that were sent, and one more that is empty."""
        number = min(max(_rows(one, self.sent) + 1, LEAST_ROWS), MOST_ROWS)
        return [one.row(at) for at in range(number)]

    def is_filled(self, one: Question) -> bool:
        """Tell whether something was typed or chosen."""
        return _value(one, self.sent, self.repeated) is not None

    def fault(self, one: Question) -> str:
        """Return what is wrong with a field, or with what the form does not ask for apart."""
        found = (message for pointer, message in self.errors if _is_of(pointer, one))
        return " ".join(dict.fromkeys(wording.fault(one, self.language) for one in found))

    @property
    def answered(self) -> list[tuple[str, str]]:
        """Tell what was typed or chosen, in words: each name with its value."""
        filled = (one for one in self.questions if self.is_filled(one))
        return [(wording.label(one.field, self.language), self._answered(one)) for one in filled]

    def _answered(self, one: Question) -> str:
        value, language = _value(one, self.sent, self.repeated), self.language
        match one.widget:
            case Widget.REPEATED:
                return wording.say("as_shown", language)
            case Widget.RADIOS | Widget.SELECT | Widget.BOXES:
                return ", ".join(option.text for option in self.options(one) if option.chosen)
            case Widget.GROUP | Widget.ROWS:
                rows = [one.inner] if one.widget is Widget.GROUP else self.rows(one)
                inner = (
                    BodyForm(row, language, self.sent, (), self.choices).answered for row in rows
                )
                joined = (
                    wording.screen("named", language, name=name, value=text)
                    for told in inner
                    for name, text in told
                )
                return ", ".join(joined)
            case Widget.DAY | Widget.MOMENT:
                return wording.moment(value, language)
            case Widget.FLAG | Widget.LINES:
                lines = value if isinstance(value, list) else [value]
                return "\n".join(wording.code(one.field, line, language) for line in lines)
        return str(value)

    @property
    def problems(self) -> list[Problem]:
        """All that is wrong, in the order of the form; what is at no field of it, too."""
        told = [
            Problem(f"f-{one.name}", wording.label(one.field, self.language), fault)
            for one in self._every(self.questions)
            if (fault := self.fault(one))
        ]
        for pointer, message in self.errors:
            if not any(_is_of(pointer, one) for one in self._every(self.questions)):
                name = pointer.strip("/").rpartition("/")[2]
                label = wording.label(name, self.language) if name else ""
                told.append(Problem("", label, wording.fault(message, self.language)))
        return told

    def asks(self, field_name: str) -> bool:
        """Tell whether it asks for a field of this name, anywhere."""
        return any(one.field == field_name for one in self._every(self.questions))

    def _every(self, questions: Sequence[Question]) -> Iterator[Question]:
        for one in questions:
            yield one
            if one.widget is Widget.ROWS:
                for row in self.rows(one):
                    yield from self._every(row)
            else:
                yield from self._every(one.inner)
