"""What a holder answers to a recall, and what the recall leaves open to it meanwhile."""

from collections.abc import Mapping
from datetime import date
from typing import Any

from gateway.domain import answers
from gateway.domain.answers import ANSWERS, AnswerKind
from gateway.domain.case import CaseState
from gateway.domain.decision import Value
from gateway.domain.handoff import RETAINING, Handoff, Recall, RecallAnswer, answer_as_read
from gateway.domain.refusals import WrongState
from gateway.domain.retention import RetentionGround
from gateway.exchange.disclosure import reads_acts_of
from gateway.exchange.duties import is_holder
from gateway.exchange.retention import end_retention, retention_in_force, set_retention
from gateway.kernel.transact import RequestContext


def recall_of(context: RequestContext, handoff: Handoff) -> Recall | None:
    """The recall that stands on a handoff."""
    return None if handoff.recall is None else context.work.cases.recall(handoff.recall)


def consultation_facts(context: RequestContext, handoff: Handoff) -> Mapping[str, Value]:
    """What policy knows of a recall when its holder consults (R13.recall); nothing without one."""
    recall = recall_of(context, handoff)
    if recall is None:
        return {}
    return {
        "recall": str(recall.code),
        "recall_answer": str(handoff.recall_answer or ""),
        "retained": retention_in_force(context, handoff) is not None,
    }


def check_answerable(
    context: RequestContext, handoff: Handoff, kind: AnswerKind, fields: Mapping[str, Any]
) -> None:
    """Refuse an answer to no recall, but that the copies of a case are erased which was erased
    here, or which its holder kept; and an acknowledgement after the final answer. Raises
    WrongState."""
    final = kind is ANSWERS["recall_answer"]
    if handoff.recall is not None:
        if not final and handoff.recall_answer is not None:
            raise WrongState(f"you answered the recall already, by {handoff.recall_answer}")
        return
    erases = final and fields["done"] == RecallAnswer.COPIES_ERASED
    holds = is_holder(context.work, handoff)
    if not (erases and holds and _is_confirmable(context, handoff)):
        raise WrongState("no recall stands on this handoff")


def _is_confirmable(context: RequestContext, handoff: Handoff) -> bool:
    case = context.work.cases.get(handoff.originator, handoff.case)
    erased = case is not None and case.state is CaseState.ERASED
    return erased or context.work.retentions.of_handoff(handoff.id) is not None


def answer_recall(context: RequestContext, handoff: Handoff, fields: Mapping[str, Any]) -> Handoff:
    """The handoff with a final answer: what is kept is a retention, what is erased ends it.

    Raises WrongState.
    """
    done = RecallAnswer(fields["done"])
    answered = answers.answer_recall(handoff, done)
    if done in RETAINING:
        until = date.fromisoformat(fields["until"])
        basis = fields.get("legal_basis")
        set_retention(context, handoff, RetentionGround(done), legal_basis=basis, until=until)
    else:
        end_retention(context.work, handoff, context.now)
    return answered


def answer_for(
    context: RequestContext, holder: str, fields: Mapping[str, Any]
) -> tuple[str, Mapping[str, Any]]:
    """A holder's final answer and those of its fields that the caller, its originator, may read."""
    reads_all = reads_acts_of(context, context.require(holder))
    return answer_as_read(fields, reads_all=reads_all)
