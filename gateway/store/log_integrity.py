"""Whether a stored log is whole: documents, entries, tiles, the head, streams and search words.

All of them follow from the documents and their details, so all are made again and compared. A
detail that is missing has to be one that an event of the gateway erased after its term. What others
confirmed is of this log, or it is another one than they saw. Run
nightly, and after whatever moved a database: a log that lost or changed a row must be found before
it is written to again.
"""

import json
from bisect import bisect
from collections.abc import Callable, Mapping
from hashlib import sha256
from operator import itemgetter
from typing import Any
from uuid import UUID

from sqlalchemy import Row, and_, bindparam, func, or_, select

from gateway.domain.audit_event import EVENT_TYPES
from gateway.domain.json_values import parse_timestamp
from gateway.evidence import event, sd_jwt
from gateway.kernel.values import TreeHead
from gateway.ledger import tiles, tree
from gateway.ledger.note import NoteError, parse_checkpoint
from gateway.ledger.tree import entry_commitment
from gateway.store import event_index
from gateway.store.log import ENVELOPE, TILE
from gateway.store.tables import (
    log_block,
    log_confirmation,
    log_event,
    log_head,
    log_tile,
    party,
    stream,
)
from gateway.store.unit_of_work import SqlUnitOfWork

CHUNK = 4096
"""Entries that are looked at together; a multiple of what a tile holds."""

_STORED = (
    select(
        *(column for column in log_event.c if column.name != "event"),
    )
    .where(log_event.c.idx >= bindparam("start"))
    .order_by(log_event.c.idx)
    .limit(bindparam("limit"))
)
_ERASING = (
    select(log_event.c.idx, log_event.c.disclosures)
    .where(log_event.c.words.startswith(f"|typ:{EVENT_TYPES['log.erase_details'][0]}|"))
    .order_by(log_event.c.idx)
)
_STREAM_ROWS = (
    select(party)
    .where(
        or_(
            party.c.organisation > bindparam("organisation"),
            and_(
                party.c.organisation == bindparam("organisation"),
                party.c.stream_number > bindparam("number"),
            ),
        )
    )
    .order_by(party.c.organisation, party.c.stream_number)
    .limit(CHUNK)
)
_LAST = select(stream)
_BLOCK = select(log_block.c.words).where(log_block.c.n == bindparam("n"))
_COUNTS = {
    name: select(func.count()).select_from(table)
    for name, table in {
        "entries": log_event,
        "tiles": log_tile,
        "blocks": log_block,
    }.items()
}
_EDGE = select(log_head.c.edge)
_CONFIRMED = select(log_confirmation.c.size, log_confirmation.c.by, log_confirmation.c.note)
_DOCUMENT = (
    select(log_event.c.document)
    .where(log_event.c.document.is_not(None))
    .order_by(log_event.c.idx.desc())
    .limit(1)
)


class StoredLogCorrupt(Exception):
    """The stored log does not belong together; the message says where."""


def _require_tiles(work: SqlUnitOfWork, grown: Mapping[tuple[int, int], bytes]) -> int:
    """Require that each tile that is stored is the one that grew of the entries; how many are."""
    stored = {
        place: data
        for place, data in grown.items()
        if place[0] > 0 or len(data) == tiles.TILE_BYTES
    }
    for (level, n), data in stored.items():
        if [row.data for row in work.rows(TILE, {"level": level, "n": n})] != [data]:
            raise StoredLogCorrupt(f"tile {n} of level {level} is not that of the entries")
    return len(stored)


