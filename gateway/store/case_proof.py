"""A case, its versions, recalls and measures: whether their rows are what the log's events say.

What rests on a detail whose term is over is not compared. See `handoff_proof.py`.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import replace
from datetime import date, datetime, timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Any
from uuid import UUID

from sqlalchemy import and_, select

from gateway.domain.audit_event import EVENT_TYPES
from gateway.domain.case import Case, CaseState
from gateway.domain.handoff import Handoff, HandoffAction, Recall, RecallCode
from gateway.domain.measure import MEASURES, Measure, MeasureKind
from gateway.domain.organisation import OrganisationName
from gateway.domain.refusals import CaseErased
from gateway.domain.revision import ANSWERED, Announcement, VersionChange, strictest_change
from gateway.domain.vocabulary import Urgency
from gateway.evidence.case_events import (
    ENDING,
    RECALLED,
    SETTING,
    VERSIONS,
    CaseEvent,
    clears,
    fold_case,
    matches_left,
    read_event,
)
from gateway.kernel.values import TreeHead
from gateway.ledger import tree
from gateway.ledger.tiles import InclusionProofs
from gateway.ledger.tree import entry_commitment
from gateway.store import tables
from gateway.store.columns import RecordTable, matching
from gateway.store.content_encryption import header_of

if TYPE_CHECKING:
    from gateway.store.unit_of_work import SqlUnitOfWork
MOMENT = timedelta(minutes=5)
"""A row's time is taken when its request begins, an event's when it is appended."""

CaseKey = tuple[str, UUID]
"""A case, by its originator and its id."""

Require = Callable[[Any], object]
"""Raises where the row of an event, with document and nonce, is not in the log's tree."""


_CASES = RecordTable(tables.case_file, Case)
_HANDOFFS = RecordTable(tables.handoff, Handoff)
_RECALLS = RecordTable(tables.case_recall, Recall)
_MEASURES = RecordTable(tables.case_measure, Measure)
_version, _event, _file = tables.case_version, tables.log_event, tables.case_file
_VERSIONS_OF = (
    select(
        _version.c.digest,
        _version.c.version,
        _version.c.event,
        _version.c.change,
        _version.c.reason_code,
        _version.c.unlawful,
        _file.c.content_key,
        *(tables.header(_version.c[name]).label(name) for name in ("summary", "document")),
    )
    .outerjoin(
        _file, and_(_file.c.originator == _version.c.originator, _file.c.id == _version.c.case)
    )
    .where(matching(_version, "originator", "case"))
)
TOLD = select(_event.c.idx, _event.c.document, _event.c.nonce, _event.c.disclosures)
"""What of an event is read."""
_STEPS_OF = (
    TOLD.join(_version, _event.c.step_of == _version.c.digest)
    .where(matching(_version, "originator", "case"))
    .order_by(_event.c.idx)
)
_ANNOUNCEMENTS = RecordTable(tables.announcement, Announcement)
_OF_CASE = tuple(one.by("originator", "case") for one in (_RECALLS, _MEASURES, _ANNOUNCEMENTS))
_HANDOFFS_OF = _HANDOFFS.by("originator", "case").order_by(tables.handoff.c.id)
_CASE = _CASES.by("originator", "id").add_columns(_file.c.urgency)


def require_logged(row: Any, proofs: InclusionProofs, head: TreeHead) -> tuple[bytes, ...]:
    """Require that the log's head holds an event as it is stored; its proof. Raises ValueError."""
    proof = proofs.of(row.idx)
    leaf = tree.leaf_hash(entry_commitment(row.document, row.nonce))
    tree.verify_inclusion(leaf, row.idx, head.size, proof, head.root)
    return proof


def read_events(rows: Iterable[Any], require: Require) -> list[CaseEvent]:
    """Read the events that were allowed, by rows of `TOLD`."""
    found = []
    for row in rows:
        require(row)
        if row.document:
            event = json.loads(row.document)
            if event["result"] == "allowed":
                found.append(read_event(row.idx, event, row.disclosures))
    return found


