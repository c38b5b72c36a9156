"""Certificate requests and bundles as EST carries them (RFC 7030): PKCS #10 in, certs-only out."""

import base64
import binascii
from hashlib import sha256

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.serialization import pkcs7

from gateway.actions.records import CertificateRequest
from gateway.evidence import base64url
from gateway.pki.leaf import LARGEST_REQUEST, CsrRefused, read_csr


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
