"""Legal mandates are given and ended."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from gateway.actions.mandates import organisations
from gateway.actions.registry.desk import (
    Desk,
    Form,
    Kind,
    among,
    country,
    end,
    lasting,
    must,
    prose,
    text,
)
from gateway.domain.mandates import overlapping
from gateway.domain.organisation import (
    FUNCTIONS,
    Competence,
    Organisation,
)
from gateway.domain.refusals import WrongState
from gateway.domain.timestamp import parse_day
from gateway.domain.vocabulary import Matter


def _grant_competence(desk: Desk, found: Organisation | None) -> Mapping[str, Any]:
    organisation = must(found)
    competence = Competence(
        id=desk.event,
        organisation=organisation.slug,
        function=desk.said["function"],
        matter=str(desk.said["matter"]),
        territory=desk.said["territory"],
        legal_act=desk.said["legal_act"],
        period=desk.period(),
        registered_by=desk.event,
    )
    held = [c.period for c in organisation.competences if c.key == competence.key]
    if any(competence.period.overlaps(period) for period in held):
        raise WrongState("the organisation holds that competence in that period already")
    desk.save(replace(organisation, competences=(*organisation.competences, competence)))
    return {
        "organisation": organisation.slug,
        "competence": competence.key,
        **_warning(desk, competence),
    }


def _warning(desk: Desk, granted: Competence) -> Mapping[str, Any]:
    """Which other offices receive the same on one of the days: offers would be refused on them."""
    if granted.function != "receive":
        return {}
    others = [c for one in organisations(desk.work) for c in one.competences]
    found = sorted({c.organisation for c in overlapping(granted, others)})
    return {"overlaps": found} if found else {}


def _end_competence(desk: Desk, found: Organisation | None) -> Mapping[str, Any]:
    organisation = must(found)
    key, day = desk.said["competence"], desk.said["until"]
    held = (c for c in organisation.competences if c.key == key and c.period.holds(day))
    ended = next(held, None)
    if ended is None:
        raise WrongState("the organisation does not hold that competence on that day")
    desk.save(replace(organisation, competences=end(organisation.competences, ended, day)))
    return {"organisation": organisation.slug, "competence": key}


CHANGES: Mapping[str, Kind] = {
    "competence.grant": Kind(
        lasting(function=among(FUNCTIONS), matter=Matter, territory=country, legal_act=prose),
        _grant_competence,
    ),
    "competence.end": Kind(Form({"competence": text, "until": parse_day}), _end_competence),
}
