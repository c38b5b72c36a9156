"""The authorities: what they may sign, and how their keys open."""

from datetime import datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from gateway.pki.authority import (
    CRL_LIFE,
    AuthorityError,
    Revoked,
    alarms,
    authority_id,
    load_authority,
    make_crl,
    make_issuing,
    publish_chain,
    publish_crls,
)
from tests.each import each
from tests.pki.certificates import DAY, ISSUING, NOW, ROOT, client, extension


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


# --- The published folder, and the alarms about it ---


def test_every_authoritys_list_is_published_for_openssl_and_by_itself(tmp_path):
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


@each("hours, words", [(23, ""), (25, "renew it"), (48, "has ended: its clients are refused")])
def test_a_list_raises_the_alarm_half_its_life_before_its_end(tmp_path, hours, words):
    told = alarms(published(tmp_path), NOW + timedelta(hours=hours))
    assert [words in one for one in told] == ([True] if words else [])


def test_a_missing_list_and_a_missing_chain_raise_the_alarm(tmp_path):
    (tmp_path / "empty").mkdir()
    assert "every client is refused" in alarms(tmp_path / "empty", NOW)[0]
    (published(tmp_path) / f"{authority_id(ISSUING.certificate)}.crl").unlink()
    assert "cannot be read" in alarms(tmp_path, NOW)[0]


def test_an_authority_near_its_end_raises_the_alarm(tmp_path):
    later = NOW + 1010 * DAY
    (alarm,) = alarms(published(tmp_path, later), later)
    assert "prepare its successor" in alarm


def test_an_authority_that_has_its_successor_raises_no_alarm(tmp_path):
    later = NOW + 1010 * DAY
    newer = make_issuing("demo", ROOT, later)
    publish_chain(tmp_path, ROOT.certificate, [newer.certificate, ISSUING.certificate])
    publish_crls(tmp_path, {a.id: make_crl(a, [], later) for a in (newer, ISSUING)})
    assert alarms(tmp_path, later) == []


def test_the_list_of_an_authority_that_was_retired_is_withdrawn(tmp_path):
    newer = make_issuing("demo", ROOT, NOW)
    publish_crls(tmp_path, {a.id: make_crl(a, [], NOW) for a in (newer, ISSUING)})
    publish_crls(tmp_path, {newer.id: make_crl(newer, [], NOW)})
    assert [file.stem for file in tmp_path.glob("*.crl")] == [newer.id]


def test_a_chain_that_is_the_same_is_not_written_anew(tmp_path):
    before = (published(tmp_path) / "ca-chain.pem").stat().st_ino
    publish_chain(tmp_path, ROOT.certificate, [ISSUING.certificate])
    assert (tmp_path / "ca-chain.pem").stat().st_ino == before


# --- Revocation lists ---


def test_a_revocation_list_names_what_was_revoked_and_ends_after_two_days():
    issued = client()
    crl = make_crl(ISSUING, [Revoked(issued.serial_number, NOW - DAY)], NOW)
    entry = crl.get_revoked_certificate_by_serial_number(issued.serial_number)
    assert entry is not None
    assert entry.revocation_date_utc == NOW - DAY
    assert crl.get_revoked_certificate_by_serial_number(client().serial_number) is None
    assert crl.next_update_utc == NOW + CRL_LIFE == NOW + timedelta(hours=48)
    assert crl.is_signature_valid(ISSUING.certificate.public_key())
    assert crl.issuer == ISSUING.certificate.subject


def test_a_later_list_has_a_higher_number():
    numbers = [
        make_crl(ISSUING, [], NOW + hours)
        .extensions.get_extension_for_class(x509.CRLNumber)
        .value.crl_number
        for hours in (timedelta(0), timedelta(hours=1))
    ]
    assert numbers[0] < numbers[1]
