"""What members declare to be bound to, and when that ends (R9)."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import date
from typing import Any
from uuid import UUID

from gateway.actions.registry.desk import Apply, Desk, among, cut, must, uuid
from gateway.domain.interest import read_subject
from gateway.domain.organisation import INTEREST_KINDS, INTEREST_SCOPES, Interest, Organisation
from gateway.domain.refusals import NotFound, WrongState
from gateway.domain.timestamp import parse_day


def _declare(desk: Desk, found: Organisation | None) -> Mapping[str, Any]:
    organisation = must(found)
    scope = desk.read("scope", among(INTEREST_SCOPES))
    made = Interest(
        id=desk.event,
        scope=scope,
        subject=desk.read("subject", lambda value: read_subject(scope, value)),
        kind=desk.read("kind", among(INTEREST_KINDS)),
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
    named, end = desk.read("interest", uuid), desk.read("until", parse_day)
    if named not in [one.id for one in organisation.interests]:
        raise NotFound("the organisation has declared no such interest")
    kept = tuple(_ended(one, named, end) for one in organisation.interests)
    desk.save(replace(organisation, interests=kept))
    return {"organisation": organisation.slug, "interest": str(named)}


def _ended(one: Interest, named: UUID, end: date) -> Interest:
    if one.id != named:
        return one
    if not one.period.holds(end):
        raise WrongState("the interest is not held on that day")
    return replace(one, period=cut(one.period, end))


CHANGES: Mapping[str, Apply] = {"interest.declare": _declare, "interest.end": _end}
