"""Members: how they come in and leave, their membership, contacts, interests and agreements, which
of them audit, their receivers, and holds on the log.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from datetime import date, timedelta
from functools import partial
from typing import Any, TypeVar
from uuid import UUID

from gateway.domain.audit import AuditAccess, CaseId, CoverageKind
from gateway.domain.audit_event import LONGEST_REVIEW, LogHold
from gateway.domain.interest import read_subject
from gateway.domain.lifecycle import StatusChange, leave_on, move_status, new_organisation
from gateway.domain.mandate import Mandate, Period
from gateway.domain.organisation import (
    CONTACT_ROLES,
    AdmissionDecision,
    Agreement,
    Application,
    Contact,
    DeclaredInterest,
    Membership,
    Organisation,
    Status,
)
from gateway.domain.peer import GATEWAY_KIND, PeerAgreement
from gateway.domain.refusals import EditConflict, NotFound, ValidationFailed, WrongState
from gateway.domain.retention import StandingRetention
from gateway.domain.vocabulary import Regime
from gateway.evidence import canonical
from gateway.kernel.changes import UNKNOWN, ChangeContext
from gateway.kernel.fields import REQUIRED, free_text, one_of, read_fields
from gateway.kernel.ports import Ports, TransactionMode

H = TypeVar("H", Membership, Mandate, DeclaredInterest, Agreement, PeerAgreement)

CONTACT = (
    one_of("role", "What they are to be reached for.", CONTACT_ROLES),
    free_text("name", "Who it is."),
    free_text("address", "Where they are reached."),
)


def end(held: tuple[H, ...], one: H, day: date) -> tuple[H, ...]:
    """Return what is held once ``one`` of it ends on a day that it holds.

    Ended on its first day it is taken back: no entry of it is left, only the events.
    """
    start = one.period.start
    kept = [other for other in held if other is not one or start < day]
    return tuple(replace(o, period=Period(start, day)) if o is one else o for o in kept)


# --- Organisations apply, the governing body decides, and they become active ---


def _read_entry(context: ChangeContext, status: Status) -> Organisation:
    """A new organisation from the values of the change, its history begun."""
    public_authority = context.values["public_authority"]
    regimes = context.values["regimes"]
    _require_regimes(regimes, public_authority=public_authority)
    made = Organisation(
        slug=context.change.organisation,
        name=context.values["name"],
        kind=context.values["kind"],
        public_authority=public_authority,
        regimes=regimes,
        country=context.values["country"],
        status=status,
    )
    return new_organisation(made, context.today, context.event)


def _require_regimes(regimes: Collection[str], *, public_authority: bool) -> None:
    if Regime.LED in regimes and not public_authority:
        raise ValidationFailed((("/regimes", "only a public authority acts under the led regime"),))


def amend(context: ChangeContext) -> Mapping[str, Any]:
    """Correct what an organisation's entry says of it; raises WrongState where it says so."""
    found, values = context.organisation, context.values
    given = {name: values[name] for name in _AMENDED if values[name] is not None}
    if given.items() <= vars(found).items():
        raise WrongState("the organisation's entry says that already")
    if GATEWAY_KIND in {found.kind, given.get("kind", found.kind)} and "kind" in given:
        raise ValidationFailed((("/kind", "a peer gateway stays one, and no other becomes one"),))
    regimes = given.get("regimes", found.regimes)
    _require_regimes(regimes, public_authority=found.public_authority)
    context.save(replace(found, **given))
    return {"organisation": found.slug, "amended": sorted(given)}


_AMENDED = ("name", "kind", "country", "regimes")


def read_contacts(value: Any) -> list[dict[str, Any]]:
    if not isinstance(value, list) or not value:
        raise ValueError
    try:
        return [read_fields(CONTACT, one) for one in value]
    except ValidationFailed as error:
        raise ValueError from error


def apply(context: ChangeContext) -> Mapping[str, Any]:
    """Record what an organisation asks for; its id is taken from now on, whatever is decided."""
    asked = Application(
        membership=context.values["membership"],
        purposes=context.values["purposes"],
        description=context.values["description"],
        received_on=context.values["received_on"],
        event=context.event,
        decision=None,
    )
    contacts = [_contact(context, one) for one in context.values["contacts"] or ()]
    if len({one.role for one in contacts}) < len(contacts):
        raise ValidationFailed((("/contacts", "one contact for each role"),))
    context.work.organisations.add(replace(_read_entry(context, Status.APPLIED), application=asked))
    _store_contacts(context, contacts)
    return _status(context, Status.APPLIED)


