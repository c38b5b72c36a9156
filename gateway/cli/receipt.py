"""`casegate receipt`: the log's receipts for events that concern one's own organisation."""

from pathlib import Path
from uuid import UUID

import click

from gateway.cli import arguments, output
from gateway.cli.partner_command import EPILOG, partner, save_json
from gateway.client import Gateway
from gateway.domain.item_value import defang_text
from gateway.evidence import receipt as receipts
from gateway.evidence.receipt import VerifiedReceipt


@click.group(epilog=EPILOG)
def receipt() -> None:
    """Show, verify and save receipts."""


@receipt.command(epilog=EPILOG)
@click.argument("event", type=click.UUID)
@partner
def show(gateway: Gateway, event: UUID) -> None:
    """Verify the receipt of EVENT and show it."""
    entry = gateway.receipt(event)
    if output.reply(receipts.to_json(entry.receipt)):
        return
    output.say(f"event {entry.event}", "Verified")
    output.print_fields(proved(entry.confirmed))


def proved(confirmed: VerifiedReceipt) -> dict[str, str]:
    """Return what a receipt that was verified says, in words."""
    clear = {n: str(v) for n, v in confirmed.event.items() if n not in ("v", "id", "sd")}
    shown = {
        f"{kind} (sealed)": defang_text(output.format_value(value))
        for kind, value in confirmed.to_print()
    }
    withheld = confirmed.opened.withheld
    return {
        **clear,
        **shown,
        "sealed and not shown": f"{withheld} (for others, erased, or padding)",
        "entry": f"{confirmed.index} of {confirmed.checkpoint.size}",
    }


@receipt.command(epilog=EPILOG)
@click.argument("event", type=click.UUID)
@arguments.out_option
@partner
def save(gateway: Gateway, event: UUID, out: Path) -> None:
    """Verify the receipt of EVENT and keep it.

    The file is for casegate verify.
    """
    entry = gateway.receipt(event)
    save_json(out, receipts.to_json(entry.receipt))
    output.reply(
        {"file": str(out), "event": str(entry.event)},
        f"{out} holds the receipt of event {entry.event}",
        word="Done",
    )
