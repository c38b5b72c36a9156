"""Connections to SQLite or PostgreSQL: how each is opened, checked, queued for, and begun."""

import fcntl
import os
import sqlite3
import threading
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlalchemy import Engine, NullPool, and_, create_engine, event, make_url, select, text
from sqlalchemy.exc import DBAPIError

from gateway.domain.refusals import Busy, Correctable, DatabaseUnavailable
from gateway.kernel.ports import TransactionMode
from gateway.kernel.values import RetryKey, TreeHead
from gateway.store.columns import matching
from gateway.store.tables import log_head, registry, retry
from gateway.store.transaction import (
    BEGIN_BESIDE,
    NO_VALUES,
    SqliteConnection,
    driver_errors,
    prepare,
    translated,
)

if TYPE_CHECKING:
    from gateway.store.postgresql_connection import BoundedConnection

# Writing transactions are measured in milliseconds: who waited this long meets a stuck process,
# and an honest "busy" is better than one more thread held.
PATIENCE_SECONDS = 10.0

# Writing transactions of one process at PostgreSQL at once. More of them would wait for the log one
# by one; who waits in line for one of these shares it.
POSTGRESQL_WRITERS = 2

# How long a transaction that several share waits for a row: what they hold, others may wait for.
ROW_WAIT_MILLISECONDS = 20

# Parameters of libpq (PostgreSQL, 32.1.2), for a path that has gone silent: seconds, but
# milliseconds for tcp_user_timeout. A URL may say otherwise.
_CONNECTING: Mapping[str, int] = {
    "connect_timeout": 5,
    "tcp_user_timeout": 10_000,
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
}

# The key of the advisory lock on the registry: "casegate" in ASCII.
REGISTRY_LOCK = int.from_bytes(b"casegate", "big")

# The key of the advisory lock before which the nodes queue that serve certificate requests.
SERVING_LOCK = int.from_bytes(b"casecert", "big")

# For a connection that has just been opened; the second of each pair is what it must then be.
# FULL, because NORMAL may lose the last commits, and with them events whose receipts are out;
# secure_delete overwrites what was erased. The journal goes into the database after 4,000 pages
# (16 MB), SQLite's own choice being 1,000: what most commits change is copied a quarter as often.
_SQLITE_SETTINGS: Mapping[str, tuple[str, Any]] = {
    "journal_mode": ("WAL", "wal"),
    "synchronous": ("FULL", 2),
    "foreign_keys": ("ON", 1),
    "secure_delete": ("ON", 1),
    "busy_timeout": ("5000", 5000),
    "wal_autocheckpoint": ("4000", 4000),
}

# A worker that is stopped in the middle of a transaction must not keep holding the log's lock.
_POSTGRESQL_SETTINGS: Mapping[str, str] = {
    "application_name": "casegate",
    "synchronous_commit": "on",
    "lock_timeout": "5s",
    "statement_timeout": "10s",
    "idle_in_transaction_session_timeout": "30s",
}

# What a server must have, so that what it says is committed is.
_DURABLE: Mapping[str, str] = {
    "fsync": "on",
    "full_page_writes": "on",
    "synchronous_commit": "on",
}


class UnsuitableDatabase(Correctable):
    """The database is not fit to hold evidence; the message says what is wrong with it."""


@dataclass(frozen=True)
class Begun:
    """A driver's connection in a transaction, and what the first look into the database found.

    ``version`` is the registry's; while writers work side by side, ``head`` may be overtaken, with
    what stands beside it: ``mac``, the tree's right ``edge``, and the time of the ``newest`` entry.
    ``retried`` are the columns of the write that used ``key``, all None where none did.
    """

    driver: Any
    version: int
    head: TreeHead
    mac: bytes | None
    edge: bytes
    newest: datetime | None
    key: RetryKey | None
    retried: Sequence[Any]


