"""Changes that administrators make: each is one request, signed by as many persons as policy asks.

A change with the approvals that it needs is made. One that lacks a second person is stored as a
proposal, and made when that person approves: so no two personal keys ever need to be in one place.
An approval binds the exact change by its digest; two count as two only from two persons (R10).
"""

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import date, datetime
from functools import partial
from operator import attrgetter
from typing import Any, TypeVar
from uuid import UUID

from gateway.domain import refusals
from gateway.domain.audit_event import EventDetail
from gateway.domain.decision import (
    PolicyDecision,
    PolicyEntity,
    PolicyQuestion,
    Value,
    organisation_entity,
)
from gateway.domain.mandate import Period
from gateway.domain.organisation import NO_SLUG, SLUG, Organisation, Status
from gateway.domain.out_of_service import EntryKind
from gateway.evidence import canonical, declarations
from gateway.evidence.declarations import APPROVAL_LIFE, Approval
from gateway.evidence.event import APPROVALS, KEY
from gateway.kernel import approvals, events
from gateway.kernel.actors import GATEWAY, Administrators
from gateway.kernel.approvals import APART
from gateway.kernel.fields import NOT_READ, Field, read_fields
from gateway.kernel.ports import Ports, TransactionMode, UnitOfWork
from gateway.kernel.request import (
    ActionRequest,
    OnHost,
    RequestContext,
    authorize,
    deny_as_not_found,
)
from gateway.kernel.results import Page, collect_page, iterate
from gateway.kernel.transact import WriteResult, read, read_on_host, transact
from gateway.kernel.values import Caller, Host, Proposal, Reader

T = TypeVar("T")

LOG = PolicyEntity("Log", "log", {})
"""The resource of what concerns no organisation: the gateway's administrators, keys and log."""

STORED = APPROVAL_LIFE * 10
"""How long after its end a proposal can still be looked up."""

UNKNOWN = "no organisation has that id: admit it first"
WITHDRAW, REFUSE = "proposal.withdraw", "proposal.refuse"
NO_PROPOSAL = "no proposal has this id, or it ended long ago: see `casegate admin proposal list`"


@dataclass(frozen=True)
class Change:
    """A change of one organisation's entry: the action, and the values that it carries."""

    action: str
    organisation: str
    values: Mapping[str, Any]


@dataclass
class ChangeContext:
    """One change in one transaction; ``today`` is the reference date on which it is judged.

    ``values`` are as the fields of the change read them, None for what is left out; ``found`` is
    the organisation that it is about, None for one that nobody knows yet; ``affected`` are other
    organisations whose entries it changes, and who read its event; ``names_key`` is the id of a
    key that the event names, and ``contacts`` what it says of persons, with the key by which that
    is stored: apart from all else that it tells. ``written`` is what a repair wrote, for
    the operator alone.
    """

    request: RequestContext
    change: Change
    values: Mapping[str, Any]
    found: Organisation | None
    persons: tuple[str, ...]
    affected: tuple[str, ...] = ()
    names_key: str | None = None
    contacts: tuple[str, UUID] | None = None
    written: str = ""

    @property
    def work(self) -> UnitOfWork:
        """The transaction."""
        return self.request.work

    @property
    def event(self) -> UUID:
        """The id of the event that the change will have."""
        return self.request.event

    @property
    def now(self) -> datetime:
        """The time of the change."""
        return self.request.now

    @property
    def today(self) -> date:
        """The reference date."""
        return self.request.today.day

    @property
    def issuer(self) -> str:
        """The gateway's address."""
        return self.request.ports.issuer

    @property
    def organisation(self) -> Organisation:
        """The organisation that the change is about, or NotFound."""
        if self.found is None:
            raise refusals.NotFound(UNKNOWN)
        return self.found

    def read(self, name: str, reader: Callable[[Any], T]) -> T:
        """A value whose form depends on other values, as ``reader`` understands it;
        ValidationFailed."""
        try:
            return reader(self.values[name])
        except NOT_READ:
            wrong = "is not what the values beside it ask for"
            raise refusals.ValidationFailed(((f"/{name}", wrong),)) from None

    def period(self) -> Period:
        """The days from ``from`` until ``until``, which may be left out."""
        try:
            return Period(self.values["from"], self.values["until"])
        except ValueError as error:
            raise refusals.ValidationFailed((("/until", str(error)),)) from None

    def save(self, organisation: Organisation) -> None:
        """Store the organisation's entry as the next version."""
        self.work.organisations.save(replace(organisation, version=organisation.version + 1))


