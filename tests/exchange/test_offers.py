"""Offering a case: to whom it may go, which parts, and what the offer binds for ever."""

from dataclasses import replace
from datetime import date, timedelta
from typing import Any
from uuid import UUID

import pytest

from gateway.domain.case import GROUPS
from gateway.domain.refusals import (
    AlreadyExists,
    EditConflict,
    Forbidden,
    NoCompetentOrganisation,
    NotAddressable,
    NothingToOffer,
    SeveralCompetentOrganisations,
    TooManyPreviews,
    ValidationFailed,
    WrongState,
)
from gateway.evidence import handoff_documents, sd_jwt
from gateway.exchange import offers
from gateway.kernel.ports import TransactionMode
from gateway.kernel.results import to_json
from gateway.kernel.transact import WriteResult
from tests import answers
from tests.each import each
from tests.founding import (
    ABROAD,
    CSAM_FR,
    HOTLINE,
    ISSUER,
    OCRVP,
    OFMIN,
    Founded,
    accepted,
    caller,
    element_id,
    fields_of,
    offer_of,
    offered,
    refused_without_event,
    revised,
    shown,
    submitted,
)

CHANGE = date(2023, 8, 31)
EVE = CHANGE - timedelta(days=1)


def asking(gateway: Founded, case: WriteResult, originator: str = HOTLINE, **changes: Any) -> tuple:
    """The arguments of an offer of a case; ``to`` and other ``changes`` as for offer_of."""
    wanted = offer_of(gateway, **changes)
    return caller(originator), gateway.key(), UUID(case.result["case"]), wanted


def offer_in(gateway: Founded, written: WriteResult) -> handoff_documents.OfferClaims:
    verified = sd_jwt.verify(
        written.result["offer"],
        typ=handoff_documents.OFFER_TYP,
        keys=gateway.attestation_keys(),
        audience=ISSUER,
        issuer=ISSUER,
    )
    return handoff_documents.read_offer(verified)


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


def test_where_no_office_is_competent_the_refusal_says_so_on_record(gateway):
    refused = gateway.refusal(
        offers.offer, *asking(gateway, submitted(gateway), to="receive/csam/BE")
    )
    assert isinstance(refused.refusal, NoCompetentOrganisation)
    assert "csam/BE" in refused.refusal.detail
    assert shown(refused.receipt)["rules"] == ["R11.no_competence"]


def test_where_several_are_competent_nothing_is_guessed(gateway):
    gateway.mandate(OCRVP)
    refused = gateway.refusal(offers.offer, *asking(gateway, submitted(gateway)))
    assert isinstance(refused.refusal, SeveralCompetentOrganisations)
    assert "ocrvp, ofmin" in refused.refusal.detail
    assert shown(refused.receipt)["rules"] == ["R11.several_competences"]


def test_a_mandate_is_addressed_only_about_its_own_matter(gateway):
    case = submitted(gateway, matter=["grooming"])
    asked = asking(gateway, case, to=CSAM_FR)
    refusal = refused_without_event(gateway, ValidationFailed, offers.offer, *asked)
    assert refusal.errors[0][0] == "/to/competence/matter"


def test_a_suspended_office_holds_no_competence(gateway):
    gateway.administer("organisation.suspend", OFMIN, reason="under review")
    refused = gateway.refusal(offers.offer, *asking(gateway, submitted(gateway)))
    assert isinstance(refused.refusal, NoCompetentOrganisation)


def test_a_suspended_organisation_is_offered_nothing(gateway):
    gateway.administer("organisation.suspend", ABROAD, reason="under review")
    refused = gateway.refusal(offers.offer, *asking(gateway, submitted(gateway), to=ABROAD))
    assert isinstance(refused.refusal, NotAddressable)


@each("office", [OCRVP, OFMIN])
def test_an_observers_seat_is_offered_no_case(gateway, office):
    """OFMIN holds the competence all the same: the seat must not carry what the mandate does."""
    refused = gateway.refusal(offers.offer, *asking(gateway, submitted(gateway), to=office))
    assert isinstance(refused.refusal, Forbidden)
    assert refused.refusal.rules == ("R3.membership",)


@each("nobody", ["nobody-here", HOTLINE])
def test_an_offer_is_to_another_organisation_of_the_gateway(gateway, nobody):
    arguments = asking(gateway, submitted(gateway), to=nobody)
    refused = refused_without_event(gateway, ValidationFailed, offers.offer, *arguments)
    assert refused.errors[0][0] == "/to"


def test_a_release_list_is_a_limit(gateway):
    case = submitted(gateway, marking={"release_to": [OFMIN]})
    refused = gateway.refusal(offers.offer, *asking(gateway, case, to=ABROAD))
    assert refused.refusal.rules == ("R4.release_list",)
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
    arguments = asking(gateway, submitted(gateway), purpose=purpose)
    if allowed:
        assert gateway.do(offers.offer, *arguments).result["state"] == "offered"
    else:
        refused = gateway.refusal(offers.offer, *arguments)
        assert refused.refusal.rules == ("R6.purpose",)


