"""An auditor reads the log in a browser: one search on record, its events in words, receipts."""

import io
import json
import re
import zipfile

import pytest

from gateway.domain.audit_topics import AuditTopic
from gateway.evidence import receipt
from gateway.exchange.oversight import audit
from gateway.ledger.note import VerificationKey
from gateway.verification import listing, verifier
from gateway.verification.trust import TrustAnchors
from gateway.web.hosted_access import HostedAccess
from tests.casework import accepted, submitted
from tests.console.browsing import cookie
from tests.console.test_handoff_pages import read
from tests.exchange.oversight.test_audit import AUDITOR, grant
from tests.exchange.oversight.test_audit_topics import happened
from tests.exchange.oversight.test_witnesses import NAME, cosigned, witness
from tests.ports import document_key

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
    """The page that a search leads to."""
    done = browser.send(browser.get("/audit"), "/audit", **SEARCH, **fields)
    assert done.status_code == 303, read(done)
    return browser.get(done.headers["Location"])


def test_a_search_without_a_reason_is_not_made(auditor):
    page = auditor.send(auditor.get("/audit"), "/audit", reason_code="lawfulness")
    assert page.status_code == 422
    assert 'href="#f-reason"' in page.text


def test_where_no_case_can_come_the_menu_leads_to_the_log(hosted):
    menu = re.compile(r'<li><a href="([^"]+)"')
    exchanging = hosted.signed_in(AUDITOR, "auditor-1").get("/me").text
    assert menu.findall(exchanging)[:4] == ["/", "/received", "/sent", "/cases"]
    hosted.gateway.administer("membership.end", AUDITOR, until="2000-01-01")
    auditing = hosted.signed_in(AUDITOR, "auditor-1").get("/").text
    assert menu.findall(auditing)[:4] == ["/", "/audit", "/staff", "/me"]


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


def test_a_search_of_another_is_not_there(hosted, auditor, handoff):
    page = found(auditor)
    search = re.search(r"/audit/searches/([0-9a-f-]+)/", page.text)[1]
    officer = hosted.signed_in()
    assert officer.get(f"/audit/searches/{search}").status_code == 404
    assert officer.get(f"/audit/searches/{search}/{handoff}/receipt.json").status_code == 404
    assert auditor.get(f"/audit/searches/{search}/{handoff}").status_code == 404


def own_keys(hosted, *witnesses):
    """The gateway's own keys, as somebody who was given them has them."""
    keys = [
        VerificationKey.parse(one) for one in hosted.gateway.ports.checkpoint_signer.verifier_keys
    ]
    return TrustAnchors(keys, {one.name for one in keys}, witnesses=[one.key for one in witnesses])


MONTH = "/audit/months/2026-03"


def month(browser):
    """The page of the search of a month."""
    done = browser.send(browser.get(MONTH), MONTH, **SEARCH)
    assert done.status_code == 303, read(done)
    return browser.get(done.headers["Location"])


def test_kinds_of_events_are_listed_to_who_asks_for_them_and_searched_by(auditor, handoff):
    assert 'name="filters.actions"' not in auditor.get("/audit").text
    asked = auditor.get("/audit?events=all")
    assert 'name="filters.actions"' in asked.text
    done = auditor.send(asked, "/audit", **SEARCH, **{"filters.actions": "handoff.accept"})
    page = auditor.get(done.headers["Location"])
    assert page.text.count("<tr>") == 2, "a head, and one event"


@pytest.mark.parametrize("place", ["/audit", MONTH])
def test_a_search_that_ended_before_the_log_goes_on_from_there(auditor, monkeypatch, place):
    monkeypatch.setattr(audit, "MOST_EVENTS", 3)
    done = auditor.send(auditor.get(place), place, **SEARCH)
    page = auditor.get(done.headers["Location"])
    (path,) = re.findall(r'action="(/audit/searches/[^"]+/next)"', page.text)
    monkeypatch.undo()
    done = auditor.send(page, path)
    page = auditor.get(done.headers["Location"])
    assert done.headers["Location"].endswith("/month") is (place == MONTH)
    assert "/next" not in page.text
    assert auditor.post(path, {}).status_code == 403, "without a form of ours"


@pytest.mark.parametrize("language", ["en", "fr"])
def test_nobody_searches_on_for_the_reason_of_another_person(
    hosted, auditor, monkeypatch, language
):
    monkeypatch.setattr(audit, "MOST_EVENTS", 3)
    place = auditor.send(auditor.get("/audit"), "/audit", **SEARCH).headers["Location"]
    path = f"{place}/next"
    other = hosted.signed_in(AUDITOR, "agent-1", language)
    page = other.get(place)
    told = {
        "en": ("Read by auditor-1.", "Reason: yearly check", "Another person made this search."),
        "fr": ("Consulté par auditor-1.", "Motif : yearly check", "celle d’une autre personne."),
    }
    words = read(page)
    assert [one for one in told[language] if one not in words] == []
    assert path not in page.text
    size = hosted.gateway.size()
    done = other.post(path, {"csrf": hosted.sessions.find(cookie(other)).csrf(path)})
    assert done.headers["Location"] == f"/audit?search={place.rpartition('/')[2]}"
    assert done.headers["Location"] in page.text
    assert hosted.gateway.size() == size, "nothing was searched"


