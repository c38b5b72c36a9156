"""What a remote originator did, applied where its recipient's home decides: by the actions that
exist, under the policy of this gateway, in one transaction with what was heard."""

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import date
from typing import Any, TypeVar
from uuid import UUID

from gateway.domain import case as cases
from gateway.domain.answers import AnswerAuthor
from gateway.domain.case import Case
from gateway.domain.handoff import Handoff
from gateway.domain.json_values import parse_timestamp
from gateway.domain.measure import MEASURES, NOT_TOLD, RESTRICTING, Measure, MeasureKind
from gateway.domain.moves import takes_update
from gateway.domain.refusals import InvalidDocument, NotFound, ValidationFailed
from gateway.domain.revision import ChangeKind
from gateway.evidence import canonical, event, handoff_documents
from gateway.evidence import receipt as receipts
from gateway.exchange.case import measures
from gateway.exchange.case.measure_events import END
from gateway.exchange.case.presented import PresentedVersion, store_presented
from gateway.exchange.handoffs import answers, offers, recalls, updates
from gateway.exchange.handoffs.answering import AnswerRequest
from gateway.exchange.handoffs.recalls import RecallRequest
from gateway.exchange.handoffs.selection import OfferRequest, UpdateRequest
from gateway.exchange.lifecycle import before_erasure
from gateway.exchange.relay.documents import assurance_of, open_document
from gateway.exchange.relay.incoming import DELIVER, TakenEvent
from gateway.exchange.signed_requests import (
    ANSWER,
    CASE,
    OFFER,
    RECALL,
    UPDATE,
    SignedRequestType,
    VerifiedRequest,
)
from gateway.exchange.standing import duties
from gateway.exchange.standing.differences import check_case
from gateway.kernel import events
from gateway.kernel.events import EventSubject
from gateway.kernel.request import RequestContext
from gateway.kernel.values import CaseVersion, HeardEvent

T = TypeVar("T")

Act = Callable[[RequestContext, TakenEvent], Any]
"""What is done of an event, in its transaction."""


def offer(context: RequestContext, incoming: TakenEvent) -> Any:
    """Take in an offer with what it shows of its case."""
    request = _request(incoming, OfferRequest)
    opened = _open(context, incoming, OFFER, context.ports.issuer)
    claims = handoff_documents.read_offer(opened.verified)
    if str(claims.handoff) != incoming.told.event.get("handoff"):
        raise InvalidDocument("the offer is of another handoff than its event")
    if claims.recipient != incoming.own:  # whether there is such an organisation is not told
        raise InvalidDocument("the offer is to another organisation than the receipt of its event")
    presented = _presented(context, incoming, claims)
    before = context.work.cases.with_course(
        context.caller.organisation, UUID(presented.content["case"])
    )
    if before is not None:
        check_case(context, *before)
    case, version = store_presented(context, presented)
    wanted = replace(request, signed=opened, persons=incoming.message.persons)
    return offers.take(context, case, version, wanted)


def act(context: RequestContext, incoming: TakenEvent) -> Any:
    """Take in what an originator sent about a handoff that is here."""
    match incoming.message.request:
        case UpdateRequest():
            return _update(context, incoming)
        case AnswerRequest():
            request = _request(incoming, AnswerRequest)
            opened = _open(context, incoming, ANSWER, context.ports.issuer)
            return answers.give(context, _handoff(incoming), replace(request, signed=opened))
        case RecallRequest():
            return _recall(context, incoming)
    raise InvalidDocument("what was sent is no update, answer or recall")


def _update(context: RequestContext, incoming: TakenEvent) -> Any:
    request = _request(incoming, UpdateRequest)
    opened = _open(context, incoming, UPDATE, context.ports.issuer)
    claims = handoff_documents.read_offer(opened.verified)
    code = incoming.message.shown.get("reason_code")
    presented = _presented(context, incoming, claims, claims.change, code)
    wanted = replace(
        request,
        signed=opened,
        persons=incoming.message.persons,
        present=lambda within: store_presented(within, presented),
    )
    return updates.take(context, _handoff(incoming), wanted)


