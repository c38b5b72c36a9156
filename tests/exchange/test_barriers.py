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
from gateway.exchange import handoffs, measures, notifications, offers
from gateway.exchange.handoffs import ReviewRequest
from gateway.exchange.measures import MeasureRequest
from gateway.kernel.ports import TransactionMode
from gateway.kernel.results import to_json
from gateway.kernel.transact import RecordedRefusal
from tests import answers
from tests.founding import (
    ABROAD,
    CSAM_FR,
    DESK,
    HOTLINE,
    OCRVP,
    OFMIN,
    OPENING,
    Founded,
    accepted,
    caller,
    conditions_of,
    consulted,
    enter_staff,
    fields_of,
    offer_of,
    offered,
    revised,
    shown,
    submitted,
    updated,
)

PROVIDER = "content.example.org"
"""The host that the cases of these tests name."""


def declare(gateway: Founded, slug: str, **changes: Any) -> UUID:
    values = {"scope": "provider", "subject": "example.org", "kind": "funder", **changes}
    written = gateway.administer("interest.declare", slug, **values, start="2020-01-01")
    return UUID(written.result["interest"])


def offer_refused(gateway: Founded, to: Any, case: Any = None) -> RecordedRefusal:
    case = case or submitted(gateway)
    wanted = offer_of(gateway, to)
    at = UUID(case.result["case"])
    return gateway.refusal(offers.offer, caller(HOTLINE), gateway.key(), at, wanted)


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
    declare(gateway, ABROAD, subject=subject)
    refused = offer_refused(gateway, ABROAD)
    assert isinstance(refused.refusal, NotAddressable)
    assert fields_of(refused.receipt)["result"] == "not_found"
    assert "rules" not in shown(refused.receipt)


def silence(gateway: Founded) -> None:
    gateway.administer("system.disable", ABROAD, system=DESK, reason="under repair")


def suspend(gateway: Founded) -> None:
    gateway.administer("organisation.suspend", ABROAD, reason="under review")


@pytest.mark.parametrize("cause", [silence, suspend])
def test_a_conflict_is_answered_as_any_organisation_that_cannot_be_addressed(gateway, cause):
    case = submitted(gateway)
    interest = declare(gateway, ABROAD)
    conflict = offer_refused(gateway, ABROAD, case)
    gateway.administer("interest.end", ABROAD, interest=str(interest), until="2026-03-02")
    cause(gateway)
    other = offer_refused(gateway, ABROAD, case)
    assert type(conflict.refusal) is type(other.refusal) is NotAddressable
    assert conflict.refusal.detail == other.refusal.detail
    assert without_ids(conflict) == without_ids(other)


def test_a_preview_does_not_tell_either(gateway):
    declare(gateway, ABROAD)
    case = UUID(submitted(gateway).result["case"])
    wanted = offer_of(gateway, ABROAD)
    refused = gateway.refusal(offers.preview, caller(HOTLINE), case, wanted)
    assert isinstance(refused.refusal, NotAddressable)


def test_an_interest_in_one_case_keeps_that_case_away_and_no_other(gateway):
    one, other = submitted(gateway), submitted(gateway)
    subject = f"{HOTLINE}/{one.result['case']}"
    declare(gateway, ABROAD, scope="case", kind="party", subject=subject)
    assert isinstance(offer_refused(gateway, ABROAD, one).refusal, NotAddressable)
    offered(gateway, other, to=ABROAD)


def test_what_was_offered_before_the_interest_was_declared_is_not_there_any_more(gateway):
    handoff = UUID(offered(gateway, to=ABROAD).result["handoff"])
    reply = answers.said("officer-1", conditions=conditions_of(gateway, handoff, ABROAD))
    declared = declare(gateway, ABROAD)
    me = caller(ABROAD)
    listing = {"box": "in", "state": None, "after": None, "limit": 10}
    for action, *asked in (
        (handoffs.look_up, handoff),
        (answers.accept, gateway.key(), handoff, reply),
    ):
        assert isinstance(gateway.refusal(action, me, *asked).refusal, NotFound)
    assert to_json(handoffs.page(gateway.ports, me, **listing).items) == []
    gateway.administer("interest.end", ABROAD, interest=str(declared), until="2026-03-02")
    assert len(to_json(handoffs.page(gateway.ports, me, **listing).items)) == 1
    gateway.do(answers.accept, me, gateway.key(), handoff, reply)


