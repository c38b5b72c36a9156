"""Whether the registry's rows are what the log's events say: each change made again, and compared.

The changes are made in an empty registry in memory. Where a row differs, what it belongs to is out
of service: an organisation takes no part, an administrator approves nothing, until the row is again
what its event says.
"""

import json
import sqlite3
from collections.abc import Callable, Collection, Hashable, Iterable, Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, replace
from functools import cache
from types import SimpleNamespace
from typing import Any, cast
from uuid import UUID

from sqlalchemy import Executable, Select, StaticPool, Table, bindparam, create_engine, select

from gateway.domain.audit_event import Operation
from gateway.domain.out_of_service import OF_CASES, Entry, EntryKind
from gateway.domain.staff import CommittedStaff, StaffEntry, StaffInvitation, StaffPasskey
from gateway.evidence import base64url, event
from gateway.evidence.event import EventDisclosure, EventDocument
from gateway.kernel.changes import change_of, described
from gateway.kernel.ports import TransactionMode, UnitOfWork
from gateway.kernel.values import LoggedEvent, Proposal, TreeHead
from gateway.ledger import tiles, tree
from gateway.ledger.tiles import InclusionProofs
from gateway.ledger.tree import entry_commitment
from gateway.store import registry, tables
from gateway.store.case_proof import require_logged
from gateway.store.columns import RecordTable, matching
from gateway.store.content_encryption import ContentCipher, NoContentKeys, header_of
from gateway.store.idempotency import SqlRetries
from gateway.store.log import ENVELOPE
from gateway.store.log_terms import SqlLogTerms
from gateway.store.procedures import SqlInvitations, SqlProposals, SqlSigning, SqlSuccessions
from gateway.store.transaction import SqliteConnection, Transaction
from gateway.store.unit_of_work import SqlUnitOfWork

CHUNK = 4096
"""Events that are looked through together."""

_EVENTS = (
    select(*(column for column in tables.log_event.c if column.name != "entry"))
    .where(tables.log_event.c.idx >= bindparam("start"), tables.log_event.c.idx < bindparam("end"))
    .order_by(tables.log_event.c.idx)
)
_PASSKEYS = RecordTable(tables.passkey, StaffPasskey)
_INVITED = RecordTable(tables.staff_invitation, StaffInvitation)
_STAFF, _PROPOSALS = RecordTable(tables.staff, StaffEntry), RecordTable(tables.proposal, Proposal)
_CHANGING = tuple(
    f'"operation":"{one}"'.encode() for one in (Operation.REGISTRY_CHANGE, Operation.KEY_EVENT)
)
_OF_CONTACTS = frozenset({"contact.set", "organisation.applied"})
_PARTIES = ("predecessor", "successor")
_TABLES: Mapping[Table, frozenset[str]] = {
    tables.system: frozenset(),
    tables.client_key: frozenset(),
    tables.certificate: frozenset({"reminded"}),
    tables.invitation: frozenset(),
    tables.person: frozenset(),
    tables.log_hold: frozenset(),
    # What the two organisations approved is theirs: signed, or in their streams.
    tables.succession: frozenset({"version"}).union(
        f"{one}_{what}" for one in _PARTIES for what in ("by", "event", "signed")
    ),
}
"""Tables that are compared row by row, and the columns that decide nothing or do not come again."""


COMPARED = (tables.organisation, tables.competence, *_TABLES, tables.staff, tables.passkey,
            tables.staff_invitation, tables.proposal, tables.contact)  # fmt: skip
"""All tables that are compared."""


@dataclass(frozen=True)
class RegistryComparison:
    """Entries whose rows are not what their events say, and what else is wrong, in sentences."""

    differing: frozenset[Entry]
    problems: tuple[str, ...]

    def sentences(self) -> tuple[str, ...]:
        """All of it, for the operator."""
        return (
            *(
                f"the registry's entry of the {kind} {_public(kind, name)} is not what its events "
                "say: it is out of service (docs/operators.md, 'The registry differs from the log')"
                for kind, name in sorted(self.differing)
            ),
            *self.problems,
        )


