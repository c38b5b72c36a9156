"""The end of a case's content, on its day by the gateway itself, or by hand of administrators.

First the decision is made durable, with its event; then the case's key is destroyed. Whatever stops
in between, maintenance goes on from there: the database knows which keys are doomed. The other way
round, a key could be gone on a decision that never counted (ADR 0012).
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from datetime import date
from typing import Any
from uuid import UUID

from gateway.domain import case as cases
from gateway.domain.audit import CaseId
from gateway.domain.case import Case, CaseState
from gateway.domain.duty import DutyKind, HandoffDuty
from gateway.domain.organisation import OrganisationName
from gateway.domain.out_of_service import SEE_HANDOFF, case_entry, handoff_entry
from gateway.domain.refusals import CaseErased, CaseKeysUnavailable, NotFound, OutOfService, Refusal
from gateway.domain.retention import RetentionEnd
from gateway.evidence.case_events import ADVANCED, fold_case
from gateway.exchange.handoffs import retention
from gateway.exchange.lifecycle import copies_at_erasure
from gateway.exchange.standing import duties
from gateway.exchange.standing.case_version import in_force
from gateway.exchange.standing.differences import differences_of_case
from gateway.exchange.standing.handoff_standing import stored_differences
from gateway.exchange.standing.item_index import begin_lost_again
from gateway.kernel import events
from gateway.kernel.changes import ChangeContext, ChangeType
from gateway.kernel.events import EventSubject
from gateway.kernel.fields import identifier, prose
from gateway.kernel.ports import Ports, TransactionMode, UnitOfWork
from gateway.kernel.values import CaseVersion, Erasure, RetainedCopy

ERASE = "case.erase"

AT_ONCE = 50
"""Cases that are erased in one transaction: writers wait meanwhile."""

EVENTS_AT_ONCE = 200
"""Events after which a transaction takes no further case: each handoff has one."""

PAGE = 500
"""Keys that are looked at together."""


def _erase_by_hand(context: ChangeContext) -> Mapping[str, Any]:
    """Erase one case as administrators decided: two of them before its day.

    A case that its originator did not close is erased only when its day has come, or its key is
    lost anyway.
    """
    ports, found = context.request.ports, _case(context)
    lost = _is_lost(ports, context.work, found)
    erased = cases.erase(found, ports.reference_date(context.now).civil, lost=lost)
    code = "due" if _is_due(context) else "early"
    if code == "due" and not lost and (names := _differences(ports, context.work, found)):
        ports.differs(found.id, names)
        raise OutOfService(
            "the row of the case is not what the log says, so its day may not have come: the "
            "gateway's operator was alarmed, and puts it right"
        )
    reason = context.values["reason"]
    persons = context.persons
    _erase(ports, context.work, context.event, erased, code, by=persons, reason=reason, lost=lost)
    context.request.recorded = True
    return {"case": context.change.values["case"], "state": str(CaseState.ERASED)}


def _case(context: ChangeContext) -> Case:
    found = context.work.cases.get(context.change.organisation, context.values["case"])
    if found is None:
        raise NotFound("that organisation has no such case here")
    return found


def _is_due(context: ChangeContext) -> bool:
    return cases.erasure_is_due(_case(context), context.request.today.civil)


CHANGE = ChangeType(
    "Erase a case before its day, for good.",
    2,
    (
        identifier("case", "Which case.", option="CASE"),
        prose("reason", "Why, in up to 200 characters; no content.", 200),
    ),
    _erase_by_hand,
    about="The originator has closed it. On its day of erasure the gateway erases it, or "
    "one person does. What is destroyed is the case's key: no copy of the database opens it any "
    "more, while receipts go on verifying. Backups of the keys database keep the key as long as "
    "you keep them.",
    facts=lambda context: {"due": _is_due(context)},
    after=lambda ports, _: {"key": _destroyed_now(ports)},
    loses="The content of all its versions, for every recipient and in every copy of the database.",
)


def erase_due(ports: Ports) -> int:
    """Erase cases whose day has come, as many as one transaction should; how many were.

    One that is not what the log and its documents say stays, as the day of its erasure, or the end
    of what is retained, may have been changed. Raises CaseKeysUnavailable when their keys still
    have to be destroyed, LogFrozen, Busy; and whatever is wrong with those that are left, once
    nothing else is: OutOfService for those that differ.
    """
    day = ports.reference_date(ports.now()).civil
    left: dict[CaseId, Refusal] = {}
    while True:
        with ports.begin(TransactionMode.READ) as work:
            found = work.cases.due(day, AT_ONCE + len(left))
        due = [one for one in found if CaseId(one.originator, one.id) not in left]
        if not due:
            break
        try:
            done = _erase_all(ports, due, day, left)
        except (CaseKeysUnavailable, OutOfService):
            done = _erase_singly(ports, due, day, left)
        except Refusal:
            raise
        except Exception:
            done = _erase_singly(ports, due, day, left)
        if done:
            destroy_keys(ports)
            return done
    for why in left.values():
        raise why
    return 0


_DIFFERS = f"cases are due that are not what the log says: {SEE_HANDOFF}"


def _erase_all(ports: Ports, due: Sequence[Case], day: date, left: dict[CaseId, Refusal]) -> int:
    done = events = 0
    with ports.begin(TransactionMode.WRITE) as work:
        # In one order everywhere, for each is locked until the end.
        for one in sorted(due, key=lambda case: (case.originator, case.id)):
            found = work.cases.get(one.originator, one.id)
            if (
                found is None
                or found.state is CaseState.ERASED
                or not cases.erasure_is_due(found, day)
            ):
                continue  # it has changed, or another node was faster
            if names := _differences(ports, work, found):
                ports.differs(found.id, names)
                left[CaseId(one.originator, one.id)] = OutOfService(_DIFFERS)
                continue
            events += _erase(ports, work, ports.new_id(), cases.erase(found, day), "due")
            done += 1
            if events >= EVENTS_AT_ONCE:
                break  # the others come next
        work.commit()
    return done


def _differences(ports: Ports, work: UnitOfWork, case: Case) -> Sequence[str]:
    """Return what of a case, its handoffs, or what is retained of them, is not what log and
    documents say; nothing where its key is gone, and with it all that could be lost."""
    try:
        found = work.cases.with_course(case.originator, case.id)
        if found is None:
            return ("versions",)
        row, version, steps = found
        of_case = work.handoffs.of_case(case.originator, case.id)
        entries = case_entry(case.originator, case.id), *(handoff_entry(one.id) for one in of_case)
        if not work.organisations.out_of_service().isdisjoint(entries):
            return ("found before",)
        measures = in_force(work, row, ports.now())
        return (
            *differences_of_case(row, version, measures, steps, ports.now()),
            *(name for one in of_case for name in stored_differences(ports, work, one)),
        )
    except CaseErased:
        return () if _is_lost(ports, work, case) else ("content",)


def _erase_singly(ports: Ports, due: Sequence[Case], day: date, left: dict[CaseId, Refusal]) -> int:
    """Erase each by itself: one that cannot be erased keeps no other. Raises when none could.

    Those that the keys of cases are wanted for, which are away, are ``left``, and those of which
    content was emptied.
    """
    done, failure = 0, None
    for one in due:
        try:
            done += _erase_all(ports, [one], day, left)
        except (CaseKeysUnavailable, OutOfService) as why:
            left[CaseId(one.originator, one.id)] = why
        except Refusal:
            raise
        except Exception as error:
            failure = error
    if failure is not None and not done:
        raise failure
    return done


def destroy_keys(ports: Ports) -> int:
    """Destroy the keys of erased cases that still stand; how many cases that were.

    Raises CaseKeysUnavailable; then this has to be done again. Raises OutOfService where, of what
    is left, the log tells no erasure: those keys stay.
    """
    done = 0
    while True:
        with ports.begin(TransactionMode.READ) as work:
            named = work.cases.doomed(PAGE)
            doomed = _unused(work, named)
        if not doomed and named:
            raise OutOfService(
                f"keys are to be destroyed of what the log says is not erased: {SEE_HANDOFF}"
            )
        if not doomed:
            return done
        ports.keys.destroy(doomed)
        with ports.begin(TransactionMode.WRITE) as work:
            work.cases.forget_keys(doomed)
            work.commit()
        done += len(doomed)


def _unused(work: UnitOfWork, keys: Sequence[UUID]) -> Sequence[UUID]:
    """Those of some keys by which nothing stored is encrypted, nor, by its row, a case without the
    event of its erasure."""
    used = {*work.cases.sealing(keys)}
    for key in keys:
        for case in work.cases.having(key):
            told = fold_case(work.cases.course(case.originator, case.id))
            if told.get("state") is not CaseState.ERASED:
                used.add(key)
    return [key for key in keys if key not in used]


def erase_restored(ports: Ports) -> int:
    """Erase cases, and copies, that are there again though their key is destroyed; how many were.

    So it is after an older copy of the database was put in place: nothing of them can be read,
    and this says so. Raises CaseKeysUnavailable, LogFrozen.
    """
    day, after, done = ports.reference_date(ports.now()).civil, None, 0
    while destroyed := ports.keys.destroyed(after, PAGE):
        after = destroyed[-1]
        with ports.begin(TransactionMode.READ) as work:
            back = [one for key in destroyed for one in work.cases.having(key)]
            copies = [of for key in destroyed if (of := work.retentions.having(key)) is not None]
        for case in back:
            with ports.begin(TransactionMode.WRITE) as work:
                found = work.cases.get(case.originator, case.id)
                if found is None or found.state is CaseState.ERASED or _opens(work, found):
                    continue
                erased = cases.erase(found, day, lost=True)
                _erase(ports, work, ports.new_id(), erased, "key destroyed", lost=True)
                work.commit()
            done += 1
        for of in copies:
            with ports.begin(TransactionMode.WRITE) as work:
                if (handoff := work.handoffs.get(of)) is None:
                    continue
                retention.end_and_record(ports, work, handoff, RetentionEnd.KEY_LOST)
                work.commit()
            done += 1
    return done


def _opens(work: UnitOfWork, case: Case) -> bool:
    """Tell whether the content of a case is there, whatever key its row names."""
    try:
        return work.cases.version(case.digest) is not None
    except CaseErased:
        return False


def destroy_orphan_keys(
    ports: Ports, after: UUID | None, compare: Callable[[UnitOfWork], None]
) -> UUID | None:
    """Destroy keys that nothing came to use; the newest key that was looked at.

    Begin after the one that was returned the time before. ``compare`` holds all rows against the
    log, in the transaction in which the keys are looked for: a row that was removed uses none, and
    it raises OutOfService. Raises CaseKeysUnavailable, LogFrozen: keys of a newer database than
    this one are not unused.
    """
    with ports.begin(TransactionMode.WRITE):
        pass  # refused when the log is frozen
    old = list[UUID]()
    with ports.begin(TransactionMode.READ) as work:
        while page := ports.keys.long_made(after, PAGE):
            after = page[-1]
            old += [key for key in page if not work.cases.having(key)]
        unused = _unused(work, old)
        if unused:
            compare(work)
    if unused:
        ports.keys.destroy(unused)
    return after


def _erase(
    ports: Ports,
    work: UnitOfWork,
    event: UUID,
    erased: Case,
    why: str,
    *,
    by: tuple[str, ...] = (),
    reason: str | None = None,
    lost: bool = False,
) -> int:
    """Take a case's content away and record it; how many events that made.

    ``why`` is ``due``, ``early`` or ``key destroyed``; ``by`` whom, and their ``reason``.
    The originator's is ``event``. Each recipient gets one for each handoff that it was offered,
    which names what it knows: the handoff, the digest of that version, and whether a copy is kept
    for it. Raises CaseKeysUnavailable where one cannot be made, and the case is not ``lost``;
    OutOfService where its day has come, and what a copy is made of was emptied.
    """
    closed = duties.close_of_case(work, erased.originator, erased.id, ports.now())
    try:
        kept = {} if lost else copies_at_erasure.keep(ports, work, erased, event)
        _keep_unheard(ports, work, erased, why)
    except CaseErased:
        if why == "due" and not _is_lost(ports, work, erased):
            raise OutOfService(_DIFFERS) from None
        kept = {}
    copies_at_erasure.end_unkept(ports, work, erased, kept)
    counted = work.cases.erase(replace(erased, revision=erased.revision + 1))
    events.record_by_gateway(
        ports,
        work,
        ERASE,
        events.gateway_and(erased.originator, role="originator"),
        said=_subject(erased, counted, why, reason),
        event=event,
        by=by or None,
        of=EventSubject.of_case(erased),
    )
    return 1 + _tell_recipients(ports, work, erased, kept, None if lost else closed)


def originators_day(work: UnitOfWork, case: Case, version: CaseVersion) -> date:
    """Return the day of erasure by the originator's word, its gateway's for a remote one: this
    gateway may end the case of such a one before."""
    days = [date.fromisoformat(version.summary["erase_on"])]
    for one in work.cases.course(case.originator, case.id):
        if one.type == ADVANCED and "peer_event" in one.details and "erase_on" in one.subject:
            days.append(date.fromisoformat(one.subject["erase_on"]))
    return min(days)


def _keep_unheard(ports: Ports, work: UnitOfWork, case: Case, why: str) -> None:
    """Keep what a remote originator did not hear, where its case ends here alone: it goes on there,
    and moves by no answer without its document."""
    remote = OrganisationName(case.originator).peer is not None
    found = work.cases.current(case.originator, case.id) if remote and why == "due" else None
    if found is not None:
        until = originators_day(work, *found)
        if ports.reference_date(ports.now()).civil < until:
            work.handoffs.keep_unheard(case.originator, case.id, until)


def _tell_recipients(
    ports: Ports,
    work: UnitOfWork,
    erased: Case,
    kept: Mapping[UUID, RetainedCopy],
    closed: Collection[HandoffDuty] | None,
) -> int:
    """Record the erasure for each recipient of the case, handoff by handoff; how many. What it
    leaves to do follows from the duties that it ``closed``; None: nothing is asked."""
    of_case, told = CaseId(erased.originator, erased.id), dict[UUID, UUID]()
    for one in work.handoffs.sent_of(erased.originator, erased.id):
        told[one.handoff] = ports.new_id()
        said = None
        if (copy := kept.get(one.handoff)) is not None:
            # Until when the holder may state a retention.
            waits = None if copy.grace_until is None else copy.grace_until.isoformat()
            said = {"copy": "waits", "until": waits} if waits else {"copy": "retained"}
        events.record_by_gateway(
            ports,
            work,
            ERASE,
            events.gateway_and(one.recipient, role="recipient"),
            said=said,
            event=told[one.handoff],
            of=EventSubject(one.handoff, one.case_digest, of_case),
        )
    if closed is not None:
        _ask_afterwards(ports, work, erased, told, closed=closed, kept=kept)
    return len(told)


def _ask_afterwards(
    ports: Ports,
    work: UnitOfWork,
    erased: Case,
    told: Mapping[UUID, UUID],
    *,
    closed: Collection[HandoffDuty],
    kept: Collection[UUID],
) -> None:
    """Begin what an erasure leaves to do, for copies of holders live on: the notice of a correction
    whose package was still owed, and the word that copies are erased of holders that act under no
    LED, and have ``kept`` nothing here."""
    unsent = {one.handoff for one in closed if one.kind is DutyKind.UPDATE}
    for one in work.handoffs.of_case(erased.originator, erased.id):
        found = work.organisations.get(one.recipient)
        asked = one.is_held and one.recall_answer is None and one.recall is None
        begins = [DutyKind.CORRECTION_NOTICE] if one.id in unsent else []
        if asked and one.id not in kept and found and "led" not in found.regimes:
            begins.append(DutyKind.COPIES_ERASED)
        for kind in begins:
            duties.owe(ports, work, one, kind, source=told[one.id], since=ports.now())


def _subject(erased: Case, counted: Erasure, why: str, reason: str | None) -> Mapping[str, Any]:
    """Return what was erased, by numbers; nothing of what it said."""
    subject = {
        "organisation": erased.originator,
        "case": str(erased.id),
        "versions": counted.versions,
        "statements": counted.statements,
        "why": why,
    }
    return subject if reason is None else {**subject, "reason": reason}


def _is_lost(ports: Ports, work: UnitOfWork, case: Case) -> bool:
    """Tell whether the case's key is gone, whatever became of it: then nobody reads it any more."""
    key = work.cases.key_of(case.originator, case.id)
    return key is not None and not ports.keys.states([key]).get(key, False)


def _destroyed_now(ports: Ports) -> str:
    try:
        destroy_keys(ports)
        begin_lost_again(ports)
    except Refusal:  # what was decided stands, and its receipt is returned
        return "will be destroyed by maintenance"
    return "destroyed"
