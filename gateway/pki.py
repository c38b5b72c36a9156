"""The gateway's own certificate authority, and the check of certificates that clients show.

::

    root (10 years, offline, encrypted)
     +-- issuing authority (3 years; several while they overlap)
          +-- server certificates  (30 days; serverAuth; renewed at start-up and by `maintain`)
          +-- client certificates  (30 days; clientAuth; one name, a URI: see `san_uri`)
          +-- revocation list      (48 hours, published each hour)

Values in, values out: what touches files says so. Profile: RFC 5280.
"""

import base64
import contextlib
import hashlib
import ipaddress
import os
import re
import secrets
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from pathlib import Path
from threading import Lock
from typing import Any

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from cryptography.x509.verification import PolicyBuilder, Store, VerificationError

from gateway.domain.organisation import SLUG
from gateway.evidence import base64url

ROOT_LIFE = timedelta(days=3652)
ISSUING_LIFE = timedelta(days=1095)
LEAF_LIFE = timedelta(days=30)
CRL_LIFE = timedelta(hours=48)
RENEW_BEFORE = timedelta(days=10)  # a client renews from day 20, and so do our listeners
AUTHORITY_ALARM = timedelta(days=90)  # time to find the root's keeper and hold the ceremony
SKEW = timedelta(minutes=5)  # clocks of partners run behind ours

CHAIN_FILE = "ca-chain.pem"
CRL_FILE = "crl.pem"

_LARGEST_REQUEST = 16 * 1024  # bytes of a certificate request, or of a Client-Cert field
_CACHED_PEERS = 4096  # clients of one gateway are hundreds; each entry is under 1 kB


class AuthorityError(Exception):
    """An authority cannot do what is asked; the message says what to do."""


class CsrRefused(Exception):
    """A certificate request cannot be granted; the message says why."""


class CertificateRefused(Exception):
    """A client's certificate is not accepted; `reason` is a sentence for the security log."""

    def __init__(self, reason: str) -> None:
        """Keep the sentence."""
        super().__init__(reason)
        self.reason = reason


class HeaderRefused(Exception):
    """A `Client-Cert` field came where none is believed, or is not as RFC 9440 says: answer 400."""


# --- Authorities ---------------------------------------------------------------------------


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
        return _key_pem(self._key, passphrase)

    def sign(self, builder: x509.CertificateBuilder) -> x509.Certificate:
        """Sign a certificate in this authority's name."""
        named = builder.issuer_name(self.certificate.subject).add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(
                _subject_key_identifier(self.certificate)
            ),
            critical=False,
        )
        return named.sign(self._key, hashes.SHA256())

    def sign_list(
        self, builder: x509.CertificateRevocationListBuilder
    ) -> x509.CertificateRevocationList:
        """Sign a revocation list in this authority's name."""
        named = builder.issuer_name(self.certificate.subject).add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(
                _subject_key_identifier(self.certificate)
            ),
            critical=False,
        )
        return named.sign(self._key, hashes.SHA256())


def authority_id(certificate: x509.Certificate) -> str:
    """16 hex digits of an authority's subject key identifier."""
    return _subject_key_identifier(certificate).digest.hex()[:16]


def make_root(gateway: str, now: datetime) -> CertificateAuthority:
    """Make the root: 10 years, at most one authority below it."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = _name(f"{gateway} root")
    builder = _ca_builder(name, key, now, now + ROOT_LIFE, path_length=1).issuer_name(name)
    return CertificateAuthority(builder.sign(key, hashes.SHA256()), key)


def make_issuing(gateway: str, root: CertificateAuthority, now: datetime) -> CertificateAuthority:
    """Make an issuing authority: 3 years, no authority below it; AuthorityError near root's end."""
    if now + ISSUING_LIFE > root.certificate.not_valid_after_utc:
        raise AuthorityError("the root ends before a new issuing authority would; make a new root")
    key = ec.generate_private_key(ec.SECP256R1())
    digest = x509.SubjectKeyIdentifier.from_public_key(key.public_key()).digest
    # A name of its own for each: a revocation list is matched to its authority by name.
    name = _name(f"{gateway} issuing {digest.hex()[:16]}")
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


