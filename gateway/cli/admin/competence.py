"""`casegate admin competence`: legal mandates, for a time."""

from typing import Any

import click

from gateway.cli.admin.days import day, end_day, from_day, until_day
from gateway.cli.admin.desk import Desk, change_registry
from gateway.domain.organisation import FUNCTIONS
from gateway.domain.vocabulary import Matter


@click.group()
def competence() -> None:
    """Grant and end legal mandates."""


@competence.command("grant")
@click.argument("slug")
@click.option(
    "--function",
    default="receive",
    show_default=True,
    type=click.Choice(FUNCTIONS),
    help="What the mandate is for.",
)
@click.option(
    "--matter",
    required=True,
    type=click.Choice([str(m) for m in Matter]),
    help="The matter that it is competent for.",
)
@click.option("--territory", required=True, help="ISO 3166-1 alpha-2, as in FR.")
@click.option("--legal-act", required=True, help="The act that gives the mandate.")
@from_day
@until_day
@click.pass_obj
def grant_competence(
    desk: Desk,
    slug: str,
    function: str,
    matter: str,
    territory: str,
    legal_act: str,
    start: Any,
    until: Any,
) -> None:
    """Record that SLUG is competent for a matter in a territory."""
    values = {
        "function": function,
        "matter": matter,
        "territory": territory,
        "legal_act": legal_act,
        "from": day(start),
        "until": day(until),
    }
    change_registry(desk, "competence.grant", slug, values)


@competence.command("end")
@click.argument("slug")
@click.option("--competence", required=True, help="As in receive/csam/FR.")
@end_day
@click.pass_obj
def end_competence(desk: Desk, slug: str, competence: str, until: Any) -> None:
    """End a mandate of SLUG."""
    change_registry(desk, "competence.end", slug, {"competence": competence, "until": day(until)})
