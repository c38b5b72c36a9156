"""An auditor reads the log in a browser: one inquiry on record, its events in words, receipts."""

import json
import re

import pytest

from gateway.evidence import receipt
from tests.console.test_handoff_pages import read
from tests.exchange.oversight.test_audit import AUDITOR, grant
from tests.founding import accepted

SEARCH = {"reason_code": "lawfulness", "reason": "yearly check"}


@pytest.fixture
def handoff(hosted):
    return accepted(hosted.gateway)


@pytest.fixture
def auditor(hosted, handoff):
    """A person of an organisation whose audit access covers the log."""
    grant(hosted.gateway)
    return hosted.signed_in(AUDITOR, "auditor-1")


def found(browser, **fields):
    """The page that an inquiry leads to."""
    done = browser.send(browser.get("/audit"), "/audit", **SEARCH, **fields)
    assert done.status_code == 303, read(done)
    return browser.get(done.headers["Location"])


def test_an_inquiry_without_a_reason_is_not_made(auditor):
    page = auditor.send(auditor.get("/audit"), "/audit", reason_code="lawfulness")
    assert page.status_code == 422
    assert 'href="#f-reason"' in page.text


def test_who_has_no_audit_access_is_refused_on_record(hosted, handoff):
    officer = hosted.signed_in()
    page = officer.send(officer.get("/audit"), "/audit", **SEARCH)
    assert page.status_code == 403
    assert "recorded" in read(page)


@pytest.mark.parametrize("language", ["en", "fr"])
def test_an_event_is_told_in_words_and_its_receipt_is_saved(hosted, auditor, handoff, language):
    auditor = hosted.signed_in(AUDITOR, "auditor-1", language)
    page = found(auditor, **{"filters.handoff": str(handoff)})
    told = {"en": ("acceptance", "allowed"), "fr": ("acceptation", "autoris")}[language]
    assert all(word in read(page) for word in told)
    (path,) = re.findall(rf'href="([^"]+)">{told[0]}', page.text)
    event = auditor.get(path)
    assert event.status_code == 200
    assert len(event.data) < 15_000
    saved = auditor.get(re.search(r'href="([^"]+receipt.json[^"]*)"', event.text)[1])
    assert "attachment" in saved.headers["Content-Disposition"]
    document = json.loads(receipt.from_json(json.loads(saved.data)).document)
    assert document["type"] == "handoff.accepted"


def test_an_inquiry_of_another_is_not_there(hosted, auditor, handoff):
    page = found(auditor)
    search = re.search(r"/audit/searches/([0-9a-f-]+)/", page.text)[1]
    officer = hosted.signed_in()
    assert officer.get(f"/audit/searches/{search}").status_code == 404
    assert officer.get(f"/audit/searches/{search}/{handoff}/receipt.json").status_code == 404
    assert auditor.get(f"/audit/searches/{search}/{handoff}").status_code == 404
