"""`casegate audit mirror`: a copy of a gateway's public log that goes on where it stopped."""

import time
from contextlib import suppress
from pathlib import Path
from typing import Any, NoReturn

import click

from gateway.cli.arguments import json_option
from gateway.cli.connection import EPILOG, Failure, now
from gateway.cli.screen import plain, print_line, progress
from gateway.cli.trust import FOLDER, trusting
from gateway.client import ClientError, Unavailable
from gateway.client.mirror import Mirror, PublicLog, Step
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
    help="Go on until Ctrl-C, looking for more after so many seconds; JSON is then a line a step.",
)
@json_option
def mirror(
    url: str, folder: Path, trust: Trust, ca: Path | None, follow: int | None, as_json: bool
) -> None:
    """Copy the public log at URL into DIR, and verify each step.

    DIR only grows, and lies as the log's own files do (C2SP tlog-tiles), so that any web server
    can serve it on. What does not continue what DIR has is not kept: the proof is.
    """
    try:
        with open_log(url, ca) as log:
            copy = Mirror(log.fetch, folder, trust)
            _tell(_step(copy), folder, as_json)
            if follow is not None:
                with suppress(KeyboardInterrupt):  # the ordinary way to end it
                    _follow(copy, folder, follow, as_json)
    except ClientError as error:
        raise Failure(error) from error


def _step(copy: Mirror) -> Step:
    with progress("entries") as tell:
        return copy.step(tell)


def _follow(copy: Mirror, folder: Path, seconds: int, as_json: bool) -> NoReturn:
    """Look for more until stopped; that a log which was there is away is said once."""
    away = False
    while True:
        time.sleep(seconds)
        try:
            step = _step(copy)
        except Unavailable as error:
            if not away:
                click.echo(f"{plain(error)}: this goes on every {seconds} s", err=True)
            away = True
        else:
            away = False
            _tell(step, folder, as_json)


def _tell(step: Step, folder: Path, as_json: bool) -> None:
    before = step.before.size if step.before else 0
    if as_json:
        print_line(_told(step, before))
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
