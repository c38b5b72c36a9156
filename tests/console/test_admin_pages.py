"""Administrators in a browser: what waits, a change proposed by one and approved by another."""

import re
from dataclasses import is_dataclass
from typing import get_args, get_type_hints

import pytest

from gateway.console import wording
from gateway.console.access import Person
from gateway.console.context import LANGUAGE_COOKIE
from gateway.domain.organisation import Status
from gateway.kernel.actors import GATEWAY
from gateway.registry.results import Entry
from gateway.text import catalogue
from gateway.web.hosted_access import HostedAccess
from gateway.web.hosted_persons import HostedPersons
from tests.authenticator import Authenticator
from tests.console.browsing import Browser, Console
from tests.founded_gateway import ALICE, BENOIT, HOTLINE, OCRVP, OFMIN
from tests.founding import founded
from tests.log_check import check_log
from tests.registry.test_passkeys import registration

ENTRY = f"/admin/organisations/{HOTLINE}"
SUSPEND = f"{ENTRY}/organisation.suspend"
AMEND = f"{ENTRY}/organisation.amend"


@pytest.fixture
def gateway():
    made = founded()
    yield made
    check_log(made)


@pytest.fixture
def administrators(tmp_path, gateway):
    """The two administrators, each signed in on a browser of their own."""
    console = Console(tmp_path)
    console.show(persons=HostedPersons(gateway.ports, HostedAccess))
    found = []
    for name in (ALICE, BENOIT):
        key = Authenticator()
        gateway.administer("admin.add_passkey", GATEWAY, **registration(gateway, name, key))
        browser = Browser(console, key, Person("", name))
        assert browser.sign_in().status_code == 303
        found.append(browser)
    return found


def read(page):
    """The words of a page, without its marks."""
    return " ".join(re.sub(r"<[^>]+>", " ", page.text.partition("<main")[2]).split())


def sign(browser, page):
    """Sign what a page shows, with the passkey of the browser."""
    path = re.search(r'action="(/acts/[^"]+)"', page.text)[1]
    done = browser.send(page, path, credential=browser.answer(path, page))
    assert done.status_code == 303, read(done)
    return browser.get(done.headers["Location"])


def proposed(browser, **fields):
    """What is shown once a change that needs a second administrator is signed."""
    fields |= {"reason": "as its statutes say"}
    return sign(browser, browser.send(browser.get(AMEND), AMEND, **fields))


def test_nothing_waits_says_what_would(administrators):
    alice, _ = administrators
    assert "Nothing waits." in read(alice.get("/"))
    assert "No proposal waits." in read(alice.get("/admin/changes"))


def test_pages_have_titles_in_both_languages_and_no_line_in_another(administrators):
    alice, _ = administrators
    itself = "/admin/organisations/gateway"
    paths = ("/", "/admin/organisations", ENTRY, SUSPEND, "/admin/changes", itself)
    english = {path: re.search("<title>(.*?)<", alice.get(path).text)[1] for path in paths}
    alice.client.set_cookie(LANGUAGE_COOKIE, "fr", domain="console.example", secure=True)
    for path, title in english.items():
        page = alice.get(path)
        assert page.status_code == 200, alice.console.logged()[-1]
        assert re.search("<title>(.*?)<", page.text)[1] != title
        assert len(page.data) < 15_000


def test_who_is_no_administrator_reads_none_of_it(administrators, gateway):
    alice, _ = administrators
    assert alice.get("/admin/organisations/nobody-here").status_code == 404
    assert alice.get("/admin/organisations/NO").status_code == 404
    assert alice.get(f"{ENTRY}/organisation.nothing").status_code == 404


def test_a_change_that_one_may_make_is_made_by_one_passkey(administrators, gateway):
    alice, _ = administrators
    page = alice.send(alice.get(SUSPEND), SUSPEND, reason="under review")
    assert page.status_code == 200
    assert "under review" in read(page)
    done = sign(alice, page)
    assert "confirmed by your passkey" in read(done)
    assert "suspended" in read(alice.get(ENTRY))


