"""What parties owe about a handoff: closed with the answer, and recorded by maintenance as the time
runs out."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from types import MappingProxyType
from typing import Any
from uuid import UUID

from gateway.domain.answers import KIND_OF_MOVE, AnswerAuthor, Arrives
from gateway.domain.audit_event import EVENT_TYPES, Party
from gateway.domain.duty import (
    ARRIVED,
    DUTIES,
    ENDS_PACKAGES,
    GIVES_UP,
    OWED_TO_ORIGINATOR,
    DutyKind,
    HandoffDuty,
    SweepClock,
    begin,
    begin_arrival,
    holds_copies,
)
from gateway.domain.handoff import (
    ANSWERED_WITHIN,
    NEVER,
    Handoff,
    HandoffAction,
    HandoffAnswer,
    HandoffState,
    acknowledgement_due_at,
    is_derogation,
)
from gateway.domain.json_values import parse_timestamp
from gateway.domain.revision import ANSWERED, ChangeKind
from gateway.domain.vocabulary import Urgency
from gateway.kernel import events
from gateway.kernel.actors import GATEWAY
from gateway.kernel.events import EventSubject
from gateway.kernel.ports import Ports, TransactionMode, UnitOfWork

AT_ONCE = 50
"""Duties that are swept in one transaction: writers wait meanwhile."""

_TOLD = frozenset({HandoffAction.NOTIFY_CORRECTION, HandoffAction.OMIT_UPDATE})
"""What takes the place of an update, and is acknowledged as it would be."""

_ARRIVING = frozenset(move for move, kind in KIND_OF_MOVE.items() if kind.arrives)

NO_FIELDS: Mapping[str, Any] = MappingProxyType({})


def due_at(
    ports: Ports,
    work: UnitOfWork,
    owes: str,
    kind: DutyKind,
    *,
    urgency: Urgency,
    since: datetime,
) -> datetime:
    """When a duty is due that an organisation owes from ``since`` on, by the terms for its kind."""
    found = work.organisations.get(owes)
    if found is None:
        raise LookupError("a party of a handoff is not in the registry")
    term = ports.due_of_kinds.get((urgency, found.kind), ports.due[urgency])
    terms = DUTIES[kind]
    return since + (terms.term or min(term, terms.longest))


def owe(
    ports: Ports,
    work: UnitOfWork,
    handoff: Handoff,
    kind: DutyKind,
    *,
    source: UUID,
    since: datetime,
    urgency: Urgency | None = None,
) -> None:
    """Begin a duty that follows from an event, by the urgency of the handoff or another one."""
    owes = DUTIES[kind].party(handoff)
    due = due_at(ports, work, owes, kind, urgency=urgency or handoff.urgency, since=since)
    add(work, handoff, begin(handoff, kind, source, since, due))


def store_answer(
    ports: Ports,
    work: UnitOfWork,
    handoff: Handoff,
    answer: HandoffAnswer,
    every: Sequence[HandoffDuty],
    *,
    fields: Mapping[str, Any] = NO_FIELDS,
) -> None:
    """Store what was answered in a handoff; close the duties that it fulfils or ends, ``every`` one
    of the handoff being given, and begin those that follow from it. At the other party it arrives,
    which reads ``fields``.

    Who ends a handoff does not escape a change that was announced: where the update can be sent no
    more, its holder acknowledges the announcement, and the originator still owes the notice. Once
    its recipient has no copies, nothing is owed, as after a recall.
    """
    holds = holds_copies(handoff, every)
    ends = {answer.move}
    if not holds and handoff.state is not HandoffState.OFFERED:
        ends.add(HandoffAction.RECALL)
    owed = [one for one in every if one.closed_at is None]
    closed = [one for one in owed if not one.terms.ended_by.isdisjoint(ends)]
    times = [
        one.due_at
        for one in owed
        if one not in closed and one.terms.shared and one.organisation == handoff.recipient
    ]
    work.handoffs.save(replace(handoff, due_at=min(times, default=None)), answer)
    for one in closed:
        work.duties.save(one.close(answer.at), follows=False)
    begins, announced = list[DutyKind](), any(one.kind is DutyKind.UPDATE for one in owed)
    if (announced and holds and answer.move in ENDS_PACKAGES) or answer.move in _TOLD:
        begins.append(DutyKind.ACKNOWLEDGEMENT)
    if answer.move is HandoffAction.PROPOSE_CORRECTION:
        begins.append(DutyKind.PROPOSAL_ANSWER)
    for kind in begins:
        owe(ports, work, handoff, kind, source=answer.event, since=answer.at)
    if answer.move in _ARRIVING:
        _arrive_answer(work, handoff, answer, fields)


def _arrive_answer(
    work: UnitOfWork, handoff: Handoff, answer: HandoffAnswer, fields: Mapping[str, Any]
) -> None:
    """Let an answer wait at the other party. A question is due by the time that it names; an
    imminent danger that its recipient gave up, at once."""
    kind = KIND_OF_MOVE.get(answer.move) if answer.move else None
    if kind is None or (arrives := kind.arrives_as(fields)) is None:
        return
    due_at = NEVER
    if arrives is Arrives.QUESTION and "until" in fields:
        due_at = parse_timestamp(fields["until"])
    if handoff.urgency is Urgency.IMMINENT_DANGER and answer.move in GIVES_UP:
        due_at = answer.at
    received = kind.author is AnswerAuthor.ORIGINATOR
    side = AnswerAuthor.RECIPIENT if received else AnswerAuthor.ORIGINATOR
    arrived = begin_arrival(
        handoff.id,
        side.of(handoff.originator, handoff.recipient),
        ARRIVED[arrives, side],
        event_type=kind.event,
        source=answer.event,
        since=answer.at,
        due_at=due_at,
    )
    work.duties.add(arrived, follows=False)


def arrive(
    work: UnitOfWork,
    action: str,
    handoff: UUID,
    organisation: str,
    side: AnswerAuthor,
    *,
    source: UUID,
    since: datetime,
) -> None:
    """Let what is no answer wait at an organisation, as the table of events says."""
    event = EVENT_TYPES[action]
    if event.arrives is not None:
        kind = ARRIVED[event.arrives, side]
        arrived = begin_arrival(
            handoff, organisation, kind, event_type=event.name, source=source, since=since
        )
        work.duties.add(arrived, follows=False)


def add(work: UnitOfWork, handoff: Handoff, duty: HandoffDuty) -> None:
    """Keep a new duty, unless one of its kind is open: the earlier one keeps its time."""
    owed = work.duties.of(duty.handoff, open_only=True)
    if all(one.kind is not duty.kind for one in owed):
        work.duties.add(awaited(work, handoff, duty))


def awaited(work: UnitOfWork, handoff: Handoff, duty: HandoffDuty) -> HandoffDuty:
    """A new duty as it is stored: closed at once, where nobody waits for it any more."""
    left = work.organisations.left(handoff.originator, handoff.recipient)
    return duty if duty.is_awaited(handoff, left) else duty.close(duty.since)


def answer_due_at(ports: Ports, work: UnitOfWork, handoff: Handoff) -> datetime:
    """When the answer to an offer is due."""
    kind, urgency, since = DutyKind.ANSWER, handoff.urgency, handoff.offered_at
    return due_at(ports, work, handoff.recipient, kind, urgency=urgency, since=since)


def store_offer(ports: Ports, work: UnitOfWork, handoff: Handoff, offer: HandoffAnswer) -> datetime:
    """Store a new handoff, and begin what its offer asks for, or the reissue to a successor: the
    answer, in imminent danger the call, and a second person's review of a derogation. Returns when
    the answer is due.

    The clearance that a case offered before it owes runs on since that offer: see
    `owe_clearance`.
    """
    due = answer_due_at(ports, work, handoff)
    work.handoffs.add(replace(handoff, due_at=due), offer)
    work.duties.add(begin(handoff, DutyKind.ANSWER, offer.event, offer.at, due), follows=False)
    _owe_call(ports, work, handoff, offer)
    _owe_review(ports, work, handoff, offer)
    return due


def owe_clearance(ports: Ports, work: UnitOfWork, handoff: Handoff, offer: HandoffAnswer) -> None:
    """Begin what follows an offer before the case was cleared: a second person clears it."""
    by = offer.at + ports.follow_up
    add(work, handoff, begin(handoff, DutyKind.CLEARANCE, offer.event, offer.at, by))


def owe_for_update(
    ports: Ports,
    work: UnitOfWork,
    before: Handoff,
    handoff: Handoff,
    update: HandoffAnswer,
    *,
    change: ChangeKind,
) -> None:
    """Begin what an update of a handoff asks for, which was as ``before``: the acknowledgement of
    what it corrects or tightens; where it is more urgent, an earlier answer, and the call."""
    if handoff.urgency.rank < before.urgency.rank:
        kind, urgency = DutyKind.ANSWER, handoff.urgency
        until = due_at(ports, work, handoff.recipient, kind, urgency=urgency, since=update.at)
        for duty in work.duties.of(handoff.id, open_only=True):
            if duty.kind is DutyKind.ANSWER:
                work.duties.save(duty.hasten(until))
        _owe_call(ports, work, handoff, update)
    _owe_review(ports, work, handoff, update)
    if handoff.is_held and change in ANSWERED:
        kind = DutyKind.ACKNOWLEDGEMENT
        owe(ports, work, handoff, kind, source=update.event, since=update.at)
    elif handoff.is_held:
        to, action = (handoff.recipient, AnswerAuthor.RECIPIENT), "handoff.update"
        arrive(work, action, handoff.id, *to, source=update.event, since=update.at)


def owe_for_recall(work: UnitOfWork, handoff: Handoff, recalled: HandoffAnswer) -> None:
    """Begin what the recall of a handoff asks its holder for."""
    stopped = acknowledgement_due_at(handoff.urgency, recalled.at)
    for kind, due in (
        (DutyKind.RECALL_ACKNOWLEDGEMENT, stopped),
        (DutyKind.RECALL_ANSWER, recalled.at + ANSWERED_WITHIN),
    ):
        owed = begin(handoff, kind, recalled.event, recalled.at, due)
        work.duties.add(awaited(work, handoff, owed))


def take_due(work: UnitOfWork, handoff: UUID, source: UUID, due_at: Mapping[str, datetime]) -> None:
    """Take the times by which the recipient owes what followed from an event, by kind, as its own
    gateway has them."""
    for one in work.duties.of(handoff, open_only=True):
        if one.source == source and one.kind in due_at and one.kind in OWED_TO_ORIGINATOR:
            work.duties.save(replace(one, due_at=due_at[one.kind]))


def _owe_call(ports: Ports, work: UnitOfWork, handoff: Handoff, made: HandoffAnswer) -> None:
    """Let the originator telephone, where a handoff is about an imminent danger."""
    if handoff.urgency is Urgency.IMMINENT_DANGER:
        by = made.at + ports.call_within
        add(work, handoff, begin(handoff, DutyKind.CALL, made.event, made.at, by))


def _owe_review(ports: Ports, work: UnitOfWork, handoff: Handoff, made: HandoffAnswer) -> None:
    """Let the data protection officer review each package that leaves by derogation (R15)."""
    if is_derogation(handoff.transfer_tool):
        by = made.at + ports.follow_up
        add(work, handoff, begin(handoff, DutyKind.DEROGATION_REVIEW, made.event, made.at, by))


def delay(work: UnitOfWork, every: Sequence[HandoffDuty], until: datetime, now: datetime) -> None:
    """Move the due time of what the recipient owes, of all duties of a handoff. Raises WrongState
    when the new time is not later, or too far."""
    for duty in every:
        if duty.kind in OWED_TO_ORIGINATOR and duty.closed_at is None:
            work.duties.save(duty.delay(until, now))


def is_holder(work: UnitOfWork, handoff: Handoff) -> bool:
    """As `holds_copies`; duties are read where they decide."""
    return holds_copies(handoff, () if handoff.is_held else work.duties.of(handoff.id))


def close_of_case(
    work: UnitOfWork, originator: str, case: UUID, now: datetime, *kinds: DutyKind
) -> list[HandoffDuty]:
    """Close the duties of all handoffs of a case that end with it; of some kinds only, where any
    are named. Those that were closed.

    What a second person owes stays until it is recorded as overdue: an erasure hides no lateness.
    """
    owed = work.duties.open_of_case(originator, case)
    ends = [one for one in owed if one.kind in kinds or (not kinds and one.ends_with_case)]
    for duty in ends:
        work.duties.save(duty.close(now))
    return ends


def sweep(ports: Ports) -> bool:
    """Remind of duties at half of their term, and record those that are overdue; whether more are
    due at once.

    Raises LogFrozen, Busy. Each step is recorded once: it is a column of the duty, written in the
    transaction of its event.
    """
    now = ports.now()
    with ports.begin(TransactionMode.READ) as work:
        found = [(one, work.handoffs.get(one.handoff)) for one in work.duties.due(now, AT_ONCE)]
    pairs = [(one, handoff) for one, handoff in found if handoff is not None]
    pairs.sort(key=lambda pair: pair[1].lock_order)
    with ports.begin(TransactionMode.WRITE) as work:
        before = work.duties.clock() or SweepClock(now)
        sweeping = _Sweep(ports, work, before.sweep(now), now)
        work.duties.save_clock(sweeping.clock)
        for seen, _ in pairs:
            handoff = work.handoffs.get(seen.handoff)  # locked: nobody answers meanwhile
            if handoff is not None and seen in work.duties.of(seen.handoff, open_only=True):
                sweeping.tell(handoff, seen)
        work.commit()
    return len(pairs) == AT_ONCE


@dataclass(frozen=True)
class _Sweep:
    """One transaction of the sweeper."""

    ports: Ports
    work: UnitOfWork
    clock: SweepClock
    now: datetime

    def tell(self, handoff: Handoff, duty: HandoffDuty) -> None:
        """Do with a duty what its time asks for: remind, wait, or record that it is overdue."""
        earliest = self.clock.overdue_from(duty, handoff.urgency)
        if duty.reminded_at is None:
            self.work.duties.save(duty.remind(self.now))
            self.record("handoff.remind", handoff, duty)
        elif self.now < earliest:
            self.work.duties.save(duty.wait(earliest))
        else:
            self.work.duties.save(duty.record_overdue(self.now))
            self.record("handoff.mark_overdue", handoff, duty)

    def record(self, action: str, handoff: Handoff, duty: HandoffDuty) -> None:
        """Record a step of a duty, for who owes it; that it is overdue for both parties,
        unless it is no concern of the other."""
        overdue = action == "handoff.mark_overdue"
        named = {handoff.originator: "originator", handoff.recipient: "recipient"}
        if not (overdue and duty.terms.shared):
            named = {duty.organisation: named[duty.organisation]}
        parties = (Party(GATEWAY, "gateway"), *(Party(*one) for one in named.items()))
        subject = {
            "duty": str(duty.kind),
            "organisation": duty.organisation,
            "source": str(duty.source),
            "due_at": duty.due_at.isoformat(timespec="seconds"),
        }
        interrupted = self.clock.interrupted(duty)
        if overdue and interrupted:
            subject["interrupted_seconds"] = str(int(interrupted.total_seconds()))
        events.record_by_gateway(
            self.ports,
            self.work,
            action,
            parties,
            said=subject,
            of=EventSubject.of_handoff(handoff),
        )
