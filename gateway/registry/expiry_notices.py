"""Certificates whose end comes near: each is an event of its organisation, once for each threshold.

Nothing is delivered yet (ADR 0009): a reminder is an event in the organisation's own stream.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from gateway.domain.organisation import REMINDERS, Certificate, Status, due_expiry_notice
from gateway.evidence import canonical
from gateway.kernel import events
from gateway.kernel.ports import Ports, TransactionMode, UnitOfWork


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
            _record(ports, work, certificate, days, now)
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


def _record(
    ports: Ports, work: UnitOfWork, certificate: Certificate, days: int, now: datetime
) -> None:
    said = {
        "system": certificate.system,
        "thumbprint": certificate.thumbprint,
        "not_after": certificate.not_after.isoformat(timespec="seconds"),
        "days": days,
    }
    parties = events.gateway_and(certificate.organisation)
    events.record(
        work,
        "certificate.warn",
        parties,
        event=ports.new_id(),
        simulated_date=ports.reference_date(now).simulated_date,
        details=(events.shared("subject", canonical.encode(said).decode(), parties),),
    )
