"""The log that a new one continues: its first event names the old log's last tree.

It binds the new log to the old one by the new log's own statement, which is in front of all that it
says later. The old log signs nothing of it.
"""

from dataclasses import dataclass

from gateway.evidence import canonical
from gateway.ledger.note import Checkpoint, VerificationKey, open_checkpoint

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
        """Return what was signed last; NoteError when the key did not sign it."""
        return open_checkpoint(self.note, [VerificationKey.parse(self.log_key)], self.log)

    def encode(self) -> str:
        """The subject of the event."""
        return canonical.encode(vars(self)).decode()
