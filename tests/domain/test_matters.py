"""Matters: the data file, and what a case says that not every matter allows."""

import tomllib
from pathlib import Path
from uuid import UUID

import pytest

from gateway.domain.matters import (
    MOST_ACCOUNTS,
    InvalidMatters,
    findings,
    listed,
    longest_days,
    read_matters,
)
from gateway.domain.vocabulary import CODES, Matter, Purpose
from tests.each import each

TEXT = (Path(__file__).parents[2] / "policies/matters.toml").read_text(encoding="utf-8")
MATTERS = read_matters(TEXT)
OF_CHILDREN = set(list(Matter)[:8])
PAGE, ACCOUNT = str(UUID(int=1)), str(UUID(int=2))


def said(*, cleared: bool = True, **content):
    """What is found in a case of hate that nothing is found in, with some fields replaced."""
    sound = {
        "matter": ["hate_speech"],
        "intake_channel": "web_form",
        "items": [{"id": PAGE, "kind": "url", "is_source": True}],
        "legal_basis": [{"regime": "gdpr", "art9_condition": "Art. 9(2)(g)"}],
        "classifications": [code(about=PAGE)],
    }
    return findings({**sound, **content}, MATTERS, cleared=cleared)


def code(scheme="fr_law", value="24", about="case", method="human", **more):
    return {"scheme": scheme, "code": value, "about": about, "method": method, **more}


def account(number: int, parent: str | None = PAGE, kind: str = "account"):
    parents = {} if parent is None else {"parent_item": parent}
    return {"id": str(UUID(int=100 + number)), "kind": kind, **parents}


# --- The data file -------------------------------------------------------------------------------


def test_each_matter_has_a_row_and_each_row_a_source():
    assert set(MATTERS) == set(Matter)
    assert all(terms.source for terms in MATTERS.values())


def test_the_matters_of_a_child_serve_every_purpose_and_are_kept_as_any_case():
    of_children = [m for m, terms in MATTERS.items() if terms.child != "no"]
    assert set(of_children) == OF_CHILDREN
    assert all(MATTERS[m].purposes == frozenset(Purpose) for m in of_children)
    assert longest_days(MATTERS, of_children) is None


@each(
    "line, says",
    [
        ("[wizardry]\nchild = 'no'", "wizardry: no matter of this release"),
        ("[csam]\nchild = 'perhaps'\ntlp = 'AMBER'\nsource = 's'", "csam: child is one of yes"),
        ("[csam]\nchild = 'yes'\ntlp = 'GREEN'\nsource = 's'", "csam: tlp is one of AMBER"),
        ("[csam]\nchild = 'yes'\ntlp = 'AMBER'", "csam: source is missing"),
        ("[csam]\nchild = 'yes'\ntlp = 'AMBER'\nsource = 's'\nlicence = 1", "licence is unknown"),
        ("[csam]\nchild = 'yes'\ntlp = 'AMBER'\nsource = 's'\ndays = true", "days is unknown"),
        ("[csam]\nchild = 'yes'\ntlp = 'AMBER'\nsource = 's'\ndays = 0", "days is 1 or more"),
        ("[csam]\nchild = 'yes'\ntlp = 'AMBER'\nsource = 's'\npurposes = ['fun']", "called fun"),
        ("[csam]\nchild = 'yes'\ntlp = 'AMBER'\nsource = 's'\nmaps = ['dsa:X']", "dsa:X: no such"),
        (
            "[csam]\nchild = 'yes'\ntlp = 'AMBER'\nsource = 's'",
            "CHILD_SEXUAL_ABUSE_MATERIAL: no row",
        ),
    ],
)
def test_a_row_that_is_not_sound_names_what_to_correct(line, says):
    rows = TEXT.partition("[grooming]")
    with pytest.raises(InvalidMatters) as refused:
        read_matters(f"{line}\n[grooming]{rows[2]}")
    assert any(says in problem for problem in refused.value.problems)


def test_a_matter_without_a_row_and_a_text_that_is_no_toml_are_refused():
    with pytest.raises(InvalidMatters, match="csam: no row"):
        read_matters("[grooming]" + TEXT.partition("[grooming]")[2])
    with pytest.raises(InvalidMatters):
        read_matters("[")


def test_no_code_names_a_party_a_belief_or_an_election():
    words = {word for codes in (CODES["dsa"], CODES["eu_law"]) for word in codes}
    words |= {*Matter, *tomllib.loads(TEXT)}
    told = ("politic", "party", "religio", "belief", "ideolog", "extremis", "election", "opinion")
    assert [word for word in words if any(one in word.lower() for one in told)] == []


