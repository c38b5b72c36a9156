"""Whether cases, handoffs and what stands beside them are what the log's events and the signed
documents say.

`compare_handoffs` takes cases one by one: the rows of each, and of its handoffs, are held against
the events that the log's index finds of them, and these against the rows: what the log tells and no
row has is a difference as well. What rests on a detail whose term is over, or on a document that
was erased, is not compared.

`compare_handoff` says the same of one, with the rows that are missing, as they have to be: a repair
writes them (`gateway/exchange/handoffs/repair.py`).
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any
from uuid import UUID

from sqlalchemy import (
    Executable,
    Table,
    and_,
    bindparam,
    delete,
    exists,
    not_,
    or_,
    select,
)

from gateway.domain.answers import KIND_OF_MOVE, AnswerAuthor
from gateway.domain.audit_event import EVENT_TYPES
from gateway.domain.course import Course, differences, fold
from gateway.domain.duty import (
    ARRIVED,
    GIVES_UP,
    OWED_TO_ORIGINATOR,
    DutyKind,
    HandoffDuty,
    begin,
    begin_arrival,
)
from gateway.domain.handoff import (
    ACCEPTING,
    ANSWERED_WITHIN,
    NEVER,
    RETAINING,
    Handoff,
    HandoffAction,
    HandoffState,
    Recall,
    RecallAnswer,
    acknowledgement_due_at,
    is_derogation,
)
from gateway.domain.json_values import parse_timestamp
from gateway.domain.measure import Measure
from gateway.domain.moves import made_of
from gateway.domain.organisation import OrganisationName
from gateway.domain.out_of_service import SEE_HANDOFF, Entry, EntryKind
from gateway.domain.refusals import CaseErased, CaseKeysUnavailable
from gateway.domain.retention import (
    Retention,
    RetentionGround,
    in_years,
    registered_retention,
    review_day,
)
from gateway.domain.revision import ANSWERED, Announcement
from gateway.domain.succession import ReissuedHandoff
from gateway.domain.vocabulary import Urgency
from gateway.evidence import sd_jwt
from gateway.evidence.case_events import APPROVED, ERASED, CaseEvent, told_copy
from gateway.evidence.handoff_documents import package_digest
from gateway.evidence.handoff_moves import (
    CONSULTED,
    ENDED,
    MOVING,
    RETURNED,
    TYPES,
    ToldEvent,
    read_move,
    read_moves,
    was_consulted_early,
)
from gateway.kernel.values import Consultation, DifferingRows, RowBeside
from gateway.store import tables
from gateway.store.case_proof import MOMENT, TOLD, CaseKey, CaseProof, Require, read_events
from gateway.store.columns import RecordTable, matching
from gateway.store.content_encryption import header_of

if TYPE_CHECKING:
    from gateway.store.unit_of_work import SqlUnitOfWork


@dataclass(frozen=True)
class HandoffComparison:
    """By handoff what of it, or of its case, is not what its documents and the log say; what else
    is wrong, in sentences; and the cases of either."""

    differing: Mapping[UUID, tuple[str, ...]]
    problems: tuple[str, ...]
    cases: frozenset[CaseKey] = frozenset()

    @property
    def entries(self) -> frozenset[Entry]:
        """Return what is to be out of service."""
        return frozenset((EntryKind.HANDOFF, str(one)) for one in self.differing)

    def sentences(self) -> tuple[str, ...]:
        """All of it, for the operator."""
        return (
            *(
                f"the handoff {one} is not what its documents and the log say "
                f"({', '.join(names)}): {SEE_HANDOFF}"
                for one, names in sorted(self.differing.items())
            ),
            *self.problems,
        )


def compare_handoffs(
    work: "SqlUnitOfWork",
    civil_day: Callable[[datetime], date],
    cases: Iterable[CaseKey],
    require: Require = lambda _: None,
) -> HandoffComparison:
    """Hold the rows of ``cases``, and of their handoffs, against what the log says.

    ``civil_day`` is the day of a moment where the gateway is; ``require`` hears of each event that
    is relied on. What has no case, and what the log tells of none that is there, is found whatever
    ``cases`` are. Raises CaseKeysUnavailable.
    """
    differing, problems, wrong = dict[UUID, tuple[str, ...]](), list[str](), set[CaseKey]()
    for key in cases:
        before = len(differing), len(problems)
        try:
            of = CaseProof(work, civil_day, require, key)
            _tell(of, differing, problems)
        except CaseKeysUnavailable:
            raise
        except Exception:  # whatever is wrong with one, the others are compared
            problems.append(
                f"the case {key[1]} of {key[0]} cannot be compared, for its rows or its events are "
                f"not as they were written: {SEE_HANDOFF}"
            )
        if before != (len(differing), len(problems)):
            wrong.add(key)
    for row in work.rows(_ASTRAY, {}):
        differing[row.id] = ("originator or case",)
    problems += [f"{told}: {SEE_HANDOFF}" for told in _missing(work)]
    return HandoffComparison(differing, tuple(problems), frozenset(wrong))


def _tell(of: CaseProof, differing: dict[UUID, tuple[str, ...]], problems: list[str]) -> None:
    """Add what differs of the case, and of each of its handoffs, in whose names it counts."""
    of_case = {*of.differences()}
    for row in of.handoffs():
        try:
            one = _HandoffProof(of, row)
            names = {*of_case, *one.differences()}
            problems += one.consultations()
        except CaseKeysUnavailable:
            raise
        except Exception:  # whatever is wrong with one, the others are compared
            names = {*of_case, "documents"}
        if names:
            differing[row.id] = tuple(sorted(names))
    if of_case:
        originator, case = of.key
        named = ", ".join(sorted(of_case))
        problems.append(
            f"the case {case} of {originator} is not what the log says ({named}): {SEE_HANDOFF}"
        )


def compare_handoff(
    work: "SqlUnitOfWork", civil_day: Callable[[datetime], date], handoff: Handoff
) -> DifferingRows:
    """Hold one handoff, and its case, against what the log says. Raises CaseKeysUnavailable."""
    of = CaseProof(work, civil_day, lambda _: None, (handoff.originator, handoff.case))
    names = {*of.differences()}
    absent: list[RowBeside] = [*of.absent_recalls(), *of.absent_measures()]
    absent += of.absent_announcements()
    wrong: list[RowBeside] = [row for _, row in of.wrong() if of.denies(row)]
    try:
        one = _HandoffProof(of, handoff)
        names.update(one.differences())
        wrong += [row for _, row in one.wrong() if one.is_derived(row)]
        absent += [*one.absent_moves(), *one.absent_retentions(), *one.absent_duties()]
    except (ValueError, LookupError):  # its documents, or its row, are not as they were written
        names.add("documents")
    return DifferingRows(names, absent, [*dict.fromkeys(wrong)])


def removal(row: RowBeside) -> tuple[Executable, Mapping[str, Any]]:
    """The statement that removes a row beside a handoff, and its values."""
    kind = type(row)
    return _REMOVE[kind], {f"of_{name}": getattr(row, name) for name in _KEYS[kind]}


def _missing(work: "SqlUnitOfWork") -> Iterator[str]:
    """Return what the log tells, and no row has."""
    for row in work.rows(_WITHOUT_HANDOFF, {}):
        told = read_events(work.rows(_EVENTS_OF, {"handoff": row.handoff}), lambda _: None)
        if any(one.type in MOVING for one in told):
            yield f"the handoff {row.handoff} of the log has no row"
    for row in work.rows(_WITHOUT_VERSION, {}):
        yield f"the version of a case that entry {row.idx} tells of has no row"


_RETENTIONS = RecordTable(tables.retention, Retention)
_DUTIES = RecordTable(tables.duty, HandoffDuty)
_CONSULTATIONS = RecordTable(tables.consultation, Consultation)
_TABLES: Mapping[type, Table] = {
    Recall: tables.case_recall,
    Measure: tables.case_measure,
    Announcement: tables.announcement,
    ReissuedHandoff: tables.moved_handoff,
    Retention: tables.retention,
    HandoffDuty: tables.duty,
}
_KEYS = {kind: [one.name for one in of.primary_key] for kind, of in _TABLES.items()}
_REMOVE = {
    kind: delete(of).where(matching(of, *_KEYS[kind], prefix="of_")) for kind, of in _TABLES.items()
}
_version, _event = tables.case_version, tables.log_event
_EVENTS_OF = TOLD.where(matching(_event, "handoff")).order_by(_event.c.idx)
_copy = tables.retained_copy
_COPY = select(
    _copy.c.holder,
    _copy.c.grace_until,
    _copy.c.content_key,
    tables.header(_copy.c.content).label("header"),
).where(matching(_copy, "handoff"))
_MOVED = RecordTable(tables.moved_handoff, ReissuedHandoff)
_moved = tables.moved_handoff.c
_MOVED_OF = _MOVED.all.where(
    or_(_moved.handoff == bindparam("handoff"), _moved.became == bindparam("handoff"))
)
_BESIDE = (
    _RETENTIONS.by("handoff"),
    _DUTIES.by("handoff").add_columns(tables.duty.c.urgency),
    _CONSULTATIONS.by("handoff"),
    _COPY,
    _MOVED_OF,
)
_WITHOUT_HANDOFF = (
    select(_event.c.handoff)
    .where(_event.c.handoff.is_not(None))
    .where(not_(exists().where(tables.handoff.c.id == _event.c.handoff)))
    .distinct()
)
_WITHOUT_VERSION = select(_event.c.idx).where(
    _event.c.step_of.is_not(None), not_(exists().where(_version.c.digest == _event.c.step_of))
)
_ASTRAY = select(tables.handoff.c.id).where(
    not_(
        exists().where(
            and_(
                _version.c.originator == tables.handoff.c.originator,
                _version.c.case == tables.handoff.c.case,
            )
        )
    )
)


class _HandoffProof:
    """One handoff, what its holder retains, what its parties owe, and who consulted."""

    def __init__(self, of: CaseProof, row: Handoff) -> None:
        self.of, self.row = of, row
        values = {"handoff": row.id}
        events, retentions, duties, consultations, self.copies, moved = of.work.queries(
            *((one, values) for one in (_EVENTS_OF, *_BESIDE))
        )
        self.events = read_events(events, of.require)
        self.retentions = [*map(_RETENTIONS.read, retentions)]
        self.duties = [_DUTIES.read(row[:-1]) for row in duties]
        self.urgencies = {row.urgency for row in duties}
        self.consulted = [*map(_CONSULTATIONS.read, consultations)]
        self.moved = [*map(_MOVED.read, moved)]
        self.left = of.work.organisations.left(row.originator, row.recipient)
        self.answers = of.work.handoffs.moves(row.id)
        self.moving = [one for one in self.events if one.type in MOVING]
        """The event of each move: `read_moves` requires that they are these."""
        told = [
            ToldEvent(one.index, one.id, one.type, one.digest)
            for one in self.events
            if one.type in MOVING or one.type in (CONSULTED, ERASED, RETURNED)
        ]
        self.early = was_consulted_early(told)
        self.elsewhere = OrganisationName(row.recipient).peer is not None
        self.moves = read_moves(row, self.answers, told, of.places)

    def differences(self) -> Iterator[str]:
        """The names of what the rows say otherwise."""
        row, erased = self.row, not self.row.conditions_digest
        returned = bool(self._of_types(RETURNED))
        course = fold(self.moves, consulted=self.early, erased=erased, returned=returned)
        made = (made_of(row, one.move, "", one.at, one.event) for one in self.answers)
        if any(one.author != due.author for one, due in zip(self.answers, made, strict=True)):
            yield "author"
        yield from self._confirmed()
        recall = None if row.recall is None else self.of.recalls.get(row.recall)
        yield from differences(row, course, recall, self.of.work.organisations.peers())
        if erased is not bool(self._of_types(ERASED)):
            yield "conditions_digest"
        yield from self._package(course)
        yield from self._succeeded()
        yield from (name for name, _ in self.wrong())
        if self._unretained:
            yield "retention"
        yield from self._copied()
        yield from self._owed()

    def _confirmed(self) -> Iterator[str]:
        """Compare what is said to be signed with a passkey with its event; a recall, and what
        another gateway decided, keep that in one which is not of the handoff's moves."""
        for one, event in zip(self.answers, self.moving, strict=True):
            here = not self.elsewhere and one.move is not HandoffAction.RECALL
            if one.confirmed and here and event.complete and "approvals" not in event.details:
                yield "confirmed"

    def wrong(self) -> Iterator[tuple[str, Retention | HandoffDuty | ReissuedHandoff]]:
        """The rows beside it that say otherwise than documents and log, by the names of what."""
        told = {(event, at, taken_on) for event, at, taken_on in self._ended_by_succession()}
        for one in self.moved:
            if one.handoff == self.row.id and (one.event, one.at, one.taken_on) not in told:
                yield "succession", one
        yield from self._wrong_retentions()
        yield from self._wrong_duties()

    def consultations(self) -> Iterator[str]:
        """A sentence for each consultation that is not what the log says."""
        told = {
            one.id: (
                one.details.get("as recipient"),
                one.case_digest,
                one.package_digest,
                "as originator" in one.details,
            )
            for one in self.events
            if one.type == CONSULTED
        }
        rows = {
            one.event: (
                one.organisation,
                one.case_digest,
                package_digest(one.shown),
                one.informed,
            )
            for one in self.consulted
        }
        for one in dict(told.items() ^ rows.items()):
            yield f"the consultation {one} is not what the log says: {SEE_HANDOFF}"

    def _of_types(self, *types: str) -> list[CaseEvent]:
        """The events of these types."""
        return [one for one in self.events if one.type in types]

    def _package(self, course: Course) -> Iterator[str]:
        """Return what the events and the version of the newest package say of it, and of its
        parties."""
        row, offered = self.row, self.moving[0]
        newest = self.moving[course.newest.sequence - 1]
        for role in ("originator", "recipient"):
            if offered.details.get(f"as {role}", getattr(row, role)) != getattr(row, role):
                yield role
        if (newest.case_digest, newest.package_digest) != (row.case_digest, row.package_digest):
            yield "package_digest"
        if self.of.numbers.get(row.case_digest) != row.case_version:
            yield "case_version"
        if row.conditions_digest and (said := self.of.summary(row.case_digest)):
            if said["urgency"] != row.urgency:
                yield "urgency"
            if row.matter != set(said["matter"]) and (row.matter or self._shows_matter()):
                yield "matter"

    def _succeeded(self) -> Iterator[str]:
        """Tell whether a succession ended it, or made it, as the rows say; those of another gateway
        have none here."""
        if self.elsewhere:
            return
        claims, told = self.moves[0].claims, self._ended_by_succession()
        from_it = [one for one in self.moved if one.handoff == self.row.id]
        if told != [(one.event, one.at, one.taken_on) for one in from_it]:
            yield "succession"
        into_it = [one for one in self.moved if one.became == self.row.id]
        before = [{"handoff": str(one.handoff), "event": str(one.succession)} for one in into_it]
        named = claims and claims.get("reissue_of")
        made = [{name: named[name] for name in ("handoff", "event")}] if named else []
        if claims is not None and before != made:
            yield "succession"

    def _ended_by_succession(self) -> list[tuple[UUID, datetime, bool]]:
        """By which event a succession ended it, when, and whether it was held by then."""
        return [
            (one.event, one.at, fold(self.moves[:n], consulted=self.early).is_held)
            for n, one in enumerate(self.answers)
            if one.move in (HandoffAction.REISSUE, HandoffAction.LAPSE)
        ]

    def absent_moves(self) -> Iterator[ReissuedHandoff]:
        """Return what a succession made of it, as far as its event tells and no row has it."""
        rows = {one.event for one in self.moved}
        by = {one.id: one.subject.get("succession") for one in self.moving}
        for event, at, taken_on in self._ended_by_succession():
            if event not in rows and (succession := by.get(event)):
                became = self._became(succession)
                yield ReissuedHandoff(self.row.id, UUID(succession), became, taken_on, event, at)

    def _became(self, succession: str) -> UUID | None:
        """The handoff of the successor whose offer says that it came by this one."""
        before = {"handoff": str(self.row.id), "event": succession}
        for other in self.of.handoffs():
            first = self.of.work.handoffs.moves(other.id)[0]
            claims = read_move(first.sequence, first.document).claims if first.document else None
            named = (claims or {}).get("reissue_of") or {}
            if {name: named.get(name) for name in before} == before:
                return other.id
        return None

    def _shows_matter(self) -> bool:
        version = self.of.work.cases.version(self.row.case_digest)
        placed = sd_jwt.read_stored(version.document).placed if version else ()
        shown = (one.name for one in placed if one.digest in self.row.permitted_disclosures)
        return "matter" in shown

    # --- What is retained ---

    def _wrong_retentions(self) -> Iterator[tuple[str, Retention]]:
        """Return what a retention says otherwise than the act that set it."""
        rows = {one.id: one for one in self.retentions}
        setting = [n for n, one in enumerate(self.answers) if one.event in rows]
        ended = self._retentions_ended
        for n in range(len(self.moves)):
            one = rows.pop(self.answers[n].event, None)
            if one is None:
                continue
            owner = (one.originator, one.case), one.holder
            said = self._said_of_retention(n, one.since)
            if owner != (self.of.key, self.row.recipient) or any(
                getattr(one, name) != value for name, value in said.items()
            ):
                yield "retention", one
            answered = [later.done for later in self.moves[n + 1 :] if later.step is _ANSWER_RECALL]
            over = one.id in ended or n != setting[-1] or RecallAnswer.COPIES_ERASED in answered
            if over is (one.ended_at is None) and None not in answered:
                yield "retention end", one
        yield from (("retention", one) for one in rows.values())

    def _copied(self) -> Iterator[str]:
        """Tell whether its holder has the copy that it heard of when the case was erased, as long
        as nothing ended it."""
        told = told_copy(self.events, self.row.id)
        answers = zip(self.moving, self.moves, strict=True)
        ends = [*self._of_types(ENDED)]
        ends += [one for one, move in answers if move.done is RecallAnswer.COPIES_ERASED]
        erased = max((one.index for one in self._of_types(ERASED)), default=0)
        kept = bool(told) and all(one.index < erased for one in ends)
        stated = any(one.ended_at is None for one in self.retentions)
        until = None if stated or "until" not in told else date.fromisoformat(told["until"])
        holds = [(one.holder, one.grace_until, one.header) for one in self.copies]
        key = [header_of(one.content_key) for one in self.copies]
        whole = holds == [(self.row.recipient, until, one) for one in key] and len(key) == kept
        try:
            if whole and kept:
                self.of.work.retentions.copy(self.row.id)
        except ValueError:
            whole = False
        except CaseErased:
            pass  # its key is destroyed: it came back, and maintenance ends it again
        if not whole:
            yield "copy"

    @cached_property
    def _unretained(self) -> Sequence[int]:
        """The moves that set a retention which no row has. What a remote member retains is at its
        own gateway."""
        if self.elsewhere:
            return ()
        rows = {one.id for one in self.retentions}
        return [
            n
            for n, move in enumerate(self.moves)
            if (move.step is HandoffAction.RETAIN or move.done in RETAINING)
            and self.answers[n].event not in rows
        ]

    @cached_property
    def _retentions_ended(self) -> Mapping[UUID, datetime]:
        """The retentions that an event ended, and when."""
        ending = [(one, one.subject) for one in self.events if one.type == ENDED]
        return {UUID(said["retention"]): one.at for one, said in ending if "retention" in said}

    def absent_retentions(self) -> Iterator[Retention]:
        """The retentions that no row has, as far as their documents were not erased."""
        rows = {one.id for one in self.retentions}
        for n in self._unretained:
            stored = self.answers[n]
            if not (said := self._said_of_retention(n, stored.at)):
                continue
            ends = [
                later.at
                for m, later in enumerate(self.answers[n + 1 :], n + 1)
                if later.event in rows
                or m in self._unretained
                or self.moves[m].done is RecallAnswer.COPIES_ERASED
            ]
            if ended := self._retentions_ended.get(stored.event):
                ends.append(ended)
            yield Retention(
                id=stored.event,
                originator=self.row.originator,
                case=self.row.case,
                handoff=self.row.id,
                holder=self.row.recipient,
                since=stored.at,
                ended_at=min(ends, default=None),
                **{"legal_basis": None, **said},
            )

    def _said_of_retention(self, n: int, since: datetime) -> Mapping[str, Any]:
        """Return what a retention has to say that a move set, as far as that is known."""
        at, stored = self.moving[n].at, self.answers[n]
        if abs(at - since) > MOMENT:
            return {"since": at}
        day = self.of.civil_day(since)
        if self.moves[n].step in ACCEPTING:
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

    # --- What is owed ---

    def _wrong_duties(self) -> Iterator[tuple[str, HandoffDuty]]:
        """Return what is owed that does not follow from an event, or was closed without one."""
        told = {one.id: one for one in (*self.of.made, *self.events)}
        for one in self.duties:
            source = told.get(one.source)
            if source is None:
                yield "duty", one
            elif one.arrived != (source.type if one.kind in _ARRIVED else None):
                yield "arrival", one
            elif one.terms.ended_by or one.kind in _OTHERWISE:
                if one.organisation != one.terms.party(self.row):
                    yield "duty", one
                waits = one.is_awaited(self.row, self.left)
                if one.closed_at is not None and waits and not any(self._ends(one, source.index)):
                    yield "duty end", one
                if one.kind in _OF_RECALL and not self._is_due(one):
                    yield "duty", one

    def is_derived(self, row: RowBeside) -> bool:
        """Tell whether a row that is wrong comes again by itself, or is of no event at all."""
        if not isinstance(row, HandoffDuty):
            return True
        owed = {(kind, event.id) for kind, event, _ in self._should_be_owed()}
        arrived = {one.event for one in self.answers} if row.kind in _ARRIVED else set[UUID]()
        told = {one.id for one in (*self.of.made, *self.events)}
        return (row.kind, row.source) in owed or row.source in arrived or row.source not in told

    def _owed(self) -> Iterator[str]:
        """Return what should be owed, or have arrived, and is not there."""
        begun = {(one.kind, one.source) for one in self.duties}
        had = {kind for kind, _ in begun} - _EACH
        if any(
            kind not in had and (kind, event.id) not in begun
            for kind, event, _ in self._should_be_owed()
        ):
            yield "duty"
        if any(self._not_arrived()):
            yield "arrival"
        shared = (
            one.due_at
            for one in self.duties
            if one.terms.shared and one.closed_at is None and one.organisation == self.row.recipient
        )
        if self.row.due_at != min(shared, default=None):
            yield "due_at"
        if not self.urgencies <= {self.row.urgency}:
            yield "duty urgency"

    def _is_due(self, duty: HandoffDuty) -> bool:
        """Tell whether a duty to answer a recall is due when it must be; other terms are
        settings."""
        recall = self.of.recalls.get(self.row.recall or duty.source)
        if recall is None:
            return False
        if self.elsewhere:
            return True
        if duty.kind is DutyKind.RECALL_ANSWER:
            return duty.due_at == recall.at + ANSWERED_WITHIN
        return duty.due_at in {acknowledgement_due_at(one, recall.at) for one in Urgency}

    def _should_be_owed(self) -> Iterator[tuple[DutyKind, CaseEvent, datetime]]:
        """Return which duties began, by which event and when; of kinds that are not in `_EACH`, one
        that is open takes the place of the next."""
        row, offer, first = self.row, self.moving[0], self.moves[0].claims
        at = [one.at for one in self.answers]
        yield DutyKind.ANSWER, offer, at[0]
        packages = [n for n, one in enumerate(self.moves) if one.step in (None, _UPDATE)]
        if row.urgency is Urgency.IMMINENT_DANGER:
            danger = (n for n in packages if len(packages) == 1 or self._is_danger(n))
            n = next(danger, 0)
            yield DutyKind.CALL, self.moving[n], at[n]
        if is_derogation(row.transfer_tool):
            tools = {n: (self.moves[n].claims or {}).get("transfer_tool") for n in packages}
            for n in [n for n in packages if is_derogation(tools[n])] or packages[-1:]:
                yield DutyKind.DEROGATION_REVIEW, self.moving[n], at[n]
        if self.early:
            opened = next(one for one in self.events if one.type == CONSULTED)
            yield DutyKind.REVIEW, opened, opened.at
        if row.break_glass and first is not None and "reissue_of" not in first:
            yield DutyKind.CLEARANCE, offer, at[0]
        stated = {one.id for one in self.retentions if _is_reviewed(one)}
        held = False
        for event, since, move in zip(self.moving, at, self.moves, strict=True):
            held = held or move.step in ACCEPTING
            change = move.claims and move.claims.get("change")
            if event.id in stated:
                yield DutyKind.RETENTION_REVIEW, event, since
            if move.step is HandoffAction.PROPOSE_CORRECTION:
                yield DutyKind.PROPOSAL_ANSWER, event, since
            if move.step is _UPDATE and change in ANSWERED and held:
                yield DutyKind.ACKNOWLEDGEMENT, event, since
            if move.step is HandoffAction.RECALL and row.recall is not None:
                yield DutyKind.RECALL_ACKNOWLEDGEMENT, event, since
                yield DutyKind.RECALL_ANSWER, event, since

    def _is_danger(self, n: int) -> bool:
        """Tell whether the version of the case that a package showed was of imminent danger."""
        said = self.of.summary(self.moving[n].case_digest or "")
        return said.get("urgency") == Urgency.IMMINENT_DANGER

    def _not_arrived(self) -> Iterator[HandoffDuty]:
        """Return what answers brought to the other party, and no row has."""
        rows = {(one.source, one.organisation) for one in self.duties}
        # What arrives has rows since events name their case.
        begins = min((one.index for one in self.events if "case" in one.details), default=None)
        for event, answer in zip(self.moving, self.answers, strict=True):
            kind = KIND_OF_MOVE.get(answer.move) if answer.move else None
            if not (kind and kind.arrives) or begins is None or event.index < begins:
                continue
            received = kind.author is AnswerAuthor.ORIGINATOR
            side = AnswerAuthor.RECIPIENT if received else AnswerAuthor.ORIGINATOR
            party = side.of(self.row.originator, self.row.recipient)
            if (answer.event, party) in rows:
                continue
            danger = self.row.urgency is Urgency.IMMINENT_DANGER and answer.move in GIVES_UP
            yield begin_arrival(
                self.row.id,
                party,
                ARRIVED[kind.arrives, side],
                event_type=kind.event,
                source=answer.event,
                since=answer.at,
                due_at=answer.at if danger else NEVER,
            )

    def absent_duties(self) -> Iterator[HandoffDuty]:
        """The duties, and what arrived, that no row has: as far as the log tells, closed, reminded
        of and recorded as overdue. Where the term is a setting, it is due NEVER."""
        begun = {(one.kind, one.source) for one in self.duties}
        had = {kind for kind, _ in begun} - _EACH
        made = list[tuple[HandoffDuty, int]]()
        for kind, event, since in self._should_be_owed():
            stands = any(
                one.kind is kind and not any(end.index < event.index for end in self._ends(one, at))
                for one, at in made
            )
            if kind in had or (kind, event.id) in begun or (stands and kind not in _EACH):
                continue
            duty = begin(self.row, kind, event.id, since, self._due(kind, event, since))
            if kind is DutyKind.REVIEW:
                duty = replace(duty, person=event.details.get("by"))
            made.append((duty, event.index))
        index = {one.id: one.index for one in self.events}
        arrived = [(one, index[one.source]) for one in self._not_arrived()]
        for duty, at in (*made, *arrived):
            ends = min((one.at for one in self._ends(duty, at)), default=None)
            told = self._swept(duty)
            if ends is None and not duty.is_awaited(self.row, self.left):
                ends = duty.since
            yield told if ends is None else told.close(ends)

    def _due(self, kind: DutyKind, event: CaseEvent, since: datetime) -> datetime:
        """When a duty is due: by its recall, as it was delayed last, or as its offer said."""
        if kind in _OF_RECALL:
            recall = self.of.recalls.get(self.row.recall or event.id)
            at = recall.at if recall else since
            is_answer = kind is DutyKind.RECALL_ANSWER
            return (
                at + ANSWERED_WITHIN if is_answer else acknowledgement_due_at(self.row.urgency, at)
            )
        delayed = [
            parse_timestamp(sd_jwt.read_stored(stored.document).content["until"])
            for told, stored in zip(self.moving, self.answers, strict=True)
            if stored.move is HandoffAction.DELAY and told.index > event.index and stored.document
        ]
        if delayed and kind in OWED_TO_ORIGINATOR:
            return delayed[-1]
        told = event.details.get("due") if kind is DutyKind.ANSWER else None
        return datetime.fromisoformat(told) if told else NEVER

    def _swept(self, duty: HandoffDuty) -> HandoffDuty:
        """A duty with what maintenance recorded of it, so that it records that no second time."""
        for one in self.events:
            said = one.subject if one.type in (REMINDED, OVERDUE) else {}
            if (said.get("duty"), said.get("source")) != (str(duty.kind), str(duty.source)):
                continue
            if duty.due_at == NEVER:
                duty = duty.hasten(datetime.fromisoformat(said["due_at"]))
            overdue = one.type == OVERDUE
            duty = duty.record_overdue(one.at) if overdue else duty.remind(one.at)
        return duty

    def _ends(self, duty: HandoffDuty, index: int) -> Iterator[CaseEvent]:
        """Return what closed a duty that an event at a place of the log began."""
        terms = duty.terms
        ends = list[CaseEvent]()
        if duty.kind is DutyKind.CLEARANCE:
            ends = self.of.clearances
        elif duty.kind in (DutyKind.RETENTION, DutyKind.RETENTION_REVIEW):
            ends = self._of_types(ENDED, *_RETENTIVE)
        elif duty.kind in _REVIEWED:
            party = f"as {terms.owes}"
            ends = [one for one in self._of_types("handoff.reviewed") if party in one.details]
        elif duty.kind in _ARRIVED:
            ends = [one for one in self.events if _has_seen(one, duty)]
        if not self.row.held or duty.kind in OWED_TO_ORIGINATOR:
            ends = [*ends, *self._of_types(RETURNED)]
        yield from (one for one in ends if one.index > index)
        if duty.ends_with_case:
            yield from (one for one in self._of_types(ERASED) if one.index >= index)
        later = [n for n, one in enumerate(self.moving) if one.index > index]
        yield from (self.moving[n] for n in later if self.moves[n].step in terms.ended_by)
        if HandoffAction.RECALL in terms.ended_by:
            yield from (self.moving[n] for n in later if self._gave_up(n))
        yield from self._approvals(duty)

    def _approvals(self, duty: HandoffDuty) -> Iterator[CaseEvent]:
        """Return what approved the recall that a duty follows from."""
        recall = self.of.recalls.get(duty.source)
        for one in (*self.of.steps, *self.events) if recall else ():
            if one.type == APPROVED and recall and one.subject.get("recall") == recall.digest:
                yield one

    def _gave_up(self, n: int) -> bool:
        """Tell whether the recipient held nothing after a move, and could take nothing."""
        course = fold(self.moves[: n + 1], consulted=self.early)
        early = self.early and course.recall_answer is not RecallAnswer.COPIES_ERASED
        return not (course.is_held or early) and course.state is not HandoffState.OFFERED


