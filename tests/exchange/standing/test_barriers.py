"""Interests and third countries keep cases away: offers, answers, reading and lists, on record."""

from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from gateway.domain.duty import DutyKind
from gateway.domain.handoff import DEROGATIONS, is_derogation
from gateway.domain.measure import MeasureKind
from gateway.domain.notification import DeliveryWay
from gateway.domain.refusals import (
    Forbidden,
    NoCompetentOrganisation,
    NotAddressable,
    NotFound,
    SeveralCompetentOrganisations,
    ValidationFailed,
    WrongState,
)
from gateway.evidence import sd_jwt
from gateway.exchange.case import measures
from gateway.exchange.case.measures import MeasureRequest
from gateway.exchange.handoffs import offers, package_consultation, views
from gateway.exchange.handoffs.package_consultation import ReviewRequest
from gateway.exchange.oversight import notifications
from gateway.kernel.results import to_json
from gateway.kernel.transact import RecordedRefusal
from tests import answers
from tests.casework import (
    OPENING,
    accepted,
    conditions_of,
    consulted,
    offer_of,
    offered,
    revised,
    submitted,
    updated,
)
from tests.founded_gateway import (
    ABROAD,
    CSAM_FR,
    DESK,
    HOTLINE,
    OCRVP,
    OFMIN,
    Founded,
    caller,
    enter_staff,
    fields_of,
    shown,
)

PROVIDER = "content.example.org"
"""The host that the cases of these tests name."""


def offer_refused(gateway: Founded, to: Any, case: Any = None) -> RecordedRefusal:
    case = case or submitted(gateway)
    return gateway.refusal(
        offers.offer,
        caller(HOTLINE),
        gateway.key(),
        UUID(case.result["case"]),
        offer_of(gateway, to),
    )


def move_abroad(gateway: Founded, country: str) -> None:
    """Admit an office in a country, with a seat."""
    entry = {"name": "Far", "kind": "hotline", "public_authority": False, "regimes": ["gdpr"]}
    gateway.administer("organisation.admit", "far", **entry, country=country)
    seat = {"membership": "full", "decision_ref": "board"}
    gateway.administer("membership.grant", "far", **seat, start="2020-01-01")
    gateway.administer("system.register", "far", system="desk", scopes=["handoffs.answer"])


def tool(gateway: Founded, **changes: Any) -> str:
    values = {"kind": "transfer", "description": "all", "reference": "Art. 46(2)(c)", **changes}
    written = gateway.administer("agreement.record", "far", **values, start="2020-01-01")
    return str(written.result["agreement"])


# --- R9 ------------------------------------------------------------------------------------------


def without_ids(refused: RecordedRefusal) -> dict[str, Any]:
    """What the sender sees of a refusal's event, beside what differs in every event."""
    seen = {**fields_of(refused.receipt), **shown(refused.receipt)}
    return {n: v for n, v in seen.items() if n not in ("id", "time", "party")} | {
        "sd": len(seen["sd"])
    }


@pytest.mark.parametrize("subject", [PROVIDER, "example.org"])
def test_a_case_is_not_offered_to_who_declared_an_interest_and_nobody_is_told_why(gateway, subject):
    gateway.interest(ABROAD, subject)
    refused = offer_refused(gateway, ABROAD)
    assert isinstance(refused.refusal, NotAddressable)
    assert fields_of(refused.receipt)["result"] == "not_found"
    assert "rules" not in shown(refused.receipt)
    assert not refused.refusal.help, "nobody is named instead where there is no danger"
    asked = caller(HOTLINE), UUID(submitted(gateway).result["case"]), offer_of(gateway, ABROAD)
    assert isinstance(gateway.refusal(offers.preview, *asked).refusal, NotAddressable)


