"""The authority's certificates, what revokes them, and which clients' certificates pass."""

import base64
import json
import os
import stat
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from types import SimpleNamespace
from typing import TypeVar

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.asymmetric.utils import (
    decode_dss_signature,
    encode_dss_signature,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from cryptography.x509.verification import PolicyBuilder, Store
from hypothesis import given
from hypothesis import strategies as st

from gateway.pki.authority import (
    AuthorityError,
    CertificateAuthority,
    authority_id,
    load_authority,
    load_issuing,
    make_issuing,
    make_root,
)
from gateway.pki.files import replace_file
from gateway.pki.leaf import (
    LEAF_LIFE,
    CsrRefused,
    issue_client,
    make_server,
    renew_server,
    san_uri,
)
from gateway.pki.peer import CertificateRefused, ClientGate, Peer, check_client
from gateway.pki.publication import alarms, publish_chain, publish_crls
from gateway.pki.revocation import CRL_LIFE, Revoked, make_crl
from gateway.pki.source import HeaderRefused, PeerSource, parse_client_cert

NOW = datetime(2026, 11, 3, 12, tzinfo=UTC)
DAY = timedelta(days=1)
ROOT = make_root("demo", NOW)
ISSUING = make_issuing("demo", ROOT, NOW)
CLIENT_KEY = ec.generate_private_key(ec.SECP256R1())
VECTORS = Path(__file__).parent / "vectors" / "rfc-auth-examples"
URI = "urn:casegate:demo:ocrvp:main"

Kind = TypeVar("Kind", bound=x509.ExtensionType)
Private = ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey | rsa.RSAPrivateKey


def request(
    key: Private = CLIENT_KEY, common_name: str = "Somebody Else"
) -> x509.CertificateSigningRequest:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])
    asked = x509.SubjectAlternativeName(
        [x509.UniformResourceIdentifier("urn:casegate:demo:another:main")]
    )
    algorithm = None if isinstance(key, ed25519.Ed25519PrivateKey) else hashes.SHA256()
    return (
        x509.CertificateSigningRequestBuilder()
        .subject_name(name)
        .add_extension(asked, critical=False)
        .sign(key, algorithm)
    )


def csr(key: Private = CLIENT_KEY) -> bytes:
    return request(key).public_bytes(serialization.Encoding.PEM)


def client(
    authority: CertificateAuthority = ISSUING, key: Private = CLIENT_KEY, now: datetime = NOW
) -> x509.Certificate:
    return issue_client(
        authority,
        csr(key),
        gateway="demo",
        organisation="ocrvp",
        system="main",
        crl_url="https://gateway.example/crl/x.crl",
        now=now,
    )


def der(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.DER)


def check(certificate: x509.Certificate, now: datetime = NOW) -> Peer:
    return check_client(der(certificate), now, [ISSUING.certificate], [ROOT.certificate])


def leaf(
    uses: Sequence[x509.ObjectIdentifier] = (ExtendedKeyUsageOID.CLIENT_AUTH,),
    names: Sequence[x509.GeneralName] = (x509.UniformResourceIdentifier(URI),),
) -> x509.Certificate:
    """A certificate of our own authority that `issue_client` would not make."""
    builder = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "main")]))
        .public_key(CLIENT_KEY.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(NOW - DAY)
        .not_valid_after(NOW + DAY)
    )
    if uses:
        builder = builder.add_extension(x509.ExtendedKeyUsage(uses), critical=False)
    if names:
        builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
    return ISSUING.sign(builder)


def extension(certificate: x509.Certificate, kind: type[Kind]) -> Kind:
    return certificate.extensions.get_extension_for_class(kind).value


# --- Authorities


def test_the_root_may_stand_above_one_level_and_the_issuing_authority_above_none() -> None:
    root = extension(ROOT.certificate, x509.BasicConstraints)
    issuing = extension(ISSUING.certificate, x509.BasicConstraints)
    assert (root.ca, root.path_length, issuing.ca, issuing.path_length) == (True, 1, True, 0)
    assert ROOT.certificate.not_valid_after_utc - NOW >= 10 * 365 * DAY
    assert ISSUING.certificate.not_valid_after_utc - NOW == 3 * 365 * DAY
    assert extension(ISSUING.certificate, x509.KeyUsage).key_cert_sign
    assert not extension(ISSUING.certificate, x509.KeyUsage).digital_signature
    ISSUING.certificate.verify_directly_issued_by(ROOT.certificate)


