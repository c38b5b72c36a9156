"""`casegate doctor` says what is wrong, to people and to machines, and by its exit status."""

import json
import shutil
from datetime import timedelta

import pytest

from gateway.doctor import databases, keys, log, outside
from gateway.maintenance.health import BACKUPS, REHEARSAL, note_backup
from tests.doctor.conftest import synchronised
from tests.doctor.test_administrators import add_bernard
from tests.operating import Operator, execute

__all__ = ["synchronised"]


@pytest.fixture(autouse=True)
def on_a_disk_and_new(monkeypatch: pytest.MonkeyPatch) -> None:
    """Wherever the folders of tests are, and however long ago their gateway was founded."""
    monkeypatch.setattr(databases, "_file_system", lambda _: "ext4")
    monkeypatch.setattr(outside, "LONGEST_PAUSE", timedelta(days=1))


def test_a_new_gateway_has_no_error(gw: Operator) -> None:
    result = gw.type("doctor", "--home", gw.folder)
    assert result.exit_code == 1, result.output
    lines = result.stdout.splitlines()
    assert {line.split()[0] for line in lines} == {"ok", "warning"}
    warned = [line.split()[1] for line in lines if line.startswith("warning")]
    people, copies = ["administrators:"] * 2, ["backups:", "backups:", "rehearsal:"]
    assert warned == ["permissions:", "issuing", *people, *copies, "log:"]


def test_a_gateway_in_good_order_gets_zero(gw: Operator, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.rmtree(gw.config.offline)
    monkeypatch.setattr(keys, "listeners_run_as", lambda: {54321})
    monkeypatch.setattr(log, "_apart", lambda _: iter(()))  # the tests have one disk
    add_bernard(gw, gw.folder.parent / "own")
    shutil.rmtree(gw.config.people)
    for what in (*BACKUPS, REHEARSAL):
        note_backup(gw.config, what)
    result = gw.type("doctor", "--home", gw.folder)
    assert result.exit_code == 0, result.output


@pytest.mark.parametrize(
    ("act", "check"),
    [
        ("UPDATE log_event SET document = document || ' ' WHERE idx = 0", "whole_log"),
        ("UPDATE log_head SET size = size + 1", "log"),
        ("UPDATE person SET enabled = 0", "registry"),
    ],
)
def test_what_was_done_behind_the_gateways_back_is_an_error(
    gw: Operator, act: str, check: str
) -> None:
    execute(gw.folder / "casegate.db", act)
    result = gw.type("doctor", "--home", gw.folder, "--json", "--log")
    assert result.exit_code == 2
    said = json.loads(result.stdout)["findings"]
    assert check in {one["check"] for one in said if one["level"] == "error"}


def test_machines_get_json_and_the_worst(gw: Operator) -> None:
    (gw.folder / "high-water-mark").unlink()
    result = gw.type("doctor", "--home", gw.folder, "--json")
    assert result.exit_code == 2
    said = json.loads(result.stdout)
    assert said["worst"] == "error"
    told = {"check", "level", "sentence", "at", "runbook"}
    assert [one.keys() for one in said["findings"]] == [told] * len(said["findings"])
    (frozen,) = (
        one for one in said["findings"] if one["level"] == "error" and one["check"] == "log"
    )
    assert frozen["runbook"] == "docs/operators.md#the-log-is-frozen"


def test_settings_that_cannot_be_read_are_an_error(gw: Operator) -> None:
    gw.set("limits", "max_body_bytes", "1")
    result = gw.type("doctor", "--home", gw.folder)
    assert result.exit_code == 2
    assert "[limits] max_body_bytes" in result.stdout
