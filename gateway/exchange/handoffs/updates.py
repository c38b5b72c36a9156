"""Updates: the next package of a handoff, of a newer version of its case.

An update is an offer in the same handoff: to the same recipient, by the same mandate, for the same
purposes. It names the offer that it updates, so that a handoff has one history.
"""

from dataclasses import replace
from uuid import UUID

from gateway.domain import moves, refusals
from gateway.domain.answers import AnswerAuthor
from gateway.domain.case import ROUTING_FIELDS, CaseState
from gateway.domain.duty import DutyKind
from gateway.domain.handoff import Handoff, HandoffAction, HandoffAnswer, is_derogation
from gateway.domain.organisation import OrganisationName
from gateway.domain.revision import ChangeKind, strictest_change
from gateway.domain.standing import Standing
from gateway.evidence import handoff_documents, sd_jwt
from gateway.evidence.sd_jwt import VerifiedSdJwt
from gateway.exchange import signed_requests
from gateway.exchange.case.cases import find
from gateway.exchange.handoffs import offers, selection
from gateway.exchange.handoffs.answering import stale
from gateway.exchange.handoffs.selection import UpdateRequest
from gateway.exchange.handoffs.sending import send
from gateway.exchange.results import Preview, UpdateResult
from gateway.exchange.standing import duties
from gateway.exchange.standing.access import entity_of
from gateway.exchange.standing.case_version import group_of, identity, read_version
from gateway.exchange.standing.handoff_standing import standing_of
from gateway.exchange.standing.item_index import index_package
from gateway.kernel.ports import Ports
from gateway.kernel.request import ActionRequest, RequestContext, authorize, deny_as_not_found
from gateway.kernel.transact import Write
from gateway.kernel.values import Caller, LoggedEvent


def preview(ports: Ports, caller: Caller, handoff: UUID, wanted: UpdateRequest) -> Preview:
    """Show what an update would give; nothing is kept. Raises TooManyPreviews."""
    request = ActionRequest("handoff.update", wanted.by, refused_as="handoff.preview")
    return offers.preview_package(
        ports,
        caller,
        request,
        lambda context: _draft(context, _own(context, handoff).handoff, wanted, offers.PREVIEWED),
    )


def update(key: str, handoff: UUID, wanted: UpdateRequest) -> Write:
    """The write of a handoff's next package: the case's current version, once it is cleared.

    Raises WrongState (not cleared, no newer version, a handoff that takes none), EditConflict (it
    updates an older offer than the newest), ValidationFailed, NothingToOffer, InvalidDocument, and
    the policy's denials.
    """
    content = {"handoff": str(handoff), **wanted.asked()}
    signed = signed_requests.digest_of(wanted.signed)
    request = ActionRequest("handoff.update", wanted.by, key, content, document=signed)
    return Write(request, lambda context: take(context, handoff, wanted), _updated_again)


def _draft(
    context: RequestContext, found: Handoff, wanted: UpdateRequest, word: str
) -> selection.PreparedOffer:
    own_rules = context.rules
    case, version = find(context, found.case, checked=False)  # with the handoff
    if case.state is not CaseState.CLEARED:
        raise refusals.WrongState(
            f"an update sends a version that is cleared; the case is {case.state}"
        )
    if version.version <= found.case_version:
        raise refusals.WrongState(
            f"the handoff has version {found.case_version}, and there is no newer one"
        )
    moves.update(found, ChangeKind.ADDITION)  # whether it takes one at all
    since = context.work.cases.changes(found.originator, found.case, found.case_version)
    change = strictest_change(since)
    if wanted.signed is not None and context.caller.through is not None:
        # Not every version comes here: what the update is to the offer before says its author.
        change = handoff_documents.read_offer(wanted.signed.verified).change or change
    if wanted.signed is not None:
        _check_signed_terms(wanted.signed, found, change)
    terms = _terms(context, found, version.said, wanted)
    recipient, day = context.require(found.recipient), context.today.day
    inputs = selection.SelectionInputs(
        case,
        context.entity(),
        context.entity(recipient),
        found.address,
        word,
        selection.by_country(context, version, terms, recipient, day),
        selection.tool_of(context, version, terms, recipient),
    )
    draft = selection.select_parts(context, terms, version, inputs)
    context.rules = tuple(dict.fromkeys((*own_rules, *context.rules)))
    return replace(draft, updated=found, change=change)


