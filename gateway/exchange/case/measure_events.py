"""Events of measures: what is recorded of one, and which parties hear of it.

The event is for who asked and the originator. Whoever else holds the case, or may take it, gets one
of its own that says of what kind the measure is and until when: not who set it, and not why.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any
from uuid import UUID

from gateway.domain.answers import ANSWERS, AnswerAuthor
from gateway.domain.audit_event import EventDetail, Party
from gateway.domain.case import Case
from gateway.domain.handoff import Handoff, offers_of
from gateway.domain.measure import MEASURES, RESTRICTING, Measure, MeasureKind
from gateway.domain.organisation import Organisation, OrganisationName
from gateway.evidence import handoff_documents, sd_jwt
from gateway.exchange.standing.case_version import in_force, read_version
from gateway.exchange.standing.disclosure import answer_as_read
from gateway.exchange.standing.duties import arrive, is_holder
from gateway.exchange.standing.interests import is_barred
from gateway.kernel import events
from gateway.kernel.events import EventSubject
from gateway.kernel.request import RequestContext

END = "case.end_measure"


HOLD = "case.hold"
"""The action of the event by which a private holder hears of an embargo."""


def known(measure: Measure, holder: Organisation | None = None) -> dict[str, Any]:
    """Return what a holder learns of a measure; None: a party that knows its hour."""
    until = measure.until if holder is None else measure.until_for(holder.kind)
    private = holder is not None and not holder.public_authority
    return {
        "measure": str(measure.id),
        "kind": str(measure.kind_for(private=private)),
        "until": until and until.isoformat(),
        **({} if measure.before is None else {"before": measure.before}),
    }


def record_measure(
    context: RequestContext,
    case: Case,
    measure: Measure,
    said: Mapping[str, str | None],
    *,
    to_setter: str | None = None,
    to_originator: bool = False,
    action: str | None = None,
    event: UUID | None = None,
) -> None:
    """Record for who asked and the originator, then for the setter, where that is another, and for
    each other holder.

    ``said`` are details for who asked, ``to_setter`` the reason that the setter reads, too; with
    ``to_originator`` the originator reads it as well, and which organisation asked.
    ``action`` and ``event`` name another one than that of the request.
    """
    own = context.caller.organisation
    recipient = [] if own == case.originator else [Party(own, "recipient")]
    parties = [Party(case.originator, "originator"), *recipient]
    shown = {**known(measure), "elements": list(measure.elements)}
    about = {**shown, "by": own}
    readers = {"reason": frozenset({own, case.originator})} if to_originator else {}
    texts = ((kind, text) for kind, text in said.items() if text)
    asked = [EventDetail(one, text, readers.get(one, frozenset({own}))) for one, text in texts]
    subject = events.subject(about if to_originator else shown, *parties)
    context.record(tuple(parties), *asked, subject, action=action, event=event)
    if own != case.originator and (handoff := context.about.handoff):
        to = (handoff, case.originator, AnswerAuthor.ORIGINATOR)
        arrive(context.work, context.request.action, *to, source=context.event, since=context.now)
    told = {case.originator, own}
    if measure.setter not in told:
        told.add(measure.setter)
        where = replace(EventSubject.of_case(case), handoff=measure.handoff)
        tell(context, measure, measure.setter, about, where, action=action, reason=to_setter)
    tell_holders(context, measure, told, action)


def tell_holders(
    context: RequestContext, measure: Measure, told: set[str], action: str | None = None
) -> None:
    """Let each holder hear of a measure, but those who have heard: what, not who or why."""
    for one in context.work.handoffs.of_case(measure.originator, measure.case):
        if one.recipient in told or not (one.hears or is_holder(context.work, one)):
            continue
        if not reads_of(context, measure, one):
            continue
        told.add(one.recipient)
        if is_barred(context.work, one.id, context.today.day):
            continue
        holder = context.require(one.recipient)
        shown = known(measure, holder)
        if measure.kind in RESTRICTING and OrganisationName(one.recipient).peer is not None:
            shown["elements"] = _offered_of(context, measure, one)  # its gateway restricts them
        elif measure.kind is MeasureKind.SUSPENSION and not measure.elements:
            shown["elements"] = []  # who is refused everything learns no more by this
        where, done = EventSubject.of_handoff(one), action or context.request.action
        if shown["kind"] == MeasureKind.HOLD:
            done = HOLD if measure.ended_at is None else END
        tell(context, measure, one.recipient, shown, where, action=done)


def _offered_of(context: RequestContext, measure: Measure, handoff: Handoff) -> list[str]:
    """The elements that a measure is on, as far as one of the packages of a handoff has them."""
    offered = set[str]()
    for one in offers_of(context.work.handoffs.moves(handoff.id)) if measure.elements else ():
        if one.document:
            claims = handoff_documents.read_offer(sd_jwt.read_stored(one.document))
            placed = read_version(context.work, claims.case_digest).said.placed
            shown = (p for p in placed if p.in_array and p.digest in claims.disclosures)
            offered.update(str(p.value["id"]) for p in shown)
    return [one for one in measure.elements if one in offered]


def reads_of(context: RequestContext, measure: Measure, handoff: Handoff) -> bool:
    """Tell whether the recipient of a handoff learns of a measure: of an embargo no private one
    that never opened the case. It has nothing to act on, and would guess what is planned (R7)."""
    return (
        measure.kind is not MeasureKind.EMBARGO
        or context.require(handoff.recipient).public_authority
        or context.work.handoffs.is_consulted(handoff.id)
    )


def tell(
    context: RequestContext,
    measure: Measure,
    organisation: str,
    said: Mapping[str, Any],
    about: EventSubject,
    *,
    action: str | None = None,
    reason: str | None = None,
) -> None:
    """Record what was done for one organisation that did not ask it.

    The ``reason`` is a detail of its own: it is in words, and ends with the case's key.
    """
    originates, event = organisation == measure.originator, context.ports.new_id()
    parties = events.gateway_and(organisation, role="originator" if originates else "recipient")
    action = action or context.request.action
    # What a correction left as evidence comes with that, which asks for more.
    if (handoff := about.handoff or measure.handoff) is not None and measure.before is None:
        side = AnswerAuthor.ORIGINATOR if originates else AnswerAuthor.RECIPIENT
        to = (handoff, organisation, side)
        arrive(context.work, action, *to, source=event, since=context.now)
    events.record_by_gateway(
        context.ports,
        context.work,
        action,
        parties,
        *events.reason(reason, *parties),
        said=said,
        event=event,
        of=about,
    )


def tell_of_removal(
    context: RequestContext, case: Case, author: Organisation, fields: Mapping[str, Any]
) -> None:
    """Let who set an embargo on a case of another hear at once of a removal that its ``author``
    reports meanwhile: of which kind of holder, and the outcome, as far as it reads that (R5)."""
    where, told = EventSubject.of_case(case), {author.slug, case.originator}
    for one in in_force(context.work, case, context.now):
        on_it = one.kind is MeasureKind.EMBARGO and one.overlaps(fields.get("items", ()))
        if on_it and one.setter not in told:
            told.add(one.setter)
            code, _ = answer_as_read(
                context, ANSWERS["outcome"], fields, (), author=author.slug, reader=one.setter
            )
            said = {"measure": str(one.id), "holder": author.kind, "outcome": code}
            at = replace(where, handoff=one.handoff)
            tell(context, one, one.setter, said, at, action="case.report_removal")


# --- What a clearance does -----------------------------------------------------------------------


def end_suspensions(context: RequestContext, case: Case) -> None:
    """End suspensions at a clearance, for the cleared version says what is right."""
    if not case.measured:
        return
    for one in context.work.cases.measures(case.originator, case.id):
        if one.kind is MeasureKind.SUSPENSION and one.holds(context.now):
            context.work.cases.end_measure(one.id, context.now)
            ended = replace(one, ended_at=context.now)
            why = {"reason": f"version {case.version} was cleared"}
            record_measure(context, case, ended, why, action=END, event=context.ports.new_id())


def keep_as_evidence(context: RequestContext, case: Case, after: int) -> None:
    """Mark what corrections after version ``after`` call unlawful, in every version before them.

    The two persons who decide a mark are those who assessed and cleared the correction.
    """
    unlawful = context.work.cases.unlawful(case.originator, case.id, after)
    if not unlawful:
        return
    context.work.cases.save(replace(case, measured=True, revision=case.revision + 1))
    about, context.about = context.about, EventSubject.of_case(case)
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
        why = {"reason_code": measure.code, "reason": f"version {version}"}
        action = MEASURES[measure.kind].action
        record_measure(context, case, measure, why, action=action, event=measure.id)
    context.about = about
