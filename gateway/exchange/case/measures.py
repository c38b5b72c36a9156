"""Measures on a case: set, renewed and ended.

An originator sets them on its own case, an authority on one that it holds. Who hears of it says
`gateway.exchange.measure_events`.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, ClassVar
from uuid import UUID

from gateway.domain.case import Case, CaseState
from gateway.domain.decision import PolicyEntity, Value
from gateway.domain.handoff import Handoff, RecallAnswer
from gateway.domain.json_values import Asked
from gateway.domain.measure import (
    MEASURES,
    RESTRICTING,
    Measure,
    MeasureKind,
    Terms,
    check_persons,
    check_term,
)
from gateway.domain.refusals import EditConflict, NotFound, ValidationFailed, WrongState
from gateway.domain.staff import second_person
from gateway.domain.vocabulary import Purpose, Urgency
from gateway.exchange.case.cases import find, own_entity, view_on_measure
from gateway.exchange.case.measure_events import END, known, record_measure, tell, tell_holders
from gateway.exchange.case.versions import stated_embargo
from gateway.exchange.results import HoldersForRemoval, MeasureView
from gateway.exchange.standing.access import entity_of, party_to, reads
from gateway.exchange.standing.case_version import in_force, read_version
from gateway.exchange.standing.differences import refuse_differing
from gateway.kernel.changes import ChangeContext, ChangeType
from gateway.kernel.events import EventSubject
from gateway.kernel.fields import identifier, prose
from gateway.kernel.ports import Ports
from gateway.kernel.request import (
    ActionRequest,
    RequestContext,
    allows,
    authorize,
    deny_as_not_found,
)
from gateway.kernel.transact import WriteResult, transact
from gateway.kernel.values import Caller, CaseVersion, LoggedEvent

LIFT = "case.lift_embargo"


@dataclass(frozen=True)
class MeasureRequest(Asked):
    """What an organisation sets: of which kind, why, on which elements (none: the whole case),
    until when (an embargo without it: as long as one may). ``approved_by`` is the second person;
    ``preservation_reference`` is a claim."""

    kind: MeasureKind
    by: str
    code: str
    elements: tuple[str, ...] = ()
    until: datetime | None = None
    approved_by: str | None = None
    preservation_reference: str | None = None

    @property
    def action(self) -> str:
        """The policy's."""
        return MEASURES[self.kind].action


@dataclass(frozen=True)
class MeasureEnd(Asked):
    """Who ends a measure before its time; ``approved_by`` is the second person.

    Who did not set it says why.
    """

    action: ClassVar[str] = END
    measure: UUID
    by: str
    approved_by: str | None = None
    reason: str | None = None


Wanted = MeasureRequest | MeasureEnd


@dataclass(frozen=True)
class _Place:
    """The case that a measure is on, as policy sees it, and the handoff by which the caller holds
    it, None for its own case."""

    case: Case
    resource: PolicyEntity
    held: Handoff | None = None


Act = Callable[[Any, RequestContext, _Place], MeasureView]


def on_case(ports: Ports, caller: Caller, key: str, case: UUID, wanted: Wanted) -> WriteResult:
    """Set, renew or end a measure on one's own case.

    Raises ValidationFailed (term, element, reason), SecondPersonRequired, EditConflict (it has
    ended).
    """
    request = _request(wanted, key, {"case": str(case)})

    def acted(context: RequestContext) -> MeasureView:
        found, version = find(context, case)
        context.about = EventSubject.of_case(found)
        place = _Place(found, own_entity(context, found, version))
        return _ACTS[type(wanted)](wanted, context, place)

    return transact(
        ports, caller, request, acted, lambda context, logged: _again(wanted, context, logged)
    )


