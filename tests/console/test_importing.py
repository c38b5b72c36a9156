"""A case from a file, at the gateway's console and at a member's own: shown, then signed."""

import io
import json
from pathlib import Path

import pytest

from gateway.cli import case_file
from gateway.cli.case_file import check_content
from tests.casework import case_content
from tests.console.desk_console import DeskConsole
from tests.console.test_desk import client, digest_on, done, record, stage  # noqa: F401
from tests.console.test_handoff_pages import read, sign
from tests.each import each
from tests.founded_gateway import HOTLINE
from tests.ports import START

DEMO = Path(__file__).parents[2] / "gateway/cli/demo"
REPORT, PROFILE = (DEMO / name for name in ("content-csam.json", "profile.toml"))
FORM = "/cases/import"


@pytest.fixture(autouse=True)
def _a_member_s_clock_is_the_gateway_s(monkeypatch):
    monkeypatch.setattr(case_file, "now", lambda: START)


def brought(browser, report: bytes, name="report.json", profile: bytes = PROFILE.read_bytes()):
    """Send a file, with a profile beside it."""
    files = {"report": (io.BytesIO(report), name)}
    files |= {"profile": (io.BytesIO(profile), "profile.toml")} if profile else {}
    return browser.send(browser.get(FORM), FORM, **files)


@pytest.fixture
def analyst(hosted):
    """Who brings cases, at the gateway's console."""
    return hosted.signed_in(HOTLINE, "analyst-1")


def test_a_report_becomes_a_case_whose_losses_are_shown_before_the_person_signs(hosted, analyst):
    assert f'href="{FORM}"' in analyst.get("/cases").text
    page = brought(analyst, REPORT.read_bytes())
    assert page.status_code == 200, page.text
    words = read(page)
    assert "Dropped" in words
    assert "Items 2" in words
    assert json.loads(REPORT.read_bytes())["url"] not in page.text
    made = sign(analyst, page)
    assert made.status_code == 303
    receipt = analyst.get(f"{made.location}/receipt.json").json
    event = json.loads(receipt["document"])
    assert event["type"] == "case.submitted"
    assert event.get("document_sha256", event["case_digest"]) == digest_on(page)
    assert len(hosted.register.access(analyst.person, "", "").read("cases_list")["items"]) == 1


def test_what_is_dropped_of_a_report_is_said_in_french(hosted):
    page = brought(hosted.signed_in(HOTLINE, "analyst-1", "fr"), REPORT.read_bytes())
    assert "Écarté" in read(page)
    assert '<span lang="en">' not in page.text


def test_the_json_of_a_case_needs_no_profile(hosted, analyst):
    content = case_content(hosted.gateway.new_id())
    page = brought(analyst, json.dumps(content).encode(), "case.json", b"")
    assert "Items" in read(page)
    assert sign(analyst, page).status_code == 303


@each(
    "report, name, profile, told",
    [
        (
            b"\xff\xd8\xff\xe0 an image",
            "image.jpg",
            b"",
            "the file is an image; media is never taken",
        ),
        (b"see above", "notes.txt", b"", "it is none of csv, json"),
        (b"{not", "report.json", b"", "the file is not JSON"),
        (b"{}", "report.json", PROFILE.read_bytes(), "/"),
        (REPORT.read_bytes(), "report.json", b"", "A report needs a profile"),
        (REPORT.read_bytes(), "report.json", b"urgency = 1", "urgency"),
        (REPORT.read_bytes(), "report.json", b"\xff", "not TOML in UTF-8"),
        (REPORT.read_bytes(), "report.json", b"a = " + b"[" * 5000, "not TOML in UTF-8"),
        (REPORT.read_bytes(), "report.json", b"a." * 9000 + b"b = 1", "larger than 16384 bytes"),
        (
            REPORT.read_bytes(),
            "report.json",
            b'": is%s" = 1' % (b": is" * 3000),
            "is not a setting",
        ),
        (b'{"case": "no id"}', "case.json", b"", "/case"),
        (b'{"case": 0.5, "case": 1}', "case.json", b"", "has the same field twice"),
    ],
)
def test_what_is_not_taken_says_why_and_nothing_is_recorded(analyst, report, name, profile, told):
    page = brought(analyst, report, name, profile)
    assert page.status_code == 422, page.text
    assert (
        f"This {'profile' if report == REPORT.read_bytes() and profile else 'file'} is not taken"
        in read(page)
    )
    assert told in read(page)


