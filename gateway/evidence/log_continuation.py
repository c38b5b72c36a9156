"""That a new log continues one that has ended: its first event names the old log's last tree.

It binds the new log to the old one by the new log's own word, which is in front of all that it
says later. The old log signs nothing of it.
"""

from collections.abc import Callable, Collection
from dataclasses import dataclass

from gateway.domain.audit_event import EventResult
from gateway.evidence import canonical
from gateway.evidence.receipt import VerifiedReceipt
from gateway.evidence.report import Code, Fact, Incomplete, Mismatch, VerificationFailed
from gateway.ledger.note import Checkpoint, NoteError, VerificationKey, open_checkpoint

CONTINUED = "log.continued"


@dataclass(frozen=True)
class LogPredecessor:
    """The log that a new one continues.

    ``log_key`` is its verifier key. ``size`` and ``root`` (hex) are those of a whole copy that was
    verified; ``note`` is the last checkpoint it is known to have signed, which may be larger.
    """

    log: str
    log_key: str
    size: int
    root: str
    note: str

    @property
    def last(self) -> Checkpoint:
        """What was signed last; NoteError when the key did not sign it."""
        return open_checkpoint(self.note, [VerificationKey.parse(self.log_key)], self.log)

    def encode(self) -> str:
        """The subject of the event."""
        return canonical.encode(vars(self)).decode()


def read(confirmed: VerifiedReceipt) -> LogPredecessor:
    """The log that an event continues; VerificationFailed for another event, or a malformed one."""
    event = confirmed.event
    if (event["type"], event["result"], confirmed.index) != (CONTINUED, EventResult.ALLOWED, 0):
        raise Mismatch(
            f"{event['type']}, entry {confirmed.index}, is not the first of a new log",
        )
    try:
        found = LogPredecessor(**confirmed.subject())
        last = found.last
        if last.size < found.size or (last.size == found.size and last.root.hex() != found.root):
            raise NoteError("its last checkpoint is not one of the copy that it names")
    except (TypeError, ValueError) as error:
        raise Mismatch(f"the receipt does not show which log was continued: {error}") from None
    return found


def compare(
    confirmed: VerifiedReceipt,
    here: Checkpoint,
    root: Callable[[int], bytes],
    keys: Collection[VerificationKey],
) -> LogPredecessor:
    """The log that an event continues, which is the one of a verified copy.

    ``here`` is the copy's checkpoint, ``root`` gives its root at a size, ``keys`` are those of its
    log. Raises VerificationFailed: MISMATCH for another log, key or root, INCOMPLETE for a shorter
    copy, CONTRADICTION when the last checkpoint and the copy, both signed, are two histories.
    """
    found = read(confirmed)
    if found.log != here.origin or found.log_key not in map(str, keys):
        raise Mismatch(
            f"it continues {ascii(found.log)[:200]} of the key {ascii(found.log_key)[:200]}",
        )
    if here.size < found.size:
        raise Incomplete(
            f"this copy has {here.size} entries, and the log was continued at {found.size}",
        )
    if root(found.size).hex() != found.root:
        raise Mismatch(f"it names another root over the first {found.size} entries")
    last = found.last
    if last.size <= here.size and root(last.size) != last.root:
        raise VerificationFailed(
            Code.CONTRADICTION,
            f"the checkpoint of {last.size} entries that it names is of another history",
        )
    return found


def proved(confirmed: VerifiedReceipt, found: LogPredecessor) -> Fact:
    """That the log of the receipt continues the other."""
    event = confirmed.event
    return Fact(
        "continued",
        {"log": event["log"], "old": found.log, "size": found.size, "at": event["time"]},
    )


def not_proved(confirmed: VerifiedReceipt, found: LogPredecessor) -> list[Fact]:
    """What nobody but the new log says, and what it knows to be lost."""
    last = found.last.size
    lost = Fact("continued.lost", {"first": found.size, "last": last - 1})
    return [
        Fact("continued.word", {"log": confirmed.event["log"], "old": found.log}),
        *([lost] if last > found.size else []),
    ]
