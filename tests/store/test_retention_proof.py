"""Nothing is erased, ended or destroyed by rows of retentions and copies that were changed."""

from dataclasses import replace
from datetime import timedelta
from itertools import chain
from uuid import UUID

import pytest

from gateway.domain.consultation import RETENTION
from gateway.domain.course import HandoffChecks
from gateway.domain.out_of_service import handoff_entry
from gateway.domain.refusals import OutOfService
from gateway.exchange.case import cases
from gateway.exchange.case.cases import CaseStepRequest
from gateway.exchange.handoffs import package_consultation, retention
from gateway.exchange.lifecycle import erasure
from gateway.kernel.changes import Change
from gateway.kernel.ports import TransactionMode
from gateway.store.handoff_proof import HandoffComparison
from tests import answers
from tests.casework import OPENING, accepted, consulted, offered, revised, submitted
from tests.each import each
from tests.founded_gateway import HOTLINE, OFMIN, Founded
from tests.founding import founded
from tests.log_check import handoffs_compared, rows_proof

NONE = HandoffComparison({}, ())


@each(
    "act",
    [
        "UPDATE retention SET until = '2030-01-01'",
        "UPDATE retention SET until = NULL",
        "UPDATE retention SET ended_at = since",
        "DELETE FROM retention",
    ],
)
def test_a_copy_opens_no_longer_than_its_holder_said(act):
    gateway = founded()
    handoff = accepted(gateway)
    gateway.answer(OFMIN, answers.retain, handoff, legal_basis="Art. 1", until="2027-12-01")
    gateway.clock.advance(timedelta(days=400))
    assert erasure.erase_due(gateway.ports) == 1
    opening = replace(OPENING, reason_code=RETENTION)
    gateway.act(OFMIN, package_consultation.consult, handoff, opening)
    gateway.store.change(act)
    gateway.refused(OutOfService, OFMIN, package_consultation.consult, handoff, opening)


def retained() -> tuple[Founded, UUID]:
    """A gateway, and a handoff of which its recipient stated that it keeps it for long."""
    gateway = founded()
    handoff = accepted(gateway)
    gateway.answer(OFMIN, answers.retain, handoff, legal_basis="Art. 1", until="2027-12-01")
    return gateway, handoff


def content_of(gateway: Founded) -> set[str]:
    """What is kept of the content of cases and copies, as it is stored."""
    rows = gateway.store.tables("case_version", "retained_copy")
    return {one for row in chain(*rows.values()) for one in row if isinstance(one, bytes)}


BROUGHT_FORWARD = {
    "day of a case": "UPDATE case_file SET erase_on = '2026-01-01'",
    "day of a case, as if advanced": "UPDATE case_file SET erase_on = '2026-01-01', early = 1",
    "retention that ended": "UPDATE retention SET until = '2026-02-01'",
    "retention removed": "DELETE FROM retention",
    "content emptied": "UPDATE case_version SET summary = x'', document = x''",
    "nothing held": "UPDATE handoff SET held = 0, held_under = NULL, state = 'declined'",
}


@pytest.mark.parametrize("act", BROUGHT_FORWARD.values(), ids=BROUGHT_FORWARD)
def test_no_case_is_erased_by_a_day_or_a_retention_that_was_changed(act):
    gateway, _ = retained()
    told: list[UUID] = []
    gateway.ports = replace(
        gateway.ports,
        handoff_checks=HandoffChecks.ALARM,  # what is erased does not come back: it stays even so
        differs=lambda of, _: told.append(of),
    )
    gateway.store.change(act)
    if "erase_on" not in act:
        gateway.clock.advance(timedelta(days=400))
    before = content_of(gateway)
    with pytest.raises(OutOfService):
        erasure.erase_due(gateway.ports)
    assert content_of(gateway) == before
    assert told


@each(
    "change",
    [
        "case_version SET summary = x'', document = x''",
        "case_version SET summary = x''",
        "case_version SET document = zeroblob(length(document))",
        "case_file SET content_key = '00000000000000000000000000000999'",
        "case_file SET content_key = NULL",
    ],
)
def test_content_that_was_emptied_or_put_under_another_key_is_found(change):
    """Else a key would seem to be used by nothing, and be destroyed."""
    gateway, _ = retained()
    gateway.store.change(f"UPDATE {change}")
    assert any("content" in names for names in handoffs_compared(gateway).differing.values())


def test_nor_does_an_administrator_by_such_a_day():
    gateway, handoff = retained()
    gateway.store.change("UPDATE case_file SET erase_on = '2026-01-01'")
    values = {"case": str(gateway.handoff(handoff).case), "reason": "its day has come"}
    gateway.unmade(OutOfService, Change("case.erase", HOTLINE, values))


@each(
    "emptied",
    ["case_version SET document = x'' WHERE version = 1", "answer SET document = x''"],
)
def test_no_case_is_erased_while_what_a_holder_is_to_keep_of_it_was_emptied(emptied):
    gateway = founded()
    case = submitted(gateway)
    handoff = accepted(gateway, offered(gateway, case))
    gateway.answer(OFMIN, answers.retain, handoff, legal_basis="Art. 1", until="2027-12-01")
    revised(gateway, case, urgency="urgent")
    gateway.store.change(f"UPDATE {emptied}")
    submitted(gateway)
    gateway.clock.advance(timedelta(days=400))
    assert erasure.erase_due(gateway.ports) == 1
    with pytest.raises(OutOfService):
        erasure.erase_due(gateway.ports)
    with gateway.ports.begin(TransactionMode.READ) as work:
        key = work.cases.key_of(HOTLINE, UUID(case.result["case"]))
    assert key not in gateway.ports.keys.gone


