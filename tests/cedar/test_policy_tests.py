"""The check: each policy decides a case of its own, and each case is decided as it says."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cedarpy
import pytest

from gateway.cedar import policy_folder
from gateway.cedar.policy import SCHEMA_FILE, SIGNED, CedarPolicy, InvalidPolicies
from gateway.cedar.policy_tests import check, read_cases, unread_facts

POLICY = CedarPolicy.load(policy_folder())
EVERY = CedarPolicy.load(policy_folder(), SIGNED)
OPTIONAL = policy_folder() / "optional"


READS = "an originator reads its handoff"


def keep(table: Path, wanted: Callable[[dict[str, Any]], bool]) -> None:
    """Rewrite a table of cases with those that are wanted."""
    table.write_text(json.dumps([case for case in json.loads(table.read_text()) if wanted(case)]))


def drop(table: Path, name: str) -> None:
    keep(table, lambda case: case["name"] != name)


def change(table: Path, of: str, **fields: Any) -> None:
    rows = json.loads(table.read_text())
    table.write_text(json.dumps([{**r, **fields} if r["name"] == of else r for r in rows]))


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A copy of the product's policies, to be damaged."""
    return Path(shutil.copytree(policy_folder(), tmp_path / "policies"))


def test_the_products_policies_pass_their_check_and_log_no_defect_of_a_case(caplog):
    report = check(policy_folder())
    assert report.problems == ()
    assert caplog.records == []
    assert report.policies == len(EVERY.rules)
    assert report.actions == len(POLICY.actions)
    own, added = read_cases(policy_folder()), read_cases(policy_folder(), OPTIONAL / "signed")
    assert report.cases == len(own) + len(added)


def test_optional_policies_are_not_in_force_unless_they_are_named():
    assert {name for name in EVERY.rules if name not in POLICY.rules} == {
        "R2.signed.case",
        "R2.signed.offer",
        "R2.signed.answer",
        "R2.signed.recall",
    }
    assert EVERY.revision != POLICY.revision


def test_optional_policies_that_are_not_there_stop_the_start(copy):
    with pytest.raises(InvalidPolicies, match="no policies to add"):
        CedarPolicy.load(copy, ("singed",))


def test_an_optional_policy_proves_itself_too(copy):
    table = copy / "optional/signed/tests/signed.json"
    keep(table, lambda case: "R2.signed.offer" not in case["rules"])
    assert check(copy).problems == ("signed: R2.signed.offer: decides no DENY case",)
    keep(table, lambda case: case.update(name="a b c") is None)
    assert any("must be a sentence" in problem for problem in check(copy).problems)


def test_an_optional_policy_that_lets_through_what_it_must_not_is_a_problem(copy):
    path = copy / "optional/signed/signed.cedar"
    path.write_text(path.read_text().replace('resource.assurance != "signed"', "false"))
    assert any("the case expects R2.signed.case" in one for one in check(copy).problems)


def test_a_permit_without_an_allow_case_is_a_problem(copy):
    drop(copy / "tests/handoffs.json", "an originator withdraws its offer")
    assert check(copy).problems == ("R2.withdraw: decides no ALLOW case",)


def test_a_forbid_without_a_deny_case_is_a_problem(copy):
    keep(copy / "tests/disclosures.json", lambda case: "R5.persons" not in case["rules"])
    assert check(copy).problems == ("R5.persons: decides no DENY case",)


def test_an_action_without_a_deny_by_default_is_a_problem(copy):
    drop(copy / "tests/directory.json", "a receipt is not for those outside the event")
    assert check(copy).problems == ("receipt.read: has no DENY case in which no policy speaks",)


def test_a_case_that_is_decided_otherwise_is_a_problem(copy):
    change(copy / "tests/handoffs.json", READS, decision="DENY")
    assert check(copy).problems == (
        f"handoffs: {READS}: allowed by R2.parties; the case expects R2.parties",
    )


def test_a_fact_that_no_policy_reads_is_a_problem(copy):
    schema = copy / SCHEMA_FILE
    text = schema.read_text()
    schema.write_text(text.replace("  enabled: Bool,", "  enabled: Bool,\n  on_leave?: Bool,"))
    assert check(copy).problems == (
        "Person.on_leave: no policy reads this fact, and README.md gives no reason",
    )


def test_a_fact_of_one_action_is_not_read_by_a_policy_about_another(copy):
    schema = cedarpy.Schema.from_str((copy / SCHEMA_FILE).read_text())
    offers = [text for text in (copy / "handoffs.cedar").read_text().split("\n\n") if "R4." in text]
    unread = unread_facts(offers, schema)
    assert "handoff.offer.released" not in unread
    assert {"handoff.offer.purpose", "case.disclose.purpose", "Organisation.kind"} <= unread


def test_an_excuse_for_a_fact_that_is_read_or_is_none_is_a_problem(copy):
    readme = copy / "README.md"
    row = "| `Case.onward_rank` |"
    text = readme.read_text()
    readme.write_text(
        text.replace(row, f"| `Person.enabled` | why |\n| `Person.shoe` | why |\n{row}")
    )
    found = check(copy).problems
    assert [one.partition(":")[0] for one in found] == ["Person.enabled", "Person.shoe"]


def test_without_a_page_that_excuses_facts_each_that_no_policy_reads_is_a_problem(copy):
    (copy / "README.md").unlink()
    assert "Case.onward_rank" in {one.partition(":")[0] for one in check(copy).problems}


def test_a_policy_that_is_not_formatted_is_a_problem(copy):
    path = copy / "cases.cedar"
    path.write_text(path.read_text().replace("  resource is Case", "    resource is Case"))
    (problem,) = check(copy).problems
    assert problem.startswith("cases.cedar: not as Cedar's formatter writes it")


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"name": "a b c"}, "a b c: the name must be a sentence"),
        ({"name": "it-is-a-name"}, "the name must be a sentence"),
        ({"name": "an originator withdraws its offer"}, "another case has the same name"),
        ({"decision": "PERHAPS"}, f"{READS}: the decision must be ALLOW or DENY"),
        ({"principal": "Organisation::nobody"}, "no entity is named Organisation::nobody"),
        ({"principal": "hotline"}, "is not of the form"),
        ({"surprise": 1}, "unknown fields: surprise"),
        ({"entities": [{}]}, "uid"),
    ],
)
def test_a_case_that_cannot_be_read_is_a_problem(copy, fields, says):
    change(copy / "tests/handoffs.json", READS, **fields)
    (problem,) = check(copy).problems
    assert problem.startswith("handoffs: ")
    assert says in problem


@pytest.mark.parametrize("rows", ["{", "1", "[1]", '[{"name": "it has no question"}]'])
def test_a_table_that_cannot_be_read_is_a_problem(copy, rows):
    (copy / "tests/handoffs.json").write_text(rows)
    (problem,) = check(copy).problems
    assert problem.startswith("handoffs: ")


def test_a_folder_without_cases_does_not_pass(copy):
    shutil.rmtree(copy / "tests")
    (problem,) = check(copy).problems
    assert problem.startswith("tests/entities.json: ")


def test_a_broken_policy_is_reported_and_not_raised(copy):
    (copy / "schema.cedarschema").write_text("")
    report = check(copy)
    assert report.problems == ("schema.cedarschema: the schema declares no action",)
    assert report.policies == 0
