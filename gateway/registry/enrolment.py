"""A system gets its certificates by itself: the first by an invitation, the next by the last.

What the request asks for counts only as far as its key: subject and name come from the registry.
The certificate itself is made by whoever holds the issuing key, from a row .
"""

import hmac
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

from gateway.domain.audit_event import Party
from gateway.domain.invitation import Invitation
from gateway.domain.organisation import read_system_uri
from gateway.domain.refusals import (
    AlreadyExists,
    InvalidInvitation,
    InvitationUnusable,
    NotFound,
    Refusal,
    TooManyAttempts,
    ValidationFailed,
)
from gateway.evidence import base64url, canonical
from gateway.kernel.actors import GATEWAY, EnrollingSystem
from gateway.kernel.authentication import NotAuthenticated, require_standing
from gateway.kernel.changes import Change, ChangeContext, described
from gateway.kernel.events import gateway_and, shared, subject
from gateway.kernel.fields import read_fields
from gateway.kernel.ports import Ports, TransactionMode
from gateway.kernel.transact import (
    ActionRequest,
    RequestContext,
    WriteResult,
    authorize,
    spend_enrolment_refusal,
    transact,
)
from gateway.kernel.values import (
    Caller,
    CertificateOrder,
    CertificateRequest,
    Credentials,
    LoggedEvent,
)
from gateway.registry import keys
from gateway.registry.table import CHANGES

RENEWALS_PER_DAY = 10
"""Certificates that one system may request in a day."""


@dataclass(frozen=True)
class FirstDocumentKey:
    """The document key that comes with an enrolment: its JWK, and its proof of possession."""

    jwk: Mapping[str, Any]
    proof: str


def redeem_invitation(
    ports: Ports,
    name: str,
    token: str,
    asked: CertificateRequest,
    first_key: FirstDocumentKey | None = None,
) -> WriteResult:
    """Ask for a system's certificate by an invitation; the result names the request.

    ``name`` is a client id, or an organisation's. Repeated with the same key it gives the same
    request, so that who was interrupted goes on. Raises InvalidInvitation, TooManyAttempts,
    ValidationFailed, and RecordedRefusal for what is an event: an invitation of another system,
    used before for another key, expired or withdrawn, a first document key where there is one, or a
    policy's no.
    """
    invitation = _invited(ports, name, token)

    def describe(refusal: Refusal) -> str:
        said = {"invitation": str(invitation.id), "system": invitation.system}
        return canonical.encode({**said, "why": refusal.detail}).decode()

    def act(context: RequestContext) -> Mapping[str, Any]:
        return _use(context, invitation, name, asked, first_key)

    request = ActionRequest("invitation.redeem", describe=describe)
    try:
        return transact(ports, EnrollingSystem(invitation), request, act)
    except ValidationFailed:
        with ports.begin(TransactionMode.WRITE) as work:
            spend_enrolment_refusal(ports, work, invitation.organisation)
            work.commit()
        raise


def _invited(ports: Ports, name: str, token: str) -> Invitation:
    """The invitation with this token. It is looked up by a digest that nobody can steer.

    A wrong one writes nothing, whoever it names: nobody without a token learns who is here, takes
    the place of a writer, or uses up what those with a token may cause.
    """
    digest = base64url.digest(token.encode())
    with ports.begin(TransactionMode.READ) as work:
        found = work.invitations.by_token(digest)
    if found is None or not hmac.compare_digest(found.token_sha256, digest):
        raise InvalidInvitation("no invitation has this name and token")
    return found


def _use(
    context: RequestContext,
    invited: Invitation,
    name: str,
    asked: CertificateRequest,
    first_key: FirstDocumentKey | None,
) -> Mapping[str, Any]:
    client_id = f"{invited.organisation}.{invited.system}"
    if name not in (invited.organisation, client_id):
        raise InvitationUnusable("the invitation is for another system than the one named")
    invitation = context.work.invitations.get(invited.id)
    if invitation is None:
        raise InvalidInvitation("no invitation has this name and token")
    used = invitation.use(asked.key, context.event, context.now)
    _permit(context, invited)
    if used is invitation:
        context.event = _request_of(used)  # done before: its event, and nothing new
        return {"request": str(context.event), "client_id": client_id}
    if first_key is not None:
        _register(context, used, first_key)
    context.work.invitations.save(used)
    context.work.signing.add(
        CertificateOrder(
            context.event, used.organisation, used.system, asked.pem, used.approved_by[0]
        )
    )
    said = {"invitation": str(used.id), "system": used.system, **_named(asked)}
    _record(context, canonical.encode(said).decode())
    return {"request": str(context.event), "client_id": client_id}


