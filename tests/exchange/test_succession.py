"""A mandate moves: planned, approved by both offices, carried out handoff by handoff."""

from dataclasses import replace
from datetime import date, timedelta
from typing import Any
from uuid import UUID

import pytest

from gateway.cedar.policy import SIGNED, CedarPolicy, policy_folder
from gateway.domain.decision import PolicyDecision
from gateway.domain.duty import STATUTORY, DutyKind
from gateway.domain.handoff import HandoffState
from gateway.domain.organisation import SCOPES, Organisation
from gateway.domain.refusals import CaseKeysUnavailable, NotFound, ValidationFailed, WrongState
from gateway.evidence import handoff_documents, sd_jwt
from gateway.exchange import handoffs, succession_execution, successions, updates
from gateway.exchange.succession_execution import Progress
from gateway.exchange.successions import SuccessionApprovalRequest
from gateway.exchange.updates import UpdateRequest
from gateway.kernel.actors import GATEWAY
from gateway.kernel.changes import Change
from gateway.kernel.ports import TransactionMode
from gateway.kernel.results import to_json
from gateway.store.cases import SqlCases
from gateway.store.registry_proof import RegistryComparison
from tests import answers
from tests.each import each
from tests.exchange.test_addressing import CONTACT, requested
from tests.exchange.test_sealed_cases import KEY as SEALING_KEY
from tests.exchange.test_sealed_cases import PERSON, taken
from tests.founding import (
    ABROAD,
    DESK,
    HOTLINE,
    OCRVP,
    OFMIN,
    OPENING,
    Founded,
    accepted,
    acknowledged,
    caller,
    case_content,
    conditions_of,
    document_key,
    element_id,
    make_change,
    offered,
    refused_on_record,
    registry_compared,
    revised,
    submitted,
    updated,
)

DAY, LATER = date(2026, 4, 1), date(2026, 5, 1)
KEY = "receive/csam/FR"
PLAN: dict[str, Any] = {
    "successor": OCRVP,
    "competence": KEY,
    "effective_on": "2026-04-01",
    "read_until": "2026-05-01",
    "legal_act": "Decree 2026-1",
    "permissions": False,
}


def planned(gateway: Founded, **changes: Any) -> UUID:
    """OFMIN's mandate is to move to OCRVP."""
    written = gateway.administer("succession.plan", OFMIN, **{**PLAN, **changes})
    return UUID(written.result["succession"])


def approve(gateway: Founded, succession: UUID, office: str, by: str = "officer-9") -> Any:
    return gateway.do(
        successions.approve,
        caller(office),
        gateway.key(),
        succession,
        SuccessionApprovalRequest(by),
    )


def agreed(gateway: Founded, **changes: Any) -> UUID:
    succession = planned(gateway, **changes)
    for office in (OFMIN, changes.get("successor", OCRVP)):
        approve(gateway, succession, office)
    return succession


def view(gateway: Founded, slug: str, handoff: UUID | str) -> dict[str, Any]:
    return to_json(handoffs.look_up(gateway.ports, caller(slug), UUID(str(handoff))))


def following(gateway: Founded, handoff: UUID) -> UUID:
    return UUID(view(gateway, HOTLINE, handoff)["reissued_as"]["handoff"])


# --- the plan


def test_a_plan_ends_the_mandate_here_and_gives_it_there_in_one_event(gateway):
    before = gateway.size()
    succession = planned(gateway)
    assert gateway.size() == before + 1
    held = {
        s: gateway.organisation(s).competences_on(DAY - timedelta(days=1)) for s in (OFMIN, OCRVP)
    }
    assert held == {OFMIN: {KEY}, OCRVP: frozenset()}
    held = {s: gateway.organisation(s).competences_on(DAY) for s in (OFMIN, OCRVP)}
    assert held == {OFMIN: frozenset(), OCRVP: {KEY}}
    for office in (OFMIN, OCRVP, GATEWAY):
        assert gateway.types(office)[-1] == "succession.planned"
    told = to_json(successions.look_up(gateway.ports, caller(OCRVP), succession))
    assert told["waits_for"] == [OFMIN, OCRVP]
    assert told["mandate_event"] == str(succession)
    (competence,) = [c for c in gateway.organisation(OCRVP).mandates if c.period.holds(DAY)]
    assert (competence.legal_act, competence.registration_event) == ("Decree 2026-1", succession)


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
        ({"effective_on": "soon"}, ValidationFailed),
        ({"permissions": "no"}, ValidationFailed),
        ({"legal_act": "x" * 201}, ValidationFailed),
        ({"legal_act": " "}, ValidationFailed),
    ],
)
def test_a_plan_that_cannot_be_carried_out_changes_nothing(gateway, changes, kind):
    change = Change("succession.plan", OFMIN, {**PLAN, **changes})
    before = gateway.organisation(OFMIN), gateway.organisation(OCRVP)
    refused_on_record(gateway, kind, make_change, change, gateway.approve(change))
    assert (gateway.organisation(OFMIN), gateway.organisation(OCRVP)) == before


