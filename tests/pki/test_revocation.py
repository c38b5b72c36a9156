"""Revocation lists."""

from datetime import timedelta

from cryptography import x509

from gateway.pki.authority import CRL_LIFE, Revoked, make_crl
from tests.pki.certificates import DAY, ISSUING, NOW, client


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
