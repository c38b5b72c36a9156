"""Over real sockets: who is believed to be the gateway, and what is said when nobody is."""

import json
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from gateway.client import Gateway, GatewayUnavailable, PartnerConnection, TlsNotTrusted
from gateway.client.connection import render
from gateway.keys import jwk_set
from gateway.pki.authority import make_server
from tests.client.conftest import Authorities, authorities, real_now
from tests.ports import Ids, key_of, note_signer

pytestmark = pytest.mark.journey


class _Greeter(BaseHTTPRequestHandler):
    """Answers every GET with the metadata of a protected resource."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        address = f"https://localhost:{self.server.server_address[1]}"
        told = {"resource": address, "authorization_servers": ["https://gateway.example.org"]}
        body = json.dumps(told).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args: object) -> None:
        """Say nothing."""


class _Server(ThreadingHTTPServer):
    """Does TLS in the thread of the connection, and takes a refused handshake calmly."""

    context: ssl.SSLContext | None = None

    def finish_request(self, request, client_address) -> None:  # type: ignore[no-untyped-def]
        try:
            if self.context is not None:
                request = self.context.wrap_socket(request, server_side=True)
            super().finish_request(request, client_address)
        except (OSError, ValueError):
            pass
        finally:
            request.close()


@contextmanager
def serving(
    folder: Path,
    by: Authorities,
    *,
    name: str = "localhost",
    clients: Authorities | None = None,
    newest: ssl.TLSVersion = ssl.TLSVersion.TLSv1_3,
    tls: bool = True,
) -> Iterator[int]:
    """A listener on a free port with a certificate of ``by``, for clients of ``clients``."""
    server = _Server(("127.0.0.1", 0), _Greeter)
    if tls:
        file = folder / "server.pem"
        file.write_bytes(make_server(by.issuing, [name], real_now()))
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.maximum_version = newest
        context.load_cert_chain(file)
        known = clients or authorities()
        chain = known.root.certificate_pem() + known.issuing.certificate_pem()
        context.load_verify_locations(cadata=chain.decode())
        context.verify_mode = ssl.CERT_REQUIRED
        server.context = context
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def desk(folder: Path, port: int) -> Gateway:
    """A member's client with the files of ``folder``, and no patience."""
    (folder / "keys.json").write_text(json.dumps(jwk_set([key_of("attest")])))
    settings = {
        "api_url": f"https://localhost:{port}",
        "issuer": "https://gateway.example.org",
        "client_id": "point-de-contact.desk",
        "certificate": "certificate.pem",
        "key": "key.pem",
        "ca": "ca.pem",
        "log_key": str(note_signer().key),
        "attestation_keys": "keys.json",
    }
    file = folder / "connection.toml"
    file.write_text(render(settings))
    return Gateway(PartnerConnection.read(file), real_now, Ids(), sleep=lambda _: None)


def test_a_gateway_with_the_pinned_root_and_its_own_name_is_believed(tls_files):
    with serving(tls_files, authorities()) as port, desk(tls_files, port) as gateway:
        ahead = gateway.greet()
    assert ahead is not None
    assert -3 < ahead < 3


@pytest.mark.parametrize(
    ("by", "server", "error"),
    [
        ("example", {"name": "elsewhere.example"}, TlsNotTrusted),
        ("foreign", {}, TlsNotTrusted),
        ("example", {"clients": "foreign"}, TlsNotTrusted),
        ("example", {"newest": ssl.TLSVersion.TLSv1_2}, TlsNotTrusted),
        ("example", {"tls": False}, GatewayUnavailable),
    ],
    ids=["another name", "a foreign authority", "a client unknown there", "older TLS", "no TLS"],
)
def test_nobody_else_is_believed_or_believes_us(tls_files, by, server, error):
    if "clients" in server:
        server = {"clients": authorities(server["clients"])}
    with (
        serving(tls_files, authorities(by), **server) as port,
        desk(tls_files, port) as gateway,
        pytest.raises(error),
    ):
        gateway.greet()


def test_the_systems_own_list_of_authorities_is_never_asked(tls_files, monkeypatch):
    foreign = authorities("foreign")
    system = tls_files / "system.pem"
    system.write_bytes(foreign.root.certificate_pem())
    monkeypatch.setenv("SSL_CERT_FILE", str(system))
    monkeypatch.setenv("SSL_CERT_DIR", str(tls_files))
    with (
        serving(tls_files, foreign) as port,
        desk(tls_files, port) as gateway,
        pytest.raises(TlsNotTrusted),
    ):
        gateway.greet()


def test_nobody_at_the_address_is_told_as_no_answer(tls_files):
    with serving(tls_files, authorities()) as port:
        pass
    with desk(tls_files, port) as gateway, pytest.raises(GatewayUnavailable):
        gateway.greet()
