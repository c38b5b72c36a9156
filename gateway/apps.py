"""The apps of a gateway, each with its listener: what `casegate run` and wsgi.py serve."""

import json
import sys
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from enum import StrEnum
from functools import partial
from typing import TYPE_CHECKING

from flask import Flask

from gateway import wiring
from gateway.config import Config, ConfigError
from gateway.console.app import create_console_app
from gateway.console.context import ConsoleContext
from gateway.domain import refusals
from gateway.kernel.ports import TransactionMode, UnitOfWork
from gateway.kernel.transact import AHEAD
from gateway.maintenance.published import PARTNERS_CERTIFICATE, PUBLIC_CERTIFICATE
from gateway.pki import client_certificate
from gateway.pki.authority import CHAIN_FILE, CRL_FILE, CsrRefused, certs_only, read_request
from gateway.serving.framing import HANDSHAKE, ErrorResponse
from gateway.serving.listener import Listener
from gateway.serving.tls import TlsFiles
from gateway.store.key_inventory import require_newest_key
from gateway.web import problems
from gateway.web.app import create_partner_app, create_public_app
from gateway.web.context import AppContext, NotReady
from gateway.web.hosted_access import HostedAccess
from gateway.web.hosted_persons import HostedPersons
from gateway.web.responses import ALWAYS
from gateway.web.security_log import SecurityLog

if TYPE_CHECKING:
    from gateway.metrics import Counts


class Audience(StrEnum):
    """The audiences of the network, each with its own app and address. The console is optional."""

    PUBLIC = "public"
    PARTNERS = "partners"
    CONSOLE = "console"


def bind(part: Audience, config: Config) -> str:
    """Where the listener of an audience listens."""
    return str(getattr(config, f"{part}_bind"))


class Worker:
    """One worker of a listener: what it opens belongs to it alone, and does not survive a fork."""

    def __init__(
        self, part: Audience, config: Config, count: "Callable[[int], Counts | None]"
    ) -> None:
        """``count`` begins to count in the worker of a place, where anything is counted."""
        self.part, self.config = part, config
        self._count = count
        self._counts: Counts | None = None
        self._gateway: wiring.GatewayRuntime | None = None

    def on_fork(self, place: int) -> None:
        """First of all."""
        self._counts = self._count(place)

    def make_app(self) -> Flask:
        """Open the gateway here, and make the app of it."""
        self._gateway = wiring.connect(self.config, self._counts)
        return make_app(self.part, self._gateway)

    def met(self, log: SecurityLog, trouble: str, reason: str) -> None:
        """Count a connection that came to nothing; who knocked without a right is in the log."""
        if self._counts is not None:
            self._counts.met(trouble)
        if trouble.startswith(HANDSHAKE):
            log.refuse(trouble, listener=str(self.part), reason=reason)

    def heads(self, organisations: Collection[str]) -> Mapping[str, int]:
        """The last numbers of organisations' streams."""
        if self._gateway is None:
            return {}
        with self._gateway.store.begin(TransactionMode.READ) as work:
            return work.notifications.heads(organisations)

    def on_worker_exit(self) -> None:
        """Last of all."""
        if self._gateway is not None:
            self._gateway.close()


def make_app(part: Audience, gateway: wiring.GatewayRuntime) -> Flask:
    """The app of one audience."""
    if part is Audience.CONSOLE:
        return create_console_app(_console(gateway))
    create = create_public_app if part is Audience.PUBLIC else create_partner_app
    return create(gate(part, gateway))


def _console(gateway: wiring.GatewayRuntime) -> ConsoleContext:
    config = gateway.config
    if config.console_url is None:
        raise ConfigError("there is no console: set [console] url")
    return ConsoleContext(
        origin=config.console_url,
        persons=HostedPersons(gateway.ports, HostedAccess),
        sessions=wiring.open_sessions(config),
        log=SecurityLog(sys.stderr, wiring.now),
        now=wiring.now,
        new_id=wiring.new_id,
        simulated=config.simulated_reference_date,
        body_bytes=config.body_bytes,
        answered=None if gateway.counts is None else gateway.counts.answered,
    )


