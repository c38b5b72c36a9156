"""`casegate peer`: the connections to peer gateways, on the gateway's host."""

import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import click

from gateway import files, relaying, wiring
from gateway.cli import output
from gateway.cli.arguments import FILE, home_option, json_option, organisation_id, plain_errors
from gateway.cli.enrol import SystemFolder
from gateway.cli.system import make_csr
from gateway.client import ClientError, SettingsError
from gateway.client.enrolment import Enrolment, InvitationFile
from gateway.client.gateway import now
from gateway.domain.json_values import to_json
from gateway.evidence import canonical
from gateway.evidence.signature import public_keys
from gateway.kernel.ports import TransactionMode
from gateway.peer_conformance import DemandResult
from gateway.pki.authority import CHAIN_FILE
from gateway.registry import witnessing
from gateway.wiring import GatewayRuntime

_peer = click.argument("peer", metavar="PEER", callback=organisation_id)


@click.group()
def peer() -> None:
    """Connect to peer gateways, and see how each of them stands."""


@contextmanager
def _opened(folder: Path) -> Iterator[GatewayRuntime]:
    with plain_errors():
        config = wiring.load_config(folder.absolute())
        try:
            with closing(wiring.connect(config)) as gateway:
                yield gateway
        except (ClientError, LookupError, relaying.NotHeard) as error:
            raise click.ClickException(str(error)) from error


@peer.command()
@home_option
def pins(folder: Path) -> None:
    """Print what administrators of another gateway compare of this one.

    JSON for `casegate admin peer trust` there. The witness key is made where it is missing; then
    restart the listeners.

    Example: casegate peer pins --home gw > be.json
    """
    with plain_errors():
        config = wiring.load_config(folder.absolute())
        wiring.make_witness_key(config)
        keys = wiring.load_keys(config)
        chain = (config.published / CHAIN_FILE).read_bytes()
        log = [one.vkey for one in (keys.log, *keys.log_beside)]
        output.print_json(
            {
                "issuer": config.issuer,
                "api_url": config.partners_url,
                "root_sha256": relaying.fingerprint(chain),
                "log_keys": log,
                "attestation_keys": keys.attest.jwks(),
                "witness_key": str(keys.witness.key) if keys.witness else "",
            }
        )


@peer.command()
@home_option
@click.argument("file", type=FILE)
@json_option
def enrol(folder: Path, file: Path) -> None:
    """Enrol this gateway at a peer with the invitation FILE.

    The peer is the one whose keys two persons compared (`casegate admin peer trust`): all that the
    invitation and the peer show must be those. Run it as the user of `deliver`. If it is
    interrupted, run it again: the same key gets the same certificate.

    Example: casegate peer enrol be-at-fr.json --home gw
    """
    with _opened(folder) as gateway:
        invitation = InvitationFile.read(files.read_private(file))
        with gateway.ports.begin(TransactionMode.READ) as work:
            known = {one.slug: one.peer.pins for one in witnessing.peers_here(work) if one.peer}
        found = [name for name, pins in known.items() if pins.issuer == invitation.issuer]
        if not found:
            raise SettingsError(
                f"no peer here has the address {invitation.issuer}: two persons compare its keys "
                "first (casegate admin peer trust)"
            )
        name, pins = found[0], known[found[0]]
        home = SystemFolder(relaying.folder_of(gateway.config, name), invitation)
        if relaying.is_enrolled(gateway.config, name):
            raise SettingsError(
                f"{home.folder} is a connection already: casegate peer check {name}"
            )
        asked = {"api_url": invitation.api_url, "root_sha256": invitation.root_sha256}
        relaying.require_pinned(pins, **asked)
        if invitation.log_key not in pins.log_keys:
            relaying.require_pinned(pins, log_keys=(invitation.log_key,))
        enrolment = Enrolment(invitation, now, time.sleep)
        root = home.keep_root(enrolment.fetch_root())
        attesting = enrolment.attestation_keys(root)
        pinned = {"keys": [canonical.decode(one.encode()) for one in pins.attestation_keys]}
        if not public_keys(pinned).keys() <= public_keys(canonical.decode(attesting)).keys():
            relaying.require_pinned(pins, attestation_keys=())
        csr = make_csr(home.key(), invitation.organisation, invitation.system)
        home.keep(enrolment.enrol(root, csr).certificate, attesting, None)
    told = {"peer": name, "connection": str(home.folder)}
    if not output.reply(told, f"at {name} as {invitation.client_id}", word="Enrolled"):
        output.print_next(f"casegate peer check {name} --home {folder}")


@peer.command()
@home_option
@_peer
@json_option
def check(folder: Path, peer: str) -> None:
    """Check the connection to a peer, and how it answers to the protocol.

    First token, members and cosignatures. Where these work, the conformance run: what the peer
    refuses, in which order, and what it takes (docs/protocol/relay.md); nothing of that is kept
    there. A line that fails says what its author does. Exit status 1 when something does not work.
    """
    with _opened(folder) as gateway:
        relay = relaying.PeerRelay(gateway, peer, lambda _: None)
        checks = {
            "token": relay.check_token,
            "members": relay.follow,
            "cosigned there": relay.confirm,
            "cosigned here": relay.check_cosigned,
        }
        found = {name: relaying.failure_of(do) for name, do in checks.items()}
        run = list[DemandResult]()
        failed = any(found.values()) or relaying.failure_of(lambda: run.extend(relay.conform()))
        found |= {"conformance": failed} if isinstance(failed, str) else {}
    found |= {one.demand: one.failure for one in run if one.untried is None}
    untried = {one.demand: one.untried for one in run if one.untried is not None}
    if not output.reply({"peer": peer, "checks": found, "untried": untried}):
        for name, failure in found.items():
            word, shade = ("works", "green") if failure is None else ("fails", "red")
            text = name + (f": {failure}" if failure else "")
            output.print_wrapped(output.sanitise(text), f"{output.colour(word, shade)}: ", 4)
        for why in dict.fromkeys(untried.values()):
            names = "; ".join(name for name, one in untried.items() if one == why)
            output.print_wrapped(f"{why}: {names}", f"{output.colour('not tried', 'yellow')}, ", 4)
    if any(found.values()):
        raise SystemExit(1)


@peer.command()
@home_option
@click.argument("peer", metavar="[PEER]", required=False, callback=organisation_id)
@json_option
def show(folder: Path, peer: str | None) -> None:
    """Show how peers stand: members, what waits for them, cosignatures."""
    with _opened(folder) as gateway, gateway.ports.begin(TransactionMode.READ) as work:
        names = [peer] if peer else [one.slug for one in witnessing.peers_here(work)]
        mark = gateway.mark
        found = [relaying.state_of(gateway.config, work, mark, name) for name in names]
    if output.reply([to_json(one) for one in found]):
        return
    for one in found:
        output.say(f"{one.peer}, {one.status}")
        output.print_fields({**vars(one), "peer": None, "status": None})


@peer.command()
@home_option
@_peer
@json_option
def retry(folder: Path, peer: str) -> None:
    """Send what waits for a peer at once."""
    with _opened(folder) as gateway:
        ended = relaying.wake(gateway.ports, peer)
    output.reply({"peer": peer, "pauses": ended}, f"{ended} pauses ended", word="Retried")
