"""The command `casegate`: each subcommand is loaded when it is called, and not before.

So `casegate verify` works where only the verifier is installed, without the server's packages.
"""

import importlib
import importlib.metadata
from collections.abc import Mapping
from dataclasses import dataclass

import click

from gateway.cli.failure import NotKept, print_failure, wants_json

ANYONE = "Auditors and courts, with nothing but the files"
PARTNERS = "Partners, through the gateway's own interface"
OPERATORS = "Operators, on the gateway's host"
AUDIENCES = (ANYONE, PARTNERS, OPERATORS)


@dataclass(frozen=True)
class Subcommand:
    """Where a subcommand is (``module:attribute``), for whom, and the line that help shows."""

    target: str
    audience: str
    about: str

    def load(self) -> click.Command:
        """Import the command; ModuleNotFoundError where its packages are not installed."""
        module, _, attribute = self.target.partition(":")
        command: click.Command = getattr(importlib.import_module(module), attribute)
        return command


SUBCOMMANDS: Mapping[str, Subcommand] = {
    "admin": Subcommand(
        "gateway.cli.admin:admin",
        OPERATORS,
        "Change the registry: organisations, standings, competences, systems, invitations, keys.",
    ),
    "audit": Subcommand(
        "gateway.cli.audit:audit",
        ANYONE,
        "Prove a stream of events complete; copy a log and check it; read events under a grant.",
    ),
    "backup": Subcommand(
        "gateway.cli.backup:backup",
        OPERATORS,
        "Copy the gateway's database, settings and published files to the new folder DIR.",
    ),
    "ca": Subcommand(
        "gateway.cli.ca:ca",
        OPERATORS,
        "See the issuing authorities, and let a new one take the place of the one in use.",
    ),
    "demo": Subcommand(
        "gateway.cli.demo:demo",
        OPERATORS,
        "Play the founding story over real TLS, verify every receipt offline, print the timeline.",
    ),
    "doctor": Subcommand(
        "gateway.cli.doctor:doctor",
        OPERATORS,
        "Look over a gateway's folder, keys, certificates, database, log and clock.",
    ),
    "init": Subcommand(
        "gateway.cli.init:init",
        OPERATORS,
        "Make FOLDER: settings, authorities, keys, database, and the first two administrators.",
    ),
    "run": Subcommand(
        "gateway.cli.run:run",
        OPERATORS,
        "Keep a gateway up until it is told to stop (Ctrl-C or SIGTERM); requests then drain.",
    ),
    "mark": Subcommand(
        "gateway.cli.mark:mark",
        OPERATORS,
        "See how far the log was signed, or answer for the database when that was lost.",
    ),
    "restore": Subcommand(
        "gateway.cli.restore:restore",
        OPERATORS,
        "Put the database of BACKUP in the place of the gateway's, which must be stopped.",
    ),
    "policy": Subcommand(
        "gateway.cli.policy:policy", OPERATORS, "Check the rules that decide every exchange."
    ),
    "case": Subcommand(
        "gateway.cli.case:case",
        PARTNERS,
        "Hand in, assess, clear, open and close your own cases.",
    ),
    "conformance": Subcommand(
        "gateway.cli.conformance:conformance",
        PARTNERS,
        "Walk this system through the conformance run, and look at it.",
    ),
    "directory": Subcommand(
        "gateway.cli.directory:directory",
        PARTNERS,
        "List the organisations that take part, or show one.",
    ),
    "enroll": Subcommand(
        "gateway.cli.enroll:enroll",
        PARTNERS,
        "Enrol this system by the invitation in FILE, and set up its connection.",
    ),
    "events": Subcommand(
        "gateway.cli.events:events",
        PARTNERS,
        "List your organisation's own events, none missing.",
    ),
    "handoff": Subcommand(
        "gateway.cli.handoff:handoff",
        PARTNERS,
        "Offer cases, answer offers, open what you accepted.",
    ),
    "keys": Subcommand(
        "gateway.cli.keys:keys",
        PARTNERS,
        "Make the keys with which you sign your own documents, and open what is sealed to you.",
    ),
    "receipt": Subcommand(
        "gateway.cli.receipt:receipt",
        PARTNERS,
        "Look at the receipts of your events, and keep them.",
    ),
    "succession": Subcommand(
        "gateway.cli.succession:succession",
        PARTNERS,
        "See which mandates move to or from your office, and approve it.",
    ),
    "system": Subcommand(
        "gateway.cli.system:system",
        PARTNERS,
        "Set up this system's access to a gateway, and check it.",
    ),
    "verify": Subcommand(
        "gateway.cli.verify:verify",
        ANYONE,
        "Verify a receipt, a signed document or a bundle offline.",
    ),
}
"""Every subcommand; ``about`` is the first sentence of its own help."""


_JSON = "gateway.cli.json"
"""Where a command line keeps whether it asks for machine output."""


class LazyGroup(click.Group):
    """A group that knows its subcommands by name and imports only the one that is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The names, without loading anything."""
        return sorted(SUBCOMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of that name; a UsageError that says what to install when it cannot load."""
        if cmd_name not in SUBCOMMANDS:
            return None
        try:
            return SUBCOMMANDS[cmd_name].load()
        except ModuleNotFoundError as missing:
            # A missing part of our own is a defect: it must not look like a choice at installation.
            if missing.name is None or missing.name.partition(".")[0] == "gateway":
                raise
            raise click.UsageError(
                f"'{cmd_name}' needs the package '{missing.name}', which comes with"
                " the server's part: pip install 'casegate[server]'"
            ) from missing

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Read the command line, and whether it asks for machine output."""
        ctx.meta[_JSON] = wants_json(args)
        return super().parse_args(ctx, args)

    def invoke(self, ctx: click.Context) -> object:
        """Call the subcommand; for machines a failure of any kind is one JSON value."""
        as_json = ctx.meta[_JSON]
        try:
            return super().invoke(ctx)
        except NotKept:
            raise  # what was done is on the output already
        except click.ClickException as error:
            if not as_json:
                raise
            print_failure(error)
            ctx.exit(error.exit_code)
        except (click.Abort, EOFError, KeyboardInterrupt):
            if not as_json:
                raise
            print_failure(click.ClickException("stopped before its end"))
            ctx.exit(1)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the subcommands by audience, from the table alone."""
        for audience in AUDIENCES:
            rows = [(n, s.about) for n, s in sorted(SUBCOMMANDS.items()) if s.audience == audience]
            if rows:
                with formatter.section(audience):
                    formatter.write_dl(rows)


def _show_version(ctx: click.Context, _parameter: click.Parameter, wanted: bool) -> None:
    if not wanted or ctx.resilient_parsing:
        return
    try:
        version = importlib.metadata.version("casegate")
    except importlib.metadata.PackageNotFoundError:
        version = "(not installed: run from its source)"
    click.echo(f"casegate {version}")
    ctx.exit()


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--version",
    is_flag=True,
    expose_value=False,
    is_eager=True,
    callback=_show_version,
    help="Show the version and exit.",
)
def main() -> None:
    """Share cases between organisations that protect children: metadata only, never media.

    Three audiences use this command. Auditors and courts check evidence offline, with nothing but
    the files. Partners exchange cases through the gateway's interface, with their certificate.
    Operators set up and run a gateway on its host.
    """
