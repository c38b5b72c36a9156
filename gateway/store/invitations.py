"""Invitations to enrol a system, and what became of each."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Row, bindparam, select, update

from gateway.domain.invitation import Invitation
from gateway.domain.refusals import AlreadyExists, Stale
from gateway.store.tables import invitation
from gateway.store.transaction import Transaction, insert_new

_GET = select(invitation).where(invitation.c.id == bindparam("invitation"))
_BY_TOKEN = select(invitation).where(invitation.c.token_sha256 == bindparam("token"))
_OPEN = (
    select(invitation)
    .where(
        invitation.c.key.is_(None),
        invitation.c.withdrawn_at.is_(None),
        invitation.c.ends_at > bindparam("now"),
        invitation.c.id > bindparam("after"),
    )
    .order_by(invitation.c.id)
    .limit(bindparam("limit"))
)
_BEFORE_ALL = UUID(int=0)
_ADD = insert_new(invitation)
_SAVE = update(invitation).where(invitation.c.id == bindparam("invitation"))


class SqlInvitations:
    """Invitations in SQL; the contract is that of `gateway.actions.ports.Invitations`."""

    def __init__(self, transaction: Transaction) -> None:
        """Work in this transaction."""
        self._transaction = transaction

    def add(self, invitation: Invitation) -> None:
        """See the port."""
        self._transaction.require_registry()
        if not self._transaction.changed(_ADD, vars(invitation)):
            raise AlreadyExists("there is an invitation with this id or token")

    def get(self, invitation: UUID) -> Invitation | None:
        """See the port."""
        row = self._transaction.execute(_GET, {"invitation": invitation}).first()
        return row and _invitation(row)

    def by_token(self, token_sha256: str) -> Invitation | None:
        """See the port."""
        row = self._transaction.execute(_BY_TOKEN, {"token": token_sha256}).first()
        return row and _invitation(row)

    def open(self, now: datetime, after: UUID | None, limit: int) -> Sequence[Invitation]:
        """See the port."""
        values = {"now": now, "after": after or _BEFORE_ALL, "limit": limit}
        return [_invitation(row) for row in self._transaction.execute(_OPEN, values)]

    def save(self, invitation: Invitation) -> None:
        """See the port; who was invited, by whom and until when stays."""
        self._transaction.require_registry()
        values = {
            "invitation": invitation.id,
            "key": invitation.key,
            "request": invitation.request,
            "withdrawn_at": invitation.withdrawn_at,
        }
        if not self._transaction.changed(_SAVE, values):
            raise Stale("there is no invitation with this id")


def _invitation(row: Row[Any]) -> Invitation:
    return Invitation(
        id=row.id,
        organisation=row.organisation,
        system=row.system,
        token_sha256=row.token_sha256,
        approved_by=row.approved_by,
        ends_at=row.ends_at,
        key=row.key,
        request=row.request,
        withdrawn_at=row.withdrawn_at,
    )
