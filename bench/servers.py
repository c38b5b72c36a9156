"""What is measured: two gateways with members and databases, and servers in processes of their own.

The gateways are founded on the stage of the demonstration, and started as they are shipped.
"""

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import psycopg
from sqlalchemy import make_url

from bench import machine
from bench.baselines import BASELINES
from bench.load import HOST
from bench.network import slowed
from bench.workload import MATTER, ORIGINATOR, RECIPIENT, STAFF, TERRITORY
from gateway import wiring
from gateway.cli.demo.environment import DemoEnvironment, postgresql
from gateway.domain.staff import WORKING, StaffEntry
from gateway.kernel import events
from gateway.kernel.ports import TransactionMode
from gateway.registry import staff
from gateway.serving.supervisor import SUPERVISOR_VARIABLE, listener_answers
from gateway.serving.tls import listener_environ

GATEWAY = "gateway"
NAMES = (*BASELINES, GATEWAY)
"""The servers, in order of how much they do."""

_DATABASES = ("database_url", "mark_url", "keys_url")  # each on a server of its own
_START = 60.0  # seconds until a server answers
_STOP = 40.0  # more than the supervisor's own patience
_ROOT = Path(__file__).parent.parent
_SINCE = "2020-01-01"


class NotStarted(Exception):
    """A server does not answer, or cannot be measured here; the message says why."""


@dataclass(frozen=True)
class Target:
    """A server that listens for partners: where, and its first process."""

    name: str
    port: int
    process: int


@dataclass(frozen=True)
class Site:
    """A gateway, the folder of LIMIT's, and the first process of each of their database servers.

    Each member's certificate is in its folder of the stage. With SQLite there is no such server.
    """

    stage: DemoEnvironment
    limit: Path
    databases: Sequence[int]


@contextlib.contextmanager
def site(database: str = "sqlite", network: float = 0.0) -> Iterator[Site]:
    """Make a site on `sqlite` or `postgresql`; nothing of it stays behind.

    A round trip to a database server takes ``network`` milliseconds longer.
    """
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="casegate-bench-")))
        if machine.is_in_memory(folder):
            raise NotStarted("the temporary folder is in memory: point TMPDIR to a disk")
        urls: list[dict[str, str]] = [{}, {}]
        servers = []
        if database == "postgresql":
            ours = {name: stack.enter_context(postgresql(GATEWAY)) for name in _DATABASES}
            servers = [_postmaster(url) for url in ours.values()]
            if network:
                ours = {k: stack.enter_context(_afar(url, network)) for k, url in ours.items()}
            theirs = {name: _another(url, "bench_limit") for name, url in ours.items()}
            urls = [ours, theirs]
        (folder / "limit").mkdir()
        stage, limit = (
            DemoEnvironment(folder, **urls[0]),
            DemoEnvironment(folder / "limit", **urls[1]),
        )
        stage.build()
        limit.build()
        admit_members(stage)
        yield Site(stage, limit.operator, servers)


def _postmaster(url: str) -> int:
    """The first process of a server on this machine."""
    with psycopg.connect(_plain(url)) as connection:
        row = connection.execute("SHOW data_directory").fetchone()
    assert row is not None  # noqa: S101 - it is a setting
    return int((Path(row[0]) / "postmaster.pid").read_text(encoding="utf-8").split("\n")[0])


def _another(url: str, name: str) -> str:
    """The URL of a new database on the server of another."""
    with psycopg.connect(_plain(url), autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}" TEMPLATE template0')
    return make_url(url).set(database=name).render_as_string(hide_password=False)


@contextlib.contextmanager
def _afar(url: str, network: float) -> Iterator[str]:
    """The URL of the same database over a slower network."""
    near = make_url(url)
    with slowed(f"{near.query['host']}/.s.PGSQL.{near.port or 5432}", network) as port:
        far = near.set(host=HOST, port=port).difference_update_query(["host"])
        yield far.render_as_string(hide_password=False)


def _plain(url: str) -> str:
    return url.replace("+psycopg", "", 1)


def admit_members(stage: DemoEnvironment) -> None:
    """Admit a hotline and a competent police office, each with a system and its certificate."""
    hotline = {"kind": "hotline", "public_authority": False, "regimes": ["gdpr"]}
    office = {"kind": "police_office", "public_authority": True, "regimes": ["gdpr", "led"]}
    members = ((ORIGINATOR, hotline, "full"), (RECIPIENT, office, "observer"))
    for member, values, membership in members:
        values |= {"name": member, "country": TERRITORY}
        stage.administer("organisation.admit", member, values)
        grant = {"membership": membership, "from": _SINCE, "decision_ref": "bench"}
        stage.administer("membership.grant", member, grant)
        stage.enrol(member)
        _enter_staff(stage, member)
    competence = {"function": "receive", "matter": MATTER, "territory": TERRITORY}
    mandate = {**competence, "legal_act": "bench", "from": _SINCE}
    stage.administer("mandate.grant", RECIPIENT, mandate)


