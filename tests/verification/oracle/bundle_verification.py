"""Verify an evidence bundle: what gives its parties the right, the course of events, all the steps.

What the documents say is in gateway/evidence/bundle.py, what the log says of them in
gateway/evidence/bundle_receipts.py; `BundleVerification.steps` is all of it in its order.
"""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any

from gateway.domain.answers import ANSWERS, READABLE_MOVES
from gateway.domain.handoff import OPEN, HandoffAction, HandoffState, RecallAnswer
from gateway.domain.measure import MeasureKind
from gateway.evidence.receipt import VerifiedReceipt
from tests.verification.oracle import bundle_receipts, chain, key_history, mandates, recalls
from tests.verification.oracle.bundle import members
from tests.verification.oracle.chain import Link, VerifiedAnswer, values_of
from tests.verification.oracle.key_history import KeyHistory, KeyRegistration, KeyRevocation
from tests.verification.oracle.mandates import MandateEnd, RegisteredMandate
from tests.verification.oracle.recalls import LoggedRecall
from tests.verification.oracle.report import (
    Code,
    Incomplete,
    Mismatch,
    VerificationFailed,
    pluralise,
)
from tests.verification.oracle.trust import AuthoredDocument, confirm_receipt

# --- Measures as the log shows them: what a suspension or a mark closed, and what went through ---
#
# Of an embargo a bundle does not show whom it binds, since that is not for everyone to know; it
# is reported beside the offers that came meanwhile.


MEASURE_SET = frozenset({"case.embargoed", "case.restricted"})
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
        """Whether it held when an event was logged."""
        ended = self.end is not None and self.end.index < one.index
        before_end = self.until is None or one.time < self.until
        return self.start.index < one.index and not ended and before_end

    def is_on(self, elements: Collection[str] | None, version: int) -> bool:
        """Whether it is on some of these elements of a version, as far as both are known."""
        if self.elements is None or (self.before is not None and version >= self.before):
            return False
        return not self.elements or not self.elements.isdisjoint(elements or ())

    def opens_with(self, code: str | None) -> bool:
        """Whether a consultation with this code is allowed; of one that is not shown, too."""
        return code is None or code in OPENED_BY.get(self.kind, {code})


def read_measures(confirmed: Sequence[VerifiedReceipt]) -> list[LoggedMeasure]:
    """The measures whose events are shown, in the order of the log; one that says nothing of its
    kind is none."""
    allowed = [one for one in confirmed if one.allowed]
    return [
        found for one in allowed if one.type in MEASURE_SET for found in _read_measure(one, allowed)
    ]


def _read_measure(
    start: VerifiedReceipt, events: Iterable[VerifiedReceipt]
) -> Iterable[LoggedMeasure]:
    said = start.subject()
    name, elements, until, before = map(said.get, ("measure", "elements", "until", "before"))
    if said.get("kind") not in [*MeasureKind]:
        return
    ends = (one for one in events if one.type == _ENDED and one.subject().get("measure") == name)
    yield LoggedMeasure(
        MeasureKind(said["kind"]),
        frozenset(map(str, elements)) if isinstance(elements, list) else None,
        before if isinstance(before, int) else None,
        datetime.fromisoformat(until) if isinstance(until, str) else None,
        start,
        next(ends, None),
    )


def may_have_ended(measure: LoggedMeasure, confirmed: Iterable[VerifiedReceipt]) -> bool:
    """Whether an event that ends a measure, and does not say which, may have ended this one."""
    ends = (one for one in confirmed if one.type == _ENDED)
    return any(measure.start.index < one.index and not one.subject() for one in ends)


def reason_code(consulted: VerifiedReceipt) -> str | None:
    """The code of the reason of a consultation; None where it is not shown."""
    texts = consulted.details("reason_code")
    return str(texts[0]) if texts else None


# --- By what right the parties acted: mandate, keys, and whose signature they allowed ---


