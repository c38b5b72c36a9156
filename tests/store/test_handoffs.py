"""Handoffs keep what was offered, take each answer once, and are found from both sides."""

from dataclasses import replace
from datetime import date, timedelta

import pytest

from gateway.domain.case import CaseState
from gateway.domain.handoff import Addressee, HandoffAction, HandoffPlace, HandoffState
from gateway.domain.moves import move, update
from gateway.domain.refusals import AlreadyExists, CaseErased, EditConflict
from gateway.domain.revision import ChangeKind
from gateway.domain.vocabulary import Urgency
from gateway.kernel.ports import TransactionMode
from gateway.kernel.values import HandoffFilter, SentHandoff, WaitingHandoffs
from tests.store.samples import (
    NOON,
    accepted,
    answer_to,
    case,
    consultation,
    handoff,
    new_id,
    revised,
)


@pytest.fixture
def stored_case(store):
    made, version = case()
    with store.begin(TransactionMode.WRITE) as work:
        work.cases.add(made, version)
        work.commit()
    return made


def stored(store, *offers):
    with store.begin(TransactionMode.WRITE) as work:
        for offer in offers:
            work.handoffs.add(*offer)
        work.commit()
    return offers[0]


def test_a_handoff_and_its_offer_come_back_as_they_were_stored(store, stored_case):
    by_competence = handoff(stored_case)
    to_organisation = handoff(
        stored_case,
        address=Addressee("abroad"),
        expires_at=NOON + timedelta(days=30, microseconds=1),
        transfer_tool="Art. 46(2)(c)",
    )
    stored(store, by_competence, to_organisation)
    for mode in TransactionMode:
        with store.begin(mode) as work:
            for made, offer in (by_competence, to_organisation):
                assert work.handoffs.get(made.id) == made
                assert work.handoffs.answers(made.id) == [offer]
                assert work.handoffs.answer_of(offer.event) == offer
            assert work.handoffs.get(new_id()) is None
            assert work.handoffs.answers(new_id()) == []
            assert work.handoffs.answer_of(new_id()) is None


def test_a_handoff_is_read_with_its_case_as_it_is_now(store, stored_case):
    made, _ = stored(store, handoff(stored_case))
    for unchanged in (True, False):
        with store.begin(TransactionMode.WRITE) as work:
            found, case = work.handoffs.with_case(made.id)
            assert (found, case) == (made, work.cases.get(made.originator, made.case))
            assert (case.digest == found.case_digest) is unchanged
        with store.begin(TransactionMode.WRITE) as work:
            work.cases.save(*revised(work.cases.get(made.originator, made.case)))
            work.commit()


def test_a_taken_handoff_id_is_refused_and_the_work_goes_on(store, stored_case):
    made, _ = stored(store, handoff(stored_case))
    other, offer = handoff(stored_case, "abroad", id=made.id)
    free = handoff(stored_case)
    with store.begin(TransactionMode.WRITE) as work:
        with pytest.raises(AlreadyExists):
            work.handoffs.add(other, offer)
        work.handoffs.add(*free)
        work.commit()
    with store.begin(TransactionMode.READ) as work:
        assert work.handoffs.get(made.id) == made
        assert work.handoffs.answer_of(offer.event) is None
        assert work.handoffs.get(free[0].id) == free[0]


def test_what_was_sent_of_a_case_is_found_by_it(store, stored_case):
    made, _ = stored(store, handoff(stored_case))
    other, _ = stored(store, handoff(stored_case))
    with store.begin(TransactionMode.READ) as work:
        assert work.handoffs.sent_of(made.originator, made.case) == [
            SentHandoff(one.id, one.recipient, one.case_digest, one.state)
            for one in sorted((made, other), key=lambda one: one.id)
        ]
        assert work.handoffs.sent_of("nobody", made.case) == []


def test_a_handoff_of_an_unknown_version_is_an_error(store, stored_case):
    with store.begin(TransactionMode.WRITE) as work, pytest.raises(RuntimeError):
        work.handoffs.add(*handoff(replace(stored_case, digest="unknown")))


def test_an_answer_is_appended_and_moves_the_handoff(store, stored_case):
    made, offer = stored(store, handoff(stored_case))
    moved, answer = accepted(made)
    with store.begin(TransactionMode.WRITE) as work:
        work.handoffs.save(moved, answer)
        work.commit()
    with store.begin(TransactionMode.READ) as work:
        assert work.handoffs.get(made.id) == moved
        assert work.handoffs.answers(made.id) == [offer, answer]
        assert work.handoffs.answer_of(answer.event) == answer


