"""Events of measures: what is recorded of one, and which parties hear of it.

The event is for the setter and the originator. Whoever else holds the case, or may take it, gets
one of its own that says of what kind the measure is and until when: not who set it, and not why.
"""

from dataclasses import replace
from typing import Any
from uuid import UUID

from gateway.domain.audit_event import EventDetail, Party
from gateway.domain.case import Case
from gateway.domain.handoff import HOLDING
from gateway.domain.measure import MEASURES, Measure, MeasureKind
from gateway.evidence import canonical
from gateway.exchange.interests import is_barred
from gateway.kernel import events
from gateway.kernel.transact import EventSubject, RequestContext

END = "case.end_measure"


def record_measure(
    context: RequestContext,
    case: Case,
    measure: Measure,
    reason: str,
    *,
    ended_by: UUID | None = None,
) -> None:
    """Record that a measure was set, by the event of its id, or ended, by another one."""
    action = MEASURES[measure.kind].action if ended_by is None else END
    setter = measure.setter
    parties = [Party(case.originator, "originator")]
    if setter != case.originator:
        parties.append(Party(setter, "recipient"))
    known: dict[str, Any] = {
        "measure": str(measure.id),
        "kind": str(measure.kind),
        "until": measure.until and measure.until.isoformat(),
        **({} if measure.before is None else {"before": measure.before}),
    }
    subject = canonical.encode({**known, "elements": list(measure.elements)}).decode()
    own = (EventDetail("reason", reason, frozenset({setter})),) if reason else ()
    context.record(
        tuple(parties),
        *own,
        events.shared("subject", subject, parties),
        action=action,
        event=ended_by or measure.id,
    )
    if measure.kind is MeasureKind.SUSPENSION and not measure.elements:
        known["elements"] = []  # who is refused everything learns no more by this
    told = {case.originator, setter}
    for one in context.work.handoffs.sent_of(case.originator, case.id):
        if one.recipient in told or one.state not in HOLDING:
            continue
        told.add(one.recipient)
        if is_barred(context.work, one.handoff, context.today.day):
            continue
        holder = events.gateway_and(one.recipient, role="recipient")
        events.record(
            context.work,
            action,
            holder,
            event=context.ports.new_id(),
            simulated_date=context.today.simulated_date,
            details=(events.shared("subject", canonical.encode(known).decode(), holder),),
            handoff=one.handoff,
            case_digest=one.case_digest,
        )


def end_suspensions(context: RequestContext, case: Case) -> None:
    """End suspensions at a clearance, for the cleared version says what is right."""
    if not case.measured:
        return
    for one in context.work.cases.measures(case.originator, case.id):
        if one.kind is MeasureKind.SUSPENSION and one.holds(context.now):
            context.work.cases.end_measure(one.id, context.now)
            ended = replace(one, ended_at=context.now)
            reason = f"version {case.version} was cleared"
            record_measure(context, case, ended, reason, ended_by=context.ports.new_id())


def keep_as_evidence(context: RequestContext, case: Case, after: int) -> None:
    """Mark what corrections after version ``after`` call unlawful, in every version before them.

    The two persons who decide a mark are those who assessed and cleared the correction.
    """
    unlawful = context.work.cases.unlawful(case.originator, case.id, after)
    if not unlawful:
        return
    context.work.cases.save(replace(case, measured=True, revision=case.revision + 1))
    about, context.about = context.about, EventSubject(case_digest=case.digest)
    for version, elements in unlawful:
        measure = Measure(
            id=context.ports.new_id(),
            originator=case.originator,
            case=case.id,
            kind=MeasureKind.MARK,
            setter=case.originator,
            code="kept_as_evidence",
            elements=elements,
            since=context.now,
            until=None,
            before=version,
        )
        context.work.cases.add_measure(measure)
        record_measure(context, case, measure, f"{measure.code}, version {version}")
    context.about = about