def test_months_lead_to_this_one_and_to_the_one_that_was_chosen(auditor):
    assert auditor.get("/audit/months").headers["Location"] == MONTH
    asked = auditor.get("/audit/months?month=2&year=2025")
    assert asked.headers["Location"] == "/audit/months/2025-02"
    assert auditor.get("/audit/months/2026-13").status_code == 404


@pytest.mark.parametrize("language", ["en", "fr"])
def test_a_month_is_one_event_and_shows_six_topics_in_words(hosted, auditor, language):
    happened(hosted.gateway)
    cosigned(hosted.gateway, witness(NAME))
    auditor = hosted.signed_in(AUDITOR, "auditor-1", language)
    size = hosted.gateway.size()
    page = month(auditor)
    assert hosted.gateway.types(AUDITOR)[-1] == "audit.search"
    words = read(page)
    told = {
        "en": ("Consultations and their reasons", "Overdue duties", f"{NAME} confirmed its first"),
        "fr": ("Consultations et leurs motifs", "Obligations en retard", f"{NAME} a confirmé"),
    }[language]
    assert [one for one in told if one not in words] == []
    recorded = hosted.gateway.size()
    for topic in AuditTopic:
        links = re.findall(rf'href="([^"]+topic={topic})"', page.text)
        assert all(auditor.get(one).status_code == 200 for one in links), topic
    assert recorded > size
    assert hosted.gateway.size() == recorded, "reading on is no event"
    assert not re.search(r"\b(break_glass|case\.consulted|imminent_danger|wrong_state)\b", words)


def test_a_month_without_a_reason_is_not_searched(auditor):
    page = auditor.send(auditor.get(MONTH), MONTH, reason_code="lawfulness")
    assert page.status_code == 422
    assert 'href="#f-reason"' in page.text


def test_the_file_for_the_court_is_that_of_the_command_and_verifies_offline(hosted, auditor):
    cosigned(hosted.gateway, by := witness(NAME))
    page = month(auditor)
    submitted(hosted.gateway)
    recorded = hosted.gateway.size()
    saved = auditor.get(re.search(r'href="([^"]+file\.zip)"', page.text)[1])
    assert (saved.status_code, saved.mimetype) == (200, "application/zip")
    assert hosted.gateway.size() == recorded
    archive = zipfile.ZipFile(io.BytesIO(saved.data))
    beside = {name.rpartition("/")[2]: archive.read(name) for name in archive.namelist()}
    assert sorted(beside) == ["events.csv", "evidence.json", "log.checkpoint", "report.html"]
    trust = own_keys(hosted, by)
    report = verifier.verify(beside.pop(listing.EVIDENCE), trust, beside=beside)
    assert report.passed, report.failure
    assert "searched" in {one.key for one in report.conclusion.facts}
    assert any("witness" in one.key for one in report.conclusion.facts)
    french = " ".join(report.sentences("fr"))
    assert "rubriques consultations et leurs motifs, refus, obligations en retard" in french


def test_an_event_has_the_report_of_the_gateways_own_check_and_leads_to_its_handoff_and_case(
    hosted, auditor, handoff
):
    page = found(auditor, **{"filters.handoff": str(handoff)})
    event = auditor.get(re.search(r'href="([^"]+)">acceptance', page.text)[1])
    assert "This gateway checked itself" in read(event)
    assert "VERIFIED." in read(event)
    assert f"/audit/handoffs/{handoff}?search=" in event.text
    asked = auditor.get(re.search(r'href="(/audit/cases/[^"]+)"', event.text)[1])
    assert "yearly check" in asked.text, "purpose and reason are not typed again"
    path = asked.request.path
    case = auditor.send(asked, path, **SEARCH)
    listed = auditor.get(case.headers["Location"])
    assert f"/audit/handoffs/{handoff}?search=" in listed.text
    path = f"/audit/handoffs/{handoff}"
    done = auditor.send(auditor.get(path), path, **SEARCH)
    told = read(auditor.get(done.headers["Location"]))
    assert told.index("offer") < told.index("acceptance")
    assert "officer-1" in told


SIGNED = ("administrator", "Signed for", "Grant an audit access")


KNOWN = {
    "It verifies with a key of this person.": dict,
    "It cannot be checked here": lambda keys: {},
    "It does not verify.": lambda keys: dict.fromkeys(keys, document_key("other").public_key),
}


@pytest.mark.parametrize("state", KNOWN)
def test_who_signed_an_event_is_told_in_words_and_if_it_verifies(auditor, monkeypatch, state):
    page = found(auditor, **{"filters.actions": "audit_access.grant"})
    path = re.search(r'href="(/audit/searches/[^"]+/[^"]+)"', page.text)[1]
    keys_of, known = HostedAccess.approval_keys, KNOWN[state]
    monkeypatch.setattr(HostedAccess, "approval_keys", lambda me, who: known(keys_of(me, who)))
    event = auditor.get(path)
    told = read(event)
    assert [one for one in SIGNED if one not in told] == [], told
    assert told.count(state) == 2
    assert "eyJ" not in re.sub(r"<pre.*?</pre>", "", event.text)


def test_pages_of_an_audit_are_small(hosted, auditor):
    happened(hosted.gateway)
    for _ in range(8):
        accepted(hosted.gateway)
    shown = month(auditor)
    every = found(auditor)
    event = auditor.get(re.search(r'href="(/audit/searches/[^"]+/[^"]+page=1)"', every.text)[1])
    for one in (auditor.get("/audit"), shown, every, event):
        assert (one.status_code, len(one.data) < 15_000) == (200, True), one.request.path
