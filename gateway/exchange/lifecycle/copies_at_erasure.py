"""What holders keep of a case that is erased: copies, each under a key of its own.

A copy is written in the transaction of the erasure, which dooms the case's key; so what stops in
between loses nothing. It is one holder's alone: its newest accepted package, with the documents of
its handoff and the strictest marking of that day. A holder under led that stated nothing has one
that nobody opens, for some days of grace (R14).
"""

import json
from collections.abc import Mapping
from datetime import timedelta
from uuid import UUID

from gateway.domain.case import Case
from gateway.domain.duty import DutyKind, begin, start_of
from gateway.domain.handoff import Handoff, RecallAnswer
from gateway.domain.organisation import OrganisationName, Status
from gateway.domain.retention import RetentionEnd
from gateway.evidence import sd_jwt
from gateway.exchange.handoffs.retention import end_and_record
from gateway.exchange.standing import access
from gateway.exchange.standing.disclosure import shown_document, with_strictest_marking
from gateway.kernel import results
from gateway.kernel.ports import Ports, UnitOfWork
from gateway.kernel.request import deny_as_not_found
from gateway.kernel.values import RetainedCopy


def keep(ports: Ports, work: UnitOfWork, case: Case, event: UUID) -> Mapping[UUID, RetainedCopy]:
    """Write the copies of a case that ``event`` erases, before its content is taken away.

    By handoff. Raises CaseErased where the case's key was destroyed before, or content emptied;
    CaseKeysUnavailable: then nothing may be erased yet.
    """
    now = ports.now()
    day = ports.reference_date(now).civil
    kept = {}
    for handoff in work.handoffs.of_case(case.originator, case.id):
        retention = work.retentions.of_handoff(handoff.id)
        if retention is not None and retention.holds(day):
            grace_until = None
        elif retention is None and _has_grace(work, handoff):
            grace_until = day + timedelta(days=ports.retention_grace_days)
        else:
            continue
        content = _content(work, handoff)
        kept[handoff.id] = RetainedCopy(handoff.id, handoff.recipient, now, grace_until, content)
        work.retentions.keep(kept[handoff.id])
        if grace_until is not None:
            due = start_of(grace_until)
            work.duties.add(begin(handoff, DutyKind.RETENTION, event, now, due))
    return kept


def _has_grace(work: UnitOfWork, handoff: Handoff) -> bool:
    holder = work.organisations.get(handoff.recipient)
    elsewhere = OrganisationName(handoff.recipient).peer is not None  # it keeps its own there
    if holder is None or elsewhere or holder.status is Status.LEFT:
        return False
    erased = handoff.recall_answer is RecallAnswer.COPIES_ERASED
    return handoff.is_held and not erased and "led" in holder.regimes


def end_unkept(
    ports: Ports, work: UnitOfWork, case: Case, kept: Mapping[UUID, RetainedCopy]
) -> None:
    """End the retentions of a case that is erased for which there is no copy: their time is over,
    or nobody can read the case any more."""
    day = ports.reference_date(ports.now()).civil
    for retention in work.retentions.of_case(case.originator, case.id):
        handoff = work.handoffs.get(retention.handoff)
        if handoff is not None and handoff.id not in kept:
            lost = retention.holds(day)
            end_and_record(
                ports, work, handoff, RetentionEnd.KEY_LOST if lost else RetentionEnd.UNTIL
            )


def _content(work: UnitOfWork, handoff: Handoff) -> str:
    """A copy's content, as JSON: the presentation, the markings that decide by digest, the
    conditions, and the handoff's documents as the holder may read them."""
    originator = work.organisations.get(handoff.originator) or deny_as_not_found()
    kept = access.at_package(work, handoff, handoff.held or handoff.package)
    versions = access.versions_of(work, kept)
    # Nothing was agreed to before an acceptance: then it is what a rescue needed (R16).
    agreed = versions.agreed if handoff.held else versions.now
    parts = with_strictest_marking(versions.offered, agreed, originator)
    accepted = {
        digest: part
        for digest, part in access.accepted_parts(kept, parts).items()
        if handoff.held or access.is_needed(part, handoff.recipient)
    }
    document = sd_jwt.parse_stored(versions.offered.document).present(frozenset(accepted))
    binding = access.binding_beside(versions, accepted, originator)
    return json.dumps(
        {
            "version": versions.offered.version,
            "assurance": versions.offered.assurance_for(handoff.recipient),
            "digest": versions.offered.digest,
            "event": str(versions.offered.event),
            "package": kept.package,
            "presentation": document.compact(),
            "markings": {
                digest: {"tlp": one.marking.tlp, "handling": sorted(one.marking.handling)}
                for digest, one in accepted.items()
            },
            "conditions": binding.conditions,
            "tightened_by": binding.tightened_by and str(binding.tightened_by),
            "tightened_elements": results.to_json(list(binding.tightened_elements)),
            "documents": [
                [str(one.move or "offer"), shown_document(one, handoff.recipient)]
                for one in work.handoffs.answers(handoff.id)
            ],
        },
        separators=(",", ":"),
    )
