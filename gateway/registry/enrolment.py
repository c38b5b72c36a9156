"""A system gets its certificates by itself: the first by an invitation, the next by the last.

What the request asks for counts only as far as its key: subject and name come from the registry.
The certificate itself is made by whoever holds the issuing key, from the row of its
approved request.
"""

import hmac
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

from gateway.domain import refusals
from gateway.domain.audit_event import EventResult, Party
from gateway.domain.enrolment import Invitation
from gateway.domain.lifecycle import StatusChange, move_status
from gateway.domain.organisation import (
    REMINDERS,
    Certificate,
    Organisation,
    Status,
    due_expiry_notice,
    read_system_uri,
)
from gateway.evidence import base64url, canonical
from gateway.kernel import events
from gateway.kernel.actors import GATEWAY, EnrollingSystem
from gateway.kernel.authentication import NotAuthenticated, require_standing
from gateway.kernel.changes import Change, ChangeContext, described
from gateway.kernel.events import gateway_and, shared, subject
from gateway.kernel.fields import read_fields
from gateway.kernel.ports import Authority, Ports, TransactionMode, UnitOfWork
from gateway.kernel.request import ActionRequest, RequestContext, authorize
from gateway.kernel.transact import WriteResult, spend_enrolment_refusal, transact
from gateway.kernel.values import (
    Caller,
    CertificateOrder,
    CertificateRequest,
    Credentials,
    LoggedEvent,
)
from gateway.registry import keys
from gateway.registry.change_table import CHANGES

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
    invitation = _invited(ports, token)

    def describe(refusal: refusals.Refusal) -> str:
        said = {"invitation": str(invitation.id), "system": invitation.system}
        return canonical.encode({**said, "why": refusal.detail}).decode()

    def act(context: RequestContext) -> Mapping[str, Any]:
        return _use(context, invitation, name, asked, first_key)

    request = ActionRequest("invitation.redeem", describe=describe)
    try:
        return transact(ports, EnrollingSystem(invitation), request, act)
    except refusals.ValidationFailed:
        with ports.begin(TransactionMode.WRITE) as work:
            spend_enrolment_refusal(ports, work, invitation.organisation)
            work.commit()
        raise


def _invited(ports: Ports, token: str) -> Invitation:
    """The invitation with this token. It is looked up by a digest that nobody can steer.

    A wrong one writes nothing, whoever it names: nobody without a token learns who is here, takes
    the place of a writer, or uses up what those with a token may cause.
    """
    digest = base64url.digest(token.encode())
    with ports.begin(TransactionMode.READ) as work:
        found = work.invitations.by_token(digest)
    if found is None or not hmac.compare_digest(found.token_sha256, digest):
        raise refusals.InvalidInvitation("no invitation has this name and token")
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
        raise refusals.InvitationUnusable("the invitation is for another system than the one named")
    invitation = context.work.invitations.get(invited.id)
    if invitation is None:
        raise refusals.InvalidInvitation("no invitation has this name and token")
    used = invitation.use(asked.key, context.event, context.now)
    registered = context.work.organisations.system(invited.organisation, invited.system)
    if registered is None or not registered.enabled:
        raise refusals.NotFound("the system is not registered, or disabled: ask the administrators")
    authorize(context, context.principal(), otherwise="policy does not allow an enrolment now")
    if used is invitation:
        if used.request is None:
            raise refusals.NotFound("the result of the invitation is gone")
        context.event = used.request  # done before: its event, and nothing new
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


