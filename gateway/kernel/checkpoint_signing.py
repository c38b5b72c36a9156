"""Signs the log's heads, so that no two signatures ever show two histories.

A head leaves here signed only once it is the mark, or a beginning of the same log as the mark.
The mark moves from one head to the next by compare-and-set, and only where the database's log has
both: so even two gateways on two databases with one mark sign one history between them, and the
other one freezes. A move of the mark is a durable write: threads that sign at once share one.
"""

from copy import copy
from operator import attrgetter
from threading import Lock

from gateway.domain.refusals import AlreadyExists, LogFrozen
from gateway.kernel.log_continuity import LOST, LogContinuity
from gateway.kernel.ports import HighWaterMark
from gateway.kernel.values import SignedTreeHead, TreeHead
from gateway.ledger.note import Checkpoint, NoteSigner, sign_checkpoint


class _Batch:
    """Heads of several threads that wait for the mark together; the first in line works for all."""

    def __init__(self) -> None:
        self.heads: set[TreeHead] = set()
        self.steps: set[tuple[TreeHead, TreeHead]] = set()
        self.settled = False
        self.mark: SignedTreeHead | None = None
        self.failure: Exception | None = None

    def follows(self, seen: TreeHead) -> bool:
        """Whether the log went from what was signed to each of the heads, step after step.

        Never by two steps from one head: those are two histories, of which one at most is ours.
        """
        passed = [seen]
        for base, head in sorted(self.steps, key=lambda step: step[1].size):
            if base == passed[-1]:
                passed.append(head)
        return self.heads <= {*passed}


class CheckpointSigner:
    """The CheckpointSigning port: one Ed25519 key for one origin, and the mark that goes before
    it."""

    def __init__(self, signer: NoteSigner, mark: HighWaterMark, continuity: LogContinuity) -> None:
        """``signer`` bears the log's origin as its name; ``continuity`` is of the same mark."""
        self._signer = signer
        self._mark = mark
        self._continuity = continuity
        self._gathering = _Batch()
        self._gathers = Lock()
        self._turn = Lock()
        self._signed: SignedTreeHead | None = None

    def sign(self, head: TreeHead, base: TreeHead | None = None) -> str:
        """Sign ``head``; signing it twice gives the same bytes."""
        signed = self._signed
        if base is not None and signed is not None and signed.head == head:
            return signed.note  # of a commit that several share, held against the mark as one
        with self._gathers:
            batch = self._gathering
            batch.heads.add(head)
            if base is not None:
                batch.steps.add((base, head))
        with self._turn:
            if not batch.settled:
                self._lead(batch)
        if batch.failure is not None:
            raise copy(batch.failure) from batch.failure
        if batch.mark is not None and batch.mark.head == head:
            self._signed = batch.mark
            return batch.mark.note
        return self._note(head)

    def stored(self) -> str:
        return self._read().note

    def adopt(self, head: TreeHead) -> None:
        """Make a first mark: of a new log, or where the operator answers for a lost one.

        Raises AlreadyExists when there is a mark: nobody lowers it.
        """
        if not self._mark.advance(None, SignedTreeHead(head, self._note(head))):
            raise AlreadyExists("the log has a high-water mark, and nobody may set it back")

    def _lead(self, batch: _Batch) -> None:
        with self._mark.turn():
            with self._gathers:
                self._gathering = _Batch()  # who comes from now on waits for the next turn
            try:
                batch.mark = self._pass(batch)
            except Exception as failure:  # each waiting thread raises it
                batch.failure = failure
            batch.settled = True

    def _pass(self, batch: _Batch) -> SignedTreeHead:
        """The mark, once all heads are beginnings of one log with it and none lies beyond."""
        largest = max(batch.heads, key=attrgetter("size"))
        remembered = self._continuity.seen
        while True:
            # What is remembered serves where the move itself compares it with the mark.
            serves = (
                remembered is not None
                and largest.size > remembered.head.size
                and batch.follows(remembered.head)
            )
            seen = remembered if remembered is not None and serves else self._read()
            remembered = None
            if not batch.follows(seen.head):
                self._continuity.require(seen, batch.heads)
            if largest.size <= seen.head.size:
                return seen
            moved = SignedTreeHead(largest, self._note(largest))
            if self._mark.advance(seen, moved):
                self._continuity.seen = moved
                return moved
            # Another node moved the mark, often beyond our heads.

    def _read(self) -> SignedTreeHead:
        marked = self._mark.read()
        if marked is None:
            raise LogFrozen(LOST)
        return marked

    def _note(self, head: TreeHead) -> str:
        return sign_checkpoint(Checkpoint(self._signer.name, head.size, head.root), self._signer)