@pytest.mark.parametrize(
    ("cause", "values"), [("system.disable", {"system": DESK}), ("organisation.suspend", {})]
)
def test_a_conflict_is_answered_as_any_organisation_that_cannot_be_addressed(
    gateway, cause, values
):
    case = submitted(gateway)
    interest = gateway.interest(ABROAD)
    conflict = offer_refused(gateway, ABROAD, case)
    gateway.administer("interest.end", ABROAD, interest=str(interest), until="2026-03-02")
    gateway.administer(cause, ABROAD, **values, reason="under review")
    other = offer_refused(gateway, ABROAD, case)
    assert type(conflict.refusal) is type(other.refusal) is NotAddressable
    assert conflict.refusal.detail == other.refusal.detail
    assert without_ids(conflict) == without_ids(other)


def test_an_interest_in_one_case_or_in_another_provider_keeps_no_other_away(gateway):
    one, other = submitted(gateway), submitted(gateway)
    subject = f"{HOTLINE}/{one.result['case']}"
    gateway.interest(ABROAD, subject, scope="case", kind="party")
    gateway.interest(ABROAD, "elsewhere.example")
    assert isinstance(offer_refused(gateway, ABROAD, one).refusal, NotAddressable)
    accepted(gateway, offered(gateway, other, to=ABROAD), recipient=ABROAD)


def test_what_was_offered_before_the_interest_was_declared_is_not_there_any_more(gateway):
    handoff = UUID(offered(gateway, to=ABROAD).result["handoff"])
    reply = answers.said("officer-1", conditions=conditions_of(gateway, handoff, ABROAD))
    declared = gateway.interest(ABROAD)
    listing = {"box": "in", "after": None, "limit": 10}

    def listed() -> int:
        return len(views.page(gateway.ports, caller(ABROAD), **listing).items)

    looked = gateway.refusal(views.look_up, caller(ABROAD), handoff)
    assert isinstance(looked.refusal, NotFound)
    gateway.refused(NotFound, ABROAD, answers.accept, handoff, reply)
    assert listed() == 0
    gateway.administer("interest.end", ABROAD, interest=str(declared), until="2026-03-02")
    assert listed() == 1
    gateway.act(ABROAD, answers.accept, handoff, reply)


def test_content_that_was_accepted_does_not_open_any_more_and_the_case_can_be_given_back(gateway):
    handoff = accepted(gateway, offered(gateway, to=ABROAD), recipient=ABROAD)
    gateway.interest(ABROAD)
    gateway.refused(NotFound, ABROAD, package_consultation.consult, handoff, OPENING)
    gateway.answer(ABROAD, answers.decline, handoff, reason="we are funded by the provider")


def test_a_party_is_told_whose_part_it_is_unless_an_interest_hides_the_handoff_from_it(gateway):
    handoff = UUID(offered(gateway, to=ABROAD).result["handoff"])
    reply = answers.said("officer-1", "by mistake")
    told = gateway.refused(Forbidden, ABROAD, answers.withdraw, handoff, reply)
    assert str(told) == f"only the handoff's originator, {HOTLINE}, can do that"
    gateway.refused(NotFound, OFMIN, answers.withdraw, handoff, reply)
    gateway.interest(ABROAD)
    gateway.refused(NotFound, ABROAD, answers.withdraw, handoff, reply)


def test_who_is_barred_learns_of_no_handoff_from_what_else_is_wrong_with_its_request(gateway):
    handoff = UUID(offered(gateway, to=ABROAD).result["handoff"])
    conditions = conditions_of(gateway, handoff, ABROAD)
    gateway.interest(ABROAD)
    me, key = caller(ABROAD), gateway.key()
    for action, asked in (
        (package_consultation.consult, OPENING),
        (answers.accept, answers.said("officer-1", conditions={**conditions, "tlp": "CLEAR"})),
        (answers.accept, answers.said("officer-1", conditions=conditions, groups=("nothing",))),
    ):
        told = gateway.refusal(action, me, key, handoff, asked)
        unknown = gateway.refusal(action, me, key, gateway.new_id(), asked)
        assert isinstance(told.refusal, NotFound)
        assert told.refusal.detail == unknown.refusal.detail
        assert fields_of(told.receipt)["result"] == fields_of(unknown.receipt)["result"]
        assert "handoff" not in fields_of(told.receipt)


