"""`casegate notification`: hear of one's organisation's events as they happen."""

from collections.abc import Sequence
from contextlib import closing
from typing import Any
from uuid import UUID

import click

from gateway.cli.output import (
    colour,
    for_machines,
    format_time,
    print_fields,
    print_line,
    print_table,
    reply,
    say,
)
from gateway.cli.partner_command import EPILOG, WriteReport, partner_command, write_command
from gateway.client import Gateway
from gateway.evidence.security_event import EventNotification


@click.group(epilog=EPILOG)
def notification() -> None:
    """Poll or watch for events that concern you, and replay refused ones."""


@partner_command(
    notification,
    click.option("--keep", is_flag=True, help="Acknowledge none of them: they come again."),
)
def poll(gateway: Gateway, keep: bool) -> None:
    """List the notifications that wait, and acknowledge them.

    Example: casegate notification poll
    """
    found: list[EventNotification] = []
    page = gateway.poll_notifications()
    found += page.notifications
    while page.notifications and not keep:
        page = gateway.poll_notifications(acknowledge=page.notifications)
        found += page.notifications
    headings = ("number", "time", "event", "handoff", "urgency", "due")
    if not reply({"items": [one.members() for one in found]}):
        print_table(headings, [_row(one) for one in found])
    if keep and page.more and not for_machines():
        click.echo("There are more: without --keep they are all listed.", err=True)


@partner_command(notification)
def watch(gateway: Gateway) -> None:
    """Print each notification as it comes, until Ctrl-C.

    Each is a line, with --json a JSON document. It is acknowledged once it is printed.

    Example: casegate notification watch
    """
    with closing(gateway.notifications()) as coming:
        try:
            for one in coming:
                if for_machines():
                    print_line(one.members())
                else:
                    say("  ".join(map(str, _row(one))))
        except KeyboardInterrupt:
            pass


@partner_command(notification)
def status(gateway: Gateway) -> None:
    """Show how far you acknowledged, and the refused notifications.

    Example: casegate notification status
    """
    found = gateway.notification_status()
    if reply(found):
        return
    print_fields(
        {
            "sent to": found["push_address"] or "nowhere: you collect them",
            "acknowledged": f"{found['acknowledged']} of {found['head']}",
            "failed attempts": found["failures"] or None,
            "next attempt": found["next_attempt_at"],
        }
    )
    if found["refused"]:
        click.echo(colour("Refused", "cyan"))
    for one in found["refused"]:
        again = ", is sent again" if one["replay"] else ""
        why = f"{one['error']} {one['description']}".strip()
        say(f"  {one['event']}  {why}{again}")


@write_command(notification, click.argument("event", type=click.UUID))
def replay(gateway: Gateway, event: UUID, by: str) -> WriteReport:
    """Have the refused notification of EVENT sent again.

    Example: casegate notification replay 0198... --by pdc-1
    """
    written = gateway.replay_notification(event, by)
    return written, f"the notification of event {event} is sent again, before those that follow"


def _row(one: EventNotification) -> Sequence[Any]:
    result = "" if one.result == "allowed" else f" ({one.result.replace('_', ' ')})"
    return (
        one.stream_number,
        format_time(one.at),
        f"{one.type}{result}",
        one.handoff or "-",
        one.urgency or "-",
        format_time(one.due_at) if one.due_at else "-",
    )
