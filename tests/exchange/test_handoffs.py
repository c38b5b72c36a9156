"""What the two parties do with a handoff, and what each of them sees of it."""

from collections.abc import Callable
from datetime import date, timedelta
from typing import Any
from uuid import UUID

import pytest

from gateway.domain.case import ROUTING_FIELDS
from gateway.domain.handoff import HandoffAction, HandoffState
from gateway.domain.refusals import ConditionsMismatch, ValidationFailed, WrongState
from gateway.evidence import handoff_documents, sd_jwt
from gateway.exchange import audit, handoffs
from gateway.kernel.results import to_json
from gateway.kernel.transact import WriteResult
from tests import answers
from tests.each import each
from tests.founding import (
    ABROAD,
    HOTLINE,
    ISSUER,
    OCRVP,
    OFMIN,
    Founded,
    accepted,
    caller,
    conditions_of,
    consulted,
    element_id,
    fields_of,
    offered,
    refused_without_event,
    revised,
    shown,
    submitted,
)


def handoff_of(written: WriteResult) -> UUID:
    return UUID(written.result["handoff"])


def answer(
    gateway: Founded, step: str, handoff: UUID, organisation: str = OFMIN, **said: Any
) -> WriteResult:
    action = getattr(answers, step)
    return gateway.act(organisation, action, handoff, answers.said("officer-1", **said))


def verified(
    gateway: Founded, text: str, typ: str = handoff_documents.ANSWER_TYP
) -> sd_jwt.VerifiedSdJwt:
    return sd_jwt.verify(
        text, typ=typ, keys=gateway.attestation_keys(), audience=ISSUER, issuer=ISSUER
    )


def said_in(gateway: Founded, text: str, typ: str = handoff_documents.ANSWER_TYP) -> dict[str, Any]:
    """The disclosed words of a statement."""
    return {part.name: part.value for part in verified(gateway, text, typ).placed}


# --- answers -------------------------------------------------------------------------------------

ANSWERS: dict[str, tuple[str, dict[str, Any], str, str]] = {
    "decline": ("decline", {"reason": "not ours"}, "declined", "handoff.declined"),
    "redirection": (
        "redirect",
        {"reason": "not ours", "suggested_recipient": "another office"},
        "redirected",
        "handoff.redirected",
    ),
    "outcome": (
        "outcome",
        {"code": "case_opened", "note": "7"},
        "accepted",
        "handoff.outcome_reported",
    ),
    "closure": ("close", {"reason": "done"}, "closed", "handoff.closed"),
}


@pytest.mark.parametrize("kind", ANSWERS)
def test_an_answer_is_signed_for_its_author_and_binds_what_it_answers(gateway, kind):
    step, said, state, typ = ANSWERS[kind]
    handoff = accepted(gateway)
    written = answer(gateway, step, handoff, **said)
    stored = gateway.handoff(handoff)
    assert written.result["state"] == stored.state == state
    assert written.result["sequence"] == stored.sequence == 3
    document = verified(gateway, written.result["document"])
    signed = handoff_documents.read_answer(document)
    assert (signed.author, signed.kind, signed.handoff) == (OFMIN, kind, handoff)
    assert (signed.case_digest, signed.offer_digest, signed.package_digest) == (
        stored.case_digest,
        stored.offer_digest,
        stored.package_digest,
    )
    assert said_in(gateway, written.result["document"]) == {"by": "officer-1", **said}
    fields = fields_of(written.receipt)
    assert (fields["type"], fields["handoff"]) == (typ, str(handoff))
    assert fields["document_sha256"] == sd_jwt.parse(written.result["document"]).digest
    assert fields["package_digest"] == stored.package_digest


def test_a_withdrawal_is_the_originators_word(gateway):
    handoff = handoff_of(offered(gateway))
    written = answer(gateway, "withdraw", handoff, HOTLINE, reason="by mistake")
    signed = handoff_documents.read_answer(verified(gateway, written.result["document"]))
    assert (signed.author, signed.kind) == (HOTLINE, "withdrawal")
    assert gateway.handoff(handoff).state == "withdrawn"