def decide(step: StatusChange, context: ChangeContext) -> Mapping[str, Any]:
    """Record the governing body's decision of an application."""
    organisation = context.organisation
    decided = move_status(organisation, step, context.today, context.event)
    if organisation.application is None:
        raise WrongState("the organisation has no application to decide")
    decided_on = context.values["decided_on"]
    if not organisation.application.received_on <= decided_on <= context.today:
        raise ValidationFailed(
            (("/decided_on", "lies between the day of the application and today"),)
        )
    decision = AdmissionDecision(
        decision_ref=context.values["decision_ref"],
        decided_on=decided_on,
        document_sha256=context.values["document_sha256"],
        event=context.event,
    )
    application = replace(organisation.application, decision=decision)
    context.save(replace(decided, application=application))
    return _status(context, decided.status)


def activate(context: ChangeContext) -> Mapping[str, Any]:
    """Let an organisation take part, once one of its systems has passed a conformance run; a peer
    gateway, once it is known whom to believe there and what is agreed."""
    organisation = context.organisation
    if organisation.kind == GATEWAY_KIND:
        if organisation.peer is None or organisation.peer.agreement_on(context.today) is None:
            raise WrongState("a peer gateway takes part once peer trust and peer agree are made")
        return change_status(StatusChange.ACTIVATE, context)
    if not context.work.conformance.passed(organisation.slug):
        # A wrong status is the first thing to answer: such an organisation has no run to show yet.
        move_status(organisation, StatusChange.ACTIVATE, context.today, context.event)
        raise WrongState("no system of the organisation has passed a conformance run yet")
    return change_status(StatusChange.ACTIVATE, context)


def change_status(step: StatusChange, context: ChangeContext) -> Mapping[str, Any]:
    """Suspend an organisation, or reinstate it."""
    peer = context.organisation.peer
    if step is StatusChange.REINSTATE and peer is not None and peer.diverged is not None:
        raise WrongState(
            "the log of this peer gateway has two histories: find out why, then `peer resume`"
        )
    moved = move_status(context.organisation, step, context.today, context.event)
    context.save(moved)
    return _status(context, moved.status)


def leave(context: ChangeContext) -> Mapping[str, Any]:
    """End what the organisation holds, its part and its contacts; what it did stays readable."""
    left = leave_on(context.organisation, context.today, context.event)
    context.save(left)
    context.work.organisations.end_contacts(left.slug)
    return _status(context, left.status)


def _status(context: ChangeContext, status: Status) -> Mapping[str, Any]:
    return {"organisation": context.change.organisation, "status": str(status)}


# --- The short way in: two persons admit an organisation at once ---------------------------------


def admit(context: ChangeContext) -> Mapping[str, Any]:
    """Admit at once an organisation that the governing body let in before there was a gateway."""
    if context.values["kind"] == GATEWAY_KIND:
        raise WrongState("a peer gateway applies, and takes part once its keys were compared")
    context.work.organisations.add(_read_entry(context, Status.ACTIVE))
    return _status(context, Status.ACTIVE)


# --- Whom to reach at a member: one contact for each role, the newest in that role counts ---


def _contact(context: ChangeContext, said: Mapping[str, Any]) -> Contact:
    return Contact(
        **said, organisation=context.change.organisation, registration_event=context.event
    )


def _store_contacts(context: ChangeContext, contacts: Sequence[Contact]) -> None:
    """Store contacts; what the event says of them ends with their key. None where it ended."""
    if not contacts:
        return
    key = context.work.organisations.set_contacts(context.change.organisation, contacts)
    said = [{"role": one.role, "name": one.name, "address": one.address} for one in contacts]
    context.contacts = canonical.encode(said).decode(), key


def set_contact(context: ChangeContext) -> Mapping[str, Any]:
    """Store a contact, in place of the one in its role."""
    _ = context.organisation  # or NotFound
    contact = _contact(context, context.values)
    _store_contacts(context, [contact])
    return {"organisation": contact.organisation, "role": contact.role}


def consult_contacts(context: ChangeContext) -> Mapping[str, Any]:
    """Tell of whom the contacts are read, once that is recorded: no result keeps them."""
    return {"organisation": context.organisation.slug}


def read_consulted(ports: Ports, result: Mapping[str, Any]) -> Mapping[str, Any]:
    """The contacts that were consulted. Raises EditConflict for a repetition once they have
    changed: who reads the new ones is recorded anew."""
    with ports.begin(TransactionMode.READ) as work:
        opened = work.log.logged(UUID(result["event"]))
        contacts = work.organisations.contacts(result["organisation"])
        entered = [work.log.logged(one.registration_event) for one in contacts]
        if opened is None or any(one is None or one.index > opened.index for one in entered):
            raise EditConflict("the contacts changed since they were consulted: consult them again")
    said = [{"role": one.role, "name": one.name, "address": one.address} for one in contacts]
    return {"contacts": said}


