"""Connections to SQLite or PostgreSQL: how each is opened, checked, queued for, and begun."""

import sqlite3
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from pathlib import Path
from typing import Any, Protocol

from sqlalchemy import Connection, Engine, create_engine, event, make_url, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import QueuePool

from gateway.actions.ports import Mode
from gateway.store.lock import FileLock, Turnstile
from gateway.store.transaction import translated

# Writing transactions are measured in milliseconds: who waited this long meets a stuck process,
# and an honest "busy" is better than one more thread held.
PATIENCE_SECONDS = 10.0

# Connections of one process that are kept open: more than a worker has threads.
SQLITE_KEPT = 32

# Writers of one process that hold a PostgreSQL connection at once; the others wait in line.
POSTGRESQL_WRITERS = 8

BEGIN_WRITING = "BEGIN IMMEDIATE"
"""How SQLite's writing transactions begin: a lock taken later may have to be given up."""

# How long a server may take to answer a new connection: threads wait for it.
CONNECT_SECONDS = 5

# The key of the advisory lock on the registry: "casegate" in ASCII.
REGISTRY_LOCK = int.from_bytes(b"casegate", "big")

# The key of the advisory lock before which the nodes queue that serve certificate requests.
SERVING_LOCK = int.from_bytes(b"casecert", "big")

# For a connection that has just been opened; the second of each pair is what it must then be.
# FULL, because NORMAL may lose the last commits, and with them events whose receipts are out (L5).
# secure_delete overwrites what was erased (L29).
_SQLITE_SETTINGS: Mapping[str, tuple[str, Any]] = {
    "journal_mode": ("WAL", "wal"),
    "synchronous": ("FULL", 2),
    "foreign_keys": ("ON", 1),
    "secure_delete": ("ON", 1),
    "busy_timeout": ("5000", 5000),
}

# A worker that is stopped in the middle of a transaction must not hold the log's lock for ever.
_POSTGRESQL_SETTINGS: Mapping[str, str] = {
    "application_name": "casegate",
    "synchronous_commit": "on",
    "lock_timeout": "5s",
    "statement_timeout": "10s",
    "idle_in_transaction_session_timeout": "30s",
}


class Unfit(RuntimeError):
    """The database is not fit to hold evidence; the message says what is wrong with it."""


class Database(Protocol):
    """What a Work needs of a database."""

    locks_rows: bool

    def enter(self) -> None:
        """Wait in the line of this process's writers. Raises Busy."""

    def begin(self, mode: Mode) -> Connection:
        """A connection with a transaction begun and the mode's locks taken. Raises Busy.

        Who writes has entered.
        """

    def end(self, connection: Connection, mode: Mode) -> None:
        """Roll back what was not committed and give the connection and its locks back."""

    def leave(self) -> None:
        """Let the next in line enter."""

    def hand_over(self) -> bool:
        """Leave, and let the next in line go on in the same transaction; False when none waits."""

    def turn(self) -> AbstractContextManager[None]:
        """Have the turn to serve certificate requests, among all nodes. Raises Busy."""

    def close(self) -> None:
        """Close every connection that is not in use."""


def open_database(url: str, *, lock_path: Path | None, waiters: int) -> Database:
    """Connect to the database named by a SQLAlchemy URL and check that it is fit.

    ``lock_path`` is the file before which SQLite's writers queue; ``waiters`` of this process may
    wait. Raises Unfit.
    """
    if _is_sqlite(url):
        if lock_path is None:
            raise Unfit("SQLite needs a lock file beside the database")
        return Sqlite(url, lock_path, waiters)
    return Postgresql(url, waiters)


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


