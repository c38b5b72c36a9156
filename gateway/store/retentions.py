"""What holders keep of cases beyond the day of erasure, and the copies of what was erased."""

from collections.abc import Collection, Sequence
from datetime import date, datetime
from uuid import UUID

from sqlalchemy import (
    and_,
    bindparam,
    delete,
    exists,
    insert,
    literal_column,
    null,
    or_,
    select,
    union,
    update,
)

from gateway.domain.refusals import EditConflict
from gateway.domain.retention import Retention
from gateway.kernel.values import RetainedCopy
from gateway.store.columns import RecordTable, StorePart, matching
from gateway.store.content_encryption import ERASED, CellRef, header_of
from gateway.store.tables import (
    KEPT,
    answer,
    answer_key,
    case_file,
    doomed_key,
    erasure_notice,
    handoff,
    header,
    index_key,
    retained_copy,
    retention,
)
from gateway.store.transaction import insert_new

_standing = retention.c.ended_at.is_(null())
_RETENTIONS = RecordTable(retention, Retention)
_RETENTION = _RETENTIONS.all.where(_standing)
_OF_HANDOFF = _RETENTION.where(matching(retention, "handoff"))
_RETAINED_OF_CASE = _RETENTION.where(matching(retention, "originator", "case")).order_by(
    retention.c.handoff
)
_END = _RETENTIONS.update.where(_standing)
_retained = select(retention.c.handoff).where(_standing)
_copied = select(retained_copy.c.handoff)
_OVER = select(
    union(
        _retained.where(retention.c.until <= bindparam("day")),
        _copied.where(retained_copy.c.grace_until <= bindparam("day")),
    ).subquery()
).limit(bindparam("limit"))
_OF_HOLDER = select(
    union(
        _retained.where(matching(retention, "holder")),
        _copied.where(matching(retained_copy, "holder")),
    ).subquery()
).limit(bindparam("limit"))
_HOLDERS = select(
    union(
        select(retention.c.holder).where(_standing),
        select(retained_copy.c.holder),
        select(answer_key.c.organisation),
        select(index_key.c.organisation),
    ).subquery()
)
_UNRETAINED = (
    select(handoff.c.recipient, handoff.c.id)
    .join(
        case_file,
        and_(case_file.c.originator == handoff.c.originator, case_file.c.id == handoff.c.case),
    )
    .where(
        KEPT,
        case_file.c.erase_on > bindparam("after"),
        case_file.c.erase_on <= bindparam("last"),
        handoff.c.held > literal_column("0"),
        ~exists().where(retention.c.handoff == handoff.c.id, _standing),
    )
)
_ANNOUNCED = select(erasure_notice.c.told).where(matching(erasure_notice, "days"))
_FIRST_NOTICE = insert_new(erasure_notice)
_NOTICE = update(erasure_notice).where(matching(erasure_notice, "days", "told", prefix="of_"))
_COPY = RecordTable(retained_copy, RetainedCopy).one
_HAS_COPY = _copied.where(
    matching(retained_copy, "handoff"),
    or_(
        retained_copy.c.grace_until > bindparam("day"),
        exists().where(
            retention.c.handoff == retained_copy.c.handoff,
            _standing,
            or_(retention.c.until.is_(null()), retention.c.until > bindparam("day")),
        ),
    ),
)
_KEEP = insert(retained_copy)
_of_copy = matching(retained_copy, "handoff", prefix="of_")
_END_GRACE = update(retained_copy).where(_of_copy).values(grace_until=None)
_KEY_OF = select(retained_copy.c.content_key).where(_of_copy)
_DROP = delete(retained_copy).where(_of_copy)
DOOM = insert_new(doomed_key)
"""A key that nothing is encrypted by any more: maintenance destroys it."""
# By the envelope: another key in the row would make that of the copy seem unused.
_sealed = header(retained_copy.c.content) == bindparam("header")
_HAVING = _copied.where(retained_copy.c.content_key == bindparam("key"), _sealed)
_of_organisation = matching(answer_key, "organisation", prefix="of_")
_KEY_OF_ANSWERS = select(answer_key.c.content_key).where(_of_organisation)
_END_ANSWER_KEY = delete(answer_key).where(_of_organisation)
_ERASE_LATE = (
    update(answer)
    .where(
        answer.c.author == bindparam("of_organisation"),
        header(answer.c.document) == bindparam("header"),
    )
    .values(document=ERASED)
)


