"""Witnesses cosign the log as it grows; one that fails, or saw another log, stops nothing."""

import gzip
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from gateway import confirming, delivery
from gateway.kernel.ports import TransactionMode
from gateway.kernel.values import ConfirmationKind
from gateway.ledger import cosignature, note
from gateway.ledger.cosignature import Cosigner
from gateway.ledger.note import Checkpoint, NoteSigner
from gateway.ledger.witness import SIZE_MEDIA, Refused, add_checkpoint
from gateway.store.confirmations import _EARLIER
from gateway.wiring import load_log_signers
from tests.confirming.confirmed_log import ConfirmedLog
from tests.ledger.test_witness import Remembered
from tests.operating import Operator, operator
from tests.receiver import answer, hang_up
from tests.verification.logbook import witness

MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)
NAME = "witness.example/one"
pytestmark = pytest.mark.journey

Answer = Callable[[BaseHTTPRequestHandler], None]


@dataclass
class Witnessing(ConfirmedLog):
    """A gateway, and a witness that a server on this host is; ``answers`` are used up first."""

    kind: ConfirmationKind = ConfirmationKind.COSIGNATURE
    by: Cosigner = field(default_factory=lambda: witness(NAME))
    seen: Remembered = field(default_factory=Remembered)
    heard: list[str] = field(default_factory=list)
    answers: list[Answer] = field(default_factory=list)
    url: str = ""
    signer: NoteSigner = field(init=False)

    def hear(self, request: str) -> Answer:
        self.heard.append(request)
        if self.answers:
            return self.answers.pop(0)
        try:
            line = add_checkpoint(request, [self.signer.key], self.by, self.seen, self.clock())
        except Refused as refused:
            body = b"" if refused.size is None else f"{refused.size}\n".encode()
            return answer(refused.status, body, Content_Type=SIZE_MEDIA)
        return answer(200, line.encode())


@contextmanager
def serving(witnessed: Witnessing) -> Iterator[None]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            assert self.path == "/of/logs/add-checkpoint"
            length = int(self.headers["Content-Length"])
            witnessed.hear(self.rfile.read(length).decode())(self)

        def log_message(self, *_: Any) -> None: ...

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        witnessed.url = f"http://localhost:{server.server_port}/of/logs/"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield
        finally:
            server.shutdown()
            thread.join()


def add_to(folder: Path, witnessed: Witnessing) -> None:
    with (folder / "casegate.toml").open("a") as file:
        file.write(f'[[witness]]\nurl = "{witnessed.url}"\nkey = "{witnessed.by.key}"\n')


def add(gw: Operator, witnessed: Witnessing) -> None:
    add_to(gw.folder, witnessed)
    witnessed.signer = load_log_signers(gw.config)[0]


@pytest.fixture
def witnessed(tmp_path: Path) -> Iterator[Witnessing]:
    gw, made = operator(tmp_path), Witnessing()
    with serving(made):
        add(gw, made)
        with gw.opened(made.clock) as made.gateway:
            made.begin()
            yield made


def test_a_log_is_cosigned_as_it_grows_and_again_after_an_hour(witnessed: Witnessing) -> None:
    assert witnessed.late() == [NAME]
    witnessed.confirmer.step()
    (first,) = witnessed.kept()
    (line,) = cosignature.verify(first.note + first.data.decode(), [witnessed.by.key])
    assert (line.at, first.by, first.at) == (first.at, NAME, line.at)
    assert witnessed.heard[0].startswith("old 0\n\n")
    witnessed.later(HOUR / 2)
    assert len(witnessed.heard) == 1, "it did not grow"
    witnessed.grow()
    witnessed.later(MINUTE)
    assert [one.size for one in witnessed.kept()] == [first.size + 1]
    assert witnessed.heard[1].startswith(f"old {first.size}\n")
    witnessed.grow()
    witnessed.later(MINUTE / 2)
    assert len(witnessed.heard) == 2, "its minute is not over"
    witnessed.later(MINUTE)
    witnessed.later(HOUR * 1.1)
    assert len(witnessed.heard) == 4, "it saw nothing else, an hour later"
    assert witnessed.kept()[0].at > first.at + HOUR
    assert (witnessed.told, witnessed.late()) == ([], [])


