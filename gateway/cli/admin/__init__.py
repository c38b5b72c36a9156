"""`casegate admin`: what named administrators change in the registry, on the gateway's host.

Each command signs the exact change with the personal key of every person named by `--as`, and
makes it through the same engine as any other transport.
"""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import click
from click.core import ParameterSource

from gateway.changes import CHANGES
from gateway.cli.admin import administrators, admission, certificate, organisation  # noqa: F401 - for their commands
from gateway.cli.admin.change_command import make_command
from gateway.cli.admin.nouns import NOUNS, RENAMED
from gateway.cli.admin.session import AdminSession, key_files_option, persons_option
from gateway.cli.arguments import FOLDER, ConnectionFile, home_option, json_option


@click.group()
@home_option
@persons_option
@key_files_option
@click.option(
    "--connection",
    "-c",
    type=ConnectionFile(exists=True),
    envvar="CASEGATE_CONNECTION",
    show_envvar=True,
    help="Work over the network: the connection of a system with the scope admin.",
)
@json_option
@click.pass_context
def admin(
    context: click.Context,
    folder: Path,
    persons: tuple[str, ...],
    key_files: Mapping[str, Path],
    connection: Path | None,
) -> None:
    """Manage members, memberships, mandates, systems, invitations and keys.

    Every change is a policy decision and an event in the log; with --json its receipt is printed.
    Where policy asks for two persons (R10), give --as twice; with one, the change waits as a
    proposal until another person approves it. With --connection two persons work at two machines.

    \b
    Example: casegate admin --home gw --as martin --as dubois \\
        organisation admit ofmin --name OFMIN \\
        --kind police_office --country FR --public-authority
    """
    if context.get_parameter_source("connection") is ParameterSource.COMMANDLINE:
        _require_one_place(context, "connection")
    if context.get_parameter_source("folder") is ParameterSource.COMMANDLINE:
        _require_one_place(context, "home")
        connection = None
    context.obj = AdminSession(folder.absolute(), persons, key_files, connection)


def _require_one_place(context: click.Context, place: str) -> None:
    """Refuse --home and --connection together, before or behind the command's name."""
    if context.meta.setdefault("gateway.cli.admin.place", place) != place:
        raise click.UsageError("give --home (on this host) or --connection (over the network)")


def _work_in(context: click.Context, parameter: click.Parameter, place: Path | None) -> None:
    """Work in the folder, or over the connection, that is given behind the command's name."""
    if place is not None:
        home = parameter.name == "home"
        _require_one_place(context, str(parameter.name))
        folder = place.absolute() if home else context.obj.folder
        context.obj = replace(context.obj, folder=folder, connection=None if home else place)


def _take_behind(command: click.Command) -> None:
    """Let each command take --json, --home and --connection behind its name too."""
    if isinstance(command, click.Group):
        for one in command.commands.values():
            _take_behind(one)
        return
    # Where an argument may begin with "-", it may begin with "-c".
    short = () if command.context_settings.get("ignore_unknown_options") else ("-c",)
    for flags, kind in (
        (("--home",), FOLDER),
        (
            ("--connection", *short),
            ConnectionFile(exists=True),
        ),
    ):
        command.params.append(
            click.Option(
                flags,
                type=kind,
                expose_value=False,
                hidden=True,
                callback=_work_in,
                help="As `casegate admin` takes it.",
            )
        )
    json_option(command)


for _made in (*NOUNS.values(), administrators.waiting, administrators.health):
    admin.add_command(_made)

try:
    from gateway.cli.admin.gateway_keys import own_keys
except ModuleNotFoundError as missing:  # without the server's part there are no keys of a gateway
    if missing.name is None or missing.name.partition(".")[0] == "gateway":
        raise
else:
    admin.add_command(own_keys)

for _action, _kind in CHANGES.items():
    _noun, _, _ = _action.partition(".")
    _name = RENAMED.get(_noun, _noun.replace("_", "-"))
    _command = make_command(_name, _action, _kind)
    if _command.name not in NOUNS[_name].commands:
        NOUNS[_name].add_command(_command)

_take_behind(admin)
