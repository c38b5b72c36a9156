"""Revocation lists: which certificates of an authority are not to be accepted any more."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from cryptography import x509

from gateway.pki.authority import CertificateAuthority
from gateway.pki.certificate import SKEW

CRL_LIFE = timedelta(hours=48)


@dataclass(frozen=True)
class Revoked:
    """A certificate that is not to be accepted any more, and since when."""

    serial: int
    at: datetime


def make_crl(
    authority: CertificateAuthority, revoked: Iterable[Revoked], now: datetime
) -> x509.CertificateRevocationList:
    """Make an authority's revocation list, good for 48 hours; its number is the time."""
    builder = (
        x509.CertificateRevocationListBuilder()
        .last_update(now - SKEW)
        .next_update(now + CRL_LIFE)
        .add_extension(x509.CRLNumber(int(now.timestamp())), critical=False)
    )
    for entry in revoked:
        builder = builder.add_revoked_certificate(
            x509.RevokedCertificateBuilder()
            .serial_number(entry.serial)
            .revocation_date(entry.at)
            .build()
        )
    return authority.sign_list(builder)
