"""SD-JWT (RFC 9901): what is shown is what was signed, and nothing else gets in."""

import json
import re
from dataclasses import replace
from io import BytesIO
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from hypothesis import given
from hypothesis import strategies as st
from jwcrypto.jwk import JWK
from jwt import PyJWK
from jwt.algorithms import ECAlgorithm, HMACAlgorithm
from sd_jwt.common import SDObj
from sd_jwt.issuer import SDJWTIssuer
from sd_jwt.verifier import SDJWTVerifier

from gateway.evidence import base64url, sd_jwt, signature
from gateway.evidence.sd_jwt import BadSignature, DocumentError, UnknownKey
from tests.each import each
from tests.evidence.ingredients import SoftwareSigner, chance, ed25519_signer, es256

VECTORS = Path(__file__).parent.parent / "vectors" / "sd-jwt"
TYP = "casegate-case+sd-jwt"
SIGNER = es256()
DIGEST = base64url.digest(b"")

CLAIMS = {"iss": "https://gw.example.org/organisations/hotline", "aud": "https://gw.example.org"}
PROPERTIES = [("matter", ["csam"]), ("urgency", "normal"), ("confidence", 0.5)]
ARRAYS = [("items", [{"kind": "url", "n": n} for n in range(5)]), ("subjects", [])]


def made(**changes) -> sd_jwt.SdJwt:
    parts = {
        "typ": TYP,
        "claims": CLAIMS,
        "properties": PROPERTIES,
        "arrays": ARRAYS,
        "signer": SIGNER,
        "random": chance(),
    }
    return sd_jwt.issue(**parts | changes)


def check(text: str, **changes) -> sd_jwt.VerifiedSdJwt:
    return sd_jwt.verify(text, **{"typ": TYP, "keys": SIGNER.keys()} | changes)


def read(text: str) -> sd_jwt.VerifiedSdJwt:
    """By all the rules of RFC 9901, of which our profile uses some."""
    return sd_jwt.read_unverified(text)


def encoded(value) -> str:
    data = value if isinstance(value, bytes) else json.dumps(value).encode()
    return base64url.encode(data)


def signed(payload, disclosures=(), signer=SIGNER, **header) -> str:
    """A document made by hand, so that it may break any rule under a good signature."""
    full = {"alg": signer.alg, "kid": signer.kid, "typ": TYP} | header
    message = f"{encoded(full)}.{encoded(payload)}"
    jws = f"{message}.{base64url.encode(signer.sign(message.encode()))}"
    return "~".join([jws, *disclosures, ""])


def disclosure(*parts) -> tuple[str, str]:
    """A disclosure with a good salt, and its digest."""
    text = encoded(["s" * 22, *parts])
    return text, base64url.digest(text.encode())


# --- the published vectors ---------------------------------------------------------------------

NAMES = sorted(p.name for p in VECTORS.iterdir() if p.is_dir())


def vector(name: str, file: str) -> str:
    return (VECTORS / name / file).read_text("utf-8").strip()


def without_key_binding(presentation: str) -> str:
    return presentation[: presentation.rindex("~") + 1]


@each("name", NAMES)
def test_a_published_presentation_gives_its_published_contents(name):
    verified = read(without_key_binding(vector(name, "sd_jwt_presentation.txt")))
    assert sd_jwt.merge_disclosures(verified) == json.loads(vector(name, "verified_contents.json"))


@each("name", NAMES)
def test_a_published_issuance_gives_every_claim_of_the_user(name):
    issuance = without_key_binding(vector(name, "sd_jwt_issuance.txt"))
    content = sd_jwt.merge_disclosures(read(issuance))
    expected = json.loads(vector(name, "user_claims.json"))
    assert {claim: content[claim] for claim in expected} == expected


@each("name", NAMES)
def test_published_disclosures_have_their_published_digests(name):
    issuance = sd_jwt.parse(without_key_binding(vector(name, "sd_jwt_issuance.txt")))
    published = re.findall(r"SHA-256 Hash: `([\w-]{43})`", vector(name, "disclosures.md"))
    assert {d.digest for d in issuance.disclosures} == set(published)


@each("name", NAMES)
def test_a_published_signature_is_valid_under_the_published_key(name):
    key = PyJWK(json.loads((VECTORS / "issuer-public-jwk.json").read_text())).key
    message, _, signed_by = vector(name, "sd_jwt_issuance.txt").partition("~")[0].rpartition(".")
    assert signature.is_valid("ES256", key, message.encode(), base64url.decode(signed_by))


