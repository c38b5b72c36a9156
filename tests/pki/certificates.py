"""Authorities of a gateway, and certificates made by them, for the tests in this folder."""

from datetime import UTC, datetime, timedelta
from typing import TypeVar

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.x509.oid import NameOID

from gateway.pki.authority import CertificateAuthority, issue_client, make_issuing, make_root
from gateway.pki.client_certificate import ClientCertificate, check_client

NOW = datetime(2026, 11, 3, 12, tzinfo=UTC)
DAY = timedelta(days=1)
ROOT = make_root("demo", NOW)
ISSUING = make_issuing("demo", ROOT, NOW)
CLIENT_KEY = ec.generate_private_key(ec.SECP256R1())
URI = "urn:casegate:demo:ocrvp:main"

Kind = TypeVar("Kind", bound=x509.ExtensionType)
Private = ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey | rsa.RSAPrivateKey


def request(
    key: Private = CLIENT_KEY, common_name: str = "Somebody Else"
) -> x509.CertificateSigningRequest:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])
    asked = x509.SubjectAlternativeName(
        [x509.UniformResourceIdentifier("urn:casegate:demo:another:main")]
    )
    algorithm = None if isinstance(key, ed25519.Ed25519PrivateKey) else hashes.SHA256()
    return (
        x509.CertificateSigningRequestBuilder()
        .subject_name(name)
        .add_extension(asked, critical=False)
        .sign(key, algorithm)
    )


def csr(key: Private = CLIENT_KEY) -> bytes:
    return request(key).public_bytes(serialization.Encoding.PEM)


def client(
    authority: CertificateAuthority = ISSUING, key: Private = CLIENT_KEY, now: datetime = NOW
) -> x509.Certificate:
    return issue_client(
        authority,
        csr(key),
        gateway="demo",
        organisation="ocrvp",
        system="main",
        crl_url="https://gateway.example/crl/x.crl",
        now=now,
    )


def der(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.DER)


def check(certificate: x509.Certificate, now: datetime = NOW) -> ClientCertificate:
    return check_client(der(certificate), now, [ISSUING.certificate], [ROOT.certificate])[0]


def extension(certificate: x509.Certificate, kind: type[Kind]) -> Kind:
    return certificate.extensions.get_extension_for_class(kind).value
