"""Whether a log has one history: in all that it signed, in a copy, in the log that follows it.

Nothing is compared with a log's own word. A node of a Merkle tree that is complete has one hash in
every longer tree of the same log. Each checkpoint names the root of its leaves, each inclusion
proof the nodes beside its path. Two hashes of one node, named under two signatures, prove a fork,
also where sizes and entries differ.
"""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from typing import cast

from gateway.evidence import canonical
from gateway.evidence.receipt import Receipt, UnknownLog, VerifiedReceipt
from gateway.evidence.report import (
    Code,
    Conclusion,
    Fact,
    Incomplete,
    InputFile,
    Mismatch,
    VerificationFailed,
    VerificationReport,
    count_entries,
    pluralise,
    run_steps,
)
from gateway.evidence.trust import TrustAnchors, confirm_receipt
from gateway.ledger import proof as tlog_proof
from gateway.ledger import tiles, tree
from gateway.ledger.note import Checkpoint, NoteError, VerificationKey, open_checkpoint
from gateway.ledger.proof import TlogProof
from gateway.ledger.tiles import ReadFile, TileAddress
from gateway.ledger.tree import ProofError, Range

CHECKPOINT_SUFFIX = ".checkpoint"
PROOF_SUFFIX = ".tlog-proof"


@dataclass(frozen=True)
class SignedTree:
    """A checkpoint as a log signed it and, if given, what one entry's proof says of its tree.

    It names nobody and shows no event: ``leaf`` is the hash of a 33-byte commitment.
    """

    checkpoint: Checkpoint
    note: str
    leaf: bytes | None = None
    proof: TlogProof | None = None

    @property
    def size(self) -> int:
        """How many entries the log has then."""
        return self.checkpoint.size

    def nodes(self) -> Iterator[tuple[Range, bytes]]:
        """The nodes of the tree that it names."""
        size = self.size
        if size:
            yield (0, size), self.checkpoint.root
        if self.proof is not None and self.leaf is not None:
            yield from tree.hashes_on_path(self.leaf, self.proof.index, size, self.proof.hashes)

    def encode(self) -> tuple[str, str]:
        """A file's suffix and text, which `read_tree` reads."""
        if self.proof is None:
            return CHECKPOINT_SUFFIX, self.note
        return PROOF_SUFFIX, tlog_proof.encode(replace(self.proof, extra=self.leaf))


def of_receipt(confirmed: VerifiedReceipt) -> SignedTree:
    """What a verified receipt says of the tree."""
    proof = confirmed.proof
    return SignedTree(confirmed.checkpoint, proof.checkpoint_note, confirmed.leaf, proof)


def read_tree(text: str, keys: Sequence[VerificationKey]) -> SignedTree:
    """Verify a checkpoint, or a proof with the leaf's hash as ``extra``; ValueError otherwise."""
    if text.startswith("c2sp.org/"):
        proof = tlog_proof.parse(text)
        if proof.extra is None:
            raise ProofError("the proof does not have its leaf hash beside it")
        note = proof.checkpoint_note
        checkpoint = open_checkpoint(note, keys, note.partition("\n")[0])
        tree.verify_inclusion(
            proof.extra, proof.index, checkpoint.size, proof.hashes, checkpoint.root
        )
        return SignedTree(checkpoint, note, proof.extra, proof)
    return SignedTree(open_checkpoint(text, keys, text.partition("\n")[0]), text)


class ForkedLog(VerificationFailed):
    """A log signed two histories; ``proof`` shows it to anybody who has the log's key."""

    def __init__(self, origin: str, entries: Range, trees: Sequence[SignedTree]) -> None:
        """``entries`` are those for which two hashes were signed."""
        first, end = entries
        super().__init__(
            Code.CONTRADICTION,
            f"the log {origin} signed two histories: they differ in at least one of the entries "
            f"{first} to {end - 1}",
            [one.encode() for one in trees],
        )


_Node = tuple[str, Range]


