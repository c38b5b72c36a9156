"""`casegate run`: what it does before the listeners open, and what it says when it cannot."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import pytest
from click.testing import Result

from gateway.maintenance.process import AlreadyRunning, holding
from gateway.pki.authority import CRL_FILE
from gateway.serving.supervisor import ProcessSpec
from tests.operating import ISSUER, PARTNERS, Operator

TOP = Path(__file__).parents[2]


def command(gw: Operator, *words: str) -> list[str]:
    return [sys.executable, "-m", "gateway", "run", "--home", str(gw.folder), *words]


@pytest.fixture
def run(gw: Operator) -> Iterator[Callable[..., Result]]:
    """`casegate run` in this process, which keeps its signals."""
    before = {one: signal.getsignal(one) for one in (signal.SIGTERM, signal.SIGINT)}
    yield lambda *words: gw.type("run", "--home", gw.folder, *words)
    for one, handler in before.items():
        signal.signal(one, handler)


def on_sockets(gw: Operator) -> None:
    for part in ("public", "partners"):
        gw.set(part, "bind", f'"unix:{gw.folder / part}.sock"')


def test_once_belongs_to_maintain(run):
    for words in (("--once",), ("--only", "public", "--once")):
        result = run(*words)
        assert result.exit_code == 2
        assert "--once goes with --only maintain" in result.stderr


def test_a_single_round_of_maintenance_makes_what_a_start_needs(gw, run):
    for file in (*gw.config.server.glob("*.pem"), gw.config.published / CRL_FILE):
        file.unlink()
    done = run("--only", "maintain", "--once")
    assert (done.exit_code, done.stdout, done.stderr) == (0, "", "")
    assert (gw.config.server / "partners.pem").exists()
    assert (gw.config.published / CRL_FILE).exists()


def test_alarms_and_what_policy_logs_go_to_the_standard_error_stream(gw):
    (gw.config.published / "root.pem").unlink()
    program = (
        "import logging, sys\nfrom gateway.cli import main\n"
        "main(['run', '--home', sys.argv[1], '--only', 'maintain', '--once'],"
        " standalone_mode=False)\n"
        "logging.getLogger('gateway.cedar').error('a decision was not reached')\n"
        "logging.getLogger('gateway.cedar').info('not shown')\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(gw.folder)],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PYTHONPATH": str(TOP)},
    )
    alarm, decision = done.stderr.splitlines()
    assert " casegate.maintain: " in alarm
    assert alarm.endswith("cannot be read: put it back")
    assert decision.endswith("gateway.cedar: a decision was not reached")


def test_maintain_works_until_it_is_told_to_end(gw):
    made = gw.config.published / CRL_FILE
    made.unlink()
    environ = {**os.environ, "PYTHONPATH": str(TOP)}
    with subprocess.Popen(command(gw, "--only", "maintain"), env=environ) as process:
        ends = time.monotonic() + 60
        while not made.exists():
            assert time.monotonic() < ends
            time.sleep(0.02)
        with pytest.raises(AlreadyRunning), holding(gw.config):
            pass
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0
    with holding(gw.config):
        pass


def test_a_start_renews_first_and_says_where_the_gateway_is_and_by_which_day(gw, run, monkeypatch):
    """The processes themselves are started in the journeys."""
    supervised: list[str] = []

    class Recorder:
        def __init__(self, specs: Sequence[ProcessSpec], environ: Mapping[str, str]) -> None:
            assert len(list(gw.config.server.glob("*.pem"))) == 3, "nothing was renewed"
            supervised.extend(spec.name for spec in specs)

        def run(self) -> int:
            return 0

    monkeypatch.setattr("gateway.serving.supervisor.Supervisor", Recorder)
    on_sockets(gw)
    gw.set("demo", "simulated_reference_date", "2023-10-31")
    for file in gw.config.server.glob("*.pem"):
        file.unlink()  # as after a long pause
    result = run()
    assert result.exit_code == 0, result.output
    assert supervised == ["public", "partners", "maintain", "deliver"]
    public, partners, day, *_ = result.stdout.splitlines()
    assert (public.split(), partners.split()) == (["public", ISSUER], ["partners", PARTNERS])
    assert day == "for demonstrations only: rights are judged on 2023-10-31"


# --- What keeps it from starting


def test_a_second_gateway_on_one_folder_does_not_start(gw, run, capfd):
    on_sockets(gw)
    with holding(gw.config):
        done = run()
    assert done.exit_code == 1
    assert capfd.readouterr().err == (
        "Error: another process maintains this gateway: stop it first\n"
    )
    assert done.stderr == "the gateway cannot start: see above\n"


@pytest.mark.journey
def test_a_gateway_whose_address_is_taken_does_not_start_and_names_it(gw, run):
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        gw.set("public", "bind", f'"127.0.0.1:{port}"')
        refused = run()
    assert refused.exit_code == 1
    assert f"127.0.0.1:{port}" in refused.stderr
    assert "ready" not in refused.stdout


def test_a_listener_says_in_a_sentence_which_key_is_missing(gw, run):
    (gw.config.keys / "token" / "current.pem").unlink()
    done = run("--only", "public")
    assert done.exit_code == 1
    (line,) = done.stderr.splitlines()
    assert line.startswith(f"Error: {gw.config.keys}/token/current.pem does not exist")


@pytest.mark.skipif(sys.platform != "linux", reason="the kernel's word for it")
def test_a_gateway_ends_with_the_program_that_started_it_were_that_killed(gw):
    program = (
        "import os, subprocess, sys\n"
        "from gateway.serving.supervisor import SUPERVISOR_VARIABLE\n"
        "env = {**os.environ, SUPERVISOR_VARIABLE: str(os.getpid())}\n"
        "started = subprocess.Popen(sys.argv[1:], env=env, stderr=subprocess.DEVNULL)\n"
        "print(started.pid, flush=True)\n"
        "sys.stdin.read()\n"
    )
    starter = subprocess.Popen(
        [sys.executable, "-c", program, *command(gw)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(TOP)},
    )
    assert starter.stdout is not None
    pid = int(starter.stdout.readline())
    starter.kill()
    starter.communicate()
    ends = time.monotonic() + 60
    while str(gw.folder).encode() in _command_of(pid):
        assert time.monotonic() < ends, "the gateway outlived the program that started it"
        time.sleep(0.1)


def _command_of(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""


@pytest.mark.parametrize("part", ["maintain", "deliver"])
def test_no_process_writes_lines_without_end_however_often_something_fails(
    gw: Operator, part: str
) -> None:
    """As of a receiver that refuses, is well and refuses again, or a disk that comes and goes."""
    code = (
        "import logging, sys\n"
        "from gateway.cli import main, run\n"
        "def flood(*_, **__):\n"
        f"    alarm = logging.getLogger('casegate.{part}').warning\n"
        "    for n in range(1000):\n"
        "        alarm(f'notification to ofmin: it answers {500 + n}; it is tried again')\n"
        f"run._{part} = flood\n"
        f"main(['run', '--home', sys.argv[1], '--only', '{part}'])\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, gw.folder], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert 60 <= len(done.stderr.splitlines()) <= 120  # a minute may end meanwhile
