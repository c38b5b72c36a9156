"""What administrators change in the registry, each change approved by signed words of persons.

Every change is a policy decision and an event, and is undone only by another event. An approval
binds the exact change by its digest; two approvals count as two only from two persons (R10).
"""

from collections.abc import Container, Mapping, Sequence
from datetime import date
from itertools import combinations
from typing import Any
from uuid import UUID

from gateway.actions.approvals import digest_of, spend
from gateway.actions.authorization import GATEWAY, Refused, Written, receipt_for
from gateway.actions.errand import Errand, earlier, remember
from gateway.actions.persons import key_of
from gateway.actions.ports import (
    LegalDay,
    Mode,
    Policy,
    Ports,
    Work,
)
from gateway.actions.registry import CHANGES, ON_GATEWAY, STEPS
from gateway.actions.registry.desk import Apply, Change, Desk
from gateway.domain.decision import Entity, Question, Value, organisation_entity
from gateway.domain.facts import EVENTS, Detail, Fact, Party, Result
from gateway.domain.organisation import SLUG, Organisation, Person, Status
from gateway.domain.refusals import (
    AlreadyExists,
    ApprovalRefused,
    Forbidden,
    Invalid,
    NotFound,
    Refusal,
    TooManyDenials,
    WrongState,
)
from gateway.evidence import canonical
from gateway.evidence.revocation import KEY

GATEWAYS_OWN = Entity("Log", "log", {})
"""The resource of changes that concern no organisation: the gateway's administrators and keys."""

RECORDED = (ApprovalRefused, Invalid, NotFound, WrongState, AlreadyExists, Forbidden)
"""Refusals of a change that are events: who tried what, and why it was not done."""

_RESULTS: Mapping[type[Refusal], Result] = {
    NotFound: Result.NOT_FOUND,
    WrongState: Result.WRONG_STATE,
    AlreadyExists: Result.WRONG_STATE,
}


def administer(
    ports: Ports,
    change: Change,
    approvals: Sequence[str],
    errand: Errand | None = None,
    *,
    proposal: UUID | None = None,
) -> Written:
    """Make an approved change; the first approval is the proposer's.

    ``approvals`` are compact documents of evidence/approval. ``errand`` is None on the gateway's
    own host; ``proposal`` names the one that is made by it. Raises Refused with its receipt when
    policy, an approval or the registry says no; Invalid for what is no change; Stale, Busy.
    """
    apply, heard = require_change(change), list[str]()
    try:
        return _make(ports, change, apply, approvals, heard, errand=errand, proposal=proposal)
    except RECORDED as refusal:
        refused = record_refusal(ports, change, refusal, tuple(dict.fromkeys(heard)))
        raise refused from refusal


def take_step(ports: Ports, change: Change, approvals: Sequence[str]) -> Written:
    """Record that a key or an authority of the gateway's own takes its next step.

    The step itself is taken by who holds the key files, after this. Raises as `administer`.
    """
    apply, heard = require_change(change, STEPS), list[str]()
    try:
        return _make(ports, change, apply, approvals, heard)
    except RECORDED as refusal:
        raise record_refusal(ports, change, refusal, tuple(dict.fromkeys(heard))) from refusal


def require_change(change: Change, known: Mapping[str, Apply] = CHANGES) -> Apply:
    """What makes a change; Invalid for what is none, which leaves no event."""
    require_form(change, known)
    return known[change.action]


def require_form(change: Change, known: Container[str]) -> None:
    """Raise Invalid for what is no change of the ``known`` actions, which leaves no event."""
    if change.action not in known:
        raise Invalid((("/action", "there is no such change of the registry"),))
    own = change.organisation == GATEWAY
    if own is not (change.action in ON_GATEWAY) or not SLUG.fullmatch(change.organisation):
        raise Invalid((("/organisation", "not an organisation id, or the gateway's own"),))


