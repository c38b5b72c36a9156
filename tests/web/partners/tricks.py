"""Signed documents on their way to the door, and the tricks that are tried with them."""

import hmac
import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding

from gateway.evidence import base64url, sd_jwt
from tests.casework import case_content
from tests.evidence.ingredients import rsa_key
from tests.founded_gateway import HOTLINE, OFMIN
from tests.ports import document_key
from tests.signing import signed_case, signed_offer
from tests.web.listening import Listening, Partner, listening

HOTLINES, OFFICES, OTHER = (document_key(name) for name in ("hotline", "office", "other"))


GROUPS = ["items", "statements"]
MANDATE = {"competence": {"matter": "csam", "territory": "FR"}}


def keyed() -> Listening:
    """A gateway that knows a document key of the hotline and one of the office."""
    made = listening()
    made.gateway.register_key(HOTLINE, HOTLINES)
    made.gateway.register_key(OFMIN, OFFICES)
    return made


def content(line: Listening, **changes: Any) -> dict[str, Any]:
    return case_content(line.gateway.new_id(), **changes)


def case(line: Listening, **changes: Any) -> sd_jwt.SdJwt:
    """A good case of the hotline's, but for the changes."""
    key = changes.pop("key", HOTLINES)
    said = changes.pop("content", None) or content(line)
    return signed_case(line.gateway, HOTLINE, key, said, **changes)


def asked(case: str, to: dict[str, Any] = MANDATE, **changes: Any) -> dict[str, Any]:
    said = {"by": "liaison-1", "to": to, "groups": GROUPS, "purpose": ["identify_victim"]}
    return {"case": case, **said, **changes}


def preview(hotline: Partner, case: str, **changes: Any) -> dict[str, Any]:
    answer = hotline.post("/handoffs/preview", asked(case, **changes))
    assert answer.status_code == 200, answer.text
    return answer.json


def offer(hotline: Partner, case: str, **changes: Any) -> sd_jwt.SdJwt:
    """A good offer of the case to the competence, but for the changes."""
    key = changes.pop("key", HOTLINES)
    shown = changes.pop("shown", None) or preview(hotline, case)
    return signed_offer(hotline.listening.gateway, HOTLINE, key, shown, **changes)


def send(partner: Partner, path: str, document: Any, **headers: str) -> Any:
    text = document.compact() if isinstance(document, sd_jwt.SdJwt) else document
    given = {name.replace("_", "-"): value for name, value in headers.items()}
    return partner.call("POST", path, data=text, content_type="application/sd-jwt", headers=given)


def refused(answer: Any) -> str:
    assert answer.status_code == 422, answer.text
    assert answer.json["type"].endswith("/problems/invalid-document"), answer.text
    return answer.json["detail"]


@dataclass
class Trick:
    """A signer that names a good key and signs in its own way."""

    alg: str
    sign: Callable[[bytes], bytes]
    kid: str = HOTLINES.kid


def hs256(message: bytes) -> bytes:
    pem = HOTLINES.public_key.public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return hmac.digest(pem, message, "sha256")


def rs256(message: bytes) -> bytes:
    return rsa_key().sign(message, padding.PKCS1v15(), hashes.SHA256())


def rewritten(document: sd_jwt.SdJwt, change: Callable[[dict[str, Any]], Any]) -> tuple[str, str]:
    """The signing input of the document after a change to its payload, and its old signature."""
    head, payload, signed = document.issuer_signed.split(".")
    claims = json.loads(base64url.decode(payload))
    change(claims)
    return f"{head}.{base64url.encode(json.dumps(claims).encode())}", signed


def resigned(document: sd_jwt.SdJwt, change: Callable[[dict[str, Any]], Any]) -> sd_jwt.SdJwt:
    text, _ = rewritten(document, change)
    signed = base64url.encode(HOTLINES.sign(text.encode()))
    return replace(document, issuer_signed=f"{text}.{signed}")


def disclosed(document: sd_jwt.SdJwt, *parts: Any) -> str:
    """The document's text with one more disclosure."""
    return f"{document.compact()}{base64url.encode(json.dumps(list(parts)).encode())}~"


def unpadded(claims: dict[str, Any]) -> None:
    """A list of digests one short of its padding."""
    claims["_sd"] = claims["_sd"][:-1]


def overpadded(claims: dict[str, Any]) -> None:
    """Twice as many digests as the padding needs."""
    claims["_sd"] += [base64url.digest(bytes([n])) for n in range(len(claims["_sd"]))]


def repeated(claims: dict[str, Any]) -> None:
    """A digest that occurs twice."""
    claims["_sd"][0] = claims["_sd"][1]


def nested(claims: dict[str, Any]) -> None:
    """Digests below the top."""
    claims["purpose"] = {"_sd": [sd_jwt.decoy_digest(bytes)]}


def without_digests(claims: dict[str, Any]) -> None:
    """No digests at all."""
    del claims["_sd"]


def other_hash(claims: dict[str, Any]) -> None:
    """Digests by another hash."""
    claims["_sd_alg"] = "sha-1"
