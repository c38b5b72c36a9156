"""What the counterparts of an organisation hear when that is suspended or reinstated, leaves, or
loses its membership or a key; and what ends with one that leaves.

Each gets an event of its own, so that none learns of another. It says what happened, and not why.
"""

from collections.abc import Mapping
from dataclasses import replace

from gateway.domain.answers import AnswerAuthor
from gateway.domain.handoff import Handoff
from gateway.exchange.standing.duties import arrive
from gateway.exchange.standing.interests import is_barred
from gateway.kernel import events
from gateway.kernel.changes import ChangeContext, ChangeType
from gateway.kernel.events import NOTHING, EventSubject

_TOLD_AS = {
    "organisation.suspend": "counterpart.suspend",
    "organisation.reinstate": "counterpart.reinstate",
    "organisation.leave": "counterpart.leave",
    "membership.end": "counterpart.end_membership",
    "key.revoke": "counterpart.revoke_key",
}
"""The changes of which counterparts hear, and the action of the event by which they do."""

LOOKED_AT = 100
"""Handoffs with a counterpart that are looked at most, where an interest keeps the first away."""

_SAID = ("until", "kid")
"""What they learn of the change beside whom it is about."""


def telling(changes: Mapping[str, ChangeType]) -> Mapping[str, ChangeType]:
    """The changes of which counterparts hear, each with how they do."""
    return {one: replace(changes[one], tell=_tell) for one in _TOLD_AS}


def _tell(context: ChangeContext) -> None:
    """Let each counterpart hear, and wait at it what it heard: at the most urgent handoff that is
    open or held between the two, and that no interest keeps from it (R9)."""
    about, action = context.change.organisation, _TOLD_AS[context.change.action]
    said = {name: str(context.values[name]) for name in _SAID if context.values.get(name)}
    # Members of a peer gateway take part as that does.
    members = context.work.organisations.members_of(about)
    for organisation in (about, *(member.slug for member in members)):
        if action == "counterpart.leave":
            context.work.duties.end_with(organisation, context.now)
        where = _where_told(context, organisation, 1)
        if any(handoff is None for _, handoff in where.values()):
            where = _where_told(context, organisation, LOOKED_AT)
        for counterpart, (side, handoff) in sorted(where.items()):
            ports, work, event = context.request.ports, context.work, context.request.ports.new_id()
            if handoff is not None:
                to = (handoff.id, counterpart, side)
                arrive(work, action, *to, source=event, since=context.now)
            events.record_by_gateway(
                ports,
                work,
                action,
                events.gateway_and(counterpart, role=str(side)),
                said={"organisation": organisation, **said},
                event=event,
                of=NOTHING if handoff is None else EventSubject.of_handoff(handoff),
            )


def _where_told(
    context: ChangeContext, about: str, most: int
) -> Mapping[str, tuple[AnswerAuthor, Handoff | None]]:
    """At which handoff each counterpart hears, of the first ``most`` with it; None where an
    interest keeps all of these from it."""
    work = context.work
    found = dict[str, tuple[AnswerAuthor, Handoff | None]]()
    for one in sorted(work.handoffs.with_counterparts(about, most), key=lambda one: one.place):
        side = AnswerAuthor.RECIPIENT if one.originator == about else AnswerAuthor.ORIGINATOR
        counterpart = side.of(one.originator, one.recipient)
        if found.get(counterpart, (side, None))[1] is None:
            barred = side is AnswerAuthor.RECIPIENT and is_barred(work, one.id, context.today)
            found[counterpart] = side, None if barred else one
    return found
