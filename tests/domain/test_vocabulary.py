"""The word lists agree with their sources and with the rules that use them."""

import json
from pathlib import Path

from gateway.domain import vocabulary as words
from gateway.domain.duty import DUE
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
