"""The pages, by what people do: each module has one blueprint, `pages`."""

from typing import NamedTuple

from flask import Blueprint

from gateway.console.access import Access
from gateway.console.pages import (
    acts,
    admin,
    admission,
    audit,
    cases,
    contents,
    handoffs,
    health,
    home,
    importing,
    me,
    signing_in,
    staff,
    successions,
    waiting,
)


class Destination(NamedTuple):
    """An entry of the navigation: its address, the key of its text, the endpoints of which its page
    needs one, none where it is for everybody; and those of whoever needs no such entry."""

    path: str
    text: str
    endpoints: tuple[str, ...] = ()
    but: tuple[str, ...] = ()

    def is_for(self, access: Access) -> bool:
        """Tell whether a person has this entry."""
        if self.but and access.reaches(*self.but):
            return False
        return not self.endpoints or access.reaches(*self.endpoints)


NAVIGATION: tuple[Destination, ...] = (
    Destination("/", "worklist", ("registry_worklist", "directory_list")),
    Destination("/admin/organisations", "organisations", ("registry_list",)),
    Destination("/admin/changes", "proposals", ("changes_list",)),
    Destination("/health", "health", ("health_show",)),
    Destination("/audit", "read_log", ("events_search",), but=("handoffs_list",)),
    Destination("/received", "received", ("handoffs_list",)),
    Destination("/sent", "sent", ("handoffs_list",)),
    Destination("/cases", "cases", ("cases_list",)),
    Destination("/staff", "staff", ("staff_add",)),
    Destination("/me", "me"),
)

AT_THE_DESK: tuple[Blueprint, ...] = (
    signing_in.pages,
    me.pages,
    home.pages,
    handoffs.pages,
    cases.pages,
    importing.pages,
    contents.pages,
    acts.pages,
    waiting.pages,
    staff.pages,
)
"""The pages of a member's own system, which has no passkeys and asks as one organisation."""

BLUEPRINTS = (
    *AT_THE_DESK,
    signing_in.registration,
    admin.pages,
    admission.pages,
    health.pages,
    audit.pages,
    successions.pages,
)
