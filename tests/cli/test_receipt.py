"""`casegate receipt`, `casegate events`, `casegate directory`: what is there, and its proof."""

from gateway.evidence import verdict
from tests.cli.desks import Desks
from tests.client.desk import trust_of
from tests.founding import ABROAD, HOTLINE, OFMIN


def test_ones_own_events_are_listed_with_who_asked(desks: Desks) -> None:
    desks.submitted()
    output = desks.done("events", "--after", "2")
    assert "case.submitted" in output
    assert "intake-1" in output
    assert len(desks.told("events", "--limit", "2")["events"]) == 2
    assert "intake-1" not in desks.done("events", at=OFMIN)


def test_a_receipt_is_shown_with_what_it_proves(desks: Desks) -> None:
    desks.submitted()
    (*_, last) = desks.told("events")["events"]
    output = desks.done("receipt", "show", last["event"])
    assert f"Verified: event {last['event']}" in output
    assert "by (sealed)" in output
    assert "entry" in output
    assert desks.told("receipt", "show", last["event"])["document"] == last["receipt"]["document"]


def test_a_saved_receipt_verifies_offline(desks: Desks) -> None:
    desks.submitted()
    (*_, last) = desks.told("events")["events"]
    output = desks.done("receipt", "save", last["event"], "--out", "r.json")
    assert "r.json holds the receipt" in output
    data = (desks.folder / "r.json").read_bytes()
    assert verdict.verify(data, trust_of(desks.stage.gateway)).code == 0
    told = desks.told("receipt", "save", last["event"], "--out", "s.json")
    assert told == {"file": "s.json", "event": last["event"]}


def test_the_receipt_of_others_is_not_found(desks: Desks) -> None:
    desks.submitted()
    (*_, last) = desks.told("events")["events"]
    assert desks.run("receipt", "show", last["event"], at=ABROAD).exit_code == 1


def test_the_directory_lists_seats_and_mandates(desks: Desks) -> None:
    output = desks.done("directory")
    assert HOTLINE in output
    assert "receive/csam/FR" in output
    assert "receive/csam/FR" in desks.done("directory", OFMIN)
    assert {one["organisation"] for one in desks.told("directory")["items"]} >= {HOTLINE, ABROAD}
    assert desks.told("directory", OFMIN)["organisation"] == OFMIN
    assert desks.run("directory", "Not An Id").exit_code == 2
    assert desks.run("directory", "nobody").exit_code == 1
