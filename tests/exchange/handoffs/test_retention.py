"""Retention (R14): what a holder keeps by law outlives the case, and is for that holder alone."""

import json
from dataclasses import replace
from datetime import date, timedelta
from uuid import UUID

import pytest

from gateway.domain.case import CaseState
from gateway.domain.consultation import RETENTION
from gateway.domain.duty import DutyKind
from gateway.domain.handoff import HandoffState
from gateway.domain.measure import MeasureKind
from gateway.domain.organisation import Status, StatusEntry
from gateway.domain.out_of_service import handoff_entry
from gateway.domain.refusals import (
    CaseErased,
    CaseKeysUnavailable,
    Forbidden,
    OutOfService,
    ValidationFailed,
    WrongState,
)
from gateway.domain.retention import (
    AFTER_LEAVING,
    GRACE_DAYS,
    LONGEST_REVIEW,
    RetentionGround,
    in_years,
)
from gateway.evidence import sd_jwt
from gateway.exchange.case import cases, measures
from gateway.exchange.case.measures import MeasureRequest
from gateway.exchange.handoffs import package_consultation, retention, views
from gateway.exchange.lifecycle import erasure
from gateway.exchange.standing import duties
from gateway.exchange.standing.consultations import ConsultationRequest
from gateway.kernel.changes import Change
from gateway.kernel.ports import TransactionMode
from gateway.store.cases import SqlCases
from tests import answers, founding
from tests.casework import (
    OPENING,
    accepted,
    acknowledged,
    consulted,
    element_id,
    offered,
    revised,
    statement,
    submitted,
    updated,
)
from tests.founded_gateway import ABROAD, CSAM_FR, HOTLINE, OFMIN, caller, fields_of, shown
from tests.log_check import handoffs_compared, rows_are_whole

BASIS = "art. 230-8 CPP"
KEPT = ConsultationRequest("officer-1", RETENTION, "file 4711")
TO_THE_DAY = timedelta(days=4000)


def held(gateway, **stated):
    """A case that OFMIN accepted, and retains if something is stated: its id and its handoff."""
    case = submitted(gateway)
    handoff = accepted(gateway, offered(gateway, case))
    if stated:
        retain(gateway, handoff, **stated)
    return UUID(case.result["case"]), handoff


def retain(gateway, handoff, **fields):
    return gateway.answer(OFMIN, answers.retain, handoff, **{"legal_basis": BASIS, **fields})


def erase(gateway):
    """Let the day of erasure come for every case."""
    gateway.clock.advance(TO_THE_DAY)
    return erasure.erase_due(gateway.ports)


def end_due(gateway, days):
    """What ends after so many days more."""
    gateway.clock.advance(timedelta(days=days))
    return retention.end_due(gateway.ports)


def consult(gateway, handoff, **key):
    return gateway.act(OFMIN, package_consultation.consult, handoff, KEPT, **key)


def kept_document(gateway, handoff):
    return sd_jwt.read_unverified(consult(gateway, handoff).result["presentation"]).content


def stands(gateway, handoff):
    with gateway.ports.begin(TransactionMode.READ) as work:
        return work.retentions.of_handoff(handoff)


def copy_of(gateway, handoff):
    with gateway.ports.begin(TransactionMode.READ) as work:
        return work.retentions.copy(handoff)


def has_copy(gateway, handoff):
    return copy_of(gateway, handoff) is not None


def key_of(gateway, case):
    with gateway.ports.begin(TransactionMode.READ) as work:
        return work.cases.key_of(HOTLINE, case)


def later(gateway, days):
    return (gateway.clock().date() + timedelta(days=days)).isoformat()


STATED = {"legal_basis": BASIS}
REVIEW = [DutyKind.RETENTION_REVIEW]


# --- Stated --------------------------------------------------------------------------------------


def test_a_holder_states_that_it_retains_and_a_review_is_owed(gateway):
    _, handoff = held(gateway)
    written = retain(gateway, handoff)
    found = stands(gateway, handoff)
    assert str(found.id) == fields_of(written.receipt)["id"]
    assert (found.ground, found.legal_basis) == (RetentionGround.STATED, BASIS)
    assert found.review_on == gateway.clock().date() + LONGEST_REVIEW
    assert gateway.owed(handoff) == REVIEW
    retain(gateway, handoff, review_on=later(gateway, 20))  # a further one is the review
    assert stands(gateway, handoff).review_on.isoformat() == later(gateway, 20)
    assert gateway.owed(handoff) == REVIEW


