"""Sends peer gateways what concerns their members, and asks them who their members are: by the
connection that `casegate peer enrol` made, one peer in one thread, so that none waits for another.

A remote member's stream is its outbox, and a cursor says how far its gateway heard it. Before
events go, that gateway cosigns the checkpoint in which their receipts end. What is not heard comes
again, after pauses of a second to an hour, and at once when the peer answers again.
"""

import json
import re
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any, NoReturn

from cryptography import x509
from cryptography.hazmat.primitives import hashes

from gateway import peer_conformance
from gateway.client import errors
from gateway.client.connection import CONNECTION_FILE, PartnerConnection, read_file
from gateway.client.local_state import CheckpointStore
from gateway.client.mirror import PublicListener
from gateway.client.transport import AccessTokens, HttpRequest, HttpResponse, HttpTransport
from gateway.config import Config
from gateway.confirming import AGAIN, EVERY, UNCHANGED, cosign
from gateway.domain.answers import BASELINE
from gateway.domain.notification import Cursor, DeliveryState, DeliveryWay
from gateway.domain.peer import PeerPins
from gateway.evidence.declarations import MAX_SKEW
from gateway.exchange.relay import composing
from gateway.exchange.relay.taking_in import understood
from gateway.kernel.ports import HighWaterMark, Ports, TransactionMode, UnitOfWork
from gateway.kernel.values import Confirmation, ConfirmationKind
from gateway.ledger.note import VerificationKey, parse_checkpoint, split
from gateway.peer_conformance import DemandResult
from gateway.registry import remote_members, witnessing
from gateway.verification.log_copy import CHECKPOINT
from gateway.web.security_log import failure_place
from gateway.wiring import GatewayRuntime

FOLDER = "peers"
"""In the operator's folder: the connection to each peer, in a folder of the peer's id here."""

LOOK_EVERY = 0.5
"""Seconds between two looks for what is to be sent."""

PEERS_EVERY = 5.0
"""Seconds until a peer that was enrolled, and a member that was recorded, is known here."""

MEMBERS_EVERY = timedelta(seconds=30)
"""Between two questions for a peer's members."""

TURN = timedelta(seconds=45)
"""Of one turn: it ends before its lease does."""

BEHIND = 1000
"""Entries by which what was cosigned here may be behind what a busy peer shows."""

WITNESSED = ConfirmationKind.COSIGNATURE


class NotHeard(Exception):
    """The peer gave no answer that counts; the message says why."""


def folder_of(config: Config, peer: str) -> Path:
    """Where the connection to a peer is."""
    return config.folder / FOLDER / peer


def is_enrolled(config: Config, peer: str) -> bool:
    """Tell whether there is a connection to a peer."""
    return (folder_of(config, peer) / CONNECTION_FILE).exists()


def require_pinned(pins: PeerPins, **shown: Any) -> None:
    """Raise SettingsError unless what is ``shown`` is what two persons compared of a peer."""
    if wrong := [name for name, value in shown.items() if value != getattr(pins, name)]:
        raise errors.SettingsError(
            f"not what two persons compared (peer trust): {', '.join(wrong)}. Ask the peer's "
            "operator, by telephone"
        )


def fingerprint(chain: bytes) -> str:
    """The SHA-256 of the root certificate among some (PEM), in hex; ValueError."""
    for one in x509.load_pem_x509_certificates(chain):
        if one.subject == one.issuer:
            return one.fingerprint(hashes.SHA256()).hex()
    raise ValueError("there is no root certificate")


