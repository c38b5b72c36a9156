"""Each answer, update and consultation holds its handoff against its documents and the log."""

from collections.abc import Sequence

from gateway.domain.answers import KIND_OF_ACTION
from gateway.domain.course import HANDOFF, HandoffChecks, differences
from gateway.domain.handoff import Handoff, HandoffAnswer, Recall
from gateway.domain.refusals import CaseErased, OutOfService
from gateway.domain.vocabulary import Urgency
from gateway.evidence.handoff_course import read_course
from gateway.kernel.ports import Ports, UnitOfWork
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


def read_differences(work: UnitOfWork, handoff: Handoff) -> Sequence[str]:
    """Likewise, once its documents and its recall are read."""
    try:
        moves = work.handoffs.moves(handoff.id)
    except ValueError:  # one is of another handoff
        return ("documents",)
    recall = None if handoff.recall is None else work.cases.recall(handoff.recall)
    return find_differences(work, handoff, moves, recall)


def is_refused(ports: Ports, work: UnitOfWork, handoff: Handoff, names: Sequence[str]) -> bool:
    """Whether nothing is done about a handoff that differs by ``names``, or was found to. The
    operator hears of it, whether the gateway refuses or only alarms."""
    if not names and (HANDOFF, str(handoff.id)) not in work.organisations.out_of_service():
        return False
    ports.differs(handoff.id, names)
    return ports.handoff_checks is HandoffChecks.REFUSE


def check_course(
    context: RequestContext,
    handoff: Handoff,
    moves: Sequence[HandoffAnswer],
    recall: Recall | None,
) -> None:
    """Require that something may be done about a handoff (`is_refused`); an answer to a recall goes
    on all the same. Raises OutOfService."""
    names = find_differences(context.work, handoff, moves, recall)
    kind = KIND_OF_ACTION.get(context.request.action)
    refused = is_refused(context.ports, context.work, handoff, names)
    if not refused or (kind is not None and kind.of_recall):
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
