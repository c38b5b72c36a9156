"""The standing of a handoff for the caller, read once in a request."""

from uuid import UUID

from gateway.domain.answers import AnswerAuthor
from gateway.domain.duty import holds_copies
from gateway.domain.handoff import Handoff
from gateway.domain.standing import Standing
from gateway.exchange import access
from gateway.exchange.cases import in_force
from gateway.exchange.course_check import check_course
from gateway.kernel import transact


def standing_of(
    context: transact.RequestContext, handoff: UUID, *, checked: bool = True
) -> Standing:
    """The standing of a handoff for the caller, which is one of its parties; else there is none.

    Where an interest of its own bars the caller it is refused as policy says: state or conditions
    would say that the handoff is there. It is what the event, or a refusal, is about. Of recalls,
    measures, retentions and changes nothing is read where the handoff or its case has none.
    ``checked``: it is held against its documents and the log (`check_course`), before anything is
    done by it. Raises OutOfService.
    """
    work, day = context.work, context.civil_day
    found, case = work.handoffs.with_case(handoff) or transact.deny_as_not_found()
    access.require_party(context, found)
    barred = access.barriers(context, found)
    if barred.get("conflict"):
        transact.authorize(context, access.entity_of(context, found), barred, "handoff.read")
    context.about = transact.EventSubject(found.id, found.case_digest)
    recall = None if found.recall is None else work.cases.recall(found.recall)
    try:
        moves = tuple(work.handoffs.moves(found.id))
    except ValueError:  # one is of another handoff: then it has none, which the log denies
        if not checked:
            raise
        moves = ()
    duties, is_erased = tuple(work.duties.of(found.id)), not found.conditions_digest
    received = context.caller.organisation == found.recipient
    is_current = case.digest == found.case_digest
    is_kept = is_erased or holds_copies(found, duties)
    standing = Standing(
        side=AnswerAuthor.RECIPIENT if received else AnswerAuthor.ORIGINATOR,
        now=context.now,
        day=day,
        handoff=found,
        moves=moves,
        case=case,
        duties=duties,
        recall=recall,
        measures=tuple(in_force(context, case)),
        retention=work.retentions.of_handoff(found.id) if is_kept else None,
        has_copy=is_erased and work.retentions.has_copy(found.id, day),
        newer=None if is_current else work.cases.announced(found.originator, found.case),
        read_access=received and _has_read_access(context, found),
        barred=barred,
    )
    if checked:
        check_course(context, standing)
    return standing


def _has_read_access(context: transact.RequestContext, handoff: Handoff) -> bool:
    """Tell whether a succession lets the recipient open what its mandate, which moved, gave it."""
    competence, today = handoff.address.competence, context.today.day
    reader = context.organisation
    if competence is None or competence in reader.competences_on(today):
        return False
    successions = context.work.successions.of_predecessor(reader.slug, competence)
    held = handoff.is_held
    return any(one.lets_read(handoff, was_taken_on=held, day=today) for one in successions)
