"""What hostile clients cannot do to a listener."""

import contextlib
import http.client
import select
import socket
import threading
import time
from collections.abc import Callable, Iterator

import pytest

from tests.serving.listeners import DEADLINE, THREADS, Server, listening

journey = pytest.mark.journey


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
        time.sleep(0.1)  # they have reached their threads
        yield connections


@pytest.fixture(scope="module")
def patient(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A listener whose deadline is longer than its clients wait: what must come before it comes."""
    with listening(tmp_path_factory.mktemp("patient"), deadline=60) as server:
        yield server


@journey
def test_silent_connections_hold_no_thread(patient: Server) -> None:
    with besieged(patient, silent) as connections:
        assert patient.good()["peer"]
        ended, _, _ = select.select(connections, [], [], 0)
        assert ended == []


@journey
def test_silent_connections_are_closed_at_the_deadline(partners: Server) -> None:
    with silent(partners) as connection:
        begun = time.monotonic()
        assert connection.recv(1) == b""
        assert time.monotonic() - begun > DEADLINE * 0.9


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
    """Two waves of them hold all threads, each for a deadline; then good clients are served.

    The second good client comes while the hostile connections are being ended.
    """
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
def test_an_application_that_takes_longer_than_the_deadline_still_answers(
    partners: Server,
) -> None:
    assert partners.ask(partners.pem, "/slow")["peer"]
