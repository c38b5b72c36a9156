"""Writers wait in line: in order of arrival, not too many, not too long, and one at a time."""

import fcntl
import os
import threading
import time

import pytest

from gateway.domain.refusals import Busy
from gateway.store.database import FairLimiter, FileLock, _Turn
from tests.waiting import until


def turnstile(places=1, waiters=10, patience=5.0):
    return FairLimiter(places=places, waiters=waiters, patience=patience)


class Queue:
    """Threads that come one after the other, each once the one before it waits."""

    def __init__(self, line):
        self.line = line
        self.order = []
        self.threads = []

    def come(self, name):
        waiting = self.waiting
        thread = threading.Thread(target=self._pass, args=(name,))
        self.threads.append(thread)
        thread.start()
        until(lambda: self.waiting != waiting)

    @property
    def waiting(self):
        return len(self.line._line)

    def _pass(self, name):
        try:
            self.line.enter()
        except Busy:
            self.order.append("busy")
            return
        self.order.append(name)
        self.line.leave()

    def join(self):
        for thread in self.threads:
            thread.join()


def test_threads_go_in_by_order_of_arrival():
    line = turnstile()
    line.enter()
    queue = Queue(line)
    for name in "abcdef":
        queue.come(name)
    line.leave()
    queue.join()
    assert "".join(queue.order) == "abcdef"


def test_one_waiter_too_many_is_told_at_once():
    line = turnstile(waiters=2)
    line.enter()
    queue = Queue(line)
    queue.come("a")
    queue.come("b")
    refused = []

    def late():
        with pytest.raises(Busy):
            line.enter()
        refused.append(True)

    thread = threading.Thread(target=late)
    thread.start()
    thread.join()
    assert refused
    line.leave()
    queue.join()
    assert queue.order == ["a", "b"]


def test_who_waits_too_long_gives_up_and_blocks_nobody():
    line = turnstile(patience=1.0)
    line.enter()
    queue = Queue(line)
    queue.come("a")
    queue.join()
    assert queue.order == ["busy"]
    line.leave()
    line.enter()
    line.leave()


def test_a_place_handed_over_in_the_moment_of_giving_up_is_taken():
    line = turnstile()
    line.enter()
    turn = _Turn()
    line._line.append(turn)  # as who waits
    line.leave()
    line._give_up(turn)
    line.leave()
    line.enter()
    line.leave()


def test_as_many_go_in_as_there_are_places():
    line = turnstile(places=2, waiters=0)
    line.enter()
    entered = []

    def second():
        line.enter()
        entered.append(True)
        with pytest.raises(RuntimeError, match="already"):
            line.enter()
        line.leave()

    for _ in range(3):
        thread = threading.Thread(target=second)
        thread.start()
        thread.join()
    assert entered == [True] * 3
    line.leave()


def is_locked(path):
    descriptor = os.open(path, os.O_RDWR)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False


def test_the_file_is_locked_for_everybody_else_until_it_is_released(tmp_path):
    path = tmp_path / "lock"
    lock = FileLock(path)
    lock.acquire()
    assert path.stat().st_mode & 0o777 == 0o600
    assert is_locked(path)
    lock.release()
    assert not is_locked(path)
    lock.release()


def test_two_locks_of_one_process_exclude_each_other(tmp_path):
    """One descriptor shared by two threads would let both in: flock belongs to the open file."""
    first, second = FileLock(tmp_path / "lock"), FileLock(tmp_path / "lock")
    inside, most = [], []

    def cross(lock):
        for _ in range(50):
            lock.acquire()
            inside.append(1)
            most.append(len(inside))
            time.sleep(0)
            inside.pop()
            lock.release()

    threads = [threading.Thread(target=cross, args=(lock,)) for lock in (first, second)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert max(most) == 1
    assert len(most) == 100


def test_a_forked_child_does_not_keep_the_lock(tmp_path):
    path = tmp_path / "lock"
    lock = FileLock(path)
    lock.acquire()
    # A duplicate shares the open file, as a child's copy does between fork and exec.
    copy = os.dup(lock._descriptor)
    lock.release()
    assert not is_locked(path)
    os.close(copy)
