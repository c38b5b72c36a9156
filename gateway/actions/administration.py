"""What administrators change in the registry, each change approved by signed words of persons.

Every change is a policy decision and an event, and is undone only by another event. An approval
binds the exact change by its digest; two approvals count as two only from two persons (R10).
"""

from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import Any, TypeVar
from uuid import UUID

from gateway.actions.approvals import digest_of, spend
from gateway.actions.authorization import GATEWAY, Refused, Written, receipt_for
from gateway.actions.errand import Errand, earlier, remember
from gateway.actions.persons import key_of
from gateway.actions.ports import Mode, Policy, Ports, Work
from gateway.actions.records import LegalDay
from gateway.actions.registry import CHANGES, ON_GATEWAY, STEPS
from gateway.actions.registry.desk import UNKNOWN, Apply, Change, Desk, Form, Kind
from gateway.domain.decision import Entity, Question, Value, organisation_entity
from gateway.domain.facts import Detail, Fact, Party, Result
from gateway.domain.organisation import SLUG, Organisation, Person, Status
from gateway.domain.refusals import (
    AlreadyExists,
    ApprovalRefused,
    Forbidden,
    Invalid,
    InvitationRefused,
    NotFound,
    Refusal,
    TooManyDenials,
    WrongState,
)
from gateway.evidence import canonical
from gateway.evidence.revocation import KEY

K = TypeVar("K")

GATEWAYS_OWN = Entity("Log", "log", {})
"""The resource of changes that concern no organisation: the gateway's administrators and keys."""

RECORDED = (
    ApprovalRefused,
    Invalid,
    NotFound,
    WrongState,
    AlreadyExists,
    InvitationRefused,
    Forbidden,
)
"""Refusals of a change that are events: who tried what, and why it was not done."""