class CaseProof:
    """One case, its rows and the events of its course."""

    def __init__(
        self,
        work: "SqlUnitOfWork",
        civil_day: Callable[[datetime], date],
        require: Require,
        key: CaseKey,
    ) -> None:
        self.work, self.civil_day, self.require, self.key = work, civil_day, require, key
        self.presented = OrganisationName(key[0]).peer is not None
        """Of a remote member's case not every version comes, and its home announces the changes."""
        originator, case = key
        of = {"originator": originator, "case": case}
        (cases, self.versions, steps, recalls, measures, told, self._handoffs) = work.queries(
            (_CASE, {"originator": originator, "id": case}),
            *((one, of) for one in (_VERSIONS_OF, _STEPS_OF, *_OF_CASE, _HANDOFFS_OF)),
        )
        self.case = _CASES.read(cases[0][:-1]) if cases else None
        self.urgency = cases[0].urgency if cases else None
        self.steps = read_events(steps, require)
        self.recalls = {one.id: one for one in map(_RECALLS.read, recalls)}
        self.measures = [*map(_MEASURES.read, measures)]
        self.announcements = {one.version: one for one in map(_ANNOUNCEMENTS.read, told)}
        self.numbers = {row.digest: row.version for row in self.versions}
        events = {one.id: one.index for one in self.steps if one.type in VERSIONS}
        self.places = sorted(
            (events[row.event], row.digest) for row in self.versions if row.event in events
        )
        """Where the versions stand in the log, and their digests."""
        self.summaries = dict[str, Mapping[str, Any]]()
        self.made = [one for one in self.steps if one.handoff is None]
        self.clearances = [one for one in self.made if clears(one)]

    def handoffs(self) -> Iterator[Handoff]:
        """Read the rows of its handoffs, one by one."""
        return map(_HANDOFFS.read, self._handoffs)

    def differences(self) -> Iterator[str]:
        """The names of what differs of the case itself."""
        yield from self._versions()
        yield from self._row()
        yield from (name for name, _ in self.wrong())
        if not self._recalled.keys() <= self.recalls.keys():
            yield "recall"
        if not self._set.keys() <= {one.id for one in self.measures}:
            yield "measure"
        if any(self.absent_announcements()):
            yield "announcement"

    def wrong(self) -> Iterator[tuple[str, Recall | Measure | Announcement]]:
        """The rows that say otherwise than the log, by the names of what they say."""
        yield from self._wrong_recalls()
        yield from self._wrong_measures()
        for one in self.announcements.values():
            if self._heard is not None and not self._is_heard(one):
                yield "announcement", one

    def summary(self, digest: str) -> Mapping[str, Any]:
        """Return what a list shows of a version; nothing once it was erased."""
        if digest not in self.summaries:
            try:
                self.summaries[digest] = self.work.cases.summary(digest) or {}
            except CaseErased:
                self.summaries[digest] = {}
        return self.summaries[digest]

    def _versions(self) -> Iterator[str]:
        left = {one.id: one for one in self.steps if one.type in VERSIONS}
        for row in self.versions:
            told = left.pop(row.event, None)
            if told is None or told.case_digest != row.digest:
                yield "versions"
                continue
            kept = row if not told.complete else None
            kind, code = (
                told.details.get(n, getattr(kept, n, None)) for n in ("change", "reason_code")
            )
            said = (kind, code, row.unlawful)
            if kind is None or told.complete:  # else nobody knows any more what it corrected
                pointers = tuple(told.details.get("pointers", ()))
                said = (kind, code, VersionChange(kind, code, "", pointers).unlawful)
            if (row.change, row.reason_code, row.unlawful) != said:
                yield "versions"
        numbers = [self.numbers[digest] for _, digest in self.places]
        every = sorted(numbers) if self.presented else [*range(1, len(numbers) + 1)]
        if left or numbers != every:
            yield "versions"

    @cached_property
    def _heard(self) -> Mapping[int, Announcement] | None:
        """The changes that holders heard of, as versions and clearances say: by version; None where
        nobody knows any more which clearance was the first."""
        if self.presented or not all(one.complete for one in self.made if one.type in VERSIONS):
            return None
        found = dict[int, Announcement]()
        for one in self.clearances:
            number, last = self.numbers.get(one.case_digest or "", 0), max(found, default=0)
            change = strictest_change(
                row.change for row in self.versions if row.change and last < row.version <= number
            )
            if change in ANSWERED:
                found[number] = Announcement(*self.key, number, change, one.at, one.id)
        return found

    def _is_heard(self, row: Announcement) -> bool:
        told = (self._heard or {}).get(row.version)
        same = told is not None and replace(told, at=row.at) == row
        return same and told is not None and abs(told.at - row.at) <= MOMENT

    def absent_announcements(self) -> Iterator[Announcement]:
        """The changes that holders heard of, and no row has."""
        told = self._heard or {}
        yield from (one for number, one in told.items() if number not in self.announcements)

    def _row(self) -> Iterator[str]:
        if self.case is None:
            yield "row"
            return
        if self.case.state is not CaseState.ERASED and any(
            {row.summary, row.document} != {row.content_key and header_of(row.content_key)}
            for row in self.versions
        ):
            yield "content"  # it was emptied, or its key would seem to be used by nothing
        said = self.summary(self.case.digest)
        # What was there before this column has the first place in lists.
        if said and self.urgency not in (Urgency.IMMINENT_DANGER, said["urgency"]):
            yield "urgency"
        told = vars(self.make_again(self.case))
        yield from (name for name, value in vars(self.case).items() if told[name] != value)

    def make_again(self, row: Case) -> Case:
        """Make the row of the case again as the log's events, its versions and handoffs tell it."""
        told = replace(
            row,
            **fold_case(self.made),
            version=max([*self.numbers.values()], default=0),
            measured=bool(self.measures),
        )
        if told.state is not CaseState.ERASED:
            told = replace(told, offered=any(one.stands for one in self.handoffs()))
        said = self.summary(told.digest)
        if said and not told.early:
            told = replace(told, erase_on=date.fromisoformat(said["erase_on"]))
        return replace(told, unconfirmed_matches=self._matches_left(told))

    def _matches_left(self, told: Case) -> frozenset[str]:
        if told.state is not CaseState.DRAFT:
            return frozenset()
        with suppress(CaseErased):
            if version := self.work.cases.version(told.digest):
                return matches_left(told, version.said.content)
        return told.unconfirmed_matches

    def _wrong_recalls(self) -> Iterator[tuple[str, Recall]]:
        made = self._recalled
        for row in self.recalls.values():
            told = made.get(row.id)
            if told is None or abs(told.at - row.at) > MOMENT or told.digest != row.digest:
                yield "recall", row
                continue
            said = {"version": row.version, "code": str(row.code), "case": str(row.case)}
            wrong = told.subject and any(told.subject.get(n) != v for n, v in said.items())
            if wrong or told.handoff != row.handoff:
                yield "recall", row

    @cached_property
    def _recalled(self) -> Mapping[UUID, CaseEvent]:
        """The event of each recall."""
        return {one.id: one for one in self.steps if one.type == RECALLED}

    def restored(self) -> Iterator[Case]:
        """Return the row of the case as it has to be, where it is there and says otherwise."""
        if self.case is not None and any(self._row()):
            yield self.make_again(self.case)

    def absent_recalls(self) -> Iterator[Recall]:
        """The recalls of the log that no row has, as far as their events still tell them."""
        for told in self.steps:
            said = told.subject if told.type == RECALLED and told.id not in self.recalls else {}
            if not said or told.digest is None:
                continue
            of = [one for one in self.handoffs() if told.handoff in (None, one.id)]
            moves = (move for one in of for move in self.work.handoffs.moves(one.id))
            at = next(  # as what follows from it has it
                (
                    move.at
                    for move in moves
                    if move.move is HandoffAction.RECALL and abs(move.at - told.at) <= MOMENT
                ),
                told.at,
            )
            recipient = None if told.handoff is None or not of else of[0].recipient
            code, version = RecallCode(said["code"]), said["version"]
            yield Recall(
                told.id, *self.key, told.handoff, recipient, code, version, told.digest, at
            )

    @cached_property
    def _set(self) -> Mapping[UUID, CaseEvent]:
        """The event of each measure; what others hear of one names it, too."""
        return {
            one.id: one
            for one in self.steps
            if one.type in SETTING and one.subject.get("measure") == str(one.id)
        }

    def _wrong_measures(self) -> Iterator[tuple[str, Measure]]:
        index = {id_: one.index for id_, one in self._set.items()}
        for row in self.measures:
            told = self._set.get(row.id)
            if told is None or told.handoff != row.handoff:
                yield "measure", row
                continue
            yield from ((name, row) for name in _differing_measure(row, told))
            if (row.ended_at is not None) != (row.id in self.ended):
                # A renewal ends the one before without an event of its own.
                renewed = row.ended_at is not None and any(
                    index.get(one.id, -1) > told.index for one in self.measures if _renews(one, row)
                )
                if not renewed:
                    yield "measure end", row

    def denies(self, row: Recall | Measure | Announcement) -> bool:
        """Tell whether the log speaks against a row; of a measure whose event says no more what it
        set, it does not, though nothing confirms it either."""
        if isinstance(row, Announcement):
            return True
        return all(one.subject for one in self.steps if one.id == row.id and one.type in SETTING)

    def absent_measures(self) -> Iterator[Measure]:
        """The measures of the log that no row has, as far as their events still tell them."""
        every = {one.id: one for one in self.measures}
        for told in self._set.values():
            if told.id not in every and (made := self._measure(told)):
                before = [one for one in every.values() if _renews(made, one)]
                terms = MEASURES[made.kind].terms
                since = [one.since for one in before if one.is_renewed(terms, told.at)]
                every[told.id] = replace(made, since=min(since, default=told.at))
        for one in [one for one in every.values() if one not in self.measures]:
            at = self._set[one.id].index
            ends = [self.ended[one.id]] if one.id in self.ended else []
            ends += [
                other.at
                for id_, other in self._set.items()
                if other.index > at and id_ in every and _renews(every[id_], one)
            ]
            yield replace(one, ended_at=min(ends, default=None))

    def _measure(self, told: CaseEvent) -> Measure | None:
        """The measure that an event set; None where a detail was erased."""
        said, held = told.subject, told.handoff is not None
        setter = told.details.get("as recipient" if held else "as originator")
        code, until = told.details.get("reason_code"), said["until"]
        if setter is None or code is None:
            return None
        return Measure(
            told.id,
            *self.key,
            MeasureKind(said["kind"]),
            setter,
            code,
            tuple(said["elements"]),
            told.at,
            until and datetime.fromisoformat(until),
            handoff=told.handoff,
            before=said.get("before"),
        )

    @cached_property
    def ended(self) -> Mapping[UUID, datetime]:
        """The measures that an event ended, and when."""
        ending = [(one, one.subject) for one in self.steps if one.type in ENDING]
        return {UUID(said["measure"]): one.at for one, said in ending if "measure" in said}


def _differing_measure(row: Measure, told: CaseEvent) -> Iterator[str]:
    said = {
        "kind": str(row.kind),
        "until": row.until and row.until.isoformat(),
        "elements": list(row.elements),
        "before": row.before,
    }
    yield from (f"measure {n}" for n, value in said.items() if told.subject.get(n) != value)
    action = EVENT_TYPES[MEASURES[row.kind].action][0]
    if action != told.type or told.details.get("reason_code", row.code) != row.code:
        yield "measure code"
    setter = told.details.get("as originator" if row.handoff is None else "as recipient")
    if setter not in (None, row.setter):
        yield "measure setter"


def _renews(one: Measure, before: Measure) -> bool:
    """Tell whether a measure can have renewed another one of its case, which that ended."""
    passed_on = None not in (one.handoff, before.handoff)  # to a successor of its setter
    of, of_before = ((each.kind, set(each.elements)) for each in (one, before))
    return (passed_on or one.setter == before.setter) and of == of_before
