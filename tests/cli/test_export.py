"""`casegate export all`: a file for each handoff, verified, and no more than what is new."""

import json
from datetime import timedelta
from pathlib import Path

import pytest

from gateway.cli import case_file
from gateway.client import EvidenceMismatch, Gateway
from gateway.exchange.lifecycle import erasure
from tests.cli.desks import Desks
from tests.founded_gateway import OFMIN

CONTENT = ("--by", "officer-1", "--reason", "Archive of the year")


def outcomes(desks: Desks, *more: str, at: str = OFMIN) -> list[tuple[str, str]]:
    """What became of each handoff, and the name of its file."""
    told = desks.told("export", "all", "--out", "archive", *more, at=at)
    return [(one["outcome"], Path(one.get("file", "")).name) for one in told["handoffs"]]


def test_each_handoff_received_or_sent_is_a_file_and_no_file_is_written_twice(
    desks: Desks,
) -> None:
    first, second = desks.offered(), desks.offered()
    assert outcomes(desks) == [("written", f"{one}-1.json") for one in (first, second)]
    assert [outcome for outcome, _ in outcomes(desks)] == ["kept", "kept"]
    desks.done("handoff", "accept", first, "--by", "officer-1", "--yes", at=OFMIN)
    assert sorted(outcomes(desks)) == [("kept", f"{second}-1.json"), ("written", f"{first}-2.json")]
    assert (desks.folder / "archive" / f"{first}-1.json").exists()


def test_a_sender_has_its_own_and_an_archive_is_its_owners_alone(desks: Desks) -> None:
    handoff = desks.offered()
    assert outcomes(desks, at="point-de-contact") == [("written", f"{handoff}-1.json")]
    assert (desks.folder / "archive").stat().st_mode & 0o077 == 0


def test_content_is_included_where_it_opens_and_else_the_line_says_why(desks: Desks) -> None:
    accepted, offered = desks.offered(), desks.offered()
    desks.done("handoff", "accept", accepted, "--by", "officer-1", "--yes", at=OFMIN)
    told = desks.told("export", "all", "--out", "archive", *CONTENT, at=OFMIN)
    files = {one["handoff"]: one for one in told["handoffs"]}
    assert files[accepted]["file"].endswith("-2-content.json")
    assert files[offered]["file"].endswith("-1.json")
    assert files[offered]["without_content"]
    text = desks.done("export", "all", "--out", "archive", *CONTENT, at=OFMIN)
    assert "without content: " in text
    assert "2 of 2 handoffs are in archive" in text


def test_an_erased_case_is_named_and_the_others_are_exported(desks: Desks) -> None:
    desks.monkeypatch.setattr(case_file, "now", desks.stage.gateway.clock)
    soon = (desks.stage.gateway.clock().date() + timedelta(days=2)).isoformat()
    erased, other = desks.offered(marking={"erase_on": soon}), desks.offered()
    desks.done("handoff", "accept", erased, "--by", "officer-1", "--yes", at=OFMIN)
    desks.stage.gateway.clock.advance(timedelta(days=3))
    assert erasure.erase_due(desks.stage.gateway.ports) == 1
    result = desks.run("export", "all", "--out", "archive", at=OFMIN)
    assert result.exit_code == 1
    assert f"Refused: {erased}: the case was erased" in result.stdout
    assert f"{other}-1.json" in result.stdout


def test_a_file_that_was_altered_is_named_and_the_others_are_exported(desks: Desks) -> None:
    desks.offered()
    [(_, name)] = outcomes(desks)
    file = desks.folder / "archive" / name
    members = json.loads(file.read_text())
    file.write_text(json.dumps({**members, "receipts": []}))
    desks.offered()
    result = desks.run("export", "all", "--out", "archive", at=OFMIN)
    assert result.exit_code == 5
    assert f"{name} does not verify: move it away" in result.output
    assert result.stdout.count("Written") == 1
    both = desks.run("export", "all", "--out", "archive", "--json", at=OFMIN)
    told = json.loads(both.stdout)
    assert [one["outcome"] for one in told["handoffs"]] == ["refused", "kept"]
    assert told["error"]["kind"] == "evidence-mismatch"


def test_a_file_of_another_handoff_is_not_taken_for_one_that_is_there(desks: Desks) -> None:
    first, second = desks.offered(), desks.offered()
    outcomes(desks)
    archive = desks.folder / "archive"
    (archive / f"{first}-1.json").write_bytes((archive / f"{second}-1.json").read_bytes())
    result = desks.run("export", "all", "--out", "archive", at=OFMIN)
    assert result.exit_code == 5
    assert f"{first}-1.json does not verify" in result.output


def test_a_bundle_that_does_not_verify_is_no_file(
    desks: Desks, monkeypatch: pytest.MonkeyPatch
) -> None:
    desks.offered()

    def false(*_: object, **__: object) -> bytes:
        raise EvidenceMismatch("the bundle does not verify")

    monkeypatch.setattr(Gateway, "export", false)
    assert desks.run("export", "all", "--out", "archive", at=OFMIN).exit_code == 5
    assert [*(desks.folder / "archive").iterdir()] == []


def test_a_person_and_a_reason_go_together(desks: Desks) -> None:
    result = desks.run("export", "all", "--out", "archive", "--by", "officer-1", at=OFMIN)
    assert result.exit_code == 2
