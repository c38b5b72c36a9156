"""Pages of lists by keyset: the entries, and the address of the next page."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

from gateway.kernel.pagination import Page


def page(path: str, found: Page[Any], asked: Mapping[str, Any]) -> dict[str, Any]:
    """A page and the address of the next one, which is asked for with the same query fields."""
    ended = found.after is None
    return {"items": [*found.items], "next": None if ended else following(path, asked, found.after)}


def following(path: str, asked: Mapping[str, Any], after: Any) -> str:
    """The address of the page after an entry, relative to the listener's."""
    return f"{path}?{urlencode({**asked, 'after': after})}"
