"""One open transaction: runs statements, refuses what its mode forbids, names what went wrong.

Statements are compiled once and run by the database's own driver.

A refused insert leaves the transaction usable: uniqueness is asked for with ON CONFLICT DO
NOTHING, which SQLite took over from PostgreSQL, so one statement serves both.
"""

import sqlite3
import sys
from collections import namedtuple
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import Executable, Table
from sqlalchemy.dialects.postgresql import Insert, insert
from sqlalchemy.dialects.postgresql.psycopg import dialect as postgresql_dialect
from sqlalchemy.dialects.sqlite.pysqlite import dialect as sqlite_dialect
from sqlalchemy.engine import Dialect
from sqlalchemy.exc import DBAPIError

from gateway.domain.refusals import Busy, DatabaseUnavailable, DiskFull, Refusal
from gateway.kernel.ports import TransactionMode

# --- Statements compiled once by SQLAlchemy and run by the database's own driver ---
#
# The engine's way of running a statement costs several times what the statement itself does, most
# of it while locks are held. What is run is what the engine would run: its compiler's text with
# positional or numbered places, its types' conversions. The attributes of a compiled statement
# that are read here are why pyproject.toml bounds SQLAlchemy from above.


NUMBERED: Dialect = postgresql_dialect(paramstyle="numeric_dollar")  # type: ignore[no-untyped-call] # of SQLAlchemy
"""PostgreSQL's dialect with places as the server itself has them, `$1` and so on."""

STATEMENTS_KEPT = 512
"""Statements kept per process, and per connection to PostgreSQL.

The store has about a hundred, each a constant of its module."""

Row = Mapping[str, Any]
Convert = Callable[[Any], Any]


BEGIN_BESIDE = "BEGIN ISOLATION LEVEL READ COMMITTED"
"""How PostgreSQL's writing transactions begin: side by side, each waiting for rows alone."""


class SqliteConnection(sqlite3.Connection):
    """A connection to SQLite that is asked as one to PostgreSQL is (`BoundedConnection`): there is
    no way to a server to be saved, so each statement is run as it is sent."""

    dialect: Dialect = sqlite_dialect()
    begin_writing = "BEGIN IMMEDIATE"
    """How writing transactions begin: a lock taken later may have to be given up."""
    closed = False
    ask = send = sqlite3.Connection.execute
    many = sqlite3.Connection.executemany
    stream = sqlite3.Connection.execute
    together = nullcontext

    def finish(self) -> None:
        """End a block of statements, which go together."""

    def close(self) -> None:
        """Close, and say so."""
        super().close()
        self.closed = True


class PreparedStatement(NamedTuple):
    """A statement's text, how its values go in, and how its columns come out."""

    sql: str
    parameters: Callable[[Row], Sequence[Any]]
    """Values by name as the driver takes them."""
    row: Callable[[Sequence[Any]], Any] | None
    """A row of a query as the driver gives it, with named columns; None for what is no query."""


@lru_cache(maxsize=STATEMENTS_KEPT)
def prepare(statement: Executable, names: tuple[str, ...], dialect: Dialect) -> PreparedStatement:
    """Compile a statement for values of these names.

    ``dialect`` has positional or numbered places. Raises ValueError where the text depends on a
    value, or a value is missing.
    """
    compiled: Any = statement.compile(dialect=dialect, column_keys=list(names) or None)  # type: ignore[attr-defined] # what can be executed has it
    if compiled.post_compile_params or compiled.literal_execute_params:
        raise ValueError("the text of this statement depends on a value")
    places: list[str] = compiled.positiontup or []
    if missing := [one for one in places if compiled.binds[one].required and one not in names]:
        raise ValueError(f"this statement lacks values: {', '.join(missing)}")
    types = [compiled.binds[name].type.dialect_impl(dialect) for name in places]
    binds = _needed(type_.bind_processor(dialect) for type_ in types)
    constants = {name: compiled.params[name] for name in places if name not in names}

    def parameters(values: Row) -> Sequence[Any]:
        placed = [*map({**constants, **values}.__getitem__, places)]
        for position, convert in binds:
            if (value := placed[position]) is not None:
                placed[position] = convert(value)
        return placed

    exported: Any = getattr(statement, "exported_columns", ())  # of a query, or a RETURNING
    selected = [(c.key, c.type.dialect_impl(dialect)) for c in exported]
    if not selected:
        return PreparedStatement(compiled.string, parameters, None)
    reads = _needed(type_.result_processor(dialect, None) for _, type_ in selected)
    named: Any = namedtuple("Row", [key for key, _ in selected], rename=True)  # type: ignore[misc] # its fields are the statement's

    def row(fetched: Sequence[Any]) -> Any:
        values = [*fetched]
        for position, convert in reads:
            if (value := values[position]) is not None:
                values[position] = convert(value)
        return named._make(values)

    return PreparedStatement(compiled.string, parameters, row if reads else named._make)


