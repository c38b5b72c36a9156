"""The pages, by what people do: each module has one blueprint, `pages`."""

from typing import NamedTuple

from flask import Blueprint

from gateway.console.access import Person
from gateway.console.pages import (
    acts,
    admin,
    admission,
    audit,
    cases,
    contents,
    handoffs,
    home,
    me,
    signing_in,
    staff,
    waiting,
)


class Destination(NamedTuple):
    """An entry of the navigation: its address, the key of its text, and whether it is for members'
    persons, for administrators, or, with None, for both."""

    path: str
    text: str
    administrators: bool | None = None

    def is_for(self, person: Person) -> bool:
        """Tell whether a person has this entry."""
        return self.administrators in (None, not person.organisation)


NAVIGATION: tuple[Destination, ...] = (
    Destination("/", "worklist"),
    Destination("/admin/organisations", "organisations", administrators=True),
    Destination("/admin/changes", "proposals", administrators=True),
    Destination("/received", "received", administrators=False),
    Destination("/sent", "sent", administrators=False),
    Destination("/cases", "cases", administrators=False),
    Destination("/staff", "staff", administrators=False),
    Destination("/me", "me"),
)

BLUEPRINTS: tuple[Blueprint, ...] = (
    signing_in.pages,
    me.pages,
    home.pages,
    handoffs.pages,
    cases.pages,
    contents.pages,
    acts.pages,
    waiting.pages,
    staff.pages,
    admin.pages,
    admission.pages,
    audit.pages,
)
