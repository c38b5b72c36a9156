"""The signed documents in the gateway's answers, each verified.

A gateway that attests signs on behalf of the member. So the client reads each document that comes
back, and refuses an offer or an answer that differs from the request.
"""

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from typing import Any, TypeVar
from uuid import UUID

from gateway.client.connection import PartnerConnection
from gateway.client.errors import EvidenceMismatch, KeyNotHeld, raising
from gateway.domain import case as cases
from gateway.domain.answers import ANSWERS, KIND_OF_ACTION
from gateway.domain.audit_event import EventResult
from gateway.domain.case import conditions, repeats
from gateway.domain.course import fold
from gateway.domain.handoff import RETURNED, HandoffAction, RecallAnswer
from gateway.domain.mandate import format_competence
from gateway.domain.outcome import codes_shown_for
from gateway.domain.revision import ChangeKind
from gateway.evidence import handoff_documents, membership_attestation, sd_jwt
from gateway.evidence.declarations import MAX_SKEW, SUCCESSION_TYP
from gateway.evidence.handoff_moves import read_move
from gateway.evidence.membership_attestation import MembershipAttestation
from gateway.evidence.sd_jwt import DocumentError, SdJwt, UnknownKey
from gateway.verification import chain
from gateway.verification.chain import Link, Verified, VerifiedAnswer, VerifiedOffer
from gateway.verification.trust import (
    AuthoredDocument,
    open_document,
    read_answer,
    read_offer,
    read_recall,
    read_unverified_claims,
)

Claims = TypeVar("Claims")


def open_ours(text: Any, typ: str, connection: PartnerConnection) -> AuthoredDocument:
    """Verify a document of a member of this gateway or of a peer, for one of them.

    EvidenceMismatch when it is none. Raises KeyNotHeld when its author's key can neither be found
    here nor fetched.
    """
    with raising(EvidenceMismatch, "a document in the answer does not verify"):
        if not isinstance(text, str):
            raise DocumentError("it is missing")
        document = sd_jwt.parse(text)
        audience = read_unverified_claims(document).claims.get("aud")
        if audience not in connection.gateways:
            connection.learn_peers()
        signed = _open(document, typ, connection)
        own = (signed.gateway,) if typ in _OF_THEIR_HOME else connection.gateways
        if signed.gateway not in connection.gateways:
            raise DocumentError("it is of another gateway")
        if audience not in own:
            raise DocumentError("it is for another gateway")
    return signed


_OF_THEIR_HOME = (handoff_documents.CASE_TYP, handoff_documents.RECALL_TYP)
"""The documents that are for the gateway of their author, whoever decides a handoff."""


def _open(document: SdJwt, typ: str, connection: PartnerConnection) -> AuthoredDocument:
    """Check a document's signature; a key that is missing is fetched once."""
    try:
        return open_document(document, typ, connection.trust)
    except UnknownKey:
        claims = read_unverified_claims(document).claims
        gateway, identifier = handoff_documents.author_at(claims)
        if gateway not in connection.gateways:
            connection.learn_peers()
            with suppress(UnknownKey):  # its member's key may be here, compared
                return open_document(document, typ, connection.trust)
        if gateway not in connection.gateways:
            raise
    author = connection.trust.name_at(gateway, identifier, connection.issuer)
    attested = "attested_for" in claims
    if not attested:
        connection.fetch_keys(author)
    elif gateway == connection.issuer:
        connection.learn_keys()
    else:
        connection.learn_peers()
    try:
        return open_document(document, typ, connection.trust)
    except UnknownKey:
        if attested:
            raise KeyNotHeld(
                "the gateway attests with a key that is not in attestation_keys of the connection, "
                "and its log does not name it: ask the gateway's operator for its keys, and compare"
                " them"
            ) from None
        raise DocumentError(f"{author} never registered the key that signed it") from None


def _opened(
    text: Any, typ: str, read: Callable[[AuthoredDocument], Claims], connection: PartnerConnection
) -> Verified[Claims]:
    signed = open_ours(text, typ, connection)
    with raising(EvidenceMismatch, "a document in the answer cannot be read"):
        return Verified(signed, read(signed))


