"""A handoff: one case version offered to one recipient, and all that follows.

Which answers lead from which state to which says the table in gateway/domain/answers.py.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID


class HandoffState(StrEnum):
    """Where a handoff is."""

    OFFERED = "offered"
    ACCEPTED = "accepted"
    PARTIALLY_ACCEPTED = "partially_accepted"
    DECLINED = "declined"
    REDIRECTED = "redirected"
    WITHDRAWN = "withdrawn"
    CLOSED = "closed"
    REISSUED = "reissued"
    LAPSED = "lapsed"  # its case was erased: no answer leads here


class HandoffAction(StrEnum):
    """What a party may do to a handoff."""

    ACCEPT = "accept"
    ACCEPT_PARTLY = "accept_partly"
    DECLINE = "decline"
    REDIRECT = "redirect"
    OUTCOME = "outcome"
    CLOSE = "close"
    WITHDRAW = "withdraw"
    REISSUE = "reissue"
    LAPSE = "lapse"


OPEN = frozenset({HandoffState.OFFERED, HandoffState.ACCEPTED, HandoffState.PARTIALLY_ACCEPTED})
READABLE = frozenset({HandoffState.ACCEPTED, HandoffState.PARTIALLY_ACCEPTED, HandoffState.CLOSED})
"""The states in which a recipient may open the content, by a consultation. One that succeeded is
readable, too, while a succession lets its former recipient read on."""

HOLDING = OPEN | {HandoffState.CLOSED, HandoffState.REISSUED}
"""The states in which a recipient has the case, or may take it: it hears of what binds it."""

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
        "refused", "no_reply", "more_needed", "assessment_not_confirmed",
    }
)  # fmt: skip
POLICE_ONLY_OUTCOMES = frozenset({"child_safeguarded", "victim_identified", "suspect_identified"})
SHOWN_TO_ALL = frozenset({"received", "duplicate", "more_needed", "assessment_not_confirmed"})
"""What every reader reads of an outcome of the police; the rest is in gateway/domain/outcome.py."""

RELEASABLE = ("closed_with_result", "closed_without_result", "in_progress")
"""What the police may release in place of a code that stays with the police."""

ON_REQUISITION = ("preservation", "source_log", "victim_contact")
"""What more is needed that nobody gives by mere request: the question says on which requisition."""


@dataclass(frozen=True)
class OfferAddress:
    """To whom an offer speaks: an organisation, or a competence and who held it.

    ``competence`` is a key such as ``receive/csam/FR``; ``mandate_event`` the audit event that
    registered the competence, so that an auditor can ask who said so.
    """

    organisation: str
    competence: str | None = None
    mandate_event: UUID | None = None


@dataclass(frozen=True)
class Handoff:
    """One offer to one recipient. ``permitted_disclosures`` (disclosure digests) never changes.

    ``accepted_groups`` is None unless the acceptance named groups. ``sequence`` counts the
    answers, for compare-and-set.
    """

    id: UUID
    originator: str
    case: UUID
    case_version: int
    case_digest: str
    address: OfferAddress
    purpose: tuple[str, ...]
    permitted_disclosures: frozenset[str]
    package_digest: str
    offer_digest: str
    conditions_digest: str
    offered_at: datetime
    due_at: datetime
    expires_at: datetime | None
    state: HandoffState = HandoffState.OFFERED
    accepted_groups: frozenset[str] | None = None
    sequence: int = 1

    @property
    def recipient(self) -> str:
        """The organisation that answers."""
        return self.address.organisation


@dataclass(frozen=True)
class HandoffAnswer:
    """One signed document about a handoff: what was done, the state after it, the document.

    ``document`` is the compact SD-JWT of the answer (of the offer itself for sequence 1);
    ``event`` the audit event that recorded it.
    """

    handoff: UUID
    sequence: int
    move: HandoffAction | None
    state: HandoffState
    author: str
    at: datetime
    document: str
    event: UUID


def was_accepted(answers: Iterable[HandoffAnswer]) -> bool:
    """Whether a handoff with these answers was ever accepted, wholly or partly."""
    return any(
        answer.move in (HandoffAction.ACCEPT, HandoffAction.ACCEPT_PARTLY) for answer in answers
    )


def answer_due_at(urgency: str, at: datetime) -> datetime:
    """When the recipient's answer is due."""
    return at + DUE[urgency]
