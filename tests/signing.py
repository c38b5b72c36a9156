"""What a partner signs itself, made as a careful partner makes it, and as a careless one does."""

from collections.abc import Mapping
from typing import Any

from gateway.domain import case as cases
from gateway.evidence import handoff_documents, sd_jwt
from tests.founded_gateway import Founded
from tests.ports import ISSUER


def heading(gateway: Founded, organisation: str) -> dict[str, Any]:
    """Who says it, to whom, when, and under which idempotency key."""
    return {
        "iss": f"{ISSUER}/organisations/{organisation}",
        "aud": ISSUER,
        "iat": int(gateway.clock().timestamp()),
        "jti": str(gateway.new_id()),
    }


def signed_case(
    gateway: Founded,
    organisation: str,
    key: Any,
    content: Mapping[str, Any],
    *,
    persons: Mapping[str, Any] | None = None,
    typ: str = handoff_documents.CASE_TYP,
    **claims: Any,
) -> sd_jwt.SdJwt:
    """A case signed by its originator; ``claims`` replace what stands in clear, None leaves out."""
    said = heading(gateway, organisation) | cases.undisclosable_claims(content) | claims
    by = {"by": "intake-1"} if persons is None else persons
    return sd_jwt.issue(
        typ=typ,
        claims={name: value for name, value in said.items() if value is not None},
        properties=[*cases.disclosable_properties(content), *by.items()],
        arrays=cases.disclosable_arrays(content),
        signer=key,
        random=gateway.ports.random,
    )


def signed_answer(
    gateway: Founded,
    organisation: str,
    key: Any,
    view: Mapping[str, Any],
    kind: str,
    *,
    changes: Mapping[str, Any] | None = None,
    **said: Any,
) -> sd_jwt.SdJwt:
    """An answer to a handoff as its view shows it; ``changes`` are to what stands in clear."""
    offer = sd_jwt.parse(view["answers"][0]["document"])
    claims = {
        **heading(gateway, organisation),
        "handoff": view["handoff"],
        "case_digest": view["case_digest"],
        "offer_digest": offer.digest,
        "package_digest": handoff_documents.package_digest(view["permitted_disclosures"]),
        "kind": kind,
        **(changes or {}),
    }
    return sd_jwt.issue(
        typ=handoff_documents.ANSWER_TYP,
        claims={name: value for name, value in claims.items() if value is not None},
        properties=list(said.items()),
        arrays=(),
        signer=key,
        random=gateway.ports.random,
    )


def signed_offer(
    gateway: Founded,
    organisation: str,
    key: Any,
    preview: Mapping[str, Any],
    *,
    said: Mapping[str, Any] | None = None,
    typ: str = handoff_documents.OFFER_TYP,
    **claims: Any,
) -> sd_jwt.SdJwt:
    """An offer of what a preview shows; ``claims`` replace what stands in clear."""
    clear = {
        **heading(gateway, organisation),
        "handoff": str(gateway.new_id()),
        "to": preview["to"],
        "case_digest": preview["case_digest"],
        "disclosures": preview["permitted_disclosures"],
        "purpose": ["identify_victim"],
        **claims,
    }
    return sd_jwt.issue(
        typ=typ,
        claims={name: value for name, value in clear.items() if value is not None},
        properties=list(({"by": "liaison-1"} if said is None else said).items()),
        arrays=(),
        signer=key,
        random=gateway.ports.random,
    )
