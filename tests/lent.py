"""SQLite databases that tests borrow: each stays open for the next test, and is put back.

To open a database and compile its statements costs more than most tests do with it; to put back
what it held costs half a millisecond.
"""

import atexit
import os
import shutil
import sqlite3
import weakref
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from datetime import datetime
from functools import cache, lru_cache
from hashlib import sha256
from pathlib import Path
from tempfile import mkdtemp
from typing import Any
from uuid import UUID

from gateway.domain.refusals import CaseErased, CaseKeysUnavailable
from gateway.kernel.ports import TransactionMode
from gateway.kernel.values import RetryKey
from gateway.store.database import open_database
from gateway.store.keyring import MISSING
from gateway.store.log import EventHeader
from gateway.store.migrations import upgrade
from gateway.store.unit_of_work import SqlUnitOfWork, Store
from tests.memory import memory

Copy = bytes
"""All that a database held at one moment."""

PERSON_KEY = bytes(range(32))
HEAD_KEY = bytes(range(1, 33))
ROLLBACK_JOURNAL = b"\x01\x01"  # what a copy says at byte 18: in memory there is no other
_idle: list["_Database"] = []
_open: list["_Database"] = []
_borrowed: list["weakref.ref[LentStore]"] = []


class MemoryKeys:
    """The keys of cases, as the store and the actions ask for them; ``lost`` ones are missing."""

    def __init__(self) -> None:
        self.made = 0
        self.gone: set[UUID] = set()
        self.lost: set[UUID] = set()
        self.old: set[UUID] = set()

    def random(self, count: int) -> bytes:
        return os.urandom(count)

    def restock(self) -> None:
        """There are always some."""

    def take(self) -> tuple[UUID, bytes]:
        self.made += 1
        id_ = UUID(int=self.made)
        return id_, self.key(id_)

    def key(self, id_: UUID) -> bytes:
        if id_ in self.gone:
            raise CaseErased("the case was erased: nothing of its content is left")
        if id_ in self.lost:
            raise CaseKeysUnavailable(MISSING)
        return sha256(id_.bytes).digest()

    def keys(self, ids: Iterable[UUID]) -> dict[UUID, bytes]:
        return {id_: self.key(id_) for id_ in ids if id_ not in self.gone | self.lost}

    def destroy(self, keys: Iterable[UUID]) -> int:
        new = set(keys) - self.gone
        self.gone |= new
        return len(new)

    def states(self, keys: Iterable[UUID]) -> dict[UUID, bool]:
        return {key: key not in self.gone for key in keys if key not in self.lost}

    def destroyed(self, after: UUID | None, limit: int) -> Sequence[UUID]:
        return [key for key in sorted(self.gone) if after is None or key > after][:limit]

    def long_made(self, after: UUID | None, limit: int) -> Sequence[UUID]:
        left = sorted(self.old - self.gone)
        return [key for key in left if after is None or key > after][:limit]


class LentStore(Store):
    """A store on a borrowed database, which the next one gets when nobody holds this one."""

    def __init__(
        self,
        origin: str,
        policy_revision: Callable[[], str],
        now: Callable[[], datetime],
        random: Callable[[int], bytes],
        *,
        keys: Any = None,
        held: Copy | None = None,
    ) -> None:
        """The database is empty, or holds what is given.

        ``random`` and ``keys`` make what differs between two of them.
        """
        self._lent = _idle.pop() if _idle else _Database()
        self.give_back = weakref.finalize(self, _idle.append, self._lent)
        self.give_back.atexit = False
        _borrowed.append(weakref.ref(self))
        self._parts = (
            EventHeader(origin, policy_revision, now, random, PERSON_KEY, HEAD_KEY),
            keys or MemoryKeys(),
        )
        self.put_back(held or empty())

    def copy(self) -> Copy:
        """What the database holds, to be put back into it or into another one."""
        return self._lent.copy()

    def put_back(self, copy: Copy) -> None:
        """Let the database hold what it held, under a store that remembers nothing else."""
        self._lent.put_back(copy)
        super().__init__(self._lent.database, *self._parts)

    def change(self, statement: str, *values: Any) -> None:
        """Change what is stored past all rules, as a defect would."""
        with self._lent.beside:
            self._lent.beside.execute(statement, values)

    def tables(self, *named: str) -> dict[str, list[Any]]:
        """Every row of these tables, or of every table."""
        return _tables(self._lent.beside, named)

    def begin(self, mode: TransactionMode, key: RetryKey | None = None) -> SqlUnitOfWork:
        assert self.give_back.alive, "the database is another test's by now"
        return super().begin(mode, key)

    def close(self) -> None:
        """The database stays open for who is next."""


