"""The doctor tells who can read the issuing key, and the keys of cases."""

import os

import pytest

from gateway.doctor import keys
from gateway.domain.health import Level
from tests.doctor.finding import findings, sentences
from tests.operating import Operator


@pytest.mark.parametrize(
    ("users", "level", "words"),
    [
        (set(), Level.WARNING, "would run as"),
        ({os.geteuid()}, Level.WARNING, "listeners run as"),
        ({0}, Level.WARNING, "listeners run as"),
        ({54321}, Level.OK, "listeners run as another user"),
    ],
)
def test_who_can_read_the_issuing_key_is_told(
    gw: Operator, monkeypatch: pytest.MonkeyPatch, users: set[int], level: Level, words: str
) -> None:
    monkeypatch.setattr(keys, "listeners_run_as", lambda: users)
    assert words in sentences(gw, "issuing_key", level)


def test_a_step_that_is_due_in_a_change_of_authorities_is_told(
    gw: Operator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keys, "reminder", lambda folder, now: [f"go on in {folder}"])
    told = sentences(gw, "issuing_key", Level.WARNING)
    assert f"go on in {gw.config.issuing}" in told


def test_keys_of_cases_that_the_service_s_group_may_read_are_well_and_everybody_s_are_not(
    gw: Operator,
) -> None:
    file = gw.config.keys_file
    file.chmod(0o660)
    assert not [one for one in findings(gw) if "can open" in one.sentence]
    file.chmod(0o664)
    (found,) = [one for one in findings(gw) if "can open" in one.sentence]
    assert found.level is Level.ERROR
    assert f"chmod o= {file}" in found.sentence