def test_what_a_change_answers_is_shown_with_its_receipt(administrators, gateway):
    alice, _ = administrators
    desk = {"role": "duty", "name": "The desk", "address": "+33 1 00 00 00 00"}
    gateway.administer("contact.set", HOTLINE, **desk)
    path = f"{ENTRY}/contact.consult"
    told = read(sign(alice, alice.send(alice.get(path), path, reason="a call was not answered")))
    assert "The desk" in told
    path = f"/admin/organisations/{OFMIN}/succession.preview"
    fields = {"successor": OCRVP, "competence": "receive/csam/FR"}
    for name, year in (("effective_on", "2027"), ("read_until", "2028")):
        parts = {"part_day": "1", "part_month": "1", "part_year": year}
        fields |= {f"{name}.{part}": value for part, value in parts.items()}
    page = alice.send(alice.get(path), path, **fields)
    assert page.status_code == 200, read(page)
    assert OCRVP in read(sign(alice, page))


def test_a_fault_stands_at_its_field(administrators):
    alice, _ = administrators
    page = alice.send(alice.get(SUSPEND), SUSPEND)
    assert page.status_code == 422
    assert 'href="#f-reason"' in page.text


def test_a_proposal_waits_for_the_other_administrator_who_reads_it_and_signs(administrators):
    alice, benoit = administrators
    done = proposed(alice, name="Another name")
    assert "It waits for another administrator" in read(done)
    address = re.search(r'"(/admin/changes/[^"/]+)"', alice.get("/").text)[1]
    assert "You proposed it" in read(alice.get(address))
    page = benoit.get(address)
    assert "Another name" in read(page)
    check = benoit.send(page, f"{address}/approval")
    assert "Another name" in read(check)
    assert "confirmed by your passkey" in read(sign(benoit, check))
    assert "Another name" in read(benoit.get(ENTRY))
    assert "waits no more" in read(benoit.get(address))


def test_a_proposal_is_refused_with_a_reason_or_withdrawn(administrators):
    alice, benoit = administrators
    proposed(alice, name="A wrong name")
    address = re.search(r'"(/admin/changes/[^"/]+)"', alice.get("/").text)[1]
    path = f"{address}/refusal"
    check = benoit.send(benoit.get(path), path, reason="the statutes say otherwise")
    sign(benoit, check)
    assert "waits no more" in read(alice.get(address))
    proposed(alice, name="A better name")
    address = re.search(r'"(/admin/changes/[^"/]+)"', alice.get("/").text)[1]
    sign(alice, alice.send(alice.get(address), f"{address}/withdrawal"))
    assert "waits no more" in read(alice.get(address))


def test_nobody_approves_by_the_passkey_of_another(administrators):
    alice, benoit = administrators
    proposed(alice, name="Another name")
    address = re.search(r'"(/admin/changes/[^"/]+)"', alice.get("/").text)[1]
    check = benoit.send(benoit.get(address), f"{address}/approval")
    path = re.search(r'action="(/acts/[^"]+)"', check.text)[1]
    done = benoit.send(check, path, credential=alice.answer(path, check))
    assert done.status_code == 409
    assert "waits no more" not in read(benoit.get(address))


def test_each_field_of_an_entry_has_a_name_and_each_status_a_word_in_both_languages():
    known = {*catalogue._TABLES["labels"], *catalogue._TABLES["fields"]}
    assert {*names(Entry)} - known == set()
    for word in Status:
        assert wording.code("status", word, "en") != wording.code("status", word, "fr")


def names(kind):
    """The names of all fields in a class of results."""
    for name, told in get_type_hints(kind).items():
        yield name.removesuffix("_")
        for inner in (told, *get_args(told)):
            if is_dataclass(inner):
                yield from names(inner)
