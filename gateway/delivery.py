"""Delivers what organisations are to hear of: the one process that calls out (RFC 8935); beside
that, it has the log confirmed by others (`confirming`), and sends to peer gateways (`relaying`).

Each receiver gets its notifications in order and at least once: nothing counts as delivered before
the receiver has answered 202. Several nodes may deliver; each receiver is one's at a time.
"""

import json
import re
import socket
import ssl
import subprocess
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from http import HTTPStatus
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import httpx

from gateway.config import Config
from gateway.confirming import Confirmer
from gateway.domain.notification import (
    DESCRIPTION,
    ERROR_CODE,
    LONGEST_DESCRIPTION,
    DeliveryWay,
    is_public,
)
from gateway.evidence import canonical
from gateway.evidence.security_event import EventNotification
from gateway.exchange.oversight import notifications
from gateway.exchange.oversight.notifications import Delivery, DeliveryReport, ReceiverError
from gateway.kernel.ports import TransactionMode, UnitOfWork
from gateway.registry.queries import every_organisation
from gateway.relaying import Relaying
from gateway.web.security_log import failure_place
from gateway.wiring import DELIVERY_CERTIFICATE, GatewayRuntime, connect

if TYPE_CHECKING:
    from gateway.metrics import Counts

AT_ONCE = 4
"""Receivers that are served at the same time."""

LOOK_EVERY = 0.1
"""Seconds between two searches for what is to be delivered."""

RECEIVERS_EVERY = timedelta(seconds=5)
"""How long it may take until a receiver that was added is known here."""

TIMEOUT = httpx.Timeout(5.0)
"""Seconds without any progress."""

TURN_SECONDS = 45.0
"""Of one turn, however slowly a receiver answers: it ends before its lease does."""

LARGEST_ANSWER = 16 * 1024
"""Bytes of a receiver's answer that are read."""

MAIL_SECONDS = 20.0
"""Of one run of the operator's mail command."""

Receiver = tuple[str, DeliveryWay]


class ReceiverFailed(Exception):
    """A receiver may not be called, or gave no answer that counts; the message says why."""


