"""The log takes every fact of a commit in order, counts for each party, and proves what it has."""

import json
from dataclasses import replace
from datetime import timedelta
from itertools import product
from uuid import UUID

import pytest
from sqlalchemy import select

from gateway.domain.refusals import AlreadyExists, ClockBehind, LogFrozen
from gateway.evidence.event import EventError, compose, read
from gateway.kernel.ports import TransactionMode
from gateway.kernel.values import TreeHead
from gateway.ledger import tree
from gateway.ledger.tiles import TILE_BYTES, append
from gateway.ledger.tree import entry_commitment
from gateway.store import tables
from gateway.store.log import LATENESS
from tests.store.places import check_log
from tests.store.samples import NOON, ORIGIN, POLICY, fact, new_id


def recorded(store, *facts):
    with store.begin(TransactionMode.WRITE) as work:
        for one in facts:
            work.log.record(one)
        return work.commit()


def require_proven(logged):
    leaf = tree.leaf_hash(entry_commitment(logged.event.document, logged.event.nonce))
    tree.verify_inclusion(leaf, logged.index, logged.head.size, logged.proof, logged.head.root)


def test_an_empty_log_has_the_empty_root(store):
    with store.begin(TransactionMode.READ) as work:
        assert (work.log.head().size, work.log.head().root) == (0, tree.EMPTY_ROOT)
        assert work.log.tile(0, 0) == b""
        assert work.log.entries(0, 10) == []
        assert work.log.stream("hotline", 0, 10) == []
        assert work.log.last_number("hotline") == 0
        assert work.log.logged(new_id()) is None
    assert check_log(store) == 0


def test_the_size_of_the_database_is_told(store):
    with store.begin(TransactionMode.READ) as work:
        assert work.log.database_bytes() > 100_000


def test_the_facts_of_a_commit_stand_in_order_under_one_head(store):
    recorded(store, fact())
    facts = [fact("hotline", "police"), fact("police"), fact("abroad", "hotline")]
    logged = recorded(store, *facts)
    assert [one.event.id for one in logged] == [one.id for one in facts]
    assert [one.index for one in logged] == [1, 2, 3]
    assert {one.head for one in logged} == {logged[0].head}
    assert logged[0].head.size == 4
    for one in logged:
        require_proven(one)
    assert check_log(store) == 4


def test_an_event_says_what_the_fact_says_and_under_which_policy(store):
    made = fact("hotline", "police", handoff=new_id(), package_digest="A" * 43)
    (logged,) = recorded(store, made)
    document = read(logged.event.document)
    assert document["id"] == str(made.id)
    assert document["log"] == ORIGIN
    assert document["policy"] == POLICY
    assert document["time"] == NOON.strftime("%Y-%m-%dT%H:%M:%S.123Z")
    assert document["handoff"] == str(made.handoff)
    assert document["package_digest"] == made.package_digest


def test_time_never_runs_backwards_in_the_log(database):
    """As when the next event comes from a node whose clock is behind."""
    clock = {"now": NOON}
    ahead, behind = database.open(now=lambda: NOON), database.open(now=lambda: clock["now"])
    recorded(ahead, fact())
    clock["now"] = NOON - LATENESS
    (event,) = recorded(behind, fact())
    assert read(event.event.document)["time"] == NOON.strftime("%Y-%m-%dT%H:%M:%S.123Z")
    clock["now"] -= timedelta(milliseconds=1)
    with pytest.raises(ClockBehind):
        recorded(behind, fact())
    assert check_log(behind) == 2
    recorded(ahead, fact())


def test_a_committed_event_is_read_back_as_it_was_with_a_newer_proof(store):
    (first,) = recorded(store, fact("hotline", "police"))
    (second,) = recorded(store, fact())
    with store.begin(TransactionMode.READ) as work:
        again = work.log.logged(first.event.id)
        assert again.event == first.event
        assert (again.index, again.head) == (0, second.head)
        require_proven(again)
        assert work.log.logged(second.event.id) == second


def test_each_party_counts_its_own_events_without_a_gap(store):
    events = [
        fact("hotline", "police"),
        fact("hotline"),
        fact("police", "hotline"),
    ]
    recorded(store, *events[:1])
    recorded(store, *events[1:])
    with store.begin(TransactionMode.READ) as work:
        assert list(work.log.stream("hotline", 0, 10)) == [
            (n, one.id) for n, one in enumerate(events, 1)
        ]
        assert list(work.log.stream("police", 0, 10)) == [(1, events[0].id), (2, events[2].id)]
        assert list(work.log.stream("hotline", 1, 1)) == [(2, events[1].id)]
        assert list(work.log.stream("hotline", 3, 10)) == []
        assert (work.log.last_number("hotline"), work.log.last_number("police")) == (3, 2)


