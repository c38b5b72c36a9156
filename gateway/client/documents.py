"""Signed documents: those in the gateway's answers verified, the member's own ones signed.

A gateway that attests signs on behalf of the member. So the client reads each document that comes
back, and refuses an offer or an answer that differs from the request.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any, Protocol
from uuid import UUID

from gateway.client.connection import PartnerConnection
from gateway.client.errors import EvidenceMismatch, InvalidCase, KeyNotHeld
from gateway.domain import case as cases
from gateway.domain.answers import ANSWERS, KIND_OF_ACTION
from gateway.domain.conditions import conditions, repeats
from gateway.domain.organisation import competence_members, format_competence, organisation_uri
from gateway.domain.outcome import codes_shown_for
from gateway.domain.recall import KEPT, RecallCode
from gateway.domain.revision import ChangeKind
from gateway.evidence import approval, handoff_documents, membership_attestation, sd_jwt
from gateway.evidence.handoff_documents import (
    ANSWER_TYP,
    CASE_TYP,
    OFFER_TYP,
    RECALL_TYP,
    AnswerClaims,
    OfferClaims,
    RecallClaims,
    StatementError,
)
from gateway.evidence.heading import Heading
from gateway.evidence.key_declaration import MAX_SKEW
from gateway.evidence.membership_attestation import MembershipAttestation
from gateway.evidence.sd_jwt import DocumentError, SdJwt, Signer, UnknownKey
from gateway.evidence.trust import AuthoredDocument, open_document, read_unverified_claims


@dataclass(frozen=True)
class VerifiedOffer:
    """The signed document and its claims."""

    signed: AuthoredDocument
    offer: OfferClaims


def open_ours(text: Any, typ: str, connection: PartnerConnection) -> AuthoredDocument:
    """Verify a document of this gateway, for it; EvidenceMismatch when it is none.

    Raises KeyNotHeld when its author's key can neither be found here nor fetched.
    """
    try:
        if not isinstance(text, str):
            raise DocumentError("it is missing")
        signed = _open(sd_jwt.parse(text), typ, connection)
        claims = signed.verified.claims
        if claims.get("aud") != connection.issuer:
            raise DocumentError("it is for another gateway")
        if signed.attested and claims.get("iss") != connection.issuer:
            raise DocumentError("it is attested by another gateway")
    except (DocumentError, StatementError) as error:
        raise EvidenceMismatch(f"a document in the answer does not verify: {error}") from None
    return signed


def _open(document: SdJwt, typ: str, connection: PartnerConnection) -> AuthoredDocument:
    """Check a document's signature; a key that is missing is fetched once."""
    try:
        return open_document(document, typ, connection.trust)
    except UnknownKey:
        claims = read_unverified_claims(document).claims
        gateway, author = handoff_documents.author_at(claims)
        if gateway != connection.issuer:
            raise
    if "attested_for" in claims:
        raise KeyNotHeld(
            "the gateway attests with a key that is not in attestation_keys of the connection: "
            "ask the gateway's operator for its keys, and compare them"
        )
    connection.fetch_keys(author)
    try:
        return open_document(document, typ, connection.trust)
    except UnknownKey:
        raise DocumentError(f"{author} never registered the key that signed it") from None


def open_offer(text: Any, connection: PartnerConnection) -> VerifiedOffer:
    """Verify an offer and read its claims."""
    signed = open_ours(text, OFFER_TYP, connection)
    try:
        return VerifiedOffer(signed, handoff_documents.read_offer(signed.verified))
    except StatementError as error:
        raise EvidenceMismatch(f"the offer cannot be read: {error}") from None


def open_answer(text: Any, connection: PartnerConnection) -> tuple[AuthoredDocument, AnswerClaims]:
    """Verify an answer and read its claims."""
    signed = open_ours(text, ANSWER_TYP, connection)
    try:
        return signed, handoff_documents.read_answer(signed.verified)
    except StatementError as error:
        raise EvidenceMismatch(f"an answer cannot be read: {error}") from None


