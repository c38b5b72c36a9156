"""`casegate admin audit`: who may read the log, of whom, for how long."""

from typing import Any

import click

from gateway.cli.admin.days import day, end_day, from_day
from gateway.cli.admin.desk import Desk, change_registry
from gateway.domain.audit import Reach


@click.group()
def audit() -> None:
    """Give and end audit grants."""


@audit.command("grant")
@click.argument("slug")
@click.option(
    "--reach",
    required=True,
    type=click.Choice([str(one) for one in Reach]),
    help="The whole log, one member's events, or one case.",
)
@click.option("--member", metavar="ID", help="Whose events; for a case, its originator.")
@click.option("--case", "case_id", type=click.UUID, metavar="UUID", help="Which case.")
@click.option("--person", metavar="PSEUDONYM", help="The one person at SLUG who may; else anybody.")
@from_day
@end_day
@click.option("--decision", required=True, help="Reference of the decision or mandate.")
@click.pass_obj
def grant(
    desk: Desk,
    slug: str,
    reach: str,
    member: str | None,
    case_id: Any,
    person: str | None,
    start: Any,
    until: Any,
    decision: str,
) -> None:
    """Let SLUG read events of the log for a time, with what they show.

    Two persons approve.
    """
    values = {
        "reach": reach,
        "member": member,
        "case": None if case_id is None else str(case_id),
        "person": person,
        "from": day(start),
        "until": day(until),
        "decision_ref": decision,
    }
    change_registry(desk, "audit.grant", slug, values)


@audit.command("end")
@click.argument("slug")
@click.argument("grant", type=click.UUID)
@click.option("--reason", required=True, help="Why it ends before its time.")
@click.pass_obj
def end(desk: Desk, slug: str, grant: Any, reason: str) -> None:
    """End a grant of SLUG at once; two persons approve. GRANT is the event that gave it."""
    change_registry(desk, "audit.end", slug, {"grant": str(grant), "reason": reason})
