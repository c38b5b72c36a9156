"""Encryption keys: registered with proof of possession, vouched for, and never used to sign."""

import json

import pytest

from gateway.domain.organisation import MemberDocumentKey, MemberEncryptionKey
from gateway.domain.refusals import AlreadyExists, Forbidden, NotFound, ValidationFailed, WrongState
from gateway.evidence import key_declaration
from gateway.evidence.key_declaration import ENCRYPTION, LOCK, POSSESSION, SUCCESSION
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
    encryption_key,
    fields_of,
    make_change,
    refused_on_record,
    shown,
)

FIRST, SECOND, OTHER = (encryption_key(name) for name in ("first", "second", "other"))
SIGNER = document_key("signer")


def refused(gateway, kind, action="key.register", organisation=OFMIN, **values):
    change = Change(action, organisation, values)
    arguments = (make_change, change, gateway.approve(change))
    return refused_on_record(gateway, kind, *arguments)


def pointer(error):
    return error.errors[0][0]


def proof(gateway, key=FIRST, **changes):
    values = {
        "organisation": f"{ISSUER}/organisations/{OFMIN}",
        "audience": ISSUER,
        "says": ENCRYPTION,
        "kid": key.kid,
        "at": gateway.clock(),
        "jti": gateway.new_id(),
        "signer": key.prover,
        "random": gateway.ports.random,
    }
    return key_declaration.issue(**values | changes).compact()


def test_a_registered_key_stands_in_the_directory_with_the_event_that_registered_it(gateway):
    written = gateway.register_encryption_key(OFMIN, FIRST)
    view = to_json(organisations.look_up(gateway.ports, caller(HOTLINE), OFMIN))
    (key,) = view["encryption_keys"]
    assert view["document_keys"] == []
    assert (key["kid"], key["jwk"]) == (FIRST.kid, FIRST.public_jwk())
    assert (key["valid_until"], key["registration_event"]) == (None, written.result["event"])
    assert fields_of(written.receipt)["type"] == "key.registered"
    assert FIRST.kid in json.dumps(shown(written.receipt)["subject"])
    check_log(gateway)


def test_the_two_kinds_of_key_are_two_types(gateway):
    gateway.register_key(OFMIN, SIGNER)
    gateway.register_encryption_key(OFMIN, FIRST, SIGNER)
    found = gateway.organisation(OFMIN)
    assert isinstance(found.document_keys[0], MemberDocumentKey)
    assert isinstance(found.encryption_keys[0], MemberEncryptionKey)
    assert found.document_key(FIRST.kid) is None
    assert found.encryption_key(SIGNER.kid) is None


@pytest.mark.parametrize(
    "changes",
    [
        {"signer": OTHER.prover},
        {"kid": OTHER.kid},
        {"says": POSSESSION},
        {"says": SUCCESSION},
        {"organisation": f"{ISSUER}/organisations/{HOTLINE}"},
        {"audience": "https://other.example"},
    ],
)
def test_a_proof_for_anything_else_proves_nothing(gateway, changes):
    values = {"jwk": FIRST.public_jwk(), "proof": proof(gateway, **changes)}
    assert pointer(refused(gateway, ValidationFailed, **values)) == "/proof"


@pytest.mark.parametrize(
    "changes",
    [
        {"alg": "ES256"},
        {"alg": "RSA-OAEP"},
        {"kid": "mine"},
        {"d": "AA"},
        {"x": "A" * 43},
        {"crv": "P-384"},
    ],
)
def test_what_is_no_public_encryption_key_is_not_registered(gateway, changes):
    values = {"jwk": FIRST.public_jwk() | changes, "proof": proof(gateway)}
    assert pointer(refused(gateway, ValidationFailed, **values)) == "/jwk"


def test_a_document_key_says_whose_the_key_is_where_there_is_one(gateway):
    gateway.register_key(OFMIN, SIGNER)
    values = {"jwk": FIRST.public_jwk(), "proof": proof(gateway)}
    assert pointer(refused(gateway, ValidationFailed, **values)) == "/countersignature"
    for by in (FIRST.prover, document_key("stranger")):
        values["countersignature"] = gateway.word(OFMIN, ENCRYPTION, FIRST, by)
        assert pointer(refused(gateway, ValidationFailed, **values)) == "/countersignature"
    gateway.register_encryption_key(OFMIN, FIRST, SIGNER)
    gateway.register_encryption_key(OFMIN, SECOND, SIGNER)
    kids = [key.kid for key in gateway.organisation(OFMIN).encryption_keys]
    assert kids == [FIRST.kid, SECOND.kid]


def test_one_key_is_never_registered_for_both_uses(gateway):
    gateway.register_encryption_key(OFMIN, FIRST)
    as_signer = {**FIRST.public_jwk(), "use": "sig", "alg": "ES256"}
    said = gateway.word(OFMIN, POSSESSION, FIRST, FIRST.prover)
    refused(gateway, AlreadyExists, jwk=as_signer, proof=said)
    gateway.register_key(HOTLINE, SIGNER)
    as_encryption = {**SIGNER.public_jwk(), "use": "enc", "alg": "ECDH-ES+A256KW"}
    said = gateway.word(HOTLINE, ENCRYPTION, SIGNER, SIGNER)
    refused(gateway, AlreadyExists, organisation=HOTLINE, jwk=as_encryption, proof=said)


def test_an_encryption_key_neither_countersigns_nor_locks(gateway):
    gateway.register_key(OFMIN, SIGNER)
    gateway.register_encryption_key(OFMIN, FIRST, SIGNER)
    new = document_key("new")
    values = {
        "jwk": new.public_jwk(),
        "proof": gateway.word(OFMIN, POSSESSION, new, new),
        "countersignature": gateway.word(OFMIN, SUCCESSION, new, FIRST.prover),
    }
    assert pointer(refused(gateway, ValidationFailed, **values)) == "/countersignature"
    said = gateway.word(OFMIN, LOCK, FIRST, FIRST.prover)
    error = refused(gateway, ValidationFailed, "organisation.require_signed", declaration=said)
    assert pointer(error) == "/declaration"


def test_a_revoked_key_stays_listed_and_does_not_come_back(gateway):
    gateway.register_encryption_key(OFMIN, FIRST)
    refused(gateway, NotFound, "key.revoke", organisation=HOTLINE, kid=FIRST.kid, reason="not ours")
    gateway.administer("key.revoke", OFMIN, kid=FIRST.kid, reason="the machine was sold")
    refused(gateway, WrongState, "key.revoke", kid=FIRST.kid, reason="again")
    (key,) = gateway.organisation(OFMIN).encryption_keys
    assert not key.holds(gateway.clock())
    refused(gateway, AlreadyExists, jwk=FIRST.public_jwk(), proof=proof(gateway))


def test_registering_a_key_takes_two_persons(gateway):
    values = {"jwk": FIRST.public_jwk(), "proof": proof(gateway)}
    change = Change("key.register", OFMIN, values)
    refusal = gateway.refusal(make_change, change, gateway.approve(change, ALICE))
    assert isinstance(refusal.refusal, Forbidden)
    assert refusal.refusal.rules == ("R10.two_persons",)
