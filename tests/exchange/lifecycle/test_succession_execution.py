"""A mandate moves: on its day, handoff by handoff, and what cannot follow is asked anew."""

from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta
from typing import Any
from uuid import UUID

import pytest

from gateway.cedar import policy_folder
from gateway.cedar.policy import SIGNED, CedarPolicy
from gateway.domain.duty import DutyKind
from gateway.domain.handoff import HandoffState
from gateway.domain.measure import MeasureKind
from gateway.domain.organisation import Organisation
from gateway.domain.refusals import CaseKeysUnavailable, WrongState
from gateway.evidence import handoff_documents, sd_jwt
from gateway.exchange.case import measures
from gateway.exchange.case.measures import MeasureRequest
from gateway.exchange.handoffs import package_consultation, updates
from gateway.exchange.handoffs.selection import UpdateRequest
from gateway.exchange.lifecycle import succession_execution, successions
from gateway.exchange.lifecycle.succession_execution import Progress
from gateway.kernel.actors import GATEWAY
from gateway.kernel.changes import Change
from gateway.kernel.ports import TransactionMode
from gateway.kernel.values import HOST
from gateway.store.cases import SqlCases
from gateway.store.registry_proof import RegistryComparison
from tests import answers
from tests.casework import (
    OPENING,
    accepted,
    acknowledged,
    case_content,
    conditions_of,
    element_id,
    offered,
    revised,
    submitted,
    updated,
)
from tests.exchange.case.test_sealed_cases import KEY as SEALING_KEY
from tests.exchange.case.test_sealed_cases import PERSON, taken
from tests.exchange.handoffs.test_addressing import platform
from tests.exchange.moving_mandates import (
    DAY,
    KEY,
    LATER,
    ONE_MOVED,
    accepted_by_successor,
    agreed,
    approve,
    carry_out,
    following,
    moved,
    planned,
)
from tests.exchange.standing.test_barriers import move_abroad
from tests.founded_gateway import ABROAD, DESK, HOTLINE, OCRVP, OFMIN, Founded, make_change
from tests.log_check import handoffs_compared, registry_compared
from tests.ports import document_key

NOTHING = Progress(0, 0, done=True)
WAITS = Progress(0, 1, done=False)


def consult(gateway: Founded, office: str, handoff: UUID) -> Any:
    return gateway.act(office, package_consultation.consult, handoff, OPENING).result[
        "presentation"
    ]


def given(gateway: Founded, case: Any) -> UUID:
    """The handoff of a case that OFMIN accepted."""
    return accepted(gateway, offered(gateway, case))


def erase(gateway: Founded, case: UUID) -> None:
    change = Change("case.erase", HOTLINE, {"case": str(case), "reason": "its key is lost"})
    gateway.do(make_change, change, gateway.approve(change))


def lose_key(gateway: Founded, handoff: UUID) -> UUID:
    """The key of a handoff's case is lost; its case."""
    with gateway.ports.begin(TransactionMode.READ) as work:
        case = work.handoffs.get(handoff).case
        gateway.ports.keys.lost.add(work.cases.key_of(HOTLINE, case))
    return case


# --- when


def test_nothing_moves_before_the_day_and_before_both_approved(gateway):
    handoff = accepted(gateway)
    succession = planned(gateway)
    approve(gateway, succession, OFMIN)
    gateway.day = DAY
    assert carry_out(gateway, succession) == Progress(0, 0, done=False)
    gateway.day = DAY - timedelta(days=1)
    approve(gateway, succession, OCRVP)
    assert succession_execution.due_successions(gateway.ports) == ()
    before = gateway.size()
    assert carry_out(gateway, succession) == Progress(0, 0, done=False)
    assert gateway.size() == before
    assert gateway.handoff(handoff).state == "accepted"


def test_from_the_day_on_the_successor_is_addressed_and_the_predecessor_accepts_nothing(gateway):
    offer = offered(gateway)
    handoff = UUID(offer.result["handoff"])
    planned(gateway)
    assert offered(gateway).result["to"]["organisation"] == offer.result["to"]["organisation"]
    said = answers.said("officer-1", conditions=conditions_of(gateway, handoff, OFMIN))
    gateway.day = DAY
    assert offered(gateway).result["to"]["organisation"] == OCRVP
    gateway.denied("R3.mandate", OFMIN, answers.accept, handoff, said)


