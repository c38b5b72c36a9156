"""Whom a case is for: any function, one of several holders, and the country of each item (R8)."""

from typing import Any
from uuid import UUID

import pytest

from gateway.domain.refusals import (
    AlreadyOffered,
    Forbidden,
    NoCompetentOrganisation,
    SecondPersonRequired,
    SeveralCompetentOrganisations,
)
from gateway.evidence import sd_jwt
from gateway.exchange.case import cases, submissions
from gateway.exchange.case.submissions import Submission
from gateway.exchange.handoffs import addressing, offers, updates
from gateway.exchange.handoffs.selection import UpdateRequest
from gateway.kernel.results import to_json
from tests import answers
from tests.casework import (
    CLEARED,
    OPENING,
    accepted,
    case_content,
    offer_of,
    offered,
    revised,
    submitted,
)
from tests.founded_gateway import ABROAD, CSAM_FR, HOTLINE, OCRVP, OFMIN, Founded, caller, shown

NL, US = "018f0000-0000-7000-8000-000000000101", "018f0000-0000-7000-8000-000000000102"


def refusal(gateway: Founded, case: Any, **offer: Any) -> Any:
    wanted = offer_of(gateway, **offer)
    return gateway.refusal(
        offers.offer, caller(HOTLINE), gateway.key(), UUID(case.result["case"]), wanted
    ).refusal


# --- functions and several holders ---------------------------------------------------------------


def test_a_competence_of_any_function_is_addressed(gateway):
    gateway.mandate(ABROAD, "protect/csam/BE")
    to = offered(gateway, to="protect/csam/BE").result["to"]
    assert (to["organisation"], to["competence"]) == (ABROAD, "protect/csam/BE")


def test_one_of_several_holders_is_addressed_by_name_beside_the_competence(gateway):
    gateway.mandate(OCRVP)
    case = submitted(gateway)
    refused = refusal(gateway, case)
    assert isinstance(refused, SeveralCompetentOrganisations)
    assert "ocrvp, ofmin" in refused.detail
    for organisation in (OCRVP, OFMIN):
        to = offered(gateway, case, organisation=organisation).result["to"]
        assert (to["organisation"], to["competence"]) == (organisation, CSAM_FR)


def test_who_does_not_hold_the_competence_is_not_addressed_for_it(gateway):
    refused = refusal(gateway, submitted(gateway), organisation=ABROAD)
    assert isinstance(refused, NoCompetentOrganisation)
    assert OFMIN in refused.detail


# --- R8 ------------------------------------------------------------------------------------------


def url(name: str, country: str | None, **more: Any) -> dict[str, Any]:
    found = {"id": name, "kind": "url", "value": f"https://{name[-3:]}.example/", **more}
    seen = {"country": country, "observed_at": "2026-03-01T20:00:00Z", "method": "rdap"}
    return found | ({"hosting": [seen]} if country else {})


def hosted(gateway: Founded, nl: str | None = "NL", us: str | None = "US") -> Any:
    """A case with an item in each of two countries."""
    items = [url(NL, nl, is_source=True), url(US, us)]
    about = {**case_content(gateway.new_id())["classifications"][0], "about": NL}
    return submitted(gateway, items=items, classifications=[about])


REMOVAL: dict[str, Any] = {"purpose": ("remove",), "to": ABROAD}


def given(offer: Any, case: Any) -> set[str]:
    """The ids of the items that an offer gives."""
    named = set(offer.result["permitted_disclosures"])
    placed = sd_jwt.read_stored(case.result["document"]).placed
    return {one.value["id"] for one in placed if one.name == "items" and one.digest in named}


def test_a_removal_offer_takes_the_items_of_the_country_and_lists_the_rest(gateway):
    gateway.mandate(ABROAD, "take_down/csam/NL")
    gateway.mandate(OFMIN, "take_down/csam/US")
    case = hosted(gateway)
    asked = UUID(case.result["case"]), offer_of(gateway, **{**REMOVAL, "to": "take_down/csam/NL"})
    seen = to_json(offers.preview(gateway.ports, caller(HOTLINE), *asked))
    offer, again = (gateway.act(HOTLINE, offers.offer, *asked, key="the same") for _ in range(2))
    assert given(offer, case) == {NL}
    assert offer.result["withheld_groups"] == ["subjects"]
    holders = [{"organisation": OFMIN, "competence": "take_down/csam/US"}]
    elsewhere = [{"item": US, "country": "US", "orphan": False, "holders": holders}]
    assert seen["elsewhere"] == offer.result["elsewhere"] == elsewhere
    assert offer.result == again.result


def test_where_no_item_is_of_the_country_the_refusal_lists_the_holders(gateway):
    gateway.mandate(OFMIN, "take_down/csam/US")
    refused = refusal(gateway, hosted(gateway), **REMOVAL)
    assert isinstance(refused, Forbidden)
    assert refused.rules == ("R8.country",)
    assert [(one["country"], one["orphan"]) for one in to_json(refused.help)["elsewhere"]] == [
        ("NL", True),
        ("US", False),
    ]


