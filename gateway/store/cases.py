"""Cases of originators: the current state of each, and every version as a signed document."""

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import date, datetime
from functools import cache
from typing import Any
from uuid import UUID

from sqlalchemy import (
    Integer,
    Select,
    Uuid,
    and_,
    bindparam,
    case,
    delete,
    exists,
    func,
    insert,
    literal_column,
    null,
    or_,
    select,
    tuple_,
    update,
)
from sqlalchemy.dialects.postgresql import insert as postgresql_insert

from gateway.domain.audit_event import AuditEvent
from gateway.domain.case import Case
from gateway.domain.handoff import OPEN, HandoffState, Recall
from gateway.domain.measure import Measure
from gateway.domain.refusals import AlreadyExists, CaseErased, EditConflict
from gateway.domain.revision import Announcement, ChangeKind
from gateway.domain.vocabulary import Urgency
from gateway.evidence.case_events import CaseEvent
from gateway.kernel.values import (
    EVERY_CASE,
    CaseFilter,
    CaseToDo,
    CaseVersion,
    Erasure,
    HeldRemoval,
    ListedCase,
)
from gateway.store import tables
from gateway.store.columns import DIGITS, RecordTable, StorePart, id_end, matching, write_json
from gateway.store.content_encryption import (
    ERASED,
    CellRef,
    header_of,
)
from gateway.store.log import STEPS_OF, read_steps
from gateway.store.tables import (
    announcement,
    answer,
    case_file,
    case_measure,
    case_recall,
    case_version,
    doomed_key,
    handoff,
    handoff_reference,
    held_removal,
    indexed_item,
    retry,
    sent_act,
    taken_handoff,
)

_CASES = RecordTable(
    case_file,
    Case,
    keeps=("originator_ref", "offered"),
    counter="revision",
    changed="the case has changed: read it again",
)
_CASE_FIELDS = len(_CASES.columns)
_of_case = and_(
    case_file.c.originator == bindparam("originator"), case_file.c.id == bindparam("case")
)
_recalled = exists().where(
    case_recall.c.originator == case_file.c.originator, case_recall.c.case == case_file.c.id
)
_GET = select(*_CASES.columns, case_file.c.content_key, _recalled.label("recalled")).where(_of_case)
_RESTORE = update(case_file).where(matching(case_file, "originator", "id", prefix="of_"))
_LOCK = select(case_file.c.id).where(_of_case).with_for_update()
_VERSIONS = RecordTable(case_version, CaseVersion)
_VERSION_NAMES = tuple(column.name for column in _VERSIONS.columns)
_GET_CURRENT = _GET.add_columns(*_VERSIONS.columns).join(
    case_version, case_version.c.digest == case_file.c.digest
)
_earlier = case_file.alias()
_made_earlier = (
    select(_earlier.c.made)
    .where(_earlier.c.originator == bindparam("originator"), _earlier.c.id == bindparam("after"))
    .scalar_subquery()
)
_BOUNDS = {
    "after": tuple_(case_file.c.made, case_file.c.id)
    > tuple_(_made_earlier, bindparam("after", type_=case_file.c.id.type)),
    "since": case_file.c.made >= bindparam("since"),
    "until": case_file.c.made < bindparam("until"),
    "case": case_file.c.id == bindparam("case"),
    "reference": case_file.c.originator_ref == bindparam("reference"),
    "ends": id_end(case_file.c.id) == bindparam("ends"),
    "after_id": case_file.c.id > bindparam("after_id"),
}
"""What an index is read by."""
_FITS = {
    "state": matching(case_file, "state"),
    # Of what was there before this column only its summary says it.
    "urgency": or_(matching(case_file, "urgency"), case_file.c.urgency == literal_column("0")),
    "counterpart": exists().where(
        handoff.c.originator == case_file.c.originator,
        handoff.c.case == case_file.c.id,
        handoff.c.recipient == bindparam("counterpart"),
    ),
}
"""What is asked of each row: a page looks at so many, and no more."""


