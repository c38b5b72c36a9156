"""Successions of mandates, and the handoffs that each of them ended."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import Row, bindparam, or_, select, update

from gateway.domain.refusals import AlreadyExists, Stale
from gateway.domain.succession import Approved, Moved, Succession
from gateway.store.tables import moved_handoff, succession
from gateway.store.transaction import Transaction, insert_new

_ALL = select(succession).order_by(succession.c.id)
_GET = select(succession).where(succession.c.id == bindparam("succession"))
_OF = _ALL.where(
    or_(
        succession.c.predecessor == bindparam("organisation"),
        succession.c.successor == bindparam("organisation"),
    )
)
_FROM = _ALL.where(
    succession.c.predecessor == bindparam("predecessor"),
    succession.c.competence == bindparam("competence"),
)
_ADD = insert_new(succession)
_SAVE = update(succession).where(
    succession.c.id == bindparam("of_id"), succession.c.version == bindparam("previous")
)
_MOVED = (
    select(moved_handoff)
    .where(moved_handoff.c.succession == bindparam("succession"))
    .order_by(moved_handoff.c.handoff)
)
_MOVED_FROM = select(moved_handoff).where(moved_handoff.c.handoff == bindparam("handoff"))
_MOVED_TO = select(moved_handoff).where(moved_handoff.c.became == bindparam("handoff"))
_ADD_MOVED = insert_new(moved_handoff)


class SqlSuccessions:
    """Successions in SQL; the contract is that of `gateway.actions.ports.Successions`."""

    def __init__(self, transaction: Transaction) -> None:
        """Work in this transaction."""
        self._transaction = transaction

    def get(self, succession: UUID) -> Succession | None:
        """See the port."""
        row = self._transaction.execute(_GET, {"succession": succession}).first()
        return row and _succession(row)

    def all(self) -> Sequence[Succession]:
        """See the port."""
        return [_succession(row) for row in self._transaction.execute(_ALL)]

    def of(self, organisation: str) -> Sequence[Succession]:
        """See the port."""
        rows = self._transaction.execute(_OF, {"organisation": organisation})
        return [_succession(row) for row in rows]

    def from_office(self, predecessor: str, competence: str) -> Sequence[Succession]:
        """See the port."""
        values = {"predecessor": predecessor, "competence": competence}
        return [_succession(row) for row in self._transaction.execute(_FROM, values)]

    def add(self, succession: Succession) -> None:
        """See the port."""
        self._transaction.require_registry()
        if not self._transaction.changed(_ADD, _row(succession)):
            raise AlreadyExists("there is a succession with this id")

    def save(self, succession: Succession) -> None:
        """See the port. What was planned stays; approvals and end are replaced."""
        self._transaction.require_writing()
        row = _row(succession)
        values = {name: row[name] for name in _REPLACED}
        values |= {"of_id": succession.id, "previous": succession.version - 1}
        if not self._transaction.changed(_SAVE, values):
            raise Stale("the succession has changed: read it again")

    def moved(self, succession: UUID) -> Sequence[Moved]:
        """See the port."""
        rows = self._transaction.execute(_MOVED, {"succession": succession})
        return [_moved(row) for row in rows]

    def moved_from(self, handoff: UUID) -> Moved | None:
        """See the port."""
        row = self._transaction.execute(_MOVED_FROM, {"handoff": handoff}).first()
        return row and _moved(row)

    def moved_to(self, handoff: UUID) -> Moved | None:
        """See the port."""
        row = self._transaction.execute(_MOVED_TO, {"handoff": handoff}).first()
        return row and _moved(row)

    def add_moved(self, moved: Moved) -> None:
        """See the port."""
        self._transaction.require_writing()
        if not self._transaction.changed(_ADD_MOVED, vars(moved)):
            raise AlreadyExists("the handoff was moved before")


_REPLACED = (
    "predecessor_by",
    "predecessor_event",
    "predecessor_signed",
    "successor_by",
    "successor_event",
    "successor_signed",
    "applied",
    "cancelled",
    "version",
)


def _row(succession: Succession) -> dict[str, Any]:
    values = dict(vars(succession))
    for office in ("predecessor", "successor"):
        approved: Approved | None = values.pop(f"by_{office}")
        values[f"{office}_by"] = approved and approved.by
        values[f"{office}_event"] = approved and approved.event
        values[f"{office}_signed"] = approved and approved.signed
    return values


def _succession(row: Row[Any]) -> Succession:
    return Succession(
        id=row.id,
        predecessor=row.predecessor,
        successor=row.successor,
        competence=row.competence,
        day=row.day,
        read_until=row.read_until,
        legal_act=row.legal_act,
        consents=row.consents,
        resolved_by=row.resolved_by,
        former_end=row.former_end,
        by_predecessor=_approved(row.predecessor_by, row.predecessor_event, row.predecessor_signed),
        by_successor=_approved(row.successor_by, row.successor_event, row.successor_signed),
        applied=row.applied,
        cancelled=row.cancelled,
        version=row.version,
    )


def _approved(by: str | None, event: UUID | None, signed: str | None) -> Approved | None:
    return None if by is None or event is None else Approved(by, event, signed)


def _moved(row: Row[Any]) -> Moved:
    return Moved(row.handoff, row.succession, row.became, row.taken_on, row.event, row.at)
