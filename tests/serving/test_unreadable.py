"""What is no request gets a problem and a line without an address, and nothing of it comes back."""

import json
import re
import ssl
from pathlib import Path

import pytest
from gunicorn.http import errors

from gateway.serving import framing
from gateway.web.problems import LISTENER_STATUSES
from gateway.web.security_log import failure_place
from tests.each import each
from tests.serving.listeners import Server, client_pem, is_listened_at, listening, program, unix
from tests.waiting import until

journey = pytest.mark.journey

GOOD = b"Host: gateway.example\r\n"
SECRET = b"secret-of-the-client"
CHUNKED = b"POST / HTTP/1.1\r\n" + GOOD + b"Transfer-Encoding: chunked\r\n\r\n"
CASES = {
    "a line that is none": (b"\x01\x02\r\n\r\n", 400),
    "another protocol": (b"GET / GOPHER/1.0\r\n" + GOOD + b"\r\n", 400),
    "a bad name of a header": (b"GET / HTTP/1.1\r\n" + GOOD + b"X(" + SECRET + b": 1\r\n\r\n", 400),
    "a folded header": (b"GET / HTTP/1.1\r\n" + GOOD + b"X: 1\r\n " + SECRET + b"\r\n\r\n", 400),
    "a long line": (b"GET /" + SECRET * 400 + b" HTTP/1.1\r\n" + GOOD + b"\r\n", 414),
    "many headers": (b"GET / HTTP/1.1\r\n" + b"X: 1\r\n" * 65 + b"\r\n", 431),
    "a long header": (b"GET / HTTP/1.1\r\n" + GOOD + b"X: " + SECRET * 500 + b"\r\n\r\n", 431),
    "two lengths": (
        b"POST / HTTP/1.1\r\n" + GOOD + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\n",
        400,
    ),
    "a chunk without a size": (CHUNKED + b"zz\r\n", 400),
    "a chunk of another size": (CHUNKED + b"1\r\n" + SECRET, 400),
    "a chunk whose size no machine counts": (CHUNKED + b"f" * 17 + b"\r\n" + SECRET, 400),
    "a chunk of hostile framing": (CHUNKED + b"1;" + SECRET + b"=\r\na\r\n0\r\n\r\n", 400),
    "a forbidden trailer": (CHUNKED + b"0\r\nHost: " + SECRET + b"\r\n\r\n", 400),
    "more framing than content": (CHUNKED + (b"1;%b\r\na\r\n" % (b"x" * 4000)) * 200, 400),
    "no host": (b"GET / HTTP/1.1\r\n\r\n", 400),
    "a host that is a path": (b"GET / HTTP/1.1\r\nHost: evil.example/../x\r\n\r\n", 400),
    "an empty host": (b"GET / HTTP/1.1\r\nHost: \r\n\r\n", 400),
    "a target that is a URL": (b"GET http://evil.example/ HTTP/1.1\r\n" + GOOD + b"\r\n", 400),
    "a target that is no path": (b"OPTIONS * HTTP/1.1\r\n" + GOOD + b"\r\n", 400),
    "an unknown coding": (b"POST / HTTP/1.1\r\n" + GOOD + b"Transfer-Encoding: x\r\n\r\n", 501),
    "a coding beside chunked": (
        b"POST / HTTP/1.1\r\n" + GOOD + b"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
        501,
    ),
}


@pytest.fixture(scope="module")
def watched(tmp_path_factory: pytest.TempPathFactory):
    """A listener of this file alone: what it logs is looked at."""
    with listening(tmp_path_factory.mktemp("unreadable")) as server:
        yield server


def log_of(server: Server) -> str:
    return (server.folder / "log").read_text(encoding="utf-8")


@journey
@each("sent, status", CASES.values())
def test_it_is_answered_as_every_problem_and_the_connection_ends(
    watched: Server, sent: bytes, status: int
) -> None:
    before = len(log_of(watched))
    with watched.connect(watched.pem) as tls:
        tls.sendall(sent)
        answer = b"".join(iter(lambda: tls.recv(65_536), b""))
    head, _, body = answer.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 %d " % status)
    assert b"Content-Type: application/problem+json" in head
    assert b"Connection: close" in head
    assert json.loads(body)["status"] == status
    assert b"<" not in answer
    assert SECRET not in answer
    until(lambda: f", {status}" in log_of(watched)[before:])
    _is_discreet(log_of(watched)[before:])


