"""The staff register's rules: who is in force, what a new entry may be, how pseudonyms are made."""

from datetime import UTC, date, datetime, timedelta
from uuid import UUID

from gateway.domain.audit_event import EVENT_TYPES
from gateway.domain.staff import (
    APPROVING,
    ROLES_OF,
    NamedPerson,
    RegisterRole,
    StaffEntry,
    entry_error,
    person_errors,
    pseudonym,
)
from tests.each import each

DAY = date(2026, 3, 2)
NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)


def entry(**changes):
    made = {
        "organisation": "ofmin",
        "pseudonym": "ofmin-7k3f",
        "roles": frozenset({"analyst"}),
        "start": DAY,
        "end": None,
        "temporary": False,
        "ends_at": None,
        "event": UUID(int=0),
        "salt": "salt",
    }
    return StaffEntry(**made | changes)


@each(
    "changes, in_force",
    [
        ({}, True),
        ({"start": DAY + timedelta(days=1)}, False),
        ({"end": DAY}, False),
        ({"end": DAY + timedelta(days=1)}, True),
        ({"ends_at": NOW}, False),
        ({"ends_at": NOW + timedelta(seconds=1)}, True),
    ],
)
def test_an_entry_is_in_force_on_its_days_and_until_it_is_ended(changes, in_force):
    assert entry(**changes).in_force(DAY, NOW) is in_force


def test_a_person_needs_an_entry_and_one_of_the_roles():
    wanted = frozenset({RegisterRole.ANALYST, RegisterRole.OFFICER})
    persons = [
        NamedPerson("/by", "ofmin-7k3f", wanted),
        NamedPerson("/second", "ofmin-7k3f", APPROVING),
        NamedPerson("/third", "ofmin-none", wanted),
    ]
    found = [pointer for pointer, _ in person_errors(persons, {"ofmin-7k3f": entry().roles})]
    assert found == ["/second", "/third"]


@each(
    "roles, start, end, temporary, good",
    [
        ({"analyst", "approver"}, DAY, None, False, True),
        ({"dpo"}, DAY, None, False, True),
        ({"dpo", "approver"}, DAY, None, False, False),
        ({"analyst"}, DAY - timedelta(days=1), None, False, False),
        ({"analyst"}, DAY, DAY, False, False),
        ({"analyst", "officer"}, DAY, None, True, True),
        ({"analyst", "duty"}, DAY, None, True, False),
        ({"liaison"}, DAY, None, True, False),
        ({"head"}, DAY, None, True, False),
        ({"approver"}, DAY, None, True, False),
        ({"analyst"}, DAY + timedelta(days=1), None, True, False),
        ({"analyst"}, DAY, DAY + timedelta(days=9), True, False),
    ],
)
def test_a_new_entry_is_judged_by_its_roles_and_days(roles, start, end, temporary, good):
    new = entry(roles=frozenset(roles), start=start, end=end, temporary=temporary)
    error = entry_error(new, DAY)
    assert (error is None) is good


@each(
    "organisation, made",
    [("point-de-contact", "pdc-2345"), ("ofmin", "ofmin-2345"), ("hotline-a", "ha-2345")],
)
def test_a_pseudonym_names_the_organisation_and_nobody(organisation, made):
    assert pseudonym(organisation, bytes([0, 1, 34, 67])) == made


def test_a_dpo_only_reads_tests_reviews_and_keeps_passkeys_of_their_own():
    deciding = {action for action, roles in ROLES_OF.items() if RegisterRole.DPO not in roles}
    others = {"case.consult", "audit.search", "item.search", "events.search"}
    others |= {"conformance.start", "conformance.submit", "handoff.review"}
    others |= {"staff.register_passkey", "staff.revoke_passkey"}
    assert ROLES_OF.keys() - deciding == others


def test_every_action_with_roles_is_one_of_the_log():
    assert ROLES_OF.keys() <= EVENT_TYPES.keys()
