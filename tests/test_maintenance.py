"""Maintenance: lists each hour and at once, renewals, requests, one at a time, whatever happens."""

import errno
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from cryptography import x509
from sqlalchemy import create_engine, text

from gateway import files, maintenance, metrics, wiring
from gateway.changes import CHANGES
from gateway.domain.audit import Coverage
from gateway.domain.audit_event import AuditEvent, EventResult, Party
from gateway.domain.case import CaseState
from gateway.domain.organisation import SCOPES, Certificate, Organisation, Status, System
from gateway.domain.refusals import Busy, CaseKeysUnavailable, LogFrozen, OutOfService
from gateway.exchange.lifecycle import succession_execution, successions
from gateway.exchange.lifecycle.successions import SuccessionApprovalRequest
from gateway.kernel import changes
from gateway.kernel.changes import Change
from gateway.kernel.ports import Ports, TransactionMode
from gateway.kernel.transact import AHEAD, RecordedRefusal
from gateway.kernel.values import HOST, Caller, CertificateOrder, LogQuery, TreeHead
from gateway.maintenance import AlreadyRunning, Maintenance
from gateway.pki import authority, rotation
from gateway.pki.authority import (
    CHAIN_FILE,
    CRL_FILE,
    ROOT_FILE,
    AuthorityError,
    CertificateAuthority,
    authority_id,
    load_authority,
    make_issuing,
)
from gateway.store import migrations
from gateway.store.database import UnsuitableDatabase
from gateway.wiring import IssuingAuthority
from tests.founding import enter_staff
from tests.marks import raise_mark_file
from tests.operating import MARTIN, NEW, PASSPHRASE, Operator, asked, execute, operator
from tests.store.samples import case as sample

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
NOW = datetime.now(UTC).replace(microsecond=0)  # noqa: TID251 - the folder is of today


@pytest.fixture
def gw(tmp_path: Path) -> Operator:
    made = operator(tmp_path)
    # It was founded after NOW.
    execute(made.folder / "casegate.db", "UPDATE log_head SET newest = NULL")
    return made


class Clock:
    """Moves when told."""

    def __init__(self) -> None:
        self.at = NOW

    def __call__(self) -> datetime:
        return self.at


@contextmanager
def maintained(gw: Operator) -> Iterator[tuple[Maintenance, Clock]]:
    """The upkeep of a gateway on a clock that stands."""
    clock = Clock()
    with gw.opened(clock) as gateway:
        yield Maintenance(gateway, IssuingAuthority(gateway.config)), clock


def member(gateway: wiring.GatewayRuntime, *certificates: Certificate) -> None:
    """A member with a system and these certificates."""
    with gateway.ports.begin(TransactionMode.REGISTRY) as work:
        none: frozenset[str] = frozenset()
        work.organisations.add(
            Organisation("ofmin", "OFMIN", "police_office", True, none, "FR", Status.ACTIVE)
        )
        work.organisations.add_system(System("ofmin", "desk", none))
        for one in certificates:
            work.organisations.add_certificate(one)
        work.commit()


def revoke(gateway: wiring.GatewayRuntime, certificate: Certificate, at: datetime = NOW) -> None:
    with gateway.ports.begin(TransactionMode.REGISTRY) as work:
        work.organisations.save_certificate(replace(certificate, revoked_at=at))
        work.commit()


def certificate(serial: int, ends: datetime = NOW + 30 * DAY) -> Certificate:
    return Certificate(f"thumbprint-{serial}", serial, "ofmin", "desk", ends)


def revocations(gw: Operator) -> x509.CertificateRevocationList:
    return x509.load_pem_x509_crl((gw.config.published / CRL_FILE).read_bytes())


def published_at(gw: Operator) -> datetime:
    ends = revocations(gw).next_update_utc
    assert ends is not None
    return ends - timedelta(hours=48)


# --- Revocation lists