@dataclass(frozen=True)
class ChangeType:
    """All that there is to say of one kind of change.

    ``summary`` is its sentence, in the imperative, for help and documentation; ``persons`` how
    many must approve it. Policy decides that when the change is made; by this number the log's
    events are judged later (gateway/registry/rebuild.py), so a test compares the two. Its ``apply``
    does it, and returns its result. ``facts`` are more for policy to know; of the registry's
    changes none has any, for their number depends on the action alone. ``after`` is done once the
    change is committed, and adds to the result what is not kept. ``at_gateway`` says that it is
    about the gateway itself.
    ``loses`` is what nobody can bring back afterwards: people are asked before they sign it.
    ``tell`` lets others hear of it, once it is recorded; it is not made again by a rebuild.
    """

    summary: str
    persons: int
    fields: tuple[Field, ...]
    apply: Callable[[ChangeContext], Mapping[str, Any]]
    about: str = ""
    at_gateway: bool = False
    facts: Callable[[ChangeContext], Mapping[str, Value]] = lambda _: {}
    after: Callable[[Ports, Mapping[str, Any]], Mapping[str, Any]] = lambda *_: {}
    loses: str = ""
    tell: Callable[[ChangeContext], None] = lambda _: None


ChangeTypes = Mapping[str, ChangeType]
"""The table of changes, by action."""


@dataclass(frozen=True)
class Bearer:
    """How a change comes: by which system, or which administrator who signed in, under which
    idempotency key; else on the host itself."""

    system: Caller | None = None
    key: str = ""


HERE = Bearer()


@dataclass(frozen=True)
class _Step:
    """What is asked about a change: the step is part of what an idempotency key stands for."""

    name: str
    change: Change
    approvals: tuple[str, ...]
    bearer: Bearer

    @property
    def actor(self) -> Administrators:
        return Administrators(self.approvals, self.bearer.system)

    @property
    def request(self) -> ActionRequest:
        change = self.change
        content = {
            "organisation": change.organisation,
            "values": change.values,
            "step": self.name,
            "approvals": self.approvals,
        }
        return ActionRequest(
            change.action, key=self.bearer.key, content=content, describe=self._describe
        )

    def _describe(self, refusal: refusals.Refusal) -> str | None:
        """The change in words, or by its digest where no approval covers what is in it.

        Values that were malformed, or that nobody approved, might be a secret in the wrong place.
        Every other refusal comes after the values were read by their fields.
        """
        try:
            if isinstance(refusal, refusals.ValidationFailed | refusals.InvalidApproval):
                named = {"action": self.change.action, "organisation": self.change.organisation}
                return canonical.encode({**named, "change": digest_of(self.change)}).decode()
            return described(self.change)
        except (ValueError, refusals.ValidationFailed):
            return None


def make(
    ports: Ports,
    types: ChangeTypes,
    change: Change,
    signed: Sequence[str],
    bearer: Bearer = HERE,
) -> WriteResult:
    """Make an approved change now; the first approval is the proposer's.

    ``signed`` are compact documents of evidence/declarations. Raises RecordedRefusal with its
    receipt when policy, an approval or the registry says no; ValidationFailed for what is not a
    change; EditConflict, Busy.
    """
    kind = require_type(types, change)
    step = _Step("make", change, tuple(signed), bearer)

    def act(context: RequestContext) -> Mapping[str, Any]:
        counted = approvals.count(context, step.approvals, digest_of(change))
        return _make(context, kind, change, counted)

    return _finish(ports, kind, transact(ports, step.actor, step.request, act))