def test_an_originators_interest_hides_nothing_from_it(gateway):
    handoff = UUID(offered(gateway).result["handoff"])
    gateway.interest(HOTLINE)
    assert gateway.view(HOTLINE, handoff)["handoff"] == str(handoff)


@pytest.mark.parametrize(("subject", "met"), [("example.org", True), ("elsewhere.example", False)])
def test_an_authoritys_interest_hides_nothing_from_it_and_marks_the_case(gateway, subject, met):
    gateway.interest(OFMIN, subject)
    handoff = accepted(gateway)
    consulted(gateway, handoff)
    assert gateway.view(OFMIN, handoff).get("interest", False) is met
    assert "interest" not in gateway.view(HOTLINE, handoff)


# --- An imminent danger never ends in a bare refusal ---


def in_danger(gateway: Founded, **offer: Any) -> RecordedRefusal:
    """The refusal of an offer about a child in danger."""
    case = UUID(submitted(gateway, urgency="imminent_danger").result["case"])
    refused = gateway.refusal(
        offers.offer, caller(HOTLINE), gateway.key(), case, offer_of(gateway, **offer)
    )
    assert refused.refusal.help["emergency_numbers"] == ("17", "112", "119")
    return refused


AT_ITS_MANDATE = [{"organisation": OFMIN, "competence": CSAM_FR}]


@pytest.mark.parametrize(
    ("to", "kind"),
    [(ABROAD, NotAddressable), (OFMIN, Forbidden), ("receive/csam/BE", NoCompetentOrganisation)],
    ids=["an interest", "a seat that is no address", "a mandate that nobody holds"],
)
def test_in_danger_the_competent_authority_is_named_whatever_stops_the_offer(gateway, to, kind):
    gateway.interest(ABROAD)
    refusal = in_danger(gateway, to=to).refusal
    assert isinstance(refusal, kind)
    assert to_json(refusal.help["instead"]) == AT_ITS_MANDATE


def test_where_the_competent_authority_has_no_system_nobody_is_named_but_the_numbers_are(gateway):
    gateway.administer("system.disable", OFMIN, system=DESK, reason="under repair")
    refusal = in_danger(gateway).refusal
    assert isinstance(refusal, NotAddressable)
    assert refusal.help["instead"] == []


def test_where_several_are_competent_they_are_named(gateway):
    gateway.mandate(OCRVP)
    refusal = in_danger(gateway).refusal
    assert isinstance(refusal, SeveralCompetentOrganisations)
    named = [one["organisation"] for one in to_json(refusal.help["instead"])]
    assert named == [OCRVP, OFMIN]


# --- R15 -----------------------------------------------------------------------------------------


def test_a_case_goes_to_a_third_country_only_under_a_transfer_tool(gateway):
    move_abroad(gateway, "US")
    assert offer_refused(gateway, "far").refusal.rules == ("R15.transfer.offer",)
    tool(gateway, kind="accession")
    assert offer_refused(gateway, "far").refusal.rules == ("R15.transfer.offer",)
    tool(gateway)
    offered(gateway, to="far")


DANGER = {"urgency": "imminent_danger", "urgency_reason": "child_located"}


BY_DEROGATION = {"to": "far", "derogation": True, "approved_by": "approver-1"}


def derogated(gateway, **content):
    made = submitted(gateway, **{**DANGER, **content})
    return UUID(made.result["case"]), offer_of(gateway, **BY_DEROGATION)


def transfer_tool(offer):
    return sd_jwt.read_unverified(offer.result["offer"]).claims["transfer_tool"]


def test_in_imminent_danger_a_case_goes_by_a_derogation_that_the_offer_names(gateway):
    move_abroad(gateway, "US")
    case, wanted = derogated(gateway)
    without = replace(wanted, derogation=False)
    gateway.denied("R15.transfer.offer", HOTLINE, offers.offer, case, without)
    by_one = replace(wanted, approved_by=None)
    gateway.denied("R15.derogation", HOTLINE, offers.offer, case, by_one)
    offer = gateway.act(HOTLINE, offers.offer, case, wanted)
    assert transfer_tool(offer) == DEROGATIONS["gdpr"]
    taken = accepted(gateway, offer, recipient="far")
    gateway.act("far", package_consultation.consult, taken, OPENING)


