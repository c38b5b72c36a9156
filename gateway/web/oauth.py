"""Tokens asked for, revoked and looked at, over mutual TLS: RFC 6749 4.4, 7009, 7662, FAPI 2.0.

One grant, two ways to authenticate, and no library between them: the defaults of those that there
are serve other profiles (parameters in the query, repeated parameters, `WWW-Authenticate: Basic`,
tokens without a binding). Rule names C, K are those of docs/security-flow.md.
"""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from flask import Request, Response, g, request
from werkzeug.exceptions import RequestEntityTooLarge

from gateway.domain.organisation import System
from gateway.kernel.authentication import (
    NotAuthenticated,
    authenticate,
    authenticate_client,
    revoke_token,
)
from gateway.kernel.client_assertion import claimed_client
from gateway.kernel.values import Credentials
from gateway.web.caller import peer_of
from gateway.web.context import AppContext, PresentedCertificate
from gateway.web.endpoint import EndpointAccess, unauthenticated
from gateway.web.inputs import read_body, read_pairs
from gateway.web.problems import ClientCertificateRefused, InvalidToken
from gateway.web.responses import json_response
from gateway.web.tokens import AccessToken, Tokens

GRANT = "client_credentials"
METHOD = "tls_client_auth"
ASSERTION = "private_key_jwt"
METHODS = (METHOD, ASSERTION)
"""The two ways to authenticate that FAPI 2.0 section 5.3.2.1 leaves (C1)."""

FORM_BYTES = 8 * 1024

_FORM = re.compile(r"application/x-www-form-urlencoded(?:; *charset=\"?utf-8\"?)?", re.ASCII | re.I)
_SCOPE = re.compile(r"[\x21\x23-\x5b\x5d-\x7e]+(?: [\x21\x23-\x5b\x5d-\x7e]+)*", re.ASCII)
_ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"


class OAuthError(Exception):
    """A refusal in the words of RFC 6749 section 5.2, with a sentence where one helps.

    ``reason`` is for the security log alone.
    """

    def __init__(self, error: str, description: str | None = None, *, reason: str = "") -> None:
        """``error`` is the code; `invalid_client` says nothing about what failed (C6)."""
        super().__init__(error)
        self.error = error
        self.description = description
        self.reason = reason or None


def _bad_request(description: str) -> OAuthError:
    return OAuthError("invalid_request", description)


def read_form(sent: Request) -> dict[str, str]:
    """The parameters, from the body alone, each once (C6); OAuthError otherwise."""
    if sent.query_string:
        raise _bad_request("parameters belong into the body")
    if not _FORM.fullmatch(sent.headers.get("Content-Type", "")):
        raise _bad_request("the body is application/x-www-form-urlencoded")
    sent.max_content_length = FORM_BYTES
    try:
        return read_pairs(read_body(sent))
    except RequestEntityTooLarge:
        raise _bad_request("the body is too long") from None
    except ValueError:
        raise _bad_request("the body cannot be read, or gives a parameter twice") from None


def check_form(form: Mapping[str, str], sent: Request, needed: str) -> None:
    """One way to authenticate (C1), and nothing asked for that would be left out silently.

    ``needed`` is the parameter without which this endpoint has nothing to do.
    """
    if "Authorization" in sent.headers or "client_secret" in form:
        raise _bad_request("clients authenticate by certificate, or by assertion beside it")
    if ("client_assertion" in form) is not ("client_assertion_type" in form):
        raise _bad_request("an assertion and its type belong together")
    if form.get("client_assertion_type", _ASSERTION_TYPE) != _ASSERTION_TYPE:
        raise _bad_request("the assertion is of a type that is not known here")
    for name in (needed,) if "client_assertion" in form else (needed, "client_id"):
        if name not in form:
            raise _bad_request(f"{name} is missing")
    if "authorization_details" in form:
        raise OAuthError("invalid_authorization_details", "no type of them is known here")