def load_issuing(
    folder: Path, read_private: Callable[[Path], bytes]
) -> tuple[CertificateAuthority, ...]:
    """Read `<id>.pem` and `<id>.key` of each issuing authority in a folder, the newest first.

    `read_private` refuses key files that others may read. The newest signs certificates; each
    signs its own revocation list until its last certificate has ended.
    """
    found = [
        load_authority(path.read_bytes(), read_private(path.with_suffix(".key")))
        for path in sorted(folder.glob("*.pem"))
    ]
    if not found:
        raise AuthorityError(f"{folder} holds no issuing authority; `casegate init` makes one")
    found.sort(key=lambda authority: authority.certificate.not_valid_before_utc, reverse=True)
    return tuple(found)


def _ca_builder(
    name: x509.Name,
    key: ec.EllipticCurvePrivateKey,
    now: datetime,
    not_after: datetime,
    path_length: int,
) -> x509.CertificateBuilder:
    return (
        _builder(name, key.public_key(), now, not_after)
        .add_extension(x509.BasicConstraints(ca=True, path_length=path_length), critical=True)
        .add_extension(_key_usage(signs_certificates=True), critical=True)
    )


# --- Leaves --------------------------------------------------------------------------------


def san_uri(gateway: str, organisation: str, system: str) -> str:
    """The name of a partner's system in its certificate; ValueError unless all are slugs."""
    for part in (gateway, organisation, system):
        if not SLUG.fullmatch(part):
            raise ValueError("a name in a certificate is [a-z][a-z0-9-]{1,39}")
    return f"urn:casegate:{gateway}:{organisation}:{system}"


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
    alternative = x509.UniformResourceIdentifier(san_uri(gateway, organisation, system))
    where = x509.DistributionPoint([x509.UniformResourceIdentifier(crl_url)], None, None, None)
    builder = _leaf_builder(
        authority,
        name,
        _requested_key(csr),
        [alternative],
        usage=ExtendedKeyUsageOID.CLIENT_AUTH,
        now=now,
    )
    return authority.sign(
        builder.add_extension(x509.CRLDistributionPoints([where]), critical=False)
    )


def _requested_key(csr: bytes) -> ec.EllipticCurvePublicKey | ed25519.Ed25519PublicKey:
    if len(csr) > _LARGEST_REQUEST:
        raise CsrRefused(f"a certificate request has at most {_LARGEST_REQUEST} bytes")
    pem = csr.lstrip().startswith(b"-----BEGIN")
    try:
        request = (x509.load_pem_x509_csr if pem else x509.load_der_x509_csr)(csr)
        key, proven = request.public_key(), request.is_signature_valid
    except Exception as error:  # the parser has many ways to say no, not all ValueError
        raise CsrRefused("the certificate request cannot be read") from error
    if not proven:
        raise CsrRefused("the certificate request is not signed with its own key")
    if isinstance(key, ec.EllipticCurvePublicKey) and isinstance(key.curve, ec.SECP256R1):
        return key
    if isinstance(key, ed25519.Ed25519PublicKey):
        return key
    raise CsrRefused("a client's key is on P-256 or Ed25519")


def make_server(authority: CertificateAuthority, names: Sequence[str], now: datetime) -> bytes:
    """Make a listener's key and certificate for host names and addresses.

    Returns one PEM: key, certificate, issuing certificate. One file, so that its replacement
    never leaves a key beside another key's certificate.
    """
    key = ec.generate_private_key(ec.SECP256R1())
    certificate = authority.sign(
        _leaf_builder(
            authority,
            _name(names[0]),
            key.public_key(),
            [_general_name(name) for name in names],
            usage=ExtendedKeyUsageOID.SERVER_AUTH,
            now=now,
        )
    )
    leaf = certificate.public_bytes(serialization.Encoding.PEM)
    return _key_pem(key, None) + leaf + authority.certificate_pem()


