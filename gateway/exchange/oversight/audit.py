"""What is read of the log: by auditors on record, by each party its own events.

An auditor reads events with receipts, never content; each search is an event. Each member whose
events were shown learns of it by an event of its own, which names no other.

A search is decided twice: before it looks, and again in the transaction that records it, where
access that changed meanwhile makes it void. Nothing is shown before its record is in the log, and
nothing that its record does not name.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any
from uuid import UUID

from gateway.domain.audit import AuditFilters, CaseId, Coverage, coverage
from gateway.domain.audit_event import READABLE_EVENTS, EventDetail, Party
from gateway.domain.json_values import Asked
from gateway.domain.refusals import EditConflict, NotFound
from gateway.evidence import canonical, event, handoff_documents
from gateway.evidence.dated_statement import HEAD_TYP, issue_dated
from gateway.evidence.event import PARTY, EventDisclosure
from gateway.evidence.receipt import Receipt
from gateway.exchange import results
from gateway.kernel import events
from gateway.kernel.actors import GATEWAY
from gateway.kernel.changes import LOG
from gateway.kernel.ports import Ports, TransactionMode
from gateway.kernel.transact import (
    ActionRequest,
    RequestContext,
    WriteResult,
    authorize,
    deny_as_not_found,
    read,
    receipt_for,
    transact,
)
from gateway.kernel.values import Caller, EventMatch, LoggedEvent, LogQuery, TreeHead
from gateway.ledger import proof

ROWS_LOOKED_AT = 1000
"""Events that one search opens at most; where more may follow, its `next` goes on from there."""

MEMBERS_INFORMED = 100
"""Members that one search informs at most; where there are more, its `next` goes on from there."""


@dataclass(frozen=True)
class AuditSearch(Asked):
    """A search: who reads and why, what for, and which page.

    ``reason_code`` is one of domain.audit.REASON_CODES. ``after`` is the index of the last entry
    of the page before (-1 for none), ``before`` the size of the log that the first page saw (None
    for the first page), so that the pages of one search do not grow by the reads themselves.
    """

    by: str
    reason_code: str
    reason: str
    filters: AuditFilters = field(default_factory=AuditFilters)
    after: int = -1
    before: int | None = None
    limit: int = 20


@dataclass(frozen=True)
class VisibleEvent:
    """An event, and what of its details the audit access shows."""

    logged: LoggedEvent
    disclosures: tuple[EventDisclosure, ...]

    def members(self, reader: str) -> frozenset[str]:
        """The members that are shown as its parties, other than the one that reads."""
        parties = (d.value["organisation"] for d in self.disclosures if d.kind == PARTY)
        return frozenset(parties) - {reader, GATEWAY}

    def has(self, kind: str, wanted: str | None) -> bool:
        """Whether a detail that is shown has a value: what is withheld must not be found either."""
        if wanted is None:
            return True
        return any(wanted in _words(d.value) for d in self.disclosures if d.kind == kind)


@dataclass(frozen=True)
class _Page:
    """The events found under ``head``, below the index ``before``, of what ``coverage`` shows.

    ``last`` is the index that was looked at last, where more may follow.
    """

    coverage: Coverage
    events: tuple[VisibleEvent, ...]
    head: TreeHead
    before: int
    last: int | None

    @property
    def package_digest(self) -> str:
        """The digest over exactly the details that it shows."""
        return handoff_documents.package_digest(
            d.digest for one in self.events for d in one.disclosures
        )

    def until(self, before: int) -> "_Page":
        """The same page as it was when the log had ``before`` entries."""
        earlier = tuple(one for one in self.events if one.logged.index < before)
        last = self.last if self.last is not None and self.last < before else None
        return replace(self, events=earlier, before=min(self.before, before), last=last)


def search(ports: Ports, caller: Caller, key: str, reading: AuditSearch) -> WriteResult:
    """Search the log with the caller's audit access, and record that it was done.

    Raises EditConflict when the access changed while it was done, or since the first of the same
    requests: the answer shows exactly what the record names.
    """
    request = ActionRequest("audit.search", reading.by, key, reading.asked())
    page = read(ports, caller, request, lambda context: _look(context, reading))

    def act(context: RequestContext) -> Mapping[str, Any]:
        if _covered(context, reading) != page.coverage:
            raise EditConflict("your audit access changed while the log was read: search again")
        _record(context, reading, page)
        return {}

    def on_retry(context: RequestContext, logged: LoggedEvent) -> Mapping[str, Any]:
        nonlocal page
        _covered(context, reading)
        # As the log was when the search that is recorded looked at it.
        page = page.until(int(logged.subject.get("before", logged.index)))
        if page.package_digest != event.read(logged.event.document).get("package_digest"):
            raise EditConflict(
                "your audit access changed since this was read: search again under a new key"
            )
        return {}

    written = transact(ports, caller, request, act, on_retry)
    return replace(written, result=_result(ports, page))


def _covered(context: RequestContext, reading: AuditSearch) -> Coverage:
    """What the caller's audit access covers now, once that has all that is asked for by name."""
    grants = context.organisation.audit_access
    found = coverage(grants, reading.by, context.today.day, context.now)
    authorize(context, LOG, {"covered": _reaches(context, found, reading.filters)})
    return found


