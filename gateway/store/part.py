"""What the parts of the store have in common: statements by the names of columns, and their use."""

from collections.abc import Sequence
from itertools import starmap
from typing import TYPE_CHECKING, Any, TypeVar

from sqlalchemy import ColumnElement, Executable, FromClause, Select, Table, and_, bindparam, select

from gateway.domain.refusals import Refusal
from gateway.store.columns import record_columns
from gateway.store.prepared_statements import Row
from gateway.store.transaction import Transaction

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

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
        row = self._transaction.execute(statement, values).first()
        return row and record(*row)

    def _all(self, record: type[R], statement: Executable, **values: Any) -> list[R]:
        return [*starmap(record, self._transaction.execute(statement, values))]

    def _firsts(self, statement: Executable, **values: Any) -> list[Any]:
        """The first column of each row."""
        return [row[0] for row in self._transaction.execute(statement, values)]

    def _write(self, statement: Executable, values: Row = _NONE) -> bool:
        """Run an insert, update or delete; whether it touched a row."""
        if self.registry:
            self._transaction.require_registry()
        else:
            self._transaction.require_writing()
        return self._transaction.changed(statement, values)

    def _write_later(self, statement: Executable, values: Row, otherwise: Refusal) -> None:
        """Run one that tells nothing; ``otherwise`` ends the Work where it touches no row."""
        self._transaction.require_writing()
        self._transaction.later(statement, values, otherwise)
