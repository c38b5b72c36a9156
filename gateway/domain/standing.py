"""How a handoff stands for one of its parties at a moment: one value, read once in a request.

What a party may do, what it owes, what it may open and why not, and the facts by which policy
decides that, follow from here and from nowhere else.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from enum import StrEnum
from functools import cached_property
from typing import NamedTuple

from gateway.domain.answers import (
    KIND_OF_ACTION,
    ON_CHANGES,
    PARTIES_ANSWERS,
    AnswerAuthor,
    AnswerKind,
)
from gateway.domain.case import CASE_MOVES, Case, CaseAction, CaseState, erasure_is_due
from gateway.domain.decision import Value
from gateway.domain.duty import (
    MARK_SEEN,
    OWED_TO_ORIGINATOR,
    DutyKind,
    HandoffDuty,
)
from gateway.domain.handoff import (
    ACCEPTING,
    AGREEMENTS,
    NEVER,
    OPEN,
    READABLE,
    Handoff,
    HandoffAction,
    HandoffAnswer,
    HandoffState,
    Recall,
    RecallAnswer,
)
from gateway.domain.measure import Measure, is_suspended
from gateway.domain.moves import may_be_recalled, takes_update, why_no_move
from gateway.domain.retention import Retention
from gateway.domain.revision import Announcement, ChangeKind
from gateway.domain.vocabulary import Urgency

MOST_LATE = 20
"""Places of a correction notice about an erased case, and such notices of one handoff: nothing
shows that the ids are those of the case, and many would carry a file (R1)."""


class Opens(StrEnum):
    """By what a recipient may open content, as far as the handoff itself goes."""

    ACCEPTED = "accepted"
    READ_ACCESS = "read_access"  # a succession leaves it readable to who had it
    DANGER = "danger"  # before an acceptance, the least that a rescue needs (R16)
    RECALLED = "recalled"  # policy says to whom a recalled case is open still (R13)
    COPY = "copy"  # what is retained of a case that was erased (R14)


class Closed(StrEnum):
    """Why content does not open: the sentence of lists, refusals and screens alike."""

    NOT_ACCEPTED = "content opens after acceptance"
    NO_COPY = "the case was erased, and the handoff ended with it"
    COPIES_ERASED = "you erased your copies for good: only a new offer opens the case again"
    EXPIRED = "the offer has ended: ask its originator for a new one"
    PAST_ERASURE = "the case is past the day of its erasure"
    OUT_OF_SERVICE = "it is out of service: the gateway's operator puts it right"


COPY_KEPT = "the case was erased: consult what you retain of it"

UNKNOWN_THERE = (
    "the gateway of the other party does not know this answer yet: ask its operator to upgrade it, "
    "and telephone until then"
)


class Act(NamedTuple):
    """What a party may do now: the policy's action, and by when, where it is owed."""

    action: str
    due_at: datetime | None = None