def open_recall(text: Any, connection: PartnerConnection) -> tuple[AuthoredDocument, RecallClaims]:
    """Verify a recall and read its claims."""
    signed = open_ours(text, RECALL_TYP, connection)
    try:
        return signed, handoff_documents.read_recall(signed.verified)
    except StatementError as error:
        raise EvidenceMismatch(f"a recall cannot be read: {error}") from None


def check_recall(
    text: Any, path: str, asked: Mapping[str, Any], connection: PartnerConnection
) -> AuthoredDocument:
    """The recall that was signed is the one that was asked for at an address."""
    signed, recall = open_recall(text, connection)
    require(recall.author == connection.organisation, "the recall is signed for somebody else")
    of_one = recall.handoff is not None
    at = f"/handoffs/{recall.handoff}/recall" if of_one else f"/cases/{recall.case}/recall"
    require(at == path, "the recall that was signed is of another case, or of other handoffs")
    said = {"code": recall.code, **{p.name: p.value for p in signed.verified.placed}}
    require(said == dict(asked), "the recall that was signed does not say what was asked")
    return signed


def check_case(
    text: Any, asked: Mapping[str, Any], connection: PartnerConnection
) -> AuthoredDocument:
    """The document that was signed for a submitted case says exactly what was submitted."""
    signed = open_ours(text, CASE_TYP, connection)
    require(signed.author == connection.organisation, "the case is signed for somebody else")
    content = {name: value for name, value in asked["content"].items() if value != []}
    read = cases.case_from_claims(sd_jwt.merge_disclosures(signed.verified))
    require(read == content, "the signed case is not the one that was submitted")
    return signed


def check_offer(
    text: Any, asked: Mapping[str, Any], connection: PartnerConnection
) -> VerifiedOffer:
    """The offer that was signed is the one that was asked for."""
    offered = open_offer(text, connection)
    offer, content = offered.offer, offered.signed.verified.content
    to = {"organisation": offer.recipient}
    if offer.competence is not None:
        to |= {"competence": offer.competence, "mandate_event": str(offer.mandate_event)}
    require(_is_to(to, asked["to"]), "the offer is made to somebody else")
    require(offer.author == connection.organisation, "the offer is signed for somebody else")
    require(str(offer.handoff) == asked["handoff"], "the offer is of another handoff")
    expires_at = asked.get("expires_at")
    ends = None if expires_at is None else int(datetime.fromisoformat(expires_at).timestamp())
    require(content.get("expires_at") == ends, "the offer ends at another time")
    for name in ("purpose", "by", "note", "again", "country_reason", "request"):
        require(content.get(name) == asked.get(name), f"the offer states another {name}")
    return offered


def check_update(
    text: Any, handoff: str, asked: Mapping[str, Any], connection: PartnerConnection
) -> VerifiedOffer:
    """The update that was signed is of this handoff, and says what was asked."""
    offered = open_offer(text, connection)
    offer, content = offered.offer, offered.signed.verified.content
    require(offer.author == connection.organisation, "the update is signed for somebody else")
    require(str(offer.handoff) == handoff, "the update is of another handoff")
    require(offer.updates is not None, "the update names no offer that it updates")
    for name in ("by", "note"):
        require(content.get(name) == asked.get(name), f"the update states another {name}")
    return offered


@dataclass(frozen=True)
class Previewed:
    """What an offer names beside what was asked: the version, the recipient, the parts.

    ``withheld_groups`` are the groups of which policy holds something back, ``transfer_tool`` what
    lets the case go to a third country.
    """

    case_digest: str
    to: Mapping[str, Any]
    permitted_disclosures: tuple[str, ...]
    withheld_groups: tuple[str, ...]
    transfer_tool: str | None = None


@dataclass(frozen=True)
class PreviewedUpdate:
    """What an update names beside what was asked: the offer that it updates, and what it is.

    ``before`` is that offer, whose terms it repeats.
    """

    previewed: Previewed
    before: VerifiedOffer
    change: ChangeKind


