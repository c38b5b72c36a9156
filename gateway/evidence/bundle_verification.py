"""Verify an evidence bundle: each document and receipt, then all of them against each other."""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from itertools import pairwise
from typing import Any

from gateway.domain.answers import ANSWERS, MOVES, ON_CHANGES, AnswerAuthor
from gateway.domain.audit_event import EventResult
from gateway.domain.conditions import conditions, repeats
from gateway.domain.handoff import AGREEMENTS, OPEN, HandoffAction, HandoffState
from gateway.domain.measure import MeasureKind
from gateway.domain.recall import RecallAnswer
from gateway.evidence import (
    bundle,
    handoff_documents,
    history,
    key_history,
    key_status,
    mandates,
    measures,
    recalls,
    sd_jwt,
    seal,
)
from gateway.evidence.bundle import Bundle, BundleError, BundlePackage
from gateway.evidence.event import PARTY
from gateway.evidence.handoff_documents import (
    ANSWER_TYP,
    CASE_TYP,
    OFFER_TYP,
    RECALL_TYP,
    AnswerClaims,
    OfferClaims,
)
from gateway.evidence.heading import read_time
from gateway.evidence.history import LogHistory
from gateway.evidence.key_declaration import MAX_SKEW
from gateway.evidence.key_history import KeyRegistration, KeyRevocation
from gateway.evidence.key_status import KeyStatus
from gateway.evidence.mandates import MandateEnd, RegisteredMandate
from gateway.evidence.measures import LoggedMeasure
from gateway.evidence.recalls import LoggedRecall
from gateway.evidence.receipt import Receipt, UnknownLog, VerifiedReceipt
from gateway.evidence.report import Code, VerificationFailed, pluralise
from gateway.evidence.sd_jwt import DisclosedValue, DocumentError, SdJwt
from gateway.evidence.trust import (
    AuthoredDocument,
    TrustAnchors,
    confirm_receipt,
    open_document,
    read_unverified_claims,
    require_subject,
)

_UPDATED = "handoff.updated"
MOVES_OF_EVENTS = {
    **{kind.event: frozenset(kind.moves) for kind in ANSWERS.values()},
    _UPDATED: frozenset({HandoffAction.UPDATE}),
    recalls.RECALLED: frozenset({HandoffAction.RECALL}),
}
"""The moves that an event records; whether an acceptance was partial may be withheld."""


@dataclass(frozen=True)
class History:
    """The possible states after the last event shown, and how many moves are not shown.

    A reader may lack events: where two events can follow each other only with a move between them
    that is not shown, that is one of ``gaps``.
    """

    states: frozenset[HandoffState]
    gaps: int


def replay(shown: Sequence[Collection[HandoffAction]]) -> History:
    """Follow a handoff from its offer through the moves that each shown event may be.

    Raises VerificationFailed (MISMATCH) when the order contradicts the table of moves.
    """
    states, gaps = frozenset({HandoffState.OFFERED}), 0
    for number, moves in enumerate(shown, start=1):
        after = _after(states, moves)
        if not after:
            after, gaps = _after(_reachable(states), moves), gaps + 1
        if not after:
            raise VerificationFailed(
                Code.MISMATCH, f"answer {number} cannot follow the earlier events"
            )
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


_SUBMITTED = frozenset({"case.submitted", "case.revised"})
_OFFERED = "handoff.offered"
CONSULTED = "case.consulted"
ANNOUNCED = "handoff.change_announced"
ERASED = "case.erased"
NOTICE = "correction_notice"
_RECALL_ANSWER = "recall_answer"
_MOVING = frozenset({_OFFERED, *MOVES_OF_EVENTS})


@dataclass(frozen=True)
class Link:
    """One package of a handoff: the case version, and the offer, or update, of it."""

    case: AuthoredDocument
    offered: AuthoredDocument
    offer: OfferClaims

    @property
    def digest(self) -> str:
        """By which answers and updates name it."""
        return self.offered.document.digest

    @property
    def version(self) -> int:
        """The number of its case version."""
        return int(self.case.verified.claims.get("version", 1))


