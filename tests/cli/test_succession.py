"""`casegate succession` and `casegate admin succession`: planned, previewed, approved, applied."""

from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from gateway.cli.admin import organisation as commands
from gateway.cli.output import short
from gateway.exchange.lifecycle import succession_execution, successions
from gateway.kernel.values import HOST
from tests.casework import accepted
from tests.cli.desks import Desks
from tests.exchange.moving_mandates import DAY, PLAN
from tests.founded_gateway import HOTLINE, OCRVP, OFMIN
from tests.operating import MARTIN, Operator, operator, said

OFFICE = ("--kind", "police_office", "--country", "FR", "--public-authority")
PLANNED = "--competence receive/csam/FR --effective-on 2023-08-31 --read-until 2023-12-01"
WORDS = ("ocrvp", "ofmin", *PLANNED.split())
ACT = ("--legal-act", "Decree 2023-829")


@pytest.fixture
def gw(tmp_path: Path) -> Operator:
    """A gateway with two offices, the first of which holds the mandate."""
    mandate = ("--matter", "csam", "--territory", "FR", "--legal-act", "Decree", "--from")
    return operator(
        tmp_path,
        *(("organisation", "admit", slug, "--name", slug, *OFFICE) for slug in ("ocrvp", "ofmin")),
        ("mandate", "grant", "ocrvp", *mandate, "2006-05-08"),
    )


def planned(gw: Operator) -> str:
    told = gw.done("succession", "plan", *WORDS, *ACT, "--permissions-carry-over")
    assert "predecessor ocrvp, successor ofmin, competence receive/csam/FR" in told
    (listed,) = gw.told("succession", "list", persons=())["items"]
    return str(listed["succession"])


def test_a_succession_is_planned_by_two_persons_and_ends_the_gap(gw: Operator) -> None:
    result = gw.admin("succession", "plan", *WORDS, *ACT, persons=(MARTIN,))
    assert "waits" in result.stdout
    planned(gw)
    report = gw.done("mandate", "report", persons=())
    assert "one holder on every day since 2006-05-08" in report


def test_a_plan_is_called_off_by_two_persons_and_the_mandate_is_where_it_was(gw: Operator) -> None:
    one = planned(gw)
    words = ("succession", "cancel", "ocrvp", one, "--reason", "the decree was postponed")
    assert "waits" in gw.done(*words, persons=(MARTIN,))
    told = gw.done(*words)
    assert f"succession.cancel: succession {one}, predecessor ocrvp, successor ofmin" in told
    assert "WARNING" not in told
    (listed,) = gw.told("succession", "list", persons=())["items"]
    assert listed["cancelled"] is not None
    assert "cancelled" in gw.done("succession", "list", persons=())
    report = gw.told("mandate", "report", persons=())
    (mandate,) = report["competences"]
    assert mandate["stretches"][-1]["holders"] == ["ocrvp"]
    assert "cancelled" in said(gw.admin(*words))
    assert "nothing of it moves" in said(gw.admin("succession", "apply", one, persons=()))
    assert planned_anew(gw)


def planned_anew(gw: Operator) -> bool:
    days = (*WORDS[:5], "2100-01-01", "--read-until", "2100-02-01")
    return bool(gw.done("succession", "plan", *days, *ACT))


def test_days_that_nobody_would_hold_are_warned_of(gw: Operator) -> None:
    gw.done("mandate", "end", "ocrvp", "--competence", "receive/csam/FR", "--until", "2100-01-01")
    days = (*WORDS[:5], "2100-01-01", "--read-until", "2100-02-01")
    gw.done("succession", "plan", *days, *ACT)
    (listed,) = gw.told("succession", "list", persons=())["items"]
    told = gw.done(
        "succession", "cancel", "ocrvp", listed["succession"], "--reason", "no successor"
    )
    assert "WARNING: nobody holds it on 2100-01-01" in told


def test_a_preview_is_recorded_with_one_person_and_changes_nothing(gw: Operator) -> None:
    before, alone = gw.size(), {"persons": (MARTIN,)}
    told = gw.done("succession", "preview", *WORDS, **alone)
    assert "read until" in told
    assert "00000000" not in told
    report = gw.told("succession", "preview", *WORDS, **alone)["result"]
    assert (report["moved"], report["open"]) == ([], [])
    assert gw.size() == before + 2
    assert gw.told("succession", "list", persons=())["items"] == []
    assert gw.admin("succession", "preview", *WORDS, persons=()).exit_code == 2


