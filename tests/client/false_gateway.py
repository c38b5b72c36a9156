"""A gateway that lies with its own good keys: documents and receipts as a test words them.

It signs with the pinned keys of the log and of attestations, so that every signature holds.
"""

from typing import Any
from uuid import UUID

from gateway.domain import case as cases
from gateway.domain.audit_event import AuditEvent, EventDetail, EventResult, Party
from gateway.evidence import handoff_documents, sd_jwt
from gateway.evidence.receipt import Receipt
from gateway.evidence.sd_jwt import SdJwt
from tests import answers
from tests.casework import case_content
from tests.client.client_fixture import connection_of
from tests.evidence.ingredients import chance
from tests.founded_gateway import HOTLINE, OFMIN
from tests.ports import ISSUER, ORIGIN, START, key_of, note_signer
from tests.verification.logbook import Logbook
from tests.web.listening import listening

HOTLINES, OFMINS = (connection_of(listening(), name) for name in (HOTLINE, OFMIN))
CASE, OTHER = (UUID(f"018f0000-0000-7000-8000-00000000000{n}") for n in (1, 2))
HANDOFF = UUID("018f0000-0000-7000-8000-0000000000aa")
CONTENT = case_content(CASE)


def uri(organisation: str) -> str:
    return f"{ISSUER}/organisations/{organisation}"


def word_of(organisation: str) -> dict[str, Any]:
    return {
        "issuer": ISSUER,
        "attested_for": uri(organisation),
        "audience": ISSUER,
        "at": START,
        "jti": "jti",
        "signer": key_of("attest"),
        "random": chance("liar"),
    }


def case_document(organisation: str = HOTLINE, **changes: Any) -> SdJwt:
    """A case as the gateway attests it; ``changes`` are to its claims."""
    claims = {
        "iss": ISSUER,
        "aud": ISSUER,
        "iat": 1,
        "jti": "jti",
        "attested_for": uri(organisation),
        **cases.undisclosable_claims(CONTENT),
    }
    return sd_jwt.issue(
        typ=handoff_documents.CASE_TYP,
        claims=claims | changes,
        properties=cases.disclosable_properties(CONTENT),
        arrays=cases.disclosable_arrays(CONTENT),
        signer=key_of("attest"),
        random=chance("case"),
    )


TRUE_CASE = case_document()
PARTS = sorted(d.digest for d in TRUE_CASE.disclosures)
ROUTING = [d.digest for d in TRUE_CASE.disclosures if d.name in cases.ROUTING_FIELDS]


def offer_document(organisation: str = HOTLINE, **changes: Any) -> SdJwt:
    """An offer of all parts to OFMIN; ``changes`` are to what it says."""
    said = {
        "handoff": HANDOFF,
        "to": {"organisation": OFMIN},
        "case_digest": TRUE_CASE.digest,
        "disclosures": PARTS,
        "purpose": ["identify_victim"],
        "expires_at": None,
        "by": "liaison-1",
        "note": None,
    }
    return answers.issue_offer(**word_of(organisation) | said | changes)


TRUE_OFFER = offer_document()


def answer_document(organisation: str = OFMIN, **changes: Any) -> SdJwt:
    """A refusal by OFMIN; ``changes`` are to what it says."""
    said = {
        "handoff": HANDOFF,
        "case_digest": TRUE_CASE.digest,
        "offer_digest": TRUE_OFFER.digest,
        "package_digest": handoff_documents.package_digest(PARTS),
        "kind": "decline",
        "by": "officer-1",
        "reason": "no capacity",
    }
    return answers.issue(**word_of(organisation) | said | changes)


class Log(Logbook):
    """A log under the pinned key, with whatever history the liar likes."""

    def __init__(self) -> None:
        super().__init__(ORIGIN)
        self.signer = note_signer()


def logged(
    action: str, reader: str, by: str, /, *, log: Logbook | None = None, **changes: Any
) -> Receipt:
    """The receipt of one event, the only one without a log; ``changes`` are to its fact."""
    parts: dict[str, Any] = {
        "id": UUID("018f0000-0000-7000-8000-0000000000ee"),
        "action": action,
        "result": EventResult.ALLOWED,
        "parties": (Party(HOTLINE, "originator"), Party(OFMIN, "recipient")),
        "details": (EventDetail("by", by, frozenset({HOTLINE, OFMIN})),),
    }
    log = log or Log()
    return log.receipt(log.record(AuditEvent(**parts | changes), START), reader)