@each("name", NAMES)
def test_a_published_document_without_key_id_is_refused_as_it_stands(name):
    issuance = vector(name, "sd_jwt_issuance.txt")
    with pytest.raises(DocumentError, match="alg, kid and typ"):
        check(without_key_binding(issuance), typ="example+sd-jwt")


def test_a_key_binding_tail_is_refused():
    presentation = vector("simple", "sd_jwt_presentation.txt")
    assert not presentation.endswith("~")
    with pytest.raises(DocumentError, match="tilde"):
        sd_jwt.parse(presentation)


# --- agreement with an independent implementation ----------------------------------------------


def test_an_independent_verifier_reads_what_we_issue():
    document = made(arrays=[("items", [{"kind": "url"}, "text"])])
    numbers = SIGNER.private.public_key()
    jwk = JWK.from_json(ECAlgorithm.to_jwk(numbers))
    payload = SDJWTVerifier(document.compact(), lambda *_: jwk).get_verified_payload()
    assert payload == sd_jwt.merge_disclosures(check(document.compact()))


def independent(claims) -> str:
    pem = SIGNER.private.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return SDJWTIssuer(
        claims,
        JWK.from_pem(pem),
        add_decoy_claims=False,
        extra_header_parameters={"kid": SIGNER.kid, "typ": TYP},
    ).sd_jwt_issuance


def test_we_verify_what_an_independent_issuer_makes_of_the_profile():
    claims = {
        "iss": "https://issuer.example.org",
        **{SDObj(name): name.upper() for name in "abcd"},
        "list": [SDObj("é"), SDObj({"b": 1}), SDObj([2]), SDObj(None)],
    }
    content = sd_jwt.merge_disclosures(check(independent(claims)))
    assert content == {
        "iss": "https://issuer.example.org",
        **{name: name.upper() for name in "abcd"},
        "list": ["é", {"b": 1}, [2], None],
    }


def test_we_read_what_an_independent_issuer_nests_and_refuse_it_as_a_document():
    claims = {
        SDObj("person"): {SDObj("given"): "Ada", "city": "Lyon"},
        "list": [SDObj("a"), "b", SDObj({SDObj("deep"): [1, SDObj(2)]})],
    }
    issued = independent(claims)
    assert sd_jwt.merge_disclosures(read(issued)) == {
        "person": {"given": "Ada", "city": "Lyon"},
        "list": ["a", "b", {"deep": [1, 2]}],
    }
    with pytest.raises(DocumentError):
        check(issued)


# --- issue, present, verify --------------------------------------------------------------------


def test_a_whole_document_unfolds_to_all_its_claims():
    document = made()
    assert sd_jwt.parse(document.compact()) == document
    verified = check(document.compact(), audience=CLAIMS["aud"], issuer=CLAIMS["iss"])
    assert sd_jwt.merge_disclosures(verified) == CLAIMS | dict(PROPERTIES) | dict(ARRAYS)
    assert verified.header == {"alg": "ES256", "kid": "key-1", "typ": TYP}


def test_clear_claims_hold_no_trace_of_digests_whatever_is_shown():
    for document in (made(), made().present(())):
        assert check(document.compact()).claims == CLAIMS | {"items": [], "subjects": []}


names = st.text("abcdefgh", min_size=1, max_size=3)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1) | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=3),
    max_leaves=6,
)


@given(
    properties=st.dictionaries(st.sampled_from("pqrst"), json_values),
    arrays=st.dictionaries(st.sampled_from("uvw"), st.lists(json_values, max_size=9)),
    data=st.data(),
)
def test_any_subset_presented_verifies_as_exactly_that_subset(properties, arrays, data):
    document = made(properties=list(properties.items()), arrays=list(arrays.items()))
    chosen = data.draw(
        st.sets(st.sampled_from([d.digest for d in document.disclosures]))
        if document.disclosures
        else st.just(set())
    )
    presentation = document.present(chosen)
    verified = check(presentation.compact())
    assert [p.digest for p in verified.placed] == [
        d.digest for d in document.disclosures if d.digest in chosen
    ]
    assert presentation.digest == document.digest
    content = sd_jwt.merge_disclosures(verified)
    values = iter(document.disclosures)
    for name, value in properties.items():
        assert (name in content) == (next(values).digest in chosen)
        assert content.get(name, value) == value
    for name, elements in arrays.items():
        assert content[name] == [e for e in elements if next(values).digest in chosen]


