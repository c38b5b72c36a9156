"""A partner's own documents: signed by its key, kept and sent as the bytes that were signed."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Protocol
from uuid import UUID

from gateway.client.documents import Previewed, VerifiedOffer
from gateway.client.errors import InvalidCase
from gateway.domain import case as cases
from gateway.domain.organisation import organisation_uri, parse_competence
from gateway.evidence import handoff_documents, sd_jwt, succession_approval
from gateway.evidence.handoff_documents import CASE_TYP, OFFER_TYP
from gateway.evidence.heading import Heading
from gateway.evidence.sd_jwt import SdJwt


class DocumentSigningKey(Protocol):
    """A document key of one's own, such as `gateway.keys.load_key` reads."""

    @property
    def kid(self) -> str:
        """Its id, the RFC 7638 thumbprint."""

    @property
    def alg(self) -> str:
        """ES256 or Ed25519."""

    def sign(self, data: bytes) -> bytes:
        """The signature in JOSE form."""

    def public_jwk(self) -> dict[str, str]:
        """The public half."""


@dataclass(frozen=True)
class DocumentSigner:
    """Who signs: the organisation at its gateway, its key, its clock, ids and randomness."""

    issuer: str
    organisation: str
    key: DocumentSigningKey
    now: Callable[[], datetime]
    ids: Callable[[], UUID]
    random: Callable[[int], bytes]

    def case(self, asked: Mapping[str, Any]) -> SdJwt:
        """Sign a case with its persons; NotACase when the content is not one of the profile."""
        content = {name: value for name, value in asked["content"].items() if value != []}
        persons = {name: asked.get(name) for name in ("by", "clearance")}
        try:
            document = sd_jwt.issue(
                typ=CASE_TYP,
                claims={**self._heading().claims(), **cases.undisclosable_claims(content)},
                properties=[
                    *cases.disclosable_properties(content),
                    *((name, value) for name, value in persons.items() if value is not None),
                ],
                arrays=cases.disclosable_arrays(content),
                signer=self.key,
                random=self.random,
            )
        except KeyError as lacking:
            raise InvalidCase(
                f"the case lacks {lacking.args[0]}, which stands in clear in a signed document"
            ) from None
        except (TypeError, AttributeError):
            raise InvalidCase("the case has a value of another type than its profile") from None
        signed = members_of(document)["content"]
        if beyond := sorted(name for name in content if signed.get(name) != content[name]):
            raise InvalidCase(
                f"the case has what its profile does not have, in {', '.join(beyond)}"
            )
        return document

    def offer(self, asked: Mapping[str, Any], previewed: Previewed) -> SdJwt:
        """Sign an offer of what was previewed and checked."""
        until = asked.get("until")
        return handoff_documents.issue_offer(
            self._heading(),
            handoff=asked["handoff"],
            to=previewed.to,
            case_digest=previewed.case_digest,
            disclosures=previewed.permitted,
            purpose=asked["purpose"],
            until=None if until is None else datetime.fromisoformat(until),
            by=asked["by"],
            note=asked.get("note"),
        )

    def answer(self, kind: str, offered: VerifiedOffer, fields: Mapping[str, Any]) -> SdJwt:
        """Sign an answer to an offer that was verified."""
        return handoff_documents.issue_answer(
            self._heading(),
            handoff=offered.offer.handoff,
            case_digest=offered.offer.case_digest,
            offer_digest=offered.signed.document.digest,
            package=offered.offer.package,
            kind=kind,
            fields=fields,
        )

    def approval(self, shown: Mapping[str, Any], by: str) -> SdJwt:
        """Sign an approval of a succession as the gateway shows it."""
        return succession_approval.issue(self._heading(), shown=shown, by=by)

    def _heading(self) -> Heading:
        author = organisation_uri(self.issuer, self.organisation)
        return Heading(author, self.issuer, self.now(), self.ids(), self.key, self.random)


def members_of(document: SdJwt) -> dict[str, Any]:
    """What a document of one's own asks, as the members of the JSON body in its place."""
    verified = sd_jwt.read_own(document)
    if verified.header.get("typ") == OFFER_TYP:
        return _offered(verified)
    if verified.header.get("typ") != CASE_TYP:
        return {placed.name: placed.value for placed in verified.placed}
    said = sd_jwt.merge_disclosures(verified)
    asked: dict[str, Any] = {n: said[n] for n in ("by", "clearance") if n in said}
    return {**asked, "content": cases.case_from_claims(said)}


def _offered(verified: sd_jwt.VerifiedSdJwt) -> dict[str, Any]:
    claims = verified.claims
    asked = {placed.name: placed.value for placed in verified.placed}
    if "until" in claims:
        asked["until"] = datetime.fromtimestamp(claims["until"], UTC).isoformat()
    return {
        **asked,
        "handoff": claims["handoff"],
        "to": _addressed(claims["to"]),
        "digests": claims["disclosures"],
        "purpose": claims["purpose"],
    }


def _addressed(to: Mapping[str, str]) -> dict[str, Any]:
    named = parse_competence(to.get("competence", ""))
    if named is None:
        return {"organisation": to["organisation"]}
    return {"competence": {"matter": named[1], "territory": named[2]}}
