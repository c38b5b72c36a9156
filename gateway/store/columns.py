"""How values are written into columns: texts, times, days, sets of texts, records as JSON; and what
all parts of the store share.
"""

import json
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from functools import lru_cache
from itertools import repeat
from operator import attrgetter
from types import UnionType
from typing import TYPE_CHECKING, Any, Generic, TypeVar, cast, get_args, get_origin
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
    func,
    literal_column,
    select,
    tuple_,
    update,
)
from sqlalchemy.dialects.postgresql import Insert
from sqlalchemy.engine import Dialect
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement
from sqlalchemy.types import TypeDecorator

from gateway.domain.handoff import NEVER
from gateway.domain.json_values import types_of
from gateway.domain.refusals import AlreadyExists, EditConflict
from gateway.domain.vocabulary import RANKS
from gateway.evidence import canonical
from gateway.store.content_encryption import ContentCipher
from gateway.store.transaction import NO_VALUES, Row, Transaction, insert_new

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
    """A type of columns whose values a plain function writes, and another one reads; neither hears
    of NULL (`transaction.prepare`)."""

    write: Callable[[Any], Any]
    read: Callable[[Any], Any]

    def __init_subclass__(cls) -> None:
        """A statement with such a column may be kept compiled; each class must say it itself."""
        super().__init_subclass__()
        cls.cache_ok = True

    def bind_processor(self, dialect: Dialect) -> Callable[[Any], Any]:
        """Python to database."""
        return self.write

    def result_processor(self, dialect: Dialect, coltype: object) -> Callable[[Any], Any]:
        """Database to Python."""
        return self.read


class Instant(_Stored):
    """An aware time, as microseconds since 1970 in UTC; a time without zone is refused."""

    impl = BigInteger

    @staticmethod
    def write(value: datetime) -> int:
        """OverflowError for a time that could not be read back."""
        stored = (value - _EPOCH) // _MICROSECOND
        _ = _EPOCH + stored * _MICROSECOND
        return stored

    @staticmethod
    def read(value: int) -> datetime:
        return _EPOCH + value * _MICROSECOND


class DueTime(Instant):
    """A due time that is read as None where it is `NEVER`: what has none stands last in order."""

    @staticmethod
    def read(value: int) -> datetime | None:  # type: ignore[override] # NEVER is no time
        due = _EPOCH + value * _MICROSECOND
        return None if due == NEVER else due


class Day(_Stored):
    """A civil day, as YYYY-MM-DD."""

    impl = TEXT
    write = staticmethod(date.isoformat)
    read = date.fromisoformat


class Serial(_Stored):
    """A serial number of up to 160 bits (RFC 5280 4.1.2.2), in decimal digits."""

    impl = TEXT
    write = str
    read = int


class Rank(_Stored):
    """An urgency, as its rank: 0 is the most urgent."""

    impl = Integer
    write = RANKS.index
    read = RANKS.__getitem__


class _IdBytes(_Stored):
    """An id as its 16 bytes, half of what its text takes in a row and in each index."""

    impl = LargeBinary
    write = attrgetter("bytes")

    @staticmethod
    def read(value: bytes) -> UUID:
        return UUID(bytes=value)


SHORT_ID = Uuid().with_variant(_IdBytes(), "sqlite")


class id_end(FunctionElement[str]):  # noqa: N801 - a function of SQL, as `func` has them
    """The last six digits of an id: whoever asks by more of them compares the rest."""

    type = Text()
    inherit_cache = True
    name = "id_end"


DIGITS = 6
"""How many digits of an id are looked for."""


@compiles(id_end, "sqlite")
def _id_end_in_sqlite(element: id_end, compiler: Any, **more: Any) -> str:
    return f"substr({compiler.process(element.clauses, **more)}, {33 - DIGITS})"


@compiles(id_end, "postgresql")
def _id_end_in_postgresql(element: id_end, compiler: Any, **more: Any) -> str:
    return f'"right"({compiler.process(element.clauses, **more)}::text, {DIGITS})'