class Connections:
    """Connections of an engine that are at hand: SQLite's stay out of the engine between uses.

    The engine's way from the pool and back costs more than a transaction's own statements.
    """

    def __init__(self, engine: Engine) -> None:
        """None is open yet."""
        self.engine = engine
        self._keeps = engine.dialect.name == "sqlite"
        self._idle: deque[Connection] = deque()

    def take(self) -> Connection:
        """A connection that nobody uses."""
        with suppress(IndexError):
            return self._idle.pop()
        return self.engine.connect()

    def give_back(self, connection: Connection) -> None:
        """Roll back what is open on a connection, and have it at hand again."""
        driver = driver_of(connection)
        if not self._keeps or driver is None:
            connection.close()
            return
        try:
            connection.rollback()  # what the engine began, and what we did
            driver.rollback()
        except (DBAPIError, sqlite3.Error):
            connection.invalidate()
            connection.close()
            return
        self._idle.append(connection)

    def hand_back(self) -> None:
        """Give the engine those that nobody uses."""
        while self._idle:
            self._idle.pop().close()

    def close(self) -> None:
        """Close those that nobody uses, and those that the engine keeps."""
        self.hand_back()
        self.engine.dispose()


def driver_of(connection: Connection) -> sqlite3.Connection | None:
    """SQLite's own connection under the engine's; None with another database, or once invalid."""
    if connection.invalidated:
        return None
    driver = connection.connection.driver_connection
    return driver if isinstance(driver, sqlite3.Connection) else None


class Sqlite:
    """One file: one writer at a time among all processes, readers each on their own snapshot."""

    locks_rows = False

    def __init__(self, url: str, lock_path: Path, waiters: int) -> None:
        """Open and check one connection of each kind."""
        self._turnstile = Turnstile(places=1, waiters=waiters, patience=PATIENCE_SECONDS)
        self._lock = FileLock(lock_path)
        self._writers = Connections(writing_engine(url))
        self._readers = Connections(reading_engine(url))
        _require_fit(self, self._check)

    def begin(self, mode: Mode) -> Connection:
        """See Database. A snapshot starts at the first read after BEGIN."""
        if mode is Mode.READ:
            return _begun(self._readers, "BEGIN")
        self._lock.acquire()
        try:
            return _begun(self._writers, BEGIN_WRITING)
        except BaseException:
            self._lock.release()
            raise

    def end(self, connection: Connection, mode: Mode) -> None:
        """See Database."""
        if mode is Mode.READ:
            self._readers.give_back(connection)
            return
        try:
            self._writers.give_back(connection)
        finally:
            self._lock.release()

    def enter(self) -> None:
        """See Database."""
        self._turnstile.enter()

    def leave(self) -> None:
        """See Database."""
        self._turnstile.leave()

    def hand_over(self) -> bool:
        """See Database."""
        return self._turnstile.hand_over()

    def turn(self) -> AbstractContextManager[None]:
        """See Database. A file belongs to one host, where maintenance has a lock file."""
        return nullcontext()

    def close(self) -> None:
        """See Database."""
        self._writers.close()
        self._readers.close()

    def _check(self) -> None:
        # Each connection checks itself when it is made.
        for connections in (self._writers, self._readers):
            connections.give_back(connections.take())


class Postgresql:
    """A server: writers side by side, each with row locks and the registry held still."""

    locks_rows = True

    def __init__(self, url: str, waiters: int) -> None:
        """Open and check one connection."""
        self._turnstile = Turnstile(
            places=POSTGRESQL_WRITERS, waiters=waiters, patience=PATIENCE_SECONDS
        )
        self._writers = Connections(writing_engine(url))
        self._readers = Connections(reading_engine(url))
        _require_fit(self, self._check)

    def begin(self, mode: Mode) -> Connection:
        """See Database."""
        if mode is Mode.READ:
            # The driver begins by itself, before the first statement.
            return _begun(self._readers, "")
        return _begun(self._writers, _REGISTRY_LOCKS[mode])

    def end(self, connection: Connection, mode: Mode) -> None:
        """See Database."""
        (self._readers if mode is Mode.READ else self._writers).give_back(connection)

    def enter(self) -> None:
        """See Database."""
        self._turnstile.enter()

    def leave(self) -> None:
        """See Database."""
        self._turnstile.leave()

    def hand_over(self) -> bool:
        """See Database. Writers work side by side here: nobody waits for another's commit."""
        return False

    @contextmanager
    def turn(self) -> Iterator[None]:
        """See Database. The server frees the lock of a node that dies."""
        connection = _begun(self._writers, f"SELECT pg_advisory_xact_lock({SERVING_LOCK})")
        try:
            yield
        finally:
            self._writers.give_back(connection)

    def close(self) -> None:
        """See Database."""
        self._writers.close()
        self._readers.close()

    def _check(self) -> None:
        with self._writers.engine.connect() as connection:
            require_durable(connection)