def open_offer(text: Any, connection: PartnerConnection) -> VerifiedOffer:
    """Verify an offer and read its claims."""
    read = partial(read_offer, trust=connection.trust)
    return _opened(text, handoff_documents.OFFER_TYP, read, connection)


def open_answer(text: Any, connection: PartnerConnection) -> VerifiedAnswer:
    """Verify an answer and read its claims."""
    return _opened(text, handoff_documents.ANSWER_TYP, read_answer, connection)


def open_recall(
    text: Any, connection: PartnerConnection
) -> Verified[handoff_documents.RecallClaims]:
    """Verify a recall and read its claims."""
    return _opened(text, handoff_documents.RECALL_TYP, read_recall, connection)


def check_recall(
    text: Any, path: str, asked: Mapping[str, Any], connection: PartnerConnection
) -> AuthoredDocument:
    """The recall that was signed is the one that was asked for at an address."""
    made = open_recall(text, connection)
    recall = made.claims
    _require_own("recall", recall.author, connection)
    of_one = recall.handoff is not None
    at = f"/handoffs/{recall.handoff}/recall" if of_one else f"/cases/{recall.case}/recall"
    require(at == path, "the recall that was signed is of another case, or of other handoffs")
    require(
        handoff_documents.request_in(made.signed.verified) == dict(asked),
        "the recall that was signed does not say what was asked",
    )
    return made.signed


def _require_own(noun: str, author: str, connection: PartnerConnection) -> None:
    require(author == connection.organisation, f"the {noun} is signed for somebody else")


def check_case(
    text: Any, asked: Mapping[str, Any], connection: PartnerConnection
) -> AuthoredDocument:
    """The document that was signed for a submitted case says exactly what was submitted."""
    signed = open_ours(text, handoff_documents.CASE_TYP, connection)
    _require_own("case", signed.author, connection)
    content = {name: value for name, value in asked["content"].items() if value != []}
    read = cases.case_from_claims(sd_jwt.merge_disclosures(signed.verified))
    require(read == content, "the signed case is not the one that was submitted")
    return signed


def check_offer(
    text: Any, asked: Mapping[str, Any], connection: PartnerConnection
) -> VerifiedOffer:
    """The offer that was signed is the one that was asked for."""
    offered = open_offer(text, connection)
    offer, content = offered.claims, offered.signed.verified.content
    require(_is_to(_to(offer), asked["to"]), "the offer is made to somebody else")
    _require_own("offer", offer.author, connection)
    require(str(offer.handoff) == asked["handoff"], "the offer is of another handoff")
    ends = _time(asked.get("expires_at"))
    require(
        content.get("expires_at") == (ends and int(ends.timestamp())),
        "the offer ends at another time",
    )
    for name in ("purpose", "by", "approved_by", "note", "again", "country_reason"):
        require(content.get(name) == asked.get(name), f"the offer states another {name}")
    return offered


def check_update(
    text: Any, handoff: str, asked: Mapping[str, Any], connection: PartnerConnection
) -> VerifiedOffer:
    """The update that was signed is of this handoff, and says what was asked."""
    offered = open_offer(text, connection)
    _require_own("update", offered.claims.author, connection)
    require(str(offered.claims.handoff) == handoff, "the update is of another handoff")
    require(offered.claims.updates is not None, "the update names no offer that it updates")
    ends = _time(asked.get("expires_at"))
    ends_as_asked = ends is None or offered.claims.expires_at == int(ends.timestamp())
    require(ends_as_asked, "the update ends at another time")
    content = offered.signed.verified.content
    for name in ("by", "note"):
        require(content.get(name) == asked.get(name), f"the update states another {name}")
    return offered


def _to(offer: handoff_documents.OfferClaims) -> dict[str, str]:
    """The recipient of an offer, as its document names it."""
    to = {"organisation": offer.recipient}
    if offer.competence is not None:
        to |= {"competence": offer.competence, "mandate_event": str(offer.mandate_event)}
    return to


def _time(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)


