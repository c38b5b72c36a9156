"""`casegate admin`: what named administrators change in the registry, on the gateway's host.

Each command signs the exact change with the personal key of every person named by `--as`, and
makes it through the same action as any other transport.
"""

from collections.abc import Mapping
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
from gateway.cli.folder import folder_option

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
    Who comes in and leaves, standings, competences, certificates, keys, invitations, the end of an
    interest and audit grants need two persons (R10); what only shuts out needs one.

    As in: casegate admin --folder gw --as martin --as dubois organisation admit ofmin --name OFMIN
    --kind police_office --country FR --public-authority
    """
    context.obj = Desk(folder.absolute(), persons, key_files, as_json, propose)


admin.add_command(organisation.organisation)
admin.add_command(contact.contact)
admin.add_command(interest.interest)
admin.add_command(agreement.agreement)
admin.add_command(admins.admins)
admin.add_command(proposal.proposal)
admin.add_command(receipt.receipt)
admin.add_command(standing.standing)
admin.add_command(competence.competence)
admin.add_command(succession.succession)
admin.add_command(own_keys.own_keys)
admin.add_command(system.system)
admin.add_command(certificate.certificate)
admin.add_command(key.key)
admin.add_command(audit.audit)
admin.add_command(case.case)
admin.add_command(invitation.invitation)
