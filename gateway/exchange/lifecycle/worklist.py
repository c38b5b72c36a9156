"""What waits for an organisation, most urgent first: what it owes and what arrived, what is late at
others, its own cases, successions, refused notifications, and what of its rights ends soon.

Each source is a row of `_SOURCES`, with the scope that it needs and the action that must be open to
the organisation. All is read from rows, and no content is opened.
"""

import heapq
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from itertools import islice
from operator import attrgetter
from typing import Any, NamedTuple
from uuid import UUID

from gateway.domain.answers import ANSWERS
from gateway.domain.case import Case, CaseState
from gateway.domain.duty import DutyKind, WaitKind, WorkPlace, start_of
from gateway.domain.handoff import FIRST_PLACE, NEVER, Handoff, is_derogation
from gateway.domain.moves import takes_update
from gateway.domain.organisation import Organisation, Status, may_act
from gateway.domain.out_of_service import Entry, case_entry
from gateway.domain.refusals import CaseErased, CaseKeysUnavailable
from gateway.domain.standing import acts_on
from gateway.domain.vocabulary import Urgency
from gateway.domain.worklist import (
    COUNTED,
    ERASED_SOON,
    EVERYTHING,
    WorklistFilter,
    certificates_end,
    command_of,
    endings,
    id_of,
    number_of,
    place_of,
)
from gateway.evidence import sd_jwt
from gateway.exchange.handoffs import police_first
from gateway.exchange.results import SkippedSource, WorklistRow
from gateway.exchange.standing import access
from gateway.exchange.standing.case_version import in_force
from gateway.exchange.standing.differences import GOES_ON, entries_of, is_out_of_service
from gateway.exchange.standing.disclosure import answer_as_read
from gateway.kernel.changes import LOG
from gateway.kernel.ports import Ports
from gateway.kernel.request import ActionRequest, RequestContext, authorize
from gateway.kernel.results import Page, collect_page, iterate
from gateway.kernel.transact import read
from gateway.kernel.values import Caller, CaseToDo, HeldRemoval, WorkRow

HELD_AT_MOST = 100
"""Held removals that are read for a page, the oldest first: each costs a reading of its case and of
the offers to the police. The next ones follow as these are offered, or their cases closed."""

UNOPENED_AT_MOST = 100
"""Handoffs accepted and not opened that are made for a page, of each state."""

LISTED_FOR = timedelta(days=30)
"""How long after its refusal a held removal is a line: who did not offer it again by then wants it
no more."""


class _Row(NamedTuple):
    """A row at its place; ``handoff`` is what the caller must be shown by lists."""

    place: WorkPlace
    shown: WorklistRow
    handoff: Handoff | None = None


_Rows = Callable[[RequestContext, WorkPlace | None, int], Sequence[_Row]]


class _Source(NamedTuple):
    """Where rows come from: its name, the scope of a system (None: any) and the action that the
    organisation needs, and its rows after a place, in order, up to a number."""

    name: str
    scope: str | None
    action: str
    rows: _Rows


@dataclass(frozen=True)
class WorklistPage(Page[WorklistRow]):
    """A page of a worklist, and the sources that were not looked at."""

    skipped: Sequence[SkippedSource] = ()


def page(
    ports: Ports,
    caller: Caller,
    after: str | None,
    limit: int,
    wanted: WorklistFilter = EVERYTHING,
) -> WorklistPage:
    """A page of what waits for the caller's organisation, by urgency, then due time.

    ``after`` is the cursor of the page before, None for the first page. What the list of handoffs
    keeps back is kept back here. What the caller's scopes or a suspension close is named.
    """

    def query(context: RequestContext) -> WorklistPage:
        authorize(context, LOG)
        status, scopes = context.organisation.status, caller.scopes
        open_ones = [one for one in _SOURCES if may_act(status, one.action)]
        heard = [one for one in open_ones if one.scope is None or one.scope in scopes]
        missed = [one for one in _SOURCES if one not in heard]
        if wanted.ends:
            heard = [one for one in heard if one.rows is _ENDING]

        def rows(cursor: str, number: int) -> Sequence[_Row]:
            found = (_rows_of(one, context, cursor, number) for one in heard)
            merged = heapq.merge(*found, key=attrgetter("place"))
            return [*islice(merged, number)]

        known = dict[Any, bool]()

        def view(row: _Row) -> WorklistRow | None:
            listed = row.handoff is None or _is_listed(context, row.handoff, known)
            return _as_seen(context, row) if listed and wanted.fits(vars(row.shown)) else None

        found = collect_page(rows, _place, view, after or "", limit)
        skipped = [SkippedSource(o.name, o.scope if o in open_ones else None) for o in missed]
        return WorklistPage(found.items, found.after, skipped)

    return read(ports, caller, ActionRequest("worklist.read"), query)