@dataclass(frozen=True)
class Previewed:
    """What an offer names beside what was asked: the version, the recipient, the parts.

    ``withheld_groups`` are the groups of which policy holds something back, ``transfer_tool`` what
    lets the case go to a third country. ``updates`` is the offer that an update updates, whose
    terms it repeats, ``change`` what it is to it. ``audience`` is the recipient's gateway.
    """

    case_digest: str
    to: Mapping[str, Any]
    permitted_disclosures: tuple[str, ...]
    withheld_groups: tuple[str, ...]
    transfer_tool: str | None = None
    updates: VerifiedOffer | None = None
    change: ChangeKind | None = None
    audience: str = ""


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
    previewed = _previewed(found, asked["case"], asked["purpose"], connection)
    require(_is_to(previewed.to, asked["to"]), "the preview is to somebody else")
    if parts is not None:
        groups = (*(asked.get("groups") or ()), "routing")
        chosen = {digest for group in groups for digest in parts.get(group, ())}
        chosen |= set(asked.get("digests") or ())
        named = set(previewed.permitted_disclosures)
        require(named <= chosen, "the preview names parts that were not selected")
    return previewed


def check_update_preview(
    found: Mapping[str, Any], case: str, newest: VerifiedOffer, connection: PartnerConnection
) -> Previewed:
    """A preview that one may sign an update of: it updates the offer that was verified."""
    previewed = _previewed(found, case, newest.claims.purpose, connection)
    require(previewed.to == _to(newest.claims), "the preview is to somebody else")
    require(found.get("updates") == newest.digest, "the preview updates another offer")
    change = str(found.get("change"))
    require(change in [*ChangeKind], "the preview does not say what the update is")
    return replace(previewed, updates=newest, change=ChangeKind(change))


def _previewed(
    found: Mapping[str, Any], case: str, purpose: Sequence[str], connection: PartnerConnection
) -> Previewed:
    """Return what a preview names, once it is of this own case, under the conditions that the case
    states."""
    document = open_ours(found.get("routing"), handoff_documents.CASE_TYP, connection)
    require(document.author == connection.organisation, "the case previewed is not our own")
    require(document.verified.claims.get("case") == case, "the preview is of another case")
    to: Any = found.get("to")
    require(isinstance(to, dict), "the preview is to somebody else")
    permitted: Any = found.get("permitted_disclosures")
    listed = isinstance(permitted, list) and all(isinstance(one, str) for one in permitted)
    require(listed and bool(permitted), "the preview does not list what it would give")
    unnamed = {p.name for p in document.verified.placed if p.digest not in permitted}
    require(unnamed <= {"embargo_source"}, "the preview leaves out a condition of use")
    content = {n: v for n, v in document.verified.content.items() if n not in unnamed}
    shown: Any = found.get("conditions")
    tool = shown.get("transfer_tool") if isinstance(shown, dict) else None  # the gateway's word
    stated = conditions(content, purpose, tool)
    require(shown == stated, "the conditions previewed are not those that the case states")
    withheld = tuple(str(group) for group in found.get("withheld_groups") or ())
    audience = connection.home(str(to.get("organisation")))
    return Previewed(
        document.document.digest, to, tuple(permitted), withheld, tool, audience=audience
    )


def _is_to(to: Mapping[str, Any], asked: Mapping[str, Any]) -> bool:
    """Tell whether an offer is to the recipient that was asked for; the gateway finds the
    holder."""
    if "competence" not in asked:
        return dict(to) == dict(asked)
    if to.keys() != {"organisation", "competence", "mandate_event"}:
        return False
    key = format_competence(**{"function": "receive", **asked["competence"]})
    return to["competence"] == key and asked.get("organisation") in (None, to["organisation"])


def check_answer(
    text: Any, action: str, asked: Mapping[str, Any], connection: PartnerConnection
) -> VerifiedAnswer:
    """The answer that was signed has exactly the requested fields."""
    answer = open_answer(text, connection)
    _require_own("answer", answer.claims.author, connection)
    require(answer.claims.kind == KIND_OF_ACTION[action].name, "the answer is of another kind")
    said = {name: value for name, value in asked.items() if name != "offer"}
    require(
        answer.signed.verified.disclosed == said,
        "the answer that was signed does not say what was asked",
    )
    named = asked.get("offer", answer.claims.offer_digest)
    require(
        answer.claims.offer_digest == named, "the answer that was signed is about another offer"
    )
    return answer


