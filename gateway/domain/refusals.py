"""Every expected "no": one class and one sentence each; transports translate them."""

import re
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any
from uuid import UUID


class Refusal(Exception):
    """An expected "no". ``detail`` is one sentence that tells the caller what to do; nothing in it
    may come from another organisation's data.

    ``recorded`` is an event that was recorded all the same; only its receipt is unavailable now.
    ``help`` are values that tell the caller what else it can do, by name.
    """

    recorded: UUID | None = None
    help: Mapping[str, Any] = MappingProxyType({})

    @property
    def detail(self) -> str:
        """The sentence."""
        return str(self)


def slug_of(kind: type[Exception]) -> str:
    """The name of a refusal, or of a client's error, by its class: as problem documents have it."""
    name = re.sub(r"(?<=[a-z])(?=[A-Z])", "-", kind.__name__).lower()
    return {"forbidden": "policy-denied", "wrong-state": "invalid-state"}.get(name, name)


class Correctable(Exception):
    """What an operator can correct on the gateway's host; the message says what to do."""


class NotFound(Refusal):
    """It does not exist, or is not visible to the caller."""


class Forbidden(Refusal):
    """A policy rule denies it, and the caller may know which."""

    def __init__(self, detail: str, rules: Sequence[str]) -> None:
        """``rules`` are the ids of the policies that denied it, as ``R3.membership``."""
        super().__init__(detail)
        self.rules = tuple(rules)


class WrongState(Refusal):
    """The action is not possible in the current state."""


class OutOfService(Refusal):
    """What is stored of a case, or a handoff, is not what its documents and the log say."""


class EditConflict(Refusal):
    """The data changed after the caller read it."""


class UnexpectedNumber(Refusal):
    """A peer gateway brings another event of a stream than the next one."""

    def __init__(self, expected: int) -> None:
        """``expected`` is the number of the next one."""
        super().__init__(f"the next event of this stream is number {expected}: send that")
        self.help = {"expected": expected}


class NotWitnessed(Refusal):
    """A receipt of a peer gateway ends in a checkpoint that this gateway did not cosign."""


class UnknownEvent(Refusal):
    """A peer gateway brings an event that moves a handoff, and this gateway cannot follow it."""


class AlreadyExists(Refusal):
    """An id or a reference that must be new is taken."""


class IdempotencyKeyReused(Refusal):
    """The idempotency key was used before with another request."""


class ValidationFailed(Refusal):
    """Some fields are invalid: all of them, by JSON pointer."""

    def __init__(self, errors: Sequence[tuple[str, str]]) -> None:
        """``errors`` are pairs of JSON pointer and sentence."""
        super().__init__("some fields are invalid")
        self.errors = tuple(errors)


class InvalidDocument(Refusal):
    """A document that a partner signed breaks a rule of its form, or is not theirs."""


class NoCompetentOrganisation(Refusal):
    """No organisation is competent for the matter and territory on the reference date."""


class SeveralCompetentOrganisations(Refusal):
    """Several organisations are competent: the offer names one of them."""


class NotAddressable(Refusal):
    """The organisation cannot be offered this case now: one answer, whatever the cause."""


class AlreadyOffered(Refusal):
    """This version was offered to this recipient before, and it has not turned it down."""


class NothingToOffer(Refusal):
    """Policy withholds everything that was selected."""


class ConditionsMismatch(Refusal):
    """The accepted conditions differ from the offered ones."""


class UnconfirmedMatch(Refusal):
    """A person must confirm an automated match first (R18)."""


class SecondPersonRequired(Refusal):
    """The step needs a different person than the previous one."""


class OpenHandoffs(Refusal):
    """The case still has open handoffs."""


class InvalidApproval(Refusal):
    """An approval is missing, forged, or from the same person as another one."""


class InvalidInvitation(Refusal):
    """No invitation has this name and token."""


class InvitationUnusable(Refusal):
    """The invitation was used, withdrawn, or has expired."""


class TooManyAttempts(Refusal):
    """The organisation exceeded the limit of certificates, or of attempts to get one."""


class TooManyDenials(Refusal):
    """The organisation exceeded the limit of recorded denials."""


class TooManyPreviews(Refusal):
    """The organisation exceeded the limit of previews."""


class Busy(Refusal):
    """Too many writers wait; a retry may succeed."""


class DatabaseUnavailable(Busy):
    """The database does not answer; nothing was done, or a retry returns the result."""


class DiskFull(DatabaseUnavailable):
    """A disk of the gateway's is full; nothing was done."""


class ClockBehind(Busy):
    """This host's clock is behind the newest event: time never runs backwards in the log."""


class ClockAhead(Busy):
    """This host's clock was moved ahead while the gateway ran: nothing but danger is written."""


class AuditLogUnavailable(Refusal):
    """The refusal could not be written to the log, so no answer may be given (fail closed)."""


class LogFrozen(Refusal):
    """The database does not continue the signed log: nothing is written or signed."""


class HighWaterMarkUnavailable(Refusal):
    """The high-water mark cannot be read or written now, so nothing is signed."""


class CaseErased(Refusal):
    """The case was erased: its key was destroyed, and nothing of its content is left."""


class CaseKeysUnavailable(Refusal):
    """Case keys are unavailable, so content is neither read nor written."""
