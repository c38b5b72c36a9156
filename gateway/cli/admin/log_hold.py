"""`casegate admin log-hold`: what keeps details in the log beyond their term."""

import click

from gateway.cli.admin.session import AdminSession, read_only
from gateway.cli.output import print_items
from gateway.kernel.ports import TransactionMode


@click.group("log-hold")
def log_hold() -> None:
    """Keep details of persons in the log beyond their term.

    For proceedings or the inquiry of an authority: two persons set a hold, and two end it.
    """


@log_hold.command("list")
@click.pass_obj
def list_holds(session: AdminSession) -> None:
    """List the log holds in force, and whose review was missed.

    Example: casegate admin --home gw log-hold list
    """
    with read_only(session) as gateway:
        with gateway.ports.begin(TransactionMode.READ) as work:
            holds = work.log_terms.holds()
        today = gateway.ports.civil_day(gateway.ports.now())
    found = [
        {
            "log_hold": str(one.id),
            "member": one.organisation,
            "case": None if one.case is None else str(one.case),
            "reference": one.reference,
            "review_on": one.review_on.isoformat(),
            "review_missed": one.is_review_missed(today),
        }
        for one in holds
    ]
    columns = ("log_hold", "member", "case", "reference", "review_on", "review_missed")
    print_items(found, *columns)
