"""What is published: authorities, revocation lists, and the listeners' own certificates."""

from datetime import datetime, timedelta

from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID

from gateway.config import Config
from gateway.domain.organisation import system_uri
from gateway.domain.refusals import HighWaterMarkUnavailable, LogFrozen
from gateway.files import PrivateFileError
from gateway.kernel.actors import GATEWAY
from gateway.kernel.ports import TransactionMode
from gateway.maintenance.upkeep import Maintenance, Published, TaskReport
from gateway.pki import authority, rotation
from gateway.pki.authority import (
    AuthorityError,
    CertificateAuthority,
    Revoked,
    make_crl,
    renew_server,
)
from gateway.wiring import DELIVERY_CERTIFICATE, GatewayRuntime

PUBLIC_CERTIFICATE = "public.pem"
PARTNERS_CERTIFICATE = "partners.pem"

PUBLISH_EVERY = timedelta(hours=1)  # of the 48 that a list lives: 47 chances to notice a failure


def refresh_authorities(upkeep: Maintenance, now: datetime) -> TaskReport:
    """Read what a ceremony changed; one that cannot be read changes nothing."""
    try:
        upkeep.authority.refresh()
        return TaskReport(tuple(rotation.reminder(upkeep.gateway.config.issuing, now)))
    except (AuthorityError, PrivateFileError, OSError) as error:
        return TaskReport((f"the issuing authorities stay as they were: {error}",))


def publish(upkeep: Maintenance, now: datetime) -> TaskReport:
    """Publish lists each hour, and at once when a certificate or an authority changed.

    Authorities before their lists: a client of one without a list is refused.
    """
    config, authorities = upkeep.gateway.config, upkeep.authority.authorities
    with upkeep.gateway.ports.begin(TransactionMode.READ) as work:
        revoked = [
            Revoked(certificate.serial, certificate.revoked_at)
            for certificate in work.organisations.revoked(now)
            if certificate.revoked_at is not None
        ]
    trusted = (*upkeep.authority.coming, *authorities)
    serials = frozenset(entry.serial for entry in revoked)
    ids = (authorities[0].id, *(authority.id for authority in trusted))
    last = upkeep.published
    if last and last[1:3] == (serials, ids) and last.at <= now < last.at + PUBLISH_EVERY:
        return TaskReport(last.alarms)
    if not _is_newest(upkeep.gateway):
        # A database that may be an older copy lets nobody in again: who is listed stays so.
        listed = authority.listed_in(config.published)
        revoked += [entry for entry in listed if entry.serial not in serials]
    root_file = config.published / authority.ROOT_FILE
    alarms: tuple[str, ...] = ()
    try:
        root = x509.load_pem_x509_certificate(root_file.read_bytes())
    except (OSError, ValueError):  # without it the lists still go out
        alarms = (f"{root_file} cannot be read: put it back",)
    else:
        authority.publish_chain(config.published, root, [one.certificate for one in trusted])
    crls = {authority.id: make_crl(authority, revoked, now) for authority in trusted}
    authority.publish_crls(config.published, crls)
    renew_certificates(config, authorities[0], now)
    upkeep.published = Published(now, serials, ids, alarms)
    return TaskReport(alarms)


def _is_newest(gateway: GatewayRuntime) -> bool:
    """Tell whether the database has all that was signed: an older copy forgot who was revoked."""
    try:
        gateway.continuity.check()
    except (LogFrozen, HighWaterMarkUnavailable):
        return False
    return True


def renew_certificates(config: Config, authority: CertificateAuthority, now: datetime) -> None:
    """Renew the gateway's certificates that end within ten days, or name other hosts.

    The last one is that by which receivers know the gateway.
    """
    renew_server(config.server / PUBLIC_CERTIFICATE, authority, config.public_names, now)
    renew_server(config.server / PARTNERS_CERTIFICATE, authority, config.partners_names, now)
    names = (*config.public_names, system_uri(config.name, GATEWAY, "deliver"))
    client, usage = config.server / DELIVERY_CERTIFICATE, ExtendedKeyUsageOID.CLIENT_AUTH
    renew_server(client, authority, names, now, usage)


def review_published(upkeep: Maintenance, now: datetime) -> TaskReport:
    """Look at what is published as partners and listeners read it."""
    return TaskReport(tuple(authority.alarms(upkeep.gateway.config.published, now)))


def certificates_end(config: Config) -> dict[str, datetime]:
    """When the authorities, the lists and the listeners' own certificates end; what cannot be read
    is left out."""
    found = authority.ends(config.published)
    for name, file in (("public", PUBLIC_CERTIFICATE), ("partners", PARTNERS_CERTIFICATE)):
        try:
            leaf, *_ = x509.load_pem_x509_certificates((config.server / file).read_bytes())
        except (OSError, ValueError):
            continue
        found[f"{name} listener"] = leaf.not_valid_after_utc
    return found