class TokenServer:
    """The endpoints about tokens: each client is authenticated, each token bound."""

    def __init__(self, gate: AppContext, tokens: Tokens) -> None:
        """One for each app."""
        self._gate = gate
        self._tokens = tokens

    def answer(self, sent: Request) -> Response:
        """The answer to a token request; refusals are those of RFC 6749 section 5.2.

        Raises LogFrozen, HighWaterMarkUnavailable, DatabaseUnavailable.
        """
        self._gate.require_newest_log()
        try:
            form, peer = self._asked(sent, "grant_type")
            if form["grant_type"] != GRANT:  # K1
                raise OAuthError("unsupported_grant_type")
            system = self._client(form, peer)
            if form.get("resource", self._gate.partners_url) != self._gate.partners_url:
                raise OAuthError("invalid_target", "tokens here are for the partners' address")
            scopes = _granted(system, form.get("scope"))
        except OAuthError as error:
            return self._refuse("token-not-issued", error)
        client_id, ended = system.client_id, system.tokens_valid_from
        token, jti = self._tokens.issue(client_id, scopes, peer.thumbprint, ended)
        self._note("token-issued", client_id, peer, jti)
        told = {"scope": " ".join(scopes)} if scopes else {}
        kept = {"expires_in": self._gate.token_seconds, **told}
        return json_response({"token_type": "Bearer", "access_token": token, **kept})

    def revoke(self, sent: Request) -> Response:
        """End the caller's own token; what is no token of ours is no error (RFC 7009 2.2; M2)."""
        try:
            token, system, peer = self._about_token(sent)
            if token is not None and token.client_id != system.client_id:
                raise OAuthError("invalid_grant", "the token is another client's")
        except OAuthError as error:
            return self._refuse("token-not-revoked", error)
        if token is not None:
            revoke_token(self._gate.ports, token.jti, datetime.fromtimestamp(token.ends, UTC))
            self._note("token-revoked", system.client_id, peer, token.jti)
        return json_response({})

    def introspect(self, sent: Request) -> Response:
        """What a token is worth to the caller who holds it (RFC 7662 2.2; M2).

        Raises LogFrozen, HighWaterMarkUnavailable, DatabaseUnavailable.
        """
        self._gate.require_newest_log()
        try:
            token, system, peer = self._about_token(sent)
        except OAuthError as error:
            return self._refuse("token-not-introspected", error)
        return json_response(self._worth(token, system, peer))

    def _about_token(
        self, sent: Request
    ) -> tuple[AccessToken | None, System, PresentedCertificate]:
        """The token of the form, None when it is none of ours or has ended, and who asks."""
        form, peer = self._asked(sent, "token")
        system = self._client(form, peer)
        try:
            return self._tokens.read(form["token"]), system, peer
        except InvalidToken:
            return None, system, peer

    def _worth(
        self, token: AccessToken | None, asking: System, peer: PresentedCertificate
    ) -> dict[str, Any]:
        """Judged as a request with the token would be, on the connection it is bound to."""
        if token is None or token.client_id != asking.client_id:
            return {"active": False}
        try:
            shown = Credentials(token.thumbprint, peer.san_uris, token.jti, token.issued)
            system = authenticate(self._gate.ports, token.client_id, shown)
        except NotAuthenticated:
            return {"active": False}
        return {
            "active": True,
            "iss": self._gate.issuer,
            "sub": token.client_id,
            "client_id": token.client_id,
            "aud": self._gate.partners_url,
            "scope": " ".join(sorted(token.scopes & system.scopes)),
            "token_type": "Bearer",
            "iat": token.issued,
            "exp": token.ends,
            "jti": token.jti,
            "cnf": {"x5t#S256": token.thumbprint},
        }

    def _asked(self, sent: Request, needed: str) -> tuple[dict[str, str], PresentedCertificate]:
        """What is asked, from the body alone, and the client of the connection."""
        form = read_form(sent)
        check_form(form, sent, needed)
        try:
            peer = peer_of(self._gate, sent)
        except ClientCertificateRefused as refused:
            raise OAuthError("invalid_client", reason=refused.detail) from refused
        if peer is None:
            raise _bad_request("the connection carries no client certificate")  # C5, K5
        return form, peer

    def _client(self, form: Mapping[str, str], peer: PresentedCertificate) -> System:
        """The client, by the method that its request uses (C1, C2, C4)."""
        assertion = form.get("client_assertion")
        # RFC 7521 4.2: with an assertion the id may be left out, for the assertion has it.
        client_id = form.get("client_id") or claimed_client(assertion or "") or ""
        shown = Credentials(peer.thumbprint, peer.san_uris)
        try:
            return authenticate_client(self._gate.ports, client_id, shown, assertion)
        except NotAuthenticated as refused:
            raise OAuthError("invalid_client", reason=refused.detail) from refused

    def _note(self, kind: str, client_id: str, peer: PresentedCertificate, jti: str) -> None:
        self._gate.log.note(
            kind, request=g.request_id, client=client_id, thumbprint=peer.thumbprint, jti=jti
        )

    def _refuse(self, kind: str, error: OAuthError) -> Response:
        self._gate.problem_sent(f"oauth:{error.error}")
        self._gate.log.refuse(
            kind,
            request=g.request_id,
            error=error.error,
            reason=error.reason,
            thumbprint=g.get("thumbprint"),
        )
        body = {"error": error.error}
        if error.description:
            body["error_description"] = error.description
        if error.error == "invalid_client":
            return json_response(body, 401, {"Connection": "close"})
        return json_response(body, 400)


def _granted(system: System, scope: str | None) -> list[str]:
    """The scopes asked for, or all that are registered; OAuthError when one is not (K3)."""
    if scope is None:
        return sorted(system.scopes)
    wanted = dict.fromkeys(scope.split(" "))
    if not _SCOPE.fullmatch(scope) or not wanted.keys() <= system.scopes:
        raise OAuthError("invalid_scope")
    return [*wanted]


@unauthenticated(
    "POST /oauth/token", access=EndpointAccess.CERTIFICATE, form="TokenRequest", response="Token"
)
def token(server: TokenServer) -> Response:
    """Ask for an access token with `client_credentials`, by the connection's certificate.

    The form has `grant_type` and `client_id`, and may have `scope` and `resource`. A system with
    registered keys sends `client_assertion` and its type as well.
    """
    return server.answer(request)


@unauthenticated(
    "POST /oauth/revoke",
    access=EndpointAccess.CERTIFICATE,
    form="TokenQuestion",
    response="Revoked",
)
def revocation(server: TokenServer) -> Response:
    """End an access token of your own before its time (RFC 7009).

    The next request with it is refused, whichever process answers. A token that is unknown, or
    has ended, is no error: there is nothing left to do.
    """
    return server.revoke(request)


@unauthenticated(
    "POST /oauth/introspect",
    access=EndpointAccess.CERTIFICATE,
    form="TokenQuestion",
    response="TokenState",
)
def introspection(server: TokenServer) -> Response:
    """Ask what an access token of your own is worth now (RFC 7662).

    Of any other token, and of one that would be refused, the answer says only that it is not
    active.
    """
    return server.introspect(request)


ENDPOINTS = (token, revocation, introspection)
