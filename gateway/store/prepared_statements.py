"""Statements compiled once by SQLAlchemy and run by the database's own driver.

The engine's way of running a statement costs several times what the statement itself does, most
of it while locks are held. What is run is what the engine would run: its compiler's text with
positional or numbered places, its types' conversions. The attributes of a compiled statement that
are read here are why pyproject.toml bounds SQLAlchemy from above.
"""

from collections import namedtuple
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

from sqlalchemy import Executable, Select
from sqlalchemy.dialects.postgresql.psycopg import dialect as postgresql_dialect
from sqlalchemy.engine import Dialect

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
