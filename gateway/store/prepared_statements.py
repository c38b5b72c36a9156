"""Statements compiled once by SQLAlchemy and run by the database's own driver.

The engine's way of running a statement costs several times what the statement itself does, most
of it while locks are held. What is run is what the engine would run: its compiler's text with
positional places, its types' conversions. The attributes of a compiled statement that are read
here are why pyproject.toml bounds SQLAlchemy from above.
"""

from collections import namedtuple
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from operator import itemgetter
from typing import Any

from sqlalchemy import Executable, Select
from sqlalchemy.engine import Dialect

STATEMENTS_KEPT = 512
"""Statements kept per process; the store has about a hundred, each a constant of its module."""

Row = Mapping[str, Any]
Convert = Callable[[Any], Any]


class Rows:
    """All rows that a statement gave; named as the engine's own results are."""

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


@dataclass(frozen=True, slots=True)
class PreparedStatement:
    """A statement's text, how its values go in, and how its columns come out."""

    sql: str
    constants: Row
    """Values that the statement itself brings, by name."""
    pick: Callable[[Row], tuple[Any, ...]]
    """The values in the order of their places."""
    binds: tuple[tuple[int, Convert], ...]
    """Places whose values are converted."""
    is_query: bool
    row: Callable[[Sequence[Any]], Any]
    columns: tuple[tuple[int, Convert], ...]

    def parameters(self, values: Row) -> Sequence[Any]:
        """Values by name as the driver takes them."""
        picked = self.pick({**self.constants, **values} if self.constants else values)
        return _converted(picked, self.binds) if self.binds else picked

    def rows(self, fetched: Sequence[Any]) -> Rows:
        """The rows of a query as the driver gave them."""
        if self.columns:
            return Rows([self.row(_converted(row, self.columns)) for row in fetched], -1)
        return Rows([*map(self.row, fetched)], -1)


def _converted(row: Sequence[Any], converts: tuple[tuple[int, Convert], ...]) -> list[Any]:
    values = list(row)
    for position, convert in converts:
        values[position] = convert(values[position])
    return values


@lru_cache(maxsize=STATEMENTS_KEPT)
def prepare(
    statement: Executable, names: tuple[str, ...], dialect: Dialect
) -> PreparedStatement | None:
    """Compile a statement for values of these names; None where its text depends on a value.

    ``dialect`` has positional places.
    """
    compiled: Any = statement.compile(dialect=dialect, column_keys=list(names) or None)  # type: ignore[attr-defined] # what can be executed has it
    if compiled.post_compile_params or compiled.literal_execute_params:
        return None
    places: list[str] = compiled.positiontup or []
    if any(compiled.binds[name].required and name not in names for name in places):
        return None  # the engine says which value is missing
    types = [compiled.binds[name].type.dialect_impl(dialect) for name in places]
    binds = [(n, type_.bind_processor(dialect)) for n, type_ in enumerate(types)]
    constants = {name: compiled.params[name] for name in places if name not in names}
    sql, pick = compiled.string, _picker(places)
    if not isinstance(statement, Select):
        return PreparedStatement(sql, constants, pick, _needed(binds), False, tuple, ())
    selected = [(c.key, c.type.dialect_impl(dialect)) for c in statement.exported_columns]
    reads = [(n, type_.result_processor(dialect, None)) for n, (_, type_) in enumerate(selected)]
    row: Any = namedtuple("Row", [key for key, _ in selected], rename=True)  # type: ignore[misc] # its fields are the statement's
    return PreparedStatement(sql, constants, pick, _needed(binds), True, row._make, _needed(reads))


def _needed(converts: Sequence[tuple[int, Convert | None]]) -> tuple[tuple[int, Convert], ...]:
    return tuple((n, convert) for n, convert in converts if convert is not None)


def _picker(names: Sequence[str]) -> Callable[[Row], tuple[Any, ...]]:
    if len(names) > 1:
        return itemgetter(*names)
    return lambda values: tuple(values[name] for name in names)
