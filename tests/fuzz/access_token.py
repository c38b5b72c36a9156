"""Access tokens and client assertions (RFC 9068, RFC 7523): two refusals escape, and no other.

Oracle: a token that is taken says what its claims say, is bound and has not ended; an assertion
that is taken is addressed to the issuer alone; a token in another spelling of itself is refused.
"""

import json
from functools import cache
from typing import Any

from gateway.evidence import base64url
from gateway.evidence.signature import jwk_of
from gateway.kernel import authentication
from gateway.kernel.authentication import AssertionRefused
from gateway.web.caller import Tokens
from gateway.web.problems import InvalidToken
from tests.fuzz import envelope
from tests.ports import ISSUER, START
from tests.web.listening import PARTNERS, listening, token_key

CLIENT = "point-de-contact.desk"
NOW = int(START.timestamp())


@cache
def tokens() -> Tokens:
    """What reads tokens at the partners' listener."""
    return Tokens(listening().gate)


@cache
def registered() -> tuple[str, ...]:
    """The fuzz key, as a system's registered one."""
    return authentication.read_keys([{**jwk_of(envelope.key().public_key()), "kid": envelope.KID}])


def seeds() -> list[bytes]:
    """A token as it is sent; header and claims of tokens and assertions, a line each."""
    sent, _ = tokens().issue(CLIENT, ["cases.read"], "A" * 43)
    token = {"typ": "at+jwt", "alg": "ES256", "kid": token_key().kid}
    claims = {
        "iss": ISSUER, "sub": CLIENT, "client_id": CLIENT, "aud": PARTNERS, "iat": NOW,
        "exp": NOW + 300, "jti": "one", "scope": "cases.read cases.write",
        "cnf": {"x5t#S256": "A" * 43},
    }  # fmt: skip
    about = {"alg": "EdDSA", "kid": envelope.KID, "typ": "JWT"}
    asserted = {
        "iss": CLIENT,
        "sub": CLIENT,
        "aud": ISSUER,
        "exp": NOW + 60,
        "jti": "1",
        "nbf": 1.5,
    }
    return [sent.encode(), envelope.lines(token, claims), envelope.lines(about, asserted)]


def check(data: bytes) -> None:
    """The bytes as they are sent, then as header and claims under a good signature."""
    text = data.decode("utf-8", "surrogateescape")
    _check_token(text)
    _check_assertion(text)
    header, _, claims = data.partition(b"\n")
    _check_token(_token(header, claims))
    _check_assertion(envelope.sign(header, claims))


def _token(header: bytes, claims: bytes) -> str:
    signed = f"{base64url.encode(header)}.{base64url.encode(claims)}"
    return f"{signed}.{base64url.encode(token_key().sign(signed.encode('ascii')))}"


def _claims(text: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(base64url.decode(text.split(".")[1]))
    return found


def _check_token(text: str) -> None:
    try:
        found = tokens().read(text)
    except InvalidToken:
        return
    claims = _claims(text)
    assert found.client_id == claims["sub"] == claims["client_id"]
    assert found.thumbprint == claims["cnf"]["x5t#S256"]
    assert found.scopes == set(claims["scope"].split())
    assert claims["aud"] == PARTNERS
    assert found.ends == claims["exp"] > NOW
    for other in (text + "=", text + "\n", " " + text):
        try:
            tokens().read(other)
        except InvalidToken:
            continue
        raise AssertionError("a token has two spellings")


def _check_assertion(text: str) -> None:
    claimed = authentication.claimed_client(text)
    try:
        found = authentication.verify_assertion(
            text, registered(), client_id=CLIENT, issuer=ISSUER, now=START
        )
    except AssertionRefused:
        return
    claims = _claims(text)
    assert claimed == claims["sub"] == claims["iss"] == CLIENT
    assert claims["aud"] == ISSUER
    assert found.jti == claims["jti"]
    assert (
        NOW
        < found.ends.timestamp()
        <= NOW + authentication.LIFE_SECONDS + authentication.SKEW_SECONDS
    )
