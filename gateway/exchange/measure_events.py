"""What is recorded of a measure, and who is told of it.

The event is for the setter and the originator. Whoever else holds the case, or may take it, gets
one of its own that says of what kind the measure is and until when: not who set it, and not why.
"""

from dataclasses import replace

from gateway.domain.audit_event import EventDetail, Party
from gateway.domain.case import Case
from gateway.domain.handoff import HOLDING
from gateway.domain.measure import MEASURES, Measure, MeasureKind
from gateway.evidence import canonical
from gateway.exchange.interests import is_barred
from gateway.kernel import events
from gateway.kernel.transact import EventSubject, RequestContext


def record_measure(
    context: RequestContext, case: Case, measure: Measure, reason: str, action: str
) -> None:
    """Record that a measure was set or ended (``measure.id`` is the event that set it)."""
    setter = measure.setter
    parties = [Party(case.originator, "originator")]
    if setter != case.originator:
        parties.append(Party(setter, "recipient"))
    known = {
        "measure": str(measure.id),
        "kind": str(measure.kind),
        "until": measure.until and measure.until.isoformat(),
    }
    subject = canonical.encode({**known, "elements": list(measure.elements)}).decode()
    own = (EventDetail("reason", reason, frozenset({setter})),) if reason else ()
    is_set = measure.ended_at is None
    context.record(
        tuple(parties),
        *own,
        events.shared("subject", subject, parties),
        action=action,
        event=measure.id if is_set else context.event,
    )
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
        action = MEASURES[MeasureKind.MARK].action
        record_measure(context, case, measure, f"{measure.code}, version {version}", action)
    context.about = about
