"""Whether cases, handoffs and what stands beside them are what the log's events and the signed
documents say.

`compare_handoffs` takes cases one by one: the rows of each, and of its handoffs, are held against
the events that the log's index finds of them, and these against the rows: what the log tells and no
row has is a difference as well. What rests on a detail whose term is over, or on a document that
was erased, is not compared.

`compare_case` says the same of one, with the rows that are missing, as they have to be: a repair
writes them (`gateway/exchange/handoffs/repair.py`).
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID

from sqlalchemy import Executable, Table, and_, delete, exists, not_, select

from gateway.domain.course import Course, differences, fold
from gateway.domain.duty import HandoffDuty
from gateway.domain.handoff import Handoff, HandoffAction, Recall
from gateway.domain.measure import Measure
from gateway.domain.moves import made_of
from gateway.domain.out_of_service import (
    SEE_HANDOFF,
    Entry,
    EntryKind,
    case_entry,
    handoff_entry,
)
from gateway.domain.refusals import CaseKeysUnavailable
from gateway.domain.retention import Retention
from gateway.domain.revision import Announcement
from gateway.domain.succession import ReissuedHandoff
from gateway.evidence import sd_jwt
from gateway.evidence.case_events import ERASED
from gateway.evidence.handoff_documents import package_digest
from gateway.evidence.handoff_moves import CONSULTED, MOVING, RETURNED, read_move
from gateway.kernel.values import DifferingRows, RowBeside
from gateway.ledger.tiles import InclusionProofs
from gateway.store import tables
from gateway.store.case_proof import (
    CaseKey,
    CaseProof,
    Require,
    read_events,
    require_logged,
)
from gateway.store.columns import matching
from gateway.store.duty_proof import DutyProof
from gateway.store.handoff_rows import EVENTS_OF, HandoffRows
from gateway.store.keyring import MISSING
from gateway.store.retention_proof import RetentionProof

if TYPE_CHECKING:
    from gateway.store.unit_of_work import SqlUnitOfWork


_UNREADABLE = "rows or events that cannot be read"


@dataclass(frozen=True)
class HandoffComparison:
    """The cases and handoffs that are not what the log and their documents say, and what of them;
    what else is wrong, in sentences; and the cases of either."""

    differing: Mapping[Entry, tuple[str, ...]]
    problems: tuple[str, ...]
    cases: frozenset[CaseKey] = frozenset()

    @property
    def entries(self) -> frozenset[Entry]:
        """Return what is to be out of service: with a case all of its handoffs are."""
        return frozenset(self.differing)

    def sentences(self) -> tuple[str, ...]:
        """All of it, for the operator."""
        return (
            *(
                f"{_named(*one)} ({', '.join(names)}): {SEE_HANDOFF}"
                for one, names in sorted(self.differing.items())
            ),
            *self.problems,
        )


def _named(kind: str, name: str) -> str:
    if kind == EntryKind.HANDOFF:
        return f"the handoff {name} is not what its documents and the log say"
    originator, _, case = name.rpartition("/")
    return f"the case {case} of {originator} is not what the log says"


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
    differing, problems, wrong = dict[Entry, tuple[str, ...]](), list[str](), set[CaseKey]()
    for key in cases:
        before = len(differing), len(problems)
        try:
            case = CaseProof(work, civil_day, require, key)
            _tell(case, differing, problems)
        except Exception as why:  # whatever is wrong with one, the others are compared
            if isinstance(why, CaseKeysUnavailable) and why.detail != MISSING:
                raise  # of none, and not of this one
            differing[case_entry(*key)] = (_UNREADABLE,)
        if before != (len(differing), len(problems)):
            wrong.add(key)
    for row in work.rows(_ASTRAY, {}):
        differing[handoff_entry(row.id)] = ("originator or case",)
    problems += [f"{told}: {SEE_HANDOFF}" for told in _missing(work)]
    return HandoffComparison(differing, tuple(problems), frozenset(wrong))


def _tell(case: CaseProof, differing: dict[Entry, tuple[str, ...]], problems: list[str]) -> None:
    """Add what differs of the case, and of each of its handoffs."""
    if of_case := {*case.differences()}:
        differing[case_entry(*case.key)] = tuple(sorted(of_case))
    for row in case.handoffs():
        try:
            one = _HandoffProof(case, row)
            names = {*one.differences()}
            problems += one.consultations()
        except CaseKeysUnavailable:
            raise  # of the whole case
        except Exception:  # whatever is wrong with one, the others are compared
            names = {"documents"}
        if names:
            differing[handoff_entry(row.id)] = tuple(sorted(names))


def compare_case(
    work: "SqlUnitOfWork",
    civil_day: Callable[[datetime], date],
    key: CaseKey,
    handoff: Handoff | None = None,
) -> DifferingRows:
    """Hold one case, and one of its handoffs where it is given, against what the log says: only
    events in its tree count. Raises CaseKeysUnavailable."""
    head = work.log.head()
    inclusion = InclusionProofs(work.log.tile, head.size)
    try:
        case = CaseProof(work, civil_day, lambda row: require_logged(row, inclusion, head), key)
        names = {*case.differences()}
        absent: list[RowBeside] = [*case.absent_recalls(), *case.absent_measures()]
        absent += [*case.absent_announcements(), *case.restored()]
        wrong: list[RowBeside] = [row for _, row in case.wrong() if case.denies(row)]
    except (ValueError, LookupError, TypeError):  # what is stored has any form
        return DifferingRows({_UNREADABLE}, (), ())
    if handoff is None:
        return DifferingRows(names, absent, wrong)
    try:
        one = _HandoffProof(case, handoff)
        names.update(one.differences())
        wrong += [row for _, row in one.wrong() if one.owed.is_derived(row)]
        absent += [*one.absent_moves(), *one.retained.absent(), *one.owed.absent()]
    except (ValueError, LookupError, TypeError):  # likewise
        names.add("documents")
    return DifferingRows(names, absent, [*dict.fromkeys(wrong)])


def removal(row: RowBeside) -> tuple[Executable, Mapping[str, Any]]:
    """The statement that removes a row beside a handoff, and its values."""
    kind = type(row)
    return _REMOVE[kind], {f"of_{name}": getattr(row, name) for name in _KEYS[kind]}


def _missing(work: "SqlUnitOfWork") -> Iterator[str]:
    """Return what the log tells, and no row has."""
    for row in work.rows(_WITHOUT_HANDOFF, {}):
        told = read_events(work.rows(EVENTS_OF, {"handoff": row.handoff}), lambda _: None)
        if any(one.type in MOVING for one in told):
            yield f"the handoff {row.handoff} of the log has no row"
    for row in work.rows(_WITHOUT_VERSION, {}):
        yield f"the version of a case that entry {row.idx} tells of has no row"


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

    def __init__(self, case: CaseProof, handoff: Handoff) -> None:
        self.rows, self.case, self.handoff = HandoffRows(case, handoff), case, handoff
        self.retained, self.owed = RetentionProof(self.rows), DutyProof(self.rows)

    def differences(self) -> Iterator[str]:
        """The names of what the rows say otherwise."""
        row, erased = self.handoff, not self.handoff.conditions_digest
        returned = bool(self.rows.of_types(RETURNED))
        course = fold(self.rows.moves, consulted=self.rows.early, erased=erased, returned=returned)
        made = (made_of(row, one.move, "", one.at, one.event) for one in self.rows.answers)
        if any(one.author != due.author for one, due in zip(self.rows.answers, made, strict=True)):
            yield "author"
        yield from self._confirmed()
        recall = None if row.recall is None else self.case.recalls.get(row.recall)
        yield from differences(row, course, recall, self.case.work.organisations.peers())
        if erased is not bool(self.rows.of_types(ERASED)):
            yield "conditions_digest"
        yield from self._package(course)
        yield from self._succeeded()
        yield from (name for name, _ in self.wrong())
        if self.retained.unretained:
            yield "retention"
        yield from self.retained.copied()
        yield from self.owed.differing()

    def _confirmed(self) -> Iterator[str]:
        """Compare what is said to be signed with a passkey with its event; a recall, and what
        another gateway decided, keep that in one which is not of the handoff's moves."""
        for one, event in zip(self.rows.answers, self.rows.moving, strict=True):
            here = not self.rows.elsewhere and one.move is not HandoffAction.RECALL
            if one.confirmed and here and event.complete and "approvals" not in event.details:
                yield "confirmed"

    def wrong(self) -> Iterator[tuple[str, Retention | HandoffDuty | ReissuedHandoff]]:
        """The rows beside it that say otherwise than documents and log, by the names of what."""
        told = {(event, at, taken_on) for event, at, taken_on in self._ended_by_succession()}
        for one in self.rows.moved:
            if one.handoff == self.handoff.id and (one.event, one.at, one.taken_on) not in told:
                yield "succession", one
        yield from self.retained.wrong()
        yield from self.owed.wrong()

    def consultations(self) -> Iterator[str]:
        """A sentence for each consultation that is not what the log says."""
        told = {
            one.id: (
                one.details.get("as recipient"),
                one.case_digest,
                one.package_digest,
                "as originator" in one.details,
            )
            for one in self.rows.events
            if one.type == CONSULTED
        }
        rows = {
            one.event: (one.organisation, one.case_digest, package_digest(one.shown), one.informed)
            for one in self.rows.consulted
        }
        for one in dict(told.items() ^ rows.items()):
            yield f"the consultation {one} is not what the log says: {SEE_HANDOFF}"

    def _package(self, course: Course) -> Iterator[str]:
        """Return what the events and the version of the newest package say of it, and of its
        parties."""
        row, offered = self.handoff, self.rows.moving[0]
        newest = self.rows.moving[course.newest.sequence - 1]
        for role in ("originator", "recipient"):
            if offered.details.get(f"as {role}", getattr(row, role)) != getattr(row, role):
                yield role
        if (newest.case_digest, newest.package_digest) != (row.case_digest, row.package_digest):
            yield "package_digest"
        if self.case.numbers.get(row.case_digest) != row.case_version:
            yield "case_version"
        if row.conditions_digest and (said := self.case.summary(row.case_digest)):
            if said["urgency"] != row.urgency:
                yield "urgency"
            if row.matter != set(said["matter"]) and (row.matter or self._shows_matter()):
                yield "matter"

    def _succeeded(self) -> Iterator[str]:
        """Tell whether a succession ended it, or made it, as the rows say; those of another gateway
        have none here."""
        if self.rows.elsewhere:
            return
        claims, told = self.rows.moves[0].claims, self._ended_by_succession()
        from_it = [one for one in self.rows.moved if one.handoff == self.handoff.id]
        if told != [(one.event, one.at, one.taken_on) for one in from_it]:
            yield "succession"
        into_it = [one for one in self.rows.moved if one.became == self.handoff.id]
        before = [{"handoff": str(one.handoff), "event": str(one.succession)} for one in into_it]
        named = claims and claims.get("reissue_of")
        made = [{name: named[name] for name in ("handoff", "event")}] if named else []
        if claims is not None and before != made:
            yield "succession"

    def _ended_by_succession(self) -> list[tuple[UUID, datetime, bool]]:
        """By which event a succession ended it, when, and whether it was held by then."""
        return [
            (one.event, one.at, fold(self.rows.moves[:n], consulted=self.rows.early).is_held)
            for n, one in enumerate(self.rows.answers)
            if one.move in (HandoffAction.REISSUE, HandoffAction.LAPSE)
        ]

    def absent_moves(self) -> Iterator[ReissuedHandoff]:
        """Return what a succession made of it, as far as its event tells and no row has it."""
        rows = {one.event for one in self.rows.moved}
        by = {one.id: one.subject.get("succession") for one in self.rows.moving}
        for event, at, taken_on in self._ended_by_succession():
            if event not in rows and (succession := by.get(event)):
                became = self._became(succession)
                yield ReissuedHandoff(
                    self.handoff.id, UUID(succession), became, taken_on, event, at
                )

    def _became(self, succession: str) -> UUID | None:
        """The handoff of the successor whose offer says that it came by this one."""
        before = {"handoff": str(self.handoff.id), "event": succession}
        for other in self.case.handoffs():
            first = self.case.work.handoffs.moves(other.id)[0]
            claims = read_move(first.sequence, first.document).claims if first.document else None
            named = (claims or {}).get("reissue_of") or {}
            if {name: named.get(name) for name in before} == before:
                return other.id
        return None

    def _shows_matter(self) -> bool:
        version = self.case.work.cases.version(self.handoff.case_digest)
        placed = sd_jwt.read_stored(version.document).placed if version else ()
        shown = (one.name for one in placed if one.digest in self.handoff.permitted_disclosures)
        return "matter" in shown
