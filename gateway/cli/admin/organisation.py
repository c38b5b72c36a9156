"""`casegate admin organisation`: admit, suspend, reinstate; the lock is with the keys."""

import click

from gateway.cli.admin.desk import Desk, change_registry
from gateway.domain.organisation import KINDS
from gateway.domain.vocabulary import Regime


@click.group()
def organisation() -> None:
    """Admit, suspend, reinstate, lock and unlock organisations."""


@organisation.command("admit", short_help="Admit an organisation.")
@click.argument("slug")
@click.option("--name", required=True, help="Its name.")
@click.option("--kind", required=True, type=click.Choice(KINDS), help="What it is.")
@click.option("--country", required=True, help="ISO 3166-1 alpha-2, as in FR.")
@click.option("--public-authority", is_flag=True, help="It is an authority under public law.")
@click.option(
    "--regime",
    "regimes",
    multiple=True,
    type=click.Choice([str(r) for r in Regime]),
    default=["gdpr"],
    show_default=True,
    help="Data protection regime; led for competent authorities only.",
)
@click.pass_obj
def admit(
    desk: Desk,
    slug: str,
    name: str,
    kind: str,
    country: str,
    public_authority: bool,
    regimes: tuple[str, ...],
) -> None:
    """Admit an organisation under the id SLUG, which is never used again."""
    values = {
        "name": name,
        "kind": kind,
        "country": country,
        "public_authority": public_authority,
        "regimes": sorted(set(regimes)),
    }
    change_registry(desk, "organisation.admit", slug, values)


@organisation.command("suspend", short_help="Stop an organisation at once.")
@click.argument("slug")
@click.option("--reason", required=True, help="Why; it stands in the event.")
@click.pass_obj
def suspend(desk: Desk, slug: str, reason: str) -> None:
    """Stop an organisation: its next request is refused, in every worker."""
    change_registry(desk, "organisation.suspend", slug, {"reason": reason})


@organisation.command("reinstate")
@click.argument("slug")
@click.option("--reason", required=True, help="Why; it stands in the event.")
@click.pass_obj
def reinstate(desk: Desk, slug: str, reason: str) -> None:
    """Let a suspended organisation work again."""
    change_registry(desk, "organisation.reinstate", slug, {"reason": reason})
