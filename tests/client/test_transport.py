"""One exchange: what is tried again, for how long, and what is never believed."""

import json
import ssl
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, parse_qsl

import httpx
import jwt
import pytest

from gateway.client import GatewayUnavailable, TlsNotTrusted, TokenRefused, UnexpectedAnswer
from gateway.client import transport as lines
from gateway.client.transport import (
    LIFE_SECONDS,
    PAUSES,
    RENEW_BEFORE,
    AccessTokens,
    Assertions,
    HttpRequest,
    HttpResponse,
    HttpTransport,
    clock_difference,
)
from gateway.kernel import authentication as assertions
from gateway.keys import ED25519, ES256, KeyPurpose, SigningKey, generate_key
from tests.client.client_fixture import MemberClient, answer, connection_of, lose_answer
from tests.each import each
from tests.founded_gateway import HOTLINE
from tests.ports import ISSUER, START, Clock, Ids
from tests.web.listening import PARTNERS, Listening, listening

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
GET = HttpRequest("GET", "/healthz")


class Ticks:
    """A clock that moves a fixed step with each look."""

    def __init__(self, step: float = 0.0) -> None:
        self.now, self.step = NOW, timedelta(seconds=step)

    def __call__(self) -> datetime:
        self.now += self.step
        return self.now


