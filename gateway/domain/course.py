"""The course of a handoff, folded from the documents that moved it.

The offer comes first; each later move is an update, an answer or a recall. `fold` tells from them
alone where they lead; whatever else says how the handoff stands is held against that.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date
from enum import StrEnum
from typing import Any

from gateway.domain.answers import READABLE_MOVES, RECALLED
from gateway.domain.handoff import (
    ACCEPTING,
    AGREEMENTS,
    OPEN,
    RETAINING,
    RETURNED,
    Handoff,
    HandoffAction,
    HandoffState,
    Recall,
    RecallAnswer,
)
from gateway.domain.organisation import OrganisationName
from gateway.domain.revision import ANSWERED


class HandoffChecks(StrEnum):
    """What the gateway does at an act on a handoff that is not what its documents say: alarm the
    operator, or refuse the act as well."""

    ALARM = "alarm"
    REFUSE = "refuse"


class Impossible(ValueError):
    """The moves are not those of one handoff, or one of them is missing; the text says which."""


@dataclass(frozen=True)
class Moved:
    """One move, and what its document says of it.

    ``step`` is None for the offer. ``digest`` names the document. ``claims`` stand in clear in an
    offer, an update and a recall; ``groups`` are those of a partial acceptance, ``done`` is a final
    answer to a recall, ``until`` the end of what is retained by the move. They are None where the
    document is not ``readable``: the case was erased after it. ``late``: it was erased before.
    ``returned``: the handoff was returned before.
    ``under`` is the digest of the case's version when it was made, None where that is not known.
    """

    sequence: int
    step: HandoffAction | None
    readable: bool = True
    late: bool = False
    returned: bool = False
    digest: str | None = None
    claims: Mapping[str, Any] | None = None
    groups: frozenset[str] | None = None
    done: RecallAnswer | None = None
    until: date | None = None
    under: str | None = None


@dataclass(frozen=True)
class Course:
    """Where the moves of a handoff lead.

    ``newest`` is its newest offer or update, which made the package of that number; ``recall`` the
    recall that stands on it, ``retained`` the move that stated what is retained. ``unknown`` names
    the fields that rest on what an erasure took.
    """

    newest: Moved
    state: HandoffState = HandoffState.OFFERED
    sequence: int = 1
    package: int = 1
    held: int = 0
    held_under: str | None = None
    accepted_groups: frozenset[str] | None = None
    recall: Moved | None = None
    recall_answer: RecallAnswer | None = None
    retained: Moved | None = None
    unknown: frozenset[str] = frozenset()

    @property
    def is_held(self) -> bool:
        """As `Handoff.is_held`."""
        return self.held > 0 and self.recall_answer is not RecallAnswer.COPIES_ERASED


def fold(
    moves: Iterable[Moved],
    *,
    consulted: bool = False,
    erased: bool = False,
    returned: bool = False,
) -> Course:
    """Where the moves lead, which are in order.

    ``consulted``: the recipient opened the content before an acceptance, so that a recall stands on
    it. ``erased``: the case was erased, now or before a move that is `late`. ``returned``: the
    other gateway refused the offer, or left, now or before a move that is. Raises Impossible.
    """
    course: Course | None = None
    for one in moves:
        if course is None:
            if one.step is not None or one.sequence != 1:
                raise Impossible("its first document is no offer")
            course = Course(one)
            continue
        course = _returned(course) if one.returned else course
        course = _lapsed(course) if one.late else course
        if one.sequence != course.sequence + 1:
            raise Impossible(f"document {course.sequence + 1} is missing")
        if one.step is None or (course.state, one.step) not in READABLE_MOVES:
            raise Impossible(f"document {one.sequence} cannot follow: it was {course.state}")
        course = _after(course, one, one.step, consulted=consulted)
    if course is None:
        raise Impossible("it has no document")
    course = _returned(course) if returned else course
    return _lapsed(course) if erased else course


def _returned(course: Course) -> Course:
    return replace(course, state=RETURNED.get(course.state, course.state))


def _lapsed(course: Course) -> Course:
    return replace(course, state=HandoffState.LAPSED) if course.state in OPEN else course


def _after(course: Course, one: Moved, step: HandoffAction, *, consulted: bool) -> Course:
    moved = replace(course, sequence=one.sequence, state=READABLE_MOVES[course.state, step])
    if step in AGREEMENTS:
        return _agreed(moved, one, accepts=step in ACCEPTING)
    if step is HandoffAction.UPDATE:
        return _updated(moved, one)
    if step is HandoffAction.WITHDRAW:
        return replace(moved, held=0, held_under=None)
    if step is HandoffAction.RECALL:
        holds = moved.is_held or (consulted and moved.recall_answer is None)
        state = RECALLED[course.state]
        return replace(moved, state=state, recall=one if holds else moved.recall)
    if step is HandoffAction.ANSWER_RECALL:
        moved = _as_read(replace(moved, recall_answer=one.done), one, "recall_answer")
    return _retained(moved, one, step)


def _retained(course: Course, one: Moved, step: HandoffAction) -> Course:
    """Return what is retained by a statement, or no more by an answer to a recall. A term of its
    own may replace it at an acceptance."""
    if step is HandoffAction.RETAIN:
        return replace(course, retained=one, unknown=course.unknown - {"retained"})
    if step is not HandoffAction.ANSWER_RECALL:
        return course
    if one.done in _ENDING_COPIES:
        course = replace(course, retained=one if one.done in RETAINING else None)
    return _as_read(course, one, "retained")


_ENDING_COPIES = RETAINING | {RecallAnswer.COPIES_ERASED}


def _agreed(course: Course, one: Moved, *, accepts: bool) -> Course:
    """The newest package is held, under the case's version of that moment; what was held before
    stays so under the one by which it was agreed to."""
    if accepts and course.retained is not None:  # a term of its own may have replaced it
        course = replace(course, unknown=course.unknown | {"retained"})
    if accepts and one.step is HandoffAction.ACCEPT_PARTLY:
        course = _as_read(replace(course, accepted_groups=one.groups), one, "accepted_groups")
    known = "held" not in course.unknown
    if not (course.held or accepts) or (course.held == course.package and known):
        return course
    # Of an erased update nobody knows whether it was held before: then its version is not known.
    unknown = course.unknown - {"held", "held_under"}
    if one.under is None or not known:
        unknown |= {"held_under"}
    return replace(course, held=course.package, held_under=one.under, unknown=unknown)


def _updated(course: Course, one: Moved) -> Course:
    """One more package: held at once where it corrects or tightens what is held."""
    course = replace(course, package=course.package + 1, newest=one)
    if one.claims is None:
        return replace(
            course,
            unknown=course.unknown | {"held", "held_under"} if course.held else course.unknown,
        )
    if course.is_held and one.claims.get("change") in ANSWERED:
        under = one.claims.get("case_digest")
        unknown = course.unknown - {"held", "held_under"}
        return replace(course, held=course.package, held_under=under, unknown=unknown)
    return course


def _as_read(course: Course, one: Moved, field: str) -> Course:
    """A field is known where the document that decides about it can be read."""
    return replace(
        course,
        unknown=course.unknown - {field} if one.readable else course.unknown | {field},
    )


FIELDS = (
    "state", "sequence", "package", "held", "held_under", "accepted_groups", "recall_answer",
)  # fmt: skip
"""What the row of a handoff has of its course, under the same names."""


def differences(
    row: Handoff, course: Course, recall: Recall | None, peers: Mapping[str, str]
) -> tuple[str, ...]:
    """The names of what a row says otherwise than its documents; ``recall`` is the one that the row
    names, ``peers`` are the URIs of peer gateways by their ids. What an erasure took is not
    compared."""
    found = [
        name
        for name in FIELDS
        if name not in course.unknown and getattr(row, name) != getattr(course, name)
    ]
    if not _is_of(recall, course.recall, row):
        found.append("recall")
    offer = course.newest
    if offer.digest is not None and row.offer_digest != offer.digest:
        found.append("offer_digest")
    if (claims := offer.claims) is not None:
        recipient = OrganisationName(row.recipient)
        to = {"organisation": recipient.id}
        if row.address.competence is not None:
            to["competence"] = row.address.competence
            to["mandate_event"] = str(row.address.mandate_event)
        stated = {
            "handoff": str(row.id),
            "to": to,
            "purpose": list(row.purpose),
            "case_digest": row.case_digest,
            "transfer_tool": row.transfer_tool,
            # Documents have whole seconds.
            "expires_at": row.expires_at and int(row.expires_at.timestamp()),
        }
        found += [name for name, value in stated.items() if claims.get(name) != value]
        audience = claims.get("aud")
        if recipient.peer is None and audience in peers.values():
            found.append("to")
        if recipient.peer is not None and audience != peers.get(recipient.peer):
            found.append("to")
        if set(claims.get("disclosures") or ()) != row.permitted_disclosures:
            found.append("disclosures")
    return tuple(found)


def _is_of(recall: Recall | None, document: Moved | None, row: Handoff) -> bool:
    """Tell whether a recall is the one that its document says, of the case of the row."""
    if recall is None or document is None:
        return recall is None and document is None and row.recall is None
    if recall.id != row.recall or (recall.originator, recall.case) != (row.originator, row.case):
        return False
    if recall.recipient not in (None, row.recipient):
        return False
    if document.digest is not None and document.digest != recall.digest:
        return False
    claims = document.claims
    if claims is None:
        return True
    of = {"case": str(recall.case), "version": recall.version, "code": str(recall.code)}
    of |= {} if recall.handoff is None else {"handoff": str(recall.handoff)}
    names = ("case", "version", "code", "handoff")
    return {name: claims[name] for name in names if name in claims} == of
