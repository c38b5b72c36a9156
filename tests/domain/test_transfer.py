"""Who is in a third country, and when a transfer tool opens the way there."""

from dataclasses import replace
from datetime import date, timedelta
from uuid import UUID

from gateway.domain.mandate import Period
from gateway.domain.organisation import INSIDE, Agreement, Organisation, Status
from tests.each import each

DAY = date(2026, 3, 2)


def organisation(country: str, *agreements: Agreement) -> Organisation:
    made = Organisation("far", "F", "hotline", False, frozenset({"gdpr"}), country, Status.ACTIVE)
    return replace(made, agreements=agreements)


def agreement(kind: str, period: Period) -> Agreement:
    return Agreement(UUID(int=1), kind, "all", "Art. 46", period)


def test_thirty_countries_are_inside():
    assert len(INSIDE) == 30
    assert not any(organisation(country).is_transfer_barred_on(DAY) for country in INSIDE)


@each("country", ["GB", "CH", "US", "JP", "XX"])
def test_all_others_are_outside_until_a_tool_is_recorded(country):
    assert organisation(country).is_transfer_barred_on(DAY)
    assert organisation(country, agreement("membership", Period(DAY))).is_transfer_barred_on(DAY)
    assert not organisation(country, agreement("transfer", Period(DAY))).is_transfer_barred_on(DAY)


def test_a_tool_opens_the_way_on_its_days_alone():
    tool = agreement("transfer", Period(DAY, DAY + timedelta(days=1)))
    days = (DAY - timedelta(days=1), DAY, DAY + timedelta(days=1))
    assert [organisation("US", tool).is_transfer_barred_on(day) for day in days] == [
        True,
        False,
        True,
    ]