def test_a_mandate_is_planned_to_move_once(gateway):
    planned(gateway)
    change = Change("succession.plan", OFMIN, PLAN)
    refused_on_record(gateway, WrongState, make_change, change, gateway.approve(change))


def test_who_holds_the_mandate_from_a_later_day_on_takes_on_no_other_before(gateway):
    own = {"function": "receive", "matter": "csam", "territory": "FR", "legal_act": "act"}
    gateway.administer("mandate.grant", OCRVP, **own, start="2026-06-01")
    change = Change("succession.plan", OFMIN, PLAN)
    refused = gateway.refusal(make_change, change, gateway.approve(change))
    assert isinstance(refused.refusal, WrongState)
    assert "from a later day on" in refused.refusal.detail


def test_a_suspended_office_is_no_successor(gateway):
    gateway.administer("organisation.suspend", OCRVP, reason="under review")
    change = Change("succession.plan", OFMIN, PLAN)
    refused_on_record(gateway, WrongState, make_change, change, gateway.approve(change))


def test_what_was_ended_and_given_by_hand_for_that_day_stands(gateway):
    gateway.administer("mandate.end", OFMIN, competence=KEY, until="2026-04-01")
    given = gateway.administer(
        "mandate.grant",
        OCRVP,
        function="receive",
        matter="csam",
        territory="FR",
        legal_act="Decree 2026-1",
        start="2026-04-01",
    ).result["event"]
    succession = planned(gateway)
    told = to_json(successions.look_up(gateway.ports, caller(OFMIN), succession))
    assert told["mandate_event"] == given


def test_a_third_office_that_holds_it_too_is_warned_of(gateway):
    gateway.administer(
        "mandate.grant",
        ABROAD,
        function="receive",
        matter="csam",
        territory="FR",
        legal_act="in error",
        start="2026-06-01",
    )
    written = gateway.administer("succession.plan", OFMIN, **PLAN)
    assert written.result["overlaps"] == [ABROAD]


# --- approvals


def test_each_office_approves_its_part_and_both_learn_of_it(gateway):
    succession = planned(gateway)
    assert approve(gateway, succession, OCRVP).result["waits_for"] == [OFMIN]
    assert approve(gateway, succession, OFMIN, "officer-2").result["waits_for"] == []
    for office in (OFMIN, OCRVP, GATEWAY):
        assert gateway.types(office)[-2:] == ["succession.approved"] * 2


def test_who_approved_is_known_to_its_own_office_alone(gateway):
    succession = planned(gateway)
    written = approve(gateway, succession, OFMIN, "officer-2")
    shown = dict(gateway.confirm(written.receipt).opened.shown)
    assert shown["by"] == "officer-2"
    with gateway.ports.begin(TransactionMode.READ) as work:
        logged = work.log.logged(UUID(gateway.confirm(written.receipt).event["id"]))
    readers = {d.kind: d.readers for d in logged.event.disclosures}
    assert readers["by"] == {OFMIN}
    assert readers["subject"] == {OFMIN, OCRVP, GATEWAY}


def test_an_office_approves_once_and_a_retry_is_the_same(gateway):
    succession = planned(gateway)
    arguments = (
        successions.approve,
        caller(OFMIN),
        "key-of-it",
        succession,
        SuccessionApprovalRequest("officer-1"),
    )
    first = gateway.do(*arguments)
    approve(gateway, succession, OCRVP)
    again = gateway.do(*arguments)
    assert first.receipt.document == again.receipt.document
    assert first.result == again.result
    assert again.result["waits_for"] == [OCRVP]
    refused = gateway.refusal(
        successions.approve,
        caller(OFMIN),
        gateway.key(),
        succession,
        SuccessionApprovalRequest("officer-1"),
    )
    assert isinstance(refused.refusal, WrongState)


@pytest.mark.parametrize("slug", [HOTLINE, ABROAD])
def test_nobody_else_learns_that_there_is_a_succession(gateway, slug):
    succession = planned(gateway)
    for action in (
        lambda ports: successions.look_up(ports, caller(slug), succession),
        lambda ports: successions.approve(
            ports, caller(slug), gateway.key(), succession, SuccessionApprovalRequest("x-1")
        ),
        lambda ports: successions.look_up(ports, caller(slug), gateway.new_id()),
    ):
        action.__name__ = "it"
        assert isinstance(gateway.refusal(action).refusal, NotFound)
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
    refused = gateway.refusal(
        successions.approve,
        caller(OFMIN),
        gateway.key(),
        succession,
        SuccessionApprovalRequest("officer-1"),
    )
    assert refused.refusal.rules == ("R2.signed_only",)


# --- before anything moves


def test_nothing_moves_before_the_day_and_before_both_approved(gateway):
    handoff = accepted(gateway)
    succession = planned(gateway)
    approve(gateway, succession, OFMIN)
    gateway.day = DAY
    assert succession_execution.apply(gateway.ports, succession) == Progress(0, 0, done=False)
    gateway.day = DAY - timedelta(days=1)
    approve(gateway, succession, OCRVP)
    assert succession_execution.due_successions(gateway.ports) == ()
    before = gateway.size()
    assert succession_execution.apply(gateway.ports, succession) == Progress(0, 0, done=False)
    assert gateway.size() == before
    assert gateway.handoff(handoff).state == "accepted"


