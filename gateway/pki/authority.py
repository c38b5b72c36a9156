"""The authorities: the root, the issuing ones below it, what they issue and what they publish."""

import base64
import ipaddress
import re
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import TypeVar

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.serialization import pkcs7
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from gateway import files
from gateway.domain.organisation import system_uri
from gateway.domain.refusals import Correctable
from gateway.evidence import base64url
from gateway.kernel.values import CertificateRequest
from gateway.keys import private_pem

B = TypeVar("B", x509.CertificateBuilder, x509.CertificateRevocationListBuilder)

ROOT_LIFE = timedelta(days=3652)
ISSUING_LIFE = timedelta(days=1095)


class AuthorityError(Correctable):
    """An authority cannot do what is asked; the message says what to do."""


class AuthorityEnded(AuthorityError):
    """The issuing authority is past its end, and signs nothing more."""


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


# --- What all our certificates have in common ---


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
    """Return what a key may do (RFC 5280 4.2.1.3): an authority's signs certificates and nothing
    else."""
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


# --- Certificates of clients and of our own listeners: 30 days, one use each; requests for them ---


LEAF_LIFE = timedelta(days=30)
RENEW_BEFORE = timedelta(days=10)  # a client renews from day 20, and so do our listeners

LARGEST_REQUEST = 16 * 1024
"""Bytes of a certificate request."""


class CsrRefused(Exception):
    """A certificate request cannot be granted; the message says why."""


def issue_client(
    authority: CertificateAuthority,
    csr: bytes,
    *,
    gateway: str,
    organisation: str,
    system: str,
    crl_url: str,
    now: datetime,
) -> x509.Certificate:
    """Issue a client certificate for the key of a request (PKCS #10, PEM or DER).

    Subject and SAN come from the registry, through the arguments; of the request only its key
    and the proof that the sender holds it are used. CsrRefused when that proof fails.
    """
    name = x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, organisation),
            x509.NameAttribute(NameOID.COMMON_NAME, system),
        ]
    )
    alternative = x509.UniformResourceIdentifier(system_uri(gateway, organisation, system))
    where = x509.DistributionPoint([x509.UniformResourceIdentifier(crl_url)], None, None, None)
    builder = _leaf_builder(
        authority,
        name,
        read_csr(csr)[1],
        [alternative],
        usage=ExtendedKeyUsageOID.CLIENT_AUTH,
        now=now,
    )
    return authority.sign(
        builder.add_extension(x509.CRLDistributionPoints([where]), critical=False)
    )


_PEM_REQUEST = re.compile(
    rb"\s*-----BEGIN ((?:NEW )?CERTIFICATE REQUEST)-----[A-Za-z0-9+/=\s]+-----END \1-----\s*"
)


def read_csr(
    csr: bytes,
) -> tuple[x509.CertificateSigningRequest, ec.EllipticCurvePublicKey | ed25519.Ed25519PublicKey]:
    """A request, PEM or DER, and its key; CsrRefused unless the request is signed with it."""
    if len(csr) > LARGEST_REQUEST:
        raise CsrRefused(f"a certificate request has at most {LARGEST_REQUEST} bytes")
    pem = csr.lstrip().startswith(b"-----BEGIN")
    if pem and not _PEM_REQUEST.fullmatch(csr):  # the reader would pass over the rest
        raise CsrRefused("a file has one certificate request and nothing else")
    try:
        request = (x509.load_pem_x509_csr if pem else x509.load_der_x509_csr)(csr)
        key, proven = request.public_key(), request.is_signature_valid
    except Exception as error:  # the parser has many ways to say no, not all ValueError
        raise CsrRefused("the certificate request cannot be read") from error
    if not proven:
        raise CsrRefused("the certificate request is not signed with its own key")
    if isinstance(key, ec.EllipticCurvePublicKey) and isinstance(key.curve, ec.SECP256R1):
        return request, key
    if isinstance(key, ed25519.Ed25519PublicKey):
        return request, key
    raise CsrRefused("a client's key is on P-256 or Ed25519")


def make_server(
    authority: CertificateAuthority,
    names: Sequence[str],
    now: datetime,
    usage: x509.ObjectIdentifier = ExtendedKeyUsageOID.SERVER_AUTH,
) -> bytes:
    """Make a key of the gateway's and its certificate for host names, addresses and URNs.

    By default it is a listener's. Returns one PEM: key, certificate, issuing certificate. One file,
    so that its replacement never leaves a key beside another key's certificate.
    """
    key = ec.generate_private_key(ec.SECP256R1())
    certificate = authority.sign(
        _leaf_builder(
            authority,
            named(names[0]),
            key.public_key(),
            [_general_name(name) for name in names],
            usage=usage,
            now=now,
        )
    )
    leaf = certificate.public_bytes(serialization.Encoding.PEM)
    return private_pem(key) + leaf + authority.certificate_pem()


