"""What an originator does about a handoff that another gateway decides: it is sent, and counts when
that gateway's stream tells that it was taken in."""

from uuid import UUID

from gateway.domain.handoff import Handoff
from gateway.evidence.sd_jwt import SdJwt
from gateway.kernel import events
from gateway.kernel.request import RequestContext
from gateway.kernel.values import SentAct

SEND = "handoff.send"


def keep_sent(
    context: RequestContext,
    handoff: Handoff,
    action: str,
    document: SdJwt,
    event: UUID,
    *,
    stored: bool = True,
) -> None:
    """Keep an act until the deciding gateway tells its result; ``stored``: its document is
    nowhere else."""
    text = document.compact() if stored else ""
    act = SentAct(event, handoff.id, action, document.digest, context.now, text)
    context.work.handoffs.add_sent(act, handoff.originator)


def send(
    context: RequestContext,
    handoff: Handoff,
    action: str,
    document: SdJwt,
    event: UUID | None = None,
) -> None:
    """Record that an act was sent. The event, in the recipient's stream, is the message."""
    event = event or context.event
    keep_sent(context, handoff, action, document, event)
    parties = events.parties_of(handoff)
    context.record(
        parties,
        events.subject({"action": action}, *parties),
        action=SEND,
        event=event,
        document_sha256=document.digest,
    )
