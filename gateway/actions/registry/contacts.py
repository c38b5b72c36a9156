"""Whom to reach at a member: one contact for each role, the newest in the place of the last."""

from collections.abc import Mapping
from typing import Any

from gateway.actions.registry.desk import Desk, Form, Kind, among, must, prose
from gateway.domain.organisation import CONTACT_ROLES, Contact, Organisation

CONTACT = Form({"role": among(CONTACT_ROLES), "name": prose, "address": prose})


def contact_of(desk: Desk, said: Mapping[str, Any]) -> Contact:
    """A contact of the change's organisation, as CONTACT reads it."""
    return Contact(**said, organisation=desk.change.organisation, registered_by=desk.event)


def _set_contact(desk: Desk, found: Organisation | None) -> Mapping[str, Any]:
    must(found)
    contact = contact_of(desk, desk.said)
    desk.work.organisations.set_contact(contact)
    return {"organisation": contact.organisation, "role": contact.role}


CHANGES: Mapping[str, Kind] = {"contact.set": Kind(CONTACT, _set_contact)}
