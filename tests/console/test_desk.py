"""The same pages at a member: verified by its client, signed by its key, for one person there."""

import json
import re
from dataclasses import replace

import httpx
import pytest

from gateway.client import GatewayUnavailable
from gateway.evidence import sd_jwt, signature
from gateway.keys import jwk_set
from tests.casework import ADDITION, case_content, element_id, offered
from tests.client.client_fixture import MemberClient, lose_answer, trust_of
from tests.client.scenario import CLEARED, offer, submit
from tests.console.browsing import cookie
from tests.console.desk_console import DeskConsole
from tests.console.test_case_pages import OFFER
from tests.console.test_content_pages import opened
from tests.console.test_handoff_pages import checked, read
from tests.founded_gateway import HOTLINE, OFMIN, enter_staff
from tests.log_check import check_log
from tests.ports import document_key, encryption_key
from tests.web.listening import listening

KEYS = {HOTLINE: document_key("hotline"), OFMIN: document_key("office")}
OWN_KEY = KEYS[OFMIN].kid, KEYS[OFMIN].alg
PERSON = "018f0000-0000-7000-8000-000000000031"


class NeverSigning(sd_jwt.Unsigned):
    def sign(self, message):
        raise AssertionError("signed")


@pytest.fixture
def stage():
    made = listening()
    for slug, key in KEYS.items():
        made.gateway.register_key(slug, key)
    yield made
    check_log(made.gateway)


def client(stage, slug=OFMIN, *, signs=True, **more):
    known = {one: signature.public_keys(jwk_set([key])) for one, key in KEYS.items()}
    trust = replace(trust_of(stage.gateway), organisations=known)
    return MemberClient(
        stage, slug, trust=trust, document_key=KEYS[slug] if signs else None, **more
    )


@pytest.fixture
def office(stage, tmp_path):
    """The console of an officer, at the recipient's own machine."""
    return DeskConsole(tmp_path, client(stage), "officer-1")


def record(browser, page):
    """Record what a page shows."""
    path = re.search(r'action="(/acts/[^"]+)"', page.text)[1]
    return browser.send(page, path)


def done(browser, page):
    """The page and the receipt of what was recorded."""
    assert page.status_code == 303, page.text
    receipt = browser.get(f"{page.location}/receipt.json").json
    return read(browser.get(page.location)), json.loads(receipt["document"])


def digest_on(page):
    return re.search(r'class="mono">([\w-]{43})</dd>', page.text)[1]


def test_an_answer_is_shown_as_a_draft_then_signed_by_the_members_own_key(stage, office):
    handoff, browser = offer(client(stage, HOTLINE), stage), office.signed_in()
    assert f'href="/handoffs/{handoff}"' in browser.get("/").text
    page = checked(browser, handoff, conditions="true")
    words, event = done(browser, record(browser, page))
    assert "signed with your organisation’s own key" in words
    assert (event["type"], event["document_sha256"]) == ("handoff.accepted", digest_on(page))
    answer = client(stage).handoff(handoff)["answers"][-1]
    shown = sd_jwt.verify(
        answer["document"],
        typ="casegate-answer+sd-jwt",
        keys=signature.public_keys(jwk_set([KEYS[OFMIN]])),
        issuer=sd_jwt.read_unverified(answer["document"]).claims["iss"],
    )
    assert shown.content["by"] == "officer-1"


def test_what_waits_to_be_recorded_is_signed_with_no_key(stage, office, monkeypatch):
    handoff, browser = offer(client(stage, HOTLINE), stage), office.signed_in()
    gateway = office.context.persons.gateway
    monkeypatch.setattr(gateway, "_author", replace(gateway._author, key=NeverSigning(*OWN_KEY)))
    page = checked(browser, handoff, conditions="true")
    assert page.status_code == 200
    assert record(browser, page).status_code == 500


def test_a_double_click_the_back_button_and_a_lost_answer_are_one_act(stage, tmp_path):
    gateway = client(stage, outbox=tmp_path / "outbox")
    handoff, console = (
        offer(client(stage, HOTLINE), stage),
        DeskConsole(tmp_path, gateway, "officer-1"),
    )
    browser = console.signed_in()
    path = f"/handoffs/{handoff}/handoff.accept"
    form = browser.get(path)
    page = browser.send(form, path, conditions="true")
    gateway.wire.faults = [lose_answer] * 9
    refused = record(browser, page)
    assert "casegate outbox resend" in read(refused)
    assert "lang" not in refused.text.partition("<main")[2]
    gateway.wire.faults = []
    assert [record(browser, page).status_code for _ in range(2)] == [303, 303]
    again = browser.send(form, path, conditions="true")
    assert "This is not open to you now" in read(again)
    kinds = [one["kind"] for one in client(stage).handoff(handoff)["answers"]]
    assert kinds == ["offer", "accept"]
    assert not list((tmp_path / "outbox").glob("*.json"))


