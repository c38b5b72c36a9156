"""`casegate admin agreement`: what members agreed to, with its legal reference."""

from typing import Any
from uuid import UUID

import click

from gateway.cli.admin.days import day, end_day, from_day, until_day
from gateway.cli.admin.desk import Desk, change_registry
from gateway.domain.organisation import AGREEMENT_KINDS


@click.group()
def agreement() -> None:
    """Record agreements. One of the kind `transfer` opens the way to a third country (R15)."""


@agreement.command("record")
@click.argument("slug")
@click.option("--kind", required=True, type=click.Choice(AGREEMENT_KINDS), help="Of which kind.")
@click.option("--about", required=True, help="What was agreed.")
@click.option("--reference", required=True, help="Legal reference, as in: Art. 46(2)(c) GDPR.")
@from_day
@until_day
@click.pass_obj
def record(
    desk: Desk, slug: str, kind: str, about: str, reference: str, start: Any, until: Any
) -> None:
    """Record an agreement with SLUG."""
    values = {
        "kind": kind,
        "about": about,
        "reference": reference,
        "from": day(start),
        "until": day(until),
    }
    change_registry(desk, "agreement.record", slug, values)


@agreement.command("end")
@click.argument("slug")
@click.argument("event", type=click.UUID)
@end_day
@click.pass_obj
def end(desk: Desk, slug: str, event: UUID, until: Any) -> None:
    """End the agreement of SLUG that EVENT recorded."""
    change_registry(desk, "agreement.end", slug, {"agreement": str(event), "until": day(until)})
