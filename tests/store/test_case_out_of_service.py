"""A case that the comparison finds other than the log says is out of service, as a handoff is: an
operator who changes rows, or puts events beside the log, gets nobody to act on it."""

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import date, timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import select

from gateway.domain.course import HandoffChecks
from gateway.domain.handoff import RecallCode
from gateway.domain.measure import MeasureKind
from gateway.domain.out_of_service import Entry, case_entry
from gateway.domain.refusals import OutOfService, WrongState
from gateway.domain.retention import DpoAdvice
from gateway.domain.staff import RegisterRole
from gateway.domain.standing import Closed
from gateway.exchange.case import cases, measures, submissions
from gateway.exchange.case.cases import CaseStepRequest
from gateway.exchange.case.measures import MeasureRequest
from gateway.exchange.case.submissions import Submission
from gateway.exchange.handoffs import offers, package_consultation, recalls, views
from gateway.exchange.handoffs.recalls import RecallRequest
from gateway.exchange.lifecycle import before_erasure, erasure
from gateway.exchange.lifecycle.before_erasure import EarlyErasure
from gateway.kernel.changes import Change
from gateway.kernel.ports import TransactionMode
from gateway.store import tables
from gateway.store.content_encryption import EnvelopeError
from tests import answers
from tests.casework import (
    ADDITION,
    OPENING,
    accepted,
    case_content,
    machine_match,
    offer_of,
    offered,
    submitted,
)
from tests.each import each
from tests.founded_gateway import HOTLINE, OFMIN, Founded, caller, enter_staff
from tests.founding import founded, founded_at
from tests.log_check import handoffs_compared, rows_proof
from tests.store import places
from tests.store.test_handoff_proof import NONE

OTHER, ADVICE = UUID(int=7), DpoAdvice.FAVOURABLE
BY_ANOTHER = CaseStepRequest("approver-2")
BESIDE = (-(2**63), -1, 10**6, 2**63 - 1)
"""Where a row of the log's table is none of its entries."""


def drafted(gateway: Founded, *, assessed: bool = False) -> tuple[UUID, str]:
    """A draft that a machine's match is in, or one that is assessed; its id and digest."""
    more = {} if assessed else {"classifications": [machine_match()]}
    made = submitted(gateway, clearance=None, **more).result
    case = UUID(made["case"])
    if assessed:
        gateway.act(HOTLINE, cases.assess, case, CaseStepRequest("analyst-1"))
    return case, made["digest"]


def beside_the_log(gateway: Founded, digest: str, at: int, type_: str, **told: Any) -> None:
    """Put an event about a version of a case beside the log, as its index would find it."""
    with gateway.store.begin(TransactionMode.READ) as work:
        (row,) = work.rows(select(tables.log_event).filter_by(step_of=digest).limit(1), {})
    forged = json.loads(row.document) | {"id": str(OTHER), "type": type_, "sd": [], **told}
    gateway.store.change(
        "INSERT INTO log_event (idx, event, entry, at, words, case_digest, step_of, document,"
        " nonce, disclosures) SELECT ?, ?, entry, at, words, case_digest, step_of, ?, nonce, '[]'"
        " FROM log_event WHERE idx = ?",
        *(at, OTHER.hex, json.dumps(forged).encode(), row.idx),
    )


def put_out(gateway: Founded) -> frozenset[Entry]:
    """Compare, and put out of service what differs, as maintenance does."""
    with gateway.store.begin(TransactionMode.READ) as work:
        proof = rows_proof(work)
        proof.registry()
        found = proof.handoffs().entries
    with gateway.ports.begin(TransactionMode.REGISTRY) as work:
        work.organisations.put_out_of_service(found)
        work.commit()
    return found


def acts_on(gateway: Founded, case: UUID, digest: str) -> Iterator[tuple[Any, ...]]:
    """Each act of the originator on its case, and what it asks."""
    enter_staff(gateway.ports.begin, HOTLINE, ["dpo-1"], frozenset({RegisterRole.DPO}))
    until = gateway.ports.now() + timedelta(hours=2)
    following = case_content(case, version=2, previous=digest)
    change = submissions.VersionChange(**ADDITION)
    yield cases.assess, case, CaseStepRequest("analyst-1")
    yield cases.clear, case, BY_ANOTHER
    yield cases.close, case, BY_ANOTHER
    yield cases.consult, case, replace(OPENING, by="analyst-1")
    yield offers.offer, case, offer_of(gateway)
    yield submissions.submit, Submission("intake-1", following, change=change)
    yield (
        measures.on_case,
        case,
        MeasureRequest(MeasureKind.SUSPENSION, "approver-1", "objection", (), until),
    )
    yield (
        before_erasure.advance_erasure,
        case,
        EarlyErasure("analyst-1", "approver-1", "dpo-1", ADVICE, date(2026, 5, 1), "x"),
    )


