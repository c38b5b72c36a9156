"""What the log says of the documents of a bundle: its receipts, held against them."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property

from gateway.domain.answers import ANSWERS
from gateway.domain.handoff import HandoffAction
from gateway.domain.json_values import format_timestamp
from gateway.evidence import event, handoff_documents
from gateway.evidence.bundle import Bundle
from gateway.evidence.case_events import VERSIONS
from gateway.evidence.handoff_documents import read_time
from gateway.evidence.handoff_moves import CONSULTED, MOVING, SENT, TYPES
from gateway.evidence.receipt import VerifiedReceipt
from gateway.text.numbers import pluralise
from gateway.verification import chain, confirmations, history, key_history, mandates, recalls
from gateway.verification.chain import require_order, require_same
from gateway.verification.documents import Documents
from gateway.verification.history import LogHistory, SignedTree
from gateway.verification.key_history import KeyStatus
from gateway.verification.report import Fact, Incomplete, Mismatch
from gateway.verification.steps import Checks, NotShown, step
from gateway.verification.trust import (
    AuthoredDocument,
    TrustAnchors,
    confirm_receipt,
    of_known,
    require_subject,
)

OFFERED, _UPDATED = TYPES[None], TYPES[HandoffAction.UPDATE]
ERASED, _RECALLING = "case.erased", "case.recalled"
MOVES_OF_EVENTS = {
    typ: frozenset(move for move, told in TYPES.items() if told == typ and move is not None)
    for typ in MOVING - {OFFERED}
}
"""The moves that an event records; whether an acceptance was partial may be withheld."""


@dataclass(frozen=True)
class Receipts:
    """The events of a handoff in the log of ``gateway``: ``confirmed`` in the order of the log, one
    for each entry, and ``moving`` those that offered or moved it. ``recorded`` has the type of the
    event that records each document, by its digest; ``plan`` is the event that planned the
    succession. ``numbered``: each move is to show its number.
    """

    documents: Documents
    gateway: str
    given: Sequence[VerifiedReceipt]
    confirmed: Sequence[VerifiedReceipt]
    plan: VerifiedReceipt | None = None
    numbered: bool = False

    @property
    def log(self) -> str:
        """The name of the log."""
        return self.confirmed[0].checkpoint.origin

    @property
    def decides(self) -> bool:
        """Tell whether the order of this log is that of the handoff: it is the recipient's."""
        return self.gateway == self.documents.gateways[0]

    @cached_property
    def recorded(self) -> Mapping[str, str]:
        """Return what is to record each document of the file."""
        known = self.documents
        updates = {one.digest: one.offer.updates for one in known.links}
        offers = {name: _UPDATED if earlier else OFFERED for name, earlier in updates.items()}
        answers = {name: ANSWERS[one.claims.kind].event for name, one in known.answers.items()}
        recalled = known.recalled
        return offers | answers | ({recalled.document.digest: recalls.RECALLED} if recalled else {})

    @cached_property
    def moving(self) -> Sequence[VerifiedReceipt]:
        """In the order of the log."""
        handoff = str(self.documents.offer.handoff)
        allowed = (one for one in self.confirmed if one.allowed and one.type in MOVING)
        return [one for one in allowed if one.event.get("handoff") == handoff]

    @cached_property
    def absent(self) -> Sequence[VerifiedReceipt]:
        """The moves whose document is not in the file."""
        return [one for one in self.moving if one.document not in self.recorded]

    def moves_of(self, one: VerifiedReceipt) -> Collection[HandoffAction]:
        """Return which moves an event may record, as far as its document is in the file."""
        answer = self.documents.answers.get(one.document)
        if answer is not None and answer.claims.groups is not None:
            return {ANSWERS[answer.claims.kind].move({"groups": answer.claims.groups})}
        return MOVES_OF_EVENTS[one.type]

    def record_of(self, signed: AuthoredDocument) -> VerifiedReceipt:
        """The event that records the offer or an answer."""
        return self.recording(signed.document.digest)

    def recording(self, digest: str) -> VerifiedReceipt:
        """Likewise, by the digest of the document."""
        return next(one for one in (*self.moving, *self.sent) if one.document == digest)

    @cached_property
    def sent(self) -> Sequence[VerifiedReceipt]:
        """The events by which the originator sent something to the gateway that decides."""
        return [one for one in self.confirmed if one.allowed and one.type == SENT]

    def has(self, signed: AuthoredDocument) -> bool:
        """Tell whether an event records a document."""
        digest = signed.document.digest
        return any(one.document == digest for one in (*self.moving, *self.sent))

    def of(self, signed: AuthoredDocument) -> bool:
        """Tell whether the author of a document is a member here."""
        return signed.gateway == self.gateway

    def numbers_of(self, one: VerifiedReceipt, signed: AuthoredDocument) -> list[int]:
        """The number of an event in the stream of an author, whose name another gateway makes of
        its id, if that is shown."""
        found = [
            party["stream_number"]
            for party in one.details(event.PARTY)
            if party["organisation"].partition("@")[0] == signed.id
            and ("@" in party["organisation"]) is not self.of(signed)
        ]
        return found if len(found) == 1 else []

    def place_of(self, signed: AuthoredDocument) -> int | None:
        """Where a document came into the log, where that is shown.

        Of a case version only its own event says so: it may be offered, and read, much later.
        """
        digest = signed.document.digest
        places = (
            one.index
            for one in self.confirmed
            if one.document == digest
            or (one.type in VERSIONS and one.event.get("case_digest") == digest)
        )
        return next(places, None)

    def is_here(self, one: VerifiedReceipt) -> bool:
        """Tell whether an event is of this log."""
        return one.checkpoint.origin == self.log

    def is_of_this_presentation(self, one: VerifiedReceipt) -> bool:
        """Tell whether an event is the consultation that showed what the file shows."""
        shown = (placed.digest for placed in self.documents.case.verified.placed)
        package = handoff_documents.package_digest(shown)
        opened = (one.event.get("case_digest"), one.event.get("package_digest"))
        return one.type == CONSULTED and opened == (self.documents.offer.case_digest, package)