def _public(kind: str, name: str) -> str:
    """The name as it may stand in a log: who works for an organisation is for that alone."""
    return f"of {name.partition('/')[0]}" if kind == EntryKind.STAFF else name


Redo = Callable[[LoggedEvent, UnitOfWork], None]
"""Makes the change of an event again."""


def compare_registry(work: SqlUnitOfWork, redo: Redo) -> RegistryComparison:
    """Make all changes that the log holds again by ``redo``, and compare the rows."""
    problems: list[str] = []
    told_of_contacts: set[UUID] = set()
    with _empty_registry() as (run, anew):
        committed = cast(CommittedStaff, anew.staff)
        for index, logged in _changes(work, problems):
            try:
                redo(logged, anew)
                if event.read(logged.event.document)["type"] in _OF_CONTACTS:
                    told_of_contacts.add(logged.event.id)
            except Exception as error:  # whatever is wrong with one event, the others are compared
                problems.append(
                    f"the change of entry {index} cannot be made again: {type(error).__name__}"
                )
        remade = _Rows(run.rows, [])
        made, proposed = _entries(remade), _proposals(remade)
    unreadable = list[str]()
    rows = _Rows(work.rows, unreadable)
    stored = _entries(rows)
    differing = {entry for entry, _ in made ^ stored}
    differing |= _unknown_staff(rows, committed)
    # Those that are over were forgotten: what is not there lets nobody do anything.
    differing |= {entry for entry, _ in _proposals(rows) - proposed}
    # A change is lacking, or a row: what is out of service may seem whole without it.
    if problems or unreadable:
        out = work.organisations.out_of_service()
        differing |= {one for one in out if one[0] not in OF_CASES}
    problems += (*_unknown_contacts(rows, told_of_contacts), *unreadable)
    return RegistryComparison(frozenset(differing), tuple(problems))


@dataclass(frozen=True)
class _Rows:
    """The rows of tables, and a sentence for each that cannot be read, which hides no other."""

    find: Callable[[Executable, Mapping[str, Any]], Iterable[Any]]
    unreadable: list[str]

    def of(
        self,
        table: Table,
        read: Callable[[Iterable[Any]], Iterable[Any]] = iter,
        statement: Select[Any] | None = None,
    ) -> list[Any]:
        """Return what ``read`` makes of a table's rows, by default as they are."""
        asked = _all_of(table) if statement is None else statement
        with suppress(Exception):  # what is stored has any form: then each is read by itself
            return [*read(self.find(asked, {}))]
        found = list[Any]()
        for key in self.find(select(*table.primary_key), {}):
            names = [column.name for column in table.primary_key]
            values = dict(zip(names, key, strict=True))
            try:
                found += read(self.find(asked.where(matching(table, *names)), values))
            except Exception:
                self.unreadable.append(
                    f"a row of {table.name}, of {key[0]}, cannot be read: restore it from the "
                    "newest backup taken before (docs/operators.md, 'The registry differs from the "
                    "log')"
                )
        return found

    def records(self, table: RecordTable[Any]) -> list[Any]:
        """Return the records of a table."""
        return self.of(table.table, lambda rows: map(table.read, rows), table.all)


class _AsTold:
    """What else a change looked at: its event says that it was made, so it was found good."""

    def passed(self, _organisation: str) -> bool:
        return True

    def get(self, *_name: object) -> object:
        return self


