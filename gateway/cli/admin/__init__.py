"""`casegate admin`: what named administrators change in the registry, on the gateway's host.

Each command signs the exact change with the personal key of every person named by `--as`, and
makes it through the same action as any other transport.
"""

from collections.abc import Mapping
from pathlib import Path

import click

from gateway.cli.admin import (
    audit,
    certificate,
    competence,
    key,
    organisation,
    own_keys,
    standing,
    system,
)
from gateway.cli.admin.certificate import served
from gateway.cli.admin.desk import Desk, approve
from gateway.cli.folder import folder_option
from gateway.domain.organisation import SLUG

__all__ = ["admin", "approve", "served"]


@click.group()
@folder_option
@click.option(
    "--as",
    "persons",
    multiple=True,
    metavar="PERSON",
    callback=lambda _context, _parameter, given: _persons(given),
    help="Who approves; the first proposes. Give it twice where two persons are needed.",
)
@click.option(
    "--key",
    "key_files",
    multiple=True,
    metavar="PERSON=FILE",
    callback=lambda _context, _parameter, given: _key_files(given),
    help="Where that person's key is, when it is not in the folder's people/.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the result and receipt as JSON.")
@click.pass_context
def admin(
    context: click.Context,
    folder: Path,
    persons: tuple[str, ...],
    key_files: Mapping[str, Path],
    as_json: bool,
) -> None:
    """Change the registry: organisations, standings, competences, systems, certificates, keys.

    Every change is a policy decision and an event in the log; with --json its receipt is printed.
    Admitting, standings, competences, document keys and audit grants need two persons (R10).

    As in: casegate admin --folder gw --as martin --as dubois organisation admit ofmin --name OFMIN
    --kind police_office --country FR --public-authority
    """
    for person in key_files:
        if person not in persons:
            raise click.UsageError(f"--key is for who approves: --as {person} is missing")
    context.obj = Desk(folder.absolute(), persons, key_files, as_json)


def _persons(given: tuple[str, ...]) -> tuple[str, ...]:
    for person in given:
        if not SLUG.fullmatch(person):
            raise click.BadParameter(f"{person!r} is no person's id: a-z, 0-9 and '-'")
    return given


def _key_files(given: tuple[str, ...]) -> Mapping[str, Path]:
    files: dict[str, Path] = {}
    for one in given:
        person, _, file = one.partition("=")
        if not SLUG.fullmatch(person) or not file or person in files:
            raise click.BadParameter(
                f"{one!r} is not of the form PERSON=FILE, once for each person"
            )
        files[person] = Path(file)
    return files


admin.add_command(organisation.organisation)
admin.add_command(standing.standing)
admin.add_command(competence.competence)
admin.add_command(own_keys.own_keys)
admin.add_command(system.system)
admin.add_command(certificate.certificate)
admin.add_command(key.key)
admin.add_command(audit.audit)
