"""`casegate doctor`: what an operator should know about a gateway, asked on its host."""

import sys
from contextlib import nullcontext
from pathlib import Path

import click

from gateway import wiring
from gateway.cli import output
from gateway.cli.arguments import home_option, json_option
from gateway.cli.findings import print_findings
from gateway.cli.wording import screen_language
from gateway.config import ConfigError
from gateway.doctor.checks import run_checks
from gateway.domain.health import Finding, Level, worst


@click.command()
@home_option
@json_option
@screen_language
@click.option("--log", "deep", is_flag=True, help="Verify every entry of the log, too.")
def doctor(folder: Path, deep: bool) -> None:
    """Check a gateway's files, keys, certificates, database, log and clock.

    Nothing is changed, and the gateway may run. Exit status: 0 all is well, 1 there are warnings,
    2 there are errors.
    """
    try:
        config = wiring.load_config(folder.absolute())
        with output.progress("checking the log") if deep else nullcontext() as tell:
            found = [*run_checks(config, wiring.now(), tell=tell)]
    except ConfigError as error:
        found = [Finding("settings", Level.ERROR, str(error))]
    level = worst(found)
    if not output.reply({"worst": level, "findings": [one.shown() for one in found]}):
        print_findings(found)
    sys.exit(level.rank)
