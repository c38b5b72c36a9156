"""Details of persons are erased from stored events; the log verifies on, and a gap is found."""

import json
from dataclasses import replace
from datetime import timedelta
from uuid import UUID

import pytest
from sqlalchemy import text

from gateway.domain.audit_event import EventDetail, LogHold
from gateway.evidence import canonical
from gateway.kernel.ports import TransactionMode
from gateway.store.log_integrity import StoredLogCorrupt, verify_log
from gateway.store.log_terms import AT_ONCE
from tests.store import places
from tests.store.samples import NOON, fact

EVENTS = 300  # more than a block
LATER = NOON + timedelta(days=9999)


def filled(place):
    store = place.open()
    with store.begin(TransactionMode.WRITE) as work:
        for _ in range(EVENTS):
            work.log.record(fact("hotline", "police"))
        work.commit()
    return store


def erase(store, organisation="hotline", until=LATER, *, told=True):
    """One step, with its event; ``told`` False leaves the event out."""
    with store.begin(TransactionMode.WRITE) as work:
        erased = work.log_terms.erase_details(organisation, until, ())
        if erased.details and told:
            subject = {"first": erased.first, "last": erased.last, "details": erased.details}
            said = EventDetail("subject", canonical.encode(subject).decode())
            event = replace(fact("gateway"), action="log.erase_details", details=(said,))
            work.log.record(event)
        work.commit()
    return erased


def verified(store):
    with store.begin(TransactionMode.READ) as work:
        verify_log(work, lambda done, of: None)


def words(place):
    with place.connected() as connection:
        return connection.execute(text("SELECT words FROM log_event ORDER BY idx")).scalars().all()


def test_details_end_in_steps_that_a_restart_goes_on_with(place):
    first = erase(filled(place))
    assert (first.first, first.last, first.entries, first.more) == (0, 199, AT_ONCE, True)
    store = place.open()
    rest = erase(store)
    assert (rest.first, rest.entries, rest.more) == (200, EVENTS - AT_ONCE, False)
    assert erase(store).details == 0
    verified(store)
    places.check_log(store)


def test_a_step_that_was_not_committed_erased_nothing(place):
    store = filled(place)
    with store.begin(TransactionMode.WRITE) as work:
        assert work.log_terms.erase_details("hotline", LATER, ()).details
    assert erase(store).first == 0


def test_persons_are_searched_for_no_more_not_even_by_block(place):
    store = filled(place)
    assert all("|person:" in one for one in words(place)[:EVENTS])
    erase(store), erase(store)
    assert not any("|person:" in one for one in words(place)[:EVENTS])
    verified(store)


def test_the_other_party_and_who_is_before_its_term_erase_nothing(place):
    store = filled(place)
    assert erase(store, "police").details == 0
    assert erase(store, until=NOON - timedelta(days=9999)).details == 0


def test_what_no_event_erased_is_found(place):
    store = filled(place)
    erase(store, told=False)
    with pytest.raises(StoredLogCorrupt):
        verified(store)


@pytest.mark.parametrize("index", [3, 250], ids=["within the range", "beyond it"])
def test_one_more_than_the_events_say_is_found(place, index):
    store = filled(place)
    erase(store)
    with place.connected() as connection:
        said = {"i": index}
        row = connection.execute(text("SELECT disclosures FROM log_event WHERE idx = :i"), said)
        details = json.loads(row.scalar_one())
        next(one for one in reversed(details) if one[0] is not None)[0] = None
        update = "UPDATE log_event SET disclosures = :d WHERE idx = :i"
        connection.execute(text(update), {"d": json.dumps(details), **said})
    with pytest.raises(StoredLogCorrupt):
        verified(store)


def test_the_end_of_a_hold_lets_all_streams_be_gone_through_again(place):
    store, hold = filled(place), LogHold(UUID(int=1), None, None, "12/345", NOON.date())
    with store.begin(TransactionMode.REGISTRY) as work:
        work.log_terms.add_hold(hold)
        work.commit()
    assert erase(store).first == 0
    with store.begin(TransactionMode.REGISTRY) as work:
        assert work.log_terms.holds() == [hold]
        work.log_terms.end_hold(hold.id, NOON)
        work.commit()
    again = erase(store)
    assert (again.details, again.more) == (0, True)
    with store.begin(TransactionMode.READ) as work:
        assert not work.log_terms.holds()
        assert work.log_terms.hold(hold.id) == replace(hold, ended_at=NOON)
