"""Copies of a database in use are of one moment; a database in use is never replaced."""

import sqlite3
import threading

import pytest

from gateway.kernel.ports import TransactionMode
from gateway.store import sqlite_backup
from gateway.store.log_integrity import verify_log
from gateway.store.sqlite_backup import InUse, copy_database, merge_wal, put_in_place
from gateway.store.unit_of_work import open_for_reading
from tests.store.samples import ORIGIN, fact


def write(store, events=1):
    with store.begin(TransactionMode.WRITE) as work:
        for _ in range(events):
            work.log.record(fact("hotline", "police"))
        work.commit()


def size(store):
    """The size of the log, which must be whole."""
    with store.begin(TransactionMode.READ) as work:
        return verify_log(work, lambda done, of: None).size


def whole(file):
    """The size of the log in a database file."""
    with open_for_reading(f"sqlite:///{file}", ORIGIN) as store:
        return size(store)


def test_a_copy_has_what_was_committed_and_nothing_else(sqlite, tmp_path):
    store = sqlite.open()
    write(store, 3)
    with store.begin(TransactionMode.WRITE) as work:
        work.log.record(fact())
        work.log.append(work.log.facts)  # written, not committed
        copy_database(tmp_path / "casegate.db", tmp_path / "copy.db", lambda done, of: None)
    assert [file.name for file in tmp_path.glob("copy.db*")] == ["copy.db"]
    assert (tmp_path / "copy.db").stat().st_mode & 0o777 == 0o600
    assert whole(tmp_path / "copy.db") == 3


def test_copies_under_writes_are_each_of_one_moment(sqlite, tmp_path, monkeypatch):
    monkeypatch.setattr(sqlite_backup, "STEP", 1)
    store, stopped = sqlite.open(), threading.Event()
    write(store, 50)

    def go_on():
        while not stopped.is_set():
            write(store)

    writer = threading.Thread(target=go_on)
    writer.start()
    try:
        heard, sizes = [], [0]
        for number in range(3):
            while size(store) == sizes[-1]:  # the writer has not come on since the last copy
                pass
            copy = tmp_path / f"copy-{number}.db"
            copy_database(tmp_path / "casegate.db", copy, lambda done, of: heard.append((done, of)))
            sizes.append(whole(copy))
    finally:
        stopped.set()
        writer.join()
    assert 50 <= sizes[1] < sizes[2] < sizes[3]
    assert all(0 < done <= of for done, of in heard)


def test_nothing_is_copied_over_a_file_that_is_there(sqlite, tmp_path):
    sqlite.open()
    (tmp_path / "there.db").write_text("mine")
    with pytest.raises(FileExistsError):
        copy_database(tmp_path / "casegate.db", tmp_path / "there.db", lambda done, of: None)
    assert (tmp_path / "there.db").read_text() == "mine"


def test_a_database_is_folded_when_nobody_has_it_open_and_not_before(sqlite, tmp_path, monkeypatch):
    store = sqlite.open()
    write(store)
    monkeypatch.setattr(sqlite_backup, "PATIENCE_SECONDS", 0.05)
    with pytest.raises(InUse):
        merge_wal(tmp_path / "casegate.db")
    write(store)
    store.close()
    merge_wal(tmp_path / "casegate.db")
    assert not list(tmp_path.glob("casegate.db-*"))
    assert whole(tmp_path / "casegate.db") == 2


def test_what_is_no_database_is_not_folded(tmp_path):
    file = tmp_path / "text.db"
    file.write_text("This is no database, although it is long enough to be one." * 20)
    with pytest.raises(sqlite3.DatabaseError):
        merge_wal(file)


def test_a_database_is_put_in_place_and_the_one_before_is_kept_with_its_journals(tmp_path):
    for name, content in (("db", "old"), ("db-wal", "old wal"), ("db-shm", "shm"), ("new", "new")):
        (tmp_path / name).write_text(content)
    put_in_place(tmp_path / "new", tmp_path / "db", tmp_path / "aside")
    found = {file.name: file.read_text() for file in tmp_path.iterdir()}
    assert found == {"db": "new", "aside": "old", "aside-wal": "old wal", "aside-shm": "shm"}