def _reaches(context: RequestContext, found: Coverage, filters: AuditFilters) -> bool:
    """Whether what is asked for by name lies in the coverage; the rest is cut down to it."""
    if found.empty:
        return False
    organisation, case = filters.organisation, filters.case
    return (
        # A covered case shows its events whoever takes part in them.
        (organisation is None or bool(found.cases) or found.reaches_member(organisation))
        # A covered member shows what it took part in, also in the cases of others.
        and (case is None or bool(found.members) or found.reaches_case(case))
        and (filters.handoff is None or _reaches_handoff(context, found, filters.handoff))
    )


def _reaches_handoff(context: RequestContext, found: Coverage, handoff: UUID) -> bool:
    """Whether a handoff is covered; one that does not exist is not."""
    if found.whole:
        return True
    one = context.work.handoffs.get(handoff)
    if one is None:
        return False
    parties = frozenset({one.originator, one.address.organisation})
    return found.reaches_case(CaseId(one.originator, one.case)) or bool(parties & found.members)


def _look(context: RequestContext, reading: AuditSearch) -> _Page:
    found = _covered(context, reading)
    head = context.work.log.head()
    before = head.size if reading.before is None else min(reading.before, head.size)
    visible: list[VisibleEvent] = []
    informed: frozenset[str] = frozenset()
    last: int | None = reading.after
    for looked, one in enumerate(_rows(context, _query(found, reading, before))):
        if len(visible) == reading.limit or looked == ROWS_LOOKED_AT:
            break
        shown = _shown(context, found, one)
        if shown is not None and _fits(shown, reading.filters):
            informed |= shown.members(context.caller.organisation)
            if len(informed) > MEMBERS_INFORMED:
                break
            visible.append(shown)
        last = one.index
    else:
        last = None
    return _Page(found, tuple(visible), head, before, last)


def _query(found: Coverage, reading: AuditSearch, before: int) -> LogQuery:
    action = reading.filters.action
    return LogQuery(
        **vars(reading.filters),
        coverage=found,
        limit=reading.limit + 1,
        before=before,
        after=reading.after,
        typ=None if action is None else READABLE_EVENTS[action][0],
    )


def _rows(context: RequestContext, query: LogQuery) -> Iterator[EventMatch]:
    """All that a query finds, page by page as it is iterated."""
    while rows := context.work.log.search(query):
        yield from rows
        if len(rows) < query.limit:
            return
        query = replace(query, after=rows[-1].index)


def _shown(context: RequestContext, found: Coverage, one: EventMatch) -> VisibleEvent | None:
    """An event with what is covered of its details; None once its document was erased."""
    logged = context.work.log.logged(one.event)
    if logged is None:
        return None
    details = logged.event.disclosures
    return VisibleEvent(
        logged, tuple(d for d in details if found.shows(d.readers, of_case=one.of_case))
    )


def _fits(shown: VisibleEvent, filters: AuditFilters) -> bool:
    return (
        shown.has(PARTY, filters.organisation)
        and shown.has("by", filters.person)
        and shown.has("rules", filters.rule)
    )


def _words(value: Any) -> tuple[str, ...]:
    """A detail's value as the words that filters name: of a party, its organisation."""
    match value:
        case {"organisation": str(organisation)}:
            return (organisation,)
        case list() | tuple():
            return tuple(value)
        case _:
            return (str(value),)


