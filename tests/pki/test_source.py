"""Where the certificate of a client comes from."""

import base64
import json
from pathlib import Path
from types import SimpleNamespace

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from hypothesis import given
from hypothesis import strategies as st

from gateway.evidence import base64url
from gateway.pki.client_certificate import HeaderRefused, PeerSource, parse_client_cert
from tests.each import each

VECTORS = Path(__file__).parents[1] / "vectors" / "rfc-auth-examples"
PUBLISHED = json.loads((VECTORS / "vectors.json").read_text("utf-8"))


def test_the_address_of_a_listener_decides_where_certificates_come_from():
    assert PeerSource.for_bind("127.0.0.1:8444") is PeerSource.TLS
    assert PeerSource.for_bind("unix:/run/partners.sock") is PeerSource.UNIX_HEADER


def test_a_tls_listener_takes_the_certificate_of_its_connection():
    connection = SimpleNamespace(getpeercert=lambda binary: b"DER" if binary else {})
    assert PeerSource.TLS.der({"gunicorn.socket": connection}) == b"DER"
    assert PeerSource.TLS.der({}) is None


def test_a_broken_connection_shows_no_certificate():
    def getpeercert(_: bool) -> bytes:
        raise ValueError("handshake not done yet")

    connection = SimpleNamespace(getpeercert=getpeercert)
    assert PeerSource.TLS.der({"gunicorn.socket": connection}) is None


@each("field", ["HTTP_CLIENT_CERT", "HTTP_CLIENT_CERT_CHAIN"])
def test_a_tls_listener_refuses_a_certificate_in_a_header(field):
    with pytest.raises(HeaderRefused):
        PeerSource.TLS.der({field: ":QUJD:"})


def test_a_listener_behind_a_proxy_takes_the_header_alone():
    connection = SimpleNamespace(getpeercert=lambda _: b"DER")
    environ = {"gunicorn.socket": connection, "HTTP_CLIENT_CERT": ":QUJD:"}
    assert PeerSource.UNIX_HEADER.der(environ) == b"ABC"
    assert PeerSource.UNIX_HEADER.der({"gunicorn.socket": connection}) is None


def test_the_published_field_gives_the_published_certificate():
    """RFC 9440 appendix A."""
    vector = PUBLISHED["rfc9440_client_cert"]
    name, _, value = vector["header"].partition(": ")
    der = parse_client_cert(value)
    certificate = x509.load_der_x509_certificate(der)
    assert (name, base64url.digest(der)) == ("Client-Cert", vector["x5t#S256"])
    assert certificate.subject.rfc4514_string() == vector["subject"]
    assert certificate.serial_number == vector["serial"]


def test_the_published_certificate_has_the_published_thumbprint():
    """RFC 8705 appendix A: what a bound token carries as x5t#S256."""
    vector = PUBLISHED["rfc8705_x5t"]
    pem = (VECTORS / vector["certificate_file"]).read_bytes()
    der = x509.load_pem_x509_certificate(pem).public_bytes(serialization.Encoding.DER)
    assert base64url.digest(der) == vector["x5t#S256"]


@each(
    "value",
    [
        "",
        "::",
        "QUJD",
        ":QUJD",
        ":QUJD:,:QUJD:",
        ":QUJD: ",
        ":QUJD:;a=1",
        ":QUJ D:",
        ":QUJDQ:",
        ":QR==:",  # set bits after the last byte
        ":QQ:",
        ":QQ===:",
        ":Q_-D:",
        ":ＱＵＪＤ:",
        ":QUJD:\n",
        ":" + "QUJD" * 5000 + ":",
    ],
)
def test_a_field_in_another_spelling_is_refused(value):
    with pytest.raises(HeaderRefused):
        parse_client_cert(value)


@given(st.binary(min_size=1, max_size=200))
def test_any_bytes_survive_the_field(data):
    assert parse_client_cert(f":{base64.b64encode(data).decode()}:") == data


@given(st.text(alphabet="QUJD=:,;+/ -_", max_size=24))
def test_a_field_that_is_read_has_one_spelling(value):
    try:
        read = parse_client_cert(value)
    except HeaderRefused:
        return
    assert value == f":{base64.b64encode(read).decode()}:"