def on_handoff(
    ports: Ports, caller: Caller, key: str, handoff: UUID, wanted: Wanted
) -> WriteResult:
    """Likewise on a case that the caller holds by mandate. Who erased its copies ends what it set,
    and does nothing else (WrongState)."""
    request = _request(wanted, key, {"handoff": str(handoff)})

    def acted(context: RequestContext) -> MeasureView:
        # The case first, and for itself alone: a handoff would share its row with others.
        place = context.work.handoffs.case_of(handoff) or deny_as_not_found()
        case = context.work.cases.get(*place) or deny_as_not_found()
        held = party_to(context, handoff)
        context.about = EventSubject.of_handoff(held)
        refuse_differing(context, held, ())
        erased = held.recall_answer is RecallAnswer.COPIES_ERASED
        if erased and not isinstance(wanted, MeasureEnd):
            raise WrongState("you erased your copies: end what you set; you set no more")
        return _ACTS[type(wanted)](wanted, context, _Place(case, entity_of(context, held), held))

    return transact(
        ports, caller, request, acted, lambda context, logged: _again(wanted, context, logged)
    )


def _request(wanted: Wanted, key: str, where: Mapping[str, str]) -> ActionRequest:
    persons = second_person("/approved_by", wanted.approved_by)
    content = {**where, **wanted.asked()}
    return ActionRequest(wanted.action, wanted.by, key, content, persons=persons)


def _again(wanted: Wanted, context: RequestContext, logged: LoggedEvent) -> MeasureView:
    set_by = logged.event.id if isinstance(wanted, MeasureRequest) else wanted.measure
    found = context.work.cases.measure(set_by) or deny_as_not_found()
    if isinstance(wanted, MeasureEnd):
        return view_on_measure(context.organisation, found)
    return _set_view(context, replace(found, ended_at=None))


def _authorize(
    context: RequestContext, place: _Place, facts: Mapping[str, Value] | None = None
) -> None:
    def visible() -> bool:
        if place.held is not None:
            return reads(context, place.held)
        return allows(context, place.resource, action="case.read")

    authorize(context, place.resource, facts, visible=visible)


# --- Setting -------------------------------------------------------------------------------------


def _renewed(
    context: RequestContext, wanted: MeasureRequest, place: _Place, terms: Terms | None
) -> list[Measure]:
    """The measures, by this setter or its predecessors, that the wanted one goes on with."""
    return [
        one
        for one in context.work.cases.measures(place.case.originator, place.case.id)
        if one.kind is wanted.kind
        and one.overlaps(wanted.elements)
        and one.is_renewed(terms, context.now)
        and (one.setter == context.caller.organisation or _succeeds(context, one, place.held))
    ]


def _set(wanted: MeasureRequest, context: RequestContext, place: _Place) -> MeasureView:
    _authorize(context, place)
    case, setter, now = place.case, context.caller.organisation, context.now
    _check(context, case, wanted)
    kind = MEASURES[wanted.kind]
    embargo = wanted.kind is MeasureKind.EMBARGO
    terms = context.ports.embargo_terms if embargo else kind.terms
    renewed = _renewed(context, wanted, place, terms)
    chain = list(renewed)
    if embargo and place.held is None:
        stated = stated_embargo(context, case)
        chain += [one for one in stated if one.is_renewed(terms, now)]
    since, renews = min((one.since for one in chain), default=now), bool(chain)
    until = wanted.until
    if embargo and until is None:
        until = context.ports.embargo_terms.latest(since, now, renews=renews)
    measure = Measure(
        id=context.event,
        originator=case.originator,
        case=case.id,
        kind=wanted.kind,
        setter=setter,
        code=wanted.code,
        elements=wanted.elements,
        since=since,
        until=until,
        handoff=None if place.held is None else place.held.id,
    )
    check_persons(wanted.by, wanted.approved_by, 2 if renews else kind.persons)
    check_term(measure, terms, now, renews=renews)
    for one in renewed:
        if one.holds(now) and set(one.elements) == set(wanted.elements):
            context.work.cases.end_measure(one.id, now)
    context.work.cases.save(replace(case, measured=True, revision=case.revision + 1))
    context.work.cases.add_measure(measure)
    preservation = wanted.preservation_reference and f"preservation {wanted.preservation_reference}"
    said = {"reason_code": wanted.code, "reason": preservation, "approved_by": wanted.approved_by}
    record_measure(context, case, measure, said)
    return _set_view(context, measure)


