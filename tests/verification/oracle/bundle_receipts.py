"""What the log says of the documents of a bundle: its receipts, held against them."""

from collections.abc import Mapping, Sequence

from gateway.domain.answers import ANSWERS
from gateway.domain.handoff import HandoffAction
from gateway.domain.json_values import format_timestamp
from gateway.evidence import handoff_documents
from gateway.evidence.handoff_documents import read_time
from gateway.evidence.receipt import VerifiedReceipt
from tests.verification.oracle import chain, history, key_history, mandates, recalls
from tests.verification.oracle.bundle import BundleDocuments
from tests.verification.oracle.chain import require_order, require_same
from tests.verification.oracle.key_history import KeyStatus
from tests.verification.oracle.report import Incomplete, Mismatch, pluralise
from tests.verification.oracle.trust import (
    AuthoredDocument,
    confirm_receipt,
    of_known,
    require_subject,
)

_SUBMITTED = frozenset({"case.submitted", "case.revised"})
OFFERED = "handoff.offered"
CONSULTED = "case.consulted"
ERASED = "case.erased"
_UPDATED = "handoff.updated"
MOVES_OF_EVENTS = {
    **{kind.event: frozenset(kind.moves) for kind in ANSWERS.values()},
    _UPDATED: frozenset({HandoffAction.UPDATE}),
    recalls.RECALLED: frozenset({HandoffAction.RECALL}),
}
"""The moves that an event records; whether an acceptance was partial may be withheld."""

_MOVING = frozenset({OFFERED, *MOVES_OF_EVENTS})


