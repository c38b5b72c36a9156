"""How far notifications are acknowledged, and when a receiver that failed is tried again."""

from base64 import b64encode
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from gateway.domain.notification import (
    FIRST_PAUSE,
    LEASE,
    LONGEST_PAUSE,
    Cursor,
    DeliveryState,
    DeliveryWay,
    is_public,
    last_contiguous,
    push_address_fault,
)
from tests.each import each

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
CURSOR = Cursor("hotline", DeliveryWay.NOTIFICATION)


def test_what_is_acknowledged_ahead_of_a_gap_waits_for_it() -> None:
    assert last_contiguous(3, {4, 5, 7}) == 5
    assert last_contiguous(3, {5}) == 3
    assert last_contiguous(3, {1, 2}) == 3


def test_a_cursor_never_goes_back() -> None:
    assert CURSOR.advance(5).advance(2).acknowledged == 5


def test_pauses_double_from_a_second_to_an_hour_and_jitter_halves_them_at_most() -> None:
    failed, pauses = CURSOR, []
    for _ in range(15):
        failed = failed.fail(NOON, 0)
        assert failed.next_at is not None
        pauses.append(failed.next_at - NOON)
    assert pauses[:3] == [FIRST_PAUSE, FIRST_PAUSE * 2, FIRST_PAUSE * 4]
    assert pauses[-1] == LONGEST_PAUSE
    assert failed.failures == 15
    assert CURSOR.fail(NOON, 1).next_at == NOON + FIRST_PAUSE / 2


def test_a_receiver_is_due_unless_it_pauses_or_is_served_by_another() -> None:
    assert CURSOR.is_due(NOON)
    leased = CURSOR.lease(NOON)
    assert not leased.is_due(NOON)
    assert leased.is_due(NOON + LEASE), "who had the turn has died"
    assert leased.succeed().is_due(NOON)
    failed = leased.fail(NOON, 0)
    assert not failed.is_due(NOON)
    assert failed.is_due(NOON + timedelta(seconds=1))
    assert failed.succeed().failures == 0


def test_what_was_refused_is_sent_again_to_a_receiver_and_not_by_mail() -> None:
    at_head = CURSOR.advance(5)
    assert not DeliveryState(at_head, 5, refused=1, replays=0).pending
    assert DeliveryState(at_head, 5, refused=1, replays=1).pending
    assert DeliveryState(CURSOR, 5, refused=0, replays=0).pending
    by_mail = replace(at_head, way=DeliveryWay.MAIL)
    assert not DeliveryState(by_mail, 5, refused=1, replays=1).pending


@each(
    "address",
    [
        *("127.0.0.1", "10.0.0.1", "172.16.0.1", "192.168.1.1", "169.254.169.254", "0.0.0.1"),
        *("100.64.0.1", "224.0.0.1", "255.255.255.255", "::1", "::", "fe80::1%eth0", "fc00::1"),
        *("::ffff:10.0.0.1", "64:ff9b::a00:1", "2002:a00:1::", "2001:0:1::", "ff02::1"),
    ],
)
def test_no_address_leads_into_a_private_network(address: str) -> None:
    assert not is_public(address)


@each("address", ["93.184.215.14", "2606:2800:21f:cb07:6820:80da:af6b:8b2c"])
def test_public_addresses_may_be_called(address: str) -> None:
    assert is_public(address)


PICTURE = bytes.fromhex("ffd8ffe000104a46494600010100000100010000ffdb0043") + bytes(range(200))


@each(
    "address",
    [
        *("https://127.0.0.1/", "https://[::1]/", "https://169.254.169.254/", "https://10.1.2.3/"),
        *("https://[::ffff:10.0.0.1]/", "https://2130706433/", "https://0x7f.1/", "https://127.1/"),
        *(
            "https://0177.0.0.1/",
            "https://./",
            "https://receiver.example:0/",
            "https://a.example:99999/",
        ),
        *(
            "https://a.example/%0d%0aX",
            "https://a.example/%3Csvg%20onload=x%3E",
            "https://a..example/",
        ),
        "https://a.example/?p=data:image/png;base64,iVBORw0KGgo",
        "https://a.example/?p=" + b64encode(PICTURE).decode(),
        "https://a.example/?p=" + PICTURE.hex(),
        "https://a.example/?p=" + PICTURE[24:].hex(),
        "https://a.example/" + "a" * 500,
    ],
)
def test_an_address_that_cannot_work_or_carries_a_file_is_refused(
    address: str,
) -> None:
    assert push_address_fault(address)


@each(
    "address",
    [
        *("https://a.example/events", "https://localhost:8443/events", "https://93.184.215.14/"),
        *(
            "https://a.example?tenant=12&kind=set",
            "https://[2606:2800:21f:cb07:6820:80da:af6b:8b2c]:8443/x",
        ),
        "https://notifications.hotline.example/casegate/v1/security-events/receive",
    ],
)
def test_a_receiver_has_a_name_or_a_public_address(address: str) -> None:
    assert push_address_fault(address) is None