def _register(context: RequestContext, used: Invitation, first_key: FirstDocumentKey) -> None:
    """Register the first document key, as those approved who made the invitation."""
    member = context.known[used.organisation]
    if member.document_keys:
        raise refusals.AlreadyExists(
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
            raise refusals.TooManyAttempts(
                "too many certificates for this system today: use the last one"
            )
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

    def on_retry(_: RequestContext, logged: LoggedEvent) -> Mapping[str, Any]:
        return {"request": str(logged.event.id)}

    return transact(ports, caller, request, act, on_retry)


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
    """The state of a certificate request that `redeem_invitation` or `renew` named."""
    with ports.begin(TransactionMode.READ) as work:
        return work.signing.get(request)


# --- Certificates: made by the holder of the issuing key, and an event before they end ---
#
# Nothing is delivered yet (ADR 0009): a reminder is an event in the organisation's own stream,
# once for each threshold.


_EQUIPPED = frozenset({Status.APPROVED, Status.ENROLLED, Status.ACTIVE, Status.SUSPENDED})
"""Who may get a certificate; policies say the same of its approval (R2.operation)."""


def issue_approved_certificates(ports: Ports, authority: Authority) -> list[CertificateOrder]:
    """Make the certificates that were approved; only the holder of the issuing key calls this.

    Returns the requests served here; those that another holder served meanwhile are its own.
    """
    served = []
    with ports.begin(TransactionMode.READ) as work:
        pending = work.signing.pending(100)
    for request in pending:
        with suppress(refusals.EditConflict):
            served.append(_serve(ports, authority, request))
    return served


def _serve(ports: Ports, authority: Authority, request: CertificateOrder) -> CertificateOrder:
    now = ports.now()
    with ports.begin(TransactionMode.READ) as work:
        obstacle = _obstacle(work, request)
    if obstacle is not None:
        return _finish(ports, replace(request, refusal=obstacle), None)
    try:
        pem, certificate = authority.issue(request.csr, request.organisation, request.system, now)
    except ValueError as error:
        return _finish(ports, replace(request, refusal=str(error)), None)
    return _finish(ports, replace(request, certificate=pem), certificate)


def _obstacle(work: UnitOfWork, request: CertificateOrder) -> str | None:
    """Return what came in the way since the approval: a certificate outlives the hour in which it
    is made.

    A row alone is no approval: its event is, which names the request by its digest. One that is
    suspended may be equipped meanwhile, as policy has it: the certificate lets it do its duties.
    """
    member = work.organisations.get(request.organisation)
    if member is None or member.status not in _EQUIPPED:
        return "the organisation takes part no more"
    system = work.organisations.system(request.organisation, request.system)
    if system is None or not system.enabled:
        return (
            "the system was disabled: ask again once it is enabled, by a new invitation if by one"
        )
    logged, digest = work.log.logged(request.id), base64url.digest(request.csr.encode())
    if logged is None or logged.subject.get("csr_sha256") != digest:
        return "no event of the log says that this request was approved"
    if request.asked_on is not None:
        asked_on = work.organisations.certificate(request.asked_on)
        if asked_on is None or asked_on.revoked_at is not None:
            return "the certificate that it was asked on was revoked: ask for an invitation"
    return None


def _finish(
    ports: Ports, request: CertificateOrder, certificate: Certificate | None
) -> CertificateOrder:
    """Store the result of a request; EditConflict when the registry has changed since it was looked
    at."""
    with ports.begin(TransactionMode.REGISTRY) as work:
        now = work.log.moment(ports.now())
        current = work.signing.get(request.id)
        if current is None or current.certificate or current.refusal:
            raise refusals.EditConflict("the request was served by another process")
        if certificate is not None and _obstacle(work, request) is not None:
            raise refusals.EditConflict("the registry has changed: the request is looked at again")
        work.signing.save(request)
        if certificate is not None:
            work.organisations.add_certificate(certificate)
            _enrol(ports, work, request, now)
        said = {"refused": str(request.refusal)} if certificate is None else _recorded(certificate)
        events.record_by_gateway(
            ports,
            work,
            "certificate.issue",
            events.gateway_and(request.organisation),
            said={"request": str(request.id), **said},
            result=EventResult.ALLOWED if certificate else EventResult.DENIED,
            by=request.approved_by,
            at=now,
        )
        work.commit()
    return request


def _recorded(certificate: Certificate) -> Mapping[str, str]:
    """A certificate as its event has it; what happens to it later has events of its own."""
    return {
        "thumbprint": certificate.thumbprint,
        "serial": str(certificate.serial),
        "organisation": certificate.organisation,
        "system": certificate.system,
        "not_after": certificate.not_after.isoformat(),
    }


def recorded_certificate(said: Mapping[str, str]) -> Certificate:
    """The certificate that an event recorded."""
    return Certificate(
        said["thumbprint"],
        int(said["serial"]),
        said["organisation"],
        said["system"],
        datetime.fromisoformat(said["not_after"]),
    )


def enrol(work: UnitOfWork, member: Organisation, day: date, event: UUID) -> None:
    """Store that an organisation which was approved has its first certificate."""
    enrolled = move_status(member, StatusChange.ENROL, day, event)
    work.organisations.save(replace(enrolled, version=member.version + 1))


def _enrol(ports: Ports, work: UnitOfWork, request: CertificateOrder, now: datetime) -> None:
    member = work.organisations.get(request.organisation)
    if member is None or member.status is not Status.APPROVED:
        return
    event = ports.new_id()
    enrol(work, member, ports.reference_date(now).day, event)
    said = {"organisation": member.slug, "system": request.system, "status": Status.ENROLLED}
    events.record_by_gateway(
        ports,
        work,
        "organisation.enrol",
        events.gateway_and(member.slug),
        said=said,
        event=event,
        by=request.approved_by,
        at=now,
    )


# --- Certificates whose end comes near ---


def remind(ports: Ports) -> int:
    """Tell of the certificates that end within 14, 7 or 3 days; how many events that were.

    A certificate with a successor has no such event, nor one of an organisation that takes no part.
    """
    now = ports.now()
    with ports.begin(TransactionMode.READ) as work:
        if not _due(work, now):
            return 0
    with ports.begin(TransactionMode.REGISTRY) as work:
        due = _due(work, now)
        for certificate, days in due:
            work.organisations.save_certificate(replace(certificate, reminded=days))
            said = {
                "system": certificate.system,
                "thumbprint": certificate.thumbprint,
                "not_after": certificate.not_after.isoformat(timespec="seconds"),
                "days": days,
            }
            parties = events.gateway_and(certificate.organisation)
            events.record_by_gateway(ports, work, "certificate.warn", parties, said=said, at=now)
        work.commit()
    return len(due)


def _due(work: UnitOfWork, now: datetime) -> Sequence[tuple[Certificate, int]]:
    """The certificates to tell of, each with the days of its threshold."""
    found = []
    for certificate in work.organisations.expiring(now, now + timedelta(days=max(REMINDERS))):
        days = due_expiry_notice(certificate, now)
        if days is not None and _is_needed(work, certificate):
            found.append((certificate, days))
    return found


def _is_needed(work: UnitOfWork, certificate: Certificate) -> bool:
    """Tell whether a system would be left without a certificate that it may use."""
    member = work.organisations.get(certificate.organisation)
    if member is None or member.status not in (Status.ENROLLED, Status.ACTIVE, Status.SUSPENDED):
        return False
    system = work.organisations.system(certificate.organisation, certificate.system)
    others = work.organisations.certificates(certificate.organisation, certificate.system)
    follows = any(c.revoked_at is None and c.not_after > certificate.not_after for c in others)
    return system is not None and system.enabled and not follows
