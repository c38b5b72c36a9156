"""A comparison goes on from what the last one found whole, and passes over nothing that changed."""

import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import MetaData, select

from gateway.domain.out_of_service import EntryKind, case_entry, handoff_entry
from gateway.kernel.ports import TransactionMode
from gateway.store import tables
from gateway.store.handoff_proof import HandoffComparison
from gateway.store.proved import Proved
from gateway.store.registry_proof import RegistryComparison
from tests.casework import accepted, consulted, submitted
from tests.each import each
from tests.founded_gateway import HOTLINE, OFMIN, UNRECORDED, Founded
from tests.founding import founded
from tests.log_check import rows_proof
from tests.store.test_handoff_proof import ACTS, scene

KEY = bytes(range(32))
DAY = datetime(2026, 3, 2, tzinfo=UTC)
SAME = HandoffComparison({}, ())


def compared(gateway: Founded, before: Proved | None = None) -> tuple[HandoffComparison, Proved]:
    with gateway.store.begin(TransactionMode.READ) as work:
        proof = rows_proof(work, before)
        return proof.handoffs(), proof.proved(DAY)


def proved(gateway: Founded) -> Proved:
    found, whole = compared(gateway)
    assert found == SAME
    return whole


@pytest.mark.parametrize("act", ACTS, ids=[one.name for one in ACTS])
def test_no_act_on_rows_that_were_proved_passes_unseen(act):
    there = scene()
    before = proved(there.gateway)
    there.change(act.script)
    found, after = compared(there.gateway, before)
    assert act.seen in " ".join(found.sentences())
    assert compared(there.gateway, after)[0] == found  # until it is mended


def test_what_happens_after_it_was_proved_is_compared():
    gateway = founded()
    held = accepted(gateway)
    before = proved(gateway)
    consulted(gateway, held)
    accepted(gateway)
    found, before = compared(gateway, before)
    assert found == SAME
    gateway.store.change("UPDATE consultation SET organisation = 'ocrvp'")
    assert compared(gateway, before)[0] != SAME


def test_what_was_proved_and_did_not_change_is_passed_over():
    """A ciphertext of the same length is not read before the next comparison of the whole."""
    there = scene()
    before = proved(there.gateway)
    there.change("UPDATE answer SET document = zeroblob(length(document)) WHERE handoff = {danger}")
    assert compared(there.gateway, before)[0] == SAME
    assert compared(there.gateway)[0] != SAME


CUT = (
    "DELETE FROM answer WHERE handoff = {declined} AND sequence > 1;"
    "UPDATE handoff SET sequence = 1, state = 'offered' WHERE id = {declined};"
    "UPDATE duty SET closed_at = NULL WHERE handoff = {declined};"
    "UPDATE log_event SET handoff = NULL WHERE handoff = {declined} AND"
    " words LIKE '|typ:handoff.declined|%'"
)
"""A decline that never was, by rows and the log's index."""


@pytest.mark.parametrize("whole", [True, False])
def test_rows_that_changed_with_the_logs_index_are_found(whole):
    there = scene()
    before = None if whole else proved(there.gateway)
    there.change(CUT)
    found, _ = compared(there.gateway, before)
    assert "not found by what it says" in " ".join(found.sentences())