def _enter_staff(stage: DemoEnvironment, member: str) -> None:
    """Enter the persons of the workload under their fixed pseudonyms, past the drawn ones."""
    with opened(stage.operator) as gateway, gateway.ports.begin(TransactionMode.REGISTRY) as work:
        event, days = gateway.ports.new_id(), (date(2000, 1, 1), None, False, None)
        made = [StaffEntry(member, one, WORKING, *days, event, one) for one in STAFF]
        for one in made:
            work.staff.add(one)
        parties = events.gateway_and(member)
        said = json.dumps([{"ends_at": None, "entry": one.commitment()} for one in made])
        kept = events.shared(staff.ENTRIES, said, parties)
        events.record(
            work, "staff.establish", parties, event=event, simulated_date=None, details=[kept]
        )
        work.commit()


def register_key(stage: DemoEnvironment, member: str = ORIGINATOR) -> Path:
    """Let a member sign what it says, by default the hotline: the file of its document key."""
    keys = stage.folder / member / "keys"
    issuer = wiring.load_config(stage.operator).issuer
    command = [sys.executable, "-m", "gateway", "key", "create", "--use", "signing", str(keys)]
    command += ["--organisation", member, "--gateway", issuer]
    subprocess.run(command, check=True, capture_output=True)  # noqa: S603 - our own command
    jwk = json.loads((keys / "document.jwk").read_text(encoding="ascii"))
    proof = (keys / "document.proof").read_text(encoding="ascii")
    stage.administer("key.register", member, {"jwk": jwk, "proof": proof})
    return keys / "document.pem"


@contextlib.contextmanager
def started(made: Site) -> Iterator[list[Target]]:
    """All servers, in order of how much they do; stopped at the end."""
    operator = made.stage.operator
    with contextlib.ExitStack() as stack:
        targets = [stack.enter_context(_baseline(kind, made)) for kind in BASELINES]
        supervisor = stack.enter_context(gateway_process(made.stage))
        partners = wiring.load_config(operator).partners_bind
        targets.append(
            Target(GATEWAY, int(partners.rpartition(":")[2]), _partners_listener(supervisor))
        )
        yield targets


@contextlib.contextmanager
def _baseline(kind: str, made: Site) -> Iterator[Target]:
    folder = made.stage.folder
    with socket.socket() as free:
        free.bind((HOST, 0))
        port = free.getsockname()[1]
    environ = listener_environ(os.environ, folder / "openssl.cnf")
    operators = (str(made.stage.operator), str(made.limit))
    command = ["-m", "bench.baselines", kind, str(port), *operators]
    root = folder / ORIGINATOR / "ca.pem"
    with _process(
        command,
        environ,
        folder / f"{kind}.log",
        lambda _: listener_answers((HOST, port), HOST, root),
    ) as process:
        yield Target(kind, port, process)


@contextlib.contextmanager
def gateway_process(stage: DemoEnvironment) -> Iterator[int]:
    """`casegate run`, as shipped: the process of the supervisor, once all of its parts answer."""
    command = ["-m", "gateway", "run", "--home", str(stage.operator)]
    log = stage.folder / f"{GATEWAY}.log"
    with _process(command, dict(os.environ), log, lambda text: "ready\n" in text) as process:
        yield process


def _partners_listener(supervisor: int) -> int:
    for child in machine.children(supervisor):
        if machine.command(child)[-2:] == ["--only", "partners"]:
            return child
    raise NotStarted("the gateway has no listener for partners")


@contextlib.contextmanager
def _process(
    arguments: Sequence[str], environ: dict[str, str], log: Path, answers: Callable[[str], bool]
) -> Iterator[int]:
    """A program of ours, once it answers; ``answers`` is given what it has written.

    It ends when this process does.
    """
    environ = {**environ, SUPERVISOR_VARIABLE: str(os.getpid())}
    with log.open("wb") as file:
        process = subprocess.Popen(  # noqa: S603 - our own programs
            [sys.executable, *arguments], cwd=_ROOT, env=environ, stdout=file, stderr=file,
            start_new_session=True,
        )  # fmt: skip
    try:
        ends = time.monotonic() + _START
        while not answers(text := log.read_text(encoding="utf-8", errors="replace")):
            if process.poll() is not None or time.monotonic() > ends:
                raise NotStarted(f"{log.stem} does not answer:\n{text[-3000:]}")
            time.sleep(0.1)
        time.sleep(1.0)  # the other worker may need a moment more
        yield process.pid
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(_STOP)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


@contextlib.contextmanager
def opened(folder: Path) -> Iterator[wiring.GatewayRuntime]:
    """The gateway of an operator's folder, in this process."""
    gateway = wiring.connect(wiring.load_config(folder))
    try:
        yield gateway
    finally:
        gateway.close()