@dataclass
class Deliverer:
    """Finds receivers that are due, and serves each in a thread; ``alarm`` hears what fails."""

    gateway: GatewayRuntime
    alarm: Callable[[str], None]
    stopping: threading.Event = field(default_factory=threading.Event)
    _pool: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(AT_ONCE))
    _receivers: frozenset[Receiver] = frozenset()
    _read_at: datetime | None = None
    _running: dict[Receiver, Future[None]] = field(default_factory=dict)
    _turns: dict[Receiver, int] = field(default_factory=dict)
    _failing: dict[Receiver | None, str] = field(default_factory=dict)

    def step(self) -> None:
        """Begin a turn for each receiver that is due, while there are threads for it."""
        self._running = {one: turn for one, turn in self._running.items() if not turn.done()}
        try:
            due = self._due()
        except Exception as error:  # a database that restarts
            self._tell(None, failure_place(error))
            return
        self._tell(None, None)
        for receiver in sorted(due - self._running.keys(), key=lambda one: self._turns.get(one, 0)):
            if len(self._running) < AT_ONCE:
                self._turns[receiver] = self._turns.get(receiver, 0) + 1
                self._running[receiver] = self._pool.submit(self.serve, *receiver)

    def stop(self) -> None:
        """Let the turns end that have begun; they send nothing more."""
        self.stopping.set()
        self._pool.shutdown(wait=True)

    def serve(self, organisation: str, way: DeliveryWay) -> None:
        """Give a receiver its turn. What fails is tried again after a pause."""
        ports, failure = self.gateway.ports, None
        try:
            delivery = notifications.begin_delivery(ports, organisation, way)
            if delivery is None:
                return
            report = DeliveryReport()
            try:
                self._send(organisation, delivery, report)
            except ReceiverFailed as failed:
                failure, report.failed = str(failed), True
            notifications.end_delivery(ports, delivery, report)
            if (counts := self.gateway.counts) is not None:
                counts.delivered("accepted", len(report.taken))
                counts.delivered("refused", len(report.refused))
                counts.delivered("failed", int(report.failed))
        except Exception as error:  # its lease ends, and the turn comes again
            failure = failure_place(error)
            self.stopping.wait(1.0)  # a log that is frozen, say, is not asked ten times a second
        self._tell((organisation, way), failure)

    def _due(self) -> set[Receiver]:
        """The receivers for which something waits."""
        now = self.gateway.ports.now()
        known = self._read_at is not None and now < self._read_at + RECEIVERS_EVERY
        if known and not self._receivers:
            return set()
        with self.gateway.store.begin(TransactionMode.READ) as work:
            if not known:
                self._receivers, self._read_at = _receivers(self.gateway.config, work), now
            states = {
                (one.cursor.organisation, way): one
                for way in {way for _, way in self._receivers}
                for one in work.notifications.states(way)
            }
        waiting = {
            receiver
            for receiver, state in states.items()
            if state.pending and state.cursor.is_due(now)
        }
        return {one for one in self._receivers if one not in states or one in waiting}

    def _send(self, organisation: str, delivery: Delivery, report: DeliveryReport) -> None:
        if delivery.cursor.way is DeliveryWay.MAIL:
            for one in delivery.pending:
                # A mail that begins now ends before another process may have the turn.
                until = delivery.cursor.leased_until
                ends = self.gateway.ports.now() + timedelta(seconds=MAIL_SECONDS)
                if self.stopping.is_set() or until is None or ends >= until:
                    return
                if one.event in delivery.for_mail:
                    roles = delivery.for_mail[one.event]
                    mail(self.gateway.config.mail_command or (), organisation, roles, one)
                report.taken.append(one)
            return
        texts = notifications.sign(self.gateway.ports, organisation, delivery.pending)
        with receiver(self.gateway.config, delivery.push_address or "") as push:
            for one, text in zip(delivery.pending, texts, strict=True):
                if self.stopping.is_set():
                    return
                refused = push(text)
                if refused is None:
                    report.taken.append(one)
                else:
                    report.refused[one] = refused

    def _tell(self, receiver: Receiver | None, failure: str | None) -> None:
        """Say once what fails, and once that it goes on again."""
        before = self._failing.pop(receiver, None)
        if failure is not None:
            self._failing[receiver] = failure
        name = "deliveries" if receiver is None else f"{receiver[1]} to {receiver[0]}"
        if failure is not None and failure != before:
            self.alarm(f"{name}: {failure}; it is tried again")
        elif failure is None and before is not None:
            self.alarm(f"{name}: it goes on")


def _receivers(config: Config, work: UnitOfWork) -> frozenset[Receiver]:
    """Tell who is to get what: members with a receiver, and all of them by mail where that is
    set."""
    found = set[Receiver]()
    for one in every_organisation(work):
        if one.active and one.push_address is not None:
            found.add((one.slug, DeliveryWay.NOTIFICATION))
        if one.active and config.mail_command is not None:
            found.add((one.slug, DeliveryWay.MAIL))
    return frozenset(found)


# --- To a receiver -------------------------------------------------------------------------------


def _client(config: Config, host: str) -> httpx.Client:
    """A client with the gateway's certificate, for tokens to ``host``; ReceiverFailed."""
    headers = {
        "Host": host,
        "Content-Type": "application/secevent+jwt",
        "Accept": "application/json",
        "Accept-Encoding": "identity",
        "User-Agent": "casegate",
    }
    try:
        context = ssl.create_default_context(cafile=config.receivers_ca)
        context.load_cert_chain(config.server / DELIVERY_CERTIFICATE)
    except OSError as error:
        raise ReceiverFailed(f"the gateway's own files: {type(error).__name__}") from error
    return httpx.Client(
        verify=context, trust_env=False, follow_redirects=False, timeout=TIMEOUT, headers=headers
    )


