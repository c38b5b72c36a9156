"""Certificate requests as EST carries them, and the certificates that go back."""

import base64

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import pkcs7

from gateway.pki.authority import LARGEST_REQUEST, CsrRefused, certs_only, read_request
from tests.each import each
from tests.operating import request
from tests.web.listening import issuing, root

PEM = request()
DER = x509.load_pem_x509_csr(PEM).public_bytes(serialization.Encoding.DER)


def test_one_request_is_read_alike_from_pem_der_and_base64() -> None:
    read = {read_request(data) for data in (PEM, DER, base64.b64encode(DER))}
    assert read == {read_request(base64.encodebytes(DER))}
    (one,) = read
    assert x509.load_pem_x509_csr(one.pem.encode()).is_signature_valid


@each(
    "before, after",
    [
        (b"", b"bye"),
        (b"", b"\xff"),
        (b"", "\u00e9".encode()),
        (b"", b"\nwhatever\n" * 99),
        (b"hi\n", b""),
    ],
)
def test_a_file_has_a_request_and_nothing_around_it(before: bytes, after: bytes) -> None:
    with pytest.raises(CsrRefused):
        read_request(before + PEM + after)
    assert read_request(b" \n" + PEM + b"\r\n\n") == read_request(PEM)


def test_the_key_tells_requests_apart_and_nothing_else() -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    assert read_request(request(key)).key == read_request(request(key)).key
    assert read_request(request(key)).key != read_request(PEM).key


@each(
    "data",
    [
        b"",
        b"no request",
        PEM + PEM,
        b"\x00" * 9,
        PEM[:-60],
        DER[:-1],
        b"A" * (2 * LARGEST_REQUEST + 1),
    ],
)
def test_what_is_no_request_is_refused(data: bytes) -> None:
    with pytest.raises(CsrRefused):
        read_request(data)


def test_a_bundle_holds_the_certificates_and_no_signature() -> None:
    pem = root().certificate_pem() + issuing().certificate_pem()
    bundle = certs_only(pem)
    assert max(len(line) for line in bundle.splitlines()) <= 76
    found = pkcs7.load_der_pkcs7_certificates(base64.b64decode(bundle))
    prints = {one.fingerprint(hashes.SHA256()) for one in found}
    assert prints == {a.certificate.fingerprint(hashes.SHA256()) for a in (root(), issuing())}
