"""Running listeners around a tiny application, and clients with certificates for them."""

import contextlib
import http.client
import json
import os
import signal
import socket
import ssl
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from gateway.cli.demo.environment import free_ports
from gateway.pki.authority import (
    CertificateAuthority,
    Revoked,
    issue_client,
    make_crl,
    make_issuing,
    make_root,
    publish_chain,
    publish_crls,
    renew_server,
)
from gateway.serving.supervisor import listener_answers
from gateway.serving.tls import TlsFiles, listener_environ
from tests.waiting import until

PROGRAM = Path(__file__).with_name("program.py")
TOP = PROGRAM.parents[2]
NOW = datetime.now(UTC)  # noqa: TID251 - real TLS is judged by the real clock
BEFORE = NOW - timedelta(days=60)
ROOT = make_root("demo", BEFORE)
ISSUING = make_issuing("demo", ROOT, BEFORE)
DEADLINE = 0.5
THREADS = 2


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


@contextlib.contextmanager
def listening(folder: Path, **settings: Any) -> Iterator[Server]:
    make_folder(folder)
    pem, certificate = client_pem(folder, "ocrvp")
    port, _ = free_ports()
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
        until(
            lambda: listener_answers(
                ("127.0.0.1", port), "gateway.example", folder / "ca-chain.pem"
            )
        )
        yield server


def is_listened_at(path: Path) -> bool:
    """Whether somebody answers at a socket; its file is there before that."""
    with socket.socket(socket.AF_UNIX) as tried:
        return tried.connect_ex(str(path)) == 0


def unix(path: Path) -> socket.socket:
    connection = socket.socket(socket.AF_UNIX)
    connection.settimeout(10)
    connection.connect(str(path))
    return connection