def _rows_of(source: _Source, context: RequestContext, cursor: str, number: int) -> Iterator[_Row]:
    """All rows of a source after a place, read by batch."""

    def batch(after: str, size: int) -> Sequence[_Row]:
        return source.rows(context, WorkPlace.read(after) if after else None, size)

    return iterate(batch, _place, cursor, number)


def _place(row: _Row) -> str:
    return str(row.place)


def _as_seen(context: RequestContext, row: _Row) -> WorklistRow:
    """The row as its organisation sees it: of what is out of service without the acts that would be
    refused."""
    shown, entries = row.shown, tuple[Entry, ...]()
    if row.handoff is not None:
        entries = entries_of(row.handoff)
    elif shown.case is not None:
        entries = (case_entry(context.caller.organisation, shown.case),)
    if not is_out_of_service(context.ports, context.work, *entries):
        return shown
    acts = [one for one in shown.acts if one in GOES_ON or one == "handoff.read"]
    command = shown.command if acts else None
    return replace(shown, acts=acts, command=command, out_of_service=True)


def _is_listed(context: RequestContext, handoff: Handoff, known: dict[Any, bool]) -> bool:
    """Tell whether lists show a handoff: asked once of those that are alike to policy, where no
    declared interest tells their cases apart."""
    one, parties = handoff, (handoff.originator, handoff.recipient)
    if context.caller.organisation not in parties:  # its row was given to others
        return False
    address, derogation = one.address, is_derogation(one.transfer_tool)
    alike = (*parties, address, one.purpose, one.matter, one.state, derogation)
    if alike not in known or context.organisation.interests:
        known[alike] = access.is_listed(context, handoff)
    return known[alike]


# --- Handoffs: what is owed and what arrived; and what others are late with ---


def _owed(context: RequestContext, after: WorkPlace | None, number: int) -> Sequence[_Row]:
    found = context.work.duties.owed_by(context.caller.organisation, after, number)
    return [_of_handoff(context, one) for one in found]


def _late(context: RequestContext, after: WorkPlace | None, number: int) -> Sequence[_Row]:
    place = FIRST_PLACE if after is None else after.handoff
    own, now = context.caller.organisation, context.now
    found = context.work.duties.late_at_others(own, now, place, number)
    return [_of_handoff(context, one) for one in found]


def _unopened(context: RequestContext) -> Iterator[_Row]:
    """Return what was accepted, and whose content nobody opened yet."""
    for one in context.work.duties.unopened(context.caller.organisation, UNOPENED_AT_MOST):
        yield _of_handoff(context, one)


def _of_handoff(context: RequestContext, row: WorkRow) -> _Row:
    # Long: a line for each field.
    duty, one, own = row.duty, row.handoff, context.caller.organisation
    late = one.originator == own
    other = one.recipient if one.originator == own else one.originator
    due_at = (one.due_at or NEVER) if duty is None else duty.due_at
    if duty is None:
        acts, kind = ["handoff.read" if late else "case.consult"], DutyKind.ANSWER
        waits, due_at = (WaitKind.LATE_ANSWER, due_at) if late else (WaitKind.UNOPENED, NEVER)
        place = place_of(waits, one.id, urgency=one.urgency, due_at=due_at)
        command = f"handoff {'show' if late else 'consult'} {one.id}"
    else:
        acts, kind = acts_on(duty, one, context.now) or [duty.terms.action], duty.kind
        place = duty.place(one.urgency)
        of_case = acts[0].startswith("case.")
        recall = [duty.source] if kind is DutyKind.RECALL_APPROVAL else []
        command = command_of(acts[0], one.case if of_case else one.id, *recall)
    shown = WorklistRow(
        kind=place.kind,
        acts=acts,
        command=command,
        about=None,
        reference=row.reference,
        urgency=one.urgency,
        matter=sorted(one.matter),
        counterpart=other,
        counterpart_name=context.require(other).name,
        since=one.offered_at if duty is None else duty.since,
        due_at=None if due_at == NEVER else due_at,
        overdue=due_at <= context.now,
        handoff=one.id,
        case=one.case,
        received=one.recipient == own,
        state=one.state,
        package=one.package if takes_update(one, context.now) else None,
        source=None if duty is None else duty.source,
        arrived=None if duty is None else duty.arrived,
        taken_by=row.taken_by,
    )
    return _Row(place, shown, one)


