"""What is read of the log: by auditors on record, by each party its own events.

An auditor reads events with receipts, never content. A search is one event, however many events it
finds: it names who reads, why and what for, and by a digest exactly the details that its pages
show. Each member whose events were found learns of it once, by an event of its own, which names no
other.

A search is decided twice: before it looks, and again in the transaction that records it, where
access that changed meanwhile makes it void. Only then are its pages read, for a day; each is held
against what the record says of it, so that nothing is shown that the record does not name. Pages
that nobody reads count as read: what an auditor may have seen is what was recorded.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from functools import cached_property
from itertools import islice
from typing import Any, NamedTuple
from uuid import UUID

from gateway.domain.audit import AuditFilters, CaseId, CaseReference, Coverage, coverage
from gateway.domain.audit_event import READABLE_EVENTS, EventDetail, EventResult, Party
from gateway.domain.audit_topics import CountedTopic, EventFacts, count
from gateway.domain.json_values import Asked, parse_timestamp, read_record, to_json
from gateway.domain.refusals import EditConflict, ValidationFailed
from gateway.evidence import base64url, canonical, event, handoff_documents
from gateway.evidence.dated_statement import HEAD_TYP, issue_dated
from gateway.evidence.event import PARTY, EventDisclosure
from gateway.evidence.receipt import Receipt
from gateway.exchange.case.cases import reference
from gateway.exchange.oversight import results
from gateway.kernel import events
from gateway.kernel.actors import GATEWAY
from gateway.kernel.changes import LOG, read_as_operator
from gateway.kernel.ports import Ports
from gateway.kernel.request import (
    ActionRequest,
    OnHost,
    RequestContext,
    authorize,
    deny_as_not_found,
)
from gateway.kernel.transact import WriteResult, read, receipt_for, transact
from gateway.kernel.values import (
    Caller,
    Confirmation,
    ConfirmationKind,
    EventMatch,
    LoggedEvent,
    LogQuery,
    Reader,
    TreeHead,
)
from gateway.ledger import tiles
from gateway.ledger.note import encode_base64, parse_checkpoint, split

SEARCH = "audit.search"

PAGE = 100
"""Events of one page, where a search does not ask for fewer."""

MOST_EVENTS = 5000
"""Events that one search opens at most; where more may follow, its `next` goes on from there."""

MEMBERS_INFORMED = 500
"""Members that one search informs at most; where there are more, its `next` goes on from there."""

OPEN_FOR = timedelta(days=1)
"""How long the pages of a search can be read."""


@dataclass(frozen=True)
class AuditSearch(Asked):
    """A search: who reads and why, what for, and where it begins.

    ``reason_code`` is one of domain.audit.SEARCH_REASONS. ``reference`` names a case in place of a
    filter. ``after`` is the index of the entry before the first that counts (-1 for none),
    ``before`` the size of the log that counts (None for all of it): so a search that goes on where
    another ended does not find the record of that one. ``page_size`` are the events of a page.
    """

    by: str
    reason_code: str
    reason: str
    filters: AuditFilters = field(default_factory=AuditFilters)
    reference: CaseReference | None = None
    after: int = -1
    before: int | None = None
    limit: int = MOST_EVENTS
    page_size: int = PAGE


@dataclass(frozen=True)
class VisibleEvent:
    """An event, and what of its details the audit access shows."""

    logged: LoggedEvent
    disclosures: tuple[EventDisclosure, ...]

    @property
    def digests(self) -> list[str]:
        """The digests of what is shown."""
        return [one.digest for one in self.disclosures]

    def members(self, reader: str) -> frozenset[str]:
        """The members that are shown as its parties, other than the one that reads."""
        parties = (d.value["organisation"] for d in self.disclosures if d.kind == PARTY)
        return frozenset(parties) - {reader, GATEWAY}

    @cached_property
    def facts(self) -> EventFacts:
        """Return what is shown of it, by which it is counted."""
        told = event.read(self.logged.event.document)
        parties = [one.value for one in self.disclosures if one.kind == PARTY]
        details = {one.kind: one.value for one in self.disclosures if one.kind != PARTY}
        return EventFacts(told["type"], told["result"], parties, details)

    def has(self, kind: str, wanted: str | None) -> bool:
        """Tell whether a detail that is shown has a value: what is withheld must not be found
        either."""
        if wanted is None:
            return True
        return any(wanted in _words(d.value) for d in self.disclosures if d.kind == kind)

    def receipt(self, note: str) -> Receipt:
        """The receipt with what is shown; ``note`` is of the head at which it is proved."""
        shown = tuple(one.encoded for one in self.disclosures)
        return replace(self.logged.receipt(note, ""), disclosures=shown)


@dataclass(frozen=True)
class _Page:
    """A page as a search records it: the index of the entry before its first one, and the digest
    over exactly the details that it shows."""

    after: int
    package: str


@dataclass(frozen=True)
class _TopicPages:
    """A topic as a search records it: what it counts, and the pages of its events alone."""

    counted: CountedTopic
    pages: tuple[_Page, ...]


@dataclass(frozen=True)
class _Found:
    """What a search found of what ``coverage`` shows; by topics, where these were asked for.

    ``before`` is the size of the log that counted, ``end`` the index up to which it looked, less
    where more may follow. ``members`` counts the events of each member. ``unknown`` are filters
    that fit nothing, whatever the others.
    """

    coverage: Coverage
    filters: AuditFilters
    pages: tuple[_Page, ...]
    topics: tuple[_TopicPages, ...]
    package_digest: str
    events: int
    members: Counter[str]
    before: int
    end: int
    unknown: tuple[str, ...]


def search(ports: Ports, caller: Caller, key: str, reading: AuditSearch) -> WriteResult:
    """Search the log with the caller's audit access, and record it; `look_up_page` shows what was
    found.

    Raises EditConflict when the access changed while it was done.
    """
    request = ActionRequest(SEARCH, reading.by, key, reading.asked())

    def query(context: RequestContext) -> _Found | None:
        filters, named = reading.filters, reading.reference
        if named is not None:  # no case at all where none has it
            digest = reference(context.ports, named.originator, named.reference)
            case = context.work.cases.referred_to(named.originator, digest) or UUID(int=0)
            filters = replace(filters, case=CaseId(named.originator, case))
        covered = _covered(context, reading.by, filters)
        # What is answered by an earlier record, or not at all, is not looked for.
        done = context.work.retries.get(caller.organisation, key)
        return None if done else _find(context, reading, filters, covered)

    found = read(ports, caller, request, query)

    def act(context: RequestContext) -> Mapping[str, Any]:
        if found is None or _covered(context, reading.by, found.filters) != found.coverage:
            raise EditConflict("your audit access changed while the log was read: search again")
        _record(context, reading, found)
        more = results.Position(found.end - 1, found.before) if found.end < found.before else None
        counted = (found.events, len(found.pages), found.end)
        told = results.AuditSearchResult(context.event, *counted, list(found.unknown), more)
        return dict(to_json(told))

    return transact(ports, caller, request, act)


def _covered(context: RequestContext, by: str, filters: AuditFilters) -> Coverage:
    """Return what the caller's audit access covers now, once that has all that is asked for by
    name."""
    grants = context.organisation.audit_access
    found = coverage(grants, by, context.today.day, context.now)
    authorize(context, LOG, {"covered": _reaches(context, found, filters)})
    return found


def _reaches(context: RequestContext, found: Coverage, filters: AuditFilters) -> bool:
    """Tell whether what is asked for by name lies in the coverage; the rest is cut down to it."""
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
    """Tell whether a handoff is covered; one that does not exist is not."""
    if found.whole:
        return True
    one = context.work.handoffs.get(handoff)
    if one is None:
        return False
    parties = frozenset({one.originator, one.address.organisation})
    return found.reaches_case(CaseId(one.originator, one.case)) or bool(parties & found.members)


def _find(
    context: RequestContext, reading: AuditSearch, filters: AuditFilters, covered: Coverage
) -> _Found:
    """Find events up to a bound, and remember of each only where it is, and what it shows."""
    size = context.work.log.head().size
    before = size if reading.before is None else min(reading.before, size)
    found: list[_PlacedEvent] = []
    members: Counter[str] = Counter()
    end = reading.after + 1
    query = _query(covered, filters, reading.after, before)
    for looked, (index, shown) in enumerate(_visible(context, query)):
        if len(found) == reading.limit or looked == MOST_EVENTS:
            break
        if shown is not None:
            heard = shown.members(context.caller.organisation)
            if len(members.keys() | heard) > MEMBERS_INFORMED:
                break
            members.update(heard)
            facts = shown.facts if filters.topics else None
            found.append(_PlacedEvent(index, shown.digests, facts))
        end = index + 1
    else:
        end = before
    return _Found(
        covered,
        filters,
        _pages_of(found, reading.page_size),
        _topics_of(filters, found, reading.page_size),
        handoff_documents.package_digest(one for event in found for one in event.digests),
        len(found),
        members,
        before,
        end,
        () if found else _unknown(context, covered, filters, before),
    )


class _PlacedEvent(NamedTuple):
    """Where an event is, and what it shows; ``facts`` where it is counted by topics."""

    at: int
    digests: Sequence[str]
    facts: EventFacts | None


def _pages_of(found: Sequence[_PlacedEvent], size: int) -> tuple[_Page, ...]:
    """Events by pages of a size, in the order of the log."""
    parts = (found[n : n + size] for n in range(0, len(found), size))
    return tuple(
        _Page(
            part[0].at - 1,
            handoff_documents.package_digest(one for event in part for one in event.digests),
        )
        for part in parts
    )


def _topics_of(
    filters: AuditFilters, found: Sequence[_PlacedEvent], size: int
) -> tuple[_TopicPages, ...]:
    """The topics that were asked for, each counted, and with the pages of its events."""
    told = [(one, one.facts, one.facts.topics()) for one in found if one.facts is not None]
    return tuple(
        _TopicPages(
            one, _pages_of([event for event, _, topics in told if one.topic in topics], size)
        )
        for one in count(filters.topics, (facts for _, facts, _ in told))
    )


def _unknown(
    context: RequestContext, covered: Coverage, filters: AuditFilters, before: int
) -> tuple[str, ...]:
    """The filters that fit nothing of what is covered, even alone: a person, a case, or a rule that
    the policies do not have either. So a wrong name is no answer of "none"."""
    unknown = []
    for name in ("person", "case", "rule"):
        value = getattr(filters, name)
        if value is None or (name == "rule" and value in context.ports.policy.rules):
            continue
        alone = _query(covered, AuditFilters(**{name: value}), -1, before)
        looked = islice(_visible(context, alone), MOST_EVENTS)
        if not any(shown is not None for _, shown in looked):
            unknown.append(name)
    return tuple(unknown)


def _query(found: Coverage, filters: AuditFilters, after: int, before: int) -> LogQuery:
    types = tuple(READABLE_EVENTS[action][0] for action in filters.actions)
    return LogQuery(
        **vars(filters), coverage=found, limit=PAGE, after=after, before=before, types=types
    )


def _visible(
    context: RequestContext, query: LogQuery, head: TreeHead | None = None
) -> Iterator[tuple[int, VisibleEvent | None]]:
    """The index of each event that a query finds, page by page as it is iterated; with the event,
    where what is shown of it fits the filters, proved at a head."""
    while rows := context.work.log.search(query):
        for one in rows:
            shown = _shown(context, query.coverage, one, head)
            yield one.index, shown if shown is not None and _fits(shown, query) else None
        if len(rows) < query.limit:
            return
        query = replace(query, after=rows[-1].index)


def _shown(
    context: RequestContext, found: Coverage, one: EventMatch, head: TreeHead | None
) -> VisibleEvent | None:
    """An event with what is covered of its details; None once its document was erased."""
    logged = context.work.log.logged(one.event, head)
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
        and (not filters.topics or not shown.facts.topics().isdisjoint(filters.topics))
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


def _record(context: RequestContext, reading: AuditSearch, found: _Found) -> None:
    """Record who read and why, what was searched for, and exactly which details are shown."""
    auditor = context.caller.organisation
    reader = frozenset({auditor})
    asked = {
        "filters": found.filters.asked(),
        "after": reading.after,
        "before": found.end,
        "size": found.before,
        "events": found.events,
        "page_size": reading.page_size,
        "pages": to_json(found.pages),
    }
    if found.topics:
        asked["topics"] = to_json(found.topics)
    context.record(
        (Party(auditor, "actor"), Party(GATEWAY, "gateway")),
        EventDetail("reason_code", reading.reason_code, reader),
        EventDetail("reason", reading.reason, reader),
        EventDetail("subject", canonical.encode(asked).decode(), reader),
        package_digest=found.package_digest,
    )
    # One event for each member: its parties would tell members of each other.
    for member, number in sorted(found.members.items()):
        known = {"auditor": auditor, "reason_code": reading.reason_code, "events": number}
        told = (Party(member, "concerned"),)
        events.record_by_gateway(context.ports, context.work, "audit.inform", told, said=known)


# --- The pages of a search that was recorded ---


@dataclass(frozen=True)
class _RecordedSearch:
    """A search of the caller as the log has it: for whom, why, and what it found.

    ``size`` is that of the log that counted, ``before`` where it stopped to look."""

    logged: LoggedEvent
    by: str
    reason_code: str
    reason: str
    filters: AuditFilters
    before: int
    size: int
    events: int
    page_size: int
    pages: tuple[_Page, ...]
    topics: tuple[_TopicPages, ...]

    def pages_of(self, topic: str | None) -> tuple[_Page, ...]:
        """Its pages, or those of a topic: none of one that was not asked for."""
        if topic is None:
            return self.pages
        return next((one.pages for one in self.topics if one.counted.topic == topic), ())


def look_up_page(
    ports: Ports,
    caller: Caller,
    search: UUID,
    number: int,
    *,
    topic: str | None = None,
    size: int | None = None,
) -> results.AuditPage:
    """The events of a page of one's own search, the first is 1, with receipts; no event of its own.

    With a ``topic`` the pages are those of its events alone. ``size`` is that of the checkpoint to
    which receipts lead; by default the newest. The audit access must cover the search still.

    Raises EditConflict when the search is older than `OPEN_FOR`, or what it found is not shown any
    more as its record says: then search again; ValidationFailed for a page that it has not, and a
    size that does not have the search.
    """

    def query(context: RequestContext) -> tuple[TreeHead, int, list[VisibleEvent]]:
        recorded = _recorded(context, search)
        covered = _covered(context, recorded.by, recorded.filters)
        pages, head = recorded.pages_of(topic), context.work.log.head_at(size)
        if not 1 <= number <= len(pages):
            raise ValidationFailed((("/page", f"the search has {len(pages)} pages"),))
        if head.size <= recorded.logged.index:
            raise ValidationFailed((("/size", "ends before the search"),))
        filters = replace(recorded.filters, topics=(topic,)) if topic else recorded.filters
        asked = _query(covered, filters, pages[number - 1].after, recorded.before)
        asked = replace(asked, limit=recorded.page_size)
        return head, len(pages), _read_page(context, asked, pages[number - 1], head)

    head, pages, found = read(ports, caller, ActionRequest("audit.read"), query)
    note = ports.checkpoint_signer.sign(head)
    entries = [
        results.AuditEntry(one.logged.index, one.logged.event.id, one.receipt(note))
        for one in found
    ]
    return results.AuditPage(search, number, pages, entries)


def _read_page(
    context: RequestContext, asked: LogQuery, page: _Page, head: TreeHead
) -> list[VisibleEvent]:
    """The events of a page, held against its record; EditConflict."""
    found: list[VisibleEvent] = []
    for _, shown in _visible(context, asked, head):
        found += [] if shown is None else [shown]
        if len(found) == asked.limit:
            break
    digests = (digest for one in found for digest in one.digests)
    if handoff_documents.package_digest(digests) != page.package:
        raise EditConflict(
            "what this search found is not shown any more as it was recorded (your audit access "
            "changed, or details ended with their term): search again"
        )
    return found


def summarise(ports: Ports, caller: Caller, search: UUID) -> results.AuditSummary:
    """One's own search as a whole: what was asked and counted, its receipt, and who confirmed the
    log; no event of its own. What it found is read and held as `look_up_page` does."""

    def query(
        context: RequestContext,
    ) -> tuple[_RecordedSearch, TreeHead, list[results.LogConfirmation], int]:
        recorded = _recorded(context, search)
        _covered(context, recorded.by, recorded.filters)
        log, kept = context.work.log, context.work.confirmations
        stamps = kept.first_beyond(ConfirmationKind.STAMP, recorded.logged.index)
        found = (*kept.of(ConfirmationKind.COSIGNATURE), *stamps)
        out = context.work.organisations.out_of_service()
        return recorded, log.head(), [_confirmation(context, one) for one in found], len(out)

    recorded, head, confirmed, out = read(ports, caller, ActionRequest("audit.read"), query)
    more = recorded.before < recorded.size
    return results.AuditSummary(
        search=search,
        by=recorded.by,
        reason_code=recorded.reason_code,
        reason=recorded.reason,
        filters=recorded.filters.asked(),
        events=recorded.events,
        pages=len(recorded.pages),
        topics=[
            results.AuditTopicSummary(**vars(one.counted), pages=len(one.pages))
            for one in recorded.topics
        ],
        next=results.Position(recorded.before - 1, recorded.size) if more else None,
        receipt=recorded.logged.receipt(ports.checkpoint_signer.sign(head), caller.organisation),
        size=head.size,
        confirmed=confirmed,
        out_of_service=out,
    )


def _confirmation(context: RequestContext, one: Confirmation) -> results.LogConfirmation:
    """Return what somebody confirmed of the log, with the path from there to its head."""
    log, cosigned = context.work.log, one.kind is ConfirmationKind.COSIGNATURE
    note = one.note + one.data.decode() if cosigned else one.note
    path = tiles.consistency_proof(log.tile, one.size, log.head().size)
    same = parse_checkpoint(split(one.note)[0]).root == log.head_at(one.size).root
    return results.LogConfirmation(
        kind=one.kind,
        by=one.by,
        size=one.size,
        at=one.at,
        one_history=same,
        checkpoint=note,
        consistency=base64url.encode(b"".join(path)),
        token=None if cosigned else encode_base64(one.data),
    )


def _recorded(context: RequestContext, search: UUID) -> _RecordedSearch:
    """A search that the caller's organisation made; a denial when there is none."""
    logged = context.work.log.logged(search) or deny_as_not_found()
    fields, own = event.read(logged.event.document), context.caller.organisation
    told = {one.kind: one.value for one in logged.event.disclosures if own in one.readers}
    made = (fields["type"], fields["result"]) == (READABLE_EVENTS[SEARCH][0], EventResult.ALLOWED)
    if not made or not {"by", "subject"} <= told.keys():
        deny_as_not_found()
    said = dict(logged.subject)
    if "pages" not in said or context.now - parse_timestamp(fields["time"]) >= OPEN_FOR:
        raise EditConflict("the pages of a search can be read for a day: search again")
    return _RecordedSearch(
        logged,
        str(told["by"]),
        str(told.get("reason_code", "")),
        str(told.get("reason", "")),
        AuditFilters.read(said["filters"]),
        said["before"],
        said.get("size", said["before"]),
        said["events"],
        said.get("page_size", PAGE),
        tuple(read_record(_Page, one) for one in said["pages"]),
        tuple(read_record(_TopicPages, one) for one in said.get("topics", ())),
    )


