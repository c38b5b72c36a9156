"""Measures on a case: set, renewed, contested, confirmed and ended.

An originator sets them on its own case, an authority on one that it holds. Who hears of it says
`gateway.exchange.measure_events`.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from typing import Any, ClassVar
from uuid import UUID

from gateway.domain.audit_event import Party
from gateway.domain.case import Case, CaseState
from gateway.domain.decision import PolicyEntity, Value
from gateway.domain.duty import DutyKind, HandoffDuty, begin
from gateway.domain.handoff import Handoff, RecallAnswer
from gateway.domain.json_values import Asked
from gateway.domain.measure import (
    CONFIRMED_WITHIN,
    IN_DANGER,
    JUDGE,
    MEASURES,
    Measure,
    MeasureKind,
    check_persons,
    check_term,
)
from gateway.domain.refusals import EditConflict, NotFound, ValidationFailed, WrongState
from gateway.domain.staff import second_person
from gateway.domain.vocabulary import Urgency
from gateway.exchange.cases import find, own_entity, view_on_measure
from gateway.exchange.handoffs.access import entity_of, party_to
from gateway.exchange.measure_events import (
    END,
    known,
    record_measure,
    tell,
    tell_holders,
)
from gateway.exchange.results import Contested, MeasureView
from gateway.exchange.versions import read_version
from gateway.kernel import events
from gateway.kernel.changes import ChangeContext, ChangeType
from gateway.kernel.fields import identifier, prose
from gateway.kernel.ports import Ports
from gateway.kernel.transact import (
    ActionRequest,
    EventSubject,
    RequestContext,
    WriteResult,
    authorize,
    deny_as_not_found,
    transact,
)
from gateway.kernel.values import Caller, LoggedEvent

CONTEST = "case.contest_embargo"
CONFIRM = "case.confirm_embargo"
LIFT = "case.lift_embargo"

_ON_CONTEST = (DutyKind.CONFIRMATION, DutyKind.CONFIRMATION_IN_DANGER)


@dataclass(frozen=True)
class MeasureRequest(Asked):
    """What an organisation sets: of which kind, why, on which elements (none: the whole case),
    until when (an embargo without it: as long as one may). ``approved_by`` is the second person;
    ``authority``, ``reference`` and ``preservation_reference`` are claims."""

    kind: MeasureKind
    by: str
    code: str
    elements: tuple[str, ...] = ()
    until: datetime | None = None
    approved_by: str | None = None
    authority: str | None = None
    reference: str | None = None
    preservation_reference: str | None = None

    @property
    def action(self) -> str:
        """The policy's."""
        return MEASURES[self.kind].action


@dataclass(frozen=True)
class _OnMeasure(Asked):
    """What is asked about a measure that was set: by whom, and why."""

    action: ClassVar[str]
    measure: UUID
    by: str
    approved_by: str | None = None
    reason: str | None = None


@dataclass(frozen=True)
class MeasureEnd(_OnMeasure):
    """Who ends a measure before its time; ``approved_by`` is the second person.

    Who did not set it, and ends it because its setter has not answered, says why.
    """

    action = END


@dataclass(frozen=True)
class EmbargoContest(_OnMeasure):
    """Who contests an embargo of another, on which of CONTEST_GROUNDS."""

    action = CONTEST
    ground: str = "other"


@dataclass(frozen=True)
class EmbargoConfirmation(_OnMeasure):
    """Who confirms its own embargo, after somebody contested it."""

    action = CONFIRM


Wanted = MeasureRequest | MeasureEnd | EmbargoContest | EmbargoConfirmation


@dataclass(frozen=True)
class _Place:
    """The case that a measure is on, as policy sees it, and the handoff by which the caller holds
    it, None for its own case."""

    case: Case
    resource: PolicyEntity
    held: Handoff | None = None


Act = Callable[[Any, RequestContext, _Place], MeasureView | Contested]


