"""A mandate is planned to move to another office: one change ends it there and gives it here."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import date
from typing import Any

from gateway.actions.mandates import organisations
from gateway.actions.registry.desk import Desk, Form, Kind, end, flag, must, slug, text
from gateway.domain.mandates import overlapping
from gateway.domain.organisation import (
    Competence,
    Organisation,
    Period,
    Status,
    read_competence_key,
)
from gateway.domain.refusals import Invalid, WrongState
from gateway.domain.succession import Succession
from gateway.domain.timestamp import parse_day

LONGEST_ACT = 200
"""Characters of a legal act's name: it stands in every statement that the succession makes."""

_MAY_SUCCEED = frozenset({Status.APPROVED, Status.ENROLLED, Status.ACTIVE})


def _plan(desk: Desk, found: Organisation | None) -> Mapping[str, Any]:
    predecessor = must(found)
    key, day = desk.said["competence"], desk.said["on"]
    successor = must(desk.work.organisations.get(desk.said["successor"]))
    _require_new(desk, predecessor.slug, key)
    if successor.status not in _MAY_SUCCEED:
        raise WrongState(f"the successor is {successor.status}: it could take on nothing")
    ended, last = _ended(predecessor, key, day)
    taken, competence = _taken(desk, successor, key, Period(day, last))
    succession = _succession(desk, successor.slug, competence)
    desk.save(ended)
    if taken is not successor:
        desk.save(taken)
    desk.work.successions.add(succession)
    desk.concerned += (successor.slug,)
    others = [c for one in organisations(desk.work) for c in one.competences]
    third = {c.organisation for c in overlapping(competence, others)}
    return {
        "succession": str(desk.event),
        "predecessor": predecessor.slug,
        "successor": successor.slug,
        "competence": key,
        "on": day.isoformat(),
        "read_until": succession.read_until.isoformat(),
        **({"overlaps": sorted(third)} if third else {}),
    }


def _receiving(value: Any) -> str:
    """The key of a competence to receive: only these have handoffs that could move."""
    parts = read_competence_key(value)
    if parts is None or parts[0] != "receive":
        raise ValueError
    return str(value)


def _act(value: Any) -> str:
    if len(text(value)) > LONGEST_ACT:
        raise ValueError
    return str(value)


def _require_new(desk: Desk, predecessor: str, key: str) -> None:
    planned = desk.work.successions.from_office(predecessor, key)
    if any(one.applied is None for one in planned):
        raise WrongState("this mandate of the office is planned to move already")


def _ended(predecessor: Organisation, key: str, day: date) -> tuple[Organisation, date | None]:
    """The predecessor without the mandate from ``day`` on, and until when it had it.

    An end that was recorded before stands, where it is that day.
    """
    for held in predecessor.competences:
        if held.key == key and held.period.start < day and held.period.holds(day):
            kept = end(predecessor.competences, held, day)
            return replace(predecessor, competences=kept), held.period.end
        if held.key == key and held.period.end == day:
            return predecessor, None
    raise WrongState("the predecessor does not hold that competence until that day")


def _taken(
    desk: Desk, successor: Organisation, key: str, period: Period
) -> tuple[Organisation, Competence]:
    """The successor with the mandate; one that it was given for that day before stands."""
    own = [c for c in successor.competences if c.key == key]
    for held in own:
        if held.period.holds(period.start):
            return successor, held
    if any(held.period.overlaps(period) for held in own):
        raise WrongState("the successor holds that competence from a later day on: end it first")
    function, matter, territory = key.split("/")
    competence = Competence(
        id=desk.event,
        organisation=successor.slug,
        function=function,
        matter=matter,
        territory=territory,
        legal_act=desk.said["legal_act"],
        period=period,
        registered_by=desk.event,
    )
    return replace(successor, competences=(*successor.competences, competence)), competence


def _succession(desk: Desk, successor: str, competence: Competence) -> Succession:
    try:
        return Succession(
            id=desk.event,
            predecessor=desk.change.organisation,
            successor=successor,
            competence=competence.key,
            day=desk.said["on"],
            read_until=desk.said["read_until"],
            legal_act=desk.said["legal_act"],
            consents=desk.said["consents"],
            resolved_by=competence.registered_by,
        )
    except ValueError as error:
        raise Invalid((("", str(error)),)) from None


CHANGES: Mapping[str, Kind] = {
    "succession.plan": Kind(
        Form(
            {
                "competence": _receiving,
                "on": parse_day,
                "successor": slug,
                "read_until": parse_day,
                "legal_act": _act,
                "consents": flag,
            }
        ),
        _plan,
    )
}
