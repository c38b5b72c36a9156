"""How the originator's gateway follows what the recipient's gateway decided about a handoff.

Its row moves by the events of that gateway's stream, in their order, and by nothing else. Policy is
not asked again: what was decided there was decided. The results of the originator's own acts come
in the same stream.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

from gateway.domain import moves
from gateway.domain.answers import ANSWERS, AnswerAuthor, AnswerKind
from gateway.domain.audit_event import Party
from gateway.domain.case import Case, CaseState, erasure_is_due
from gateway.domain.duty import DutyKind
from gateway.domain.fields import free
from gateway.domain.handoff import (
    ACCEPTING,
    AGREEMENTS,
    KEPT,
    Handoff,
    HandoffAction,
    HandoffAnswer,
    RecallAnswer,
)
from gateway.domain.json_values import parse_timestamp
from gateway.domain.organisation import OrganisationName
from gateway.domain.outcome import codes_shown_for
from gateway.domain.refusals import Busy, InvalidDocument, NotFound, ValidationFailed, WrongState
from gateway.domain.revision import ChangeKind
from gateway.domain.standing import Standing
from gateway.domain.vocabulary import Urgency
from gateway.evidence import handoff_documents, sd_jwt
from gateway.evidence.event import APPROVALS
from gateway.evidence.handoff_moves import TYPES
from gateway.exchange.case.versions import owe_announced
from gateway.exchange.handoffs import offers
from gateway.exchange.relay.documents import open_document
from gateway.exchange.relay.incoming import LONGEST_WHY, TakenEvent, named_event
from gateway.exchange.signed_requests import ANSWER
from gateway.exchange.standing import duties
from gateway.exchange.standing.case_version import read_version
from gateway.exchange.standing.conditions import offered_conditions
from gateway.exchange.standing.disclosure import arriving
from gateway.exchange.standing.handoff_standing import standing_of
from gateway.kernel import events
from gateway.kernel.events import EventSubject
from gateway.kernel.ports import Ports, TransactionMode
from gateway.kernel.request import RequestContext, deny_as_not_found
from gateway.kernel.values import SentAct

KINDS: Mapping[str, AnswerKind] = {kind.event: kind for kind in ANSWERS.values()}
"""The kind of answer of each type of event."""

UPDATED, RECALLED = TYPES[HandoffAction.UPDATE], TYPES[HandoffAction.RECALL]
OFFERED = TYPES[None]


@dataclass(frozen=True)
class _Followed:
    """What a move did: its step, its document as it is kept here, and what that tells."""

    step: HandoffAction
    document: str
    fields: Mapping[str, Any]
    act: SentAct | None = None


def follow(context: RequestContext, incoming: TakenEvent) -> Any:
    """Move a handoff by the next event of the gateway that decides it.

    Raises InvalidDocument for a document that is not the one of its event, its author or this
    handoff, and WrongState for a number of its sequence that is not the next one: then the
    operator is alarmed, for no honest gateway leaves one out.
    """
    standing = standing_of(context, _handoff(incoming).id)
    if incoming.told.type == OFFERED:
        return _taken_in(context, incoming, standing.handoff)
    said = "".join(map(str, incoming.told.details("sequence")))
    if said != str(standing.handoff.sequence + 1):
        context.ports.differs(standing.handoff.id, ("sequence",))
        raise WrongState(
            f"the handoff is at {standing.handoff.sequence} here, and the event is number {said}"
        )
    kind = KINDS.get(incoming.told.type)
    own = kind is None or kind.author is AnswerAuthor.ORIGINATOR
    found = _own_act(context, incoming) if own else _answer(context, incoming, standing, kind)
    moved = _moved(context, incoming, standing, found)
    stored = _stored(context, incoming, moved, found)
    read = found.fields
    if kind is not None and not own:
        read = arriving(context, standing, kind, read, stored.shown)
    duties.store_answer(context.ports, context.work, moved, stored, standing.duties, fields=read)
    _follow_duties(context, incoming, standing, moved, found)
    duties.take_due(context.work, moved.id, stored.event, incoming.message.due_at)
    if found.act is not None:
        context.work.handoffs.end_sent(found.act.event, context.now)
    context.about = EventSubject.of_handoff(moved)
    parties = (Party(moved.originator, "originator"),)
    action = "handoff.update" if found.step is HandoffAction.UPDATE else "handoff.recall"
    context.record(
        parties,
        events.shared("sequence", str(moved.sequence), parties),
        action=kind.action if kind else action,
        package_digest=moved.package_digest,
        document_sha256=incoming.told.document,
    )
    return None


def _stored(
    context: RequestContext, incoming: TakenEvent, moved: Handoff, found: _Followed
) -> HandoffAnswer:
    """The answer as it is kept: of one's own act, whether its event here has what a person signed
    of it; of a recall, which may be of several handoffs, its own."""
    at, act = incoming.told.time, found.act
    made = moves.made_of(moved, found.step, found.document, at, context.event)
    if act is None:
        code = incoming.message.shown.get("code")
        return replace(made, shown=code if isinstance(code, str) else None)
    recalls = context.work.cases.recalls(moved.originator, moved.case)
    own = next((one.id for one in recalls if one.digest == act.digest), act.event)
    logged = context.work.log.logged(own)
    details = () if logged is None else logged.event.disclosures
    return replace(made, confirmed=any(one.kind == APPROVALS for one in details))


def _handoff(incoming: TakenEvent) -> Handoff:
    if incoming.handoff is None:
        raise NotFound
    return incoming.handoff


def _taken_in(context: RequestContext, incoming: TakenEvent, handoff: Handoff) -> None:
    """The offer stands at the deciding gateway: by its own terms the answer is due."""
    offer = context.work.handoffs.offer(handoff.id, 1) or deny_as_not_found()
    act = context.work.handoffs.sent_by(offer.event)
    if act is None or act.digest != incoming.told.document:
        raise InvalidDocument("the offer that was taken in is another one than was sent")
    context.work.handoffs.end_sent(act.event, context.now)
    duties.take_due(context.work, handoff.id, offer.event, incoming.message.due_at)


def _own_act(context: RequestContext, incoming: TakenEvent) -> _Followed:
    """Find what our own member sent, and the deciding gateway took in, by its document."""
    acts = context.work.handoffs.sent(_handoff(incoming).id)
    act = next((one for one in acts if one.digest == incoming.told.document), None)
    if act is None or act.ended_at is not None or not act.document:
        raise InvalidDocument("our member sent no such document, or it was erased")
    told = sd_jwt.read_stored(act.document)
    kind = KINDS.get(incoming.told.type)
    if kind is not None:
        return _Followed(kind.move(told.disclosed), act.document, told.disclosed, act)
    step = HandoffAction.UPDATE if incoming.told.type == UPDATED else HandoffAction.RECALL
    return _Followed(step, act.document, told.claims, act)


def _answer(
    context: RequestContext, incoming: TakenEvent, standing: Standing, kind: AnswerKind | None
) -> _Followed:
    """Read what the recipient answered, or its gateway in its name, about what stands."""
    handoff = standing.handoff
    if kind is None:
        raise NotFound
    if incoming.message.document is None:
        _require_over(context, standing.case)
        return _Followed(kind.move({}), "", {})
    if incoming.message.faults:
        raise ValidationFailed(incoming.message.faults)
    opened = open_document(
        context,
        incoming,
        incoming.message.document,
        author=handoff.recipient,
        form=ANSWER,
        audience=context.names.home(handoff.recipient),
        digest=incoming.told.document,
        by_gateway=kind.author is AnswerAuthor.GATEWAY,
    )
    claims = handoff_documents.read_answer(opened.verified)
    bound = claims.handoff, claims.case_digest, claims.offer_digest, claims.package_digest
    stands = handoff.id, handoff.case_digest, handoff.offer_digest, handoff.package_digest
    if bound != stands or claims.kind != kind.name:
        raise InvalidDocument("the answer is bound to another handoff, offer, package or kind")
    fields, code = opened.verified.disclosed, incoming.message.shown.get("code")
    if code is not None and code not in codes_shown_for(kind, fields):
        raise InvalidDocument("the answer is shown as another than it says")
    return _Followed(kind.move(fields), opened.document.compact(), fields)


def _require_over(context: RequestContext, case: Case) -> None:
    """Require that a case is over by its originator's word: its answers were erased with it. Any
    other answer has its document, which its gateway keeps until it is heard here.

    Raises InvalidDocument; and Busy on the day before, which is over elsewhere a few hours sooner.
    """
    day = context.today.civil
    if case.state is CaseState.ERASED or erasure_is_due(case, day):
        return
    if erasure_is_due(case, day + timedelta(days=1)):
        raise Busy("the answer is without its document, and its case not over here: bring it again")
    raise InvalidDocument("what the recipient answered is missing, and its case is not over")


def _moved(
    context: RequestContext, incoming: TakenEvent, standing: Standing, found: _Followed
) -> Handoff:
    """The handoff after a move, by the table."""
    handoff, step = standing.handoff, found.step
    if step is HandoffAction.UPDATE:
        return _updated(context, standing, found)
    done = None
    if step is HandoffAction.ANSWER_RECALL:
        said = str(incoming.message.shown.get("code", found.fields.get("done", KEPT)))
        if said not in set(RecallAnswer):
            raise InvalidDocument("the answer to the recall is shown as no such answer")
        done = RecallAnswer(said)
    made = context.work.cases.recalls(handoff.originator, handoff.case)
    return moves.follow(
        handoff,
        step,
        groups=frozenset(found.fields.get("groups", ())) or None,
        under=standing.case.digest if step in AGREEMENTS else None,
        recalled_by=next((one.id for one in made if one.digest == incoming.told.document), None),
        holds=handoff.is_held or DutyKind.RECALL_ANSWER in incoming.message.due_at,
        done=done,
    )


def _updated(context: RequestContext, standing: Standing, found: _Followed) -> Handoff:
    claims = handoff_documents.read_offer(sd_jwt.read_stored(found.document))
    version = read_version(context.work, claims.case_digest)
    moved = moves.follow(standing.handoff, found.step, change=claims.change)
    if moved.held == moved.package:
        moved = replace(moved, held_under=version.digest)
    permitted, tool = claims.disclosures, claims.transfer_tool
    conditions = offered_conditions(version, sorted(permitted), claims.purpose, tool)
    digest = sd_jwt.parse(found.document).digest
    end = None
    if claims.expires_at is not None:
        end = handoff_documents.read_time(found.fields, "expires_at")
    package = offers.package_of(context.ports, version, permitted, conditions, digest)
    return replace(moved, **package, expires_at=end, transfer_tool=tool)


def _follow_duties(
    context: RequestContext,
    incoming: TakenEvent,
    standing: Standing,
    moved: Handoff,
    found: _Followed,
) -> None:
    """Begin what a move asks for beside the table, as its recipient's home has begun it."""
    ports, work, at = context.ports, context.work, incoming.told.time
    made = moves.made_of(moved, found.step, found.document, at, context.event)
    if found.step is HandoffAction.UPDATE:
        claims = handoff_documents.read_offer(sd_jwt.read_stored(found.document))
        change = claims.change or ChangeKind.ADDITION
        duties.owe_for_update(ports, work, standing.handoff, moved, made, change=change)
    if found.step is HandoffAction.RECALL and moved.recall is not None:
        duties.owe_for_recall(work, moved, made)
    if found.step is HandoffAction.DELAY and "until" in found.fields:
        until = parse_timestamp(found.fields["until"])
        duties.delay(work, standing.duties, until, at)
    if found.step in ACCEPTING and standing.case.digest != moved.case_digest:
        owe_announced(context, moved)


