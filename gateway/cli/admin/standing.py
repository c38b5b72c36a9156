"""`casegate admin standing`: seats, for a time."""

from typing import Any

import click

from gateway.cli.admin.days import day, end_day, from_day, until_day
from gateway.cli.admin.desk import Desk, change_registry
from gateway.domain.organisation import Standing


@click.group()
def standing() -> None:
    """Grant and end seats: full, associate, observer."""


@standing.command("grant")
@click.argument("slug")
@click.option(
    "--standing", required=True, type=click.Choice([str(s) for s in Standing]), help="Which seat."
)
@from_day
@until_day
@click.option("--decision", required=True, help="Reference of the body's decision.")
@click.pass_obj
def grant_standing(
    desk: Desk, slug: str, standing: str, start: Any, until: Any, decision: str
) -> None:
    """Grant a seat to SLUG for a time."""
    values = {
        "standing": standing,
        "from": day(start),
        "until": day(until),
        "decision_ref": decision,
    }
    change_registry(desk, "standing.grant", slug, values)


@standing.command("end")
@click.argument("slug")
@end_day
@click.pass_obj
def end_standing(desk: Desk, slug: str, until: Any) -> None:
    """End the seat that SLUG holds."""
    change_registry(desk, "standing.end", slug, {"until": day(until)})
