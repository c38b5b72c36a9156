"""The gateway says who it is, and who asks."""

import pytest

from gateway.client import UnexpectedAnswer
from tests.client.client_fixture import MemberClient, answer
from tests.founding import HOTLINE


def test_the_gateway_says_who_it_is_and_who_asks(stage):
    desk = MemberClient(stage)
    assert desk.greet() is None, "no server adds a Date header here"
    told = desk.whoami()
    assert told["organisation"]["organisation"] == HOTLINE
    assert "cases.write" in told["scopes"]


def test_another_gateway_at_the_address_is_refused(stage):
    for change in ({"resource": "https://elsewhere.example"}, {"authorization_servers": []}):
        desk = MemberClient(stage)
        desk.wire.tamper = lambda request, members, change=change: members | change
        with pytest.raises(UnexpectedAnswer, match="not the one of the connection file"):
            desk.greet()


def test_another_listener_at_the_address_is_told_so_too(stage):
    desk = MemberClient(stage)
    desk.wire.faults = [answer(404)]
    with pytest.raises(UnexpectedAnswer, match="check its addresses"):
        desk.greet()
