"""What parties owe about their handoffs and what arrived there, and when it was last swept.

A handoff's due time follows its duties here, in the same transaction, and nowhere else; the
urgency of duties follows their handoff, by `FOLLOW_URGENCY`.
"""

import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Select, and_, bindparam, exists, func, literal, null, or_, select, update
from sqlalchemy.dialects.postgresql import insert

from gateway.domain.duty import DUTIES, DutyKind, HandoffDuty, SweepClock, WorkPlace
from gateway.domain.handoff import FIRST_PLACE, NEVER, Handoff, HandoffPlace, HandoffState
from gateway.domain.refusals import AlreadyExists, EditConflict
from gateway.domain.vocabulary import RANKS
from gateway.domain.worklist import COUNTED
from gateway.kernel.values import WorkRow
from gateway.store.columns import RecordTable, StorePart, matching, stands_after
from gateway.store.content_encryption import CellRef
from gateway.store.references import REFERRED, read_references
from gateway.store.tables import (
    DUTY_PLACE,
    WAITING,
    case_version,
    consultation,
    duty,
    handoff,
    handoff_reference,
    sweep,
    taken_handoff,
)
from gateway.store.transaction import insert_new

_urgency_of = (
    select(handoff.c.urgency).where(matching(handoff, "id", prefix="of_")).scalar_subquery()
)
_DUTIES = RecordTable(
    duty,
    HandoffDuty,
    keeps=("organisation", "since", "arrived"),
    insert=insert_new(duty).values(urgency=_urgency_of),
)
_OF = _DUTIES.by("handoff").order_by(duty.c.since, duty.c.kind, duty.c.source)
_open = duty.c.closed_at.is_(null())
_OPEN_OF = _OF.where(_open)
_DUE = (
    _DUTIES.all.where(duty.c.next_at <= bindparam("now"))
    .order_by(duty.c.next_at)
    .limit(bindparam("limit"))
)
_LATE = _open & (duty.c.due_at <= bindparam("now")) & duty.c.arrived.is_(null())
_OVERDUE = select(func.count()).select_from(
    select(duty.c.handoff).where(_LATE).limit(COUNTED).subquery()
)
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
FOLLOW_URGENCY = update(duty).where(matching(duty, "handoff", prefix="of_"))
_of_case = matching(handoff, "originator", "case")
_OPEN_OF_CASE = _DUTIES.all.join(handoff, handoff.c.id == duty.c.handoff).where(_of_case, _open)
_HANDOFFS = RecordTable(handoff, Handoff)
_PARTS = (len(_DUTIES.columns), len(_HANDOFFS.columns))
_taken_by = and_(
    taken_handoff.c.handoff == handoff.c.id,
    taken_handoff.c.organisation == bindparam("organisation"),
)
_beside = (taken_handoff.c.person, case_version.c.summary, handoff_reference.c.said)


def _worked_on(found: Select[Any]) -> Any:
    """With who works on it, and what a list shows of the version of its case."""
    return (
        found.outerjoin(taken_handoff, _taken_by)
        .outerjoin(handoff_reference, REFERRED)
        .outerjoin(case_version, case_version.c.digest == handoff.c.case_digest)
        .limit(bindparam("limit"))
    )


