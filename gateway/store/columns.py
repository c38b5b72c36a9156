"""How values are written into columns: texts, times, days, sets of texts, records as JSON; and what
all parts of the store share.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import fields
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from functools import lru_cache
from itertools import starmap
from types import UnionType
from typing import TYPE_CHECKING, Any, TypeVar, get_args, get_origin
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ColumnElement,
    Executable,
    ForeignKey,
    FromClause,
    Integer,
    LargeBinary,
    Select,
    Table,
    Text,
    Uuid,
    and_,
    bindparam,
    select,
)
from sqlalchemy.engine import Dialect
from sqlalchemy.types import TypeDecorator

from gateway.domain.json_values import types_of
from gateway.domain.refusals import Refusal
from gateway.evidence import canonical
from gateway.store.transaction import Row, Transaction

if TYPE_CHECKING:
    from _typeshed import DataclassInstance


# Texts are compared byte by byte everywhere: a locale's order would differ from SQLite's and from
# Python's, and pages by key would skip rows.
TEXT = Text().with_variant(Text(collation="C"), "postgresql")
# Only the very name INTEGER makes a number SQLite's own row key.
NUMBER = BigInteger().with_variant(Integer(), "sqlite")

write_json = canonical.compact
"""JSON without spaces, as all JSON columns hold it."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


class _Stored(TypeDecorator[Any]):
    """A type of columns whose values a plain function writes, and another one reads."""

    write: Callable[[Any], Any]
    read: Callable[[Any], Any]

    def bind_processor(self, dialect: Dialect) -> Callable[[Any], Any]:
        """Python to database."""
        return self.write

    def result_processor(self, dialect: Dialect, coltype: object) -> Callable[[Any], Any]:
        """Database to Python."""
        return self.read


class Instant(_Stored):
    """An aware time, as microseconds since 1970 in UTC; a time without zone is refused."""

    impl = BigInteger
    cache_ok = True

    @staticmethod
    def write(value: datetime | None) -> int | None:
        """OverflowError for a time that could not be read back."""
        if value is None:
            return None
        stored = (value - _EPOCH) // _MICROSECOND
        _ = _EPOCH + stored * _MICROSECOND
        return stored

    @staticmethod
    def read(value: int | None) -> datetime | None:
        return None if value is None else _EPOCH + value * _MICROSECOND


class Day(_Stored):
    """A civil day, as YYYY-MM-DD."""

    impl = TEXT
    cache_ok = True

    @staticmethod
    def write(value: date | None) -> str | None:
        return None if value is None else value.isoformat()

    @staticmethod
    def read(value: str | None) -> date | None:
        return None if value is None else date.fromisoformat(value)


class Serial(_Stored):
    """A serial number of up to 160 bits (RFC 5280 4.1.2.2), in decimal digits."""

    impl = TEXT
    cache_ok = True

    @staticmethod
    def write(value: int | None) -> str | None:
        return None if value is None else str(value)

    @staticmethod
    def read(value: str | None) -> int | None:
        return None if value is None else int(value)


class _IdBytes(_Stored):
    """An id as its 16 bytes, half of what its text takes in a row and in each index."""

    impl = LargeBinary
    cache_ok = True

    @staticmethod
    def write(value: UUID | None) -> bytes | None:
        return None if value is None else value.bytes

    @staticmethod
    def read(value: bytes | None) -> UUID | None:
        return None if value is None else UUID(bytes=value)


SHORT_ID = Uuid().with_variant(_IdBytes(), "sqlite")


@lru_cache(maxsize=1024)
def _set_of(text: str) -> frozenset[str]:
    """Most sets are of a few words, and the same ones in row after row."""
    return frozenset(json.loads(text))


class TextSet(_Stored):
    """A set of texts, as a sorted JSON array, so that equal sets are equal in the database."""

    impl = TEXT
    cache_ok = True

    @staticmethod
    def write(value: Iterable[str] | None) -> str | None:
        return None if value is None else write_json(sorted(value))

    @staticmethod
    def read(value: str | None) -> frozenset[str] | None:
        return None if value is None else _set_of(value)


class TextList(_Stored):
    """Texts in an order that matters, as a JSON array."""

    impl = TEXT
    cache_ok = True

    @staticmethod
    def write(value: Iterable[str] | None) -> str | None:
        return None if value is None else write_json(list(value))

    @staticmethod
    def read(value: str | None) -> tuple[str, ...] | None:
        return None if value is None else tuple(json.loads(value))


