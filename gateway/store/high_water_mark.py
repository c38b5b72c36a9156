"""The log's high-water mark in PostgreSQL: one row for each log, in a database of its own."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import Any

from sqlalchemy import (
    Column,
    CursorResult,
    Engine,
    Executable,
    LargeBinary,
    MetaData,
    Table,
    bindparam,
    select,
    update,
)
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import DBAPIError

from gateway.domain.refusals import Busy, HighWaterMarkUnavailable
from gateway.kernel.ports import TransactionMode
from gateway.kernel.values import SignedTreeHead, TreeHead
from gateway.store.columns import NUMBER, TEXT
from gateway.store.database import (
    ConnectionPool,
    UnsuitableDatabase,
    autocommitting,
    writing_engine,
)
from gateway.store.high_water_mark_file import HighWaterMarkFile, open_file
from gateway.store.prepared_statements import Row, Rows
from gateway.store.transaction import Transaction, counted, driver_errors

_metadata = MetaData()
mark = Table(
    "mark",
    _metadata,
    Column("origin", TEXT, primary_key=True),
    Column("size", NUMBER, nullable=False),
    Column("root", LargeBinary, nullable=False),
    Column("note", TEXT, nullable=False),
)

_READ = select(mark).where(mark.c.origin == bindparam("origin"))
_FIRST = counted(insert(mark).on_conflict_do_nothing())
_NEXT = (
    update(mark)
    .where(
        mark.c.origin == bindparam("of_origin"),
        mark.c.size == bindparam("seen_size"),
        mark.c.root == bindparam("seen_root"),
    )
    .execution_options(preserve_rowcount=True)
)


def _unreachable() -> tuple[type[Exception], ...]:
    return (*driver_errors(), UnsuitableDatabase, Busy)


class SqlMark:
    """The HighWaterMark port. Each statement is a transaction of its own."""

    def __init__(self, engine: Engine, origin: str) -> None:
        """``engine`` begins no transactions by itself."""
        self._connections = ConnectionPool(engine)
        self._origin = origin

    def turn(self) -> AbstractContextManager[None]:
        """Nodes do without: a move that comes too late finds another mark."""
        return nullcontext()

    def read(self) -> SignedTreeHead | None:
        try:
            with self._run(_READ, {"origin": self._origin}) as found:
                row = found.first()
        except _unreachable() as error:
            raise HighWaterMarkUnavailable("the log's high-water mark cannot be read") from error
        return row and SignedTreeHead(TreeHead(row.size, row.root), row.note)

    def advance(self, seen: SignedTreeHead | None, to: SignedTreeHead) -> bool:
        values = {**vars(to.head), "note": to.note}
        if seen is None:
            return self._move(_FIRST, {"origin": self._origin, **values})
        known = {"seen_size": seen.head.size, "seen_root": seen.head.root}
        return self._move(_NEXT, {"of_origin": self._origin, **known, **values})

    def close(self) -> None:
        """Close the connections."""
        self._connections.close()

    def _move(self, statement: Executable, values: Row) -> bool:
        try:
            with self._run(statement, values) as done:
                return done.rowcount > 0
        except _unreachable() as error:
            raise HighWaterMarkUnavailable("the log's high-water mark cannot be raised") from error

    @contextmanager
    def _run(self, statement: Executable, values: Row) -> Iterator[CursorResult[Any] | Rows]:
        connection = self._connections.take()
        try:
            yield Transaction(connection, TransactionMode.WRITE, locks_rows=False).execute(
                statement, values
            )
        finally:
            self._connections.give_back(connection)


def open_mark(url: str, *, file: Path | None, origin: str) -> SqlMark | HighWaterMarkFile:
    """Open the mark of the log ``origin`` in ``file``, or in PostgreSQL at ``url``.

    Where it is missing, its place is made: a mark that is not there is a frozen log, not an error.
    Raises UnsuitableDatabase.
    """
    if file is not None:
        return open_file(file, origin)
    try:
        engine = autocommitting(writing_engine(url))
        try:
            with engine.connect() as connection:
                _metadata.create_all(connection)
        except BaseException:
            engine.dispose()
            raise
    except DBAPIError as error:
        raise UnsuitableDatabase(
            f"the log's high-water mark cannot be opened ({error.orig}): see [high_water_mark] url"
        ) from error
    return SqlMark(engine, origin)
