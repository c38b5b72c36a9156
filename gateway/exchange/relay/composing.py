"""What a peer gateway gets: one event of a remote member's stream after the other, composed when it
is sent, from what is stored, as that member may read it.

The stream is the outbox. The result of an act comes in the deciding gateway's own stream: the
answer to a delivery only says whether it was heard.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from gateway.domain.duty import OWED_TO_ORIGINATOR
from gateway.domain.handoff import Handoff, RecallAnswer
from gateway.domain.organisation import OrganisationName, Status
from gateway.domain.refusals import CaseErased
from gateway.evidence import event as event_document
from gateway.evidence import handoff_documents, receipt, sd_jwt
from gateway.evidence.case_events import ADVANCED
from gateway.exchange.handoffs.views import shown_answer
from gateway.exchange.standing.case_version import in_force, read_version
from gateway.exchange.standing.disclosure import PERSONS
from gateway.kernel.ports import Ports
from gateway.kernel.request import ActionRequest, RequestContext
from gateway.kernel.transact import read
from gateway.kernel.values import HOST, Caller, LoggedEvent

ANSWERED = "handoff.recall_answered"

MOST = 50
"""Events that are composed at once."""


@dataclass(frozen=True)
class OutgoingEvent:
    """One event of a remote member's stream: the body of `POST /relay/events`, whose idempotency
    key is the event's id."""

    stream_number: int
    event: UUID
    body: Mapping[str, Any]


@dataclass(frozen=True)
class OutgoingEvents:
    """What follows in a remote member's stream. All receipts end in the checkpoint ``note``, which
    the peer has to cosign before it takes them."""

    note: str
    events: Sequence[OutgoingEvent]


def compose(ports: Ports, member: str, after: int, most: int = MOST) -> OutgoingEvents | None:
    """Compose the events of a remote member's stream after a number; None where there are none.

    ``member`` is its name here, as ``ofmin@fr``. Call it with no transaction open: it signs a
    checkpoint.
    """

    def query(context: RequestContext) -> list[tuple[int, LoggedEvent, dict[str, Any]]]:
        following = context.work.log.read_stream(member, after, most)
        return [(number, one, _beside(context, one)) for number, one in following]

    reader = Caller(member, "relay", frozenset(), HOST)
    found = read(ports, reader, ActionRequest("handoff.read"), query)
    if not found:
        return None
    note = ports.checkpoint_signer.sign(found[0][1].head)
    events = []
    for number, logged, beside in found:
        shown = receipt.to_json(logged.receipt(note, member))
        body = {"stream_number": number, "receipt": shown, **beside}
        events.append(OutgoingEvent(number, logged.event.id, body))
    return OutgoingEvents(note, events)


def cursor_after(sent: OutgoingEvent, status: int, answer: Mapping[str, Any]) -> int | None:
    """Tell from an answer up to which number the peer has heard the stream; None: it did not hear,
    and the event comes again after a pause.

    ``answer`` is the JSON of an answer, or of a problem; empty where it is neither. A refusal that
    is on record there (it has a receipt) was heard. Where another number is ``expected``, the
    cursor goes back to the one before it, and never forward.
    """
    if status == 200 or (400 <= status < 500 and "receipt" in answer):
        return sent.stream_number
    expected = answer.get("expected")
    if status == 409 and isinstance(expected, int) and 0 < expected <= sent.stream_number:
        return expected - 1
    return None


def _beside(context: RequestContext, logged: LoggedEvent) -> dict[str, Any]:
    """Collect what goes with an event: whose act it is, and what was signed and shown about it."""
    told = event_document.read(logged.event.document)
    handoff = context.work.handoffs.get(UUID(told["handoff"])) if "handoff" in told else None
    if handoff is None:
        return {}
    home = handoff.originator if OrganisationName(handoff.recipient).peer else handoff.recipient
    beside: dict[str, Any] = {"member": OrganisationName(home).id}
    if _was_ended(context, logged, handoff):
        return beside
    try:
        if home == handoff.recipient:
            return beside | _decided(context, logged.event.id, handoff)
        return beside | _asked(context, logged.event.id, told["type"], handoff)
    except CaseErased:
        # A recall's answer ended its own document: without its code it would count as one that
        # keeps what was recalled.
        answered = handoff.recall_answer
        if told["type"] != ANSWERED or answered is not RecallAnswer.COPIES_ERASED:
            return beside
        return beside | {"shown": {"code": str(answered)}}


