"""How a system comes in: by an invitation, and by a run that shows that it can take part."""

import re
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID

from gateway.domain.refusals import InvitationUnusable, WrongState

INVITATION_LIFE = timedelta(hours=72)
"""How long an invitation may be used, and an interrupted enrolment be taken up again."""

TOKEN_BYTES = 32

WAITING = "casegate-invitation-waiting/1"
"""The format of the file of an invitation that waits for a second administrator."""

TOKEN = re.compile(r"[A-Za-z0-9_-]{43}", re.ASCII)
"""A token: 256 random bits in base64url. The gateway stores only its SHA-256."""


@dataclass(frozen=True)
class Invitation:
    """The right to a first certificate for one system, and to the first document key.

    ``id`` is the event that made it; ``token_sha256`` is base64url. Once used, ``key`` tells for
    which key (SHA-256 over its SubjectPublicKeyInfo, base64url) and ``request`` which certificate
    request came of it.
    """

    id: UUID
    organisation: str
    system: str
    token_sha256: str
    approved_by: tuple[str, ...]
    expires_at: datetime
    key: str | None = None
    request: UUID | None = None
    withdrawn_at: datetime | None = None

    def use(self, key: str, request: UUID, now: datetime) -> "Invitation":
        """The invitation once used for a key; InvitationUnusable when it cannot be used so.

        For the key that it was used for already it stays as it is: who was interrupted goes on.
        """
        if self.withdrawn_at is not None:
            raise InvitationUnusable("the invitation was withdrawn: ask the administrators")
        if now >= self.expires_at:
            raise InvitationUnusable("the invitation has expired: ask for a new one")
        if self.key is None:
            return replace(self, key=key, request=request)
        if self.key != key:
            raise InvitationUnusable(
                "the invitation was used before, for another key: if it was you in another folder, "
                "use that one; if it was not, tell the administrators at once"
            )
        return self

    def withdraw(self, now: datetime, *, served: bool) -> "Invitation":
        """The invitation once withdrawn; InvitationUnusable when there is nothing to withdraw.

        ``served`` tells whether a certificate came of it already.
        """
        if self.withdrawn_at is not None:
            raise InvitationUnusable("the invitation was withdrawn before")
        if served:
            raise InvitationUnusable(
                "the invitation was used: revoke the certificate that came of it"
            )
        return replace(self, withdrawn_at=now)


# --- The conformance run: the four steps by which a system shows that it can take part ---
#
# What it works on is sandbox data of the run's own; nothing of it is a case or a handoff.


RUN_LIFE = timedelta(hours=24)
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
