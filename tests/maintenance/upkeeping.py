"""The upkeep of a founded gateway, on a clock that moves when told, and whom it maintains."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

from cryptography import x509

from gateway import wiring
from gateway.domain.audit_event import AuditEvent, EventResult, Party
from gateway.domain.case import CaseState
from gateway.domain.organisation import Certificate, Organisation, Status, System
from gateway.kernel.ports import Ports, TransactionMode
from gateway.kernel.values import CertificateOrder
from gateway.maintenance.timetable import TIMETABLE
from gateway.maintenance.upkeep import Maintenance
from gateway.pki.authority import (
    CRL_FILE,
)
from gateway.wiring import IssuingAuthority
from tests.marks import raise_mark_file
from tests.operating import Operator
from tests.store.samples import case as sample

HOUR, DAY = timedelta(hours=1), timedelta(days=1)

NOW = datetime.now(UTC).replace(microsecond=0)  # noqa: TID251 - the folder is of today


class Clock:
    """Moves when told."""

    def __init__(self) -> None:
        self.at = NOW

    def __call__(self) -> datetime:
        return self.at


@contextmanager
def maintained(gw: Operator) -> Iterator[tuple[Maintenance, Clock]]:
    """The upkeep of a gateway on a clock that stands."""
    clock = Clock()
    with gw.opened(clock) as gateway:
        yield Maintenance(gateway, IssuingAuthority(gateway.config), TIMETABLE), clock


def member(gateway: wiring.GatewayRuntime, *certificates: Certificate) -> None:
    """A member with a system and these certificates."""
    with gateway.ports.begin(TransactionMode.REGISTRY) as work:
        none: frozenset[str] = frozenset()
        work.organisations.add(
            Organisation("ofmin", "OFMIN", "police_office", True, none, "FR", Status.ACTIVE)
        )
        work.organisations.add_system(System("ofmin", "desk", none))
        for one in certificates:
            work.organisations.add_certificate(one)
        work.commit()


def certificate(serial: int, ends: datetime = NOW + 30 * DAY) -> Certificate:
    return Certificate(f"thumbprint-{serial}", serial, "ofmin", "desk", ends)


def revoke(gateway: wiring.GatewayRuntime, certificate: Certificate, at: datetime = NOW) -> None:
    with gateway.ports.begin(TransactionMode.REGISTRY) as work:
        work.organisations.save_certificate(replace(certificate, revoked_at=at))
        work.commit()


def revocations(gw: Operator) -> x509.CertificateRevocationList:
    return x509.load_pem_x509_crl((gw.config.published / CRL_FILE).read_bytes())


def published_at(gw: Operator) -> datetime:
    ends = revocations(gw).next_update_utc
    assert ends is not None
    return ends - timedelta(hours=48)


def overtaken(gw: Operator) -> None:
    raise_mark_file(gw.folder / "high-water-mark", gw.config.log_origin)


def due_in(ports: Ports, after: timedelta) -> tuple[UUID, UUID]:
    """A case of some hotline, to be erased on the day that comes then; with its key."""
    day = (NOW + after).date()
    digest, cleared = "A" * 43, CaseState.CLEARED
    made, version = sample(
        "hotline",
        digest=digest,
        cleared_digest=digest,
        state=cleared,
        erase_on=day,
        unconfirmed_matches=frozenset(),
    )
    version = replace(version, summary={**version.summary, "erase_on": day.isoformat()})
    with ports.begin(TransactionMode.WRITE) as work:
        work.cases.add(made, version)
        for action, event in (("case.submit", version.event), ("case.clear", ports.new_id())):
            work.log.record(
                AuditEvent(
                    id=event,
                    action=action,
                    result=EventResult.ALLOWED,
                    parties=(Party("hotline", "actor"),),
                    case_digest=version.digest,
                )
            )
        work.commit()
    with ports.begin(TransactionMode.READ) as work:
        key = work.cases.key_of("hotline", made.id)
    assert key is not None
    return made.id, key


def served_of(upkeep: Maintenance, request: CertificateOrder) -> CertificateOrder:
    """A request as it is stored now."""
    with upkeep.gateway.ports.begin(TransactionMode.READ) as work:
        found = work.signing.get(request.id)
    assert found is not None
    return found
