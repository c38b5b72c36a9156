"""Whether cases, handoffs and what stands beside them are what the log's events and the signed
documents say.

`LoggedHandoffs` takes the events as the comparison of the registry passes over the log, and keeps
what they say. `compare_handoffs` goes through the rows, and then through what was kept: what the
log tells and no row has is a difference as well. What rests on a detail whose term is over, or on a
document that was erased, is not compared.
"""

import json
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Select, Table, bindparam, func, select

from gateway.domain.answers import made_of
from gateway.domain.audit_event import EVENT_TYPES
from gateway.domain.case import Case
from gateway.domain.course import HANDOFF, Course, Moved, differences, fold
from gateway.domain.duty import DutyKind, HandoffDuty
from gateway.domain.handoff import (
    ACCEPTING,
    ANSWERED_WITHIN,
    RETAINING,
    Handoff,
    HandoffAction,
    HandoffAnswer,
    HandoffState,
    Recall,
    RecallAnswer,
    acknowledgement_due_at,
    is_derogation,
)
from gateway.domain.json_values import parse_timestamp
from gateway.domain.measure import MEASURES, Measure
from gateway.domain.refusals import CaseErased, CaseKeysUnavailable
from gateway.domain.retention import (
    Retention,
    RetentionGround,
    in_years,
    registered_retention,
    review_day,
)
from gateway.domain.revision import ANSWERED, VersionChange
from gateway.domain.vocabulary import Urgency
from gateway.evidence import sd_jwt
from gateway.evidence.case_events import (
    ADVANCED,
    ENDING,
    SETTING,
    STATES,
    STEPS,
    VERSIONS,
    CaseEvent,
    clears,
    fold_case,
    read_event,
)
from gateway.evidence.handoff_documents import package_digest
from gateway.evidence.handoff_moves import (
    CONSULTED,
    MOVING,
    ToldEvent,
    read_moves,
    was_consulted_early,
)
from gateway.kernel.values import Consultation
from gateway.store import tables
from gateway.store.columns import RecordTable
from gateway.store.registry import Entry
from gateway.store.registry_proof import CHUNK
from gateway.store.unit_of_work import SqlUnitOfWork

PAGE = 500
"""Handoffs that are read together."""

MOMENT = timedelta(minutes=5)
"""A row's time is taken when its request begins, an event's when it is appended."""

_KEPT = frozenset(
    {
        *STEPS, CONSULTED, *MOVING,
        "case.recalled", "case.recall_approved", "handoff.reviewed", "handoff.retention_ended",
    }
)  # fmt: skip


