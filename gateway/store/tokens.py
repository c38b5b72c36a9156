"""Which access tokens were revoked: asked on every request, emptied as they end."""

from datetime import datetime

from sqlalchemy import bindparam, delete, select

from gateway.store.tables import revoked_token
from gateway.store.transaction import Transaction, insert_new

_ADD = insert_new(revoked_token)
_HAS = select(revoked_token.c.jti).where(revoked_token.c.jti == bindparam("jti"))
_PRUNE = delete(revoked_token).where(revoked_token.c.expires_at <= bindparam("until"))


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
