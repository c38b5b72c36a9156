"""`casegate admin contact`: whom to reach at a member, from a file: no person's data in argv."""

from pathlib import Path

import click

from gateway.cli.admin.desk import Desk, change_registry
from gateway.cli.admin.json_file import read_object


@click.group()
def contact() -> None:
    """Change whom to reach at a member."""


@contact.command("set", short_help="Put a contact in the place of the last in its role.")
@click.argument("slug")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.pass_obj
def set_contact(desk: Desk, slug: str, file: Path) -> None:
    """Take on the contact in FILE for SLUG: JSON with role, name and address."""
    change_registry(desk, "contact.set", slug, read_object(file))
