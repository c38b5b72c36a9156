"""The audit log, appended under the head's lock as the last thing of a transaction, and read.

An entry's index is the size of the tree as read under that lock, nothing else:
so indices have no gap when a transaction rolls back, and their order is the order of commits.
Counters of organisations are counted under the same lock.
"""

import hmac
import json
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from operator import attrgetter
from typing import Any
from uuid import UUID

from sqlalchemy import (
    Executable,
    and_,
    bindparam,
    case,
    column,
    func,
    insert,
    not_,
    or_,
    select,
    update,
)
from sqlalchemy.dialects.postgresql import insert as upsert

from gateway.domain import audit_event, refusals
from gateway.domain.handoff import Handoff
from gateway.evidence import base64url
from gateway.evidence.case_events import STEPS, VERSIONS, CaseEvent, read_event
from gateway.evidence.event import EventDisclosure, EventDocument, compose
from gateway.evidence.handoff_moves import ToldEvent
from gateway.kernel.ports import TransactionMode
from gateway.kernel.values import EventMatch, LoggedEvent, LogQuery, TreeHead
from gateway.ledger import tiles, tree
from gateway.ledger.tree import entry_commitment
from gateway.store import event_index
from gateway.store.columns import NUMBER, matching, write_json
from gateway.store.content_encryption import CellRef, ContentCipher
from gateway.store.database import Begun
from gateway.store.event_index import BLOCK
from gateway.store.tables import (
    case_file,
    case_version,
    log_block,
    log_event,
    log_head,
    log_tile,
    party,
    stream,
)
from gateway.store.transaction import NO_VALUES, Row, Transaction

