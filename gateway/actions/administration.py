"""What administrators change in the registry, each change approved by signed words of persons.

Every change is a policy decision and an event, and is undone only by another event. An approval
binds the exact change by its digest; two approvals count as two only from two persons (R10).
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any
from uuid import UUID

from gateway.actions.authorization import GATEWAY, Refused, Written, receipt_for
from gateway.actions.ports import Authority, LegalDay, Mode, Ports, SigningRequest, Work
from gateway.domain.decision import Entity, Question, organisation_entity
from gateway.domain.facts import EVENTS, Detail, Fact, Party, Result
from gateway.domain.organisation import (
    Certificate,
    Competence,
    Organisation,
    Period,
    Person,
    Seat,
    Standing,
    Status,
    System,
)
from gateway.domain.refusals import (
    ApprovalRefused,
    Forbidden,
    Invalid,
    NotFound,
    Stale,
    WrongState,
)
from gateway.evidence import approval, canonical
from gateway.evidence.sd_jwt import DocumentError
from gateway.evidence.signature import public_keys


@dataclass(frozen=True)
class Change:
    """A change of one organisation's entry: the action, and the values that it carries."""

    action: str
    organisation: str
    values: Mapping[str, Any]


@dataclass
class _Desk:
    """One change in one transaction."""

    ports: Ports
    work: Work
    change: Change
    persons: tuple[str, ...]
    now: datetime
    today: LegalDay
    event: UUID


Apply = Callable[[_Desk, Organisation | None], Mapping[str, Any]]


def administer(ports: Ports, change: Change, approvals: Sequence[str]) -> Written:
    """Make an approved change; the first approval is the proposer's.

    ``approvals`` are compact documents of evidence/approval. Raises ApprovalRefused, Invalid,
    NotFound, WrongState, AlreadyExists, Stale; Refused (with its receipt) when policy says no.
    """
    apply = CHANGES.get(change.action)
    if apply is None:
        raise Invalid((("/action", "there is no such change of the registry"),))
    now = ports.now()
    denied: Forbidden | None = None
    with ports.begin(Mode.REGISTRY) as work:
        persons = _approved(ports, work, change, approvals)
        desk = _Desk(ports, work, change, persons, now, ports.legal_day(now), ports.new_id())
        found = work.organisations.get(change.organisation)
        denied = _decide(desk, found)
        result = {} if denied else apply(desk, found)
        _record(desk, denied)
        (logged,) = work.commit()
    receipt = receipt_for(ports, logged, GATEWAY)
    if denied:
        raise Refused(denied, receipt)
    return Written({"event": str(desk.event), **result}, receipt)


def _approved(
    ports: Ports, work: Work, change: Change, approvals: Sequence[str]
) -> tuple[str, ...]:
    """The distinct persons who approved exactly this change; an approval counts once, ever."""
    wanted = approval.digest_of(change.action, change.organisation, change.values)
    persons: list[str] = []
    for text in approvals:
        given = _verified(ports, work, text)
        if given.change != wanted:
            raise ApprovalRefused("an approval is for another change: sign this one")
        if given.person in persons:
            raise ApprovalRefused("two approvals of one person count once: ask another person")
        if not work.budgets.spend(given.person, f"approval/{given.jti}", 1):
            raise ApprovalRefused("an approval was used before: sign anew")
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
        keys = public_keys({"keys": [canonical.decode(person.public_key.encode())]})
        return approval.verify(text, person=name, audience=ports.issuer, keys=keys)
    except DocumentError as error:
        raise ApprovalRefused(f"an approval does not verify: {error}") from None


def _decide(desk: _Desk, found: Organisation | None) -> Forbidden | None:
    principal = Entity("Person", desk.persons[0], {"enabled": True})
    resource = organisation_entity(found or _applicant(desk.change), desk.today.day)
    context = {"approvals": len(desk.persons)}
    decision = desk.ports.policy.decide(Question(principal, desk.change.action, resource, context))
    if decision.allowed:
        return None
    reason = " ".join(decision.reasons) or "policy does not allow this change"
    return Forbidden(reason, decision.rules)


