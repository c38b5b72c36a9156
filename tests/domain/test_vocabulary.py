"""The word lists agree with their sources and with the rules that use them."""

import json
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.domain import vocabulary as words
from gateway.domain.duty import DUE
from gateway.domain.vocabulary import (
    ONWARD,
    TLP,
    Marking,
    marking_of,
    onward_rank,
    strictest,
    tlp_rank,
)
from tests.each import each

FACTS = Path(__file__).parent.parent / "data" / "facts"


def facts(name):
    return json.loads((FACTS / name).read_text())


@each(
    "ours, theirs",
    [
        (words.SITE_TYPES, "siteType"),
        (words.COMMERCIALITY, "commerciality"),
        (words.PAYMENT_METHODS, "paymentMethods"),
        (words.ICCAM_AGES, "ageCategorization"),
        (words.ICCAM_GENDERS, "genderCategorization"),
    ],
)
def test_a_list_holds_what_the_network_exchanges(ours, theirs):
    listed = facts("iccam-v3-vocabulary.json")[theirs]
    assert list(ours) == [entry["code"] for entry in listed]


def test_the_codes_of_the_network_are_those_of_both_its_versions():
    iccam = facts("iccam-v3-vocabulary.json")
    listed = iccam["classification"] + iccam["classification_v2_extra"]
    assert words.CODES["iccam"] == {entry["code"] for entry in listed}


@each(
    "ours, theirs",
    [
        (words.Handling, "handling"),
        (words.SourceEvaluation, "source"),
        (words.InformationEvaluation, "information"),
    ],
)
def test_police_codes_are_the_published_ones(ours, theirs):
    assert {word.value for word in ours} == set(facts("europol-codes.json")[theirs])


def test_every_urgency_has_a_term():
    assert {word.value for word in words.Urgency} == set(DUE)


def test_a_case_is_never_clear_and_never_green():
    assert words.CASE_TLP == ("AMBER", "AMBER+STRICT", "RED")


def test_persons_of_a_procedure_need_the_led_regime():
    needing = {c for c in words.SubjectCategory if words.needs_led_regime(c)}
    assert needing == {"suspect", "convicted", "other_witness", "other_informant"}
    assert words.needs_led_regime("suspect")


@each(
    "scheme, code, method, locked",
    [
        ("interpol_baseline", "baseline", "human_x2", True),
        ("iccam", "baseline-csam", "human_x2", True),
        ("iccam", "baseline-csam", "human", False),
        ("interpol_baseline", "baseline", "hash_match", False),
        ("iccam", "national-csam", "human_x2", False),
    ],
)
def test_a_baseline_is_locked_when_two_persons_stand_for_it(scheme, code, method, locked):
    assert words.is_final(scheme, code, method) is locked


@each("scheme", ["iccam", "vics_us", "vics_custom", "fr_law"])
def test_a_scheme_of_the_profile_is_known(scheme):
    assert words.SCHEME.fullmatch(scheme)


@each("scheme", ["copine", "vics_", "VICS_US", "iccam\n", "fr_law2"])
def test_another_scheme_is_not(scheme):
    assert not words.SCHEME.fullmatch(scheme)


# --- Markings: the strictest of several satisfies each ---


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