# --- Memberships are given and ended ---


def grant_membership(context: ChangeContext) -> Mapping[str, Any]:
    """Give an organisation its class of membership, for a time that no other one covers."""
    organisation = context.organisation
    membership = context.values["membership"]
    granted = Membership(membership, context.period(), context.values["decision_ref"])
    if any(granted.period.overlaps(other.period) for other in organisation.memberships):
        raise WrongState("a membership is recorded in that period already: end it first")
    memberships = sorted((*organisation.memberships, granted), key=lambda s: s.period.start)
    context.save(replace(organisation, memberships=tuple(memberships)))
    return {"organisation": organisation.slug, "membership": str(granted.membership)}


def end_membership(context: ChangeContext) -> Mapping[str, Any]:
    """End the membership that an organisation holds on a day."""
    organisation = context.organisation
    day = context.values["until"]
    ended = next((one for one in organisation.memberships if one.period.holds(day)), None)
    if ended is None:
        raise WrongState("there is no membership on that day")
    context.save(replace(organisation, memberships=end(organisation.memberships, ended, day)))
    return {"organisation": organisation.slug, "until": day.isoformat()}


# --- What members declare to be bound to, and when that ends (R9) ---------------------------------


def declare_interest(context: ChangeContext) -> Mapping[str, Any]:
    """Record an interest, once in each period."""
    organisation = context.organisation
    scope = context.values["scope"]
    made = DeclaredInterest(
        id=context.event,
        scope=scope,
        subject=context.read("subject", partial(read_subject, scope)),
        kind=context.values["kind"],
        period=context.period(),
    )
    if any(
        (made.scope, made.subject, made.kind) == (other.scope, other.subject, other.kind)
        and made.period.overlaps(other.period)
        for other in organisation.interests
    ):
        raise WrongState("that interest is declared in that period already")
    context.save(replace(organisation, interests=(*organisation.interests, made)))
    return {"organisation": organisation.slug, "interest": str(made.id)}


# --- What members agreed to, with its legal reference, for a time ---------------------------------


def record_agreement(context: ChangeContext) -> Mapping[str, Any]:
    """Record an agreement."""
    organisation = context.organisation
    made = Agreement(
        id=context.event,
        kind=context.values["kind"],
        description=context.values["description"],
        reference=context.values["reference"],
        period=context.period(),
    )
    context.save(replace(organisation, agreements=(*organisation.agreements, made)))
    return {"organisation": organisation.slug, "agreement": str(made.id)}


YEARS = tuple(map(str, range(1, 51)))
REVIEW_YEARS = ("1", "2", "3")


def record_retention(context: ChangeContext) -> Mapping[str, Any]:
    """Record for how long an organisation under led keeps what it accepts for a purpose."""
    organisation = context.organisation
    if "led" not in organisation.regimes:
        raise WrongState("only an organisation under led keeps cases by a recorded term")
    made = StandingRetention(
        id=context.event,
        purpose=context.values["purpose"],
        legal_act=context.values["legal_act"],
        years=context.values["years"],
        review_years=context.values["review_years"],
        period=context.period(),
    )
    if any(
        made.purpose == one.purpose and made.period.overlaps(one.period)
        for one in organisation.retentions
    ):
        raise WrongState("a retention for that purpose is recorded in that period already")
    context.save(replace(organisation, retentions=(*organisation.retentions, made)))
    return {"organisation": organisation.slug, "retention": str(made.id)}


def end_named(noun: str, held_as: str, context: ChangeContext) -> Mapping[str, Any]:
    """End one of the interests, agreements or retentions of an organisation, which its id names."""
    organisation = context.organisation
    named, day = context.values[noun], context.values["until"]
    held = getattr(organisation, held_as)
    ended = next((one for one in held if one.id == named), None)
    if ended is None:
        raise NotFound(f"the organisation has no such {noun}")
    if not ended.period.holds(day):
        raise WrongState(f"the {noun} is not valid on that day")
    changed: dict[str, Any] = {held_as: end(held, ended, day)}
    context.save(replace(organisation, **changed))
    return {"organisation": organisation.slug, noun: str(named)}


# --- Audit access is given and ended ---


