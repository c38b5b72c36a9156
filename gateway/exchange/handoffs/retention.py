"""Retentions of holders: made and ended within the act that they follow from, or by their time."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime, timedelta
from operator import attrgetter
from uuid import UUID

from gateway.domain.answers import ANSWERS
from gateway.domain.decision import handoff_entity
from gateway.domain.duty import DUTIES, DutyKind, HandoffDuty, begin, start_of
from gateway.domain.handoff import Handoff
from gateway.domain.measure import Measure
from gateway.domain.out_of_service import SEE_HANDOFF
from gateway.domain.refusals import CaseErased, OutOfService, ValidationFailed
from gateway.domain.retention import (
    AFTER_LEAVING,
    Retention,
    RetentionEnd,
    RetentionGround,
    in_years,
    registered_retention,
    retention_errors,
    review_day,
)
from gateway.exchange.results import RetentionView
from gateway.exchange.standing.disclosure import answer_as_read
from gateway.exchange.standing.handoff_standing import stored_differences
from gateway.exchange.standing.leaving import left_on
from gateway.kernel import events
from gateway.kernel.events import EventSubject
from gateway.kernel.ports import Ports, TransactionMode, UnitOfWork
from gateway.kernel.request import RequestContext, allows

ENDED = "handoff.end_retention"

AT_ONCE = 50
"""Retentions that are ended in one transaction: writers wait meanwhile."""

REMINDED_BEFORE = timedelta(days=30)
"""How long before its day a review is reminded of."""


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
    ``review_on`` its review is due when it ends, or after three years; of who may state no
    retention, and keeps what was recalled, none is asked. A copy in its days of grace stands from
    now on. Raises ValidationFailed.
    """
    day = context.today.civil
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
    context.work.retentions.end_grace(handoff.id)
    _owe_review(context, handoff, made)
    return made


def _owe_review(context: RequestContext, handoff: Handoff, made: Retention) -> None:
    """Begin the review of a retention, for who may state one."""
    kind = DutyKind.RETENTION_REVIEW
    originator = context.entity(context.require(handoff.originator))
    resource = handoff_entity(handoff, originator, context.entity())
    if allows(context, resource, action=DUTIES[kind].action):
        owed = begin(handoff, kind, made.id, context.now, start_of(made.review_on))
        context.work.duties.add(wait_for_review(owed, context.now))


def wait_for_review(owed: HandoffDuty, now: datetime) -> HandoffDuty:
    """The review of a retention, of which its holder is reminded some days before."""
    return owed.wait(max(now, owed.due_at - REMINDED_BEFORE))


def apply_registered_retention(context: RequestContext, handoff: Handoff) -> None:
    """Retain what the caller accepts by this request, where a term for its purpose is recorded."""
    day = context.today.civil
    found = registered_retention(context.organisation.retentions, handoff.purpose, day)
    if found is not None:
        set_retention(
            context,
            handoff,
            RetentionGround.REGISTERED,
            legal_basis=found.legal_act,
            until=None if found.years is None else in_years(day, found.years),
            review_on=in_years(day, found.review_years),
        )


def end_retention(work: UnitOfWork, handoff: Handoff, now: datetime) -> Retention | None:
    """End what the recipient of a handoff retains, for good; the one that ended, if any.

    The key of its copy is doomed: what the caller records destroys it. The caller records it.
    """
    work.retentions.drop_copy(handoff.id)
    return _close(work, handoff, now)


_OWED = frozenset({DutyKind.RETENTION, DutyKind.RETENTION_REVIEW})


def _close(work: UnitOfWork, handoff: Handoff, now: datetime) -> Retention | None:
    for duty in work.duties.of(handoff.id, open_only=True):
        if duty.kind in _OWED:
            work.duties.save(duty.close(now))
    found = work.retentions.of_handoff(handoff.id)
    if found is not None:
        work.retentions.end(found.id, now)
    return found


def view_on_retention(
    context: RequestContext, retention: Retention, measures: Iterable[Measure]
) -> RetentionView:
    """A retention as a party of the handoff may see it: the others, that there is one."""
    _, read = answer_as_read(
        context,
        ANSWERS["retention"],
        vars(retention),
        measures,
        author=retention.holder,
        reader=context.caller.organisation,
    )
    if "legal_basis" not in read:
        return RetentionView(retention.id)
    return RetentionView(
        retention.id,
        retention.ground,
        retention.legal_basis,
        retention.until,
        retention.review_on,
    )


def end_due(ports: Ports) -> bool:
    """End the retentions, and days of grace, that are over; whether more are to be ended at once.

    One that is not what its holder said, or was registered, stays. Raises LogFrozen, Busy;
    OutOfService where nothing is left but such. The keys of their copies are doomed by this, and
    destroyed after it.
    """
    day = ports.reference_date(ports.now()).civil
    with ports.begin(TransactionMode.READ) as work:
        left = [
            holder
            for holder in work.retentions.holders()
            if (since := left_on(ports, work, holder)) and since + AFTER_LEAVING <= day
        ]
        found = filter(None, map(work.handoffs.get, _over(work, left, day)))
        ordered = sorted(found, key=attrgetter("lock_order"))
    if not ordered and not left:
        return False
    with ports.begin(TransactionMode.WRITE) as work:
        held = [work.handoffs.get(one.id) for one in ordered]
        over = _over(work, left, day)  # a holder may have stated a retention until now
        due = [one for one in held if one is not None and one.id in over]
        ended = [one for one in due if not _differs(ports, work, one)]
        for handoff in ended:
            end_and_record(ports, work, handoff, over[handoff.id])
        for holder in left:
            if not work.retentions.of_holder(holder, 1):
                work.retentions.end_answer_key(holder)
                work.items.end(holder)
        work.commit()
    if due and not ended:
        raise OutOfService(
            "what is retained is over by rows that are not what the documents and the log say: "
            f"{SEE_HANDOFF}"
        )
    return len(ended) >= AT_ONCE


def _differs(ports: Ports, work: UnitOfWork, handoff: Handoff) -> bool:
    """Tell whether the end of what the recipient of a handoff retains may have been changed, of
    which the operator hears; not where the key is gone, and with it all that could be lost."""
    try:
        names = stored_differences(ports, work, handoff)
    except CaseErased:
        return False
    if names:
        ports.differs(handoff.id, names)
    return bool(names)


def _over(work: UnitOfWork, left: Sequence[str], day: date) -> Mapping[UUID, RetentionEnd]:
    """The handoffs of which something that was retained is to be ended, and why."""
    over = dict.fromkeys(work.retentions.over(day, AT_ONCE), RetentionEnd.UNTIL)
    for holder in left:
        over |= dict.fromkeys(work.retentions.of_holder(holder, AT_ONCE), RetentionEnd.LEFT)
    return over


def end_and_record(ports: Ports, work: UnitOfWork, handoff: Handoff, why: RetentionEnd) -> None:
    """End what the recipient of a handoff retains, by an event that its holder reads."""
    ended = end_retention(work, handoff, ports.now())
    if why is RetentionEnd.UNTIL and ended is None:
        why = RetentionEnd.NONE_STATED
    said = {"why": str(why), **({} if ended is None else {"retention": str(ended.id)})}
    events.record_by_gateway(
        ports,
        work,
        ENDED,
        events.gateway_and(handoff.recipient, role="recipient"),
        said=said,
        of=EventSubject.of_handoff(handoff),
    )
