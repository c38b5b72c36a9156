"""Sign in by passkey, register one by an invitation, and what is refused."""

import json
import re
import shlex
from dataclasses import replace
from datetime import timedelta
from html import unescape

import pytest

from gateway.console.access import Person, PersonInvitation
from gateway.console.pages.signing_in import WRONG_ATTEMPTS
from gateway.evidence import base64url
from tests.authenticator import Authenticator
from tests.console.browsing import OFFICER, cookie, form, make_passkey
from tests.each import each

INVITED = Person("pdc", "pdc-7k3f")


def invite(console, token="a" * 43):
    expires_at = console.now + timedelta(hours=72)
    console.register.invitations[token] = PersonInvitation(INVITED, "pdc-8xx2", expires_at)
    return token


def test_a_passkey_signs_its_person_in_and_the_session_is_in_a_strict_cookie(console, browser):
    answer = browser.sign_in()
    assert (answer.status_code, answer.location) == (303, "/")
    cookie = answer.headers["Set-Cookie"]
    name, _, rest = cookie.partition("=")
    assert name == "__Host-casegate"
    assert len(rest.partition(";")[0]) == 43  # 256 bits
    parts = {part.strip() for part in rest.split(";")[1:]}
    assert parts == {"Secure", "HttpOnly", "SameSite=Strict", "Path=/"}
    assert "ofmin-if47, ofmin" in browser.get("/me").text
    assert [one["event"] for one in console.logged()] == ["console-signed-in"]


WRONG = {
    "another origin": {"origin": "https://console.example.org"},
    "another host": {"host": "console.example.org"},
    "a page within another one": {"crossOrigin": True},
    "nobody verified": {"data": lambda data: data[:32] + b"\x01" + data[33:]},
    "a registration": {"type": "webauthn.create"},
    "another person": {"handle": b"ofmin/ofmin-xxxx"},
    "no person": {"handle": b""},
    "a challenge of nobody": {"asked": {"challenge": "A" * 54}},
}


@each("changes", WRONG)
def test_what_is_not_the_answer_to_this_page_signs_nobody_in(console, browser, changes):
    answer = browser.sign_in(**WRONG[changes])
    assert answer.status_code == 403
    assert "Set-Cookie" not in answer.headers
    assert browser.get("/me").status_code == 303
    assert console.logged()[-1]["event"] == "console-sign-in-refused"


def test_a_challenge_counts_once_and_for_five_minutes(console, browser):
    page = browser.get("/login")
    credential = browser.answer("/login", page)
    assert browser.send(page, "/login", credential=credential).status_code == 303
    browser.client = console.app.test_client()
    assert browser.send(page, "/login", credential=credential).status_code == 403
    late = browser.answer("/login", browser.get("/login"))
    console.later(minutes=5)
    assert browser.send(page, "/login", credential=late).status_code == 403


def test_a_key_of_another_person_signs_nobody_in(console, browser):
    browser.device = Authenticator()
    assert browser.sign_in().status_code == 403


def test_wrong_sign_ins_are_bounded_and_shut_nobody_out(console, browser):
    statuses = [browser.sign_in(handle=b"").status_code for _ in range(WRONG_ATTEMPTS + 1)]
    assert statuses == [403] * WRONG_ATTEMPTS + [429]
    assert browser.sign_in().status_code == 303
    console.later(minutes=1)
    assert browser.sign_in(handle=b"").status_code == 403


def test_an_invitation_registers_a_passkey_that_then_signs_in(console, browser):
    token = invite(console)
    browser.device, browser.person = Authenticator(), INVITED
    page = browser.get("/invitation")
    page = browser.send(page, "/invitation", token=f" {token} ")
    assert "pdc-7k3f" in page.text
    assert "pdc-8xx2" in page.text
    made = browser.create(page, "/invitation/passkey")
    page = browser.send(page, "/invitation/passkey", credential=made)
    proof = browser.answer("/invitation/proof", page)
    done = browser.send(page, "/invitation/proof", credential=proof)
    assert done.status_code == 200, done.text
    assert browser.sign_in().status_code == 303
    kinds = [one["event"] for one in console.logged()]
    assert kinds == ["console-passkey-registered", "console-signed-in"]
    browser.client = console.app.test_client()
    assert browser.send(page, "/invitation/proof", credential=proof).status_code == 403


def test_an_administrator_makes_a_passkey_for_two_administrators_to_approve(console, browser):
    browser.device = Authenticator()
    page = browser.send(browser.get("/administrator"), "/administrator", token=" martin ")
    done = make_passkey(browser, page, "/administrator")
    assert browser.device.jwk["kid"] in done.text
    command = unescape(re.search(r"<pre[^>]*>(casegate admin .*?)</pre>", done.text)[1])
    *_, name, option, jwk, _, statement = shlex.split(command)
    assert (name, option, json.loads(jwk)) == ("martin", "--jwk", browser.device.jwk)
    assert statement.count(".") == 2
    assert console.register.keys == {OFFICER: console.register.keys[OFFICER]}
    for name in ("", "no one", "x" * 41, "<b>"):
        assert browser.post("/administrator", {"token": name}).status_code == 422