def _needed(converts: Iterable[Convert | None]) -> list[tuple[int, Convert]]:
    """The places whose values are converted, and how."""
    return [(n, convert) for n, convert in enumerate(converts) if convert is not None]


# --- One open transaction ---


NO_VALUES: Row = {}

# SQLite's primary result codes BUSY and LOCKED (https://sqlite.org/rescode.html).
_SQLITE_BUSY = frozenset({5, 6})
# IOERR and CANTOPEN: the file or its disk is away.
_SQLITE_AWAY = frozenset({10, 14})
# PostgreSQL's serialization_failure, deadlock_detected, lock_not_available and query_canceled
# (a timeout): another try may well succeed.
_POSTGRESQL_BUSY = frozenset({"40001", "40P01", "55P03", "57014"})
# A server that only reads (a standby), and a statement that was prepared before an upgrade changed
# its columns (feature_not_supported): the next connection does better.
_UNFIT = ("25006", "0A000")
# connection_failure; integrity constraint violations.
_LOST, _BROKEN_RULE = "08006", "23"
# Connection exceptions, insufficient resources, operator intervention, system errors; damaged pages
# (PostgreSQL, appendix A).
_POSTGRESQL_AWAY = ("08", "53", "57P", "58", *_UNFIT, "XX001", "XX002")


class BrokenRule(RuntimeError):
    """A row breaks a rule of its table."""


def insert_new(table: Table) -> Insert:
    """An insert that does nothing when a row with one of the unique keys is there."""
    return counted(insert(table).on_conflict_do_nothing())


def counted(statement: Insert) -> Insert:
    """The same insert, whose result tells how many rows it touched (others forget it)."""
    return statement.execution_options(preserve_rowcount=True)


def driver_errors() -> tuple[type[Exception], ...]:
    """Return what a statement may fail with: the errors of the engine and of the drivers in use.

    psycopg is imported by who connects to PostgreSQL, so that no other process has it in memory.
    """
    loaded = sys.modules.get("psycopg")
    return (DBAPIError, sqlite3.Error, *([loaded.Error] if loaded else []))


def translated(error: Exception) -> Exception:
    """Return what a failure of the database means to the caller; unexpected ones stay as they
    are."""
    cause = error.orig if isinstance(error, DBAPIError) else error
    code, state = getattr(cause, "sqlite_errorcode", 0), _sqlstate(cause)
    if code & 0xFF in _SQLITE_BUSY or state in _POSTGRESQL_BUSY:
        return Busy("another request holds what this one needs: retry after a moment")
    if code == sqlite3.SQLITE_FULL or state == "53100":
        return DiskFull("the disk of a database is full: the operator has to make room")
    away = code & 0xFF in _SQLITE_AWAY or state.startswith(_POSTGRESQL_AWAY)
    if away or (isinstance(error, DBAPIError) and error.connection_invalidated):
        return DatabaseUnavailable("the database does not answer: retry after a moment")
    if isinstance(cause, sqlite3.IntegrityError) or state.startswith(_BROKEN_RULE):
        return BrokenRule("a row breaks a rule of its table")
    return error


def _sqlstate(cause: BaseException | None) -> str:
    """PostgreSQL's code of an error of psycopg's; empty for those of others.

    The driver itself notices that a connection was lost, and has no code for it.
    """
    code = getattr(cause, "sqlstate", "")
    if code is None:
        return _LOST if isinstance(cause, sys.modules["psycopg"].OperationalError) else ""
    return str(code)


_Asked = tuple[Executable, Sequence[Row], Refusal | None]
"""A statement, the values of each time it is run, and what is raised where it touches no row."""


