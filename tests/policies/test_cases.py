"""What stands beside the policies: a table of cases for each file, and each policy on its page.

That every case is decided as it says is a part of the check (`tests/cedar/test_policy_tests.py`).
"""

import re

from gateway.cedar import policy_folder
from gateway.cedar.policy import SIGNED, CedarPolicy
from gateway.cedar.policy_tests import read_cases

FOLDER = policy_folder()
CASES = read_cases(FOLDER)


def test_every_policy_file_has_a_table_of_cases():
    assert {case.table for case in CASES} == {path.stem for path in FOLDER.glob("*.cedar")}
    assert {case.allowed for case in CASES} == {True, False}


def test_the_page_about_the_policies_names_every_one():
    page = (FOLDER / "README.md").read_text(encoding="utf-8")
    rules = CedarPolicy.load(FOLDER, SIGNED).rules
    assert [rule for rule in rules if f"`{rule}`" not in page] == []


def test_above_every_policy_stands_its_number_and_what_it_is_for():
    above = re.compile(r'((?:^//[^\n]*\n)*)^@id\("(R\d+)\.([^"]*)"\)', re.MULTILINE)
    found = [one for path in FOLDER.rglob("*.cedar") for one in above.findall(path.read_text())]
    rules = CedarPolicy.load(FOLDER, SIGNED).rules
    assert len(found) == len(rules)
    assert [
        f"{number}.{name}" for said, number, name in found if not re.search(r"R\d+\. .", said)
    ] == []