def check_preview(
    found: Mapping[str, Any],
    asked: Mapping[str, Any],
    parts: Mapping[str, Sequence[str]] | None,
    connection: PartnerConnection,
) -> Previewed:
    """A preview that one may sign an offer of: for the case and the recipient that were asked.

    The version is taken from its own document, never from the preview's word. ``parts`` are the
    digests of the case by group, where they are known: then nothing beyond what was selected is
    signed. Otherwise which parts the digests stand for rests on the gateway's word.
    """
    case = open_ours(found.get("routing"), CASE_TYP, connection)
    require(case.author == connection.organisation, "the case previewed is not our own")
    require(case.verified.claims.get("case") == asked["case"], "the preview is of another case")
    to: Any = found.get("to")
    permitted_disclosures: Any = found.get("permitted_disclosures")
    require(isinstance(to, dict) and _is_to(to, asked["to"]), "the preview is to somebody else")
    listed = isinstance(permitted_disclosures, list) and all(
        isinstance(one, str) for one in permitted_disclosures
    )
    require(listed and bool(permitted_disclosures), "the preview does not list what it would give")
    if parts is not None:
        groups = (*(asked.get("groups") or ()), "routing")
        chosen = {digest for group in groups for digest in parts.get(group, ())}
        chosen |= set(asked.get("digests") or ())
        require(
            set(permitted_disclosures) <= chosen, "the preview names parts that were not selected"
        )
    tool = _previewed_tool(found, case, permitted_disclosures, asked["purpose"])
    withheld = tuple(str(group) for group in found.get("withheld_groups") or ())
    return Previewed(case.document.digest, to, tuple(permitted_disclosures), withheld, tool)


def _previewed_tool(
    found: Mapping[str, Any],
    case: AuthoredDocument,
    permitted_disclosures: Sequence[str],
    purpose: Sequence[str],
) -> str | None:
    """The transfer tool of a preview, once its conditions are those that the case states."""
    unnamed = {p.name for p in case.verified.placed if p.digest not in permitted_disclosures}
    require(unnamed <= {"embargo_source"}, "the preview leaves out a condition of use")
    content = {n: v for n, v in case.verified.content.items() if n not in unnamed}
    shown: Any = found.get("conditions")
    tool = shown.get("transfer_tool") if isinstance(shown, dict) else None  # the gateway's word
    stated = conditions(content, purpose, tool)
    require(shown == stated, "the conditions previewed are not those that the case states")
    return tool


def check_update_preview(
    found: Mapping[str, Any],
    case: str,
    newest: VerifiedOffer,
    connection: PartnerConnection,
) -> PreviewedUpdate:
    """A preview that one may sign an update of: it updates the offer that was verified."""
    offer = newest.offer
    to = {"organisation": offer.recipient}
    if offer.competence is not None:
        to |= {"competence": offer.competence, "mandate_event": str(offer.mandate_event)}
    document = open_ours(found.get("routing"), CASE_TYP, connection)
    require(document.author == connection.organisation, "the case previewed is not our own")
    require(document.verified.claims.get("case") == case, "the preview is of another case")
    require(found.get("to") == to, "the preview is to somebody else")
    require(
        found.get("updates") == newest.signed.document.digest, "the preview updates another offer"
    )
    permitted: Any = found.get("permitted_disclosures")
    listed = isinstance(permitted, list) and all(isinstance(one, str) for one in permitted)
    require(listed and bool(permitted), "the preview does not list what it would give")
    change = str(found.get("change"))
    require(change in [*ChangeKind], "the preview does not say what the update is")
    withheld = tuple(str(group) for group in found.get("withheld_groups") or ())
    tool = _previewed_tool(found, document, permitted, offer.purpose)
    previewed = Previewed(document.document.digest, to, tuple(permitted), withheld, tool)
    return PreviewedUpdate(previewed, newest, ChangeKind(change))


def _is_to(to: Mapping[str, Any], asked: Mapping[str, Any]) -> bool:
    """Whether an offer is to the recipient that was asked for; the gateway finds the holder."""
    if "competence" not in asked:
        return dict(to) == dict(asked)
    if to.keys() != {"organisation", "competence", "mandate_event"}:
        return False
    key = format_competence(**{"function": "receive", **asked["competence"]})
    return to["competence"] == key and asked.get("organisation") in (None, to["organisation"])