def test_policies_ask_of_each_purpose_and_column_which_matters_have_it():
    asked = listed(MATTERS)
    assert asked["speech"] == {"hate_speech", "terrorist_content"}
    assert asked["strict"] == {"terrorist_content"}
    assert asked["protect_child"] == asked["child"] == OF_CHILDREN
    assert asked["prevent"] == asked["child"] | {"terrorist_content"}
    assert set(asked) == {*map(str, Purpose), "child", "speech", "strict"}


def test_of_several_matters_the_fewest_days_hold():
    assert longest_days(MATTERS, ["csam", "hate_speech", "terrorist_content"]) == 183
    assert longest_days(MATTERS, ["csam", "hate_speech"]) == 365


# --- What a case says ----------------------------------------------------------------------------


def test_nothing_is_found_in_a_sound_case():
    assert said() == set()


@each(
    "part",
    [
        {"urgency_reason": "child_located"},
        {"classifications": [code("iwf", "A"), code(about=PAGE)]},
        {"classifications": [code("vics_fr", "1"), code(about=PAGE)]},
        {"classifications": [code(about=PAGE, attributes={"age_group": "infant"})]},
        {"subjects": [{"id": PAGE, "category": "victim", "minor": "yes"}]},
        {"subjects": [{"id": PAGE, "category": "suspect", "minor": "no", "age_group": "16-17"}]},
    ],
)
def test_what_only_child_protection_says_is_found(part):
    assert said(**part) == {"names_child"}


@each(
    "traces, loose",
    [
        ([account(1)], False),
        ([account(1, None)], True),
        ([account(1, str(UUID(int=9)))], True),
        ([account(1, None, "ip_event")], True),
        ([account(1, None, "payment")], True),
        ([account(1, kind="ip_event"), account(2, kind="ip_event")], False),
        ([account(1), account(2)], True),
    ],
)
def test_a_trace_belongs_to_a_reported_page_and_a_page_has_one_account(traces, loose):
    page = {"id": PAGE, "kind": "url", "is_source": True}
    assert ("loose_trace" in said(items=[page, *traces])) == loose


def test_more_than_ten_accounts_are_a_register():
    pages = [{"id": str(UUID(int=n)), "kind": "url"} for n in range(1, MOST_ACCOUNTS + 2)]
    accounts = [account(n, page["id"]) for n, page in enumerate(pages)]
    assert "loose_trace" not in said(items=[*pages[:-1], *accounts[:-1]])
    assert "loose_trace" in said(items=[*pages, *accounts])


def test_a_sealed_element_says_nothing():
    sealed = {"id": PAGE, "sealed": "x", "sealed_to": "office"}
    assert said(subjects=[sealed], items=[sealed], classifications=[code()]) == set()


def test_a_condition_of_article_9_or_10_stands_in_some_basis():
    assert said(legal_basis=[{"regime": "gdpr"}]) == {"no_condition"}
    both = [{"regime": "led"}, {"regime": "led", "art10_condition": "Art. 10(a)"}]
    assert said(legal_basis=both) == set()


def test_what_nobody_reported_is_proactive():
    assert said(intake_channel="proactive") == {"proactive"}


@each("method", ["classifier", "hash_match"])
def test_a_machine_finds_no_offence(method):
    assert said(classifications=[code(about=PAGE, method=method)]) == {"unassessed"}


def test_each_source_has_its_offence_before_clearance_and_not_before():
    without = {"classifications": [code("cac", "confirmed", about=PAGE)]}
    assert said(**without) == {"unassessed"}
    assert said(cleared=False, **without) == set()
    second = {"id": ACCOUNT, "kind": "url", "is_source": True}
    assert said(items=[{"id": PAGE, "kind": "url", "is_source": True}, second]) == {"unassessed"}
    assert said(
        items=[{"id": PAGE, "kind": "url"}], classifications=[code("eu_law", "fd_1_a")]
    ) == (set())


def test_a_code_of_another_matter_is_found_whoever_gave_it():
    terror = code("eu_law", "tco_a", method="classifier")
    assert said(classifications=[code(about=PAGE), terror]) == {"other_matter"}
    both = ["hate_speech", "terrorist_content"]
    assert said(matter=both, classifications=[code(about=PAGE), terror]) == set()
