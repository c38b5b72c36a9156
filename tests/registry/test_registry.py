"""The changes of the registry: what each does, and the values that it refuses."""

from dataclasses import replace
from datetime import date
from typing import Any
from uuid import UUID

import pytest

from gateway.domain.mandate import Period
from gateway.domain.organisation import Membership, MembershipClass
from gateway.domain.refusals import AlreadyExists, Forbidden, NotFound, ValidationFailed, WrongState
from gateway.kernel.actors import GATEWAY
from gateway.kernel.changes import Change
from tests.each import each
from tests.founded_gateway import (
    ABROAD,
    HOTLINE,
    OCRVP,
    OFMIN,
    Founded,
    make_change,
    refused_on_record,
    refused_without_event,
)

ADMIT = {
    "name": "A new office",
    "kind": "police_office",
    "public_authority": True,
    "regimes": ["gdpr", "led"],
    "country": "FR",
}
SEAT = {"membership": "associate", "from": "2030-01-01", "decision_ref": "board"}
MANDATE = {
    "function": "receive",
    "matter": "grooming",
    "territory": "FR",
    "legal_act": "act",
    "from": "2026-01-01",
}
SYSTEM = {"system": "mill", "scopes": ["cases.read"]}


def refused(
    gateway: Founded, kind: type, action: str, organisation: str, values: dict[str, Any]
) -> Any:
    return gateway.unmade(kind, Change(action, organisation, values))


MALFORMED = [
    *(("organisation.admit", "office-new", {**ADMIT, name: value}, name) for name, value in [
        ("kind", "club"), ("public_authority", "yes"), ("public_authority", 1), ("regimes", "led"),
        ("regimes", ["none"]), ("regimes", [["led"]]), ("country", "fr"), ("country", "FRA"),
        ("country", "EU"),
    ]),
    ("organisation.admit", "office-new", {**ADMIT, "public_authority": False}, "regimes"),
    *(("membership.grant", ABROAD, {**SEAT, name: value}, name) for name, value in [
        ("membership", "chair"), ("from", "20300101"), ("from", "2030-02-30"),
        ("until", "2030-W01-1"), ("until", "2030-01-01"), ("until", "2029-01-01"),
        ("decision_ref", " "),
    ]),
    ("membership.end", ABROAD, {"until": "never"}, "until"),
    *(("mandate.grant", ABROAD, {**MANDATE, name: value}, name) for name, value in [
        ("function", "judge"), ("matter", "csam/FR"), ("territory", "FR/BE"),
        ("territory", "France"), ("until", "2026-01-01"),
    ]),
    ("mandate.end", OFMIN, {"competence": "receive/csam/FR", "until": "soon"}, "until"),
    *(("system.register", ABROAD, {**SYSTEM, name: value}, name) for name, value in [
        ("system", "a.b"), ("system", "console"), ("scopes", ["everything"]), ("scopes", ["admin"]),
    ]),
    ("system.set_keys", ABROAD, {"system": "A", "keys": []}, "system"),
    ("system.set_keys", ABROAD, {"system": "desk", "keys": [{}]}, "keys"),
]  # fmt: skip
"""A value of another type, and none, is refused of every change: `tests/kernel/test_fields.py`."""


@each("action, organisation, values, pointer", MALFORMED)
def test_a_malformed_value_is_named_and_changes_nothing(
    gateway, action, organisation, values, pointer
):
    before = gateway.organisation(organisation)
    error = refused(gateway, ValidationFailed, action, organisation, values)
    assert error.errors[0][0] == f"/{pointer}"
    assert gateway.organisation(organisation) == before


@each(
    "action, organisation, values",
    [
        ("organisation.admit", "office-new", ADMIT),
        ("membership.grant", ABROAD, SEAT),
        ("mandate.grant", ABROAD, MANDATE),
        ("system.register", ABROAD, SYSTEM),
    ],
)
def test_a_missing_value_is_named(gateway, action, organisation, values):
    for name in values:
        rest = {other: value for other, value in values.items() if other != name}
        error = refused(gateway, ValidationFailed, action, organisation, rest)
        assert error.errors[0][0] == f"/{name}"


