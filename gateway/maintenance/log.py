"""The log: whether it continues what was signed, whose keys it tells of, whether it is whole."""

from datetime import datetime

from gateway.domain.refusals import LogFrozen
from gateway.kernel.ports import TransactionMode
from gateway.kernel.values import SignedTreeHead
from gateway.ledger.note import NoteError, open_checkpoint
from gateway.maintenance.upkeep import Maintenance, TaskReport
from gateway.registry import keys as registry_keys
from gateway.store import log_integrity
from gateway.store.log_integrity import StoredLogCorrupt
from gateway.wiring import GatewayRuntime, own_keys


def check_log(upkeep: Maintenance, now: datetime) -> None:
    """Compare the database with the high-water mark.

    What is signed is our own: where the key that vouches for heads is new, it vouches for it.
    """
    gateway = upkeep.gateway
    try:
        gateway.continuity.check()
    except LogFrozen:
        marked = gateway.mark.read()
        if marked is None or not _is_signed(gateway, marked):
            raise
        with gateway.store.begin(TransactionMode.WRITE) as work:
            work.log.vouch(marked.head)
            work.commit()
        gateway.continuity.check()
    upkeep.log_refusal = None


def _is_signed(gateway: GatewayRuntime, marked: SignedTreeHead) -> bool:
    """Tell whether the log's key signed the mark: who can write its file may have made it."""
    origin, signers = gateway.config.log_origin, (gateway.keys.log, *gateway.keys.log_beside)
    try:
        signed = open_checkpoint(marked.note, [one.key for one in signers], origin)
    except NoteError:
        return False
    return (signed.size, signed.root) == (marked.head.size, marked.head.root)


def publish_keys(upkeep: Maintenance, now: datetime) -> None:
    """Record each key with which the gateway signs, unless the log says so already."""
    registry_keys.publish_keys(upkeep.gateway.ports, own_keys(upkeep.gateway.config))


def verify_log(upkeep: Maintenance, now: datetime) -> TaskReport:
    """Make the whole log again from its documents, with streams and search words."""
    with upkeep.gateway.store.begin(TransactionMode.READ) as work:
        try:
            log_integrity.verify_log(work)
        except StoredLogCorrupt as error:
            return TaskReport((f"the stored log is damaged: {error}",))
    return TaskReport()
