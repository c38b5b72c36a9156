"""A seal opens for its addressee alone, and only in the one form that we make."""

import json
import secrets
from dataclasses import replace
from functools import cache

import pytest
from hypothesis import given
from hypothesis import strategies as st
from joserfc import jwe
from joserfc.jwk import ECKey
from jwcrypto import jwe as other_jwe
from jwcrypto import jwk as other_jwk

from gateway.domain.sealed import MAX_BYTES, SealedContent
from gateway.evidence import base64url, canonical, handoff_documents, sd_jwt, seal, signature
from gateway.evidence.seal import ALG, ENC, MAX_TEXT, SEAL_TYP, SIZES, NoMatchingKey, SealError
from gateway.keys import DecryptionKey, KeyPurpose, generate_encryption_key, generate_key, jwk_set
from gateway.verification.report import Code
from gateway.verification.trust import TrustAnchors
from gateway.verification.verifier import verify_presentation
from tests.each import each

CONTENTS = SealedContent(
    originator="https://gateway.example/organisations/hotline-a",
    addressee="https://gateway.example/organisations/police-a",
    case="018f0000-0000-7000-8000-000000000001",
    element="018f0000-0000-7000-8000-000000000002",
    type="reporter",
    value={"name": "N. N.", "contact": "through the hotline"},
)


@cache
def _key(name: str) -> DecryptionKey:
    return generate_encryption_key()


def key(name: str = "police-a") -> DecryptionKey:
    return _key(name)


def public(name: str = "police-a"):
    return signature.read_encryption_key(key(name).public_jwk())[1]


def closed(contents: SealedContent = CONTENTS) -> str:
    return seal.seal(contents, key().kid, public())


def opened(text: str, *names: str) -> SealedContent:
    keys = [key(name) for name in names or ("police-a",)]
    return seal.open_sealed(text, {one.kid: one for one in keys})


def made(plain: bytes, header=None, *, to=None, algorithms=None) -> str:
    """A JWE as somebody else might make it."""
    head = {"alg": ALG, "enc": ENC, "typ": SEAL_TYP, "kid": key().kid, **(header or {})}
    head = {name: value for name, value in head.items() if value is not None}
    names = algorithms or [head["alg"], head["enc"], "DEF"]
    recipient = to or ECKey.import_key(public())
    registry = jwe.JWERegistry(algorithms=names, strict_check_header=False)
    return jwe.encrypt_compact(head, plain, recipient, registry=registry)


def with_header(text: str, **changes) -> str:
    """The same text under another header; its tag is then no longer good."""
    parts = text.split(".")
    header = json.loads(base64url.decode(parts[0])) | changes
    header = {name: value for name, value in header.items() if value is not None}
    return ".".join([base64url.encode(json.dumps(header).encode()), *parts[1:]])


def plain_of(**changes) -> bytes:
    members = seal._members(CONTENTS) | changes
    members = {name: value for name, value in members.items() if value is not None}
    return canonical.encode(members).ljust(512)


# --- what is sealed ---


def test_the_addressee_opens_what_was_sealed_to_it():
    assert opened(closed()) == CONTENTS


def test_a_later_key_does_not_keep_an_earlier_one_from_opening():
    assert opened(closed(), "later", "police-a") == CONTENTS


def test_two_seals_of_one_content_have_nothing_in_common():
    one, other = (closed().split(".") for _ in range(2))
    assert not set(one) & set(other)


