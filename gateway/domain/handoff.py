"""A handoff: a chain of packages offered to one recipient, and all that follows; and its recall.

The first offer makes package 1, each update of its originator the next one, of a newer version.
Which answers lead from which state to which says the table in gateway/domain/answers.py.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from typing import Any, NamedTuple
from uuid import UUID

from gateway.domain.vocabulary import Urgency


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
    RETURNED = "returned"  # the other gateway refused the offer, or left: no answer leads here


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
    DELAY = "delay"
    UPDATE = "update"
    ACKNOWLEDGE = "acknowledge"
    APPLY = "apply"
    DISPUTE = "dispute"
    PROPOSE_CORRECTION = "propose_correction"
    ONWARD_BY_LAW = "onward_by_law"
    GO_AHEAD = "go_ahead"
    CALL = "call"
    NOTIFY_CORRECTION = "notify_correction"
    OMIT_UPDATE = "omit_update"
    ANSWER_PROPOSAL = "answer_proposal"
    RETAIN = "retain"
    RECALL = "recall"
    ACKNOWLEDGE_RECALL = "acknowledge_recall"
    ANSWER_RECALL = "answer_recall"


class RecallAnswer(StrEnum):
    """A holder's final answer to a recall."""

    COPIES_ERASED = "copies_erased"
    PROCESSING_RESTRICTED = "processing_restricted"  # kept as evidence, LED Art. 16(3)(b)
    IN_PROCEEDINGS = "in_proceedings"
    DECLINED = "declined"
    KEPT_BY_LAW = "kept_by_law"  # which of the three is not told: no party answers so


OF_RECALL = frozenset(
    {HandoffAction.RECALL, HandoffAction.ACKNOWLEDGE_RECALL, HandoffAction.ANSWER_RECALL}
)
"""What is done and answered also after the case was erased: copies of holders live on."""

OPEN = frozenset({HandoffState.OFFERED, HandoffState.ACCEPTED, HandoffState.PARTIALLY_ACCEPTED})
TAKEN_UP = OPEN | {HandoffState.CLOSED}
"""The states in which a recipient is asked to take what was offered, or took it."""

RETURNED = {
    HandoffState.OFFERED: HandoffState.RETURNED,
    HandoffState.ACCEPTED: HandoffState.CLOSED,
    HandoffState.PARTIALLY_ACCEPTED: HandoffState.CLOSED,
}
"""The state of an open handoff once the other gateway refused its offer, or left: who accepted
holds the case as before."""
READABLE = frozenset({HandoffState.ACCEPTED, HandoffState.PARTIALLY_ACCEPTED, HandoffState.CLOSED})
"""The states in which a recipient may open the content, by a consultation. One that succeeded is
readable, too, while a succession lets its former recipient read on."""

OUTCOMES = frozenset(
    {
        "received", "duplicate", "no_further_action", "preserved", "case_opened", "passed_on",
        "child_safeguarded", "victim_identified", "suspect_identified", "removal_ordered",
        "reported_to_lea", "reported_to_isp", "removed", "unavailable", "moved", "not_illegal",
        "content_removed", "access_disabled", "account_suspended", "account_terminated",
        "refused", "no_reply", "more_needed", "assessment_not_confirmed",
    }
)  # fmt: skip
REMOVALS = frozenset(
    {
        "removal_ordered", "removed", "unavailable", "moved", "content_removed",
        "access_disabled", "account_suspended", "account_terminated",
    }
)  # fmt: skip
"""Outcomes after which content is not where it was, or will not be: who set an embargo hears."""

WITHOUT_GROUND = frozenset({"not_illegal", "no_further_action", "closed_without_result"})
"""Outcomes, as their originator reads them, after which its case may have to end sooner."""

