"""How far notifications are acknowledged, and when a receiver that failed is tried again."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from gateway.domain.notification import (
    FIRST_PAUSE,
    LEASE,
    LONGEST_PAUSE,
    Cursor,
    DeliveryState,
    DeliveryWay,
    last_contiguous,
)

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