class LogHistory:
    """All nodes of the trees of one or several logs that verified evidence names."""

    def __init__(self, trees: Iterable[SignedTree] = ()) -> None:
        """Take in the trees; ForkedLog when they contradict each other."""
        self._hashes: dict[_Node, bytes] = {}
        self._named_by: dict[_Node, SignedTree] = {}
        self._nodes_of: dict[tuple[str, int], set[Range]] = {}
        self.add(trees)

    def add(self, trees: Iterable[SignedTree]) -> None:
        """Take in more trees; ForkedLog when two of all contradict each other."""
        for one in trees:
            origin, size = one.checkpoint.origin, one.checkpoint.size
            nodes = self._nodes_of.setdefault((origin, size), set())
            for leaves, value in one.nodes():
                nodes.add(leaves)
                self._name((origin, leaves), value, one)
        self._complete()

    def sizes(self, origin: str) -> list[int]:
        """The sizes of the trees of a log, smallest first."""
        return sorted(size for name, size in self._nodes_of if name == origin)

    def is_shown(self, origin: str) -> bool:
        """Whether every tree of a log is shown to be the beginning of the largest."""
        *smaller, largest = self.sizes(origin) or [0]
        continued = {largest}
        for size in reversed(smaller):
            if size == 0 or any(
                _covered((0, size), self._nodes_of[origin, later]) for later in continued
            ):
                continued.add(size)
        return len(continued) > len(smaller)

    def continues(self, origin: str, size: int, later: int) -> bool:
        """Whether the tree of ``size`` is shown to be the beginning of that of ``later``."""
        return _covered((0, size), self._nodes_of[origin, later])

    def _name(self, node: _Node, value: bytes, by: SignedTree | None) -> None:
        known = self._hashes.setdefault(node, value)
        if known != value:
            trees = [*self._naming(node), *([by] if by else self._below(node))]
            raise ForkedLog(*node, list(dict.fromkeys(trees)))
        if by is not None:
            self._named_by.setdefault(node, by)

    def _complete(self) -> None:
        """Compute each parent from its children, so that one node's hash has several ways."""
        by_width: defaultdict[int, list[_Node]] = defaultdict(list)
        for node in self._hashes:
            start, end = node[1]
            by_width[end - start].append(node)
        width = 1
        while any(known >= width for known in by_width):
            for origin, (start, end) in by_width[width]:
                left, parent = (origin, (start - width, start)), (origin, (start - width, end))
                # A node that is the right child of a complete one: its start is an odd multiple.
                if start % (2 * width) == width and left in self._hashes:
                    right = self._hashes[origin, (start, end)]
                    if parent not in self._hashes:
                        by_width[2 * width].append(parent)
                    self._name(parent, tree.node_hash(self._hashes[left], right), None)
            width *= 2
        for origin, leaves in list(self._hashes):
            computed = self._computed(origin, leaves) if leaves[1] - leaves[0] > 1 else None
            if computed is not None:
                self._name((origin, leaves), computed, None)

    def _computed(self, origin: str, leaves: Range) -> bytes | None:
        """A node's hash from the nodes below it, None where they are not known."""
        left, right = tree.halves(leaves)
        first = self._hashes.get((origin, left))
        second = self._hashes.get((origin, right))
        if first is not None and second is None and right[1] - right[0] > 1:
            second = self._computed(origin, right)
        return None if first is None or second is None else tree.node_hash(first, second)

    def _naming(self, node: _Node) -> list[SignedTree]:
        """The signed trees that a node's hash comes from."""
        by = self._named_by.get(node)
        return [by] if by is not None else self._below(node)

    def _below(self, node: _Node) -> list[SignedTree]:
        origin, (start, end) = node
        if end - start < 2:
            return []
        return [one for part in tree.halves((start, end)) for one in self._naming((origin, part))]


