"""Certificates: authorities, revocation lists, listeners, the console."""

import ssl
from datetime import datetime, timedelta
from pathlib import Path
from urllib.parse import urlsplit

from cryptography import x509

from gateway import wiring
from gateway.doctor.reading import Examined, Findings
from gateway.domain.health import Level
from gateway.maintenance.published import PARTNERS_CERTIFICATE, PUBLIC_CERTIFICATE
from gateway.pki import authority

SOON = timedelta(days=5)
"""Before a listener's certificate ends: it should have been renewed five days earlier."""


def certificates(gateway: Examined) -> Findings:
    """Return what ends soon, or has ended: authorities, revocation lists, listeners'
    certificates."""
    findings = [
        # Of what has ended or is missing, the sentence says who is refused.
        (Level.ERROR if "refused" in sentence else Level.WARNING, sentence)
        for sentence in authority.alarms(gateway.config.published, gateway.now)
    ]
    mend = "see that maintenance runs, which renews it, unless the issuing authority has ended"
    for name in (PUBLIC_CERTIFICATE, PARTNERS_CERTIFICATE, wiring.DELIVERY_CERTIFICATE):
        file = gateway.config.server / name
        if not file.exists():
            missing = f"{file} is missing: maintenance makes it when it starts"
            findings.append((Level.WARNING, missing))
            continue
        ends = x509.load_pem_x509_certificate(file.read_bytes()).not_valid_after_utc
        if gateway.now >= ends:
            findings.append((Level.ERROR, f"{file} ended on {ends:%Y-%m-%d}: {mend}"))
        elif gateway.now > ends - SOON:
            findings.append((Level.WARNING, f"{file} ends on {ends:%Y-%m-%d}: {mend}"))
    yield from findings or [
        (Level.OK, "authorities, lists and listeners' certificates are in force")
    ]


def console(gateway: Examined) -> Findings:
    """Tell whether browsers will believe the console's certificate, and how long."""
    config = gateway.config
    url = config.console_url
    if url is None:
        yield Level.OK, "there is no console: set [console] url for one"
    elif url.startswith("http:"):
        yield Level.WARNING, "the console speaks plain HTTP to this host: for demonstrations only"
    elif config.console_tls is None:
        yield Level.OK, f"a proxy ends the TLS of {url}"
    else:
        yield from _console_certificate(
            *config.console_tls, str(urlsplit(url).hostname), gateway.now
        )


def _console_certificate(file: Path, key: Path, host: str, now: datetime) -> Findings:
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(file, key)
    except OSError:  # ssl.SSLError is one
        yield Level.ERROR, f"{file} and {key}: the certificate or its key cannot be used"
        return
    certificate, *chain = x509.load_pem_x509_certificates(file.read_bytes())
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        named = names.get_values_for_type(x509.DNSName)
    except x509.ExtensionNotFound:
        named = []
    if not {host, f"*.{host.partition('.')[2]}"} & set(named):
        yield Level.ERROR, f"{file} is not for {host}: browsers refuse it"
    ends = certificate.not_valid_after_utc
    if now > ends - SOON:
        level = Level.ERROR if now >= ends else Level.WARNING
        yield level, f"{file} ends on {ends:%Y-%m-%d}: put a new one there, it is read at once"
    elif not chain and certificate.issuer != certificate.subject:
        yield Level.WARNING, f"{file} has no issuing certificate: some browsers will refuse it"
    else:
        yield Level.OK, f"the console's certificate for {host} is in force until {ends:%Y-%m-%d}"
