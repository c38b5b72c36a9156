"""Whether the logs of two gateways tell the same of a handoff between them.

The recipient's gateway decides, and its log has the order. The originator's follows: each event by
which it does names the event that it repeats, and so does each by which the first took in what the
originator sent. One log may go further than the other, and a file may lack a part of either: that
convicts nobody. Two records that exclude each other do, and both receipts together prove it.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Any

from gateway.evidence.handoff_moves import MOVING, SENT
from gateway.evidence.receipt import VerifiedReceipt
from gateway.text.numbers import pluralise
from gateway.verification import history
from gateway.verification.receipts import OFFERED, Receipts
from gateway.verification.report import Fact, VerificationFailed
from gateway.verification.steps import NotShown, step

ORIGINAL = "peer_event"
"""The detail that names the event of another gateway which an event repeats: its log, its id."""

_SAME = ("handoff", "document_sha256", "case_digest", "package_digest")
"""What both events say, as far as they have it."""


@step("Both logs tell the same")
def compare(logged: Sequence[Receipts]) -> tuple[list[Fact], str]:
    """Each event that repeats one of the other log says the same, in the same order, and no two
    repeat one."""
    if len(logged) == 1:
        documents = logged[0].documents
        missing = {"gateway": documents.gateways[1], "organisation": documents.offer.author}
        told = f"no receipt of {documents.gateways[1]} is in this file"
        return [Fact("both_logs.missing", missing)], NotShown(told)
    both = _Both(*logged)
    for one, other in ((both.deciding, both.following), (both.following, both.deciding)):
        for event in one.confirmed:
            both.check(event, other)
    both.check_order()
    facts = [*both.gaps()]
    told = f"{pluralise(len(both.repeated), 'move')} in both"
    about = {"log": both.deciding.log, "following": both.following.log}
    if not facts:
        facts = [Fact("both_logs", {**about, "number": len(both.repeated)})]
        return facts, told
    return facts, NotShown(told)


@dataclass(frozen=True)
class _Both:
    deciding: Receipts
    following: Receipts

    @cached_property
    def decided(self) -> Mapping[str, VerifiedReceipt]:
        """The moves of the handoff by their documents, in the order of the log that decides."""
        return {one.document: one for one in self.deciding.moving}

    @cached_property
    def repeated(self) -> Sequence[tuple[VerifiedReceipt, VerifiedReceipt]]:
        """Each move that both logs have, as they record it."""
        moving = self.following.moving
        return [(self.decided[o.document], o) for o in moving if o.document in self.decided]

    def check(self, one: VerifiedReceipt, other: Receipts) -> None:
        """Hold an event against the one of the other log that it names, or that records the same
        document."""
        named = _original(one)
        for event in other.confirmed:
            known = named is not None and named[1] == event.event["id"]
            same = bool(one.document) and one.document == event.document
            if known and _differ(one, event):
                raise _contradiction(one, event)
            if named and named[0] == other.log and not known and same and _begins(event, other):
                raise history.contradiction(
                    f"entry {one.index} of the log {one.checkpoint.origin} says that it repeats "
                    f"another entry than {event.index} of the log {event.checkpoint.origin}, which "
                    "records the same document",
                    one,
                    event,
                )

    def check_order(self) -> None:
        """The moves of the one that follows are numbered as those of the one that decides, and in
        its order."""
        for decided, followed in self.repeated:
            numbers = decided.details("sequence"), followed.details("sequence")
            if _differ(followed, decided) or (all(numbers) and numbers[0] != numbers[1]):
                raise _contradiction(followed, decided)
        for (first, before), (second, after) in pairwise(self.repeated):
            if first.index > second.index:
                raise history.contradiction(
                    f"the log {self.following.log} repeats entry {second.index} of the log "
                    f"{self.deciding.log} after entry {first.index}",
                    first,
                    second,
                    before,
                    after,
                )

    def gaps(self) -> Iterator[Fact]:
        """Return what this file lacks of either log."""
        documents, log = self.deciding.documents, self.following.log
        recipient, originator = documents.offer.recipient, documents.offer.author
        for one in self.following.moving:
            values = {"type": one.type, "entry": one.index, "other_log": log}
            if one.document not in self.decided:
                yield Fact("followed.unshown", {**values, "organisation": recipient})
            elif one.type != OFFERED and not _repeats(one, self.deciding):
                yield Fact("followed.unnamed", {**values, "organisation": originator})
        sent = {one.document.digest for one in documents.moved if self.following.of(one)}
        for one in self.deciding.moving:
            if one.document in sent and not _repeats(one, self.following):
                values = {"type": one.type, "entry": one.index, "organisation": recipient}
                yield Fact("followed.unnamed", values)
        last = max((one.index for one, _ in self.repeated), default=-1)
        shown = {one.document for one, _ in self.repeated}
        lacking = [o for o in self.deciding.moving if o.index < last and o.document not in shown]
        if lacking:
            values = {"number": len(lacking), "log": log, "organisation": originator}
            yield Fact("followed.lacking", values)


def _original(one: VerifiedReceipt) -> tuple[str, str] | None:
    """The log and the id of the event that an event repeats, where it shows that."""
    match one.details(ORIGINAL):
        case ([str(log), str(event)],):
            return log, event
    return None


def _repeats(one: VerifiedReceipt, other: Receipts) -> bool:
    """Tell whether an event shows which one of the other log it repeats."""
    named = _original(one)
    return named is not None and named[0] == other.log


def _begins(one: VerifiedReceipt, log: Receipts) -> bool:
    """Tell whether an event is an act that the other log repeats, and not what repeats one; each
    has one such event for a document."""
    return one.allowed and one.type in (MOVING if log.decides else (SENT, OFFERED))


def _differ(one: VerifiedReceipt, other: VerifiedReceipt) -> bool:
    """Tell whether two events that are one act say something else of it."""
    kinds = {event.type for event in (one, other) if event.type in MOVING}
    said: Iterable[tuple[Any, Any]] = ((one.event.get(n), other.event.get(n)) for n in _SAME)
    return len(kinds) > 1 or any(None not in pair and pair[0] != pair[1] for pair in said)


def _contradiction(one: VerifiedReceipt, other: VerifiedReceipt) -> VerificationFailed:
    return history.contradiction(
        f"entry {one.index} of the log {one.checkpoint.origin} and entry {other.index} of the log "
        f"{other.checkpoint.origin} tell one act in two ways",
        one,
        other,
    )