def check_answer(
    text: Any, action: str, asked: Mapping[str, Any], connection: PartnerConnection
) -> tuple[AuthoredDocument, AnswerClaims]:
    """The answer that was signed has exactly the requested fields."""
    signed, answer = open_answer(text, connection)
    require(answer.author == connection.organisation, "the answer is signed for somebody else")
    require(answer.kind == KIND_OF_ACTION[action].name, "the answer is of another kind")
    signed_fields = {placed.name: placed.value for placed in signed.verified.placed}
    said = {name: value for name, value in asked.items() if name != "offer"}
    require(signed_fields == said, "the answer that was signed does not say what was asked")
    named = asked.get("offer", answer.offer_digest)
    require(answer.offer_digest == named, "the answer that was signed is about another offer")
    return signed, answer


def check_view(view: Mapping[str, Any], connection: PartnerConnection) -> tuple[VerifiedOffer, ...]:
    """A handoff as the gateway shows it: each part against the signed document behind it.

    Returns its offers, one for each package, oldest first.
    """
    chain = offers_of(view.get("answers"), connection)
    newest = chain[-1].offer
    parties = (view.get("originator"), view.get("recipient"), view.get("competence"))
    require(
        parties == (newest.author, newest.recipient, newest.competence)
        and view.get("handoff") == str(newest.handoff)
        and view.get("case_digest") == newest.case_digest
        and view.get("permitted_disclosures") == sorted(newest.disclosures),
        "the handoff is not shown as it was offered",
    )
    asked = chain[0].signed.verified.content.get("request")
    require(view.get("request") == asked, "the handoff is shown as another request than it is")
    _check_packages(view.get("packages"), chain, connection)
    routing = open_ours(view.get("routing"), CASE_TYP, connection)
    check_presentation(routing, newest)
    stated = conditions(routing.verified.content, newest.purpose, newest.transfer_tool)
    require(
        view.get("conditions") == stated or "tightened_by" in view,
        "the conditions shown are not those that the case states",
    )
    check_conditions(view, routing, newest)
    notices: set[str | None] = {None}
    recall = None
    for shown in view["answers"][1:]:
        if shown.get("kind") == UPDATE:
            continue
        if shown.get("kind") == RECALL:
            recall = _check_shown_recall(shown, chain[0].offer, routing, connection)
            continue
        signed, answer = _check_shown_answer(shown, chain, connection)
        require(answer.notice_digest in notices, "an answer shown is about another notice")
        require(answer.recall in (None, recall), "an answer shown is about another recall")
        if answer.kind == "correction_notice":
            notices.add(signed.document.digest)
    return chain


def _check_shown_recall(
    shown: Mapping[str, Any],
    offer: OfferClaims,
    case: AuthoredDocument,
    connection: PartnerConnection,
) -> str:
    """A recall is of this handoff's case, by its originator; its digest."""
    signed, recall = open_recall(shown.get("document"), connection)
    claims = case.verified.claims
    require(recall.author == offer.author, "a recall shown is not by the originator")
    require(
        str(recall.case) == claims.get("case") and recall.version >= claims.get("version", 1),
        "a recall shown does not cover this case",
    )
    require(recall.handoff in (None, offer.handoff), "a recall shown is of another handoff")
    return signed.document.digest


@dataclass(frozen=True)
class AnsweredOffer:
    """What an answer binds: its handoff, and by their digests a version of the case, an offer and
    its package; beside them the correction notice, or the recall, that it answers."""

    handoff: UUID
    case_digest: str
    offer_digest: str
    package_digest: str
    notice_digest: str | None = None
    recall: str | None = None

    @classmethod
    def offered(cls, offered: VerifiedOffer, recall: str | None = None) -> "AnsweredOffer":
        """An offer that was verified, or its recall."""
        offer, digest = offered.offer, offered.signed.document.digest
        return cls(offer.handoff, offer.case_digest, digest, offer.package_digest, recall=recall)

    @classmethod
    def noticed(cls, notice: "VerifiedNotice") -> "AnsweredOffer":
        """What a correction notice that was verified is about."""
        about, digest = notice.claims, notice.signed.document.digest
        bound = (about.handoff, about.case_digest, about.offer_digest, about.package_digest)
        return cls(*bound, notice_digest=digest)