def gate(part: Audience, gateway: wiring.GatewayRuntime) -> AppContext:
    """Return what an app is built from."""
    config, keys = gateway.config, gateway.keys
    clients = client_certificate.ClientCertificateChecker(config.published / CHAIN_FILE)
    counts = gateway.counts
    gate = AppContext(
        ports=gateway.ports,
        partners_url=config.partners_url,
        contact=config.contact,
        tokens=keys.token.current,
        token_keys=keys.token.jwks(),
        attestation_keys=keys.attest.jwks(),
        notification_keys=keys.notification.jwks(),
        log_keys=tuple(one.vkey for one in (keys.log, *keys.log_beside)),
        peer_der=client_certificate.PeerSource.for_bind(bind(part, config)).der,
        header_refused=client_certificate.HeaderRefused,
        check_peer=clients.check,
        certificate_refused=client_certificate.CertificateRefused,
        published=config.published,
        read_request=read_request,
        request_refused=CsrRefused,
        certs_only=certs_only,
        newest=partial(_newest_log, gateway),
        unready=partial(_unready, gateway),
        log=SecurityLog(sys.stderr, wiring.now),
        token_seconds=config.token_seconds,
        body_bytes=config.body_bytes,
    )
    if counts is None:
        return gate
    return replace(gate, answered=counts.answered, problem_sent=counts.problem_sent)


@contextmanager
def _newest_log(gateway: wiring.GatewayRuntime) -> Iterator[UnitOfWork]:
    begun = False
    try:
        with gateway.continuity.newest() as work:
            begun = True
            yield work
    except (refusals.LogFrozen, refusals.HighWaterMarkUnavailable):
        raise
    except Exception as error:  # whatever it is, its words are not for everybody
        if begun:
            raise
        raise refusals.DatabaseUnavailable("the database cannot be read") from error


def _unready(gateway: wiring.GatewayRuntime) -> NotReady | None:
    try:
        if not gateway.store.is_current():
            return NotReady(
                "database-version", "the database is of another version: see the upgrade"
            )
        if full := wiring.full_disks(gateway.config):
            raise refusals.DiskFull(f"no room is left on the disk of: {', '.join(full)}")
        if gateway.ports.leapt():
            raise refusals.ClockAhead(AHEAD)
        gateway.continuity.check()
        with gateway.store.begin(TransactionMode.READ) as work:
            work.log.moment(gateway.ports.now())
        require_newest_key(gateway.store, gateway.keyring)
    except _UNREADY as refusal:
        return NotReady(problems.problem_of(refusal).slug, refusal.detail)
    except Exception:  # whatever it is, its words are not for everybody
        return NotReady("database-unavailable", "the database cannot be read")
    return None


_UNREADY = (
    refusals.LogFrozen,
    refusals.HighWaterMarkUnavailable,
    refusals.CaseKeysUnavailable,
    refusals.DiskFull,
    refusals.ClockAhead,
    refusals.ClockBehind,
)


def listener(worker: Worker) -> Listener:
    """The listener of an app: its address, TLS files, limits, and its answers to bad requests."""
    part, config = worker.part, worker.config
    address = bind(part, config)
    return Listener(
        name=part,
        bind=address,
        tls=None if address.startswith("unix:") else _tls_files(part, config),
        demonstration=part is Audience.CONSOLE and (config.console_url or "").startswith("http:"),
        workers=config.workers,
        threads=config.threads,
        deadline=config.request_deadline,
        largest_body=config.body_bytes,
        on_fork=worker.on_fork,
        on_worker_exit=worker.on_worker_exit,
        heads=worker.heads,
        met=partial(worker.met, SecurityLog(sys.stderr, wiring.now)),
        describe=partial(_describe, config),
    )


def _describe(config: Config, status: int) -> ErrorResponse:
    body = problems.document(
        config.issuer, problems.of_status(status), str(wiring.new_id()), status
    )
    headers = {**ALWAYS, "Content-Type": problems.MEDIA_TYPE, "Cache-Control": "no-store"}
    return ErrorResponse(json.dumps(body).encode("utf-8"), headers)


def _tls_files(part: Audience, config: Config) -> TlsFiles | None:
    if part is Audience.CONSOLE:
        files = config.console_tls
        return None if files is None else TlsFiles(files[0], key=files[1])
    if part is Audience.PUBLIC:
        return TlsFiles(config.server / PUBLIC_CERTIFICATE)
    return TlsFiles(
        config.server / PARTNERS_CERTIFICATE,
        config.published / CHAIN_FILE,
        config.published / CRL_FILE,
    )
