"""What results become: JSON by one encoder, its description from their classes, and pages.

Ids and times are text. A member with the default None is left out where it is None, any other
None is null; a name that Python keeps for itself has an underscore behind it here, as `from_`. A
text in an annotation is the description of the type.
"""

import json
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import date, datetime
from enum import StrEnum
from functools import cache
from types import NoneType
from typing import Annotated, Any, Generic, TypeVar, get_args, get_origin, get_type_hints

from gateway.evidence import canonical, receipt
from gateway.evidence.receipt import Receipt

SignedText = Annotated[str, "A signed document (RFC 9901), compact."]
Digest = Annotated[str, "SHA-256 in base64url."]
JWK = (
    "The public key (RFC 7517): `kty` and what defines the key, `kid` (its RFC 7638 thumbprint), "
    "perhaps `use` and `alg`."
)
Jwk = Annotated[Mapping[str, Any], JWK]
JwkSet = Mapping[str, Sequence[Mapping[str, str]]]
"""A JWK set (RFC 7517 section 5) of public keys: ``{"keys": [...]}``."""

V = TypeVar("V")

# --- JSON ----------------------------------------------------------------------------------------


@cache
def _names(kind: type[Any]) -> Sequence[tuple[str, str, bool]]:
    """Each attribute of a class of results: its member, and whether it may be left out."""
    return [(one.name, one.name.rstrip("_"), one.default is None) for one in fields(kind)]


_WRITTEN: Mapping[type[Any], Callable[[Any], Any]] = {
    Receipt: receipt.to_json,
    uuid.UUID: str,
    datetime: datetime.isoformat,
    date: date.isoformat,
    frozenset: sorted,
}
"""How values are written that JSON lacks and that are no results of actions."""


def _members(value: Any) -> Any:
    if write := _WRITTEN.get(value.__class__):
        return write(value)
    held = vars(value)
    names = _names(value.__class__)
    return {m: held[n] for n, m, optional in names if not optional or held[n] is not None}


encode = canonical.writer(ascii_only=True, default=_members)
"""Write a result as JSON.

In ASCII: the dash before each signature of a checkpoint would make a page of receipts a text of
twice the size, which then has to be made small again.
"""


def to_json(result: Any) -> Any:
    """A result as the objects, arrays and texts of its JSON."""
    return json.loads(encode(result))


def shown(kind: Callable[..., V], record: Any, /, **named: Any) -> V:
    """The result that shows a record: its fields of the same names, a period by its ends.

    ``named`` are the other members.
    """
    period = getattr(record, "period", None)
    days = {} if period is None else {"from_": period.start, "until": period.end}
    held = vars(record)
    own = {name: held[name] for name, _, _ in _names(kind) if name in held}
    return kind(**{**own, **days, **named})


# --- JSON Schema ---------------------------------------------------------------------------------

Shape = dict[str, Any]

ANYTHING: Shape = {}


def one_of(name: str) -> Shape:
    """Another shape, by name."""
    return {"$ref": f"#/components/schemas/{name}"}


_PLAIN: Mapping[Any, Shape] = {
    str: {"type": "string"},
    int: {"type": "integer"},
    bool: {"type": "boolean"},
    uuid.UUID: {"type": "string", "format": "uuid"},
    datetime: {"type": "string", "format": "date-time"},
    date: {"type": "string", "format": "date"},
    Any: ANYTHING,
    Jwk: one_of("JsonWebKey"),
    JwkSet: one_of("JsonWebKeySet"),
}


def shape_of(hint: Any) -> Shape:
    """The JSON that a value of a type becomes; of a class of results, a reference to its schema."""
    origin, arguments = get_origin(hint), get_args(hint)
    if origin is Annotated:
        inner, description = arguments
        shape = {**shape_of(inner), "description": description}
    elif hint in _PLAIN:
        shape = _PLAIN[hint]
    elif NoneType in arguments:
        told = shape_of(arguments[0])
        words = {"enum": [*told["enum"], None]} if "enum" in told else {}
        if told.get("type", "array") in ("array", "object"):  # generators read no list of these
            shape = {"anyOf": [told, {"type": "null"}]}
        else:
            shape = {**told, "type": [told["type"], "null"], **words}
    elif origin is Mapping:
        shape = {"type": "object", "additionalProperties": shape_of(arguments[1])}
    elif origin in (Sequence, tuple, frozenset):
        shape = {"type": "array", "items": shape_of(arguments[0])}
    elif isinstance(hint, type) and issubclass(hint, StrEnum):
        shape = {"type": "string", "enum": [str(one) for one in hint]}
    else:
        shape = one_of(hint.__name__)
    return shape


def described(kind: Any) -> Shape:
    """The JSON of a class of results, as JSON Schema."""
    hints = get_type_hints(kind, include_extras=True)
    members: Shape = {}
    required = []
    for attribute, name, optional in _names(kind):
        hint = hints[attribute]
        members[name] = shape_of(get_args(hint)[0] if optional else hint)
        if not optional:
            required.append(name)
    about = plain(kind.__doc__)
    return {"type": "object", "description": about, "required": required, "properties": members}


def plain(about: str) -> str:
    """A docstring as a description: one line, names between single backticks."""
    return " ".join(about.replace("``", "`").split())


# --- Pages ---------------------------------------------------------------------------------------

R = TypeVar("R")
T = TypeVar("T")
Place = TypeVar("Place", str, uuid.UUID | None)

ROWS_LOOKED_AT = 1000
"""Rows that one page looks at, at most; where more may follow, its ``after`` goes on from there."""

BATCH = 100


@dataclass(frozen=True)
class Page(Generic[T]):
    """A page of a list: what the caller sees, in order.

    ``after`` is the place after which the next page begins, and None at the end of the list alone:
    a page may hold fewer than were asked for, or nothing, and still be followed by another one.
    """

    items: Sequence[T]
    after: str | uuid.UUID | None = None


def collect_page(
    rows: Callable[[Place, int], Sequence[R]],
    place: Callable[[R], Any],
    view: Callable[[R], T | None],
    after: Place,
    limit: int,
) -> Page[T]:
    """The next ``limit`` of what ``view`` shows (None for a row that the caller may not see).

    ``rows`` reads the rows after a place, in order, up to a number; ``place`` is a row's own. A
    page ends with one that is shown, unless it has looked at all it may: then it names the last
    row, so what a caller must not even know of is not to be among ``rows``.
    """
    items: list[T] = []
    end: Any = after
    for looked, row in enumerate(iterate(rows, place, after, limit + 1)):
        if looked == ROWS_LOOKED_AT:
            return Page(items, end)
        visible = view(row)
        if visible is not None and len(items) == limit:
            return Page(items, end)
        if visible is not None:
            items.append(visible)
        if visible is not None or looked == ROWS_LOOKED_AT - 1:
            end = place(row)
    return Page(items)


def iterate(
    rows: Callable[[Place, int], Sequence[R]],
    place: Callable[[R], Any],
    after: Place,
    size: int = BATCH,
) -> Iterator[R]:
    """All rows after a place, read by batch as they are iterated."""
    while found := rows(after, size):
        yield from found
        if len(found) < size:
            return
        after, size = place(found[-1]), max(size, BATCH)
