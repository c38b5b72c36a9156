"""What is sent to a peer gateway is heard in order, goes back only where the peer says so, and
waits no longer than the peer is away."""

import random
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast
from uuid import UUID

import pytest

from gateway import relaying
from gateway.client.errors import GatewayUnavailable
from gateway.client.transport import HttpResponse
from gateway.domain.handoff import HandoffState, RecallCode
from gateway.domain.notification import LEASE, Cursor, DeliveryWay
from gateway.evidence import canonical
from gateway.exchange.handoffs import recalls
from gateway.exchange.handoffs.recalls import RecallRequest
from gateway.kernel.ports import TransactionMode
from gateway.relaying import PeerLine, PeerRelay
from tests import answers
from tests.casework import accepted, offered
from tests.each import each
from tests.exchange.relay.two_gateways import (
    BE,
    BE_HOTLINE,
    BE_HOTLINE_THERE,
    BE_ORIGIN,
    FR,
    OFMIN_THERE,
    TwoGateways,
    released,
    two_gateways,
)
from tests.founded_gateway import OFMIN
from tests.log_check import check_log
from tests.ports import START

WAY = DeliveryWay.RELAY


class Killed(BaseException):
    """The process ends here."""


@dataclass
class Courier:
    """Stands in for the line to a peer: it breaks after so many events."""

    two: TwoGateways
    breaks_after: int = 1000
    pass_point: Callable[[], None] = lambda: None
    heard: list[str] = field(default_factory=list)

    def answered(self) -> None:
        if self.breaks_after < 1:
            raise GatewayUnavailable("no answer", reached=False)

    def deliver(self, key: str, body: Any) -> tuple[int, dict[str, Any]]:
        self.answered()
        self.breaks_after -= 1
        self.heard.append(key)
        self.pass_point()
        answer = self.two.post(BE, body)
        self.pass_point()
        return answer

    def close(self) -> None:
        """Close nothing."""


@dataclass
class Runtime:
    """The parts of a running gateway that its sender uses."""

    ports: Any
    store: Any
    config: Path = field(default_factory=Path)
    counts: None = None


@dataclass
class MortalPorts:
    """Ports of a process that may be killed before and after each of its commits."""

    ports: Any
    pass_point: Callable[[], None]

    def __getattr__(self, name: str) -> Any:
        return getattr(self.ports, name)

    @contextmanager
    def begin(self, mode: TransactionMode, *key: Any) -> Iterator[Any]:
        with self.ports.begin(mode, *key) as work:
            commit = work.commit

            def commit_between() -> None:
                self.pass_point()
                commit()
                self.pass_point()

            with pytest.MonkeyPatch.context() as patched:
                patched.setattr(work, "commit", commit_between)
                yield work


class Relay(PeerRelay):
    """A sender whose line is a courier's; the peer tells nothing new of its members."""

    courier: Courier

    def _opened(self) -> PeerLine:
        return cast("PeerLine", self.courier)

    def _have_cosigned(self, line: PeerLine, note: str) -> None:
        """The courier has the peer cosign what it brings."""

    def follow(self) -> None:
        self.courier.answered()

    def confirm(self) -> None:
        self.courier.answered()


class Asking(PeerRelay):
    """A sender whose peer answers one thing about its members."""

    reply: HttpResponse

    def _opened(self) -> PeerLine:
        return cast("PeerLine", SimpleNamespace(ask=lambda _, **__: self.reply))


def answering(events: Any) -> HttpResponse:
    """The answer of a peer that shows no member, and knows some events."""
    body = canonical.encode({"members": [], "events": events})
    return HttpResponse(200, {}, body)


@dataclass
class Sending:
    """A gateway that sends its peer what concerns a member there."""

    two: TwoGateways = field(default_factory=two_gateways)
    told: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.courier = Courier(self.two)
        self.begin()

    def begin(self) -> None:
        """Send with nothing remembered, as after a start."""
        runtime = cast("Any", Runtime(self.two.be.ports, self.two.be.store))
        self.relay = Relay(runtime, FR, self.told.append, threading.Event())
        self.relay.courier = self.courier

    def offer(self) -> UUID:
        written = offered(self.two.be, released(self.two), originator=BE_HOTLINE)
        return UUID(written.result["handoff"])

    def killed_at(self, point: int) -> bool:
        """Send, and be killed at a point: a commit, or a delivery, before it or after it; whether
        it came so far."""
        points = iter(range(1000))

        def pass_point() -> None:
            if next(points) >= point:  # nothing that follows is done either
                raise Killed

        self.begin()
        self.courier.pass_point = pass_point
        self.relay.gateway.ports = cast("Any", MortalPorts(self.two.be.ports, pass_point))
        try:
            self.relay.step()
        except Killed:
            return True
        else:
            return False
        finally:
            self.courier.pass_point = lambda: None
            self.begin()

    def step(self, later: timedelta = timedelta(0)) -> None:
        for one in (self.two.be, self.two.fr):
            one.clock.advance(later)
        self.relay.step()

    def cursor(self, *changed: Cursor) -> Cursor:
        with self.two.be.ports.begin(TransactionMode.WRITE) as work:
            found = work.notifications.cursor(OFMIN_THERE, WAY)
            for one in changed:
                work.notifications.save(one)
            work.commit()
        return found

    def waiting(self) -> int:
        with self.two.be.ports.begin(TransactionMode.READ) as work:
            return sum(one.lag for one in relaying.states_of(work, FR))

    def fail(self, times: int) -> None:
        """Let attempts fail, each after the pause before it."""
        for _ in range(times):
            self.courier.breaks_after = 0
            self.step(timedelta(hours=1))


