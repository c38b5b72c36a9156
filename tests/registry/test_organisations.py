"""The directory: who takes part, of which status and competences on the reference date."""

from datetime import UTC, date, datetime, timedelta

import pytest

from gateway.domain.organisation import SCOPES, Certificate
from gateway.domain.refusals import LogFrozen, NotFound, WrongState
from gateway.evidence import membership_attestation
from gateway.kernel.ports import TransactionMode
from gateway.kernel.results import to_json
from gateway.registry import directory as organisations
from gateway.registry.directory import DirectoryFilter
from tests.each import each
from tests.founded_gateway import ABROAD, HOTLINE, OCRVP, OFMIN, ORGANISATIONS, caller


def test_an_organisation_is_shown_as_it_stands(gateway):
    seen = to_json(organisations.look_up(gateway.ports, caller(HOTLINE), OFMIN))
    assert seen == {
        "organisation": OFMIN,
        "name": "OFMIN",
        "kind": "police_office",
        "country": "FR",
        "public_authority": True,
        "active": True,
        "addressable": True,
        "membership": "observer",
        "mandates": [
            {
                "competence": "receive/csam/FR",
                "legal_act": "décret 2023-829",
                "from": "2023-08-31",
                "until": None,
                "registration_event": str(gateway.registered[OFMIN]),
            }
        ],
        "duty_contact": False,
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
    page = to_json(organisations.page(gateway.ports, caller(HOTLINE), "", 10).items)
    holders = [one["organisation"] for one in page if one["mandates"]]
    assert holders == [holder]
    memberships = {one["organisation"]: one["membership"] for one in page}
    assert memberships[OFMIN] == standing_of_ofmin
    me = to_json(organisations.whoami(gateway.ports, caller(HOTLINE)))
    assert (me["reference_date"], me["reference_date_simulated"]) == (day.isoformat(), True)


def test_the_directory_is_read_by_page(gateway):
    first = organisations.page(gateway.ports, caller(OCRVP), "", 3).items
    rest = organisations.page(gateway.ports, caller(OCRVP), first[-1].organisation, 3).items
    assert [one.organisation for one in (*first, *rest)] == sorted(ORGANISATIONS)


def test_a_suspended_organisation_is_shown_as_not_active_and_an_unknown_one_not_at_all(gateway):
    gateway.administer("organisation.suspend", ABROAD, reason="under review")
    assert not organisations.look_up(gateway.ports, caller(HOTLINE), ABROAD).active
    refused = gateway.refusal(organisations.look_up, caller(HOTLINE), "nobody-here")
    assert isinstance(refused.refusal, NotFound)


def test_a_caller_sees_itself_its_scopes_and_its_valid_certificates(gateway):
    ends = datetime(2026, 4, 1, tzinfo=UTC)
    valid = Certificate("thumb-1", 1, HOTLINE, "desk", ends)
    revoked = Certificate("thumb-2", 2, HOTLINE, "desk", ends, revoked_at=gateway.clock())
    other = Certificate("thumb-3", 3, OFMIN, "desk", ends)
    gateway.beside |= {HOTLINE, OFMIN}
    with gateway.ports.begin(TransactionMode.REGISTRY) as work:
        for certificate in (valid, revoked, other):
            work.organisations.add_certificate(certificate)
        work.commit()
    me = to_json(organisations.whoami(gateway.ports, caller(HOTLINE)))
    assert me["organisation"]["organisation"] == HOTLINE
    assert (me["system"], me["scopes"]) == ("desk", sorted(SCOPES))
    assert me["certificates"] == [
        {"thumbprint": "thumb-1", "not_after": ends.isoformat(), "days_left": 29}
    ]
    assert me["status"] == "active"
    assert (me["reference_date"], me["reference_date_simulated"]) == ("2026-03-02", False)


@each(
    "wanted, found",
    [
        (DirectoryFilter(), sorted(ORGANISATIONS)),
        (DirectoryFilter(kind="hotline"), [ABROAD, HOTLINE]),
        (DirectoryFilter(competence="receive/csam/FR"), [OFMIN]),
        (DirectoryFilter(kind="hotline", competence="receive/csam/FR"), []),
        (DirectoryFilter(kind="researcher"), []),
    ],
)
@each("limit", [1, 2, 10])
def test_the_directory_is_searched_by_kind_and_by_competence_page_by_page(
    gateway, wanted, found, limit
):
    seen, after = [], ""
    while after is not None:
        page = organisations.page(gateway.ports, caller(HOTLINE), after, limit, wanted)
        assert len(page.items) <= limit
        seen += [one.organisation for one in page.items]
        after = page.after
    assert seen == found


def stated(gateway, slug):
    told = to_json(organisations.issue_attestation(gateway.ports, caller(HOTLINE), slug))
    return told, membership_attestation.verify(told["attestation"], gateway.attestation_keys())


def test_a_status_is_stated_for_a_day_with_the_standing_of_the_legal_date(gateway):
    told, mark = stated(gateway, OFMIN)
    assert (mark.organisation, mark.status, mark.kind) == (OFMIN, "active", "observer")
    assert mark.ends - mark.issued == timedelta(hours=24)
    assert told["expires_at"] == mark.ends.isoformat()
    assert stated(gateway, ABROAD)[1].kind == "member"


def test_an_attestation_ends_with_the_membership(gateway):
    gateway.administer("membership.end", OFMIN, until="2026-03-03")
    _, mark = stated(gateway, OFMIN)
    # Midnight in Paris is 23:00 in UTC; the clock of the gateway stands at nine o'clock.
    assert mark.ends <= datetime(2026, 3, 2, 23, 0, tzinfo=UTC)
    assert mark.ends > datetime(2026, 3, 2, 22, 58, tzinfo=UTC)


def test_a_simulated_date_stands_in_the_statement(gateway):
    gateway.day = date(2023, 10, 31)
    assert stated(gateway, OFMIN)[1].simulated == gateway.day


@pytest.mark.parametrize("trouble", ["suspended", "without a seat", "unknown"])
def test_of_who_does_not_take_part_no_status_is_stated(gateway, trouble):
    if trouble == "suspended":
        gateway.administer("organisation.suspend", ABROAD, reason="under review")
    if trouble == "without a seat":
        gateway.administer("membership.end", ABROAD, until="2026-03-01")
    slug = "nobody-here" if trouble == "unknown" else ABROAD
    refused = gateway.refusal(organisations.issue_attestation, caller(HOTLINE), slug)
    kind = NotFound if trouble == "unknown" else WrongState
    assert isinstance(refused.refusal, kind)


def test_a_frozen_gateway_states_no_status(gateway, monkeypatch):
    def frozen(head, base=None):
        raise LogFrozen("older")

    monkeypatch.setattr(gateway.checkpoint_signer, "sign", frozen)
    with pytest.raises(LogFrozen):
        organisations.issue_attestation(gateway.ports, caller(HOTLINE), OFMIN)