def test_applying_again_moves_nothing(gateway):
    accepted(gateway)
    succession = moved(gateway)
    before = gateway.size()
    for _ in range(2):
        assert carry_out(gateway, succession) == NOTHING
    assert gateway.size() == before
    assert succession_execution.due_successions(gateway.ports) == ()


def test_a_batch_is_bounded_and_the_next_call_goes_on(gateway):
    made = [accepted(gateway) for _ in range(3)]
    succession = agreed(gateway)
    gateway.day = DAY
    for expected in (Progress(2, 0, done=False), ONE_MOVED):
        assert carry_out(gateway, succession, limit=2) == expected
    assert len({following(gateway, handoff) for handoff in made}) == 3


def test_a_row_that_tells_otherwise_what_moved_is_found(gateway):
    accepted(gateway)
    moved(gateway)
    whole = gateway.store.copy()
    for act in (
        "DELETE FROM moved_handoff",
        "UPDATE moved_handoff SET handoff = became, became = handoff",
        "UPDATE moved_handoff SET became = NULL",
        "UPDATE moved_handoff SET taken_on = 0",
        "UPDATE moved_handoff SET event = handoff",
        "UPDATE moved_handoff SET at = at + 1",
        "UPDATE moved_handoff SET succession = handoff",
    ):
        gateway.store.change("PRAGMA foreign_keys = OFF")
        gateway.store.change(act)
        assert "succession" in str(handoffs_compared(gateway).differing), act
        gateway.store.put_back(whole)


# --- what follows


def test_an_open_handoff_is_re_issued_with_the_same_frozen_offer(gateway):
    handoff = accepted(gateway)
    old = gateway.handoff(handoff)
    succession = moved(gateway)
    ended, new = gateway.handoff(handoff), gateway.handoff(following(gateway, handoff))
    assert (ended.state, ended.permitted_disclosures) == ("reissued", old.permitted_disclosures)
    kept = (
        *("originator", "case", "case_version", "case_digest", "purpose"),
        *("permitted_disclosures", "package_digest", "expires_at"),
    )
    assert {name: getattr(new, name) for name in kept} == {n: getattr(old, n) for n in kept}
    assert (new.state, new.recipient, new.accepted_groups) == ("offered", OCRVP, None)
    assert (new.address.competence, new.address.mandate_event) == (KEY, succession)
    assert old.due_at is None
    assert new.due_at > new.offered_at


def test_a_reissue_in_imminent_danger_asks_for_a_call_and_for_no_second_clearance(gateway):
    danger = {"urgency": "imminent_danger", "urgency_reason": "child_located"}
    case = submitted(gateway, clearance=None, **danger)
    handoff = UUID(offered(gateway, case).result["handoff"])
    moved(gateway)
    again = following(gateway, handoff)
    owed = {one: {*gateway.owed(one)} for one in (handoff, again)}
    assert owed == {handoff: {DutyKind.CLEARANCE}, again: {DutyKind.ANSWER, DutyKind.CALL}}
    assert gateway.handoff(again).break_glass, "nobody has cleared the case yet"


def test_the_new_offer_is_attested_for_its_originator_and_names_what_it_follows(gateway):
    handoff = accepted(gateway)
    succession = moved(gateway)
    named = following(gateway, handoff)
    new = gateway.view(OCRVP, named)
    made = new["answers"][0]
    verified = sd_jwt.verify(
        made["document"], typ=handoff_documents.OFFER_TYP, keys=gateway.attestation_keys()
    )
    offer = handoff_documents.read_offer(verified)
    assert offer.author == HOTLINE
    before = gateway.handoff(handoff).offer_digest
    assert offer.reissue_of == handoff_documents.ReissueReference(
        predecessor=OFMIN, handoff=handoff, offer=before, event=succession
    )
    assert new["reissue_of"]["handoff"] == str(handoff)
    shown = sd_jwt.parse(new["reissue_of"]["offer"])
    assert (shown.digest, shown.disclosures) == (before, ())
    with gateway.ports.begin(TransactionMode.READ) as work:
        logged = work.log.logged(UUID(str(made["event"])))
    told = [one.value for one in logged.event.disclosures if one.kind == "purpose"]
    assert told == [list(gateway.handoff(named).purpose)]