def _is_reviewed(retention: Retention) -> bool:
    """Tell whether its holder owes a review of it: who stated it may state another one."""
    return retention.ended_at is None and retention.ground is RetentionGround.STATED


def _has_seen(event: CaseEvent, duty: HandoffDuty) -> bool:
    """Tell whether by an event the organisation at which something arrived has seen it."""
    by = {event.details.get(f"as {role}") for role in ("originator", "recipient")}
    seen = event.type == "handoff.seen" and str(duty.source) in event.subject.get("seen", ())
    return seen and duty.organisation in by


_UPDATE = HandoffAction.UPDATE
REMINDED, OVERDUE = (EVENT_TYPES[n].name for n in ("handoff.remind", "handoff.mark_overdue"))
_ANSWER_RECALL = HandoffAction.ANSWER_RECALL
_RETENTIVE = [TYPES[one] for one in (HandoffAction.RETAIN, _ANSWER_RECALL, *ACCEPTING)]
_REVIEWED = frozenset({DutyKind.REVIEW, DutyKind.DEROGATION_REVIEW})
_OF_RECALL = frozenset({DutyKind.RECALL_ACKNOWLEDGEMENT, DutyKind.RECALL_ANSWER})
_ARRIVED = frozenset(ARRIVED.values())
_EACH = _OF_RECALL | {DutyKind.ANSWER, DutyKind.CLEARANCE, DutyKind.RETENTION_REVIEW}
"""Duties of which each that should be owed has a row of its own."""
_OTHERWISE = _ARRIVED | {
    DutyKind.CLEARANCE, DutyKind.REVIEW, DutyKind.DEROGATION_REVIEW,
    DutyKind.RETENTION_REVIEW, DutyKind.RECALL_APPROVAL,
}  # fmt: skip
"""Duties that no answer of the parties ends."""
