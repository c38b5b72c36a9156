"""One request: what an actor asks, and what its act knows, asks of policy and records."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import Any, NamedTuple, NoReturn
from uuid import UUID

from gateway.domain import refusals
from gateway.domain.audit_event import ACTION_OF, EventDetail, EventResult, Party
from gateway.domain.decision import (
    PolicyDecision,
    PolicyEntity,
    PolicyQuestion,
    Value,
    organisation_entity,
)
from gateway.domain.lifecycle import UNSEEN
from gateway.domain.organisation import GatewayNames, Organisation
from gateway.domain.staff import NamedPerson
from gateway.evidence import declarations
from gateway.evidence import event as event_document
from gateway.evidence.case_events import VERSIONS
from gateway.kernel import actors, events, person_approvals
from gateway.kernel.authentication import passkeys_in
from gateway.kernel.ports import Ports, UnitOfWork
from gateway.kernel.values import Caller, PersonCredentials, ReferenceDate

OnRefusal = Callable[[UnitOfWork, tuple[str, ...], datetime, UUID], None]
"""What is kept of a request that was refused, by these rules, at a moment, and by which event."""


def keep_nothing(*_: object) -> None:
    """Keep no more than the record of the refusal."""


@dataclass(frozen=True)
class ActionRequest:
    """What an actor asks: the action, who in the organisation asks, and the content asked for.

    ``key`` is the idempotency key of a write, empty for what is asked without one; ``content`` is
    what a repetition must repeat. ``persons`` are further persons of the asking organisation whom
    the content names. ``registry`` tells that a partner changes what every process remembers of
    the registry: its staff. ``refused_as`` is the action of a refusal's event, where that is
    another; ``describe`` says in it what was refused. ``document`` is the digest of the document
    that the organisation signed for it. ``quiet``: it may become no event of its own.
    ``on_refusal`` is done beside the record of any refusal of it.
    """

    action: str
    by: str | tuple[str, ...] | None = None
    key: str = ""
    content: Mapping[str, Any] = field(default_factory=dict)
    persons: tuple[NamedPerson, ...] = ()
    registry: bool = False
    refused_as: str = ""
    describe: Callable[[refusals.Refusal], str | None] = lambda _: None
    document: str | None = None
    quiet: bool = False
    on_refusal: OnRefusal = keep_nothing


@dataclass
class RequestContext:
    """One request in one transaction. ``event`` is the id that its event will have.

    An act that finds its work done before points ``event`` at the earlier event, and records
    nothing. ``persons`` are administrators whose signatures were good; ``roles`` the asking
    person's in the staff register, as `ofmin/officer`. ``help`` is what a refusal of the request
    says beside its sentence, once the caller may know what it is about. ``on_refusal`` is done
    beside the record of a refusal, with the rules by which policy refused. ``peer_event`` are a
    peer gateway's log and the event of it of which this request is made, ``peer_persons`` how many
    persons decided there, by its word. ``rehearsed``: nothing of it is kept, and nobody has
    signed it yet.
    """

    ports: Ports
    work: UnitOfWork
    actor: actors.Actor
    request: ActionRequest
    now: datetime
    today: ReferenceDate
    event: UUID
    about: events.EventSubject = events.NOTHING
    rules: tuple[str, ...] = ()
    persons: tuple[str, ...] = ()
    roles: tuple[str, ...] = ()
    recorded: bool = False
    known: dict[str, Organisation] = field(default_factory=dict)
    help: dict[str, Any] = field(default_factory=dict)
    on_refusal: OnRefusal = keep_nothing
    peer_event: tuple[str, str] | None = None
    peer_persons: int = 0
    rehearsed: bool = False
    confirmed: bool = False
    caller: Caller = field(init=False)
    """The partner's system that acts; only what partners ask for may look."""
    organisation: Organisation = field(init=False)
    """The organisation of that system."""

    @property
    def by(self) -> str | tuple[str, ...] | None:
        """Tell who asks, as the event names them to their own side."""
        match self.actor:
            case Caller():
                shown, named = self.actor.credentials, self.request.by
                return shown.pseudonym if isinstance(shown, PersonCredentials) else named
            case actors.GatewayItself():
                return self.request.by
            case actors.Administrators():
                return self.persons
            case actors.EnrollingSystem():
                return self.actor.invitation.approved_by

    @property
    def names(self) -> GatewayNames:
        """Tell what organisations are called here and in documents."""
        return GatewayNames(self.ports.issuer, self.work.organisations.peers())

    def require(self, slug: str) -> Organisation:
        """An organisation as of this transaction, read once; a denial when there is none."""
        found = self.known.get(slug) or self.work.organisations.get(slug)
        if found is None:
            deny_as_not_found()
        self.known[slug] = found
        return found

    def see(self, slug: str) -> Organisation | None:
        """One that members may know of: not one that asked to take part, and never did."""
        found = self.known.get(slug) or self.work.organisations.get(slug)
        return None if found is None or found.status in UNSEEN else found

    def entity(self, organisation: Organisation | None = None) -> PolicyEntity:
        """An organisation (by default the caller's) as policy sees it on the reference date."""
        return organisation_entity(organisation or self.organisation, self.today.day)

    def principal(self) -> PolicyEntity:
        """Tell who asks, as policy sees them."""
        match self.actor:
            case Caller() | actors.EnrollingSystem():
                return self.entity(self.known[self.actor.organisation])
            case actors.Administrators():
                return PolicyEntity("Person", self.persons[0], {"enabled": True})
            case actors.GatewayItself():
                raise TypeError("policy is not asked about what the gateway does on its own")

    def record(
        self,
        parties: tuple[Party, ...],
        *details: EventDetail,
        action: str | None = None,
        event: UUID | None = None,
        package_digest: str | None = None,
        document_sha256: str | None = None,
    ) -> None:
        """Record that the request was done, and by which rules.

        Who asked, and the rules, stay with the asking organisation (and auditors). ``action`` and
        ``event`` are those of the request unless a second event goes with it.
        """
        self.recorded = True
        if self.peer_event is not None:
            details = (*details, events.shared("peer_event", self.peer_event, parties))
        shown = self.actor.credentials if isinstance(self.actor, Caller) else None
        if isinstance(shown, PersonCredentials) and event in (None, self.event):
            details = (*details, *self._confirm(shown, document_sha256))
        if self.peer_persons:
            told = events.shared("peer_persons", str(self.peer_persons), parties)
            details = (*details, told)
        events.record(
            self.work,
            action or self.request.action,
            parties,
            event=event or self.event,
            simulated_date=self.today.simulated,
            asked_in=self.actor.organisation if isinstance(self.actor, Caller) else actors.GATEWAY,
            by=self.by,
            roles=self.roles,
            rules=self.rules,
            details=details,
            of=self.about,
            package_digest=package_digest,
            document_sha256=document_sha256,
            at=None if isinstance(self.actor, Caller) else self.now,
        )

    def _confirm(self, shown: PersonCredentials, document: str | None) -> tuple[EventDetail, ...]:
        """Return what persons signed of the act, once it is verified, for their own side.

        Whoever is named beside the person who acts in a browser signs as well. InvalidApproval.
        """
        named = {shown.pseudonym, *(one.pseudonym for one in self.request.persons)}
        if self.rehearsed or not (shown.approvals or len(named) > 1):
            return ()
        owner, action = self.actor.organisation, self.request.action
        if action in _OF_VERSIONS:
            document = self.about.case_digest
        values = shown.values if document is None else {"document": document}
        change = declarations.change_digest(action, owner, values)
        self.confirmed = True
        act = person_approvals.ApprovedAct(owner, action, change, named, self.event, self.now)
        keys_of = partial(passkeys_in, self.ports, self.work, owner)
        person_approvals.confirm(self.ports.issuer, self.work, act, shown.approvals, keys_of)
        return (EventDetail(event_document.APPROVALS, shown.approvals, frozenset({owner})),)


