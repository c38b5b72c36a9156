"""What the two parties do with a handoff, and what each of them sees of it."""

from datetime import date, timedelta
from random import Random
from typing import Any
from uuid import UUID

import pytest

from gateway.domain.case import ROUTING_FIELDS
from gateway.domain.case_media import MOST_UNEXPLAINED
from gateway.domain.handoff import HandoffAction, HandoffState
from gateway.domain.refusals import ConditionsMismatch, NotFound, ValidationFailed, WrongState
from gateway.evidence import handoff_documents, sd_jwt
from gateway.evidence.handoff_documents import ANSWER_TYP, CASE_TYP, OFFER_TYP
from gateway.exchange.case import measures, versions
from gateway.exchange.case.measures import MeasureEnd
from gateway.exchange.handoffs import views
from gateway.exchange.handoffs.views import HandoffQuery
from gateway.exchange.oversight import audit
from gateway.kernel.results import to_json
from gateway.kernel.transact import WriteResult
from tests import answers
from tests.casework import (
    accepted,
    conditions_of,
    consulted,
    element_id,
    offered,
    revised,
    submitted,
)
from tests.each import each
from tests.exchange.case.test_measures import also_competent, embargoed, in_danger
from tests.founded_gateway import ABROAD, HOTLINE, OCRVP, OFMIN, Founded, caller, fields_of, shown


def handoff_of(written: WriteResult) -> UUID:
    return UUID(written.result["handoff"])


def answer(
    gateway: Founded, step: str, handoff: UUID, organisation: str = OFMIN, **said: Any
) -> WriteResult:
    return gateway.answer(organisation, getattr(answers, step), handoff, **said)


def said_in(gateway: Founded, text: str, typ: str = ANSWER_TYP) -> dict[str, Any]:
    """The disclosed words of a statement."""
    return {part.name: part.value for part in gateway.verified(text, typ).placed}


def last_answer(gateway: Founded, reader: str, handoff: UUID) -> Any:
    return gateway.view(reader, handoff)["answers"][-1]


def at_a_hotline(gateway: Founded) -> UUID:
    """A handoff of a police office that a private member accepted."""
    case = submitted(gateway, originator=OFMIN)
    return accepted(gateway, offered(gateway, case, originator=OFMIN, to=ABROAD), recipient=ABROAD)


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
    signed = handoff_documents.read_answer(gateway.verified(written.result["document"], ANSWER_TYP))
    assert (signed.author, signed.kind, signed.handoff) == (OFMIN, kind, handoff)
    for name in ("case_digest", "offer_digest", "package_digest"):
        assert getattr(signed, name) == getattr(stored, name)
    assert said_in(gateway, written.result["document"]) == {"by": "officer-1", **said}
    fields = fields_of(written.receipt)
    assert (fields["type"], fields["handoff"]) == (typ, str(handoff))
    assert fields["document_sha256"] == sd_jwt.parse(written.result["document"]).digest
    assert fields["package_digest"] == stored.package_digest


def test_a_withdrawal_is_the_originators_word(gateway):
    handoff = handoff_of(offered(gateway))
    written = answer(gateway, "withdraw", handoff, HOTLINE, reason="by mistake")
    signed = handoff_documents.read_answer(gateway.verified(written.result["document"], ANSWER_TYP))
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
        {"erase_on": None},
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
    changed = {name: v for name, v in {**whole, **(change or {})}.items() if v is not None}
    conditions = None if change is None else changed if change else {}
    said = answers.said("officer-1", conditions=conditions, groups=groups)
    gateway.unheard(ConditionsMismatch, OFMIN, answers.accept, handoff, said)
    assert gateway.handoff(handoff).state == "offered"


def test_an_acceptance_may_take_on_some_groups_only(gateway):
    handoff = accepted(gateway, groups=("items", "basis"))
    stored = gateway.handoff(handoff)
    assert (stored.state, stored.accepted_groups) == ("partially_accepted", {"items", "basis"})
    assert gateway.view(HOTLINE, handoff)["accepted_groups"] == ["basis", "items"]


