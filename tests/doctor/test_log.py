"""The doctor tells where log, mark, keys and policies do not agree."""

import shutil
from contextlib import closing
from pathlib import Path
from types import SimpleNamespace

import pytest

from gateway import wiring
from gateway.cedar import policy_folder
from gateway.doctor.checks import run_checks
from gateway.domain.health import Level
from gateway.domain.refusals import HighWaterMarkUnavailable
from gateway.keys import KeyPurpose, generate_key, write_key
from gateway.maintenance import comparison
from gateway.maintenance.comparison import PROVED, compare_registry
from gateway.maintenance.timetable import TIMETABLE
from gateway.maintenance.upkeep import Maintenance
from tests.doctor.finding import sentences
from tests.operating import NEW, Operator


def test_another_key_than_the_one_that_signed_is_an_error(gw: Operator) -> None:
    (gw.config.keys / "log/current.pem").unlink()
    write_key(gw.config.keys / "log/current.pem", generate_key(KeyPurpose.LOG))
    assert "log key" in sentences(gw, "log", Level.ERROR)


def test_a_log_that_does_not_continue_what_was_signed_is_an_error(gw: Operator) -> None:
    before = (gw.folder / "casegate.db").read_bytes()
    admitted = ("organisation", "admit", "abc", "--name", "M", "--kind", "hotline")
    gw.done(*admitted, "--country", "FR")
    assert f"({NEW + 1} of {NEW + 1})" in sentences(gw, "log", Level.OK)
    (gw.folder / "casegate.db").write_bytes(before)
    assert "log frozen" in sentences(gw, "log", Level.ERROR)


def test_a_lost_mark_is_an_error_and_is_not_made(gw: Operator) -> None:
    gw.lose_mark()
    assert "mark is missing" in sentences(gw, "log", Level.ERROR)
    assert not list(gw.folder.glob("high-water-mark*"))


def test_a_mark_that_does_not_answer_is_an_error(
    gw: Operator, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(_: object) -> None:
        raise HighWaterMarkUnavailable("the log's high-water mark cannot be read")

    monkeypatch.setattr(wiring, "read_mark", away)
    assert "see [high_water_mark] url" in sentences(gw, "log", Level.ERROR)


@pytest.mark.parametrize("problems", [(), ("R1 has no case",)])
def test_policies_are_tried_again_unless_maintenance_found_these_whole(
    gw: Operator, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, problems: tuple[str, ...]
) -> None:
    folder = shutil.copytree(policy_folder(), tmp_path / "policies")
    tried = list[str]()

    def check(_: Path, digest: str) -> SimpleNamespace:
        tried.append(digest)
        return SimpleNamespace(problems=problems, policies=7, cases=9)

    monkeypatch.setattr(comparison, "policy_folder", lambda: folder)
    monkeypatch.setattr(comparison, "check_once", check)
    (gw.folder / PROVED).unlink(missing_ok=True)
    with closing(wiring.connect(gw.config)) as gateway:
        upkeep = Maintenance(gateway, wiring.IssuingAuthority(gw.config), TIMETABLE)
        compare_registry(upkeep, wiring.now())
    told = "R1 has no case" if problems else "7 rules hold in 9 cases"
    level = Level.ERROR if problems else Level.OK
    assert told in sentences(gw, "policies", level)
    assert len(tried) == (2 if problems else 1)
    tried.clear()
    list(run_checks(gw.config, wiring.now(), tell=lambda done, of: None))
    (folder / "tests/more.json").write_text("[]")
    assert told in sentences(gw, "policies", level)
    monkeypatch.setattr("gateway.cedar.version", lambda name: "another")
    assert told in sentences(gw, "policies", level)
    assert len(set(tried)) == len(tried) == 3