def _recall(context: RequestContext, incoming: TakenEvent) -> Any:
    """A recall of the case comes once for each handoff; the first binds all of them."""
    request, home = _request(incoming, RecallRequest), context.names.home(_member(incoming))
    opened = _open(context, incoming, RECALL, home)
    said = handoff_documents.read_recall(opened.verified)
    made = context.work.cases.recalls(context.caller.organisation, said.case)
    if any(one.digest == opened.document.digest for one in made):
        return None
    where = {"case": said.case} if said.handoff is None else {"handoff": said.handoff}
    wanted = replace(request, signed=opened, persons=incoming.message.persons)
    return recalls.take(context, wanted, where)


def advance_erasure(context: RequestContext, incoming: TakenEvent) -> Any:
    """Bring the erasure of a case forward, as its originator's gateway says."""
    told = incoming.told.subject().get("erase_on")
    if incoming.handoff is None or not isinstance(told, str):
        raise InvalidDocument("the event tells no day")
    day, handoff = date.fromisoformat(told), incoming.handoff
    case = context.work.cases.get(handoff.originator, handoff.case)
    if case is not None:
        before_erasure.advance_relayed(context, case, day, incoming.message.persons)
    return None


def restrict(context: RequestContext, incoming: TakenEvent) -> Any:
    """Restrict a case, as its originator's gateway says. An embargo binds where it is set."""
    handoff, told = incoming.handoff, incoming.told.subject()
    found = handoff and _there(context, handoff)
    if handoff is None or not found or told.get("kind") not in RESTRICTING:
        return None
    try:
        kind, elements = MeasureKind(told["kind"]), {str(UUID(one)) for one in told["elements"]}
        until = parse_timestamp(told["until"]) if told["until"] else None
        before = int(told["before"]) if "before" in told else None
    except (KeyError, TypeError, ValueError, AttributeError):
        raise InvalidDocument("the event does not tell what is restricted") from None
    if not (elements or MEASURES[kind].whole_case):
        return None  # of what it holds nothing is marked
    measure = Measure(
        context.event,
        handoff.originator,
        handoff.case,
        kind,
        setter=handoff.originator,
        code=NOT_TOLD,
        elements=(*sorted(elements),),
        since=context.now,
        until=until,
        before=before,
    )
    return measures.set_relayed(context, *found, measure)


def end_restriction(context: RequestContext, incoming: TakenEvent) -> Any:
    """End the restriction that another event of the same gateway set."""
    handoff, named = incoming.handoff, incoming.told.subject().get("measure")
    found = handoff and _there(context, handoff)
    if handoff is None or not found:
        return None
    for one in context.work.relay.of_handoff(handoff.id, incoming.own):
        set_here = one.own_event and context.work.cases.measure(one.own_event)
        if one.peer == incoming.stream and set_here and _subject(one).get("measure") == named:
            measures.end_relayed(context, *found, set_here)
    return None


def _subject(heard: HeardEvent) -> Mapping[str, Any]:
    """Read what an event is about that was verified when it was heard."""
    receipt = receipts.from_json(json.loads(heard.receipt))
    shown = event.open_disclosures(receipt.document, receipt.disclosures).shown
    said = next((value for kind, value in shown if kind == event.SUBJECT), "{}")
    return dict(canonical.decode(str(said).encode()))


def _there(context: RequestContext, handoff: Handoff) -> tuple[Case, CaseVersion] | None:
    """The case of a handoff with its version, while it is here."""
    case = context.work.cases.get(handoff.originator, handoff.case)
    if case is None or case.state is cases.CaseState.ERASED:
        return None
    return context.work.cases.current(handoff.originator, handoff.case)


