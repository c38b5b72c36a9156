"""`casegate policy`: the operator's view on the rules that decide every exchange."""

import dataclasses
import json
import sys
from pathlib import Path

import click

from gateway.cedar.policy import policy_folder
from gateway.cedar.policy_tests import PolicyTestReport
from gateway.cedar.policy_tests import check as check_folder
from gateway.cli.arguments import json_option


@click.group()
def policy() -> None:
    """Check the rules that decide every exchange."""


@policy.command()
@json_option
@click.argument(
    "folder",
    required=False,
    type=click.Path(exists=True, file_okay=False, path_type=Path),
)
def check(folder: Path | None, as_json: bool) -> None:
    """Check the policies in FOLDER against their cases.

    Without FOLDER, the policies that came with the product.

    The policies must fit the schema and be formatted. Every case in tests/ must be decided as it
    says, and by the rules that it names. Every permit must decide an ALLOW case, every forbid a
    DENY case. Every action needs a DENY case that no policy decides. Exit status: 0 when all of
    this holds, 1 otherwise.
    """
    folder = folder or policy_folder()
    report = check_folder(folder)
    if as_json:
        click.echo(json.dumps({"folder": str(folder), **dataclasses.asdict(report)}, indent=2))
    else:
        _print(folder, report)
    sys.exit(1 if report.problems else 0)


def _print(folder: Path, report: PolicyTestReport) -> None:
    for problem in report.problems:
        click.echo(f"- {problem}")
    click.echo(
        f"{folder}: {report.policies} policies, {report.actions} actions, {report.cases} cases:"
        f" {_verdict(len(report.problems))}"
    )


def _verdict(problems: int) -> str:
    match problems:
        case 0:
            return "no problem"
        case 1:
            return "1 problem"
        case _:
            return f"{problems} problems"