def verify_log(work: SqlUnitOfWork, tell: Callable[[int, int], None] | None = None) -> TreeHead:
    """Build the whole log again from its documents and entries; its head when all of it agrees.

    ``tell`` hears how many entries of how many are done. Raises StoredLogCorrupt. Without the key
    of persons their words are not compared.
    """
    head = work.log.head()
    streams, blocks, erasures = _Streams(), _Blocks(work), _Erasures(work)
    grown: dict[tuple[int, int], bytes] = {}
    root, size = tree.EMPTY_ROOT, 0

    def read(level: int, n: int) -> bytes:
        return grown.get((level, n), b"")

    while size < head.size:
        rows = work.rows(_STORED, {"start": size, "limit": min(CHUNK, head.size - size)})
        leaves = [tree.leaf_hash(_checked(row, size + at)) for at, row in enumerate(rows)]
        for row in rows:
            _require_told(row, streams, erasures, work.person_key)
            blocks.add(row)
        if not leaves:
            raise StoredLogCorrupt(f"entry {size} is missing: the head counts {head.size}")
        changed, root = tiles.append(read, size, leaves)
        grown |= changed
        size += len(leaves)
        if tell is not None:
            tell(size, head.size)
    _require_head(work, head, root)
    number_of_tiles = _require_tiles(work, grown)
    _require_confirmed(work, read, head)
    streams.require_rows(work)
    erasures.require_all()
    counted = {name: work.rows(count, {})[0][0] for name, count in _COUNTS.items()}
    if counted != {
        "entries": head.size,
        "tiles": number_of_tiles,
        "blocks": head.size // event_index.BLOCK,
    }:
        raise StoredLogCorrupt("there are rows beyond the head, or rows to search by are missing")
    return head


def _require_confirmed(work: SqlUnitOfWork, read: tiles.ReadTile, head: TreeHead) -> None:
    """Require that each checkpoint that somebody confirmed is a beginning of this log."""
    for size, by, note in work.stream(_CONFIRMED):
        try:
            seen = parse_checkpoint(note.partition("\n\n")[0] + "\n")
            same = size == seen.size <= head.size and tiles.root(read, size) == seen.root
        except NoteError:
            same = False
        if not same:
            raise StoredLogCorrupt(f"{by} confirmed {size} entries of another history of the log")


def newest_document(work: SqlUnitOfWork) -> bytes | None:
    """The newest event's document that was not erased."""
    found = work.rows(_DOCUMENT, {})
    return found[0].document if found else None


def _checked(row: Row[Any], index: int) -> bytes:
    if row.idx != index:
        raise StoredLogCorrupt(f"entry {index} is missing")
    line: bytes = row.entry
    if row.document is None:
        raise StoredLogCorrupt(f"the document of entry {index} is missing: no event erased it")
    try:
        made = entry_commitment(row.document or b"", row.nonce or b"")
    except (ValueError, TypeError) as error:  # SQLite keeps any type in any column
        raise StoredLogCorrupt(f"the document of entry {index} is damaged: {error}") from error
    if made != line:
        raise StoredLogCorrupt(f"entry {index} is not that of its document")
    return line


class _Streams:
    """The streams of all parties as the events count them, and as the rows list them.

    Of the rows only a sum of digests is kept: two lists of millions are alike when theirs are.
    """

    def __init__(self) -> None:
        self._last: dict[str, int] = {}
        self._sum = 0

    def count(self, organisation: str, number: int, index: int) -> None:
        """An event that a party counts; its numbers go up by one."""
        last = self._last.get(organisation, 0)
        if number != last + 1:
            raise StoredLogCorrupt(
                f"entry {index} is number {number} of the stream of {organisation}, after {last}"
            )
        self._last[organisation] = number
        self._sum ^= _digest(organisation, number, index)

    def require_rows(self, work: SqlUnitOfWork) -> None:
        """Require that the stored rows of the streams are these, no more and no less."""
        at = {"organisation": "", "number": 0}
        listed = 0
        while rows := work.rows(_STREAM_ROWS, at):
            for row in rows:
                listed ^= _digest(row.organisation, row.stream_number, row.idx)
            at = {"organisation": rows[-1].organisation, "number": rows[-1].stream_number}
        last = {row.organisation: row.last for row in work.rows(_LAST, {})}
        if listed != self._sum or last != self._last:
            raise StoredLogCorrupt("the parties' streams are not those that the events count")


