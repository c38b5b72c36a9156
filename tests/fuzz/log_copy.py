"""Copies of a log: a bundle and the tile beside it, of outside bytes, raise CopyCorrupt and no
more.

Oracle: a bundle that is accepted is written again to the same bytes, and each of its entries has
its leaf hash in the tile.
"""

from gateway.ledger import tiles, tree
from gateway.ledger.tiles import TileAddress
from tests.fuzz.target import VECTORS

_LOG = VECTORS / "tlog600" / "log"


def seeds() -> list[bytes]:
    """Bundles of the vectors, each with its tile before it and their width in front."""
    small = [b"", b"a", b"entry"]
    leaves = b"".join(tree.leaf_hash(one) for one in small)
    last = (_LOG / tiles.tile_path(0, 2, 88)).read_bytes()
    bundle = (_LOG / tiles.entries_path(2, 88)).read_bytes()
    return [bytes([2]) + leaves + tiles.encode_entries(small), bytes([87]) + last + bundle]


def check(data: bytes) -> None:
    """A width, a tile, a bundle."""
    width = (data[0] if data else 0) + 1
    end = 1 + width * tree.HASH_BYTES
    leaves, bundle = data[1:end], data[end:]
    address = TileAddress(None, 0, width)
    try:
        tiles.check_bundle(address, bundle, leaves)
    except tiles.CopyCorrupt as damaged:
        assert 0 <= damaged.index <= width
        return
    entries = tiles.decode_entries(bundle)
    assert tiles.encode_entries(entries) == bundle
    assert b"".join(map(tree.leaf_hash, entries)) == leaves