def test_placed_values_say_where_they_belong():
    document = made(properties=[("urgency", "normal")], arrays=[("items", ["x"])])
    placed = check(document.compact()).placed
    assert [(p.name, p.in_array, p.value) for p in placed] == [
        ("urgency", False, "normal"),
        ("items", True, "x"),
    ]


@each("count, size", [(0, 4), (1, 4), (4, 4), (5, 8), (8, 8), (9, 16), (17, 32), (500, 512)])
def test_digests_are_padded_so_that_their_number_tells_little(count, size):
    document = made(properties=[], arrays=[("items", list(range(count)))])
    payload = json.loads(base64url.decode(document.issuer_signed.split(".")[1]))
    assert len(payload["items"]) == size == sd_jwt.padded_size(count)
    assert len(payload["_sd"]) == 4
    assert check(document.present(()).compact()).withheld == size + 4


def test_properties_are_sorted_by_digest_so_that_their_order_tells_nothing():
    payload = json.loads(base64url.decode(made().issuer_signed.split(".")[1]))
    assert payload["_sd"] == sorted(payload["_sd"])


def test_decoys_stand_anywhere_among_the_elements():
    firsts = set()
    for seed in range(20):
        document = made(arrays=[("items", ["only"])], properties=[], random=chance(str(seed)))
        payload = json.loads(base64url.decode(document.issuer_signed.split(".")[1]))
        real = document.disclosures[0].digest
        firsts.add([e["..."] for e in payload["items"]].index(real))
    assert firsts == {0, 1, 2, 3}


def test_salts_have_128_bits_and_differ():
    salts = [d.salt for d in made().disclosures]
    assert len(set(salts)) == len(salts)
    assert {len(base64url.decode(salt)) for salt in salts} == {16}


def test_the_digest_names_the_signed_part_whatever_is_shown():
    document = made()
    signed_text, _, signature = document.issuer_signed.rpartition(".")
    assert document.digest == base64url.digest(signed_text.encode())
    twin = replace(document, issuer_signed=f"{signed_text}.{'A' * len(signature)}")
    assert twin.digest == document.digest, "a text has one name, whatever its signature"
    assert document.digest != made(claims=CLAIMS | {"jti": "2"}).digest


def test_presenting_an_unknown_digest_shows_nothing_more():
    assert made().present({"x" * 43}).disclosures == ()


@each(
    "changes",
    [
        {"claims": {"_sd": []}},
        {"claims": {"a": [{"...": "x"}]}},
        {"claims": {"_sd_alg": "sha-256"}},
        {"claims": {"matter": 1}},
        {"properties": [("_sd", 1)]},
        {"properties": [("a", {"b": [{"_sd": ["x"]}]})]},
        {"properties": [("a", 1), ("a", 2)]},
        {"arrays": [("...", [])]},
        {"arrays": [("matter", [])]},
        {"arrays": [("a", [{"...": "x"}])]},
    ],
)
def test_content_that_would_be_read_as_digests_is_not_issued(changes):
    with pytest.raises(DocumentError):
        made(**changes)


@each("signer", [es256("a"), ed25519_signer("a")])
def test_every_accepted_kind_of_key_signs(signer):
    document = made(signer=signer)
    assert check(document.compact(), keys=signer.keys()).header["kid"] == "a"


# --- tricks with the signature -----------------------------------------------------------------


def public_pem() -> bytes:
    return SIGNER.private.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )


def test_alg_none_is_refused():
    message = signed({}, alg="none").split("~")[0].rpartition(".")[0]
    for text in (f"{message}.~", f"{message}.AA~"):
        with pytest.raises(BadSignature):
            check(text)


def test_a_public_key_used_as_hmac_secret_is_refused():
    message = signed({}, alg="HS256").split("~")[0].rpartition(".")[0]
    mac = HMACAlgorithm(HMACAlgorithm.SHA256).sign(message.encode(), public_pem())
    with pytest.raises(BadSignature):
        check(f"{message}.{base64url.encode(mac)}~")


@each("alg", ["RS256", "PS256", "ES384", "EdDSA", "es256", None, ["ES256"]])
def test_a_header_that_names_another_algorithm_is_refused(alg):
    with pytest.raises(BadSignature):
        check(signed({}, alg=alg))