@pytest.mark.parametrize("groups", [(), ("subjects",), ("items", "subjects"), ("nonsense",)])
def test_only_groups_that_were_offered_can_be_taken_on(gateway, groups):
    handoff = handoff_of(offered(gateway, groups=("items", "statements")))
    conditions = conditions_of(gateway, handoff, OFMIN)
    said = answers.said("officer-1", conditions=conditions, groups=groups)
    refused = gateway.unheard(ValidationFailed, OFMIN, answers.accept, handoff, said)
    assert refused.errors[0][0] == "/groups"


@pytest.mark.parametrize("end", ["close", "withdraw"])
def test_what_is_final_is_moved_by_nobody(gateway, end):
    """Which states are final, and for which moves, is held by `tests/domain/test_handoff.py`."""
    handoff = accepted(gateway) if end == "close" else handoff_of(offered(gateway))
    answer(gateway, end, handoff, OFMIN if end == "close" else HOTLINE, reason="as it is")
    state = gateway.handoff(handoff).state
    for step in ("accept", "decline", "redirect", "outcome", "close", "withdraw"):
        conditions = conditions_of(gateway, handoff, OFMIN) if step == "accept" else None
        code = "received" if step == "outcome" else None
        said = answers.said("officer-1", conditions=conditions, code=code)
        party = HOTLINE if step == "withdraw" else OFMIN
        gateway.refused(WrongState, party, getattr(answers, step), handoff, said)
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
    seen = [(a["kind"], a["sequence"]) for a in gateway.view(OFMIN, handoff)["answers"]]
    assert seen == [("offer", 1), ("accept", 2), ("outcome", 3), ("outcome", 4)]


def numbers(seed: int) -> str:
    return ",".join(map(str, Random(seed).randbytes(120)))


def test_the_answers_of_a_day_to_a_handoff_carry_no_more_than_their_budget(gateway):
    handoff, other = accepted(gateway), accepted(gateway)
    said = 0
    with pytest.raises(ValidationFailed) as caught:
        for said in range(50):
            answer(gateway, "outcome", handoff, code="received", note=numbers(said))
    assert "go on tomorrow" in caught.value.errors[0][1]
    assert said * 120 < MOST_UNEXPLAINED
    answer(gateway, "outcome", handoff, code="received", note="seen on 2 January, in 3 places")
    answer(gateway, "outcome", other, code="received", note=numbers(51))
    gateway.clock.advance(timedelta(days=1))
    answer(gateway, "outcome", handoff, code="received", note=numbers(52))


def test_what_an_offer_says_beside_its_case_is_weighed_unless_there_is_a_danger(
    gateway, monkeypatch
):
    monkeypatch.setattr(versions, "MOST_UNEXPLAINED", 100)
    danger = submitted(gateway, urgency="imminent_danger", urgency_reason="suicide_risk")
    offered(gateway, danger, note=numbers(1), again=numbers(2))
    calm = submitted(gateway)
    offered(gateway, calm, note="seen on 2 January, in 3 places")
    for said in ({"note": numbers(3), "again": "it was lost"}, {"again": numbers(3)}):
        with pytest.raises(ValidationFailed) as caught:
            offered(gateway, calm, **said)
        assert "go on tomorrow" in caught.value.errors[0][1]


def test_a_hotline_reports_no_outcome_that_only_the_police_know_and_the_police_see_its_own(gateway):
    handoff = at_a_hotline(gateway)
    said = answers.said("analyst-1", code="suspect_identified")
    gateway.denied("R12.outcome", ABROAD, answers.outcome, handoff, said)
    answer(gateway, "outcome", handoff, ABROAD, code="removed", note="after a notice")
    outcome = last_answer(gateway, OFMIN, handoff)
    assert outcome["code"] == "removed"
    assert said_in(gateway, outcome["document"]) == {"code": "removed", "note": "after a notice"}


