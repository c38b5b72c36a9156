"""Steps as rows: each has a title and a check, a function of values that returns a frozen value.

The rows of a kind of file are one tuple, so that what was skipped can be named. A verification
calls them in that order and hands their values on; nothing else is kept between two steps.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any, Concatenate, Generic, ParamSpec, TypeVar

from gateway.verification import report
from gateway.verification.report import Conclusion, StepResult, VerificationReport, VerificationStep

Needs = ParamSpec("Needs")
Found_co = TypeVar("Found_co", covariant=True)
One = TypeVar("One")


@dataclass(frozen=True)
class StepRow(Generic[Needs, Found_co]):
    """One row: its title, and a check that returns what it found and the same in a line, or raises
    a ValueError."""

    title: str
    check: Callable[Needs, tuple[Found_co, str]]


def step(title: str) -> Callable[[Callable[Needs, tuple[Found_co, str]]], StepRow[Needs, Found_co]]:
    """Make a row of a function."""
    return lambda check: StepRow(title, check)


class NotShown(str):
    """What a check found that is no failure, and does not show what its title says."""


class Stopped(Exception):
    """A step failed, by ``cause``: what the later ones would compare is not established."""

    def __init__(self, cause: ValueError) -> None:
        super().__init__(str(cause))
        self.cause = cause


class Checks:
    """The steps of one verification, as they are taken."""

    def __init__(self, rows: Sequence[StepRow[Any, Any]]) -> None:
        self._rows: Iterator[StepRow[Any, Any]] = iter(rows)
        self.taken: list[VerificationStep] = []

    def __call__(
        self, row: StepRow[Needs, Found_co], *args: Needs.args, **named: Needs.kwargs
    ) -> Found_co:
        """Take the next row; Stopped when it fails."""
        if row is not next(self._rows):
            raise AssertionError(f"{row.title!r} is out of its order")
        try:
            found, detail = row.check(*args, **named)
        except ValueError as error:
            self._note(row.title, StepResult.FAILED, str(error))
            for skipped in self._rows:
                self._note(skipped.title, StepResult.SKIPPED, "")
            raise Stopped(error) from None
        shown = StepResult.NOT_SHOWN if isinstance(detail, NotShown) else StepResult.OK
        self._note(row.title, shown, detail)
        return found

    def each(
        self,
        row: StepRow[Concatenate[One, Needs], Found_co],
        of: Iterable[One],
        *args: Needs.args,
        **named: Needs.kwargs,
    ) -> list[Found_co]:
        """Take the next row once for each, as for each log of a file."""
        first, *others = of
        found = [self(row, first, *args, **named)]
        return found + [self.beside(row, one, *args, **named) for one in others]

    def beside(
        self, row: StepRow[Needs, Found_co], *args: Needs.args, **named: Needs.kwargs
    ) -> Found_co:
        """Take a row that only some files need."""
        self._rows = chain((row,), self._rows)
        return self(row, *args, **named)

    def _note(self, title: str, outcome: StepResult, detail: str) -> None:
        number = len(self.taken) + 1
        self.taken.append(VerificationStep(number, title, outcome, report.shorten(detail)))


def run(
    kind: str, rows: Sequence[StepRow[Any, Any]], verification: Callable[[Checks], Conclusion]
) -> VerificationReport:
    """Run a verification; its report has every row, whether it came to it or not."""
    checks = Checks(rows)
    try:
        concluded = verification(checks)
    except Stopped as stopped:
        return report.failed(kind, checks.taken, stopped.cause)
    return VerificationReport(kind, tuple(checks.taken), concluded.code, concluded)
