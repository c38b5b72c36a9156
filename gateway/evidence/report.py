"""Verification reports: numbered steps until one fails, then a conclusion and an exit code.

The first step that fails decides the code. The later ones are skipped: what they would compare is
not established.
"""

import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import IntEnum, StrEnum

from gateway.evidence import receipt, sd_jwt

_LONGEST_DETAIL = 1000


class Code(IntEnum):
    """How a verification ended, as exit code of a command."""

    VERIFIED = 0
    UNKNOWN_FORMAT = 10
    BAD_SIGNATURE = 11
    NOT_IN_LOG = 12
    MISMATCH = 13
    KEY_MISSING = 14
    INCOMPLETE = 15
    CONTRADICTION = 16


class StepResult(StrEnum):
    """How a step ended."""

    OK = "ok"
    FAILED = "failed"
    SKIPPED = "skipped"


@dataclass(frozen=True)
class VerificationStep:
    """One step: its number from 1, what it checks, how it ended, and the detail."""

    number: int
    title: str
    outcome: StepResult
    detail: str


@dataclass(frozen=True)
class VerificationReport:
    """All steps, the conclusion, and the exit code.

    ``kind`` is ``receipt``, ``presentation``, ``bundle``, ``status``, ``stream``, ``log``, or
    ``unknown`` for others.
    """

    kind: str
    steps: tuple[VerificationStep, ...]
    sentence: str
    code: int


class VerificationFailed(ValueError):
    """A check failed on documents that are each valid by themselves."""

    def __init__(self, code: Code, detail: str) -> None:
        """``code`` is the report's, ``detail`` one clause without a full stop."""
        super().__init__(detail)
        self.code = code


_CODES: Sequence[tuple[type[ValueError], Code]] = (
    (sd_jwt.BadSignature, Code.BAD_SIGNATURE),
    (sd_jwt.UnknownKey, Code.KEY_MISSING),
    (receipt.UnknownLog, Code.KEY_MISSING),
    (receipt.NotInLog, Code.NOT_IN_LOG),
    (receipt.UnmatchedDetail, Code.MISMATCH),
    (sd_jwt.UnmatchedDisclosure, Code.MISMATCH),
)

_OPENINGS = {
    Code.UNKNOWN_FORMAT: "NOT VERIFIED: the format of the file is unknown",
    Code.BAD_SIGNATURE: "NOT VERIFIED: a signature is not valid",
    Code.NOT_IN_LOG: "NOT VERIFIED: there is no valid proof of inclusion in the log",
    Code.MISMATCH: "NOT VERIFIED: documents in the file do not match each other",
    Code.KEY_MISSING: "CANNOT DECIDE: you have not provided a required key",
    Code.INCOMPLETE: "INCOMPLETE: evidence is missing",
    Code.CONTRADICTION: "CONTRADICTION: the gateway signed two incompatible documents. Keep them",
}


def run_steps(
    kind: str, steps: Sequence[tuple[str, Callable[[], str]]], conclude: Callable[[], str]
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
            taken.append(VerificationStep(number, title, StepResult.OK, _short(check())))
        except ValueError as error:
            failure = error
            taken.append(VerificationStep(number, title, StepResult.FAILED, _short(str(error))))
    if failure is None:
        return VerificationReport(kind, tuple(taken), _plain(conclude()), Code.VERIFIED)
    code = _code(failure)
    return VerificationReport(
        kind, tuple(taken), f"{_OPENINGS[code]} ({_short(str(failure))}).", code
    )


def pluralise(number: int, noun: str) -> str:
    """A number and its noun, in the plural unless it is 1."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _code(error: ValueError) -> Code:
    if isinstance(error, VerificationFailed):
        return error.code
    return next((code for kind, code in _CODES if isinstance(error, kind)), Code.UNKNOWN_FORMAT)


def _short(text: str) -> str:
    plain = _plain(text)
    return plain if len(plain) <= _LONGEST_DETAIL else plain[:_LONGEST_DETAIL] + "..."


def _plain(text: str) -> str:
    # A document's author must not move the cursor of the reader's terminal.
    return "".join(
        c if c.isprintable() or unicodedata.category(c) == "Zs" else "\N{REPLACEMENT CHARACTER}"
        for c in text
    )
