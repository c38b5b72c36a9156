"""One open transaction: runs statements, refuses what its mode forbids, names what went wrong.

A refused insert leaves the transaction usable: uniqueness is asked for with ON CONFLICT DO
NOTHING, which SQLite took over from PostgreSQL, so one statement serves both.
"""

import sqlite3
from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, CursorResult, Executable, Table
from sqlalchemy.dialects.postgresql import Insert, insert
from sqlalchemy.exc import DBAPIError, IntegrityError, OperationalError

from gateway.actions.ports import Mode
from gateway.domain.refusals import Busy, DatabaseUnreachable
from gateway.store.prepared import Rows, prepare

Row = Mapping[str, Any]

# SQLite's primary result codes BUSY and LOCKED (https://sqlite.org/rescode.html).
_SQLITE_BUSY = frozenset({5, 6})
# IOERR, FULL and CANTOPEN: the file or its disk is away.
_SQLITE_AWAY = frozenset({10, 13, 14})
# PostgreSQL's serialization_failure, deadlock_detected, lock_not_available and query_canceled
# (a timeout): another try may well succeed.
_POSTGRESQL_BUSY = frozenset({"40001", "40P01", "55P03", "57014"})


def insert_new(table: Table) -> Insert:
    """An insert that does nothing when a row with one of the unique keys is there."""
    return counted(insert(table).on_conflict_do_nothing())


def counted(statement: Insert) -> Insert:
    """The same insert, whose result tells how many rows it touched (others forget it)."""
    return statement.execution_options(preserve_rowcount=True)


def _is_no_answer(error: DBAPIError | sqlite3.Error) -> bool:
    """PostgreSQL is away: the driver has no code then, or one of classes 08, 53300 and 57P."""
    if not isinstance(error, DBAPIError):
        return False
    if error.connection_invalidated:
        return True
    state = getattr(error.orig, "sqlstate", "")
    gone = state is None or state[:2] == "08" or state[:3] in ("57P", "533")
    return isinstance(error, OperationalError) and gone


def translated(error: DBAPIError | sqlite3.Error) -> Exception:
    """What a failure of the database means to the caller; unexpected ones stay as they are."""
    cause = error.orig if isinstance(error, DBAPIError) else error
    code = getattr(cause, "sqlite_errorcode", None)
    if code is not None and code & 0xFF in _SQLITE_BUSY:
        return Busy("the database is locked: retry after a moment")
    if code is not None and code & 0xFF in _SQLITE_AWAY:
        return DatabaseUnreachable("the database does not answer: retry after a moment")
    if getattr(cause, "sqlstate", None) in _POSTGRESQL_BUSY:
        return Busy("another request holds what this one needs: retry after a moment")
    if _is_no_answer(error):
        return DatabaseUnreachable("the database does not answer: retry after a moment")
    if isinstance(error, IntegrityError | sqlite3.IntegrityError):
        return RuntimeError("a row breaks a rule of its table")
    return error


class Transaction:
    """The connection of one Work, from BEGIN to COMMIT or ROLLBACK.

    ``locks_rows`` tells that other transactions write at the same time, so that rows must be
    locked one by one (PostgreSQL).
    """

    def __init__(self, connection: Connection, mode: Mode, *, locks_rows: bool) -> None:
        """Take a connection on which a transaction has begun."""
        self._connection = connection
        self.mode = mode
        self._open = True
        self.failed = False  # by the database: what is left of the transaction is for it to say
        driver = connection.connection.driver_connection
        self._driver = driver if isinstance(driver, sqlite3.Connection) else None
        self.locks_rows = locks_rows and mode is not Mode.READ
        # Cases that this transaction already holds with FOR SHARE: to lock them again FOR UPDATE
        # would make two readers of one case wait for each other.
        self.shared_cases: set[tuple[str, UUID]] = set()

    def execute(
        self, statement: Executable, values: Row | Sequence[Row] | None = None
    ) -> CursorResult[Any] | Rows:
        """Run one statement; with a sequence of values, once for each.

        Raises Busy for locks and timeouts, RuntimeError for a broken rule of a table or when the
        transaction is over.
        """
        self._require_open()
        try:
            done = self._run_prepared(statement, values)
            return self._connection.execute(statement, values) if done is None else done
        except (DBAPIError, sqlite3.Error) as error:
            self.failed = True
            raise translated(error) from error

    def _run_prepared(
        self, statement: Executable, values: Row | Sequence[Row] | None
    ) -> Rows | None:
        """Run a statement by SQLite's own driver; None where the engine has to."""
        if self._driver is None:
            return None
        one = values if isinstance(values, Mapping) else values[0] if values else {}
        prepared = prepare(statement, tuple(one), self._connection.dialect)
        if prepared is None:
            return None
        if values is None or isinstance(values, Mapping):
            return prepared.run(self._driver, one)
        return prepared.run_each(self._driver, values)

    def changed(self, statement: Executable, values: Row) -> bool:
        """Run an insert, update or delete; whether it touched a row."""
        return self.execute(statement, values).rowcount > 0

    def require_writing(self) -> None:
        """Raise RuntimeError in a Work that may only read, or that is over."""
        self._require_open()
        if self.mode is Mode.READ:
            raise RuntimeError("a reading Work cannot write")

    def require_registry(self) -> None:
        """Raise RuntimeError in a Work that may not change the registry."""
        if self.mode is not Mode.REGISTRY:
            raise RuntimeError("the registry is changed in a Work of mode REGISTRY only")

    def commit(self) -> None:
        """Make everything durable. Raises Busy; then nothing is."""
        if self._driver is not None and not self._driver.in_transaction:
            # After some failures SQLite rolls back by itself, and COMMIT would say nothing.
            raise Busy("the database gave the transaction up: retry after a moment")
        try:
            self._commit_now()
        except BaseException as error:
            # What became of the transaction is unknown, and a pooled connection must not carry it
            # into the next Work: closing it leaves the database to decide.
            self._connection.invalidate()
            if isinstance(error, DBAPIError | sqlite3.Error):
                raise translated(error) from error
            raise

    def _commit_now(self) -> None:
        (self._driver or self._connection).commit()

    def end(self) -> None:
        """Let nothing more be run; what was not committed goes when the connection is closed."""
        self._open = False

    def _require_open(self) -> None:
        if not self._open:
            raise RuntimeError("the Work is over: nothing of it may be used any more")
