"""Times and days have one strict form."""

from datetime import UTC, date, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.domain.timestamp import parse_date, parse_timestamp
from tests.each import each


@each("text", ["2026-01-02T03:04:05Z", "2026-01-02T04:04:05+01:00", "2026-01-02T03:04:05.000000Z"])
def test_a_time_with_its_offset_is_read(text):
    assert parse_timestamp(text) == datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


@each(
    "text",
    [
        "2026-01-02T03:04:05",
        "2026-01-02T03:04:05-00:00",
        "2026-01-02 03:04:05Z",
        "2026-01-02t03:04:05z",
        "2026-02-30T03:04:05Z",
        "2026-01-02T25:04:05Z",
        "2026-01-02T03:04:05+25:00",
        "2026-01-02T03:04:60Z",
        "2026-01-02T03:04Z",
        "20260102T030405Z",
        "2026-W01-5T03:04:05Z",
        "2026-01-02T03:04:05Z\n",
        "２026-01-02T03:04:05Z",
        "2026-01-02T03:04:05.Z",
        "2026-01-02T03:04:05.1234567Z",
        "9999-12-31T23:59:59-00:01",
        "0001-01-01T00:00:00+00:01",
    ],
)
def test_another_form_of_a_time_is_refused(text):
    with pytest.raises(ValueError, match=r"."):
        parse_timestamp(text)


def test_a_day_is_read():
    assert parse_date("2024-02-29") == date(2024, 2, 29)


@each("text", ["2026-02-29", "2026-1-2", "20260102", "2026-01-02 ", "0000-01-01"])
def test_another_form_of_a_day_is_refused(text):
    with pytest.raises(ValueError, match=r"."):
        parse_date(text)


@given(st.datetimes(timezones=st.timezones()))
def test_every_time_that_python_writes_in_utc_is_read_back(moment):
    in_utc = moment.replace(year=max(2, min(9998, moment.year)), tzinfo=UTC)
    assert parse_timestamp(in_utc.isoformat()) == in_utc
