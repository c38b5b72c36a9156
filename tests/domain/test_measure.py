"""Measures: how long each kind holds, and how many persons set it."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.domain.measure import (
    EMBARGO,
    MEASURES,
    Measure,
    MeasureKind,
    check_persons,
    check_term,
    marking_errors,
    measures_on,
)
from gateway.domain.refusals import SecondPersonRequired, ValidationFailed

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


def measure(kind: MeasureKind = MeasureKind.EMBARGO, **changes) -> Measure:
    values = {
        "id": UUID(int=1),
        "originator": "office",
        "case": UUID(int=2),
        "kind": kind,
        "setter": "office",
        "code": MEASURES[kind].codes[0],
        "elements": (),
        "since": NOW,
        "until": None if kind is MeasureKind.MARK else NOW + HOUR,
    }
    return Measure(**values | changes)


def test_a_measure_holds_until_its_end_and_not_at_it():
    found = measure(until=NOW + HOUR)
    assert found.holds(NOW)
    assert not found.holds(NOW + HOUR)


def test_a_measure_that_was_ended_holds_no_more():
    assert not measure(ended_at=NOW).holds(NOW)


def test_a_mark_holds_without_an_end():
    assert measure(MeasureKind.MARK).holds(NOW + timedelta(days=3650))


@given(st.timedeltas(timedelta(days=-30), timedelta(days=30)))
def test_an_embargo_of_one_person_ends_within_three_days(length):
    found = measure(until=NOW + length)
    allowed = timedelta(0) < length <= timedelta(hours=72)
    try:
        check_term(found, EMBARGO, NOW, renews=False)
    except ValidationFailed:
        assert not allowed
    else:
        assert allowed


def test_renewals_of_an_embargo_end_two_weeks_after_it_was_set():
    renewed = measure(since=NOW - timedelta(days=8), until=NOW + timedelta(days=6))
    check_term(renewed, EMBARGO, NOW, renews=True)
    with pytest.raises(ValidationFailed):
        longer = measure(since=NOW - timedelta(days=8), until=NOW + timedelta(days=6, seconds=1))
        check_term(longer, EMBARGO, NOW, renews=True)


@given(st.integers(0, 60))
def test_nothing_renews_an_embargo_beyond_its_two_weeks(days):
    since = NOW - timedelta(days=days)
    latest = EMBARGO.latest(since, NOW, renews=True)
    assert latest <= since + timedelta(days=14)
    found = measure(since=since, until=latest)
    if latest > NOW:
        check_term(found, EMBARGO, NOW, renews=True)
        return
    with pytest.raises(ValidationFailed):
        check_term(found, EMBARGO, NOW, renews=True)


@pytest.mark.parametrize("longest", [timedelta(days=1), timedelta(days=14), timedelta(days=90)])
def test_an_embargo_set_within_two_weeks_of_its_end_goes_on_whatever_its_longest_time(longest):
    ended = measure(until=NOW + HOUR, ended_at=NOW)
    terms = replace(EMBARGO, total=longest)
    assert ended.is_renewed(terms, NOW + timedelta(days=14) - HOUR)
    assert not ended.is_renewed(terms, NOW + timedelta(days=14))


def test_a_suspension_has_an_end_and_a_mark_has_none():
    with pytest.raises(ValidationFailed):
        kind = MeasureKind.SUSPENSION
        check_term(measure(kind, until=None), MEASURES[kind].terms, NOW, renews=False)
    with pytest.raises(ValidationFailed):
        check_term(measure(MeasureKind.MARK, until=NOW + HOUR), None, NOW, renews=False)


TODAY = NOW.date()


def written(days: int, before: int | None = None, **more: Any) -> list[str]:
    """Where an embargo that ends in so many days is refused in a version that an office writes."""

    def lasts(length: int) -> dict[str, Any]:
        return {"until": (TODAY + timedelta(days=length)).isoformat()}

    embargo = {**lasts(days), "reason": "operation", "set_by": "office", **more}
    earlier = None if before is None else lasts(before)
    marking = {"embargo": embargo, "force": more.pop("force", {})}
    errors = marking_errors(marking, earlier, "office", TODAY, EMBARGO)
    return [pointer.rpartition("/")[2] for pointer, _ in errors]


def test_an_embargo_in_a_version_ends_within_two_weeks_and_no_version_prolongs_it():
    assert written(14) == written(3, before=10) == written(30, before=30) == []
    assert written(15) == written(11, before=10) == ["until"]


def test_no_order_makes_an_embargo_in_a_version_longer():
    order = {"embargo": {"force": "law", "reference": "26/123"}}
    assert written(60, reason="judge", force=order) == ["until"]


def test_nobody_writes_an_embargo_in_the_name_of_another():
    assert written(1, set_by="ministry") == ["set_by"]


def test_the_same_person_twice_is_one():
    check_persons("a", "b", 2)
    with pytest.raises(SecondPersonRequired):
        check_persons("a", "a", 2)
    with pytest.raises(SecondPersonRequired):
        check_persons("a", None, 2)


@given(st.timedeltas(timedelta(0), timedelta(days=365)))
def test_who_is_only_told_a_day_is_told_one_without_an_embargo(length):
    found = measure(until=NOW + length)
    told = found.until_for("regulator")
    assert found.until <= told < found.until + timedelta(days=1)
    assert (told.hour, told.minute, told.second, told.microsecond) == (0, 0, 0, 0)
    assert found.until_for("police_office") == found.until


def test_a_measure_without_elements_is_on_every_element():
    whole, one = measure(), measure(MeasureKind.MARK, elements=("a",))
    assert measures_on("a", [whole, one], 1) == {"embargo", "mark"}
    assert measures_on("b", [whole, one], 1) == {"embargo"}


def test_what_a_correction_left_as_evidence_is_marked_in_older_versions_only():
    kept = measure(MeasureKind.MARK, elements=("a",), before=2)
    assert measures_on("a", [kept], 1) == {"mark"}
    assert measures_on("a", [kept], 2) == frozenset()