def test_a_case_is_offered_to_prosecute_to_an_authority_under_led_and_to_no_hotline(gateway):
    case = submitted(gateway, marking={"purpose": ["prosecute"]})
    refused = gateway.refusal(
        offers.offer, *asking(gateway, case, to=ABROAD, purpose=("prosecute",))
    )
    assert refused.refusal.rules == ("R6.recipient",)
    written = gateway.do(offers.offer, *asking(gateway, case, purpose=("prosecute",)))
    assert written.result["state"] == "offered"


# --- when ----------------------------------------------------------------------------------------


def test_a_case_is_offered_once_it_is_cleared(gateway):
    refused = gateway.refusal(offers.offer, *asking(gateway, submitted(gateway, clearance=None)))
    assert isinstance(refused.refusal, WrongState)
    assert fields_of(refused.receipt)["result"] == "wrong_state"


def test_a_new_version_has_to_be_cleared_before_it_is_offered(gateway):
    case = submitted(gateway)
    revised(gateway, case, clearance=None)
    refused = gateway.refusal(offers.offer, *asking(gateway, case))
    assert isinstance(refused.refusal, WrongState)


@each("seconds", [-1, 0])
def test_an_offer_ends_after_it_begins(gateway, seconds):
    case = submitted(gateway)
    now = gateway.clock()
    gateway.ports = replace(gateway.ports, now=lambda: now)
    until = now + timedelta(seconds=seconds)
    refused = gateway.refusal(offers.offer, *asking(gateway, case, expires_at=until))
    assert isinstance(refused.refusal, WrongState)


def test_an_answer_is_due_by_the_urgency_of_the_case(gateway):
    written = offered(gateway, submitted(gateway, urgency="urgent"))
    handoff = gateway.handoff(UUID(written.result["handoff"]))
    assert handoff.due_at - handoff.offered_at == timedelta(hours=8)


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
    newer = revised(gateway, case)
    arguments = asking(gateway, newer, digests=(digest,))
    refused = refused_without_event(gateway, ValidationFailed, offers.offer, *arguments)
    assert refused.errors[0][0] == "/digests"


@each("groups", [(), ("routing",)])
def test_an_offer_gives_more_than_where_the_case_belongs(gateway, groups):
    arguments = asking(gateway, submitted(gateway), groups=groups)
    refused = gateway.refusal(offers.offer, *arguments)
    assert isinstance(refused.refusal, NothingToOffer)
    assert shown(refused.receipt)["rules"] == ["R2.nothing_left"]


def police_case(gateway: Founded) -> WriteResult:
    """A case of a police office that has all that private members never receive (R5)."""
    victim = {
        "id": element_id("victim"),
        "category": "victim",
        "minor": "yes",
        "basis_statement": [element_id("fact")],
    }
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
        items=[
            {
                "id": element_id("url"),
                "kind": "url",
                "value": "https://a.example/",
                "is_source": True,
            },
            {
                "id": element_id("host"),
                "kind": "host",
                "value": "a.example",
                "marking": {"handling": ["H2"]},
            },
        ],
    )


def test_a_private_member_is_never_offered_what_only_authorities_receive(gateway):
    case = police_case(gateway)
    written = offered(gateway, case, originator=OFMIN, to=ABROAD)
    assert written.result["withheld_groups"] == [
        "intake",
        "items",
        "references",
        "statements",
        "subjects",
    ]
    document = sd_jwt.parse(case.result["document"])
    permitted_disclosures = set(written.result["permitted_disclosures"])
    given = [
        d.value
        for d in document.disclosures
        if d.digest in permitted_disclosures and d.name is None
    ]
    assert [v["category"] for v in given if "category" in v] == ["victim"]
    assert [v["kind"] for v in given if "value" in v and "kind" in v] == ["url"]
    assert not [v for v in given if "text" in v]


def test_an_authority_is_offered_all_of_it(gateway):
    gateway.administer("membership.end", OCRVP, until="2026-01-01")
    gateway.administer(
        "membership.grant",
        OCRVP,
        membership="associate",
        start="2026-01-01",
        decision_ref="board 2026",
    )
    case = police_case(gateway)
    written = offered(gateway, case, originator=OFMIN, to=OCRVP, purpose=("investigate",))
    assert written.result["withheld_groups"] == []


# --- what it binds -------------------------------------------------------------------------------


def test_the_offer_and_the_log_bind_the_exact_list(gateway):
    case = submitted(gateway)
    written = offered(gateway, case, note="please hurry")
    signed, permitted_disclosures = (
        offer_in(gateway, written),
        frozenset(written.result["permitted_disclosures"]),
    )
    handoff = gateway.handoff(UUID(written.result["handoff"]))
    assert signed.disclosures == handoff.permitted_disclosures == permitted_disclosures
    assert signed.case_digest == handoff.case_digest == case.result["digest"]
    fields = fields_of(written.receipt)
    assert (
        fields["package_digest"]
        == handoff.package_digest
        == handoff_documents.package_digest(permitted_disclosures)
    )
    assert fields["document_sha256"] == sd_jwt.parse(written.result["offer"]).digest
    assert fields["handoff"] == written.result["handoff"]


