"""`casegate admin case`: what administrators do to a case, which is to erase it."""

from uuid import UUID

import click

from gateway.actions import erasure
from gateway.actions.registry.desk import Change
from gateway.cli.admin.desk import Desk, approvals, opened, propose, show


@click.group()
def case() -> None:
    """Erase cases before their day."""


@case.command("erase", short_help="Destroy the key of a case, for good.")
@click.argument("originator")
@click.argument("case_id", metavar="CASE", type=click.UUID)
@click.option("--reason", required=True, help="Why, in up to 200 characters; no content.")
@click.pass_obj
def erase(desk: Desk, originator: str, case_id: UUID, reason: str) -> None:
    """Erase the case CASE of ORIGINATOR before its day, for good: two persons are needed (R10).

    The originator has closed it. On its day of erasure the gateway does it by itself. What is
    destroyed is the case's key: no copy of the database opens it any more, while receipts go on
    verifying. Backups of the keys database keep the key as long as you keep them.
    """
    change = Change(erasure.ACTION, originator, {"case": str(case_id), "reason": reason})
    with opened(desk) as gateway:
        if desk.proposes:
            propose(desk, gateway, change)
            return
        written = erasure.erase(gateway.ports, change, approvals(desk, gateway, change))
        show(desk, erasure.ACTION, written)
