"""The authorities: the root, and the issuing ones that stand below it."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import TypeVar

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.x509.oid import NameOID

from gateway import files

B = TypeVar("B", x509.CertificateBuilder, x509.CertificateRevocationListBuilder)

ROOT_LIFE = timedelta(days=3652)
ISSUING_LIFE = timedelta(days=1095)


class AuthorityError(Exception):
    """An authority cannot do what is asked; the message says what to do."""


@dataclass(frozen=True)
class CertificateAuthority:
    """A certificate that may sign others, with its key."""

    certificate: x509.Certificate
    _key: ec.EllipticCurvePrivateKey = field(repr=False)

    @property
    def id(self) -> str:
        """16 hex digits of the subject key identifier: what its files are called."""
        return authority_id(self.certificate)

    def certificate_pem(self) -> bytes:
        """The certificate in PEM."""
        return self.certificate.public_bytes(serialization.Encoding.PEM)

    def key_pem(self, passphrase: bytes | None = None) -> bytes:
        """The private key as PKCS #8 PEM, encrypted when a passphrase is given."""
        return private_pem(self._key, passphrase)

    def sign(self, builder: x509.CertificateBuilder) -> x509.Certificate:
        """Sign a certificate in this authority's name."""
        return self._named(builder).sign(self._key, hashes.SHA256())

    def sign_list(
        self, builder: x509.CertificateRevocationListBuilder
    ) -> x509.CertificateRevocationList:
        """Sign a revocation list in this authority's name."""
        return self._named(builder).sign(self._key, hashes.SHA256())

    def _named(self, builder: B) -> B:
        own = _subject_key_identifier(self.certificate)
        key = x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(own)
        return builder.issuer_name(self.certificate.subject).add_extension(key, critical=False)


def authority_id(certificate: x509.Certificate) -> str:
    """16 hex digits of an authority's subject key identifier."""
    return _subject_key_identifier(certificate).digest.hex()[:16]


def make_root(gateway: str, now: datetime) -> CertificateAuthority:
    """Make the root: 10 years, at most one authority below it."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = named(f"{gateway} root")
    builder = _ca_builder(name, key, now, now + ROOT_LIFE, path_length=1).issuer_name(name)
    return CertificateAuthority(builder.sign(key, hashes.SHA256()), key)


def make_issuing(gateway: str, root: CertificateAuthority, now: datetime) -> CertificateAuthority:
    """Make an issuing authority: 3 years, no authority below it; AuthorityError near root's end."""
    if now + ISSUING_LIFE > root.certificate.not_valid_after_utc:
        raise AuthorityError("the root ends before a new issuing authority would; make a new root")
    key = ec.generate_private_key(ec.SECP256R1())
    digest = x509.SubjectKeyIdentifier.from_public_key(key.public_key()).digest
    # A name of its own for each: a revocation list is matched to its authority by name.
    name = named(f"{gateway} issuing {digest.hex()[:16]}")
    builder = _ca_builder(name, key, now, now + ISSUING_LIFE, path_length=0)
    return CertificateAuthority(root.sign(builder), key)


def load_authority(
    certificate_pem: bytes, key_pem: bytes, passphrase: bytes | None = None
) -> CertificateAuthority:
    """Read an authority; AuthorityError when the two do not belong together or cannot be read."""
    try:
        certificate = x509.load_pem_x509_certificate(certificate_pem)
        key = serialization.load_pem_private_key(key_pem, passphrase)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise AuthorityError(
            "an authority's certificate or key cannot be read, or the passphrase is wrong"
        ) from error
    if (
        not isinstance(key, ec.EllipticCurvePrivateKey)
        or certificate.public_key() != key.public_key()
    ):
        raise AuthorityError("an authority's key does not belong to its certificate")
    return CertificateAuthority(certificate, key)


def load_issuing(folder: Path) -> tuple[CertificateAuthority, ...]:
    """Read `<id>.pem` and `<id>.key` of each issuing authority in a folder, the newest first.

    Key files that others may read are refused. The newest signs certificates; each
    signs its own revocation list until its last certificate has ended.
    """
    found = [
        (load_authority(path.read_bytes(), files.read_private(path.with_suffix(".key"))), path)
        for path in folder.glob("*.pem")
    ]
    if not found:
        raise AuthorityError(f"{folder} holds no issuing authority; `casegate init` makes one")
    found.sort(key=lambda one: age_key(one[0].certificate, one[1]), reverse=True)
    return tuple(authority for authority, _ in found)


def age_key(certificate: x509.Certificate, file: Path) -> tuple[datetime, float]:
    """What orders authorities by age: their beginning; in one second, when they came into use."""
    return certificate.not_valid_before_utc, file.stat().st_mtime


def _ca_builder(
    name: x509.Name,
    key: ec.EllipticCurvePrivateKey,
    now: datetime,
    not_after: datetime,
    path_length: int,
) -> x509.CertificateBuilder:
    return (
        certificate_builder(name, key.public_key(), now, not_after)
        .add_extension(x509.BasicConstraints(ca=True, path_length=path_length), critical=True)
        .add_extension(key_usage(signs_certificates=True), critical=True)
    )


def _subject_key_identifier(certificate: x509.Certificate) -> x509.SubjectKeyIdentifier:
    return certificate.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value


# --- What all our certificates have in common, and how a key is written ---


SKEW = timedelta(minutes=5)  # clocks of partners run behind ours


def certificate_builder(
    name: x509.Name,
    key: ec.EllipticCurvePublicKey | ed25519.Ed25519PublicKey,
    now: datetime,
    not_after: datetime,
) -> x509.CertificateBuilder:
    """Begin a certificate: whose it is, which key, and for how long (RFC 5280 4.1.2.5)."""
    return (
        x509.CertificateBuilder()
        .subject_name(name)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - SKEW)
        .not_valid_after(not_after)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
    )


def named(common_name: str) -> x509.Name:
    """A name of one part; X.520 allows it 64 characters, and nobody compares it (RFC 9525)."""
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name[:64])])


def key_usage(signs_certificates: bool) -> x509.KeyUsage:
    """What a key may do (RFC 5280 4.2.1.3): an authority's signs certificates and nothing else."""
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        encipher_only=False,
        decipher_only=False,
    )


def private_pem(key: ec.EllipticCurvePrivateKey, passphrase: bytes | None) -> bytes:
    """A private key as PKCS #8 PEM, encrypted when a passphrase is given."""
    encryption: serialization.KeySerializationEncryption = serialization.NoEncryption()
    if passphrase is not None:
        encryption = serialization.BestAvailableEncryption(passphrase)
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, encryption
    )
