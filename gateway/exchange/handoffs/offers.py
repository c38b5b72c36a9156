"""Offering a case: what an offer would give, and the signed offer of it, stored and recorded."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any
from uuid import UUID

from gateway.domain import refusals
from gateway.domain.audit_event import EventDetail
from gateway.domain.case import ROUTING_FIELDS, Case
from gateway.domain.handoff import TAKEN_UP, Handoff, HandoffAnswer
from gateway.domain.moves import made_of
from gateway.domain.organisation import OrganisationName
from gateway.domain.staff import ROLES_OF, NamedPerson, second_person
from gateway.domain.vocabulary import Purpose, Urgency
from gateway.evidence import handoff_documents, sd_jwt
from gateway.evidence.sd_jwt import SdJwt
from gateway.exchange import results
from gateway.exchange.case import cases
from gateway.exchange.case.versions import spend_texts
from gateway.exchange.handoffs import addressing
from gateway.exchange.handoffs.selection import (
    OfferRequest,
    PreparedOffer,
    breaks_glass,
    by_country,
    duty_contact_of,
    inputs_of,
    parts_asked,
    select_parts,
    to_reseal_of,
)
from gateway.exchange.handoffs.sending import keep_sent
from gateway.exchange.signed_requests import (
    CONFIRMED,
    assurance,
    check_signed,
    complete,
    digest_of,
    heading_of,
    require_not_older,
)
from gateway.exchange.standing import duties
from gateway.exchange.standing.case_version import elements, read_version
from gateway.exchange.standing.differences import check_case
from gateway.exchange.standing.item_index import index_package
from gateway.kernel import events
from gateway.kernel.authentication import require_caller
from gateway.kernel.events import EventSubject
from gateway.kernel.ports import Ports, TransactionMode
from gateway.kernel.request import ActionRequest, RequestContext, deny_as_not_found
from gateway.kernel.transact import Write, read
from gateway.kernel.values import Caller, CaseVersion, LoggedEvent

PREVIEWS_PER_MINUTE = 60
"""Of one organisation: more than a person looks at, less than a map takes."""

PREVIEWED = "signed"
"""A preview is what one signs an offer of, so it is decided as if it were that offer."""


def preview(ports: Ports, caller: Caller, case: UUID, offer: OfferRequest) -> results.Preview:
    """Show what an offer would give, of which version, and to whom; nothing is kept.

    ``routing`` is the version's own document with nothing of content: who signs an offer takes
    the digest from there. Raises TooManyPreviews beyond PREVIEWS_PER_MINUTE: asked often enough,
    previews would map what policy lets through to whom.
    """
    request = ActionRequest(
        "handoff.offer", offer.by, persons=_second(offer), refused_as="handoff.preview"
    )
    return preview_package(
        ports, caller, request, lambda context: _draft(context, case, offer, PREVIEWED)
    )


def preview_package(
    ports: Ports,
    caller: Caller,
    request: ActionRequest,
    draft_of: Callable[[RequestContext], PreparedOffer],
) -> results.Preview:
    """Show what an offer, or update, would give, as its author may read it; TooManyPreviews."""
    with ports.begin(TransactionMode.WRITE) as work:
        require_caller(ports, work, caller)
        window = f"previews/{ports.now():%Y%m%dT%H%M}"
        if not work.budgets.consume(caller.organisation, window, PREVIEWS_PER_MINUTE):
            raise refusals.TooManyPreviews(
                "too many previews in this minute: wait, or make the offer"
            )
        work.commit()
    return read(ports, caller, request, lambda context: _preview(context, draft_of(context)))


def _preview(context: RequestContext, draft: PreparedOffer) -> results.Preview:
    content, to = draft.version.said.content, draft.inputs.address
    reached = duty_contact_of(context, content["urgency"], to.organisation)
    on_duty = []
    if reached is False:
        on_duty = addressing.authorities_on_duty(context, content["matter"], to)
    danger = content["urgency"] == Urgency.IMMINENT_DANGER and not draft.updated
    numbers = addressing.numbers_to_call(context.ports, content["matter"]) if danger else None
    routing = frozenset(p.digest for p in draft.version.said.placed if p.name in ROUTING_FIELDS)
    return results.Preview(
        case=draft.inputs.case.id,
        version=draft.version.version,
        case_digest=draft.version.digest,
        to=to,
        routing=sd_jwt.parse_stored(draft.version.document).present(routing).compact(),
        permitted_disclosures=draft.permitted_disclosures,
        withheld_groups=draft.withheld_groups,
        to_reseal=draft.to_reseal,
        elsewhere=draft.inputs.items.elsewhere,
        conditions=results.Conditions(draft.conditions),
        break_glass=breaks_glass(draft.inputs.case),
        duty_contact=reached,
        on_duty=on_duty or None,
        emergency_numbers=numbers,
        updates=draft.updates,
        change=draft.change and str(draft.change),
    )


def offer(key: str, case: UUID, wanted: OfferRequest) -> Write:
    """The write that offers a case to one recipient, once it is cleared; in imminent danger before
    that (R16).

    Raises ValidationFailed, NoCompetentOrganisation, SeveralCompetentOrganisations, NotAddressable,
    WrongState (not cleared, or ``expires_at`` is past), AlreadyOffered, NothingToOffer,
    AlreadyExists (handoff id), InvalidDocument (a signed offer of something else than policy lets
    through now), and the policy's denials.
    """
    asked = {"case": str(case), **wanted.asked()}
    signed = digest_of(wanted.signed)
    request = ActionRequest(
        "handoff.offer", wanted.by, key, asked, _second(wanted), document=signed
    )

    def act(context: RequestContext) -> results.OfferResult:
        draft = _draft(context, case, wanted, assurance(wanted.signed, context.caller))
        check_signed(context, wanted.signed, draft.inputs.address.organisation)
        return _make(context, draft, wanted)

    return Write(request, act, lambda context, logged: _offered_again(context, logged, wanted))


def _second(wanted: OfferRequest) -> tuple[NamedPerson, ...]:
    return second_person("/approved_by", wanted.approved_by, ROLES_OF["handoff.offer"])


def _draft(context: RequestContext, case: UUID, wanted: OfferRequest, word: str) -> PreparedOffer:
    own = context.work.cases.with_course(context.caller.organisation, case)
    found, version, steps = own or deny_as_not_found()
    check_case(context, found, version, steps)
    return select_parts(context, wanted, version, inputs_of(context, found, version, wanted, word))


def _refuse_repeated(
    context: RequestContext, case: Case, recipient: str, wanted: OfferRequest
) -> None:
    """Refuse what the recipient has already, unless a reason is given."""
    if wanted.again is not None or not case.offered:
        return
    for one in context.work.handoffs.sent_of(case.originator, case.id):
        same = (one.recipient, one.case_digest) == (recipient, case.digest)
        if same and one.state in TAKEN_UP:
            raise refusals.AlreadyOffered(
                "This recipient already has this version, in a handoff that is open or closed."
                " To offer it again, give the reason in 'again'."
            )


def take(
    context: RequestContext, case: Case, version: CaseVersion, wanted: OfferRequest
) -> results.OfferResult:
    """Make the offer of a remote member, of a version that its gateway presented; Forbidden beyond
    what its gateway may offer in a day."""
    gateway, day = str(context.caller.through), context.today.day
    peer = context.require(gateway).peer
    agreement = peer and peer.agreement_on(day)
    most, window = agreement.offers_a_day if agreement else 0, f"offers/{day.isoformat()}"
    if agreement and not context.work.budgets.consume(gateway, window, most):
        why = "your gateway made as many offers today as was agreed: make it on another day"
        raise refusals.Forbidden(why, ("R23.agreement",))
    inputs = inputs_of(context, case, version, wanted, assurance(wanted.signed, context.caller))
    return _make(context, select_parts(context, wanted, version, inputs), wanted)


def _make(
    context: RequestContext, draft: PreparedOffer, wanted: OfferRequest
) -> results.OfferResult:
    """Store an offer that was decided, and record it."""
    inputs, version = draft.inputs, draft.version
    found = inputs.case
    require_not_older(wanted.signed, handoff_documents.read_time(version.said.claims))
    _refuse_repeated(context, found, inputs.address.organisation, wanted)
    signed = document_of(context, draft)
    handoff = Handoff(
        id=wanted.handoff,
        originator=context.caller.organisation,
        case=found.id,
        address=inputs.address,
        purpose=wanted.purpose,
        offered_at=context.now,
        due_at=None,  # that of the duty which follows
        break_glass=breaks_glass(found),
        **package_fields(context, draft, signed),
    )
    made = handoff, None, signed.compact(), context.now, context.event
    answer = made_of(*made, confirmed=inputs.assurance == CONFIRMED)
    due = duties.store_offer(context.ports, context.work, handoff, answer)
    index_package(context.ports, context.work, handoff, draft.version)
    if handoff.break_glass:
        duties.owe_clearance(context.ports, context.work, handoff, answer)
    if Purpose.REMOVE in handoff.purpose:
        context.work.cases.end_held_removal(found.originator, found.id, handoff.recipient)
    record_offer(context, handoff, wanted, signed, due=due)
    if OrganisationName(handoff.recipient).peer:
        action = "handoff.offer"
        keep_sent(context, handoff, action, signed, context.event, stored=False)
    given = draft.permitted_disclosures, draft.withheld_groups, draft.to_reseal
    return _offered(context, handoff, answer, due, (*given, inputs.items.elsewhere))


def package_fields(
    context: RequestContext, draft: PreparedOffer, document: SdJwt
) -> dict[str, Any]:
    """Collect what a handoff says of its newest package, which an offer, or update, made. Its
    matters are those of the case, where the recipient may know them."""
    tool, end = draft.inputs.transfer_tool, draft.terms.expires_at
    permitted = frozenset(draft.permitted_disclosures)
    made = package_of(context.ports, draft.version, permitted, draft.conditions, document.digest)
    return {**made, "expires_at": end, "transfer_tool": tool}


def package_of(
    ports: Ports,
    version: CaseVersion,
    permitted: frozenset[str],
    conditions: Mapping[str, Any],
    offer_digest: str,
) -> dict[str, Any]:
    """Likewise, as far as it follows from the version of the case."""
    content = version.said.content
    shown = {one.name for one in version.said.placed if one.digest in permitted}
    return {
        "case_version": version.version,
        "case_digest": version.digest,
        "permitted_disclosures": permitted,
        "package_digest": handoff_documents.package_digest(permitted),
        "offer_digest": offer_digest,
        "conditions_digest": cases.conditions_digest(ports, version.digest, conditions),
        "urgency": Urgency(content["urgency"]),
        "matter": frozenset(content["matter"] if "matter" in shown else ()),
    }


def _offered_again(
    context: RequestContext, logged: LoggedEvent, wanted: OfferRequest
) -> results.OfferResult:
    answer = context.work.handoffs.answer_of(logged.event.id) or deny_as_not_found()
    handoff = context.work.handoffs.get(answer.handoff) or deny_as_not_found()
    claims = handoff_documents.read_offer(sd_jwt.read_stored(answer.document))
    version = read_version(context.work, claims.case_digest)
    day = context.ports.reference_date(handoff.offered_at).day
    items = by_country(context, version, wanted, context.require(handoff.recipient), day)
    asked = parts_asked(elements(version.said, context.organisation), wanted, items.left_out)
    permitted = tuple(sorted(claims.disclosures))
    withheld_groups = {part.group for digest, part in asked.items() if digest not in permitted}
    reseal = to_reseal_of(version.said, asked, handoff.recipient)
    chosen = permitted, tuple(withheld_groups), reseal, items.elsewhere
    # Whatever was answered, updated or delayed since: a retry gets what the offer said.
    urgency = Urgency(version.said.content["urgency"])
    offered = replace(handoff, urgency=urgency, case_version=version.version)
    due = duties.answer_due_at(context.ports, context.work, offered)
    return _offered(context, offered, answer, due, chosen)


def record_offer(
    context: RequestContext,
    handoff: Handoff,
    wanted: OfferRequest,
    signed: SdJwt,
    *,
    due: datetime | None = None,
) -> None:
    """Record the offer, which says when its answer is ``due``, or the update that made a handoff's
    newest package; the offer is number 1 of the handoff's documents."""
    context.about = EventSubject.of_handoff(handoff)
    broken = handoff.break_glass and handoff.package == 1
    reasons = "; ".join(one for one in (wanted.again, wanted.country_reason) if one)
    spend_texts(context, handoff, [wanted.note or "", reasons])
    parties = events.parties_of(handoff)
    own = ("due", due.isoformat()) if due else ("sequence", str(handoff.sequence))
    second, originator = wanted.approved_by, frozenset({handoff.originator})
    given = addressing.whom_to_call(context.work, handoff)
    context.record(
        parties,
        events.shared("purpose", handoff.purpose, parties),
        *((events.shared("reason_code", "break_glass", parties),) if broken else ()),
        *events.reason(reasons, *parties),
        *((EventDetail("approved_by", second, originator),) if second is not None else ()),
        *((events.shared("contact", given.role, parties),) if given else ()),
        events.shared(*own, parties),
        package_digest=handoff.package_digest,
        document_sha256=signed.digest,
    )


