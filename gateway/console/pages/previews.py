"""What an act would give, and to whom: shown before it is signed."""

from collections.abc import Mapping
from typing import Any

from flask import g

from gateway.console import sections, wording
from gateway.console.context import say, signed_in
from gateway.console.pages.acts import PersonAct


def of_offer(act: PersonAct, body: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return what an offer would give, to whom, and why not all."""
    asked = {name: one for name, one in body.items() if name != "handoff"}
    asked["case"] = str(act.ids["case"])
    return _shown(signed_in().access.preview("cases_preview", asked))


def of_update(act: PersonAct, body: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return likewise what an update would give, of which version, and what it is to the one
    before."""
    told = signed_in().access.preview("handoffs_preview_update", body, **act.ids)
    change = wording.coded("change", told["change"], g.language)
    version = (say("version"), str(told["version"]))
    return [version, (wording.label("change", g.language), change), *_shown(told)]


def _shown(told: Mapping[str, Any]) -> list[tuple[str, str]]:
    language, to, whom = g.language, told["to"], str(told["to"]["organisation"])
    if to.get("competence") is not None:
        words = wording.competence(to["competence"], language)
        whom = say("competent", name=whom, competence=words)
    rows = [
        (wording.label("recipient", language), whom),
        (say("given"), str(len(told["permitted_disclosures"]))),
    ]
    if told["withheld_groups"]:
        groups = wording.code("group", told["withheld_groups"], language)
        rows.append((say("not_given"), groups))
    rows += [
        (say("elsewhere", id=sections.short(one["item"])), one["country"])
        for one in told["elsewhere"]
    ]
    if told.get("duty_contact") is False:
        rows.append((say("on_duty"), say("nobody_on_duty")))
    if told.get("emergency_numbers"):
        numbers = ", ".join(told["emergency_numbers"])
        rows.append((say("emergency"), numbers))
    return rows