def returned(context: RequestContext, incoming: TakenEvent) -> Any:
    """An act of our member was refused there, on record: it does not stand, and its author hears
    why. An offer that was refused is over."""
    told = incoming.told.subject()
    act = context.work.handoffs.sent_by(named_event(told["peer_event"]))
    handoff = context.work.handoffs.get(act.handoff) if act else None
    if act is None or act.ended_at is not None or handoff is None:
        return None
    if (handoff.originator, OrganisationName(handoff.recipient).peer) != (
        incoming.own,
        incoming.peer,
    ):
        raise NotFound
    context.work.handoffs.end_sent(act.event, context.now)
    action = "handoff.return" if act.action == "handoff.offer" else "handoff.return_act"
    if act.action == "handoff.offer":
        context.work.handoffs.end_returned(handoff)
        for duty in context.work.duties.of(handoff.id, open_only=True):
            context.work.duties.save(duty.close(context.now))
    context.about = EventSubject.of_handoff(handoff)
    parties = (Party(handoff.originator, "originator"),)
    listed = (one for one in incoming.told.details("rules") if isinstance(one, list))
    named = (rule for one in listed for rule in one)
    rules = [rule for rule in named if _SENTENCE.judge(rule) is None]
    # A peer's sentence, as our member may read it: a short text, or nothing.
    why = told.get("why")
    plain = why if isinstance(why, str) and _SENTENCE.judge(why) is None else ""
    said = {"action": act.action, "why": plain, "rules": rules}
    context.record(
        parties,
        events.subject(said, *parties),
        action=action,
        document_sha256=act.digest,
    )
    to = handoff.originator, AnswerAuthor.ORIGINATOR
    duties.arrive(context.work, action, handoff.id, *to, source=context.event, since=context.now)
    return None


