"""OWASP ASVS 5.0.0, levels 1 and 2, of sessions (V7) and pages with forms (V3): a row, a test."""

import re
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from gateway import console as package
from gateway.config import ConfigError, load, render
from gateway.console.session import IDLE, LONGEST, MOST_SESSIONS
from tests.authenticator import Authenticator
from tests.console.browsing import OFFICER, Browser, Console, cookie

TOP = Path(package.__file__).parents[2]
GUIDE = (TOP / "docs/console.md").read_text(encoding="utf-8")
ROWS: dict[str, Callable[[Console, Browser], None]] = {}

NOT_HERE = {
    "7.1.3": "no session comes from elsewhere: there is no single sign-on",
    "7.6.1": "likewise",
    "3.2.2": "the one script writes no text into a page but by textContent; see 3.2.1",
    "3.5.2": "nothing relies on a preflight: no address answers one, see 3.4.2",
    "3.5.5": "no page listens for messages: default-src 'none', and no script does",
}
"""Rows of these two chapters without a test, and why."""

SECTIONS = {"3.2": 2, "3.3": 4, "3.4": 6, "3.5": 5, "3.7": 2}
SECTIONS |= {"7.1": 3, "7.2": 4, "7.3": 2, "7.4": 5, "7.5": 2, "7.6": 2}
"""How many rows of level 1 and 2 each section has; 3.1 and 3.6 have none."""


def row(number: str) -> Callable[[Callable[..., None]], Callable[..., None]]:
    def add(check: Callable[..., None]) -> Callable[..., None]:
        ROWS[number] = check
        return check

    return add


@row("7.1.1")
def timeouts_are_documented(console, browser):
    assert f"after {IDLE.seconds // 60} minutes without use" in GUIDE
    assert f"after {LONGEST.seconds // 3600} hours" in GUIDE


@row("7.1.2")
def the_number_of_sessions_is_documented_and_the_oldest_ends(console, browser):
    assert "with its person's fourth sign-in" in " ".join(GUIDE.split())
    browsers = [console.browser() for _ in range(MOST_SESSIONS + 1)]
    for one in browsers:
        one.sign_in()
        console.later(seconds=1)
    assert [one.get("/me").status_code for one in browsers] == [303, 200, 200, 200]


@row("7.2.1")
def a_token_of_nobody_is_nobody(console, browser):
    for token in ("", "x", "A" * 43, cookie(browser)):
        browser.client.set_cookie("__Host-casegate", token, domain=console.context.host)
        assert browser.get("/me").status_code == 303


@row("7.2.2")
def a_session_begins_with_a_signature_over_a_new_challenge(console, browser):
    credential = browser.answer("/login", browser.get("/login"))
    assert browser.post("/login", {"credential": credential}).status_code == 303
    assert browser.post("/login", {"credential": credential}).status_code == 403


@row("7.2.3")
def a_token_has_256_bits_and_is_stored_as_its_digest(console, browser):
    tokens = set()
    for _ in range(8):
        browser.sign_in()
        tokens.add(cookie(browser))
        browser.client.delete_cookie("__Host-casegate", domain=console.context.host)
    assert [len(one) for one in tokens] == [43] * 8
    stored = b"".join(file.read_bytes() for file in console.folder.iterdir())
    assert not [one for one in tokens if one.encode() in stored]


@row("7.2.4")
def signing_in_again_ends_the_session_before_it(console, browser):
    browser.sign_in()
    first = cookie(browser)
    fields = {"csrf": console.sessions.find(first).csrf("/login")}
    credential = browser.answer("/login", browser.get("/login"))
    assert browser.post("/login", {**fields, "credential": credential}).status_code == 303
    assert cookie(browser) != first
    assert console.sessions.find(first) is None


@row("7.3.1")
def a_session_ends_without_use(console, browser):
    browser.sign_in()
    for _ in range(3):
        console.later(seconds=IDLE.seconds - 1)
        assert browser.get("/me").status_code == 200
    console.now += IDLE
    assert browser.get("/me").status_code == 303


@row("7.3.2")
def a_session_ends_however_much_it_is_used(console, browser):
    browser.sign_in()
    ends = console.now + LONGEST
    while console.now < ends:
        assert browser.get("/me").status_code == 200
        console.now += timedelta(minutes=10)
    assert browser.get("/me").status_code == 303


@row("7.4.1")
def a_signed_out_session_is_over_on_the_server(console, browser):
    browser.sign_in()
    token = cookie(browser)
    assert browser.send(browser.get("/me"), "/logout").location == "/login"
    assert cookie(browser) == ""
    browser.client.set_cookie("__Host-casegate", token, domain=console.context.host)
    assert browser.get("/me").status_code == 303
    assert browser.get("/login").headers["Cache-Control"] == "no-store"  # the back button asks


