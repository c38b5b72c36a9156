"""What an offer may give, and to whom: recipient, clearance, end and parts."""

from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest

from gateway.domain.case import GROUPS
from gateway.domain.refusals import (
    NoCompetentOrganisation,
    NotAddressable,
    NothingToOffer,
    SeveralCompetentOrganisations,
    ValidationFailed,
    WrongState,
)
from gateway.evidence import sd_jwt
from gateway.kernel.transact import WriteResult
from tests.casework import offered, revised, submitted
from tests.each import each
from tests.exchange.handoffs.test_offers import asking, offer_in, police_case, told
from tests.founded_gateway import ABROAD, CSAM_FR, HOTLINE, OCRVP, OFMIN, fields_of

CHANGE = date(2023, 8, 31)
EVE = CHANGE - timedelta(days=1)


def names(case: WriteResult, digests: Any) -> set[str]:
    """The groups to which digests of a submitted case belong."""
    groups = case.result["groups"].items()
    return {group for group, own in groups if set(own) & set(digests)}


# --- to whom -------------------------------------------------------------------------------------


@pytest.mark.parametrize(("day", "office"), [(EVE, OCRVP), (CHANGE, OFMIN)], ids=str)
def test_an_offer_to_a_competence_goes_to_who_holds_it_on_the_legal_date(gateway, day, office):
    gateway.day = day
    written = offered(gateway)
    assert written.result["to"] == {
        "organisation": office,
        "competence": "receive/csam/FR",
        "mandate_event": str(gateway.registered[office]),
    }
    signed = offer_in(gateway, written)
    assert (signed.recipient, signed.competence) == (office, "receive/csam/FR")
    assert signed.mandate_event == str(gateway.registered[office])


def test_where_no_office_or_several_are_competent_the_refusal_says_so_on_record(gateway):
    case = submitted(gateway)
    to = asking(gateway, case, to="receive/csam/BE")
    assert "csam/BE" in gateway.refused(NoCompetentOrganisation, *to).detail
    assert told(gateway)["rules"] == ["R11.no_competence"]
    gateway.mandate(OCRVP)
    refused = gateway.refused(SeveralCompetentOrganisations, *asking(gateway, case))
    assert "ocrvp, ofmin" in refused.detail
    assert told(gateway)["rules"] == ["R11.several_competences"]


def test_a_mandate_is_addressed_only_about_its_own_matter(gateway):
    case = submitted(gateway, matter=["grooming"])
    refusal = gateway.unheard(ValidationFailed, *asking(gateway, case, to=CSAM_FR))
    assert refusal.errors[0][0] == "/to/competence/matter"


def test_who_is_suspended_holds_no_competence_and_is_offered_nothing(gateway):
    case = submitted(gateway)
    for office, to, kind in (
        (OFMIN, CSAM_FR, NoCompetentOrganisation),
        (ABROAD, ABROAD, NotAddressable),
    ):
        gateway.administer("organisation.suspend", office, reason="under review")
        gateway.refused(kind, *asking(gateway, case, to=to))


@each("office", [OCRVP, OFMIN])
def test_an_observers_seat_is_offered_no_case(gateway, office):
    """OFMIN holds the competence all the same: the seat must not carry what the mandate does."""
    gateway.denied("R3.membership", *asking(gateway, submitted(gateway), to=office))


@each("nobody", ["nobody-here", HOTLINE])
def test_an_offer_is_to_another_organisation_of_the_gateway(gateway, nobody):
    refused = gateway.unheard(ValidationFailed, *asking(gateway, submitted(gateway), to=nobody))
    assert refused.errors[0][0] == "/to"


def test_a_release_list_is_a_limit(gateway):
    case = submitted(gateway, marking={"release_to": [OFMIN]})
    gateway.denied("R4.release_list", *asking(gateway, case, to=ABROAD))
    assert offered(gateway, case).result["state"] == "offered"


@each(
    "purpose, allowed",
    [
        (("identify_victim",), True),
        (("investigate",), False),
        (("identify_victim", "investigate"), False),
        ((), False),
    ],
)
def test_the_purposes_of_an_offer_lie_within_those_of_the_case(gateway, purpose, allowed):
    asked = asking(gateway, submitted(gateway), purpose=purpose)
    if allowed:
        assert gateway.act(*asked).result["state"] == "offered"
    else:
        gateway.denied("R6.purpose", *asked)