class PeerLine:
    """The line to a peer, by its connection folder. Nothing is asked twice: a turn comes again."""

    def __init__(self, folder: Path, pins: PeerPins, now: Callable[[], datetime]) -> None:
        """SettingsError where the folder cannot be used, or is of another peer than those of the
        ``pins``; nothing is sent yet."""
        self.connection = connection = PartnerConnection.read(folder)
        root, api_url = fingerprint(read_file(connection.ca)), connection.api_url
        require_pinned(pins, issuer=connection.issuer, api_url=api_url, root_sha256=root)
        self._line = HttpTransport(connection, now, _never, pauses=())
        listener = PublicListener(connection.issuer, connection.ca, system_too=True)
        self._public = HttpTransport(listener, now, _never, pauses=())
        self._access = AccessTokens(self._line, connection.client_id, now)
        keys = [*map(VerificationKey.parse, pins.log_keys)]
        self.checkpoints = CheckpointStore(keys, connection.checkpoint_file, self.fetch)

    def close(self) -> None:
        """Close the connections."""
        self._line.close()
        self._public.close()

    def deliver(self, key: str, body: Any) -> tuple[int, dict[str, Any]]:
        """Bring the peer one event under its idempotency key: status and JSON of the answer."""
        headers = {
            "Content-Type": "application/json",
            "Accept": "application/json",
            "Idempotency-Key": key,
        }
        sent = HttpRequest("POST", "/relay/events", json.dumps(body).encode(), headers)
        reply = self._access.send(sent)
        return reply.status, reply.members

    def ask(self, path: str, **headers: str) -> HttpResponse:
        """Read something with the token."""
        return self._access.send(HttpRequest("GET", path, None, headers))

    def fetch(self, path: str) -> bytes:
        """A file of the peer's public log; LookupError, ClientError."""
        reply = self._public.send(HttpRequest("GET", f"/{path}"))
        if reply.status != 200:
            raise LookupError(path)
        return reply.body

    def add_checkpoint(self, query: bytes) -> tuple[int, str, bytes]:
        """Ask the peer, as a witness, to cosign: status, media type and body; ValueError."""
        headers = {"Content-Type": "text/plain; charset=utf-8"}
        asked = HttpRequest("POST", "/witness/add-checkpoint", query, headers)
        with errors.raising(ValueError, causes=errors.ClientError):
            reply = self._public.send(asked)
        return reply.status, reply.media, reply.body


def _never(_: float) -> NoReturn:
    raise AssertionError("nothing is waited for")


_EVENT_TYPE = re.compile(r"(handoff|case)\.[a-z_]{1,40}")
_MOST_TOLD = 100
"""Types of events that are kept of what a peer tells: three times as many as there are."""


@dataclass
class _MemberTurn:
    """How far a member's gateway heard its stream, and how many events of this turn."""

    member: str
    reached: int
    heard: int = 0


