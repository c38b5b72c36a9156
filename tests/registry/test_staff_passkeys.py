"""A person of a staff register makes a passkey once invited, and it counts until it ends."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from gateway.domain.organisation import organisation_uri
from gateway.domain.refusals import (
    AlreadyExists,
    InvalidInvitation,
    InvitationUnusable,
    NotFound,
    SecondPersonRequired,
    ValidationFailed,
    WrongState,
)
from gateway.domain.staff import RegisterRole
from gateway.evidence import base64url, declarations
from gateway.kernel.authentication import NotAuthenticated, authenticate_person, passkeys_of
from gateway.kernel.ports import TransactionMode
from gateway.kernel.values import PersonCredentials
from gateway.registry import directory, staff
from tests.authenticator import PRESENT, SYNCABLE, VERIFIED, Authenticator
from tests.founded_gateway import (
    HOTLINE,
    OFMIN,
    Founded,
    caller,
    enter_staff,
    refused_on_record,
    shown,
)
from tests.ports import ISSUER
from tests.registry.test_rebuild import SAME, registry_compared

TOKEN = "t" * 43
DIGEST = base64url.digest(TOKEN.encode())
KEEPER, PERSON = "liaison-1", "analyst-2"


def proof(
    gateway: Founded, person: str, key: Authenticator, member: str = HOTLINE, **changes: Any
) -> str:
    """What a new passkey signs about itself."""
    digest = declarations.change_digest(
        "staff.register_passkey", member, staff.proved(person, key.jwk)
    )
    claims = {
        "action": "staff.register_passkey",
        "aud": ISSUER,
        "change": digest,
        "iat": int(gateway.clock().timestamp()),
        "iss": declarations.person_uri(organisation_uri(ISSUER, member), person),
        "jti": str(gateway.new_id()),
    }
    return key.sign(declarations.PASSKEY_APPROVAL_TYP, claims | changes)


def enter(gateway: Founded) -> None:
    """Enter a keeper, an analyst and two heads, whose events are in the log."""
    for pseudonym, role in (("k", "liaison"), ("p", "analyst"), ("h1", "head"), ("h2", "head")):
        roles = frozenset({RegisterRole(role)})
        enter_staff(gateway.ports.begin, HOTLINE, [pseudonym], roles, gateway.new_id())


def invite(gateway: Founded, person: str = "p", token: str = TOKEN, by: str = "k", **more: Any):
    asked = staff.PasskeyInvitation(by, base64url.digest(token.encode()), **more)
    return gateway.act(HOTLINE, staff.invite, person, asked)


def register(gateway: Founded, key: Authenticator, person: str = "p", token: str = TOKEN):
    asked = staff.NewPasskey(person, token, key.jwk, proof(gateway, person, key))
    return gateway.act(HOTLINE, staff.register_passkey, person, asked)


def revoke(gateway: Founded, key: Authenticator, by: str):
    asked = staff.PasskeyRevocation(by, key.jwk["kid"])
    return gateway.act(HOTLINE, staff.revoke_passkey, "p", asked)


def revocation(key: Authenticator, person: str) -> tuple[Any, ...]:
    """What the keeper asks, past what is expected to be done."""
    asked = staff.PasskeyRevocation("k", key.jwk["kid"])
    return staff.revoke_passkey, caller(HOTLINE), "revocation", person, asked


def test_who_was_invited_registers_a_passkey_once_and_the_log_says_so(gateway):
    enter(gateway)
    invite(gateway)
    assert registry_compared(gateway) == SAME
    key = Authenticator(flags=PRESENT | VERIFIED | SYNCABLE)
    written = register(gateway, key)
    assert shown(written.receipt)["by"] == "p"
    assert [*passkeys_of(gateway.ports, HOTLINE, "p")] == [key.jwk["kid"]]
    listed = {
        one.pseudonym: one for one in staff.page(gateway.ports, caller(HOTLINE), "", 90).items
    }
    assert listed["p"].passkeys == [key.jwk]
    with pytest.raises(InvalidInvitation):
        register(gateway, Authenticator())
    assert registry_compared(gateway) == SAME
    revoke(gateway, key, "p")
    assert passkeys_of(gateway.ports, HOTLINE, "p") == {}
    refused_on_record(gateway, WrongState, *revocation(key, "p"))
    assert registry_compared(gateway) == SAME
    told = {"staff.invited", "staff.passkey_registered", "staff.passkey_revoked"}
    assert told <= {*gateway.types(HOTLINE)}
    assert told.isdisjoint(gateway.types(OFMIN))


def test_the_newest_invitation_counts_for_three_days(gateway):
    enter(gateway)
    invite(gateway, token="a" * 43)
    invite(gateway)
    with pytest.raises(InvalidInvitation):
        register(gateway, Authenticator(), token="a" * 43)
    gateway.clock.advance(timedelta(hours=73))
    with pytest.raises(InvitationUnusable):
        register(gateway, Authenticator())


def test_nobody_alone_invites_whom_they_entered_or_who_has_or_had_a_passkey(gateway):
    enter(gateway)
    invite(gateway)
    key = Authenticator()
    register(gateway, key)
    asked = staff.PasskeyInvitation("k", base64url.digest(b"another"))
    refused_on_record(
        gateway, SecondPersonRequired, staff.invite, caller(HOTLINE), "again", "p", asked
    )
    invite(gateway, token="b" * 43, approved_by=("h1",))
    entry = {"by": "h1", "entries": [{"roles": ["officer"]}]}
    (made,) = gateway.act(HOTLINE, staff.add, entry).result["entries"]
    asked = replace(asked, by="h1")
    refused_on_record(
        gateway,
        SecondPersonRequired,
        staff.invite,
        caller(HOTLINE),
        "alone",
        made["pseudonym"],
        asked,
    )


def test_an_approver_is_invited_by_two_and_a_passkey_revoked_by_who_keeps_the_register(gateway):
    enter(gateway)
    asked = staff.PasskeyInvitation("k", DIGEST)
    alone = (staff.invite, caller(HOTLINE), "invitation", "h1", asked)
    refused_on_record(gateway, SecondPersonRequired, *alone)
    invite(gateway, "h1", "h" * 43, by="h2", approved_by=("h1", "h2"))
    invite(gateway)
    key = Authenticator()
    register(gateway, key)
    with pytest.raises(ValidationFailed):
        revoke(gateway, key, "nobody-1")
    revoke(gateway, key, "k")
    refused_on_record(gateway, NotFound, *revocation(key, "h1"))


def with_heads(gateway: Founded) -> dict[str, Authenticator]:
    """The keeper's colleagues who approve have passkeys: two heads, and an approver."""
    enter(gateway)
    approver = frozenset({RegisterRole.APPROVER})
    enter_staff(gateway.ports.begin, HOTLINE, ["a1"], approver, gateway.new_id())
    keys = {one: Authenticator() for one in ("h1", "h2", "a1")}
    for person, key in keys.items():
        invite(gateway, person, person * 21 + "x", "h1", approved_by=("h1", "h2"))
        register(gateway, key, person, person * 21 + "x")
    return keys


