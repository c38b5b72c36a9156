"""Tokens asked for, revoked and looked at, over mutual TLS: RFC 6749 4.4, 7009, 7662, FAPI 2.0.

One grant, two ways to authenticate. Rule names C, K are those of docs/security-flow.md.
"""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from flask import Request, Response, g
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
from gateway.web.endpoint import RECORDED, EndpointAccess, unauthenticated
from gateway.web.inputs import current_request, read_body, read_pairs
from gateway.web.problems import ClientCertificateRefused, InvalidToken
from gateway.web.responses import json_response
from gateway.web.tokens import AccessToken, Tokens

GRANT = "client_credentials"
METHODS = ("tls_client_auth", "private_key_jwt")
"""The two ways to authenticate that FAPI 2.0 section 5.3.2.1 leaves (C1)."""

FORM_BYTES = 8 * 1024

_FORM = re.compile(r"application/x-www-form-urlencoded(?:; *charset=\"?utf-8\"?)?", re.ASCII | re.I)
_SCOPE = re.compile(r"[\x21\x23-\x5b\x5d-\x7e]+(?: [\x21\x23-\x5b\x5d-\x7e]+)*", re.ASCII)
_ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"


class OAuthError(Exception):
    """A refusal of RFC 6749 section 5.2: its code, and a sentence where one helps."""

    status = 400
    reason: str | None = None
    """Why, for the security log alone."""

    def __init__(self, error: str, description: str = "") -> None:
        """``error`` is a code that is registered with IANA."""
        super().__init__(error)
        self.error, self.description = error, description


def _bad_request(description: str) -> OAuthError:
    return OAuthError("invalid_request", description)


class InvalidClient(OAuthError):
    """401, in the same words whatever failed (C6); ``reason`` is for the security log."""

    status = 401
    description = (
        "the certificate, `client_id` and keys are not those of one active system: compare them "
        "with the connection file, or ask the operator, who sees what failed"
    )

    def __init__(self, reason: str) -> None:
        """Keep the reason out of the answer."""
        super().__init__("invalid_client", self.description)
        self.reason = reason


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


def granted_scopes(system: System, asked: str | None) -> list[str]:
    """What is asked for, or all that is registered; OAuthError when one is not granted (K3)."""
    if asked is None:
        return sorted(system.scopes)
    wanted = dict.fromkeys(asked.split(" ")) if _SCOPE.fullmatch(asked) else {"": None}
    if not wanted.keys() <= system.scopes:
        raise OAuthError(
            "invalid_scope", "ask for scopes that the system has, or leave `scope` out"
        )
    return [*wanted]