def _permit(context: RequestContext, invited: Invitation) -> None:
    registered = context.work.organisations.system(invited.organisation, invited.system)
    if registered is None or not registered.enabled:
        raise NotFound("the system is not registered, or disabled: ask the administrators")
    authorize(context, context.principal(), otherwise="policy does not allow an enrolment now")


def _request_of(used: Invitation) -> UUID:
    if used.request is None:
        raise NotFound("the result of the invitation is gone")
    return used.request


def _register(context: RequestContext, used: Invitation, first_key: FirstDocumentKey) -> None:
    """Register the first document key, as those approved who made the invitation."""
    member = context.known[used.organisation]
    if member.document_keys:
        raise AlreadyExists(
            "your organisation has had a document key: enrol without one, and have the next one "
            "registered by the administrators"
        )
    values = {"jwk": first_key.jwk, "proof": first_key.proof}
    change = Change("key.register", used.organisation, values)
    read = read_fields(CHANGES["key.register"].fields, values)
    own = replace(context, event=context.ports.new_id())
    keys.register_document_key(ChangeContext(own, change, read, member, used.approved_by))
    _record(own, described(change), action="key.register")


def _named(asked: CertificateRequest) -> Mapping[str, str]:
    return {"key": asked.key, "csr_sha256": base64url.digest(asked.pem.encode())}


def _record(context: RequestContext, subject: str, action: str | None = None) -> None:
    """Record an event of the gateway's and the member's own."""
    parties = gateway_and(context.actor.organisation)
    context.record(parties, shared("subject", subject, parties), action=action)


def renew(ports: Ports, shown: Credentials, asked: CertificateRequest) -> WriteResult:
    """Ask for a system's next certificate, on a connection with a present one.

    Repeated on the same certificate with the same key it gives the same request. Raises
    NotAuthenticated, TooManyAttempts, and Refused when policy says no.
    """
    caller = _holder(ports, shown)
    request = ActionRequest(
        "certificate.renew",
        key=f"renewal/{shown.thumbprint}/{asked.key}",
        content={"system": caller.system, "key": asked.key},
    )

    def act(context: RequestContext) -> Mapping[str, Any]:
        authorize(context, context.entity())
        window = f"renewals.{caller.system}/{context.now:%Y%m%d}"
        if not context.work.budgets.consume(caller.organisation, window, RENEWALS_PER_DAY):
            raise TooManyAttempts("too many certificates for this system today: use the last one")
        client_id = f"{caller.organisation}.{caller.system}"
        context.work.signing.add(
            CertificateOrder(
                context.event,
                caller.organisation,
                caller.system,
                asked.pem,
                client_id,
                asked_on=shown.thumbprint,
            )
        )
        parties = (Party(caller.organisation, "actor"), Party(GATEWAY, "gateway"))
        said = {"system": caller.system, **_named(asked)}
        context.record(parties, subject(said, *parties))
        return {"request": str(context.event)}

    def replay(_: RequestContext, logged: LoggedEvent) -> Mapping[str, Any]:
        return {"request": str(logged.event.id)}

    return transact(ports, caller, request, act, replay)


def _holder(ports: Ports, shown: Credentials) -> Caller:
    """The system that a certificate names; who it is counts, for no token says so here."""
    named = read_system_uri(shown.uris[0]) if len(shown.uris) == 1 else None
    if named is None or named[0] != ports.gateway:
        raise NotAuthenticated("the certificate names no system of this gateway")
    _, organisation, system = named
    with ports.begin(TransactionMode.READ) as work:
        require_standing(ports, work, (organisation, system), shown)
    return Caller(organisation, system, frozenset(), shown)


def request_status(ports: Ports, request: UUID) -> CertificateOrder | None:
    """The state of a certificate request that `use` or `renew` named."""
    with ports.begin(TransactionMode.READ) as work:
        return work.signing.get(request)