@contextmanager
def _empty_registry() -> Iterator[tuple[Transaction, UnitOfWork]]:
    with closing(sqlite3.connect(":memory:", factory=SqliteConnection)) as connection:
        connection.deserialize(_no_rows())
        run = Transaction(connection, TransactionMode.REGISTRY)
        cipher = ContentCipher(NoContentKeys())
        parts = SimpleNamespace(
            organisations=registry.SqlOrganisations(run, cipher, {}),
            invitations=SqlInvitations(run, cipher),
            signing=SqlSigning(run, cipher),
            successions=SqlSuccessions(run, cipher),
            proposals=SqlProposals(run, cipher),
            staff=CommittedStaff(),
            log_terms=SqlLogTerms(run, cipher),
            retries=SqlRetries(run, cipher),
            conformance=_AsTold(),
            cases=_AsTold(),
        )
        yield run, cast(UnitOfWork, parts)


@cache
def _no_rows() -> bytes:
    """A database of nothing but tables: to write their statements costs more than a comparison."""
    engine = create_engine("sqlite://", poolclass=StaticPool)
    with engine.begin() as connection:
        tables.metadata.create_all(connection)
    with closing(cast(sqlite3.Connection, engine.raw_connection().driver_connection)) as made:
        return made.serialize()


def grew_unchanged(work: SqlUnitOfWork, size: int, edge: bytes) -> bool:
    """Tell whether the log is the one of ``size`` entries that had this right edge, and what
    followed, of which no event changes the registry."""
    head = work.log.head()
    for start in range(size, head.size, CHUNK):
        rows = work.rows(_EVENTS, {"start": start, "end": min(start + CHUNK, head.size)})
        if any(kind in (row.document or kind) for row in rows for kind in _CHANGING):
            return False
        grown = tree.grow(edge, start, [_leaf(row) for row in rows])
        edge, size = grown.edge, grown.size
    return size == head.size and tree.grow(edge, size, ()).root == head.root


def _changes(work: SqlUnitOfWork, problems: list[str]) -> Iterator[tuple[int, LoggedEvent]]:
    """The events that may have changed the registry, each held against the log's head.

    Those that tell of other things count, too: one that lost what it told would not be missed.
    """
    head = work.log.head()
    proofs = InclusionProofs(work.log.tile, head.size)
    edge, size = b"", 0
    for start in range(0, head.size, CHUNK):
        leaves = []
        for row in work.rows(_EVENTS, {"start": start, "end": min(start + CHUNK, head.size)}):
            leaves.append(_leaf(row))
            if not isinstance(row.document, bytes):
                problems.append(f"the document of entry {row.idx} is missing: no event erased it")
                continue
            if any(kind in row.document for kind in _CHANGING):
                logged = _whole(row, proofs, head)
                if logged is None:
                    problems.append(f"the document of entry {row.idx} is not the one in the log")
                else:
                    yield row.idx, logged
        grown = tree.grow(edge, size, leaves)
        edge, size = grown.edge, grown.size
    if tree.grow(edge, size, ()).root != head.root:
        problems.append(
            "the documents are not those of the log's head, so the registry may lack a change: run"
            " `casegate doctor --log`"
        )
        problems.extend(_spoilt(work, head))


