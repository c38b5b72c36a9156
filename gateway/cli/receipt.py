"""`casegate receipt`: the log's receipts for events that concern your organisation."""

from pathlib import Path
from uuid import UUID

import click

from gateway.cli.arguments import NewFile
from gateway.cli.connection import EPILOG, partner, save_json
from gateway.cli.screen import cold, paint, print_fields, print_json, words
from gateway.client import Gateway
from gateway.evidence import receipt as receipts
from gateway.evidence.receipt import Confirmed


@click.group(epilog=EPILOG)
def receipt() -> None:
    """Look at the receipts of your events, and keep them."""


@receipt.command(epilog=EPILOG)
@click.argument("event", type=click.UUID)
@partner
def show(gateway: Gateway, as_json: bool, event: UUID) -> None:
    """Verify the receipt of EVENT and show it."""
    entry = gateway.receipt(event)
    if as_json:
        print_json(receipts.to_json(entry.receipt))
        return
    click.echo(f"{paint('Verified', 'green')}: event {entry.event}")
    print_fields(proved(entry.confirmed))


def proved(confirmed: Confirmed) -> dict[str, str]:
    """What a receipt that was verified says, in words."""
    clear = {n: str(v) for n, v in confirmed.event.items() if n not in ("v", "id", "sd")}
    shown = {f"{kind} (sealed)": cold(words(value)) for kind, value in confirmed.opened.shown}
    withheld = confirmed.opened.withheld
    return {
        **clear,
        **shown,
        "sealed and not shown": f"{withheld} (for others, erased, or padding)",
        "entry": f"{confirmed.index} of {confirmed.checkpoint.size}",
    }


@receipt.command(epilog=EPILOG)
@click.argument("event", type=click.UUID)
@click.option(
    "--out",
    required=True,
    type=NewFile(),
    metavar="FILE",
    help="The new file.",
)
@partner
def save(gateway: Gateway, as_json: bool, event: UUID, out: Path) -> None:
    """Verify the receipt of EVENT and keep it.

    The file is for casegate verify.
    """
    entry = gateway.receipt(event)
    save_json(out, receipts.to_json(entry.receipt))
    if as_json:
        print_json({"file": str(out), "event": str(entry.event)})
    else:
        click.echo(f"{paint('Done', 'green')}: {out} holds the receipt of event {entry.event}")
