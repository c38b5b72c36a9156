"""What holds for every request: done once, refused on record, and told only to whom it may be."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from gateway.domain.decision import PolicyDecision
from gateway.domain.refusals import (
    EditConflict,
    Forbidden,
    IdempotencyKeyReused,
    NotFound,
    TooManyDenials,
    WrongState,
)
from gateway.exchange.case import cases
from gateway.exchange.case.cases import CaseStepRequest
from gateway.exchange.handoffs import offers, package_consultation, views
from gateway.exchange.oversight import audit
from gateway.kernel.authentication import REQUESTS_REMEMBERED, prune_remembered
from gateway.kernel.ports import TransactionMode
from gateway.kernel.results import to_json
from gateway.kernel.transact import RecordedRefusal
from gateway.kernel.values import HOST, Caller
from gateway.registry import directory as organisations
from tests import answers
from tests.casework import OPENING, accepted, offer_of, offered, revised, submitted, updated
from tests.each import each
from tests.exchange.errands import ERRANDS
from tests.founded_gateway import (
    ABROAD,
    HOTLINE,
    OFMIN,
    Founded,
    caller,
    canonical_text,
    fields_of,
    refused_without_event,
    same_document,
    shown,
)
from tests.founding import founded
from tests.log_check import check_log

each_errand = pytest.mark.parametrize("errand", ERRANDS.values(), ids=ERRANDS)


def substance(gateway: Founded) -> dict[str, Any]:
    """All that is stored but the log, its budgets and counters."""
    stored = gateway.store.tables().items()
    return {
        name: rows
        for name, rows in stored
        if not name.startswith(("log_", "budget", "party", "stream"))
    }


# --- retries -------------------------------------------------------------------------------------


@each_errand
def test_under_one_key_one_request_is_done_once_and_another_is_refused(gateway, errand):
    due = errand(gateway)
    first = due.do(gateway, "once")
    size, stored = gateway.size(), substance(gateway)
    second = due.do(gateway, "once")
    assert canonical_text(second.result) == canonical_text(first.result)
    assert same_document(first.receipt, second.receipt)
    other = due.saying(by="somebody-else")
    refused_without_event(gateway, IdempotencyKeyReused, due.action, *other.arguments("once"))
    assert (gateway.size(), substance(gateway)) == (size, stored)
    submitted(gateway)
    proved, again = (
        gateway.confirm(one) for one in (first.receipt, due.do(gateway, "once").receipt)
    )
    assert again.index == proved.index
    assert again.checkpoint.size > proved.checkpoint.size, "not proved in the log of today"


def test_keys_of_two_organisations_are_not_each_others(gateway):
    submitted_once = ERRANDS["submit a case"](gateway)
    submitted_once.do(gateway, "once")
    accepted_once = ERRANDS["accept a handoff"](gateway)
    assert accepted_once.do(gateway, "once").result["state"] == "accepted"


def test_a_key_used_for_one_action_is_not_free_for_another(gateway):
    due = ERRANDS["refuse a handoff"](gateway)
    due.do(gateway, "once")
    arguments = due.arguments("once")
    refused_without_event(gateway, IdempotencyKeyReused, answers.redirect, *arguments)


def test_an_offer_is_repeated_as_it_was_after_all_has_changed(gateway):
    case = submitted(gateway)
    wanted = offer_of(gateway, expires_at=gateway.clock() + timedelta(hours=1))
    arguments = (caller(HOTLINE), "once", UUID(case.result["case"]), wanted)
    first = gateway.do(offers.offer, *arguments)
    revised(gateway, case, clearance=None)
    gateway.administer("mandate.end", OFMIN, competence="receive/csam/FR", until="2026-03-02")
    gateway.clock.advance(timedelta(days=3))
    second = gateway.do(offers.offer, *arguments)
    assert canonical_text(second.result) == canonical_text(first.result)
    assert same_document(first.receipt, second.receipt)


def test_an_offer_that_policy_cut_is_repeated_with_what_was_withheld(gateway):
    case = submitted(gateway, originator=OFMIN, marking={"handling": ["H1"]})
    arguments = (caller(OFMIN), "once", UUID(case.result["case"]), offer_of(gateway, HOTLINE))
    gateway.refusal(offers.offer, *arguments)  # H1 lets nothing through
    case = submitted(gateway, originator=OFMIN)
    arguments = (caller(OFMIN), "once", UUID(case.result["case"]), offer_of(gateway, HOTLINE))
    first = gateway.do(offers.offer, *arguments)
    assert first.result["withheld_groups"] == ["intake", "references", "statements"]
    assert gateway.do(offers.offer, *arguments).result == first.result


def test_an_answer_is_repeated_after_the_handoff_has_moved_on(gateway):
    due = ERRANDS["accept a handoff"](gateway)
    first = due.do(gateway, "once")
    gateway.do(answers.close, caller(OFMIN), gateway.key(), due.rest[0], answers.said("officer-1"))
    assert due.do(gateway, "once").result == first.result


def test_a_submission_is_repeated_with_its_own_version_after_a_later_one(gateway):
    due = ERRANDS["submit a case"](gateway)
    first = due.do(gateway, "once")
    revised(gateway, first)
    assert due.do(gateway, "once").result == first.result


def test_a_refusal_leaves_its_key_free(gateway):
    handoff = accepted(gateway)
    wrong = (caller(OFMIN), "once", handoff, answers.said("officer-1", "too late"))
    gateway.do(answers.close, caller(OFMIN), gateway.key(), handoff, answers.said("officer-1"))
    assert isinstance(gateway.refusal(answers.decline, *wrong).refusal, WrongState)
    right = ERRANDS["accept a handoff"](gateway)
    assert right.do(gateway, "once").result["state"] == "accepted"


def test_a_repeated_consultation_is_authorised_anew(gateway):
    due = ERRANDS["consult a handoff"](gateway)
    due.do(gateway, "once")
    reply = answers.said("officer-1", "given back")
    gateway.do(answers.decline, caller(OFMIN), gateway.key(), due.rest[0], reply)
    refused = gateway.refusal(package_consultation.consult, *due.arguments("once"))
    assert isinstance(refused.refusal, WrongState)


def test_a_repeated_consultation_shows_nothing_that_has_been_closed_since(gateway):
    arguments = (caller(OFMIN), "once", accepted(gateway), OPENING)
    gateway.do(package_consultation.consult, *arguments)
    gateway.ports = replace(gateway.ports, policy=_WithoutItems(gateway.ports.policy))
    refused_without_event(gateway, EditConflict, package_consultation.consult, *arguments)


def test_a_repeated_consultation_shows_no_package_that_an_update_superseded(gateway):
    case = submitted(gateway, originator=OFMIN)
    offer = offered(gateway, case, originator=OFMIN, to=HOTLINE)
    handoff = accepted(gateway, offer, recipient=HOTLINE)
    arguments = (caller(HOTLINE), "once", handoff, OPENING)
    gateway.do(package_consultation.consult, *arguments)
    revised(gateway, case, originator=OFMIN, urgency="normal")
    updated(gateway, handoff, originator=OFMIN)
    refused_without_event(gateway, EditConflict, package_consultation.consult, *arguments)


class _WithoutItems:
    """The product's policies, by which nobody receives items any more."""

    def __init__(self, policy):
        self._policy = policy
        self.revision = policy.revision

    def decide(self, question):
        if question.resource.attributes.get("group") == "items":
            return PolicyDecision(False, ("R2.own",), (), "nobody")
        return self._policy.decide(question)