def test_content_that_was_accepted_does_not_open_any_more_and_the_case_can_be_given_back(gateway):
    handoff = accepted(gateway, offered(gateway, to=ABROAD), recipient=ABROAD)
    declare(gateway, ABROAD)
    refused = gateway.refusal(handoffs.consult, caller(ABROAD), gateway.key(), handoff, OPENING)
    assert isinstance(refused.refusal, NotFound)
    reply = answers.said("officer-1", reason="we are funded by the provider")
    gateway.do(answers.decline, caller(ABROAD), gateway.key(), handoff, reply)


def test_who_is_barred_learns_of_no_handoff_from_what_else_is_wrong_with_its_request(gateway):
    handoff = UUID(offered(gateway, to=ABROAD).result["handoff"])
    conditions = conditions_of(gateway, handoff, ABROAD)
    declare(gateway, ABROAD)
    me, key = caller(ABROAD), gateway.key()
    for action, asked in (
        (handoffs.consult, OPENING),
        (answers.accept, answers.said("officer-1", conditions={**conditions, "tlp": "CLEAR"})),
        (answers.accept, answers.said("officer-1", conditions=conditions, groups=("nothing",))),
    ):
        told = gateway.refusal(action, me, key, handoff, asked)
        unknown = gateway.refusal(action, me, key, gateway.new_id(), asked)
        assert isinstance(told.refusal, NotFound)
        assert told.refusal.detail == unknown.refusal.detail
        assert fields_of(told.receipt)["result"] == fields_of(unknown.receipt)["result"]
        assert "handoff" not in fields_of(told.receipt)


def test_an_originator_goes_on_seeing_its_own_handoff(gateway):
    handoff = UUID(offered(gateway).result["handoff"])
    declare(gateway, HOTLINE)
    seen = to_json(handoffs.look_up(gateway.ports, caller(HOTLINE), handoff))
    assert seen["handoff"] == str(handoff)


def test_an_interest_in_another_provider_keeps_nothing_away(gateway):
    declare(gateway, ABROAD, subject="elsewhere.example")
    accepted(gateway, offered(gateway, to=ABROAD), recipient=ABROAD)


def test_an_authoritys_interest_hides_nothing_from_it_and_marks_the_case(gateway):
    declare(gateway, OFMIN)
    handoff = accepted(gateway)
    consulted(gateway, handoff)
    seen = {
        reader: to_json(handoffs.look_up(gateway.ports, caller(reader), handoff))
        for reader in (OFMIN, HOTLINE)
    }
    assert seen[OFMIN]["interest"] is True
    assert "interest" not in seen[HOTLINE]


def test_a_handoff_that_meets_no_interest_is_not_marked(gateway):
    declare(gateway, OFMIN, subject="elsewhere.example")
    handoff = UUID(offered(gateway).result["handoff"])
    assert "interest" not in to_json(handoffs.look_up(gateway.ports, caller(OFMIN), handoff))


# --- An imminent danger never ends in a bare refusal ---


def in_danger(gateway: Founded, **offer: Any) -> RecordedRefusal:
    """The refusal of an offer about a child in danger."""
    case = UUID(submitted(gateway, urgency="imminent_danger").result["case"])
    wanted = offer_of(gateway, **offer)
    refused = gateway.refusal(offers.offer, caller(HOTLINE), gateway.key(), case, wanted)
    assert refused.refusal.help["emergency_numbers"] == ("17", "112")
    return refused


AT_ITS_MANDATE = [{"organisation": OFMIN, "competence": CSAM_FR}]


def test_where_an_interest_stops_it_the_competent_authority_is_named(gateway):
    declare(gateway, ABROAD)
    assert to_json(in_danger(gateway, to=ABROAD).refusal.help["instead"]) == AT_ITS_MANDATE


def test_where_the_address_stops_it_the_mandate_to_address_is_named(gateway):
    refusal = in_danger(gateway, to=OFMIN).refusal
    assert isinstance(refusal, Forbidden)
    assert to_json(refusal.help["instead"]) == AT_ITS_MANDATE