@each("typ", ["JWT", "casegate-offer+sd-jwt", TYP.upper(), None, [TYP]])
def test_another_type_of_document_is_refused(typ):
    with pytest.raises(DocumentError, match="type"):
        check(signed({}, typ=typ))


@each("kid", ["key-2", "", None, 1, ["key-1"]])
def test_a_key_id_that_was_not_given_is_refused(kid):
    with pytest.raises(UnknownKey):
        check(signed({}, kid=kid))


@each("kid, told", [("A" * 43, True), ("/9j/4AAQSkZJRgABAQ", False), ("A" * 44, False)])
def test_of_an_unknown_key_id_no_more_is_repeated_than_a_thumbprint(kid, told):
    with pytest.raises(UnknownKey) as refused:
        check(signed({}, kid=kid))
    assert (kid in str(refused.value)) is told


def test_a_signature_by_another_key_under_a_known_id_is_refused():
    other = SoftwareSigner("key-1", "ES256", es256("other").private)
    with pytest.raises(BadSignature):
        check(made(signer=other).compact())


PICTURE = "data:image/jpeg;base64," + "/9j/4AAQSkZJRg" * 3000


@each("member", ["crit", "x", "x5c", "cty", "jku", "jwk", "b64"])
def test_a_header_with_any_other_member_is_refused(member):
    with pytest.raises(DocumentError, match="alg, kid and typ"):
        check(signed({"_sd": [DIGEST] * 4}, **{member: PICTURE}))


@each("named", [None, "https://other.example", ["https://a.example"], 1])
def test_another_audience_is_refused(named):
    text = signed({"aud": named})
    with pytest.raises(DocumentError, match="audience"):
        check(text, audience="https://gw.example.org")


def test_one_of_several_audiences_is_enough():
    text = made(claims={"aud": ["https://a.example", "https://gw.example.org"]}).compact()
    assert check(text, audience="https://gw.example.org")


def test_another_issuer_is_refused():
    with pytest.raises(DocumentError, match="issuer"):
        check(made().compact(), issuer="https://gw.example.org/organisations/other")


def test_an_issuer_that_is_only_disclosed_is_no_issuer():
    text, digest = disclosure("iss", "https://gw.example.org")
    with pytest.raises(DocumentError, match="issuer"):
        check(signed({"_sd": [digest]}, [text]), issuer="https://gw.example.org")


@given(position=st.integers(0, 10_000), bit=st.integers(0, 5))
def test_a_flipped_bit_anywhere_is_refused(position, bit):
    text = made().compact()
    place = position % len(text)
    flipped = text[:place] + chr(ord(text[place]) ^ (1 << bit)) + text[place + 1 :]
    with pytest.raises(DocumentError):
        check(flipped)


# --- tricks with disclosures -------------------------------------------------------------------


def test_a_disclosure_of_another_document_is_refused():
    one, other = made(), made(random=chance("other"))
    for foreign in other.disclosures:
        with pytest.raises(DocumentError):
            check(one.compact() + foreign.encoded + "~")
    swapped = sd_jwt.SdJwt(one.issuer_signed, other.disclosures)
    with pytest.raises(DocumentError):
        check(swapped.compact())


def test_a_disclosure_shown_twice_is_refused():
    document = made()
    with pytest.raises(DocumentError, match="twice"):
        sd_jwt.parse(document.compact() + document.disclosures[0].encoded + "~")


A, A_DIGEST = disclosure("a", 1)
ELEMENT, ELEMENT_DIGEST = disclosure(1)
NESTED, NESTED_DIGEST = disclosure("n", {"_sd": [A_DIGEST]})


