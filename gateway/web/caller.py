"""Who calls: the connection's certificate, then the token bound to it, then the registry.

The order, for each request: certificate, token, binding, registry, scope.
"""

import hmac
import re
from dataclasses import replace

from flask import Request, g

from gateway.domain.organisation import system_of
from gateway.kernel.authentication import NotAuthenticated, authenticate
from gateway.kernel.ports import Ports
from gateway.kernel.values import Caller, Credentials
from gateway.web.context import AppContext, PresentedCertificate
from gateway.web.inputs import read_query
from gateway.web.problems import (
    ClientCertificateRefused,
    InsufficientScope,
    InvalidToken,
    NoCredentials,
    ProxyHeaderRefused,
    TokenInQuery,
)
from gateway.web.tokens import Tokens

ANY_SCOPE = "any"
"""Declared by an endpoint that every authenticated system may use: itself, its own events."""

_BEARER = re.compile(r"bearer +([A-Za-z0-9._~+/-]+=*)", re.ASCII | re.IGNORECASE)  # RFC 6750 2.1


def peer_of(gate: AppContext, request: Request) -> PresentedCertificate | None:
    """The client of the connection, its certificate checked; None when it showed none.

    Raises ClientCertificateRefused, and ProxyHeaderRefused for a header that may not be believed.
    """
    try:
        der = gate.peer_der(request.environ)
    except gate.header_refused as error:
        raise ProxyHeaderRefused(str(error)) from None
    if der is None:
        return None
    try:
        peer = gate.check_peer(der, gate.ports.now())
    except gate.certificate_refused as error:
        raise ClientCertificateRefused(str(error)) from None
    g.thumbprint = peer.thumbprint
    return peer


def claimed_caller(gate: AppContext, tokens: Tokens, request: Request) -> Caller:
    """The system that a request's token names, on the certificate that the token is bound to.

    The registry was not asked: the action's own transaction asks it, or `registered_caller`.
    Raises the refusals of `problems` and NotAuthenticated.
    """
    peer = peer_of(gate, request)
    if request.query_string and "access_token" in read_query(request):  # RS1
        raise TokenInQuery("send the access token only in the Authorization header")
    sent = request.headers.get("Authorization", "")
    found = _BEARER.fullmatch(sent)
    if not found and sent.lower().startswith("bearer"):
        raise InvalidToken("the token is not of the form that tokens have")
    if not found:  # RS3
        raise NoCredentials("send an access token in the Authorization header")
    token = tokens.read(found[1])
    if peer is None or not hmac.compare_digest(token.thumbprint, peer.thumbprint):  # RS2
        raise InvalidToken("the token is bound to another certificate than the connection's")
    names = system_of(token.client_id)
    if names is None:
        raise NotAuthenticated("the client id is not of the form organisation.system")
    shown = Credentials(peer.thumbprint, peer.san_uris, token.jti, token.issued)
    return Caller(*names, token.scopes, shown)


def registered_caller(ports: Ports, claimed: Caller, scope: str) -> Caller:
    """The same caller with the scopes that the registry grants at this moment (RS5).

    ``scope`` may be ANY_SCOPE. Raises NotAuthenticated (RS1: revoked), InsufficientScope.
    """
    if claimed.credentials is None:
        raise NotAuthenticated("no connection stands behind the caller")
    client_id = f"{claimed.organisation}.{claimed.system}"
    system = authenticate(ports, client_id, claimed.credentials)
    scopes = claimed.scopes & system.scopes
    if scope not in (ANY_SCOPE, *scopes):
        raise InsufficientScope(scope)
    return replace(claimed, scopes=scopes, authenticated=[system])