def test_an_acceptance_repeats_the_conditions_and_signs_them(gateway):
    handoff = handoff_of(offered(gateway))
    conditions = conditions_of(gateway, handoff, OFMIN)
    written = answer(gateway, "accept", handoff, conditions=conditions)
    assert said_in(gateway, written.result["document"])["conditions"] == conditions
    assert gateway.handoff(handoff).state == "accepted"
    assert gateway.handoff(handoff).accepted_groups is None


@each(
    "change",
    [
        None,
        {},
        {"tlp": "RED"},
        {"onward": "listed_only"},
        {"purpose": ["identify_victim", "remove", "investigate"]},
        {"erase_on": "2036-01-01"},
        {"handling": ["H1"]},
        {"extra": "condition"},
    ],
)
@each("groups", [None, ("items",)])
def test_other_conditions_than_those_offered_are_not_accepted(gateway, change, groups):
    handoff = handoff_of(offered(gateway))
    whole = conditions_of(gateway, handoff, OFMIN)
    conditions = None if change is None else {**whole, **change} if change else {}
    reply = answers.said("officer-1", conditions=conditions, groups=groups)
    gateway.unheard(ConditionsMismatch, OFMIN, answers.accept, handoff, reply)
    assert gateway.handoff(handoff).state == "offered"


def test_conditions_without_one_of_them_are_others(gateway):
    handoff = handoff_of(offered(gateway))
    conditions = conditions_of(gateway, handoff, OFMIN)
    del conditions["erase_on"]
    arguments = (
        caller(OFMIN),
        gateway.key(),
        handoff,
        answers.said("x-1", conditions=conditions),
    )
    refused_without_event(gateway, ConditionsMismatch, answers.accept, *arguments)


def test_an_acceptance_may_take_on_some_groups_only(gateway):
    handoff = accepted(gateway, groups=("items", "basis"))
    stored = gateway.handoff(handoff)
    assert (stored.state, stored.accepted_groups) == ("partially_accepted", {"items", "basis"})
    seen = gateway.view(HOTLINE, handoff)
    assert seen["accepted_groups"] == ["basis", "items"]


@pytest.mark.parametrize("groups", [(), ("subjects",), ("items", "subjects"), ("nonsense",)])
def test_only_groups_that_were_offered_can_be_taken_on(gateway, groups):
    handoff = handoff_of(offered(gateway, groups=("items", "statements")))
    conditions = conditions_of(gateway, handoff, OFMIN)
    reply = answers.said("officer-1", conditions=conditions, groups=groups)
    refused = gateway.unheard(ValidationFailed, OFMIN, answers.accept, handoff, reply)
    assert refused.errors[0][0] == "/groups"


FINAL: dict[str, Callable[[Founded], UUID]] = {}


def final(make: Callable[[Founded], UUID]) -> Callable[[Founded], UUID]:
    FINAL[make.__name__] = make
    return make


@final
def declined(gateway: Founded) -> UUID:
    handoff = accepted(gateway)
    answer(gateway, "decline", handoff, reason="given back")
    return handoff


@final
def redirected(gateway: Founded) -> UUID:
    handoff = handoff_of(offered(gateway))
    answer(gateway, "redirect", handoff, reason="not ours")
    return handoff


@final
def withdrawn(gateway: Founded) -> UUID:
    handoff = handoff_of(offered(gateway))
    answer(gateway, "withdraw", handoff, HOTLINE, reason="by mistake")
    return handoff


@final
def closed(gateway: Founded) -> UUID:
    handoff = accepted(gateway)
    answer(gateway, "close", handoff)
    return handoff


@pytest.mark.parametrize("state", FINAL)
def test_what_is_final_is_moved_by_nobody(gateway, state):
    handoff = FINAL[state](gateway)
    for step in ("accept", "decline", "redirect", "outcome", "close", "withdraw"):
        organisation = HOTLINE if step == "withdraw" else OFMIN
        conditions = conditions_of(gateway, handoff, OFMIN) if step == "accept" else None
        code = "received" if step == "outcome" else None
        reply = answers.said("officer-1", conditions=conditions, code=code)
        refusal = gateway.refusal(
            getattr(answers, step), caller(organisation), gateway.key(), handoff, reply
        )
        assert isinstance(refusal.refusal, WrongState), step
        assert gateway.handoff(handoff).state == state