def test_an_offer_that_has_ended_cannot_be_accepted_but_can_be_refused(gateway):
    until = gateway.clock() + timedelta(hours=1)
    handoff = handoff_of(offered(gateway, expires_at=until))
    gateway.clock.advance(timedelta(hours=2))
    said = answers.said("officer-1", conditions=conditions_of(gateway, handoff, OFMIN))
    gateway.refused(WrongState, OFMIN, answers.accept, handoff, said)
    assert answer(gateway, "decline", handoff, reason="too late").result["state"] == "declined"


# --- mandates ------------------------------------------------------------------------------------


def test_who_lost_the_mandate_may_not_accept_and_still_answers_and_its_successor_is_no_party(
    gateway,
):
    gateway.day = date(2023, 8, 30)
    handoff = handoff_of(offered(gateway))
    gateway.day = date(2023, 8, 31)
    said = answers.said("officer-1", conditions=conditions_of(gateway, handoff, OCRVP))
    gateway.denied("R3.mandate", OCRVP, answers.accept, handoff, said)
    told = gateway.refusal(views.look_up, caller(OFMIN), handoff)
    assert isinstance(told.refusal, NotFound)
    assert handoff_of(offered(gateway)) != handoff
    written = answer(gateway, "redirect", handoff, OCRVP, reason="the mandate moved", to=OFMIN)
    assert written.result["state"] == "redirected"


# --- what each party sees ------------------------------------------------------------------------


@pytest.mark.parametrize("party", [HOTLINE, OFMIN])
@pytest.mark.parametrize("state", ["offered", "accepted"])
def test_looking_a_handoff_up_shows_where_it_belongs_and_never_content(gateway, party, state):
    case = submitted(gateway, urgency_reason="child_located")
    offer = offered(gateway, case)
    if state == "accepted":
        consulted(gateway, accepted(gateway, offer))
    seen = gateway.view(party, handoff_of(offer))
    routing = said_in(gateway, seen["routing"], CASE_TYP)
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
    assert said_in(gateway, offer["document"], OFFER_TYP)["by"] == "liaison-1"
    assert "by" not in said_in(gateway, acceptance["document"])
    offer, acceptance = gateway.view(OFMIN, handoff)["answers"]
    assert said_in(gateway, offer["document"], OFFER_TYP) == {"note": "please hurry"}
    assert said_in(gateway, acceptance["document"])["by"] == "officer-1"


@pytest.mark.parametrize(
    ("code", "seen_as"),
    [("received", "received"), ("case_opened", "received"), ("suspect_identified", "closed")],
)
def test_the_hotline_sees_of_a_police_outcome_received_or_closed(gateway, code, seen_as):
    handoff = accepted(gateway)
    words = {"note": "the note of the investigators", "reason": "because"}
    named = {"evidence_ref": "PV 2026/7", "items": (element_id("url"),)}
    written = answer(gateway, "outcome", handoff, code=code, **words, **named)
    outcome = last_answer(gateway, HOTLINE, handoff)
    said = said_in(gateway, outcome["document"])
    assert outcome["code"] == seen_as
    assert sd_jwt.parse(outcome["document"]).digest == fields_of(written.receipt)["document_sha256"]
    if seen_as != code:
        assert said == {}
        assert code not in str(outcome)
        assert "investigators" not in str(outcome)
    own = last_answer(gateway, OFMIN, handoff)
    assert said_in(gateway, own["document"])["code"] == code
    event = UUID(fields_of(written.receipt)["id"])
    receipt = audit.look_up_receipt(gateway.ports, caller(HOTLINE), event)
    assert fields_of(receipt)["type"] == "handoff.outcome_reported"
    assert set(shown(receipt)) == {"party", "sequence", "case"}


