"""`python -m bench.delivery`: how soon the other party hears of an answer, by push and by poll.

Handoffs are made on a few lanes at once, with the product's client. Each acceptance is timed from
the moment at which it is sent: until it is answered, until the originator's receiver has its
notification, and until the recipient's own long poll has it. Who hears is a process of its own, so
that it does not wait for the lanes. Both notifications are of the same event, so the ratio to the
acceptance is free of what the machine does besides.
"""

import contextlib
import http.server
import json
import multiprocessing
import re
import ssl
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from queue import Empty
from statistics import median
from typing import Any

import click

from bench import machine
from bench.__main__ import percentile
from bench.servers import NotStarted, Site, gateway_process, site
from bench.workload import CONDITIONS, MATTER, ORIGINATOR, RECIPIENT, TERRITORY, submission
from gateway import wiring
from gateway.client import ClientError
from gateway.evidence import base64url
from gateway.pki.authority import ROOT_FILE, make_issuing, make_root, make_server

BOUNDS = {"push": 1.0, "poll": 0.2}
"""Seconds in which 99 of 100 notifications are there."""

_GROUPS = ("basis", "items", "statements", "subjects", "classifications")
_ACCEPTED = "handoff.accepted"
_LANES = 3
_WARM_UP = 5  # handoffs of each lane that do not count
_PATIENCE = 30.0
_fork = multiprocessing.get_context("fork")


@dataclass
class Times:
    """When acceptances were sent and answered, and by which way their handoffs were heard of."""

    sent: dict[str, float] = field(default_factory=dict)
    answered: dict[str, float] = field(default_factory=dict)
    heard: dict[str, dict[str, float]] = field(default_factory=lambda: {"push": {}, "poll": {}})

    def missing(self) -> int:
        """How many notifications are still to come."""
        return sum(len(self.answered.keys() - known.keys()) for known in self.heard.values())

    def since_sent(self, known: dict[str, float]) -> list[float]:
        """The seconds from the request on, of those that are known."""
        return [at - self.sent[one] for one, at in known.items() if one in self.sent]


Hear = Callable[[str, str], None]
"""Is told by which way a handoff's acceptance was heard of, at that moment."""


@contextlib.contextmanager
def _listening(work: Callable[..., None], *given: Any) -> Iterator[None]:
    """Hear in a process of its own, until the end."""
    process = _fork.Process(target=work, args=given, daemon=True)
    process.start()
    try:
        yield
    finally:
        process.kill()
        process.join()


def _receiver(made: Site) -> http.server.HTTPServer:
    """The originator's receiver, bound on this host; the gateway's settings allow it."""
    folder, operator, now = made.stage.folder, made.stage.operator, wiring.now()
    root = make_root("receiver", now)
    certificate = folder / "receiver.pem"
    certificate.write_bytes(make_server(make_issuing("receiver", root, now), ["localhost"], now))
    ca = folder / "receiver-ca.pem"
    ca.write_bytes(root.certificate_pem())
    settings = operator / "casegate.toml"
    text = re.sub(r"# private_addresses = .*", "private_addresses = true", settings.read_text())
    settings.write_text(re.sub(r"# ca_file =.*", f"ca_file = {json.dumps(str(ca))}", text))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    context.load_verify_locations(wiring.load_config(operator).published / ROOT_FILE)
    context.verify_mode = ssl.CERT_REQUIRED
    server = http.server.HTTPServer(("127.0.0.1", 0), _Handler)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    return server


class _Handler(http.server.BaseHTTPRequestHandler):
    """Takes each token; its signature is the receiver's to check, and costs it."""

    protocol_version = "HTTP/1.1"
    hear: Hear

    def do_POST(self) -> None:
        token = self.rfile.read(int(self.headers["Content-Length"])).decode()
        self.send_response(202)
        self.send_header("Content-Length", "0")
        self.end_headers()
        claims = json.loads(base64url.decode(token.split(".")[1]))
        (told,) = claims["events"].values()
        if told["type"] == _ACCEPTED:
            self.hear("push", told["handoff"])

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