_RESULTS: Mapping[type[Refusal], Result] = {
    NotFound: Result.NOT_FOUND,
    WrongState: Result.WRONG_STATE,
    AlreadyExists: Result.WRONG_STATE,
    InvitationRefused: Result.WRONG_STATE,
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
    kind, heard = require_change(change, CHANGES), list[str]()
    try:
        return _make(ports, change, kind, approvals, heard, errand=errand, proposal=proposal)
    except RECORDED as refusal:
        refused = record_refusal(ports, change, refusal, tuple(dict.fromkeys(heard)))
        raise refused from refusal


def take_step(ports: Ports, change: Change, approvals: Sequence[str]) -> Written:
    """Record that a key or an authority of the gateway's own takes its next step.

    The step itself is taken by who holds the key files, after this. Raises as `administer`.
    """
    kind, heard = require_change(change, STEPS), list[str]()
    try:
        return _make(ports, change, kind, approvals, heard)
    except RECORDED as refusal:
        raise record_refusal(ports, change, refusal, tuple(dict.fromkeys(heard))) from refusal


def require_change(change: Change, known: Mapping[str, K]) -> K:
    """What is known of a change's action; Invalid for what is no change, which leaves no event."""
    if change.action not in known:
        raise Invalid((("/action", "there is no such change of the registry"),))
    own = change.organisation == GATEWAY
    if own is not (change.action in ON_GATEWAY) or not SLUG.fullmatch(change.organisation):
        raise Invalid((("/organisation", "is no organisation's id, or is the gateway's own"),))
    return known[change.action]


def _make(
    ports: Ports,
    change: Change,
    kind: Kind,
    approvals: Sequence[str],
    heard: list[str],
    *,
    errand: Errand | None = None,
    proposal: UUID | None = None,
) -> Written:
    result: Mapping[str, Any] = {}
    with ports.begin(Mode.REGISTRY) as work:
        logged = earlier(ports, work, change, errand)
        if logged is None:
            require_open(work, proposal)
            desk = desk_of(ports, work, change, kind.form, approvals, heard=heard)
            result = _apply(ports, desk, kind.apply)
            remember(ports, work, change, errand, desk.event)
            close(work, proposal, desk.event)
            (logged,) = work.commit()
    receipt = receipt_for(ports, logged, GATEWAY)
    return Written({"event": str(logged.event.id), **result}, receipt)


def desk_of(
    ports: Ports,
    work: Work,
    change: Change,
    form: Form,
    approvals: Sequence[str],
    *,
    heard: list[str],
) -> Desk:
    """Where a change is made, once its approvals count and its values are of the form.

    ``heard`` is as for `approvals.spend`. Raises ApprovalRefused, Invalid.
    """
    now, event = ports.now(), ports.new_id()
    persons = spend(ports, work, change, approvals, event=event, heard=heard)
    said, day = form.read(change.values), ports.legal_day(now).day
    return Desk(work, change, persons, now, day, event, ports.issuer, said)


def _apply(ports: Ports, desk: Desk, apply: Apply) -> Mapping[str, Any]:
    """Ask policy, then change the registry; Forbidden for what policy is against."""
    today = ports.legal_day(desk.now)
    found = desk.work.organisations.get(desk.change.organisation)
    require_allowed(ports.policy, desk, found, today)
    result = apply(desk, found)
    _record(desk, today)
    return result


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
    """Record that a change was refused, for the gateway alone; only then may it be told.

    It is done in a transaction of its own: what was refused is rolled back, and consumes nothing.
    """
    now = ports.now()
    gateway = frozenset({GATEWAY})
    rules = refusal.rules if isinstance(refusal, Forbidden) else ()
    fact = Fact(
        id=ports.new_id(),
        action=change.action,
        result=_RESULTS.get(type(refusal), Result.DENIED),
        parties=(Party(GATEWAY, "gateway"),),
        details=(
            Detail("by", persons, gateway),
            Detail("reason", refusal.detail, gateway),
            *_subject(change, refusal, gateway),
            *((Detail("rules", rules, gateway),) if rules else ()),
        ),
        simulated_date=ports.legal_day(now).simulated_date,
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
    Every other refusal comes after the values were read by the form of the change.
    """
    try:
        said = told(change)
        if isinstance(refusal, Invalid | ApprovalRefused):
            named = {"action": change.action, "organisation": change.organisation}
            said = canonical.encode({**named, "change": digest_of(change)}).decode()
    except (ValueError, Invalid):
        return ()
    return (Detail("subject", said, readers),)


def require_allowed(
    policy: Policy, desk: Desk, found: Organisation | None, today: LegalDay, **facts: Value
) -> None:
    """Raise Forbidden when policy is against the change, on further ``facts``."""
    principal = Entity("Person", desk.persons[0], {"enabled": True})
    resource = GATEWAYS_OWN
    if desk.change.action not in ON_GATEWAY:
        resource = organisation_entity(found or _applicant(desk.change), today.day)
    context = {"approvals": len(desk.persons), **facts}
    decision = policy.decide(Question(principal, desk.change.action, resource, context))
    if not decision.allowed:
        reason = " ".join(decision.reasons) or _why_not(desk.change, found)
        raise Forbidden(reason, decision.rules)


def _why_not(change: Change, found: Organisation | None) -> str:
    """What to tell where no policy permits a change, and none says why not."""
    if change.action in ON_GATEWAY:
        return "policy does not allow this change"
    if found is None:
        return UNKNOWN
    return f"policy does not allow this change of an organisation that is {found.status}"


def _record(desk: Desk, today: LegalDay) -> None:
    """Record the change for the gateway and whom it concerns."""
    gateway = frozenset({GATEWAY})
    readers = gateway.union((desk.change.organisation, *desk.concerned))
    desk.work.log.record(
        Fact(
            id=desk.event,
            action=desk.change.action,
            result=Result.ALLOWED,
            parties=_parties(desk),
            details=(
                Detail("by", desk.persons, gateway),
                Detail("subject", told(desk.change), readers),
                *_named_key(desk, readers),
            ),
            simulated_date=today.simulated_date,
        )
    )


def _named_key(desk: Desk, readers: frozenset[str]) -> tuple[Detail, ...]:
    """The key that a change is about, beside the reason: for who may know the one alone."""
    if desk.names_key is None:
        return ()
    return (Detail(KEY, (desk.change.organisation, desk.names_key), readers),)


def _parties(desk: Desk) -> tuple[Party, ...]:
    gateway = (Party(GATEWAY, "gateway"),)
    if desk.change.organisation == GATEWAY:
        return gateway
    concerned = (desk.change.organisation, *desk.concerned)
    return (*gateway, *(Party(one, "concerned") for one in concerned))


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
    event, today = ports.new_id(), ports.legal_day(ports.now())
    with ports.begin(Mode.REGISTRY) as work:
        if work.organisations.persons():
            raise WrongState("the gateway was founded before")
        for person in persons:
            work.organisations.add_person(person)
        work.log.record(
            Fact(
                id=event,
                action="gateway.found",
                result=Result.ALLOWED,
                parties=(Party(GATEWAY, "gateway"),),
                details=(Detail("by", tuple(p.id for p in persons), frozenset({GATEWAY})),),
                simulated_date=today.simulated_date,
            )
        )
        (logged,) = work.commit()
    return Written({"event": str(event)}, receipt_for(ports, logged, GATEWAY))
