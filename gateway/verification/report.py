"""Verification reports: numbered steps until one fails, then what is proved, and an exit code.

The first step that fails decides the code. The later ones are skipped: what they would compare is
not established. A report that passed concludes by facts, sorted by their sources.
"""

import unicodedata
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import IntEnum, StrEnum
from typing import Any

from gateway.domain.item_value import defang, defang_text
from gateway.evidence import receipt, sd_jwt
from gateway.text import catalogue
from gateway.verification.sources import HEADINGS, SOURCES, Source, weigh

_LONGEST_DETAIL = 1000


class Code(IntEnum):
    """How a verification ended, as exit code of a command.

    ``ATTESTED`` and ``SIMULATED`` passed every step, and so did ``INCOMPLETE`` where a bundle
    lacks documents; what passed is still not what ``VERIFIED`` says.
    """

    VERIFIED = 0
    UNKNOWN_FORMAT = 10
    BAD_SIGNATURE = 11
    NOT_IN_LOG = 12
    MISMATCH = 13
    KEY_MISSING = 14
    INCOMPLETE = 15
    CONTRADICTION = 16
    ATTESTED = 17
    SIMULATED = 18
    LET_THROUGH = 19


class StepResult(StrEnum):
    """How a step ended."""

    OK = "ok"
    FAILED = "failed"
    SKIPPED = "skipped"
    NOT_SHOWN = "not_shown"


@dataclass(frozen=True)
class VerificationStep:
    """One step: its number from 1, what it checks, how it ended, and the detail."""

    number: int
    title: str
    outcome: StepResult
    detail: str


@dataclass(frozen=True)
class Fact:
    """One fact: the key of its sentence in `catalogue`, the values in it, and its source.

    Times are RFC 3339, organisations ids. ``extra`` is what a document says besides. A fact that
    has one source everywhere gets it from `sources`.
    """

    key: str
    values: Mapping[str, Any] = field(default_factory=dict)
    extra: Mapping[str, Any] = field(default_factory=dict)
    given: Source | None = None

    @property
    def source(self) -> Source:
        """Tell who answers for it."""
        return SOURCES[self.key] if self.given is None else self.given

    def to_json(self) -> dict[str, Any]:
        """The fact as data."""
        told = {"fact": self.key, "source": str(self.source), **self.values}
        return {**told, **({"says": self.extra} if self.extra else {})}


@dataclass(frozen=True)
class Conclusion:
    """What follows from steps that all passed. ``shown`` are the verified elements of a case."""

    facts: Sequence[Fact]
    shown: Mapping[str, Any] = field(default_factory=dict)

    @property
    def code(self) -> Code:
        """The exit code, which follows from the facts alone."""
        return Code[weigh((one.key, one.source) for one in self.facts)]

    def under(self, heading: str) -> list[Fact]:
        """The facts under one of `HEADINGS`, in their order."""
        return [one for one in self.facts if one.source in HEADINGS[heading]]

    @property
    def proved(self) -> list[Fact]:
        """Return what parties signed, what others confirmed, and what the log contains."""
        return [one for name in ("signed", "confirmed", "recorded") for one in self.under(name)]


@dataclass(frozen=True)
class VerificationReport:
    """All steps, the conclusion, and the exit code.

    ``kind`` is ``receipt``, ``presentation``, ``bundle``, ``list``, ``status``, ``stream``,
    ``log``, or ``unknown`` for others. ``failure`` says why a step failed. ``proof`` are the files,
    by suffix and text, that prove a contradiction to others.
    """

    kind: str
    steps: tuple[VerificationStep, ...]
    code: Code
    conclusion: Conclusion | None = None
    failure: str = ""
    proof: tuple[tuple[str, str], ...] = ()

    @property
    def passed(self) -> bool:
        """Tell whether every step passed, whatever the conclusion leaves open."""
        return self.conclusion is not None

    @property
    def is_demonstration(self) -> bool:
        """Tell whether a date was simulated: a code that says something worse hides that."""
        facts = () if self.conclusion is None else self.conclusion.facts
        return any(one.key == "simulated" for one in facts)

    @property
    def headline(self) -> str:
        """The result in a sentence."""
        return self.headline_in(catalogue.ENGLISH)

    def headline_in(self, language: str) -> str:
        """The result in a sentence of that language; that it is a demonstration, in one more."""
        codes = [self.code]
        if self.code is not Code.SIMULATED and self.is_demonstration:
            codes.append(Code.SIMULATED)
        return " ".join(
            catalogue.headline(int(code), self.passed, self.failure, language) for code in codes
        )

    @property
    def sentence(self) -> str:
        """The result, then each fact in a sentence."""
        return " ".join([self.headline, *self.sentences()])

    def sentences(self, language: str = catalogue.ENGLISH) -> list[str]:
        """All facts in sentences, whatever their heading."""
        return [line for found in self.sections(language).values() for line in found]

    def sections(self, language: str) -> dict[str, list[str]]:
        """The facts in sentences, by heading, in order; none of a report that failed."""
        if self.conclusion is None:
            return {}
        under = self.conclusion.under
        return {name: lines for name in HEADINGS if (lines := describe(under(name), language))}

    def content(self, language: str) -> tuple[str, list[tuple[str, str]]]:
        """The heading of the verified content, and each value by its path."""
        shown = {} if self.conclusion is None else self.conclusion.shown
        heading = catalogue.heading("content", language).format(version=shown.get("version", 1))
        return heading, _values("", shown, "")

    def to_json(self) -> dict[str, Any]:
        """The report as data: result, facts, steps."""
        found: dict[str, Sequence[Fact]] = {}
        if self.conclusion is not None:
            rest = ("operator_word", "stated", "not_proved")
            found = {name: self.conclusion.under(name) for name in rest}
            found = {"proved": self.conclusion.proved, **found}
        return {
            "kind": self.kind,
            "code": int(self.code),
            "result": self.code.name.lower(),
            "demonstration": self.is_demonstration,
            "sentence": self.sentence,
            **{name: [one.to_json() for one in facts] for name, facts in found.items()},
            "steps": [
                {
                    "number": step.number,
                    "title": step.title,
                    "outcome": str(step.outcome),
                    "detail": step.detail,
                }
                for step in self.steps
            ],
        }


