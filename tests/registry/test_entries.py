"""The registry as administrators look at it on the gateway's host: whole, as of a day, no event."""

from datetime import date

import pytest

from gateway.domain.organisation import Status
from gateway.domain.refusals import NotFound
from gateway.kernel.results import to_json
from gateway.kernel.values import HOST
from gateway.registry import queries as entries
from tests.founded_gateway import ABROAD, ALICE, DESK, HOTLINE, OCRVP, OFMIN
from tests.ports import key_of

TERM = {"start": "2026-03-01", "until": "2026-04-01", "decision_ref": "order 12"}


def test_all_organisations_are_listed_or_those_of_a_status(gateway):
    gateway.administer("organisation.suspend", ABROAD, reason="test")
    before = gateway.size()
    found = {
        one["organisation"]: one["status"]
        for one in to_json(entries.page(gateway.ports, HOST, "", 9).items)
    }
    assert found.keys() == {ABROAD, HOTLINE, OCRVP, OFMIN}
    (suspended,) = to_json(entries.page(gateway.ports, HOST, "", 9, Status.SUSPENDED).items)
    assert (suspended["organisation"], found[ABROAD]) == (ABROAD, "suspended")
    assert gateway.size() == before, "a look is no event"


def test_an_entry_has_the_ids_by_which_things_are_ended(gateway):
    granted = gateway.administer(
        "audit_access.grant", ABROAD, coverage="member", member=HOTLINE, **TERM
    )
    declared = gateway.interest(ABROAD)
    found = to_json(entries.look_up(gateway.ports, HOST, ABROAD, None))
    (grant,) = found["audit_access"]
    assert (grant["audit_access"], grant["member"]) == (granted.result["audit_access"], HOTLINE)
    assert (grant["decision_ref"], grant["ended_at"]) == ("order 12", None)
    assert [one["interest"] for one in found["interests"]] == [str(declared)]
    (system,) = found["systems"]
    assert (system["system"], system["certificates"]) == (DESK, [])
    assert "contacts" not in found, "they are opened on record alone"


def test_a_grant_that_was_ended_tells_when_and_one_of_other_days_is_left_out(gateway):
    granted = gateway.administer("audit_access.grant", ABROAD, coverage="all", **TERM)
    gateway.administer(
        "audit_access.end", ABROAD, audit_access=granted.result["audit_access"], reason="over"
    )
    (grant,) = to_json(entries.look_up(gateway.ports, HOST, ABROAD, date(2026, 3, 31)))[
        "audit_access"
    ]
    assert grant["ended_at"].startswith("2026-03-02T09:00:00")
    for day in (date(2026, 2, 28), date(2026, 4, 1)):
        assert to_json(entries.look_up(gateway.ports, HOST, ABROAD, day))["audit_access"] == []


def test_what_is_no_organisation_has_no_entry(gateway):
    with pytest.raises(NotFound):
        entries.look_up(gateway.ports, HOST, "nobody", None)


def test_administrators_are_listed_with_those_who_left(gateway):
    found = to_json(entries.admins(gateway.ports, HOST))
    assert len(found) >= 2
    assert all(one["enabled"] for one in found)
    alice = next(one for one in found if one["person"] == ALICE)
    assert alice["jwk"] == key_of(ALICE).public_jwk()
