"""Values as JSON has them, read strictly: records by the types of their fields, days, moments."""

import re
from collections.abc import Callable, Mapping
from dataclasses import fields, is_dataclass
from datetime import UTC, date, datetime
from functools import cache, partial
from types import UnionType
from typing import Any, TypeVar, cast, get_args, get_origin, get_type_hints
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
    readers = _readers_of(cast(Any, record))
    return record(**{name: readers[name](value) for name, value in values.items()})


@cache
def _readers_of(record: Any) -> Mapping[str, Callable[[Any], Any]]:
    """Return what reads each field of a record: the registry reads hundreds of them at once."""
    types = types_of(record)
    return {one.name: _reader(types[one.name]) for one in fields(record)}


def _reader(type_: Any) -> Callable[[Any], Any]:
    """Return what reads a JSON value as one of a type: of a record, or of a field of one."""
    kind: Any = get_origin(type_) or type_
    if kind is UnionType:
        read = _reader(get_args(type_)[0])
        return lambda value: None if value is None else read(value)
    if kind in (tuple, frozenset):
        read = _reader(get_args(type_)[0])
        return lambda value: kind(map(read, value))
    make = kind
    if hasattr(kind, "__dataclass_fields__"):
        make = partial(read_record, kind)
    elif isinstance(kind, type) and issubclass(kind, date):  # a ClassVar is none
        make = kind.fromisoformat
    return lambda value: value if isinstance(value, kind) else make(value)


_BESIDE = ("by", "signed", "draft", "persons", "present")
"""Who asks, by which document or its draft, and what a peer gateway says beside that."""


class Asked:
    """What is asked of an action, and must be asked again by a retry: all but who asks."""

    def asked(self) -> dict[str, Any]:
        """It as JSON; of a signed document, that there was one."""
        said = {name: value for name, value in vars(self).items() if name not in _BESIDE}
        signed = {} if vars(self).get("signed") is None else {"signed": True}
        return {**signed, **{name: to_json(value) for name, value in said.items()}}


# --- Moments and days as text, read strictly (RFC 3339 with an offset; full dates), and written ---


_MOMENT = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]{1,6})?"
    r"(?:Z|[+-][0-9]{2}:[0-9]{2})",
    re.ASCII,
)
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", re.ASCII)


def parse_timestamp(text: str) -> datetime:
    """Read ``2026-01-02T03:04:05Z``; raise ValueError unless it is one real moment.

    The offset is demanded, for a time without one is no moment; ``-00:00`` says that the offset
    is not known (RFC 3339 section 4.3) and is refused too. So is a moment outside the years 1 to
    9999 of UTC: it could be written, and then never be read again in UTC.
    """
    if not _MOMENT.fullmatch(text) or text.endswith("-00:00"):
        raise ValueError("not a time with its offset, as 2026-01-02T03:04:05Z")
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise ValueError("not a time: there is no such day, or no such hour") from None
    try:
        moment.astimezone(UTC)
    except OverflowError:
        raise ValueError("not a time of the calendar in UTC") from None
    return moment


def format_timestamp(moment: datetime) -> str:
    """Write a moment of UTC as ``2026-01-02T03:04:05Z``."""
    return moment.isoformat().replace("+00:00", "Z")


def parse_date(text: str) -> date:
    """Read ``2026-01-02``; raise ValueError unless it is a day of the calendar."""
    if not _DAY.fullmatch(text):
        raise ValueError("not a date, as 2026-01-02")
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise ValueError("not a date: there is no such day") from None
