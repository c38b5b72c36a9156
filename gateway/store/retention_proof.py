"""Whether what is retained of a handoff is what its acts set, and its copy what was heard of it."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime
from functools import cached_property
from typing import Any
from uuid import UUID

from gateway.domain.handoff import ACCEPTING, RETAINING, HandoffAction, RecallAnswer
from gateway.domain.refusals import CaseErased
from gateway.domain.retention import (
    Retention,
    RetentionGround,
    in_years,
    registered_retention,
    review_day,
)
from gateway.evidence import sd_jwt
from gateway.evidence.case_events import ERASED, told_copy
from gateway.evidence.handoff_moves import ENDED
from gateway.store.case_proof import MOMENT
from gateway.store.content_encryption import header_of
from gateway.store.handoff_rows import HandoffRows

_ANSWER_RECALL = HandoffAction.ANSWER_RECALL


class RetentionProof:
    """What is retained of one handoff."""

    def __init__(self, rows: HandoffRows) -> None:
        self.rows, self.case, self.handoff = rows, rows.case, rows.handoff

    def wrong(self) -> Iterator[tuple[str, Retention]]:
        """Return what a retention says otherwise than the act that set it."""
        rows = {one.id: one for one in self.rows.retentions}
        setting = [n for n, one in enumerate(self.rows.answers) if one.event in rows]
        ended = self._retentions_ended
        for n in range(len(self.rows.moves)):
            one = rows.pop(self.rows.answers[n].event, None)
            if one is None:
                continue
            owner = (one.originator, one.case), one.holder
            said = self._said_of_retention(n, one.since)
            if owner != (self.case.key, self.handoff.recipient) or any(
                getattr(one, name) != value for name, value in said.items()
            ):
                yield "retention", one
            answered = [
                later.done for later in self.rows.moves[n + 1 :] if later.step is _ANSWER_RECALL
            ]
            over = one.id in ended or n != setting[-1] or RecallAnswer.COPIES_ERASED in answered
            if over is (one.ended_at is None) and None not in answered:
                yield "retention end", one
        yield from (("retention", one) for one in rows.values())

    def copied(self) -> Iterator[str]:
        """Tell whether its holder has the copy that it heard of when the case was erased, as long
        as nothing ended it."""
        told = told_copy(self.rows.events, self.handoff.id)
        answers = zip(self.rows.moving, self.rows.moves, strict=True)
        ends = [*self.rows.of_types(ENDED)]
        ends += [one for one, move in answers if move.done is RecallAnswer.COPIES_ERASED]
        erased = max((one.index for one in self.rows.of_types(ERASED)), default=0)
        kept = bool(told) and all(one.index < erased for one in ends)
        stated = any(one.ended_at is None for one in self.rows.retentions)
        until = None if stated or "until" not in told else date.fromisoformat(told["until"])
        holds = [(one.holder, one.grace_until, one.header) for one in self.rows.copies]
        key = [header_of(one.content_key) for one in self.rows.copies]
        whole = holds == [(self.handoff.recipient, until, one) for one in key] and len(key) == kept
        try:
            if whole and kept:
                self.case.work.retentions.copy(self.handoff.id)
        except ValueError:
            whole = False
        except CaseErased:
            pass  # its key is destroyed: it came back, and maintenance ends it again
        if not whole:
            yield "copy"

    @cached_property
    def unretained(self) -> Sequence[int]:
        """The moves that set a retention which no row has. What a remote member retains is at its
        own gateway."""
        if self.rows.elsewhere:
            return ()
        rows = {one.id for one in self.rows.retentions}
        return [
            n
            for n, move in enumerate(self.rows.moves)
            if (move.step is HandoffAction.RETAIN or move.done in RETAINING)
            and self.rows.answers[n].event not in rows
        ]

    @cached_property
    def _retentions_ended(self) -> Mapping[UUID, datetime]:
        """The retentions that an event ended, and when."""
        ending = [(one, one.subject) for one in self.rows.events if one.type == ENDED]
        return {UUID(said["retention"]): one.at for one, said in ending if "retention" in said}

    def absent(self) -> Iterator[Retention]:
        """The retentions that no row has, as far as their documents were not erased."""
        rows = {one.id for one in self.rows.retentions}
        for n in self.unretained:
            stored = self.rows.answers[n]
            if not (said := self._said_of_retention(n, stored.at)):
                continue
            ends = [
                later.at
                for m, later in enumerate(self.rows.answers[n + 1 :], n + 1)
                if later.event in rows
                or m in self.unretained
                or self.rows.moves[m].done is RecallAnswer.COPIES_ERASED
            ]
            if ended := self._retentions_ended.get(stored.event):
                ends.append(ended)
            yield Retention(
                id=stored.event,
                originator=self.handoff.originator,
                case=self.handoff.case,
                handoff=self.handoff.id,
                holder=self.handoff.recipient,
                since=stored.at,
                ended_at=min(ends, default=None),
                **{"legal_basis": None, **said},
            )

    def _said_of_retention(self, n: int, since: datetime) -> Mapping[str, Any]:
        """Return what a retention has to say that a move set, as far as that is known."""
        at, stored = self.rows.moving[n].at, self.rows.answers[n]
        if abs(at - since) > MOMENT:
            return {"since": at}
        day = self.case.civil_day(since)
        if self.rows.moves[n].step in ACCEPTING:
            terms = self.case.work.organisations.get(self.handoff.recipient)
            found = terms and registered_retention(terms.retentions, self.handoff.purpose, day)
            if not found:
                return {"ground": None}
            return {
                "ground": RetentionGround.REGISTERED,
                "until": None if found.years is None else in_years(day, found.years),
                "review_on": in_years(day, found.review_years),
            }
        if not stored.document:
            return {}
        said = sd_jwt.read_stored(stored.document).content
        until, asked = (said.get(n) and date.fromisoformat(said[n]) for n in ("until", "review_on"))
        return {
            "ground": RetentionGround(said.get("done", RetentionGround.STATED)),
            "until": until,
            "review_on": review_day(day, until, asked),
            "legal_basis": said.get("legal_basis"),
        }