@dataclass(frozen=True)
class Histories:
    """What the file, and the verifier, have of the logs.

    ``statuses`` are what the gateway signed of keys; ``here`` all receipts of this file, and
    ``joined`` the checkpoints that others confirmed; ``unjoined`` how many checkpoints of a log it
    has, where they are not shown to be of one history.
    """

    known: LogHistory
    statuses: Sequence[KeyStatus]
    here: Sequence[VerifiedReceipt]
    joined: Sequence[SignedTree] = ()
    unjoined: Mapping[str, int] = field(default_factory=dict)

    def facts(self, logs: Iterable[str], parties: str) -> Iterable[Fact]:
        """Return of which logs the file shows one history; ``parties`` may have what it lacks."""
        for unjoined in self.unjoined.values():
            yield Fact("unjoined", {"number": unjoined, "parties": parties})
        for log in logs:
            checkpoints = len(self.known.sizes(log))
            if checkpoints > 1:
                key = "one_history" if self.known.is_shown(log) else "one_history.unproved"
                yield Fact(key, {"log": log, "number": checkpoints})


@step("Every receipt proves that the same log contains its event")
def confirm(
    bundle: Bundle, documents: Documents, trust: TrustAnchors
) -> tuple[tuple[Receipts, ...], str]:
    """Of a log that is trusted for the gateway of the offer; of a handoff between two gateways of
    one log of each, that of the gateway which decides first."""
    found = [confirm_receipt(one, trust) for one in bundle.receipts]
    plan = _confirm_plan(bundle, documents, trust)
    of: dict[str, list[VerifiedReceipt]] = {}
    for one in found:
        of.setdefault(one.checkpoint.origin, []).append(one)
    if len(of) > len(documents.gateways):
        raise Mismatch("the receipts are of several logs")
    logged = []
    for gateway in documents.gateways:
        mine = [origin for origin in of if origin in trust.of_gateway(gateway).origins]
        if len(mine) > 1:
            raise Mismatch("the receipts are of several logs")
        given = of.pop(mine[0]) if mine else []
        entries = {one.index: one for one in reversed(given)}
        confirmed = [entries[index] for index in sorted(entries)]
        logged.append(Receipts(documents, gateway, given, confirmed, plan, bundle.numbered))
    if of:
        raise Mismatch("the receipts are of the log of another gateway than the offer")
    if len(logged) > 1 and not logged[0].confirmed:
        raise Incomplete(
            f"this file lacks the receipts of {logged[0].gateway}, whose log has the order: ask "
            f"{documents.offer.recipient}"
        )
    told = (f"{one.type} is entry {one.index}" for log in logged for one in log.confirmed)
    return tuple(one for one in logged if one.confirmed or one.decides), "; ".join(told)


