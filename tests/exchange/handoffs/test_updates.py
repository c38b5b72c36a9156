"""Updates: a handoff's chain of packages, what each of them gives, and what answers them."""

from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from gateway.domain.duty import DUE
from gateway.domain.refusals import (
    EditConflict,
    NotAddressable,
    NotFound,
    Refusal,
    ValidationFailed,
    WrongState,
)
from gateway.domain.revision import ChangeKind, VersionChange
from gateway.domain.vocabulary import Urgency
from gateway.evidence import handoff_documents, sd_jwt
from gateway.exchange.handoffs import offers, package_consultation, updates
from gateway.exchange.standing.consultations import ConsultationRequest
from gateway.kernel.transact import RecordedRefusal, WriteResult
from tests import answers
from tests.casework import (
    accepted,
    acknowledged,
    conditions_of,
    consulted,
    element_id,
    offer_of,
    offered,
    revised,
    submitted,
    updated,
)
from tests.exchange.handoffs.updating import (
    ADDED,
    CORRECTED,
    FIRST,
    NOTICE,
    OLDER,
    STRICT,
    UPDATE,
    addresses,
    announced,
    awaited,
    covered,
    ended,
    events,
    held,
    made,
    notified,
    place,
    sent,
    shown,
    values,
)
from tests.founded_gateway import ABROAD, DESK, HOTLINE, OFMIN, Founded, caller
from tests.founding import founded


@pytest.fixture
def gateway() -> Founded:
    return founded()


# --- the next package ----------------------------------------------------------------------------


def test_a_correction_is_shown_at_once_and_has_to_be_acknowledged(gateway):
    _, handoff, written = sent(gateway)
    assert (written.result["package"], written.result["change"]) == (2, "correction")
    found = consulted(gateway, handoff)
    assert found.result["package"] == 2
    assert "superseded" not in found.result
    assert values(found) == addresses(CORRECTED)
    assert gateway.view(OFMIN, handoff)["due_at"] == written.result["acknowledge_by"]
    acknowledged(gateway, handoff)
    assert gateway.owed(handoff) == []


def test_a_package_says_why_it_was_made_and_which_of_the_given_places_changed(gateway):
    case, handoff = held(gateway, groups=frozenset({"items"}))
    change = VersionChange(ChangeKind.CORRECTION, "inaccurate", "of ours alone", (place("url"),))
    second = revised(gateway, case, items=CORRECTED, change=change)
    revised(gateway, second, items=CORRECTED, statements=[])
    updated(gateway, handoff)
    first, package = gateway.view(OFMIN, handoff)["packages"]
    assert (first["reason_codes"], first["pointers"]) == ([], [])
    assert package["reason_codes"] == ["inaccurate", "other"]
    assert package["pointers"] == [place("url")]
    assert change.reason not in str(package)


def test_an_addition_is_shown_once_it_is_acknowledged(gateway):
    case, handoff = held(gateway)
    revised(gateway, case, items=ADDED)
    written = updated(gateway, handoff, groups=("items",))
    assert written.result["change"] == "addition"
    assert len(values(consulted(gateway, handoff))) == 2
    newest = ConsultationRequest("officer-1", "investigation", "the third", 2)
    gateway.refused(WrongState, OFMIN, package_consultation.consult, handoff, newest)
    acknowledged(gateway, handoff)
    assert len(values(consulted(gateway, handoff))) == 3


def test_an_update_gives_what_was_given_and_new_parts_only_where_they_are_named(gateway):
    case = submitted(gateway, items=FIRST)
    placed = sd_jwt.read_own(sd_jwt.parse(case.result["document"])).placed
    only = next(p.digest for p in placed if p.in_array and p.value["id"] == element_id("url"))
    handoff = accepted(gateway, offered(gateway, case, groups=(), digests=(only,)))
    revised(gateway, case, items=[*CORRECTED, ADDED[2]])
    updated(gateway, handoff)
    assert values(consulted(gateway, handoff)) == [CORRECTED[0]["value"]]


def test_an_update_gives_no_group_that_was_not_accepted(gateway):
    case, offer = made(gateway)
    handoff = accepted(gateway, offer, groups=("items",))
    revised(gateway, case, items=CORRECTED)
    with pytest.raises(ValidationFailed) as refused:
        updated(gateway, handoff, groups=("statements",))
    assert refused.value.errors[0][0] == "/groups"
    updated(gateway, handoff)
    assert not shown(consulted(gateway, handoff)).get("statements")


