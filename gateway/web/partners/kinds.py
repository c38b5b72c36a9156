"""Kinds of field that bodies are made of: strict, converting nothing, filling in nothing."""

from collections.abc import Iterable
from typing import Any

from marshmallow import Schema, ValidationError, fields

from gateway.domain.item_value import Fault
from gateway.web.partners import faults

MESSAGES: dict[str, str | list[Any] | dict[Any, Any]] = {
    "required": "is required",
    "null": "must not be null",
}


class Text(fields.String):
    """Text that one function judges; strings only, kept as given."""

    default_error_messages = MESSAGES

    def __init__(self, fault: Fault, *, required: bool = True) -> None:
        """``fault`` says what is wrong with a value, or None."""
        super().__init__(required=required)
        self.fault = fault

    def _deserialize(self, value: Any, attr: Any, data: Any, **kwargs: Any) -> str:
        if not isinstance(value, str):
            raise ValidationError("must be text")
        fault = self.fault(value)
        if fault:
            raise ValidationError(fault)
        return value


class Whole(fields.Integer):
    """A whole number within bounds; the log and the signatures know no others."""

    default_error_messages = MESSAGES

    def __init__(self, low: int, high: int, *, required: bool = True) -> None:
        """Both bounds are allowed values."""
        super().__init__(required=required)
        self.bounds = (low, high)

    def _deserialize(self, value: Any, attr: Any, data: Any, **kwargs: Any) -> int:
        low, high = self.bounds
        if type(value) is not int or not low <= value <= high:
            raise ValidationError(f"must be a whole number from {low} to {high}")
        return value


class Flag(fields.Boolean):
    """True or false, and no other spelling of them."""

    default_error_messages = MESSAGES

    def _deserialize(self, value: Any, attr: Any, data: Any, **kwargs: Any) -> bool:
        if type(value) is not bool:
            raise ValidationError("must be true or false")
        return value


class Array(fields.List[Any]):
    """An array; of texts, none twice."""

    default_error_messages = MESSAGES

    def __init__(self, inner: fields.Field[Any], *, least: int = 0, required: bool = True) -> None:
        """``least`` is the number of elements that must be there."""
        super().__init__(inner, required=required)
        self.least = least

    def _deserialize(self, value: Any, attr: Any, data: Any, **kwargs: Any) -> list[Any]:
        if not isinstance(value, list):
            raise ValidationError("must be an array")
        if len(value) < self.least:
            raise ValidationError(f"must have at least {self.least} element")
        loaded = super()._deserialize(value, attr, data, **kwargs)
        if isinstance(self.inner, Text) and len(set(loaded)) < len(loaded):
            raise ValidationError("must not hold the same element twice")
        return loaded


_PART_MESSAGES = {
    "unknown": "is a field that the profile does not have",
    "type": "must be an object",
}


class Part(Schema):
    """An object that has the fields named here and no others."""

    error_messages = _PART_MESSAGES


def part(schema: type[Part], *, required: bool = True) -> fields.Nested:
    """An object of its own fields."""
    return fields.Nested(schema(), required=required, error_messages=MESSAGES)


def parts(schema: type[Part], *, least: int = 0, required: bool = False) -> Array:
    """An array of such objects."""
    return Array(part(schema), least=least, required=required)


def word(words: Iterable[str], *, required: bool = True) -> Text:
    """One of the words."""
    return Text(faults.among(words), required=required)


def words(words: Iterable[str], *, least: int = 0, required: bool = True) -> Array:
    """An array of the words, none twice."""
    return Array(word(words), least=least, required=required)
