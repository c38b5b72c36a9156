"""The reading of a bundle: every part on its own, then each against the others."""

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

from gateway.domain.answers import ANSWERS
from gateway.domain.audit_event import EventResult
from gateway.domain.handoff import OPEN, HandoffAction
from gateway.evidence import (
    bundle,
    handoff_documents,
    handoff_history,
    key_registration,
    key_revocation,
    reissue_proof,
    sd_jwt,
    seal,
)
from gateway.evidence.bundle import Bundle, BundleError
from gateway.evidence.handoff_documents import (
    ANSWER_TYP,
    CASE_TYP,
    OFFER_TYP,
    AnswerClaims,
    OfferClaims,
)
from gateway.evidence.handoff_history import History
from gateway.evidence.key_registration import KeyRegistration
from gateway.evidence.key_revocation import KeyRevocation
from gateway.evidence.receipt import VerifiedReceipt
from gateway.evidence.report import Code, VerificationFailed, pluralise
from gateway.evidence.sd_jwt import DocumentError, SdJwt
from gateway.evidence.trust import (
    AuthoredDocument,
    TrustAnchors,
    attestation_note,
    confirm_receipt,
    open_document,
    read_unverified_claims,
)

_SUBMITTED = "case.submitted"
_OFFERED = "handoff.offered"
_CONSULTED = "case.consulted"
_ERASED = "case.erased"
_MOVING = frozenset({_OFFERED, *handoff_history.MOVES_OF_EVENTS})


