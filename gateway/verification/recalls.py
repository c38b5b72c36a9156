"""A recall as the log shows it: what it closed to its holder, what went through, who answered it.

It is read from the event, which says code and case to both parties, so that a file without the
recall's document is held against it too. Of which regime the holder is, no bundle shows.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from gateway.domain.consultation import IMMINENT_DANGER, RECALL_REVIEW, RETENTION
from gateway.domain.handoff import HandoffAction, RecallAnswer, RecallCode
from gateway.evidence.handoff_moves import TYPES
from gateway.evidence.receipt import VerifiedReceipt

RECALLED, ANSWERED = TYPES[HandoffAction.RECALL], TYPES[HandoffAction.ANSWER_RECALL]

LOOKS = frozenset({RECALL_REVIEW, IMMINENT_DANGER})
"""The reason codes of who looks into a recalled case before its final answer."""

LOOKS_FOR = frozenset({"investigate", "prosecute", "identify_victim", "protect_child"})
"""The purposes for which a law enforcement authority may."""

ASTRAY = frozenset({RecallCode.MISDIRECTED, RecallCode.AUTHORITY_ORDER})
"""Recalls after which only proceedings open a case."""


@dataclass(frozen=True)
class LoggedRecall:
    """The recall of a handoff, by its event; ``code`` is None where that is not shown.

    ``answered`` has the entry of each final answer, and what it says where a document shows it.
    """

    start: VerifiedReceipt
    code: RecallCode | None
    answered: Sequence[tuple[int, RecallAnswer | None]]

    def closes(self, one: VerifiedReceipt, reason: str | None, purpose: Collection[str]) -> bool:
        """Tell whether a consultation after it was closed, as far as the file shows.

        ``reason`` is its code, None where that is not shown.
        """
        if one.index < self.start.index:
            return False
        given = [done for index, done in self.answered if index < one.index]
        if not given:
            looks = reason in (None, *LOOKS) and not LOOKS_FOR.isdisjoint(purpose)
            return not looks or self.code in ASTRAY
        done = given[-1]
        if done is RecallAnswer.COPIES_ERASED:
            return True
        if done is RecallAnswer.IN_PROCEEDINGS or (done is None and reason == "in_proceedings"):
            # The holder's copy opens as a retention; that the case was erased, it may not show.
            return reason not in (None, "in_proceedings", RETENTION)
        return reason not in (None, RETENTION) or (done is not None and self.code in ASTRAY)


def read(
    confirmed: Iterable[VerifiedReceipt], handoff: str, said: Mapping[str, RecallAnswer]
) -> LoggedRecall | None:
    """The recall of a handoff whose event is shown; ``said`` has final answers by their digest."""
    allowed = [one for one in confirmed if one.allowed and one.event.get("handoff") == handoff]
    start = next((one for one in allowed if one.type == RECALLED), None)
    if start is None:
        return None
    code = start.subject().get("code")
    answered = [(one.index, said.get(one.document)) for one in allowed if one.type == ANSWERED]
    return LoggedRecall(start, RecallCode(str(code)) if code in [*RecallCode] else None, answered)
