"""The load generator: sixteen TLS connections driven by one thread of a process of its own.

Requests are made of templates and answers are looked at only as far as their end: what they say
is read after the measurement. Its own processor time is measured, to show that it is no bottleneck.
"""

import contextlib
import gc
import json
import multiprocessing
import os
import re
import select
import socket
import ssl
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from http.client import HTTPSConnection
from pathlib import Path
from urllib.parse import urlencode

from bench import machine
from bench.workload import ORIGINATOR, RECIPIENT, SYSTEM, Handoffs, Posts, Request

CONNECTIONS: Sequence[str] = (ORIGINATOR,) * 11 + (RECIPIENT,) * 5
"""Whose certificate each connection shows: of three requests, two are the originator's."""

SAMPLE_EVERY = 50
"""Of so many answers one is kept whole, for the check of its receipt."""

HOST = "127.0.0.1"

_DRAIN = 10.0  # seconds for the last answers; they are not counted
_LENGTH = re.compile(rb"\r\ncontent-length: *([0-9]+)\r\n", re.IGNORECASE)
_EVENT = re.compile(rb'"id\\":\\"([0-9a-f-]{36})\\"|"event": ?"([0-9a-f-]{36})"')
_READ = 1 << 16

_clock = time.perf_counter


@dataclass(frozen=True)
class Plan:
    """One run: its number, whose ids no other run has; against which server; for how long.

    ``clients`` has a folder of each member, with its key and certificates. Handoffs are sent to a
    gateway, posts alone to what does less. The processes of ``server`` (its first one)
    and of ``databases``, and ``bench``, our own first one, are those whose processor time counts.
    """

    number: int
    port: int
    clients: Path
    handoffs: bool
    warm_up: float
    seconds: float
    server: int
    databases: Sequence[int]
    bench: int


@dataclass(frozen=True)
class Answer:
    """A request that was answered well: what it did to which thing, and the event it became."""

    kind: str
    id: str
    event: str


@dataclass(frozen=True)
class Run:
    """What one run measured; all times are in seconds.

    ``latencies`` by kind of request, of answers within ``seconds``; ``failures`` counts all others
    by what came instead. Processor time of the server, the databases, the generator; ``others`` is
    the share of the machine that programs of others used. ``answers`` are all good ones of the
    run, warm-up included, ``bodies`` a sample of them whole.
    """

    seconds: float
    latencies: Mapping[str, Sequence[float]]
    failures: Mapping[str, int]
    server: float
    databases: float
    generator: float
    others: float
    answers: Sequence[Answer] = ()
    bodies: Sequence[bytes] = ()


@contextlib.contextmanager
def generator() -> Iterator[Callable[[Plan], Run]]:
    """A process that generates load, free of what this one has imported and opened."""
    spawned = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=spawned) as pool:
        yield lambda plan: pool.submit(generate, plan).result()


def generate(plan: Plan) -> Run:
    """Open the connections, warm up, measure, and let the last answers come in.

    Raises OSError when a connection is lost.
    """
    host = f"{HOST}:{plan.port}"
    if plan.handoffs:
        flow: Handoffs | Posts = Handoffs.of(plan.number, host, _tokens(plan))
    else:
        flow = Posts.of(plan.number, host)
    lines = _connect(plan)
    for line in lines:
        line.socket.setblocking(False)
    gc.disable()
    try:
        return _Drive(plan, flow, lines).run()
    finally:
        gc.enable()
        for line in lines:
            line.socket.close()


@dataclass
class Line:
    """One connection and the request that is under way on it."""

    socket: ssl.SSLSocket
    role: str
    request: Request | None = None
    sent_at: float = 0.0
    received: bytearray = field(default_factory=bytearray)

    def send(self, request: Request) -> None:
        """Send a request; it is a few kilobytes, which a socket takes at once."""
        self.request = request
        self.sent_at = _clock()
        if self.socket.send(request.data) != len(request.data):
            raise ConnectionError("a request was not taken at once")

    def receive(self) -> tuple[int, bytes] | None:
        """The answer's status and body once all of it is there."""
        while True:
            try:
                data = self.socket.recv(_READ)
            except ssl.SSLWantReadError:
                return None
            if not data:
                raise ConnectionError("the server closed the connection")
            self.received += data
            if answer := self._answer():
                return answer

    def _answer(self) -> tuple[int, bytes] | None:
        head = self.received.find(b"\r\n\r\n")
        if head < 0:
            return None
        length = _LENGTH.search(self.received, 0, head + 2)
        if length is None:
            raise ConnectionError("an answer does not tell its length")
        end = head + 4 + int(length[1])
        if len(self.received) < end:
            return None
        answer = int(self.received[9:12]), bytes(self.received[head + 4 : end])
        self.received.clear()
        return answer


