"""How the gateway is: who reads it, and what it says of a node that keeps silent."""

from dataclasses import replace
from datetime import timedelta

import pytest

from gateway.domain.health import STALE, Finding, HealthReport, Level
from gateway.domain.organisation import STAFF_SCOPE
from gateway.domain.staff import RegisterRole
from gateway.kernel.authentication import authenticate_person
from gateway.kernel.ports import TransactionMode
from gateway.kernel.transact import RecordedRefusal
from gateway.kernel.values import HOST, PersonCredentials
from gateway.registry import health, queries
from tests.authenticator import Authenticator
from tests.founded_gateway import ABROAD, DESK, HOTLINE, Founded, caller, enter_staff, signed_in
from tests.founding import founded

KEY = Authenticator()
FULL = Finding("disk", Level.ERROR, "0.1 GiB are free at /srv: make room now, or writes will fail")
WELL = Finding("log", Level.OK, "the database continues what was signed (3 of 3)")


@pytest.fixture
def gateway() -> Founded:
    return founded()


def keep(gateway: Founded, *found: Finding, age: timedelta = timedelta(), node: str = "n1") -> None:
    at = gateway.ports.now() - age
    ends = {"public listener": (at + timedelta(days=20)).isoformat()}
    with gateway.ports.begin(TransactionMode.WRITE) as work:
        work.health.keep(HealthReport.of(node, at, found, ends), at - timedelta(days=7))
        work.commit()


def test_what_maintenance_found_is_read_with_the_guide_of_what_is_wrong(gateway):
    keep(gateway, WELL)
    keep(gateway, WELL, FULL)
    found = health.look_up(gateway.ports, HOST)
    assert found.worst is Level.ERROR
    (node,) = found.nodes
    told = [(one.check, one.level, one.runbook) for one in node.findings]
    assert told == [
        ("log", Level.OK, None),
        ("disk", Level.ERROR, "docs/monitoring.md#runbook"),
    ]
    assert [(one.kind, one.what) for one in found.ends] == [("own", "public listener")]


def test_silence_is_an_error_of_each_node_and_of_a_gateway_without_any(gateway):
    (nobody,) = health.look_up(gateway.ports, HOST).nodes
    assert nobody.findings[0].sentence == "nothing was looked at yet: start maintenance"
    keep(gateway, WELL)
    keep(gateway, WELL, age=STALE + timedelta(seconds=1), node="n2")
    found = health.look_up(gateway.ports, HOST)
    (running, silent) = found.nodes
    assert [one.level for one in running.findings] == [Level.OK]
    assert silent.findings[0].sentence.startswith("nothing was looked at since ")
    assert (found.worst, silent.findings[0].check) == (Level.ERROR, "maintenance")


def test_a_node_that_is_gone_is_forgotten_after_a_week(gateway):
    keep(gateway, WELL, age=timedelta(days=8), node="n2")
    keep(gateway, WELL)
    assert [one.node for one in health.look_up(gateway.ports, HOST).nodes] == ["n1"]


def test_what_ends_in_30_days_is_read_of_members_too(gateway):
    gateway.administer(
        "membership.end",
        ABROAD,
        until=str(gateway.ports.reference_date(gateway.ports.now()).day + timedelta(days=3)),
    )
    found = health.look_up(gateway.ports, HOST).ends
    assert ("membership", ABROAD) in [(one.kind, one.organisation) for one in found]


def test_a_system_reads_it_by_the_scope_health_and_no_more_than_it(gateway):
    with pytest.raises(RecordedRefusal):
        health.look_up(gateway.ports, caller(HOTLINE))
    gateway.administer("system.set_admin_scopes", HOTLINE, system=DESK, scopes=["health"])
    monitor = replace(caller(HOTLINE), scopes=frozenset({"health"}))
    assert health.look_up(gateway.ports, monitor).nodes
    with pytest.raises(RecordedRefusal):
        queries.admins(gateway.ports, monitor)


def test_an_operators_person_reads_it_where_a_system_of_theirs_is_the_operators(gateway):
    enter_staff(
        gateway.ports.begin, HOTLINE, ["o"], frozenset({RegisterRole.OPERATOR}), gateway.new_id()
    )
    person = signed_in(gateway.ports, HOTLINE, "o", KEY)
    assert person.scopes == {STAFF_SCOPE}
    gateway.administer("system.set_admin_scopes", HOTLINE, system=DESK, scopes=["health"])
    credentials = PersonCredentials("session", KEY.jwk["kid"], "o")
    operator = authenticate_person(gateway.ports, HOTLINE, credentials)
    assert operator.scopes == {STAFF_SCOPE, "health"}
    assert health.look_up(gateway.ports, operator).nodes
    with pytest.raises(RecordedRefusal):
        queries.admins(gateway.ports, operator)
