"""The access token of this system: asked for over mTLS, bound to its certificate, renewed in time.

Client credentials with `tls_client_auth` (RFC 8705 2.1): the certificate of the connection is the
credential. A system with a registered key sends an assertion as well (`private_key_jwt`). The
token lives in memory alone.
"""

import json
import re
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Protocol
from urllib.parse import urlencode
from uuid import UUID

from gateway.client.errors import GatewayUnavailable, TokenRefused, UnexpectedAnswer
from gateway.client.transport import HttpRequest, HttpResponse, HttpTransport
from gateway.evidence import base64url, canonical

RENEW_BEFORE = timedelta(seconds=30)
"""A token that expires within this time is not used: the request may take as long."""

_TOKEN = re.compile(r"[A-Za-z0-9._~+/-]{1,8192}=*", re.ASCII)  # RFC 6750 2.1
_ERROR = re.compile(r"[a-z_]{1,60}", re.ASCII)
_INVALID_TOKEN = re.compile(r'\berror="?invalid_token\b', re.ASCII)


KIND = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"

LIFE_SECONDS = 60


class ClientKey(Protocol):
    """The private key of a system, such as `gateway.keys.load_key` reads."""

    @property
    def kid(self) -> str:
        """The id under which the gateway has registered its public half."""

    @property
    def alg(self) -> str:
        """ES256 or Ed25519."""

    def sign(self, data: bytes) -> bytes:
        """The signature in JOSE form."""


@dataclass(frozen=True)
class Assertions:
    """Makes the assertions of one system for one gateway."""

    issuer: str
    client_id: str
    key: ClientKey
    now: Callable[[], datetime]
    ids: Callable[[], UUID]

    def members(self) -> dict[str, str]:
        """The members of a form that carry a new assertion (RFC 7521 section 4.2)."""
        return {"client_assertion_type": KIND, "client_assertion": self.make()}

    def make(self) -> str:
        """A new assertion, as a compact JWS."""
        now = int(self.now().timestamp())
        # RFC 8037's name for the algorithm: the one in the gateway's metadata.
        alg = "EdDSA" if self.key.alg == "Ed25519" else self.key.alg
        header = {"typ": "client-authentication+jwt", "alg": alg, "kid": self.key.kid}
        claims = {
            "iss": self.client_id,
            "sub": self.client_id,
            "aud": self.issuer,
            "iat": now,
            "exp": now + LIFE_SECONDS,
            "jti": str(self.ids()),
        }
        signed = f"{_encoded(header)}.{_encoded(claims)}"
        return f"{signed}.{base64url.encode(self.key.sign(signed.encode('ascii')))}"


def _encoded(value: Mapping[str, Any]) -> str:
    return base64url.encode(json.dumps(value, separators=(",", ":")).encode("utf-8"))


@dataclass(frozen=True)
class _Token:
    text: str
    renew_at: datetime


class AccessTokens:
    """Adds the token to messages; threads may share it."""

    def __init__(
        self,
        line: HttpTransport,
        client_id: str,
        now: Callable[[], datetime],
        assertions: Assertions | None = None,
    ) -> None:
        """Nothing is asked before the first message; ``assertions`` of a system with a key."""
        self._line, self._client_id, self._now = line, client_id, now
        self._assertions = assertions
        self._token: _Token | None = None
        self._lock = threading.Lock()

    def send(self, message: HttpRequest) -> HttpResponse:
        """Send with the token; with a new one, once, when the gateway knows it no longer."""
        token = self._valid(None)
        reply = self._line.send(_bearing(message, token))
        if reply.status == 401 and _INVALID_TOKEN.search(reply.headers.get("www-authenticate", "")):
            reply = self._line.send(_bearing(message, self._valid(token)))
        return reply

    def _valid(self, rejected: str | None) -> str:
        """The token in use, or a new one when there is none, it ends soon, or is ``rejected``."""
        with self._lock:
            token = self._token
            if token is None or self._now() >= token.renew_at or token.text == rejected:
                self._token = token = self._ask()
            return token.text

    def _ask(self) -> _Token:
        asked_at = self._now()
        reply = self._line.send_anew(self._question)
        members = _members(reply)
        if reply.status >= 500:
            said = members.get("detail")
            reason = f": {said}" if isinstance(said, str) else ""
            raise GatewayUnavailable(f"the gateway gives no access tokens at present{reason}")
        if reply.status != 200:
            error = members.get("error")
            known = isinstance(error, str) and _ERROR.fullmatch(error)
            raise TokenRefused(str(error) if known else f"status {reply.status}")
        text, kind, life = (members.get(n) for n in ("access_token", "token_type", "expires_in"))
        if not isinstance(text, str) or not _TOKEN.fullmatch(text):
            raise UnexpectedAnswer("the gateway's token is not of the form that tokens have")
        if str(kind).lower() != "bearer" or type(life) is not int or life <= 0:
            raise UnexpectedAnswer("the gateway's token has no kind or no life that we know")
        ends = asked_at + timedelta(seconds=life)
        # A token with a very short life is used for the first half of it.
        return _Token(text, max(ends - RENEW_BEFORE, asked_at + timedelta(seconds=life) / 2))

    def _question(self) -> HttpRequest:
        form = {"grant_type": "client_credentials", "client_id": self._client_id}
        if self._assertions is not None:
            form |= self._assertions.members()
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        return HttpRequest("POST", "/oauth/token", urlencode(form).encode("ascii"), headers)


def _bearing(message: HttpRequest, token: str) -> HttpRequest:
    return replace(message, headers={**message.headers, "Authorization": f"Bearer {token}"})


def _members(reply: HttpResponse) -> dict[str, object]:
    try:
        members = canonical.decode(reply.body)
    except ValueError:
        members = None
    return members if isinstance(members, dict) else {}
