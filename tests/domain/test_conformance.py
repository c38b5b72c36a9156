"""A run is passed by all four steps, in any order, within a day."""

from datetime import UTC, datetime, timedelta
from itertools import permutations
from uuid import UUID

import pytest

from gateway.domain.conformance import LIFE, CompletedAction, ConformanceCheck, ConformanceRun
from gateway.domain.refusals import WrongState
from tests.each import each

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
NEW = ConformanceRun(UUID(int=1), "hotline", "desk", NOON + LIFE, "{}")


@each("order", list(permutations(CompletedAction)))
def test_it_is_passed_with_the_last_step_whatever_the_order(order):
    run, waiting = NEW, []
    for mark in order:
        try:
            run = run.done(mark, NOON)
        except WrongState:
            waiting.append(mark)
            continue
        assert (run.passed_at is not None) is all(run.steps.values())
    in_order = [CompletedAction.ACCEPTED, CompletedAction.CONSULTED, CompletedAction.READ]
    assert bool(waiting) is (sorted(in_order, key=order.index) != in_order)


def test_each_step_is_passed_by_its_own_mark():
    run = NEW.done(CompletedAction.SENT, NOON)
    assert [step for step, passed in run.steps.items() if passed] == [ConformanceCheck.SEND]
    assert run.state(NOON) == "open"


def test_a_run_that_is_over_takes_nothing_more():
    assert NEW.state(NOON + LIFE) == "ended"
    with pytest.raises(WrongState, match="ended"):
        NEW.done(CompletedAction.SENT, NOON + LIFE)
    last = NOON + LIFE - timedelta(seconds=1)
    run = NEW
    for mark in CompletedAction:
        run = run.done(mark, last)
    assert run.state(NOON + 2 * LIFE) == "passed"
    with pytest.raises(WrongState, match="passed"):
        run.done(CompletedAction.SENT, last)


def test_every_change_counts():
    assert NEW.done(CompletedAction.SENT, NOON).revision == NEW.with_sandbox("[]").revision == 2