@pytest.mark.parametrize(
    ("field", "days"), [("until", 0), ("review_on", 0), ("review_on", LONGEST_REVIEW.days + 1)]
)
def test_a_retention_ends_later_and_is_reviewed_within_three_years(gateway, field, days):
    _, handoff = held(gateway)
    with pytest.raises(ValidationFailed) as told:
        retain(gateway, handoff, **{field: later(gateway, days)})
    assert [pointer for pointer, _ in told.value.errors] == [f"/{field}"]
    assert stands(gateway, handoff) is None


def test_only_who_accepted_and_is_an_authority_retains(gateway):
    said = answers.said("officer-1", **STATED)
    for to, reader, kind in ((ABROAD, ABROAD, Forbidden), (CSAM_FR, OFMIN, WrongState)):
        handoff = UUID(offered(gateway, to=to).result["handoff"])
        gateway.refused(kind, reader, answers.retain, handoff, said)


def test_a_private_originator_reads_that_a_case_is_retained_and_not_by_what_law(gateway):
    _, handoff = held(gateway, reference="file 4711")
    for reader, told in ((OFMIN, BASIS), (HOTLINE, None)):
        view = views.look_up(gateway.ports, caller(reader), handoff)
        assert view.retention.legal_basis == told
        content = sd_jwt.read_unverified(view.answers[-1].document).content
        assert content.get("legal_basis") == told
        assert content.get("reference") == (told and "file 4711")


# --- Kept beyond the erasure ---------------------------------------------------------------------


def test_what_is_retained_opens_after_the_erasure_for_its_holder_alone(gateway):
    _, handoff = held(gateway)
    before = consulted(gateway, handoff)
    retain(gateway, handoff)
    assert erase(gateway) == 1
    opened = consult(gateway, handoff, key="the same")
    for name in ("presentation", "conditions"):
        assert opened.result[name] == before.result[name]
    assert len(opened.result["documents"]) == 3  # offer, acceptance, retention
    size = gateway.size()
    assert consult(gateway, handoff, key="the same").result == opened.result
    assert gateway.size() == size
    assert gateway.handoff(handoff).state is HandoffState.LAPSED
    assert (before.result["retained"], opened.result["retained"]) == (False, True)
    gateway.refused(CaseErased, HOTLINE, package_consultation.consult, handoff, KEPT)
    numbered = replace(KEPT, package=1)
    with pytest.raises(ValidationFailed):
        gateway.act(OFMIN, package_consultation.consult, handoff, numbered)


def test_what_nobody_retains_is_gone_at_once(gateway):
    case, _ = held(gateway)
    private = accepted(gateway, offered(gateway, to=ABROAD), recipient=ABROAD)
    assert erase(gateway) == 2
    assert not has_copy(gateway, private)
    assert key_of(gateway, case) is None
    with gateway.ports.begin(TransactionMode.READ) as work:
        assert work.cases.doomed(10) == []


def test_a_superseded_package_is_not_kept(gateway):
    case = submitted(gateway)
    handoff = accepted(gateway, offered(gateway, case))
    revised(gateway, case, statements=[statement("fact", text="as corrected")])
    updated(gateway, handoff)
    acknowledged(gateway, handoff)
    retain(gateway, handoff)
    erase(gateway)
    assert consult(gateway, handoff).result["package"] == 2
    assert "as corrected" in json.dumps(kept_document(gateway, handoff))


def test_groups_that_were_not_accepted_are_not_kept(gateway):
    handoff = accepted(gateway, groups=("items",))
    retain(gateway, handoff)
    erase(gateway)
    content = kept_document(gateway, handoff)
    assert content["items"]
    assert not content.get("statements")


def test_a_copy_opens_for_its_own_reason_code_alone(gateway):
    _, handoff = held(gateway, **STATED)
    gateway.denied("R6.reason", OFMIN, package_consultation.consult, handoff, KEPT)
    erase(gateway)
    gateway.denied("R14.reason", OFMIN, package_consultation.consult, handoff, OPENING)


