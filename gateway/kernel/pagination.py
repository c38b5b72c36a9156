"""Pages of lists of which a caller sees a part: read on until one is full, within bounds."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar
from uuid import UUID

R = TypeVar("R")
T = TypeVar("T")
Place = TypeVar("Place", str, UUID | None)

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
    after: str | UUID | None = None


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
        shown = view(row)
        if shown is not None and len(items) == limit:
            return Page(items, end)
        if shown is not None:
            items.append(shown)
        if shown is not None or looked == ROWS_LOOKED_AT - 1:
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