def test_a_root_near_its_end_makes_no_issuing_authority() -> None:
    with pytest.raises(AuthorityError, match="make a new root"):
        make_issuing("demo", ROOT, NOW + 8 * 365 * DAY)


def test_two_issuing_authorities_have_two_names() -> None:
    other = make_issuing("demo", ROOT, NOW)
    assert other.certificate.subject != ISSUING.certificate.subject
    assert other.id != ISSUING.id


def test_an_authority_is_read_back_with_its_passphrase() -> None:
    pem = ROOT.key_pem(b"a long passphrase")
    assert pem.startswith(b"-----BEGIN ENCRYPTED PRIVATE KEY-----")
    assert load_authority(ROOT.certificate_pem(), pem, b"a long passphrase").id == ROOT.id


@pytest.mark.parametrize("passphrase", [None, b"wrong"])
def test_an_encrypted_authority_does_not_open_otherwise(passphrase: bytes | None) -> None:
    with pytest.raises(AuthorityError, match="the passphrase is wrong"):
        load_authority(ROOT.certificate_pem(), ROOT.key_pem(b"right"), passphrase)


def test_a_key_of_another_authority_is_refused() -> None:
    with pytest.raises(AuthorityError, match="does not belong"):
        load_authority(ISSUING.certificate_pem(), ROOT.key_pem())


def test_issuing_authorities_are_read_newest_first(tmp_path: Path) -> None:
    newer = make_issuing("demo", ROOT, NOW + DAY)
    for authority in (ISSUING, newer):
        (tmp_path / f"{authority.id}.pem").write_bytes(authority.certificate_pem())
        (tmp_path / f"{authority.id}.key").write_bytes(authority.key_pem())
    assert [a.id for a in load_issuing(tmp_path, Path.read_bytes)] == [newer.id, ISSUING.id]


def test_a_folder_without_issuing_authority_is_said(tmp_path: Path) -> None:
    with pytest.raises(AuthorityError, match="casegate init"):
        load_issuing(tmp_path, Path.read_bytes)


# --- Client certificates


def test_subject_and_name_come_from_the_registry_not_from_the_request() -> None:
    issued = client()
    assert issued.subject.rfc4514_string() == "CN=main,O=ocrvp"
    assert list(extension(issued, x509.SubjectAlternativeName)) == [
        x509.UniformResourceIdentifier(URI)
    ]


def test_a_client_certificate_is_for_clients_for_thirty_days_and_says_where_the_list_is() -> None:
    issued = client()
    assert list(extension(issued, x509.ExtendedKeyUsage)) == [ExtendedKeyUsageOID.CLIENT_AUTH]
    assert issued.not_valid_before_utc == NOW - timedelta(minutes=5)
    assert issued.not_valid_after_utc == NOW + LEAF_LIFE == NOW + 30 * DAY
    assert not extension(issued, x509.BasicConstraints).ca
    (point,) = extension(issued, x509.CRLDistributionPoints)
    assert point.full_name == [x509.UniformResourceIdentifier("https://gateway.example/crl/x.crl")]


def test_a_client_certificate_does_not_outlive_its_authority() -> None:
    issued = client(now=NOW + 1090 * DAY)
    assert issued.not_valid_after_utc == ISSUING.certificate.not_valid_after_utc


def test_an_authority_that_has_ended_issues_nothing() -> None:
    with pytest.raises(AuthorityError, match="has ended"):
        client(now=NOW + 1095 * DAY)


@pytest.mark.parametrize("encoding", [serialization.Encoding.PEM, serialization.Encoding.DER])
def test_a_request_is_read_in_pem_and_in_der(encoding: serialization.Encoding) -> None:
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


def test_a_request_signed_with_another_key_is_refused() -> None:
    body = bytearray(request().public_bytes(serialization.Encoding.DER))
    body[-1] ^= 1
    with pytest.raises(CsrRefused, match=r"not signed with its own key|cannot be read"):
        issue_for(bytes(body))


