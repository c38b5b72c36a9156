"""`casegate admin gateway-key`: the gateway's own keys."""

from collections.abc import Iterator, Mapping, Sequence

import click

from gateway import keys, wiring
from gateway.cli.admin.session import AdminSession, as_told, opened, record_step, show
from gateway.cli.output import interactive, print_json, progress
from gateway.kernel.actors import GATEWAY
from gateway.kernel.changes import Change
from gateway.kernel.transact import WriteResult
from gateway.keys import KeyPurpose, RotationStep

KEK = "kek"
"""The purpose of the key that wraps the keys of cases."""

_KEYS: Mapping[str, str] = {"access-token": KeyPurpose.TOKEN, "key-encryption": KEK}
"""What the command line calls the keys, and the purpose that is recorded."""

AT_ONCE = 256
"""Keys of cases that are wrapped anew in one transaction of the keys database."""


@click.group("gateway-key")
def own_keys() -> None:
    """Change the gateway's own keys."""


@own_keys.command("rotate", short_help="Take the next step to a new token or key-encryption key.")
@click.option(
    "--key",
    "chosen",
    type=click.Choice([*_KEYS]),
    default="access-token",
    show_default=True,
    help="Which key: that of access tokens, or the one that wraps the keys of cases.",
)
@click.option(
    "--step",
    "named",
    type=click.Choice([str(one) for one in RotationStep]),
    help="The step that you mean; on a terminal asked for when not given, else required.",
)
@click.pass_obj
def rotate(session: AdminSession, chosen: str, named: str | None) -> None:
    """Take the next step to a new key for access tokens, or for wrapping the keys of cases.

    Access tokens: first a new key is published, then it signs, then the one before is withdrawn,
    each a day after the step before. The listeners see a step when they are restarted.

    Key-encryption key (--key key-encryption): first a new one is made, to be backed up and given to all
    nodes (publish); then all keys of cases are wrapped by it, and the one before is destroyed
    (use). Nothing is restarted. What was cut off is finished by --step withdraw.
    """
    with opened(session) as gateway:
        if _KEYS[chosen] == KEK:
            _show_steps(session, gateway, _rekey_cases(session, gateway, named))
            return
        folder, now = gateway.config.keys / KeyPurpose.TOKEN, gateway.ports.now()
        turn = keys.pending_step(folder, KeyPurpose.TOKEN, now)
        require_meant(turn.step, named, as_json=session.as_json)
        written = _recorded(session, gateway, KeyPurpose.TOKEN, turn.step, turn.key.kid)
        keys.perform_step(folder, turn, now)
        show(session, "gateway_key.rotate", written)
        if not session.as_json:
            click.echo("  restart the listeners now, and take the next step after a day")


def _rekey_cases(
    session: AdminSession, gateway: wiring.GatewayRuntime, named: str | None
) -> list[WriteResult]:
    """The step that is due: what is announced in the keys database is used, else one is made."""
    ring, kek = gateway.keyring, wiring.key_encryption(gateway.config)
    coming, done = ring.coming(), list[WriteResult]()
    unfinished = ring.left() or [one for one in kek.known() if one != ring.current()]
    due = (
        RotationStep.USE
        if coming
        else RotationStep.WITHDRAW
        if unfinished
        else RotationStep.PUBLISH
    )
    require_meant(due, named, as_json=session.as_json)
    if coming is not None:
        kek.require(coming)
        done.append(_recorded(session, gateway, KEK, RotationStep.USE, coming))
        ring.activate(coming)
    old = [one for one in kek.known() if one != ring.current()]
    if coming is not None or old or ring.left():
        return [*done, *_withdraw(session, gateway, old)]
    made = kek.make()
    done.append(_recorded(session, gateway, KEK, RotationStep.PUBLISH, made))
    ring.publish(made)
    return done


def _withdraw(
    session: AdminSession, gateway: wiring.GatewayRuntime, old: Sequence[str]
) -> Iterator[WriteResult]:
    """Wrap what is left by the current key, and destroy those that nothing needs then."""
    ring, kek = gateway.keyring, wiring.key_encryption(gateway.config)
    total = done = ring.left()
    with progress("wrapping") as tell:
        while wrapped := ring.rewrap(AT_ONCE):
            done -= wrapped
            tell(total - max(done, 0), total)
    for one in old:
        yield _recorded(session, gateway, KEK, RotationStep.WITHDRAW, one)
        kek.remove(one)


def _show_steps(
    session: AdminSession, gateway: wiring.GatewayRuntime, done: Sequence[WriteResult]
) -> None:
    """Print every step that one command took; for machines, as one object."""
    if session.as_json:
        print_json({"steps": [as_told(one) for one in done]})
        return
    for one in done:
        show(session, "gateway_key.rotate", one)
    last = done[-1].result if done else {"step": RotationStep.WITHDRAW}
    if last["step"] == RotationStep.PUBLISH:
        file = wiring.key_encryption(gateway.config).file(str(last["key"]))
        click.echo(f"  back up {file}, and put it into keys/ of every other node;")
        click.echo("  then take --step use")
    else:
        click.echo("  remove it from the other nodes, and from its backups once the copies of the")
        click.echo("  keys database of before are gone: without it they open nothing")


def _recorded(
    session: AdminSession,
    gateway: wiring.GatewayRuntime,
    purpose: str,
    step: RotationStep,
    key: str,
) -> WriteResult:
    values = {"purpose": str(purpose), "step": str(step), "key": key}
    change = Change("gateway_key.rotate", GATEWAY, values)
    return record_step(session, gateway, change)


def require_meant(due: str, named: str | None, *, as_json: bool) -> None:
    """End unless the step that comes next is the one that is meant.

    ``named`` was given as --step; without it a person is asked, and a script refused. A command
    that is repeated after some trouble takes no further step so.
    """
    if named is None:
        if as_json or not interactive():
            raise click.UsageError(f"say which step you mean: --step {due} is the one that is next")
        click.confirm(f"The next step is '{due}'. Take it?", abort=True)
    elif named != due:
        raise click.ClickException(
            f"nothing was done: the next step is '{due}', so '{named}' was taken before, or is to "
            "come"
        )