def submit(
    ports: Ports,
    types: ChangeTypes,
    change: Change,
    signed: Sequence[str],
    bearer: Bearer = HERE,
) -> WriteResult:
    """Make a change as `make` does, or store it as a proposal when it lacks a second person.

    The result then has ``proposal``, its id, and ``expires_at``. What could not be made is not
    proposed: it is rehearsed before, in a transaction of which nothing is kept. It may depend on
    what waits already about the same organisation.
    """
    kind = require_type(types, change)
    step = _Step("submit", change, tuple(signed), bearer)

    def act(
        context: RequestContext, rehearsed: Mapping[str, Any] | None = None
    ) -> Mapping[str, Any]:
        counted = approvals.count(context, step.approvals, digest_of(change))
        asked = _context(context, kind, change)
        if len(counted) > 1 or _decide(asked, kind, 1).allowed:
            return _make(context, kind, change, counted)
        _require_new(context, change, counted[0].person)
        if rehearsed is None:
            if (rehearsed := _rehearse(asked, types, kind)) is not None:
                raise _Rehearsed(rehearsed)
            # What is refused to two persons as well is refused for that, not for their number.
            _authorize(asked, kind, 2)
        return {
            **_propose(context, change, counted[0], step.approvals[0]),
            **_warnings(rehearsed or {}),
        }

    try:
        written = transact(ports, step.actor, step.request, act)
    except _Rehearsed as rehearsal:
        again = partial(act, rehearsed=rehearsal.result)
        written = transact(ports, step.actor, step.request, again)
    return written if "proposal" in written.result else _finish(ports, kind, written)


def approve(
    ports: Ports, types: ChangeTypes, proposal: UUID, signed: str, bearer: Bearer = HERE
) -> WriteResult:
    """Make a proposed change with another person's approval beside the proposer's.

    Raises RecordedRefusal when one of the two does not count (any more), or the change is refused;
    NotFound for no such proposal. A refused change stays proposed until its time is over.
    """
    with ports.begin(TransactionMode.READ) as work:
        stored = work.proposals.get(proposal)
    if stored is None:
        raise refusals.NotFound(NO_PROPOSAL)
    change = change_of(stored)
    kind = require_type(types, change)
    step = _Step(f"approve/{proposal}", change, (stored.approval, signed), bearer)

    def act(context: RequestContext) -> Mapping[str, Any]:
        _require_open(context.work, proposal)
        counted = approvals.count(context, step.approvals, digest_of(change))
        result = _make(context, kind, change, counted)
        context.work.proposals.close(proposal, context.event)
        return result

    return _finish(ports, kind, transact(ports, step.actor, step.request, act))


def withdraw(ports: Ports, proposal: UUID, signed: str, bearer: Bearer = HERE) -> WriteResult:
    """Take a proposal back: its proposer alone may, as long as it was not made.

    The approval by which it was proposed counts no more, whoever brings it. ``signed`` is an
    approval of `withdrawal_of`. Raises RecordedRefusal.
    """
    return _end_proposal(ports, withdrawal_of(proposal), signed, bearer)


def refuse(
    ports: Ports, proposal: UUID, signed: str, reason: str, bearer: Bearer = HERE
) -> WriteResult:
    """Say no to a proposal, with a reason, as another person than its proposer: nobody makes it
    then. ``signed`` is an approval of `refusal_of`. As `withdraw`."""
    return _end_proposal(ports, refusal_of(proposal, reason), signed, bearer)


