"""A partner's command dies between any two of its steps; resumed, its write is there once."""

import json
import signal
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest

from gateway.client.local_state import CheckpointStore, Outbox
from gateway.client.session import Session
from tests.journeys.harness import HOTLINE, case_content, casegate, check_log

pytestmark = [pytest.mark.journey, pytest.mark.xdist_group("gateway")]

DYING = """
import importlib, os, signal, sys
from gateway.cli import main

def die(*_, **__):
    os.kill(os.getpid(), signal.SIGKILL)

setattr(importlib.import_module("{}").{}, "{}", die)
main(sys.argv[1:])
"""


def killed_at(place: Callable[..., Any], *words: object) -> None:
    """Type `casegate WORDS`; the process is killed where it comes to ``place``, a method."""
    owner, _, method = place.__qualname__.partition(".")
    program = DYING.format(place.__module__, owner, method)
    command = [sys.executable, "-c", program, *map(str, words)]
    assert subprocess.run(command, check=False).returncode == -signal.SIGKILL


@pytest.mark.parametrize(
    ("place", "kept", "done"),
    [
        pytest.param(Outbox.keep, False, False, marks=pytest.mark.slow),
        (Session.send, True, False),
        pytest.param(Session._granted, True, True, marks=pytest.mark.slow),
        pytest.param(CheckpointStore.observe, True, True, marks=pytest.mark.slow),
        (Outbox.drop, True, True),
    ],
)
def test_a_command_that_is_killed_is_resumed_and_its_case_is_there_once(
    direct, tmp_path, place, kept, done
):
    connection, content = direct.folder / HOTLINE / "connection.toml", case_content()
    case = tmp_path / "case.json"
    case.write_text(json.dumps(content))
    before = check_log(direct).size
    killed_at(place, "case", "submit", case, "--by", "pdc-1", "-c", connection)
    assert check_log(direct).size == before + done
    resume = ("outbox", "resend", "--json", "-c", connection)
    sent = casegate(*resume)["resent"]
    assert [one["error"] for one in sent] == [None] * kept
    assert check_log(direct).size == before + kept
    assert casegate(*resume)["resent"] == []
    with direct.client(HOTLINE) as hotline:
        assert (content["case"] in [one["case"] for one in hotline.cases()]) is kept
