"""By what right the parties of a bundle acted: mandate, keys, and whose signature they allowed."""

from collections.abc import Sequence
from datetime import date

from gateway.evidence import key_history, key_status, mandates
from gateway.evidence.bundle_receipts import BundleReceipts
from gateway.evidence.key_history import KeyRegistration, KeyRevocation
from gateway.evidence.mandates import MandateEnd, RegisteredMandate
from gateway.evidence.receipt import VerifiedReceipt
from gateway.evidence.report import Mismatch, pluralise
from gateway.evidence.trust import AuthoredDocument, confirm_receipt


class BundleAuthority(BundleReceipts):
    """The mandate, the keys and the requirements to sign; a method for each step."""

    origins: Sequence[KeyRegistration]
    revoked: Sequence[KeyRevocation]
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
            moved, offered = mandates.read(self.plan), self.signed_at(self.before)
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
        key_status.require_consistent(self.statuses, self.revoked)
        return key_history.describe(documents, self.origins, self.revoked, self.unrevoked())

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
        digest = signed.document.digest
        return end.checkpoint.origin == self.log() and any(
            c.index < end.index and digest in _named_by(c) for c in self.confirmed
        )


def _named_by(confirmed: VerifiedReceipt) -> set[str | None]:
    """The digests of the documents that an event names."""
    return {confirmed.event.get("document_sha256"), confirmed.event.get("case_digest")}


def _days_of(confirmed: VerifiedReceipt) -> tuple[date, date]:
    """The first and last day that was the reference date of an event."""
    if simulated := confirmed.event.get("simulated_date"):
        return date.fromisoformat(simulated), date.fromisoformat(simulated)
    return mandates.days_of(confirmed.time)