def _was_ended(context: RequestContext, logged: LoggedEvent, handoff: Handoff) -> bool:
    """Tell whether an event was before the log began anew of the peer whose member it concerns: the
    handoff ended with that, and of the event goes the receipt."""
    remote = handoff.recipient if OrganisationName(handoff.recipient).peer else handoff.originator
    gateway = context.see(OrganisationName(remote).peer or "")
    anew = gateway.peer.anew if gateway and gateway.peer else None
    since = None if anew is None else context.work.log.logged(anew.event)
    return since is not None and logged.index < since.index


def _decided(context: RequestContext, event: UUID, handoff: Handoff) -> dict[str, Any]:
    """Show an answer of our own member, which decided, as the remote originator reads it."""
    found: dict[str, Any] = {}
    stored = context.work.handoffs.answer_of(event)
    if stored is not None and stored.author == handoff.recipient:
        case = context.work.cases.get(handoff.originator, handoff.case)
        measures = in_force(context.work, case, context.now) if case else ()
        view = shown_answer(context, stored, measures)
        found["document"] = view.document
        if view.code is not None:
            found["shown"] = {"code": view.code}
    due = {
        str(one.kind): one.due_at.isoformat()
        for one in context.work.duties.of(handoff.id)
        if one.source == event and one.kind in OWED_TO_ORIGINATOR
    }
    return found | ({"due_at": due} if due else {})


def _asked(context: RequestContext, event: UUID, type_: str, handoff: Handoff) -> dict[str, Any]:
    """Show what our own member asks of the gateway that decides."""
    if type_ == ADVANCED:
        return {"persons": _advising(context, handoff)}
    offer = context.work.handoffs.answer_of(event)
    act = context.work.handoffs.sent_by(event)
    text = offer.document if offer else act.document if act else ""
    if not text:
        return {}
    verified = sd_jwt.read_stored(text)
    gives = verified.header.get("typ") == handoff_documents.OFFER_TYP
    if gives and not _may_leave(context, handoff, verified, heard=bool(act and act.ended_at)):
        return {}
    document = sd_jwt.parse(text)
    said = {one.name: one.value for one in document.disclosures if one.name in PERSONS}
    open_ = [one.digest for one in document.disclosures if one.name not in PERSONS]
    found = {"document": document.present(open_).compact(), "persons": len({*said.values()})}
    if gives:  # with the version of the case, of which it shows what it lists and nothing else
        claims = handoff_documents.read_offer(verified)
        version = read_version(context.work, claims.case_digest)
        case = context.work.cases.get(handoff.originator, handoff.case)
        found["case"] = sd_jwt.parse_stored(version.document).present(claims.disclosures).compact()
        cleared = case is not None and case.cleared_digest is not None
        found["cleared"] = cleared or not handoff.break_glass
        found |= {"shown": {"reason_code": version.reason_code}} if version.reason_code else {}
    return found


def _may_leave(
    context: RequestContext, handoff: Handoff, offered: sd_jwt.VerifiedSdJwt, *, heard: bool
) -> bool:
    """Tell whether what was offered may leave still: what waited until its case was recalled, or
    its recipient's gateway was suspended, goes as its receipt, and is returned. What was ``heard``
    there comes again where that gateway lost it, so that its recall is of something."""
    peer = context.require(str(OrganisationName(handoff.recipient).peer))
    if not context.organisation.active or peer.standing_on(context.today.day) is not Status.ACTIVE:
        return False
    version = read_version(context.work, handoff_documents.read_offer(offered).case_digest)
    made = context.work.cases.recalls(handoff.originator, handoff.case)
    return heard or not any(one.covers(version.version, handoff.recipient) for one in made)


def _advising(context: RequestContext, handoff: Handoff) -> int:
    """How many persons brought the erasure of a case forward."""
    course = context.work.cases.course(handoff.originator, handoff.case)
    made = [one for one in course if one.type == ADVANCED and one.handoff is None]
    if not made:
        return 0
    said = made[-1].subject
    named = {made[-1].details.get("by"), said.get("approved_by"), said.get("dpo")}
    return len(named - {None})
