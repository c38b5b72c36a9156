"""How values are written into columns: texts, times, days, sets of texts."""

import json
from collections.abc import Iterable
from dataclasses import fields
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Any, TypeVar

from sqlalchemy import BigInteger, Column, Integer, Table, Text
from sqlalchemy.engine import Dialect
from sqlalchemy.types import TypeDecorator

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

E = TypeVar("E", bound=StrEnum)

# Texts are compared byte by byte everywhere: a locale's order would differ from SQLite's and from
# Python's, and pages by key would skip rows.
TEXT = Text().with_variant(Text(collation="C"), "postgresql")
# Only the very name INTEGER makes a number SQLite's own row key.
NUMBER = BigInteger().with_variant(Integer(), "sqlite")

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


class Instant(TypeDecorator[datetime]):
    """An aware time, as microseconds since 1970 in UTC; a time without zone is refused."""

    impl = BigInteger
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> int | None:
        """Python to database; OverflowError for a time that could not be read back."""
        if value is None:
            return None
        stored = (value - _EPOCH) // _MICROSECOND
        self.process_result_value(stored, dialect)
        return stored

    def process_result_value(self, value: int | None, dialect: Dialect) -> datetime | None:
        """Database to Python."""
        return None if value is None else _EPOCH + value * _MICROSECOND


class Day(TypeDecorator[date]):
    """A civil day, as YYYY-MM-DD."""

    impl = TEXT
    cache_ok = True

    def process_bind_param(self, value: date | None, dialect: Dialect) -> str | None:
        """Python to database."""
        return None if value is None else value.isoformat()

    def process_result_value(self, value: str | None, dialect: Dialect) -> date | None:
        """Database to Python."""
        return None if value is None else date.fromisoformat(value)


class TextSet(TypeDecorator[frozenset[str]]):
    """A set of texts, as a sorted JSON array, so that equal sets are equal in the database."""

    impl = TEXT
    cache_ok = True

    def process_bind_param(self, value: Iterable[str] | None, dialect: Dialect) -> str | None:
        """Python to database."""
        return None if value is None else write_json(sorted(value))

    def process_result_value(self, value: str | None, dialect: Dialect) -> frozenset[str] | None:
        """Database to Python."""
        return None if value is None else frozenset(json.loads(value))


class TextList(TypeDecorator[tuple[str, ...]]):
    """Texts in an order that matters, as a JSON array."""

    impl = TEXT
    cache_ok = True

    def process_bind_param(self, value: Iterable[str] | None, dialect: Dialect) -> str | None:
        """Python to database."""
        return None if value is None else write_json(list(value))

    def process_result_value(self, value: str | None, dialect: Dialect) -> tuple[str, ...] | None:
        """Database to Python."""
        return None if value is None else tuple(json.loads(value))


class Choice(TypeDecorator[E]):
    """A member of an enumeration of texts, as its value."""

    impl = TEXT
    cache_ok = True

    def __init__(self, enum: type[E]) -> None:
        """``enum`` is what the column's values are members of."""
        super().__init__()
        self.enum = enum

    def process_bind_param(self, value: E | None, dialect: Dialect) -> str | None:
        """Python to database."""
        return None if value is None else str(value)

    def process_result_value(self, value: str | None, dialect: Dialect) -> E | None:
        """Database to Python."""
        return None if value is None else self.enum(value)


def record_columns(table: Table, record: "type[DataclassInstance]") -> list[Column[Any]]:
    """The columns that have a record's fields, in their order: ``record(*row)`` reads a row."""
    return [table.c[field.name] for field in fields(record)]


def write_json(value: Any) -> str:
    """JSON without spaces, as all JSON columns hold it."""
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)
