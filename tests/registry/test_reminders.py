"""Reminders: an event in the member's own stream at 14, 7 and 3 days, and once each."""

from datetime import timedelta

import pytest

from gateway.domain.organisation import Certificate
from gateway.kernel.ports import TransactionMode
from gateway.registry.enrolment import remind
from tests.founded_gateway import DESK, HOTLINE, OCRVP, Founded
from tests.founding import founded
from tests.log_check import check_log
from tests.ports import START
from tests.registry.test_enrolment import stream_of


@pytest.fixture
def gateway() -> Founded:
    return founded()


def add(gateway: Founded, days: int, thumb: str = "thumb") -> None:
    gateway.beside.add(HOTLINE)
    with gateway.ports.begin(TransactionMode.REGISTRY) as work:
        ends = START + timedelta(days=days)
        work.organisations.add_certificate(Certificate(thumb, 1, HOTLINE, DESK, ends))
        work.commit()


def told(gateway: Founded, organisation: str = HOTLINE) -> int:
    return stream_of(gateway, organisation).count(("certificate.expiring", "allowed"))


def test_an_organisation_and_nobody_else_is_told_once_at_each_threshold(gateway):
    add(gateway, 30)
    seen = []
    for _ in range(31):
        for _ in range(3):
            size, due = gateway.size(), remind(gateway.ports)
            assert gateway.size() == size + due, "nothing is written when nothing is due"
        seen.append(told(gateway))
        gateway.clock.advance(timedelta(days=1))
    assert [seen.index(n) for n in (1, 2, 3)] == [30 - 14, 30 - 7, 30 - 3]
    assert seen[-1] == 3
    assert told(gateway, OCRVP) == 0
    check_log(gateway)


def test_a_certificate_that_has_a_successor_or_was_revoked_is_not_told_of(gateway):
    add(gateway, 10)
    gateway.administer("certificate.revoke", HOTLINE, thumbprint="thumb", reason="lost")
    assert remind(gateway.ports) == 0
    add(gateway, 11, "other")
    add(gateway, 30, "next")
    assert remind(gateway.ports) == 0