def test_an_offer_is_previewed_signed_and_names_what_was_shown(stage, tmp_path):
    gateway = client(stage, HOTLINE)
    case = submit(gateway, stage)
    browser = DeskConsole(tmp_path, gateway, "liaison-1").signed_in()
    path = f"/cases/{case}/handoff.offer"
    page = browser.send(browser.get(path), path, **OFFER)
    words, event = done(browser, record(browser, page))
    assert "own key" in words
    assert (event["type"], event["document_sha256"]) == ("handoff.offered", digest_on(page))
    assert f'href="/handoffs/{event["handoff"]}"' in browser.get("/sent").text


def test_steps_and_entries_are_done_under_the_persons_pseudonym(stage, tmp_path):
    gateway = client(stage, HOTLINE)
    case = submit(gateway, stage)
    browser = DeskConsole(tmp_path, gateway, "analyst-1").signed_in()
    path = f"/cases/{case}/case.close"
    page = browser.send(browser.get(path), path, reason="nothing more to do")
    words, event = done(browser, record(browser, page))
    assert event["type"] == "case.closed"
    assert "attested by the gateway" in words


def test_without_a_document_key_the_gateway_attests(stage, tmp_path):
    handoff = offer(client(stage, HOTLINE), stage)
    browser = DeskConsole(tmp_path, client(stage, signs=False), "officer-1").signed_in()
    words, event = done(browser, record(browser, checked(browser, handoff, conditions="true")))
    assert event["type"] == "handoff.accepted"
    assert "attested by the gateway" in words


def test_what_is_sealed_to_the_member_opens_folded_and_is_counted(tmp_path):
    stage, seals = listening(), encryption_key("ofmin")
    stage.gateway.register_encryption_key(OFMIN, seals)
    keys = {OFMIN: signature.encryption_keys({"keys": [seals.public_jwk()]})}
    hotline = MemberClient(stage, seal_to=keys)
    value = {"about": element_id("victim"), "name": "N. N."}
    content = hotline.seal(
        case_content(stage.gateway.new_id()), {PERSON: {"type": "identity", "value": value}}, OFMIN
    )
    hotline.submit(content, "intake-1", CLEARED)
    handoff = offer(hotline, stage, case=content["case"])
    gateway = MemberClient(stage, OFMIN, encryption_keys={seals.kid: seals})
    gateway.accept(gateway.handoff(handoff), "officer-1")
    console = DeskConsole(tmp_path, gateway, "officer-1")
    browser = console.signed_in()
    path = opened(browser, handoff).location
    page = browser.get(path)
    assert "N. N." not in page.text
    page = browser.send(page, path, statement=PERSON)
    assert "N. N." in read(page)
    assert sum(console.sessions.counted(console.person, "strong").values()) == 1


def test_an_address_is_copied_for_a_reason_where_nobody_has_a_passkey(stage, office):
    handoff, browser = offer(client(stage, HOTLINE), stage), office.signed_in()
    office.context.persons.gateway.accept(
        office.context.persons.gateway.handoff(handoff), "officer-1"
    )
    page = browser.get(opened(browser, handoff).location)
    path = re.search(r'href="(/opened/[^"]+/address/[^"]+)"', page.text)[1]
    asked = browser.get(path)
    assert "data-passkey" not in asked.text
    shown = browser.send(asked, path, reason_code="evidence", reason="to preserve it")
    assert shown.status_code == 200, read(shown)
    assert 'readonly value="https://' in shown.text


