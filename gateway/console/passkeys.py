"""What the console asks a browser for, and what it makes of the answer (W3C Web Authentication).

A person's handle, which their device keeps with the passkey, is ``organisation/name``: so a sign-in
finds the person without a list of its own.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from gateway.console.access import Person
from gateway.console.context import console
from gateway.evidence import base64url, passkey
from gateway.evidence.passkey import Passkey
from gateway.evidence.sd_jwt import DocumentError

LONGEST_HANDLE = 64  # bytes (5.4.3)
_TIMEOUT = 300_000  # milliseconds
_ALGORITHMS = (-7, -8, -257)  # ES256, EdDSA, RS256
_MOST_ANSWER = 16_384


@dataclass(frozen=True)
class Answer:
    """What ``navigator.credentials`` gave, as its ``toJSON()`` has it."""

    credential: str
    response: Mapping[str, str]


def read_answer(text: str) -> Answer:
    """Read it; DocumentError for anything else."""
    try:
        if len(text) > _MOST_ANSWER:
            raise ValueError
        answer = json.loads(text)
        response = {name: one for name, one in answer["response"].items() if isinstance(one, str)}
        credential = base64url.encode(base64url.decode(answer["id"]))
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        raise DocumentError("what the browser answered cannot be read") from None
    return Answer(credential, response)


def handle(person: Person) -> bytes:
    """The handle of a person; DocumentError where their names are too long for it."""
    encoded = "/".join(person).encode()
    if len(encoded) > LONGEST_HANDLE:
        raise DocumentError("organisation and pseudonym have more than 64 bytes together")
    return encoded


def person_of(answer: Answer) -> Person:
    """The person whose handle came with an answer, who is not verified; DocumentError."""
    try:
        text = base64url.decode(answer.response.get("userHandle", "")).decode()
    except ValueError:
        text = ""
    organisation, slash, name = text.partition("/")
    if not slash or not name or not text.isprintable():
        raise DocumentError("the passkey is of no person")
    return Person(organisation, name)


def request_options(challenge: bytes, credential: str = "") -> str:
    """Word what a passkey is to sign; with a credential's id, that passkey and no other."""
    allowed = [{"type": "public-key", "id": credential}] if credential else []
    return json.dumps(
        {
            "challenge": base64url.encode(challenge),
            "rpId": console().host,
            "userVerification": "required",
            "timeout": _TIMEOUT,
            "allowCredentials": allowed,
        }
    )


def creation_options(challenge: bytes, person: Person) -> str:
    """Word what passkey is to be made: one that the device finds by itself, for this person."""
    shown = " / ".join(part for part in person if part)
    parameters = [{"type": "public-key", "alg": one} for one in _ALGORITHMS]
    selection: dict[str, Any] = {
        "residentKey": "required",
        "requireResidentKey": True,
        "userVerification": "required",
    }
    return json.dumps(
        {
            "challenge": base64url.encode(challenge),
            "rp": {"id": console().host, "name": "Casegate"},
            "user": {
                "id": base64url.encode(handle(person)),
                "name": shown,
                "displayName": shown,
            },
            "pubKeyCredParams": parameters,
            "authenticatorSelection": selection,
            "attestation": "none",
            "timeout": _TIMEOUT,
        }
    )


def verify(answer: Answer, keys: Mapping[str, Passkey], purpose: str) -> str:
    """The id of the passkey, of ``keys``, that signed a challenge of the console's of this purpose;
    DocumentError."""
    challenge = _consume(answer, purpose)
    wrong = DocumentError("the person has no passkey that may sign in")
    for kid, key in keys.items():
        try:
            passkey.verify_answer(key, answer.response, challenge)
        except (DocumentError, KeyError) as error:
            wrong = DocumentError(str(error))
        else:
            return kid
    raise wrong


def read_new(answer: Answer) -> dict[str, str]:
    """The JWK of a passkey that was made for an invitation; DocumentError."""
    challenge = _consume(answer, "invitation")
    try:
        return passkey.read_new_passkey(answer.response, console().origin, challenge)
    except KeyError:
        raise DocumentError("what the browser answered has no key") from None


def _consume(answer: Answer, purpose: str) -> bytes:
    """The challenge that an answer names; DocumentError for one that does not count any more."""
    try:
        said = json.loads(base64url.decode(answer.response["clientDataJSON"]))
        challenge = base64url.decode(said["challenge"])
    except (ValueError, TypeError, KeyError, RecursionError):
        raise DocumentError("what the browser answered cannot be read") from None
    if not console().sessions.consume_challenge(purpose, challenge):
        raise DocumentError("the challenge is not of this console, was used, or has ended")
    return challenge
