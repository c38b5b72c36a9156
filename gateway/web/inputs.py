"""Read what a request carries, strictly: one spelling, one value, nothing that is not asked for."""

import re
from collections.abc import Iterable
from typing import Any
from urllib.parse import parse_qsl

from flask import Request, request
from werkzeug.exceptions import RequestEntityTooLarge

from gateway.domain.refusals import Refusal
from gateway.evidence import canonical

MAX_FIELDS = 32
"""Fields of a form or a query; the longest of ours has six."""

MAX_ERRORS = 100
"""Errors that one answer lists: enough to correct a document, too few to make answers a burden."""

_JSON = re.compile(r"application/json(?:; *charset=\"?utf-8\"?)?", re.ASCII | re.IGNORECASE)
KEY = re.compile(r"[A-Za-z0-9_.:~-]{8,100}", re.ASCII)


class MalformedRequest(Refusal):
    """The request cannot be read in exactly one way."""


class UnsupportedMediaType(Refusal):
    """The body is not of the one type that the endpoint takes."""


class IdempotencyKeyRequired(Refusal):
    """A write came without its idempotency key."""


def current_request() -> Request:
    """The request that this thread answers, itself: the proxy costs calls for each look at it."""
    proxy: Any = request
    current: Request = proxy._get_current_object()
    return current


def read_body(request: Request) -> bytes:
    """The whole body; RequestEntityTooLarge beyond the limit of the request.

    A body without a stated length is cut at the limit by the framework, not refused: whatever
    fills the limit is taken for one that was cut.
    """
    data = request.get_data()
    limit = request.max_content_length
    if limit is not None and len(data) >= limit and request.content_length is None:
        raise RequestEntityTooLarge
    return data


def read_json(request: Request, *, or_signed: bool = False) -> Any:
    """The body as JSON with one meaning for every reader (see ``canonical.decode``); ``or_signed``:
    where a signed document is taken, too, the refusal of another type says so.

    Raises UnsupportedMediaType and MalformedRequest; the body's size is bounded by the app.
    """
    if not _JSON.fullmatch(request.headers.get("Content-Type", "")):
        more = f", or as {SIGNED}" if or_signed else ""
        raise UnsupportedMediaType(f"send the body as application/json{more}")
    try:
        data = read_body(request)
        value = canonical.decode(data)
        if not data.isascii() or b"\\u" in data:
            canonical.encode(value)  # a key that is not ASCII: nothing could sign or record it
        return value
    except UnicodeError:
        raise MalformedRequest(
            "the body is not UTF-8, or holds half a character; a case is JSON, and never a file"
        ) from None
    except ValueError as error:
        raise MalformedRequest(f"the body is not JSON as we read it: {error}") from None


SIGNED = "application/sd-jwt"
"""What the body is where it is a signed document (RFC 9901, compact)."""


def read_document(request: Request) -> str:
    """The body as the text of a signed document; MalformedRequest when it is not ASCII."""
    try:
        return read_body(request).decode("ascii")
    except UnicodeError:
        raise MalformedRequest("a signed document is ASCII") from None


def read_pairs(data: bytes) -> dict[str, str]:
    """The fields of a form or a query, each at most once; those without a value are left out.

    RFC 6749 section 3.2 says both. Raises ValueError for anything else.
    """
    if not data:
        return {}
    pairs = parse_qsl(
        data.decode("ascii"),
        keep_blank_values=True,
        strict_parsing=True,
        errors="strict",
        max_num_fields=MAX_FIELDS,
    )
    fields = dict(pairs)
    if len(fields) != len(pairs):
        raise ValueError("a field is given twice")
    return {name: value for name, value in fields.items() if value}


def read_query(request: Request) -> dict[str, str]:
    """The fields of the query; MalformedRequest when they cannot be read in one way."""
    try:
        return read_pairs(request.query_string)
    except ValueError:
        raise MalformedRequest("the query cannot be read, or gives a field twice") from None


def read_key(request: Request, *, optional: bool = False) -> str:
    """The idempotency key of a write, from its header; IdempotencyKeyRequired when it has none.

    Empty where it is ``optional`` and not there.
    """
    key = request.headers.get("Idempotency-Key", "")
    if not key and optional:
        return ""
    if not KEY.fullmatch(key):
        asked = "send an Idempotency-Key of 8 to 100 of A-Z a-z 0-9 _ - . : ~"
        raise IdempotencyKeyRequired(f"{asked}; yours has {len(key)} characters" if key else asked)
    return key


def listed(errors: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    """The errors that an answer lists, by place, each once; of the others, how many there are."""
    found = sorted(set(errors))
    more = len(found) - MAX_ERRORS
    return [*found[:MAX_ERRORS], *([("", f"has {more} more errors")] if more > 0 else [])]
