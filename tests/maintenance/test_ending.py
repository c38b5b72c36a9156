"""What ends by time ends within its term: cases and their keys, details, what moved."""

from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from gateway import wiring
from gateway.changes import CHANGES
from gateway.domain.audit import Coverage
from gateway.domain.case import CaseState
from gateway.domain.organisation import SCOPES
from gateway.domain.refusals import CaseKeysUnavailable, OutOfService
from gateway.exchange.lifecycle import succession_execution, successions
from gateway.exchange.lifecycle.successions import SuccessionApprovalRequest
from gateway.kernel import changes
from gateway.kernel.changes import Change
from gateway.kernel.ports import Ports, TransactionMode
from gateway.kernel.transact import RecordedRefusal
from gateway.kernel.values import HOST, Caller, LogQuery
from gateway.maintenance.ending import compare_keys
from gateway.maintenance.upkeep import RETRY_AFTER
from tests.founded_gateway import enter_staff
from tests.maintenance.upkeeping import DAY, due_in, maintained, overtaken
from tests.operating import Operator, execute


def state_of(ports: Ports, case: UUID) -> CaseState:
    with ports.begin(TransactionMode.READ) as work:
        found = work.cases.get("hotline", case)
    assert found is not None
    return found.state


def test_a_case_is_erased_on_its_day_within_a_minute_and_its_key_with_it(gw: Operator) -> None:
    with maintained(gw) as (upkeep, clock):
        ports = upkeep.gateway.ports
        case, key = due_in(ports, 2 * DAY)
        upkeep.step()
        assert state_of(ports, case) is CaseState.CLEARED
        clock.at += 2 * DAY
        upkeep.step()
        assert state_of(ports, case) is CaseState.ERASED
        assert ports.keys.states([key]) == {key: False}
        assert not upkeep.alarms()


def test_no_key_counts_as_unused_while_the_rows_differ_from_the_log(gw: Operator) -> None:
    with maintained(gw) as (upkeep, clock):
        ports = upkeep.gateway.ports
        _, key = due_in(ports, 90 * DAY)
        upkeep.step()
        execute(gw.folder / "keys.db", "UPDATE case_key SET made_at = 0")
        execute(gw.folder / "casegate.db", "UPDATE case_file SET content_key = NULL")
        clock.at += 9 * DAY
        upkeep.step()
        assert ports.keys.states([key]) == {key: True}
        assert any("no unused key" in one for one in upkeep.alarms())


def test_nor_where_rows_were_removed_since_they_were_compared(gw: Operator) -> None:
    with maintained(gw) as (upkeep, clock):
        ports = upkeep.gateway.ports
        _, key = due_in(ports, 90 * DAY)
        upkeep.step()
        execute(gw.folder / "keys.db", "UPDATE case_key SET made_at = 0")
        for removed in ("case_version", "case_file"):
            execute(gw.folder / "casegate.db", f"DELETE FROM {removed}")  # noqa: S608
        assert not upkeep.rows_differ
        with pytest.raises(OutOfService):
            compare_keys(upkeep, clock.at)
        assert ports.keys.states([key]) == {key: True}


def test_keys_that_do_not_answer_are_an_alarm_and_what_is_due_is_erased_later(
    gw: Operator, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_: Any) -> Any:
        raise CaseKeysUnavailable("the keys of cases cannot be reached now")

    with maintained(gw) as (upkeep, clock):
        ports = upkeep.gateway.ports
        case, key = due_in(ports, DAY)
        clock.at += DAY
        with monkeypatch.context() as broken:
            broken.setattr(ports.keys, "destroy", away)
            upkeep.step()
        assert state_of(ports, case) is CaseState.ERASED
        assert ["cases are not erased" in one for one in upkeep.alarms()].count(True) == 1
        assert ports.keys.states([key]) == {key: True}
        clock.at += RETRY_AFTER
        upkeep.step()
        assert ports.keys.states([key]) == {key: False}
        assert not [one for one in upkeep.alarms() if "erased" in one]