_OWED_BY = _worked_on(
    select(*_DUTIES.columns, *_HANDOFFS.columns, *_beside)
    .join(handoff, handoff.c.id == duty.c.handoff)
    .where(duty.c.organisation == bindparam("organisation"), WAITING)
    .order_by(*DUTY_PLACE)
)
_OWED_AFTER = _OWED_BY.where(stands_after(*DUTY_PLACE))
# Of one urgency: else what is not late is read as well.
_LATE_AT_OTHERS = _worked_on(
    select(*_HANDOFFS.columns, *_beside)
    .where(
        handoff.c.originator == bindparam("organisation"),
        matching(handoff, "urgency"),
        handoff.c.due_at <= bindparam("now"),
        stands_after(handoff.c.due_at, handoff.c.id),
    )
    .order_by(handoff.c.due_at, handoff.c.id)
)
# Of the newest: else all that was opened is read as well.
_accepted = (
    select(handoff.c.id)
    .where(matching(handoff, "state"), handoff.c.recipient == bindparam("organisation"))
    .order_by(handoff.c.id.desc())
    .limit(COUNTED)
    .subquery()
)
_UNOPENED = _worked_on(
    select(*_HANDOFFS.columns, *_beside)
    .join(_accepted, _accepted.c.id == handoff.c.id)
    .where(~exists().where(consultation.c.handoff == handoff.c.id))
)
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
        row, taken = {**vars(duty), "of_id": duty.handoff}, "this duty is recorded already"
        self._transaction.defer(_DUTIES.insert, row, refusal=AlreadyExists(taken))
        if follows:
            self._transaction.defer(_FOLLOW, {"of_id": duty.handoff, "never": NEVER})

    def save(self, duty: HandoffDuty, *, follows: bool = True) -> None:
        """Replace the stored one, which must be open (else EditConflict); ``follows`` as above."""
        changed = EditConflict("the duty has changed: read it again")
        self._transaction.defer(_SAVE, _DUTIES.changes(duty), refusal=changed)
        if follows:
            self._transaction.defer(_FOLLOW, {"of_id": duty.handoff, "never": NEVER})

    def of(self, handoff: UUID, *, open_only: bool = False) -> Sequence[HandoffDuty]:
        """The duties of a handoff, the oldest first."""
        statement = _OPEN_OF if open_only else _OF
        return self._all(_DUTIES, statement, handoff=handoff)

    def open_of_case(self, originator: str, case: UUID) -> Sequence[HandoffDuty]:
        """The open duties of every handoff of a case."""
        return self._all(_DUTIES, _OPEN_OF_CASE, originator=originator, case=case)

    def owed_by(self, organisation: str, after: WorkPlace | None, limit: int) -> Sequence[WorkRow]:
        """The open duties of an organisation and what arrived there, after a place, in order; the
        review of a retention once it was reminded of."""
        values: dict[str, Any] = {"organisation": organisation, "limit": limit}
        if after is None:
            rows = self._transaction.rows(_OWED_BY, values)
        else:
            # At a place of what is no duty there is none: it has no source.
            kind = after.kind if isinstance(after.kind, DutyKind) else DutyKind.ANSWER
            place = (*after.handoff, after.source, kind)
            named = {f"after_{one.name}": at for one, at in zip(DUTY_PLACE, place, strict=True)}
            rows = self._transaction.rows(_OWED_AFTER, {**values, **named})
        duties, handoffs = _PARTS
        return self._shown(
            organisation, [(HandoffDuty(*row[:duties]), row[duties:]) for row in rows], handoffs
        )

    def late_at_others(
        self, originator: str, now: datetime, after: HandoffPlace, limit: int
    ) -> Sequence[WorkRow]:
        """Handoffs that an organisation sent whose recipient owes something since its time is over,
        after a place, in order."""
        found = list[tuple[None, Any]]()
        for urgency in RANKS[max(after.rank, 0) :]:
            place = after if urgency.rank == after.rank else FIRST_PLACE
            values = {
                "organisation": originator,
                "urgency": urgency,
                "now": now,
                "after_due_at": place.due_at,
                "after_id": place.id,
                "limit": limit - len(found),
            }
            found += [(None, row) for row in self._transaction.rows(_LATE_AT_OTHERS, values)]
            if len(found) == limit:
                break
        return self._shown(originator, found, _PARTS[1])

    def unopened(self, recipient: str, limit: int) -> Sequence[WorkRow]:
        """Handoffs that an organisation accepted and never opened, of its COUNTED newest of each
        state."""
        found = list[tuple[None, Any]]()
        for state in (HandoffState.ACCEPTED, HandoffState.PARTIALLY_ACCEPTED):
            values = {"organisation": recipient, "state": state, "limit": limit}
            found += [(None, row) for row in self._transaction.rows(_UNOPENED, values)]
        return self._shown(recipient, found, _PARTS[1])

    def _shown(
        self, organisation: str, found: Sequence[tuple[HandoffDuty | None, Any]], size: int
    ) -> Sequence[WorkRow]:
        """Rows with what their reader gave them: the originator's reference, or the recipient's,
        where the key is there."""
        rows = [(owed, _HANDOFFS.read(row[:size]), *row[size:]) for owed, row in found]
        own = [row[3] for row in rows if row[3] and row[1].originator == organisation]
        readable = self._cipher.fetch(own) if own else ()
        received = [(of.id, said) for _, of, _, _, said in rows]
        named = read_references(self._cipher, organisation, received)
        made = list[WorkRow]()
        for (owed, of, person, summary, _), received_as in zip(rows, named, strict=True):
            reference = received_as
            if of.originator == organisation and summary in readable:
                cell = CellRef(case_version.name, of.case_digest, "summary")
                said = json.loads(self._cipher.decrypt(summary, cell))
                reference = said["originator_ref"]
            made.append(WorkRow(owed, of, person, reference))
        return made

    def due(self, now: datetime, limit: int) -> Sequence[HandoffDuty]:
        """Duties of which there is something to record now, the longest due first."""
        return self._all(_DUTIES, _DUE, now=now, limit=limit)

    def overdue(self, now: datetime) -> int:
        """How many open duties are past their due time, up to COUNTED; what arrived is none."""
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
