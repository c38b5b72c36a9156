"""A time stamp says that a text existed before a moment, by an authority whose root was brought."""

import random
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat import asn1
from cryptography.x509 import ObjectIdentifier
from cryptography.x509.oid import ExtendedKeyUsageOID
from hypothesis import given
from hypothesis import strategies as st

from gateway.evidence import time_stamp
from gateway.evidence.time_stamp import TimeStamp, TimeStampError, UnknownAuthority, verify
from tests.each import each
from tests.time_stamping import (
    DAY,
    NOW,
    POLICY,
    STAMPS,
    Authority,
    OpenSsl,
    certify,
    granted,
    imprint,
    new_key,
    new_root,
)

VECTORS = Path(__file__).parents[1] / "vectors" / "tsa"
TEXT = b"log.example\n36\nroot\n\n- log.example line\n"
AUTHORITY = Authority()
TOKEN = AUTHORITY.stamp(TEXT)
CA = (x509.BasicConstraints(True, 0), True)
STAMPED = TimeStamp(NOW + timedelta(seconds=1), "CN=Time Stamps", POLICY.dotted_string)
SHA1 = ObjectIdentifier("1.3.14.3.2.26")


def kept(name: str) -> bytes:
    return (VECTORS / name).read_bytes()


def test_a_text_existed_before_the_token_s_time_and_accuracy():
    assert verify(TOKEN, TEXT, AUTHORITY.roots) == STAMPED


def test_a_token_over_another_text_is_none():
    with pytest.raises(TimeStampError, match="of another text"):
        verify(TOKEN, TEXT + b"x", AUTHORITY.roots)


@each("roots", [[], [new_root().certificate], [new_root("Time Stamps").certificate]])
def test_a_root_that_was_not_brought_makes_an_unknown_authority(roots):
    with pytest.raises(UnknownAuthority):
        verify(TOKEN, TEXT, roots)


def test_a_verifier_may_bring_the_authority_s_own_certificate_alone():
    assert verify(TOKEN, TEXT, [AUTHORITY.own.certificate]) == STAMPED


@each(
    "changes",
    [
        {"version": 2},
        {"kind": time_stamp._SIGNED_DATA},
        {"signs": time_stamp._SIGNED_DATA},
        {"content": b"another"},
        {"attributes": 2},
        {"signers": 0},
        {"signers": 2},
        {"digest": SHA1},
        {"accuracy": -3600},
        {"accuracy": 2**70},
        {"extensions": [time_stamp._Extension(name=SHA1, critical=True, value=b"")]},
        {"named": AUTHORITY.root.certify("Time Stamps", STAMPS, key=AUTHORITY.own.key)},
        {"carried": AUTHORITY.root.certify("Time Stamps", STAMPS, key=AUTHORITY.own.key)},
    ],
)
def test_whatever_is_not_signed_as_it_must_be_is_no_time_stamp(changes):
    with pytest.raises(TimeStampError):
        verify(AUTHORITY.but(**changes).stamp(TEXT), TEXT, AUTHORITY.roots)


def test_an_extension_that_is_not_critical_is_passed_over():
    extension = time_stamp._Extension(name=SHA1, critical=False, value=b"")
    token = AUTHORITY.but(extensions=[extension]).stamp(TEXT)
    assert verify(token, TEXT, AUTHORITY.roots) == STAMPED


@each("bits, counts", [(2048, True), (1024, False)])
def test_an_rsa_key_has_2048_bits(bits, counts):
    own = AUTHORITY.root.certify("Time Stamps", STAMPS, key=new_key(bits))
    token = Authority(AUTHORITY.root, own).stamp(TEXT)
    if counts:
        assert verify(token, TEXT, AUTHORITY.roots) == STAMPED
    else:
        with pytest.raises(TimeStampError, match="of a kind that does not count"):
            verify(token, TEXT, AUTHORITY.roots)


def usage(*names: ObjectIdentifier, critical: bool = True):
    return x509.ExtendedKeyUsage(names), critical