@dataclass
class LoggedHandoffs:
    """What the log says of cases and handoffs up to an entry, by handoff, by case or by event."""

    size: int = 0
    told: dict[UUID, list[ToldEvent]] = field(default_factory=lambda: defaultdict(list))
    offers: dict[UUID, CaseEvent] = field(default_factory=dict)
    of_cases: list[CaseEvent] = field(default_factory=list)
    consultations: dict[UUID, tuple[Any, ...]] = field(default_factory=dict)
    """By event: the handoff, who opened what, and whether its originator heard."""
    recalls: dict[UUID, CaseEvent] = field(default_factory=dict)
    measures: dict[UUID, CaseEvent] = field(default_factory=dict)
    ended: dict[UUID, int] = field(default_factory=dict)
    """The place of the event that ended a measure or a retention: by ids that the gateway made."""
    given_up: dict[UUID, int] = field(default_factory=dict)
    """Likewise what a handoff kept, by the handoff, whose id its originator chose."""
    erased: dict[UUID, int] = field(default_factory=dict)
    """Likewise, by handoff, of its case."""
    reviewed: dict[UUID | str, int] = field(default_factory=dict)
    """Likewise of the last review of a handoff, or of the approval of a recall, by its digest."""

    def note(self, index: int, document: bytes, disclosures: str) -> None:
        """Take the next event; those that were taken before are passed over."""
        if index < self.size:
            return
        self.size = index + 1
        if b'"type":"case.' in document or b'"type":"handoff.' in document:
            told = json.loads(document)
            if told["type"] in _KEPT and told["result"] == "allowed":
                self._keep(read_event(index, told, disclosures))

    def take(self, work: SqlUnitOfWork) -> None:
        """Take what the log has beyond that."""
        while rows := work.rows(_ENTRIES, {"start": self.size}):
            for row in rows:
                self.note(row.idx, row.document or b"", row.disclosures)

    def _keep(self, one: CaseEvent) -> None:
        handoff, subject = one.handoff, one.subject
        if handoff is not None and (one.type in MOVING or one.type == CONSULTED):
            self.told[handoff].append(ToldEvent(one.index, one.id, one.type, one.digest))
            if one.type in ("handoff.offered", "handoff.updated"):
                self.offers[one.id] = one
            elif one.type == CONSULTED:
                reader, informed = one.details.get("as recipient"), "as originator" in one.details
                said = (handoff, reader, one.case_digest, one.package_digest, informed)
                self.consultations[one.id] = said
        elif one.type in SETTING and subject.get("measure") == str(one.id):
            self.measures[one.id] = one  # what others hear of it names it, too
        elif one.type in ENDING and "measure" in subject:
            self.ended.setdefault(UUID(subject["measure"]), one.index)
        elif one.type == "handoff.retention_ended" and handoff is not None:
            self.given_up[handoff] = one.index
            if "retention" in subject:
                self.ended[UUID(subject["retention"])] = one.index
        elif one.type == "case.recalled":
            self.recalls[one.id] = one
        elif one.type == "case.recall_approved" and "recall" in subject:
            self.reviewed[subject["recall"]] = one.index
        elif one.type == "handoff.reviewed" and handoff is not None:
            self.reviewed[handoff] = one.index
        elif one.type == "case.erased" and handoff is not None:
            self.erased[handoff] = one.index
        elif handoff is None and (one.type in STATES or one.type == ADVANCED):
            self.of_cases.append(one)


@dataclass(frozen=True)
class HandoffComparison:
    """By handoff what of it, or of its case, is not what its documents and the log say; and what
    else is wrong, in sentences."""

    differing: Mapping[UUID, tuple[str, ...]]
    problems: tuple[str, ...]

    @property
    def entries(self) -> frozenset[Entry]:
        """What is to be out of service."""
        return frozenset((HANDOFF, str(one)) for one in self.differing)

    def sentences(self) -> tuple[str, ...]:
        """All of it, for the operator."""
        return (
            *(
                f"the handoff {one} is not what its documents and the log say "
                f"({', '.join(names)}): see docs/operators.md, 'A handoff differs from the log'"
                for one, names in sorted(self.differing.items())
            ),
            *self.problems,
        )


def compare_handoffs(
    work: SqlUnitOfWork, logged: LoggedHandoffs, civil_day: Callable[[datetime], date]
) -> HandoffComparison:
    """Hold the rows of a database against what its log says, the rest of which is taken here.

    ``civil_day`` is the day of a moment where the gateway is. Raises CaseKeysUnavailable.
    """
    logged.take(work)
    return _Comparison(work, logged, civil_day).made()


CaseKey = tuple[str, UUID]

_CASES = RecordTable(tables.case_file, Case)
_HANDOFFS = RecordTable(tables.handoff, Handoff)
_RECALLS = RecordTable(tables.case_recall, Recall)
_MEASURES = RecordTable(tables.case_measure, Measure)
_RETENTIONS = RecordTable(tables.retention, Retention)
_DUTIES = RecordTable(tables.duty, HandoffDuty)
_CONSULTATIONS = RecordTable(tables.consultation, Consultation)
_version = tables.case_version.c
_ALL_VERSIONS = select(
    _version.digest,
    _version.originator,
    _version.case,
    _version.version,
    _version.event,
    _version.change,
    _version.reason_code,
    _version.unlawful,
)
_NEXT = (
    _HANDOFFS.all.where(tables.handoff.c.id > bindparam("after"))
    .order_by(tables.handoff.c.id)
    .limit(bindparam("limit"))
)
_DUTIES_OF = _DUTIES.by("handoff")
_RETENTIONS_OF = _RETENTIONS.by("handoff").order_by(tables.retention.c.id)
_ENTRIES = (
    select(tables.log_event.c.idx, tables.log_event.c.document, tables.log_event.c.disclosures)
    .where(tables.log_event.c.idx >= bindparam("start"))
    .order_by(tables.log_event.c.idx)
    .limit(CHUNK)
)
_SOURCE = select(tables.log_event.c.idx, tables.log_event.c.document).where(
    tables.log_event.c.event == bindparam("event")
)


