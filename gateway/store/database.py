"""Connections to SQLite or PostgreSQL: how each is opened, checked, queued for, and begun."""

import sqlite3
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from sqlalchemy import Connection, Engine, create_engine, event, make_url, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import QueuePool

from gateway.domain.refusals import DatabaseUnavailable
from gateway.kernel.ports import TransactionMode
from gateway.kernel.values import TreeHead
from gateway.store.lock import FairLimiter, FileLock
from gateway.store.transaction import driver_errors, translated

if TYPE_CHECKING:
    from gateway.store.postgresql_connection import BoundedConnection

# Writing transactions are measured in milliseconds: who waited this long meets a stuck process,
# and an honest "busy" is better than one more thread held.
PATIENCE_SECONDS = 10.0

# Connections of one process that are kept open: more than a worker has threads.
SQLITE_KEPT = 32

# Writing transactions of one process at PostgreSQL at once. More of them would wait for the log one
# by one; who waits in line for one of these shares it.
POSTGRESQL_WRITERS = 2

BEGIN_WRITING = "BEGIN IMMEDIATE"
"""How SQLite's writing transactions begin: a lock taken later may have to be given up."""

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
# secure_delete overwrites what was erased.
_SQLITE_SETTINGS: Mapping[str, tuple[str, Any]] = {
    "journal_mode": ("WAL", "wal"),
    "synchronous": ("FULL", 2),
    "foreign_keys": ("ON", 1),
    "secure_delete": ("ON", 1),
    "busy_timeout": ("5000", 5000),
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


class UnsuitableDatabase(RuntimeError):
    """The database is not fit to hold evidence; the message says what is wrong with it."""


@dataclass(frozen=True)
class Begun:
    """A connection in a transaction, and what the first look into the database found.

    ``version`` is the registry's; while writers work side by side, ``head`` may be overtaken.
    ``mac`` stands beside the head. ``any_revoked``: there are tokens that were revoked, of which
    this one may be one.
    """

    connection: Connection
    version: int
    head: TreeHead
    mac: bytes | None
    any_revoked: bool


class Database(Protocol):
    """What a Work needs of a database."""

    locks_rows: bool
    line: FairLimiter
    """Where this process's writers wait."""
    limit_row_wait: Sequence[str]
    """Statements by which a transaction waits `ROW_WAIT_MILLISECONDS` for a row at most: several
    writers share it, and what they hold others may wait for."""
    restore_row_wait: Sequence[str]
    """Statements by which it waits as before: for the log, which nobody holds for long."""

    def begin(self, mode: TransactionMode) -> Begun:
        """Begin a transaction and take the mode's locks. Raises Busy.

        Who writes has entered.
        """

    def end(self, connection: Connection, mode: TransactionMode) -> None:
        """Roll back what was not committed and give the connection and its locks back."""

    def turn(self) -> AbstractContextManager[None]:
        """Have the turn to serve certificate requests, among all nodes. Raises Busy."""

    def close(self) -> None:
        """Close every connection that is not in use."""


def open_database(url: str, *, lock_path: Path | None, waiters: int) -> Database:
    """Connect to the database named by a SQLAlchemy URL and check that it is fit.

    ``lock_path`` is the file before which SQLite's writers queue; ``waiters`` of this process may
    wait. Raises UnsuitableDatabase.
    """
    if _is_sqlite(url):
        if lock_path is None:
            raise UnsuitableDatabase("SQLite needs a lock file beside the database")
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


class ConnectionPool:
    """Idle connections of an engine, kept outside the engine's own pool between uses.

    The engine's way from the pool and back costs more than a transaction's own statements.
    """

    def __init__(self, engine: Engine) -> None:
        """None is open yet."""
        self.engine = engine
        self._idle: deque[Connection] = deque()

    def take(self) -> Connection:
        """A connection that nobody uses."""
        with suppress(IndexError):
            return self._idle.pop()
        return self.engine.connect()

    def give_back(self, connection: Connection) -> None:
        """Roll back what is open on a connection, and keep it for the next use."""
        driver = driver_of(connection)
        try:
            if connection.in_transaction():
                connection.rollback()  # what the engine began
            if is_in_transaction(driver):
                driver.rollback()
        except driver_errors():
            connection.invalidate()
        if connection.invalidated or is_lost(driver):
            connection.invalidate()
            connection.close()
            return
        self._idle.append(connection)

    def hand_back(self) -> None:
        """Give the engine those that nobody uses."""
        while self._idle:
            self._idle.pop().close()

    def forget(self) -> None:
        """Close those that nobody uses for good: the server that they led to has gone."""
        while self._idle:
            connection = self._idle.pop()
            connection.invalidate()
            connection.close()

    def close(self) -> None:
        """Close those that nobody uses, and those that the engine keeps."""
        self.hand_back()
        self.engine.dispose()


def driver_of(connection: Connection) -> Any:
    """The driver's own connection under the engine's; of one that was invalidated, None."""
    return None if connection.invalidated else connection.connection.driver_connection


def is_in_transaction(driver: Any) -> bool:
    """Whether a transaction is open on a driver's connection, also a failed one."""
    return driver is not None and bool(driver.in_transaction)


def is_lost(driver: Any) -> bool:
    """Whether a driver's connection is closed: the server did not answer, or it was invalidated."""
    return bool(getattr(driver, "closed", False))


class Sqlite:
    """One file: one writer at a time among all processes, readers each on their own snapshot."""

    locks_rows = False
    limit_row_wait: Sequence[str] = ()
    restore_row_wait: Sequence[str] = ()

    def __init__(self, url: str, lock_path: Path, waiters: int) -> None:
        """Open and check one connection of each kind."""
        self.line = FairLimiter(places=1, waiters=waiters, patience=PATIENCE_SECONDS)
        self._lock = FileLock(lock_path)
        self._writers = ConnectionPool(writing_engine(url))
        self._readers = ConnectionPool(reading_engine(url))
        _require_fit(self, self._check)

    def begin(self, mode: TransactionMode) -> Begun:
        if mode is TransactionMode.READ:
            return _begin(self._readers, ("BEGIN",))
        self._lock.acquire()
        try:
            return _begin(self._writers, (BEGIN_WRITING,))
        except BaseException:
            self._lock.release()
            raise

    def end(self, connection: Connection, mode: TransactionMode) -> None:
        if mode is TransactionMode.READ:
            self._readers.give_back(connection)
            return
        try:
            self._writers.give_back(connection)
        finally:
            self._lock.release()

    def turn(self) -> AbstractContextManager[None]:
        """A file belongs to one host, where maintenance has a lock file."""
        return nullcontext()

    def close(self) -> None:
        self._writers.close()
        self._readers.close()

    def _check(self) -> None:
        # Each connection checks itself when it is made.
        for connections in (self._writers, self._readers):
            connections.give_back(connections.take())


class Postgresql:
    """A server: writers side by side, each with row locks and the registry held still."""

    locks_rows = True
    limit_row_wait: Sequence[str] = (f"SET LOCAL lock_timeout = '{ROW_WAIT_MILLISECONDS}ms'",)
    restore_row_wait: Sequence[str] = ("SET LOCAL lock_timeout TO DEFAULT",)

    def __init__(self, url: str, waiters: int) -> None:
        """Open and check one connection."""
        self.line = FairLimiter(
            places=POSTGRESQL_WRITERS, waiters=waiters, patience=PATIENCE_SECONDS
        )
        self._writers = ConnectionPool(autocommitting(writing_engine(url)))
        self._readers = ConnectionPool(autocommitting(reading_engine(url)))
        _require_fit(self, self._check)

    def begin(self, mode: TransactionMode) -> Begun:
        """All of it goes to the server in one message."""
        if mode is TransactionMode.READ:
            return _begin(self._readers, (_BEGIN_READING,))
        return _begin(self._writers, (BEGIN_BESIDE, _REGISTRY_LOCKS[mode]))

    def end(self, connection: Connection, mode: TransactionMode) -> None:
        if mode is not TransactionMode.READ:
            self._writers.give_back(connection)
            return
        with suppress(*driver_errors()):
            driver = driver_of(connection)
            if is_in_transaction(driver):
                driver.ask("COMMIT")
        self._readers.give_back(connection)

    @contextmanager
    def turn(self) -> Iterator[None]:
        """The server frees the lock of a node that dies."""
        lock = f"SELECT pg_advisory_xact_lock({SERVING_LOCK})"
        begun = _begin(self._writers, (BEGIN_BESIDE, lock))
        try:
            yield
        finally:
            self._writers.give_back(begun.connection)

    def close(self) -> None:
        self._writers.close()
        self._readers.close()

    def _check(self) -> None:
        # Each connection checks itself when it is made.
        self._writers.give_back(self._writers.take())


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
    " coalesce(has_table_privilege(to_regclass('log_event'), 'DELETE'), false)"
)
_REGISTRY_LOCKS = {
    **dict.fromkeys(
        (TransactionMode.WRITE, TransactionMode.SHARED),
        f"SELECT pg_advisory_xact_lock_shared({REGISTRY_LOCK})",
    ),
    TransactionMode.REGISTRY: f"SELECT pg_advisory_xact_lock({REGISTRY_LOCK})",
}