# --- the day


def test_an_open_handoff_is_re_issued_with_the_same_frozen_offer(gateway):
    handoff = accepted(gateway)
    old = gateway.handoff(handoff)
    succession = agreed(gateway)
    gateway.day = DAY
    assert succession_execution.apply(gateway.ports, succession) == Progress(1, 0, done=True)
    ended, new = gateway.handoff(handoff), gateway.handoff(following(gateway, handoff))
    assert (ended.state, ended.permitted_disclosures) == ("reissued", old.permitted_disclosures)
    for name in (
        "originator",
        "case",
        "case_version",
        "case_digest",
        "purpose",
        "permitted_disclosures",
        "package_digest",
        "expires_at",
    ):
        assert getattr(new, name) == getattr(old, name), name
    assert (new.state, new.recipient, new.accepted_groups) == ("offered", OCRVP, None)
    assert (new.address.competence, new.address.mandate_event) == (KEY, succession)
    assert old.due_at is None
    assert new.due_at > new.offered_at


def test_a_reissue_in_imminent_danger_asks_for_a_call_and_for_no_second_clearance(gateway):
    danger = {"urgency": "imminent_danger", "urgency_reason": "child_located"}
    case = submitted(gateway, clearance=None, **danger)
    handoff = UUID(offered(gateway, case).result["handoff"])
    succession = agreed(gateway)
    gateway.day = DAY
    assert succession_execution.apply(gateway.ports, succession) == Progress(1, 0, done=True)
    again = following(gateway, handoff)
    with gateway.ports.begin(TransactionMode.READ) as work:
        owed = {one: work.duties.of(one, open_only=True) for one in (handoff, again)}
    assert {one.kind for one in owed[handoff]} == {DutyKind.CLEARANCE}
    assert {one.kind for one in owed[again]} == {DutyKind.ANSWER, DutyKind.CALL}
    assert gateway.handoff(again).break_glass, "nobody has cleared the case yet"


def test_the_event_of_a_new_offer_lists_its_purposes_as_that_of_any_offer(gateway):
    handoff = accepted(gateway)
    succession = agreed(gateway)
    gateway.day = DAY
    succession_execution.apply(gateway.ports, succession)
    new = following(gateway, handoff)
    offer = view(gateway, OCRVP, new)["answers"][0]
    with gateway.ports.begin(TransactionMode.READ) as work:
        logged = work.log.logged(UUID(str(offer["event"])))
    told = [one.value for one in logged.event.disclosures if one.kind == "purpose"]
    assert told == [list(gateway.handoff(new).purpose)]


def test_the_new_offer_is_attested_for_its_originator_and_names_what_it_follows(gateway):
    handoff = accepted(gateway)
    succession = agreed(gateway)
    gateway.day = DAY
    succession_execution.apply(gateway.ports, succession)
    new = view(gateway, OCRVP, following(gateway, handoff))
    verified = sd_jwt.verify(
        new["answers"][0]["document"],
        typ=handoff_documents.OFFER_TYP,
        keys=gateway.attestation_keys(),
    )
    offer = handoff_documents.read_offer(verified)
    assert offer.author == HOTLINE
    assert offer.reissue_of == handoff_documents.ReissueReference(
        predecessor=OFMIN,
        handoff=handoff,
        offer=gateway.handoff(handoff).offer_digest,
        event=succession,
    )
    assert new["reissue_of"]["handoff"] == str(handoff)
    assert sd_jwt.parse(new["reissue_of"]["offer"]).digest == offer.reissue_of.offer
    assert sd_jwt.parse(new["reissue_of"]["offer"]).disclosures == ()


def test_events_go_to_the_gateway_the_originator_and_the_office_concerned(gateway):
    handoff = accepted(gateway)
    succession = agreed(gateway)
    gateway.day = DAY
    succession_execution.apply(gateway.ports, succession)
    assert gateway.types(HOTLINE)[-2:] == ["handoff.reissued", "handoff.offered"]
    assert gateway.types(OFMIN)[-2:] == ["handoff.reissued", "succession.applied"]
    assert gateway.types(OCRVP)[-2:] == ["handoff.offered", "succession.applied"]
    assert gateway.types(GATEWAY)[-3:] == [
        "handoff.reissued",
        "handoff.offered",
        "succession.applied",
    ]
    assert gateway.types(ABROAD)[-1] != "handoff.reissued"
    assert view(gateway, OFMIN, handoff)["reissued_as"]["handoff"] is None


