"""Members' machines: their scopes, keys and certificates, and invitations to enrol them."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from gateway.domain import refusals
from gateway.domain.enrolment import INVITATION_LIFE, TOKEN, Invitation
from gateway.domain.organisation import (
    ADMIN_SCOPES,
    RELAY_SCOPE,
    SEPARATE_SCOPES,
    Certificate,
    Organisation,
    System,
)
from gateway.domain.peer import GATEWAY_KIND
from gateway.kernel.changes import ChangeContext


def register_system(context: ChangeContext) -> Mapping[str, Any]:
    """Register a system of an organisation."""
    organisation = context.organisation
    name, scopes = context.values["system"], context.values["scopes"]
    if (RELAY_SCOPE in scopes) is not (organisation.kind == GATEWAY_KIND) or (
        RELAY_SCOPE in scopes and len(scopes) > 1
    ):
        only = "a peer gateway's system has the scope relay and no other, which nobody else has"
        raise refusals.ValidationFailed((("/scopes", only),))
    if scopes >= SEPARATE_SCOPES:
        both = " and ".join(sorted(SEPARATE_SCOPES))
        raise refusals.ValidationFailed(
            (("/scopes", f"one system never has both {both}: register a second system"),)
        )
    system = System(organisation.slug, name, scopes)
    context.work.organisations.add_system(system)
    return {"client_id": system.client_id, "scopes": sorted(system.scopes)}


def set_system_keys(context: ChangeContext) -> Mapping[str, Any]:
    """Replace the keys with which a system authenticates; none: its certificate is enough."""
    system, keys = _system(context), context.values["keys"]
    registry = context.work.organisations
    if not {*registry.client_keys(system.organisation, system.name)} <= {*keys}:
        # A withdrawn key may be in other hands: the tokens that it obtained end with it.
        registry.save_system(replace(system, tokens_valid_from=context.now))
    registry.set_client_keys(system.organisation, system.name, keys)
    return {"client_id": system.client_id, "keys": len(keys)}


def switch_system(context: ChangeContext, *, on: bool) -> Mapping[str, Any]:
    """Stop a system at its next request, or let it work again with tokens of from then on."""
    system = _system(context)
    if system.enabled is on:
        raise refusals.WrongState(f"the system is {'enabled' if on else 'disabled'} already")
    switched = replace(system, enabled=on, tokens_valid_from=context.now)
    context.work.organisations.save_system(switched)
    return {"client_id": system.client_id, "enabled": on}


def entrust(context: ChangeContext) -> Mapping[str, Any]:
    """Give a system the scopes of the operator, or take them away with an empty list."""
    system = _system(context)
    given = context.values["scopes"]
    if RELAY_SCOPE in system.scopes and given:
        raise refusals.WrongState("a peer gateway's system has no scope of the operator's")
    scopes = system.scopes - frozenset(ADMIN_SCOPES) | given
    context.work.organisations.save_system(replace(system, scopes=scopes))
    return {"client_id": system.client_id, "scopes": sorted(scopes)}


def _system(context: ChangeContext) -> System:
    slug, name = context.organisation.slug, context.values["system"]
    system = context.work.organisations.system(slug, name)
    if system is None:
        raise refusals.NotFound("the organisation has no system of that name: register it first")
    return system


def revoke_certificate(context: ChangeContext) -> Mapping[str, Any]:
    """Revoke one certificate, or with ``system`` all that the system has.

    Whoever has a system's key may have renewed by it: ``left`` tells which ones still stand.
    """
    organisation = context.organisation
    if context.values["system"] is not None and context.values["thumbprint"] is not None:
        raise refusals.ValidationFailed(
            (("/system", "is for all certificates of a system: name that, or one"),)
        )
    if context.values["system"] is not None:
        system = _system(context)
        revoked = _valid_certificates(context, system)
        if not revoked:
            raise refusals.WrongState("the system has no certificate that stands")
    else:
        revoked = [_certificate(context, organisation)]
        system = System(organisation.slug, revoked[0].system, frozenset())
    for one in revoked:
        context.work.organisations.save_certificate(replace(one, revoked_at=context.now))
    return {
        "client_id": system.client_id,
        "revoked": [one.thumbprint for one in revoked],
        "left": [one.thumbprint for one in _valid_certificates(context, system)],
    }


def _certificate(context: ChangeContext, organisation: Organisation) -> Certificate:
    if context.values["thumbprint"] is None:
        raise refusals.ValidationFailed(
            (("/thumbprint", "is missing: name a thumbprint, or with --system all of a system"),)
        )
    certificate = context.work.organisations.certificate(context.values["thumbprint"])
    if certificate is None or certificate.organisation != organisation.slug:
        raise refusals.NotFound("the organisation has no such certificate")
    if certificate.revoked_at is not None:
        raise refusals.WrongState("the certificate is revoked already")
    return certificate


def _valid_certificates(context: ChangeContext, system: System) -> list[Certificate]:
    """The certificates of a system that still let it in."""
    held = context.work.organisations.certificates(system.organisation, system.name)
    return [one for one in held if one.revoked_at is None and context.now < one.not_after]


# --- Invitations: two persons let a system enrol once; one person takes that back ---


def invite(context: ChangeContext) -> Mapping[str, Any]:
    """Store an invitation; its token stays with who proposed it, we get the SHA-256 of it."""
    system = _system(context)
    made = Invitation(
        id=context.event,
        organisation=system.organisation,
        system=system.name,
        token_sha256=context.values["token_sha256"],
        approved_by=context.persons,
        expires_at=context.now + INVITATION_LIFE,
    )
    context.work.invitations.add(made)
    return {
        "invitation": str(made.id),
        "client_id": system.client_id,
        "expires_at": made.expires_at.isoformat(timespec="seconds"),
    }


def withdraw_invitation(context: ChangeContext) -> Mapping[str, Any]:
    """Take an invitation back, with the request that waits.

    Once it was used ``document_keys`` are those that stand: one of them may have come by it.
    """
    organisation = context.organisation
    invitation = context.work.invitations.get(context.values["invitation"])
    if invitation is None or invitation.organisation != organisation.slug:
        raise refusals.NotFound("the organisation has no such invitation")
    if context.now >= invitation.expires_at and invitation.key is None:
        raise refusals.InvitationUnusable("the invitation has expired: nobody can use it any more")
    asked = invitation.request and context.work.signing.get(invitation.request)
    served = bool(asked and asked.certificate)
    context.work.invitations.save(invitation.withdraw(context.now, served=served))
    if asked and not asked.refusal:
        context.work.signing.save(replace(asked, refusal="the invitation was withdrawn"))
    stand = [key.kid for key in organisation.document_keys if key.holds(context.now)]
    used = {"document_keys": stand} if asked and stand else {}
    return {"invitation": str(invitation.id), **used}


def read_token_digest(value: Any) -> str:
    """The SHA-256 of an invitation's token, base64url; ValueError for anything else."""
    if not TOKEN.fullmatch(value):
        raise ValueError
    return str(value)
