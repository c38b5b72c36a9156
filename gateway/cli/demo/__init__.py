"""`casegate demo`: a case goes from a hotline to a police office, over real TLS, from nothing."""

import json
import shlex
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click

from gateway import wiring
from gateway.cli.arguments import ANY_FOLDER, plain_errors
from gateway.cli.demo import environment
from gateway.cli.demo.environment import ADMINS, MEMBERS, DemoEnvironment
from gateway.cli.demo.scenario import OFMIN, Scenario, say
from gateway.cli.output import program
from gateway.client.connection import PartnerConnection
from gateway.client.errors import raising
from gateway.evidence import bundle, receipt
from gateway.evidence import event as events
from gateway.maintenance.process import holding
from gateway.verification import verifier
from gateway.verification.trust import TrustAnchors

ABROAD_SETTINGS = {"name": "demo-abroad", "log_origin": "casegate.example/demo-abroad"}


MARKER = ".casegate-demonstration"


def _keep_up(folder: Path) -> int:
    """Keep up the gateway of an earlier demonstration until it is stopped; its exit status."""
    if not (folder / MARKER).exists():
        raise click.ClickException(f"{folder} is no demonstration: `casegate demo --out {folder}`")
    with DemoEnvironment(folder) as stage:
        url = wiring.load_config(stage.operator).console_url
        if url is None:
            raise click.ClickException(f"{folder} is of an earlier version: play it again")
        click.echo("".join(stage.start()), nl=False)
        click.echo("\nInvitations to the console, each good once, for a browser on this host:")
        for member in MEMBERS:
            for person, address in stage.invite(member.slug):
                click.echo(f"  {member.slug}: {person}\n    {address}")
        click.echo(f"  who made a passkey before signs in with it:\n    {url}/login")
        names = " and ".join(name for name, _ in ADMINS)
        click.echo(f"  {names}, administrators, make a passkey, which both approve:")
        click.echo(f"    {url}/administrator")
        try:
            return stage.wait()
        except KeyboardInterrupt:
            return stage.stop()


@click.command()
@click.option(
    "--out",
    "folder",
    type=ANY_FOLDER,
    default=Path("demo"),
    show_default=True,
    help="Where to play; an earlier demonstration there is replaced.",
)
@click.option(
    "--database",
    default="sqlite",
    show_default=True,
    metavar="sqlite|postgresql|URL",
    help="Where the gateway keeps its log: postgresql starts a temporary server;"
    " the URL of an empty database names a server that is there.",
)
@click.option(
    "--run",
    "again",
    is_flag=True,
    help="Keep up the gateway of the demonstration that is there, and invite its persons.",
)
def demo(folder: Path, database: str, again: bool) -> None:
    """Run a complete demonstration over TLS and verify its evidence.

    The folder stays: `casegate demo --run --out FOLDER` keeps its gateway up until Ctrl-C, except
    where the server was the demonstration's own. It prints the address of the console, for a
    browser on this host, and an invitation for each person, which is good once.

    Example: casegate demo --out demo
    """
    if again:
        with plain_errors():
            sys.exit(_keep_up(folder.absolute()))
    _prepare(folder)
    (folder / "abroad").mkdir()  # of the second gateway and its member
    with (
        plain_errors(),
        _settings(database) as settings,
        DemoEnvironment(folder.absolute(), **settings) as stage,
        DemoEnvironment(folder.absolute() / "abroad", **ABROAD_SETTINGS) as abroad,
    ):
        story = Scenario(stage, abroad)
        story.tell()
        trust = PartnerConnection.read(stage.folder / MEMBERS[0].slug / "connection.toml").trust
    _verify(folder, story, trust)
    click.echo(f"\nEverything is in {folder}: keys, receipts, bundles. Try next:")
    click.echo(f"  {program()} {shlex.join(['verify', str(folder / 'handoff.bundle.json')])} \\")
    click.echo(f"    {shlex.join(['--trust', str(folder / MEMBERS[0].slug)])}")
    if database != "postgresql":
        click.echo(f"  {program()} {shlex.join(['demo', '--run', '--out', str(folder)])}")
        click.echo("and while it runs, as the police, in another terminal:")
        reached = ["--connection", str(folder / OFMIN / "connection.toml")]
        click.echo(f"  {program()} {shlex.join(['handoff', 'list', *reached])}")


@contextmanager
def _settings(database: str) -> Iterator[dict[str, Any]]:
    """The settings that name the database, while there is one."""
    if database == "sqlite":
        yield {}
    elif database == "postgresql":
        failed = raising(click.ClickException, causes=environment.ServerUnavailable)
        with failed, environment.postgresql("casegate") as url:
            yield {"database_url": url}
    else:
        yield {"database_url": database}


def _prepare(folder: Path) -> None:
    """Make the folder anew; one that is no demonstration is left alone."""
    if folder.exists() and any(folder.iterdir()):
        if not (folder / MARKER).exists():
            raise click.ClickException(f"{folder} is not empty and no demonstration: name another")
        operator = folder / "gateway"
        if (operator / wiring.CONFIG_FILE).exists():
            with plain_errors(), holding(wiring.load_config(operator)):
                pass  # a gateway that runs there keeps its folder
        shutil.rmtree(folder)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / MARKER).write_text("made by casegate demo; replaced by the next one\n")


def _verify(folder: Path, story: Scenario, trust: TrustAnchors) -> None:
    """Keep receipts and bundles as files, as a party would, and verify them from files and public
    keys alone; the gateway is down."""
    click.echo()
    click.secho("10. Both gateways are stopped: what the files prove", bold=True)
    kept = folder / "receipts"
    kept.mkdir()
    for number, one in enumerate(story.receipts, start=1):
        event = events.read(one.document)
        file = kept / f"{number:02d}-{event['type']}-{event['result']}.json"
        file.write_text(json.dumps(receipt.to_json(one), indent=1), encoding="utf-8")
        found = verifier.verify(file.read_bytes(), trust)
        if not found.passed:
            raise click.ClickException(f"{file.name}: {found.sentence}")
    say(f"{len(story.receipts)} receipts verified offline", "+", "green")
    for name, data in story.bundles.items():
        file = folder / f"{name}.bundle.json"
        file.write_bytes(data)
        found = verifier.verify(data, trust)
        if not found.passed:
            raise click.ClickException(f"{file.name}: {found.sentence}")
        logs = {events.read(one.document)["log"] for one in bundle.parse(data).receipts}
        of = f" ({' and '.join(sorted(logs))})" if len(logs) > 1 else ""
        say(f"{file.name}{of}: {found.headline}", "+", "green")