def _record(context: RequestContext, reading: AuditSearch, page: _Page) -> None:
    """Record who read and why, what was searched for, and exactly which details were shown."""
    reader = frozenset({context.caller.organisation})
    place = {"after": reading.after, "before": page.before}
    asked = {"filters": reading.filters.asked(), **place}
    context.record(
        (Party(context.caller.organisation, "actor"), Party(GATEWAY, "gateway")),
        EventDetail("reason_code", reading.reason_code, reader),
        EventDetail("reason", reading.reason, reader),
        EventDetail("subject", canonical.encode(asked).decode(), reader),
        package_digest=page.package_digest,
    )
    _inform(context, reading, page)


def _inform(context: RequestContext, reading: AuditSearch, page: _Page) -> None:
    """Tell each member how many events in which it takes part were read, by whom and what for.

    One event for each: its parties would tell members of each other.
    """
    auditor = context.caller.organisation
    read_of = Counter(member for one in page.events for member in one.members(auditor))
    for member, number in sorted(read_of.items()):
        known = {"auditor": auditor, "reason_code": reading.reason_code, "events": number}
        told = (Party(member, "concerned"),)
        events.record_by_gateway(context.ports, context.work, "audit.inform", told, said=known)


def _result(ports: Ports, page: _Page) -> results.AuditedEventResult:
    note = ports.checkpoint_signer.sign(page.head)
    return results.AuditedEventResult(
        events=[
            results.AuditEntry(one.logged.index, one.logged.event.id, _receipt(one, note))
            for one in page.events
        ],
        next=None if page.last is None else results.Position(page.last, page.before),
    )


def _receipt(one: VisibleEvent, note: str) -> Receipt:
    logged = one.logged
    text = proof.encode(proof.TlogProof(logged.index, logged.proof, note))
    shown = tuple(d.encoded for d in one.disclosures)
    return Receipt(logged.event.document, logged.event.nonce, shown, text)


# --- A party's own events and their receipts ---


def look_up_receipt(ports: Ports, caller: Caller, event: UUID) -> Receipt:
    """The receipt of an event for one of its parties, proved at the log's present head."""

    def query(context: RequestContext) -> LoggedEvent:
        logged = context.work.log.logged(event)
        if logged is None:
            deny_as_not_found()
        details = logged.event.disclosures
        party = any(d.kind == "party" and caller.organisation in d.readers for d in details)
        authorize(context, LOG, {"party": party})
        return logged

    logged = read(ports, caller, ActionRequest("receipt.read"), query)
    return receipt_for(ports, logged, caller.organisation)


def of_gateway(ports: Ports, event: UUID) -> Receipt:
    """The receipt of an event as the gateway itself reads it, on its own host; NotFound."""
    with ports.begin(TransactionMode.READ) as work:
        logged = work.log.logged(event)
    if logged is None:
        raise NotFound("the log has no event with this id")
    return receipt_for(ports, logged, GATEWAY)


def stream(ports: Ports, caller: Caller, after: int, limit: int) -> results.EventPage:
    """The caller's own events after a counter, with receipts; ``head`` is its last counter.

    A stream without gaps from 1 to ``head`` is complete; ``signed_head`` is the
    gateway's signed and dated statement of it.
    """

    def query(context: RequestContext) -> tuple[int, TreeHead, Sequence[tuple[int, LoggedEvent]]]:
        authorize(context, LOG)
        log = context.work.log
        found = log.read_stream(caller.organisation, after, limit)
        return log.last_number(caller.organisation), log.head(), found

    head, state, found = read(ports, caller, ActionRequest("events.read"), query)
    # One for all: each was found in the log as it was then.
    note = ports.checkpoint_signer.sign(state)
    signed = issue_dated(
        HEAD_TYP,
        issuer=ports.issuer,
        organisation=caller.organisation,
        stream_number=head,
        note=note,
        at=ports.now(),
        signer=ports.attester,
        random=ports.random,
    )
    return results.EventPage(
        head=head,
        signed_head=signed.compact(),
        events=[
            results.StreamEntry(
                stream_number, logged.event.id, logged.receipt(note, caller.organisation)
            )
            for stream_number, logged in found
        ],
        next=None,
    )
