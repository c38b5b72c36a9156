"""The days on which a mandate is asked for."""

from datetime import UTC, date, datetime

import pytest

from gateway.verification import mandates
from gateway.verification.report import VerificationFailed
from tests.each import each


def test_a_moment_is_of_all_days_that_it_has_somewhere():
    assert mandates.days_of(datetime(2026, 3, 1, 11, tzinfo=UTC)) == (
        date(2026, 2, 28),
        date(2026, 3, 2),
    )


@each("at", [(1, 1, 1), (9999, 12, 31, 23)])
def test_a_moment_at_the_end_of_the_calendar_proves_nothing(at):
    with pytest.raises(VerificationFailed):
        mandates.days_of(datetime(*at, tzinfo=UTC))
