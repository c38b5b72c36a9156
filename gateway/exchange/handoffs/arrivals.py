"""What arrived at a party of a handoff: as it is shown, and marked as seen by a person there; and
who of that side works on it. And its recipient's own reference of it."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from gateway.domain.audit_event import Party
from gateway.domain.duty import MARK_SEEN, REFER, TAKE, HandoffDuty
from gateway.domain.handoff import NEVER
from gateway.domain.json_values import Asked
from gateway.domain.refusals import CaseErased, ValidationFailed, WrongState
from gateway.exchange.case.cases import reference
from gateway.exchange.results import Arrival, Referred, Seen, Taken
from gateway.exchange.standing import access
from gateway.kernel import events
from gateway.kernel.ports import Ports
from gateway.kernel.request import ActionRequest, RequestContext
from gateway.kernel.results import to_json
from gateway.kernel.transact import WriteResult, transact
from gateway.kernel.values import Caller, TakenHandoff

MOST = 500
"""Events that are marked at once, the oldest first: the other side may have sent any number, and
the receipt that names them is not to be longer than a reader takes."""


@dataclass(frozen=True)
class SeenRequest(Asked):
    """Who has seen what arrived, and which events of it; none: all, `MOST` at once."""

    by: str
    events: tuple[str, ...] = ()


def mark_seen(
    ports: Ports, caller: Caller, key: str, handoff: UUID, asked: SeenRequest
) -> WriteResult:
    """Mark what arrived in a handoff as seen: for the caller's own side, which alone hears of it.

    Of an erased case, too. Raises WrongState where nothing waits to be seen, ValidationFailed (an
    event that does not wait), and the policy's denials.
    """

    def act(context: RequestContext) -> Any:
        found = access.authorized(context, handoff)
        own = (one for one in context.work.duties.of(handoff, open_only=True) if one.arrived)
        waiting = [one for one in own if one.organisation == caller.organisation]
        if not waiting:
            raise WrongState("nothing of this handoff waits to be seen by you")
        if not {str(one.source) for one in waiting}.issuperset(asked.events):
            why = "name only events that wait here: 'casegate handoff show' lists them"
            raise ValidationFailed((("/events", why),))
        named = [one for one in waiting if not asked.events or str(one.source) in asked.events]
        seen = named[:MOST]
        for one in seen:
            context.work.duties.save(one.close(context.now), follows=False)
        originates = found.originator == caller.organisation
        own_party = Party(caller.organisation, "originator" if originates else "recipient")
        said = {"seen": sorted({str(one.source) for one in seen})}
        context.record((own_party,), events.subject(said, own_party))
        return to_json(Seen(handoff, show(seen)))

    request = ActionRequest(MARK_SEEN, asked.by, key, {"handoff": str(handoff), **asked.asked()})
    return transact(ports, caller, request, act)


@dataclass(frozen=True)
class TakeRequest(Asked):
    """Who works on a handoff from now on."""

    by: str


def take(ports: Ports, caller: Caller, key: str, handoff: UUID, asked: TakeRequest) -> WriteResult:
    """Say who of the caller's own side works on a handoff, in place of who did; that side alone
    hears of it."""

    def act(context: RequestContext) -> Any:
        found = access.authorized(context, handoff)
        if not found.conditions_digest:
            raise CaseErased("the case was erased: nobody works on it any more")
        own = caller.organisation
        context.work.handoffs.take(TakenHandoff(handoff, own, asked.by, context.now))
        side = "originator" if found.originator == own else "recipient"
        context.record((Party(own, side),))
        return to_json(Taken(handoff, asked.by))

    request = ActionRequest(TAKE, asked.by, key, {"handoff": str(handoff)})
    return transact(ports, caller, request, act)


@dataclass(frozen=True)
class ReferRequest(Asked):
    """The recipient's own reference, as the file number of the police."""

    by: str
    reference: str


def refer(
    ports: Ports, caller: Caller, key: str, handoff: UUID, asked: ReferRequest
) -> WriteResult:
    """Give a received handoff the recipient's own reference, in place of that before; that side
    alone hears of it, and its event does not say it."""

    def act(context: RequestContext) -> Any:
        found = access.authorized(context, handoff)
        if not found.conditions_digest:
            raise CaseErased("the case was erased: it takes no reference any more")
        own = caller.organisation
        digest = reference(ports, own, asked.reference)
        context.work.handoffs.refer(handoff, own, digest, asked.reference)
        context.record((Party(own, "recipient"),))
        return to_json(Referred(handoff))

    request = ActionRequest(REFER, asked.by, key, {"handoff": str(handoff), **asked.asked()})
    return transact(ports, caller, request, act)


def show(arrived: Iterable[HandoffDuty]) -> list[Arrival]:
    """Show what arrived, without a time where it names none."""
    return [
        Arrival(
            one.kind,
            one.source,
            str(one.arrived),
            one.since,
            None if one.due_at == NEVER else one.due_at,
        )
        for one in arrived
    ]
