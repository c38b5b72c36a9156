"""`casegate handoff`: offer, answer, open, prove; conditions are agreed to by a person."""

import json
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from gateway.cli import output
from gateway.cli.output import short
from gateway.client import Gateway, UnknownReference
from gateway.evidence import event as events
from gateway.evidence import receipt as receipts
from gateway.evidence import sd_jwt
from gateway.keys import SigningKey
from gateway.verification import verifier
from tests.casework import element_id
from tests.cli.desks import CLEARED, Desks
from tests.client.client_fixture import trust_of
from tests.each import each
from tests.founded_gateway import ABROAD, HOTLINE, OFMIN
from tests.ports import document_key

BY = ("--by", "officer-1")
OPENING = (*BY, "--reason-code", "investigation", "--reason", "first look")


def accepted(desks: Desks) -> str:
    handoff = desks.offered()
    desks.done("handoff", "accept", handoff, *BY, "--yes", at=OFMIN)
    return handoff


def offered_case(desks: Desks, case: str) -> str:
    asked = ("--by", "liaison-1", "--purpose", "identify_victim", "--competence", "csam/FR")
    told = desks.told("handoff", "offer", case, *asked, "--group", "items", "--group", "statements")
    return str(told["result"]["handoff"])


def revision(file: Path, pointer: str) -> tuple[str, ...]:
    """The command that submits a correction of one place."""
    why = ("--change", "correction", "--reason-code", "inaccurate", "--reason", "it was wrong")
    return ("case", "revise", str(file), "--by", "intake-1", *why, "--pointer", pointer, *CLEARED)


def test_a_preview_tells_what_an_offer_would_give(desks: Desks) -> None:
    case = desks.submitted()
    size = desks.stage.gateway.size()
    purpose = ("--purpose", "identify_victim")
    asked = ("--by", "liaison-1", *purpose, "--group", "items", "--to", ABROAD)
    output = desks.done("handoff", "preview", case, *asked)
    assert ABROAD in output
    assert "would give  5 parts" in output
    assert (
        "purpose               identification of a victim (requested by the originator)" in output
    )
    assert desks.stage.gateway.size() == size


def test_an_offer_tells_to_whom_it_went_and_until_when(desks: Desks) -> None:
    case = desks.submitted()
    output = desks.done(
        "handoff", "offer", case, "--by", "liaison-1", "--purpose", "identify_victim",
        "--group", "items", "--competence", "csam/FR", "--expires-at", "2026-06-01T12:00:00+02:00",
        "--note", "please look",
    )  # fmt: skip
    assert f"offered to {OFMIN} for receive/csam/FR" in output
    assert "due 2026-03-05 09:00 UTC" in output