def test_the_successor_accepts_the_conditions_anew_and_then_reads(gateway):
    handoff = accepted(gateway)
    succession = agreed(gateway)
    gateway.day = DAY
    succession_execution.apply(gateway.ports, succession)
    new = following(gateway, handoff)
    refused = gateway.refusal(handoffs.consult, caller(OCRVP), gateway.key(), new, OPENING)
    assert isinstance(refused.refusal, WrongState)
    said = answers.said("officer-7", conditions=conditions_of(gateway, new, OCRVP))
    gateway.do(answers.accept, caller(OCRVP), gateway.key(), new, said)
    opened = gateway.do(handoffs.consult, caller(OCRVP), gateway.key(), new, OPENING)
    shown = {p.digest for p in sd_jwt.read_unverified(opened.result["presentation"]).placed}
    assert shown <= gateway.handoff(handoff).permitted_disclosures


def test_the_predecessor_reads_its_open_cases_until_the_day_and_then_not(gateway):
    handoff = accepted(gateway)
    succession = agreed(gateway)

    def consult():
        return gateway.do(handoffs.consult, caller(OFMIN), gateway.key(), handoff, OPENING)

    gateway.day = DAY  # the mandate has moved, the handoff not yet
    assert consult().result["presentation"]
    succession_execution.apply(gateway.ports, succession)
    assert consult().result["presentation"]
    gateway.day = LATER - timedelta(days=1)
    assert consult().result["presentation"]
    gateway.day = LATER
    refused = gateway.refusal(handoffs.consult, caller(OFMIN), gateway.key(), handoff, OPENING)
    assert isinstance(refused.refusal, WrongState)


def test_without_an_approval_the_predecessor_reads_no_longer_than_planned(gateway):
    handoff = accepted(gateway)
    planned(gateway)
    gateway.day = DAY
    assert gateway.do(handoffs.consult, caller(OFMIN), gateway.key(), handoff, OPENING)
    gateway.day = LATER
    refused = gateway.refusal(handoffs.consult, caller(OFMIN), gateway.key(), handoff, OPENING)
    assert refused.refusal.rules == ("R3.mandate",)


def test_the_predecessor_reads_nothing_that_it_had_not_accepted(gateway):
    handoff = UUID(offered(gateway).result["handoff"])
    succession = agreed(gateway)
    gateway.day = DAY
    succession_execution.apply(gateway.ports, succession)
    assert gateway.handoff(handoff).state == "reissued"
    refused = gateway.refusal(handoffs.consult, caller(OFMIN), gateway.key(), handoff, OPENING)
    assert isinstance(refused.refusal, WrongState)


def test_the_predecessor_accepts_nothing_from_the_day_on(gateway):
    handoff = UUID(offered(gateway).result["handoff"])
    planned(gateway)
    said = answers.said("officer-1", conditions=conditions_of(gateway, handoff, OFMIN))
    gateway.day = DAY
    refused = gateway.refusal(answers.accept, caller(OFMIN), gateway.key(), handoff, said)
    assert refused.refusal.rules == ("R3.mandate",)


def test_new_offers_go_to_the_successor_from_the_day_on(gateway):
    planned(gateway)
    assert offered(gateway).result["to"]["organisation"] == OFMIN
    gateway.day = DAY
    assert offered(gateway).result["to"]["organisation"] == OCRVP


def test_applying_again_moves_nothing(gateway):
    accepted(gateway)
    succession = agreed(gateway)
    gateway.day = DAY
    assert succession_execution.apply(gateway.ports, succession) == Progress(1, 0, done=True)
    before = gateway.size()
    for _ in range(2):
        assert succession_execution.apply(gateway.ports, succession) == Progress(0, 0, done=True)
    assert gateway.size() == before
    assert succession_execution.due_successions(gateway.ports) == ()


def test_the_handoff_of_an_erased_case_has_lapsed_and_holds_up_no_other(gateway):
    gone, kept = accepted(gateway), accepted(gateway)
    with gateway.ports.begin(TransactionMode.READ) as work:
        case = work.handoffs.get(gone).case
        gateway.ports.keys.lost.add(work.cases.key_of(HOTLINE, case))
    change = Change("case.erase", HOTLINE, {"case": str(case), "reason": "its key is lost"})
    gateway.do(make_change, change, gateway.approve(change))
    succession = agreed(gateway)
    gateway.day = DAY
    assert succession_execution.apply(gateway.ports, succession) == Progress(1, 0, done=True)
    assert following(gateway, kept)
    assert gateway.handoff(gone).state is HandoffState.LAPSED


def test_a_handoff_whose_case_cannot_be_read_waits_and_holds_up_no_other(gateway, monkeypatch):
    lost, kept = accepted(gateway), accepted(gateway)
    unreadable, case = gateway.handoff(lost).case_digest, gateway.handoff(lost).case
    version = SqlCases.version

    def read(self, digest):
        if digest == unreadable:
            raise CaseKeysUnavailable("the key of this case is missing")
        return version(self, digest)

    monkeypatch.setattr(SqlCases, "version", read)
    succession = agreed(gateway)
    gateway.day = DAY
    with pytest.raises(CaseKeysUnavailable):
        succession_execution.apply(
            gateway.ports, succession
        )  # its key is there: so none can be had now
    with pytest.raises(CaseKeysUnavailable):
        successions.report(gateway.ports, succession)
    with gateway.ports.begin(TransactionMode.READ) as work:
        gateway.ports.keys.lost.add(work.cases.key_of(HOTLINE, case))
    assert succession_execution.apply(gateway.ports, succession) == Progress(1, 1, done=False)
    assert following(gateway, kept)
    (left,) = successions.report(gateway.ports, succession)["open"]
    assert (left["handoff"], left["way"]) == (str(lost), "wait")
    assert "key of its case is missing" in left["why"]
    change = Change("case.erase", HOTLINE, {"case": str(case), "reason": "its key is lost"})
    gateway.do(make_change, change, gateway.approve(change))
    monkeypatch.undo()
    assert succession_execution.apply(gateway.ports, succession) == Progress(0, 0, done=True)


