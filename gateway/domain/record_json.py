"""Records as the values of JSON, and read from them again by the types of their fields."""

from collections.abc import Callable, Mapping
from dataclasses import fields, is_dataclass
from datetime import date
from functools import cache
from types import UnionType
from typing import Any, TypeVar, get_args, get_origin, get_type_hints
from uuid import UUID

R = TypeVar("R")


types_of: Callable[[Any], Mapping[str, Any]] = cache(get_type_hints)
"""The types of a record's fields, by name, in their order."""


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


def read_record(record: type[R], values: Mapping[str, Any]) -> R:
    """The record that ``to_json`` wrote; a value may be of its field's type already.

    Raises KeyError for a name without a field, and what the types raise for what is none of them.
    """
    types = types_of(record)
    return record(**{name: _read(types[name], value) for name, value in values.items()})


def _read(type_: Any, value: Any) -> Any:
    """A JSON value as one of a type: of a record, or of a field of one."""
    kind: Any = get_origin(type_) or type_
    if kind is UnionType:
        return None if value is None else _read(get_args(type_)[0], value)
    if kind in (tuple, frozenset):
        return kind(_read(get_args(type_)[0], one) for one in value)
    if isinstance(value, kind):
        return value
    if hasattr(kind, "__dataclass_fields__"):
        return read_record(kind, value)
    return kind.fromisoformat(value) if issubclass(kind, date) else kind(value)


class Asked:
    """What is asked of an action, and must be asked again by a retry: all but who asks."""

    def asked(self) -> dict[str, Any]:
        """It as JSON; of a signed document, that there was one."""
        said = {name: value for name, value in vars(self).items() if name not in ("by", "signed")}
        signed = {} if vars(self).get("signed") is None else {"signed": True}
        return {**signed, **{name: to_json(value) for name, value in said.items()}}