def test_what_does_not_verify_is_not_shown(stage, office):
    handoff, browser = offer(client(stage, HOTLINE), stage), office.signed_in()
    gateway = office.context.persons.gateway

    def forge(request: httpx.Request, members):
        if "answers" in members:
            members["conditions"]["tlp"] = "CLEAR"
        return members

    gateway.wire.tamper = forge
    page = browser.get(f"/handoffs/{handoff}")
    assert page.status_code == 409
    assert "do not rely on this answer" in read(page)
    browser.client.set_cookie(
        "__Host-casegate-language", "fr", domain=office.context.host, secure=True
    )
    page = browser.get(f"/handoffs/{handoff}")
    assert "ne vous fiez pas à cette réponse" in read(page)
    assert 'lang="en">' not in page.text.partition("<main")[2]


def test_a_refusal_is_told_with_its_places_and_that_it_is_recorded(stage, office):
    handoff, browser = offer(client(stage, HOTLINE), stage), office.signed_in()
    path = f"/handoffs/{handoff}/handoff.accept"
    page = browser.send(browser.get(path), path, conditions="true")
    client(stage).answer("decline", handoff, "officer-1", reason="not ours")
    refused = record(browser, page)
    assert refused.status_code == 409
    assert "Refused" in read(refused)


def test_what_is_known_to_be_refused_is_said_before_it_is_signed(stage, tmp_path):
    gateway = client(stage)
    handoff = offer(client(stage, HOTLINE), stage)
    browser = DeskConsole(tmp_path, gateway, "officer-1").signed_in()

    def sent(action, **fields):
        path = f"/handoffs/{handoff}/{action}"
        return browser.send(browser.get(path), path, **fields)

    page = sent("handoff.decline", reason="x" * 301)
    assert page.status_code == 422
    assert "at most 300 characters" in read(page)
    assert sent("handoff.decline").status_code == 422
    gateway.accept(gateway.handoff(handoff), "officer-1")
    page = sent("handoff.accept", conditions="true")
    assert page.status_code == 409, read(page)
    assert "This is not open to you now" in read(page)
    page = sent("handoff.report_outcome", code="more_needed", what="other")
    assert page.status_code == 422
    assert "in words what is needed" in read(page)
    assert sent("handoff.report_outcome", code="received").status_code == 200


def test_a_person_who_may_not_act_reads_that_before_it_is_signed(stage, tmp_path):
    case = submit(client(stage, HOTLINE), stage)
    begin = stage.gateway.ports.begin
    enter_staff(begin, HOTLINE, ("trainee-1",), roles=frozenset({"officer"}))
    for name, words in (("nobody-1", "staff register"), ("trainee-1", "roles")):
        (folder := tmp_path / name).mkdir()
        browser = DeskConsole(folder, client(stage, HOTLINE), name).signed_in()
        path = f"/cases/{case}/case.recall"
        page = browser.send(browser.get(path), path, code="inaccurate", reason="a mistake")
        assert page.status_code == 422, read(page)
        assert words in read(page)


def test_a_gateway_that_does_not_answer_shows_no_empty_worklist(stage, office, monkeypatch):
    browser = office.signed_in()

    def silent(*_):
        raise GatewayUnavailable("no connection", reached=False)

    monkeypatch.setattr(type(office.context.persons.gateway), "worklist", silent)
    page = browser.get("/")
    assert page.status_code == 409
    assert "Nothing waits" not in page.text


def test_what_a_gateway_says_is_no_form_of_a_sentence(stage, office, monkeypatch):
    offered(stage.gateway)
    kind, gateway = "{about.__class__}", type(office.context.persons.gateway)
    read = gateway.worklist

    def told(self):
        found = read(self)
        return {
            **found,
            "items": [{**one, "kind": kind, "arrived": None} for one in found["items"]],
        }

    monkeypatch.setattr(gateway, "worklist", told)
    assert kind in office.signed_in().get("/").text


def test_pages_of_passkeys_administrators_and_auditors_are_not_there(stage, office):
    browser = office.signed_in()
    for path in (
        "/invitation",
        "/administrator",
        "/audit",
        "/admin/changes",
        "/staff/staff.invite",
    ):
        assert browser.get(path).status_code == 404, path
    for path in ("/staff", "/me", "/received", "/sent", "/cases", "/waiting"):
        text = browser.get(path).text
        assert "/audit" not in text and "staff.invite" not in text and "data-passkey" not in text
    assert "/staff/staff.add" in browser.get("/staff").text