@each_errand
def test_a_write_reads_decides_signs_and_stores_in_one_transaction(gateway, errand):
    due, begun, begin = errand(gateway), list[TransactionMode](), gateway.ports.begin

    def noted(mode: TransactionMode, *key: Any) -> Any:
        begun.append(mode)
        return begin(mode, *key)

    gateway.ports = replace(gateway.ports, begin=noted)
    due.do(gateway, "once")
    # Who searches the log reads at length, and holds no lock meanwhile.
    before = [TransactionMode.READ] if due.action is audit.search else []
    assert begun == [*before, TransactionMode.SHARED]


# --- denials -------------------------------------------------------------------------------------


def test_a_denial_is_recorded_alone_and_changes_nothing(gateway):
    due = ERRANDS["consult a handoff"](gateway)
    gateway.administer("mandate.end", OFMIN, competence="receive/csam/FR", until="2026-03-02")
    size, stored = gateway.size(), substance(gateway)
    refused = gateway.refusal(due.action, *due.arguments(gateway.key()))
    assert isinstance(refused.refusal, Forbidden)
    assert refused.refusal.rules == ("R3.mandate",)
    assert (gateway.size(), substance(gateway)) == (size + 1, stored)
    fields = fields_of(refused.receipt)
    assert (fields["type"], fields["result"]) == ("case.consulted", "denied")
    assert "package_digest" not in fields


