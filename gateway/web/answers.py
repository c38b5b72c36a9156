"""Values as HTTP answers: JSON written one way, and the headers that every answer carries."""

import json
from collections.abc import Mapping
from dataclasses import fields
from datetime import date
from functools import cache
from typing import Any
from uuid import UUID

from flask import Response

from gateway.evidence import receipt
from gateway.evidence.receipt import Receipt


@cache
def _optional(kind: type[Any]) -> frozenset[str]:
    """The members that are left out of an answer where they are None."""
    return frozenset(one.name for one in fields(kind) if one.default is None)


def _members(value: Any) -> Any:
    """What is no JSON by itself: results of actions, ids, times."""
    if isinstance(value, Receipt):
        return receipt.to_json(value)
    if isinstance(value, UUID):
        return str(value)
    if isinstance(value, date):
        return value.isoformat()
    optional = _optional(value.__class__)
    return {n: v for n, v in vars(value).items() if v is not None or n not in optional}


# Encoders are made once: json.dumps with settings makes a new one for each call.
encode = json.JSONEncoder(
    ensure_ascii=False, allow_nan=False, separators=(",", ":"), default=_members
).encode

ALWAYS: Mapping[str, str] = {
    "Strict-Transport-Security": "max-age=63072000",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
}
"""Headers of every answer; two years of HSTS. Pages here are text and need no source at all."""


def json_response(
    body: Any,
    status: int = 200,
    headers: Mapping[str, str] | None = None,
    media_type: str = "application/json",
) -> Response:
    """A JSON answer. It is not stored unless ``headers`` say otherwise (see ``harden``)."""
    data = encode(body).encode("utf-8")
    return Response(data, status, dict(headers or {}), content_type=media_type)


def harden(response: Response) -> Response:
    """Add the security headers; what does not say how long it keeps is not to be stored."""
    headers = response.headers
    for name, value in ALWAYS.items():
        headers[name] = value
    if "Cache-Control" not in headers:
        headers["Cache-Control"] = "no-store"
    return response