def test_an_older_package_stays_readable_as_what_it_is_and_under_its_own_code(gateway):
    _, handoff, _ = sent(gateway)
    old = gateway.act(OFMIN, package_consultation.consult, handoff, OLDER)
    assert values(old) == addresses(FIRST)
    assert (old.result["package"], old.result["superseded"]["change"]) == (1, "correction")
    for code, package in (
        ("investigation", 1),
        ("superseded_package", 2),
        ("superseded_package", None),
    ):
        asked = ConsultationRequest("officer-1", code, "why not", package)
        with pytest.raises(ValidationFailed):
            gateway.act(OFMIN, package_consultation.consult, handoff, asked)


def test_an_older_package_opens_under_the_markings_it_was_accepted_with(gateway):
    case = submitted(gateway, originator=OFMIN, items=FIRST)
    offer = offered(gateway, case, originator=OFMIN, to=ABROAD)
    handoff = accepted(gateway, offer, recipient=ABROAD)
    closed = [{**FIRST[0], "marking": {"handling": ["H1"]}}, FIRST[1]]
    revised(gateway, case, originator=OFMIN, items=closed)
    updated(gateway, handoff, OFMIN)
    assert values(consulted(gateway, handoff, ABROAD)) == addresses(FIRST[1:])
    assert values(gateway.act(ABROAD, package_consultation.consult, handoff, OLDER)) == addresses(
        FIRST
    )


@pytest.mark.parametrize("end", [answers.decline, answers.redirect])
def test_who_ends_a_handoff_does_not_escape_what_was_announced(gateway, end):
    case, handoff = held(gateway)
    revised(gateway, case, items=CORRECTED)
    assert gateway.owed(handoff) == ["update"]
    gateway.answer(OFMIN, end, handoff, "not ours")
    assert gateway.owed(handoff) == ["update", "acknowledgement"]
    assert gateway.handoff(handoff).due_at > gateway.clock()
    notified(gateway, handoff)
    acknowledged(gateway, handoff)
    assert gateway.owed(handoff) == []


def test_an_update_that_was_not_sent_before_the_end_of_its_handoff_becomes_a_notice(gateway):
    case, handoff = held(gateway, expires_at=gateway.clock() + timedelta(days=1))
    revised(gateway, case, items=CORRECTED)
    assert awaited(gateway, case) == ["update"]
    gateway.refused(WrongState, HOTLINE, answers.notify_correction, handoff, NOTICE)
    gateway.clock.advance(timedelta(days=1))
    assert awaited(gateway, case) == ["correction_notice"]
    notified(gateway, handoff)
    assert awaited(gateway, case) == ["acknowledgement"]


def test_only_a_newer_cleared_version_is_sent_and_by_its_originator(gateway):
    case, handoff = held(gateway)
    gateway.refused(WrongState, HOTLINE, updates.update, handoff, UPDATE)
    draft = revised(gateway, case, items=CORRECTED, clearance=None)
    gateway.refused(WrongState, HOTLINE, updates.update, handoff, UPDATE)
    revised(gateway, draft, items=CORRECTED)
    for other in (OFMIN, ABROAD):
        gateway.refused(NotFound, other, updates.update, handoff, UPDATE)
    updated(gateway, handoff)


def test_an_update_to_a_member_without_a_system_is_not_sent(gateway):
    case, handoff = held(gateway)
    revised(gateway, case, items=CORRECTED)
    gateway.administer("system.disable", OFMIN, system=DESK, reason="under repair")
    with pytest.raises(RecordedRefusal):
        updated(gateway, handoff)
    assert gateway.handoff(handoff).package == 1


def test_an_update_only_shortens_the_end(gateway):
    end = gateway.clock() + timedelta(days=30)
    case, handoff = held(gateway, expires_at=end)
    revised(gateway, case, items=CORRECTED)
    with pytest.raises(ValidationFailed):
        updated(gateway, handoff, expires_at=end + timedelta(days=1))
    sooner = end - timedelta(days=1)
    updated(gateway, handoff, expires_at=sooner)
    assert gateway.handoff(handoff).expires_at == sooner


def test_a_recipient_that_policy_lets_have_nothing_keeps_the_announcement_and_is_left_out(gateway):
    case, handoff = held(gateway)
    left_out = answers.said("liaison-1", "suspended, and told by telephone")
    gateway.refused(WrongState, HOTLINE, answers.omit_update, handoff, left_out)
    gateway.administer("organisation.suspend", OFMIN, reason="an inquiry")
    revised(gateway, case, items=CORRECTED)
    gateway.refused(NotAddressable, HOTLINE, updates.update, handoff, UPDATE)
    assert len(announced(gateway)) == 1
    assert awaited(gateway, case) == ["update"]
    gateway.act(HOTLINE, answers.omit_update, handoff, left_out)
    line = covered(gateway, case)
    *_, told = events(gateway, "handoff.update_omitted")
    assert line["left_out"] == {"reason": "suspended, and told by telephone", "event": told["id"]}
    assert (line["announced_only"], awaited(gateway, case)) == (True, ["acknowledgement"])


