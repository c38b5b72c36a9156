"""One exchange: what is tried again, for how long, and what is never believed."""

import ssl
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from gateway.client import GatewayUnavailable, TlsNotTrusted, UnexpectedAnswer
from gateway.client import transport as lines
from gateway.client.transport import (
    PAUSES,
    HttpRequest,
    HttpResponse,
    HttpTransport,
    clock_difference,
)
from tests.client.client_fixture import connection_of
from tests.each import each
from tests.web.listening import PARTNERS, listening

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


def test_the_gateways_own_pause_is_kept_when_it_is_longer() -> None:
    talk = Talk(
        httpx.Response(503, headers={"Retry-After": "7"}),
        httpx.Response(503, headers={"Retry-After": "0"}),
        good(),
    )
    talk.send()
    assert talk.pauses == [7.0, PAUSES[1]]


def test_a_pause_may_be_told_as_a_moment() -> None:
    talk = Talk(
        httpx.Response(503, headers={"Retry-After": "Fri, 02 Jan 2026 03:04:14 GMT"}), good()
    )
    talk.send()
    assert talk.pauses == [9.0]


def test_a_limit_with_a_short_pause_is_waited_for() -> None:
    talk = Talk(httpx.Response(429, headers={"Retry-After": "3"}), good())
    assert talk.send().status == 200
    assert talk.pauses == [3.0]


@each("status", [429, 503])
def test_a_long_pause_is_left_to_people(status: int) -> None:
    talk = Talk(httpx.Response(status, headers={"Retry-After": "31"}))
    assert talk.send().status == status
    assert talk.pauses == []


@each("value", ["soon", "-1", "1.5", "1" * 40, ""])
def test_a_pause_that_cannot_be_read_is_none(value: str) -> None:
    talk = Talk(httpx.Response(503, headers={"Retry-After": value}), good())
    talk.send()
    assert talk.pauses == [PAUSES[0]]


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


@pytest.mark.parametrize(
    ("make", "told"),
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