def test_a_notice_about_an_erased_case_is_kept_under_a_key_of_its_author(store, stored_case):
    made, _ = stored(store, handoff(stored_case, held=1))
    with store.begin(TransactionMode.WRITE) as work:
        erased = replace(stored_case, state=CaseState.ERASED, revision=stored_case.revision + 1)
        work.cases.erase(erased)
        work.commit()
    with store.begin(TransactionMode.READ) as work:
        lapsed = work.handoffs.get(made.id)
    moved = move(lapsed, HandoffAction.NOTIFY_CORRECTION, made.originator)
    notice = answer_to(moved, HandoffAction.NOTIFY_CORRECTION)
    with store.begin(TransactionMode.WRITE) as work:
        work.handoffs.get(made.id)
        work.handoffs.save(moved, notice)
        work.commit()
    with store.begin(TransactionMode.READ) as work:
        assert work.handoffs.notices(made.id) == [notice]
        with pytest.raises(CaseErased):
            work.handoffs.answers(made.id)


def test_a_case_says_whether_anybody_is_asked_to_take_it_or_took_it(store, stored_case):
    def is_offered():
        with store.begin(TransactionMode.READ) as work:
            return work.cases.get(stored_case.originator, stored_case.id).offered

    assert not is_offered()
    (first, _), (other, _) = offers = handoff(stored_case), handoff(stored_case, "abroad")
    stored(store, *offers)
    assert is_offered()
    declined = move(first, HandoffAction.DECLINE, first.recipient)
    with store.begin(TransactionMode.WRITE) as work:
        work.cases.get(stored_case.originator, stored_case.id)
        work.handoffs.save(declined, answer_to(declined, HandoffAction.DECLINE))
        work.commit()
    assert is_offered()
    with store.begin(TransactionMode.WRITE) as work:
        work.handoffs.end_returned(other)
        work.commit()
    assert not is_offered()


@pytest.mark.parametrize("sequence", [1, 3])
def test_a_handoff_of_another_sequence_is_stale_and_takes_no_answer(store, stored_case, sequence):
    made, offer = stored(store, handoff(stored_case))
    moved = replace(accepted(made)[0], sequence=sequence)
    with store.begin(TransactionMode.WRITE) as work, pytest.raises(EditConflict):
        work.handoffs.save(moved, answer_to(moved, None))
        work.commit()
    with store.begin(TransactionMode.READ) as work:
        assert work.handoffs.get(made.id) == made
        assert work.handoffs.answers(made.id) == [offer]


def test_an_event_records_one_answer(store, stored_case):
    made, offer = stored(store, handoff(stored_case))
    moved, answer = accepted(made)
    with store.begin(TransactionMode.WRITE) as work, pytest.raises(RuntimeError):
        work.handoffs.save(moved, replace(answer, event=offer.event))
        work.commit()


def test_each_package_is_found_by_its_number(store, stored_case):
    made, offer = stored(store, handoff(stored_case))
    moved, acceptance = accepted(made)
    newer = replace(
        update(moved, ChangeKind.CORRECTION), offer_digest="offer-2", held_under="digest-2"
    )
    made_newer = answer_to(newer, HandoffAction.UPDATE)
    with store.begin(TransactionMode.WRITE) as work:
        work.handoffs.save(moved, acceptance)
        work.handoffs.save(newer, made_newer)
        work.commit()
    with store.begin(TransactionMode.READ) as work:
        assert work.handoffs.get(made.id) == newer
        assert work.handoffs.offer(made.id, 1) == offer
        assert work.handoffs.offer(made.id, 2) == made_newer
        assert work.handoffs.offer(made.id, 3) is None
        assert work.handoffs.of_case(made.originator, made.case) == [newer]
        assert work.handoffs.of_case("another", made.case) == []


def paged(work, organisation, box, **filters):
    found, after = [], None
    while page := work.handoffs.page(organisation, box, HandoffFilter(**filters), after, 2):
        assert len(page) <= 2
        found += page
        after = HandoffPlace.read(str(page[-1].place))
    return found