def test_one_who_keeps_the_register_shuts_out_one_who_approves_and_never_all(gateway):
    keys = with_heads(gateway)
    first, second, _ = keys.values()
    asked = staff.PasskeyRevocation("k", first.jwk["kid"])
    gateway.act(HOTLINE, staff.revoke_passkey, "h1", asked)
    refused = refused_on_record(gateway, SecondPersonRequired, *revocation(second, "h2"))
    assert "two invite those who were shut out" in refused.detail
    own = staff.PasskeyRevocation("k", second.jwk["kid"], ("h2",))
    named = (staff.revoke_passkey, caller(HOTLINE), "who is shut out", "h2", own)
    refused_on_record(gateway, SecondPersonRequired, *named)
    agreed = staff.PasskeyRevocation("k", second.jwk["kid"], ("a1",))
    gateway.act(HOTLINE, staff.revoke_passkey, "h2", agreed)
    assert registry_compared(gateway) == SAME


def test_a_keeper_who_approves_does_not_count_among_those_who_could_undo_it(gateway):
    keys = with_heads(gateway)
    asked = staff.PasskeyRevocation("h1", keys["h2"].jwk["kid"])
    named = (staff.revoke_passkey, caller(HOTLINE), "revocation", "h2", asked)
    refused_on_record(gateway, SecondPersonRequired, *named)


