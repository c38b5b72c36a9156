"""Certificates of clients and of our own listeners: 30 days, one use each; requests for them."""

import base64
import binascii
import ipaddress
from collections.abc import Sequence
from datetime import datetime, timedelta
from hashlib import sha256
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.serialization import pkcs7
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from gateway import files
from gateway.domain.organisation import system_uri
from gateway.evidence import base64url
from gateway.kernel.values import CertificateRequest
from gateway.pki.authority import (
    AuthorityError,
    CertificateAuthority,
    certificate_builder,
    key_usage,
    named,
    private_pem,
)

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


def read_csr(
    csr: bytes,
) -> tuple[x509.CertificateSigningRequest, ec.EllipticCurvePublicKey | ed25519.Ed25519PublicKey]:
    """A request, PEM or DER, and its key; CsrRefused unless the request is signed with it."""
    if len(csr) > LARGEST_REQUEST:
        raise CsrRefused(f"a certificate request has at most {LARGEST_REQUEST} bytes")
    pem = csr.lstrip().startswith(b"-----BEGIN")
    if pem and csr.count(b"-----BEGIN") > 1:  # the reader would take the first one
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
    return private_pem(key, None) + leaf + authority.certificate_pem()


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
    if path.exists() and _serves(path.read_bytes(), authority, names, now):
        return False
    files.replace(path, make_server(authority, names, now, usage))
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
        raise AuthorityError("the issuing authority has ended; make a new one")
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
    request, key = read_csr(_decoded(data))
    # Written anew: what stood around it, which a reader of PEM passes over, is nothing of ours.
    pem = request.public_bytes(serialization.Encoding.PEM)
    spki = key.public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return CertificateRequest(pem.decode("ascii"), base64url.encode(sha256(spki).digest()))


def _decoded(data: bytes) -> bytes:
    """DER of what is base64; everything else as it is."""
    try:
        return base64.b64decode(b"".join(data.split()), validate=True)
    except (binascii.Error, ValueError):
        return data


def certs_only(pem: bytes) -> bytes:
    """The certificates of a PEM file as a PKCS #7 without signature, base64 in lines (RFC 7030)."""
    certificates = x509.load_pem_x509_certificates(pem)
    bundle = pkcs7.serialize_certificates(certificates, serialization.Encoding.DER)
    return base64.encodebytes(bundle)
