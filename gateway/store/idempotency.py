"""Done once, or so often only: idempotency keys, rate limits, used assertions."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import Uuid, bindparam, delete
from sqlalchemy.dialects.postgresql import insert

from gateway.domain.refusals import EditConflict
from gateway.kernel.values import IdempotencyRecord
from gateway.store.columns import RecordTable, StorePart, matching
from gateway.store.database import Begun
from gateway.store.tables import budget, retry, spent_assertion
from gateway.store.transaction import counted, insert_new

_RETRIES = RecordTable(retry, IdempotencyRecord)
# Keys of requests have no slash. Keys with one belong to approvals and declarations,
# which are never used again.
# An event's id begins with its time (RFC 9562, 5.7).
_PRUNE = delete(retry).where(
    retry.c.event < bindparam("first", type_=Uuid), ~retry.c.key.contains("/")
)
# One statement, so that two workers cannot both spend the last one.
_SPEND = counted(
    insert(budget)
    .values(
        organisation=bindparam("organisation"),
        window=bindparam("window"),
        spent=bindparam("amount"),
    )
    .on_conflict_do_update(
        index_elements=[budget.c.organisation, budget.c.window],
        set_={"spent": budget.c.spent + bindparam("amount")},
        where=budget.c.spent + bindparam("amount") <= bindparam("limit"),
    )
)
_FORGET = delete(budget).where(
    matching(budget, "organisation"),
    budget.c.window >= bindparam("first"),
    budget.c.window < bindparam("window"),
)

_USE = insert_new(spent_assertion)
_PRUNE_USED = delete(spent_assertion).where(spent_assertion.c.expires_at <= bindparam("until"))


@dataclass(eq=False)
class SqlRetries(StorePart):
    """Idempotency keys, scoped to an organisation."""

    _begun: Begun | None = None
    """It has looked for the write that used its key."""

    def get(self, organisation: str, key: str) -> IdempotencyRecord | None:
        """The write that used the key."""
        if self._begun is None or (organisation, key) != self._begun.key:
            return self._get(_RETRIES, organisation=organisation, key=key)
        name, *_ = self._begun.retried
        return None if name is None else _RETRIES.read(self._begun.retried)

    def add(self, retry: IdempotencyRecord) -> None:
        """Remember a write; EditConflict when a concurrent request used the key first: PostgreSQL
        waits for it here."""
        self._begun = None
        faster = "another request with this idempotency key was faster: repeat this one"
        self._transaction.defer(_RETRIES.insert, vars(retry), refusal=EditConflict(faster))

    def prune(self, until: datetime) -> None:
        """Delete the requests older than ``until``; what may never be repeated stays."""
        self._write(_PRUNE, {"first": UUID(int=int(until.timestamp() * 1000) << 80)})


class SqlBudgets(StorePart):
    """Counts that limit callers, shared by all workers."""

    def consume(self, organisation: str, window: str, limit: int, amount: int = 1) -> bool:
        """Count so much more in the window; False, and nothing counted, beyond ``limit``.

        ``window`` is ``<what>/<time>``, times of one length; the organisation's earlier windows
        of the same thing are forgotten, so that no more than one of each is kept.
        """
        what, _, _ = window.partition("/")
        earlier = {"organisation": organisation, "first": f"{what}/", "window": window}
        self._write(_FORGET, earlier)
        values = {"organisation": organisation, "window": window, "limit": limit, "amount": amount}
        return amount <= limit and self._write(_SPEND, values)


class SqlUsedAssertions(StorePart):
    """What may be used once by each client: the ids of its assertions."""

    def consume(self, client: str, jti: str, expires_at: datetime) -> bool:
        """Use an id; False, and nothing changed, when it was used before.

        One statement, so that only one of two workers spends it.
        """
        values = {"client": client, "jti": jti, "expires_at": expires_at}
        return self._write(_USE, values)

    def prune(self, until: datetime) -> None:
        """Forget the ids of what has expired at ``until``: nobody would take it anyway."""
        self._write(_PRUNE_USED, {"until": until})
