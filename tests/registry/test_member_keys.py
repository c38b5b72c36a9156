"""Keys of an organisation: registered with proof of possession, vouched for, revoked."""

import json
from dataclasses import dataclass
from datetime import timedelta

import pytest

from gateway.domain.organisation import MemberDocumentKey, MemberEncryptionKey
from gateway.domain.refusals import AlreadyExists, NotFound, ValidationFailed, WrongState
from gateway.evidence import base64url, declarations, sd_jwt
from gateway.evidence.declarations import ENCRYPTION, KEY_SUCCESSION, LOCK, POSSESSION, UNLOCK
from gateway.kernel.changes import Change
from gateway.kernel.results import to_json
from gateway.registry import directory as organisations
from tests.answers import heading_of
from tests.each import each
from tests.founded_gateway import ABROAD, HOTLINE, OFMIN, caller, fields_of, shown
from tests.ports import ISSUER, document_key, encryption_key

FIRST, SECOND, OTHER = (document_key(name) for name in ("first", "second", "other"))
SEALING, NEXT_SEALING, OTHER_SEALING = (encryption_key(n) for n in ("first", "second", "other"))


@dataclass
class Kind:
    """A kind of key: whose, which it is, how it is told, and what its proof says."""

    organisation: str
    keys: tuple
    listed: str
    says: str
    says_else: tuple[str, ...]
    not_one: tuple

    def signer(self, key):
        return key.prover if self.listed == "encryption_keys" else key

    def register(self, gateway, key):
        if self.listed == "encryption_keys":
            return gateway.register_encryption_key(self.organisation, key)
        return gateway.register_key(self.organisation, key)

    def proof(self, gateway, **changes):
        key = self.keys[0]
        values = {
            "issuer": f"{ISSUER}/organisations/{self.organisation}",
            "audience": ISSUER,
            "says": self.says,
            "kid": key.kid,
            "at": gateway.clock(),
            "jti": gateway.new_id(),
            "signer": self.signer(key),
            "random": gateway.ports.random,
        }
        values |= changes
        return declarations.issue_declaration(heading_of(values), **values).compact()

    def refused(self, gateway, refusal, action="key.register", organisation=None, **values):
        return gateway.unmade(refusal, Change(action, organisation or self.organisation, values))

    def pointer(self, gateway, action="key.register", **values):
        """The field for which a change is refused."""
        return self.refused(gateway, ValidationFailed, action, **values).errors[0][0]


JWK, SEALING_JWK = FIRST.public_jwk(), SEALING.public_jwk()
DOCUMENT = Kind(
    HOTLINE,
    (FIRST, OTHER),
    "document_keys",
    POSSESSION,
    (KEY_SUCCESSION,),
    (
        *(None, "key", {}, {"kty": "oct", "k": "AA", "kid": "x"}),
        *(JWK | one for one in ({"d": "AA"}, {"alg": "RS256"}, {"x": JWK["x"] + "="})),
        JWK | {"kid": "mine"},  # the id of a key is its thumbprint
        JWK | {"x-picture": "data:image/jpeg;base64,/9j/4AAQ"},
        JWK | {"name": "Jean Dupont"},
    ),
)
ENCRYPT = Kind(
    OFMIN,
    (SEALING, OTHER_SEALING),
    "encryption_keys",
    ENCRYPTION,
    (POSSESSION, KEY_SUCCESSION),
    (
        *(SEALING_JWK | {"alg": alg} for alg in ("ES256", "RSA-OAEP")),
        *(SEALING_JWK | one for one in ({"kid": "mine"}, {"d": "AA"}, {"crv": "P-384"})),
        SEALING_JWK | {"x": "A" * 43},
    ),
)
of_each_kind = pytest.mark.parametrize("kind", [DOCUMENT, ENCRYPT], ids=lambda one: one.listed)


@of_each_kind
def test_a_registered_key_stands_in_the_directory_with_the_event_that_registered_it(gateway, kind):
    first = kind.keys[0]
    written = kind.register(gateway, first)
    view = to_json(organisations.look_up(gateway.ports, caller(ABROAD), kind.organisation))
    (key,) = view[kind.listed]
    assert view["document_keys"] + view["encryption_keys"] == [key]
    assert (key["kid"], key["jwk"]) == (first.kid, first.public_jwk())
    assert (key["valid_until"], key["registration_event"]) == (None, written.result["event"])
    assert fields_of(written.receipt)["type"] == "key.registered"
    assert first.kid in json.dumps(shown(written.receipt)["subject"])


