"""The directory: who takes part, with which standing and competences on the legal date."""

from datetime import UTC, date, datetime

import pytest

from gateway.actions import organisations
from gateway.actions.ports import Mode
from gateway.domain.organisation import SCOPES, Certificate
from gateway.domain.refusals import NotFound
from tests.founding import ABROAD, HOTLINE, OCRVP, OFMIN, ORGANISATIONS, caller


def test_an_organisation_is_shown_as_it_stands(gateway):
    seen = organisations.look_up(gateway.ports, caller(HOTLINE), OFMIN)
    assert seen == {
        "organisation": OFMIN,
        "name": "OFMIN",
        "kind": "police_office",
        "country": "FR",
        "public_authority": True,
        "active": True,
        "standing": "observer",
        "competences": [
            {
                "competence": "receive/csam/FR",
                "legal_act": "décret 2023-829",
                "from": "2023-08-31",
                "until": None,
                "registered_by": str(gateway.registered[OFMIN]),
            }
        ],
        "signed_only": False,
        "document_keys": [],
        "encryption_keys": [],
    }


@pytest.mark.parametrize(
    ("day", "holder", "standing_of_ofmin"),
    [
        (date(2023, 8, 30), OCRVP, None),
        (date(2023, 8, 31), OFMIN, None),
        (date(2023, 10, 30), OFMIN, None),
        (date(2023, 10, 31), OFMIN, "observer"),
    ],
    ids=str,
)
def test_the_directory_is_that_of_the_legal_date(gateway, day, holder, standing_of_ofmin):
    gateway.day = day
    page = organisations.page(gateway.ports, caller(HOTLINE), "", 10)
    holders = [one["organisation"] for one in page if one["competences"]]
    assert holders == [holder]
    standings = {one["organisation"]: one["standing"] for one in page}
    assert standings[OFMIN] == standing_of_ofmin
    me = organisations.whoami(gateway.ports, caller(HOTLINE))
    assert (me["legal_date"], me["legal_date_simulated"]) == (day.isoformat(), True)


def test_the_directory_is_read_by_page(gateway):
    first = organisations.page(gateway.ports, caller(OCRVP), "", 3)
    rest = organisations.page(gateway.ports, caller(OCRVP), first[-1]["organisation"], 3)
    assert [one["organisation"] for one in (*first, *rest)] == sorted(ORGANISATIONS)


def test_a_suspended_organisation_is_shown_as_not_active(gateway):
    gateway.administer("organisation.suspend", ABROAD, reason="under review")
    seen = organisations.look_up(gateway.ports, caller(HOTLINE), ABROAD)
    assert seen["active"] is False


def test_an_unknown_organisation_is_not_found(gateway):
    refused = gateway.refusal(organisations.look_up, caller(HOTLINE), "nobody-here")
    assert isinstance(refused.refusal, NotFound)


def test_a_caller_sees_itself_its_scopes_and_its_valid_certificates(gateway):
    ends = datetime(2026, 4, 1, tzinfo=UTC)
    valid = Certificate("thumb-1", 1, HOTLINE, "desk", ends)
    revoked = Certificate("thumb-2", 2, HOTLINE, "desk", ends, revoked_at=gateway.clock())
    other = Certificate("thumb-3", 3, OFMIN, "desk", ends)
    with gateway.ports.begin(Mode.REGISTRY) as work:
        for certificate in (valid, revoked, other):
            work.organisations.add_certificate(certificate)
        work.commit()
    me = organisations.whoami(gateway.ports, caller(HOTLINE))
    assert me["organisation"]["organisation"] == HOTLINE
    assert (me["system"], me["scopes"]) == ("desk", sorted(SCOPES))
    assert me["certificates"] == [
        {"thumbprint": "thumb-1", "not_after": ends.isoformat(), "days_left": 29}
    ]
    assert me["status"] == "active"
    assert (me["legal_date"], me["legal_date_simulated"]) == ("2026-03-02", False)