@dataclass(frozen=True)
class Standing:
    """How a handoff stands for its originator or its recipient, the ``organisation`` of that side.

    ``moves`` are its offer and all that followed, with no document where that was erased. ``case``
    is the case as it is now, ``is_erased`` once it was erased here; ``duties`` are all of the
    handoff, of either side. ``holds``: its recipient has copies. ``retention`` is the one that was
    not ended; ``has_copy``: something of an erased case is kept for its recipient today. ``newer``
    is the change of the case that was announced to its holders. ``read_access`` comes from a
    succession. ``barred`` are the facts of R9 and R15. ``unknown_there`` are the events that the
    gateway of the other party cannot follow.
    """

    side: AnswerAuthor
    organisation: str
    now: datetime
    day: date
    handoff: Handoff
    moves: tuple[HandoffAnswer, ...]
    case: Case
    holds: bool
    is_erased: bool
    duties: tuple[HandoffDuty, ...] = ()
    recall: Recall | None = None
    measures: tuple[Measure, ...] = ()
    retention: Retention | None = None
    has_copy: bool = False
    newer: Announcement | None = None
    read_access: bool = False
    barred: Mapping[str, Value] = field(default_factory=dict)
    unknown_there: frozenset[str] = frozenset()

    @cached_property
    def owed(self) -> Mapping[DutyKind, HandoffDuty]:
        """Return what is owed now, by either side; of several of a kind the oldest."""
        still = [one for one in self.duties if one.closed_at is None and one.arrived is None]
        return {one.kind: one for one in reversed(still)}

    @cached_property
    def arrived(self) -> list[HandoffDuty]:
        """Return what the other side did that nobody of this side acted on or has seen, oldest
        first."""
        own = (one for one in self.duties if one.arrived and one.organisation == self.organisation)
        return [one for one in own if one.closed_at is None]

    @property
    def gone(self) -> str | None:
        """Why what needs the content of an erased case is refused; None where it is there."""
        if not self.is_erased:
            return None
        kept = self.has_copy and self.side is AnswerAuthor.RECIPIENT
        return COPY_KEPT if kept else Closed.NO_COPY

    @property
    def is_retained(self) -> bool:
        """Tell whether a retention of the recipient is in force."""
        return self.retention is not None and self.retention.holds(self.day)

    @property
    def has_expired(self) -> bool:
        """Tell whether the offer, and the use of what was accepted, has ended by its own time."""
        return self.handoff.expires_at is not None and self.handoff.expires_at <= self.now

    @property
    def is_superseded(self) -> bool:
        """Tell whether a newer version was announced than that of the newest package."""
        return self.newer is not None and self.newer.version > self.handoff.case_version

    @property
    def is_corrected(self) -> bool:
        """Tell whether the recipient holds what a correction was announced of, and its package, or
        a notice, is still to come."""
        newer = self.newer if self.handoff.is_held and self.is_superseded else None
        corrected = newer is not None and newer.change is ChangeKind.CORRECTION
        return corrected and DutyKind.UPDATE in self.owed

    @cached_property
    def notices(self) -> list[HandoffAnswer]:
        """The correction notices; those that came before the erasure of the case went with it."""
        notices = (one for one in self.moves if one.move is HandoffAction.NOTIFY_CORRECTION)
        return [one for one in notices if one.document]

    # --- What may be opened ---

    def opening(self, reason: str) -> Opens | Closed:
        """Tell by what this side may open content for a reason, or why not; policy comes after.

        Of an erased case it is the copy that the recipient retains.
        """
        one, received = self.handoff, self.side is AnswerAuthor.RECIPIENT
        if self.is_erased:
            return Opens.COPY if received and self.has_copy else Closed.NO_COPY
        opens = self._opening_of_package(reason) if received else None
        if one.recall_answer is RecallAnswer.COPIES_ERASED:  # a recall passes it over from then on
            return Closed.COPIES_ERASED
        if opens is None:
            return Closed.NOT_ACCEPTED
        if self.has_expired:
            return Closed.EXPIRED
        return Closed.PAST_ERASURE if self.is_past_erasure() else opens

    @property
    def opens(self) -> Opens | Closed:
        """By what content opens for some reason, or why for none."""
        found = self.opening("")
        return self.opening(Urgency.IMMINENT_DANGER) if found is Closed.NOT_ACCEPTED else found

    def _opening_of_package(self, reason: str) -> Opens | None:
        one = self.handoff
        if one.recall is not None and one.is_held and one.state is HandoffState.WITHDRAWN:
            return Opens.RECALLED
        if one.state in READABLE:
            return Opens.ACCEPTED if one.recall is None else Opens.RECALLED
        if self.read_access:
            return Opens.READ_ACCESS
        danger = one.urgency is Urgency.IMMINENT_DANGER and reason == Urgency.IMMINENT_DANGER
        return Opens.DANGER if danger and one.state is HandoffState.OFFERED else None

    def is_past_erasure(self, agreed: date | None = None) -> bool:
        """Tell whether the day of erasure has come: the case's, and before it that which was
        ``agreed`` with a package. No later version puts that off unasked, unless the recipient
        retains it."""
        if erasure_is_due(self.case, self.day):
            return True
        return agreed is not None and agreed <= self.day and not self.is_retained

    def facts(self, reason: str) -> dict[str, Value]:
        """The facts by which policy decides whether content opens, of a package or a copy alike."""
        opens = self.opening(reason)
        facts: dict[str, Value] = {
            "reason": reason,
            "copy": opens is Opens.COPY,
            "break_glass": opens is Opens.DANGER,
            "suspended": is_suspended(self.measures),
            "retained": self.is_retained,
            **self.barred,
        }
        if self.recall is not None:
            facts["recall"] = str(self.recall.code)
            facts["recall_answer"] = str(self.handoff.recall_answer or "")
        return facts

    # --- What this side may do ---

    def why_not(self, kind: AnswerKind) -> str | None:
        """Why this side cannot give an answer of a kind now; None where it can, as far as its
        fields, the markings of the case and policy let it."""
        step = next(iter(kind.moves))
        return (
            self.why_erased(kind)
            or why_no_move(self.handoff, step, self.organisation, consulted=self.holds)
            or (self._why_no_recall(step) if kind.of_recall else None)
            or self._why_nothing_to_answer(step)
            or (UNKNOWN_THERE if kind.event in self.unknown_there else None)
        )

    def why_erased(self, kind: AnswerKind) -> str | None:
        """Why an answer cannot be given about a case that was erased; None where it can."""
        if not self.is_erased:
            return None
        if not kind.outlives_case:
            return self.gone
        if HandoffAction.RETAIN in kind.moves and not self.has_copy:
            return "the case was erased, and nothing of it is kept for you"
        if kind.on_changes and not self.notices:
            return "the case was erased, and no correction notice came after that"
        return None

    def _why_no_recall(self, step: HandoffAction) -> str | None:
        """A holder may also say that the copies of a case are erased which was erased here, or
        which it kept; and nothing follows that."""
        done, is_final = self.handoff.recall_answer, step is HandoffAction.ANSWER_RECALL
        if self.handoff.recall is not None:
            if done is RecallAnswer.COPIES_ERASED and is_final:
                return "you said that your copies are erased: there is nothing left to answer"
            return (
                None if is_final or done is None else f"you answered the recall already, by {done}"
            )
        is_over = self.is_erased or self.retention is not None
        return None if is_final and is_over and self.holds else "no recall stands on this handoff"

    def _why_nothing_to_answer(self, step: HandoffAction) -> str | None:
        """An acceptance needs an offer that has not ended, a delay something that is due."""
        if step in ACCEPTING:
            return Closed.EXPIRED if self.has_expired else None
        if step is HandoffAction.DELAY:
            nothing = self.owed.keys().isdisjoint(OWED_TO_ORIGINATOR)
            return "nothing is due from you in this handoff" if nothing else None
        if not self.is_erased:
            return self._why_no_change(step)
        if step is HandoffAction.NOTIFY_CORRECTION and len(self.notices) >= MOST_LATE:
            return f"of an erased case {MOST_LATE} correction notices are given at most"
        return None

    def _why_no_change(self, step: HandoffAction) -> str | None:
        """An acknowledgement follows an update, or an announcement where none comes; what was done
        follows the acknowledgement. A notice replaces an update that is owed and cannot be sent."""
        if step in ON_CHANGES and self.handoff.package == 1 and not self.is_superseded:
            return "there is no update of this handoff, and none was announced"
        if step in _AFTER_ACKNOWLEDGEMENT and DutyKind.ACKNOWLEDGEMENT in self.owed:
            return "acknowledge the change first"
        if step in _FOLLOWS and _FOLLOWS[step] not in self.owed:
            return f"no {_FOLLOWS[step]} is owed in this handoff: 'case coverage' shows what is"
        if step is HandoffAction.NOTIFY_CORRECTION and takes_update(self.handoff, self.now):
            return "this handoff takes the next package: send the update"
        return None

    def acts(self) -> list[Act]:
        """List what this side may do now, what is owed first; policy comes after that."""
        answers = (
            kind.action
            for kind in PARTIES_ANSWERS
            if self.why_not(kind) is None and not self.is_idle(kind)
        )
        return _by_time((*answers, *self._further_acts()), self.side, self.duties)

    def is_idle(self, kind: AnswerKind) -> bool:
        """Tell whether an answer, though possible, would say nothing new: a call where nobody is in
        danger, and a second acknowledgement of the same."""
        if HandoffAction.CALL in kind.moves:
            return self.handoff.urgency is not Urgency.IMMINENT_DANGER
        if HandoffAction.ACKNOWLEDGE not in kind.moves or DutyKind.ACKNOWLEDGEMENT in self.owed:
            return False
        agreed = [one.sequence for one in self.moves if one.move in AGREEMENTS]
        sent = [one.sequence for one in self.moves if one.move in _SENT]
        return max(sent, default=0) <= max(agreed, default=0)

    def _further_acts(self) -> Iterator[str]:
        """The acts that are no answers."""
        one = self.handoff
        if self.side is AnswerAuthor.RECIPIENT:
            if isinstance(self.opens, Opens):
                yield "case.consult"
            if one.state in READABLE and one.is_held and not self.is_erased:
                yield "case.embargo"
            if self.measures:
                yield "case.end_measure"
            reviewed = DutyKind.REVIEW
        else:
            newer = self.case.version > one.case_version and self.case.state is CaseState.CLEARED
            if newer and takes_update(one, self.now):
                yield "handoff.update"
            if may_be_recalled(one, holds=self.holds):
                yield "case.recall"
            reviewed = DutyKind.DEROGATION_REVIEW
        if reviewed in self.owed:
            yield "handoff.review"
        if self.arrived:
            yield MARK_SEEN


