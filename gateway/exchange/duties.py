"""What parties owe about a handoff: closed with the answer, and recorded by maintenance as the time
runs out."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from gateway.domain.answers import AnswerAuthor
from gateway.domain.audit_event import Party
from gateway.domain.duty import (
    APPLIED_WITHIN,
    ENDS_PACKAGES,
    OUTLIVING,
    PROPOSAL_ANSWERED_WITHIN,
    DutyKind,
    HandoffDuty,
    SweepClock,
    acknowledgement_due_at,
    begin,
)
from gateway.domain.handoff import Handoff, HandoffAction, HandoffAnswer
from gateway.domain.refusals import WrongState
from gateway.evidence import canonical
from gateway.kernel import events
from gateway.kernel.actors import GATEWAY
from gateway.kernel.ports import Ports, TransactionMode, UnitOfWork

AT_ONCE = 50
"""Duties that are swept in one transaction: writers wait meanwhile."""


def settle(work: UnitOfWork, handoff: Handoff, answer: HandoffAnswer, term: timedelta) -> None:
    """Close the duties that an answer to a handoff fulfils or ends, in its transaction, and begin
    those that follow from it.

    Who ends a handoff does not escape a change that was announced: where the update can be sent no
    more, its holder acknowledges the announcement, and the originator still owes the notice.
    ``term`` is the time to answer by its urgency.
    """
    owed = work.duties.of(handoff.id, open_only=True)
    ended = {one.kind for one in owed if answer.move in one.terms.ended_by}
    for duty in owed:
        if duty.kind in ended:
            work.duties.save(duty.close(answer.at))
    announced = any(one.kind is DutyKind.UPDATE for one in owed)
    told = announced and handoff.is_held and answer.move in ENDS_PACKAGES
    begins: list[tuple[DutyKind, datetime]] = []
    if told or answer.move in (HandoffAction.NOTIFY_CORRECTION, HandoffAction.OMIT_UPDATE):
        due = acknowledgement_due_at(term, answer.at)
        begins.append((DutyKind.ACKNOWLEDGEMENT, due))
    if DutyKind.ACKNOWLEDGEMENT in ended and answer.move is HandoffAction.ACKNOWLEDGE:
        begins.append((DutyKind.APPLICATION, answer.at + APPLIED_WITHIN))
    if answer.move is HandoffAction.PROPOSE_CORRECTION:
        begins.append((DutyKind.PROPOSAL_ANSWER, answer.at + PROPOSAL_ANSWERED_WITHIN))
    for kind, due in begins:
        add(work, begin(handoff, kind, answer.event, answer.at, due))


def add(work: UnitOfWork, duty: HandoffDuty) -> None:
    """Keep a new duty, unless one of its kind is open: the earlier one keeps its time."""
    owed = work.duties.of(duty.handoff, open_only=True)
    if all(one.kind is not duty.kind for one in owed):
        work.duties.add(duty)


def delay(work: UnitOfWork, handoff: UUID, until: datetime, now: datetime) -> None:
    """Move the due time of what the recipient owes. Raises WrongState when it owes nothing, or
    when the new time is not later, or too far."""
    due = work.duties.of(handoff, open_only=True)
    owed = [one for one in due if one.terms.shared and one.terms.owes is AnswerAuthor.RECIPIENT]
    if not owed:
        raise WrongState("nothing is due from you in this handoff")
    for duty in owed:
        work.duties.save(duty.delay(until, now))


def hasten(work: UnitOfWork, handoff: UUID, until: datetime) -> None:
    """Let the answer to an offer be due by ``until``, where its urgency was raised."""
    for duty in work.duties.of(handoff, open_only=True):
        if duty.kind is DutyKind.ANSWER:
            work.duties.save(duty.hasten(until))


def close_of_case(
    work: UnitOfWork, originator: str, case: UUID, now: datetime, *kinds: DutyKind
) -> None:
    """Close the duties of all handoffs of a case that end with it; of some kinds only, where any
    are named."""
    for duty in work.duties.open_of_case(originator, case):
        if duty.kind in (kinds or frozenset(DutyKind) - OUTLIVING):
            work.duties.save(duty.close(now))


def sweep(ports: Ports) -> bool:
    """Remind of duties at half of their term, and record those that are overdue; whether more are
    due at once.

    Raises LogFrozen, Busy. Each step is recorded once: it is a column of the duty, written in the
    transaction of its event.
    """
    now = ports.now()
    with ports.begin(TransactionMode.READ) as work:
        due = _in_order(work, work.duties.due(now, AT_ONCE))
    with ports.begin(TransactionMode.WRITE) as work:
        before = work.duties.clock() or SweepClock(now)
        sweeping = _Sweep(ports, work, before.sweep(now), now)
        work.duties.save_clock(sweeping.clock)
        for seen in due:
            handoff = work.handoffs.get(seen.handoff)  # locked: nobody answers meanwhile
            if handoff is not None and seen in work.duties.of(seen.handoff, open_only=True):
                sweeping.tell(handoff, seen)
        work.commit()
    return len(due) == AT_ONCE


def _in_order(work: UnitOfWork, due: Sequence[HandoffDuty]) -> Sequence[HandoffDuty]:
    """Duties in the order in which everybody locks their handoffs: by case, then id."""
    found = {one.handoff: work.handoffs.get(one.handoff) for one in due}
    order = {id_: (one.originator, one.case, id_) for id_, one in found.items() if one is not None}
    return sorted((one for one in due if one.handoff in order), key=lambda one: order[one.handoff])


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
        events.record(
            self.work,
            action,
            parties,
            event=self.ports.new_id(),
            simulated_date=self.ports.reference_date(self.now).simulated_date,
            details=(events.shared("subject", canonical.encode(subject).decode(), parties),),
            handoff=handoff.id,
            case_digest=handoff.case_digest,
        )
