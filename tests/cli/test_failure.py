"""For machines every failure is one JSON value of one shape, and nothing else."""

import json

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
        (("handoff", "show", "x"), "usage-error", 2),
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


@pytest.mark.parametrize("stop", [click.Abort, KeyboardInterrupt, EOFError])
def test_a_command_that_is_stopped_says_so_too(stop, monkeypatch):
    def stopped(*_: object) -> None:
        raise stop

    monkeypatch.setattr("gateway.cli.doctor.check_policies", stopped)
    result = CliRunner().invoke(main, ["policy", "check", "--json"])
    assert (result.exit_code, result.stderr) == (1, "")
    told = {"kind": "error", "message": "interrupted"}
    assert json.loads(result.stdout) == {"error": told}


def test_machine_output_is_asked_for_before_the_options_end():
    assert wants_json(["case", "list", "--json"])
    assert not wants_json(["case", "list"])
    assert not wants_json(["verify", "--", "--json"])