@of_each_kind
def test_what_is_no_public_key_of_its_kind_is_not_registered(gateway, kind):
    for jwk in kind.not_one:
        assert kind.pointer(gateway, jwk=jwk, proof=kind.proof(gateway)) == "/jwk"


@of_each_kind
def test_a_proof_for_anything_else_of_another_time_or_none_proves_nothing(gateway, kind):
    other = kind.keys[1]
    wrong = [
        {"signer": kind.signer(other)},
        {"kid": other.kid},
        *({"says": says} for says in kind.says_else),
        {"issuer": f"{ISSUER}/organisations/{ABROAD}"},
        {"audience": "https://other.example"},
        {"at": gateway.clock() - timedelta(days=8)},
        {"at": gateway.clock() + timedelta(minutes=6)},
    ]
    jwk = kind.keys[0].public_jwk()
    for changes in wrong:
        assert kind.pointer(gateway, jwk=jwk, proof=kind.proof(gateway, **changes)) == "/proof"
    assert kind.pointer(gateway, jwk=jwk) == "/proof"


@of_each_kind
def test_a_revoked_key_stays_listed_and_does_not_come_back(gateway, kind):
    (first, _), revoke = kind.keys, "key.revoke"
    kind.register(gateway, first)
    kind.refused(gateway, NotFound, revoke, ABROAD, kid=first.kid, reason="not theirs")
    gateway.administer(revoke, kind.organisation, kid=first.kid, reason="the machine was sold")
    kind.refused(gateway, WrongState, revoke, kid=first.kid, reason="again")
    (key,) = getattr(gateway.organisation(kind.organisation), kind.listed)
    assert not key.holds(gateway.clock())
    jwk, proof = first.public_jwk(), kind.proof(gateway)
    kind.refused(gateway, AlreadyExists, jwk=jwk, proof=proof)


# --- document keys


def test_a_key_that_follows_another_is_countersigned_by_it(gateway):
    gateway.register_key(HOTLINE, FIRST)
    proof = gateway.word(HOTLINE, POSSESSION, SECOND, SECOND)
    values = {"jwk": SECOND.public_jwk(), "proof": proof}
    assert DOCUMENT.pointer(gateway, **values) == "/countersignature"
    for by in (SECOND, OTHER):
        values["countersignature"] = gateway.word(HOTLINE, KEY_SUCCESSION, SECOND, by)
        assert DOCUMENT.pointer(gateway, **values) == "/countersignature"
    gateway.register_key(HOTLINE, SECOND, FIRST)
    kids = [key.kid for key in gateway.organisation(HOTLINE).document_keys]
    assert kids == [FIRST.kid, SECOND.kid]


def test_a_revoked_key_countersigns_nothing_and_the_next_stands_without_it(gateway):
    gateway.register_key(HOTLINE, FIRST)
    gateway.administer("key.revoke", HOTLINE, kid=FIRST.kid, reason="may be known to others")
    gateway.register_key(HOTLINE, SECOND)
    first, second = gateway.organisation(HOTLINE).document_keys
    assert (first.holds(gateway.clock()), second.holds(gateway.clock())) == (False, True)


def test_an_organisation_locks_and_unlocks_itself_with_its_own_key(gateway):
    gateway.register_key(HOTLINE, FIRST)
    said = gateway.word(HOTLINE, LOCK, FIRST, FIRST)
    gateway.administer("organisation.require_signed", HOTLINE, declaration=said)
    assert gateway.organisation(HOTLINE).signed_only
    DOCUMENT.refused(gateway, WrongState, "organisation.require_signed", declaration=said)
    said = gateway.word(HOTLINE, UNLOCK, FIRST, FIRST)
    gateway.administer("organisation.allow_attested", HOTLINE, declaration=said)
    assert not gateway.organisation(HOTLINE).signed_only


def test_administrators_alone_lock_and_unlock_nobody(gateway):
    gateway.register_key(HOTLINE, FIRST)
    for says, by in ((UNLOCK, FIRST), (LOCK, OTHER)):
        said = gateway.word(HOTLINE, says, FIRST, by)
        assert DOCUMENT.pointer(gateway, "organisation.require_signed", declaration=said)


