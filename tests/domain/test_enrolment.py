"""An invitation is used once, for one key, in 72 hours, unless it is withdrawn."""

from datetime import UTC, datetime, timedelta
from itertools import permutations
from uuid import UUID

import pytest

from gateway.domain.enrolment import (
    INVITATION_LIFE,
    RUN_LIFE,
    TOKEN,
    CompletedAction,
    ConformanceCheck,
    ConformanceRun,
    Invitation,
)
from gateway.domain.refusals import InvitationUnusable, WrongState
from tests.each import each

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
MADE = Invitation(
    UUID(int=1), "hotline", "desk", "d" * 43, ("martin", "dubois"), NOON + INVITATION_LIFE
)
REQUEST, ANOTHER = UUID(int=2), UUID(int=3)


def test_it_is_used_for_the_first_key_that_comes():
    used = MADE.use("key", REQUEST, NOON)
    assert (used.key, used.request) == ("key", REQUEST)


def test_the_same_key_goes_on_where_it_was_interrupted():
    used = MADE.use("key", REQUEST, NOON)
    assert used.use("key", ANOTHER, NOON + timedelta(hours=71)) is used


def test_another_key_is_refused_for_ever():
    used = MADE.use("key", REQUEST, NOON)
    with pytest.raises(InvitationUnusable):
        used.use("another", ANOTHER, NOON)


def test_it_ends_after_72_hours_for_everybody():
    used = MADE.use("key", REQUEST, NOON)
    last = NOON + INVITATION_LIFE - timedelta(microseconds=1)
    assert used.use("key", ANOTHER, last) is used
    for one in (MADE, used):
        with pytest.raises(InvitationUnusable, match="expired"):
            one.use("key", ANOTHER, NOON + INVITATION_LIFE)


def test_once_withdrawn_it_is_refused_and_not_withdrawn_again():
    gone = MADE.withdraw(NOON, served=False)
    with pytest.raises(InvitationUnusable, match="withdrawn"):
        gone.use("key", REQUEST, NOON)
    with pytest.raises(InvitationUnusable, match="before"):
        gone.withdraw(NOON, served=False)


def test_what_a_certificate_came_of_is_not_withdrawn_any_more():
    used = MADE.use("key", REQUEST, NOON)
    with pytest.raises(InvitationUnusable, match="revoke"):
        used.withdraw(NOON, served=True)
    assert used.withdraw(NOON, served=False).withdrawn_at == NOON


def test_a_token_is_256_bits_in_base64url():
    assert TOKEN.fullmatch("A" * 43)
    for other in ("A" * 42, "A" * 44, "A" * 42 + "=", "A" * 42 + "\n", ""):
        assert not TOKEN.fullmatch(other)


# --- A run is passed by all four steps, in any order, within a day ---


NEW = ConformanceRun(UUID(int=1), "hotline", "desk", NOON + RUN_LIFE, "{}")


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
    assert NEW.state(NOON + RUN_LIFE) == "ended"
    with pytest.raises(WrongState, match="ended"):
        NEW.done(CompletedAction.SENT, NOON + RUN_LIFE)
    last = NOON + RUN_LIFE - timedelta(seconds=1)
    run = NEW
    for mark in CompletedAction:
        run = run.done(mark, last)
    assert run.state(NOON + 2 * RUN_LIFE) == "passed"
    with pytest.raises(WrongState, match="passed"):
        run.done(CompletedAction.SENT, last)


def test_every_change_counts():
    assert NEW.done(CompletedAction.SENT, NOON).revision == NEW.with_sandbox("[]").revision == 2
