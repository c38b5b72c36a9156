"""Offering a case: to whom it may go, which parts, and what the offer binds for ever."""

from dataclasses import replace
from datetime import date, timedelta
from typing import Any
from uuid import UUID

import pytest

from gateway.domain.case import GROUPS
from gateway.domain.refusals import (
    AlreadyExists,
    NoCompetentOrganisation,
    NotAddressable,
    NothingToOffer,
    SeveralCompetentOrganisations,
    TooManyPreviews,
    ValidationFailed,
    WrongState,
)
from gateway.evidence import handoff_documents, sd_jwt
from gateway.exchange.handoffs import offers
from gateway.kernel.results import to_json
from gateway.kernel.transact import WriteResult
from tests import answers
from tests.casework import accepted, case_content, offer_of, offered, revised, submitted
from tests.each import each
from tests.founded import (
    ABROAD,
    CSAM_FR,
    HOTLINE,
    OCRVP,
    OFMIN,
    Founded,
    caller,
    fields_of,
    refused_without_event,
    shown,
)

CHANGE = date(2023, 8, 31)
EVE = CHANGE - timedelta(days=1)


def asking(gateway: Founded, case: WriteResult, **changes: Any) -> tuple[Any, ...]:
    """What an offer of a case by the hotline asks; ``to`` and other changes as for offer_of."""
    return HOTLINE, offers.offer, UUID(case.result["case"]), offer_of(gateway, **changes)


def offer_in(gateway: Founded, written: WriteResult) -> handoff_documents.OfferClaims:
    verified = gateway.verified(written.result["offer"], handoff_documents.OFFER_TYP)
    return handoff_documents.read_offer(verified)


def told(gateway: Founded) -> Any:
    """What the newest receipt shows: that of the last refusal."""
    return shown(gateway.receipts[-1])


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


def police_case(gateway: Founded) -> WriteResult:
    """A case of a police office that has all that private members never receive (R5)."""
    content = case_content(gateway.new_id())
    (victim,), (url, host) = content["subjects"], content["items"]
    qualified = {"qualified_by": OFMIN, "qualified_at": "2026-03-01T22:00:00Z"}
    others = [
        {**victim, "id": f"018f0000-0000-7000-8000-0000000001{n:02}", "category": category}
        for n, category in enumerate(("suspect", "convicted", "other_witness", "other_informant"))
    ]
    return submitted(
        gateway,
        originator=OFMIN,
        marking={"purpose": ["identify_victim", "investigate"]},
        subjects=[victim, *({**person, **qualified} for person in others)],
        items=[url, {**host, "marking": {"handling": ["H2"]}}],
    )


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


# --- what it binds -------------------------------------------------------------------------------


def test_the_offer_and_the_log_bind_the_exact_list_and_each_party_sees_its_own_place(gateway):
    case = submitted(gateway)
    written = offered(gateway, case, note="please hurry")
    signed, permitted = (
        offer_in(gateway, written),
        frozenset(written.result["permitted_disclosures"]),
    )
    handoff = gateway.handoff(UUID(written.result["handoff"]))
    assert signed.disclosures == handoff.permitted_disclosures == permitted
    assert signed.case_digest == handoff.case_digest == case.result["digest"]
    fields, package = fields_of(written.receipt), handoff_documents.package_digest(permitted)
    assert fields["package_digest"] == handoff.package_digest == package
    assert fields["document_sha256"] == sd_jwt.parse(written.result["offer"]).digest
    assert fields["handoff"] == written.result["handoff"]
    own = told(gateway)
    assert [(p["organisation"], p["role"]) for p in own["party"]] == [(HOTLINE, "originator")]
    assert (own["purpose"], own["by"]) == (["identify_victim"], "liaison-1")


def test_a_handoffs_id_is_used_once(gateway):
    named = UUID(offered(gateway).result["handoff"])
    gateway.unheard(AlreadyExists, *asking(gateway, submitted(gateway), handoff=named))


def test_two_recipients_never_share_a_state(gateway):
    case = submitted(gateway)
    one, other = (UUID(offered(gateway, case, to=to).result["handoff"]) for to in (CSAM_FR, ABROAD))
    gateway.answer(OFMIN, answers.decline, one, "not ours")
    assert gateway.handoff(one).state == "declined"
    assert gateway.handoff(other).state == "offered"


# --- preview, and what changes meanwhile ---------------------------------------------------------


def test_a_preview_gives_what_the_offer_will_and_keeps_nothing(gateway):
    asked = UUID(police_case(gateway).result["case"]), offer_of(gateway, ABROAD)
    size = gateway.size()
    seen = to_json(offers.preview(gateway.ports, caller(OFMIN), *asked))
    assert gateway.size() == size
    assert gateway.handoff(asked[1].handoff) is None
    written = gateway.act(OFMIN, offers.offer, *asked)
    for name in ("to", "permitted_disclosures", "withheld_groups", "version"):
        assert seen[name] == written.result[name]


def test_previews_are_limited_by_the_minute_and_by_the_organisation(gateway):
    asked = caller(HOTLINE), UUID(submitted(gateway).result["case"]), offer_of(gateway)
    for _ in range(offers.PREVIEWS_PER_MINUTE):
        to_json(offers.preview(gateway.ports, *asked))
    refused_without_event(gateway, TooManyPreviews, offers.preview, *asked)
    gateway.clock.advance(timedelta(minutes=1))
    to_json(offers.preview(gateway.ports, *asked))


def test_a_preview_that_policy_refuses_is_an_event_and_no_offer(gateway):
    case = UUID(submitted(gateway).result["case"])
    refused = gateway.refusal(offers.preview, caller(HOTLINE), case, offer_of(gateway, OFMIN))
    told = shown(refused.receipt)
    assert (told["rules"], told["case"]) == (["R3.membership"], f"{HOTLINE}/{case}")
    fields = fields_of(refused.receipt)
    assert (fields["type"], fields["operation"]) == ("handoff.previewed", "consultation")


def test_everything_can_be_offered_by_its_group(gateway):
    case = submitted(gateway)
    written = offered(gateway, case, to=CSAM_FR, groups=GROUPS)
    every = sd_jwt.parse(case.result["document"]).disclosures
    assert len(written.result["permitted_disclosures"]) == len(every)


def test_an_offer_that_is_repeated_after_its_answer_gets_the_first_result(gateway):
    asked = asking(gateway, submitted(gateway))
    first = gateway.act(*asked, key="the same")
    accepted(gateway, first)
    assert gateway.act(*asked, key="the same").result == first.result
