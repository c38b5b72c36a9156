"""`casegate admin receipt`: what was recorded as an event, with the proof of it, on the host."""

from uuid import UUID

import click

from gateway.actions import receipts
from gateway.cli.admin.desk import Desk, looked_at
from gateway.cli.events import proved
from gateway.cli.output import paint, print_fields, print_json
from gateway.evidence import receipt as documents


@click.command()
@click.argument("event", type=click.UUID)
@click.pass_obj
def receipt(desk: Desk, event: UUID) -> None:
    """Show what was recorded as EVENT, as the gateway reads it.

    With --json it is the receipt.

    For a change that was made when the log could not be signed, so that it had no receipt yet.
    """
    with looked_at(desk) as gateway:
        found = receipts.of_gateway(gateway.ports, event)
        if desk.as_json:
            print_json(documents.to_json(found))
            return
        confirmed = documents.verify(found, [gateway.keys.log.key], gateway.config.log_origin)
        click.echo(f"{paint('Verified', 'green')}: event {event}")
        print_fields(proved(confirmed))
