"""`casegate admin system`: members' systems, and what they may ask tokens for."""

import click

from gateway.cli.admin.desk import Desk, change_registry
from gateway.domain.organisation import SCOPES


@click.group()
def system() -> None:
    """Register members' systems."""


@system.command("register", short_help="Register a system and its scopes.")
@click.argument("slug")
@click.argument("name")
@click.option("--scope", "scopes", multiple=True, type=click.Choice(SCOPES), help="By default all.")
@click.pass_obj
def register_system(desk: Desk, slug: str, name: str, scopes: tuple[str, ...]) -> None:
    """Register the system NAME of SLUG, and what it may ask tokens for."""
    values = {"system": name, "scopes": sorted(set(scopes or SCOPES))}
    change_registry(desk, "system.register", slug, values)
