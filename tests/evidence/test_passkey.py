"""What a passkey signed verifies for exactly its payload, page and person; beside it stands PyPI's
`webauthn`, which must refuse nothing that we take and whose refusals we share."""

import random
from collections.abc import Callable
from typing import Any

import cbor2
import pytest
from webauthn import verify_authentication_response
from webauthn.helpers.exceptions import InvalidAuthenticationResponse, WebAuthnException

from gateway.evidence import base64url, canonical, passkey
from gateway.evidence.passkey import PasskeyStatement
from gateway.evidence.sd_jwt import BadSignature, DocumentError, UnknownKey
from tests.authenticator import (
    CONSOLE,
    ED25519,
    PRESENT,
    RSA,
    SYNCABLE,
    SYNCED,
    VERIFIED,
    Authenticator,
)
from tests.each import each

TYP, GATEWAY, PERSON = "casegate-approval+passkey", "https://gateway.example", "https://p.example"
CLAIMS = {"iss": PERSON, "aud": GATEWAY, "iat": 1_790_000_000, "jti": "1", "change": "x" * 43}
KEY = Authenticator()
RIGHT = KEY.sign(TYP, CLAIMS)


def verify(text: str, key: Authenticator = KEY, **changes: Any) -> PasskeyStatement:
    kid, known = passkey.read_passkey(key.jwk)
    asked: dict[str, Any] = {"typ": TYP, "audience": GATEWAY, "issuer": PERSON} | changes
    return passkey.verify(text, keys={kid: known}, **asked)


def cose(jwk: dict[str, str]) -> bytes:
    """The public key as an authenticator registers it (RFC 9053)."""

    def part(name: str) -> bytes:
        return base64url.decode(jwk[name])

    match jwk["kty"]:
        case "EC":
            members = {1: 2, 3: -7, -1: 1, -2: part("x"), -3: part("y")}
        case "OKP":
            members = {1: 1, 3: -8, -1: 6, -2: part("x")}
        case _:
            members = {1: 3, 3: -257, -1: part("n"), -2: part("e")}
    return cbor2.dumps(members)


def is_taken_by_webauthn(text: str, key: Authenticator = KEY) -> bool:
    """Whether PyPI's library takes the assertion of a text for its first two parts."""
    drafted, _, last = text.rpartition(".")
    try:
        response = canonical.decode(base64url.decode(last))
        credential = {"id": "AA", "rawId": "AA", "type": "public-key", "response": response}
        verify_authentication_response(
            credential=credential,
            expected_challenge=passkey.challenge(drafted),
            expected_rp_id="console.example",
            expected_origin=CONSOLE,
            credential_public_key=cose(key.jwk),
            credential_current_sign_count=0,
            require_user_verification=True,
        )
    except (WebAuthnException, InvalidAuthenticationResponse, ValueError, KeyError, TypeError):
        return False
    return True


@each("private", [KEY.private, ED25519, RSA])
def test_a_statement_by_each_kind_of_passkey_verifies(private: Any) -> None:
    key = Authenticator(private)
    text = key.sign(TYP, CLAIMS)
    stated = verify(text, key)
    assert (stated.claims, stated.synced) == (CLAIMS, False)
    assert is_taken_by_webauthn(text, key)


def test_that_a_passkey_may_have_copies_is_told() -> None:
    key = Authenticator(KEY.private, flags=PRESENT | VERIFIED | SYNCABLE | SYNCED)
    assert verify(key.sign(TYP, CLAIMS), key).synced


WRONG: dict[str, Callable[[], str]] = {
    "another origin": lambda: KEY.sign(TYP, CLAIMS, origin="https://console.example.org"),
    "another host": lambda: KEY.sign(TYP, CLAIMS, host="gateway.example"),
    "registered": lambda: KEY.sign(TYP, CLAIMS, type="webauthn.create"),
    "another challenge": lambda: KEY.sign(TYP, CLAIMS, challenge="AAAA"),
    "nobody verified": lambda: Authenticator(KEY.private, flags=PRESENT).sign(TYP, CLAIMS),
    "nobody present": lambda: Authenticator(KEY.private, flags=VERIFIED).sign(TYP, CLAIMS),
    "copies of a bound key": lambda: Authenticator(
        KEY.private, flags=PRESENT | VERIFIED | SYNCED
    ).sign(TYP, CLAIMS),
    "cut short": lambda: KEY.sign(TYP, CLAIMS, data=lambda one: one[:36]),
    "another key's": lambda: passkey.complete(
        (drafted := RIGHT.rpartition(".")[0]), Authenticator().answer(passkey.challenge(drafted))
    ),
}
STRICTER: dict[str, Callable[[], str]] = {
    "in a page of another origin": lambda: KEY.sign(TYP, CLAIMS, crossOrigin=True),
    "in a page within another": lambda: KEY.sign(TYP, CLAIMS, topOrigin=CONSOLE),
    "more than was asked": lambda: Authenticator(KEY.private, flags=PRESENT | VERIFIED | 0x80).sign(
        TYP, CLAIMS, data=lambda one: one + b"\xa0"
    ),
}
"""What the library takes, or may, and we refuse."""