def check_view(view: Mapping[str, Any], connection: PartnerConnection) -> tuple[VerifiedOffer, ...]:
    """A handoff as the gateway shows it: each part against the signed document behind it.

    Returns its offers, one for each package, oldest first.
    """
    offers = offers_of(view.get("answers"), connection)
    newest = offers[-1].claims
    parties = (view.get("originator"), view.get("recipient"), view.get("competence"))
    require(
        parties == (newest.author, newest.recipient, newest.competence)
        and view.get("handoff") == str(newest.handoff)
        and view.get("case_digest") == newest.case_digest
        and view.get("permitted_disclosures") == sorted(newest.disclosures),
        "the handoff is not shown as it was offered",
    )
    links = _links(view.get("packages"), offers, connection)
    routing = open_ours(view.get("routing"), handoff_documents.CASE_TYP, connection)
    check_presentation(routing, newest)
    stated = conditions(routing.verified.content, newest.purpose, newest.transfer_tool)
    require(
        view.get("conditions") == stated or "tightened_by" in view,
        "the conditions shown are not those that the case states",
    )
    check_conditions(view, routing, newest)
    _check_answers(view, links, connection)
    if "reissue_of" in view:
        (shown,) = _objects([view["reissue_of"]], "the handoff is shown without what it replaces")
        before = open_offer(shown.get("offer"), connection)
        texts = shown.get("approvals", [])
        require(isinstance(texts, list), "the handoff is shown without what it replaces")
        approvals = [open_ours(one, SUCCESSION_TYP, connection) for one in texts]
        with _compared():
            chain.check_predecessor(before, offers[0].claims)
            for one in approvals:
                chain.check_approval(one, offers[0].claims)
    return offers


def _check_answers(
    view: Mapping[str, Any], links: Sequence[Link], connection: PartnerConnection
) -> None:
    """The answers of a handoff, each by itself and in the order shown; it stands where they lead.

    What one of them names is shown: nothing is left out here.
    """
    placed, recall, finals = _open_answers(view, links, connection)
    # Without one of them nothing leads to the state: what both gateways say is all there is.
    if not any(map(is_undelivered, view["answers"])):
        _check_course(view, recall)
    notices = {None, *(one.digest for one in placed if chain.is_notice(one))}
    named = {one.claims.notice_digest for one in placed if isinstance(one, Verified)}
    require(named <= notices, "an answer shown is about a notice not shown")
    with _compared():
        chain.check_times(links, [one for one in placed if isinstance(one, Verified)])
        chain.check_order(placed)
        chain.check_final_answers(finals)


def _check_course(view: Mapping[str, Any], recall: str | None) -> None:
    with _compared():
        made = [read_move(at, one["document"]) for at, one in enumerate(view["answers"], 1)]
        course = fold(made)
    ends = [course.state]
    # The other gateway may have refused its offer, or left, of which an event tells, and no answer.
    if any("@" in str(view.get(party)) for party in ("originator", "recipient")):
        ends.append(RETURNED.get(course.state, course.state))
    require(
        view.get("state") in ends, "the handoff is shown in another state than its answers lead to"
    )
    groups = course.accepted_groups and sorted(course.accepted_groups)
    # A recall stands, too, on what was opened before an acceptance.
    standing = (True,) if course.recall else (recall is not None, False)
    require(
        (view.get("package"), view.get("accepted_groups")) == (course.package, groups)
        and view.get("recalled") in standing,
        "the handoff is not shown as its answers have it",
    )


def is_undelivered(shown: Mapping[str, Any]) -> bool:
    """Tell whether an answer is of a remote member, and its document was erased at that member's
    gateway before it was delivered: what is left of it is the two gateways' word."""
    return shown.get("document") == "" and "@" in str(shown.get("author"))