class _Erasures:
    """The details that ended with their term, as the gateway's events count them."""

    def __init__(self, work: SqlUnitOfWork) -> None:
        """Read what the events say; that they are in the log is found out with all others."""
        told = [_subject(row) for row in work.rows(_ERASING, {})]
        self._told = sum(one["details"] for one in told)
        self._counted = 0
        self._ranges: list[tuple[int, int]] = []
        for start, end in sorted((one["first"], one["last"]) for one in told):
            before = self._ranges.pop() if self._ranges and start <= self._ranges[-1][1] else None
            merged = (start, end) if before is None else (before[0], max(end, before[1]))
            self._ranges.append(merged)

    def count(self, index: int) -> None:
        """A detail that is missing at an entry."""
        at = bisect(self._ranges, index, key=itemgetter(0)) - 1
        if at < 0 or index > self._ranges[at][1]:
            raise StoredLogCorrupt(f"a detail of entry {index} is missing: no event erased it")
        self._counted += 1

    def require_all(self) -> None:
        """Require as many as the events say."""
        if self._counted != self._told:
            raise StoredLogCorrupt(
                f"{self._counted} details are missing, and events erased {self._told}"
            )


def _subject(row: Row[Any]) -> dict[str, int]:
    """Return what an erasure of details tells; StoredLogCorrupt where it tells nothing."""
    try:
        opened = [
            sd_jwt.read_stored_disclosure(text)
            for text, _ in json.loads(row.disclosures)
            if text is not None
        ]
        told = next(json.loads(one.value) for one in opened if one.name == "subject")
        return {name: int(told[name]) for name in ("first", "last", "details")}
    except (ValueError, LookupError, TypeError, StopIteration):
        raise StoredLogCorrupt(f"entry {row.idx} does not tell what it erased") from None


def _digest(organisation: str, number: int, index: int) -> int:
    return int.from_bytes(sha256(f"{organisation}/{number}/{index}".encode()).digest(), "big")


class _Blocks:
    """The words of whole blocks, compared as each block ends."""

    def __init__(self, work: SqlUnitOfWork) -> None:
        self._work = work
        self._words: list[str] = []

    def add(self, row: Row[Any]) -> None:
        self._words.append(row.words)
        if len(self._words) < event_index.BLOCK:
            return
        made, n = event_index.together(self._words), row.idx // event_index.BLOCK
        self._words = []
        if [stored.words for stored in self._work.rows(_BLOCK, {"n": n})] != [made]:
            raise StoredLogCorrupt(f"the words of block {n} are not those of its entries")


def _require_told(row: Row[Any], streams: _Streams, erasures: _Erasures, person_key: bytes) -> None:
    """Require that all that is stored beside a document is what the event says."""
    told = event.read(row.document)
    committed, details, parties = set(told["sd"]), {}, []
    for text, _ in json.loads(row.disclosures):
        if text is None:
            erasures.count(row.idx)
            continue
        if text.startswith(ENVELOPE):
            continue  # committed to in clear, and nothing that is searched for
        read = sd_jwt.read_stored_disclosure(text)
        if read.digest not in committed:
            raise StoredLogCorrupt(f"a detail of entry {row.idx} is not of its document")
        if read.name == event.PARTY:
            parties.append(read.value["organisation"])
            streams.count(read.value["organisation"], read.value["stream_number"], row.idx)
        else:
            details[str(read.name)] = read.value
    made = event_index.words_of(told["type"], told["result"], parties, details, person_key)
    found = (_comparable(row.words, person_key), row.at, row.handoff, row.case_digest, row.step_of)
    handoff, digest = told.get("handoff"), told.get("case_digest")
    expected = (
        _comparable(made, person_key),
        parse_timestamp(told["time"]),
        UUID(handoff) if handoff else None,
        digest,
        event_index.step_of(told["type"], told["result"], digest),
    )
    if found != expected:
        raise StoredLogCorrupt(f"entry {row.idx} is searched for by other words than its own")


def _comparable(words: str, person_key: bytes) -> list[str]:
    return [word for word in words.split("|") if person_key or not word.startswith("person:")]


def _require_head(work: SqlUnitOfWork, head: TreeHead, root: bytes) -> None:
    if root != head.root:
        raise StoredLogCorrupt("the head's root is not that of the entries")
    try:
        kept = tree.grow(work.rows(_EDGE, {})[0].edge, head.size, ())
        whole = kept.root == head.root
    except (ValueError, TypeError):
        whole = False
    if not whole:
        raise StoredLogCorrupt("the tree's right edge is not that of the entries")