def test_a_retry_of_an_update_or_of_the_offer_before_it_gets_the_first_result(gateway):
    case, keys = submitted(gateway, items=FIRST), [gateway.key(), gateway.key()]
    asked = caller(HOTLINE), keys[0], UUID(case.result["case"]), offer_of(gateway)
    offer = gateway.do(offers.offer, *asked)
    handoff = accepted(gateway, offer)
    second = revised(gateway, case, items=CORRECTED)
    first = gateway.act(HOTLINE, updates.update, handoff, UPDATE, key=keys[1])
    acknowledged(gateway, handoff)
    revised(gateway, second, items=FIRST)
    updated(gateway, handoff)
    again = gateway.act(HOTLINE, updates.update, handoff, UPDATE, key=keys[1])
    assert again.result == first.result
    assert gateway.do(offers.offer, *asked).result == offer.result


def test_an_update_is_an_offer_that_names_the_one_it_updates_and_its_preview_says_so(gateway):
    case, handoff = held(gateway)
    before = gateway.handoff(handoff)
    revised(gateway, case, items=CORRECTED)
    size = gateway.size()
    preview = updates.preview(gateway.ports, caller(HOTLINE), handoff, UPDATE)
    assert gateway.size() == size
    written = updated(gateway, handoff)
    offer = handoff_documents.read_offer(sd_jwt.read_unverified(written.result["offer"]))
    assert (offer.updates, offer.change) == (before.offer_digest, ChangeKind.CORRECTION)
    assert (preview.updates, preview.change) == (before.offer_digest, "correction")
    assert (offer.handoff, offer.recipient, offer.purpose) == (handoff, OFMIN, before.purpose)
    assert written.result["permitted_disclosures"] == sorted(preview.permitted_disclosures)


# --- the table of handoff states: what an update is there, and what the recipient may do ----------


ENDED = {"declined": answers.decline, "redirected": answers.redirect, "withdrawn": answers.withdraw}


def brought_to(gateway: Founded, state: str, *, accepted_before: bool) -> tuple[WriteResult, UUID]:
    """A handoff in a state, to OFMIN."""
    case, offer = made(gateway)
    handoff = UUID(offer.result["handoff"])
    if accepted_before:
        accepted(gateway, offer, groups=("items",) if state == "partially_accepted" else None)
    if state == "closed":
        gateway.answer(OFMIN, answers.close, handoff)
    if state in ENDED:
        by = HOTLINE if state == "withdrawn" else OFMIN
        gateway.answer(by, ENDED[state], handoff, "not ours")
    assert gateway.handoff(handoff).state == state
    return case, handoff


def may(gateway: Founded, answer: Any, by: str, handoff: UUID, said: Any) -> bool:
    """Whether an answer is taken."""
    try:
        gateway.act(by, answer, handoff, said)
    except (RecordedRefusal, Refusal):
        return False
    return True


@pytest.mark.parametrize(
    ("state", "accepted_before", "sent"),
    [
        ("offered", False, "package"),
        ("accepted", True, "package"),
        ("partially_accepted", True, "package"),
        ("closed", True, "package"),
        ("declined", True, "notice"),
        ("redirected", True, "notice"),
        ("declined", False, None),
        ("redirected", False, None),
        ("withdrawn", False, None),
    ],
)
def test_what_an_update_is_in_each_state_and_what_the_recipient_may_do_then(
    gateway, state, accepted_before, sent
):
    case, handoff = brought_to(gateway, state, accepted_before=accepted_before)
    revised(gateway, case, items=CORRECTED)
    line, owed = covered(gateway, case), awaited(gateway, case)
    assert (line["announced_only"], line["holds"]) == (sent == "notice", accepted_before)
    if sent != "package":
        assert owed == (["correction_notice", "acknowledgement"] if sent else [])
    by_package = may(gateway, updates.update, HOTLINE, handoff, UPDATE)
    by_notice = may(gateway, answers.notify_correction, HOTLINE, handoff, NOTICE)
    assert (by_package, by_notice) == (sent == "package", sent == "notice")
    assert bool(announced(gateway)) is accepted_before
    said = {
        answers.acknowledge: {},
        answers.apply: {"done": "rectified"},
        answers.dispute: {"ground": "evidence"},
        answers.propose_correction: {"reason": "another host", "proposal": "other"},
    }
    done = [
        may(gateway, answer, OFMIN, handoff, answers.said("officer-1", **fields))
        for answer, fields in said.items()
    ]
    assert done == [accepted_before] * 4
    assert gateway.handoff(handoff).state == state
    if accepted_before and sent == "package":
        assert values(consulted(gateway, handoff)) == addresses(CORRECTED)