def document_of(context: RequestContext, draft: PreparedOffer) -> SdJwt:
    """An offer, or update, as its originator signed it, or as the gateway attests it."""
    wanted = draft.terms
    if wanted.signed is not None:
        return wanted.signed.document
    to = addressing.claimed(draft.inputs.address)
    if wanted.draft:
        binds = {
            "handoff": str(wanted.handoff),
            "to": dict(to),
            "disclosures": sorted(set(draft.permitted_disclosures)),
            "case_digest": draft.version.digest,
            "updates": draft.updates,
            "change": draft.change,
        }
        return complete(context, wanted.draft, binds)
    home = context.names.home(draft.inputs.address.organisation)
    return handoff_documents.issue_offer(
        heading_of(context, wanted.draft, home),
        handoff=wanted.handoff,
        to=to,
        case_digest=draft.version.digest,
        disclosures=draft.permitted_disclosures,
        purpose=wanted.purpose,
        expires_at=wanted.expires_at,
        by=wanted.by,
        note=wanted.note,
        again=wanted.again,
        country_reason=wanted.country_reason,
        approved_by=wanted.approved_by,
        transfer_tool=draft.inputs.transfer_tool,
        updates=draft.updates,
        change=draft.change,
    )


def _offered(
    context: RequestContext,
    handoff: Handoff,
    answer: HandoffAnswer,
    due: datetime,
    chosen: tuple[
        Sequence[str],
        Sequence[str],
        Sequence[results.SealedReference],
        Sequence[results.ItemElsewhere],
    ],
) -> results.OfferResult:
    permitted_disclosures, withheld_groups, to_reseal, elsewhere = chosen
    return results.OfferResult(
        handoff=handoff.id,
        state=answer.state,
        case=handoff.case,
        version=handoff.case_version,
        to=handoff.address,
        due_at=due,
        offer=answer.document,
        permitted_disclosures=sorted(permitted_disclosures),
        withheld_groups=sorted(withheld_groups),
        to_reseal=to_reseal,
        elsewhere=elsewhere,
        break_glass=handoff.break_glass,
        duty_contact=duty_contact_of(context, handoff.urgency, handoff.recipient),
        telephone=addressing.whom_to_call(context.work, handoff),
    )