def _open_answers(
    view: Mapping[str, Any], links: Sequence[Link], connection: PartnerConnection
) -> tuple[list[Link | VerifiedAnswer], str | None, list[RecallAnswer | None]]:
    """The moves of a handoff but its recall, each held against what it follows; the recall's
    digest; the final answers to it."""
    link_of = {one.digest: one for one in links}
    updates = iter(links[1:])
    placed: list[Link | VerifiedAnswer] = [links[0]]
    recall: str | None = None
    finals: list[RecallAnswer | None] = []
    for shown in view["answers"][1:]:
        move = str(shown.get("kind"))
        if is_undelivered(shown):
            continue
        if move == UPDATE:
            placed.append(next(updates))
            continue
        if move == RECALL:
            recalled = open_recall(shown.get("document"), connection)
            with _compared():
                chain.check_recall(recalled.signed, links)
            recall = recalled.digest
            continue
        answer = _open_shown(shown, connection)
        about, link = answer.claims, link_of.get(answer.claims.offer_digest)
        decides = answer.signed.audience == links[0].offered.audience
        require(link is not None and decides, "an answer shown is not about this handoff")
        require(about.recall in (None, recall), "an answer shown is about a recall not shown")
        with _compared():
            chain.check_answer(answer, links[0].offer, link, recall)
            if move == HandoffAction.ANSWER_RECALL:
                done = answer.signed.verified.disclosed.get("done")
                finals.append(done and RecallAnswer(done))
        placed.append(answer)
    return placed, recall, finals


@dataclass(frozen=True)
class AnsweredOffer:
    """What an answer binds: its handoff, and by their digests a version of the case, an offer and
    its package; beside them the correction notice, or the recall, that it answers. ``audience`` is
    the gateway that decides, where it is known not to be one's own."""

    handoff: UUID
    case_digest: str
    offer_digest: str
    package_digest: str
    notice_digest: str | None = None
    recall: str | None = None
    audience: str | None = None

    @classmethod
    def offered(cls, offered: VerifiedOffer, recall: str | None = None) -> "AnsweredOffer":
        """An offer that was verified, or its recall."""
        offer = offered.claims
        bound = (offer.handoff, offer.case_digest, offered.digest, offer.package_digest)
        return cls(*bound, recall=recall, audience=offered.signed.audience)

    @classmethod
    def noticed(cls, notice: VerifiedAnswer) -> "AnsweredOffer":
        """Return what a correction notice that was verified is about."""
        about = notice.claims
        bound = (about.handoff, about.case_digest, about.offer_digest, about.package_digest)
        return cls(*bound, notice_digest=notice.digest, audience=notice.signed.audience)


