"""`casegate admin gateway-key`: the gateway's own keys."""

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Any

import click
from cryptography import x509

from gateway import files, keys, wiring
from gateway.cli import output
from gateway.cli.admin.change_command import result_json, show
from gateway.cli.admin.session import (
    AdminSession,
    key_files_option,
    opened,
    persons_option,
    record_step,
)
from gateway.cli.arguments import FOLDER, Words, home_option, json_option, plain_errors
from gateway.cli.gateway_setup import read_passphrase, root_passphrase_option
from gateway.config import Config
from gateway.kernel.actors import GATEWAY
from gateway.kernel.changes import Change
from gateway.kernel.ports import TransactionMode
from gateway.kernel.transact import WriteResult
from gateway.keys import KEK, KEY_NAMES, KeyPurpose, RotationStep
from gateway.ledger.note import NoteError, open_checkpoint
from gateway.maintenance.process import AlreadyRunning, holding
from gateway.maintenance.timetable import TIMETABLE
from gateway.maintenance.upkeep import Maintenance
from gateway.pki import authority, rotation
from gateway.pki.authority import (
    AuthorityEnded,
    AuthorityError,
    CertificateAuthority,
    authority_id,
    load_authority,
    make_issuing,
)
from gateway.pki.rotation import AuthorityStage, StoredAuthority
from gateway.registry import keys as registry_keys
from gateway.text.numbers import pluralise

AT_ONCE = 256
"""Keys of cases that are wrapped anew in one transaction of the keys database."""


def _step_option(steps: Iterable[str]) -> Callable[[Any], Any]:
    return click.option(
        "--step",
        "named",
        type=Words(steps),
        help="The step that you mean; on a terminal asked for when not given, else required.",
    )


@click.group("gateway-key")
def own_keys() -> None:
    """Change the gateway's own keys."""


@own_keys.command("rotate", short_help="Take the next step to a new key of the gateway's own.")
@click.option(
    "--key",
    "chosen",
    type=click.Choice([*KEY_NAMES.values()]),
    default="access-token",
    show_default=True,
    help="Which key; key-encryption is the one that wraps the keys of cases.",
)
@_step_option(RotationStep)
@click.pass_obj
def rotate_key(session: AdminSession, chosen: str, named: str | None) -> None:
    """Take the next step to a new key of the gateway's own.

    A new key is published, then it signs, then the previous key is withdrawn, each a day after the
    previous step. Restart the listeners after each step. The log signs with both keys from the
    first step to the last, which comes a week after the second.

    Key-encryption key (--key key-encryption): a new key is created, to be backed up and copied to
    all nodes (publish). Then all case keys are wrapped by it, and the previous key is destroyed
    (activate). No restart is needed. --step retire finishes what was interrupted.

    \b
    Example: casegate admin --as martin gateway-key rotate \\
        --key access-token --step publish
    """
    with opened(session) as gateway:
        named_so = {name: purpose for purpose, name in KEY_NAMES.items()}
        if named_so[chosen] == KEK:
            _show_steps(gateway, _rekey_cases(session, gateway, named))
            return
        purpose, ports, now = KeyPurpose(named_so[chosen]), gateway.ports, gateway.ports.now()
        folder = gateway.config.keys / purpose
        # A step that was broken off may have left a key out of the log.
        registry_keys.publish_keys(ports, wiring.own_keys(gateway.config))
        turn = keys.pending_step(folder, purpose, now)
        require_meant(turn.step, named)
        withdrawn = turn.step is RotationStep.RETIRE and purpose is not KeyPurpose.TOKEN
        if withdrawn and purpose is KeyPurpose.LOG:
            _require_signing(gateway)
        written = _recorded(session, gateway, purpose, turn.step, turn.key.kid)
        if withdrawn:
            registry_keys.withdraw_key(ports, purpose, turn.key.kid)
        keys.perform_step(folder, turn, now)
        registry_keys.publish_keys(ports, wiring.own_keys(gateway.config))
        show("gateway_key.rotate", written)
        if not output.for_machines():
            click.echo(
                "  restart the listeners now; `casegate doctor` says when the next step is due"
            )


