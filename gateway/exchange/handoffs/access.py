"""Who may do what with a handoff: its two parties, what bars them, and what is over."""

from collections.abc import Mapping, Sequence
from uuid import UUID

from gateway.domain.answers import ANSWERS
from gateway.domain.decision import PolicyEntity, Value, handoff_entity
from gateway.domain.handoff import Handoff
from gateway.domain.measure import Measure
from gateway.domain.refusals import CaseErased, WrongState
from gateway.domain.transfer import is_derogation, is_transfer_barred
from gateway.exchange.cases import OWN, in_force
from gateway.exchange.interests import has_conflict
from gateway.kernel.transact import (
    EventSubject,
    RequestContext,
    authorize,
    deny_as_not_found,
    refuse_recused,
)


def party_to(context: RequestContext, handoff: UUID) -> Handoff:
    """The handoff, when the caller is one of its two parties; else there is none."""
    found = context.work.handoffs.get(handoff)
    if found is None or context.caller.organisation not in (found.originator, found.recipient):
        deny_as_not_found()
    refuse_recused(context, found.originator, found.case)
    return found


def visible(context: RequestContext, handoff: UUID) -> tuple[Handoff, Mapping[str, Value]]:
    """The same and its `barriers`, unless an interest of its own bars the caller: the state or the
    conditions of a handoff would say that it is there. It is what the event, or a refusal, is
    about."""
    found = party_to(context, handoff)
    barred = barriers(context, found)
    if barred.get("conflict"):
        authorize(context, entity_of(context, found), barred, "handoff.read")
    context.about = EventSubject(found.id, found.case_digest)
    return found, barred


def authorized(
    context: RequestContext, handoff: UUID, facts: Mapping[str, Value] | None = None
) -> Handoff:
    """The handoff, when policy allows one of its parties what the request asks; it is what the
    event, or the denial, is about."""
    found = party_to(context, handoff)
    context.about = EventSubject(found.id, found.case_digest)
    authorize(context, entity_of(context, found), {**(facts or {}), **barriers(context, found)})
    return found


_BARRED = {"handoff.read", "case.consult", *(k.action for k in ANSWERS.values() if k.accepts)}
"""What a recipient may not do where something keeps the case from it; it can still refuse."""


def entity_of(
    context: RequestContext, handoff: Handoff, *, read_access: bool = False
) -> PolicyEntity:
    """What policy sees of a handoff and its two parties, as they are now."""
    originator = context.entity(context.require(handoff.originator))
    recipient = context.entity(context.require(handoff.recipient))
    return handoff_entity(handoff, originator, recipient, read_access=read_access)


def barriers(context: RequestContext, handoff: Handoff) -> Mapping[str, Value]:
    """Interests (R9) and third countries (R15) of the caller as the recipient; an originator
    meets none."""
    if context.request.action not in _BARRED:
        return {}
    reader, day = context.organisation, context.today.day
    if reader.slug != handoff.recipient:
        return OWN
    conflict = bool(reader.interests) and has_conflict(context.work, reader, handoff, day)
    barred = is_transfer_barred(reader, day) and not is_derogation(handoff.transfer_tool)
    return {"conflict": conflict, "third_country": barred}


def measures_on(context: RequestContext, handoff: Handoff) -> Sequence[Measure]:
    """The measures on the case that are in force."""
    case = context.work.cases.get(handoff.originator, handoff.case)
    return () if case is None else in_force(context, case)


def refuse_erased(context: RequestContext, handoff: Handoff) -> None:
    """Refuse what needs the content of a case that was erased: its handoffs state no conditions."""
    if handoff.conditions_digest:
        return
    if context.caller.organisation == handoff.recipient and not copy_is_gone(context, handoff):
        raise CaseErased("the case was erased: consult what you retain of it")
    raise CaseErased("the case was erased, and the handoff ended with it")


def copy_is_gone(context: RequestContext, handoff: Handoff) -> bool:
    """Whether nothing of an erased case is kept for its recipient today: what is over counts no
    more, whether maintenance has ended it or not."""
    return not context.work.retentions.has_copy(handoff.id, context.civil_day)


def refuse_expired(context: RequestContext, handoff: Handoff) -> None:
    """Refuse what an offer allows until it expires. Raises WrongState."""
    if handoff.expires_at is not None and handoff.expires_at <= context.now:
        raise WrongState("the offer has ended: ask its originator for a new one")