class BundleAuthority(bundle_receipts.BundleReceipts):
    """The mandate, the keys and the requirements to sign; a method for each step."""

    origins: Sequence[KeyRegistration]
    revoked: Sequence[KeyRevocation]
    keys: KeyHistory
    mandate: RegisteredMandate | None = None
    """What registered the recipient's mandate, where the file has it."""
    ends: Sequence[MandateEnd] = ()
    """What ended it, as far as the file has that."""

    def check_mandate(self) -> str:
        """What registered the mandate that the offer addressed: same holder, mandate and day.

        The plan of a succession shows also when the mandate ended for the predecessor, for offers
        made after it was planned: one of the same day that came first was good.
        """
        if self.plan is not None and self.before is not None:
            moved, offered = mandates.read(self.plan), chain.signed_at(self.before)
            known = not self.plan.event.get("simulated_date") and self.plan.time <= offered
            if known and moved.start <= mandates.days_of(offered)[0]:
                predecessor = str(self.plan.subject()["organisation"])
                raise mandates.ended(predecessor, moved.competence, moved.start)
        if self.offer.competence is None:
            return "the offer addresses an organisation"
        if self.bundle.mandate is None:
            return f"not proved: no receipt of event {self.offer.mandate_event} is in this file"
        if not self.starts_here():
            return "not proved: the first offer is not in this file"
        confirmed = confirm_receipt(self.bundle.mandate, self._trust)
        record = self.record_of(self.links[0].offered)
        if confirmed.checkpoint.origin != self.log() or confirmed.index >= record.index:
            raise Mismatch("the mandate was not registered before the offer, in the same log")
        self.mandate = mandates.check(confirmed, self.offer, *_days_of(record))
        shown = (confirm_receipt(one, self._trust) for one in self.bundle.mandate_ends)
        ends = [mandates.read_end(one) for one in shown if self._is_here(one)]
        self.ends = [one for one in ends if one.of(self.mandate)]
        for one in self.ends:
            if one.confirmed.index < record.index and one.day <= _days_of(record)[0]:
                raise mandates.ended(one.organisation, one.competence, one.day)
        return self.mandate.describe()

    def trace_keys(self) -> str:
        """The registrations of the keys that signed: in one history with the rest, and before it.

        Likewise their revocations, which come after it. A key that only a key file confirms is
        reported and is not a failure: the user knows where that file came from.
        """
        documents = self.authored()
        registered = (*self.bundle.registrations, *self._trust.registrations)
        revoked = (*self.bundle.revocations, *self._trust.revocations)
        self.origins = key_history.registrations(documents, registered, self._trust)
        self.revoked = key_history.revocations(documents, revoked, self._trust)
        for one in self.origins:
            if self._is_here(one.confirmed) and self._first_use(one) <= one.confirmed.index:
                raise Mismatch("a key was registered after it was used")
        for other in self.revoked:
            if self._is_here(other.confirmed) and self._last_use(other) >= other.confirmed.index:
                raise Mismatch("a key was used after it was revoked")
        key_history.require_consistent(self.statuses, self.revoked)
        shown = documents, self.origins, self.revoked
        self.keys = KeyHistory(*shown, self._unplaced(), self._unrevoked())
        return self.keys.describe()

    def check_requirements(self) -> str:
        """No document is attested for a member that, at that entry, signed everything itself."""
        receipts = (*self.bundle.locks, *self._trust.locks)
        required = key_history.signing_requirements(receipts, self._trust)
        attested = [one for one in self.moved() if one.attested and not self.is_gateways_own(one)]
        for one in attested:
            key_history.require_own_signature(required, one.author, self.record_of(one))
        return f"{pluralise(len(required), 'requirement')} to sign, or its end, shown"

    def _first_use(self, one: KeyRegistration) -> int:
        """The first place in the log that names a document which the key signed."""
        digests = {s.document.digest for s in self.authored() if s.kid == one.kid}
        used = (c.index for c in self.confirmed if digests & _named_by(c))
        return next(used, one.confirmed.index + 1)

    def _last_use(self, one: KeyRevocation) -> int:
        """The last place at which a document that the key signed is shown to have come; or -1."""
        signed = filter(one.of, self.authored())
        return max((at for s in signed if (at := self.place_of(s)) is not None), default=-1)

    def _unplaced(self) -> list[KeyRevocation]:
        """Those after which a document of the key may have come into the log."""
        return [
            one
            for one in self.revoked
            if not all(self._came_before(s, one.confirmed) for s in filter(one.of, self.authored()))
        ]

    def _unrevoked(self) -> set[tuple[str, str]]:
        """The keys of which the gateway signed that no entry shown here, nor before, revoked them.

        They count at the gateway that signed alone.
        """
        last, at = self.confirmed[-1].index, self.offered.gateway
        found = (one for one in self.statuses if one.size > last and one.gateway == at)
        return {(one.organisation, one.kid) for one in found if one.log == self.log()}

    def _came_before(self, signed: AuthoredDocument, end: VerifiedReceipt) -> bool:
        """Whether an entry before the end of its key names a document."""
        digest = signed.document.digest
        return end.checkpoint.origin == self.log() and any(
            c.index < end.index and digest in _named_by(c) for c in self.confirmed
        )


