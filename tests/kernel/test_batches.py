"""Several writes of one caller: up to twenty share a commit, and a stop between two loses none."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from gateway.domain.answers import KIND_OF_ACTION
from gateway.domain.refusals import AlreadyExists, Busy, IdempotencyKeyReused
from gateway.exchange.case.submissions import Submission, submit
from gateway.exchange.handoffs import answers, offers
from gateway.exchange.handoffs.answering import AnswerRequest
from gateway.kernel.authentication import NotAuthenticated
from gateway.kernel.ports import Ports, TransactionMode, UnitOfWork
from gateway.kernel.transact import AT_ONCE, RecordedRefusal, Write, WriteResult, transact_each
from gateway.kernel.values import Credentials
from tests.casework import CLEARED, case_content, conditions_of, offer_of, submitted
from tests.founded_gateway import HOTLINE, OFMIN, Founded, caller, fields_of
from tests.founding import founded_at
from tests.log_check import check_log
from tests.store import places

ACCEPT = KIND_OF_ACTION["handoff.accept"]


@pytest.fixture(params=["sqlite", "postgresql"])
def gateway(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Founded]:
    """The founded gateway on a database of each kind; its log must hold together."""
    place = places.sqlite(tmp_path) if request.param == "sqlite" else places.postgresql()
    made = founded_at(place)
    yield made
    check_log(made)
    place.close()


def submissions(gateway: Founded, count: int) -> list[Write]:
    asked = (Submission("intake-1", case_content(gateway.new_id()), CLEARED) for _ in range(count))
    return [submit(gateway.key(), one) for one in asked]


def events_of(done: list[Any]) -> list[str]:
    return [fields_of(one.receipt)["id"] for one in done]


class Stops:
    """Ports whose process ends when it begins its ``last`` shared transaction."""

    def __init__(self, gateway: Founded, last: int = 1000) -> None:
        self.begun, self._last, self._begin = 0, last, gateway.ports.begin
        self.ports: Ports = replace(gateway.ports, begin=self.begin)

    @contextmanager
    def begin(self, mode: TransactionMode, *key: Any) -> Iterator[UnitOfWork]:
        self.begun += mode is TransactionMode.SHARED
        if self.begun == self._last:
            raise KeyboardInterrupt
        with self._begin(mode, *key) as work:
            yield work


def test_up_to_twenty_share_a_commit(gateway):
    counted, writes = Stops(gateway), submissions(gateway, 2 * AT_ONCE + 1)
    done = transact_each(counted.ports, caller(HOTLINE), writes)
    assert len(set(events_of(done))) == len(writes)
    assert counted.begun == 3
    sizes = {one.receipt.proof.partition("\n\n")[2] for one in done}
    assert len(sizes) == 3


def test_a_stop_between_two_commits_loses_nothing_and_the_repeat_gives_the_same(gateway):
    writes, before = submissions(gateway, AT_ONCE + 5), gateway.size()
    with pytest.raises(KeyboardInterrupt):
        transact_each(Stops(gateway, 2).ports, caller(HOTLINE), writes)
    assert gateway.size() == before + AT_ONCE
    first = transact_each(gateway.ports, caller(HOTLINE), writes)
    again = transact_each(gateway.ports, caller(HOTLINE), writes[::-1])
    assert gateway.size() == before + len(writes)
    assert events_of(first) == events_of(again)[::-1]
    assert [one.result for one in first] == [one.result for one in again[::-1]]


def test_a_stop_within_a_commit_keeps_what_was_done_before_it(gateway):
    writes, before = submissions(gateway, 5), gateway.size()

    def stop(_: Any) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        stopped = [*writes[:3], writes[3]._replace(act=stop), writes[4]]
        transact_each(gateway.ports, caller(HOTLINE), stopped)
    assert gateway.size() == before + 3
    assert len(set(events_of(transact_each(gateway.ports, caller(HOTLINE), writes)))) == 5
    assert gateway.size() == before + 5


def test_what_is_refused_changes_nothing_and_the_others_go_on(gateway):
    writes = submissions(gateway, 6)
    taken = Submission("intake-1", case_content(UUID(int=0)), CLEARED)
    there = UUID(submitted(gateway).result["case"])
    writes[1] = submit(gateway.key(), replace(taken, content=case_content(there)))
    same = replace(CLEARED, cleared_by=CLEARED.assessed_by)
    late = Submission("intake-1", case_content(gateway.new_id()), same)
    writes[3] = submit(gateway.key(), late)
    size = gateway.size()
    done = transact_each(gateway.ports, caller(HOTLINE), writes)
    assert isinstance(done[1], AlreadyExists)
    assert isinstance(done[3], RecordedRefusal)
    gateway.confirm(done[3].receipt)
    assert all(isinstance(one, WriteResult) for n, one in enumerate(done) if n not in (1, 3))
    assert gateway.size() == size + 5


def test_a_key_that_stands_twice_is_done_once(gateway):
    one, other = submissions(gateway, 2)
    reused = Write(replace(other.request, key=one.request.key), other.act, other.on_retry)
    size = gateway.size()
    first, again, refused = transact_each(gateway.ports, caller(HOTLINE), [one, one, reused])
    assert first.result == again.result
    assert isinstance(refused, IdempotencyKeyReused)
    assert gateway.size() == size + 1


def test_cases_are_submitted_offered_and_accepted_in_batches(gateway):
    count = AT_ONCE + 1
    done = transact_each(gateway.ports, caller(HOTLINE), submissions(gateway, count))
    offered = [offers.offer(gateway.key(), one.result.case, offer_of(gateway)) for one in done]
    sent = transact_each(gateway.ports, caller(HOTLINE), offered)
    accepting = []
    for one in sent:
        conditions = conditions_of(gateway, one.result.handoff, OFMIN)
        request = AnswerRequest(ACCEPT, "officer-1", {"conditions": conditions})
        accepting.append(answers.answer(gateway.key(), one.result.handoff, request))
    accepted = transact_each(gateway.ports, caller(OFMIN), accepting)
    assert {one.result.state for one in accepted} == {"accepted"}
    assert len(set(events_of(accepted))) == count


def test_who_is_not_authenticated_any_more_is_refused_the_whole(gateway):
    stranger = replace(caller(HOTLINE), credentials=Credentials("no thumbprint", (), None))
    with pytest.raises(NotAuthenticated):
        transact_each(gateway.ports, stranger, submissions(gateway, 2))


def test_a_line_that_is_too_long_is_the_answer_to_each(gateway):
    @contextmanager
    def busy(mode: TransactionMode, *key: Any) -> Iterator[UnitOfWork]:
        raise Busy("too many writers wait")
        yield

    ports = replace(gateway.ports, begin=busy)
    done = transact_each(ports, caller(HOTLINE), submissions(gateway, 2))
    assert [type(one) for one in done] == [Busy, Busy]
