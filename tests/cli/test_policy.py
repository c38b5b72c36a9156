"""`casegate policy`: what it prints, and its exit status."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from gateway.cedar import policy_folder
from gateway.cedar.policy import SIGNED, CedarPolicy
from gateway.cedar.policy_tests import check
from gateway.cli import main


def run(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["policy", "check", *arguments])


@pytest.fixture
def damaged(tmp_path: Path) -> Path:
    """The product's policies, with two cases too few."""
    folder = Path(shutil.copytree(policy_folder(), tmp_path / "policies"))
    for table, name in (
        ("handoffs", "an originator withdraws its offer"),
        ("directory", "a receipt is not for those outside the event"),
    ):
        path = folder / f"tests/{table}.json"
        cases = json.loads(path.read_text())
        path.write_text(json.dumps([case for case in cases if case["name"] != name]))
    return folder


def test_sound_policies_end_with_success_and_one_line():
    result = run()
    report = check(policy_folder())
    assert result.exit_code == 0
    assert result.output == (
        f"{policy_folder()}: {report.policies} policies, {report.actions} actions,"
        f" {report.cases} cases: no problem\n"
    )


def test_cases_that_are_defects_on_purpose_leave_no_noise():
    program = "from gateway.cli import main; main(['policy', 'check'])"
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, check=False)
    assert (result.returncode, result.stderr) == (0, b"")


def test_problems_are_listed_and_end_with_failure(damaged):
    result = run(str(damaged))
    assert result.exit_code == 1
    assert result.output.splitlines()[:2] == [
        "- R2.withdraw: decides no ALLOW case",
        "- receipt.read: has no DENY case in which no policy speaks",
    ]
    assert result.output.endswith(": 2 problems\n")


def test_one_problem_is_counted_in_the_singular(damaged):
    (damaged / "schema.cedarschema").unlink()
    result = run(str(damaged))
    assert result.exit_code == 1
    assert result.output.endswith(": 1 problem\n")


def test_json_holds_the_whole_report(damaged):
    result = run("--json", str(damaged))
    printed = json.loads(result.output)
    assert result.exit_code == 1
    assert printed["folder"] == str(damaged)
    assert printed["problems"] == list(check(damaged).problems)
    assert set(printed) == {"folder", "problems", "policies", "cases", "actions"}


def test_a_folder_that_is_not_there_is_an_error_of_use(tmp_path):
    assert run(str(tmp_path / "nowhere")).exit_code == 2


def explained(*rules: str) -> Result:
    return CliRunner().invoke(main, ["policy", "explain", *rules])


def test_a_rule_is_explained_by_its_sentence_and_what_it_does():
    rule = CedarPolicy.load(policy_folder()).rules["R6.recipient"]
    output = explained("R6.recipient").output
    assert rule.reason in output
    assert "forbids" in output
    assert rule.tell in output


def test_every_name_that_an_event_may_give_is_explained():
    told = json.loads(explained("R2.accept", "R2.default", "R2.signed.case", "--json").output)
    effects = [one["effect"] for one in told.values()]
    assert effects == ["permits", "no policy", "forbids"]
    assert all(one["sentence"] for one in told.values())


def test_a_number_and_an_action_stand_for_all_of_their_rules():
    known = CedarPolicy.load(policy_folder()).rules
    told = json.loads(explained("R4", "R11.no_competence", "--json").output)
    assert {one for one in known if one.startswith("R4.")} | {"R11.no_competence"} == told.keys()
    embargo = explained("case.embargo").output
    assert "A law enforcement authority may set an embargo on its own case." in embargo
    assert "R4.release_list" not in embargo


def test_rules_are_explained_as_the_engine_has_them_and_where_it_is_not_installed():
    known = CedarPolicy.load(policy_folder(), SIGNED).rules.values()
    program = (
        "import sys; sys.modules.update(dict.fromkeys(('cedarpy', 'sqlalchemy', 'flask')));"
        "from gateway.cli import main; main()"
    )
    numbers = ["R1", *{one.id.partition(".")[0] for one in known}]
    command = [sys.executable, "-c", program, "policy"]
    ran = subprocess.run([*command, "explain", *numbers, "--json"], capture_output=True, check=True)
    told = json.loads(ran.stdout)
    for one in known:
        effect = "permits" if one.permits else "forbids"
        assert told[one.id] == {"effect": effect, "sentence": one.reason, "tell": one.tell}
    assert "metadata" in told["R1"]["sentence"]
    refused = subprocess.run([*command, "check"], capture_output=True, text=True, check=False)
    assert (refused.returncode, "server's part" in refused.stderr) == (2, True)


def test_a_name_that_nothing_has_is_a_usage_error():
    for name in ("R99.unheard", "R4x", "case.vanish"):
        result = explained(name)
        assert (result.exit_code, name in result.output) == (2, True)


def test_the_policies_in_force_at_an_event_are_known_by_their_revision(damaged):
    result = CliRunner().invoke(main, ["policy", "revision", "--json"])
    told = json.loads(result.output)
    assert told["revision"] == CedarPolicy.load(policy_folder()).revision
    assert told["revision_where_signatures_are_required"] != told["revision"]
    (damaged / "cases.cedar").write_text("permit")
    assert CliRunner().invoke(main, ["policy", "revision", str(damaged)]).exit_code == 2