class BundleReceipts(BundleDocuments):
    """The receipts of a bundle; a method for each step."""

    plan: VerifiedReceipt | None = None
    """The event that planned the succession, where the file has it."""
    receipts: list[VerifiedReceipt]
    """All that the file brings of trusted logs."""
    confirmed: Sequence[VerifiedReceipt]
    """Those of the handoff, in the order of the log, one for each entry."""
    moving: Sequence[VerifiedReceipt]
    """Those that offered or moved this handoff."""
    recorded: Mapping[str, str]
    """The type of the event that records each document, by the document's digest."""
    statuses: Sequence[KeyStatus]
    """What the gateway signed of keys, in this file and in the verifier's key files."""

    def confirm_receipts(self) -> str:
        """All receipts are proofs of one log: one that is trusted for the gateway of the offer."""
        found = [confirm_receipt(one, self._trust) for one in self.bundle.receipts]
        self.plan = self._confirm_plan()
        origins = {one.checkpoint.origin for one in found}
        if len(origins) > 1:
            raise Mismatch("the receipts are of several logs")
        if not origins <= set(self._trust.of_gateway(self.offered.gateway).origins):
            raise Mismatch("the receipts are of the log of another gateway than the offer")
        self.receipts = found
        entries = {one.index: one for one in reversed(found)}
        self.confirmed = [entries[index] for index in sorted(entries)]
        return "; ".join(f"{one.type} is entry {one.index}" for one in self.confirmed)

    def _confirm_plan(self) -> VerifiedReceipt | None:
        """The event that planned the succession, which the offer names; None without its receipt.

        VerificationFailed for another event.
        """
        reissue = self.links[0].offer.reissue_of
        if self.bundle.succession is None or not self.starts_here():
            return None
        if reissue is None:
            raise Mismatch("there is a succession plan, but no succession re-issued the offer")
        found = confirm_receipt(self.bundle.succession, self._trust)
        require_same(
            "the plan of the succession",
            ("event", found.event["id"], str(reissue.event)),
            ("kind", (found.type, found.allowed), (mandates.PLANNED, True)),
        )
        fields = require_subject(found)
        require_same(
            "the plan of the succession",
            ("predecessor", fields.get("organisation"), reissue.predecessor),
            ("successor", fields.get("successor"), self.offer.recipient),
            ("competence", fields.get("competence"), self.offer.competence),
        )
        return found

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
        self.receipts += [*planned, *of_known(confirm_receipt, others, self._trust)]
        found = [*self.receipts, *of_known(confirm_receipt, mine, self._trust)]
        self.log_history.add(history.of_receipt(one) for one in found)
        self.statuses = [
            *(key_history.read_status(text, self._trust) for text in self.bundle.key_statuses),
            *of_known(key_history.read_status, self._trust.key_statuses, self._trust),
        ]
        self.log_history.add(one.tree for one in self.statuses)
        if not self.confirmed:
            return ""
        shown = "shown" if self.log_history.is_shown(self.log()) else "not shown, nor contradicted"
        return f"{pluralise(len(self.log_history.sizes(self.log())), 'checkpoint')}, {shown}"

    def match_receipts(self) -> str:
        """Each event is of this handoff or case, and says the same as the document it records.

        Events that record a document which is not in the bundle are counted as absent.
        """
        answers = {digest: ANSWERS[a.claims.kind].event for digest, a in self.answers.items()}
        offers = {
            link.digest: OFFERED if link.offer.updates is None else _UPDATED for link in self.links
        }
        recall = {} if self.recalled is None else {self.recalled.document.digest: recalls.RECALLED}
        self.recorded = {**offers, **answers, **recall}
        self._packages = {
            **{link.digest: link.offer.package_digest for link in self.links},
            **{digest: one.claims.package_digest for digest, one in self.answers.items()},
            **dict.fromkeys(recall, ""),
        }
        self._complete = not self.missing_offers() and not any(
            one.type == _UPDATED and one.allowed and one.document not in self.recorded
            for one in self.confirmed
        )
        for one in self.confirmed:
            self._match(one)
        self.moving = [
            one
            for one in self.confirmed
            if one.type in _MOVING
            and one.allowed
            and one.event.get("handoff") == str(self.offer.handoff)
        ]
        consulted = [
            f"entry {one.index} records the consultation of this presentation"
            for one in self.confirmed
            if self.is_of_this_presentation(one)
        ]
        absent = (f"{one.type}, entry {one.index}" for one in self.absent())
        return "; ".join([*consulted, *(f"not in this file: document of {one}" for one in absent)])

    def absent(self) -> list[VerifiedReceipt]:
        """The moves whose document is not in the file."""
        return [one for one in self.moving if one.document not in self.recorded]

    def is_of_this_presentation(self, one: VerifiedReceipt) -> bool:
        """Whether an event is the consultation that showed what the file shows."""
        shown = (placed.digest for placed in self.case.verified.placed)
        package = handoff_documents.package_digest(shown)
        opened = (one.event.get("case_digest"), one.event.get("package_digest"))
        return one.type == CONSULTED and opened == (self.offer.case_digest, package)

    def _match(self, one: VerifiedReceipt) -> None:
        typ, digest = one.type, one.document
        handoff, case = one.event.get("handoff"), one.event.get("case_digest")
        if handoff is None and case is None:
            raise Mismatch(f"{typ} names neither handoff nor case")
        if handoff not in (None, str(self.offer.handoff)):
            raise Mismatch(f"{typ} is of another handoff")
        # What is about a package that is not in the file names its version, and the handoff.
        known = {None, *(link.offer.case_digest for link in self.links)}
        if case not in known and (self._complete or handoff is None):
            raise Incomplete(
                f"this file lacks the case version that {typ} is about: ask {self._parties()}"
            )
        expected = self.recorded.get(digest)
        if expected is None:
            if typ == OFFERED and one.allowed and self.starts_here():
                raise Mismatch(f"{typ} records another offer")
        elif typ != expected:
            raise Mismatch(f"{typ} records a document of another kind")
        elif one.event.get("package_digest", self._packages[digest]) != self._packages[digest]:
            raise Mismatch(f"{typ} is of another package")

    def check_documents_logged(self) -> str:
        """The offer and each answer are recorded, each by one event."""
        logged = [one.document for one in self.moving]
        for digest, typ in self.recorded.items():
            if digest not in logged:
                raise Incomplete(
                    f"this file lacks the receipt of {typ} for a document of it: ask "
                    f"{self._parties()}"
                )
            if logged.count(digest) > 1:
                raise Mismatch(f"two events record one document as {typ}")
        return pluralise(len(self.recorded), "document")

    def check_times(self) -> str:
        """Nothing is signed before what it is about, after it was recorded, or too late."""
        chain.check_times(self.links, [*self.answers.values()])
        for given in self.answers.values():
            link = self._link_of.get(given.claims.offer_digest)
            claims = {} if link is None else link.offered.verified.claims
            if "expires_at" in claims and ANSWERS[given.claims.kind].accepts:
                expiry = read_time(claims, "expires_at")
                recorded = self.record_of(given.signed).time
                require_order("the offer was accepted after it ended", recorded, expiry)
        for one in self.moved():
            recorded = self.record_of(one).time
            require_order("a document is newer than its record", chain.signed_at(one), recorded)
        return f"offered {format_timestamp(chain.signed_at(self.links[0].offered))}"

    def moved(self) -> list[AuthoredDocument]:
        """The offers, the answers and the recall: each is recorded by an event."""
        return [*(link.offered for link in self.links), *self._said_by_parties()]

    def record_of(self, signed: AuthoredDocument) -> VerifiedReceipt:
        """The event that records the offer or an answer."""
        return self.recording(signed.document.digest)

    def recording(self, digest: str) -> VerifiedReceipt:
        """Likewise, by the digest of the document."""
        return next(one for one in self.moving if one.document == digest)

    def place_of(self, signed: AuthoredDocument) -> int | None:
        """Where a document came into the log, where that is shown.

        Of a case version only its own event says so: it may be offered, and read, much later.
        """
        digest = signed.document.digest
        places = (
            c.index
            for c in self.confirmed
            if c.document == digest
            or (c.type in _SUBMITTED and c.event.get("case_digest") == digest)
        )
        return next(places, None)

    def log(self) -> str:
        """The name of the log that the receipts are of."""
        return self.confirmed[0].checkpoint.origin

    def _is_here(self, event: VerifiedReceipt) -> bool:
        """Whether the event is of the log of this handoff."""
        return event.checkpoint.origin == self.log()
