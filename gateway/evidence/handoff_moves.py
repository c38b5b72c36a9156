"""The course of a handoff as its documents and the log's events tell it together.

Each document is the one that its event recorded, and the events that move a handoff are exactly its
documents, in the log's order: so nobody who can write rows alone adds, drops or renames a move.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from uuid import UUID

from gateway.domain.answers import ANSWERS
from gateway.domain.course import Course, Impossible, Moved, fold
from gateway.domain.handoff import (
    AGREEMENTS,
    Handoff,
    HandoffAction,
    HandoffAnswer,
    RecallAnswer,
)
from gateway.evidence import sd_jwt
from gateway.evidence.case_events import ERASED, VERSIONS, CaseEvent

TYPES: Mapping[HandoffAction | None, str] = {
    None: "handoff.offered",
    HandoffAction.UPDATE: "handoff.updated",
    HandoffAction.RECALL: "handoff.recalled",
    **{move: kind.event for kind in ANSWERS.values() for move in kind.moves},
}
"""The event of each move."""

MOVING = frozenset(TYPES.values())
SENT = "handoff.sent"
"""The event of an act about a handoff that another gateway decides: it moves nothing."""

CONSULTED = "case.consulted"
ENDED = "handoff.retention_ended"
RETURNED = "handoff.returned"
_STATING = {HandoffAction.RETAIN, HandoffAction.ANSWER_RECALL}
_ACCEPTED = TYPES[HandoffAction.ACCEPT]


@dataclass(frozen=True)
class ToldEvent:
    """An event of a handoff that was allowed: its place in the log, its id and type, and, where
    they are known, the digest of the document that it recorded, its parties and its time."""

    index: int
    id: UUID
    type: str
    digest: str | None = None
    parties: frozenset[str] | None = None
    at: datetime | None = None


def read_moves(
    handoff: Handoff,
    answers: Sequence[HandoffAnswer],
    told: Sequence[ToldEvent],
    versions: Sequence[tuple[int, str]],
) -> list[Moved]:
    """The moves of a handoff, as its documents tell them.

    ``answers`` are all of them in order, those that were erased without text; ``told`` what the log
    says of it; ``versions`` the places and digests of the versions of its case, both in the log's
    order. Raises Impossible, and DocumentError for what cannot be read.
    """
    moving = [one for one in told if one.type in MOVING]
    if [one.event for one in answers] != [one.id for one in moving]:
        raise Impossible(f"{len(answers)} documents are stored, the log has {len(moving)}")
    named = moving[0].parties if moving else None
    if named is not None and not named >= {handoff.originator, handoff.recipient}:
        raise Impossible("its parties are not those of its offer")
    erased = next((one.index for one in told if one.type == ERASED), None)
    returned = next((one.index for one in told if one.type == RETURNED), None)
    moves = []
    for stored, event in zip(answers, moving, strict=True):
        if stored.document:
            move = read_move(stored.sequence, stored.document)
        else:
            move = Moved(stored.sequence, stored.move, readable=False)
        if move.step != stored.move or TYPES[move.step] != event.type:
            raise Impossible(f"document {stored.sequence} is of another kind")
        if None not in (move.digest, event.digest) and move.digest != event.digest:
            raise Impossible(f"document {stored.sequence} is not the one in the log")
        before = [digest for index, digest in versions if index < event.index]
        if move.step in AGREEMENTS and not before:
            raise Impossible("no version of its case is in the log")
        under = before[-1] if move.step in AGREEMENTS else None
        # What was there at the erasure can be read no more.
        is_new = move.readable and not handoff.conditions_digest
        late = is_new or (erased is not None and erased < event.index)
        move = replace(move, digest=event.digest or move.digest, late=late, under=under)
        moves.append(replace(move, returned=returned is not None and returned < event.index))
    return moves


def was_consulted_early(told: Sequence[ToldEvent]) -> bool:
    """Tell whether the content was opened before an acceptance, in imminent danger."""
    deciding = (one.type for one in told if one.type in (CONSULTED, _ACCEPTED))
    return next(deciding, None) == CONSULTED


def read_course(
    handoff: Handoff,
    answers: Sequence[HandoffAnswer],
    told: Sequence[ToldEvent],
    steps: Sequence[CaseEvent],
) -> Course:
    """Where the documents of a handoff lead; ``steps`` are those of its case. See `read_moves`."""
    versions = [(one.index, one.case_digest or "") for one in steps if one.type in VERSIONS]
    moves = read_moves(handoff, answers, told, versions)
    erased = not handoff.conditions_digest
    returned = any(one.type == RETURNED for one in told)
    return fold(moves, consulted=was_consulted_early(told), erased=erased, returned=returned)


def read_move(sequence: int, document: str) -> Moved:
    """A document, whose signature was verified, as the move that it says it is. Raises
    DocumentError."""
    digest, claims = sd_jwt.stored_claims(document)
    kind = ANSWERS.get(claims.get("kind", ""))
    if kind is None:
        step = None
        if "to" not in claims:
            step = HandoffAction.RECALL
        elif "updates" in claims:
            step = HandoffAction.UPDATE
        return Moved(sequence, step, digest=digest, claims=claims)
    if not (kind.accepts or kind.moves.keys() & _STATING):
        return Moved(sequence, kind.move({}), digest=digest)
    said = sd_jwt.read_stored(document).content
    groups, done, until = (said.get(name) for name in ("groups", "done", "until"))
    # By a final answer a holder at another gateway may keep the case: by which one is not told.
    untold = RecallAnswer.KEPT_BY_LAW if HandoffAction.ANSWER_RECALL in kind.moves else None
    return Moved(
        sequence,
        kind.move(said),
        digest=digest,
        groups=frozenset(groups) if groups else None,
        done=RecallAnswer(done) if done else untold,
        until=date.fromisoformat(until) if until else None,
    )
