"""Retentions of holders, made and ended in the transaction of the act that they follow from."""

from datetime import UTC, date, datetime, time

from gateway.domain.duty import DutyKind, begin
from gateway.domain.handoff import Handoff
from gateway.domain.refusals import ValidationFailed
from gateway.domain.retention import Retention, RetentionGround, retention_errors, review_day
from gateway.exchange import duties
from gateway.exchange.civil_day import civil_day
from gateway.kernel.ports import UnitOfWork
from gateway.kernel.transact import RequestContext


def set_retention(
    context: RequestContext,
    handoff: Handoff,
    ground: RetentionGround,
    *,
    legal_basis: str | None,
    until: date | None = None,
    review_on: date | None = None,
) -> Retention:
    """Let the recipient of a handoff keep its case, by the event of this request.

    It replaces the retention before, and its review is the review of that one. Without
    ``review_on`` it is reviewed at its end, or after three years. Raises ValidationFailed.
    """
    day = civil_day(context.ports, context.now)
    if errors := tuple(retention_errors(day, until, review_on)):
        raise ValidationFailed(errors)
    made = Retention(
        id=context.event,
        originator=handoff.originator,
        case=handoff.case,
        handoff=handoff.id,
        holder=handoff.recipient,
        ground=ground,
        legal_basis=legal_basis,
        until=until,
        review_on=review_day(day, until, review_on),
        since=context.now,
    )
    _close(context.work, handoff, context.now)
    context.work.retentions.add(made)
    due = datetime.combine(made.review_on, time.min, UTC)
    owed = begin(handoff, DutyKind.RETENTION_REVIEW, made.id, context.now, due)
    duties.add(context.work, owed)
    return made


def end_retention(work: UnitOfWork, handoff: Handoff, now: datetime) -> Retention | None:
    """End what the recipient of a handoff retains, for good; the one that ended, if any.

    The caller records the event.
    """
    return _close(work, handoff, now)


def _close(work: UnitOfWork, handoff: Handoff, now: datetime) -> Retention | None:
    found = work.retentions.of_handoff(handoff.id)
    if found is None:
        return None
    work.retentions.end(found.id, now)
    for duty in work.duties.of(handoff.id, open_only=True):
        if duty.kind is DutyKind.RETENTION_REVIEW:
            work.duties.save(duty.close(now))
    return found


def retention_in_force(context: RequestContext, handoff: Handoff) -> Retention | None:
    """What the recipient of a handoff retains today."""
    found = context.work.retentions.of_handoff(handoff.id)
    holds = found is not None and found.holds(civil_day(context.ports, context.now))
    return found if holds else None
