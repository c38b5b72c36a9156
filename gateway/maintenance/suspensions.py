"""Suspensions that were approved while the log was frozen, and could not be recorded."""

import json
from datetime import datetime

from gateway import files
from gateway.changes import CHANGES
from gateway.domain.out_of_service import EntryKind
from gateway.domain.refusals import WrongState
from gateway.kernel import changes
from gateway.kernel.changes import Change
from gateway.kernel.ports import TransactionMode
from gateway.kernel.transact import RecordedRefusal
from gateway.maintenance.out_of_service import SUSPENSIONS, kept_suspensions, put_out_of_service
from gateway.maintenance.upkeep import Maintenance, TaskReport
from gateway.wiring import GatewayRuntime


def _stop(gateway: GatewayRuntime, organisation: str, *, stopped: bool = True) -> None:
    """Put an organisation out of service, or into it again."""
    named = frozenset({(EntryKind.ORGANISATION, organisation)})
    with gateway.store.begin(TransactionMode.READ) as work:
        before = work.organisations.out_of_service()
    put_out_of_service(gateway, before | named if stopped else before - named)


def keep_suspension(gateway: GatewayRuntime, change: Change, approval: str) -> None:
    """Stop an organisation at once, and keep its approved suspension until it can be recorded."""
    kept = {"organisation": change.organisation, "values": change.values, "approval": approval}
    folder = gateway.config.folder / SUSPENSIONS
    folder.mkdir(mode=0o700, exist_ok=True)
    files.create(folder / f"{gateway.ports.new_id()}.json", json.dumps(kept).encode())
    _stop(gateway, change.organisation)


def record_suspensions(upkeep: Maintenance, now: datetime) -> TaskReport:
    """Record the suspensions that were approved while the log was frozen."""
    gateway, alarms = upkeep.gateway, []
    for file, change, approval in kept_suspensions(gateway):
        _stop(gateway, change.organisation, stopped=False)
        try:
            changes.make(gateway.ports, CHANGES, change, [approval])
        except RecordedRefusal as refused:
            if not isinstance(refused.refusal, WrongState):
                _stop(gateway, change.organisation)
                alarms.append(
                    f"{change.organisation} is out of service, but its suspension cannot be "
                    f"recorded ({refused.refusal.detail}): suspend it again, then remove {file}"
                )
                continue
        except BaseException:
            _stop(gateway, change.organisation)
            raise
        file.unlink()
    return TaskReport(tuple(alarms))
