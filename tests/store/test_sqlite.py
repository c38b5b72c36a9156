"""SQLite is opened as evidence needs it, and its writers queue before the lock file."""

import sqlite3
import threading
import time
from dataclasses import replace

import pytest

from gateway.domain.case import CaseState
from gateway.domain.refusals import Busy
from gateway.kernel.ports import TransactionMode
from gateway.store import cases, database, duties, handoffs, log
from gateway.store.database import UnsuitableDatabase, open_database, reading_engine, writing_engine
from tests.each import each
from tests.store.places import check_log, plan
from tests.store.samples import NOON, accepted, case, fact, handoff, revised, signing_request


@pytest.mark.parametrize("engine", [reading_engine, writing_engine])
def test_every_connection_is_durable_checked_and_overwrites_what_it_deletes(sqlite, engine):
    made = engine(sqlite.url)
    with made.connect() as connection:
        found = {
            name: connection.exec_driver_sql(f"PRAGMA {name}").scalar()
            for name in ("journal_mode", "synchronous", "foreign_keys", "secure_delete")
        }
    made.dispose()
    assert found == {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1, "secure_delete": 1}


def test_a_database_that_cannot_keep_a_log_ahead_of_writing_is_refused(tmp_path):
    with pytest.raises(UnsuitableDatabase, match="journal_mode"):
        open_database("sqlite:///:memory:", lock_path=tmp_path / "lock", waiters=1)


def test_a_setting_that_does_not_hold_is_refused(sqlite, monkeypatch):
    weaker = {**database._SQLITE_SETTINGS, "synchronous": ("NORMAL", 2)}
    monkeypatch.setattr(database, "_SQLITE_SETTINGS", weaker)
    with pytest.raises(UnsuitableDatabase, match="synchronous"):
        sqlite.open()


def test_a_file_that_is_no_database_is_refused(tmp_path):
    file = tmp_path / "casegate.db"
    file.write_bytes(b"not a database, but long enough to be looked at" * 30)
    with pytest.raises(UnsuitableDatabase, match="cannot be opened"):
        open_database(f"sqlite:///{file}", lock_path=tmp_path / "lock", waiters=1)


def test_sqlite_needs_a_lock_file(sqlite):
    sqlite.lock_path = None
    with pytest.raises(UnsuitableDatabase, match="lock file"):
        sqlite.open()


def test_a_reading_connection_cannot_write(sqlite):
    engine = reading_engine(sqlite.url)
    with (
        engine.connect() as connection,
        pytest.raises(Exception, match="readonly"),
    ):
        connection.exec_driver_sql("DELETE FROM log_head")
    engine.dispose()


def test_writers_of_two_stores_exclude_each_other(sqlite):
    """Two stores stand for two processes: each has its own descriptor of the lock file."""
    first, second = sqlite.open(), sqlite.open()
    order = []

    def write():
        with second.begin(TransactionMode.WRITE) as work:
            order.append("second is in")
            work.log.record(fact())
            work.commit()

    with first.begin(TransactionMode.WRITE) as work:
        thread = threading.Thread(target=write)
        thread.start()
        time.sleep(0.05)
        order.append("first is still in")
        work.log.record(fact())
        work.commit()
    thread.join()
    assert order == ["first is still in", "second is in"]
    assert check_log(first) == 2


def test_one_writer_too_many_is_busy_and_readers_are_not(sqlite):
    store = sqlite.open(waiters=1)
    outcomes = []

    def write():
        try:
            with store.begin(TransactionMode.WRITE) as work:
                work.log.record(fact())
                work.commit()
            outcomes.append("written")
        except Busy:
            outcomes.append("busy")

    with store.begin(TransactionMode.WRITE) as work:
        threads = [threading.Thread(target=write) for _ in range(3)]
        for thread in threads:
            thread.start()
        while len(outcomes) < 2:
            time.sleep(0.001)
        with store.begin(TransactionMode.READ) as reader:
            assert reader.log.head().size == 0
        work.commit()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["busy", "busy", "written"]


def test_a_foreign_writer_on_the_file_makes_us_busy_and_no_lock_is_kept(sqlite, monkeypatch):
    monkeypatch.setattr(
        database,
        "_SQLITE_SETTINGS",
        {**database._SQLITE_SETTINGS, "busy_timeout": ("20", 20)},
    )
    store = sqlite.open()
    foreign = sqlite3.connect(sqlite.url.removeprefix("sqlite:///"), isolation_level=None)
    foreign.execute("BEGIN IMMEDIATE")
    for _ in range(2):
        with pytest.raises(Busy), store.begin(TransactionMode.WRITE):
            pass
    foreign.execute("ROLLBACK")
    foreign.close()
    with store.begin(TransactionMode.WRITE) as work:
        work.log.record(fact())
        work.commit()
    assert check_log(store) == 1


FILTERS = [(), ("state",), ("urgency",), ("state", "overdue_at")]


@each(
    "statement",
    [
        *(handoffs._page(box, *filters) for box in ("in", "out") for filters in FILTERS),
        handoffs._RECEIVED,
        duties._DUE,
        *(cases._page(), log._STREAM, log._ENTRIES),
    ],
)
def test_pages_are_found_by_an_index_and_read_in_its_order(sqlite, statement):
    """However many rows an organisation has, a page costs what a page costs."""
    steps = [one for one in plan(sqlite, statement) if "SUBQUERY" not in one]
    assert [step.split()[0] for step in steps] == ["SEARCH"] * len(steps)


def test_the_locks_go_with_the_commit_not_with_the_block(sqlite):
    store = sqlite.open(waiters=0)
    with store.begin(TransactionMode.WRITE) as work:
        work.log.record(fact())
        work.commit()
        with store.begin(TransactionMode.WRITE) as another:
            another.commit()


def test_no_statement_is_compiled_anew_when_it_is_run_again(sqlite):
    """Where a parameter meets a partial index, SQLite would do so at each run."""
    store = sqlite.open()
    for _ in range(3):
        made, version = case()
        offered, offer = handoff(made)
        with store.begin(TransactionMode.WRITE) as work:
            work.cases.add(made, version)
            work.cases.save(*revised(made))
            work.handoffs.add(offered, offer)
            work.handoffs.save(*accepted(offered))
            work.cases.due(NOON.date(), 1)
            work.cases.erase(replace(made, state=CaseState.ERASED, revision=3))
            work.cases.forget_keys(work.cases.doomed(10))
            work.signing.add(request := signing_request())
            work.signing.pending(1)
            work.signing.save(replace(request, refusal="refused"))
            driver = work._transaction.driver
            run = driver.execute("SELECT sql, run, reprep FROM sqlite_stmt").fetchall()
            work.commit()
    partial = ("case_file", "signing_request")
    again = [row for row in run if row[1] > 1 and any(table in row[0] for table in partial)]
    assert len(again) >= 10
    assert [sql for sql, _, compiled_anew in again if compiled_anew] == []