def test_a_statement_locks_once(gateway):
    gateway.register_key(HOTLINE, FIRST)
    locking = gateway.word(HOTLINE, LOCK, FIRST, FIRST)
    gateway.administer("organisation.require_signed", HOTLINE, declaration=locking)
    said = gateway.word(HOTLINE, UNLOCK, FIRST, FIRST)
    gateway.administer("organisation.allow_attested", HOTLINE, declaration=said)
    pointer = DOCUMENT.pointer(gateway, "organisation.require_signed", declaration=locking)
    assert pointer == "/declaration"


@each("claim", ["iat", "jti"])
def test_a_statement_without_time_or_id_is_refused(gateway, claim):
    claims = {
        "iss": f"{ISSUER}/organisations/{HOTLINE}",
        "aud": ISSUER,
        "iat": int(gateway.clock().timestamp()),
        "jti": base64url.encode(b"x"),
        "says": POSSESSION,
        "kid": FIRST.kid,
    }
    made = sd_jwt.issue(
        typ=declarations.REGISTRATION_TYP,
        claims={name: value for name, value in claims.items() if name != claim},
        properties=(),
        arrays=(),
        signer=FIRST,
        random=gateway.ports.random,
    )
    assert DOCUMENT.pointer(gateway, jwk=FIRST.public_jwk(), proof=made.compact()) == "/proof"


# --- encryption keys


def test_the_two_kinds_of_key_are_two_types(gateway):
    gateway.register_key(OFMIN, FIRST)
    gateway.register_encryption_key(OFMIN, SEALING, FIRST)
    found = gateway.organisation(OFMIN)
    assert isinstance(found.document_keys[0], MemberDocumentKey)
    assert isinstance(found.encryption_keys[0], MemberEncryptionKey)
    assert found.document_key(SEALING.kid) is None
    assert found.encryption_key(FIRST.kid) is None


def test_a_document_key_says_whose_an_encryption_key_is_where_there_is_one(gateway):
    gateway.register_key(OFMIN, FIRST)
    values = {"jwk": SEALING.public_jwk(), "proof": ENCRYPT.proof(gateway)}
    assert ENCRYPT.pointer(gateway, **values) == "/countersignature"
    for by in (SEALING.prover, document_key("stranger")):
        values["countersignature"] = gateway.word(OFMIN, ENCRYPTION, SEALING, by)
        assert ENCRYPT.pointer(gateway, **values) == "/countersignature"
    gateway.register_encryption_key(OFMIN, SEALING, FIRST)
    gateway.register_encryption_key(OFMIN, NEXT_SEALING, FIRST)
    kids = [key.kid for key in gateway.organisation(OFMIN).encryption_keys]
    assert kids == [SEALING.kid, NEXT_SEALING.kid]


def test_one_key_is_never_registered_for_both_uses(gateway):
    gateway.register_encryption_key(OFMIN, SEALING)
    as_signer = {**SEALING.public_jwk(), "use": "sig", "alg": "ES256"}
    said = gateway.word(OFMIN, POSSESSION, SEALING, SEALING.prover)
    ENCRYPT.refused(gateway, AlreadyExists, jwk=as_signer, proof=said)
    gateway.register_key(HOTLINE, FIRST)
    as_encryption = {**FIRST.public_jwk(), "use": "enc", "alg": "ECDH-ES+A256KW"}
    said = gateway.word(HOTLINE, ENCRYPTION, FIRST, FIRST)
    DOCUMENT.refused(gateway, AlreadyExists, jwk=as_encryption, proof=said)


def test_an_encryption_key_neither_countersigns_nor_locks(gateway):
    gateway.register_key(OFMIN, FIRST)
    gateway.register_encryption_key(OFMIN, SEALING, FIRST)
    values = {
        "jwk": SECOND.public_jwk(),
        "proof": gateway.word(OFMIN, POSSESSION, SECOND, SECOND),
        "countersignature": gateway.word(OFMIN, KEY_SUCCESSION, SECOND, SEALING.prover),
    }
    assert ENCRYPT.pointer(gateway, **values) == "/countersignature"
    said = gateway.word(OFMIN, LOCK, SEALING, SEALING.prover)
    assert (
        ENCRYPT.pointer(gateway, "organisation.require_signed", declaration=said) == "/declaration"
    )
