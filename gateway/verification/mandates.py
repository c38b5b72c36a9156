"""That the recipient of an offer held the mandate which the offer names: an event of the log."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from gateway.domain.mandate import format_competence
from gateway.evidence.declarations import PLANNED as PLAN
from gateway.evidence.handoff_documents import OfferClaims
from gateway.evidence.receipt import VerifiedReceipt
from gateway.verification.report import Fact, Mismatch, VerificationFailed
from gateway.verification.trust import require_subject

GRANTED = "mandate.granted"
PLANNED = "succession.planned"
ENDED = "mandate.ended"


def days_of(at: datetime) -> tuple[date, date]:
    """The first and last day that a moment falls on, in all time zones.

    Raises VerificationFailed at the ends of the calendar.
    """
    try:
        return (at - timedelta(hours=12)).date(), (at + timedelta(hours=14)).date()
    except OverflowError as error:
        raise Mismatch("a time is at the end of the calendar") from error


@dataclass(frozen=True)
class RegisteredMandate:
    """A mandate as its registration shows it; ``start`` and ``end`` are half-open days."""

    organisation: str
    competence: str
    start: date
    end: date | None
    legal_act: str
    confirmed: VerifiedReceipt

    def describe(self) -> str:
        """One clause: who, what, from when, by which act and entry."""
        return (
            f"{self.organisation} for {self.competence} from {self.start}, {self.legal_act}, "
            f"entry {self.confirmed.index}"
        )

    def holds(self, first: date, last: date) -> bool:
        """Tell whether it was in force on one of the days from ``first`` to ``last``."""
        return self.start <= last and (self.end is None or first < self.end)

    def fact(self, persons: Collection[str]) -> Fact:
        """The same as a fact; ``persons`` are the administrators who are shown to have approved."""
        values = {
            "organisation": self.organisation,
            "competence": self.competence,
            "start": self.start.isoformat(),
            "act": self.legal_act,
            "event": self.confirmed.event["id"],
            "entry": self.confirmed.index,
        }
        values |= {"end": self.end.isoformat()} if self.end else {}
        return _decided("mandate", values, persons)


@dataclass(frozen=True)
class MandateEnd:
    """That an organisation's mandate for a competence ended: ``day`` is the first one without."""

    organisation: str
    competence: str
    day: date
    confirmed: VerifiedReceipt

    def of(self, one: RegisteredMandate) -> bool:
        """Tell whether it ended that mandate: recorded after it, for a day on which it was in
        force."""
        same = (self.organisation, self.competence) == (one.organisation, one.competence)
        later = one.confirmed.index < self.confirmed.index
        return same and later and one.holds(self.day, self.day)

    def fact(self, offered: int, persons: Collection[str]) -> Fact:
        """The same as a fact; ``offered`` is the entry of the offer."""
        entry = self.confirmed.index
        values = {"organisation": self.organisation, "day": self.day.isoformat(), "entry": entry}
        return _decided("mandate.end.later" if entry > offered else "mandate.end", values, persons)


def _decided(key: str, values: dict[str, Any], persons: Collection[str]) -> Fact:
    """Return what the operator recorded; or, of what two administrators are shown to have approved,
    what they signed."""
    if not persons:
        return Fact(key, values)
    return Fact(f"{key}.decided", {**values, "persons": sorted(persons)})


def read(confirmed: VerifiedReceipt) -> RegisteredMandate:
    """The mandate that an event registered: a grant, or the plan of a succession.

    Raises VerificationFailed for another event, and what `trust.require_subject` raises.
    """
    kind = confirmed.type if confirmed.allowed else "a refused attempt"
    if kind not in (GRANTED, PLANNED):
        raise Mismatch(f"{kind} registers no mandate")
    fields = require_subject(confirmed)
    try:
        if kind == GRANTED:
            key = format_competence(fields["function"], fields["matter"], fields["territory"])
            holder, first, last = fields["organisation"], fields["from"], fields.get("until")
        else:
            key, holder = fields["competence"], fields["successor"]
            first, last = fields["effective_on"], None
        end = None if last is None else date.fromisoformat(last)
        act = str(fields["legal_act"])
        return RegisteredMandate(
            str(holder), str(key), date.fromisoformat(first), end, act, confirmed
        )
    except (KeyError, TypeError, ValueError):
        raise Mismatch(f"{kind} does not say which mandate it registers") from None


def read_plan(confirmed: VerifiedReceipt) -> dict[str, Any]:
    """The plan of a succession that an event recorded, as both organisations approve it;
    VerificationFailed for any other event, and what `trust.require_subject` raises."""
    if (confirmed.type, confirmed.allowed) != (PLANNED, True):
        raise Mismatch(f"{confirmed.type} plans no succession")
    said = require_subject(confirmed)
    carried = {"predecessor": "organisation", "permissions_carry_over": "permissions"}
    plan = {name: said.get(carried.get(name, name)) for name in PLAN}
    here = {"succession": confirmed.event["id"]}
    return plan | here | {"permissions_carry_over": plan["permissions_carry_over"] is True}


def read_end(confirmed: VerifiedReceipt) -> MandateEnd:
    """The end that an event recorded; VerificationFailed for any other event, and what
    `trust.require_subject` raises."""
    if (confirmed.type, confirmed.allowed) != (ENDED, True):
        raise Mismatch(f"{confirmed.type} ends no mandate")
    fields = require_subject(confirmed)
    try:
        holder, key, day = (fields[name] for name in ("organisation", "competence", "until"))
        return MandateEnd(str(holder), str(key), date.fromisoformat(day), confirmed)
    except (KeyError, TypeError, ValueError):
        raise Mismatch(f"{ENDED} does not say which mandate it ends") from None


def check(
    confirmed: VerifiedReceipt, offer: OfferClaims, first: date, last: date
) -> RegisteredMandate:
    """The mandate that an offer addressed, in force on one of the days on which it was offered.

    A day begins at another hour where the gateway is: ``first`` to ``last`` are all it may be.

    Raises VerificationFailed when the event registered another one, for another organisation, or
    for other days.
    """
    found = read(confirmed)
    if confirmed.event["id"] != offer.mandate_event:
        raise Mismatch("the offer refers to another registration")
    if (found.organisation, found.competence) != (offer.recipient, offer.competence):
        raise Mismatch(
            f"event {confirmed.event['id']} made {found.organisation} competent for "
            f"{found.competence}, not {offer.recipient} for {offer.competence}"
        )
    if found.end is not None and found.end <= first:
        raise ended(found.organisation, found.competence, found.end)
    if not found.holds(first, last):
        raise Mismatch(f"the mandate began on {found.start}, after the offer was made")
    return found


def ended(organisation: str, competence: str, day: date) -> VerificationFailed:
    """The failure of an offer to an organisation whose mandate had ended on a day."""
    return Mismatch(
        f"the mandate of {organisation} for {competence} ended on {day}, before the offer was made"
    )