def test_who_approves_revokes_their_own_passkey_whoever_is_left(gateway):
    keys = with_heads(gateway)
    for person, key in keys.items():
        asked = staff.PasskeyRevocation(person, key.jwk["kid"])
        gateway.act(HOTLINE, staff.revoke_passkey, person, asked)
        assert passkeys_of(gateway.ports, HOTLINE, person) == {}


def test_one_of_two_passkeys_of_a_person_is_revoked_by_the_keeper(gateway):
    enter(gateway)
    keys = [Authenticator(), Authenticator()]
    for number, key in enumerate(keys):
        token = f"{number}" * 43
        invite(gateway, "h1", token, "h1", approved_by=("h1", "h2"))
        register(gateway, key, "h1", token)
    asked = staff.PasskeyRevocation("k", keys[0].jwk["kid"])
    gateway.act(HOTLINE, staff.revoke_passkey, "h1", asked)
    refused_on_record(gateway, SecondPersonRequired, *revocation(keys[1], "h1"))


def test_a_passkey_proves_itself_for_its_person_and_is_nobody_elses(gateway):
    enter(gateway)
    key, other = Authenticator(), Authenticator()
    invite(gateway)
    for wrong in (
        proof(gateway, "p", other),
        proof(gateway, "k", key),
        proof(gateway, "p", key, iss=declarations.person_uri(ISSUER, "p")),
        proof(gateway, "p", key, change="A" * 43),
        proof(gateway, "p", key, aud="https://other.example"),
        "nothing.of.it",
    ):
        asked = staff.NewPasskey("p", TOKEN, key.jwk, wrong)
        with pytest.raises(ValidationFailed):
            gateway.act(HOTLINE, staff.register_passkey, "p", asked)
    register(gateway, key)
    invite(gateway, "k", by="h1")
    with pytest.raises(AlreadyExists):
        register(gateway, key, "k")


def test_who_is_invited_does_nothing_else_in_a_browser(gateway):
    enter(gateway)
    invite(gateway)
    shown_ = PersonCredentials("", "", "p", DIGEST)
    person = authenticate_person(gateway.ports, HOTLINE, shown_)
    assert person.scopes == frozenset()
    with pytest.raises(NotAuthenticated):
        directory.whoami(gateway.ports, person)
    key = Authenticator()
    asked = staff.NewPasskey("p", TOKEN, key.jwk, proof(gateway, "p", key))
    gateway.do(staff.register_passkey, person, gateway.key(), "p", asked)
    with pytest.raises(NotAuthenticated):
        authenticate_person(gateway.ports, HOTLINE, shown_)


def test_two_administrators_invite_the_first_persons(gateway):
    gateway.beside.clear()
    with gateway.ports.begin(TransactionMode.REGISTRY) as work:
        for one in work.staff.page(HOTLINE, "", 1000):
            work.staff.end(HOTLINE, one.pseudonym, gateway.clock())
        work.commit()
    made = gateway.administer(
        "staff.establish", HOTLINE, entries=["head", "approver"], invitations=[DIGEST]
    )
    head = made.result["entries"][0]["pseudonym"]
    register(gateway, Authenticator(), head)
    assert len(passkeys_of(gateway.ports, HOTLINE, head)) == 1
    assert registry_compared(gateway) == SAME


@pytest.mark.parametrize(
    "tampering",
    [
        "INSERT INTO passkey SELECT organisation, 'h1', 'x', jwk, event, NULL FROM passkey",
        "UPDATE passkey SET revocation_event = NULL",
        "UPDATE passkey SET jwk = replace(jwk, 'console', 'another')",
        "UPDATE staff_invitation SET token_sha256 = 'x'",
        "UPDATE staff_invitation SET pseudonym = 'h1'",
    ],
)
def test_a_key_or_invitation_that_no_event_made_puts_its_person_out_of_service(gateway, tampering):
    enter(gateway)
    invite(gateway)
    key = Authenticator()
    register(gateway, key)
    revoke(gateway, key, "k")
    invite(gateway, approved_by=("h1",))
    gateway.store.change(tampering)
    whose = "h1" if "h1" in tampering else "p"
    found = registry_compared(gateway)
    assert found.differing == {("staff", f"{HOTLINE}/{whose}")}
    gateway.store.change("DELETE FROM passkey")
    gateway.store.change("DELETE FROM staff_invitation")
    assert registry_compared(gateway) == SAME
