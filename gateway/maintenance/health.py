"""How the gateway is, for its operator: metrics, backups, what lies where it must not."""

import shutil
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

from gateway import confirming
from gateway.config import Config
from gateway.domain.notification import DeliveryWay
from gateway.domain.refusals import HighWaterMarkUnavailable, LogFrozen
from gateway.kernel.ports import TransactionMode, UnitOfWork
from gateway.kernel.values import ConfirmationKind
from gateway.maintenance.published import certificates_end
from gateway.maintenance.upkeep import Maintenance
from gateway.registry import queries
from gateway.wiring import GatewayRuntime, clock_ahead, data_folders

BACKUPS = ("database", "case-keys")
"""What is backed up, each with a file in the folder whose time says when that was last done."""

REHEARSAL = "rehearsal"
"""Likewise the restore of a backup elsewhere."""

MOST_WAITING = 1000  # certificate requests that are counted


def _counted(
    gateway: GatewayRuntime, work: UnitOfWork, now: datetime
) -> Iterator[tuple[str, float]]:
    """Return what the database counts of what waits, and of the log, as far as it answers."""
    yield "log_entries", work.log.head().size
    yield "database_bytes", work.log.database_bytes()
    yield "administrator_keys_here", len(keys_here(gateway.config, work))
    yield "certificate_requests_waiting", len(work.signing.pending(MOST_WAITING))
    yield "duties_overdue", work.duties.overdue(now)
    yield "administrators_waited_for", sum(queries.waiting(work, now))
    receivers = work.notifications.states(DeliveryWay.NOTIFICATION)
    yield "notifications_unacknowledged", sum(one.lag for one in receivers)
    yield "notifications_refused", sum(one.refused for one in receivers)
    yield "notification_receivers_failing", sum(one.cursor.failures > 0 for one in receivers)
    remote = work.notifications.states(DeliveryWay.RELAY)
    yield "relay_events_waiting", sum(one.lag for one in remote)
    failing = {one.cursor.organisation.partition("@")[2] for one in remote if one.cursor.failures}
    yield "peer_gateways_failing", len(failing)
    late = [kind for kind, _ in confirming.late(gateway.config, work, now)]
    yield "time_stamp_authorities_late", late.count(ConfirmationKind.STAMP)
    yield "witnesses_late", late.count(ConfirmationKind.COSIGNATURE)


def show_health(upkeep: Maintenance, now: datetime) -> None:
    """Show the operator's metrics how the gateway is; reads only."""
    if upkeep.show is None:
        return
    gateway = upkeep.gateway
    known: dict[str | tuple[str, str], float] = {
        "clock_ahead_seconds": clock_ahead().total_seconds(),
        "log_frozen": isinstance(upkeep.log_refusal, LogFrozen),
        "high_water_mark_up": True,
        "maintenance_timestamp_seconds": now.timestamp(),
    }
    with suppress(Exception), gateway.ports.begin(TransactionMode.READ) as work:
        # Other tasks say what is wrong with the database.
        known.update(_counted(gateway, work, now))
    marked = None
    try:
        marked = gateway.mark.read()
    except HighWaterMarkUnavailable:
        known["high_water_mark_up"] = False
    if marked is not None:
        signed = marked.head.size
        if upkeep.signed_size is None or upkeep.signed_size[0] != signed:
            upkeep.signed_size = signed, now
        known["log_signed_entries"] = signed
        if "log_entries" in known:
            known["log_unsigned_entries"] = known["log_entries"] - signed
    if upkeep.signed_size is not None:
        known["log_signed_timestamp_seconds"] = upkeep.signed_size[1].timestamp()
    ends = certificates_end(gateway.config).items()
    known |= {("end_timestamp_seconds", what): end.timestamp() for what, end in ends}
    with suppress(OSError):
        for name, folder in data_folders(gateway.config).items():
            known["disk_free_bytes", name] = shutil.disk_usage(folder).free
    for what in BACKUPS:
        made = last_backup(gateway.config, what)
        known["backup_timestamp_seconds", what] = made.timestamp() if made else 0.0
    upkeep.show(known)


def examine(upkeep: Maintenance, now: datetime) -> None:
    """Keep what is found about the gateway, for its operator."""
    if upkeep.examine is not None:
        upkeep.examine(upkeep, now)


def note_backup(config: Config, what: str) -> None:
    """Remember that a backup was made, or its restore rehearsed, just now."""
    (config.folder / f"last-backup-{what}").touch(mode=0o600)


def last_backup(config: Config, what: str) -> datetime | None:
    """When a backup was last made from this folder."""
    file = config.folder / f"last-backup-{what}"
    return datetime.fromtimestamp(file.stat().st_mtime, UTC) if file.exists() else None


def keys_here(config: Config, work: UnitOfWork) -> list[Path]:
    """The private keys of enabled administrators that lie in this folder."""
    files = ((one, config.people / f"{one.id}.pem") for one in work.organisations.persons())
    return [file for person, file in files if person.enabled and file.exists()]
