"""Certificates: made by the holder of the issuing key, and an event when their end comes near.

Nothing is delivered yet (ADR 0009): a reminder is an event in the organisation's own stream, once
for each threshold.
"""

import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import date, datetime, timedelta
from uuid import UUID

from gateway.domain.audit_event import EventResult
from gateway.domain.organisation import (
    REMINDERS,
    Certificate,
    Organisation,
    Status,
    StatusChange,
    due_expiry_notice,
    move_status,
)
from gateway.domain.refusals import EditConflict
from gateway.evidence import base64url
from gateway.kernel import events
from gateway.kernel.ports import Authority, Ports, TransactionMode, UnitOfWork
from gateway.kernel.values import CertificateOrder

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
        with suppress(EditConflict):
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
    """What came in the way since the approval: a certificate outlives the hour in which it is made.

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
    if not _is_recorded(work, request):
        return "no event of the log says that this request was approved"
    if request.asked_on is not None:
        asked_on = work.organisations.certificate(request.asked_on)
        if asked_on is None or asked_on.revoked_at is not None:
            return "the certificate that it was asked on was revoked: ask for an invitation"
    return None


def _is_recorded(work: UnitOfWork, request: CertificateOrder) -> bool:
    logged = work.log.logged(request.id)
    if logged is None:
        return False
    told = {one.kind: one.value for one in logged.event.disclosures}
    named = json.loads(told.get("subject", "{}")).get("csr_sha256")
    return bool(named == base64url.digest(request.csr.encode()))


def _finish(
    ports: Ports, request: CertificateOrder, certificate: Certificate | None
) -> CertificateOrder:
    """Store the result of a request; EditConflict when the registry has changed since it was looked
    at."""
    with ports.begin(TransactionMode.REGISTRY) as work:
        now = work.log.moment(ports.now())
        current = work.signing.get(request.id)
        if current is None or current.certificate or current.refusal:
            raise EditConflict("the request was served by another process")
        if certificate is not None and _obstacle(work, request) is not None:
            raise EditConflict("the registry has changed: the request is looked at again")
        work.signing.save(request)
        if certificate is not None:
            work.organisations.add_certificate(certificate)
            _enrol(ports, work, request, now)
        said = {"refused": str(request.refusal)} if certificate is None else _recorded(certificate)
        parties = events.gateway_and(request.organisation)
        events.record_by_gateway(
            ports,
            work,
            "certificate.issue",
            parties,
            events.subject({"request": str(request.id), **said}, *parties),
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
    parties = events.gateway_and(member.slug)
    events.record_by_gateway(
        ports,
        work,
        "organisation.enrol",
        parties,
        events.subject(said, *parties),
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
            _record_expiry(ports, work, certificate, days, now)
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
    """Whether a system would be left without a certificate that it may use."""
    member = work.organisations.get(certificate.organisation)
    if member is None or member.status not in (Status.ENROLLED, Status.ACTIVE, Status.SUSPENDED):
        return False
    system = work.organisations.system(certificate.organisation, certificate.system)
    others = work.organisations.certificates(certificate.organisation, certificate.system)
    follows = any(c.revoked_at is None and c.not_after > certificate.not_after for c in others)
    return system is not None and system.enabled and not follows


def _record_expiry(
    ports: Ports, work: UnitOfWork, certificate: Certificate, days: int, now: datetime
) -> None:
    said = {
        "system": certificate.system,
        "thumbprint": certificate.thumbprint,
        "not_after": certificate.not_after.isoformat(timespec="seconds"),
        "days": days,
    }
    parties = events.gateway_and(certificate.organisation)
    told = events.subject(said, *parties)
    events.record_by_gateway(ports, work, "certificate.warn", parties, told, at=now)