def _require_signing(gateway: wiring.GatewayRuntime) -> None:
    """End unless what was signed last was signed by the new key of the log: until then the one
    before must not go."""
    try:
        note = gateway.checkpoint_signer.stored()
        open_checkpoint(note, [gateway.keys.log.key], gateway.config.log_origin)
    except NoteError:
        raise click.ClickException(
            "nothing was done: the listeners do not sign with the new key yet. Restart them, and "
            "take this step once something was written"
        ) from None


def _rekey_cases(
    session: AdminSession, gateway: wiring.GatewayRuntime, named: str | None
) -> list[WriteResult]:
    """The step that is due: what is announced in the keys database is used, else one is made."""
    ring, kek = gateway.keyring, wiring.key_encryption(gateway.config)
    coming, done = ring.key_encryption().coming, list[WriteResult]()
    unfinished = ring.left() or [one for one in kek.known() if one != ring.key_encryption().current]
    pending = RotationStep.RETIRE if unfinished else RotationStep.PUBLISH
    due = RotationStep.ACTIVATE if coming else pending
    require_meant(due, named)
    if coming is not None:
        kek.require(coming)
        done.append(_recorded(session, gateway, KEK, RotationStep.ACTIVATE, coming))
        ring.activate(coming)
    old = [one for one in kek.known() if one != ring.key_encryption().current]
    if coming is None and not old and not ring.left():
        made = kek.make()
        done.append(_recorded(session, gateway, KEK, RotationStep.PUBLISH, made))
        ring.publish(made)
        return done
    # Wrap what is left by the current key, and destroy those that nothing needs then.
    total = left = ring.left()
    with output.progress("wrapping") as tell:
        while wrapped := ring.rewrap(AT_ONCE):
            left -= wrapped
            tell(total - max(left, 0), total)
    for one in old:
        done.append(_recorded(session, gateway, KEK, RotationStep.RETIRE, one))
        kek.remove(one)
    return done


def _show_steps(gateway: wiring.GatewayRuntime, done: Sequence[WriteResult]) -> None:
    """Print every step that one command took; for machines, as one object."""
    if output.reply({"steps": [result_json(one) for one in done]}):
        return
    for one in done:
        show("gateway_key.rotate", one)
    last = done[-1].result if done else {"step": RotationStep.RETIRE}
    if last["step"] == RotationStep.PUBLISH:
        file = wiring.key_encryption(gateway.config).file(str(last["key"]))
        click.echo(f"  back up {file}, and put it into keys/ of every other node;")
        click.echo("  then take --step activate")
    else:
        click.echo("  remove it from the other nodes, and from its backups once the older")
        click.echo("  copies of the keys database are gone, which need it")


def _recorded(
    session: AdminSession,
    gateway: wiring.GatewayRuntime,
    purpose: str,
    step: RotationStep,
    key: str,
) -> WriteResult:
    values = {"purpose": str(purpose), "step": str(step), "key": key}
    return record_step(session, gateway, Change("gateway_key.rotate", GATEWAY, values))


def require_meant(due: str, named: str | None) -> None:
    """End unless the step that comes next is the one that is meant.

    ``named`` was given as --step; without it a person is asked, and a script refused. A command
    that is repeated after some trouble takes no further step so.
    """
    if named is None:
        if output.for_machines() or not output.interactive():
            raise click.UsageError(f"say which step you mean: --step {due} is the one that is next")
        click.confirm(f"The next step is '{due}'. Take it?", abort=True)
    elif named != due:
        raise click.ClickException(
            f"nothing was done: the next step is '{due}', so '{named}' was taken before, or is to "
            "come"
        )


WAIT_SECONDS = 10.0  # for `maintain` to publish what the ceremony changed

_DONE: Mapping[RotationStep, str] = {
    RotationStep.PUBLISH: "it is published; activate it with --step activate, a day from now",
    RotationStep.ACTIVATE: "it signs now; the previous one is trusted until its certificates end",
    RotationStep.RETIRE: "it is no longer trusted; its key is destroyed here. Destroy the copies",
}


@click.group()
def ca() -> None:
    """List issuing certificate authorities and rotate to a new one.

    The ceremonies are in certs/README.md.
    """