def test_events_go_to_the_gateway_the_originator_and_the_office_concerned(gateway):
    handoff = accepted(gateway)
    moved(gateway)
    ended, offer, end = "handoff.reissued", "handoff.offered", "succession.applied"
    assert gateway.types(HOTLINE)[-2:] == [ended, offer]
    assert gateway.types(OFMIN)[-2:] == [ended, end]
    assert gateway.types(OCRVP)[-2:] == [offer, end]
    assert gateway.types(GATEWAY)[-3:] == [ended, offer, end]
    assert gateway.types(ABROAD)[-1] != ended
    assert gateway.view(OFMIN, handoff)["reissued_as"]["handoff"] is None


def test_the_successor_accepts_the_conditions_anew_and_then_reads(gateway):
    handoff = accepted(gateway)
    moved(gateway)
    new = following(gateway, handoff)
    gateway.refused(WrongState, OCRVP, package_consultation.consult, new, OPENING)
    opened = consult(gateway, OCRVP, accepted_by_successor(gateway, handoff))
    shown = {p.digest for p in sd_jwt.read_unverified(opened).placed}
    assert shown <= gateway.handoff(handoff).permitted_disclosures


def test_the_predecessor_reads_its_open_cases_until_the_day_and_then_not(gateway):
    handoff, offer = accepted(gateway), UUID(offered(gateway).result["handoff"])
    succession = agreed(gateway)
    gateway.day = DAY  # the mandate has moved, the handoff not yet
    assert consult(gateway, OFMIN, handoff)
    assert carry_out(gateway, succession).moved == 2
    assert consult(gateway, OFMIN, handoff)
    assert gateway.handoff(offer).state == "reissued"
    gateway.refused(
        WrongState, OFMIN, package_consultation.consult, offer, OPENING
    )  # it had not accepted it
    gateway.day = LATER - timedelta(days=1)
    assert consult(gateway, OFMIN, handoff)
    gateway.day = LATER
    gateway.refused(WrongState, OFMIN, package_consultation.consult, handoff, OPENING)


def test_without_an_approval_the_predecessor_reads_no_longer_than_planned(gateway):
    handoff = accepted(gateway)
    planned(gateway)
    gateway.day = DAY
    assert consult(gateway, OFMIN, handoff)
    gateway.day = LATER
    gateway.denied("R3.mandate", OFMIN, package_consultation.consult, handoff, OPENING)


def test_nothing_more_is_done_with_what_succeeded_but_a_correction_is_told(gateway):
    case = submitted(gateway)
    handoff = given(gateway, case)
    moved(gateway)
    for who, action, said in (
        (OFMIN, answers.close, answers.said("officer-1", "done")),
        (OFMIN, answers.outcome, answers.said("officer-1", code="received")),
        (HOTLINE, answers.withdraw, answers.said("liaison-1", "late")),
    ):
        gateway.refused(WrongState, who, action, handoff, said)
    revised(gateway, case, urgency="normal")
    notice = answers.said("liaison-1", code="inaccurate", pointers=["/urgency"])
    new = following(gateway, handoff)
    updated(gateway, new)
    gateway.refused(WrongState, HOTLINE, answers.notify_correction, new, notice)
    gateway.refused(WrongState, HOTLINE, updates.update, handoff, UpdateRequest("liaison-1"))
    gateway.act(HOTLINE, answers.notify_correction, handoff, notice)
    acknowledged(gateway, handoff)