def _end_proposal(ports: Ports, change: Change, signed: str, bearer: Bearer) -> WriteResult:
    proposal, own = UUID(change.values["proposal"]), change.action == WITHDRAW
    step = _Step(f"{change.action.partition('.')[2]}/{proposal}", change, (signed,), bearer)

    def act(context: RequestContext) -> Mapping[str, Any]:
        (counted,) = approvals.count(context, step.approvals, digest_of(change))
        approvals.consume(context, counted)
        _authorize_proposal(context, change.action)
        stored = context.work.proposals.get(proposal)
        if stored is None:
            raise refusals.NotFound(NO_PROPOSAL)
        if (stored.proposer == counted.person) is not own:
            raise refusals.InvalidApproval(
                "a proposal is withdrawn by the person who made it, nobody else"
                if own
                else "another person refuses a proposal: its proposer withdraws it"
            )
        _require_open(context.work, proposal)
        ended = change_of(stored)
        approvals.void(context, stored.approval, ended.action, digest_of(ended))
        context.work.proposals.withdraw(proposal, context.event)
        subject = _subject(change, frozenset({GATEWAY}))
        context.record(events.gateway_and(), subject, *_signed(context))
        return {"event": str(context.event), "proposal": str(proposal)}

    return transact(ports, step.actor, step.request, act)


def require_type(types: ChangeTypes, change: Change) -> ChangeType:
    """The kind of a change; ValidationFailed for what is not a change, which leaves no event."""
    kind = types.get(change.action)
    if kind is None:
        raise refusals.ValidationFailed((("/action", "there is no such change of the registry"),))
    if not SLUG.fullmatch(change.organisation):
        raise refusals.ValidationFailed((("/organisation", NO_SLUG),))
    if (change.organisation == GATEWAY) is not kind.at_gateway:
        whose = "must be the gateway" if kind.at_gateway else "must be a member, not the gateway"
        raise refusals.ValidationFailed((("/organisation", whose),))
    return kind


def digest_of(change: Change) -> str:
    """Return what an approval of the change must name; ValidationFailed when the change cannot be
    spelled."""
    try:
        return declarations.change_digest(change.action, change.organisation, change.values)
    except ValueError as error:
        raise refusals.ValidationFailed((("", f"the change cannot be signed: {error}"),)) from None


def withdrawal_of(proposal: UUID) -> Change:
    """Return what the proposer signs to withdraw a proposal."""
    return Change(WITHDRAW, GATEWAY, {"proposal": str(proposal)})


def refusal_of(proposal: UUID, reason: str) -> Change:
    """Return what another person signs to refuse a proposal."""
    return Change(REFUSE, GATEWAY, {"proposal": str(proposal), "reason": reason})


def change_of(proposal: Proposal) -> Change:
    """The change that is proposed: what an approval of it signs."""
    values = canonical.decode(proposal.values.encode())
    return Change(proposal.action, proposal.organisation, values)


def described(change: Change) -> str:
    """The change as its event has it, without APART."""
    apart = APART.get(change.action, frozenset())
    values = {name: value for name, value in change.values.items() if name not in apart}
    return canonical.encode({"organisation": change.organisation, **values}).decode()


def prune_proposals(ports: Ports) -> None:
    """Forget the proposals that ended `STORED` ago: their values can be personal."""
    with ports.begin(TransactionMode.REGISTRY) as work:
        work.proposals.prune(ports.now() - STORED)
        work.commit()


# --- Reading proposals ---------------------------------------------------------------------------


def look_up(ports: Ports, types: ChangeTypes, reader: Reader, proposal: UUID) -> dict[str, Any]:
    """A proposal with its values, for the operator: what the second person reads.

    While it waits, ``refusal`` says why it could not be made now, and ``overlaps`` who else would
    hold the mandate that it gives. ``refused_because`` is the reason of who said no.
    """

    def query(context: RequestContext | OnHost) -> tuple[Proposal, str | None]:
        found = context.work.proposals.get(proposal) or deny_as_not_found()
        ended = found.withdrawal_event and context.work.log.logged(found.withdrawal_event)
        said = {d.kind: d.value for d in ended.event.disclosures} if ended else {}
        reason = canonical.decode(str(said.get("subject", "{}")).encode()).get("reason")
        return found, reason

    found, reason = read_as_operator(ports, reader, query)
    foreseen: Mapping[str, Any] = {}
    waits = found.applied_event is None and found.withdrawal_event is None
    if waits and ports.now() < found.expires_at:
        foreseen = _foresee(ports, types, found)
    told = {"refusal": None, "overlaps": [], **foreseen, "refused_because": reason}
    return {**_view(found), "values": dict(change_of(found).values), **told}


