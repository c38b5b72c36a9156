"""The command `casegate`: each subcommand is loaded when it is called, and not before.

So `casegate verify` works where only the verifier is installed, without the server's packages.
"""

import errno
import importlib
import io
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import FrameType
from typing import Any

import click
from click.shell_completion import CompletionItem

from gateway import __version__
from gateway.cli.failure import (
    DONE,
    NO_SPACE,
    CommandFailed,
    Interrupted,
    OutputNotWritten,
    print_failure,
    without_server,
)

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
        from gateway.cli.examples import give_examples  # noqa: PLC0415 - imports commands' parameters

        give_examples(command, attribute.replace("_", "-"))
        return command


_BY_AUDIENCE: Mapping[str, Mapping[str, tuple[str, str]]] = {
    ANYONE: {
        "policy": ("policy", "Say what a rule means; check the policies."),
        "audit": ("audit", "Check event streams, copy and check logs, search events."),
        "verify": ("verify", "Verify receipts, documents, bundles and lists of events offline."),
    },
    PARTNERS: {
        "case": ("case", "Submit, assess, clear, consult and close your cases."),
        "conformance": ("enrol", "Run the conformance test and show its result."),
        "desk": ("desk_command", "Work in a browser at this machine, as one of your persons."),
        "directory": ("directory", "List members and show their memberships, mandates and keys."),
        "enrol": ("enrol", "Enrol this system with an invitation and configure its connection."),
        "event": ("event", "List all events that concern your organisation."),
        "export": ("export", "Export all handoffs that you hold, with their evidence."),
        "figures": ("figures", "Count what was sent and received in a period."),
        "handoff": ("handoff", "Offer cases, answer offers, consult accepted cases."),
        "key": ("system", "Create signing and encryption keys for your organisation."),
        "notification": (
            "todo",
            "Poll or watch for events that concern you, and replay earlier ones.",
        ),
        "outbox": ("system", "Resend writes that received no answer."),
        "receipt": ("receipt", "Show, verify and save receipts."),
        "search": ("search", "Find your cases and handoffs by an item."),
        "staff": ("directory", "Keep your staff register: who may be named by --by."),
        "subject": ("subject", "Draft answers to requests of persons about their data."),
        "succession": (
            "directory",
            "List and approve successions of your organisation's mandates.",
        ),
        "system": ("system", "Configure and test this system's connection."),
        "todo": ("todo", "List what waits for you, and the command for each."),
    },
    OPERATORS: {
        "admin": ("admin", "Manage members, memberships, mandates, systems, invitations and keys."),
        "backup": ("backup", "Copy the gateway's database, settings and published files to DIR."),
        "backup-keys": (
            "backup",
            "Copy the keys of cases to the new FILE, which you keep for days only.",
        ),
        "ca": (
            "admin.gateway_keys",
            "List issuing certificate authorities and rotate to a new one.",
        ),
        "demo": ("demo", "Run a complete demonstration over TLS and verify its evidence."),
        "doctor": (
            "doctor",
            "Check a gateway's files, keys, certificates, database, log and clock.",
        ),
        "init": (
            "gateway_setup",
            "Create FOLDER: settings, authorities, keys, database, administrators.",
        ),
        "log": ("log", "Show the high-water mark, or re-create it after it was lost."),
        "peer": ("peer", "Connect to peer gateways, and see how each of them stands."),
        "restore": ("backup", "Restore the database from BACKUP; the gateway must be stopped."),
        "run": ("run", "Run the gateway until Ctrl-C or SIGTERM; finish open requests first."),
    },
}
"""The module of each subcommand, and what it does: the first sentence of its own help."""

SUBCOMMANDS: Mapping[str, Subcommand] = {
    name: Subcommand(f"gateway.cli.{module}:{name.replace('-', '_')}", audience, about)
    for audience, commands in _BY_AUDIENCE.items()
    for name, (module, about) in commands.items()
}