def announce(context: RequestContext, incoming: TakenEvent) -> Any:
    """Let a holder hear that its originator cleared a change, as that one's gateway says: the
    package, or a notice, follows."""
    handoff = incoming.handoff
    if handoff is None or not handoff.is_held:
        return None
    context.about = EventSubject.of_handoff(handoff)
    recipient = events.gateway_and(handoff.recipient, role="recipient")
    change, groups = _announced(incoming)
    touched = [events.shared("groups", groups, recipient)] if groups else []
    action = "handoff.announce_change"
    stated = events.shared("change", str(change), recipient)
    context.record(recipient, stated, *touched, action=action)
    if change == ChangeKind.CORRECTION and takes_update(handoff, context.now):
        to = handoff.id, handoff.recipient, AnswerAuthor.RECIPIENT
        duties.arrive(context.work, action, *to, source=context.event, since=context.now)
    return None


def _announced(incoming: TakenEvent) -> tuple[ChangeKind, tuple[str, ...]]:
    """Which change was announced, and of which groups: words, whatever else a peer's log has."""
    change, groups = incoming.told.details("change"), incoming.told.details("groups")
    named = [name for one in groups for name in (one if isinstance(one, list) else [one])]
    if change not in [(kind,) for kind in ChangeKind] or not {*map(str, named)} <= {*cases.GROUPS}:
        raise InvalidDocument("the event announces no change that there is")
    return ChangeKind(change[0]), tuple(named)


def action_of(incoming: TakenEvent) -> str:
    """The policy's action by which this gateway judges what a remote originator did: by the type of
    its event, whatever document lies beside one that has none."""
    if APPLIED.get(incoming.told.type) not in (offer, act):
        return BY_TYPE.get(incoming.told.type, DELIVER)
    match incoming.message.request:
        case OfferRequest():
            return "handoff.offer"
        case UpdateRequest():
            return "handoff.update"
        case AnswerRequest(kind=kind):
            return kind.action
        case RecallRequest():
            return "case.recall"
    return DELIVER


BY_TYPE = {
    "case.erasure_advanced": before_erasure.ADVANCE,
    "case.restricted": "case.restrict",
    "case.measure_ended": END,
}
"""That of what has no document, by the type of its event."""

APPLIED: Mapping[str, Act] = {
    "handoff.offered": offer,
    "handoff.sent": act,
    "case.erasure_advanced": advance_erasure,
    "handoff.change_announced": announce,
    "case.restricted": restrict,
    "case.measure_ended": end_restriction,
}
"""What is done of an event of a remote originator's, by its type; of others nothing follows."""


def _presented(
    context: RequestContext,
    incoming: TakenEvent,
    offered: handoff_documents.OfferClaims,
    change: ChangeKind | None = None,
    reason_code: Any = None,
) -> PresentedVersion:
    """The version of an offer, or update: exactly what that lists, and all of its profile."""
    message, home = incoming.message, context.names.home(_member(incoming))
    opened = open_document(
        context,
        incoming,
        message.case,
        author=_member(incoming),
        form=CASE,
        audience=home,
        digest=offered.case_digest,
    )
    if {one.digest for one in opened.document.disclosures} != offered.disclosures:
        raise InvalidDocument("the case is not presented with exactly what the offer lists")
    if message.content is None:
        raise InvalidDocument("an offer goes with the case that it is of")
    stated = isinstance(reason_code, str)
    return PresentedVersion(
        opened.document,
        message.content,
        assurance_of(opened),
        message.cleared,
        change,
        reason_code if stated else "other",
    )


def _open(
    context: RequestContext, incoming: TakenEvent, form: SignedRequestType, audience: str
) -> VerifiedRequest:
    return open_document(
        context,
        incoming,
        incoming.message.document,
        author=_member(incoming),
        form=form,
        audience=audience,
        digest=incoming.told.document,
    )


def _request(incoming: TakenEvent, kind: type[T]) -> T:
    """Return what the document asks, as partners' schemas read it. Raises ValidationFailed."""
    message = incoming.message
    if message.faults:
        raise ValidationFailed(message.faults)
    if not isinstance(message.request, kind):
        raise InvalidDocument("the document is of another type than its event")
    return message.request


def _member(incoming: TakenEvent) -> str:
    if incoming.member is None:
        raise NotFound
    return incoming.member


def _handoff(incoming: TakenEvent) -> UUID:
    """The handoff that an act is about. Raises NotFound where it is not here."""
    if incoming.handoff is None:
        raise NotFound
    return incoming.handoff.id
