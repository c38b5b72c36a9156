"""Organisations apply, the governing body decides, and they become active, pause, and leave."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import date
from typing import Any

from gateway.actions.registry.contacts import read_contact
from gateway.actions.registry.desk import (
    Apply,
    Desk,
    among,
    country,
    digest,
    flag,
    must,
    prose,
    set_of,
)
from gateway.domain import membership
from gateway.domain.membership import Move
from gateway.domain.organisation import (
    KINDS,
    Application,
    Contact,
    Organisation,
    Resolution,
    Standing,
    Status,
)
from gateway.domain.refusals import Invalid, WrongState
from gateway.domain.timestamp import parse_day
from gateway.domain.vocabulary import Purpose, Regime


def read_entry(desk: Desk, status: Status) -> Organisation:
    """A new organisation from the values of the change, its history begun."""
    public_authority = desk.read("public_authority", flag)
    regimes = desk.read("regimes", set_of([str(regime) for regime in Regime]))
    if Regime.LED in regimes and not public_authority:
        raise Invalid((("/regimes", "only a public authority acts under the led regime"),))
    made = Organisation(
        slug=desk.change.organisation,
        name=desk.read("name", prose),
        kind=desk.read("kind", among(KINDS)),
        public_authority=public_authority,
        regimes=regimes,
        country=desk.read("country", country),
        status=status,
    )
    return membership.begin(made, desk.today, desk.event)


def _apply(desk: Desk, found: Organisation | None) -> Mapping[str, Any]:
    """Record what an organisation asks for; its id is taken from now on, whatever is decided."""
    asked = Application(
        standing=desk.read("standing", Standing),
        purposes=desk.read("purposes", set_of([str(purpose) for purpose in Purpose])),
        about=desk.read("about", prose),
        received_on=desk.read("received_on", parse_day),
        event=desk.event,
    )
    contacts = _contacts(desk)
    desk.work.organisations.add(replace(read_entry(desk, Status.APPLIED), application=asked))
    for contact in contacts:
        desk.work.organisations.set_contact(contact)
    return _told(desk, Status.APPLIED)


def _contacts(desk: Desk) -> list[Contact]:
    def read(value: Any) -> list[Contact]:
        if not isinstance(value, list) or not value:
            raise ValueError
        return [read_contact(desk, one) for one in value]

    contacts = desk.read("contacts", read)
    if len({contact.role for contact in contacts}) < len(contacts):
        raise Invalid((("/contacts", "one contact for each role"),))
    return contacts


def _approve(desk: Desk, found: Organisation | None) -> Mapping[str, Any]:
    return _decide(desk, must(found), Move.APPROVE)


def _decline(desk: Desk, found: Organisation | None) -> Mapping[str, Any]:
    return _decide(desk, must(found), Move.DECLINE)


def _decide(desk: Desk, organisation: Organisation, step: Move) -> Mapping[str, Any]:
    """Take on the governing body's decision of an application."""
    decided = membership.move(organisation, step, desk.today, desk.event)
    if organisation.application is None:
        raise WrongState("the organisation has no application to decide")
    decided_on = desk.read("decided_on", parse_day)
    _require_sequence(organisation.application.received_on, decided_on, desk.today)
    resolution = Resolution(
        reference=desk.read("decision_ref", prose),
        decided_on=decided_on,
        document_sha256=desk.read("document_sha256", digest),
        event=desk.event,
    )
    application = replace(organisation.application, resolution=resolution)
    desk.save(replace(decided, application=application))
    return _told(desk, decided.status)


def _require_sequence(received: date, decided: date, today: date) -> None:
    if not received <= decided <= today:
        told = "lies between the day of the application and today"
        raise Invalid((("/decided_on", told),))


def _activate(desk: Desk, found: Organisation | None) -> Mapping[str, Any]:
    if found is not None and not desk.work.conformance.passed(found.slug):
        # What is in the wrong state is told so first: it has nothing to show yet.
        membership.move(found, Move.ACTIVATE, desk.today, desk.event)
        raise WrongState("no system of the organisation has passed a conformance run yet")
    return _move(desk, found, Move.ACTIVATE)


def _suspend(desk: Desk, found: Organisation | None) -> Mapping[str, Any]:
    return _move(desk, found, Move.SUSPEND)


def _reinstate(desk: Desk, found: Organisation | None) -> Mapping[str, Any]:
    return _move(desk, found, Move.REINSTATE)


def _move(desk: Desk, found: Organisation | None, step: Move) -> Mapping[str, Any]:
    desk.read("reason", prose)
    moved = membership.move(must(found), step, desk.today, desk.event)
    desk.save(moved)
    return _told(desk, moved.status)


def _leave(desk: Desk, found: Organisation | None) -> Mapping[str, Any]:
    """End what the organisation holds, and its part; what it did stays readable."""
    desk.read("reason", prose)
    left = membership.leave(must(found), desk.today, desk.event)
    desk.save(left)
    return _told(desk, left.status)


def _told(desk: Desk, status: Status) -> Mapping[str, Any]:
    return {"organisation": desk.change.organisation, "status": str(status)}


CHANGES: Mapping[str, Apply] = {
    "organisation.apply": _apply,
    "organisation.approve": _approve,
    "organisation.decline": _decline,
    "organisation.activate": _activate,
    "organisation.suspend": _suspend,
    "organisation.reinstate": _reinstate,
    "organisation.leave": _leave,
}
