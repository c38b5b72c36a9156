"""The end of a case's content: on its day by the gateway itself, before it by two administrators.

First the decision is made durable, with its event; then the case's key is destroyed. Whatever stops
in between, maintenance goes on from there: the database knows which keys are doomed. The other way
round, a key could be gone on a decision that never counted (ADR 0012).
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from uuid import UUID

from gateway.actions import administration
from gateway.actions.authorization import GATEWAY, Written, receipt_for
from gateway.actions.errand import Errand, earlier, remember
from gateway.actions.ports import Mode, Ports, Work
from gateway.actions.records import Erasure, Sent
from gateway.actions.registry.desk import Change, Desk, Form, prose, uuid
from gateway.domain import case as cases
from gateway.domain.case import Case, CaseState
from gateway.domain.facts import Detail, Fact, Party, Result
from gateway.domain.refusals import NotFound, Refusal
from gateway.evidence import canonical

ACTION = "case.erase"

AT_ONCE = 50
"""Cases that are erased in one transaction: writers wait meanwhile."""

EVENTS_AT_ONCE = 200
"""Events after which a transaction takes no further case: each handoff has one."""

PAGE = 500
"""Keys that are looked at together."""

LONGEST_REASON = 200
"""Characters."""


def _reason(value: object) -> str:
    said = prose(value)
    if len(said) > LONGEST_REASON:
        raise ValueError
    return said


FORM = Form({"case": uuid, "reason": _reason})
"""Which case, and why it is erased by hand."""


@dataclass(frozen=True)
class _Why:
    """Why a case is erased: ``due``, ``early`` or ``key destroyed``; by whom, and their reason."""

    code: str
    by: tuple[str, ...] = ()
    reason: str | None = None


def erase(
    ports: Ports,
    change: Change,
    approvals: Sequence[str],
    errand: Errand | None = None,
    *,
    proposal: UUID | None = None,
) -> Written:
    """Erase one case on the word of administrators: two of them before its day.

    ``change`` is about the originator; its values are the case's id and a reason. A case that its
    originator did not close is erased only when its day has come, or its key is lost anyway.
    ``key`` of the result tells whether the key is destroyed by now. ``errand`` and ``proposal``
    are as for `administration.administer`, and so is what is raised; KeysUnavailable besides.
    """
    administration.require_change(change, {ACTION: FORM})
    heard = list[str]()
    try:
        return _erase_by_hand(ports, change, approvals, heard, errand=errand, proposal=proposal)
    except administration.RECORDED as refusal:
        persons = tuple(dict.fromkeys(heard))
        raise administration.record_refusal(ports, change, refusal, persons) from refusal


def _erase_by_hand(
    ports: Ports,
    change: Change,
    approvals: Sequence[str],
    heard: list[str],
    *,
    errand: Errand | None,
    proposal: UUID | None,
) -> Written:
    with ports.begin(Mode.REGISTRY) as work:
        logged = earlier(ports, work, change, errand)
        if logged is None:
            administration.require_open(work, proposal)
            desk = administration.desk_of(ports, work, change, FORM, approvals, heard=heard)
            _erase_at(ports, desk)
            remember(ports, work, change, errand, desk.event)
            administration.close(work, proposal, desk.event)
            logged = next(one for one in work.commit() if one.event.id == desk.event)
    receipt = receipt_for(ports, logged, GATEWAY)
    told = {"case": change.values["case"], "state": str(CaseState.ERASED)}
    return Written({"event": str(logged.event.id), **told, "key": _destroyed_now(ports)}, receipt)


def _erase_at(ports: Ports, desk: Desk) -> None:
    """Ask policy, then take the case's content away, and record it; Forbidden."""
    today, day = ports.legal_day(desk.now), civil_day(ports, desk.now)
    reason, originator = desk.said["reason"], desk.change.organisation
    found = desk.work.cases.get(originator, desk.said["case"])
    if found is None:
        raise NotFound("that organisation has no such case here")
    due = cases.is_due(found, day)
    organisation = desk.work.organisations.get(originator)
    administration.require_allowed(ports.policy, desk, organisation, today, due=due)
    lost = _is_lost(ports, desk.work, found)
    why = _Why("due" if due else "early", desk.persons, reason)
    erased = cases.erase(found, day, lost=lost)
    _erase(ports, desk.work, desk.event, erased, why)


def erase_due(ports: Ports) -> int:
    """Erase cases whose day has come, as many as one transaction should; how many were.

    Raises KeysUnavailable when their keys still have to be destroyed, Frozen, Busy; and whatever
    is wrong with those that are left, once nothing else is.
    """
    day = civil_day(ports, ports.now())
    with ports.begin(Mode.READ) as work:
        due = work.cases.due(day, AT_ONCE)
    if not due:
        return 0
    try:
        done = _erase_all(ports, due, day)
    except Refusal:
        raise
    except Exception:
        done = _erase_singly(ports, due, day)
    destroy_keys(ports)
    return done


def _erase_all(ports: Ports, due: Sequence[Case], day: date) -> int:
    done = events = 0
    with ports.begin(Mode.WRITE) as work:
        # In one order everywhere, for each is locked until the end.
        for one in sorted(due, key=lambda case: (case.originator, case.id)):
            found = work.cases.get(one.originator, one.id)
            if found is None or found.state is CaseState.ERASED or not cases.is_due(found, day):
                continue  # it has changed, or another node was faster
            events += _erase(ports, work, ports.new_id(), cases.erase(found, day), _Why("due"))
            done += 1
            if events >= EVENTS_AT_ONCE:
                break  # the others come next
        work.commit()
    return done


