"""One open transaction: runs statements, refuses what its mode forbids, names what went wrong.

Statements are compiled once and run by the database's own driver.

A refused insert leaves the transaction usable: uniqueness is asked for with ON CONFLICT DO
NOTHING, which SQLite took over from PostgreSQL, so one statement serves both.
"""

import sqlite3
import sys
from collections import namedtuple
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, nullcontext
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple, cast
from uuid import UUID

from sqlalchemy import Connection, CursorResult, Executable, Select, Table
from sqlalchemy.dialects.postgresql import Insert, insert
from sqlalchemy.dialects.postgresql.psycopg import dialect as postgresql_dialect
from sqlalchemy.engine import Dialect
from sqlalchemy.exc import DBAPIError

from gateway.domain.refusals import Busy, DatabaseUnavailable, Refusal
from gateway.kernel.ports import TransactionMode

if TYPE_CHECKING:
    from gateway.store.postgresql_connection import PendingResult


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


class Rows(list[Any]):
    """All rows that a statement gave; named as the engine's own results are."""

    rowcount = -1
    """How many rows were changed; -1 for a query."""

    @classmethod
    def none(cls, changed: int) -> "Rows":
        """What a statement gives that changed so many rows."""
        rows = cls()
        rows.rowcount = changed
        return rows

    def all(self) -> "Rows":
        """Every row."""
        return self

    def first(self) -> Any:
        """The first row, or None."""
        return self[0] if self else None

    def one(self) -> Any:
        """The only row; AssertionError when there are none or several, which no request causes."""
        if len(self) != 1:
            raise AssertionError("a statement that finds one row found none, or several")
        return self[0]

    def scalar(self) -> Any:
        """The first column of the first row, or None."""
        return self[0][0] if self else None

    def scalar_one(self) -> Any:
        """The first column of the only row; AssertionError likewise."""
        return self.one()[0]


class PreparedStatement(NamedTuple):
    """A statement's text, how its values go in, and how its columns come out."""

    sql: str
    parameters: Callable[[Row], Sequence[Any]]
    """Values by name as the driver takes them."""
    row: Callable[[Sequence[Any]], Any] | None
    """A row of a query as the driver gives it, with named columns; None for what is no query."""


@lru_cache(maxsize=STATEMENTS_KEPT)
def prepare(
    statement: Executable, names: tuple[str, ...], dialect: Dialect
) -> PreparedStatement | None:
    """Compile a statement for values of these names; None where its text depends on a value.

    ``dialect`` has positional or numbered places.
    """
    compiled: Any = statement.compile(dialect=dialect, column_keys=list(names) or None)  # type: ignore[attr-defined] # what can be executed has it
    if compiled.post_compile_params or compiled.literal_execute_params:
        return None
    places: list[str] = compiled.positiontup or []
    if any(compiled.binds[name].required and name not in names for name in places):
        return None  # the engine says which value is missing
    types = [compiled.binds[name].type.dialect_impl(dialect) for name in places]
    binds = _needed(type_.bind_processor(dialect) for type_ in types)
    constants = {name: compiled.params[name] for name in places if name not in names}

    def parameters(values: Row) -> Sequence[Any]:
        placed = [*map({**constants, **values}.__getitem__, places)]
        for position, convert in binds:
            if (value := placed[position]) is not None:
                placed[position] = convert(value)
        return placed

    if not isinstance(statement, Select):
        return PreparedStatement(compiled.string, parameters, None)
    selected = [(c.key, c.type.dialect_impl(dialect)) for c in statement.exported_columns]
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


_NO_VALUES: Row = {}

# SQLite's primary result codes BUSY and LOCKED (https://sqlite.org/rescode.html).
_SQLITE_BUSY = frozenset({5, 6})
# IOERR, FULL and CANTOPEN: the file or its disk is away.
_SQLITE_AWAY = frozenset({10, 13, 14})
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
    """What a statement may fail with: the errors of the engine and of the drivers in use.

    psycopg is imported by who connects to PostgreSQL, so that no other process has it in memory.
    """
    loaded = sys.modules.get("psycopg")
    return (DBAPIError, sqlite3.Error, *([loaded.Error] if loaded else []))