@each(
    "own",
    [
        (),
        (usage(ExtendedKeyUsageOID.CLIENT_AUTH),),
        (usage(ExtendedKeyUsageOID.TIME_STAMPING, critical=False),),
        (usage(ExtendedKeyUsageOID.TIME_STAMPING, ExtendedKeyUsageOID.CODE_SIGNING),),
    ],
)
def test_a_certificate_that_is_not_for_time_stamps_alone_counts_for_nothing(own):
    authority = Authority(AUTHORITY.root, AUTHORITY.root.certify("Time Stamps", *own))
    with pytest.raises(UnknownAuthority):
        verify(authority.stamp(TEXT), TEXT, AUTHORITY.roots)


def signs_nothing() -> x509.KeyUsage:
    return x509.KeyUsage(True, *[False] * 8)


@each("above, counts", [((CA,), True), ((), False), ((CA, (signs_nothing(), True)), False)])
def test_only_authorities_stand_between_the_signer_and_the_root(above, counts):
    middle = AUTHORITY.root.certify("Middle", *above)
    own = middle.certify("Time Stamps", STAMPS)
    token = Authority(AUTHORITY.root, own, above=(middle,)).stamp(TEXT)
    if counts:
        assert verify(token, TEXT, AUTHORITY.roots) == STAMPED
    else:
        with pytest.raises(UnknownAuthority):
            verify(token, TEXT, AUTHORITY.roots)


@each("days, counts", [(10, True), (-10, False), (40, False)])
def test_the_chain_is_that_of_the_token_s_time(days, counts):
    """Whoever verifies years later needs no certificate that still holds."""
    own = AUTHORITY.root.certify("Time Stamps", STAMPS, since=NOW - DAY, days=30)
    authority = Authority(AUTHORITY.root, own, NOW + days * DAY)
    if counts:
        assert verify(authority.stamp(TEXT), TEXT, AUTHORITY.roots).before > NOW
    else:
        with pytest.raises(UnknownAuthority):
            verify(authority.stamp(TEXT), TEXT, AUTHORITY.roots)


def test_an_answer_is_taken_for_its_own_request_alone():
    answer = AUTHORITY.answer(time_stamp.request(TEXT, 5))
    token, stamp = time_stamp.granted(answer, TEXT, 5, AUTHORITY.roots)
    assert stamp == STAMPED
    assert verify(token, TEXT, AUTHORITY.roots) == STAMPED
    with pytest.raises(TimeStampError, match="another request"):
        time_stamp.granted(answer, TEXT, 6, AUTHORITY.roots)
    with pytest.raises(UnknownAuthority):
        time_stamp.granted(answer, TEXT, 5, [])


def test_an_answer_without_a_token_grants_nothing():
    refused = asn1.encode_der(time_stamp._Answer(status=granted(2), token=None))
    with pytest.raises(TimeStampError, match="grants no time stamp"):
        time_stamp.granted(refused, TEXT, 5, AUTHORITY.roots)


def test_of_a_checkpoint_the_log_s_own_lines_are_stamped_and_those_of_witnesses_are_not():
    text, log, witness = "log.example/1\n36\nroot\n", "log.example/1 AAA=", "log.example/12 AAA="
    note = f"{text}\n\u2014 {log}\n\u2014 {witness}\n\u2014 {log}\n"
    expected = f"{text}\n\u2014 {log}\n\u2014 {log}\n"
    assert time_stamp.stamped_text(note) == expected.encode()


# --- What others make, and what others say of ours ---


@each("name", ["r.tsr", "r-two-certs-unsorted.tsr"])
def test_kept_tokens_of_openssl_verify(name):
    """Authorities write their certificates in any order, though DER would sort them."""
    roots = x509.load_pem_x509_certificates(kept("ca.pem"))
    _, stamp = time_stamp.granted(kept(name), kept("ck"), 0x1B05B898D2F7D90E, roots)
    assert (stamp.authority, stamp.policy) == ("CN=TestTSA", "1.2.3.4.1")
    assert f"{stamp.before:%Y-%m-%d}" == "2026-11-24"