def test_a_mandate_can_move_on_and_the_handoff_with_it(gateway):
    handoff = accepted(gateway)
    moved(gateway)
    new = accepted_by_successor(gateway, handoff)
    june = {"effective_on": "2026-06-01", "read_until": "2026-06-01"}
    back = agreed(gateway, OCRVP, successor=OFMIN, **june)
    gateway.day = date(2026, 6, 1)
    assert carry_out(gateway, back).moved == 1
    third = gateway.handoff(following(gateway, new))
    assert (third.recipient, third.state) == (OFMIN, "offered")
    assert registry_compared(gateway) == RegistryComparison(frozenset(), ())
    planned(gateway, effective_on="2026-07-01", read_until="2026-07-01")
    assert registry_compared(gateway) == RegistryComparison(frozenset(), ()), "the first is over"
    gateway.refused(WrongState, OCRVP, package_consultation.consult, new, OPENING)


def test_what_was_sealed_to_the_predecessor_is_named_to_be_sealed_anew(gateway):
    gateway.register_encryption_key(OFMIN, SEALING_KEY)
    handoff = given(gateway, taken(gateway))
    succession = agreed(gateway)
    (row,) = successions.report(gateway.ports, HOST, succession)["open"]
    assert row["to_reseal"] == 1
    gateway.day = DAY
    carry_out(gateway, succession)
    assert [part["id"] for part in gateway.view(HOTLINE, handoff)["to_reseal"]] == [PERSON]
    assert "to_reseal" not in gateway.view(OFMIN, handoff)
    opened = consult(gateway, OCRVP, accepted_by_successor(gateway, handoff))
    assert PERSON not in str(sd_jwt.read_unverified(opened).content)


# --- what is asked anew, because the gateway may not offer it in its originator's name

INTEREST = {"successor": ABROAD}
"""The hotline abroad is the successor: it declared an interest."""


def released(*who: str) -> dict[str, Any]:
    return {"marking": {"release_to": [*who]}}


def bound_by_its_signature(gateway: Founded) -> UUID:
    handoff, key = accepted(gateway), document_key("hotline")
    gateway.register_key(HOTLINE, key)
    word = gateway.word(HOTLINE, "lock", key, key)
    gateway.administer("organisation.require_signed", HOTLINE, declaration=word)
    return handoff


def ended_offer(gateway: Founded) -> UUID:
    until = gateway.clock() + timedelta(days=1)
    handoff = accepted(gateway, offered(gateway, expires_at=until))
    gateway.clock.advance(timedelta(days=2))
    return handoff


def then(gateway: Founded, first: dict[str, Any], second: dict[str, Any]) -> UUID:
    """A handoff of a case that was revised after its acceptance."""
    case = submitted(gateway, **first)
    handoff = given(gateway, case)
    revised(gateway, case, **second)
    return handoff


def of_another_provider(gateway: Founded) -> UUID:
    """A case whose later version alone names the provider in which there is an interest."""
    gateway.interest(ABROAD, "example.net")
    there = {"id": element_id("host"), "kind": "host", "value": "content.example.net"}
    url = {**case_content(gateway.new_id())["items"][0], "value": "https://content.example.net/"}
    return then(gateway, {}, {"items": [url, there]})


def of_a_provider(gateway: Founded) -> UUID:
    gateway.interest(ABROAD)
    return UUID(offered(gateway).result["handoff"])


def to_a_third_country(gateway: Founded) -> UUID:
    move_abroad(gateway, "US")
    return UUID(offered(gateway).result["handoff"])


POLICY = "policy does not let it be offered"
ASKED_ANEW: dict[str, tuple[Callable[[Founded], UUID], dict[str, Any], str]] = {
    "a release list": (lambda g: given(g, submitted(g, **released(OFMIN))), {}, POLICY),
    "the release list of a later version": (lambda g: then(g, {}, released(OFMIN)), {}, POLICY),
    "the release list of the version offered": (lambda g: then(g, released(OFMIN), {}), {}, POLICY),
    "a purpose taken back": (lambda g: then(g, {}, {"marking": {"purpose": ["remove"]}}), {}, ""),
    "an interest": (of_a_provider, INTEREST, "make a new offer"),
    "an interest in what a later version names": (of_another_provider, INTEREST, ""),
    "no transfer tool": (to_a_third_country, {"successor": "far"}, POLICY),
    "an originator bound by its signature": (bound_by_its_signature, {}, "what it signs itself"),
    "the end of the offer": (ended_offer, {}, ""),
}


