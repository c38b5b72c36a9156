"""Seats in the association are given and ended."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from gateway.actions.registry.desk import Desk, Form, Kind, end, lasting, must, prose
from gateway.domain.organisation import (
    Organisation,
    Seat,
    Standing,
)
from gateway.domain.refusals import WrongState
from gateway.domain.timestamp import parse_day


def _grant_standing(desk: Desk, found: Organisation | None) -> Mapping[str, Any]:
    organisation = must(found)
    standing = desk.said["standing"]
    seat = Seat(standing, desk.period(), desk.said["decision_ref"])
    if any(seat.period.overlaps(other.period) for other in organisation.seats):
        raise WrongState("a seat is held in that period already: end it first")
    seats = sorted((*organisation.seats, seat), key=lambda s: s.period.start)
    desk.save(replace(organisation, seats=tuple(seats)))
    return {"organisation": organisation.slug, "standing": str(seat.standing)}


def _end_standing(desk: Desk, found: Organisation | None) -> Mapping[str, Any]:
    organisation = must(found)
    day = desk.said["until"]
    ended = next((seat for seat in organisation.seats if seat.period.holds(day)), None)
    if ended is None:
        raise WrongState("no seat is held on that day")
    desk.save(replace(organisation, seats=end(organisation.seats, ended, day)))
    return {"organisation": organisation.slug, "until": day.isoformat()}


CHANGES: Mapping[str, Kind] = {
    "standing.grant": Kind(lasting(standing=Standing, decision_ref=prose), _grant_standing),
    "standing.end": Kind(Form({"until": parse_day}), _end_standing),
}
