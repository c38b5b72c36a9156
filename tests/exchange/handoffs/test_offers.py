"""Offering a case: what the offer binds for ever, and what a preview tells before."""

from datetime import timedelta
from typing import Any
from uuid import UUID

from gateway.domain.refusals import AlreadyExists, TooManyPreviews
from gateway.evidence import handoff_documents, sd_jwt
from gateway.exchange.handoffs import offers
from gateway.kernel.results import to_json
from gateway.kernel.transact import WriteResult
from tests import answers
from tests.casework import accepted, case_content, offer_of, offered, submitted
from tests.founded_gateway import (
    ABROAD,
    CSAM_FR,
    HOTLINE,
    OFMIN,
    Founded,
    caller,
    fields_of,
    refused_without_event,
    shown,
)


def asking(gateway: Founded, case: WriteResult, **changes: Any) -> tuple[Any, ...]:
    """What an offer of a case by the hotline asks; ``to`` and other changes as for offer_of."""
    return HOTLINE, offers.offer, UUID(case.result["case"]), offer_of(gateway, **changes)


def offer_in(gateway: Founded, written: WriteResult) -> handoff_documents.OfferClaims:
    verified = gateway.verified(written.result["offer"], handoff_documents.OFFER_TYP)
    return handoff_documents.read_offer(verified)


def told(gateway: Founded) -> Any:
    """What the newest receipt shows: that of the last refusal."""
    return shown(gateway.receipts[-1])


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


def test_an_offer_that_is_repeated_after_its_answer_gets_the_first_result(gateway):
    asked = asking(gateway, submitted(gateway))
    first = gateway.act(*asked, key="the same")
    accepted(gateway, first)
    assert gateway.act(*asked, key="the same").result == first.result