@row("7.4.2")
def sessions_end_with_their_person(console, browser):
    browser.sign_in()
    token = cookie(browser)
    del console.register.keys[OFFICER]
    assert browser.get("/me").status_code == 303
    console.browser(OFFICER)
    browser.client.set_cookie("__Host-casegate", token, domain=console.context.host)
    assert browser.get("/me").status_code == 303


@row("7.4.3")
def a_person_can_end_all_other_sessions(console, browser):
    browsers = [console.browser() for _ in range(3)]
    for one in browsers:
        one.sign_in()
        console.later(seconds=1)
    page = browsers[0].get("/me")
    assert "End all other sessions" in page.text
    credential = browsers[0].answer("/me/sessions", page)
    token = console.sessions.find(cookie(browsers[0])).csrf("/me/sessions")
    fields = {"csrf": token, "session": "", "credential": credential}
    browsers[0].post("/me/sessions", fields)
    assert [one.get("/me").status_code for one in browsers] == [200, 303, 303]


@row("7.4.4")
def each_page_of_a_session_lets_its_person_sign_out(console, browser):
    browser.sign_in()
    for path in ("/me", "/nothing", "/login"):
        assert 'action="/logout"' in browser.get(path).text


@row("7.4.5")
def revoking_a_passkey_ends_its_sessions_and_no_others(console, browser):
    second = console.browser()
    browser.sign_in()
    second.sign_in()
    del console.register.keys[OFFICER][browser.device.jwk["kid"]]
    assert (browser.get("/me").status_code, second.get("/me").status_code) == (303, 200)
    assert console.logged()[-1]["event"] == "console-session-ended"


@row("7.5.1")
def a_session_alone_changes_no_passkey(console, browser):
    browser.sign_in()
    rules = {rule.rule for rule in console.app.url_map.iter_rules() if "POST" in rule.methods}
    assert {one for one in rules if "passkey" in one or one.startswith("/me")} == {
        "/me/sessions",  # with the passkey
        "/me/rest",  # a reminder to rest, for the person alone
        "/me/later",
        "/invitation/passkey",  # with an invitation of another person
        "/administrator/passkey",  # two administrators approve it by their own keys
    }


@row("7.5.2")
def a_person_sees_their_sessions_and_ends_them_with_their_passkey(console, browser):
    other = console.browser()
    other.sign_in()
    browser.sign_in()
    assert browser.get("/me").text.count("End this session") == 1
    token = console.sessions.find(cookie(browser)).csrf("/me/sessions")
    fields = {"csrf": token, "session": "", "credential": ""}
    assert browser.post("/me/sessions", fields).status_code == 403
    assert other.get("/me").status_code == 200


@row("7.6.2")
def looking_at_a_page_begins_no_session(console, browser):
    for path in ("/", "/login", "/invitation", "/me"):
        assert "Set-Cookie" not in browser.get(path).headers
    assert console.sessions.of(OFFICER) == []


@row("3.2.1")
def what_people_wrote_is_text_in_a_page(console, browser):
    person = OFFICER._replace(name="<img src=x onerror=1>")
    other = console.browser(person)
    assert other.sign_in().status_code == 303
    assert "<img" not in other.get("/me").text
    assert "&lt;img" in other.get("/me").text
    assert other.get("/me").headers["Content-Type"] == "text/html; charset=utf-8"


@row("3.3.1")
def cookies_are_secure(console, browser):
    for answer in (browser.sign_in(), language(console)):
        assert "Secure" in answer.headers["Set-Cookie"]


@row("3.3.2")
def cookies_say_from_where_they_are_sent(console, browser):
    assert "SameSite=Strict" in browser.sign_in().headers["Set-Cookie"]
    assert "SameSite=Lax" in language(console).headers["Set-Cookie"]


@row("3.3.3")
def cookies_are_of_this_host(console, browser):
    for answer in (browser.sign_in(), language(console)):
        assert answer.headers["Set-Cookie"].startswith("__Host-")
        assert "Domain" not in answer.headers["Set-Cookie"]
        assert "Path=/" in answer.headers["Set-Cookie"]


@row("3.3.4")
def scripts_see_no_token(console, browser):
    assert "HttpOnly" in browser.sign_in().headers["Set-Cookie"]
    assert cookie(browser) not in browser.get("/me").text


@row("3.4.1")
def https_is_demanded_for_two_years(console, browser):
    expected = "max-age=63072000; includeSubDomains"
    for path in ("/login", "/nothing", "/static/none"):
        assert browser.get(path).headers["Strict-Transport-Security"] == expected


@row("3.4.2")
def no_other_origin_may_read_an_answer(console, browser):
    for answer in (
        browser.get("/login", headers={"Origin": "https://evil.example"}),
        browser.client.options("/login", base_url=browser.base),
    ):
        assert not [name for name, _ in answer.headers if name.startswith("Access-Control")]