FORGED = [
    "case_file SET state = 'cleared', cleared_digest = digest",
    "case_file SET state = 'assessed', unconfirmed_matches = '[]', assessed_by = 'analyst-1'",
    "case_file SET unconfirmed_matches = '[]'",
    "case_file SET cleared_by = 'approver-1'",
    "case_file SET erase_on = '2030-01-01'",
    "case_file SET early = TRUE, erase_on = '2026-04-01'",
    "case_file SET version = 7",
]
"""What is said of a draft that is not so."""

UNSEEN = ["case_file SET cleared_digest = digest", "case_file SET measured = TRUE"]
"""Likewise, and no act looks at it: by itself it opens nothing."""


@each("forged", FORGED)
def test_a_draft_of_which_a_row_was_changed_is_refused_by_an_act_and_found(forged):
    gateway = founded()
    case, _ = drafted(gateway)
    gateway.store.change(f"UPDATE {forged}")
    gateway.refused(OutOfService, HOTLINE, offers.offer, case, offer_of(gateway))
    assert put_out(gateway) == {case_entry(HOTLINE, case)}


def test_each_act_on_a_draft_looks_for_itself():
    gateway = founded()
    case, digest = drafted(gateway)
    gateway.store.change(f"UPDATE {FORGED[0]}")
    for action, *asked in acts_on(gateway, case, digest):
        gateway.refused(OutOfService, HOTLINE, action, *asked)


def test_a_draft_whose_row_cannot_be_read_is_out_of_service():
    gateway = founded()
    case, _ = drafted(gateway)
    gateway.store.change("UPDATE case_file SET state = 'x'")
    assert put_out(gateway) == {case_entry(HOTLINE, case)}
    found = gateway.unmade(WrongState, repair_of(case))
    assert found.detail.startswith("still differs: its own row;")


@each("forged", ["assessed_by = 'somebody'", "second_assessor = 'somebody'"])
def test_who_assessed_a_case_cannot_be_made_another_so_that_it_clears_it_alone(forged):
    gateway = founded()
    case, _ = drafted(gateway, assessed=True)
    gateway.store.change(f"UPDATE case_file SET {forged}")  # noqa: S608
    gateway.refused(OutOfService, HOTLINE, cases.clear, case, CaseStepRequest("analyst-1"))
    assert handoffs_compared(gateway).entries == {case_entry(HOTLINE, case)}


@each(
    "forged",
    [
        *UNSEEN,
        "case_version SET unlawful = '[\"x\"]'",
        "case_version SET version = 2",
        "case_version SET event = lower(hex(randomblob(16)))",
        "case_version SET change = 'addition', reason_code = 'other'",
        "case_file SET urgency = 1 - urgency",
    ],
)
def test_what_only_the_comparison_finds_is_out_of_service_from_then_on(forged):
    gateway = founded()
    case, _ = drafted(gateway)
    gateway.store.change(f"UPDATE {forged}")
    assert put_out(gateway) == put_out(gateway) == {case_entry(HOTLINE, case)}
    gateway.refused(OutOfService, HOTLINE, cases.clear, case, BY_ANOTHER)


def test_a_case_whose_content_was_overwritten_is_out_of_service_and_nobody_acts_on_it():
    gateway = founded()
    case, _ = drafted(gateway)
    gateway.store.change("UPDATE case_version SET summary = zeroblob(length(summary))")
    assert put_out(gateway) == {case_entry(HOTLINE, case)}
    with pytest.raises(EnvelopeError):
        gateway.act(HOTLINE, cases.clear, case, BY_ANOTHER)


@each("at", BESIDE)
def test_no_draft_is_offered_by_a_clearance_beside_the_log(at):
    gateway = founded()
    case, digest = drafted(gateway)
    beside_the_log(gateway, digest, at, "case.cleared")
    gateway.store.change(f"UPDATE {FORGED[0]}")
    gateway.refused(OutOfService, HOTLINE, offers.offer, case, offer_of(gateway))
    assert case_entry(HOTLINE, case) in handoffs_compared(gateway).entries