DELAY_CODES = frozenset({"information_awaited", "workload", "technical", "other"})
POLICE_ONLY_OUTCOMES = frozenset({"child_safeguarded", "victim_identified", "suspect_identified"})
SHOWN_TO_ALL = frozenset({"received", "duplicate", "more_needed", "assessment_not_confirmed"})
"""What every reader reads of an outcome of the police; the rest is in gateway/domain/outcome.py."""

RELEASABLE = ("closed_with_result", "closed_without_result", "in_progress")
"""What the police may release in place of a code that stays with the police."""

ON_REQUISITION = ("preservation", "source_log", "victim_contact")
"""What more is needed that nobody gives by mere request: the question says on which requisition."""


@dataclass(frozen=True)
class Addressee:
    """To whom an offer is made, and by which event it holds the competence.

    ``competence`` is a key such as receive/csam/FR; None where the organisation itself is named.
    """

    organisation: str
    competence: str | None = None
    mandate_event: UUID | None = None


NEVER = datetime(9999, 1, 1, tzinfo=UTC)
"""Where handoffs are put in order, the due time of one whose recipient owes nothing."""

_EPOCH, _MICROSECOND = datetime(1970, 1, 1, tzinfo=UTC), timedelta(microseconds=1)


class HandoffPlace(NamedTuple):
    """Where a handoff stands in a list: by urgency, then due time, then id."""

    rank: int
    due_at: datetime
    id: UUID

    def __str__(self) -> str:
        """The place as a cursor that `read` takes."""
        return f"{self.rank}_{(self.due_at - _EPOCH) // _MICROSECOND}_{self.id}"

    @classmethod
    def read(cls, cursor: str) -> "HandoffPlace":
        """The place that a cursor names; ValueError for anything else."""
        rank, due, id_ = cursor.split("_")
        try:
            place = cls(int(rank), _EPOCH + int(due) * _MICROSECOND, UUID(id_))
        except OverflowError:
            raise ValueError("no time of the calendar") from None
        if str(place) != cursor or not -1 <= place.rank < 10:
            raise ValueError("spelled in another way, or of no rank")
        return place


FIRST_PLACE = HandoffPlace(-1, _EPOCH, UUID(int=0))
"""Before every handoff."""


@dataclass(frozen=True)
class Handoff:
    """What is offered to one recipient: its newest package, and where it is.

    ``case_version`` to ``expires_at`` are those of the newest package, which is number ``package``;
    ``offered_at`` is that of the first. ``conditions_digest`` names the conditions
    of use as they were offered, ``transfer_tool`` what lets the case go to a third country (R15).
    ``held`` is the number of the one that the recipient may consult, 0 while it never accepted;
    ``held_under`` the digest of the case's version by whose markings it agreed to that.
    ``accepted_groups`` is None unless the acceptance named groups. ``sequence`` counts the answers
    and updates, for compare-and-set.
    ``urgency`` and ``matter`` are the version's, in clear; ``matter`` is empty where the offer does
    not disclose it. ``due_at`` is the earliest time by which the recipient owes something, None
    when it owes nothing (gateway/domain/duty.py). ``break_glass``: it was offered by one person
    before the case was cleared (R16). ``recall`` is the recall that stands on it, ``recall_answer``
    the last answer to that, or that the copies of an erased case are erased.
    """

    id: UUID
    originator: str
    case: UUID
    case_version: int
    case_digest: str
    address: Addressee
    purpose: tuple[str, ...]
    permitted_disclosures: frozenset[str]
    package_digest: str
    offer_digest: str
    conditions_digest: str
    urgency: Urgency
    matter: frozenset[str]
    offered_at: datetime
    due_at: datetime | None
    expires_at: datetime | None
    transfer_tool: str | None = None
    state: HandoffState = HandoffState.OFFERED
    accepted_groups: frozenset[str] | None = None
    sequence: int = 1
    break_glass: bool = False
    package: int = 1
    held: int = 0
    held_under: str | None = None
    recall: UUID | None = None
    recall_answer: RecallAnswer | None = None

    @property
    def recipient(self) -> str:
        """The organisation that answers."""
        return self.address.organisation

    @property
    def stands(self) -> bool:
        """Tell whether its recipient is asked to take it, or took it, and it was not recalled."""
        return self.state in OPEN or (self.state is HandoffState.CLOSED and self.recall is None)

    @property
    def is_held(self) -> bool:
        """Tell whether the recipient ever accepted, and has not said that its copies are erased:
        then it hears of every change, and owes answers."""
        return self.held > 0 and self.recall_answer is not RecallAnswer.COPIES_ERASED

    @property
    def hears(self) -> bool:
        """Tell whether its recipient hears of what binds the case: it holds it, whatever became of
        the handoff since, or may take it."""
        return self.is_held or self.state in OPEN

    @property
    def place(self) -> HandoffPlace:
        """Where it stands in a list."""
        return HandoffPlace(self.urgency.rank, self.due_at or NEVER, self.id)

    @property
    def lock_order(self) -> tuple[str, UUID, UUID]:
        """Where it stands in the order in which everybody locks handoffs: by case, then id."""
        return self.originator, self.case, self.id

    def overdue(self, now: datetime) -> bool:
        """Tell whether the recipient owes something whose time is over."""
        return self.due_at is not None and self.due_at <= now


