"""A high-water mark in memory, with the contract of the real one, and a gateway under it."""

import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from gateway.domain.refusals import HighWaterMarkUnavailable
from gateway.kernel.log_continuity import CheckpointSigner, LogContinuity
from gateway.kernel.ports import TransactionMode
from gateway.kernel.values import SignedTreeHead, TreeHead
from gateway.ledger import tree
from gateway.ledger.note import NoteSigner
from gateway.store.high_water_mark import HighWaterMarkFile
from tests.founded_gateway import Founded
from tests.founding import founded


class MemoryMark:
    """The mark of one test. ``moves`` counts; ``before_read`` runs before each look at it."""

    def __init__(self) -> None:
        self.marked: SignedTreeHead | None = None
        self.moves = 0
        self.reachable = True
        self.before_read: Callable[[], None] = lambda: None
        self._lock = threading.Lock()

    def read(self) -> SignedTreeHead | None:
        self.before_read()
        self._require_reachable()
        return self.marked

    def advance(self, seen: SignedTreeHead | None, to: SignedTreeHead) -> bool:
        self._require_reachable()
        with self._lock:
            if (self.marked and self.marked.head) != (seen and seen.head):
                return False
            self.marked = to
            self.moves += 1
            return True

    def _require_reachable(self) -> None:
        if not self.reachable:
            raise HighWaterMarkUnavailable("the mark does not answer")


def raise_mark_file(file: Path, origin: str) -> None:
    """Let more have been signed than the database has: 100 entries that nobody else knows."""
    mark = HighWaterMarkFile(file, origin)
    seen = mark.read()
    assert seen is not None
    head = TreeHead(seen.head.size + 100, seen.head.root)
    assert mark.advance(seen, SignedTreeHead(head, seen.note))


class Seconds:
    """A clock for the checks, which moves when it is told."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@dataclass
class Node:
    """One process: a store, and what it signs with. ``restart`` forgets what it knew."""

    store: Any
    mark: MemoryMark
    signer: NoteSigner
    seconds: Seconds

    def __post_init__(self) -> None:
        self.restart()

    def restart(self) -> None:
        self.continuity = LogContinuity(self.mark, self.store.begin, self.seconds)
        self.checkpoint_signer = CheckpointSigner(self.signer, self.mark, self.continuity)

    def head(self) -> TreeHead:
        with self.store.begin(TransactionMode.READ) as work:
            return work.log.head()


@dataclass
class Marking:
    """A founded gateway whose log is under a mark, as it runs."""

    gateway: Founded
    node: Node

    @property
    def mark(self) -> MemoryMark:
        return self.node.mark

    def restart(self) -> None:
        """A new process on the same database."""
        self.node.restart()
        self.gateway.ports = replace(
            self.gateway.ports,
            begin=self.node.continuity.begin,
            checkpoint_signer=self.node.checkpoint_signer,
        )

    def freeze(self) -> None:
        """Let more have been signed than the database has."""
        size = self.node.head().size + 1
        assert self.mark.marked is not None
        self.mark.marked = SignedTreeHead(
            TreeHead(size, tree.leaf_hash(b"lost")), "a note of what was lost\n"
        )


def marked_gateway() -> Marking:
    """The founding story's gateway, its founding signed, and from here on under a mark."""
    gateway = founded()
    node = Node(gateway.store, MemoryMark(), gateway.checkpoint_signer.signer, Seconds())
    node.checkpoint_signer.adopt(node.head())
    made = Marking(gateway, node)
    made.restart()
    return made