@each(
    "payload, disclosures, reason",
    [
        ({"_sd": [A_DIGEST, A_DIGEST]}, [A], "twice"),
        ({"_sd": ["x", "x"]}, [], "twice"),
        ({"_sd": [A_DIGEST], "b": {"_sd": [A_DIGEST]}}, [A], "twice"),
        ({"_sd": ["x"], "b": [{"...": "x"}]}, [], "twice"),
        ({"_sd": [A_DIGEST, NESTED_DIGEST]}, [A, NESTED], "twice"),
        ({"_sd": [A_DIGEST], "a": 0}, [A], "not for the place"),
        ({"_sd": [ELEMENT_DIGEST]}, [ELEMENT], "not for the place"),
        ({"b": [{"...": A_DIGEST}]}, [A], "not for the place"),
        ({"b": {"...": ELEMENT_DIGEST}}, [], "may not be"),
        ({"b": [{"...": ELEMENT_DIGEST, "c": 1}]}, [], "may not be"),
        ({"b": {"_sd_alg": "sha-256"}}, [], "may not be"),
        ({"...": "x"}, [], "may not be"),
        ({"_sd": "x"}, [], "texts"),
        ({"_sd": [1]}, [], "texts"),
        ({"_sd": None}, [], "texts"),
        ({"b": [{"...": 1}]}, [], "texts"),
        ({"_sd_alg": "sha-512"}, [], "SHA-256"),
        ({"_sd_alg": None}, [], "SHA-256"),
        ({}, [A], "does not belong"),
        ({"_sd": [NESTED_DIGEST]}, [A], "does not belong"),
    ],
)
def test_digests_that_do_not_fit_are_refused_under_a_good_signature(payload, disclosures, reason):
    with pytest.raises(DocumentError, match=reason):
        check(signed(payload, disclosures))


def test_two_disclosures_of_one_name_are_refused():
    again, again_digest = disclosure("a", 2)
    with pytest.raises(DocumentError):
        check(signed({"_sd": [A_DIGEST, again_digest]}, [A, again]))


def test_disclosures_nested_without_end_are_refused():
    texts, digest = [], "x"
    for _ in range(2000):
        text, digest = disclosure("n", {"_sd": [digest]})
        texts.append(text)
    with pytest.raises(DocumentError, match="nested"):
        check(signed({"_sd": [digest]}, texts))


@each(
    "text",
    [
        *(encoded(["s" * length, "a", 1]) for length in (21, 44, 12_000)),
        encoded([1, "a", 1]),
        encoded(["s" * 21 + " ", "a", 1]),
        encoded(["s" * 22]),
        encoded(["s" * 22, "a", 1, 2]),
        encoded({"salt": "s" * 22}),
        encoded(["s" * 22, 1, 1]),
        encoded(["s" * 22, "_sd", 1]),
        encoded(["s" * 22, "...", 1]),
        encoded(["s" * 22, "_sd_alg", 1]),
        encoded(b'["' + b"s" * 22 + b'",{"a":1,"a":2}]'),
        encoded(b'["' + b"s" * 22 + b'",NaN]'),
        encoded(b"not json"),
        A + "=",
        A[:-1] + "\n",
        "",
    ],
)
def test_a_malformed_or_weakly_salted_disclosure_is_refused(text):
    with pytest.raises(DocumentError):
        sd_jwt.parse(f"{made().issuer_signed}~{text}~")
    with pytest.raises(DocumentError):
        sd_jwt.read_disclosure(text)


# --- nothing that the profile does not name ----------------------------------------------------