@each("length", [1, 100, 101, 400, 1400])
def test_the_length_of_content_shows_only_in_a_few_steps(length):
    text = closed(replace(CONTENTS, value={"note": "a " * (length // 2) + "b"}))
    assert len(base64url.decode(text.split(".")[3])) in SIZES
    assert len(text) <= MAX_TEXT


def test_the_longest_content_still_fits_into_a_seal():
    text = made(b"{}".ljust(MAX_BYTES))
    assert seal.key_id(text) == key().kid


def test_longer_content_is_not_sealed():
    long = replace(CONTENTS, value={"note": "é " * 750, "name": "é" * 300})
    with pytest.raises(SealError, match="at most 2048 bytes"):
        closed(long)


def test_content_that_r1_refuses_is_not_sealed():
    with pytest.raises(SealError, match="/value/note"):
        closed(replace(CONTENTS, value={"note": "data:image/png;base64,AAAA"}))


def test_another_implementation_opens_our_seals():
    private = other_jwk.JWK.from_pem(key().pem())
    token = other_jwe.JWE(algs=[ALG, ENC])
    token.deserialize(closed(), private)
    assert json.loads(token.payload)["value"] == CONTENTS.value
    assert json.loads(token.objects["protected"])["typ"] == SEAL_TYP


def test_we_open_what_another_implementation_sealed():
    header = {"alg": ALG, "enc": ENC, "typ": SEAL_TYP, "kid": key().kid}
    token = other_jwe.JWE(plain_of(), json.dumps(header), algs=[ALG, ENC])
    token.add_recipient(other_jwk.JWK(**key().public_jwk()))
    assert opened(token.serialize(compact=True)) == CONTENTS


# --- who cannot open it ---


def test_nobody_else_opens_it():
    with pytest.raises(NoMatchingKey):
        opened(closed(), "police-b")
    with pytest.raises(NoMatchingKey):
        key("police-b").decrypt(closed())


def test_a_seal_relabelled_for_another_key_does_not_open():
    text = with_header(closed(), kid=key("police-b").kid)
    with pytest.raises(SealError):
        opened(text, "police-b")


@each("part", range(1, 5))
def test_a_changed_part_does_not_open(part):
    parts = closed().split(".")
    data = bytearray(base64url.decode(parts[part]))
    data[-1] ^= 1
    parts[part] = base64url.encode(bytes(data))
    with pytest.raises(SealError):
        opened(".".join(parts))


def test_a_tag_that_was_cut_does_not_open():
    parts = closed().split(".")
    parts[4] = base64url.encode(base64url.decode(parts[4])[:12])
    with pytest.raises(SealError, match="length"):
        opened(".".join(parts))


# --- forms that are refused before any key is used ---


@each(
    "header",
    [
        {"alg": "ECDH-ES+A128KW"},
        {"alg": "ECDH-ES+A192KW"},
        {"enc": "A128GCM"},
        {"enc": "A256CBC-HS512"},
    ],
)
def test_other_algorithms_are_refused_however_well_they_would_open(header):
    with pytest.raises(SealError):
        opened(made(plain_of(), header))


@each("alg", ["dir", "RSA-OAEP", "A256KW", "none", "PBES2-HS256+A128KW", None, 1])
def test_the_message_does_not_choose_its_algorithm(alg):
    with pytest.raises(SealError):
        opened(with_header(closed(), alg=alg))


def test_compressed_content_is_never_blown_up():
    bomb = made(b" " * 250_000, {"zip": "DEF"})
    assert len(bomb) < MAX_TEXT
    with pytest.raises(SealError):
        opened(bomb)
    with pytest.raises(SealError):
        opened(with_header(closed(), zip="DEF"))


@each(
    "changes",
    [
        {"crit": ["exp"], "exp": 1},
        {"crit": []},
        {"typ": "casegate-case+sd-jwt"},
        {"typ": None},
        {"cty": "JWT"},
        {"jku": "https://other.example/keys"},
        {"jwk": {"kty": "EC"}},
        {"apu": "QQ"},
        {"p2c": 1_000_000_000},
        {"kid": None},
        {"kid": "mine"},
        {"kid": ["x"]},
        {"epk": None},
        {"epk": "x"},
        {"epk": {"kty": "EC", "crv": "P-256", "x": "AA", "y": "AA"}},
        {"epk": {"kty": "EC", "crv": "P-256", "x": "A" * 43, "y": "A" * 43}},
        {"epk": {"kty": "EC", "crv": "P-521", "x": "A" * 43, "y": "A" * 43}},
        {"epk": {"kty": "OKP", "crv": "X25519", "x": "A" * 43}},
    ],
)
def test_a_header_that_is_not_exactly_ours_is_refused(changes):
    with pytest.raises(SealError):
        seal.key_id(with_header(closed(), **changes))


@each("size", [0, 1, 255, 257, 2049, 4096])
def test_content_of_another_length_is_refused_unopened(size):
    with pytest.raises(SealError):
        seal.key_id(made(b"x" * size))


@each(
    "text",
    [
        None,
        7,
        "",
        "....",
        "a.b.c",
        "x" * (MAX_TEXT + 1),
        closed() + "=",
        closed() + ".",
        " " + closed(),
        closed() + "\n",
        json.dumps({"protected": "x"}),
    ],
)
def test_what_is_no_seal_is_refused(text):
    with pytest.raises(SealError):
        seal.key_id(text)


@given(st.text(alphabet='ABCabc019-_.{}"=', max_size=200) | st.text())
def test_any_text_is_read_or_refused(text):
    try:
        seal.key_id(text)
    except SealError:
        return
    raise AssertionError("chance made a seal")


# --- what stands inside ---


@each(
    "changes",
    [
        {"format": "casegate-sealed/2"},
        {"iss": None},
        {"extra": 1},
        {"type": "picture"},
        {"type": ["reporter"]},
        {"case": 7},
        {"group": "items"},
        {"category": "victim"},
        {"value": {}},
        {"value": {"note": "data:image/png;base64,AAAA"}},
        {"value": {"name": "x", "photo": "y"}},
    ],
)
def test_content_that_breaks_a_rule_is_not_shown_to_its_addressee_either(changes):
    with pytest.raises(SealError):
        opened(made(plain_of(**changes)))


@each("plain", [b"\xff" * 256, b"[]".ljust(256), b'"x"'.ljust(256), b" " * 256])
def test_what_is_not_our_json_is_not_shown(plain):
    with pytest.raises(SealError):
        opened(made(plain))


# --- what a verifier says of them ---


def presentation(*elements) -> tuple[str, TrustAnchors]:
    """A case version, as far as a verifier looks, by an organisation that signs what it likes."""
    signer = generate_key(KeyPurpose.DOCUMENT)
    document = sd_jwt.issue(
        typ=handoff_documents.CASE_TYP,
        claims={"iss": CONTENTS.originator, "iat": 1},
        properties=(),
        arrays=[("subjects", elements)],
        signer=signer,
        random=secrets.token_bytes,
    )
    keys = signature.public_keys(jwk_set([signer]))
    return document.compact(), TrustAnchors((), (), organisations={"hotline-a": keys})


def element(**changes):
    return {"id": "x", "sealed_to": "police-a", "sealed": closed(), **changes}


def test_a_verifier_counts_seals_and_names_their_addressees():
    text, trust = presentation(element(), element(sealed_to="police-b"))
    verdict = verify_presentation(text.encode(), trust)
    sealed = [f.values for f in verdict.conclusion.proved if f.key == "sealed"]
    assert sealed == [
        {"organisation": "police-a", "number": 1},
        {"organisation": "police-b", "number": 1},
    ]


@each(
    "changes",
    [
        {"sealed": "text"},
        {"sealed": with_header(closed(), alg="dir")},
        {"sealed": 7},
        {"sealed_to": None},
        {"id": 7},
        {"value": {"name": "in clear"}},
    ],
)
def test_a_verifier_does_not_call_sealed_what_is_not(changes):
    text, trust = presentation(element(**changes))
    assert verify_presentation(text.encode(), trust).code == Code.UNKNOWN_FORMAT


# --- keys ---


def test_an_encryption_key_is_no_key_for_signatures_and_the_other_way_round():
    jwk = key().public_jwk()
    assert signature.public_keys({"keys": [jwk]}) == {}
    assert list(signature.encryption_keys({"keys": [jwk]})) == [key().kid]
    signing = {**jwk, "use": "sig", "alg": "ES256"}
    assert signature.encryption_keys({"keys": [signing]}) == {}
    for wrong in (signing, {**jwk, "use": None}, {**jwk, "alg": "ES256"}, None, "key"):
        with pytest.raises(ValueError):
            signature.read_encryption_key(wrong)
    with pytest.raises(ValueError):
        signature.read_document_key(jwk)
    with pytest.raises(ValueError):
        signature.read_document_key({**jwk, "alg": "ES256"})


def test_an_encryption_key_shows_its_private_half_nowhere():
    jwk = key().public_jwk()
    assert jwk.keys() == {"kty", "crv", "x", "y", "kid", "use", "alg"}
    private = json.loads(other_jwk.JWK.from_pem(key().pem()).export_private())
    assert private["d"] not in repr(key())
    with pytest.raises(ValueError):
        signature.read_encryption_key({**jwk, "d": private["d"]})
