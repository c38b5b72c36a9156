"""The short way in: two persons admit an organisation that the governing body let in elsewhere."""

from collections.abc import Mapping
from typing import Any

from gateway.actions.registry.desk import Desk, Kind
from gateway.actions.registry.memberships import ENTRY, read_entry
from gateway.domain.organisation import Organisation, Status


def _admit(desk: Desk, found: Organisation | None) -> Mapping[str, Any]:
    desk.work.organisations.add(read_entry(desk, Status.ACTIVE))
    return {"organisation": desk.change.organisation, "status": str(Status.ACTIVE)}


CHANGES: Mapping[str, Kind] = {"organisation.admit": Kind(ENTRY, _admit)}