@cache
def _page(*names: str) -> Select[Any]:
    """The page of some filters. What does not fit is read without its version. Those whose id ends
    so come as their index has them: by age all cases would be read."""
    order = () if "ends" in names else (case_file.c.made,)
    fits = (_FITS[name] for name in names if name in _FITS)
    version = case_version.c
    return (
        select(*_CASES.columns, version.assurance, version.event, version.summary)
        .add_columns(case_file.c.made)
        .select_from(case_file)
        .outerjoin(case_version, and_(version.digest == case_file.c.digest, *fits))
        .where(matching(case_file, "originator"))
        .where(*(_BOUNDS[name] for name in names if name in _BOUNDS))
        .order_by(*order, case_file.c.id)
        .limit(bindparam("limit"))
    )


_after_case = tuple_(case_file.c.urgency, case_file.c.made) > tuple_(
    bindparam("after_urgency", type_=Integer()), bindparam("after_made", type_=Uuid())
)
_withheld = exists().where(
    case_recall.c.originator == case_file.c.originator,
    case_recall.c.case == case_file.c.id,
    case_recall.c.recipient.is_(null()),
    case_recall.c.version >= case_file.c.version,
)
_redirected = (
    select(handoff.c.id)
    .where(
        handoff.c.originator == case_file.c.originator,
        handoff.c.case == case_file.c.id,
        handoff.c.state == HandoffState.REDIRECTED,
    )
    .order_by(handoff.c.id.desc())
    .limit(1)
    .scalar_subquery()
)
_TO_DO = (
    select(*_CASES.columns, case_version.c.assurance, case_version.c.event, case_version.c.summary)
    .add_columns(case_file.c.urgency, case_file.c.made)
    .add_columns(_withheld.label("withheld"), _redirected.label("redirected"))
    .join(case_version, case_version.c.digest == case_file.c.digest)
    .where(matching(case_file, "originator"), tables.TO_DO, _after_case)
    .order_by(case_file.c.urgency, case_file.c.made)
    .limit(bindparam("limit"))
)
_ending = (
    select(case_file.c.erase_on)
    .where(matching(case_file, "originator"), tables.KEPT, case_file.c.erase_on < bindparam("last"))
    .order_by(case_file.c.erase_on)
    .limit(bindparam("limit"))
    .subquery()
)
_ENDING = select(func.count(), func.min(_ending.c.erase_on))
_SUMMARY = select(case_version.c.summary).where(matching(case_version, "digest"))
_ADD_VERSION = insert(case_version)
_PRESENT = (
    update(case_version)
    .where(matching(case_version, "digest", prefix="of_"))
    .values(summary=bindparam("summary"), document=bindparam("document"))
)
_MEASURES = RecordTable(case_measure, Measure)
_MEASURES_OF = _MEASURES.by("originator", "case").order_by(case_measure.c.id)
_END_MEASURE = update(case_measure).where(
    matching(case_measure, "id", prefix="of_"), case_measure.c.ended_at.is_(null())
)
_RECALLS = RecordTable(case_recall, Recall)
_RECALLS_OF = _RECALLS.by("originator", "case").order_by(case_recall.c.id)
_CHANGES = select(case_version.c.change).where(
    matching(case_version, "originator", "case"),
    case_version.c.version > bindparam("after"),
    case_version.c.change.is_not(null()),
)
_UNLAWFUL = (
    select(case_version.c.version, case_version.c.unlawful)
    .where(
        matching(case_version, "originator", "case"),
        case_version.c.version > bindparam("after"),
    )
    .order_by(case_version.c.version)
)
_ANNOUNCEMENTS = RecordTable(announcement, Announcement, taken="holders have heard of this version")
_ANNOUNCED = (
    _ANNOUNCEMENTS.by("originator", "case").order_by(announcement.c.version.desc()).limit(1)
)
# What stops a use comes before what only marks more strictly.
_ANNOUNCED_AFTER = (
    _ANNOUNCEMENTS.by("originator", "case")
    .where(announcement.c.version > bindparam("after"))
    .order_by(
        case((announcement.c.change == ChangeKind.CORRECTION, 0), else_=1),
        announcement.c.version.desc(),
    )
    .limit(1)
)
_KEY_OF = select(case_file.c.content_key).where(
    case_file.c.originator == bindparam("originator"),
    case_file.c.id == bindparam("case"),
    tables.KEPT,
)
_DUE = (
    _CASES.all.where(tables.KEPT, case_file.c.erase_on <= bindparam("day"))
    .order_by(case_file.c.erase_on)
    .limit(bindparam("limit"))
)
_versions = matching(case_version, "originator", "case", prefix="of_")
_ERASE_VERSIONS = update(case_version).where(_versions).values(document=ERASED, summary=ERASED)
_handoffs = matching(handoff, "originator", "case", prefix="of_")
_handoff_ids = select(handoff.c.id).where(_handoffs)
_ERASE_HANDOFFS = update(handoff).where(_handoffs).values(conditions_digest="", matter=frozenset())
_LAPSE_HANDOFFS = (
    update(handoff)
    .where(_handoffs, or_(*(handoff.c.state == state for state in sorted(OPEN))))
    .values(state=HandoffState.LAPSED)
)
_FORGET_ITEMS = delete(indexed_item).where(
    matching(indexed_item, "originator", "case", prefix="of_")
)
_FORGET_SENT = update(sent_act).where(sent_act.c.handoff.in_(_handoff_ids)).values(document=ERASED)
_FORGET_TAKEN = delete(taken_handoff).where(taken_handoff.c.handoff.in_(_handoff_ids))
_FORGET_REFERENCES = delete(handoff_reference).where(handoff_reference.c.handoff.in_(_handoff_ids))
_HELD = RecordTable(held_removal, HeldRemoval)
_HELD_OF = (
    _HELD.by("originator")
    .where(held_removal.c.since > bindparam("after"))
    .order_by(held_removal.c.since)
    .limit(bindparam("limit"))
)
_HOLD = postgresql_insert(held_removal).on_conflict_do_nothing()
_END_HELD = delete(held_removal).where(
    matching(held_removal, "originator", "case", "recipient", prefix="of_")
)
_FORGET_HELD = delete(held_removal).where(
    matching(held_removal, "originator", "case", prefix="of_")
)
_ERASE_ANSWERS = update(answer).where(answer.c.handoff.in_(_handoff_ids)).values(document=ERASED)
# Each by its own: PostgreSQL would read all retries for one of two conditions.
_FORGET_RETRIES = (
    delete(retry).where(retry.c.event.in_(select(case_version.c.event).where(_versions))),
    delete(retry).where(
        retry.c.event.in_(select(answer.c.event).where(answer.c.handoff.in_(_handoff_ids)))
    ),
)
_DOOMED = (
    select(case_file.c.content_key)
    .where(tables.ERASED, case_file.c.content_key.is_not(null()))
    .limit(bindparam("limit"))
)
_FORGET_KEY = (
    update(case_file)
    .where(case_file.c.content_key == bindparam("of_key"), tables.ERASED)
    .values(content_key=None)
)
_DOOMED_APART = select(doomed_key.c.content_key).limit(bindparam("limit"))
_FORGET_APART = delete(doomed_key).where(doomed_key.c.content_key == bindparam("of_key"))
_REFERRED_TO = select(case_file.c.id).where(
    case_file.c.originator == bindparam("originator"),
    case_file.c.originator_ref == bindparam("reference"),
)
_HAVING = _CASES.all.where(case_file.c.content_key == bindparam("key"))


