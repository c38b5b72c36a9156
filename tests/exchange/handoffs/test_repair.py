"""Two administrators have a handoff written again of which rows were removed past the gateway."""

from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from gateway.domain.duty import DutyKind
from gateway.domain.measure import MeasureKind
from gateway.domain.out_of_service import handoff_entry
from gateway.domain.refusals import WrongState
from gateway.exchange.case import measures
from gateway.exchange.case.measures import MeasureEnd, MeasureRequest
from gateway.exchange.handoffs import package_consultation
from gateway.exchange.standing import duties
from gateway.kernel.changes import Change
from gateway.kernel.ports import TransactionMode
from tests import answers
from tests.casework import OPENING, accepted, element_id, offered, revised, submitted
from tests.each import each
from tests.exchange.moving_mandates import moved
from tests.founded_gateway import HOTLINE, OFMIN, shown
from tests.founding import founded, founded_at
from tests.log_check import handoffs_compared, rows_proof
from tests.store import places
from tests.store.test_handoff_proof import ACTS, DANGER, NONE, Scene, scene, scene_of

TABLES = ("handoff", "duty", "case_recall", "case_measure", "retention")


def repaired(there: Scene, *names: str) -> dict[str, str]:
    """What was written again of handoffs, by default of all."""
    done = {}
    for name in names or there.handoffs:
        values = {"handoff": str(there.handoffs[name]), "reason": "changed by SQL"}
        done[name] = there.gateway.administer("case.repair_handoff", HOTLINE, **values).result
    return {name: one["written"] for name, one in done.items()}


def open_duties(there: Scene) -> set[Any]:
    """What is owed, by whom and until when."""
    return {
        (name, one.kind, one.source, one.organisation, one.due_at, one.next_at)
        for name, handoff in there.handoffs.items()
        for one in there.gateway.duties(handoff)
    }


def test_all_that_is_owed_is_written_again_with_the_row():
    there = scene()
    owed, rows = open_duties(there), there.gateway.store.tables("handoff")
    there.change("DELETE FROM duty; UPDATE handoff SET state = 'withdrawn'")
    assert repaired(there)["recalled"] == "answer (ended), recall_acknowledgement, recall_answer"
    assert handoffs_compared(there.gateway) == NONE
    assert (open_duties(there), there.gateway.store.tables("handoff")) == (owed, rows)
    there.gateway.answer(OFMIN, answers.acknowledge_recall, there.handoffs["recalled"])


@each("table", ["case_recall", "case_measure", "retention"])
def test_what_stands_beside_a_handoff_is_written_again(table):
    there = scene()
    before = rows_of(there, table)
    there.change(f"DELETE FROM {table}")  # noqa: S608
    repaired(there)
    assert handoffs_compared(there.gateway) == NONE
    assert rows_of(there, table) == before


BESIDE = ("duty", "retention", "case_measure", "case_recall")
WRONG = [one for one in ACTS if one.script.startswith(tuple(f"UPDATE {table}" for table in BESIDE))]


@pytest.mark.parametrize("act", WRONG, ids=[one.name for one in WRONG])
def test_what_stands_wrong_beside_a_handoff_is_written_again(act):
    there = scene()
    there.change(act.script)
    differing = handoffs_compared(there.gateway).differing
    names = [name for name, one in there.handoffs.items() if handoff_entry(one) in differing]
    assert any("without " in one for one in repaired(there, *names).values())
    assert handoffs_compared(there.gateway) == NONE


def test_what_would_not_come_again_is_not_removed():
    gateway = founded()
    case = submitted(gateway)
    held = accepted(gateway, offered(gateway, case))
    revised(gateway, case, urgency="urgent")
    gateway.store.change("UPDATE duty SET closed_at = since WHERE kind = 'update'")
    values = {"handoff": str(held), "reason": "x"}
    found = gateway.unmade(WrongState, Change("case.repair_handoff", HOTLINE, values))
    assert found.detail.startswith("still differs: duty end;")


def test_what_no_event_tells_of_is_removed():
    there = scene()
    there.change(
        "INSERT INTO duty SELECT {held}, 'call', {held}, organisation, since, due_at, next_at,"
        " reminded_at, overdue_at, closed_at, person, arrived, urgency FROM duty LIMIT 1"
    )
    assert repaired(there, "held")["held"] == "without 1 of what stood there"
    assert handoffs_compared(there.gateway) == NONE


def test_no_measure_ends_because_its_event_says_no_more_what_it_set():
    there = scene()
    mark = MeasureRequest(
        MeasureKind.MARK, "officer-1", "objection", (element_id("url"),), approved_by="approver-1"
    )
    there.gateway.act(HOTLINE, measures.on_case, there.case, mark)
    suspension = UUID(there.gateway.store.tables("case_measure")["case_measure"][0][0])
    event = f"CAST(document AS TEXT) LIKE '%\"{suspension}\"%'"
    there.change(f"UPDATE log_event SET disclosures = '[]' WHERE {event}")  # noqa: S608
    values = {"handoff": str(there.handoffs["held"]), "reason": "x"}
    found = there.gateway.unmade(WrongState, Change("case.repair_handoff", HOTLINE, values))
    assert found.detail.startswith("still differs: measure;")
    assert len(rows_of(there, "case_measure")) == 2


def rows_of(there: Scene, table: str) -> list[Any]:
    """The rows of a table, but when a measure was set: of that the log knows the event's time."""
    rows = there.gateway.store.tables(table)[table]
    return [one[:7] + one[8:] if table == "case_measure" else one for one in rows]


