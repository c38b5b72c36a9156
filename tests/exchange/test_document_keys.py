"""Document keys: registered with proof of possession, followed by countersignature, revoked."""

import json
from datetime import timedelta

import pytest

from gateway.domain.refusals import AlreadyExists, Forbidden, NotFound, ValidationFailed, WrongState
from gateway.evidence import base64url, key_declaration, sd_jwt
from gateway.evidence.key_declaration import LOCK, POSSESSION, SUCCESSION, UNLOCK
from gateway.kernel.changes import Change
from gateway.kernel.results import to_json
from gateway.registry import directory as organisations
from tests.founding import (
    ALICE,
    HOTLINE,
    ISSUER,
    OFMIN,
    caller,
    check_log,
    document_key,
    fields_of,
    make_change,
    refused_on_record,
    shown,
)

FIRST, SECOND, OTHER = (document_key(name) for name in ("first", "second", "other"))


def refused(gateway, kind, action, organisation=HOTLINE, **values):
    change = Change(action, organisation, values)
    arguments = (make_change, change, gateway.approve(change))
    return refused_on_record(gateway, kind, *arguments)


def pointer(error):
    return error.errors[0][0]


def possession(gateway, key=FIRST, **changes):
    values = {
        "organisation": f"{ISSUER}/organisations/{HOTLINE}",
        "audience": ISSUER,
        "says": POSSESSION,
        "kid": key.kid,
        "at": gateway.clock(),
        "jti": gateway.new_id(),
        "signer": key,
        "random": gateway.ports.random,
    }
    return key_declaration.issue(**values | changes).compact()


def test_a_registered_key_stands_in_the_directory_with_the_event_that_registered_it(gateway):
    written = gateway.register_key(HOTLINE, FIRST)
    view = to_json(organisations.look_up(gateway.ports, caller(OFMIN), HOTLINE))
    (key,) = view["document_keys"]
    assert (key["kid"], key["jwk"]) == (FIRST.kid, FIRST.public_jwk())
    assert (key["valid_until"], key["registration_event"]) == (None, written.result["event"])
    assert fields_of(written.receipt)["type"] == "key.registered"
    assert FIRST.kid in json.dumps(shown(written.receipt)["subject"])
    check_log(gateway)


def test_the_id_of_a_key_is_its_thumbprint(gateway):
    jwk = {**FIRST.public_jwk(), "kid": "mine"}
    proof = gateway.word(HOTLINE, POSSESSION, FIRST, FIRST)
    assert (
        pointer(refused(gateway, ValidationFailed, "key.register", jwk=jwk, proof=proof)) == "/jwk"
    )


@pytest.mark.parametrize(
    "jwk",
    [
        None,
        "key",
        {},
        {**FIRST.public_jwk(), "d": "AA"},
        {"kty": "oct", "k": "AA", "kid": "x"},
        {**FIRST.public_jwk(), "alg": "RS256"},
        {**FIRST.public_jwk(), "x": FIRST.public_jwk()["x"] + "="},
        {**FIRST.public_jwk(), "x-picture": "data:image/jpeg;base64,/9j/4AAQ"},
        {**FIRST.public_jwk(), "name": "Jean Dupont"},
    ],
)
def test_what_is_no_public_document_key_is_not_registered(gateway, jwk):
    proof = possession(gateway)
    assert (
        pointer(refused(gateway, ValidationFailed, "key.register", jwk=jwk, proof=proof)) == "/jwk"
    )


@pytest.mark.parametrize(
    "changes",
    [
        {"signer": OTHER},
        {"kid": OTHER.kid},
        {"says": SUCCESSION},
        {"organisation": f"{ISSUER}/organisations/{OFMIN}"},
        {"audience": "https://other.example"},
    ],
)
def test_a_proof_for_anything_else_proves_nothing(gateway, changes):
    values = {"jwk": FIRST.public_jwk(), "proof": possession(gateway, **changes)}
    assert pointer(refused(gateway, ValidationFailed, "key.register", **values)) == "/proof"


@pytest.mark.parametrize("shift", [timedelta(days=-8), timedelta(minutes=6)])
def test_a_proof_is_good_for_a_week_and_not_before_its_time(gateway, shift):
    proof = possession(gateway, at=gateway.clock() + shift)
    values = {"jwk": FIRST.public_jwk(), "proof": proof}
    assert pointer(refused(gateway, ValidationFailed, "key.register", **values)) == "/proof"


def test_a_proof_is_needed(gateway):
    values = {"jwk": FIRST.public_jwk()}
    assert pointer(refused(gateway, ValidationFailed, "key.register", **values)) == "/proof"