def test_which_events_a_peer_knows_is_kept_as_it_answers_and_nothing_that_is_no_event(monkeypatch):
    monkeypatch.setattr(relaying.remote_members, "record", lambda *_: ())
    fr = two_gateways().fr
    mark = SimpleNamespace(read=lambda: SimpleNamespace(head=SimpleNamespace(size=7)))
    ports = replace(fr.ports, witnessed=cast("Any", lambda _: mark))
    relay = Asking(cast("Any", Runtime(ports, fr.store)), BE, list[str]().append)

    def known() -> frozenset[str]:
        with fr.ports.begin(TransactionMode.READ) as work:
            return work.relay.events_told(BE_ORIGIN)

    words = ["<b>", 7, "call.evil.example.com", "handoff.a.b", f"case.{'x' * 41}"]
    many = sorted(f"handoff.{one}{other}" for one in "abcdefghijk" for other in "abcdefghijk")
    for told in (["handoff.closed"], ["handoff.closed", "case.later"], None, many):
        relay.reply = answering(told and [*words, *told])
        relay.follow()
        assert known() == {*(told or ())[:100]}
    relay.reply = HttpResponse(304, {}, b"")
    relay.follow()


def test_a_peer_that_is_back_is_sent_what_waits_at_once() -> None:
    sending = Sending()
    sending.offer()
    sending.fail(12)
    assert sending.cursor().failures == 12
    sending.courier.breaks_after = 1000
    sending.step(relaying.MEMBERS_EVERY)
    assert sending.waiting() == 0


def test_a_sender_that_began_while_the_peer_was_away_is_not_held_up_by_pauses_before() -> None:
    sending = Sending()
    sending.offer()
    sending.fail(12)
    sending.begin()
    sending.courier.breaks_after = 1000
    sending.step()
    assert sending.waiting() == 0


def test_a_line_that_breaks_after_some_events_has_short_pauses() -> None:
    sending = Sending()
    sending.step()
    sending.offer()
    sending.offer()
    sending.cursor(replace(sending.cursor(), failures=12))
    sending.courier.breaks_after = 1
    sending.step()
    assert len(sending.courier.heard) == 1
    assert sending.cursor().failures == 1


def test_a_peer_that_lost_what_it_heard_gets_it_again() -> None:
    sending = Sending()
    sending.offer()
    ahead = replace(sending.cursor(), acknowledged=1)
    sending.cursor(ahead)
    sending.step()
    sending.step()
    assert sending.waiting() == 0


def test_a_sender_killed_around_any_commit_and_delivery_loses_and_doubles_nothing() -> None:
    sending, handoffs = Sending(), list[UUID]()
    handoffs.append(sending.offer())
    while sending.killed_at(len(handoffs) - 1):
        sending.step(LEASE)
        assert sending.waiting() == 0
        handoffs.append(sending.offer())
    assert len(handoffs) > 8, "its four commits and deliveries, before and after"
    sending.two.exchange()
    for handoff in handoffs:
        assert sending.two.be.handoff(handoff).state is HandoffState.OFFERED
        assert sending.two.fr.handoff(handoff).state is HandoffState.OFFERED
    events = sending.two.fr.types(BE_HOTLINE_THERE)
    assert events.count("handoff.offered") == len(handoffs)
    check_log(sending.two.be)
    check_log(sending.two.fr)


def test_nothing_is_sent_while_another_process_sends() -> None:
    sending = Sending()
    sending.offer()
    sending.cursor(sending.cursor().lease(sending.two.be.ports.now()))
    sending.step()
    assert not sending.courier.heard
    sending.step(LEASE)
    assert sending.waiting() == 0


def test_what_fails_is_told_once_and_that_it_goes_on_once() -> None:
    sending = Sending()
    sending.offer()
    sending.fail(3)
    sending.courier.breaks_after = 1000
    sending.step(timedelta(hours=1))
    events = [one for one in sending.told if one.startswith("events")]
    assert [one.rpartition("gateway fr: ")[2] for one in events] == [
        "no answer; nothing was sent: repeat the command later, or ask the gateway's operator; "
        "it is tried again",
        "it goes on",
    ]


