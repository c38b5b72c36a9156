"""What holds for every page: its headers, its forms, and one answer to what is not there."""

import re
from datetime import date
from html.parser import HTMLParser
from pathlib import Path

from gateway import console as package
from gateway.console.app import HEADERS
from tests.console.browsing import Console, cookie, form
from tests.each import each

TEMPLATES = Path(package.__file__).parent / "templates"


def test_every_answer_has_the_headers_and_is_not_stored(console, browser):
    browser.sign_in()
    for answer in (browser.get("/me"), browser.get("/nothing"), browser.post("/me", Origin=None)):
        assert HEADERS.items() <= dict(answer.headers).items()
        assert answer.headers["Cache-Control"] == "no-store"
        assert answer.headers["Strict-Transport-Security"]


def test_files_of_the_console_are_named_by_their_digest_and_kept(browser):
    found = re.findall(r"/static/[a-z]+-[0-9a-f]{16}\.(?:css|js|svg)", browser.get("/login").text)
    assert len(set(found)) == 3
    for path in found:
        answer = browser.get(path)
        assert (answer.status_code, answer.headers["Cache-Control"]) == (
            200,
            "public, max-age=31536000, immutable",
        )
    assert browser.get("/static/console.css").status_code == 404


def test_the_first_page_is_small(browser):
    page = browser.get("/login")
    files = re.findall(r"/static/[^\"]+", page.text)
    assert len(page.data) < 15_000
    assert sum(len(browser.get(path).data) for path in files) < 16_000


REFUSED = [
    {"Origin": None},
    {"Origin": "null"},
    {"Origin": "https://console.example.org"},
    {"Origin": "http://console.example"},
    {"Sec_Fetch_Site": "cross-site"},
    {"Sec_Fetch_Site": "same-site"},
    {"Sec_Fetch_Site": "none"},
]


@each("headers", REFUSED)
def test_a_form_of_another_page_is_refused_and_signs_nobody_out(browser, headers):
    browser.sign_in()
    fields = {"csrf": browser.console.sessions.find(cookie(browser)).csrf("/logout")}
    assert browser.post("/logout", fields, **headers).status_code == 403
    assert browser.post("/language", {"language": "fr"}, **headers).status_code == 403
    assert browser.get("/me").status_code == 200
    assert browser.post("/logout", fields).status_code == 303, "of our own page it is taken"


def test_a_browser_that_sends_no_fetch_metadata_may_sign_out(browser):
    browser.sign_in()
    fields = form(browser.get("/me"), "/logout")
    assert browser.post("/logout", fields, Sec_Fetch_Site=None).status_code == 303


def test_what_there_is_and_what_there_is_not_answer_alike_to_who_is_not_signed_in(browser):
    pages = [browser.get(path) for path in ("/", "/me", "/nothing", "/handoffs/1")]
    assert {(page.status_code, page.location, page.data) for page in pages} == {
        (303, "/login", pages[0].data)
    }


def test_what_is_not_there_is_one_page_of_the_same_bytes(browser):
    browser.sign_in()
    first, second = browser.get("/nothing"), browser.get("/nothing/else")
    assert (first.status_code, first.data) == (404, second.data)


def test_another_host_is_not_served(console, browser):
    for host in ("https://other.example", "https://console.example:444", "https://localhost"):
        answer = browser.client.get("/login", base_url=host)
        assert answer.status_code == 421


def test_a_failure_is_a_page_with_the_number_of_its_request_and_none_of_its_words(console, browser):
    def fail(*_):
        raise RuntimeError("secret words")

    browser.sign_in()
    console.register.access = fail
    answer = browser.get("/me")
    assert answer.status_code == 500
    line = console.logged()[-1]
    assert (line["event"], line["error"]) == ("console-failure", "builtins.RuntimeError")
    assert line["request"] in answer.text
    assert "secret" not in answer.text + console.written.getvalue()


def test_too_large_a_form_is_refused(console, browser):
    browser.sign_in()
    answer = browser.post("/me/sessions", {"session": "x" * console.context.body_bytes})
    assert answer.status_code == 413


class Inline(HTMLParser):
    """Finds what the page's policy would not run."""

    def __init__(self):
        super().__init__()
        self.found = []

    def handle_starttag(self, tag, attrs):
        names = {name for name, _ in attrs}
        if tag == "style" or (tag == "script" and "src" not in names):
            self.found.append(tag)
        self.found += [name for name in names if name == "style" or name.startswith("on")]


def test_no_page_has_a_script_or_a_style_within():
    for file in TEMPLATES.rglob("*.html"):
        parser = Inline()
        parser.feed(re.sub(r"{[{%].*?[%}]}", "", file.read_text(encoding="utf-8")))
        assert parser.found == [], file.name


def test_a_demonstration_says_so_on_each_page_and_demands_no_https(tmp_path):
    shown = Console(tmp_path, "http://localhost:8445", date(2026, 3, 2))
    browser = shown.browser()
    assert browser.sign_in().status_code == 303
    for path in ("/login", "/me", "/nothing"):
        answer = browser.get(path)
        assert "Demonstration: rights are judged as of" in answer.text
        assert "Strict-Transport-Security" not in answer.headers
