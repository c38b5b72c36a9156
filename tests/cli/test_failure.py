"""For machines every failure is one JSON value of one shape, and nothing else."""

import json
import signal
import subprocess
import sys

import click
import pytest
from click.testing import CliRunner

from gateway.cli import main, wants_json
from tests.each import each

NOWHERE = "018f0000-0000-7000-8000-000000000001"


@each(
    "words, kind, code",
    [
        (("case", "show", NOWHERE), "not-found", 1),
        (("case", "show", "x"), "unknown-reference", 2),
        (("handoff", "show", "x"), "unknown-reference", 2),
        (("case", "show"), "usage-error", 2),
        (("case", "vanish"), "usage-error", 2),
        (("vanish",), "usage-error", 2),
        (("directory", "keys"), "usage-error", 2),
        (("directory", "keys", "ofmin", "--out", "x.json"), "error", 1),
        (("audit", "check-stream", ".", "--log-key", "x"), "usage-error", 2),
        (("ca", "list"), "error", 1),
        (("case", "import", "report", "--profile", "none", "--out", "x"), "usage-error", 2),
    ],
)
def test_a_failure_is_one_value_of_one_shape(desks, words, kind, code):
    result = desks.run(*words, "--json")
    told = json.loads(result.stdout)
    assert (result.exit_code, result.stderr) == (code, "")
    assert told["error"]["kind"] == kind
    assert told["error"]["message"]
    assert "\n" not in result.stdout.strip()
    assert desks.run(*words).stdout == "", "people read it on the error stream"


def at_a_question(_: object) -> None:
    """What click makes of Ctrl-C at a question."""
    try:
        raise KeyboardInterrupt
    except KeyboardInterrupt:
        raise click.Abort from None


def stopped(_: object) -> None:
    raise KeyboardInterrupt


def unconfirmed(_: object) -> None:
    raise click.Abort


@pytest.mark.parametrize(
    "stop, code, kind",
    [
        (stopped, 130, "interrupted"),
        (at_a_question, 130, "interrupted"),
        (unconfirmed, 1, "not-confirmed"),
    ],
)
def test_a_command_that_is_stopped_says_so_too(stop, code, kind, monkeypatch):
    monkeypatch.setattr("gateway.cedar.policy_tests.check", stop)
    result = CliRunner().invoke(main, ["policy", "check", "--json"])
    assert (result.exit_code, result.stderr) == (code, "")
    assert json.loads(result.stdout)["error"]["kind"] == kind
    assert CliRunner().invoke(main, ["policy", "check"]).exit_code == code


STOPPED_AT = """
import click, os, signal, sys

# Whoever runs the tests in the background has it ignored, and a child inherits that.
signal.signal(signal.SIGINT, signal.default_int_handler)

def ctrl_c(*_):
    os.kill(os.getpid(), signal.SIGINT)

class Early:
    def find_spec(self, name, *_):
        if name == "gateway.cli":
            ctrl_c()

def work():
    from gateway.cli import output
    if {place!r} == "done":
        output.finish()
        click.echo("Done")
    ctrl_c()

from gateway.__main__ import command
if {place!r} == "start":
    sys.meta_path.insert(0, Early())
else:
    from gateway import cli
    cli.Subcommand.load = lambda self: click.Command("todo", callback=work)
sys.argv = ["casegate", "todo"]
command()
"""


@pytest.mark.parametrize(
    "place, code, says",
    [("start", -signal.SIGINT, ""), ("work", 130, "Error: interrupted\n"), ("done", 0, "")],
)
def test_ctrl_c_is_130_before_and_0_once_all_is_done_and_told(place, code, says):
    program = [sys.executable, "-c", STOPPED_AT.format(place=place)]
    result = subprocess.run(program, capture_output=True, text=True, check=False)
    assert (result.returncode, result.stderr) == (code, says)


def test_machine_output_is_asked_for_before_the_options_end():
    assert wants_json(["case", "list", "--json"])
    assert not wants_json(["case", "list"])
    assert not wants_json(["verify", "--", "--json"])