class TokenServer:
    """The three endpoints about tokens; every client authenticates first."""

    def __init__(self, gate: AppContext, tokens: Tokens) -> None:
        """One for each app."""
        self.resource = gate.partners_url
        self._gate = gate
        self._tokens = tokens

    def answer(self, sent: Request) -> Response:
        """The answer to a token request; refusals are those of RFC 6749 section 5.2.

        Nothing is kept: a token proves itself, and rights are read from the registry. Raises
        LogFrozen, HighWaterMarkUnavailable, DatabaseUnavailable.
        """
        try:
            form, peer = self._asked(sent, "grant_type")
            if form["grant_type"] != GRANT:  # the one that every system is registered for (K1)
                raise OAuthError("unsupported_grant_type")
            system = self._authenticate(form, peer)
            if form.get("resource", self.resource) != self.resource:  # RFC 8707
                raise OAuthError("invalid_target", "tokens here are for the partners' address")
            scopes = granted_scopes(system, form.get("scope"))
        except OAuthError as error:
            return self._refuse("token-not-issued", error)
        token, jti = self._tokens.issue(
            system.client_id, scopes, peer.thumbprint, system.tokens_valid_from
        )
        self._note("token-issued", system, peer, jti)
        body: dict[str, Any] = {
            "token_type": "Bearer",
            "access_token": token,
            "expires_in": self._gate.token_seconds,
        }
        if scopes:
            body["scope"] = " ".join(scopes)
        return json_response(body)

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
            self._note("token-revoked", system, peer, token.jti)
        return json_response({})

    def introspect(self, sent: Request) -> Response:
        """What a token is worth to the caller who holds it (RFC 7662 2.2; M2).

        Raises LogFrozen, HighWaterMarkUnavailable, DatabaseUnavailable.
        """
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
        system = self._authenticate(form, peer)
        try:
            token = self._tokens.read(form["token"])
        except InvalidToken:
            token = None
        return token, system, peer

    def _worth(
        self, token: AccessToken | None, asks: System, peer: PresentedCertificate
    ) -> dict[str, Any]:
        """Judged as a request with the token would be, on the connection it is bound to."""
        if token is None or token.client_id != asks.client_id:
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
            "aud": self.resource,
            "scope": " ".join(sorted(token.scopes & system.scopes)),
            "token_type": "Bearer",
            "iat": token.issued,
            "exp": token.ends,
            "jti": token.jti,
            "cnf": {"x5t#S256": token.thumbprint},
        }

    def _asked(self, sent: Request, needed: str) -> tuple[dict[str, str], PresentedCertificate]:
        """The form, from the body alone, and the connection's client."""
        form = read_form(sent)
        check_form(form, sent, needed)
        try:
            peer = peer_of(self._gate, sent)
        except ClientCertificateRefused as refused:
            raise InvalidClient(refused.detail) from refused
        if peer is None:
            raise _bad_request("the connection carries no client certificate")  # C5, K5
        return form, peer

    def _authenticate(self, form: Mapping[str, str], peer: PresentedCertificate) -> System:
        """The client, by the method that its request uses (C1, C2, C4)."""
        assertion = form.get("client_assertion")
        # RFC 7521 4.2: with an assertion the id may be left out, for the assertion has it.
        client_id = form.get("client_id") or claimed_client(assertion or "") or ""
        shown = Credentials(peer.thumbprint, peer.san_uris)
        try:
            return authenticate_client(
                self._gate.ports, self._gate.newest(), client_id, shown, assertion
            )
        except NotAuthenticated as refused:
            raise InvalidClient(refused.detail) from refused

    def _note(self, kind: str, system: System, peer: PresentedCertificate, jti: str) -> None:
        self._gate.log.note(
            kind,
            request=g.request_id,
            client=system.client_id,
            thumbprint=peer.thumbprint,
            jti=jti,
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
        close = {"Connection": "close"} if error.status == 401 else {}
        return json_response(body, error.status, close)


_REFUSED: dict[str, Any] = {
    "refusals": RECORDED,
    "others": ((400, "TokenError"), (401, "TokenError")),
}


@unauthenticated(
    "POST /oauth/token",
    access=EndpointAccess.CERTIFICATE,
    form="TokenRequest",
    response="Token",
    **_REFUSED,
)
def token(server: TokenServer) -> Response:
    """Ask for an access token with `client_credentials`, by the connection's certificate.

    The form has `grant_type` and `client_id`, and may have `scope` and `resource`. A system with
    registered keys sends `client_assertion` and its type as well.
    """
    return server.answer(current_request())


@unauthenticated(
    "POST /oauth/revoke",
    access=EndpointAccess.CERTIFICATE,
    form="TokenQuestion",
    **_REFUSED,
    response="Revoked",
)
def revocation(server: TokenServer) -> Response:
    """End an access token of your own before its time (RFC 7009).

    The next request with it is refused, whichever process answers. A token that is unknown, or
    has ended, is no error: there is nothing left to do.
    """
    return server.revoke(current_request())


@unauthenticated(
    "POST /oauth/introspect",
    access=EndpointAccess.CERTIFICATE,
    form="TokenQuestion",
    **_REFUSED,
    response="TokenState",
)
def introspection(server: TokenServer) -> Response:
    """Ask what an access token of your own is worth now (RFC 7662).

    Of any other token, and of one that would be refused, the answer says only that it is not
    active.
    """
    return server.introspect(current_request())


ENDPOINTS = (token, revocation, introspection)