@each("at", [0, 3, 4, 8])
def test_the_logs_index_is_compared_part_by_part_and_no_entry_passes_unseen(
    at: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    there = scene()
    whole = proved(there.gateway)
    monkeypatch.setattr("gateway.store.proved.CHUNK", 4)
    before = proved(there.gateway)
    assert compared(there.gateway, whole)[1].index == whole.index  # in whatever parts
    there.change(f"UPDATE log_event SET case_digest = 'of another' WHERE idx = {at}")  # noqa: S608
    found, _ = compared(there.gateway, before)
    assert f"the entry {at} of the log is not found by what it says" in " ".join(found.sentences())


@each("at", [-(2**63), -(2**62) - 1, 2**63 - 1])
def test_an_event_beside_the_log_is_found_wherever_it_stands(at: int) -> None:
    there = scene()
    before = proved(there.gateway)
    there.change(
        "INSERT INTO log_event (idx, event, entry, at, words, document, nonce, disclosures)"  # noqa: S608
        f" SELECT {at}, zeroblob(16), entry, at, words, document, nonce, disclosures"
        " FROM log_event WHERE idx = 3"
    )
    found, _ = compared(there.gateway, before)
    assert f"the entry {at} of the log is not found by what it says" in " ".join(found.sentences())


LAST = "(SELECT max(idx) FROM log_event WHERE handoff = {declined})"


@each(
    "index",
    [
        "idx = idx WHERE idx = 0",
        f"idx = idx - 1000 WHERE idx = {LAST}",
        f"idx = idx + 1000 WHERE idx = {LAST}",
    ],
)
def test_rows_that_changed_with_the_documents_of_their_events_are_found(index: str) -> None:
    """Whether the log's index changed as well, or not."""
    there = scene()
    before = proved(there.gateway)
    there.change(
        "UPDATE handoff SET offered_at = offered_at + 1;"  # noqa: S608
        "UPDATE log_event SET document = CAST(CAST(document AS TEXT) || ' ' AS BLOB);"
        f"UPDATE log_event SET {index}"
    )
    found, _ = compared(there.gateway, before)
    assert "cannot be read" in " ".join(found.sentences())


@each("at", [-(2**63), -1, 10**6, 2**63 - 1])
@each("whole", [True, False])
def test_a_clearance_beside_the_log_is_found_wherever_it_stands(at: int, whole: bool) -> None:
    gateway = founded()
    case = submitted(gateway, clearance=None).result
    before = None if whole else proved(gateway)
    other = UUID(int=0)
    with gateway.store.begin(TransactionMode.READ) as work:
        (row,) = work.rows(select(tables.log_event).filter_by(step_of=case["digest"]), {})
    told = json.loads(row.document) | {"id": str(other), "type": "case.cleared", "sd": []}
    gateway.store.change(
        "INSERT INTO log_event (idx, event, entry, at, words, case_digest, step_of, document,"
        " nonce, disclosures) SELECT ?, ?, entry, at, words, case_digest, step_of, ?, nonce, '[]'"
        " FROM log_event WHERE idx = ?",
        *(at, other.hex, json.dumps(told).encode(), row.idx),
    )
    gateway.store.change("UPDATE case_file SET state = 'cleared', cleared_digest = digest")
    assert case["case"] in " ".join(compared(gateway, before)[0].sentences())


def test_a_whole_comparison_relies_on_no_document_that_is_not_in_the_tree():
    there = scene()
    there.change("UPDATE log_event SET document = CAST(CAST(document AS TEXT) || ' ' AS BLOB)")
    with there.gateway.store.begin(TransactionMode.READ) as work:
        proof = rows_proof(work)
        assert proof.registry().problems
        assert {one[0] for one in proof.handoffs().entries} == {EntryKind.CASE}


@each(
    "second",
    [
        "log_event SET nonce = zeroblob(length(nonce)) WHERE words LIKE '|typ:case.submitted|%'",
        "log_event SET document = x'00' WHERE words LIKE '|typ:case.cleared|%'",
        "case_measure SET kind = 'x'",
    ],
)
def test_what_was_out_of_service_stays_so_where_its_case_cannot_be_compared_any_more(second):
    there = scene()
    before = proved(there.gateway)
    there.change("UPDATE handoff SET urgency = 1 - urgency WHERE id = {held}")
    out = {handoff_entry(there.handoffs["held"]), case_entry(HOTLINE, there.case)}
    assert out & compared(there.gateway, before)[0].entries
    there.change(f"UPDATE {second}")
    assert out & compared(there.gateway, before)[0].entries


def test_two_rows_alike_do_not_hide_each_other():
    there = scene()
    before = proved(there.gateway)
    for statement in (
        "CREATE TABLE without_key AS SELECT * FROM duty",
        "DROP TABLE duty",
        "ALTER TABLE without_key RENAME TO duty",
        "UPDATE duty SET source = handoff WHERE kind = 'call'",
        "INSERT INTO duty SELECT * FROM duty WHERE source = handoff",
    ):
        there.gateway.store.change(statement)
    assert compared(there.gateway, before)[0] != SAME


@each(
    "form",
    [
        "duty SET person = x'00' WHERE kind = 'call'",
        "log_event SET case_digest = x'00' WHERE idx = 3",
        "log_event SET document = x'00' WHERE idx = 3",
        "log_event SET event = 'an id of letters' WHERE idx = 3",
    ],
)
def test_a_value_of_another_form_hides_no_other_row(form):
    there = scene()
    before = proved(there.gateway)
    there.change("UPDATE handoff SET purpose = '[]' WHERE id = {declined}")
    there.change(f"UPDATE {form}")
    found, after = compared(there.gateway, before)
    declined = handoff_entry(there.handoffs["declined"])
    assert "purpose" in found.differing[declined]
    assert "purpose" in compared(there.gateway, after)[0].differing[declined]


def test_an_id_in_the_logs_index_that_became_a_text_of_the_same_bytes_is_found():
    gateway, id_ = founded(), b"an id of letters"
    held, ports = accepted(gateway), gateway.ports
    gateway.ports = replace(ports, new_id=lambda: UUID(bytes=id_))
    consulted(gateway, held)
    before = proved(gateway)
    gateway.store.change("UPDATE log_event SET event = CAST(event AS TEXT) WHERE event = ?", id_)
    assert "index is none" in " ".join(compared(gateway, before)[0].sentences())


# --- The registry


def registry_of(
    gateway: Founded, before: Proved | None = None
) -> tuple[RegistryComparison, Proved]:
    with gateway.store.begin(TransactionMode.READ) as work:
        proof = rows_proof(work, before)
        return proof.registry(), proof.proved(DAY)


@pytest.fixture
def register() -> Founded:
    """A gateway whose registry has nothing but what events made."""
    gateway = founded()
    gateway.store.change("DELETE FROM staff WHERE event = ?", UNRECORDED.hex)
    return gateway


WHOLE = RegistryComparison(frozenset(), ())


def test_a_changed_row_of_the_registry_that_was_proved_is_found(register):
    found, before = registry_of(register)
    assert found == WHOLE
    register.store.change("UPDATE organisation SET status = 'left' WHERE slug = ?", OFMIN)
    found, after = registry_of(register, before)
    assert found.differing == {("organisation", OFMIN)}
    assert registry_of(register, after)[0] == found  # until it is mended


def test_rows_that_moved_to_a_table_of_the_same_form_are_found(register, monkeypatch):
    pair = tables.person, tables.person.to_metadata(MetaData(), name="person_of_old")
    monkeypatch.setattr("gateway.store.proved.COMPARED", pair)
    register.store.change("CREATE TABLE person_of_old AS SELECT * FROM person")
    register.store.change("DELETE FROM person_of_old")
    _, before = registry_of(register)
    register.store.change("INSERT INTO person_of_old SELECT * FROM person")
    register.store.change("DELETE FROM person")
    assert registry_of(register, before)[0] != WHOLE


def test_a_change_of_the_registry_after_it_was_proved_is_made_again(register):
    _, before = registry_of(register)
    register.administer("organisation.suspend", OFMIN, reason="for the test")
    assert registry_of(register, before)[0] == WHOLE
    register.store.change("UPDATE organisation SET status = 'active' WHERE slug = ?", OFMIN)
    assert registry_of(register, before)[0].differing == {("organisation", OFMIN)}


@each("spoilt", ["nonce = zeroblob(length(nonce))", "document = NULL", "document = x'00'"])
def test_an_entry_out_of_service_stays_so_where_its_change_cannot_be_made_again(spoilt):
    gateway = founded()
    gateway.store.change("DELETE FROM staff WHERE event = ?", UNRECORDED.hex)
    gateway.store.change("CREATE TEMP TABLE before AS SELECT * FROM organisation")
    gateway.administer("organisation.suspend", OFMIN, reason="for the test")
    gateway.store.change(
        "UPDATE organisation SET status = before.status, document = before.document"
        " FROM before WHERE before.slug = organisation.slug"
    )
    gateway.store.change("DROP TABLE before")
    out = registry_of(gateway)[0].differing
    assert out == {("organisation", OFMIN)}
    with gateway.store.begin(TransactionMode.REGISTRY) as work:
        work.organisations.put_out_of_service(out | {("handoff", str(UUID(int=0)))})
        work.commit()
    gateway.store.change(
        f"UPDATE log_event SET {spoilt} WHERE idx = (SELECT max(idx) FROM log_event"  # noqa: S608
        " WHERE words LIKE '|typ:organisation.suspended|%')"
    )
    assert registry_of(gateway)[0].differing == out


def test_a_log_that_does_not_go_on_from_what_was_proved_is_a_problem(register):
    _, before = registry_of(register)
    register.administer("organisation.suspend", OFMIN, reason="for the test")
    _, after = registry_of(register, before)
    spoil = "UPDATE log_event SET nonce = zeroblob(16) WHERE idx >= ?"
    register.store.change(spoil, after.size - 1)
    assert registry_of(register, after)[0] == WHOLE, "what was proved is not read again"
    assert registry_of(register, before)[0].problems


def test_a_file_counts_under_its_key_for_this_program_alone(tmp_path: Path, monkeypatch: Any):
    gateway, file = founded(), tmp_path / "proved"
    before = proved(gateway)
    before.keep(file, KEY)
    assert Proved.read(file, KEY) == before
    assert Proved.read(tmp_path / "none", KEY) is None
    assert Proved.read(file, bytes(32)) is None
    with monkeypatch.context() as other:
        other.setattr("gateway.store.proved.__version__", "0.0.1")
        assert Proved.read(file, KEY) is None
    data = bytearray(file.read_bytes())
    data[-2] ^= 1
    file.write_bytes(data)
    assert Proved.read(file, KEY) is None


def test_an_older_database_is_compared_as_a_whole():
    there = scene()
    before = replace(proved(there.gateway), size=10_000)
    there.change("UPDATE answer SET document = zeroblob(length(document)) WHERE handoff = {danger}")
    assert compared(there.gateway, before)[0] != SAME
