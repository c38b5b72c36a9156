"""What a party owes about a handoff, until when, and what the gateway does as the time runs out;
and what arrived from the other side, and waits until somebody acts on it or has seen it.

``DUTIES`` is the table: a kind of duty is one entry there, and a `begin` that the transaction of
what it follows from stores. The rows are state: the sweeper of maintenance reads nothing else, so
that a restart repeats nothing and forgets nothing.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from typing import NamedTuple
from uuid import UUID

from gateway.domain.answers import AnswerAuthor, Arrives
from gateway.domain.handoff import (
    ACCEPTING,
    NEVER,
    Handoff,
    HandoffAction,
    HandoffPlace,
    RecallAnswer,
)
from gateway.domain.organisation import OrganisationName
from gateway.domain.refusals import WrongState
from gateway.domain.vocabulary import Urgency

DUE: Mapping[Urgency, timedelta] = {
    Urgency.IMMINENT_DANGER: timedelta(hours=1),
    Urgency.URGENT: timedelta(hours=8),
    Urgency.PRIORITY: timedelta(days=3),
    Urgency.NORMAL: timedelta(days=7),
}
"""Time to answer by urgency, unless the operator sets another: a convention, not a statutory
term."""

FOR_ON_DUTY = frozenset({Urgency.IMMINENT_DANGER, Urgency.URGENT})
"""What is for whoever is on duty: its offer tells whether somebody is reached at any hour."""

CALL_WITHIN = timedelta(minutes=15)
"""Time to telephone after the offer of an imminent danger, unless the operator sets another."""

FOLLOW_UP = timedelta(hours=24)
"""Time for the second person after break-glass, unless the operator sets another."""

LONGEST_DELAY = timedelta(days=31)
"""The farthest new time that a delay may name, from when it is announced."""

LONGEST_PAUSE = timedelta(minutes=5)
"""A longer time without a sweep is an interruption: the gateway was stopped, or its log frozen."""

NOTICE = timedelta(hours=1)
NOTICE_IN_DANGER = timedelta(minutes=5)
"""Time to answer after an interruption, before what fell due in it is recorded as overdue."""


class DutyKind(StrEnum):
    """What is owed.

    An answer to the offer; the update that was announced to a holder, or the correction notice
    where no package can follow; the acknowledgement of a correction or tightening; an answer to the
    proposal of a correction; the clearance of a case that was offered before it; a second person's
    review of a consultation before acceptance; the call that goes with an imminent danger; the data
    protection officer's review of an offer to a third country by derogation; the retention without
    which a copy in its days of grace is destroyed; the review of a retention by its holder. After a
    recall: that its holder stopped the use, its final answer, and the originator's second person.
    After the erasure of a case: the notice of a correction whose package was still owed, and the
    word of a holder that is no authority under LED that its copies are erased, too.

    And what arrived: a question to the originator; an addition, which its holder acknowledges; a
    correction, whose package is to come; and
    what else either side did, for the other to see.
    """

    ANSWER = "answer"
    UPDATE = "update"
    ACKNOWLEDGEMENT = "acknowledgement"
    PROPOSAL_ANSWER = "proposal_answer"
    CLEARANCE = "clearance"
    REVIEW = "review"
    CALL = "call"
    DEROGATION_REVIEW = "derogation_review"
    RETENTION = "retention"
    RETENTION_REVIEW = "retention_review"
    RECALL_ACKNOWLEDGEMENT = "recall_acknowledgement"
    RECALL_ANSWER = "recall_answer"
    RECALL_APPROVAL = "recall_approval"
    CORRECTION_NOTICE = "correction_notice"
    COPIES_ERASED = "copies_erased"
    QUESTION = "question"
    ADDITION = "addition"
    ANNOUNCEMENT = "announcement"
    ORIGINATOR_NEWS = "originator_news"
    RECIPIENT_NEWS = "recipient_news"


class WaitKind(StrEnum):
    """What waits for an organisation beside its duties, and what arrived.

    The counterpart's late answer; what it accepted and nobody opened; its own cases to assess and
    to clear, and those that are with nobody, cleared or recalled; a removal that is held for the
    police, or free since; a succession to approve; a refused notification; the way to its
    activation. What ends soon: content of its cases, its membership, a mandate, an agreement, a
    term of retention, an audit access, a certificate.
    """

    LATE_ANSWER = "late_answer"
    UNOPENED = "unopened"
    ASSESSMENT = "assessment"
    CASE_CLEARANCE = "case_clearance"
    CASE_OFFER = "case_offer"
    CASE_RECALLED = "case_recalled"
    HELD_REMOVAL = "held_removal"
    FREE_REMOVAL = "free_removal"
    SUCCESSION = "succession"
    NOTIFICATION = "notification"
    ACTIVATION = "activation"
    ERASURE = "erasure"
    MEMBERSHIP = "membership"
    MANDATE = "mandate"
    AGREEMENT = "agreement"
    RETENTION_TERM = "retention_term"
    AUDIT_ACCESS = "audit_access"
    CERTIFICATE = "certificate"


@dataclass(frozen=True)
class DutyTerms:
    """Who owes it, what fulfils or ends it, and whether the other party learns of it.

    ``fulfilled_by`` are the policy's actions, the usual one first: an offer may be declined, too.
    Moves that it is ``ended_by`` need not fulfil it: after a withdrawal nothing is owed. It is due
    in the time of the case's urgency, at the latest after the ``longest`` time, or in a ``term`` of
    its own. ``outlives_case``: the erasure of the case does not end it, for copies of holders live
    on. ``of_second_person``: it follows within hours where one person acted first (R16).
    ``for_other``: it serves the other party alone, so that nobody owes it to one that left.
    """

    owes: AnswerAuthor
    fulfilled_by: tuple[str, ...]
    ended_by: frozenset[HandoffAction] = frozenset()
    shared: bool = False
    longest: timedelta = timedelta.max
    term: timedelta | None = None
    outlives_case: bool = False
    of_second_person: bool = False
    for_other: bool = False

    @property
    def action(self) -> str:
        """The usual one by which it is fulfilled."""
        return self.fulfilled_by[0]

    def party(self, handoff: Handoff) -> str:
        """The organisation that owes it."""
        return handoff.originator if self.owes is _ORIGINATOR else handoff.recipient


ENDS_PACKAGES = frozenset(
    {
        HandoffAction.DECLINE,
        HandoffAction.REDIRECT,
        HandoffAction.WITHDRAW,
        HandoffAction.REISSUE,
        HandoffAction.LAPSE,
    }
)
"""After these no package follows, and what was announced is acknowledged without one."""

GIVES_UP = frozenset({HandoffAction.DECLINE, HandoffAction.REDIRECT, HandoffAction.LAPSE})
"""After these nobody is on what was offered."""

_ENDS_OFFER = ACCEPTING | ENDS_PACKAGES | {HandoffAction.RECALL}


def _ended_by(*moves: HandoffAction) -> frozenset[HandoffAction]:
    """A recall ends it as well."""
    return frozenset({*moves, HandoffAction.RECALL})


_ORIGINATOR, _RECIPIENT = AnswerAuthor.ORIGINATOR, AnswerAuthor.RECIPIENT

MARK_SEEN = "handoff.mark_seen"
"""The action by which a person of its own side ends what arrived."""

TAKE = "handoff.take"
"""The action by which one says who of its own side works on a handoff."""

REFER = "handoff.refer"
"""The action by which a recipient gives a handoff its own reference."""

DUTIES: Mapping[DutyKind, DutyTerms] = {
    DutyKind.ANSWER: DutyTerms(
        _RECIPIENT,
        ("handoff.accept", "handoff.decline", "handoff.redirect"),
        _ENDS_OFFER,
        shared=True,
    ),
    DutyKind.UPDATE: DutyTerms(
        _ORIGINATOR,
        ("handoff.update", "handoff.notify_correction", "handoff.omit_update"),
        _ended_by(HandoffAction.UPDATE, HandoffAction.NOTIFY_CORRECTION, HandoffAction.OMIT_UPDATE),
        longest=timedelta(hours=24),
        for_other=True,
    ),
    DutyKind.ACKNOWLEDGEMENT: DutyTerms(
        _RECIPIENT,
        ("handoff.acknowledge",),
        _ended_by(HandoffAction.ACKNOWLEDGE),
        shared=True,
        longest=timedelta(days=3),
    ),
    DutyKind.PROPOSAL_ANSWER: DutyTerms(
        _ORIGINATOR,
        ("handoff.answer_proposal",),
        _ended_by(HandoffAction.ANSWER_PROPOSAL),
        shared=True,
        term=timedelta(days=7),
        for_other=True,
    ),
    DutyKind.CLEARANCE: DutyTerms(_ORIGINATOR, ("case.clear",), of_second_person=True),
    DutyKind.REVIEW: DutyTerms(_RECIPIENT, ("handoff.review",), of_second_person=True),
    DutyKind.DEROGATION_REVIEW: DutyTerms(_ORIGINATOR, ("handoff.review",), of_second_person=True),
    DutyKind.CALL: DutyTerms(
        _ORIGINATOR,
        ("handoff.call",),
        _ENDS_OFFER | {HandoffAction.CALL},
        shared=True,
        for_other=True,
    ),
    DutyKind.RETENTION: DutyTerms(
        _RECIPIENT, ("handoff.retain",), frozenset({HandoffAction.RETAIN})
    ),
    DutyKind.RETENTION_REVIEW: DutyTerms(_RECIPIENT, ("handoff.retain",), outlives_case=True),
    DutyKind.RECALL_ACKNOWLEDGEMENT: DutyTerms(
        _RECIPIENT,
        ("handoff.acknowledge_recall", "handoff.answer_recall"),
        frozenset({HandoffAction.ACKNOWLEDGE_RECALL, HandoffAction.ANSWER_RECALL}),
        shared=True,
        outlives_case=True,
    ),
    DutyKind.RECALL_ANSWER: DutyTerms(
        _RECIPIENT,
        ("handoff.answer_recall",),
        frozenset({HandoffAction.ANSWER_RECALL}),
        shared=True,
        outlives_case=True,
    ),
    DutyKind.RECALL_APPROVAL: DutyTerms(_ORIGINATOR, ("case.approve_recall",), outlives_case=True),
    DutyKind.CORRECTION_NOTICE: DutyTerms(
        _ORIGINATOR,
        ("handoff.notify_correction",),
        frozenset({HandoffAction.NOTIFY_CORRECTION}),
        longest=timedelta(hours=24),
        outlives_case=True,
        for_other=True,
    ),
    DutyKind.COPIES_ERASED: DutyTerms(
        _RECIPIENT,
        ("handoff.answer_recall",),
        frozenset({HandoffAction.ANSWER_RECALL}),
        term=timedelta(days=30),
        outlives_case=True,
    ),
    DutyKind.QUESTION: DutyTerms(
        _ORIGINATOR,
        (MARK_SEEN,),
        _ended_by(HandoffAction.UPDATE, HandoffAction.NOTIFY_CORRECTION),
    ),
    DutyKind.ADDITION: DutyTerms(
        _RECIPIENT, ("handoff.acknowledge", MARK_SEEN), _ended_by(HandoffAction.ACKNOWLEDGE)
    ),
    DutyKind.ANNOUNCEMENT: DutyTerms(
        _RECIPIENT,
        (MARK_SEEN,),
        _ended_by(HandoffAction.UPDATE, HandoffAction.NOTIFY_CORRECTION, HandoffAction.OMIT_UPDATE),
    ),
    DutyKind.ORIGINATOR_NEWS: DutyTerms(_ORIGINATOR, (MARK_SEEN,), outlives_case=True),
    DutyKind.RECIPIENT_NEWS: DutyTerms(_RECIPIENT, (MARK_SEEN,), outlives_case=True),
}
"""Every kind of duty. What is not ``shared`` stays between the gateway and who owes it; an update
that no package can bring is replaced by a correction notice."""

ARRIVED: Mapping[tuple[Arrives, AnswerAuthor], DutyKind] = {
    (Arrives.QUESTION, _ORIGINATOR): DutyKind.QUESTION,
    (Arrives.ADDITION, _RECIPIENT): DutyKind.ADDITION,
    (Arrives.ANNOUNCEMENT, _RECIPIENT): DutyKind.ANNOUNCEMENT,
    (Arrives.NEWS, _ORIGINATOR): DutyKind.ORIGINATOR_NEWS,
    (Arrives.NEWS, _RECIPIENT): DutyKind.RECIPIENT_NEWS,
}
"""As what an event waits at a side."""

OWED_TO_ORIGINATOR = frozenset(
    kind for kind, one in DUTIES.items() if one.shared and one.owes is AnswerAuthor.RECIPIENT
)
"""For what the recipient may ask more time."""


@dataclass(frozen=True)
class HandoffDuty:
    """One thing that an organisation owes about a handoff.

    ``source`` is the event that it follows from, ``since`` when that was. ``next_at`` is when the
    sweeper looks at it next, None when nothing is left to record: it is closed, or recorded as
    overdue, which happens once. ``person`` is the pseudonym of who may not fulfil it, for it
    follows what that person did. ``arrived`` is the type of the event that arrived, None where
    something is owed. What arrived is never overdue; it is due `NEVER` where it names no time.
    """

    handoff: UUID
    kind: DutyKind
    source: UUID
    organisation: str
    since: datetime
    due_at: datetime
    next_at: datetime | None
    reminded_at: datetime | None = None
    overdue_at: datetime | None = None
    closed_at: datetime | None = None
    person: str | None = None
    arrived: str | None = None

    def place(self, urgency: Urgency) -> "WorkPlace":
        """Where it stands among what its organisation owes, by its handoff's urgency."""
        handoff = HandoffPlace(urgency.rank, self.due_at, self.handoff)
        return WorkPlace(handoff, self.source, self.kind)

    @property
    def terms(self) -> DutyTerms:
        """Return what its kind means."""
        return DUTIES[self.kind]

    @property
    def ends_with_case(self) -> bool:
        """Tell whether the erasure of the case ends it."""
        hides = self.terms.of_second_person and self.overdue_at is None
        return not (self.terms.outlives_case or hides)

    def is_awaited(self, handoff: Handoff, left: Collection[str]) -> bool:
        """Tell whether anybody waits for it, those that ``left`` among the parties aside."""
        parties = {handoff.originator, handoff.recipient}
        return self.organisation not in left and not (
            self.terms.for_other and not parties.isdisjoint(left)
        )

    def remind(self, now: datetime) -> "HandoffDuty":
        """The duty once its organisation was reminded."""
        return replace(self, reminded_at=now, next_at=self.due_at)

    def wait(self, until: datetime) -> "HandoffDuty":
        """The duty when the sweeper leaves it alone for a while."""
        return replace(self, next_at=until)

    def record_overdue(self, now: datetime) -> "HandoffDuty":
        """The duty once it is recorded that it is overdue."""
        return replace(self, overdue_at=now, next_at=None)

    def close(self, now: datetime) -> "HandoffDuty":
        """The duty once it is fulfilled, or owed no more."""
        return replace(self, closed_at=now, next_at=None, person=None)

    def delay(self, until: datetime, now: datetime) -> "HandoffDuty":
        """The duty with a later time. Raises WrongState for one that is not later, or too far."""
        if until <= max(self.due_at, now):
            raise WrongState("the new time must be in the future, and later than the due time")
        if until > now + LONGEST_DELAY:
            raise WrongState(f"a delay is at most {LONGEST_DELAY.days} days from now")
        return self._due(until)

    def hasten(self, until: datetime) -> "HandoffDuty":
        """The duty with an earlier time; one that is due before that stays as it is."""
        return self._due(min(self.due_at, until))

    def _due(self, until: datetime) -> "HandoffDuty":
        moved = replace(self, due_at=until)
        if self.overdue_at is not None or self.next_at is None:
            return moved
        return replace(
            moved, next_at=until if self.reminded_at else self.since + (until - self.since) / 2
        )


