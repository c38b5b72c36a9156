"""Endpoints as values: each declares who may call it, for which action and scope, what it takes.

Nothing is served that is not declared so: the apps, the OpenAPI document and the tests all read
the same declarations. The docstring of the view is the documentation of the endpoint.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from typing import Any, NamedTuple, TypeVar

from flask import Flask, Request, Response
from marshmallow import Schema

from gateway.domain.json_values import read_record
from gateway.domain.refusals import (
    AlreadyExists,
    AuditLogUnavailable,
    Busy,
    CaseErased,
    CaseKeysUnavailable,
    ClockAhead,
    ClockBehind,
    DatabaseUnavailable,
    DiskFull,
    EditConflict,
    Forbidden,
    HighWaterMarkUnavailable,
    IdempotencyKeyReused,
    InvalidDocument,
    LogFrozen,
    NotFound,
    OutOfService,
    Refusal,
    TooManyDenials,
    ValidationFailed,
    WrongState,
)
from gateway.exchange.signed_requests import SignedRequestType, VerifiedRequest, open_signed
from gateway.kernel.ports import Ports
from gateway.kernel.transact import Write, WriteResult, transact
from gateway.kernel.values import Caller
from gateway.web import inputs
from gateway.web.caller import ANY_SCOPE, Tokens, claimed_caller, registered_caller
from gateway.web.context import AppContext
from gateway.web.problems import (
    LISTENER_STATUSES,
    PROBLEMS,
    ClientCertificateRefused,
    InsufficientScope,
    InvalidToken,
    NoCredentials,
    ProxyHeaderRefused,
    TokenInQuery,
    of_status,
)
from gateway.web.responses import json_response

NOTHING = Schema()
"""Takes no field: a query on an endpoint that has none is a mistake worth telling."""


_EVERY: tuple[type[Refusal], ...] = (
    NotFound,
    Busy,
    DatabaseUnavailable,
    DiskFull,
    inputs.UnsupportedMediaType,
)
"""What any address may refuse: its spelling, a body's coding, and what needs the database."""

CONTENT: tuple[type[Refusal], ...] = (CaseErased, CaseKeysUnavailable)
"""What every endpoint refuses that needs the content of a case."""

HELD = (*CONTENT, OutOfService)
"""What every endpoint refuses that does something about a case, or a handoff."""

RECORDED: tuple[type[Refusal], ...] = (
    AuditLogUnavailable,
    ClockAhead,
    ClockBehind,
    LogFrozen,
    HighWaterMarkUnavailable,
)
"""What every endpoint refuses that records something, or signs."""

_CERTIFICATE: tuple[type[Refusal], ...] = (ClientCertificateRefused, ProxyHeaderRefused)
_TOKEN: tuple[type[Refusal], ...] = (
    *_CERTIFICATE,
    NoCredentials,
    InvalidToken,
    TokenInQuery,
    InsufficientScope,
    Forbidden,
    TooManyDenials,
    *RECORDED,
    inputs.MalformedRequest,
    ValidationFailed,
)
_WRITE: tuple[type[Refusal], ...] = (
    inputs.IdempotencyKeyRequired,
    IdempotencyKeyReused,
    AlreadyExists,
    EditConflict,
    WrongState,
)
_BODY: tuple[type[Refusal], ...] = (inputs.MalformedRequest, ValidationFailed)


R = TypeVar("R")


class EndpointAccess(StrEnum):
    """Who may call an endpoint."""

    TOKEN = "token"  # noqa: S105 - a name, not a secret: a system with a bound token
    CERTIFICATE = "certificate"  # a client certificate; the endpoint itself judges whose
    ANYBODY = "anybody"  # whoever reaches the listener


class Call(NamedTuple):
    """An authenticated call whose parts were checked: what a view gets.

    ``draft``: who signs with a passkey was shown the document; see `signed_requests.complete`.
    """

    ports: Ports
    caller: Caller
    key: str
    body: Mapping[str, Any]
    query: Mapping[str, Any]
    signed: VerifiedRequest | None = None
    draft: str | None = None

    def read_body(self, record: type[R], **more: Any) -> R:
        """The body as what an action takes, with ``more`` from the path or a signature."""
        return read_record(record, {**self.body, **more})


View = Callable[..., Any]


