"""Retentions and copies are kept with their handoff, found when they are over, and end."""

from dataclasses import replace
from datetime import date, timedelta

import pytest

from gateway.domain.case import CaseState
from gateway.domain.refusals import EditConflict
from gateway.domain.retention import Retention, RetentionGround
from gateway.kernel.ports import TransactionMode
from gateway.kernel.values import RetainedCopy
from tests.store.samples import NOON, answer_to, case, handoff, new_id

DAY = date(2027, 1, 1)


@pytest.fixture
def made(store):
    """A handoff that its recipient accepted, of a case that is erased on 2 March 2027."""
    file, version = case()
    offered, offer = handoff(file, held=1)
    with store.begin(TransactionMode.WRITE) as work:
        work.cases.add(file, version)
        work.handoffs.add(offered, offer)
        work.commit()
    return offered


def kept(made, until=None):
    return Retention(
        new_id(),
        made.originator,
        made.case,
        made.id,
        made.recipient,
        RetentionGround.STATED,
        "art. 1",
        until,
        DAY,
        NOON,
    )


def copy_of(made, grace_until=None):
    return RetainedCopy(made.id, made.recipient, NOON, grace_until, '{"said": "word"}')


def written(store, act):
    with store.begin(TransactionMode.WRITE) as work:
        result = act(work.retentions)
        work.commit()
    return result


def read(store, ask):
    with store.begin(TransactionMode.READ) as work:
        return ask(work.retentions)


def sealing(store, key):
    with store.begin(TransactionMode.READ) as work:
        return work.cases.sealing([key])


def test_a_retention_is_found_until_it_ends_and_ends_once(store, made):
    one = kept(made)
    written(store, lambda store: store.add(one))
    assert read(store, lambda store: store.of_handoff(made.id)) == one
    assert read(store, lambda store: store.of_case(made.originator, made.case)) == [one]
    written(store, lambda store: store.end(one.id, NOON))
    assert read(store, lambda store: store.of_handoff(made.id)) is None
    with pytest.raises(EditConflict):
        written(store, lambda store: store.end(one.id, NOON))


def test_what_is_over_on_a_day_is_found(store, made):
    written(store, lambda store: store.add(kept(made, until=DAY)))
    assert read(store, lambda store: store.over(DAY - timedelta(days=1), 9)) == []
    assert read(store, lambda store: store.over(DAY, 9)) == [made.id]
    written(store, lambda store: store.keep(copy_of(made, grace_until=DAY)))
    assert read(store, lambda store: store.over(DAY, 9)) == [made.id]
    assert read(store, lambda store: store.holders()) == {made.recipient}
    assert read(store, lambda store: store.of_holder(made.recipient, 9)) == [made.id]


def test_a_copy_is_read_until_it_is_dropped_and_its_key_is_doomed(store, made):
    written(store, lambda store: store.keep(copy_of(made, grace_until=DAY)))
    written(store, lambda store: store.end_grace(made.id))
    found = read(store, lambda store: store.copy(made.id))
    assert replace(found, content_key=None) == copy_of(made)
    assert read(store, lambda store: store.having(found.content_key)) == made.id
    assert sealing(store, found.content_key)
    assert not read(store, lambda store: store.has_copy(made.id, DAY))
    assert written(store, lambda store: store.drop_copy(made.id))
    assert not written(store, lambda store: store.drop_copy(made.id))
    assert not sealing(store, found.content_key)
    with store.begin(TransactionMode.READ) as work:
        assert work.cases.doomed(9) == [found.content_key]


def test_a_copy_is_kept_until_its_grace_or_its_retention_is_over(store, made):
    before = DAY - timedelta(days=1)
    written(store, lambda store: store.keep(copy_of(made, grace_until=DAY)))
    days = [
        read(store, lambda store, day=day: store.has_copy(made.id, day)) for day in (before, DAY)
    ]
    assert days == [True, False]
    written(store, lambda store: store.end_grace(made.id))
    written(store, lambda store: store.add(kept(made, until=DAY)))
    days = [
        read(store, lambda store, day=day: store.has_copy(made.id, day)) for day in (before, DAY)
    ]
    assert days == [True, False]


def test_what_is_held_and_not_retained_is_found_by_its_day_of_erasure(store, made):
    day = date(2027, 3, 2)
    before = day - timedelta(days=1)
    assert read(store, lambda store: store.unretained(before, day)) == [(made.recipient, made.id)]
    assert read(store, lambda store: store.unretained(day, day + timedelta(days=9))) == []
    written(store, lambda store: store.add(kept(made)))
    assert read(store, lambda store: store.unretained(before, day)) == []


def test_a_notice_is_noted_once(store):
    assert read(store, lambda store: store.announced(14)) is None
    assert written(store, lambda store: store.announce(14, None, DAY))
    assert not written(store, lambda store: store.announce(14, None, DAY))
    later = DAY + timedelta(days=1)
    assert written(store, lambda store: store.announce(14, DAY, later))
    assert not written(store, lambda store: store.announce(14, DAY, later))
    assert read(store, lambda store: store.announced(14)) == later


def test_an_answer_about_an_erased_case_has_a_key_of_its_author(store, made):
    with store.begin(TransactionMode.WRITE) as work:
        file = work.cases.get(made.originator, made.case)
        erased = replace(file, state=CaseState.ERASED, revision=file.revision + 1)
        work.cases.erase(erased)
        work.commit()
    late = answer_to(replace(made, sequence=2), None)
    with store.begin(TransactionMode.WRITE) as work:
        work.handoffs.save(replace(made, sequence=2), late)
        work.commit()
    with store.begin(TransactionMode.READ) as work:
        assert work.handoffs.answer_of(late.event).document == late.document
        assert work.retentions.holders() == {late.author}
    written(store, lambda store: store.end_answer_key(late.author))
    with store.begin(TransactionMode.READ) as work:
        assert len(work.cases.doomed(9)) == 1
