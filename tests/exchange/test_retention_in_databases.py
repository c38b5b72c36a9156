"""Retention on real databases: two nodes at once write one copy, end it once, and tell once."""

from datetime import timedelta

from gateway.domain.retention import GRACE_DAYS
from gateway.exchange import erasure, retention
from tests.exchange.databases import gateway, in_two_threads  # noqa: F401 - a fixture
from tests.exchange.test_erasure import erased_in, heard
from tests.exchange.test_retention import consult, has_copy, retain
from tests.founding import OFMIN, accepted, check_log, fields_of, offered


def test_two_nodes_at_once_keep_end_and_tell_once(gateway):  # noqa: F811 - the fixture
    kept, waiting = (accepted(gateway, offered(gateway, erased_in(gateway, 10))) for _ in range(2))
    in_two_threads(lambda: erasure.announce(gateway.ports))
    assert [number for _, number in heard(gateway, OFMIN)] == [2]
    retain(gateway, kept)
    gateway.clock.advance(timedelta(days=10))
    in_two_threads(lambda: erasure.erase_due(gateway.ports))
    assert erasure.erase_due(gateway.ports) == 0
    assert has_copy(gateway, kept)
    assert has_copy(gateway, waiting)
    gateway.clock.advance(timedelta(days=GRACE_DAYS))
    size = gateway.size()
    in_two_threads(lambda: retention.end_due(gateway.ports))
    assert gateway.size() == size + 1
    assert not has_copy(gateway, waiting)
    assert fields_of(consult(gateway, kept).receipt)["type"] == "case.consulted"
    check_log(gateway)
