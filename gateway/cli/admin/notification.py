"""`casegate admin notification`: members' receivers, and how far each has its notifications."""

import click

from gateway.cli.admin.session import AdminSession, read_only
from gateway.cli.output import print_items
from gateway.exchange import notifications
from gateway.kernel.ports import TransactionMode
from gateway.kernel.results import to_json


@click.group()
def notification() -> None:
    """Send members' notifications to their receivers."""


@notification.command("list")
@click.pass_obj
def list_receivers(session: AdminSession) -> None:
    """List who gets or collects notifications, and how many wait.

    Example: casegate admin --home gw notification list
    """
    with read_only(session) as gateway, gateway.ports.begin(TransactionMode.READ) as work:
        found = to_json(notifications.overview(work))
    print_items(
        found,
        "organisation",
        ("waiting", lambda one: one["head"] - one["acknowledged"]),
        ("refused", lambda one: len(one["refused"])),
        "failures",
        ("next attempt", "next_attempt_at"),
        ("address", lambda one: one["push_address"] or "collects"),
    )
