"""The conformance run: the four steps by which a system shows that it can take part.

What it works on is sandbox data of the run's own; nothing of it is a case or a handoff.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID

from gateway.domain.refusals import WrongState

LIFE = timedelta(hours=24)
"""How long a run may take."""


class ConformanceCheck(StrEnum):
    """What a system must show, in any order."""

    SEND = "send"
    RECEIVE = "receive"
    VERIFY = "verify"
    DECLINE = "decline"


class CompletedAction(StrEnum):
    """What a system has done in a run; a step is passed by the last of its marks."""

    SENT = "sent"
    ACCEPTED = "accepted"
    CONSULTED = "consulted"
    READ = "read"
    VERIFIED = "verified"
    DECLINED = "declined"


PASSED_BY = {
    ConformanceCheck.SEND: CompletedAction.SENT,
    ConformanceCheck.RECEIVE: CompletedAction.READ,
    ConformanceCheck.VERIFY: CompletedAction.VERIFIED,
    ConformanceCheck.DECLINE: CompletedAction.DECLINED,
}

_AFTER = {
    CompletedAction.CONSULTED: (
        CompletedAction.ACCEPTED,
        "accept the test offer first: content opens after that",
    ),
    CompletedAction.READ: (CompletedAction.CONSULTED, "open the content of the test offer first"),
}


@dataclass(frozen=True)
class ConformanceRun:
    """One run of one system. ``sandbox`` is what it works on, as text that only actions read.

    ``id`` is the event that started it; ``revision`` counts the changes, for compare-and-set.
    """

    id: UUID
    organisation: str
    system: str
    expires_at: datetime
    sandbox: str
    marks: frozenset[str] = frozenset()
    passed_at: datetime | None = None
    revision: int = 1

    @property
    def steps(self) -> dict[ConformanceCheck, bool]:
        """Each step, and whether it is passed."""
        return {step: mark in self.marks for step, mark in PASSED_BY.items()}

    def state(self, now: datetime) -> str:
        """``passed``, ``ended`` without having been passed, or ``open``."""
        if self.passed_at is not None:
            return "passed"
        return "ended" if now >= self.expires_at else "open"

    def done(self, mark: CompletedAction, now: datetime) -> "ConformanceRun":
        """The run once something is done; passed with the last step.

        WrongState when the run is over, or when something else comes first.
        """
        if self.state(now) != "open":
            raise WrongState(f"the run is {self.state(now)}: start a new one")
        before, sentence = _AFTER.get(mark, (mark, ""))
        if sentence and before not in self.marks:
            raise WrongState(sentence)
        after = replace(self, marks=self.marks | {mark}, revision=self.revision + 1)
        return replace(after, passed_at=now) if all(after.steps.values()) else after

    def with_sandbox(self, sandbox: str) -> "ConformanceRun":
        """The run with other data to work on."""
        return replace(self, sandbox=sandbox, revision=self.revision + 1)