def translated(error: Exception) -> Exception:
    """What a failure of the database means to the caller; unexpected ones stay as they are."""
    cause = error.orig if isinstance(error, DBAPIError) else error
    if _is_busy(cause):
        return Busy("another request holds what this one needs: retry after a moment")
    if _is_away(cause) or (isinstance(error, DBAPIError) and error.connection_invalidated):
        return DatabaseUnavailable("the database does not answer: retry after a moment")
    if isinstance(cause, sqlite3.IntegrityError) or _sqlstate(cause).startswith(_BROKEN_RULE):
        return BrokenRule("a row breaks a rule of its table")
    return error


def _is_busy(cause: BaseException | None) -> bool:
    busy = getattr(cause, "sqlite_errorcode", 0) & 0xFF in _SQLITE_BUSY
    return busy or _sqlstate(cause) in _POSTGRESQL_BUSY


def _is_away(cause: BaseException | None) -> bool:
    away = getattr(cause, "sqlite_errorcode", 0) & 0xFF in _SQLITE_AWAY
    return away or _sqlstate(cause).startswith(_POSTGRESQL_AWAY)


def _sqlstate(cause: BaseException | None) -> str:
    """PostgreSQL's code of an error of psycopg's; empty for those of others.

    The driver itself notices that a connection was lost, and has no code for it.
    """
    code = getattr(cause, "sqlstate", "")
    if code is None:
        return _LOST if isinstance(cause, sys.modules["psycopg"].OperationalError) else ""
    return str(code)


