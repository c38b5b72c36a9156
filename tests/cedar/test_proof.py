"""The check: each policy decides a case of its own, and each case is decided as it says."""

import json
import re
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from gateway.cedar.policy import SIGNED, CedarPolicy, PolicyBroken, policy_folder
from gateway.cedar.proof import check, read_cases

POLICY = CedarPolicy.load(policy_folder())
EVERY = CedarPolicy.load(policy_folder(), SIGNED)
OPTIONAL = policy_folder() / "optional"


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A copy of the product's policies, to be damaged."""
    return Path(shutil.copytree(policy_folder(), tmp_path / "policies"))


def test_the_products_policies_pass_their_check() -> None:
    report = check(policy_folder())
    assert report.problems == ()
    assert report.policies == len(EVERY.rules)
    assert report.actions == len(POLICY.actions)
    own, added = read_cases(policy_folder()), read_cases(policy_folder(), OPTIONAL / "signed")
    assert report.cases == len(own) + len(added)


def test_optional_policies_are_not_in_force_unless_they_are_named() -> None:
    assert {name for name in EVERY.rules if name not in POLICY.rules} == {
        "R2.signed.case",
        "R2.signed.offer",
        "R2.signed.answer",
    }
    assert EVERY.revision != POLICY.revision


def test_optional_policies_that_are_not_there_stop_the_start(copy: Path) -> None:
    with pytest.raises(PolicyBroken, match="no policies to add"):
        CedarPolicy.load(copy, ("singed",))


def test_an_optional_policy_proves_itself_too(copy: Path) -> None:
    tests = copy / "optional/signed/tests/DENY"
    for path in tests.glob("*.json"):
        if "R2.signed.offer" in path.read_text():
            path.unlink()
    assert check(copy).problems == ("signed: R2.signed.offer: decides no DENY case",)
    (tests / "a-b-c.json").write_text("{}")
    (problem,) = check(copy).problems
    assert "must be a sentence" in problem


def test_an_optional_policy_that_lets_through_what_it_must_not_is_a_problem(copy: Path) -> None:
    path = copy / "optional/signed/signed.cedar"
    path.write_text(path.read_text().replace('resource.assurance != "signed"', "false"))
    assert any("the case expects R2.signed.case" in one for one in check(copy).problems)


def test_without_any_one_of_its_policies_a_case_is_decided_otherwise(copy: Path) -> None:
    cases, dropped = read_cases(copy), set()
    for path in sorted(copy.glob("*.cedar")):
        whole = path.read_text()
        for text in whole.split("\n\n"):
            for rule in re.findall(r'@id\("(.+?)"\)', text):
                path.write_text(whole.replace(text, ""))
                less = CedarPolicy.load(copy)
                assert rule not in less.rules
                about = [case.question for case in cases if rule in case.rules]
                assert [one for one in about if less.decide(one) != POLICY.decide(one)], rule
                dropped.add(rule)
        path.write_text(whole)
    assert dropped == set(POLICY.rules)


def test_a_permit_without_an_allow_case_is_a_problem(copy: Path) -> None:
    (copy / "tests/ALLOW/an-originator-withdraws-its-offer.json").unlink()
    assert check(copy).problems == ("R2.withdraw: decides no ALLOW case",)


def test_a_forbid_without_a_deny_case_is_a_problem(copy: Path) -> None:
    for path in (copy / "tests/DENY").glob("*.json"):
        if "R5.persons" in path.read_text():
            path.unlink()
    assert check(copy).problems == ("R5.persons: decides no DENY case",)


def test_an_action_without_a_deny_by_default_is_a_problem(copy: Path) -> None:
    (copy / "tests/DENY/a-receipt-is-not-for-those-outside-the-event.json").unlink()
    assert check(copy).problems == ("receipt.read: has no DENY case in which no policy speaks",)


def test_a_case_that_is_decided_otherwise_is_a_problem(copy: Path) -> None:
    name = "an-originator-reads-its-handoff"
    (copy / f"tests/ALLOW/{name}.json").rename(copy / f"tests/DENY/{name}.json")
    assert check(copy).problems == (
        f"DENY/{name}: allowed by R2.parties; the case expects R2.parties",
    )


def test_a_policy_that_is_not_formatted_is_a_problem(copy: Path) -> None:
    path = copy / "cases.cedar"
    path.write_text(path.read_text().replace("  resource is Case", "    resource is Case"))
    (problem,) = check(copy).problems
    assert problem.startswith("cases.cedar: not as Cedar's formatter writes it")


@pytest.mark.parametrize(
    "name", ["offer.json", "a-b-c.json", "it is a sentence.json", "a-b-c-d.txt"]
)
def test_a_case_whose_name_is_no_sentence_is_a_problem(copy: Path, name: str) -> None:
    source = copy / "tests/ALLOW/an-originator-reads-its-handoff.json"
    source.rename(source.with_name(name))
    (problem,) = check(copy).problems
    assert "the file's name must be a sentence" in problem


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"principal": 'Organisation::"nobody"'}, 'no entity is named Organisation::"nobody"'),
        ({"principal": "hotline"}, "is not of the form"),
        ({"surprise": 1}, "unknown fields: surprise"),
        ({"entities": [{}]}, "uid"),
    ],
)
def test_a_case_that_cannot_be_read_is_a_problem(
    copy: Path, change: Mapping[str, Any], says: str
) -> None:
    path = copy / "tests/ALLOW/an-originator-reads-its-handoff.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **change}))
    (problem,) = check(copy).problems
    assert problem.startswith("ALLOW/an-originator-reads-its-handoff: ")
    assert says in problem


def test_a_folder_without_cases_does_not_pass(copy: Path) -> None:
    shutil.rmtree(copy / "tests")
    (problem,) = check(copy).problems
    assert problem.startswith("tests/entities.json: ")


def test_a_broken_policy_is_reported_and_not_raised(copy: Path) -> None:
    (copy / "schema.cedarschema").write_text("")
    report = check(copy)
    assert report.problems == ("schema.cedarschema: the schema declares no action",)
    assert report.policies == 0
