"""Who signs in at the console of a gateway: whoever its registers say, at each request."""

import io
import json
import re
import shlex
from html import unescape

import pytest

from gateway.console.access import Person
from gateway.domain.refusals import InvalidInvitation
from gateway.evidence import passkey
from gateway.kernel.actors import GATEWAY
from gateway.web.hosted_access import HostedAccess
from gateway.web.hosted_persons import HostedPersons
from gateway.web.security_log import SecurityLog
from tests.authenticator import Authenticator
from tests.console.browsing import Browser, Console, make_passkey
from tests.founded_gateway import ALICE, HOTLINE, signed_in
from tests.founding import founded
from tests.registry.test_staff_passkeys import TOKEN, enter, invite

PERSON = Person(HOTLINE, "liaison-1")


@pytest.fixture
def gateway():
    return founded()


@pytest.fixture
def console(tmp_path, gateway):
    made = Console(tmp_path)
    made.show(
        persons=HostedPersons(gateway.ports, HostedAccess),
        log=SecurityLog(io.StringIO(), lambda: made.now),
    )
    return made


def test_a_person_of_a_staff_register_signs_in_until_their_organisation_leaves(console, gateway):
    key = Authenticator()
    signed_in(gateway.ports, *PERSON, key)
    browser = Browser(console, key, PERSON)
    assert browser.sign_in().status_code == 303
    assert "liaison-1" in browser.get("/me").text
    gateway.administer("organisation.leave", HOTLINE, reason="test")
    assert browser.get("/me").status_code == 303
    assert browser.sign_in().status_code == 403


def test_an_administrator_signs_in_under_one_name_with_a_passkey(console, gateway):
    key = Authenticator()
    browser = Browser(console, key, Person("", ALICE))
    page = browser.send(browser.get("/administrator"), "/administrator", token=ALICE)
    made = make_passkey(browser, page, "/administrator").text
    command = unescape(re.search(r"<pre[^>]*>(.+)</pre>", made)[1])
    *_, jwk, _, proof = shlex.split(command)
    values = {"person": ALICE, "jwk": json.loads(jwk), "proof": proof}
    gateway.administer("admin.add_passkey", GATEWAY, **values)
    assert Browser(console, key, Person(GATEWAY, ALICE)).sign_in().status_code == 403
    browser = Browser(console, key, Person("", ALICE))
    assert browser.sign_in().status_code == 303
    assert ALICE in browser.get("/me").text
    gateway.administer(
        "admin.revoke_passkey", GATEWAY, person=ALICE, kid=key.jwk["kid"], reason="lost"
    )
    assert browser.get("/me").status_code == 303


def test_who_is_invited_registers_a_passkey_and_signs_in_with_it(gateway):
    enter(gateway)
    invite(gateway)
    persons, key = HostedPersons(gateway.ports, HostedAccess), Authenticator()
    found = persons.invitation(TOKEN)
    assert (found.person, found.by) == (Person(HOTLINE, "p"), "k")
    draft = persons.registration(found.person, key.jwk)
    signed = passkey.complete(draft, key.answer(passkey.challenge(draft)))
    persons.register(TOKEN, key.jwk, signed, "a-key")
    assert [*persons.passkeys(found.person)] == [key.jwk["kid"]]
    assert persons.invitation(TOKEN) is None
    with pytest.raises(InvalidInvitation):
        persons.register(TOKEN, key.jwk, signed, "a-key")


def test_an_invitation_opens_nothing_once_its_organisation_takes_no_part(gateway):
    enter(gateway)
    invite(gateway)
    persons = HostedPersons(gateway.ports, HostedAccess)
    assert persons.invitation(TOKEN) is not None
    gateway.administer("organisation.leave", HOTLINE, reason="test")
    assert persons.invitation(TOKEN) is None
