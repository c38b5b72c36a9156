"""Who calls: the connection's certificate, then the token bound to it, then the registry.

The order, for each request: certificate, token, binding, registry, scope.
"""

import hashlib
import hmac
import re
from collections import OrderedDict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from threading import Lock
from typing import Any

import jwt
from flask import Request, g

from gateway.domain.organisation import system_of
from gateway.evidence import base64url, canonical, signature
from gateway.kernel.authentication import NotAuthenticated, authenticate
from gateway.kernel.ports import Ports
from gateway.kernel.values import Caller, Credentials, Host
from gateway.web import problems
from gateway.web.context import TOKEN_SECONDS, AppContext, PresentedCertificate
from gateway.web.inputs import read_query

# --- Access tokens (RFC 9068), bound to a certificate (RFC 8705, section 3) ---
#
# A token says which client may ask for what, for five minutes and on one certificate. Whether the
# client still has those rights is never in it: the registry is asked on each request (RS5).


TYP = "at+jwt"
ALG = "ES256"  # FAPI 2.0 section 5.4.1 forbids the RS256 that RFC 9068 section 2.1 asks for

MAX_CHARACTERS = 4096
REMEMBERED = 4096
"""Tokens of one worker whose signature need not be checked again; under 1 kB each."""

REMEMBERED_SECONDS = 60
"""How long at most: a token key that is withdrawn goes out of use that soon."""

_TEXTS = ("iss", "sub", "client_id", "aud", "jti", "scope")


@dataclass(frozen=True)
class AccessToken:
    """What a verified token says: ``thumbprint`` is its ``cnf``, ``ends`` its ``exp`` (seconds)."""

    client_id: str
    scopes: frozenset[str]
    thumbprint: str
    ends: int
    issued: int


class Tokens:
    """Writes and reads the tokens of one gateway for its partners' listener; threads share it."""

    def __init__(self, gate: AppContext) -> None:
        """Take the issuer, the audience, the keys and the clock."""
        self._gate = gate
        self._header = _encoded({"typ": TYP, "alg": gate.tokens.alg, "kid": gate.tokens.kid})
        self._keys = signature.public_keys(gate.token_keys)
        self._seen: OrderedDict[bytes, tuple[AccessToken, float]] = OrderedDict()
        self._lock = Lock()

    def issue(
        self,
        client_id: str,
        scopes: Iterable[str],
        thumbprint: str,
        ended: datetime | None = None,
    ) -> tuple[str, str]:
        """Write a token for a client on a certificate; the token, and its ``jti``.

        ``ended`` is when the client's tokens ended last (`System.tokens_valid_from`): a new one has
        a later second, for tokens state whole seconds.
        """
        now = int(self._gate.ports.now().timestamp())
        issued = now if ended is None else max(now, int(ended.timestamp()) + 1)
        jti = str(self._gate.ports.new_id())
        claims = {
            "iss": self._gate.issuer,
            "sub": client_id,
            "client_id": client_id,
            "aud": self._gate.partners_url,
            "iat": issued,
            "exp": now + self._gate.token_seconds,
            "jti": jti,
            "scope": " ".join(scopes),
            "cnf": {"x5t#S256": thumbprint},
        }
        signed = f"{self._header}.{_encoded(claims)}"
        signed += "." + base64url.encode(self._gate.tokens.sign(signed.encode("ascii")))
        return signed, jti

    def read(self, token: str) -> AccessToken:
        """Verify a token: signature, type, issuer, audience, end (RS1); InvalidToken otherwise.

        The binding to the connection is not looked at here: that is checked for each request.
        """
        if len(token) > MAX_CHARACTERS or not token.isascii():
            raise problems.InvalidToken("the token is too long, or holds what no token does")
        now = self._gate.ports.now().timestamp()
        # The whole token is the key: of two that differ in the signature alone, one is bad.
        key = hashlib.sha256(token.encode("ascii")).digest()
        found = self._seen.get(key)
        if found is not None and now < found[1]:
            return found[0]
        verified = self._verify(token, now)
        with self._lock:
            self._seen[key] = verified, min(verified.ends, now + REMEMBERED_SECONDS)
            if len(self._seen) > REMEMBERED:
                self._seen.popitem(last=False)
        return verified

    def _verify(self, token: str, now: float) -> AccessToken:
        try:
            header = jwt.get_unverified_header(token)
            key = self._keys.get(header.get("kid", ""))
            if key is None or header.get("typ") != TYP:
                raise problems.InvalidToken(
                    "the token is of another type, or by a key that is not ours"
                )
            claims = jwt.decode(token, key, algorithms=[ALG], options=_SIGNATURE_ALONE)
        except (jwt.PyJWTError, ValueError, TypeError) as error:
            raise problems.InvalidToken(
                f"the token cannot be verified: {type(error).__name__}"
            ) from None
        # By our own clock; each claim must be there and of its type.
        if not all(isinstance(claims.get(name), str) for name in _TEXTS):
            raise problems.InvalidToken("a claim is missing or of another type")
        confirmation, ends = claims.get("cnf"), claims.get("exp")
        bound = confirmation.get("x5t#S256") if isinstance(confirmation, dict) else None
        if not isinstance(bound, str) or not base64url.DIGEST.fullmatch(bound):
            raise problems.InvalidToken("the token is bound to no certificate")
        if claims["iss"] != self._gate.issuer or claims["aud"] != self._gate.partners_url:
            raise problems.InvalidToken("the token is by another issuer or for another address")
        if type(ends) is not int or ends <= now:
            raise problems.InvalidToken("the token has ended")
        if claims["sub"] != claims["client_id"]:
            raise problems.InvalidToken("the token speaks of two clients")
        scopes, issued = frozenset(claims["scope"].split()), claims.get("iat")
        if type(issued) is not int or ends - issued > TOKEN_SECONDS:
            raise problems.InvalidToken("the token does not say since when, or lives too long")
        return AccessToken(claims["client_id"], scopes, bound, ends, issued)