DAILY: Mapping[str, Mapping[str, str]] = {
    "Everybody": {
        "todo": "List what waits for you, and the command for each.",
        "system check": "Check this system's connection and access.",
    },
    "An analyst, who sends cases": {
        "case submit": "Submit the first version of one or more cases.",
        "case assess": "Record an analyst's assessment of a case.",
        "case clear": "Clear a case for sharing.",
        "handoff offer": "Offer CASE to one recipient.",
        "case revise": "Submit the next version of a case.",
        "handoff update": "Send the newer version of a case in HANDOFF.",
        "case coverage": "Show the holders of CASE and what is owed.",
    },
    "An officer, who receives them": {
        "handoff list": "List the handoffs received or sent.",
        "handoff show": "Show HANDOFF without its content.",
        "handoff accept": "Accept a handoff under its conditions.",
        "handoff consult": "Consult the content of HANDOFF.",
        "handoff acknowledge": "Acknowledge the updates of a handoff: noted.",
        "handoff report-outcome": "Report a result of the case or of items.",
        "handoff export": "Export HANDOFF with its evidence.",
    },
    "An administrator, who admits members": {
        "admin waiting": "List what waits for administrators.",
        "admin proposal approve": "Sign PROPOSAL and apply its change.",
        "admin organisation show": "Show what is recorded of ORGANISATION, but its contacts.",
    },
    "An auditor or a court": {
        "verify": "Verify receipts, documents, bundles and lists of events offline.",
        "audit search": "Search events that an audit access of yours covers.",
        "audit mirror": "Copy the public log at URL into DIR, and verify each step.",
    },
    "An operator, on the gateway's host": {
        "run": "Run the gateway until Ctrl-C or SIGTERM; finish open requests first.",
        "doctor": "Check a gateway's files, keys, certificates, database, log and clock.",
        "backup": "Copy the gateway's database, settings and published files to DIR.",
    },
}
"""What each person does on most days, as `casegate -h` shows it: each act with the first sentence
of its own help."""


ALIASES = {"enroll": "enrol"}
"""Spellings that work and that help does not list."""

_MEANT = {"--since": "--from", "--disclosure": "--digest"}
"""Options that people try, and that look like none, with those that they mean."""

_WHERE = frozenset({"--home", "--connection", "-c"})
"""What says where a command works: people write it before or behind the command's name."""

_JSON = "gateway.cli.json"
"""Where it is kept that a line asks for machine output, before its command is known: a line that
cannot be read fails for machines, too."""


def interrupt(_signum: int, _frame: FrameType | None) -> None:
    """Stop at Ctrl-C; not any more once all is done and told."""
    context = click.get_current_context(silent=True)
    if context is not None and DONE not in context.meta:
        raise KeyboardInterrupt


def wants_json(arguments: Sequence[str]) -> bool:
    """Tell whether a command line asks for machine output, also one that cannot be read further."""
    ended = arguments.index("--") if "--" in arguments else len(arguments)
    return "--json" in arguments[:ended]


# --- The command ---