def page(
    ports: Ports, reader: Reader, after: UUID | None, limit: int, *, waiting: bool
) -> Page[Mapping[str, Any]]:
    """Proposals, the newest first; of those that wait, or of all. ``after`` ended the last page."""

    def query(context: RequestContext | OnHost) -> Page[Mapping[str, Any]]:
        now = context.now if waiting else None
        rows = partial(context.work.proposals.page, waiting=now)
        return collect_page(rows, attrgetter("id"), _view, after, limit)

    return read_as_operator(ports, reader, query)


def read_as_operator(
    ports: Ports,
    reader: Reader,
    query: Callable[[RequestContext | OnHost], T],
    action: str = "registry.read",
    scope: str = "admin",
) -> T:
    """Look something up for the operator: for one of its systems, or a person who signed in, whom
    policy lets or not by their ``scope``; or on the host."""
    if isinstance(reader, Host):
        return read_on_host(ports, query)

    def allowed(context: RequestContext) -> T:
        require_admin_scope(context, scope)
        return query(context)

    actor = Administrators((), reader) if reader.organisation == GATEWAY else reader
    return read(ports, actor, ActionRequest(action), allowed)


def require_admin_scope(context: RequestContext, scope: str) -> None:
    """Let only a system go on that two persons gave the ``scope``, or a person who signed in and
    has it: policy is asked here too."""
    actor = context.actor
    asking = actor.system if isinstance(actor, Administrators) else context.caller
    authorize(context, LOG, {f"{scope}_scope": asking is not None and scope in asking.scopes})


# --- One change in its transaction ---------------------------------------------------------------


def _make(
    request: RequestContext, kind: ChangeType, change: Change, counted: Sequence[Approval]
) -> Mapping[str, Any]:
    """Use up the approvals, ask policy, then change the registry and record it."""
    for one in counted:
        approvals.consume(request, one)
    context = _context(request, kind, change)
    _authorize(context, kind, len(counted))
    result = kind.apply(context)
    if not request.recorded:
        _record(context)
    kind.tell(context)
    return {"event": str(request.event), **result}


class _Rehearsed(Exception):
    """A change can be made, with this result; by raising it, nothing of it is kept."""

    def __init__(self, result: Mapping[str, Any]) -> None:
        super().__init__("rehearsed")
        self.result = result


def _rehearse(
    asked: ChangeContext, types: ChangeTypes, kind: ChangeType, before: UUID | None = None
) -> Mapping[str, Any] | None:
    """Make a change as two persons would: in the registry as it is, or else as it will be once what
    waits about the same organisation was made, of which ``before`` ends the list. None where policy
    refuses it; raises what else does. Nothing of this transaction is to be kept."""
    request, change, refused = asked.request, asked.change, None
    if _decide(asked, kind, 2).allowed:
        try:
            return kind.apply(asked)
        except refusals.Refusal as refusal:
            refused = refusal
    waiting = iterate(
        partial(request.work.proposals.page, waiting=request.now), attrgetter("id"), None
    )
    own = [one for one in waiting if one.organisation == change.organisation]
    for one in sorted(own, key=attrgetter("id")):
        if before is None or one.id < before:
            earlier = change_of(one)
            with suppress(refusals.Refusal):
                named = require_type(types, earlier)
                named.apply(_context(replace(request, event=one.id), named, earlier))
    later = _context(request, kind, change)
    if own and _decide(later, kind, 2).allowed:
        with suppress(refusals.Refusal):
            return kind.apply(later)
    if refused is not None:
        raise refused
    return None


