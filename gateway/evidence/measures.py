"""Measures as the log shows them: what a suspension or a mark closed, and what went through.

Of an embargo a bundle does not show whom it binds, since that is not for everyone to know; it is
reported beside the offers that came meanwhile.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from gateway.domain.audit_event import EventResult
from gateway.domain.measure import MeasureKind
from gateway.evidence.receipt import VerifiedReceipt

SET = frozenset({"case.embargoed", "case.restricted"})
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


def read(confirmed: Sequence[VerifiedReceipt]) -> list[LoggedMeasure]:
    """The measures whose events are shown, in the order of the log; one that says nothing of its
    kind is none."""
    allowed = [one for one in confirmed if one.event["result"] == EventResult.ALLOWED]
    return [found for one in allowed if one.event["type"] in SET for found in _read(one, allowed)]


def _read(start: VerifiedReceipt, events: Iterable[VerifiedReceipt]) -> Iterable[LoggedMeasure]:
    said = start.subject()
    name, elements, until, before = map(said.get, ("measure", "elements", "until", "before"))
    if said.get("kind") not in [*MeasureKind]:
        return
    ends = (
        one
        for one in events
        if one.event["type"] == _ENDED and one.subject().get("measure") == name
    )
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
    ends = (one for one in confirmed if one.event["type"] == _ENDED)
    return any(measure.start.index < one.index and not one.subject() for one in ends)


def reason_code(consulted: VerifiedReceipt) -> str | None:
    """The code of the reason of a consultation; None where it is not shown."""
    texts = consulted.details("reason_code")
    return str(texts[0]) if texts else None