def test_an_outcome_is_about_items_that_were_offered(gateway):
    case = submitted(gateway)
    handoff = accepted(gateway, offered(gateway, case))
    own = element_id("url")
    answer(gateway, "outcome", handoff, code="received", items=[own])
    for other in (str(gateway.new_id()), case.result["case"]):
        with pytest.raises(ValidationFailed):
            answer(gateway, "outcome", handoff, code="received", items=[own, other])


def test_outcomes_are_appended_and_move_nothing(gateway):
    handoff = accepted(gateway)
    for code in ("received", "case_opened"):
        answer(gateway, "outcome", handoff, code=code)
    assert gateway.handoff(handoff).state == "accepted"
    seen = gateway.view(OFMIN, handoff)
    assert [a["kind"] for a in seen["answers"]] == ["offer", "accept", "outcome", "outcome"]
    assert [a["sequence"] for a in seen["answers"]] == [1, 2, 3, 4]


def test_a_hotline_reports_no_outcome_that_only_the_police_know(gateway):
    case = submitted(gateway, originator=OFMIN)
    offer = offered(gateway, case, originator=OFMIN, to=ABROAD)
    handoff = accepted(gateway, offer, recipient=ABROAD)
    said = answers.said("analyst-1", code="suspect_identified")
    gateway.denied("R12.outcome", ABROAD, answers.outcome, handoff, said)
    assert gateway.answer(ABROAD, answers.outcome, handoff, code="removed", by="x-1")


def test_an_offer_that_has_ended_cannot_be_accepted_but_can_be_refused(gateway):
    until = gateway.clock() + timedelta(hours=1)
    handoff = handoff_of(offered(gateway, expires_at=until))
    gateway.clock.advance(timedelta(hours=2))
    reply = answers.said("officer-1", conditions=conditions_of(gateway, handoff, OFMIN))
    gateway.refused(WrongState, OFMIN, answers.accept, handoff, reply)
    assert answer(gateway, "decline", handoff, reason="too late").result["state"] == "declined"


# --- mandates ------------------------------------------------------------------------------------


def test_who_lost_the_mandate_may_not_accept_and_still_answers(gateway):
    gateway.day = date(2023, 8, 30)
    handoff = handoff_of(offered(gateway))
    gateway.day = date(2023, 8, 31)
    reply = answers.said("officer-1", conditions=conditions_of(gateway, handoff, OCRVP))
    gateway.denied("R3.mandate", OCRVP, answers.accept, handoff, reply)
    written = answer(gateway, "redirect", handoff, OCRVP, reason="the mandate moved", to=OFMIN)
    assert written.result["state"] == "redirected"


def test_the_successor_is_no_party_to_what_was_offered_to_the_predecessor(gateway):
    gateway.day = date(2023, 8, 30)
    handoff = handoff_of(offered(gateway))
    gateway.day = date(2023, 8, 31)
    gateway.refusal(handoffs.look_up, caller(OFMIN), handoff)
    assert UUID(offered(gateway).result["handoff"]) != handoff


# --- what each party sees ------------------------------------------------------------------------


@pytest.mark.parametrize("party", [HOTLINE, OFMIN])
@pytest.mark.parametrize("state", ["offered", "accepted"])
def test_looking_a_handoff_up_shows_where_it_belongs_and_never_content(gateway, party, state):
    case = submitted(gateway, urgency_reason="child_located")
    offer = offered(gateway, case)
    handoff = handoff_of(offer)
    if state == "accepted":
        accepted(gateway, offer)
        consulted(gateway, handoff)
    seen = gateway.view(party, handoff)
    routing = said_in(gateway, seen["routing"], handoff_documents.CASE_TYP)
    reason = {"urgency_reason": "child_located", "attribution": "may"}
    assert routing == {"matter": ["csam"], "urgency": "priority", **reason}
    assert seen["state"] == state
    every = sd_jwt.parse(case.result["document"]).disclosures
    content = [d.encoded for d in every if d.name not in ROUTING_FIELDS]
    assert content
    assert not [encoded for encoded in content if encoded in str(seen)]


