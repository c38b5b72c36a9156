"""`casegate case`: steps by persons, content with care, plain words when it is refused."""

import json
from datetime import timedelta
from uuid import UUID

import click
import pytest

from gateway.cli import case_file, steps
from gateway.cli.output import short
from gateway.domain.staff import RegisterRole
from gateway.domain.steps import STEPS
from gateway.evidence import sd_jwt
from tests.casework import element_id, machine_match
from tests.cli.desks import CLEARED
from tests.each import each
from tests.founded_gateway import ABROAD, HOTLINE, enter_staff


def test_a_case_is_handed_in_step_by_step(desks):
    file = desks.case_file(classifications=[machine_match()])
    case = json.loads(file.read_text())["case"]
    output = desks.done("case", "submit", str(file), "--by", "intake-1")
    assert f"Done: case {short(case)}, version 1, is draft; digest " in output
    assert "receipt verified" in output
    match = ("--confirm-match", element_id("match"))
    assert "is assessed" in desks.done("case", "assess", case, "--by", "analyst-1", *match)
    assert "is cleared" in desks.done("case", "clear", case, "--by", "approver-1")
    assert "is closed" in desks.done("case", "close", case, "--by", "intake-1", "--reason", "done")


def test_a_case_may_come_from_the_standard_input(desks):
    text = desks.case_file().read_text()
    told = desks.told("case", "submit", "-", "--by", "intake-1", *CLEARED, input=text)
    assert told["result"]["state"] == "cleared"
    assert set(told["receipt"]) == {"document", "nonce", "disclosures", "proof"}


def several(desks, **changes):
    """Three files of cases; the second one is as ``changes`` say."""
    files = [desks.case_file() for _ in range(3)]
    if changes:
        content = json.loads(files[1].read_text())
        files[1].write_text(json.dumps(content | changes))
    return [str(one) for one in files], [json.loads(one.read_text())["case"] for one in files]


def test_several_cases_are_submitted_and_told_one_after_the_other(desks):
    files, cases = several(desks)
    output = desks.done("case", "submit", *files, "--by", "intake-1")
    assert [f"Done: case {short(one)}, version 1, is draft" in output for one in cases] == [
        True
    ] * 3
    assert "3 of 3 are done" in output


def test_of_several_what_is_refused_does_not_stop_the_others(desks):
    first = desks.case_file()
    desks.done("case", "submit", str(first), "--by", "intake-1")
    reference = json.loads(first.read_text())["originator_ref"]
    files, cases = several(desks, originator_ref=reference)
    result = desks.run("case", "submit", *files, "--by", "intake-1")
    assert result.exit_code == 1
    assert f"Refused: case {short(cases[1])}: another case of yours has this" in result.stderr
    assert "2 of 3 are done" in result.stdout
    again = desks.run("case", "submit", *files, "--by", "intake-1", "--json")
    assert again.exit_code == 1
    assert [one["error"]["kind"] for one in json.loads(again.stdout)["results"]] == [
        "already-exists"
    ] * 3


def test_of_several_nothing_is_sent_while_one_is_invalid(desks):
    files, cases = several(desks, matter=[])
    result = desks.run("case", "submit", *files, "--by", "intake-1")
    assert result.exit_code == 2
    assert "nothing was sent" in result.stderr
    assert f"/matter: (case {cases[1]}) must have at least 1 element" in result.stderr
    assert desks.told("case", "list") == {"items": []}


def test_options_of_one_case_are_refused_for_several(desks):
    files, _ = several(desks)
    for option in (("--receipt-out", "new.json"), ("--confirm-match", element_id("match"))):
        result = desks.run("case", "submit", *files, "--by", "intake-1", *option)
        assert result.exit_code == 2
        assert "give one FILE" in result.stderr


@pytest.mark.parametrize(("days", "warns"), [(10, True), (200, False)])
def test_a_case_that_is_soon_erased_is_warned_of(desks, monkeypatch, days, warns):
    clock = desks.stage.gateway.clock
    monkeypatch.setattr(case_file, "now", clock)
    day = clock().date() + timedelta(days=days)
    file = desks.case_file(marking={"erase_on": day.isoformat()})
    result = desks.run("case", "submit", str(file), "--by", "intake-1")
    assert result.exit_code == 0
    assert (f"in {days} days" in result.stderr) is warns


def test_a_next_version_names_the_one_before(desks):
    case = desks.submitted()
    digest = desks.told("case", "show", case)["digest"]
    file = desks.case_file(case=UUID(case), version=2, previous=digest)
    assert "version 2, is draft" in desks.done("case", "revise", str(file), *REVISION)


REVISION = (
    "--by", "intake-1", "--change", "addition", "--reason-code", "new_information", "--reason",
    "seen again",
)  # fmt: skip