def asked_anew(gateway: Founded, handoff: UUID, **changes: Any) -> str:
    """Why a handoff ended without a following one, as its originator reads it."""
    succession = moved(gateway, **changes)
    told = gateway.view(HOTLINE, handoff)
    assert (told["state"], told["reissued_as"]) == (
        "reissued", {"succession": str(succession), "handoff": None})  # fmt: skip
    assert gateway.types(HOTLINE)[-1] == "handoff.reissued"
    said = sd_jwt.read_unverified(told["answers"][-1]["document"]).content["reason"]
    assert "interest" not in said
    return str(said)


@pytest.mark.parametrize("obstacle", ASKED_ANEW)
def test_what_may_not_go_to_the_successor_is_asked_anew(gateway, obstacle):
    make, changes, words = ASKED_ANEW[obstacle]
    assert words in asked_anew(gateway, make(gateway), **changes)


def test_what_is_asked_anew_stays_readable_to_who_had_accepted_it(gateway):
    handoff = given(gateway, submitted(gateway, **released(OFMIN)))
    asked_anew(gateway, handoff)
    assert consult(gateway, OFMIN, handoff)


def test_what_would_reach_the_successor_by_another_transfer_tool_is_asked_anew(
    gateway, monkeypatch
):
    handoff = UUID(offered(gateway).result["handoff"])
    monkeypatch.setattr(Organisation, "transfer_tool_on", lambda *_: "Art. 46(2)(a)")
    asked_anew(gateway, handoff)


def test_what_a_later_version_leaves_open_is_re_issued_as_it_was_offered(gateway):
    case = submitted(gateway)
    handoff = given(gateway, case)
    revised(gateway, case)
    moved(gateway)
    new = gateway.handoff(following(gateway, handoff))
    assert new.case_digest == gateway.handoff(handoff).case_digest == case.result["digest"]


def test_an_authority_that_succeeds_gets_what_its_interest_meets(gateway):
    gateway.interest(OCRVP)
    handoff = UUID(offered(gateway).result["handoff"])
    moved(gateway)
    assert gateway.view(OCRVP, following(gateway, handoff))["interest"] is True


@pytest.mark.parametrize(
    ("groups", "way"), [(("items",), "reissue"), (("items", "statements"), "new_offer_needed")]
)
def test_a_provider_succeeds_to_no_statement_that_two_persons_did_not_name(gateway, groups, way):
    platform(gateway)
    gateway.mandate(ABROAD, TAKE_DOWN)
    site = {"country": "NL", "observed_at": "2026-03-01T20:00:00Z", "method": "rdap"}
    items = [{"id": element_id("url"), "kind": "url", "value": "https://a.example/"}]
    case = submitted(gateway, items=[{**items[0], "hosting": [site], "is_source": True}])
    accepted(
        gateway,
        offered(gateway, case, to=TAKE_DOWN, purpose=("remove",), groups=groups),
        recipient=ABROAD,
    )
    succession = planned(gateway, ABROAD, successor="platform", competence=TAKE_DOWN)
    (row,) = successions.report(gateway.ports, HOST, succession)["open"]
    assert row["way"] == way


TAKE_DOWN = "take_down/csam/NL"


def test_where_signatures_are_demanded_the_gateway_re_issues_nothing(gateway):
    handoff = accepted(gateway)
    succession = agreed(gateway)
    gateway.day = DAY
    strict = replace(gateway.ports, policy=CedarPolicy.load(policy_folder(), SIGNED))
    (row,) = successions.report(strict, HOST, succession)["open"]
    assert row["way"] == "new_offer_needed"
    assert succession_execution.apply(strict, succession).done
    assert gateway.view(HOTLINE, handoff)["reissued_as"]["handoff"] is None


def test_a_successor_gets_no_case_of_its_own_back(gateway):
    gateway.mandate(OCRVP, "investigate/csam/FR", "2020-01-01")
    case = submitted(gateway, originator=OCRVP)
    handoff = accepted(gateway, offered(gateway, case, originator=OCRVP))
    moved(gateway)
    assert gateway.handoff(handoff).state == "reissued"
    with gateway.ports.begin(TransactionMode.READ) as work:
        assert work.successions.moved_from(handoff).became is None


# --- what waits, and holds up no other


