"""Interests, agreements, administrators, and systems switched: values, periods, and undoing."""

from datetime import date, timedelta
from typing import Any
from uuid import UUID

import pytest

from gateway.domain.mandate import Period
from gateway.domain.refusals import (
    AlreadyExists,
    InvalidApproval,
    NotFound,
    ValidationFailed,
    WrongState,
)
from gateway.evidence import declarations
from gateway.kernel.actors import GATEWAY
from gateway.kernel.changes import Change
from gateway.kernel.ports import TransactionMode
from tests.each import each
from tests.founded_gateway import (
    ALICE,
    BENOIT,
    DESK,
    HOTLINE,
    Founded,
    make_change,
    refused_on_record,
    shown,
)
from tests.ports import key_of

INTEREST = {"scope": "provider", "subject": "provider.example", "kind": "funder"}
AGREEMENT = {
    "kind": "transfer",
    "description": "all that it receives",
    "reference": "Art. 46(2)(c)",
}
BERNARD = "c-bernard"
UNKNOWN = "018f0000-0000-7000-8000-000000000000"


def refused(
    gateway: Founded, refusal: type, action: str, slug: str = HOTLINE, /, **values: Any
) -> Any:
    return gateway.unmade(refusal, Change(action, slug, values))


# --- interests -----------------------------------------------------------------------------------


def test_an_interest_is_declared_for_a_time_once_for_a_day_and_ended_by_another_event(gateway):
    written = gateway.administer("interest.declare", HOTLINE, **INTEREST, start="2026-01-01")
    named = written.result["interest"]
    assert named == written.result["event"]
    refused(gateway, WrongState, "interest.declare", **{**INTEREST, "from": "2026-02-01"})
    gateway.interest(HOTLINE, "provider.example", kind="customer")
    gateway.administer("interest.end", HOTLINE, interest=named, until="2026-06-01")
    (kept,) = (one for one in gateway.organisation(HOTLINE).interests if str(one.id) == named)
    assert kept.subject == "provider.example"
    assert kept.period == Period(date(2026, 1, 1), date(2026, 6, 1))
    refused(gateway, WrongState, "interest.end", interest=named, until="2026-07-01")
    refused(gateway, NotFound, "interest.end", interest=UNKNOWN, until="2026-02-01")


@each(
    "changes, pointer",
    [
        ({"scope": "person"}, "/scope"),
        ({"kind": "friend"}, "/kind"),
        ({"subject": "https://provider.example"}, "/subject"),
        ({"subject": "Provider.example"}, "/subject"),
        ({"subject": "provider"}, "/subject"),
        ({"subject": "a." + "b" * 64}, "/subject"),
        ({"subject": 5}, "/subject"),
        ({"scope": "case"}, "/subject"),
        ({"scope": "case", "subject": f"hotline/{UNKNOWN}x"}, "/subject"),
        ({"from": "never"}, "/from"),
        ({"until": "2025-01-01"}, "/until"),
    ],
)
def test_an_interest_names_a_domain_or_a_case(gateway, changes, pointer):
    values = {**INTEREST, "from": "2026-01-01", **changes}
    assert refused(gateway, ValidationFailed, "interest.declare", **values).errors[0][0] == pointer


def test_an_interest_may_be_in_one_case_alone(gateway):
    subject = f"hotline-abroad/{UNKNOWN}"
    gateway.interest(HOTLINE, subject, scope="case", kind="party")
    assert gateway.organisation(HOTLINE).interests[0].subject == subject


# --- agreements ----------------------------------------------------------------------------------


def test_an_agreement_is_recorded_for_a_time_and_ended_by_another_event(gateway):
    written = gateway.administer(
        "agreement.record", HOTLINE, **AGREEMENT, start="2026-01-01", until="2030-01-01"
    )
    named = written.result["agreement"]
    gateway.administer("agreement.end", HOTLINE, agreement=named, until="2027-01-01")
    (kept,) = gateway.organisation(HOTLINE).agreements
    assert (kept.id, kept.reference) == (UUID(named), "Art. 46(2)(c)")
    assert kept.period == Period(date(2026, 1, 1), date(2027, 1, 1))
    refused(gateway, WrongState, "agreement.end", agreement=named, until="2028-01-01")
    refused(gateway, NotFound, "agreement.end", agreement=UNKNOWN, until="2026-02-01")
    refused(gateway, ValidationFailed, "agreement.end", agreement="first", until="2026-02-01")


@each("name", ["kind", "description", "reference", "from"])
def test_an_agreement_says_what_by_which_reference_and_since_when(gateway, name):
    values = {**AGREEMENT, "from": "2026-01-01", name: ""}
    assert (
        refused(gateway, ValidationFailed, "agreement.record", **values).errors[0][0] == f"/{name}"
    )


# --- administrators ------------------------------------------------------------------------------


def admins(gateway: Founded) -> dict[str, bool]:
    with gateway.ports.begin(TransactionMode.READ) as work:
        return {person.id: person.enabled for person in work.organisations.persons()}


