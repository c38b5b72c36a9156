"""`casegate demo`: a case goes from a hotline to a police office, over real TLS, from nothing."""

import json
import shlex
import shutil
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click

from gateway.cli.demo import environment
from gateway.cli.demo.environment import MEMBERS, DemoEnvironment
from gateway.cli.demo.scenario import Scenario, TimelineEntry
from gateway.cli.home import told_plainly
from gateway.client.connection import PartnerConnection
from gateway.evidence import receipt, verification
from gateway.evidence.trust import TrustAnchors
from gateway.ledger import proof

MARKER = ".casegate-demonstration"


@click.command()
@click.option(
    "--folder",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path("demo"),
    show_default=True,
    help="Where to play; an earlier demonstration there is replaced.",
)
@click.option(
    "--database",
    default="sqlite",
    show_default=True,
    metavar="sqlite|postgresql|URL",
    help="Where the gateway keeps its log: postgresql starts a server for this demonstration alone;"
    " the URL of an empty database names a server that is there.",
)
def demo(folder: Path, database: str) -> None:
    """Run a complete demonstration over TLS and verify its evidence.

    The folder stays: `casegate run --folder FOLDER/gateway` keeps its gateway up, except where the
    server was the demonstration's own.
    """
    _prepare(folder)
    with (
        told_plainly(),
        _settings(database) as settings,
        DemoEnvironment(folder.absolute(), **settings) as stage,
    ):
        story = Scenario(stage)
        story.tell()
        trust = PartnerConnection.read(stage.folder / MEMBERS[0].slug / "connection.toml").trust
    files = _save(folder, story.timeline)
    bundles = {"handoff": story.bundle, "succession": story.succession_bundle}
    _verify(files, {folder / f"{name}.bundle.json": data for name, data in bundles.items()}, trust)
    _print(story.timeline)
    click.echo(f"\nEverything is in {folder}: keys, receipts, the handoff's bundle. Try:")
    command = sys.argv[0] if sys.argv[0].endswith("casegate") else "casegate"
    toml = folder / MEMBERS[0].slug / "connection.toml"
    words = [command, "verify", str(folder / "handoff.bundle.json"), "--connection", str(toml)]
    click.echo(f"  {shlex.join(words)}")
    if database != "postgresql":
        click.echo(f"  {shlex.join([command, 'run', '--folder', str(folder / 'gateway')])}")


@contextmanager
def _settings(database: str) -> Iterator[dict[str, Any]]:
    """The settings that name the database, while there is one."""
    if database == "sqlite":
        yield {}
    elif database == "postgresql":
        try:
            with environment.postgresql("casegate") as url:
                yield {"database_url": url}
        except environment.ServerUnavailable as error:
            raise click.ClickException(str(error)) from error
    else:
        yield {"database_url": database}


def _prepare(folder: Path) -> None:
    """Make the folder anew; one that is no demonstration is left alone."""
    if folder.exists() and any(folder.iterdir()):
        if not (folder / MARKER).exists():
            raise click.ClickException(f"{folder} is not empty and no demonstration: name another")
        shutil.rmtree(folder)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / MARKER).write_text("made by casegate demo; replaced by the next one\n")


def _save(folder: Path, timeline: Sequence[TimelineEntry]) -> list[Path]:
    """Keep every receipt as a file of its own, as a party would."""
    kept = folder / "receipts"
    kept.mkdir()
    files = []
    for number, line in enumerate(timeline, start=1):
        file = kept / f"{number:02d}-{line.event['typ']}-{line.event['result']}.json"
        file.write_text(json.dumps(receipt.to_json(line.receipt), indent=1), encoding="utf-8")
        files.append(file)
    return files


def _verify(files: Sequence[Path], bundles: Mapping[Path, bytes], trust: TrustAnchors) -> None:
    """Verify what was kept, from files and public keys alone; the gateway is down."""
    click.echo()
    click.secho("The gateway is stopped. What do the files alone prove?", bold=True)
    for file in files:
        found = verification.verify(file.read_bytes(), trust)
        if found.code != 0:
            raise click.ClickException(f"{file.name}: {found.sentence}")
    click.echo(f"  {click.style('+', fg='green')} {len(files)} receipts verified offline")
    for file, data in bundles.items():
        file.write_bytes(data)
        found = verification.verify(data, trust)
        if found.code != 0:
            raise click.ClickException(f"{file.name}: {found.sentence}")
        click.echo(f"  {click.style('+', fg='green')} {file.name}: {found.sentence}")


def _print(timeline: Sequence[TimelineEntry]) -> None:
    """The timeline as the log has it: in order of index."""
    click.echo()
    click.secho("Timeline (place in the log, legal date, who and what)", bold=True)
    for line in timeline:
        day = line.event.get("simulated_date", "-")
        place = proof.parse(line.receipt.proof).index
        word = f" ({line.word})" if line.word else ""
        click.echo(f"  {place:3}  {day:10}  {line.who} {line.what}{word}")