def proved_offer(
    handoff: UUID, offer: Mapping[str, Any], recall: Mapping[str, Any] | None = None
) -> AnsweredOffer:
    """What an answer binds whose documents were erased: as the log proves by the events of the
    newest offer and of the recall, which their receipts showed."""
    shown = [(offer, "handoff.offered", "handoff.updated")]
    shown += [] if recall is None else [(recall, "handoff.recalled", "")]
    for event, *types in shown:
        require(
            event["type"] in types and event.get("handoff") == str(handoff),
            "an event shown is not the offer, or the recall, of this handoff",
        )
    return AnsweredOffer(
        handoff=handoff,
        case_digest=offer["case_digest"],
        offer_digest=offer["document_sha256"],
        package_digest=offer["package_digest"],
        recall=None if recall is None else recall["document_sha256"],
    )


def recall_of(view: Mapping[str, Any]) -> str | None:
    """The digest of the recall of a handoff that was verified."""
    shown = [one["document"] for one in view["answers"] if one["kind"] == RECALL]
    return sd_jwt.parse(shown[-1]).digest if shown else None


def newest_offer(view: Mapping[str, Any]) -> str:
    """The digest of the newest offer of a handoff that was verified."""
    answers = view["answers"]
    offers = [answers[0], *(one for one in answers[1:] if one["kind"] == UPDATE)]
    return sd_jwt.parse(offers[-1]["document"]).digest


@dataclass(frozen=True)
class VerifiedNotice:
    """A correction notice and its claims."""

    signed: AuthoredDocument
    claims: AnswerClaims


def check_notices(
    found: Mapping[str, Any], handoff: str, connection: PartnerConnection
) -> list[VerifiedNotice]:
    """Correction notices as the gateway shows them: each is one, and of this handoff."""
    shown = found.get("notices")
    well_formed = isinstance(shown, list) and all(isinstance(one, dict) for one in shown)
    require(well_formed and found.get("handoff") == handoff, "the notices are of another handoff")
    read = [VerifiedNotice(*open_answer(one.get("document"), connection)) for one in shown or ()]
    for one in read:
        bound = (one.claims.kind, str(one.claims.handoff))
        require(bound == ("correction_notice", handoff), "a notice shown is of another handoff")
    return read


def newest_notice(read: Sequence[VerifiedNotice]) -> VerifiedNotice | None:
    """The last of the notices, if there is one."""
    return read[-1] if read else None


UPDATE = "update"
"""The kind of a document that makes a further package of a handoff."""

RECALL = "recall"
"""The kind of a document that recalls it."""


def offers_of(answers: Any, connection: PartnerConnection) -> tuple[VerifiedOffer, ...]:
    """The offer, and each update of it: every one updates the one before it."""
    well_formed = isinstance(answers, list) and all(isinstance(one, dict) for one in answers)
    require(well_formed and bool(answers), "the handoff is shown without its offer")
    first, *others = answers
    chain = [open_offer(first.get("document"), connection)]
    for shown in others:
        if shown.get("kind") == UPDATE:
            chain.append(open_offer(shown.get("document"), connection))
    for before, after in pairwise(chain):
        require(
            after.offer.updates == before.signed.document.digest
            and _terms_of(after.offer) == _terms_of(before.offer),
            "an update shown is not of this handoff",
        )
    require(chain[0].offer.updates is None, "the handoff is shown without its first offer")
    return tuple(chain)


def _terms_of(offer: OfferClaims) -> tuple[Any, ...]:
    to = (offer.recipient, offer.competence, offer.mandate_event)
    return (offer.author, offer.handoff, *to, offer.purpose)


