"""What the last comparison of the rows with the log found whole, so that the next goes on from it.

Each case has a keyed digest of its rows and those of its handoffs: it is compared again where that
changed, or a new event tells of it. The registry is compared again where its rows changed, or a new
event changes them. The log must continue the tree that was proved, and its index be the one of
then. Ciphertexts count by their length alone: they open only as what they were written as, and the
whole is compared again each day.

It is kept in a file, under a key that is in no database: who can write rows alone gains nothing.
"""

import hmac
import json
import secrets
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import date, datetime
from functools import cache
from hashlib import blake2b, sha256
from itertools import pairwise
from pathlib import Path
from typing import Any
from uuid import UUID

from sqlalchemy import (
    Column,
    ColumnElement,
    Integer,
    LargeBinary,
    Select,
    String,
    Table,
    bindparam,
    cast,
    func,
    literal_column,
    select,
    union,
)
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement

from gateway import __version__, files
from gateway.domain.out_of_service import SEE_HANDOFF
from gateway.evidence import base64url
from gateway.ledger.tiles import InclusionProofs
from gateway.store import event_index, tables
from gateway.store.case_proof import CaseKey, require_logged
from gateway.store.handoff_proof import HandoffComparison, compare_handoffs
from gateway.store.registry_proof import (
    CHUNK,
    COMPARED,
    Redo,
    RegistryComparison,
    compare_registry,
    grew_unchanged,
)
from gateway.store.unit_of_work import SqlUnitOfWork

_USE = b"casegate proved rows/"


@dataclass(frozen=True)
class Proved:
    """What was whole when the log had ``size`` entries, ``since`` when all was compared.

    ``edge`` is the tree's right edge then. ``index`` and ``registry`` are digests, under ``salt``,
    of the log's index and of the registry's rows; ``cases`` has one of each case. What was not
    whole has none. ``policies`` are those that hold: by their digest, how many rules and cases.
    """

    since: datetime
    size: int
    edge: str
    salt: str
    index: str
    registry: str | None
    cases: Mapping[str, int]
    policies: Mapping[str, Sequence[int]] = field(default_factory=dict)

    def keep(self, file: Path, key: bytes) -> None:
        """Put it in a file; OSError."""
        values = vars(self) | {"since": self.since.isoformat()}
        text = json.dumps(values, separators=(",", ":")).encode()
        files.replace(file, _mac(key, text) + text)

    @classmethod
    def read(cls, file: Path, key: bytes) -> "Proved | None":
        """That of a file; None where there is none that this program wrote under the key."""
        try:
            data = file.read_bytes()
        except OSError:
            return None
        mac, text = data[: sha256().digest_size], data[sha256().digest_size :]
        if not hmac.compare_digest(mac, _mac(key, text)):
            return None
        found = json.loads(text)
        return cls(**found | {"since": datetime.fromisoformat(found["since"])})


def _mac(key: bytes, text: bytes) -> bytes:
    """Of another version nothing is taken over: what it compared may have been less."""
    return hmac.digest(key, _USE + __version__.encode() + b"\n" + text, "sha256")


