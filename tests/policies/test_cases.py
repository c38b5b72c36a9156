"""Every case beside the policies is decided by the rules that it names."""

from gateway.cedar.policy import SIGNED, CedarPolicy, policy_folder
from gateway.cedar.policy_tests import PolicyCase, read_cases

FOLDER = policy_folder()
CASES = read_cases(FOLDER)
TABLES = sorted({case.table for case in CASES})
SIGNED_CASES = read_cases(FOLDER, FOLDER / "optional" / "signed")


def wrongly_decided(policy: CedarPolicy, cases: tuple[PolicyCase, ...]) -> dict[str, object]:
    """Each case that is not decided as it says, by name, with the answer that it got."""
    answers = [(case, policy.decide(case.question)) for case in cases]
    return {
        case.name: (answer.allowed, answer.rules)
        for case, answer in answers
        if (answer.allowed, answer.rules) != (case.allowed, case.rules)
    }


def test_every_case_is_decided_as_it_says():
    assert wrongly_decided(CedarPolicy.load(FOLDER), CASES) == {}


def test_every_policy_file_has_a_table_of_cases():
    assert set(TABLES) == {path.stem for path in FOLDER.glob("*.cedar")}
    assert {case.allowed for case in CASES} == {True, False}


def test_where_signatures_are_demanded_every_case_is_decided_as_it_says():
    assert wrongly_decided(CedarPolicy.load(FOLDER, SIGNED), SIGNED_CASES) == {}


def test_the_page_about_the_policies_names_every_one():
    page = (FOLDER / "README.md").read_text(encoding="utf-8")
    rules = CedarPolicy.load(FOLDER, SIGNED).rules
    assert [rule for rule in rules if f"`{rule}`" not in page] == []