def test_the_reason_of_a_consultation_ends_with_the_key_of_the_copy(gateway):
    _, handoff = held(gateway, until=later(gateway, 5000))
    erase(gateway)
    opened = consult(gateway, handoff)
    assert shown(opened.receipt)["reason"] == "file 4711"
    end_due(gateway, 1001)
    erasure.destroy_keys(gateway.ports)
    with gateway.ports.begin(TransactionMode.READ) as work:
        logged = work.log.logged(UUID(fields_of(opened.receipt)["id"]))
    assert all(one.kind != "reason" for one in logged.event.disclosures)
    gateway.receipts.clear()


def test_a_copy_of_a_suspended_case_opens_in_proceedings_alone(gateway):
    case, handoff = held(gateway, **STATED)
    gateway.clock.advance(timedelta(days=364))
    until = gateway.clock() + timedelta(hours=72)
    stop = MeasureRequest(MeasureKind.SUSPENSION, "officer-1", "objection", until=until)
    gateway.act(HOTLINE, measures.on_case, case, stop)
    gateway.clock.advance(timedelta(days=1))
    assert erasure.erase_due(gateway.ports) == 1
    gateway.denied("R13.suspension", OFMIN, package_consultation.consult, handoff, KEPT)
    proceedings = replace(KEPT, reason_code="in_proceedings")
    assert gateway.act(OFMIN, package_consultation.consult, handoff, proceedings).result["retained"]
    gateway.clock.advance(timedelta(days=2))
    assert consult(gateway, handoff).result


def test_an_element_that_was_marked_before_the_erasure_stays_closed_in_the_copy(gateway):
    case, handoff = held(gateway, **STATED)
    marked = element_id("url")
    mark = MeasureRequest(
        MeasureKind.MARK, "officer-1", "objection", elements=(marked,), approved_by="approver-1"
    )
    gateway.act(HOTLINE, measures.on_case, case, mark)
    assert erase(gateway) == 1
    items = {item["id"] for item in kept_document(gateway, handoff)["items"]}
    assert items and marked not in items


# --- Days of grace -------------------------------------------------------------------------------


def test_a_holder_under_led_that_stated_nothing_has_days_of_grace(gateway):
    _, handoff = held(gateway)
    erase(gateway)
    assert has_copy(gateway, handoff)
    assert gateway.owed(handoff) == [DutyKind.RETENTION]
    gateway.denied("R14.stated", OFMIN, package_consultation.consult, handoff, KEPT)
    retain(gateway, handoff)
    assert gateway.owed(handoff) == REVIEW
    assert not end_due(gateway, GRACE_DAYS)
    assert consult(gateway, handoff).result["documents"]


def test_after_the_days_of_grace_the_copy_is_destroyed_by_an_event_and_nothing_is_stated(gateway):
    _, handoff = held(gateway)
    erase(gateway)
    size, said = gateway.size(), answers.said("officer-1", **STATED)
    end_due(gateway, GRACE_DAYS - 1)
    assert gateway.size() == size
    gateway.clock.advance(timedelta(days=1))
    assert has_copy(gateway, handoff)
    gateway.refused(CaseErased, OFMIN, answers.retain, handoff, said)  # not ended yet, but over
    end_due(gateway, 0)
    assert gateway.size() == size + 2
    assert not has_copy(gateway, handoff)
    assert erasure.destroy_keys(gateway.ports) == 1
    gateway.refused(CaseErased, OFMIN, answers.retain, handoff, said)


# --- Its end -------------------------------------------------------------------------------------


def test_a_retention_ends_on_its_day_and_not_before(gateway):
    _, handoff = held(gateway, until=later(gateway, 10))
    end_due(gateway, 9)
    assert stands(gateway, handoff) is not None
    end_due(gateway, 1)
    assert stands(gateway, handoff) is None


def test_what_is_stated_anew_while_it_is_looked_for_is_not_ended(gateway):
    _, handoff = held(gateway, until=later(gateway, 10))
    gateway.clock.advance(timedelta(days=10))

    def begin(mode, *key):
        if mode is TransactionMode.WRITE:
            retain(gateway, handoff)
        return gateway.ports.begin(mode, *key)

    retention.end_due(replace(gateway.ports, begin=begin))
    assert stands(gateway, handoff).until is None


