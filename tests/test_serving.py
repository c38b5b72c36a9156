"""Listeners over real TLS: who gets in, what hostile clients cannot do, and how all of it stops."""

import contextlib
import http.client
import json
import logging
import os
import signal
import socket
import ssl
import subprocess
import sys
import threading
import time
from base64 import b64decode
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from gateway.pki.authority import CertificateAuthority, make_issuing, make_root
from gateway.pki.files import replace_file
from gateway.pki.leaf import issue_client, make_server, renew_server
from gateway.pki.publication import publish_chain, publish_crls
from gateway.pki.revocation import Revoked, make_crl
from gateway.serving.contexts import TlsContexts, TlsFiles
from gateway.serving.junk import JunkFilter
from gateway.serving.knock import listener_answers
from gateway.serving.listener import Listener
from gateway.serving.openssl import listener_environ, openssl_conf
from gateway.serving.sockets import DeadlineSocket, DeadlineStream

PROGRAM = Path(__file__).with_name("serving_program.py")
TOP = PROGRAM.parent.parent
NOW = datetime.now(UTC)  # noqa: TID251 - real TLS is judged by the real clock
BEFORE = NOW - timedelta(days=60)
ROOT = make_root("demo", BEFORE)
ISSUING = make_issuing("demo", ROOT, BEFORE)
DEADLINE = 0.5
THREADS = 2
journey = pytest.mark.journey


# --- Certificates and clients