def test_a_clearance_beside_the_log_changes_nothing_of_a_draft_before_it_is_found():
    gateway = founded()
    case, digest = drafted(gateway, assessed=True)
    beside_the_log(gateway, digest, 10**6, "case.cleared")
    gateway.refused(WrongState, HOTLINE, offers.offer, case, offer_of(gateway))
    assert put_out(gateway) == {case_entry(HOTLINE, case)}
    gateway.refused(OutOfService, HOTLINE, cases.clear, case, BY_ANOTHER)


SPOILT = [
    "document = document || ' '",
    "document = NULL",
    "document = replace(document, 'case.assessed', 'case.cleared')",
    "nonce = zeroblob(16)",
    "disclosures = '[['",
]


@each("spoilt", SPOILT)
def test_a_case_whose_event_was_spoilt_is_out_of_service_and_not_written_again_by_it(spoilt):
    gateway = founded()
    case, _ = drafted(gateway, assessed=True)
    gateway.store.change(
        f"UPDATE log_event SET {spoilt} WHERE words LIKE '|typ:case.assessed|%'"  # noqa: S608
    )
    assert put_out(gateway) == {case_entry(HOTLINE, case)}
    gateway.refused(OutOfService, HOTLINE, cases.clear, case, BY_ANOTHER)
    found = gateway.unmade(WrongState, repair_of(case))
    assert found.detail.startswith("still differs: rows or events that cannot be read;")
    assert gateway.case(case).state == "assessed"


def repair_of(case: UUID) -> Change:
    return Change("case.repair", HOTLINE, {"case": str(case), "reason": "x"})


def test_the_handoffs_of_a_case_are_out_of_service_with_it_but_for_what_takes_back():
    gateway = founded()
    case = submitted(gateway)
    held = accepted(gateway, offered(gateway, case))
    gateway.store.change("UPDATE case_version SET unlawful = '[\"x\"]'")
    assert put_out(gateway) == {case_entry(HOTLINE, UUID(case.result["case"]))}
    gateway.refused(OutOfService, OFMIN, package_consultation.consult, held, OPENING)
    view = gateway.view(OFMIN, held)
    assert (view["out_of_service"], view["closed"]) == (True, Closed.OUT_OF_SERVICE)
    assert "opens" not in view
    assert not {one["action"] for one in view["acts"]} & {"case.consult", "handoff.close"}
    wanted = RecallRequest("approver-1", RecallCode.UNLAWFUL, "order 12/26", "approver-2")
    gateway.act(HOTLINE, recalls.of_case, UUID(case.result["case"]), wanted)
    gateway.answer(OFMIN, answers.acknowledge_recall, held)
    gateway.store.change("UPDATE case_version SET unlawful = '[]'")


def test_a_key_that_nobody_knows_puts_its_own_case_out_of_service_and_hides_no_other():
    gateway = founded()
    (first, _), (second, _) = drafted(gateway), drafted(gateway)
    with gateway.ports.begin(TransactionMode.READ) as work:
        gateway.ports.keys.lost.add(work.cases.key_of(HOTLINE, first))
    gateway.store.change("UPDATE case_file SET state = 'cleared' WHERE id = ?", second.hex)
    assert put_out(gateway) == {case_entry(HOTLINE, first), case_entry(HOTLINE, second)}
    gateway.ports.keys.lost.clear()


def test_lists_and_the_view_of_a_case_say_that_it_is_out_of_service():
    gateway = founded()
    case, _ = drafted(gateway)
    first = cases.look_up(gateway.ports, caller(HOTLINE), case)
    assert first.out_of_service is None
    assert first.acts
    gateway.store.change("UPDATE case_version SET unlawful = '[\"x\"]'")
    put_out(gateway)
    seen = cases.look_up(gateway.ports, caller(HOTLINE), case)
    (listed,) = cases.page(gateway.ports, caller(HOTLINE), None, 20).items
    assert (seen.out_of_service, listed.out_of_service) == (True, True)
    assert seen.acts == []
    alarming = replace(gateway.ports, handoff_checks=HandoffChecks.ALARM)
    assert cases.look_up(alarming, caller(HOTLINE), case).acts
    gateway.store.change("UPDATE case_version SET unlawful = '[]'")


def test_a_list_of_handoffs_says_which_are_out_of_service():
    gateway = founded()
    offered(gateway)
    gateway.store.change("UPDATE case_version SET unlawful = '[\"x\"]'")
    put_out(gateway)
    (listed,) = views.page(gateway.ports, caller(OFMIN), box="in", after=None, limit=20).items
    assert listed.out_of_service
    gateway.store.change("UPDATE case_version SET unlawful = '[]'")