def test_a_question_reaches_the_hotline_and_what_is_not_for_it_stays_with_the_police(gateway):
    handoff = accepted(gateway)
    question = {"what": "source_log", "text": "of that hour", "requisition": "2026/7"}
    said = {"code": "more_needed", "to_originator": "thank you", **question}
    size = gateway.size()
    with pytest.raises(ValidationFailed) as refused:
        answer(gateway, "outcome", handoff, code="more_needed")
    assert [pointer for pointer, _ in refused.value.errors] == ["/what"]
    assert gateway.size() == size
    answer(gateway, "outcome", handoff, note="we have a suspect", **said)
    outcome = last_answer(gateway, HOTLINE, handoff)
    assert outcome["code"] == "more_needed"
    assert said_in(gateway, outcome["document"]) == said


def test_what_the_police_release_stands_in_place_of_the_code(gateway):
    handoff = accepted(gateway)
    answer(gateway, "outcome", handoff, code="victim_identified", release="closed_with_result")
    outcome = last_answer(gateway, HOTLINE, handoff)
    assert outcome["code"] == "closed_with_result"
    assert said_in(gateway, outcome["document"]) == {"release": "closed_with_result"}


# --- boxes ---------------------------------------------------------------------------------------


def box(gateway: Founded, organisation: str, which: str, **asked: Any) -> list[UUID]:
    where = {"box": which, "after": asked.pop("after", None), "limit": asked.pop("limit", 100)}
    where["wanted"] = HandoffQuery(**asked)
    seen = to_json(views.page(gateway.ports, caller(organisation), **where).items)
    assert "content.example.org" not in str(seen)
    return [UUID(one["handoff"]) for one in seen]


def test_each_party_finds_its_handoffs_in_its_own_box_by_page_and_by_state(gateway):
    offers = [offered(gateway) for _ in range(3)]
    sent = [handoff_of(offer) for offer in offers]
    assert box(gateway, HOTLINE, "out") == box(gateway, OFMIN, "in") == sent
    assert box(gateway, HOTLINE, "in") == box(gateway, OFMIN, "out") == []
    assert box(gateway, ABROAD, "in") == box(gateway, ABROAD, "out") == []
    accepted(gateway, offers[1])
    waiting_first = [sent[0], sent[2], sent[1]]
    assert box(gateway, OFMIN, "in", limit=2) == waiting_first[:2]
    assert box(gateway, OFMIN, "in", after=str(gateway.handoff(sent[2]).place)) == [sent[1]]
    assert box(gateway, OFMIN, "in", state=HandoffState.ACCEPTED) == [sent[1]]
    assert box(gateway, OFMIN, "in", state=HandoffState.OFFERED) == [sent[0], sent[2]]


def test_a_box_is_cut_down_to_a_matter_a_counterpart_a_case_and_days(gateway):
    first, second = submitted(gateway), submitted(gateway, matter=["csam", "grooming"])
    before, to_abroad, both = (
        handoff_of(offered(gateway, case, **to))
        for case, to in ((first, {}), (first, {"to": ABROAD}), (second, {}))
    )
    assert box(gateway, HOTLINE, "out", counterpart=OFMIN) == [before, both]
    waits = {"counterpart": OFMIN, "state": HandoffState.OFFERED}
    assert box(gateway, HOTLINE, "out", **waits) == [before, both]
    assert box(gateway, HOTLINE, "out", **waits | {"state": HandoffState.CLOSED}) == []
    assert box(gateway, OFMIN, "in", matter="grooming") == [both]
    reference = f"ref-{first.result['case']}"
    assert box(gateway, HOTLINE, "out", reference=reference) == [before, to_abroad]
    assert box(gateway, HOTLINE, "out", reference="HA-none") == []
    assert box(gateway, OFMIN, "in", reference=reference) == []
    at = gateway.handoff(both).offered_at
    assert box(gateway, OFMIN, "in", since=at) == [both]
    assert box(gateway, OFMIN, "in", until=at) == [before]


def test_the_moves_of_these_tests_are_all_there_are():
    steps = {step for step, *_ in ANSWERS.values()} | {"accept", "accept_partly", "withdraw"}
    steps.add("delay")  # tests/exchange/standing/test_duties.py
    the_gateways = {"reissue", "lapse"}  # tests/exchange/lifecycle/test_succession_execution.py
    steps.add("onward_by_law")  # below
    steps.add("go_ahead")  # tests/exchange/case/test_measures.py
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