def test_a_request_with_any_signed_byte_changed_is_refused() -> None:
    asked = request()
    good, signed = asked.public_bytes(serialization.Encoding.DER), asked.tbs_certrequest_bytes
    for place in range(good.index(signed), good.index(signed) + len(signed)):
        changed = bytearray(good)
        changed[place] ^= 0x01
        with pytest.raises(CsrRefused):
            issue_for(bytes(changed))


def test_a_request_for_a_key_we_do_not_use_is_refused() -> None:
    for key in (
        ec.generate_private_key(ec.SECP384R1()),
        rsa.generate_private_key(public_exponent=65537, key_size=2048),
    ):
        with pytest.raises(CsrRefused, match="P-256 or Ed25519"):
            issue_for(csr(key))


def test_a_request_that_is_too_large_is_refused_unread() -> None:
    with pytest.raises(CsrRefused, match="at most"):
        issue_for(b"-----BEGIN" + b"A" * 20_000)


@given(
    st.binary(max_size=300) | st.just(b"-----BEGIN ").flatmap(lambda b: st.binary().map(b.__add__))
)
def test_no_bytes_do_worse_than_be_refused(data: bytes) -> None:
    with pytest.raises(CsrRefused):
        issue_for(data)


@pytest.mark.parametrize("part", ["", "A", "a", "Ab", "a:b", "a b", "é" * 3, "a" * 41, "a\n"])
def test_a_name_that_is_no_slug_enters_no_certificate(part: str) -> None:
    with pytest.raises(ValueError, match="name in a certificate"):
        san_uri("demo", part, "main")


# --- The check of clients


def test_a_client_of_ours_passes_with_its_thumbprint_and_name() -> None:
    issued = client()
    peer = check(issued)
    digest = base64.urlsafe_b64encode(issued.fingerprint(hashes.SHA256())).decode().rstrip("=")
    assert peer == Peer(digest, (URI,), issued.serial_number, issued.not_valid_after_utc)


def test_a_client_with_an_ed25519_key_passes() -> None:
    assert check(client(key=ed25519.Ed25519PrivateKey.generate())).san_uris == (URI,)


def test_a_client_of_another_root_is_refused() -> None:
    foreign = make_issuing("demo", make_root("demo", NOW), NOW)
    with pytest.raises(CertificateRefused, match="no chain"):
        check(client(foreign))
    with pytest.raises(CertificateRefused, match="no chain"):
        check_client(
            der(client(foreign)),
            NOW,
            [ISSUING.certificate, foreign.certificate],
            [ROOT.certificate],
        )


def test_an_authority_below_the_issuing_one_is_refused() -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    builder = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "below")]))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(NOW - DAY)
        .not_valid_after(NOW + DAY)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(extension(ISSUING.certificate, x509.KeyUsage), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )
    below = CertificateAuthority(ISSUING.sign(builder), key)
    with pytest.raises(CertificateRefused, match="no chain"):
        check_client(
            der(client(below)), NOW, [ISSUING.certificate, below.certificate], [ROOT.certificate]
        )


@pytest.mark.parametrize(
    ("offset", "reason"),
    [(timedelta(minutes=-6), "not in force yet"), (30 * DAY + timedelta(seconds=1), "has ended")],
)
def test_a_certificate_is_refused_outside_its_time(offset: timedelta, reason: str) -> None:
    with pytest.raises(CertificateRefused, match=reason):
        check(client(), NOW + offset)


@pytest.mark.parametrize(
    "uses",
    [
        [ExtendedKeyUsageOID.SERVER_AUTH],
        [ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE],
        [ExtendedKeyUsageOID.CLIENT_AUTH, ExtendedKeyUsageOID.SERVER_AUTH],
        [],
    ],
)
def test_a_certificate_with_another_use_is_refused(uses: list[x509.ObjectIdentifier]) -> None:
    with pytest.raises(CertificateRefused):
        check(leaf(uses=uses))


def test_the_gateways_own_server_certificate_is_no_client() -> None:
    served = x509.load_pem_x509_certificates(make_server(ISSUING, ["gateway.example"], NOW))[0]
    with pytest.raises(CertificateRefused):
        check(served)


