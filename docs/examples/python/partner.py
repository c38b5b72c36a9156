"""A partner in Python without our package: signs a case, offers it, checks the log's receipt.

    python partner.py FOLDER CASE.json ANALYST APPROVER

FOLDER is what `casegate enrol` made: connection.toml, and beside it the files that it names;
ANALYST and APPROVER are two persons of your staff register, by pseudonym. It prints one JSON
document: the ids of case and handoff, and what the receipts prove.
"""

import base64
import hashlib
import json
import random
import secrets
import ssl
import sys
import time
import tomllib
import uuid
from pathlib import Path
from typing import Any, NoReturn

import httpx
import jwt
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from jwt.algorithms import ECAlgorithm

CLEAR = ("tlp", "handling", "onward", "permitted_actions", "purpose", "erase_on")
OF_MARKING = (
    "release_to",
    "attribution",
    "national",
    "handling_note",
    "force",
    "review_on",
    "retention_rule",
)
OF_EMBARGO = {
    "embargo": ("no_notice_to_host", "no_publication", "until"),
    "embargo_source": ("reason", "set_by"),
}
OF_CASE = (
    "matter",
    "urgency",
    "legal_basis",
    "received_at",
    "intake_channel",
    "reporter",
    "originator_ref",
)
ARRAYS = ("items", "statements", "subjects", "classifications", "references")


def sha256(*parts: bytes) -> bytes:
    """The hash of some bytes."""
    return hashlib.sha256(b"".join(parts)).digest()


