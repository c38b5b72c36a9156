"""`casegate admin competence`: legal mandates, for a time."""

from collections.abc import Mapping
from typing import Any

import click

from gateway.actions import mandates
from gateway.cli.admin.days import day, end_day, from_day, until_day
from gateway.cli.admin.desk import Desk, change_registry, looked_at
from gateway.cli.output import print_json
from gateway.domain.organisation import FUNCTIONS
from gateway.domain.vocabulary import Matter


@click.group()
def competence() -> None:
    """Grant and end legal mandates; report gaps and overlaps."""


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


@competence.command("report")
@click.option("--all", "everything", is_flag=True, help="Also the days on which one office holds.")
@click.pass_obj
def report_competences(desk: Desk, everything: bool) -> None:
    """Tell on which days several offices hold a competence, or none.

    A look at the registry: nobody has to approve it, and it is no event. On days of several
    holders of a `receive`, and of none, offers to the competence are refused.
    """
    with looked_at(desk) as gateway:
        found = mandates.report(gateway.ports)
    if desk.as_json:
        print_json(found)
        return
    for one in found["competences"]:
        _print_mandate(one, everything)
    for slug in found["inactive"]:
        click.echo(f"{slug} holds competences and does not take part at present")


def _print_mandate(mandate: Mapping[str, Any], everything: bool) -> None:
    days = [_days(one) for one in mandate["stretches"]]
    if not everything:
        days = [
            *(f"SEVERAL {_days(one)}" for one in mandate["overlaps"]),
            *(f"NOBODY {_days(one)}" for one in mandate["gaps"]),
        ] or [f"one office on every day since {mandate['stretches'][0]['from']}"]
    click.echo(mandate["competence"])
    for line in days:
        click.echo(f"  {line}")


def _days(stretch: Mapping[str, Any]) -> str:
    until = f" until {stretch['until']}" if stretch["until"] else " on"
    holders = ", ".join(stretch["holders"]) or "no office"
    return f"from {stretch['from']}{until}: {holders}"