def test_everything_at_once_is_written_again():
    there = scene()
    for table in TABLES[1:]:
        there.change(f"DELETE FROM {table}")  # noqa: S608
    repaired(there)
    assert handoffs_compared(there.gateway) == NONE


def test_a_measure_that_was_ended_comes_back_ended():
    there = scene()
    measure = UUID(there.gateway.store.tables("case_measure")["case_measure"][0][0])
    end = MeasureEnd(measure, "approver-1", approved_by="approver-2")
    there.gateway.act(HOTLINE, measures.on_case, there.case, end)
    there.change("DELETE FROM case_measure")
    assert repaired(there, "held") == {"held": "suspension"}
    assert there.gateway.store.tables("case_measure")["case_measure"][0][9] is not None


def test_the_announcement_of_a_correction_is_written_again():
    gateway = founded()
    case = submitted(gateway)
    held = accepted(gateway, offered(gateway, case))
    revised(gateway, case, matter=["csam", "grooming"])

    def rows() -> list[Any]:
        """But for the moment, which an event has to the millisecond."""
        return [(*row[:4], row[5]) for row in gateway.store.tables("announcement")["announcement"]]

    before = rows()
    assert len(before) == 1
    gateway.store.change("DELETE FROM announcement")
    assert handoffs_compared(gateway) != NONE
    values = {"handoff": str(held), "reason": "changed by SQL"}
    told = gateway.administer("case.repair_handoff", HOTLINE, **values).result
    assert told["written"] == "announcement of a correction"
    assert rows() == before
    gateway.store.change("UPDATE announcement SET change = 'tightening'")
    told = gateway.administer("case.repair_handoff", HOTLINE, **values).result
    assert told["written"] == "without 1 of what stood there, announcement of a correction"
    assert rows() == before
    assert handoffs_compared(gateway) == NONE


def test_a_move_to_a_successor_is_written_again():
    gateway = founded()
    handoff = accepted(gateway)
    moved(gateway)
    before = gateway.store.tables("moved_handoff")
    gateway.store.change("DELETE FROM moved_handoff")
    assert handoffs_compared(gateway) != NONE
    values = {"handoff": str(handoff), "reason": "changed by SQL"}
    told = gateway.administer("case.repair_handoff", HOTLINE, **values).result
    assert told["written"] == "its move to a successor"
    assert gateway.store.tables("moved_handoff") == before
    assert handoffs_compared(gateway) == NONE


def test_what_arrived_is_written_again_as_far_as_the_log_demands_it():
    there = scene()
    there.change("DELETE FROM duty WHERE handoff = {declined} AND arrived IS NOT NULL")
    assert repaired(there, "declined") == {"declined": "originator_news"}
    assert there.gateway.arrived(there.handoffs["declined"]) == {HOTLINE: ["handoff.declined"]}


def test_what_was_reminded_of_and_recorded_as_overdue_is_not_recorded_again():
    there = scene()
    for _ in range(2):
        there.gateway.clock.advance(timedelta(hours=1))
        duties.sweep(there.gateway.ports)
    told = there.gateway.types(OFMIN).count("handoff.overdue")
    there.change("DELETE FROM duty WHERE handoff = {danger}")
    repaired(there, "danger")
    duties.sweep(there.gateway.ports)
    assert told
    assert there.gateway.types(OFMIN).count("handoff.overdue") == told


def test_who_consulted_before_acceptance_still_does_not_review_it():
    gateway = founded()
    handoff = UUID(offered(gateway, submitted(gateway, **DANGER)).result["handoff"])
    there = Scene(gateway, {"danger": handoff}, UUID(int=0))
    rescue = replace(OPENING, reason_code="imminent_danger")
    gateway.act(OFMIN, package_consultation.consult, handoff, rescue)
    before = gateway.duties(handoff)
    there.change("DELETE FROM duty")
    repaired(there)
    (review,) = [one for one in gateway.duties(handoff) if one.kind is DutyKind.REVIEW]
    assert review.person == OPENING.by
    assert [one.kind for one in gateway.duties(handoff)] == [one.kind for one in before]


def test_the_event_tells_the_operator_what_was_written():
    there = scene()
    there.change("DELETE FROM retention")
    values = {"handoff": str(there.handoffs["held"]), "reason": "changed by SQL"}
    made = there.gateway.administer("case.repair_handoff", HOTLINE, **values)
    assert shown(made.receipt)["written"] == "retention (stated)"


def test_where_something_is_left_nothing_is_written_and_it_is_named():
    there = scene()
    there.change("DELETE FROM duty WHERE handoff = {held}; DELETE FROM consultation")
    there.change('UPDATE case_version SET unlawful = \'["x"]\' WHERE "case" = {case}')
    values = {"handoff": str(there.handoffs["held"]), "reason": "x"}
    found = there.gateway.unmade(WrongState, Change("case.repair_handoff", HOTLINE, values))
    assert found.detail.startswith("still differs: versions;")
    assert not there.gateway.duties(there.handoffs["held"], open_only=False)


def test_all_that_is_owed_is_written_again_on_postgresql():
    place = places.postgresql()
    there = scene_of(founded_at(place))
    owed = open_duties(there)
    with place.connected() as connection:
        there.change(
            "DELETE FROM duty; UPDATE handoff SET state = 'withdrawn'; DELETE FROM retention",
            connection.exec_driver_sql,
        )
    repaired(there)
    with there.gateway.store.begin(TransactionMode.READ) as work:
        assert rows_proof(work).handoffs() == NONE
    assert open_duties(there) == owed
    place.close()
