"""A store as it is after years: as many cases as wanted, each offered once, with their events.

Each is the copy of one that went through the gateway, under ids and a digest of its own, kept by
the store as everything is kept. Only their signatures are of another case: what opens one of them
would see that, and nothing that is measured opens one.
"""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from uuid import UUID

from bench.workload import filled_id
from gateway.domain.audit_event import AuditEvent, EventDetail, EventResult, Party
from gateway.domain.case import Case
from gateway.domain.handoff import Handoff, HandoffAnswer
from gateway.evidence import base64url
from gateway.kernel.ports import Ports, TransactionMode
from gateway.kernel.values import CaseVersion

_BATCH = 200  # cases of one transaction

_CASE, _HANDOFF, _SUBMITTED, _OFFERED = range(4)


@dataclass(frozen=True)
class _Pattern:
    """What is copied."""

    case: Case
    version: CaseVersion
    handoff: Handoff
    offer: HandoffAnswer


def fill(ports: Ports, recipient: str, start: int, end: int, told: Callable[[int], None]) -> None:
    """Add the cases ``start`` to ``end``, offered to ``recipient``.

    ``told`` hears how many each transaction added.

    Raises LookupError when it was offered none before, through the gateway.
    """
    pattern = _pattern(ports, recipient)
    for first in range(start, end, _BATCH):
        numbers = range(first, min(first + _BATCH, end))
        with ports.begin(TransactionMode.WRITE) as work:
            for number in numbers:
                one = _copy(pattern, number)
                work.cases.add(one.case, one.version)
                work.log.record(_submitted(one))
                work.handoffs.add(one.handoff, one.offer)
                work.log.record(_offered(one))
            work.commit()
        told(len(numbers))


def _pattern(ports: Ports, recipient: str) -> _Pattern:
    with ports.begin(TransactionMode.READ) as work:
        page = work.handoffs.page(recipient, "in", None, None, 1)
        if not page:
            raise LookupError("no handoff to copy: let one through the gateway first")
        handoff = page[0]
        case = work.cases.get(handoff.originator, handoff.case)
        version = work.cases.version(handoff.case_digest)
        offer = work.handoffs.answers(handoff.id)[0]
    if case is None or version is None:
        raise LookupError("the handoff's case is gone")
    return _Pattern(case, version, handoff, offer)


def _copy(pattern: _Pattern, number: int) -> _Pattern:
    case, handoff = filled_id(number, _CASE), filled_id(number, _HANDOFF)
    digest = base64url.encode(hashlib.sha256(case.bytes).digest())
    return _Pattern(
        replace(pattern.case, id=case, originator_ref=str(case), digest=digest, revision=1),
        replace(pattern.version, case=case, digest=digest, event=filled_id(number, _SUBMITTED)),
        replace(
            pattern.handoff,
            id=handoff,
            case=case,
            case_digest=digest,
            state=pattern.offer.state,
            sequence=pattern.offer.sequence,
            accepted_groups=None,
        ),
        replace(pattern.offer, handoff=handoff, event=filled_id(number, _OFFERED)),
    )


def _submitted(one: _Pattern) -> AuditEvent:
    parties = (Party(one.case.originator, "actor"),)
    return _fact("case.submit", one.version.event, parties, one.version.digest, None)


def _offered(one: _Pattern) -> AuditEvent:
    parties = (
        Party(one.handoff.originator, "originator"),
        Party(one.handoff.recipient, "recipient"),
    )
    return _fact("handoff.offer", one.offer.event, parties, one.version.digest, one.handoff.id)


def _fact(
    action: str, event: UUID, parties: tuple[Party, ...], digest: str, handoff: UUID | None
) -> AuditEvent:
    return AuditEvent(
        id=event,
        action=action,
        result=EventResult.ALLOWED,
        parties=parties,
        details=(EventDetail("by", "approver-2", frozenset({parties[0].organisation})),),
        handoff=handoff,
        case_digest=digest,
    )