_SENTENCE = free(LONGEST_WHY)


FOLLOWED: Mapping[str, Callable[[RequestContext, TakenEvent], Any]] = dict.fromkeys(
    TYPES.values(), follow
)
"""What is done of an event of the deciding gateway's, by its type; of others nothing follows."""


# --- What waits at a peer for long ---

WITHIN: Mapping[Urgency, timedelta] = {
    Urgency.IMMINENT_DANGER: timedelta(minutes=1),
    Urgency.URGENT: timedelta(minutes=30),
    Urgency.PRIORITY: timedelta(hours=4),
    Urgency.NORMAL: timedelta(days=1),
}
"""How long what was sent may wait until its author hears that."""

AT_ONCE = 50


def tell_undelivered(ports: Ports) -> bool:
    """Tell originators once of what waits at a peer longer than its urgency allows; whether more is
    due at once. Maintenance calls it."""
    now = ports.now()
    with ports.begin(TransactionMode.READ) as work:
        waiting = [
            act
            for urgency, within in WITHIN.items()
            for act in work.handoffs.waiting_since(urgency, now - within, AT_ONCE)
        ]
    told = 0
    for act in waiting:
        with ports.begin(TransactionMode.WRITE) as work:
            handoff = work.handoffs.get(act.handoff)
            found = work.handoffs.sent_by(act.event)
            if handoff is None or found is None or found.ended_at or found.undelivered_at:
                continue
            event, parties = ports.new_id(), (Party(handoff.originator, "originator"),)
            work.handoffs.tell_sent(act.event, now)
            events.record_by_gateway(
                ports,
                work,
                "handoff.tell_undelivered",
                parties,
                said={"action": act.action, "since": act.at.isoformat()},
                event=event,
                of=EventSubject.of_handoff(handoff),
            )
            to = handoff.originator, AnswerAuthor.ORIGINATOR
            action = "handoff.tell_undelivered"
            duties.arrive(work, action, handoff.id, *to, source=event, since=now)
            work.commit()
            told += 1
    return told >= AT_ONCE
