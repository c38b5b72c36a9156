"""The log's heads against the high-water mark: one that does not continue is FROZEN, one that does
is signed.

The mark is the largest head that was ever signed. It is kept outside the database and its
backups, so a database that was restored from an older copy, or was written to behind the
gateway's back, does not fit it any more. Such a log is read and never written or signed again:
every further signature would show a second history.

An older copy is noticed at the next write, wherever it comes from. A longer log that others wrote
is noticed by the first write of a process, within a minute when it is put under a running one, and
by every signature.

The mark is always read before the head. Other processes move both all the time, the head first:
read in this order, a mark that lies beyond the head is no race.
"""

from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from math import inf

from gateway.domain.refusals import AlreadyExists, LogFrozen
from gateway.kernel.ports import BeginWork, HighWaterMark, TransactionMode, UnitOfWork
from gateway.kernel.values import RetryKey, SignedTreeHead, TreeHead
from gateway.ledger import tiles
from gateway.ledger.note import Checkpoint, NoteSigner, sign_checkpoint
from gateway.text.numbers import pluralise

CHECKED_EVERY = 60.0
"""Seconds after which a writing process compares the whole beginning of the log again."""

LOST = (
    "the log's high-water mark is missing, so nobody can tell whether the database is the newest: "
    "the operator has to restore the high-water mark, or to adopt the database"
)


class LogContinuity:
    """Holds the database of one process against the mark."""

    def __init__(
        self,
        mark: HighWaterMark,
        begin: BeginWork,
        seconds: Callable[[], float],
    ) -> None:
        """``begin`` is the store's own; ``seconds`` a clock that never goes back."""
        self._mark = mark
        self._begin = begin
        self._seconds = seconds
        self._checked = -inf
        self.seen: SignedTreeHead | None = None
        """The mark as this process saw it last: it may have moved on."""

    @contextmanager
    def begin(self, mode: TransactionMode, key: RetryKey | None = None) -> Iterator[UnitOfWork]:
        """Begin a transaction; one that may write is refused when the log is frozen.

        Raises LogFrozen and HighWaterMarkUnavailable, besides what the store raises.
        """
        writes = mode is not TransactionMode.READ
        if writes:
            self.seen = seen = self._mark.read()  # a transaction finds the head when it begins
        with self._begin(mode, key) as work:
            # A look at the head for each write, and now and then at all that it stands on. Who goes
            # on in a transaction goes on from the same head.
            if writes and work.first:
                if self._seconds() < self._checked + CHECKED_EVERY:
                    _require_reached(work.log.head(), _known(seen).head)
                else:
                    self._compare(work, seen, ())
            yield work

    @contextmanager
    def newest(self) -> Iterator[UnitOfWork]:
        """Read a log whose whole beginning was compared: what was revoked is not forgotten in it.

        Raises LogFrozen and HighWaterMarkUnavailable, besides what the store raises.
        """
        seen = self._mark.read()
        with self._begin(TransactionMode.READ) as work:
            self._compare(work, seen, ())
            yield work

    def check(self) -> None:
        """Compare the whole beginning of the log; raises LogFrozen, HighWaterMarkUnavailable."""
        with self.newest():
            pass

    def require(self, seen: SignedTreeHead | None, heads: Collection[TreeHead]) -> None:
        """Require that the mark, and all of ``heads``, are beginnings of the log as it is now."""
        with self._begin(TransactionMode.READ) as work:
            self._compare(work, seen, heads)

    def _compare(
        self, work: UnitOfWork, seen: SignedTreeHead | None, heads: Collection[TreeHead]
    ) -> None:
        self._checked = -inf  # a log that does not fit is compared at every write, until it does
        require_prefixes(work, seen, heads)
        self._checked = self._seconds()


def require_prefixes(
    work: UnitOfWork, seen: SignedTreeHead | None, heads: Collection[TreeHead]
) -> None:
    """Require that the mark, and all of ``heads``, are beginnings of the log that ``work`` sees.

    Raises LogFrozen, with the reason.
    """
    require_beginnings(work, {_known(seen).head, *heads})


def require_beginnings(work: UnitOfWork, heads: Collection[TreeHead]) -> None:
    """Require that all of ``heads`` are beginnings of the log that ``work`` sees; or LogFrozen."""
    current = work.log.head()
    for signed in heads:
        _require_reached(current, signed)
    if shorter := [signed for signed in heads if signed != current]:
        read = cache(work.log.tile)
        for signed in shorter:
            try:
                root = tiles.root(read, signed.size)
            except tiles.MissingTile:
                root = b""  # no root of any tree: hashes that were signed are gone
            if root != signed.root:
                raise _forked(signed)


