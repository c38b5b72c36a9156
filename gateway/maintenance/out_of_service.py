"""The table of what is out of service, and suspensions that a frozen log could not record."""

import json
from collections.abc import Iterator
from pathlib import Path

from gateway.domain.out_of_service import Entry
from gateway.kernel.changes import Change
from gateway.kernel.ports import TransactionMode
from gateway.wiring import GatewayRuntime

SUSPEND = "organisation.suspend"
SUSPENSIONS = "suspensions"
"""The folder of suspensions that a frozen log could not record: outside the database, which may be
replaced by a newer one."""


def put_out_of_service(gateway: GatewayRuntime, entries: frozenset[Entry]) -> None:
    """Let exactly these entries be out of service, in a transaction of its own."""
    with gateway.store.begin(TransactionMode.REGISTRY) as work:
        work.organisations.put_out_of_service(entries)
        work.commit()


def kept_suspensions(gateway: GatewayRuntime) -> Iterator[tuple[Path, Change, str]]:
    """Read each suspension that waits to be recorded: its file, the change, and its approval."""
    for file in sorted((gateway.config.folder / SUSPENSIONS).glob("*.json")):
        kept = json.loads(file.read_bytes())
        yield file, Change(SUSPEND, kept["organisation"], kept["values"]), kept["approval"]
