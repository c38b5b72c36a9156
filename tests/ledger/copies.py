"""A log's files as a server of tlog-tiles gives them, for tests that copy and tamper."""

from collections.abc import Sequence
from hashlib import sha256

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from gateway.ledger import tiles, tree
from gateway.ledger.note import Checkpoint, NoteSigner, sign_checkpoint


def signer_of(origin: str) -> NoteSigner:
    """The key of a test's log, always the same for one origin."""
    seed = sha256(origin.encode()).digest()
    return NoteSigner(origin, Ed25519PrivateKey.from_private_bytes(seed))


def entry_of(number: int, fork: int | None = None) -> bytes:
    """Entry ``number`` of a test's log; from ``fork`` on that of another history."""
    other = fork is not None and number >= fork
    return b"%s %d" % (b"other" if other else b"entry", number)


class Served:
    """A log that can grow, serve any tile that it has, and lie about one file."""

    def __init__(self, signer: NoteSigner, size: int = 0, fork: int | None = None) -> None:
        self._signer, self._fork = signer, fork
        self.entries: list[bytes] = []
        self._tiles: dict[tuple[int, int], bytes] = {}
        self._root = tree.EMPTY_ROOT
        self.lies: dict[str, bytes | None] = {}
        self.asked: list[str] = []
        self.grow(size)

    def grow(self, by: int) -> None:
        """Append further entries."""
        start = len(self.entries)
        self.append([entry_of(number, self._fork) for number in range(start, start + by)])

    def append(self, new: Sequence[bytes]) -> None:
        """Append these entries."""
        start = len(self.entries)
        self.entries += new
        changed, self._root = tiles.append(self._tile, start, [tree.leaf_hash(e) for e in new])
        self._tiles |= changed

    def note(self) -> bytes:
        """The signed checkpoint of now."""
        checkpoint = Checkpoint(self._signer.name, len(self.entries), self._root)
        return sign_checkpoint(checkpoint, self._signer).encode()

    def fetch(self, path: str) -> bytes:
        """A file, or a lie about it."""
        self.asked.append(path)
        if path in self.lies:
            lie = self.lies[path]
            if lie is None:
                raise LookupError(path)
            return lie
        if path == "checkpoint":
            return self.note()
        address = tiles.parse_tile_path(path)
        if not tiles.is_available(address, len(self.entries)):
            raise LookupError(path)
        if address.level is None:
            start = address.n * tiles.TILE_WIDTH
            return tiles.encode_entries(self.entries[start : start + address.width])
        return self._tile(address.level, address.n)[: address.width * tree.HASH_BYTES]

    def _tile(self, level: int, n: int) -> bytes:
        return self._tiles.get((level, n), b"")


def flipped(data: bytes, place: int) -> bytes:
    """The same bytes with one bit changed."""
    changed = bytearray(data)
    changed[place] ^= 1
    return bytes(changed)


def without(entries: Sequence[bytes], number: int) -> bytes:
    """A bundle that lacks one of its entries."""
    return tiles.encode_entries([*entries[:number], *entries[number + 1 :]])
