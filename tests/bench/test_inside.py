"""What is asked in this process: a filled store, the baselines, and a WSGI app's whole answer."""

import json
from contextlib import closing

import pytest

from bench import machine
from bench.baselines import bare_app, lean_app, lean_database
from bench.inside import (
    BATCH_MOST,
    FITS_NOTHING,
    MOST,
    PAGES,
    Walk,
    batched,
    beyond,
    beyond_single,
    fill,
    grown,
    inside,
    walk,
)
from bench.workload import Posts, filled_id
from gateway.kernel.ports import TransactionMode
from gateway.ledger import tree
from gateway.store.handoff_proof import HandoffComparison
from tests.casework import offered, submitted
from tests.founded_gateway import HOTLINE, OFMIN
from tests.founding import founded
from tests.log_check import handoffs_compared


def test_a_filled_store_has_cases_handoffs_and_a_log_that_proves_them():
    gateway = founded()
    offered(gateway, submitted(gateway))
    size, filled = gateway.size(), []
    fill(gateway.ports, OFMIN, 250, filled.append)
    assert filled == [200, 50]
    assert gateway.size() == size + 500
    with gateway.ports.begin(TransactionMode.READ) as work:
        head = work.log.head()
        leaves = [tree.leaf_hash(entry) for entry in work.log.entries(0, head.size)]
        assert tree.root(leaves) == head.root
        page = work.handoffs.received(OFMIN, "offered", None, 1000)
        assert len({handoff.case_digest for handoff in page}) == 251
        assert all(work.cases.version(handoff.case_digest) for handoff in page)
        assert work.cases.get(HOTLINE, filled_id(249, 0)) is not None
    assert handoffs_compared(gateway) == HandoffComparison({}, ())


def test_nothing_is_filled_in_before_a_handoff_went_through():
    with pytest.raises(LookupError):
        fill(founded().ports, OFMIN, 10, lambda _: None)


@pytest.mark.enable_socket
def test_a_handoff_asks_the_database_no_more_than_it_may():
    """Fewer statements are welcome: lower the bound with them."""
    with inside() as (app, _, _):
        for _ in range(3):
            app.handoff()
        assert beyond(walk(app)) == []
        assert all(app.search(filters) > 0 for filters in FITS_NOTHING.values())
        assert all(took > 0 for took in batched(app, 20).values())


def test_what_is_beyond_its_bound_is_named():
    walked = {kind: Walk(round_trips=0, files=1, depth=1, **_bounds(kind)) for kind in MOST}
    assert beyond(walked) == []
    walked["accept"] = walked["accept"]._replace(statements=18)
    assert beyond(walked) == ["accept: 18 statements, 17 at most"]
    walked["accept"] = walked["accept"]._replace(round_trips=15)  # of PostgreSQL
    assert beyond(walked) == ["accept: 15 round trips, 14 at most"]


def test_a_batch_that_is_dearer_than_it_may_be_is_named():
    took = {"submit, beside batches": 1000, "submit, in a batch of 20": BATCH_MOST * 1000}
    assert beyond_single(took) == []
    took["submit, in a batch of 20"] += 50
    assert beyond_single(took) == ["submit in a batch: 0.60 of a single one, 0.55 at most"]


def _bounds(kind):
    return {name: most for name, most in MOST[kind].items() if name != "round_trips"}


def test_lean_keeps_each_case_with_an_entry_and_the_head(tmp_path):
    flow, events = Posts.of(0, "localhost"), []
    with closing(lean_database(tmp_path / "lean.db")) as connection:
        app = lean_app(connection)
        for _ in range(3):
            body = flow.next("any").data.partition(b"\r\n\r\n")[2]
            took, answer = machine.call(app, "/cases", {"Content-Type": "application/json"}, body)
            assert took > 0
            events.append((json.loads(answer)["event"],))
        assert connection.execute("SELECT event FROM entries ORDER BY place").fetchall() == events
        assert connection.execute("SELECT count(*) FROM cases").fetchone() == (3,)
        assert connection.execute("SELECT size FROM head").fetchall() == [(3,)]


def test_a_request_that_is_not_answered_well_is_told():
    with pytest.raises(machine.NotAnswered):
        machine.call(bare_app(), "/elsewhere", {}, b"")


def test_the_processor_time_of_processes_counts_and_never_falls():
    first = machine.family_seconds(1)
    assert 0 <= first <= machine.family_seconds(1) <= machine.machine_seconds()[0]


def test_what_a_store_of_up_to_100_000_cases_makes_dearer_is_told():
    names = (
        "submit",
        "offer",
        "accept",
        "token",
        "submit, signed",
        *PAGES,
        "search by item",
        *FITS_NOTHING,
    )
    names += ("doctor, from the proved",)
    few = dict.fromkeys(names, 1000.0)
    assert not grown({1000: few, 100_000: dict.fromkeys(names, 1299.0)})
    assert not grown({1000: few, 1_000_000: dict.fromkeys(names, 9e9)})
    (told,) = grown({1000: few, 100_000: few | {"GET /cases, 20": 1310.0}})
    assert told.startswith("GET /cases, 20: 1.31 times with 100,000 cases")
    assert grown({100_000: few | {"doctor, from the proved": 5e6}})