@dataclass
class PeerRelay:
    """What goes to one peer; ``alarm`` hears once what fails, and once that it goes on."""

    gateway: GatewayRuntime
    peer: str
    alarm: Callable[[str], None]
    stopping: threading.Event = field(default_factory=threading.Event)
    _line: PeerLine | None = None
    _read: bytes = b""
    _members_at: datetime | None = None
    _tag: str = ""
    _confirmed_at: datetime | None = None
    _failing: dict[str, str] = field(default_factory=dict)
    _names: list[str] = field(default_factory=list)
    _named_at: datetime | None = None

    def run(self) -> None:
        """Send until the process stops, or the peer's connection is gone."""
        while not self.stopping.wait(LOOK_EVERY) and is_enrolled(self.gateway.config, self.peer):
            self.step()
        self.close()

    def close(self) -> None:
        """Close the line; what it waits for ends."""
        if self._line is not None:
            self._line.close()

    def step(self) -> None:
        """Ask who the peer's members are where that is due, and send what waits for them."""
        now = self.gateway.ports.now()
        if self._members_at is None or now >= self._members_at:
            away = self._members_at is None or "members" in self._failing
            self._members_at = now + MEMBERS_EVERY
            if self._try("members", self.follow) and away:
                wake(self.gateway.ports, self.peer)
        if self._confirmed_at is None or now >= self._confirmed_at:
            good = self._try("log", self.confirm)
            self._confirmed_at = now + (EVERY[WITNESSED] if good else AGAIN)
        for member in self._due():
            if self.stopping.is_set():
                return
            self._try(f"events for {member}", partial(self._turn, member))

    # --- Turns of its members ---

    def _due(self) -> list[str]:
        """The members of the peer for whom something waits."""
        now, found = self.gateway.ports.now(), list[str]()
        with suppress(Exception), self.gateway.store.begin(TransactionMode.READ) as work:
            if self._named_at is None or now >= self._named_at + timedelta(seconds=PEERS_EVERY):
                self._names, self._named_at = (
                    [one.slug for one in work.organisations.members_of(self.peer)],
                    now,
                )
            states = {one.cursor.organisation: one for one in states_of(work, self.peer)}
            for name in self._names:
                state = states.get(name)
                if state is None or (state.lag > 0 and state.cursor.is_due(now)):
                    found.append(name)
        return found

    def _turn(self, member: str) -> None:
        """Send what follows in a member's stream; NotHeard, ClientError, ValueError."""
        ports, until = self.gateway.ports, self.gateway.ports.now() + TURN
        with ports.begin(TransactionMode.WRITE) as work:
            cursor = work.notifications.cursor(member, DeliveryWay.RELAY)
            if not cursor.is_due(ports.now()):
                return
            leased = cursor.lease(ports.now())
            work.notifications.save(leased)
            work.commit()
        turn, failed = _MemberTurn(member, cursor.acknowledged), True
        try:
            self._send(turn, until)
            failed = False
        finally:
            self._end(leased, turn.reached, failed=failed)
            if self.gateway.counts is not None:
                self.gateway.counts.relayed("heard", turn.heard)
                self.gateway.counts.relayed("failed", int(failed))

    def _send(self, turn: "_MemberTurn", until: datetime) -> None:
        outgoing = composing.compose(self.gateway.ports, turn.member, turn.reached)
        if outgoing is None:
            return
        line = self._opened()
        self._have_cosigned(line, outgoing.note)
        for one in outgoing.events:
            if self.stopping.is_set() or self.gateway.ports.now() >= until:
                return
            status, answer = line.deliver(str(one.event), one.body)
            moved = composing.cursor_after(one, status, answer)
            if moved is None:
                told = str(answer.get("type", "")).rpartition("/")[2]
                raise NotHeard(f"it answers {status}{told and f' ({told})'}")
            turn.reached, turn.heard = moved, turn.heard + 1
            if moved != one.stream_number:
                return  # it expects an earlier one

    def _end(self, leased: Cursor, reached: int, *, failed: bool) -> None:
        """Note how far the peer has heard; it may have gone back to an older copy of its own."""
        ports = self.gateway.ports
        with ports.begin(TransactionMode.WRITE) as work:
            cursor = work.notifications.cursor(leased.organisation, leased.way)
            if cursor.leased_until == leased.leased_until:
                moved = replace(cursor, acknowledged=reached)
                if reached > cursor.acknowledged:  # it was heard: a short pause is enough
                    moved = moved.succeed()
                jitter = ports.random(1)[0] / 255
                moved = moved.fail(ports.now(), jitter) if failed else moved.succeed()
                work.notifications.save(moved)
                work.commit()

    # --- The peer itself ---

    def follow(self) -> None:
        """Ask who the peer's members are, and record what changed."""
        ports, line = self.gateway.ports, self._opened()
        with ports.begin(TransactionMode.READ) as work:
            pins = pins_of(work, self.peer)
            told_to = work.relay.members_told(pins.origin)
            before = events = work.relay.events_told(pins.origin)
        marked = ports.witnessed(pins.origin).read() if ports.witnessed else None
        if marked is None:  # what it tells ends in a checkpoint that was cosigned here
            self._members_at = None
            return
        known = {"If-None-Match": self._tag} if self._tag else {}
        reply = line.ask(f"/relay/members?size={marked.head.size}", **known)
        wrong: Sequence[str] = ()
        if reply.status != 304:
            answer = reply.members
            told, known_there = answer.get("members"), answer.get("events")
            if reply.status != 200 or not isinstance(told, list):
                raise NotHeard(f"it answers {reply.status}")
            wrong = remote_members.record(ports, self.peer, told)
            self._tag = "" if wrong else reply.headers.get("etag", "")
            said = map(str, known_there if isinstance(known_there, list) else ())
            events = frozenset(islice(filter(_EVENT_TYPE.fullmatch, said), _MOST_TOLD))
        if marked.head.size != told_to or events != before:
            with ports.begin(TransactionMode.WRITE) as work:
                work.relay.tell_members(pins.origin, marked.head.size, events)
                work.commit()
        if wrong:
            raise NotHeard("; ".join(wrong))

    def confirm(self) -> None:
        """Have the peer cosign the log, where that is due, and hold the peer's own log against what
        was cosigned of it here."""
        ports, line = self.gateway.ports, self._opened()
        with ports.begin(TransactionMode.READ) as work:
            head, pins = work.log.head(), pins_of(work, self.peer)
            newest = work.confirmations.newest(WITNESSED, _witness(pins))
        size, last = newest or (0, None)
        if head.size != size or last is None or ports.now() >= last + UNCHANGED[WITNESSED]:
            self._have_cosigned(line, ports.checkpoint_signer.sign(head))
        marked = ports.witnessed(pins.origin).read() if ports.witnessed else None
        if marked is None:
            return
        try:
            line.checkpoints.compare(marked.note, line.fetch(CHECKPOINT).decode())
        except errors.LogForked as forked:
            witnessing.diverge(ports, self.peer, *forked.notes)
            raise

    def check_token(self) -> None:
        """Ask the peer who this gateway is to it."""
        reply = self._opened().ask("/whoami")
        if reply.status != 200:
            raise NotHeard(f"it answers {reply.status}")

    def check_cosigned(self) -> None:
        """Require that this gateway cosigned the peer's log lately."""
        ports, line = self.gateway.ports, self._opened()
        with ports.begin(TransactionMode.READ) as work:
            pins = pins_of(work, self.peer)
        marked = ports.witnessed(pins.origin).read() if ports.witnessed else None
        shown = parse_checkpoint(split(line.fetch(CHECKPOINT).decode())[0]).size
        if marked is None:
            raise NotHeard("it asked for no cosignature yet: it enrols here, and runs `deliver`")
        if marked.head.size < shown - BEHIND:
            raise NotHeard(f"{marked.head.size} entries of its {shown} were cosigned here")

    def conform(self) -> Iterator[DemandResult]:
        """Try the peer by what the protocol demands; nothing of that is kept there."""
        line = self._opened()
        with self.gateway.ports.begin(TransactionMode.READ) as work:
            reached = [one.cursor for one in states_of(work, self.peer) if one.cursor.acknowledged]
        heard = next(((one.organisation, one.acknowledged) for one in reached), None)
        cosigned = partial(self._have_cosigned, line)
        yield from peer_conformance.run(self.gateway.ports, line, self.peer, cosigned, heard)

    def _have_cosigned(self, line: PeerLine, note: str) -> None:
        """Have the peer cosign a checkpoint, and keep its line; ValueError."""
        ports, size = self.gateway.ports, parse_checkpoint(split(note)[0]).size
        with ports.begin(TransactionMode.READ) as work:
            pins = pins_of(work, self.peer)
            newest = work.confirmations.newest(WITNESSED, _witness(pins))
        known, last = newest or (0, None)
        now = ports.now()
        if last is not None and known == size and now < last + UNCHANGED[WITNESSED]:
            return
        at, data = cosign(ports, line.add_checkpoint, pins.witness_key, note, known)
        if abs(at - now) > MAX_SKEW:
            raise ValueError(f"its clock differs from the one here: it says {at}")
        with ports.begin(TransactionMode.WRITE) as work:
            kept = Confirmation(size, WITNESSED, _witness(pins), at, note, data)
            work.confirmations.keep(kept)
            work.commit()

    # --- What fails ---

    def _opened(self) -> PeerLine:
        """The line; another one after a renewal, or where two persons compared other keys."""
        folder = folder_of(self.gateway.config, self.peer)
        with self.gateway.ports.begin(TransactionMode.READ) as work:
            pins = pins_of(work, self.peer)
        read = (folder / CONNECTION_FILE).read_bytes() + pins.event.bytes
        if self._line is None or read != self._read:
            if self._line is not None:
                self._line.close()
                self._line = None
            self._line, self._read = PeerLine(folder, pins, self.gateway.ports.now), read
        return self._line

    def _try(self, what: str, do: Callable[[], None]) -> bool:
        """Do something, and tell once where it fails, once where it goes on again."""
        failure, before = failure_of(do), self._failing.pop(what, None)
        if failure is not None:
            self._failing[what] = failure
            if failure != before:
                self.alarm(f"{what} of the peer gateway {self.peer}: {failure}; it is tried again")
        elif before is not None:
            self.alarm(f"{what} of the peer gateway {self.peer}: it goes on")
        return failure is None


