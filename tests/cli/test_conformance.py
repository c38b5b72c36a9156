"""`casegate conformance`: the client walks through a run, and says what to mend."""

import json
from dataclasses import replace

import pytest

from gateway.cli import enrol
from gateway.client import enrolment
from gateway.domain.organisation import Status
from gateway.kernel.ports import TransactionMode
from tests.cli.desks import Desks
from tests.founded_gateway import DESK
from tests.newcomers import NEWCOMER, Newcomer

BY = ("--by", "intake-1")


@pytest.fixture
def newcomers(desks: Desks, monkeypatch: pytest.MonkeyPatch) -> Desks:
    monkeypatch.setattr(enrol, "now", desks.stage.gateway.clock)
    Newcomer(desks.stage.gateway).arrive(Status.ENROLLED)
    return desks


def test_the_client_passes_every_step(newcomers):
    output = newcomers.done("conformance", "run", *BY, at=NEWCOMER)
    assert [line.split() for line in output.splitlines()[:4]] == [
        [step, "passed"] for step in enrolment.STEPS
    ]
    assert "an event in the log" in output


def test_who_is_not_active_yet_reads_what_leads_there(newcomers, tls_files):
    newcomers.changes["certificate"] = tls_files / "certificate.pem"
    (waiting,) = newcomers.told("todo", at=NEWCOMER)["items"]
    assert waiting["next"].startswith("casegate conformance run")
    assert "casegate conformance run" in newcomers.run("handoff", "list", at=NEWCOMER).stderr


def test_after_the_run_it_is_the_administrators_turn(newcomers, tls_files):
    newcomers.changes["certificate"] = tls_files / "certificate.pem"
    newcomers.done("conformance", "run", *BY, at=NEWCOMER)
    (waiting,) = newcomers.told("todo", at=NEWCOMER)["items"]
    assert (waiting["kind"], waiting["about"]) == ("activation", "passed")
    assert waiting["next"].startswith("casegate system check")


def test_a_system_hears_what_its_scopes_do_not_let_it_do_with_real_cases(newcomers):
    assert "lacks" not in newcomers.run("conformance", "run", *BY, at=NEWCOMER).stderr
    with newcomers.stage.gateway.ports.begin(TransactionMode.REGISTRY) as work:
        system = work.organisations.system(NEWCOMER, DESK)
        fewer = replace(system, scopes=system.scopes - {"cases.write"})
        work.organisations.save_system(fewer)
        work.commit()
    told = newcomers.run("conformance", "run", *BY, at=NEWCOMER)
    assert (told.exit_code, "lacks cases.write" in told.stderr) == (0, True)


def test_machines_are_told_in_json(newcomers):
    told = newcomers.told("conformance", "run", *BY, at=NEWCOMER)
    assert told["state"] == "passed"
    shown = newcomers.told("conformance", "show", told["run"], at=NEWCOMER)
    assert shown["test"] is True
    assert all(step["passed"] for step in shown["steps"])


def test_a_step_that_fails_says_what_to_mend_and_the_run_goes_on_later(
    newcomers, tmp_path, monkeypatch
):
    file = tmp_path / "case.json"
    file.write_text(json.dumps({"case": "none"}))
    with monkeypatch.context() as lazy:
        lazy.setattr(enrolment, "_verifies", lambda told, run: True)
        result = newcomers.run("conformance", "run", *BY, "--case", file, at=NEWCOMER)
    assert result.exit_code == 1
    assert "send     failed" in result.output
    assert "/content/case" in result.output
    assert "verify   failed" in result.output
    assert "does not verify and was taken" in result.output
    assert "receive  passed" in result.output
    run = result.output.split("--run ")[1].strip()
    again = newcomers.done("conformance", "run", *BY, "--run", run, at=NEWCOMER)
    assert "Passed" in again


def test_a_system_that_signs_sends_a_signed_case(newcomers):
    from tests.ports import document_key  # noqa: PLC0415

    key = document_key("newcomer")
    newcomers.stage.gateway.register_key(NEWCOMER, key)
    newcomers.changes["document_key"] = key
    assert "Passed" in newcomers.done("conformance", "run", *BY, at=NEWCOMER)