def test_a_party_does_not_see_who_acted_for_the_other(gateway):
    handoff = accepted(gateway, offered(gateway, note="please hurry"))
    offer, acceptance = gateway.view(HOTLINE, handoff)["answers"]
    assert said_in(gateway, offer["document"], handoff_documents.OFFER_TYP)["by"] == "liaison-1"
    assert "by" not in said_in(gateway, acceptance["document"])
    offer, acceptance = gateway.view(OFMIN, handoff)["answers"]
    assert said_in(gateway, offer["document"], handoff_documents.OFFER_TYP) == {
        "note": "please hurry"
    }
    assert said_in(gateway, acceptance["document"])["by"] == "officer-1"


@pytest.mark.parametrize(
    ("code", "seen_as"),
    [
        ("received", "received"),
        ("case_opened", "received"),
        ("no_further_action", "closed"),
        ("suspect_identified", "closed"),
        ("child_safeguarded", "closed"),
    ],
)
def test_the_hotline_sees_of_a_police_outcome_received_or_closed(gateway, code, seen_as):
    handoff = accepted(gateway)
    written = answer(
        gateway,
        "outcome",
        handoff,
        code=code,
        note="the note of the investigators",
        evidence_ref="PV 2026/7",
        items=(element_id("url"),),
        reason="because",
    )
    outcome = gateway.view(HOTLINE, handoff)["answers"][-1]
    said = said_in(gateway, outcome["document"])
    assert outcome["code"] == seen_as
    if seen_as != code:
        assert said == {}
        assert code not in str(outcome)
        assert "investigators" not in str(outcome)
    own = gateway.view(OFMIN, handoff)["answers"][-1]
    assert said_in(gateway, own["document"])["code"] == code
    event = UUID(fields_of(written.receipt)["id"])
    receipt = audit.look_up_receipt(gateway.ports, caller(HOTLINE), event)
    assert fields_of(receipt)["type"] == "handoff.outcome_reported"
    assert set(shown(receipt)) == {"party", "sequence"}


def test_a_question_reaches_the_hotline_and_what_is_not_for_it_stays_with_the_police(gateway):
    handoff = accepted(gateway)
    question = {"what": "source_log", "text": "of that hour", "requisition": "2026/7"}
    said = {"code": "more_needed", "to_originator": "thank you", **question}
    answer(gateway, "outcome", handoff, note="we have a suspect", **said)
    outcome = gateway.view(HOTLINE, handoff)["answers"][-1]
    assert outcome["code"] == "more_needed"
    assert said_in(gateway, outcome["document"]) == said


def test_what_the_police_release_stands_in_place_of_the_code(gateway):
    handoff = accepted(gateway)
    answer(gateway, "outcome", handoff, code="victim_identified", release="closed_with_result")
    outcome = gateway.view(HOTLINE, handoff)["answers"][-1]
    assert outcome["code"] == "closed_with_result"
    assert said_in(gateway, outcome["document"]) == {"release": "closed_with_result"}


def test_a_question_without_what_it_asks_for_changes_nothing(gateway):
    handoff = accepted(gateway)
    size = gateway.size()
    with pytest.raises(ValidationFailed) as refused:
        answer(gateway, "outcome", handoff, code="more_needed")
    assert [pointer for pointer, _ in refused.value.errors] == ["/what"]
    assert gateway.size() == size


def test_a_hotlines_outcome_is_seen_by_the_police(gateway):
    case = submitted(gateway, originator=OFMIN)
    handoff = accepted(
        gateway, offered(gateway, case, originator=OFMIN, to=ABROAD), recipient=ABROAD
    )
    answer(gateway, "outcome", handoff, ABROAD, code="removed", note="after a notice")
    outcome = gateway.view(OFMIN, handoff)["answers"][-1]
    assert outcome["code"] == "removed"
    assert said_in(gateway, outcome["document"]) == {"code": "removed", "note": "after a notice"}


def test_what_is_shown_of_an_answer_verifies_as_the_document_that_was_logged(gateway):
    handoff = accepted(gateway)
    written = answer(gateway, "outcome", handoff, code="suspect_identified")
    outcome = gateway.view(HOTLINE, handoff)["answers"][-1]
    verified(gateway, outcome["document"])
    digest = sd_jwt.parse(outcome["document"]).digest
    assert digest == fields_of(written.receipt)["document_sha256"]


