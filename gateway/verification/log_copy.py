"""A copy of a log, verified: every entry, leaf and tile, the root, and the log's signature.

Only the log's key is trusted. The operator's own database and an auditor's copy are checked in the
same way.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import cast

from gateway.evidence.log_predecessor import CONTINUED, LogPredecessor
from gateway.evidence.receipt import Receipt, UnknownLog, VerifiedReceipt
from gateway.ledger import tiles
from gateway.ledger.note import Checkpoint, NoteError, open_checkpoint
from gateway.ledger.proof import TlogProof
from gateway.ledger.tiles import ReadFile, TileAddress
from gateway.text.numbers import pluralise
from gateway.verification.history import SignedTree
from gateway.verification.report import (
    Code,
    Conclusion,
    Fact,
    Incomplete,
    Mismatch,
    VerificationFailed,
    VerificationReport,
    run_steps,
)
from gateway.verification.trust import TrustAnchors, confirm_receipt

CHECKPOINT = "checkpoint"
"""The file of a copy that says how far it goes (C2SP tlog-tiles)."""

Progress = Callable[[int, int], None]
"""Called with the number of entries checked, and of all entries."""


@dataclass(frozen=True)
class VerifiedCopy:
    """A copy that `check_copy` verified: its checkpoint and its files."""

    checkpoint: Checkpoint
    read: ReadFile

    def root(self, size: int) -> bytes:
        """The root over its first ``size`` entries, at most as many as it has."""
        return tiles.root(partial(read_tile, self.read, self.checkpoint.size), size)

    def tree(self, note: str, index: int) -> SignedTree:
        """Return what the copy says of the tree of its checkpoint, by the proof of an entry.

        ``note`` is the checkpoint as it was signed.
        """
        size = self.checkpoint.size
        leaf, path = tiles.entry_proof(partial(read_tile, self.read, size), index, size)
        return SignedTree(self.checkpoint, note, leaf, TlogProof(index, tuple(path), note))


def read_tile(read: ReadFile, size: int, level: int, n: int) -> bytes:
    """A tile as a log of that size has it; raises what `tiles.read_file` raises."""
    count = (size >> tiles.TILE_HEIGHT * level) - n * tiles.TILE_WIDTH
    return tiles.read_file(read, TileAddress(level, n, min(tiles.TILE_WIDTH, count)))


def check_copy(
    read: ReadFile,
    trust: TrustAnchors,
    progress: Progress = lambda done, of: None,
    continued_by: Receipt | None = None,
) -> tuple[VerificationReport, VerifiedCopy | None]:
    """Check the copy whose files ``read`` returns, from its entries up to the signed root.

    It is returned if it verifies. ``continued_by`` is the first event of a new log that is said to
    continue it.
    """
    copy = _CopyVerification(read, trust, progress, continued_by)
    report = run_steps("log", copy.steps(), copy.conclude)
    return report, VerifiedCopy(copy.checkpoint, read) if report.passed else None


def open_head(note: bytes, trust: TrustAnchors) -> Checkpoint:
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


class _CopyVerification:
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
        self.checkpoint = open_head(note, self._trust)
        return f"{self.checkpoint.origin}, {pluralise(self.checkpoint.size, 'entry')}"

    def check_entries(self) -> str:
        size = self.checkpoint.size
        for bundle in tiles.bundles(size):
            leaves = self._file(TileAddress(0, bundle.n, bundle.width))
            data = self._file(bundle)
            with _judged():
                tiles.check_bundle(bundle, data, leaves)
            self._progress(bundle.n * tiles.TILE_WIDTH + bundle.width, size)
        return pluralise(size, "entry")

    def check_tiles(self) -> str:
        checked = 0
        for level in tiles.levels(self.checkpoint.size)[1:]:
            for tile in tiles.hashes(level, self.checkpoint.size):
                data = self._file(tile)
                with _judged():
                    tiles.check_tile(tile, data, partial(self._full_tile, level - 1))
                checked += 1
        return f"{pluralise(checked, 'tile')} above the leaves"

    def _full_tile(self, level: int, n: int) -> bytes:
        return self._file(TileAddress(level, n))

    def check_root(self) -> str:
        with _judged():
            root = VerifiedCopy(self.checkpoint, self._read).root(self.checkpoint.size)
        if root != self.checkpoint.root:
            raise VerificationFailed(
                Code.NOT_IN_LOG,
                "the tiles match each other, but the log signed another root: one of their leaves "
                "was never in this log, and its index cannot be determined",
            )
        return "the same root"

    def check_continuation(self) -> str:
        """The new log continues this one: INCOMPLETE for a shorter copy, CONTRADICTION when the
        last checkpoint that it names and this copy, both signed, are two histories."""
        confirmed = confirm_receipt(cast(Receipt, self._continued_by), self._trust)
        here, root = self.checkpoint, VerifiedCopy(self.checkpoint, self._read).root
        found = read_predecessor(confirmed)
        keys = self._trust.of_log(here.origin).log_keys
        if found.log != here.origin or found.log_key not in map(str, keys):
            raise Mismatch(
                f"it continues {ascii(found.log)[:200]} of the key {ascii(found.log_key)[:200]}"
            )
        if here.size < found.size:
            raise Incomplete(
                f"this copy has {here.size} entries, and the log was continued at {found.size}"
            )
        if root(found.size).hex() != found.root:
            raise Mismatch(f"it names another root over the first {found.size} entries")
        last = found.last
        if last.size <= here.size and root(last.size) != last.root:
            raise VerificationFailed(
                Code.CONTRADICTION,
                f"the checkpoint of {last.size} entries that it names is of another history",
            )
        self.continuation = confirmed, found
        return f"{confirmed.event['log']} from {pluralise(found.size, 'entry')} on"

    def _file(self, address: TileAddress) -> bytes:
        with _judged():
            return tiles.read_file(self._read, address)

    def conclude(self) -> Conclusion:
        values = {"size": self.checkpoint.size, "log": self.checkpoint.origin}
        facts = [Fact("copy", values), Fact("copy.documents")]
        if self._continued_by:
            confirmed, found = self.continuation
            logs = {"log": confirmed.event["log"], "old": found.log}
            at, last = confirmed.event["time"], found.last.size
            facts.append(Fact("continued", {**logs, "size": found.size, "at": at}))
            facts.append(Fact("continued.word", logs))  # nobody but the new log says it
            if last > found.size:
                facts.append(Fact("continued.lost", {"first": found.size, "last": last - 1}))
        return Conclusion(facts)


def read_predecessor(confirmed: VerifiedReceipt) -> LogPredecessor:
    """The log that an event continues; VerificationFailed for another event, or a malformed one."""
    if (confirmed.type, confirmed.allowed, confirmed.index) != (CONTINUED, True, 0):
        raise Mismatch(f"{confirmed.type}, entry {confirmed.index}, is not the first of a new log")
    try:
        found = LogPredecessor(**confirmed.subject())
        last = found.last
        if last.size < found.size or (last.size == found.size and last.root.hex() != found.root):
            raise NoteError("its last checkpoint is not one of the copy that it names")
    except (TypeError, ValueError) as error:
        raise Mismatch(f"the receipt does not show which log was continued: {error}") from None
    return found


@contextmanager
def _judged() -> Iterator[None]:
    try:
        yield
    except tiles.CopyIncomplete as missing:
        raise Incomplete(str(missing)) from None
    except tiles.CopyCorrupt as damaged:
        raise Mismatch(str(damaged)) from None