def _connect(plan: Plan) -> list[Line]:
    contexts = {role: _context(plan.clients, role) for role in dict.fromkeys(CONNECTIONS)}
    lines = []
    for role in CONNECTIONS:
        plain = socket.create_connection((HOST, plan.port), timeout=10)
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        lines.append(Line(contexts[role].wrap_socket(plain, server_hostname=HOST), role))
    return lines


def _context(folder: Path, role: str) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=str(folder / role / "ca.pem"))
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.load_cert_chain(folder / role / "certificate.pem", folder / role / "key.pem")
    return context


def _tokens(plan: Plan) -> dict[str, str]:
    """A token for each organisation, on a connection that is closed again.

    One after the other: a connection that has shaken hands and sends nothing holds a thread.
    """
    tokens = {}
    for role in dict.fromkeys(CONNECTIONS):
        form = urlencode({"grant_type": "client_credentials", "client_id": f"{role}.{SYSTEM}"})
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        line = HTTPSConnection(HOST, plan.port, timeout=10, context=_context(plan.clients, role))
        with contextlib.closing(line):
            line.request("POST", "/oauth/token", form, headers)
            tokens[role] = str(json.load(line.getresponse())["access_token"])
    return tokens


class _Drive:
    """One run over open connections."""

    def __init__(self, plan: Plan, flow: Handoffs | Posts, lines: Sequence[Line]) -> None:
        self.plan, self.flow = plan, flow
        self.lines = {line.socket.fileno(): line for line in lines}
        self.poller = select.epoll()
        for number in self.lines:
            self.poller.register(number, select.EPOLLIN)
        self.waiting = list(lines)
        self.sending, self.measuring = True, False
        self.latencies: dict[str, list[float]] = {}
        self.failures: Counter[str] = Counter()
        self.done: list[tuple[Request, bytes]] = []

    def run(self) -> Run:
        """Warm up, measure, drain."""
        self._go_on()
        self._until(_clock() + self.plan.warm_up)
        before, began = self._spent(), _clock()
        self.measuring = True
        self._until(began + self.plan.seconds)
        self.sending = self.measuring = False
        ended = _clock()
        server, databases, own, ours, whole, programs = (
            after - earlier for after, earlier in zip(self._spent(), before, strict=True)
        )
        self._until(ended + _DRAIN, while_=self._is_busy)
        if self._is_busy():
            self.failures["no answer"] += sum(1 for line in self.lines.values() if line.request)
        return Run(
            seconds=ended - began,
            latencies=self.latencies,
            failures=dict(self.failures),
            server=server,
            databases=databases,
            generator=own,
            others=max(0.0, (programs - ours) / whole),
            answers=[Answer(r.kind, r.id, _event(body)) for r, body in self.done],
            bodies=[body for _, body in self.done[::SAMPLE_EVERY]],
        )

    def _spent(self) -> tuple[float, ...]:
        return (
            machine.family_seconds(self.plan.server),
            machine.family_seconds(*self.plan.databases),
            time.process_time(),
            machine.family_seconds(self.plan.bench, os.getpid(), *self.plan.databases),
            *machine.machine_seconds(),
        )

    def _until(self, ends: float, while_: Callable[[], bool] = lambda: True) -> None:
        while while_() and (left := ends - _clock()) > 0:
            for number, _ in self.poller.poll(left):
                self._take(self.lines[number])

    def _is_busy(self) -> bool:
        return any(line.request for line in self.lines.values())

    def _take(self, line: Line) -> None:
        answer = line.receive()
        if answer is None or line.request is None:
            return
        request, line.request = line.request, None
        self._count(request, answer, _clock() - line.sent_at)
        self.waiting.append(line)
        if self.sending:
            self._go_on()

    def _count(self, request: Request, answer: tuple[int, bytes], latency: float) -> None:
        status, body = answer
        if status not in (200, 201):
            self.failures[f"{request.kind} {status}"] += 1
            return
        if self.measuring:
            self.latencies.setdefault(request.kind, []).append(latency)
        self.done.append((request, body))
        self.flow.done(request)

    def _go_on(self) -> None:
        """Send on every connection that need not wait for what another has to be answered."""
        still = []
        for line in self.waiting:
            request = self.flow.next(line.role)
            if request is None:
                still.append(line)
            else:
                line.send(request)
        self.waiting = still


def _event(body: bytes) -> str:
    """The id of the event in a receipt's document (JSON within JSON), or named by a baseline."""
    names = _EVENT.search(body)
    return (names[1] or names[2]).decode("ascii") if names else ""
