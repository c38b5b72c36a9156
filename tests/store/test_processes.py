"""Processes that write at once make one tree, share fairly, and may be killed at any moment."""

from collections import Counter
from uuid import UUID

import pytest

from gateway.kernel.ports import TransactionMode
from tests.store.places import check_log
from tests.store.programs import Program
from tests.waiting import until

THREADS = 3


def started(place):
    writers = [
        Program("writer_program", place.url, place.lock_path, place.keys_folder(), THREADS)
        for _ in range(2)
    ]
    for writer in writers:
        writer.go()
    return writers


def require_all_logged(store, lines):
    """Every event that was reported stands in the log where it was said to."""
    assert len({event for _, _, event in lines}) == len(lines)
    with store.begin(TransactionMode.READ) as work:
        for _, index, event in lines:
            logged = work.log.logged(UUID(event))
            assert logged is not None
            assert logged.index == int(index)
            assert work.cases.get("hotline", UUID(event)) is not None


def require_no_starved_thread(writers):
    """Wait until each thread wrote: some once got one commit while others made a thousand."""

    def all_wrote() -> bool:
        assert sum(len(writer.lines) for writer in writers) < 5000, "a thread starves"
        done = [Counter(thread for thread, *_ in [*writer.lines]) for writer in writers]
        return all(len(one) == THREADS for one in done)

    until(all_wrote)


@pytest.mark.slow
def test_two_processes_make_one_tree_of_what_they_reported(database):
    store = database.open()
    writers = started(database)
    require_no_starved_thread(writers)
    for writer in writers:
        writer.stop()
    lines = [line for writer in writers for line in writer.lines]
    require_all_logged(store, lines)
    assert check_log(store) == len(lines)


@pytest.mark.parametrize(
    "place", ["postgresql", pytest.param("sqlite", marks=pytest.mark.slow)], indirect=True
)
@pytest.mark.parametrize(
    "after", [3, *(pytest.param(more, marks=pytest.mark.slow) for more in (1, 50))]
)
def test_a_killed_process_leaves_one_tree_no_half_event_and_no_lock(database, after):
    store = database.open()
    killed, other = started(database)
    if after == 3:
        require_no_starved_thread((killed, other))
    until(lambda: len(killed.lines) >= after)
    killed.kill()
    before = len(other.lines)
    until(lambda: len(other.lines) > before + 3)
    other.stop()
    lines = killed.lines + other.lines
    require_all_logged(store, lines)
    # The killed one may have committed events that it could not report any more.
    assert len(lines) <= check_log(store) <= len(lines) + THREADS
    with store.begin(TransactionMode.WRITE) as work:
        work.commit()
