"""What holders keep of cases beyond the day of their erasure."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import bindparam, insert, null, select, update

from gateway.domain.refusals import EditConflict
from gateway.domain.retention import Retention
from gateway.store.columns import record_columns
from gateway.store.tables import retention
from gateway.store.transaction import Transaction

_standing = retention.c.ended_at.is_(null())
_RETENTION = select(*record_columns(retention, Retention)).where(_standing)
_OF_HANDOFF = _RETENTION.where(retention.c.handoff == bindparam("handoff"))
_OF_CASE = _RETENTION.where(
    retention.c.originator == bindparam("originator"), retention.c.case == bindparam("case")
).order_by(retention.c.handoff)
_ADD = insert(retention)
_END = (
    update(retention)
    .where(retention.c.id == bindparam("of_retention"), _standing)
    .values(ended_at=bindparam("at"))
)


class SqlRetentions:
    """Retentions in SQL; the contract is that of `gateway.kernel.ports.RetentionStore`."""

    def __init__(self, transaction: Transaction) -> None:
        self._transaction = transaction

    def of_handoff(self, handoff: UUID) -> Retention | None:
        row = self._transaction.execute(_OF_HANDOFF, {"handoff": handoff}).first()
        return row and Retention(*row)

    def of_case(self, originator: str, case: UUID) -> Sequence[Retention]:
        values = {"originator": originator, "case": case}
        return [Retention(*row) for row in self._transaction.execute(_OF_CASE, values)]

    def add(self, retention: Retention) -> None:
        self._transaction.require_writing()
        self._transaction.execute(_ADD, vars(retention))

    def end(self, retention: UUID, at: datetime) -> None:
        self._transaction.require_writing()
        if not self._transaction.changed(_END, {"of_retention": retention, "at": at}):
            raise EditConflict("the retention has ended: read the handoff again")
