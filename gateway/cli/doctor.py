"""`casegate doctor`: everything that an operator should know about a gateway, at one look."""

import sys
from pathlib import Path

import click

from gateway import wiring
from gateway.cli.arguments import json_option
from gateway.cli.checkup import Finding, Level, look_over
from gateway.cli.folder import folder_option
from gateway.cli.screen import paint, plain, print_json
from gateway.config import ConfigError

_COLOURS = {Level.OK: "green", Level.WARNING: "yellow", Level.ERROR: "red"}
_WORST = (Level.OK, Level.WARNING, Level.ERROR)


@click.command()
@folder_option
@json_option
def doctor(folder: Path, as_json: bool) -> None:
    """Look over a gateway's folder, keys, certificates, database, log and clock.

    Nothing is changed, and the gateway may run. Exit status: 0 all is well, 1 there are warnings,
    2 there are errors.
    """
    findings = _findings(folder.absolute())
    worst = max((_WORST.index(finding.level) for finding in findings), default=0)
    if as_json:
        print_json({"worst": _WORST[worst], "findings": [vars(finding) for finding in findings]})
    else:
        for finding in findings:
            level = paint(finding.level.ljust(7), _COLOURS[finding.level])
            click.echo(f"{level}  {finding.check.replace('_', ' ')}: {plain(finding.sentence)}")
    sys.exit(worst)


def _findings(folder: Path) -> list[Finding]:
    try:
        config = wiring.load_config(folder)
    except ConfigError as error:
        return [Finding("settings", Level.ERROR, str(error))]
    return list(look_over(config, wiring.now()))
