"""Repair of a case, or a handoff, whose rows were changed past the gateway: two administrators have
its own written again from its documents, its newest version and the log, and those that are
missing, or wrong, beside it: recalls, measures, retentions, duties, and what arrived."""

from collections.abc import Collection, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from gateway.domain.answers import AnswerAuthor
from gateway.domain.audit import CaseId
from gateway.domain.case import Case, CaseState
from gateway.domain.course import FIELDS
from gateway.domain.duty import DUTIES, DutyKind, HandoffDuty, start_of
from gateway.domain.handoff import NEVER, Addressee, Handoff, Recall, offers_of
from gateway.domain.measure import Measure
from gateway.domain.out_of_service import Entry, case_entry, handoff_entry
from gateway.domain.refusals import NotFound, WrongState
from gateway.domain.retention import Retention
from gateway.domain.revision import Announcement
from gateway.domain.succession import ReissuedHandoff
from gateway.domain.vocabulary import Urgency
from gateway.evidence import handoff_documents
from gateway.evidence.handoff_moves import read_course, read_move
from gateway.exchange.case.cases import conditions_digest
from gateway.exchange.handoffs.retention import wait_for_review
from gateway.exchange.standing import access
from gateway.exchange.standing.case_version import read_version
from gateway.exchange.standing.duties import due_at
from gateway.exchange.standing.handoff_standing import stored_differences
from gateway.kernel.changes import ChangeContext, ChangeType
from gateway.kernel.events import EventSubject
from gateway.kernel.fields import identifier, prose
from gateway.kernel.ports import Ports, UnitOfWork
from gateway.kernel.values import DifferingRows

REPAIR, REPAIR_CASE = "case.repair_handoff", "case.repair"
_OF_CASE = (Recall, Measure, Announcement)
_LEFT = "no document and no event tells more: restore that from the newest backup taken before"


def _repair_case(context: ChangeContext) -> Mapping[str, Any]:
    """Write the row of a case again and those beside it that are missing, put it in service: all of
    it, or nothing."""
    work, ports = context.work, context.request.ports
    try:
        found = work.cases.get(context.change.organisation, context.values["case"])
    except (ValueError, LookupError):  # it has a value of a form that nothing here ever wrote
        raise WrongState(f"still differs: its own row; {_LEFT}") from None
    if found is None:
        raise NotFound("that organisation has no such case here")
    key = found.originator, found.id
    context.request.about = EventSubject.of_case(found)
    written = [
        one for kinds in (_OF_CASE, (Case,)) for one in _write(ports, work, key, None, *kinds)
    ]
    names = _compared(ports, work, key).names
    _require_whole(work, names, case_entry(*key))
    context.written = ", ".join(written) or "nothing"
    whole = work.cases.get(*key) or found
    return {"case": str(found.id), "state": str(whole.state), "written": context.written}


def _require_whole(work: UnitOfWork, names: Collection[str], *repaired: Entry) -> None:
    """Put in service what was repaired, where nothing differs any more. Raises WrongState."""
    if names:
        raise WrongState(f"still differs: {', '.join(sorted(names))}; {_LEFT}")
    out = work.organisations.out_of_service()
    work.organisations.put_out_of_service(out - {*repaired})


def _repair(context: ChangeContext) -> Mapping[str, Any]:
    """Write the row of a handoff again and those beside it that are missing, put it in service:
    all of it, or nothing."""
    work, id_ = context.work, context.values["handoff"]
    found = work.handoffs.get(id_)
    if found is None or found.originator != context.change.organisation:
        raise NotFound("that organisation has sent no such handoff")
    # Not the handoff: no event of its course is made here.
    context.request.about = EventSubject(case=CaseId(found.originator, found.case))
    ports, key = context.request.ports, (found.originator, found.case)
    written = _write(ports, work, key, found, *_OF_CASE, ReissuedHandoff)
    written += _write(ports, work, key, found, Case)
    whole = _from_documents(ports, work, found)
    work.handoffs.restore(whole)
    written += _write(ports, work, key, whole, Retention)
    written += _write(ports, work, key, whole, HandoffDuty)
    whole = _from_documents(ports, work, whole)  # its due time follows its duties
    work.handoffs.restore(whole)
    names = {*_compared(ports, work, key, whole).names, *stored_differences(ports, work, whole)}
    _require_whole(work, names, handoff_entry(whole.id), case_entry(*key))
    context.affected = tuple({whole.recipient} - {whole.originator})
    context.written = ", ".join(written) or "only its own row"
    return {"handoff": str(id_), "state": str(whole.state), "written": context.written}


def _compared(
    ports: Ports, work: UnitOfWork, key: tuple[str, UUID], handoff: Handoff | None = None
) -> DifferingRows:
    return work.compare_case(lambda at: ports.reference_date(at).civil, key, handoff)