def test_the_handoff_of_an_erased_case_has_lapsed_and_holds_up_no_other(gateway):
    gone, kept = accepted(gateway), accepted(gateway)
    erase(gateway, lose_key(gateway, gone))
    moved(gateway)
    assert following(gateway, kept)
    assert gateway.handoff(gone).state is HandoffState.LAPSED


def test_a_handoff_whose_case_cannot_be_read_waits_and_holds_up_no_other(gateway, monkeypatch):
    lost, kept = accepted(gateway), accepted(gateway)
    unreadable, version = gateway.handoff(lost).case_digest, SqlCases.version

    def read(self, digest):
        if digest == unreadable:
            raise CaseKeysUnavailable("the key of this case is missing")
        return version(self, digest)

    monkeypatch.setattr(SqlCases, "version", read)
    succession = agreed(gateway)
    gateway.day = DAY
    with pytest.raises(CaseKeysUnavailable):
        carry_out(gateway, succession)  # its key is there: so none can be had now
    with pytest.raises(CaseKeysUnavailable):
        successions.report(gateway.ports, HOST, succession)
    case = lose_key(gateway, lost)
    assert carry_out(gateway, succession) == Progress(1, 1, done=False)
    assert following(gateway, kept)
    (left,) = successions.report(gateway.ports, HOST, succession)["open"]
    assert (left["handoff"], left["way"]) == (str(lost), "wait")
    assert "key of its case is missing" in left["why"]
    erase(gateway, case)
    monkeypatch.undo()
    assert carry_out(gateway, succession) == NOTHING


@pytest.mark.parametrize(
    ("stop", "slug", "named", "go_on"),
    [
        ("organisation.suspend", OCRVP, {}, "organisation.reinstate"),
        ("organisation.suspend", HOTLINE, {}, "organisation.reinstate"),
        ("system.disable", OCRVP, {"system": DESK}, "system.enable"),
    ],
)
def test_while_somebody_concerned_takes_no_part_the_handoff_waits(
    gateway, stop, slug, named, go_on
):
    handoff = accepted(gateway)
    succession = agreed(gateway)
    gateway.day = DAY
    gateway.administer(stop, slug, **named, reason="under review")
    assert carry_out(gateway, succession) == WAITS
    gateway.administer(go_on, slug, **named, reason="cleared")
    assert carry_out(gateway, succession).moved == 1
    assert gateway.handoff(handoff).state == "reissued"
    assert gateway.handoff(following(gateway, handoff)).recipient == OCRVP


def test_a_handoff_that_was_changed_past_the_gateway_waits(gateway):
    handoff = accepted(gateway)
    succession = agreed(gateway)
    gateway.day = DAY
    forged = "UPDATE handoff SET purpose = ? WHERE id = ?"
    gateway.store.change(forged, "[]", handoff.hex)
    assert carry_out(gateway, succession) == WAITS
    gateway.store.change(forged, '["identify_victim"]', handoff.hex)
    assert carry_out(gateway, succession).moved == 1


def test_while_its_case_is_suspended_a_handoff_waits(gateway):
    handoff = accepted(gateway)
    succession = agreed(gateway)
    gateway.day = DAY
    until = gateway.clock() + timedelta(hours=2)
    stop = MeasureRequest(MeasureKind.SUSPENSION, "officer-1", "objection", until=until)
    gateway.act(HOTLINE, measures.on_case, gateway.handoff(handoff).case, stop)
    assert carry_out(gateway, succession) == WAITS
    removed = gateway.store.tables("case_measure")["case_measure"][0][0]
    gateway.store.change("UPDATE case_measure SET ended_at = since WHERE id = ?", removed)
    assert carry_out(gateway, succession) == WAITS  # what the rows forget, the log tells
    gateway.store.change("UPDATE case_measure SET ended_at = NULL")
    gateway.clock.advance(timedelta(hours=2))
    assert carry_out(gateway, succession).moved == 1


# --- what stays