def test_cases_are_listed_and_shown_without_content(desks):
    assert desks.told("case", "list") == {"items": []}
    case = desks.submitted()
    listed = desks.done("case", "list")
    assert case in listed
    assert "csam" in listed
    shown = desks.done("case", "show", case)
    assert "cleared" in shown
    for content in (listed, shown):
        assert "content.example.org" not in content
        assert "was online" not in content


def test_opened_content_has_codes_first_and_statements_folded(desks):
    case = desks.submitted()
    reason = ("--by", "analyst-1", "--reason-code", "quality", "--reason", "second look")
    output = desks.done("case", "consult", case, *reason)
    assert output.index("Codes") < output.index("Items") < output.index("Statements")
    assert "ICCAM: CSAM under national law (national-csam)" in output
    assert "hidden: --show-text" in output
    assert "was online" not in output
    assert "hxxps://content[.]example[.]org/page" in output
    assert "://content.example" not in output
    assert "recorded as event" in output
    full = desks.done("case", "consult", case, *reason, "--show-text")
    assert "The page was online when it was checked." in full
    assert "hidden" not in full


def test_opened_content_for_machines_is_as_it_was_written(desks):
    case = desks.submitted()
    told = desks.told(
        "case", "consult", case, "--by", "x1", "--reason-code", "quality", "--reason", "look"
    )
    assert told["result"]["case"] == case
    verified = sd_jwt.read_unverified(told["result"]["presentation"])
    assert verified.content["items"][0]["value"] == "https://content.example.org/page"


def test_presentation_and_receipt_are_kept_where_asked(desks):
    case = desks.submitted()
    reason = ("--by", "analyst-1", "--reason-code", "quality", "--reason", "second look")
    kept = ("--presentation-out", "presentation.txt", "--receipt-out", "receipt.json")
    desks.done("case", "consult", case, *reason, *kept)
    assert sd_jwt.parse((desks.folder / "presentation.txt").read_text().removesuffix("\n"))
    assert "proof" in json.loads((desks.folder / "receipt.json").read_text())


CONSULT = ("--by", "analyst-1", "--reason-code", "quality", "--reason", "second look")


@each("option", ["--presentation-out", "--receipt-out"])
def test_where_nothing_can_be_kept_nothing_is_opened(desks, option):
    case = desks.submitted()
    before = desks.stage.gateway.size()
    (desks.folder / "there.json").touch()
    for file, told in (("there.json", "exists"), ("nowhere/x.json", "not a folder")):
        result = desks.run("case", "consult", case, *CONSULT, option, file)
        assert result.exit_code == 2
        assert told in result.stderr
    assert desks.stage.gateway.size() == before


def test_a_receipt_that_cannot_be_kept_stops_a_write_before_it_is_sent(desks):
    before = desks.stage.gateway.size()
    words = (str(desks.case_file()), "--by", "intake-1", "--receipt-out", "nowhere/r.json")
    assert desks.run("case", "submit", *words).exit_code == 2
    assert desks.stage.gateway.size() == before


def test_a_disk_that_fails_later_hides_nothing_that_was_done(desks, monkeypatch):
    def full(file: object, data: bytes) -> None:
        raise click.ClickException(f"{file} cannot be written: No space left on device")

    case = desks.submitted()
    monkeypatch.setattr("gateway.cli.output.write_new", full)
    kept = ("--presentation-out", "p.txt", "--receipt-out", "r.json")
    result = desks.run("case", "consult", case, *CONSULT, *kept)
    assert result.exit_code == 6
    assert "hxxps://content[.]example[.]org/page" in result.stdout
    assert "recorded as event" in result.stdout
    for told in ("p.txt cannot", "r.json cannot", "Do not repeat it: casegate receipt save"):
        assert told in result.stderr
    result = desks.run("case", "consult", case, *CONSULT, *kept, "--json")
    assert result.exit_code == 6
    assert json.loads(result.stdout)["result"]["case"] == case
    assert "r.json cannot be written" in result.stderr


def test_a_refusal_says_why_and_where_it_is_recorded(desks):
    result = desks.run("case", "close", "018f0000-0000-7000-8000-000000000001", "--by", "x1")
    assert result.exit_code == 1
    assert result.stdout == ""
    assert result.stderr.startswith("Refused: Not found, or not visible to you.")
    assert "receipt verified" in result.stderr


def test_all_that_is_wrong_with_a_case_is_told_at_once_before_anything_is_sent(desks):
    wrong = {"urgency": "now", "matter": []}
    file = str(desks.case_file(**wrong))
    for words in (
        ("check", file),
        ("submit", file, "--by", "intake-1"),
        ("revise", file, *REVISION),
    ):
        result = desks.run("case", *words, "--json")
        error = json.loads(result.stdout)["error"]
        assert (result.exit_code, error["kind"]) == (2, "invalid-case")
        assert {"/urgency", "/matter"} <= {one["pointer"] for one in error["errors"]}
    assert "/urgency: " in desks.run("case", "check", file).stderr


