"""Answers over HTTP: values as JSON, refusals and failures as problems (RFC 9457), headers."""

from collections.abc import Iterable, Mapping
from functools import partial
from typing import Any, cast
from urllib.parse import urlencode

from flask import Flask, Response, g, request
from marshmallow import ValidationError
from werkzeug.exceptions import HTTPException

from gateway.domain.refusals import Forbidden, Refusal, ValidationFailed
from gateway.evidence import receipt as receipts
from gateway.evidence.receipt import Receipt
from gateway.kernel.results import Page, encode
from gateway.kernel.transact import RecordedRefusal
from gateway.schemas.schema_fields import pointed
from gateway.web import problems
from gateway.web.context import AppContext
from gateway.web.inputs import listed
from gateway.web.reference import STYLE_SOURCE

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


# --- Refusals, schema errors and failures of an app as problems ---


def install(app: Flask, gate: AppContext) -> None:
    """Tell refusals, schema errors, HTTP errors and failures of an app as problems."""

    app.register_error_handler(Exception, partial(_handle, gate))


def _handle(gate: AppContext, error: Exception) -> Response:
    match error:
        case Refusal():
            return _refused(gate, error)
        case RecordedRefusal():
            return _refused(gate, error.refusal, error.receipt)
        case ValidationError():
            return _refused(gate, ValidationFailed(tuple(pointed(error.messages))))
        case HTTPException():
            return _http(gate, error)
    gate.log.fail("server-error", error, request=g.request_id)
    return _answer(gate, problems.FAILED, {}, {})


def _refused(gate: AppContext, refusal: Refusal, receipt: Receipt | None = None) -> Response:
    problem = problems.problem_of(refusal)
    members: dict[str, Any] = dict(refusal.help)
    if problem.show_detail and refusal.detail:
        members["detail"] = refusal.detail
    if isinstance(refusal, ValidationFailed):
        members["errors"] = [
            {"pointer": pointer, "message": message} for pointer, message in listed(refusal.errors)
        ]
    if isinstance(refusal, Forbidden):
        members["rules"] = list(refusal.rules)
    if receipt is not None:
        members["receipt"] = receipts.to_json(receipt)
    if problem.security_logged:
        _note(gate, problem, refusal)
    return _answer(gate, problem, members, _headers(gate, problem, refusal))


def _note(gate: AppContext, problem: problems.ProblemType, refusal: Refusal | None = None) -> None:
    """A line for the operator, who alone may read what the caller is not told."""
    fields = {"kind_of": type(refusal).__name__} if refusal else {}
    if refusal and not problem.show_detail:
        fields["reason"] = refusal.detail
    gate.log.refuse(
        problem.slug,
        request=g.request_id,
        endpoint=request.endpoint,
        thumbprint=g.get("thumbprint"),
        **fields,
    )


def _http(gate: AppContext, error: HTTPException) -> Response:
    problem = problems.of_status(error.code or 0)
    if problem.security_logged:
        _note(gate, problem)
    kept = {k: v for k, v in error.get_headers() if k in ("Allow", "Retry-After")}
    if error.code == 413:
        kept["Connection"] = "close"  # rather than read the rest of the body
    members = {}
    if error.code == 404:
        members["detail"] = (
            "No endpoint has this path: check its ids, and the address. Partners' systems call "
            f"{gate.partners_url}; {gate.issuer} is for everybody, with the paths in /openapi.json."
        )
    return _answer(gate, problem, members, kept, status=error.code)


def _headers(gate: AppContext, problem: problems.ProblemType, refusal: Refusal) -> dict[str, str]:
    headers = {}
    if problem.retry_after is not None:
        headers["Retry-After"] = str(problem.retry_after)
    if problem.challenge is not None:
        # RFC 6750 section 3: without credentials there is no error code; RFC 9728 section 5.1.
        parts = [f'error="{problem.challenge}"'] if problem.challenge else []
        if isinstance(refusal, problems.InsufficientScope):
            parts.append(f'scope="{refusal.scope}"')
        metadata = f"{gate.partners_url}/.well-known/oauth-protected-resource"
        parts.append(f'resource_metadata="{metadata}"')
        headers["WWW-Authenticate"] = f"Bearer {', '.join(parts)}"
    if problem.basic:
        headers["WWW-Authenticate"] = 'Basic realm="enrolment", charset="UTF-8"'
    if problem.status == 401:
        # A client whose rights have ended must not keep a connection open.
        headers["Connection"] = "close"
    return headers


def _answer(
    gate: AppContext,
    problem: problems.ProblemType,
    members: Mapping[str, Any],
    headers: Mapping[str, str],
    status: int | None = None,
) -> Response:
    """The answer to a request that a problem came of; without words of its own, what to do."""
    gate.problem_sent(problem.slug)
    about = problems.document(gate.issuer, problem, g.request_id, status)
    body = {**about, "detail": f"{problem.title}. {problem.remedy}", **members}
    return json_response(body, body["status"], headers, media_type=problems.MEDIA_TYPE)