DEROGATIONS = {
    "gdpr": "derogation: Art. 49(1)(f) GDPR",
    "led": "derogation: Art. 38(1)(a) LED",
}
"""By regime, what an offer names in place of a transfer tool where somebody's life is in danger."""


def is_derogation(tool: str | None) -> bool:
    """Tell whether an offer went to a third country by a derogation, and by no transfer tool
    (R15)."""
    return tool in DEROGATIONS.values()


@dataclass(frozen=True)
class HandoffAnswer:
    """One signed document about a handoff: what was done, the state after it, the document.

    ``document`` is the compact SD-JWT of the answer (of the offer itself for sequence 1, and of
    the offer of the next package for an update); ``event`` the audit event that recorded it.
    ``shown``, of one that another gateway decided, is how it is read here: the code of an outcome,
    or the final answer to a recall, of which the document tells nothing. ``confirmed``: a person of
    its author signed it with a passkey, which only the own side may know.
    """

    handoff: UUID
    sequence: int
    move: HandoffAction | None
    state: HandoffState
    author: str
    at: datetime
    document: str
    event: UUID
    shown: str | None = None
    confirmed: bool = False


def offers_of(answers: Iterable[HandoffAnswer]) -> list[HandoffAnswer]:
    """The offer and each update of it, in order: package 1, 2 and so on."""
    return [answer for answer in answers if answer.move in (None, HandoffAction.UPDATE)]


ACCEPTING = frozenset({HandoffAction.ACCEPT, HandoffAction.ACCEPT_PARTLY})
AGREEMENTS = ACCEPTING | {HandoffAction.ACKNOWLEDGE}
"""By which a recipient takes what was sent, under the conditions that it shows."""


def agreed_at(answers: Iterable[HandoffAnswer], sequence: int) -> datetime | None:
    """When the recipient first accepted or acknowledged what came by the offer ``sequence``."""
    agreed = (one.at for one in answers if one.sequence > sequence and one.move in AGREEMENTS)
    return next(agreed, None)


# --- A recall (R13): the originator requires who holds a case to stop its use and erase copies ---
#
# It stands beside the versions of the case and covers all of them up to one. What a holder may
# still consult is policy's (R13.recall); which handoffs it touches says
# `gateway.domain.moves.recall`.


ACKNOWLEDGED_WITHIN = timedelta(hours=72)
ACKNOWLEDGED_WITHIN_IN_DANGER = timedelta(hours=8)
"""Time in which a holder says that it stopped the use."""

ANSWERED_WITHIN = timedelta(days=21)
"""Time for the final answer: the originator keeps the month of GDPR Art. 12(3)."""