def _is_discreet(lines: str) -> None:
    assert not re.search(r"\d+\.\d+\.\d+\.\d+", lines)
    assert SECRET.decode() not in lines
    assert "Traceback" not in lines


@journey
def test_a_refused_handshake_is_told_with_its_reason_and_gets_no_plain_text(
    watched: Server, tmp_path: Path
) -> None:
    before = len(log_of(watched))
    expired, _ = client_pem(
        tmp_path, "late", now=watched.certificate.not_valid_before_utc.replace(year=2020)
    )
    for pem in (None, expired):
        with pytest.raises((ssl.SSLError, ConnectionError)):
            watched.ask(pem)
    until(lambda: log_of(watched)[before:].count("handshake-") == 2)
    lines = log_of(watched)[before:]
    assert "handshake-no-certificate: PEER_DID_NOT_RETURN_A_CERTIFICATE" in lines
    assert "handshake-expired: CERTIFICATE_VERIFY_FAILED (certificate has expired)" in lines
    _is_discreet(lines)


@journey
def test_a_connection_cut_at_its_deadline_is_logged_without_an_address(watched: Server) -> None:
    before = len(log_of(watched))
    with watched.connect(watched.pem) as tls:
        tls.sendall(b"GET / HTTP/1.1\r\nHost")
        assert tls.recv(1) == b""
    until(lambda: "cut at its deadline" in log_of(watched)[before:])
    _is_discreet(log_of(watched)[before:])


@journey
def test_it_is_the_same_behind_a_proxy(tmp_path: Path) -> None:
    path = tmp_path / "listener.sock"
    with program(tmp_path, f"unix:{path}", workers=1, threads=1, deadline=2.0):
        until(lambda: is_listened_at(path))
        with unix(path) as connection:
            connection.sendall(b"nonsense\r\n\r\n")
            answer = b"".join(iter(lambda: connection.recv(65_536), b""))
    assert answer.startswith(b"HTTP/1.1 400 ")
    assert b"application/problem+json" in answer


def test_every_way_in_which_the_server_refuses_has_a_status_of_its_own_kind() -> None:
    kinds = [
        kind
        for kind in vars(errors).values()
        if isinstance(kind, type) and issubclass(kind, errors.ParseException)
    ]
    assert len(kinds) > 15
    for kind in kinds:
        status = framing.status_of(kind.__new__(kind))
        assert status >= 400
        assert (status == 500) is issubclass(kind, errors.ConfigurationProblem)


def test_what_a_listener_refuses_of_a_plain_request_is_described_with_every_operation() -> None:
    """501 needs a field that no operation names."""
    assert {status for _, status in CASES.values()} - {501} == set(LISTENER_STATUSES)


def test_what_is_not_the_client_s_fault_is_500_and_told_by_its_place_alone() -> None:
    try:
        raise KeyError("a name that nobody may read")
    except KeyError as error:
        assert framing.status_of(error) == 500
        assert re.fullmatch(r"KeyError in test_unreadable\.py:\d+", failure_place(error))


def test_the_troubles_of_handshakes_are_a_closed_set() -> None:
    troubles = {framing.handshake_trouble(ssl.SSLError())}
    for code in range(100):
        error = ssl.SSLCertVerificationError()
        error.verify_code = code
        troubles.add(framing.handshake_trouble(error))
    for reason in ("PEER_DID_NOT_RETURN_A_CERTIFICATE", "UNSUPPORTED_PROTOCOL", "NONSENSE"):
        failed = ssl.SSLError()
        failed.reason = reason
        troubles.add(framing.handshake_trouble(failed))
    assert troubles == framing.HANDSHAKE_TROUBLES
    assert all(trouble.startswith(framing.HANDSHAKE) for trouble in troubles)
