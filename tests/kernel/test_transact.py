"""What holds for a request of every kind of actor, however it comes."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any
from unittest.mock import Mock
from uuid import UUID

import pytest

from gateway.changes import CHANGES
from gateway.domain.refusals import (
    AuditLogUnavailable,
    Busy,
    ClockAhead,
    Forbidden,
    IdempotencyKeyReused,
    InvitationUnusable,
    LogFrozen,
    NotFound,
    Refusal,
    WrongState,
)
from gateway.exchange.handoffs import views
from gateway.kernel import changes
from gateway.kernel.changes import Bearer, Change
from gateway.kernel.ports import TransactionMode, UnitOfWork
from tests import answers
from tests.casework import offered, submitted
from tests.each import each
from tests.founded_gateway import (
    ABROAD,
    ALICE,
    BENOIT,
    DESK,
    HOTLINE,
    OFMIN,
    Founded,
    caller,
    make_change,
    shown,
    submit_change,
)
from tests.newcomers import TOKEN, Newcomer

DANGER = {"urgency": "imminent_danger", "urgency_reason": "child_located"}
UNKNOWN = "018f0000-0000-7000-8000-000000000000"
REINSTATEMENT = Change("organisation.reinstate", ABROAD, {"reason": "it is active already"})
ERASURE = Change("case.erase", HOTLINE, {"case": UNKNOWN, "reason": "an order"})
MEMBERSHIP = Change("membership.end", ABROAD, {"until": "2026-04-01"})


def _change(gateway: Founded) -> Callable[[], Any]:
    signed = gateway.approve(REINSTATEMENT)
    return lambda: make_change(gateway.ports, REINSTATEMENT, signed)


def _erasure(gateway: Founded) -> Callable[[], Any]:
    signed = gateway.approve(ERASURE)
    return lambda: make_change(gateway.ports, ERASURE, signed)


def _waiting(gateway: Founded) -> Callable[[], Any]:
    (signed,) = gateway.approve(MEMBERSHIP, ALICE)
    other = replace(MEMBERSHIP, organisation="nobody-here")
    return lambda: submit_change(gateway.ports, other, signed)


def _withdrawal(gateway: Founded) -> Callable[[], Any]:
    change = changes.withdrawal_of(gateway.new_id())
    (signed,) = gateway.approve(change, ALICE)
    proposal = gateway.new_id()
    return lambda: changes.withdraw(gateway.ports, proposal, signed)


def _enrolment(gateway: Founded) -> Callable[[], Any]:
    host = Newcomer(gateway)
    host.arrive()
    host.invite()
    return lambda: host.use(TOKEN, name="somebody-else")


def _question(gateway: Founded) -> Callable[[], Any]:
    handoff = UUID(offered(gateway).result["handoff"])
    return lambda: views.look_up(gateway.ports, caller(ABROAD), handoff)


REFUSED: dict[str, Callable[[Founded], Callable[[], Any]]] = {
    "a change": _change,
    "an erasure": _erasure,
    "a change that waits": _waiting,
    "a withdrawal": _withdrawal,
    "an enrolment": _enrolment,
    "a partner's question": _question,
}


@pytest.mark.parametrize(
    ("at", "trouble"),
    [
        ("begin", Busy("too many wait")),
        ("begin", OSError("the disk is full: /secret")),
        ("commit", OSError("the disk is full: /secret")),
    ],
)
@pytest.mark.parametrize("asked", REFUSED.values(), ids=REFUSED)
def test_a_refusal_that_cannot_be_recorded_is_answered_by_nobody(
    gateway: Founded, asked: Callable[[Founded], Callable[[], Any]], at: str, trouble: Exception
) -> None:
    act, begin, size = asked(gateway), gateway.ports.begin, gateway.size()

    @contextmanager
    def troubled(mode: TransactionMode, *key: Any) -> Iterator[UnitOfWork]:
        recording = mode is TransactionMode.WRITE  # in which refusals are recorded
        if recording and at == "begin":
            raise trouble
        with begin(mode, *key) as work:
            if recording:
                work.commit = Mock(side_effect=trouble)  # type: ignore[method-assign]
            yield work

    whole = gateway.ports
    gateway.ports = replace(whole, begin=troubled)
    with pytest.raises(AuditLogUnavailable) as refused:
        act()
    assert "secret" not in refused.value.detail
    gateway.ports = whole
    assert gateway.size() == size


def test_what_is_true_of_every_request_is_no_refusal_of_this_one(gateway: Founded) -> None:
    act, begin = _change(gateway), gateway.ports.begin

    def frozen(mode: TransactionMode, *key: Any) -> Any:
        if mode is TransactionMode.WRITE:
            raise LogFrozen("the log is frozen")
        return begin(mode, *key)

    gateway.ports = replace(gateway.ports, begin=frozen)
    with pytest.raises(LogFrozen):
        act()


def test_a_request_that_cannot_share_a_transaction_is_done_in_one_of_its_own(
    gateway: Founded,
) -> None:
    whole, modes = gateway.ports, list[TransactionMode]()

    @contextmanager
    def busy_where_shared(mode: TransactionMode, *key: Any) -> Iterator[UnitOfWork]:
        modes.append(mode)
        with whole.begin(mode, *key) as work:
            if mode is TransactionMode.SHARED:
                work.commit = Mock(side_effect=Busy("another holds a row"))  # type: ignore[method-assign]
            yield work

    gateway.ports = replace(whole, begin=busy_where_shared)
    size = gateway.size()
    submitted(gateway)
    assert modes[-2:] == [TransactionMode.SHARED, TransactionMode.WRITE]
    assert gateway.size() == size + 1


def test_what_was_done_meanwhile_answers_a_repetition_that_was_busy_first(
    gateway: Founded,
) -> None:
    """Sent twice at once: one try ends in a shared transaction, the next does not see the other."""
    handoff = UUID(offered(gateway, submitted(gateway)).result["handoff"])
    again = (
        answers.decline,
        caller(OFMIN),
        gateway.key(),
        handoff,
        answers.said("officer-1", "not ours"),
    )
    first, size = gateway.do(*again), gateway.size()
    whole, tries = gateway.ports, [Mock(side_effect=Busy("a row is held")), Mock(return_value=None)]

    @contextmanager
    def late(mode: TransactionMode, *key: Any) -> Iterator[UnitOfWork]:
        with whole.begin(mode, *key) as work:
            if mode is not TransactionMode.READ and tries:
                work.retries = Mock(get=tries.pop(0))
            yield work

    gateway.ports = replace(whole, begin=late)
    assert gateway.do(*again).result == first.result
    assert (tries, gateway.size()) == ([], size)


@each(
    "asked, kind, named",
    [
        (_change, WrongState, [ALICE, BENOIT]),
        (_erasure, NotFound, [ALICE, BENOIT]),
        (_enrolment, InvitationUnusable, [ALICE, BENOIT]),
    ],
)
def test_a_refusal_names_who_asked_to_the_gateway_alone(
    gateway: Founded,
    asked: Callable[[Founded], Callable[[], Any]],
    kind: type[Refusal],
    named: list[str],
) -> None:
    act, size = asked(gateway), gateway.size()
    refused = gateway.refusal(lambda _: act())
    assert isinstance(refused.refusal, kind)
    assert gateway.size() == size + 1
    told = shown(refused.receipt)
    assert told.get("by", named) == named
    assert "subject" in told


def test_a_repeated_change_gets_the_whole_first_result_whatever_has_changed_since(
    gateway: Founded,
) -> None:
    bearer = Bearer(caller(HOTLINE), "the-same-key")
    stop = Change("organisation.suspend", ABROAD, {"reason": "under review"})
    signed = gateway.approve(stop, ALICE)
    first = make_change(gateway.ports, stop, signed, bearer)
    gateway.administer("organisation.reinstate", ABROAD, reason="cleared up")
    size = gateway.size()
    again = make_change(gateway.ports, stop, signed, bearer)
    assert again.result == first.result
    assert again.result["status"] == "suspended"
    assert gateway.size() == size


def test_a_key_stands_for_one_step_of_one_change(gateway: Founded) -> None:
    """What was made under a key is not what another step under the key would have been."""
    bearer = Bearer(caller(HOTLINE), "the-same-key")
    gateway.administer("system.set_admin_scopes", HOTLINE, system=DESK, scopes=["admin"])
    stop = Change("organisation.suspend", ABROAD, {"reason": "under review"})
    make_change(gateway.ports, stop, gateway.approve(stop, ALICE), bearer)
    with pytest.raises(Refusal) as reused:
        changes.submit(gateway.ports, CHANGES, stop, ["x"], bearer)
    assert "used with another request" in reused.value.detail


def test_an_allowed_request_names_the_rules_that_allowed_it(gateway: Founded) -> None:
    assert shown(submitted(gateway).receipt)["rules"] == ["R2.own_case"]


def test_a_key_stands_for_the_approvals_that_came_with_it(gateway: Founded) -> None:
    """Who brings other signatures gets no receipt of a change that those did not make."""
    bearer = Bearer(caller(HOTLINE), "the-same-key")
    stop = Change("organisation.suspend", ABROAD, {"reason": "under review"})
    make_change(gateway.ports, stop, gateway.approve(stop, ALICE), bearer)
    for others in ([], ["x"], gateway.approve(stop, ALICE)):
        with pytest.raises(IdempotencyKeyReused):
            make_change(gateway.ports, stop, others, bearer)


def test_policy_says_no_to_one_person_where_two_are_needed_now(gateway: Founded) -> None:
    """What cannot wait, for it needs what is at hand, is refused on record."""
    refused = gateway.refusal(make_change, MEMBERSHIP, gateway.approve(MEMBERSHIP, ALICE))
    assert isinstance(refused.refusal, Forbidden)
    assert refused.refusal.rules == ("R10.two_persons",)


# --- A clock that was moved ahead


def test_while_the_clock_is_moved_ahead_only_an_imminent_danger_is_recorded(
    gateway: Founded,
) -> None:
    whole, size = gateway.ports, gateway.size()
    gateway.ports = replace(whole, leapt=lambda: True)
    with pytest.raises(ClockAhead) as refused:
        submitted(gateway)
    assert "set it right by NTP" in refused.value.detail
    assert gateway.size() == size
    case = submitted(gateway, **DANGER)
    handoff = UUID(offered(gateway, case).result["handoff"])
    assert gateway.handoff(handoff).urgency == "imminent_danger"
    gateway.ports = whole
    submitted(gateway)


def test_while_the_clock_is_moved_ahead_no_refusal_is_recorded_or_told(gateway: Founded) -> None:
    asked = _question(gateway)
    size = gateway.size()
    gateway.ports = replace(gateway.ports, leapt=lambda: True)
    with pytest.raises(ClockAhead):
        asked()
    assert gateway.size() == size
