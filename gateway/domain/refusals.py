"""Every expected "no": one class and one sentence each; transports translate, none decides."""

from collections.abc import Sequence
from uuid import UUID


class Refusal(Exception):
    """An expected "no". ``detail`` is one sentence that tells the caller what to do.

    ``recorded`` is an event that stands all the same: its receipt alone cannot be had now.
    """

    recorded: UUID | None = None

    def __init__(self, detail: str = "") -> None:
        """Keep the sentence; nothing in it may come from another organisation's data."""
        super().__init__(detail)
        self.detail = detail


class NotFound(Refusal):
    """There is no such thing, or the caller may not know that there is."""


class Forbidden(Refusal):
    """The policy says no, and its rules may be named to the caller."""

    def __init__(self, detail: str, rules: Sequence[str]) -> None:
        """``rules`` are the ids of the policies that refused, as ``R3.seat``."""
        super().__init__(detail)
        self.rules = tuple(rules)


class WrongState(Refusal):
    """The move does not exist from the present state."""


class Stale(Refusal):
    """What the request was built on has changed: read again and retry."""


class AlreadyExists(Refusal):
    """An id or a reference that must be new is taken."""


class KeyReused(Refusal):
    """The retry key was used before with another request."""


class Invalid(Refusal):
    """The content breaks rules that the caller can mend: all of them, by JSON pointer."""

    def __init__(self, errors: Sequence[tuple[str, str]]) -> None:
        """``errors`` are pairs of JSON pointer and sentence."""
        super().__init__("the content does not follow the rules of its fields")
        self.errors = tuple(errors)


class DocumentRefused(Refusal):
    """A document that a partner signed breaks a rule of its form, or is not theirs."""


class NoCompetence(Refusal):
    """No office is competent for the matter and territory on the legal date."""


class SeveralCompetences(Refusal):
    """More than one office is competent: the registry must be mended first."""


class NothingToOffer(Refusal):
    """Policy leaves nothing of what was asked to be offered."""


class ConditionsDiffer(Refusal):
    """The conditions accepted are not the conditions offered."""


class Unconfirmed(Refusal):
    """A machine's match is not a finding: a person has to confirm it first (R18)."""


class SamePerson(Refusal):
    """The step needs another person than the one who did the step before."""


class OpenHandoffs(Refusal):
    """The case still has open handoffs."""


class ApprovalRefused(Refusal):
    """An approval is missing, forged, or from the same person as another one."""


class NotInvited(Refusal):
    """No invitation has this name and token."""


class InvitationRefused(Refusal):
    """The invitation was used, withdrawn, or has expired."""


class TooManyAttempts(Refusal):
    """The organisation used up its budget of certificates, or of attempts to get one."""


class TooManyDenials(Refusal):
    """The organisation used up its budget of refusals: slow down."""


class TooManyPreviews(Refusal):
    """The organisation used up its budget of previews: slow down."""


class Busy(Refusal):
    """Too many writers wait: retry after a moment."""


class DatabaseUnreachable(Busy):
    """The database does not answer: nothing was done, as far as anybody can tell."""


class Unrecorded(Refusal):
    """The refusal could not be written to the log, so no answer may be given (fail closed)."""


class Frozen(Refusal):
    """The database is not the one whose log was signed last: nothing is written or signed."""


class MarkUnreachable(Refusal):
    """How far the log was signed cannot be looked up or recorded now, so nothing is signed."""


class Erased(Refusal):
    """The case was erased: its key was destroyed, and nothing of its content is left."""


class KeysUnavailable(Refusal):
    """The keys of cases cannot be had now, so their content is neither read nor written."""
