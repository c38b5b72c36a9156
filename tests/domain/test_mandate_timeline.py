"""Mandates over time: who holds which competence on which days, twice or not at all."""

from datetime import date
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from gateway.domain.mandate import Mandate, Period, overlapping, timelines

DAY = date(2023, 8, 31)


def held(office: str, start: date, end: date | None = None, function: str = "receive") -> Mandate:
    period = Period(start, end)
    return Mandate(UUID(int=1), office, function, "csam", "FR", "act", period, UUID(int=2))


def line(*found: Mandate) -> list[tuple[str, str | None, tuple[str, ...]]]:
    (one,) = timelines(found)
    return [
        (s.period.start.isoformat(), s.period.end.isoformat() if s.period.end else None, s.holders)
        for s in one.stretches
    ]


def test_a_mandate_that_moves_on_a_day_has_neither_overlap_nor_gap():
    (one,) = timelines([held("ocrvp", date(2006, 5, 8), DAY), held("ofmin", DAY)])
    assert (one.competence, one.overlaps, one.gaps) == ("receive/csam/FR", (), ())
    assert [s.holders for s in one.stretches] == [("ocrvp",), ("ofmin",)]


def test_days_of_two_offices_and_days_of_none_are_told_with_their_ends():
    assert line(
        held("a", date(2020, 1, 1), date(2021, 1, 1)),
        held("b", date(2020, 7, 1), date(2020, 9, 1)),
        held("b", date(2022, 1, 1), date(2023, 1, 1)),
    ) == [
        ("2020-01-01", "2020-07-01", ("a",)),
        ("2020-07-01", "2020-09-01", ("a", "b")),
        ("2020-09-01", "2021-01-01", ("a",)),
        ("2021-01-01", "2022-01-01", ()),
        ("2022-01-01", "2023-01-01", ("b",)),
        ("2023-01-01", None, ()),
    ]


def test_one_office_by_two_acts_in_a_row_is_one_stretch():
    assert line(held("a", date(2020, 1, 1), DAY), held("a", DAY)) == [("2020-01-01", None, ("a",))]


def test_each_function_is_a_competence_of_its_own():
    found = timelines([held("a", DAY), held("b", DAY, function="investigate")])
    assert [one.competence for one in found] == ["investigate/csam/FR", "receive/csam/FR"]


def test_an_overlap_is_with_another_office_on_a_shared_day():
    mine = held("a", DAY)
    assert overlapping(mine, [mine, held("b", date(2020, 1, 1), DAY)]) == ()
    later = held("b", date(2024, 1, 1))
    assert overlapping(mine, [later, held("c", DAY, function="investigate")]) == (later,)


days = st.dates(date(2020, 1, 1), date(2020, 2, 1))
competences = st.builds(
    lambda office, a, b, open_: held(office, min(a, b), None if open_ or a == b else max(a, b)),
    st.sampled_from("abc").map(lambda one: f"{one}-office"),
    days,
    days,
    st.booleans(),
)


@given(st.lists(competences, min_size=1, max_size=6), days)
def test_every_day_from_the_first_on_is_in_one_stretch_with_its_holders(found, day):
    (one,) = timelines(found)
    at = [s for s in one.stretches if s.period.holds(day)]
    holders = tuple(sorted({c.organisation for c in found if c.period.holds(day)}))
    if day < min(c.period.start for c in found):
        assert at == []
    else:
        assert [s.holders for s in at] == [holders]