def _confirm_plan(
    bundle: Bundle, documents: Documents, trust: TrustAnchors
) -> VerifiedReceipt | None:
    reissue, offer = documents.links[0].offer.reissue_of, documents.offer
    if bundle.succession is None or not documents.starts_here:
        return None
    if reissue is None:
        raise Mismatch("there is a succession plan, but no succession re-issued the offer")
    found = confirm_receipt(bundle.succession, trust)
    what, named = "the plan of the succession", found.event["id"]
    kind = (found.type, found.allowed)
    require_same(
        what, ("event", named, str(reissue.event)), ("kind", kind, (mandates.PLANNED, True))
    )
    fields = require_subject(found)
    require_same(
        what,
        ("predecessor", fields.get("organisation"), reissue.predecessor),
        ("successor", fields.get("successor"), offer.recipient),
        ("competence", fields.get("competence"), offer.competence),
    )
    return found


@step("The log has one history")
def compare_histories(
    bundle: Bundle, logged: Sequence[Receipts], trust: TrustAnchors, known: LogHistory
) -> tuple[Histories, str]:
    """In this file, and with all that the verifier has.

    Checkpoints of this file that are not shown to be of one history are no proof of one course of
    events: its maker may have taken them from two.
    """
    mandate = [] if bundle.mandate is None else [bundle.mandate]
    others = [*bundle.registrations, *bundle.revocations, *bundle.locks, *mandate]
    others += (*bundle.mandate_ends, *bundle.own_keys)
    mine = (*trust.registrations, *trust.revocations, *trust.locks)
    plan = [] if logged[0].plan is None else [logged[0].plan]
    given = [one for log in logged for one in log.given]
    here = [*given, *plan, *of_known(confirm_receipt, others, trust)]
    known.add(map(history.of_receipt, [*here, *of_known(confirm_receipt, mine, trust)]))
    statuses = [
        *(key_history.read_status(text, trust) for text in bundle.key_statuses),
        *of_known(key_history.read_status, trust.key_statuses, trust),
    ]
    known.add(one.tree for one in statuses)
    known.add_events(here)
    joined = [*confirmations.joined(bundle.confirmed, here, trust)]
    known.add(joined)
    if not given:
        return Histories(known, statuses, ()), ""
    unjoined, told, shown = dict[str, int](), list[str](), True
    for log in logged:
        sizes = sorted({one.checkpoint.size for one in here if log.is_here(one)})
        if not known.is_one(log.log, sizes):
            unjoined[log.log] = len(sizes)
        is_shown = known.is_shown(log.log)
        shown = shown and is_shown
        said = "shown" if is_shown else "not shown, nor contradicted"
        told.append(f"{pluralise(len(known.sizes(log.log)), 'checkpoint')}, {said}")
    line = "; ".join(told)
    found = Histories(known, statuses, here, joined, unjoined)
    return found, line if shown and not unjoined else NotShown(line)


@step("Every receipt belongs to this handoff")
def match(receipts: Receipts) -> tuple[None, str]:
    """Each event is of this handoff or case, and says the same as the document it records."""
    documents, recorded = receipts.documents, receipts.recorded
    complete = not documents.missing_offers and not any(
        one.type == _UPDATED and one.allowed and one.document not in recorded
        for one in receipts.confirmed
    )
    packages = {
        **{link.digest: link.offer.package_digest for link in documents.links},
        **{digest: one.claims.package_digest for digest, one in documents.answers.items()},
    }
    for one in receipts.confirmed:
        _match(one, receipts, packages, complete)
    consulted = [
        f"entry {one.index} records the consultation of this presentation"
        for one in receipts.confirmed
        if receipts.is_of_this_presentation(one)
    ]
    absent = (f"{one.type}, entry {one.index}" for one in receipts.absent)
    return None, "; ".join([*consulted, *(f"not in this file: document of {a}" for a in absent)])


