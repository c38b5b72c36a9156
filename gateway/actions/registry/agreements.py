"""What members agreed to, with its legal reference, for a time."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from gateway.actions.registry.desk import (
    Desk,
    Form,
    Kind,
    among,
    end,
    lasting,
    must,
    prose,
    uuid,
)
from gateway.domain.organisation import AGREEMENT_KINDS, Agreement, Organisation
from gateway.domain.refusals import NotFound, WrongState
from gateway.domain.timestamp import parse_day


def _record(desk: Desk, found: Organisation | None) -> Mapping[str, Any]:
    organisation = must(found)
    made = Agreement(
        id=desk.event,
        kind=desk.said["kind"],
        about=desk.said["about"],
        reference=desk.said["reference"],
        period=desk.period(),
    )
    desk.save(replace(organisation, agreements=(*organisation.agreements, made)))
    return {"organisation": organisation.slug, "agreement": str(made.id)}


def _end(desk: Desk, found: Organisation | None) -> Mapping[str, Any]:
    organisation = must(found)
    named, day = desk.said["agreement"], desk.said["until"]
    ended = {one.id: one for one in organisation.agreements}.get(named)
    if ended is None:
        raise NotFound("the organisation has no such agreement")
    if not ended.period.holds(day):
        raise WrongState("the agreement is not valid on that day")
    desk.save(replace(organisation, agreements=end(organisation.agreements, ended, day)))
    return {"organisation": organisation.slug, "agreement": str(named)}


CHANGES: Mapping[str, Kind] = {
    "agreement.record": Kind(
        lasting(kind=among(AGREEMENT_KINDS), about=prose, reference=prose), _record
    ),
    "agreement.end": Kind(Form({"agreement": uuid, "until": parse_day}), _end),
}
