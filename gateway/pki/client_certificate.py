"""The certificate that a client showed: where a listener finds it, and whether it counts."""

import base64
import hashlib
import re
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from threading import Lock
from typing import Any

from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID
from cryptography.x509.verification import PolicyBuilder, Store, VerificationError

from gateway.evidence import base64url

_CACHED_PEERS = 4096  # clients of one gateway are hundreds; each entry is under 1 kB


class CertificateRefused(Exception):
    """A client's certificate is not accepted; `reason` is a sentence for the security log."""

    def __init__(self, reason: str) -> None:
        """Keep the sentence."""
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True)
class ClientCertificate:
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
) -> tuple[ClientCertificate, datetime, datetime]:
    """Check a client's certificate at a time; return it, and when its whole chain is in force.

    1. it can be read; 2. it is in force; 3. a chain leads to a root (RFC 5280 6.1); 4. its only use
    is clientAuth; 5. its one alternative name is a URI (RFC 8705 2.1.2): else CertificateRefused.
    """
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
    except VerificationError as error:
        raise CertificateRefused("no chain leads from the certificate to our root") from error
    except Exception as error:  # names are read only now, and in as many ways
        raise CertificateRefused("the certificate cannot be read") from error
    if list(usage) != [ExtendedKeyUsageOID.CLIENT_AUTH]:  # 4
        raise CertificateRefused("the certificate is not only for client authentication")
    names = list(named)  # 5
    if len(names) != 1 or not isinstance(names[0], x509.UniformResourceIdentifier):
        raise CertificateRefused("the certificate has not exactly one URI as its name")
    peer = ClientCertificate(
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


class ClientCertificateChecker:
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
        self._seen: OrderedDict[bytes, tuple[ClientCertificate, datetime, datetime]] = OrderedDict()

    def check(self, der: bytes, now: datetime) -> ClientCertificate:
        """Check a certificate at a time; CertificateRefused when it is not accepted."""
        key = hashlib.sha256(der).digest()
        with self._lock:
            self._reload()
            found = self._seen.get(key)
            if found is None:
                found = check_client(der, now, self._issuing, self._roots)
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


# --- Where a listener learns the certificate of its client: from its own TLS, or from its proxy ---


_LARGEST_FIELD = 16 * 1024  # characters of a Client-Cert field


class HeaderRefused(Exception):
    """A `Client-Cert` field came where none is believed, or is not as RFC 9440 says: answer 400."""


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
    if not found or len(value) > _LARGEST_FIELD:
        raise HeaderRefused("Client-Cert must be one byte sequence, :base64:")
    try:
        der = base64.b64decode(found[1], validate=True)
    except ValueError:
        der = b""
    if not der or base64.b64encode(der).decode("ascii") != found[1]:
        raise HeaderRefused("Client-Cert is not in canonical base64")
    return der