def failure_of(do: Callable[[], None]) -> str | None:
    """Do something with a peer; why it failed, None where it did not."""
    try:
        do()
    except (NotHeard, errors.ClientError, ValueError, LookupError) as error:
        return str(error)
    except OSError as error:
        return type(error).__name__
    except Exception as error:  # a database that restarts
        return failure_place(error)
    return None


def _witness(pins: PeerPins) -> str:
    return VerificationKey.parse(pins.witness_key).name


def pins_of(work: UnitOfWork, peer: str) -> PeerPins:
    """Return what two persons compared of a peer; LookupError where they did not."""
    found = work.organisations.get(peer)
    if found is None or found.peer is None:
        raise LookupError(f"the keys of {peer} were not compared (peer trust)")
    return found.peer.pins


@dataclass(frozen=True)
class PeerState:
    """How a peer stands: until when the connection to it holds, where there is one; how many of its
    members are known, what waits for it, and how many entries were cosigned, of the log here and
    of its own. ``unknown_here`` are the events that it knows, and that this gateway does not;
    ``denied`` those of answers that every gateway follows, and that it does not tell, where it has
    answered for its members."""

    peer: str
    status: str
    certificate_until: datetime | None
    diverged: bool
    members: int
    waiting: int
    unknown_here: Sequence[str]
    denied: Sequence[str]
    failures: int
    next_attempt_at: datetime | None
    cosigned_there: int
    cosigned_at: datetime | None
    cosigned_here: int


