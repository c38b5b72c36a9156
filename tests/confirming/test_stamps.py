"""The log is stamped each hour that it grew; an authority that fails stops nothing."""

import socket
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from gateway import confirming, delivery
from gateway.confirming import Confirmer
from gateway.evidence import time_stamp
from gateway.kernel.ports import TransactionMode
from gateway.kernel.values import ConfirmationKind
from tests.confirming.confirmed_log import ConfirmedLog
from tests.each import each
from tests.operating import Operator, operator
from tests.receiver import answer, hang_up
from tests.test_delivery import Clock
from tests.time_stamping import Authority, Server, new_root, serving

HOUR, AUTHORITY = timedelta(hours=1), Authority()
pytestmark = pytest.mark.journey


@dataclass
class Stamping(ConfirmedLog):
    """A gateway, and an authority that stamps its log."""

    kind: ConfirmationKind = ConfirmationKind.STAMP
    gw: Operator = field(init=False)
    server: Server = field(init=False)


def add(gw: Operator, url: str, ca: bytes) -> None:
    (gw.folder / "tsa.pem").write_bytes(ca)
    with (gw.folder / "casegate.toml").open("a") as file:
        file.write(f'[[time_stamp_authority]]\nurl = "{url}"\nca_file = "tsa.pem"\n')


@pytest.fixture
def stamped(tmp_path: Path) -> Iterator[Stamping]:
    made = Stamping()
    made.gw = operator(tmp_path)
    with serving(AUTHORITY, made.clock) as made.server:
        add(made.gw, made.server.url, AUTHORITY.root.pem())
        with made.gw.opened(made.clock) as made.gateway:
            made.begin()
            yield made


def test_the_log_s_own_checkpoint_is_stamped_once_an_hour_if_it_grew(stamped: Stamping) -> None:
    assert stamped.late() == [stamped.server.url.split("/")[2]]
    stamped.confirmer.step()
    (first,) = stamped.kept()
    text = time_stamp.stamped_text(first.note)
    stamp = time_stamp.verify(first.data, text, AUTHORITY.roots)
    assert (stamp.before, first.note.count("\n\u2014 ")) == (first.at, 1)
    assert stamped.server.heard == ["application/timestamp-query"]
    stamped.later(3 * HOUR)
    assert len(stamped.server.heard) == 1, "it did not grow"
    stamped.grow()
    stamped.later(timedelta(seconds=10))
    assert [one.size for one in stamped.kept()] == [first.size, first.size + 1]
    stamped.grow()
    stamped.later(HOUR / 2)
    assert len(stamped.kept()) == 2, "its hour is not over"
    assert stamped.late() == []
    stamped.later(HOUR * 0.6)
    assert len(stamped.kept()) == 3
    assert stamped.told == []


def test_who_starts_again_goes_on_from_what_is_kept(stamped: Stamping) -> None:
    stamped.confirmer.step()
    stamped.grow()
    stamped.begin()
    stamped.later(HOUR / 2)
    assert len(stamped.server.heard) == 1
    stamped.later(HOUR * 0.6)
    assert len(stamped.kept()) == 2


@pytest.mark.parametrize(
    ("failing", "reason"),
    [
        (answer(503), "it answers 503"),
        (answer(302, Location="http://localhost/"), "it answers 302"),
        (answer(200, b"no token"), "its answer cannot be read"),
        (answer(200, b"x" * 70_000), "its answer is too long"),
        (hang_up, "RemoteProtocolError"),
    ],
)
def test_an_authority_that_fails_is_asked_again_and_nothing_is_lost(
    stamped: Stamping, failing: Any, reason: str
) -> None:
    stamped.server.answers = [failing, failing]
    stamped.confirmer.step()
    stamped.confirmer.step()
    assert len(stamped.server.heard) == 1, "the pause"
    stamped.later(timedelta(minutes=5))
    assert len(stamped.told) == 1, "said once"
    assert reason in stamped.told[0]
    assert stamped.kept() == []
    stamped.grow()
    stamped.later(3 * HOUR)
    (kept,) = stamped.kept()
    with stamped.gateway.ports.begin(TransactionMode.READ) as work:
        assert kept.size == work.log.head().size
    assert stamped.late() == []