def _match(
    one: VerifiedReceipt, receipts: Receipts, packages: Mapping[str, str], complete: bool
) -> None:
    documents, digest = receipts.documents, one.document
    handoff, case = one.event.get("handoff"), one.event.get("case_digest")
    if handoff is None and case is None:
        raise Mismatch(f"{one.type} names neither handoff nor case")
    if handoff not in (None, str(documents.offer.handoff)):
        raise Mismatch(f"{one.type} is of another handoff")
    # What is about a package that is not in the file names its version, and the handoff.
    if case not in {None, *documents.by_case} and (complete or handoff is None):
        raise Incomplete(
            f"this file lacks the case version that {one.type} is about: ask {documents.parties}"
        )
    expected = receipts.recorded.get(digest)
    if expected is None:
        if one.type == OFFERED and one.allowed and documents.starts_here:
            raise Mismatch(f"{one.type} records another offer")
    elif (one.type, expected) == (_RECALLING, recalls.RECALLED) and _is_by_author(one, receipts):
        return  # the decision, which is one for all of a case's handoffs
    elif one.type not in (expected, SENT):
        raise Mismatch(f"{one.type} records a document of another kind")
    elif not receipts.decides and (digest not in packages or one.type == SENT):
        return  # it tells of the package that the handoff had
    elif one.event.get("package_digest", packages.get(digest, "")) != packages.get(digest, ""):
        raise Mismatch(f"{one.type} is of another package")


def _is_by_author(one: VerifiedReceipt, receipts: Receipts) -> bool:
    """Tell whether an event is an act done in the log of who recalled."""
    recalled = receipts.documents.recalled
    return one.allowed and recalled is not None and receipts.of(recalled)


@step("The log records the offer and every answer")
def require_logged(receipts: Receipts) -> tuple[None, str]:
    """Each by one event; where another gateway decides, those that members here signed."""
    logged = [one.document for one in receipts.moving]
    sent = {one.document for one in receipts.sent}
    foreign = {o.document.digest for o in receipts.documents.moved if not receipts.of(o)}
    for digest, typ in receipts.recorded.items():
        if not receipts.decides and digest not in logged and digest in foreign | sent:
            continue
        if digest not in logged:
            parties = receipts.documents.parties
            raise Incomplete(
                f"this file lacks the receipt of {typ} for a document of it: ask {parties}"
            )
        if logged.count(digest) > 1:
            raise Mismatch(f"two events record one document as {typ}")
    return None, pluralise(len(receipts.recorded), "document")


@step("The times are possible")
def check_times(receipts: Receipts) -> tuple[datetime, str]:
    """Nothing is signed before what it is about, after it was recorded, or too late."""
    documents = receipts.documents
    chain.check_times(documents.links, [*documents.answers.values()])
    for given in documents.answers.values():
        link = documents.by_offer.get(given.claims.offer_digest)
        claims = {} if link is None else link.offered.verified.claims
        if "expires_at" in claims and ANSWERS[given.claims.kind].accepts and receipts.decides:
            recorded = receipts.record_of(given.signed).time
            expiry = read_time(claims, "expires_at")
            require_order("the offer was accepted after it ended", recorded, expiry)
    for one in filter(receipts.has, documents.moved):
        recorded = receipts.record_of(one).time
        require_order("a document is newer than its record", chain.signed_at(one), recorded)
    offered = chain.signed_at(documents.links[0].offered)
    return offered, f"offered {format_timestamp(offered)}"


ROWS = (confirm, compare_histories, match, require_logged, check_times)


def verify(
    checks: Checks, bundle: Bundle, documents: Documents, trust: TrustAnchors, known: LogHistory
) -> tuple[tuple[Receipts, ...], Histories]:
    """Take these steps, each with what the ones before it found."""
    logged = checks(confirm, bundle, documents, trust)
    histories = checks(compare_histories, bundle, logged, trust, known)
    for row in (match, require_logged, check_times):
        checks.each(row, logged)
    return logged, histories