@dataclass
class _Comparison:
    work: SqlUnitOfWork
    logged: LoggedHandoffs
    civil_day: Callable[[datetime], date]
    problems: list[str] = field(default_factory=list)
    versions: dict[str, tuple[CaseKey, int]] = field(default_factory=dict)
    """By digest the case of a version, and its number."""
    places: dict[CaseKey, list[tuple[int, str]]] = field(default_factory=lambda: defaultdict(list))
    """By case where its versions stand in the log, and their digests."""
    of_cases: dict[CaseKey, set[str]] = field(default_factory=lambda: defaultdict(set))
    """What differs of a case, for all of its handoffs."""
    recalls: dict[UUID, Recall] = field(default_factory=dict)
    clearances: dict[CaseKey, list[CaseEvent]] = field(default_factory=lambda: defaultdict(list))

    def made(self) -> HandoffComparison:
        self._take_versions()
        self._hold_cases()
        self._hold_recalls()
        self._hold_measures()
        differing, there = {}, set[UUID]()
        for handoff in self._handoffs():
            there.add(handoff.id)
            try:
                names = set(self._differing(handoff))
            except CaseKeysUnavailable:
                raise
            except Exception:  # whatever is wrong with one, the others are compared
                names = {"documents"}
            names |= self.of_cases[_case_of(handoff)]
            if names:
                differing[handoff.id] = tuple(sorted(names))
        for one in self.logged.told.keys() - there:
            self._tell(f"the handoff {one} of the log has no row")
        self._hold_consultations()
        for originator, case in sorted(key for key, names in self.of_cases.items() if names):
            named = ", ".join(sorted(self.of_cases[originator, case]))
            self._tell(f"the case {case} of {originator} is not what the log says ({named})")
        return HandoffComparison(differing, tuple(self.problems))

    def _tell(self, what: str) -> None:
        where = "see docs/operators.md, 'A handoff differs from the log'"
        self.problems.append(f"{what}: {where}")

    def _all(self, table: RecordTable[Any]) -> list[Any]:
        return [table.read(row) for row in self._rows(table.table, table.all)]

    def _rows(self, table: Table, statement: Select[Any]) -> Sequence[Any]:
        """All rows of a table. One that cannot be read is a problem, and counts as missing: the
        others are compared all the same."""
        try:
            return self.work.rows(statement, {})
        except Exception:
            count = self.work.rows(select(func.count()).select_from(table), {})[0][0]
            ordered = statement.order_by(*table.primary_key)
            part = ordered.limit(bindparam("limit")).offset(bindparam("offset"))
            return self._halved(table, part, 0, count)

    def _halved(self, table: Table, part: Select[Any], start: int, count: int) -> Sequence[Any]:
        try:
            return self.work.rows(part, {"limit": count, "offset": start})
        except Exception:
            if count == 1:
                self._tell(f"a row of the table {table.name} cannot be read")
                return ()
            half = count // 2
            first = self._halved(table, part, start, half)
            return [*first, *self._halved(table, part, start + half, count - half)]

    def _handoffs(self) -> Iterator[Handoff]:
        after = UUID(int=0)
        while rows := self._page(after):
            yield from map(_HANDOFFS.read, rows)
            after = rows[-1].id

    def _page(self, after: UUID) -> Sequence[Any]:
        try:
            return self.work.rows(_NEXT, {"after": after, "limit": PAGE})
        except Exception:  # one cannot be read: then all of them at once
            found = self._rows(tables.handoff, _HANDOFFS.all)
            return [row for row in found if row.id > after]

    # --- Cases ---

    def _take_versions(self) -> None:
        left = {one.id: one for one in self.logged.of_cases if one.type in VERSIONS}
        for row in self._rows(tables.case_version, _ALL_VERSIONS):
            key, told = (row.originator, row.case), left.pop(row.event, None)
            self.versions[row.digest] = key, row.version
            if told is None or told.case_digest != row.digest:
                self.of_cases[key].add("versions")
                continue
            kind, code = (told.details.get(n, getattr(row, n)) for n in ("change", "reason_code"))
            said = (kind, code, row.unlawful)
            if kind is None or told.complete:  # else nobody knows any more what it corrected
                pointers = tuple(told.details.get("pointers", ()))
                said = (kind, code, VersionChange(kind, code, "", pointers).unlawful)
            if (row.change, row.reason_code, row.unlawful) != said:
                self.of_cases[key].add("versions")
            self.places[key].append((told.index, row.digest))
        for key, placed in self.places.items():
            placed.sort()
            if [self.versions[digest][1] for _, digest in placed] != [*range(1, len(placed) + 1)]:
                self.of_cases[key].add("versions")
        for one in left.values():
            self._tell(f"the version of a case that entry {one.index} recorded has no row")

    def _hold_cases(self) -> None:
        steps: dict[CaseKey, list[CaseEvent]] = defaultdict(list)
        for one in self.logged.of_cases:
            if one.case_digest in self.versions:
                steps[self.versions[one.case_digest][0]].append(one)
        measured = {(one.originator, one.case) for one in self._all(_MEASURES)}
        for row in self._all(_CASES):
            key = row.originator, row.id
            made = steps.pop(key, [])
            self.clearances[key] = [one for one in made if clears(one)]
            told = fold_case(made) | {
                "version": len(self.places[key]),
                "measured": key in measured,
            }
            if not told["early"] and (said := self.summary(row.digest)):
                told["erase_on"] = date.fromisoformat(said["erase_on"])
            self.of_cases[key] |= {n for n, value in told.items() if getattr(row, n) != value}
        for key in steps:
            self.of_cases[key].add("row")

    def summary(self, digest: str) -> Mapping[str, Any]:
        """What a list shows of a version; nothing once it was erased."""
        try:
            return self.work.cases.summary(digest) or {}
        except CaseErased:
            return {}

    # --- Recalls and measures ---

    def _case_of(self, told: CaseEvent) -> CaseKey | None:
        found = self.versions.get(told.case_digest or "")
        return found and found[0]

    def _miss(self, told: CaseEvent, name: str) -> None:
        """What the log tells has no row."""
        if (key := self._case_of(told)) is not None:
            self.of_cases[key].add(name)

    def _hold_recalls(self) -> None:
        left = dict(self.logged.recalls)
        for row in self._all(_RECALLS):
            self.recalls[row.id] = row
            told, key = left.pop(row.id, None), (row.originator, row.case)
            late = told is None or abs(told.at - row.at) > MOMENT
            if told is None or late or told.digest != row.digest or self._case_of(told) != key:
                self.of_cases[key].add("recall")
                continue
            said = {"version": row.version, "code": str(row.code), "case": str(row.case)}
            if told.subject and any(told.subject.get(n) != v for n, v in said.items()):
                self.of_cases[key].add("recall")
            if told.handoff != row.handoff:
                self.of_cases[key].add("recall")
        for one in left.values():
            self._miss(one, "recall")

    def _hold_measures(self) -> None:
        left, rows = dict(self.logged.measures), self._all(_MEASURES)
        for row in rows:
            told, key = left.pop(row.id, None), (row.originator, row.case)
            if told is None or self._case_of(told) != key or told.handoff != row.handoff:
                self.of_cases[key].add("measure")
                continue
            said = {
                "kind": str(row.kind),
                "until": row.until and row.until.isoformat(),
                "elements": list(row.elements),
                "before": row.before,
            }
            wrong = {f"measure {n}" for n, value in said.items() if told.subject.get(n) != value}
            action = EVENT_TYPES[MEASURES[row.kind].action][0]
            if action != told.type or told.details.get("reason_code", row.code) != row.code:
                wrong.add("measure code")
            setter = told.details.get("as originator" if row.handoff is None else "as recipient")
            if setter not in (None, row.setter):
                wrong.add("measure setter")
            if (row.ended_at is not None) != (row.id in self.logged.ended):
                # A renewal ends the one before without an event of its own.
                renewed = row.ended_at is not None and any(
                    self.logged.measures[one.id].index > told.index
                    for one in rows
                    if one.id in self.logged.measures and _renews(one, row)
                )
                wrong |= set() if renewed else {"measure end"}
            self.of_cases[key] |= wrong
        for one in left.values():
            self._miss(one, "measure")

    def _hold_consultations(self) -> None:
        rows = [one for one in self._all(_CONSULTATIONS) if one.handoff is not None]
        there = {
            one.event: (
                one.handoff,
                one.organisation,
                one.case_digest,
                package_digest(one.shown),
                one.informed,
            )
            for one in rows
        }
        for one in dict(self.logged.consultations.items() ^ there.items()):
            self._tell(f"the consultation {one} is not what the log says")

    # --- One handoff ---

    def _differing(self, row: Handoff) -> Iterator[str]:
        told = self.logged.told.get(row.id, [])
        answers = self.work.handoffs.moves(row.id)
        moves = read_moves(row, answers, told, self.places[_case_of(row)])
        consulted, erased = was_consulted_early(told), not row.conditions_digest
        course = fold(moves, consulted=consulted, erased=erased)
        if any(
            one.author != made_of(row, one.move, "", one.at, one.event).author for one in answers
        ):
            yield "author"
        recall = None if row.recall is None else self.recalls.get(row.recall)
        yield from differences(row, course, recall)
        if erased is not (row.id in self.logged.erased):
            yield "conditions_digest"
        yield from self._differing_package(row, moves, course)
        one = _Held(self, row, answers, moves, told, consulted=consulted)
        yield from one.retentions()
        yield from one.duties()

    def _differing_package(
        self, row: Handoff, moves: Sequence[Moved], course: Course
    ) -> Iterator[str]:
        """What the events and the version of the newest package say of it, and of its parties."""
        moving = [one.id for one in self.logged.told[row.id] if one.type in MOVING]
        offered, newest = (
            self.logged.offers[moving[one.sequence - 1]] for one in (moves[0], course.newest)
        )
        for role in ("originator", "recipient"):
            if offered.details.get(f"as {role}", getattr(row, role)) != getattr(row, role):
                yield role
        if (newest.case_digest, newest.package_digest) != (row.case_digest, row.package_digest):
            yield "package_digest"
        if self.versions.get(row.case_digest) != (_case_of(row), row.case_version):
            yield "case_version"
        if row.conditions_digest and (said := self.summary(row.case_digest)):
            if said["urgency"] != row.urgency:
                yield "urgency"
            if row.matter != set(said["matter"]) and (row.matter or self._shows_matter(row)):
                yield "matter"

    def _shows_matter(self, row: Handoff) -> bool:
        version = self.work.cases.version(row.case_digest)
        placed = sd_jwt.read_stored(version.document).placed if version else ()
        shown = (one.name for one in placed if one.digest in row.permitted_disclosures)
        return "matter" in shown


