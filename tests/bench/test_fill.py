"""A filled store: what a gateway would have kept, in a log that proves it."""

import pytest

from bench.fill import fill
from bench.workload import filled_id
from gateway.kernel.ports import TransactionMode
from gateway.ledger import tree
from tests.founding import HOTLINE, OFMIN, founded, offered, submitted


def test_a_filled_store_has_cases_handoffs_and_a_log_that_proves_them():
    gateway = founded()
    offered(gateway, submitted(gateway))
    size, told = gateway.size(), []
    fill(gateway.ports, OFMIN, 0, 250, told.append)
    assert told == [200, 50]
    assert gateway.size() == size + 500
    with gateway.ports.begin(TransactionMode.READ) as work:
        head = work.log.head()
        leaves = [tree.leaf_hash(entry) for entry in work.log.entries(0, head.size)]
        assert tree.root(leaves) == head.root
        page = work.handoffs.page(OFMIN, "in", "offered", None, 1000)
        assert len({handoff.case_digest for handoff in page}) == 251
        assert all(work.cases.version(handoff.case_digest) for handoff in page)
        assert work.cases.get(HOTLINE, filled_id(249, 0)) is not None


def test_nothing_is_filled_in_before_a_handoff_went_through():
    with pytest.raises(LookupError, match="no handoff to copy"):
        fill(founded().ports, OFMIN, 0, 10, lambda _: None)
