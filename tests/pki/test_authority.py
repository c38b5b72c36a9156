"""The authorities: what they may sign, and how their keys open."""

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from gateway import files
from gateway.pki.authority import AuthorityError, load_authority, load_issuing, make_issuing
from tests.each import each
from tests.pki.certificates import DAY, ISSUING, NOW, ROOT, extension


def test_the_root_may_stand_above_one_level_and_the_issuing_authority_above_none():
    root = extension(ROOT.certificate, x509.BasicConstraints)
    issuing = extension(ISSUING.certificate, x509.BasicConstraints)
    assert (root.ca, root.path_length, issuing.ca, issuing.path_length) == (True, 1, True, 0)
    assert ROOT.certificate.not_valid_after_utc - NOW >= 10 * 365 * DAY
    assert ISSUING.certificate.not_valid_after_utc - NOW == 3 * 365 * DAY
    assert extension(ISSUING.certificate, x509.KeyUsage).key_cert_sign
    assert not extension(ISSUING.certificate, x509.KeyUsage).digital_signature
    ISSUING.certificate.verify_directly_issued_by(ROOT.certificate)


def test_a_root_near_its_end_makes_no_issuing_authority():
    with pytest.raises(AuthorityError):
        make_issuing("demo", ROOT, NOW + 8 * 365 * DAY)


def test_two_issuing_authorities_have_two_names():
    other = make_issuing("demo", ROOT, NOW)
    assert other.certificate.subject != ISSUING.certificate.subject
    assert other.id != ISSUING.id


def test_an_authority_is_read_back_with_its_passphrase():
    pem = ROOT.key_pem(b"a long passphrase")
    with pytest.raises(TypeError, match="encrypted"):
        load_pem_private_key(pem, None)
    assert load_authority(ROOT.certificate_pem(), pem, b"a long passphrase").id == ROOT.id


@each("passphrase", [None, b"wrong"])
def test_an_encrypted_authority_does_not_open_otherwise(passphrase):
    with pytest.raises(AuthorityError):
        load_authority(ROOT.certificate_pem(), ROOT.key_pem(b"right"), passphrase)


def test_a_key_of_another_authority_is_refused():
    with pytest.raises(AuthorityError):
        load_authority(ISSUING.certificate_pem(), ROOT.key_pem())


def test_issuing_authorities_are_read_newest_first(tmp_path):
    newer = make_issuing("demo", ROOT, NOW + DAY)
    for authority in (ISSUING, newer):
        (tmp_path / f"{authority.id}.pem").write_bytes(authority.certificate_pem())
        files.create(tmp_path / f"{authority.id}.key", authority.key_pem())
    assert [a.id for a in load_issuing(tmp_path)] == [newer.id, ISSUING.id]


def test_a_folder_without_issuing_authority_is_said(tmp_path):
    with pytest.raises(AuthorityError):
        load_issuing(tmp_path)