def on_case(ports: Ports, caller: Caller, key: str, case: UUID, wanted: Wanted) -> WriteResult:
    """Set, renew or end a measure on one's own case; contest or confirm an embargo on it.

    Raises ValidationFailed (term, element, ground), SecondPersonRequired, EditConflict (it has
    ended), WrongState (contested before, or by nobody).
    """
    request = _request(wanted, key, {"case": str(case)})

    def acted(context: RequestContext) -> MeasureView | Contested:
        found, version = find(context, case)
        context.about = EventSubject(case_digest=found.digest)
        place = _Place(found, own_entity(context, found, version))
        return _ACTS[type(wanted)](wanted, context, place)

    return transact(ports, caller, request, acted, partial(_again, wanted, None))


def on_handoff(
    ports: Ports, caller: Caller, key: str, handoff: UUID, wanted: Wanted
) -> WriteResult:
    """Likewise on a case that the caller holds by mandate. Who erased its copies ends what it set,
    and does nothing else (WrongState)."""
    request = _request(wanted, key, {"handoff": str(handoff)})
    return transact(
        ports,
        caller,
        request,
        lambda context: _act_on_handoff(context, wanted, handoff),
        partial(_again, wanted, handoff),
    )


def _act_on_handoff(
    context: RequestContext, wanted: Wanted, handoff: UUID
) -> MeasureView | Contested:
    # The case first, and for itself alone: a handoff would share its row with others.
    place = context.work.handoffs.case_of(handoff) or deny_as_not_found()
    case = context.work.cases.get(*place) or deny_as_not_found()
    held = party_to(context, handoff)
    context.about = EventSubject(held.id, held.case_digest)
    erased = held.recall_answer is RecallAnswer.COPIES_ERASED
    if erased and not isinstance(wanted, MeasureEnd):
        raise WrongState("you erased your copies: end what you set; you set and confirm no more")
    return _ACTS[type(wanted)](wanted, context, _Place(case, entity_of(context, held), held))


def _request(wanted: Wanted, key: str, where: Mapping[str, str]) -> ActionRequest:
    persons = second_person("/approved_by", wanted.approved_by)
    content = {**where, **wanted.asked()}
    return ActionRequest(wanted.action, wanted.by, key, content, persons=persons)


def _again(
    wanted: Wanted, handoff: UUID | None, context: RequestContext, logged: LoggedEvent
) -> MeasureView | Contested:
    set_by = logged.event.id if isinstance(wanted, MeasureRequest) else wanted.measure
    found = context.work.cases.measure(set_by)
    if found is None:
        deny_as_not_found()
    if not isinstance(wanted, EmbargoContest):
        ended_at = found.ended_at if isinstance(wanted, MeasureEnd) else None
        return view_on_measure(context.organisation, replace(found, ended_at=ended_at))
    where, owed = found.handoff or handoff, _kind_of(wanted)
    duties = () if where is None else context.work.duties.of(where)
    (one,) = (one for one in duties if (one.kind, one.source) == (owed, found.id))
    return Contested(found.id, one.due_at)


# --- Setting -------------------------------------------------------------------------------------


def _set(wanted: MeasureRequest, context: RequestContext, place: _Place) -> MeasureView:
    authorize(context, place.resource)
    case, setter, now = place.case, context.caller.organisation, context.now
    _check(context, case, wanted)
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
    until = wanted.until
    if embargo and until is None:
        default = context.ports.embargo_terms
        until = now + (default.renewal if renewed else default.longest)
    measure = Measure(
        id=context.event,
        originator=case.originator,
        case=case.id,
        kind=wanted.kind,
        setter=setter,
        code=wanted.code,
        elements=wanted.elements,
        since=min((one.since for one in renewed), default=now),
        until=until,
        handoff=None if place.held is None else place.held.id,
    )
    check_persons(wanted.by, wanted.approved_by, 2 if renewed else kind.persons)
    check_term(measure, terms, now, renews=bool(renewed))
    for one in renewed:
        if one.holds(now) and set(one.elements) == set(wanted.elements):
            _close(context, one)
    context.work.cases.save(replace(case, measured=True, revision=case.revision + 1))
    context.work.cases.add_measure(measure)
    preservation = wanted.preservation_reference and f"preservation {wanted.preservation_reference}"
    grounds = (wanted.authority, wanted.reference, preservation)
    said = {
        "reason_code": wanted.code,
        "reason": ", ".join(filter(None, grounds)),
        "approved_by": wanted.approved_by,
    }
    record_measure(context, case, measure, said)
    return view_on_measure(context.organisation, measure)