def _record(desk: _Desk, denied: Forbidden | None) -> None:
    typ, operation = EVENTS[desk.change.action]
    gateway = frozenset({GATEWAY})
    parties = [Party(GATEWAY, "gateway")]
    known = denied is None or desk.work.organisations.get(desk.change.organisation) is not None
    if known:
        parties.append(Party(desk.change.organisation, "concerned"))
    rules = (Detail("rules", denied.rules, gateway),) if denied else ()
    desk.work.log.record(
        Fact(
            id=desk.event,
            typ=typ,
            operation=operation,
            result=Result.DENIED if denied else Result.ALLOWED,
            parties=tuple(parties),
            details=(
                Detail("by", desk.persons, gateway),
                Detail("subject", _told(desk.change), gateway | {desk.change.organisation}),
                *rules,
            ),
            simulated_date=desk.today.day if desk.today.simulated else None,
        )
    )


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


def _must(found: Organisation | None) -> Organisation:
    if found is None:
        raise NotFound("no organisation has that id: admit it first")
    return found


def _save(desk: _Desk, organisation: Organisation) -> None:
    desk.work.organisations.save(replace(organisation, version=organisation.version + 1))


def _admit(desk: _Desk, found: Organisation | None) -> Mapping[str, Any]:
    values = desk.change.values
    if desk.change.organisation == GATEWAY:
        raise Invalid((("/organisation", "that id is the gateway's own"),))
    desk.work.organisations.add(
        Organisation(
            slug=desk.change.organisation,
            name=values["name"],
            kind=values["kind"],
            public_authority=values["public_authority"],
            regimes=frozenset(values["regimes"]),
            country=values["country"],
            status=Status.ACTIVE,
        )
    )
    return {"organisation": desk.change.organisation, "status": str(Status.ACTIVE)}


def _move_status(found: Organisation | None, before: Status, after: Status) -> Organisation:
    organisation = _must(found)
    if organisation.status is not before:
        raise WrongState(f"the organisation is {organisation.status}, not {before}")
    return replace(organisation, status=after)


def _suspend(desk: _Desk, found: Organisation | None) -> Mapping[str, Any]:
    _save(desk, _move_status(found, Status.ACTIVE, Status.SUSPENDED))
    return {"organisation": desk.change.organisation, "status": str(Status.SUSPENDED)}


def _reinstate(desk: _Desk, found: Organisation | None) -> Mapping[str, Any]:
    _save(desk, _move_status(found, Status.SUSPENDED, Status.ACTIVE))
    return {"organisation": desk.change.organisation, "status": str(Status.ACTIVE)}


def _period(values: Mapping[str, Any]) -> Period:
    end = values.get("until")
    try:
        return Period(date.fromisoformat(values["from"]), date.fromisoformat(end) if end else None)
    except ValueError as error:
        raise Invalid((("/from", f"not a period: {error}"),)) from None


def _grant_standing(desk: _Desk, found: Organisation | None) -> Mapping[str, Any]:
    organisation = _must(found)
    values = desk.change.values
    seat = Seat(Standing(values["standing"]), _period(values), values["decision_ref"])
    if any(seat.period.overlaps(other.period) for other in organisation.seats):
        raise WrongState("a seat is held in that period already: end it first")
    seats = sorted((*organisation.seats, seat), key=lambda s: s.period.start)
    _save(desk, replace(organisation, seats=tuple(seats)))
    return {"organisation": organisation.slug, "standing": str(seat.standing)}


def _end_standing(desk: _Desk, found: Organisation | None) -> Mapping[str, Any]:
    organisation = _must(found)
    end = date.fromisoformat(desk.change.values["until"])
    seats = [_ended(s, end) if s.period.holds(end) else s for s in organisation.seats]
    if tuple(seats) == organisation.seats:
        raise WrongState("no seat is held on that day")
    _save(desk, replace(organisation, seats=tuple(seats)))
    return {"organisation": organisation.slug, "until": end.isoformat()}


def _ended(seat: Seat, end: date) -> Seat:
    return replace(seat, period=_cut(seat.period, end))


