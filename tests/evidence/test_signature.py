"""Signatures: the key decides which algorithm may name it, never the message."""

import json

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from jwt.algorithms import ECAlgorithm, OKPAlgorithm, RSAAlgorithm

from gateway.evidence import signature
from tests.each import each
from tests.evidence.ingredients import SoftwareSigner, ed25519_signer, es256, rsa_key

MESSAGE = b"header.payload"
SIGNERS = {
    "ES256": es256(),
    "PS256": SoftwareSigner("rsa", "PS256", rsa_key()),
    "EdDSA": ed25519_signer(),
    "Ed25519": ed25519_signer(),
}
EVERY_ALG = [*SIGNERS, "none", "HS256", "RS256", "ES384", "ES256K", "", None, 1, ["ES256"]]


def jwk(key, **members) -> dict:
    writers = {ec.EllipticCurvePublicKey: ECAlgorithm, rsa.RSAPublicKey: RSAAlgorithm}
    writer = next((w for kind, w in writers.items() if isinstance(key, kind)), OKPAlgorithm)
    return json.loads(writer.to_jwk(key)) | members


@each("alg", SIGNERS)
def test_a_signature_is_valid_under_the_algorithms_of_its_key_and_no_other(alg):
    signer = SIGNERS[alg]
    key, signed = signer.private.public_key(), signer.sign(MESSAGE)
    valid = {
        a for a in EVERY_ALG if isinstance(a, str) and signature.is_valid(a, key, MESSAGE, signed)
    }
    assert valid == signature.algorithms_of(key)
    assert alg in valid


@each("alg", [None, 1])
def test_an_algorithm_that_is_no_text_is_no_algorithm(alg):
    key = es256().private.public_key()
    assert not signature.is_valid(alg, key, MESSAGE, es256().sign(MESSAGE))


@each("alg", SIGNERS)
def test_a_changed_message_or_signature_is_refused(alg):
    signer = SIGNERS[alg]
    key, signed = signer.private.public_key(), signer.sign(MESSAGE)
    assert not signature.is_valid(alg, key, MESSAGE + b"x", signed)
    for tampered in (b"", signed[:-1], signed + b"\0", bytes([signed[0] ^ 1]) + signed[1:]):
        assert not signature.is_valid(alg, key, MESSAGE, tampered)


@each(
    "key",
    [
        ec.generate_private_key(ec.SECP384R1()).public_key(),
        ec.generate_private_key(ec.SECP256K1()).public_key(),
        rsa.RSAPublicNumbers(65537, (1 << 1024) - 105).public_key(),  # too short
    ],
)
def test_other_keys_have_no_algorithm(key):
    assert signature.algorithms_of(key) == frozenset()
    with pytest.raises(ValueError, match="not accepted"):
        signature.public_keys({"keys": [jwk(key, kid="a")]})


def test_a_jwk_set_is_read_by_key_id_and_keys_for_encryption_are_passed_over():
    keys = {f"k{n}": s.private.public_key() for n, s in enumerate(SIGNERS.values())}
    members = [jwk(key, kid=kid) for kid, key in keys.items()]
    sealing = jwk(es256("other").private.public_key(), kid="k0", use="enc")
    assert signature.public_keys({"keys": [sealing, *members]}) == keys


@each("alg", SIGNERS)
def test_a_key_may_name_any_algorithm_that_it_is_for(alg):
    key = SIGNERS[alg].private.public_key()
    assert signature.public_keys({"keys": [jwk(key, kid="a", alg=alg)]}) == {"a": key}


EC = jwk(es256().private.public_key())


@each(
    "key_set",
    [
        None,
        [],
        {},
        {"keys": {}},
        {"keys": ["key"]},
        {"keys": [EC]},
        {"keys": [EC | {"kid": 1}]},
        {"keys": [EC | {"kid": "a"}, EC | {"kid": "a"}]},
        {"keys": [EC | {"kid": "a", "alg": "ES384"}]},
        {"keys": [EC | {"kid": "a", "x": "AA"}]},
        {"keys": [EC | {"kid": "a", "d": "AA"}]},
        {"keys": [{"kty": "oct", "k": "c2VjcmV0", "kid": "a"}]},
        {"keys": [{"kty": "EC", "kid": "a"}]},
        {"keys": [{"kid": "a"}]},
        {"keys": [{"kid": "a", "kty": []}]},
    ],
)
def test_anything_but_a_set_of_public_signature_keys_is_refused(key_set):
    with pytest.raises(ValueError):
        signature.public_keys(key_set)


@each("secret", ["private", "shared"])
def test_a_secret_key_in_a_set_of_public_keys_is_named_as_such(secret):
    whole = json.loads(ECAlgorithm.to_jwk(es256().private)) | {"kid": "a"}
    member = whole if secret == "private" else {"kty": "oct", "k": "c2VjcmV0", "kid": "a"}
    with pytest.raises(ValueError, match="private or shared"):
        signature.public_keys({"keys": [member]})


@each("alg", SIGNERS)
def test_a_registered_key_is_what_defines_it_with_its_id_its_use_and_its_algorithm(alg):
    key = SIGNERS[alg].private.public_key()
    plain = {**signature.jwk_of(key), "kid": "a"}
    assert signature.read_registered_key(plain) == ("a", key)
    assert signature.read_registered_key({**plain, "use": "sig", "alg": alg}) == ("a", key)


PICTURE = "data:image/jpeg;base64," + "/9j/4AAQSkZJRg" * 3000


@each("alg", SIGNERS)
@each(
    "more",
    [
        {"x-picture": PICTURE},
        {"name": "Jean Dupont"},
        {"x5c": [PICTURE]},
        {"key_ops": ["verify"]},
        {"kid": PICTURE},
        {"kid": "two words"},
        {"use": PICTURE},
        {"alg": PICTURE},
        {"alg": [PICTURE]},
    ],
)
def test_nothing_else_is_registered_with_a_key(alg, more):
    plain = {**signature.jwk_of(SIGNERS[alg].private.public_key()), "kid": "a"}
    with pytest.raises(ValueError):
        signature.read_registered_key(plain | more)


def test_a_key_of_more_than_two_kilobytes_is_not_registered():
    key = rsa.RSAPublicNumbers(65537, 2**16384 - 1).public_key()
    with pytest.raises(ValueError, match="characters"):
        signature.read_registered_key({**signature.jwk_of(key), "kid": "a"})
