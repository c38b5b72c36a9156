"""What administrators change in the registry, each change approved by signed words of persons.

Every change is a policy decision and an event, and is undone only by another event. An approval
binds the exact change by its digest; two approvals count as two only from two persons (R10).
"""

import hmac
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import date
from itertools import combinations
from uuid import UUID

from gateway.actions.authorization import GATEWAY, Refused, Written, receipt_for
from gateway.actions.ports import (
    Authority,
    LegalDay,
    Mode,
    Policy,
    Ports,
    Retry,
    SigningRequest,
    Work,
)
from gateway.actions.registry import CHANGES
from gateway.actions.registry.desk import Change, Desk
from gateway.domain.decision import Entity, Question, Value, organisation_entity
from gateway.domain.facts import EVENTS, Detail, Fact, Party, Result
from gateway.domain.membership import Move, move
from gateway.domain.organisation import SLUG, Certificate, Organisation, Person, Status
from gateway.domain.refusals import ApprovalRefused, Forbidden, Invalid, Stale, WrongState
from gateway.evidence import approval, canonical
from gateway.evidence.sd_jwt import DocumentError
from gateway.evidence.signature import PublicKey, public_keys


def administer(ports: Ports, change: Change, approvals: Sequence[str]) -> Written:
    """Make an approved change; the first approval is the proposer's.

    ``approvals`` are compact documents of evidence/approval. Raises ApprovalRefused, Invalid,
    NotFound, WrongState, AlreadyExists, Stale; Refused (with its receipt) when policy says no.
    """
    apply = CHANGES.get(change.action)
    if apply is None:
        raise Invalid((("/action", "there is no such change of the registry"),))
    if not SLUG.fullmatch(change.organisation) or change.organisation == GATEWAY:
        raise Invalid((("/organisation", "not an organisation id, or the gateway's own"),))
    now, event = ports.now(), ports.new_id()
    today = ports.legal_day(now)
    with ports.begin(Mode.REGISTRY) as work:
        persons = approved(ports, work, change, approvals, event)
        desk = Desk(work, change, persons, now, today.day, event, ports.issuer)
        found = work.organisations.get(change.organisation)
        denied = denial(ports.policy, desk, found, today)
        result = {} if denied else apply(desk, found)
        _record(desk, denied, today)
        (logged,) = work.commit()
    receipt = receipt_for(ports, logged, GATEWAY)
    if denied:
        raise Refused(denied, receipt)
    return Written({"event": str(desk.event), **result}, receipt)


def approved(
    ports: Ports, work: Work, change: Change, approvals: Sequence[str], event: UUID
) -> tuple[str, ...]:
    """The distinct persons who approved exactly this change; an approval counts once, ever."""
    try:
        wanted = approval.digest_of(change.action, change.organisation, change.values)
    except ValueError as error:
        raise Invalid((("", f"the change cannot be signed: {error}"),)) from None
    fingerprint = hmac.digest(ports.fingerprint_key, wanted.encode(), "sha256")
    persons: list[str] = []
    for text in approvals:
        given = _verified(ports, work, text)
        if given.change != wanted:
            raise ApprovalRefused("an approval is for another change: sign this one")
        if given.person in persons:
            raise ApprovalRefused("two approvals of one person count once: ask another person")
        key = f"approval/{given.person}/{given.jti}"
        if work.retries.get(GATEWAY, key) is not None:
            raise ApprovalRefused("an approval was used before: sign anew")
        work.retries.add(Retry(GATEWAY, key, fingerprint, event))
        persons.append(given.person)
    if not persons:
        raise ApprovalRefused("a change of the registry needs an administrator's approval")
    return tuple(persons)


def _verified(ports: Ports, work: Work, text: str) -> approval.Approval:
    try:
        name = approval.person_of(text, ports.issuer)
        person = work.organisations.person(name)
        if person is None or not person.enabled:
            raise ApprovalRefused("an approval is from nobody who administers this gateway")
        keys = _keys_of(person)
        return approval.verify(text, person=name, audience=ports.issuer, keys=keys)
    except DocumentError as error:
        raise ApprovalRefused(f"an approval does not verify: {error}") from None


def _keys_of(person: Person) -> dict[str, PublicKey]:
    """The person's key, by its id; ValueError when it is none."""
    return public_keys({"keys": [canonical.decode(person.public_key.encode())]})


def _key_of(person: Person) -> PublicKey:
    try:
        (key,) = _keys_of(person).values()
    except ValueError:
        raise ApprovalRefused("a founder's key is the public JWK of a signing key") from None
    return key


def denial(
    policy: Policy, desk: Desk, found: Organisation | None, today: LegalDay, **facts: Value
) -> Forbidden | None:
    """What policy has against the change, on further ``facts``; None when it allows it."""
    principal = Entity("Person", desk.persons[0], {"enabled": True})
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
    concerned = (desk.change.organisation, *desk.concerned)
    parties = (Party(GATEWAY, "gateway"), *(Party(one, "concerned") for one in concerned))
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
                Detail("subject", _told(desk.change), readers),
                *rules,
            ),
            simulated_date=simulated(today),
        )
    )


def record_denial(desk: Desk, denied: Forbidden, today: LegalDay) -> None:
    """Record that policy was against the change, for the gateway alone."""
    _record(desk, denied, today)