@pytest.mark.parametrize(
    "words",
    [
        ("ocrvp", "ocrvp", *WORDS[2:]),
        (*WORDS[:3], "csam", *WORDS[4:]),
        (*WORDS[:7], "2023-01-01"),
    ],
    ids=["itself", "no competence", "ends before it begins"],
)
def test_what_is_no_succession_is_an_error_of_use(gw: Operator, words: tuple[str, ...]) -> None:
    before = gw.admin("succession", "list", persons=()).output
    assert gw.admin("succession", "preview", *words, persons=(MARTIN,)).exit_code in (1, 2)
    assert gw.admin("succession", "list", persons=()).output == before


def test_a_due_succession_waits_for_the_offices_and_says_so(gw: Operator) -> None:
    one = planned(gw)
    told = gw.done("succession", "apply", persons=())
    waits = "not finished: it waits for the approval of ocrvp, ofmin"
    assert told == f"succession {one}: moved 0, waiting 0; {waits}\n"
    (item,) = gw.told("succession", "apply", persons=())["items"]
    assert item == {"succession": one, "moved": 0, "waiting": 0, "state": waits}
    assert "ocrvp, ofmin" in gw.done("succession", "show", one, persons=())
    assert "waits for" in gw.done("succession", "list", persons=())
    assert gw.told("succession", "show", one, persons=())["waits_for"]


def test_without_any_that_is_due_nothing_is_done(gw: Operator) -> None:
    assert gw.done("succession", "apply", persons=()) == "no succession is due\n"
    assert gw.told("succession", "apply", persons=()) == {"items": []}
    unknown = "0190a6a0-0000-7000-8000-000000000001"
    assert "no succession has this id" in said(gw.admin("succession", "show", unknown))


def test_an_application_goes_on_until_nothing_moves_any_more(
    monkeypatch: pytest.MonkeyPatch, desks: Desks, capsys: pytest.CaptureFixture[str]
) -> None:
    gateway = desks.stage.gateway
    for _ in range(3):
        accepted(gateway)
    one = UUID(gateway.administer("succession.plan", OFMIN, **PLAN).result["succession"])
    for office in (OFMIN, OCRVP):
        desks.done("succession", "approve", str(one), "--by", "officer-1", at=office)
    gateway.day = DAY
    monkeypatch.setattr(succession_execution.apply, "__defaults__", (2,))
    told = commands._apply(gateway.ports, successions.find(gateway.ports, one))
    assert (told["moved"], told["waiting"], told["state"]) == (3, 0, "finished")
    report: dict[str, Any] = successions.report(gateway.ports, HOST, one)
    commands._print_report(report)
    out = capsys.readouterr().out
    assert out.count("2026-05-01") == 4
    assert "moved" in out


def test_an_office_lists_shows_and_approves(desks: Desks) -> None:
    gateway = desks.stage.gateway
    one = gateway.administer("succession.plan", OFMIN, **PLAN).result["succession"]
    assert f"{OFMIN}, {OCRVP}" in desks.done("succession", "list", at=OCRVP)
    shown = desks.done("succession", "show", one, at=OFMIN)
    assert "receive/csam/FR" in shown
    told = desks.done("succession", "approve", one, "--by", "officer-1", at=OFMIN)
    assert f"it waits for {OCRVP}" in told
    shown = desks.done("succession", "show", one, at=OCRVP)
    assert "approved by" in shown
    assert "(signed by the author)" not in shown
    assert "receipt verified" in told
    assert desks.run("succession", "approve", one, "--by", "officer-1", at=OFMIN).exit_code == 1
    assert desks.told("succession", "list", at=HOTLINE) == {"items": []}
    assert desks.told("succession", "show", one, at=OFMIN)["waits_for"] == [OCRVP]
    assert desks.run("succession", "show", one, at=HOTLINE).exit_code == 1
    gateway.administer("succession.cancel", OFMIN, succession=one, reason="postponed")
    assert "nothing: cancelled" in desks.done("succession", "list", at=OCRVP)


def test_a_moved_handoff_is_shown_with_where_it_went(desks: Desks) -> None:
    gateway = desks.stage.gateway
    handoff = accepted(gateway)
    one = gateway.administer("succession.plan", OFMIN, **PLAN).result["succession"]
    for office in (OFMIN, OCRVP):
        desks.done("succession", "approve", one, "--by", "officer-1", at=office)
    gateway.day = DAY
    succession_execution.apply(gateway.ports, UUID(one))
    new = desks.told("handoff", "show", str(handoff))["reissued_as"]["handoff"]
    assert f"{short(new)}, by succession {one}" in desks.done("handoff", "show", str(handoff))
    shown = desks.done("handoff", "show", new, at=OCRVP)
    assert f"handoff {short(handoff)}, by succession {one}" in shown
    assert "reissue by OFMIN (attested by the gateway)" in desks.done(
        "handoff", "show", str(handoff)
    )
