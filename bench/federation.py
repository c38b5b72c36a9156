"""`python -m bench.federation`: what a handoff between members of two gateways costs, in processor
time of both together, beside one at home; and how fast events that waited for a peer are heard.

Two gateways run as shipped, each with a hotline and a police office, joined as operators join
them; each attests what its members say. A handoff at home is submitted, offered and accepted at one
of them; one across is submitted and offered at one, brought, accepted at the other, and its
acceptance brought back. They are made on a few lanes at once, as desks work, so that a delivery
finds some waiting. What both gateways use while nothing is asked is measured, too, and taken off.

Then offers are made while the peer is down, and brought from this process once it runs again.
"""

import contextlib
import json
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from bench import machine
from bench.servers import NotStarted, admit_members, gateway_process, opened, register_key
from bench.workload import CONDITIONS, MATTER, ORIGINATOR, RECIPIENT, TERRITORY, submission
from gateway import relaying, wiring
from gateway.cli.demo.environment import DemoEnvironment, run_command
from gateway.client import ClientError
from gateway.client.gateway import Gateway as Client
from gateway.kernel.ports import TransactionMode

MOST_ACROSS = 4.0
"""What a handoff across may cost of both gateways, to one at home of the same run."""

HERE, THERE = "here", "there"
"""What each gateway is called at the other."""

_MEMBERS = (ORIGINATOR, RECIPIENT)
_GROUPS = ("basis", "items", "statements", "subjects", "classifications")
_LANES = 3
_WARM_UP = 5
_IDLE = 10.0  # seconds
_PATIENCE = 180.0
_APPLICATION: dict[str, Any] = {
    "name": "A gateway",
    "kind": "gateway",
    "public_authority": False,
    "regimes": ["gdpr"],
    "country": TERRITORY,
    "membership": "associate",
    "purposes": ["investigate"],
    "description": "bench",
    "received_on": "2026-01-02",
    "contacts": [{"role": "security", "name": "N. N.", "address": "+33 1 00 00 00 00"}],
}
_APPROVAL = {"decision_ref": "bench", "decided_on": "2026-01-03", "document_sha256": "A" * 43}
_AGREEMENT: dict[str, Any] = {
    "directions": ["in", "out"],
    "matters": [MATTER],
    "territories": [TERRITORY],
    "purposes": ["investigate"],
    "kinds": ["hotline", "police_office"],
    "membership": "full",
    "tlp": "RED",
    "assurance": "any",
    "offers_a_day": "99999",
    "from": "2026-01-01",
}


@dataclass(frozen=True)
class Gateway:
    """One of two gateways."""

    name: str
    stage: DemoEnvironment

    @property
    def issuer(self) -> str:
        """Its URI."""
        return wiring.load_config(self.stage.operator).issuer

    def waiting(self, peer: str) -> int | None:
        """How many events wait for a peer; None before both of its members are known."""
        with opened(self.stage.operator) as runtime:
            return waiting(runtime, peer)


def waiting(runtime: wiring.GatewayRuntime, peer: str) -> int | None:
    """The same of a gateway that is open."""
    with runtime.ports.begin(TransactionMode.READ) as work:
        states = relaying.states_of(work, peer)
    return sum(one.lag for one in states) if len(states) == len(_MEMBERS) else None


def until(look: Callable[[], Any]) -> None:
    """Wait until something is so. Raises NotStarted."""
    ends = time.monotonic() + _PATIENCE
    while not look():
        if time.monotonic() > ends:
            raise NotStarted("the gateways do not hear each other")
        time.sleep(0.25)


@contextlib.contextmanager
def two_gateways() -> Iterator[tuple[Gateway, Gateway]]:
    """Two gateways with members; nothing of them stays behind."""
    with tempfile.TemporaryDirectory(prefix="casegate-bench-") as folder:
        made = []
        for name in (HERE, THERE):
            (home := Path(folder) / name).mkdir()
            if machine.is_in_memory(home):
                raise NotStarted("the temporary folder is in memory: point TMPDIR to a disk")
            stage = DemoEnvironment(home, name=name, log_origin=f"gateway.{name}.example/log")
            stage.build()
            admit_members(stage)
            made.append(Gateway(name, stage))
        yield made[0], made[1]


def join(one: Gateway, other: Gateway) -> None:
    """Make two gateways peers, while both run, and let their members know each other."""
    for here, peer in ((one, other), (other, one)):
        pins = json.loads(_said("peer", "pins", "--home", str(peer.stage.operator)))
        relay = {"system": "relay", "scopes": ["relay"]}
        for action, values in (
            ("organisation.apply", _APPLICATION),
            ("organisation.approve", _APPROVAL),
            ("peer.trust", pins),
            ("peer.agree", _AGREEMENT),
            ("system.register", relay),
        ):
            here.stage.administer(action, peer.name, values)
    for here, peer in ((one, other), (other, one)):
        file = here.stage.folder / "invitation.json"
        admin = ("admin", "--home", str(peer.stage.operator), "--as", "martin", "--as", "bernard")
        run_command(*admin, "invitation", "create", here.name, "relay", "--out", str(file))
        run_command("peer", "enrol", str(file), "--home", str(here.stage.operator))
        peer.stage.administer("organisation.activate", here.name, {"reason": "bench"})
    for here, peer in ((one, other), (other, one)):
        for member in _MEMBERS:
            key = register_key(here.stage, member)
            whose = ("--organisation", member, "--gateway", here.issuer)
            shown = _said("key", "show", str(key), "--to", peer.issuer, *whose).strip()
            said = {"peer": peer.name, "declaration": shown}
            here.stage.administer("organisation.show_to_peer", member, said)
        recognised = {"member": RECIPIENT, "led": True, "legal_act": "bench"}
        peer.stage.administer("peer.recognise", here.name, recognised)
    until(lambda: one.waiting(other.name) == 0 == other.waiting(one.name))


