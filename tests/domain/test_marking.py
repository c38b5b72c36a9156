"""Markings: the strictest of several satisfies each."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.domain.marking import (
    ONWARD,
    TLP,
    Marking,
    marking_of,
    onward_rank,
    strictest,
    tlp_rank,
)
from tests.each import each

MARKINGS = st.builds(
    Marking, st.sampled_from(TLP), st.frozensets(st.sampled_from(["H0", "H1", "H2", "H3"]))
)


def satisfies(one: Marking, other: Marking) -> bool:
    """Whether ``one`` is at least as strict as ``other`` in each respect."""
    return one.rank >= other.rank and one.handling >= other.handling


def test_labels_rank_in_the_order_of_the_standard():
    order = ["CLEAR", "GREEN", "AMBER", "AMBER+STRICT", "RED"]
    assert all(tlp_rank(low) < tlp_rank(high) for low, high in pairwise(order))
    assert len(order) == len(TLP)


def test_onward_rules_rank_from_listed_to_forbidden():
    order = ["listed_only", "ask_originator", "forbidden"]
    assert all(onward_rank(low) < onward_rank(high) for low, high in pairwise(order))
    assert len(order) == len(ONWARD)


@each("rank", [tlp_rank, onward_rank])
def test_an_unknown_label_has_no_rank(rank):
    with pytest.raises(ValueError):
        rank("WHITE")


@given(MARKINGS, MARKINGS)
def test_the_order_of_markings_does_not_matter(one, other):
    assert strictest([one, other]) == strictest([other, one])


@given(MARKINGS)
def test_a_marking_twice_is_that_marking(one):
    assert strictest([one, one]) == strictest([one]) == one


@given(MARKINGS, MARKINGS, MARKINGS)
def test_markings_may_be_joined_in_any_grouping(a, b, c):
    joined = strictest([a, b, c])
    assert strictest([strictest([a, b]), c]) == joined == strictest([a, strictest([b, c])])


@given(st.lists(MARKINGS, min_size=1, max_size=5))
def test_the_strictest_satisfies_each_and_asks_no_more(markings):
    joined = strictest(markings)
    assert all(satisfies(joined, one) for one in markings)
    assert joined.rank in {one.rank for one in markings}
    assert joined.handling == {code for one in markings for code in one.handling}


@given(MARKINGS, MARKINGS, MARKINGS)
def test_a_stricter_part_never_makes_the_whole_laxer(one, other, added):
    assert satisfies(strictest([strictest([one, added]), other]), strictest([one, other]))


def test_the_strictest_of_nothing_is_no_marking():
    with pytest.raises(ValueError):
        strictest([])


def test_a_marking_is_read_with_its_codes():
    assert marking_of({"tlp": "RED", "handling": ["H1", "H1"]}) == Marking("RED", frozenset({"H1"}))
    assert marking_of({"tlp": "RED"}) == Marking("RED", frozenset())
