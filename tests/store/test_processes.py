"""Processes that write at once make one tree, share fairly, and may be killed at any moment."""

import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from uuid import UUID

import pytest

from gateway.actions.ports import Mode
from tests.store.places import check_log

ROOT = Path(__file__).parents[2]


class Writer:
    """One process of `writer_program`, and the commits that it reported."""

    def __init__(self, place, *, seconds, threads):
        command = [sys.executable, "-m", "tests.store.writer_program", place.url]
        self.process = subprocess.Popen(
            [*command, str(place.lock_path), place.keys_folder(), str(seconds), str(threads)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=ROOT,
        )

    def start(self):
        assert self.process.stdout.readline() == "ready\n"
        self.process.stdin.write("go\n")
        self.process.stdin.flush()

    def kill(self):
        self.process.kill()

    def finish(self):
        """The lines (thread, index, event) that came out whole."""
        out, _ = self.process.communicate(timeout=30)
        whole = out.split("\n")[:-1]
        return [tuple(line.split(" ")) for line in whole]


def started(place, *, count, seconds, threads):
    writers = [Writer(place, seconds=seconds, threads=threads) for _ in range(count)]
    for writer in writers:
        writer.start()
    return writers


def require_all_logged(store, lines):
    """Every event that was reported stands in the log where it was said to."""
    assert len({event for _, _, event in lines}) == len(lines)
    with store.begin(Mode.READ) as work:
        for _, index, event in lines:
            logged = work.log.logged(UUID(event))
            assert logged is not None
            assert logged.index == int(index)
            assert work.cases.get("hotline", UUID(event)) is not None


def test_two_processes_make_one_tree_and_share_it_fairly(database):
    store = database.open()
    writers = started(database, count=2, seconds=1.0, threads=3)
    reports = [writer.finish() for writer in writers]
    lines = [line for report in reports for line in report]
    require_all_logged(store, lines)
    assert check_log(store) == len(lines)
    shares = sorted(len(report) for report in reports)
    # Starvation is the defect (evidence.md L4): some got one commit in seconds. A fifth of the
    # other's share leaves room for a machine that is busy with other things; a tenth for threads.
    assert shares[0] > shares[1] / 5
    for report in reports:
        threads = Counter(thread for thread, _, _ in report)
        assert len(threads) == 3
        assert min(threads.values()) > max(threads.values()) / 10


@pytest.mark.parametrize("delay", [0.1, 0.23])
def test_a_killed_process_leaves_no_half_event_and_no_lock(database, delay):
    store = database.open()
    killed, other = started(database, count=2, seconds=0.5, threads=2)
    time.sleep(delay)
    killed.kill()
    lines = killed.finish() + other.finish()
    require_all_logged(store, lines)
    # The killed one may have committed events that it could not report any more.
    assert len(lines) <= check_log(store) <= len(lines) + 2
    with store.begin(Mode.WRITE) as work:
        work.commit()
