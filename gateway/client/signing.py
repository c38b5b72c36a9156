"""The member's own documents, signed with its document key."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, Protocol
from uuid import UUID

from gateway.client.documents import Previewed
from gateway.client.errors import InvalidCase
from gateway.domain.organisation import organisation_uri
from gateway.evidence import handoff_documents
from gateway.evidence.sd_jwt import SdJwt, Signer, Unsigned


class DocumentSigningKey(Signer, Protocol):
    """A document key of the member, such as `gateway.keys.load_key` reads."""

    def public_jwk(self) -> dict[str, str]:
        """The public half."""


@dataclass(frozen=True)
class DocumentSigner:
    """Who signs: the organisation at its gateway, its key, its clock, ids and randomness."""

    issuer: str
    organisation: str
    key: Signer
    now: Callable[[], datetime]
    ids: Callable[[], UUID]
    random: Callable[[int], bytes]

    def case(self, asked: Mapping[str, Any]) -> SdJwt:
        """Sign a case with its persons; InvalidCase when the content is not one of the profile."""
        content = {name: value for name, value in asked["content"].items() if value != []}
        persons = {
            name: asked[name] for name in handoff_documents.PERSONS if asked.get(name) is not None
        }
        try:
            document, verified = handoff_documents.issue_case(self.heading(), content, persons)
        except KeyError as lacking:
            raise InvalidCase(
                f"the case lacks {lacking.args[0]}, which stands in clear in a signed document"
            ) from None
        except (TypeError, AttributeError):
            raise InvalidCase("the case has a value of another type than its profile") from None
        signed = handoff_documents.request_in(verified)["content"]
        if beyond := sorted(name for name in content if signed.get(name) != content[name]):
            raise InvalidCase(
                f"the case has what its profile does not have, in {', '.join(beyond)}"
            )
        return document

    def offer(self, asked: Mapping[str, Any], previewed: Previewed) -> SdJwt:
        """Sign an offer of what was previewed and checked, or an update, which repeats the terms of
        its handoff."""
        before = previewed.updates.claims if previewed.updates else None
        text = asked.get("expires_at")
        ends = None if text is None else datetime.fromisoformat(text)
        if before and ends is None and before.expires_at is not None:
            ends = datetime.fromtimestamp(before.expires_at, UTC)
        return handoff_documents.issue_offer(
            self.heading(previewed.audience),
            handoff=before.handoff if before else asked["handoff"],
            to={**previewed.to, "organisation": previewed.to["organisation"].partition("@")[0]},
            case_digest=previewed.case_digest,
            disclosures=previewed.permitted_disclosures,
            purpose=before.purpose if before else asked["purpose"],
            expires_at=ends,
            by=asked["by"],
            note=asked.get("note"),
            again=asked.get("again"),
            country_reason=asked.get("country_reason"),
            transfer_tool=previewed.transfer_tool,
            updates=previewed.updates.digest if previewed.updates else None,
            change=previewed.change,
        )

    def drafting(self, jti: UUID) -> "DocumentSigner":
        """The same, whose one document, under this id, is a draft: nobody signed it yet."""
        return replace(self, key=Unsigned(self.key.kid, self.key.alg), ids=lambda: jti)

    def heading(self, audience: str | None = None) -> handoff_documents.Heading:
        """Return what stands at the head of a document that is signed now, for a gateway."""
        author, to = organisation_uri(self.issuer, self.organisation), audience or self.issuer
        return handoff_documents.Heading(author, to, self.now(), self.ids(), self.key, self.random)