def _cut(period: Period, end: date) -> Period:
    try:
        return Period(period.start, end)
    except ValueError as error:
        raise Invalid((("/until", str(error)),)) from None


def _grant_competence(desk: _Desk, found: Organisation | None) -> Mapping[str, Any]:
    organisation = _must(found)
    values = desk.change.values
    competence = Competence(
        id=desk.event,
        organisation=organisation.slug,
        function=values["function"],
        matter=values["matter"],
        territory=values["territory"],
        legal_act=values["legal_act"],
        period=_period(values),
        registered_by=desk.event,
    )
    _save(desk, replace(organisation, competences=(*organisation.competences, competence)))
    return {"organisation": organisation.slug, "competence": competence.key}


def _end_competence(desk: _Desk, found: Organisation | None) -> Mapping[str, Any]:
    organisation = _must(found)
    values = desk.change.values
    end = date.fromisoformat(values["until"])
    ended = [
        replace(c, period=_cut(c.period, end))
        if c.key == values["competence"] and c.period.holds(end)
        else c
        for c in organisation.competences
    ]
    if tuple(ended) == organisation.competences:
        raise WrongState("the organisation does not hold that competence on that day")
    _save(desk, replace(organisation, competences=tuple(ended)))
    return {"organisation": organisation.slug, "competence": values["competence"]}


def _register_system(desk: _Desk, found: Organisation | None) -> Mapping[str, Any]:
    organisation = _must(found)
    values = desk.change.values
    system = System(organisation.slug, values["system"], frozenset(values["scopes"]))
    desk.work.organisations.add_system(system)
    return {"client_id": system.client_id, "scopes": sorted(system.scopes)}


def _approve_certificate(desk: _Desk, found: Organisation | None) -> Mapping[str, Any]:
    organisation = _must(found)
    values = desk.change.values
    if desk.work.organisations.system(organisation.slug, values["system"]) is None:
        raise NotFound("the organisation has no system of that name: register it first")
    request = SigningRequest(
        desk.event, organisation.slug, values["system"], values["csr"], desk.persons[0]
    )
    desk.work.signing.add(request)
    return {"request": str(request.id)}


def _revoke_certificate(desk: _Desk, found: Organisation | None) -> Mapping[str, Any]:
    organisation = _must(found)
    thumbprint = desk.change.values["thumbprint"]
    certificate = desk.work.organisations.certificate(thumbprint)
    if certificate is None or certificate.organisation != organisation.slug:
        raise NotFound("the organisation has no such certificate")
    if certificate.revoked_at is not None:
        raise WrongState("the certificate is revoked already")
    desk.work.organisations.save_certificate(replace(certificate, revoked_at=desk.now))
    return {"thumbprint": thumbprint}


CHANGES: Mapping[str, Apply] = {
    "organisation.admit": _admit,
    "organisation.suspend": _suspend,
    "organisation.reinstate": _reinstate,
    "standing.grant": _grant_standing,
    "standing.end": _end_standing,
    "competence.grant": _grant_competence,
    "competence.end": _end_competence,
    "system.register": _register_system,
    "certificate.issue": _approve_certificate,
    "certificate.revoke": _revoke_certificate,
}
"""Every change that administrators make, by its action."""


def found(ports: Ports, persons: Sequence[Person]) -> Written:
    """Enrol the first administrators of a new gateway: two, named, with different keys.

    The one change that nobody approves, for there is nobody yet. WrongState ever after.
    """
    if len({p.id for p in persons}) < 2 or len({p.public_key for p in persons}) < 2:
        raise ApprovalRefused("a gateway is founded by two persons with a key each")
    typ, operation = EVENTS["gateway.found"]
    event = ports.new_id()
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
            )
        )
        (logged,) = work.commit()
    return Written({"event": str(event)}, receipt_for(ports, logged, GATEWAY))


def serve_signing(ports: Ports, authority: Authority) -> list[SigningRequest]:
    """Make the certificates that were approved; only the holder of the issuing key calls this."""
    served = []
    with ports.begin(Mode.READ) as work:
        pending = work.signing.pending(100)
    for request in pending:
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
            )
        )
        work.commit()
    return request