def _check(context: RequestContext, case: Case, wanted: MeasureRequest) -> None:
    kind = MEASURES[wanted.kind]
    if wanted.code not in kind.codes:
        raise ValidationFailed((("/code", f"is one of {', '.join(kind.codes)}"),))
    if wanted.code == JUDGE and not (wanted.authority and wanted.reference):
        raise ValidationFailed((("/authority", "name the judicial authority and its reference"),))
    if not wanted.elements and not kind.whole_case:
        raise ValidationFailed((("/elements", "name at least one element by its id"),))
    version = read_version(context.work, case.digest)
    known = {p.value["id"] for p in version.said.placed if p.in_array}
    if not known.issuperset(wanted.elements):
        raise ValidationFailed((("/elements", "name elements of the case by their ids"),))


# --- Contesting and confirming -------------------------------------------------------------------


def _contest(wanted: EmbargoContest, context: RequestContext, place: _Place) -> Contested:
    """Ask the setter of an embargo to end or confirm it; that ends nothing by itself."""
    found = _found(context, place.case, wanted.measure)
    in_danger = wanted.ground == IN_DANGER
    facts: dict[str, Value] = {"setter": _is_setter(context, found), "in_danger": in_danger}
    authorize(context, place.resource, facts)
    _require_embargo(context, found)
    danger = Urgency.IMMINENT_DANGER
    if in_danger and read_version(context.work, place.case.digest).summary["urgency"] != danger:
        why = "is for a case whose urgency is imminent_danger: it takes a version that says so"
        raise ValidationFailed((("/ground", why),))
    term = context.ports.due[Urgency.IMMINENT_DANGER] if in_danger else CONFIRMED_WITHIN
    due_at = context.now + term
    if found.until is not None and found.until <= due_at:
        raise WrongState("this embargo ends before an answer would be due")
    owing = place.held if found.handoff is None else context.work.handoffs.get(found.handoff)
    if owing is None:
        deny_as_not_found()
    kind = _kind_of(wanted)
    if any((o.kind, o.source) == (kind, found.id) for o in context.work.duties.of(owing.id)):
        raise WrongState(
            "contested on this ground before: its setter has answered, or its time runs"
        )
    owed = begin(owing, kind, found.id, context.now, due_at)
    context.work.duties.add(replace(owed, organisation=found.setter))
    told = {"measure": str(found.id), "ground": wanted.ground, "due_at": due_at.isoformat()}
    own = Party(context.caller.organisation, "originator" if place.held is None else "recipient")
    context.record((own,), *events.reason(wanted.reason, own), events.subject(told, own))
    by = {**told, "by": context.caller.organisation}
    where = EventSubject(owing.id, owing.case_digest)
    tell(context, found, found.setter, by, where, reason=wanted.reason)
    return Contested(found.id, due_at)


def _kind_of(wanted: EmbargoContest) -> DutyKind:
    in_danger = wanted.ground == IN_DANGER
    return DutyKind.CONFIRMATION_IN_DANGER if in_danger else DutyKind.CONFIRMATION


def _confirm(wanted: EmbargoConfirmation, context: RequestContext, place: _Place) -> MeasureView:
    found = _found(context, place.case, wanted.measure)
    authorize(context, place.resource, {"setter": _is_setter(context, found)})
    # Also after the end: who answers late closes what it owes.
    if not _settle(context, found):
        raise WrongState("nobody waits for an answer about this embargo")
    record_measure(context, place.case, found, {"reason": wanted.reason})
    return view_on_measure(context.organisation, found)


def _settle(context: RequestContext, measure: Measure) -> int:
    """Close what the setter of a measure owes to who contested it; how many there were."""
    owed = _owed(context, measure)
    for one in owed:
        context.work.duties.save(one.close(context.now))
    return len(owed)


def _owed(context: RequestContext, measure: Measure) -> list[HandoffDuty]:
    every = context.work.duties.open_of_case(measure.originator, measure.case)
    return [one for one in every if one.kind in _ON_CONTEST and one.source == measure.id]


# --- Ending --------------------------------------------------------------------------------------