def require_durable(connection: Connection) -> None:
    """Require that what PostgreSQL says is committed is; SQLite's connections check themselves.

    Raises Unfit.
    """
    if connection.dialect.name == "sqlite":
        return
    for name in ("fsync", "full_page_writes", "synchronous_commit"):
        found = connection.scalar(_SETTING, {"name": name})
        if found != "on":
            raise Unfit(f"PostgreSQL runs with {name} = {found}: commits may be lost")


_SETTING = text("SELECT current_setting(:name)")
_REGISTRY_LOCKS = {
    Mode.WRITE: f"SELECT pg_advisory_xact_lock_shared({REGISTRY_LOCK})",
    Mode.REGISTRY: f"SELECT pg_advisory_xact_lock({REGISTRY_LOCK})",
}


def _begun(connections: Connections, first: str) -> Connection:
    """A connection in a transaction, after its first statement."""
    try:
        connection = connections.take()
    except (DBAPIError, sqlite3.Error) as error:
        raise translated(error) from error
    try:
        driver = driver_of(connection)
        if driver is not None:
            driver.execute(first)
        elif first:
            connection.exec_driver_sql(first)
    except BaseException as error:
        connections.give_back(connection)
        if isinstance(error, DBAPIError | sqlite3.Error):
            raise translated(error) from error
        raise
    return connection


def _sqlite_engine(url: str, *, query_only: bool) -> Engine:
    engine = create_engine(
        url,
        poolclass=QueuePool,
        # Never a queue for a connection: writers wait at the Turnstile, and a thread holds one
        # reading Work. What the pool does not keep is opened again when it is needed.
        pool_size=SQLITE_KEPT,
        max_overflow=-1,
        hide_parameters=True,
        # None: the driver leaves BEGIN to us, who say it as a statement: a listener to the engine's
        # "begin" would slow down every statement. A pooled connection changes threads.
        connect_args={"isolation_level": None, "check_same_thread": False},
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
            raise Unfit(f"SQLite's {name} is {found} for this file, and must be {expected}")
    if query_only:
        connection.execute("PRAGMA query_only = ON")


def _postgresql_engine(url: str, *, isolation: str, read_only: bool) -> Engine:
    settings = dict(_POSTGRESQL_SETTINGS)
    if read_only:
        settings["default_transaction_read_only"] = "on"
    return create_engine(
        make_url(url).set(drivername="postgresql+psycopg"),
        isolation_level=isolation,
        # As above.
        pool_size=POSTGRESQL_WRITERS,
        max_overflow=-1,
        hide_parameters=True,
        connect_args={"options": _options(settings), "connect_timeout": CONNECT_SECONDS},
    )


def _options(settings: Mapping[str, str]) -> str:
    """Settings in the form of a connection's ``options``, in force from its first statement."""
    return " ".join(f"-c {name}={value}" for name, value in settings.items())


def _require_fit(database: Database, check: Callable[[], None]) -> None:
    try:
        check()
    except DBAPIError as error:
        database.close()
        raise Unfit(f"the database cannot be opened: {error.orig}") from error
    except Unfit:
        database.close()
        raise
