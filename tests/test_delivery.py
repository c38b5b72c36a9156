"""Deliveries go out in order and at least once, to no address where they must not go."""

import json
import socket
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import pytest

from gateway import delivery, wiring
from gateway.delivery import Deliverer
from gateway.domain.notification import LEASE, Cursor, DeliveryWay
from gateway.exchange.oversight import notifications
from gateway.kernel.values import HOST
from gateway.pki.authority import ROOT_FILE
from tests.each import each
from tests.evidence.test_security_event import TOLD
from tests.operating import Operator, operator
from tests.receiver import Receiver, answer, hang_up, receiving, refuse
from tests.waiting import until

journey = pytest.mark.journey
OFMIN = "ofmin"
WAY = DeliveryWay.NOTIFICATION
ADMITTED = (
    ("organisation", "admit", OFMIN, "--name", "OFMIN", "--kind", "hotline", "--country", "FR"),
    ("system", "register", OFMIN, "desk"),
)


@dataclass
class Clock:
    """The system's time, ahead by as much as a test says: certificates are judged by the real."""

    ahead: timedelta = timedelta(0)

    def __call__(self) -> datetime:
        return wiring.now() + self.ahead


@dataclass
class Sending:
    """A gateway that delivers to a receiver in this process."""

    deliverer: Deliverer
    receiver: Receiver
    clock: Clock
    gateway: wiring.GatewayRuntime
    told: list[str] = field(default_factory=list)

    def turn(self, way: DeliveryWay = WAY) -> None:
        self.deliverer.serve(OFMIN, way)

    def status(self) -> Any:
        (found,) = notifications.overview(self.gateway.ports, HOST)
        return found


@pytest.fixture
def gw(tmp_path: Path) -> Operator:
    made = operator(tmp_path, *ADMITTED)
    made.set("notifications", "private_addresses", "true")
    made.set("notifications", "ca_file", json.dumps(str(tmp_path / "receiver-ca.pem")))
    return made


@pytest.fixture
def sending(gw: Operator, tmp_path: Path) -> Iterator[Sending]:
    with receiving(tmp_path, gw.config.published / ROOT_FILE) as receiver:
        gw.done("notification", "set-push", OFMIN, "--address", receiver.address)
        clock = Clock()
        with gw.opened(clock) as gateway:
            told: list[str] = []
            made = Sending(Deliverer(gateway, told.append), receiver, clock, gateway, told)
            yield made
            made.deliverer.stop()


@journey
def test_a_receiver_gets_each_event_once_in_order_signed_and_by_our_certificate(
    sending: Sending,
) -> None:
    sending.turn()
    assert sending.receiver.numbers() == [1, 2, 3]
    assert len({*sending.receiver.ports}) == 1, "one connection for all of a turn"
    sending.turn()
    assert len(sending.receiver.heard) == 3
    headers, client = sending.receiver.headers[0], sending.receiver.clients[0]
    assert headers["Content-Type"] == "application/secevent+jwt"
    assert headers["Host"] == f"localhost:{sending.receiver.port}"
    assert ("URI", "urn:casegate:example:gateway:deliver") in client["subjectAltName"]
    assert sending.told == []


@journey
@pytest.mark.parametrize(
    "failing",
    [
        answer(500),
        answer(200),
        answer(204),
        answer(302, Location="/elsewhere"),
        answer(400, b"no JSON"),
        answer(400, b"{}"),
        answer(400, b"x" * 20_000),
        hang_up,
    ],
)
def test_whatever_is_no_202_comes_again_after_a_pause(sending: Sending, failing: Any) -> None:
    sending.receiver.answers = [failing]
    sending.turn()
    assert len(sending.receiver.heard) == 1, "nothing goes past one that was not taken"
    sending.turn()
    assert len(sending.receiver.heard) == 1, "the pause"
    assert sending.status().failures == 1
    sending.clock.ahead += timedelta(seconds=1)
    sending.turn()
    assert sending.receiver.numbers() == [1, 2, 3]
    assert sending.receiver.heard[0]["jti"] == sending.receiver.heard[1]["jti"]
    assert sending.status().failures == 0
    assert len(sending.told) == 2, "that it fails, and that it goes on"


@journey
@pytest.mark.parametrize("drips", [False, True])
def test_a_receiver_that_does_not_answer_is_not_waited_for(
    sending: Sending, monkeypatch: pytest.MonkeyPatch, drips: bool
) -> None:
    """However slowly it drips: a turn ends before its lease."""
    monkeypatch.setattr(delivery, "TIMEOUT", httpx.Timeout(60.0 if drips else 0.2))
    monkeypatch.setattr(delivery, "TURN_SECONDS", 0.3 if drips else 60.0)
    ended = threading.Event()

    def hang(handler: Any) -> None:
        while not ended.wait(0.05):
            if drips:
                handler.wfile.write(b"H")

    sending.receiver.answers = [hang]
    began = time.monotonic()
    sending.turn()
    ended.set()
    assert time.monotonic() - began < 30
    assert sending.status().failures == 1
    assert sending.receiver.taken == []


