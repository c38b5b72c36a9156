"""What parties owe about their handoffs and what arrived there, and when it was last swept.

A handoff's due time follows its duties here, in the same transaction, and nowhere else.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import bindparam, func, literal, null, or_, select, update
from sqlalchemy.dialects.postgresql import insert

from gateway.domain.duty import DUTIES, DutyKind, DutyPlace, HandoffDuty, SweepClock
from gateway.domain.handoff import NEVER, Handoff
from gateway.domain.refusals import AlreadyExists, EditConflict
from gateway.store.columns import RecordTable, StorePart, matching, stands_after
from gateway.store.tables import duty, handoff, sweep

_DUTIES = RecordTable(duty, HandoffDuty, keeps=("organisation", "since", "arrived"))
_OF = _DUTIES.by("handoff").order_by(duty.c.since, duty.c.kind, duty.c.source)
_open = duty.c.closed_at.is_(null())
_OPEN_OF = _OF.where(_open)
_DUE = (
    _DUTIES.all.where(duty.c.next_at <= bindparam("now"))
    .order_by(duty.c.next_at)
    .limit(bindparam("limit"))
)
_LATE = _open & (duty.c.due_at <= bindparam("now")) & duty.c.arrived.is_(null())
_OVERDUE = select(func.count()).select_from(duty).where(_LATE)
_SAVE = _DUTIES.update.where(_open)
# Not IN: the text of that depends on a value, and is made anew by the engine each time.
_shared = or_(*(duty.c.kind == kind for kind, terms in DUTIES.items() if terms.shared))
_next_due = (
    select(func.coalesce(func.min(duty.c.due_at), bindparam("never", NEVER, duty.c.due_at.type)))
    .where(
        duty.c.handoff == handoff.c.id,
        duty.c.organisation == handoff.c.recipient,
        _shared,
        _open,
    )
    .scalar_subquery()
)
_FOLLOW = update(handoff).where(matching(handoff, "id", prefix="of_")).values(due_at=_next_due)
_of_case = matching(handoff, "originator", "case")
_OPEN_OF_CASE = _DUTIES.all.join(handoff, handoff.c.id == duty.c.handoff).where(_of_case, _open)
_place = (handoff.c.urgency, duty.c.due_at, duty.c.handoff, duty.c.source, duty.c.kind)
# A review of a retention may be years away: it waits from its reminder on.
_waits = or_(
    duty.c.kind != DutyKind.RETENTION_REVIEW,
    duty.c.reminded_at.is_not(null()),
    duty.c.next_at <= bindparam("now"),
)
_HANDOFFS = RecordTable(handoff, Handoff)
_OWED_BY = (
    select(*_DUTIES.columns, *_HANDOFFS.columns)
    .join(handoff, handoff.c.id == duty.c.handoff)
    .where(duty.c.organisation == bindparam("owes"), _open, _waits)
    .order_by(*_place)
    .limit(bindparam("limit"))
)
_OWED_AFTER = _OWED_BY.where(stands_after(*_place))
_owed = _open & duty.c.arrived.is_(null())
_CLOSE = update(duty).values(closed_at=bindparam("now"), next_at=null(), person=null())
_END_OF = _CLOSE.where(_owed, duty.c.organisation == bindparam("left"))
_of_recipient = select(handoff.c.id).where(handoff.c.recipient == bindparam("left"))
_END_FOR = _CLOSE.where(
    _owed,
    or_(*(duty.c.kind == kind for kind, terms in DUTIES.items() if terms.for_other)),
    duty.c.handoff.in_(_of_recipient),
)
_END_TERMS = (
    update(handoff)
    .values(due_at=literal(NEVER, handoff.c.due_at.type))
    .where(handoff.c.recipient == bindparam("left"), handoff.c.due_at < bindparam("never"))
)
_CLOCKS = RecordTable(sweep, SweepClock)
_saving = insert(sweep).values(id=1)
_SAVE_CLOCK = _saving.on_conflict_do_update(
    index_elements=[sweep.c.id],
    set_={column.name: _saving.excluded[column.name] for column in _CLOCKS.columns},
)


class SqlDuties(StorePart):
    """What parties owe about handoffs. The due time of a handoff follows what is stored here.

    A duty is added and saved in a transaction that holds its handoff (`SqlHandoffs.get`).
    """

    def add(self, duty: HandoffDuty, *, follows: bool = True) -> None:
        """Store a new duty; AlreadyExists when its handoff has one of that kind and source.

        The due time of its handoff ``follows``, unless that was stored with the handoff.
        """
        self._write_later(
            _DUTIES.insert, vars(duty), AlreadyExists("this duty is recorded already")
        )
        if follows:
            self._transaction.defer(_FOLLOW, {"of_id": duty.handoff, "never": NEVER})

    def save(self, duty: HandoffDuty, *, follows: bool = True) -> None:
        """Replace the stored one, which must be open (else EditConflict); ``follows`` as above."""
        changed = EditConflict("the duty has changed: read it again")
        self._write_later(_SAVE, _DUTIES.changes(duty), changed)
        if follows:
            self._transaction.defer(_FOLLOW, {"of_id": duty.handoff, "never": NEVER})

    def of(self, handoff: UUID, *, open_only: bool = False) -> Sequence[HandoffDuty]:
        """The duties of a handoff, the oldest first."""
        statement = _OPEN_OF if open_only else _OF
        return self._all(_DUTIES, statement, handoff=handoff)

    def open_of_case(self, originator: str, case: UUID) -> Sequence[HandoffDuty]:
        """The open duties of every handoff of a case."""
        return self._all(_DUTIES, _OPEN_OF_CASE, originator=originator, case=case)

    def owed_by(
        self, organisation: str, now: datetime, after: DutyPlace | None, limit: int
    ) -> Sequence[tuple[HandoffDuty, Handoff]]:
        """The open duties of an organisation and what arrived there, after a place, in order, each
        with its handoff; the review of a retention once it was to be reminded of."""
        values: dict[str, Any] = {"owes": organisation, "now": now, "limit": limit}
        if after is None:
            rows = self._transaction.rows(_OWED_BY, values)
        else:
            place = (*after.handoff, after.source, after.kind)
            named = {f"after_{one.name}": at for one, at in zip(_place, place, strict=True)}
            rows = self._transaction.rows(_OWED_AFTER, {**values, **named})
        number = len(_DUTIES.columns)
        return [(HandoffDuty(*row[:number]), _HANDOFFS.read(row[number:])) for row in rows]

    def due(self, now: datetime, limit: int) -> Sequence[HandoffDuty]:
        """Duties of which there is something to record now, the longest due first."""
        return self._all(_DUTIES, _DUE, now=now, limit=limit)

    def overdue(self, now: datetime) -> int:
        """How many open duties are past their due time; what arrived is none."""
        return int(self._transaction.scalar(_OVERDUE, {"now": now}))

    def end_with(self, left: str, now: datetime) -> None:
        """Close what an organisation owes that has left, and what is owed for it alone; nothing of
        its handoffs is due any more."""
        self._transaction.require_registry()
        values = {"left": left, "now": now}
        for statement in (_END_OF, _END_FOR):
            self._transaction.run(statement, values)
        self._transaction.run(_END_TERMS, {"left": left, "never": NEVER})

    def clock(self) -> SweepClock | None:
        """When duties were last swept; None before the first time."""
        return self._one(_CLOCKS, _CLOCKS.all)

    def save_clock(self, clock: SweepClock) -> None:
        """Replace that."""
        self._write(_SAVE_CLOCK, vars(clock))
