"""What hostile clients cannot do to a listener: none of them takes a thread."""

import contextlib
import http.client
import json
import re
import signal
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from gateway.serving.listener import Listener
from gateway.serving.worker import OF_ONE_ADDRESS, neighbours
from tests.serving.listeners import DEADLINE, THREADS, Server, ask, listening

journey = pytest.mark.journey
LARGEST_BODY = Listener.largest_body


Hostile = Callable[[Server], socket.socket]


def silent(server: Server) -> socket.socket:
    return socket.create_connection(("127.0.0.1", server.port), 10)


def half_a_handshake(server: Server) -> socket.socket:
    connection = silent(server)
    connection.sendall(b"\x16\x03\x01\x02\x00\x01")
    return connection


def half_a_head(server: Server) -> socket.socket:
    connection = server.connect(server.pem)
    connection.sendall(b"GET / HTTP/1.1\r\nHost: gate")
    return connection


def shaken(server: Server) -> socket.socket:
    return server.connect(server.pem)


def waiting_for_news(server: Server) -> socket.socket:
    connection = server.connect(server.pem)
    connection.sendall(b"GET /news HTTP/1.1\r\nHost: g\r\n\r\n")
    return connection


def half_a_chunk(server: Server) -> socket.socket:
    connection = server.connect(server.pem)
    connection.sendall(b"POST / HTTP/1.1\r\nHost: g\r\nTransfer-Encoding: chunked\r\n\r\n9\r\na")
    return connection


def half_a_body(server: Server) -> socket.socket:
    connection = server.connect(server.pem)
    connection.sendall(b"POST / HTTP/1.1\r\nHost: g\r\nContent-Length: 9000\r\n\r\nabc")
    return connection


def not_reading(server: Server) -> socket.socket:
    connection = server.connect(server.pem)
    connection.sendall(b"GET /large HTTP/1.1\r\nHost: g\r\n\r\n")
    return connection


def not_leaving(server: Server) -> socket.socket:
    connection = server.connect(server.pem)
    connection.sendall(b"GET / HTTP/1.1\r\nHost: g\r\nConnection: close\r\n\r\n")
    return connection


@contextlib.contextmanager
def dripping(connections: list[socket.socket], drip: bytes) -> Iterator[None]:
    """Send a byte on each connection again and again until the block ends."""
    stop = threading.Event()

    def run() -> None:
        while not stop.wait(0.1):
            for connection in connections:
                with contextlib.suppress(OSError):
                    connection.sendall(drip)

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


@contextlib.contextmanager
def besieged(server: Server, hostile: Hostile, drip: bytes = b"") -> Iterator[list[socket.socket]]:
    """Twice as many hostile connections as the listener has threads."""
    with contextlib.ExitStack() as held:
        connections = [held.enter_context(hostile(server)) for _ in range(2 * THREADS)]
        if drip:
            held.enter_context(dripping(connections, drip))
        time.sleep(0.1)  # they have arrived
        yield connections


