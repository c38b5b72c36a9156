"""The audit log: appended under the head's lock as the last thing of a transaction, and read.

An entry's index is the size of the tree as read under that lock, nothing else (evidence.md L6):
so indices have no gap when a transaction rolls back, and their order is the order of commits.
Counters of organisations are counted under the same lock.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Row, and_, bindparam, func, insert, select, update

from gateway.actions.records import Found, Head, Logged, LogQuery
from gateway.domain.facts import Fact
from gateway.domain.refusals import AlreadyExists, Busy, Erased
from gateway.evidence import base64url
from gateway.evidence.event import Event, EventDisclosure, compose
from gateway.evidence.sd_jwt import read_disclosure
from gateway.ledger import tiles, tree
from gateway.ledger.entry import entry
from gateway.store import facets
from gateway.store.content_encryption import CellRef, ContentCipher
from gateway.store.tables import (
    case_file,
    case_version,
    log_disclosure,
    log_document,
    log_entry,
    log_facet,
    log_head,
    log_tile,
    party,
)
from gateway.store.transaction import Transaction, insert_new

_HEAD = select(log_head.c.size, log_head.c.root)
_HEAD_LOCKED = _HEAD.with_for_update()
_MOVE_HEAD = update(log_head)
_TILE = select(log_tile.c.data).where(
    log_tile.c.level == bindparam("level"), log_tile.c.n == bindparam("n")
)
_ADD_TILES = insert(log_tile)
_GROW_TILE = update(log_tile).where(
    log_tile.c.level == bindparam("of_level"), log_tile.c.n == bindparam("of_n")
)
_COUNTER = select(func.max(party.c.pseq)).where(party.c.organisation == bindparam("organisation"))
_STREAM = (
    select(party.c.pseq, party.c.event)
    .where(party.c.organisation == bindparam("organisation"), party.c.pseq > bindparam("after"))
    .order_by(party.c.pseq)
    .limit(bindparam("limit"))
)
_ENTRIES = (
    select(log_entry.c.entry)
    .where(log_entry.c.idx >= bindparam("start"), log_entry.c.idx < bindparam("end"))
    .order_by(log_entry.c.idx)
)
_DOCUMENT = (
    select(log_entry.c.idx, log_document.c.doc, log_document.c.nonce)
    .join(log_document, log_document.c.event == log_entry.c.event)
    .where(log_entry.c.event == bindparam("event"))
)
_DISCLOSURES = (
    select(log_disclosure.c.position, log_disclosure.c.disclosure, log_disclosure.c.readers)
    .where(log_disclosure.c.event == bindparam("event"), log_disclosure.c.disclosure.is_not(None))
    .order_by(log_disclosure.c.position)
)
_ADD_ENTRY = insert_new(log_entry)
_ADD_DOCUMENTS = insert(log_document)
_ADD_DISCLOSURES = insert(log_disclosure)
_ADD_PARTIES = insert(party)
_ADD_FACETS = insert(log_facet)
KEY_OF = (
    select(case_file.c.content_key)
    .join(
        case_version,
        and_(
            case_version.c.originator == case_file.c.originator,
            case_version.c.case == case_file.c.id,
        ),
    )
    .where(case_version.c.digest == bindparam("digest"))
)

_ENVELOPE = "AQ"
"""How an envelope begins in base64url; a disclosure begins otherwise."""

CONTENT = frozenset({"reason"})
"""The kinds of details that are free text, and so may repeat what a case says: they are encrypted
by its key and end with it. The others are the journal that has to stay (LED Art. 25)."""


@dataclass(frozen=True)
class Letterhead:
    """What every event carries besides its fact, and where its secrets come from.

    ``origin`` names the log, ``policy_revision`` tells which policies are in force, ``now`` the
    time of the append; ``random(n)`` gives n unpredictable bytes; ``person_key`` blinds persons
    where events are searched for.
    """

    origin: str
    policy_revision: Callable[[], str]
    now: Callable[[], datetime]
    random: Callable[[int], bytes]
    person_key: bytes = field(repr=False)


@dataclass(frozen=True)
class Appended:
    """What a transaction added to the log, with every tile that its proofs need."""

    events: Sequence[Event]
    base: Head
    head: Head
    tiles: Mapping[tuple[int, int], bytes]

    @classmethod
    def nothing(cls) -> "Appended":
        """What a transaction without events added."""
        empty = Head(0, tree.EMPTY_ROOT)
        return cls((), empty, empty, {})

    def prove(self, first: int, count: int) -> tuple[Logged, ...]:
        """``count`` of the events from ``first`` on, with proofs at the new head.

        No database is asked: new leaves are on the right edge of the tree, and the root is made
        from all of that edge.
        """

        def read(level: int, n: int) -> bytes:
            return self.tiles.get((level, n), b"")

        def logged(event: Event, index: int) -> Logged:
            proof = tuple(tiles.inclusion_proof(read, index, self.head.size))
            return Logged(event, index, proof, self.head, self.base)

        events = self.events[first : first + count]
        numbered = enumerate(events, self.base.size + first)
        return tuple(logged(event, index) for index, event in numbered)


class SqlLog:
    """The log in SQL; the contract is that of `gateway.actions.ports.Log`."""

    def __init__(
        self,
        transaction: Transaction,
        letterhead: Letterhead,
        contents: ContentCipher,
        begun_at: Head,
        others: Sequence[Fact] = (),
    ) -> None:
        """Work in this transaction, which found ``begun_at``; ``others`` are yet to be appended."""
        self._transaction = transaction
        self._letterhead = letterhead
        self._contents = contents
        self._begun_at = begun_at
        self._others = others
        self.facts: list[Fact] = []

    def record(self, fact: Fact) -> None:
        """See the port."""
        self._transaction.require_writing()
        self.facts.append(fact)

    def append(self) -> Appended:
        """Write the recorded facts to the log: the last statements before COMMIT.

        Raises AlreadyExists when the log has an event of this id; the Work is then of no use.
        """
        if not self.facts:
            return Appended.nothing()
        head = _head(self._transaction.execute(_HEAD_LOCKED).one())
        # Whatever is read from here on is read after the lock: the latest that was committed.
        at = self._letterhead.now()
        events, parties = self._compose(at)
        entries = [entry(event.document, event.nonce) for event in events]
        self._write_events(head.size, entries, events)
        self._transaction.execute(_ADD_PARTIES, parties)
        key = self._letterhead.person_key
        rows = [facets.row_of(f, n, at, key) for n, f in enumerate(self.facts, head.size)]
        self._transaction.execute(_ADD_FACETS, rows)
        return self._grow(head, entries, events)

    def logged(self, event: UUID) -> Logged | None:
        """See the port; None, too, when its document was erased.

        Raises Busy for an event of this very moment, which is not in the log yet.
        """
        if any(event == fact.id for fact in self._others):
            raise Busy("the first of these requests is being stored: repeat this one")
        row = self._transaction.execute(_DOCUMENT, {"event": event}).first()
        if row is None or row.doc is None or row.nonce is None:
            return None
        rows = self._transaction.execute(_DISCLOSURES, {"event": event})
        opened = (self._disclosure(event, row) for row in rows)
        disclosures = tuple(one for one in opened if one is not None)
        head = self.head()
        proof = tuple(tiles.inclusion_proof(self.tile, row.idx, head.size))
        return Logged(Event(event, row.doc, row.nonce, disclosures), row.idx, proof, head)

    def stream(self, organisation: str, after: int, limit: int) -> Sequence[tuple[int, UUID]]:
        """See the port."""
        values = {"organisation": organisation, "after": after, "limit": limit}
        return [(row.pseq, row.event) for row in self._transaction.execute(_STREAM, values)]

    def counter(self, organisation: str) -> int:
        """See the port."""
        last = self._transaction.execute(_COUNTER, {"organisation": organisation}).scalar_one()
        return last or 0

    def search(self, query: LogQuery) -> Sequence[Found]:
        """See the port."""
        statement, values = facets.search(query, self._letterhead.person_key)
        rows = self._transaction.execute(statement, values)
        return [Found(row.idx, row.event, bool(row.of_case)) for row in rows]

    def head(self) -> Head:
        """See the port."""
        self._transaction.require_open()
        return self._begun_at

    def tile(self, level: int, n: int) -> bytes:
        """See the port."""
        data = self._transaction.execute(_TILE, {"level": level, "n": n}).scalar()
        return data or b""

    def entries(self, start: int, end: int) -> Sequence[bytes]:
        """See the port."""
        rows = self._transaction.execute(_ENTRIES, {"start": start, "end": end})
        return [row.entry for row in rows]

    def _compose(self, at: datetime) -> tuple[list[Event], list[dict[str, Any]]]:
        """Make the events of the facts, and the rows of their parties' streams."""
        policy = self._letterhead.policy_revision()
        counters: dict[str, int] = {}
        events, parties = [], []
        for fact in self.facts:
            for name in (p.organisation for p in fact.parties):
                if name not in counters:
                    counters[name] = self.counter(name)
                counters[name] += 1
                parties.append({"organisation": name, "pseq": counters[name], "event": fact.id})
            event = compose(
                fact,
                log=self._letterhead.origin,
                at=at,
                policy=policy,
                counters=counters,
                random=self._letterhead.random,
            )
            events.append(event)
        return events, parties

    def _write_events(self, start: int, entries: Sequence[bytes], events: Sequence[Event]) -> None:
        for index, (event, line) in enumerate(zip(events, entries, strict=True), start):
            values = {"idx": index, "entry": line, "event": event.id}
            if not self._transaction.changed(_ADD_ENTRY, values):
                raise AlreadyExists("the log has an event with this id")
        documents = [{"event": e.id, "doc": e.document, "nonce": e.nonce} for e in events]
        self._transaction.execute(_ADD_DOCUMENTS, documents)
        told = zip(self.facts, events, strict=True)
        self._transaction.execute(
            _ADD_DISCLOSURES, [row for fact, event in told for row in self._rows(fact, event)]
        )

    def _rows(self, fact: Fact, event: Event) -> list[dict[str, Any]]:
        rows = _disclosure_rows(event)
        telling = [row for row in rows if row["kind"] in CONTENT]
        if not telling or fact.case_digest is None:
            return rows
        case = self._transaction.execute(KEY_OF, {"digest": fact.case_digest}).first()
        if case is None:
            return rows
        for row in telling:
            cell = cell_of(event.id, row["position"])
            sealed = self._contents.encrypt(row["disclosure"], case.content_key, cell)
            row["disclosure"] = base64url.encode(sealed)
        return rows

    def _disclosure(self, event: UUID, row: Row[Any]) -> EventDisclosure | None:
        """A disclosure as it was stored; None when it ended with its case."""
        text = row.disclosure
        if text.startswith(_ENVELOPE):
            try:
                cell = cell_of(event, row.position)
                text = self._contents.decrypt(base64url.decode(text), cell)
            except Erased:
                return None
        read = read_disclosure(text)
        return EventDisclosure(read.encoded, read.digest, str(read.name), read.value, row.readers)

    def _grow(self, head: Head, entries: Sequence[bytes], events: Sequence[Event]) -> Appended:
        """Add the entries' leaves to the tree's right edge, and move the head."""
        edge: dict[tuple[int, int], bytes] = {}

        def read(level: int, n: int) -> bytes:
            if (level, n) not in edge:
                edge[level, n] = self.tile(level, n)
            return edge[level, n]

        leaves = [tree.leaf_hash(line) for line in entries]
        grown, root = tiles.append(read, head.size, leaves)
        for (level, n), data in grown.items():
            self._write_tile(level, n, data, known=bool(edge.get((level, n))))
        moved = Head(head.size + len(leaves), root)
        self._transaction.execute(_MOVE_HEAD, {**vars(moved), "origin": self._letterhead.origin})
        return Appended(events, head, moved, edge | grown)

    def _write_tile(self, level: int, n: int, data: bytes, *, known: bool) -> None:
        if known:
            self._transaction.execute(_GROW_TILE, {"of_level": level, "of_n": n, "data": data})
        else:
            self._transaction.execute(_ADD_TILES, {"level": level, "n": n, "data": data})


def _head(row: Row[Any]) -> Head:
    return Head(row.size, row.root)


def cell_of(event: UUID, position: int) -> CellRef:
    """Where a disclosure of an event is stored."""
    return CellRef(log_disclosure.name, f"{event}/{position}", "disclosure")


def _disclosure_rows(event: Event) -> list[dict[str, Any]]:
    return [
        {
            "event": event.id,
            "position": position,
            "digest": disclosure.digest,
            "disclosure": disclosure.encoded,
            "kind": disclosure.kind,
            "readers": disclosure.readers,
        }
        for position, disclosure in enumerate(event.disclosures)
    ]