def test_a_file_with_an_image_in_a_text_is_refused_as_a_whole(hosted, analyst):
    report = json.loads(REPORT.read_bytes())
    report["evidence"] = [{"content_type": "image/png", "payload": "iVBORw0KGgo="}]
    page = brought(analyst, json.dumps(report).encode())
    assert page.status_code == 422
    assert "iVBOR" not in page.text


def test_a_file_beyond_the_size_of_a_request_is_not_read(analyst):
    assert brought(analyst, b" " * 300_000).status_code == 413


def test_at_a_member_the_case_is_signed_by_its_own_key(stage, tmp_path):  # noqa: F811
    gateway = client(stage, HOTLINE)
    console = DeskConsole(tmp_path, gateway, "analyst-1", check_content)
    browser = console.signed_in()
    page = brought(browser, REPORT.read_bytes())
    assert page.status_code == 200, page.text
    words, event = done(browser, record(browser, page))
    assert event["type"] == "case.submitted"
    assert "own key" in words
    (made,) = gateway.cases()
    assert made["assurance"] == "signed"
    broken = json.dumps({**case_content(stage.gateway.new_id()), "urgency": "none"}).encode()
    refused = brought(browser, broken, "case.json", b"")
    assert refused.status_code == 422
    assert "/urgency" in read(refused)


def several(browser, content):
    """Send a report, a case, and an image."""
    files = (
        (REPORT.read_bytes(), "report.json"),
        (json.dumps(content).encode(), "case.json"),
        (b"\xff\xd8\xff\xe0 an image", "image.jpg"),
    )
    sent = {
        "report": [(io.BytesIO(data), name) for data, name in files],
        "profile": (io.BytesIO(PROFILE.read_bytes()), "profile.toml"),
    }
    page = browser.send(browser.get(FORM), FORM, **sent)
    assert page.status_code == 303, page.text
    return page.location


def test_of_several_files_each_is_signed_by_itself_in_the_gateways_console(hosted, analyst):
    path = several(analyst, case_content(hosted.gateway.new_id()))
    page = analyst.get(path)
    assert "image.jpg" in page.text
    assert "the file is an image" in read(page)
    assert f'action="{path}"' not in page.text
    for number in (0, 1):
        page = analyst.get(path)
        checked = analyst.send(page, f"{path}/{number}")
        assert checked.status_code == 200, checked.text
        assert sign(analyst, checked).status_code == 303
        receipt = analyst.get(f"{path}/{number}/receipt.json").json
        assert json.loads(receipt["document"])["type"] == "case.submitted"
    assert analyst.get(f"{path}/2/receipt.json").status_code == 404


def cases(browser, number):
    """Send so many cases, each in a file of its own."""
    files = [
        (io.BytesIO(json.dumps({"case": str(one)}).encode()), f"case-{one}.json")
        for one in range(number)
    ]
    return browser.send(browser.get(FORM), FORM, report=files)


def test_no_file_beyond_the_hundredth_is_left_out_without_a_word(analyst):
    page = cases(analyst, 101)
    assert page.status_code == 422
    assert "At most 100 files" in read(page)


def test_at_a_member_several_files_are_signed_at_once_and_each_has_its_outcome(
    stage,  # noqa: F811
    tmp_path,
):
    gateway = client(stage, HOTLINE)
    browser = DeskConsole(tmp_path, gateway, "analyst-1", check_content).signed_in()
    content = case_content(stage.gateway.new_id())
    path = several(browser, content)
    page = browser.get(path)
    assert "what is ready: 2" in read(page)
    assert browser.send(page, path).location == path
    page = browser.get(path)
    assert page.text.count("/receipt.json") == 2
    assert [one["assurance"] for one in gateway.cases()] == ["signed", "signed"]
    assert "/batches/submissions" in gateway.wire.paths()
    again = several(browser, content)
    refused = browser.get(browser.send(browser.get(again), again).location)
    assert "/receipt.json" not in refused.text
    assert f'action="{again}"' not in refused.text
    assert "another case of yours has this" in read(refused)
    assert "the case is there already" in read(refused)
