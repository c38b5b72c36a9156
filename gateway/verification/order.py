"""The course of a handoff as a bundle shows it: the order of its events, what its answers and its
recall follow, what was closed for a time.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from gateway.domain.answers import READABLE_MOVES
from gateway.domain.handoff import HandoffAction, HandoffState, RecallAnswer
from gateway.domain.measure import MeasureKind
from gateway.evidence.case_events import SETTING
from gateway.evidence.handoff_moves import CONSULTED
from gateway.evidence.receipt import VerifiedReceipt
from gateway.text.numbers import pluralise
from gateway.verification import chain, recalls, two_logs
from gateway.verification.chain import Link, VerifiedAnswer, values_of
from gateway.verification.documents import members
from gateway.verification.recalls import LoggedRecall
from gateway.verification.receipts import OFFERED, Receipts
from gateway.verification.report import Code, Fact, Incomplete, Mismatch, VerificationFailed
from gateway.verification.steps import Checks, step
from gateway.verification.two_logs import ORIGINAL

# --- Measures as the log shows them: what a suspension or a mark closed, and what went through ---
#
# Of an embargo a bundle does not show whom it binds, since that is not for everyone to know; it
# is reported beside the offers that came meanwhile.


_ENDED = "case.measure_ended"

OPENED_BY = {
    MeasureKind.SUSPENSION: frozenset({"in_proceedings", "imminent_danger"}),
    MeasureKind.MARK: frozenset({"evidence", "legal_claim", "rights_request", "imminent_danger"}),
}
"""The reason codes with which what a measure closed is consulted all the same."""


@dataclass(frozen=True)
class LoggedMeasure:
    """A measure that an event set, and the event that ended it, where that is shown.

    ``elements`` are their ids, none for the whole case; None where the event does not say.
    ``before``: it is on the case's versions before that number.
    """

    kind: MeasureKind
    elements: frozenset[str] | None
    before: int | None
    until: datetime | None
    start: VerifiedReceipt
    end: VerifiedReceipt | None

    def holds_at(self, one: VerifiedReceipt) -> bool:
        """Tell whether it held when an event was logged."""
        ended = self.end is not None and self.end.index < one.index
        before_end = self.until is None or one.time < self.until
        return self.start.index < one.index and not ended and before_end

    def is_on(self, elements: Collection[str] | None, version: int) -> bool:
        """Tell whether it is on some of these elements of a version, as far as both are known."""
        if self.elements is None or (self.before is not None and version >= self.before):
            return False
        return not self.elements or not self.elements.isdisjoint(elements or ())

    def opens_with(self, code: str | None) -> bool:
        """Tell whether a consultation with this code is allowed; of one that is not shown, too."""
        return code is None or code in OPENED_BY.get(self.kind, {code})


def read_measures(confirmed: Sequence[VerifiedReceipt]) -> list[LoggedMeasure]:
    """The measures whose events are shown, in the order of the log; one that says nothing of its
    kind is none."""
    allowed = [one for one in confirmed if one.allowed]
    ends = [one for one in allowed if one.type == _ENDED]
    found = list[LoggedMeasure]()
    for start in (one for one in allowed if one.type in SETTING):
        said = start.subject()
        name, elements, until, before = map(said.get, ("measure", "elements", "until", "before"))
        if said.get("kind") in [*MeasureKind]:
            made = LoggedMeasure(
                MeasureKind(said["kind"]),
                frozenset(map(str, elements)) if isinstance(elements, list) else None,
                before if isinstance(before, int) else None,
                datetime.fromisoformat(until) if isinstance(until, str) else None,
                start,
                next((one for one in ends if one.subject().get("measure") == name), None),
            )
            found.append(made)
    return found


def may_have_ended(measure: LoggedMeasure, confirmed: Iterable[VerifiedReceipt]) -> bool:
    """Tell whether an event that ends a measure, and does not say which, may have ended this
    one."""
    ends = (one for one in confirmed if one.type == _ENDED)
    return any(measure.start.index < one.index and not one.subject() for one in ends)


def reason_code(consulted: VerifiedReceipt) -> str | None:
    """The code of the reason of a consultation; None where it is not shown."""
    texts = consulted.details("reason_code")
    return str(texts[0]) if texts else None


# --- The course of a handoff: the order of its events, and what went through that was closed ---


ANNOUNCED = "handoff.change_announced"
_RECALL_ANSWER = "recall_answer"


@dataclass(frozen=True)
class PossibleStates:
    """The possible states after the last event shown, and how many moves are not shown.

    A reader may lack events: where two events can follow each other only with a move between them
    that is not shown, that is one of ``gaps``.
    """

    states: frozenset[HandoffState]
    gaps: int


def follow(shown: Sequence[Collection[HandoffAction]]) -> PossibleStates:
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
    return PossibleStates(states, gaps)


def _after(
    states: Iterable[HandoffState], moves: Collection[HandoffAction]
) -> frozenset[HandoffState]:
    pairs = ((state, move) for state in states for move in moves)
    return frozenset(READABLE_MOVES[pair] for pair in pairs if pair in READABLE_MOVES)


def _reachable(states: frozenset[HandoffState]) -> frozenset[HandoffState]:
    """The states in which the handoff may be after any number of moves that are not shown."""
    further = states | _after(states, frozenset(HandoffAction))
    return states if further == states else _reachable(further)


@dataclass(frozen=True)
class Handed:
    """Where the events of a handoff lead: its ``states`` are those after the last event shown.

    ``recall`` is its recall, by its event. ``lacking`` is how many answers are not shown before the
    last one that is numbered; None where none is. ``unnumbered`` is how many do not show their
    number where they are to.
    """

    states: PossibleStates
    recall: LoggedRecall | None
    lacking: int | None
    unnumbered: int

    def facts(self) -> Iterable[Fact]:
        """Return how many moves are not shown, as far as their numbers tell."""
        if self.states.gaps:
            yield Fact("gaps", {"number": self.states.gaps})
        if self.lacking:
            yield Fact("lacking", {"number": self.lacking})
        if self.unnumbered:
            yield Fact("unnumbered", {"number": self.unnumbered})
        elif self.lacking is None:
            yield Fact("unnumbered.all")
        elif not self.lacking:
            yield Fact("numbered")


@step("The events follow each other in a possible order")
def check_order(receipts: Receipts) -> tuple[Handed, str]:
    """In the log's order, which their numbers repeat."""
    moves = list(receipts.moving)
    if moves[0].type == OFFERED:
        del moves[0]
    elif receipts.documents.starts_here:
        raise Mismatch(f"{moves[0].type} is in the log before the offer")
    if any(one.type == OFFERED for one in moves):
        raise Mismatch("a handoff that was there is offered again")
    found = follow(list(map(receipts.moves_of, moves)))
    # Each answer is of the newest package, or notice, of its time in the log. A notice that is not
    # in the file is no failure: the facts say so.
    documents: list[Link | VerifiedAnswer] = [
        *receipts.documents.links,
        *receipts.documents.answers.values(),
    ]
    chain.check_order(sorted(documents, key=lambda one: receipts.recording(one.digest).index))
    recall = _check_recall(receipts)
    lacking = _count_lacking(receipts.moving)
    without = [one for one in moves if not one.details("sequence")]
    unnumbered = len(without) if receipts.numbered or lacking is not None else 0
    states = " or ".join(sorted(found.states))
    said = f"the state of the handoff at entry {receipts.moving[-1].index} was {states}"
    return Handed(found, recall, lacking, unnumbered), said


