"""The originator's row ends as the deciding one, whatever is lost, repeated or delayed."""

import sys
from datetime import UTC, datetime
from random import Random
from uuid import UUID

from gateway.domain import moves
from gateway.domain.answers import KIND_OF_MOVE, AnswerAuthor
from gateway.domain.handoff import (
    RECALL_ANSWERS,
    Addressee,
    Handoff,
    HandoffAction,
    HandoffState,
)
from gateway.domain.refusals import WrongState
from gateway.domain.revision import ChangeKind
from gateway.domain.vocabulary import Urgency

OFFERED = Handoff(
    id=UUID(int=1),
    originator="be-hotline",
    case=UUID(int=2),
    case_version=1,
    case_digest="digest",
    address=Addressee("ofmin@fr"),
    purpose=("remove",),
    permitted_disclosures=frozenset(),
    package_digest="package",
    offer_digest="offer",
    conditions_digest="conditions",
    urgency=Urgency.NORMAL,
    matter=frozenset(),
    offered_at=datetime(2026, 3, 2, tzinfo=UTC),
    due_at=None,
    expires_at=None,
)
RECALL = UUID(int=3)
BY_ORIGINATOR = [m for m, k in KIND_OF_MOVE.items() if k.author is AnswerAuthor.ORIGINATOR]
BY_ORIGINATOR += [HandoffAction.UPDATE, HandoffAction.RECALL]
BY_RECIPIENT = [m for m, k in KIND_OF_MOVE.items() if k.author is not AnswerAuthor.ORIGINATOR]
Step = dict[str, object]


def _step(rng: Random, steps: list[HandoffAction]) -> Step:
    step = rng.choice(steps)
    asked: Step = {"step": step}
    if step is HandoffAction.ACCEPT_PARTLY:
        asked["groups"] = frozenset({"items"})
    if step is HandoffAction.UPDATE:
        asked["change"] = rng.choice(list(ChangeKind))
    if step is HandoffAction.RECALL:
        asked |= {"recalled_by": RECALL, "holds": rng.random() < 0.5}
    if step is HandoffAction.ANSWER_RECALL:
        asked["done"] = rng.choice(RECALL_ANSWERS)
    return asked


def _try(handoff: Handoff, step: Step) -> Handoff | None:
    try:
        return moves.follow(handoff, **step)  # type: ignore[arg-type]
    except WrongState:
        return None


def course(seed: int) -> tuple[Handoff, Handoff, int]:
    """One course: the deciding row, the one that follows, and how many acts came back."""
    rng = Random(seed)
    decides = follows = OFFERED
    stream = list[Step | None]()
    heard_there = heard_here = returned = 0
    acts: list[Step] = []
    for _ in range(rng.randrange(4, 40)):
        match rng.randrange(4):
            case 0:  # the recipient acts, at once
                step = _step(rng, BY_RECIPIENT)
                if (moved := _try(decides, step)) is not None:
                    decides = moved
                    stream.append(step)
            case 1:  # the originator acts: it is sent
                acts.append(_step(rng, BY_ORIGINATOR))
            case 2:  # a delivery there; its answer may be lost, and the act comes again
                number = max(1, heard_there + 1 - (rng.random() < 0.3))
                if number <= len(acts) and number == heard_there + 1 and rng.random() < 0.8:
                    step, heard_there = acts[number - 1], number
                    moved = _try(decides, step)
                    decides = decides if moved is None else moved
                    stream.append(None if moved is None else step)
            case 3:  # a delivery here, likewise
                number = max(1, heard_here + 1 - (rng.random() < 0.3))
                if number <= len(stream) and number == heard_here + 1 and rng.random() < 0.8:
                    told, heard_here = stream[number - 1], number
                    returned += told is None
                    if told is not None:
                        follows = moves.follow(follows, **told)  # type: ignore[arg-type]
    while heard_there < len(acts):  # the outage ends
        moved = _try(decides, acts[heard_there])
        stream.append(None if moved is None else acts[heard_there])
        decides, heard_there = decides if moved is None else moved, heard_there + 1
    for told in stream[heard_here:]:
        returned += told is None
        if told is not None:
            follows = moves.follow(follows, **told)  # type: ignore[arg-type]
    return decides, follows, returned


def _run(courses: int) -> tuple[int, int]:
    moved = came_back = 0
    for seed in range(courses):
        decides, follows, returned = course(seed)
        assert decides == follows, f"course {seed} ends in two rows"
        moved += decides.state is not HandoffState.OFFERED
        came_back += returned > 0
    return moved, came_back


def test_the_row_that_follows_ends_as_the_deciding_one():
    moved, came_back = _run(300)
    assert moved > 100
    assert came_back > 100


if __name__ == "__main__":  # python -m tests.domain.test_following 100000
    number = int(sys.argv[1])
    print(
        number, "courses are equal; ended otherwise than offered, and with an act that came back:"
    )
    print(*_run(number))
