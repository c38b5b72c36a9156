"""A mandate is to move: planned, approved by both offices, previewed and reported."""

from dataclasses import replace
from datetime import timedelta
from uuid import UUID

import pytest

from gateway.domain.decision import PolicyDecision
from gateway.domain.refusals import NotFound, ValidationFailed, WrongState
from gateway.exchange.handoffs import package_consultation
from gateway.exchange.lifecycle import successions
from gateway.exchange.lifecycle.successions import SuccessionApprovalRequest
from gateway.kernel.actors import GATEWAY
from gateway.kernel.changes import Change
from gateway.kernel.ports import TransactionMode
from gateway.kernel.results import to_json
from gateway.kernel.transact import RecordedRefusal
from gateway.kernel.values import HOST
from gateway.registry.directory import look_up_mandate
from tests import answers
from tests.casework import OPENING, accepted, offered
from tests.each import each
from tests.exchange.lifecycle.test_erasure import streamed
from tests.exchange.moving_mandates import (
    DAY,
    KEY,
    LATER,
    PLAN,
    agreed,
    approve,
    carry_out,
    following,
    planned,
)
from tests.founded_gateway import ABROAD, HOTLINE, OCRVP, OFMIN, Founded, caller, fields_of, shown
from tests.ports import document_key

APPROVAL = SuccessionApprovalRequest("officer-1")


def plan_refused(gateway: Founded, kind: type, **changes: object) -> str:
    """Why a plan was refused, which changed nothing."""
    change = Change("succession.plan", OFMIN, {**PLAN, **changes})
    before = gateway.organisation(OFMIN), gateway.organisation(OCRVP)
    found = gateway.unmade(kind, change)
    assert (gateway.organisation(OFMIN), gateway.organisation(OCRVP)) == before
    return found.detail


# --- the plan


def test_a_plan_ends_the_mandate_here_and_gives_it_there_in_one_event(gateway):
    before = gateway.size()
    succession = planned(gateway)
    assert gateway.size() == before + 1
    for day, holder, other in ((DAY - timedelta(days=1), OFMIN, OCRVP), (DAY, OCRVP, OFMIN)):
        assert gateway.organisation(holder).competences_on(day) == {KEY}
        assert gateway.organisation(other).competences_on(day) == frozenset()
    for office in (OFMIN, OCRVP, GATEWAY):
        assert gateway.types(office)[-1] == "succession.planned"
    told = to_json(successions.look_up(gateway.ports, caller(OCRVP), succession))
    assert told["waits_for"] == [OFMIN, OCRVP]
    assert told["mandate_event"] == str(succession)
    (competence,) = [c for c in gateway.organisation(OCRVP).mandates if c.period.holds(DAY)]
    assert (competence.legal_act, competence.registration_event) == ("Decree 2026-1", succession)
    plan_refused(gateway, WrongState)  # a mandate is planned to move once


@each(
    "changes, kind",
    [
        ({"successor": OFMIN}, ValidationFailed),
        ({"successor": "nobody"}, NotFound),
        ({"competence": "receive/grooming/FR"}, WrongState),
        ({"competence": "investigate/csam/FR"}, WrongState),
        ({"competence": "csam/FR"}, ValidationFailed),
        ({"read_until": "2026-03-31"}, ValidationFailed),
        ({"effective_on": "2023-08-31", "read_until": "2026-05-01"}, WrongState),
        ({"legal_act": "x" * 201}, ValidationFailed),
    ],
)
def test_a_plan_that_cannot_be_carried_out_changes_nothing(gateway, changes, kind):
    plan_refused(gateway, kind, **changes)


def test_no_successor_is_suspended_or_holds_the_mandate_from_a_later_day_on(gateway):
    gateway.administer("organisation.suspend", OCRVP, reason="under review")
    plan_refused(gateway, WrongState)
    gateway.administer("organisation.reinstate", OCRVP, reason="cleared")
    gateway.mandate(OCRVP, KEY, start="2026-06-01")
    assert "from a later day on" in plan_refused(gateway, WrongState)


def test_what_was_ended_and_given_by_hand_for_that_day_stands(gateway):
    gateway.administer("mandate.end", OFMIN, competence=KEY, until="2026-04-01")
    given = gateway.mandate(OCRVP, KEY, "2026-04-01", "Decree 2026-1").result["event"]
    succession = planned(gateway)
    told = to_json(successions.look_up(gateway.ports, caller(OFMIN), succession))
    assert told["mandate_event"] == given
    plan = look_up_mandate(gateway.ports, caller(HOTLINE), OCRVP, succession).receipt
    assert fields_of(plan)["type"] == "succession.planned"
    assert len(shown(plan)["approvals"]) == 2


def test_a_third_office_that_holds_it_too_is_warned_of(gateway):
    gateway.mandate(ABROAD, KEY, "2026-06-01", "in error")
    written = gateway.administer("succession.plan", OFMIN, **PLAN)
    assert written.result["overlaps"] == [ABROAD]


# --- approvals