def grant_audit(context: ChangeContext) -> Mapping[str, Any]:
    """Give an organisation the right to read events for a time."""
    organisation, coverage, period = (
        context.organisation,
        context.values["coverage"],
        context.period(),
    )
    member = _member(context, organisation, coverage)
    try:
        grant = AuditAccess(
            id=context.event,
            start=period.start,
            end=context.values["until"],
            decision_ref=context.values["decision_ref"],
            member=member if coverage is CoverageKind.MEMBER else None,
            case=_case(context, member) if coverage is CoverageKind.CASE and member else None,
            person=context.values["person"],
        )
    except ValueError as error:
        raise ValidationFailed((("/until", str(error)),)) from None
    context.save(replace(organisation, audit_access=(*organisation.audit_access, grant)))
    return {
        "organisation": organisation.slug,
        "audit_access": str(grant.id),
        "coverage": str(coverage),
    }


def _member(context: ChangeContext, auditor: Organisation, coverage: CoverageKind) -> str | None:
    """The member, or the case's originator, that the access is about; nobody audits itself."""
    if coverage is CoverageKind.ALL:
        _refuse_given(context, "member", "case")
        return None
    member: str = _given(context, "member")
    if member == auditor.slug:
        raise ValidationFailed((("/member", "is the auditor itself"),))
    if context.work.organisations.get(member) is None:
        raise ValidationFailed((("/member", "no organisation has that id"),))
    if coverage is CoverageKind.MEMBER:
        _refuse_given(context, "case")
    return member


def _case(context: ChangeContext, originator: str) -> CaseId:
    case = _given(context, "case")
    if context.work.cases.get(originator, case) is None:
        raise ValidationFailed((("/case", "the member has no case of that id"),))
    return CaseId(originator, case)


def _given(context: ChangeContext, name: str) -> Any:
    """A value that may be left out for another reach, but not for this one."""
    value = context.values[name]
    if value is None:
        raise ValidationFailed(((f"/{name}", REQUIRED),))
    return value


def _refuse_given(context: ChangeContext, *names: str) -> None:
    given = [name for name in names if context.values[name] is not None]
    if given:
        raise ValidationFailed([(f"/{name}", "does not belong to this reach") for name in given])


def end_audit(context: ChangeContext) -> Mapping[str, Any]:
    """End an audit access at once; one that is over, or is another's, is not there."""
    organisation, grant = context.organisation, context.values["audit_access"]
    ended = tuple(
        replace(one, ended_at=context.now) if one.id == grant and one.ended_at is None else one
        for one in organisation.audit_access
    )
    if ended == organisation.audit_access:
        raise WrongState("the organisation has no such audit access, or it was ended before")
    context.save(replace(organisation, audit_access=ended))
    return {"organisation": organisation.slug, "audit_access": str(grant)}


# --- Where a member's notifications go -----------------------------------------------------------


def set_push(context: ChangeContext) -> Mapping[str, Any]:
    """Send notifications to an address; the cursor stays where it is."""
    address = context.values["address"]
    context.save(replace(context.organisation, push_address=address))
    return {"organisation": context.organisation.slug, "push_address": address}


def end_push(context: ChangeContext) -> Mapping[str, Any]:
    """Send notifications nowhere; WrongState where none are sent."""
    if context.organisation.push_address is None:
        raise WrongState("no notifications are sent to that organisation")
    context.save(replace(context.organisation, push_address=None))
    return {"organisation": context.organisation.slug, "push_address": None}


# --- Log holds: proceedings or inquiries for which the log keeps details beyond their term ---


def set_hold(context: ChangeContext) -> Mapping[str, Any]:
    """Suspend the terms of the log: for everybody, for a member, or for one of its cases."""
    member, case, review = (context.values[name] for name in ("member", "case", "review_on"))
    if member is None and case is not None:
        raise ValidationFailed((("/member", "name the case's originator"),))
    if member is not None:
        if context.work.organisations.get(member) is None:
            raise NotFound(UNKNOWN)
        context.affected = (member,)
    if case is not None and context.work.cases.get(member, case) is None:
        raise ValidationFailed((("/case", "the member has no case of that id"),))
    if not timedelta(0) < review - context.today <= LONGEST_REVIEW:
        raise ValidationFailed((("/review_on", "is a day after today, within a year"),))
    context.work.log_terms.add_hold(
        LogHold(context.event, member, case, context.values["reference"], review)
    )
    return {"log_hold": str(context.event)}


def end_hold(context: ChangeContext) -> Mapping[str, Any]:
    """End a log hold: what it kept ends with its term, at the earliest by the next day."""
    found = context.work.log_terms.hold(context.values["log_hold"])
    if found is None:
        raise NotFound("there is no log hold with that id")
    if found.ended_at is not None:
        raise WrongState("the log hold was ended before")
    if found.organisation is not None:
        context.affected = (found.organisation,)
    context.work.log_terms.end_hold(found.id, context.now)
    return {"log_hold": str(found.id)}