def _check_packages(
    shown: Any, chain: Sequence[VerifiedOffer], connection: PartnerConnection
) -> None:
    """The packages are those of the offers, of ever newer versions of one case."""
    well_formed = isinstance(shown, list) and all(isinstance(one, dict) for one in shown)
    require(well_formed and len(shown) == len(chain), "a package is not shown")
    versions: list[Any] = []
    for one, offered in zip(shown, chain, strict=True):
        routing = open_ours(one.get("routing"), CASE_TYP, connection)
        check_presentation(routing, offered.offer)
        versions.append(routing.verified.claims.get("version"))
        require(
            (one.get("version"), one.get("change")) == (versions[-1], offered.offer.change),
            "a package is shown as another than it is",
        )
    require(versions == sorted(set(versions)), "an update is of no newer version")


def check_conditions(
    view: Mapping[str, Any], case: AuthoredDocument, offer: OfferClaims | None
) -> None:
    """The conditions that bind are at least as strict as the version of the case states them.

    What a later version tightened rests on the gateway's word: it can ask for more, never for less.
    """
    offered = () if offer is None else (offer.purpose, offer.transfer_tool)
    require(
        repeats(view.get("conditions"), conditions(case.verified.content, *offered)),
        "the conditions shown are looser than those that the case states",
    )


def check_presentation(case: AuthoredDocument, offer: OfferClaims) -> None:
    """A presentation is of the version that was offered, and shows nothing beyond the offer."""
    require(case.document.digest == offer.case_digest, "the case shown is another version")
    require(case.author == offer.author, "the case shown is by somebody else")
    require(shown_digests(case) <= offer.disclosures, "the case shows more than its offer names")


def shown_digests(case: AuthoredDocument) -> frozenset[str]:
    """The digests of the parts that a presentation shows."""
    return frozenset(placed.digest for placed in case.verified.placed)


def _check_shown_answer(
    shown: Mapping[str, Any], chain: Sequence[VerifiedOffer], connection: PartnerConnection
) -> tuple[AuthoredDocument, AnswerClaims]:
    signed, answer = open_answer(shown.get("document"), connection)
    of = {one.signed.document.digest: one.offer for one in chain}
    offer = of.get(answer.offer_digest)
    bound = (answer.handoff, answer.case_digest, answer.package_digest)
    require(
        offer is not None and bound == (offer.handoff, offer.case_digest, offer.package_digest),
        "an answer shown is not about this handoff",
    )
    kind, offer = ANSWERS[answer.kind], chain[0].offer
    shown_as = str(shown.get("kind")) in kind.moves and shown.get("author") == answer.author
    require(shown_as, "an answer is shown as something else")
    party = kind.party(offer.author, offer.recipient)
    require(answer.author == party, "an answer is not by the party that may give it")
    if "code" in shown:
        fields = {placed.name: placed.value for placed in signed.verified.placed}
        may = {str(fields.get("done", KEPT))} if kind.of_recall else codes_shown_for(fields)
        require(shown["code"] in may, "an answer is shown as another than it says")
    return signed, answer


def check_status(
    text: str, slug: str, now: datetime, connection: PartnerConnection
) -> MembershipAttestation:
    """A status statement of this gateway about that organisation, good at the moment ``now``."""
    try:
        mark = membership_attestation.verify(text, connection.trust.gateway_keys)
    except DocumentError as error:
        raise EvidenceMismatch(f"the status statement does not verify: {error}") from None
    named = (mark.issuer, mark.organisation)
    require(named == (connection.issuer, slug), "the statement is about somebody else")
    require(mark.issued - MAX_SKEW <= now < mark.ends, "the statement is not good at this time")
    return mark


def require(holds: bool, otherwise: str) -> None:
    """Raise EvidenceMismatch with this message unless a check ``holds``."""
    if not holds:
        raise EvidenceMismatch(
            f"{otherwise}: do not rely on this answer, keep it, and ask the gateway's operator"
        )


