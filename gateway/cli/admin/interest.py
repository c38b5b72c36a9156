"""`casegate admin interest`: what a member is bound to, and so does not judge (R9)."""

from typing import Any
from uuid import UUID

import click

from gateway.cli.admin.days import day, end_day, from_day, until_day
from gateway.cli.admin.desk import Desk, change_registry
from gateway.domain.organisation import INTEREST_KINDS, INTEREST_SCOPES


@click.group()
def interest() -> None:
    """Record what members declare to be bound to."""


@interest.command("declare")
@click.argument("slug")
@click.option("--scope", required=True, type=click.Choice(INTEREST_SCOPES), help="In what.")
@click.option("--subject", required=True, help="provider.example, or ORIGINATOR/CASE.")
@click.option("--kind", required=True, type=click.Choice(INTEREST_KINDS), help="What binds it.")
@from_day
@until_day
@click.pass_obj
def declare(
    desk: Desk, slug: str, scope: str, subject: str, kind: str, start: Any, until: Any
) -> None:
    """Record that SLUG declares an interest.

    In a provider, by domain name, or in one case.
    """
    values = {
        "scope": scope,
        "subject": subject,
        "kind": kind,
        "from": day(start),
        "until": day(until),
    }
    change_registry(desk, "interest.declare", slug, values)


@interest.command("end")
@click.argument("slug")
@click.argument("event", type=click.UUID)
@end_day
@click.pass_obj
def end(desk: Desk, slug: str, event: UUID, until: Any) -> None:
    """End the interest of SLUG that EVENT declared.

    Two persons are needed (R10).
    """
    change_registry(desk, "interest.end", slug, {"interest": str(event), "until": day(until)})
