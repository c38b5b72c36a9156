"""`casegate case import`: reports of the field become cases, offline or at the gateway."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from gateway.cli import case, case_file, main
from gateway.client import Gateway
from gateway.client.transport import PAUSES
from gateway.schemas.case_document import load_case
from tests.cli.desks import Desks
from tests.client.client_fixture import MemberClient, cut, lose_answer, passing
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


# --- many at once ---

NCMEC = Path(__file__).parents[1] / "data/ncmec/report.xml"
TABLE = "ref,url,mail\nHA-1,https://a.example/,x@y.example\nHA-2,nowhere,\n"
MAPPING = "[fields]\nref = 'reference'\nurl = 'url'\n[dropped]\nmail = 'it is a person’s'\n"


@pytest.fixture
def inbox(tmp_path: Path, desks: Desks) -> list[str]:
    """A folder of mixed files, and the command that brings them, on the gateway's day."""
    for module in (case, case_file):
        desks.monkeypatch.setattr(module, "now", desks.stage.gateway.clock)
    folder = tmp_path / "inbox"
    (folder / "deep").mkdir(parents=True)
    (folder / "deep/4711.xml").write_bytes(NCMEC.read_bytes())
    (folder / "a.json").write_bytes((DEMO / "content-csam.json").read_bytes())
    (folder / "b.json").write_bytes(REFUSED.read_bytes())
    (folder / "c.csv").write_text(TABLE)
    (folder / "d.jpg").write_bytes(b"\xff\xd8\xff")
    (folder / ".hidden").write_text("a note of the file manager's")
    mapping = tmp_path / "mapping.toml"
    mapping.write_text(MAPPING)
    command = ["case", "import", str(folder), "--profile", str(DEMO / "profile.toml")]
    return [*command, "--mapping", str(mapping)]


def test_each_report_is_a_line_and_nothing_is_sent_without_a_person(inbox: list[str]) -> None:
    result = CliRunner().invoke(main, inbox)
    assert result.exit_code == 1
    lines = [line for line in result.stdout.splitlines() if line[0] != " "]
    assert [line.partition(":")[0] for line in lines[:-1]] == [
        "Valid", "Refused", "Valid", "Refused", "Refused", "Valid",
    ]  # fmt: skip
    assert "b.json: /evidence/0: is an image; media is never taken (R1)" in lines[1]
    assert "c.csv, row 2: HA-1: dropped mail" in lines[2]
    assert "d.jpg: it is none of csv, json, xml" in lines[4]
    assert "report/victim" in lines[5]
    assert lines[-1] == "3 valid, 3 refused; nothing is sent without --by"


def test_what_was_taken_is_known_the_next_time_and_what_is_new_is_sent(
    desks: Desks, inbox: list[str]
) -> None:
    desks.changes["outbox"] = desks.folder / "outbox"
    first = desks.run(*inbox, "--by", "intake-1", "--json")
    assert first.exit_code == 1
    told = json.loads(first.stdout)
    assert (told["taken"], told["known"], told["refused"]) == (3, 0, 3)
    Path(inbox[2], "e.csv").write_text("ref,url\nHA-3,https://c.example/\n")
    size = desks.stage.gateway.size()
    second = desks.run(*inbox, "--by", "intake-1")
    assert "1 taken, 3 known, 3 refused" in second.stdout
    assert "HA-1: a case of yours has this reference" in second.stdout
    assert desks.stage.gateway.size() == size + 1


def test_the_gateway_says_which_references_are_taken_where_the_client_forgot(
    desks: Desks, inbox: list[str]
) -> None:
    assert "3 taken" in desks.run(*inbox, "--by", "intake-1").stdout
    assert "3 known" in desks.run(*inbox, "--by", "intake-1").stdout


def test_what_the_gateway_refuses_is_a_line_with_its_reason(desks: Desks, inbox: list[str]) -> None:
    result = desks.run(*inbox, "--by", "nobody-9")
    assert result.exit_code == 1
    assert result.stdout.count("Refused") == 6


def test_an_import_goes_on_after_an_interruption_and_takes_nothing_twice(
    desks: Desks, inbox: list[str]
) -> None:
    desks.changes["outbox"] = desks.folder / "outbox"
    client = MemberClient(desks.stage, outbox=desks.folder / "outbox")
    client.wire.faults = [passing, lose_answer, *[cut] * len(PAUSES)]
    desks.monkeypatch.setattr(Gateway, "open", lambda file: client)
    broken = CliRunner().invoke(main, [*inbox, "--by", "intake-1"])
    assert broken.exit_code == 3
    size = desks.stage.gateway.size()
    assert "3 known" in desks.run(*inbox, "--by", "intake-1").stdout
    assert desks.stage.gateway.size() == size


def test_one_report_is_written_and_several_are_not(inbox: list[str], tmp_path: Path) -> None:
    result = CliRunner().invoke(main, [*inbox, "--out", str(tmp_path / "case.json")])
    assert result.exit_code == 2
    assert "--out is for one report" in result.output


def test_a_case_is_sent_or_written_not_both(inbox: list[str], tmp_path: Path) -> None:
    both = [*inbox, "--out", str(tmp_path / "case.json"), "--by", "intake-1"]
    assert CliRunner().invoke(main, both).exit_code == 2