_OF_VERSIONS = frozenset(ACTION_OF[one] for one in VERSIONS)
"""The actions whose event names the document by the digest of its case."""


class OnHost(NamedTuple):
    """The part of a request's context that a query on the gateway's host has."""

    work: UnitOfWork
    now: datetime


class Denied(Exception):
    """A refusal that is an event: what to answer, what to record."""

    def __init__(
        self, refusal: refusals.Refusal, result: EventResult, rules: tuple[str, ...] = ()
    ) -> None:
        super().__init__(refusal.detail)
        self.refusal = refusal
        self.result = result
        self.rules = rules
        self.about = events.NOTHING
        self.by: str | tuple[str, ...] | None = None
        self.roles: tuple[str, ...] = ()
        self.follow: OnRefusal = keep_nothing


def deny_as_not_found() -> NoReturn:
    """Refuse because there is no such object: answered and recorded as one that may not be known.

    For partners; an administrator's NotFound says what is missing.
    """
    raise Denied(refusals.NotFound(), EventResult.NOT_FOUND, ("R2.default",))


def authorize(
    context: RequestContext,
    resource: PolicyEntity,
    facts: Mapping[str, Value] | None = None,
    action: str | None = None,
    *,
    otherwise: str = "",
    hidden: refusals.Refusal | None = None,
    visible: Callable[[], bool] | None = None,
) -> PolicyDecision:
    """Ask whether the actor may do the request's action to the resource; return only on a yes.

    A partner learns a rule only where the policy says so; else it gets ``hidden``, by default
    NotFound. Where it may read the resource (``visible``) it gets ``otherwise``, or how to look up
    who may do this. Who acts for the gateway learns every reason, or ``otherwise`` where no policy
    states one.
    """
    question = PolicyQuestion(
        context.principal(), action or context.request.action, resource, facts or {}
    )
    decision = context.ports.policy.decide(question)
    if decision.allowed:
        context.rules = decision.rules
        return decision
    if decision.tell == "caller" or not isinstance(context.actor, Caller):
        reason = " ".join(decision.reasons) or otherwise
        raise Denied(refusals.Forbidden(reason, decision.rules), EventResult.DENIED, decision.rules)
    if visible is not None and visible():
        reason = otherwise or _NOT_YOURS.format(question.action)
        told = refusals.Forbidden(reason, ("R2.default",))
        raise Denied(told, EventResult.DENIED, decision.rules)
    raise Denied(hidden or refusals.NotFound(), EventResult.NOT_FOUND, decision.rules)


_NOT_YOURS = (
    "your organisation may read this, and no rule lets it do this to it: `casegate policy explain "
    "{}` names who may"
)


def allows(
    context: RequestContext,
    resource: PolicyEntity,
    facts: Mapping[str, Value] | None = None,
    action: str | None = None,
) -> bool:
    """Tell whether the request's action, or another, is allowed on one resource; others are left
    out."""
    question = PolicyQuestion(
        context.principal(), action or context.request.action, resource, facts or {}
    )
    return context.ports.policy.decide(question).allowed