APPROVED_WITHIN = timedelta(hours=24)
"""Time for the second person of a recall that one person could make."""


class RecallCode(StrEnum):
    """Why a case is recalled."""

    MISDIRECTED = "misdirected"
    CONDITIONS_NOT_MET = "conditions_not_met"  # of one handoff, accepted with a reservation
    UNLAWFUL = "unlawful"
    INACCURATE = "inaccurate"
    BASIS_ENDED = "basis_ended"
    CONSENT_WITHDRAWN = "consent_withdrawn"  # by the data subject, GDPR Art. 7(3)
    DATA_SUBJECT_REQUEST = "data_subject_request"
    AUTHORITY_ORDER = "authority_order"  # of a court, or of the data protection authority
    OTHER = "other"

    @property
    def persons(self) -> int:
        """How many persons decide before it binds: what one handoff gave to whom it should not
        have, or who cannot keep its conditions, is stopped at once."""
        return 1 if self in (RecallCode.MISDIRECTED, RecallCode.CONDITIONS_NOT_MET) else 2


RETAINING = frozenset(RecallAnswer) - {RecallAnswer.COPIES_ERASED}
"""The answers by which a holder keeps the case: each makes a retention."""


@dataclass(frozen=True)
class Recall:
    """A recall of a case, or of one ``handoff`` of it, which has a ``recipient``. ``id`` is the
    event that recorded it.

    It covers every version up to ``version``. ``digest`` names its document.
    """

    id: UUID
    originator: str
    case: UUID
    handoff: UUID | None
    recipient: str | None
    code: RecallCode
    version: int
    digest: str
    at: datetime

    def covers(self, version: int, recipient: str) -> bool:
        """Tell whether a version of the case is not offered to a recipient any more."""
        return version <= self.version and self.recipient in (None, recipient)


def acknowledgement_due_at(urgency: Urgency, at: datetime) -> datetime:
    """When the acknowledgement of a recall is due that was made ``at``."""
    danger = urgency is Urgency.IMMINENT_DANGER
    return at + (ACKNOWLEDGED_WITHIN_IN_DANGER if danger else ACKNOWLEDGED_WITHIN)


_NEEDED: Mapping[RecallAnswer, tuple[str, ...]] = {
    RecallAnswer.COPIES_ERASED: (),
    RecallAnswer.PROCESSING_RESTRICTED: ("until",),
    RecallAnswer.IN_PROCEEDINGS: ("reference", "authority", "until"),
    RecallAnswer.DECLINED: ("legal_basis", "until"),
}


def recall_answer_errors(fields: Mapping[str, Any], today: date) -> tuple[tuple[str, str], ...]:
    """Return what is missing in an answer, or over, each as JSON Pointer and sentence."""
    done = RecallAnswer(fields["done"])
    errors = [
        (f"/{name}", f"is required with {done}") for name in _NEEDED[done] if name not in fields
    ]
    if "until" in fields and date.fromisoformat(fields["until"]) <= today:
        errors.append(("/until", "is a day to come"))
    if "onward_copies" in fields and "onward_informed" not in fields:
        errors.append(("/onward_informed", "say whether their holders are informed"))
    return tuple(errors)


KEPT = RecallAnswer.KEPT_BY_LAW
"""What is shown in place of an answer by which a holder keeps the case, to who may not read it."""

RECALL_ANSWERS = tuple(one for one in RecallAnswer if one is not KEPT)
"""What a holder may answer to a recall."""


def recall_answer_as_read(
    fields: Mapping[str, Any], *, reads_all: bool
) -> tuple[str, Mapping[str, Any]]:
    """A final answer as its reader sees it, and those of its fields that it reads (R5.answer)."""
    done = str(fields["done"])
    if reads_all:
        return done, fields
    informed = {name: fields[name] for name in ("onward_informed",) if name in fields}
    erased = done == RecallAnswer.COPIES_ERASED
    return (done, {"done": done, **informed}) if erased else (KEPT, informed)