def borrowed() -> int:
    """How many stores were made so far; see `give_back`."""
    return len(_borrowed)


def give_back(since: int) -> None:
    """Give back what was borrowed since: what a test made ends with the test.

    Python would notice late: an app and its gateway refer to each other.
    """
    while len(_borrowed) > since:
        store = _borrowed.pop()()
        if store is not None:
            store.give_back()


class _Database:
    """One database, open as long as the process, and a connection beside the store's."""

    def __init__(self) -> None:
        file = _folder() / f"{next(_numbers)}.db"
        shutil.copyfile(_template(), file)
        url, lock = f"sqlite:///{file}", file.with_suffix(".lock")
        self.database = open_database(url, lock_path=lock, waiters=64)
        self.beside = sqlite3.connect(file, check_same_thread=False)
        self.beside.execute("PRAGMA synchronous = OFF")
        _open.append(self)

    def copy(self) -> Copy:
        return self.beside.serialize()

    def put_back(self, copy: Copy) -> None:
        (version,) = self.beside.execute("PRAGMA schema_version").fetchone()
        if version != int.from_bytes(copy[40:44], "big"):  # a test changed the tables themselves
            with _held(copy) as held:
                held.backup(self.beside)
            return
        # Row by row: after a backup each connection reads the schema and prepares all anew.
        with self.beside:
            self.beside.execute("BEGIN IMMEDIATE")
            for name, rows in _rows(copy).items():
                if _all_of(self.beside, name) != rows:
                    self.beside.execute(f'DELETE FROM "{name}"')  # noqa: S608 - our own names
                    if rows:
                        places = ", ".join("?" for _ in rows[0])
                        self.beside.executemany(f'INSERT INTO "{name}" VALUES ({places})', rows)  # noqa: S608

    def close(self) -> None:
        self.database.close()
        self.beside.close()


@contextmanager
def _held(copy: Copy) -> Iterator[sqlite3.Connection]:
    with closing(sqlite3.connect(":memory:")) as held:
        held.deserialize(copy[:18] + ROLLBACK_JOURNAL + copy[20:])
        yield held


@lru_cache(maxsize=16)
def _rows(copy: Copy) -> dict[str, list[Any]]:
    """What each table of the copy holds."""
    with _held(copy) as held:
        return _tables(held)


def _tables(database: sqlite3.Connection, named: Iterable[str] = ()) -> dict[str, list[Any]]:
    all_tables = "SELECT name FROM sqlite_master WHERE type = 'table'"
    names = named or [name for (name,) in database.execute(all_tables)]
    return {name: _all_of(database, name) for name in names}


def _all_of(database: sqlite3.Connection, name: str) -> list[Any]:
    """Every row of a table; a test may leave bytes in it that are no text."""
    asked = f'SELECT * FROM "{name}"'  # noqa: S608 - our own names
    try:
        return database.execute(asked).fetchall()
    except sqlite3.OperationalError:
        database.text_factory = lambda text: text.decode(errors="surrogateescape")
        try:
            return database.execute(asked).fetchall()
        finally:
            database.text_factory = str


def end() -> None:
    """Close every database and leave nothing: workers of a test run end without `atexit`."""
    while _open:
        _open.pop().close()
    if _folder.cache_info().currsize:
        shutil.rmtree(_folder(), ignore_errors=True)


atexit.register(end)


_numbers = iter(range(1_000_000))


@cache
def empty() -> Copy:
    """What a new database holds."""
    return _template().read_bytes()


@cache
def _template() -> Path:
    """A migrated, empty database."""
    file = _folder() / "template.db"
    upgrade(f"sqlite:///{file}")
    return file


@cache
def _folder() -> Path:
    return Path(mkdtemp(prefix="casegate-lent-", dir=memory()))