def test_both_boxes_come_in_pages_whole_and_by_state(store, stored_case):
    offers = [handoff(stored_case) for _ in range(5)]
    moved, answer = accepted(offers[3][0])
    other = handoff(stored_case, "abroad")
    stored(store, *reversed(offers), other)
    with store.begin(TransactionMode.WRITE) as work:
        work.handoffs.save(moved, answer)
        work.commit()
    mine = [made for made, _ in offers[:3]] + [moved, offers[4][0]]
    with store.begin(TransactionMode.READ) as work:
        assert paged(work, "police", "in") == mine
        assert paged(work, "hotline", "out") == [*mine, other[0]]
        assert paged(work, "police", "out") == []
        assert paged(work, "hotline", "in") == []
        assert paged(work, "police", "in", state="partially_accepted") == [moved]
        assert paged(work, "hotline", "out", state="offered") == [*mine[:3], mine[4], other[0]]
        assert paged(work, "police", "in", state="closed") == []


def test_boxes_come_by_urgency_then_due_time_and_what_owes_nothing_last(store, stored_case):
    def offer(urgency, due_at, **changes):
        return handoff(stored_case, urgency=urgency, due_at=due_at, **changes)

    later = NOON + timedelta(hours=1)
    offers = [
        offer(Urgency.NORMAL, NOON),
        offer(Urgency.URGENT, None),
        offer(Urgency.URGENT, later),
        offer(Urgency.URGENT, NOON, matter=frozenset({"csam", "grooming"})),
        offer(Urgency.IMMINENT_DANGER, later),
    ]
    stored(store, *offers)
    normal, settled, urgent, first, danger = (made for made, _ in offers)
    with store.begin(TransactionMode.READ) as work:
        assert paged(work, "police", "in") == [danger, first, urgent, settled, normal]
        assert paged(work, "hotline", "out", urgency=Urgency.URGENT) == [first, urgent, settled]
        assert paged(work, "police", "in", counterpart="hotline") == paged(work, "police", "in")
        assert paged(work, "hotline", "out", counterpart="elsewhere") == []
        assert paged(work, "hotline", "out", case=first.case)[0] == danger
        assert paged(work, "police", "in", case=first.case, counterpart="elsewhere") == []
        assert paged(work, "police", "in", overdue_at=NOON) == [first, normal]
        assert work.handoffs.waiting("police", "in", NOON) == WaitingHandoffs(
            {Urgency.IMMINENT_DANGER: 1, Urgency.URGENT: 3, Urgency.NORMAL: 1}, overdue=2
        )
        assert work.handoffs.waiting("police", "out", NOON) == WaitingHandoffs({}, overdue=0)


def test_a_succession_goes_through_what_was_received_by_id(store, stored_case):
    offers = [handoff(stored_case) for _ in range(3)]
    stored(store, *reversed(offers), handoff(stored_case, state=HandoffState.CLOSED))
    with store.begin(TransactionMode.READ) as work:
        first = work.handoffs.received("police", "offered", None, 2)
        assert first == [made for made, _ in offers[:2]]
        assert work.handoffs.received("police", "offered", first[-1].id, 2) == [offers[2][0]]


def test_the_open_handoffs_of_a_case_are_counted(store, stored_case):
    another, version = case()
    with store.begin(TransactionMode.WRITE) as work:
        work.cases.add(another, version)
        work.handoffs.add(*handoff(another))
        for state in HandoffState:
            work.handoffs.add(*handoff(stored_case, state=state))
        work.commit()
    with store.begin(TransactionMode.READ) as work:
        assert work.handoffs.open_of("hotline", stored_case.id) == 3
        assert work.handoffs.open_of("hotline", another.id) == 1
        assert work.handoffs.open_of("abroad", stored_case.id) == 0


def test_whether_the_originator_was_told_of_a_consultation_is_known_for_each_handoff(
    store, stored_case
):
    offers = handoff(stored_case), handoff(stored_case)
    stored(store, *offers)
    (made, _), (other, _) = offers
    with store.begin(TransactionMode.WRITE) as work:
        work.handoffs.add_consultation(replace(consultation(made), informed=False))
        assert not work.handoffs.was_informed_of_consultation(made.id)
        work.handoffs.add_consultation(consultation(made))
        assert work.handoffs.was_informed_of_consultation(made.id)
        assert not work.handoffs.was_informed_of_consultation(other.id)


def test_a_box_is_filtered_by_the_day_of_erasure(store, stored_case):
    made, _ = stored(store, handoff(stored_case))
    day = date(2027, 3, 2)
    for before, found in ((day, []), (day + timedelta(days=1), [made.id])):
        with store.begin(TransactionMode.READ) as work:
            filters = HandoffFilter(erase_before=before)
            page = work.handoffs.page(made.recipient, "in", filters, None, 9)
            assert [one.id for one in page] == found
