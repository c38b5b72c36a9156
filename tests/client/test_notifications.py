"""Notifications at a member's desk: verified, acknowledged once they were worked on."""

from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import pytest

from gateway.client import (
    EvidenceMismatch,
    GatewayUnavailable,
    RequestRefused,
    SettingsError,
    UnexpectedAnswer,
)
from gateway.client.notifications import REMEMBERED, SeenNotifications
from gateway.keys import KeyPurpose, generate_key, jwk_set
from tests.client.client_fixture import MemberClient, cut
from tests.client.scenario import accepted, disbelieved, offer
from tests.each import each
from tests.founding import HOTLINE, OFMIN
from tests.web.listening import Listening


@pytest.fixture
def office(stage: Listening) -> MemberClient:
    """The desk of an office that has heard of all there was before an offer to it."""
    desk = MemberClient(stage, OFMIN)
    while page := desk.poll_notifications().notifications:
        desk.poll_notifications(most=0, acknowledge=page)
    offer(MemberClient(stage), stage)
    return desk


def test_the_notifications_of_a_desk_are_those_of_its_stream(stage: Listening) -> None:
    _, office, handoff = accepted(stage)
    page = office.poll_notifications()
    told = [(one.stream_number, one.event) for one in page.notifications]
    assert told == [(one.stream_number, one.event) for one in office.events()]
    assert not page.more
    assert str(page.notifications[-1].handoff) == handoff


def test_one_is_acknowledged_when_the_next_is_asked_for(
    stage: Listening, office: MemberClient
) -> None:
    accepted(stage)
    coming = office.notifications()
    told = [next(coming), next(coming)]
    coming.close()
    left = office.poll_notifications().notifications
    assert left[0] == told[1], "the last one was not worked on"
    types = [one.type for one in (told[0], *left)]
    assert types == ["handoff.offered", "handoff.offered", "handoff.accepted"]


def test_a_repetition_is_passed_over_and_acknowledged_again(
    stage: Listening, office: MemberClient
) -> None:
    coming = office.notifications()
    first = next(coming)
    # Another system of the office has it sent again meanwhile.
    office.poll_notifications(refuse={first: ("invalid_key", "")})
    office.replay_notification(first.event, "analyst-1")
    office.poll_notifications(refuse={})
    assert next(coming).type == "notification.replayed"
    coming.close()
    assert office.notification_status()["refused"] == []


def test_what_was_worked_on_is_passed_over_after_a_restart_though_it_was_not_acknowledged(
    stage: Listening, office: MemberClient, tmp_path: Path
) -> None:
    file = tmp_path / "newest.notifications"
    first = MemberClient(stage, OFMIN, notifications_file=file)
    coming = first.notifications()
    worked_on = next(coming)
    first.wire.faults += [cut] * 20  # it stops before it can acknowledge
    with pytest.raises(GatewayUnavailable):
        next(coming)
    accepted(stage)
    again = MemberClient(stage, OFMIN, notifications_file=file)
    assert again.poll_notifications().notifications[0] == worked_on, "it comes again"
    assert next(again.notifications()) != worked_on


def test_what_is_remembered_is_bounded(tmp_path: Path) -> None:
    file = tmp_path / "newest.notifications"
    file.write_text("".join(f"{UUID(int=one)}\n" for one in range(REMEMBERED)))
    seen = SeenNotifications(file)
    seen.add(UUID(int=REMEMBERED))
    assert UUID(int=0) not in seen
    assert UUID(int=REMEMBERED) in SeenNotifications(file)
    assert len(file.read_text().split()) == REMEMBERED


@pytest.mark.parametrize("content", [b"no list", b"\xff"])
def test_a_file_of_something_else_is_not_overwritten(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "newest.notifications"
    file.write_bytes(content)
    with pytest.raises(SettingsError):
        SeenNotifications(file)
    assert file.read_bytes() == content


def test_a_lost_connection_at_the_end_loses_nothing(office: MemberClient) -> None:
    coming = office.notifications()
    waiting = next(coming)
    office.wire.faults += [cut] * 9
    coming.close()
    office.wire.faults.clear()
    assert office.poll_notifications().notifications == [waiting]


def test_refused_ones_are_shown_and_come_again_when_asked_for(
    stage: Listening, office: MemberClient
) -> None:
    (told,) = office.poll_notifications().notifications
    office.poll_notifications(refuse={told: ("invalid_key", "which key?")})
    (kept,) = office.notification_status()["refused"]
    assert (kept["event"], kept["error"]) == (str(told.event), "invalid_key")
    office.replay_notification(told.event, "analyst-1")
    assert office.poll_notifications().notifications[0] == told
    with pytest.raises(RequestRefused):
        office.replay_notification(stage.gateway.new_id(), "analyst-1")


def swap(members: dict[str, Any]) -> None:
    """The token of another organisation, which the gateway signed too."""
    (jti,) = members["sets"]
    members["sets"] = {jti.replace(OFMIN, HOTLINE): members["sets"][jti]}


def spoil(members: dict[str, Any]) -> None:
    for jti, text in members["sets"].items():
        members["sets"][jti] = text[:-6] + "AAAAAA"


@each("tamper", [swap, spoil])
def test_what_the_gateway_did_not_sign_so_is_no_notification(office: MemberClient, tamper) -> None:
    disbelieved(office, tamper, office.poll_notifications, "notification")


def test_a_key_that_is_new_is_asked_for_and_one_that_is_not_shown_is_refused(
    stage: Listening, office: MemberClient
) -> None:
    others = jwk_set([generate_key(KeyPurpose.NOTIFICATION)])

    def withhold(request: httpx.Request, members: dict[str, Any]) -> Any:
        return others if request.url.path == "/keys/notification" else None

    office._notification_keys = {}
    office.wire.tamper = withhold
    with pytest.raises(EvidenceMismatch):
        office.poll_notifications()
    office.wire.tamper = None
    assert office.poll_notifications().notifications


@each("members", [{"sets": []}, {}, {"sets": {}, "moreAvailable": 1}])
def test_an_answer_without_notifications_is_none(office: MemberClient, members: Any) -> None:
    office.wire.tamper = lambda request, answer: answer.clear() or members or {"x": 1}
    with pytest.raises(UnexpectedAnswer):
        office.poll_notifications()


def test_keys_that_cannot_be_read_are_none(office: MemberClient) -> None:
    office._notification_keys = None
    office.wire.tamper = lambda request, members: {"keys": "none"} if "keys" in members else None
    with pytest.raises(UnexpectedAnswer):
        office.poll_notifications()


def test_a_gateway_that_is_away_is_told(office: MemberClient) -> None:
    office.wire.faults += [cut] * 5
    with pytest.raises(GatewayUnavailable):
        office.poll_notifications()