@ca.command("list")
@home_option
@json_option
def list_authorities(folder: Path) -> None:
    """List the issuing authorities: next, current, former, retired."""
    with plain_errors():
        config = wiring.load_config(folder.absolute())
        authorities = [_fields(config, one) for one in rotation.kept(config.issuing)]
    if output.reply({"items": [_for_machines(one) for one in authorities]}):
        return
    output.print_columns(authorities, (("authority", "id"), ("is", "place"), "since", "ends"))


@ca.command("show")
@home_option
@click.argument("authority", required=False)
@json_option
def show_authority(folder: Path, authority: str | None) -> None:
    """Show an issuing AUTHORITY, and which step comes next.

    By default the one in use.
    """
    with plain_errors():
        config = wiring.load_config(folder.absolute())
        found = _named(rotation.kept(config.issuing), authority)
        turn = rotation.next_turn(config.issuing, wiring.now())
    fields = {**_fields(config, found), "next_step": str(turn.step), "next_step_from": turn.due}
    if output.reply(_for_machines(fields)):
        return
    output.print_members(fields)


def _named(found: tuple[StoredAuthority, ...], authority: str | None) -> StoredAuthority:
    for one in found:
        if one.id == authority or (authority is None and one.place is AuthorityStage.CURRENT):
            return one
    raise AuthorityError(f"there is no issuing authority {authority}: see `casegate ca list`")


def _fields(config: Config, one: StoredAuthority) -> dict[str, Any]:
    listed = authority.ends(config.published).get(f"revocation list {one.id}")
    return {
        "id": one.id,
        "place": str(one.place),
        "since": one.since,
        "begins": one.certificate.not_valid_before_utc,
        "ends": one.certificate.not_valid_after_utc,
        "revocation_list_ends": listed,
    }


def _for_machines(fields: Mapping[str, Any]) -> dict[str, Any]:
    return {n: v.isoformat() if isinstance(v, datetime) else v for n, v in fields.items()}


def _require_due(turn: rotation.PendingAuthorityStep, now: datetime, *, no_wait: bool) -> None:
    if now < turn.due and not no_wait:
        due = output.format_time(turn.due)
        raise AuthorityError(f"the step '{turn.step}' is due on {due}; --no-wait does not wait")


def _take_step(
    gateway: wiring.GatewayRuntime,
    step: RotationStep,
    authority: StoredAuthority | CertificateAuthority,
    now: datetime,
) -> None:
    """Publish a new authority, use it, or retire the previous one; then wait until listeners can
    see it: by `maintain` when it runs, else by our own hand."""
    config, issuing = gateway.config, gateway.config.issuing
    if isinstance(authority, CertificateAuthority):
        rotation.publish(issuing, authority, now)
    elif step is RotationStep.ACTIVATE:
        rotation.use(issuing, authority, now)
    else:
        registry_keys.withdraw_key(gateway.ports, "issuing", authority.id)
        rotation.retire(issuing, authority, now)
    try:
        with holding(config), suppress(AuthorityEnded):  # its successor signs later
            Maintenance(gateway, wiring.IssuingAuthority(config), TIMETABLE).start()
    except AlreadyRunning:
        pass
    ends = time.monotonic() + WAIT_SECONDS
    while not _is_published(config):
        if time.monotonic() > ends:
            raise click.ClickException(
                "the step is recorded and taken, but maintenance did not publish it yet: see its "
                "log; do not take the next step before `casegate doctor` is content"
            )
        time.sleep(0.1)