def _said(*words: str) -> str:
    command = [sys.executable, "-m", "gateway", *words]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout  # noqa: S603 - our own command


def offer(sender: Client, at: str | None, recipient: str) -> str:
    """Submit a case that may go to the gateway ``at``, and offer it; the handoff."""
    case, handoff = str(wiring.new_id()), str(wiring.new_id())
    asked = submission(case)
    if at is not None:
        asked["content"]["marking"]["release_to"] = [at]
    sender.submit(asked["content"], asked["by"], asked["clearance"])
    sender.offer(
        case,
        "approver-2",
        handoff=handoff,
        organisation=recipient,
        competence=f"receive/{MATTER}/{TERRITORY}",
        purpose=["investigate"],
        groups=_GROUPS,
    )
    return handoff


def on_lanes(count: int, work: Callable[[int], object]) -> None:
    """Do something with each number below ``count``, on a few lanes at once."""
    failures = list[BaseException]()

    def lane(first: int) -> None:
        try:
            for number in range(first, count, _LANES):
                work(number)
        except BaseException as failure:  # the bench ends with it
            failures.append(failure)

    lanes = [threading.Thread(target=lane, args=(first,)) for first in range(_LANES)]
    for one in lanes:
        one.start()
    for one in lanes:
        one.join()
    if failures:
        raise failures[0]


def handoffs(sender: Gateway, receiver: Gateway, count: int) -> None:
    """Make so many whole handoffs between members, until both gateways know their ends."""
    far = sender is not receiver
    at, recipient = (receiver.issuer, f"{RECIPIENT}@{receiver.name}") if far else (None, RECIPIENT)
    made = list[str]()
    with (
        sender.stage.client(ORIGINATOR) as hotline,
        receiver.stage.client(RECIPIENT) as police,
    ):
        on_lanes(count, lambda _: made.append(offer(hotline, at, recipient)))
        if far:
            until(lambda: sender.waiting(receiver.name) == 0)
        on_lanes(
            count,
            lambda n: police.answer("accept", made[n], "officer-3", conditions=CONDITIONS),
        )
        if far:
            until(lambda: receiver.waiting(sender.name) == 0)


def spent(processes: Sequence[int], work: Callable[[], None]) -> tuple[float, float]:
    """Processor seconds that gateways use while something is done, and how long that takes."""
    before, began = machine.family_seconds(*processes), time.monotonic()
    work()
    return machine.family_seconds(*processes) - before, time.monotonic() - began


def measure(count: int, events: int) -> dict[str, float]:
    """Milliseconds of a handoff at home and across, and of an event that waited."""
    with two_gateways() as (here, there):
        with gateway_process(here.stage) as one, gateway_process(there.stage) as other:
            both = (one, other)
            join(here, there)
            for receiver in (here, there):
                handoffs(here, receiver, _WARM_UP)
            idle, took = spent(both, lambda: time.sleep(_IDLE))
            load = idle / took
            found = {"idle, a second": load * 1e3}
            for name, receiver in (("at home", here), ("across", there)):
                used, took = spent(both, lambda to=receiver: handoffs(here, to, count))  # type: ignore[misc] # bound
                found[name] = (used - load * took) / count * 1e3
        return found | drained(here, there, events)


def drained(here: Gateway, there: Gateway, events: int) -> dict[str, float]:
    """What an event that waited costs: composed here, taken in there; and how long it takes."""
    with gateway_process(here.stage), here.stage.client(ORIGINATOR) as hotline:
        recipient = f"{RECIPIENT}@{there.name}"
        on_lanes(events, lambda _: offer(hotline, there.issuer, recipient))
    with gateway_process(there.stage) as process, opened(here.stage.operator) as runtime:
        relaying.wake(runtime.ports, there.name)
        relay = relaying.PeerRelay(runtime, there.name, lambda said: click.echo(said, err=True))
        waited = waiting(runtime, there.name) or 0

        def drain() -> None:
            while waiting(runtime, there.name):
                relay.step()

        own = time.process_time()
        used, took = spent([process], drain)
        own = time.process_time() - own
        relay.close()
    return {
        "an event that waited": (used + own) / waited * 1e3,
        "of it composed and sent": own / waited * 1e3,
        "events that waited": waited,
        "of them in a second": waited / took,
    }


@click.command()
@click.option("--handoffs", "count", type=click.IntRange(10), default=60, show_default=True)
@click.option("--events", type=click.IntRange(10), default=300, show_default=True)
def bench(count: int, events: int) -> None:
    """Print processor milliseconds of both gateways for a handoff at home and across, and for an
    event that waited for a peer.

    Exit code 1 when a handoff across costs more than it may to one at home; 2 when nothing could be
    measured.
    """
    try:
        found = measure(count, events)
    except (NotStarted, machine.NotAnswered, ClientError, RuntimeError) as trouble:
        click.echo(f"{type(trouble).__name__}: {trouble}", err=True)
        sys.exit(2)
    click.echo(f"{machine.describe()}\n")
    click.echo("CPU ms of both gateways")
    for name, value in found.items():
        click.echo(f"{name:26}{value:12,.1f}")
    ratio = found["across"] / found["at home"]
    click.echo(f"across to at home: {ratio:.2f}")
    if ratio > MOST_ACROSS:
        click.echo(
            f"\na handoff across: {ratio:.2f} of one at home, {MOST_ACROSS} at most", err=True
        )
        sys.exit(1)


if __name__ == "__main__":
    bench()
