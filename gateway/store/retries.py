"""What limits and repeats requests: retry keys, and budgets shared by all workers."""

from sqlalchemy import bindparam, delete, select
from sqlalchemy.dialects.postgresql import insert

from gateway.actions.records import Retry
from gateway.domain.refusals import Stale
from gateway.store.tables import budget, retry
from gateway.store.transaction import Transaction, counted, insert_new

_GET = select(retry).where(
    retry.c.organisation == bindparam("organisation"), retry.c.key == bindparam("key")
)
_ADD = insert_new(retry)
# One statement, so that two workers cannot both spend the last one.
_SPEND = counted(
    insert(budget)
    .values(organisation=bindparam("organisation"), window=bindparam("window"), spent=1)
    .on_conflict_do_update(
        index_elements=[budget.c.organisation, budget.c.window],
        set_={"spent": budget.c.spent + 1},
        where=budget.c.spent < bindparam("limit"),
    )
)
_FORGET = delete(budget).where(
    budget.c.organisation == bindparam("organisation"),
    budget.c.window >= bindparam("first"),
    budget.c.window < bindparam("window"),
)


class SqlRetries:
    """Retries in SQL; the contract is that of `gateway.actions.ports.Retries`."""

    def __init__(self, transaction: Transaction) -> None:
        """Work in this transaction."""
        self._transaction = transaction

    def get(self, organisation: str, key: str) -> Retry | None:
        """See the port."""
        row = self._transaction.execute(_GET, {"organisation": organisation, "key": key}).first()
        return row and Retry(*row)

    def add(self, retry: Retry) -> None:
        """See the port. PostgreSQL waits here for a concurrent request with the same key."""
        self._transaction.require_writing()
        if not self._transaction.changed(_ADD, vars(retry)):
            raise Stale("another request with this retry key was faster: repeat this one")


class SqlBudgets:
    """Budgets in SQL; the contract is that of `gateway.actions.ports.Budgets`."""

    def __init__(self, transaction: Transaction) -> None:
        """Work in this transaction."""
        self._transaction = transaction

    def spend(self, organisation: str, window: str, limit: int) -> bool:
        """See the port."""
        self._transaction.require_writing()
        what, _, _ = window.partition("/")
        earlier = {"organisation": organisation, "first": f"{what}/", "window": window}
        self._transaction.execute(_FORGET, earlier)
        values = {"organisation": organisation, "window": window, "limit": limit}
        return limit > 0 and self._transaction.changed(_SPEND, values)