class TextSet(_Stored):
    """A set of texts, as a sorted JSON array, so that equal sets are equal in the database."""

    impl = TEXT

    @staticmethod
    def write(value: Iterable[str]) -> str:
        return write_json(sorted(value))

    @staticmethod
    @lru_cache(maxsize=1024)
    def read(value: str) -> frozenset[str]:  # type: ignore[override] # remembered
        """Most sets are of a few words, and the same ones in row after row."""
        return frozenset(json.loads(value))


class TextList(_Stored):
    """Texts in an order that matters, as a JSON array."""

    impl = TEXT

    @staticmethod
    def write(value: Iterable[str]) -> str:
        return write_json(list(value))

    @staticmethod
    def read(value: str) -> tuple[str, ...]:
        return tuple(json.loads(value))


class Choice(_Stored):
    """A member of an enumeration of texts, as its value."""

    impl = TEXT

    def __init__(self, enum: type[StrEnum]) -> None:
        """``enum`` is what the column's values are members of."""
        super().__init__()
        self.enum = enum
        self.write = {one: one.value for one in enum}.__getitem__
        self.read = {one.value: one for one in enum}.__getitem__


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

    Its type follows from the field's; ``own`` gives another one, or the foreign key, by name. Of a
    field that is a record itself ``own`` gives the names of the columns of that record's fields.
    """
    for name, hint in types_of(record).items():
        if name in left_out:
            continue
        kind, optional = _kind_of(hint)
        given = own.get(name, _COLUMN_TYPES.get(kind))
        if isinstance(given, tuple):
            for column, inner in zip(given, types_of(kind).values(), strict=True):
                type_, may_lack = _kind_of(inner)
                nullable = optional or may_lack
                yield Column(column, _COLUMN_TYPES[type_], nullable=nullable, info={"of": name})
            continue
        if issubclass(kind, StrEnum):
            given = own.get(name, Choice(kind))
        what = (_COLUMN_TYPES[kind], given) if isinstance(given, ForeignKey) else (given,)
        yield Column(name, *what, nullable=optional)


def _kind_of(hint: Any) -> tuple[type, bool]:
    """The class of a field, and whether the field may be None."""
    kind, optional = (get_args(hint)[0], True) if type(hint) is UnionType else (hint, False)
    return get_origin(kind) or kind, optional


# --- What the parts of the store have in common: statements by the names of columns ---


R = TypeVar("R")


def matching(table: FromClause, *names: str, prefix: str = "") -> ColumnElement[bool]:
    """That these columns have the values of their names.

    In an update these names are those of the new values: what is looked for has a ``prefix``.
    """
    return and_(*(table.c[name] == bindparam(prefix + name) for name in names))


def id_text(column: Column[Any]) -> ColumnElement[str]:
    """An id as its 32 hexadecimal digits on every database: a UUID of each row costs more."""
    return func.replace(column.cast(Text()), literal_column("'-'"), literal_column("''"))


def stands_after(*place: Column[Any]) -> ColumnElement[bool]:
    """That a row stands after a place, whose values are named as the columns are, after `after_`.

    A rank is sent as a number: that of the place before all others is no urgency's.
    """
    named = (
        bindparam(f"after_{one.name}", type_=Integer() if isinstance(one.type, Rank) else one.type)
        for one in place
    )
    return tuple_(*place) > tuple_(*named)


class RecordTable(Generic[R]):
    """How records of a class stand in a table, and the statements that read, add and replace them.

    What replaces a row ``keeps`` some of its columns, and raises its ``counter`` by one, where it
    has one. ``taken`` says why a record cannot be added, ``changed`` why it cannot be replaced.
    """

    def __init__(
        self,
        table: Table,
        record: "type[R]",
        *,
        keeps: Collection[str] = (),
        counter: str = "",
        taken: str = "it is recorded already",
        changed: str = "",
        insert: Insert | None = None,
    ) -> None:
        """``table`` has the columns of `columns_of` the record, which ``insert`` writes."""
        self.table, self.record = table, record
        self.taken, self.changed = taken, changed
        key = [column.name for column in table.primary_key]
        self._key, self._keeps, self._counter = key, keeps, counter
        self._parts: list[tuple[int, tuple[str, Any, list[str]]]] = []
        self.columns: list[Column[Any]] = []
        for place, (name, hint) in enumerate(types_of(cast(Any, record)).items()):
            if inner := [one for one in table.c if one.info.get("of") == name]:
                part = name, _kind_of(hint)[0], [one.name for one in inner]
                self._parts.append((place, part))
            self.columns += inner or [table.c[name]]
        self.all = select(*self.columns)
        self.one = self.by(*key)
        self.insert = insert_new(table) if insert is None else insert
        self.update = update(table).where(matching(table, *key, prefix="of_"))
        if counter:
            self.update = self.update.where(table.c[counter] == bindparam("previous"))

    def by(self, *names: str) -> Select[Any]:
        """Read the rows whose columns have the values of their ``names``."""
        return self.all.where(matching(self.table, *names))

    def read(self, values: Sequence[Any]) -> R:
        """A record from the values of its columns, in their order."""
        given = [*values]
        for place, (_, kind, inner) in self._parts:
            part = given[place : place + len(inner)]
            # Of a record that is not there its first field is NULL.
            given[place : place + len(inner)] = [None if part[0] is None else kind(*part)]
        return self.record(*given)

    def row(self, record: R) -> dict[str, Any]:
        """The values of a record by the names of their columns."""
        values = dict(vars(record))
        for _, (name, _, inner) in self._parts:
            part = values.pop(name)
            parts = repeat(None) if part is None else vars(part).values()
            values.update(zip(inner, parts, strict=False))
        return values

    def changes(self, record: R) -> dict[str, Any]:
        """The values of an `update` that replaces a record's row."""
        values = self.row(record)
        if self._counter:
            values["previous"] = values[self._counter] - 1
        for name in self._keeps:
            del values[name]
        for name in self._key:
            values[f"of_{name}"] = values.pop(name)
        return values