def test_a_wrong_or_used_token_opens_nothing_and_is_not_repeated(console, browser):
    answer = browser.post("/invitation", {"token": "guessed-guessed"})
    assert answer.status_code == 403
    assert "guessed" not in answer.text + console.written.getvalue()


def test_a_person_whose_names_no_device_can_keep_is_refused_in_words(console, browser):
    token = invite(console)
    named = console.register.invitations[token]
    long = replace(named, person=Person("o" * 40, "p" * 40))
    console.register.invitations[token] = long
    assert browser.post("/invitation", {"token": token}).status_code == 403
    assert "64 bytes" in console.logged()[-1]["reason"]


@pytest.mark.parametrize(
    "changes",
    [{"origin": "https://console.example.org"}, {"type": "webauthn.get"}, {"data": bytes}],
)
def test_a_passkey_that_was_not_made_on_this_page_is_not_taken(console, browser, changes):
    token = invite(console)
    page = browser.post("/invitation", {"token": token})
    made = browser.create(page, "/invitation/passkey", **changes)
    assert browser.send(page, "/invitation/passkey", credential=made).status_code == 403


def test_a_passkey_proves_itself_with_its_own_signature_for_this_origin(console, browser):
    token = invite(console)
    page = browser.post("/invitation", {"token": token})
    made = browser.create(page, "/invitation/passkey")
    page = browser.send(page, "/invitation/passkey", credential=made)
    proof = browser.answer("/invitation/proof", page)
    elsewhere = {**json.loads(form(page, "/invitation/proof")["jwk"]), "webauthn": "https://x.org"}
    answer = browser.send(page, "/invitation/proof", credential=proof, jwk=json.dumps(elsewhere))
    assert answer.status_code == 403
    browser.device = Authenticator()
    other = browser.answer("/invitation/proof", page)
    assert browser.send(page, "/invitation/proof", credential=other).status_code == 403
    assert console.register.passkeys(INVITED) == {}


def test_the_language_is_kept_and_leads_back_to_the_page(console, browser):
    answer = browser.post("/language", {"language": "fr"}, Referer=f"{browser.base}/login")
    assert (answer.status_code, answer.location) == (303, "/login")
    assert '<html lang="fr">' in browser.get("/login").text
    for elsewhere in ("https://evil.example/x", f"{browser.base}//evil.example/x", ""):
        answer = browser.post("/language", {"language": "en"}, Referer=elsewhere)
        assert answer.location == "/"


def test_my_page_lists_my_passkeys_and_sessions_and_ends_others_with_my_passkey(console, browser):
    browser.sign_in()
    others = []
    for _ in range(2):
        console.later(seconds=1)
        others.append(console.browser(OFFICER))
        others[-1].sign_in()
    page = browser.get("/me")
    kids = [one.device.jwk["kid"] for one in (browser, *others)]
    assert [kid in page.text for kid in kids] == [True] * 3
    stranger = console.browser(INVITED)
    stranger.sign_in()
    _, middle, _ = console.sessions.of(OFFICER)
    csrf = console.sessions.find(cookie(stranger)).csrf("/me/sessions")
    credential = stranger.answer("", asked=asked(console, "end-sessions"))
    fields = {"session": middle.id, "csrf": csrf, "credential": credential}
    assert stranger.post("/me/sessions", fields).status_code == 303
    assert others[0].get("/me").status_code == 200
    for session, left in ((middle.id, [303, 200]), ("", [303, 303])):
        credential = browser.answer("/me/sessions", asked=asked(console, "end-sessions"))
        csrf = console.sessions.find(cookie(browser)).csrf("/me/sessions")
        fields = {"session": session, "csrf": csrf}
        assert browser.post("/me/sessions", {**fields, "credential": credential}).location == "/me"
        assert [one.get("/me").status_code for one in others] == left
    assert browser.get("/me").status_code == 200


def test_no_session_ends_without_the_passkey_or_by_the_answer_of_a_sign_in(console, browser):
    browser.sign_in()
    fields = {"session": "", "csrf": console.sessions.find(cookie(browser)).csrf("/me/sessions")}
    other = console.browser(OFFICER)
    other.sign_in()
    for credential in ("", "{}", browser.answer("", asked=asked(console, "sign-in"))):
        answer = browser.post("/me/sessions", {**fields, "credential": credential})
        assert answer.status_code == 403
    assert other.get("/me").status_code == 200


def asked(console, purpose):
    return {"challenge": base64url.encode(console.sessions.challenge(purpose))}