_BEGIN_READING = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"
BEGIN_BESIDE = "BEGIN ISOLATION LEVEL READ COMMITTED"
"""How PostgreSQL's writing transactions begin: side by side, each waiting for rows alone."""

# Every transaction asks for the first, every one that writes for the others; each has one row.
_STATE = (
    "SELECT registry.version, log_head.size, log_head.root, log_head.mac,"
    " EXISTS (SELECT 1 FROM revoked_token) FROM registry, log_head"
)


def _begin(connections: ConnectionPool, first: Sequence[str]) -> Begun:
    """Begin a transaction by its first statements and look at the state of the database.

    Nothing was done yet: where an idle connection has been lost, as after a restart of
    the server, a new one takes its place.
    """
    try:
        connection = connections.take()
        try:
            return run_first(connection, first)
        except driver_errors():
            lost = is_lost(driver_of(connection))
            connections.give_back(connection)
            if not lost:
                raise
        connections.forget()
        connection = connections.take()
        try:
            return run_first(connection, first)
        except driver_errors():
            connections.give_back(connection)
            raise
    except driver_errors() as error:
        raise translated(error) from error
    except UnsuitableDatabase as error:  # of another server than at the start, after a failover
        raise DatabaseUnavailable(str(error)) from error


def run_first(connection: Connection, first: Sequence[str]) -> Begun:
    """Run statements and look at the state of the database. Raises what the driver raises."""
    driver = driver_of(connection)
    if isinstance(driver, sqlite3.Connection):
        for statement in first:
            driver.execute(statement)
        state = driver.execute(_STATE).fetchone()
    else:
        with driver.together():
            for statement in first:
                driver.send(statement)
            result = driver.send(_STATE)
        (state,) = result.rows()
    version, size, root, mac, revoked = state
    return Begun(connection, version, TreeHead(size, root), mac, bool(revoked))


def _sqlite_engine(url: str, *, query_only: bool) -> Engine:
    engine = create_engine(
        url,
        poolclass=QueuePool,
        # Never a queue for a connection: writers wait at the limiter, and a thread holds
        # one reading unit of work. What the pool does not keep is opened again when it is needed.
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
        # As above.
        pool_size=POSTGRESQL_WRITERS,
        max_overflow=-1,
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


def autocommitting(engine: Engine) -> Engine:
    """The same engine, whose connections begin nothing by themselves; SQLite's never do."""
    if engine.dialect.name == "sqlite":
        return engine
    return engine.execution_options(isolation_level="AUTOCOMMIT")


def _require_fit(database: Database, check: Callable[[], None]) -> None:
    try:
        check()
    except DBAPIError as error:
        database.close()
        raise UnsuitableDatabase(f"the database cannot be opened: {error.orig}") from error
    except UnsuitableDatabase:
        database.close()
        raise