class BundleVerification:
    """One handoff as a bundle shows it; a method for each step, to be called in order.

    Each step returns its detail and raises a ValueError when it fails.
    """

    bundle: Bundle
    documents: tuple[SdJwt, ...]
    """The case and the offer of each package, then the answers."""
    cases: tuple[AuthoredDocument, ...]
    links: tuple[Link, ...]
    """The packages, oldest first."""
    case: AuthoredDocument
    offered: AuthoredDocument
    """The case and the offer of the newest package, as ``offer`` below."""
    content: Mapping[str, Any]
    """The case as it is shown."""
    offer: OfferClaims
    before: AuthoredDocument | None = None
    """The offer that a succession replaced, where the file has it."""
    signed_answers: tuple[AuthoredDocument, ...]
    recalled: AuthoredDocument | None = None
    """The recall of this handoff, where the file has it."""
    recall: LoggedRecall | None = None
    """The recall of this handoff by its event, where the file has that."""
    answers: Mapping[str, AnswerClaims]
    """By the digest of the document, in the bundle's order."""
    origins: Sequence[KeyRegistration]
    revoked: Sequence[KeyRevocation]
    plan: VerifiedReceipt | None = None
    """The event that planned the succession, where the file has it."""
    confirmed: Sequence[VerifiedReceipt]
    """In the order of the log, one for each entry."""
    moving: Sequence[VerifiedReceipt]
    """Those that offered or moved this handoff."""
    recorded: Mapping[str, str]
    """The type of the event that records each document, by the document's digest."""
    mandate: RegisteredMandate | None = None
    """What registered the recipient's mandate, where the file has it."""
    ends: Sequence[MandateEnd] = ()
    """What ended it, as far as the file has that."""
    statuses: Sequence[KeyStatus]
    """What the gateway signed of keys, in this file and in the verifier's key files."""
    course: History
    measures: Sequence[LoggedMeasure]
    """What closed the case, or parts of it, for a time."""
    lacking: int | None
    """How many answers are not shown, where the events number them."""

    def __init__(self, data: bytes, trust: TrustAnchors, log_history: LogHistory) -> None:
        """``data`` is the file; nothing is read yet. ``log_history`` takes in its receipts."""
        self._data, self._trust, self.log_history = data, trust, log_history

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
            (
                "Every receipt proves that the same log contains its event",
                self.confirm_receipts,
            ),
            ("The log has one history", self.check_history),
            ("Every receipt belongs to this handoff", self.match_receipts),
            ("The log records the offer and every answer", self.check_documents_logged),
            ("The times are possible", self.check_times),
            ("The recipient was registered for the mandate", self.check_mandate),
            ("Origin of each member's key", self.trace_keys),
            ("No attested document breaks a promise to sign", self.check_promises),
            ("The events follow each other in a possible order", self.check_event_order),
            ("Nothing went through that was closed", self.check_measures),
            ("Undisclosed elements are counted", self.count_withheld),
        ]

    def read(self) -> str:
        """The file, its documents and their types."""
        self.bundle = bundle.parse(self._data)
        packages = (*self.bundle.earlier, BundlePackage(self.bundle.case, self.bundle.offer))
        texts = [text for one in packages for text in (one.case, one.offer)]
        types = [CASE_TYP, OFFER_TYP] * len(packages)
        texts += self.bundle.answers
        types += [ANSWER_TYP for _ in self.bundle.answers]
        if self.bundle.recall is not None:
            texts.append(self.bundle.recall)
            types.append(RECALL_TYP)
        self.documents = tuple(sd_jwt.parse(text) for text in texts)
        for document, typ in zip(self.documents, types, strict=True):
            if read_unverified_claims(document).header.get("typ") != typ:
                raise DocumentError(f"a document is not of the expected type {typ}")
        if len({document.digest for document in self.documents}) != len(self.documents):
            raise BundleError("a document occurs twice")
        answers, receipts = len(self.bundle.answers), len(self.bundle.receipts)
        return f"{pluralise(answers, 'answer')}, {pluralise(receipts, 'receipt')}"

    def check_case(self) -> str:
        """The case version's signature, by its originator or for it."""
        end = 2 * len(self.bundle.earlier) + 2
        self.cases = tuple(open_document(d, CASE_TYP, self._trust) for d in self.documents[0:end:2])
        self.case = self.cases[-1]
        return self.case.signature()

    def check_offer(self) -> str:
        """The offer's signature and claims."""
        end = 2 * len(self.cases)
        offers = [open_document(d, OFFER_TYP, self._trust) for d in self.documents[1:end:2]]
        self.links = tuple(
            Link(case, offered, handoff_documents.read_offer(offered.verified))
            for case, offered in zip(self.cases, offers, strict=True)
        )
        self._link_of = {link.digest: link for link in self.links}
        self.links_by_case = {link.offer.case_digest: link for link in self.links}
        self.offered, self.offer = self.links[-1].offered, self.links[-1].offer
        return self.offered.signature()

    def compare_offer(self) -> str:
        """Each offer names its case version, and both have the same author; each updates the one
        before it."""
        for link in self.links:
            if link.offer.case_digest != link.case.document.digest:
                raise VerificationFailed(Code.MISMATCH, "the offer is for another case version")
            if link.offer.author != link.case.author:
                raise VerificationFailed(
                    Code.MISMATCH, "the originator of the case did not make the offer"
                )
        self._compare_chain()
        if self.starts_here():
            self.before = predecessor_offer(self.bundle, self.links[0].offer, self._trust)
        offered = f"offered by {self.offer.author} to {self.offer.recipient}"
        if len(self.links) > 1:
            offered += f", in {pluralise(len(self.links), 'package')}"
        if self.links[0].offer.reissue_of is None:
            return offered
        original = "in this file" if self.before else "not in this file"
        return f"{offered}, reissued; the original offer is {original}"

    def _compare_chain(self) -> None:
        """One history: each offer updates the one before it, with a newer version of one case.

        It repeats handoff, recipient, mandate and purpose, and ends no later. One that updates
        another, which is not in the file, is no failure: `missing_offers` has it.
        """
        for before, after in pairwise(self.links):
            one, other = before.offer, after.offer
            missing = other.updates is not None and other.updates not in self._link_of
            _require_same(
                "an update",
                ("offer", missing or other.updates == before.digest, True),
                ("handoff", other.handoff, one.handoff),
                ("recipient", other.recipient, one.recipient),
                ("competence", other.competence, one.competence),
                ("mandate", other.mandate_event, one.mandate_event),
                ("purpose", other.purpose, one.purpose),
                ("originator", other.author, one.author),
                (
                    "case",
                    after.case.verified.claims.get("case"),
                    before.case.verified.claims.get("case"),
                ),
            )
            if after.version <= before.version:
                raise VerificationFailed(Code.MISMATCH, "an update is of no newer case version")
            if (
                one.expires_at is not None
                and (other.expires_at or one.expires_at + 1) > one.expires_at
            ):
                raise VerificationFailed(Code.MISMATCH, "an update ends later than its handoff")

    def compare_shown(self) -> str:
        """Every element that is shown is one that its offer names."""
        for link in self.links:
            beyond = [
                p.name for p in link.case.verified.placed if p.digest not in link.offer.disclosures
            ]
            if beyond:
                raise VerificationFailed(
                    Code.MISMATCH, f"shown, but not covered by the offer: {', '.join(beyond)}"
                )
        shown = self.case.verified.placed
        self.content = sd_jwt.merge_disclosures(self.case.verified)
        sealed = seal.describe(seal.shown(self.case.verified))
        counted = f"{len(shown)} of {pluralise(len(self.offer.disclosures), 'element')} shown"
        return f"{counted}; {sealed}" if sealed else counted

    def check_answers(self) -> str:
        """The answers' signatures and claims."""
        end = 2 * len(self.links)
        documents = self.documents[end : end + len(self.bundle.answers)]
        if self.bundle.recall is not None:
            self.recalled = open_document(self.documents[-1], RECALL_TYP, self._trust)
        self.signed_answers = tuple(
            open_document(document, ANSWER_TYP, self._trust) for document in documents
        )
        read = [handoff_documents.read_answer(signed.verified) for signed in self.signed_answers]
        self.answers = {d.digest: a for d, a in zip(documents, read, strict=True)}
        pairs = zip(read, self.signed_answers, strict=True)
        found = [f"{answer.kind} {signed.signature()}" for answer, signed in pairs]
        if self.recalled is not None:
            found.append(f"recall {self.recalled.signature()}")
        return "; ".join(found)

    def compare_answers(self) -> str:
        """Each answer is about one of the packages, and by the party that may give it; an
        acceptance repeats its conditions, as far as they are shown here, or stricter ones."""
        for signed, answer in zip(self.signed_answers, self.answers.values(), strict=True):
            party = ANSWERS[answer.kind].party(self.offer.author, self.offer.recipient)
            link = self._link_of.get(answer.offer_digest)
            if answer.notice_digest is not None and not _is_on_changes(answer):
                raise VerificationFailed(Code.MISMATCH, f"the {answer.kind} answers a notice")
            _require_same(
                f"the {answer.kind}",
                ("handoff", answer.handoff, self.offer.handoff),
                ("party", answer.author, party),
            )
            self._compare_recall_answer(answer)
            if link is None:
                continue  # `missing_offers` has it
            _require_same(
                f"the {answer.kind}",
                ("case version", answer.case_digest, link.offer.case_digest),
                ("package_digest", answer.package_digest, link.offer.package_digest),
            )
            if not all(_repeats(one.value, link) for one in _named(signed, "conditions")):
                raise VerificationFailed(
                    Code.MISMATCH, "an acceptance does not repeat the conditions of its offer"
                )
        if self.recalled is not None:
            self._compare_recall(self.recalled)
        return pluralise(len(self.answers), "answer")

    def _compare_recall_answer(self, answer: AnswerClaims) -> None:
        """An answer binds the recall, where it is a kind that does: the one in the file."""
        named = None if self.recalled is None else self.recalled.document.digest
        if answer.recall is None:
            return
        if not ANSWERS[answer.kind].of_recall or named not in (None, answer.recall):
            raise VerificationFailed(Code.MISMATCH, f"the {answer.kind} answers another recall")

    def _compare_recall(self, recalled: AuthoredDocument) -> None:
        """A recall is of this case and handoff, by the originator, covers the packages, and two
        persons made it, where both are shown."""
        recall = handoff_documents.read_recall(recalled.verified)
        _require_same(
            "the recall",
            ("originator", recall.author, self.offer.author),
            ("case", str(recall.case), self.case.verified.claims.get("case")),
            ("handoff", recall.handoff or self.offer.handoff, self.offer.handoff),
        )
        if any(link.version > recall.version for link in self.links):
            raise VerificationFailed(Code.MISMATCH, "the recall does not cover every package")
        by, second = (
            next((one.value for one in _named(recalled, name)), None)
            for name in ("by", "approved_by")
        )
        if by is not None and by == second:
            raise VerificationFailed(Code.MISMATCH, "the recall names one person twice")

    def missing_offers(self) -> list[str]:
        """The offers that an update, or an answer, names and the file leaves out."""
        named = {one.offer.updates for one in self.links} - {None}
        named |= {one.offer_digest for one in self.answers.values()}
        return sorted(map(str, named - self._link_of.keys()))

    def starts_here(self) -> bool:
        """Whether the first package of the handoff is in the file."""
        return self.links[0].offer.updates is None

    def _linked(self) -> Iterator[tuple[AuthoredDocument, AnswerClaims, Link]]:
        """The answers, each with the package that it is about, as far as the file has that."""
        for signed, answer in zip(self.signed_answers, self.answers.values(), strict=True):
            if answer.offer_digest in self._link_of:
                yield signed, answer, self._link_of[answer.offer_digest]

    def _parties(self) -> str:
        """Whom to ask for what whoever made the file may have left out: that convicts nobody."""
        return f"{self.offer.author}, {self.offer.recipient}"

    def said(self, name: str) -> list[Any]:
        """What the answers shown say in one of their fields, in order."""
        return [part.value for signed in self.signed_answers for part in _named(signed, name)]

    def confirm_receipts(self) -> str:
        """All receipts are proofs of one log: one that is trusted for the gateway of the offer."""
        found = [confirm_receipt(one, self._trust) for one in self.bundle.receipts]
        if self.starts_here():
            self.plan = verify_plan(self.bundle, self.links[0].offer, self._trust)
        origins = {one.checkpoint.origin for one in found}
        if len(origins) > 1:
            raise VerificationFailed(Code.MISMATCH, "the receipts are of several logs")
        if not origins <= set(self._trust.of_gateway(self.offered.gateway).origins):
            raise VerificationFailed(
                Code.MISMATCH, "the receipts are of the log of another gateway than the offer"
            )
        self.receipts = found
        entries = {one.index: one for one in reversed(found)}
        self.confirmed = [entries[index] for index in sorted(entries)]
        return "; ".join(f"{one.event['type']} is entry {one.index}" for one in self.confirmed)

    def check_history(self) -> str:
        """All receipts, and all that the verifier has, are of one history of each log."""
        others = [
            *self.bundle.registrations,
            *self.bundle.revocations,
            *self.bundle.locks,
            *([] if self.bundle.mandate is None else [self.bundle.mandate]),
            *self.bundle.mandate_ends,
        ]
        mine = (*self._trust.registrations, *self._trust.revocations, *self._trust.locks)
        planned = [] if self.plan is None else [self.plan]
        self.receipts += [*planned, *self._confirmable(others)]
        found = [*self.receipts, *self._confirmable(mine)]
        self.log_history.add(history.of_receipt(one) for one in found)
        self.statuses = [
            *(key_status.read(text, self._trust) for text in self.bundle.key_statuses),
            *key_status.read_kept(self._trust.key_statuses, self._trust),
        ]
        self.log_history.add(one.tree for one in self.statuses)
        if not self.confirmed:
            return ""
        shown = "shown" if self.log_history.is_shown(self.log()) else "not shown, nor contradicted"
        return f"{pluralise(len(self.log_history.sizes(self.log())), 'checkpoint')}, {shown}"

    def _confirmable(self, receipts: Iterable[Receipt]) -> Iterator[VerifiedReceipt]:
        for one in receipts:
            try:
                yield confirm_receipt(one, self._trust)
            except UnknownLog:
                continue  # without the log's key it proves nothing

    def match_receipts(self) -> str:
        """Each event is of this handoff or case, and says the same as the document it records.

        Events that record a document which is not in the bundle are counted as absent.
        """
        answers = {digest: ANSWERS[a.kind].event for digest, a in self.answers.items()}
        offers = {
            link.digest: _OFFERED if link.offer.updates is None else _UPDATED for link in self.links
        }
        recall = {} if self.recalled is None else {self.recalled.document.digest: recalls.RECALLED}
        self.recorded = {**offers, **answers, **recall}
        self._packages = {
            **{link.digest: link.offer.package_digest for link in self.links},
            **{digest: answer.package_digest for digest, answer in self.answers.items()},
            **dict.fromkeys(recall, ""),
        }
        self._complete = not self.missing_offers() and not any(
            one.event["type"] == _UPDATED
            and one.event["result"] == EventResult.ALLOWED
            and one.event.get("document_sha256") not in self.recorded
            for one in self.confirmed
        )
        for one in self.confirmed:
            self._match(one.event)
        self.moving = [
            one
            for one in self.confirmed
            if one.event["type"] in _MOVING
            and one.event["result"] == EventResult.ALLOWED
            and one.event.get("handoff") == str(self.offer.handoff)
        ]
        consulted = [
            f"entry {one.index} records the consultation of this presentation"
            for one in self.confirmed
            if self.is_of_this_presentation(one)
        ]
        absent = (f"{one.event['type']}, entry {one.index}" for one in self.absent())
        return "; ".join([*consulted, *(f"not in this file: document of {one}" for one in absent)])

    def absent(self) -> list[VerifiedReceipt]:
        """The moves whose document is not in the file."""
        return [one for one in self.moving if one.event.get("document_sha256") not in self.recorded]

    def is_of_this_presentation(self, one: VerifiedReceipt) -> bool:
        shown = (placed.digest for placed in self.case.verified.placed)
        package = handoff_documents.package_digest(shown)
        opened = (one.event.get("case_digest"), one.event.get("package_digest"))
        return one.event["type"] == CONSULTED and opened == (self.offer.case_digest, package)

    def _match(self, fields: Mapping[str, Any]) -> None:
        typ = fields["type"]
        handoff, case = fields.get("handoff"), fields.get("case_digest")
        if handoff is None and case is None:
            raise VerificationFailed(Code.MISMATCH, f"{typ} names neither handoff nor case")
        if handoff not in (None, str(self.offer.handoff)):
            raise VerificationFailed(Code.MISMATCH, f"{typ} is of another handoff")
        # What is about a package that is not in the file names its version, and the handoff.
        known = {None, *(link.offer.case_digest for link in self.links)}
        if case not in known and (self._complete or handoff is None):
            raise VerificationFailed(
                Code.INCOMPLETE,
                f"this file lacks the case version that {typ} is about: ask {self._parties()}",
            )
        digest = fields.get("document_sha256", "")
        expected = self.recorded.get(digest)
        if expected is None:
            offered = typ == _OFFERED and fields["result"] == EventResult.ALLOWED
            if offered and self.starts_here():
                raise VerificationFailed(Code.MISMATCH, f"{typ} records another offer")
        elif typ != expected:
            raise VerificationFailed(Code.MISMATCH, f"{typ} records a document of another kind")
        elif fields.get("package_digest", self._packages[digest]) != self._packages[digest]:
            raise VerificationFailed(Code.MISMATCH, f"{typ} is of another package")

    def check_documents_logged(self) -> str:
        """The offer and each answer are recorded, each by one event."""
        logged = [one.event.get("document_sha256") for one in self.moving]
        for digest, typ in self.recorded.items():
            if digest not in logged:
                raise VerificationFailed(
                    Code.INCOMPLETE,
                    f"this file lacks the receipt of {typ} for a document of it: ask "
                    f"{self._parties()}",
                )
            if logged.count(digest) > 1:
                raise VerificationFailed(Code.MISMATCH, f"two events record one document as {typ}")
        return pluralise(len(self.recorded), "document")

    def check_times(self) -> str:
        """Nothing is signed before what it is about, after it was recorded, or too late."""
        for link in self.links:
            signed, made = self.signed_at(link.case), self.signed_at(link.offered)
            _require_order("the offer is older than the case version", signed, made)
        for one, answer, link in self._linked():
            offered = link.offered
            _require_order(
                "an answer is older than its offer", self.signed_at(offered), self.signed_at(one)
            )
            if "expires_at" in offered.verified.claims and ANSWERS[answer.kind].accepts:
                expiry = read_time(offered.verified.claims, "expires_at")
                _require_order(
                    "the offer was accepted after it ended", self._recorded_at(one), expiry
                )
        for one in self.moved():
            recorded = self._recorded_at(one)
            _require_order("a document is newer than its record", self.signed_at(one), recorded)
        return f"offered {spell(self.signed_at(self.links[0].offered))}"

    def moved(self) -> list[AuthoredDocument]:
        """The offers, the answers and the recall: each is recorded by an event."""
        return [*(link.offered for link in self.links), *self._said_by_parties()]

    def signed_at(self, signed: AuthoredDocument) -> datetime:
        return read_time(signed.verified.claims)

    def _recorded_at(self, signed: AuthoredDocument) -> datetime:
        return _time_of(self.record_of(signed))

    def record_of(self, signed: AuthoredDocument) -> VerifiedReceipt:
        """The event that records the offer or an answer."""
        digest = signed.document.digest
        return next(one for one in self.moving if one.event.get("document_sha256") == digest)

    def check_mandate(self) -> str:
        """What registered the mandate that the offer addressed: same holder, mandate and day.

        The plan of a succession shows also when the mandate ended for the predecessor.
        """
        if self.plan is not None and self.before is not None:
            moved = mandates.read(self.plan)
            offered = self.signed_at(self.before) - timedelta(hours=12)
            if not self.plan.event.get("simulated_date") and moved.start <= offered.date():
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
            raise VerificationFailed(
                Code.MISMATCH, "the mandate was not registered before the offer, in the same log"
            )
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
                raise VerificationFailed(Code.MISMATCH, "a key was registered after it was used")
        for other in self.revoked:
            if self._is_here(other.confirmed) and self._last_use(other) >= other.confirmed.index:
                raise VerificationFailed(Code.MISMATCH, "a key was used after it was revoked")
        key_status.require_consistent(self.statuses, self.revoked)
        return key_history.describe(documents, self.origins, self.revoked, self.unrevoked())

    def _is_here(self, event: VerifiedReceipt) -> bool:
        """Whether the event is of the log of this handoff."""
        return event.checkpoint.origin == self.log()

    def check_promises(self) -> str:
        """No document is attested for a member that, at that entry, signed everything itself."""
        receipts = (*self.bundle.locks, *self._trust.locks)
        locks = key_history.locks(receipts, self._trust)
        attested = [one for one in self.moved() if one.attested and not self.is_gateways_own(one)]
        for one in attested:
            key_history.require_promise_kept(locks, one.author, self.record_of(one))
        return f"{pluralise(len(locks), 'promise')} to sign, or its end, shown"

    def is_gateways_own(self, signed: AuthoredDocument) -> bool:
        """Whether the document ends a handoff in a succession, which the gateway always signs.

        A reissued offer is not its own: for a member that signs everything itself it makes none.
        """
        return (
            signed in self.signed_answers
            and ANSWERS[str(signed.verified.claims["kind"])].author is AnswerAuthor.GATEWAY
        )

    def authored(self) -> list[AuthoredDocument]:
        before = [] if self.before is None else [self.before]
        return [*self.acts(), *before]

    def log(self) -> str:
        return self.confirmed[0].checkpoint.origin

    def _first_use(self, one: KeyRegistration) -> int:
        """The first place in the log that names a document which the key signed."""
        digests = {s.document.digest for s in self.authored() if s.kid == one.kid}
        named = ("document_sha256", "case_digest")
        used = (c.index for c in self.confirmed if digests.intersection(map(c.event.get, named)))
        return next(used, one.confirmed.index + 1)

    def _last_use(self, one: KeyRevocation) -> int:
        """The last place at which a document that the key signed is shown to have come; or -1."""
        signed = filter(one.of, self.authored())
        return max((at for s in signed if (at := self.place_of(s)) is not None), default=-1)

    def place_of(self, signed: AuthoredDocument) -> int | None:
        """Where a document came into the log, where that is shown.

        Of a case version only its own event says so: it may be offered, and read, much later.
        """
        digest = signed.document.digest
        places = (
            c.index
            for c in self.confirmed
            if c.event.get("document_sha256") == digest
            or (c.event["type"] in _SUBMITTED and c.event.get("case_digest") == digest)
        )
        return next(places, None)

    def unplaced(self) -> list[KeyRevocation]:
        """Those after which a document of the key may have come into the log."""
        return [
            one
            for one in self.revoked
            if not all(self._came_before(s, one.confirmed) for s in filter(one.of, self.authored()))
        ]

    def unrevoked(self) -> set[tuple[str, str]]:
        """The keys of which the gateway signed that no entry shown here, nor before, revoked them.

        They count at the gateway that signed alone.
        """
        last, at = self.confirmed[-1].index, self.offered.gateway
        found = (one for one in self.statuses if one.size > last and one.gateway == at)
        return {(one.organisation, one.kid) for one in found if one.log == self.log()}

    def _came_before(self, signed: AuthoredDocument, end: VerifiedReceipt) -> bool:
        """Whether an entry before the end of its key names a document."""
        digest, named = signed.document.digest, ("document_sha256", "case_digest")
        return end.checkpoint.origin == self.log() and any(
            c.index < end.index and digest in map(c.event.get, named) for c in self.confirmed
        )

    def check_event_order(self) -> str:
        """The events can follow each other in the log's order."""
        moves = [one.event for one in self.moving]
        if moves[0]["type"] == _OFFERED:
            del moves[0]
        elif self.starts_here():
            raise VerificationFailed(
                Code.MISMATCH, f"{moves[0]['type']} is in the log before the offer"
            )
        self.course = replay([self._moves(fields) for fields in moves])
        self._check_agreements()
        self._check_notices()
        self._check_recall()
        if self._has_lapsed():
            ended = {HandoffState.LAPSED if one in OPEN else one for one in self.course.states}
            self.course = replace(self.course, states=frozenset(ended))
        self.lacking = self._count_lacking()
        return self._state()

    def _check_agreements(self) -> None:
        """An acceptance or acknowledgement is of the newest package of its time in the log."""
        made = {self.record_of(link.offered).index: link for link in self.links}
        for signed, answer, link in self._linked():
            at = self.record_of(signed).index
            known = [made[index] for index in sorted(made) if index < at]
            if link not in known:
                raise VerificationFailed(Code.MISMATCH, "an answer is in the log before its offer")
            agrees = not AGREEMENTS.isdisjoint(ANSWERS[answer.kind].moves)
            if agrees and known[-1] is not link:
                raise VerificationFailed(
                    Code.MISMATCH, f"the {answer.kind} is of an older package than the newest"
                )

    def _check_notices(self) -> None:
        """What is logged after a correction notice, and answers a change, is about the newest one
        of its time; one that is not in the file is no failure: `BundleFacts` says so."""
        newest: dict[str | None, int] = {}
        for digest, answer in self.answers.items():
            if answer.kind == NOTICE:
                newest[digest] = self._index_of(digest)
        for digest, answer in self.answers.items():
            if not _is_on_changes(answer) or answer.notice_digest not in {None, *newest}:
                continue
            at = self._index_of(digest)
            known = [one for one, index in newest.items() if index < at]
            if answer.notice_digest != max(known, key=lambda one: newest[one], default=None):
                raise VerificationFailed(
                    Code.MISMATCH, f"the {answer.kind} is of another notice than the newest"
                )

    def _check_recall(self) -> None:
        """What answers a recall is logged after it; one final answer is given, which only an
        erasure may follow, for good."""
        said = {
            signed.document.digest: RecallAnswer(part.value)
            for signed in self.signed_answers
            if str(signed.verified.claims["kind"]) == _RECALL_ANSWER
            for part in _named(signed, "done")
        }
        self.recall = recalls.read(self.confirmed, str(self.offer.handoff), said)
        answering = [digest for digest, one in self.answers.items() if one.recall is not None]
        start = None if self.recall is None else self.recall.start.index
        if start is not None and any(self._index_of(digest) < start for digest in answering):
            raise VerificationFailed(Code.MISMATCH, "an answer is in the log before its recall")
        given = [done for _, done in self.recall.answered] if self.recall else []
        for number, done in enumerate(given):
            erases = done in (None, RecallAnswer.COPIES_ERASED)
            if number and (not erases or given[number - 1] is RecallAnswer.COPIES_ERASED):
                raise VerificationFailed(Code.MISMATCH, "a recall has two final answers")

    def _index_of(self, digest: str) -> int:
        return next(o.index for o in self.moving if o.event.get("document_sha256") == digest)

    def _has_lapsed(self) -> bool:
        """Whether the case was erased: that ends an open handoff, without a document."""
        return any(one.event["type"] == ERASED for one in self.confirmed)

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
            return VerificationFailed(
                Code.INCOMPLETE,
                f"this file lacks what opened, before entry {one.index}, what {what} of entry "
                f"{start.index} had closed: ask {self._parties()}",
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
                    raise VerificationFailed(
                        Code.MISMATCH, "the answers are not numbered in the order of the log"
                    )
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

    def count_withheld(self) -> str:
        """How many digests have no content here, decoys included."""
        return "; ".join(f"{number} of the {name}" for name, number in self.withheld().items())

    def withheld(self) -> dict[str, int]:
        return {
            "case": sum(one.verified.withheld for one in self.cases),
            "answers": sum(one.verified.withheld for one in self.moved()),
            "events": sum(one.opened.withheld for one in self.confirmed),
        }

    def acts(self) -> list[AuthoredDocument]:
        """The case and the offer of each package, and the answers."""
        packages = [one for link in self.links for one in (link.case, link.offered)]
        return [*packages, *self._said_by_parties()]

    def _said_by_parties(self) -> list[AuthoredDocument]:
        recalled = [] if self.recalled is None else [self.recalled]
        return [*self.signed_answers, *recalled]


def _is_on_changes(answer: AnswerClaims) -> bool:
    """Whether an answer is one to an update, a notice or an announcement."""
    return not ON_CHANGES.isdisjoint(ANSWERS[answer.kind].moves)


def members(value: Any) -> dict[str, Any]:
    """What should be an object; an empty one for anything else."""
    return value if isinstance(value, dict) else {}


def _named(signed: AuthoredDocument, name: str) -> list[DisclosedValue]:
    """What a document says in one of its fields, where that is shown."""
    return [part for part in signed.verified.placed if part.name == name]


def _repeats(repeated: Any, link: Link) -> bool:
    """Whether an acceptance has the conditions of the package that it is about, or stricter."""
    content = sd_jwt.merge_disclosures(link.case.verified)
    try:
        stated = conditions(content, link.offer.purpose, link.offer.transfer_tool)
    except KeyError:
        return False
    return repeats(repeated, stated)


def _require_order(otherwise: str, first: datetime, second: datetime) -> None:
    """Two clocks may differ by some minutes."""
    if first > second + MAX_SKEW:
        raise VerificationFailed(
            Code.MISMATCH, f"{otherwise} ({spell(second)} is before {spell(first)})"
        )


def _time_of(confirmed: VerifiedReceipt) -> datetime:
    return datetime.fromisoformat(confirmed.event["time"])


def _days_of(confirmed: VerifiedReceipt) -> tuple[date, date]:
    """The first and last day that was the reference date of an event."""
    if simulated := confirmed.event.get("simulated_date"):
        return date.fromisoformat(simulated), date.fromisoformat(simulated)
    return mandates.days_of(_time_of(confirmed))


def spell(at: datetime) -> str:
    return at.isoformat().replace("+00:00", "Z")


# --- Handoffs that the gateway re-issued as their mandate moved ---

PLANNED = "succession.planned"


def predecessor_offer(
    bundle: Bundle, offer: OfferClaims, trust: TrustAnchors
) -> AuthoredDocument | None:
    """The originator's own offer to the predecessor; None where the bundle has none.

    Raises VerificationFailed when it differs from the re-issued one in more than its recipient, and
    what `trust.open_document` raises.
    """
    if bundle.predecessor_offer is None:
        return None
    if offer.reissue_of is None:
        raise VerificationFailed(
            Code.MISMATCH, "there is an earlier offer, but the offer replaces none"
        )
    signed = open_document(sd_jwt.parse(bundle.predecessor_offer), OFFER_TYP, trust)
    before = handoff_documents.read_offer(signed.verified)
    _require_same(
        "the earlier offer",
        ("offer", signed.document.digest, offer.reissue_of.offer),
        ("handoff", before.handoff, offer.reissue_of.handoff),
        ("predecessor", before.recipient, offer.reissue_of.predecessor),
        ("competence", before.competence, offer.competence),
        ("originator", before.author, offer.author),
        ("case version", before.case_digest, offer.case_digest),
        ("package_digest", before.disclosures, offer.disclosures),
    )
    return signed


def verify_plan(bundle: Bundle, offer: OfferClaims, trust: TrustAnchors) -> VerifiedReceipt | None:
    """The event that planned the succession, which the offer names; None without its receipt.

    Raises VerificationFailed for another event, and what `trust.confirm_receipt` raises.
    """
    if bundle.succession is None:
        return None
    if offer.reissue_of is None:
        raise VerificationFailed(
            Code.MISMATCH, "there is a succession plan, but no succession re-issued the offer"
        )
    found = confirm_receipt(bundle.succession, trust)
    event = found.event
    _require_same(
        "the plan of the succession",
        ("event", event["id"], str(offer.reissue_of.event)),
        ("kind", (event["type"], event["result"]), (PLANNED, EventResult.ALLOWED)),
    )
    fields = require_subject(found)
    _require_same(
        "the plan of the succession",
        ("predecessor", fields.get("organisation"), offer.reissue_of.predecessor),
        ("successor", fields.get("successor"), offer.recipient),
        ("competence", fields.get("competence"), offer.competence),
    )
    return found


def _require_same(what: str, *pairs: tuple[str, Any, Any]) -> None:
    for name, found, expected in pairs:
        if found != expected:
            raise VerificationFailed(Code.MISMATCH, f"{what} is of another {name}")