def test_where_no_mandate_is_held_the_holder_of_another_territory_is_named(gateway):
    refusal = in_danger(gateway, to="receive/csam/BE").refusal
    assert isinstance(refusal, NoCompetentOrganisation)
    assert to_json(refusal.help["instead"]) == AT_ITS_MANDATE


def test_where_the_competent_authority_has_no_system_nobody_is_named_but_the_numbers_are(gateway):
    gateway.administer("system.disable", OFMIN, system=DESK, reason="under repair")
    refusal = in_danger(gateway).refusal
    assert isinstance(refusal, NotAddressable)
    assert refusal.help["instead"] == []


def test_where_several_are_competent_they_are_named(gateway):
    mandate = {"function": "receive", "matter": "csam", "territory": "FR", "legal_act": "act"}
    gateway.administer("mandate.grant", OCRVP, **mandate, start="2026-01-01")
    refusal = in_danger(gateway).refusal
    assert isinstance(refusal, SeveralCompetentOrganisations)
    named = [one["organisation"] for one in to_json(refusal.help["instead"])]
    assert named == [OCRVP, OFMIN]


def test_other_refusals_name_nobody(gateway):
    declare(gateway, ABROAD)
    assert not offer_refused(gateway, ABROAD).refusal.help


# --- R15 -----------------------------------------------------------------------------------------


def test_a_case_goes_to_a_third_country_only_under_a_transfer_tool(gateway):
    move_abroad(gateway, "US")
    refused = offer_refused(gateway, "far")
    assert isinstance(refused.refusal, Forbidden)
    assert refused.refusal.rules == ("R15.transfer.offer",)
    tool(gateway, kind="accession")
    assert offer_refused(gateway, "far").refusal.rules == ("R15.transfer.offer",)
    tool(gateway)
    offered(gateway, to="far")


DANGER = {"urgency": "imminent_danger", "urgency_reason": "child_located"}


BY_DEROGATION = {"to": "far", "derogation": True}


def derogated(gateway, **content):
    made = submitted(gateway, **{**DANGER, **content})
    return UUID(made.result["case"]), offer_of(gateway, **BY_DEROGATION)


def test_in_imminent_danger_a_case_goes_by_a_derogation_that_the_offer_names(gateway):
    move_abroad(gateway, "US")
    case, wanted = derogated(gateway)
    alone = gateway.refusal(
        offers.offer, caller(HOTLINE), gateway.key(), case, replace(wanted, derogation=False)
    )
    assert alone.refusal.rules == ("R15.transfer.offer",)
    offer = gateway.do(offers.offer, caller(HOTLINE), gateway.key(), case, wanted)
    claims = sd_jwt.read_unverified(offer.result["offer"]).claims
    assert claims["transfer_tool"] == DEROGATIONS["gdpr"]
    taken = accepted(gateway, offer, recipient="far")
    gateway.do(handoffs.consult, caller("far"), gateway.key(), taken, OPENING)


def test_a_derogation_is_for_nothing_but_imminent_danger(gateway):
    move_abroad(gateway, "US")
    case, wanted = derogated(gateway, urgency="urgent")
    refused = gateway.refusal(offers.offer, caller(HOTLINE), gateway.key(), case, wanted)
    assert refused.refusal.rules == ("R15.transfer.offer",)


def test_where_there_is_a_transfer_tool_the_offer_names_that(gateway):
    move_abroad(gateway, "US")
    tool(gateway)
    case, wanted = derogated(gateway)
    offer = gateway.do(offers.offer, caller(HOTLINE), gateway.key(), case, wanted)
    claims = sd_jwt.read_unverified(offer.result["offer"]).claims
    assert not is_derogation(claims["transfer_tool"])


