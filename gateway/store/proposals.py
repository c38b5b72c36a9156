"""Changes of the registry that wait for another person, until they are made or over."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Row, bindparam, delete, select, update

from gateway.actions.records import Proposal
from gateway.domain.refusals import AlreadyExists, Stale
from gateway.store.tables import proposal
from gateway.store.transaction import Transaction, insert_new

_GET = select(proposal).where(proposal.c.id == bindparam("proposal"))
_PAGE = (
    select(proposal)
    .where(proposal.c.id < bindparam("before"))
    .order_by(proposal.c.id.desc())
    .limit(bindparam("limit"))
)
_OPEN = (proposal.c.made_by.is_(None), proposal.c.withdrawn_by.is_(None))
_WAITING = _PAGE.where(*_OPEN, proposal.c.expires_at >= bindparam("now"))
_LAST = UUID(int=2**128 - 1)
_ADD = insert_new(proposal)
_END = update(proposal).where(proposal.c.id == bindparam("of_id"), *_OPEN)
_CLOSE = _END.values(made_by=bindparam("event"))
_WITHDRAW = _END.values(withdrawn_by=bindparam("event"))
_PRUNE = delete(proposal).where(proposal.c.expires_at < bindparam("until"))


class SqlProposals:
    """Proposals in SQL; the contract is that of `gateway.actions.ports.Proposals`."""

    def __init__(self, transaction: Transaction) -> None:
        """Work in this transaction."""
        self._transaction = transaction

    def get(self, proposal: UUID) -> Proposal | None:
        """See the port."""
        row = self._transaction.execute(_GET, {"proposal": proposal}).first()
        return row and _proposal(row)

    def page(
        self, before: UUID | None, limit: int, waiting: datetime | None = None
    ) -> Sequence[Proposal]:
        """See the port."""
        values = {"before": before or _LAST, "limit": limit}
        if waiting is None:
            rows = self._transaction.execute(_PAGE, values)
        else:
            rows = self._transaction.execute(_WAITING, {**values, "now": waiting})
        return [_proposal(row) for row in rows]

    def add(self, proposal: Proposal) -> None:
        """See the port."""
        self._transaction.require_registry()
        if not self._transaction.changed(_ADD, vars(proposal)):
            raise AlreadyExists("there is a proposal with this id")

    def close(self, proposal: UUID, event: UUID) -> None:
        """See the port."""
        self._transaction.require_registry()
        if not self._transaction.changed(_CLOSE, {"of_id": proposal, "event": event}):
            raise Stale("the proposal was made or withdrawn before")

    def withdraw(self, proposal: UUID, event: UUID) -> None:
        """See the port."""
        self._transaction.require_registry()
        if not self._transaction.changed(_WITHDRAW, {"of_id": proposal, "event": event}):
            raise Stale("the proposal was made or withdrawn before")

    def prune(self, until: datetime) -> None:
        """See the port."""
        self._transaction.require_registry()
        self._transaction.execute(_PRUNE, {"until": until})


def _proposal(row: Row[*tuple[Any, ...]]) -> Proposal:
    return Proposal(
        row.id,
        row.action,
        row.organisation,
        row[3],
        row.proposer,
        row.approval,
        row.expires_at,
        row.made_by,
        row.withdrawn_by,
    )
