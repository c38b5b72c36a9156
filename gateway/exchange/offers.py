"""Offering a case: to whom, which parts policy lets through, and the signed offer of them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any
from uuid import UUID

from gateway.domain.audit_event import EventDetail, Party
from gateway.domain.case import ROUTING_FIELDS, Case, CaseState, Element
from gateway.domain.decision import PolicyEntity, case_entity
from gateway.domain.handoff import Handoff, HandoffAnswer, HandoffState, OfferAddress, answer_due_at
from gateway.domain.interest import has_conflict_of_interest
from gateway.domain.marking import conditions
from gateway.domain.organisation import Status, is_transfer_barred, resolve_competence
from gateway.domain.refusals import (
    EditConflict,
    InvalidDocument,
    NothingToOffer,
    TooManyPreviews,
    ValidationFailed,
    WrongState,
)
from gateway.evidence import handoff_documents, sd_jwt
from gateway.evidence.sd_jwt import VerifiedSdJwt
from gateway.exchange.cases import (
    conditions_digest,
    elements,
    find,
    in_force,
    sealed_of,
    view_on,
)
from gateway.exchange.disclosure import Reader, select_disclosures
from gateway.exchange.results import Addressee, OfferResult, Preview, SealedReference
from gateway.exchange.signed_requests import VerifiedRequest, assurance, attesting, check_signed
from gateway.kernel.authentication import require_caller
from gateway.kernel.ports import Ports, TransactionMode
from gateway.kernel.transact import (
    ActionRequest,
    EventSubject,
    RequestContext,
    WriteResult,
    authorize,
    deny_as_not_found,
    prepare,
    read,
    transact,
)
from gateway.kernel.values import Caller, CaseVersion, LoggedEvent

PREVIEWS_PER_MINUTE = 60
"""Of one organisation: more than a person looks at, less than a map takes."""

PREVIEWED = "signed"
"""A preview is what one signs an offer of, so it is decided as if it were that offer."""


@dataclass(frozen=True)
class OfferRequest:
    """What an originator offers: to an organisation or to a competence, which parts, for what.

    ``groups`` and ``digests`` select disclosures and add up. ``expires_at`` ends the offer and the
    use of what was accepted. ``handoff`` is the id that the originator gave it. ``signed`` is
    the offer itself, where its author signed it; its list is then ``digests``.
    """

    handoff: UUID
    by: str
    purpose: tuple[str, ...]
    organisation: str | None = None
    competence: tuple[str, str] | None = None
    groups: tuple[str, ...] = ()
    digests: tuple[str, ...] = ()
    expires_at: datetime | None = None
    note: str | None = None
    signed: VerifiedRequest | None = None

    def asked(self) -> dict[str, Any]:
        """What a retry must repeat."""
        own = {} if self.signed is None else {"signed": True}
        return {
            **own,
            "handoff": str(self.handoff),
            "purpose": list(self.purpose),
            "organisation": self.organisation,
            "competence": list(self.competence or ()),
            "groups": list(self.groups),
            "digests": list(self.digests),
            "expires_at": self.expires_at.isoformat() if self.expires_at else None,
            "note": self.note,
        }


@dataclass(frozen=True)
class SelectionInputs:
    """All that the choice of disclosures depends on; equal inputs, equal choice."""

    case: Case
    originator: PolicyEntity
    recipient: PolicyEntity
    address: OfferAddress
    assurance: str


@dataclass(frozen=True)
class PreparedOffer:
    """An offer as read and decided before the transaction that makes it."""

    inputs: SelectionInputs
    version: CaseVersion
    verified: VerifiedSdJwt
    permitted_disclosures: tuple[str, ...]
    withheld_groups: tuple[str, ...]
    to_reseal: Sequence[SealedReference]


def preview(ports: Ports, caller: Caller, case: UUID, offer: OfferRequest) -> Preview:
    """What an offer would give, of which version, and to whom; nothing is kept.

    ``routing`` is the version's own document with nothing of content: who signs an offer takes
    the digest from there. Raises TooManyPreviews beyond PREVIEWS_PER_MINUTE: asked often enough,
    previews would map what policy lets through to whom.
    """
    with ports.begin(TransactionMode.WRITE) as work:
        require_caller(ports, work, caller)
        window = f"previews/{ports.now():%Y%m%dT%H%M}"
        if not work.budgets.consume(caller.organisation, window, PREVIEWS_PER_MINUTE):
            raise TooManyPreviews("too many previews in this minute: wait, or make the offer")
        work.commit()
    request = ActionRequest("handoff.offer", offer.by, refused_as="handoff.preview")
    draft = read(ports, caller, request, lambda context: _draft(context, case, offer, PREVIEWED))
    address = draft.inputs.address
    routing = frozenset(p.digest for p in draft.verified.placed if p.name in ROUTING_FIELDS)
    return Preview(
        case=case,
        version=draft.version.version,
        case_digest=draft.version.digest,
        to=_addressee(address),
        routing=sd_jwt.parse(draft.version.document).present(routing).compact(),
        permitted_disclosures=draft.permitted_disclosures,
        withheld_groups=draft.withheld_groups,
        to_reseal=draft.to_reseal,
    )


def offer(ports: Ports, caller: Caller, key: str, case: UUID, wanted: OfferRequest) -> WriteResult:
    """Offer a cleared case to one recipient.

    Raises ValidationFailed, NoCompetentOrganisation, SeveralCompetentOrganisations, WrongState (not
    cleared, or ``expires_at`` is past), NothingToOffer, AlreadyExists (handoff id), EditConflict
    (something has changed), InvalidDocument (a signed offer of something else than policy lets
    through now), and the policy's denials.
    """
    request = ActionRequest("handoff.offer", wanted.by, key, {"case": str(case), **wanted.asked()})
    word = assurance(wanted.signed)
    draft = prepare(ports, caller, request, lambda context: _draft(context, case, wanted, word))
    act = None
    if draft is not None:
        own = wanted.signed
        signed = own.document if own else _sign(ports, caller, wanted, draft)
        act = partial(_offer, case, wanted, draft, signed)
    return transact(ports, caller, request, act, partial(_offered_again, wanted))


def _draft(context: RequestContext, case: UUID, wanted: OfferRequest, word: str) -> PreparedOffer:
    found, version = find(context, case)
    verified = sd_jwt.read_stored(version.document)
    inputs = _inputs(context, found, wanted, word)
    _authorize_offer(context, verified, version, wanted, inputs)
    if wanted.signed is not None and wanted.signed.verified.claims["case_digest"] != found.digest:
        raise InvalidDocument("the offer is of another version than the case's current one")
    parts = elements(verified, context.organisation, in_force(context, found))
    unknown = set(wanted.digests) - parts.keys()
    if unknown:
        raise ValidationFailed(
            (("/digests", "a digest does not belong to the case's current version"),)
        )
    asked = _selected(parts, wanted)
    reader = Reader(inputs.recipient, inputs.address.competence, wanted.purpose)
    permitted_disclosures, withheld_groups = select_disclosures(
        context.ports.policy, asked, inputs.originator, reader
    )
    if all(parts[digest].name in ROUTING_FIELDS for digest in permitted_disclosures):
        raise NothingToOffer("policy lets nothing of what you selected reach this recipient")
    reseal = _to_reseal(verified, asked, inputs.recipient.id)
    draft = PreparedOffer(inputs, version, verified, permitted_disclosures, withheld_groups, reseal)
    if wanted.signed is not None:
        _check_named(wanted.signed, draft)
    return draft


def _to_reseal(
    verified: VerifiedSdJwt, asked: Mapping[str, Element], recipient: str
) -> list[SealedReference]:
    """What was asked for and cannot be given: sealed to another than this recipient (R17)."""
    sealed = sealed_of(verified, asked.keys())
    return [part for part in sealed if part.sealed_to != recipient]


def _check_named(signed: VerifiedRequest, draft: PreparedOffer) -> None:
    """A signed offer names whom it reaches, and exactly what policy lets through.

    The handoff's list and package are those of the document that its originator signed.
    """
    claims = signed.verified.claims
    if claims["to"] != _to(draft.inputs.address):
        raise InvalidDocument(
            "the offer names another organisation, or another event, than holds the competence: "
            "preview it, and sign the 'to' that the preview shows"
        )
    if sorted(claims["disclosures"]) != sorted(draft.permitted_disclosures):
        raise InvalidDocument(
            "the offer does not name exactly the parts that policy lets this recipient have, those "
            "of the routing among them: preview it, and sign the list that the preview shows"
        )


def _selected(parts: Mapping[str, Element], wanted: OfferRequest) -> dict[str, Element]:
    """The parts that were asked for, and those that say where a case belongs."""
    return {
        digest: part
        for digest, part in parts.items()
        if part.group in wanted.groups or digest in wanted.digests or part.name in ROUTING_FIELDS
    }


def _inputs(
    context: RequestContext, case: Case, wanted: OfferRequest, word: str
) -> SelectionInputs:
    address = _resolve(context, wanted)
    recipient = context.see(address.organisation)
    if recipient is None:
        raise ValidationFailed((("/to", "no organisation of this gateway has that id"),))
    if recipient.status is not Status.ACTIVE:
        raise WrongState("the recipient is not active in this gateway at present")
    if recipient.slug == context.caller.organisation:
        raise ValidationFailed((("/to", "a case is offered to another organisation than its own"),))
    return SelectionInputs(case, context.entity(), context.entity(recipient), address, word)


def _resolve(context: RequestContext, wanted: OfferRequest) -> OfferAddress:
    """To whom the offer goes: a competence is resolved on the reference date, and recorded
    (R11)."""
    if wanted.competence is None:
        return OfferAddress(str(wanted.organisation))
    matter, territory = wanted.competence
    receivers = context.work.organisations.receivers(matter, territory)
    competence = resolve_competence(receivers, matter, territory, context.today.day)
    return OfferAddress(competence.organisation, competence.key, competence.registration_event)


def _authorize_offer(
    context: RequestContext,
    verified: VerifiedSdJwt,
    version: CaseVersion,
    wanted: OfferRequest,
    inputs: SelectionInputs,
) -> None:
    case = inputs.case
    view = view_on(verified, version, case.state, context.today.day, in_force(context, case))
    listed = verified.content.get("release_to") or ()
    reader = context.require(inputs.address.organisation)
    named = f"{context.caller.organisation}/{case.id}"
    authorize(
        context,
        case_entity(view, inputs.originator),
        {
            "recipient": inputs.recipient,
            "competence": inputs.address.competence or "",
            "purpose": frozenset(wanted.purpose),
            "released": not listed or inputs.address.organisation in listed,
            "assurance": inputs.assurance,
            "conflict": has_conflict_of_interest(
                reader, context.today.day, named, verified.content
            ),
            "third_country": is_transfer_barred(reader, context.today.day),
        },
    )
    context.about = EventSubject(case_digest=version.digest)
    if wanted.competence is not None and wanted.competence[0] not in verified.content["matter"]:
        raise ValidationFailed((("/to/competence/matter", "the case is not about that matter"),))
    if case.state is not CaseState.CLEARED:
        raise WrongState(f"a case is offered once it is cleared; this one is {case.state}")
    if wanted.expires_at is not None and wanted.expires_at <= context.now:
        raise WrongState("the offer would end before it begins: give a later 'expires_at'")


def _offer(
    case: UUID,
    wanted: OfferRequest,
    draft: PreparedOffer,
    signed: sd_jwt.SdJwt,
    context: RequestContext,
) -> OfferResult:
    check_signed(context, wanted.signed)
    found, version = find(context, case, draft.version)
    inputs = _inputs(context, found, wanted, assurance(wanted.signed))
    unchanged = version is draft.version
    verified = draft.verified if unchanged else sd_jwt.read_stored(version.document)
    _authorize_offer(context, verified, version, wanted, inputs)
    if inputs != draft.inputs:
        raise EditConflict("the case, the registry or the recipient has changed: send it again")
    terms = conditions_digest(context.ports, version.digest, conditions(verified.claims))
    handoff = Handoff(
        id=wanted.handoff,
        originator=context.caller.organisation,
        case=found.id,
        case_version=version.version,
        case_digest=version.digest,
        address=inputs.address,
        purpose=wanted.purpose,
        permitted_disclosures=frozenset(draft.permitted_disclosures),
        package_digest=handoff_documents.package_digest(draft.permitted_disclosures),
        offer_digest=signed.digest,
        conditions_digest=terms,
        offered_at=context.now,
        due_at=answer_due_at(verified.content["urgency"], context.now),
        expires_at=wanted.expires_at,
    )
    answer = HandoffAnswer(
        handoff=handoff.id,
        sequence=1,
        move=None,
        state=HandoffState.OFFERED,
        author=handoff.originator,
        at=context.now,
        document=signed.compact(),
        event=context.event,
    )
    context.work.handoffs.add(handoff, answer)
    _record(context, handoff, signed)
    return _offered(handoff, answer, draft.withheld_groups, draft.to_reseal)


def _offered_again(
    wanted: OfferRequest, context: RequestContext, logged: LoggedEvent
) -> OfferResult:
    answer = context.work.handoffs.answer_of(logged.event.id)
    handoff = answer and context.work.handoffs.get(answer.handoff)
    version = handoff and context.work.cases.version(handoff.case_digest)
    if not answer or not handoff or not version:
        deny_as_not_found()
    verified = sd_jwt.read_stored(version.document)
    asked = _selected(elements(verified, context.organisation), wanted)
    withheld_groups = {
        part.group for digest, part in asked.items() if digest not in handoff.permitted_disclosures
    }
    reseal = _to_reseal(verified, asked, handoff.recipient)
    return _offered(handoff, answer, tuple(withheld_groups), reseal)


def _record(context: RequestContext, handoff: Handoff, signed: sd_jwt.SdJwt) -> None:
    context.about = EventSubject(handoff.id, handoff.case_digest)
    both = frozenset({handoff.originator, handoff.recipient})
    context.record(
        (Party(handoff.originator, "originator"), Party(handoff.recipient, "recipient")),
        EventDetail("purpose", handoff.purpose, both),
        package_digest=handoff.package_digest,
        document_sha256=signed.digest,
    )


def _sign(ports: Ports, caller: Caller, wanted: OfferRequest, draft: PreparedOffer) -> sd_jwt.SdJwt:
    return handoff_documents.issue_offer(
        attesting(ports, caller.organisation),
        handoff=wanted.handoff,
        to=_to(draft.inputs.address),
        case_digest=draft.version.digest,
        disclosures=draft.permitted_disclosures,
        purpose=wanted.purpose,
        expires_at=wanted.expires_at,
        by=wanted.by,
        note=wanted.note,
    )


def _addressee(address: OfferAddress) -> Addressee:
    return Addressee(address.organisation, address.competence, address.mandate_event)


def _to(address: OfferAddress) -> dict[str, str]:
    if address.competence is None:
        return {"organisation": address.organisation}
    return {
        "organisation": address.organisation,
        "competence": address.competence,
        "mandate_event": str(address.mandate_event),
    }


def _offered(
    handoff: Handoff,
    answer: HandoffAnswer,
    withheld_groups: Sequence[str],
    to_reseal: Sequence[SealedReference],
) -> OfferResult:
    return OfferResult(
        handoff=handoff.id,
        state=answer.state,
        case=handoff.case,
        version=handoff.case_version,
        to=_addressee(handoff.address),
        due_at=handoff.due_at,
        offer=answer.document,
        permitted_disclosures=sorted(handoff.permitted_disclosures),
        withheld_groups=sorted(withheld_groups),
        to_reseal=to_reseal,
    )