def test_an_item_of_nobodys_country_goes_to_who_routes_and_is_listed_with_it(gateway):
    gateway.mandate(ABROAD, "route/csam/BE")
    gateway.mandate(OFMIN, "take_down/csam/US")
    case = hosted(gateway)
    offer = offered(gateway, case, **REMOVAL)
    assert given(offer, case) == {NL}
    assert [one["item"] for one in offer.result["elsewhere"]] == [US]
    (orphan,) = offered(gateway, case, to=CSAM_FR, purpose=("remove",)).result["elsewhere"]
    assert (orphan["item"], orphan["orphan"]) == (NL, True)
    assert orphan["holders"] == [{"organisation": ABROAD, "competence": "route/csam/BE"}]


def test_an_item_of_nobodys_country_is_not_offered_to_its_own_originator(gateway):
    gateway.mandate(HOTLINE, "route/csam/FR")
    gateway.mandate(OFMIN, "take_down/csam/US")
    refused = refusal(gateway, hosted(gateway), **REMOVAL)
    orphan = next(one for one in to_json(refused.help)["elsewhere"] if one["orphan"])
    assert orphan["holders"] == []


def test_an_uncertain_country_asks_for_a_reason_which_both_sides_read(gateway):
    gateway.mandate(ABROAD, "take_down/csam/NL")
    case = hosted(gateway, us=None)
    refused = refusal(gateway, case, **REMOVAL)
    assert refused.rules == ("R8.country_uncertain",)
    assert list(refused.help["uncertain"]) == [US]
    offer = offered(gateway, case, **REMOVAL, country_reason="the registrar is Dutch")
    assert given(offer, case) == {NL, US}
    assert shown(offer.receipt)["reason"] == "the registrar is Dutch"
    words = {d.name: d.value for d in sd_jwt.parse(offer.result["offer"]).disclosures}
    assert words["country_reason"] == "the registrar is Dutch"


def test_other_purposes_know_no_country(gateway):
    case = hosted(gateway)
    offer = offered(gateway, case, to=ABROAD)
    assert given(offer, case) == {NL, US}
    assert offer.result["elsewhere"] == []


def platform(gateway: Founded) -> None:
    entry = {"name": "P", "kind": "provider", "public_authority": False, "regimes": ["gdpr"]}
    gateway.administer("organisation.admit", "platform", **entry, country="IE")
    seat = {"membership": "associate", "decision_ref": "board"}
    gateway.administer("membership.grant", "platform", **seat, start="2020-01-01")
    gateway.administer("system.register", "platform", system="desk", scopes=["handoffs.answer"])


def test_a_platform_is_given_a_notice_wherever_its_items_are(gateway):
    platform(gateway)
    case = hosted(gateway)
    assert given(offered(gateway, case, to="platform", purpose=("remove",)), case) == {NL, US}


def test_a_platform_is_given_a_statement_that_two_persons_named_and_no_other(gateway):
    platform(gateway)
    case = submitted(gateway)
    first, second = case.result["groups"]["statements"]
    notice = {"to": "platform", "purpose": ("remove",), "groups": ("items",)}
    whole = {**notice, "groups": ("items", "statements")}
    named = {**notice, "digests": (first,)}
    two = {"approved_by": "approver-1"}

    def statements(**wanted: Any) -> set[str]:
        made = offered(gateway, case, **wanted, again="another notice")
        return {first, second} & set(made.result["permitted_disclosures"])

    assert statements(**whole, **two) == statements(**named) == set()
    assert statements(**named, **two) == {first}
    same = offer_of(gateway, **named, approved_by="liaison-1")
    gateway.refused(SecondPersonRequired, HOTLINE, offers.offer, UUID(case.result["case"]), same)
    assert shown(offered(gateway, case, **named, **two, again="x").receipt)["approved_by"] == (
        "approver-1"
    )


def test_a_statement_that_a_platform_was_given_comes_again_in_an_update(gateway):
    platform(gateway)
    case = submitted(gateway)
    first = case.result["groups"]["statements"][0]
    notice = {"to": "platform", "purpose": ("remove",), "groups": ("items",), "digests": (first,)}
    offer = offered(gateway, case, **notice, approved_by="approver-1")
    handoff = UUID(offer.result["handoff"])
    revised(gateway, case)
    wanted = UpdateRequest("liaison-1", groups=("statements",))
    made = gateway.act(HOTLINE, updates.update, handoff, wanted)
    assert len(made.result["permitted_disclosures"]) == len(offer.result["permitted_disclosures"])