def state_of(config: Config, work: UnitOfWork, mark: HighWaterMark, peer: str) -> PeerState:
    """How a peer stands; LookupError where its keys were not compared."""
    found, pins, states = work.organisations.get(peer), pins_of(work, peer), states_of(work, peer)
    size, at = work.confirmations.newest(WITNESSED, _witness(pins)) or (0, None)
    marked, told = mark.of(pins.origin).read(), work.relay.events_told(pins.origin)
    return PeerState(
        peer=peer,
        status=str(found.status) if found else "",
        certificate_until=_certificate_until(config, peer),
        diverged=bool(found and found.peer and found.peer.diverged),
        members=len(work.organisations.members_of(peer)),
        waiting=sum(one.lag for one in states),
        unknown_here=sorted(told.difference(understood())),
        denied=sorted(BASELINE - told) if work.relay.members_told(pins.origin) else (),
        failures=max((one.cursor.failures for one in states), default=0),
        next_attempt_at=max(
            (one.cursor.next_at for one in states if one.cursor.next_at), default=None
        ),
        cosigned_there=size,
        cosigned_at=at,
        cosigned_here=marked.head.size if marked else 0,
    )


def states_of(work: UnitOfWork, peer: str) -> Sequence[DeliveryState]:
    """How far a peer heard the streams of its members."""
    every = work.notifications.states(DeliveryWay.RELAY)
    return [one for one in every if one.cursor.organisation.endswith(f"@{peer}")]


def wake(ports: Ports, peer: str) -> int:
    """End the pauses before what a peer is sent next; how many there were."""
    with ports.begin(TransactionMode.WRITE) as work:
        waiting = [one.cursor for one in states_of(work, peer) if one.cursor.next_at is not None]
        for one in waiting:
            cursor = work.notifications.cursor(one.organisation, one.way)
            work.notifications.save(replace(cursor, failures=0, next_at=None))
        work.commit()
    return len(waiting)


def _certificate_until(config: Config, peer: str) -> datetime | None:
    """Until when the certificate of the connection to a peer holds; SettingsError."""
    if not is_enrolled(config, peer):
        return None
    file = PartnerConnection.read(folder_of(config, peer)).certificate
    bad = f"{file} is not a certificate in PEM"
    with errors.raising(errors.SettingsError, bad, (OSError, ValueError)):
        return x509.load_pem_x509_certificate(file.read_bytes()).not_valid_after_utc


@dataclass
class Relaying:
    """Follows each peer to which there is a connection, in a thread of its own."""

    gateway: GatewayRuntime
    alarm: Callable[[str], None]
    stopping: threading.Event
    _running: dict[str, tuple[PeerRelay, threading.Thread]] = field(default_factory=dict)

    def run(self) -> None:
        """Begin with peers that are enrolled, until the process stops."""
        while True:
            with suppress(Exception):  # a database that restarts: the next look finds them
                self._look()
            if self.stopping.wait(PEERS_EVERY):
                break
        for relay, thread in self._running.values():
            relay.close()
            thread.join()

    def _look(self) -> None:
        with self.gateway.store.begin(TransactionMode.READ) as work:
            peers = [one.slug for one in witnessing.peers_here(work)]
        for peer in peers:
            running = peer in self._running and self._running[peer][1].is_alive()
            if is_enrolled(self.gateway.config, peer) and not running:
                relay = PeerRelay(self.gateway, peer, self.alarm, self.stopping)
                self._running[peer] = relay, threading.Thread(target=relay.run)
                self._running[peer][1].start()
