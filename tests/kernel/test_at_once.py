"""The same request sent twice at once, as a client does whose first try waits: at two nodes."""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from uuid import UUID

import pytest

from gateway.domain.handoff import HandoffState
from gateway.exchange.case import submissions
from gateway.exchange.case.submissions import Submission
from gateway.kernel.ports import Ports
from gateway.kernel.transact import WriteResult, transact
from tests import answers
from tests.casework import CLEARED, case_content, conditions_of, offered, submitted
from tests.founded_gateway import ABROAD, CSAM_FR, HOTLINE, OFMIN, Founded, caller
from tests.founding import founded_at
from tests.log_check import check_log
from tests.ports import ORIGIN
from tests.store import places


@pytest.fixture(params=["sqlite", "postgresql"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[places.Place]:
    place = places.sqlite(tmp_path) if request.param == "sqlite" else places.postgresql()
    yield place
    place.close()


@pytest.fixture
def gateway(place: places.Place) -> Founded:
    """The founded gateway on a database of each kind."""
    return founded_at(place)


def _submission(gateway: Founded) -> Callable[[Ports], WriteResult]:
    submission = Submission("intake-1", case_content(gateway.new_id()), CLEARED)
    key = gateway.key()
    return lambda ports: transact(ports, caller(HOTLINE), *submissions.submit(key, submission))


def _acceptance(gateway: Founded) -> Callable[[Ports], WriteResult]:
    handoff = UUID(offered(gateway).result["handoff"])
    reply = answers.said("officer-1", conditions=conditions_of(gateway, handoff, OFMIN))
    key = gateway.key()
    return lambda ports: answers.accept(ports, caller(OFMIN), key, handoff, reply)


def test_both_get_one_result_and_one_event(place, gateway):
    beside = place.open(origin=ORIGIN, now=gateway.ports.now)
    nodes = [gateway.ports, replace(gateway.ports, begin=beside.begin)]
    for request_of in (_submission, _acceptance) * 3:
        act, barrier, size = request_of(gateway), threading.Barrier(2), gateway.size()

        def send(
            act: Callable[[Ports], WriteResult], barrier: threading.Barrier, node: Ports
        ) -> WriteResult:
            barrier.wait()
            return act(node)

        with ThreadPoolExecutor(2) as threads:
            first, second = threads.map(send, [act] * 2, [barrier] * 2, nodes)
        assert first.result == second.result
        assert first.receipt.document == second.receipt.document
        assert gateway.size() == size + 1
    check_log(gateway)


def test_two_recipients_who_give_up_one_case_at_once_are_both_heard(place, gateway):
    """Each says whether the case is still with anybody: neither waits for the other in vain."""
    beside = place.open(origin=ORIGIN, now=gateway.ports.now)
    nodes = [gateway.ports, replace(gateway.ports, begin=beside.begin)]
    for _ in range(3):
        case, barrier = submitted(gateway), threading.Barrier(2)
        given = [UUID(offered(gateway, case, to=to).result["handoff"]) for to in (CSAM_FR, ABROAD)]

        def decline(
            node: Ports, to: str, handoff: UUID, barrier: threading.Barrier = barrier
        ) -> None:
            barrier.wait()
            said = answers.said("officer-1", "not ours")
            answers.decline(node, caller(to), gateway.key(), handoff, said)

        with ThreadPoolExecutor(2) as threads:
            list(threads.map(decline, nodes, (OFMIN, ABROAD), given))
        assert [gateway.handoff(one).state for one in given] == [HandoffState.DECLINED] * 2
    check_log(gateway)