def test_a_notice_may_follow_the_acknowledgement_of_what_was_announced(gateway):
    case, handoff = ended(gateway)
    acknowledged(gateway, handoff)
    assert awaited(gateway, case) == ["correction_notice"]
    notified(gateway, handoff)
    assert awaited(gateway, case) == ["acknowledgement"]


# --- an update that meets an answer --------------------------------------------------------------


def test_an_update_before_the_acceptance_is_the_package_to_accept(gateway):
    case, offer = made(gateway)
    handoff = UUID(offer.result["handoff"])
    conditions = conditions_of(gateway, handoff, OFMIN)
    older = gateway.handoff(handoff).offer_digest
    revised(gateway, case, items=CORRECTED)
    assert updated(gateway, handoff).result["acknowledge_by"] is None
    newest = gateway.handoff(handoff).offer_digest
    for named in (None, older):
        with pytest.raises(EditConflict, match=newest):
            gateway.answer(OFMIN, answers.accept, handoff, conditions=conditions, offer=named)
    gateway.answer(OFMIN, answers.accept, handoff, conditions=conditions, offer=newest)
    assert values(consulted(gateway, handoff)) == addresses(CORRECTED)


@pytest.mark.parametrize(("urgency", "sooner"), [("urgent", True), (None, False)])
def test_an_offer_is_answered_sooner_once_its_urgency_is_raised(gateway, urgency, sooner):
    case, offer = made(gateway)
    handoff = UUID(offer.result["handoff"])
    before = gateway.handoff(handoff)
    gateway.clock.advance(timedelta(hours=1))
    raised = {} if urgency is None else {"urgency": urgency}
    revised(gateway, case, items=CORRECTED, **raised)
    updated(gateway, handoff)
    due = gateway.handoff(handoff).due_at
    assert (due != before.due_at) is sooner is (due < gateway.clock() + DUE[Urgency.URGENT])


def test_an_answer_that_names_an_older_offer_is_stale(gateway):
    case, handoff = held(gateway)
    older = gateway.handoff(handoff).offer_digest
    revised(gateway, case, items=CORRECTED)
    updated(gateway, handoff)
    with pytest.raises(EditConflict):
        gateway.answer(OFMIN, answers.acknowledge, handoff, offer=older)


def test_update_acknowledgement_and_what_was_done_follow_each_other(gateway):
    case, handoff = held(gateway)
    done = answers.said("officer-1", done="rectified")
    gateway.refused(WrongState, OFMIN, answers.acknowledge, handoff, answers.said("officer-1"))
    revised(gateway, case, items=CORRECTED)
    updated(gateway, handoff)
    gateway.refused(WrongState, OFMIN, answers.apply, handoff, done)
    acknowledged(gateway, handoff)
    gateway.act(OFMIN, answers.apply, handoff, done)


def test_a_proposal_names_elements_that_were_offered(gateway):
    _, handoff = held(gateway)
    said = {"reason": "it is another host", "proposal": "inaccurate"}
    known, unknown = ({**said, "elements": [one]} for one in (element_id("host"), str(UUID(int=7))))
    with pytest.raises(ValidationFailed):
        gateway.answer(OFMIN, answers.propose_correction, handoff, **unknown)
    gateway.answer(OFMIN, answers.propose_correction, handoff, **known)
    last = gateway.view(HOTLINE, handoff)["answers"][-1]
    assert sd_jwt.read_unverified(last["document"]).content["elements"] == known["elements"]


def test_the_text_of_a_polices_dispute_is_not_for_a_private_member(gateway):
    _, handoff, _ = sent(gateway)
    acknowledged(gateway, handoff)
    reason = "we have seen it ourselves"
    gateway.answer(OFMIN, answers.dispute, handoff, reason, ground="evidence")
    last = gateway.view(HOTLINE, handoff)["answers"][-1]
    content = sd_jwt.read_unverified(last["document"]).content
    assert content["ground"] == "evidence"
    assert "reason" not in content


def test_an_acknowledgement_of_a_tightening_closes_nothing(gateway):
    case = submitted(gateway, originator=OFMIN, items=FIRST)
    offer = offered(gateway, case, originator=OFMIN, to=ABROAD)
    handoff = accepted(gateway, offer, recipient=ABROAD)
    revised(gateway, case, originator=OFMIN, items=FIRST, marking=STRICT)
    acknowledged(gateway, handoff, ABROAD)
    assert values(consulted(gateway, handoff, ABROAD)) == addresses(FIRST)
