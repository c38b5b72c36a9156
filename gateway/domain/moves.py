"""What a move makes of a handoff, by the table of answers; why one cannot be made."""

from dataclasses import replace
from datetime import datetime
from uuid import UUID

from gateway.domain.answers import KIND_OF_MOVE, MOVES, RECALLED, UPDATABLE
from gateway.domain.handoff import (
    ACCEPTING,
    AGREEMENTS,
    Handoff,
    HandoffAction,
    HandoffAnswer,
    HandoffState,
    RecallAnswer,
)
from gateway.domain.refusals import WrongState
from gateway.domain.revision import ANSWERED, ChangeKind


def why_no_move(handoff: Handoff, step: HandoffAction, by: str, *, consulted: bool) -> str | None:
    """Why an organisation cannot make a step now, by the table alone; None where it can.

    ``consulted``: its recipient opened the content before an acceptance, so that it holds the case
    as well.
    """
    kind = KIND_OF_MOVE[step]
    if (handoff.state, step) not in MOVES:
        command = kind.command.replace("_", "-")
        where = f"'{command}' is not possible: the handoff is {handoff.state}"
        if handoff.state is HandoffState.OFFERED and (HandoffState.ACCEPTED, step) in MOVES:
            first = f"accept it first: casegate handoff accept {handoff.id}"
            return f"{where}; {first if by == handoff.recipient else 'its recipient accepts first'}"
        recalled = ", what was accepted is recalled" if step is HandoffAction.WITHDRAW else ""
        return f"{where} (GET /handoffs/{handoff.id}){recalled}"
    if by != kind.author.of(handoff.originator, handoff.recipient):
        return f"'{step}' is for the other party of the handoff"
    if kind.of_holder and not (handoff.is_held or consulted):
        return f"'{step}' is for a handoff that its recipient has accepted"
    return None


def move(
    handoff: Handoff,
    step: HandoffAction,
    by: str,
    *,
    groups: frozenset[str] | None = None,
    under: str | None = None,
    consulted: bool = False,
) -> Handoff:
    """The handoff after the organisation ``by`` made ``step``.

    ``groups`` are those that a partial acceptance takes: it names at least one, and no other
    step names any (ValueError). ``under`` is the digest of the case's version by whose markings an
    acceptance or acknowledgement agrees. Raises WrongState for what `why_no_move` tells.
    """
    if why := why_no_move(handoff, step, by, consulted=consulted):
        raise WrongState(why)
    if bool(groups) is not (step is HandoffAction.ACCEPT_PARTLY):
        raise ValueError("a partial acceptance, and nothing else, names its groups")
    # The newest package is held. What was held before stays so under the markings by which it was
    # agreed to: an acknowledgement closes nothing. It takes nothing either: who never accepted has
    # not accepted by that.
    holds = handoff.held or step in ACCEPTING
    takes = step in AGREEMENTS and handoff.held != handoff.package and holds
    return replace(
        handoff,
        state=MOVES[handoff.state, step],
        sequence=handoff.sequence + 1,
        accepted_groups=groups or handoff.accepted_groups,
        held=handoff.package if takes else handoff.held,
        held_under=under if takes else handoff.held_under,
    )


def follow(
    handoff: Handoff,
    step: HandoffAction,
    *,
    groups: frozenset[str] | None = None,
    under: str | None = None,
    change: ChangeKind | None = None,
    recalled_by: UUID | None = None,
    holds: bool = True,
    done: RecallAnswer | None = None,
) -> Handoff:
    """The handoff after a step that another gateway decided, in its order; of a package, its terms
    the caller puts there.

    ``change`` is an update's, ``recalled_by`` and ``holds`` a recall's, ``done`` a final answer's.
    Raises WrongState for what cannot follow.
    """
    if step is HandoffAction.UPDATE:
        return update(handoff, change or ChangeKind.ADDITION)
    if step is HandoffAction.RECALL:
        moved = None if recalled_by is None else recall(handoff, recalled_by, consulted=holds)
        if moved is None:
            raise WrongState("the recall is not known here, or touches nothing")
        return moved
    by = KIND_OF_MOVE[step].author.of(handoff.originator, handoff.recipient)
    moved = move(handoff, step, by, groups=groups, under=under, consulted=True)
    return moved if done is None else answer_recall(moved, done)


def made_of(
    handoff: Handoff,
    step: HandoffAction | None,
    document: str,
    at: datetime,
    event: UUID,
    *,
    confirmed: bool = False,
) -> HandoffAnswer:
    """Return what made a handoff what it is now: a step of the party that may take it, or its offer
    (None), with the compact ``document`` that says so."""
    kind = step and KIND_OF_MOVE.get(step)  # none of an update and a recall: the originator's
    author = kind.author.of(handoff.originator, handoff.recipient) if kind else handoff.originator
    made = handoff.id, handoff.sequence, step, handoff.state, author, at, document, event
    return HandoffAnswer(*made, confirmed=confirmed)


def takes_update(handoff: Handoff, now: datetime) -> bool:
    """Tell whether a handoff takes its next package: it is not ended, past its end, or recalled."""
    over = handoff.expires_at is not None and handoff.expires_at <= now
    return handoff.state in UPDATABLE and handoff.recall is None and not over


def update(handoff: Handoff, change: ChangeKind) -> Handoff:
    """The handoff with one more package; what is in it, the caller puts there.

    A correction or tightening can be consulted at once, an addition once it is acknowledged.
    Raises WrongState.
    """
    if handoff.recall is not None:
        raise WrongState("the handoff is recalled: offer a later version in a new one")
    if (handoff.state, HandoffAction.UPDATE) not in MOVES:
        raise WrongState(
            f"a handoff that is {handoff.state} takes no update: make a new offer, if its "
            "recipient is to have the newer version"
        )
    number = handoff.package + 1
    moved = replace(handoff, package=number, sequence=handoff.sequence + 1)
    if not handoff.is_held or change not in ANSWERED:
        return moved
    return replace(moved, held=number)


def may_be_recalled(handoff: Handoff, *, holds: bool) -> bool:
    """Tell whether a recall touches a handoff: its recipient ``holds`` the case, or may take it."""
    if handoff.recall is not None or handoff.recall_answer is RecallAnswer.COPIES_ERASED:
        return False
    return holds or handoff.state is HandoffState.OFFERED


def recall(handoff: Handoff, by_recall: UUID, *, consulted: bool) -> Handoff | None:
    """The handoff after a recall, which is named by the event that recorded it.

    None when it touches nothing: the handoff ended without an acceptance, its copies are erased, or
    a recall stands on it. ``consulted``: it was consulted before acceptance, so that its recipient
    holds the case as well. An offer that nobody took is withdrawn, and nothing is owed.
    """
    holds = handoff.is_held or consulted
    if not may_be_recalled(handoff, holds=holds):
        return None
    return replace(
        handoff,
        state=RECALLED[handoff.state],
        sequence=handoff.sequence + 1,
        recall=by_recall if holds else None,
    )


def answer_recall(handoff: Handoff, done: RecallAnswer) -> Handoff:
    """The handoff with its recipient's final answer to a recall, of which only one is given before
    the copies are erased. Raises WrongState."""
    given = handoff.recall_answer
    if given is RecallAnswer.COPIES_ERASED:
        raise WrongState("you said that your copies are erased: there is nothing left to answer")
    if given is not None and done is not RecallAnswer.COPIES_ERASED:
        raise WrongState(f"you answered already, by {given}; only copies_erased may follow")
    return replace(handoff, recall_answer=done)
