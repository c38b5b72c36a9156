"""Organisations apply, the governing body decides, and they become active, pause, and leave."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import date
from typing import Any

from gateway.actions.registry.contacts import CONTACT, contact_of
from gateway.actions.registry.desk import (
    Desk,
    Form,
    Kind,
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

ENTRY = Form(
    {
        "name": prose,
        "kind": among(KINDS),
        "public_authority": flag,
        "regimes": set_of([str(regime) for regime in Regime]),
        "country": country,
    }
)


def read_entry(desk: Desk, status: Status) -> Organisation:
    """A new organisation from the values of the change, its history begun."""
    public_authority = desk.said["public_authority"]
    regimes = desk.said["regimes"]
    if Regime.LED in regimes and not public_authority:
        raise Invalid((("/regimes", "only a public authority acts under the led regime"),))
    made = Organisation(
        slug=desk.change.organisation,
        name=desk.said["name"],
        kind=desk.said["kind"],
        public_authority=public_authority,
        regimes=regimes,
        country=desk.said["country"],
        status=status,
    )
    return membership.begin(made, desk.today, desk.event)


def _read_contacts(value: Any) -> list[dict[str, Any]]:
    if not isinstance(value, list) or not value:
        raise ValueError
    try:
        return [CONTACT.read(one) for one in value]
    except Invalid as error:
        raise ValueError from error


_APPLICATION = Form(
    {
        **ENTRY.must,
        "standing": Standing,
        "purposes": set_of([str(purpose) for purpose in Purpose]),
        "about": prose,
        "received_on": parse_day,
        "contacts": _read_contacts,
    }
)


def _apply(desk: Desk, found: Organisation | None) -> Mapping[str, Any]:
    """Record what an organisation asks for; its id is taken from now on, whatever is decided."""
    asked = Application(
        standing=desk.said["standing"],
        purposes=desk.said["purposes"],
        about=desk.said["about"],
        received_on=desk.said["received_on"],
        event=desk.event,
    )
    contacts = _contacts(desk)
    desk.work.organisations.add(replace(read_entry(desk, Status.APPLIED), application=asked))
    for contact in contacts:
        desk.work.organisations.set_contact(contact)
    return _told(desk, Status.APPLIED)


def _contacts(desk: Desk) -> list[Contact]:
    contacts = [contact_of(desk, one) for one in desk.said["contacts"]]
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
    decided_on = desk.said["decided_on"]
    _require_sequence(organisation.application.received_on, decided_on, desk.today)
    resolution = Resolution(
        reference=desk.said["decision_ref"],
        decided_on=decided_on,
        document_sha256=desk.said["document_sha256"],
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
    moved = membership.move(must(found), step, desk.today, desk.event)
    desk.save(moved)
    return _told(desk, moved.status)


def _leave(desk: Desk, found: Organisation | None) -> Mapping[str, Any]:
    """End what the organisation holds, and its part; what it did stays readable."""
    left = membership.leave(must(found), desk.today, desk.event)
    desk.save(left)
    return _told(desk, left.status)


def _told(desk: Desk, status: Status) -> Mapping[str, Any]:
    return {"organisation": desk.change.organisation, "status": str(status)}


_RESOLUTION = Form({"decision_ref": prose, "decided_on": parse_day, "document_sha256": digest})
_REASON = Form({"reason": prose})

CHANGES: Mapping[str, Kind] = {
    "organisation.apply": Kind(_APPLICATION, _apply),
    "organisation.approve": Kind(_RESOLUTION, _approve),
    "organisation.decline": Kind(_RESOLUTION, _decline),
    "organisation.activate": Kind(_REASON, _activate),
    "organisation.suspend": Kind(_REASON, _suspend),
    "organisation.reinstate": Kind(_REASON, _reinstate),
    "organisation.leave": Kind(_REASON, _leave),
}