def test_a_batch_is_bounded_and_the_next_call_goes_on(gateway):
    made = [accepted(gateway) for _ in range(3)]
    succession = agreed(gateway)
    gateway.day = DAY
    assert succession_execution.apply(gateway.ports, succession, limit=2) == Progress(
        2, 0, done=False
    )
    assert succession_execution.apply(gateway.ports, succession, limit=2) == Progress(
        1, 0, done=True
    )
    assert len({following(gateway, handoff) for handoff in made}) == 3


def test_what_its_recipient_ends_meanwhile_is_left_alone(gateway, monkeypatch):
    handoff = accepted(gateway)
    succession = agreed(gateway)
    gateway.day = DAY
    ending = succession_execution._ending

    def closed_meanwhile(*arguments):
        said = answers.said("officer-1", "done")
        gateway.do(answers.close, caller(OFMIN), gateway.key(), handoff, said)
        return ending(*arguments)

    monkeypatch.setattr(succession_execution, "_ending", closed_meanwhile)
    assert succession_execution.apply(gateway.ports, succession).moved == 0
    assert gateway.handoff(handoff).state == "closed"
    assert succession_execution.apply(gateway.ports, succession).done


def test_nothing_more_is_done_with_what_succeeded(gateway):
    handoff = accepted(gateway)
    succession = agreed(gateway)
    gateway.day = DAY
    succession_execution.apply(gateway.ports, succession)
    for who, action, said in (
        (OFMIN, answers.close, answers.said("officer-1", "done")),
        (OFMIN, answers.outcome, answers.said("officer-1", code="received")),
        (HOTLINE, answers.withdraw, answers.said("liaison-1", "late")),
    ):
        refused = gateway.refusal(action, caller(who), gateway.key(), handoff, said)
        assert isinstance(refused.refusal, WrongState)


def test_a_correction_goes_to_the_successor_as_a_package_and_to_the_predecessor_as_a_notice(
    gateway,
):
    case = submitted(gateway)
    handoff = accepted(gateway, offered(gateway, case))
    succession = agreed(gateway)
    gateway.day = DAY
    succession_execution.apply(gateway.ports, succession)
    revised(gateway, case, urgency="normal")
    said = answers.said("liaison-1", code="inaccurate", pointers=["/urgency"])
    new = following(gateway, handoff)
    updated(gateway, new)
    gateway.refusal(answers.notify_correction, caller(HOTLINE), gateway.key(), new, said)
    gateway.refusal(
        updates.update, caller(HOTLINE), gateway.key(), handoff, UpdateRequest("liaison-1")
    )
    gateway.do(answers.notify_correction, caller(HOTLINE), gateway.key(), handoff, said)
    acknowledged(gateway, handoff)


# --- what is not re-issued


def lost(gateway: Founded, handoff: UUID, **changes: Any) -> dict[str, Any]:
    """How its originator sees a handoff that ended without a following one."""
    succession = agreed(gateway, **changes)
    gateway.day = DAY
    assert succession_execution.apply(gateway.ports, succession).done
    told = view(gateway, HOTLINE, handoff)
    assert told["reissued_as"] == {"succession": str(succession), "handoff": None}
    assert gateway.types(HOTLINE)[-1] == "handoff.reissued"
    return told


def test_what_a_release_list_keeps_from_the_successor_is_asked_anew(gateway):
    case = submitted(gateway, marking={"release_to": [OFMIN]})
    handoff = accepted(gateway, offered(gateway, case))
    told = lost(gateway, handoff)
    assert told["state"] == "reissued"
    said = sd_jwt.read_unverified(told["answers"][-1]["document"]).content
    assert "policy does not let it be offered" in said["reason"]
    assert gateway.do(handoffs.consult, caller(OFMIN), gateway.key(), handoff, OPENING)


def test_what_a_later_version_keeps_from_the_successor_is_asked_anew(gateway):
    case = submitted(gateway)
    handoff = accepted(gateway, offered(gateway, case))
    revised(gateway, case, marking={"release_to": [OFMIN]})
    told = lost(gateway, handoff)
    said = sd_jwt.read_unverified(told["answers"][-1]["document"]).content
    assert "policy does not let it be offered" in said["reason"]