def _named_by(confirmed: VerifiedReceipt) -> set[str | None]:
    """The digests of the documents that an event names."""
    return {confirmed.document, confirmed.event.get("case_digest")}


def _days_of(confirmed: VerifiedReceipt) -> tuple[date, date]:
    """The first and last day that was the reference date of an event."""
    if simulated := confirmed.event.get("simulated_date"):
        return date.fromisoformat(simulated), date.fromisoformat(simulated)
    return mandates.days_of(confirmed.time)


# --- The course of a handoff: the order of its events, and what went through that was closed ---


ANNOUNCED = "handoff.change_announced"
_RECALL_ANSWER = "recall_answer"


@dataclass(frozen=True)
class Course:
    """The possible states after the last event shown, and how many moves are not shown.

    A reader may lack events: where two events can follow each other only with a move between them
    that is not shown, that is one of ``gaps``.
    """

    states: frozenset[HandoffState]
    gaps: int


def follow(shown: Sequence[Collection[HandoffAction]]) -> Course:
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
    return Course(states, gaps)


def _after(
    states: Iterable[HandoffState], moves: Collection[HandoffAction]
) -> frozenset[HandoffState]:
    pairs = ((state, move) for state in states for move in moves)
    return frozenset(READABLE_MOVES[pair] for pair in pairs if pair in READABLE_MOVES)


def _reachable(states: frozenset[HandoffState]) -> frozenset[HandoffState]:
    """The states in which the handoff may be after any number of moves that are not shown."""
    further = states | _after(states, frozenset(HandoffAction))
    return states if further == states else _reachable(further)


