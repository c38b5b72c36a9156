"""Legal mandates: given, ended, and moved to another organisation in one change.

Cancelling a planned succession undoes what the plan did, and only that: what had been ended or
given for that day before stands, and so does what was changed since. Days that have passed stay as
they were.
"""

from collections.abc import Mapping
from dataclasses import replace
from datetime import date
from itertools import chain
from typing import Any

from gateway.domain.lifecycle import FINAL, ended_by
from gateway.domain.mandate import (
    Mandate,
    Period,
    Segment,
    overlapping,
    parse_competence,
    timelines,
)
from gateway.domain.organisation import Organisation, Status
from gateway.domain.peer import GATEWAY_KIND
from gateway.domain.refusals import NotFound, ValidationFailed, WrongState
from gateway.domain.succession import Succession, unplanned
from gateway.kernel.changes import UNKNOWN, ChangeContext, read_as_operator
from gateway.kernel.fields import text
from gateway.kernel.ports import Ports, UnitOfWork
from gateway.kernel.values import Reader
from gateway.registry.members import end
from gateway.registry.queries import every_organisation

# --- Legal mandates are given and ended -----------------------------------------------------------


def grant(context: ChangeContext) -> Mapping[str, Any]:
    """Record that an organisation holds a competence for a time."""
    organisation = context.organisation
    key = "/".join(context.values[one] for one in ("function", "matter", "territory"))
    mandate = _given(context, organisation, key, context.period())
    held = [one.period for one in organisation.mandates if one.key == mandate.key]
    if any(mandate.period.overlaps(period) for period in held):
        raise WrongState("the organisation holds that competence in that period already")
    context.save(replace(organisation, mandates=(*organisation.mandates, mandate)))
    return {
        "organisation": organisation.slug,
        "competence": mandate.key,
        **_warning(context, mandate),
    }


def _given(context: ChangeContext, organisation: Organisation, key: str, period: Period) -> Mandate:
    """The mandate that a change gives; ``key`` is as receive/csam/FR. Raises WrongState."""
    if organisation.kind == GATEWAY_KIND:
        raise WrongState("a peer gateway holds no mandate: its members do, as it tells")
    function, matter, territory = key.split("/")
    return Mandate(
        id=context.event,
        organisation=organisation.slug,
        function=function,
        matter=matter,
        territory=territory,
        legal_act=context.values["legal_act"],
        period=period,
        registration_event=context.event,
    )


def _warning(context: ChangeContext, granted: Mandate) -> Mapping[str, Any]:
    """Which others hold the same on one of the days: offers name one of them then."""
    found = sorted({c.organisation for c in overlapping(granted, _all(context.work))})
    return {"overlaps": found} if found else {}


def end_mandate(context: ChangeContext) -> Mapping[str, Any]:
    """End the mandate that an organisation holds on a day."""
    organisation = context.organisation
    key, day = context.values["competence"], context.values["until"]
    held = (c for c in organisation.mandates if c.key == key and c.period.holds(day))
    ended = next(held, None)
    if ended is None:
        raise WrongState("the organisation has no mandate for that competence on that day")
    context.save(replace(organisation, mandates=end(organisation.mandates, ended, day)))
    return {"organisation": organisation.slug, "competence": key}


# --- A mandate is planned to move to another organisation; or the plan is cancelled -----

_MAY_SUCCEED = frozenset({Status.APPROVED, Status.ENROLLED, Status.ACTIVE})


def plan_succession(context: ChangeContext) -> Mapping[str, Any]:
    """End a mandate here and give it there from the same day on."""
    predecessor = context.organisation
    key, day = context.values["competence"], context.values["effective_on"]
    successor = _known(context, context.values["successor"])
    if any(not one.over for one in context.work.successions.of_predecessor(predecessor.slug, key)):
        raise WrongState("a succession of this mandate is planned already: cancel that first")
    if successor.status not in _MAY_SUCCEED:
        raise WrongState(f"the successor is {successor.status}: it cannot be given a mandate")
    ended, former_end = _ended(predecessor, key, day)
    last = None if former_end == day else former_end
    taken, mandate = _taken(context, successor, key, Period(day, last))
    succession = _succession(context, successor.slug, mandate, former_end)
    context.save(ended)
    if taken is not successor:
        context.save(taken)
    context.work.successions.add(succession)
    context.affected += (successor.slug,)
    return {
        "succession": str(context.event),
        "predecessor": predecessor.slug,
        "successor": successor.slug,
        "competence": key,
        "effective_on": day.isoformat(),
        "read_until": succession.read_until.isoformat(),
        **_warning(context, mandate),
    }