def test_a_code_signs_in_once_within_its_time_and_the_newest_counts(office):
    browser = office.browser()

    def enter(code):
        return browser.send(browser.get("/login"), "/login", token=code).status_code

    first, code = office.codes.draw(office.person), office.codes.draw(office.person)
    assert enter("") == enter("wrong") == enter(first) == 403
    assert browser.get("/received").location == "/login"
    assert enter(code) == 303
    assert browser.get("/received").status_code == 200
    browser.send(browser.get("/"), "/logout")
    assert enter(code) == 403
    late = office.codes.draw(office.person)
    office.later(minutes=10)
    assert enter(late) == 403


def test_another_host_and_another_pages_form_open_nothing(office):
    browser, code = office.browser(), office.codes.draw(office.person)
    for host in ("localhost:4711", "127.0.0.1:4711", "attacker.example:4711"):
        assert browser.client.get("/login", base_url=f"http://{host}").status_code == 421
    crossed = browser.post("/login", {"token": code}, Origin="http://localhost:4711")
    assert crossed.status_code == 403
    crossed = browser.post("/login", {"token": code}, Sec_Fetch_Site="same-site")
    assert crossed.status_code == 403
    assert browser.post("/login", {"token": code}).status_code == 303


def test_an_update_is_previewed_and_signed(stage, tmp_path):
    gateway = client(stage, HOTLINE)
    content = case_content(stage.gateway.new_id())
    written = gateway.submit(content, "intake-1", CLEARED)
    handoff = offer(gateway, stage, case=content["case"])
    second = {**content, "version": 2, "previous": written.result["digest"]}
    gateway.revise(second, "intake-1", ADDITION, CLEARED)
    browser = DeskConsole(tmp_path, gateway, "liaison-1").signed_in()
    path = f"/handoffs/{handoff}/handoff.update"
    page = browser.send(browser.get(path), path)
    assert "Addition" in read(page)
    words, event = done(browser, record(browser, page))
    assert "own key" in words
    assert (event["type"], event["document_sha256"]) == ("handoff.updated", digest_on(page))


def asked_of_approver(stage, console):
    """A recall of a case that the recipient has, which names a second person."""
    gateway = console.context.persons.gateway
    case = submit(gateway, stage)
    handoff = offer(gateway, stage, case=case)
    browser, path = console.signed_in(), f"/cases/{case}/case.recall"
    said = {"code": "inaccurate", "reason": "the address is wrong", "approved_by": "approver-1"}
    page = browser.send(browser.get(path), path, **said)
    assert "by your organisation’s word" in read(page)
    assert record(browser, page).location == "/waiting"
    return handoff, browser


def test_a_second_person_reads_the_same_text_and_confirms_before_it_is_signed(stage, tmp_path):
    gateway = client(stage, HOTLINE)
    console = DeskConsole(tmp_path, gateway, "liaison-1")
    handoff, browser = asked_of_approver(stage, console)
    waits = browser.get("/waiting")
    assert "approver-1" in read(waits)
    assert "/record" not in waits.text
    assert client(stage).handoff(handoff)["state"] == "offered"
    second = console.signed_in("approver-1")
    path = re.search(r'href="(/waiting/[^"]+)"', second.get("/waiting").text)[1]
    page = second.get(path)
    digest = digest_on(page)
    action = re.search(r'action="(/waiting/[^"]+/signature)"', page.text)[1]
    words, event = done(second, second.send(page, action))
    assert "own key" in words
    assert "approver-1 confirmed it on this machine" in words
    assert (event["type"], event["document_sha256"]) == ("case.recalled", digest)
    page = browser.get("/waiting")
    action = re.search(r'action="(/waiting/[^"]+/record)"', page.text)[1]
    assert done(browser, browser.send(page, action))[1] == event


def test_who_asked_confirms_nothing_for_the_second_person(stage, tmp_path):
    console = DeskConsole(tmp_path, client(stage, HOTLINE), "liaison-1")
    handoff, browser = asked_of_approver(stage, console)
    path = re.search(r'href="(/waiting/[^"]+)"', browser.get("/waiting").text)[1]
    assert "/signature" not in browser.get(path).text
    token = console.sessions.find(cookie(browser)).csrf(f"{path}/record")
    assert browser.post(f"{path}/record", {"csrf": token}).status_code == 409
    second = console.signed_in("approver-1")
    page = second.get("/waiting")
    action = re.search(r'action="(/waiting/[^"]+/end)"', page.text)[1]
    second.send(page, action)
    assert "Nothing waits" in read(browser.get("/waiting"))
    assert client(stage).handoff(handoff)["state"] == "offered"
