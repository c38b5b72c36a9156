"""A unit of work is all or nothing, reads one state, keeps to its mode, and ends for good."""

import os
import threading
from collections.abc import Callable

import pytest

from gateway.kernel.ports import TransactionMode
from gateway.kernel.values import HandoffFilter
from gateway.store.database import UnsuitableDatabase
from tests.store import places
from tests.store.places import check_log
from tests.store.samples import ORIGIN, case, fact, handoff, organisation, retry, signing_request


def test_a_work_without_commit_leaves_nothing(store):
    made, version = case()
    with store.begin(TransactionMode.REGISTRY) as work:
        work.organisations.add(organisation())
        work.cases.add(made, version)
        work.handoffs.add(*handoff(made))
        work.retries.add(retry())
        work.signing.add(signing_request())
        work.log.record(fact())
    with store.begin(TransactionMode.READ) as work:
        assert work.organisations.get("hotline") is None
        assert work.cases.get("hotline", made.id) is None
        assert work.cases.version(version.digest) is None
        assert work.handoffs.page("police", "in", HandoffFilter(), None, 9) == []
        assert work.retries.get("hotline", "key-1") is None
        assert work.signing.pending(9) == []
        assert work.log.head().size == 0


def test_an_exception_undoes_the_work_and_reaches_the_caller(store):
    made, version = case()
    with pytest.raises(ZeroDivisionError), store.begin(TransactionMode.WRITE) as work:
        work.cases.add(made, version)
        _ = 1 / 0
    with store.begin(TransactionMode.READ) as work:
        assert work.cases.get("hotline", made.id) is None


def test_a_work_sees_its_own_changes_and_others_see_them_after_the_commit(store):
    made, version = case()
    with store.begin(TransactionMode.WRITE) as work:
        work.cases.add(made, version)
        assert work.cases.get("hotline", made.id) == made
        with store.begin(TransactionMode.READ) as other:
            assert other.cases.get("hotline", made.id) is None
        work.commit()
        with store.begin(TransactionMode.READ) as other:
            assert other.cases.get("hotline", made.id) == made


def test_a_reading_work_sees_one_state_from_its_first_read_to_its_end(store):
    first, second = case(), case()
    with store.begin(TransactionMode.WRITE) as work:
        work.cases.add(*first)
        work.log.record(fact())
        work.commit()
    with store.begin(TransactionMode.READ) as reader:
        before = reader.log.head()
        with store.begin(TransactionMode.WRITE) as work:
            work.cases.add(*second)
            work.log.record(fact())
            work.commit()
        assert reader.log.head() == before
        assert [one.case for one in reader.cases.page("hotline", None, 9)] == [first[0]]
        assert reader.log.last_number("hotline") == 1
    with store.begin(TransactionMode.READ) as reader:
        assert reader.log.head().size == 2


ENDS: list[Callable] = [
    lambda work: work.cases.page("hotline", None, 1),
    lambda work: work.log.head(),
    lambda work: work.log.record(fact()),
    lambda work: work.retries.add(retry()),
    lambda work: work.commit(),
]


@pytest.mark.parametrize("use", ENDS, ids=["page", "head", "record", "add", "commit"])
def test_nothing_of_a_work_can_be_used_after_its_commit_or_its_block(store, use):
    with store.begin(TransactionMode.WRITE) as committed:
        committed.commit()
        with pytest.raises(RuntimeError, match="over"):
            use(committed)
    with store.begin(TransactionMode.WRITE) as left:
        pass
    with pytest.raises(RuntimeError, match="over"):
        use(left)


def test_a_thread_that_writes_cannot_open_another_writing_work(store):
    with store.begin(TransactionMode.WRITE) as work:
        with pytest.raises(RuntimeError, match="already"), store.begin(TransactionMode.WRITE):
            pass
        work.log.record(fact())
        work.commit()
    assert check_log(store) == 1


def test_threads_lose_nothing_and_leave_one_tree(store):
    def write():
        for _ in range(10):
            with store.begin(TransactionMode.WRITE) as work:
                work.cases.add(*case())
                work.log.record(fact("hotline", "police"))
                (logged,) = work.commit()
                done.append(logged.index)

    done = []
    threads = [threading.Thread(target=write) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(done) == list(range(60))
    assert check_log(store) == 60
    with store.begin(TransactionMode.READ) as work:
        assert len(work.cases.page("hotline", None, 99)) == 60


def test_a_database_without_tables_is_unfit(tmp_path):
    with pytest.raises(UnsuitableDatabase, match="set it up"):
        places.Place(f"sqlite:///{tmp_path / 'empty.db'}", tmp_path / "lock").open()


def test_the_log_of_another_origin_is_refused(database):
    store = database.open()
    with store.begin(TransactionMode.WRITE) as work:
        work.log.record(fact())
        work.commit()
    database.open()
    with pytest.raises(UnsuitableDatabase, match=ORIGIN):
        database.open(origin="log.example.org/other")


def test_a_store_does_not_survive_a_fork(sqlite, monkeypatch):
    store = sqlite.open()
    monkeypatch.setattr(os, "getpid", lambda: -1)
    with pytest.raises(RuntimeError, match="fork"):
        store.begin(TransactionMode.READ)
    # Nor may the child end the parent's connections.
    monkeypatch.setattr(store.database, "close", pytest.fail)
    store.close()
    monkeypatch.undo()
