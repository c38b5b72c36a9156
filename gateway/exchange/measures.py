"""Measures on a case: set, renewed and ended by its originator, or an authority that holds it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from typing import Any, cast
from uuid import UUID

from gateway.domain.case import Case
from gateway.domain.decision import PolicyEntity, case_entity
from gateway.domain.handoff import Handoff
from gateway.domain.measure import JUDGE, MEASURES, Measure, MeasureKind, check_persons, check_term
from gateway.domain.refusals import ValidationFailed
from gateway.domain.staff import APPROVING, NamedPerson
from gateway.evidence import sd_jwt
from gateway.exchange.cases import find, view_on, view_on_measure
from gateway.exchange.handoffs import entity_of, party_to
from gateway.exchange.measure_events import END, record_measure
from gateway.exchange.results import MeasureView
from gateway.kernel.ports import Ports
from gateway.kernel.transact import (
    ActionRequest,
    EventSubject,
    RequestContext,
    WriteResult,
    authorize,
    deny_as_not_found,
    prepare,
    transact,
)
from gateway.kernel.values import Caller, LoggedEvent


@dataclass(frozen=True)
class MeasureRequest:
    """What an organisation sets: of which kind, why, on which elements (none: the whole case),
    until when. ``approved_by`` is the second person; ``authority`` and ``reference`` are claims."""

    kind: MeasureKind
    by: str
    code: str
    elements: tuple[str, ...] = ()
    until: datetime | None = None
    approved_by: str | None = None
    authority: str | None = None
    reference: str | None = None

    def asked(self) -> dict[str, Any]:
        """What a retry must repeat."""
        return {
            "kind": str(self.kind),
            "code": self.code,
            "elements": list(self.elements),
            "until": self.until.isoformat() if self.until else None,
            "approved_by": self.approved_by,
            "authority": self.authority,
            "reference": self.reference,
        }


@dataclass(frozen=True)
class MeasureEnd:
    """Who ends a measure before its time; ``approved_by`` is the second person."""

    measure: UUID
    by: str
    approved_by: str | None = None

    def asked(self) -> dict[str, Any]:
        """What a retry must repeat."""
        return {"measure": str(self.measure), "approved_by": self.approved_by}


Act = Callable[[RequestContext, Case, PolicyEntity], MeasureView]


def on_case(
    ports: Ports, caller: Caller, key: str, case: UUID, wanted: MeasureRequest | MeasureEnd
) -> WriteResult:
    """Set, renew or end a measure on one's own case.

    Raises ValidationFailed (term, element), SecondPersonRequired, EditConflict (it has ended).
    """
    request, act = _asked(wanted, key, {"case": str(case)})

    def acted(context: RequestContext) -> MeasureView:
        found, version = find(context, case)
        verified = sd_jwt.read_stored(version.document)
        view = view_on(verified, version, found.state, context.today.day)
        context.about = EventSubject(case_digest=found.digest)
        return act(context, found, case_entity(view, context.entity()))

    return transact(ports, caller, request, acted, partial(_again, wanted))


def on_handoff(
    ports: Ports, caller: Caller, key: str, handoff: UUID, wanted: MeasureRequest | MeasureEnd
) -> WriteResult:
    """Likewise on a case that the caller holds by mandate."""
    request, act = _asked(wanted, key, {"handoff": str(handoff)})
    held = prepare(ports, caller, request, lambda context: party_to(context, handoff))
    acted = None if held is None else partial(_act_on_handoff, act, held)
    return transact(ports, caller, request, acted, partial(_again, wanted))


def _act_on_handoff(act: Act, held: Handoff, context: RequestContext) -> MeasureView:
    # The case first, and for itself alone: a handoff would share its row with others.
    case = context.work.cases.get(held.originator, held.case)
    if case is None:
        deny_as_not_found()
    context.about = EventSubject(held.id, held.case_digest)
    return act(context, case, entity_of(context, party_to(context, held.id)))


def _asked(
    wanted: MeasureRequest | MeasureEnd, key: str, where: Mapping[str, str]
) -> tuple[ActionRequest, Act]:
    if isinstance(wanted, MeasureEnd):
        action, act = END, cast(Act, partial(_end, wanted))
    else:
        action, act = MEASURES[wanted.kind].action, partial(_set, wanted)
    second = wanted.approved_by
    persons = () if second is None else (NamedPerson("/approved_by", second, APPROVING),)
    content = {**where, **wanted.asked()}
    return ActionRequest(action, wanted.by, key, content, persons=persons), act


def _again(
    wanted: MeasureRequest | MeasureEnd, context: RequestContext, logged: LoggedEvent
) -> MeasureView:
    set_by = wanted.measure if isinstance(wanted, MeasureEnd) else logged.event.id
    found = context.work.cases.measure(set_by)
    if found is None:
        deny_as_not_found()
    return view_on_measure(context.organisation, found)


def _set(
    wanted: MeasureRequest, context: RequestContext, case: Case, resource: PolicyEntity
) -> MeasureView:
    authorize(context, resource)
    _check(context, case, wanted)
    setter, now = context.caller.organisation, context.now
    kind = MEASURES[wanted.kind]
    embargo = wanted.kind is MeasureKind.EMBARGO
    terms = context.ports.embargo_terms if embargo else kind.terms
    renewed = [
        one
        for one in context.work.cases.measures(case.originator, case.id)
        if (one.kind, one.setter) == (wanted.kind, setter)
        and one.overlaps(wanted.elements)
        and one.is_renewed(terms, now)
    ]
    measure = Measure(
        id=context.event,
        originator=case.originator,
        case=case.id,
        kind=wanted.kind,
        setter=setter,
        code=wanted.code,
        elements=wanted.elements,
        since=min((one.since for one in renewed), default=now),
        until=wanted.until,
    )
    check_persons(wanted.by, wanted.approved_by, 2 if renewed else kind.persons)
    check_term(measure, terms, now, renews=bool(renewed))
    for one in renewed:
        if one.holds(now) and set(one.elements) == set(wanted.elements):
            context.work.cases.end_measure(one.id, now)
    context.work.cases.save(replace(case, measured=True, revision=case.revision + 1))
    context.work.cases.add_measure(measure)
    grounds = (wanted.code, wanted.authority, wanted.reference, wanted.approved_by)
    reason = ", ".join(filter(None, grounds))
    record_measure(context, case, measure, reason)
    return view_on_measure(context.organisation, measure)


def _check(context: RequestContext, case: Case, wanted: MeasureRequest) -> None:
    kind = MEASURES[wanted.kind]
    if wanted.code not in kind.codes:
        raise ValidationFailed((("/code", f"is one of {', '.join(kind.codes)}"),))
    if wanted.code == JUDGE and not (wanted.authority and wanted.reference):
        raise ValidationFailed((("/authority", "name the judicial authority and its reference"),))
    if not wanted.elements and not kind.whole_case:
        raise ValidationFailed((("/elements", "name at least one element by its id"),))
    version = context.work.cases.version(case.digest)
    if version is None:
        deny_as_not_found()
    known = {p.value["id"] for p in sd_jwt.read_stored(version.document).placed if p.in_array}
    if not known.issuperset(wanted.elements):
        raise ValidationFailed((("/elements", "name elements of the case by their ids"),))


def _end(
    wanted: MeasureEnd, context: RequestContext, case: Case, resource: PolicyEntity
) -> MeasureView:
    found = context.work.cases.measure(wanted.measure)
    if found is None or (found.originator, found.case) != (case.originator, case.id):
        deny_as_not_found()
    authorize(context, resource, {"setter": found.setter == context.caller.organisation})
    check_persons(wanted.by, wanted.approved_by, MEASURES[found.kind].persons)
    context.work.cases.end_measure(found.id, context.now)
    context.work.cases.save(replace(case, revision=case.revision + 1))
    ended = replace(found, ended_at=context.now)
    record_measure(context, case, ended, wanted.approved_by or "", ended_by=context.event)
    return view_on_measure(context.organisation, ended)
