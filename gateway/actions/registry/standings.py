"""Seats in the association are given and ended."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import date
from typing import Any

from gateway.actions.registry.desk import Apply, Desk, cut, must, text
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
    end = desk.read("until", parse_day)
    seats = [_ended(s, end) if s.period.holds(end) else s for s in organisation.seats]
    if tuple(seats) == organisation.seats:
        raise WrongState("no seat is held on that day")
    desk.save(replace(organisation, seats=tuple(seats)))
    return {"organisation": organisation.slug, "until": end.isoformat()}


def _ended(seat: Seat, end: date) -> Seat:
    return replace(seat, period=cut(seat.period, end))


CHANGES: Mapping[str, Apply] = {
    "standing.grant": _grant_standing,
    "standing.end": _end_standing,
}
