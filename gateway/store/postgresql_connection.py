"""A connection to PostgreSQL: each statement is prepared once, and several go in one message.

psycopg's cursors spend three times as much processor time on a statement as libpq, which psycopg
offers as well (`psycopg.pq`). Connecting, waiting and reading rows stay psycopg's; what is used of
its inner parts is why pyproject.toml bounds it from above.
"""

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from operator import attrgetter
from typing import Any
from uuid import UUID

import psycopg
from psycopg import generators
from psycopg.abc import RV, PQGen
from psycopg.adapt import Transformer
from psycopg.errors import error_from_result
from psycopg.pq import ConnStatus, ExecStatus, TransactionStatus
from psycopg.pq.abc import PGresult

from gateway.store.transaction import BEGIN_BESIDE, NUMBERED, STATEMENTS_KEPT

ANSWER_SECONDS = 20.0
"""How long PostgreSQL may take to answer. Its own timeouts end first, and end nothing when the
server is stopped, the network is silent, or a COMMIT waits for a standby."""

_TEXT, _BINARY = 0, 1

# How a value is sent. Numbers go as text, since their size is the column's; the others as they are
# stored, which spares both sides a conversion.
_WRITTEN: Mapping[type, tuple[int, Callable[[Any], bytes]]] = {
    str: (_BINARY, str.encode),
    bytes: (_BINARY, bytes),
    UUID: (_BINARY, attrgetter("bytes")),
    bool: (_BINARY, (b"\0", b"\1").__getitem__),
    int: (_TEXT, b"%d".__mod__),
}


_REFUSED = (ExecStatus.FATAL_ERROR, ExecStatus.PIPELINE_ABORTED)


FETCHED = 5_000
"""Rows of a long result that are held at once."""


class PendingResult:
    """What the server says to a statement, once it does."""

    __slots__ = ("_connection", "prepares", "result")

    def __init__(self, connection: "BoundedConnection", prepares: str | None) -> None:
        """Of a statement that has been sent, or of the preparation of the text ``prepares``."""
        self._connection = connection
        self.prepares = prepares
        self.result: PGresult | None = None

    def fetchall(self) -> list[tuple[Any, ...]]:
        """All rows that a query gave; waits for them. Raises psycopg.Error."""
        return self._connection.rows_of(self._received())

    @property
    def rowcount(self) -> int:
        """How many rows were changed; waits likewise."""
        return self._received().command_tuples or 0

    def _received(self) -> PGresult:
        if self.result is None:
            self._connection.receive(self)
        if self.result is None or self.result.status in _REFUSED:
            raise self._connection.refusal
        return self.result