@row("3.4.3")
def a_policy_lets_nothing_in_but_files_of_the_console(console, browser):
    policy = dict(
        part.strip().split(" ", 1)
        for part in browser.get("/login").headers["Content-Security-Policy"].split(";")
    )
    assert policy["default-src"] == "'none'"  # of objects and of frames as well
    assert policy["base-uri"] == "'none'"
    assert {policy[f"{one}-src"] for one in ("script", "style", "img")} == {"'self'"}


@row("3.4.4")
def types_are_not_guessed(console, browser):
    for path in ("/login", "/static/none", "/nothing"):
        assert browser.get(path).headers["X-Content-Type-Options"] == "nosniff"


@row("3.4.5")
def no_address_leaves_for_another_site(console, browser):
    assert browser.get("/login").headers["Referrer-Policy"] == "same-origin"


@row("3.4.6")
def no_page_is_shown_within_another(console, browser):
    for path in ("/login", "/static/none", "/nothing"):
        policy = browser.get(path).headers["Content-Security-Policy"]
        assert "frame-ancestors 'none'" in policy


@row("3.5.1")
def a_form_counts_from_our_page_with_the_token_of_its_address(console, browser):
    browser.sign_in()
    session = console.sessions.find(cookie(browser))
    good = {"csrf": session.csrf("/logout")}
    for fields in ({}, {"csrf": ""}, {"csrf": session.csrf("/language")}, {"csrf": "é"}):
        assert browser.post("/logout", fields).status_code == 403
    for headers in ({"Origin": "https://evil.example"}, {"Sec_Fetch_Site": "cross-site"}):
        assert browser.post("/logout", good, **headers).status_code == 403
    assert {one["reason"] for one in console.logged()[1:]} == {"token", "origin", "site"}
    assert browser.post("/logout", good).status_code == 303


@row("3.5.3")
def no_address_that_changes_something_answers_get(console, browser):
    browser.sign_in()
    for path in ("/logout", "/language", "/me/sessions", "/acts/x", "/opened/x/close"):
        assert browser.get(path).status_code == 405
    for method in ("put", "patch", "delete", "options", "trace"):
        answer = browser.client.open("/me", method=method, base_url=browser.base)
        assert answer.status_code in (403, 405)


@row("3.5.4")
def the_console_has_a_host_of_its_own(console, browser):
    named = {
        "name": "demo",
        "issuer": "https://gateway.example",
        "partners_url": "https://partners.example",
        "console_url": "https://gateway.example:8445",
        "console_bind": "unix:/run/c.sock",
    }
    file = console.folder / "casegate.toml"
    file.write_text(render(**named), encoding="utf-8")
    with pytest.raises(ConfigError, match="a host name of its own"):
        load(file, {})


@row("3.7.1")
def pages_use_nothing_but_html_css_and_one_script(console, browser):
    folder = Path(package.__file__).parent
    written = "".join(one.read_text("utf-8") for one in folder.rglob("*.html"))
    assert not re.search(r"<(object|embed|applet|iframe|frame)\b", written)
    assert [one.name for one in folder.rglob("*.js")] == ["sign.js"]


@row("3.7.2")
def a_redirect_stays_in_the_console(console, browser):
    for referer in ("https://evil.example/me", f"{browser.base}@evil.example/me", "//evil.example"):
        answer = browser.post("/language", {"language": "fr"}, Referer=referer)
        assert (urlsplit(answer.location).netloc, answer.location) == ("", "/")


def language(console: Console):
    made = Browser(console, Authenticator(), OFFICER)
    return made.post("/language", {"language": "fr"})


@pytest.mark.parametrize("number", sorted(ROWS))
def test_a_row_of_asvs(number, console, browser):
    ROWS[number](console, browser)


def test_every_row_of_these_sections_has_a_test_or_a_reason():
    numbers = {*ROWS, *NOT_HERE}
    assert len(ROWS) + len(NOT_HERE) == len(numbers)
    counted = {one: sum(n.startswith(f"{one}.") for n in numbers) for one in SECTIONS}
    assert counted == SECTIONS


def test_every_address_asks_for_a_session_but_these(console):
    views = console.app.view_functions
    open_ones = {name for name, view in views.items() if "without_session" in vars(view)}
    assert open_ones == {
        "static",
        "signing_in.show_login",
        "signing_in.sign_in",
        "registration.show_invitation",
        "registration.open_invitation",
        "registration.prove_passkey",
        "registration.register_passkey",
        "signing_in.choose_language",
        "registration.show_administrator",
        "registration.name_administrator",
        "registration.prove_administrator",
        "registration.show_proof",
    }
