"""The same request sent twice at once, as a client does whose first try waits."""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from uuid import UUID

import pytest

from gateway.exchange import cases
from gateway.exchange.cases import Submission
from gateway.kernel.transact import WriteResult
from tests import answers
from tests.founding import (
    CLEARED,
    HOTLINE,
    OFMIN,
    Founded,
    caller,
    case_content,
    check_log,
    conditions_of,
    founded,
    offered,
)
from tests.store import places


@pytest.fixture(params=["sqlite", "postgresql"])
def gateway(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Founded]:
    """The founded gateway on a database of each kind."""
    place = places.sqlite(tmp_path) if request.param == "sqlite" else places.postgresql()
    yield founded(lambda origin, _, now, random: place.open(origin=origin, now=now, random=random))
    place.close()


def _submission(gateway: Founded) -> Callable[[], WriteResult]:
    submission = Submission("intake-1", case_content(gateway.new_id()), CLEARED)
    return partial(cases.submit, gateway.ports, caller(HOTLINE), gateway.key(), submission)


def _acceptance(gateway: Founded) -> Callable[[], WriteResult]:
    handoff = UUID(offered(gateway).result["handoff"])
    reply = answers.said("officer-1", conditions=conditions_of(gateway, handoff, OFMIN))
    return partial(answers.accept, gateway.ports, caller(OFMIN), gateway.key(), handoff, reply)


def test_both_get_one_result_and_one_event(gateway: Founded) -> None:
    for request_of in (_submission, _acceptance) * 3:
        act, barrier, size = request_of(gateway), threading.Barrier(2), gateway.size()

        def send(act: Callable[[], WriteResult], barrier: threading.Barrier) -> WriteResult:
            barrier.wait()
            return act()

        with ThreadPoolExecutor(2) as threads:
            first, second = threads.map(send, [act] * 2, [barrier] * 2)
        assert first.result == second.result
        assert first.receipt.document == second.receipt.document
        assert gateway.size() == size + 1
    check_log(gateway)