@dataclass(frozen=True)
class Endpoint:
    """One method of one address.

    ``path`` is a rule of Flask. ``action`` is the policy's, ``scope`` the token's; both are None
    unless ``access`` is TOKEN. ``writes``: an idempotency key is needed, and the answer is a
    result with its receipt. ``media`` is what a good answer is, with ``status``, and ``response``
    names the shape of what is in it. ``form`` names the shape of a body that is a form, ``takes``
    the media of one that is neither form nor JSON; ``signed`` is the document that may replace a
    body. ``status_later``: 202 may ask to come again; ``waits`` names the shape of a 202 that says
    what it waits for. ``refusals`` are those that not every endpoint of its kind has,
    ``others`` the shapes of what is no good answer and no problem either, by status; empty: text.
    """

    method: str
    path: str
    view: View
    access: EndpointAccess
    action: str | None = None
    scope: str | None = None
    body: Schema | None = None
    query: Schema = NOTHING
    writes: bool = False
    status: int = 200
    media: tuple[str, ...] = ("application/json",)
    response: str | None = None
    form: str | None = None
    signed: SignedRequestType | None = None
    takes: str | None = None
    status_later: bool = False
    waits: str | None = None
    refusals: tuple[type[Refusal], ...] = ()
    others: tuple[tuple[int, str], ...] = ()

    @property
    def problems(self) -> Mapping[int, frozenset[str]]:
        """The problems that may be the answer, by status: of all endpoints like it, and its own."""
        kinds = {*_EVERY, *self.refusals}
        if self.access is EndpointAccess.TOKEN:
            kinds.update(_TOKEN, _WRITE if self.writes else ())
        elif self.access is EndpointAccess.CERTIFICATE:
            kinds.update(_CERTIFICATE)
        reads = self.body is not None or self.takes is not None
        kinds.update(_BODY if reads else (), (InvalidDocument,) if self.signed else ())
        found = [(PROBLEMS[kind].status, PROBLEMS[kind].slug) for kind in kinds]
        found += [(status, of_status(status).slug) for status in (*LISTENER_STATUSES, 500)]
        found += [(413, of_status(413).slug)] if reads else []
        by_status: dict[int, frozenset[str]] = {}
        for status, slug in sorted(found):
            by_status[status] = by_status.get(status, frozenset()) | {slug}
        return by_status

    @property
    def name(self) -> str:
        """Unique among all endpoints: its noun and what is done with it, as in staff_list."""
        return self.view.__name__

    @property
    def about(self) -> str:
        """Return what the endpoint does, in a sentence or more."""
        return self.view.__doc__ or ""

    def read(self, call: Call, body: Any, document: str | None) -> Call:
        """The call with its body, as the schema reads it.

        A signed document is verified, then held to the schema of the body that it replaces.
        """
        if self.body is None:
            return call
        if self.signed is None or document is None:
            return call._replace(body=self.body.load(body))
        typ, action = self.signed.typ, self.action or ""
        opened = open_signed(
            call.ports, call.caller, document, typ=typ, action=action, key=call.key
        )
        read = self.body.load(self.signed.body(opened))
        return call._replace(key=opened.jti, body=read, signed=opened)


def endpoint(
    rule: str, action: str, scope: str, response: str, **more: Any
) -> Callable[[View], Endpoint]:
    """Declare an endpoint for systems with a token; ``rule`` is as "POST /cases".

    The view takes a Call and the parts of the path, and returns a result, a WriteResult, a Write
    that is yet to be done, or a Response. ``more`` are other fields of `Endpoint`.
    """
    method, _, path = rule.partition(" ")
    more |= {"action": action, "scope": scope, "response": response}
    return lambda view: Endpoint(method, path, view, EndpointAccess.TOKEN, **more)


writes = partial(endpoint, writes=True)
"""Declare one that changes something: it takes an idempotency key, and its answer has a receipt."""


def unauthenticated(
    rule: str,
    *,
    access: EndpointAccess = EndpointAccess.ANYBODY,
    media: str = "application/json",
    **more: Any,
) -> Callable[[View], Endpoint]:
    """Declare an endpoint that asks for no token; its view gets what its app is registered with."""
    method, _, path = rule.partition(" ")
    return lambda view: Endpoint(method, path, view, access, media=(media,), **more)


def register(app: Flask, endpoints: Iterable[Endpoint], gate: AppContext, tokens: Tokens) -> None:
    """Serve endpoints for systems with a token."""
    for one in endpoints:
        _add(app, one, partial(_serve, one, gate, tokens))


def register_unauthenticated(app: Flask, endpoints: Iterable[Endpoint], context: Any) -> None:
    """Serve endpoints that ask for no token; each view gets ``context`` first."""
    for one in endpoints:
        _add(app, one, partial(one.view, context))


def declared(app: Flask) -> dict[str, Endpoint]:
    """The endpoints of an app, by the name under which the app serves them."""
    known: dict[str, Endpoint] = app.extensions.setdefault("casegate.endpoints", {})
    return known


def _add(app: Flask, one: Endpoint, view: Callable[..., Any]) -> None:
    declared(app)[one.name] = one
    app.add_url_rule(
        one.path,
        one.name,
        view,
        methods=[one.method],
        provide_automatic_options=False,
    )


def _serve(one: Endpoint, gate: AppContext, tokens: Tokens, **path: Any) -> Response:
    """Answer a request of a system with a token.

    The transaction of the action authenticates the caller. Where none did, because something was
    refused before or the view needs none, the registry is asked here: who calls is decided first.
    """
    asked = inputs.current_request()
    scope = one.scope or ""
    caller = claimed_caller(gate, tokens, asked)
    if scope not in (ANY_SCOPE, *caller.scopes):
        caller = registered_caller(gate.ports, caller, scope)
    try:
        response = _perform(one, gate, caller, asked, path)
    except Exception:
        if caller.authenticated:
            raise
        registered = registered_caller(gate.ports, caller, scope)
        if registered.scopes == caller.scopes:
            raise
        return _perform(one, gate, registered, asked, path)
    if not caller.authenticated:
        registered_caller(gate.ports, caller, scope)
    return response


def _perform(
    one: Endpoint, gate: AppContext, caller: Caller, request: Request, path: Mapping[str, Any]
) -> Response:
    """Read what came, then let the view translate it."""
    media = request.headers.get("Content-Type", "").lower()
    is_signed = one.signed is not None and media == inputs.SIGNED
    key = inputs.read_key(request, optional=is_signed) if one.writes else ""
    query: Mapping[str, Any] = {}
    if request.query_string or one.query is not NOTHING:
        query = one.query.load(inputs.read_query(request))
    call = Call(gate.ports, caller, key, {}, query)
    if is_signed:
        call = one.read(call, None, inputs.read_document(request))
    elif one.body is not None:
        call = one.read(call, inputs.read_json(request, or_signed=one.signed is not None), None)
    answer = one.view(call, **path)
    if isinstance(answer, Write):
        answer = transact(gate.ports, caller, *answer)
    if isinstance(answer, Response):
        return answer
    waits = one.waits and isinstance(answer, WriteResult) and "proposal" in answer.result
    return json_response(answer, 202 if waits else one.status)