# --- boxes ---------------------------------------------------------------------------------------


def box(gateway: Founded, organisation: str, which: str, **asked: Any) -> list[UUID]:
    wanted = {"state": None, "after": None, "limit": 100, **asked}
    seen = to_json(handoffs.page(gateway.ports, caller(organisation), box=which, **wanted).items)
    assert "content.example.org" not in str(seen)
    return [UUID(one["handoff"]) for one in seen]


def test_each_party_finds_its_handoffs_in_its_own_box(gateway):
    sent = [handoff_of(offered(gateway)) for _ in range(3)]
    assert box(gateway, HOTLINE, "out") == box(gateway, OFMIN, "in") == sent
    assert box(gateway, HOTLINE, "in") == box(gateway, OFMIN, "out") == []
    assert box(gateway, ABROAD, "in") == box(gateway, ABROAD, "out") == []


def test_a_box_is_read_by_page_and_by_state(gateway):
    offers = [offered(gateway) for _ in range(3)]
    sent = [handoff_of(offer) for offer in offers]
    accepted(gateway, offers[1])
    waiting_first = [sent[0], sent[2], sent[1]]
    assert box(gateway, OFMIN, "in", limit=2) == waiting_first[:2]
    assert box(gateway, OFMIN, "in", after=str(gateway.handoff(sent[2]).place)) == [sent[1]]
    assert box(gateway, OFMIN, "in", state=HandoffState.ACCEPTED) == [sent[1]]
    assert box(gateway, OFMIN, "in", state=HandoffState.OFFERED) == [sent[0], sent[2]]


def test_the_moves_of_these_tests_are_all_there_are():
    steps = {step for step, *_ in ANSWERS.values()} | {"accept", "accept_partly", "withdraw"}
    steps.add("delay")  # tests/exchange/test_duties.py
    the_gateways = {"reissue", "lapse"}  # tests/exchange/test_succession.py
    steps.add("onward_by_law")  # below
    steps.add("go_ahead")  # tests/exchange/test_measures.py
    updates = {"update", "acknowledge", "apply", "dispute", "propose_correction"}  # test_updates.py
    updates |= {"notify_correction", "omit_update", "answer_proposal", "call"}
    updates.add("retain")  # test_retention.py
    recalls = {"recall", "acknowledge_recall", "answer_recall"}  # test_recalls.py
    assert steps | the_gateways | updates | recalls == {move.value for move in HandoffAction}


def test_a_revision_leaves_what_was_offered_as_it_was(gateway):
    case = submitted(gateway)
    handoff = handoff_of(offered(gateway, case))
    before = gateway.handoff(handoff)
    revised(gateway, case, urgency="imminent_danger")
    assert gateway.handoff(handoff) == before


# --- What law obliges to pass on -----------------------------------------------------------------

BY_LAW = {"article": "CPP 40", "recipient_kind": "prosecutor"}


def stated(gateway: Founded, handoff: UUID, recipient: str, reader: str) -> Any:
    """What ``reader`` reads of it once ``recipient`` stated that law obliged it."""
    gateway.answer(recipient, answers.pass_on_by_law, handoff, **BY_LAW)
    view = gateway.view(reader, handoff)
    content = sd_jwt.read_unverified(view["answers"][-1]["document"]).content
    return {name: content[name] for name in BY_LAW if name in content}


def test_a_private_originator_reads_of_an_authority_only_that_law_obliged_it(gateway):
    handoff = accepted(gateway)
    assert stated(gateway, handoff, OFMIN, HOTLINE) == {}
    assert gateway.handoff(handoff).state is HandoffState.ACCEPTED


def test_an_authority_reads_all_that_a_private_holder_states_of_the_law(gateway):
    case = submitted(gateway, originator=OFMIN)
    offer = offered(gateway, case, originator=OFMIN, to=ABROAD)
    handoff = accepted(gateway, offer, recipient=ABROAD)
    assert stated(gateway, handoff, ABROAD, OFMIN) == BY_LAW


def test_law_obliges_only_who_holds_a_case(gateway):
    handoff = handoff_of(offered(gateway))
    said = answers.said("officer-1", **BY_LAW)
    gateway.refused(WrongState, OFMIN, answers.pass_on_by_law, handoff, said)
