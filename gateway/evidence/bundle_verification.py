"""Verify an evidence bundle: each document and receipt, then all of them against each other."""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from gateway.domain.answers import ANSWERS, MOVES
from gateway.domain.audit_event import EventResult
from gateway.domain.handoff import OPEN, HandoffAction, HandoffState
from gateway.evidence import bundle, canonical, handoff_documents, key_history, sd_jwt, seal
from gateway.evidence.bundle import Bundle, BundleError
from gateway.evidence.handoff_documents import (
    ANSWER_TYP,
    CASE_TYP,
    OFFER_TYP,
    AnswerClaims,
    OfferClaims,
)
from gateway.evidence.key_history import KeyRegistration, KeyRevocation
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

MOVES_OF_EVENTS = {kind.event: frozenset(kind.moves) for kind in ANSWERS.values()}
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


_SUBMITTED = "case.submitted"
_OFFERED = "handoff.offered"
_CONSULTED = "case.consulted"
_ERASED = "case.erased"
_MOVING = frozenset({_OFFERED, *MOVES_OF_EVENTS})


class BundleVerification:
    """One handoff as a bundle shows it; a method for each step, to be called in order.

    Each step returns its detail and raises a ValueError when it fails.
    """

    bundle: Bundle
    documents: tuple[SdJwt, ...]
    case: AuthoredDocument
    offered: AuthoredDocument
    offer: OfferClaims
    before: AuthoredDocument | None
    """The offer that a succession replaced, where the file has it."""
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
            ("Every receipt belongs to this handoff", self.match_receipts),
            ("The log records the offer and every answer", self.check_documents_logged),
            ("Origin of each member's key", self.trace_keys),
            ("The events follow each other in a possible order", self.check_event_order),
            ("Undisclosed elements are counted", self.count_withheld),
        ]

    def read(self) -> str:
        """The file, its documents and their types."""
        self.bundle = bundle.parse(self._data)
        texts = (self.bundle.case, self.bundle.offer, *self.bundle.answers)
        types = (CASE_TYP, OFFER_TYP, *(ANSWER_TYP for _ in self.bundle.answers))
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
        self.case = open_document(self.documents[0], CASE_TYP, self._trust)
        return self.case.signature()

    def check_offer(self) -> str:
        """The offer's signature and claims."""
        self.offered = open_document(self.documents[1], OFFER_TYP, self._trust)
        self.offer = handoff_documents.read_offer(self.offered.verified)
        return self.offered.signature()

    def compare_offer(self) -> str:
        """The offer names this case version, and both have the same author."""
        if self.offer.case_digest != self.case.document.digest:
            raise VerificationFailed(Code.MISMATCH, "the offer is for another case version")
        if self.offer.author != self.case.author:
            raise VerificationFailed(
                Code.MISMATCH, "the originator of the case did not make the offer"
            )
        self.before = predecessor_offer(self.bundle, self.offer, self._trust)
        offered = f"offered by {self.offer.author} to {self._recipient()}"
        return f"{offered}; {self._reissue()}" if self.offer.reissue_of else offered

    def _recipient(self) -> str:
        if self.offer.competence is None:
            return self.offer.recipient
        return (
            f"{self.offer.recipient} (competent for {self.offer.competence} by event "
            f"{self.offer.mandate_event})"
        )

    def compare_shown(self) -> str:
        """Every element that is shown is one that the offer names."""
        shown = self.case.verified.placed
        beyond = [p.name for p in shown if p.digest not in self.offer.disclosures]
        if beyond:
            raise VerificationFailed(
                Code.MISMATCH, f"shown, but not covered by the offer: {', '.join(beyond)}"
            )
        sealed = seal.describe(seal.shown(self.case.verified))
        counted = f"{len(shown)} of {pluralise(len(self.offer.disclosures), 'element')} shown"
        return f"{counted}; {sealed}" if sealed else counted

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
            party = ANSWERS[answer.kind].party(self.offer.author, self.offer.recipient)
            _require_same(
                f"the {answer.kind}",
                ("handoff", answer.handoff, self.offer.handoff),
                ("case version", answer.case_digest, self.offer.case_digest),
                ("offer", answer.offer_digest, self.offered.document.digest),
                ("package_digest", answer.package_digest, self.offer.package_digest),
                ("party", answer.author, party),
            )
        return pluralise(len(self.answers), "answer")

    def confirm_receipts(self) -> str:
        """All receipts are proofs of one log, and of one history of it."""
        found = [confirm_receipt(one, self._trust) for one in self.bundle.receipts]
        self.plan = verify_plan(self.bundle, self.offer, self._trust)
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
                    "the log signed two different histories; keep this file: it proves it",
                )
        self.confirmed = [entries[index] for index in sorted(entries)]
        return "; ".join(f"{one.event['type']} is entry {one.index}" for one in self.confirmed)

    def match_receipts(self) -> str:
        """Each event is of this handoff or case, and says the same as the document it records.

        Events that record a document which is not in the bundle are counted as absent.
        """
        answers = {digest: ANSWERS[a.kind].event for digest, a in self.answers.items()}
        self.recorded = {self.offered.document.digest: _OFFERED, **answers}
        for one in self.confirmed:
            self._match(one.event)
        self.moving = [
            one
            for one in self.confirmed
            if one.event["type"] in _MOVING
            and one.event["result"] == EventResult.ALLOWED
            and one.event.get("handoff") == str(self.offer.handoff)
        ]
        self.absent = [
            f"the document of {one.event['type']}, entry {one.index}"
            for one in self.moving
            if one.event.get("document_sha256") not in self.recorded
        ]
        shown = handoff_documents.package_digest(
            placed.digest for placed in self.case.verified.placed
        )
        consulted = [
            f"entry {one.index} records the consultation of this presentation"
            for one in self.confirmed
            if one.event["type"] == _CONSULTED and one.event.get("package_digest") == shown
        ]
        return "; ".join([*consulted, *(f"not in this file: {one}" for one in self.absent)])

    def _match(self, fields: Mapping[str, Any]) -> None:
        typ = fields["type"]
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
        elif fields.get("package_digest", self.offer.package_digest) != self.offer.package_digest:
            raise VerificationFailed(Code.MISMATCH, f"{typ} is of another package")

    def check_documents_logged(self) -> str:
        """The offer and each answer are recorded, each by one event."""
        logged = [one.event.get("document_sha256") for one in self.moving]
        for digest, typ in self.recorded.items():
            if digest not in logged:
                raise VerificationFailed(
                    Code.NOT_IN_LOG, f"no receipt proves {typ} for a document in this file"
                )
            if logged.count(digest) > 1:
                raise VerificationFailed(Code.MISMATCH, f"two events record one document as {typ}")
        return pluralise(len(self.recorded), "document")

    def trace_keys(self) -> str:
        """The registrations of the keys that signed: in one history with the rest, and before it.

        Likewise their revocations, which come after it. A key that only a key file confirms is
        reported and is not a failure: the user knows where that file came from.
        """
        documents = self._documents()
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
        return key_history.describe(documents, self.origins, self.revoked)

    def _is_here(self, event: VerifiedReceipt) -> bool:
        """Whether the event is of the log of this handoff; Failed when it is of another history."""
        checkpoint = event.checkpoint
        known = {(one.checkpoint.origin, one.checkpoint.size): one for one in self.confirmed}
        other = known.get((checkpoint.origin, checkpoint.size))
        if other is not None and other.checkpoint.root != checkpoint.root:
            raise VerificationFailed(
                Code.NOT_IN_LOG,
                "the log signed two different histories; keep this file: it proves it",
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
            or (c.event["type"] == _SUBMITTED and c.event.get("case_digest") == digest)
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

    def check_event_order(self) -> str:
        """The events can follow each other in the log's order."""
        offered, *moves = (one.event for one in self.moving)
        if offered["type"] != _OFFERED:
            raise VerificationFailed(
                Code.MISMATCH, f"{offered['type']} is in the log before the offer"
            )
        self.course = replay([self._moves(fields) for fields in moves])
        return self._state()

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
        signed = (self.offered, *self.signed_answers)
        return (
            "digests without content in this file, padding included: "
            f"{self.case.verified.withheld} of the case, "
            f"{sum(one.verified.withheld for one in signed)} of the offer and answers, "
            f"{sum(one.opened.withheld for one in self.confirmed)} of the events"
        )

    def conclude(self) -> str:
        """What the file proves, and what it does not show: whole sentences."""
        missing = self._missing()
        documents, sealed = self._documents(), seal.describe(seal.shown(self.case.verified))
        erased = [one.index for one in self.confirmed if one.event["type"] == _ERASED]
        events = [one.event for one in self.confirmed]
        dates = sorted({str(e["simulated_date"]) for e in events if "simulated_date" in e})
        return " ".join(
            filter(
                None,
                [
                    f"VERIFIED{', INCOMPLETE' if missing else ''}: {self.offer.author} offered the "
                    f"case to {self._recipient()}.",
                    f"After {pluralise(len(self.answers), 'answer')} shown, {self._state()}.",
                    f"The log {self._log()} contains all of them.",
                    _sentence(self._reissue()),
                    f"Not in this file: {'; '.join(missing)}." if missing else "",
                    _sentence(sealed),
                    # A party may leave out the latest documents, and the rest still verifies.
                    ""
                    if self.course.states.isdisjoint(OPEN)
                    else "This file may not show later events, such as a withdrawal. Ask the "
                    "other party.",
                    f"The gateway erased its copy of the case by entry {erased[0]}."
                    if erased
                    else "",
                    attestation_note(documents),
                    key_history.notes(documents, self.origins, self.revoked, self._unplaced()),
                    f"The reference date was simulated ({', '.join(dates)}): this is not "
                    "evidence of a real exchange."
                    if dates
                    else "",
                ],
            )
        )

    def _reissue(self) -> str:
        return describe_reissue(self.offer, self.before, self.plan)

    def _missing(self) -> list[str]:
        gaps = f"{pluralise(self.course.gaps, 'move')} between the events shown"
        return [*self.absent, *([gaps] if self.course.gaps else [])]


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
    event, fields = found.event, _plan_fields(found)
    _require_same(
        "the plan of the succession",
        ("event", event["id"], str(offer.reissue_of.event)),
        ("kind", (event["type"], event["result"]), (PLANNED, EventResult.ALLOWED)),
        ("predecessor", fields.get("organisation"), offer.reissue_of.predecessor),
        ("successor", fields.get("successor"), offer.recipient),
        ("competence", fields.get("competence"), offer.competence),
    )
    return found


def describe_reissue(
    offer: OfferClaims, before: AuthoredDocument | None, planned: VerifiedReceipt | None
) -> str:
    """Why the gateway re-issued the handoff, and what proves it; empty if it did not."""
    reissue_of = offer.reissue_of
    if reissue_of is None:
        return ""
    entry = ""
    if planned is not None:
        act = _plan_fields(planned).get("legal_act")
        entry = f" ({act}; entry {planned.index} of the log {planned.checkpoint.origin})"
    original = (
        f"the original offer, {before.signature()}, has the same terms"
        if before is not None
        else "the original offer is not in this file"
    )
    return (
        f"the gateway re-issued handoff {reissue_of.handoff} because the mandate moved from "
        f"{reissue_of.predecessor} to {offer.recipient} by event {offer.mandate_event}, planned by "
        f"event {reissue_of.event}{entry}; {original}"
    )


def _require_same(what: str, *pairs: tuple[str, Any, Any]) -> None:
    for name, found, expected in pairs:
        if found != expected:
            raise VerificationFailed(Code.MISMATCH, f"{what} is of another {name}")


def _sentence(clause: str) -> str:
    return f"{clause[0].upper()}{clause[1:]}." if clause else ""


def _plan_fields(planned: VerifiedReceipt) -> Mapping[str, Any]:
    """The fields of a plan; none where they are not disclosed."""
    texts = [value for kind, value in planned.opened.shown if kind == "subject"]
    fields = canonical.decode(texts[0].encode()) if texts and isinstance(texts[0], str) else {}
    return fields if isinstance(fields, dict) else {}