def test_a_stream_is_read_as_its_events_are_read_one_by_one(store):
    recorded(store, fact("hotline", "police"), fact("hotline"), fact("police", "hotline"))
    with store.begin(TransactionMode.READ) as work:
        for organisation, after in product(("hotline", "police", "nobody"), range(3)):
            stream = work.log.stream(organisation, after, 2)
            one_by_one = [(number, work.log.logged(event)) for number, event in stream]
            assert list(work.log.read_stream(organisation, after, 2)) == one_by_one


def test_entries_are_read_by_index_as_far_as_they_exist(store):
    logged = recorded(store, fact(), fact(), fact())
    lines = [entry_commitment(one.event.document, one.event.nonce) for one in logged]
    with store.begin(TransactionMode.READ) as work:
        assert list(work.log.entries(0, 9)) == lines
        assert list(work.log.entries(1, 2)) == lines[1:2]
        assert list(work.log.entries(2, 2)) == []


def test_a_rolled_back_work_leaves_no_gap_in_index_and_stream_numbers(store):
    recorded(store, fact())
    with store.begin(TransactionMode.WRITE) as work:
        work.log.record(fact("hotline", "police"))
    with pytest.raises(ZeroDivisionError), store.begin(TransactionMode.WRITE) as work:
        work.log.record(fact("hotline", "police"))
        _ = 1 / 0
    (logged,) = recorded(store, fact("police", "hotline"))
    assert logged.index == 1
    with store.begin(TransactionMode.READ) as work:
        assert (work.log.last_number("hotline"), work.log.last_number("police")) == (2, 1)
    assert check_log(store) == 2


def test_recorded_facts_are_in_the_log_only_after_the_commit(store):
    made = fact()
    with store.begin(TransactionMode.WRITE) as work:
        work.log.record(made)
        assert work.log.head().size == 0
        assert work.log.logged(made.id) is None
        work.commit()


def test_a_commit_without_facts_logs_nothing(store):
    assert list(recorded(store)) == []
    assert check_log(store) == 0


def test_an_event_is_logged_once_and_its_repetition_undoes_the_work(store):
    made = fact()
    recorded(store, made)
    with store.begin(TransactionMode.WRITE) as work:
        work.budgets.consume("hotline", "12:00", 1)
        work.log.record(fact("police"))
        work.log.record(replace(made, action="case.assess"))
        with pytest.raises(AlreadyExists):
            work.commit()
    with store.begin(TransactionMode.WRITE) as work:
        assert work.budgets.consume("hotline", "12:00", 1)
    assert check_log(store) == 1


def test_a_fact_too_long_for_the_log_undoes_the_work(store):
    with store.begin(TransactionMode.WRITE) as work:
        work.log.record(fact())
        work.log.record(fact(package_digest="B" * 20_000))
        with pytest.raises(EventError):
            work.commit()
        with pytest.raises(RuntimeError, match="over"):
            work.commit()
    assert check_log(store) == 0


@pytest.mark.parametrize("start", [255, 65_535])
def test_proofs_hold_where_tiles_fill_up(place, start):
    """The tree's sides are laid by hand: to log 65,535 events one by one takes too long."""
    store = place.open()
    leaves = [tree.leaf_hash(b"%d" % n) for n in range(start)]
    laid, root = append(lambda level, n: b"", 0, leaves)
    _lay(place, store, laid, root, leaves)
    size = start
    for count in (1, 1, 2, 258):
        logged = recorded(store, *(fact() for _ in range(count)))
        size += count
        assert logged[0].head.size == size
        for one in logged:
            require_proven(one)
            leaves.append(tree.leaf_hash(entry_commitment(one.event.document, one.event.nonce)))
        assert logged[0].head.root == tree.root(leaves)
        with store.begin(TransactionMode.READ) as work:
            for one in (logged[0], logged[-1]):
                assert work.log.logged(one.event.id) == one