def test_each_office_approves_its_part_and_both_learn_of_it_but_not_who_it_was(gateway):
    succession = planned(gateway)
    assert approve(gateway, succession, OCRVP).result["waits_for"] == [OFMIN]
    written = approve(gateway, succession, OFMIN, "officer-2")
    assert written.result["waits_for"] == []
    for office in (OFMIN, OCRVP, GATEWAY):
        assert gateway.types(office)[-2:] == ["succession.approved"] * 2
    assert dict(gateway.confirm(written.receipt).opened.shown)["by"] == "officer-2"
    with gateway.ports.begin(TransactionMode.READ) as work:
        logged = work.log.logged(UUID(gateway.confirm(written.receipt).event["id"]))
    readers = {d.kind: d.readers for d in logged.event.disclosures}
    assert readers["by"] == {OFMIN}
    assert readers["subject"] == {OFMIN, OCRVP, GATEWAY}


def test_an_office_approves_once_and_a_retry_is_the_same(gateway):
    succession = planned(gateway)
    first = approve(gateway, succession, OFMIN, key="key-of-it")
    approve(gateway, succession, OCRVP)
    again = approve(gateway, succession, OFMIN, key="key-of-it")
    assert first.receipt.document == again.receipt.document
    assert first.result == again.result
    assert again.result["waits_for"] == [OCRVP]
    gateway.refused(WrongState, OFMIN, successions.approve, succession, APPROVAL)


@pytest.mark.parametrize("slug", [HOTLINE, ABROAD])
def test_nobody_else_learns_that_there_is_a_succession(gateway, slug):
    succession = planned(gateway)
    gateway.refused(NotFound, slug, successions.approve, succession, APPROVAL)
    for one in (succession, gateway.new_id()):
        found = gateway.refusal(successions.look_up, caller(slug), one)
        assert isinstance(found.refusal, NotFound)
    assert to_json(successions.index(gateway.ports, caller(slug))) == []
    assert len(successions.index(gateway.ports, caller(OFMIN))) == 1


class _Keeping:
    """The product's policies, and one resource that they keep back."""

    def __init__(self, policy, kept_back):
        self._policy, self._kept_back = policy, kept_back

    def decide(self, question):
        if question.resource.id == self._kept_back:
            return PolicyDecision(False, ("R2.own",), (), "nobody")
        return self._policy.decide(question)


def test_a_succession_that_policy_keeps_back_keeps_no_other_from_its_office(gateway):
    kept_back = planned(gateway)
    gateway.administer("succession.cancel", OFMIN, succession=str(kept_back), reason="a mistake")
    other = planned(gateway)
    assert len(successions.index(gateway.ports, caller(OFMIN))) == 2
    ports = replace(gateway.ports, policy=_Keeping(gateway.ports.policy, str(kept_back)))
    (shown,) = to_json(successions.index(ports, caller(OFMIN)))
    assert shown["succession"] == str(other)


def test_an_office_that_is_locked_to_its_signature_does_not_approve_without(gateway):
    key = document_key("office")
    gateway.register_key(OFMIN, key)
    word = gateway.word(OFMIN, "lock", key, key)
    gateway.administer("organisation.require_signed", OFMIN, declaration=word)
    succession = planned(gateway)
    gateway.denied("R2.signed_only", OFMIN, successions.approve, succession, APPROVAL)


# --- what it would do, does and did


def test_a_preview_tells_what_will_be_and_changes_nothing(gateway):
    held, waiting = accepted(gateway), UUID(offered(gateway).result["handoff"])
    thought = {
        "successor": OCRVP,
        "competence": KEY,
        "effective_on": DAY.isoformat(),
        "read_until": LATER.isoformat(),
    }
    before = gateway.size()
    unplanned = gateway.administer("succession.preview", OFMIN, **thought).result
    assert gateway.organisation(OCRVP).competences_on(DAY) == frozenset()
    assert gateway.size() == before + 1, "that somebody looked is recorded"
    assert streamed(gateway, OFMIN, "succession.previewed")
    for wrong, why in {"nobody": NotFound, OFMIN: ValidationFailed}.items():
        with pytest.raises((why, RecordedRefusal)) as refused:
            gateway.administer("succession.preview", OFMIN, **{**thought, "successor": wrong})
        assert isinstance(getattr(refused.value, "refusal", refused.value), why)
    before = gateway.size()
    succession = planned(gateway)
    report = successions.report(gateway.ports, HOST, succession)
    assert gateway.size() == before + 1
    for seen in (unplanned, report):
        by_handoff = {
            one["handoff"]: (one["way"], one["predecessor_reads_until"]) for one in seen["open"]
        }
        expected = {str(held): ("reissue", "2026-05-01"), str(waiting): ("reissue", None)}
        assert by_handoff == expected
    assert report["moved"] == []


def test_the_report_tells_what_moved_what_stayed_and_who_reads_until_when(gateway):
    held, waiting = accepted(gateway), UUID(offered(gateway).result["handoff"])
    closed = accepted(gateway)
    gateway.answer(OFMIN, answers.close, closed, "done")
    succession = agreed(gateway, permissions=True)
    gateway.day = DAY
    assert carry_out(gateway, succession).done
    report = successions.report(gateway.ports, HOST, succession)
    moved = {one["handoff"]: one for one in report["moved"]}
    assert moved.keys() == {str(held), str(waiting)}
    assert moved[str(held)]["became"] == str(following(gateway, held))
    assert moved[str(held)]["predecessor_reads_until"] == "2026-05-01"
    assert moved[str(waiting)]["state"] == "offered"
    assert report["ended_before"] == {"closed": 1}
    assert (report["open"], report["permissions_carry_over"]) == ([], True)
    assert report["applied"] is not None
    gateway.denied("R3.mandate", OFMIN, package_consultation.consult, closed, OPENING)
