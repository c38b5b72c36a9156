"""Statements of a stream's end: only DocumentError, UnknownLog and NotInLog escape.

Oracle: each value that is read is the claim as it was signed, the organisation one of the signing
gateway's, and the checkpoint one that the log signed.
"""

from gateway.evidence import dated_statement, sd_jwt
from gateway.evidence.receipt import NotInLog, UnknownLog
from gateway.evidence.sd_jwt import DocumentError
from gateway.ledger.note import Checkpoint, open_checkpoint, sign_checkpoint
from gateway.verification import stream
from gateway.verification.trust import TrustAnchors
from tests.fuzz import envelope, note

_NOTE = sign_checkpoint(Checkpoint(note.signer().name, 7, bytes(32)), note.signer())
_HEADER = {"alg": "EdDSA", "kid": envelope.KID, "typ": dated_statement.HEAD_TYP}
_CLAIMS = {
    "iss": "https://gw.example.org",
    "aud": "https://gw.example.org/organisations/hotline",
    "iat": 1,
    "stream_number": 3,
    "checkpoint": _NOTE,
    "_sd": [],
    "_sd_alg": "sha-256",
}


def seeds() -> list[bytes]:
    """A good statement, and ones that lack something."""
    bare = {name: value for name, value in _CLAIMS.items() if name != "checkpoint"}
    return [
        envelope.lines(_HEADER, claims)
        for claims in (_CLAIMS, bare, {**_CLAIMS, "stream_number": 0})
    ]


def check(data: bytes) -> None:
    """The lines of an envelope."""
    text, key = envelope.seal(data), note.signer().key
    trust = TrustAnchors((key,), (key.name,), gateway_keys=envelope.public_keys())
    try:
        head = stream.read_head(text, trust)
    except (DocumentError, UnknownLog, NotInLog):
        return
    claims = sd_jwt.verify(text, typ=dated_statement.HEAD_TYP, keys=envelope.public_keys()).claims
    assert (head.stream_number, head.note) == (claims["stream_number"], claims["checkpoint"])
    assert int(head.at.timestamp()) == claims["iat"]
    assert claims["aud"] == f"{claims['iss']}/organisations/{head.organisation}"
    assert open_checkpoint(head.note, [key], key.name) == head.checkpoint
