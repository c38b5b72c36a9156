"""Rows are held against the log within the hour; what differs is out of service."""

from datetime import timedelta
from typing import NoReturn
from uuid import UUID

import pytest

from gateway.domain.refusals import CaseKeysUnavailable
from gateway.kernel.ports import TransactionMode
from gateway.maintenance.comparison import PROVED, proved_before
from gateway.store.keyring import AWAY
from gateway.store.proved import RowsProof
from tests.maintenance.upkeeping import DAY, HOUR, NOW, due_in, maintained, member
from tests.marks import raise_mark_file
from tests.operating import Operator, execute


def test_rows_are_compared_again_within_minutes_where_that_was_quick(gw: Operator) -> None:
    with maintained(gw) as (upkeep, clock):
        due_in(upkeep.gateway.ports, 90 * DAY)
        upkeep.step()
        execute(gw.folder / "casegate.db", "UPDATE case_file SET content_key = NULL")
        assert not upkeep.rows_differ
        clock.at += HOUR / 2
        upkeep.step()
        assert upkeep.rows_differ


def test_a_row_of_the_registry_without_its_event_is_an_alarm_and_not_used(gw: Operator) -> None:
    with maintained(gw) as (upkeep, clock):
        upkeep.step()
        assert not upkeep.alarms()
        member(upkeep.gateway)
        clock.at += HOUR
        upkeep.step()
        assert [alarm for alarm in upkeep.alarms() if "ofmin" in alarm]
        with upkeep.gateway.ports.begin(TransactionMode.READ) as work:
            stopped = work.organisations.get("ofmin")
    assert stopped is not None
    assert not stopped.active


def test_rows_are_compared_from_what_was_proved_for_a_day_and_then_as_a_whole(
    gw: Operator,
) -> None:
    with maintained(gw) as (upkeep, clock):
        since = []
        for _ in range(26):
            upkeep.step()
            proved = proved_before(gw.config, clock.at)
            assert proved is not None
            since.append(proved.since)
            clock.at += HOUR
    assert [one - NOW for one in since] == [timedelta(0)] * 24 + [DAY] * 2
    assert (gw.folder / PROVED).stat().st_mode & 0o777 == 0o600


def test_what_cannot_be_compared_stops_nothing_else_and_brings_nothing_back(
    gw: Operator, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = {("organisation", "ofmin"), ("case", f"hotline/{UUID(int=1)}")}

    def away(_: RowsProof) -> NoReturn:
        raise CaseKeysUnavailable(AWAY)

    def unreadable(_: RowsProof) -> NoReturn:
        raise KeyError

    with maintained(gw) as (upkeep, clock):
        upkeep.step()
        with upkeep.gateway.store.begin(TransactionMode.REGISTRY) as work:
            work.organisations.put_out_of_service(frozenset(out))
            work.commit()
        monkeypatch.setattr(RowsProof, "handoffs", away)
        monkeypatch.setattr(RowsProof, "registry", unreadable)
        clock.at += HOUR
        upkeep.step()
        told = " ".join(upkeep.alarms())
        assert "the registry is not compared with the log: KeyError: a value" in told
        assert f"cases and handoffs are not compared with the log: {AWAY}" in told
        assert upkeep.rows_differ
        with upkeep.gateway.ports.begin(TransactionMode.READ) as work:
            assert work.organisations.out_of_service() == out
        monkeypatch.undo()
        clock.at += HOUR
        upkeep.step()
        with upkeep.gateway.ports.begin(TransactionMode.READ) as work:
            assert not work.organisations.out_of_service()


def test_the_registry_is_held_against_a_frozen_log_too(gw: Operator) -> None:
    with gw.opened() as gateway:
        member(gateway)
    raise_mark_file(gw.folder / "high-water-mark", gw.config.log_origin)
    with maintained(gw) as (upkeep, _):
        upkeep.start()
        with upkeep.gateway.ports.begin(TransactionMode.READ) as work:
            assert work.organisations.out_of_service() == {("organisation", "ofmin")}
