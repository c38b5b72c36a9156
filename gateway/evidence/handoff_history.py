"""The course of a handoff, followed from the events that are shown of it, in the log's order.

A reader may lack events. What is shown is possible when some lawful course contains it in this
order; where none does without a move that is not shown, that is a gap, and it is counted.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from gateway.domain.answers import ANSWERS, MOVES
from gateway.domain.handoff import HandoffAction, HandoffState

MOVES_OF_EVENTS = {kind.event: frozenset(kind.moves) for kind in ANSWERS.values()}
"""The moves that an event records; whether an acceptance was partial may be withheld."""


class ImpossibleHistory(ValueError):
    """No lawful course of a handoff has these events in this order."""


@dataclass(frozen=True)
class History:
    """Where the handoff may stand after the last event shown, and how often a move is missing."""

    states: frozenset[HandoffState]
    gaps: int


def replay(shown: Sequence[Collection[HandoffAction]]) -> History:
    """Follow a handoff from its offer through the moves that each shown event may be.

    Raises ImpossibleCourse when the order contradicts the table of moves.
    """
    states, gaps = frozenset({HandoffState.OFFERED}), 0
    for number, moves in enumerate(shown, start=1):
        after = _after(states, moves)
        if not after:
            after, gaps = _after(_reachable(states), moves), gaps + 1
        if not after:
            raise ImpossibleHistory(f"the answer number {number} cannot follow the ones before it")
        states = after
    return History(states, gaps)


def _after(
    states: Iterable[HandoffState], moves: Collection[HandoffAction]
) -> frozenset[HandoffState]:
    return frozenset(MOVES[s, m] for s in states for m in moves if (s, m) in MOVES)


def _reachable(states: frozenset[HandoffState]) -> frozenset[HandoffState]:
    """The states in which the handoff may be after any number of moves that are not shown."""
    further = states | _after(states, frozenset(HandoffAction))
    return states if further == states else _reachable(further)
