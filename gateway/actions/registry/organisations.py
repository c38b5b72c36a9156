"""Organisations come in, are suspended and reinstated."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from gateway.actions.registry.desk import (
    Apply,
    Desk,
    among,
    country,
    flag,
    must,
    set_of,
    text,
)
from gateway.domain.organisation import (
    KINDS,
    Organisation,
    Status,
)
from gateway.domain.refusals import Invalid, WrongState
from gateway.domain.vocabulary import Regime


def _admit(desk: Desk, found: Organisation | None) -> Mapping[str, Any]:
    public_authority = desk.read("public_authority", flag)
    regimes = desk.read("regimes", set_of([str(regime) for regime in Regime]))
    if Regime.LED in regimes and not public_authority:
        raise Invalid((("/regimes", "only a public authority acts under the led regime"),))
    desk.work.organisations.add(
        Organisation(
            slug=desk.change.organisation,
            name=desk.read("name", text),
            kind=desk.read("kind", among(KINDS)),
            public_authority=public_authority,
            regimes=regimes,
            country=desk.read("country", country),
            status=Status.ACTIVE,
        )
    )
    return {"organisation": desk.change.organisation, "status": str(Status.ACTIVE)}


def _move_status(found: Organisation | None, before: Status, after: Status) -> Organisation:
    organisation = must(found)
    if organisation.status is not before:
        raise WrongState(f"the organisation is {organisation.status}, not {before}")
    return replace(organisation, status=after)


def _suspend(desk: Desk, found: Organisation | None) -> Mapping[str, Any]:
    desk.save(_move_status(found, Status.ACTIVE, Status.SUSPENDED))
    return {"organisation": desk.change.organisation, "status": str(Status.SUSPENDED)}


def _reinstate(desk: Desk, found: Organisation | None) -> Mapping[str, Any]:
    desk.save(_move_status(found, Status.SUSPENDED, Status.ACTIVE))
    return {"organisation": desk.change.organisation, "status": str(Status.ACTIVE)}


CHANGES: Mapping[str, Apply] = {
    "organisation.admit": _admit,
    "organisation.suspend": _suspend,
    "organisation.reinstate": _reinstate,
}