@dataclass(frozen=True)
class CaseStanding:
    """How a case stands for its originator: ``handoffs`` are all of it, ``duties`` what is owed
    about them now; ``danger``: it says what the imminent danger is."""

    case: Case
    day: date
    handoffs: tuple[Handoff, ...]
    duties: tuple[HandoffDuty, ...]
    danger: bool = False

    def acts(self) -> list[Act]:
        """As `Standing.acts`; what is done about one handoff is an act there."""
        return _by_time(self._actions(), AnswerAuthor.ORIGINATOR, self.duties)

    def _actions(self) -> Iterator[str]:
        case, is_due = self.case, erasure_is_due(self.case, self.day)
        open_ones = [one for one in self.handoffs if one.state in OPEN]
        for action in (CaseAction.REVISE, CaseAction.ASSESS, CaseAction.CLEAR, CaseAction.CLOSE):
            waits = action is CaseAction.CLOSE and open_ones
            if (case.state, action) in CASE_MOVES and not waits:
                yield f"case.{action}"
        uncleared = case.state in (CaseState.DRAFT, CaseState.ASSESSED)
        if case.state is CaseState.CLEARED or (uncleared and self.danger):
            yield "handoff.offer"
        if not is_due:
            yield from ("case.consult", "case.embargo", "case.restrict")
        if case.erase_on > self.day + timedelta(days=1):
            yield "case.advance_erasure"
        consulted = {one.handoff for one in self.duties if one.kind is DutyKind.REVIEW}
        held = ((one, one.is_held or one.id in consulted) for one in self.handoffs)
        if any(may_be_recalled(one, holds=holds) for one, holds in held):
            yield "case.recall"
        if any(one.kind is DutyKind.RECALL_APPROVAL for one in self.duties):
            yield "case.approve_recall"