# --- One's own cases ---


_TO_DO = {
    CaseState.DRAFT: (WaitKind.ASSESSMENT, ("case.assess",)),
    CaseState.ASSESSED: (WaitKind.CASE_CLEARANCE, ("case.clear",)),
    CaseState.CLEARED: (WaitKind.CASE_OFFER, ("handoff.offer", "case.close")),
}
_RECALLED = (WaitKind.CASE_RECALLED, ("case.close", "case.revise"))
"""Cleared, and as it is not offered any more."""


def _cases(context: RequestContext, after: WorkPlace | None, number: int) -> Sequence[_Row]:
    at = (-1, UUID(int=0)) if after is None else (after.handoff.rank, after.handoff.id)
    if after is not None and after.handoff.due_at < NEVER:  # none of these cases has a time
        at = (after.handoff.rank, UUID(int=0))
    found = context.work.cases.to_do(context.caller.organisation, at, number)
    return [_of_case(context, one) for one in found]


def _of_case(context: RequestContext, one: CaseToDo) -> _Row:
    listed, urgency = one.listed, one.urgency
    cleared = listed.case.state is CaseState.CLEARED
    kind, acts = _RECALLED if cleared and one.withheld else _TO_DO[listed.case.state]
    said, place = listed.summary or {}, place_of(kind, one.made, urgency=urgency)
    right = _named_as_right(context, one) if said and kind is WaitKind.CASE_OFFER else None
    to = [] if right is None else ["--to", right.slug]
    shown = _row(
        place,
        acts[0],
        command_of(acts[0], listed.case.id, *to),
        counterpart=right and right.slug,
        counterpart_name=right and right.name,
        reference=said.get("originator_ref"),
        urgency=Urgency(said.get("urgency", urgency)),
        matter=said.get("matter", ()),
        case=listed.case.id,
        state=listed.case.state,
    )
    return _Row(place, replace(shown, acts=acts))


def _named_as_right(context: RequestContext, one: CaseToDo) -> Organisation | None:
    """The organisation that the newest redirection of a case names, by its id or name."""
    if one.redirected is None:
        return None
    *_, newest = context.work.handoffs.moves(one.redirected)
    _, said = answer_as_read(
        context,
        ANSWERS["redirection"],
        sd_jwt.read_stored(newest.document).content,
        in_force(context.work, one.listed.case, context.now),
        author=newest.author,
        reader=context.caller.organisation,
    )
    text = said.get("suggested_recipient", "").strip()
    if found := context.see(text):
        return found
    members = context.work.organisations.page("", COUNTED, seen=True)
    return next((one for one in members if one.name.casefold() == text.casefold()), None)


def _removals(context: RequestContext) -> Iterator[_Row]:
    """Return removals that were refused, for the police come first: an act once they are free."""
    own, cases = context.caller.organisation, context.work.cases
    for one in cases.held_removals(own, context.now - LISTED_FOR, HELD_AT_MOST):
        found = cases.get(own, one.case)
        if found is None or found.state in _OVER:
            continue
        try:
            said = cases.summary(found.digest)
        except (CaseErased, CaseKeysUnavailable):
            continue
        if said is not None:
            yield _of_removal(context, one, found, said)


def _of_removal(
    context: RequestContext, held: HeldRemoval, case: Case, said: Mapping[str, Any]
) -> _Row:
    action, matters = "handoff.offer", said["matter"]
    until = police_first.held_until(context, case, matters)
    kind = WaitKind.FREE_REMOVAL if until is None else WaitKind.HELD_REMOVAL
    id_, urgency = id_of(kind, f"{case.id}/{held.recipient}"), Urgency(said["urgency"])
    terms = f"--to {held.recipient} --purpose remove --group items"
    place = place_of(kind, id_, urgency=urgency, due_at=until or NEVER)
    shown = _row(
        place,
        action,
        f"{command_of(action, case.id)} {terms}" if until is None else None,
        reference=said["originator_ref"],
        urgency=urgency,
        matter=matters,
        counterpart=held.recipient,
        counterpart_name=context.require(held.recipient).name,
        since=held.since,
        case=case.id,
        state=case.state,
    )
    return _Row(place, shown if until is None else replace(shown, acts=()))


_OVER = frozenset({CaseState.CLOSED, CaseState.ERASED})
"""Nothing of these cases is offered any more."""


