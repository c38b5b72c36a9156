"""Copies of a SQLite database: taken while it is used, and put in its place when it is not."""

import os
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

STEP = 256
"""Pages copied at a time: about a megabyte."""


PATIENCE_SECONDS = 2.0
"""How long a process that has the database open may take to close it."""


class InUse(Exception):
    """A process has the database open; the message says what to do."""


def copy_database(source: Path, target: Path, tell: Callable[[int, int], None]) -> None:
    """Copy a database as it is at one moment, while others read and write it, to a new file.

    The copy is for its owner alone, whole in one file, and on disk when this returns. ``tell``
    hears how many pages of how many are done. Raises sqlite3.Error, OSError.
    """
    os.close(os.open(target, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
    with closing(_open(source, "ro")) as here, closing(_open(target, "rw")) as there:
        # A transaction around all steps: one snapshot, and no step begins anew after a write.
        here.execute("BEGIN")
        here.execute("SELECT count(*) FROM sqlite_master").fetchone()
        here.backup(there, pages=STEP, progress=lambda _, left, total: tell(total - left, total))
    merge_wal(target)


def merge_wal(file: Path) -> None:
    """Bring a database into one file, without journal beside it, and onto the disk.

    Raises InUse when another process has it open, sqlite3.DatabaseError when it is damaged.
    """
    with closing(_open(file, "rw")) as connection:
        try:
            (mode,) = connection.execute("PRAGMA journal_mode = DELETE").fetchone()
        except sqlite3.OperationalError as error:
            raise _in_use(file) from error
    if mode != "delete":
        raise _in_use(file)
    sync(file)


def put_in_place(spare: Path, file: Path, aside: Path) -> None:
    """Let ``spare`` become ``file``; what stood there is kept as ``aside``, with its journals.

    Nobody may have either open: see `fold`. After a crash in the midst both are still there, under
    their own or the other names.
    """
    # A journal of the old database beside the new one would be taken for its own: it goes first.
    for ending in ("-wal", "-shm", "-journal", ""):
        old = file.with_name(file.name + ending)
        if old.exists():
            old.rename(aside.with_name(aside.name + ending))
    spare.rename(file)
    sync(file.parent)


def sync(path: Path) -> None:
    """Have a file or folder on disk."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _open(file: Path, mode: str) -> sqlite3.Connection:
    return sqlite3.connect(
        f"{file.absolute().as_uri()}?mode={mode}", uri=True, isolation_level=None
    )


def _in_use(file: Path) -> InUse:
    return InUse(f"a process still has {file} open: stop the gateway first")
