"""What waits, handoffs, and acts on them: in words, signed once, refused with words."""

import json
import re
from uuid import UUID

from gateway.domain.out_of_service import handoff_entry
from gateway.domain.refusals import Busy
from gateway.kernel.ports import TransactionMode
from gateway.web.hosted_access import HostedAccess
from tests.casework import accepted, offered, revised, submitted, updated
from tests.exchange.handoffs.updating import CORRECTED
from tests.founded_gateway import ABROAD, HOTLINE, OFMIN

LANGUAGES = ("en", "fr")


def offer(hosted, **content):
    case = submitted(hosted.gateway, **content) if content else None
    return UUID(offered(hosted.gateway, case).result["handoff"])


def read(page):
    """The words of a page, without its marks."""
    return " ".join(re.sub(r"<[^>]+>", " ", page.text.partition("<main")[2]).split())


def checked(browser, handoff, **fields):
    """The page that shows what an acceptance would be."""
    path = f"/handoffs/{handoff}/handoff.accept"
    return browser.send(browser.get(path), path, **fields)


def sign(browser, page):
    """Sign what a page shows, with the passkey of the browser."""
    path = re.search(r'action="(/acts/[^"]+)"', page.text)[1]
    return browser.send(page, path, credential=browser.answer(path, page))


def test_the_history_says_in_words_what_was_done(hosted):
    handoff = accepted(hosted.gateway)
    told = {"en": "Acceptance", "fr": "Acceptation"}
    for language, word in told.items():
        page = hosted.signed_in(lang=language).get(f"/handoffs/{handoff}")
        assert word in read(page)


def test_an_empty_list_says_what_would_be_there(hosted):
    browser = hosted.signed_in()
    assert "Nothing waits. New handoffs appear here" in read(browser.get("/"))
    assert "No handoff has come yet." in read(browser.get("/received"))
    assert "No handoff has been sent yet." in read(browser.get("/sent"))


def test_each_page_has_its_title_in_both_languages_and_is_small(hosted):
    handoff = offer(hosted)
    about = f"/handoffs/{handoff}"
    paths = (
        "/",
        "/received",
        "/sent",
        about,
        f"{about}/handoff.accept",
        f"{about}/handoff.decline",
    )
    titles = {}
    for language in LANGUAGES:
        browser = hosted.signed_in(lang=language)
        for path in paths:
            page = browser.get(path)
            assert page.status_code == 200, path
            assert len(page.data) < 15_000
            titles.setdefault(path, set()).add(re.search(r"<title>(.*?)</title>", page.text)[1])
    assert {path: len(found) for path, found in titles.items()} == dict.fromkeys(paths, 2)


def test_the_worklist_names_what_waits_and_leads_there(hosted):
    handoff = offer(hosted)
    page = hosted.signed_in(lang="fr").get("/")
    assert f'href="/handoffs/{handoff}"' in page.text
    assert "Réponse attendue" in read(page)
    assert "de : Point de Contact" in read(page)
    assert "csam" not in read(page)


def test_an_imminent_danger_stands_above_every_page_of_both_sides(hosted):
    handoff = offer(hosted, urgency="imminent_danger", urgency_reason="child_located")
    for browser in (hosted.signed_in(), hosted.signed_in(HOTLINE, "liaison-1")):
        for path in ("/", "/received", "/me", "/nothing"):
            page = browser.get(path)
            header = page.text.partition("<main")[0]
            assert f"/handoffs/{handoff}" in header, path


def test_a_danger_out_of_service_says_whom_to_telephone_and_not_that_nothing_is_to_be_done(hosted):
    handoff = offer(hosted, urgency="imminent_danger", urgency_reason="child_located")
    with hosted.gateway.ports.begin(TransactionMode.REGISTRY) as work:
        work.organisations.put_out_of_service(frozenset({handoff_entry(handoff)}))
        work.commit()
    for person, other in (((), HOTLINE), ((HOTLINE, "liaison-1"), OFMIN)):
        words = read(hosted.signed_in(*person).get(f"/handoffs/{handoff}"))
        assert f"telephone the duty contact of {other}" in words
        assert "Nothing is to be done" not in words


def test_who_offers_a_danger_reads_the_number_above_every_page_until_they_called(hosted):
    contact = {"role": "duty", "name": "the desk", "address": "+33 1 00 00 00 00"}
    hosted.gateway.administer("contact.set", OFMIN, **contact)
    handoff = offer(hosted, urgency="imminent_danger", urgency_reason="child_located")
    browser = hosted.signed_in(HOTLINE, "liaison-1", lang="fr")
    header = browser.get("/me").text.partition("<main")[0]
    assert "the desk, permanence\N{NO-BREAK SPACE}: +33 1 00 00 00 00" in header
    path = f"/handoffs/{handoff}/handoff.call"
    asked = browser.get(path)
    parts = {"day": "2", "month": "3", "year": "2026", "hour": "9", "minute": "0"}
    said = {f"time.part_{name}": one for name, one in parts.items()}
    page = browser.send(asked, path, function="the officer on duty", **said)
    assert page.status_code == 200, read(page)
    assert sign(browser, page).status_code == 303
    assert contact["address"] not in browser.get("/me").text


def test_a_list_is_filtered_and_says_that_nothing_fits(hosted):
    offer(hosted)
    browser = hosted.signed_in()
    assert "Handoffs shown: 1" in read(browser.get("/received?urgency=priority&state=offered"))
    assert "0 handoffs fit this filter." in read(browser.get("/received?state=closed&urgency="))
    wrong = browser.get("/received?ends=zz")
    assert "0 handoffs fit this filter." in read(wrong)
    assert 'href="#f-ends"' in wrong.text