def renew_server(
    path: Path,
    authority: CertificateAuthority,
    names: Sequence[str],
    now: datetime,
    usage: x509.ObjectIdentifier = ExtendedKeyUsageOID.SERVER_AUTH,
) -> bool:
    """Replace such a file when it is missing, ends within 10 days or names other hosts.

    True when it was replaced. A gateway that was off for a month starts again by this.
    """
    with suppress(FileNotFoundError, ValueError, x509.ExtensionNotFound):
        leaf, *above = x509.load_pem_x509_certificates(path.read_bytes())
        named = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        if (
            above == [authority.certificate]
            and list(named) == [_general_name(name) for name in names]
            and leaf.not_valid_before_utc <= now < leaf.not_valid_after_utc - RENEW_BEFORE
        ):
            return False
    files.replace(path, make_server(authority, names, now, usage))
    return True


def _general_name(name: str) -> x509.GeneralName:
    if name.startswith("urn:"):
        return x509.UniformResourceIdentifier(name)
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _leaf_builder(
    authority: CertificateAuthority,
    name: x509.Name,
    key: ec.EllipticCurvePublicKey | ed25519.Ed25519PublicKey,
    alternatives: Sequence[x509.GeneralName],
    *,
    usage: x509.ObjectIdentifier,
    now: datetime,
) -> x509.CertificateBuilder:
    # A leaf that outlived its authority would fail before the day written in it.
    not_after = min(now + LEAF_LIFE, authority.certificate.not_valid_after_utc)
    if not_after <= now:
        raise AuthorityEnded(f"the issuing authority has ended: {AFTER_THE_END}")
    return (
        certificate_builder(name, key, now, not_after)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(key_usage(signs_certificates=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([usage]), critical=False)
        .add_extension(x509.SubjectAlternativeName(alternatives), critical=False)
    )


# --- Requests and bundles as EST carries them (RFC 7030): PKCS #10 in, certs-only out ---


def read_request(data: bytes) -> CertificateRequest:
    """Read a request in PEM, in DER, or in DER as base64 (RFC 8951 3); CsrRefused when it is none.

    Its signature is checked here: whoever sent it holds the key.
    """
    if len(data) > 2 * LARGEST_REQUEST:
        raise CsrRefused(f"a certificate request has at most {LARGEST_REQUEST} bytes")
    with suppress(ValueError):  # PEM, and DER, are read as they are
        data = base64.b64decode(b"".join(data.split()), validate=True)
    request, key = read_csr(data)
    # Written anew: what stood around it, which a reader of PEM passes over, is nothing of ours.
    pem = request.public_bytes(serialization.Encoding.PEM)
    spki = key.public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return CertificateRequest(pem.decode("ascii"), base64url.encode(sha256(spki).digest()))


def certs_only(pem: bytes) -> bytes:
    """The certificates of a PEM file as a PKCS #7 without signature, base64 in lines (RFC 7030)."""
    certificates = x509.load_pem_x509_certificates(pem)
    bundle = pkcs7.serialize_certificates(certificates, serialization.Encoding.DER)
    return base64.encodebytes(bundle)


# --- The published folder: authorities' certificates and revocation lists, and what to act on ---


AFTER_THE_END = (
    "run `casegate ca rotate --step publish --no-wait`, then `casegate ca rotate --step activate "
    "--no-wait`, then invite the members' systems again (certs/README.md, 'After its end')"
)

AUTHORITY_ALARM = timedelta(days=90)  # time to find the root's keeper and hold the ceremony

ROOT_FILE = "root.pem"
CHAIN_FILE = "ca-chain.pem"
CRL_FILE = "crl.pem"

CRL_LIFE = timedelta(hours=48)


@dataclass(frozen=True)
class Revoked:
    """A certificate that is not to be accepted any more, and since when."""

    serial: int
    at: datetime


def make_crl(
    authority: CertificateAuthority, revoked: Iterable[Revoked], now: datetime
) -> x509.CertificateRevocationList:
    """Make an authority's revocation list, good for 48 hours; its number is the time."""
    builder = (
        x509.CertificateRevocationListBuilder()
        .last_update(now - SKEW)
        .next_update(now + CRL_LIFE)
        .add_extension(x509.CRLNumber(int(now.timestamp())), critical=False)
    )
    for entry in revoked:
        builder = builder.add_revoked_certificate(
            x509.RevokedCertificateBuilder()
            .serial_number(entry.serial)
            .revocation_date(entry.at)
            .build()
        )
    return authority.sign_list(builder)


def publish_chain(
    folder: Path, root: x509.Certificate, issuing: Sequence[x509.Certificate]
) -> None:
    """Write the root and the issuing authorities' certificates for listeners and partners."""
    pems = (c.public_bytes(serialization.Encoding.PEM) for c in (root, *issuing))
    chain = b"".join(pems)
    file = folder / CHAIN_FILE
    if not file.exists() or file.read_bytes() != chain:  # listeners read again what is replaced
        files.replace(file, chain, mode=0o644)


def publish_crls(folder: Path, lists: Mapping[str, x509.CertificateRevocationList]) -> None:
    """Write revocation lists, by authority id: `<id>.crl` in DER, and `crl.pem` with all of them.

    OpenSSL refuses every client of an authority without a fresh list, so all are given at once.
    The list of an authority that is not among them is withdrawn: nobody renews it.
    """
    for authority, crl in lists.items():
        files.replace(
            folder / f"{authority}.crl", crl.public_bytes(serialization.Encoding.DER), mode=0o644
        )
    pems = (crl.public_bytes(serialization.Encoding.PEM) for crl in lists.values())
    files.replace(folder / CRL_FILE, b"".join(pems), mode=0o644)
    for file in folder.glob("*.crl"):
        if file.stem not in lists:
            file.unlink()


def listed_in(folder: Path) -> list[Revoked]:
    """Tell who stands in the lists as they are published; of one that cannot be read, nobody."""
    found: dict[int, Revoked] = {}
    for file in folder.glob("*.crl"):
        try:
            entries = [*x509.load_der_x509_crl(file.read_bytes())]
        except (OSError, ValueError):
            continue
        found |= {e.serial_number: Revoked(e.serial_number, e.revocation_date_utc) for e in entries}
    return list(found.values())


def ends(folder: Path) -> dict[str, datetime]:
    """When the published authorities and their revocation lists end, by a short name of each.

    What cannot be read is left out: `alarms` tells it.
    """
    found = {}
    try:
        certificates = x509.load_pem_x509_certificates((folder / CHAIN_FILE).read_bytes())
    except (OSError, ValueError):
        return {}
    for certificate in certificates:
        if certificate.issuer == certificate.subject:
            found["root"] = certificate.not_valid_after_utc
            continue
        name = authority_id(certificate)
        found[f"issuing {name}"] = certificate.not_valid_after_utc
        listed_until = _end_of_list(folder, certificate)
        if listed_until is not None:
            found[f"revocation list {name}"] = listed_until
    return found


def _end_of_list(folder: Path, authority: x509.Certificate) -> datetime | None:
    """When an authority's published revocation list ends; None for one that cannot be read."""
    try:
        data = (folder / f"{authority_id(authority)}.crl").read_bytes()
        return x509.load_der_x509_crl(data).next_update_utc
    except (OSError, ValueError):
        return None


def alarms(folder: Path, now: datetime) -> list[str]:
    """Return what the operator must act on in the published folder, one sentence each.

    A revocation list past half its life means that `maintain` has not worked for a day, with a
    day left before every client is refused; an authority within 90 days of its end is replaced.
    """
    try:
        certificates = x509.load_pem_x509_certificates((folder / CHAIN_FILE).read_bytes())
    except (OSError, ValueError):
        return [f"{folder / CHAIN_FILE} cannot be read: every client is refused"]
    roots = [c for c in certificates if c.issuer == c.subject]
    issuing = [c for c in certificates if c.issuer != c.subject]
    # Of issuing authorities the newest alone: those before it have their successor.
    newest = sorted(issuing, key=lambda c: c.not_valid_before_utc)[-1:]
    found = [
        f"{_common_name(c)} ends on {c.not_valid_after_utc:%Y-%m-%d}: prepare its successor"
        if now < c.not_valid_after_utc
        else f"{_common_name(c)} has ended, and every client is refused: "
        + (AFTER_THE_END if c.issuer != c.subject else "a new gateway has to be made")
        for c in (*roots, *newest)
        if now > c.not_valid_after_utc - AUTHORITY_ALARM
    ]
    return found + [told for one in issuing for told in _list_alarm(folder, one, now)]


def _list_alarm(folder: Path, authority: x509.Certificate, now: datetime) -> list[str]:
    name, ends = _common_name(authority), _end_of_list(folder, authority)
    if ends is None:
        return [f"the revocation list of {name} cannot be read: its clients are refused"]
    if now >= ends:
        return [f"the revocation list of {name} has ended: its clients are refused"]
    if now < ends - CRL_LIFE - SKEW:
        made = f"{ends - CRL_LIFE:%Y-%m-%d %H:%M}"
        return [
            f"the revocation list of {name} is of {made} UTC, which is to come: its clients are "
            "refused until maintenance makes it again"
        ]
    if now > ends - CRL_LIFE / 2:
        return [f"the revocation list of {name} ends at {ends:%Y-%m-%d %H:%M} UTC: renew it"]
    return []


def _common_name(certificate: x509.Certificate) -> str:
    return str(certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)[0].value)
