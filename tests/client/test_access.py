"""The access token: asked for once, renewed in time, replaced once when it is refused."""

import json
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs

import httpx
import pytest

from gateway.client import GatewayUnavailable, TokenRefused, UnexpectedAnswer
from gateway.client.transport import RENEW_BEFORE, AccessTokens, HttpRequest, HttpTransport
from tests.client.client_fixture import connection_of
from tests.each import each
from tests.founding import HOTLINE, Clock
from tests.web.listening import listening

GET = HttpRequest("GET", "/whoami")
CONNECTION = connection_of(listening())
INVALID = {"WWW-Authenticate": 'Bearer error="invalid_token", resource_metadata="x"'}


class Issuer:
    """A far end that issues numbered tokens, and answers everything else as scripted."""

    def __init__(self, *answers: httpx.Response, **changes: Any) -> None:
        self.answers, self.changes = list(answers), changes
        self.forms: list[dict[str, list[str]]] = []
        self.bearers: list[str] = []
        self.clock = Clock()
        line = HttpTransport(
            CONNECTION, self.clock, lambda _: None, httpx.MockTransport(self._meet)
        )
        self.access = AccessTokens(line, CONNECTION.client_id, self.clock)

    def _meet(self, request: httpx.Request) -> httpx.Response:
        if request.url.path == "/oauth/token":
            self.forms.append(parse_qs(request.content.decode()))
            token = f"token-{len(self.forms)}"
            members = {"access_token": token, "token_type": "Bearer", "expires_in": 300}
            return httpx.Response(200, json=members | self.changes)
        self.bearers.append(request.headers["authorization"])
        return self.answers.pop(0) if self.answers else httpx.Response(200, json={})

    def send(self) -> int:
        return self.access.send(GET).status


def test_a_token_is_asked_for_by_the_certificate_and_used_until_it_ends_soon() -> None:
    issuer = Issuer()
    assert [issuer.send(), issuer.send()] == [200, 200]
    assert issuer.forms == [
        {"grant_type": ["client_credentials"], "client_id": [f"{HOTLINE}.desk"]}
    ]
    issuer.clock.advance(timedelta(seconds=300) - RENEW_BEFORE - timedelta(seconds=1))
    issuer.send()
    assert issuer.bearers == ["Bearer token-1"] * 3
    issuer.clock.advance(timedelta(seconds=1))
    issuer.send()
    assert issuer.bearers[-1] == "Bearer token-2"


def test_a_token_with_a_very_short_life_is_used_for_half_of_it() -> None:
    issuer = Issuer(expires_in=20)
    issuer.send()
    issuer.clock.advance(timedelta(seconds=9))
    issuer.send()
    assert len(issuer.forms) == 1
    issuer.clock.advance(timedelta(seconds=2))
    issuer.send()
    assert len(issuer.forms) == 2


def test_a_token_that_is_refused_is_replaced_once() -> None:
    issuer = Issuer(httpx.Response(401, headers=INVALID))
    assert issuer.send() == 200
    assert issuer.bearers == ["Bearer token-1", "Bearer token-2"]


def test_a_second_refusal_is_the_answer() -> None:
    issuer = Issuer(*(httpx.Response(401, headers=INVALID) for _ in range(2)))
    assert issuer.send() == 401
    assert len(issuer.forms) == 2


@each("challenge", ["", 'Bearer resource_metadata="x"', 'Bearer error="insufficient_scope"'])
def test_another_refusal_does_not_cost_a_token(challenge: str) -> None:
    issuer = Issuer(httpx.Response(401, headers={"WWW-Authenticate": challenge}))
    assert issuer.send() == 401
    assert len(issuer.forms) == 1


def _refusing(status: int, body: bytes, media: str = "application/json") -> AccessTokens:
    def meet(request: httpx.Request) -> httpx.Response:
        return httpx.Response(status, headers={"Content-Type": media}, content=body)

    clock = Clock()
    line = HttpTransport(CONNECTION, clock, lambda _: None, httpx.MockTransport(meet))
    return AccessTokens(line, CONNECTION.client_id, clock)


@pytest.mark.parametrize(
    ("status", "body", "told"),
    [
        (401, b'{"error":"invalid_client"}', r"\(invalid_client\).*certificate is in force"),
        (400, b'{"error":"\\u001b[31m"}', r"\(status 400\)"),
        (400, b"no JSON", r"\(status 400\)"),
        (404, b"[]", r"\(status 404\)"),
    ],
)
def test_a_refused_token_says_what_to_check(status: int, body: bytes, told: str) -> None:
    with pytest.raises(TokenRefused, match=told):
        _refusing(status, body).send(GET)


def test_a_gateway_that_cannot_issue_now_is_asked_later() -> None:
    with pytest.raises(GatewayUnavailable):
        _refusing(500, b"{}").send(GET)


@each(
    "change",
    [
        {"access_token": None},
        {"access_token": "two words"},
        {"access_token": "new\r\nHeader: x"},
        {"token_type": "mac"},
        {"token_type": None},
        {"expires_in": 0},
        {"expires_in": "300"},
        {"expires_in": True},
    ],
)
def test_what_is_no_bearer_token_is_never_sent(change: dict[str, Any]) -> None:
    members = {"access_token": "t", "token_type": "Bearer", "expires_in": 300} | change
    with pytest.raises(UnexpectedAnswer):
        _refusing(200, json.dumps(members).encode()).send(GET)