def test_a_case_is_checked_offline(desks):
    assert desks.done("case", "check", str(desks.case_file())).startswith("Valid")
    content = json.loads(desks.case_file().read_text())
    late = {**content["marking"], "erase_on": "2025-01-01"}
    result = desks.run("case", "check", str(desks.case_file(marking=late)), "--json")
    assert [one["pointer"] for one in json.loads(result.stdout)["error"]["errors"]] == [
        "/marking/erase_on"
    ]


def test_an_identifier_in_free_text_is_a_warning_and_no_error(desks):
    content = json.loads(desks.case_file().read_text())
    statement = {**content["statements"][0], "text": "He wrote to https://chat.example.org/u"}
    file = str(desks.case_file(statements=[statement]))
    (warning,) = desks.told("case", "check", file)["warnings"]
    assert warning["pointer"] == "/statements/0/text"
    submitted = desks.run("case", "submit", file, "--by", "intake-1")
    assert (submitted.exit_code, "/statements/0/text" in submitted.stderr) == (0, True)
    assert "Warning" not in desks.run("case", "check", str(desks.case_file())).output


def test_an_address_that_a_case_has_twice_is_a_warning(desks):
    content = json.loads(desks.case_file().read_text())
    named = ("https://example.com/x", "https://Example.COM/x", "https://example.com/X")
    first = content["items"][0]
    items = [{**first, "id": str(desks.stage.gateway.new_id()), "value": value} for value in named]
    file = str(desks.case_file(items=[first, *items]))
    (warning,) = desks.told("case", "check", file)["warnings"]
    assert warning["pointer"] == "/items/2/value"
    assert "the address of /items/1" in warning["message"]


def test_a_refusal_for_machines_is_one_json_document(desks):
    result = desks.run("case", "show", "018f0000-0000-7000-8000-000000000001", "--json", at=ABROAD)
    assert result.exit_code == 1
    assert result.stderr == ""
    error = json.loads(result.stdout)["error"]
    assert (error["kind"], error["status"]) == ("not-found", 404)
    assert "proof" in error["receipt"]


@each(
    "text, told",
    [
        ("no JSON", "is not JSON"),
        ('{"case": "x", "case": "y"}', "repeats a key"),
        ("[]", "is not a case"),
        ('{"version": 1}', "is not a case"),
        ('{"case": 5}', "/case: must be a UUID in lower case"),
        ('{"case": "0198C1F2-7A00-7000-8000-000000000001"}', "must be a UUID in lower case"),
        ("x" * (256 * 1024 + 1), "at most 262144 bytes"),
    ],
)
def test_a_file_that_is_no_case_is_an_error_of_use(desks, text, told):
    (desks.folder / "case.json").write_text(text)
    result = desks.run("case", "submit", "case.json", "--by", "intake-1")
    assert result.exit_code == 2
    assert told in result.stderr


def test_a_clearance_names_both_persons(desks):
    file = str(desks.case_file())
    result = desks.run("case", "submit", file, "--by", "intake-1", "--assessed-by", "a-1")
    assert result.exit_code == 2
    assert "go together" in result.stderr


def test_an_erasure_is_brought_forward_by_two_persons_and_the_officer_who_advised(desks):
    begin = desks.stage.gateway.ports.begin
    enter_staff(begin, HOTLINE, ["dpo-1"], frozenset({RegisterRole.DPO}))
    case = desks.submitted()
    persons = ("--by", "approver-1", "--approved-by", "approver-2", "--dpo", "dpo-1")
    why = ("--on", "2026-06-01", "--advice", "favourable", "--reason", "nothing was found")
    told = desks.done("case", "advance-erasure", case, *persons, *why)
    assert f"case {short(case)} is erased on 2026-06-01" in told


def test_every_step_of_the_table_is_told_to_people():
    assert steps._SENTENCES.keys() == {kind.result for kind in STEPS.values()}


@each(
    "wrong",
    [("--element", "the first one"), ("--until", "tomorrow"), ("--code", "whim"), ("--case", "x")],
)
def test_what_a_step_cannot_mean_is_an_error_of_use(desks, wrong):
    before = desks.stage.gateway.size()
    words = ("case", "restrict", "018f0000-0000-7000-8000-000000000001", "--by", "analyst-1")
    asked = {"--kind": "mark", "--code": "objection", wrong[0]: wrong[1]}
    result = desks.run(*words, *(word for pair in asked.items() for word in pair))
    assert (result.exit_code, desks.stage.gateway.size()) == (2, before), result.output
