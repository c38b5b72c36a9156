"""HAProxy as we ship it, before a gateway on a unix socket: what it refuses, removes and tells."""

import json
import socket
import ssl
from pathlib import Path

import pytest

from gateway.cli.demo.environment import DemoEnvironment
from tests.journeys.harness import HOTLINE, config_of, fetch
from tests.waiting import until

pytestmark = [pytest.mark.journey, pytest.mark.slow, pytest.mark.xdist_group("gateway")]


def context_of(stage: DemoEnvironment) -> ssl.SSLContext:
    """TLS as a member's system speaks it."""
    context = ssl.create_default_context(cafile=str(config_of(stage).published / "root.pem"))
    home = stage.folder / HOTLINE
    context.load_cert_chain(home / "certificate.pem", home / "key.pem")
    return context


def ask(
    stage: DemoEnvironment, context: ssl.SSLContext, session: ssl.SSLSession | None = None
) -> tuple[bytes, ssl.SSLSession | None, bool]:
    """One request: its answer, the session, and whether it was a resumed one."""
    port = int(config_of(stage).partners_url.rpartition(":")[2])
    with (
        socket.create_connection(("127.0.0.1", port), 10) as plain,
        context.wrap_socket(plain, server_hostname="localhost", session=session) as tls,
    ):
        tls.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        answer = b"".join(iter(lambda: tls.recv(65_536), b""))
        return answer, tls.session, bool(tls.session_reused)


def lines(stage: DemoEnvironment) -> list[str]:
    """The proxy's lines about connections, not those about its own processes."""
    text = (stage.folder / "haproxy.log").read_text(encoding="utf-8")
    return [line for line in text.splitlines() if line.startswith("{")]


def test_no_session_is_resumed_past_the_revocation_list(proxied: DemoEnvironment) -> None:
    context = context_of(proxied)
    answer, session, _ = ask(proxied, context)
    assert answer.startswith(b"HTTP/1.1 200")
    assert not ask(proxied, context, session)[2]


def test_a_refused_handshake_is_in_the_proxy_s_log_without_an_address(
    proxied: DemoEnvironment,
) -> None:
    before = len(lines(proxied))
    bare = ssl.create_default_context(cafile=str(config_of(proxied).published / "root.pem"))
    with pytest.raises((ssl.SSLError, ConnectionError)):
        ask(proxied, bare)
    until(lambda: any("handshake-refused" in line for line in lines(proxied)[before:]))
    found = [json.loads(line) for line in lines(proxied)[before:]]
    (told,) = [line for line in found if line["event"] == "handshake-refused"]
    assert "peer did not return a certificate" in told["reason"]
    assert not any("127.0.0.1:" in line for line in lines(proxied)[before:])


def test_the_socket_is_for_owner_and_group_alone(proxied: DemoEnvironment) -> None:
    path = Path(config_of(proxied).partners_bind.removeprefix("unix:"))
    assert path.stat().st_mode & 0o777 == 0o660
    assert (proxied.folder / "admin.sock").stat().st_mode & 0o777 == 0o600


def test_a_gateway_that_is_away_is_a_problem_like_every_other(proxied: DemoEnvironment) -> None:
    proxied.stop()
    try:
        answer, *_ = ask(proxied, context_of(proxied))
    finally:
        proxied.start()
    head, _, body = answer.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 503")
    assert b"application/problem+json" in head.lower()
    assert json.loads(body) == {"title": "Service Unavailable", "status": 503}


def test_the_public_is_served_through_it_and_nobody_has_a_certificate_there(
    proxied: DemoEnvironment,
) -> None:
    assert fetch(proxied, "/healthz") == b'{"status":"ok"}'
    path = Path(config_of(proxied).public_bind.removeprefix("unix:"))
    assert path.stat().st_mode & 0o777 == 0o660


def test_a_head_or_body_that_does_not_end_reaches_no_gateway(proxied: DemoEnvironment) -> None:
    """The proxy answers 408 by itself: its own words, not the gateway's."""
    port = int(config_of(proxied).issuer.rpartition(":")[2])
    root = str(config_of(proxied).published / "root.pem")
    context = ssl.create_default_context(cafile=root)
    with (
        socket.create_connection(("127.0.0.1", port), 20) as plain,
        context.wrap_socket(plain, server_hostname="localhost") as tls,
    ):
        tls.sendall(b"POST /enrolments HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\na")
        answer = b"".join(iter(lambda: tls.recv(65_536), b""))
    assert answer.startswith(b"HTTP/1.1 408")
    assert answer.endswith(b'{"title":"Request Timeout","status":408}')
