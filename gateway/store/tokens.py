"""Tokens that were revoked and assertions that were used, each kept until well after its end."""

from datetime import datetime

from sqlalchemy import bindparam, delete, select

from gateway.store.tables import revoked_token, spent_assertion
from gateway.store.transaction import Transaction, insert_new

_ADD = insert_new(revoked_token)
_HAS = select(revoked_token.c.jti).where(revoked_token.c.jti == bindparam("jti"))
_PRUNE = delete(revoked_token).where(revoked_token.c.expires_at <= bindparam("until"))

_SPEND = insert_new(spent_assertion)
_PRUNE_SPENT = delete(spent_assertion).where(spent_assertion.c.expires_at <= bindparam("until"))


class SqlRevokedTokens:
    """Revoked tokens in SQL; the contract is that of `gateway.actions.ports.RevokedTokens`."""

    def __init__(self, transaction: Transaction) -> None:
        """Work in this transaction."""
        self._transaction = transaction

    def add(self, jti: str, expires_at: datetime) -> None:
        """See the port."""
        self._transaction.require_writing()
        self._transaction.execute(_ADD, {"jti": jti, "expires_at": expires_at})

    def has(self, jti: str) -> bool:
        """See the port."""
        return self._transaction.execute(_HAS, {"jti": jti}).first() is not None

    def prune(self, until: datetime) -> None:
        """See the port."""
        self._transaction.require_writing()
        self._transaction.execute(_PRUNE, {"until": until})


class SqlReplay:
    """Used assertions in SQL; the contract is that of `gateway.actions.ports.Replay`."""

    def __init__(self, transaction: Transaction) -> None:
        """Work in this transaction."""
        self._transaction = transaction

    def spend(self, client: str, jti: str, expires_at: datetime) -> bool:
        """See the port. One statement, so that of two workers one alone spends it."""
        self._transaction.require_writing()
        values = {"client": client, "jti": jti, "expires_at": expires_at}
        return self._transaction.changed(_SPEND, values)

    def prune(self, until: datetime) -> None:
        """See the port."""
        self._transaction.require_writing()
        self._transaction.execute(_PRUNE_SPENT, {"until": until})
