"""The founded gateway, and certificates of a gateway of our own for real connections."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from gateway.pki.authority import CertificateAuthority, issue_client, make_issuing, make_root
from tests.log_check import check_log
from tests.web.listening import Listening, listening


@dataclass(frozen=True)
class Authorities:
    """A root and the issuing authority below it."""

    root: CertificateAuthority
    issuing: CertificateAuthority

    def client(self) -> tuple[bytes, bytes]:
        """A client's private key and its certificate with the issuing one, both PEM."""
        key = ec.generate_private_key(ec.SECP256R1())
        csr = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([]))
        signed = csr.sign(key, hashes.SHA256())
        certificate = issue_client(
            self.issuing,
            signed.public_bytes(serialization.Encoding.PEM),
            gateway="example",
            organisation="point-de-contact",
            system="desk",
            crl_url="https://gateway.example.org/crl/x.crl",
            now=real_now(),
        )
        private = key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        leaf = certificate.public_bytes(serialization.Encoding.PEM)
        return private, leaf + self.issuing.certificate_pem()


def real_now() -> datetime:
    """The system's time: TLS knows no other."""
    return datetime.now(UTC)  # noqa: TID251 - OpenSSL looks at the system's clock too


@cache
def authorities(name: str = "example") -> Authorities:
    """One set of authorities for each name."""
    root = make_root(name, real_now())
    return Authorities(root, make_issuing(name, root, real_now()))


@pytest.fixture
def tls_files(tmp_path: Path) -> Path:
    """A member's folder: key.pem, certificate.pem and ca.pem, which has the root alone."""
    ours = authorities()
    private, certificate = ours.client()
    (tmp_path / "key.pem").touch(mode=0o600)
    (tmp_path / "key.pem").write_bytes(private)
    (tmp_path / "certificate.pem").write_bytes(certificate)
    (tmp_path / "ca.pem").write_bytes(ours.root.certificate_pem())
    return tmp_path


@pytest.fixture
def stage() -> Iterator[Listening]:
    """The founded gateway; afterwards its log is rebuilt and held against all that it signed."""
    listeners = listening()
    yield listeners
    check_log(listeners.gateway)