def test_who_answered_and_whose_retention_is_over_has_no_days_of_grace(gateway):
    _, handoff = held(gateway, until=later(gateway, 10))
    erase(gateway)
    assert not has_copy(gateway, handoff)
    assert stands(gateway, handoff) is None


def test_a_missed_review_is_overdue_and_destroys_nothing(gateway):
    _, handoff = held(gateway, review_on=later(gateway, 10))
    gateway.clock.advance(timedelta(days=11))
    for _ in range(4):
        duties.sweep(gateway.ports)
        gateway.clock.advance(timedelta(hours=1))
    (owed,) = gateway.duties(handoff)
    assert owed.overdue_at is not None
    assert stands(gateway, handoff) is not None


def test_what_a_holder_retains_ends_thirty_days_after_it_left(gateway):
    _, handoff = held(gateway, **STATED)
    gateway.clock.advance(timedelta(days=3000))
    assert erasure.erase_due(gateway.ports) == 1
    gateway.administer("organisation.leave", OFMIN, reason="closed")
    end_due(gateway, AFTER_LEAVING.days - 1)
    assert has_copy(gateway, handoff)
    end_due(gateway, 1)
    assert not has_copy(gateway, handoff)
    assert stands(gateway, handoff) is None


def test_nothing_ends_for_who_left_by_its_row_alone():
    gateway = founding.founded()  # of its own: its registry is not what the log says
    _, handoff = held(gateway, **STATED)
    gateway.clock.advance(timedelta(days=3000))
    assert erasure.erase_due(gateway.ports) == 1
    with gateway.ports.begin(TransactionMode.REGISTRY) as work:
        office = work.organisations.get(OFMIN)
        passed = StatusEntry(Status.LEFT, date(2026, 4, 1), office.history[-1].event)
        left = replace(office, status=Status.LEFT, history=(passed,), version=office.version + 1)
        work.organisations.save(left)
        work.commit()
    assert not end_due(gateway, 0)
    assert has_copy(gateway, handoff)


def test_late_answers_end_with_who_left_and_keep_their_key_until_then(gateway):
    _, handoff = held(gateway)
    erase(gateway)
    retain(gateway, handoff)
    (row,) = gateway.store.tables("answer_key")["answer_key"]
    key = UUID(row[1])
    gateway.store.change("DELETE FROM answer_key")
    gateway.store.change("INSERT INTO doomed_key VALUES (?)", key.hex)
    with pytest.raises(OutOfService):
        erasure.destroy_keys(gateway.ports)
    gateway.store.change("DELETE FROM doomed_key")
    gateway.store.change("INSERT INTO answer_key VALUES (?, ?)", *row)
    gateway.administer("organisation.leave", OFMIN, reason="closed")
    end_due(gateway, AFTER_LEAVING.days)
    end_due(gateway, 0)
    # Of its late answers, of what it retained, and of its index of items.
    assert erasure.destroy_keys(gateway.ports) == 3
    assert key in gateway.ports.keys.gone


def test_a_suspended_holder_opens_nothing_and_what_it_retains_stands(gateway):
    _, handoff = held(gateway, **STATED)
    erase(gateway)
    gateway.administer("organisation.suspend", OFMIN, reason="an inquiry")
    end_due(gateway, 90)
    assert has_copy(gateway, handoff)
    gateway.denied("R2.inactive", OFMIN, package_consultation.consult, handoff, KEPT)


# --- Keys ----------------------------------------------------------------------------------------


def test_the_erasure_of_a_retained_case_waits_for_its_key_and_keeps_no_other(gateway):
    case, handoff = held(gateway, **STATED)
    other = UUID(submitted(gateway).result["case"])
    gateway.ports.keys.lost.add(key_of(gateway, case))
    assert erase(gateway) == 1
    assert gateway.case(other).state is CaseState.ERASED
    with pytest.raises(CaseKeysUnavailable):
        erasure.erase_due(gateway.ports)
    gateway.ports.keys.lost.clear()
    gateway.refused(WrongState, OFMIN, package_consultation.consult, handoff, OPENING)
    gateway.refused(WrongState, HOTLINE, cases.consult, case, OPENING)
    assert erasure.erase_due(gateway.ports) == 1
    assert has_copy(gateway, handoff)