def preview_succession(context: ChangeContext) -> Mapping[str, Any]:
    """Tell which succession is looked at, once that is recorded; it is planned nowhere."""
    values = context.values
    parties = context.organisation.slug, _known(context, values["successor"]).slug
    days = values["effective_on"], values["read_until"]
    try:
        thought = unplanned(*parties, values["competence"], *days)
    except ValueError as error:
        raise ValidationFailed((("", str(error)),)) from None
    return {
        "predecessor": thought.predecessor,
        "successor": thought.successor,
        "competence": thought.competence,
        "effective_on": thought.day.isoformat(),
        "read_until": thought.read_until.isoformat(),
    }


def read_key(value: Any) -> str:
    """The key of a competence, as receive/csam/FR."""
    if parse_competence(text(value)) is None:
        raise ValueError
    return str(value)


def _known(context: ChangeContext, organisation: str) -> Organisation:
    found = context.work.organisations.get(organisation)
    if found is None:
        raise NotFound(UNKNOWN)
    return found


def _ended(predecessor: Organisation, key: str, day: date) -> tuple[Organisation, date | None]:
    """The predecessor without the mandate from ``day`` on, and which end that had before.

    An end that was recorded before stands, where it is that day.
    """
    for held in predecessor.mandates:
        if held.key == key and held.period.start < day and held.period.holds(day):
            kept = end(predecessor.mandates, held, day)
            return replace(predecessor, mandates=kept), held.period.end
        if held.key == key and held.period.end == day:
            return predecessor, day
    raise WrongState("the predecessor has no mandate for that competence until that day")


def _taken(
    context: ChangeContext, successor: Organisation, key: str, period: Period
) -> tuple[Organisation, Mandate]:
    """The successor with the mandate; one that it was given for that day before stands."""
    own = [c for c in successor.mandates if c.key == key]
    for held in own:
        if held.period.holds(period.start):
            return successor, held
    if any(held.period.overlaps(period) for held in own):
        raise WrongState("the successor holds that competence from a later day on: end it first")
    mandate = _given(context, successor, key, period)
    return replace(successor, mandates=(*successor.mandates, mandate)), mandate


def _succession(
    context: ChangeContext, successor: str, mandate: Mandate, former_end: date | None
) -> Succession:
    try:
        return Succession(
            id=context.event,
            predecessor=context.change.organisation,
            successor=successor,
            competence=mandate.key,
            day=context.values["effective_on"],
            read_until=context.values["read_until"],
            legal_act=context.values["legal_act"],
            permissions=context.values["permissions"],
            mandate_event=mandate.registration_event,
            former_end=former_end,
        )
    except ValueError as error:
        raise ValidationFailed((("", str(error)),)) from None


def cancel_succession(context: ChangeContext) -> Mapping[str, Any]:
    """Undo what the plan did, and only that, before anything of it was carried out."""
    predecessor = context.organisation
    planned = context.work.successions.get(context.values["succession"])
    if planned is None or planned.predecessor != predecessor.slug:
        raise NotFound("the organisation has no succession with that id")
    cancelled = planned.cancel(context.event)
    if context.work.successions.moved(planned.id):
        raise WrongState(f"handoffs have moved already; let it be carried out: {planned.way_back}")
    successor = _known(context, planned.successor)
    for before, after in (
        (successor, _taken_back(context, planned, successor)),
        (predecessor, _given_back(context, planned, predecessor)),
    ):
        if after != before:
            context.save(after)
    context.work.successions.save(cancelled)
    context.affected += (successor.slug,)
    return {
        "succession": str(planned.id),
        "predecessor": predecessor.slug,
        "successor": successor.slug,
        "competence": planned.competence,
        **_holding(context, planned),
    }