def test_a_denial_names_its_rules_and_moves_the_callers_counter_only(gateway):
    due = ERRANDS["withdraw a handoff"](gateway)
    due.do(gateway, gateway.key())
    with gateway.ports.begin(TransactionMode.READ) as work:
        before = {slug: work.log.last_number(slug) for slug in (HOTLINE, OFMIN, "gateway")}
    wanted = offer_of(gateway, OFMIN)
    case = UUID(submitted(gateway).result["case"])
    refused = gateway.refusal(offers.offer, caller(HOTLINE), gateway.key(), case, wanted)
    told = shown(refused.receipt)
    assert told["rules"] == ["R3.membership"]
    assert told["by"] == "liaison-1"
    assert [p["organisation"] for p in told["party"]] == [HOTLINE]
    with gateway.ports.begin(TransactionMode.READ) as work:
        after = {slug: work.log.last_number(slug) for slug in before}
    assert after == {**before, HOTLINE: before[HOTLINE] + 2}


def test_an_illegal_move_is_an_event_about_the_handoff(gateway):
    due = ERRANDS["close a handoff"](gateway)
    due.do(gateway, gateway.key())
    refused = gateway.refusal(due.action, *due.arguments(gateway.key()))
    assert isinstance(refused.refusal, WrongState)
    fields = fields_of(refused.receipt)
    assert (fields["type"], fields["result"]) == ("handoff.closed", "wrong_state")
    assert fields["handoff"] == str(due.rest[0])


STEP = CaseStepRequest("x-1")
HANDOFF_QUESTIONS: dict[str, tuple[Any, ...]] = {
    "accept": (answers.accept, answers.said("x-1", conditions={})),
    "decline": (answers.decline, answers.said("x-1", "no")),
    "redirect": (answers.redirect, answers.said("x-1", "no")),
    "outcome": (answers.outcome, answers.said("x-1", code="removed")),
    "withdraw": (answers.withdraw, answers.said("x-1", "no")),
    "close": (answers.close, answers.said("x-1")),
    "consult": (package_consultation.consult, OPENING),
    "look up": (views.look_up,),
}
CASE_QUESTIONS: tuple[tuple[Any, ...], ...] = (
    (cases.look_up,),
    (cases.assess, STEP),
    (cases.clear, STEP),
    (cases.close, STEP),
    (cases.consult, OPENING),
    (offers.offer, offer_of),
    (offers.preview, offer_of),
)
READS = {views.look_up, cases.look_up, offers.preview, audit.look_up_receipt}


def own_case(gateway: Founded) -> UUID:
    return UUID(submitted(gateway).result["case"])


def own_event(gateway: Founded) -> UUID:
    return UUID(fields_of(submitted(gateway).receipt)["id"])


QUESTIONS = (
    *((accepted, question) for question in HANDOFF_QUESTIONS.values()),
    *((own_case, question) for question in CASE_QUESTIONS),
    (own_event, (audit.look_up_receipt,)),
)
"""What makes the thing that is asked about, the action, and what is asked beside its id."""


def refusal_to(gateway: Founded, who: str, about: UUID, action: Any, *asked: Any) -> Any:
    key = () if action in READS else (gateway.key(),)
    said = [one(gateway) if callable(one) else one for one in asked]
    return gateway.refusal(action, caller(who), *key, about, *said)