def _receive(server: http.server.HTTPServer, hear: Hear) -> None:
    _Handler.hear = staticmethod(hear)  # type: ignore[assignment]
    server.serve_forever()


def _poll(made: Site, hear: Hear) -> None:
    """Hear of the recipient's own stream by long polls."""
    with made.stage.client(RECIPIENT) as gateway:
        for one in gateway.notifications():
            if one.type == _ACCEPTED:
                hear("poll", str(one.handoff))


def _lane(made: Site, times: Times, count: int) -> None:
    """Make handoffs one after the other; the acceptances of the first ones do not count."""
    to = {"competence": f"{MATTER}/{TERRITORY}", "purpose": ["investigate"], "groups": _GROUPS}
    with made.stage.client(ORIGINATOR) as sender, made.stage.client(RECIPIENT) as receiver:
        for number in range(_WARM_UP + count):
            case = str(wiring.new_id())
            asked = submission(case)
            sender.submit(asked["content"], asked["by"], asked["clearance"])
            handoff = str(wiring.new_id())
            sender.offer(case, "approver-2", handoff=handoff, **to)  # type: ignore[arg-type]
            counts = number >= _WARM_UP
            if counts:
                times.sent[handoff] = time.perf_counter()
            receiver.answer("accept", handoff, "officer-3", conditions=CONDITIONS)
            if counts:
                times.answered[handoff] = time.perf_counter()


def measure(database: str, count: int) -> Times:
    """Make so many handoffs on each lane, and hear of their acceptances."""
    times, told = Times(), _fork.Queue()

    def hear(way: str, handoff: str) -> None:
        told.put((way, handoff, time.perf_counter()))

    with site(database) as made:
        server = _receiver(made)
        address = f"https://localhost:{server.server_address[1]}/events"
        made.stage.administer("notification.set_push", ORIGINATOR, {"address": address})
        with (
            _listening(_receive, server, hear),
            gateway_process(made.stage),
            _listening(_poll, made, hear),
        ):
            lanes = [
                threading.Thread(target=_lane, args=(made, times, count)) for _ in range(_LANES)
            ]
            for lane in lanes:
                lane.start()
            for lane in lanes:
                lane.join()
            with contextlib.suppress(Empty):
                while times.missing():
                    way, handoff, at = told.get(timeout=_PATIENCE)
                    times.heard[way].setdefault(handoff, at)
    return times


@click.command()
@click.option("--handoffs", "count", type=click.IntRange(10), default=100, show_default=True)
@click.option(
    "--db",
    "database",
    type=click.Choice(["sqlite", "postgresql"]),
    default="sqlite",
    show_default=True,
)
def bench(count: int, database: str) -> None:
    """Print when notifications of an acceptance come, in ms from its request on.

    Exit code 0: 99 of 100 are in time; 1: they are not, or some did not come; 2: nothing was
    measured.
    """
    try:
        times = measure(database, count)
    except (NotStarted, machine.NotAnswered, ClientError) as trouble:
        click.echo(f"{type(trouble).__name__}: {trouble}", err=True)
        sys.exit(2)
    accepted = times.since_sent(times.answered)
    click.echo(f"{machine.describe()}, {database}, {len(accepted)} acceptances\n")
    click.echo(f"{'ms from the request on':24}{'p50':>8}{'p99':>8}{'accept = 1':>12}")
    rows = {"answered": accepted} | {way: times.since_sent(k) for way, k in times.heard.items()}
    for name, values in rows.items():
        middle, late = median(values or [float("nan")]), percentile(values, 0.99)
        ratio = middle / median(accepted)
        click.echo(f"{name:24}{middle * 1e3:8.0f}{late * 1e3:8.0f}{ratio:12.1f}")
    late = [way for way, bound in BOUNDS.items() if not percentile(rows[way], 0.99) <= bound]
    if missing := times.missing():
        click.echo(f"\n{missing} notifications did not come")
    if late:
        click.echo(f"\nlater than it should be: {', '.join(late)}")
    sys.exit(1 if late or missing else 0)


if __name__ == "__main__":
    bench()