def test_a_frozen_log_erases_nothing_and_destroys_no_key(gw: Operator) -> None:
    with maintained(gw) as (upkeep, clock):
        ports = upkeep.gateway.ports
        case, key = due_in(ports, DAY)
        overtaken(gw)
        clock.at += 30 * DAY
        upkeep.step()
        assert state_of(ports, case) is CaseState.CLEARED
        assert ports.keys.states([key]) == {key: True}


def test_details_of_persons_end_with_their_term_within_a_day(gw: Operator) -> None:
    with maintained(gw) as (upkeep, clock):
        upkeep.step()
        change = Change("organisation.suspend", "nobody", {"reason": "for the test"})
        with pytest.raises(RecordedRefusal):
            changes.make(upkeep.gateway.ports, CHANGES, change, [])
        before = erased(upkeep.gateway)
        clock.at += 367 * DAY  # a year may have a leap day
        upkeep.step()
        assert (before, erased(upkeep.gateway)) == (0, 1)
        clock.at += DAY
        upkeep.step()
        assert erased(upkeep.gateway) == 1


def erased(gateway: wiring.GatewayRuntime) -> int:
    """How many events of erased details the gateway has."""
    whole = Coverage(whole=True)
    query = LogQuery(coverage=whole, limit=100, before=10**6, types=("log.details_erased",))
    with gateway.ports.begin(TransactionMode.READ) as work:
        return len(work.log.search(query))


def _offices(gw: Operator, day: str) -> UUID:
    """Two offices; the first one's mandate moves to the second on a day."""
    words = ("--kind", "police_office", "--country", "FR", "--public-authority")
    for slug in ("ocrvp", "ofmin"):
        gw.done("organisation", "admit", slug, "--name", slug, *words)
    mandate = ("--matter", "csam", "--territory", "FR", "--legal-act", "Decree", "--from")
    gw.done("mandate", "grant", "ocrvp", *mandate, "2006-05-08")
    days = ("--effective-on", day, "--read-until", "2099-01-02", "--legal-act", "Decree")
    gw.done("succession", "plan", "ocrvp", "ofmin", "--competence", "receive/csam/FR", *days)
    with gw.opened() as gateway, gateway.ports.begin(TransactionMode.READ) as work:
        (one,) = work.successions.all()
    return one.id


def test_a_succession_that_is_due_is_applied_and_until_then_says_for_whom_it_waits(
    gw: Operator,
) -> None:
    succession = _offices(gw, "2023-08-31")
    with maintained(gw) as (upkeep, clock):
        upkeep.step()
        (alarm,) = upkeep.alarms()
        assert alarm.endswith("(receive/csam/FR) is due, and waits for ocrvp and ofmin")
        for slug in ("ocrvp", "ofmin"):
            caller = Caller(slug, "desk", frozenset(SCOPES), HOST)
            ports = upkeep.gateway.ports
            enter_staff(ports.begin, slug, event=ports.new_id())
            successions.approve(
                ports, caller, f"key-{slug}", succession, SuccessionApprovalRequest("officer-1")
            )
        upkeep.step()  # within the same minute nothing is looked at again
        assert len(upkeep.alarms()) == 1
        clock.at += timedelta(minutes=1)
        upkeep.step()
        assert upkeep.alarms() == []
        with upkeep.gateway.ports.begin(TransactionMode.READ) as work:
            found = work.successions.get(succession)
        assert found is not None
        assert found.applied is not None


def test_a_succession_that_fails_keeps_neither_the_others_nor_the_upkeep(
    gw: Operator, monkeypatch: pytest.MonkeyPatch
) -> None:
    succession = _offices(gw, "2023-08-31")
    apply, tried = succession_execution.apply, list[UUID]()

    def broken(ports: Any, named: UUID) -> Any:
        tried.append(named)
        if len(tried) == 1:
            raise CaseKeysUnavailable("away")
        return apply(ports, named)

    with maintained(gw) as (upkeep, _):
        (one,) = succession_execution.due_successions(upkeep.gateway.ports)
        monkeypatch.setattr(succession_execution, "apply", broken)
        monkeypatch.setattr(succession_execution, "due_successions", lambda _ports: (one, one))
        upkeep.step()
        waits, failed = sorted(upkeep.alarms())
        assert "is not carried out: CaseKeysUnavailable in " in failed
        assert "is due, and waits for" in waits
    assert tried == [succession] * 2