def renew_server(
    path: Path, authority: CertificateAuthority, names: Sequence[str], now: datetime
) -> bool:
    """Replace a listener's file when it is missing, ends within 10 days or names other hosts.

    True when it was replaced. A gateway that was off for a month starts again by this.
    """
    if path.exists() and _serves(path.read_bytes(), authority, names, now):
        return False
    replace_file(path, make_server(authority, names, now), mode=0o600)
    return True


def _serves(
    pem: bytes, authority: CertificateAuthority, names: Sequence[str], now: datetime
) -> bool:
    try:
        leaf, *above = x509.load_pem_x509_certificates(pem)
        named = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (ValueError, x509.ExtensionNotFound):
        return False
    return (
        above == [authority.certificate]
        and list(named) == [_general_name(name) for name in names]
        and leaf.not_valid_before_utc <= now < leaf.not_valid_after_utc - RENEW_BEFORE
    )


def _general_name(name: str) -> x509.GeneralName:
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
        raise AuthorityError("the issuing authority has ended; make a new one")
    return (
        _builder(name, key, now, not_after)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_key_usage(signs_certificates=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([usage]), critical=False)
        .add_extension(x509.SubjectAlternativeName(alternatives), critical=False)
    )


def _builder(
    name: x509.Name,
    key: ec.EllipticCurvePublicKey | ed25519.Ed25519PublicKey,
    now: datetime,
    not_after: datetime,
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(name)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - SKEW)
        .not_valid_after(not_after)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
    )


def _name(common_name: str) -> x509.Name:
    """A name of one part; X.520 allows it 64 characters, and nobody compares it (RFC 9525)."""
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name[:64])])


def _key_usage(signs_certificates: bool) -> x509.KeyUsage:
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


def _key_pem(key: ec.EllipticCurvePrivateKey, passphrase: bytes | None) -> bytes:
    encryption: serialization.KeySerializationEncryption = serialization.NoEncryption()
    if passphrase is not None:
        encryption = serialization.BestAvailableEncryption(passphrase)
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, encryption
    )


def _subject_key_identifier(certificate: x509.Certificate) -> x509.SubjectKeyIdentifier:
    return certificate.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value


# --- Revocation ----------------------------------------------------------------------------


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
    replace_file(folder / CHAIN_FILE, b"".join(pems))


def publish_crls(folder: Path, lists: Mapping[str, x509.CertificateRevocationList]) -> None:
    """Write revocation lists, by authority id: `<id>.crl` in DER, and `crl.pem` with all of them.

    OpenSSL refuses every client of an authority without a fresh list, so all are given at once.
    """
    for authority, crl in lists.items():
        replace_file(folder / f"{authority}.crl", crl.public_bytes(serialization.Encoding.DER))
    pems = (crl.public_bytes(serialization.Encoding.PEM) for crl in lists.values())
    replace_file(folder / CRL_FILE, b"".join(pems))


def alarms(folder: Path, now: datetime) -> list[str]:
    """What the operator must act on in the published folder, one sentence each.

    A revocation list past half its life means that `maintain` has not worked for a day, with a
    day left before every client is refused; an authority within 90 days of its end is replaced.
    """
    try:
        certificates = x509.load_pem_x509_certificates((folder / CHAIN_FILE).read_bytes())
    except (OSError, ValueError):
        return [f"{folder / CHAIN_FILE} cannot be read: every client is refused"]
    found = [
        f"{_common_name(c)} ends on {c.not_valid_after_utc:%Y-%m-%d}: prepare its successor"
        for c in certificates
        if now > c.not_valid_after_utc - AUTHORITY_ALARM
    ]
    for certificate in certificates:
        if certificate.issuer != certificate.subject:
            found += _list_alarm(folder / f"{authority_id(certificate)}.crl", certificate, now)
    return found


