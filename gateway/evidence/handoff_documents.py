"""Signed documents about a handoff: the originator's offer, and every answer to it.

An offer names a case version and the exact disclosures that its recipient may see; an update is an
offer of a newer version in the same handoff, and names the offer that it updates. An answer
names the handoff, the case version, the offer and the package, so that it answers nothing else.
Who signed by which pseudonym, and the reasons, are disclosures: they can be withheld and erased.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any
from uuid import UUID

from gateway.domain import case as cases
from gateway.domain.answers import ANSWERS
from gateway.domain.handoff import RecallCode, is_derogation
from gateway.domain.mandate import competence_members, parse_competence
from gateway.domain.organisation import SLUG, read_organisation_uri
from gateway.domain.revision import ChangeKind
from gateway.evidence import base64url, sd_jwt
from gateway.evidence.sd_jwt import DocumentError, SdJwt, Signer, VerifiedSdJwt

# --- How every document of a party begins: who signs, in whose name, for which gateway, when ---


HEADING = frozenset({"iss", "aud", "iat", "jti"})
"""The claims of a heading; what the gateway attests has ``attested_for`` besides."""


@dataclass(frozen=True)
class Heading:
    """The heading of one document, and what signs it.

    ``issuer`` is the author's URI, or the gateway's when it attests for the organisation whose
    URI is ``attested_for``; ``audience`` is the gateway's. ``at`` is an aware time, written as
    whole seconds (RFC 7519 2, NumericDate); ``random(n)`` gives n unpredictable bytes.
    """

    issuer: str
    audience: str
    at: datetime
    jti: UUID | str
    signer: Signer
    random: Callable[[int], bytes]
    attested_for: str | None = None

    def claims(self) -> dict[str, Any]:
        """The claims that it begins with; ValueError for a time without a zone."""
        attested = {} if self.attested_for is None else {"attested_for": self.attested_for}
        return {
            "iss": self.issuer,
            **attested,
            "aud": self.audience,
            "iat": seconds(self.at),
            "jti": str(self.jti),
        }

    def sign(
        self,
        typ: str,
        claims: Mapping[str, Any],
        disclosed: Mapping[str, Any] = MappingProxyType({}),
    ) -> SdJwt:
        """Sign a document of a type: its claims in clear, and its disclosures but those that are
        None."""
        document, _ = sd_jwt.issue_read(
            typ=typ,
            claims={**self.claims(), **claims},
            properties=[(name, value) for name, value in disclosed.items() if value is not None],
            arrays=(),
            signer=self.signer,
            random=self.random,
        )
        return document


def seconds(at: datetime) -> int:
    """A time as documents have it; ValueError for one without a zone."""
    if at.tzinfo is None:
        raise ValueError("a document's time has a time zone")
    return int(at.timestamp())


def read_time(claims: Mapping[str, Any], name: str = "iat") -> datetime:
    """When a document was signed, or another time in it; DocumentError unless it is there in whole
    seconds."""
    at = claims.get(name)
    try:
        if not isinstance(at, int) or isinstance(at, bool):
            raise ValueError
        return datetime.fromtimestamp(at, UTC)
    except (ValueError, OverflowError, OSError):
        raise DocumentError(f"the document's {name} is no time in whole seconds") from None


def read_id(claims: Mapping[str, Any]) -> UUID:
    """The id of a document; DocumentError unless it is a UUID in its one spelling."""
    value = claims.get("jti")
    try:
        found = UUID(value) if isinstance(value, str) else None
    except ValueError:
        found = None
    if found is None or str(found) != value:
        raise DocumentError("the document's jti is a UUID in lower case")
    return found


# --- Offers and answers ---


OFFER_TYP = "casegate-offer+sd-jwt"
ANSWER_TYP = "casegate-answer+sd-jwt"
CASE_TYP = "casegate-case+sd-jwt"
RECALL_TYP = "casegate-recall+sd-jwt"
TEST_TYP = "casegate-test+sd-jwt"
"""Of a test case: no verifier takes it for a case (each one pins the type)."""


BINDING = (
    "handoff",
    "case_digest",
    "offer_digest",
    "package_digest",
    "kind",
    "notice_digest",
    "recall",
)
"""What stands in clear in an answer beside its heading; the last two where it answers one."""


class StatementError(ValueError):
    """A document does not have the claims of its type, although its signature is valid."""


@dataclass(frozen=True)
class ReissueReference:
    """The offer that a re-issued one replaces: its recipient, its handoff, its digest.

    ``event`` is the one that planned the succession.
    """

    predecessor: str
    handoff: UUID
    offer: str
    event: UUID


@dataclass(frozen=True)
class OfferClaims:
    """The claims of an offer. ``author`` and ``recipient`` are organisation ids.

    ``competence`` names the mandate that was addressed, and ``mandate_event`` the event that
    registered its holder. ``disclosures`` are the digests that a presentation may show at most.
    ``transfer_tool`` is what lets the case go to a third country.
    ``reissue_of`` is set when the gateway re-issued the offer because the mandate moved.
    ``updates`` is the digest of the offer that an update updates, ``change`` what it is to it.
    ``expires_at`` is in whole seconds since 1970.
    """

    author: str
    handoff: UUID
    recipient: str
    competence: str | None
    mandate_event: str | None
    case_digest: str
    disclosures: frozenset[str]
    purpose: tuple[str, ...] = ()
    transfer_tool: str | None = None
    reissue_of: ReissueReference | None = None
    expires_at: int | None = None
    updates: str | None = None
    change: ChangeKind | None = None

    @property
    def package_digest(self) -> str:
        """The digest of the list of disclosures."""
        return package_digest(self.disclosures)


@dataclass(frozen=True)
class AnswerClaims:
    """The claims of an answer. ``groups`` is None unless disclosed; ``notice_digest`` is that of
    the correction notice which it answers, ``recall`` that of the recall, if it answers one."""

    author: str
    kind: str
    handoff: UUID
    case_digest: str
    offer_digest: str
    package_digest: str
    groups: tuple[str, ...] | None
    notice_digest: str | None = None
    recall: str | None = None


@dataclass(frozen=True)
class RecallClaims:
    """The claims of a recall: of a case, up to a version, or of one handoff of it alone."""

    author: str
    case: UUID
    version: int
    code: RecallCode
    handoff: UUID | None


def package_digest(digests: Iterable[str]) -> str:
    """Name a set of disclosures: SHA-256 of their digests, sorted and joined by LF (base64url)."""
    return base64url.digest("\n".join(sorted(set(digests))).encode("ascii"))


def issue_case(
    heading: Heading, content: Mapping[str, Any], persons: Mapping[str, str] = MappingProxyType({})
) -> tuple[SdJwt, VerifiedSdJwt]:
    """Sign a version of a case (JSON), and what its readers will find in it.

    ``persons`` are PERSONS of it. Raises KeyError for what stands in clear and is not there,
    TypeError or AttributeError for a value of another type than the profile's.
    """
    return sd_jwt.issue_read(
        typ=CASE_TYP,
        claims={**heading.claims(), **cases.undisclosable_claims(content)},
        properties=[*cases.disclosable_properties(content), *persons.items()],
        arrays=cases.disclosable_arrays(content),
        signer=heading.signer,
        random=heading.random,
    )


def issue_offer(
    heading: Heading,
    *,
    handoff: UUID | str,
    to: Mapping[str, Any],
    case_digest: str,
    disclosures: Sequence[str],
    purpose: Sequence[str],
    expires_at: datetime | None,
    by: str,
    note: str | None,
    again: str | None = None,
    country_reason: str | None = None,
    approved_by: str | None = None,
    transfer_tool: str | None = None,
    reissue_of: ReissueReference | None = None,
    updates: str | None = None,
    change: ChangeKind | None = None,
) -> SdJwt:
    """Sign an offer; persons, ``note`` and the two reasons are its disclosures.

    ``to`` has ``organisation``, and for a competence also ``competence`` and ``mandate_event``;
    ``disclosures`` are digests, and ``expires_at`` is written as whole seconds.
    """
    claims: dict[str, Any] = {"handoff": str(handoff), "to": dict(to), "case_digest": case_digest}
    claims |= {"disclosures": sorted(set(disclosures)), "purpose": list(purpose)}
    if expires_at is not None:
        claims["expires_at"] = seconds(expires_at)
    claims |= {} if transfer_tool is None else {"transfer_tool": transfer_tool}
    if updates is not None:
        claims |= {"updates": updates, "change": str(change)}
    if reissue_of is not None:
        claims["reissue_of"] = {name: str(value) for name, value in vars(reissue_of).items()}
    words = {"by": by, "approved_by": approved_by, "note": note, "again": again}
    words |= {"country_reason": country_reason}
    return heading.sign(OFFER_TYP, claims, words)


def issue_answer(
    heading: Heading,
    *,
    handoff: UUID | str,
    case_digest: str,
    offer_digest: str,
    package_digest: str,
    kind: str,
    fields: Mapping[str, Any],
    notice_digest: str | None = None,
    recall: str | None = None,
) -> SdJwt:
    """Sign an answer of a known kind (else StatementError).

    Only the ids and digests of what it answers stand in clear. All ``fields`` are disclosures,
    those that are None left out: only the parties may know what was decided and why. ``recall``
    is the digest of the recall that is answered.
    """
    if kind not in ANSWERS:
        raise StatementError("an answer is of a known kind")
    claims = {
        "handoff": str(handoff),
        "case_digest": case_digest,
        "offer_digest": offer_digest,
        "package_digest": package_digest,
        "kind": kind,
    }
    if notice_digest is not None:
        claims["notice_digest"] = notice_digest
    if recall is not None:
        claims["recall"] = recall
    return heading.sign(ANSWER_TYP, claims, fields)


def issue_recall(
    heading: Heading,
    *,
    case: UUID | str,
    version: int,
    code: RecallCode,
    by: str,
    approved_by: str | None,
    reason: str | None,
    handoff: UUID | str | None = None,
) -> SdJwt:
    """Sign a recall; the persons and the reason are its disclosures.

    One document is for all holders: it names no handoff and no recipient, unless it is of one
    ``handoff`` alone.
    """
    claims = {"case": str(case), "version": version, "code": str(code)}
    if handoff is not None:
        claims["handoff"] = str(handoff)
    words = {"by": by, "approved_by": approved_by, "reason": reason}
    return heading.sign(RECALL_TYP, claims, words)


def read_recall(verified: VerifiedSdJwt) -> RecallClaims:
    """The claims of a verified recall; StatementError when one is missing or malformed."""
    claims = verified.claims
    try:
        code = RecallCode(_text(claims, "code"))
    except ValueError as error:
        raise StatementError("a recall has a code that is known") from error
    version = claims.get("version")
    if isinstance(version, bool) or not isinstance(version, int):
        raise StatementError("a recall names the last version that it covers")
    return RecallClaims(
        author=author(claims),
        case=_id(claims, "case"),
        version=version,
        code=code,
        handoff=_id(claims, "handoff") if "handoff" in claims else None,
    )


def author(claims: Mapping[str, Any]) -> str:
    """The id of the organisation that is the author of a document; see `author_at`."""
    return author_at(claims)[1]


def author_at(claims: Mapping[str, Any]) -> tuple[str, str]:
    """The gateway's URI, and the id of its organisation that is the author of a document.

    The organisation's URI, ``<gateway>/organisations/<id>``, is ``attested_for`` where the
    gateway signed, else ``iss``. Raises StatementError for anything else, and for a gateway
    that speaks for another gateway's organisation.
    """
    issuer, attested = claims.get("iss"), claims.get("attested_for")
    uri = attested if "attested_for" in claims else issuer
    named = read_organisation_uri(uri) if isinstance(uri, str) else None
    if named is None:
        raise StatementError("the document names no author")
    gateway, organisation = named
    if attested is not None and gateway != issuer:
        raise StatementError("a gateway attests only for its own organisations")
    return gateway, organisation


def read_offer(verified: VerifiedSdJwt) -> OfferClaims:
    """The claims of a verified offer; StatementError when one is missing or malformed."""
    claims = verified.claims
    to = claims.get("to")
    if not isinstance(to, dict) or not to.keys() <= {"organisation", "competence", "mandate_event"}:
        raise StatementError("an offer says to whom it is made")
    disclosures = claims.get("disclosures")
    if not isinstance(disclosures, list):
        raise StatementError("an offer lists what may be shown")
    return OfferClaims(
        author=author(claims),
        handoff=_id(claims, "handoff"),
        recipient=_slug(to, "organisation"),
        competence=_text(to, "competence") if "competence" in to else None,
        mandate_event=_text(to, "mandate_event") if "mandate_event" in to else None,
        case_digest=_digest(claims.get("case_digest")),
        disclosures=frozenset(_digest(digest) for digest in disclosures),
        purpose=_words(claims, "purpose") if "purpose" in claims else (),
        transfer_tool=_text(claims, "transfer_tool") if "transfer_tool" in claims else None,
        reissue_of=_succeeds(claims) if "reissue_of" in claims else None,
        expires_at=_whole(claims["expires_at"]) if "expires_at" in claims else None,
        updates=_digest(claims["updates"]) if "updates" in claims else None,
        change=_change(claims),
    )


def _change(claims: Mapping[str, Any]) -> ChangeKind | None:
    if ("updates" in claims) != ("change" in claims):
        raise StatementError("an update names the offer that it updates, and what it changes")
    if "change" not in claims:
        return None
    try:
        return ChangeKind(_text(claims, "change"))
    except ValueError:
        raise StatementError("an update is an addition, a tightening or a correction") from None


def _whole(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise StatementError("a time is in whole seconds")
    return value


def _succeeds(claims: Mapping[str, Any]) -> ReissueReference:
    named = claims["reissue_of"]
    if not isinstance(named, dict) or named.keys() != {"predecessor", "handoff", "offer", "event"}:
        raise StatementError("a re-issued offer names the one that it replaces")
    if "attested_for" not in claims:
        raise StatementError("only the gateway re-issues an offer")
    return ReissueReference(
        predecessor=_slug(named, "predecessor"),
        handoff=_id(named, "handoff"),
        offer=_digest(named["offer"]),
        event=_id(named, "event"),
    )


def read_answer(verified: VerifiedSdJwt) -> AnswerClaims:
    """The claims of a verified answer; StatementError when one is missing or malformed."""
    claims = verified.claims
    kind = _text(claims, "kind")
    if kind not in ANSWERS:
        raise StatementError("an answer is of a known kind")
    return AnswerClaims(
        author=author(claims),
        kind=kind,
        handoff=_id(claims, "handoff"),
        case_digest=_digest(claims.get("case_digest")),
        offer_digest=_digest(claims.get("offer_digest")),
        package_digest=_digest(claims.get("package_digest")),
        groups=_groups(verified),
        notice_digest=_digest(claims["notice_digest"]) if "notice_digest" in claims else None,
        recall=_digest(claims["recall"]) if "recall" in claims else None,
    )


def _groups(verified: VerifiedSdJwt) -> tuple[str, ...] | None:
    for placed in verified.placed:
        if placed.name == "groups":
            if not isinstance(placed.value, list):
                raise StatementError("the groups of an acceptance are a list")
            return tuple(str(group) for group in placed.value)
    return None


def _words(claims: Mapping[str, Any], name: str) -> tuple[str, ...]:
    value = claims.get(name)
    if not isinstance(value, list) or not all(isinstance(word, str) for word in value):
        raise StatementError(f"{name} is missing or malformed")
    return tuple(value)


def _text(claims: Mapping[str, Any], name: str) -> str:
    value = claims.get(name)
    if not isinstance(value, str):
        raise StatementError(f"{name} is missing or malformed")
    return value


def _slug(claims: Mapping[str, Any], name: str) -> str:
    value = _text(claims, name)
    if not SLUG.fullmatch(value):
        raise StatementError(f"{name} is not an organisation id")
    return value


def _id(claims: Mapping[str, Any], name: str) -> UUID:
    value = _text(claims, name)
    try:
        found = UUID(value)
    except ValueError:
        raise StatementError(f"{name} is not a UUID") from None
    if str(found) != value:
        raise StatementError(f"{name} is not a UUID in lower case")
    return found


def _digest(value: Any) -> str:
    if not isinstance(value, str) or not base64url.DIGEST.fullmatch(value):
        raise StatementError("a digest is missing or malformed")
    return value


# --- What a signed document asks, where it is sent in place of a request's JSON body ---


PERSONS = ("by", "clearance", "change")
"""Disclosures of a signed case that are for the gateway alone: no reader is given them."""


def request_in(verified: VerifiedSdJwt) -> dict[str, Any]:
    """The members of the JSON body that a document of any type stands for.

    Raises StatementError where it has not the claims of its type.
    """
    typ = verified.header.get("typ")
    if typ == CASE_TYP:
        claims = sd_jwt.merge_disclosures(verified)
        persons = {name: claims[name] for name in PERSONS if name in claims}
        return {**persons, "content": cases.case_from_claims(claims)}
    if typ == OFFER_TYP:
        return {**verified.disclosed, **_offered(verified)}
    if typ == RECALL_TYP:
        return {**verified.disclosed, "code": str(read_recall(verified).code)}
    return verified.disclosed


def _offered(verified: VerifiedSdJwt) -> dict[str, Any]:
    """Return what an offer says in clear: its list is the digests that are asked for."""
    offer, claims = read_offer(verified), verified.claims
    to: dict[str, Any] = {"organisation": offer.recipient}
    if (offer.competence is None) != (offer.mandate_event is None):
        raise StatementError("an offer to a competence says by which event it was resolved")
    if offer.competence is not None:
        if parse_competence(offer.competence) is None:
            raise StatementError("an offer is to a competence, as receive/csam/FR")
        to["competence"] = competence_members(offer.competence)
    asked = {
        "handoff": str(offer.handoff),
        "to": to,
        "digests": claims["disclosures"],
        "purpose": list(offer.purpose),
    }
    if offer.expires_at is not None:
        asked["expires_at"] = read_time(claims, "expires_at").isoformat()
    if is_derogation(offer.transfer_tool):
        asked["derogation"] = True
    return asked
