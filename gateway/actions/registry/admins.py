"""The gateway's named administrators: one more, or one less; never fewer than two."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from gateway.actions.persons import key_of
from gateway.actions.registry.desk import Apply, Desk, prose, slug
from gateway.domain.organisation import Organisation, Person
from gateway.domain.refusals import ApprovalRefused, Invalid, NotFound, WrongState
from gateway.evidence import canonical


def _add(desk: Desk, found: Organisation | None) -> Mapping[str, Any]:
    """Take on an administrator, with a key that nobody here has or had."""
    made = Person(desk.read("person", slug), desk.read("name", prose), _jwk(desk))
    try:
        key = key_of(made)
    except ApprovalRefused as refused:
        raise Invalid((("/jwk", refused.detail),)) from None
    if key in [key_of(person) for person in desk.work.organisations.persons()]:
        raise WrongState("another administrator has or had this key: make a new one")
    desk.work.organisations.add_person(made)
    return {"person": made.id}


def _jwk(desk: Desk) -> str:
    def read(value: Any) -> str:
        if not isinstance(value, Mapping) or "d" in value:
            raise ValueError
        return canonical.encode(dict(value)).decode()

    return desk.read("jwk", read)


def _disable(desk: Desk, found: Organisation | None) -> Mapping[str, Any]:
    """Let a person's word count no more, from now on, whatever they signed before."""
    desk.read("reason", prose)
    named = desk.read("person", slug)
    person = desk.work.organisations.person(named)
    if person is None:
        raise NotFound("no administrator has that id")
    if not person.enabled:
        raise WrongState("the administrator is disabled already")
    others = [p for p in desk.work.organisations.persons() if p.enabled and p.id != named]
    if len(others) < 2:
        raise WrongState("two administrators must remain: add another one first")
    desk.work.organisations.save_person(replace(person, enabled=False))
    return {"person": named}


CHANGES: Mapping[str, Apply] = {"admin.add": _add, "admin.disable": _disable}
