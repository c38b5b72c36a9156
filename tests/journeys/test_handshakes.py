"""What the handshake refuses is counted and in the security log, with its reason and no address."""

import json
import socket
import ssl
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from gateway import wiring
from gateway.cli.demo.environment import DemoEnvironment
from gateway.evidence import base64url
from gateway.pki.authority import (
    CertificateAuthority,
    issue_client,
    make_issuing,
    make_root,
    make_server,
)
from gateway.setting_validators import host_and_port
from tests.journeys.harness import HOTLINE, config_of
from tests.journeys.test_metrics import Numbers, port_of
from tests.journeys.test_revocation import newcomer
from tests.waiting import until

pytestmark = [pytest.mark.journey, pytest.mark.xdist_group("gateway")]


@dataclass
class Door:
    """The partners' listener of a gateway that counts, and who knocks."""

    stage: DemoEnvironment

    def knock(self, pem: Path | None, newest: ssl.TLSVersion = ssl.TLSVersion.TLSv1_3) -> bool:
        """Whether a request with this key and certificate is answered."""
        config = config_of(self.stage)
        context = ssl.create_default_context(cafile=str(config.published / "root.pem"))
        context.maximum_version = newest
        if pem is not None:
            context.load_cert_chain(pem)
        try:
            with (
                socket.create_connection(host_and_port(config.partners_bind), 10) as plain,
                context.wrap_socket(plain, server_hostname="localhost") as tls,
            ):
                tls.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
                return tls.recv(12) == b"HTTP/1.1 200"
        except (ssl.SSLError, ConnectionError):
            return False

    def counted(self, trouble: str) -> float:
        labels = {"process": "partners", "trouble": trouble}
        return Numbers(port_of(self.stage)).sum("casegate_connection_errors_total", **labels)

    def written(self, trouble: str) -> list[dict[str, Any]]:
        """The lines of the security log about a trouble."""
        text = (self.stage.folder / "gateway.log").read_text(encoding="utf-8")
        lines = [json.loads(line) for line in text.splitlines() if line.startswith("{")]
        return [line for line in lines if line["event"] == trouble]


@pytest.fixture
def door(direct: DemoEnvironment) -> Door:
    """The door of the gateway that all share."""
    return Door(direct)


def authority(door: Door) -> CertificateAuthority:
    (found,) = wiring.IssuingAuthority(config_of(door.stage)).authorities
    return found


def leaf(by: CertificateAuthority, folder: Path, days_ago: int = 0) -> Path:
    """A client's key and certificate in one file, of some days ago."""
    key = ec.generate_private_key(ec.SECP256R1())
    csr = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([]))
    made = issue_client(
        by,
        csr.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM),
        gateway="demo",
        organisation=HOTLINE,
        system="desk",
        crl_url="https://localhost/crl",
        now=wiring.now() - timedelta(days=days_ago),
    )
    pem = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    file = folder / "client.pem"
    file.write_bytes(pem + made.public_bytes(serialization.Encoding.PEM) + by.certificate_pem())
    return file


def expired(door: Door, folder: Path) -> Path:
    return leaf(authority(door), folder, days_ago=40)


def foreign(_: Door, folder: Path) -> Path:
    root = make_root("demo", wiring.now())
    return leaf(make_issuing("demo", root, wiring.now()), folder)


def of_a_server(door: Door, folder: Path) -> Path:
    file = folder / "server.pem"
    file.write_bytes(make_server(authority(door), ["localhost"], wiring.now()))
    return file


def nothing(_: Door, folder: Path) -> None:
    return None


@pytest.mark.parametrize(
    ("shown", "trouble", "reason"),
    [
        (expired, "handshake-expired", "certificate has expired"),
        (foreign, "handshake-foreign-authority", "unable to get local issuer certificate"),
        (of_a_server, "handshake-wrong-use", "unsuitable certificate purpose"),
        (nothing, "handshake-no-certificate", "PEER_DID_NOT_RETURN_A_CERTIFICATE"),
    ],
)
def test_a_certificate_that_is_refused_is_counted_and_logged(
    door: Door, tmp_path: Path, shown: Any, trouble: str, reason: str
) -> None:
    before, lines = door.counted(trouble), len(door.written(trouble))
    assert not door.knock(shown(door, tmp_path))
    _is_told(door, trouble, reason, before, lines)


def test_old_tls_is_counted_and_logged(door: Door) -> None:
    home = door.stage.folder / HOTLINE
    assert door.knock(_member(home))
    before, lines = door.counted("handshake-old-tls"), len(door.written("handshake-old-tls"))
    assert not door.knock(_member(home), ssl.TLSVersion.TLSv1_2)
    _is_told(door, "handshake-old-tls", "UNSUPPORTED_PROTOCOL", before, lines)


def test_a_revoked_certificate_is_refused_counted_and_logged_without_a_restart(
    door: Door,
) -> None:
    trouble, slug = "handshake-revoked", newcomer(door.stage)
    pem = _member(door.stage.folder / slug)
    assert door.knock(pem)
    before, lines = door.counted(trouble), len(door.written(trouble))
    certificate = x509.load_pem_x509_certificate(pem.read_bytes())
    thumbprint = base64url.digest(certificate.public_bytes(serialization.Encoding.DER))
    values = {"thumbprint": thumbprint, "reason": "test"}
    door.stage.administer("certificate.revoke", slug, values)
    until(lambda: not door.knock(pem))  # the revocation list has reached the listener
    _is_told(door, trouble, "certificate revoked", before, lines)


def _member(home: Path) -> Path:
    """A member's key and certificate in one file."""
    file = home / "both.pem"
    file.write_bytes((home / "key.pem").read_bytes() + (home / "certificate.pem").read_bytes())
    return file


def _is_told(door: Door, trouble: str, reason: str, counted: float, lines: int) -> None:
    until(lambda: door.counted(trouble) > counted and len(door.written(trouble)) > lines)
    assert door.counted(trouble) == counted + 1
    (line,) = door.written(trouble)[lines:]
    assert line["listener"] == "partners"
    assert reason in line["reason"]
    assert "127.0.0.1" not in json.dumps(line)