def describe(facts: Sequence[Fact], language: str) -> list[str]:
    """Return what the facts say, without what would move a terminal's cursor, no address a link.

    An act and whose signature it has are one text. What a party wrote freely follows as a line of
    its own.
    """
    lines: list[str] = []
    quoted: list[str] = []
    for one in facts:
        text = plain(catalogue.sentence(one.key, one.values, one.extra, language))
        if one.key in catalogue.CONTINUES and lines:
            lines[-1] += f" {text}"
        else:
            lines += [*quoted, text]
            quoted = []
        quoted += map(plain, catalogue.quotations(one.extra, language))
    return [*lines, *quoted]


def _values(path: str, value: Any, kind: str) -> list[tuple[str, str]]:
    """Each value inside ``value`` by its path, with no address that could be followed; ``kind`` is
    that of the item that it stands in."""
    match value:
        case dict():
            kind = str(value.get("kind", kind))
            inner = [(f"{path}.{name}" if path else name, one) for name, one in value.items()]
        case list():
            inner = [(f"{path}[{number}]", one) for number, one in enumerate(value, start=1)]
        case bool():
            return [(plain(path), str(value).lower())]
        case str() if path.endswith((".value", ".referrer", ".ip")):
            return [(plain(path), defang(plain(value), kind))]
        case _:
            return [(plain(path), defang_text(plain(str(value))))]
    return [found for name, one in inner for found in _values(name, one, kind)]


class VerificationFailed(ValueError):
    """A check failed on documents that are each valid by themselves."""

    def __init__(self, code: Code, detail: str, proof: Sequence[tuple[str, str]] = ()) -> None:
        """``code`` is the report's, ``detail`` one clause without a full stop."""
        super().__init__(detail)
        self.code = code
        self.proof = tuple(proof)


class Mismatch(VerificationFailed):
    """Documents that are each valid do not match each other."""

    def __init__(self, detail: str) -> None:
        """``detail`` is one clause without a full stop."""
        super().__init__(Code.MISMATCH, detail)


class Incomplete(VerificationFailed):
    """Something is not shown that may have been left out: it convicts nobody."""

    def __init__(self, detail: str) -> None:
        """``detail`` is one clause, with whom to ask."""
        super().__init__(Code.INCOMPLETE, detail)


_CODES: Sequence[tuple[type[ValueError], Code]] = (
    (sd_jwt.BadSignature, Code.BAD_SIGNATURE),
    (sd_jwt.UnknownKey, Code.KEY_MISSING),
    (receipt.UnknownLog, Code.KEY_MISSING),
    (receipt.NotInLog, Code.NOT_IN_LOG),
    (receipt.UnmatchedDetail, Code.MISMATCH),
    (sd_jwt.UnmatchedDisclosure, Code.MISMATCH),
)


def run_steps(
    kind: str, steps: Sequence[tuple[str, Callable[[], str]]], conclude: Callable[[], Conclusion]
) -> VerificationReport:
    """Run titled steps in order; each returns its detail or raises a ValueError.

    ``conclude`` gives the conclusion when all passed.
    """
    taken: list[VerificationStep] = []
    failure: ValueError | None = None
    for number, (title, check) in enumerate(steps, start=1):
        if failure is not None:
            taken.append(VerificationStep(number, title, StepResult.SKIPPED, ""))
            continue
        try:
            taken.append(VerificationStep(number, title, StepResult.OK, shorten(check())))
        except ValueError as error:
            failure = error
            taken.append(VerificationStep(number, title, StepResult.FAILED, shorten(str(error))))
    if failure is None:
        concluded = conclude()
        return VerificationReport(kind, tuple(taken), concluded.code, concluded)
    return failed(kind, taken, failure)


def failed(kind: str, taken: Sequence[VerificationStep], failure: ValueError) -> VerificationReport:
    """The report of a verification in which a step failed."""
    why = shorten(str(failure))
    if isinstance(failure, VerificationFailed):
        proof = failure.proof
        return VerificationReport(kind, tuple(taken), failure.code, failure=why, proof=proof)
    known = (code for each, code in _CODES if isinstance(failure, each))
    return VerificationReport(kind, tuple(taken), next(known, Code.UNKNOWN_FORMAT), failure=why)


@dataclass(frozen=True)
class InputFile:
    """One file, or one receipt of a page: its name, for the report, and its bytes."""

    name: str
    data: bytes


def shorten(text: str) -> str:
    """The text in one line, not longer than a detail may be."""
    one_line = plain(text)
    return one_line if len(one_line) <= _LONGEST_DETAIL else one_line[:_LONGEST_DETAIL] + "..."


def plain(text: str) -> str:
    """A text in which nothing moves the cursor of the reader's terminal."""
    return "".join(
        c if c.isprintable() or unicodedata.category(c) == "Zs" else "\N{REPLACEMENT CHARACTER}"
        for c in text
    )