@journey
def test_what_a_receiver_refuses_is_kept_and_the_others_go_on(sending: Sending) -> None:
    sending.receiver.answers = [refuse("invalid_audience", "who?")]
    sending.turn()
    assert sending.receiver.numbers() == [2, 3]
    (kept,) = sending.status().refused
    assert (kept.stream_number, kept.error, kept.description) == (1, "invalid_audience", "who?")


@journey
def test_of_a_refusal_no_text_is_kept_that_could_carry_a_file(sending: Sending) -> None:
    sending.receiver.answers = [refuse("Not a code", "data:image/png;base64,iVBORw0KGgo=")]
    sending.turn()
    (kept,) = sending.status().refused
    assert (kept.stream_number, kept.error, kept.description) == (1, "", "")


@journey
def test_a_stop_between_two_answers_repeats_nothing_that_was_noted_and_loses_nothing(
    sending: Sending, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As a process that is killed after an answer, before it is noted."""

    def killed(*_: Any) -> None:
        raise SystemExit

    with monkeypatch.context() as patched:
        patched.setattr(notifications, "end_delivery", killed)
        with pytest.raises(SystemExit):
            sending.turn()
    assert sending.receiver.numbers() == [1, 2, 3]
    sending.turn()
    assert len(sending.receiver.heard) == 3, "its lease is not over"
    sending.clock.ahead += timedelta(minutes=1)
    sending.turn()
    assert sending.receiver.numbers() == [1, 2, 3, 1, 2, 3]
    first, second = sending.receiver.taken[:3], sending.receiver.taken[3:]
    assert [one["jti"] for one in first] == [one["jti"] for one in second]


@journey
def test_who_stops_sends_nothing_more_and_leaves_the_rest(sending: Sending) -> None:
    sending.deliverer.stopping.set()
    sending.turn()
    assert sending.receiver.heard == []
    assert sending.status().failures == 0


@journey
def test_a_receiver_of_another_authority_is_not_believed(sending: Sending, tmp_path: Path) -> None:
    (tmp_path / "receiver-ca.pem").write_bytes(
        (sending.gateway.config.published / ROOT_FILE).read_bytes()
    )
    sending.turn()
    assert sending.receiver.heard == []
    assert sending.status().failures == 1


@journey
def test_an_address_of_this_host_is_called_only_where_the_operator_allows_it(
    sending: Sending,
) -> None:
    config = replace(sending.gateway.config, private_receivers=False)
    sending.deliverer.gateway = replace(sending.gateway, config=config)
    sending.turn()
    assert sending.receiver.heard == []
    assert sending.status().failures == 1


@journey
def test_receivers_are_found_and_served_each_in_a_thread(sending: Sending) -> None:
    sending.deliverer.step()
    until(lambda: sending.receiver.numbers() == [1, 2, 3])
    until(lambda: all(one.done() for one in sending.deliverer._running.values()))
    assert sending.deliverer._due() == set()


def test_a_host_with_one_private_address_among_others_is_not_called(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    found = [(socket.AF_INET, None, 0, "", (one, 443)) for one in ("93.184.215.14", "10.0.0.1")]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: found)
    with pytest.raises(delivery.ReceiverFailed):
        delivery._resolve("receiver.example", 443, private=False)
    assert delivery._resolve("receiver.example", 443, private=True) == "93.184.215.14"


# --- Mail ---


def program(folder: Path, code: str) -> tuple[str, ...]:
    return (sys.executable, "-c", code, str(folder / "mail"))


WRITES = "import sys; open(sys.argv[1], 'a').write(sys.stdin.read())"


def test_the_mail_command_gets_one_line_and_nothing_of_a_case(tmp_path: Path) -> None:
    delivery.mail(program(tmp_path, WRITES), OFMIN, ("duty",), TOLD)
    (line,) = (tmp_path / "mail").read_text().splitlines()
    assert json.loads(line) == {"organisation": OFMIN, "contacts": ["duty"], **TOLD.members()}


@each("command", [("/nonexistent",), (sys.executable, "-c", "raise SystemExit(3)")])
def test_a_mail_command_that_fails_is_tried_again(command: tuple[str, ...]) -> None:
    with pytest.raises(delivery.ReceiverFailed):
        delivery.mail(command, OFMIN, ("duty",), TOLD)


@journey
def test_no_mail_outlasts_the_turn_that_it_is_sent_in(
    sending: Sending, monkeypatch: pytest.MonkeyPatch
) -> None:
    def slow(*_: object) -> None:
        sending.clock.ahead += timedelta(seconds=delivery.MAIL_SECONDS)

    monkeypatch.setattr(delivery, "mail", slow)
    told = [replace(TOLD, event=UUID(int=n), stream_number=n + 1) for n in range(5)]
    until = sending.clock() + LEASE
    turn = notifications.Delivery(
        cursor=Cursor(OFMIN, DeliveryWay.MAIL, leased_until=until),
        replays=[],
        following=told,
        erased=frozenset(),
        for_mail={one.event: ("duty",) for one in told},
    )
    report = notifications.DeliveryReport()
    sending.deliverer._send(OFMIN, turn, report)
    assert report.taken == told[:2]
    assert sending.clock() < until


def test_a_mail_command_that_hangs_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(delivery, "MAIL_SECONDS", 0.2)
    with pytest.raises(delivery.ReceiverFailed):
        delivery.mail((sys.executable, "-c", "input(); input()"), OFMIN, ("duty",), TOLD)
