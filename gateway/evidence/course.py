"""The course of a handoff, followed from the events that are shown of it, in the log's order.

A reader may lack events. What is shown is possible when some lawful course contains it in this
order; where none does without a move that is not shown, that is a gap, and it is counted.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from gateway.domain.answers import ANSWERS, MOVES
from gateway.domain.handoff import Move, State

MOVES_OF_EVENTS = {kind.event: frozenset(kind.moves) for kind in ANSWERS.values()}
"""The moves that an event records; whether an acceptance was partial may be withheld."""


class ImpossibleCourse(ValueError):
    """No lawful course of a handoff has these events in this order."""


@dataclass(frozen=True)
class Course:
    """Where the handoff may stand after the last event shown, and how often a move is missing."""

    states: frozenset[State]
    gaps: int


def follow(shown: Sequence[Collection[Move]]) -> Course:
    """Follow a handoff from its offer through the moves that each shown event may be.

    Raises ImpossibleCourse when the order contradicts the table of moves.
    """
    states, gaps = frozenset({State.OFFERED}), 0
    for number, moves in enumerate(shown, start=1):
        after = _after(states, moves)
        if not after:
            after, gaps = _after(_reachable(states), moves), gaps + 1
        if not after:
            raise ImpossibleCourse(f"the answer number {number} cannot follow the ones before it")
        states = after
    return Course(states, gaps)


def _after(states: Iterable[State], moves: Collection[Move]) -> frozenset[State]:
    return frozenset(MOVES[s, m] for s in states for m in moves if (s, m) in MOVES)


def _reachable(states: frozenset[State]) -> frozenset[State]:
    """The states in which the handoff may be after any number of moves that are not shown."""
    further = states | _after(states, frozenset(Move))
    return states if further == states else _reachable(further)