def _list_alarm(path: Path, authority: x509.Certificate, now: datetime) -> list[str]:
    name = _common_name(authority)
    try:
        crl = x509.load_der_x509_crl(path.read_bytes())
    except (OSError, ValueError):
        return [f"the revocation list of {name} cannot be read: its clients are refused"]
    ends = crl.next_update_utc
    if ends is None or now >= ends:
        return [f"the revocation list of {name} has ended: its clients are refused"]
    if now > ends - CRL_LIFE / 2:
        return [f"the revocation list of {name} ends at {ends:%Y-%m-%d %H:%M} UTC: renew it"]
    return []


def _common_name(certificate: x509.Certificate) -> str:
    return str(certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)[0].value)


def replace_file(path: Path, data: bytes, mode: int = 0o644) -> None:
    """Put a whole new file in the place of the old one, on disk when this returns.

    A reader sees the old or the new, never a part; a crash leaves at most a hidden spare file.
    """
    path.parent.mkdir(mode=0o755 if mode & 0o044 else 0o700, parents=True, exist_ok=True)
    spare = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    descriptor = os.open(spare, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            os.fchmod(descriptor, mode)
            file.write(data)
            file.flush()
            os.fsync(descriptor)
        spare.replace(path)
    except BaseException:
        with contextlib.suppress(OSError):
            spare.unlink()
        raise
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


# --- Clients' certificates -----------------------------------------------------------------


@dataclass(frozen=True)
class Peer:
    """The client of a connection, as its certificate says; whether it has rights, others ask."""

    thumbprint: str
    """SHA-256 over the DER, unpadded base64url: RFC 8705's x5t#S256.

    Whoever has a certificate can give it another: an ECDSA signature has a second form. So look
    it up among those registered; that it is not among those revoked says nothing.
    """
    san_uris: tuple[str, ...]
    """Exactly one."""
    serial: int
    not_after: datetime


def check_client(
    der: bytes,
    now: datetime,
    issuing: Sequence[x509.Certificate],
    roots: Sequence[x509.Certificate],
) -> Peer:
    """Check a client's certificate at a time; CertificateRefused with the first reason.

    1. it can be read; 2. it is in force; 3. a chain leads to a root (RFC 5280 6.1); 4. its only
    use is clientAuth; 5. its only alternative name is one URI (RFC 8705 2.1.2).
    """
    return _check(der, now, issuing, roots)[0]


def _check(
    der: bytes,
    now: datetime,
    issuing: Sequence[x509.Certificate],
    roots: Sequence[x509.Certificate],
) -> tuple[Peer, datetime, datetime]:
    """The peer, and from when until when its whole chain is in force."""
    try:  # 1
        leaf = x509.load_der_x509_certificate(der)
        usage = leaf.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
        named = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound as error:
        raise CertificateRefused("the certificate has no use or no alternative name") from error
    except Exception as error:  # the parser has many ways to say no, not all ValueError
        raise CertificateRefused("the certificate cannot be read") from error
    _refuse_outside(now, leaf.not_valid_before_utc, leaf.not_valid_after_utc)  # 2
    try:  # 3
        verifier = PolicyBuilder().store(Store(list(roots))).time(now).build_client_verifier()
        chain = verifier.verify(leaf, list(issuing)).chain
    except (VerificationError, ValueError) as error:
        raise CertificateRefused("no chain leads from the certificate to our root") from error
    if list(usage) != [ExtendedKeyUsageOID.CLIENT_AUTH]:  # 4
        raise CertificateRefused("the certificate is not for client authentication alone")
    names = list(named)  # 5
    if len(names) != 1 or not isinstance(names[0], x509.UniformResourceIdentifier):
        raise CertificateRefused("the certificate has not exactly one URI as its name")
    peer = Peer(
        thumbprint=base64url.digest(der),
        san_uris=(names[0].value,),
        serial=leaf.serial_number,
        not_after=leaf.not_valid_after_utc,
    )
    begins = max(certificate.not_valid_before_utc for certificate in chain)
    return peer, begins, min(certificate.not_valid_after_utc for certificate in chain)


def _refuse_outside(now: datetime, begins: datetime, ends: datetime) -> None:
    if now < begins:
        raise CertificateRefused("the certificate is not in force yet")
    if now > ends:
        raise CertificateRefused("the certificate has ended")


class ClientGate:
    """`check_client` against the published authorities, remembered by thumbprint.

    Only that a chain was good is remembered, and its times are looked at on each call; the file
    of authorities is read again when it is replaced. Safe to share between threads.
    """

    def __init__(self, chain_file: Path, capacity: int = _CACHED_PEERS) -> None:
        """`capacity` bounds the memory; the peer seen longest ago goes first."""
        self._file = chain_file
        self._capacity = capacity
        self._lock = Lock()
        self._read: tuple[int, int, int] | None = None
        self._roots: list[x509.Certificate] = []
        self._issuing: list[x509.Certificate] = []
        self._seen: OrderedDict[bytes, tuple[Peer, datetime, datetime]] = OrderedDict()

    def check(self, der: bytes, now: datetime) -> Peer:
        """Check a certificate at a time; CertificateRefused when it is not accepted."""
        key = hashlib.sha256(der).digest()
        with self._lock:
            self._reload()
            found = self._seen.get(key)
            if found is None:
                found = _check(der, now, self._issuing, self._roots)
                self._seen[key] = found
                if len(self._seen) > self._capacity:
                    self._seen.popitem(last=False)
            self._seen.move_to_end(key)
        peer, begins, ends = found
        _refuse_outside(now, begins, ends)
        return peer

    def _reload(self) -> None:
        """Read the authorities again if the file is another one, and forget what they vouched."""
        try:
            status = self._file.stat()
            read = (status.st_mtime_ns, status.st_ino, status.st_size)
            if read == self._read:
                return
            certificates = x509.load_pem_x509_certificates(self._file.read_bytes())
        except (OSError, ValueError) as error:
            raise CertificateRefused("our own authorities' certificates cannot be read") from error
        self._roots = [c for c in certificates if c.issuer == c.subject]
        self._issuing = [c for c in certificates if c.issuer != c.subject]
        self._seen.clear()
        self._read = read


class PeerSource(StrEnum):
    """Where a listener learns the client's certificate: from its own TLS, or from its proxy.

    One for each process, by its address: `Client-Cert` on a TCP listener would let any client
    be anybody, so it is believed on a unix socket alone (RFC 9440 section 4).
    """

    TLS = "tls"
    UNIX_HEADER = "unix-header"

    @classmethod
    def for_bind(cls, bind: str) -> "PeerSource":
        """The source that goes with an address as the configuration spells it."""
        return cls.UNIX_HEADER if bind.startswith("unix:") else cls.TLS

    def der(self, environ: Mapping[str, Any]) -> bytes | None:
        """The client's certificate of a WSGI request in DER; None when it showed none.

        HeaderRefused when the request carries a `Client-Cert` field that may not be believed.
        """
        header = environ.get("HTTP_CLIENT_CERT")
        if self is PeerSource.UNIX_HEADER:
            return None if header is None else parse_client_cert(header)
        if header is not None or "HTTP_CLIENT_CERT_CHAIN" in environ:
            raise HeaderRefused("Client-Cert is not accepted here: present the certificate in TLS")
        getpeercert = getattr(environ.get("gunicorn.socket"), "getpeercert", None)
        try:
            return getpeercert(True) if getpeercert else None
        except (ValueError, OSError):  # the connection broke while the request was read
            return None


def parse_client_cert(value: str) -> bytes:
    """The DER of a `Client-Cert` field: one byte sequence and nothing else (RFC 9440 2.1).

    HeaderRefused for two fields joined by a comma, parameters, and any base64 but the canonical.
    """
    found = re.fullmatch(r":([A-Za-z0-9+/]+={0,2}):", value, re.ASCII)
    if not found or len(value) > _LARGEST_REQUEST:
        raise HeaderRefused("Client-Cert must be one byte sequence, :base64:")
    try:
        der = base64.b64decode(found[1], validate=True)
    except ValueError:
        der = b""
    if not der or base64.b64encode(der).decode("ascii") != found[1]:
        raise HeaderRefused("Client-Cert is not in canonical base64")
    return der
