"""Values as HTTP answers: JSON written one way, and the headers that every answer carries."""

import json
from collections.abc import Mapping
from typing import Any

from flask import Response

from gateway.actions.authorization import Written
from gateway.evidence import receipt

# Encoders are made once: json.dumps with settings makes a new one for each call.
_encode = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode

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
    data = _encode(body).encode("utf-8")
    return Response(data, status, dict(headers or {}), content_type=media_type)


def written(done: Written) -> dict[str, Any]:
    """The body of every write's answer: what came of it, and the log's receipt."""
    return {"result": done.result, "receipt": receipt.to_json(done.receipt)}


def harden(response: Response) -> Response:
    """Add the security headers; what does not say how long it keeps is not to be stored."""
    headers = response.headers
    for name, value in ALWAYS.items():
        headers[name] = value
    if "Cache-Control" not in headers:
        headers["Cache-Control"] = "no-store"
    return response