@dataclass(eq=False)
class StorePart:
    """A part of the store in one transaction; its cipher encrypts what cases, answers and contacts
    say.

    ``registry``: what it changes is the registry, for which a transaction has to be of that mode.
    """

    registry = False
    _transaction: Transaction
    _cipher: ContentCipher

    def _one(self, kept: RecordTable[R], query: Executable, **values: Any) -> R | None:
        found = self._all(kept, query, **values)
        return found[0] if found else None

    def _get(self, kept: RecordTable[R], **key: Any) -> R | None:
        """The record of a primary key."""
        return next(iter(self._all(kept, kept.one, **key)), None)

    def _all(self, kept: RecordTable[R], query: Executable, **values: Any) -> list[R]:
        return [*map(kept.read, self._transaction.rows(query, values))]

    def _firsts(self, query: Executable, **values: Any) -> list[Any]:
        """The first column of each row."""
        return [row[0] for row in self._transaction.rows(query, values)]

    def _add(self, kept: RecordTable[R], record: R, **more: Any) -> None:
        """Add a record's row, with what ``more`` it has; AlreadyExists."""
        if not self._write(kept.insert, {**kept.row(record), **more}):
            raise AlreadyExists(kept.taken)

    def _replace(self, kept: RecordTable[R], record: R, **more: Any) -> None:
        """Replace a record's row; EditConflict."""
        if not self._write(kept.update, {**kept.changes(record), **more}):
            raise EditConflict(kept.changed)

    def _write(self, statement: Executable, values: Row = NO_VALUES) -> bool:
        """Run an insert, update or delete; whether it touched a row."""
        if self.registry:
            self._transaction.require_registry()
        else:
            self._transaction.require_writing()
        return bool(self._transaction.run(statement, values).rowcount)
