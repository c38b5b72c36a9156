"""`casegate admin system`: members' systems, their scopes, and the keys of those that have one."""

from pathlib import Path

import click

from gateway.cli.admin.desk import Desk, change_registry
from gateway.cli.admin.json_file import read_jwk
from gateway.domain.organisation import OPERATOR_SCOPES, SCOPES


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


@system.command("key", short_help="Change the keys by which a system authenticates.")
@click.argument("slug")
@click.argument("name")
@click.option(
    "--key",
    "files",
    multiple=True,
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Public key, a JWK with a kid; twice while one takes the place of the other.",
)
@click.option("--certificate-alone", is_flag=True, help="No key: the certificate is enough again.")
@click.pass_obj
def set_keys(
    desk: Desk, slug: str, name: str, files: tuple[Path, ...], certificate_alone: bool
) -> None:
    """Put these keys in the place of those of the system NAME of SLUG; two persons (R10).

    With keys it must send an assertion (`private_key_jwt`) beside its certificate.
    """
    if bool(files) is certificate_alone:
        raise click.UsageError("Give --key once or twice, or --certificate-alone.")
    values = {"system": name, "keys": [read_jwk(file) for file in files]}
    change_registry(desk, "system.key", slug, values)


@system.command("entrust", short_help="Let a system of the operator's bring changes.")
@click.argument("slug")
@click.argument("name")
@click.option(
    "--scope",
    "scopes",
    multiple=True,
    type=click.Choice(OPERATOR_SCOPES),
    help="None: take them away.",
)
@click.pass_obj
def entrust(desk: Desk, slug: str, name: str, scopes: tuple[str, ...]) -> None:
    """Give the system NAME of SLUG these scopes of the operator's, and no others of them."""
    values = {"system": name, "scopes": sorted(set(scopes))}
    change_registry(desk, "system.entrust", slug, values)


@system.command("disable", short_help="Stop a system at its next request.")
@click.argument("slug")
@click.argument("name")
@click.option("--reason", required=True, help="Why; it stands in the event.")
@click.pass_obj
def disable(desk: Desk, slug: str, name: str, reason: str) -> None:
    """Stop the system NAME of SLUG, on open connections too, and end its tokens."""
    change_registry(desk, "system.disable", slug, {"system": name, "reason": reason})


@system.command("enable")
@click.argument("slug")
@click.argument("name")
@click.option("--reason", required=True, help="Why; it stands in the event.")
@click.pass_obj
def enable(desk: Desk, slug: str, name: str, reason: str) -> None:
    """Let the system NAME of SLUG work again, with new tokens."""
    change_registry(desk, "system.enable", slug, {"system": name, "reason": reason})
