"""`casegate audit mirror`: a copy of a gateway's public log that goes on where it stopped."""

import time
from pathlib import Path
from typing import Any

import click

from gateway.cli.connection import EPILOG, Failure, now
from gateway.cli.screen import print_json, progress
from gateway.cli.trust import FOLDER, json_option, trusting
from gateway.client import ClientError
from gateway.client.mirror import Mirror, Step
from gateway.client.public import PublicLog
from gateway.evidence.trust import Trust


def open_log(url: str, ca: Path | None) -> PublicLog:
    """The public log at an address; nothing is sent yet."""
    return PublicLog(url, ca, now)


@click.command(epilog=f"{EPILOG} {FOLDER}")
@click.argument("url")
@click.argument("folder", metavar="DIR", type=click.Path(file_okay=False, path_type=Path))
@trusting(documents=False, members=False)
@click.option(
    "--ca",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="The gateway's root certificate (PEM). Left out, the system's authorities count.",
)
@click.option(
    "--follow",
    type=click.IntRange(1),
    metavar="SECONDS",
    help="Go on for ever, and look for more after so many seconds.",
)
@json_option
def mirror(
    url: str, folder: Path, trust: Trust, ca: Path | None, follow: int | None, as_json: bool
) -> None:
    """Copy the public log of the gateway at URL into DIR, and verify each step.

    DIR only grows, and lies as the log's own files do (C2SP tlog-tiles), so that any web server
    can serve it on. What does not continue what DIR has is not kept: the proof is.
    """
    try:
        with open_log(url, ca) as log:
            copy = Mirror(log.fetch, folder, trust)
            while True:
                with progress("entries") as tell:
                    _tell(copy.step(tell), folder, as_json)
                if follow is None:
                    return
                time.sleep(follow)
    except ClientError as error:
        raise Failure(error, as_json) from error


def _tell(step: Step, folder: Path, as_json: bool) -> None:
    before = step.before.size if step.before else 0
    if as_json:
        print_json(_told(step, before))
    elif step.before == step.after:
        click.echo(f"{folder} has all {step.after.size} entries of {step.after.origin}")
    else:
        click.echo(
            f"{folder} has {step.after.size} entries of {step.after.origin}, {before} before: "
            f"one history, {step.fetched} files fetched"
        )


def _told(step: Step, before: int) -> dict[str, Any]:
    return {
        "log": step.after.origin,
        "before": before,
        "size": step.after.size,
        "fetched": step.fetched,
    }