# --- A party's own events and their receipts ---


OWN_SEARCH = "events.search"


@dataclass(frozen=True)
class OwnSearch(Asked):
    """Who searches its organisation's own events, why, and for what."""

    by: str
    reason_code: str
    reason: str
    filters: Mapping[str, Any]


def search_own(ports: Ports, caller: Caller, key: str, wanted: OwnSearch) -> WriteResult:
    """Record that the caller's own events are searched, by whom, why and for what.

    They are read as always, whole and with their receipts: so whoever searches knows that none was
    left out.
    """

    def act(context: RequestContext) -> results.OwnSearchRecord:
        authorize(context, context.entity())
        own = Party(caller.organisation, "actor")
        code = events.shared("reason_code", wanted.reason_code, (own,))
        said = events.subject(wanted.filters, own)
        context.record((own,), code, *events.reason(wanted.reason, own), said)
        return results.OwnSearchRecord(context.event)

    def on_retry(_: RequestContext, logged: LoggedEvent) -> results.OwnSearchRecord:
        return results.OwnSearchRecord(logged.event.id)

    request = ActionRequest(OWN_SEARCH, wanted.by, key, wanted.asked())
    return transact(ports, caller, request, act, on_retry)


def look_up_receipt(ports: Ports, caller: Caller, event: UUID) -> Receipt:
    """The receipt of an event for one of its parties, proved at the log's present head."""

    def query(context: RequestContext) -> LoggedEvent:
        logged = context.work.log.logged(event)
        if logged is None:
            deny_as_not_found()
        authorize(context, LOG, {"party": _is_party(logged, caller.organisation)})
        return logged

    logged = read(ports, caller, ActionRequest("receipt.read"), query)
    return receipt_for(ports, logged, caller.organisation)


def _is_party(logged: LoggedEvent, organisation: str) -> bool:
    return any(d.kind == PARTY and organisation in d.readers for d in logged.event.disclosures)


def of_gateway(ports: Ports, reader: Reader, event: UUID) -> Receipt:
    """The receipt of an event that the gateway is a party of, as it reads it; for administrators.

    Others' events are read by a recorded search, with a person and a reason.
    """

    def query(context: RequestContext | OnHost) -> LoggedEvent:
        logged = context.work.log.logged(event)
        return logged if logged and _is_party(logged, GATEWAY) else deny_as_not_found()

    return receipt_for(ports, read_as_operator(ports, reader, query), GATEWAY)


def stream(ports: Ports, caller: Caller, after: int, limit: int) -> results.EventPage:
    """The caller's own events after a stream number, with receipts; ``head`` is its last one.

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
