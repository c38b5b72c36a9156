"""The staff register in a browser: its entries, and an invitation whose address is shown once."""

import re

from tests.console.test_handoff_pages import read, sign
from tests.founded_gateway import HOTLINE


def test_the_register_lists_entries_by_pseudonym_in_both_languages(hosted):
    for language, told in (("en", "Entries shown"), ("fr", "Inscriptions affichées")):
        page = hosted.signed_in(HOTLINE, "liaison-1", lang=language).get("/staff")
        assert page.status_code == 200
        assert len(page.data) < 15_000
        assert told in read(page)
        assert "officer-1" in read(page)


def entered(hosted, browser):
    """The pseudonym of an analyst who was entered."""
    path = "/staff/staff.add"
    known = listed(hosted, browser)
    page = browser.send(browser.get(path), path, **{"entries.0.roles": "analyst"})
    assert "Roles: Analyst" in read(page)
    assert sign(browser, page).status_code == 303
    (new,) = listed(hosted, browser) - known
    return new


def listed(hosted, browser):
    """The whole register, of which a page shows twenty."""
    keeper = hosted.register.access(browser.person, "", "")
    return {one["pseudonym"] for one in keeper.read("staff_list", {"limit": "100"})["items"]}


def test_a_person_is_entered_by_roles_and_gets_a_pseudonym(hosted):
    browser, path = hosted.signed_in(HOTLINE, "liaison-1"), "/staff/staff.add"
    assert browser.send(browser.get(path), path).status_code == 422
    assert entered(hosted, browser).startswith("pdc-")


def test_an_invitation_is_shown_once_it_was_made(hosted):
    browser = hosted.signed_in(HOTLINE, "liaison-1")
    path = f"/staff/staff.invite?pseudonym={entered(hosted, browser)}"
    alone = sign(browser, browser.send(browser.get(path), path))
    assert alone.status_code == 409, "who entered a person could pose as them"
    browser = hosted.signed_in(HOTLINE, "liaison-2")
    page = browser.send(browser.get(path), path)
    assert page.status_code == 200
    assert "/invitation#" not in page.text
    where = sign(browser, page).location
    link = re.compile(r"https://console\.example/invitation#[\w-]{43}<")
    assert link.search(browser.get(where).text)
    assert not link.search(browser.get(where).text)
    assert sign(browser, page).status_code == 409


def test_who_approves_is_invited_by_two_persons_and_a_refusal_says_so(hosted):
    browser = hosted.signed_in(HOTLINE, "liaison-1")
    path = "/staff/staff.invite?pseudonym=officer-1"
    refused = sign(browser, browser.send(browser.get(path), path))
    assert refused.status_code == 409
    assert "takes two persons" in read(refused)


def test_an_unknown_act_or_entry_is_not_there(hosted):
    browser = hosted.signed_in(HOTLINE, "liaison-1")
    for path in (
        "/staff/staff.unknown",
        "/staff/staff.end",
        "/staff/case.assess?pseudonym=a",
        "/staff/conformance.start",
        "/staff/proposal.create",
    ):
        assert browser.get(path).status_code == 404
