"""Content: a reason, a quarter of an hour in one session, strong texts folded, addresses dead."""

import re
from uuid import UUID

import pytest

from gateway.console.access import Person
from tests.casework import accepted, case_content, offered, submitted
from tests.console.browsing import cookie
from tests.console.test_handoff_pages import read
from tests.founded_gateway import OFMIN

STRONG = "A strong text that nobody has to meet."
LIVE = "https://content.example.org/page"


@pytest.fixture
def handoff(hosted):
    """One whose second statement is hard to read."""
    told = case_content(hosted.gateway.new_id())["statements"]
    told[1] |= {"text": STRONG, "content_warning": "strong"}
    case = submitted(hosted.gateway, statements=told)
    return accepted(hosted.gateway, offered(hosted.gateway, case))


def consultations(hosted):
    """How many the officers' own stream has."""
    office = hosted.register.access(Person(OFMIN, "officer-1"), "", "")
    receipts = [one["receipt"] for one in office.read("events_list")["events"]]
    return sum('"type":"case.consulted"' in one["document"] for one in receipts)


def opened(browser, handoff, **reason):
    path = f"/handoffs/{handoff}/open"
    told = {"reason_code": "investigation", "reason": "first look at it", **reason}
    return browser.send(browser.get(path), path, **told)


def test_content_opens_by_a_reason_that_is_recorded(hosted, handoff):
    browser = hosted.signed_in()
    refused = opened(browser, handoff, reason="")
    assert refused.status_code == 422
    assert "Reason" in read(refused)
    page = browser.get(opened(browser, handoff).location)
    assert page.status_code == 200
    assert len(page.data) < 15_000
    assert "Open until" in read(page)


def test_no_address_of_content_lives_in_its_page(hosted, handoff):
    browser = hosted.signed_in(lang="fr")
    page = browser.get(opened(browser, handoff).location)
    assert LIVE not in page.text
    assert "hxxps://content[.]example[.]org/page" in page.text
    assert not re.search(r'href="(?!/)', page.text.replace('href="#content"', ""))


def test_a_strong_text_is_in_no_byte_of_a_page_until_it_is_asked_for_and_is_counted(
    hosted, handoff
):
    browser = hosted.signed_in()
    where = opened(browser, handoff).location
    page = browser.get(where)
    assert STRONG not in page.text
    assert "Folded, 8 words." in read(page)
    statement = re.search(r'name="statement" value="([^"]+)"', page.text)[1]
    shown = browser.send(page, where, statement=statement)
    assert STRONG in shown.text
    assert '<blockquote lang="en">' in shown.text
    assert "opened today: 1" in read(shown)
    assert STRONG not in browser.get(where).text


def test_what_is_counted_of_a_person_nobody_else_sees(hosted, handoff):
    first = hosted.signed_in()
    where = opened(first, handoff).location
    page = first.get(where)
    statement = re.search(r'name="statement" value="([^"]+)"', page.text)[1]
    first.send(page, where, statement=statement)
    other = hosted.signed_in(name="ofmin-1")
    assert "opened today" not in read(other.get(opened(other, handoff).location))


def test_a_live_address_is_a_consultation_of_its_own_and_gone_on_the_next_page(hosted, handoff):
    browser = hosted.signed_in()
    where = opened(browser, handoff).location
    path = re.search(r'href="(/opened/[^"]+/address/[^"]+)"', browser.get(where).text)[1]
    asked = browser.get(path)
    missing = browser.send(asked, path, credential=browser.answer(path, asked))
    assert missing.status_code == 422
    told = {"reason_code": "evidence", "reason": "to preserve it"}
    shown = browser.send(missing, path, credential=browser.answer(path, missing), **told)
    assert f'readonly value="{LIVE}"' in shown.text
    assert LIVE not in browser.get(where).text
    assert consultations(hosted) == 2


def test_who_found_a_session_copies_no_live_address_without_its_passkey(hosted, handoff):
    browser, other = hosted.signed_in(), hosted.signed_in(name="ofmin-1")
    where = opened(browser, handoff).location
    path = re.search(r'href="(/opened/[^"]+/address/[^"]+)"', browser.get(where).text)[1]
    asked = browser.get(path)
    told = {"reason_code": "evidence", "reason": "to preserve it"}
    for answer in ("", other.answer(path, asked), browser.answer("/login", other.get("/login"))):
        refused = browser.send(asked, path, credential=answer, **told)
        assert (refused.status_code, LIVE in refused.text) == (403, False)
    assert consultations(hosted) == 1


def test_content_ends_with_its_time_its_session_and_by_hand(hosted, handoff):
    browser = hosted.signed_in()
    where = opened(browser, handoff).location
    assert hosted.signed_in(name="ofmin-1").get(where).status_code == 409
    assert browser.send(browser.get(where), f"{where}/close").status_code == 303
    assert browser.get(where).status_code == 409
    again = opened(browser, handoff).location
    hosted.later(minutes=14)
    assert browser.get(again).status_code == 200
    hosted.later(minutes=2)
    assert browser.get(again).status_code == 409


def test_content_is_not_opened_before_an_acceptance(hosted):
    handoff = UUID(offered(hosted.gateway).result["handoff"])
    refused = opened(hosted.signed_in(), handoff)
    assert refused.status_code == 409
    assert "Content opens after acceptance" in read(refused)


def test_an_address_that_is_not_in_the_content_is_no_consultation(hosted, handoff):
    browser = hosted.signed_in()
    where = opened(browser, handoff).location
    path = re.search(r'href="(/opened/[^"]+/address/[^"]+)"', browser.get(where).text)[1]
    asked, other = browser.get(path), f"{where}/address/another"
    fields = {"csrf": hosted.sessions.find(cookie(browser)).csrf(other)}
    told = {"reason_code": "evidence", "reason": "to preserve it", **fields}
    key = re.search(r'name="key" value="([^"]+)"', asked.text)[1]
    assert browser.post(other, {**told, "key": key}).status_code == 404
    assert consultations(hosted) == 1
