"""Cursors over streams, and what receivers refused, as they are stored."""

from dataclasses import replace

import pytest

from gateway.domain.notification import Cursor, DeliveryWay, RefusedNotification
from gateway.kernel.ports import TransactionMode
from tests.store.samples import NOON, fact, new_id

WAY = DeliveryWay.NOTIFICATION


def refused(number: int = 1, organisation: str = "hotline") -> RefusedNotification:
    return RefusedNotification(organisation, new_id(), number, "invalid_key", "which key?", NOON)


def test_a_cursor_begins_where_it_is_said_and_is_kept_by_organisation_and_way(store):
    with store.begin(TransactionMode.READ) as work:
        assert work.notifications.cursor("hotline", WAY) == Cursor("hotline", WAY)
    with store.begin(TransactionMode.WRITE) as work:
        assert work.notifications.cursor("hotline", DeliveryWay.MAIL, 7).acknowledged == 7
        moved = replace(
            work.notifications.cursor("hotline", WAY),
            acknowledged=3,
            failures=2,
            next_at=NOON,
            leased_until=NOON,
        )
        work.notifications.save(moved)
        work.commit()
    with store.begin(TransactionMode.READ) as work:
        assert work.notifications.cursor("hotline", WAY) == moved
        assert work.notifications.cursor("hotline", DeliveryWay.MAIL).acknowledged == 7
        assert work.notifications.cursor("police", WAY).acknowledged == 0


def test_what_was_not_committed_moved_no_cursor(store):
    with store.begin(TransactionMode.WRITE) as work:
        work.notifications.save(replace(work.notifications.cursor("hotline", WAY), acknowledged=3))
    with store.begin(TransactionMode.READ) as work:
        assert work.notifications.cursor("hotline", WAY).acknowledged == 0
        assert work.notifications.states(WAY) == []


def test_a_reading_work_writes_nothing(store):
    with store.begin(TransactionMode.READ) as work:
        for write in (
            lambda: work.notifications.save(Cursor("hotline", WAY)),
            lambda: work.notifications.refuse(refused()),
            lambda: work.notifications.forget("hotline", [new_id()]),
        ):
            with pytest.raises(RuntimeError):
                write()


def test_refused_ones_are_found_in_the_order_of_the_stream_replaced_and_forgotten(store):
    later, first, other = refused(5), refused(2), refused(1, "police")
    with store.begin(TransactionMode.WRITE) as work:
        for one in (later, first, other):
            work.notifications.refuse(one)
        work.notifications.refuse(replace(first, replay=True))
        work.commit()
    with store.begin(TransactionMode.WRITE) as work:
        again = replace(first, replay=True)
        assert work.notifications.refused("hotline") == [again, later]
        assert work.notifications.refused("hotline", replay=True) == [again]
        work.notifications.forget("hotline", [first.event, other.event])
        work.commit()
    with store.begin(TransactionMode.READ) as work:
        assert work.notifications.refused("hotline") == [later]
        assert work.notifications.refused("police") == [other]


def test_states_show_each_cursor_beside_its_stream(store):
    made = fact()
    (organisation,) = {one.organisation for one in made.parties} - {"gateway"} or {"gateway"}
    with store.begin(TransactionMode.WRITE) as work:
        work.log.record(made)
        work.notifications.cursor(organisation, WAY)
        work.notifications.cursor("silent", WAY)
        work.notifications.refuse(replace(refused(1, organisation), replay=True))
        work.notifications.refuse(refused(2, organisation))
        work.commit()
    with store.begin(TransactionMode.READ) as work:
        states = {one.cursor.organisation: one for one in work.notifications.states(WAY)}
        assert work.notifications.states(DeliveryWay.MAIL) == []
        assert work.notifications.heads([organisation, "silent"]) == {organisation: 1}
        assert work.notifications.heads([]) == {}
    found = states[organisation]
    assert (found.head, found.lag, found.refused, found.replays) == (1, 1, 2, 1)
    assert states["silent"].lag == 0
