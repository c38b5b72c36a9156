"""The doctor tells which certificates and lists end, and whether browsers believe the console's."""

from datetime import timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from gateway import wiring
from gateway.domain.health import Level
from tests.doctor.finding import findings, sentences
from tests.operating import Operator
from tests.time_stamping import certify, new_key, new_root

DAY = timedelta(days=1)


def test_a_list_of_a_time_to_come_is_an_error(gw: Operator) -> None:
    assert "is to come" in sentences(gw, "certificates", Level.ERROR, -DAY)


@pytest.mark.parametrize(
    ("later", "level", "words"),
    [
        (timedelta(0), Level.OK, "are in force"),
        (timedelta(hours=30), Level.WARNING, "revocation list"),
        (timedelta(hours=49), Level.ERROR, "its clients are refused"),
        (26 * DAY, Level.WARNING, "public.pem ends"),
        (31 * DAY, Level.ERROR, "partners.pem ended"),
    ],
)
def test_what_ends_is_told_in_time(
    gw: Operator, later: timedelta, level: Level, words: str
) -> None:
    assert words in sentences(gw, "certificates", level, later)


def test_a_certificate_that_was_cut_off_is_a_finding_like_others(gw: Operator) -> None:
    whole = next(gw.config.published.glob("*.pem")).read_bytes()
    (gw.config.server / "public.pem").write_bytes(whole[:200])
    cut = [one for one in findings(gw) if "wrong content" in one.sentence]
    assert [one.level for one in cut] == [Level.ERROR] * len(cut)
    assert cut


def console_of(gw: Operator, host: str, days: int) -> str:
    """A gateway with a console whose certificate is for a host; where its key is, as TOML."""
    root, key, own = new_root(), new_key(), wiring.now() - DAY
    names = (x509.SubjectAlternativeName([x509.DNSName(host)]), False)
    certificate = certify(
        host, key, root.certificate.subject, root.key, names, since=own, days=days
    )
    pem = b"".join(one.public_bytes(Encoding.PEM) for one in (certificate, root.certificate))
    (gw.folder / "console.pem").write_bytes(pem)
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    (gw.folder / "console.key").write_bytes(private)
    gw.set("console", "url", '"https://console.example"')
    gw.set("console", "certificate", '"console.pem"')
    gw.set("console", "key", '"console.key"')
    return "console.key"


def test_a_console_s_certificate_is_for_its_host_and_in_force(gw: Operator) -> None:
    assert "there is no console" in sentences(gw, "console", Level.OK)
    console_of(gw, "console.example", 90)
    assert "in force" in sentences(gw, "console", Level.OK)
    assert "ends on" in sentences(gw, "console", Level.WARNING, 85 * DAY)
    assert "ends on" in sentences(gw, "console", Level.ERROR, 91 * DAY)
    console_of(gw, "*.example", 90)
    assert "in force" in sentences(gw, "console", Level.OK)
    console_of(gw, "gateway.example", 90)
    assert "browsers refuse it" in sentences(gw, "console", Level.ERROR)


def test_a_console_s_certificate_without_its_key_or_its_chain_is_a_finding(gw: Operator) -> None:
    key = gw.folder / console_of(gw, "console.example", 90)
    (gw.folder / "console.pem").write_bytes(
        (gw.folder / "console.pem").read_bytes().partition(b"-----END CERTIFICATE-----\n")[0]
        + b"-----END CERTIFICATE-----\n"
    )
    assert "issuing certificate" in sentences(gw, "console", Level.WARNING)
    key.write_bytes(b"none")
    assert "certificate or its key" in sentences(gw, "console", Level.ERROR)