def digests(count: int) -> list[str]:
    return [base64url.digest(bytes([n % 256, n // 256])) for n in range(count)]


def test_a_document_of_the_profile_is_read():
    assert check(signed({"a": 1, "_sd": digests(4), "b": elements(8)})).withheld == 12


def elements(count: int) -> list[dict[str, str]]:
    return [{"...": base64url.digest(bytes([n % 256, n // 256, 1]))} for n in range(count)]


@each(
    "payload, reason",
    [
        ({"_sd": []}, "padded"),
        ({"_sd": digests(3)}, "padded"),
        ({"_sd": digests(4), "b": elements(5)}, "padded"),
        ({"_sd": [PICTURE, *digests(3)]}, "43 characters"),
        ({"_sd": ["A" * 42, *digests(3)]}, "43 characters"),
        ({"_sd": ["A" * 42 + "B", *digests(3)]}, "43 characters"),
        ({"_sd": digests(4), "b": [{"...": PICTURE}, *elements(3)]}, "43 characters"),
        ({"_sd": digests(4), "b": [*elements(3), 1]}, "only"),
        ({"_sd": digests(4), "b": {"_sd": digests(4)}}, "twice"),
        ({"_sd": digests(4), "b": {"_sd": [DIGEST]}}, "keeps for itself"),
        ({"_sd": digests(4), "b": [elements(4)]}, "keeps for itself"),
        ({"_sd": digests(4), "b": elements(1024)}, "at most"),
    ],
)
def test_digests_that_the_profile_does_not_name_are_refused(payload, reason):
    with pytest.raises(DocumentError, match=reason):
        check(signed(payload))


@each(
    "payload",
    [
        b' {"_sd":[%s]}',
        b'{"_sd":\t[%s]}',
        b'{"_sd":[%s]}\n',
        b'{"_sd":[%s],"a":"\\u0061"}',
        b'{"_sd":[%s],"a":1e0}',
        b'{"_sd":[%s],"a":-0}',
    ],
)
def test_json_that_is_spelled_in_a_way_of_its_own_is_refused(payload):
    with pytest.raises(DocumentError, match="spaces"):
        check(signed(payload % json.dumps(digests(4))[1:-1].encode()))


def test_a_disclosure_that_is_spelled_in_a_way_of_its_own_is_refused():
    text = encoded(b'["' + b"s" * 22 + b'",   "a",1]')
    digest = base64url.digest(text.encode())
    with pytest.raises(DocumentError, match="spaces"):
        check(signed({"_sd": [digest, *digests(3)]}, [text]))


# --- the form ----------------------------------------------------------------------------------


@each(
    "text",
    [
        "",
        "~",
        "a.b.c",
        made().issuer_signed,
        made().compact()[:-1],
        made().compact() + "~",
        made().compact() + "\n",
        "." + made().compact(),
        made().issuer_signed.rpartition(".")[0] + "~",
        f"{encoded([])}.{encoded({})}.AA~",
        f"{encoded({})}.{encoded('text')}.AA~",
        f"{encoded(b'{')}.{encoded({})}.AA~",
        f"{encoded({})}.{encoded({})}.A~",
        made().issuer_signed + "~" * (512 * 1024),
        made().compact()[:100],
    ],
)
def test_a_text_of_another_form_is_refused(text):
    with pytest.raises(DocumentError):
        sd_jwt.parse(text)
    with pytest.raises(DocumentError):
        check(text)


def test_the_size_is_judged_before_anything_else():
    with pytest.raises(DocumentError, match="longer"):
        sd_jwt.parse("~" * (sd_jwt.MAX_TEXT + 1))


def test_what_is_unfolded_is_the_callers_own_copy():
    verified = check(made().compact())
    sd_jwt.merge_disclosures(verified)["items"].clear()
    assert len(sd_jwt.merge_disclosures(verified)["items"]) == 5


def test_ones_own_document_is_read_without_its_key_by_the_same_rules():
    document = made()
    assert sd_jwt.read_unverified(document.compact()) == check(document.compact())
    foreign = made(random=chance("other")).disclosures[0].encoded
    with pytest.raises(DocumentError):
        sd_jwt.read_unverified(document.compact() + foreign + "~")


def test_a_document_just_issued_is_read_as_its_text_is():
    document = made()
    assert sd_jwt.read_own(document) == sd_jwt.read_unverified(document.compact())


@given(
    st.dictionaries(st.sampled_from("klm"), json_values),
    st.dictionaries(st.sampled_from("pqr"), json_values),
    st.dictionaries(st.sampled_from("xyz"), st.lists(json_values, max_size=6)),
)
def test_what_is_issued_is_what_its_readers_will_find(claims, properties, arrays):
    document, verified = sd_jwt.issue_read(
        typ=TYP,
        claims=CLAIMS | claims,
        properties=[*properties.items()],
        arrays=[*arrays.items()],
        signer=SIGNER,
        random=chance(),
    )
    assert verified == check(document.compact())


def test_a_stored_document_reads_like_any_other():
    document = made()
    for shown in (document, document.present({document.disclosures[0].digest})):
        text = shown.compact()
        assert sd_jwt.read_stored(text) == sd_jwt.read_unverified(text)
    for broken in ("", "a.b.c~", "~", document.compact() + "W10~", document.compact() + "MQ~"):
        with pytest.raises(sd_jwt.DocumentError):
            sd_jwt.read_stored(broken)


def test_no_more_chance_is_given_out_than_was_drawn():
    drawn = BytesIO(chance()(20)).read
    sd_jwt.make_disclosure("by", "one", drawn)
    with pytest.raises(RuntimeError):
        sd_jwt.make_disclosure("by", "two", drawn)
    with pytest.raises(RuntimeError):
        sd_jwt.decoy_digest(drawn)


@each("count", range(10))
def test_exactly_what_is_needed_is_drawn(count):
    left = []

    def random(size):
        left.append(size)
        return chance()(size)

    made(arrays=[("items", list(range(count)))], random=random)
    assert len(left) == 1