def holds_copies(handoff: Handoff, duties: Iterable[HandoffDuty]) -> bool:
    """Tell whether the recipient has copies, by all ``duties`` of the handoff: it accepted, or
    opened the content before that in imminent danger, which asks for a review, and has not
    confirmed that they are erased."""
    if handoff.is_held or handoff.recall_answer is RecallAnswer.COPIES_ERASED:
        return handoff.is_held
    return any(one.kind is DutyKind.REVIEW for one in duties)


class WorkPlace(NamedTuple):
    """Where something stands in a worklist: by urgency, then due time, then handoff, source and
    kind; of what is no duty, by another id and no source."""

    handoff: HandoffPlace
    source: UUID
    kind: DutyKind | WaitKind

    def __str__(self) -> str:
        """The place as a cursor that `read` takes."""
        return f"{self.handoff}_{self.source}_{self.kind}"

    @classmethod
    def read(cls, cursor: str) -> "WorkPlace":
        """The place that a cursor names; ValueError for anything else."""
        rank, due, handoff, source, kind = cursor.split("_", 4)
        of_handoff = HandoffPlace.read(f"{rank}_{due}_{handoff}")
        kinds = WaitKind if kind in set(WaitKind) else DutyKind
        place = cls(of_handoff, UUID(source), kinds(kind))
        if str(place) != cursor:
            raise ValueError("spelled in another way")
        return place


