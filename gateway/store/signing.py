"""Certificate requests, queued as rows for the process that alone holds the issuing key."""

from typing import Any
from uuid import UUID

from sqlalchemy import Row, bindparam, false, select, update

from gateway.actions.records import SigningRequest
from gateway.domain.refusals import AlreadyExists, Stale
from gateway.store.tables import signing_request
from gateway.store.transaction import Transaction, insert_new

_GET = select(signing_request).where(signing_request.c.id == bindparam("request"))
_OF_CSR = (
    select(signing_request)
    .where(
        signing_request.c.organisation == bindparam("organisation"),
        signing_request.c.system == bindparam("system"),
        signing_request.c.csr == bindparam("csr"),
    )
    .order_by(signing_request.c.id.desc())
    .limit(1)
)
# Taken by state, never by "greater than the last one seen": rows may commit late (evidence.md L7).
_PENDING = (
    select(signing_request)
    .where(signing_request.c.served == false())
    .order_by(signing_request.c.id)
    .limit(bindparam("limit"))
)
_ADD = insert_new(signing_request)
_SAVE = update(signing_request).where(signing_request.c.id == bindparam("request"))


class SqlSigning:
    """Signing requests in SQL; the contract is that of `gateway.actions.ports.Signing`."""

    def __init__(self, transaction: Transaction) -> None:
        """Work in this transaction."""
        self._transaction = transaction

    def add(self, request: SigningRequest) -> None:
        """See the port; AlreadyExists when the id is taken."""
        self._transaction.require_writing()
        if not self._transaction.changed(_ADD, {**vars(request), "served": _is_served(request)}):
            raise AlreadyExists("there is a signing request with this id")

    def get(self, request: UUID) -> SigningRequest | None:
        """See the port."""
        row = self._transaction.execute(_GET, {"request": request}).first()
        return row and _request(row)

    def of_csr(self, organisation: str, system: str, csr: str) -> SigningRequest | None:
        """See the port."""
        values = {"organisation": organisation, "system": system, "csr": csr}
        row = self._transaction.execute(_OF_CSR, values).first()
        return row and _request(row)

    def pending(self, limit: int) -> list[SigningRequest]:
        """See the port."""
        return [_request(row) for row in self._transaction.execute(_PENDING, {"limit": limit})]

    def save(self, request: SigningRequest) -> None:
        """See the port; Stale when there is no such request."""
        self._transaction.require_writing()
        values = {
            "request": request.id,
            "served": _is_served(request),
            "certificate": request.certificate,
            "refusal": request.refusal,
        }
        if not self._transaction.changed(_SAVE, values):
            raise Stale("there is no signing request with this id")


def _is_served(request: SigningRequest) -> bool:
    return request.certificate is not None or request.refusal is not None


def _request(row: Row[Any]) -> SigningRequest:
    return SigningRequest(
        id=row.id,
        organisation=row.organisation,
        system=row.system,
        csr=row.csr,
        approved_by=row.approved_by,
        certificate=row.certificate,
        refusal=row.refusal,
        asked_on=row.asked_on,
    )
