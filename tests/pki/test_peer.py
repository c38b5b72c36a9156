"""Which clients' certificates pass."""

import base64
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.asymmetric.utils import (
    decode_dss_signature,
    encode_dss_signature,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from hypothesis import given
from hypothesis import strategies as st

from gateway.pki.authority import (
    CertificateAuthority,
    make_issuing,
    make_root,
    publish_chain,
)
from gateway.pki.client_certificate import (
    CertificateRefused,
    ClientCertificate,
    ClientCertificateChecker,
    check_client,
)
from tests.each import each
from tests.pki.certificates import (
    CLIENT_KEY,
    DAY,
    ISSUING,
    NOW,
    ROOT,
    URI,
    check,
    client,
    der,
    extension,
)


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


def test_a_client_of_ours_passes_with_its_thumbprint_and_name() -> None:
    issued = client()
    peer = check(issued)
    digest = base64.urlsafe_b64encode(issued.fingerprint(hashes.SHA256())).decode().rstrip("=")
    assert peer == ClientCertificate(
        digest, (URI,), issued.serial_number, issued.not_valid_after_utc
    )


def test_a_client_with_an_ed25519_key_passes() -> None:
    assert check(client(key=ed25519.Ed25519PrivateKey.generate())).san_uris == (URI,)


def test_a_client_of_another_root_is_refused() -> None:
    foreign = make_issuing("demo", make_root("demo", NOW), NOW)
    with pytest.raises(CertificateRefused):
        check(client(foreign))
    with pytest.raises(CertificateRefused):
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
    with pytest.raises(CertificateRefused):
        check_client(
            der(client(below)), NOW, [ISSUING.certificate, below.certificate], [ROOT.certificate]
        )


@each(
    "offset, reason",
    [(timedelta(minutes=-6), "not in force yet"), (30 * DAY + timedelta(seconds=1), "has ended")],
)
def test_a_certificate_is_refused_outside_its_time(offset: timedelta, reason: str) -> None:
    with pytest.raises(CertificateRefused, match=reason):
        check(client(), NOW + offset)


@each(
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


@each(
    "names",
    [
        [],
        [x509.DNSName("partner.example")],
        [x509.UniformResourceIdentifier(URI), x509.DNSName("partner.example")],
        [x509.UniformResourceIdentifier(URI), x509.UniformResourceIdentifier(URI + "2")],
    ],
)
def test_a_certificate_without_exactly_one_uri_is_refused(names: list[x509.GeneralName]) -> None:
    with pytest.raises(CertificateRefused):
        check(leaf(names=names))


def test_a_name_in_an_encoding_that_no_name_has_is_refused() -> None:
    """Found by the fuzz target: the verifier reads the name to word another refusal, and fails."""
    common_name = bytes.fromhex("0603550403") + b"\x0c"  # its OID, then the tag of UTF8String
    before, found, after = der(client()).rpartition(common_name)
    assert found
    bits = before + common_name[:-1] + b"\x03" + after  # BIT STRING
    client_auth = bytes.fromhex("2b06010505070302")
    assert client_auth in bits
    bits = bits.replace(client_auth, client_auth[:-1] + b"\x0c")  # another use than clientAuth
    with pytest.raises(CertificateRefused):
        check_client(bits, NOW, [ISSUING.certificate], [ROOT.certificate])


@given(st.binary(max_size=200))
def test_bytes_that_are_no_certificate_are_refused(data: bytes) -> None:
    with pytest.raises(CertificateRefused):
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
    peer, *_ = check_client(twin, NOW, [ISSUING.certificate], [ROOT.certificate])
    assert peer.serial == issued.serial_number
    assert peer.thumbprint != check(issued).thumbprint


def gate(folder: Path, capacity: int = 8) -> ClientCertificateChecker:
    publish_chain(folder, ROOT.certificate, [ISSUING.certificate])
    return ClientCertificateChecker(folder / "ca-chain.pem", capacity)


def test_a_remembered_client_is_refused_when_its_certificate_has_ended(tmp_path: Path) -> None:
    opened, issued = gate(tmp_path), der(client())
    assert opened.check(issued, NOW).san_uris == (URI,)
    with pytest.raises(CertificateRefused):
        opened.check(issued, NOW + 31 * DAY)
    with pytest.raises(CertificateRefused):
        opened.check(issued, NOW - DAY)


def test_a_remembered_client_is_refused_when_its_authority_is_withdrawn(tmp_path: Path) -> None:
    opened, issued = gate(tmp_path), der(client())
    opened.check(issued, NOW)
    publish_chain(tmp_path, ROOT.certificate, [make_issuing("demo", ROOT, NOW).certificate])
    with pytest.raises(CertificateRefused):
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
    with pytest.raises(CertificateRefused):
        ClientCertificateChecker(tmp_path / "ca-chain.pem").check(der(client()), NOW)
