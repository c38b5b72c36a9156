"""Waiting in line: threads of one process in order of arrival, processes by a lock file.

SQLite's own waiting is a lottery in which some writers starve. Here the operating system queues
processes at an flock, and each process sends one thread at a time there. With PostgreSQL only the
line of threads is used: few of them have a transaction at once.
"""

import fcntl
import os
import threading
from collections import deque
from pathlib import Path
from typing import Any

from gateway.domain.refusals import Busy


class _Turn:
    """One that waits, and what it is given with its place."""

    def __init__(self) -> None:
        self.given: Any = None
        self._come = threading.Lock()
        self._come.acquire()

    def wait(self, seconds: float) -> bool:
        return self._come.acquire(timeout=seconds)

    def come(self) -> None:
        self._come.release()


class FairLimiter:
    """Lets a number of threads in; of those that wait, the first to come is the first to go in.

    ``places`` threads are inside at once, ``waiters`` more may wait, for ``patience`` seconds.
    """

    def __init__(self, *, places: int, waiters: int, patience: float) -> None:
        """Start with nobody inside."""
        self._free = places
        self._waiters = waiters
        self._patience = patience
        self._guard = threading.Lock()
        self._line: deque[_Turn] = deque()
        self._inside: set[int] = set()

    def enter(self) -> Any:
        """Wait for a place; what is handed over with it, or None.

        Raises Busy when too many wait already or it takes too long, RuntimeError when the thread
        is inside already: it would wait for itself.
        """
        if threading.get_ident() in self._inside:
            raise RuntimeError("this thread has a writing Work open already")
        turn = None
        with self._guard:
            if self._free:
                self._free -= 1
            elif len(self._line) >= self._waiters:
                raise Busy("too many writers wait: retry after a moment")
            else:
                turn = _Turn()
                self._line.append(turn)
        if turn is not None and not turn.wait(self._patience):
            self._give_up(turn)
        self._inside.add(threading.get_ident())
        return None if turn is None else turn.given

    def leave(self) -> None:
        """Hand the place to the first in line."""
        self._inside.discard(threading.get_ident())
        with self._guard:
            if self._line:
                self._line.popleft().come()
            else:
                self._free += 1

    def hand_over(self, thing: Any) -> bool:
        """Leave, and give something to who goes in; False, and nothing changed, if nobody waits."""
        with self._guard:
            if not self._line:
                return False
            self._inside.discard(threading.get_ident())
            turn = self._line.popleft()
            turn.given = thing
            turn.come()
            return True

    def _give_up(self, turn: _Turn) -> None:
        with self._guard:
            # Whoever left in this very moment may have handed its place over: then it is ours.
            if turn in self._line:
                self._line.remove(turn)
                raise Busy("the writers before this one take too long: retry after a moment")


class FileLock:
    """An exclusive lock between processes, on a file that is never written.

    Each acquisition opens a descriptor of its own: flock belongs to the open file, so two threads
    on one descriptor would both be let in, and so would a forked child.
    """

    def __init__(self, path: Path) -> None:
        """Name the file; it is made, for its owner alone, when it is first locked."""
        self._path = path
        self._descriptor: int | None = None

    def acquire(self) -> None:
        """Wait until no other descriptor holds the lock; the caller is the only one in here."""
        descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        except BaseException:
            os.close(descriptor)
            raise
        self._descriptor = descriptor

    def release(self) -> None:
        """Let the next one in."""
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is not None:
            # Unlocked by name: closing would not, if a child being spawned still had a copy.
            fcntl.flock(descriptor, fcntl.LOCK_UN)
            os.close(descriptor)