def test_a_list_is_published_at_the_start_and_then_each_hour(gw: Operator) -> None:
    with maintained(gw) as (upkeep, clock):
        for minutes in (0, 1, 59, 60, 61, 119, 120):
            clock.at = NOW + timedelta(minutes=minutes)
            upkeep.step()
            assert published_at(gw) == NOW + timedelta(minutes=minutes // 60 * 60)


def test_a_revocation_is_published_at_once(gw: Operator) -> None:
    lost, kept = certificate(7), certificate(8)
    with maintained(gw) as (upkeep, clock):
        member(upkeep.gateway, lost, kept)
        upkeep.step()
        revoke(upkeep.gateway, lost)
        clock.at += timedelta(seconds=1)
        upkeep.step()
    listed = revocations(gw)
    entry = listed.get_revoked_certificate_by_serial_number(7)
    assert entry is not None
    assert entry.revocation_date_utc == NOW
    assert listed.get_revoked_certificate_by_serial_number(8) is None


def overtaken(gw: Operator) -> None:
    raise_mark_file(gw.folder / "high-water-mark", gw.config.log_origin)


def lost(gw: Operator) -> None:
    (gw.folder / "high-water-mark").unlink()


@pytest.mark.parametrize("harm", [overtaken, lost])
def test_an_older_copy_of_the_database_lets_nobody_in_again_who_was_revoked(
    gw: Operator, harm: Callable[[Operator], None]
) -> None:
    lost, late, kept = certificate(7), certificate(8), certificate(9)
    with maintained(gw) as (upkeep, clock):
        member(upkeep.gateway, lost, late, kept)
        revoke(upkeep.gateway, lost)
        upkeep.step()
        before = "UPDATE certificate SET revoked_at = NULL"
        execute(gw.folder / "casegate.db", before)
        revoke(upkeep.gateway, late)
        harm(gw)
        clock.at += timedelta(hours=1)
        upkeep.step()
        assert {entry.serial_number for entry in revocations(gw)} == {7, 8}
        again = Maintenance(upkeep.gateway, IssuingAuthority(gw.config))
        execute(gw.folder / "casegate.db", before)
        again.step()
    assert {entry.serial_number for entry in revocations(gw)} == {7, 8}
    assert published_at(gw) == NOW + timedelta(hours=1)


def test_a_certificate_stays_listed_until_it_would_have_ended(gw: Operator) -> None:
    lost = certificate(7, ends=NOW + DAY)
    with maintained(gw) as (upkeep, clock):
        member(upkeep.gateway, lost)
        revoke(upkeep.gateway, lost)
        for offset, listed in [(DAY - HOUR, 1), (DAY + HOUR, 0)]:
            clock.at = NOW + offset
            upkeep.step()
            assert len(list(revocations(gw))) == listed


def test_a_list_is_whole_at_every_moment_and_read_by_everybody(gw: Operator) -> None:
    with maintained(gw) as (upkeep, _):
        before = (gw.config.published / CRL_FILE).stat()
        upkeep.step()
        after = (gw.config.published / CRL_FILE).stat()
    assert before.st_ino != after.st_ino
    assert after.st_mode & 0o777 == 0o644
    assert not list(gw.config.published.glob(".*"))


# --- Renewals


def served(gw: Operator) -> dict[str, datetime]:
    """When the listeners' certificates end."""
    return {
        file.name: x509.load_pem_x509_certificates(file.read_bytes())[0].not_valid_after_utc
        for file in gw.config.server.glob("*.pem")
    }


@pytest.mark.parametrize("pause", [31 * DAY, 365 * DAY])
def test_after_a_long_pause_one_step_makes_everything_fresh(gw: Operator, pause: timedelta) -> None:
    with maintained(gw) as (upkeep, clock):
        clock.at = NOW + pause
        assert authority.alarms(gw.config.published, clock.at)
        upkeep.step()
        assert upkeep.alarms() == []
    assert published_at(gw) == NOW + pause
    assert served(gw) == {
        "public.pem": NOW + pause + 30 * DAY,
        "partners.pem": NOW + pause + 30 * DAY,
        "deliver.pem": NOW + pause + 30 * DAY,
    }


def test_a_listener_with_another_name_gets_its_certificate_at_the_next_start(gw: Operator) -> None:
    gw.set("partners", "url", '"https://other.example.org"')
    with maintained(gw) as (upkeep, _):
        upkeep.step()
    pem = (gw.config.server / "partners.pem").read_bytes()
    leaf = x509.load_pem_x509_certificates(pem)[0]
    named = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert named.get_values_for_type(x509.DNSName) == ["other.example.org"]


def test_a_gateway_whose_authority_has_ended_does_not_start(gw: Operator) -> None:
    with maintained(gw) as (upkeep, clock):
        clock.at = NOW + 1096 * DAY
        with pytest.raises(AuthorityError):
            upkeep.start()
        (said,) = [one for one in upkeep.alarms() if one.startswith("lists are not published")]
    assert "ca rotate --step publish --no-wait" in said
    assert "ca rotate --step activate --no-wait" in said


def test_a_full_disk_is_told_as_one(gw: Operator, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "/srv/casegate/published/crl.pem")

    monkeypatch.setattr(maintenance.authority, "publish_crls", full)
    with maintained(gw) as (upkeep, _):
        upkeep.step()
        assert (
            "lists are not published: the disk is full: make room (/srv/casegate/published/crl.pem)"
            in upkeep.alarms()
        )


# --- A clock that jumps


def test_while_the_clock_is_moved_ahead_nothing_is_published_or_recorded(gw: Operator) -> None:
    with maintained(gw) as (upkeep, clock):
        upkeep.step()
        moved = [False]
        ports = replace(upkeep.gateway.ports, leapt=lambda: moved[0])
        upkeep.gateway = replace(upkeep.gateway, ports=ports)
        before, size = published_at(gw), gw.size()
        moved[0] = True
        clock.at += 2 * HOUR
        upkeep.step()
        assert upkeep.alarms() == [AHEAD]
        assert (published_at(gw), gw.size()) == (before, size)
        moved[0] = False
        upkeep.step()
        assert upkeep.alarms() == []
        assert published_at(gw) == NOW + 2 * HOUR


def test_lists_of_a_time_to_come_are_made_again_once_the_clock_is_right(gw: Operator) -> None:
    with maintained(gw) as (upkeep, clock):
        clock.at = NOW + DAY
        upkeep.step()
        assert published_at(gw) == NOW + DAY
        (said,) = authority.alarms(gw.config.published, NOW)
        assert "is to come: its clients are refused" in said
        clock.at = NOW
        upkeep.step()
        assert published_at(gw) == NOW
        assert upkeep.alarms() == []


def test_what_is_done_each_hour_waits_for_no_clock_that_has_gone_back(gw: Operator) -> None:
    with maintained(gw) as (upkeep, clock):
        clock.at = NOW + DAY
        upkeep.step()
        clock.at = NOW
        execute(gw.folder / "casegate.db", "UPDATE person SET enabled = 0 WHERE id = 'martin'")
        upkeep.step()
        assert any("martin" in one for one in upkeep.alarms())


# --- Certificate requests


def served_of(upkeep: Maintenance, request: CertificateOrder) -> CertificateOrder:
    """A request as it is stored now."""
    with upkeep.gateway.ports.begin(TransactionMode.READ) as work:
        found = work.signing.get(request.id)
    assert found is not None
    return found


def test_requests_are_served_once_and_a_bad_one_holds_up_no_other(gw: Operator) -> None:
    with maintained(gw) as (upkeep, _):
        member(upkeep.gateway)
        bad, good = asked(upkeep.gateway, "no request"), asked(upkeep.gateway)
        upkeep.step()
        first, second = served_of(upkeep, bad), served_of(upkeep, good)
        assert first.refusal
        assert (second.certificate or "").count("BEGIN CERTIFICATE") == 2
        upkeep.step()
        assert (served_of(upkeep, bad), served_of(upkeep, good)) == (first, second)
    assert gw.size() == NEW + 4


def test_requests_are_served_while_it_runs(gw: Operator) -> None:
    with gw.opened() as gateway:
        member(gateway)
        waiting = asked(gateway)
        steps = iter([False, True])
        alarms: list[str] = []
        maintenance.run(gw.config, lambda: next(steps), alarms.append)
        assert all("registry" in alarm for alarm in alarms), "the member is of no event, else none"
        with gateway.ports.begin(TransactionMode.READ) as work:
            found = work.signing.get(waiting.id)
    assert found is not None
    assert found.certificate


# --- The log


def test_a_log_that_is_behind_its_mark_stops_what_is_recorded_but_no_list(gw: Operator) -> None:
    with maintained(gw) as (upkeep, clock):
        member(upkeep.gateway)
        waiting = asked(upkeep.gateway)
        marked = upkeep.gateway.mark.read()
        ahead = replace(marked, head=TreeHead(99, b"\1" * 32))  # type: ignore[type-var]
        assert upkeep.gateway.mark.advance(marked, ahead)
        clock.at += HOUR
        upkeep.step()
        assert isinstance(upkeep.log_refusal, LogFrozen)
        assert any(alarm.startswith("log frozen: ") for alarm in upkeep.alarms())
        assert served_of(upkeep, waiting) == waiting
    assert published_at(gw) == NOW + HOUR


# --- One at a time


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


def test_rows_are_compared_again_within_minutes_where_that_was_quick(gw: Operator) -> None:
    with maintained(gw) as (upkeep, clock):
        due_in(upkeep.gateway.ports, 90 * DAY)
        upkeep.step()
        execute(gw.folder / "casegate.db", "UPDATE case_file SET content_key = NULL")
        assert not upkeep.rows_differ
        clock.at += HOUR / 2
        upkeep.step()
        assert upkeep.rows_differ


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
            maintenance.compare_keys(upkeep, clock.at)
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
        clock.at += maintenance.RETRY_AFTER
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


def due_in(ports: Ports, after: timedelta) -> tuple[UUID, UUID]:
    """A case of some hotline, to be erased on the day that comes then; with its key."""
    day = (NOW + after).date()
    digest, cleared = "A" * 43, CaseState.CLEARED
    made, version = sample(
        "hotline", digest=digest, cleared_digest=digest, state=cleared, erase_on=day
    )
    version = replace(version, summary={**version.summary, "erase_on": day.isoformat()})
    with ports.begin(TransactionMode.WRITE) as work:
        work.cases.add(made, version)
        for action, event in (("case.submit", version.event), ("case.clear", ports.new_id())):
            work.log.record(
                AuditEvent(
                    id=event,
                    action=action,
                    result=EventResult.ALLOWED,
                    parties=(Party("hotline", "actor"),),
                    case_digest=version.digest,
                )
            )
        work.commit()
    with ports.begin(TransactionMode.READ) as work:
        key = work.cases.key_of("hotline", made.id)
    assert key is not None
    return made.id, key


def state_of(ports: Ports, case: UUID) -> CaseState:
    with ports.begin(TransactionMode.READ) as work:
        found = work.cases.get("hotline", case)
    assert found is not None
    return found.state


def test_details_of_persons_end_with_their_term_within_a_day(gw: Operator) -> None:
    with maintained(gw) as (upkeep, clock):
        upkeep.step()
        change = Change("organisation.suspend", "nobody", {"reason": "for the test"})
        with pytest.raises(RecordedRefusal):
            changes.make(upkeep.gateway.ports, CHANGES, change, [])
        before = erased(upkeep.gateway)
        clock.at += 366 * DAY
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


def test_two_maintainers_refuse_each_other(gw: Operator) -> None:
    with maintenance.holding(gw.config):
        with pytest.raises(AlreadyRunning):
            maintenance.run(gw.config, lambda: True, pytest.fail)
        with pytest.raises(AlreadyRunning), maintenance.holding(gw.config):
            pass
    maintenance.run(gw.config, lambda: True, pytest.fail)


def test_a_maintainer_that_was_killed_holds_up_nobody(gw: Operator) -> None:
    program = (
        "import sys, time; from pathlib import Path; from gateway import maintenance, wiring\n"
        "with maintenance.holding(wiring.load_config(Path(sys.argv[1]))):\n"
        "    print('held', flush=True); time.sleep(60)"
    )
    command = [sys.executable, "-c", program, str(gw.folder)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        with pytest.raises(AlreadyRunning), maintenance.holding(gw.config):
            pass
        process.send_signal(signal.SIGKILL)
        process.wait()
    with maintenance.holding(gw.config):
        pass


def test_the_lock_is_nobody_else_s_to_take(gw: Operator) -> None:
    with maintenance.holding(gw.config):
        assert (gw.folder / maintenance.LOCK_FILE).stat().st_mode & 0o777 == 0o600


# --- Alarms


def run_steps(gw: Operator, *between: Callable[[], Any]) -> list[str]:
    """Maintain one step more than there are events between; what the operator was told."""
    told: list[str] = []
    events = iter(between)

    def pause() -> bool:
        try:
            next(events)()
        except StopIteration:
            return True
        return False

    maintenance.run(gw.config, pause, told.append)
    return told


def test_an_alarm_is_told_once_and_again_when_it_comes_back(gw: Operator) -> None:
    chain = gw.config.published / CHAIN_FILE
    kept = chain.read_bytes()
    told = run_steps(
        gw,
        chain.unlink,
        lambda: None,
        lambda: chain.write_bytes(kept),
        chain.unlink,
    )
    assert told == [f"{chain} cannot be read: every client is refused"] * 2


def test_a_task_that_fails_is_told_without_its_words_is_retried_and_keeps_no_other(
    gw: Operator, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs: list[datetime] = []

    def fail_twice(_: Maintenance, now: datetime) -> maintenance.TaskReport:
        runs.append(now)
        if len(runs) < 3:
            raise ZeroDivisionError("a secret")
        return maintenance.TaskReport()

    task = maintenance.Task("broken", DAY, fail_twice, "it is not done")
    monkeypatch.setattr(maintenance, "TIMETABLE", (task, *maintenance.TIMETABLE))
    with maintained(gw) as (upkeep, clock):
        for _ in range(4):
            upkeep.step()
            told = upkeep.alarms()
            assert told == [] if len(runs) == 3 else told[0].startswith("it is not done: ZeroDiv")
            assert not any("secret" in sentence for sentence in told)
            clock.at += maintenance.RETRY_AFTER
        assert runs == [NOW + number * maintenance.RETRY_AFTER for number in range(3)]
    assert published_at(gw) == NOW


def test_what_has_work_left_goes_on_in_the_next_step(
    gw: Operator, monkeypatch: pytest.MonkeyPatch
) -> None:
    left = [True, True, False]

    def work(_: Maintenance, now: datetime) -> maintenance.TaskReport:
        return maintenance.TaskReport(more=left.pop(0))

    monkeypatch.setattr(maintenance, "TIMETABLE", (maintenance.Task("work", DAY, work, "stuck"),))
    with maintained(gw) as (upkeep, _):
        for _ in range(5):
            upkeep.step()
    assert left == []


def test_a_start_fails_with_what_it_cannot_do_without(
    gw: Operator, monkeypatch: pytest.MonkeyPatch
) -> None:
    def busy(*_: Any) -> None:
        raise Busy("the database is locked: retry after a moment")

    monkeypatch.setattr(maintenance, "serve_requests", busy)
    with pytest.raises(Busy):
        maintenance.run(gw.config, pytest.fail, pytest.fail, once=True)
    with maintenance.holding(gw.config):
        pass


def test_each_gauge_of_the_operator_s_is_shown_where_the_gateway_is_well(gw: Operator) -> None:
    shown: list[Mapping[str | tuple[str, str], float]] = []
    with maintained(gw) as (upkeep, _):
        upkeep.show = shown.append
        upkeep.step()
    names = {one if isinstance(one, str) else one[0] for one in shown[0]}
    assert names == metrics._GAUGES.keys()
    labelled = {one[0] for one in shown[0] if isinstance(one, tuple)}
    assert labelled == metrics.LABELS.keys()
    assert shown[0]["administrator_keys_here"] == 2
    assert shown[0]["disk_free_bytes", "case keys"] > 0
    assert shown[0]["database_bytes"] > 100_000
    assert shown[0]["backup_timestamp_seconds", "database"] == 0


def test_a_single_step_tells_its_alarms_and_does_not_wait(gw: Operator) -> None:
    (gw.config.published / ROOT_FILE).unlink()
    told: list[str] = []
    maintenance.run(gw.config, pytest.fail, told.append, once=True)
    assert [sentence.endswith("put it back") for sentence in told] == [True]
    assert published_at(gw) > NOW  # the lists went out all the same


# --- Authorities


def made(gw: Operator, at: datetime) -> CertificateAuthority:
    """A new issuing authority, by the root."""
    pems = ((gw.config.offline / name).read_bytes() for name in ("root.pem", "root.key"))
    return make_issuing("example", load_authority(*pems, PASSPHRASE), at)


def trusted(gw: Operator) -> set[str]:
    pem = (gw.config.published / CHAIN_FILE).read_bytes()
    return {authority_id(c) for c in x509.load_pem_x509_certificates(pem)[1:]}


def test_each_step_of_a_ceremony_is_taken_up_by_the_process_that_runs(gw: Operator) -> None:
    with maintained(gw) as (upkeep, clock):
        upkeep.step()
        (old,) = upkeep.authority.authorities
        new = made(gw, clock.at + HOUR)
        rotation.publish(gw.config.issuing, new, clock.at)
        upkeep.step()
        assert trusted(gw) == {old.id, new.id}
        assert upkeep.authority.authorities[0].id == old.id
        assert (gw.config.published / f"{new.id}.crl").exists()

        (coming, *_) = rotation.kept(gw.config.issuing)
        rotation.use(gw.config.issuing, coming, clock.at)
        upkeep.step()
        assert [a.id for a in upkeep.authority.authorities] == [new.id, old.id]
        assert new.certificate_pem() in (gw.config.server / "partners.pem").read_bytes()

        former = rotation.kept(gw.config.issuing)[-1]
        rotation.retire(gw.config.issuing, former, clock.at)
        upkeep.step()
        assert trusted(gw) == {new.id}
        assert not (gw.config.published / f"{old.id}.crl").exists()
        assert upkeep.alarms() == []


def test_half_a_copy_of_an_authority_changes_nothing_and_is_told_until_it_is_whole(
    gw: Operator,
) -> None:
    with maintained(gw) as (upkeep, clock):
        upkeep.step()
        before, new = trusted(gw), made(gw, clock.at)
        place = gw.config.issuing / "next"
        files.create(place / f"{new.id}.pem", new.certificate_pem())
        upkeep.step()
        assert trusted(gw) == before
        assert any("stay as they were" in sentence for sentence in upkeep.alarms())
        files.create(place / f"{new.id}.key", new.key_pem())
        upkeep.step()
        assert trusted(gw) == before | {new.id}
        assert upkeep.alarms() == []


def test_the_operator_hears_when_a_step_can_be_taken(gw: Operator) -> None:
    with maintained(gw) as (upkeep, clock):
        rotation.publish(gw.config.issuing, made(gw, clock.at + HOUR), clock.at)
        upkeep.step()
        assert upkeep.alarms() == []
        clock.at += DAY
        upkeep.step()
        (told,) = upkeep.alarms()
        assert "--step activate" in told


# --- The schema


@pytest.fixture
def next_version(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The product as it will be with one migration more."""
    folder = tmp_path / "migrations"
    shutil.copytree(migrations.FOLDER, folder, ignore=shutil.ignore_patterns("__pycache__"))
    (folder / "versions" / "later.py").write_text(
        f'revision, down_revision = "later", "{migrations.REVISIONS[-1]}"\n'
        "def upgrade():\n"
        "    from alembic import op\n"
        "    op.execute('CREATE TABLE later (id INTEGER)')\n"
    )
    monkeypatch.setattr(migrations, "FOLDER", folder)
    monkeypatch.setattr(migrations, "REVISIONS", [*migrations.REVISIONS, "later"])


def tables(gw: Operator) -> set[str]:
    engine = create_engine(gw.config.database_url)
    with engine.connect() as connection:
        found = connection.execute(text("SELECT name FROM sqlite_master WHERE type = 'table'"))
        names = {row.name for row in found}
    engine.dispose()
    return names


@pytest.mark.usefixtures("next_version")
def test_an_older_database_is_upgraded_before_anything_else_and_told(gw: Operator) -> None:
    assert "later" not in tables(gw)
    told: list[str] = []
    maintenance.run(gw.config, pytest.fail, told.append, once=True)
    assert "later" in tables(gw)
    assert told == ["the database schema was upgraded to this version"]
    assert not maintenance.upgrade_schema(gw.config)
    assert gw.size() == NEW


@pytest.mark.usefixtures("next_version")
def test_no_schema_is_upgraded_beside_another_maintainer(gw: Operator) -> None:
    with maintenance.holding(gw.config), pytest.raises(AlreadyRunning):
        maintenance.run(gw.config, pytest.fail, pytest.fail, once=True)
    assert "later" not in tables(gw)


def test_a_database_of_a_newer_version_is_left_as_it_is(gw: Operator) -> None:
    execute(gw.folder / "casegate.db", "UPDATE alembic_version SET version_num = 'later'")
    maintenance.run(gw.config, pytest.fail, pytest.fail, once=True)
    assert migrations.current(gw.config.database_url) == "later"


@pytest.mark.parametrize("emptied", [True, False])
def test_no_second_log_is_begun_where_the_database_is_gone(gw: Operator, emptied: bool) -> None:
    database = gw.config.database_file
    assert database is not None
    database.unlink()
    if emptied:
        database.touch()
    with pytest.raises(UnsuitableDatabase, match=r"holds no gateway: is \[database\] url right"):
        maintenance.run(gw.config, pytest.fail, pytest.fail, once=True)
    assert database.exists() == emptied
    assert tables(gw) == set() if emptied else True


def test_a_file_that_is_no_database_is_said(gw: Operator) -> None:
    database = gw.config.database_file
    assert database is not None
    database.write_bytes(os.urandom(4096))
    with pytest.raises(UnsuitableDatabase, match="file is not a database"):
        maintenance.run(gw.config, pytest.fail, pytest.fail, once=True)


# --- Successions


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
            proved = maintenance.proved_before(gw.config, clock.at)
            assert proved is not None
            since.append(proved.since)
            clock.at += HOUR
    assert [one - NOW for one in since] == [timedelta(0)] * 24 + [DAY] * 2
    assert (gw.folder / maintenance.PROVED).stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("signed", [True, False], ids=["signed", "not signed"])
def test_a_head_counts_as_our_own_only_by_a_mark_that_the_log_key_signed(
    gw: Operator, signed: bool
) -> None:
    with maintained(gw) as (upkeep, _):
        marked = upkeep.gateway.mark.read()
        assert marked is not None
        if not signed:
            file = gw.folder / "high-water-mark"
            file.unlink()
            forged = replace(marked, note=marked.note.partition("\n\n")[0] + "\n\n")
            assert upkeep.gateway.mark.advance(None, forged)
        execute(gw.folder / "casegate.db", "UPDATE log_head SET mac = NULL")
        upkeep.step()
        assert (upkeep.log_refusal is None) is signed


def test_the_registry_is_held_against_a_frozen_log_too(gw: Operator) -> None:
    with gw.opened() as gateway:
        member(gateway)
    raise_mark_file(gw.folder / "high-water-mark", gw.config.log_origin)
    with maintained(gw) as (upkeep, _):
        upkeep.start()
        with upkeep.gateway.ports.begin(TransactionMode.READ) as work:
            assert work.organisations.out_of_service() == {("organisation", "ofmin")}


def test_a_request_that_no_event_approved_gets_no_certificate(gw: Operator) -> None:
    with maintained(gw) as (upkeep, _):
        member(upkeep.gateway)
        forged = asked(upkeep.gateway, recorded=False)
        upkeep.step()
        found = served_of(upkeep, forged)
    assert found.refusal
    assert not found.certificate


def test_a_member_is_suspended_while_the_log_is_frozen(gw: Operator) -> None:
    gw.done(
        *("organisation", "admit", "ofmin", "--name", "OFMIN", "--kind", "police_office"),
        *("--public-authority", "--country", "FR"),
    )
    mark = gw.folder / "high-water-mark"
    before = mark.read_bytes()
    raise_mark_file(mark, gw.config.log_origin)
    said = gw.done("organisation", "suspend", "ofmin", "--reason", "stolen keys", persons=(MARTIN,))
    assert "out of service" in said
    clock = Clock()
    clock.at = wiring.now()
    with gw.opened(clock) as gateway:
        upkeep = Maintenance(gateway, IssuingAuthority(gateway.config))
        upkeep.start()  # compared with the log, it stays stopped
        assert not _active(upkeep)
        assert gw.size() == NEW + 1
        mark.write_bytes(before)
        clock.at = wiring.now()
        upkeep.step()
        upkeep.step()
        assert not _active(upkeep)
        assert gw.size() == NEW + 2
        with gateway.ports.begin(TransactionMode.READ) as work:
            assert not work.organisations.out_of_service()
    assert not list((gw.folder / maintenance.SUSPENSIONS).iterdir())


def test_a_gateway_with_another_civil_time_zone_than_at_its_founding_does_not_start(
    gw: Operator,
) -> None:
    former = gw.config.civil_time_zone
    gw.set("gateway", "civil_time_zone", '"America/Cayenne"')
    with pytest.raises(UnsuitableDatabase, match=former.key), gw.opened():
        pass
    gw.set("gateway", "civil_time_zone", f'"{former.key}"')
    with gw.opened() as gateway:
        upkeep = Maintenance(gateway, IssuingAuthority(gateway.config))
        upkeep.start()
        assert not upkeep.alarms()


def _active(upkeep: Maintenance) -> bool:
    with upkeep.gateway.ports.begin(TransactionMode.READ) as work:
        found = work.organisations.get("ofmin")
    return found is not None and found.active
