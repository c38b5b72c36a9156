"""`casegate case import`: a report of the field becomes a case file, offline."""

import json
from pathlib import Path

from click.testing import CliRunner, Result

from gateway.cli import main
from gateway.schemas.case_document import load_case
from tests.each import each

DEMO = Path(__file__).parents[2] / "gateway/cli/demo"
REFUSED = Path(__file__).parents[1] / "data/xarf/xarf-csam-must-be-refused.json"


def run(report: Path, out: Path, *more: str) -> Result:
    profile = str(DEMO / "profile.toml")
    command = ["case", "import", str(report), "--profile", profile, "--out", str(out), *more]
    return CliRunner().invoke(main, command)


def test_the_case_written_is_one_that_the_gateway_takes(tmp_path: Path) -> None:
    out = tmp_path / "case.json"
    result = run(DEMO / "content-csam.json", out)
    assert result.exit_code == 0, result.output
    assert "/hash_values/sha256: is the hash of an empty file" in result.output
    assert load_case(json.loads(out.read_bytes()))["version"] == 1


def test_a_report_with_an_image_leaves_no_file(tmp_path: Path) -> None:
    out = tmp_path / "case.json"
    result = run(REFUSED, out)
    assert result.exit_code == 1
    assert "is an image" in result.output
    assert not out.exists()


def test_a_case_file_is_never_overwritten(tmp_path: Path) -> None:
    out = tmp_path / "case.json"
    out.write_text("mine")
    assert run(DEMO / "content-csam.json", out).exit_code != 0
    assert out.read_text() == "mine"


@each("text", ["[", "urgency = 'whenever'"])
def test_a_profile_that_is_none_is_named(tmp_path: Path, text: str) -> None:
    profile = tmp_path / "profile.toml"
    profile.write_text(text)
    report, out = str(DEMO / "content-csam.json"), str(tmp_path / "case.json")
    command = ["case", "import", report, "--profile", str(profile), "--out", out]
    result = CliRunner().invoke(main, command)
    assert result.exit_code == 1
    assert "profile.toml" in result.output


def test_machines_get_what_was_dropped_as_json(tmp_path: Path) -> None:
    result = run(DEMO / "content-csam.json", tmp_path / "case.json", "--json")
    told = json.loads(result.output)
    assert told["dropped"]
    assert told["notes"]
