"""A succession: on a day a mandate moves from one organisation to another.

On that day the predecessor is not competent any more. It goes on reading the cases that it had
accepted until ``read_until``. Once both approved, each open handoff that was addressed to the
mandate is re-issued to the successor; one that was addressed to the predecessor itself ends
where it received that matter, and whoever had addressed it decides anew.
"""

from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import date, datetime
from enum import StrEnum
from uuid import UUID

from gateway.domain import read_only, refusals
from gateway.domain.handoff import OPEN, Handoff, HandoffState

_TAKEN_ON = frozenset({HandoffState.ACCEPTED, HandoffState.PARTIALLY_ACCEPTED})


class Disposition(StrEnum):
    """What a succession does to a handoff of the predecessor's.

    One that waits is moved once an organisation takes part again.
    """

    REISSUE = "reissue"
    NEW_OFFER_NEEDED = "new_offer_needed"
    WAIT = "wait"
    STAY = "stay"


@dataclass(frozen=True)
class SuccessionApproval:
    """An organisation's approval: the person of it who gave it, and the event that recorded it.

    ``signed`` is the document by which it did so, without the person; None where it signed none.
    """

    by: str
    event: UUID
    signed: str | None = None


@dataclass(frozen=True)
class Succession:
    """A planned move of one mandate.

    ``id`` is the audit event that planned it. ``competence`` is a key such as receive/csam/FR,
    ``mandate_event`` the event that registered it for the successor. ``permissions``: the legal act
    carries permissions over. ``former_end`` is the end that the predecessor's mandate had before
    the plan: ``day`` if it had already been ended for that day. ``applied`` is the event of its
    end, ``cancelled`` that of its cancellation. ``version`` counts the changes, for
    compare-and-set.
    """

    id: UUID
    predecessor: str
    successor: str
    competence: str
    day: date
    read_until: date
    legal_act: str
    permissions: bool
    mandate_event: UUID
    former_end: date | None = None
    by_predecessor: SuccessionApproval | None = None
    by_successor: SuccessionApproval | None = None
    applied: UUID | None = None
    cancelled: UUID | None = None
    version: int = 1

    def __post_init__(self) -> None:
        """Refuse a succession that could not be carried out."""
        if self.predecessor == self.successor:
            raise ValueError("a mandate moves to another organisation")
        if self.read_until < self.day:
            raise ValueError("read access cannot end before the mandate moves")

    @property
    def organisations(self) -> tuple[str, str]:
        """The predecessor and the successor."""
        return self.predecessor, self.successor

    @property
    def over(self) -> bool:
        """Tell whether it was carried out or cancelled, or its function left."""
        left = self.competence.partition("/")[0] in read_only.FUNCTIONS
        return left or self.applied is not None or self.cancelled is not None

    @property
    def approvals(self) -> tuple[tuple[str, SuccessionApproval | None], ...]:
        """Each organisation with its approval, the predecessor first."""
        return (self.predecessor, self.by_predecessor), (self.successor, self.by_successor)

    @property
    def missing(self) -> tuple[str, ...]:
        """The organisations that have not approved yet."""
        return tuple(organisation for organisation, approved in self.approvals if approved is None)

    def approve(self, organisation: str, approved: SuccessionApproval) -> "Succession":
        """Record an organisation's approval; WrongState if it cannot approve."""
        if self.cancelled is not None:
            raise refusals.WrongState("This succession was cancelled.")
        if organisation not in self.missing:
            raise refusals.WrongState("Your organisation has already approved this succession.")
        if organisation == self.predecessor:
            return replace(self, by_predecessor=approved, version=self.version + 1)
        return replace(self, by_successor=approved, version=self.version + 1)

    def end(self, event: UUID) -> "Succession":
        """The succession once nothing is left to move."""
        return replace(self, applied=event, version=self.version + 1)

    def cancel(self, event: UUID) -> "Succession":
        """Cancel the succession permanently; WrongState if it is finished."""
        if self.cancelled is not None:
            raise refusals.WrongState("This succession has already been cancelled.")
        if self.applied is not None:
            raise refusals.WrongState(f"this succession was carried out: {self.way_back}")
        return replace(self, cancelled=event, version=self.version + 1)

    @property
    def way_back(self) -> str:
        """How to undo it after it was carried out."""
        return f"plan that the mandate moves back, from {self.successor} to {self.predecessor}"

    def may_apply(self, day: date) -> bool:
        """Tell whether handoffs may move: the day has come, both approved, and it is not
        finished."""
        return not self.over and not self.missing and self.day <= day

    def lets_read(self, handoff: Handoff, *, was_taken_on: bool, day: date) -> bool:
        """Tell whether the predecessor may consult on ``day`` a handoff that it had accepted."""
        if self.cancelled is not None:
            return False
        held = handoff.state in _TAKEN_ON or (
            handoff.state is HandoffState.REISSUED and was_taken_on
        )
        own = handoff.recipient == self.predecessor
        same = handoff.address.competence == self.competence
        return own and same and held and self.day <= day < self.read_until

    def concerns(self, handoff: Handoff) -> bool:
        """Tell whether a handoff may have to move: it addressed the mandate or the predecessor."""
        own = handoff.recipient == self.predecessor and handoff.state in OPEN
        return own and handoff.address.competence in (None, self.competence)

    def way(self, handoff: Handoff, matters: Collection[str]) -> Disposition:
        """Return what happens to a handoff; ``matters`` are those of its case.

        An originator that addressed the organisation itself must choose again where that does not
        receive the matter any more; of another function its own handoffs stay.
        """
        if not self.concerns(handoff):
            return Disposition.STAY
        if handoff.address.competence == self.competence:
            return Disposition.REISSUE
        function, matter, _ = self.competence.split("/")
        if function == "receive" and matter in matters:
            return Disposition.NEW_OFFER_NEEDED
        return Disposition.STAY


UNPLANNED = UUID(int=0)
"""The id of a succession that is looked at before it is planned."""


def unplanned(
    predecessor: str, successor: str, competence: str, day: date, read_until: date
) -> Succession:
    """A succession that nobody planned yet; ValueError where it could not be carried out."""
    return Succession(
        UNPLANNED, predecessor, successor, competence, day, read_until, "", False, UNPLANNED
    )


@dataclass(frozen=True)
class ReissuedHandoff:
    """A handoff that a succession ended: when, by which event, and the handoff it became.

    ``became`` is None where the originator was asked anew. ``taken_on`` tells that the
    predecessor had accepted it before.
    """

    handoff: UUID
    succession: UUID
    became: UUID | None
    taken_on: bool
    event: UUID
    at: datetime