def _spoilt(work: SqlUnitOfWork, head: TreeHead) -> Iterator[str]:
    """A sentence for each event that the log's tiles have otherwise, with the organisations that
    its index says it was about: one of their rows may have been changed with it."""
    for start in range(0, head.size, tiles.TILE_WIDTH):
        of_tile = work.log.tile(0, start // tiles.TILE_WIDTH)
        values = {"start": start, "end": min(start + tiles.TILE_WIDTH, head.size)}
        for row in work.rows(_EVENTS, values):
            at = (row.idx - start) * tree.HASH_BYTES
            if _leaf(row) != of_tile[at : at + tree.HASH_BYTES]:
                words = str(row.words).split("|")
                parties = (one for one in words if one.startswith("party:"))
                named = ", ".join(one.removeprefix("party:") for one in parties)
                yield (
                    f"the event of entry {row.idx} was changed, which was about {named or '-'}: "
                    "look at what the registry says of these"
                )


def _leaf(row: Any) -> bytes:
    """Return what an event is in the tree; of a row that holds no event, something that is
    nowhere."""
    try:
        return tree.leaf_hash(entry_commitment(row.document, row.nonce))
    except (ValueError, TypeError):  # what is stored has any form
        return bytes(tree.HASH_BYTES)


def _whole(row: Any, proofs: InclusionProofs, head: TreeHead) -> LoggedEvent | None:
    """An event as it is stored, if the log's head holds it so, with its details.

    Without those that are stored by a key of their own: no change is made again by them.
    """
    try:
        details = tuple(
            EventDisclosure(text, frozenset(readers))
            for text, readers in json.loads(row.disclosures)
            if text is not None and not text.startswith(ENVELOPE)
        )
        proof = require_logged(row, proofs, head)
        committed = set(event.read(row.document)["sd"])
    except (ValueError, LookupError, TypeError):  # what is stored has any form
        return None
    if not {base64url.digest(one.encoded.encode()) for one in details} <= committed:
        return None
    return LoggedEvent(
        EventDocument(row.event, row.document, row.nonce, details), row.idx, proof, head
    )


def _entries(rows: _Rows) -> set[tuple[Entry, Hashable]]:
    """All that decides something, each with what it belongs to."""
    named = tables.organisation, registry.organisations_as_stored, registry.ALL_ORGANISATIONS
    found: set[tuple[Entry, Hashable]] = {
        ((EntryKind.ORGANISATION, one.slug), replace(one, version=0)) for one in rows.of(*named)
    }
    for table, ignored in _TABLES.items():
        names = [column.name for column in table.c if column.name not in ignored]
        for row in rows.of(table):
            values = tuple((name, getattr(row, name)) for name in names)
            found.add((_owner(table, row), (table.name, values)))
    return found


@cache
def _all_of(table: Table) -> Select[Any]:
    """Every row of a table. Each statement is made once."""
    return select(table)


def _unknown_staff(rows: _Rows, committed: CommittedStaff) -> set[Entry]:
    """The entries of staff registers that are not what their events committed to, nor their
    passkeys and invitations."""
    entries = rows.records(_STAFF)
    named = {(one.organisation, one.pseudonym): one for one in entries}
    beside: list[StaffPasskey | StaffInvitation] = [
        *rows.records(_PASSKEYS),
        *rows.records(_INVITED),
    ]
    differing = {(one.organisation, one.pseudonym) for one in entries if not committed.has(one)}
    for one in beside:
        whose = (one.organisation, one.pseudonym)
        if whose not in named or not committed.knows(named[whose], one):
            differing.add(whose)
    return {(EntryKind.STAFF, "/".join(whose)) for whose in differing}


def _proposals(rows: _Rows) -> set[tuple[Entry, Hashable]]:
    """Proposals as their events tell them: without what those tell apart, and without the event
    that made the change, which uses up the approval."""
    found: set[tuple[Entry, Hashable]] = set()
    for one in rows.records(_PROPOSALS):
        told = replace(one, values=described(change_of(one)), applied_event=None)
        found.add(((EntryKind.PROPOSAL, str(one.id)), told))
    return found


def _unknown_contacts(rows: _Rows, told: Collection[UUID]) -> Iterator[str]:
    """A sentence for each contact that no event set: contacts decide nothing, but are called."""
    for row in rows.of(tables.contact):
        if row.registration_event not in told:
            yield f"no event set the contact {row.role} of {row.organisation}"
        elif not row.said.startswith(header_of(row.content_key)):
            yield f"the contact {row.role} of {row.organisation} is not under the key of its row"


def _owner(table: Table, row: Any) -> Entry:
    if table is tables.person:
        return EntryKind.PERSON, row.id
    if table is tables.log_hold:
        return EntryKind.LOG_HOLD, str(row.id)
    return (
        EntryKind.ORGANISATION,
        row.predecessor if table is tables.succession else row.organisation,
    )