@pytest.mark.parametrize(
    "names",
    [
        [],
        [x509.DNSName("partner.example")],
        [x509.UniformResourceIdentifier(URI), x509.DNSName("partner.example")],
        [x509.UniformResourceIdentifier(URI), x509.UniformResourceIdentifier(URI + "2")],
    ],
)
def test_a_certificate_without_exactly_one_uri_is_refused(names: list[x509.GeneralName]) -> None:
    with pytest.raises(CertificateRefused, match=r"one URI|no alternative name"):
        check(leaf(names=names))


@given(st.binary(max_size=200))
def test_bytes_that_are_no_certificate_are_refused(data: bytes) -> None:
    with pytest.raises(CertificateRefused, match="cannot be read"):
        check_client(data, NOW, [ISSUING.certificate], [ROOT.certificate])


def test_a_certificate_with_any_signed_byte_changed_is_refused() -> None:
    issued = client()
    good, signed = der(issued), issued.tbs_certificate_bytes
    for place in range(good.index(signed), good.index(signed) + len(signed)):
        changed = bytearray(good)
        changed[place] ^= 0x01
        with pytest.raises(CertificateRefused):
            check_client(bytes(changed), NOW, [ISSUING.certificate], [ROOT.certificate])


def test_a_certificate_has_a_twin_with_another_thumbprint_and_the_same_serial() -> None:
    """Of an ECDSA signature (r, s) there is a second form, (r, -s): whoever has one has both."""
    issued = client()
    order = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
    r, s = decode_dss_signature(issued.signature)
    signature = encode_dss_signature(r, order - s)
    algorithm = bytes.fromhex("300a06082a8648ce3d040302")
    signed = issued.tbs_certificate_bytes + algorithm
    body = signed + bytes([3, len(signature) + 1, 0]) + signature
    twin = b"\x30\x82" + len(body).to_bytes(2, "big") + body
    peer = check_client(twin, NOW, [ISSUING.certificate], [ROOT.certificate])
    assert peer.serial == issued.serial_number
    assert peer.thumbprint != check(issued).thumbprint


def gate(folder: Path, capacity: int = 8) -> ClientGate:
    publish_chain(folder, ROOT.certificate, [ISSUING.certificate])
    return ClientGate(folder / "ca-chain.pem", capacity)


def test_a_remembered_client_is_refused_when_its_certificate_has_ended(tmp_path: Path) -> None:
    opened, issued = gate(tmp_path), der(client())
    assert opened.check(issued, NOW).san_uris == (URI,)
    with pytest.raises(CertificateRefused, match="has ended"):
        opened.check(issued, NOW + 31 * DAY)
    with pytest.raises(CertificateRefused, match="not in force yet"):
        opened.check(issued, NOW - DAY)


def test_a_remembered_client_is_refused_when_its_authority_is_withdrawn(tmp_path: Path) -> None:
    opened, issued = gate(tmp_path), der(client())
    opened.check(issued, NOW)
    publish_chain(tmp_path, ROOT.certificate, [make_issuing("demo", ROOT, NOW).certificate])
    with pytest.raises(CertificateRefused, match="no chain"):
        opened.check(issued, NOW)


def test_a_client_of_a_new_authority_passes_once_it_is_published(tmp_path: Path) -> None:
    opened, newer = gate(tmp_path), make_issuing("demo", ROOT, NOW)
    issued = der(client(newer))
    with pytest.raises(CertificateRefused):
        opened.check(issued, NOW)
    publish_chain(tmp_path, ROOT.certificate, [newer.certificate, ISSUING.certificate])
    assert opened.check(issued, NOW).san_uris == (URI,)


def test_the_memory_of_clients_is_bounded(tmp_path: Path) -> None:
    opened = gate(tmp_path, capacity=2)
    for _ in range(4):
        opened.check(der(client()), NOW)
    assert len(opened._seen) == 2


def test_without_our_authorities_nobody_passes(tmp_path: Path) -> None:
    with pytest.raises(CertificateRefused, match="our own"):
        ClientGate(tmp_path / "ca-chain.pem").check(der(client()), NOW)