def test_a_case_is_in_service_again_once_its_rows_are_right():
    gateway = founded()
    case, _ = drafted(gateway, assessed=True)
    gateway.store.change("UPDATE case_version SET unlawful = '[\"x\"]'")
    put_out(gateway)
    gateway.store.change("UPDATE case_version SET unlawful = '[]'")
    gateway.refused(OutOfService, HOTLINE, cases.clear, case, BY_ANOTHER)
    assert put_out(gateway) == frozenset()
    gateway.act(HOTLINE, cases.clear, case, BY_ANOTHER)


@each("forged", [*FORGED, *UNSEEN])
def test_two_administrators_have_a_case_written_again(forged):
    gateway = founded()
    case, _ = drafted(gateway)
    before = gateway.case(case)
    gateway.store.change(f"UPDATE {forged}")
    put_out(gateway)
    done = gateway.administer("case.repair", HOTLINE, case=str(case), reason="changed by SQL")
    assert done.result["written"] == "the case's own row"
    assert gateway.case(case) == before
    with gateway.ports.begin(TransactionMode.READ) as work:
        assert not work.organisations.out_of_service()
    assert handoffs_compared(gateway) == NONE
    assert gateway.types(HOTLINE)[-1] == "case.repaired"


def test_what_stands_beside_a_draft_is_written_again_with_it():
    gateway = founded()
    case, _ = drafted(gateway)
    until = gateway.ports.now() + timedelta(hours=2)
    suspension = MeasureRequest(MeasureKind.SUSPENSION, "approver-1", "objection", (), until)
    gateway.act(HOTLINE, measures.on_case, case, suspension)
    gateway.store.change("DELETE FROM case_measure")
    gateway.store.change("UPDATE case_file SET measured = FALSE")
    assert put_out(gateway) == {case_entry(HOTLINE, case)}
    done = gateway.administer("case.repair", HOTLINE, case=str(case), reason="x")
    assert done.result["written"] == "suspension, the case's own row"
    assert handoffs_compared(gateway) == NONE


def test_what_of_a_case_no_event_tells_is_named_and_nothing_is_written():
    gateway = founded()
    case, _ = drafted(gateway)
    gateway.store.change("UPDATE case_version SET unlawful = '[\"x\"]'")
    gateway.store.change("UPDATE case_file SET state = 'cleared'")
    found = gateway.unmade(WrongState, repair_of(case))
    assert found.detail.startswith("still differs: versions;")
    assert gateway.case(case).state == "cleared"
    gateway.store.change("UPDATE case_version SET unlawful = '[]'")
    gateway.store.change("UPDATE case_file SET state = 'draft'")


def test_what_is_out_of_service_is_not_erased_on_its_day():
    gateway = founded()
    case, _ = drafted(gateway)
    gateway.store.change("UPDATE case_version SET unlawful = '[\"x\"]'")
    put_out(gateway)
    gateway.clock.advance(timedelta(days=400))
    with pytest.raises(OutOfService):
        erasure.erase_due(gateway.ports)
    assert gateway.case(case).state == "draft"
    gateway.store.change("UPDATE case_version SET unlawful = '[]'")


@pytest.mark.slow
def test_forged_cases_of_postgresql_are_found_and_their_acts_refused_as_well():
    place = places.postgresql()
    gateway = founded_at(place)
    case, _ = drafted(gateway)
    missed = []
    for forged in [*FORGED, *UNSEEN]:
        with place.connected() as connection:
            connection.exec_driver_sql("CREATE TABLE kept AS SELECT * FROM case_file")
            connection.exec_driver_sql(f"UPDATE {forged}")
        found = put_out(gateway)
        gateway.clock.advance(timedelta(minutes=1))  # for the budget of denials
        refused = gateway.refusal(
            offers.offer, caller(HOTLINE), gateway.key(), case, offer_of(gateway)
        )
        if found != {case_entry(HOTLINE, case)} or not isinstance(refused.refusal, OutOfService):
            missed.append(forged)
        with place.connected() as connection:
            connection.exec_driver_sql("SET session_replication_role = replica")
            connection.exec_driver_sql("DELETE FROM case_file")
            connection.exec_driver_sql("INSERT INTO case_file SELECT * FROM kept")
            connection.exec_driver_sql("DROP TABLE kept")
    place.close()
    assert not missed