def _write(
    ports: Ports, work: UnitOfWork, key: tuple[str, UUID], handoff: Handoff | None, *kinds: type
) -> list[str]:
    """Remove the rows of these kinds that the log denies, and write those that are missing; what
    each is, in words."""
    denied = _compared(ports, work, key, handoff).wrong
    wrong = [one for one in denied if isinstance(one, kinds)]
    for one in wrong:
        work.remove_row(one)
    written = [f"without {len(wrong)} of what stood there"] if wrong else []
    for one in _compared(ports, work, key, handoff).absent:
        if not isinstance(one, kinds):
            continue
        match one:
            case Case():
                work.cases.restore(one)
                written.append("the case's own row")
            case Recall():
                work.cases.add_recall(one)
                written.append(f"recall of {one.code}")
            case Measure():
                work.cases.add_measure(one)
                written.append(str(one.kind))
            case Announcement():
                work.cases.announce(one)
                written.append(f"announcement of a {one.change}")
            case ReissuedHandoff():
                work.successions.add_moved(one)
                written.append("its move to a successor")
            case Retention():
                work.retentions.add(one)
                written.append(f"retention ({one.ground})")
            case HandoffDuty() if handoff is not None:
                is_told = one.arrived or one.due_at != NEVER
                owed = one if is_told else _by_term(ports, work, handoff, one)
                work.duties.add(owed)
                written.append(f"{one.kind}{_how(one, owed)}")
    return written


def _how(told: HandoffDuty, written: HandoffDuty) -> str:
    """How a duty was written: until when it is due may be no more than the setting of now."""
    if written.closed_at:
        return " (ended)"
    is_set = told != written and written.kind is not DutyKind.RETENTION_REVIEW
    return " (due by the term that is set now)" if is_set else ""


def _by_term(ports: Ports, work: UnitOfWork, handoff: Handoff, duty: HandoffDuty) -> HandoffDuty:
    """A duty of which neither documents nor log tell until when: by the settings of now."""
    since, kind = duty.since, duty.kind
    if kind is DutyKind.RETENTION_REVIEW and (made := work.retentions.of_handoff(handoff.id)):
        owed = duty.hasten(start_of(made.review_on))
        return wait_for_review(owed, ports.now()) if owed.reminded_at is None else owed
    if duty.terms.of_second_person:
        due = since + ports.follow_up
    elif kind is DutyKind.CALL:
        due = since + ports.call_within
    else:
        due = due_at(ports, work, duty.organisation, kind, urgency=handoff.urgency, since=since)
    return replace(duty, due_at=due) if duty.closed_at else duty.hasten(due)


def _from_documents(ports: Ports, work: UnitOfWork, found: Handoff) -> Handoff:
    """The handoff as its documents tell it; what an erasure took stays as its row has it."""
    case = work.cases.get(found.originator, found.case)
    erased = case is None or case.state is CaseState.ERASED
    # Whether its case was erased its row says by this alone.
    named = replace(found, conditions_digest="" if erased else found.conditions_digest or "unknown")
    answers = work.handoffs.moves(found.id)
    try:
        events, steps = work.log.history(found)
        offer = offers_of(answers)[-1]
        newest = read_move(offer.sequence, offer.document) if offer.document else None
        if newest is not None and newest.claims is not None:
            to, event = newest.claims["to"], newest.claims["to"].get("mandate_event")
            named = replace(
                named,
                address=Addressee(to["organisation"], to.get("competence"), event and UUID(event)),
            )
        course = read_course(named, answers, events, steps)
    except (ValueError, IndexError) as error:
        raise WrongState(f"its documents are not whole: {error}") from None
    known = {n: getattr(course, n) for n in FIELDS if n not in course.unknown}
    # What names another recall than those that were made is no recall of its own.
    told = course.recall
    made = work.cases.recalls(found.originator, found.case) if told else ()
    stands = (one.id for one in made if told and told.digest in (None, one.digest))
    whole = replace(named, **known, recall=next(stands, None))
    if course.newest.claims is not None:
        whole = _at_package(ports, work, whole, course.newest.claims)
    owed = (
        one.due_at
        for one in work.duties.of(found.id, open_only=True)
        if one.terms.shared and DUTIES[one.kind].owes is AnswerAuthor.RECIPIENT
    )
    return replace(whole, due_at=min(owed, default=None))


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
    about="Its row becomes what its signed documents and the log say, and its recalls, measures, "
    "announcements, retentions, duties and its move to a successor that are missing, or wrong, are "
    "written again; then it is in service. Keep a copy of the database as evidence before. What is "
    "left differing is named, and nothing is changed: it comes back only from a backup.",
)

CHANGE_OF_CASE = ChangeType(
    "Write a case again that was changed past the gateway.",
    2,
    (
        identifier("case", "Which case.", option="CASE"),
        prose("reason", "Why, in up to 200 characters; no content.", 200),
    ),
    _repair_case,
    about="Its row becomes what its versions and the log say, and its recalls, measures and "
    "announcements that are missing, or wrong, are written again; then it is in service, with its "
    "handoffs, except those that differ themselves. Keep a copy of the database as evidence "
    "before. What is left differing is named, and nothing is changed: it comes back only from a "
    "backup.",
)
