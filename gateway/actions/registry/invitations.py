"""Invitations: two persons let a system enrol once; one person takes that back."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from gateway.actions.registry.desk import Desk, Form, Kind, must, prose, slug, uuid
from gateway.domain.invitation import LIFE, TOKEN, Invitation
from gateway.domain.organisation import Organisation
from gateway.domain.refusals import InvitationRefused, NotFound


def _make(desk: Desk, found: Organisation | None) -> Mapping[str, Any]:
    """Take on an invitation; its token stays with who proposed it, we get the SHA-256 of it."""
    organisation = must(found)
    system = desk.said["system"]
    if desk.work.organisations.system(organisation.slug, system) is None:
        raise NotFound("the organisation has no system of that name: register it first")
    made = Invitation(
        id=desk.event,
        organisation=organisation.slug,
        system=system,
        token_sha256=desk.said["token_sha256"],
        approved_by=desk.persons,
        ends_at=desk.now + LIFE,
    )
    desk.work.invitations.add(made)
    return {
        "invitation": str(made.id),
        "client_id": f"{organisation.slug}.{system}",
        "ends_at": made.ends_at.isoformat(timespec="seconds"),
    }


def _withdraw(desk: Desk, found: Organisation | None) -> Mapping[str, Any]:
    """Take an invitation back, with the request that waits.

    Once it was used ``document_keys`` are those that stand: one of them may have come by it.
    """
    organisation = must(found)
    invitation = desk.work.invitations.get(desk.said["invitation"])
    if invitation is None or invitation.organisation != organisation.slug:
        raise NotFound("the organisation has no such invitation")
    if desk.now >= invitation.ends_at and invitation.key is None:
        raise InvitationRefused("the invitation has expired: nobody can use it any more")
    asked = invitation.request and desk.work.signing.get(invitation.request)
    served = bool(asked and asked.certificate)
    desk.work.invitations.save(invitation.withdraw(desk.now, served=served))
    if asked and not asked.refusal:
        desk.work.signing.save(replace(asked, refusal="the invitation was withdrawn"))
    stand = [key.kid for key in organisation.document_keys if key.holds(desk.now)]
    used = {"document_keys": stand} if asked and stand else {}
    return {"invitation": str(invitation.id), **used}


def _digest(value: Any) -> str:
    if not TOKEN.fullmatch(value):
        raise ValueError
    return str(value)


CHANGES: Mapping[str, Kind] = {
    "invitation.make": Kind(Form({"system": slug, "token_sha256": _digest}), _make),
    "invitation.withdraw": Kind(Form({"invitation": uuid}, {"reason": prose}), _withdraw),
}