def _set_view(context: RequestContext, measure: Measure) -> MeasureView:
    """The measure for its setter; of an embargo also the recipients that have the case for
    removal already, with which an operation that counts on the embargo has to speak."""
    view = view_on_measure(context.organisation, measure)
    if measure.kind is not MeasureKind.EMBARGO:
        return view
    work, kinds = context.work, dict[str, list[bool]]()
    for one in work.handoffs.of_case(measure.originator, measure.case):
        recipient = context.require(one.recipient)
        if Purpose.REMOVE in one.purpose and one.hears and "led" not in recipient.regimes:
            kinds.setdefault(recipient.kind, []).append(work.handoffs.is_consulted(one.id))
    held = [HoldersForRemoval(kind, len(of), sum(of)) for kind, of in sorted(kinds.items())]
    return replace(view, held_for_removal=held)


def _check(context: RequestContext, case: Case, wanted: MeasureRequest) -> None:
    kind = MEASURES[wanted.kind]
    if wanted.code not in kind.codes:
        raise ValidationFailed((("/code", f"is one of {', '.join(kind.codes)}"),))
    if not wanted.elements and not kind.whole_case:
        raise ValidationFailed((("/elements", "name at least one element by its id"),))
    version = read_version(context.work, case.digest)
    known = {p.value["id"] for p in version.said.placed if p.in_array}
    if not known.issuperset(wanted.elements):
        raise ValidationFailed((("/elements", "name elements of the case by their ids"),))


def set_relayed(context: RequestContext, case: Case, version: CaseVersion, told: Measure) -> None:
    """Restrict a remote member's case as its gateway says: for as long as one may here at most.
    Nothing follows of what is over, or restricted so already."""
    work, now, terms = context.work, context.now, MEASURES[told.kind].terms
    if terms is not None:
        latest = terms.latest(now, now, renews=True)
        told = replace(told, until=min(told.until or latest, latest))
    if not told.holds(now):
        return
    context.about = EventSubject.of_case(case)
    _authorize(context, _Place(case, own_entity(context, case, version)))
    for one in in_force(work, case, now):
        if (one.kind, one.setter, one.before) != (told.kind, told.setter, told.before):
            continue
        wider = not one.elements or (told.elements and {*told.elements} <= {*one.elements})
        if wider and one.until == told.until:
            return
        if {*one.elements} == {*told.elements}:
            work.cases.end_measure(one.id, now)
    work.cases.save(replace(case, measured=True, revision=case.revision + 1))
    work.cases.add_measure(told)
    record_measure(context, case, told, {"reason_code": told.code})


# --- Ending --------------------------------------------------------------------------------------


def _end(wanted: MeasureEnd, context: RequestContext, place: _Place) -> MeasureView:
    found = context.work.cases.measure(wanted.measure)
    if found is None or (found.originator, found.case) != (place.case.originator, place.case.id):
        deny_as_not_found()
    facts = facts_of_end(context, found, place.case, place.held)
    own, of_another = facts["setter"], not (facts["setter"] or facts["successor"])
    _authorize(context, place, facts)
    check_persons(wanted.by, wanted.approved_by, 2 if of_another else MEASURES[found.kind].persons)
    _require_in_force(context, found)
    if wanted.reason and place.case.state is CaseState.ERASED:  # it would have no key to end with
        raise ValidationFailed((("/reason", "is left out: the case was erased"),))
    if not (own or wanted.reason):
        raise ValidationFailed((("/reason", "say why you end what another organisation set"),))
    ended = _ended(context, place.case, found)
    said = {"reason": wanted.reason, "approved_by": wanted.approved_by}
    record_measure(
        context, place.case, ended, said, to_setter=wanted.reason, to_originator=of_another
    )
    return view_on_measure(context.organisation, ended)


