"""The gateway's named administrators: one more, or one less; never fewer than two."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from gateway.actions.persons import key_of
from gateway.actions.registry.desk import Desk, Form, Kind, prose, slug, text
from gateway.actions.registry.words import word
from gateway.domain.organisation import Organisation, Person
from gateway.domain.refusals import NotFound, WrongState
from gateway.evidence import canonical, registration
from gateway.evidence.approval import person_uri
from gateway.evidence.signature import public_keys


def _add(desk: Desk, found: Organisation | None) -> Mapping[str, Any]:
    """Take on an administrator, with a key that is at hand and that nobody here has or had."""
    jwk, person = desk.said["jwk"], desk.said["person"]
    ((kid, key),) = public_keys({"keys": [jwk]}).items()
    author = person_uri(desk.issuer, person)
    word(desk, "proof", author=author, says=registration.POSSESSION, kid=kid, keys={kid: key})
    if key in [key_of(one) for one in desk.work.organisations.persons()]:
        raise WrongState("another administrator has or had this key: make a new one")
    made = Person(person, desk.said["name"], canonical.encode(jwk).decode())
    desk.work.organisations.add_person(made)
    return {"person": made.id}


def _public(value: Any) -> Mapping[str, Any]:
    """The JWK of a key that verifies signatures; ValueError for any other, or a private one."""
    ((_, _key),) = public_keys({"keys": [value]}).items()
    return dict(value)


def _disable(desk: Desk, found: Organisation | None) -> Mapping[str, Any]:
    """Let a person's word count no more, from now on, whatever they signed before."""
    named = desk.said["person"]
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


CHANGES: Mapping[str, Kind] = {
    "admin.add": Kind(Form({"person": slug, "name": prose, "jwk": _public, "proof": text}), _add),
    "admin.disable": Kind(Form({"person": slug, "reason": prose}), _disable),
}
