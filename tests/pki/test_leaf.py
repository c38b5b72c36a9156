"""Certificates of clients and listeners: what stands in them, and for which requests."""

import stat
from datetime import timedelta
from ipaddress import ip_address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID
from cryptography.x509.verification import PolicyBuilder, Store
from hypothesis import given
from hypothesis import strategies as st

from gateway.pki.authority import (
    LEAF_LIFE,
    AuthorityError,
    CsrRefused,
    issue_client,
    make_issuing,
    make_server,
    renew_server,
)
from tests.each import each
from tests.evidence.ingredients import rsa_key
from tests.pki.certificates import (
    CLIENT_KEY,
    DAY,
    ISSUING,
    NOW,
    ROOT,
    URI,
    client,
    csr,
    extension,
    request,
)


def test_subject_and_name_come_from_the_registry_not_from_the_request():
    issued = client()
    assert issued.subject.rfc4514_string() == "CN=main,O=ocrvp"
    assert list(extension(issued, x509.SubjectAlternativeName)) == [
        x509.UniformResourceIdentifier(URI)
    ]


def test_a_client_certificate_is_for_clients_for_thirty_days_and_says_where_the_list_is():
    issued = client()
    assert list(extension(issued, x509.ExtendedKeyUsage)) == [ExtendedKeyUsageOID.CLIENT_AUTH]
    assert issued.not_valid_before_utc == NOW - timedelta(minutes=5)
    assert issued.not_valid_after_utc == NOW + LEAF_LIFE == NOW + 30 * DAY
    assert not extension(issued, x509.BasicConstraints).ca
    (point,) = extension(issued, x509.CRLDistributionPoints)
    assert point.full_name == [x509.UniformResourceIdentifier("https://gateway.example/crl/x.crl")]


def test_a_client_certificate_does_not_outlive_its_authority():
    issued = client(now=NOW + 1090 * DAY)
    assert issued.not_valid_after_utc == ISSUING.certificate.not_valid_after_utc


def test_an_authority_that_has_ended_issues_nothing():
    with pytest.raises(AuthorityError):
        client(now=NOW + 1095 * DAY)


@each("encoding", [serialization.Encoding.PEM, serialization.Encoding.DER])
def test_a_request_is_read_in_pem_and_in_der(encoding):
    issued = issue_client(
        ISSUING,
        request().public_bytes(encoding),
        gateway="demo",
        organisation="ocrvp",
        system="main",
        crl_url="https://gateway.example/crl/x.crl",
        now=NOW,
    )
    assert issued.public_key() == CLIENT_KEY.public_key()


def issue_for(data: bytes) -> x509.Certificate:
    return issue_client(
        ISSUING, data, gateway="demo", organisation="o2", system="s2", crl_url="https://x", now=NOW
    )


def test_a_request_with_any_signed_byte_changed_is_refused():
    asked = request()
    good, signed = asked.public_bytes(serialization.Encoding.DER), asked.tbs_certrequest_bytes
    for place in range(good.index(signed), good.index(signed) + len(signed)):
        changed = bytearray(good)
        changed[place] ^= 0x01
        with pytest.raises(CsrRefused):
            issue_for(bytes(changed))


def test_a_request_for_a_key_we_do_not_use_is_refused():
    for key in (
        ec.generate_private_key(ec.SECP384R1()),
        rsa_key(),
    ):
        with pytest.raises(CsrRefused, match="P-256 or Ed25519"):
            issue_for(csr(key))


def test_a_request_that_is_too_large_is_refused_unread():
    with pytest.raises(CsrRefused):
        issue_for(b"-----BEGIN" + b"A" * 20_000)


@given(
    st.binary(max_size=300) | st.just(b"-----BEGIN ").flatmap(lambda b: st.binary().map(b.__add__))
)
def test_no_bytes_do_worse_than_be_refused(data):
    with pytest.raises(CsrRefused):
        issue_for(data)


def test_a_server_certificate_is_good_for_its_names():
    pem = make_server(ISSUING, ["gateway.example", "127.0.0.1"], NOW)
    served, above = x509.load_pem_x509_certificates(pem)
    policy = PolicyBuilder().store(Store([ROOT.certificate])).time(NOW)
    for name in (x509.DNSName("gateway.example"), x509.IPAddress(ip_address("127.0.0.1"))):
        policy.build_server_verifier(name).verify(served, [above])
    assert list(extension(served, x509.ExtendedKeyUsage)) == [ExtendedKeyUsageOID.SERVER_AUTH]
    key = serialization.load_pem_private_key(pem, None)
    assert key.public_key() == served.public_key()


def serial(path: Path) -> int:
    return x509.load_pem_x509_certificates(path.read_bytes())[0].serial_number


def test_a_server_certificate_is_renewed_only_when_it_must_be(tmp_path):
    path = tmp_path / "server" / "public.pem"
    names = ["gateway.example"]
    assert renew_server(path, ISSUING, names, NOW)
    first = serial(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert not renew_server(path, ISSUING, names, NOW + 19 * DAY)
    assert serial(path) == first
    assert renew_server(path, ISSUING, names, NOW + 20 * DAY)
    assert serial(path) != first


@pytest.mark.parametrize("later", [30 * DAY, 400 * DAY])
def test_a_gateway_that_was_off_for_a_month_gets_a_new_server_certificate(tmp_path, later):
    path = tmp_path / "public.pem"
    renew_server(path, ISSUING, ["gateway.example"], NOW)
    assert renew_server(path, ISSUING, ["gateway.example"], NOW + later)
    served = x509.load_pem_x509_certificates(path.read_bytes())[0]
    assert served.not_valid_after_utc > NOW + later


def test_other_names_another_authority_or_a_broken_file_renew_at_once(tmp_path):
    path = tmp_path / "public.pem"
    renew_server(path, ISSUING, ["gateway.example"], NOW)
    assert renew_server(path, ISSUING, ["gateway.example", "::1"], NOW)
    assert renew_server(path, make_issuing("demo", ROOT, NOW), ["gateway.example", "::1"], NOW)
    path.write_bytes(b"broken")
    assert renew_server(path, ISSUING, ["gateway.example"], NOW)
