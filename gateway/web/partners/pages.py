"""Pages of lists by keyset: the entries, and the address of the next page."""

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlencode


def page(
    path: str, found: Sequence[Mapping[str, Any]], key: str, asked: Mapping[str, Any]
) -> dict[str, Any]:
    """A page of ``found``, which holds one entry more than was asked for when there are more.

    ``key`` names the member by which the list is ordered; ``asked`` are the query's fields, of
    which ``limit`` is one. The next page is asked for with the same fields.
    """
    limit = asked["limit"]
    items = list(found[:limit])
    more = len(found) > limit
    return {"items": items, "next": following(path, asked, items[-1][key]) if more else None}


def following(path: str, asked: Mapping[str, Any], after: Any) -> str:
    """The address of the page after an entry, relative to the listener's."""
    return f"{path}?{urlencode({**asked, 'after': after})}"
