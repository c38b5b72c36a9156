"""The proxy's header Client-Cert (RFC 9440) and the certificate in it: two refusals, no other.

Oracle: what is accepted is written back character for character; no changed certificate is taken.
"""

import base64
from functools import cache

from gateway.pki.client_certificate import (
    CertificateRefused,
    HeaderRefused,
    PeerSource,
    check_client,
)
from tests.ports import START
from tests.web.listening import certificate, der, issuing, root


@cache
def good() -> bytes:
    """A certificate that is accepted."""
    return der(certificate())


def seeds() -> list[bytes]:
    """Header fields, the first of them good."""
    field = b":" + base64.b64encode(good()) + b":"
    return [field, field + b"," + field, field + b";a=1", b"::", b":AA==:", b":AB==:", good()]


def check(data: bytes) -> None:
    """A field as it is sent, then the bytes as a certificate: a fuzzer changes no base64 well."""
    _check_field(data.decode("latin-1"))  # as WSGI has it (PEP 3333)
    _check_certificate(data)


def _check_field(field: str) -> None:
    try:
        found = PeerSource.UNIX_HEADER.der({"HTTP_CLIENT_CERT": field})
    except HeaderRefused:
        return
    assert found is not None
    assert f":{base64.b64encode(found).decode('ascii')}:" == field
    _check_certificate(found)


def _check_certificate(data: bytes) -> None:
    try:
        check_client(data, START, [issuing().certificate], [root().certificate])
    except CertificateRefused:
        return
    # ECDSA signatures have a second form, and certificates with it are of another thumbprint.
    assert _signed_part(data) == _signed_part(good())


def _signed_part(data: bytes) -> bytes:
    from cryptography import x509  # noqa: PLC0415 - beside its one use

    return x509.load_der_x509_certificate(data).tbs_certificate_bytes