@pytest.mark.parametrize("ahead", [HOUR, -HOUR])
def test_a_token_of_another_time_is_not_kept(stamped: Stamping, ahead: timedelta) -> None:
    away = replace(AUTHORITY, time=stamped.clock() + ahead)
    request = dict[str, bytes]()

    def wrong(handler: Any) -> None:
        answer(200, away.answer(request["asked"]))(handler)

    original = confirming.time_stamp.request

    def note(text: bytes, nonce: int) -> bytes:
        request["asked"] = original(text, nonce)
        return request["asked"]

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(confirming.time_stamp, "request", note)
        stamped.server.answers = [wrong]
        stamped.confirmer.step()
    assert stamped.kept() == []
    assert "its clock differs" in stamped.told[0]


def test_a_token_that_the_operator_s_roots_do_not_show_is_not_kept(stamped: Stamping) -> None:
    (stamped.gw.folder / "tsa.pem").write_bytes(new_root("Another").pem())
    stamped.confirmer.step()
    assert stamped.kept() == []
    assert "no root that was given" in stamped.told[0]


@each("content", [None, b"no certificates"])
def test_roots_that_cannot_be_read_stop_nothing(content: bytes | None, stamped: Stamping) -> None:
    file = stamped.gw.folder / "tsa.pem"
    file.unlink(missing_ok=True)
    if content is not None:
        file.write_bytes(content)
    stamped.told.clear()
    stamped.later(HOUR)
    assert len(stamped.told) == 1


def test_an_authority_that_drips_is_not_waited_for(
    stamped: Stamping, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(confirming, "SECONDS", 0.3)
    ended = threading.Event()

    def drip(handler: Any) -> None:
        while not ended.wait(0.05):
            handler.wfile.write(b"H")

    stamped.server.answers = [drip]
    stamped.confirmer.step()
    ended.set()
    assert len(stamped.told) == 1


def test_an_authority_that_is_away_is_told_of(stamped: Stamping) -> None:
    with socket.socket() as away:
        away.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{away.getsockname()[1]}/"
        with pytest.raises(ValueError, match=r"^ConnectError$"):
            confirming.ask(url, b"", "text/plain")


def test_one_of_two_that_fails_does_not_stop_the_other(tmp_path: Path) -> None:
    gw, clock, told = operator(tmp_path), Clock(), list[str]()
    add(gw, "http://127.0.0.1:9/tsr", AUTHORITY.root.pem())
    with serving(AUTHORITY, clock) as server:
        add(gw, server.url, AUTHORITY.root.pem())
        with gw.opened(clock) as gateway:
            Confirmer(gateway, told.append).step()
            with gateway.ports.begin(TransactionMode.READ) as work:
                (kept,) = work.confirmations.of(ConfirmationKind.STAMP)
                assert confirming.late(gateway.config, work, clock()) == [
                    (ConfirmationKind.STAMP, "127.0.0.1:9")
                ]
    assert kept.by == server.url.split("/")[2]
    assert len(told) == 1


def test_a_gateway_without_authorities_asks_nobody(tmp_path: Path) -> None:
    with operator(tmp_path).opened(Clock()) as gateway:
        Confirmer(gateway, lambda _: None).run()  # ends at once


def test_nobody_is_asked_once_the_process_stops(stamped: Stamping) -> None:
    stamped.confirmer.stopping.set()
    stamped.confirmer.step()
    assert (stamped.server.heard, stamped.told) == ([], [])
    stamped.confirmer.stopping.clear()
    stamped.confirmer.step()
    assert len(stamped.server.heard) == 1


def test_delivery_has_the_log_stamped_until_it_stops(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(confirming, "LOOK_EVERY", 0.01)
    gw, told = operator(tmp_path), list[str]()
    with serving(AUTHORITY, Clock()) as server:
        add(gw, server.url, AUTHORITY.root.pem())
        delivery.run(gw.config, lambda _: server.heard or time.sleep(0.01), told.append)
    with gw.opened(Clock()) as gateway, gateway.ports.begin(TransactionMode.READ) as work:
        assert work.confirmations.of(ConfirmationKind.STAMP)
    assert told == []
