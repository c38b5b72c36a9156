"""The one place where an event is recorded, and where it is decided who reads which part of it."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID

from gateway.domain.audit import CaseId
from gateway.domain.audit_event import AuditEvent, EventDetail, EventResult, Party
from gateway.domain.case import Case
from gateway.domain.handoff import Handoff
from gateway.evidence import canonical
from gateway.kernel.actors import GATEWAY
from gateway.kernel.ports import Ports, UnitOfWork
from gateway.kernel.values import CaseVersion


@dataclass(frozen=True)
class EventSubject:
    """What an event is about: a handoff, the digest of a version of a case, and that case.

    The first two stand in clear in the event; the case is read by the gateway and its originator.
    """

    handoff: UUID | None = None
    case_digest: str | None = None
    case: CaseId | None = None

    @classmethod
    def of_case(cls, case: Case) -> "EventSubject":
        """A case in its current version."""
        return cls(None, case.digest, CaseId(case.originator, case.id))

    @classmethod
    def of_version(cls, version: CaseVersion) -> "EventSubject":
        """A version of a case."""
        return cls(None, version.digest, CaseId(version.originator, version.case))

    @classmethod
    def of_handoff(cls, handoff: Handoff) -> "EventSubject":
        """A handoff, with the version that its newest package is of."""
        case = CaseId(handoff.originator, handoff.case)
        return cls(handoff.id, handoff.case_digest, case)


NOTHING = EventSubject()
"""The subject of an event that is about no case."""


def record(
    work: UnitOfWork,
    action: str,
    parties: Iterable[Party],
    *,
    event: UUID,
    simulated_date: date | None,
    result: EventResult = EventResult.ALLOWED,
    asked_in: str = GATEWAY,
    by: str | tuple[str, ...] | None = None,
    roles: tuple[str, ...] = (),
    rules: tuple[str, ...] = (),
    rules_shown: bool = True,
    details: Iterable[EventDetail] = (),
    of: EventSubject = NOTHING,
    package_digest: str | None = None,
    document_sha256: str | None = None,
    at: datetime | None = None,
) -> None:
    """Record that something was done or refused, in the streams of all ``parties``.

    Who asked, ``by``, in which ``roles`` of the staff register, and the ``rules`` that decided
    are for the organisation ``asked_in`` alone (and auditors); each of ``details`` names its
    readers, see `shared`. With ``rules_shown`` false nobody but an auditor reads the rules: they
    would tell what may not be known. ``at`` is the moment by which a change of the registry was
    judged.
    """
    # Long: a parameter for each member of an event, in the one place that says who reads it.
    own = frozenset({asked_in})
    about: list[EventDetail] = []
    if by is not None:
        about.append(EventDetail("by", by, own))
    if roles:
        about.append(EventDetail("roles", roles, own))
    if rules:
        about.append(EventDetail("rules", rules, own if rules_shown else frozenset()))
    if of.case is not None:
        readers = frozenset({GATEWAY, of.case.originator})
        about.append(EventDetail("case", f"{of.case.originator}/{of.case.case}", readers))
    work.log.record(
        AuditEvent(
            id=event,
            action=action,
            result=result,
            parties=tuple(parties),
            details=(*about, *details),
            handoff=of.handoff,
            case_digest=of.case_digest,
            package_digest=package_digest,
            document_sha256=document_sha256,
            simulated_date=simulated_date,
            at=at,
        )
    )


def record_by_gateway(
    ports: Ports,
    work: UnitOfWork,
    action: str,
    parties: tuple[Party, ...],
    *details: EventDetail,
    said: Mapping[str, Any] | None = None,
    event: UUID | None = None,
    result: EventResult = EventResult.ALLOWED,
    by: str | tuple[str, ...] | None = None,
    of: EventSubject = NOTHING,
    at: datetime | None = None,
) -> None:
    """Record what the gateway does by itself, or tells others of a request, under an id of its
    own unless ``event`` is one. Every party reads what is ``said``: it is the event's subject."""
    if said is not None:
        details = (subject(said, *parties), *details)
    record(
        work,
        action,
        parties,
        event=event or ports.new_id(),
        simulated_date=ports.reference_date(ports.now()).simulated,
        result=result,
        by=by,
        details=details,
        of=of,
        at=at,
    )


def subject(said: Mapping[str, Any], *parties: Party) -> EventDetail:
    """Return what an event is about, as an object that every party of it reads."""
    return shared("subject", canonical.encode(said).decode(), parties)


def reason(text: str | None, *parties: Party) -> tuple[EventDetail, ...]:
    """Why it was done, where a reason is given, for some parties of the event."""
    return (shared("reason", text, parties),) if text else ()


def shared(kind: str, value: str | tuple[str, ...], parties: Iterable[Party]) -> EventDetail:
    """A detail that every party of the event reads."""
    return EventDetail(kind, value, frozenset(party.organisation for party in parties))


def parties_of(handoff: Handoff) -> tuple[Party, ...]:
    """The parties of what one of the two does with a handoff."""
    return (Party(handoff.originator, "originator"), Party(handoff.recipient, "recipient"))


def gateway_and(*concerned: str, role: str = "concerned") -> tuple[Party, ...]:
    """The parties of what the gateway does itself, and of what it does to organisations."""
    named = tuple(Party(one, role) for one in dict.fromkeys(concerned) if one != GATEWAY)
    return (Party(GATEWAY, "gateway"), *named)