def b64url(data: bytes) -> str:
    """Base64url without padding."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def digest_of(text: str) -> str:
    """The name of a disclosure or of a signed part."""
    return b64url(sha256(text.encode()))


def document_digest(document: str) -> str:
    """The name of a document: of its header and payload, whatever is disclosed and signed with."""
    return digest_of(document.partition("~")[0].rpartition(".")[0])


def stop(sentence: str) -> NoReturn:
    """Keep what there is and ask: do not go on."""
    sys.exit(f"NOT verified: {sentence}")


def require(holds: bool, otherwise: str) -> None:
    """Go on only when something holds."""
    if not holds:
        stop(otherwise)


# --- Signing (RFC 9901): what can be withheld is a salted disclosure, its digest is signed --------


def padded(digests: list[str]) -> list[str]:
    """To 4, 8, 16, 32... with random digests at random places: neither number nor absence shows."""
    size = 4
    while size < len(digests):
        size *= 2
    found = list(digests)
    while len(found) < size:
        place = random.SystemRandom().randrange(len(found) + 1)
        found.insert(place, b64url(secrets.token_bytes(32)))
    return found


class Author:
    """Who signs: the organisation with its registered key."""

    def __init__(self, key: EllipticCurvePrivateKey, uri: str, gateway: str) -> None:
        self.key, self.uri, self.gateway = key, uri, gateway
        jwk = ECAlgorithm.to_jwk(key.public_key(), as_dict=True)
        members = {name: jwk[name] for name in ("crv", "kty", "x", "y")}
        self.kid = digest_of(json.dumps(members, separators=(",", ":")))  # RFC 7638

    def sign(
        self,
        typ: str,
        claims: dict[str, Any],
        properties: dict[str, Any],
        arrays: dict[str, list[Any]] | None = None,
    ) -> str:
        """A compact SD-JWT; its jti is the idempotency key."""
        disclosures: list[str] = []

        def seal(*parts: Any) -> str:
            salt = b64url(secrets.token_bytes(16))
            text = b64url(json.dumps([salt, *parts], ensure_ascii=False).encode())
            disclosures.append(text)
            return digest_of(text)

        payload: dict[str, Any] = {
            "iss": self.uri,
            "aud": self.gateway,
            "iat": int(time.time()),
            "jti": str(uuid.uuid4()),
            **claims,
            "_sd_alg": "sha-256",
            "_sd": sorted(padded([seal(name, value) for name, value in properties.items()])),
        }
        for name, values in (arrays or {}).items():
            payload[name] = [{"...": d} for d in padded([seal(value) for value in values])]
        headers = {"typ": typ, "kid": self.kid}
        jws = jwt.encode(payload, self.key, algorithm="ES256", headers=headers)
        return "~".join([jws, *disclosures, ""])


def only(source: dict[str, Any], names: tuple[str, ...]) -> dict[str, Any]:
    """The members of these names that are there."""
    return {name: source[name] for name in names if name in source}


def case_of(author: Author, content: dict[str, Any], analyst: str, approver: str) -> str:
    """The case, signed, with the persons who hand it in, assessed and cleared it."""
    marking = content["marking"]
    confirms = [one["id"] for one in content.get("classifications", [])]
    clearance = {
        "assessed_by": analyst,
        "cleared_by": approver,
        "confirmed_matches": confirms,
    }
    embargo = {
        name: only(marking["embargo"], members)
        for name, members in OF_EMBARGO.items()
        if "embargo" in marking
    }
    return author.sign(
        "casegate-case+sd-jwt",
        {
            **only(content, ("case", "version", "previous")),
            "profile": "casegate-case/1",
            **only(marking, CLEAR),
        },
        {
            **only(content, OF_CASE),
            **only(marking, OF_MARKING),
            **embargo,
            "by": analyst,
            "clearance": clearance,
        },
        {name: content.get(name, []) for name in ARRAYS},
    )


def new_id() -> str:
    """A UUIDv7 (RFC 9562 5.7): sorted by time."""
    data = bytearray(int(time.time() * 1000).to_bytes(6, "big") + secrets.token_bytes(10))
    data[6] = 0x70 | data[6] & 0x0F
    data[8] = 0x80 | data[8] & 0x3F
    return str(uuid.UUID(bytes=bytes(data)))


# --- The receipt: the log of the key that we pinned holds the event ------------------------------


def proved(receipt: dict[str, Any], log_key: str) -> dict[str, Any]:
    """The event that a receipt proves, by the log's key alone."""
    name, key_id, encoded = log_key.split("+", 2)
    typed = base64.b64decode(encoded, validate=True)
    require(typed[0] == 1 and sha256(name.encode(), b"\n", typed)[:4].hex() == key_id, "its key")
    document = receipt["document"].encode()  # what was hashed: these bytes
    event: dict[str, Any] = json.loads(document)
    require(event["log"] == name, "the event is of another log")
    for disclosure in receipt["disclosures"]:
        require(digest_of(disclosure) in event["sd"], "a detail is of another event")

    head, _, note = receipt["proof"].partition("\n\n")
    _, index, *path = [line for line in head.split("\n") if not line.startswith("extra ")]
    text, _, lines = note.rpartition("\n\n")
    signatures = [
        base64.b64decode(line.split(" ")[2])
        for line in lines.split("\n")
        if line.startswith(f"\u2014 {name} ")
    ]
    signature = next((s for s in signatures if s[:4].hex() == key_id), None)
    if signature is None:
        stop("the log has not signed the checkpoint")
    # Raises InvalidSignature.
    Ed25519PublicKey.from_public_bytes(typed[1:]).verify(signature[4:], f"{text}\n".encode())
    origin, size, root = text.split("\n")[:3]
    require(origin == name, "the checkpoint is of another log")

    nonce = base64.urlsafe_b64decode(receipt["nonce"] + "=")
    entry = b"\x01" + sha256(b"casegate-entry-v1\n", nonce, document)
    node, last = int(index.removeprefix("index ")), int(size) - 1
    found = sha256(b"\x00", entry)
    require(0 <= node <= last, "the index lies outside the tree")
    for sibling in (base64.b64decode(line) for line in path):  # RFC 9162 2.1.3.2
        require(last > 0, "the path is too long")
        if node % 2 or node == last:
            found = sha256(b"\x01", sibling, found)
            while node and not node % 2:
                node, last = node // 2, last // 2
        else:
            found = sha256(b"\x01", found, sibling)
        node, last = node // 2, last // 2
    require(last == 0 and found == base64.b64decode(root), "the log does not contain this event")
    return event


# --- Talking to the gateway ----------------------------------------------------------------------