def test_a_case_is_offered_to_prosecute_to_an_authority_under_led_and_to_no_hotline(gateway):
    case = submitted(gateway, marking={"purpose": ["prosecute"]})
    to_prosecute = {"purpose": ("prosecute",)}
    gateway.denied("R6.recipient", *asking(gateway, case, to=ABROAD, **to_prosecute))
    assert gateway.act(*asking(gateway, case, **to_prosecute)).result["state"] == "offered"


# --- when ----------------------------------------------------------------------------------------


def test_a_version_is_offered_once_it_is_cleared(gateway):
    gateway.refused(WrongState, *asking(gateway, submitted(gateway, clearance=None)))
    assert fields_of(gateway.receipts[-1])["result"] == "wrong_state"
    case = submitted(gateway)
    revised(gateway, case, clearance=None)
    gateway.refused(WrongState, *asking(gateway, case))


@each("seconds", [-1, 0])
def test_an_offer_ends_after_it_begins(gateway, seconds):
    case = submitted(gateway)
    now = gateway.clock()
    gateway.ports = replace(gateway.ports, now=lambda: now)
    until = now + timedelta(seconds=seconds)
    gateway.refused(WrongState, *asking(gateway, case, expires_at=until))


# --- which parts ---------------------------------------------------------------------------------


def test_the_offer_names_what_was_selected_and_where_the_case_belongs(gateway):
    case = submitted(gateway)
    statements = case.result["groups"]["statements"]
    written = offered(gateway, case, groups=("items",), digests=(statements[0],))
    permitted_disclosures = set(written.result["permitted_disclosures"])
    assert names(case, permitted_disclosures) == {"routing", "items", "statements"}
    assert permitted_disclosures & set(statements) == {statements[0]}
    assert permitted_disclosures >= set(case.result["groups"]["items"])
    assert written.result["withheld_groups"] == []


def test_a_digest_of_another_version_is_refused(gateway):
    case = submitted(gateway)
    digest = case.result["groups"]["items"][0]
    asked = asking(gateway, revised(gateway, case), digests=(digest,))
    assert gateway.unheard(ValidationFailed, *asked).errors[0][0] == "/digests"


@each("groups", [(), ("routing",)])
def test_an_offer_gives_more_than_where_the_case_belongs(gateway, groups):
    gateway.refused(NothingToOffer, *asking(gateway, submitted(gateway), groups=groups))
    assert told(gateway)["rules"] == ["R2.nothing_left"]


def test_a_private_member_is_never_offered_what_only_authorities_receive(gateway):
    case = police_case(gateway)
    written = offered(gateway, case, originator=OFMIN, to=ABROAD)
    withheld = ["intake", "items", "references", "statements", "subjects"]
    assert written.result["withheld_groups"] == withheld
    permitted = set(written.result["permitted_disclosures"])
    disclosures = sd_jwt.parse(case.result["document"]).disclosures
    given = [d.value for d in disclosures if d.digest in permitted and d.name is None]
    assert [v["category"] for v in given if "category" in v] == ["victim"]
    assert [v["kind"] for v in given if "value" in v and "kind" in v] == ["url"]
    assert not [v for v in given if "text" in v]


def test_an_authority_is_offered_all_of_it(gateway):
    gateway.administer("membership.end", OCRVP, until="2026-01-01")
    seat = {"membership": "associate", "start": "2026-01-01", "decision_ref": "board 2026"}
    gateway.administer("membership.grant", OCRVP, **seat)
    case = police_case(gateway)
    written = offered(gateway, case, originator=OFMIN, to=OCRVP, purpose=("investigate",))
    assert written.result["withheld_groups"] == []


def test_everything_can_be_offered_by_its_group(gateway):
    case = submitted(gateway)
    written = offered(gateway, case, to=CSAM_FR, groups=GROUPS)
    every = sd_jwt.parse(case.result["document"]).disclosures
    assert len(written.result["permitted_disclosures"]) == len(every)