def test_a_third_administrator_approves_at_once_and_never_again_once_disabled(gateway):
    written = gateway.administer("admin.add", GATEWAY, **gateway.newcomer(BERNARD))
    assert [p["organisation"] for p in shown(written.receipt)["party"]] == [GATEWAY]
    change = Change("organisation.suspend", HOTLINE, {"reason": "test"})
    signed_before = gateway.approve(change, "c-bernard")
    gateway.do(make_change, change, gateway.approve(change, "c-bernard"))
    gateway.administer("organisation.reinstate", HOTLINE, reason="test")
    gateway.administer("admin.disable", GATEWAY, person="c-bernard", reason="left the office")
    assert admins(gateway) == {ALICE: True, BENOIT: True, "c-bernard": False}
    refusal = refused_on_record(gateway, InvalidApproval, make_change, change, signed_before)
    assert "administers nothing any more" in refusal.detail
    refused(gateway, WrongState, "admin.disable", GATEWAY, person="c-bernard", reason="again")


def test_two_administrators_remain(gateway):
    refused(gateway, WrongState, "admin.disable", GATEWAY, person=ALICE, reason="test")
    gateway.administer("admin.add", GATEWAY, **gateway.newcomer(BERNARD))
    gateway.administer("admin.disable", GATEWAY, person=ALICE, reason="test")
    change = Change("admin.disable", GATEWAY, {"person": BENOIT, "reason": "test"})
    gateway.unmade(WrongState, change, BENOIT, BERNARD)


def test_an_administrator_has_a_key_that_nobody_else_had(gateway):
    gateway.administer("admin.add", GATEWAY, **gateway.newcomer(BERNARD))
    again = gateway.newcomer("d-other", key_of(BERNARD))
    refused(gateway, WrongState, "admin.add", GATEWAY, **again)
    taken = gateway.newcomer(ALICE, key_of("d-other"))
    refused(gateway, AlreadyExists, "admin.add", GATEWAY, **taken)
    refused(gateway, NotFound, "admin.disable", GATEWAY, person="d-nobody", reason="test")


def test_a_proof_of_another_key_gateway_or_time_adds_nobody(gateway):
    values = gateway.newcomer(BERNARD)
    said = gateway.word(HOTLINE, declarations.POSSESSION, key_of(BERNARD), key_of(BERNARD))
    refused(gateway, ValidationFailed, "admin.add", GATEWAY, **{**values, "proof": said})
    stolen = gateway.newcomer(BERNARD, key_of("d-other"))["proof"]
    refused(gateway, ValidationFailed, "admin.add", GATEWAY, **{**values, "proof": stolen})
    gateway.clock.advance(timedelta(days=8))
    refused(gateway, ValidationFailed, "admin.add", GATEWAY, **values)
    assert BERNARD not in admins(gateway)


@each(
    "changes, pointer",
    [
        ({"jwk": {}}, "/jwk"),
        ({"jwk": "text"}, "/jwk"),
        ({"jwk": {**key_of(BERNARD).public_jwk(), "d": "AAAA"}}, "/jwk"),
        ({"jwk": key_of("d-other").public_jwk()}, "/proof"),
        ({"proof": "nothing"}, "/proof"),
        ({"person": "d-other"}, "/proof"),
        ({"person": "C Bernard"}, "/person"),
        ({"name": ""}, "/name"),
    ],
)
def test_an_administrator_has_an_id_a_name_and_a_public_key(gateway, changes, pointer):
    error = refused(
        gateway, ValidationFailed, "admin.add", GATEWAY, **gateway.newcomer(BERNARD, **changes)
    )
    assert error.errors[0][0] == pointer


def test_administrators_are_of_the_gateway_and_members_of_themselves(gateway):
    astray = Change("admin.add", HOTLINE, gateway.newcomer(BERNARD))
    for change in (astray, Change("system.enable", GATEWAY, {})):
        with pytest.raises(ValidationFailed) as told:
            make_change(gateway.ports, change, gateway.approve(change))
        assert told.value.errors[0][0] == "/organisation"


# --- systems -------------------------------------------------------------------------------------


def system(gateway: Founded) -> Any:
    with gateway.ports.begin(TransactionMode.READ) as work:
        return work.organisations.system(HOTLINE, DESK)


def test_a_system_is_disabled_and_its_tokens_of_before_stay_dead_when_it_is_enabled(gateway):
    gateway.administer("system.disable", HOTLINE, system=DESK, reason="stolen")
    assert not system(gateway).enabled
    refused(gateway, WrongState, "system.disable", system=DESK, reason="again")
    gateway.administer("system.enable", HOTLINE, system=DESK, reason="found")
    assert system(gateway).enabled
    assert system(gateway).tokens_valid_from is not None
    refused(gateway, WrongState, "system.enable", system=DESK, reason="again")
    refused(gateway, NotFound, "system.disable", system="other", reason="test")


def test_a_system_is_entrusted_with_the_operators_scopes_by_two_and_keeps_its_own(gateway):
    before = system(gateway).scopes
    gateway.administer("system.set_admin_scopes", HOTLINE, system=DESK, scopes=["admin"])
    assert system(gateway).scopes == before | {"admin"}
    gateway.administer("system.set_admin_scopes", HOTLINE, system=DESK, scopes=[])
    assert system(gateway).scopes == before
    refused(
        gateway, ValidationFailed, "system.set_admin_scopes", system=DESK, scopes=["cases.read"]
    )
    change = Change("system.set_admin_scopes", HOTLINE, {"system": DESK, "scopes": ["admin"]})
    told = gateway.refusal(make_change, change, gateway.approve(change, ALICE))
    assert told.refusal.rules == ("R10.two_persons",)