@contextmanager
def receiver(config: Config, address: str) -> Iterator[Callable[[str], ReceiverError | None]]:
    """A connection to a receiver for one turn, by TLS with the gateway's client certificate.

    What is yielded sends one token: None when it was taken, else why it is refused. It raises
    ReceiverFailed for everything else, and so does this.
    """
    parts = urlsplit(address)
    host, port = parts.hostname or "", parts.port or 443
    ip = _resolve(host, port, private=config.private_receivers)
    where = f"[{ip}]" if ":" in ip else ip
    url = parts._replace(netloc=f"{where}:{port}").geturl()
    client = _client(config, parts.netloc)
    # The address was judged: the name is for the certificate, and is resolved no second time.
    named = {"sni_hostname": host}

    def push(text: str) -> ReceiverError | None:
        try:
            with client.stream("POST", url, content=text, extensions=named) as response:
                if response.status_code == HTTPStatus.ACCEPTED:
                    # An answer that is read whole leaves the connection to the next token.
                    next(response.iter_raw(LARGEST_ANSWER), b"")
                    return None
                if response.status_code != HTTPStatus.BAD_REQUEST:
                    raise ReceiverFailed(f"it answers {response.status_code}")
                return _read_error(response)
        except (httpx.HTTPError, RuntimeError) as error:  # the latter: it was closed meanwhile
            raise ReceiverFailed(f"no answer ({type(error).__name__})") from error

    last = threading.Timer(TURN_SECONDS, client.close)
    last.start()
    try:
        yield push
    finally:
        last.cancel()
        client.close()


def _read_error(response: httpx.Response) -> ReceiverError:
    """Why a token is refused (RFC 8935 2.4); a 400 that does not say it is no refusal."""
    body = b""
    for chunk in response.iter_raw():
        body += chunk
        if len(body) > LARGEST_ANSWER:
            raise ReceiverFailed("its answer is too long")
    try:
        members = json.loads(body)
        code, words = str(members["err"]), str(members.get("description", ""))[:LONGEST_DESCRIPTION]
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ReceiverFailed("it answers 400 without a reason that can be read") from error
    # R1: what a receiver says carries no file either.
    unfit = DESCRIPTION.fault(words)
    known = re.fullmatch(ERROR_CODE, code, re.ASCII)
    return ReceiverError(code if known else "", "" if unfit else words)


def _resolve(host: str, port: int, *, private: bool) -> str:
    """An address of a host. One that leads into a private network is refused, were it one of many:
    a receiver must not be a way to what this host reaches.
    """
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except OSError as error:
        raise ReceiverFailed("its host has no address") from error
    addresses = [str(one[4][0]) for one in found]
    if not private and not all(map(is_public, addresses)):
        raise ReceiverFailed("its host has an address of a private network")
    return addresses[0]


# --- By the operator's mail ----------------------------------------------------------------------


def mail(
    command: tuple[str, ...], organisation: str, roles: Sequence[str], told: EventNotification
) -> None:
    """Run the operator's program, which gets one line of JSON; ReceiverFailed when it fails.

    ``roles`` are those of the contacts that are to be told.
    """
    said = {"organisation": organisation, "contacts": list(roles), **told.members()}
    line = canonical.encode(said) + b"\n"
    try:
        done = subprocess.run(  # noqa: S603 - the operator's own program
            command,
            input=line,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            timeout=MAIL_SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise ReceiverFailed(f"the mail command failed ({type(error).__name__})") from error
    if done.returncode != 0:
        raise ReceiverFailed(f"the mail command ended with code {done.returncode}")


def run(
    config: Config,
    pause: Callable[[float], bool],
    alarm: Callable[[str], None],
    counts: "Counts | None" = None,
) -> None:
    """Deliver until `pause` says that it is time to stop."""
    with closing(connect(config, counts)) as gateway:
        deliverer = Deliverer(gateway, alarm)
        beside = [
            threading.Thread(target=one(gateway, alarm, deliverer.stopping).run)
            for one in (Confirmer, Relaying)
        ]
        for thread in beside:
            thread.start()
        try:
            while not pause(LOOK_EVERY):
                deliverer.step()
        finally:
            deliverer.stop()
            for thread in beside:
                thread.join()