def test_what_a_later_version_lets_go_further_is_still_kept_by_the_one_that_was_offered(gateway):
    case = submitted(gateway, marking={"release_to": [OFMIN]})
    handoff = accepted(gateway, offered(gateway, case))
    revised(gateway, case)
    lost(gateway, handoff)


def test_a_purpose_that_a_later_version_takes_back_is_asked_anew(gateway):
    case = submitted(gateway)
    handoff = accepted(gateway, offered(gateway, case))
    revised(gateway, case, marking={"purpose": ["remove"]})
    lost(gateway, handoff)


def test_a_provider_that_only_a_later_version_names_can_meet_an_interest(gateway):
    case = submitted(gateway)
    interest = {"scope": "provider", "subject": "example.net", "kind": "funder"}
    gateway.administer("interest.declare", ABROAD, **interest, start="2020-01-01")
    handoff = accepted(gateway, offered(gateway, case))
    there = {"id": element_id("host"), "kind": "host", "value": "content.example.net"}
    url = {**case_content(gateway.new_id())["items"][0], "value": "https://content.example.net/"}
    revised(gateway, case, items=[url, there])
    lost(gateway, handoff, successor=ABROAD)


def test_what_a_later_version_leaves_open_is_re_issued_as_it_was_offered(gateway):
    case = submitted(gateway)
    handoff = accepted(gateway, offered(gateway, case))
    revised(gateway, case)
    succession = agreed(gateway)
    gateway.day = DAY
    assert succession_execution.apply(gateway.ports, succession) == Progress(1, 0, done=True)
    new = gateway.handoff(following(gateway, handoff))
    assert new.case_digest == gateway.handoff(handoff).case_digest == case.result["digest"]


def test_what_would_reach_the_successor_by_another_transfer_tool_is_asked_anew(
    gateway, monkeypatch
):
    handoff = UUID(offered(gateway).result["handoff"])
    monkeypatch.setattr(Organisation, "transfer_tool_on", lambda *_: "Art. 46(2)(a)")
    lost(gateway, handoff)


def test_what_an_interest_of_the_successor_meets_is_asked_anew(gateway):
    interest = {"scope": "provider", "subject": "example.org", "kind": "funder"}
    gateway.administer("interest.declare", ABROAD, **interest, start="2020-01-01")
    handoff = UUID(offered(gateway).result["handoff"])
    ending = lost(gateway, handoff, successor=ABROAD)["answers"][-1]
    said = sd_jwt.read_unverified(ending["document"]).content
    assert "make a new offer" in said["reason"]
    assert "interest" not in said["reason"]


def test_an_authority_that_succeeds_gets_what_its_interest_meets(gateway):
    interest = {"scope": "provider", "subject": "example.org", "kind": "funder"}
    gateway.administer("interest.declare", OCRVP, **interest, start="2020-01-01")
    handoff = UUID(offered(gateway).result["handoff"])
    succession = agreed(gateway)
    gateway.day = DAY
    assert succession_execution.apply(gateway.ports, succession).moved == 1
    assert view(gateway, OCRVP, following(gateway, handoff))["interest"] is True


def test_nothing_moves_to_a_successor_before_it_has_a_system(gateway):
    handoff = UUID(offered(gateway).result["handoff"])
    succession = agreed(gateway)
    gateway.administer("system.disable", OCRVP, system=DESK, reason="under repair")
    gateway.day = DAY
    assert succession_execution.apply(gateway.ports, succession) == Progress(0, 1, done=False)
    gateway.administer("system.enable", OCRVP, system=DESK, reason="repaired")
    assert succession_execution.apply(gateway.ports, succession).done
    assert gateway.handoff(following(gateway, handoff)).recipient == OCRVP


def test_a_mandate_of_another_function_moves_with_its_handoffs_and_no_others(gateway):
    """What was offered to the organisation itself stays: it still receives the matter."""
    mandate = {"function": "protect", "matter": "csam", "territory": "BE", "legal_act": "act"}
    gateway.administer("mandate.grant", ABROAD, **mandate, start="2020-01-01")
    own = UUID(offered(gateway, to=ABROAD).result["handoff"])
    moving = UUID(offered(gateway, to="protect/csam/BE").result["handoff"])
    values = {**PLAN, "competence": "protect/csam/BE"}
    succession = UUID(gateway.administer("succession.plan", ABROAD, **values).result["succession"])
    for office in (ABROAD, OCRVP):
        approve(gateway, succession, office)
    gateway.day = DAY
    assert succession_execution.apply(gateway.ports, succession) == Progress(1, 0, done=True)
    assert gateway.handoff(own).state == "offered"
    assert gateway.handoff(following(gateway, moving)).address.competence == "protect/csam/BE"


