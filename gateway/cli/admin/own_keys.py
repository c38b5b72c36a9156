"""`casegate admin gateway`: the gateway's own keys."""

import click

from gateway import keys
from gateway.actions import administration
from gateway.actions.administration import Change
from gateway.actions.authorization import GATEWAY
from gateway.cli.admin.desk import Desk, approvals, opened, show
from gateway.keys import Purpose


@click.group("gateway")
def own_keys() -> None:
    """Change the gateway's own keys."""


@own_keys.command("rekey", short_help="Take the next step to a new token key.")
@click.pass_obj
def rekey(desk: Desk) -> None:
    """Take the next step to a new key for access tokens, a day after the one before.

    First a new key is published, then it signs, then the one before is withdrawn. The listeners
    see each step when they are restarted.
    """
    with opened(desk) as gateway:
        folder, now = gateway.config.keys / Purpose.TOKEN, gateway.ports.now()
        turn = keys.due_turn(folder, Purpose.TOKEN, now)
        values = {"purpose": str(Purpose.TOKEN), "step": str(turn.step), "key": turn.key.kid}
        signed = approvals(desk, gateway, Change("gateway.rekey", GATEWAY, values))
        written = administration.rekey(gateway.ports, values, signed)
        keys.take_turn(folder, turn, now)
        show(desk, "gateway.rekey", written)
        if not desk.as_json:
            click.echo("  restart the listeners now, and take the next step after a day")
