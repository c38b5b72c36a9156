"""C2SP tlog-tiles: the tree kept as tiles of 256 hashes; its growth, its proofs, its paths.

Tile n of level l holds the hashes n*256 to n*256+255 of level l, where one hash is the root of
256**l leaves (level 0: leaf hashes). Only full tiles are hashed into the level above. A partial
tile is a prefix of the fuller tile that replaces it, so a store keeps one value per tile and
overwrites it as the right edge grows.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from hashlib import sha256

from gateway.ledger import tree
from gateway.ledger.tree import MAX_SIZE

TILE_HEIGHT = 8
TILE_WIDTH = 1 << TILE_HEIGHT
TILE_BYTES = TILE_WIDTH * tree.HASH_BYTES
MAX_LEVEL = 63
# Entry lengths are written in two bytes.
MAX_ENTRY_BYTES = 0xFFFF

# (level, n) -> the tile's bytes as stored, b"" when there is none. A tile wider than the tree of
# the asked size is welcome: its prefix is used.
ReadTile = Callable[[int, int], bytes]

# The hashes of 64 tiles on all their levels take 1 MB.
_REMEMBERED_TILES = 64

_PATH = re.compile(
    r"tile/(?:entries|(?P<level>[0-9]{1,2}))/(?P<n>(?:x[0-9]{3}/){0,6}[0-9]{3})"
    r"(?:\.p/(?P<width>[0-9]{1,3}))?",
    re.ASCII,
)


class MissingTile(LookupError):
    """The store lacks hashes that a tree of this size must have: it is damaged or pruned."""


@dataclass(frozen=True)
class TileAddress:
    """What a tile path names: `level` is None for a bundle of entries; `width` is 1 to 256."""

    level: int | None
    n: int
    width: int = TILE_WIDTH


def append(
    read: ReadTile, size: int, leaves: Sequence[bytes]
) -> tuple[dict[tuple[int, int], bytes], bytes]:
    """Append leaf hashes (32 bytes each) to a tree of `size` leaves.

    Returns the changed tiles whole, by (level, n), and the new root. Reads each tile of the right
    edge at most once, and hashes those and what is added. Raises ValueError for hashes of another
    length or a tree that would outgrow 2**63-1, MissingTile when the right edge is incomplete.
    """
    if any(len(leaf) != tree.HASH_BYTES for leaf in leaves):
        raise ValueError("a leaf hash has exactly 32 bytes")
    if not 0 <= size <= MAX_SIZE - len(leaves):
        raise ValueError("the tree's size is out of range")
    changed: dict[tuple[int, int], bytes] = {}
    level, rising = 0, b"".join(leaves)
    while rising:
        rising = _extend(read, changed, level, size >> (TILE_HEIGHT * level), rising)
        level += 1

    def read_new(level: int, n: int) -> bytes:
        return changed.get((level, n)) or read(level, n)

    return changed, root(read_new, size + len(leaves))


def root(read: ReadTile, size: int) -> bytes:
    """Return the root of the first `size` leaves (RFC 9162 section 2.1.1).

    Raises ValueError for a negative size, MissingTile when the store lacks a tile.
    """
    if size < 0:
        raise ValueError("a size is not negative")
    return tree.root_of_edge(_Nodes(read), 0, size)


class InclusionProofs:
    """Inclusion proofs in the first `size` leaves; what they share is read and hashed once."""

    def __init__(self, read: ReadTile, size: int) -> None:
        """Nothing is read before the first proof."""
        self.size = size
        self._nodes = _Nodes(read)
        self._way = cache(self._way_up)

    def of(self, index: int) -> tuple[bytes, ...]:
        """Return the inclusion proof of leaf `index` (RFC 9162 section 2.1.3.1).

        Raises ValueError unless 0 <= index < size, MissingTile when the store lacks a tile.
        """
        if not 0 <= index < self.size:
            raise ValueError("the index lies outside the tree")
        return self._way(0, index)

    def _way_up(self, height: int, index: int) -> tuple[bytes, ...]:
        """`tree.path` from any subtree on: neighbours have most of it in common."""
        if not (self.size - 1) >> height:
            return ()
        beside = tree.sibling(self._nodes, height, index, self.size)
        return beside + self._way(height + 1, index >> 1)


def inclusion_proof(read: ReadTile, index: int, size: int) -> list[bytes]:
    """Return one such proof."""
    return [*InclusionProofs(read, size).of(index)]


def consistency_proof(read: ReadTile, old: int, size: int) -> list[bytes]:
    """Return the proof that the first `old` leaves are the beginning of `size` (RFC 9162 2.1.4.1).

    Raises ValueError for an `old` that is no beginning, MissingTile when the store lacks a tile.
    """
    if not 0 <= old <= size:
        raise ValueError("a tree is the beginning of no smaller one")
    return tree.consistency(_Nodes(read), old, size)


def entry_proof(read: ReadTile, index: int, size: int) -> tuple[bytes, list[bytes]]:
    """Return the leaf hash of an entry, and its inclusion proof.

    That of the last entry of an earlier tree names all that the earlier root is computed from.
    """
    nodes = _Nodes(read)
    if not 0 <= index < size:
        raise ValueError("the index lies outside the tree")
    return nodes[0, index], tree.path(nodes, index, size)


def full_tile_root(tile: bytes) -> bytes:
    """Return the hash of a full tile in the level above; ValueError for another tile."""
    if len(tile) != TILE_BYTES:
        raise ValueError("a full tile has 256 hashes")
    return _levels(tile)[TILE_HEIGHT]


def tile_path(level: int, n: int, width: int = TILE_WIDTH) -> str:
    """Return "tile/<level>/<n>[.p/<width>]"; raises ValueError for an impossible address."""
    if not 0 <= level <= MAX_LEVEL:
        raise ValueError("a tile's level is 0 to 63")
    return f"tile/{level}/{_numbered(n, width)}"


def entries_path(n: int, width: int = TILE_WIDTH) -> str:
    """Return "tile/entries/<n>[.p/<width>]"; raises ValueError for an impossible address."""
    return f"tile/entries/{_numbered(n, width)}"


def path_of(address: TileAddress) -> str:
    """Return the path of a tile or bundle; raises ValueError for an impossible address."""
    if address.level is None:
        return entries_path(address.n, address.width)
    return tile_path(address.level, address.n, address.width)


def parse_tile_path(path: str) -> TileAddress:
    """Read a path written by `tile_path` or `entries_path`; anything else raises ValueError."""
    match = _PATH.fullmatch(path)
    if not match:
        raise ValueError("not a tile path")
    level, n, width = match["level"], match["n"], match["width"]
    address = TileAddress(
        level=None if level is None else int(level),
        n=int(n.replace("x", "").replace("/", "")),
        width=TILE_WIDTH if width is None else int(width),
    )
    # One address, one path: leading zeros, needless groups and ".p/256" are other spellings.
    if path_of(address) != path:
        raise ValueError("not a tile path in its canonical form")
    return address


def is_available(address: TileAddress, size: int) -> bool:
    """Tell whether a tree of `size` leaves can serve this tile.

    A full tile only once it is full, because caches keep what they got under its name; a partial
    one for every width that the tree has or had, as a prefix of what is stored.
    """
    width_of_level = size >> (TILE_HEIGHT * (address.level or 0))
    return address.n * TILE_WIDTH + address.width <= width_of_level


def encode_entries(entries: Sequence[bytes]) -> bytes:
    """Write a bundle of at most 256 entries, each after its length as two big-endian bytes.

    Raises ValueError for more entries, or for one longer than 65,535 bytes.
    """
    if len(entries) > TILE_WIDTH:
        raise ValueError("a bundle holds at most 256 entries")
    if any(len(entry) > MAX_ENTRY_BYTES for entry in entries):
        raise ValueError("an entry is at most 65535 bytes long")
    return b"".join(len(entry).to_bytes(2, "big") + entry for entry in entries)


def decode_entries(data: bytes) -> list[bytes]:
    """Read a bundle written by `encode_entries`; raises ValueError if it is cut off or too wide."""
    entries: list[bytes] = []
    position = 0
    while position < len(data):
        start = position + 2
        position = start + int.from_bytes(data[position:start], "big")
        if position > len(data):
            raise ValueError("the bundle is cut off")
        entries.append(data[start:position])
        if len(entries) > TILE_WIDTH:
            raise ValueError("a bundle holds at most 256 entries")
    return entries


def _extend(
    read: ReadTile, changed: dict[tuple[int, int], bytes], level: int, position: int, hashes: bytes
) -> bytes:
    """Add hashes to a level that has `position` of them; return the roots of the tiles filled."""
    n, width = divmod(position, TILE_WIDTH)
    end = width * tree.HASH_BYTES
    row = _stored(read, level, n, end)[:end] + hashes if width else hashes
    filled: list[bytes] = []
    for start in range(0, len(row), TILE_BYTES):
        tile = row[start : start + TILE_BYTES]
        changed[level, n] = tile
        n += 1
        if len(tile) == TILE_BYTES:
            filled.append(full_tile_root(tile))
    return b"".join(filled)


def _stored(read: ReadTile, level: int, n: int, end: int) -> bytes:
    """A tile as stored, which holds at least `end` bytes."""
    tile = read(level, n)
    if len(tile) < end:
        raise MissingTile(f"tile {n} of level {level} has {len(tile)} bytes, not {end}")
    return tile


class _Nodes(dict[tuple[int, int], bytes]):
    """Roots of complete subtrees, as `tree.Nodes`; each is read and hashed once."""

    def __init__(self, read: ReadTile) -> None:
        super().__init__()
        self._read = cache(read)

    def __missing__(self, place: tuple[int, int]) -> bytes:
        height, index = place
        level, rise = divmod(height, TILE_HEIGHT)
        n, offset = divmod(index << rise, TILE_WIDTH)
        tile = _stored(self._read, level, n, (offset + (1 << rise)) * tree.HASH_BYTES)
        start = (offset >> rise) * tree.HASH_BYTES
        found = self[place] = _levels(tile)[rise][start : start + tree.HASH_BYTES]
        return found


# Remembered by content: a page of proofs asks for most of a tile's subtrees.
@lru_cache(maxsize=_REMEMBERED_TILES)
def _levels(tile: bytes) -> list[bytes]:
    """The hashes of a tile, and those above them, level by level: of complete subtrees alone."""
    levels = [tile]
    for _ in range(TILE_HEIGHT):
        # Two neighbours lie side by side already: this is tree.node_hash without cutting them.
        pairs = range(0, len(tile) - tree.HASH_BYTES, 2 * tree.HASH_BYTES)
        tile = b"".join([sha256(b"\x01" + tile[at : at + 64]).digest() for at in pairs])
        levels.append(tile)
    return levels


def _numbered(n: int, width: int) -> str:
    """Write n in groups of three digits, "x001/x234/067", and the width of a partial tile."""
    if not 0 <= n <= MAX_SIZE >> TILE_HEIGHT:
        raise ValueError("a tile's number is out of range")
    if not 1 <= width <= TILE_WIDTH:
        raise ValueError("a tile's width is 1 to 256")
    path = f"{n % 1000:03}"
    while n := n // 1000:
        path = f"x{n % 1000:03}/{path}"
    return path if width == TILE_WIDTH else f"{path}.p/{width}"


# --- A copy of a log: its files by their paths, and whether each follows from the others ---
#
# Entries make leaf hashes, full tiles make the hashes of the level above, and all of them the
# root that was signed. Checked in this order, the first fault has an index: the first entry that
# it concerns.


ReadFile = Callable[[str], bytes]
"""The bytes of a file by its path; raises LookupError when the copy does not have it."""


class CopyCorrupt(ValueError):
    """A file of the copy is not what the rest says; ``index`` is the first entry concerned."""

    def __init__(self, index: int, file: str, wrong: str) -> None:
        """``wrong`` is a clause without a full stop."""
        super().__init__(f"{wrong} ({file}; the first bad index is {index})")
        self.index = index
        self.file = file


class CopyIncomplete(ValueError):
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
    """A file of the copy; CopyIncomplete when it is not there, CopyCorrupt for a tile of
    another length."""
    path, first = path_of(address), first_index(address)
    try:
        data = read(path)
    except LookupError:
        raise CopyIncomplete(first, path) from None
    if address.level is not None and len(data) != address.width * tree.HASH_BYTES:
        raise CopyCorrupt(first, path, f"the tile has {len(data)} bytes")
    return data


def first_index(address: TileAddress) -> int:
    """The first entry that a tile or bundle is about."""
    return (address.n * TILE_WIDTH) << (TILE_HEIGHT * (address.level or 0))


def check_bundle(address: TileAddress, data: bytes, leaves: bytes) -> None:
    """Check that each entry of a bundle makes its leaf hash; ``leaves`` are the tile beside it.

    Raises CopyCorrupt with the index of the first entry that does not.
    """
    path, first = path_of(address), first_index(address)
    try:
        entries = decode_entries(data)
    except ValueError as error:
        raise CopyCorrupt(first, path, str(error)) from None
    for offset, entry in enumerate(entries[: address.width]):
        if tree.leaf_hash(entry) != _hash(leaves, offset):
            raise CopyCorrupt(first + offset, path, "an entry does not make its leaf hash")
    if len(entries) != address.width:
        index = first + min(len(entries), address.width)
        raise CopyCorrupt(index, path, f"the bundle has {len(entries)} entries")


def check_tile(address: TileAddress, data: bytes, below: Callable[[int], bytes]) -> None:
    """Check that each hash of a tile above level 0 is the root of its full tile below.

    ``below(n)`` is that tile. Raises CopyCorrupt with the first entry under the first wrong hash.
    """
    level = address.level or 0
    for offset in range(address.width):
        n = address.n * TILE_WIDTH + offset
        if full_tile_root(below(n)) != _hash(data, offset):
            raise CopyCorrupt(
                (n * TILE_WIDTH) << (TILE_HEIGHT * (level - 1)),
                path_of(address),
                "a hash is not the root of the tile below it",
            )


def _hash(data: bytes, offset: int) -> bytes:
    return data[offset * tree.HASH_BYTES : (offset + 1) * tree.HASH_BYTES]