def test_a_change_that_cannot_be_spelled_cannot_be_approved(gateway):
    change = Change("organisation.suspend", HOTLINE, {"reason": 0.5})
    refused_on_record(gateway, ValidationFailed, make_change, change, ["anything"])


@each("slug", [GATEWAY, "", "A", "a b", "office/new", "office-new\n"])
def test_an_organisation_has_an_id_of_its_own(gateway, slug):
    change = Change("organisation.admit", slug, ADMIT)
    arguments = (make_change, change, gateway.approve(change))
    error = refused_without_event(gateway, ValidationFailed, *arguments)
    assert error.errors[0][0] == "/organisation"


def test_an_admitted_organisation_is_active_and_has_no_membership(gateway):
    gateway.administer("organisation.admit", "office-new", **ADMIT)
    found = gateway.organisation("office-new")
    assert (found.status, found.memberships, found.mandates) == ("active", (), ())
    assert (found.kind, found.regimes, found.version) == ("police_office", {"gdpr", "led"}, 1)


@each(
    "action, values",
    [
        ("membership.grant", SEAT),
        ("mandate.grant", MANDATE),
        ("membership.end", {"until": "2026-04-01"}),
        ("mandate.end", {"competence": "receive/csam/FR", "until": "2026-04-01"}),
    ],
)
def test_nobody_changes_an_organisation_that_was_never_admitted(gateway, action, values):
    refused(gateway, NotFound, action, "nobody-here", values)


def test_a_status_changes_only_from_the_one_before_and_for_who_was_admitted(gateway):
    for action in ("organisation.suspend", "organisation.reinstate"):
        refused(gateway, Forbidden, action, "nobody-here", {"reason": "none"})
    refused(gateway, WrongState, "organisation.reinstate", HOTLINE, {"reason": "again"})
    gateway.administer("organisation.suspend", HOTLINE, reason="under review")
    refused(gateway, WrongState, "organisation.suspend", HOTLINE, {"reason": "again"})


# --- seats ---------------------------------------------------------------------------------------


def test_a_seat_ends_and_another_one_begins_the_same_day(gateway):
    gateway.administer("membership.end", HOTLINE, until="2026-04-01")
    gateway.administer(
        "membership.grant", HOTLINE, membership="associate", start="2026-04-01", decision_ref="b"
    )
    assert gateway.organisation(HOTLINE).memberships == (
        Membership(MembershipClass.FULL, Period(date(2000, 1, 1), date(2026, 4, 1)), "statutes"),
        Membership(MembershipClass.ASSOCIATE, Period(date(2026, 4, 1)), "b"),
    )


def test_seats_are_kept_in_order_of_time_and_no_two_are_held_on_one_day(gateway):
    refused(gateway, WrongState, "membership.grant", HOTLINE, SEAT)
    refused(gateway, WrongState, "membership.end", HOTLINE, {"until": "1999-12-31"})
    gateway.administer("membership.end", HOTLINE, until="2026-04-01")
    for start, until in (("2028-01-01", "2029-01-01"), ("2027-01-01", "2028-01-01")):
        gateway.administer("membership.grant", HOTLINE, **{**SEAT, "from": start, "until": until})
    starts = [seat.period.start.year for seat in gateway.organisation(HOTLINE).memberships]
    assert starts == [2000, 2027, 2028]


# --- competences ---------------------------------------------------------------------------------


def test_a_competence_names_the_event_that_registered_it(gateway):
    written = gateway.administer("mandate.grant", ABROAD, **{**MANDATE, "until": "2027-01-01"})
    (held,) = gateway.organisation(ABROAD).mandates
    assert held.registration_event == UUID(written.result["event"])
    assert written.result["competence"] == held.key == "receive/grooming/FR"
    assert held.period == Period(date(2026, 1, 1), date(2027, 1, 1))