@dataclass
class BadLine(Courier):
    """A line that is bad to the very end: of ten requests one is answered, the others are lost, or
    their answers are."""

    sender: str = BE
    chance: random.Random = field(default_factory=random.Random)

    def answered(self) -> None:
        if self.chance.random() > ANSWERED:
            raise GatewayUnavailable("no answer", reached=False)

    def deliver(self, key: str, body: Any) -> tuple[int, dict[str, Any]]:
        lost = self.chance.random() > ANSWERED
        if lost and self.chance.random() < 0.5:
            raise GatewayUnavailable("no answer", reached=False)
        answer = self.two.post(self.sender, body)
        if lost:
            raise GatewayUnavailable("no answer")
        return answer


ANSWERED = 0.1
"""Of all requests."""


@dataclass
class BadLines:
    """Two gateways whose senders run, with such a line each; their clocks go on to whatever is due
    next."""

    seed: int
    two: TwoGateways = field(default_factory=two_gateways)

    def __post_init__(self) -> None:
        chance, self.relays = random.Random(self.seed), list[Relay]()
        for here, peer, name in ((self.two.be, FR, BE), (self.two.fr, BE, FR)):
            runtime = cast("Any", Runtime(here.ports, here.store))
            relay = Relay(runtime, peer, lambda _: None, threading.Event())
            relay.courier = BadLine(self.two, sender=name, chance=chance)
            self.relays.append(relay)

    def settle(self) -> timedelta:
        """Send until nothing waits at either; how long that took."""
        began = self.two.be.clock()
        while waiting := [one for relay in self.relays for one in self.waiting(relay)]:
            for relay in self.relays:
                relay.step()
            self.advance([one.next_at for one in waiting])
        return self.two.be.clock() - began

    def waiting(self, relay: Relay) -> Iterator[Cursor]:
        with relay.gateway.ports.begin(TransactionMode.READ) as work:
            for one in work.organisations.members_of(relay.peer):
                cursor = work.notifications.cursor(one.slug, WAY)
                if work.log.last_number(one.slug) > cursor.acknowledged:
                    yield cursor

    def advance(self, due: list[datetime | None]) -> None:
        """Let time pass until something is due."""
        now, asked = self.two.be.clock(), [one._members_at for one in self.relays]
        pauses = [one - now for one in (*due, *asked) if one and one > now]
        for gateway in (self.two.be, self.two.fr):
            gateway.clock.advance(min(pauses, default=timedelta(seconds=relaying.LOOK_EVERY)))


@pytest.mark.slow
@each("seed", range(20))
def test_over_a_line_that_is_bad_to_the_end_a_whole_course_settles_in_a_day(seed: int) -> None:
    lines = BadLines(seed)
    be, fr = lines.two.be, lines.two.fr
    case = released(lines.two)
    offer = offered(be, case, originator=BE_HOTLINE)
    took = lines.settle()
    handoff = accepted(fr, offer, recipient=OFMIN)
    took += lines.settle()
    wanted = RecallRequest("liaison-1", RecallCode.UNLAWFUL, "why", approved_by="approver-1")
    be.act(BE_HOTLINE, recalls.of_case, UUID(case.result["case"]), wanted)
    took += lines.settle()
    fr.answer(OFMIN, answers.answer_recall, handoff, done="copies_erased")
    took += lines.settle()
    here, there = be.handoff(handoff), fr.handoff(handoff)
    assert (here.state, here.sequence) == (there.state, there.sequence)
    assert here.recall_answer == there.recall_answer == "copies_erased"
    for one in (be, fr):
        check_log(one)
    print(f"it took {took}")
    assert took < timedelta(days=1)


def settled(answered: float, events: int, chance: random.Random) -> timedelta:
    """How long a stream of so many events takes over a line on which this part of the requests is
    answered, by the sender's pauses; a request that is lost costs no time beside them."""
    now = asked = START
    cursor, away, heard = Cursor(OFMIN_THERE, WAY), True, 0
    while heard < events:
        if now >= asked:
            asked, was = now + relaying.MEMBERS_EVERY, away
            away = chance.random() > answered
            cursor = cursor.succeed() if was and not away else cursor
        if cursor.is_due(now):
            before = heard
            while heard < events and chance.random() <= answered:
                heard += 1
            cursor = (cursor.succeed() if heard > before else cursor).fail(now, chance.random())
        now = min(asked, cursor.next_at or asked)
    return now - START


@each("answered, minutes, at_most", [
    (0.9, 1, 5), (0.5, 1, 10), (0.2, 10, 60), (0.1, 60, 240), (0.05, 240, 720),
])  # fmt: skip
def test_ten_events_cross_a_line_that_is_bad_to_the_end_in_the_time_that_is_stated(
    answered: float, minutes: int, at_most: int
) -> None:
    chance = random.Random(answered)
    took = sorted(settled(answered, 10, chance) for _ in range(50))
    assert took[25] < timedelta(minutes=minutes)
    assert took[-1] < timedelta(minutes=at_most)
