"""Which checkpoints of peers' logs this gateway cosigned: of late, and the newest two of each."""

from datetime import datetime, timedelta

from sqlalchemy import bindparam, delete, func, select

from gateway.kernel.values import CosignedCheckpoint
from gateway.store.columns import RecordTable, StorePart, matching
from gateway.store.tables import witnessed_checkpoint

KEPT = timedelta(hours=1)
"""How long one is kept that is not of the newest two: what a peer sends was cosigned seconds
before."""

_COSIGNED = RecordTable(witnessed_checkpoint, CosignedCheckpoint)
_ONE = _COSIGNED.by("log", "size")
_OF = _COSIGNED.by("log").limit(1)
_FORGET = delete(witnessed_checkpoint).where(matching(witnessed_checkpoint, "log"))
_NEWEST = select(func.max(witnessed_checkpoint.c.size)).where(matching(witnessed_checkpoint, "log"))
_PRUNE = delete(witnessed_checkpoint).where(
    matching(witnessed_checkpoint, "log"),
    witnessed_checkpoint.c.at < bindparam("until"),
    witnessed_checkpoint.c.size < _NEWEST.scalar_subquery(),
)
_LAST_BEFORE = (
    select(witnessed_checkpoint.c.at)
    .where(matching(witnessed_checkpoint, "log"), witnessed_checkpoint.c.size <= bindparam("index"))
    .order_by(witnessed_checkpoint.c.size.desc())
    .limit(1)
)


class SqlWitnessed(StorePart):
    """Checkpoints that this gateway cosigned."""

    def has(self, log: str, size: int, root: bytes) -> bool:
        """Tell whether this gateway cosigned this checkpoint."""
        found = self._all(_COSIGNED, _ONE, log=log, size=size)
        return any(one.root == root for one in found)

    def any(self, log: str) -> bool:
        """Tell whether this gateway ever cosigned a log."""
        return bool(self._all(_COSIGNED, _OF, log=log))

    def last_before(self, log: str, index: int) -> datetime | None:
        """When this gateway cosigned a log last that had no entry of an index yet, as far as that
        is kept."""
        at: datetime | None = self._transaction.scalar(_LAST_BEFORE, {"log": log, "index": index})
        return at

    def forget(self, log: str) -> None:
        """Forget that this gateway cosigned a log."""
        self._write(_FORGET, {"log": log})

    def add(self, one: CosignedCheckpoint) -> None:
        """Keep one, the newest of its log, and the one before; forget earlier ones."""
        self._write(_PRUNE, {"log": one.log, "until": one.at - KEPT})
        self._write(_COSIGNED.insert, _COSIGNED.row(one))
