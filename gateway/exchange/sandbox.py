"""What a conformance run works on: a test case, two test offers, receipts of a log of its own.

Everything is signed by keys that are made for one run and forgotten: nothing of it verifies as a
document or a receipt of this gateway, and every document says ``test``.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any
from uuid import UUID

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from gateway.domain import case as cases
from gateway.domain.audit_event import AuditEvent, EventDetail, EventResult, Party
from gateway.domain.case import conditions
from gateway.domain.organisation import organisation_uri
from gateway.evidence import event, handoff_documents, receipt, sd_jwt
from gateway.evidence.receipt import Receipt
from gateway.evidence.signature import jwk_of, thumbprint
from gateway.exchange.results import Conditions, RunOffer
from gateway.kernel.ports import Ports
from gateway.kernel.results import encode
from gateway.ledger import proof, tiles
from gateway.ledger.note import Checkpoint, NoteSigner, sign_checkpoint
from gateway.ledger.proof import TlogProof
from gateway.ledger.tree import entry_commitment, leaf_hash

TEST_TYP = "casegate-test+sd-jwt"
"""The type of a test case: no verifier takes it for a case (each one pins the type)."""

WITHHELD = "statements"
"""The group that the test offers do not give: what is shown is less than what was signed."""

_EVENTS = 8


@dataclass(frozen=True)
class SampleReceipt:
    """A receipt of the sandbox's log: as JSON, whether it verifies, and else what is wrong."""

    name: str
    receipt: Mapping[str, Any]
    fault: str | None

    __test__ = False


@dataclass(frozen=True)
class Sandbox:
    """All of it. ``presentation`` is what a consultation of the first offer gives."""

    issuer: str
    keys: Mapping[str, Any]
    log: str
    log_key: str
    presentation: str
    package_digest: str
    offers: tuple[RunOffer, RunOffer]
    receipts: tuple[SampleReceipt, ...]

    def text(self) -> str:
        """As it is stored."""
        return encode(self)

    @classmethod
    def of(cls, text: str) -> "Sandbox":
        """As it was stored."""
        members = json.loads(text)
        one, other = (
            RunOffer(**{**offer, "handoff": UUID(offer["handoff"])})
            for offer in members.pop("offers")
        )
        receipts = tuple(SampleReceipt(**told) for told in members.pop("receipts"))
        return cls(**members, offers=(one, other), receipts=receipts)


class _Key:
    """A signing key that lives as long as the making of a sandbox."""

    alg = "EdDSA"

    def __init__(self, random: Callable[[int], bytes]) -> None:
        self.private = Ed25519PrivateKey.from_private_bytes(random(32))
        self.kid = thumbprint(jwk_of(self.private.public_key()))

    def sign(self, message: bytes) -> bytes:
        return self.private.sign(message)

    def jwk(self) -> dict[str, str]:
        public = jwk_of(self.private.public_key())
        return {**public, "kid": self.kid, "use": "sig", "alg": self.alg}


def make(ports: Ports, organisation: str, run: UUID) -> Sandbox:
    """Make the sandbox of a run; outside of any transaction, for it signs."""
    key, issuer = _Key(ports.random), f"{ports.issuer}/conformance/{run}"
    content = _content(ports)
    claims = {
        "iss": issuer,
        "aud": organisation_uri(ports.issuer, organisation),
        "iat": int(ports.now().timestamp()),
        "jti": str(ports.new_id()),
        "test": True,
        **cases.undisclosable_claims(content),
    }
    document, verified = sd_jwt.issue_read(
        typ=TEST_TYP,
        claims=claims,
        properties=cases.disclosable_properties(content),
        arrays=cases.disclosable_arrays(content),
        signer=key,
        random=ports.random,
    )
    shown = [placed.digest for placed in verified.placed if placed.name != WITHHELD]
    first, second = (
        RunOffer(
            handoff=ports.new_id(),
            matter=content["matter"],
            urgency=content["urgency"],
            conditions=Conditions(conditions(verified.content)),
            case_digest=document.digest,
        )
        for _ in range(2)
    )
    log, signer, receipts = _log(ports, organisation, run)
    return Sandbox(
        issuer=issuer,
        keys={"keys": [key.jwk()]},
        log=log,
        log_key=signer.vkey,
        presentation=document.present(shown).compact(),
        package_digest=handoff_documents.package_digest(shown),
        offers=(first, second),
        receipts=receipts,
    )


def with_new_receipts(ports: Ports, sandbox: Sandbox, organisation: str, run: UUID) -> Sandbox:
    """The sandbox with other receipts: what was judged wrongly once is not shown again."""
    log, signer, receipts = _log(ports, organisation, run)
    return replace(sandbox, log=log, log_key=signer.vkey, receipts=receipts)