def _own(context: RequestContext, handoff: UUID) -> Standing:
    """Read how the caller's own handoff stands, once policy lets it be updated."""
    standing = standing_of(context, handoff)
    if standing.side is not AnswerAuthor.ORIGINATOR:
        deny_as_not_found()
    authorize(context, entity_of(context, standing.handoff))
    return standing


def _check_signed_terms(
    signed: signed_requests.VerifiedRequest, found: Handoff, change: ChangeKind
) -> None:
    """A signed update repeats the handoff's terms, and names its newest offer."""
    offer = handoff_documents.read_offer(signed.verified)
    if offer.updates != found.offer_digest:
        raise stale(found)
    address = found.address
    event = None if address.mandate_event is None else str(address.mandate_event)
    told = (offer.handoff, offer.recipient, offer.competence, offer.mandate_event, offer.purpose)
    same = (found.id, address.organisation, address.competence, event, found.purpose)
    if told != same or offer.change is not change:
        raise refusals.InvalidDocument(
            "an update repeats the handoff, its recipient, mandate and purposes, and says what it "
            "is to the offer before: preview it, and sign what the preview shows"
        )
    if found.expires_at is not None and offer.expires_at is None:
        raise refusals.InvalidDocument("an update repeats the end of its handoff, or shortens it")


def _terms(
    context: RequestContext, found: Handoff, now: VerifiedSdJwt, wanted: UpdateRequest
) -> selection.OfferRequest:
    """The update as an offer of the parts that it selects.

    The reason why items of uncertain country are for this recipient is that of the offer (R8), and
    so is a derogation, with the person who approved it beside the one who sends this. What was
    given once, and is the same still, is confirmed.
    """
    end = wanted.expires_at or found.expires_at
    if found.expires_at and end and int(end.timestamp()) > int(found.expires_at.timestamp()):
        raise refusals.ValidationFailed((("/expires_at", "may only shorten the handoff"),))
    offer = context.work.handoffs.offer(found.id, 1) or deny_as_not_found()
    said = sd_jwt.read_stored(offer.document).content
    approved_by: str | None = said.get("approved_by")
    if approved_by == wanted.by:
        approved_by = said.get("by")
    before = read_version(context.work, found.case_digest).said
    permitted = found.permitted_disclosures
    given = {identity(p): p.value for p in before.placed if p.digest in permitted}
    return selection.OfferRequest(
        handoff=found.id,
        by=wanted.by,
        purpose=found.purpose,
        organisation=found.recipient,
        competence=found.address.competence,
        digests=_selected(context, found, now, wanted),
        expires_at=end,
        note=wanted.note,
        country_reason=said.get("country_reason"),
        derogation=is_derogation(found.transfer_tool),
        approved_by=approved_by,
        persons=wanted.persons,
        confirmed=frozenset(p.digest for p in now.placed if given.get(identity(p)) == p.value),
        signed=wanted.signed,
        draft=wanted.draft,
    )


