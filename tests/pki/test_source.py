"""Where the certificate of a client comes from."""

import base64
from pathlib import Path
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.pki.client_certificate import HeaderRefused, PeerSource, parse_client_cert
from tests.each import each

VECTORS = Path(__file__).parents[1] / "vectors" / "rfc-auth-examples"


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
