"""The published folder: authorities' certificates and revocation lists, and what to act on."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.x509.oid import NameOID

from gateway import files
from gateway.pki.authority import SKEW, CertificateAuthority, authority_id

AUTHORITY_ALARM = timedelta(days=90)  # time to find the root's keeper and hold the ceremony

ROOT_FILE = "root.pem"
CHAIN_FILE = "ca-chain.pem"
CRL_FILE = "crl.pem"

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


def publish_chain(
    folder: Path, root: x509.Certificate, issuing: Sequence[x509.Certificate]
) -> None:
    """Write the root and the issuing authorities' certificates for listeners and partners."""
    pems = (c.public_bytes(serialization.Encoding.PEM) for c in (root, *issuing))
    chain = b"".join(pems)
    file = folder / CHAIN_FILE
    if not file.exists() or file.read_bytes() != chain:  # listeners read again what is replaced
        files.replace(file, chain, mode=0o644)


def publish_crls(folder: Path, lists: Mapping[str, x509.CertificateRevocationList]) -> None:
    """Write revocation lists, by authority id: `<id>.crl` in DER, and `crl.pem` with all of them.

    OpenSSL refuses every client of an authority without a fresh list, so all are given at once.
    The list of an authority that is not among them is withdrawn: nobody renews it.
    """
    for authority, crl in lists.items():
        files.replace(
            folder / f"{authority}.crl", crl.public_bytes(serialization.Encoding.DER), mode=0o644
        )
    pems = (crl.public_bytes(serialization.Encoding.PEM) for crl in lists.values())
    files.replace(folder / CRL_FILE, b"".join(pems), mode=0o644)
    for file in folder.glob("*.crl"):
        if file.stem not in lists:
            file.unlink()


def listed_in(folder: Path) -> list[Revoked]:
    """Who stands in the lists as they are published; of one that cannot be read, nobody."""
    found: dict[int, Revoked] = {}
    for file in folder.glob("*.crl"):
        try:
            entries = [*x509.load_der_x509_crl(file.read_bytes())]
        except (OSError, ValueError):
            continue
        found |= {e.serial_number: Revoked(e.serial_number, e.revocation_date_utc) for e in entries}
    return list(found.values())


def ends(folder: Path) -> dict[str, datetime]:
    """When the published authorities and their revocation lists end, by a short name of each.

    What cannot be read is left out: `alarms` tells it.
    """
    found = {}
    try:
        certificates = x509.load_pem_x509_certificates((folder / CHAIN_FILE).read_bytes())
    except (OSError, ValueError):
        return {}
    for certificate in certificates:
        if certificate.issuer == certificate.subject:
            found["root"] = certificate.not_valid_after_utc
            continue
        name = authority_id(certificate)
        found[f"issuing {name}"] = certificate.not_valid_after_utc
        try:
            crl = x509.load_der_x509_crl((folder / f"{name}.crl").read_bytes())
        except (OSError, ValueError):
            continue
        if crl.next_update_utc is not None:
            found[f"revocation list {name}"] = crl.next_update_utc
    return found


def alarms(folder: Path, now: datetime) -> list[str]:
    """What the operator must act on in the published folder, one sentence each.

    A revocation list past half its life means that `maintain` has not worked for a day, with a
    day left before every client is refused; an authority within 90 days of its end is replaced.
    """
    try:
        certificates = x509.load_pem_x509_certificates((folder / CHAIN_FILE).read_bytes())
    except (OSError, ValueError):
        return [f"{folder / CHAIN_FILE} cannot be read: every client is refused"]
    found = [
        f"{_common_name(c)} ends on {c.not_valid_after_utc:%Y-%m-%d}: prepare its successor"
        for c in _last_of_their_kind(certificates)
        if now > c.not_valid_after_utc - AUTHORITY_ALARM
    ]
    for certificate in certificates:
        if certificate.issuer != certificate.subject:
            found += _list_alarm(folder / f"{authority_id(certificate)}.crl", certificate, now)
    return found


def _last_of_their_kind(certificates: Sequence[x509.Certificate]) -> list[x509.Certificate]:
    """The roots and the newest issuing authority: those before it have their successor."""
    roots = [c for c in certificates if c.issuer == c.subject]
    issuing = [c for c in certificates if c.issuer != c.subject]
    return [*roots, *sorted(issuing, key=lambda c: c.not_valid_before_utc)[-1:]]


def _list_alarm(path: Path, authority: x509.Certificate, now: datetime) -> list[str]:
    name = _common_name(authority)
    try:
        crl = x509.load_der_x509_crl(path.read_bytes())
    except (OSError, ValueError):
        return [f"the revocation list of {name} cannot be read: its clients are refused"]
    ends = crl.next_update_utc
    if ends is None or now >= ends:
        return [f"the revocation list of {name} has ended: its clients are refused"]
    if now > ends - CRL_LIFE / 2:
        return [f"the revocation list of {name} ends at {ends:%Y-%m-%d %H:%M} UTC: renew it"]
    return []


def _common_name(certificate: x509.Certificate) -> str:
    return str(certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)[0].value)
