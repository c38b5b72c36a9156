"""Each answer, update and consultation holds its handoff against its documents and the log."""

from collections.abc import Sequence

from gateway.domain.answers import KIND_OF_ACTION
from gateway.domain.course import HANDOFF, HandoffChecks, differences
from gateway.domain.handoff import Handoff, HandoffAnswer, Recall
from gateway.domain.refusals import CaseErased, OutOfService
from gateway.domain.vocabulary import Urgency
from gateway.evidence.handoff_course import read_course
from gateway.kernel.ports import UnitOfWork
from gateway.kernel.transact import RequestContext


def find_differences(
    work: UnitOfWork, handoff: Handoff, moves: Sequence[HandoffAnswer], recall: Recall | None
) -> Sequence[str]:
    """The names of what the row of a handoff says otherwise than its documents and the log, in a
    writing transaction; ``recall`` is the one that the row names."""
    told, versions = work.log.history(handoff)
    try:
        course = read_course(handoff, moves, told, versions)
    except ValueError:  # one is missing, of another handoff, or no document
        return ("documents",)
    return differences(handoff, course, recall)


def check_course(
    context: RequestContext,
    handoff: Handoff,
    moves: Sequence[HandoffAnswer],
    recall: Recall | None,
) -> None:
    """Require that a handoff is what its documents and the log say, and was found to be.

    Where it is not, the operator is told; an answer to a recall goes on all the same, and
    everything does while the gateway only alarms. Raises OutOfService.
    """
    names = find_differences(context.work, handoff, moves, recall)
    kind = KIND_OF_ACTION.get(context.request.action)
    of_recall = kind is not None and kind.of_recall
    out = (HANDOFF, str(handoff.id)) in context.work.organisations.out_of_service()
    if not (names or out):
        return
    context.ports.differs(handoff.id, names)
    if of_recall or context.ports.handoff_checks is HandoffChecks.ALARM:
        return
    why = (
        "what is stored of this handoff is not what its documents and the log say: the gateway's "
        "operator was alarmed, and puts it right"
    )
    if _is_danger(context, handoff):
        parties = {handoff.originator, handoff.recipient} - {context.caller.organisation}
        why += (
            f"; a child may be in danger: telephone the duty contact of {' or '.join(parties)} "
            "now, and one of the emergency numbers"
        )
        context.help |= {"emergency_numbers": context.ports.emergency_numbers}
    raise OutOfService(why)


def _is_danger(context: RequestContext, handoff: Handoff) -> bool:
    """Whether the row says so, or the version of the case that it names."""
    try:
        said = context.work.cases.summary(handoff.case_digest) or {}
    except (CaseErased, ValueError):
        said = {}
    return Urgency.IMMINENT_DANGER in (handoff.urgency, said.get("urgency"))