def proved_offer(
    handoff: UUID, offer: Mapping[str, Any], recall: Mapping[str, Any] | None = None
) -> AnsweredOffer:
    """Return what an answer binds whose documents were erased: as the log proves by the events of
    the newest offer and of the recall, which their receipts showed."""
    shown = [(offer, "handoff.offered", "handoff.updated")]
    shown += [] if recall is None else [(recall, "handoff.recalled", "")]
    for event, *types in shown:
        require(
            event["type"] in types
            and event["result"] == EventResult.ALLOWED
            and event.get("handoff") == str(handoff),
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


def newest_offer(view: Mapping[str, Any]) -> SdJwt:
    """The newest offer of a handoff that was verified."""
    answers = view["answers"]
    offers = [answers[0], *(one for one in answers[1:] if one["kind"] == UPDATE)]
    return sd_jwt.parse(offers[-1]["document"])


def check_notices(
    found: Mapping[str, Any], handoff: str, connection: PartnerConnection
) -> list[VerifiedAnswer]:
    """Correction notices as the gateway shows them: each is one, and of this handoff."""
    otherwise = "the notices are of another handoff"
    shown = _objects(found.get("notices"), otherwise)
    require(found.get("handoff") == handoff, otherwise)
    read = [open_answer(one.get("document"), connection) for one in shown]
    for one in read:
        bound = (one.claims.kind, str(one.claims.handoff))
        require(bound == ("correction_notice", handoff), "a notice shown is of another handoff")
    return read


UPDATE = "update"
"""The kind of a document that makes a further package of a handoff."""

RECALL = "recall"
"""The kind of a document that recalls it."""


def offers_of(answers: Any, connection: PartnerConnection) -> tuple[VerifiedOffer, ...]:
    """The offer, and each update of it: every one updates the one before it."""
    shown = _objects(answers, "the handoff is shown without its offer")
    require(bool(shown), "the handoff is shown without its offer")
    texts = [shown[0], *(one for one in shown[1:] if one.get("kind") == UPDATE)]
    offers = [open_offer(one.get("document"), connection) for one in texts]
    first, *updates = [one.claims.updates for one in offers]
    require(first is None, "the handoff is shown without its first offer")
    digests = {one.digest for one in offers}
    require(digests.issuperset(updates), "the handoff is shown without an offer that was updated")
    with _compared():
        chain.check_updates(offers)
    return tuple(offers)


def _objects(value: Any, otherwise: str) -> list[dict[str, Any]]:
    """A list of JSON objects in an answer; EvidenceMismatch says ``otherwise``."""
    well_formed = isinstance(value, list) and all(isinstance(one, dict) for one in value)
    require(well_formed, otherwise)
    return list(value)


def _links(
    shown: Any, offers: Sequence[VerifiedOffer], connection: PartnerConnection
) -> list[Link]:
    """The packages as their offers have them, of ever newer versions of one case."""
    packages = _objects(shown, "a package is not shown")
    require(len(packages) == len(offers), "a package is not shown")
    links: list[Link] = []
    for one, offered in zip(packages, offers, strict=True):
        routing = open_ours(one.get("routing"), handoff_documents.CASE_TYP, connection)
        check_presentation(routing, offered.claims)
        links.append(Link(routing, offered.signed, offered.claims))
        require(
            (one.get("version"), one.get("change")) == (links[-1].version, offered.claims.change),
            "a package is shown as another than it is",
        )
    with _compared():
        chain.check_versions(links)
    return links


def check_conditions(
    view: Mapping[str, Any], case: AuthoredDocument, offer: handoff_documents.OfferClaims | None
) -> None:
    """The conditions that bind are at least as strict as the version of the case states them.

    What a later version tightened rests on the gateway's word: it can ask for more, never for less.
    """
    offered = () if offer is None else (offer.purpose, offer.transfer_tool)
    require(
        repeats(view.get("conditions"), conditions(case.verified.content, *offered)),
        "the conditions shown are looser than those that the case states",
    )


def check_presentation(case: AuthoredDocument, offer: handoff_documents.OfferClaims) -> None:
    """A presentation is of the version that was offered, and shows nothing beyond the offer."""
    with _compared():
        chain.check_offer(case, offer)
        chain.check_shown(case, offer)


def _open_shown(shown: Mapping[str, Any], connection: PartnerConnection) -> VerifiedAnswer:
    """An answer, which is shown as what its document says it is."""
    given = open_answer(shown.get("document"), connection)
    answer, fields = given.claims, given.signed.verified.disclosed
    kind = ANSWERS[answer.kind]
    moves = {kind.move(fields)} if "groups" in fields else set(kind.moves)
    shown_as = str(shown.get("kind")) in moves and shown.get("author") == answer.author
    require(shown_as, "an answer is shown as something else")
    repeated = not kind.accepts or "conditions" in fields
    require(repeated, "an acceptance is shown without its conditions")
    if "code" in shown:
        may = codes_shown_for(kind, fields)
        require(shown["code"] in may, "an answer is shown as another than it says")
    return given


def check_status(
    text: str, slug: str, now: datetime, connection: PartnerConnection
) -> MembershipAttestation:
    """A status statement of this gateway about that organisation, good at the moment ``now``."""
    with raising(EvidenceMismatch, "the status statement does not verify"):
        mark = membership_attestation.verify(text, connection.trust.gateway_keys)
    named = (mark.issuer, mark.organisation)
    require(named == (connection.issuer, slug), "the statement is about somebody else")
    require(mark.issued - MAX_SKEW <= now < mark.ends, "the statement is not good at this time")
    return mark


_ADVICE = "do not rely on this answer, keep it, and ask the gateway's operator"

_compared = partial(raising, EvidenceMismatch, _ADVICE)
"""Raise what differs between documents as an EvidenceMismatch."""


def require(holds: bool, otherwise: str) -> None:
    """Raise EvidenceMismatch with this message unless a check ``holds``."""
    if not holds:
        raise EvidenceMismatch(f"{otherwise}: {_ADVICE}")
