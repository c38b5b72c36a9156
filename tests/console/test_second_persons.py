"""A second person is chosen, and signs the same text; nobody types that they agreed."""

import re

from gateway.domain.refusals import Forbidden
from gateway.web.hosted_access import HostedAccess
from tests.casework import accepted, element_id, offered, submitted
from tests.console.browsing import cookie
from tests.console.test_handoff_pages import read, sign
from tests.founded_gateway import HOTLINE, OFMIN

MARK = {
    "kind": "mark",
    "code": "kept_as_evidence",
    "elements": element_id("url"),
    "approved_by": "approver-1",
}


def asked(hosted):
    """One who asks for what another one signs, too."""
    browser = hosted.signed_in(HOTLINE, "liaison-1")
    path = f"/cases/{submitted(hosted.gateway).result['case']}/case.restrict"
    page = browser.send(browser.get(path), path, **MARK)
    assert page.status_code == 200, read(page)
    return browser, sign(browser, page)


def second(hosted, name):
    """Another one reads what waits, and signs it."""
    browser = hosted.signed_in(HOTLINE, name, lang="fr")
    path = re.search(r'href="(/waiting/[^"]+)"', browser.get("/waiting").text)[1]
    page = browser.get(path)
    assert "person who clears" not in page.text, "what was chosen stands in no other language"
    action = re.search(r'action="(/waiting/[^"]+/signature)"', page.text)[1]
    return browser, browser.send(page, action, credential=browser.answer(action, page))


def test_an_act_is_recorded_when_the_person_whom_it_names_has_signed(hosted):
    browser, sent = asked(hosted)
    assert sent.location == "/waiting"
    assert "second signature: 1" in read(browser.get("/"))
    page = browser.get("/waiting")
    assert "approver-1" in read(page)
    assert "Record it" not in read(page)
    other, signed = second(hosted, "approver-1")
    assert "confirmé par votre clé" in read(other.get(signed.location))
    page = browser.get("/waiting")
    assert "recorded" in read(page)
    action = re.search(r'action="(/waiting/[^"]+/record)"', page.text)[1]
    done = browser.send(page, action)
    assert done.status_code == 303, read(done)
    own, others = (
        one.get(f"{sent.location}/receipt.json") for one, sent in ((browser, done), (other, signed))
    )
    assert own.json == others.json
    assert "Nothing waits for a second person." in read(browser.get("/waiting"))


def test_who_is_named_may_refuse_and_nothing_is_done(hosted):
    browser, _ = asked(hosted)
    other = hosted.signed_in(HOTLINE, "approver-1")
    page = other.get("/waiting")
    action = re.search(r'action="(/waiting/[^"]+/end)"', page.text)[1]
    assert other.send(page, action).status_code == 303
    assert "Nothing waits" in read(browser.get("/waiting"))


def test_what_waits_is_seen_by_nobody_whom_it_does_not_name(hosted):
    browser, _ = asked(hosted)
    path = re.search(r'href="(/waiting/[^"]+)"', browser.get("/waiting").text)[1]
    for organisation, name in ((HOTLINE, "analyst-1"), (OFMIN, "officer-1")):
        stranger = hosted.signed_in(organisation, name)
        assert stranger.get(path).status_code == 404
        assert path not in stranger.get("/waiting").text


def test_what_waits_ends_after_three_days(hosted):
    browser, _ = asked(hosted)
    hosted.later(hours=73)
    browser.sign_in()
    assert "Nothing waits" in read(browser.get("/waiting"))


def recall_asked(hosted):
    """One who asks for a recall, which is a document, with the handoff that it is about."""
    made = submitted(hosted.gateway)
    handoff = accepted(hosted.gateway, offered(hosted.gateway, made))
    browser = hosted.signed_in(HOTLINE, "liaison-1")
    path = f"/cases/{made.result['case']}/case.recall"
    said = {"code": "inaccurate", "reason": "the address is wrong", "approved_by": "approver-1"}
    page = browser.send(browser.get(path), path, **said)
    assert page.status_code == 200, read(page)
    assert "Digest of the document" in read(page)
    assert "Digest of this act" in read(page), "which the other person reads, too"
    assert sign(browser, page).location == "/waiting"
    return browser, handoff


def test_a_document_waits_for_a_day_alone(hosted):
    browser, _ = recall_asked(hosted)
    hosted.later(hours=23)
    browser.sign_in()
    assert "Nothing waits" not in read(browser.get("/waiting"))
    hosted.later(hours=2)
    browser.sign_in()
    assert "Nothing waits" in read(browser.get("/waiting"))


def test_a_recall_by_two_persons_is_signed_by_both_over_its_document(hosted):
    browser, handoff = recall_asked(hosted)
    assert "/done/" in second(hosted, "approver-1")[1].location
    assert "recalled" in read(browser.get(f"/handoffs/{handoff}"))


def test_what_was_not_signed_by_all_is_not_recorded_whoever_asks(hosted):
    browser, _ = asked(hosted)
    name = re.search(r'href="/waiting/([^"]+)"', browser.get("/waiting").text)[1]
    other = hosted.signed_in(HOTLINE, "approver-1")
    for one in (browser, other):
        path = f"/waiting/{name}/record"
        token = hosted.sessions.find(cookie(one)).csrf(path)
        assert one.post(path, {"csrf": token}).status_code == 409


def test_another_device_signs_in_nobodys_name(hosted):
    browser, _ = asked(hosted)
    other = hosted.signed_in(HOTLINE, "approver-1")
    other.device = browser.device
    page = other.get(re.search(r'href="(/waiting/[^"]+)"', other.get("/waiting").text)[1])
    action = re.search(r'action="(/waiting/[^"]+/signature)"', page.text)[1]
    refused = other.send(page, action, credential=other.answer(action, page))
    assert refused.status_code == 409
    assert "not that of the passkey" in read(refused)
    assert hosted.logged()[-1]["event"] == "console-signature-refused"
    assert "approver-1" in read(browser.get("/waiting"))


def test_where_the_register_cannot_be_read_the_second_person_is_typed(hosted, monkeypatch):
    whole = HostedAccess.read

    def read_less(access, endpoint, query={}, /, **ids):  # noqa: B006 - as the method
        if endpoint == "staff_list":
            raise Forbidden("suspended", ("R2.inactive",))
        return whole(access, endpoint, query, **ids)

    monkeypatch.setattr(HostedAccess, "read", read_less)
    _, sent = asked(hosted)
    assert sent.location == "/waiting"