def test_a_statutory_request_stays_one_with_its_time_under_the_successor(gateway):
    old = UUID(requested(gateway).result["handoff"])
    gateway.administer(
        "organisation.admit",
        "police-next",
        name="Another police office abroad",
        kind="police_office",
        public_authority=True,
        regimes=["led"],
        country="BE",
    )
    gateway.administer("system.register", "police-next", system=DESK, scopes=sorted(SCOPES))
    values = {**PLAN, "successor": "police-next", "competence": CONTACT}
    planned_ = gateway.administer("succession.plan", "police-abroad", **values)
    succession = UUID(planned_.result["succession"])
    for office in ("police-abroad", "police-next"):
        approve(gateway, succession, office)
    gateway.day = DAY
    assert succession_execution.apply(gateway.ports, succession) == Progress(1, 0, done=True)
    again = UUID(view(gateway, OFMIN, old)["reissued_as"]["handoff"])
    stored = gateway.handoff(again)
    assert view(gateway, "police-next", again)["request"] == "directly_accessible"
    assert stored.due_at - stored.offered_at == STATUTORY["directly_accessible"]


def test_for_who_is_bound_by_its_own_signature_nothing_is_re_issued(gateway):
    handoff = accepted(gateway)
    key = document_key("hotline")
    gateway.register_key(HOTLINE, key)
    gateway.administer(
        "organisation.require_signed", HOTLINE, declaration=gateway.word(HOTLINE, "lock", key, key)
    )
    said = sd_jwt.read_unverified(lost(gateway, handoff)["answers"][-1]["document"]).content
    assert "bound by what it signs itself" in said["reason"]


def test_where_signatures_are_demanded_the_gateway_re_issues_nothing(gateway):
    handoff = accepted(gateway)
    succession = agreed(gateway)
    gateway.day = DAY
    strict = replace(gateway.ports, policy=CedarPolicy.load(policy_folder(), SIGNED))
    (row,) = successions.report(strict, succession)["open"]
    assert row["way"] == "new_offer_needed"
    assert succession_execution.apply(strict, succession).done
    assert view(gateway, HOTLINE, handoff)["reissued_as"]["handoff"] is None


def test_an_offer_that_has_ended_is_not_re_issued(gateway):
    until = gateway.clock() + timedelta(days=1)
    handoff = accepted(gateway, offered(gateway, expires_at=until))
    gateway.clock.advance(timedelta(days=2))
    lost(gateway, handoff)


def test_a_successor_gets_no_case_of_its_own_back(gateway):
    gateway.administer(
        "mandate.grant",
        OCRVP,
        function="investigate",
        matter="csam",
        territory="FR",
        legal_act="act",
        start="2020-01-01",
    )
    case = submitted(gateway, originator=OCRVP)
    handoff = accepted(gateway, offered(gateway, case, originator=OCRVP))
    succession = agreed(gateway)
    gateway.day = DAY
    succession_execution.apply(gateway.ports, succession)
    assert gateway.handoff(handoff).state == "reissued"
    with gateway.ports.begin(TransactionMode.READ) as work:
        assert work.successions.moved_from(handoff).became is None


def test_what_was_offered_to_the_office_itself_is_withdrawn_and_asked_anew(gateway):
    """A hotline abroad, a full member, gives a mandate of its own to an office."""
    gateway.administer(
        "mandate.grant",
        ABROAD,
        function="receive",
        matter="csam",
        territory="BE",
        legal_act="act",
        start="2020-01-01",
    )
    own = accepted(gateway, offered(gateway, to=ABROAD), recipient=ABROAD)
    mandate = accepted(gateway, offered(gateway, to="receive/csam/BE"), recipient=ABROAD)
    values = {**PLAN, "competence": "receive/csam/BE"}
    succession = UUID(gateway.administer("succession.plan", ABROAD, **values).result["succession"])
    for office in (ABROAD, OCRVP):
        approve(gateway, succession, office)
    gateway.day = DAY
    assert succession_execution.apply(gateway.ports, succession).moved == 2
    assert gateway.handoff(own).state == "withdrawn"
    assert gateway.handoff(mandate).state == "reissued"
    answer = view(gateway, HOTLINE, own)["answers"][-1]
    assert (answer["kind"], answer["author"]) == ("lapse", ABROAD)
    assert gateway.types(HOTLINE).count("handoff.lapsed") == 1
    refused = gateway.refusal(handoffs.consult, caller(ABROAD), gateway.key(), own, OPENING)
    assert isinstance(refused.refusal, WrongState)
    report = successions.report(gateway.ports, succession)
    by_handoff = {one["handoff"]: one for one in report["moved"]}
    assert by_handoff[str(own)]["became"] is None
    assert by_handoff[str(mandate)]["predecessor_reads_until"] == "2026-05-01"


def test_other_matters_and_other_mandates_of_the_predecessor_stay(gateway):
    gateway.administer(
        "mandate.grant",
        OFMIN,
        function="receive",
        matter="csam",
        territory="BE",
        legal_act="act",
        start="2020-01-01",
    )
    other = accepted(gateway, offered(gateway, to="receive/csam/BE"))
    succession = agreed(gateway)
    gateway.day = DAY
    assert succession_execution.apply(gateway.ports, succession) == Progress(0, 0, done=True)
    assert gateway.handoff(other).state == "accepted"
    report = successions.report(gateway.ports, succession)
    assert [(one["handoff"], one["way"]) for one in report["open"]] == [(str(other), "stay")]
    assert gateway.do(handoffs.consult, caller(OFMIN), gateway.key(), other, OPENING)


