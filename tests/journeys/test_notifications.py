"""Members hear of what happens: while they wait, at their receiver, and after deliver has died."""

import threading
from collections.abc import Iterator

import pytest
from pytest_socket import enable_socket

from gateway.cli.demo.environment import DemoEnvironment
from gateway.evidence.security_event import EventNotification
from tests.journeys.harness import (
    HOTLINE,
    OFMIN,
    admin,
    casegate,
    check_log,
    config_of,
    offered,
)
from tests.journeys.processes import kill_process, those_of
from tests.receiver import Receiver, hang_up, receiving, refuse
from tests.waiting import PATIENCE_SECONDS, until

pytestmark = [pytest.mark.journey, pytest.mark.xdist_group("gateway")]


@pytest.fixture(scope="module")
def pushed(direct: DemoEnvironment) -> Iterator[tuple[DemoEnvironment, Receiver]]:
    """The receiver to which the gateway sends OFMIN's notifications."""
    enable_socket()  # a fixture is set up before its test is let out
    with receiving(direct.folder, config_of(direct).published / "root.pem") as receiver:
        admin(direct, "notification", "set-push", OFMIN, "--address", receiver.address)
        yield direct, receiver
        admin(direct, "notification", "end-push", OFMIN, "--reason", "the test is over")


def head(stage: DemoEnvironment) -> int:
    with stage.client(OFMIN) as office:
        return int(office.notification_status()["head"])


def caught_up(stage: DemoEnvironment) -> bool:
    with stage.client(OFMIN) as office:
        told = office.notification_status()
    return bool(told["acknowledged"] == told["head"])


def first_times(numbers: list[int]) -> list[int]:
    return list(dict.fromkeys(numbers))


def test_who_waits_hears_of_an_offer_and_others_are_served_all_along(
    direct: DemoEnvironment,
) -> None:
    with direct.client(OFMIN) as office:
        while page := office.poll_notifications().notifications:
            office.poll_notifications(most=0, acknowledge=page)
    heard: list[EventNotification] = []

    def wait() -> None:
        with direct.client(OFMIN) as office:
            heard.extend(office.poll_notifications(wait=True).notifications)

    # More of them than the listener has threads.
    config = config_of(direct)
    waiting = [threading.Thread(target=wait) for _ in range(config.workers * config.threads + 4)]
    for one in waiting:
        one.start()
    handoff = offered(direct)
    for one in waiting:
        one.join(PATIENCE_SECONDS)
    assert {(one.type, str(one.handoff)) for one in heard} == {("handoff.offered", handoff)}
    assert len(heard) == len(waiting)


def test_a_receiver_gets_all_in_order_whatever_it_does_and_its_member_may_collect(
    pushed: tuple[DemoEnvironment, Receiver],
) -> None:
    stage, receiver = pushed
    until(lambda: caught_up(stage))
    before = head(stage)
    receiver.answers = [hang_up, refuse(), hang_up]
    handoffs = [offered(stage) for _ in range(3)]
    until(lambda: caught_up(stage))
    heard = [number for number in first_times(receiver.numbers()) if number > before]
    assert heard == [before + 2, before + 3], "one was refused"
    connection = stage.folder / OFMIN / "connection.toml"
    told = casegate("notification", "status", "--json", "-c", connection)
    (refused,) = told["refused"]
    assert refused["stream_number"] == before + 1
    by = ("--by", "analyst-1", "-c", connection)
    casegate("notification", "replay", refused["event"], *by)
    until(lambda: before + 1 in receiver.numbers())
    until(lambda: caught_up(stage))
    listed = admin(stage, "notification", "list", "--json")["items"]
    (line,) = [one for one in listed if one["organisation"] == OFMIN]
    assert (line["refused"], line["failures"]) == ([], 0)
    assert len(handoffs) == 3


@pytest.mark.slow
def test_deliver_killed_in_the_midst_of_a_turn_loses_nothing(
    pushed: tuple[DemoEnvironment, Receiver],
) -> None:
    """What it had sent comes again, by the same ids, once its lease is over."""
    stage, receiver = pushed
    until(lambda: caught_up(stage))
    before, taken = head(stage), len(receiver.taken)
    reached, ended = threading.Event(), threading.Event()

    def hang(_handler: object) -> None:
        reached.set()
        ended.wait(60)

    for _ in range(2):
        offered(stage)
    until(lambda: caught_up(stage))
    receiver.answers = [hang]
    offered(stage)
    assert reached.wait(PATIENCE_SECONDS)
    (pid,) = kill_process(stage, "deliver")
    ended.set()
    offered(stage)
    until(lambda: caught_up(stage))
    told = first_times(receiver.numbers()[taken:])
    assert told == [*range(before + 1, head(stage) + 1)]
    (restarted,) = those_of(stage, "deliver")
    assert restarted != pid
    with stage.client(HOTLINE) as hotline:
        assert hotline.poll_notifications(most=1).more
    check_log(stage)
