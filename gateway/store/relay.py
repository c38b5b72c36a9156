"""What was taken in of peer gateways' streams."""

from collections.abc import Collection, Sequence
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.dialects.postgresql import insert

from gateway.kernel.values import HeardEvent
from gateway.store.columns import RecordTable, StorePart, matching
from gateway.store.tables import heard_event, members_told

_HEARD = RecordTable(heard_event, HeardEvent, taken="this event was taken in already")
_LAST = select(func.max(heard_event.c.stream_number)).where(matching(heard_event, "peer", "member"))
_OF_OWN = _HEARD.by("own_event")
_OF_HANDOFF = _HEARD.by("handoff", "member").order_by(heard_event.c.stream_number)
_TOLD = select(members_told.c.size).where(matching(members_told, "log"))
_TOLD_EVENTS = select(members_told.c.events).where(matching(members_told, "log"))
_telling = insert(members_told)
_TELL = _telling.on_conflict_do_update(
    index_elements=[members_told.c.log],
    set_={"size": _telling.excluded.size, "events": _telling.excluded.events},
)


class SqlRelay(StorePart):
    """Events of peers' streams, as they were heard."""

    def members_told(self, log: str) -> int:
        """Up to which size of a peer's log this gateway asked for its members; 0 before it did."""
        return int(self._transaction.scalar(_TOLD, {"log": log}) or 0)

    def events_told(self, log: str) -> frozenset[str]:
        """The types of events that a peer said that it knows; none, where it said nothing."""
        return frozenset(str(self._transaction.scalar(_TOLD_EVENTS, {"log": log}) or "").split())

    def tell_members(self, log: str, size: int, events: Collection[str] = ()) -> None:
        """Note up to which size a peer answered for its members, and which events it knows."""
        told = " ".join(sorted(events))
        self._write(_TELL, {"log": log, "size": size, "events": told})

    def last(self, peer: str, member: str) -> int:
        """The number up to which a peer's stream of a member of ours was heard; 0 before it was."""
        return int(self._transaction.scalar(_LAST, {"peer": peer, "member": member}) or 0)

    def heard(self, peer: str, member: str, number: int) -> HeardEvent | None:
        """One event of such a stream, by its number."""
        return self._get(_HEARD, peer=peer, member=member, stream_number=number)

    def of_own(self, event: UUID) -> Sequence[HeardEvent]:
        """The events of peers that became an event here."""
        return self._all(_HEARD, _OF_OWN, own_event=event)

    def of_handoff(self, handoff: UUID, member: str) -> Sequence[HeardEvent]:
        """Those of a handoff in a peer's stream of a member of ours, in order."""
        return self._all(_HEARD, _OF_HANDOFF, handoff=handoff, member=member)

    def hear(self, event: HeardEvent) -> None:
        """Keep the next event of a stream; AlreadyExists when its number was heard."""
        self._add(_HEARD, event)