def test_a_key_that_is_gone_for_good_ends_the_retention_by_an_event(gateway):
    case, handoff = held(gateway, **STATED)
    gateway.ports.keys.destroy([key_of(gateway, case)])
    size = gateway.size()
    assert erasure.erase_restored(gateway.ports) == 1
    assert gateway.size() == size + 3  # for the originator, the holder, and of its retention
    assert stands(gateway, handoff) is None


def test_the_key_of_a_copy_is_used_whatever_key_its_row_names(gateway):
    _, handoff = held(gateway, **STATED)
    erase(gateway)
    key, (other,) = copy_of(gateway, handoff).content_key, gateway.ports.keys.gone
    gateway.store.change("UPDATE retained_copy SET content_key = ?", other.hex)
    gateway.ports.keys.old.add(key)
    assert erasure.erase_restored(gateway.ports) == 0
    erasure.destroy_orphan_keys(gateway.ports, None, rows_are_whole)
    assert key not in gateway.ports.keys.gone
    assert stands(gateway, handoff) is not None
    assert "copy" in handoffs_compared(gateway).differing[handoff_entry(handoff)]
    gateway.store.change("UPDATE retained_copy SET content_key = ?", key.hex)


def test_the_key_of_a_copy_is_used_and_a_copy_that_came_back_without_it_ends_again(gateway):
    _, handoff = held(gateway, **STATED)
    erase(gateway)
    key = copy_of(gateway, handoff).content_key
    gateway.ports.keys.old.add(key)
    erasure.destroy_orphan_keys(gateway.ports, None, rows_are_whole)
    assert key not in gateway.ports.keys.gone
    gateway.ports.keys.destroy([key])
    assert erasure.erase_restored(gateway.ports) == 1
    assert stands(gateway, handoff) is None
    assert erasure.erase_restored(gateway.ports) == 0


def killed(*_):
    raise KeyboardInterrupt


@pytest.mark.parametrize("step", ["destroy", "forget_keys"])
def test_what_stops_after_the_decision_loses_no_copy_and_is_finished_later(
    gateway, monkeypatch, step
):
    _, handoff = held(gateway, **STATED)
    with monkeypatch.context() as broken:
        broken.setattr(gateway.ports.keys if step == "destroy" else SqlCases, step, killed)
        with pytest.raises(KeyboardInterrupt):
            erase(gateway)
    assert has_copy(gateway, handoff)
    assert erasure.destroy_keys(gateway.ports) == 1
    assert consult(gateway, handoff).result["documents"]


def test_what_stops_before_the_decision_leaves_the_case_as_it_was(gateway, monkeypatch):
    case, handoff = held(gateway, **STATED)
    with monkeypatch.context() as broken:
        broken.setattr(SqlCases, "erase", killed)
        with pytest.raises(KeyboardInterrupt):
            erase(gateway)
    assert gateway.case(case).state is not CaseState.ERASED
    assert not has_copy(gateway, handoff)
    assert erasure.erase_due(gateway.ports) == 1
    assert has_copy(gateway, handoff)


# --- Registered ----------------------------------------------------------------------------------


def test_an_acceptance_applies_the_term_that_was_recorded_for_its_purpose(gateway):
    values = {"purpose": "identify_victim", "legal_act": BASIS, "years": "10", "review_years": "2"}
    gateway.administer("retention.record", OFMIN, **values, start="2026-01-01")
    found = stands(gateway, accepted(gateway))
    assert (found.ground, found.legal_basis) == (RetentionGround.REGISTERED, BASIS)
    assert found.until == in_years(gateway.clock().date(), 10)
    assert found.review_on == in_years(gateway.clock().date(), 2)


def test_only_an_organisation_under_led_has_a_standing_term(gateway):
    values = {"purpose": "remove", "legal_act": BASIS, "review_years": "3", "from": "2026-01-01"}
    gateway.unmade(WrongState, Change("retention.record", ABROAD, values))
