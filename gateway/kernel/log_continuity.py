"""Whether the database still continues what was signed: it does, or the log is FROZEN.

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

from collections.abc import Callable, Collection, Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import cache
from math import inf

from gateway.domain.refusals import LogFrozen
from gateway.evidence.report import count_entries
from gateway.kernel.ports import HighWaterMark, TransactionMode, UnitOfWork
from gateway.kernel.values import SignedTreeHead, TreeHead
from gateway.ledger import tiles

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
        begin: Callable[[TransactionMode], AbstractContextManager[UnitOfWork]],
        seconds: Callable[[], float],
    ) -> None:
        """``begin`` is the store's own; ``seconds`` a clock that never goes back."""
        self._mark = mark
        self._begin = begin
        self._seconds = seconds
        self._checked = -inf
        self.seen: SignedTreeHead | None = None
        """The mark as this process saw it last: it may have moved on."""

    def begin(self, mode: TransactionMode) -> AbstractContextManager[UnitOfWork]:
        """Begin a transaction; one that may write is refused when the log is frozen.

        Raises LogFrozen and HighWaterMarkUnavailable, besides what the store raises.
        """
        return self._begin(mode) if mode is TransactionMode.READ else self._begin_writing(mode)

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

    @contextmanager
    def _begin_writing(self, mode: TransactionMode) -> Iterator[UnitOfWork]:
        self.seen = seen = self._mark.read()  # a transaction finds the head when it begins
        with self._begin(mode) as work:
            # A look at the head for each write, and now and then at all that it stands on. Who goes
            # on in a transaction goes on from the same head.
            if work.first and self._seconds() < self._checked + CHECKED_EVERY:
                _require_reached(work.log.head(), _known(seen).head)
            elif work.first:
                self._compare(work, seen, ())
            yield work

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
            if _root(read, signed.size) != signed.root:
                raise _forked(signed)


def _known(seen: SignedTreeHead | None) -> SignedTreeHead:
    if seen is None:
        raise LogFrozen(LOST)
    return seen


def _require_reached(current: TreeHead, signed: TreeHead) -> None:
    """Require that the log is as long as what was signed, and the same when it is no longer."""
    if current.size < signed.size:
        raise LogFrozen(
            f"the database has {count_entries(current.size)} of the log, but {signed.size} were "
            "signed: it is an older copy, and the operator has to bring the newer one back"
        )
    if current.size == signed.size and current.root != signed.root:
        raise _forked(signed)


def _root(read: tiles.ReadTile, size: int) -> bytes:
    try:
        return tiles.root(read, size)
    except tiles.MissingTile:
        return b""  # no root of any tree: hashes that were signed are gone


def _forked(signed: TreeHead) -> LogFrozen:
    return LogFrozen(
        f"the log's beginning ({count_entries(signed.size)}) is not the one that was signed: the "
        "database was written to without its gateway, and the operator has to find out how"
    )
