"""Tokens asked for, over mutual TLS: RFC 6749 section 4.4, FAPI 2.0.

Authlib dispatches: client authentication, grant, generator. Every check that guards a token is
ours, because its defaults are for other profiles (parameters in the query, repeated parameters,
`WWW-Authenticate: Basic`, tokens without a binding). Rule names C, K are those of
docs/security-flow.md.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, ClassVar

from authlib.oauth2.rfc6749 import AuthorizationServer, OAuth2Request
from authlib.oauth2.rfc6749.errors import OAuth2Error
from authlib.oauth2.rfc6749.grants import ClientCredentialsGrant
from authlib.oauth2.rfc6749.requests import BasicOAuth2Payload
from authlib.oauth2.rfc6750 import BearerTokenGenerator
from flask import Request, Response, g
from werkzeug.exceptions import RequestEntityTooLarge

from gateway.domain.organisation import System
from gateway.kernel import authentication
from gateway.kernel.values import Credentials
from gateway.web.caller import Tokens, peer_of
from gateway.web.context import AppContext, PresentedCertificate
from gateway.web.endpoint import RECORDED, EndpointAccess, unauthenticated
from gateway.web.inputs import current_request, read_body, read_pairs
from gateway.web.problems import ClientCertificateRefused
from gateway.web.responses import json_response

GRANT = "client_credentials"
METHOD = "tls_client_auth"
ASSERTION = "private_key_jwt"
METHODS = (METHOD, ASSERTION)
"""The two ways to authenticate that FAPI 2.0 section 5.3.2.1 leaves (C1)."""

FORM_BYTES = 8 * 1024

_FORM = re.compile(r"application/x-www-form-urlencoded(?:; *charset=\"?utf-8\"?)?", re.ASCII | re.I)
_SCOPE = re.compile(r"[\x21\x23-\x5b\x5d-\x7e]+(?: [\x21\x23-\x5b\x5d-\x7e]+)*", re.ASCII)
_ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"


def _bad_request(description: str) -> OAuth2Error:
    return OAuth2Error(error="invalid_request", description=description)


class InvalidClient(OAuth2Error):  # type: ignore[misc] # Authlib is untyped
    """401, in the same words whatever failed (C6); ``reason`` is for the security log."""

    error = "invalid_client"
    status_code = 401
    description = (
        "the certificate, `client_id` and keys are not those of one active system: compare them "
        "with the connection file, or ask the operator, who sees what failed"
    )

    def __init__(self, reason: str) -> None:
        """Keep the reason out of the answer."""
        super().__init__()
        self.reason = reason


def read_form(sent: Request) -> dict[str, str]:
    """The parameters, from the body alone, each once (C6); OAuth2Error otherwise."""
    if sent.query_string:
        raise _bad_request("parameters belong in the body")
    if not _FORM.fullmatch(sent.headers.get("Content-Type", "")):
        raise _bad_request("the body is application/x-www-form-urlencoded")
    sent.max_content_length = FORM_BYTES
    try:
        return read_pairs(read_body(sent))
    except RequestEntityTooLarge:
        raise _bad_request("the body is too long") from None
    except ValueError:
        raise _bad_request("the body cannot be read, or gives a parameter twice") from None


def check_form(form: Mapping[str, str], sent: Request) -> None:
    """One way to authenticate (C1), and nothing asked for that would be left out silently."""
    if "Authorization" in sent.headers or "client_secret" in form:
        raise _bad_request("clients authenticate by certificate, or by assertion beside it")
    if ("client_assertion" in form) is not ("client_assertion_type" in form):
        raise _bad_request("an assertion and its type belong together")
    if form.get("client_assertion_type", _ASSERTION_TYPE) != _ASSERTION_TYPE:
        raise _bad_request("the assertion is of a type that is not known here")
    for name in ("grant_type", *(() if "client_assertion" in form else ("client_id",))):
        if name not in form:
            raise _bad_request(f"{name} is missing")
    if "authorization_details" in form:
        raise OAuth2Error(
            error="invalid_authorization_details", description="no type of them is known here"
        )


@dataclass(frozen=True)
class OAuthClient:
    """A registered system on a connection, as the grant asks about it."""

    system: System
    thumbprint: str
    method: str

    def get_client_id(self) -> str:
        """The OAuth name of the system."""
        return self.system.client_id

    def check_endpoint_auth_method(self, method: str, endpoint: str) -> bool:
        """The method by which the client was authenticated is its registered one (C1)."""
        return method == self.method

    def check_grant_type(self, grant_type: str) -> bool:
        """Every system is registered for client credentials alone (K1)."""
        return grant_type == GRANT

    def get_allowed_scope(self, scope: str | None) -> str | None:
        """Return what is asked for, or all that is registered; None when one is not granted
        (K3)."""
        if scope is None:
            return " ".join(sorted(self.system.scopes))
        wanted = dict.fromkeys(scope.split(" ")) if _SCOPE.fullmatch(scope) else {"": None}
        return " ".join(wanted) if wanted.keys() <= self.system.scopes else None


class BoundClientCredentials(ClientCredentialsGrant):  # type: ignore[misc] # Authlib is untyped
    """Client credentials, for a client that a certificate or an assertion authenticates (K1)."""

    TOKEN_ENDPOINT_AUTH_METHODS: ClassVar[list[str]] = list(METHODS)

    def validate_token_request(self) -> None:
        """The client, its scopes, and the one resource that tokens here are for (K3, RFC 8707)."""
        super().validate_token_request()
        resource = self.request.payload.data.get("resource")
        if resource is not None and resource != self.server.resource:
            raise OAuth2Error(
                error="invalid_target", description="tokens here are for the partners' address"
            )


class TokenServer(AuthorizationServer):  # type: ignore[misc] # Authlib is untyped
    """Authlib's dispatch with our client authentication, our tokens and our answers."""

    def __init__(self, gate: AppContext, tokens: Tokens) -> None:
        """One for each app."""
        super().__init__()
        self.resource = gate.partners_url
        self._gate = gate
        self._tokens = tokens
        for method in METHODS:
            self.register_client_auth_method(method, partial(self._authenticate, method))
        self.register_grant(BoundClientCredentials)
        generator = BearerTokenGenerator(self._issue, expires_generator=gate.token_seconds)
        self.register_token_generator("default", generator)

    def answer(self, sent: Request) -> Response:
        """The answer to a token request; refusals are those of RFC 6749 section 5.2.

        Raises LogFrozen, HighWaterMarkUnavailable, DatabaseUnavailable.
        """
        try:
            asked = self._asked(sent)
        except OAuth2Error as error:
            return self.handle_error_response(None, error)
        answer: Response = self.create_token_response(asked)
        return answer

    def _asked(self, sent: Request) -> OAuth2Request:
        """The request as Authlib reads it, from the body alone, with the connection's client."""
        form = read_form(sent)
        check_form(form, sent)
        if "client_id" not in form:
            # RFC 7521 4.2: with an assertion the id may be left out, for the assertion has it.
            form["client_id"] = authentication.claimed_client(form["client_assertion"]) or ""
        try:
            peer = peer_of(self._gate, sent)
        except ClientCertificateRefused as refused:
            raise InvalidClient(refused.detail) from refused
        if peer is None:
            raise _bad_request("the connection carries no client certificate")  # C5, K5
        # The address is ours by configuration: behind a proxy the request's own says http.
        asked = OAuth2Request("POST", f"{self.resource}{sent.path}")
        asked.payload = BasicOAuth2Payload(form)
        asked.credential = peer
        return asked

    def create_oauth2_request(self, request: OAuth2Request) -> OAuth2Request:
        """The request was made by ``answer``, from the body alone."""
        return request

    def _authenticate(
        self, method: str, _query_client: Any, asked: OAuth2Request
    ) -> OAuthClient | None:
        """The client, by the method that its request uses (C1, C2, C4); None by the other."""
        peer: PresentedCertificate = asked.credential
        assertion = asked.payload.data.get("client_assertion")
        if (method == ASSERTION) is not (assertion is not None):
            return None
        shown = Credentials(peer.thumbprint, peer.san_uris)
        try:
            system = authentication.authenticate_client(
                self._gate.ports, self._gate.newest(), asked.payload.client_id, shown, assertion
            )
        except authentication.NotAuthenticated as refused:
            raise InvalidClient(refused.detail) from refused
        return OAuthClient(system, peer.thumbprint, method)

    def _issue(self, client: OAuthClient, grant_type: str, user: None, scope: str) -> str:
        client_id = client.get_client_id()
        ended = client.system.tokens_valid_from
        token, jti = self._tokens.issue(client_id, scope.split(), client.thumbprint, ended)
        self._gate.log.note(
            "token-issued",
            request=g.request_id,
            client=client_id,
            thumbprint=client.thumbprint,
            jti=jti,
        )
        return token

    def save_token(self, token: Mapping[str, Any], request: OAuth2Request) -> None:
        """Keep nothing: a token proves itself, and rights are read from the registry."""

    def send_signal(self, name: str, *args: Any, **kwargs: Any) -> None:
        """Tell nobody: there is no listener."""

    def handle_error_response(self, request: OAuth2Request | None, error: OAuth2Error) -> Response:
        """Our words alone: Authlib's repeat what was sent."""
        self._gate.problem_sent(f"oauth:{error.error}")
        self._gate.log.refuse(
            "token-not-issued",
            request=g.request_id,
            error=error.error,
            reason=getattr(error, "reason", None),
            thumbprint=g.get("thumbprint"),
        )
        body = {"error": error.error}
        if isinstance(error, InvalidClient) or type(error) is OAuth2Error:
            body["error_description"] = error.description
        elif error.error == "invalid_scope":
            body["error_description"] = "ask for scopes that the system has, or leave `scope` out"
        close = {"Connection": "close"} if error.status_code == 401 else {}
        return json_response(body, error.status_code, close)

    def handle_response(
        self, status: int, body: Mapping[str, Any], headers: Iterable[Sequence[str]]
    ) -> Response:
        """A token; ``hardened`` adds that it is not to be stored."""
        return json_response(body, status)


@unauthenticated(
    "POST /oauth/token",
    access=EndpointAccess.CERTIFICATE,
    form="TokenRequest",
    response="Token",
    refusals=RECORDED,
    others=((400, "TokenError"), (401, "TokenError")),
)
def oauth_issue_token(server: TokenServer) -> Response:
    """Ask for an access token with `client_credentials`, by the connection's certificate.

    The form has `grant_type` and `client_id`, and may have `scope` and `resource`. A system with
    registered keys sends `client_assertion` and its type as well.
    """
    return server.answer(current_request())


ENDPOINTS = (oauth_issue_token,)