class RowsProof:
    """A database's rows, to be compared with its log; what ``proved`` has is passed over.

    ``redo`` makes a change of the registry again, ``civil_day`` is the day of a moment.
    """

    def __init__(
        self,
        work: SqlUnitOfWork,
        redo: Redo,
        civil_day: Callable[[datetime], date],
        proved: Proved | None,
    ) -> None:
        """``work`` may be reading only."""
        self._work, self._redo, self._civil_day = work, redo, civil_day
        self._size = work.log.head().size
        self._salt = base64url.decode(proved.salt) if proved else secrets.token_bytes(16)
        self._before = proved if proved and proved.size <= self._size else None
        self._inclusion = InclusionProofs(work.log.tile, self._size)
        self._registry: str | None = ""  # None once its comparison found that something differs
        self._index, self._cases = "", dict[str, int]()

    def registry(self) -> RegistryComparison:
        """Compare the registry."""
        before, digest = self._before, blake2b(key=self._salt, digest_size=16)
        for table in COMPARED:
            digest.update(table.name.encode())
            for (row,) in self._work.stream(_rows_of(table).order_by(*table.primary_key)):
                digest.update(row.encode())
        now, found = digest.hexdigest(), RegistryComparison(frozenset(), ())
        self._registry = None  # until it was compared
        if not (
            before
            and before.registry == now
            and grew_unchanged(self._work, before.size, base64url.decode(before.edge))
        ):
            found = compare_registry(self._work, self._redo)
        self._registry = None if found.sentences() else now
        return found

    def handoffs(self) -> HandoffComparison:
        """Compare cases, handoffs and what stands beside them. Raises CaseKeysUnavailable."""
        before = self._before
        try:
            was, self._index = self._index_digests()
            before = before if before and was and before.index == was else None
            now = self._case_digests()
        except Exception:  # a value of a form that nothing here ever wrote: each is read by itself
            before = None
            now = {
                case: 0
                for table in (tables.handoff, tables.case_file, tables.case_version)
                for (case,) in self._work.stream(select(_TABLES[table]))
            }
        start = before.size if before else _FIRST
        changed = {key for key, one in now.items() if not before or before.cases.get(key) != one}
        if before:
            changed |= {row.case for row in self._work.rows(_TOLD_SINCE, {"start": start})}
        try:
            problems = [*_misfiled(self._work, start)]
        except Exception:  # likewise
            problems = [f"an id in the log's index is none: {SEE_HANDOFF}"]
        cases = {key: case for key in sorted(changed) if (case := _case(key, problems))}
        # Where nothing was proved, the registry's comparison holds each event against the tree.
        held = not self._before and self._registry is not None
        require = self._require_within if held else self._require_logged
        found = compare_handoffs(self._work, self._civil_day, cases.values(), require)
        bad = {None, *found.cases}
        wrong = {key for key in changed if cases.get(key) in bad}
        self._cases = {key: one for key, one in now.items() if key not in wrong}
        if problems:
            self._index = ""  # nothing counts as proved by it
        return HandoffComparison(found.differing, (*found.problems, *problems))

    def _require_logged(self, row: Any) -> None:
        """Require that the log's tree holds an event that is relied on."""
        require_logged(row, self._inclusion, self._work.log.head())

    def _require_within(self, row: Any) -> None:
        """Require that the log's head counts an event that is relied on."""
        if not 0 <= row.idx < self._size:
            raise ValueError("the event is none of the log's")

    def proved(self, since: datetime) -> Proved:
        """Return what was found whole by now."""
        (row,) = self._work.rows(_EDGE, {})
        return Proved(
            since,
            self._size,
            base64url.encode(row.edge),
            base64url.encode(self._salt),
            self._index,
            self._registry,
            self._cases,
        )

    def _index_digests(self) -> tuple[str, str]:
        """Digests of the log's index: as far as it was proved, and of all that is there."""
        digest, was = blake2b(key=self._salt, digest_size=16), ""
        size = self._before.size if self._before else 0
        starts = sorted({size, *range(CHUNK, self._size, CHUNK)})
        for start, end in pairwise((_FIRST, *starts, _END)):
            if start == size:
                was = digest.hexdigest()
            ((together,),) = self._work.rows(_INDEX, {"start": start, "last": end - 1})
            digest.update((together or "").encode())
        return was, digest.hexdigest()

    def _case_digests(self) -> dict[str, int]:
        """By case the digests of its rows and those of its handoffs, taken together."""
        found, of_handoff = defaultdict[str, int](int), dict[Any, str]()
        for table, key in _TABLES.items():
            person = table.name.encode()[: blake2b.PERSON_SIZE]
            copy = blake2b(key=self._salt, digest_size=8, person=person).copy
            beside = [table.c.id] if table is tables.handoff else []
            of_case = key is not table.c.get("handoff")
            for row in self._work.stream(_rows_of(table, key, *beside)):
                case = row[0] if of_case else of_handoff.get(row[0], "")
                if beside:
                    of_handoff[row[1]] = case
                one = copy()
                one.update(row[-1].encode())
                found[case] += int.from_bytes(one.digest())  # two alike do not cancel out
        found.pop("", None)  # what is of no handoff decides nothing
        return found


class _Together(FunctionElement[str]):
    """Values as one JSON array, which the database writes: sooner than Python reads each."""

    inherit_cache = True