def _ended(context: RequestContext, case: Case, measure: Measure) -> Measure:
    context.work.cases.end_measure(measure.id, context.now)
    context.work.cases.save(replace(case, revision=case.revision + 1))
    return replace(measure, ended_at=context.now)


def end_relayed(
    context: RequestContext, case: Case, version: CaseVersion, measure: Measure
) -> None:
    """End a restriction of a remote member's case as its gateway says."""
    if not measure.holds(context.now):
        return
    context.about = EventSubject.of_case(case)
    facts = facts_of_end(context, measure, case, None)
    _authorize(context, _Place(case, own_entity(context, case, version)), facts)
    record_measure(context, case, _ended(context, case, measure), {})


def facts_of_end(
    context: RequestContext, measure: Measure, case: Case, held: Handoff | None
) -> dict[str, Value]:
    """The facts by which policy decides whether the caller ends a measure on its own case, or on
    one that it holds by the handoff ``held``."""
    own = measure.setter == context.caller.organisation
    succeeds = _succeeds(context, measure, held)
    in_danger = not (own or succeeds) and _is_in_danger(context, measure, case, held)
    restricts = measure.kind in RESTRICTING
    return {
        "setter": own,
        "restricts": restricts,
        "successor": succeeds,
        "in_danger": in_danger,
    }


def _is_in_danger(
    context: RequestContext, measure: Measure, case: Case, held: Handoff | None
) -> bool:
    """Tell whether it is an embargo on a case in imminent danger of which the caller has copies.
    The danger is the word of the case, not of who ends the embargo."""
    erased = held is None or held.recall_answer is RecallAnswer.COPIES_ERASED
    if measure.kind is not MeasureKind.EMBARGO or erased or case.state is CaseState.ERASED:
        return False
    version = read_version(context.work, case.digest)
    return bool(version.summary["urgency"] == Urgency.IMMINENT_DANGER)


def _require_in_force(context: RequestContext, measure: Measure) -> None:
    if not measure.holds(context.now):
        raise EditConflict("the measure has ended: read the case again")


def _succeeds(context: RequestContext, measure: Measure, held: Handoff | None) -> bool:
    """Tell whether the mandate under which a measure was set has moved from its setter to the
    caller."""
    if held is None or measure.handoff is None:
        return False
    under, competence = context.work.handoffs.get(measure.handoff), held.address.competence
    if not competence or under is None or under.address.competence != competence:
        return False
    holder, passed = measure.setter, set[str]()
    while holder not in passed:
        passed.add(holder)
        for one in context.work.successions.of_predecessor(holder, competence):
            if one.cancelled is None and one.day <= context.today.day:
                holder = one.successor
    return holder == context.caller.organisation


def _lift(context: ChangeContext) -> Mapping[str, Any]:
    """End an embargo as administrators decided, whose setter is suspended or gone."""
    request, setter = context.request, context.change.organisation
    found = context.work.cases.measure(context.values["measure"])
    if found is None or (found.setter, found.kind) != (setter, MeasureKind.EMBARGO):
        raise NotFound("that organisation has set no such embargo")
    case = context.work.cases.get(found.originator, found.case)
    if case is None:
        raise NotFound("the case of this embargo is not here")
    request.about = EventSubject.of_case(case)
    _require_in_force(request, found)
    ended = _ended(request, case, found)
    if found.originator != setter:
        tell(request, found, found.originator, known(ended), request.about)
    tell_holders(request, ended, {setter, found.originator})
    return {"measure": str(found.id)}


CHANGE = ChangeType(
    "Lift an embargo whose setter is suspended or gone.",
    2,
    (
        identifier("measure", "Which embargo.", option="MEASURE"),
        prose("reason", "Why, in up to 200 characters; no content.", 200),
    ),
    _lift,
    about="A setter is gone once it left, or without a membership and a mandate: it ends nothing "
    "any more. All who heard of the embargo hear that it ended.",
)


_ACTS: Mapping[type[Wanted], Act] = {
    MeasureRequest: _set,
    MeasureEnd: _end,
}
