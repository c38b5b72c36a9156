"""`casegate notification`: events are seen when they happen; none is acknowledged unseen."""

import json

import pytest

from tests.cli.desks import Desks
from tests.client.client_fixture import MemberClient
from tests.founding import OFMIN


@pytest.fixture
def handoff(desks: Desks) -> str:
    """A handoff to an office that has heard of all there was before it."""
    desks.done("notification", "poll", at=OFMIN)
    return desks.offered()


def test_what_waits_is_listed_and_acknowledged_unless_it_is_kept(
    desks: Desks, handoff: str
) -> None:
    for _ in range(2):
        assert handoff in desks.done("notification", "poll", "--keep", at=OFMIN)
    (told,) = desks.told("notification", "poll", at=OFMIN)["items"]
    assert (told["handoff"], told["type"]) == (handoff, "handoff.offered")
    assert desks.told("notification", "poll", at=OFMIN)["items"] == []


def test_a_watch_prints_a_line_for_each_until_it_is_stopped(
    desks: Desks, handoff: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    poll, asked = MemberClient.poll_notifications, []

    def interrupted(desk: MemberClient, **given: object) -> object:
        asked.append(given)
        if len(asked) == 2:
            raise KeyboardInterrupt
        return poll(desk, **given)

    monkeypatch.setattr(MemberClient, "poll_notifications", interrupted)
    output = desks.done("notification", "watch", "--json", at=OFMIN)
    assert json.loads(output)["handoff"] == handoff
    assert asked[0]["wait"]
    assert desks.told("notification", "poll", at=OFMIN)["items"] == [], "it was printed"


def test_the_status_tells_what_was_refused_and_a_replay_brings_it_again(
    desks: Desks, handoff: str
) -> None:
    office = MemberClient(desks.stage, OFMIN)
    (told,) = office.poll_notifications().notifications
    office.poll_notifications(refuse={told: ("invalid_key", "which key?")})
    output = desks.done("notification", "status", at=OFMIN)
    assert f"{told.event}  invalid_key which key?" in output
    by = ("--by", "analyst-1")
    desks.done("notification", "replay", str(told.event), *by, at=OFMIN)
    assert desks.told("notification", "status", at=OFMIN)["refused"][0]["replay"]
    first, _replayed = desks.told("notification", "poll", at=OFMIN)["items"]
    assert first["event"] == str(told.event)
