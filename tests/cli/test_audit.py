"""`casegate audit`: events are searched, counted and handed on, and verify offline."""

import csv
import hashlib
import io
import json
import zipfile
from datetime import datetime
from typing import Any
from uuid import UUID

import pytest

from gateway.cli.verify import EXPORTED
from gateway.client import AuditFilters
from tests import answers
from tests.cli.conftest import MIRROR
from tests.cli.desks import Desks
from tests.client.client_fixture import MemberClient
from tests.each import each
from tests.founded_gateway import ABROAD, HOTLINE, OFMIN, caller
from tests.ports import ISSUER


@pytest.fixture
def granted(desks: Desks) -> str:
    """A handoff, and a grant over the whole log for the hotline abroad."""
    handoff = desks.offered()
    desks.stage.gateway.administer(
        "audit_access.grant",
        ABROAD,
        coverage="all",
        start="2026-03-01",
        until="2026-04-01",
        decision_ref="board 2026-02",
    )
    return handoff


WHO = ("--by", "auditor-1", "--reason-code", "lawfulness", "--reason", "yearly check")


def test_an_auditor_lists_events_of_others(
    desks: Desks, granted: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("COLUMNS")
    output = desks.done("audit", "search", *WHO, "--handoff", granted, at=ABROAD)
    assert "handoff.offered" in output
    assert max(map(len, output.splitlines())) <= 80
    words = " ".join(output.split())
    parties = f"{HOTLINE} (originator, number 5), {OFMIN} (recipient, number 5)"
    assert f"{parties} by liaison-1 ({HOTLINE})" in words
    assert "1 allowed" in words
    searched = desks.done("audit", "search", *WHO, "--action", "audit.search", at=ABROAD)
    assert "reason code lawfulness reason yearly check" in " ".join(searched.split())
    (one,) = desks.told(
        "audit", "search", *WHO, "--action", "handoff.offer", "--person", "liaison-1", at=ABROAD
    )["events"]
    assert (one["parties"], one["details"]["by"]) == ([HOTLINE, OFMIN], "liaison-1")


@each(
    "filters, count",
    [
        (("--organisation", OFMIN, "--result", "allowed"), 5),
        (("--rule", "R2.offer"), 1),
        (("--action", "handoff.offer"), 1),
        (("--action", "handoff.offered"), 1),
        (("--from", "2030-01-01T00:00:00Z"), 0),
        (("--from", "2030-01-01"), 0),
        (("--before", "2026-03-02T00:00:00Z"), 0),
        (("--limit", "2"), 2),
    ],
)
def test_filters_are_passed_on(
    desks: Desks, granted: str, filters: tuple[str, ...], count: int
) -> None:
    told = desks.told("audit", "search", *WHO, *filters, at=ABROAD)
    assert len(told["events"]) == count


MONTH = ("audit", "month", *WHO, "--month", "2026-03")


@each(
    "language, words",
    [
        ("en", ("1 Mar 2026 to 31 Mar 2026", "changes of members", "No event.", "No witness")),
        ("fr", ("1er mars 2026 au 31 mars 2026", "changements des membres", "Aucun événement.")),
    ],
)
def test_a_month_is_counted_by_six_topics(
    desks: Desks, granted: str, language: str, words: tuple[str, ...]
) -> None:
    output = " ".join(desks.done(*MONTH, "--lang", language, at=ABROAD).split())
    assert [one for one in words if one not in output] == []


def test_a_month_is_one_search_whose_counts_are_those_of_its_events(
    desks: Desks, granted: str
) -> None:
    told = desks.told(*MONTH, at=ABROAD)
    (search,) = told["searches"]
    assert told["search"] == search
    found = desks.told("audit", "search", *WHO, "--topic", "members", at=ABROAD)["events"]
    assert {one["topic"]: one["events"] for one in told["topics"]}["members"] == len(found)
    assert all(one["event"]["result"] == "allowed" for one in found)


def test_what_was_registered_is_shown_as_words(desks: Desks, granted: str) -> None:
    output = desks.done("audit", "search", *WHO, "--action", "mandate.grant", at=ABROAD)
    words = " ".join(output.split())
    assert f"organisation {OFMIN}" in words
    assert '"organisation"' not in words
    told = desks.told("audit", "search", *WHO, "--action", "mandate.grant", at=ABROAD)["events"]
    assert OFMIN in {json.loads(one["details"]["subject"])["organisation"] for one in told}


def test_several_results_are_one_search_in_the_order_of_the_log(desks: Desks, granted: str) -> None:
    desks.run("audit", "search", *WHO)
    asked = ("--result", "denied", "--result", "allowed")
    searched = desks.told("audit", "search", *WHO, *asked, at=ABROAD)
    told = searched["events"]
    assert len(searched["searches"]) == 1
    results = [one["event"]["result"] for one in told]
    assert {*results} == {"allowed", "denied"}
    assert [one["index"] for one in told] == sorted(one["index"] for one in told)
    counted = desks.done("audit", "search", *WHO, *asked, at=ABROAD)
    assert "1 denied" in counted


def test_several_actions_are_one_search(desks: Desks, granted: str) -> None:
    asked = ("--action", "mandate.grant", "--action", "membership.grant")
    told = desks.told("audit", "search", *WHO, *asked, at=ABROAD)["events"]
    types = {one["event"]["type"] for one in told}
    assert types == {"mandate.granted", "membership.granted"}


def test_a_search_is_written_for_a_spreadsheet_without_a_formula(
    desks: Desks, granted: str
) -> None:
    why = (*WHO[:-1], "=1+1")
    desks.done("audit", "search", *why, "--limit", "1", at=ABROAD)
    size = desks.stage.gateway.size()
    text = desks.done("audit", "search", *WHO, "--csv", at=ABROAD)
    rows = list(csv.DictReader(text.splitlines()))
    assert [row["entry"] for row in rows] == [str(number) for number in range(size)]
    assert not any(cell.startswith(tuple("=+-@")) for row in rows for cell in row.values())
    assert desks.run("audit", "search", *WHO, "--csv", "--json", at=ABROAD).exit_code == 2


def test_a_table_names_case_and_due_time_and_what_was_refused_as_it_was_asked(
    desks: Desks, granted: str
) -> None:
    desks.run("audit", "search", *WHO)  # the hotline has no audit access
    case = desks.told("handoff", "show", granted)["case"]
    text = desks.done("audit", "search", *WHO, "--csv", at=ABROAD)
    rows = {row["event"]: row for row in csv.DictReader(text.splitlines())}
    offer = rows["handoff.offered"]
    assert offer["case"] == f"{HOTLINE}/{case}"
    assert datetime.fromisoformat(offer["time"]) < datetime.fromisoformat(offer["due"])
    assert rows["audit.search"]["result"] == "denied"
    asked = (caller(OFMIN), "key", UUID(granted), answers.said("officer-1"))
    desks.stage.gateway.refusal(answers.close, *asked)
    listed = desks.done("audit", "search", *WHO, "--action", "handoff.close", at=ABROAD)
    assert "handoff.close " in listed
    assert "handoff.closed" not in listed + desks.done("event", "list", at=OFMIN)


def test_an_account_names_what_an_auditor_was_not_shown(
    desks: Desks, granted: str, public: tuple[str, ...]
) -> None:
    desks.done("audit", "mirror", ISSUER, "copy", *public)
    shown = desks.told("audit", "search", *WHO, at=ABROAD)
    (desks.folder / "all.json").write_text(json.dumps(shown))
    words = ("audit", "account", "all.json", "--log", "copy", *public[:2])
    told = desks.told(*words)
    assert told["code"] == 0
    assert told["proved"][0]["withheld"] == 0
    del shown["events"][3]
    (desks.folder / "all.json").write_text(json.dumps(shown))
    assert desks.run(*words).exit_code == 15
    (desks.folder / "all.json").write_text("{}")
    assert desks.run(*words).exit_code == 2


def test_no_more_is_read_than_is_asked_for(desks: Desks, granted: str) -> None:
    """What is read is recorded: an auditor must be able to read little."""
    desks.told("audit", "search", *WHO, "--limit", "2", at=ABROAD)
    desk = MemberClient(desks.stage, ABROAD)
    (search,) = desk.audit("a-1", "lawfulness", "x", limit=1)
    assert [one.index for one in search.events] == [0]
    (searches,) = desk.audit("a-1", "lawfulness", "x", AuditFilters(actions=("audit.search",)))
    assert len(searches.events) == 2


def test_a_case_is_named_with_its_originator(desks: Desks, granted: str) -> None:
    (offered,) = desks.told("audit", "search", *WHO, "--action", "handoff.offer", at=ABROAD)[
        "events"
    ]
    digest = offered["event"]["case_digest"]
    case = desks.told("handoff", "show", granted)["case"]
    told = desks.told("audit", "search", *WHO, "--case", f"{HOTLINE}/{case}", at=ABROAD)
    assert {one["event"]["case_digest"] for one in told["events"]} == {digest}
    told = desks.told("audit", "search", *WHO, "--case", f"{HOTLINE}/ref-{case}", at=ABROAD)
    assert {one["event"]["case_digest"] for one in told["events"]} == {digest}
    for wrong in ("x", f"{HOTLINE}/", f"A B/{case}"):
        assert desks.run("audit", "search", *WHO, "--case", wrong, at=ABROAD).exit_code == 2
    assert desks.run("audit", "search", *WHO, "--from", "today", at=ABROAD).exit_code == 2


@each(
    "filters, said",
    [
        (("--person", "nobody"), "Nobody named nobody asked"),
        (("--rule", "R99"), "No rule is named R99"),
        (("--case", f"{HOTLINE}/guessed"), "about a case of that name"),
    ],
)
def test_what_is_not_known_is_said_to_be_unknown(
    desks: Desks, granted: str, filters: tuple[str, ...], said: str
) -> None:
    words = " ".join(desks.done("audit", "search", *WHO, *filters, at=ABROAD).split())
    assert "No events" in words
    assert said in words


def test_without_a_grant_the_refusal_names_its_rule(desks: Desks) -> None:
    result = desks.run("audit", "search", *WHO)
    assert (result.exit_code, "R2.audit.coverage" in result.stderr) == (1, True)
    assert "receipt verified" in result.stderr


# --- What an auditor hands on ---


def _drop_a_detail(text: str) -> str:
    members = json.loads(text)
    ((_, log),) = members["logs"].items()
    del log["entries"][0]["disclosures"][0]
    return json.dumps(members)


@pytest.fixture
def exporting(desks: Desks, public: tuple[str, ...], granted: str) -> tuple[Desks, str]:
    """An auditor whose client reads the public log; and a handoff."""
    log = MIRROR.open_log(ISSUER, None)
    desks.changes["tile"] = log.fetch
    return desks, granted


def checked(desks: Desks, *words: str) -> Any:
    keys = ("--log-key", desks.stage.gateway.checkpoint_signer.signer.vkey)
    return desks.run("verify", *words, *keys)


def test_an_export_is_a_folder_that_verifies_offline(exporting: tuple[Desks, str]) -> None:
    desks, handoff = exporting
    said = desks.done("audit", "export", *WHO, "--handoff", handoff, "--out", "out", at=ABROAD)
    assert "casegate verify out --trust KEYS" in said
    folder = desks.folder / "out"
    assert sorted(one.name for one in folder.iterdir()) == sorted(EXPORTED)
    told = checked(desks, "out")
    assert told.exit_code == 0, told.output
    words = " ".join(told.output.split())
    assert "found 1 events: this file shows all of its pages" in words
    assert "filters handoff " in words or f"handoff {handoff}" in words
    assert "The table events.csv beside the evidence has a row for each" in words
    assert "The page report.html beside the evidence is not checked" in words
    (row,) = csv.DictReader(io.StringIO((folder / "events.csv").read_text()))
    assert row["case"].startswith(f"{HOTLINE}/")
    assert datetime.fromisoformat(row["due"]) > datetime.fromisoformat(row["time"])
    page = (folder / "report.html").read_text()
    assert hashlib.sha256((folder / "evidence.json").read_bytes()).hexdigest() in page
    assert checked(desks, "out/evidence.json").exit_code == 0


def test_an_export_of_many_pages_has_one_checkpoint_and_says_so_in_french(
    exporting: tuple[Desks, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    desks, _ = exporting
    monkeypatch.setattr("gateway.exchange.oversight.audit.PAGE", 7)
    desks.done("audit", "export", *WHO, "--out", "out", "--lang", "fr", at=ABROAD)
    told = checked(desks, "out", "--json")
    assert json.loads(told.stdout)["code"] == 0, told.output
    members = json.loads((desks.folder / "out/evidence.json").read_text())
    ((_, log),) = members["logs"].items()
    (record,) = members["about"]["search"]["records"]
    assert [one["index"] for one in log["entries"]] == [*range(record), record]
    assert (desks.folder / "out/log.checkpoint").read_text() == log["checkpoint"]
    keys = ("--log-key", desks.stage.gateway.checkpoint_signer.signer.vkey)
    desks.done("audit", "mirror", ISSUER, "copy", *keys)
    account = desks.run("audit", "account", "out", "--log", "copy", *keys)
    assert f"{record + 1} are opened by a receipt" in " ".join(account.output.split())
    page = (desks.folder / "out/report.html").read_text()
    assert "Le tableau events.csv" in page
    assert "found" not in page


def test_nine_of_an_auditors_ten_questions_end_in_a_folder_that_verifies(
    exporting: tuple[Desks, str],
) -> None:
    """All but which rules were in force: of those an event has the names and the revision."""
    desks, handoff = exporting
    case = f"{HOTLINE}/{desks.told('handoff', 'show', handoff)['case']}"
    month = ("--from", "2026-03-01", "--before", "2026-04-01")
    questions = (
        ("--case", case, "--action", "case.consult", *month),  # who read a case, and why
        ("--organisation", OFMIN, "--result", "denied", "--result", "not_found"),
        ("--action", "handoff.offer", "--action", "handoff.accept"),  # how long offers wait
        ("--organisation", OFMIN, "--action", "handoff.offer"),  # which cases came to it
        ("--organisation", OFMIN, "--action", "organisation.approve"),  # who approved it
        ("--handoff", handoff, "--action", "case.consult", *month),  # who read it after its end
        (),  # what else there is
        ("--case", case),  # all of a case, for a court
        ("--person", "liaison-1"),  # what a person did
    )
    for number, filters in enumerate(questions):
        out = f"question-{number}"
        desks.done("audit", "export", *WHO, *filters, "--out", out, "--lang", "fr", at=ABROAD)
        assert checked(desks, out).exit_code == 0, filters


def test_a_search_writes_its_report_as_a_page(exporting: tuple[Desks, str]) -> None:
    desks, handoff = exporting
    asked = ("--handoff", handoff, "--report", "page.html", "--lang", "fr")
    desks.done("audit", "search", *WHO, *asked, at=ABROAD)
    page = (desks.folder / "page.html").read_text()
    assert "La recherche de" in page
    assert "casegate audit search" in page
    assert desks.run("audit", "search", *WHO, *asked, at=ABROAD).exit_code == 2


def test_an_export_may_be_one_file_to_carry(exporting: tuple[Desks, str]) -> None:
    desks, handoff = exporting
    asked = ("audit", "export", *WHO, "--handoff", handoff, "--out", "out")
    desks.done(*asked, "--zip", at=ABROAD)
    assert not (desks.folder / "out").exists()
    refused = checked(desks, "out.zip")
    assert refused.exit_code == 10
    assert "unpack it, and give the folder in it" in " ".join(refused.output.split())
    with zipfile.ZipFile(desks.folder / "out.zip") as archive:
        archive.extractall(desks.folder)
    assert checked(desks, "out").exit_code == 0
    size = desks.stage.gateway.size()
    again = desks.run(*asked, at=ABROAD), desks.run(*asked[:-1], "o2", "--zip", at=ABROAD)
    assert [one.exit_code for one in again] == [2, 0]
    assert desks.run(*asked[:-1], "o2", "--zip", at=ABROAD).exit_code == 2
    assert desks.stage.gateway.size() > size


@each(
    "file, change, code, reason",
    [
        ("events.csv", lambda text: text.replace("allowed", "denied", 1), 13, "of entry"),
        ("events.csv", lambda text: text.replace("entry,", "verdict,", 1), 13, "verdict"),
        ("events.csv", lambda text: text + text.splitlines()[1] + "\r\n", 13, "2 rows for 1"),
        ("events.csv", lambda text: "\0", 13, "table"),
        ("log.checkpoint", lambda text: text.replace("\n", "\n1", 1), 13, "checkpoint"),
        ("evidence.json", lambda text: text.replace('"records"', '"record"'), 10, "does not name"),
        ("evidence.json", lambda text: text.replace('"allowed', '"denied', 1), 12, ""),
        ("evidence.json", _drop_a_detail, 15, "pages of it are missing"),
        ("evidence.json", lambda text: "", 10, "empty"),
    ],
)
def test_an_export_that_was_changed_is_refused(
    exporting: tuple[Desks, str], file: str, change: Any, code: int, reason: str
) -> None:
    desks, handoff = exporting
    name = f"out-{len(list(desks.folder.iterdir()))}"
    desks.done("audit", "export", *WHO, "--handoff", handoff, "--out", name, at=ABROAD)
    changed = desks.folder / name / file
    text = changed.read_bytes().decode()
    assert change(text) != text
    changed.write_bytes(change(text).encode())
    told = checked(desks, name)
    assert told.exit_code == code, told.output
    assert reason in " ".join(told.output.split())


def test_a_folder_that_is_no_export_is_named(desks: Desks, public: tuple[str, ...]) -> None:
    desks.done("event", "list", "--out-dir", "receipts")
    told = checked(desks, "receipts")
    assert (told.exit_code, "check-stream" in told.output) == (2, True)


def test_the_report_of_a_check_is_no_evidence(desks: Desks, public: tuple[str, ...]) -> None:
    desks.submitted()
    desks.done("audit", "mirror", ISSUER, "copy", *public)
    (desks.folder / "report.json").write_text(
        desks.done("audit", "check-copy", "copy", *public, "--json")
    )
    told = checked(desks, "report.json")
    assert told.exit_code == 10
    assert "a report of a check" in " ".join(told.output.split())
