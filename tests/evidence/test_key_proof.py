"""A proof of a document key by the table of docs/without-our-package.md, made without our code."""

import base64
import hashlib
import json
import secrets
import uuid
from datetime import UTC, datetime

import jwt
from cryptography.hazmat.primitives.asymmetric import ec
from jwt.algorithms import ECAlgorithm

from gateway.evidence import declarations
from gateway.evidence.signature import read_document_key

ISSUER = "https://gateway.example.org"
MEMBER = f"{ISSUER}/organisations/hotline-new"


def b64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def test_a_proof_made_by_the_table_of_the_page_is_taken() -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    members = ECAlgorithm.to_jwk(key.public_key(), as_dict=True)
    named = {name: members[name] for name in ("crv", "kty", "x", "y")}
    kid = b64url(hashlib.sha256(json.dumps(named, separators=(",", ":")).encode()).digest())
    claims = {
        "iss": MEMBER,
        "aud": ISSUER,
        "iat": int(datetime.now(UTC).timestamp()),  # noqa: TID251 - as a partner takes it
        "jti": str(uuid.uuid4()),  # noqa: TID251 - likewise
        "says": "possession",
        "kid": kid,
        "_sd_alg": "sha-256",
        "_sd": sorted(b64url(secrets.token_bytes(32)) for _ in range(4)),
    }
    headers = {"typ": "casegate-key+sd-jwt", "kid": kid}
    proof = jwt.encode(claims, key, algorithm="ES256", headers=headers) + "~"
    verified = declarations.verify_declaration(
        proof,
        organisation=MEMBER,
        audience=ISSUER,
        says=declarations.POSSESSION,
        kid=kid,
        keys=dict([read_document_key({**named, "kid": kid})]),
        now=datetime.now(UTC),  # noqa: TID251
    )
    assert (verified.says, verified.kid) == ("possession", kid)
