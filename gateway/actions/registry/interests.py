"""What members declare to be bound to, and when that ends (R9)."""

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import Any

from gateway.actions.registry.desk import (
    Desk,
    Form,
    Kind,
    among,
    end,
    lasting,
    must,
    text,
    uuid,
)
from gateway.domain.interest import read_subject
from gateway.domain.organisation import INTEREST_KINDS, INTEREST_SCOPES, Interest, Organisation
from gateway.domain.refusals import NotFound, WrongState
from gateway.domain.timestamp import parse_day


def _declare(desk: Desk, found: Organisation | None) -> Mapping[str, Any]:
    organisation = must(found)
    scope = desk.said["scope"]
    made = Interest(
        id=desk.event,
        scope=scope,
        subject=desk.read("subject", partial(read_subject, scope)),
        kind=desk.said["kind"],
        period=desk.period(),
    )
    if any(_same(made, other) for other in organisation.interests):
        raise WrongState("that interest is declared in that period already")
    desk.save(replace(organisation, interests=(*organisation.interests, made)))
    return {"organisation": organisation.slug, "interest": str(made.id)}


def _same(one: Interest, other: Interest) -> bool:
    said = (one.scope, one.subject, one.kind) == (other.scope, other.subject, other.kind)
    return said and one.period.overlaps(other.period)


def _end(desk: Desk, found: Organisation | None) -> Mapping[str, Any]:
    organisation = must(found)
    named, day = desk.said["interest"], desk.said["until"]
    ended = {one.id: one for one in organisation.interests}.get(named)
    if ended is None:
        raise NotFound("the organisation has declared no such interest")
    if not ended.period.holds(day):
        raise WrongState("the interest is not held on that day")
    desk.save(replace(organisation, interests=end(organisation.interests, ended, day)))
    return {"organisation": organisation.slug, "interest": str(named)}


CHANGES: Mapping[str, Kind] = {
    "interest.declare": Kind(
        lasting(scope=among(INTEREST_SCOPES), subject=text, kind=among(INTEREST_KINDS)), _declare
    ),
    "interest.end": Kind(Form({"interest": uuid, "until": parse_day}), _end),
}
