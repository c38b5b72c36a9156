"""What one side did waits at the other, until that acts on it or a person there has seen it."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from gateway.domain.audit_event import EVENT_TYPES
from gateway.domain.duty import DutyKind
from gateway.domain.refusals import NotFound, ValidationFailed, WrongState
from gateway.domain.staff import RegisterRole
from gateway.exchange.case import measures
from gateway.exchange.case.measures import MeasureEnd
from gateway.exchange.handoffs import arrivals
from gateway.exchange.handoffs.arrivals import SeenRequest
from gateway.exchange.lifecycle import worklist
from gateway.exchange.standing import duties
from gateway.kernel.ports import TransactionMode
from gateway.kernel.results import to_json
from gateway.kernel.transact import WriteResult
from tests import answers
from tests.casework import accepted, acknowledged, offered, revised, submitted, updated
from tests.exchange.case.test_measures import (
    BY_TWO,
    SUSPENSION,
    embargoed,
    end_of,
    in_danger,
    opened,
    wanted,
)
from tests.exchange.handoffs.test_recalls import recalled, taken_back
from tests.exchange.handoffs.updating import ADDED, held
from tests.exchange.lifecycle.test_before_erasure import advanced
from tests.exchange.lifecycle.test_before_erasure import wanted as earlier
from tests.exchange.lifecycle.test_erasure import on_the_day
from tests.exchange.moving_mandates import moved
from tests.founded_gateway import (
    ABROAD,
    HOTLINE,
    OCRVP,
    OFMIN,
    Founded,
    caller,
    enter_staff,
    fields_of,
)

DANGER = {"urgency": "imminent_danger", "urgency_reason": "child_located"}
HOUR = timedelta(hours=1)
SEEN = SeenRequest("officer-1")


def sent(gateway: Founded, **content: Any) -> UUID:
    return UUID(offered(gateway, submitted(gateway, **content)).result["handoff"])


def taken(gateway: Founded, **content: Any) -> UUID:
    return accepted(gateway, offered(gateway, submitted(gateway, **content)))


def corrected(gateway: Founded) -> UUID:
    """A handoff whose recipient acknowledged a correction."""
    case = submitted(gateway)
    handoff = accepted(gateway, offered(gateway, case))
    revised(gateway, case, matter=["csam", "grooming"])
    updated(gateway, handoff)
    acknowledged(gateway, handoff)
    return handoff


def proposed(gateway: Founded) -> UUID:
    """A handoff whose recipient proposed a correction."""
    handoff = taken(gateway)
    said = {"proposal": "inaccurate", "reason": "wrong host"}
    gateway.answer(OFMIN, answers.propose_correction, handoff, **said)
    return handoff


def asked(gateway: Founded, handoff: UUID, by: str = OFMIN, **fields: Any) -> WriteResult:
    """The recipient asks for more."""
    said = {"code": "more_needed", "what": "other", "text": "of which hour?"}
    return gateway.answer(by, answers.outcome, handoff, **said, **fields)


def seen(gateway: Founded, handoff: UUID, by: str = HOTLINE, *events: str) -> WriteResult:
    return gateway.act(by, arrivals.mark_seen, handoff, SeenRequest("officer-1", events))


def listed(gateway: Founded, by: str = HOTLINE) -> list[Any]:
    """What is owed by an organisation, and arrived there."""
    return [to_json(one) for one in worklist.page(gateway.ports, caller(by), None, 100).items]


def later(gateway: Founded, by: timedelta = HOUR) -> str:
    return (gateway.ports.now() + by).strftime("%Y-%m-%dT%H:%M:%SZ")


SAID: dict[str, tuple[Callable[[Founded], UUID], str, Any, dict[str, Any]]] = {
    "handoff.decline": (sent, OFMIN, answers.decline, {"reason": "not ours"}),
    "handoff.redirect": (sent, OFMIN, answers.redirect, {"reason": "not ours"}),
    "handoff.delay": (
        sent, OFMIN, answers.delay, {"code": "workload", "until": "2026-03-20T09:00:00Z"}
    ),
    "handoff.report_outcome": (taken, OFMIN, answers.outcome, {"code": "case_opened"}),
    "handoff.close": (taken, OFMIN, answers.close, {}),
    "handoff.pass_on_by_law": (
        taken, OFMIN, answers.pass_on_by_law,
        {"article": "CPP 40", "recipient_kind": "prosecutor"},
    ),
    "handoff.give_go_ahead": (taken, OFMIN, answers.go_ahead, {}),
    "handoff.dispute": (corrected, OFMIN, answers.dispute, {"ground": "evidence"}),
    "handoff.answer_recall": (
        lambda gateway: taken_back(gateway)[1], OFMIN, answers.answer_recall,
        {"done": "copies_erased"},
    ),
    "handoff.withdraw": (sent, HOTLINE, answers.withdraw, {"reason": "sent in error"}),
    "handoff.answer_proposal": (
        proposed, HOTLINE, answers.answer_proposal, {"decision": "not_followed"}
    ),
}  # fmt: skip
"""By action: the handoff to which it is answered, who answers, and what."""


def test_every_answer_that_arrives_is_tried() -> None:
    arriving = {one for one, event in EVENT_TYPES.items() if event.arrives}
    others = {"handoff.announce_change", "handoff.update", "handoff.reissue", "handoff.lapse"}
    others |= {"handoff.return", "handoff.return_act", "handoff.tell_undelivered"}  # relay's
    measured = {one for one in arriving if one.startswith(("case.", "counterpart.", "erasure."))}
    assert arriving == SAID.keys() | others | measured


@pytest.mark.parametrize("action", SAID)
def test_an_answer_waits_at_the_other_party_until_a_person_there_has_seen_it(gateway, action):
    made, by, said, fields = SAID[action]
    handoff, other = made(gateway), HOTLINE if by == OFMIN else OFMIN
    gateway.answer(by, said, handoff, **fields)
    assert gateway.arrived(handoff) == {other: [EVENT_TYPES[action].name]}
    assert [one["arrived"] for one in listed(gateway, other)].count(EVENT_TYPES[action].name) == 1
    marked = seen(gateway, handoff, other).result["arrivals"]
    assert [one["type"] for one in marked] == [EVENT_TYPES[action].name]
    assert gateway.arrived(handoff) == {}
    assert not [one for one in listed(gateway, other) if one["arrived"]]


def test_a_party_sees_what_arrived_in_the_handoff_and_that_it_may_mark_it(gateway):
    handoff = taken(gateway)
    gateway.answer(OFMIN, answers.outcome, handoff, code="case_opened")
    view = gateway.view(HOTLINE, handoff)
    (one,) = view["arrivals"]
    assert (one["type"], one["due_at"]) == ("handoff.outcome_reported", None)
    assert "handoff.mark_seen" in [act["action"] for act in view["acts"]]
    theirs = gateway.view(OFMIN, handoff)
    assert theirs["arrivals"] == []
    assert "handoff.mark_seen" not in [act["action"] for act in theirs["acts"]]
    seen(gateway, handoff)
    assert "handoff.mark_seen" not in [a["action"] for a in gateway.view(HOTLINE, handoff)["acts"]]


def test_only_the_own_side_hears_what_was_seen_and_each_event_can_be_marked_alone(gateway):
    handoff = taken(gateway)
    for code in ("received", "case_opened"):
        gateway.answer(OFMIN, answers.outcome, handoff, code=code)
    first, second = (one["event"] for one in gateway.view(HOTLINE, handoff)["arrivals"])
    before = gateway.types(OFMIN)
    marked = seen(gateway, handoff, HOTLINE, second)
    assert fields_of(marked.receipt)["type"] == "handoff.seen"
    assert gateway.types(OFMIN) == before
    assert [one["event"] for one in gateway.view(HOTLINE, handoff)["arrivals"]] == [first]
    again = SeenRequest("officer-1", (second,))
    with pytest.raises(ValidationFailed):
        gateway.act(HOTLINE, arrivals.mark_seen, handoff, again)
    seen(gateway, handoff)
    gateway.refused(WrongState, HOTLINE, arrivals.mark_seen, handoff, SEEN)


def test_who_is_no_party_marks_nothing_and_the_other_party_has_nothing_to_see(gateway):
    handoff = sent(gateway)
    gateway.answer(OFMIN, answers.decline, handoff, "not ours")
    gateway.refused(NotFound, OCRVP, arrivals.mark_seen, handoff, SEEN)
    gateway.refused(WrongState, OFMIN, arrivals.mark_seen, handoff, SEEN)


def test_one_mark_is_bounded_the_oldest_first_and_the_next_takes_the_rest(gateway, monkeypatch):
    monkeypatch.setattr(arrivals, "MOST", 2)
    handoff = taken(gateway)
    for _ in range(3):
        gateway.answer(OFMIN, answers.outcome, handoff, code="in_progress")
    first, second = (gateway.act(HOTLINE, arrivals.mark_seen, handoff, SEEN) for _ in range(2))
    marked = [one["event"] for done in (first, second) for one in done.result["arrivals"]]
    assert [len(one.result["arrivals"]) for one in (first, second)] == [2, 1]
    assert marked == sorted(marked)


def test_a_repeated_mark_takes_nothing_that_came_since(gateway):
    handoff, key = taken(gateway), gateway.key()
    gateway.answer(OFMIN, answers.outcome, handoff, code="received")
    first = gateway.act(HOTLINE, arrivals.mark_seen, handoff, SEEN, key=key)
    gateway.answer(OFMIN, answers.close, handoff)
    again = gateway.act(HOTLINE, arrivals.mark_seen, handoff, SEEN, key=key)
    assert again.result == first.result
    assert gateway.arrived(handoff) == {HOTLINE: ["handoff.closed"]}


# --- What an act ends ---


@pytest.mark.parametrize("end", ["update", "notice", "recall"])
def test_an_act_of_the_originator_ends_a_question(gateway, end):
    case = submitted(gateway)
    handoff = accepted(gateway, offered(gateway, case))
    asked(gateway, handoff)
    if end == "notice":
        gateway.answer(OFMIN, answers.decline, handoff, "not ours after all")
        seen(gateway, handoff, HOTLINE, gateway.view(HOTLINE, handoff)["arrivals"][1]["event"])
    if end == "recall":
        recalled(gateway, case)
    else:
        revised(gateway, case, matter=["csam", "grooming"])
        if end == "update":
            updated(gateway, handoff)
        else:
            said = {"code": "inaccurate", "pointers": ["/urgency"]}
            gateway.answer(HOTLINE, answers.notify_correction, handoff, **said)
    assert HOTLINE not in gateway.arrived(handoff)


def test_an_addition_waits_for_its_holder_until_that_acknowledges_it(gateway):
    case, handoff = held(gateway)
    revised(gateway, case, items=ADDED)
    updated(gateway, handoff, groups=("items",))
    assert gateway.arrived(handoff) == {OFMIN: ["handoff.updated"]}
    _unopened, one = listed(gateway, OFMIN)
    assert (one["kind"], one["acts"]) == ("addition", ["handoff.acknowledge", "handoff.mark_seen"])
    acknowledged(gateway, handoff)
    assert gateway.arrived(handoff) == {}


def test_what_is_to_be_answered_does_not_arrive_besides(gateway):
    handoff = taken(gateway)
    gateway.answer(OFMIN, answers.propose_correction, handoff, proposal="other", reason="look")
    assert gateway.owed(handoff) == [DutyKind.PROPOSAL_ANSWER]
    assert gateway.arrived(handoff, open_only=False) == {}


# --- Times: a question's, and that of a danger which nobody is on ---


def test_a_question_stands_at_its_time_is_late_after_it_and_never_overdue(gateway):
    handoff, until = taken(gateway), later(gateway)
    asked(gateway, handoff, until=until)
    (one,) = listed(gateway)
    assert (one["kind"], one["overdue"]) == ("question", False)
    assert one["due_at"] == until.replace("Z", "+00:00")
    gateway.clock.advance(2 * HOUR)
    duties.sweep(gateway.ports)
    assert [one["overdue"] for one in listed(gateway)] == [True]
    with gateway.ports.begin(TransactionMode.READ) as work:
        assert work.duties.overdue(gateway.ports.now()) == 0
    assert {"handoff.overdue", "handoff.reminded"}.isdisjoint(gateway.types(HOTLINE))


DONE = {"decline": "handoff.declined", "redirect": "handoff.redirected"}


@pytest.mark.parametrize("end", DONE)
def test_a_danger_that_its_recipient_gave_up_is_first(gateway, end):
    owed = sent(gateway, **DANGER)
    gateway.clock.advance(HOUR / 12)
    handoff = sent(gateway, **DANGER)
    gateway.answer(OFMIN, getattr(answers, end), handoff, "not ours")
    first, call, with_nobody = listed(gateway)
    assert (first["handoff"], first["arrived"], first["overdue"]) == (str(handoff), DONE[end], True)
    assert (call["handoff"], call["kind"]) == (str(owed), "call")
    assert (with_nobody["case"], with_nobody["kind"]) == (first["case"], "case_offer")


def test_what_arrives_without_a_time_stands_behind_what_is_owed_of_the_same_urgency(gateway):
    handoff = proposed(gateway)
    gateway.answer(OFMIN, answers.outcome, handoff, code="received")
    assert [one["kind"] for one in listed(gateway)] == ["proposal_answer", "originator_news"]
    assert [one["due_at"] for one in listed(gateway)][1] is None


# --- What may not be known ---


def test_under_an_embargo_a_question_is_news_to_a_private_originator(gateway):
    _, handoff, _ = embargoed(gateway)
    asked(gateway, handoff, until=later(gateway))
    *_, one = listed(gateway)
    assert (one["kind"], one["due_at"]) == ("originator_news", None)


def test_what_an_interest_keeps_away_arrives_in_no_list_and_is_not_marked(gateway):
    handoff = UUID(offered(gateway, to=ABROAD).result["handoff"])
    gateway.answer(HOTLINE, answers.withdraw, handoff, "sent in error")
    assert [one["arrived"] for one in listed(gateway, ABROAD)] == ["handoff.withdrawn"]
    gateway.interest(ABROAD, "content.example.org")
    assert listed(gateway, ABROAD) == []
    gateway.refused(NotFound, ABROAD, arrivals.mark_seen, handoff, SEEN)


# --- Measures, and an earlier erasure ---


def test_a_measure_waits_at_the_originator_and_at_each_other_holder(gateway):
    case = submitted(gateway)
    other = accepted(gateway, offered(gateway, case, to=ABROAD), recipient=ABROAD)
    opened(gateway, other, "assessment", ABROAD)
    _, handoff, made = embargoed(gateway, case)
    assert gateway.arrived(handoff) == {HOTLINE: ["case.embargoed"]}
    assert gateway.arrived(other) == {ABROAD: ["case.held"]}
    seen(gateway, other, ABROAD)
    end = MeasureEnd(UUID(made.result["measure"]), "officer-1")
    gateway.act(OFMIN, measures.on_handoff, handoff, end)
    assert gateway.arrived(handoff) == {HOTLINE: ["case.embargoed", "case.measure_ended"]}
    assert gateway.arrived(other) == {ABROAD: ["case.measure_ended"]}


def test_a_restriction_waits_at_holders_alone(gateway):
    case = submitted(gateway)
    handoff = accepted(gateway, offered(gateway, case))
    gateway.act(HOTLINE, measures.on_case, UUID(case.result["case"]), wanted(gateway, SUSPENSION))
    assert gateway.arrived(handoff) == {OFMIN: ["case.restricted"]}


def test_who_ends_an_embargo_of_another_is_heard_by_its_setter_and_the_originator(gateway):
    _, handoff, embargo, other = in_danger(gateway)
    gateway.act(OCRVP, measures.on_handoff, other, end_of(embargo, **BY_TWO))
    assert gateway.arrived(handoff)[OFMIN] == ["case.measure_ended"]
    assert gateway.arrived(other)[HOTLINE] == ["case.measure_ended"]


def test_an_earlier_erasure_waits_at_who_holds_the_case(gateway):
    case = submitted(gateway)
    handoff = accepted(gateway, offered(gateway, case))
    enter_staff(gateway.ports.begin, HOTLINE, ["dpo-1"], frozenset({RegisterRole.DPO}))
    advanced(gateway, case, earlier(gateway))
    assert gateway.arrived(handoff) == {OFMIN: ["case.erasure_advanced"]}


def test_news_outlive_the_case_and_are_seen_then_and_a_question_ends_with_it(gateway):
    handoff = taken(gateway)
    asked(gateway, handoff)
    gateway.answer(OFMIN, answers.close, handoff)
    on_the_day(gateway)
    assert gateway.arrived(handoff) == {HOTLINE: ["handoff.closed"]}
    assert [one["arrived"] for one in listed(gateway)] == ["handoff.closed"]
    seen(gateway, handoff)


def test_a_succession_waits_at_the_originator(gateway):
    handoff = taken(gateway)
    moved(gateway)
    assert gateway.arrived(handoff) == {HOTLINE: ["handoff.reissued"]}


def test_a_danger_whose_handoff_lapses_is_first_at_its_originator(gateway):
    gateway.mandate(ABROAD, "receive/csam/BE", "2020-01-01")
    case = submitted(gateway, **DANGER)
    named = UUID(offered(gateway, case, to=ABROAD).result["handoff"])
    moved(gateway, ABROAD, competence="receive/csam/BE")
    assert gateway.arrived(named) == {HOTLINE: ["handoff.lapsed"]}
    assert [one["overdue"] for one in listed(gateway) if one["arrived"]] == [True]


def test_a_suspended_member_marks_what_arrived(gateway):
    handoff = sent(gateway)
    gateway.answer(HOTLINE, answers.withdraw, handoff, "sent in error")
    gateway.administer("organisation.suspend", OFMIN, reason="inquiry")
    seen(gateway, handoff, OFMIN)
