"""The course of a handoff: the order of its events, and what went through that was closed."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from gateway.domain.answers import ANSWERS, MOVES
from gateway.domain.audit_event import EventResult
from gateway.domain.handoff import OPEN, HandoffAction, HandoffState
from gateway.domain.measure import MeasureKind
from gateway.domain.recall import RecallAnswer
from gateway.evidence import chain, measures, recalls
from gateway.evidence.bundle_authority import BundleAuthority
from gateway.evidence.bundle_documents import members
from gateway.evidence.bundle_receipts import CONSULTED, ERASED, MOVES_OF_EVENTS, OFFERED
from gateway.evidence.chain import Link, VerifiedAnswer, named
from gateway.evidence.event import PARTY
from gateway.evidence.measures import LoggedMeasure
from gateway.evidence.recalls import LoggedRecall
from gateway.evidence.receipt import VerifiedReceipt
from gateway.evidence.report import Code, Incomplete, Mismatch, VerificationFailed, pluralise

ANNOUNCED = "handoff.change_announced"
_RECALL_ANSWER = "recall_answer"


@dataclass(frozen=True)
class History:
    """The possible states after the last event shown, and how many moves are not shown.

    A reader may lack events: where two events can follow each other only with a move between them
    that is not shown, that is one of ``gaps``.
    """

    states: frozenset[HandoffState]
    gaps: int


def follow(shown: Sequence[Collection[HandoffAction]]) -> History:
    """Follow a handoff from its offer through the moves that each shown event may be.

    Raises VerificationFailed (MISMATCH) when the order contradicts the table of moves.
    """
    states, gaps = frozenset({HandoffState.OFFERED}), 0
    for number, moves in enumerate(shown, start=1):
        after = _after(states, moves)
        if not after:
            after, gaps = _after(_reachable(states), moves), gaps + 1
        if not after:
            raise Mismatch(f"answer {number} cannot follow the earlier events")
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


class BundleCourse(BundleAuthority):
    """The events of a bundle in their order; a method for each step."""

    recall: LoggedRecall | None = None
    """The recall of this handoff by its event, where the file has that."""
    course: History
    measures: Sequence[LoggedMeasure]
    """What closed the case, or parts of it, for a time."""
    lacking: int | None
    """How many answers are not shown, where the events number them."""

    def check_event_order(self) -> str:
        """The events can follow each other in the log's order."""
        moves = [one.event for one in self.moving]
        if moves[0]["type"] == OFFERED:
            del moves[0]
        elif self.starts_here():
            raise Mismatch(f"{moves[0]['type']} is in the log before the offer")
        if any(one["type"] == OFFERED for one in moves):
            raise Mismatch("a handoff that was there is offered again")
        self.course = follow([self._moves(fields) for fields in moves])
        self._check_answers()
        self._check_recall()
        if self._has_lapsed():
            ended = {HandoffState.LAPSED if one in OPEN else one for one in self.course.states}
            self.course = replace(self.course, states=frozenset(ended))
        self.lacking = self._count_lacking()
        return self._state()

    def _check_answers(self) -> None:
        """Each answer is of the newest package, or notice, of its time in the log. A notice that is
        not in the file is no failure: `BundleFacts` says so."""
        documents: list[Link | VerifiedAnswer] = [*self.links, *self.given()]
        chain.check_order(sorted(documents, key=lambda one: self._index_of(one.digest)))

    def _check_recall(self) -> None:
        """What answers a recall is logged after it; one final answer is given, which only an
        erasure may follow, for good."""
        said = {
            signed.document.digest: RecallAnswer(part.value)
            for signed in self.signed_answers
            if str(signed.verified.claims["kind"]) == _RECALL_ANSWER
            for part in named(signed, "done")
        }
        self.recall = recalls.read(self.confirmed, str(self.offer.handoff), said)
        answering = [digest for digest, one in self.answers.items() if one.recall is not None]
        start = None if self.recall is None else self.recall.start.index
        if start is not None and any(self._index_of(digest) < start for digest in answering):
            raise Mismatch("an answer is in the log before its recall")
        given = [done for _, done in self.recall.answered] if self.recall else []
        chain.check_final_answers(given)

    def _index_of(self, digest: str) -> int:
        return next(o.index for o in self.moving if o.event.get("document_sha256") == digest)

    def _has_lapsed(self) -> bool:
        """Whether the case was erased: that ends an open handoff, without a document."""
        return any(one.event["type"] == ERASED for one in self.confirmed)

    def _count_lacking(self) -> int | None:
        """How many answers before the last one that is numbered are not shown; None without one.

        The offer is number 1. Each answer, and update, has the next, sealed in its event for both
        parties.
        """
        lacking, last = None, 1
        for place, one in enumerate(self.moving, start=1):
            for text in one.details("sequence"):
                number = int(text) if isinstance(text, str) and text.isdecimal() else 0
                if number <= last or number < place:
                    raise Mismatch("the answers are not numbered in the order of the log")
                lacking, last = number - place, number
        return lacking

    def _state(self) -> str:
        states = " or ".join(sorted(self.course.states))
        return f"the state of the handoff at entry {self.moving[-1].index} was {states}"

    def _moves(self, fields: Mapping[str, Any]) -> Collection[HandoffAction]:
        answer = self.answers.get(fields.get("document_sha256", ""))
        if answer is not None and answer.groups is not None:
            return {ANSWERS[answer.kind].move({"groups": answer.groups})}
        return MOVES_OF_EVENTS[fields["type"]]

    def check_measures(self) -> str:
        """No consultation and no offer of what a suspension, a mark or a recall closed, while it
        held.

        As far as the file shows it: which elements a measure is on, for which reason content was
        opened, and which elements were. Its maker may have left out what opened the case again: the
        gateway is convicted only where the numbers of the originator's events show that nothing is
        left out between the two, or where nothing could have opened it.
        """
        self.measures = measures.read(self.confirmed)
        offered = {one.offered.document.digest: one for one in self.links}
        for one in self.confirmed:
            event = one.event
            if event["result"] != EventResult.ALLOWED or event.get("handoff") is None:
                continue
            link = offered.get(event.get("document_sha256", ""))
            if link is not None:
                self._refuse_closed(one, link, link.offer.disclosures, None)
                self._refuse_recalled(one, "")
            elif event["type"] == CONSULTED:
                code = measures.reason_code(one)
                link = self.links_by_case.get(str(event.get("case_digest")))
                if link is not None:
                    self._refuse_closed(one, link, self.shown_by(one), code)
                self._refuse_recalled(one, code)
        return pluralise(len(self.measures), "measure")

    def _refuse_closed(
        self,
        one: VerifiedReceipt,
        link: Link,
        digests: Collection[str] | None,
        code: str | None,
    ) -> None:
        """Raise VerificationFailed where an offer, or a consultation, gives what was closed then.

        ``digests`` are those that it gives, None where that is not known.
        """
        ids = None
        if digests is not None:
            placed = link.case.verified.placed
            ids = {str(members(p.value).get("id")) for p in placed if p.digest in digests}
        consulted = one.event["type"] == CONSULTED
        for measure in self.measures:
            if measure.kind is MeasureKind.EMBARGO or not measure.holds_at(one):
                continue
            if consulted and measure.opens_with(code):
                continue
            if measure.is_on(ids, link.version):
                ended = measures.may_have_ended(measure, self.confirmed)
                proved = not ended and self._has_all_between(measure.start, one)
                raise self._let_through(one, f"the {measure.kind}", measure.start, proved)

    def _refuse_recalled(self, one: VerifiedReceipt, reason: str | None) -> None:
        """Likewise for what the recall closed; of an offer the ``reason`` is empty, and no answer
        allows it."""
        if self.recall is not None and self.recall.closes(one, reason, self.offer.purpose):
            start = self.recall.start
            proved = reason == "" or self._has_all_between(start, one)
            raise self._let_through(one, "the recall", start, proved)

    def _let_through(
        self, one: VerifiedReceipt, what: str, start: VerifiedReceipt, proved: bool
    ) -> VerificationFailed:
        if not proved:
            return Incomplete(
                f"this file lacks what opened, before entry {one.index}, what {what} of entry "
                f"{start.index} had closed: ask {self._parties()}"
            )
        return VerificationFailed(
            Code.LET_THROUGH,
            f"the gateway let through, at entry {one.index}, what {what} of entry {start.index} "
            "had closed",
        )

    def _has_all_between(self, start: VerifiedReceipt, end: VerifiedReceipt) -> bool:
        """Whether the file has each of the originator's events from one to the other, by the
        numbers that the gateway gave them: it is a party of all that opens its case."""
        first, last = (self._stream_number(one) for one in (start, end))
        if first is None or last is None:
            return False
        return set(range(first, last)) <= set(map(self._stream_number, self.confirmed))

    def _stream_number(self, one: VerifiedReceipt) -> int | None:
        """The number of an event in the originator's stream, where that is shown."""
        numbers = (
            int(party["stream_number"])
            for party in one.details(PARTY)
            if party["organisation"] == self.offer.author
        )
        return next(numbers, None)

    def shown_by(self, consulted: VerifiedReceipt) -> Collection[str] | None:
        """The digests of what a consultation showed; None where they are not in the file."""
        if not self.is_of_this_presentation(consulted):
            return None
        return {placed.digest for placed in self.case.verified.placed}