def test_an_office_holds_a_competence_once(gateway):
    values = {**MANDATE, "matter": "csam"}
    refused(gateway, WrongState, "mandate.grant", OFMIN, values)
    gateway.administer("mandate.grant", OFMIN, **MANDATE)
    gateway.administer("mandate.grant", OCRVP, **values)
    assert len(gateway.organisation(OCRVP).mandates) == 2


def test_a_competence_that_ended_may_be_granted_again(gateway):
    gateway.administer("mandate.end", OFMIN, competence="receive/csam/FR", until="2026-01-01")
    gateway.administer("mandate.grant", OFMIN, **{**MANDATE, "matter": "csam"})
    periods = [held.period for held in gateway.organisation(OFMIN).mandates]
    assert periods == [
        Period(date(2023, 8, 31), date(2026, 1, 1)),
        Period(date(2026, 1, 1)),
    ]


@each(
    "key, until",
    [
        ("receive/csam/BE", "2026-01-01"),
        ("receive/csam/FR", "2023-08-30"),
        ("investigate/csam/FR", "2026-01-01"),
    ],
)
def test_a_competence_that_is_not_held_does_not_end(gateway, key, until):
    values = {"competence": key, "until": until}
    refused(gateway, WrongState, "mandate.end", OFMIN, values)


# --- what was granted by mistake -----------------------------------------------------------------

INTEREST = {"scope": "provider", "subject": "example.org", "kind": "funder", "from": "2026-01-01"}
AGREEMENT = {"kind": "transfer", "description": "all", "reference": "Art. 46", "from": "2026-01-01"}


@pytest.mark.parametrize(
    ("given", "values", "ended", "named"),
    [
        (
            "membership.grant",
            {**SEAT, "from": "1999-01-01", "until": "1999-06-01"},
            "membership.end",
            {},
        ),
        ("membership.grant", SEAT, "membership.end", {}),
        ("mandate.grant", MANDATE, "mandate.end", {"competence": "receive/grooming/FR"}),
        ("interest.declare", INTEREST, "interest.end", {"interest": None}),
        ("agreement.record", AGREEMENT, "agreement.end", {"agreement": None}),
    ],
)
def test_what_was_granted_by_mistake_is_taken_back_on_its_first_day(
    gateway, given, values, ended, named
):
    gateway.administer("membership.end", ABROAD, until="2029-01-01")
    before = gateway.organisation(ABROAD)
    written = gateway.administer(given, ABROAD, **values)
    named = {name: value or written.result[name] for name, value in named.items()}
    gateway.administer(ended, ABROAD, **named, until=values["from"])
    after = gateway.organisation(ABROAD)
    assert after == replace(before, version=before.version + 2)
    gateway.administer(given, ABROAD, **values)


def test_a_mandate_from_a_day_to_come_is_taken_back_and_nothing_else_of_the_office(gateway):
    gateway.administer("mandate.end", OFMIN, competence="receive/csam/FR", until="2027-01-01")
    values = {**MANDATE, "matter": "csam", "from": "2027-01-01"}
    gateway.administer("mandate.grant", OFMIN, **values)
    gateway.administer("mandate.end", OFMIN, competence="receive/csam/FR", until="2027-01-01")
    (held,) = gateway.organisation(OFMIN).mandates
    assert held.period == Period(date(2023, 8, 31), date(2027, 1, 1))


# --- systems -------------------------------------------------------------------------------------


def test_a_system_has_a_name_and_scopes_and_keys_of_its_own(gateway):
    written = gateway.administer("system.register", ABROAD, **SYSTEM)
    assert written.result["client_id"] == "hotline-abroad.mill"
    assert written.result["scopes"] == ["cases.read"]
    refused(gateway, AlreadyExists, "system.register", ABROAD, SYSTEM)
    written = gateway.administer("system.set_keys", ABROAD, system="mill", keys=[])
    assert (written.result["client_id"], written.result["keys"]) == ("hotline-abroad.mill", 0)
    refused(gateway, NotFound, "system.set_keys", ABROAD, {"system": "other", "keys": []})