def _known(seen: SignedTreeHead | None) -> SignedTreeHead:
    if seen is None:
        raise LogFrozen(LOST)
    return seen


def _require_reached(current: TreeHead, signed: TreeHead) -> None:
    """Require that the log is as long as what was signed, and the same when it is no longer."""
    if current.size < signed.size:
        raise LogFrozen(
            f"the database has {pluralise(current.size, 'entry')} of the log, but "
            f"{signed.size} were signed: it is an older copy, or lost its last writes. The "
            "operator brings the newest database back or, where there is none, ends this log"
        )
    if current.size == signed.size and current.root != signed.root:
        raise _forked(signed)


def _forked(signed: TreeHead) -> LogFrozen:
    return LogFrozen(
        f"the log's beginning ({pluralise(signed.size, 'entry')}) is not the one that was signed: "
        "the database was written to without its gateway, and the operator has to find out how"
    )


# --- Signs the log's heads, so that no two signatures ever show two histories ---
#
# A head leaves here signed only once it is the mark, or a beginning of the same log as the mark.
# The mark moves from one head to the next by compare-and-set, and only where the database's log
# has both: so even two gateways on two databases with one mark sign one history between them, and
# the other one freezes. Whoever commits moves the mark and signs, before the next one commits:
# writers that share a commit share that as well (ADR 0069).


class CheckpointSigner:
    """Signs the log's heads, and only heads that are committed: by the Ed25519 keys of one origin,
    once the high-water mark is raised to them."""

    def __init__(
        self,
        signer: NoteSigner,
        mark: HighWaterMark,
        continuity: LogContinuity,
        beside: Sequence[NoteSigner] = (),
    ) -> None:
        """``signer`` bears the log's origin as its name; ``beside`` are the key that follows it, or
        the one before it, while both sign. ``continuity`` is of the same mark."""
        self._signers = (signer, *beside)
        self._mark = mark
        self._continuity = continuity

    @property
    def origin(self) -> str:
        """The name of the log."""
        return self._signers[0].name

    @property
    def verifier_keys(self) -> Sequence[str]:
        """The keys that verify what it signs, one for each that signs."""
        return [one.vkey for one in self._signers]

    def sign_own(self, base: TreeHead, head: TreeHead) -> str | None:
        """The checkpoint of a head that a commit of this process has just made of ``base``.

        None where it cannot be signed: the commit stands, and who needs its checkpoint asks
        for it by `sign`, and hears why.
        """
        try:
            return self.sign(head, base)
        except Exception:
            return None

    def sign(self, head: TreeHead, base: TreeHead | None = None) -> str:
        """The checkpoint of ``head`` as a signed note; signing it twice gives the same bytes.

        ``base`` is a head of which the caller knows that the log went from it to ``head``. Raises
        LogFrozen when the log would show two histories, HighWaterMarkUnavailable when nobody can
        tell.
        """
        seen = self._continuity.seen
        # What is remembered serves where the move itself compares it with the mark.
        if seen is None or seen.head != base:
            seen = self._read()
        while True:
            if seen.head not in (base, head):
                self._continuity.require(seen, {head})
            if head.size <= seen.head.size:
                return self._note(head)
            moved = SignedTreeHead(head, self._note(head))
            if self._mark.advance(seen, moved):
                self._continuity.seen = moved
                return moved.note
            seen = self._read()  # another process moved it

    def stored(self) -> str:
        """The note of the largest head ever signed: what a frozen log still shows.

        Raises LogFrozen when there is none, HighWaterMarkUnavailable.
        """
        return self._read().note

    def adopt(self, head: TreeHead) -> None:
        """Make a first mark: of a new log, or where the operator answers for a lost one.

        Raises AlreadyExists when there is a mark: nobody lowers it.
        """
        if not self._mark.advance(None, SignedTreeHead(head, self._note(head))):
            raise AlreadyExists("the log has a high-water mark, and nobody may set it back")

    def _read(self) -> SignedTreeHead:
        return _known(self._mark.read())

    def _note(self, head: TreeHead) -> str:
        origin = self._signers[0].name
        return sign_checkpoint(Checkpoint(origin, head.size, head.root), *self._signers)
