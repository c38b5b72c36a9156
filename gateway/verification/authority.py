"""By what right the parties acted: mandate, keys, and whose signature they allowed."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date

from gateway.evidence.bundle import Bundle
from gateway.evidence.handoff_documents import OfferClaims
from gateway.evidence.receipt import VerifiedReceipt
from gateway.text.numbers import pluralise
from gateway.verification import approvals, chain, gateway_keys, key_history, mandates
from gateway.verification.key_history import KeyHistory, KeyRegistration, KeyRevocation
from gateway.verification.mandates import MandateEnd, RegisteredMandate
from gateway.verification.receipts import Histories, Receipts
from gateway.verification.report import Fact, Mismatch
from gateway.verification.sources import Source
from gateway.verification.steps import Checks, NotShown, step
from gateway.verification.trust import AuthoredDocument, TrustAnchors, confirm_receipt


@dataclass(frozen=True)
class ShownMandate:
    """What registered the recipient's mandate, and what ended it, as far as the file has that.

    ``decided``, and what stands beside each end, are the administrators, two at least, who are
    shown to have approved it.
    """

    registered: RegisteredMandate | None = None
    ends: Sequence[tuple[MandateEnd, frozenset[str]]] = ()
    decided: frozenset[str] = frozenset()

    def facts(self, offer: OfferClaims, entry: int) -> Iterable[Fact]:
        """Return what the file shows of the mandate that an offer, at an entry, addressed."""
        if offer.competence is None:
            return
        if self.registered is None:
            values = {"organisation": offer.recipient, "competence": offer.competence}
            yield Fact("mandate.unproved", {**values, "event": offer.mandate_event})
            return
        yield self.registered.fact(self.decided)
        yield from (one.fact(entry, by) for one, by in self.ends)
        if not self.ends:
            yield Fact("mandate.ended")


@dataclass(frozen=True)
class SuccessionDecision:
    """Who decided the succession by which the offer came to its recipient: the administrators, two
    at least, who are shown to have approved the plan; and whether both organisations are
    (``agreed``), with keys of which the verifier knows that they are theirs."""

    administrators: frozenset[str] = frozenset()
    agreed: bool = False

    @property
    def is_shown(self) -> bool:
        """Tell whether others than the operator decided it."""
        return self.agreed or bool(self.administrators)


@dataclass(frozen=True)
class Rights:
    """All of it."""

    mandate: ShownMandate
    keys: KeyHistory


@step("The recipient was registered for the mandate")
def check_mandate(
    bundle: Bundle, receipts: Receipts, trust: TrustAnchors
) -> tuple[ShownMandate, str]:
    """Find what registered the mandate that the offer addressed: same holder, mandate and day.

    The plan of a succession shows also when the mandate ended for the predecessor, for offers made
    after it was planned: one of the same day that came first was good.
    """
    documents = receipts.documents
    offer, plan, before = documents.offer, receipts.plan, documents.before
    if plan is not None and before is not None:
        moved, offered = mandates.read(plan), chain.signed_at(before)
        known = not plan.event.get("simulated_date") and plan.time <= offered
        if known and moved.start <= mandates.days_of(offered)[0]:
            predecessor = str(plan.subject()["organisation"])
            raise mandates.ended(predecessor, moved.competence, moved.start)
    if offer.competence is None:
        return ShownMandate(), "the offer addresses an organisation"
    if bundle.mandate is None:
        missing = f"not proved: no receipt of event {offer.mandate_event} is in this file"
        return ShownMandate(), NotShown(missing)
    if not documents.starts_here:
        return ShownMandate(), NotShown("not proved: the first offer is not in this file")
    confirmed = confirm_receipt(bundle.mandate, trust)
    record = receipts.record_of(documents.links[0].offered)
    if not receipts.is_here(confirmed) or confirmed.index >= record.index:
        raise Mismatch("the mandate was not registered before the offer, in the same log")
    first, last = _days_of(record)
    found = mandates.check(confirmed, offer, first, last)
    shown = (confirm_receipt(one, trust) for one in bundle.mandate_ends)
    ends = [mandates.read_end(one) for one in shown if receipts.is_here(one)]
    ends = [one for one in ends if one.of(found)]
    for one in ends:
        if one.confirmed.index < record.index and one.day <= first:
            raise mandates.ended(one.organisation, one.competence, one.day)
    here = receipts.gateway
    ended = [(one, approvals.deciding(one.confirmed, here, trust)) for one in ends]
    decided = approvals.deciding(confirmed, here, trust)
    return ShownMandate(found, ended, decided), found.describe()


@step("Origin of each member's key")
def trace_keys(
    bundle: Bundle, logged: Sequence[Receipts], histories: Histories, trust: TrustAnchors
) -> tuple[KeyHistory, str]:
    """The registrations of the keys that signed: in one history with the rest, and before it.

    Likewise their revocations, which come after it. A key that only a key file confirms is reported
    and is not a failure: the user knows where that file came from.
    """
    documents = logged[0].documents.authored
    registered = (*bundle.registrations, *trust.registrations)
    origins = key_history.registrations(documents, registered, trust)
    revoked = key_history.revocations(documents, (*bundle.revocations, *trust.revocations), trust)
    for log in logged:
        for one in origins:
            if log.is_here(one.confirmed) and _first_use(one, log) <= one.confirmed.index:
                raise Mismatch("a key was registered after it was used")
        for other in revoked:
            if log.is_here(other.confirmed) and _last_use(other, log) >= other.confirmed.index:
                raise Mismatch("a key was used after it was revoked")
    key_history.require_consistent(histories.statuses, revoked)
    undated = [
        one
        for one in revoked
        if not all(
            any(_came_before(s, one.confirmed, log) for log in logged)
            for s in filter(one.of, documents)
        )
    ]
    unrevoked = {name for log in logged for name in _unrevoked(log, histories)}
    own = list[Fact]()
    for log in logged:
        moved = (s for s in log.documents.moved if s.attested and log.of(s) and log.has(s))
        attested = {one.kid: log.record_of(one).index for one in moved}
        own += gateway_keys.facts(bundle.own_keys, attested, log.log, trust)
    keys = KeyHistory(documents, origins, revoked, undated, unrevoked, own)
    return keys, keys.describe()


def _unrevoked(log: Receipts, histories: Histories) -> Iterable[tuple[str, str]]:
    """The keys of which a gateway signed, beyond all entries of its log, that they were not
    revoked."""
    last = log.confirmed[-1].index
    for one in histories.statuses:
        if one.size > last and (one.gateway, one.log) == (log.gateway, log.log):
            yield from ((s.author, s.kid) for s in filter(one.of, log.documents.authored))


@step("No attested document breaks a requirement to sign")
def check_requirements(
    bundle: Bundle, logged: Sequence[Receipts], trust: TrustAnchors
) -> tuple[None, str]:
    """No document is attested for a member that, at that entry, signed everything itself."""
    documents = logged[0].documents
    required = key_history.signing_requirements((*bundle.locks, *trust.locks), trust)
    for log in logged:
        for one in filter(log.of, documents.moved):
            if one.attested and not documents.is_gateways_own(one) and log.has(one):
                key_history.require_own_signature(required, one, log.record_of(one))
    return None, f"{pluralise(len(required), 'requirement')} to sign, or its end, shown"


@step("Administrators, or both organisations, decided the succession")
def check_succession(
    receipts: Receipts, keys: KeyHistory, trust: TrustAnchors
) -> tuple[SuccessionDecision, str]:
    """Require that what organisations signed is the plan of the log, where the file has that."""
    documents, plan = receipts.documents, receipts.plan
    if documents.links[0].offer.reissue_of is None:
        return SuccessionDecision(), "the offer replaces none"
    subject = {} if plan is None else plan.subject()
    for one in documents.approvals:
        claims = one.verified.claims
        for name in subject.keys() & {"effective_on", "read_until", "legal_act"}:
            said = (name, claims.get(name), subject[name])
            chain.require_same("the approval of the succession", said)
    signed = {one.author for one in documents.approvals if keys.source(one) is Source.PARTY}
    by = approvals.deciding(plan, receipts.gateway, trust)
    found = SuccessionDecision(by, len(signed) > 1)
    told = f"{pluralise(len(by), 'administrator')}, {pluralise(len(signed), 'organisation')}"
    return found, told if found.is_shown else NotShown(told)


ROWS = (check_mandate, trace_keys, check_requirements)


def verify(
    checks: Checks,
    bundle: Bundle,
    logged: Sequence[Receipts],
    histories: Histories,
    trust: TrustAnchors,
) -> Rights:
    """Take these steps, each with what the ones before it found; the mandate is of the log of the
    gateway that decides."""
    mandate = checks(check_mandate, bundle, logged[0], trust)
    keys = checks(trace_keys, bundle, logged, histories, trust)
    checks(check_requirements, bundle, logged, trust)
    return Rights(mandate, keys)


def _first_use(one: KeyRegistration, receipts: Receipts) -> int:
    """The first place in the log that names a document which the key signed."""
    digests = {s.document.digest for s in receipts.documents.authored if s.kid == one.kid}
    used = (c.index for c in receipts.confirmed if digests & _named_by(c))
    return next(used, one.confirmed.index + 1)


def _last_use(one: KeyRevocation, receipts: Receipts) -> int:
    """The last place at which a document that the key signed is shown to have come; or -1."""
    signed = filter(one.of, receipts.documents.authored)
    return max((at for s in signed if (at := receipts.place_of(s)) is not None), default=-1)


def _came_before(signed: AuthoredDocument, end: VerifiedReceipt, receipts: Receipts) -> bool:
    """Tell whether an entry before the end of its key names a document."""
    digest = signed.document.digest
    return receipts.is_here(end) and any(
        c.index < end.index and digest in _named_by(c) for c in receipts.confirmed
    )


def _named_by(confirmed: VerifiedReceipt) -> set[str | None]:
    """The digests of the documents that an event names."""
    return {confirmed.document, confirmed.event.get("case_digest")}


def _days_of(confirmed: VerifiedReceipt) -> tuple[date, date]:
    """The first and last day that was the reference date of an event."""
    if simulated := confirmed.event.get("simulated_date"):
        return date.fromisoformat(simulated), date.fromisoformat(simulated)
    return mandates.days_of(confirmed.time)
