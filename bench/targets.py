"""The servers under measurement: started each in processes of its own, found, and stopped again."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench import machine
from bench.baselines import ANSWER, FLASK, LIMIT
from bench.members import Addresses, admit_members, make_folder
from gateway import wiring
from gateway.serving.supervisor import listener_answers
from gateway.serving.tls import listener_environ

GATEWAY = "gateway"
NAMES = (ANSWER, FLASK, LIMIT, GATEWAY)

WORKERS = 2
HOST = "127.0.0.1"

_START = 60.0  # seconds until a server answers
_STOP = 40.0  # more than the supervisor's own patience
_ROOT = Path(__file__).parent.parent


class NotStarted(Exception):
    """A server does not answer; the message says which, and what it said."""


@dataclass(frozen=True)
class Target:
    """A server that listens for partners: where, and which processes answer."""

    name: str
    port: int
    workers: frozenset[int]


@dataclass(frozen=True)
class Site:
    """All that one bench sets up: folders of two gateways (one is LIMIT's), clients, databases."""

    folder: Path
    addresses: Addresses
    database: str

    @property
    def operator(self) -> Path:
        """The folder of the gateway that is measured."""
        return self.folder / "gateway"

    @property
    def limit(self) -> Path:
        """The folder of LIMIT's database, log and key."""
        return self.folder / "limit"

    @property
    def clients(self) -> Path:
        """The members' certificates."""
        return self.folder / "clients"


def make_site(folder: Path, databases: tuple[str, str] | None) -> Site:
    """Make the folders; ``databases`` are PostgreSQL's, for the gateway and for LIMIT."""
    addresses = Addresses(*free_ports(2))
    site = Site(folder, addresses, databases[0] if databases else "sqlite")
    site.clients.mkdir(mode=0o700)
    make_folder(site.operator, addresses, databases[0] if databases else None)
    admit_members(site.operator, site.clients)
    make_folder(site.limit, addresses, databases[1] if databases else None)
    return site


def found_site(folder: Path) -> Site:
    """A site of SQLite that was made before, and kept."""
    config = wiring.load_config(folder / "gateway")
    ports = [int(bind.rpartition(":")[2]) for bind in (config.public_bind, config.partners_bind)]
    return Site(folder, Addresses(*ports), "sqlite")


@contextlib.contextmanager
def started(site: Site) -> Iterator[list[Target]]:
    """All servers, in order of how much they do; stopped at the end."""
    with contextlib.ExitStack() as stack:
        targets = [stack.enter_context(_baseline(kind, site)) for kind in (ANSWER, FLASK, LIMIT)]
        targets.append(stack.enter_context(started_gateway(site)))
        yield targets


@contextlib.contextmanager
def _baseline(kind: str, site: Site) -> Iterator[Target]:
    (port,) = free_ports(1)
    environ = listener_environ(os.environ, site.folder / "openssl.cnf")
    command = ["-m", "bench.baselines", kind, str(site.operator), str(port), str(site.limit)]
    with _process(command, environ, site.folder / f"{kind}.log") as process:
        root = site.clients / "root.pem"
        _wait(kind, process, site, lambda: listener_answers((HOST, port), HOST, root))
        yield Target(kind, port, _workers(kind, process.pid))


@contextlib.contextmanager
def started_gateway(site: Site) -> Iterator[Target]:
    """`casegate run`, as shipped: all four processes under their supervisor."""
    command = ["-m", "gateway.cli", "run", "--home", str(site.operator)]
    log = site.folder / f"{GATEWAY}.log"
    with _process(command, dict(os.environ), log) as process:
        _wait(GATEWAY, process, site, lambda: "ready\n" in log.read_text(encoding="utf-8"))
        master = _part(process.pid, "partners")
        yield Target(GATEWAY, site.addresses.partners, _workers(GATEWAY, master))


def _part(supervisor: int, name: str) -> int:
    """The process of one part of a gateway."""
    for child in machine.children(supervisor):
        if machine.command(child)[-2:] == ["--only", name]:
            return child
    raise NotStarted(f"the gateway has no process '{name}'")


def _workers(name: str, master: int) -> frozenset[int]:
    found = frozenset(machine.children(master))
    if len(found) != WORKERS:
        raise NotStarted(f"{name} has {len(found)} workers, not {WORKERS}")
    return found


@contextlib.contextmanager
def _process(
    arguments: Sequence[str], environ: dict[str, str], log: Path
) -> Iterator[subprocess.Popen[bytes]]:
    with log.open("wb") as file:
        process = subprocess.Popen(  # noqa: S603 - our own programs
            [sys.executable, *arguments], cwd=_ROOT, env=environ, stdout=file, stderr=file,
            start_new_session=True,
        )  # fmt: skip
    try:
        yield process
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(_STOP)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def _wait(
    name: str, process: subprocess.Popen[bytes], site: Site, answers: Callable[[], bool]
) -> None:
    ends = time.monotonic() + _START
    while not answers():
        if process.poll() is not None or time.monotonic() > ends:
            said = (site.folder / f"{name}.log").read_text(encoding="utf-8", errors="replace")
            raise NotStarted(f"{name} does not answer:\n{said[-3000:]}")
        time.sleep(0.1)
    # The other worker may need a moment more.
    time.sleep(1.0)


def free_ports(count: int) -> list[int]:
    """Ports of the loopback interface that nobody uses now."""
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for one in sockets:
            one.bind((HOST, 0))
        return [one.getsockname()[1] for one in sockets]


def open_gateway(folder: Path) -> wiring.GatewayRuntime:
    """The gateway of a folder, in this process, for the check afterwards."""
    return wiring.connect(wiring.load_config(folder))