class DocumentSigningKey(Signer, Protocol):
    """A document key of the member, such as `gateway.keys.load_key` reads."""

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
        """Sign a case with its persons; InvalidCase when the content is not one of the profile."""
        content = {name: value for name, value in asked["content"].items() if value != []}
        persons = {name: asked.get(name) for name in _BESIDE_CASE}
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
        expires_at = asked.get("expires_at")
        return handoff_documents.issue_offer(
            self._heading(),
            handoff=asked["handoff"],
            to=previewed.to,
            case_digest=previewed.case_digest,
            disclosures=previewed.permitted_disclosures,
            purpose=asked["purpose"],
            expires_at=None if expires_at is None else datetime.fromisoformat(expires_at),
            by=asked["by"],
            note=asked.get("note"),
            again=asked.get("again"),
            country_reason=asked.get("country_reason"),
            request=asked.get("request"),
            transfer_tool=previewed.transfer_tool,
        )

    def update(self, asked: Mapping[str, Any], found: PreviewedUpdate) -> SdJwt:
        """Sign an update that was previewed and checked: it repeats the terms of its handoff."""
        before, expires_at = found.before.offer, asked.get("expires_at")
        if expires_at is None and before.expires_at is not None:
            expires_at = datetime.fromtimestamp(before.expires_at, UTC).isoformat()
        return handoff_documents.issue_offer(
            self._heading(),
            handoff=before.handoff,
            to=found.previewed.to,
            case_digest=found.previewed.case_digest,
            disclosures=found.previewed.permitted_disclosures,
            purpose=before.purpose,
            expires_at=None if expires_at is None else datetime.fromisoformat(expires_at),
            by=asked["by"],
            note=asked.get("note"),
            transfer_tool=found.previewed.transfer_tool,
            updates=found.before.signed.document.digest,
            change=found.change,
        )

    def recall(
        self,
        case: str,
        version: int,
        handoff: str | None,
        asked: Mapping[str, Any],
    ) -> SdJwt:
        """Sign a recall of an own case, up to a version, or of one handoff of it."""
        return handoff_documents.issue_recall(
            self._heading(),
            case=case,
            version=version,
            code=RecallCode(asked["code"]),
            by=asked["by"],
            approved_by=asked.get("approved_by"),
            reason=asked.get("reason"),
            handoff=handoff,
        )

    def answer(self, kind: str, about: AnsweredOffer, fields: Mapping[str, Any]) -> SdJwt:
        """Sign an answer to what was verified."""
        return handoff_documents.issue_answer(
            self._heading(), kind=kind, fields=fields, **vars(about)
        )

    def approval(self, shown: Mapping[str, Any], by: str) -> SdJwt:
        """Sign an approval of a succession as the gateway shows it."""
        return approval.issue_succession_approval(self._heading(), shown=shown, by=by)

    def _heading(self) -> Heading:
        author = organisation_uri(self.issuer, self.organisation)
        return Heading(author, self.issuer, self.now(), self.ids(), self.key, self.random)


_BESIDE_CASE = ("by", "clearance", "change")
"""What a signed case says to the gateway alone."""


def members_of(document: SdJwt) -> dict[str, Any]:
    """What a document of one's own asks, as the members of the JSON body in its place."""
    verified = sd_jwt.read_own(document)
    if verified.header.get("typ") == OFFER_TYP:
        return _offered(verified)
    if verified.header.get("typ") == RECALL_TYP:
        said = {placed.name: placed.value for placed in verified.placed}
        return {**said, "code": verified.claims["code"]}
    if verified.header.get("typ") != CASE_TYP:
        return {placed.name: placed.value for placed in verified.placed}
    claims = sd_jwt.merge_disclosures(verified)
    asked: dict[str, Any] = {n: claims[n] for n in _BESIDE_CASE if n in claims}
    return {**asked, "content": cases.case_from_claims(claims)}


def _offered(verified: sd_jwt.VerifiedSdJwt) -> dict[str, Any]:
    claims = verified.claims
    asked = {placed.name: placed.value for placed in verified.placed}
    if "expires_at" in claims:
        asked["expires_at"] = datetime.fromtimestamp(claims["expires_at"], UTC).isoformat()
    return {
        **asked,
        "handoff": claims["handoff"],
        "to": _addressed(claims["to"]),
        "digests": claims["disclosures"],
        "purpose": claims["purpose"],
    }


def _addressed(to: Mapping[str, str]) -> dict[str, Any]:
    addressed: dict[str, Any] = {"organisation": to["organisation"]}
    if "competence" in to:
        addressed["competence"] = competence_members(to["competence"])
    return addressed
