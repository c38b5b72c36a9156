"""Status statements: what they say, and what keeps one from being believed."""

import json
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from gateway.domain.organisation import MembershipClass
from gateway.evidence import base64url, handoff_documents, membership_attestation, sd_jwt
from gateway.evidence.sd_jwt import BadSignature, DocumentError, UnknownKey
from gateway.verification import verifier
from gateway.verification.report import Code
from tests.each import each
from tests.verification.scenario import GATEWAY, SIGNERS, TRUST, Scenario, fact

AT = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
KEYS = SIGNERS["gateway"].keys()


def mark(**changes: Any) -> str:
    said = {
        "issuer": GATEWAY,
        "organisation": "ofmin",
        "status": "active",
        "membership": MembershipClass.OBSERVER,
        "at": AT,
        "ends": AT + timedelta(hours=24),
        "simulated": None,
        "signer": SIGNERS["gateway"],
    }
    return membership_attestation.issue(**{**said, **changes})


def signed_anew(text: str, header: dict[str, Any] | None = None, **claims: Any) -> str:
    """The same statement with other claims (None takes one away), under the gateway's key."""
    head, payload, _ = text.split(".")
    told = {**json.loads(base64url.decode(payload)), **claims}
    parts = (
        {**json.loads(base64url.decode(head)), **(header or {})},
        {name: value for name, value in told.items() if value is not None},
    )
    message = ".".join(base64url.encode(json.dumps(part).encode()) for part in parts)
    signature = SIGNERS["gateway"].sign(message.encode())
    return f"{message}.{base64url.encode(signature)}"


@each("membership, kind", [("full", "member"), ("associate", "member"), ("observer", "observer")])
def test_a_statement_is_a_trust_mark_of_the_kind_of_its_standing(membership, kind):
    text = mark(membership=MembershipClass(membership))
    header, payload, _ = (part for part in text.split("."))
    assert json.loads(base64url.decode(header)) == {
        "alg": "ES256",
        "kid": "gateway-key",
        "typ": "trust-mark+jwt",
    }
    assert json.loads(base64url.decode(payload)) == {
        "iss": GATEWAY,
        "sub": f"{GATEWAY}/organisations/ofmin",
        "trust_mark_type": f"{GATEWAY}/trust-marks/{kind}",
        "iat": int(AT.timestamp()),
        "exp": int(AT.timestamp()) + 86400,
        "status": "active",
        "membership": membership,
    }
    found = membership_attestation.verify(text, KEYS)
    assert (found.organisation, found.kind, found.membership) == ("ofmin", kind, membership)
    assert (found.issued, found.ends) == (AT, AT + timedelta(hours=24))


def test_a_simulated_date_is_said():
    found = membership_attestation.verify(mark(simulated=date(2023, 11, 2)), KEYS)
    assert "on the simulated date 2023-11-02" in found.describe()


def test_other_keys_and_changed_bytes_are_refused():
    with pytest.raises(UnknownKey):
        membership_attestation.verify(mark(), SIGNERS["stranger"].keys())
    head, payload, signature = mark().split(".")
    other = mark(organisation="ocrvp").split(".")[1]
    with pytest.raises(BadSignature):
        membership_attestation.verify(f"{head}.{other}.{signature}", KEYS)
    assert payload != other


@each(
    "claims",
    [
        {"sub": "https://other.example.org/organisations/ofmin"},
        {"sub": "ofmin"},
        {"trust_mark_type": f"{GATEWAY}/trust-marks/member"},
        {"membership": "chair"},
        {"membership": None},
        {"exp": int(AT.timestamp()) + 86401},
        {"exp": int(AT.timestamp())},
        {"exp": True},
        {"iat": "now"},
        {"iat": 10**20},
        {"simulated_date": "soon"},
        {"delegation": "x"},
    ],
)
def test_a_statement_of_another_form_is_refused_however_well_signed(claims):
    with pytest.raises(DocumentError):
        membership_attestation.verify(signed_anew(mark(), **claims), KEYS)


def test_no_other_document_of_the_same_key_is_taken_for_one():
    with pytest.raises(DocumentError):
        membership_attestation.verify(
            signed_anew(mark(), {"typ": handoff_documents.CASE_TYP}), KEYS
        )
    case = Scenario(attested=True).case
    with pytest.raises(DocumentError):
        membership_attestation.verify(case.compact(), KEYS)
    with pytest.raises(DocumentError):
        sd_jwt.verify(mark() + "~", typ=handoff_documents.CASE_TYP, keys=KEYS)


def test_verify_knows_a_statement_by_itself_and_tells_when_it_ends():
    found = verifier.verify(mark().encode() + b"\n", TRUST)
    assert (found.kind, found.code) == ("status", Code.VERIFIED)
    told = fact(found, "membership")
    assert (told["under"], told["membership"]) == ("operator_word", "observer")
    assert told["end"] == "2026-03-03T09:00:00Z"
    assert fact(found, "membership.later")["under"] == "not_proved"


def test_verify_refuses_a_false_statement_and_needs_the_gateways_key():
    false = mark(signer=SIGNERS["stranger"])
    assert verifier.verify(false.encode(), TRUST).code == Code.KEY_MISSING
    head, _, signature = mark().split(".")
    other = mark(organisation="ocrvp").split(".")[1]
    forged = f"{head}.{other}.{signature}"
    assert verifier.verify(forged.encode(), TRUST).code == Code.BAD_SIGNATURE
    alone = replace(TRUST, gateway_keys={})
    assert verifier.verify(mark().encode(), alone).code == Code.KEY_MISSING
