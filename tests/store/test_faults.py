"""Each way of failing around COMMIT leaves everything or nothing, and the store usable."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from psycopg import errors

from gateway.domain.refusals import DatabaseUnavailable, DiskFull
from gateway.kernel.ports import TransactionMode
from gateway.store import database
from gateway.store.migrations import upgrade
from gateway.store.transaction import Transaction, translated
from tests.each import each
from tests.postgresql import own_server
from tests.store.places import Place, check_log
from tests.store.samples import case, fact, retry


class Lost(Exception):
    """The connection to the database, or the process, in the worst moment."""


def submit(store):
    made, version = case()
    event = fact()
    with store.begin(TransactionMode.WRITE) as work:
        work.cases.add(made, version)
        work.retries.add(retry())
        work.log.record(event)
        work.commit()
    return made, event


def found(store, made, event):
    with store.begin(TransactionMode.READ) as work:
        return (
            work.cases.get("hotline", made.id),
            work.retries.get("hotline", "key-1") is not None,
            work.log.logged(event.id) is not None,
        )


@pytest.fixture
def broken(monkeypatch, database):
    """A store whose next COMMIT fails: before it is done, or after, with the answer lost."""
    store = database.open()
    commit = Transaction._commit_now

    def break_next(*, after):
        def commit_now(transaction):
            monkeypatch.undo()
            if after:
                commit(transaction)
            raise Lost

        monkeypatch.setattr(Transaction, "_commit_now", commit_now)
        return store

    return break_next


@pytest.mark.parametrize("after", [False, True], ids=["commit lost", "answer lost"])
def test_a_failing_commit_leaves_all_or_nothing(broken, after):
    store = broken(after=after)
    made, version = case()
    event = fact()
    with store.begin(TransactionMode.WRITE) as work:
        work.cases.add(made, version)
        work.retries.add(retry())
        work.log.record(event)
        with pytest.raises(Lost):
            work.commit()
    assert found(store, made, event) == ((made, True, True) if after else (None, False, False))
    assert check_log(store) == (1 if after else 0)


@pytest.mark.parametrize("after", [False, True], ids=["commit lost", "answer lost"])
def test_the_store_goes_on_without_a_gap(broken, after):
    store = broken(after=after)
    with pytest.raises(Lost):
        submit(store)
    with store.begin(TransactionMode.WRITE) as work:
        work.log.record(fact("hotline", "police"))
        (logged,) = work.commit()
    assert logged.index == (1 if after else 0)
    assert check_log(store) == logged.index + 1


def test_a_fault_in_the_middle_of_the_append_leaves_nothing(database, monkeypatch):
    store = database.open()
    submit(store)
    monkeypatch.setattr("gateway.store.event_index.columns_of", _fail)
    made, version = case()
    event = fact()
    with store.begin(TransactionMode.WRITE) as work:
        work.cases.add(made, version)
        work.log.record(event)
        with pytest.raises(Lost):
            work.commit()
    monkeypatch.undo()
    assert found(store, made, event) == (None, True, False)
    assert check_log(store) == 1


def _fail(*args):
    raise Lost


def test_a_file_that_is_away_is_a_database_that_does_not_answer(sqlite):
    store = sqlite.open()
    store.close()  # no connection is left that has the file open
    file = Path(sqlite.url.removeprefix("sqlite:///"))
    aside = file.rename(file.with_name("aside"))
    file.mkdir()  # SQLite can open no folder
    for mode in TransactionMode:
        with pytest.raises(DatabaseUnavailable), store.begin(mode):
            pass
    file.rmdir()
    aside.rename(file)
    assert submit(store)


@each(
    "said",
    [
        errors.DiskFull,
        errors.OutOfMemory,
        errors.IoError,
        errors.ReadOnlySqlTransaction,
        errors.DataCorrupted,
        errors.CannotConnectNow,
    ],
)
def test_a_server_that_is_full_or_only_reads_is_a_database_that_does_not_answer(said):
    assert isinstance(translated(said("as the server says it")), DatabaseUnavailable)


def test_a_disk_without_room_is_a_refusal_of_its_own_and_nothing_is_stored(sqlite, monkeypatch):
    pages = _pages(sqlite.url)
    monkeypatch.setitem(database._SQLITE_SETTINGS, "max_page_count", (pages, pages))
    with pytest.raises(DiskFull, match="has to make room"):
        while True:
            with sqlite.open().begin(TransactionMode.WRITE) as work:
                work.log.record(fact())
                work.commit()
    monkeypatch.undo()
    assert _pages(sqlite.url) == pages
    assert isinstance(translated(errors.DiskFull("as the server says it")), DiskFull)


def _pages(url):
    with closing(sqlite3.connect(url.removeprefix("sqlite:///"))) as connection:
        return connection.execute("PRAGMA page_count").fetchone()[0]


@pytest.mark.slow
def test_a_server_that_stops_is_a_database_that_does_not_answer_until_it_is_back():
    with own_server() as server:
        place = Place(server.url)
        upgrade(place.url)
        store = place.open()
        submit(store)
        server.stop()
        for mode in (
            *TransactionMode,
            *TransactionMode,
        ):  # on a connection that was open, then on new ones
            with pytest.raises(DatabaseUnavailable), store.begin(mode) as work:
                work.log.head()
        server.start()
        made, _ = case()
        with store.begin(TransactionMode.WRITE) as work:
            assert work.cases.get("hotline", made.id) is None
        place.close()