class Choice(_Stored):
    """A member of an enumeration of texts, as its value."""

    impl = TEXT
    cache_ok = True

    def __init__(self, enum: type[StrEnum]) -> None:
        """``enum`` is what the column's values are members of."""
        super().__init__()
        self.enum = enum
        texts: dict[Any, Any] = {None: None} | {one: one.value for one in enum}
        members: dict[Any, Any] = {None: None} | {one.value: one for one in enum}
        self.write, self.read = texts.__getitem__, members.__getitem__


def record_columns(table: Table, record: "type[DataclassInstance]") -> list[Column[Any]]:
    """The columns that have a record's fields, in their order: ``record(*row)`` reads a row."""
    return [table.c[field.name] for field in fields(record)]


_COLUMN_TYPES: Mapping[Any, Any] = {
    str: TEXT,
    int: Integer,
    bool: Boolean,
    bytes: LargeBinary,
    UUID: Uuid,
    datetime: Instant,
    date: Day,
    frozenset: TextSet,
    tuple: TextList,
}


def columns_of(
    record: "type[DataclassInstance]", *left_out: str, **own: Any
) -> Iterator[Column[Any]]:
    """A column for each field of a record, but those ``left_out``; NULL where it may be None.

    Its type follows from the field's; ``own`` has another one, or the foreign key, by name.
    """
    for name, hint in types_of(record).items():
        if name in left_out:
            continue
        kind, optional = (get_args(hint)[0], True) if type(hint) is UnionType else (hint, False)
        kind = get_origin(kind) or kind
        type_ = Choice(kind) if issubclass(kind, StrEnum) else _COLUMN_TYPES.get(kind)
        given = own.get(name, type_)
        what = (type_, given) if isinstance(given, ForeignKey) else (given,)
        yield Column(name, *what, nullable=optional)


# --- What the parts of the store have in common: statements by the names of columns ---


R = TypeVar("R")
_NONE: Row = {}


def keyed(record: Any, *key: str, keeps: Sequence[str] = ()) -> dict[str, Any]:
    """The fields of a record as the values of an update: without those that a row ``keeps``, and
    those of its ``key`` under `of_`, as `matching` looks for them."""
    values = {name: value for name, value in vars(record).items() if name not in keeps}
    named = {f"of_{name}": values.pop(name) for name in key}
    return named | values


def matching(table: FromClause, *names: str, prefix: str = "") -> ColumnElement[bool]:
    """That these columns have the values of their names.

    In an update these names are those of the new values: what is looked for has a ``prefix``.
    """
    return and_(*(table.c[name] == bindparam(prefix + name) for name in names))


def records(table: Table, record: "type[DataclassInstance]", *names: str) -> Select[Any]:
    """Read a table's rows as records, those whose columns have the values of their ``names``."""
    found = select(*record_columns(table, record))
    return found.where(matching(table, *names)) if names else found


class StorePart:
    """A part of the store in one transaction; its contract is the port that it is used by.

    ``registry``: what it changes is the registry, for which a transaction has to be of that mode.
    """

    registry = False

    def __init__(self, transaction: Transaction) -> None:
        """Nothing is read yet."""
        self._transaction = transaction

    def _one(self, record: type[R], statement: Executable, **values: Any) -> R | None:
        row = self._transaction.first(statement, values)
        return row and record(*row)

    def _all(self, record: type[R], statement: Executable, **values: Any) -> list[R]:
        return [*starmap(record, self._transaction.rows(statement, values))]

    def _firsts(self, statement: Executable, **values: Any) -> list[Any]:
        """The first column of each row."""
        return [row[0] for row in self._transaction.rows(statement, values)]

    def _write(self, statement: Executable, values: Row = _NONE) -> bool:
        """Run an insert, update or delete; whether it touched a row."""
        if self.registry:
            self._transaction.require_registry()
        else:
            self._transaction.require_writing()
        return self._transaction.changed(statement, values) > 0

    def _write_later(self, statement: Executable, values: Row, otherwise: Refusal) -> None:
        """Run one that tells nothing; ``otherwise`` ends the Work where it touches no row."""
        self._transaction.require_writing()
        self._transaction.defer(statement, values, otherwise)
