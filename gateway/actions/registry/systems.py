"""Members' machines: their scopes, client keys and certificates."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from gateway.actions.assertion import read_keys
from gateway.actions.records import SigningRequest
from gateway.actions.registry.desk import (
    NOT_OF_FORM,
    Desk,
    Form,
    Kind,
    any_of,
    must,
    prose,
    set_of,
    slug,
    text,
)
from gateway.domain.organisation import (
    OPERATOR_SCOPES,
    SCOPES,
    Certificate,
    Organisation,
    System,
)
from gateway.domain.refusals import Invalid, NotFound, WrongState


def _register_system(desk: Desk, found: Organisation | None) -> Mapping[str, Any]:
    organisation = must(found)
    name = desk.said["system"]
    system = System(organisation.slug, name, desk.said["scopes"])
    desk.work.organisations.add_system(system)
    return {"client_id": system.client_id, "scopes": sorted(system.scopes)}


def _set_keys(desk: Desk, found: Organisation | None) -> Mapping[str, Any]:
    organisation = must(found)
    name, keys = desk.said["system"], desk.said["keys"]
    if desk.work.organisations.system(organisation.slug, name) is None:
        raise NotFound("the organisation has no system of that name: register it first")
    _end_tokens_of_withdrawn(desk, organisation.slug, name, keys)
    desk.work.organisations.set_client_keys(organisation.slug, name, keys)
    return {"client_id": f"{organisation.slug}.{name}", "keys": len(keys)}


def _end_tokens_of_withdrawn(desk: Desk, slug: str, system: str, keys: Sequence[str]) -> None:
    """A key that is withdrawn may be in other hands: what was had by it ends with it."""
    if not set(desk.work.organisations.client_keys(slug, system)) <= set(keys):
        desk.work.organisations.end_tokens(slug, system, desk.now)


def _disable(desk: Desk, found: Organisation | None) -> Mapping[str, Any]:
    return _switch(desk, must(found), on=False)


def _enable(desk: Desk, found: Organisation | None) -> Mapping[str, Any]:
    return _switch(desk, must(found), on=True)


def _switch(desk: Desk, organisation: Organisation, *, on: bool) -> Mapping[str, Any]:
    """Stop a system at its next request, or let it work again with tokens of from then on."""
    system = _system(desk, organisation)
    if system.enabled is on:
        raise WrongState(f"the system is {'enabled' if on else 'disabled'} already")
    desk.work.organisations.save_system(replace(system, enabled=on))
    desk.work.organisations.end_tokens(system.organisation, system.name, desk.now)
    return {"client_id": system.client_id, "enabled": on}


def _entrust(desk: Desk, found: Organisation | None) -> Mapping[str, Any]:
    """Give a system the scopes of the operator, or take them away with an empty list."""
    system = _system(desk, must(found))
    given = desk.said["scopes"]
    scopes = system.scopes - frozenset(OPERATOR_SCOPES) | given
    desk.work.organisations.save_system(replace(system, scopes=scopes))
    return {"client_id": system.client_id, "scopes": sorted(scopes)}


def _system(desk: Desk, organisation: Organisation) -> System:
    system = desk.work.organisations.system(organisation.slug, desk.said["system"])
    if system is None:
        raise NotFound("the organisation has no system of that name: register it first")
    return system


def _approve_certificate(desk: Desk, found: Organisation | None) -> Mapping[str, Any]:
    organisation = must(found)
    system = desk.said["system"]
    if desk.work.organisations.system(organisation.slug, system) is None:
        raise NotFound("the organisation has no system of that name: register it first")
    csr = desk.said["csr"]
    request = SigningRequest(desk.event, organisation.slug, system, csr, desk.persons[0])
    desk.work.signing.add(request)
    return {"request": str(request.id)}


def _revoke_certificate(desk: Desk, found: Organisation | None) -> Mapping[str, Any]:
    """Revoke one certificate, or with ``system`` all that the system has.

    Whoever has a system's key may have renewed by it: ``left`` tells which ones still stand.
    """
    organisation = must(found)
    if desk.said["system"] is not None and desk.said["thumbprint"] is not None:
        raise Invalid((("/system", "is for all certificates of a system: name that, or one"),))
    if desk.said["system"] is not None:
        system = _system(desk, organisation)
        revoked = _standing(desk, system)
        if not revoked:
            raise WrongState("the system has no certificate that stands")
    else:
        revoked = [_certificate(desk, organisation)]
        system = System(organisation.slug, revoked[0].system, frozenset())
    for one in revoked:
        desk.work.organisations.save_certificate(replace(one, revoked_at=desk.now))
    return {
        "client_id": system.client_id,
        "revoked": [one.thumbprint for one in revoked],
        "left": [one.thumbprint for one in _standing(desk, system)],
    }


def _certificate(desk: Desk, organisation: Organisation) -> Certificate:
    if desk.said["thumbprint"] is None:
        raise Invalid((("/thumbprint", NOT_OF_FORM),))
    certificate = desk.work.organisations.certificate(desk.said["thumbprint"])
    if certificate is None or certificate.organisation != organisation.slug:
        raise NotFound("the organisation has no such certificate")
    if certificate.revoked_at is not None:
        raise WrongState("the certificate is revoked already")
    return certificate


def _standing(desk: Desk, system: System) -> list[Certificate]:
    """The certificates of a system that still let it in."""
    held = desk.work.organisations.certificates(system.organisation, system.name)
    return [one for one in held if one.revoked_at is None and desk.now < one.not_after]


CHANGES: Mapping[str, Kind] = {
    "system.register": Kind(Form({"system": slug, "scopes": set_of(SCOPES)}), _register_system),
    "system.key": Kind(Form({"system": slug, "keys": read_keys}), _set_keys),
    "system.disable": Kind(Form({"system": slug, "reason": prose}), _disable),
    "system.enable": Kind(Form({"system": slug, "reason": prose}), _enable),
    "system.entrust": Kind(Form({"system": slug, "scopes": any_of(OPERATOR_SCOPES)}), _entrust),
    "certificate.issue": Kind(Form({"system": slug, "csr": text}), _approve_certificate),
    "certificate.revoke": Kind(
        Form({}, {"thumbprint": text, "system": slug, "reason": prose}), _revoke_certificate
    ),
}
