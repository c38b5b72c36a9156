"""What holders keep of cases beyond the day of their erasure, and the copies of what was erased."""

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
from gateway.store.content_encryption import CellRef, ContentCipher
from gateway.store.part import StorePart, matching, records
from gateway.store.tables import (
    KEPT,
    answer_key,
    case_file,
    doomed_key,
    erasure_notice,
    handoff,
    retained_copy,
    retention,
)
from gateway.store.transaction import Transaction, insert_new

_standing = retention.c.ended_at.is_(null())
_RETENTION = records(retention, Retention).where(_standing)
_OF_HANDOFF = _RETENTION.where(matching(retention, "handoff"))
_OF_CASE = _RETENTION.where(matching(retention, "originator", "case")).order_by(retention.c.handoff)
_ADD = insert(retention)
_END = update(retention).where(matching(retention, "id", prefix="of_"), _standing)
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
_COPY = records(retained_copy, RetainedCopy, "handoff")
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
_DOOM = insert_new(doomed_key)
_HAVING = _copied.where(retained_copy.c.content_key == bindparam("key"))
_ANSWERS_HAVING = select(answer_key.c.organisation).where(
    answer_key.c.content_key == bindparam("key")
)
_of_organisation = matching(answer_key, "organisation", prefix="of_")
_ANSWER_KEY = select(answer_key.c.content_key).where(_of_organisation)
_END_ANSWER_KEY = delete(answer_key).where(_of_organisation)


class SqlRetentions(StorePart):
    """Retentions in SQL; the contract is that of `gateway.kernel.ports.RetentionStore`."""

    def __init__(self, transaction: Transaction, cipher: ContentCipher) -> None:
        super().__init__(transaction)
        self._cipher = cipher

    def of_handoff(self, handoff: UUID) -> Retention | None:
        return self._one(Retention, _OF_HANDOFF, handoff=handoff)

    def of_case(self, originator: str, case: UUID) -> Sequence[Retention]:
        return self._all(Retention, _OF_CASE, originator=originator, case=case)

    def add(self, retention: Retention) -> None:
        self._write(_ADD, vars(retention))

    def end(self, retention: UUID, at: datetime) -> None:
        if not self._write(_END, {"of_id": retention, "ended_at": at}):
            raise EditConflict("the retention has ended: read the handoff again")

    def over(self, day: date, limit: int) -> Sequence[UUID]:
        return self._firsts(_OVER, day=day, limit=limit)

    def holders(self) -> Collection[str]:
        return {row[0] for row in self._transaction.execute(_HOLDERS)}

    def of_holder(self, holder: str, limit: int) -> Sequence[UUID]:
        return self._firsts(_OF_HOLDER, holder=holder, limit=limit)

    def keep(self, copy: RetainedCopy) -> None:
        key = self._cipher.new_key()
        content = self._cipher.encrypt(copy.content, key, _cell(copy.handoff))
        self._write(_KEEP, {**vars(copy), "content_key": key, "content": content})

    def copy(self, handoff: UUID) -> RetainedCopy | None:
        row = self._transaction.execute(_COPY, {"handoff": handoff}).first()
        if row is None:
            return None
        content = self._cipher.decrypt(row.content, _cell(handoff))
        return RetainedCopy(**row._asdict() | {"content": content})

    def has_copy(self, handoff: UUID, day: date) -> bool:
        return bool(self._firsts(_HAS_COPY, handoff=handoff, day=day))

    def end_grace(self, handoff: UUID) -> None:
        self._write(_END_GRACE, {"of_handoff": handoff})

    def drop_copy(self, handoff: UUID) -> bool:
        key = self._transaction.execute(_KEY_OF, {"of_handoff": handoff}).scalar()
        if key is None:
            return False
        self._write(_DOOM, {"content_key": key})
        return self._write(_DROP, {"of_handoff": handoff})

    def having(self, key: UUID) -> UUID | None:
        row = self._transaction.execute(_HAVING, {"key": key}).first()
        return row and row.handoff

    def uses_key(self, key: UUID) -> bool:
        of_answers = self._transaction.execute(_ANSWERS_HAVING, {"key": key}).first()
        return self.having(key) is not None or of_answers is not None

    def unretained(self, after: date, last: date) -> Sequence[tuple[str, UUID]]:
        rows = self._transaction.execute(_UNRETAINED, {"after": after, "last": last})
        return [(row.recipient, row.id) for row in rows]

    def announced(self, days: int) -> date | None:
        told: date | None = self._transaction.execute(_ANNOUNCED, {"days": days}).scalar()
        return told

    def announce(self, days: int, told: date | None, last: date) -> bool:
        if told is None:
            return self._write(_FIRST_NOTICE, {"days": days, "told": last})
        return self._write(_NOTICE, {"of_days": days, "of_told": told, "told": last})

    def end_answer_key(self, organisation: str) -> None:
        key = self._transaction.execute(_ANSWER_KEY, {"of_organisation": organisation}).scalar()
        if key is not None:
            self._write(_DOOM, {"content_key": key})
            self._write(_END_ANSWER_KEY, {"of_organisation": organisation})


def _cell(handoff: UUID) -> CellRef:
    return CellRef(retained_copy.name, str(handoff), "content")