def test_what_differs_keeps_no_other_case_from_its_erasure():
    gateway, _ = retained()
    submitted(gateway)
    gateway.store.change("UPDATE retention SET until = '2026-02-01'")
    gateway.clock.advance(timedelta(days=400))
    assert erasure.erase_due(gateway.ports) == 1
    with pytest.raises(OutOfService):
        erasure.erase_due(gateway.ports)


@each("after", [0, 400])
def test_no_copy_ends_by_a_retention_that_was_changed(after):
    gateway, _ = retained()
    gateway.clock.advance(timedelta(days=after))
    if after:
        assert erasure.erase_due(gateway.ports) == 1
    before = content_of(gateway)
    gateway.store.change("UPDATE retention SET until = '2026-01-01'")
    with pytest.raises(OutOfService):
        retention.end_due(gateway.ports)
    assert content_of(gateway) == before


def test_no_key_is_destroyed_of_what_the_log_has_not_erased():
    gateway, handoff = retained()
    case = gateway.handoff(handoff).case
    with gateway.ports.begin(TransactionMode.READ) as work:
        key = work.cases.key_of(HOTLINE, case)
    for act in (
        "UPDATE case_file SET state = 'erased'",
        "UPDATE case_file SET state = 'cleared'",
    ):
        gateway.store.change(act)
        if "cleared" in act:
            gateway.store.change("INSERT INTO doomed_key VALUES (?)", key.hex)
        with pytest.raises(OutOfService):
            erasure.destroy_keys(gateway.ports)
        assert gateway.ports.keys.states([key]) == {key: True}


@each(
    "act",
    [
        "DELETE FROM retained_copy",
        "UPDATE retained_copy SET holder = 'ocrvp'",
        "UPDATE retained_copy SET grace_until = '2030-01-01'",
        "UPDATE retained_copy SET content_key = handoff",
        "UPDATE retained_copy SET content = x''",
        "UPDATE retained_copy SET content = substr(content, 1, 17)",
    ],
)
def test_a_copy_that_its_holder_was_told_of_and_is_not_there_as_it_was_is_found(act):
    gateway, handoff = retained()
    gateway.clock.advance(timedelta(days=400))
    assert erasure.erase_due(gateway.ports) == 1
    assert handoffs_compared(gateway) == NONE
    with gateway.store.begin(TransactionMode.READ) as work:
        proof = rows_proof(work)
        proof.handoffs()
        proved = proof.proved(gateway.clock())
    gateway.store.change(act)
    for before in (None, proved):
        with gateway.store.begin(TransactionMode.READ) as work:
            found = rows_proof(work, before).handoffs().differing
        assert "copy" in found.get(handoff_entry(handoff), ())


def test_no_copy_ends_by_days_of_grace_that_were_cut():
    gateway = founded()
    handoff = accepted(gateway)
    gateway.clock.advance(timedelta(days=400))
    assert erasure.erase_due(gateway.ports) == 1
    before = content_of(gateway)
    gateway.store.change("UPDATE retained_copy SET grace_until = '2026-01-01'")
    assert "copy" in handoffs_compared(gateway).differing[handoff_entry(handoff)]
    with pytest.raises(OutOfService):
        retention.end_due(gateway.ports)
    assert content_of(gateway) == before


def test_no_key_is_destroyed_of_content_that_is_there_whatever_key_the_rows_name():
    gateway = founded()
    living, erased = gateway.handoff(accepted(gateway)).case, submitted(gateway)
    early = {"case": erased.result["case"], "reason": "for the test"}
    step = CaseStepRequest("analyst-1", "done")
    gateway.act(HOTLINE, cases.close, UUID(erased.result["case"]), step)
    gateway.administer("case.erase", HOTLINE, **early)
    with gateway.ports.begin(TransactionMode.READ) as work:
        key = work.cases.key_of(HOTLINE, living)
    name = f"id = '{living.hex}'"
    gateway.store.change("UPDATE case_file SET content_key = ? WHERE state = 'erased'", key.hex)
    gateway.store.change(f"UPDATE case_file SET content_key = NULL WHERE {name}")  # noqa: S608
    with pytest.raises(OutOfService):
        erasure.destroy_keys(gateway.ports)
    assert gateway.ports.keys.states([key]) == {key: True}


def test_a_term_of_ones_own_ends_when_it_was_registered_to():
    gateway = founded()
    values = {"purpose": "identify_victim", "years": "1", "review_years": "1"}
    values |= {"legal_act": "Art. 1"}
    gateway.administer("retention.record", OFMIN, **values, start="2026-01-01")
    handoff = accepted(gateway)
    consulted(gateway, handoff)
    gateway.store.change("UPDATE retention SET until = '2030-01-01', since = since + 1")
    gateway.refused(OutOfService, OFMIN, package_consultation.consult, handoff, OPENING)