@dataclass(eq=False)
class Transaction:
    """The connection of one unit of work, from BEGIN to COMMIT or ROLLBACK.

    ``locks_rows`` tells that it writes at the same time as others, so that rows must be locked one
    by one (PostgreSQL). What runs a statement raises Busy for locks and timeouts, BrokenRule,
    RuntimeError when the transaction is over.
    """

    driver: Any
    mode: TransactionMode
    locks_rows: bool = False
    failed: bool = False
    """Then only the database knows what is left of the transaction."""
    shared_cases: set[tuple[str, UUID]] = field(default_factory=set)
    """Those that this transaction already holds with FOR SHARE: to lock them again FOR UPDATE would
    make two readers of one case wait for each other."""
    offered_cases: set[tuple[str, UUID]] = field(default_factory=set)
    """Those of which it read that they are offered."""
    _open: bool = True
    _later: list[_Asked] = field(default_factory=list)

    def rows(self, query: Executable, values: Row = NO_VALUES) -> list[Any]:
        """All rows that a query finds, with named columns."""
        rows: list[Any] = self._send((query, (values,), None))[0]
        return rows

    def queries(self, *asked: tuple[Executable, Row]) -> list[list[Any]]:
        """The rows of several queries, in one message."""
        return self._send(*[(query, (values,), None) for query, values in asked])

    def stream(self, query: Executable) -> Iterator[Sequence[Any]]:
        """All rows that a query finds, one by one and as the driver has them."""
        self.flush()
        try:
            yield from self.driver.stream(prepare(query, (), self.driver.dialect).sql)
        except driver_errors() as error:
            raise self._failure(error) from error

    def first(self, query: Executable, values: Row = NO_VALUES) -> Any:
        """The first row that a query finds, or None."""
        found = self.rows(query, values)
        return found[0] if found else None

    def scalar(self, query: Executable, values: Row = NO_VALUES) -> Any:
        """The first column of the first row, or None."""
        row = self.first(query, values)
        return None if row is None else row[0]

    def run(self, statement: Executable, *each: Row) -> Any:
        """Run an insert, update or delete for each of some values, if there are any.

        Where it is run once, ``rowcount`` of what it returns says how many rows it touched.
        Between others that go together nothing waits for it: its error is raised when they end.
        """
        return self._send((statement, each, None))[0] if each else None

    def defer(self, statement: Executable, *each: Row, refusal: Refusal | None = None) -> None:
        """Write by one, for each of some values, whose result nobody reads: the database hears of
        it with the next statement.

        Its error is raised there, or by `flush`, and so is ``refusal`` when it touches no row.
        Then the unit of work cannot be committed any more.
        """
        self.require_writing()
        self._later.append((statement, each, refusal))

    def flush(self) -> None:
        """Run what waits for a next statement."""
        if self._later:
            self._send()

    def _send(self, *asked: _Asked) -> list[Any]:
        """Return what statements give, in one message with those that wait for them: a query its
        rows, a change what tells how many it touched."""
        if not self._open:
            self.require_open()
        later, self._later = self._later, []
        driver, sent, given = self.driver, [], list[Any]()
        try:
            with driver.together():
                for statement, each, refusal in (*later, *asked):
                    prepared = prepare(statement, tuple(each[0]), driver.dialect)
                    if len(each) == 1:
                        result = driver.send(prepared.sql, prepared.parameters(each[0]))
                    else:
                        result = driver.many(prepared.sql, map(prepared.parameters, each))
                    sent.append((prepared.row, result, refusal))
            for row, result, refusal in sent:
                if refusal is not None and not result.rowcount:
                    raise refusal
                given.append(result if row is None else [*map(row, result.fetchall())])
        except driver_errors() as error:
            raise self._failure(error) from error
        except BaseException:  # what waited, and was not sent, is lost
            self.failed = True
            raise
        return given[len(later) :]

    def _failure(self, error: Exception) -> Exception:
        """Return what a failed statement means; a connection that stays unfit is given up."""
        self.failed = True
        if _sqlstate(error) in _UNFIT:
            self.driver.close()
        return translated(error)

    def require_writing(self) -> None:
        """Raise RuntimeError in a unit of work that may only read, or that is over."""
        if not self._open:
            self.require_open()
        if self.mode is TransactionMode.READ:
            raise RuntimeError("a reading unit of work cannot write")

    def require_registry(self) -> None:
        """Raise RuntimeError in a unit of work that may not change the registry."""
        if self.mode is not TransactionMode.REGISTRY:
            raise RuntimeError("the registry is changed in a unit of work of mode REGISTRY only")

    def commit(self) -> None:
        """Make everything durable, with what goes together. Raises Busy; then nothing is."""
        if not self.driver.in_transaction:
            # After some failures SQLite rolls back by itself, and COMMIT would say nothing.
            raise Busy("the database gave the transaction up: retry after a moment")
        try:
            self._commit_now()
        except BaseException as error:
            # Whether it was committed is unknown, and a connection that is kept must not carry it
            # into the next unit of work: closing it leaves the database to decide.
            self.driver.close()
            if isinstance(error, driver_errors()):
                raise translated(error) from error
            raise

    def _commit_now(self) -> None:
        with self.driver.together():
            self.driver.send("COMMIT")
            self.driver.finish()

    def end(self) -> None:
        """Let nothing more be run; what was not committed goes when the connection is closed."""
        self._open = False

    def require_open(self) -> None:
        """Raise RuntimeError when the unit of work is over."""
        if not self._open:
            raise RuntimeError("the unit of work is over: nothing of it may be used any more")