def simulated(today: LegalDay) -> date | None:
    """The date that events name when a demonstration set it."""
    return today.day if today.simulated else None


def _told(change: Change) -> str:
    """The change in words of its own values; a CSR is named by its request, not repeated."""
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
    keys = [_key_of(person) for person in persons]
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


def rekey(ports: Ports, values: Mapping[str, str], approvals: Sequence[str]) -> Written:
    """Record that a key of the gateway's own takes its next step, approved by a person (M4).

    ``values`` say the purpose, the step and the key's id. The step itself is taken by who holds
    the key files, after this. Raises ApprovalRefused, Invalid.
    """
    return _record_own(ports, "gateway.rekey", values, approvals, persons=1)


def rotate(ports: Ports, values: Mapping[str, str], approvals: Sequence[str]) -> Written:
    """Record that the issuing authority takes its next step, approved by two persons (R10).

    ``values`` say the step, the authority's id, and whether it waited for its time. The step
    itself is taken by who holds the issuing keys, after this. Raises ApprovalRefused, Invalid.
    """
    return _record_own(ports, "ca.rotate", values, approvals, persons=2)


def _record_own(
    ports: Ports, action: str, values: Mapping[str, str], approvals: Sequence[str], *, persons: int
) -> Written:
    """Record a step of the gateway's own keys, approved by so many different persons."""
    typ, operation = EVENTS[action]
    change = Change(action, GATEWAY, values)
    event, today = ports.new_id(), ports.legal_day(ports.now())
    gateway = frozenset({GATEWAY})
    with ports.begin(Mode.REGISTRY) as work:
        people = approved(ports, work, change, approvals, event)
        if len(people) < persons:
            raise ApprovalRefused(f"this takes the approvals of {persons} different persons")
        work.log.record(
            Fact(
                id=event,
                typ=typ,
                operation=operation,
                result=Result.ALLOWED,
                parties=(Party(GATEWAY, "gateway"),),
                details=(
                    Detail("by", people, gateway),
                    Detail("subject", _told(change), gateway),
                ),
                simulated_date=simulated(today),
            )
        )
        (logged,) = work.commit()
    return Written({"event": str(event), **values}, receipt_for(ports, logged, GATEWAY))


def serve_signing(ports: Ports, authority: Authority) -> list[SigningRequest]:
    """Make the certificates that were approved; only the holder of the issuing key calls this.

    Returns the requests served here; those that another holder served meanwhile are its own.
    """
    served = []
    with ports.begin(Mode.READ) as work:
        pending = work.signing.pending(100)
    for request in pending:
        with suppress(Stale):
            served.append(_serve(ports, authority, request))
    return served


def _serve(ports: Ports, authority: Authority, request: SigningRequest) -> SigningRequest:
    now = ports.now()
    try:
        pem, certificate = authority.issue(request.csr, request.organisation, request.system, now)
    except ValueError as error:
        return _finish(ports, replace(request, refusal=str(error)), None)
    return _finish(ports, replace(request, certificate=pem), certificate)


def _finish(
    ports: Ports, request: SigningRequest, certificate: Certificate | None
) -> SigningRequest:
    typ, operation = EVENTS["certificate.serve"]
    readers = frozenset({GATEWAY, request.organisation})
    with ports.begin(Mode.REGISTRY) as work:
        current = work.signing.get(request.id)
        if current is None or current.certificate or current.refusal:
            raise Stale("the request was served meanwhile")
        work.signing.save(request)
        if certificate is not None:
            work.organisations.add_certificate(certificate)
            _enrol(ports, work, request)
        subject = certificate.thumbprint if certificate else "refused"
        work.log.record(
            Fact(
                id=ports.new_id(),
                typ=typ,
                operation=operation,
                result=Result.ALLOWED if certificate else Result.DENIED,
                parties=(Party(GATEWAY, "gateway"), Party(request.organisation, "concerned")),
                details=(
                    Detail("by", request.approved_by, frozenset({GATEWAY})),
                    Detail("subject", subject, readers),
                ),
                simulated_date=simulated(ports.legal_day(ports.now())),
            )
        )
        work.commit()
    return request


def _enrol(ports: Ports, work: Work, request: SigningRequest) -> None:
    """With its first certificate an organisation that was approved is enrolled."""
    member = work.organisations.get(request.organisation)
    if member is None or member.status is not Status.APPROVED:
        return
    event, today = ports.new_id(), ports.legal_day(ports.now())
    enrolled = move(member, Move.ENROL, today.day, event)
    enrolled = replace(enrolled, version=member.version + 1)
    work.organisations.save(enrolled)
    typ, operation = EVENTS["organisation.enrol"]
    told = {"organisation": member.slug, "system": request.system, "status": str(enrolled.status)}
    both = frozenset({GATEWAY, member.slug})
    work.log.record(
        Fact(
            id=event,
            typ=typ,
            operation=operation,
            result=Result.ALLOWED,
            parties=(Party(GATEWAY, "gateway"), Party(member.slug, "concerned")),
            details=(
                Detail("by", request.approved_by, frozenset({GATEWAY})),
                Detail("subject", canonical.encode(told).decode(), both),
            ),
            simulated_date=simulated(today),
        )
    )
