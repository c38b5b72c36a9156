"""Whether what is owed of a handoff, and what arrived, follows from an event and ended by one."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from uuid import UUID

from gateway.domain.answers import KIND_OF_MOVE, AnswerAuthor
from gateway.domain.audit_event import EVENT_TYPES
from gateway.domain.course import fold
from gateway.domain.duty import (
    ARRIVED,
    GIVES_UP,
    OWED_TO_ORIGINATOR,
    DutyKind,
    HandoffDuty,
    begin,
    begin_arrival,
)
from gateway.domain.handoff import (
    ACCEPTING,
    ANSWERED_WITHIN,
    NEVER,
    HandoffAction,
    HandoffState,
    RecallAnswer,
    acknowledgement_due_at,
    is_derogation,
)
from gateway.domain.json_values import parse_timestamp
from gateway.domain.retention import Retention, RetentionGround
from gateway.domain.revision import ANSWERED
from gateway.domain.vocabulary import Urgency
from gateway.evidence import sd_jwt
from gateway.evidence.case_events import APPROVED, ERASED, CaseEvent
from gateway.evidence.handoff_moves import CONSULTED, ENDED, RETURNED, TYPES
from gateway.kernel.values import RowBeside
from gateway.store.handoff_rows import HandoffRows

_UPDATE = HandoffAction.UPDATE
REMINDED, OVERDUE = (EVENT_TYPES[n].name for n in ("handoff.remind", "handoff.mark_overdue"))
_RETENTIVE = [TYPES[one] for one in (HandoffAction.RETAIN, HandoffAction.ANSWER_RECALL, *ACCEPTING)]
_REVIEWED = frozenset({DutyKind.REVIEW, DutyKind.DEROGATION_REVIEW})
_OF_RECALL = frozenset({DutyKind.RECALL_ACKNOWLEDGEMENT, DutyKind.RECALL_ANSWER})
_ARRIVED = frozenset(ARRIVED.values())
_EACH = _OF_RECALL | {DutyKind.ANSWER, DutyKind.CLEARANCE, DutyKind.RETENTION_REVIEW}
"""Duties of which each that should be owed has a row of its own."""
_OTHERWISE = _ARRIVED | {
    DutyKind.CLEARANCE, DutyKind.REVIEW, DutyKind.DEROGATION_REVIEW,
    DutyKind.RETENTION_REVIEW, DutyKind.RECALL_APPROVAL
}  # fmt: skip
"""Duties that no answer of the parties ends."""


class DutyProof:
    """What the parties of one handoff owe, and what of the other's doing arrived at each."""

    def __init__(self, rows: HandoffRows) -> None:
        self.rows, self.case, self.handoff = rows, rows.case, rows.handoff

    def wrong(self) -> Iterator[tuple[str, HandoffDuty]]:
        """Return what is owed that does not follow from an event, or was closed without one."""
        told = {one.id: one for one in (*self.case.made, *self.rows.events)}
        for one in self.rows.duties:
            source = told.get(one.source)
            if source is None:
                yield "duty", one
            elif one.arrived != (source.type if one.kind in _ARRIVED else None):
                yield "arrival", one
            elif one.terms.ended_by or one.kind in _OTHERWISE:
                if one.organisation != one.terms.party(self.handoff):
                    yield "duty", one
                waits = one.is_awaited(self.handoff, self.rows.left)
                if one.closed_at is not None and waits and not any(self._ends(one, source.index)):
                    yield "duty end", one
                if one.kind in _OF_RECALL and not self._is_due(one):
                    yield "duty", one

    def is_derived(self, row: RowBeside) -> bool:
        """Tell whether a row that is wrong comes again by itself, or is of no event at all."""
        if not isinstance(row, HandoffDuty):
            return True
        owed = {(kind, event.id) for kind, event, _ in self._should_be_owed()}
        arrived = {one.event for one in self.rows.answers} if row.kind in _ARRIVED else set[UUID]()
        told = {one.id for one in (*self.case.made, *self.rows.events)}
        return (row.kind, row.source) in owed or row.source in arrived or row.source not in told

    def differing(self) -> Iterator[str]:
        """Return what should be owed, or have arrived, and is not there."""
        begun = {(one.kind, one.source) for one in self.rows.duties}
        had = {kind for kind, _ in begun} - _EACH
        if any(
            kind not in had and (kind, event.id) not in begun
            for kind, event, _ in self._should_be_owed()
        ):
            yield "duty"
        if any(self._not_arrived()):
            yield "arrival"
        shared = (
            one.due_at
            for one in self.rows.duties
            if one.terms.shared
            and one.closed_at is None
            and one.organisation == self.handoff.recipient
        )
        if self.handoff.due_at != min(shared, default=None):
            yield "due_at"
        if not self.rows.urgencies <= {self.handoff.urgency}:
            yield "duty urgency"

    def _is_due(self, duty: HandoffDuty) -> bool:
        """Tell whether a duty to answer a recall is due when it must be; other terms are
        settings."""
        recall = self.case.recalls.get(self.handoff.recall or duty.source)
        if recall is None:
            return False
        if self.rows.elsewhere:
            return True
        if duty.kind is DutyKind.RECALL_ANSWER:
            return duty.due_at == recall.at + ANSWERED_WITHIN
        return duty.due_at in {acknowledgement_due_at(one, recall.at) for one in Urgency}

    def _should_be_owed(self) -> Iterator[tuple[DutyKind, CaseEvent, datetime]]:
        """Return which duties began, by which event and when; of kinds that are not in `_EACH`, one
        that is open takes the place of the next."""
        row, offer, first = self.handoff, self.rows.moving[0], self.rows.moves[0].claims
        at = [one.at for one in self.rows.answers]
        yield DutyKind.ANSWER, offer, at[0]
        packages = [n for n, one in enumerate(self.rows.moves) if one.step in (None, _UPDATE)]
        if row.urgency is Urgency.IMMINENT_DANGER:
            danger = (n for n in packages if len(packages) == 1 or self._is_danger(n))
            n = next(danger, 0)
            yield DutyKind.CALL, self.rows.moving[n], at[n]
        if is_derogation(row.transfer_tool):
            tools = {n: (self.rows.moves[n].claims or {}).get("transfer_tool") for n in packages}
            for n in [n for n in packages if is_derogation(tools[n])] or packages[-1:]:
                yield DutyKind.DEROGATION_REVIEW, self.rows.moving[n], at[n]
        if self.rows.early:
            opened = next(one for one in self.rows.events if one.type == CONSULTED)
            yield DutyKind.REVIEW, opened, opened.at
        if row.break_glass and first is not None and "reissue_of" not in first:
            yield DutyKind.CLEARANCE, offer, at[0]
        stated = {one.id for one in self.rows.retentions if _is_reviewed(one)}
        held = False
        for event, since, move in zip(self.rows.moving, at, self.rows.moves, strict=True):
            held = held or move.step in ACCEPTING
            change = move.claims and move.claims.get("change")
            if event.id in stated:
                yield DutyKind.RETENTION_REVIEW, event, since
            if move.step is HandoffAction.PROPOSE_CORRECTION:
                yield DutyKind.PROPOSAL_ANSWER, event, since
            if move.step is _UPDATE and change in ANSWERED and held:
                yield DutyKind.ACKNOWLEDGEMENT, event, since
            if move.step is HandoffAction.RECALL and row.recall is not None:
                yield DutyKind.RECALL_ACKNOWLEDGEMENT, event, since
                yield DutyKind.RECALL_ANSWER, event, since

    def _is_danger(self, n: int) -> bool:
        """Tell whether the version of the case that a package showed was of imminent danger."""
        said = self.case.summary(self.rows.moving[n].case_digest or "")
        return said.get("urgency") == Urgency.IMMINENT_DANGER

    def _not_arrived(self) -> Iterator[HandoffDuty]:
        """Return what answers brought to the other party, and no row has. A question has no time
        then, and an outcome is news: what an embargo let the other party read is not known here."""
        rows = {(one.source, one.organisation) for one in self.rows.duties}
        # What arrives has rows since events name their case.
        begins = min((one.index for one in self.rows.events if "case" in one.details), default=None)
        for event, answer in zip(self.rows.moving, self.rows.answers, strict=True):
            kind = KIND_OF_MOVE.get(answer.move) if answer.move else None
            if not (kind and kind.arrives) or begins is None or event.index < begins:
                continue
            received = kind.author is AnswerAuthor.ORIGINATOR
            side = AnswerAuthor.RECIPIENT if received else AnswerAuthor.ORIGINATOR
            party = side.of(self.handoff.originator, self.handoff.recipient)
            if (answer.event, party) in rows:
                continue
            danger = self.handoff.urgency is Urgency.IMMINENT_DANGER and answer.move in GIVES_UP
            yield begin_arrival(
                self.handoff.id,
                party,
                ARRIVED[kind.arrives, side],
                event_type=kind.event,
                source=answer.event,
                since=answer.at,
                due_at=answer.at if danger else NEVER,
            )

    def absent(self) -> Iterator[HandoffDuty]:
        """The duties, and what arrived, that no row has: as far as the log tells, closed, reminded
        of and recorded as overdue. Where the term is a setting, it is due NEVER."""
        begun = {(one.kind, one.source) for one in self.rows.duties}
        had = {kind for kind, _ in begun} - _EACH
        made = list[tuple[HandoffDuty, int]]()
        for kind, event, since in self._should_be_owed():
            stands = any(
                one.kind is kind and not any(end.index < event.index for end in self._ends(one, at))
                for one, at in made
            )
            if kind in had or (kind, event.id) in begun or (stands and kind not in _EACH):
                continue
            duty = begin(self.handoff, kind, event.id, since, self._due(kind, event, since))
            if kind is DutyKind.REVIEW:
                duty = replace(duty, person=event.details.get("by"))
            made.append((duty, event.index))
        index = {one.id: one.index for one in self.rows.events}
        arrived = [(one, index[one.source]) for one in self._not_arrived()]
        for duty, at in (*made, *arrived):
            ends = min((one.at for one in self._ends(duty, at)), default=None)
            told = self._swept(duty)
            if ends is None and not duty.is_awaited(self.handoff, self.rows.left):
                ends = duty.since
            yield told if ends is None else told.close(ends)

    def _due(self, kind: DutyKind, event: CaseEvent, since: datetime) -> datetime:
        """When a duty is due: by its recall, as it was delayed last, or as its offer said."""
        if kind in _OF_RECALL:
            recall = self.case.recalls.get(self.handoff.recall or event.id)
            at = recall.at if recall else since
            is_answer = kind is DutyKind.RECALL_ANSWER
            return (
                at + ANSWERED_WITHIN
                if is_answer
                else acknowledgement_due_at(self.handoff.urgency, at)
            )
        delayed = [
            parse_timestamp(sd_jwt.read_stored(stored.document).content["until"])
            for told, stored in zip(self.rows.moving, self.rows.answers, strict=True)
            if stored.move is HandoffAction.DELAY and told.index > event.index and stored.document
        ]
        if delayed and kind in OWED_TO_ORIGINATOR:
            return delayed[-1]
        told = event.details.get("due") if kind is DutyKind.ANSWER else None
        return datetime.fromisoformat(told) if told else NEVER

    def _swept(self, duty: HandoffDuty) -> HandoffDuty:
        """A duty with what maintenance recorded of it, so that it records that no second time."""
        for one in self.rows.events:
            said = one.subject if one.type in (REMINDED, OVERDUE) else {}
            if (said.get("duty"), said.get("source")) != (str(duty.kind), str(duty.source)):
                continue
            if duty.due_at == NEVER:
                duty = duty.hasten(datetime.fromisoformat(said["due_at"]))
            overdue = one.type == OVERDUE
            duty = duty.record_overdue(one.at) if overdue else duty.remind(one.at)
        return duty

    def _ends(self, duty: HandoffDuty, index: int) -> Iterator[CaseEvent]:
        """Return what closed a duty that an event at a place of the log began."""
        terms = duty.terms
        ends = list[CaseEvent]()
        if duty.kind is DutyKind.CLEARANCE:
            ends = self.case.clearances
        elif duty.kind in (DutyKind.RETENTION, DutyKind.RETENTION_REVIEW):
            ends = self.rows.of_types(ENDED, *_RETENTIVE)
        elif duty.kind in _REVIEWED:
            party = f"as {terms.owes}"
            ends = [one for one in self.rows.of_types("handoff.reviewed") if party in one.details]
        elif duty.kind in _ARRIVED:
            ends = [one for one in self.rows.events if _has_seen(one, duty)]
        if not self.handoff.held or duty.kind in OWED_TO_ORIGINATOR:
            ends = [*ends, *self.rows.of_types(RETURNED)]
        yield from (one for one in ends if one.index > index)
        if duty.ends_with_case:
            yield from (one for one in self.rows.of_types(ERASED) if one.index >= index)
        later = [n for n, one in enumerate(self.rows.moving) if one.index > index]
        yield from (self.rows.moving[n] for n in later if self.rows.moves[n].step in terms.ended_by)
        if HandoffAction.RECALL in terms.ended_by:
            yield from (self.rows.moving[n] for n in later if self._gave_up(n))
        yield from self._approvals(duty)

    def _approvals(self, duty: HandoffDuty) -> Iterator[CaseEvent]:
        """Return what approved the recall that a duty follows from."""
        recall = self.case.recalls.get(duty.source)
        for one in (*self.case.steps, *self.rows.events) if recall else ():
            if one.type == APPROVED and recall and one.subject.get("recall") == recall.digest:
                yield one

    def _gave_up(self, n: int) -> bool:
        """Tell whether the recipient held nothing after a move, and could take nothing."""
        course = fold(self.rows.moves[: n + 1], consulted=self.rows.early)
        early = self.rows.early and course.recall_answer is not RecallAnswer.COPIES_ERASED
        return not (course.is_held or early) and course.state is not HandoffState.OFFERED


def _is_reviewed(retention: Retention) -> bool:
    """Tell whether its holder owes a review of it: who stated it may state another one."""
    return retention.ended_at is None and retention.ground is RetentionGround.STATED


def _has_seen(event: CaseEvent, duty: HandoffDuty) -> bool:
    """Tell whether by an event the organisation at which something arrived has seen it."""
    by = {event.details.get(f"as {role}") for role in ("originator", "recipient")}
    seen = event.type == "handoff.seen" and str(duty.source) in event.subject.get("seen", ())
    return seen and duty.organisation in by