def _check_recall(receipts: Receipts) -> LoggedRecall | None:
    """Return what answers a recall is logged after it; one final answer is given, which only an
    erasure may follow."""
    answers = receipts.documents.answers
    said = {
        digest: RecallAnswer(part.value)
        for digest, one in answers.items()
        if one.claims.kind == _RECALL_ANSWER
        for part in values_of(one.signed, "done")
    }
    recall = recalls.read(receipts.confirmed, str(receipts.documents.offer.handoff), said)
    if recall is not None:
        answering = [digest for digest, one in answers.items() if one.claims.recall]
        if any(receipts.recording(one).index < recall.start.index for one in answering):
            raise Mismatch("an answer is in the log before its recall")
        chain.check_final_answers([done for _, done in recall.answered])
    return recall


def _count_lacking(moving: Sequence[VerifiedReceipt]) -> int | None:
    """The offer is number 1. Each answer, and update, has the next, sealed in its event for both
    parties."""
    lacking, last = None, 1
    for place, one in enumerate(moving, start=1):
        for text in one.details("sequence"):
            number = int(text) if isinstance(text, str) and text.isdecimal() else 0
            if number <= last or number < place:
                raise Mismatch("the answers are not numbered in the order of the log")
            lacking, last = number - place, number
    return lacking


@step("Nothing went through that was closed")
def check_measures(receipts: Receipts, handed: Handed) -> tuple[Sequence[LoggedMeasure], str]:
    """No consultation and no offer of what a suspension, a mark or a recall closed, while it held.

    As far as the file shows it: which elements a measure is on, for which reason content was
    opened, and which elements were. Its maker may have left out what opened the case again: the
    gateway is convicted only where the numbers of the originator's events show that nothing is left
    out between the two, or where nothing could have opened it.
    """
    recall = handed.recall if receipts.decides else None
    closed = _Closed(receipts, recall, read_measures(receipts.confirmed))
    for one in receipts.confirmed:
        followed = not receipts.decides and one.details(ORIGINAL)
        if one.allowed and one.event.get("handoff") is not None and not followed:
            closed.check(one)
    return closed.measures, pluralise(len(closed.measures), "measure")


