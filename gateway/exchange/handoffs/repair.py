"""Repair of a handoff whose row was changed past the gateway: two administrators have it written
again from its documents, its newest version and the log."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from gateway.domain.answers import AnswerAuthor
from gateway.domain.audit import CaseId
from gateway.domain.case import CaseState
from gateway.domain.course import FIELDS, Course
from gateway.domain.duty import DUTIES
from gateway.domain.handoff import Addressee, Handoff, offers_of
from gateway.domain.out_of_service import EntryKind
from gateway.domain.refusals import NotFound, WrongState
from gateway.domain.vocabulary import Urgency
from gateway.evidence import handoff_documents
from gateway.evidence.handoff_moves import read_course, read_move
from gateway.exchange.case.cases import conditions_digest
from gateway.exchange.standing import access
from gateway.exchange.standing.case_version import read_version
from gateway.exchange.standing.handoff_standing import stored_differences
from gateway.kernel.changes import ChangeContext, ChangeType
from gateway.kernel.events import EventSubject
from gateway.kernel.fields import identifier, prose
from gateway.kernel.ports import Ports, UnitOfWork

REPAIR = "case.repair_handoff"


def _repair(context: ChangeContext) -> Mapping[str, Any]:
    """Write the row of a handoff again, and put it in service."""
    work, id_ = context.work, context.values["handoff"]
    found = work.handoffs.get(id_)
    if found is None or found.originator != context.change.organisation:
        raise NotFound("that organisation has sent no such handoff")
    # Not the handoff: no event of its course is made here.
    context.request.about = EventSubject(case=CaseId(found.originator, found.case))
    whole = _from_documents(context.request.ports, work, found)
    if stored_differences(context.request.ports, work, whole):
        raise WrongState(
            "its documents, what stands beside it or the log's index were changed as well: restore "
            "them from the newest backup taken before"
        )
    work.handoffs.restore(whole)
    out = work.organisations.out_of_service()
    work.organisations.put_out_of_service(out - {(EntryKind.HANDOFF, str(id_))})
    context.affected = tuple({whole.recipient} - {whole.originator})
    return {"handoff": str(id_), "state": str(whole.state)}


def _from_documents(ports: Ports, work: UnitOfWork, found: Handoff) -> Handoff:
    """The handoff as its documents tell it; what an erasure took stays as its row has it."""
    case = work.cases.get(found.originator, found.case)
    erased = case is None or case.state is CaseState.ERASED
    # Whether its case was erased its row says by this alone.
    named = replace(found, conditions_digest="" if erased else found.conditions_digest or "unknown")
    answers = work.handoffs.moves(found.id)
    try:
        told, steps = work.log.history(found)
        offer = offers_of(answers)[-1]
        newest = read_move(offer.sequence, offer.document) if offer.document else None
        if newest is not None and newest.claims is not None:
            named = replace(named, address=_address(newest.claims))
        course = read_course(named, answers, told, steps)
    except (ValueError, IndexError) as error:
        raise WrongState(f"its documents are not whole: {error}") from None
    known = {n: getattr(course, n) for n in FIELDS if n not in course.unknown}
    whole = replace(named, **known, recall=_recall(work, found, course))
    if course.newest.claims is not None:
        whole = _at_package(ports, work, whole, course.newest.claims)
    owed = (
        one.due_at
        for one in work.duties.of(found.id, open_only=True)
        if one.terms.shared and DUTIES[one.kind].owes is AnswerAuthor.RECIPIENT
    )
    return replace(whole, due_at=min(owed, default=None))


def _recall(work: UnitOfWork, found: Handoff, course: Course) -> UUID | None:
    """The recall that stands on it; what names another one is no recall of its own."""
    if course.recall is None:
        return None
    made = work.cases.recalls(found.originator, found.case)
    same = (one.id for one in made if course.recall.digest in (None, one.digest))
    return next(same, None)


def _address(claims: Mapping[str, Any]) -> Addressee:
    to, event = claims["to"], claims["to"].get("mandate_event")
    return Addressee(to["organisation"], to.get("competence"), event and UUID(event))


def _at_package(
    ports: Ports, work: UnitOfWork, handoff: Handoff, claims: Mapping[str, Any]
) -> Handoff:
    """Return what its newest offer, and the version that this names, say of it."""
    version = read_version(work, claims["case_digest"])
    ends, kept = claims.get("expires_at"), handoff.expires_at
    if ends is None or kept is None or int(kept.timestamp()) != ends:  # a row has microseconds
        kept = ends and datetime.fromtimestamp(ends, UTC)
    content, disclosures = version.said.content, frozenset(claims["disclosures"])
    shown = {one.name for one in version.said.placed if one.digest in disclosures}
    whole = replace(
        handoff,
        purpose=tuple(claims["purpose"]),
        case_version=version.version,
        case_digest=version.digest,
        permitted_disclosures=disclosures,
        package_digest=handoff_documents.package_digest(disclosures),
        urgency=Urgency(content["urgency"]),
        matter=frozenset(content["matter"] if "matter" in shown else ()),
        transfer_tool=claims.get("transfer_tool"),
        expires_at=kept,
    )
    binding = access.versions_of(work, whole).binding.conditions
    return replace(whole, conditions_digest=conditions_digest(ports, version.digest, binding))


CHANGE = ChangeType(
    "Write a handoff again that was changed past the gateway.",
    2,
    (
        identifier("handoff", "Which handoff.", option="HANDOFF"),
        prose("reason", "Why, in up to 200 characters; no content.", 200),
    ),
    _repair,
    about="Its row becomes what its signed documents and the log say, and it is in service again. "
    "Keep a copy of the database as evidence before. Documents, recalls, measures, retentions and "
    "duties come back only from a backup.",
)
