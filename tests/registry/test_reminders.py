"""Reminders: an event in the member's own stream at 14, 7 and 3 days, and once each."""

from datetime import timedelta

from gateway.domain.organisation import Certificate
from gateway.kernel.ports import TransactionMode
from gateway.registry.enrolment import remind
from tests.founding import DESK, HOTLINE, OCRVP, START, Founded, check_log, founded
from tests.registry.test_enrolment import stream_of


def with_certificate(days: int, organisation: str = HOTLINE, thumb: str = "thumb") -> Founded:
    gateway = founded()
    add(gateway, days, organisation, thumb)
    return gateway


def add(gateway: Founded, days: int, organisation: str = HOTLINE, thumb: str = "thumb") -> None:
    gateway.beside.add(organisation)
    with gateway.ports.begin(TransactionMode.REGISTRY) as work:
        ends = START + timedelta(days=days)
        work.organisations.add_certificate(Certificate(thumb, 1, organisation, DESK, ends))
        work.commit()


def told(gateway: Founded, organisation: str = HOTLINE) -> int:
    return stream_of(gateway, organisation).count(("certificate.expiring", "allowed"))


def test_an_organisation_is_told_once_at_each_threshold():
    gateway = with_certificate(30)
    seen = []
    for _ in range(31):
        for _ in range(3):
            remind(gateway.ports)
        seen.append(told(gateway))
        gateway.clock.advance(timedelta(days=1))
    assert [seen.index(n) for n in (1, 2, 3)] == [30 - 14, 30 - 7, 30 - 3]
    assert seen[-1] == 3
    check_log(gateway)


def test_a_certificate_that_has_a_successor_is_not_told_of():
    gateway = with_certificate(10)
    add(gateway, 30, thumb="next")
    assert remind(gateway.ports) == 0


def test_a_revoked_certificate_is_not_told_of():
    gateway = with_certificate(10)
    gateway.administer("certificate.revoke", HOTLINE, thumbprint="thumb", reason="lost")
    assert remind(gateway.ports) == 0


def test_nobody_hears_of_the_certificates_of_others():
    gateway = with_certificate(10)
    assert remind(gateway.ports) == 1
    assert (told(gateway), told(gateway, OCRVP)) == (1, 0)


def test_nothing_is_written_when_nothing_is_due():
    gateway = with_certificate(20)
    size = gateway.size()
    assert remind(gateway.ports) == 0
    assert gateway.size() == size