def _end(wanted: MeasureEnd, context: RequestContext, place: _Place) -> MeasureView:
    found = _found(context, place.case, wanted.measure)
    facts = {
        "setter": _is_setter(context, found),
        "successor": place.held is not None and _succeeds(context, found, place.held),
        "unanswered": _is_unanswered(context, found),
    }
    authorize(context, place.resource, facts)
    check_persons(wanted.by, wanted.approved_by, MEASURES[found.kind].persons)
    if not found.holds(context.now):
        raise EditConflict("the measure has ended: read the case again")
    if wanted.reason and place.case.state is CaseState.ERASED:  # it would have no key to end with
        raise ValidationFailed((("/reason", "is left out: the case was erased"),))
    if not (facts["setter"] or wanted.reason):
        raise ValidationFailed((("/reason", "say why you end what another organisation set"),))
    _close(context, found)
    context.work.cases.save(replace(place.case, revision=place.case.revision + 1))
    ended = replace(found, ended_at=context.now)
    said = {"reason": wanted.reason, "approved_by": wanted.approved_by}
    record_measure(context, place.case, ended, said, to_setter=wanted.reason)
    return view_on_measure(context.organisation, ended)


def _succeeds(context: RequestContext, measure: Measure, held: Handoff) -> bool:
    """Whether the mandate under which a measure was set has moved from its setter to the caller."""
    under = measure.handoff and context.work.handoffs.get(measure.handoff)
    competence = under and under.address.competence
    if not competence or held.address.competence != competence:
        return False
    holder, passed = measure.setter, set[str]()
    while holder not in passed:
        passed.add(holder)
        for one in context.work.successions.of_predecessor(holder, competence):
            if one.cancelled is None and one.day <= context.today.day:
                holder = one.successor
    return holder == context.caller.organisation


def _is_unanswered(context: RequestContext, measure: Measure) -> bool:
    """Whether it is on record that the setter did not answer in imminent danger."""
    return any(
        one.kind is DutyKind.CONFIRMATION_IN_DANGER and one.overdue_at is not None
        for one in _owed(context, measure)
    )


def _close(context: RequestContext, measure: Measure) -> None:
    context.work.cases.end_measure(measure.id, context.now)
    _settle(context, measure)


def _lift(context: ChangeContext) -> Mapping[str, Any]:
    """End an embargo as administrators decided, whose setter is suspended."""
    request, setter = context.request, context.change.organisation
    found = context.work.cases.measure(context.values["measure"])
    if found is None or (found.setter, found.kind) != (setter, MeasureKind.EMBARGO):
        raise NotFound("that organisation has set no such embargo")
    case = context.work.cases.get(found.originator, found.case)
    if case is None:
        raise NotFound("the case of this embargo is not here")
    _require_embargo(request, found)
    _close(request, found)
    context.work.cases.save(replace(case, revision=case.revision + 1))
    ended = replace(found, ended_at=context.now)
    if found.originator != setter:
        tell(request, found, found.originator, known(ended), EventSubject(None, case.digest))
    tell_holders(request, ended, {setter, found.originator})
    return {"measure": str(found.id)}


CHANGE = ChangeType(
    "Lift an embargo whose setter is suspended.",
    2,
    (
        identifier("measure", "Which embargo.", option="MEASURE"),
        prose("reason", "Why, in up to 200 characters; no content.", 200),
    ),
    _lift,
    about="A suspended member can neither renew nor end what it set. Everybody who holds the case "
    "hears that the embargo ended.",
)


# --- What they share -----------------------------------------------------------------------------


def _found(context: RequestContext, case: Case, measure: UUID) -> Measure:
    found = context.work.cases.measure(measure)
    if found is None or (found.originator, found.case) != (case.originator, case.id):
        deny_as_not_found()
    return found


def _is_setter(context: RequestContext, measure: Measure) -> bool:
    return measure.setter == context.caller.organisation


def _require_embargo(context: RequestContext, measure: Measure) -> None:
    if measure.kind is not MeasureKind.EMBARGO:
        raise WrongState("this is not an embargo")
    if not measure.holds(context.now):
        raise EditConflict("the measure has ended: read the case again")


_ACTS: Mapping[type[Wanted], Act] = {
    MeasureRequest: _set,
    MeasureEnd: _end,
    EmbargoContest: _contest,
    EmbargoConfirmation: _confirm,
}
