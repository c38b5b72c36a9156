"""`casegate admin`: what named administrators change in the registry, on the gateway's host.

Each command signs the exact change with the personal key of every person named by `--as`, and
makes it through the same action as any other transport.
"""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import click

from gateway.cli.admin import (
    admins,
    agreement,
    audit,
    case,
    certificate,
    competence,
    contact,
    interest,
    invitation,
    key,
    organisation,
    own_keys,
    proposal,
    receipt,
    standing,
    succession,
    system,
)
from gateway.cli.admin.certificate import served
from gateway.cli.admin.desk import Desk, approve, key_files_option, persons_option
from gateway.cli.home import folder_option

__all__ = ["admin", "approve", "served"]


@click.group()
@folder_option
@persons_option
@key_files_option
@click.option("--propose", is_flag=True, help="Keep the change for another person to approve.")
@click.option("--json", "as_json", is_flag=True, help="Print the result and receipt as JSON.")
@click.pass_context
def admin(
    context: click.Context,
    folder: Path,
    persons: tuple[str, ...],
    key_files: Mapping[str, Path],
    propose: bool,
    as_json: bool,
) -> None:
    """Change the registry: organisations, standings, competences, systems, invitations, keys.

    Every change is a policy decision and an event in the log; with --json its receipt is printed.
    Who comes in and leaves, standings, competences, successions, agreements, certificates, keys,
    invitations, administrators, the end of an interest and audit grants need two persons (R10);
    what only shuts out needs one.

    As in: casegate admin --folder gw --as martin --as dubois organisation admit ofmin --name OFMIN
    --kind police_office --country FR --public-authority
    """
    context.obj = Desk(folder.absolute(), persons, key_files, as_json, propose)


def _print_json(context: click.Context, _parameter: click.Parameter, wanted: bool) -> None:
    if wanted:
        context.obj = replace(context.obj, as_json=True)


def _take_json(command: click.Command) -> None:
    """Let each command take --json behind its name too, where other commands have it."""
    if isinstance(command, click.Group):
        for one in command.commands.values():
            _take_json(one)
        return
    told = "Print one JSON document."
    option = click.Option(
        ["--json"], is_flag=True, expose_value=False, callback=_print_json, help=told
    )
    command.params.append(option)


for _noun in (
    organisation.organisation,
    contact.contact,
    interest.interest,
    agreement.agreement,
    admins.admins,
    proposal.proposal,
    receipt.receipt,
    standing.standing,
    competence.competence,
    succession.succession,
    own_keys.own_keys,
    system.system,
    certificate.certificate,
    key.key,
    audit.audit,
    case.case,
    invitation.invitation,
):
    admin.add_command(_noun)
_take_json(admin)