def without_place(refused: RecordedRefusal) -> tuple[Any, ...]:
    """A refusal as its caller sees it, but for what differs between any two events."""
    fields = fields_of(refused.receipt)
    told = shown(refused.receipt)
    for party in told["party"]:
        del party["stream_number"]
    clear = {name: v for name, v in fields.items() if name not in {"id", "time", "sd"}}
    return type(refused.refusal), refused.refusal.detail, clear, len(fields["sd"]), told


@each("made, question", QUESTIONS)
def test_what_is_not_the_callers_looks_like_what_does_not_exist(gateway, made, question):
    foreign = refusal_to(gateway, ABROAD, made(gateway), *question)
    unknown = refusal_to(gateway, ABROAD, gateway.new_id(), *question)
    assert without_place(foreign) == without_place(unknown)
    kind, detail, clear, _, told = without_place(foreign)
    assert (kind, detail, clear["result"]) == (NotFound, "", "not_found")
    assert not {"handoff", "case_digest", "package_digest", "document_sha256"} & clear.keys()
    assert "rules" not in told


@each("step", ["accept", "decline", "redirect", "outcome", "close"])
def test_the_originator_cannot_answer_for_the_recipient(gateway, step):
    handoff = accepted(gateway)
    action, reply = HANDOFF_QUESTIONS[step]
    if step == "accept":
        view = to_json(views.look_up(gateway.ports, caller(HOTLINE), handoff))
        reply = answers.said("x-1", conditions=view["conditions"])
    refused = refusal_to(gateway, HOTLINE, handoff, action, reply)
    assert isinstance(refused.refusal, Forbidden)
    assert {"handoff", "case_digest"} <= fields_of(refused.receipt).keys()


def test_the_recipient_cannot_withdraw_for_the_originator(gateway):
    refused = refusal_to(gateway, OFMIN, accepted(gateway), *HANDOFF_QUESTIONS["withdraw"])
    assert isinstance(refused.refusal, Forbidden)


def test_a_refused_read_is_an_event_and_an_allowed_one_is_none(gateway):
    handoff = accepted(gateway)
    size = gateway.size()
    to_json(views.look_up(gateway.ports, caller(OFMIN), handoff))
    assert gateway.size() == size
    gateway.refusal(views.look_up, caller(ABROAD), handoff)
    assert gateway.size() == size + 1


# --- the budget of denials -----------------------------------------------------------------------


def deny(gateway: Founded, organisation: str = ABROAD) -> tuple[Callable[..., Any], Any, UUID]:
    return views.look_up, caller(organisation), gateway.new_id()


def test_the_denial_after_the_sixtieth_in_a_minute_is_not_recorded(gateway):
    for _ in range(60):
        assert isinstance(gateway.refusal(*deny(gateway)).refusal, NotFound)
    refused_without_event(gateway, TooManyDenials, *deny(gateway))
    assert isinstance(gateway.refusal(*deny(gateway, OFMIN)).refusal, NotFound)
    gateway.clock.advance(timedelta(minutes=1))
    assert isinstance(gateway.refusal(*deny(gateway)).refusal, NotFound)


def test_who_used_up_its_denials_still_does_what_it_may(gateway):
    gateway.ports = replace(gateway.ports, denials_per_minute=1)
    gateway.refusal(*deny(gateway, HOTLINE))
    refused_without_event(gateway, TooManyDenials, *deny(gateway, HOTLINE))
    assert submitted(gateway).result["state"] == "cleared"


# --- who takes part ------------------------------------------------------------------------------

EVERY_READ: dict[str, Callable[[Founded, Caller], Any]] = {
    "whoami": lambda g, c: organisations.whoami(g.ports, c),
    "directory": lambda g, c: organisations.page(g.ports, c, "", 10),
    "one organisation": lambda g, c: organisations.look_up(g.ports, c, HOTLINE),
    "cases": lambda g, c: cases.page(g.ports, c, None, 10),
    "handoffs": lambda g, c: views.page(g.ports, c, box="in", after=None, limit=10),
    "events": lambda g, c: to_json(audit.stream(g.ports, c, 0, 10)),
}


