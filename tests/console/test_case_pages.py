"""One's own cases: the list, who has one, its steps, and its offer with what it would give."""

import re
from uuid import UUID

import pytest

from gateway.domain.out_of_service import case_entry
from gateway.kernel.ports import TransactionMode
from tests.casework import accepted, offered, submitted
from tests.console.test_handoff_pages import read, sign
from tests.founded_gateway import HOTLINE, OFMIN


@pytest.fixture
def hotline(hosted):
    """Who sends cases."""
    return hosted.signed_in(HOTLINE, "liaison-1")


def case_of(made):
    return UUID(made.result["case"])


def test_the_list_of_cases_is_empty_then_filtered(hosted, hotline):
    assert "You have no case yet." in read(hotline.get("/cases"))
    case = case_of(submitted(hosted.gateway))
    page = hotline.get("/cases?urgency=priority")
    assert f'href="/cases/{case}"' in page.text
    assert "0 cases fit this filter." in read(hotline.get("/cases?state=closed"))


def test_a_case_shows_who_has_it_and_what_may_be_done_in_both_languages(hosted):
    made = submitted(hosted.gateway)
    accepted(hosted.gateway, offered(hosted.gateway, made))
    path = f"/cases/{case_of(made)}"
    for language, told in (("en", "has copies"), ("fr", "détient des copies")):
        page = hosted.signed_in(HOTLINE, "liaison-1", lang=language).get(path)
        assert page.status_code == 200
        assert len(page.data) < 15_000
        assert told in read(page)
    assert hosted.signed_in().get(path).status_code == 404


def test_a_case_out_of_service_says_who_puts_it_right_and_offers_nothing(hosted):
    case = UUID(submitted(hosted.gateway).result["case"])
    with hosted.gateway.ports.begin(TransactionMode.REGISTRY) as work:
        work.organisations.put_out_of_service(frozenset({case_entry(HOTLINE, case)}))
        work.commit()
    for language, told in (("en", "operator puts it right"), ("fr", "y remédie")):
        analyst = hosted.signed_in(HOTLINE, "analyst-1", language)
        page = analyst.get(f"/cases/{case}")
        assert told in read(page)
        assert f"/cases/{case}/handoff.offer" not in page.text
        assert re.search("out of service|hors service", read(analyst.get("/")))


def test_a_step_is_taken_in_three_pages(hosted):
    browser, case = hosted.signed_in(HOTLINE, "analyst-1"), case_of(submitted(hosted.gateway))
    path = f"/cases/{case}/case.close"
    page = browser.send(browser.get(path), path, reason="nothing more to do")
    assert "nothing more to do" in read(page)
    assert sign(browser, page).status_code == 303
    assert "It is closed" in read(browser.get(f"/cases/{case}"))


def test_a_case_without_an_automated_match_is_assessed_too(hosted):
    case = case_of(submitted(hosted.gateway, clearance=None))
    browser, path = hosted.signed_in(HOTLINE, "analyst-1"), f"/cases/{case}/case.assess"
    page = browser.get(path)
    assert "none" in read(page)
    assert sign(browser, browser.send(page, path)).status_code == 303
    assert "assessed" in read(browser.get(f"/cases/{case}"))


OFFER = {
    "to.competence.matter": "csam",
    "to.competence.territory": "FR",
    "groups": "items",
    "purpose": "identify_victim",
}


def test_an_offer_proposes_who_takes_handoffs_by_their_names(hosted, hotline):
    case = case_of(submitted(hosted.gateway))
    page = hotline.get(f"/cases/{case}/handoff.offer")
    assert 'name="to.organisation"' in page.text
    assert 'list="known-to.organisation"' in page.text
    assert f'<option value="{OFMIN}">' in page.text
    assert f'<option value="{HOTLINE}">' not in page.text


def test_an_offer_shows_what_it_would_give_before_it_is_signed(hosted, hotline):
    case = case_of(submitted(hosted.gateway))
    path = f"/cases/{case}/handoff.offer"
    asked = hotline.get(path)
    assert hotline.send(asked, path).status_code == 422
    page = hotline.send(asked, path, **OFFER)
    assert page.status_code == 200, read(page)
    assert "ofmin, as competent for receive/csam/FR" in read(page)
    assert "Elements given" in read(page)
    digest = re.search(r"Digest of the document</dt><dd[^>]*>([^<]+)", page.text)[1]
    assert sign(hotline, page).status_code == 303
    assert sign(hotline, page).status_code == 303
    office = hosted.register.access(hosted.signed_in().person, "", "")
    (handoff,) = office.read("handoffs_list")["items"]
    assert handoff["recipient"] == OFMIN
    shown = hotline.get(f"/handoffs/{handoff['handoff']}")
    assert shown.status_code == 200
    assert digest
