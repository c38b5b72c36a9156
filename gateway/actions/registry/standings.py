"""Seats in the association are given and ended."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from gateway.actions.registry.desk import Apply, Desk, end, must, text
from gateway.domain.organisation import (
    Organisation,
    Seat,
    Standing,
)
from gateway.domain.refusals import WrongState
from gateway.domain.timestamp import parse_day


def _grant_standing(desk: Desk, found: Organisation | None) -> Mapping[str, Any]:
    organisation = must(found)
    standing = desk.read("standing", Standing)
    seat = Seat(standing, desk.period(), desk.read("decision_ref", text))
    if any(seat.period.overlaps(other.period) for other in organisation.seats):
        raise WrongState("a seat is held in that period already: end it first")
    seats = sorted((*organisation.seats, seat), key=lambda s: s.period.start)
    desk.save(replace(organisation, seats=tuple(seats)))
    return {"organisation": organisation.slug, "standing": str(seat.standing)}


def _end_standing(desk: Desk, found: Organisation | None) -> Mapping[str, Any]:
    organisation = must(found)
    day = desk.read("until", parse_day)
    ended = next((seat for seat in organisation.seats if seat.period.holds(day)), None)
    if ended is None:
        raise WrongState("no seat is held on that day")
    desk.save(replace(organisation, seats=end(organisation.seats, ended, day)))
    return {"organisation": organisation.slug, "until": day.isoformat()}


CHANGES: Mapping[str, Apply] = {
    "standing.grant": _grant_standing,
    "standing.end": _end_standing,
}