def _taken_back(
    context: ChangeContext, planned: Succession, successor: Organisation
) -> Organisation:
    """The successor without what the plan gave it: from today on, or from the first day."""
    held = [
        ended_by((c,), context.today) if c.id == planned.id else (c,) for c in successor.mandates
    ]
    return replace(successor, mandates=tuple(chain.from_iterable(held)))


def _given_back(
    context: ChangeContext, planned: Succession, predecessor: Organisation
) -> Organisation:
    """The predecessor with the mandate as long as it had it before: as if there had been no plan,
    or, once its day has passed, in a new period from today on."""
    own = [c for c in predecessor.mandates if c.key == planned.competence]
    cut_short = next((c for c in own if c.period.end == planned.day), None)
    first = max(planned.day, context.today)
    days = _free(planned, first, [c.period for c in own if c is not cut_short])
    if cut_short is None or days is None or predecessor.status in FINAL:
        return predecessor
    if first == planned.day:
        longer = replace(cut_short, period=Period(cut_short.period.start, days.end))
        kept = tuple(longer if c is cut_short else c for c in predecessor.mandates)
        return replace(predecessor, mandates=kept)
    # It is the mandate that was registered before: the event that gave it goes on proving it.
    again = replace(cut_short, id=context.event, period=days)
    return replace(predecessor, mandates=(*predecessor.mandates, again))


def _free(planned: Succession, first: date, others: list[Period]) -> Period | None:
    """The days that the plan took from the predecessor, from ``first`` on, that it has not
    by what it was given since."""
    if any(period.holds(first) for period in others):
        return None
    later = [period.start for period in others if period.start > first]
    ends = [end for end in (planned.former_end, *later) if end is not None]
    end = min(ends, default=None)
    return None if end is not None and end <= first else Period(first, end)


def _holding(context: ChangeContext, planned: Succession) -> Mapping[str, Any]:
    """Tell who holds the mandate beside the predecessor from today on, and since when nobody
    does."""
    found = timelines(c for c in _all(context.work) if c.key == planned.competence)
    coming = [
        s
        for one in found
        for s in one.stretches
        if s.period.end is None or s.period.end > context.today
    ]
    several = {who for s in coming if len(s.holders) > 1 for who in s.holders}
    nobody = [max(s.period.start, context.today) for s in coming if not s.holders]
    told: dict[str, Any] = {}
    if several:
        told["overlaps"] = sorted(several - {planned.predecessor})
    if nobody:
        told["nobody_from"] = min(nobody).isoformat()
    return told


# --- All mandates over time: where several organisations hold one, and where none does ------------


def report(ports: Ports, reader: Reader) -> dict[str, Any]:
    """Every competence from its first day on, stretch by stretch, whatever its holders' status.

    ``inactive`` names the holders that do not take part at present: nothing reaches them.
    """
    found = read_as_operator(ports, reader, lambda context: [*every_organisation(context.work)])
    held = [mandate for one in found for mandate in one.mandates]
    holders = {mandate.organisation for mandate in held}
    return {
        "reference_date": ports.reference_date(ports.now()).day.isoformat(),
        "competences": [
            {
                "competence": one.competence,
                "stretches": [_stretch(stretch) for stretch in one.stretches],
                "overlaps": [_stretch(stretch) for stretch in one.overlaps],
                "gaps": [_stretch(stretch) for stretch in one.gaps],
            }
            for one in timelines(held)
        ],
        "inactive": sorted(o.slug for o in found if o.slug in holders and not o.active),
    }


def _all(work: UnitOfWork) -> list[Mandate]:
    return [mandate for one in every_organisation(work) for mandate in one.mandates]


def _stretch(stretch: Segment) -> dict[str, Any]:
    period = stretch.period
    return {
        "from": period.start.isoformat(),
        "until": period.end.isoformat() if period.end else None,
        "holders": list(stretch.holders),
    }
