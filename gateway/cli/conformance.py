"""`casegate conformance`: show that this system can send, receive, verify and refuse."""

import json
from pathlib import Path
from typing import Any
from uuid import UUID

import click

from gateway.cli.output import colour, print_json, print_table, sanitise
from gateway.cli.partner_command import EPILOG, REFUSED, by_option, new_id, now, partner
from gateway.client import Gateway, SettingsError
from gateway.client.conformance import CheckResult, ConformanceRunner
from gateway.client.connection import read_file


@click.group(epilog=EPILOG)
def conformance() -> None:
    """Run the conformance test and show its result.

    An organisation that is enrolled becomes active after it. All of it is test data, apart from
    every real case.
    """


@conformance.command(epilog=EPILOG)
@by_option
@click.option("--run", "earlier", type=click.UUID, metavar="RUN", help="Continue this run.")
@click.option(
    "--case",
    "case_file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="A test case (JSON) as your own system makes it; by default a small sample.",
)
@partner
def run(
    gateway: Gateway, as_json: bool, by: str, earlier: UUID | None, case_file: Path | None
) -> None:
    """Do each step of a run that is not passed yet.

    Where one fails it says what to correct.

    The client does what it does every day: it submits a case, accepts and opens an offer,
    verifies receipts of which some were altered, and refuses an offer. Exit status 1 when a step
    is not passed.
    """
    runs = gateway.conformance
    begun = earlier or str(runs.start(by).result["run"])
    told = runs.show(begun)
    case = _sample() if case_file is None else _read(case_file)
    outcomes = list(ConformanceRunner(runs, by, case).steps(told))
    after = runs.show(str(told["run"]))
    if as_json:
        print_json({"run": after["run"], "state": after["state"], "steps": _told(outcomes)})
    else:
        _show(after, outcomes)
    if not all(outcome.passed for outcome in outcomes):
        raise SystemExit(REFUSED)


def _show(run: dict[str, Any], outcomes: list[CheckResult]) -> None:
    for outcome in outcomes:
        word = colour("passed", "green") if outcome.passed else colour("failed", "red")
        click.echo(f"{outcome.step.ljust(8)} {word}")
        if outcome.refused is None:
            continue
        click.echo(f"  {sanitise(outcome.refused)}")
        for pointer, message in outcome.refused.errors:
            click.echo(f"  {sanitise(pointer or '/')}: {sanitise(message)}")
    if run["state"] == "passed":
        click.echo(f"{colour('Passed', 'green')}: run {sanitise(run['run'])}, an event in the log")
        click.echo("Next, where you are not active yet: the gateway's administrators activate you")
    else:
        click.echo(f"Correct what failed, then: --run {sanitise(run['run'])}")


def _told(outcomes: list[CheckResult]) -> list[dict[str, Any]]:
    return [
        {
            "step": outcome.step,
            "passed": outcome.passed,
            "detail": outcome.refused and str(outcome.refused),
            "errors": [
                {"pointer": p, "message": m}
                for p, m in (outcome.refused.errors if outcome.refused else ())
            ],
        }
        for outcome in outcomes
    ]


@conformance.command(epilog=EPILOG)
@click.argument("identifier", metavar="RUN", type=click.UUID)
@partner
def show(gateway: Gateway, as_json: bool, identifier: UUID) -> None:
    """Show which steps of a run are passed."""
    found = gateway.conformance.show(identifier)
    if as_json:
        print_json(found)
        return
    click.echo(
        f"run {sanitise(found['run'])} of {sanitise(found['system'])}: {sanitise(found['state'])}"
    )
    rows = [(one["step"], "passed" if one["passed"] else "open") for one in found["steps"]]
    print_table(("step", "state"), rows)


def _read(file: Path) -> dict[str, Any]:
    try:
        case = json.loads(read_file(file))
    except ValueError as error:
        raise SettingsError(f"{file} is not JSON: {error}") from None
    if not isinstance(case, dict):
        raise SettingsError(f"{file} is not a case: a JSON object is expected")
    return case


def _sample() -> dict[str, Any]:
    """A small case that says that it is a test."""
    page, at = str(new_id()), now().isoformat(timespec="seconds")
    return {
        "case": str(new_id()),
        "version": 1,
        "originator_ref": "conformance-run",
        "received_at": at,
        "intake_channel": "web_form",
        "reporter": {"anonymous": True, "feedback_requested": False},
        "matter": ["csam"],
        "urgency": "normal",
        "items": [{"id": page, "kind": "url", "value": "https://page.test/", "is_source": True}],
        "statements": [],
        "classifications": [],
        "marking": {
            "tlp": "AMBER",
            "handling": [],
            "permitted_actions": "ask_first",
            "attribution": "may",
            "release_to": [],
            "onward": "ask_originator",
            "erase_on": f"{now().year + 1}-01-01",
            "purpose": ["identify_victim"],
        },
        "legal_basis": [{"regime": "gdpr", "article": "6(1)(f)"}],
    }