def _lay(place, store, laid, root, leaves):
    size = len(leaves)
    rows = [
        {"level": level, "n": n, "data": data}
        for (level, n), data in laid.items()
        if level > 0 or len(data) == TILE_BYTES
    ]
    right = tree.grow(b"", 0, leaves).edge
    with place.connected() as connection:
        # What stands beneath whole tiles is not read again.
        beyond = range(size - size % 256, size)
        connection.execute(tables.log_event.insert(), [*map(_laid, beyond)])
        if rows:
            connection.execute(tables.log_tile.insert(), rows)
        connection.execute(tables.log_head.update(), {"size": size, "root": root, "edge": right})
    with store.begin(TransactionMode.WRITE) as work:
        work.log.vouch(TreeHead(size, root))
        work.commit()


_FOUND_BY_NOTHING = {"at": NOON, "words": "||", "disclosures": "[]"}


def _laid(n):
    return {"idx": n, "event": UUID(int=n), "entry": b"%d" % n, **_FOUND_BY_NOTHING}


def test_a_tree_without_its_right_edge_takes_no_more_events(database):
    store = database.open()
    recorded(store, fact())
    for broken in (b"", bytes(32), bytes(64)):
        with database.connected() as connection:
            connection.execute(tables.log_head.update(), {"edge": broken})
        with pytest.raises((LookupError, ValueError)):
            recorded(store, fact())
    with store.begin(TransactionMode.READ) as work:
        assert work.log.head().size == 1


def test_an_erased_disclosure_is_shown_no_more_and_an_erased_document_has_no_receipt(database):
    store = database.open()
    (logged,) = recorded(store, fact("hotline", "police"))
    events = tables.log_event
    with database.connected() as connection:
        stored = json.loads(connection.scalar(select(events.c.disclosures)))
        at = next(n for n, d in enumerate(logged.event.disclosures) if d.kind == "by")
        stored[at][0] = None
        connection.execute(events.update(), {"disclosures": json.dumps(stored)})
    with store.begin(TransactionMode.READ) as work:
        left = work.log.logged(logged.event.id).event
        assert left.document == logged.event.document
        kinds = [disclosure.kind for disclosure in left.disclosures]
        assert kinds == ["party", "party", "groups"]
    with database.connected() as connection:
        connection.execute(events.update(), {"document": None, "nonce": None})
    with store.begin(TransactionMode.READ) as work:
        assert work.log.logged(logged.event.id) is None
        assert list(work.log.read_stream("hotline", 0, 9)) == []
        assert len(work.log.entries(0, 2)) == 1


def forged(database, store):
    """An event that a stranger to the keys appends, with all hashes right."""
    with store.begin(TransactionMode.READ) as work:
        head, edge = work.log.head(), work.rows(select(tables.log_head.c.edge), {})[0].edge
    made = compose(
        fact("hotline"),
        log=ORIGIN,
        at=NOON,
        policy=POLICY,
        stream_numbers={"hotline": 9},
        random=bytes,
    )
    entry = entry_commitment(made.document, made.nonce)
    grown = tree.grow(edge, head.size, [tree.leaf_hash(entry)])
    row = {"idx": head.size, "event": made.id, "entry": entry, **_FOUND_BY_NOTHING}
    with database.connected() as connection:
        connection.execute(
            tables.log_event.insert(), {**row, "document": made.document, "nonce": made.nonce}
        )
        moved = {"size": grown.size, "root": grown.root, "edge": grown.edge}
        connection.execute(tables.log_head.update().values(**moved))
    return TreeHead(grown.size, grown.root)


def test_an_event_that_no_process_of_ours_made_is_not_built_upon(database):
    store = database.open()
    recorded(store, fact("hotline"))
    forged(database, store)
    with pytest.raises(LogFrozen):
        recorded(store, fact("hotline"))
    with store.begin(TransactionMode.READ) as work, pytest.raises(LogFrozen):
        work.log.head()  # what is signed is asked for here


def test_a_new_key_vouches_for_what_is_signed_and_for_nothing_else(database):
    recorded(database.open(), fact("hotline"))
    other = database.open(head_key=bytes(32))
    with pytest.raises(LogFrozen):
        recorded(other, fact("hotline"))
    with database.open().begin(TransactionMode.READ) as work:
        signed = work.log.head()
    with other.begin(TransactionMode.WRITE) as work:
        work.log.vouch(TreeHead(signed.size, bytes(32)))
        work.commit()
    with pytest.raises(LogFrozen):
        recorded(other, fact("hotline"))
    with other.begin(TransactionMode.WRITE) as work:
        work.log.vouch(signed)
        work.commit()
    (logged,) = recorded(other, fact("hotline"))
    assert logged.index == signed.size
