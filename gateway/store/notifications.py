"""How far each organisation's stream was delivered, and what its receiver refused."""

from collections.abc import Collection, Mapping, Sequence
from uuid import UUID

from sqlalchemy import delete, func, select
from sqlalchemy.dialects.postgresql import insert

from gateway.domain.notification import Cursor, DeliveryState, DeliveryWay, RefusedNotification
from gateway.kernel.ports import TransactionMode
from gateway.store.columns import RecordTable, StorePart, matching
from gateway.store.tables import notification_cursor, refused_notification, stream

_CURSORS = RecordTable(notification_cursor, Cursor)
_CURSOR = _CURSORS.one
_LOCKED = _CURSOR.with_for_update()
_refusals = (
    select(func.count())
    .select_from(refused_notification)
    .where(refused_notification.c.organisation == notification_cursor.c.organisation)
)
_STATES = (
    select(
        *_CURSORS.columns,
        func.coalesce(stream.c.last, 0).label("head"),
        _refusals.scalar_subquery().label("refused"),
        _refusals.where(refused_notification.c.replay).scalar_subquery().label("replays"),
    )
    .select_from(
        notification_cursor.outerjoin(
            stream, stream.c.organisation == notification_cursor.c.organisation
        )
    )
    .where(matching(notification_cursor, "way"))
    .order_by(notification_cursor.c.organisation)
)
_HEADS = select(stream)
_REFUSALS = RecordTable(refused_notification, RefusedNotification)
_REFUSED = _REFUSALS.by("organisation").order_by(refused_notification.c.stream_number)
_REPLAYED = _REFUSED.where(refused_notification.c.replay)
_refusing = insert(refused_notification)
_REFUSE = _refusing.on_conflict_do_update(
    index_elements=[refused_notification.c.organisation, refused_notification.c.event],
    set_={
        name: _refusing.excluded[name] for name in ("error", "description", "refused_at", "replay")
    },
)
_FORGET = delete(refused_notification).where(
    matching(refused_notification, "organisation", "event", prefix="of_"),
)


class SqlNotifications(StorePart):
    """How far each organisation's stream was delivered, and what its receiver refused."""

    def cursor(self, organisation: str, way: DeliveryWay, begin: int = 0) -> Cursor:
        """An organisation's cursor, at ``begin`` where there was none.

        In a writing transaction it is made, and its row is locked.
        """
        run, values = self._transaction, {"organisation": organisation, "way": way}
        new = Cursor(organisation, way, begin)
        if run.mode is TransactionMode.READ:
            row = run.first(_CURSOR, values)
            return new if row is None else Cursor(*row)
        run.run(_CURSORS.insert, vars(new))
        return Cursor(*run.first(_LOCKED, values))

    def save(self, cursor: Cursor) -> None:
        """Replace the stored one, which `cursor` locked."""
        self._write(_CURSORS.update, _CURSORS.changes(cursor))

    def states(self, way: DeliveryWay) -> Sequence[DeliveryState]:
        """Every stored cursor of a way, by organisation, beside its stream."""
        rows = self._transaction.rows(_STATES, {"way": way})
        return [DeliveryState(Cursor(*row[:-3]), *row[-3:]) for row in rows]

    def heads(self, organisations: Collection[str]) -> Mapping[str, int]:
        """The last number of each of these organisations' streams, where it has one."""
        heads = {row.organisation: row.last for row in self._transaction.rows(_HEADS)}
        return {one: heads[one] for one in organisations if one in heads}

    def refused(self, organisation: str, *, replay: bool = False) -> Sequence[RefusedNotification]:
        """Return what the organisation's receiver refused, in the stream's order; with ``replay``
        what is sent again."""
        statement = _REPLAYED if replay else _REFUSED
        return self._all(_REFUSALS, statement, organisation=organisation)

    def refuse(self, refused: RefusedNotification) -> None:
        """Keep a refused notification, or replace what is known of it."""
        self._write(_REFUSE, vars(refused))

    def forget(self, organisation: str, events: Collection[UUID]) -> None:
        """Forget refused notifications: their receiver took them."""
        for event in events:
            self._write(_FORGET, {"of_organisation": organisation, "of_event": event})