def acts_on(duty: HandoffDuty, handoff: Handoff, now: datetime) -> list[str]:
    """List by which actions a party answers what it owes, or what arrived, the usual one first: as
    far as the row of the handoff tells, for lists."""
    takes, found = takes_update(handoff, now), list[str]()
    for action in duty.terms.fulfilled_by:
        kind = KIND_OF_ACTION.get(action)
        if action == "handoff.update" or (kind and HandoffAction.NOTIFY_CORRECTION in kind.moves):
            possible = takes is (kind is None)
        else:
            step = next(iter(kind.moves)) if kind else None
            by = duty.organisation
            possible = not step or why_no_move(handoff, step, by, consulted=True) is None
        if possible:
            found.append(action)
    return found


def _by_time(
    actions: Iterable[str], side: AnswerAuthor, duties: Iterable[HandoffDuty]
) -> list[Act]:
    """Acts with the time by which ``side`` owes them, the most urgent first."""
    due: dict[str, datetime] = {}
    for one in duties:
        if one.closed_at is None and one.arrived is None and one.terms.owes is side:
            for action in one.terms.fulfilled_by:
                due[action] = min(one.due_at, due.get(action, NEVER))
    acts = [Act(action, due.get(action)) for action in actions]
    return sorted(acts, key=lambda one: (one.due_at or NEVER, one.action))


_AFTER_ACKNOWLEDGEMENT = frozenset({HandoffAction.APPLY, HandoffAction.DISPUTE})
_SENT = frozenset(
    {HandoffAction.UPDATE, HandoffAction.NOTIFY_CORRECTION, HandoffAction.OMIT_UPDATE}
)
_FOLLOWS: Mapping[HandoffAction, DutyKind] = {
    HandoffAction.NOTIFY_CORRECTION: DutyKind.UPDATE,
    HandoffAction.OMIT_UPDATE: DutyKind.UPDATE,
    HandoffAction.ANSWER_PROPOSAL: DutyKind.PROPOSAL_ANSWER,
}
"""The steps of an originator that are possible only while it owes something."""