# --- Where the certificate comes from


def test_the_address_of_a_listener_decides_where_certificates_come_from() -> None:
    assert PeerSource.for_bind("127.0.0.1:8444") is PeerSource.TLS
    assert PeerSource.for_bind("unix:/run/partners.sock") is PeerSource.UNIX_HEADER


def test_a_tls_listener_takes_the_certificate_of_its_connection() -> None:
    connection = SimpleNamespace(getpeercert=lambda binary: b"DER" if binary else {})
    assert PeerSource.TLS.der({"gunicorn.socket": connection}) == b"DER"
    assert PeerSource.TLS.der({}) is None


def test_a_broken_connection_shows_no_certificate() -> None:
    def getpeercert(_: bool) -> bytes:
        raise ValueError("handshake not done yet")

    connection = SimpleNamespace(getpeercert=getpeercert)
    assert PeerSource.TLS.der({"gunicorn.socket": connection}) is None


@pytest.mark.parametrize("field", ["HTTP_CLIENT_CERT", "HTTP_CLIENT_CERT_CHAIN"])
def test_a_tls_listener_refuses_a_certificate_in_a_header(field: str) -> None:
    with pytest.raises(HeaderRefused, match="not accepted here"):
        PeerSource.TLS.der({field: ":QUJD:"})


def test_a_listener_behind_a_proxy_takes_the_header_alone() -> None:
    connection = SimpleNamespace(getpeercert=lambda _: b"DER")
    environ = {"gunicorn.socket": connection, "HTTP_CLIENT_CERT": ":QUJD:"}
    assert PeerSource.UNIX_HEADER.der(environ) == b"ABC"
    assert PeerSource.UNIX_HEADER.der({"gunicorn.socket": connection}) is None


def test_the_field_of_rfc_9440_appendix_a_is_read() -> None:
    example = json.loads((VECTORS / "vectors.json").read_text())["rfc9440_client_cert"]
    read = parse_client_cert(example["header"].removeprefix("Client-Cert: "))
    certificate = x509.load_der_x509_certificate(read)
    assert certificate.subject.rfc4514_string() == example["subject"]
    assert certificate.serial_number == int(example["serial"])
    thumbprint = base64.urlsafe_b64encode(certificate.fingerprint(hashes.SHA256()))
    assert thumbprint.decode().rstrip("=") == example["x5t#S256"]


