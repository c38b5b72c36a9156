"""The fields of answers and steps on the command line: their options and values."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import click

from gateway.cli.arguments import CalendarDay, Moment, Words
from gateway.cli.elements import ElementId, ElementPointer
from gateway.cli.partner_command import Parameter
from gateway.domain.answers import FieldType, RequestField
from gateway.domain.json_values import to_json


def options_of(fields: Iterable[RequestField]) -> list[Parameter]:
    """An option for each field."""
    return [_OPTIONS[one.type](one) for one in fields]


def values_of(fields: Iterable[RequestField], options: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the options give, as the interface takes it; what was not given is left out,
    except a list that is required."""
    needed = {one.name for one in fields if one.required}
    given = {
        name: value
        for name, value in options.items()
        if value is not None and (value != () or name in needed)
    }
    return {name: to_json(value) for name, value in given.items()}


_SEVERAL = (FieldType.WORDS, FieldType.PERSONS, FieldType.IDS, FieldType.POINTERS)
_FLAGS = {
    "suggested_recipient": "suggest",
    "confirmed_matches": "confirm_match",
    "erase_on": "on",
}
"""Options that do not have the name of the field that they fill."""


def _option(one: RequestField, **terms: Any) -> Parameter:
    """The option of a field; one that may be given several times has the name of one value."""
    name = one.name.removesuffix("s") if one.type in _SEVERAL else one.name
    flag = f"--{_FLAGS.get(one.name, name).replace('_', '-')}"
    required = one.required and bool(one.least)
    return click.option(flag, one.name, required=required, help=one.about, **terms)


_OPTIONS: Mapping[FieldType, Callable[[RequestField], Parameter]] = {
    FieldType.TEXT: _option,
    FieldType.LINE: _option,
    FieldType.WORD: lambda one: _option(one, type=Words(one.words)),
    FieldType.PERSON: lambda one: _option(one, metavar="PSEUDONYM"),
    FieldType.TIME: lambda one: _option(one, type=Moment(), metavar="TIME"),
    FieldType.DAY: lambda one: _option(one, type=CalendarDay(), metavar="YYYY-MM-DD"),
    FieldType.WORDS: lambda one: _option(one, multiple=True, type=Words(one.words)),
    FieldType.PERSONS: lambda one: _option(one, multiple=True, metavar="PSEUDONYM"),
    FieldType.IDS: lambda one: _option(
        one, multiple=True, type=click.UUID if one.name == "events" else ElementId(), metavar="ID"
    ),
    FieldType.POINTERS: lambda one: _option(
        one, multiple=True, type=ElementPointer(), metavar="POINTER"
    ),
    FieldType.CONDITIONS: lambda one: click.option(
        "--yes", is_flag=True, help="Accept the conditions without being asked."
    ),
    FieldType.RESERVATION: lambda one: _option(
        one,
        type=(Words(one.words), str),
        default=None,
        metavar="CONDITION BASIS",
        callback=lambda _context, _parameter, given: (
            given and {"condition": given[0], "legal_basis": given[1]}
        ),
    ),
}