class BundleVerification:
    """One handoff as a bundle tells it; a method for each step, to be called in their order.

    Each step returns what it found and raises a ValueError when it finds something wrong.
    """

    bundle: Bundle
    documents: tuple[SdJwt, ...]
    case: AuthoredDocument
    offered: AuthoredDocument
    offer: OfferClaims
    before: AuthoredDocument | None
    """The offer that this one follows, where a succession re-issued it and the file has it."""
    signed_answers: tuple[AuthoredDocument, ...]
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
    absent: Sequence[str]
    course: History

    def __init__(self, data: bytes, trust: TrustAnchors) -> None:
        """``data`` is the file; nothing is read yet."""
        self._data, self._trust = data, trust

    def steps(self) -> list[tuple[str, Callable[[], str]]]:
        """The titled steps, in their order."""
        return [
            ("The file is a bundle of documents and receipts of ours", self.read),
            ("The case version has a good signature", self.check_case),
            ("The offer has a good signature", self.check_offer),
            ("The offer is for this case version, by its originator", self.compare_offer),
            ("The offer names every part of the case that is shown", self.compare_shown),
            ("Every answer has a good signature", self.check_answers),
            ("Every answer binds this handoff, case, offer and package", self.compare_answers),
            ("Every receipt proves that one log holds its event", self.confirm_receipts),
            ("Every receipt belongs to this handoff", self.place_receipts),
            ("The offer and every answer are in the log", self.account_documents),
            ("It is said where each member's own key came from", self.trace_keys),
            ("The order of events is lawful", self.follow_course),
            ("What is not shown is counted", self.count_withheld),
        ]

    def read(self) -> str:
        """The file, its documents and their types."""
        self.bundle = bundle.parse(self._data)
        texts = (self.bundle.case, self.bundle.offer, *self.bundle.answers)
        types = (CASE_TYP, OFFER_TYP, *(ANSWER_TYP for _ in self.bundle.answers))
        self.documents = tuple(sd_jwt.parse(text) for text in texts)
        for document, typ in zip(self.documents, types, strict=True):
            if read_unverified_claims(document).header.get("typ") != typ:
                raise DocumentError(f"a document stands where one of type {typ} belongs")
        if len({document.digest for document in self.documents}) != len(self.documents):
            raise BundleError("a document occurs twice")
        answers, receipts = len(self.bundle.answers), len(self.bundle.receipts)
        return f"{pluralise(answers, 'answer')}, {pluralise(receipts, 'receipt')}"

    def check_case(self) -> str:
        """The case version's signature, by its originator or for it."""
        self.case = open_document(self.documents[0], CASE_TYP, self._trust)
        return self.case.signature()

    def check_offer(self) -> str:
        """The offer's signature and claims."""
        self.offered = open_document(self.documents[1], OFFER_TYP, self._trust)
        self.offer = handoff_documents.read_offer(self.offered.verified)
        return self.offered.signature()

    def compare_offer(self) -> str:
        """The offer binds the case version at hand, and its author is the case's."""
        if self.offer.case_digest != self.case.document.digest:
            raise VerificationFailed(Code.MISMATCH, "the offer is for another case version")
        if self.offer.author != self.case.author:
            raise VerificationFailed(
                Code.MISMATCH, "the offer is not by the originator of the case"
            )
        self.before = reissue_proof.earlier(self.bundle, self.offer, self._trust)
        told = f"offered by {self.offer.author} to {self._recipient()}"
        return f"{told}; {self._came()}" if self.offer.succeeds else told

    def _recipient(self) -> str:
        if self.offer.competence is None:
            return self.offer.recipient
        return (
            f"{self.offer.recipient} (the office competent for {self.offer.competence} "
            f"by registration event {self.offer.mandate_event})"
        )

    def compare_shown(self) -> str:
        """Nothing of the case is shown that the offer does not name."""
        shown = self.case.verified.placed
        beyond = [p.name for p in shown if p.digest not in self.offer.disclosures]
        if beyond:
            raise VerificationFailed(
                Code.MISMATCH, f"shown, but not named by the offer: {', '.join(beyond)}"
            )
        sealed = seal.told(seal.shown(self.case.verified))
        told = f"{len(shown)} of {pluralise(len(self.offer.disclosures), 'part')} shown"
        return f"{told}; {sealed}" if sealed else told

    def check_answers(self) -> str:
        """The answers' signatures and claims."""
        self.signed_answers = tuple(
            open_document(document, ANSWER_TYP, self._trust) for document in self.documents[2:]
        )
        read = [handoff_documents.read_answer(signed.verified) for signed in self.signed_answers]
        self.answers = {d.digest: a for d, a in zip(self.documents[2:], read, strict=True)}
        pairs = zip(read, self.signed_answers, strict=True)
        return "; ".join(f"{answer.kind} {signed.signature()}" for answer, signed in pairs)

    def compare_answers(self) -> str:
        """Each answer is about this offer, and by the party that may give it."""
        for answer in self.answers.values():
            self._compare_answer(answer)
        return pluralise(len(self.answers), "answer")

    def _compare_answer(self, answer: AnswerClaims) -> None:
        party = ANSWERS[answer.kind].party(self.offer.author, self.offer.recipient)
        bonds = (
            ("handoff", answer.handoff, self.offer.handoff),
            ("case version", answer.case_digest, self.offer.case_digest),
            ("offer", answer.offer_digest, self.offered.document.digest),
            ("package", answer.package, self.offer.package),
            ("party", answer.author, party),
        )
        for name, bound, expected in bonds:
            if bound != expected:
                raise VerificationFailed(Code.MISMATCH, f"the {answer.kind} is of another {name}")

    def confirm_receipts(self) -> str:
        """All receipts are proofs of one log, and of one history of it."""
        found = [confirm_receipt(one, self._trust) for one in self.bundle.receipts]
        self.plan = reissue_proof.plan(self.bundle, self.offer, self._trust)
        origins = {one.checkpoint.origin for one in found}
        if len(origins) > 1:
            raise VerificationFailed(Code.MISMATCH, "the receipts are of several logs")
        roots: dict[int, bytes] = {}
        if self.plan is not None and self.plan.checkpoint.origin in origins:
            roots[self.plan.checkpoint.size] = self.plan.checkpoint.root
        entries: dict[int, VerifiedReceipt] = {}
        for one in found:
            root = roots.setdefault(one.checkpoint.size, one.checkpoint.root)
            same = entries.setdefault(one.index, one)
            if root != one.checkpoint.root or same.event != one.event:
                raise VerificationFailed(
                    Code.NOT_IN_LOG,
                    "the log has signed two histories; keep this file, it is the proof",
                )
        self.confirmed = [entries[index] for index in sorted(entries)]
        return "; ".join(f"{one.event['typ']} is entry {one.index}" for one in self.confirmed)

    def place_receipts(self) -> str:
        """Each event is of this handoff or case, and says the same as the document it records.

        Events that record a document which is not in the bundle are remembered as absent.
        """
        answers = {digest: ANSWERS[a.kind].event for digest, a in self.answers.items()}
        self.recorded = {self.offered.document.digest: _OFFERED, **answers}
        for one in self.confirmed:
            self._place(one.event)
        self.moving = [
            one
            for one in self.confirmed
            if one.event["typ"] in _MOVING
            and one.event["result"] == EventResult.ALLOWED
            and one.event.get("handoff") == str(self.offer.handoff)
        ]
        self.absent = [
            f"the document behind {one.event['typ']}, entry {one.index}"
            for one in self.moving
            if one.event.get("document_sha256") not in self.recorded
        ]
        shown = handoff_documents.package_digest(
            placed.digest for placed in self.case.verified.placed
        )
        consulted = [
            f"the presentation is what entry {one.index} opened"
            for one in self.confirmed
            if one.event["typ"] == _CONSULTED and one.event.get("package") == shown
        ]
        return "; ".join([*consulted, *(f"not in this file: {what}" for what in self.absent)])

    def _place(self, fields: Mapping[str, Any]) -> None:
        typ = fields["typ"]
        own = {"handoff": str(self.offer.handoff), "case_digest": self.offer.case_digest}
        if not own.keys() & fields.keys():
            raise VerificationFailed(Code.MISMATCH, f"{typ} names neither handoff nor case")
        for name, value in own.items():
            if fields.get(name, value) != value:
                raise VerificationFailed(Code.MISMATCH, f"{typ} is of another {name}")
        expected = self.recorded.get(fields.get("document_sha256", ""))
        if expected is None:
            if typ == _OFFERED and fields["result"] == EventResult.ALLOWED:
                raise VerificationFailed(Code.MISMATCH, f"{typ} records another offer")
        elif typ != expected:
            raise VerificationFailed(Code.MISMATCH, f"{typ} records a document of another kind")
        elif fields.get("package", self.offer.package) != self.offer.package:
            raise VerificationFailed(Code.MISMATCH, f"{typ} is of another package")

    def account_documents(self) -> str:
        """The offer and each answer are recorded, each by one event."""
        logged = [one.event.get("document_sha256") for one in self.moving]
        for digest, typ in self.recorded.items():
            if digest not in logged:
                raise VerificationFailed(
                    Code.NOT_IN_LOG, f"no receipt shows {typ} for a document here"
                )
            if logged.count(digest) > 1:
                raise VerificationFailed(Code.MISMATCH, f"two events record one document as {typ}")
        return pluralise(len(self.recorded), "document")

    def trace_keys(self) -> str:
        """The registrations of the keys that signed: in one history with the rest, and before it.

        Likewise their revocations, which come after it. What only a key file vouches for is said,
        and no failure: whose file it is, its user knows.
        """
        documents = self._documents()
        registered = (*self.bundle.registrations, *self._trust.registrations)
        revoked = (*self.bundle.revocations, *self._trust.revocations)
        self.origins = key_registration.origins(documents, registered, self._trust)
        self.revoked = key_revocation.revocations(documents, revoked, self._trust)
        for one in self.origins:
            if self._is_here(one.confirmed) and self._first_use(one) <= one.confirmed.index:
                raise VerificationFailed(Code.MISMATCH, "a key was registered after it was used")
        for other in self.revoked:
            if self._is_here(other.confirmed) and self._last_use(other) >= other.confirmed.index:
                raise VerificationFailed(Code.MISMATCH, "a key was used after it was revoked")
        ends = key_revocation.told(documents, self.revoked)
        return "; ".join(filter(None, [key_registration.told(documents, self.origins), ends]))

    def _is_here(self, event: VerifiedReceipt) -> bool:
        """Whether the event is of the log of this handoff; Failed when it is of another history."""
        checkpoint = event.checkpoint
        known = {(one.checkpoint.origin, one.checkpoint.size): one for one in self.confirmed}
        other = known.get((checkpoint.origin, checkpoint.size))
        if other is not None and other.checkpoint.root != checkpoint.root:
            raise VerificationFailed(
                Code.NOT_IN_LOG, "the log has signed two histories; keep this file"
            )
        return checkpoint.origin == self._log()

    def _documents(self) -> list[AuthoredDocument]:
        before = [] if self.before is None else [self.before]
        return [self.case, self.offered, *self.signed_answers, *before]

    def _log(self) -> str:
        return self.confirmed[0].checkpoint.origin

    def _first_use(self, one: KeyRegistration) -> int:
        """The first place in the log that names a document which the key signed."""
        digests = {s.document.digest for s in self._documents() if s.kid == one.kid}
        named = ("document_sha256", "case_digest")
        used = (c.index for c in self.confirmed if digests.intersection(map(c.event.get, named)))
        return next(used, one.confirmed.index + 1)

    def _last_use(self, one: KeyRevocation) -> int:
        """The last place at which a document that the key signed is shown to have come; or -1."""
        signed = filter(one.of, self._documents())
        return max((at for s in signed if (at := self._place_of(s)) is not None), default=-1)

    def _place_of(self, signed: AuthoredDocument) -> int | None:
        """Where a document came into the log, where that is shown.

        Of a case version only its own event says so: it may be offered, and read, much later.
        """
        digest = signed.document.digest
        places = (
            c.index
            for c in self.confirmed
            if c.event.get("document_sha256") == digest
            or (c.event["typ"] == _SUBMITTED and c.event.get("case_digest") == digest)
        )
        return next(places, None)

    def _unplaced(self) -> list[KeyRevocation]:
        """Those after which a document of the key may have come into the log."""
        return [
            one
            for one in self.revoked
            if not all(
                self._came_before(s, one.confirmed) for s in filter(one.of, self._documents())
            )
        ]

    def _came_before(self, signed: AuthoredDocument, end: VerifiedReceipt) -> bool:
        """Whether an entry before the end of its key names a document."""
        digest, named = signed.document.digest, ("document_sha256", "case_digest")
        return end.checkpoint.origin == self._log() and any(
            c.index < end.index and digest in map(c.event.get, named) for c in self.confirmed
        )

    def follow_course(self) -> str:
        """The events can follow each other in the log's order."""
        offered, *moves = (one.event for one in self.moving)
        if offered["typ"] != _OFFERED:
            raise VerificationFailed(Code.MISMATCH, f"{offered['typ']} is logged before the offer")
        self.course = handoff_history.replay([self._moves(fields) for fields in moves])
        return f"the handoff stood {self._states()} at entry {self._last()}"

    def _last(self) -> int:
        """The place in the log of the last event that is shown of the handoff's course."""
        return self.moving[-1].index

    def _moves(self, fields: Mapping[str, Any]) -> Collection[HandoffAction]:
        answer = self.answers.get(fields.get("document_sha256", ""))
        if answer is not None and answer.groups is not None:
            return {ANSWERS[answer.kind].move({"groups": answer.groups})}
        return handoff_history.MOVES_OF_EVENTS[fields["typ"]]

    def _states(self) -> str:
        return " or ".join(sorted(self.course.states))

    def count_withheld(self) -> str:
        """How many digests have no content here, decoys included."""
        statements = (self.offered, *self.signed_answers)
        return (
            "digests without content here, padding included: "
            f"{self.case.verified.withheld} of the case, "
            f"{sum(signed.verified.withheld for signed in statements)} of the statements, "
            f"{sum(one.opened.withheld for one in self.confirmed)} of the events"
        )

    def conclude(self) -> str:
        """What all of it proves, and what is missing."""
        missing = self._missing()
        log = self._log()
        return (
            f"Verified{', but not complete' if missing else ''}: {self.offer.author} offered "
            f"the case to {self._recipient()}; after {pluralise(len(self.answers), 'answer')} shown "
            f"the handoff stood {self._states()} at entry {self._last()}; all that is shown is in "
            f"the log {log}.{self._came_sentence()}{missing}{self._sealed()}{self._later()}"
            f"{self._erased()}{attestation_note(self._documents())}"
            f"{key_registration.missing_registration_note(self._documents(), self.origins)}"
            f"{self._revoked()}{self._simulated()}"
        )

    def _revoked(self) -> str:
        unshown = key_revocation.missing_revocation_note(self._documents(), self.revoked)
        return f"{unshown}{key_revocation.undated_revocation_note(self.revoked, self._unplaced())}"

    def _came(self) -> str:
        return reissue_proof.told(self.offer, self.before, self.plan)

    def _came_sentence(self) -> str:
        told = self._came()
        return f" {told[0].upper()}{told[1:]}." if told else ""

    def _missing(self) -> str:
        gaps = pluralise(self.course.gaps, "move") + " that must lie between the events"
        missing = [*self.absent, *([gaps] if self.course.gaps else [])]
        return f" Missing here: {'; '.join(missing)}." if missing else ""

    def _sealed(self) -> str:
        told = seal.told(seal.shown(self.case.verified))
        return f" Of the parts of the case, {told}." if told else ""

    def _later(self) -> str:
        """A party may keep back the end of the story, and nothing in the file would miss it."""
        if self.course.states.isdisjoint(OPEN):
            return ""
        return " What came later, a withdrawal too, this file need not show: ask the other party."

    def _erased(self) -> str:
        ends = [one.index for one in self.confirmed if one.event["typ"] == _ERASED]
        return f" The gateway erased its copy of the case by entry {ends[0]}." if ends else ""

    def _simulated(self) -> str:
        events = [one.event for one in self.confirmed]
        dates = {e["simulated_date"] for e in events if "simulated_date" in e}
        if not dates:
            return ""
        return f" The legal date was set for a demonstration: {', '.join(sorted(dates))}."