def _make(
    ports: Ports,
    change: Change,
    apply: Apply,
    approvals: Sequence[str],
    heard: list[str],
    *,
    errand: Errand | None = None,
    proposal: UUID | None = None,
) -> Written:
    denied: Forbidden | None = None
    result: Mapping[str, Any] = {}
    with ports.begin(Mode.REGISTRY) as work:
        logged = earlier(ports, work, change, errand)
        if logged is None:
            require_open(work, proposal)
            desk = desk_of(ports, work, change, approvals, heard)
            denied, result = _decide(ports, desk, apply)
            if not denied:
                remember(ports, work, change, errand, desk.event)
                close(work, proposal, desk.event)
            (logged,) = work.commit()
    receipt = receipt_for(ports, logged, GATEWAY)
    if denied:
        raise Refused(denied, receipt)
    return Written({"event": str(logged.event.id), **result}, receipt)


def desk_of(
    ports: Ports, work: Work, change: Change, approvals: Sequence[str], heard: list[str]
) -> Desk:
    """Where a change is made, once its approvals count; ``heard`` is as for `approvals.spend`."""
    now, event = ports.now(), ports.new_id()
    persons = spend(ports, work, change, approvals, event=event, heard=heard)
    return Desk(work, change, persons, now, ports.legal_day(now).day, event, ports.issuer)


def _decide(ports: Ports, desk: Desk, apply: Apply) -> tuple[Forbidden | None, Mapping[str, Any]]:
    """Ask policy, then change the registry; what policy has against it is recorded as well."""
    today = ports.legal_day(desk.now)
    found = desk.work.organisations.get(desk.change.organisation)
    denied = denial(ports.policy, desk, found, today)
    result = {} if denied else apply(desk, found)
    _record(desk, denied, today)
    return denied, result


def require_open(work: Work, proposal: UUID | None) -> None:
    """Raise WrongState for a proposal that cannot be made any more; None is none."""
    if proposal is None:
        return
    found = work.proposals.get(proposal)
    if found is None or found.made_by is not None:
        raise WrongState("the proposal was made before")
    if found.withdrawn_by is not None:
        raise WrongState("the proposal was withdrawn by the person who made it")


def close(work: Work, proposal: UUID | None, event: UUID) -> None:
    """Remember by which event a proposal was made; None is none."""
    if proposal is not None:
        work.proposals.close(proposal, event)


def record_refusal(
    ports: Ports, change: Change, refusal: Refusal, persons: tuple[str, ...]
) -> Refused:
    """Record that a change was refused, for the gateway alone; only then may it be told."""
    typ, operation = EVENTS[change.action]
    now = ports.now()
    gateway = frozenset({GATEWAY})
    fact = Fact(
        id=ports.new_id(),
        typ=typ,
        operation=operation,
        result=_RESULTS.get(type(refusal), Result.DENIED),
        parties=(Party(GATEWAY, "gateway"),),
        details=(
            Detail("by", persons, gateway),
            Detail("reason", refusal.detail, gateway),
            *_subject(change, refusal, gateway),
        ),
        simulated_date=simulated(ports.legal_day(now)),
    )
    with ports.begin(Mode.WRITE) as work:
        window = f"denials/{now:%Y%m%dT%H%M}"
        if not work.budgets.spend(GATEWAY, window, ports.denials_per_minute):
            raise TooManyDenials("too many refused changes in this minute: wait, then mend")
        work.log.record(fact)
        (logged,) = work.commit()
    return Refused(refusal, receipt_for(ports, logged, GATEWAY))


def _subject(change: Change, refusal: Refusal, readers: frozenset[str]) -> tuple[Detail, ...]:
    """The change in words, or by its digest where nobody stands for what is in it.

    Values that were malformed, or that no approval covers, might be a secret in the wrong place.
    """
    try:
        said = told(change)
        if isinstance(refusal, Invalid | ApprovalRefused):
            named = {"action": change.action, "organisation": change.organisation}
            said = canonical.encode({**named, "change": digest_of(change)}).decode()
    except (ValueError, Invalid):
        return ()
    return (Detail("subject", said, readers),)