def test_a_statement_that_became_another_one_was_not_named_by_two_persons(gateway):
    platform(gateway)
    case = submitted(gateway)
    first = case.result["groups"]["statements"][0]
    notice = {"to": "platform", "purpose": ("remove",), "groups": ("items",), "digests": (first,)}
    offer = offered(gateway, case, **notice, approved_by="approver-1")
    handoff = UUID(offer.result["handoff"])
    said = case_content(gateway.new_id())["statements"]
    told = [{**one, "text": "The victim is Marie Curie."} for one in said]
    newer = revised(gateway, case, statements=told)
    made = gateway.act(HOTLINE, updates.update, handoff, UpdateRequest("liaison-1"))
    assert not {*newer.result["groups"]["statements"]} & {*made.result["permitted_disclosures"]}


def test_who_approved_an_offer_updates_it_too(gateway):
    platform(gateway)
    case = submitted(gateway)
    first = case.result["groups"]["statements"][0]
    notice = {"to": "platform", "purpose": ("remove",), "groups": ("items",), "digests": (first,)}
    offer = offered(gateway, case, **notice, approved_by="approver-1")
    revised(gateway, case)
    wanted = UpdateRequest("approver-1")
    made = gateway.act(HOTLINE, updates.update, UUID(offer.result["handoff"]), wanted)
    assert shown(made.receipt)["approved_by"] == "liaison-1"


def test_an_account_of_what_somebody_published_reaches_no_hotline(gateway):
    gateway.mandate(ABROAD, "take_down/hate_speech/NL")
    account = {"id": US, "kind": "account", "value": "user@site.example", "parent_item": NL}
    about = {**case_content(gateway.new_id())["classifications"][0], "scheme": "fr_law"}
    case = submitted(
        gateway,
        matter=["hate_speech"],
        marking={"purpose": ["remove"], "erase_on": "2027-02-01"},
        subjects=None,
        statements=None,
        items=[url(NL, "NL", is_source=True), account],
        classifications=[{**about, "about": NL}],
        legal_basis=[{"regime": "gdpr", "article": "6(1)(f)", "art9_condition": "9(2)(g)"}],
    )
    offer = offered(gateway, case, to="take_down/hate_speech/NL", purpose=("remove",))
    assert given(offer, case) == {NL}


# --- the same version again ----------------------------------------------------------------------


@pytest.mark.parametrize("closed", [False, True])
def test_the_same_version_is_offered_again_only_with_a_reason(gateway, closed):
    case = submitted(gateway)
    offer = offered(gateway, case)
    if closed:
        gateway.answer(OFMIN, answers.close, accepted(gateway, offer))
    asked = UUID(case.result["case"]), offer_of(gateway)
    gateway.unheard(AlreadyOffered, HOTLINE, offers.offer, *asked)
    again = offered(gateway, case, again="the first went to a desk that is closed")
    assert shown(again.receipt)["reason"] == "the first went to a desk that is closed"


def test_another_version_and_what_was_declined_are_offered_without_a_reason(gateway):
    case = submitted(gateway)
    first = UUID(offered(gateway, case).result["handoff"])
    newer = revised(gateway, case)
    second = UUID(offered(gateway, newer).result["handoff"])
    for handoff in (first, second):
        gateway.answer(OFMIN, answers.decline, handoff, reason="not ours")
    offered(gateway, newer)


# --- R3: rights that rest on mandates alone ------------------------------------------------------


def test_a_mandate_in_one_matter_opens_no_submission_in_another(gateway):
    content = case_content(gateway.new_id(), matter=["csam", "bullying"])
    submission = Submission("officer-1", content, CLEARED)
    gateway.denied("R3.membership.submit", OFMIN, submissions.submit, submission)


def test_a_mandate_that_ended_opens_ones_own_case_no_more_and_leaves_the_duty_to_correct(gateway):
    made = submitted(gateway, originator=OFMIN)
    case = UUID(made.result["case"])
    gateway.administer("mandate.end", OFMIN, competence=CSAM_FR, until="2026-03-01")
    gateway.denied("R3.membership.consult", OFMIN, cases.consult, case, OPENING)
    gateway.denied("R3.membership.offer", OFMIN, offers.offer, case, offer_of(gateway, ABROAD))
    assert revised(gateway, made, originator=OFMIN).result["version"] == 2


def test_a_full_member_needs_no_mandate_for_its_own_cases(gateway):
    case = submitted(gateway, matter=["bullying"])
    gateway.act(HOTLINE, cases.consult, UUID(case.result["case"]), OPENING)


def test_the_numbers_for_children_are_called_where_one_may_be_concerned(gateway):
    def called(*matters: str) -> tuple[str, ...]:
        return addressing.numbers_to_call(gateway.ports, matters)

    assert called("terrorist_content") == called("intimate_images") == ("17", "112")
    assert called("sextortion") == called("hate_speech", "csam") == ("17", "112", "119")
