"""Whether a stored log is whole: every document, entry, tile and the head belong together.

Run after whatever moved a database (evidence.md L8): a log that lost or changed a row must be
found before it is written to again.
"""

from collections.abc import Callable, Sequence
from typing import Any

from sqlalchemy import Row, bindparam, func, select

from gateway.actions.records import Head
from gateway.ledger import tiles, tree
from gateway.ledger.entry import entry
from gateway.store.tables import log_document, log_entry, log_tile
from gateway.store.work import SqlWork

CHUNK = 4096
"""Entries that are looked at together; a multiple of what a tile holds."""

_STORED = (
    select(log_entry.c.idx, log_entry.c.entry, log_document.c.doc, log_document.c.nonce)
    .outerjoin(log_document, log_document.c.event == log_entry.c.event)
    .where(log_entry.c.idx >= bindparam("start"))
    .order_by(log_entry.c.idx)
    .limit(bindparam("limit"))
)
_ENTRIES = select(func.count()).select_from(log_entry)
_TILES = select(func.count()).select_from(log_tile)
_DOCUMENT = (
    select(log_document.c.doc)
    .join(log_entry, log_entry.c.event == log_document.c.event)
    .where(log_document.c.doc.is_not(None))
    .order_by(log_entry.c.idx.desc())
    .limit(1)
)


class Unsound(Exception):
    """The stored log does not belong together; the message says where."""


def examine(work: SqlWork, tell: Callable[[int, int], None]) -> Head:
    """Build the whole log again from its documents and entries; its head when all of it agrees.

    ``tell`` hears how many entries of how many are done. Raises Unsound.
    """
    head = work.log.head()
    grown: dict[tuple[int, int], bytes] = {}
    root, size = tree.EMPTY_ROOT, 0

    def read(level: int, n: int) -> bytes:
        return grown.get((level, n), b"")

    while size < head.size:
        rows = work.rows(_STORED, {"start": size, "limit": min(CHUNK, head.size - size)})
        leaves = [tree.leaf_hash(_checked(row, size + at)) for at, row in enumerate(rows)]
        if not leaves:
            raise Unsound(f"entry {size} is missing: the head counts {head.size}")
        changed, root = tiles.append(read, size, leaves)
        grown |= changed
        size += len(leaves)
        tell(size, head.size)
    _require_tiles(work, grown)
    _require_nothing_more(work, head.size, len(grown))
    if root != head.root:
        raise Unsound("the head's root is not that of the entries")
    return head


def newest_document(work: SqlWork) -> bytes | None:
    """The newest event's document that was not erased."""
    found = work.rows(_DOCUMENT, {})
    return found[0].doc if found else None


def _checked(row: Row[Any], index: int) -> bytes:
    if row.idx != index:
        raise Unsound(f"entry {index} is missing")
    line: bytes = row.entry
    if row.doc is None and row.nonce is None:
        return line  # erased: the commitment to it stays
    try:
        made = entry(row.doc or b"", row.nonce or b"")
    except (ValueError, TypeError) as error:  # SQLite keeps any type in any column
        raise Unsound(f"the document of entry {index} is damaged: {error}") from error
    if made != line:
        raise Unsound(f"entry {index} is not that of its document")
    return line


def _require_tiles(work: SqlWork, grown: dict[tuple[int, int], bytes]) -> None:
    for (level, n), data in grown.items():
        if work.log.tile(level, n) != data:
            raise Unsound(f"tile {n} of level {level} is not that of the entries")


def _require_nothing_more(work: SqlWork, entries: int, tiles_: int) -> None:
    counted: Sequence[int] = [work.rows(count, {})[0][0] for count in (_ENTRIES, _TILES)]
    if list(counted) != [entries, tiles_]:
        raise Unsound("there are entries or tiles beyond the head")