HEAD = select(
    log_head.c.size, log_head.c.root, log_head.c.edge, log_head.c.newest, log_head.c.mac
).with_for_update()
_MOVE_HEAD = update(log_head)
_VOUCH = (
    update(log_head)
    .where(log_head.c.size == bindparam("of_size"), log_head.c.root == bindparam("of_root"))
    .values(mac=bindparam("mac"))
)
TILE = select(log_tile.c.data).where(
    log_tile.c.level == bindparam("level"), log_tile.c.n == bindparam("n")
)
_adding = upsert(log_tile)
_SET_TILE = _adding.on_conflict_do_update(
    index_elements=[log_tile.c.level, log_tile.c.n], set_={"data": _adding.excluded.data}
)
_LAST = select(stream.c.last).where(matching(stream, "organisation"))
_STREAM = (
    select(party.c.stream_number, log_event.c.event)
    .join(log_event, log_event.c.idx == party.c.idx)
    .where(
        party.c.organisation == bindparam("organisation"),
        party.c.stream_number > bindparam("after"),
    )
    .order_by(party.c.stream_number)
    .limit(bindparam("limit"))
)
_ENTRIES = (
    select(log_event.c.entry)
    .where(log_event.c.idx >= bindparam("start"), log_event.c.idx < bindparam("end"))
    .order_by(log_event.c.idx)
)
_EVENT = select(
    log_event.c.idx,
    log_event.c.event,
    log_event.c.document,
    log_event.c.nonce,
    log_event.c.disclosures,
).where(log_event.c.event == bindparam("event"))
_range = select(
    bindparam("first", type_=NUMBER).label("first"), bindparam("end", type_=NUMBER).label("end")
).cte(recursive=True)
_middle, _is_older = (_range.c.first + _range.c.end) // 2, log_event.c.at < bindparam("since")
_halves = _range.union_all(
    select(
        case((_is_older, _middle + 1), else_=_range.c.first),
        case((_is_older, _range.c.end), else_=_middle),
    )
    .join_from(_range, log_event, log_event.c.idx == _middle)
    .where(_range.c.first < _range.c.end)
)
_FIRST_SINCE = select(_halves.c.first).where(_halves.c.first == _halves.c.end)
"""The first entry since a time, found by halving in one statement: times never go back in the log,
so that they need no index of their own."""
_STREAM_EVENTS = _STREAM.add_columns(
    log_event.c.idx, log_event.c.document, log_event.c.nonce, log_event.c.disclosures
)
_LOGGED = and_(log_event.c.idx >= 0, log_event.c.idx < select(log_head.c.size).scalar_subquery())
"""What the head counts: a row that stands beside the log tells nothing."""
_TYPED_CONSULTED = "|typ:case.consulted|result:allowed|"
_consulted = func.substr(log_event.c.words, 1, len(_TYPED_CONSULTED)) == _TYPED_CONSULTED
_of_handoff = log_event.c.handoff == bindparam("handoff", type_=log_event.c.handoff.type)
_FIRST_CONSULTED = select(func.min(log_event.c.idx)).where(_of_handoff, _consulted, _LOGGED)
# Of consultations, which have no end, only the first counts.
_HISTORY = (
    select(log_event.c.idx, log_event.c.words, log_event.c.event, log_event.c.at)
    .where(
        _of_handoff,
        _LOGGED,
        or_(not_(_consulted), log_event.c.idx == _FIRST_CONSULTED.scalar_subquery()),
    )
    .order_by(log_event.c.idx)
)
STEPS_OF = (
    select(
        case_version.c.digest,
        log_event.c.idx,
        log_event.c.event,
        log_event.c.document,
        log_event.c.disclosures,
    )
    .outerjoin_from(
        case_version, log_event, and_(log_event.c.step_of == case_version.c.digest, _LOGGED)
    )
    .where(matching(case_version, "originator", "case"))
)
_COMING = 1 << 62
"""The place of what another writer of this transaction recorded, and is yet to be appended."""
WORDS = select(log_event.c.words).where(
    log_event.c.idx >= bindparam("start"), log_event.c.idx < bindparam("end")
)
_ADD_EVENTS = insert(log_event)
_ADD_PARTIES = insert(party)
_ADD_BLOCK = insert(log_block)
_KEY_OF = (
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

ENVELOPE = "AQ"
"""How an envelope begins in base64url; a disclosure begins otherwise."""


@lru_cache
def _count(count: int) -> Any:
    """Raise the last numbers of so many organisations' streams by how many are ``more``, and tell
    the new ones."""
    adding = upsert(stream).values(
        [
            {"organisation": bindparam(f"organisation_{n}"), "last": bindparam(f"more_{n}")}
            for n in range(count)
        ]
    )
    return adding.on_conflict_do_update(
        index_elements=[stream.c.organisation], set_={"last": stream.c.last + adding.excluded.last}
    ).returning(stream.c.organisation, stream.c.last)


CONTENT = frozenset({"reason"})
"""The kinds of details that are free text, and so may repeat what a case says: they are encrypted
by its key and end with it. The others are the log that has to stay (LED Art. 25)."""


_ALLOWED = f"result:{audit_event.EventResult.ALLOWED}"

LATENESS = timedelta(seconds=1)
"""How far a host's clock may be behind the newest event, whose time the next one then has."""


@dataclass(frozen=True)
class EventHeader:
    """What every event carries besides its fact, and where its secrets come from.

    ``origin`` names the log, ``policy_revision`` tells which policies are in force, ``now`` the
    time of the append; ``random(n)`` gives n unpredictable bytes; ``person_key`` blinds persons
    where events are searched for; by ``head_key`` a head is known as our own, empty for who reads
    without it.
    """

    origin: str
    policy_revision: Callable[[], str]
    now: Callable[[], datetime]
    random: Callable[[int], bytes]
    person_key: bytes = field(repr=False)
    head_key: bytes = field(repr=False)

    def mac_of(self, head: TreeHead) -> bytes:
        """Return what only a process of this gateway can write beside a head: the database has no
        key."""
        told = f"{self.origin}\n{head.size}\n".encode() + head.root
        return hmac.digest(self.head_key, told, "sha256")

    def require_own(self, head: TreeHead, mac: bytes | None) -> None:
        """Require that a process of this gateway made the head: a root stands for all entries.

        Raises LogFrozen. An empty log needs no proof.
        """
        if not self.head_key or not head.size:
            return
        if not hmac.compare_digest(mac or b"", self.mac_of(head)):
            raise refusals.LogFrozen(
                f"no process of this gateway wrote the newest of the {head.size} entries: the "
                "database was written to behind its back, and the operator has to find out how"
            )


@dataclass(frozen=True)
class AppendResult:
    """What a transaction added to the log, with all that its proofs need."""

    events: Sequence[EventDocument]
    entry: bytes
    """The last of their entries."""
    base: TreeHead
    head: TreeHead
    grown: tree.Growth

    def prove(self, first: int, count: int, note: str | None) -> tuple[LoggedEvent, ...]:
        """``count`` of the events from ``first`` on, with proofs at the new head, which ``note``
        signs.

        No database is asked: new leaves are on the right edge of the tree.
        """
        found = list[LoggedEvent]()
        for n in range(first, first + count):
            index = self.base.size + n
            proof = self.grown.inclusion_proof(index)
            found.append(LoggedEvent(self.events[n], index, proof, self.head, note))
        return tuple(found)


_EMPTY = TreeHead(0, tree.EMPTY_ROOT)
NOTHING_APPENDED = AppendResult((), b"", _EMPTY, _EMPTY, tree.grow(b"", 0, ()))
"""What a transaction without events added."""

_BYTES: Mapping[str, Executable] = {
    "sqlite": select(column("page_count") * column("page_size")).select_from(
        func.pragma_page_count(), func.pragma_page_size()
    ),
    "postgresql": select(func.pg_database_size(func.current_database())),
}


@dataclass(eq=False)
class SqlLog:
    """The audit log inside the transaction, which ``_begun`` found; ``_others`` of it are yet to be
    appended."""

    _transaction: Transaction
    _event_header: EventHeader
    _contents: ContentCipher
    _begun: Begun
    _others: Sequence[audit_event.AuditEvent] = ()
    facts: list[audit_event.AuditEvent] = field(default_factory=list)
    """What the transaction recorded so far."""
    _known: bool = False
    _last_tile: dict[int, bytes] = field(default_factory=dict)
    _proofs: tiles.InclusionProofs | None = None

    def record(self, fact: audit_event.AuditEvent) -> None:
        """Queue a fact; ``commit`` appends all of them, in order, as the last thing it does."""
        self._transaction.require_writing()
        self.facts.append(fact)

    def history(self, handoff: Handoff) -> tuple[list[ToldEvent], list[CaseEvent]]:
        """The events of a handoff that were allowed, of consultations only the first; and those of
        the course of its case. Both in the log's order, with what others of this transaction
        recorded. Raises ValueError for what cannot be read."""
        of_case = {"originator": handoff.originator, "case": handoff.case}
        rows, steps = self._transaction.queries(
            (_HISTORY, {"handoff": handoff.id}), (STEPS_OF, of_case)
        )
        told = []
        for row in rows:
            _, type_, result, *words = row.words.split("|")
            if result == _ALLOWED:
                parties = frozenset(word[6:] for word in words if word.startswith("party:"))
                told.append(ToldEvent(row.idx, row.event, type_[4:], None, parties, row.at))
        told += [
            ToldEvent(index, fact.id, fact.type, fact.document_sha256)
            for index, fact in enumerate(self._others, _COMING)
            if fact.handoff == handoff.id and fact.result is audit_event.EventResult.ALLOWED
        ]
        return told, read_steps(steps, self._others)

    def append(self, facts: Sequence[audit_event.AuditEvent]) -> AppendResult:
        """Write facts to the log: the last statements before COMMIT.

        Raises LogFrozen when no process of ours wrote the head, LookupError when it is not that of
        the tree's right edge. An event that the
        log has already breaks a rule of the table, here or, in a pipeline, when it closes.
        Raises ClockBehind when the clock is behind the log by more than `LATENESS`.
        """
        # Long: the last statements of a transaction, in the order that its lock asks for.
        if not facts:
            return NOTHING_APPENDED
        run, header = self._transaction, self._event_header
        named = Counter([one.organisation for fact in facts for one in fact.parties])
        counting, counted = _count(len(named)), dict[str, Any]()
        for n, (name, more) in enumerate(named.items()):
            counted |= {f"organisation_{n}": name, f"more_{n}": more}
        keys = self._content_keys(facts)
        if run.locks_rows:
            # Sent in one message: what is counted after the lock follows what was committed.
            (head,), last = run.queries((HEAD, NO_VALUES), (counting, counted))
            size, root, edge, newest, mac = head
            base = TreeHead(size, root)
            header.require_own(base, mac)
        else:  # nobody else has written since the transaction began
            last, begun = run.rows(counting, counted), self._begun
            base, edge, newest = self.head(), begun.edge, begun.newest
        numbers = {row.organisation: row.last - named[row.organisation] for row in last}
        judged_at = (fact.at for fact in facts if fact.at is not None)
        at = _not_before(next(judged_at, None) or header.now(), newest)
        policy = header.policy_revision()
        events, leaves = list[EventDocument](), list[bytes]()
        rows, parties = list[Row](), list[Row]()
        for index, fact in enumerate(facts, base.size):
            for one in fact.parties:
                name = one.organisation
                numbers[name] += 1
                parties.append({"organisation": name, "stream_number": numbers[name], "idx": index})
            event = compose(
                fact,
                log=header.origin,
                at=at,
                policy=policy,
                stream_numbers=numbers,
                random=header.random,
            )
            entry = entry_commitment(event.document, event.nonce)
            rows.append(
                {
                    "idx": index,
                    "event": event.id,
                    "entry": entry,
                    "document": event.document,
                    "nonce": event.nonce,
                    "disclosures": self._closed(event, fact, keys.get(fact.case_digest)),
                    **event_index.columns_of(fact, at, header.person_key),
                }
            )
            leaves.append(tree.leaf_hash(entry))
            events.append(event)
        grown = tree.grow(edge, base.size, leaves)
        if tree.root_of_edge(grown.nodes, 0, base.size) != base.root:
            raise LookupError("the log's right edge is not that of its head")
        run.run(_ADD_EVENTS, *rows)
        run.run(_ADD_PARTIES, *parties)
        if base.size // BLOCK != grown.size // BLOCK:
            self._fill_blocks(base.size, leaves)
        head = TreeHead(grown.size, grown.root)
        moved = {"size": head.size, "root": head.root, "edge": grown.edge, "newest": at}
        run.run(_MOVE_HEAD, {**moved, "origin": header.origin, "mac": header.mac_of(head)})
        return AppendResult(events, rows[-1]["entry"], base, head, grown)

    def head_at(self, size: int | None) -> TreeHead:
        """The head as it was at a size; the present one for None, and for one that is larger."""
        head = self.head()
        if size is None or size >= head.size:
            return head
        return TreeHead(size, tiles.root(self.tile, size))

    def logged(self, event: UUID, head: TreeHead | None = None) -> LoggedEvent | None:
        """A committed event with a proof at the present head, or at an earlier one; None, too, when
        its document was erased, and when it came after that one.

        Raises Busy for an event of this very moment, which is not in the log yet.
        """
        if any(event == fact.id for fact in self._others):
            raise refusals.Busy("the first of these requests is being stored: repeat this one")
        row = self._transaction.first(_EVENT, {"event": event})
        if row is None or (head is not None and row.idx >= head.size):
            return None
        return self._logged(row, head or self.head())

    def _logged(self, row: Any, head: TreeHead) -> LoggedEvent | None:
        if row.document is None or row.nonce is None:
            return None
        disclosures = list[EventDisclosure]()
        for position, (text, readers) in enumerate(json.loads(row.disclosures)):
            closed = text is not None and text.startswith(ENVELOPE)
            opened = self._open(row.event, position, text) if closed else text
            if opened is not None:
                disclosures.append(EventDisclosure(opened, frozenset(readers)))
        if row.idx >= head.size:  # committed after this transaction saw the head
            raise refusals.Busy("the first of these requests was stored just now: repeat this one")
        if self._proofs is None or self._proofs.size != head.size:
            self._proofs = tiles.InclusionProofs(self.tile, head.size)
        event = EventDocument(row.event, row.document, row.nonce, tuple(disclosures))
        return LoggedEvent(event, row.idx, self._proofs.of(row.idx), head)

    def stream(self, organisation: str, after: int, limit: int) -> Sequence[tuple[int, UUID]]:
        """The organisation's own events after a stream number: the number and the event's id."""
        values = {"organisation": organisation, "after": after, "limit": limit}
        return [(row.stream_number, row.event) for row in self._transaction.rows(_STREAM, values)]

    def read_stream(
        self, organisation: str, after: int, limit: int
    ) -> Sequence[tuple[int, LoggedEvent]]:
        """The same as ``logged`` gives them, without those whose document was erased."""
        values, head = {"organisation": organisation, "after": after, "limit": limit}, self.head()
        return [
            (row.stream_number, logged)
            for row in self._transaction.rows(_STREAM_EVENTS, values)
            if (logged := self._logged(row, head)) is not None
        ]

    def last_number(self, organisation: str) -> int:
        """The organisation's last stream number; 0 before its first event."""
        return self._transaction.scalar(_LAST, {"organisation": organisation}) or 0

    def search(self, query: LogQuery) -> Sequence[EventMatch]:
        """Events in the log's order.

        Where an event was logged before persons could be searched for, ``person`` is not judged:
        the caller looks at its details.
        """
        found: list[EventMatch] = []
        if query.since is not None:
            query = replace(query, after=self._before(query.since, query.after))
        if query.until is not None:
            end = self._before(query.until, query.after) + 1
            query = replace(query, before=min(query.before, end))
        key, size = self._event_header.person_key, self._begun.head.size
        for statement, values in event_index.search(query, key, size):
            left = {**values, "limit": query.limit - len(found)}
            rows = self._transaction.rows(statement, left)
            found += [EventMatch(row.idx, row.event, bool(row.of_case)) for row in rows]
            if len(found) == query.limit:
                break
        return found

    def _before(self, since: datetime, after: int) -> int:
        """The index of the last entry before a time, ``after`` at least."""
        end = self._begun.head.size
        if after + 1 >= end:
            return after
        asked = {"first": after + 1, "end": end, "since": since}
        return int(self._transaction.scalar(_FIRST_SINCE, asked)) - 1

    def database_bytes(self) -> int:
        """Return how much the database of the log holds, indexes and free pages included."""
        return int(self._transaction.rows(_BYTES[self._transaction.driver.dialect.name])[0][0])

    def head(self) -> TreeHead:
        """The state of the log as of this transaction.

        Raises LogFrozen when no process of the gateway made it.
        """
        self._transaction.require_open()
        if not self._known:
            self._event_header.require_own(self._begun.head, self._begun.mac)
            self._known = True
        return self._begun.head

    def moment(self, now: datetime) -> datetime:
        """The time of a change of the registry: ``now``, or the newest event's, if that is later.

        Raises ClockBehind.
        """
        return _not_before(now, self._begun.newest)

    def vouch(self, head: TreeHead) -> None:
        """Let a head that is signed count as our own, where it is the newest: by a new key."""
        self._transaction.require_writing()
        mac = self._event_header.mac_of(head)
        self._transaction.run(_VOUCH, {"of_size": head.size, "of_root": head.root, "mac": mac})

    def tile(self, level: int, n: int) -> bytes:
        """A tile's present bytes (32-byte hashes); empty when there is none."""
        stored: bytes | None = self._transaction.scalar(TILE, {"level": level, "n": n})
        if stored is not None or level > 0:
            return stored or b""
        if n not in self._last_tile or self._transaction.mode is not TransactionMode.READ:
            entries = self.entries(n * BLOCK, (n + 1) * BLOCK)
            self._last_tile = {n: b"".join(map(tree.leaf_hash, entries))}
        return self._last_tile[n]

    def entries(self, start: int, end: int) -> Sequence[bytes]:
        """The entries of indexes ``start <= i < end`` that exist."""
        rows = self._transaction.rows(_ENTRIES, {"start": start, "end": end})
        return [row.entry for row in rows]

    def _content_keys(self, facts: Sequence[audit_event.AuditEvent]) -> Mapping[str | None, UUID]:
        """The keys of the cases whose content facts repeat, by their versions' digests."""
        keys: dict[str | None, UUID] = {}
        for fact in facts:
            for detail in fact.details:
                if detail.kind in CONTENT and fact.case_digest not in (None, *keys):
                    of = {"digest": fact.case_digest}
                    key = self._transaction.scalar(_KEY_OF, of)
                    if key is not None:
                        keys[fact.case_digest] = key
        return keys

    def _closed(
        self, event: EventDocument, fact: audit_event.AuditEvent, of_case: UUID | None
    ) -> str:
        """An event's disclosures as they are stored; those that end with a key are encrypted by it:
        their own, or that of the case that they repeat."""
        keys: list[UUID | None] = [None] * len(fact.parties)
        for detail in fact.details:
            keys.append(detail.content_key or (of_case if detail.kind in CONTENT else None))
        stored = []
        for position, (one, key) in enumerate(zip(event.disclosures, keys, strict=True)):
            text = one.encoded
            if key is not None:
                closed = self._contents.encrypt(text, key, cell_of(event.id, position))
                text = base64url.encode(closed)
            stored.append([text, sorted(one.readers)])
        return write_json(stored)

    def _fill_blocks(self, start: int, leaves: Sequence[bytes]) -> None:
        """Write the tiles and the words of the blocks that filled up, once for all."""
        changed, _ = tiles.append(self.tile, start, leaves)
        for (level, n), data in changed.items():
            if level > 0 or len(data) == tiles.TILE_BYTES:
                self._transaction.run(_SET_TILE, {"level": level, "n": n, "data": data})
        for n in range(start // BLOCK, (start + len(leaves)) // BLOCK):
            rows = self._transaction.rows(WORDS, {"start": n * BLOCK, "end": (n + 1) * BLOCK})
            words = event_index.together(row.words for row in rows)
            self._transaction.run(_ADD_BLOCK, {"n": n, "words": words})

    def _open(self, event: UUID, position: int, text: str) -> str | None:
        """A disclosure that is stored encrypted; None when it ended with its key."""
        try:
            return self._contents.decrypt(base64url.decode(text), cell_of(event, position))
        except refusals.CaseErased:
            return None


def read_steps(rows: Sequence[Any], others: Sequence[audit_event.AuditEvent]) -> list[CaseEvent]:
    """The events of the course of a case, in order, by what `STEPS_OF` finds and what ``others``
    of this transaction recorded. Raises ValueError for what cannot be read."""
    found = {}
    for row in rows:
        if row.document is not None:
            told = json.loads(row.document)
            one = read_event(row.idx, told, row.disclosures)
            said = one.id, one.case_digest, told["result"]
            if said != (row.event, row.digest, audit_event.EventResult.ALLOWED):
                raise ValueError(f"the event {row.event} is not its document")
            found[one.id] = one
    digests = {row.digest for row in rows}
    for index, fact in enumerate(others, _COMING):
        allowed = fact.result is audit_event.EventResult.ALLOWED
        if allowed and fact.case_digest in digests and fact.type in STEPS:
            found[fact.id] = _coming(index, fact)
    if digests != {one.case_digest for one in found.values() if one.type in VERSIONS}:
        raise ValueError("a version of the case is not in the log")
    return sorted(found.values(), key=attrgetter("index"))


def _coming(index: int, fact: audit_event.AuditEvent) -> CaseEvent:
    """Return what another writer of this transaction recorded, as it will be read."""
    return CaseEvent(
        index,
        fact.id,
        fact.at or datetime.min.replace(tzinfo=UTC),
        fact.type,
        fact.handoff,
        fact.case_digest,
        fact.package_digest,
        fact.document_sha256,
        {f"as {one.role}": one.organisation for one in fact.parties}
        | {one.kind: one.value for one in fact.details},
        complete=True,
    )


def _not_before(now: datetime, newest: datetime | None) -> datetime:
    """``now``, or the newest event's time where the clock is a little behind; ClockBehind."""
    if newest is None or now >= newest:
        return now
    if newest - now > LATENESS:
        raise refusals.ClockBehind("the clock of this host is behind the log's newest event")
    return newest


def cell_of(event: UUID, position: int) -> CellRef:
    """Where a disclosure of an event is stored."""
    return CellRef(log_event.name, f"{event}/{position}", "disclosures")