@dataclass
class _Held:
    """What stands beside one handoff: what its holder retains, and what its parties owe."""

    of: _Comparison
    row: Handoff
    answers: Sequence[HandoffAnswer]
    moves: Sequence[Moved]
    told: Sequence[ToldEvent]
    consulted: bool

    def retentions(self) -> Iterator[str]:
        """What a retention says otherwise than the act that set it, and whether one is missing."""
        found = self.of.work.rows(_RETENTIONS_OF, {"handoff": self.row.id})
        rows = {one.id: one for one in map(_RETENTIONS.read, found)}
        setting = [n for n, one in enumerate(self.answers) if one.event in rows]
        for n, (stored, move) in enumerate(zip(self.answers, self.moves, strict=True)):
            one = rows.pop(stored.event, None)
            if one is None:
                if move.step is HandoffAction.RETAIN or move.done in RETAINING:
                    yield "retention"
                continue
            owner = (one.originator, one.case, one.holder)
            said = self._retained(stored, move, one)
            if owner != (*_case_of(self.row), self.row.recipient) or any(
                getattr(one, name) != value for name, value in said.items()
            ):
                yield "retention"
            answered = [later.done for later in self.moves[n + 1 :] if later.step is _ANSWER_RECALL]
            ended = (
                one.id in self.of.logged.ended
                or n != setting[-1]
                or RecallAnswer.COPIES_ERASED in answered
            )
            if ended is (one.ended_at is None) and None not in answered:
                yield "retention end"
        if rows:
            yield "retention"

    def _retained(self, stored: HandoffAnswer, move: Moved, one: Retention) -> Mapping[str, Any]:
        """What a retention has to say that an answer set, as far as that is known."""
        at = parse_timestamp(self._event(stored.event)[1]["time"])
        if abs(at - one.since) > MOMENT:
            return {"since": at}
        day = self.of.civil_day(one.since)
        if move.step in ACCEPTING:
            terms = self.of.work.organisations.get(self.row.recipient)
            found = terms and registered_retention(terms.retentions, self.row.purpose, day)
            if not found:
                return {"ground": None}
            return {
                "ground": RetentionGround.REGISTERED,
                "until": None if found.years is None else in_years(day, found.years),
                "review_on": in_years(day, found.review_years),
            }
        if not stored.document:
            return {}
        said = sd_jwt.read_stored(stored.document).content
        until, asked = (said.get(n) and date.fromisoformat(said[n]) for n in ("until", "review_on"))
        return {
            "ground": RetentionGround(said.get("done", RetentionGround.STATED)),
            "until": until,
            "review_on": review_day(day, until, asked),
            "legal_basis": said.get("legal_basis"),
        }

    def duties(self) -> Iterator[str]:
        """What is owed that does not follow from an event, or was closed without one; and what
        should be owed, and is not."""
        rows = [
            _DUTIES.read(one) for one in self.of.work.rows(_DUTIES_OF, {"handoff": self.row.id})
        ]
        for one in rows:
            index, source = self._event(one.source)
            digest = "" if "handoff" in source else source.get("case_digest", "")
            of_case = self.of.versions.get(digest, (None, 0))[0] == _case_of(self.row)
            if source.get("handoff") != str(self.row.id) and not of_case:
                yield "duty"
            elif one.terms.ended_by or one.kind in _OTHERWISE:
                if one.organisation != one.terms.party(self.row):
                    yield "duty"
                if one.closed_at is not None and not self._is_closed(one, index):
                    yield "duty end"
                if one.kind in _OF_RECALL and not self._is_due(one):
                    yield "duty"
        owed: set[tuple[DutyKind, UUID | None]] = {(one.kind, one.source) for one in rows}
        if not owed | {(one.kind, None) for one in rows} >= set(self._owed()):
            yield "duty"
        shared = (
            one.due_at
            for one in rows
            if one.terms.shared and one.closed_at is None and one.organisation == self.row.recipient
        )
        if self.row.due_at != min(shared, default=None):
            yield "due_at"

    def _is_due(self, duty: HandoffDuty) -> bool:
        """Whether a duty to answer a recall is due when it must be; other terms are settings."""
        recall = self.of.recalls.get(self.row.recall or duty.source)
        if recall is None:
            return False
        if duty.kind is DutyKind.RECALL_ANSWER:
            return duty.due_at == recall.at + ANSWERED_WITHIN
        return duty.due_at in {acknowledgement_due_at(one, recall.at) for one in Urgency}

    def _event(self, event_id: UUID) -> tuple[int, Mapping[str, Any]]:
        """Where an event stands in the log, and its document; of none, nothing."""
        rows = self.of.work.rows(_SOURCE, {"event": event_id})
        return (rows[0].idx, json.loads(rows[0].document)) if rows else (0, {})

    def _owed(self) -> Iterator[tuple[DutyKind, UUID | None]]:
        """Kinds of duties that began once, and by which event, where it is one alone."""
        row, event_of = self.row, [one.event for one in self.answers]
        yield DutyKind.ANSWER, event_of[0]
        if row.urgency is Urgency.IMMINENT_DANGER:
            yield DutyKind.CALL, None
        if is_derogation(row.transfer_tool):
            yield DutyKind.DEROGATION_REVIEW, None
        if self.consulted:
            yield DutyKind.REVIEW, None
        first = self.moves[0].claims
        if row.break_glass and first is not None and "reissue_of" not in first:
            yield DutyKind.CLEARANCE, event_of[0]
        held = False
        for made_by, move in zip(event_of, self.moves, strict=True):
            held = held or move.step in ACCEPTING
            change = move.claims and move.claims.get("change")
            if move.step is HandoffAction.PROPOSE_CORRECTION:
                yield DutyKind.PROPOSAL_ANSWER, None
            if move.step is HandoffAction.UPDATE and change in ANSWERED and held:
                yield DutyKind.ACKNOWLEDGEMENT, None
            if move.step is HandoffAction.RECALL and row.recall is not None:
                yield DutyKind.RECALL_ACKNOWLEDGEMENT, made_by
                yield DutyKind.RECALL_ANSWER, made_by

    def _is_closed(self, duty: HandoffDuty, index: int) -> bool:
        """Whether something closed a duty that an event at a place of the log began."""
        logged, row, kind = self.of.logged, self.row, duty.kind
        moving = [one.index for one in self.told if one.type in MOVING]
        later = [n for n, place in enumerate(moving) if place > index]
        steps = {self.moves[n].step for n in later}
        recall = self.of.recalls.get(duty.source)
        ended_by = duty.terms.ended_by
        return (
            (duty.ends_with_case and logged.erased.get(row.id, -1) >= index)
            or not steps.isdisjoint(ended_by)
            or (HandoffAction.RECALL in ended_by and any(map(self._gave_up, later)))
            or (
                kind is DutyKind.CLEARANCE
                and any(one.index > index for one in self.of.clearances[_case_of(row)])
            )
            or (
                kind in (DutyKind.RETENTION, DutyKind.RETENTION_REVIEW)
                and (logged.given_up.get(row.id, -1) > index or not steps.isdisjoint(_RETENTIVE))
            )
            or (recall is not None and recall.digest in logged.reviewed)
            or (kind in _REVIEWED and logged.reviewed.get(row.id, -1) > index)
        )

    def _gave_up(self, n: int) -> bool:
        """Whether the recipient held nothing after a move, and could take nothing."""
        course = fold(self.moves[: n + 1], consulted=self.consulted)
        early = self.consulted and course.recall_answer is not RecallAnswer.COPIES_ERASED
        return not (course.is_held or early) and course.state is not HandoffState.OFFERED


_ANSWER_RECALL = HandoffAction.ANSWER_RECALL
_RETENTIVE = frozenset({HandoffAction.RETAIN, _ANSWER_RECALL, *ACCEPTING})
_REVIEWED = frozenset({DutyKind.REVIEW, DutyKind.DEROGATION_REVIEW})
_OF_RECALL = frozenset({DutyKind.RECALL_ACKNOWLEDGEMENT, DutyKind.RECALL_ANSWER})
_OTHERWISE = frozenset(
    {
        DutyKind.CLEARANCE, DutyKind.REVIEW, DutyKind.DEROGATION_REVIEW,
        DutyKind.RETENTION_REVIEW, DutyKind.RECALL_APPROVAL,
    }
)  # fmt: skip
"""Duties that no answer of the parties ends."""


def _case_of(row: Handoff) -> CaseKey:
    return row.originator, row.case


def _renews(one: Measure, before: Measure) -> bool:
    """Whether a measure can have renewed another one, which that ended."""
    passed_on = None not in (one.handoff, before.handoff)  # to a successor of its setter
    same = (one.originator, one.case, one.kind, set(one.elements))
    return (passed_on or one.setter == before.setter) and same == (
        before.originator, before.case, before.kind, set(before.elements),
    )  # fmt: skip