def test_a_key_that_follows_another_is_countersigned_by_it(gateway):
    gateway.register_key(HOTLINE, FIRST)
    proof = gateway.word(HOTLINE, POSSESSION, SECOND, SECOND)
    values = {"jwk": SECOND.public_jwk(), "proof": proof}
    missing = refused(gateway, ValidationFailed, "key.register", **values)
    assert pointer(missing) == "/countersignature"
    for by in (SECOND, OTHER):
        values["countersignature"] = gateway.word(HOTLINE, SUCCESSION, SECOND, by)
        assert (
            pointer(refused(gateway, ValidationFailed, "key.register", **values))
            == "/countersignature"
        )
    gateway.register_key(HOTLINE, SECOND, FIRST)
    kids = [key.kid for key in gateway.organisation(HOTLINE).document_keys]
    assert kids == [FIRST.kid, SECOND.kid]


def test_a_revoked_key_neither_countersigns_nor_comes_back(gateway):
    gateway.register_key(HOTLINE, FIRST)
    gateway.administer("key.revoke", HOTLINE, kid=FIRST.kid, reason="may be known to others")
    refused(gateway, WrongState, "key.revoke", kid=FIRST.kid, reason="again")
    proof = gateway.word(HOTLINE, POSSESSION, FIRST, FIRST)
    values = {"jwk": FIRST.public_jwk(), "proof": proof}
    refused(gateway, AlreadyExists, "key.register", **values)
    gateway.register_key(HOTLINE, SECOND)
    first, second = gateway.organisation(HOTLINE).document_keys
    assert not first.holds(gateway.clock())
    assert second.holds(gateway.clock())


def test_a_key_of_another_organisation_is_not_there_to_revoke(gateway):
    gateway.register_key(OFMIN, FIRST)
    refused(gateway, NotFound, "key.revoke", kid=FIRST.kid, reason="not theirs")


def test_registering_a_key_takes_two_persons(gateway):
    values = {"jwk": FIRST.public_jwk(), "proof": possession(gateway)}
    change = Change("key.register", HOTLINE, values)
    refusal = gateway.refusal(make_change, change, gateway.approve(change, ALICE))
    assert isinstance(refusal.refusal, Forbidden)
    assert refusal.refusal.rules == ("R10.two_persons",)


def test_an_organisation_locks_and_unlocks_itself_with_its_own_key(gateway):
    gateway.register_key(HOTLINE, FIRST)
    said = gateway.word(HOTLINE, LOCK, FIRST, FIRST)
    gateway.administer("organisation.require_signed", HOTLINE, declaration=said)
    assert gateway.organisation(HOTLINE).signed_only
    refused(gateway, WrongState, "organisation.require_signed", declaration=said)
    said = gateway.word(HOTLINE, UNLOCK, FIRST, FIRST)
    gateway.administer("organisation.allow_attested", HOTLINE, declaration=said)
    assert not gateway.organisation(HOTLINE).signed_only


def test_administrators_alone_lock_and_unlock_nobody(gateway):
    gateway.register_key(HOTLINE, FIRST)
    for says, by in ((UNLOCK, FIRST), (LOCK, OTHER)):
        said = gateway.word(HOTLINE, says, FIRST, by)
        assert pointer(
            refused(gateway, ValidationFailed, "organisation.require_signed", declaration=said)
        )


def test_a_statement_locks_once(gateway):
    gateway.register_key(HOTLINE, FIRST)
    locking = gateway.word(HOTLINE, LOCK, FIRST, FIRST)
    gateway.administer("organisation.require_signed", HOTLINE, declaration=locking)
    said = gateway.word(HOTLINE, UNLOCK, FIRST, FIRST)
    gateway.administer("organisation.allow_attested", HOTLINE, declaration=said)
    error = refused(gateway, ValidationFailed, "organisation.require_signed", declaration=locking)
    assert pointer(error) == "/statement"


@pytest.mark.parametrize("claim", ["iat", "jti"])
def test_a_statement_without_time_or_id_is_refused(gateway, claim):
    claims = {
        "iss": f"{ISSUER}/organisations/{HOTLINE}",
        "aud": ISSUER,
        "iat": int(gateway.clock().timestamp()),
        "jti": base64url.encode(b"x"),
        "says": POSSESSION,
        "kid": FIRST.kid,
    }
    claims = {name: value for name, value in claims.items() if name != claim}
    made = sd_jwt.issue(
        typ=key_declaration.REGISTRATION_TYP,
        claims=claims,
        properties=(),
        arrays=(),
        signer=FIRST,
        random=gateway.ports.random,
    )
    values = {"jwk": FIRST.public_jwk(), "proof": made.compact()}
    assert pointer(refused(gateway, ValidationFailed, "key.register", **values)) == "/proof"