def test_a_request_is_what_openssl_asks():
    assert time_stamp.request(kept("ck"), 0x1B05B898D2F7D90E) == kept("q.tsq")


@pytest.mark.parametrize("bits", [0, 2048])
def test_openssl_answers_our_requests_and_believes_what_we_believe(tmp_path, bits):
    foreign = OpenSsl(tmp_path, bits)
    answer = foreign.answer(time_stamp.request(TEXT, 5))
    token, stamp = time_stamp.granted(answer, TEXT, 5, foreign.roots)
    assert stamp.authority == "CN=openssl ts"
    assert "Verification: OK" in foreign.verify(token, TEXT, foreign.root.pem())
    other = new_root("Another")
    assert "Verification: FAILED" in foreign.verify(token, TEXT, other.pem())
    assert "Verification: FAILED" in foreign.verify(token, TEXT + b"x", foreign.root.pem())
    with pytest.raises(UnknownAuthority):
        verify(token, TEXT, [other.certificate])


# --- Mutants ---


def mutant(data: bytes, chance: random.Random) -> bytes:
    for _ in range(chance.randint(1, 3)):
        at, other = sorted(chance.randrange(len(data)) for _ in range(2))
        match chance.randrange(4):
            case 0:
                data = data[:at] + bytes([chance.randrange(256)]) + data[at + 1 :]
            case 1:
                data = data[:at] + bytes([data[at] ^ 1 << chance.randrange(8)]) + data[at + 1 :]
            case 2:
                data = data[:at] + data[min(other, at + 4) :]
            case _:
                data = data[:other] + data[at : at + 8] + data[other:]
    return data


@pytest.mark.filterwarnings("ignore::cryptography.utils.CryptographyDeprecationWarning")
def test_no_mutant_of_4000_says_another_time_policy_or_authority():
    """Some pass, changed in what nobody signed; each of them says the same."""
    roots = x509.load_pem_x509_certificates(kept("ca.pem"))
    chance = random.Random(3161)
    token, stamp = time_stamp.granted(kept("r.tsr"), kept("ck"), 0x1B05B898D2F7D90E, roots)
    honest = [(token, kept("ck"), roots, stamp), (TOKEN, TEXT, AUTHORITY.roots, STAMPED)]
    passed = 0
    for number in range(4_000):
        data, text, brought, said = honest[number % 2]
        try:
            found = verify(mutant(data, chance), text, brought)
        except (TimeStampError, UnknownAuthority):
            continue
        passed += 1
        assert found == said
    assert 0 < passed < 400


@given(st.binary(max_size=200))
def test_any_bytes_are_refused_as_a_token_and_as_an_answer(data):
    with pytest.raises(TimeStampError):
        verify(data, TEXT, AUTHORITY.roots)
    with pytest.raises(ValueError):
        time_stamp.granted(data, TEXT, 5, AUTHORITY.roots)


@given(st.binary(max_size=100), st.integers(0, 2**64 - 1))
def test_whatever_is_stamped_verifies_over_it_alone(text, nonce):
    answer = AUTHORITY.answer(time_stamp.request(text, nonce))
    token, stamp = time_stamp.granted(answer, text, nonce, AUTHORITY.roots)
    assert stamp == STAMPED
    with pytest.raises(TimeStampError):
        verify(token, text + b"\0", AUTHORITY.roots)


def test_a_self_made_certificate_of_the_same_name_is_of_nobody():
    key = new_key()
    alone = certify("Time Stamps", key, AUTHORITY.root.certificate.subject, key, STAMPS)
    token = Authority(AUTHORITY.root, type(AUTHORITY.own)(key, alone)).stamp(TEXT)
    with pytest.raises(UnknownAuthority):
        verify(token, TEXT, AUTHORITY.roots)


def test_an_imprint_by_sha_1_is_no_time_stamp():
    token = asn1.encode_der(AUTHORITY.token(imprint(TEXT, SHA1), None))
    with pytest.raises(TimeStampError):
        verify(token, TEXT, AUTHORITY.roots)
