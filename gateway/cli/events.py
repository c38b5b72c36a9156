"""`casegate events`: your organisation's own events, in the order of its own counter."""

from itertools import islice
from typing import Any

import click

from gateway.cli.connection import EPILOG, partner
from gateway.cli.screen import print_json, print_table
from gateway.client import Entry, Gateway
from gateway.evidence import receipt as receipts


@click.command(epilog=EPILOG)
@click.option("--after", type=click.IntRange(0), default=0, help="Begin after this number.")
@click.option("--limit", type=click.IntRange(1), help="Show no more than this many.")
@partner
def events(gateway: Gateway, as_json: bool, after: int, limit: int | None) -> None:
    """List your organisation's own events, none missing.

    Each receipt is verified, and each place in your organisation's counter must be there.
    """
    found = list(islice(gateway.events(after), limit))
    if as_json:
        print_json({"events": [_told(entry) for entry in found]})
        return
    rows = [_row(entry) for entry in found]
    print_table(("number", "time", "event", "result", "by", "id", "handoff"), rows)


def _told(entry: Entry) -> dict[str, Any]:
    receipt = receipts.to_json(entry.receipt)
    return {"pseq": entry.pseq, "event": str(entry.event), "receipt": receipt}


def _row(entry: Entry) -> tuple[Any, ...]:
    event = entry.confirmed.event
    by = next((value for kind, value in entry.confirmed.opened.shown if kind == "by"), "")
    handoff = event.get("handoff", "")
    return entry.pseq, event["ts"], event["typ"], event["result"], by, event["id"], handoff
