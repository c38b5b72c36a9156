"""Values come back from the database as they went in."""

from datetime import UTC, date, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.store.columns import Day, Instant, TextList, TextSet


def there_and_back(column, value):
    return column.read(column.write(value))


ZONES = st.sampled_from([UTC, timezone(timedelta(hours=-5, minutes=-30))])


@given(st.datetimes(max_value=datetime(9999, 12, 31), timezones=ZONES))  # noqa: DTZ001
def test_a_time_keeps_its_microseconds(value):
    back = there_and_back(Instant(), value)
    assert back == value
    assert back.tzinfo is UTC


@given(st.datetimes(timezones=st.just(UTC)), st.datetimes(timezones=st.just(UTC)))
def test_times_are_stored_in_their_own_order(one, other):
    stored = [Instant().write(value) for value in (one, other)]
    assert (stored[0] < stored[1]) == (one < other)


def test_a_time_that_could_not_be_read_back_is_not_written():
    late = datetime.max.replace(tzinfo=timezone(timedelta(hours=-12)))
    with pytest.raises(OverflowError):
        Instant().write(late)


def test_a_time_without_a_zone_is_refused():
    with pytest.raises(TypeError):
        Instant().write(datetime(2026, 1, 1))  # noqa: DTZ001


@given(st.dates())
def test_a_day_is_kept(value):
    assert there_and_back(Day(), value) == value


@given(st.frozensets(st.text()))
def test_a_set_is_kept_and_has_one_spelling(value):
    assert there_and_back(TextSet(), value) == value
    spelled = TextSet().write(value)
    assert TextSet().write(sorted(value, reverse=True)) == spelled


@given(st.lists(st.text()).map(tuple))
def test_a_list_keeps_its_order(value):
    assert there_and_back(TextList(), value) == value


def test_a_day_is_not_a_time():
    assert there_and_back(Day(), date(2026, 3, 2)) == date(2026, 3, 2)
