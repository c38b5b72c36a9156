"""Events are found by what they say and by what is sealed in them; the database names no person."""

import itertools
from datetime import timedelta
from uuid import UUID

import pytest
from sqlalchemy import text

from gateway.domain.audit import CaseId, Coverage
from gateway.domain.audit_event import EventDetail, EventResult
from gateway.kernel.ports import TransactionMode
from gateway.kernel.values import LogQuery
from gateway.store import event_index
from tests.each import each
from tests.store import samples
from tests.store.places import plan
from tests.store.samples import NOON, PERSON_KEY, fact, new_id

WHOLE = Coverage(whole=True)
OWN = frozenset({"hotline"})


def record(store, *facts):
    with store.begin(TransactionMode.WRITE) as work:
        for one in facts:
            work.log.record(one)
        work.commit()


def search(store, coverage=WHOLE, limit=100, before=10**6, **filters):
    with store.begin(TransactionMode.READ) as work:
        query = LogQuery(coverage=coverage, limit=limit, before=before, **filters)
        return [one.index for one in work.log.search(query)]


def by(*persons):
    return (EventDetail("by", persons[0] if len(persons) == 1 else persons, OWN),)


@pytest.fixture
def full(store):
    """A log of five events that differ."""
    record(
        store,
        fact("hotline", details=by("intake-1"), action="case.submit"),
        fact("hotline", "police", details=by("liaison_1"), action="handoff.offer"),
        fact("police", details=by("officer-1", "officer-2"), result=EventResult.DENIED),
        fact("police", details=(EventDetail("rules", ("R3.membership", "R10.two_persons"), OWN),)),
        fact("hotline-b"),
    )
    return store


def test_everything_is_found_in_the_logs_order_and_in_pages(full):
    assert search(full) == [0, 1, 2, 3, 4]
    assert search(full, limit=2) == [0, 1]
    assert search(full, limit=2, after=1) == [2, 3]
    assert search(full, after=1, before=3) == [2]


@each(
    "filters, found",
    [
        ({"organisation": "hotline"}, [0, 1]),
        ({"organisation": "police"}, [1, 2, 3]),
        ({"organisation": "hot"}, []),
        ({"organisation": "%"}, []),
        ({"person": "intake-1"}, [0]),
        ({"person": "officer-2"}, [2]),
        ({"person": "liaison_1"}, [1]),
        ({"person": "liaison-1"}, []),
        ({"rule": "R10.two_persons"}, [3]),
        ({"rule": "R10.two.persons"}, []),
        ({"rule": "R3"}, []),
        ({"types": ("handoff.offered",)}, [1]),
        ({"results": ("denied",)}, [2]),
        ({"results": ("denied", "allowed")}, [0, 1, 2, 3, 4]),
        ({"types": ("handoff.offered", "case.cleared"), "organisation": "police"}, [1]),
        ({"organisation": "police", "results": ("denied",)}, [2]),
        ({"organisation": "hotline", "person": "officer-1"}, []),
    ],
)
def test_filters_fit_whole_words_and_add_up(full, filters, found):
    assert search(full, **filters) == found


def test_times_are_half_open(store):
    record(store, fact())
    at = NOON.replace(microsecond=123000)  # as the log's documents write it
    assert search(store, since=at) == [0]
    assert search(store, until=at) == []
    assert search(store, since=at + timedelta(microseconds=1)) == []
    assert search(store, until=at + timedelta(microseconds=1)) == [0]


def test_a_day_begins_at_its_first_entry_wherever_that_is(store):
    days, noon = [0, 0, 1, 3, 3, 3, 4], NOON.replace(microsecond=0)
    for day in days:
        record(store, fact(at=noon + timedelta(days=day)))
    for since, until in itertools.combinations(range(6), 2):
        found = [n for n, day in enumerate(days) if since <= day < until]
        times = {"since": noon + timedelta(days=since), "until": noon + timedelta(days=until)}
        assert search(store, **times) == found


def test_a_handoff_is_found_by_its_id(store):
    handoff = new_id()
    record(store, fact(), fact(handoff=handoff))
    assert search(store, handoff=handoff) == [1]
    assert search(store, handoff=new_id()) == []


def test_a_case_is_found_by_its_versions_and_its_handoffs(store):
    case, version = samples.case()
    handoff, offer = samples.handoff(case)
    with store.begin(TransactionMode.WRITE) as work:
        work.cases.add(case, version)
        work.handoffs.add(handoff, offer)
        work.log.record(fact(case_digest=version.digest))
        work.log.record(fact("hotline", "police", handoff=handoff.id))
        work.log.record(fact(case_digest="A" * 43))
        work.log.record(fact())
        work.commit()
    name = CaseId(case.originator, case.id)
    assert search(store, case=name) == [0, 1]
    assert search(store, case=CaseId("police", case.id)) == []
    only = Coverage(cases=frozenset({name}))
    assert search(store, only) == [0, 1]
    with store.begin(TransactionMode.READ) as work:
        found = work.log.search(
            LogQuery(
                coverage=Coverage(cases=frozenset({name}), members=frozenset({"hotline"})),
                limit=9,
                before=99,
            )
        )
        assert [one.of_case for one in found] == [True, True, False, False]


def test_coverage_cuts_what_is_found(full):
    members = Coverage(members=frozenset({"police", "hotline-b"}))
    assert search(full, members) == [1, 2, 3, 4]
    assert search(full, members, organisation="hotline") == [1]
    assert search(full, Coverage()) == []
    assert search(full, Coverage(cases=frozenset({CaseId("hotline", UUID(int=1))}))) == []


def test_the_database_names_no_person(database):
    record(database.open(), fact(details=by("intake-1")))
    with database.connected() as connection:
        (words,) = connection.execute(text("SELECT words FROM log_event")).one()
    digest = event_index.person_digest(PERSON_KEY, "intake-1")
    assert f"|person:{digest}|" in words
    assert "intake" not in words
    assert event_index.person_digest(bytes(32), "intake-1") not in words


def test_rare_words_are_found_across_blocks_and_in_the_one_that_is_not_full(store):
    """600 events: two blocks whose words stand together, and the rest; pages cross their ends."""
    rare = {3, 255, 256, 511, 512, 599}
    for start in range(0, 600, 200):
        record(
            store,
            *(
                fact("hotline", details=by("rare" if n in rare else "common"))
                for n in range(start, start + 200)
            ),
        )
    assert search(store, person="rare") == sorted(rare)
    assert search(store, person="rare", organisation="hotline", limit=3) == [3, 255, 256]
    assert search(store, person="rare", after=255, limit=3) == [256, 511, 512]
    assert search(store, person="rare", after=511) == [512, 599]
    assert search(store, person="rare", after=3, before=512) == [255, 256, 511]
    assert search(store, person="nobody") == []
    assert len(search(store, person="common", limit=600)) == 600 - len(rare)


def test_a_search_reads_blocks_and_rows_by_their_keys(sqlite):
    record(sqlite.open(), fact())
    query = LogQuery(
        coverage=WHOLE, limit=9, before=600, person="nobody", types=("case.submitted", "x")
    )
    statements = event_index.search(query, PERSON_KEY, 600)
    assert len(statements) == 2
    for statement, _ in statements:
        steps = plan(sqlite, statement)
        assert not any(step.startswith(("SCAN", "USE TEMP B-TREE")) for step in steps), steps
