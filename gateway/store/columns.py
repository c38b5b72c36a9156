"""How values are written into columns: texts, times, days, sets of texts, records as JSON."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import fields, is_dataclass
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from functools import cache, lru_cache
from types import UnionType
from typing import TYPE_CHECKING, Any, TypeVar, get_args, get_origin, get_type_hints
from uuid import UUID

from sqlalchemy import BigInteger, Column, Integer, LargeBinary, Table, Text, Uuid
from sqlalchemy.engine import Dialect
from sqlalchemy.types import TypeDecorator

from gateway.evidence import canonical

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

E = TypeVar("E", bound=StrEnum)

# Texts are compared byte by byte everywhere: a locale's order would differ from SQLite's and from
# Python's, and pages by key would skip rows.
TEXT = Text().with_variant(Text(collation="C"), "postgresql")
# Only the very name INTEGER makes a number SQLite's own row key.
NUMBER = BigInteger().with_variant(Integer(), "sqlite")

write_json = canonical.compact
"""JSON without spaces, as all JSON columns hold it."""

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
        _ = _EPOCH + stored * _MICROSECOND
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


class Serial(TypeDecorator[int]):
    """A serial number of up to 160 bits (RFC 5280 4.1.2.2), in decimal digits."""

    impl = TEXT
    cache_ok = True

    def process_bind_param(self, value: int | None, dialect: Dialect) -> str | None:
        """Python to database."""
        return None if value is None else str(value)

    def process_result_value(self, value: str | None, dialect: Dialect) -> int | None:
        """Database to Python."""
        return None if value is None else int(value)


class _IdBytes(TypeDecorator[UUID]):
    """An id as its 16 bytes, half of what its text takes in a row and in each index."""

    impl = LargeBinary
    cache_ok = True

    def process_bind_param(self, value: UUID | None, dialect: Dialect) -> bytes | None:
        """Python to database."""
        return None if value is None else value.bytes

    def process_result_value(self, value: bytes | None, dialect: Dialect) -> UUID | None:
        """Database to Python."""
        return None if value is None else UUID(bytes=value)


SHORT_ID = Uuid().with_variant(_IdBytes(), "sqlite")


@lru_cache(maxsize=1024)
def _set_of(text: str) -> frozenset[str]:
    """Most sets are of a few words, and the same ones in row after row."""
    return frozenset(json.loads(text))


class TextSet(TypeDecorator[frozenset[str]]):
    """A set of texts, as a sorted JSON array, so that equal sets are equal in the database."""

    impl = TEXT
    cache_ok = True

    def process_bind_param(self, value: Iterable[str] | None, dialect: Dialect) -> str | None:
        """Python to database."""
        return None if value is None else write_json(sorted(value))

    def process_result_value(self, value: str | None, dialect: Dialect) -> frozenset[str] | None:
        """Database to Python."""
        return None if value is None else _set_of(value)


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


def to_json(value: Any) -> Any:
    """A record as JSON values: its fields by name, sets in order, times and days as ISO 8601."""
    if is_dataclass(value):
        return {field.name: to_json(getattr(value, field.name)) for field in fields(value)}
    match value:
        case tuple():
            return [to_json(one) for one in value]
        case frozenset():
            return sorted(value)
        case date():
            return value.isoformat()
        case UUID():
            return str(value)
    return value


def read_fields(record: type, values: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of a record that ``to_json`` wrote, as the record's class takes them."""
    types = _field_types(record)
    return {name: _read(types[name], value) for name, value in values.items()}


@cache
def _field_types(record: type) -> dict[str, Any]:
    return get_type_hints(record)


def _read(type_: Any, value: Any) -> Any:
    """A JSON value as one of a type: of a record, or of a field of one."""
    kind: Any = get_origin(type_) or type_
    if kind is UnionType:
        return None if value is None else _read(get_args(type_)[0], value)
    if kind in (tuple, frozenset):
        return kind(_read(get_args(type_)[0], one) for one in value)
    if hasattr(kind, "__dataclass_fields__"):
        return kind(**read_fields(kind, value))
    if issubclass(kind, date):
        return kind.fromisoformat(value)
    return value if isinstance(value, kind) else kind(value)