@pytest.fixture(scope="module")
def patient(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One thread, and longer deadlines than any test: what held the thread would hold it on."""
    with listening(tmp_path_factory.mktemp("patient"), threads=1, deadline=120) as server:
        yield server


@journey
@pytest.mark.parametrize(
    "hostile",
    [
        silent,
        half_a_handshake,
        shaken,
        half_a_head,
        half_a_body,
        half_a_chunk,
        not_reading,
        waiting_for_news,
    ],
)
def test_no_client_holds_a_thread(patient: Server, hostile: Hostile) -> None:
    with contextlib.ExitStack() as held:
        for _ in range(3):
            held.enter_context(hostile(patient))
        assert patient.good()["peer"]


@journey
def test_of_one_address_the_longest_waiting_is_cut_and_a_good_client_served(
    patient: Server,
) -> None:
    with contextlib.ExitStack() as held:
        first, *_ = [
            held.enter_context(half_a_handshake(patient)) for _ in range(OF_ONE_ADDRESS + 3)
        ]
        assert patient.good()["peer"]
        with contextlib.suppress(ConnectionResetError):
            assert first.recv(1) == b""


@journey
def test_of_one_address_the_longest_idle_ends_and_the_others_go_on(patient: Server) -> None:
    with contextlib.ExitStack() as held:
        first, second, *_ = [
            held.enter_context(patient.connect(patient.pem)) for _ in range(OF_ONE_ADDRESS)
        ]
        for connection in (first, second, *_):
            ask(connection)
        patient.good()
        assert first.recv(1) == b""
        assert ask(second)["peer"]


@journey
def test_what_is_held_for_those_who_take_nothing_is_bounded_in_all(patient: Server) -> None:
    with contextlib.ExitStack() as held:
        first, *_ = [held.enter_context(not_reading(patient)) for _ in range(4)]
        assert patient.good()["peer"]
        with contextlib.suppress(ConnectionResetError, ssl.SSLEOFError):
            while first.recv(1 << 16):
                pass


def test_addresses_are_counted_together_as_one_client_can_have_them() -> None:
    assert neighbours(("192.0.2.1", 1)) == neighbours(("::ffff:192.0.2.1", 2, 0, 0))
    assert neighbours(("192.0.2.1", 1)) != neighbours(("192.0.2.2", 1))
    assert neighbours(("2001:db8::1", 1, 0, 0)) == neighbours(("2001:db8::ffff:1", 1, 0, 0))
    assert neighbours(("2001:db8::1", 1, 0, 0)) != neighbours(("2001:db8:0:1::1", 1, 0, 0))
    assert neighbours("") == ""


@journey
def test_a_client_that_waits_for_100_gets_it_and_is_served(partners: Server) -> None:
    with partners.connect(partners.pem) as tls:
        tls.sendall(
            b"POST / HTTP/1.1\r\nHost: g\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n"
        )
        assert tls.recv(100) == b"HTTP/1.1 100 Continue\r\n\r\n"
        tls.sendall(b"abc")
        response = http.client.HTTPResponse(tls)
        response.begin()
        assert json.loads(response.read())["body"] == 3


@journey
def test_requests_sent_in_one_go_are_answered_in_their_order(partners: Server) -> None:
    with partners.connect(partners.pem) as tls:
        body = b"POST / HTTP/1.1\r\nHost: g\r\nContent-Length: %d\r\n\r\n%b"
        tls.sendall(b"".join(body % (n, b"a" * n) for n in range(3)))
        answers = tls.makefile("rb")
        for n in range(3):
            head = b"".join(iter(answers.readline, b"\r\n"))
            (length,) = re.findall(rb"(?i)content-length: (\d+)", head)
            assert json.loads(answers.read(int(length)))["body"] == n


@journey
@pytest.mark.parametrize(("hostile", "deadline"), [(silent, DEADLINE / 2), (shaken, DEADLINE)])
def test_silent_connections_are_closed_at_their_deadline(
    partners: Server, hostile: Hostile, deadline: float
) -> None:
    with hostile(partners) as connection:
        begun = time.monotonic()
        assert connection.recv(1) == b""
        assert time.monotonic() - begun > deadline * 0.9


@journey
@pytest.mark.parametrize(
    ("hostile", "drip"),
    [
        (half_a_handshake, b""),
        (half_a_handshake, b"\x00"),
        (half_a_head, b""),
        (half_a_head, b"a"),
        (half_a_body, b""),
        (half_a_body, b"a"),
        (not_reading, b""),
        (not_leaving, b""),
        (not_leaving, b"a"),
    ],
)
def test_hostile_connections_do_not_stop_the_service(
    partners: Server, hostile: Hostile, drip: bytes
) -> None:
    """The second good client comes while the hostile connections are being ended."""
    with besieged(partners, hostile, drip):
        for _ in range(2):
            assert partners.good()["peer"]


@journey
def test_a_client_that_pauses_before_the_deadline_gets_its_answer_whole(patient: Server) -> None:
    """In the pause the answer fills all buffers, and its writer waits."""
    with patient.connect(patient.pem) as tls:
        tls.sendall(b"GET /large HTTP/1.1\r\nHost: g\r\nConnection: close\r\n\r\n")
        response = http.client.HTTPResponse(tls)
        response.begin()
        time.sleep(DEADLINE)
        with response:
            assert len(response.read()) == 16 << 20


@journey
@pytest.mark.parametrize("head", ["GET /last", "POST /last"])
def test_an_answer_that_ends_the_connection_ends_it_and_reads_no_more(
    patient: Server, head: str
) -> None:
    body = "Content-Length: 1000000\r\n" if head.startswith("POST") else ""
    with patient.connect(patient.pem) as tls:
        tls.sendall(f"{head} HTTP/1.1\r\nHost: g\r\n{body}\r\n".encode())
        response = http.client.HTTPResponse(tls)
        response.begin()
        assert (response.status, response.getheader("Connection")) == (401, "close")
        assert tls.recv(1) == b""  # a connection that stays open would time out here


@journey
def test_the_rest_of_a_chunked_body_beyond_the_limit_is_no_request(partners: Server) -> None:
    """Behind a proxy it would be one that the proxy has never seen, with any certificate in it."""
    with partners.connect(partners.pem) as tls:
        head = b"POST / HTTP/1.1\r\nHost: g\r\nTransfer-Encoding: chunked\r\n\r\n"
        rest = b"GET / HTTP/1.1\r\nHost: g\r\nClient-Cert: :Zm9yZ2Vk:\r\n\r\n"
        tls.sendall(head + b"%x\r\n" % (LARGEST_BODY + len(rest)) + bytes(LARGEST_BODY))
        response = http.client.HTTPResponse(tls)
        response.begin()
        assert json.loads(response.read())["body"] == LARGEST_BODY
        with contextlib.suppress(OSError):
            tls.sendall(rest)
        with contextlib.suppress(ConnectionError):
            assert tls.recv(1) == b""


@journey
def test_an_application_that_takes_longer_than_the_deadline_still_answers(
    partners: Server,
) -> None:
    assert partners.ask(partners.pem, "/slow")["peer"]


def answered(connection: socket.socket) -> dict[str, Any]:
    response = http.client.HTTPResponse(connection)
    response.begin()
    told: dict[str, Any] = json.loads(response.read())
    return told


@journey
def test_requests_that_wait_for_news_are_answered_when_there_is_some(patient: Server) -> None:
    news = patient.folder / "news"
    with contextlib.ExitStack() as held:
        held.callback(news.unlink)
        waiting = [held.enter_context(waiting_for_news(patient)) for _ in range(3)]
        assert patient.good()["news"] == 0
        waiting.pop().close()
        news.write_bytes(b"1")
        for connection in waiting:
            connection.settimeout(10)
            assert answered(connection)["news"] == 1
            assert ask(connection)["news"] == 1, "the connection goes on"


@journey
def test_a_request_that_waits_is_answered_when_the_listener_stops(tmp_path: Path) -> None:
    with listening(tmp_path, threads=1) as server, waiting_for_news(server) as connection:
        assert server.good()["news"] == 0
        server.process.send_signal(signal.SIGTERM)
        connection.settimeout(10)
        assert answered(connection)["news"] == 0