@compiles(_Together, "sqlite")
def _together_on_sqlite(element: _Together, compiler: Any, **options: Any) -> str:
    written = (
        f"quote({text})" if clause.type.compile(compiler.dialect) == "BLOB" else text
        for clause in element.clauses
        for text in [compiler.process(clause, **options)]
    )
    return f"json_array({', '.join(written)})"


@compiles(_Together, "postgresql")
def _together_on_postgresql(element: _Together, compiler: Any, **options: Any) -> str:
    return f"json_build_array({compiler.process(element.clauses, **options)})::text"


def _named(originator: Column[str], case: Column[Any]) -> ColumnElement[str]:
    """A case as one text."""
    return originator + literal_column("'/'") + cast(case, String)


_TABLES: Mapping[Table, ColumnElement[Any]] = {
    tables.handoff: _named(tables.handoff.c.originator, tables.handoff.c.case),
    tables.case_file: _named(tables.case_file.c.originator, tables.case_file.c.id),
    **{
        one: _named(one.c.originator, one.c.case)
        for one in (
            tables.case_version,
            tables.case_measure,
            tables.case_recall,
            tables.announcement,
        )
    },
    **{
        one: one.c.handoff
        for one in (
            tables.answer,
            tables.duty,
            tables.consultation,
            tables.retention,
            tables.retained_copy,
            tables.moved_handoff,
        )
    },
}
"""The rows of cases and handoffs, and by what each belongs to one: handoffs before what is of
them."""

_EDGE = select(tables.log_head.c.edge)
_event = tables.log_event.c
_NAMING = (_event.idx, _event.event, _event.handoff, _event.case_digest, _event.step_of)
_FIRST, _END = -(2**63), 2**63
"""What a column of whole numbers can hold, from and to: rows outside of the log count, too."""
_INDEX = select(  # in whatever order a database joins them: in another, all is compared again
    func.aggregate_strings(
        select(_Together(*_NAMING).label("row"))
        .where(_event.idx.between(bindparam("start"), bindparam("last")))
        .order_by(_event.idx)
        .subquery()
        .c.row,
        literal_column("''"),  # type: ignore[arg-type] # as text: a parameter would depend on its value
    )
)
_FILED = (
    select(*_NAMING, _event.document)
    .where(_event.idx >= bindparam("start"))
    .order_by(_event.idx)
    .limit(CHUNK)
)
_TOLD_SINCE = union(
    select(_TABLES[tables.case_version].label("case"))
    .join(tables.log_event, _event.step_of == tables.case_version.c.digest)
    .where(_event.idx >= bindparam("start")),
    select(_TABLES[tables.handoff])
    .join(tables.log_event, _event.handoff == tables.handoff.c.id)
    .where(_event.idx >= bindparam("start")),
)


@cache
def _rows_of(table: Table, *first: ColumnElement[Any]) -> Select[Any]:
    """All rows of a table: of bytes their number alone. Each statement is made once."""
    columns = (
        func.length(c, type_=Integer) if isinstance(c.type, LargeBinary) else c for c in table.c
    )
    return select(*first, _Together(*columns))


def _case(key: str, problems: list[str]) -> CaseKey | None:
    """The case of such a text; one that is none is a problem."""
    originator, _, case = key.rpartition("/")
    try:
        return originator, UUID(case)
    except ValueError:
        problems.append(f"a case of {originator} has no id: {SEE_HANDOFF}")
        return None


def _misfiled(work: SqlUnitOfWork, start: int) -> Iterator[str]:
    """A sentence for each event from a place on that the log's index finds by other than what its
    document says."""
    while start < _END and (rows := work.rows(_FILED, {"start": start})):
        start = rows[-1].idx + 1
        for row in rows:
            with suppress(ValueError, LookupError, TypeError, AttributeError):
                if row.document is None or _is_filed(row):
                    continue
            yield f"the entry {row.idx} of the log is not found by what it says: {SEE_HANDOFF}"


def _is_filed(row: Any) -> bool:
    told = json.loads(row.document)
    digest = told.get("case_digest")
    step = event_index.step_of(told["type"], told["result"], digest)
    said = (told["id"], told.get("handoff"), digest, step)
    handoff = row.handoff and str(row.handoff)
    return (str(row.event), handoff, row.case_digest, row.step_of) == said