class BundleCourse(BundleAuthority):
    """The events of a bundle in their order; a method for each step."""

    recall: LoggedRecall | None = None
    """The recall of this handoff by its event, where the file has that."""
    course: Course
    measures: Sequence[LoggedMeasure]
    """What closed the case, or parts of it, for a time."""
    lacking: int | None
    """How many answers are not shown, where the events number them."""

    def check_event_order(self) -> str:
        """The events can follow each other in the log's order."""
        moves = [one.event for one in self.moving]
        if moves[0]["type"] == bundle_receipts.OFFERED:
            del moves[0]
        elif self.starts_here():
            raise Mismatch(f"{moves[0]['type']} is in the log before the offer")
        if any(one["type"] == bundle_receipts.OFFERED for one in moves):
            raise Mismatch("a handoff that was there is offered again")
        self.course = follow([self._moves(fields) for fields in moves])
        self._check_answers()
        self._check_recall()
        # The erasure of the case ends an open handoff, without a document.
        if any(one.type == bundle_receipts.ERASED for one in self.confirmed):
            ended = {HandoffState.LAPSED if one in OPEN else one for one in self.course.states}
            self.course = replace(self.course, states=frozenset(ended))
        self.lacking = self._count_lacking()
        return self._state()

    def _check_answers(self) -> None:
        """Each answer is of the newest package, or notice, of its time in the log. A notice that is
        not in the file is no failure: `BundleFacts` says so."""
        documents: list[Link | VerifiedAnswer] = [*self.links, *self.answers.values()]
        chain.check_order(sorted(documents, key=lambda one: self.recording(one.digest).index))

    def _check_recall(self) -> None:
        """What answers a recall is logged after it; one final answer is given, which only an
        erasure may follow, for good."""
        said = {
            digest: RecallAnswer(part.value)
            for digest, one in self.answers.items()
            if one.claims.kind == _RECALL_ANSWER
            for part in values_of(one.signed, "done")
        }
        self.recall = recalls.read(self.confirmed, str(self.offer.handoff), said)
        answering = [digest for digest, one in self.answers.items() if one.claims.recall]
        start = None if self.recall is None else self.recall.start.index
        if start is not None and any(self.recording(digest).index < start for digest in answering):
            raise Mismatch("an answer is in the log before its recall")
        given = [done for _, done in self.recall.answered] if self.recall else []
        chain.check_final_answers(given)

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
        if answer is not None and answer.claims.groups is not None:
            return {ANSWERS[answer.claims.kind].move({"groups": answer.claims.groups})}
        return bundle_receipts.MOVES_OF_EVENTS[fields["type"]]

    def check_measures(self) -> str:
        """No consultation and no offer of what a suspension, a mark or a recall closed, while it
        held.

        As far as the file shows it: which elements a measure is on, for which reason content was
        opened, and which elements were. Its maker may have left out what opened the case again: the
        gateway is convicted only where the numbers of the originator's events show that nothing is
        left out between the two, or where nothing could have opened it.
        """
        self.measures = read_measures(self.confirmed)
        for one in self.confirmed:
            if not one.allowed or one.event.get("handoff") is None:
                continue
            link = self._link_of.get(one.document)
            if link is not None:
                self._refuse_closed(one, link, link.offer.disclosures, None)
                self._refuse_recalled(one, "")
            elif one.type == bundle_receipts.CONSULTED:
                code = reason_code(one)
                link = self.links_by_case.get(str(one.event.get("case_digest")))
                if link is not None:
                    self._refuse_closed(one, link, self.shown_by(one), code)
                self._refuse_recalled(one, code)
        return pluralise(len(self.measures), "measure")

    def _refuse_closed(
        self, one: VerifiedReceipt, link: Link, digests: Collection[str] | None, code: str | None
    ) -> None:
        """Raise VerificationFailed where an offer, or a consultation, gives what was closed then.

        ``digests`` are those that it gives, None where that is not known.
        """
        ids = None
        if digests is not None:
            placed = link.case.verified.placed
            ids = {str(members(p.value).get("id")) for p in placed if p.digest in digests}
        consulted = one.type == bundle_receipts.CONSULTED
        for measure in self.measures:
            if measure.kind is MeasureKind.EMBARGO or not measure.holds_at(one):
                continue
            if consulted and measure.opens_with(code):
                continue
            if measure.is_on(ids, link.version):
                ended = may_have_ended(measure, self.confirmed)
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
        author = self.offer.author
        first, last = (one.stream_numbers(author) for one in (start, end))
        if not first or not last:
            return False
        shown = {number for one in self.confirmed for number in one.stream_numbers(author)}
        return shown.issuperset(range(first[0], last[0]))

    def shown_by(self, consulted: VerifiedReceipt) -> Collection[str] | None:
        """The digests of what a consultation showed; None where they are not in the file."""
        if not self.is_of_this_presentation(consulted):
            return None
        return {placed.digest for placed in self.case.verified.placed}


# --- Verify an evidence bundle: each document and receipt, then all of them against each other ---


class BundleVerification(BundleCourse):
    """One handoff as a bundle shows it; `steps` are to be called in order."""

    def steps(self) -> list[tuple[str, Callable[[], str]]]:
        """The titled steps, in their order."""
        return [
            ("The file is an evidence bundle", self.read),
            ("The signature of the case version is valid", self.check_case),
            ("The signature of the offer is valid", self.check_offer),
            (
                "The offer covers this case version and comes from its originator",
                self.compare_offer,
            ),
            ("The offer covers every element shown", self.compare_shown),
            ("The signature of every answer is valid", self.check_answers),
            (
                "Every answer refers to this handoff, case version, offer and package",
                self.compare_answers,
            ),
            ("Every receipt proves that the same log contains its event", self.confirm_receipts),
            ("The log has one history", self.check_history),
            ("Every receipt belongs to this handoff", self.match_receipts),
            ("The log records the offer and every answer", self.check_documents_logged),
            ("The times are possible", self.check_times),
            ("The recipient was registered for the mandate", self.check_mandate),
            ("Origin of each member's key", self.trace_keys),
            ("No attested document breaks a requirement to sign", self.check_requirements),
            ("The events follow each other in a possible order", self.check_event_order),
            ("Nothing went through that was closed", self.check_measures),
            ("Undisclosed elements are counted", self.count_withheld),
        ]

    def count_withheld(self) -> str:
        """How many digests have no content here, decoys included."""
        return "; ".join(f"{number} of the {name}" for name, number in self.withheld().items())

    def withheld(self) -> dict[str, int]:
        """Those numbers, by what the digests are of."""
        return {
            "case": sum(one.verified.withheld for one in self.cases),
            "answers": sum(one.verified.withheld for one in self.moved()),
            "events": sum(one.opened.withheld for one in self.confirmed),
        }