def _covered(leaves: Range, nodes: Collection[Range]) -> bool:
    """Whether a node follows from the nodes of one tree."""
    if leaves in nodes:
        return True
    if leaves[1] - leaves[0] < 2:
        return False
    return all(_covered(part, nodes) for part in tree.halves(leaves))


def prove_fork(parts: Sequence[InputFile], trust: TrustAnchors) -> VerificationReport:
    """Check whether signed checkpoints and proofs contradict each other: CONTRADICTION if so."""
    keys = [key for one in (trust, *trust.others) for key in one.log_keys]
    trees: list[SignedTree] = []

    def open_all() -> str:
        for part in parts:
            try:
                trees.append(read_tree(part.data.decode("utf-8"), keys))
            except ValueError as error:
                raise VerificationFailed(
                    Code.BAD_SIGNATURE, f"{part.name} is not signed by a trusted log: {error}"
                ) from None
        return f"{len(trees)} of them"

    def compare() -> str:
        LogHistory(trees)
        raise Incomplete("these files do not contradict each other")

    steps = (
        ("A trusted log signed every checkpoint and proof", open_all),
        ("The log has one history", compare),
    )
    return run_steps("fork", steps, lambda: Conclusion([]))


# --- That a log continues one that has ended: its first event names the old log's last tree ---
#
# It binds the new log to the old one by the new log's own word, which is in front of all that it
# says later. The old log signs nothing of it.


CONTINUED = "log.continued"


@dataclass(frozen=True)
class LogPredecessor:
    """The log that a new one continues.

    ``log_key`` is its verifier key. ``size`` and ``root`` (hex) are those of a whole copy that was
    verified; ``note`` is the last checkpoint it is known to have signed, which may be larger.
    """

    log: str
    log_key: str
    size: int
    root: str
    note: str

    @property
    def last(self) -> Checkpoint:
        """What was signed last; NoteError when the key did not sign it."""
        return open_checkpoint(self.note, [VerificationKey.parse(self.log_key)], self.log)

    def encode(self) -> str:
        """The subject of the event."""
        return canonical.encode(vars(self)).decode()


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


# --- Verify a copy of a log: every entry, leaf and tile, the root, and the log's signature ---
#
# Only the log's key is trusted. The operator's own database and an auditor's copy are checked in
# the same way.


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
        """What the copy says of the tree of its checkpoint, by the proof of an entry.

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
        return f"{self.checkpoint.origin}, {count_entries(self.checkpoint.size)}"

    def check_entries(self) -> str:
        size = self.checkpoint.size
        for bundle in tiles.bundles(size):
            leaves = self._file(TileAddress(0, bundle.n, bundle.width))
            data = self._file(bundle)
            with _judged():
                tiles.check_bundle(bundle, data, leaves)
            self._progress(bundle.n * tiles.TILE_WIDTH + bundle.width, size)
        return count_entries(size)

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
        return f"{confirmed.event['log']} from {count_entries(found.size)} on"

    def _file(self, address: TileAddress) -> bytes:
        with _judged():
            return tiles.read_file(self._read, address)

    def conclude(self) -> Conclusion:
        values = {"size": self.checkpoint.size, "log": self.checkpoint.origin}
        proved, not_proved = [Fact("copy", values)], [Fact("copy.documents")]
        if self._continued_by:
            confirmed, found = self.continuation
            logs = {"log": confirmed.event["log"], "old": found.log}
            at, last = confirmed.event["time"], found.last.size
            proved.append(Fact("continued", {**logs, "size": found.size, "at": at}))
            not_proved.append(Fact("continued.word", logs))  # nobody but the new log says it
            if last > found.size:
                not_proved.append(Fact("continued.lost", {"first": found.size, "last": last - 1}))
        return Conclusion(proved, (), not_proved)


@contextmanager
def _judged() -> Iterator[None]:
    try:
        yield
    except tiles.CopyIncomplete as missing:
        raise Incomplete(str(missing)) from None
    except tiles.CopyCorrupt as damaged:
        raise Mismatch(str(damaged)) from None