def writing_engine(url: str) -> Engine:
    """An engine whose transactions may write; SQLite's still have to be begun."""
    if _is_sqlite(url):
        return _sqlite_engine(url, query_only=False)
    return _postgresql_engine(url, isolation="READ COMMITTED", read_only=False)


def reading_engine(url: str) -> Engine:
    """An engine whose transactions read one snapshot and cannot write; as above."""
    if _is_sqlite(url):
        return _sqlite_engine(url, query_only=True)
    return _postgresql_engine(url, isolation="REPEATABLE READ", read_only=True)


def _is_sqlite(url: str) -> bool:
    return make_url(url).get_backend_name() == "sqlite"


# --- Waiting in line: threads of one process in order of arrival, processes by a lock file ---
#
# SQLite's own waiting is a lottery in which some writers starve. Here the operating system queues
# processes at an flock, and each process sends one thread at a time there. With PostgreSQL only the
# line of threads is used: few of them have a transaction at once.


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
            raise RuntimeError("this thread has a writing unit of work open already")
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

    __enter__ = acquire

    def __exit__(self, *_: object) -> None:
        self.release()

    def release(self) -> None:
        """Let the next one in."""
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is not None:
            # Unlocked by name: closing would not, if a child being spawned still had a copy.
            fcntl.flock(descriptor, fcntl.LOCK_UN)
            os.close(descriptor)


# --- A database of the gateway ---


class ConnectionPool:
    """Connections that an engine has opened and checked, kept by their drivers' own.

    Each has begun nothing. The engine's way from its pool and back costs more than a transaction's
    own statements.
    """

    def __init__(self, url: str, *, query_only: bool = False) -> None:
        """None is open yet; ``query_only`` on SQLite, where PostgreSQL hears it with each BEGIN."""
        self.engine = (
            _sqlite_engine(url, query_only=query_only)
            if _is_sqlite(url)
            else _postgresql_engine(url, isolation="AUTOCOMMIT", read_only=False)
        )
        self._idle: deque[Any] = deque()

    def take(self) -> Any:
        """A connection that nobody uses."""
        with suppress(IndexError):
            return self._idle.pop()
        opened = self.engine.raw_connection()
        driver = opened.driver_connection
        opened.detach()
        return driver

    def give_back(self, driver: Any) -> None:
        """Roll back what is open on a connection, and keep it for the next use."""
        try:
            if not driver.closed and driver.in_transaction:
                driver.ask("ROLLBACK")
        except driver_errors():
            driver.close()
        if not driver.closed:
            self._idle.append(driver)

    @contextmanager
    def lent(self) -> Iterator[Any]:
        """A connection for a block; where that fails, it is not used again."""
        driver = self.take()
        try:
            yield driver
        except BaseException:
            driver.close()
            raise
        self.give_back(driver)

    def close(self) -> None:
        """Close those that nobody uses."""
        while self._idle:
            self._idle.pop().close()


class Database(ABC):
    """What a unit of work needs of a database."""

    locks_rows: bool
    limit_row_wait: Sequence[str] = ()
    """Statements by which a transaction waits `ROW_WAIT_MILLISECONDS` for a row at most: several
    writers share it, and what they hold others may wait for."""
    restore_row_wait: Sequence[str] = ()
    """Statements by which it waits as before: for the log, which nobody holds for long."""

    def __init__(self, url: str, *, places: int, waiters: int) -> None:
        """Open and check one connection, which checks itself when it is made."""
        self.line = FairLimiter(places=places, waiters=waiters, patience=PATIENCE_SECONDS)
        """Where this process's writers wait."""
        self._writers = ConnectionPool(url)
        self._readers = ConnectionPool(url, query_only=True)
        try:
            with self._writers.lent():
                pass
        except driver_errors() as error:
            raise UnsuitableDatabase(f"the database cannot be opened: {error}") from error

    @abstractmethod
    def begin(self, mode: TransactionMode, key: RetryKey | None = None) -> Begun:
        """Begin a transaction and take the mode's locks; look for the write that used a key, too.

        Raises Busy. Who writes has entered.
        """

    def end(self, driver: Any, mode: TransactionMode) -> None:
        """Roll back what was not committed and give the connection and its locks back."""
        (self._readers if mode is TransactionMode.READ else self._writers).give_back(driver)

    def has_entry(self, index: int, entry: bytes) -> bool:
        """Tell whether the log still has an entry that this process heard was durable."""
        return True

    @abstractmethod
    def turn(self) -> AbstractContextManager[object]:
        """Have the turn to serve certificate requests, among all nodes. Raises Busy."""

    @abstractmethod
    def empty_journal(self) -> None:
        """Leave nothing of what was erased in a journal of ours, unless it is in use just now."""

    def close(self) -> None:
        """Close every connection that is not in use."""
        self._writers.close()
        self._readers.close()


