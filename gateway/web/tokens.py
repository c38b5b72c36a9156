"""Access tokens (RFC 9068), bound to a certificate (RFC 8705 section 3): written, read, remembered.

A token says which client may ask for what, for five minutes and on one certificate. Whether the
client still has those rights is never in it: the registry is asked on each request (RS5).
"""

import hashlib
from collections import OrderedDict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from threading import Lock
from typing import Any

import jwt

from gateway.evidence import base64url, canonical, signature
from gateway.web.context import AppContext
from gateway.web.problems import InvalidToken

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
    jti: str


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
        """Verify a token: signature, type, issuer, audience, end (RS1); TokenRefused otherwise.

        The binding to the connection is not looked at here: that is checked for each request.
        """
        if len(token) > MAX_CHARACTERS or not token.isascii():
            raise InvalidToken("the token is too long, or holds what no token does")
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
                raise InvalidToken("the token is of another type, or by a key that is not ours")
            claims = jwt.decode(token, key, algorithms=[ALG], options=_SIGNATURE_ALONE)
        except (jwt.PyJWTError, ValueError, TypeError) as error:
            raise InvalidToken(f"the token cannot be verified: {type(error).__name__}") from None
        return self._judge(claims, now)

    def _judge(self, claims: Mapping[str, Any], now: float) -> AccessToken:
        """Check the claims by our own clock; each must be there and of its type."""
        if not all(isinstance(claims.get(name), str) for name in _TEXTS):
            raise InvalidToken("a claim is missing or of another type")
        confirmation, ends = claims.get("cnf"), claims.get("exp")
        bound = confirmation.get("x5t#S256") if isinstance(confirmation, dict) else None
        if not isinstance(bound, str) or not base64url.DIGEST.fullmatch(bound):
            raise InvalidToken("the token is bound to no certificate")
        if claims["iss"] != self._gate.issuer or claims["aud"] != self._gate.partners_url:
            raise InvalidToken("the token is by another issuer or for another address")
        if type(ends) is not int or ends <= now:
            raise InvalidToken("the token has ended")
        if claims["sub"] != claims["client_id"]:
            raise InvalidToken("the token speaks of two clients")
        scopes, issued = frozenset(claims["scope"].split()), claims.get("iat")
        if type(issued) is not int:
            raise InvalidToken("the token does not say since when")
        return AccessToken(claims["client_id"], scopes, bound, ends, issued, claims["jti"])


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