_SIGNATURE_ALONE: Any = {
    "verify_signature": True,
    **dict.fromkeys(
        ("verify_exp", "verify_nbf", "verify_iat", "verify_aud", "verify_iss", "verify_sub",
         "verify_jti"),
        False,
    ),
}  # fmt: skip
"""The library checks the signature; the claims are checked here, by the gateway's own clock."""


def _encoded(value: Mapping[str, Any]) -> str:
    return base64url.encode(canonical.compact(value).encode("utf-8"))


# --- Certificate, token, binding, registry and scope, one after the other ---


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
        raise problems.ProxyHeaderRefused(str(error)) from None
    if der is None:
        return None
    try:
        peer = gate.check_peer(der, gate.ports.now())
    except gate.certificate_refused as error:
        raise problems.ClientCertificateRefused(str(error)) from None
    g.thumbprint = peer.thumbprint
    return peer


def claimed_caller(gate: AppContext, tokens: Tokens, request: Request) -> Caller:
    """The system that a request's token names, on the certificate that the token is bound to.

    The registry was not asked: the action's own transaction asks it, or `registered_caller`.
    Raises the refusals of `problems` and NotAuthenticated.
    """
    peer = peer_of(gate, request)
    if request.query_string and "access_token" in read_query(request):  # RS1
        raise problems.TokenInQuery("send the access token only in the Authorization header")
    sent = request.headers.get("Authorization", "")
    found = _BEARER.fullmatch(sent)
    if not found and sent.lower().startswith("bearer"):
        raise problems.InvalidToken("the token is not of the form that tokens have")
    if not found:  # RS3
        raise problems.NoCredentials("send an access token in the Authorization header")
    token = tokens.read(found[1])
    if peer is None or not hmac.compare_digest(token.thumbprint, peer.thumbprint):  # RS2
        raise problems.InvalidToken(
            "the token is bound to another certificate than the connection's"
        )
    names = system_of(token.client_id)
    if names is None:
        raise NotAuthenticated("the client id is not of the form organisation.system")
    shown = Credentials(peer.thumbprint, peer.san_uris, token.issued)
    return Caller(*names, token.scopes, shown)


def registered_caller(ports: Ports, claimed: Caller, scope: str) -> Caller:
    """The same caller with the scopes that the registry grants at this moment (RS5).

    ``scope`` may be ANY_SCOPE. Raises NotAuthenticated, InsufficientScope.
    """
    if isinstance(claimed.credentials, Host):
        raise NotAuthenticated("no connection stands behind the caller")
    client_id = f"{claimed.owner}.{claimed.system}"
    system = authenticate(ports, client_id, claimed.credentials)
    scopes = claimed.scopes & system.scopes
    if scope not in (ANY_SCOPE, *scopes):
        raise problems.InsufficientScope(scope)
    return replace(claimed, scopes=scopes, authenticated=[system])