class BoundedConnection(psycopg.Connection[Any]):
    """A connection that is closed when its server does not answer in time."""

    dialect = NUMBERED
    begin_writing = BEGIN_BESIDE
    answer_seconds: float | None = ANSWER_SECONDS
    """None: however long it takes, as for a migration."""

    def __init__(self, *arguments: Any, **named: Any) -> None:
        """As psycopg's."""
        super().__init__(*arguments, **named)
        self._statement_names: dict[str, bytes] = {}
        self._pending_results: deque[PendingResult] = deque()
        self._row_reader = Transformer(self)
        self._refused: PGresult | None = None
        self._gathers = False

    @property
    def in_transaction(self) -> bool:
        """Tell whether a transaction is open, also a failed one; named as sqlite3's."""
        idle = (TransactionStatus.IDLE, TransactionStatus.UNKNOWN)
        return self.pgconn.transaction_status not in idle

    def wait(self, gen: PQGen[RV], interval: float = 0.1, timeout: float | None = None) -> RV:
        """Wait for the server's answer.

        Raises psycopg.OperationalError when it does not come; what was asked may have been done.
        """
        try:
            return super().wait(gen, interval, timeout or self.answer_seconds)
        except psycopg.errors._WaitTimeout:
            # In the midst of an answer nothing else can be asked.
            self.pgconn.finish()
            raise

    def ask(self, sql: str, values: Sequence[Any] = ()) -> PendingResult:
        """Run a statement, with ``values`` for its places ``$1``...; waits for the result.

        No transaction is begun for it. Raises psycopg.Error.
        """
        with self.together():
            return self.send(sql, values)

    @contextmanager
    def together(self) -> Iterator[None]:
        """A block whose statements go in one message, or in as many as results are asked for.

        The first that the server refuses ends them all: the others are not run. A block in another
        one ends with that. Raises psycopg.Error, at the end or where a result is asked for.
        """
        if self._gathers:
            yield
            return
        self._refused = None
        self.pgconn.enter_pipeline_mode()
        self._gathers = True
        try:
            yield
        except BaseException:
            with suppress(psycopg.Error):
                self.finish()
            raise
        self.finish()

    def finish(self) -> None:
        """Wait for all results, and end the block. Raises psycopg.Error."""
        if not self._gathers:
            return
        self._gathers = False
        try:
            self.pgconn.pipeline_sync()
            self.wait(self._receive(None))
        finally:
            self._pending_results.clear()
            if self.pgconn.status != ConnStatus.BAD:
                self.pgconn.exit_pipeline_mode()
        if self._refused is not None:
            raise self.refusal

    def send(self, sql: str, values: Sequence[Any] = ()) -> PendingResult:
        """Let a statement go with the others of the block that is open."""
        name = self._statement_names.get(sql)
        if name is None:
            name = self._prepare(sql)
        written: list[bytes | None] = []
        formats: list[int] = []
        for value in values:
            if value is None:
                written.append(None)
                formats.append(_TEXT)
                continue
            found = _WRITTEN.get(type(value)) or _of_base(type(value))
            formats.append(found[0])
            written.append(found[1](value))
        self.pgconn.send_query_prepared(name, written, formats, _BINARY)
        return self._await(None)

    def many(self, sql: str, each: Iterable[Sequence[Any]]) -> PendingResult:
        """Let a statement go for each of some values; the result of the last."""
        return [self.send(sql, values) for values in each][-1]

    def stream(self, sql: str) -> Iterator[tuple[Any, ...]]:
        """The rows of a query, some at a time, in a transaction."""
        self.ask(f"DECLARE passing NO SCROLL CURSOR FOR {sql}").fetchall()
        while rows := self.ask(f"FETCH {FETCHED} FROM passing").fetchall():
            yield from rows
        self.ask("CLOSE passing").fetchall()

    def receive(self, pending: PendingResult) -> None:
        """Wait for a result, and so for all before it."""
        self.pgconn.send_flush_request()
        self.wait(self._receive(pending))

    def rows_of(self, result: PGresult) -> list[tuple[Any, ...]]:
        """The rows of a result, as Python's values."""
        self._row_reader.set_pgresult(result)
        return self._row_reader.load_rows(0, result.ntuples, tuple)

    @property
    def refusal(self) -> psycopg.Error:
        """Why the statements of a block were not run: the first that was refused tells."""
        if self.closed or self._refused is None:
            return psycopg.OperationalError("the connection was lost")
        return error_from_result(self._refused)

    def _prepare(self, sql: str) -> bytes:
        """Have a statement prepared; beyond those that are kept, for its next use alone."""
        kept = len(self._statement_names) < STATEMENTS_KEPT
        name = b"s%d" % len(self._statement_names) if kept else b""
        self.pgconn.send_prepare(name, sql.encode())
        if kept:
            self._statement_names[sql] = name
        self._await(sql)
        return name

    def _await(self, prepares: str | None) -> PendingResult:
        pending = PendingResult(self, prepares)
        self._pending_results.append(pending)
        return pending

    def _receive(self, last: PendingResult | None) -> PQGen[None]:
        """Let the server have what was sent, and take its results up to one; else to the end."""
        yield from generators.send(self.pgconn)
        while self._pending_results and (last is None or last.result is None):
            answered = yield from generators.fetch_many(self.pgconn)
            if not answered:
                raise self.refusal
            pending = self._pending_results.popleft()
            pending.result = answered[0]
            if pending.result.status in _REFUSED:
                self._refused = self._refused or pending.result
                if pending.prepares is not None:
                    self._statement_names.pop(pending.prepares, None)
        if last is None:
            yield from generators.fetch_many(self.pgconn)  # the mark that the block ends


def _of_base(kind: type) -> tuple[int, Callable[[Any], bytes]]:
    """How a value of a class is sent that is made of one of the known ones, as a name of a text."""
    for base in kind.__mro__:
        if base in _WRITTEN:
            return _WRITTEN[base]
    raise TypeError(f"{kind.__name__} is no type of a column's values")