def _content(ports: Ports) -> dict[str, Any]:
    """A small case in the form of every case; nothing in it is about anybody."""
    at = ports.now().isoformat(timespec="seconds")
    page, image = str(ports.new_id()), str(ports.new_id())
    return {
        "case": str(ports.new_id()),
        "version": 1,
        "originator_ref": "TEST",
        "received_at": at,
        "intake_channel": "web_form",
        "reporter": {"anonymous": True, "feedback_requested": False},
        "matter": ["csam"],
        "urgency": "normal",
        "items": [
            {"id": page, "kind": "url", "value": "https://page.test/", "is_source": True},
            {"id": image, "kind": "url", "value": "https://page.test/one", "is_source": False},
        ],
        "statements": [
            {
                "id": str(ports.new_id()),
                "kind": "fact",
                "text": "This is a test.",
                "language": "en",
                "made_by_role": "analyst",
                "made_at": at,
                "content_warning": "none",
            }
        ],
        "classifications": [
            {
                "id": str(ports.new_id()),
                "about": page,
                "scheme": "iccam",
                "code": "national-csam",
                "assessor_role": "analyst",
                "assessed_at": at,
                "method": "human",
            }
        ],
        "marking": {
            "tlp": "AMBER",
            "handling": [],
            "permitted_actions": "ask_first",
            "attribution": "may",
            "release_to": [],
            "onward": "ask_originator",
            "erase_on": (ports.now() + timedelta(days=30)).date().isoformat(),
            "purpose": ["identify_victim"],
        },
        "legal_basis": [{"regime": "gdpr", "article": "6(1)(f)"}],
    }


def _log(
    ports: Ports, organisation: str, run: UUID
) -> tuple[str, NoteSigner, tuple[SampleReceipt, ...]]:
    """A small log of its own, and receipts of its events of which some were altered."""
    log = f"{ports.issuer.partition('://')[2]}/conformance/{run}"
    signer, stranger = (NoteSigner(log, _Key(ports.random).private) for _ in range(2))
    good = _receipts(ports, organisation, log, signer)
    forged = _receipts(ports, organisation, log, stranger)
    drawn = [
        (good[0], None),
        (good[1], None),
        (good[2], None),
        (_with_result(good[3]), "its document was altered: the entry is not that of the document"),
        (_with_nonce(good[4]), "its nonce was altered: the entry is not in the tree"),
        (forged[5], "its checkpoint is signed by another key than the log's"),
        (
            replace(good[6], disclosures=good[7].disclosures),
            "its disclosures are those of another event",
        ),
    ]
    order = sorted(range(len(drawn)), key=lambda _: ports.random(8))
    return (
        log,
        signer,
        tuple(
            SampleReceipt(f"receipt-{number}", receipt.to_json(drawn[place][0]), drawn[place][1])
            for number, place in enumerate(order, start=1)
        ),
    )


def _receipts(ports: Ports, organisation: str, log: str, signer: NoteSigner) -> Sequence[Receipt]:
    events = [_event(ports, organisation, log, place) for place in range(1, _EVENTS + 1)]
    leaves = [leaf_hash(entry_commitment(one.document, one.nonce)) for one in events]
    stored, root = tiles.append(lambda level, n: b"", 0, leaves)
    note = sign_checkpoint(Checkpoint(log, _EVENTS, root), signer)

    def read(level: int, n: int) -> bytes:
        return stored.get((level, n), b"")

    return [
        Receipt(
            one.document,
            one.nonce,
            one.shown_to(organisation),
            proof.encode(
                TlogProof(index, tuple(tiles.inclusion_proof(read, index, _EVENTS)), note)
            ),
        )
        for index, one in enumerate(events)
    ]


def _event(ports: Ports, organisation: str, log: str, place: int) -> event.EventDocument:
    fact = AuditEvent(
        id=ports.new_id(),
        action="handoff.offer",
        result=EventResult.ALLOWED,
        parties=(Party(organisation, "recipient"),),
        details=(EventDetail("purpose", "identify_victim", frozenset({organisation})),),
    )
    return event.compose(
        fact,
        log=log,
        at=ports.now(),
        policy="test",
        counters={organisation: place},
        random=ports.random,
    )


def _with_result(one: Receipt) -> Receipt:
    """The receipt of a refusal that was none."""
    return replace(one, document=one.document.replace(b'"allowed"', b'"denied"'))


def _with_nonce(one: Receipt) -> Receipt:
    return replace(one, nonce=bytes([one.nonce[0] ^ 1]) + one.nonce[1:])