@pytest.mark.parametrize(
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
def test_a_field_in_another_spelling_is_refused(value: str) -> None:
    with pytest.raises(HeaderRefused):
        parse_client_cert(value)


@given(st.binary(min_size=1, max_size=200))
def test_any_bytes_survive_the_field(data: bytes) -> None:
    assert parse_client_cert(f":{base64.b64encode(data).decode()}:") == data


@given(st.text(alphabet="QUJD=:,;+/ -_", max_size=24))
def test_a_field_that_is_read_has_one_spelling(value: str) -> None:
    try:
        read = parse_client_cert(value)
    except HeaderRefused:
        return
    assert value == f":{base64.b64encode(read).decode()}:"


# --- Server certificates


def test_a_server_certificate_is_good_for_its_names() -> None:
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


def test_a_server_certificate_is_renewed_only_when_it_must_be(tmp_path: Path) -> None:
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
def test_a_gateway_that_was_off_for_a_month_gets_a_new_server_certificate(
    tmp_path: Path, later: timedelta
) -> None:
    path = tmp_path / "public.pem"
    renew_server(path, ISSUING, ["gateway.example"], NOW)
    assert renew_server(path, ISSUING, ["gateway.example"], NOW + later)
    served = x509.load_pem_x509_certificates(path.read_bytes())[0]
    assert served.not_valid_after_utc > NOW + later


def test_other_names_another_authority_or_a_broken_file_renew_at_once(tmp_path: Path) -> None:
    path = tmp_path / "public.pem"
    renew_server(path, ISSUING, ["gateway.example"], NOW)
    assert renew_server(path, ISSUING, ["gateway.example", "::1"], NOW)
    assert renew_server(path, make_issuing("demo", ROOT, NOW), ["gateway.example", "::1"], NOW)
    path.write_bytes(b"broken")
    assert renew_server(path, ISSUING, ["gateway.example"], NOW)


# --- Revocation and alarms


def test_a_revocation_list_names_what_was_revoked_and_ends_after_two_days() -> None:
    issued = client()
    crl = make_crl(ISSUING, [Revoked(issued.serial_number, NOW - DAY)], NOW)
    entry = crl.get_revoked_certificate_by_serial_number(issued.serial_number)
    assert entry is not None
    assert entry.revocation_date_utc == NOW - DAY
    assert crl.get_revoked_certificate_by_serial_number(client().serial_number) is None
    assert crl.next_update_utc == NOW + CRL_LIFE == NOW + timedelta(hours=48)
    assert crl.is_signature_valid(ISSUING.certificate.public_key())
    assert crl.issuer == ISSUING.certificate.subject


def test_a_later_list_has_a_higher_number() -> None:
    numbers = [
        make_crl(ISSUING, [], NOW + hours)
        .extensions.get_extension_for_class(x509.CRLNumber)
        .value.crl_number
        for hours in (timedelta(0), timedelta(hours=1))
    ]
    assert numbers[0] < numbers[1]


def test_every_authoritys_list_is_published_for_openssl_and_by_itself(tmp_path: Path) -> None:
    older = make_issuing("demo", ROOT, NOW)
    lists = {a.id: make_crl(a, [], NOW) for a in (ISSUING, older)}
    publish_crls(tmp_path, lists)
    assert (tmp_path / "crl.pem").read_bytes().count(b"BEGIN X509 CRL") == 2
    for authority in (ISSUING, older):
        alone = x509.load_der_x509_crl((tmp_path / f"{authority.id}.crl").read_bytes())
        assert alone.issuer == authority.certificate.subject


def published(folder: Path, now: datetime = NOW) -> Path:
    publish_chain(folder, ROOT.certificate, [ISSUING.certificate])
    publish_crls(folder, {ISSUING.id: make_crl(ISSUING, [], now)})
    return folder


def test_a_fresh_gateway_raises_no_alarm(tmp_path: Path) -> None:
    assert alarms(published(tmp_path), NOW + timedelta(hours=23)) == []


def test_a_list_past_half_its_life_raises_the_alarm_before_it_ends(tmp_path: Path) -> None:
    (alarm,) = alarms(published(tmp_path), NOW + timedelta(hours=25))
    assert "renew it" in alarm


@pytest.mark.parametrize("hours", [48, 49])
def test_a_list_that_has_ended_is_said_to_lock_clients_out(tmp_path: Path, hours: int) -> None:
    (alarm,) = alarms(published(tmp_path), NOW + timedelta(hours=hours))
    assert "has ended: its clients are refused" in alarm


def test_a_missing_list_and_a_missing_chain_raise_the_alarm(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    assert "every client is refused" in alarms(tmp_path / "empty", NOW)[0]
    (published(tmp_path) / f"{authority_id(ISSUING.certificate)}.crl").unlink()
    assert "cannot be read" in alarms(tmp_path, NOW)[0]


def test_an_authority_near_its_end_raises_the_alarm(tmp_path: Path) -> None:
    later = NOW + 1010 * DAY
    (alarm,) = alarms(published(tmp_path, later), later)
    assert "prepare its successor" in alarm


# --- Files


def test_a_replaced_file_is_another_file_with_the_mode_asked_for(tmp_path: Path) -> None:
    path = tmp_path / "crl.pem"
    replace_file(path, b"one")
    first = path.stat().st_ino
    keep = path.open("rb")  # a reader that opened the old file goes on reading the old one
    replace_file(path, b"two", mode=0o600)
    with keep:
        assert (keep.read(), path.read_bytes()) == (b"one", b"two")
    assert path.stat().st_ino != first
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [file.name for file in tmp_path.iterdir()] == ["crl.pem"]


def test_a_failed_replacement_leaves_the_old_file_and_no_spare(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "crl.pem"
    replace_file(path, b"one")

    def full(_: int) -> None:
        raise OSError("no space left")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="no space left"):
        replace_file(path, b"two")
    assert [file.read_bytes() for file in tmp_path.iterdir()] == [b"one"]
