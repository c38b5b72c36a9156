"""A copy of a log: its files by their tlog-tiles paths, and whether each follows from the others.

Entries make leaf hashes, full tiles make the hashes of the level above, and all of them the root
that was signed. Checked in this order, the first fault has an index: the first entry that it
concerns.
"""

from collections.abc import Callable, Iterator

from gateway.ledger import tiles, tree
from gateway.ledger.tiles import TILE_HEIGHT, TILE_WIDTH, TileAddress

ReadFile = Callable[[str], bytes]
"""The bytes of a file by its path; raises LookupError when the copy does not have it."""


class ReplicaCorrupt(ValueError):
    """A file of the copy is not what the rest says; ``index`` is the first entry concerned."""

    def __init__(self, index: int, file: str, wrong: str) -> None:
        """``wrong`` is a clause without a full stop."""
        super().__init__(f"{wrong} ({file}; the first bad index is {index})")
        self.index = index
        self.file = file


class ReplicaIncomplete(ValueError):
    """The copy lacks a file that a log of this size has; ``index`` is its first entry."""

    def __init__(self, index: int, file: str) -> None:
        """Name the file."""
        super().__init__(f"{file} is missing (the first bad index is {index})")
        self.index = index
        self.file = file


def bundles(size: int, known: int = 0) -> Iterator[TileAddress]:
    """The bundles of entries of a log of ``size`` entries, except those full at ``known``.

    Each is as wide as that log makes it.
    """
    yield from _row(None, size, known)


def hashes(level: int, size: int, known: int = 0) -> Iterator[TileAddress]:
    """The tiles of a level, in the same way."""
    rise = TILE_HEIGHT * level
    yield from _row(level, size >> rise, known >> rise)


def levels(size: int) -> range:
    """The levels on which a log of this size has tiles."""
    top = 0
    while size >> (TILE_HEIGHT * (top + 1)):
        top += 1
    return range(top + 1) if size else range(0)


def _row(level: int | None, count: int, known: int) -> Iterator[TileAddress]:
    first, last = known // TILE_WIDTH, -(-count // TILE_WIDTH)
    for n in range(first, last):
        yield TileAddress(level, n, min(TILE_WIDTH, count - n * TILE_WIDTH))


def read_file(read: ReadFile, address: TileAddress) -> bytes:
    """A file of the copy; ReplicaIncomplete when it is not there, ReplicaCorrupt for a tile of
    another length."""
    path, first = tiles.path_of(address), first_index(address)
    try:
        data = read(path)
    except LookupError:
        raise ReplicaIncomplete(first, path) from None
    if address.level is not None and len(data) != address.width * tree.HASH_BYTES:
        raise ReplicaCorrupt(first, path, f"the tile has {len(data)} bytes")
    return data


def first_index(address: TileAddress) -> int:
    """The first entry that a tile or bundle is about."""
    return (address.n * TILE_WIDTH) << (TILE_HEIGHT * (address.level or 0))


def check_bundle(address: TileAddress, data: bytes, leaves: bytes) -> None:
    """Check that each entry of a bundle makes its leaf hash; ``leaves`` are the tile beside it.

    Raises Damaged with the index of the first entry that does not.
    """
    path, first = tiles.path_of(address), first_index(address)
    try:
        entries = tiles.decode_entries(data)
    except ValueError as error:
        raise ReplicaCorrupt(first, path, str(error)) from None
    for offset, entry in enumerate(entries[: address.width]):
        if tree.leaf_hash(entry) != _hash(leaves, offset):
            raise ReplicaCorrupt(first + offset, path, "an entry does not make its leaf hash")
    if len(entries) != address.width:
        index = first + min(len(entries), address.width)
        raise ReplicaCorrupt(index, path, f"the bundle has {len(entries)} entries")


def check_tile(address: TileAddress, data: bytes, below: Callable[[int], bytes]) -> None:
    """Check that each hash of a tile above level 0 is the root of its full tile below.

    ``below(n)`` is that tile. Raises Damaged with the first entry under the first wrong hash.
    """
    level = address.level or 0
    for offset in range(address.width):
        n = address.n * TILE_WIDTH + offset
        if tiles.full_tile_root(below(n)) != _hash(data, offset):
            raise ReplicaCorrupt(
                (n * TILE_WIDTH) << (TILE_HEIGHT * (level - 1)),
                tiles.path_of(address),
                "a hash is not the root of the tile below it",
            )


def _hash(data: bytes, offset: int) -> bytes:
    return data[offset * tree.HASH_BYTES : (offset + 1) * tree.HASH_BYTES]
