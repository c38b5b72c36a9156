"""Who owes an answer is reminded, and what is late is recorded once, whatever stops in between."""

from dataclasses import replace
from datetime import timedelta
from uuid import UUID

import pytest

from gateway.domain.duty import DUE, NOTICE
from gateway.domain.handoff import HandoffState
from gateway.domain.refusals import WrongState
from gateway.domain.vocabulary import Urgency
from gateway.exchange.handoffs import views
from gateway.exchange.lifecycle import erasure
from gateway.exchange.standing import duties
from gateway.kernel.results import to_json
from tests import answers
from tests.casework import accepted, conditions_of, offered, submitted
from tests.each import each
from tests.founded_gateway import HOTLINE, OFMIN, Founded, caller

MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)
TERM = DUE[Urgency.URGENT]


def urgent(gateway: Founded) -> UUID:
    return UUID(offered(gateway, submitted(gateway, urgency="urgent")).result["handoff"])


def sweep(gateway: Founded, until: timedelta) -> None:
    """Sweep every four minutes until so much later, as maintenance does every minute."""
    for _ in range(until // (4 * MINUTE)):
        gateway.clock.advance(4 * MINUTE)
        duties.sweep(gateway.ports)


def told(gateway: Founded, organisation: str) -> list[str]:
    """The kinds of what an organisation was told of its duties, in order."""
    types = gateway.types(organisation)
    return [one for one in types if one in ("handoff.reminded", "handoff.overdue")]


def test_the_recipient_is_reminded_at_half_and_both_hear_at_the_end_once(gateway):
    handoff = urgent(gateway)
    duties.sweep(gateway.ports)
    sweep(gateway, TERM / 2)
    assert (told(gateway, OFMIN), told(gateway, HOTLINE)) == (["handoff.reminded"], [])
    sweep(gateway, TERM)
    assert told(gateway, OFMIN) == ["handoff.reminded", "handoff.overdue"]
    assert told(gateway, HOTLINE) == ["handoff.overdue"]
    view = gateway.view(HOTLINE, handoff)
    assert view["overdue"] is True
    assert [one["kind"] for one in view["duties"]] == ["answer"]


def term(gateway: Founded, urgency: str) -> timedelta:
    """From the offer until its answer is due."""
    made = submitted(gateway, urgency=urgency)
    handoff = gateway.handoff(UUID(offered(gateway, made).result["handoff"]))
    assert handoff.due_at is not None
    return handoff.due_at - handoff.offered_at


@each("longer", [5 * HOUR, timedelta(days=5)])
def test_a_kind_of_organisation_may_have_a_term_of_its_own(gateway, longer):
    others = {(Urgency.NORMAL, "hotline"): MINUTE}  # the other party's are nothing
    terms = {(Urgency.PRIORITY, "police_office"): longer, **others}
    gateway.ports = replace(gateway.ports, due_of_kinds=terms)
    assert term(gateway, "priority") == longer
    assert term(gateway, "normal") == DUE[Urgency.NORMAL]


@pytest.mark.parametrize("answer", ["accept", "decline", "withdraw"])
def test_an_answer_closes_what_was_owed(gateway, answer):
    handoff = urgent(gateway)
    conditions = conditions_of(gateway, handoff, OFMIN) if answer == "accept" else None
    reason = None if answer == "accept" else "not ours"
    by = HOTLINE if answer == "withdraw" else OFMIN
    gateway.answer(by, getattr(answers, answer), handoff, reason, conditions=conditions)
    sweep(gateway, 2 * TERM)
    assert told(gateway, OFMIN) == told(gateway, HOTLINE) == []
    (duty,) = gateway.duties(handoff, open_only=False)
    assert duty.closed_at is not None
    assert gateway.handoff(handoff).due_at is None


def test_an_erasure_closes_what_was_owed(gateway):
    handoff = urgent(gateway)
    gateway.clock.advance(timedelta(days=1000))
    erasure.erase_due(gateway.ports)
    assert gateway.handoff(handoff).state is HandoffState.LAPSED
    assert all(one.closed_at is not None for one in gateway.duties(handoff, open_only=False))
    assert gateway.handoff(handoff).matter == frozenset()


def delay(gateway, handoff, until, code="workload"):
    return gateway.answer(OFMIN, answers.delay, handoff, code=code, until=until.isoformat())


def test_a_delay_moves_the_due_time_and_both_see_its_code(gateway):
    handoff = urgent(gateway)
    until = gateway.clock() + 3 * TERM
    written = delay(gateway, handoff, until, "judicial_authorisation")
    assert written.result["state"] == "offered"
    assert gateway.handoff(handoff).due_at == until
    view = gateway.view(HOTLINE, handoff)
    assert view["answers"][-1]["kind"] == "delay"
    sweep(gateway, TERM)
    assert told(gateway, OFMIN) == []


def test_what_is_delayed_after_it_was_recorded_as_overdue_is_not_recorded_again(gateway):
    handoff = urgent(gateway)
    duties.sweep(gateway.ports)
    sweep(gateway, TERM)
    delay(gateway, handoff, gateway.clock() + TERM)
    sweep(gateway, 2 * TERM)
    assert told(gateway, HOTLINE) == ["handoff.overdue"]


def test_a_delay_to_an_earlier_time_changes_nothing(gateway):
    handoff = urgent(gateway)
    said = answers.said("officer-1", code="workload", until=gateway.clock().isoformat())
    gateway.refused(WrongState, OFMIN, answers.delay, handoff, said)
    assert gateway.handoff(handoff).sequence == 1


def test_what_falls_due_while_the_gateway_stands_still_waits_for_answers_first(gateway):
    urgent(gateway)
    duties.sweep(gateway.ports)
    gateway.clock.advance(2 * TERM)
    sweep(gateway, NOTICE - 5 * MINUTE)
    assert told(gateway, HOTLINE) == []
    sweep(gateway, 15 * MINUTE)
    assert told(gateway, HOTLINE) == ["handoff.overdue"]


class Killed(BaseException):
    """The process ended here."""


@pytest.mark.parametrize("commits", [0, 1, 2, 3])
def test_a_kill_between_commits_repeats_nothing_and_loses_nothing(gateway, monkeypatch, commits):
    monkeypatch.setattr(duties, "AT_ONCE", 1)
    sent = [urgent(gateway) for _ in range(2)]
    duties.sweep(gateway.ports)
    left, record = [commits], duties._Sweep.record

    def killed(*args):
        if not left[0]:
            raise Killed
        left[0] -= 1
        record(*args)

    monkeypatch.setattr(duties._Sweep, "record", killed)
    with pytest.raises(Killed):
        for _ in range(20):
            sweep(gateway, HOUR)
    monkeypatch.setattr(duties._Sweep, "record", record)
    sweep(gateway, 2 * TERM)
    assert sorted(told(gateway, OFMIN)) == sorted(["handoff.reminded", "handoff.overdue"] * 2)
    assert told(gateway, HOTLINE) == ["handoff.overdue"] * 2
    assert all(gateway.duties(one)[0].overdue_at for one in sent)


def test_a_first_page_counts_what_waits_unless_an_interest_hides_some(gateway):
    urgent(gateway)
    accepted(gateway)
    gateway.clock.advance(TERM)

    def waiting():
        page = views.page(gateway.ports, caller(OFMIN), box="in", after=None, limit=1)
        return to_json(page.waiting)

    nothing = dict.fromkeys(("imminent_danger", "priority", "normal"), 0)
    assert waiting() == {**nothing, "urgent": 1, "overdue": 1}
    gateway.interest(OFMIN, "host.example")
    assert waiting() is None
