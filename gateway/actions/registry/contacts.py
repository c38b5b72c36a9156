"""Whom to reach at a member: one contact for each role, the newest in the place of the last."""

from collections.abc import Mapping
from typing import Any

from gateway.actions.registry.desk import Apply, Desk, among, must, prose
from gateway.domain.organisation import CONTACT_ROLES, Contact, Organisation


def read_contact(desk: Desk, said: Mapping[str, Any]) -> Contact:
    """A contact of the change's organisation; ValueError, LookupError or TypeError for no such."""
    return Contact(
        organisation=desk.change.organisation,
        role=among(CONTACT_ROLES)(said["role"]),
        name=prose(said["name"]),
        address=prose(said["address"]),
        registered_by=desk.event,
    )


def _set_contact(desk: Desk, found: Organisation | None) -> Mapping[str, Any]:
    must(found)
    contact = Contact(
        organisation=desk.change.organisation,
        role=desk.read("role", among(CONTACT_ROLES)),
        name=desk.read("name", prose),
        address=desk.read("address", prose),
        registered_by=desk.event,
    )
    desk.work.organisations.set_contact(contact)
    return {"organisation": contact.organisation, "role": contact.role}


CHANGES: Mapping[str, Apply] = {"contact.set": _set_contact}