class SqlRetentions(StorePart):
    """What holders keep beyond the day of erasure: a handoff has one retention at a time.

    It is made and ended in a transaction that holds its handoff (`SqlHandoffs.get`).
    """

    def of_handoff(self, handoff: UUID) -> Retention | None:
        """The retention that has not ended; its last day may be over."""
        return self._one(_RETENTIONS, _OF_HANDOFF, handoff=handoff)

    def of_case(self, originator: str, case: UUID) -> Sequence[Retention]:
        """Those of every handoff of a case that have not ended, by handoff."""
        return self._all(_RETENTIONS, _RETAINED_OF_CASE, originator=originator, case=case)

    def add(self, retention: Retention) -> None:
        """Store a new one; the one before was ended."""
        self._add(_RETENTIONS, retention)

    def end(self, retention: UUID, at: datetime) -> None:
        """End one that has not ended; else EditConflict."""
        if not self._write(_END, {"of_id": retention, "ended_at": at}):
            raise EditConflict("the retention has ended: read the handoff again")

    def over(self, day: date, limit: int) -> Sequence[UUID]:
        """Handoffs whose retention, or days of grace, are over on a civil day."""
        return self._firsts(_OVER, day=day, limit=limit)

    def holders(self) -> Collection[str]:
        """The organisations that retain something, have a copy, or a key of late answers."""
        return {row[0] for row in self._transaction.rows(_HOLDERS)}

    def of_holder(self, holder: str, limit: int) -> Sequence[UUID]:
        """Handoffs of which an organisation retains something, or has a copy."""
        return self._firsts(_OF_HOLDER, holder=holder, limit=limit)

    def keep(self, copy: RetainedCopy) -> None:
        """Store a copy under a new key. Raises CaseKeysUnavailable."""
        key = self._cipher.new_key()
        content = self._cipher.encrypt(copy.content, key, _cell_of_copy(copy.handoff))
        self._write(_KEEP, {**vars(copy), "content_key": key, "content": content})

    def copy(self, handoff: UUID) -> RetainedCopy | None:
        """A handoff's copy. Raises CaseErased when its key is destroyed, CaseKeysUnavailable."""
        row = self._transaction.first(_COPY, {"handoff": handoff})
        if row is None:
            return None
        content = self._cipher.decrypt(row.content, _cell_of_copy(handoff))
        return RetainedCopy(**row._asdict() | {"content": content})

    def has_copy(self, handoff: UUID, day: date) -> bool:
        """Tell whether a copy is kept on a civil day: its grace, or retention, is not over by
        then."""
        return bool(self._firsts(_HAS_COPY, handoff=handoff, day=day))

    def end_grace(self, handoff: UUID) -> None:
        """Let a copy stand: a retention was stated."""
        self._write(_END_GRACE, {"of_handoff": handoff})

    def drop_copy(self, handoff: UUID) -> bool:
        """Take a copy away, where there is one, and doom its key."""
        key = self._transaction.scalar(_KEY_OF, {"of_handoff": handoff})
        if key is None:
            return False
        self._write(DOOM, {"content_key": key})
        return self._write(_DROP, {"of_handoff": handoff})

    def having(self, key: UUID) -> UUID | None:
        """The handoff whose copy is encrypted by a key."""
        values = {"key": key, "header": header_of(key)}
        handoff: UUID | None = self._transaction.scalar(_HAVING, values)
        return handoff

    def unretained(self, after: date, last: date) -> Sequence[tuple[str, UUID]]:
        """Recipient and id of each handoff that was accepted and is not retained, whose case is
        erased after one day, and by another."""
        rows = self._transaction.rows(_UNRETAINED, {"after": after, "last": last})
        return [(row.recipient, row.id) for row in rows]

    def announced(self, days: int) -> date | None:
        """Up to which day of erasure holders heard so many ``days`` before; None at first."""
        told: date | None = self._transaction.scalar(_ANNOUNCED, {"days": days})
        return told

    def announce(self, days: int, told: date | None, last: date) -> bool:
        """Note that they hear up to the day ``last``; False where it is not ``told`` any more."""
        if told is None:
            return self._write(_FIRST_NOTICE, {"days": days, "told": last})
        return self._write(_NOTICE, {"of_days": days, "of_told": told, "told": last})

    def end_answer_key(self, organisation: str) -> None:
        """Take away an organisation's answers about erased cases, where there are any, and doom
        their key."""
        of = {"of_organisation": organisation}
        key = self._transaction.scalar(_KEY_OF_ANSWERS, of)
        if key is not None:
            self._transaction.run(_ERASE_LATE, of | {"header": header_of(key)})
            self._write(DOOM, {"content_key": key})
            self._write(_END_ANSWER_KEY, of)


def _cell_of_copy(handoff: UUID) -> CellRef:
    return CellRef(retained_copy.name, str(handoff), "content")
