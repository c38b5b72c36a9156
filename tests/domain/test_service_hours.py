"""The clock of service hours: monotone, half-open, right at changes of summer time, never early."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.domain.service_hours import WEEKDAYS, ServiceHours
from tests.each import each

OFFICE = ServiceHours(
    "Europe/Paris",
    ("mon 09:00-17:00", *(f"{day} 09:00-17:00" for day in WEEKDAYS[1:5])),
    (date(2026, 5, 1),),
)
PARIS = ZoneInfo("Europe/Paris")
DAY = timedelta(days=1)
YEAR = datetime(2026, 1, 1, tzinfo=UTC)


def paris(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=PARIS)


@each(
    "since, days, ends",
    [
        ("2026-03-03T10:00", 3, "2026-03-06T10:00"),  # Tuesday to Friday
        ("2026-03-06T17:00", 3, "2026-03-12T09:00"),  # Friday evening: Mon, Tue, Wed, then opening
        ("2026-03-07T12:00", 3, "2026-03-12T09:00"),  # Saturday
        ("2026-03-06T10:00", 3, "2026-03-11T10:00"),  # Friday to Wednesday
        ("2026-04-30T10:00", 1, "2026-05-04T10:00"),  # a holiday on Friday
        ("2026-03-27T10:00", 1, "2026-03-30T10:00"),  # summer time begins on Sunday
        ("2026-10-23T10:00", 1, "2026-10-26T10:00"),  # and ends
        ("2026-03-03T03:00", 1, "2026-03-04T09:00"),  # at night: when it opens
        ("2026-03-03T16:59", 1, "2026-03-04T16:59"),
        ("2026-03-03T17:00", 1, "2026-03-05T09:00"),  # half-open: 17:00 is no service
    ],
)
def test_a_term_counts_days_of_service_and_ends_in_service(since, days, ends):
    assert OFFICE.end_of(paris(since), days * DAY) == paris(ends)


_halves = st.integers(0, 47)


def clock(halves: int) -> str:
    return f"{halves // 2:02}:{halves % 2 * 30:02}"


@st.composite
def service_hours(draw):
    spans = []
    for day in draw(st.sets(st.sampled_from(WEEKDAYS), min_size=1)):
        begins, length = draw(_halves), draw(st.integers(1, 48))
        spans.append(f"{day} {clock(begins)}-{clock(min(begins + length, 48))}")
    zone = draw(st.sampled_from(["Europe/Paris", "UTC", "America/New_York", "Asia/Beirut"]))
    days = st.dates(date(2026, 1, 1), date(2026, 12, 31))
    return ServiceHours(zone, tuple(spans), tuple(draw(st.lists(days, max_size=5))))


_moments = st.timedeltas(timedelta(0), timedelta(days=330)).map(YEAR.__add__)
_terms = st.timedeltas(timedelta(minutes=1), timedelta(days=14))


@given(service_hours(), _moments, _moments, _terms)
def test_what_begins_later_never_ends_earlier(hours, one, other, term):
    first, second = sorted((one, other))
    assert hours.end_of(first, term) <= hours.end_of(second, term)


@given(service_hours(), _moments, _terms, _terms)
def test_a_longer_term_never_ends_earlier(hours, since, one, other):
    shorter, longer = sorted((one, other))
    assert hours.end_of(since, shorter) <= hours.end_of(since, longer)


@given(service_hours(), _moments, _terms)
def test_a_term_ends_in_a_span_of_service_and_never_before_the_plain_clock(hours, since, term):
    ends = hours.end_of(since, term)
    assert ends >= since + term
    local = ends.astimezone(ZoneInfo(hours.time_zone))
    assert local.date() not in hours.holidays
    assert any(one.startswith(WEEKDAYS[local.weekday()]) for one in hours.hours)


@given(_moments, _terms)
def test_who_is_always_there_has_the_plain_clock(since, term):
    always = ServiceHours("Europe/Paris", tuple(f"{day} 00:00-24:00" for day in WEEKDAYS))
    assert always.end_of(since, term) == since + term


@each(
    "hours",
    [
        (),
        ("mon 9:00-17:00",),
        ("mon 17:00-09:00",),
        ("mon 09:00-09:00",),
        ("mon 09:00-12:00", "mon 11:00-17:00"),
        ("monday 09:00-12:00",),
        ("mon 09:00-25:00",),
    ],
)
def test_what_is_no_week_of_service_is_refused(hours):
    with pytest.raises(ValueError, match=r"serv"):
        ServiceHours("Europe/Paris", hours)


def test_two_spans_may_touch_and_come_in_any_order():
    hours = ServiceHours("UTC", ("mon 12:00-17:00", "mon 09:00-12:00"))
    at = datetime(2026, 3, 2, 11, 0, tzinfo=UTC)
    assert hours.end_of(at, timedelta(hours=1)) == at + timedelta(hours=1)


def test_an_unknown_time_zone_is_refused():
    with pytest.raises((ValueError, LookupError)):
        ServiceHours("Europe/Nowhere", ("mon 09:00-12:00",))
