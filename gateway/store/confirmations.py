"""What others confirmed of checkpoints of the log: of a witness its newest cosignature, of a
time-stamp authority every token."""

from collections.abc import Sequence

from sqlalchemy import bindparam, delete

from gateway.kernel.values import Confirmation, ConfirmationKind
from gateway.store.columns import RecordTable, StorePart, matching
from gateway.store.tables import log_confirmation

_CONFIRMATIONS = RecordTable(log_confirmation, Confirmation)
_OF = _CONFIRMATIONS.by("kind").order_by(log_confirmation.c.size, log_confirmation.c.by)
_LARGER = _CONFIRMATIONS.by("kind", "by").where(log_confirmation.c.size >= bindparam("size"))
_SMALLER = delete(log_confirmation).where(
    matching(log_confirmation, "kind", "by"), log_confirmation.c.size < bindparam("size")
)


class SqlConfirmations(StorePart):
    """What others confirmed of checkpoints; who calls has verified it."""

    def of(self, kind: ConfirmationKind) -> Sequence[Confirmation]:
        """All of a kind, that of the smallest checkpoint first."""
        return self._all(_CONFIRMATIONS, _OF, kind=kind)

    def keep(self, one: Confirmation) -> None:
        """Keep a confirmation. A witness's newest says all that its earlier ones say, so no other
        of it stays; what comes late, or again, is left out."""
        if one.kind is ConfirmationKind.COSIGNATURE:
            named = {"kind": one.kind, "by": one.by, "size": one.size}
            if self._all(_CONFIRMATIONS, _LARGER, **named):
                return
            self._write(_SMALLER, named)
        self._write(_CONFIRMATIONS.insert, _CONFIRMATIONS.row(one))