class LazyGroup(click.Group):
    """A group that knows its subcommands by name and imports only the one that is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The names, without loading anything."""
        return sorted(SUBCOMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of that name; a UsageError that says what to install when it cannot load."""
        name = ALIASES.get(cmd_name, cmd_name)
        if name not in SUBCOMMANDS:
            return None
        try:
            return SUBCOMMANDS[name].load()
        except ModuleNotFoundError as missing:
            # A missing part of our own is a defect: it must not look like a choice at installation.
            if missing.name is None or missing.name.partition(".")[0] == "gateway":
                raise
            if ctx.resilient_parsing:  # a shell that completes a line: there is nothing to tell
                return None
            raise without_server(cmd_name, missing) from missing

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """The subcommand that comes first; NoSuchCommand suggests those that look alike."""
        try:
            return super().resolve_command(ctx, args)
        except click.NoSuchCommand as none:
            raise click.NoSuchCommand(
                none.command_name, possibilities=SUBCOMMANDS, ctx=ctx
            ) from None

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """The names that begin so, from the table alone, and the options."""
        names = [
            CompletionItem(name, help=one.about)
            for name, one in sorted(SUBCOMMANDS.items())
            if name.startswith(incomplete)
        ]
        return [*names, *click.Command.shell_complete(self, ctx, incomplete)]

    def main(self, *args: Any, **extra: Any) -> Any:
        """Run the command line; an output that takes no more is one sentence, too."""
        try:
            return super().main(*args, **extra)
        except OSError as error:
            if error.errno not in NO_SPACE or error.filename is not None:
                raise
        # What the output still holds would fail again when the interpreter ends.
        sys.stdout = io.StringIO()
        OutputNotWritten(
            "no space is left for what the command writes. What was asked for may have been done: "
            "look before you repeat it"
        ).show()
        sys.exit(OutputNotWritten.exit_code)

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Read the command line, and whether it asks for machine output."""
        ctx.meta[_JSON] = wants_json(args)
        try:
            return super().parse_args(ctx, self._in_place(ctx, args))
        except KeyboardInterrupt:
            raise Interrupted from None

    def _in_place(self, ctx: click.Context, args: list[str]) -> list[str]:
        """The command line with what says where to work behind the command that takes it."""
        group: click.Group = self
        taken: set[str] = set()
        where: list[str] = []
        rest = list(args)
        for at in range(len(args)):
            while at < len(rest) and rest[at].partition("=")[0] in _WHERE - taken:
                ends = at + (1 if "=" in rest[at] else 2)
                where, rest = where + rest[at:ends], rest[:at] + rest[ends:]
            if at >= len(rest) or rest[at].startswith("-"):
                break
            command = group.get_command(ctx, rest[at])
            if command is None:
                break
            taken = {flag for parameter in command.params for flag in parameter.opts}
            if not isinstance(command, click.Group) or taken & set(where):
                return [*rest[: at + 1], *where, *rest[at + 1 :]]
            group = command
        return args

    def invoke(self, ctx: click.Context) -> object:
        """Call the subcommand; for machines a failure of any kind is one JSON value."""
        as_json = ctx.meta[_JSON]
        try:
            return super().invoke(ctx)
        except OutputNotWritten:
            raise  # what was done is on the output already
        except click.NoSuchOption as none:
            error: click.ClickException = none
            if meant := _MEANT.get(none.option_name):
                error = click.UsageError(f"{none.message} Did you mean {meant!r}?", none.ctx)
        except click.ClickException as failed:
            error = failed
        except OSError as failed:
            if failed.errno != errno.ENAMETOOLONG:
                raise
            error = click.UsageError(
                f"{str(failed.filename)[:60]!r}... is too long for a file's name"
            )
        except (click.Abort, EOFError, KeyboardInterrupt) as stop:
            # Ctrl-C at a question is an Abort, as is no answer, and a person's no.
            if KeyboardInterrupt in (type(stop), type(stop.__context__)):
                error = Interrupted()
            elif as_json:
                error = CommandFailed("not confirmed", {"kind": "not-confirmed"})
            else:
                raise
        if not as_json:
            raise error
        print_failure(error)
        raise click.exceptions.Exit(error.exit_code)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List what each person does most days, then all subcommands by their names."""
        for person, acts in DAILY.items():
            with formatter.section(person):
                formatter.write_dl([*acts.items()], col_max=24)
        with formatter.section("All commands; COMMAND -h says what each of them does"):
            formatter.write_text(", ".join(sorted(SUBCOMMANDS)))


_HELP_COLUMNS = 72
"""How wide help is at most: lines of 70 characters, as print and a divided screen take them."""


@click.group(
    cls=LazyGroup,
    context_settings={
        "help_option_names": ["-h", "--help"],
        "max_content_width": _HELP_COLUMNS,
    },
)
@click.version_option(__version__, prog_name="casegate", message="%(prog)s %(version)s")
def main() -> None:
    """Exchange child-protection cases between organisations. Metadata only, never media."""