def client_pem(
    folder: Path,
    name: str,
    authority: CertificateAuthority = ISSUING,
    now: datetime = NOW,
) -> tuple[Path, x509.Certificate]:
    """A new key with a client certificate, in one file."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    csr = x509.CertificateSigningRequestBuilder().subject_name(subject).sign(key, hashes.SHA256())
    issued = issue_client(
        authority,
        csr.public_bytes(serialization.Encoding.PEM),
        gateway="demo",
        organisation=name,
        system="main",
        crl_url="https://gateway.example/crl/x.crl",
        now=now,
    )
    path = folder / f"{name}.client.pem"
    pem = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    path.write_bytes(pem + issued.public_bytes(serialization.Encoding.PEM))
    return path, issued


def revoke(folder: Path, *serials: int) -> None:
    revoked = [Revoked(serial, NOW) for serial in serials]
    publish_crls(folder, {ISSUING.id: make_crl(ISSUING, revoked, NOW)})


def make_folder(folder: Path) -> Path:
    publish_chain(folder, ROOT.certificate, [ISSUING.certificate])
    revoke(folder)
    renew_server(folder / "server.pem", ISSUING, ["gateway.example", "127.0.0.1"], NOW)
    return folder


def files(folder: Path) -> TlsFiles:
    return TlsFiles(folder / "server.pem", folder / "ca-chain.pem", folder / "crl.pem")


def client_context(folder: Path, pem: Path | None) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=str(folder / "ca-chain.pem"))
    if pem is not None:
        context.load_cert_chain(pem)
    return context


@dataclass
class Server:
    """A running listener and what its clients need."""

    folder: Path
    port: int
    process: subprocess.Popen[bytes]
    pem: Path
    certificate: x509.Certificate

    def connect(self, pem: Path | None = None, **versions: Any) -> ssl.SSLSocket:
        context = client_context(self.folder, pem)
        for name, value in versions.items():
            setattr(context, name, value)
        plain = socket.create_connection(("127.0.0.1", self.port), 10)
        try:
            return context.wrap_socket(plain, server_hostname="gateway.example")
        except OSError:
            plain.close()
            raise

    def ask(self, pem: Path | None, path: str = "/") -> dict[str, Any]:
        """One request on a connection of its own; OSError when the certificate is refused."""
        with self.connect(pem) as tls:
            return ask(tls, path)

    def good(self) -> dict[str, Any]:
        return self.ask(self.pem)

    def refuses(self, pem: Path | None) -> bool:
        """Whether a handshake with a certificate fails; TLS 1.3 tells at the first read."""
        try:
            self.ask(pem)
        except (ssl.SSLError, ConnectionError):
            return True
        return False


def ask(tls: socket.socket, path: str = "/", headers: str = "") -> dict[str, Any]:
    tls.sendall(f"GET {path} HTTP/1.1\r\nHost: gateway.example\r\n{headers}\r\n".encode())
    response = http.client.HTTPResponse(tls)
    response.begin()
    with response:
        assert response.status == 200
        return json.loads(response.read())


CLOSE = "Connection: close\r\n"


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return probe.getsockname()[1]


@contextlib.contextmanager
def program(folder: Path, bind: str, **settings: Any) -> Iterator[subprocess.Popen[bytes]]:
    environ = listener_environ({"PYTHONPATH": str(TOP)}, folder / "openssl.cnf")
    with (folder / "log").open("ab") as log:
        process = subprocess.Popen(
            [sys.executable, str(PROGRAM), str(folder), bind, json.dumps(settings)],
            env=environ,
            stderr=log,
            start_new_session=True,
        )
    try:
        yield process
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def wait_until(done: Callable[[], bool], seconds: float = 15) -> None:
    ends = time.monotonic() + seconds
    while not done():
        assert time.monotonic() < ends, "it did not happen in time"
        time.sleep(0.02)


@contextlib.contextmanager
def listening(folder: Path, **settings: Any) -> Iterator[Server]:
    make_folder(folder)
    pem, certificate = client_pem(folder, "ocrvp")
    port = free_port()
    given = {
        "partners": True,
        "workers": 1,
        "threads": THREADS,
        "deadline": DEADLINE,
        "drain": 4,
        **settings,
    }
    with program(folder, f"127.0.0.1:{port}", **given) as process:
        server = Server(folder, port, process, pem, certificate)
        wait_until(
            lambda: listener_answers(
                ("127.0.0.1", port), "gateway.example", folder / "ca-chain.pem"
            )
        )
        yield server


@pytest.fixture(scope="module")
def partners(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with listening(tmp_path_factory.mktemp("partners")) as server:
        yield server


# --- Who gets in


@journey
def test_the_application_sees_the_certificate_of_the_connection(partners: Server) -> None:
    told = partners.good()
    assert b64decode(told["peer"]) == partners.certificate.public_bytes(serialization.Encoding.DER)
    assert told["scheme"] == "https"


@journey
def test_one_connection_carries_several_requests(partners: Server) -> None:
    with partners.connect(partners.pem) as tls:
        assert [ask(tls)["body"] for _ in range(3)] == [0, 0, 0]


@journey
def test_tls_1_2_is_refused(partners: Server) -> None:
    with pytest.raises(ssl.SSLError, match=r"(?i)protocol.version"):
        partners.connect(partners.pem, maximum_version=ssl.TLSVersion.TLSv1_2)


@journey
def test_a_client_without_a_certificate_is_refused(partners: Server) -> None:
    assert partners.refuses(None)
    assert not partners.refuses(partners.pem)


@journey
def test_a_certificate_of_another_authority_is_refused(partners: Server) -> None:
    foreign = make_issuing("demo", make_root("demo", BEFORE), BEFORE)
    assert partners.refuses(client_pem(partners.folder, "foreign", foreign)[0])


@journey
def test_a_certificate_that_has_ended_is_refused(partners: Server) -> None:
    ended, certificate = client_pem(partners.folder, "ended", now=NOW - timedelta(days=31))
    assert certificate.not_valid_after_utc < NOW
    assert partners.refuses(ended)


@journey
def test_a_server_certificate_of_our_own_authority_is_refused(partners: Server) -> None:
    served = partners.folder / "as-client.pem"
    served.write_bytes(make_server(ISSUING, ["partner.example"], NOW))
    assert partners.refuses(served)


@journey
def test_a_revoked_certificate_is_refused_at_the_next_handshake(partners: Server) -> None:
    pem, certificate = client_pem(partners.folder, "revoked")
    assert not partners.refuses(pem)
    revoke(partners.folder, certificate.serial_number)
    assert partners.refuses(pem)
    assert not partners.refuses(partners.pem)


@journey
def test_a_broken_revocation_list_leaves_the_former_in_force(partners: Server) -> None:
    pem, certificate = client_pem(partners.folder, "still-revoked")
    revoke(partners.folder, certificate.serial_number)
    assert partners.refuses(pem)
    replace_file(partners.folder / "crl.pem", b"broken")
    try:
        assert partners.refuses(pem)
        assert not partners.refuses(partners.pem)
        assert b"the former stay in force" in (partners.folder / "log").read_bytes()
    finally:
        revoke(partners.folder)


@journey
def test_a_renewed_server_certificate_is_shown_at_the_next_handshake(partners: Server) -> None:
    def shown() -> int:
        with partners.connect(partners.pem) as tls:
            der = tls.getpeercert(True)
            assert der is not None
            return x509.load_der_x509_certificate(der).serial_number

    before = shown()
    pem = make_server(ISSUING, ["gateway.example", "127.0.0.1"], NOW)
    replace_file(partners.folder / "server.pem", pem, mode=0o600)
    assert shown() != before


@journey
def test_no_session_can_be_resumed(partners: Server) -> None:
    with partners.connect(partners.pem) as tls:
        ask(tls)
        session = tls.session
        assert not session.has_ticket
    context = client_context(partners.folder, partners.pem)
    with (
        socket.create_connection(("127.0.0.1", partners.port), 10) as plain,
        context.wrap_socket(plain, server_hostname="gateway.example") as again,
    ):
        ask(again)
        assert not again.session_reused
        assert again.compression() is None


KNOCK = """
import sys
from pathlib import Path
from gateway.serving.knock import listener_answers
address = ("127.0.0.1", int(sys.argv[1]))
sys.exit(0 if listener_answers(address, "gateway.example", Path(sys.argv[2])) else 1)
"""


@journey
@pytest.mark.parametrize(
    ("group", "accepted"),
    [("X25519MLKEM768", True), ("X25519", True), ("P-384", True), ("P-521", False)],
)
def test_a_handshake_uses_one_of_the_groups_that_were_set(
    partners: Server, tmp_path: Path, group: str, accepted: bool
) -> None:
    if group.endswith("768") and ssl.OPENSSL_VERSION_INFO < (3, 5):
        pytest.skip("this OpenSSL has no post-quantum group")
    conf = tmp_path / "openssl.cnf"
    conf.write_text(
        f"openssl_conf = a\n[a]\nssl_conf = b\n[b]\nsystem_default = c\n[c]\nGroups = {group}\n"
    )
    chain = str(partners.folder / "ca-chain.pem")
    knock = subprocess.run(
        [sys.executable, "-c", KNOCK, str(partners.port), chain],
        env={"PYTHONPATH": str(TOP), "OPENSSL_CONF": str(conf)},
        check=False,
    )
    assert (knock.returncode == 0) == accepted


@journey
def test_no_client_may_say_what_scheme_it_uses(partners: Server) -> None:
    with partners.connect(partners.pem) as tls:
        told = ask(tls, headers="X-Forwarded-Proto: http\r\nScript-Name: /x\r\n")
    assert told["scheme"] == "https"


@journey
def test_the_public_listener_asks_for_no_certificate(tmp_path: Path) -> None:
    with listening(tmp_path, partners=False) as public:
        assert public.ask(None)["peer"] is None
        assert public.ask(public.pem)["peer"] is None


@journey
def test_behind_a_proxy_the_header_arrives_over_a_private_socket(tmp_path: Path) -> None:
    path = tmp_path / "gateway.sock"
    settings = {"workers": 1, "threads": THREADS, "deadline": DEADLINE}
    with program(tmp_path, f"unix:{path}", **settings):
        wait_until(path.exists)
        assert path.stat().st_mode & 0o777 == 0o660
        hostile = [unix(path) for _ in range(2 * THREADS)]
        for connection in hostile:
            connection.sendall(b"GET / HT")
        with unix(path) as connection, contextlib.ExitStack() as held:
            for each in hostile:
                held.enter_context(each)
            told = ask(connection, headers="Client-Cert: :QUJD:\r\n")
        assert (told["header"], told["peer"]) == (":QUJD:", None)


def unix(path: Path) -> socket.socket:
    connection = socket.socket(socket.AF_UNIX)
    connection.settimeout(10)
    connection.connect(str(path))
    return connection


# --- What hostile clients cannot do


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
def besieged(server: Server, hostile: Hostile, drip: bytes = b"") -> Iterator[None]:
    """Twice as many hostile connections as the listener has threads."""
    with contextlib.ExitStack() as held:
        connections = [held.enter_context(hostile(server)) for _ in range(2 * THREADS)]
        if drip:
            held.enter_context(dripping(connections, drip))
        time.sleep(0.1)  # they have reached their threads
        yield


def seconds_for_an_answer(server: Server) -> float:
    begun = time.monotonic()
    assert server.good()["peer"]
    return time.monotonic() - begun


@journey
def test_silent_connections_hold_no_thread(partners: Server) -> None:
    with besieged(partners, silent):
        assert seconds_for_an_answer(partners) < DEADLINE / 2


@journey
def test_silent_connections_are_closed_at_the_deadline(partners: Server) -> None:
    with silent(partners) as connection:
        begun = time.monotonic()
        assert connection.recv(1) == b""
        assert DEADLINE * 0.9 < time.monotonic() - begun < 3 * DEADLINE


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
        assert seconds_for_an_answer(partners) < 6 * DEADLINE
        assert seconds_for_an_answer(partners) < 4 * DEADLINE


@journey
def test_a_client_that_takes_its_answer_slowly_but_steadily_gets_it_whole(
    partners: Server,
) -> None:
    with partners.connect(partners.pem) as tls:
        tls.sendall(b"GET /large HTTP/1.1\r\nHost: g\r\nConnection: close\r\n\r\n")
        response = http.client.HTTPResponse(tls)
        response.begin()
        time.sleep(DEADLINE / 2)
        with response:
            assert len(response.read()) == 16 << 20


@journey
def test_an_application_that_takes_longer_than_the_deadline_still_answers(
    partners: Server,
) -> None:
    assert partners.ask(partners.pem, "/slow")["peer"]


# --- Starting and stopping


@journey
def test_a_listener_that_stops_ends_its_requests_and_its_workers_clean_up(tmp_path: Path) -> None:
    with listening(tmp_path, workers=2) as server, server.connect(server.pem) as tls:
        answers: list[dict[str, Any]] = []
        asking = threading.Thread(target=lambda: answers.append(ask(tls, "/slow", CLOSE)))
        asking.start()
        time.sleep(0.3)
        server.process.send_signal(signal.SIGTERM)
        asking.join()
        assert server.process.wait(10) == 0
        assert answers[0]["peer"]
        began = {path.stem for path in tmp_path.glob("*.began")}
        assert {path.stem for path in tmp_path.glob("*.ended")} == began
        assert len(began) == 2


@journey
def test_a_listener_without_usable_files_does_not_start(tmp_path: Path) -> None:
    make_folder(tmp_path)
    (tmp_path / "crl.pem").write_bytes(b"broken")
    settings = {"partners": True, "workers": 1, "threads": 1}
    with program(tmp_path, f"127.0.0.1:{free_port()}", **settings) as process:
        assert process.wait(15) != 0


@journey
def test_a_listener_ends_when_its_supervisor_was_killed(tmp_path: Path) -> None:
    make_folder(tmp_path)
    port = free_port()
    text = (
        "import os, sys\nfrom gateway.serving.supervisor import ProcessSpec, Supervisor\n"
        "Supervisor([ProcessSpec('test', sys.argv[1:])], os.environ).run()\n"
    )
    settings = json.dumps({"partners": True, "workers": 1, "threads": 1, "drain": 1})
    listener = [sys.executable, str(PROGRAM), str(tmp_path), f"127.0.0.1:{port}", settings]
    environ = {**os.environ, "PYTHONPATH": str(TOP)}
    supervisor = subprocess.Popen([sys.executable, "-c", text, *listener], env=environ)

    def answers() -> bool:
        return listener_answers(
            ("127.0.0.1", port), "gateway.example", tmp_path / "ca-chain.pem", 0.5
        )

    wait_until(answers)
    supervisor.kill()
    supervisor.wait()
    wait_until(lambda: not answers())


@journey
def test_a_listener_answers_only_for_its_own_name_and_root(partners: Server) -> None:
    address, chain = ("127.0.0.1", partners.port), partners.folder / "ca-chain.pem"
    assert listener_answers(address, "gateway.example", chain)
    assert not listener_answers(address, "other.example", chain)
    assert not listener_answers(("127.0.0.1", free_port()), "gateway.example", chain)
    foreign = partners.folder / "foreign"
    publish_chain(foreign, make_root("demo", BEFORE).certificate, [])
    assert not listener_answers(address, "gateway.example", foreign / "ca-chain.pem")


@journey
def test_asking_whether_a_listener_answers_leaves_no_line_in_its_log(partners: Server) -> None:
    before = (partners.folder / "log").stat().st_size
    assert listener_answers(
        ("127.0.0.1", partners.port), "gateway.example", partners.folder / "ca-chain.pem"
    )
    partners.good()
    assert (partners.folder / "log").stat().st_size == before


# --- Settings, without a process


def test_a_tcp_listener_without_tls_is_refused() -> None:
    with pytest.raises(ValueError, match="a TCP listener speaks TLS"):
        Listener("partners", "127.0.0.1:8444", tls=None)
    with pytest.raises(ValueError, match="a TCP listener speaks TLS"):
        Listener("partners", "unix:/run/x.sock", tls=TlsFiles(Path("server.pem")))


def test_authorities_of_clients_without_a_revocation_list_are_refused() -> None:
    with pytest.raises(ValueError, match="go together"):
        TlsFiles(Path("server.pem"), clients=Path("ca-chain.pem"))


def test_a_context_is_made_once_and_anew_when_a_file_is_replaced(tmp_path: Path) -> None:
    contexts = TlsContexts(files(make_folder(tmp_path)), DEADLINE, pytest.fail)
    first = contexts.current()
    assert contexts.current() is first
    revoke(tmp_path)
    assert contexts.current() is not first
    assert first.verify_mode is ssl.CERT_REQUIRED
    assert first.verify_flags & ssl.VERIFY_CRL_CHECK_LEAF
    assert first.num_tickets == 0
    assert issubclass(first.sslsocket_class, DeadlineSocket)


@pytest.mark.parametrize("name", ["server.pem", "ca-chain.pem", "crl.pem"])
@pytest.mark.parametrize("broken", [True, False])
def test_a_broken_or_missing_file_raises_one_alarm_and_changes_nothing(
    tmp_path: Path, name: str, broken: bool
) -> None:
    alarms: list[str] = []
    contexts = TlsContexts(files(make_folder(tmp_path)), DEADLINE, alarms.append)
    first = contexts.current()
    good = (tmp_path / name).read_bytes()
    replace_file(tmp_path / name, b"broken")
    if not broken:
        (tmp_path / name).unlink()
    assert [contexts.current() for _ in range(3)] == [first] * 3
    assert len(alarms) == 1
    replace_file(tmp_path / name, good)
    assert contexts.current() is not first
    assert len(alarms) == 1


def test_without_a_first_good_state_there_is_no_context(tmp_path: Path) -> None:
    contexts = TlsContexts(files(tmp_path), DEADLINE, pytest.fail)
    with pytest.raises(OSError, match=r"server\.pem|No such file"):
        contexts.current()


def test_a_plain_connection_is_cut_while_reading_and_while_writing() -> None:
    kind = type("Stream", (DeadlineStream,), {"seconds": 0.05})
    ours, theirs = socket.socketpair()
    with theirs, kind(fileno=ours.detach()) as stream:
        stream.setblocking(True)
        theirs.sendall(b"a")
        assert stream.recv(10) == b"a"
        with pytest.raises(ConnectionResetError, match="deadline"):
            stream.recv(10)
        with pytest.raises(ConnectionResetError, match="deadline"):
            stream.sendall(bytes(1 << 22))
        assert stream.cut


def test_each_request_has_a_deadline_of_its_own() -> None:
    kind = type("Stream", (DeadlineStream,), {"seconds": 0.2})
    ours, theirs = socket.socketpair()
    with theirs, kind(fileno=ours.detach()) as stream:
        for _ in range(3):
            stream.setblocking(True)
            time.sleep(0.1)
            theirs.sendall(b"a")
            assert stream.recv(10) == b"a"
        time.sleep(0.15)
        with pytest.raises(ConnectionResetError, match="deadline"):
            stream.recv(10)


@pytest.mark.parametrize("version", [(3, 0, 0, 11, 0), (3, 4, 9, 0, 0)])
def test_an_older_openssl_is_not_told_of_groups_that_it_lacks(version: tuple[int, ...]) -> None:
    assert "Groups = X25519:P-256:P-384\n" in openssl_conf(version)


def test_a_newer_openssl_offers_the_post_quantum_hybrid_first() -> None:
    assert "Groups = X25519MLKEM768:X25519:P-256:P-384\n" in openssl_conf((3, 5, 0, 0, 0))


def test_an_openssl_configuration_of_the_operator_stays_in_force(tmp_path: Path) -> None:
    conf = tmp_path / "server" / "openssl.cnf"
    assert listener_environ({"OPENSSL_CONF": "/etc/fips.cnf"}, conf) == {
        "OPENSSL_CONF": "/etc/fips.cnf"
    }
    assert not conf.exists()
    assert listener_environ({"A": "b"}, conf) == {"A": "b", "OPENSSL_CONF": str(conf)}
    assert conf.read_text() == openssl_conf()


def line(created: float, level: int = logging.WARNING) -> logging.LogRecord:
    record = logging.LogRecord("gunicorn.error", level, "", 0, "refused", None, None)
    record.created = created
    return record


def test_floods_of_warnings_are_counted_not_written() -> None:
    junk = JunkFilter(lines=3)
    assert [junk.filter(line(60.0 + n)) for n in range(5)] == [True, True, True, False, False]
    later = line(120.0)
    assert junk.filter(later)
    assert later.getMessage() == "refused (2 such lines were left out)"
    after = line(121.0)
    assert junk.filter(after)
    assert after.getMessage() == "refused"


def test_errors_are_always_written() -> None:
    junk = JunkFilter(lines=0)
    assert junk.filter(line(60.0, logging.ERROR))


# --- The supervisor


SUPERVISE = """
import json, os, sys
from pathlib import Path
from gateway.serving.supervisor import ProcessSpec, Supervisor
specs = [
    ProcessSpec(
        name,
        [sys.executable, "-S", "-c", text, folder],
        Path(ready).exists if ready else None,
    )
    for name, text, folder, ready in json.loads(sys.argv[1])
]
sys.exit(Supervisor(specs, os.environ, **json.loads(sys.argv[2])).run())
"""
STAND = "import sys, time; open(sys.argv[1] + '/stands', 'w'); time.sleep(60)"
LATE = "import sys, time; time.sleep(0.4); open(sys.argv[1] + '/late', 'w'); time.sleep(60)"
FAIL = "import sys; open(sys.argv[1] + '/failed', 'a').write('x'); sys.exit(3)"
FAIL_ONCE = (
    "import os, sys, time; first = not os.path.exists(sys.argv[1] + '/once');"
    "open(sys.argv[1] + '/once', 'a').write('x'); sys.exit(3) if first else time.sleep(60)"
)
DRAIN = (
    "import signal, sys, time; folder = sys.argv[1]\n"
    "def end(*_): time.sleep(0.3); open(folder + '/drained', 'w'); sys.exit(0)\n"
    "signal.signal(signal.SIGTERM, end); open(folder + '/stands', 'w'); time.sleep(60)"
)
DEAF = (
    "import signal, sys, time; signal.signal(signal.SIGTERM, signal.SIG_IGN);"
    "open(sys.argv[1] + '/stands', 'w'); time.sleep(60)"
)


@contextlib.contextmanager
def supervising(
    folder: Path, *texts: str, ready: str = "", **settings: Any
) -> Iterator[subprocess.Popen[str]]:
    specs = [
        (f"p{n}", text, str(folder), str(folder / ready) if ready else "")
        for n, text in enumerate(texts)
    ]
    process = subprocess.Popen(
        [sys.executable, "-c", SUPERVISE, json.dumps(specs), json.dumps(settings)],
        env={**os.environ, "PYTHONPATH": str(TOP)},
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        with process:
            yield process
            process.kill()
    finally:
        process.kill()


def said(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.read()


@journey
def test_ready_is_said_when_every_process_is(tmp_path: Path) -> None:
    with supervising(tmp_path, STAND, LATE, ready="late") as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        assert (tmp_path / "late").exists()
        process.terminate()
        assert process.wait(10) == 0
        assert said(process) == ""


@journey
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_all_processes_after_they_have_drained(
    tmp_path: Path, number: signal.Signals
) -> None:
    with supervising(tmp_path, DRAIN) as process:
        wait_until((tmp_path / "stands").exists)
        process.send_signal(number)
        assert process.wait(10) == 0
        assert (tmp_path / "drained").exists()


@journey
def test_a_process_that_ends_is_started_again(tmp_path: Path) -> None:
    with supervising(tmp_path, FAIL_ONCE, pause=0.05) as process:
        wait_until(lambda: (tmp_path / "once").exists() and (tmp_path / "once").stat().st_size == 2)
        process.terminate()
        assert process.wait(10) == 0
        assert "p0 ended with code 3; it starts again in 0.05 s" in said(process)


@journey
def test_a_process_that_ends_again_and_again_is_given_up_and_all_stop(tmp_path: Path) -> None:
    with supervising(tmp_path, DRAIN, FAIL, pause=0.01) as process:
        assert process.wait(10) == 1
        assert (tmp_path / "failed").read_text() == "xxxxx"
        assert (tmp_path / "stands").exists() == (tmp_path / "drained").exists()
        assert "p1 ended 5 times in a minute and is given up" in said(process)


@journey
def test_a_process_that_does_not_end_is_killed_when_its_time_is_over(tmp_path: Path) -> None:
    with supervising(tmp_path, DEAF, drain=0.3) as process:
        wait_until((tmp_path / "stands").exists)
        process.terminate()
        assert process.wait(10) == 1
        assert "p0 did not end in time and is killed" in said(process)


@journey
def test_a_second_signal_does_not_wait_for_the_drain(tmp_path: Path) -> None:
    with supervising(tmp_path, DEAF, drain=60) as process:
        wait_until((tmp_path / "stands").exists)
        process.terminate()
        time.sleep(0.3)
        process.send_signal(signal.SIGINT)
        assert process.wait(10) == 1