def denial(
    policy: Policy, desk: Desk, found: Organisation | None, today: LegalDay, **facts: Value
) -> Forbidden | None:
    """What policy has against the change, on further ``facts``; None when it allows it."""
    principal = Entity("Person", desk.persons[0], {"enabled": True})
    resource = GATEWAYS_OWN
    if desk.change.action not in ON_GATEWAY:
        resource = organisation_entity(found or _applicant(desk.change), today.day)
    context = {"approvals": len(desk.persons), **facts}
    decision = policy.decide(Question(principal, desk.change.action, resource, context))
    if decision.allowed:
        return None
    reason = " ".join(decision.reasons) or "policy does not allow this change"
    return Forbidden(reason, decision.rules)


def _record(desk: Desk, denied: Forbidden | None, today: LegalDay) -> None:
    """Record the change for the gateway and whom it concerns; a denial for the gateway alone."""
    typ, operation = EVENTS[desk.change.action]
    parties = _parties(desk)
    concerned = (desk.change.organisation, *desk.concerned)
    gateway = frozenset({GATEWAY})
    readers = gateway if denied else gateway.union(concerned)
    rules = (Detail("rules", denied.rules, gateway),) if denied else ()
    desk.work.log.record(
        Fact(
            id=desk.event,
            typ=typ,
            operation=operation,
            result=Result.DENIED if denied else Result.ALLOWED,
            parties=parties[:1] if denied else parties,
            details=(
                Detail("by", desk.persons, gateway),
                Detail("subject", told(desk.change), readers),
                *_named_key(desk, readers),
                *rules,
            ),
            simulated_date=simulated(today),
        )
    )


def _named_key(desk: Desk, readers: frozenset[str]) -> tuple[Detail, ...]:
    """The key that a change is about, beside the reason: for who may know the one alone."""
    if desk.names_key is None:
        return ()
    return (Detail(KEY, (desk.change.organisation, desk.names_key), readers),)


def record_denial(desk: Desk, denied: Forbidden, today: LegalDay) -> None:
    """Record that policy was against the change, for the gateway alone."""
    _record(desk, denied, today)


def _parties(desk: Desk) -> tuple[Party, ...]:
    gateway = (Party(GATEWAY, "gateway"),)
    if desk.change.organisation == GATEWAY:
        return gateway
    concerned = (desk.change.organisation, *desk.concerned)
    return (*gateway, *(Party(one, "concerned") for one in concerned))


def simulated(today: LegalDay) -> date | None:
    """The date that events name when a demonstration set it."""
    return today.day if today.simulated else None


def told(change: Change) -> str:
    """The change as its event has it; a CSR is named by its request, not repeated."""
    values = {name: value for name, value in change.values.items() if name != "csr"}
    return canonical.encode({"organisation": change.organisation, **values}).decode()


def _applicant(change: Change) -> Organisation:
    return Organisation(
        slug=change.organisation,
        name="",
        kind="",
        public_authority=False,
        regimes=frozenset(),
        country="",
        status=Status.APPLIED,
    )


def found(ports: Ports, persons: Sequence[Person]) -> Written:
    """Enrol the first administrators of a new gateway: two, named, with different keys.

    The one change that nobody approves, for there is nobody yet. WrongState ever after.
    """
    keys = [key_of(person) for person in persons]
    shared = any(one == other for one, other in combinations(keys, 2))
    if len(persons) < 2 or shared or len({p.id for p in persons}) < len(persons):
        raise ApprovalRefused("a gateway is founded by two persons or more, with a key each")
    typ, operation = EVENTS["gateway.found"]
    event, today = ports.new_id(), ports.legal_day(ports.now())
    with ports.begin(Mode.REGISTRY) as work:
        if work.organisations.persons():
            raise WrongState("the gateway was founded before")
        for person in persons:
            work.organisations.add_person(person)
        work.log.record(
            Fact(
                id=event,
                typ=typ,
                operation=operation,
                result=Result.ALLOWED,
                parties=(Party(GATEWAY, "gateway"),),
                details=(Detail("by", tuple(p.id for p in persons), frozenset({GATEWAY})),),
                simulated_date=simulated(today),
            )
        )
        (logged,) = work.commit()
    return Written({"event": str(event)}, receipt_for(ports, logged, GATEWAY))