def test_the_data_protection_officer_reviews_a_derogation_and_nobody_else(gateway):
    move_abroad(gateway, "US")
    case, wanted = derogated(gateway)
    offer = gateway.do(offers.offer, caller(HOTLINE), gateway.key(), case, wanted)
    handoff = UUID(offer.result["handoff"])
    enter_staff(gateway.ports.begin, HOTLINE, ["pdc-dpo1"], roles=frozenset({"dpo"}))

    def owed():
        with gateway.ports.begin(TransactionMode.READ) as work:
            return [one.kind for one in work.duties.of(handoff, open_only=True)]

    me, said = caller(HOTLINE), ReviewRequest("approver-1", "needed")
    assert DutyKind.DEROGATION_REVIEW in owed()
    with pytest.raises(ValidationFailed):
        handoffs.review(gateway.ports, me, gateway.key(), handoff, said)
    said = replace(said, by="pdc-dpo1")
    gateway.do(handoffs.review, me, gateway.key(), handoff, said)
    assert DutyKind.DEROGATION_REVIEW not in owed()
    again = gateway.refusal(handoffs.review, me, gateway.key(), handoff, said)
    assert isinstance(again.refusal, WrongState)


def test_each_package_that_leaves_by_derogation_is_reviewed(gateway):
    move_abroad(gateway, "US")
    made = submitted(gateway, **DANGER)
    handoff = UUID(offered(gateway, made, **BY_DEROGATION).result["handoff"])
    enter_staff(gateway.ports.begin, HOTLINE, ["pdc-dpo1"], roles=frozenset({"dpo"}))
    said = ReviewRequest("pdc-dpo1", "needed")
    gateway.do(handoffs.review, caller(HOTLINE), gateway.key(), handoff, said)
    revised(gateway, made, **DANGER, intake_channel="phone")
    updated(gateway, handoff)
    gateway.do(handoffs.review, caller(HOTLINE), gateway.key(), handoff, said)


def test_inside_no_tool_is_needed(gateway):
    move_abroad(gateway, "IS")
    offered(gateway, to="far")


def test_a_tool_that_ended_stops_acceptance_and_opening_and_nothing_gets_stuck(gateway):
    move_abroad(gateway, "US")
    named = tool(gateway)
    open_ = UUID(offered(gateway, to="far").result["handoff"])
    taken = accepted(gateway, offered(gateway, to="far"), recipient="far")
    conditions = conditions_of(gateway, open_, "far")
    gateway.administer("agreement.end", "far", agreement=named, until="2026-03-02")
    me = caller("far")
    reply = answers.said("officer-1", conditions=conditions)
    for action, *asked in (
        (answers.accept, gateway.key(), open_, reply),
        (handoffs.consult, gateway.key(), taken, OPENING),
    ):
        assert gateway.refusal(action, me, *asked).refusal.rules == ("R15.transfer",)
    assert to_json(handoffs.look_up(gateway.ports, me, open_))["state"] == "offered"
    gateway.do(
        answers.decline, me, gateway.key(), open_, answers.said("officer-1", reason="no tool")
    )


# --- What a barred member goes on being told -----------------------------------------------------


@pytest.mark.parametrize("barred", [True, False])
def test_who_is_barred_hears_of_no_measure_and_no_newer_version(gateway, barred):
    case = submitted(gateway)
    accepted(gateway, offered(gateway, case, to=ABROAD), recipient=ABROAD)
    if barred:
        declare(gateway, ABROAD)
    until = gateway.ports.now() + timedelta(hours=2)
    asked = MeasureRequest(MeasureKind.SUSPENSION, "officer-1", "accuracy_contested", until=until)
    at = UUID(case.result["case"])
    gateway.do(measures.on_case, caller(HOTLINE), gateway.key(), at, asked)
    revised(gateway, case, received_at="2026-03-01T20:30:00Z")
    heard = {"case.restricted", "handoff.change_announced"} & {*gateway.types(ABROAD)}
    assert len(heard) == (0 if barred else 2)


def test_a_notification_names_no_handoff_to_who_is_barred_from_it(gateway):
    handoff = UUID(offered(gateway, to=ABROAD).result["handoff"])
    declare(gateway, ABROAD)

    def named(organisation: str) -> set[UUID | None]:
        begun = notifications.begin_delivery(gateway.ports, organisation, DeliveryWay.NOTIFICATION)
        return {one.handoff for one in begun.pending}

    for organisation in (ABROAD, HOTLINE):
        gateway.administer("notification.set_push", organisation, address="https://a.example/")
    assert handoff in named(HOTLINE)
    assert handoff not in named(ABROAD)
