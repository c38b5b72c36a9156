"""The life of a participant: how its status becomes another one, as data.

::

    applied --> approved --> enrolled --> active <--> suspended
       |           |             |           |            |
       v           +-------------+-----------+------------+--> left
    rejected

``rejected`` and ``left`` are final: an id is never used again, and what happened stays
readable.
"""

from collections.abc import Mapping
from dataclasses import replace
from datetime import date
from enum import StrEnum
from typing import TypeVar
from uuid import UUID

from gateway.domain.mandate import Mandate, Period
from gateway.domain.organisation import Membership, Organisation, Status, StatusEntry
from gateway.domain.refusals import WrongState

H = TypeVar("H", Membership, Mandate)


class StatusChange(StrEnum):
    """What can happen to an organisation that applied."""

    APPROVE = "approve"
    REJECT = "reject"
    ENROL = "enrol"
    ACTIVATE = "activate"
    SUSPEND = "suspend"
    REINSTATE = "reinstate"
    LEAVE = "leave"


MOVES: Mapping[StatusChange, tuple[frozenset[Status], Status]] = {
    StatusChange.APPROVE: (frozenset({Status.APPLIED}), Status.APPROVED),
    StatusChange.REJECT: (frozenset({Status.APPLIED}), Status.REJECTED),
    StatusChange.ENROL: (frozenset({Status.APPROVED}), Status.ENROLLED),
    StatusChange.ACTIVATE: (frozenset({Status.ENROLLED}), Status.ACTIVE),
    StatusChange.SUSPEND: (frozenset({Status.ACTIVE}), Status.SUSPENDED),
    StatusChange.REINSTATE: (frozenset({Status.SUSPENDED}), Status.ACTIVE),
    StatusChange.LEAVE: (
        frozenset({Status.APPROVED, Status.ENROLLED, Status.ACTIVE, Status.SUSPENDED}),
        Status.LEFT,
    ),
}
"""From which statuses each move leads, and to which."""

FINAL = frozenset({Status.REJECTED, Status.LEFT})
"""No move leads on from here."""

UNSEEN = frozenset({Status.APPLIED, Status.REJECTED})
"""Who asked to take part, and never did: no business of the members."""


def new_organisation(organisation: Organisation, day: date, event: UUID) -> Organisation:
    """A new organisation, whose history begins with the status that it has."""
    return replace(organisation, history=(StatusEntry(organisation.status, day, event),))


def move_status(
    organisation: Organisation, step: StatusChange, day: date, event: UUID
) -> Organisation:
    """The organisation after a move on a civil day, recorded by ``event``; WrongState."""
    before, after = MOVES[step]
    if organisation.status not in before:
        wanted = " or ".join(sorted(before))
        raise WrongState(f"the organisation is {organisation.status}, not {wanted}")
    passed = StatusEntry(after, day, event)
    return replace(organisation, status=after, history=(*organisation.history, passed))


def leave_on(organisation: Organisation, day: date, event: UUID) -> Organisation:
    """The organisation once it left: what it holds ends that day, what would begin never does."""
    left = move_status(organisation, StatusChange.LEAVE, day, event)
    return replace(
        left,
        memberships=ended_by(organisation.memberships, day),
        mandates=ended_by(organisation.mandates, day),
    )


def ended_by(held: tuple[H, ...], day: date) -> tuple[H, ...]:
    """Those that began before ``day``, each ended by then: a period holds one day at least."""
    return tuple(
        one
        if one.period.end is not None and one.period.end <= day
        else replace(one, period=Period(one.period.start, day))
        for one in held
        if one.period.start < day
    )