def test_a_handoff_shows_what_is_owed_before_all_else_and_no_code_of_its_conditions(hosted):
    page = hosted.signed_in().get(f"/handoffs/{offer(hosted)}")
    words = read(page)
    assert words.index("Accept") < words.index("About this handoff")
    assert "ask_originator" not in words
    assert "Attested by the gateway" in words


def test_an_acceptance_is_a_form_a_check_and_a_receipt(hosted):
    browser, handoff = hosted.signed_in(), offer(hosted)
    wrong = checked(browser, handoff)
    assert wrong.status_code == 422
    assert "<title>Error: Accept" in wrong.text
    assert 'href="#f-conditions"' in wrong.text
    page = checked(browser, handoff, conditions="yes", own_urgency="urgent")
    assert "Urgent" in read(page)
    digest = re.search(r"Digest of the document</dt><dd[^>]*>([^<]+)", page.text)[1]
    done = browser.get(sign(browser, page).location)
    assert "Done: Accept" in read(done)
    receipt = browser.get(re.search(r'href="(/done/[^"]+json)"', done.text)[1])
    assert json.loads(receipt.json["document"])["document_sha256"] == digest
    assert "attachment" in receipt.headers["Content-Disposition"]
    assert "accepted" in read(browser.get(f"/handoffs/{handoff}"))


def test_a_double_click_a_retry_and_the_back_button_are_one_act(hosted):
    browser, handoff = hosted.signed_in(), offer(hosted)
    path = f"/handoffs/{handoff}/handoff.accept"
    asked = browser.get(path)
    first = browser.send(asked, path, conditions="yes")
    second = browser.send(asked, path, conditions="yes")
    told = [sign(browser, page) for page in (first, first, second)]
    again = browser.send(asked, path, conditions="yes")
    events = {
        re.search(r'class="mono">([^<]+)', browser.get(one.location).text)[1]
        for one in (*told[:2], again)
    }
    assert len(events) == 1
    view = hosted.register.access(browser.person, "", "").read("handoffs_show", handoff=handoff)
    assert [one["kind"] for one in view["answers"]] == ["offer", "accept"]


def test_what_changed_meanwhile_is_refused_and_nothing_is_done(hosted):
    browser = hosted.signed_in()
    case = submitted(hosted.gateway)
    handoff = UUID(offered(hosted.gateway, case).result["handoff"])
    page = checked(browser, handoff, conditions="yes")
    revised(hosted.gateway, case)
    updated(hosted.gateway, handoff)
    refused = sign(browser, page)
    assert refused.status_code == 409
    assert "offered" in read(browser.get(f"/handoffs/{handoff}"))


def test_another_members_handoff_and_one_that_there_is_not_are_the_same_page(hosted):
    browser, handoff = hosted.signed_in(ABROAD, "analyst-1"), offer(hosted)
    pages = [browser.get(f"/handoffs/{one}") for one in (handoff, UUID(int=7))]
    assert {page.status_code for page in pages} == {404}
    assert pages[0].data == pages[1].data


def test_what_is_no_act_on_a_handoff_is_not_there(hosted):
    browser, handoff = hosted.signed_in(), offer(hosted)
    for action in ("handoff.unknown", "case.assess", "staff.add", "handoff.reissue"):
        assert browser.get(f"/handoffs/{handoff}/{action}").status_code == 404, action


def test_whether_a_danger_waits_is_never_told_of_what_could_not_be_read(hosted, monkeypatch):
    browser = hosted.signed_in()
    told = "Whether an imminent danger waits could not be read"
    assert told not in browser.get("/me").text

    def busy(access, endpoint, query={}, /, **ids):  # noqa: B006 - as the method
        raise Busy("in a moment")

    monkeypatch.setattr(HostedAccess, "read", busy)
    assert told in browser.get("/me").text


def test_an_act_under_a_key_that_no_form_drew_is_not_done(hosted):
    browser, handoff = hosted.signed_in(), offer(hosted)
    path = f"/handoffs/{handoff}/handoff.decline"
    page = browser.get(path)
    for key in ("", "approval/officer-2/1", "x" * 100):
        assert browser.send(page, path, reason="no", key=key).status_code == 400


def test_an_act_on_a_handoff_that_answers_no_offer_is_signed_as_well(hosted):
    handoff = accepted(hosted.gateway, offered(hosted.gateway))
    browser, path = hosted.signed_in(), f"/handoffs/{handoff}/handoff.refer"
    page = browser.send(browser.get(path), path, reference="AB 1")
    assert page.status_code == 200, read(page)
    assert sign(browser, page).status_code == 303
    assert "AB 1" in read(browser.get(f"/handoffs/{handoff}"))


def test_an_update_shows_what_it_gives_and_is_confirmed_to_the_own_side_alone(hosted):
    gateway = hosted.gateway
    case = submitted(gateway)
    handoff = accepted(gateway, offered(gateway, case))
    revised(gateway, case, items=CORRECTED)
    browser, path = hosted.signed_in(HOTLINE, "liaison-1"), f"/handoffs/{handoff}/handoff.update"
    assert "Send the newer version" in read(browser.get(f"/handoffs/{handoff}"))
    page = browser.send(browser.get(path), path, note="see the address")
    assert page.status_code == 200, read(page)
    assert "Elements given" in read(page) and "Version 2" in read(page)
    assert sign(browser, page).status_code == 303
    own = "Attested by the gateway, and confirmed by a passkey"
    assert own in read(browser.get(f"/handoffs/{handoff}"))
    theirs = read(hosted.signed_in().get(f"/handoffs/{handoff}"))
    assert "Attested by the gateway" in theirs and "confirmed" not in theirs