def _erase_singly(ports: Ports, due: Sequence[Case], day: date) -> int:
    """Erase each by itself: one that cannot be erased keeps no other. Raises when none could."""
    done, failure = 0, None
    for one in due:
        try:
            done += _erase_all(ports, [one], day)
        except Refusal:
            raise
        except Exception as error:
            failure = error
    if failure is not None and not done:
        raise failure
    return done


def destroy_keys(ports: Ports) -> int:
    """Destroy the keys of erased cases that still stand; how many cases that were.

    Raises KeysUnavailable; then this has to be done again.
    """
    done = 0
    while True:
        with ports.begin(Mode.READ) as work:
            doomed = work.cases.doomed(PAGE)
        if not doomed:
            return done
        ports.keys.destroy(doomed)
        with ports.begin(Mode.WRITE) as work:
            work.cases.forget_keys(doomed)
            work.commit()
        done += len(doomed)


def erase_again(ports: Ports) -> int:
    """Erase cases that are there again though their key is destroyed; how many were.

    So it is after an older copy of the database was put in place: nothing of them can be read,
    and this says so. Raises KeysUnavailable, Frozen.
    """
    day, after, done = civil_day(ports, ports.now()), None, 0
    while destroyed := ports.keys.destroyed(after, PAGE):
        after = destroyed[-1]
        with ports.begin(Mode.READ) as work:
            back = [case for key in destroyed if (case := work.cases.having(key)) is not None]
        for one in back:
            done += _erase_again(ports, one, day)
    return done


def _erase_again(ports: Ports, one: Case, day: date) -> bool:
    with ports.begin(Mode.WRITE) as work:
        found = work.cases.get(one.originator, one.id)
        if found is None or found.state is CaseState.ERASED:
            return False
        erased = cases.erase(found, day, lost=True)
        _erase(ports, work, ports.new_id(), erased, _Why("key destroyed"))
        work.commit()
    return True


def destroy_unused(ports: Ports, after: UUID | None) -> UUID | None:
    """Destroy keys that no case came to use; the newest key that was looked at.

    Begin after the one that was returned the time before. Raises KeysUnavailable, Frozen: keys of
    a newer database than the one at hand are not unused.
    """
    while old := ports.keys.long_made(after, PAGE):
        after = old[-1]
        with ports.begin(Mode.WRITE) as work:  # refused when the log is frozen; nothing is written
            unused = [key for key in old if work.cases.having(key) is None]
        if unused:
            ports.keys.destroy(unused)
    return after


def civil_day(ports: Ports, now: datetime) -> date:
    """Today in the gateway's civil time zone; a simulated date neither hastens nor puts off."""
    today = ports.legal_day(now)
    return now.date() if today.simulated else today.day


def _erase(ports: Ports, work: Work, event: UUID, erased: Case, why: _Why) -> int:
    """Take a case's content away and record it; how many events that made.

    The originator's is ``event``. Each office is told by one of its own for each handoff that it
    was offered, in the words that it knows: the handoff, and the digest of that version.
    """
    counted = work.cases.erase(replace(erased, revision=erased.revision + 1))
    sent = work.handoffs.sent_of(erased.originator, erased.id)
    gateway = frozenset({GATEWAY})
    by = (Detail("by", why.by, gateway),) if why.by else ()
    subject = Detail("subject", _told(erased, counted, why), gateway | {erased.originator})
    own = Fact(
        id=event,
        action=ACTION,
        result=Result.ALLOWED,
        parties=(Party(GATEWAY, "gateway"), Party(erased.originator, "originator")),
        details=(*by, subject),
        case_digest=erased.digest,
        simulated_date=ports.legal_day(ports.now()).simulated_date,
    )
    work.log.record(own)
    for one in sent:
        work.log.record(_to_office(own, ports.new_id(), one))
    return 1 + len(sent)


def _to_office(own: Fact, event: UUID, sent: Sent) -> Fact:
    """The same erasure, as the office learns it to which a handoff went."""
    return replace(
        own,
        id=event,
        parties=(Party(GATEWAY, "gateway"), Party(sent.recipient, "recipient")),
        details=(),
        handoff=sent.handoff,
        case_digest=sent.case_digest,
    )


def _told(erased: Case, counted: Erasure, why: _Why) -> str:
    """What was erased, by numbers; nothing of what it said."""
    told = {
        "organisation": erased.originator,
        "case": str(erased.id),
        "versions": counted.versions,
        "statements": counted.statements,
        "why": why.code,
    }
    reason = {} if why.reason is None else {"reason": why.reason}
    return canonical.encode({**told, **reason}).decode()


def _is_lost(ports: Ports, work: Work, case: Case) -> bool:
    """Whether the case's key is gone, whatever became of it: then nobody reads it any more."""
    key = work.cases.key_of(case.originator, case.id)
    return key is not None and not ports.keys.states([key]).get(key, False)


def _destroyed_now(ports: Ports) -> str:
    try:
        destroy_keys(ports)
    except Refusal:  # what was decided stands, and its receipt is told
        return "will be destroyed by maintenance"
    return "destroyed"