@dataclass(frozen=True)
class _Closed:
    """What was closed for a time, held against each offer and consultation."""

    receipts: Receipts
    recall: LoggedRecall | None
    measures: Sequence[LoggedMeasure]

    def check(self, one: VerifiedReceipt) -> None:
        """Raise VerificationFailed where an event gives what was closed then."""
        documents = self.receipts.documents
        link = documents.by_offer.get(one.document)
        if link is not None:
            self._refuse_closed(one, link, link.offer.disclosures, None)
            self._refuse_recalled(one, "")
        elif one.type == CONSULTED:
            code = reason_code(one)
            link = documents.by_case.get(str(one.event.get("case_digest")))
            if link is not None:
                shown = None  # where that is not in the file
                if self.receipts.is_of_this_presentation(one):
                    shown = {part.digest for part in documents.case.verified.placed}
                self._refuse_closed(one, link, shown, code)
            self._refuse_recalled(one, code)

    def _refuse_closed(
        self, one: VerifiedReceipt, link: Link, digests: Collection[str] | None, code: str | None
    ) -> None:
        """``digests`` are those that the event gives, None where that is not known."""
        ids = None
        if digests is not None:
            placed = link.case.verified.placed
            ids = {str(members(p.value).get("id")) for p in placed if p.digest in digests}
        for measure in self.measures:
            if measure.kind is MeasureKind.EMBARGO or not measure.holds_at(one):
                continue
            if one.type == CONSULTED and measure.opens_with(code):
                continue
            if measure.is_on(ids, link.version):
                ended = may_have_ended(measure, self.receipts.confirmed)
                proved = not ended and self._has_all_between(measure.start, one)
                raise self._let_through(one, f"the {measure.kind}", measure.start, proved)

    def _refuse_recalled(self, one: VerifiedReceipt, reason: str | None) -> None:
        """Likewise for what the recall closed; of an offer the ``reason`` is empty, and no answer
        allows it."""
        purpose = self.receipts.documents.offer.purpose
        if self.recall is not None and self.recall.closes(one, reason, purpose):
            start = self.recall.start
            proved = reason == "" or self._has_all_between(start, one)
            raise self._let_through(one, "the recall", start, proved)

    def _let_through(
        self, one: VerifiedReceipt, what: str, start: VerifiedReceipt, proved: bool
    ) -> VerificationFailed:
        if not proved:
            return Incomplete(
                f"this file lacks what opened, before entry {one.index}, what {what} of entry "
                f"{start.index} had closed: ask {self.receipts.documents.parties}"
            )
        return VerificationFailed(
            Code.LET_THROUGH,
            f"the gateway let through, at entry {one.index}, what {what} of entry {start.index} "
            "had closed",
        )

    def _has_all_between(self, start: VerifiedReceipt, end: VerifiedReceipt) -> bool:
        """Tell whether the file has each of the originator's events from one to the other, by the
        numbers that the gateway gave them: it is a party of all that opens its case."""
        receipts, by = self.receipts, self.receipts.documents.offered
        first, last = (receipts.numbers_of(one, by) for one in (start, end))
        if not first or not last:
            return False
        shown = {number for one in receipts.confirmed for number in receipts.numbers_of(one, by)}
        return shown.issuperset(range(first[0], last[0]))


def count_withheld(logged: Sequence[Receipts]) -> dict[str, int]:
    """How many digests have no content here, decoys included, by what they are of."""
    documents = logged[0].documents
    return {
        "case": sum(link.case.verified.withheld for link in documents.links),
        "answers": sum(one.verified.withheld for one in documents.moved),
        "events": sum(one.opened.withheld for log in logged for one in log.confirmed),
    }


@step("Undisclosed elements are counted")
def describe_withheld(logged: Sequence[Receipts]) -> tuple[None, str]:
    """How many, as `count_withheld` has them."""
    counted = count_withheld(logged)
    return None, "; ".join(f"{number} of the {name}" for name, number in counted.items())


ROWS = (check_order, check_measures, describe_withheld)


def verify(
    checks: Checks, logged: Sequence[Receipts]
) -> tuple[Handed, Sequence[LoggedMeasure], Sequence[Fact]]:
    """Take these steps, each with what the earlier ones found; of a handoff between two gateways
    the order is that of the one which decides, and their logs are compared."""
    handed = checks(check_order, logged[0])
    measures, *_ = checks.each(check_measures, logged, handed)
    checks(describe_withheld, logged)
    if len(logged[0].documents.gateways) == 1:
        return handed, measures, ()
    return handed, measures, checks.beside(two_logs.compare, logged)
