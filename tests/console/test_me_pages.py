"""What a person has here for themselves: what they did, their numbers, their break and shift."""

import re
from datetime import timedelta

import pytest

from gateway.console.access import Person
from gateway.console.pages.contents import LIVE, STRONG
from gateway.console.session import IDLE, LONGEST, Rest
from tests.casework import accepted
from tests.console.browsing import OFFICER
from tests.console.hosted import HostedConsole
from tests.console.test_admin_pages import read
from tests.console.test_handoff_pages import checked, offer, sign
from tests.founded_gateway import ABROAD, OFMIN
from tests.founding import founded


def until(page):
    """When a page says that its session ends."""
    return re.search(r"This session ends at (\d\d:\d\d) UTC", page.text)[1]


def set_rest(browser, minutes="", shift_ends=""):
    page = browser.get("/me")
    return browser.send(page, "/me/rest", minutes=minutes, shift_ends=shift_ends)


def test_each_page_says_when_the_session_ends_and_another_tab_prolongs_it(console, browser):
    browser.sign_in()
    page = browser.get("/me")
    began = console.now
    assert until(page) == f"{began + IDLE:%H:%M}"
    assert 'href="/continue" target="_blank"' in page.text
    assert f'data-left="{int(IDLE.total_seconds())}" hidden' in page.text
    console.later(minutes=10)
    assert f"{console.now + IDLE:%H:%M} UTC" in read(browser.get("/continue"))
    console.later(minutes=14)
    assert browser.get("/me").status_code == 200
    for _ in range(34):
        console.later(minutes=13)
        page = browser.get("/me")
    assert until(page) == f"{began + LONGEST:%H:%M}"


def test_a_person_sees_their_own_numbers_by_day(console, browser):
    browser.sign_in()
    assert "You opened no strong text" in read(browser.get("/me"))
    day = console.now.date()
    for what, times in ((STRONG, 3), (LIVE, 1)):
        for _ in range(times):
            console.sessions.count(OFFICER, what, day - timedelta(days=1))
    console.sessions.count(OFFICER._replace(name="another"), STRONG, day)
    (row,) = re.findall(r"<tr><td data-label=\"Day\">.*?</tr>", browser.get("/me").text)
    assert re.findall(r"<td[^>]*>(\d+)</td>", row) == ["3", "1"]


def test_a_break_is_told_above_each_page_and_waits_ten_minutes_if_asked(console, browser):
    browser.sign_in()
    set_rest(browser, minutes="30")
    assert "You set a break" not in browser.get("/me").text
    for _ in range(3):
        console.later(minutes=10)
        page = browser.get("/me")
    assert "You set a break after 30 minutes, and have worked for 30." in read_all(page)
    browser.send(page, "/me/later")
    assert "You set a break" not in browser.get("/me").text
    console.later(minutes=10)
    assert "have worked for 40" in read_all(browser.get("/me"))


def read_all(page):
    return " ".join(re.sub(r"<[^>]+>", " ", page.text).split())


def test_the_end_of_a_shift_is_told_for_four_hours(console, browser):
    browser.sign_in()
    ends = console.now + timedelta(minutes=30 - console.now.minute % 30)
    set_rest(browser, shift_ends=f"{ends:%H:%M}")
    assert "Your shift ended" not in browser.get("/me").text
    while console.now < ends:
        console.later(minutes=10)
        page = browser.get("/me")
    assert f"Your shift ended at {ends:%H:%M} UTC" in page.text
    rest = console.sessions.rest_of(OFFICER)
    assert rest.shift_end(ends + timedelta(hours=4)) == ends + timedelta(days=1)


@pytest.mark.parametrize("sent", [{"minutes": "1"}, {"shift_ends": "25:00"}, {"minutes": "30m"}])
def test_another_break_than_those_offered_is_refused(console, browser, sent):
    browser.sign_in()
    assert set_rest(browser, **sent).status_code == 400
    assert console.sessions.rest_of(OFFICER)[:2] == (None, None)


def test_opened_content_closes_at_the_end_of_the_shift(tmp_path):
    gateway = founded()
    handoff = accepted(gateway)
    console = HostedConsole(tmp_path, gateway)
    browser = console.signed_in()
    ends = console.now + timedelta(minutes=5)
    rest = Rest(None, f"{ends:%H:%M}", console.now)
    console.sessions.set_rest(Person(OFMIN, "officer-1"), rest)
    page = browser.get(f"/handoffs/{handoff}/open")
    done = browser.send(
        page, f"/handoffs/{handoff}/open", reason_code="investigation", reason="to identify"
    )
    opened = done.headers["Location"]
    assert browser.get(opened).status_code == 200
    console.later(minutes=6)
    assert browser.get(opened).status_code == 409


def test_a_person_reads_what_was_done_in_their_name(tmp_path):
    gateway = founded()
    accepted(gateway)
    officer = HostedConsole(tmp_path, gateway).signed_in()
    told = read(officer.get("/me/acts"))
    assert "acceptance" in told.lower()
    assert "1 of the 6 events looked through" in told
    (tmp_path / "other").mkdir()
    other = HostedConsole(tmp_path / "other", gateway).signed_in(ABROAD, "auditor-1")
    assert "Nothing in your name" in read(other.get("/me/acts"))


def test_an_act_that_a_passkey_signed_is_told_with_the_key(hosted):
    officer = hosted.signed_in()
    sign(officer, checked(officer, offer(hosted), conditions="yes"))
    (kid,) = hosted.register.passkeys(Person(OFMIN, "officer-1"))
    assert kid in officer.get("/me/acts").text