class Talk:
    """A line to a scripted far end: ``script`` has what each attempt meets, the last one stays."""

    def __init__(self, *script: httpx.Response | Exception, step: float = 0.0) -> None:
        self.script = list(script)
        self.requests: list[httpx.Request] = []
        self.pauses: list[float] = []
        transport = httpx.MockTransport(self._meet)
        self.line = HttpTransport(CONNECTION, Ticks(step), self.pauses.append, transport)

    def _meet(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        met = self.script.pop(0) if len(self.script) > 1 else self.script[0]
        if isinstance(met, Exception):
            raise met
        return met

    def send(self, message: HttpRequest = GET) -> HttpResponse:
        return self.line.send(message)


CONNECTION = connection_of(listening())


def good(**headers: str) -> httpx.Response:
    return httpx.Response(200, headers=headers, json={})


def test_a_message_goes_to_the_partners_address_of_the_connection_alone() -> None:
    talk = Talk(good())
    talk.send(HttpRequest("POST", "/cases?x=1", b"{}", {"Idempotency-Key": "k"}))
    (request,) = talk.requests
    assert str(request.url) == f"{PARTNERS}/cases?x=1"
    assert (request.content, request.headers["idempotency-key"]) == (b"{}", "k")
    assert request.headers["accept-encoding"] == "identity"


@each("status", [502, 503, 504])
def test_a_busy_gateway_is_asked_again_with_the_same_bytes(status: int) -> None:
    talk = Talk(httpx.Response(status), httpx.Response(status), good())
    message = HttpRequest("POST", "/cases", b'{"by":"x"}', {"Idempotency-Key": "one-key"})
    assert talk.send(message).status == 200
    assert talk.pauses == list(PAUSES[:2])
    sent = {(r.content, r.headers["idempotency-key"]) for r in talk.requests}
    assert sent == {(b'{"by":"x"}', "one-key")}


def problem(title: str, after: str) -> httpx.Response:
    return httpx.Response(503, headers={"Retry-After": after}, json={"title": title})


def test_whoever_waits_for_more_than_five_seconds_is_told_for_what(
    caplog: pytest.LogCaptureFixture,
) -> None:
    assert Talk(problem("The disk is full", "30"), good()).send().status == 200
    assert caplog.messages == [
        f"waiting for {PARTNERS}: The disk is full; asked again in 30 s",
    ]
    caplog.clear()
    assert Talk(problem("The disk is full", "1"), good()).send().status == 200
    assert caplog.messages == []
    with pytest.raises(GatewayUnavailable):
        Talk(httpx.ReadTimeout("x"), step=2.0).send()
    assert "it took the request, and does not answer it" in caplog.messages[0]


@each("title", ["\x1b[2J", "x" * 101, 7, None])
def test_what_a_far_end_says_reaches_no_terminal_unless_it_can_be_read(title: Any) -> None:
    heard = HttpResponse(503, {}, json.dumps({"title": title}).encode())
    assert heard.title == "it answers 503"


@each(
    "broken",
    [
        httpx.ConnectError("x"),
        httpx.ReadTimeout("x"),
        httpx.RemoteProtocolError("x"),
        httpx.ReadError("x"),
    ],
)
def test_a_connection_that_breaks_is_made_again(broken: Exception) -> None:
    talk = Talk(broken, good())
    assert talk.send().status == 200
    assert talk.pauses == [PAUSES[0]]


def test_a_gateway_that_stays_away_is_given_up_after_the_last_pause() -> None:
    talk = Talk(httpx.ConnectError("x"))
    with pytest.raises(GatewayUnavailable):
        talk.send()
    assert talk.pauses == list(PAUSES)
    assert len(talk.requests) == len(PAUSES) + 1


def test_a_gateway_that_stays_busy_has_the_last_word() -> None:
    talk = Talk(httpx.Response(503))
    assert talk.send().status == 503
    assert len(talk.requests) == len(PAUSES) + 1


@each("status", [200, 201, 400, 401, 403, 404, 409, 422, 429, 500])
def test_every_other_answer_is_final(status: int) -> None:
    talk = Talk(httpx.Response(status, json={}))
    assert talk.send().status == status
    assert talk.pauses == []


@each(
    "told, waited",
    [
        ([(503, "7"), (503, "0")], [7.0, PAUSES[1]]),
        ([(503, "Fri, 02 Jan 2026 03:04:14 GMT")], [9.0]),
        ([(429, "3")], [3.0]),
        *(([(503, value)], [PAUSES[0]]) for value in ("soon", "-1", "1.5", "1" * 40, "")),
    ],
)
def test_the_gateways_own_pause_is_kept_where_it_is_longer_and_can_be_read(
    told: list[tuple[int, str]], waited: list[float]
) -> None:
    answers = (httpx.Response(at, headers={"Retry-After": pause}) for at, pause in told)
    talk = Talk(*answers, good())
    assert talk.send().status == 200
    assert talk.pauses == waited


@each("status", [429, 503])
def test_a_long_pause_is_left_to_people(status: int) -> None:
    talk = Talk(httpx.Response(status, headers={"Retry-After": "31"}))
    assert talk.send().status == status
    assert talk.pauses == []


@each("status", [301, 302, 303, 304, 307, 308])
def test_a_redirection_is_never_followed(status: int) -> None:
    talk = Talk(httpx.Response(status, headers={"Location": "https://elsewhere.example/"}))
    with pytest.raises(UnexpectedAnswer, match="never followed"):
        talk.send()
    assert len(talk.requests) == 1


def test_a_compressed_answer_is_not_opened() -> None:
    headers = {"Content-Encoding": "gzip"}
    talk = Talk(httpx.Response(200, headers=headers, stream=httpx.ByteStream(b"\x1f\x8b")))
    with pytest.raises(UnexpectedAnswer, match="compresses"):
        talk.send()


def test_an_answer_may_have_its_whole_size(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lines, "MAX_ANSWER_BYTES", 10)
    assert Talk(httpx.Response(200, stream=httpx.ByteStream(b"x" * 10))).send().body == b"x" * 10
    with pytest.raises(UnexpectedAnswer, match="longer than 10 bytes"):
        Talk(httpx.Response(200, stream=httpx.ByteStream(b"x" * 11))).send()


class Dripping(httpx.SyncByteStream):
    """A body that never ends."""

    def __iter__(self) -> Any:
        while True:
            yield b"."


def test_an_answer_that_never_ends_is_given_up() -> None:
    with pytest.raises(UnexpectedAnswer, match="takes longer than 120 seconds"):
        Talk(httpx.Response(200, stream=Dripping()), step=1.0).send()


def _caused(cause: Exception) -> httpx.ConnectError:
    error = httpx.ConnectError("x")
    error.__cause__ = RuntimeError("transport")
    error.__cause__.__context__ = cause
    return error


def _certificate_error() -> ssl.SSLCertVerificationError:
    error = ssl.SSLCertVerificationError(1, "x")
    error.verify_message = "Hostname mismatch"
    return error


def _alert() -> ssl.SSLError:
    error = ssl.SSLError(1, "x")
    error.reason = "TLSV13_ALERT_CERTIFICATE_REQUIRED"
    return error


@each(
    "make, told",
    [(_certificate_error, "Hostname mismatch"), (_alert, "alert certificate required")],
)
def test_a_certificate_that_is_not_accepted_is_no_reason_to_try_again(
    make: Callable[[], Exception], told: str
) -> None:
    talk = Talk(_caused(make()))
    with pytest.raises(TlsNotTrusted, match=told):
        talk.send()
    assert len(talk.requests) == 1


def test_a_connection_that_ends_in_the_middle_of_tls_is_tried_again() -> None:
    talk = Talk(_caused(ssl.SSLEOFError(8, "x")), good())
    assert talk.send().status == 200


def test_the_media_type_is_read_without_its_parameters() -> None:
    assert Talk(good(**{"Content-Type": "Application/JSON; charset=utf-8"})).send().media == (
        "application/json"
    )


def test_the_gateways_clock_is_compared_by_the_date_of_its_answer() -> None:
    reply = HttpResponse(200, {"date": "Fri, 02 Jan 2026 03:04:35 GMT"}, b"")
    assert clock_difference(reply, NOW) == 30.0
    assert clock_difference(HttpResponse(200, {"date": "yesterday"}, b""), NOW) is None
    assert clock_difference(HttpResponse(200, {}, b""), NOW) is None


def test_nothing_of_the_environment_leads_a_request_elsewhere(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy.example:3128")
    monkeypatch.setenv("ALL_PROXY", "http://proxy.example:3128")
    talk = Talk(good())
    assert talk.line._client._mounts == {}


# --- The access token: asked for once, renewed in time, replaced once when it is refused ---


GET_CASES = HttpRequest("GET", "/whoami")
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
        return self.access.send(GET_CASES).status


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


@each(
    "status, body, told",
    [
        (401, b'{"error":"invalid_client"}', r"\(invalid_client\).*certificate is in force"),
        (400, b'{"error":"\\u001b[31m"}', r"\(status 400\)"),
        (400, b"no JSON", r"\(status 400\)"),
        (403, b"[]", r"\(status 403\)"),
    ],
)
def test_a_refused_token_says_what_to_check(status: int, body: bytes, told: str) -> None:
    with pytest.raises(TokenRefused, match=told):
        _refusing(status, body).send(GET_CASES)


def test_a_gateway_that_cannot_issue_now_is_asked_later() -> None:
    with pytest.raises(GatewayUnavailable):
        _refusing(500, b"{}").send(GET_CASES)


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
        _refusing(200, json.dumps(members).encode()).send(GET_CASES)


# --- `private_key_jwt` of the client: what the gateway takes, once each, and no byte sent twice ---


CLIENT = f"{HOTLINE}.desk"


def register(line: Listening, *keys: SigningKey) -> None:
    line.gateway.administer(
        "system.set_keys", HOTLINE, system="desk", keys=[k.public_jwk() for k in keys]
    )


def applied_event(key: SigningKey) -> Assertions:
    return Assertions(ISSUER, CLIENT, key, lambda: START, Ids())


def sent(desk: MemberClient) -> list[dict[str, Any]]:
    """The assertions in the token requests of a desk, unverified."""
    forms = [dict(parse_qsl(r.content.decode())) for r in desk.wire.requests]
    texts = [form["client_assertion"] for form in forms if "client_assertion" in form]
    return [jwt.decode(text, options={"verify_signature": False}) for text in texts]


@each("alg", [ES256, ED25519])
def test_an_assertion_is_the_one_that_the_gateway_takes(alg: str) -> None:
    key = generate_key(KeyPurpose.CLIENT, alg)
    (kept,) = assertions.read_keys([key.public_jwk()])
    text = applied_event(key).make()
    assertions.verify_assertion(text, [kept], client_id=CLIENT, issuer=ISSUER, now=START)
    assert jwt.get_unverified_header(text)["alg"] in assertions.ALGORITHMS


def test_an_assertion_is_for_the_issuer_alone_and_for_a_minute_and_new_each_time() -> None:
    source = applied_event(generate_key(KeyPurpose.CLIENT))
    one, other = (jwt.decode(source.make(), options={"verify_signature": False}) for _ in range(2))
    assert one["aud"] == ISSUER != PARTNERS
    assert one["exp"] - one["iat"] == LIFE_SECONDS == 60
    assert one.pop("jti") != other.pop("jti")
    assert one == other


def test_a_system_with_a_key_is_let_in_by_it_and_not_without_it() -> None:
    line, key = listening(), generate_key(KeyPurpose.CLIENT)
    line.partner(HOTLINE)
    register(line, key)
    with MemberClient(line, assertion_key=key) as desk:
        assert desk.whoami()["system"] == "desk"
    with MemberClient(line) as desk, pytest.raises(TokenRefused, match="invalid_client"):
        desk.whoami()


@each("fault", [lose_answer, answer(503)])
def test_a_token_request_is_sent_again_with_another_assertion(fault: Any) -> None:
    """The first one may have been taken: the same again would be refused as used."""
    line, key = listening(), generate_key(KeyPurpose.CLIENT)
    line.partner(HOTLINE)
    register(line, key)
    with MemberClient(line, assertion_key=key) as desk:
        desk.wire.faults = [fault]
        desk.whoami()
        ids = [one["jti"] for one in sent(desk)]
        assert len(ids) == len(set(ids)) == 2


def test_what_was_had_by_a_withdrawn_key_ends_with_it() -> None:
    line = listening()
    hotline = line.partner(HOTLINE)
    key = generate_key(KeyPurpose.CLIENT)
    register(line, key)
    form = Assertions(ISSUER, CLIENT, key, line.gateway.clock, Ids()).members()
    stolen = hotline.token(**form)
    assert hotline.get("/whoami", token=stolen).status_code == 200
    register(line)  # by certificate alone again
    assert hotline.get("/whoami", token=stolen).status_code == 401
    assert "one of the client's keys was withdrawn" in line.lines()[-1]["reason"]
    assert hotline.get("/whoami", token=hotline.token()).status_code == 200
