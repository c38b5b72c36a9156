"""An administrator's passkey approves as their key in a file does, until it is revoked."""

from typing import Any

from gateway.domain.refusals import InvalidApproval, NotFound, ValidationFailed, WrongState
from gateway.evidence import declarations
from gateway.kernel.actors import GATEWAY
from gateway.kernel.changes import Change
from gateway.kernel.values import HOST
from gateway.registry import queries
from tests.authenticator import PRESENT, SYNCABLE, VERIFIED, Authenticator
from tests.each import each
from tests.founded_gateway import ALICE, BENOIT, HOTLINE, Founded, make_change, refused_on_record
from tests.ports import ISSUER
from tests.registry.test_rebuild import SAME, registry_compared

KEY = Authenticator()
SUSPEND = Change("organisation.suspend", HOTLINE, {"reason": "test"})
REINSTATE = Change("organisation.reinstate", HOTLINE, {"reason": "test"})


def approval(gateway: Founded, person: str, change: Change, key: Authenticator = KEY) -> str:
    """What a person signs in a browser of one change."""
    about = (change.action, change.organisation, change.values)
    return key.approve(ISSUER, person, about, gateway.clock(), gateway.new_id())


def registration(gateway: Founded, person: str, key: Authenticator = KEY) -> dict[str, Any]:
    """The values by which a passkey is added."""
    about = Change("admin.add_passkey", GATEWAY, {"person": person, "jwk": key.jwk})
    return about.values | {"proof": approval(gateway, person, about, key)}


def with_passkey(gateway: Founded) -> Founded:
    gateway.administer("admin.add_passkey", GATEWAY, **registration(gateway, ALICE))
    return gateway


def test_a_passkey_counts_as_its_person_until_it_is_revoked_and_the_events_say_so(gateway):
    with_passkey(gateway)
    gateway.do(make_change, SUSPEND, [approval(gateway, ALICE, SUSPEND)])
    before = approval(gateway, ALICE, REINSTATE)
    assert registry_compared(gateway) == SAME
    change = Change(
        "admin.revoke_passkey",
        GATEWAY,
        {"person": ALICE, "kid": KEY.jwk["kid"], "reason": "the device was lost"},
    )
    gateway.do(make_change, change, gateway.approve(change, BENOIT))
    refused_on_record(gateway, InvalidApproval, make_change, REINSTATE, [before])
    gateway.do(make_change, REINSTATE, gateway.approve(REINSTATE, ALICE))
    assert registry_compared(gateway) == SAME
    gateway.unmade(WrongState, change, BENOIT)


def test_two_keys_of_one_person_are_one_person(gateway):
    with_passkey(gateway)
    change = Change("admin.add_passkey", GATEWAY, registration(gateway, BENOIT, Authenticator()))
    both = [*gateway.approve(change, ALICE), approval(gateway, ALICE, change)]
    refused_on_record(gateway, InvalidApproval, make_change, change, both)


def test_a_passkey_that_an_account_keeps_is_not_taken(gateway):
    copied = Authenticator(flags=PRESENT | VERIFIED | SYNCABLE)
    change = Change("admin.add_passkey", GATEWAY, registration(gateway, ALICE, copied))
    assert "kept in an account" in gateway.unmade(ValidationFailed, change).errors[0][1]


@each(
    "wrong",
    [
        lambda g: registration(g, BENOIT)["proof"],
        lambda g: registration(g, ALICE, Authenticator())["proof"],
        lambda g: approval(g, ALICE, SUSPEND),
        lambda g: g.newcomer("c-bernard")["proof"],
        lambda _: "nothing",
    ],
)
def test_a_passkey_proves_itself_for_its_person_and_nothing_else_does(gateway, wrong):
    values = registration(gateway, ALICE) | {"proof": wrong(gateway)}
    change = Change("admin.add_passkey", GATEWAY, values)
    assert gateway.unmade(ValidationFailed, change).errors[0][0] == "/proof"


def test_a_passkey_is_nobody_elses_and_comes_once(gateway):
    with_passkey(gateway)
    for person in (ALICE, BENOIT):
        again = Change("admin.add_passkey", GATEWAY, registration(gateway, person))
        gateway.unmade(WrongState, again)
    unknown = Change("admin.add_passkey", GATEWAY, registration(gateway, "d-nobody"))
    gateway.unmade(NotFound, unknown)


def test_the_key_in_a_file_is_no_passkey_to_revoke(gateway):
    (alice, _) = queries.admins(gateway.ports, HOST)
    values = {"person": ALICE, "kid": alice.jwk["kid"], "reason": "r"}
    gateway.unmade(NotFound, Change("admin.revoke_passkey", GATEWAY, values))


def test_who_verifies_gets_passkeys_that_were_revoked_too(gateway):
    with_passkey(gateway)
    values = {"person": ALICE, "kid": KEY.jwk["kid"], "reason": "lost"}
    gateway.administer("admin.revoke_passkey", GATEWAY, **values)
    (alice, benoit) = queries.admins(gateway.ports, HOST)
    assert benoit.recorded() == benoit.jwk
    known = declarations.read_approval_keys(alice.recorded(), revoked=True)
    assert [*known] == [alice.jwk["kid"], KEY.jwk["kid"]]
    assert [*declarations.read_approval_keys(alice.recorded(), revoked=False)] == [*known][:1]
