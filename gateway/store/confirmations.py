"""What others confirmed of checkpoints of the log: of a witness its newest cosignature, of a
time-stamp authority every token."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import and_, bindparam, case, delete, func, select

from gateway.kernel.values import Confirmation, ConfirmationKind
from gateway.store.columns import RecordTable, StorePart, matching
from gateway.store.tables import log_confirmation

_CONFIRMATIONS = RecordTable(log_confirmation, Confirmation)
_OF = _CONFIRMATIONS.by("kind").order_by(log_confirmation.c.size, log_confirmation.c.by)
_BY = _CONFIRMATIONS.by("kind", "by")
_EARLIER = delete(log_confirmation).where(matching(log_confirmation, "kind", "by"))
_NEWEST = (
    select(log_confirmation.c.size, log_confirmation.c.at)
    .where(matching(log_confirmation, "kind", "by"))
    .order_by(log_confirmation.c.size.desc())
    .limit(1)
)
_FIRST = func.min(case((log_confirmation.c.size > bindparam("entry"), log_confirmation.c.size)))
_BEYOND = (
    select(
        log_confirmation.c.by,
        func.coalesce(_FIRST, func.max(log_confirmation.c.size)).label("size"),
    )
    .where(matching(log_confirmation, "kind"))
    .group_by(log_confirmation.c.by)
    .subquery()
)
_FIRST_BEYOND = _OF.join(
    _BEYOND,
    and_(log_confirmation.c.by == _BEYOND.c.by, log_confirmation.c.size == _BEYOND.c.size),
)


class SqlConfirmations(StorePart):
    """What others confirmed of checkpoints; who calls has verified it."""

    def of(self, kind: ConfirmationKind) -> Sequence[Confirmation]:
        """All of a kind, that of the smallest checkpoint first."""
        return self._all(_CONFIRMATIONS, _OF, kind=kind)

    def newest(self, kind: ConfirmationKind, by: str) -> tuple[int, datetime] | None:
        """Of the largest checkpoint that somebody confirmed the size, and when."""
        found = self._transaction.rows(_NEWEST, {"kind": kind, "by": by})
        return (found[0][0], found[0][1]) if found else None

    def first_beyond(self, kind: ConfirmationKind, entry: int) -> Sequence[Confirmation]:
        """Of each who confirms so the first checkpoint that holds an entry, or else the newest."""
        return self._all(_CONFIRMATIONS, _FIRST_BEYOND, kind=kind, entry=entry)

    def keep(self, one: Confirmation) -> None:
        """Keep a confirmation. A witness's newest says all that its earlier ones say, so no other
        of it stays; what comes late is left out."""
        if one.kind is ConfirmationKind.COSIGNATURE:
            named = {"kind": one.kind, "by": one.by}
            known = self._all(_CONFIRMATIONS, _BY, **named)
            if any((other.size, other.at) >= (one.size, one.at) for other in known):
                return
            self._write(_EARLIER, named)
        self._write(_CONFIRMATIONS.insert, _CONFIRMATIONS.row(one))

    def cosigned(self) -> dict[int, str]:
        """The checkpoints that witnesses cosigned, by their size, each with all their lines."""
        found: dict[int, str] = {}
        for one in self.of(ConfirmationKind.COSIGNATURE):
            found[one.size] = found.get(one.size, one.note) + one.data.decode()
        return found
