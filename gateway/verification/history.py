"""Whether a log has one history, in all that it signed.

Nothing is compared with a log's own word. A node of a Merkle tree that is complete has one hash in
every longer tree of the same log. Each checkpoint names the root of its leaves, each inclusion
proof the nodes beside its path. Two hashes of one node, named under two signatures, prove a fork,
also where sizes and entries differ.
"""

from bisect import bisect
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from operator import attrgetter
from typing import Any

from gateway.evidence import canonical, event, receipt
from gateway.evidence.receipt import VerifiedReceipt
from gateway.ledger import proof as tlog_proof
from gateway.ledger import tree
from gateway.ledger.note import Checkpoint, VerificationKey, open_checkpoint
from gateway.ledger.proof import TlogProof
from gateway.ledger.tree import ProofError, Range
from gateway.verification.report import (
    Code,
    Conclusion,
    Incomplete,
    InputFile,
    VerificationFailed,
    VerificationReport,
    run_steps,
)
from gateway.verification.trust import TrustAnchors

CHECKPOINT_SUFFIX = ".checkpoint"
PROOF_SUFFIX = ".tlog-proof"
RECEIPT_SUFFIX = ".receipt.json"


@dataclass(frozen=True)
class SignedTree:
    """A checkpoint as a log signed it and, if given, what one entry's proof says of its tree.

    It names nobody and shows no event: ``leaf`` is the hash of a 33-byte commitment. ``beginning``
    is a checkpoint of which a proof has shown that its tree is the beginning of this one.
    """

    checkpoint: Checkpoint
    note: str
    leaf: bytes | None = None
    proof: TlogProof | None = None
    beginning: Checkpoint | None = None

    @property
    def size(self) -> int:
        """How many entries the log has then."""
        return self.checkpoint.size

    def nodes(self) -> Iterator[tuple[Range, bytes]]:
        """The nodes of the tree that it names."""
        size = self.size
        if size:
            yield (0, size), self.checkpoint.root
        if self.beginning is not None:
            yield (0, self.beginning.size), self.beginning.root
        if self.proof is not None and self.leaf is not None:
            yield from tree.hashes_on_path(self.leaf, self.proof.index, size, self.proof.hashes)

    def encode(self) -> tuple[str, str]:
        """A file's suffix and text, which `read_tree` reads."""
        if self.proof is None:
            return CHECKPOINT_SUFFIX, self.note
        return PROOF_SUFFIX, tlog_proof.encode(replace(self.proof, extra=self.leaf))


def of_receipt(confirmed: VerifiedReceipt) -> SignedTree:
    """Return what a verified receipt says of the tree."""
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
    """All nodes of the trees of one or several logs that verified evidence names, and all numbers
    that their events have."""

    def __init__(self, trees: Iterable[SignedTree] = ()) -> None:
        """Take in the trees; ForkedLog when they contradict each other."""
        self._hashes: dict[_Node, bytes] = {}
        self._named_by: dict[_Node, SignedTree] = {}
        self._nodes_of: dict[tuple[str, int], set[Range]] = {}
        self._copies: dict[str, tuple[SignedTree, Callable[[int], bytes]]] = {}
        self._numbered: dict[tuple[str, str, Any], VerifiedReceipt] = {}
        self._events: dict[str, list[VerifiedReceipt]] = {}
        self.add(trees)

    def add(self, trees: Iterable[SignedTree]) -> None:
        """Take in more trees; ForkedLog when two of all contradict each other."""
        for one in trees:
            origin, size = one.checkpoint.origin, one.checkpoint.size
            nodes = self._nodes_of.setdefault((origin, size), set())
            for leaves, value in one.nodes():
                nodes.add(leaves)
                self._name((origin, leaves), value, one)
            copied, root = self._copies.get(origin, (None, None))
            if copied is not None and root is not None and 0 < size <= copied.size:
                self._nodes_of[origin, copied.size].add((0, size))
                self._name((origin, (0, size)), root(size), copied)
        self._complete()

    def add_copy(self, copied: SignedTree, root: Callable[[int], bytes]) -> None:
        """Take in a whole copy, before the trees that it is held against; ``root`` is that over its
        first entries."""
        self._copies[copied.checkpoint.origin] = copied, root
        self.add([copied])

    def sizes(self, origin: str) -> list[int]:
        """The sizes of the trees of a log, smallest first."""
        return sorted(size for name, size in self._nodes_of if name == origin)

    def is_shown(self, origin: str) -> bool:
        """Tell whether every tree of a log is shown to be the beginning of the largest."""
        return self.is_one(origin, self.sizes(origin))

    def is_one(self, origin: str, sizes: Iterable[int]) -> bool:
        """Tell whether one tree that is known is shown to begin with each of those trees."""
        asked, known = {*sizes} - {0}, [size for size in self.sizes(origin) if size]
        for last in (size for size in known if size >= max(asked, default=0)):
            begun = {last}
            for size in reversed([one for one in known if one < last]):
                if any(_covered((0, size), self._nodes_of[origin, later]) for later in begun):
                    begun.add(size)
            if asked <= begun:
                return True
        return not asked

    def add_events(self, confirmed: Iterable[VerifiedReceipt]) -> None:
        """Take in what the gateway recorded; VerificationFailed (CONTRADICTION) where it gave one
        number twice, or dated an entry before an earlier one."""
        for one in confirmed:
            origin = one.checkpoint.origin
            for name, number in _numbers(one):
                other = self._numbered.setdefault((origin, name, number), one)
                if other.index != one.index:
                    first, second = sorted((other.index, one.index))
                    raise contradiction(
                        f"the gateway gave number {number} of {name} to entry {first} and to entry "
                        f"{second}",
                        other,
                        one,
                    )
            known = self._events.setdefault(origin, [])
            place = bisect(known, one.index, key=attrgetter("index"))
            known.insert(place, one)
            for before, after in pairwise(known[max(place - 1, 0) : place + 2]):
                if before.time > after.time:
                    found = f"the gateway dates entry {after.index} before entry {before.index}"
                    raise contradiction(found, before, after)

    def continues(self, origin: str, size: int, later: int) -> bool:
        """Tell whether the tree of ``size`` is shown to be the beginning of that of ``later``."""
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


def _numbers(one: VerifiedReceipt) -> Iterator[tuple[str, Any]]:
    """The numbers that an event has, as far as they are shown: in the streams of its parties, and
    among the moves of its handoff."""
    for party in one.details(event.PARTY):
        yield str(party["organisation"]), party["stream_number"]
    for number in one.details("sequence"):
        yield f"the handoff {one.event.get('handoff')}", number


def contradiction(detail: str, *receipts: VerifiedReceipt) -> VerificationFailed:
    """Return what receipts prove together."""
    texts = (canonical.encode(receipt.to_json(one.receipt)).decode() for one in receipts)
    proof = [(RECEIPT_SUFFIX, text) for text in texts]
    return VerificationFailed(Code.CONTRADICTION, detail, proof)


def _covered(leaves: Range, nodes: Collection[Range]) -> bool:
    """Tell whether a node follows from the nodes of one tree."""
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