@pytest.mark.parametrize("signs", [False, True], ids=["attested", "signed"])
def test_a_recall_goes_from_desk_to_desk_and_is_proved(
    desks: Desks, signs: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    trust = trust_of(desks.stage.gateway)
    if signs:
        key = signing(desks)
        trust = replace(trust, organisations={HOTLINE: {key.kid: key.public_key}})
    desks.changes["trust"] = trust
    case = desks.submitted()
    handoff = offered_case(desks, case)
    own = desks.changes.pop("document_key", None)  # the other desk has none
    desks.done("handoff", "accept", handoff, *BY, "--yes", at=OFMIN)
    desks.changes |= {} if own is None else {"document_key": own}
    output = desks.done(
        "case", "recall", case, "--by", "approver-1", "--code", "misdirected", "--reason", "astray"
    )
    assert OFMIN in output
    recall = output.partition("recall ")[2].split()[0]
    desks.done("case", "approve-recall", case, recall, "--by", "approver-2")
    desks.changes.pop("document_key", None)
    assert "RECALLED" in desks.done("handoff", "show", handoff, at=OFMIN)
    desks.done("handoff", "acknowledge-recall", handoff, *BY, at=OFMIN)
    erased = ("handoff", "answer-recall", handoff, *BY, "--done", "copies_erased")
    assert "--no-backups" in desks.run(*erased, at=OFMIN).stderr
    final = (*erased, "--backups-until", "2026-06-30")
    assert "Give --yes" in desks.run(*final, at=OFMIN).stderr
    with monkeypatch.context() as terminal:
        terminal.setattr("gateway.cli.output.interactive", lambda: True)
        assert desks.run(*final, at=OFMIN, input="no\n").exit_code == 1
        desks.done(*final, at=OFMIN, input="copies_erased\n")
    (line,) = desks.told("case", "coverage", case)["handoffs"]
    assert (line["recall"]["answer"], line["owed"]) == ("copies_erased", [])
    assert "declared erased" in " ".join(desks.done("case", "coverage", case).split())
    desks.done("handoff", "export", handoff, "--without-content", "--out", "recalled.json")
    file = desks.folder / "recalled.json"
    result = verifier.verify(file.read_bytes(), trust)
    assert result.conclusion is not None, result.sentence
    told = {one.key for one in result.conclusion.facts}
    assert {"recall", "recall_acknowledgement", "recall_answer"} <= told


def test_a_correction_goes_from_desk_to_desk(desks: Desks, tls_files: Path) -> None:
    desks.changes["certificate"] = tls_files / "certificate.pem"
    file = desks.case_file()
    told = desks.told("case", "submit", str(file), "--by", "intake-1", *CLEARED)
    case = told["result"]["case"]
    handoff = offered_case(desks, case)
    desks.done("handoff", "accept", handoff, *BY, "--yes", at=OFMIN)
    content = json.loads(file.read_text())
    url = content["items"][0]
    url["value"] = "https://content.example.org/other"
    content |= {"version": 2, "previous": told["result"]["digest"]}
    file.write_text(json.dumps(content))
    refused = desks.run(*revision(file, "/urgency"))
    assert refused.exit_code == 1
    assert f"/items/{url['id']}" in refused.output
    desks.done(*revision(file, f"/items/{url['id']}"))
    assert "superseded" in desks.done("handoff", "show", handoff, at=OFMIN)
    assert "update" in desks.done("case", "coverage", case)
    assert "package 2" in desks.done("handoff", "update", handoff, "--by", "liaison-1")
    assert "update 03-05" in desks.done("handoff", "list", at=OFMIN)
    opened = desks.done("handoff", "consult", handoff, *OPENING, at=OFMIN)
    assert "Package 2" in opened
    for shown in (opened, desks.done("handoff", "show", handoff, at=OFMIN)):
        assert "CORRECTION (inaccurate)" in shown
        assert f"/items/{short(url['id'])}" in shown
    assert "--was" in opened
    both = desks.done("handoff", "consult", handoff, *OPENING, "--was", at=OFMIN)
    said = {
        word: line for word, _, line in (one.strip().partition("  ") for one in both.split("\n"))
    }
    assert "org/page" in said["was"] and "org/other" in said["is"]
    read = desks.told("handoff", "consult", handoff, *OPENING, "--was", at=OFMIN)
    assert (read["result"]["package"], read["was"]["result"]["package"]) == (2, 1)
    (waiting,) = desks.told("todo", at=OFMIN)["items"]
    assert waiting["first"].startswith(f"casegate handoff consult {handoff} --was")
    assert waiting["next"].startswith(f"casegate handoff acknowledge {handoff}")
    old = (*BY, "--reason-code", "superseded_package", "--reason", "what was said")
    older = desks.done("handoff", "consult", handoff, "--package", "1", *old, at=OFMIN)
    assert "SUPERSEDED" in older
    done = desks.done("handoff", "acknowledge", handoff, *BY, at=OFMIN)
    assert "acknowledgement recorded" in done
    desks.done("handoff", "apply", handoff, *BY, "--done", "rectified", at=OFMIN)
    assert "nothing" in desks.done("case", "coverage", case)


def test_an_update_that_policy_refuses_is_a_refusal_that_says_what_to_do(desks: Desks) -> None:
    handoff = accepted(desks)
    before = desks.told("case", "show", desks.told("handoff", "show", handoff)["case"])
    content = {"case": before["case"], "version": 2, "previous": before["digest"]}
    file = desks.case_file(**content, urgency="normal")
    desks.done(*revision(file, "/urgency"))
    ended = {"competence": "receive/csam/FR", "until": "2026-03-01"}
    desks.stage.gateway.administer("mandate.end", OFMIN, **ended)
    refused = desks.run("handoff", "update", handoff, "--by", "liaison-1")
    assert refused.exit_code == 1, refused.output
    assert "omit-update" in refused.stderr


def test_a_notice_goes_from_desk_to_desk(desks: Desks, tls_files: Path) -> None:
    desks.changes["certificate"] = tls_files / "certificate.pem"
    handoff = desks.offered()
    case = desks.told("handoff", "show", handoff)["case"]
    desks.done("handoff", "accept", handoff, *BY, "--yes", at=OFMIN)
    desks.done("handoff", "decline", handoff, *BY, "--reason", "not ours", at=OFMIN)
    before = desks.told("case", "show", case)
    file = desks.case_file(case=case, version=2, previous=before["digest"], urgency="normal")
    desks.done(*revision(file, "/urgency"))
    assert "correction notice" in desks.done("case", "coverage", case)
    said = ("--by", "liaison-1", "--code", "inaccurate", "--pointer", "/urgency")
    desks.done("handoff", "notify-correction", handoff, *said)
    assert "/urgency" in desks.done("handoff", "notices", handoff, at=OFMIN)
    (waiting,) = desks.told("todo", at=OFMIN)["items"]
    assert waiting["first"] == f"casegate handoff notices {handoff}"
    desks.done("handoff", "acknowledge", handoff, *BY, at=OFMIN)
    (line,) = desks.told("case", "coverage", case)["handoffs"]
    assert (line["owed"], line["answered"]) == ([], "acknowledge")


def signing(desks: Desks) -> SigningKey:
    """The hotline's document key, at its desk and registered."""
    key = document_key("hotline")
    desks.stage.gateway.register_key(HOTLINE, key)
    desks.changes["document_key"] = key
    return key


def test_with_a_document_key_an_offer_is_signed(desks: Desks) -> None:
    key = signing(desks)
    told = desks.told("case", "submit", str(desks.case_file()), "--by", "intake-1", *CLEARED)
    (desks.folder / "submitted.json").write_text(json.dumps(told))
    offer = desks.told(
        "handoff", "offer", told["result"]["case"], "--by", "liaison-1", "--group", "items",
        "--purpose", "identify_victim", "--competence", "csam/FR", "--submitted", "submitted.json",
    )  # fmt: skip
    document = sd_jwt.read_unverified(offer["result"]["offer"])
    assert document.header["kid"] == key.kid
    handoff = offer["result"]["handoff"]
    assert "offer by Point de Contact (signed by the author), event" in desks.done(
        "handoff", "show", handoff
    )
    del desks.changes["document_key"]
    desks.changes["trust"] = replace(
        trust_of(desks.stage.gateway), organisations={HOTLINE: {key.kid: key.public_key}}
    )
    why = ("--by", "liaison-1", "--reason", "twice")
    assert "attested by the gateway" in desks.done("handoff", "withdraw", handoff, *why)
    assert "withdrawal by Point de Contact (attested by the gateway), event" in desks.done(
        "handoff", "show", handoff
    )
    assert document.claims["iss"].endswith(f"/organisations/{HOTLINE}")


def test_who_writes_reads_with_which_key_it_was_signed(desks: Desks) -> None:
    key = signing(desks)
    done = desks.done("case", "submit", str(desks.case_file()), "--by", "intake-1", *CLEARED)
    assert f"signed with key {key.kid}" in done


def test_what_was_not_selected_is_not_signed_whatever_the_gateway_shows(desks: Desks) -> None:
    signing(desks)
    told = desks.told("case", "submit", str(desks.case_file()), "--by", "intake-1", *CLEARED)
    told["result"]["groups"]["items"] = []
    (desks.folder / "submitted.json").write_text(json.dumps(told))
    (desks.folder / "other.json").write_text("[]")
    asked = (
        "handoff", "offer", told["result"]["case"], "--by", "liaison-1", "--group", "items",
        "--purpose", "identify_victim", "--competence", "csam/FR", "--submitted",
    )  # fmt: skip
    result = desks.run(*asked, "submitted.json")
    assert result.exit_code == 5
    assert (
        "EVIDENCE DOES NOT VERIFY: the preview names parts that were not selected" in result.stderr
    )
    assert desks.told("handoff", "list", "--box", "out") == {"items": []}
    assert "case submit --json" in desks.run(*asked, "other.json").output


@each(
    "arguments, told",
    [
        (("--group", "items"), "--to, --competence, or both"),
        (("--to", "a-b"), "--element or --digest"),
        (("--group", "items", "--competence", "csam"), "[FUNCTION/]MATTER/TERRITORY"),
        (("--group", "pictures", "--to", "a-b"), "is not one of"),
        (("--group", "items", "--to", "a-b", "--expires-at", "2026-06-01"), "not a time with its"),
    ],
)
def test_an_offer_that_says_too_little_is_an_error_of_use(
    desks: Desks, arguments: tuple[str, ...], told: str
) -> None:
    case = "018f0000-0000-7000-8000-000000000001"
    result = desks.run("handoff", "offer", case, "--by", "x1", "--purpose", "remove", *arguments)
    assert result.exit_code == 2
    assert told in result.stderr


def test_handoffs_are_listed_for_both_parties(desks: Desks) -> None:
    handoff = desks.offered()
    assert short(handoff) in desks.done("handoff", "list", "--box", "out")
    assert short(handoff) in desks.done("handoff", "list", at=OFMIN)
    assert short(handoff) not in desks.done("handoff", "list", "--state", "closed", at=OFMIN)
    assert desks.told("handoff", "list")["items"] == []


def test_an_end_that_several_ids_have_is_told_with_these(desks: Desks) -> None:
    found = [{"handoff": one, "state": "offered", "recipient": OFMIN} for one in ("0-a1", "0-b1")]
    several = UnknownReference("a1b2c3 names 2 handoffs", found)
    desks.monkeypatch.setattr(Gateway, "find", lambda *_: raise_(several))
    result = desks.run("handoff", "show", "a1b2c3")
    assert (result.exit_code, result.stderr.splitlines()) == (
        2,
        ["Error: a1b2c3 names 2 handoffs", "  0-a1  offered, ofmin", "  0-b1  offered, ofmin"],
    )


def raise_(error: Exception) -> None:
    raise error


def test_a_list_comes_by_urgency_fits_a_screen_and_marks_what_is_overdue(desks: Desks) -> None:
    normal = desks.offered()
    danger = offered_case(desks, desks.submitted(urgency="imminent_danger"))
    settled = accepted(desks)
    desks.stage.gateway.clock.advance(timedelta(hours=2))
    lines = desks.done("handoff", "list", at=OFMIN).splitlines()
    assert max(map(len, lines)) <= 80
    rows = [
        next(i for i, line in enumerate(lines) if short(one) in line)
        for one in (danger, normal, settled)
    ]
    assert rows == sorted(rows)
    assert "OVERDUE" in lines[rows[0]]
    assert "OVERDUE" not in lines[rows[1]]
    assert "accepted" in lines[rows[2]]
    (late,) = desks.told("handoff", "list", "--overdue", at=OFMIN)["items"]
    assert late["handoff"] == danger
    of_class = desks.told("handoff", "list", "--urgency", "priority", "--matter", "csam", at=OFMIN)
    assert [one["handoff"] for one in of_class["items"]] == [normal, settled]
    assert desks.told("handoff", "list", "--matter", "grooming", at=OFMIN)["items"] == []
    assert "OVERDUE" in desks.done("handoff", "show", danger)


def test_a_recipient_delays_and_states_its_own_urgency(desks: Desks) -> None:
    handoff = desks.offered()
    later = ("--code", "workload", "--until", "2026-03-20T12:00:00+01:00")
    desks.done("handoff", "delay", handoff, *BY, *later, at=OFMIN)
    shown = desks.done("handoff", "show", handoff)
    assert "until: 2026-03-20 11:00 UTC" in shown
    assert desks.told("handoff", "show", handoff)["due_at"].startswith("2026-03-20T11:00:00")
    own = ("--own-urgency", "urgent", "--yes")
    desks.done("handoff", "accept", handoff, *BY, *own, at=OFMIN)
    assert "own urgency: urgent" in desks.done("handoff", "show", handoff)


def test_a_draft_is_offered_and_consulted_in_imminent_danger_and_reviewed(desks: Desks) -> None:
    danger = {"urgency": "imminent_danger", "urgency_reason": "child_located"}
    told = desks.told("case", "submit", str(desks.case_file(**danger)), "--by", "intake-1")
    case = told["result"]["case"]
    asked = ("--by", "liaison-1", "--purpose", "identify_victim", "--competence", "csam/FR")
    preview = desks.done("handoff", "preview", case, *asked, "--group", "items")
    assert "telephone" in preview
    assert "second person" in preview
    offer = desks.run("handoff", "offer", case, *asked, "--group", "items")
    assert "telephone" in offer.stdout
    assert offer.output.index("AN OFFER IS NOT") < offer.output.index("offered to")
    handoff = desks.told("handoff", "list", at=OFMIN)["items"][0]["handoff"]
    call = ("--function", "duty officer", "--time", "2026-03-02T08:00:00Z")
    desks.done("handoff", "call", handoff, "--by", "liaison-1", *call)
    assert "function: duty officer" in desks.done("handoff", "show", handoff, at=OFMIN)
    rescue = ("--reason-code", "imminent_danger", "--reason", "a child is in danger")
    desks.done("handoff", "consult", handoff, *BY, *rescue, at=OFMIN)
    assert desks.run("handoff", "review", handoff, *BY, at=OFMIN).exit_code == 1
    desks.done("handoff", "review", handoff, "--by", "officer-2", at=OFMIN)


def test_a_handoff_is_shown_with_conditions_and_history_and_no_content(desks: Desks) -> None:
    handoff = desks.offered("--note", "see https://x.example/")
    desks.done("handoff", "accept", handoff, *BY, "--yes", "--group", "items", at=OFMIN)
    desks.done(
        "handoff", "report-outcome", handoff, *BY, "--code", "case_opened",
        "--item", element_id("url"), at=OFMIN,
    )  # fmt: skip
    output = desks.done("handoff", "show", handoff)
    assert "is partially accepted" in output
    assert "Conditions of use" in output
    assert "TLP" in output
    assert "groups accepted   items" in output
    assert "note: see hxxps://x[.]example/" in output
    assert "outcome by OFMIN" in output
    assert "code: received" in output, "a police outcome shows to a hotline as received"
    assert "content.example.org" not in output
    assert "officer-1" not in output
    assert "code: case opened" in desks.done("handoff", "show", handoff, at=OFMIN)
    assert desks.told("handoff", "show", handoff)["handoff"] == handoff


def test_conditions_are_shown_and_agreed_to(desks: Desks, monkeypatch: pytest.MonkeyPatch) -> None:
    handoff = desks.offered("--note", "please look")
    unattended = desks.run("handoff", "accept", handoff, *BY, at=OFMIN)
    assert unattended.exit_code == 2
    assert "--yes" in unattended.stderr

    monkeypatch.setattr(output, "interactive", lambda: True)
    machine = desks.run("handoff", "accept", handoff, *BY, "--json", at=OFMIN, input="y\n")
    assert (machine.exit_code, json.loads(machine.stdout)["error"]["kind"]) == (2, "usage-error")
    declined = desks.run("handoff", "accept", handoff, *BY, at=OFMIN, input="n\n")
    assert declined.exit_code == 1
    for shown in (
        HOTLINE,
        "child sexual abuse",
        "please look",
        "permitted actions",
        "ask the origin",
    ):
        assert shown in declined.stdout
    agreed = desks.done("handoff", "accept", handoff, *BY, at=OFMIN, input="y\n")
    assert f"handoff {short(handoff)} is accepted" in agreed
    again = desks.run("handoff", "accept", handoff, *BY, at=OFMIN)
    assert (again.exit_code, "Conditions" in again.output) == (1, False)
    opened = desks.done("handoff", "consult", handoff, *OPENING, at=OFMIN)
    assert opened.count("Conditions of use") == 1


def test_a_recipient_redirects(desks: Desks) -> None:
    handoff, where = desks.offered(), ("--suggest", "the office in Belgium")
    told = desks.done("handoff", "redirect", handoff, *BY, "--reason", "abroad", *where, at=OFMIN)
    assert "is redirected" in told
    assert "--competence" in desks.done("todo")
    again, where = desks.offered(), ("--suggest", ABROAD)
    desks.done("handoff", "redirect", again, *BY, "--reason", "abroad", *where, at=OFMIN)
    assert f"--to {ABROAD} --group GROUP" in " ".join(desks.done("todo").split())


def test_what_was_offered_and_not_taken_on_is_named_as_withheld(desks: Desks) -> None:
    handoff = desks.offered()
    desks.done("handoff", "accept", handoff, *BY, "--yes", "--group", "items", at=OFMIN)
    output = desks.done("handoff", "consult", handoff, *OPENING, at=OFMIN)
    assert "Withheld, in whole or in part: " in output


def test_an_accepted_handoff_is_opened_followed_up_and_closed(desks: Desks) -> None:
    handoff = accepted(desks)
    output = desks.done("handoff", "consult", handoff, *OPENING, at=OFMIN)
    assert "by Point de Contact (attested)" in output
    assert "Withheld" not in output
    more = ("--code", "case_opened", "--note", "a file is open", "--evidence-ref", "2026/7")
    told = desks.done("handoff", "report-outcome", handoff, *BY, *more, at=OFMIN)
    assert "Done: outcome case_opened recorded" in told
    assert f"handoff {short(handoff)} is accepted" in told
    assert "is closed" in desks.done("handoff", "close", handoff, *BY, at=OFMIN)


def test_an_originator_whose_case_was_found_without_ground_is_asked_to_keep_it_no_longer(
    desks: Desks,
) -> None:
    handoff = desks.offered()
    desks.done("handoff", "accept", handoff, *BY, "--yes", at=OFMIN)
    said = ("--code", "not_illegal", "--release", "closed_without_result")
    desks.done("handoff", "report-outcome", handoff, *BY, *said, at=OFMIN)
    shown = " ".join(desks.done("handoff", "show", handoff).split())
    assert "keep the case only as long as you need it. Next: casegate case advance-erasure" in shown
    assert "advance-erasure" not in desks.done("handoff", "show", handoff, at=OFMIN)
    desks.done("handoff", "report-outcome", handoff, *BY, "--code", "case_opened", at=OFMIN)
    assert "advance-erasure" not in desks.done("handoff", "show", handoff)


def test_a_reservation_is_given_with_the_acceptance_and_read_by_the_originator(
    desks: Desks,
) -> None:
    handoff = desks.offered()
    reservation = ("--reservation", "erase_on", "CPP 706-53-4")
    desks.done("handoff", "accept", handoff, *BY, "--yes", *reservation, at=OFMIN)
    shown = desks.done("handoff", "show", handoff)
    assert "reservation: erase on, CPP 706-53-4" in shown
    assert "after a permission of the originator (requested by the originator)" in shown


def test_a_sheet_is_a_recorded_consultation_as_text_or_as_a_page(desks: Desks) -> None:
    handoff = accepted(desks)
    why = (*BY, "--reason-code", "investigation", "--reason", "File 4711")
    told = desks.done("handoff", "sheet", handoff, *why, at=OFMIN)
    for words in (
        "Point de Contact (point-de-contact)", "https://content.example.org/page", "File 4711",
        "CSAM under national law (national-csam)", "Nothing is shown of", "officer-1",
        "attested by the gateway for the originator", "Done: sheet of the case made",
    ):  # fmt: skip
        assert words in " ".join(told.split()), words
    size = desks.stage.gateway.size()
    asked = ("--lang", "fr", "--page", "sheet.html", "--receipt-out", "r.json")
    told = desks.done("handoff", "sheet", handoff, *why, *asked, at=OFMIN)
    assert "content.example.org" not in told
    assert desks.stage.gateway.size() == size + 1
    page = (desks.folder / "sheet.html").read_text()
    assert page.startswith('<!doctype html>\n<html lang="fr">')
    event = events.read(receipts.parse((desks.folder / "r.json").read_bytes()).document)
    assert event["id"] in page
    assert str(desks.folder) not in page
    assert (desks.folder / "sheet.html").stat().st_mode & 0o777 == 0o600
    assert desks.run("handoff", "sheet", handoff, *why, *asked, at=OFMIN).exit_code == 2
    assert desks.stage.gateway.size() == size + 1, "a file that is there is seen first"


def test_a_handoff_is_exported_with_or_without_its_content(desks: Desks) -> None:
    handoff = accepted(desks)
    why = (*BY, "--reason", "for the file")
    output = desks.done("handoff", "export", handoff, *why, "--out", "with.json", at=OFMIN)
    assert "casegate verify reads it" in output
    told = desks.told("handoff", "export", handoff, "--without-content", "--out", "bare.json")
    assert told["file"] == "bare.json"
    for name in ("with.json", "bare.json"):
        found = verifier.verify((desks.folder / name).read_bytes(), trust_of(desks.stage.gateway))
        assert found.passed, found.sentence
    assert (desks.folder / "with.json").stat().st_mode & 0o777 == 0o600


@each(
    "arguments",
    [
        (),
        ("--by", "x1"),
        ("--reason", "why"),
        ("--by", "x1", "--reason", "why", "--without-content"),
    ],
)
def test_an_export_says_whether_content_is_opened_and_by_whom(
    desks: Desks, arguments: tuple[str, ...]
) -> None:
    handoff = desks.offered()
    result = desks.run("handoff", "export", handoff, "--out", "x.json", *arguments)
    assert result.exit_code == 2
    assert "--without-content" in result.stderr


def test_an_export_opens_nothing_when_it_could_not_be_written(desks: Desks) -> None:
    handoff = accepted(desks)
    (desks.folder / "x.json").write_text("precious")
    size = desks.stage.gateway.size()
    why = (*BY, "--reason", "for the file")
    result = desks.run("handoff", "export", handoff, *why, "--out", "x.json", at=OFMIN)
    assert result.exit_code == 2
    assert desks.stage.gateway.size() == size
    assert (desks.folder / "x.json").read_text() == "precious"


def test_the_receipt_of_an_answer_is_kept_where_asked(desks: Desks) -> None:
    handoff = desks.offered()
    desks.done(
        "handoff", "decline", handoff, *BY, "--reason", "no", "--receipt-out", "r.json", at=OFMIN
    )
    data = (desks.folder / "r.json").read_bytes()
    assert json.loads(data).keys() == {"document", "nonce", "disclosures", "proof"}
    assert verifier.verify(data, trust_of(desks.stage.gateway)).passed


# --- Whom an offer is for ---


def hosted(country: str) -> list[dict[str, Any]]:
    """The items of a case, hosted in a country."""
    seen = {"country": country, "observed_at": "2026-03-01T20:00:00Z", "method": "rdap"}
    page = {"id": element_id("url"), "kind": "url", "value": "https://a.example/"}
    return [{**page, "is_source": True, "hosting": [seen]}]


def test_a_removal_offer_that_is_none_of_its_recipients_lists_the_holder(desks: Desks) -> None:
    desks.stage.gateway.administer(
        "mandate.grant", OFMIN, function="take_down", matter="csam", territory="NL",
        legal_act="act", start="2026-01-01",
    )  # fmt: skip
    case = desks.submitted(items=hosted("NL"))
    asked = ("--by", "liaison-1", "--purpose", "remove", "--group", "items")
    result = desks.run("handoff", "offer", case, *asked, "--to", ABROAD)
    assert result.exit_code == 1
    item = short(element_id("url"))
    line = f"item {item} is hosted in NL: offer it to {OFMIN} for take_down/csam/NL"
    assert line in result.stderr
    assert "R8.country" in result.stderr
    offer = desks.told("handoff", "offer", case, *asked, "--competence", "take_down/csam/NL")
    assert offer["result"]["to"]["organisation"] == OFMIN


def test_a_preview_of_a_removal_tells_what_is_elsewhere(desks: Desks) -> None:
    case = desks.submitted(items=hosted("NL"))
    asked = ("--by", "liaison-1", "--purpose", "remove", "--group", "items")
    reason = ("--country-reason", "the host moved here")
    result = desks.run("handoff", "preview", case, *asked, "--to", ABROAD, *reason)
    assert result.exit_code == 1
    assert "is hosted in NL: nobody has items removed there; ask" in result.stderr


def test_a_refusal_in_an_imminent_danger_prints_whom_to_call_first(desks: Desks) -> None:
    case = desks.submitted(urgency="imminent_danger")
    asked = ("--by", "liaison-1", "--purpose", "identify_victim", "--group", "items", "--to", OFMIN)
    result = desks.run("handoff", "offer", case, *asked)
    sentence, numbers, instead, *_ = result.stderr.splitlines()
    assert "Refused" in sentence
    assert "17, 112" in numbers
    assert f"{OFMIN} for receive/csam/FR" in instead


def test_an_authority_is_shown_that_it_declared_an_interest(desks: Desks) -> None:
    desks.stage.gateway.administer(
        "interest.declare", OFMIN, scope="provider", subject="example.org", kind="funder",
        start="2020-01-01",
    )  # fmt: skip
    handoff = desks.offered()
    assert "assign persons without it" in desks.done("handoff", "show", handoff, at=OFMIN)
    assert "assign persons" not in desks.done("handoff", "show", handoff)


UNTIL = ("--until", "2026-03-02T12:00:00Z")


def test_an_authority_sets_renews_and_ends_an_embargo_from_its_desk(desks: Desks) -> None:
    handoff = accepted(desks)
    embargo = ("handoff", "embargo", handoff, *BY, "--code", "operation", *UNTIL)
    first = desks.told(*embargo, at=OFMIN)["result"]
    assert first["kind"] == "embargo"
    alone = desks.run(*embargo, at=OFMIN)
    assert alone.exit_code == 1
    renewed = desks.told(*embargo, "--approved-by", "officer-2", at=OFMIN)["result"]
    assert renewed["measure"] != first["measure"]
    shown = desks.told("handoff", "show", handoff, at=OFMIN)
    assert [one["measure"] for one in shown["measures"]] == [renewed["measure"]]
    ended = desks.told("handoff", "end-measure", handoff, renewed["measure"], *BY, at=OFMIN)[
        "result"
    ]
    assert ended["ended_at"]


def test_an_originator_suspends_its_case_from_its_desk(desks: Desks) -> None:
    case = desks.submitted()
    restrict = ("case", "restrict", case, "--kind", "suspension", "--code", "accuracy_contested")
    held = desks.told(*restrict, *UNTIL, *BY)["result"]
    assert desks.told("case", "show", case)["measures"][0]["measure"] == held["measure"]
    ended = desks.told("case", "end-measure", case, held["measure"], *BY)["result"]
    assert ended["ended_at"]
