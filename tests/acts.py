"""Every answer that a test gives, held against what its party was told that it may do.

What was answered stood among the acts, or said nothing new; what the state refused did not, unless
the answer's own fields or the markings of the case decided that: `OTHERWISE` names those.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from uuid import UUID

import pytest

from gateway.domain.refusals import WrongState
from gateway.domain.standing import Standing
from gateway.exchange.handoffs import answers
from gateway.exchange.handoffs.answering import AnswerRequest
from gateway.exchange.results import Answered
from gateway.kernel.request import RequestContext

OTHERWISE = {
    "the new time must be in the future, and later": "the time that it names",
    "a delay is at most": "the time that it names",
    "no recall stands on this handoff": "that copies are kept, where none were recalled",
    "you answered already, by": "that copies are kept, when that was said before",
    "the case was marked more strictly after this offer": "the markings of the case",
}
"""How the sentence of such a refusal begins, and what decided."""


@contextmanager
def watched_answers() -> Iterator[None]:
    """Hold the answers that are given meanwhile against the acts that were open to their party."""
    wrong: list[str] = []
    stood: dict[int, Standing] = {}  # by request: threads answer, too
    read, give = answers.standing_of, answers.give

    def reading(context: RequestContext, handoff: UUID) -> Standing:
        stood[id(context)] = read(context, handoff)
        return stood[id(context)]

    def giving(context: RequestContext, handoff: UUID, request: AnswerRequest) -> Any:
        try:
            answered: Answered = give(context, handoff, request)
        except WrongState as refusal:
            if (standing := stood.pop(id(context), None)) is not None:
                listed = request.kind.action in {one.action for one in standing.acts()}
                if listed and not str(refusal).startswith(tuple(OTHERWISE)):
                    wrong.append(f"{request.kind.name} was among the acts, and refused: {refusal}")
            raise
        standing = stood.pop(id(context))
        acts = {one.action for one in standing.acts()}
        if request.kind.action not in acts and not standing.is_idle(request.kind):
            wrong.append(f"{request.kind.name} was given, and not among the acts")
        return answered

    with pytest.MonkeyPatch.context() as patched:  # a test's own patches end before this
        patched.setattr(answers, "standing_of", reading)
        patched.setattr(answers, "give", giving)
        yield
    assert wrong == []
