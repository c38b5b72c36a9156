"""Values as HTTP answers: JSON, and the headers that every answer carries."""

from collections.abc import Iterable, Mapping
from typing import Any, cast
from urllib.parse import urlencode

from flask import Response

from gateway.kernel.results import Page, encode
from gateway.web.pages import STYLE_SOURCE

ALWAYS: Mapping[str, str] = {
    "Strict-Transport-Security": "max-age=63072000",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Content-Security-Policy": (
        f"default-src 'none'; style-src {STYLE_SOURCE}; frame-ancestors 'none'"
    ),
}
"""Headers of every answer; two years of HSTS. Pages here need no source but their own style."""


class _Whole(Response):
    """An answer whose body and length are there: nothing is left to work out when it is sent."""

    def __call__(self, environ: Any, start_response: Any) -> Iterable[bytes]:
        start_response(self.status, self.headers.to_wsgi_list())
        return () if environ["REQUEST_METHOD"] == "HEAD" else cast(list[bytes], self.response)


def json_response(
    body: Any,
    status: int = 200,
    headers: Mapping[str, str] | None = None,
    media_type: str = "application/json",
) -> Response:
    """A JSON answer. It is not stored unless ``headers`` say otherwise (`gateway.web.app`)."""
    data = encode(body).encode("utf-8")
    return _Whole(data, status, dict(headers or {}), content_type=media_type)


def page(path: str, found: Page[Any], asked: Mapping[str, Any]) -> dict[str, Any]:
    """A page and the address of the next one, which is asked for with the same query fields."""
    ended = found.after is None
    return {"items": [*found.items], "next": None if ended else following(path, asked, found.after)}


def following(path: str, asked: Mapping[str, Any], after: Any) -> str:
    """The address of the page after an entry, relative to the listener's."""
    return f"{path}?{urlencode({**asked, 'after': after})}"
