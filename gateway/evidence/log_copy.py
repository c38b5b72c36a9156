"""Verify a copy of a log: every entry, leaf and tile, the root, and the log's signature.

Only the log's key is trusted. The operator's own database and an auditor's copy are checked in the
same way.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import cast

from gateway.evidence import log_continuation
from gateway.evidence.history import SignedTree
from gateway.evidence.log_continuation import LogPredecessor
from gateway.evidence.receipt import Receipt, UnknownLog, VerifiedReceipt
from gateway.evidence.report import (
    Code,
    Conclusion,
    Fact,
    Incomplete,
    Mismatch,
    VerificationFailed,
    VerificationReport,
    count_entries,
    pluralise,
    run_steps,
)
from gateway.evidence.trust import TrustAnchors, confirm_receipt
from gateway.ledger import replica, tiles
from gateway.ledger.note import Checkpoint, NoteError, open_checkpoint
from gateway.ledger.proof import TlogProof
from gateway.ledger.replica import ReadFile
from gateway.ledger.tiles import TileAddress

CHECKPOINT = "checkpoint"
"""The file of a copy that says how far it goes (C2SP tlog-tiles)."""

Progress = Callable[[int, int], None]
"""Called with the number of entries checked, and of all entries."""


def check(
    read: ReadFile,
    trust: TrustAnchors,
    progress: Progress = lambda done, of: None,
    continued_by: Receipt | None = None,
) -> VerificationReport:
    """Check the copy whose files ``read`` returns, from its entries up to the signed root.

    ``continued_by`` is the first event of a new log that is said to continue it.
    """
    copy = _ReplicaVerification(read, trust, progress, continued_by)
    return run_steps("log", copy.steps(), copy.conclude)


@dataclass(frozen=True)
class VerifiedReplica:
    """A copy that `open_copy` verified: its checkpoint and its files."""

    checkpoint: Checkpoint
    read: ReadFile

    def root(self, size: int) -> bytes:
        """The root over its first ``size`` entries, at most as many as it has."""
        return tiles.root(partial(read_tile, self.read, self.checkpoint.size), size)

    def tree(self, note: str, index: int) -> SignedTree:
        """What the copy says of the tree of its checkpoint, by the proof of an entry.

        ``note`` is the checkpoint as it was signed.
        """
        size = self.checkpoint.size
        leaf, path = tiles.entry_proof(partial(read_tile, self.read, size), index, size)
        return SignedTree(self.checkpoint, note, leaf, TlogProof(index, tuple(path), note))


def read_tile(read: ReadFile, size: int, level: int, n: int) -> bytes:
    """A tile as a log of that size has it; raises what `replica.read_file` raises."""
    count = (size >> tiles.TILE_HEIGHT * level) - n * tiles.TILE_WIDTH
    return replica.read_file(read, TileAddress(level, n, min(tiles.TILE_WIDTH, count)))


def open_copy(
    read: ReadFile, trust: TrustAnchors
) -> tuple[VerificationReport, VerifiedReplica | None]:
    """Check a copy as `check` does, and return it if it verifies."""
    copy = _ReplicaVerification(read, trust, lambda done, of: None)
    report = run_steps("log", copy.steps(), copy.conclude)
    return report, VerifiedReplica(copy.checkpoint, read) if report.passed else None


def signed(note: bytes, trust: TrustAnchors) -> Checkpoint:
    """Verify a checkpoint's note with the trusted key of its log.

    Raises VerificationFailed: UNKNOWN for a log that is not trusted, BAD_SIGNATURE.
    """
    origin = note.partition(b"\n")[0].decode("utf-8", errors="replace")
    try:
        return open_checkpoint(note, trust.of_log(origin).log_keys, origin)
    except UnknownLog:
        raise VerificationFailed(
            Code.KEY_MISSING, f"no key was provided for the log {ascii(origin)[:200]}"
        ) from None
    except NoteError as error:
        raise VerificationFailed(
            Code.BAD_SIGNATURE, f"the checkpoint is not the log's: {error}"
        ) from None


class _ReplicaVerification:
    """One copy; a method for each step."""

    checkpoint: Checkpoint
    continuation: tuple[VerifiedReceipt, LogPredecessor]

    def __init__(
        self,
        read: ReadFile,
        trust: TrustAnchors,
        progress: Progress,
        continued_by: Receipt | None = None,
    ) -> None:
        self._read, self._trust, self._progress = read, trust, progress
        self._continued_by = continued_by

    def steps(self) -> Sequence[tuple[str, Callable[[], str]]]:
        continued = ("A new log continues this one", self.check_continuation)
        return (
            ("A trusted log signed the checkpoint", self.read_checkpoint),
            ("Every entry is present and matches its leaf hash", self.check_entries),
            ("Every tile matches the tiles below it", self.check_tiles),
            ("The tiles hash to the signed root", self.check_root),
            *([continued] if self._continued_by else []),
        )

    def read_checkpoint(self) -> str:
        try:
            note = self._read(CHECKPOINT)
        except LookupError:
            raise VerificationFailed(
                Code.UNKNOWN_FORMAT, "there is no checkpoint: this is not a copy of a log"
            ) from None
        self.checkpoint = signed(note, self._trust)
        return f"{self.checkpoint.origin}, {count_entries(self.checkpoint.size)}"

    def check_entries(self) -> str:
        size = self.checkpoint.size
        for bundle in replica.bundles(size):
            leaves = self._file(TileAddress(0, bundle.n, bundle.width))
            data = self._file(bundle)
            with _judged():
                replica.check_bundle(bundle, data, leaves)
            self._progress(bundle.n * tiles.TILE_WIDTH + bundle.width, size)
        return count_entries(size)

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
                "the tiles match each other, but the log signed another root: one of their leaves "
                "was never in this log, and its index cannot be determined",
            )
        return "the same root"

    def check_continuation(self) -> str:
        confirmed = confirm_receipt(cast(Receipt, self._continued_by), self._trust)
        copy = VerifiedReplica(self.checkpoint, self._read)
        keys = self._trust.of_log(copy.checkpoint.origin).log_keys
        found = log_continuation.compare(confirmed, copy.checkpoint, copy.root, keys)
        self.continuation = confirmed, found
        return f"{confirmed.event['log']} from {count_entries(found.size)} on"

    def _file(self, address: TileAddress) -> bytes:
        with _judged():
            return replica.read_file(self._read, address)

    def conclude(self) -> Conclusion:
        values = {"size": self.checkpoint.size, "log": self.checkpoint.origin}
        proved, not_proved = [Fact("copy", values)], [Fact("copy.documents")]
        if self._continued_by:
            proved.append(log_continuation.proved(*self.continuation))
            not_proved += log_continuation.not_proved(*self.continuation)
        return Conclusion(proved, (), not_proved)


@contextmanager
def _judged() -> Iterator[None]:
    try:
        yield
    except replica.ReplicaIncomplete as missing:
        raise Incomplete(str(missing)) from None
    except replica.ReplicaCorrupt as damaged:
        raise Mismatch(str(damaged)) from None