class Sqlite(Database):
    """One file: one writer at a time among all processes, readers each on their own snapshot."""

    locks_rows = False

    def __init__(self, url: str, lock_path: Path, waiters: int) -> None:
        """``lock_path`` is the file before which writers queue."""
        self._lock = FileLock(lock_path)
        super().__init__(url, places=1, waiters=waiters)

    def begin(self, mode: TransactionMode, key: RetryKey | None = None) -> Begun:
        if mode is TransactionMode.READ:
            return _begin(self._readers, "BEGIN")
        self._lock.acquire()
        try:
            return _begin(self._writers, SqliteConnection.begin_writing, key=key)
        except BaseException:
            self._lock.release()
            raise

    def end(self, driver: Any, mode: TransactionMode) -> None:
        try:
            super().end(driver, mode)
        finally:
            if mode is not TransactionMode.READ:
                self._lock.release()

    def empty_journal(self) -> None:
        with self._lock, self._writers.lent() as driver:
            driver.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()

    def turn(self) -> AbstractContextManager[object]:
        """A file belongs to one host, where maintenance has a lock file."""
        return nullcontext()


class Postgresql(Database):
    """A server: writers side by side, each with row locks and the registry held still."""

    locks_rows = True
    limit_row_wait = (f"SET LOCAL lock_timeout = '{ROW_WAIT_MILLISECONDS}ms'",)
    restore_row_wait = ("SET LOCAL lock_timeout TO DEFAULT",)

    def begin(self, mode: TransactionMode, key: RetryKey | None = None) -> Begun:
        """All of it goes to the server in one message."""
        if mode is TransactionMode.READ:
            return _begin(self._readers, "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
        return _begin(self._writers, BEGIN_BESIDE, _REGISTRY_LOCKS[mode], key=key)

    def has_entry(self, index: int, entry: bytes) -> bool:
        """Not after a standby has taken over that had not got it."""
        try:
            with self._readers.lent() as driver:
                return bool(driver.ask(_HAS_ENTRY, (index, entry)).fetchall())
        except driver_errors():
            return False

    def empty_journal(self) -> None:
        """The server's journal is its operator's (docs/data-protection.md)."""

    @contextmanager
    def turn(self) -> Iterator[None]:
        """The server frees the lock of a node that dies."""
        lock = f"SELECT pg_advisory_xact_lock({SERVING_LOCK})"
        begun = _begin(self._writers, BEGIN_BESIDE, lock)
        try:
            yield
        finally:
            self._writers.give_back(begun.driver)


@dataclass(frozen=True)
class Server:
    """A PostgreSQL server as a session sees it."""

    cluster: str
    """The number of its cluster, which copies of it share."""
    encrypted: bool
    """Whether the session is by TLS."""
    local: bool
    """Whether the session is through a socket of this host."""
    role: str
    size: int
    """How many bytes its database holds."""
    deletes: bool
    """Whether the role may delete events, where the database holds the log."""


def look_at(url: str) -> Server:
    """Ask the server of a PostgreSQL database about itself. Raises UnsuitableDatabase."""
    engine = reading_engine(url)
    try:
        with engine.connect() as connection:
            return Server(*connection.execute(_SERVER).one())
    except DBAPIError as error:
        raise UnsuitableDatabase(f"the database cannot be opened: {error.orig}") from error
    finally:
        engine.dispose()


_SERVER = text(
    "SELECT (SELECT system_identifier::text FROM pg_control_system()),"
    " (SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()),"
    " inet_server_addr() IS NULL, current_user,"
    " pg_database_size(current_database()),"
    " coalesce(has_table_privilege(to_regclass('log_event'), 'DELETE'), false)"
)
_HAS_ENTRY = "SELECT idx FROM log_event WHERE idx = $1 AND entry = $2"
_REGISTRY_LOCKS = {
    **dict.fromkeys(
        (TransactionMode.WRITE, TransactionMode.SHARED),
        f"SELECT pg_advisory_xact_lock_shared({REGISTRY_LOCK})",
    ),
    TransactionMode.REGISTRY: f"SELECT pg_advisory_xact_lock({REGISTRY_LOCK})",
}


# Every transaction asks for the first, every one that writes for the others; each has one row.
_BOTH = registry.join(log_head, registry.c.id == log_head.c.id)
_STATE = select(
    registry.c.version,
    log_head.c.size,
    log_head.c.root,
    log_head.c.mac,
    log_head.c.edge,
    log_head.c.newest,
).select_from(_BOTH)
_STATE_AND_RETRY = _STATE.add_columns(*retry.c).select_from(
    _BOTH.outerjoin(retry, and_(matching(retry, "organisation"), matching(retry, "key")))
)


def _begin(connections: ConnectionPool, *first: str, key: RetryKey | None = None) -> Begun:
    """Begin a transaction by its first statements and look at the state of the database.

    Nothing was done yet: where an idle connection has been lost, as after a restart of
    the server, a new one takes its place.
    """
    try:
        driver = connections.take()
        try:
            return run_first(driver, *first, key=key)
        except driver_errors():
            lost = driver.closed
            connections.give_back(driver)
            if not lost:
                raise
        connections.close()
        driver = connections.take()
        try:
            return run_first(driver, *first, key=key)
        except driver_errors():
            connections.give_back(driver)
            raise
    except driver_errors() as error:
        raise translated(error) from error
    except UnsuitableDatabase as error:  # of another server than at the start, after a failover
        raise DatabaseUnavailable(str(error)) from error


def run_first(driver: Any, *first: str, key: RetryKey | None) -> Begun:
    """Run statements and look at the state of the database. Raises what the driver raises."""
    query, values = (_STATE, NO_VALUES) if key is None else (_STATE_AND_RETRY, key._asdict())
    state = prepare(query, tuple(values), driver.dialect)
    with driver.together():
        for statement in first:
            driver.send(statement)
        found = driver.send(state.sql, state.parameters(values))
    (fetched,) = found.fetchall()
    version, size, root, mac, edge, newest, *retried = state.row(fetched)  # type: ignore[misc] # it is a query
    return Begun(driver, version, TreeHead(size, root), mac, edge, newest, key, retried)


def open_database(url: str, *, lock_path: Path | None, waiters: int) -> Database:
    """Connect to the database named by a SQLAlchemy URL and check that it is fit.

    ``lock_path`` is the file before which SQLite's writers queue; ``waiters`` of this process may
    wait. Raises UnsuitableDatabase.
    """
    if _is_sqlite(url):
        if lock_path is None:
            raise UnsuitableDatabase("SQLite needs a lock file beside the database")
        return Sqlite(url, lock_path, waiters)
    return Postgresql(url, places=POSTGRESQL_WRITERS, waiters=waiters)


def _sqlite_engine(url: str, *, query_only: bool) -> Engine:
    engine = create_engine(
        url,
        poolclass=NullPool,  # who keeps connections does so in a `ConnectionPool`
        hide_parameters=True,
        # None: the driver leaves BEGIN to us, who say it as a statement: a listener to the engine's
        # "begin" would slow down every statement. A pooled connection changes threads.
        connect_args={
            "isolation_level": None,
            "check_same_thread": False,
            "factory": SqliteConnection,
        },
    )

    @event.listens_for(engine, "connect")
    def settle(connection: sqlite3.Connection, record: Any) -> None:
        try:
            _settle(connection, query_only=query_only)
        except BaseException:
            connection.close()
            raise

    return engine


def _settle(connection: sqlite3.Connection, *, query_only: bool) -> None:
    """Set what evidence needs, and see that it was set: SQLite passes over what it cannot do."""
    for name, (wanted, expected) in _SQLITE_SETTINGS.items():
        connection.execute(f"PRAGMA {name} = {wanted}")
        (found,) = connection.execute(f"PRAGMA {name}").fetchone()
        if found != expected:
            raise UnsuitableDatabase(
                f"SQLite's {name} is {found} for this file, and must be {expected}"
            )
    if query_only:
        connection.execute("PRAGMA query_only = ON")


def _postgresql_engine(url: str, *, isolation: str, read_only: bool) -> Engine:
    from gateway.store.postgresql_connection import BoundedConnection  # noqa: PLC0415 - psycopg's memory

    parsed = make_url(url)
    settings = _POSTGRESQL_SETTINGS
    engine = create_engine(
        parsed.set(drivername="postgresql+psycopg"),
        isolation_level=isolation,
        # Said when a transaction begins: as a setting of the session it would make a standby of
        # every server for a URL that asks for one that can be written.
        execution_options={"postgresql_readonly": read_only},
        poolclass=NullPool,
        hide_parameters=True,
        connect_args={
            # In force from the first statement.
            "options": " ".join(f"-c {name}={value}" for name, value in settings.items()),
            # What the engine itself runs is rare. Else the driver would, with its own statements,
            # forget at each ROLLBACK those that the connection has prepared.
            "prepare_threshold": None,
            **{name: value for name, value in _CONNECTING.items() if name not in parsed.query},
        },
    )

    @event.listens_for(engine, "do_connect")
    def connect(dialect: Any, record: Any, arguments: Any, parameters: Any) -> BoundedConnection:
        return BoundedConnection.connect(*arguments, **parameters)

    @event.listens_for(engine, "connect")
    def settle(connection: "BoundedConnection", record: Any) -> None:
        try:
            _require_postgresql(connection, settings)
        except BaseException:
            connection.close()
            raise

    return engine


def _require_postgresql(connection: "BoundedConnection", settings: Mapping[str, str]) -> None:
    """Require PostgreSQL itself, durable commits, and the session's settings.

    A pooler drops the settings in silence; others that speak the protocol lack the locks.
    Raises UnsuitableDatabase.
    """
    required = {**settings, **_DURABLE}
    required.pop("application_name", None)  # for people who look at the server
    asked = "SELECT version()" + ", current_setting(%s)" * len(required)
    row = connection.execute(asked, list(required), prepare=False).fetchone()
    connection.commit()
    version, *values = row or ("",)
    if not version.startswith("PostgreSQL ") or "-YB-" in version:
        raise UnsuitableDatabase(f"this is another server than PostgreSQL: {version[:60]}")
    for (name, wanted), found in zip(required.items(), values, strict=True):
        if found != wanted and name in _DURABLE:
            raise UnsuitableDatabase(f"PostgreSQL runs with {name} = {found}: commits may be lost")
        if found != wanted:
            raise UnsuitableDatabase(
                f"{name} is {found} in a session, and must be {wanted}: a pooler drops such"
                " settings; see 'A pooler' in docs/postgresql.md"
            )
