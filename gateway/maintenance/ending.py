"""What ends by time: cases and their keys, details of persons, what moved, who left."""

from datetime import datetime
from typing import cast

from gateway.domain.health import missed_reviews
from gateway.domain.refusals import HighWaterMarkUnavailable, LogFrozen, OutOfService
from gateway.exchange.lifecycle import erasure, log_terms, succession_execution
from gateway.exchange.relay import ending
from gateway.exchange.standing import item_index
from gateway.kernel.ports import TransactionMode, UnitOfWork
from gateway.maintenance.comparison import rows_proof
from gateway.maintenance.upkeep import Maintenance, TaskReport
from gateway.store.unit_of_work import SqlUnitOfWork
from gateway.web.security_log import failure_place

BATCHES = 20  # of erasures in one run: other tasks wait
_DIFFER = "no unused key is destroyed while registry or cases differ from the log"


def apply_successions(upkeep: Maintenance, now: datetime) -> TaskReport:
    """Move the handoffs of mandates that moved, a batch each time, until all are moved.

    Several nodes may do so at once: each handoff is moved by one.
    """
    alarms = []
    for due in succession_execution.due_successions(upkeep.gateway.ports):
        name = f"the succession {due.id} ({due.competence})"
        try:
            progress = succession_execution.apply(upkeep.gateway.ports, due.id)
        except (LogFrozen, HighWaterMarkUnavailable):
            raise
        except Exception as error:  # one succession must not keep the others
            alarms.append(f"{name} is not carried out: {failure_place(error)}")
            continue
        if due.missing:
            alarms.append(f"{name} is due, and waits for {' and '.join(due.missing)}")
        elif progress.waiting:
            alarms.append(
                f"{name} cannot move everything now: see `casegate admin succession show`"
            )
    return TaskReport(tuple(alarms))


def end_with_peers(upkeep: Maintenance, now: datetime) -> TaskReport:
    """End what stands open with peer gateways that left, or whose logs began anew."""
    return TaskReport(more=ending.end_with_peers(upkeep.gateway.ports, upkeep.ended_logs))


def erase(upkeep: Maintenance, now: datetime) -> TaskReport:
    """Erase what is due, and destroy the keys of what was erased."""
    ports = upkeep.gateway.ports
    done = erasure.destroy_keys(ports)
    try:
        for _ in range(BATCHES):
            erased = erasure.erase_due(ports)
            done += erased
            if not erased:
                return TaskReport()
        return TaskReport(more=True)
    finally:
        if done:  # what stands in clear, or was keyed, must not just age in the journal
            upkeep.gateway.store.database.empty_journal()


def index_items(upkeep: Maintenance, now: datetime) -> TaskReport:
    """Let cases be found by their items from before an upgrade, or a loss of keys."""
    item_index.begin_lost_again(upkeep.gateway.ports)
    return TaskReport(more=item_index.index_earlier(upkeep.gateway.ports))


def end_log_terms(upkeep: Maintenance, now: datetime) -> TaskReport:
    """Erase what the log says of persons after its term, and tell of reviews that were missed."""
    ports = upkeep.gateway.ports
    with ports.begin(TransactionMode.READ) as work:
        missed = missed_reviews(work.log_terms.holds(), ports.reference_date(now).civil)
    return TaskReport(missed, more=log_terms.erase_details(ports))


def compare_keys(upkeep: Maintenance, now: datetime) -> None:
    """End again what an older copy of a database brought back, and destroy keys that nothing uses;
    none while rows differ from the log, for by them a key may seem unused. Raises OutOfService."""
    gateway, ports = upkeep.gateway, upkeep.gateway.ports
    if upkeep.rows_differ:
        raise OutOfService(_DIFFER)

    def compare(work: UnitOfWork) -> None:
        rows = rows_proof(gateway.config, cast(SqlUnitOfWork, work))
        if rows.registry().sentences() or rows.handoffs().sentences():
            raise OutOfService(_DIFFER)

    erasure.erase_restored(ports)
    upkeep.unused_key = erasure.destroy_orphan_keys(ports, upkeep.unused_key, compare)
