"""Each answer, update and consultation holds its handoff against its documents and the log."""

from collections.abc import Sequence

from gateway.domain.course import HANDOFF, HandoffChecks, differences
from gateway.domain.handoff import Handoff
from gateway.domain.refusals import CaseErased, OutOfService
from gateway.domain.vocabulary import Urgency
from gateway.evidence.handoff_course import read_course
from gateway.kernel.ports import UnitOfWork
from gateway.kernel.transact import RequestContext


def find_differences(work: UnitOfWork, handoff: Handoff) -> Sequence[str]:
    """The names of what the row of a handoff says otherwise than its documents and the log, in a
    writing transaction."""
    told, versions = work.log.history(handoff)
    try:
        course = read_course(handoff, work.handoffs.moves(handoff.id), told, versions)
    except ValueError:  # one is missing, of another handoff, or no document
        return ("documents",)
    recall = None if handoff.recall is None else work.cases.recall(handoff.recall)
    return differences(handoff, course, recall)


def check_course(context: RequestContext, handoff: Handoff, *, of_recall: bool = False) -> None:
    """Require that a handoff is what its documents and the log say, and was found to be.

    Where it is not, the operator is told; an answer ``of_recall`` goes on all the same, and
    everything does while the gateway only alarms. Raises OutOfService.
    """
    names = find_differences(context.work, handoff)
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