def test_both_parties_get_the_event_and_each_only_its_own_place(gateway):
    written = offered(gateway)
    told = shown(written.receipt)
    assert [(p["organisation"], p["role"]) for p in told["party"]] == [(HOTLINE, "originator")]
    assert told["purpose"] == ["identify_victim"]
    assert told["by"] == "liaison-1"


def test_a_handoffs_id_is_used_once(gateway):
    first = offered(gateway)
    case = submitted(gateway)
    arguments = asking(gateway, case, handoff=UUID(first.result["handoff"]))
    refused_without_event(gateway, AlreadyExists, offers.offer, *arguments)


def test_two_recipients_never_share_a_state(gateway):
    case = submitted(gateway)
    one, other = offered(gateway, case), offered(gateway, case, to=ABROAD)
    gateway.answer(OFMIN, answers.decline, UUID(one.result["handoff"]), "not ours")
    assert gateway.handoff(UUID(one.result["handoff"])).state == "declined"
    assert gateway.handoff(UUID(other.result["handoff"])).state == "offered"


# --- preview, and what changes meanwhile ---------------------------------------------------------


def test_a_preview_gives_what_the_offer_will_and_keeps_nothing(gateway):
    case = police_case(gateway)
    wanted = offer_of(gateway, ABROAD)
    size = gateway.size()
    seen = to_json(offers.preview(gateway.ports, caller(OFMIN), UUID(case.result["case"]), wanted))
    assert gateway.size() == size
    assert gateway.handoff(wanted.handoff) is None
    written = gateway.act(OFMIN, offers.offer, UUID(case.result["case"]), wanted)
    for name in ("to", "permitted_disclosures", "withheld_groups", "version"):
        assert seen[name] == written.result[name]


def test_previews_are_limited_by_the_minute_and_by_the_organisation(gateway):
    case = submitted(gateway)
    who, _, *asked = asking(gateway, case)
    for _ in range(offers.PREVIEWS_PER_MINUTE):
        to_json(offers.preview(gateway.ports, who, *asked))
    refused_without_event(gateway, TooManyPreviews, offers.preview, who, *asked)
    gateway.clock.advance(timedelta(minutes=1))
    to_json(offers.preview(gateway.ports, who, *asked))


def test_a_preview_that_policy_refuses_is_an_event_and_no_offer(gateway):
    case = UUID(submitted(gateway).result["case"])
    refused = gateway.refusal(offers.preview, caller(HOTLINE), case, offer_of(gateway, OFMIN))
    assert shown(refused.receipt)["rules"] == ["R3.membership"]
    told = fields_of(refused.receipt)
    assert (told["type"], told["operation"]) == ("handoff.previewed", "consultation")


def revise(gateway: Founded, case: WriteResult) -> None:
    revised(gateway, case)


def grant(gateway: Founded, case: WriteResult) -> None:
    gateway.mandate(OFMIN, "investigate/csam/FR")


def move_the_mandate(gateway: Founded, case: WriteResult) -> None:
    gateway.administer("mandate.end", OFMIN, competence="receive/csam/FR", until="2026-03-01")
    gateway.mandate(OCRVP, "receive/csam/FR", "2026-03-01")


@pytest.mark.parametrize("change", [revise, grant, move_the_mandate], ids=lambda f: f.__name__)
def test_an_offer_that_was_signed_on_what_has_changed_is_stale(gateway, change):
    """The offer is signed before its transaction; what it was read from is compared inside."""
    case = submitted(gateway)
    begin, pending = gateway.ports.begin, [change]
    whole = gateway.ports

    def begin_after_a_change(mode: TransactionMode) -> Any:
        if mode is TransactionMode.SHARED and pending:
            gateway.ports = whole
            pending.pop()(gateway, case)
        return begin(mode)

    arguments = asking(gateway, case)
    gateway.ports = replace(whole, begin=begin_after_a_change)
    with pytest.raises(EditConflict):
        offers.offer(gateway.ports, *arguments)
    assert not pending
    assert gateway.handoff(arguments[-1].handoff) is None


def test_everything_can_be_offered_by_its_group(gateway):
    written = offered(gateway, submitted(gateway), to=CSAM_FR, groups=GROUPS)
    assert len(written.result["permitted_disclosures"]) == len(
        sd_jwt.parse(submitted(gateway).result["document"]).disclosures
    )


def test_an_offer_that_is_repeated_after_its_answer_gets_the_first_result(gateway):
    case, key, wanted = submitted(gateway), gateway.key(), offer_of(gateway)
    asked = caller(HOTLINE), key, UUID(case.result["case"]), wanted
    first = gateway.do(offers.offer, *asked)
    accepted(gateway, first)
    assert gateway.do(offers.offer, *asked).result == first.result
