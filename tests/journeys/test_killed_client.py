"""A partner's command dies between any two of its steps; resumed, its write is there once."""

import json
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from gateway.cli.demo.environment import DemoEnvironment
from tests.journeys.harness import HOTLINE, case_content, check_log

pytestmark = [pytest.mark.journey, pytest.mark.xdist_group("gateway")]

DYING = """
import os, signal, sys
from gateway.cli import main
from gateway.client.session import Exchange
from gateway.client.checkpoint_store import Sightings
from gateway.client.outbox import Spool

def die(*_, **__):
    os.kill(os.getpid(), signal.SIGKILL)

{place} = die
main(sys.argv[1:])
"""


def killed_at(place: str, *words: object) -> None:
    """Type `casegate WORDS`; the process is killed where it comes to ``place``."""
    command = [sys.executable, "-c", DYING.format(place=place), *map(str, words)]
    assert subprocess.run(command, check=False).returncode == -signal.SIGKILL


def resumed(connection: Path) -> list[dict[str, Any]]:
    """What `casegate outbox resend` sent again."""
    command = [sys.executable, "-m", "gateway.cli", "outbox", "resend", "--json"]
    done = subprocess.run([*command, "-c", str(connection)], capture_output=True, check=True)
    sent: list[dict[str, Any]] = json.loads(done.stdout)["resent"]
    return sent


@pytest.mark.parametrize(
    ("place", "kept", "done"),
    [
        ("Spool.keep", False, False),
        ("Exchange.send", True, False),
        ("Exchange._granted", True, True),
        ("Sightings.observe", True, True),
        ("Spool.drop", True, True),
    ],
)
def test_a_command_that_is_killed_is_resumed_and_its_case_is_there_once(
    stage: DemoEnvironment, tmp_path: Path, place: str, kept: bool, done: bool
) -> None:
    connection, content = stage.folder / HOTLINE / "connection.toml", case_content()
    case = tmp_path / "case.json"
    case.write_text(json.dumps(content))
    before = check_log(stage).size
    killed_at(place, "case", "submit", case, "--by", "pdc-1", "-c", connection)
    assert check_log(stage).size == before + done
    sent = resumed(connection)
    assert [one["error"] for one in sent] == [None] * kept
    assert check_log(stage).size == before + kept
    assert resumed(connection) == []
    with stage.client(HOTLINE) as hotline:
        assert (content["case"] in [one["case"] for one in hotline.cases()]) is kept