def _row(place: WorkPlace, action: str, command: str | None, **said: Any) -> WorklistRow:
    """A row that is about no handoff."""
    empty = dict.fromkeys(
        ("about", "reference", "urgency", "counterpart", "counterpart_name", "since", "handoff",
         "case", "received", "state", "package", "source", "arrived", "taken_by")
    )  # fmt: skip
    due = place.handoff.due_at
    fields: dict[str, Any] = {
        **empty,
        "matter": (),
        "overdue": False,
        "due_at": None if due == NEVER else due,
        **said,
    }
    return WorklistRow(kind=place.kind, acts=[action], command=command, **fields)


# --- What is about no case: few rows, which are all made, and passed over up to a place ---


def _few(rows: Callable[[RequestContext], Iterator[_Row]]) -> _Rows:
    """Rows that no database puts in order."""

    def after(context: RequestContext, place: WorkPlace | None, number: int) -> Sequence[_Row]:
        found = sorted(rows(context), key=attrgetter("place"))
        return [one for one in found if place is None or one.place > place][:number]

    return after


def _successions(context: RequestContext) -> Iterator[_Row]:
    own, action = context.caller.organisation, "succession.approve"
    for one in context.work.successions.of(own):
        if one.over or own not in one.missing:
            continue
        place = place_of(WaitKind.SUCCESSION, one.id, due_at=start_of(one.day))
        other = one.successor if own == one.predecessor else one.predecessor
        yield _Row(
            place,
            _row(
                place,
                action,
                command_of(action, one.id),
                about=one.competence,
                counterpart=other,
                counterpart_name=context.require(other).name,
                overdue=one.day <= context.today.day,
                source=one.id,
            ),
        )


def _notifications(context: RequestContext) -> Iterator[_Row]:
    action = "notification.replay"
    for one in context.work.notifications.refused(context.caller.organisation):
        if not one.replay:
            place = place_of(WaitKind.NOTIFICATION, one.event)
            command = command_of(action, one.event)
            said = {"about": one.error, "since": one.refused_at, "source": one.event}
            yield _Row(place, _row(place, action, command, **said))


def _activation(context: RequestContext) -> Iterator[_Row]:
    own = context.organisation
    if own.status is Status.ENROLLED:
        passed = context.work.conformance.passed(own.slug)
        action, command = "conformance.start", "conformance run"
        if passed:
            action, command = "whoami.read", "system check"
        place = place_of(WaitKind.ACTIVATION, id_of(WaitKind.ACTIVATION, own.slug))
        about = "passed" if passed else "not_passed"
        yield _Row(place, _row(place, action, command, about=about))


def _ends(context: RequestContext) -> Iterator[_Row]:
    """Return what of the caller's ends soon: rights and certificates."""
    own, now = context.organisation, context.now
    for one in endings(own, context.today.day):
        id_ = id_of(one.kind, f"{one.what}/{one.until}")
        place = place_of(one.kind, id_, due_at=start_of(one.until))
        yield _Row(place, _row(place, "whoami.read", None, about=one.what))
    registry = context.work.organisations
    for system in registry.systems(own.slug):
        ends = certificates_end(registry.certificates(own.slug, system.name), now)
        if system.enabled and ends:
            kind = WaitKind.CERTIFICATE
            place = place_of(kind, id_of(kind, system.name), due_at=ends)
            shown = _row(place, "certificate.renew", "system renew", about=system.name)
            yield _Row(place, shown)


def _erasures(context: RequestContext) -> Iterator[_Row]:
    """Return how many of one's own cases are erased soon, in one row."""
    own, last = context.organisation.slug, context.today.civil + ERASED_SOON + timedelta(days=1)
    number, first = context.work.cases.ending(own, last, COUNTED)
    if first is not None:
        kind = WaitKind.ERASURE
        place = place_of(kind, id_of(kind, own), due_at=start_of(first))
        command = f"handoff list --box out --erase-before {last}"
        yield _Row(place, _row(place, "case.read", command, about=number_of(number)))


_ENDING = _few(_ends)

_SOURCES = (
    _Source("handoffs", "handoffs.read", "handoff.read", _owed),
    _Source("late_answers", "handoffs.read", "handoff.read", _late),
    _Source("unopened", "handoffs.read", "case.consult", _few(_unopened)),
    _Source("cases", "cases.read", "case.assess", _cases),
    _Source("held_removals", "cases.read", "handoff.offer", _few(_removals)),
    _Source("erasures", "cases.read", "case.read", _few(_erasures)),
    _Source("successions", "handoffs.read", "succession.approve", _few(_successions)),
    _Source("notifications", "events.read", "notification.replay", _few(_notifications)),
    _Source("activation", None, "whoami.read", _few(_activation)),
    _Source("endings", None, "whoami.read", _ENDING),
)
"""The one table of what a worklist is made of."""