def test_who_holds_a_case_states_the_law_that_obliged_it_and_a_hotline_reads_that_alone(gateway):
    of_police, of_hotline = accepted(gateway), at_a_hotline(gateway)
    for handoff, holder, reader, expected in (
        (of_police, OFMIN, HOTLINE, {}),
        (of_hotline, ABROAD, OFMIN, BY_LAW),
    ):
        gateway.answer(holder, answers.pass_on_by_law, handoff, **BY_LAW)
        document = last_answer(gateway, reader, handoff)["document"]
        content = sd_jwt.read_unverified(document).content
        assert {name: content[name] for name in BY_LAW if name in content} == expected
        assert gateway.handoff(handoff).state is HandoffState.ACCEPTED
    said = answers.said("officer-1", **BY_LAW)
    offer = handoff_of(offered(gateway))
    gateway.refused(WrongState, OFMIN, answers.pass_on_by_law, offer, said)


def test_a_handoff_shows_each_party_what_it_may_do_now_as_policy_has_it(gateway):
    handoff = UUID(offered(gateway, to=ABROAD).result["handoff"])
    acts = {one["action"] for one in gateway.view(ABROAD, handoff)["acts"]}
    assert {"handoff.accept", "handoff.decline"} < acts
    assert "handoff.give_go_ahead" not in acts  # which is for the police
    assert "handoff.accept" not in {one["action"] for one in gateway.view(HOTLINE, handoff)["acts"]}


def acts_of(gateway: Founded, party: str, handoff: UUID) -> set[str]:
    return {one["action"] for one in gateway.view(party, handoff)["acts"]}


def test_steps_on_an_embargo_are_among_the_acts_of_who_may_take_them(gateway):
    _, handoff, embargo, other = in_danger(gateway)
    assert {"case.embargo", "case.end_measure"} <= acts_of(gateway, OFMIN, handoff)
    assert "case.end_measure" in acts_of(gateway, OCRVP, other)  # for a child is in danger
    end = MeasureEnd(UUID(embargo.result["measure"]), "officer-1")
    gateway.act(OFMIN, measures.on_handoff, handoff, end)
    assert "case.end_measure" not in acts_of(gateway, OFMIN, handoff)
    gateway.answer(OFMIN, answers.decline, handoff, "not ours after all")
    assert "case.embargo" not in acts_of(gateway, OFMIN, handoff)


def test_who_neither_set_an_embargo_nor_succeeds_its_setter_ends_none(gateway):
    case, handoff, _ = embargoed(gateway)
    other = also_competent(gateway, case)
    assert "case.end_measure" not in acts_of(gateway, OCRVP, other)
    abroad = accepted(gateway, offered(gateway, case, to=ABROAD), recipient=ABROAD)
    assert {"case.embargo", "case.end_measure"}.isdisjoint(acts_of(gateway, ABROAD, abroad))
    assert "case.embargo" not in acts_of(gateway, HOTLINE, handoff)


def test_a_handoff_says_by_what_its_content_opens_and_which_groups_it_has(gateway):
    case = submitted(gateway)
    offer = offered(gateway, case, groups=("items",))
    handoff = UUID(offer.result["handoff"])
    before = gateway.view(OFMIN, handoff)
    assert ("opens" not in before, before["closed"]) == (True, "content opens after acceptance")
    assert {"items", "routing"} <= set(before["groups"])
    assert "statements" not in before["groups"]
    accepted(gateway, offer)
    after = gateway.view(OFMIN, handoff)
    assert (after["opens"], "closed" in after) == ("accepted", False)
    assert "case.consult" in {one["action"] for one in after["acts"]}
    mine = gateway.view(HOTLINE, handoff)
    assert not {"opens", "closed"} & mine.keys()
