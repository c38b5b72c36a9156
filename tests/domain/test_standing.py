"""How a handoff stands for each of its parties: what it may do, owes, opens, and why not."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from uuid import UUID

import pytest

from gateway.domain.answers import ANSWERS, KIND_OF_ACTION, PARTIES_ANSWERS, AnswerAuthor
from gateway.domain.case import CaseState
from gateway.domain.duty import DutyKind, HandoffDuty, begin, begin_arrival, holds_copies
from gateway.domain.handoff import Handoff, HandoffAction, HandoffState, RecallAnswer
from gateway.domain.moves import made_of, move
from gateway.domain.retention import Retention, RetentionGround
from gateway.domain.revision import Announcement, ChangeKind
from gateway.domain.standing import COPY_KEPT, MOST_LATE, Closed, Opens, Standing, acts_on
from gateway.domain.vocabulary import Urgency
from tests.each import each
from tests.store import samples

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)
ORIGINATOR, RECIPIENT = AnswerAuthor.ORIGINATOR, AnswerAuthor.RECIPIENT
CASE, _ = samples.case()
OFFERED, OFFER = samples.handoff(CASE)
ACCEPTED = move(OFFERED, HandoffAction.ACCEPT, OFFERED.recipient, under=CASE.digest)
RETENTION = Retention(
    UUID(int=7), CASE.originator, CASE.id, OFFERED.id, OFFERED.recipient,
    RetentionGround.STATED, "a law", None, date(2027, 1, 1), NOW,
)  # fmt: skip


def standing(handoff: Handoff = OFFERED, side=RECIPIENT, *steps, owes=(), **more) -> Standing:
    moves = [OFFER]
    for step in steps:
        made = replace(handoff, sequence=len(moves) + 1)
        moves.append(made_of(made, step, "document", NOW, UUID(int=len(moves))))
    duties = tuple(
        begin(handoff, kind, UUID(int=9), NOW, NOW + hours * HOUR) for kind, hours in owes
    )
    told = {"case": CASE, "now": NOW, "day": NOW.date(), "duties": duties, **more}
    told["organisation"] = side.of(handoff.originator, handoff.recipient)
    told |= {"holds": holds_copies(handoff, duties), "is_erased": not handoff.conditions_digest}
    return Standing(side=side, handoff=handoff, moves=tuple(moves), **told)


def actions(found: Standing) -> list[str]:
    return [one.action for one in found.acts()]


def erased(handoff: Handoff) -> Handoff:
    state = HandoffState.LAPSED if handoff.state is HandoffState.OFFERED else handoff.state
    return replace(handoff, conditions_digest="", state=state)


def test_who_was_offered_an_imminent_danger_answers_first_and_may_open_it():
    danger = replace(OFFERED, urgency=Urgency.IMMINENT_DANGER)
    first, *others = standing(danger, owes=[(DutyKind.ANSWER, 1)]).acts()
    assert first == ("handoff.accept", NOW + HOUR)
    owed = [one for one in others if one.due_at]
    assert [one.action for one in owed] == ["handoff.decline", "handoff.redirect"]
    assert {"case.consult", "handoff.delay", "handoff.give_go_ahead"} <= {a for a, *_ in others}


def test_its_originator_calls_first_and_may_take_it_back():
    danger = replace(OFFERED, urgency=Urgency.IMMINENT_DANGER)
    found = standing(danger, ORIGINATOR, owes=[(DutyKind.CALL, 1), (DutyKind.ANSWER, 1)])
    assert found.acts()[0] == ("handoff.call", NOW + HOUR)
    assert actions(found)[1:] == ["case.recall", "handoff.withdraw"]
    assert "handoff.call" not in actions(standing(OFFERED, ORIGINATOR))


@each("kind", PARTIES_ANSWERS)
def test_nobody_may_give_the_answers_of_the_other_side(kind):
    for side in (ORIGINATOR, RECIPIENT):
        if kind.author is not side:
            assert standing(ACCEPTED, side, HandoffAction.ACCEPT).why_not(kind)


def test_an_acceptance_and_a_consultation_end_with_the_offer():
    ended = {"expires_at": NOW}
    assert standing(replace(OFFERED, **ended)).why_not(ANSWERS["acceptance"]) == Closed.EXPIRED
    over = standing(replace(ACCEPTED, **ended), RECIPIENT, HandoffAction.ACCEPT)
    assert over.opening("assessment") is Closed.EXPIRED
    assert "case.consult" not in actions(over)


def test_an_acknowledgement_is_an_act_until_it_was_given():
    changed = replace(ACCEPTED, package=2)
    accepted = standing(changed, RECIPIENT, HandoffAction.ACCEPT, HandoffAction.UPDATE)
    assert "handoff.acknowledge" in actions(accepted)
    again = standing(
        changed, RECIPIENT, HandoffAction.ACCEPT, HandoffAction.UPDATE, HandoffAction.ACKNOWLEDGE
    )
    assert "handoff.acknowledge" not in actions(again)
    assert again.why_not(ANSWERS["acknowledgement"]) is None
    assert "handoff.apply" in actions(again)


def test_what_was_done_follows_the_acknowledgement():
    changed, owes = replace(ACCEPTED, package=2), [(DutyKind.ACKNOWLEDGEMENT, 1)]
    found = standing(changed, RECIPIENT, HandoffAction.ACCEPT, HandoffAction.UPDATE, owes=owes)
    assert found.why_not(ANSWERS["application"]) == "acknowledge the change first"


def test_an_announcement_is_acknowledged_where_no_update_came():
    version = OFFERED.case_version + 1
    told = Announcement(CASE.originator, CASE.id, version, ChangeKind.CORRECTION, NOW, UUID(int=8))
    steps = (HandoffAction.ACCEPT,)
    assert standing(ACCEPTED, RECIPIENT, *steps).why_not(ANSWERS["acknowledgement"])
    assert standing(ACCEPTED, RECIPIENT, *steps, newer=told).why_not(ANSWERS["dispute"]) is None


@each(
    "name, kind",
    [("update_omission", DutyKind.UPDATE), ("proposal_answer", DutyKind.PROPOSAL_ANSWER)],
)
def test_an_originator_answers_only_what_it_owes(name, kind):
    kept = replace(ACCEPTED, state=HandoffState.CLOSED)
    assert standing(kept, ORIGINATOR).why_not(ANSWERS[name])
    assert standing(kept, ORIGINATOR, owes=[(kind, 1)]).why_not(ANSWERS[name]) is None


def test_a_notice_is_given_where_no_package_can_follow():
    notice, owes = ANSWERS["correction_notice"], [(DutyKind.UPDATE, 1)]
    assert standing(ACCEPTED, ORIGINATOR, owes=owes).why_not(notice)
    ended = replace(ACCEPTED, expires_at=NOW)
    assert standing(ended, ORIGINATOR, owes=owes).why_not(notice) is None


def test_an_update_is_an_act_once_a_newer_version_is_cleared():
    newer = replace(CASE, version=CASE.version + 1, digest="0" * 43)
    for state, may in ((CaseState.CLEARED, True), (CaseState.ASSESSED, False)):
        found = standing(ACCEPTED, ORIGINATOR, case=replace(newer, state=state))
        assert ("handoff.update" in actions(found)) is may


@each(
    "answered, acts",
    [
        (None, {"handoff.acknowledge_recall", "handoff.answer_recall"}),
        (RecallAnswer.DECLINED, {"handoff.answer_recall"}),
        (RecallAnswer.COPIES_ERASED, set()),
    ],
)
def test_a_recall_is_answered_until_the_copies_are_erased(answered, acts):
    recalled = replace(ACCEPTED, recall=UUID(int=5), recall_answer=answered)
    found = standing(recalled, RECIPIENT, HandoffAction.ACCEPT, HandoffAction.RECALL)
    of_recall = {one for one in actions(found) if "recall" in one}
    assert of_recall == acts
    if answered is RecallAnswer.COPIES_ERASED:
        assert found.opening("assessment") is Closed.COPIES_ERASED


def test_that_copies_are_erased_is_also_said_of_what_was_kept_or_erased_here():
    final = ANSWERS["recall_answer"]
    assert standing(ACCEPTED).why_not(final) == "no recall stands on this handoff"
    assert standing(ACCEPTED, retention=RETENTION).why_not(final) is None
    assert standing(erased(ACCEPTED)).why_not(final) is None
    assert standing(erased(OFFERED)).why_not(final)


def test_of_an_erased_case_few_things_are_answered():
    found = standing(erased(ACCEPTED))
    assert actions(found) == ["handoff.answer_recall"]
    assert found.why_erased(ANSWERS["outcome"]) == Closed.NO_COPY
    assert standing(erased(ACCEPTED), has_copy=True).why_erased(ANSWERS["outcome"]) == COPY_KEPT
    assert "handoff.retain" in actions(standing(erased(ACCEPTED), has_copy=True))


def test_notices_about_an_erased_case_are_few():
    notice, step = ANSWERS["correction_notice"], HandoffAction.NOTIFY_CORRECTION
    for number, may in ((MOST_LATE - 1, True), (MOST_LATE, False)):
        found = standing(erased(ACCEPTED), ORIGINATOR, *[step] * number)
        assert (found.why_not(notice) is None) is may
    assert standing(erased(ACCEPTED), RECIPIENT, step).why_not(ANSWERS["acknowledgement"]) is None


@each(
    "changes, more, reason, opens",
    [
        ({}, {}, "assessment", Opens.ACCEPTED),
        ({"state": HandoffState.CLOSED}, {}, "assessment", Opens.ACCEPTED),
        ({"state": HandoffState.DECLINED}, {}, "assessment", Closed.NOT_ACCEPTED),
        ({"state": HandoffState.REISSUED}, {}, "assessment", Closed.NOT_ACCEPTED),
        ({"state": HandoffState.REISSUED}, {"read_access": True}, "assessment", Opens.READ_ACCESS),
        ({"recall": UUID(int=5)}, {}, "recall_review", Opens.RECALLED),
        (
            {"recall": UUID(int=5), "state": HandoffState.WITHDRAWN}, {}, "recall_review",
            Opens.RECALLED,
        ),
        ({"conditions_digest": ""}, {}, "retention", Closed.NO_COPY),
        ({"conditions_digest": ""}, {"has_copy": True}, "retention", Opens.COPY),
        ({}, {"day": date(9999, 1, 1)}, "assessment", Closed.PAST_ERASURE),
        ({}, {"side": ORIGINATOR}, "assessment", Closed.NOT_ACCEPTED),
    ],
)  # fmt: skip
def test_content_opens_by_an_acceptance_and_by_what_law_leaves_open(changes, more, reason, opens):
    side = more.pop("side", RECIPIENT)
    found = standing(replace(ACCEPTED, **changes), side, HandoffAction.ACCEPT, **more)
    assert found.opening(reason) is opens
    assert found.facts(reason)["break_glass"] is False


def test_before_an_acceptance_danger_opens_content_to_its_reason_alone():
    danger = standing(replace(OFFERED, urgency=Urgency.IMMINENT_DANGER))
    assert danger.opening("imminent_danger") is Opens.DANGER
    assert danger.facts("imminent_danger")["break_glass"] is True
    assert danger.opening("assessment") is Closed.NOT_ACCEPTED
    assert standing().opening("imminent_danger") is Closed.NOT_ACCEPTED


def test_the_day_agreed_with_a_package_closes_it_unless_it_is_retained():
    found = standing(ACCEPTED)
    assert found.is_past_erasure(NOW.date())
    assert not found.is_past_erasure(NOW.date() + timedelta(days=1))
    assert not standing(ACCEPTED, retention=RETENTION).is_past_erasure(NOW.date())


def test_a_recall_is_open_to_a_holder_or_of_what_stands_offered():
    for handoff, may in (
        (ACCEPTED, True),
        (OFFERED, True),
        (replace(OFFERED, state=HandoffState.DECLINED), False),
        (replace(ACCEPTED, recall=UUID(int=5)), False),
    ):
        assert ("case.recall" in actions(standing(handoff, ORIGINATOR))) is may


def came(kind: DutyKind, organisation: str, event: int = 9, **more) -> HandoffDuty:
    about = {"event_type": "handoff.closed", "source": UUID(int=event), "since": NOW}
    return begin_arrival(OFFERED.id, organisation, kind, **about, **more)


def test_what_arrived_is_owed_by_nobody_and_may_be_marked_as_seen_by_its_side():
    news = came(DutyKind.ORIGINATOR_NEWS, OFFERED.originator)
    found = standing(ACCEPTED, ORIGINATOR, HandoffAction.ACCEPT, duties=(news,))
    assert (found.arrived, found.owed) == ([news], {})
    assert "handoff.mark_seen" in actions(found)
    other = standing(ACCEPTED, RECIPIENT, HandoffAction.ACCEPT, duties=(news,))
    assert other.arrived == []
    assert "handoff.mark_seen" not in actions(other)
    assert replace(found, duties=(news.close(NOW),)).arrived == []


def test_a_list_names_what_answers_a_duty_as_far_as_the_row_tells():
    def acts(kind, handoff=ACCEPTED):
        return acts_on(begin(handoff, kind, UUID(int=9), NOW, NOW + HOUR), handoff, NOW)

    assert acts(DutyKind.ANSWER, OFFERED) == [
        "handoff.accept", "handoff.decline", "handoff.redirect"
    ]  # fmt: skip
    assert acts(DutyKind.UPDATE) == ["handoff.update", "handoff.omit_update"]
    ended = replace(ACCEPTED, state=HandoffState.DECLINED)
    assert acts(DutyKind.UPDATE, ended) == ["handoff.notify_correction", "handoff.omit_update"]
    assert acts(DutyKind.REVIEW) == ["handoff.review"]
    addition = came(DutyKind.ADDITION, OFFERED.recipient)
    assert acts_on(addition, ACCEPTED, NOW) == ["handoff.acknowledge", "handoff.mark_seen"]


def test_who_consulted_in_danger_holds_copies_and_has_it_reviewed():
    ended = replace(OFFERED, state=HandoffState.DECLINED)
    found = standing(ended, owes=[(DutyKind.REVIEW, 24)])
    assert found.holds
    assert found.acts()[0] == ("handoff.review", NOW + 24 * HOUR)
    assert found.why_not(KIND_OF_ACTION["handoff.propose_correction"]) is None
    with pytest.raises(KeyError):
        standing(ended).owed[DutyKind.REVIEW]