@ca.command("rotate")
@home_option
@persons_option
@key_files_option
@click.option(
    "--root",
    "root_folder",
    type=FOLDER,
    help="Where root.pem and root.key are, when they are not in the folder's offline/.",
)
@root_passphrase_option
@_step_option(RotationStep)
@click.option(
    "--no-wait",
    is_flag=True,
    help="Skip the waiting period, for example when the issuing key may be compromised.",
)
@click.option("--yes", is_flag=True, help="Do not ask: who is cut off by `retire` is known.")
@json_option
def rotate_authority(
    folder: Path,
    persons: tuple[str, ...],
    key_files: Mapping[str, Path],
    root_folder: Path | None,
    root_passphrase_file: Path | None,
    named: str | None,
    no_wait: bool,
    yes: bool,
) -> None:
    """Take the next step to a new issuing authority.

    Two persons approve it (R10). The root signs a new authority, which is published; a day later
    it signs; a month and a day after that the previous one is retired. The listeners follow each
    step without a restart.

    \b
    Example: casegate ca rotate --home gw --as martin --as dubois \\
        --root root
    """
    session = AdminSession(folder.absolute(), persons, key_files)
    with opened(session) as gateway, rotation.ceremony(gateway.config.issuing):
        config, now = gateway.config, gateway.ports.now()
        rotation.forget_retired_keys(config.issuing)
        turn = rotation.next_turn(config.issuing, now)
        require_meant(turn.step, named)
        _require_due(turn, now, no_wait=no_wait)
        authority: StoredAuthority | CertificateAuthority | None = turn.of
        if authority is None:  # the one step that needs the root
            root = _load_root(config, root_folder or config.offline, root_passphrase_file)
            authority = make_issuing(config.name, root, now)
        if turn.of is not None and turn.step is RotationStep.RETIRE and not yes:
            _agree_to_cut_off(gateway, turn.of)
        waited = "no" if now < turn.due else "yes"
        values = {"step": str(turn.step), "authority": authority.id, "waited": waited}
        written = record_step(session, gateway, Change("ca.rotate", GATEWAY, values))
        _take_step(gateway, turn.step, authority, now)
        show("ca.rotate", written)
        if not output.for_machines():
            click.echo(f"  {_DONE[turn.step]}")


def _agree_to_cut_off(gateway: wiring.GatewayRuntime, former: StoredAuthority) -> None:
    """Show whom an authority's end cuts off; have its id typed, where it is somebody.

    They are the systems that have no certificate of a later day than that on which the next
    authority took over.
    """
    now = gateway.ports.now()
    until = _named(rotation.kept(gateway.config.issuing), None).since + authority.LEAF_LIFE
    with gateway.ports.begin(TransactionMode.READ) as work:
        renewed = work.organisations.expiring(until, now + authority.LEAF_LIFE)
        found = work.organisations.expiring(now, until)
    systems = {(c.organisation, c.system) for c in found}
    systems -= {(c.organisation, c.system) for c in renewed}
    if systems:
        organisations = pluralise(
            len({organisation for organisation, _ in systems}), "organisation"
        )
        named = ", ".join(map("/".join, sorted(systems)))
        output.agree_to_lose(
            f"{pluralise(len(systems), 'system')} of {organisations} did not renew their "
            f"certificate yet, and are refused from then on: {named}.",
            former.id,
        )


def _load_root(config: Config, folder: Path, passphrase_file: Path | None) -> CertificateAuthority:
    """Open the root; AuthorityError when it is not the one that partners know."""
    certificate = folder / "root.pem"
    if not certificate.exists():
        raise AuthorityError(f"{certificate} does not exist: --root says where the root is")
    private = files.read_private(folder / "root.key")
    passphrase = read_passphrase(passphrase_file).encode()
    root = load_authority(certificate.read_bytes(), private, passphrase)
    known = (config.published / authority.ROOT_FILE).read_bytes()
    if root.certificate != x509.load_pem_x509_certificate(known):
        raise AuthorityError(f"{certificate} is not the root of this gateway")
    return root


def _is_published(config: Config) -> bool:
    """Tell whether chain, lists and listeners' certificates are those of the authorities in
    place."""
    found = [
        one for one in rotation.kept(config.issuing) if one.place is not AuthorityStage.RETIRED
    ]
    chain = (config.published / authority.CHAIN_FILE).read_bytes()
    issuing = {authority_id(c) for c in x509.load_pem_x509_certificates(chain)[1:]}
    listed = {file.stem for file in config.published.glob("*.crl")}
    (current,) = (one for one in found if one.place is AuthorityStage.CURRENT)
    return issuing == listed == {one.id for one in found} and all(
        current.certificate in x509.load_pem_x509_certificates(file.read_bytes())
        for file in config.server.glob("*.pem")
    )