def test_a_gateway_that_forgot_what_was_cosigned_hears_it_from_the_witness(
    witnessed: Witnessing,
) -> None:
    witnessed.confirmer.step()
    with witnessed.gateway.ports.begin(TransactionMode.WRITE) as work:
        work.confirmations._write(_EARLIER, {"kind": ConfirmationKind.COSIGNATURE, "by": NAME})
        work.commit()
    witnessed.grow()
    witnessed.later(2 * MINUTE)
    assert [one.partition("\n")[0] for one in witnessed.heard[1:]] == [
        "old 0",
        f"old {witnessed.kept()[0].size - 1}",
    ]
    assert witnessed.told == []


@pytest.mark.parametrize("size", [1, 10_000])
def test_a_witness_that_saw_another_log_is_an_alarm(witnessed: Witnessing, size: int) -> None:
    other = Checkpoint(witnessed.signer.name, size, bytes(32))
    seen = note.sign_checkpoint(other, witnessed.signer)
    witnessed.seen.newest_of[other.origin] = seen
    witnessed.confirmer.step()
    (told,) = witnessed.told
    assert ("another history" if size == 1 else "it saw 10000 entries") in told
    assert witnessed.kept() == []


@pytest.mark.parametrize(
    ("failing", "reason"),
    [
        (answer(503), "it answers 503"),
        (answer(409), "another history"),
        (answer(409, b"many", Content_Type=SIZE_MEDIA), "not a plain decimal"),
        (answer(200, b""), "without a valid line"),
        (answer(200, b"no line"), "no signature lines"),
        (answer(200, b"\xff"), "utf-8"),
        (answer(200, b"x" * 70_000), "its answer is too long"),
        (answer(200, gzip.compress(b"x"), Content_Encoding="gzip"), "utf-8"),  # unpacked by nobody
        (hang_up, "RemoteProtocolError"),
    ],
)
def test_a_witness_that_fails_is_asked_again_and_stops_nothing(
    witnessed: Witnessing, failing: Answer, reason: str
) -> None:
    witnessed.answers += [failing, failing]
    witnessed.confirmer.step()
    witnessed.later(6 * MINUTE)
    (told,) = witnessed.told
    assert (reason in told, f"cosignature of {NAME}" in told) == (True, True), told
    assert (witnessed.kept(), witnessed.late()) == ([], [NAME])
    witnessed.later(6 * MINUTE)
    assert (len(witnessed.kept()), witnessed.late()) == (1, [])


@pytest.mark.parametrize("after", [-HOUR, HOUR])
def test_a_line_of_another_time_or_of_another_witness_is_not_kept(
    witnessed: Witnessing, after: timedelta
) -> None:
    def wrong(handler: BaseHTTPRequestHandler) -> None:
        text = note.split(witnessed.heard[-1].partition("\n\n")[2])[0]
        line = witnessed.by.cosign(text, witnessed.clock() + after)
        other = witness("other.example").cosign(text, witnessed.clock())
        answer(200, (line if after > timedelta(0) else other).encode())(handler)

    witnessed.answers.append(wrong)
    witnessed.confirmer.step()
    assert (witnessed.kept(), len(witnessed.told)) == ([], 1)


def test_a_line_over_more_than_the_checkpoint_is_not_kept(witnessed: Witnessing) -> None:
    """Kept, it would count for nothing in any file."""

    def longer(handler: BaseHTTPRequestHandler) -> None:
        text = witnessed.heard[-1].partition("\n\n")[2]
        answer(200, f"\n{witnessed.by.cosign(text, witnessed.clock())}".encode())(handler)

    witnessed.answers.append(longer)
    witnessed.confirmer.step()
    assert (witnessed.kept(), len(witnessed.told)) == ([], 1)


def test_delivery_has_the_log_cosigned_until_it_stops(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(confirming, "LOOK_EVERY", 0.01)
    gw, made = operator(tmp_path), Witnessing()
    with serving(made):
        add(gw, made)
        wait = threading.Event()
        delivery.run(gw.config, lambda _: made.heard or wait.wait(0.01), made.told.append)
    with gw.opened(made.clock) as made.gateway:
        assert made.kept()
    assert made.told == []