def begin(
    handoff: Handoff, kind: DutyKind, source: UUID, since: datetime, due_at: datetime
) -> HandoffDuty:
    """A new duty about a handoff, whose organisation is reminded at half of its term: of a remote
    member its own gateway does that."""
    organisation = DUTIES[kind].party(handoff)
    half = None if OrganisationName(organisation).peer else since + (due_at - since) / 2
    return HandoffDuty(handoff.id, kind, source, organisation, since, due_at, next_at=half)


def begin_arrival(
    handoff: UUID,
    organisation: str,
    kind: DutyKind,
    *,
    event_type: str,
    source: UUID,
    since: datetime,
    due_at: datetime = NEVER,
) -> HandoffDuty:
    """Return what arrives at an organisation about a handoff, of which the sweeper has nothing to
    tell."""
    return HandoffDuty(
        handoff, kind, source, organisation, since, due_at, next_at=None, arrived=event_type
    )


def start_of(day: date) -> datetime:
    """The moment at which something is due that is owed, or ends, by a civil day."""
    return datetime.combine(day, time.min, UTC)


@dataclass(frozen=True)
class SweepClock:
    """When duties were last swept, and the last interruption, if there was one.

    Nothing was recorded from ``stopped_at`` to ``resumed_at``. Of several interruptions only the
    last is known; those that follow each other within NOTICE count as one.
    """

    swept_at: datetime
    stopped_at: datetime | None = None
    resumed_at: datetime | None = None

    def sweep(self, now: datetime) -> "SweepClock":
        """The clock once duties are swept at ``now``."""
        if now - self.swept_at <= LONGEST_PAUSE:
            return replace(self, swept_at=max(now, self.swept_at))
        again = self.resumed_at is not None and self.swept_at < self.resumed_at + NOTICE
        return SweepClock(now, self.stopped_at if again else self.swept_at, now)

    def overdue_from(self, duty: HandoffDuty, urgency: Urgency) -> datetime:
        """When a duty may be recorded as overdue: what fell due in an interruption, after it."""
        if self.stopped_at is None or self.resumed_at is None:
            return duty.due_at
        if not self.stopped_at < duty.due_at <= self.resumed_at:
            return duty.due_at
        danger = urgency is Urgency.IMMINENT_DANGER
        return self.resumed_at + (NOTICE_IN_DANGER if danger else NOTICE)

    def interrupted(self, duty: HandoffDuty) -> timedelta:
        """How much of a duty's term the last interruption took."""
        if self.stopped_at is None or self.resumed_at is None:
            return timedelta(0)
        began, ended = max(self.stopped_at, duty.since), min(self.resumed_at, duty.due_at)
        return max(ended - began, timedelta(0))