def _warnings(result: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return what persons see to, of the result that a change would have."""
    return {name: result[name] for name in ("overlaps",) if name in result}


def _facts(context: ChangeContext, kind: ChangeType, persons: int) -> Mapping[str, Value]:
    return {"approvals": persons, **kind.facts(context)}


def _decide(context: ChangeContext, kind: ChangeType, persons: int) -> PolicyDecision:
    """Return what policy says of a change that so many persons sign."""
    principal, resource = context.request.principal(), _resource(context, kind)
    facts = _facts(context, kind, persons)
    question = PolicyQuestion(principal, context.change.action, resource, facts)
    return context.request.ports.policy.decide(question)


def _authorize(context: ChangeContext, kind: ChangeType, persons: int) -> None:
    resource, facts = _resource(context, kind), _facts(context, kind, persons)
    authorize(context.request, resource, facts, otherwise=_why_not(context, kind))


def _require_new(context: RequestContext, change: Change, person: str) -> None:
    """Raise WrongState where the very same change waits: its second person approves that."""
    rows = partial(context.work.proposals.page, waiting=context.now)
    for one in iterate(rows, attrgetter("id"), None):
        if change_of(one) == change:
            raise refusals.WrongState(
                f"this change waits already, as proposal {one.id}: "
                + ("another person approves it" if one.proposer == person else "approve that")
            )


def _propose(
    context: RequestContext, change: Change, counted: Approval, signed: str
) -> Mapping[str, Any]:
    _authorize_proposal(context, "proposal.create")
    stored = store_proposal(context, change, counted, signed)
    subject = _subject(change, frozenset({GATEWAY}))
    context.record(events.gateway_and(), subject, *_signed(context), action="proposal.create")
    return _view(stored)


def store_proposal(
    context: RequestContext, change: Change, given: Approval, signed: str
) -> Proposal:
    """Keep a change that one person signed, until another one does."""
    stored = Proposal(
        id=context.event,
        action=change.action,
        organisation=change.organisation,
        values=canonical.encode(dict(change.values)).decode(),
        proposer=given.person,
        approval=signed,
        expires_at=approvals.expires_at(given),
    )
    context.work.proposals.add(stored)
    return stored


def _authorize_proposal(context: RequestContext, action: str) -> None:
    authorize(context, LOG, {"approvals": 1}, action, otherwise="policy does not allow it")


def _context(request: RequestContext, kind: ChangeType, change: Change) -> ChangeContext:
    """A change with its values as they are read; ValidationFailed."""
    values, today = read_fields(kind.fields, change.values), request.today.day
    passed = [one.name for one in kind.fields if one.passed and values[one.name] is not None]
    if ahead := [name for name in passed if values[name] > today]:
        raise refusals.ValidationFailed(
            [(f"/{name}", f"is after today, {today}") for name in ahead]
        )
    found = request.work.organisations.get(change.organisation)
    return ChangeContext(request, change, values, found, request.persons)


def _resource(context: ChangeContext, kind: ChangeType) -> PolicyEntity:
    if kind.at_gateway:
        return LOG
    applicant = Organisation(
        slug=context.change.organisation,
        name="",
        kind="",
        public_authority=False,
        regimes=frozenset(),
        country="",
        status=Status.APPLIED,
    )
    return organisation_entity(context.found or applicant, context.today)


def _why_not(context: ChangeContext, kind: ChangeType) -> str:
    """Return what to answer where no policy permits a change, and none says why not."""
    if kind.at_gateway:
        return "policy does not allow this change"
    if context.found is None:
        return UNKNOWN
    return f"policy does not allow this change of an organisation that is {context.found.status}"


def _record(context: ChangeContext) -> None:
    """Record the change for the gateway and the organisations that it concerns."""
    concerned = (context.change.organisation, *context.affected)
    parties = events.gateway_and(*concerned)
    readers = frozenset({GATEWAY, *concerned})
    # Who approved it the gateway reads, and those concerned that may know.
    action, entries = context.change.action, context.work.organisations
    found = [one for slug in concerned if (one := entries.get(slug)) is not None]
    may = (o.slug for o in found if may_read_approvals(context.request, o, action, concerned=True))
    signed = _signed(context.request, frozenset({GATEWAY, *may}))
    details = [_subject(context.change, readers), *signed]
    if context.names_key is not None:
        # Beside the reason: for who may know which key it is, and nothing else.
        named = (context.change.organisation, context.names_key)
        details.append(EventDetail(KEY, named, readers))
    if context.contacts is not None:
        said, content_key = context.contacts
        details.append(EventDetail("contacts", said, readers, content_key))
    if context.written:
        details.append(EventDetail("written", context.written, frozenset({GATEWAY})))
    context.request.record(parties, *details)


def may_read_approvals(
    request: RequestContext, reader: Organisation, action: str, *, concerned: bool
) -> bool:
    """Ask policy whether an organisation may know who approved a change, or a succession.

    ``concerned``: it is about the reader, or something of the reader's follows from it.
    """
    facts: Mapping[str, Value] = {"change": action, "concerned": concerned}
    question = PolicyQuestion(request.entity(reader), "approval.read", LOG, facts)
    return request.ports.policy.decide(question).allowed


def _signed(
    request: RequestContext, readers: frozenset[str] = frozenset({GATEWAY})
) -> tuple[EventDetail, ...]:
    """Return what the administrators signed: by it the registry is made again, and by no name
    alone."""
    actor = request.actor
    if not isinstance(actor, Administrators):
        return ()
    return (EventDetail(APPROVALS, actor.approvals, readers),)


def _subject(change: Change, readers: frozenset[str]) -> EventDetail:
    return EventDetail("subject", described(change), readers)


def _require_open(work: UnitOfWork, proposal: UUID) -> None:
    """Raise WrongState for a proposal that cannot be made any more."""
    stored = work.proposals.get(proposal)
    if stored is None or stored.applied_event is not None:
        raise refusals.WrongState("the proposal was made before")
    if stored.withdrawal_event is not None:
        raise refusals.WrongState(
            "the proposal was withdrawn by the person who made it, or refused by another"
        )
    if (EntryKind.PROPOSAL, str(proposal)) in work.organisations.out_of_service():
        raise refusals.WrongState(
            "the proposal is not what its event says: propose the change again"
        )


def _finish(ports: Ports, kind: ChangeType, written: WriteResult) -> WriteResult:
    return replace(written, result={**written.result, **kind.after(ports, written.result)})


def _foresee(ports: Ports, types: ChangeTypes, stored: Proposal) -> Mapping[str, Any]:
    """Return what would come of a proposal now: it is rehearsed, and nothing of it is kept."""
    change = change_of(stored)
    actor, request = Administrators((stored.approval,)), ActionRequest(change.action)
    try:
        kind = require_type(types, change)
        with ports.begin(TransactionMode.REGISTRY) as work:
            now = work.log.moment(ports.now())
            today, event = ports.reference_date(now), ports.new_id()
            asked = RequestContext(ports, work, actor, request, now, today, event)
            _require_open(work, stored.id)
            approvals.count(asked, actor.approvals, digest_of(change))
            context = _context(asked, kind, change)
            if (rehearsed := _rehearse(context, types, kind, stored.id)) is None:
                reasons = _decide(context, kind, 2).reasons
                raise refusals.WrongState(" ".join(reasons) or _why_not(context, kind))
            return _warnings(rehearsed)
    except refusals.ValidationFailed as refusal:
        return {"refusal": "; ".join(f"{place[1:]} {why}" for place, why in refusal.errors)}
    except refusals.Refusal as refusal:
        return {"refusal": refusal.detail}


def _view(one: Proposal) -> dict[str, Any]:
    return {
        "proposal": str(one.id),
        "action": one.action,
        "organisation": one.organisation,
        "proposer": one.proposer,
        "expires_at": one.expires_at.isoformat(),
        "applied_event": None if one.applied_event is None else str(one.applied_event),
        "withdrawal_event": None if one.withdrawal_event is None else str(one.withdrawal_event),
    }
