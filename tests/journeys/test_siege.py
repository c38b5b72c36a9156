"""Two hundred half-open handshakes a second, and honest requests beside them, on both listeners."""

import multiprocessing
import random
import socket
import ssl
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import pytest

from gateway.cli.demo.environment import DemoEnvironment
from gateway.setting_validators import host_and_port
from tests.journeys.harness import HOTLINE, config_of

pytestmark = [pytest.mark.journey, pytest.mark.slow, pytest.mark.xdist_group("gateway")]

A_SECOND = 200  # half-open handshakes, on each listener
SEED = 9
ROUNDS = 3
"""At most."""
QUIET, SIEGE = 8.0, 15.0  # seconds
PAUSE = 0.02  # seconds between two honest requests
HELD = 400  # sockets that the attacker keeps open
FACTOR = 3
"""How much later the honest answers may come, at p99, within one run."""


def client_hello() -> bytes:
    """What a client says first."""
    received, sent = ssl.MemoryBIO(), ssl.MemoryBIO()
    tls = ssl.create_default_context().wrap_bio(received, sent, server_hostname="localhost")
    with suppress(ssl.SSLWantReadError):
        tls.do_handshake()
    return sent.read()


def attack(ports: tuple[int, ...], seed: int) -> None:
    """Open connections at the rate, send a part of a ClientHello on each, and stay, until killed.

    One of eight says the whole of it and never goes on.
    """
    chance, hello = random.Random(seed), client_hello()
    held: deque[socket.socket] = deque()
    begun, opened = time.monotonic(), 0
    while True:
        while opened < (time.monotonic() - begun) * A_SECOND:
            opened += 1
            for port in ports:
                connection = socket.socket()
                connection.setblocking(False)
                with suppress(BlockingIOError):
                    connection.connect(("127.0.0.1", port))
                part = len(hello) if chance.random() < 1 / 8 else chance.randrange(1, len(hello))
                time.sleep(0.0005)
                with suppress(OSError):
                    connection.send(hello[:part])
                held.append(connection)
                if len(held) > HELD:
                    held.popleft().close()
        time.sleep(0.002)


@contextmanager
def besieged(ports: tuple[int, ...], seed: int) -> Iterator[None]:
    """A process that attacks while the block runs."""
    attacker = multiprocessing.get_context("spawn").Process(target=attack, args=(ports, seed))
    attacker.start()
    time.sleep(2)  # it has begun
    try:
        yield
        assert attacker.is_alive()
    finally:
        attacker.kill()
        attacker.join()


class Honest:
    """Requests on new connections, in turn on both listeners, and how long each took."""

    def __init__(self, stage: DemoEnvironment) -> None:
        config = config_of(stage)
        root, home = str(config.published / "root.pem"), stage.folder / HOTLINE
        partners = ssl.create_default_context(cafile=root)
        partners.load_cert_chain(home / "certificate.pem", home / "key.pem")
        self.doors = [
            (host_and_port(config.public_bind), ssl.create_default_context(cafile=root)),
            (host_and_port(config.partners_bind), partners),
        ]
        self.ports = tuple(address[1] for address, _ in self.doors)

    def ask(self, seconds: float) -> list[list[float]]:
        """The times of each listener's answers, sorted; TimeoutError when there is none."""
        times: list[list[float]] = [[], []]
        ends = time.monotonic() + seconds
        while time.monotonic() < ends:
            for taken, (address, context) in zip(times, self.doors, strict=True):
                begun = time.monotonic()
                with (
                    socket.create_connection(address, 8) as plain,
                    context.wrap_socket(plain, server_hostname="localhost") as tls,
                ):
                    tls.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
                    assert tls.recv(12) == b"HTTP/1.1 200"
                taken.append(time.monotonic() - begun)
                time.sleep(PAUSE)
        return times


def p99(times: list[float]) -> float:
    return sorted(times)[int(len(times) * 0.99)]


def test_half_open_handshakes_do_not_hold_up_honest_requests(direct: DemoEnvironment) -> None:
    """What else a machine does may spoil a round; a listener that is held up spoils each."""
    honest = Honest(direct)
    for number in range(ROUNDS):
        quiet = honest.ask(QUIET)
        with besieged(honest.ports, SEED + number):
            under = honest.ask(SIEGE)
        later = [p99(during) / p99(before) for before, during in zip(quiet, under, strict=True)]
        print(f"later at p99: {later}, of {len(quiet[0])} and {len(under[0])}")
        if max(later) <= FACTOR:
            return
    pytest.fail("honest answers come late")