def _selected(
    context: RequestContext, found: Handoff, now: VerifiedSdJwt, wanted: UpdateRequest
) -> tuple[str, ...]:
    """The digests that are selected of the new version, in groups that were offered, and accepted
    where only some were."""
    before = read_version(context.work, found.case_digest).said
    given = [p for p in before.placed if p.digest in found.permitted_disclosures]
    groups = found.accepted_groups
    taken = {group_of(p) for p in given} if groups is None else groups
    same = {identity(part) for part in given}
    digests = set(wanted.digests) or {
        p.digest for p in now.placed if identity(p) in same and group_of(p) in taken
    }
    digests |= {p.digest for p in now.placed if group_of(p) in wanted.groups}
    chosen = (p for p in now.placed if p.digest in digests and p.name not in ROUTING_FIELDS)
    beyond = {group_of(p) for p in chosen} - taken
    if beyond:
        where, named = "/digests" if wanted.digests else "/groups", ", ".join(sorted(beyond))
        raise refusals.ValidationFailed(
            ((where, f"{named} was not offered and accepted in this handoff: make a new offer"),)
        )
    return tuple(sorted(digests))


def take(context: RequestContext, handoff: UUID, wanted: UpdateRequest) -> UpdateResult:
    """Decide and store an update; where another gateway decides, it is sent there."""
    standing = _own(context, handoff)
    found = standing.handoff
    if wanted.present is not None:
        wanted.present(context)
    signed_requests.check_signed(context, wanted.signed, found.recipient)
    draft = _draft(context, found, wanted, signed_requests.assurance(wanted.signed, context.caller))
    terms, version = draft.terms, draft.version
    signed_requests.require_not_older(
        terms.signed, handoff_documents.read_time(version.said.claims)
    )
    change = draft.change or ChangeKind.ADDITION
    moved = moves.update(found, change)
    if moved.held == moved.package:
        moved = replace(moved, held_under=version.digest)
    document = offers.document_of(context, draft)
    if OrganisationName(found.recipient).peer:
        send(context, found, "handoff.update", document)
        text = document.compact()
        sent = moves.made_of(found, HandoffAction.UPDATE, text, context.now, context.event)
        return _updated(context, sent, found.package)
    moved = replace(moved, **offers.package_fields(context, draft, document))
    step = HandoffAction.UPDATE
    made = moved, step, document.compact(), context.now, context.event
    confirmed = draft.inputs.assurance == signed_requests.CONFIRMED
    stored = moves.made_of(*made, confirmed=confirmed)
    duties.store_answer(context.ports, context.work, moved, stored, standing.duties)
    duties.owe_for_update(context.ports, context.work, found, moved, stored, change=change)
    index_package(context.ports, context.work, moved, version)
    offers.record_offer(context, moved, terms, document)
    return _updated(context, stored, moved.package)


def _updated_again(context: RequestContext, logged: LoggedEvent) -> UpdateResult:
    stored = context.work.handoffs.answer_of(logged.event.id)
    if stored is None:  # it was sent to another gateway
        sent = context.work.handoffs.sent_by(logged.event.id) or deny_as_not_found()
        found = context.work.handoffs.get(sent.handoff) or deny_as_not_found()
        stored = moves.made_of(found, HandoffAction.UPDATE, sent.document, sent.at, sent.event)
        return _updated(context, stored, found.package)
    made = context.work.handoffs.answers(stored.handoff)
    package = sum(one.move in (None, HandoffAction.UPDATE) for one in made[: stored.sequence])
    return _updated(context, stored, package)


def _updated(context: RequestContext, stored: HandoffAnswer, package: int) -> UpdateResult:
    offer = handoff_documents.read_offer(sd_jwt.read_stored(stored.document))
    version = read_version(context.work, offer.case_digest)
    # When an acknowledgement was due right after it, whatever came later.
    due = (
        one.due_at
        for one in context.work.duties.of(stored.handoff)
        if one.kind is DutyKind.ACKNOWLEDGEMENT
        and one.since <= stored.at
        and (one.closed_at is None or one.closed_at > stored.at)
    )
    return UpdateResult(
        handoff=stored.handoff,
        state=stored.state,
        package=package,
        change=str(offer.change),
        case=version.case,
        version=version.version,
        offer=stored.document,
        permitted_disclosures=sorted(offer.disclosures),
        acknowledge_by=next(due, None),
    )
