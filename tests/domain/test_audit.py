"""Audit grants: what they reach over, for whom, on which days, and how they add up."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.domain.audit import LONGEST_DAYS, AuditAccess, CaseId, Coverage, CoverageKind, coverage
from tests.each import each

CASE = CaseId("hotline", UUID(int=5))
DAY = date(2026, 3, 2)
NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)
GRANT = AuditAccess(UUID(int=1), date(2026, 3, 1), date(2026, 4, 1), "board 2026-02")


def of(*grants: AuditAccess, person: str = "a-1") -> Coverage:
    return coverage(grants, person, DAY, NOW)


@each(
    "changes, coverage",
    [
        ({}, CoverageKind.ALL),
        ({"member": "ofmin"}, CoverageKind.MEMBER),
        ({"case": CASE}, CoverageKind.CASE),
    ],
)
def test_a_grant_is_over_one_thing(changes, coverage):
    assert replace(GRANT, **changes).coverage is coverage


def test_a_grant_over_two_things_is_none():
    with pytest.raises(ValueError, match="one thing"):
        replace(GRANT, member="ofmin", case=CASE)


@each("days", [0, -1, LONGEST_DAYS + 1])
def test_a_grant_is_for_some_days_and_not_for_more_than_a_year(days):
    with pytest.raises(ValueError, match="ends"):
        replace(GRANT, end=GRANT.start + timedelta(days=days))


@given(st.integers(-3, 40), st.none() | st.integers(-3, 3))
def test_a_grant_holds_on_its_days_until_it_is_ended(day, ended):
    ended_at = None if ended is None else NOW + timedelta(hours=ended)
    held = replace(GRANT, ended_at=ended_at).holds(GRANT.start + timedelta(days=day), NOW)
    assert held == (0 <= day < 31 and (ended is None or ended > 0))


def test_coverage_is_what_the_grants_that_hold_reach_over_together():
    member, case = replace(GRANT, member="ofmin"), replace(GRANT, case=CASE)
    assert of() == Coverage()
    assert of().empty
    assert of(GRANT).whole
    both = of(member, case)
    assert (both.members, both.cases, both.whole) == ({"ofmin"}, {CASE}, False)
    assert of(replace(member, ended_at=NOW)).empty
    assert of(replace(member, end=DAY)).empty


def test_a_grant_for_one_person_covers_nothing_for_others():
    grant = replace(GRANT, person="a-1")
    assert of(grant).whole
    assert of(grant, person="a-2").empty


def test_what_is_reached_over_by_name():
    part = Coverage(members=frozenset({"ofmin"}), cases=frozenset({CASE}))
    assert part.reaches_member("ofmin")
    assert not part.reaches_member("hotline")
    assert part.reaches_case(CASE)
    assert not part.reaches_case(replace(CASE, originator="ofmin"))
    whole = Coverage(whole=True)
    assert whole.reaches_member("anybody")
    assert whole.reaches_case(CASE)


@each(
    "part, readers, of_case, shown",
    [
        (Coverage(whole=True), set(), False, True),
        (Coverage(members=frozenset({"ofmin"})), {"ofmin", "hotline"}, False, True),
        (Coverage(members=frozenset({"ofmin"})), {"hotline"}, False, False),
        (Coverage(members=frozenset({"ofmin"})), set(), False, False),
        (Coverage(cases=frozenset({CASE})), {"hotline"}, True, True),
        (Coverage(cases=frozenset({CASE})), {"hotline"}, False, False),
    ],
)
def test_a_detail_is_shown_by_who_may_read_it(part, readers, of_case, shown):
    assert part.shows(frozenset(readers), of_case=of_case) is shown
