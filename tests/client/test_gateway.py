"""The gateway says who it is, and who asks."""

from uuid import UUID

import pytest

from gateway.client import EvidenceMismatch, UnexpectedAnswer, UnknownReference
from gateway.registry import keys as registry_keys
from gateway.verification import gateway_keys
from tests.client.client_fixture import MemberClient, answer, connection_of, trust_of
from tests.client.scenario import offer, submit
from tests.founded_gateway import HOTLINE, OFMIN, Founded
from tests.ports import ORIGIN
from tests.verification.logbook import Logbook


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


# --- The keys that follow those of the connection ---


def change_log_key(gateway: Founded, key: str) -> None:
    """The log signs with another key: it was published under the one before, which is withdrawn."""
    signer = Logbook(ORIGIN, key).signer
    new = {"purpose": "log", "key": key, "public": signer.vkey}
    registry_keys.publish_keys(gateway.ports, [new])
    registry_keys.withdraw_key(gateway.ports, "log", f"before {key}")
    gateway.checkpoint_signer.signer = signer


def test_a_client_that_was_away_follows_the_log_through_two_changes_of_its_key(stage, tmp_path):
    file, connection = tmp_path / "key-events.json", connection_of(stage)
    for key in ("second", "third"):
        change_log_key(stage.gateway, key)
    desk = MemberClient(stage, trust=connection.trust, key_events=file)
    assert submit(desk, stage)
    assert desk.wire.paths().count("/log/keys") == 1, "it is asked for once"
    keys = gateway_keys.learn(connection.trust, file.read_bytes()).log_keys
    assert [str(one) for one in keys[1:]] == [
        Logbook(ORIGIN, key).signer.vkey for key in ("second", "third")
    ]
    assert connection.log_key == keys[0], "what was pinned stays"


def test_a_key_that_no_known_one_signed_is_believed_by_nobody(stage, tmp_path):
    trust = trust_of(stage.gateway)
    stage.gateway.checkpoint_signer.signer = Logbook(ORIGIN, "stranger").signer
    new = {"purpose": "log", "key": "x", "public": Logbook(ORIGIN, "stranger").signer.vkey}
    registry_keys.publish_keys(stage.gateway.ports, [new])
    desk = MemberClient(stage, trust=trust, key_events=tmp_path / "key-events.json")
    with pytest.raises(EvidenceMismatch, match="no known key has signed"):
        submit(desk, stage)
    assert not (tmp_path / "key-events.json").exists()


def test_where_the_file_cannot_be_kept_the_write_stands_all_the_same(stage, tmp_path):
    trust = trust_of(stage.gateway)
    change_log_key(stage.gateway, "second")
    desk = MemberClient(stage, trust=trust, key_events=tmp_path / "nowhere" / "file" / "key.json")
    (tmp_path / "nowhere").write_text("a file, and no folder")
    assert submit(desk, stage)


def test_a_case_or_handoff_is_found_by_the_end_of_its_id_or_by_ones_own_reference(stage):
    hotline, office = MemberClient(stage), MemberClient(stage, OFMIN)
    handoff = UUID(str(offer(hotline, stage)))
    (case,) = hotline.cases()
    for name in (handoff.hex[-6:], str(handoff)[-13:].upper()):
        assert office.find("handoff", name) == hotline.find("handoff", name) == handoff
    assert hotline.find("handoff", case["originator_ref"]) == handoff
    for name in (case["originator_ref"], case["case"][-8:]):
        assert str(hotline.find("case", name)) == case["case"]
    for name in (handoff.hex[-5:], "1" + handoff.hex[-6:], case["case"][-8:], "HA-9"):
        with pytest.raises(UnknownReference, match="six digits or more"):
            office.find("handoff", name)


def test_a_name_of_several_names_none_and_lists_them(stage):
    hotline = MemberClient(stage)
    first, second = (UUID(str(offer(hotline, stage))) for _ in range(2))
    twin = UUID(int=first.int + (1 << 80))
    (case, *_) = hotline.cases()
    offer(hotline, stage, case=case["case"], handoff=twin, again="lost")
    with pytest.raises(UnknownReference, match="names 2 handoffs") as several:
        hotline.find("handoff", first.hex[-8:])
    assert {one["handoff"] for one in several.value.candidates} == {str(first), str(twin)}
    assert hotline.find("handoff", second.hex[-8:]) == second
