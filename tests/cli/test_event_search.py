"""`casegate event list` cut down, and `casegate event search`, which is on record."""

from typing import Any

import pytest

from gateway.domain.staff import RegisterRole
from gateway.evidence import event
from gateway.evidence.receipt import from_json
from tests.cli.desks import Desks
from tests.founded_gateway import HOTLINE, OFMIN, enter_staff, shown

ON_RECORD = ("event", "search", "--reason-code", "self_monitoring", "--reason", "a check")


@pytest.fixture
def held(desks: Desks) -> str:
    handoff = desks.offered()
    desks.done("handoff", "accept", handoff, "--by", "officer-1", "--yes", at=OFMIN)
    desks.submitted()
    return handoff


def found(desks: Desks, *options: str) -> list[Any]:
    told = desks.told("event", *options)["events"]
    return [from_json(one["receipt"]) for one in told]


def test_events_are_listed_by_case_handoff_person_type_and_days(desks: Desks, held: str) -> None:
    whole = len(found(desks, "list"))
    first = desks.told("case", "list")["items"][0]["case"]
    for options, count in (
        (("--handoff", held), 2),
        (("--case", first), 3),
        (("--type", "case.submitted"), 2),
        (("--type", "case.submitted", "--case", first), 1),
        (("--person", "liaison-1"), 1),
        (("--person", "approver-1"), 2),  # who cleared them
        (("--person", "officer-1"), 0),  # who accepted it is a person of the other side
        (("--from", "2026-03-01", "--to", "2026-03-31"), whole),
        (("--to", "2026-01-01"), 0),
        (("--type", "case.submitted", "--limit", "1"), 1),
    ):
        assert len(found(desks, "list", *options)) == count, options


def test_a_search_is_on_record_with_person_reason_and_what_it_was_for(
    desks: Desks, held: str
) -> None:
    enter_staff(desks.stage.gateway.ports.begin, HOTLINE, ["dpo-1"], frozenset({RegisterRole.DPO}))
    (one,) = found(desks, *ON_RECORD[1:], "--by", "dpo-1", "--person", "liaison-1")
    assert event.read(one.document)["type"] == "handoff.offered"
    (record,) = found(desks, "list", "--type", "events.searched")
    told = shown(record)
    assert (told["by"], told["reason_code"], told["reason"]) == (
        "dpo-1",
        "self_monitoring",
        "a check",
    )
    assert told["subject"] == '{"person":"liaison-1"}'


def test_only_the_data_protection_officer_and_the_head_search_on_record(desks: Desks) -> None:
    begin, analyst = desks.stage.gateway.ports.begin, frozenset({RegisterRole.ANALYST})
    enter_staff(begin, HOTLINE, ["analyst-9"], analyst)
    refused = desks.run(*ON_RECORD, "--by", "analyst-9", "--person", "liaison-1")
    assert refused.exit_code == 1
    assert "/by" in refused.output


def test_a_folder_of_receipts_is_never_cut_down(desks: Desks) -> None:
    result = desks.run("event", "list", "--out-dir", "r", "--person", "liaison-1")
    assert result.exit_code == 2