def test_no_case_of_another_mandate_is_read_and_none_at_the_end(gateway, monkeypatch):
    grant = {"function": "receive", "matter": "csam", "territory": "BE", "legal_act": "act"}
    gateway.administer("mandate.grant", OFMIN, **grant, start="2020-01-01")
    other = accepted(gateway, offered(gateway, to="receive/csam/BE"))
    handoff = accepted(gateway)
    succession = agreed(gateway)
    gateway.day = DAY
    version, read = SqlCases.version, []

    def noted(cases, digest):
        read.append((cases._transaction.mode, digest))
        return version(cases, digest)

    monkeypatch.setattr(SqlCases, "version", noted)
    assert succession_execution.apply(gateway.ports, succession) == Progress(1, 0, done=True)
    assert {digest for _, digest in read} == {gateway.handoff(handoff).case_digest}
    assert gateway.handoff(other).case_digest != gateway.handoff(handoff).case_digest
    assert [mode for mode, _ in read].count(
        TransactionMode.WRITE
    ) == 1  # the one that moved, held against


def test_what_comes_in_at_the_very_end_is_seen_by_the_next_call(gateway, monkeypatch):
    succession = agreed(gateway)
    handoff = UUID(offered(gateway).result["handoff"])
    gateway.day = DAY
    batch = succession_execution._batch

    def empty(*arguments):
        found = batch(*arguments)
        return replace(found, moving=())

    with monkeypatch.context() as patched:
        patched.setattr(succession_execution, "_batch", empty)
        assert succession_execution.apply(gateway.ports, succession) == Progress(0, 0, done=False)
    assert succession_execution.apply(gateway.ports, succession) == Progress(1, 0, done=True)
    assert gateway.handoff(handoff).state == "reissued"


@pytest.mark.parametrize("slug", [OCRVP, HOTLINE])
def test_while_somebody_concerned_is_suspended_the_handoff_waits(gateway, slug):
    handoff = accepted(gateway)
    succession = agreed(gateway)
    gateway.day = DAY
    gateway.administer("organisation.suspend", slug, reason="under review")
    assert succession_execution.apply(gateway.ports, succession) == Progress(0, 1, done=False)
    gateway.administer("organisation.reinstate", slug, reason="cleared")
    assert succession_execution.apply(gateway.ports, succession).moved == 1
    assert gateway.handoff(handoff).state == "reissued"


def test_what_was_sealed_to_the_predecessor_is_named_to_be_sealed_anew(gateway):
    gateway.register_encryption_key(OFMIN, SEALING_KEY)
    case, element = taken(gateway), PERSON
    handoff = accepted(gateway, offered(gateway, case))
    succession = agreed(gateway)
    (row,) = successions.report(gateway.ports, succession)["open"]
    assert row["to_reseal"] == 1
    gateway.day = DAY
    succession_execution.apply(gateway.ports, succession)
    told = view(gateway, HOTLINE, handoff)
    assert [part["id"] for part in told["to_reseal"]] == [element]
    assert "to_reseal" not in view(gateway, OFMIN, handoff)
    new = accepted_by_successor(gateway, following(gateway, handoff))
    opened = gateway.do(handoffs.consult, caller(OCRVP), gateway.key(), new, OPENING)
    assert element not in str(sd_jwt.read_unverified(opened.result["presentation"]).content)


def accepted_by_successor(gateway: Founded, handoff: UUID) -> UUID:
    said = answers.said("officer-7", conditions=conditions_of(gateway, handoff, OCRVP))
    gateway.do(answers.accept, caller(OCRVP), gateway.key(), handoff, said)
    return handoff


def test_a_mandate_can_move_on_and_the_handoff_with_it(gateway):
    handoff = accepted(gateway)
    succession = agreed(gateway)
    gateway.day = DAY
    assert succession_execution.apply(gateway.ports, succession).done
    new = accepted_by_successor(gateway, following(gateway, handoff))
    values = {**PLAN, "successor": OFMIN, "effective_on": "2026-06-01", "read_until": "2026-06-01"}
    back = UUID(gateway.administer("succession.plan", OCRVP, **values).result["succession"])
    for office in (OFMIN, OCRVP):
        approve(gateway, back, office)
    gateway.day = date(2026, 6, 1)
    assert succession_execution.apply(gateway.ports, back).moved == 1
    third = gateway.handoff(following(gateway, new))
    assert (third.recipient, third.state) == (OFMIN, "offered")
    assert registry_compared(gateway) == RegistryComparison(frozenset(), ())
    again = PLAN | {"effective_on": "2026-07-01", "read_until": "2026-07-01"}
    gateway.administer("succession.plan", OFMIN, **again)
    assert registry_compared(gateway) == RegistryComparison(frozenset(), ()), "the first is over"
    refused = gateway.refusal(handoffs.consult, caller(OCRVP), gateway.key(), new, OPENING)
    assert isinstance(refused.refusal, WrongState)