_sealed = (
    exists().where(tables.header(one) == bindparam("header"))
    for one in (*tables.SEALED, tables.index_key.c.secret)
)
# But what the log repeats of it.
_SEALS = select(or_(*_sealed))


@dataclass(eq=False)
class SqlCases(StorePart):
    """Cases of originators and their versions. ``get`` in a WRITE transaction locks the row.

    Content is stored encrypted by a key of its case's own. Whoever reads or adds some of a case
    that was erased gets CaseErased; where the key is unavailable, CaseKeysUnavailable.
    """

    _others: Sequence[AuditEvent] = ()
    """Those of the transaction that are yet to be appended to the log."""
    _unrecalled: set[tuple[str, UUID]] = field(default_factory=set)

    def get(self, originator: str, case: UUID) -> Case | None:
        """The originator's case; in a writing transaction its row is locked until the end."""
        row, _ = self._read(_GET, originator, case)
        return None if row is None else Case(*row[:_CASE_FIELDS])

    def referred_to(self, originator: str, reference: str) -> UUID | None:
        """The case of an originator by the keyed digest of its reference."""
        values = {"originator": originator, "reference": reference}
        case: UUID | None = self._transaction.scalar(_REFERRED_TO, values)
        return case

    def current(self, originator: str, case: UUID) -> tuple[Case, CaseVersion] | None:
        """The same with its current version."""
        row, _ = self._read(_GET_CURRENT, originator, case)
        return None if row is None else self._current(row)

    def with_course(
        self, originator: str, case: UUID
    ) -> tuple[Case, CaseVersion, Sequence[CaseEvent] | None] | None:
        """The same with the events of its course, as the log's `history` tells them; None for those
        where they cannot be read."""
        row, steps = self._read(_GET_CURRENT, originator, case, STEPS_OF)
        if row is None:
            return None
        try:
            return *self._current(row), read_steps(steps, self._others)
        except ValueError:
            return *self._current(row), None

    def course(self, originator: str, case: UUID) -> Sequence[CaseEvent]:
        """The events of a case's course. Raises ValueError for what cannot be read."""
        of_case = {"originator": originator, "case": case}
        return read_steps(self._transaction.rows(STEPS_OF, of_case), self._others)

    def _current(self, row: Any) -> tuple[Case, CaseVersion]:
        return Case(*row[:_CASE_FIELDS]), self._opened(row[-len(_VERSIONS.columns) :])

    def _read(
        self, query: Select[Any], originator: str, case: UUID, *beside: Select[Any]
    ) -> tuple[Any, Sequence[Any]]:
        """A row, and all that one query beside finds."""
        named, values = (originator, case), {"originator": originator, "case": case}
        # Held with FOR SHARE already: nobody changes it, and asking for more could deadlock.
        if self._transaction.locks_rows and named not in self._transaction.shared_cases:
            # Of its own: what is read after the lock is the latest that was committed.
            self._transaction.defer(_LOCK, values)
        found, *told = self._transaction.queries(*((one, values) for one in (query, *beside)))
        row = found[0] if found else None
        if row is not None:
            self._cipher.note_case(originator, case, row.state, row.content_key)
            if not row.recalled:
                self._unrecalled.add(named)
            if row.offered:
                self._transaction.offered_cases.add(named)
        return row, told[0] if told else ()

    def add(self, case: Case, version: CaseVersion) -> None:
        """Store a new case; AlreadyExists when its id or its reference is taken.

        RuntimeError when the version's document is stored for another case.
        """
        key = self._cipher.new_key()
        urgency = Urgency(version.summary["urgency"])
        values = {**vars(case), "content_key": key, "made": version.event, "urgency": urgency}
        values["indexed"] = True
        if not self._write(_CASES.insert, values):
            raise AlreadyExists(self._taken(case))
        self._add_version(version, key)

    def _taken(self, case: Case) -> str:
        """Which of its names is taken, and what to do; only of the originator's own cases."""
        there = self.get(case.originator, case.id)
        if there is None:
            return "another case of yours has this 'originator_ref': give each case one of its own"
        return (
            f"the case is there already, and is {there.state}: a change is its next version (POST "
            f"/cases/{case.id}/versions), another case has an id of its own"
        )

    def save(self, case: Case, version: CaseVersion | None = None) -> None:
        """Replace the stored one, whose revision must be one less (else EditConflict), and add the
        new version when there is one.

        The reference never changes. RuntimeError as for ``add``.
        """
        more = {} if version is None else {"urgency": Urgency(version.summary["urgency"])}
        self._replace(_CASES, case, **more)
        if version is not None:
            self._add_version(version, self.key_of(case.originator, case.id))

    def restore(self, case: Case) -> None:
        """Replace what decides in a case's row, in a REGISTRY transaction."""
        self._transaction.require_registry()
        row = {**_CASES.row(case), "of_originator": case.originator, "of_id": case.id}
        with suppress(CaseErased):  # then it stands in no list by its urgency
            said = self.summary(case.digest)
            row["urgency"] = Urgency(said["urgency"] if said else Urgency.IMMINENT_DANGER)
        self._transaction.run(_RESTORE, row)

    def present(self, version: CaseVersion) -> None:
        """Replace what is stored of a version, of which its originator's gateway presented more."""
        key = self.key_of(version.originator, version.case)
        self._write(_PRESENT, {"of_digest": version.digest, **self._encrypted(version, key)})

    def version(self, digest: str) -> CaseVersion | None:
        """A case version by the digest of its document."""
        row = self._transaction.first(_VERSIONS.one, {"digest": digest})
        return None if row is None else self._opened(row)

    def _opened(self, row: Sequence[Any]) -> CaseVersion:
        said = dict(zip(_VERSION_NAMES, row, strict=True))
        for name in ("summary", "document"):
            said[name] = self._cipher.decrypt(said[name], _cell(said["digest"], name))
        said["summary"] = json.loads(said["summary"])
        return CaseVersion(**said)

    def summary(self, digest: str) -> Mapping[str, Any] | None:
        """Return what a list shows of a version, without its document. Raises CaseErased."""
        row = self._transaction.first(_SUMMARY, {"digest": digest})
        if row is None:
            return None
        said: Mapping[str, Any] = json.loads(
            self._cipher.decrypt(row.summary, _cell(digest, "summary"))
        )
        return said

    def changes(self, originator: str, case: UUID, after: int) -> Sequence[ChangeKind]:
        """Return what each version of the case after number ``after`` is to the one before it."""
        return self._firsts(_CHANGES, originator=originator, case=case, after=after)

    def unlawful(
        self, originator: str, case: UUID, after: int
    ) -> Sequence[tuple[int, tuple[str, ...]]]:
        """The versions after number ``after`` that correct something unlawful, and the ids of these
        elements."""
        values = {"originator": originator, "case": case, "after": after}
        rows = self._transaction.rows(_UNLAWFUL, values)
        return [(row.version, row.unlawful) for row in rows if row.unlawful]

    def announce(self, announcement: Announcement) -> None:
        """Remember that holders heard of a change; AlreadyExists when they heard of it before."""
        self._add(_ANNOUNCEMENTS, announcement)

    def announced(self, originator: str, case: UUID) -> Announcement | None:
        """The newest change of the case that holders heard of."""
        return self._one(_ANNOUNCEMENTS, _ANNOUNCED, originator=originator, case=case)

    def announced_after(self, originator: str, case: UUID, version: int) -> Announcement | None:
        """The change after a version that bears most on who holds that: the newest correction of
        which holders heard, else the newest tightening."""
        values = {"originator": originator, "case": case, "after": version}
        return self._one(_ANNOUNCEMENTS, _ANNOUNCED_AFTER, **values)

    def page(
        self, originator: str, after: UUID | None, limit: int, filters: CaseFilter = EVERY_CASE
    ) -> Sequence[ListedCase]:
        """The originator's cases, the oldest first; those that were made later than ``after``.

        What does not fit the ``filters`` has neither version nor summary. Raises
        CaseKeysUnavailable when that of no case can be read."""
        wanted: dict[str, Any] = {n: v for n, v in vars(filters).items() if v is not None}
        for bound in wanted.keys() & {"since", "until"}:
            wanted[bound] = first_id_at(wanted[bound])
        if filters.ends is not None:
            wanted |= {"ends": filters.ends[-DIGITS:], "after_id": after or UUID(int=0)}
        elif after is not None:
            wanted["after"] = after
        values = {"originator": originator, "limit": limit, **wanted}
        rows = self._transaction.rows(_page(*wanted), values)
        readable = self._cipher.fetch(row.summary for row in rows if row.summary is not None)
        return [self._listed(row, readable=row.summary in readable) for row in rows]

    def to_do(self, originator: str, after: tuple[int, UUID], limit: int) -> Sequence[CaseToDo]:
        """The originator's cases that are to be assessed or cleared, or are cleared and with
        nobody, the most urgent first, then the oldest, after a rank and the event of a first
        version.

        Raises CaseKeysUnavailable when that of no case can be read."""
        rank, made = after
        values = {"originator": originator, "limit": limit}
        values |= {"after_urgency": rank, "after_made": made}
        rows = self._transaction.rows(_TO_DO, values)
        readable = self._cipher.fetch(row.summary for row in rows)
        return [
            CaseToDo(
                self._listed(row, readable=row.summary in readable),
                row.urgency,
                row.made,
                bool(row.withheld),
                row.redirected,
            )
            for row in rows
        ]

    def ending(self, originator: str, last: date, limit: int) -> tuple[int, date | None]:
        """How many of the originator's cases are erased before a day, up to ``limit``, and the
        first of these days."""
        row = self._transaction.first(
            _ENDING, {"originator": originator, "last": last, "limit": limit}
        )
        return row[0], row[1]

    def measures(self, originator: str, case: UUID) -> Sequence[Measure]:
        """Every measure on a case, in the order in which they were set."""
        return self._all(_MEASURES, _MEASURES_OF, originator=originator, case=case)

    def measure(self, measure: UUID) -> Measure | None:
        """One measure by the event that set it."""
        return self._get(_MEASURES, id=measure)

    def add_measure(self, measure: Measure) -> None:
        """Store a new measure. The case that is saved with it is ``measured``."""
        self._add(_MEASURES, measure)

    def end_measure(self, measure: UUID, at: datetime) -> None:
        """End one that has not ended; else EditConflict."""
        if not self._write(_END_MEASURE, {"of_id": measure, "ended_at": at}):
            raise EditConflict("the measure has ended: read the case again")

    def hold_removal(self, held: HeldRemoval) -> None:
        """Keep that a removal waits for the police; one that waits already stays as it is."""
        self._transaction.run(_HOLD, vars(held))

    def held_removals(self, originator: str, after: datetime, limit: int) -> Sequence[HeldRemoval]:
        """The removals of an originator that were refused after a moment, because they wait, or
        waited, for the police; the oldest first."""
        return self._all(_HELD, _HELD_OF, originator=originator, after=after, limit=limit)

    def end_held_removal(self, originator: str, case: UUID, recipient: str) -> None:
        """Forget one: it was offered."""
        values = {"of_originator": originator, "of_case": case, "of_recipient": recipient}
        self._transaction.defer(_END_HELD, values)

    def recalls(self, originator: str, case: UUID) -> Sequence[Recall]:
        """Every recall of a case, or of a handoff of it, in the order in which they were made."""
        if (originator, case) in self._unrecalled:
            return ()
        return self._all(_RECALLS, _RECALLS_OF, originator=originator, case=case)

    def recall(self, recall: UUID) -> Recall | None:
        """One recall by the event that recorded it."""
        return self._get(_RECALLS, id=recall)

    def add_recall(self, recall: Recall) -> None:
        """Store a new recall; in a transaction that holds the case."""
        self._unrecalled.discard((recall.originator, recall.case))
        self._add(_RECALLS, recall)

    def erase(self, case: Case) -> Erasure:
        """Replace the stored one as ``save`` does, by one that is erased, and take away the
        documents of all its versions, all statements, and what repeats of their requests are
        compared with. Its open handoffs end as lapsed.

        What is overwritten was encrypted: the key's end is what erases it. The key is not destroyed
        by this: see ``doomed``.
        """
        self.save(case)
        self._cipher.note_case(case.originator, case.id, case.state, None)
        of = {"of_originator": case.originator, "of_case": case.id}
        versions = self._transaction.run(_ERASE_VERSIONS, of).rowcount
        self._transaction.run(_ERASE_HANDOFFS, of)
        self._transaction.run(_LAPSE_HANDOFFS, of)
        statements = self._transaction.run(_ERASE_ANSWERS, of).rowcount
        beside = _FORGET_TAKEN, _FORGET_REFERENCES, _FORGET_SENT, _FORGET_HELD, _FORGET_ITEMS
        for forget in (*_FORGET_RETRIES, *beside):
            self._transaction.run(forget, of)
        return Erasure(versions, statements)

    def due(self, day: date, limit: int) -> Sequence[Case]:
        """Cases with content whose day of erasure is ``day`` or before, the longest due first."""
        return self._all(_CASES, _DUE, day=day, limit=limit)

    def doomed(self, limit: int) -> Sequence[UUID]:
        """Keys of erased cases that were not destroyed yet, as far as is known here."""
        run = self._transaction
        found = [row.content_key for row in run.rows(_DOOMED, {"limit": limit})]
        return found or [row.content_key for row in run.rows(_DOOMED_APART, {"limit": limit})]

    def forget_keys(self, keys: Collection[UUID]) -> None:
        """Note that these keys of erased cases are destroyed."""
        for key in keys:
            self._write(_FORGET_KEY, {"of_key": key})
            self._write(_FORGET_APART, {"of_key": key})

    def key_of(self, originator: str, case: UUID) -> UUID | None:
        """The key by which a case's content is encrypted; None when that was erased."""
        values = {"originator": originator, "case": case}
        key: UUID | None = self._transaction.scalar(_KEY_OF, values)
        return key

    def having(self, key: UUID) -> Sequence[Case]:
        """The case whose content is encrypted by a key; each whose row says so."""
        return self._all(_CASES, _HAVING, key=key)

    def sealing(self, keys: Iterable[UUID]) -> Collection[UUID]:
        """Those of some keys by which anything stored is encrypted, whatever keys rows name."""
        asked = [*keys]
        found = self._transaction.queries(*((_SEALS, {"header": header_of(one)}) for one in asked))
        return {key for key, ((seals,),) in zip(asked, found, strict=True) if seals}

    def _add_version(self, version: CaseVersion, key: UUID | None) -> None:
        self._transaction.defer(_ADD_VERSION, {**vars(version), **self._encrypted(version, key)})

    def _encrypted(self, version: CaseVersion, key: UUID | None) -> Mapping[str, bytes]:
        texts = {"summary": write_json(version.summary), "document": version.document}
        return {
            column: self._cipher.encrypt(text, key, _cell(version.digest, column))
            for column, text in texts.items()
        }

    def _listed(self, row: Any, *, readable: bool) -> ListedCase:
        case = Case(*row[:_CASE_FIELDS])
        opened = None
        if readable:
            text = self._cipher.decrypt(row.summary, _cell(case.digest, "summary"))
            opened = json.loads(text)
        return ListedCase(case, row.assurance, row.event, opened, row.made)


def first_id_at(time: datetime) -> UUID:
    """The least UUIDv7 that was made at a time (RFC 9562 5.7), which begins with 1970."""
    milliseconds = max(0, int(time.timestamp() * 1000))
    return UUID(int=milliseconds << 80 | 7 << 76 | 2 << 62)


def _cell(digest: str, column: str) -> CellRef:
    return CellRef(case_version.name, digest, column)
