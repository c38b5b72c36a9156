"""Whether a stored log is whole: every document, entry, tile and the head belong together.

Run after whatever moved a database: a log that lost or changed a row must be
found before it is written to again.
"""

from collections.abc import Callable
from typing import Any

from sqlalchemy import Row, bindparam, func, select

from gateway.kernel.values import TreeHead
from gateway.ledger import tiles, tree
from gateway.ledger.entry import entry_commitment
from gateway.store import event_index
from gateway.store.tables import log_block, log_event, log_facet, log_head, log_tile
from gateway.store.unit_of_work import SqlUnitOfWork

CHUNK = 4096
"""Entries that are looked at together; a multiple of what a tile holds."""

_STORED = (
    select(log_event.c.idx, log_event.c.entry, log_event.c.document, log_event.c.nonce)
    .where(log_event.c.idx >= bindparam("start"))
    .order_by(log_event.c.idx)
    .limit(bindparam("limit"))
)
_COUNTS = {
    name: select(func.count()).select_from(table)
    for name, table in {
        "entries": log_event,
        "tiles": log_tile,
        "facets": log_facet,
        "blocks": log_block,
    }.items()
}
_TILE = select(log_tile.c.data).where(
    log_tile.c.level == bindparam("level"), log_tile.c.n == bindparam("n")
)
_EDGE = select(log_head.c.edge)
_DOCUMENT = (
    select(log_event.c.document)
    .where(log_event.c.document.is_not(None))
    .order_by(log_event.c.idx.desc())
    .limit(1)
)


class StoredLogCorrupt(Exception):
    """The stored log does not belong together; the message says where."""


def verify_log(work: SqlUnitOfWork, tell: Callable[[int, int], None]) -> TreeHead:
    """Build the whole log again from its documents and entries; its head when all of it agrees.

    ``tell`` hears how many entries of how many are done. Raises StoredLogCorrupt.
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
            raise StoredLogCorrupt(f"entry {size} is missing: the head counts {head.size}")
        changed, root = tiles.append(read, size, leaves)
        grown |= changed
        size += len(leaves)
        tell(size, head.size)
    if root != head.root:
        raise StoredLogCorrupt("the head's root is not that of the entries")
    _require_edge(work, head)
    stored = {
        place: data
        for place, data in grown.items()
        if place[0] > 0 or len(data) == tiles.TILE_BYTES
    }
    for (level, n), data in stored.items():
        if [row.data for row in work.rows(_TILE, {"level": level, "n": n})] != [data]:
            raise StoredLogCorrupt(f"tile {n} of level {level} is not that of the entries")
    counted = {name: work.rows(count, {})[0][0] for name, count in _COUNTS.items()}
    blocks = head.size // event_index.BLOCK
    if counted != {
        "entries": head.size,
        "tiles": len(stored),
        "facets": head.size,
        "blocks": blocks,
    }:
        raise StoredLogCorrupt("there are rows beyond the head, or rows to search by are missing")
    return head


def newest_document(work: SqlUnitOfWork) -> bytes | None:
    """The newest event's document that was not erased."""
    found = work.rows(_DOCUMENT, {})
    return found[0].document if found else None


def _checked(row: Row[Any], index: int) -> bytes:
    if row.idx != index:
        raise StoredLogCorrupt(f"entry {index} is missing")
    line: bytes = row.entry
    if row.document is None and row.nonce is None:
        return line  # erased: the commitment to it stays
    try:
        made = entry_commitment(row.document or b"", row.nonce or b"")
    except (ValueError, TypeError) as error:  # SQLite keeps any type in any column
        raise StoredLogCorrupt(f"the document of entry {index} is damaged: {error}") from error
    if made != line:
        raise StoredLogCorrupt(f"entry {index} is not that of its document")
    return line


def _require_edge(work: SqlUnitOfWork, head: TreeHead) -> None:
    try:
        kept = tree.grow(work.rows(_EDGE, {})[0].edge, head.size, ())
        whole = kept.root == head.root
    except (ValueError, TypeError):
        whole = False
    if not whole:
        raise StoredLogCorrupt("the tree's right edge is not that of the entries")
