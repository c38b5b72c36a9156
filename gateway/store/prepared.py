"""Statements compiled once and run by SQLite's own driver, without the engine between.

A statement of ours costs SQLite a few microseconds and the engine's way of running it five times
that, most of it while the write lock is held. What is run is what the engine would run: its
compiler's text, its types' conversions.
"""

import sqlite3
from collections import namedtuple
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from sqlalchemy import Executable, Select
from sqlalchemy.engine import Dialect

_REMEMBERED = 512
"""Statements kept per process; the store has about sixty, each a constant of its module."""

Convert = Callable[[Any], Any] | None


class Rows:
    """What a statement gave, read to its end; named as the engine's own results are."""

    __slots__ = ("_rows", "rowcount")

    def __init__(self, rows: Sequence[Any], rowcount: int) -> None:
        """``rowcount`` is how many rows were changed, -1 for a query."""
        self._rows = rows
        self.rowcount = rowcount

    def __iter__(self) -> Iterator[Any]:
        """The rows in order."""
        return iter(self._rows)

    def all(self) -> list[Any]:
        """Every row."""
        return [*self._rows]

    def first(self) -> Any:
        """The first row, or None."""
        return self._rows[0] if self._rows else None

    def one(self) -> Any:
        """The only row; ValueError when there are none or several."""
        (row,) = self._rows
        return row

    def scalar(self) -> Any:
        """The first column of the first row, or None."""
        return self._rows[0][0] if self._rows else None

    def scalar_one(self) -> Any:
        """The first column of the only row."""
        return self.one()[0]


@dataclass(frozen=True)
class Prepared:
    """A statement's text, how its values go in, and how its columns come out."""

    sql: str
    binds: tuple[tuple[str | None, Any, Convert], ...]
    """For each place: the name of its value, or None and a constant; and how it is converted."""
    row: Callable[[Sequence[Any]], Any] | None
    columns: tuple[tuple[int, Callable[[Any], Any]], ...]

    def run(self, connection: sqlite3.Connection, values: Mapping[str, Any]) -> Rows:
        """Run it once. Raises sqlite3.Error."""
        cursor = connection.execute(self.sql, self._in(values))
        if self.row is None:
            return Rows((), cursor.rowcount)
        return Rows([self._out(row, self.row) for row in cursor], -1)

    def run_each(self, connection: sqlite3.Connection, values: Sequence[Mapping[str, Any]]) -> Rows:
        """Run it once for each of ``values``. Raises sqlite3.Error."""
        cursor = connection.executemany(self.sql, [self._in(one) for one in values])
        return Rows((), cursor.rowcount)

    def _in(self, values: Mapping[str, Any]) -> list[Any]:
        given = [
            (constant if name is None else values[name], convert)
            for name, constant, convert in self.binds
        ]
        return [convert(value) if convert else value for value, convert in given]

    def _out(self, row: Sequence[Any], make: Callable[[Sequence[Any]], Any]) -> Any:
        if not self.columns:
            return make(row)
        read = list(row)
        for position, convert in self.columns:
            read[position] = convert(read[position])
        return make(read)


@lru_cache(maxsize=_REMEMBERED)
def prepare(statement: Executable, names: tuple[str, ...], dialect: Dialect) -> Prepared | None:
    """Compile a statement for values of these names; None where its text depends on a value."""
    compiled: Any = statement.compile(dialect=dialect, column_keys=list(names) or None)  # type: ignore[attr-defined] # what can be executed has it
    if compiled.post_compile_params or compiled.literal_execute_params:
        return None
    if any(compiled.binds[n].required and n not in names for n in compiled.positiontup):
        return None  # the engine says which value is missing
    binds = tuple(
        (
            name if name in names else None,
            compiled.params[name],
            compiled.binds[name].type.dialect_impl(dialect).bind_processor(dialect),
        )
        for name in compiled.positiontup
    )
    if not isinstance(statement, Select):
        return Prepared(compiled.string, binds, None, ())
    selected = [(c.key, c.type.dialect_impl(dialect)) for c in statement.exported_columns]
    converts = [type_.result_processor(dialect, None) for _, type_ in selected]
    row: Any = namedtuple("Row", [key for key, _ in selected], rename=True)  # type: ignore[misc] # its fields are the statement's
    columns = tuple((n, convert) for n, convert in enumerate(converts) if convert)
    return Prepared(compiled.string, binds, row._make, columns)