def client_of(folder: Path, known: dict[str, str]) -> httpx.Client:
    """TLS 1.3, our certificate, the gateway's root and no other."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.load_verify_locations(folder / known["ca"])
    context.load_cert_chain(folder / known["certificate"], folder / known["key"])
    return httpx.Client(base_url=known["api_url"], verify=context, timeout=20, trust_env=False)


def taken(answer: httpx.Response) -> dict[str, Any]:
    """The members of a good answer; the gateway's own words when it says no."""
    if answer.status_code >= 300:
        sys.exit(f"Refused: {answer.status_code} {answer.text}")
    members: dict[str, Any] = answer.json()
    return members


def tell(folder: Path, content: dict[str, Any], analyst: str, approver: str) -> dict[str, Any]:
    """Hand the case in, offer it, check both receipts."""
    gateway = tomllib.loads((folder / "connection.toml").read_text(encoding="utf-8"))
    if "document_key" not in gateway:
        stop("connection.toml names no document_key, and this program signs: see README.md")
    organisation = gateway["client_id"].partition(".")[0]
    key = load_pem_private_key((folder / gateway["document_key"]).read_bytes(), None)
    if not isinstance(key, EllipticCurvePrivateKey):
        stop(f"{gateway['document_key']} is no P-256 key")
    uri = f"{gateway['issuer']}/organisations/{organisation}"
    author = Author(key, uri, gateway["issuer"])

    with client_of(folder, gateway) as client:
        # The certificate is the credential; the token is bound to it, of no use without it.
        form = {"grant_type": "client_credentials", "client_id": gateway["client_id"]}
        token = taken(client.post("/oauth/token", data=form))["access_token"]
        client.headers["Authorization"] = f"Bearer {token}"

        def send(path: str, document: str) -> dict[str, Any]:
            # A retry sends the same bytes: keep them on disk before they leave.
            headers = {"Content-Type": "application/sd-jwt"}
            return taken(client.post(path, content=document, headers=headers))

        case = case_of(author, content, analyst, approver)
        submitted = send("/cases", case)

        # The preview says whom the offer reaches and what policy lets through: that is signed.
        groups = ["items", "statements", "classifications"]
        asked = {
            "case": content["case"],
            "by": approver,
            "to": {"competence": {"matter": "csam", "territory": "FR"}},
            "groups": groups,
            "purpose": content["marking"]["purpose"][:1],
        }
        preview = taken(client.post("/handoffs/preview", json=asked))
        # The gateway's word is not enough to sign on.
        digest = document_digest(case)
        chosen = {d for g in (*groups, "routing") for d in submitted["result"]["groups"].get(g, [])}
        require(submitted["result"]["digest"] == digest, "another case was recorded")
        require(
            set(preview["permitted_disclosures"]) <= chosen,
            "more would be offered than was selected",
        )
        require(preview["to"]["competence"] == "receive/csam/FR", "it would go to somebody else")
        offer = author.sign(
            "casegate-offer+sd-jwt",
            {
                "handoff": new_id(),
                "to": preview["to"],
                "case_digest": digest,
                "disclosures": sorted(preview["permitted_disclosures"]),
                "purpose": asked["purpose"],
            },
            {"by": approver},
        )
        offered = send(f"/cases/{content['case']}/handoffs", offer)

        log_key = gateway["log_key"]
        submission, event = (proved(one["receipt"], log_key) for one in (submitted, offered))
        require(submission["case_digest"] == digest, "the receipt is of another case")
        require(event["document_sha256"] == document_digest(offer), "of another offer")
        # The receipt can be read again at any time: the same event, proved by a later tree.
        again = proved(taken(client.get(f"/receipts/{event['id']}")), log_key)
        require(again == event, "the log tells another event")

    return {
        "case": content["case"],
        "case_digest": digest,
        "handoff": offered["result"]["handoff"],
        "to": offered["result"]["to"]["organisation"],
        "kid": author.kid,
        "event": event["id"],
        "verified": True,
    }


if __name__ == "__main__":
    if len(sys.argv) != 5:
        sys.exit(f"usage: python {sys.argv[0]} FOLDER CASE.json ANALYST APPROVER")
    place, case_file, *persons = sys.argv[1:]
    print(json.dumps(tell(Path(place), json.loads(Path(case_file).read_bytes()), *persons)))
