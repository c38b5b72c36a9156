"""A handoff: one case version offered to one recipient, and what became of it.

Moves; R by the recipient, O by the originator. Final states stand in capitals::

    offered --accept(R)--> accepted --------+--refuse(R)----> REFUSED
       |  \\--accept_partly(R)--> partly_  --+--redirect(R)--> REDIRECTED
       |                         accepted   +--close(R)-----> CLOSED
       |                                    +--withdraw(O)--> WITHDRAWN
       |                                    +--succeed(R)---> SUCCEEDED
       |                                    +--lapse(R)-----> WITHDRAWN
       +--refuse, redirect, withdraw, succeed, lapse likewise

Outcomes are appended while a handoff is accepted or partly_accepted; they do not move it. The last
two are made by the gateway when the recipient's mandate moves to another office, on the approval
that the recipient gave (gateway/domain/succession.py): what was offered to the mandate succeeds,
what was offered to the office itself lapses.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID

from gateway.domain.refusals import WrongState


class State(StrEnum):
    """Where a handoff is."""

    OFFERED = "offered"
    ACCEPTED = "accepted"
    PARTLY_ACCEPTED = "partly_accepted"
    REFUSED = "refused"
    REDIRECTED = "redirected"
    WITHDRAWN = "withdrawn"
    CLOSED = "closed"
    SUCCEEDED = "succeeded"


class Move(StrEnum):
    """What a party may do to a handoff."""

    ACCEPT = "accept"
    ACCEPT_PARTLY = "accept_partly"
    REFUSE = "refuse"
    REDIRECT = "redirect"
    OUTCOME = "outcome"
    CLOSE = "close"
    WITHDRAW = "withdraw"
    SUCCEED = "succeed"
    LAPSE = "lapse"


MOVES: Mapping[tuple[State, Move], State] = {
    (State.OFFERED, Move.ACCEPT): State.ACCEPTED,
    (State.OFFERED, Move.ACCEPT_PARTLY): State.PARTLY_ACCEPTED,
    (State.OFFERED, Move.REFUSE): State.REFUSED,
    (State.OFFERED, Move.REDIRECT): State.REDIRECTED,
    (State.OFFERED, Move.WITHDRAW): State.WITHDRAWN,
    (State.ACCEPTED, Move.OUTCOME): State.ACCEPTED,
    (State.ACCEPTED, Move.REFUSE): State.REFUSED,
    (State.ACCEPTED, Move.REDIRECT): State.REDIRECTED,
    (State.ACCEPTED, Move.CLOSE): State.CLOSED,
    (State.ACCEPTED, Move.WITHDRAW): State.WITHDRAWN,
    (State.PARTLY_ACCEPTED, Move.OUTCOME): State.PARTLY_ACCEPTED,
    (State.PARTLY_ACCEPTED, Move.REFUSE): State.REFUSED,
    (State.PARTLY_ACCEPTED, Move.REDIRECT): State.REDIRECTED,
    (State.PARTLY_ACCEPTED, Move.CLOSE): State.CLOSED,
    (State.PARTLY_ACCEPTED, Move.WITHDRAW): State.WITHDRAWN,
    (State.OFFERED, Move.SUCCEED): State.SUCCEEDED,
    (State.ACCEPTED, Move.SUCCEED): State.SUCCEEDED,
    (State.PARTLY_ACCEPTED, Move.SUCCEED): State.SUCCEEDED,
    (State.OFFERED, Move.LAPSE): State.WITHDRAWN,
    (State.ACCEPTED, Move.LAPSE): State.WITHDRAWN,
    (State.PARTLY_ACCEPTED, Move.LAPSE): State.WITHDRAWN,
}

ORIGINATORS_MOVES = frozenset({Move.WITHDRAW})
OPEN = frozenset({State.OFFERED, State.ACCEPTED, State.PARTLY_ACCEPTED})
READABLE = frozenset({State.ACCEPTED, State.PARTLY_ACCEPTED, State.CLOSED})
"""The states in which a recipient may open the content, by a consultation. One that succeeded is
readable, too, while a succession lets its former recipient read on."""

DUE: Mapping[str, timedelta] = {
    "imminent_danger": timedelta(0),
    "urgent_direct": timedelta(hours=8),
    "urgent_indirect": timedelta(days=3),
    "normal": timedelta(days=7),
}
"""Time to answer by urgency: the terms of Directive (EU) 2023/977 Art. 5."""

OUTCOMES = frozenset(
    {
        "received", "duplicate", "no_further_action", "preserved", "case_opened", "passed_on",
        "child_safeguarded", "victim_identified", "suspect_identified",
        "reported_to_lea", "reported_to_isp", "removed", "unavailable", "moved", "not_illegal",
        "content_removed", "access_disabled", "account_suspended", "account_terminated",
        "refused", "no_reply",
    }
)  # fmt: skip
POLICE_ONLY_OUTCOMES = frozenset({"child_safeguarded", "victim_identified", "suspect_identified"})
SHOWN_TO_ALL = frozenset({"received"})


@dataclass(frozen=True)
class Address:
    """To whom an offer speaks: an organisation, or a competence and who held it.

    ``competence`` is a key such as ``receive/csam/FR``; ``resolved_by`` the audit event that
    registered the competence, so that an auditor can ask who said so.
    """

    organisation: str
    competence: str | None = None
    resolved_by: UUID | None = None


@dataclass(frozen=True)
class Handoff:
    """One offer to one recipient. ``permitted`` (disclosure digests) is frozen for ever.

    ``accepted_groups`` is None unless the acceptance named groups. ``sequence`` counts the
    answers, for compare-and-set.
    """

    id: UUID
    originator: str
    case: UUID
    case_version: int
    case_digest: str
    address: Address
    purpose: tuple[str, ...]
    permitted: frozenset[str]
    package: str
    offer_digest: str
    conditions_digest: str
    offered_at: datetime
    due_at: datetime
    until: datetime | None
    state: State = State.OFFERED
    accepted_groups: frozenset[str] | None = None
    sequence: int = 1

    @property
    def recipient(self) -> str:
        """The organisation that answers."""
        return self.address.organisation

    def mover(self, step: Move) -> str:
        """The party whose move ``step`` is."""
        return self.originator if step in ORIGINATORS_MOVES else self.recipient


@dataclass(frozen=True)
class Answer:
    """One signed statement about a handoff: what was done, the state after it, the document.

    ``statement`` is the compact SD-JWT of the answer (of the offer itself for sequence 1);
    ``event`` the audit event that recorded it.
    """

    handoff: UUID
    sequence: int
    move: Move | None
    state: State
    author: str
    at: datetime
    statement: str
    event: UUID


def move(handoff: Handoff, step: Move, by: str, *, groups: frozenset[str] | None = None) -> Handoff:
    """The handoff after the organisation ``by`` made ``step``.

    ``groups`` are those that a partial acceptance takes on: it names at least one, and no other
    step names any (ValueError). Raises WrongState when the table does not know the move, or when
    it is the other party's.
    """
    target = MOVES.get((handoff.state, step))
    if target is None:
        raise WrongState(f"a handoff that is {handoff.state} cannot be moved by '{step}'")
    if by != handoff.mover(step):
        raise WrongState(f"'{step}' is for the other party of the handoff")
    if bool(groups) is not (step is Move.ACCEPT_PARTLY):
        raise ValueError("a partial acceptance, and nothing else, names the groups it takes on")
    return replace(
        handoff,
        state=target,
        sequence=handoff.sequence + 1,
        accepted_groups=groups or handoff.accepted_groups,
    )


def was_taken_on(answers: Iterable[Answer]) -> bool:
    """Whether a handoff with these answers was ever accepted, wholly or partly."""
    return any(answer.move in (Move.ACCEPT, Move.ACCEPT_PARTLY) for answer in answers)


def due(urgency: str, at: datetime) -> datetime:
    """When the recipient's answer is due."""
    return at + DUE[urgency]


def visible_code(code: str, *, reader_is_police: bool, author_is_police: bool) -> str:
    """What a reader outside a police outcome's visibility sees of it: received, or closed (R5)."""
    if reader_is_police or not author_is_police or code in SHOWN_TO_ALL:
        return code
    return "closed" if code in POLICE_ONLY_OUTCOMES | {"no_further_action"} else "received"
