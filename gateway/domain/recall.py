"""A recall: the originator requires who holds a case to stop its use and to erase its copies (R13).

It stands beside the versions of the case and covers all of them up to one. What a holder may still
consult is policy's (R13.recall); which handoffs it touches says `gateway.domain.answers.recall`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Any
from uuid import UUID

from gateway.domain.vocabulary import Urgency

ACKNOWLEDGED_WITHIN = timedelta(hours=72)
ACKNOWLEDGED_WITHIN_IN_DANGER = timedelta(hours=8)
"""Time in which a holder says that it stopped the use."""

ANSWERED_WITHIN = timedelta(days=21)
"""Time for the final answer: the originator keeps the month of GDPR Art. 12(3)."""

APPROVED_WITHIN = timedelta(hours=24)
"""Time for the second person of a recall that one person could make."""


class RecallCode(StrEnum):
    """Why a case is recalled."""

    MISDIRECTED = "misdirected"
    UNLAWFUL = "unlawful"
    INACCURATE = "inaccurate"
    BASIS_ENDED = "basis_ended"
    CONSENT_WITHDRAWN = "consent_withdrawn"  # by the data subject, GDPR Art. 7(3)
    DATA_SUBJECT_REQUEST = "data_subject_request"
    AUTHORITY_ORDER = "authority_order"  # of a court, or of the data protection authority
    OTHER = "other"

    @property
    def persons(self) -> int:
        """How many persons decide before it binds: what went astray is stopped at once."""
        return 1 if self is RecallCode.MISDIRECTED else 2


class RecallAnswer(StrEnum):
    """A holder's final answer to a recall."""

    COPIES_ERASED = "copies_erased"
    PROCESSING_RESTRICTED = "processing_restricted"  # kept as evidence, LED Art. 16(3)(b)
    IN_PROCEEDINGS = "in_proceedings"
    DECLINED = "declined"


RETAINING = frozenset(RecallAnswer) - {RecallAnswer.COPIES_ERASED}
"""The answers by which a holder keeps the case: each makes a retention."""


@dataclass(frozen=True)
class Recall:
    """A recall of a case, or of one ``handoff`` of it, which has a ``recipient``. ``id`` is the
    event that recorded it.

    It covers every version up to ``version``. ``digest`` names its document.
    """

    id: UUID
    originator: str
    case: UUID
    handoff: UUID | None
    recipient: str | None
    code: RecallCode
    version: int
    digest: str
    at: datetime

    def covers(self, version: int, recipient: str) -> bool:
        """Whether a version of the case is not offered to a recipient any more."""
        return version <= self.version and self.recipient in (None, recipient)


def acknowledgement_due_at(urgency: Urgency, at: datetime) -> datetime:
    """When the acknowledgement of a recall is due that was made ``at``."""
    danger = urgency is Urgency.IMMINENT_DANGER
    return at + (ACKNOWLEDGED_WITHIN_IN_DANGER if danger else ACKNOWLEDGED_WITHIN)


_NEEDED: Mapping[RecallAnswer, tuple[str, ...]] = {
    RecallAnswer.COPIES_ERASED: (),
    RecallAnswer.PROCESSING_RESTRICTED: ("until",),
    RecallAnswer.IN_PROCEEDINGS: ("reference", "authority", "until"),
    RecallAnswer.DECLINED: ("legal_basis", "until"),
}
_ONLY_KEPT = ("reference", "authority", "legal_basis", "until")


def answer_errors(fields: Mapping[str, Any], today: date) -> tuple[tuple[str, str], ...]:
    """What is wrong with an answer's fields taken together, each as JSON Pointer and sentence."""
    done = RecallAnswer(fields["done"])
    errors = [
        (f"/{name}", f"goes with the answer {done}: say it")
        for name in _NEEDED[done]
        if name not in fields
    ]
    beside = _ONLY_KEPT if done is RecallAnswer.COPIES_ERASED else ("backups_until",)
    errors += [
        (f"/{name}", f"is left out: the answer is {done}") for name in beside if name in fields
    ]
    if "until" in fields and date.fromisoformat(fields["until"]) <= today:
        errors.append(("/until", "is a day to come"))
    if "onward_copies" in fields and "onward_informed" not in fields:
        errors.append(("/onward_informed", "say whether their holders are informed"))
    return tuple(errors)


KEPT = "kept_by_law"
"""What is shown in place of an answer by which a holder keeps the case, to who may not read it."""


def answer_as_read(fields: Mapping[str, Any], *, reads_all: bool) -> tuple[str, Mapping[str, Any]]:
    """A final answer as its reader sees it, and those of its fields that it reads (R5.answer)."""
    done = str(fields["done"])
    if reads_all:
        return done, fields
    informed = {name: fields[name] for name in ("onward_informed",) if name in fields}
    erased = done == RecallAnswer.COPIES_ERASED
    return (done, {"done": done, **informed}) if erased else (KEPT, informed)
