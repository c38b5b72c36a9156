"""Who acts in a browser: a person by their passkey, as far as their entry and organisation go."""

from dataclasses import replace
from uuid import UUID

import pytest

from gateway.domain.organisation import SCOPES_WHILE_SUSPENDED
from gateway.domain.refusals import InvalidApproval, ValidationFailed
from gateway.domain.staff import ROLES_OF, RegisterRole, scopes_of
from gateway.kernel.actors import GATEWAY
from gateway.kernel.authentication import NotAuthenticated, authenticate_person, passkeys_of
from gateway.kernel.changes import Bearer, Change
from gateway.kernel.ports import TransactionMode
from gateway.kernel.transact import RecordedRefusal
from gateway.kernel.values import Caller, PersonCredentials
from gateway.registry import directory, queries, staff
from gateway.web.endpoint import ANY_SCOPE
from gateway.web.listeners import PARTNERS
from tests.authenticator import Authenticator
from tests.founded_gateway import (
    ALICE,
    BENOIT,
    HOTLINE,
    Founded,
    enter_staff,
    make_change,
    refused_on_record,
    shown,
    signed_in,
)
from tests.registry.test_passkeys import approval, registration

KEY = Authenticator()
PERSON = "liaison-1"
REINSTATE = Change("organisation.reinstate", HOTLINE, {"reason": "test"})
SUSPEND = Change("organisation.suspend", HOTLINE, {"reason": "test"})


def administrator(gateway: Founded) -> Caller:
    """An administrator in a browser, who registered their passkey before."""
    gateway.administer("admin.add_passkey", GATEWAY, **registration(gateway, ALICE, KEY))
    credentials = PersonCredentials("session", KEY.jwk["kid"], ALICE)
    return authenticate_person(gateway.ports, GATEWAY, credentials)


def test_a_person_acts_for_their_organisation_by_a_passkey_of_theirs(gateway):
    person = signed_in(gateway.ports, HOTLINE, PERSON, KEY)
    assert directory.whoami(gateway.ports, person).organisation.organisation == HOTLINE
    assert [*passkeys_of(gateway.ports, HOTLINE, PERSON)] == [KEY.jwk["kid"]]
    for nobody in ((HOTLINE, "nobody-1"), ("nobody-here", PERSON), (GATEWAY, "nobody")):
        assert passkeys_of(gateway.ports, *nobody) == {}


def test_a_person_asks_in_their_own_name_alone_and_events_name_them(gateway):
    person = signed_in(gateway.ports, HOTLINE, PERSON, KEY)
    asked = {"entries": [{"roles": ["analyst"]}]}
    with pytest.raises(ValidationFailed, check=lambda why: "signed in" in why.errors[0][1]):
        staff.add(gateway.ports, person, gateway.key(), {**asked, "by": "liaison-2"})
    with pytest.raises(RecordedRefusal, match="not enough"):
        staff.add(gateway.ports, person, gateway.key(), {**asked, "by": PERSON})
    other = signed_in(gateway.ports, HOTLINE, "liaison-2", Authenticator())
    with pytest.raises(ValidationFailed, check=lambda why: "signed in" in why.errors[0][1]):
        staff.add(gateway.ports, other, "once-more", {**asked, "by": PERSON})


@pytest.mark.parametrize("what", ["entry", "passkey", "organisation", "roles"])
def test_what_ends_for_a_person_ends_at_their_next_request(gateway, what):
    entered = "head-1" if what == "roles" else PERSON
    if what == "roles":
        enter_staff(gateway.ports.begin, HOTLINE, [entered], frozenset({RegisterRole.DPO}))
    person = signed_in(gateway.ports, HOTLINE, entered, KEY)
    directory.whoami(gateway.ports, person)
    if what == "organisation":
        gateway.administer("organisation.leave", HOTLINE, reason="dissolved")
    with gateway.ports.begin(TransactionMode.REGISTRY) as work:
        if what == "entry":
            work.staff.end(HOTLINE, entered, gateway.clock())
        if what == "passkey":
            work.staff.revoke_passkey(KEY.jwk["kid"], UUID(int=1))
        work.commit()
    if what == "roles":
        person = replace(person, scopes=person.scopes | {"cases.write"})
    with pytest.raises(NotAuthenticated):
        directory.whoami(gateway.ports, person)


def test_another_passkey_person_or_system_signs_nobody_in(gateway):
    signed_in(gateway.ports, HOTLINE, PERSON, KEY)
    good = PersonCredentials("session", KEY.jwk["kid"], PERSON)
    for organisation, shown_ in (
        (HOTLINE, replace(good, kid="another")),
        (HOTLINE, replace(good, pseudonym="liaison-2")),
        ("nobody-here", good),
        (GATEWAY, good),
        (GATEWAY, replace(good, pseudonym=ALICE)),
    ):
        with pytest.raises(NotAuthenticated):
            authenticate_person(gateway.ports, organisation, shown_)
    as_a_system = Caller(HOTLINE, "desk", frozenset(), good)
    with pytest.raises(NotAuthenticated):
        directory.whoami(gateway.ports, as_a_system)


def test_a_person_of_a_suspended_member_has_the_scopes_for_its_duties(gateway):
    before = signed_in(gateway.ports, HOTLINE, PERSON, KEY)
    gateway.administer("organisation.suspend", HOTLINE, reason="under review")
    with pytest.raises(NotAuthenticated, match="scopes"):
        directory.whoami(gateway.ports, before)
    now = authenticate_person(gateway.ports, HOTLINE, before.credentials)
    assert now.scopes == before.scopes & SCOPES_WHILE_SUSPENDED < before.scopes


def test_the_roles_that_may_do_something_have_its_scope():
    for one in PARTNERS:
        for role in ROLES_OF.get(one.action or "", ()):
            assert one.scope in (ANY_SCOPE, *scopes_of({role})), (one.name, role)
    assert not scopes_of(RegisterRole) & {"admin", "relay", "log.cosign"}


def test_an_administrator_in_a_browser_reads_the_registry_and_signs_alone_for_themselves(gateway):
    alice = administrator(gateway)
    assert alice.scopes == {"admin", "health"}
    assert [one.person for one in queries.admins(gateway.ports, alice)] == [ALICE, BENOIT]
    here = Bearer(alice, gateway.key())
    done = gateway.do(make_change, SUSPEND, [approval(gateway, ALICE, SUSPEND, KEY)], here)
    assert shown(done.receipt)["by"] == [ALICE]
    by_another = [gateway.approve(REINSTATE)[1]]
    brought = (make_change, REINSTATE, by_another, Bearer(alice, "k2"))
    refused_on_record(gateway, InvalidApproval, *brought)
    gateway.administer(
        "admin.revoke_passkey", GATEWAY, person=ALICE, kid=KEY.jwk["kid"], reason="lost"
    )
    with pytest.raises(NotAuthenticated):
        queries.admins(gateway.ports, alice)


def test_an_administrator_in_a_browser_is_no_member(gateway):
    alice = administrator(gateway)
    refused = gateway.refusal(directory.whoami, alice)
    assert shown(refused.receipt)["by"] == ALICE