def test_a_mandate_of_another_function_moves_with_its_handoffs_and_no_others(gateway):
    """What was offered to the organisation itself stays: it still receives the matter."""
    gateway.mandate(ABROAD, "protect/csam/BE", "2020-01-01")
    own = UUID(offered(gateway, to=ABROAD).result["handoff"])
    moving = UUID(offered(gateway, to="protect/csam/BE").result["handoff"])
    moved(gateway, ABROAD, competence="protect/csam/BE")
    assert gateway.handoff(own).state == "offered"
    assert gateway.handoff(following(gateway, moving)).address.competence == "protect/csam/BE"


def test_what_was_offered_to_the_office_itself_is_withdrawn_and_asked_anew(gateway):
    """A hotline abroad, a full member, gives a mandate of its own to an office."""
    gateway.mandate(ABROAD, "receive/csam/BE", "2020-01-01")
    own = accepted(gateway, offered(gateway, to=ABROAD), recipient=ABROAD)
    mandate = accepted(gateway, offered(gateway, to="receive/csam/BE"), recipient=ABROAD)
    two = Progress(2, 0, done=True)
    succession = moved(gateway, ABROAD, expected=two, competence="receive/csam/BE")
    assert gateway.handoff(own).state == "withdrawn"
    assert gateway.handoff(mandate).state == "reissued"
    answer = gateway.view(HOTLINE, own)["answers"][-1]
    assert (answer["kind"], answer["author"]) == ("lapse", ABROAD)
    assert gateway.types(HOTLINE).count("handoff.lapsed") == 1
    gateway.refused(WrongState, ABROAD, package_consultation.consult, own, OPENING)
    report = successions.report(gateway.ports, HOST, succession)
    by_handoff = {one["handoff"]: one for one in report["moved"]}
    assert by_handoff[str(own)]["became"] is None
    assert by_handoff[str(mandate)]["predecessor_reads_until"] == "2026-05-01"


def test_other_mandates_of_the_predecessor_stay_and_no_case_of_theirs_is_read(gateway, monkeypatch):
    gateway.mandate(OFMIN, "receive/csam/BE", "2020-01-01")
    other = accepted(gateway, offered(gateway, to="receive/csam/BE"))
    handoff = accepted(gateway)
    version, read = SqlCases.version, []

    def noted(cases, digest):
        read.append((cases._transaction.mode, digest))
        return version(cases, digest)

    monkeypatch.setattr(SqlCases, "version", noted)
    succession = agreed(gateway)
    gateway.day = DAY
    read.clear()
    assert carry_out(gateway, succession) == ONE_MOVED
    assert {digest for _, digest in read} == {gateway.handoff(handoff).case_digest}
    modes = [mode for mode, _ in read]
    # The one that moved: held against its documents, and indexed for the successor.
    assert modes.count(TransactionMode.WRITE) == 2
    assert gateway.handoff(other).state == "accepted"
    report = successions.report(gateway.ports, HOST, succession)
    assert [(one["handoff"], one["way"]) for one in report["open"]] == [(str(other), "stay")]
    assert consult(gateway, OFMIN, other)


# --- what happens meanwhile


def test_what_its_recipient_ends_meanwhile_is_left_alone(gateway, monkeypatch):
    handoff = accepted(gateway)
    succession = agreed(gateway)
    gateway.day = DAY
    ending = succession_execution._ending

    def closed_meanwhile(*arguments):
        gateway.answer(OFMIN, answers.close, handoff, "done")
        return ending(*arguments)

    monkeypatch.setattr(succession_execution, "_ending", closed_meanwhile)
    assert carry_out(gateway, succession).moved == 0
    assert gateway.handoff(handoff).state == "closed"
    assert carry_out(gateway, succession).done


def test_what_comes_in_at_the_very_end_is_seen_by_the_next_call(gateway, monkeypatch):
    succession = agreed(gateway)
    handoff = UUID(offered(gateway).result["handoff"])
    gateway.day = DAY
    batch = succession_execution._batch

    def empty(*arguments):
        return replace(batch(*arguments), moving=())

    with monkeypatch.context() as patched:
        patched.setattr(succession_execution, "_batch", empty)
        assert carry_out(gateway, succession) == Progress(0, 0, done=False)
    assert carry_out(gateway, succession) == ONE_MOVED
    assert gateway.handoff(handoff).state == "reissued"