def test_a_derogation_is_for_nothing_but_imminent_danger_without_a_transfer_tool(gateway):
    move_abroad(gateway, "US")
    urgent = derogated(gateway, urgency="urgent")
    gateway.denied("R15.transfer.offer", HOTLINE, offers.offer, *urgent)
    tool(gateway)
    offer = gateway.act(HOTLINE, offers.offer, *derogated(gateway))
    assert not is_derogation(transfer_tool(offer))


def test_the_data_protection_officer_reviews_each_package_that_leaves_by_derogation(gateway):
    move_abroad(gateway, "US")
    made = submitted(gateway, **DANGER)
    handoff = UUID(offered(gateway, made, **BY_DEROGATION).result["handoff"])
    enter_staff(gateway.ports.begin, HOTLINE, ["pdc-dpo1"], roles=frozenset({"dpo"}))
    said = ReviewRequest("pdc-dpo1", "needed")
    assert DutyKind.DEROGATION_REVIEW in gateway.owed(handoff)
    with pytest.raises(ValidationFailed):
        gateway.act(HOTLINE, package_consultation.review, handoff, replace(said, by="approver-1"))
    gateway.act(HOTLINE, package_consultation.review, handoff, said)
    assert DutyKind.DEROGATION_REVIEW not in gateway.owed(handoff)
    gateway.refused(WrongState, HOTLINE, package_consultation.review, handoff, said)
    revised(gateway, made, **DANGER, intake_channel="phone")
    updated(gateway, handoff)
    gateway.act(HOTLINE, package_consultation.review, handoff, said)


def test_inside_no_tool_is_needed(gateway):
    move_abroad(gateway, "IS")
    offered(gateway, to="far")


def test_a_tool_that_ended_stops_acceptance_and_opening_and_nothing_gets_stuck(gateway):
    move_abroad(gateway, "US")
    named = tool(gateway)
    open_ = UUID(offered(gateway, to="far").result["handoff"])
    taken = accepted(gateway, offered(gateway, to="far"), recipient="far")
    reply = answers.said("officer-1", conditions=conditions_of(gateway, open_, "far"))
    gateway.administer("agreement.end", "far", agreement=named, until="2026-03-02")
    gateway.denied("R15.transfer", "far", answers.accept, open_, reply)
    gateway.denied("R15.transfer", "far", package_consultation.consult, taken, OPENING)
    assert gateway.view("far", open_)["state"] == "offered"
    gateway.answer("far", answers.decline, open_, reason="no tool")


# --- What a barred member goes on being told -----------------------------------------------------


@pytest.mark.parametrize("barred", [True, False])
def test_who_is_barred_hears_of_no_measure_and_no_newer_version(gateway, barred):
    case = submitted(gateway)
    accepted(gateway, offered(gateway, case, to=ABROAD), recipient=ABROAD)
    if barred:
        gateway.interest(ABROAD)
    until = gateway.ports.now() + timedelta(hours=2)
    asked = MeasureRequest(MeasureKind.SUSPENSION, "officer-1", "accuracy_contested", until=until)
    gateway.act(HOTLINE, measures.on_case, UUID(case.result["case"]), asked)
    revised(gateway, case, received_at="2026-03-01T20:30:00Z")
    heard = {"case.restricted", "handoff.change_announced"} & {*gateway.types(ABROAD)}
    assert len(heard) == (0 if barred else 2)


def test_a_notification_names_no_handoff_to_who_is_barred_from_it(gateway):
    handoff = UUID(offered(gateway, to=ABROAD).result["handoff"])
    gateway.interest(ABROAD)

    def named(organisation: str) -> set[UUID | None]:
        begun = notifications.begin_delivery(gateway.ports, organisation, DeliveryWay.NOTIFICATION)
        return {one.handoff for one in begun.pending}

    for organisation in (ABROAD, HOTLINE):
        gateway.administer("notification.set_push", organisation, address="https://a.example/")
    assert handoff in named(HOTLINE)
    assert handoff not in named(ABROAD)