READ_WHILE_SUSPENDED = {"whoami", "cases", "handoffs", "events"}


@each("read", EVERY_READ)
def test_a_suspended_organisation_reads_what_its_duties_are_about_and_no_more(gateway, read):
    look = EVERY_READ[read]
    submitted(gateway)
    look(gateway, caller(HOTLINE))
    gateway.administer("organisation.suspend", HOTLINE, reason="under review")
    if read in READ_WHILE_SUSPENDED:
        look(gateway, caller(HOTLINE))
    else:
        with pytest.raises(RecordedRefusal) as refused:
            look(gateway, caller(HOTLINE))
        assert refused.value.refusal.rules == ("R2.inactive",)
    gateway.administer("organisation.reinstate", HOTLINE, reason="cleared up")
    look(gateway, caller(HOTLINE))


DUTIES = {"refuse a handoff", "acknowledge an update", "review a consultation"}


@pytest.mark.parametrize("name", sorted(ERRANDS.keys() - DUTIES))
def test_a_suspended_organisation_writes_nothing_not_even_again(gateway, name):
    due = ERRANDS[name](gateway)
    due.do(gateway, "once")
    gateway.administer("organisation.suspend", due.caller.organisation, reason="under review")
    stored = substance(gateway)
    for key in ("once", "new"):
        refused = gateway.refusal(due.action, *due.arguments(key))
        assert isinstance(refused.refusal, Forbidden)
        assert refused.refusal.rules == ("R2.inactive",)
    assert substance(gateway) == stored


@pytest.mark.parametrize("name", sorted(DUTIES))
def test_a_suspended_organisation_does_its_duties_and_a_retry_gets_the_first_result(gateway, name):
    due = ERRANDS[name](gateway)
    gateway.administer("organisation.suspend", due.caller.organisation, reason="under review")
    first = due.do(gateway, "once")
    assert canonical_text(due.do(gateway, "once").result) == canonical_text(first.result)


def test_an_organisation_that_is_not_in_the_registry_finds_nothing():
    gateway = founded()
    stranger = Caller("nobody-here", "desk", frozenset(), HOST)
    refused = gateway.refusal(organisations.whoami, stranger)
    assert isinstance(refused.refusal, NotFound)
    check_log(gateway, "nobody-here")


def test_the_log_shows_who_asked_to_their_own_organisation_only(gateway):
    written = offered(gateway)
    event = UUID(fields_of(written.receipt)["id"])
    assert shown(written.receipt)["by"] == "liaison-1"
    other = audit.look_up_receipt(gateway.ports, caller(OFMIN), event)
    assert "by" not in shown(other)
    assert [p["organisation"] for p in shown(other)["party"]] == [OFMIN]


def test_a_simulated_day_is_in_every_event_denials_too(gateway):
    gateway.day = gateway.clock().date()
    denial = gateway.refusal(*deny(gateway)).receipt
    for receipt in (submitted(gateway).receipt, denial):
        assert fields_of(receipt)["simulated_date"] == "2026-03-02"


def test_without_a_simulated_day_no_event_has_one(gateway):
    assert "simulated_date" not in fields_of(submitted(gateway).receipt)


def test_a_request_is_remembered_for_thirty_days_and_then_forgotten():
    """Its row holds a result: it goes with its purpose. A repeat after that is a new request."""
    gateway = founded()
    case = UUID(submitted(gateway).result["case"])
    key = gateway.key()
    look = replace(OPENING, by="analyst-1", reason_code="quality")
    first = gateway.do(cases.consult, caller(HOTLINE), key, case, look)
    gateway.clock.advance(REQUESTS_REMEMBERED - timedelta(hours=1))
    prune_remembered(gateway.ports)
    again = gateway.do(cases.consult, caller(HOTLINE), key, case, look)
    assert again.receipt == first.receipt
    gateway.clock.advance(timedelta(hours=2))
    prune_remembered(gateway.ports)
    later = gateway.do(cases.consult, caller(HOTLINE), key, case, look)
    assert later.receipt != first.receipt
    check_log(gateway)
