"""The supervisor: real processes that stand, fail, drain, or do not listen."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from gateway.cli.demo.environment import free_ports
from gateway.pki.authority import make_root, publish_chain
from gateway.serving.supervisor import listener_answers
from tests.serving.listeners import BEFORE, TOP
from tests.waiting import PATIENCE_SECONDS, until

journey = pytest.mark.journey


SUPERVISE = """
import json, os, sys
from pathlib import Path
from gateway.serving.supervisor import ProcessSpec, Supervisor
specs = [
    ProcessSpec(
        name,
        [sys.executable, "-S", "-c", text, folder],
        Path(ready).exists if ready else None,
    )
    for name, text, folder, ready in json.loads(sys.argv[1])
]
sys.exit(Supervisor(specs, os.environ, **json.loads(sys.argv[2])).run())
"""
STAND = "import sys, time; open(sys.argv[1] + '/stands', 'w'); time.sleep(60)"
LATE = "import sys, time; time.sleep(0.4); open(sys.argv[1] + '/late', 'w'); time.sleep(60)"
FAIL = "import sys; open(sys.argv[1] + '/failed', 'a').write('x'); sys.exit(3)"
FAIL_ONCE = (
    "import os, sys, time; first = not os.path.exists(sys.argv[1] + '/once');"
    "open(sys.argv[1] + '/once', 'a').write('x'); sys.exit(3) if first else time.sleep(60)"
)
DRAIN = (
    "import signal, sys, time; folder = sys.argv[1]\n"
    "def end(*_): time.sleep(0.3); open(folder + '/drained', 'w'); sys.exit(0)\n"
    "signal.signal(signal.SIGTERM, end); open(folder + '/stands', 'w'); time.sleep(60)"
)
DEAF = (
    "import signal, sys, time; signal.signal(signal.SIGTERM, signal.SIG_IGN);"
    "open(sys.argv[1] + '/stands', 'w'); time.sleep(60)"
)


@contextlib.contextmanager
def supervising(
    folder: Path, *texts: str, ready: str = "", **settings: Any
) -> Iterator[subprocess.Popen[str]]:
    specs = [
        (f"p{n}", text, str(folder), str(folder / ready) if ready else "")
        for n, text in enumerate(texts)
    ]
    process = subprocess.Popen(
        [sys.executable, "-c", SUPERVISE, json.dumps(specs), json.dumps(settings)],
        env={**os.environ, "PYTHONPATH": str(TOP)},
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        with process:
            yield process
            process.kill()
    finally:
        process.kill()


def said(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.read()


@journey
def test_ready_is_said_when_every_process_is(tmp_path):
    with supervising(tmp_path, STAND, LATE, ready="late") as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        assert (tmp_path / "late").exists()
        process.terminate()
        assert process.wait(PATIENCE_SECONDS) == 0
        assert said(process).startswith("stopping")


@journey
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_all_processes_after_they_have_drained(tmp_path, number):
    with supervising(tmp_path, DRAIN) as process:
        until((tmp_path / "stands").exists)
        process.send_signal(number)
        process.send_signal(number)  # a terminal and `make` both tell it
        assert process.wait(PATIENCE_SECONDS) == 0
        assert (tmp_path / "drained").exists()


@journey
def test_a_process_that_ends_is_started_again(tmp_path):
    with supervising(tmp_path, FAIL_ONCE, pause=0.05) as process:
        until(lambda: (tmp_path / "once").exists() and (tmp_path / "once").stat().st_size == 2)
        process.terminate()
        assert process.wait(PATIENCE_SECONDS) == 0
        assert "p0 ended with code 3; it starts again in 0.05 s" in said(process)


@journey
def test_a_process_that_ends_again_and_again_is_given_up_and_all_stop(tmp_path):
    with supervising(tmp_path, DRAIN, FAIL, pause=0.01) as process:
        assert process.wait(PATIENCE_SECONDS) == 1
        assert (tmp_path / "failed").read_text() == "xxxxx"
        assert (tmp_path / "stands").exists() == (tmp_path / "drained").exists()
        assert "p1 ended 5 times in a minute and is given up" in said(process)


@journey
def test_a_process_that_does_not_end_is_killed_when_its_time_is_over(tmp_path):
    with supervising(tmp_path, DEAF, drain=0.3) as process:
        until((tmp_path / "stands").exists)
        process.terminate()
        assert process.wait(PATIENCE_SECONDS) == 1
        assert "p0 did not end in time and is killed" in said(process)


@journey
def test_a_second_signal_does_not_wait_for_the_drain(tmp_path):
    with supervising(tmp_path, DEAF, drain=60) as process:
        until((tmp_path / "stands").exists)
        process.terminate()
        time.sleep(1.3)  # within a second it is the same request
        process.send_signal(signal.SIGINT)
        assert process.wait(PATIENCE_SECONDS) == 1


# --- Whether a listener answers, asked from outside ---


@journey
def test_a_listener_answers_only_for_its_own_name_and_root(partners):
    address, chain = ("127.0.0.1", partners.port), partners.folder / "ca-chain.pem"
    assert listener_answers(address, "gateway.example", chain)
    assert not listener_answers(address, "other.example", chain)
    assert not listener_answers(("127.0.0.1", free_ports()[0]), "gateway.example", chain)
    foreign = partners.folder / "foreign"
    publish_chain(foreign, make_root("demo", BEFORE).certificate, [])
    assert not listener_answers(address, "gateway.example", foreign / "ca-chain.pem")


@journey
def test_asking_whether_a_listener_answers_leaves_no_line_in_its_log(partners):
    before = (partners.folder / "log").stat().st_size
    assert listener_answers(
        ("127.0.0.1", partners.port), "gateway.example", partners.folder / "ca-chain.pem"
    )
    partners.good()
    assert (partners.folder / "log").stat().st_size == before
