"""Conditions of use: what an offer states, and what a later version may add to it."""

from datetime import date
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.domain.conditions import (
    CLEAR,
    DISCLOSED,
    FORCES,
    WITH_FORCE,
    conditions,
    embargoed,
    repeats,
    tightened,
)
from gateway.domain.marking import ONWARD, TLP
from gateway.domain.vocabulary import ATTRIBUTIONS, PERMITTED_ACTIONS, Handling, Purpose
from tests.each import each


def words(listed: Any) -> st.SearchStrategy[list[str]]:
    return st.lists(st.sampled_from([*map(str, listed)]), unique=True)


DAYS = st.dates(date(2026, 1, 1), date(2036, 1, 1)).map(date.isoformat)
FORCE = st.fixed_dictionaries({"force": st.sampled_from(FORCES), "reference": st.just("x 1")})
STATED: st.SearchStrategy[dict[str, Any]] = st.fixed_dictionaries(
    {
        "tlp": st.sampled_from(TLP),
        "handling": words(Handling),
        "onward": st.sampled_from(ONWARD),
        "permitted_actions": st.sampled_from(PERMITTED_ACTIONS),
        "purpose": words(Purpose),
        "erase_on": DAYS,
        "attribution": st.sampled_from(ATTRIBUTIONS),
    },
    optional={
        "handling_note": st.sampled_from(["ask first", "never to the press"]),
        "embargo": st.fixed_dictionaries(
            {"no_notice_to_host": st.booleans(), "no_publication": st.booleans(), "until": DAYS}
        ),
        "embargo_source": st.just({"reason": "judge", "set_by": "office"}),
        "force": st.dictionaries(st.sampled_from(WITH_FORCE), FORCE),
    },
)


def test_the_conditions_of_a_case_are_its_claims_in_clear_and_what_it_discloses():
    claims = {name: name.upper() for name in (*CLEAR, *DISCLOSED)} | {"iss": "x", "case": "y"}
    assert conditions(claims) == {name: name.upper() for name in (*CLEAR, *DISCLOSED)}
    clear = {name: claims[name] for name in CLEAR}
    assert conditions(clear) == clear


def test_an_offer_has_its_own_purpose_and_names_how_it_may_leave_for_a_third_country():
    stated = conditions(dict.fromkeys(CLEAR, "x"), ("remove",), "decision 7")
    assert (stated["purpose"], stated["transfer_tool"]) == (["remove"], "decision 7")


@each("missing", CLEAR)
def test_a_case_without_one_of_the_conditions_in_clear_has_none(missing):
    with pytest.raises(KeyError):
        conditions({name: "x" for name in CLEAR if name != missing})


@given(STATED, STATED)
def test_what_a_later_version_says_makes_no_condition_looser(stated, later):
    binding = tightened(stated, later)
    assert TLP.index(binding["tlp"]) == max(TLP.index(s["tlp"]) for s in (stated, later))
    assert ONWARD.index(binding["onward"]) == max(
        ONWARD.index(s["onward"]) for s in (stated, later)
    )
    actions = PERMITTED_ACTIONS
    assert actions.index(binding["permitted_actions"]) == min(
        actions.index(s["permitted_actions"]) for s in (stated, later)
    )
    assert {*binding["handling"]} == {*stated["handling"], *later["handling"]}
    assert binding["erase_on"] == min(stated["erase_on"], later["erase_on"])
    assert binding["purpose"] == stated["purpose"]
    for one in (stated, later):
        assert one.get("handling_note", "") in binding.get("handling_note", "")
        if "embargo" in one:
            assert binding["embargo"]["until"] >= one["embargo"]["until"]


@given(STATED, STATED)
def test_a_tightening_is_idempotent_and_repeats_what_was_stated(stated, later):
    binding = tightened(stated, later)
    assert tightened(binding, later) == binding
    assert repeats(binding, stated)
    assert repeats(stated, stated)


@given(STATED, STATED)
def test_what_repeats_each_other_is_the_same(stated, later):
    if repeats(later, stated) and repeats(stated, later):
        assert later == stated


@each(
    "change",
    [
        {"tlp": "CLEAR"},
        {"tlp": "PURPLE"},
        {"handling": []},
        {"purpose": ["remove"]},
        {"erase_on": "2037-01-01"},
        {"embargo": {}},
        {"force": None},
        {"extra": "condition"},
    ],
)
def test_what_is_looser_or_foreign_repeats_nothing(change):
    stated = {
        "tlp": "AMBER",
        "handling": ["H1"],
        "onward": "forbidden",
        "permitted_actions": "none",
        "purpose": ["investigate"],
        "erase_on": "2036-01-01",
        "embargo": {"no_notice_to_host": True, "no_publication": True, "until": "2026-02-01"},
        "force": {"tlp": {"force": "law", "reference": "LED 9(3)"}},
    }
    assert not repeats({**stated, **change}, stated)


@each("missing", ["tlp", "embargo", "handling_note"])
def test_conditions_without_one_of_those_stated_repeat_nothing(missing):
    stated = {"tlp": "AMBER", "embargo": {"until": "2026-02-01"}, "handling_note": "ask"}
    assert not repeats({n: v for n, v in stated.items() if n != missing}, stated)


@each("day, holds", [(date(2026, 3, 4), True), (date(2026, 3, 5), False)])
def test_an_embargo_ends_with_the_day_before_its_until(day, holds):
    assert embargoed({"embargo": {"until": "2026-03-05"}}, day) is holds


@each("content", [{}, {"embargo": None}])
def test_no_embargo_holds_on_no_day(content):
    assert not embargoed(content, date.min)