@each("wrong", [*WRONG, *STRICTER])
def test_what_was_signed_otherwise_is_refused(wrong: str) -> None:
    text = (WRONG | STRICTER)[wrong]()
    with pytest.raises(DocumentError):
        verify(text)
    assert wrong in STRICTER or not is_taken_by_webauthn(text)


@each(
    "asked",
    [
        {"typ": "casegate-approval+sd-jwt"},
        {"audience": "https://other.example"},
        {"issuer": "https://q.example"},
    ],
)
def test_a_statement_of_another_type_gateway_or_person_is_refused(asked: dict[str, str]) -> None:
    with pytest.raises(DocumentError):
        verify(RIGHT, **asked)


def test_a_key_that_was_not_given_is_named_as_such() -> None:
    with pytest.raises(UnknownKey):
        verify(RIGHT, Authenticator())
    with pytest.raises(BadSignature):
        verify(WRONG["another key's"]())


def respelled() -> list[str]:
    head, body, tail = RIGHT.split(".")
    spaced = base64url.encode(base64url.decode(body).replace(b":", b": ", 1))
    more = {**canonical.decode(base64url.decode(tail)), "userHandle": "AA"}
    other = {"alg": "ES256", "kid": KEY.jwk["kid"], "typ": TYP}
    return [
        f"{head}.{spaced}.{tail}",
        f"{head}.{body}.{base64url.encode(canonical.encode(more))}",
        f"{base64url.encode(canonical.encode(other))}.{body}.{tail}",
        f"{head}.{body}.{tail}=",
        f"{head}.{body}",
        f"{head}.{body}.{tail}.",
        RIGHT + "~",
        "",
        "." * 3,
        "a" * 7000,
    ]


@each("text", respelled())
def test_a_statement_has_one_spelling(text: str) -> None:
    with pytest.raises(DocumentError):
        verify(text)


def mutants(count: int) -> list[str]:
    chance = random.Random(24)
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_."
    found = []
    while len(found) < count:
        at = chance.randrange(len(RIGHT))
        put = chance.choice(["", chance.choice(alphabet), chance.choice(alphabet) + RIGHT[at]])
        mutant = RIGHT[:at] + put + RIGHT[at + 1 :]
        if mutant != RIGHT:
            found.append(mutant)
    return found


def refuse_all(count: int) -> None:
    for text in mutants(count):
        with pytest.raises(DocumentError):
            verify(text)


def test_no_mutant_of_a_statement_is_taken() -> None:
    refuse_all(300)


@pytest.mark.slow
def test_no_mutant_of_ten_thousand_is_taken() -> None:
    refuse_all(10_000)


def within(text: str, change: Callable[[dict[str, Any]], None]) -> str:
    drafted, _, last = text.rpartition(".")
    kept = canonical.decode(base64url.decode(last))
    change(kept)
    return passkey.complete(drafted, kept)


def test_of_changed_answers_of_a_browser_we_take_none_that_the_library_refuses() -> None:
    chance = random.Random(7)
    for _ in range(200):
        name = chance.choice(["authenticatorData", "clientDataJSON", "signature"])

        def change(kept: dict[str, Any], name: str = name) -> None:
            data = bytearray(base64url.decode(kept[name]))
            data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
            kept[name] = base64url.encode(bytes(data))

        text = within(RIGHT, change)
        assert not is_taken_by_webauthn(text)
        with pytest.raises(DocumentError):
            verify(text)


@each(
    "origin",
    [
        "http://console.example",
        "https://console.example/",
        "https://console.example:443",
        "https://CONSOLE.example",
        "https://192.0.2.1",
        "https://[2001:db8::1]",
        "https://user@console.example",
        "https://console.example:port",
        "https://",
        7,
    ],
)
def test_a_passkey_is_of_one_origin_in_one_spelling(origin: Any) -> None:
    with pytest.raises(ValueError, match="origin of a passkey"):
        passkey.read_passkey({**KEY.jwk, passkey.ORIGIN: origin})


@each("jwk", [{"kid": "other"}, {"use": "sig"}, {"d": "AA"}, {"alg": "ES256"}])
def test_a_passkey_has_its_thumbprint_and_nothing_beside(jwk: dict[str, str]) -> None:
    with pytest.raises(ValueError):
        passkey.read_passkey({**KEY.jwk, **jwk})


def test_a_passkey_of_this_machine_is_read_in_the_demonstration() -> None:
    key = Authenticator(origin="http://localhost:8440")
    assert passkey.read_passkey(key.jwk)[1].origin == key.origin