class Transaction:
    """The connection of one Work, from BEGIN to COMMIT or ROLLBACK.

    ``locks_rows`` tells that other transactions write at the same time, so that rows must be
    locked one by one (PostgreSQL).
    """

    def __init__(self, connection: Connection, mode: TransactionMode, *, locks_rows: bool) -> None:
        """Take a connection on which a transaction has begun."""
        self._connection = connection
        self.mode = mode
        self._open = True
        self.failed = False  # by the database: what is left of the transaction is for it to say
        driver: Any = connection.connection.driver_connection
        self._driver = driver
        self._together = ExitStack()
        self._piped = False
        self._later: list[tuple[PreparedStatement, Row, Refusal | None]] = []
        self._on_sqlite = isinstance(driver, sqlite3.Connection)
        self._dialect = connection.dialect if self._on_sqlite else NUMBERED
        self.locks_rows = locks_rows and mode is not TransactionMode.READ
        # Cases that this transaction already holds with FOR SHARE: to lock them again FOR UPDATE
        # would make two readers of one case wait for each other.
        self.shared_cases: set[tuple[str, UUID]] = set()

    def execute(
        self, statement: Executable, values: Row | Sequence[Row] | None = None
    ) -> CursorResult[Any] | Rows:
        """Run one statement; with a list of values, once for each.

        Raises Busy for locks and timeouts, BrokenRule, RuntimeError when the transaction is over.
        """
        if not self._open:
            self.require_open()
        each: list[Row] | None = values if isinstance(values, list) else None
        one = each[0] if each else cast(Row, values or _NO_VALUES)
        try:
            prepared = prepare(statement, tuple(one), self._dialect)
            if prepared is None:
                self.flush()
                return self._connection.execute(statement, values)
            sql, parameters, row = prepared
            if not self._on_sqlite:
                return self._ask(prepared, [one] if each is None else each)
            if each is not None:
                cursor = self._driver.executemany(sql, [*map(parameters, each)])
            else:
                cursor = self._driver.execute(sql, parameters(one))
            if row is not None:
                return Rows(map(row, cursor.fetchall()))
            return Rows.none(cursor.rowcount)
        except driver_errors() as error:
            raise self._failure(error) from error

    def _ask(self, prepared: PreparedStatement, each: Sequence[Row]) -> Rows:
        """Run a statement for each row of values; in a pipeline nothing waits for a change."""
        sql, parameters, row = prepared
        with nullcontext() if self._piped else self._driver.together():
            later = self._send_later()
            results = [self._driver.send(sql, parameters(values)) for values in each]
        self._require(later)
        if row is not None:
            return Rows(map(row, results[0].rows()))
        return Rows.none(-1 if self._piped else sum(result.count() for result in results))

    def defer(self, statement: Executable, values: Row, refusal: Refusal | None = None) -> None:
        """Make a change whose result nobody reads: PostgreSQL hears of it with the next statement.

        Its error is raised there, or by `flush`, and so is ``refusal`` when it touches no row.
        Then the Work cannot be committed any more.
        """
        prepared = prepare(statement, tuple(values), self._dialect)
        if not self._on_sqlite and prepared is not None:
            self.require_open()
            self._later.append((prepared, values, refusal))
        elif not self.changed(statement, values) and refusal is not None:
            self.failed = True
            raise refusal

    def flush(self) -> None:
        """Make the changes that wait for a next statement."""
        if self._later:
            with self._translating(), self._driver.together():
                later = self._send_later()
            self._require(later)

    def _send_later(self) -> Sequence[tuple["PendingResult", Refusal | None]]:
        later, self._later = self._later, []
        try:
            return [
                (self._driver.send(prepared.sql, prepared.parameters(values)), refusal)
                for prepared, values, refusal in later
            ]
        except BaseException:  # what was not sent is lost
            self.failed = True
            raise

    def _require(self, later: Sequence[tuple["PendingResult", Refusal | None]]) -> None:
        for result, refusal in later:
            if refusal is not None and not result.count():
                self.failed = True
                raise refusal

    def send(self, statement: Executable, values: Row = _NO_VALUES) -> Callable[[], Rows]:
        """Run a query in a `pipeline`; calling what this returns waits for its rows.

        SQLite answers at once. Raises as `execute`, here or in that call.
        """
        if self._on_sqlite:
            return cast(Rows, self.execute(statement, values)).all
        self.require_open()
        prepared = prepare(statement, tuple(values), self._dialect)
        if prepared is None or prepared.row is None:
            raise ValueError("what can be sent ahead is a query whose text depends on no value")
        row = prepared.row
        with self._translating():
            result = self._driver.send(prepared.sql, prepared.parameters(values))

        def receive() -> Rows:
            with self._translating():
                return Rows(map(row, result.rows()))

        return receive

    @contextmanager
    def _translating(self) -> Iterator[None]:
        try:
            yield
        except driver_errors() as error:
            raise self._failure(error) from error

    def _failure(self, error: Exception) -> Exception:
        """What a failed statement means; a connection that stays unfit is given up."""
        self.failed = True
        cause = error.orig if isinstance(error, DBAPIError) else error
        if _sqlstate(cause) in _UNFIT:
            self._connection.invalidate()
        return translated(error)

    @contextmanager
    def pipeline(self) -> Iterator[None]:
        """A block whose statements go to PostgreSQL in as few messages as their results allow.

        What changes rows is answered by `commit`, or at the end of the block: its count of rows is
        not known before, and an error of any of them ends the block.
        """
        self.flush()
        with self._together:
            if not self._on_sqlite:
                self._together.enter_context(self._driver.together())
                self._piped = True
            try:
                yield
            finally:
                self._piped = False

    def changed(self, statement: Executable, values: Row) -> bool:
        """Run an insert, update or delete; whether it touched a row."""
        return self.execute(statement, values).rowcount > 0

    def require_writing(self) -> None:
        """Raise RuntimeError in a Work that may only read, or that is over."""
        if not self._open:
            self.require_open()
        if self.mode is TransactionMode.READ:
            raise RuntimeError("a reading Work cannot write")

    def require_registry(self) -> None:
        """Raise RuntimeError in a Work that may not change the registry."""
        if self.mode is not TransactionMode.REGISTRY:
            raise RuntimeError("the registry is changed in a Work of mode REGISTRY only")

    def commit(self) -> None:
        """Make everything durable. Raises Busy; then nothing is."""
        if self._on_sqlite and not self._driver.in_transaction:
            # After some failures SQLite rolls back by itself, and COMMIT would say nothing.
            raise Busy("the database gave the transaction up: retry after a moment")
        try:
            self._commit_now()
        except BaseException as error:
            # Whether it was committed is unknown, and a pooled connection must not carry it
            # into the next Work: closing it leaves the database to decide.
            self._connection.invalidate()
            if isinstance(error, driver_errors()):
                raise translated(error) from error
            raise

    def _commit_now(self) -> None:
        if self._on_sqlite:
            self._driver.commit()
            return
        if not self._piped:
            self._driver.ask("COMMIT")
            return
        self._driver.send("COMMIT")
        self._together.close()

    def end(self) -> None:
        """Let nothing more be run; what was not committed goes when the connection is closed."""
        self._open = False

    def require_open(self) -> None:
        """Raise RuntimeError when the Work is over."""
        if not self._open:
            raise RuntimeError("the Work is over: nothing of it may be used any more")
