"""Mandates on a day: who holds which, and the one office that is competent."""

from dataclasses import replace
from datetime import date, timedelta
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.domain.mandate import Mandate, Period, read_competence, resolve_competence
from gateway.domain.refusals import NoCompetentOrganisation, SeveralCompetentOrganisations
from tests.each import each

KEY = "receive/csam/FR"
CHANGE = date(2023, 8, 31)


EVE = CHANGE - timedelta(days=1)


DAYS = st.dates(date(2020, 1, 1), date(2020, 2, 15))


def competence(organisation: str, period: Period, **changes: str) -> Mandate:
    made = Mandate(
        id=UUID(int=1),
        organisation=organisation,
        function="receive",
        matter="csam",
        territory="FR",
        legal_act="act",
        period=period,
        registration_event=UUID(int=2),
    )
    return replace(made, **changes)


BEFORE = competence("office-a", Period(date(2006, 5, 6), CHANGE))


AFTER = competence("office-b", Period(CHANGE))


@st.composite
def periods(draw: st.DrawFn) -> Period:
    start = draw(DAYS)
    days = draw(st.one_of(st.none(), st.integers(1, 30)))
    return Period(start, None if days is None else start + timedelta(days=days))


def test_a_period_holds_its_first_day_and_not_its_end():
    period = Period(EVE, CHANGE)
    assert period.holds(EVE)
    assert not period.holds(CHANGE)
    assert not period.holds(EVE - timedelta(days=1))


def test_a_period_without_end_holds_every_later_day():
    assert Period(CHANGE).holds(date.max)
    assert not Period(CHANGE).holds(EVE)


@each("end", [EVE, CHANGE])
def test_a_period_without_a_day_is_refused(end):
    with pytest.raises(ValueError, match="ends after it starts"):
        Period(CHANGE, end)


@given(periods(), periods())
def test_periods_overlap_exactly_when_they_share_a_day(one, other):
    days = [date(2020, 1, 1) + timedelta(days=n) for n in range(90)]
    shared = any(one.holds(day) and other.holds(day) for day in days)
    assert one.overlaps(other) is other.overlaps(one) is shared


@given(periods(), DAYS)
def test_a_successors_period_leaves_no_gap_and_no_overlap(before, day):
    change = before.start + timedelta(days=20)
    first, second = Period(before.start, change), Period(change)
    assert first.holds(day) + second.holds(day) == (day >= before.start)
    assert not first.overlaps(second)


@each("day, office", [(EVE, "office-a"), (CHANGE, "office-b")])
def test_a_case_goes_to_the_office_that_is_competent_on_the_day(day, office):
    assert resolve_competence([BEFORE, AFTER], KEY, day).organisation == office


@each(
    "key, day",
    [
        (KEY, date(2006, 5, 5)),
        ("receive/grooming/FR", CHANGE),
        ("receive/csam/BE", CHANGE),
        ("receive/csam/FR/", CHANGE),
        ("csam/FR", CHANGE),
    ],
)
def test_where_no_office_is_competent_nothing_is_guessed(key, day):
    with pytest.raises(NoCompetentOrganisation, match=day.isoformat()):
        resolve_competence([BEFORE, AFTER], key, day)


@each("function", ["investigate", "take_down", "protect", "route"])
def test_a_mandate_is_addressed_by_its_own_function(function):
    held = replace(AFTER, function=function)
    assert resolve_competence([held], f"{function}/csam/FR", CHANGE) is held
    with pytest.raises(NoCompetentOrganisation):
        resolve_competence([held], KEY, CHANGE)


def test_several_competent_offices_are_named_and_none_is_chosen():
    rival = competence("office-c", Period(CHANGE))
    with pytest.raises(SeveralCompetentOrganisations, match=r"office-b, office-c\. .*--to"):
        resolve_competence([rival, BEFORE, AFTER], KEY, CHANGE)


def test_one_of_several_holders_is_addressed_by_its_name():
    rival = competence("office-c", Period(CHANGE))
    assert resolve_competence([rival, BEFORE, AFTER], KEY, CHANGE, "office-c") is rival


def test_who_does_not_hold_a_competence_is_not_addressed_for_it():
    with pytest.raises(NoCompetentOrganisation, match="office-b"):
        resolve_competence([BEFORE, AFTER], KEY, CHANGE, "office-a")


@each("text, key", [("csam/FR", KEY), (KEY, KEY), ("take_down/csam/NL", "take_down/csam/NL")])
def test_a_competence_without_a_function_is_to_receive(text, key):
    assert read_competence(text) == key


@each("text", ["", "csam", "csam/", "/csam/FR", "judge/csam/FR", "receive/csam/FR/x"])
def test_what_names_no_competence_is_not_read_as_one(text):
    with pytest.raises(ValueError, match="FUNCTION"):
        read_competence(text)


@each("part", ["function", "matter", "territory"])
@each("text", ["", "csam/FR"])
def test_no_mandate_can_be_spelled_as_another_one(part, text):
    with pytest.raises(ValueError, match="without '/'"):
        replace(AFTER, **{part: text})
