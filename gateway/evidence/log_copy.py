"""Whether a copy of a log is whole: every entry, leaf, tile, the root, and the log's signature.

Nothing is believed but the log's key. The operator's own database is checked in the same way as
an auditor's copy: it is the files that count, wherever they are.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial

from gateway.evidence.report import (
    Code,
    VerificationFailed,
    VerificationReport,
    pluralise,
    run_steps,
)
from gateway.evidence.trust import TrustAnchors
from gateway.ledger import replica, tiles
from gateway.ledger.checkpoint import Checkpoint, open_checkpoint
from gateway.ledger.note import NoteError
from gateway.ledger.replica import ReadFile
from gateway.ledger.tiles import TileAddress

CHECKPOINT = "checkpoint"
"""The file of a copy that says how far it goes (C2SP tlog-tiles)."""

Progress = Callable[[int, int], None]
"""Told how many entries of how many are checked."""


def check(
    read: ReadFile, trust: TrustAnchors, progress: Progress = lambda done, of: None
) -> VerificationReport:
    """Check the copy whose files ``read`` gives, from its entries up to the signed root."""
    copy = _ReplicaVerification(read, trust, progress)
    return run_steps("log", copy.steps(), copy.conclude)


@dataclass(frozen=True)
class VerifiedReplica:
    """A copy that `check` found whole: what its checkpoint says, and its files."""

    checkpoint: Checkpoint
    read: ReadFile

    def root(self, size: int) -> bytes:
        """The root over its first ``size`` entries, at most as many as it has."""
        return tiles.root(partial(_tile, self.read, self.checkpoint.size), size)


def _tile(read: ReadFile, size: int, level: int, n: int) -> bytes:
    """A tile of a copy of this size, as wide as it has it."""
    count = (size >> tiles.TILE_HEIGHT * level) - n * tiles.TILE_WIDTH
    return replica.read_file(read, TileAddress(level, n, min(tiles.TILE_WIDTH, count)))


def open_copy(
    read: ReadFile, trust: TrustAnchors
) -> tuple[VerificationReport, VerifiedReplica | None]:
    """Check a copy as `check` does, and give it where it is whole."""
    copy = _ReplicaVerification(read, trust, lambda done, of: None)
    verdict = run_steps("log", copy.steps(), copy.conclude)
    whole = verdict.code == Code.VERIFIED
    return verdict, VerifiedReplica(copy.checkpoint, read) if whole else None


def signed(note: bytes, trust: TrustAnchors) -> Checkpoint:
    """What a checkpoint's note states, once its own log's trusted key has signed it.

    Raises Failed: UNKNOWN for a log that is not trusted, BAD_SIGNATURE.
    """
    origin = note.partition(b"\n")[0].decode("utf-8", errors="replace")
    if origin not in trust.origins:
        raise VerificationFailed(
            Code.UNKNOWN, f"no key was given for the log {ascii(origin)[:200]}"
        )
    try:
        return open_checkpoint(note, trust.log_keys, origin)
    except NoteError as error:
        raise VerificationFailed(
            Code.BAD_SIGNATURE, f"the checkpoint is not the log's: {error}"
        ) from None


class _ReplicaVerification:
    """The reading of one copy, a method for each step."""

    checkpoint: Checkpoint

    def __init__(self, read: ReadFile, trust: TrustAnchors, progress: Progress) -> None:
        self._read, self._trust, self._progress = read, trust, progress

    def steps(self) -> Sequence[tuple[str, Callable[[], str]]]:
        return (
            ("A trusted log has signed the checkpoint", self.read_checkpoint),
            ("Every entry is there and makes its leaf hash", self.check_entries),
            ("Every tile is made of the tiles below it", self.check_tiles),
            ("The tiles lead to the signed root", self.check_root),
        )

    def read_checkpoint(self) -> str:
        try:
            note = self._read(CHECKPOINT)
        except LookupError:
            raise VerificationFailed(
                Code.NOT_OURS, "there is no checkpoint: this is no copy of a log"
            ) from None
        self.checkpoint = signed(note, self._trust)
        return f"{self.checkpoint.origin}, {_entries(self.checkpoint.size)}"

    def check_entries(self) -> str:
        size = self.checkpoint.size
        for bundle in replica.bundles(size):
            leaves = self._file(TileAddress(0, bundle.n, bundle.width))
            data = self._file(bundle)
            with _judged():
                replica.check_bundle(bundle, data, leaves)
            self._progress(bundle.n * tiles.TILE_WIDTH + bundle.width, size)
        return _entries(size)

    def check_tiles(self) -> str:
        checked = 0
        for level in replica.levels(self.checkpoint.size)[1:]:
            for tile in replica.hashes(level, self.checkpoint.size):
                data = self._file(tile)
                with _judged():
                    replica.check_tile(tile, data, partial(self._full_tile, level - 1))
                checked += 1
        return f"{pluralise(checked, 'tile')} above the leaves"

    def _full_tile(self, level: int, n: int) -> bytes:
        return self._file(TileAddress(level, n))

    def check_root(self) -> str:
        with _judged():
            root = VerifiedReplica(self.checkpoint, self._read).root(self.checkpoint.size)
        if root != self.checkpoint.root:
            raise VerificationFailed(
                Code.NOT_IN_LOG,
                "the tiles hold together, but lead to another root than the log signed: a leaf "
                "of theirs was never in this log, at an index that nobody can tell from here",
            )
        return "the same root"

    def _file(self, address: TileAddress) -> bytes:
        with _judged():
            return replica.read_file(self._read, address)

    def conclude(self) -> str:
        checkpoint = self.checkpoint
        return (
            f"Whole: this copy has all {_entries(checkpoint.size)} of the log {checkpoint.origin} "
            "up to its signed checkpoint, and no hash differs. Of what the entries commit to it "
            "tells nothing: that takes receipts."
        )


@contextmanager
def _judged() -> Iterator[None]:
    """Give what is wrong with the copy its code."""
    try:
        yield
    except replica.ReplicaIncomplete as missing:
        raise VerificationFailed(Code.INCOMPLETE, str(missing)) from None
    except replica.ReplicaCorrupt as damaged:
        raise VerificationFailed(Code.MISMATCH, str(damaged)) from None


def _entries(size: int) -> str:
    return "1 entry" if size == 1 else f"{size} entries"
